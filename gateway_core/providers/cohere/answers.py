"""Answers of Cohere's version 2 as events: whole ones, pieces of streams, vectors and token counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway_core.events import (
    EmbeddingVector,
    Event,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from gateway_core.providers.vectors import vector_of
from gateway_core.types import FinishReason, Usage

FINISH_REASONS: Mapping[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_call",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
    "TIMEOUT": "error",
    "USER_CANCEL": "error",
}
"""Cohere's word to ours; a word that is not here is some way of having stopped."""


DONE = "[DONE]"
LAST = re.compile(r'"(?:event_)?type"\s*:\s*"(?:message|stream)-end"')
"""What only the last message of a stream holds: inside a text its quotes would be escaped."""


def is_end(data: str) -> bool:
    """True for the last message of a stream."""
    return data.strip() == DONE or LAST.search(data) is not None


def finished(raw: str | None, index: int = 0) -> Finished:
    """The end of candidate ``index``. Version 1 does not always say why: then it simply stopped."""
    return Finished(FINISH_REASONS.get(raw or "COMPLETE", "stop"), raw, index)


def answer_of(value: Mapping[str, Any]) -> Iterator[Event]:
    """The events of a whole chat answer."""
    message = value["message"]
    yield Started(value.get("id"))
    yield from _content(message.get("content"))
    yield from _plan(message)
    for position, call in enumerate(message.get("tool_calls") or ()):
        yield _call(call, position)
    yield from usage_events(value.get("usage"))
    yield finished(value.get("finish_reason"))


def message_piece(value: Mapping[str, Any]) -> Iterator[Event]:
    """The events of one message of a chat stream. Citations and what debugs a prompt are passed over."""
    delta = value.get("delta") or {}
    message = delta.get("message") or {}
    match value["type"]:
        case "message-start":
            yield Started(value.get("id"))
        case "content-start" | "content-delta":
            yield from _content(message.get("content"))
        case "tool-plan-delta":
            yield from _plan(message)
        case "tool-call-start" | "tool-call-delta":
            yield _call(message["tool_calls"], int(value.get("index") or 0))
        case "message-end":
            yield from usage_events(delta.get("usage"))
            yield finished(delta.get("finish_reason"))
        case _:
            return


def _content(content: Any) -> Iterator[Event]:
    """Parts of an answer, or the one part that a piece of a stream continues."""
    if isinstance(content, str):
        content = {"text": content}
    for part in [content] if isinstance(content, Mapping) else content or ():
        if thinking := part.get("thinking"):
            yield ReasoningDelta(thinking)
        if text := part.get("text"):
            yield TextDelta(text)


def _plan(message: Mapping[str, Any]) -> Iterator[Event]:
    if plan := message.get("tool_plan"):
        yield ReasoningDelta(plan)


def _call(call: Mapping[str, Any], index: int) -> ToolCallDelta:
    function = call.get("function") or {}
    return ToolCallDelta(index, call.get("id"), function.get("name"), function.get("arguments") or "")


def embeddings_of(value: Mapping[str, Any]) -> Iterator[Event]:
    """Vectors, by type in version 2 and as a bare list in version 1; floats where there are any."""
    found = value["embeddings"]
    if isinstance(found, Mapping):
        found = found.get("float") or next(filter(None, found.values()), ())
    yield Started(value.get("id"))
    for index, vector in enumerate(found):
        yield EmbeddingVector(vector_of(vector), index)
    yield from usage_events(value.get("meta"))


def usage_events(counts: Mapping[str, Any] | None) -> Iterator[Event]:
    """Token counts of ``usage`` or ``meta``.

    ``tokens`` is what the model read and wrote, the template included. ``billed_units`` is what is charged
    for, and all that embeddings and old answers have. Tokens from the cache are among those read.
    """
    if not counts:
        return
    tokens, billed = counts.get("tokens") or {}, counts.get("billed_units") or {}
    told = tokens or billed
    usage = Usage(
        input_tokens=_count(told.get("input_tokens")),
        output_tokens=_count(told.get("output_tokens")),
        cache_read_tokens=_count(counts.get("cached_tokens")),
        billed_input_tokens=_count(billed.get("input_tokens")),
        billed_output_tokens=_count(billed.get("output_tokens")),
    )
    if usage != Usage():
        yield UsageUpdate(usage)


def _count(value: Any) -> int | None:
    """``value`` as a count; Cohere writes counts as 3.0 too."""
    return None if value is None else int(value)
