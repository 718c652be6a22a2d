"""Reads stamped streams as cheaply as it can be done, and notes when each event was sent and when it came."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

STAMP = re.compile(rb'"content": ?"(\d{10}\.\d{6}) "')
LONGEST_EVENT = 1024
"""What is kept of the bytes before, because a stamp may have been cut in two."""
PATIENCE_S = 90.0


@dataclass
class Streams:
    """What was heard of many streams."""

    first_s: list[float] = field(default_factory=list)
    """From the question to the first token, stream by stream."""
    added_s: list[float] = field(default_factory=list)
    """How much longer that took than the upstream was told to wait."""
    lag_s: list[float] = field(default_factory=list)
    """How long each event was under way."""
    sent_s: list[float] = field(default_factory=list)
    came_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Listening(asyncio.Protocol):
    """One connection on which one stream is asked for."""

    def __init__(self, heard: Streams, injected_s: float, tokens: int, done: asyncio.Future[None]) -> None:
        self._heard, self._injected_s, self._tokens, self._done = heard, injected_s, tokens, done
        self._rest = b""
        self._count = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def ask(self, request: bytes) -> None:
        """Begin."""
        self._asked_s = time.perf_counter()
        self._transport.write(request)

    @override
    def data_received(self, data: bytes) -> None:
        now_s, heard = time.perf_counter(), self._heard
        rest, after = self._rest + data, 0
        for found in STAMP.finditer(rest):
            sent_s, after = float(found[1]), found.end()
            if self._count == 0:
                heard.first_s.append(now_s - self._asked_s)
                heard.added_s.append(now_s - self._asked_s - self._injected_s)
            self._count += 1
            heard.sent_s.append(sent_s)
            heard.came_s.append(now_s)
            heard.lag_s.append(now_s - sent_s)
        self._rest = rest[max(after, len(rest) - LONGEST_EVENT) :]
        if rest.endswith(b"0\r\n\r\n") and b"[DONE]" in rest:
            self._end("" if self._count == self._tokens else f"{self._count} events of {self._tokens}")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"hung up after {self._count} events ({exc}): {self._rest[:200]!r}")

    def _end(self, why: str) -> None:
        if not self._done.done():
            if why:
                self._heard.failures.append(why)
            self._done.set_result(None)
            self._transport.close()


@dataclass(frozen=True)
class Pace:
    """How many streams there are, and how each goes."""

    streams: int
    first_s: float
    tokens: int
    rate: float
    ramp_s: float = 0.0
    """Over what time they begin."""

    @property
    def model(self) -> str:
        """Its name for the upstream."""
        return f"first={self.first_s * 1000:g};tokens={self.tokens};rate={self.rate:g};stamp=1"


async def listen(port: int, request: bytes, pace: Pace) -> Streams:
    """Everything that was heard; all are connected before the first one asks."""
    loop = asyncio.get_running_loop()
    heard = Streams()
    dones = [loop.create_future() for _ in range(pace.streams)]
    made: list[Listening] = []
    for done in dones:
        one = Listening(heard, pace.first_s, pace.tokens, done)
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)  # type: ignore[misc]  # one each
        made.append(one)
    await asyncio.sleep(0.2)  # the last ones are accepted
    began_s = loop.time()
    for number, one in enumerate(made):
        loop.call_at(began_s + pace.ramp_s * number / pace.streams, one.ask, request)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*dones)
    except TimeoutError:
        heard.failures.append(f"{sum(not done.done() for done in dones)} streams without an end")
    return heard
