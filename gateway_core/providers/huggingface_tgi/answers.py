"""What TGI answers, as events. Its chat is OpenAI's, but for calls that come without their list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway_core.events import Event, Finished, TextDelta, UsageUpdate
from gateway_core.providers.failures import Said, said_in
from gateway_core.providers.openai_wire.usage import count, number
from gateway_core.types import FinishReason, Usage

_COUNT = re.compile(r"\d{1,15}", re.ASCII)

FINISH_REASONS: Mapping[str, FinishReason] = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
}


def generated(value: Mapping[str, Any]) -> Iterator[Event]:
    """The events of a whole answer of ``/generate``. Raises by a wrong shape, as all here."""
    if text := _text(value["generated_text"]):
        yield TextDelta(text)
    yield from _end(value.get("details") or {})


def counted_in(headers: Mapping[str, str]) -> Iterator[Event]:
    """What newer servers count in the headers of a whole answer; some of them tell no prompt's tokens."""
    prompt, written = (headers.get(name, "") for name in ("x-prompt-tokens", "x-generated-tokens"))
    if _COUNT.fullmatch(prompt) and _COUNT.fullmatch(written):
        yield UsageUpdate(Usage(int(prompt), int(written)))


def piece(value: Mapping[str, Any]) -> Iterator[Event]:
    """The events of one token of ``/generate_stream``; the last one comes with the whole text."""
    token = value["token"]
    text = _text(token["text"])
    if text and not token.get("special"):
        yield TextDelta(text)
    if value.get("generated_text") is not None:
        yield from _end(value.get("details") or {})


def _end(details: Mapping[str, Any]) -> Iterator[Event]:
    """Counts and reason. The prompt's tokens are counted, or all there, or neither."""
    counted = count(details.get("input_length"))
    prompt = counted if counted is not None else len(details.get("prefill") or ()) or None
    usage = Usage(prompt, count(details.get("generated_tokens")))
    if usage != Usage():
        yield UsageUpdate(usage)
    raw, seed = details.get("finish_reason"), details.get("seed")
    yield Finished(FINISH_REASONS.get(raw or "", "stop"), raw, seed=None if seed is None else str(seed))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def with_listed_calls(value: Any) -> Any:
    """A chat answer with its tool calls as OpenAI has them: old servers send one object, and numeric ids."""
    for choice in value.get("choices") or ():
        said = choice.get("delta") or choice.get("message") or {}
        calls = said.get("tool_calls") or []
        listed = enumerate([calls] if isinstance(calls, dict) else calls)
        said["tool_calls"] = [{**call, "id": _call_id(call, position)} for position, call in listed]
    return value


def _call_id(call: Mapping[str, Any], position: int) -> str | None:
    """The id of a call. Old servers have none in a stream, and repeat that with each of its pieces."""
    if (given := call.get("id")) not in (None, ""):
        return str(given)
    opens = (call.get("function") or {}).get("name")
    return f"call_{number(call.get('index'), position)}" if opens else None


def failure_in(value: Any) -> Said:
    """What a body, or a message of a stream, says about a failure: also its type, or its status."""
    said = said_in(value)
    if not isinstance(value, dict):
        return said
    inner = value.get("error")
    status = inner.get("http_status_code") if isinstance(inner, dict) else None
    kind = value.get("error_type")
    code = said.code or (kind if isinstance(kind, str) else None) or (str(status) if status else None)
    wait_s = value.get("estimated_time")
    return replace(said, code=code, retry_after_s=wait_s if isinstance(wait_s, int | float) else None)
