"""What OpenAI's clients send, as pydantic checks it. Fields that are not here travel untouched."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, WithJsonSchema, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

LOOSE = ConfigDict(extra="allow", strict=True)
"""JSON knows its kinds, so ``"0.3"`` is no number; names nobody knows are the provider's affair."""
STREAMING = ConfigDict(
    **LOOSE,
    json_schema_extra={
        "dependentSchemas": {
            "stream_options": {
                "anyOf": [
                    {"properties": {"stream_options": {"type": "null"}}},
                    {"properties": {"stream": {"const": True}}, "required": ["stream"]},
                ]
            }
        }
    },
)
"""The same for bodies that may ask for a stream: ``stream_options`` are for streams only."""


def _not_offered(value: Any) -> Any:
    return value if value is False else _no_number(value)


NotOffered = Annotated[Any, AfterValidator(_not_offered), WithJsonSchema({"enum": [False, None]})]


def _no_number(value: Any) -> Any:
    if value is None:
        return value
    raise PydanticCustomError("not_offered", "this gateway does not offer it: leave it out")


NoNumber = Annotated[Any, AfterValidator(_no_number), WithJsonSchema({"type": "null"})]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Texts = Annotated[
    list[Any],
    Field(min_length=1),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1}),
]
"""Texts. What else they may not be, tokens for example, is refused with a sentence that says so."""
OneText = Annotated[
    list[Any],
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1}),
]


@with_config(LOOSE)
class Part(TypedDict, total=False):
    """A piece of a message: text, image_url, input_audio, file …"""

    type: Required[str]


@with_config(LOOSE)
class ChatMessage(TypedDict, total=False):
    """One turn of a conversation."""

    role: Required[str]
    content: str | list[Part] | None
    name: str | None


@with_config(LOOSE)
class StreamOptions(TypedDict, total=False):
    """What a stream brings beside the answer."""

    include_usage: bool | None


class Sampling(TypedDict, total=False):
    """The parameters that chat and completions share."""

    max_tokens: Annotated[int, Field(ge=1)] | None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None
    temperature: Annotated[float, Field(ge=0, le=2)] | None
    top_p: Annotated[float, Field(ge=0, le=1)] | None
    top_k: Annotated[int, Field(ge=-1)] | None
    min_p: Annotated[float, Field(ge=0, le=1)] | None
    stop: str | list[str] | None
    n: Annotated[int, Field(ge=1, le=128)] | None
    seed: int | None
    frequency_penalty: Penalty | None
    presence_penalty: Penalty | None
    repeat_penalty: Annotated[float, Field(ge=0)] | None
    logprobs: NotOffered
    top_logprobs: NoNumber
    logit_bias: dict[str, float] | None
    user: str | None
    stream: bool | None
    stream_options: StreamOptions | None


class Tools(TypedDict, total=False):
    """The parameters that only chat has."""

    response_format: dict[str, Any] | None
    tools: list[dict[str, Any]] | None
    tool_choice: str | dict[str, Any] | None
    parallel_tool_calls: bool | None
    reasoning_effort: str | None
    audio: NotOffered


@with_config(STREAMING)
class ChatBody(Sampling, Tools, total=False):
    """The body of ``/v1/chat/completions``; ``model`` names a route."""

    model: Required[str]
    messages: Required[Annotated[list[ChatMessage], Field(min_length=1)]]


@with_config(STREAMING)
class CompletionBody(Sampling, total=False):
    """The body of ``/v1/completions``; ``model`` names a route. One prompt, also as a list of one."""

    model: Required[str]
    prompt: Required[str | OneText]


@with_config(LOOSE)
class EmbeddingBody(TypedDict, total=False):
    """The body of ``/v1/embeddings``; ``model`` names a route. Text, not tokens."""

    model: Required[str]
    input: Required[str | Texts]
    encoding_format: Literal["float", "base64"] | None
    dimensions: Annotated[int, Field(ge=1)] | None
    user: str | None


CHAT: TypeAdapter[Any] = TypeAdapter(ChatBody)
COMPLETION: TypeAdapter[Any] = TypeAdapter(CompletionBody)
EMBEDDING: TypeAdapter[Any] = TypeAdapter(EmbeddingBody)
