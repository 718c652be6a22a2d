"""What a call took, measured where the bytes arrive.

All stamps are seconds of one monotonic clock, taken by the task that reads the socket. The
definitions follow the OpenTelemetry GenAI and MLPerf usage: time to first token (TTFT) counts from
just before the request bytes are written to the first chunk with content.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway_core.events import (
    EmbeddingVector,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from gateway_core.made_often import made_often

MIN_RATE_TOKENS = 8
MIN_RATE_WINDOW_S = 0.25
"""Below either, a rate would be noise and is not shown."""


@made_often
@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds, ``None`` where the thing did not happen or cannot be known."""

    queued_ms: float | None = None
    """Waiting for our own limit, before anything was sent; never part of the other times."""
    connect_ms: float | None = None
    """Opening the connection, shown apart from TTFT; 0 when one was reused."""
    ttft_ms: float | None = None
    """First chunk with text, reasoning or a tool call. ``None`` without a stream."""
    ttft_visible_ms: float | None = None
    """First chunk with text of the answer."""
    latency_ms: float | None = None
    """Last byte of the answer. For a failed or stopped call: how long it lasted."""
    chunk_gap_max_ms: float | None = None
    """Longest silence between two chunks with content. A chunk is not a token."""
    chunk_count: int = 0


@made_often
@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of content as it arrived: ``offset_ms`` after the request was sent."""

    offset_ms: float
    text: str
    reasoning: bool = False


def output_tokens_per_second(timing: Timing, output_tokens: int | None) -> float | None:
    """Decode rate ``(output_tokens - 1) / (end - first token)``; ``None`` where it would mislead."""
    if output_tokens is None or timing.ttft_ms is None or timing.latency_ms is None:
        return None
    window_s = (timing.latency_ms - timing.ttft_ms) / 1000
    if output_tokens < MIN_RATE_TOKENS or window_s < MIN_RATE_WINDOW_S:
        return None
    return (output_tokens - 1) / window_s


def milliseconds(seconds: float) -> float:
    """``seconds`` to the microsecond; `round` to places goes through text, at three times the cost."""
    return int(seconds * 1_000_000 + 0.5) / 1000


@dataclass(slots=True)
class Meter:
    """Collects the stamps of one attempt and turns them into a `Timing`.

    ``streaming`` says whether chunks mean anything: without a stream TTFT is unknown.
    """

    enqueued_s: float
    streaming: bool = True
    sent_s: float | None = None
    connect_ms: float | None = None
    chunks: list[Chunk] = field(default_factory=list)
    _queued_until_s: float | None = None
    _first_s: float | None = None
    _first_visible_s: float | None = None
    _last_content_s: float | None = None
    _end_s: float | None = None
    _gap_s: float | None = None

    def admitted(self, at_s: float) -> None:
        """Our own limit let the call through."""
        self._queued_until_s = at_s

    def sent(self, at_s: float, connect_ms: float | None) -> None:
        """The request bytes are about to be written (again: a retry starts over)."""
        self.sent_s, self.connect_ms = at_s, connect_ms

    def received(self, at_s: float, event: Event) -> None:
        """An event arrived in bytes read at ``at_s``."""
        match event:
            case TextDelta(text=text) if text:
                self._content(at_s, text, reasoning=False)
                if self._first_visible_s is None:
                    self._first_visible_s = at_s
            case ReasoningDelta(text=text) if text:
                self._content(at_s, text, reasoning=True)
            case ToolCallDelta() | EmbeddingVector():
                self._mark(at_s)
            case _:
                pass

    def _content(self, at_s: float, text: str, *, reasoning: bool) -> None:
        self._mark(at_s)
        self.chunks.append(Chunk(self._offset_ms(at_s), text, reasoning))

    def _mark(self, at_s: float) -> None:
        if self._first_s is None:
            self._first_s = at_s
        if self._last_content_s is not None:
            self._gap_s = max(self._gap_s or 0.0, at_s - self._last_content_s)
        self._last_content_s = at_s

    def ended(self, at_s: float) -> None:
        """The answer is over: its last byte was read, or it failed, or it was stopped."""
        self._end_s = at_s

    @property
    def has_content(self) -> bool:
        """True once anything of the answer arrived; from then on nothing may be retried."""
        return self._first_s is not None

    @property
    def has_latency(self) -> bool:
        """True once it is known how long the answer took."""
        return self._end_s is not None and self.sent_s is not None

    def _offset_ms(self, at_s: float) -> float:
        return milliseconds(at_s - (self.sent_s if self.sent_s is not None else self.enqueued_s))

    def _since_sent(self, at_s: float | None) -> float | None:
        return None if at_s is None or self.sent_s is None else self._offset_ms(at_s)

    def timing(self) -> Timing:
        """The numbers so far."""
        until_s = self._queued_until_s if self._queued_until_s is not None else self._end_s
        return Timing(
            queued_ms=None if until_s is None else milliseconds(until_s - self.enqueued_s),
            connect_ms=self.connect_ms,
            ttft_ms=self._since_sent(self._first_s) if self.streaming else None,
            ttft_visible_ms=self._since_sent(self._first_visible_s) if self.streaming else None,
            latency_ms=self._since_sent(self._end_s),
            chunk_gap_max_ms=None if self._gap_s is None else milliseconds(self._gap_s),
            chunk_count=len(self.chunks),
        )
