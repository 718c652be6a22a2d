"""What Anthropic's clients send, as pydantic checks it. Fields that are not here travel untouched."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from gateway_core.server.dialects.anthropic.blocks import TURN

LOOSE = ConfigDict(extra="allow", strict=True)


@with_config(LOOSE)
class Block(TypedDict, total=False):
    """A piece of a message: text, image, document, tool_use, tool_result, thinking …"""

    type: Required[str]


@with_config(LOOSE)
class TextBlock(TypedDict, total=False):
    """A piece of the system prompt."""

    type: Required[Literal["text"]]
    text: Required[str]


@with_config(ConfigDict(**LOOSE, json_schema_extra=TURN))
class Turn(TypedDict, total=False):
    """One turn of a conversation."""

    role: Required[Literal["user", "assistant", "system"]]
    content: Required[str | list[Block]]


@with_config(LOOSE)
class Tool(TypedDict, total=False):
    """A function, or a tool of Anthropic's own by its ``type``."""

    name: Required[str]
    type: str | None
    description: str | None
    input_schema: dict[str, Any] | None
    strict: bool | None


@with_config(LOOSE)
class ToolChoice(TypedDict, total=False):
    """Which tool is to be called."""

    type: Required[Literal["auto", "any", "none", "tool"]]
    name: str | None
    disable_parallel_tool_use: bool | None


@with_config(LOOSE)
class Thinking(TypedDict, total=False):
    """How much the model thinks before it answers."""

    type: Required[Literal["enabled", "disabled", "adaptive"]]
    budget_tokens: Annotated[int, Field(ge=0)] | None


@with_config(LOOSE)
class OutputFormat(TypedDict, total=False):
    """A JSON schema for the answer."""

    type: Required[str]
    schema: dict[str, Any] | None


@with_config(LOOSE)
class OutputConfig(TypedDict, total=False):
    """The form of the answer, and the effort put into it."""

    format: OutputFormat | None
    effort: str | None


@with_config(LOOSE)
class Metadata(TypedDict, total=False):
    """Who asks."""

    user_id: str | None


class Common(TypedDict, total=False):
    """What a message and the count of its tokens have in common."""

    model: Required[str]
    messages: Required[Annotated[list[Turn], Field(min_length=1)]]
    system: str | list[TextBlock] | None
    tools: list[Tool] | None
    tool_choice: ToolChoice | None
    thinking: Thinking | None
    output_config: OutputConfig | None


@with_config(LOOSE)
class MessagesBody(Common, total=False):
    """The body of ``/v1/messages``; ``model`` names a route."""

    max_tokens: Required[Annotated[int, Field(ge=1)]]
    stop_sequences: list[str] | None
    temperature: Annotated[float, Field(ge=0, le=1)] | None
    top_p: Annotated[float, Field(ge=0, le=1)] | None
    top_k: Annotated[int, Field(ge=0)] | None
    metadata: Metadata | None
    service_tier: str | None
    stream: bool | None


@with_config(LOOSE)
class CountBody(Common, total=False):
    """The body of ``/v1/messages/count_tokens``."""


MESSAGES: TypeAdapter[Any] = TypeAdapter(MessagesBody)
COUNT: TypeAdapter[Any] = TypeAdapter(CountBody)
