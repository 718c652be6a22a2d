"""A cheap HTTP client for load: one connection, one question at a time, and every byte is understood."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httptools
from typing_extensions import override

Hear = Callable[[bytes, float], None]
"""Is handed each piece of a body, and when it came."""


class Garbage(Exception):
    """What came is no answer, or was not asked for."""


class Closed(Exception):
    """The connection ended before the answer did."""


def request(path: str, body: Any = None, *, close: bool = False) -> bytes:
    """A request's bytes; with a ``body`` it is a POST."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "host: bench", "authorization: Bearer x"]
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(data)}"]
    if close:
        lines.append("connection: close")
    return "\r\n".join((*lines, "", "")).encode() + data


class Channel(asyncio.Protocol):
    """One connection, kept open as long as the server likes."""

    def __init__(self) -> None:
        self._done: asyncio.Future[int] | None = None
        self._hear: Hear = lambda _data, _at_s: None
        self._at_s = 0.0
        self.status = 0
        self.is_open = False
        self.left = False
        """True when it was not the server who hung up."""
        self.garbage: Exception | None = None
        """Set when something came that nobody had asked for."""

    @classmethod
    async def to(cls, port: int) -> Channel:
        """Connected. Raises `OSError`."""
        _, made = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return made

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self.port: int = transport.get_extra_info("sockname")[1]
        self.is_open = True

    async def ask(self, data: bytes, hear: Hear) -> int:
        """The status, once the whole answer was heard. Raises `Closed` and `Garbage`."""
        if not self.is_open:
            raise self.garbage or Closed("before the question")
        self._parser = httptools.HttpResponseParser(self)
        self._hear, self.status = hear, 0
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._done

    @override
    def data_received(self, data: bytes) -> None:
        self._at_s = time.perf_counter()
        try:
            if self._done is None or self._done.done():
                raise Garbage(f"not asked for: {data[:200]!r}")
            self._parser.feed_data(data)
        except (httptools.HttpParserError, Garbage) as exc:
            self.garbage = Garbage(f"{exc}: {data[:200]!r}")
            self._fail(self.garbage)
            self._transport.abort()

    def on_body(self, data: bytes) -> None:
        """A piece of the body; called by the parser."""
        self._hear(data, self._at_s)

    def on_headers_complete(self) -> None:
        """The status is known; called by the parser."""
        self.status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        """The answer is whole; called by the parser."""
        if not self._parser.should_keep_alive():
            self.is_open = False
            self._transport.close()
        if self._done is not None and not self._done.done():
            self._done.set_result(self.status)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._fail(Closed("reset" if exc else "closed"))

    def _fail(self, error: Exception) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)

    def close(self) -> None:
        """Hang up."""
        self.left = self.left or self.is_open
        self.is_open = False
        self._transport.close()
