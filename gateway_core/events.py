"""The one vocabulary of answers: a stream is these events, a plain answer is the same ones folded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from gateway_core.made_often import made_often
from gateway_core.types import FinishReason, Usage

NEXT_CALL = -1
"""Instead of a number, for a call that comes whole from a provider that numbers none: it is one more."""


@made_often
@dataclass(frozen=True, slots=True)
class Started:
    """The provider named the answer. Both may be unknown, and it may come more than once."""

    response_id: str | None = None
    model: str | None = None


@made_often
@dataclass(frozen=True, slots=True)
class TextDelta:
    """More visible text of candidate ``index``.

    ``refusal`` marks text by which the model declines: a candidate that has any and says it simply
    stopped counts as ``content_filter``.
    """

    text: str
    index: int = 0
    refusal: bool = False


@made_often
@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the model's reasoning, kept apart from what it says."""

    text: str
    index: int = 0


@made_often
@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of tool call ``call_index``; ``arguments`` are fragments of one JSON text.

    A provider numbers its calls as it likes; who watches a call sees 0, 1, 2: `Fold.add` sees to that.
    """

    call_index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    index: int = 0


@made_often
@dataclass(frozen=True, slots=True)
class EmbeddingVector:
    """The vector of input ``index``."""

    values: tuple[float, ...]
    index: int = 0


@made_often
@dataclass(frozen=True, slots=True)
class UsageUpdate:
    """Token counts known so far. Later known values replace earlier ones; they are never summed."""

    usage: Usage
    cache_apart: bool = False
    """True while its input is counted without the cache, whose tokens another update may have told.

    Who watches a call never sees that: `Fold.add` adds them up.
    """


@made_often
@dataclass(frozen=True, slots=True)
class Finished:
    """Candidate ``index`` is complete. ``raw_finish_reason`` is the provider's own word."""

    finish_reason: FinishReason
    raw_finish_reason: str | None = None
    index: int = 0
    seed: str | None = None
    """What it was drawn with, where the provider tells."""


Event = Started | TextDelta | ReasoningDelta | ToolCallDelta | EmbeddingVector | UsageUpdate | Finished


@made_often
@dataclass(frozen=True, slots=True)
class ToolCall:
    """A finished tool call; ``arguments`` is the JSON text exactly as the model wrote it."""

    id: str | None
    name: str | None
    arguments: str


@made_often
@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the ``n`` answers of a response."""

    index: int = 0
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason | None = None
    raw_finish_reason: str | None = None
    refusal: str = ""
    """The end of ``text``, from where the model began to decline."""
    seed: str | None = None
    """What it was drawn with, where the provider told."""


@made_often
@dataclass(frozen=True, slots=True)
class Response:
    """Everything the events of one answer said. ``candidates`` is never empty for text routes."""

    candidates: tuple[Candidate, ...] = ()
    embeddings: tuple[tuple[float, ...], ...] = ()
    usage: Usage | None = None
    model: str | None = None
    response_id: str | None = None

    @property
    def text(self) -> str:
        """The visible text of the first candidate."""
        return self.candidates[0].text if self.candidates else ""

    @property
    def reasoning(self) -> str:
        """The reasoning of the first candidate."""
        return self.candidates[0].reasoning if self.candidates else ""

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls of the first candidate."""
        return self.candidates[0].tool_calls if self.candidates else ()

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the first candidate ended; ``None`` when it did not end."""
        return self.candidates[0].finish_reason if self.candidates else None

    @property
    def finished(self) -> bool:
        """True when every candidate ended, or vectors arrived: the answer is whole."""
        if self.embeddings:
            return True
        return bool(self.candidates) and all(c.finish_reason is not None for c in self.candidates)


_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""A character whose halves came apart: services that count in UTF-16 may cut there."""


def _joined(parts: list[str]) -> str:
    text = "".join(parts)
    if text.isascii():
        return text
    return _HALVES.sub(lambda halves: halves[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


@dataclass(slots=True)
class _Call:
    number: int
    id: str | None = None
    name: str | None = None
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Parts:
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    finished: Finished | None = None
    refused_from: int | None = None
    """Which piece of ``text`` was the first to decline."""

    def candidate(self, index: int) -> Candidate:
        return Candidate(
            index=index,
            text=_joined(self.text),
            reasoning=_joined(self.reasoning),
            tool_calls=tuple(map(self._tool_call, self.calls.values())),
            finish_reason=self._finish_reason(),
            raw_finish_reason=self.finished.raw_finish_reason if self.finished else None,
            refusal="" if self.refused_from is None else _joined(self.text[self.refused_from :]),
            seed=self.finished.seed if self.finished else None,
        )

    def _tool_call(self, call: _Call) -> ToolCall:
        """A call that is complete has arguments: some providers leave out that there are none."""
        return ToolCall(call.id, call.name, "".join(call.arguments) or ("{}" if self.finished else ""))

    def _finish_reason(self) -> FinishReason | None:
        if self.finished is None:
            return None
        reason = self.finished.finish_reason
        return "content_filter" if self.refused_from is not None and reason == "stop" else reason


_UNNAMED = Started()


def _named(old: Started, new: Started) -> Started:
    """What both say of an answer's name; the later one counts."""
    return Started(new.response_id or old.response_id, new.model or old.model)


class Fold:
    """Collects events into a `Response`; mutable inside, because joining lists is linear."""

    def __init__(self) -> None:
        self._parts: dict[int, _Parts] = {}
        self._vectors: dict[int, tuple[float, ...]] = {}
        self._counted: Usage | None = None
        self._usage: Usage | None = None
        self._started = _UNNAMED
        self._response: Response | None = None
        """What `response` gave, as long as nothing is added."""

    def add(self, event: Event) -> Event | None:
        """Take in the next event, and return it as it stands in the whole answer.

        Calls are numbered as they come, a whole one without an id gets one to answer it by, and an end
        after calls says ``tool_call``. ``None`` for what is no part of the answer.
        """
        self._response = None
        match event:
            case TextDelta(text=text, index=index, refusal=refusal):
                part = self._part(index)
                if refusal and text and part.refused_from is None:
                    part.refused_from = len(part.text)
                part.text.append(text)
            case ReasoningDelta(text=text, index=index):
                self._part(index).reasoning.append(text)
            case ToolCallDelta():
                return self._add_tool_call(event)
            case EmbeddingVector(values=values, index=index):
                self._vectors[index] = values
            case UsageUpdate(usage=usage, cache_apart=apart):
                self._counted = usage if self._counted is None else self._counted.merged(usage)
                self._usage = self._counted.with_cache() if apart else self._counted
                return UsageUpdate(self._usage) if apart else event
            case Finished(finish_reason=reason, index=index):
                part = self._part(index)
                if reason == "stop" and part.calls:
                    event = replace(event, finish_reason="tool_call")
                part.finished = event
            case Started():
                old = self._started
                self._started = event if old is _UNNAMED else _named(old, event)
            case _:
                assert_never(event)
        return event

    def _part(self, index: int) -> _Parts:
        part = self._parts.get(index)
        if part is None:
            part = self._parts[index] = _Parts()
        return part

    def _add_tool_call(self, event: ToolCallDelta) -> ToolCallDelta | None:
        calls = self._part(event.index).calls
        key, call_id = event.call_index, event.id
        if key == NEXT_CALL:
            key -= 1 + len(calls)
            call_id = call_id or "_".join(filter(None, ("call", self._started.response_id, str(len(calls)))))
        call = calls.get(key)
        if call is None:
            if not (call_id or event.name):
                return None  # nobody opened this call: the provider runs it itself
            call = calls[key] = _Call(len(calls))
        call.id = call_id or call.id
        call.name = event.name or call.name
        call.arguments.append(event.arguments)
        return (
            event if call.number == event.call_index else replace(event, call_index=call.number, id=call_id)
        )

    def response(self) -> Response:
        """What is known so far, as an immutable value."""
        if self._response is None:
            self._response = self._collected()
        return self._response

    def _collected(self) -> Response:
        return Response(
            candidates=tuple([self._parts[i].candidate(i) for i in sorted(self._parts)]),
            embeddings=tuple([self._vectors[i] for i in sorted(self._vectors)]),
            usage=self._usage,
            model=self._started.model,
            response_id=self._started.response_id,
        )


def fold(events: Iterable[Event]) -> Response:
    """The answer that a sequence of events adds up to."""
    folding = Fold()
    for event in events:
        folding.add(event)
    return folding.response()
