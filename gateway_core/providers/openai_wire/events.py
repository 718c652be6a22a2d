"""The JSON of OpenAI's API, and of its many imitations, as events.

One walk reads a whole answer and a piece of a stream: only the name of the inner object differs
(``message`` or ``delta``, or ``text`` beside it). It takes whatever it can use and skips the rest,
because the imitations differ in where usage, reasoning and ends are found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from gateway_core.providers.openai_wire.usage import number, usage_of
from gateway_core.providers.vectors import vector_of
from gateway_core.types import FinishReason

FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "error": "error",
    "abort": "error",
    "insufficient_system_resource": "error",
}
"""The provider's word to ours; a word that is not here is some way of having stopped."""


def events_of(value: Mapping[str, Any], *, whole: bool, blank_ends: bool = False) -> list[Event]:
    """The events in one JSON object; ``whole`` when it is the entire answer.

    ``blank_ends`` makes an empty reason beside tool calls an end; from others it means nothing yet.
    Raises `TypeError`, `ValueError` or `AttributeError` when something is of the wrong kind.
    """
    events: list[Event] = []
    choices = value.get("choices") or ()
    if whole or _opens_or_closes(choices):
        response_id, model = value.get("id") or None, value.get("model") or None
        if response_id or model:
            events.append(Started(response_id, model))
    for position, choice in enumerate(choices):
        index = number(choice.get("index"), position)
        _add_choice(events, choice, index, whole=whole, blank_ends=blank_ends)
    for position, item in enumerate(value.get("data") or ()):
        events.append(EmbeddingVector(vector_of(item["embedding"]), number(item.get("index"), position)))
    for raw in (value.get("usage"), (value.get("x_groq") or {}).get("usage")):
        if raw:
            events.append(UsageUpdate(usage_of(raw)))
    return events


def _opens_or_closes(choices: Any) -> bool:
    """True for pieces worth taking the answer's name from; every piece repeats it."""
    first = choices[0] if choices else {}
    return not choices or bool(first.get("finish_reason") or "role" in (first.get("delta") or ()))


def _add_choice(
    events: list[Event], choice: Mapping[str, Any], index: int, *, whole: bool, blank_ends: bool
) -> None:
    said = choice.get("delta") or choice.get("message") or {}
    before = len(events)
    if reasoning := _reasoning(said):
        events.append(ReasoningDelta(str(reasoning), index))
    if content := choice.get("text") or said.get("content"):
        _add_content(events, content, index)
    if refusal := said.get("refusal"):
        events.append(TextDelta(str(refusal), index, refusal=True))
    spoken = len(events)
    _add_tool_calls(events, said, index)
    calls = len(events) > spoken
    raw = choice.get("finish_reason")
    if raw:
        events.append(Finished(FINISH_REASONS.get(raw, "stop"), raw, index))
    elif whole or (blank_ends and raw == "" and calls):
        events.append(Finished("tool_call" if calls else "stop" if spoken > before else "error", raw, index))


def _reasoning(said: Mapping[str, Any]) -> Any:
    """Reasoning under any of its names, or in OpenRouter's pieces, some of which only the model can read."""
    if text := said.get("reasoning_content") or said.get("reasoning"):
        return text
    if pieces := said.get("reasoning_details"):
        return "".join(piece.get("text") or piece.get("summary") or "" for piece in pieces)
    return None


def _add_content(events: list[Event], content: Any, index: int) -> None:
    """Text, or a list of parts of which those of type ``thinking`` are reasoning."""
    if isinstance(content, str):
        events.append(TextDelta(content, index))
        return
    for part in content:
        if part.get("type") == "thinking":
            thoughts = part.get("thinking") or ()
            text = thoughts if isinstance(thoughts, str) else "".join(t.get("text", "") for t in thoughts)
            events.append(ReasoningDelta(text, index))
        elif text := part.get("text") or part.get("refusal"):
            events.append(TextDelta(text, index, refusal=part.get("type") == "refusal"))


def _add_tool_calls(events: list[Event], said: Mapping[str, Any], index: int) -> None:
    """Calls, or the ``function_call`` that came before them; a call without an index has its position."""
    if legacy := said.get("function_call"):
        events.append(ToolCallDelta(0, None, legacy.get("name"), _arguments(legacy), index))
    for position, call in enumerate(said.get("tool_calls") or ()):
        function = call.get("function") or {}
        call_index = number(call.get("index"), position)
        name, arguments = function.get("name") or None, _arguments(function)
        events.append(ToolCallDelta(call_index, call.get("id") or None, name, arguments, index))


def _arguments(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments")
    return arguments if isinstance(arguments, str) else "" if arguments is None else json.dumps(arguments)
