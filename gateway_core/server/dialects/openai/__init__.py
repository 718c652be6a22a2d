"""OpenAI's API: ``/v1/chat/completions``, ``/v1/completions``, ``/v1/embeddings``, ``/v1/models``.

``model`` names a route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from gateway_core.calls import CallResult
from gateway_core.errors import GatewayError, InternalError
from gateway_core.routes import Route, RouteTable
from gateway_core.server.dialects.base import Asked, Reply, Stamp, StreamWriter, encoded, found
from gateway_core.server.dialects.bodies import read
from gateway_core.server.dialects.openai import answers, asking, bodies, failures
from gateway_core.server.dialects.openai.plain import is_plain_chat
from gateway_core.server.dialects.openai.stream import ChatWriter, CompletionWriter
from gateway_core.types import RouteType

__all__ = ["CHAT", "COMPLETIONS", "EMBEDDINGS", "OpenAIDialect", "model", "models"]


@dataclass(frozen=True, slots=True)
class OpenAIDialect:
    """One of the three endpoints. ``name`` in `parse` overrides the body's ``model``."""

    route_type: RouteType
    body: TypeAdapter[Any]
    asked_of: Callable[[Route, Mapping[str, Any]], Asked]
    writer: Callable[[Asked, Stamp], StreamWriter] | None = None
    plain: Callable[[Any], bool] | None = None
    """Knows bodies that need no look of ``body``."""
    name: str = "openai"

    def parse(self, table: RouteTable, body: bytes, *, name: str | None = None) -> Asked:
        """What is asked of which route. Raises `Refusal`."""
        given = read(self.body, body, plain=self.plain)
        return self.asked_of(found(table, name or given["model"], self.route_type), given)

    def answer(self, asked: Asked, result: CallResult, stamp: Stamp) -> bytes:
        """The whole answer."""
        match self.route_type:
            case "llm/v1/chat":
                return answers.chat(asked, result, stamp)
            case "llm/v1/completions":
                return answers.completion(asked, result, stamp)
            case "llm/v1/embeddings":
                return answers.embeddings(asked, result)

    def stream(self, asked: Asked, stamp: Stamp) -> StreamWriter:
        """A writer of chunks. Vectors never stream, so nobody asks for one of those."""
        if self.writer is None:
            raise InternalError(f"{self.route_type} does not stream")
        return self.writer(asked, stamp)

    def refusal(self, error: GatewayError, about: Route | None = None) -> Reply:
        """The failure in OpenAI's shape."""
        return failures.refusal(error, about)


CHAT = OpenAIDialect("llm/v1/chat", bodies.CHAT, asking.chat, ChatWriter, is_plain_chat)
COMPLETIONS = OpenAIDialect("llm/v1/completions", bodies.COMPLETION, asking.completion, CompletionWriter)
EMBEDDINGS = OpenAIDialect("llm/v1/embeddings", bodies.EMBEDDING, asking.embedding)


def models(table: RouteTable, *, created: int = 0) -> Reply:
    """The routes as OpenAI lists models; ``created`` is when they were loaded."""
    return Reply(200, encoded({"object": "list", "data": [_model(route, created) for route in table]}))


def model(table: RouteTable, name: str, *, created: int = 0) -> Reply:
    """One route as OpenAI tells of a model. Raises `Refusal`."""
    return Reply(200, encoded(_model(found(table, name), created)))


def _model(route: Route, created: int) -> dict[str, Any]:
    return {
        "id": route.name,
        "object": "model",
        "created": created,
        "owned_by": route.config.model.provider,
        "route_type": route.route_type,
    }
