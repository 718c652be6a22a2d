"""What clients of MLflow AI Gateway 2.8 send and get, as pydantic checks and documents it.

Numbers may be written as text and, as MLflow has it with the pydantic 1 it needs, texts as numbers, and
whole numbers as fractions. Names nobody knows travel on to the provider.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any, Literal, Required

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from gateway_core.types import RouteType

LOOSE = ConfigDict(extra="allow", coerce_numbers_to_str=True)
CLOSED = ConfigDict(extra="forbid")


def _whole(value: Any) -> Any:
    """The whole part of a number."""
    return int(value) if isinstance(value, float) and isfinite(value) else value


WHOLE = BeforeValidator(_whole)
"""Comes last, so that the document names the bounds that stand before it."""


@with_config(LOOSE)
class ChatMessage(TypedDict, total=False):
    """One turn of a conversation: text only."""

    role: Required[str]
    content: Required[str]


class Answering(TypedDict, total=False):
    """What chat and completions have in common."""

    temperature: Annotated[float, Field(ge=0, le=1, json_schema_extra={"default": 0.0})]
    candidate_count: Annotated[int, Field(ge=1, le=5, json_schema_extra={"default": 1}), WHOLE]
    stop: Annotated[list[str], Field(min_length=1)] | None
    max_tokens: Annotated[int, Field(ge=1), WHOLE] | None


@with_config(LOOSE)
class ChatBody(Answering, total=False):
    """A conversation to be continued."""

    messages: Required[Annotated[list[ChatMessage], Field(min_length=1)]]


@with_config(LOOSE)
class CompletionBody(Answering, total=False):
    """A text to be continued."""

    prompt: Required[str]


@with_config(LOOSE)
class EmbeddingBody(TypedDict, total=False):
    """Texts to be turned into vectors."""

    text: Required[str | list[str]]


@with_config(LOOSE)
class LimitsBody(TypedDict):
    """Limits for a route, which only Databricks keeps."""

    route: str
    limits: list[dict[str, Any]]


@with_config(CLOSED)
class Metadata(TypedDict):
    """Who answered, and how many tokens it took; ``null`` where the provider does not say."""

    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    model: str
    route_type: RouteType


@with_config(CLOSED)
class SaidMessage(TypedDict):
    """What the model said."""

    role: str
    content: str


@with_config(CLOSED)
class ChatEnd(TypedDict):
    """Why an answer ended."""

    finish_reason: Literal["stop", "length"] | None


@with_config(CLOSED)
class ChatCandidate(TypedDict):
    """One of the answers."""

    message: SaidMessage
    metadata: ChatEnd


@with_config(CLOSED)
class ChatAnswer(TypedDict):
    """The answers to a conversation."""

    candidates: list[ChatCandidate]
    metadata: Metadata


@with_config(CLOSED)
class CompletionCandidate(TypedDict):
    """One of the continuations."""

    text: str
    metadata: dict[str, str]


@with_config(CLOSED)
class CompletionAnswer(TypedDict):
    """The continuations of a text."""

    candidates: list[CompletionCandidate]
    metadata: Metadata


@with_config(CLOSED)
class EmbeddingAnswer(TypedDict):
    """One vector for each text."""

    embeddings: list[list[float]]
    metadata: Metadata


@with_config(CLOSED)
class ModelInfo(TypedDict):
    """Who stands behind a route."""

    name: str | None
    provider: str


@with_config(CLOSED)
class RouteInfo(TypedDict):
    """A route. ``route_url`` is relative to this server."""

    name: str
    route_type: RouteType
    model: ModelInfo
    route_url: str


@with_config(CLOSED)
class RoutesPage(TypedDict):
    """Routes in the order of the file."""

    routes: list[RouteInfo]
    next_page_token: str | None


CHAT: TypeAdapter[Any] = TypeAdapter(ChatBody)
COMPLETION: TypeAdapter[Any] = TypeAdapter(CompletionBody)
EMBEDDING: TypeAdapter[Any] = TypeAdapter(EmbeddingBody)
LIMITS: TypeAdapter[Any] = TypeAdapter(LimitsBody)
