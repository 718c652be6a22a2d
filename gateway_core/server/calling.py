"""One call for one client: the answer in one piece or event by event, and none when the client leaves."""

from __future__ import annotations

import asyncio
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
_CONTENT = (ToolCallDelta, EmbeddingVector, Finished)
_QUIET = (Started, UsageUpdate)
MOST_KEPT_CHARS = 256 * 1024
"""So much of an answer that its client does not take is kept; then the provider has to wait."""


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
    asked, news = _asked(handled), _News(handled)
    with turn:
        call = asyncio.create_task(gateway.run(asked.route, asked.request, news.hear, pace=news.pace))
        try:
            await news.wait()
            if not news.begun and handled.result is not None and handled.result.error is not None:
                handled.error = handled.result.error
                return dialect.refusal(handled.error, asked.route)
            await _send_stream(dialect.stream(asked, _stamp()), news, handled, turn)
            return None
        finally:
            call.cancel()
            await asyncio.wait([call])


async def _send_stream(writer: StreamWriter, news: _News, handled: Handled, turn: Turn) -> None:
    handled.status = 200
    turn.begin(200, STREAM_LINES % handled.incoming.id.encode())
    while True:
        # Whatever has come by now goes out in one piece.
        frames = [writer.write(event) for event in news.take()]
        result = handled.result
        if result is not None:
            frames.append(_ending(writer, handled, result))
        if result is not None:
            turn.end(b"".join(frames))
            return
        if data := b"".join(frames):
            await turn.send(data)
        await news.wait()


def _ending(writer: StreamWriter, handled: Handled, result: CallResult) -> bytes:
    if result.status == "ok":
        return writer.end(result)
    handled.error = result.error or StreamInterrupted("the call was cancelled")
    return writer.fail(handled.error, _asked(handled).route)


@dataclass(slots=True)
class _News:
    """What a call said that was not passed on yet.

    An attempt that fails before its first content may be followed by another, so what it said until then
    is kept back, and dropped when it was in vain.
    """

    handled: Handled
    begun: bool = False
    """True once there was something of the answer."""
    _events: list[Event] = field(default_factory=list)
    _any: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _chars: int = 0

    def pace(self) -> Awaitable[object] | None:
        """What `Gateway.run` waits for while there is too much that was not passed on."""
        if self._chars <= MOST_KEPT_CHARS:
            return None
        self._room.clear()
        return self._room.wait()

    def hear(self, stamped: Stamped) -> None:
        """What `Gateway.run` emits."""
        signal = stamped.signal
        if isinstance(signal, TextDelta | ReasoningDelta):
            self._events.append(signal)
            self._chars += len(signal.text)
            self._note(content=bool(signal.text))
        elif isinstance(signal, _CONTENT):
            self._events.append(signal)
            self._note(content=True)
        elif isinstance(signal, _QUIET):
            self._events.append(signal)
            self._note(content=False)
        elif isinstance(signal, Ended):
            self.handled.result = signal.result
            self._any.set()
        elif isinstance(signal, Retrying | FellBack):
            self._events.clear()

    def _note(self, *, content: bool) -> None:
        self.begun = self.begun or content
        if self.begun:
            self._any.set()

    async def wait(self) -> None:
        """Wait for something to pass on, or for the end."""
        await self._any.wait()
        self._any.clear()

    def take(self) -> list[Event]:
        """What has come since the last time."""
        taken, self._events = self._events, []
        self._chars = 0
        self._room.set()
        return taken


def _asked(handled: Handled) -> Asked:
    assert handled.asked is not None  # noqa: S101 - for the type checker: set before a call is made
    return handled.asked


def _stamp() -> Stamp:
    return Stamp(new_id(), int(time.time()))
