"""One call for one client: the answer in one piece or event by event, and none when the client leaves."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

from gateway_core.calls import CallResult, Ended, FellBack, Retrying, Stamped
from gateway_core.errors import StreamInterrupted
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
from gateway_core.gateway import Gateway
from gateway_core.server.dialects.base import (
    EVENT_STREAM,
    Asked,
    Dialect,
    Reply,
    Stamp,
    StreamWriter,
    replied,
)
from gateway_core.server.reading import new_id
from gateway_core.server.seams import Handled
from gateway_core.server.turn import Turn

STREAM_LINES = (
    f"content-type: {EVENT_STREAM}\r\ncache-control: no-cache\r\n"
    # nginx would gather events before it passes any on.
    "x-accel-buffering: no\r\nx-content-type-options: nosniff\r\nx-request-id: %b\r\n"
).encode()
_TEXT = (TextDelta, ReasoningDelta)
_CONTENT = (ToolCallDelta, EmbeddingVector, Finished)
_QUIET = (Started, UsageUpdate)
_VAIN = (Retrying, FellBack)
"""After which everything begins anew."""


async def answer_whole(gateway: Gateway, dialect: Dialect, handled: Handled, turn: Turn) -> Reply:
    """Make the call and give its answer. Raises `ClientLeft`."""
    asked = _asked(handled)

    def hear(stamped: Stamped) -> None:
        if isinstance(stamped.signal, Ended):
            handled.result = stamped.signal.result

    with turn:
        result = await gateway.run(asked.route, asked.request, hear, only_end=True)
    handled.error = result.error
    return replied(dialect, asked, result, _stamp())


async def answer_stream(gateway: Gateway, dialect: Dialect, handled: Handled, turn: Turn) -> Reply | None:
    """Make the call and send what it says as it comes. Raises `ClientLeft`.

    Nothing is sent before there is something of the answer, so that a failure until then is a status: the
    refusal that is returned.
    """
    asked = _asked(handled)
    passing = _Passing(dialect.stream(asked, _stamp()), handled, turn)
    with turn:
        result = await gateway.run(asked.route, asked.request, passing.hear, pace=passing.on)
    if not passing.begun and result.error is not None:
        handled.error = result.error
        return dialect.refusal(result.error, asked.route)
    passing.end(result)
    return None


@dataclass(slots=True)
class _Passing:
    """Passes a call on to its client, in the task that reads the provider: all of one read in one piece.

    An attempt that fails before its first content may be followed by another, so what it said until then
    is kept back, and dropped when it was in vain.
    """

    writer: StreamWriter
    handled: Handled
    turn: Turn
    begun: bool = False
    """True once there was something of the answer."""
    _events: list[Event] = field(default_factory=list)

    def hear(self, stamped: Stamped) -> None:
        """What `Gateway.run` emits."""
        signal = stamped.signal
        if isinstance(signal, _TEXT):
            self._events.append(signal)
            self.begun = self.begun or bool(signal.text)
        elif isinstance(signal, _CONTENT):
            self._events.append(signal)
            self.begun = True
        elif isinstance(signal, _QUIET):
            self._events.append(signal)
        elif isinstance(signal, Ended):
            self.handled.result = signal.result
        elif isinstance(signal, _VAIN):
            self._events.clear()

    def on(self) -> Awaitable[None] | None:
        """Send what has come; what is to be waited for when the client does not take it."""
        if self.begun and (data := self._frames()):
            self._begin()
            self.turn.write(data)
        return self.turn.room() if self.turn.is_stalled else None

    def end(self, result: CallResult) -> None:
        """Send what is left, and how it ended."""
        data = self._frames()
        if result.status == "ok":
            data += self.writer.end(result)
        else:
            self.handled.error = result.error or StreamInterrupted("the call was cancelled")
            data += self.writer.fail(self.handled.error, _asked(self.handled).route)
        self._begin()
        self.turn.end(data)

    def _frames(self) -> bytes:
        events, self._events = self._events, []
        return b"".join([self.writer.write(event) for event in events])

    def _begin(self) -> None:
        if not self.turn.started:
            self.handled.status = 200
            self.turn.begin(200, STREAM_LINES % self.handled.incoming.id.encode())


def _asked(handled: Handled) -> Asked:
    assert handled.asked is not None  # noqa: S101 - for the type checker: set before a call is made
    return handled.asked


def _stamp() -> Stamp:
    return Stamp(new_id(), int(time.time()))
