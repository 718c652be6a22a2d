"""Today's MLflow: ``/endpoints/{name}/invocations`` and ``/api/2.0/endpoints/``.

Bodies are OpenAI's, with MLflow's own differences: the route stands in the path, temperatures are scaled
for some providers, every answer says who gave it, and every stream ends with the token counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Required

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict, override

from gateway_core.calls import CallResult
from gateway_core.config.model import Limit
from gateway_core.errors import GatewayError, InternalError
from gateway_core.routes import Route, RouteTable
from gateway_core.server.dialects import mlflow_faults
from gateway_core.server.dialects.base import (
    Asked,
    Refusal,
    Reply,
    Stamp,
    StreamWriter,
    encoded,
    model_of,
)
from gateway_core.server.dialects.bodies import read
from gateway_core.server.dialects.listing import page
from gateway_core.server.dialects.mlflow_facts import facts_of, listed, refuse_model
from gateway_core.server.dialects.openai.answers import counts, finish_reason, message, vectors
from gateway_core.server.dialects.openai.asking import asked_of
from gateway_core.server.dialects.openai.bodies import LOOSE, STREAMING, ChatMessage, Sampling, Texts, Tools
from gateway_core.server.dialects.openai.stream import ChatWriter, CompletionWriter
from gateway_core.types import RouteType

PERIODS: Mapping[float, str] = {
    1: "second",
    60: "minute",
    3600: "hour",
    86_400: "day",
    2_592_000: "month",
    31_536_000: "year",
}
NOTHING_COUNTED = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
NO_VECTORS_COUNTED = {"prompt_tokens": None, "total_tokens": None}
LIMITS_API = "The {} API is not available yet."


@with_config(STREAMING)
class ChatBody(Sampling, Tools, total=False):
    """A conversation to be continued."""

    messages: Required[Annotated[list[ChatMessage], Field(min_length=1)]]


@with_config(STREAMING)
class CompletionBody(Sampling, total=False):
    """A text to be continued."""

    prompt: Required[str]


@with_config(LOOSE)
class TextsBody(TypedDict, total=False):
    """Texts to be turned into vectors."""

    input: Required[str | Texts]
    encoding_format: str | None
    dimensions: Annotated[int, Field(ge=1)] | None
    user: str | None


BODIES: Mapping[RouteType, TypeAdapter[Any]] = {
    "llm/v1/chat": TypeAdapter(ChatBody),
    "llm/v1/completions": TypeAdapter(CompletionBody),
    "llm/v1/embeddings": TypeAdapter(TextsBody),
}


class MlflowToday:
    """Every route answers by its own type."""

    name = "mlflow"

    def parse(self, table: RouteTable, body: bytes, *, name: str | None = None) -> Asked:
        """What is asked of the route ``name``. Raises `Refusal`."""
        route = listed(table, name, what="endpoint")
        given = read(BODIES[route.route_type], body)
        if given.get("model") is not None:
            raise refuse_model()
        factor, temperature = facts_of(route).temperature_factor_today, given.get("temperature")
        if temperature is not None and factor != 1:
            given["temperature"] = factor * temperature
        return replace(asked_of(route, given), include_usage=True)

    def answer(self, asked: Asked, result: CallResult, stamp: Stamp) -> bytes:
        """The whole answer, with every key that MLflow has."""
        if asked.route.route_type == "llm/v1/embeddings":
            return encoded(_vectors(asked, result))
        usage = counts(result.response.usage) or NOTHING_COUNTED
        if asked.route.route_type == "llm/v1/completions":
            return encoded({**_head("text_completion", "cmpl-", asked, result, stamp), "usage": usage})
        head = _head("chat.completion", "chatcmpl-", asked, result, stamp)
        served = result.served_by
        provider = served.provider if served else provider_of(asked.route)
        return encoded({**head, "usage": usage, "provider": provider})

    def stream(self, asked: Asked, stamp: Stamp) -> StreamWriter:
        """A writer of chunks."""
        match asked.route.route_type:
            case "llm/v1/chat":
                return TodayChatWriter(asked, stamp)
            case "llm/v1/completions":
                return TodayCompletionWriter(asked, stamp)
            case "llm/v1/embeddings":
                raise InternalError("vectors do not stream")

    def refusal(self, error: GatewayError, about: Route | None = None) -> Reply:
        """The failure as ``{"detail": …}``."""
        return mlflow_faults.refusal(error, about)


INVOCATIONS = MlflowToday()


class TodayChatWriter(ChatWriter):
    """MLflow writes every member of a delta, also those that are null."""

    logprobs = b""
    _NULLS: Mapping[str, tuple[bytes, bytes]] = {
        "content": (b'"delta":{"role":null,"content":', b',"tool_calls":null}'),
        "tool_calls": (b'"delta":{"role":null,"content":null,"tool_calls":', b"}"),
    }
    _REST = (b'"delta":{"role":null,"content":null,"tool_calls":null', b"}")

    @override
    def beside(self) -> dict[str, Any]:
        return {"provider": provider_of(self._asked.route)}

    @override
    def opening(self, index: int) -> bytes:
        return self.chunk(index, b'"delta":{"role":"assistant","content":"","tool_calls":null}')

    @override
    def delta(self, name: str, value: bytes) -> bytes:
        if name in self._NULLS:
            before, after = self._NULLS[name]
            return before + value + after
        before, after = self._REST
        return before + b',"' + name.encode() + b'":' + value + after

    @override
    def nothing(self) -> bytes:
        return b"".join(self._REST)


class TodayCompletionWriter(CompletionWriter):
    """The chunks have a name of their own."""

    kind = "text_completion_chunk"
    logprobs = b""


def provider_of(route: Route) -> str | None:
    """Who answers; a traffic split does not know that beforehand."""
    return None if route.shares else route.config.model.provider


def _head(kind: str, prefix: str, asked: Asked, result: CallResult, stamp: Stamp) -> dict[str, Any]:
    response, chat = result.response, asked.route.route_type == "llm/v1/chat"
    choices = [
        {
            "index": one.index,
            **({"message": {"tool_calls": None, **message(one, stamp)}} if chat else {"text": one.text}),
            "finish_reason": finish_reason(one.finish_reason, refused=chat and bool(one.refusal)),
        }
        for one in response.candidates
    ]
    return {
        "id": response.response_id or prefix + stamp.id,
        "object": kind,
        "created": stamp.created,
        "model": model_of(asked, result),
        "choices": choices,
    }


def _vectors(asked: Asked, result: CallResult) -> dict[str, Any]:
    return {
        "object": "list",
        "data": vectors(asked, result.response.embeddings),
        "model": model_of(asked, result),
        "usage": counts(result.response.usage, of_vectors=True) or NO_VECTORS_COUNTED,
    }


def endpoints(table: RouteTable, page_token: str | None = None) -> Reply:
    """``GET /api/2.0/endpoints/``. Raises `Refusal` for a token that is none."""
    found, token = page(table, page_token)
    said = {"endpoints": [described(route) for route in found], "next_page_token": token}
    return Reply(200, encoded(said))


def endpoint(table: RouteTable, name: str) -> Reply:
    """``GET /api/2.0/endpoints/{name}``, also as ``/api/3.0/gateway/endpoint/{name}``. Raises `Refusal`."""
    return Reply(200, encoded(described(listed(table, name, what="endpoint"))))


def traffic_route(table: RouteTable, name: str) -> Reply:
    """``GET /api/3.0/gateway/route/{name}``: a traffic split. Raises `Refusal` for anything else."""
    route = listed(table, name, what="route")
    if not route.shares:
        raise Refusal(f"The route '{name}' splits no traffic: it is an endpoint.", status=404)
    said = {"name": route.name, "task_type": route.route_type, **route.config.links}
    return Reply(200, encoded({**said, "routing_strategy": "TRAFFIC_SPLIT"}))


def get_limits() -> Reply:
    """``GET /api/2.0/endpoints/limits/{name}``: as in MLflow, not there."""
    return Reply(501, encoded({"detail": LIMITS_API.format("get_limits")}))


def described(route: Route) -> dict[str, Any]:
    """A route as today's MLflow lists it. The address is the one that speaks today's language."""
    return {
        "name": route.name,
        "endpoint_type": route.route_type,
        "model": {"name": route.model_name, "provider": route.config.model.provider},
        "endpoint_url": f"/endpoints/{route.name}/invocations",
        "limit": _limit(route.config.limit),
    }


def _limit(limit: Limit | None) -> dict[str, Any] | None:
    if limit is None or limit.calls is None or limit.period_s is None:
        return None
    period = PERIODS.get(limit.period_s) or f"{limit.period_s:g} seconds"
    return {"calls": limit.calls, "key": None, "renewal_period": period}
