"""One connection to a server: requests go out as bytes, answers come in through httptools.

Bytes are stamped as the system hands them over, before anybody is woken to read them: between their
arrival and the turn of the task that reads them lies at least one round of the event loop, and a busy
screen makes rounds longer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from typing_extensions import override

from gateway_core.wire.failures import HungUp, NotHttp

MAX_HEAD_BYTES = 256 * 2**10
HIGH_WATER_BYTES = 256 * 2**10
"""So much of an answer that nobody reads is kept; then the server has to wait."""
LOW_WATER_BYTES = 64 * 2**10


Sink = Callable[[float, bytes], bool]
"""Takes a piece of a body, with the moment it arrived; true when it wants no more for now. Never raises."""


class Connection(asyncio.Protocol):
    """Carries one exchange at a time; reads with `head`, `more` and `pour`, which `allow_until` limits."""

    _transport: asyncio.Transport

    def __init__(self, clock: Callable[[], float], on_lost: OnLost) -> None:
        """``on_lost`` is called once, when it is closed."""
        self._clock = clock
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._parser = HttpResponseParser(self)
        self.idle_since_s = 0.0
        """The loop's time since when nobody uses it."""
        self._expires_at: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._paused = False
        self._busy = False
        self._forget()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has no base in common with it

    def take_over(self, transport: asyncio.Transport) -> None:
        """Carry on with what somebody else has opened."""
        self._transport = transport
        transport.set_protocol(self)

    def _forget(self) -> None:
        """Nothing has arrived of the next answer."""
        self.status = 0
        self._headers: dict[str, str] = {}
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._arriving: list[bytes] = []
        self._buffered = self._head_bytes = 0
        self._has_head = self._complete = self._excess = self._keeps = False
        self._failure: Exception | None = None
        self._sink: Sink | None = None
        self._sated = False
        """True when the sink that was poured into wanted no more."""
        self._is_pouring = False
        """True while `_pour_on` is about to be called."""

    def allow_until(self, at: float | None) -> None:
        """From now on waiting ends with `TimeoutError` when the loop's time is ``at``."""
        self._expires_at = at
        if at is not None and self._alarm is not None and at < self._alarm_at:
            self._set_alarm(at)

    def ask(self, request: bytes) -> None:
        """Send a request; what is read from now on answers it."""
        self._forget()
        self._busy = True
        self._transport.write(request)

    async def head(self) -> Mapping[str, str]:
        """Wait for status and headers. Names are lower case; of several with one name the last counts.

        Raises `HungUp`, another `OSError`, `NotHttp`, or `TimeoutError`.
        """
        while not self._has_head:
            if self._failure is not None:
                raise self._failure
            await self._wait()
        return self._headers

    async def more(self) -> tuple[float, bytes] | None:
        """The next piece of the body, with the moment it arrived; ``None`` at the end. Raises as `head`."""
        while not self._pieces:
            if self._complete:
                return None
            if self._failure is not None:
                raise self._failure
            await self._wait()
        return self._taken()

    async def pour(self, sink: Sink) -> bool:
        """Give the pieces of the body to ``sink`` as they arrive, without waking the task that waits.

        True when it wanted no more, false at the end of the body. Raises as `head`.
        """
        while True:
            while self._pieces:
                if sink(*self._taken()):
                    return True
            if self._complete:
                return False
            if self._failure is not None:
                raise self._failure
            self._sink = sink
            try:
                await self._wait()
            finally:
                self._sink = None
            if self._sated:
                self._sated = False
                return True

    def only_piece(self) -> tuple[float, bytes] | None:
        """The body, when all of it is here and came at once; then it is read."""
        return self._taken() if self._complete and len(self._pieces) == 1 else None

    def _taken(self) -> tuple[float, bytes]:
        piece = self._pieces.popleft()
        self._buffered -= len(piece[1])
        if self._paused and self._buffered < LOW_WATER_BYTES:
            self._paused = False
            self._transport.resume_reading()
        return piece

    @property
    def has_arrived(self) -> bool:
        """True when there is something to be read without waiting, if only the end."""
        return bool(self._pieces) or self._complete

    @property
    def is_over(self) -> bool:
        """True once the whole answer was read."""
        return self._complete and not self._pieces

    @property
    def was_heard(self) -> bool:
        """True once anything of the answer arrived."""
        return self._head_bytes > 0

    def rest(self) -> bool:
        """End this exchange; true when the connection may carry another."""
        kept = self._keeps and self.is_over and not self._excess and self.is_open
        self._busy = False
        if not kept:
            self.hang_up()
        return kept

    @property
    def is_busy(self) -> bool:
        """True while an exchange is under way."""
        return self._busy

    @property
    def is_open(self) -> bool:
        """True while nobody has closed it, as far as anybody knows."""
        return not self._closed and not self._transport.is_closing()

    def hang_up(self) -> None:
        """Close it now; what was not sent by now is not sent at all."""
        self._busy = False
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    async def _wait(self) -> None:
        loop, until = self._loop, self._expires_at
        if until is not None:
            if loop.time() >= until:
                raise TimeoutError
            if self._alarm is None or self._alarm_at > until:
                self._set_alarm(until)
        waiter = self._waiter = loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _set_alarm(self, at: float) -> None:
        """There is one alarm at a time, kept from wait to wait: most waits end long before theirs."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = self._loop.call_at(at, self._rang), at

    def _rang(self) -> None:
        self._alarm = None
        if self._waiter is None or self._expires_at is None:
            return
        if self._loop.time() >= self._expires_at:
            if not self._waiter.done():
                self._waiter.set_exception(TimeoutError())
        else:
            self._set_alarm(self._expires_at)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @override
    def data_received(self, data: bytes) -> None:
        at_s = self._clock()
        if not self._busy:  # nobody asked: whatever it is, the next answer must not begin with it
            self.hang_up()
            return
        self._head_bytes += not self._has_head and len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._failure = self._failure or NotHttp()
        if not self._has_head and self._head_bytes > MAX_HEAD_BYTES:
            self._failure = NotHttp()
        if arriving := self._arriving:
            whole = arriving[0] if len(arriving) == 1 else b"".join(arriving)
            self._arriving = []
            self._keep(at_s, whole)
        if self._sink is None or self._complete or self._failure is not None:
            self._wake()
        elif self._pieces and not self._is_pouring:
            # Later in this turn of the loop: what others have to read now is to be stamped first.
            self._is_pouring = True
            self._loop.call_soon(self._pour_on)

    def _pour_on(self) -> None:
        self._is_pouring = False
        while self._pieces and self._sink is not None:
            if self._sink(*self._taken()):
                self._sink, self._sated = None, True
                self._wake()

    def _keep(self, at_s: float, piece: bytes) -> None:
        self._pieces.append((at_s, piece))
        self._buffered += len(piece)
        if self._buffered > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_begin(self) -> None:
        """httptools: an answer begins."""
        self._excess = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header, or one line of what may follow a body."""
        if not self._has_head:
            self._headers[name.decode("latin-1").lower()] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        """httptools: the body comes next."""
        if self._complete:
            return
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._has_head = True
        else:  # the answer itself is still to come
            self._headers = {}

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        if not self._complete:
            self._arriving.append(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is whole."""
        if self._has_head and not self._complete:
            self._complete = True
            self._keeps = self._parser.should_keep_alive()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._has_head and not self._complete and exc is None and self._ends_with_connection:
            self._complete = self._failure is None
        self._failure = self._failure or exc or HungUp()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._wake()
        self._on_lost(exc)

    @property
    def _ends_with_connection(self) -> bool:
        return "content-length" not in self._headers and "transfer-encoding" not in self._headers


OnLost = Callable[[Exception | None], None]
