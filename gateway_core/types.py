"""Pure values that travel between the dialects, the gateway and the providers.

Names follow the OpenTelemetry GenAI conventions where they have one (``input_tokens``,
``finish_reason``) and OpenAI's API for sampling parameters (``max_tokens``, ``top_p``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from gateway_core.made_often import made_often

RouteType = Literal["llm/v1/chat", "llm/v1/completions", "llm/v1/embeddings"]
ROUTE_TYPES: tuple[RouteType, ...] = get_args(RouteType)

FinishReason = Literal["stop", "length", "content_filter", "tool_call", "error"]
FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)

UsageSource = Literal["provider", "estimated"]

Params = Mapping[str, Any]
"""Sampling parameters by OpenAI name; a name that is not there was not set. Never holds ``None``."""

NO_PARAMS: Params = {}


@made_often
@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. ``content`` is text, or the OpenAI list of content parts."""

    role: str
    content: str | tuple[Mapping[str, Any], ...]
    name: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields passed through untouched, for example ``tool_calls`` or ``tool_call_id``."""

    def to_dict(self) -> dict[str, Any]:
        """The OpenAI shape of this message, without unset fields."""
        content = self.content if isinstance(self.content, str) else list(self.content)
        named = {"name": self.name} if self.name else {}
        return {"role": self.role, "content": content, **named, **self.extra}


@made_often
@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to be continued by a chat route."""

    messages: tuple[Message, ...]
    params: Params = field(default_factory=dict)
    stream: bool = True


@made_often
@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A text to be continued by a completions route."""

    prompt: str
    params: Params = field(default_factory=dict)
    stream: bool = True


@made_often
@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to be turned into vectors, one vector each, in order."""

    inputs: tuple[str, ...]
    params: Params = field(default_factory=dict)

    stream: Literal[False] = False
    """Embeddings never stream; the field is there so that all requests can be asked."""


Request = ChatRequest | CompletionRequest | EmbeddingRequest

REQUEST_ROUTE_TYPES: Mapping[type, RouteType] = {
    ChatRequest: "llm/v1/chat",
    CompletionRequest: "llm/v1/completions",
    EmbeddingRequest: "llm/v1/embeddings",
}


@made_often
@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one answer. ``None`` is "not reported", which is not zero.

    Buckets are inclusive: ``input_tokens`` includes the cached ones and ``output_tokens`` the
    reasoning ones. Providers that count otherwise are normalised in their own file.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None
    source: UsageSource = "provider"
    billed_input_tokens: int | None = None
    """What is charged for, where the provider counts that apart from what the model read."""
    billed_output_tokens: int | None = None

    @property
    def total_tokens(self) -> int | None:
        """Input plus output; unknown when either is."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def charged(self) -> Usage:
        """The tokens to be paid for. Counts of a cache are left out where those are counted apart."""
        read, written = self.billed_input_tokens, self.billed_output_tokens
        if read is None and written is None:
            return self
        return Usage(
            self.input_tokens if read is None else read,
            self.output_tokens if written is None else written,
            source=self.source,
        )

    def merged(self, later: Usage) -> Usage:
        """This usage with every number that ``later`` knows taken from it (never summed)."""
        return Usage(
            self.input_tokens if later.input_tokens is None else later.input_tokens,
            self.output_tokens if later.output_tokens is None else later.output_tokens,
            self.cache_read_tokens if later.cache_read_tokens is None else later.cache_read_tokens,
            self.cache_creation_tokens
            if later.cache_creation_tokens is None
            else later.cache_creation_tokens,
            self.reasoning_tokens if later.reasoning_tokens is None else later.reasoning_tokens,
            later.source,
            self.billed_input_tokens if later.billed_input_tokens is None else later.billed_input_tokens,
            self.billed_output_tokens if later.billed_output_tokens is None else later.billed_output_tokens,
        )

    def with_cache(self) -> Usage:
        """This usage with the tokens of the cache added to an input that was counted without them."""
        if self.input_tokens is None:
            return self
        cached = (self.cache_read_tokens or 0) + (self.cache_creation_tokens or 0)
        return replace(self, input_tokens=self.input_tokens + cached)
