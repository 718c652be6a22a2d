"""One request of a connection, and the way its answer goes."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING

from gateway_core.server.seams import Incoming

if TYPE_CHECKING:
    from gateway_core.server.protocol import Connection

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HIGH_WATER_BYTES = 64 * 1024
"""So much of a body that nobody reads yet is taken in; then the client has to wait."""


class ClientLeft(Exception):
    """Nobody is there to be answered."""


class BodyTooLong(Exception):
    """The client sends more than it may."""


class Turn:
    """What a handler of requests holds: it reads the body, and answers whole or piece by piece.

    Everything raises `ClientLeft` once the client has hung up, but only where it waits for the client.
    """

    __slots__ = (
        "_body_bytes",
        "_chunked",
        "_connection",
        "_expects",
        "_is_cut_short",
        "_most_bytes",
        "_pieces",
        "_waiter",
        "answered",
        "complete",
        "incoming",
        "keeps",
        "left",
        "modern",
        "started",
        "task",
    )

    def __init__(self, connection: Connection, incoming: Incoming, *, modern: bool, keeps: bool) -> None:
        """``modern`` is HTTP/1.1; ``keeps`` says whether the client wants to ask again on this connection."""
        self._connection = connection
        self.incoming = incoming
        self.modern = modern
        self.keeps = keeps
        self.complete = False
        """True once the whole request is here."""
        self.started = False
        """True once the first byte of the answer was sent."""
        self.answered = False
        """True once the last was."""
        self.left = False
        self._expects = (incoming.header(b"expect") or "").lower() == "100-continue"
        self._chunked = False
        self._pieces: list[bytes] = []
        self._body_bytes = 0
        self._most_bytes: int | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_cut_short = False
        """True while the handler is cancelled as soon as the client hangs up."""
        self.task: asyncio.Task[None] | None = None
        """The handler's."""

    @property
    def expects(self) -> bool:
        """True while the client waits to be told to send its body."""
        return self._expects and not self.complete

    async def body(self, most_bytes: int) -> bytes:
        """The whole body, once it is here. Raises `BodyTooLong`, and `ClientLeft` when it never ends.

        How long it may take is the business of the connection.
        """
        self._most_bytes = most_bytes
        if not self.complete:
            if self._expects and not self._body_bytes:
                self._connection.write(CONTINUE)
                self._expects = False
            self._connection.read_on()
        while not self.complete and not self._is_too_long:
            await self._wait()
        return self.taken(most_bytes)

    def taken(self, most_bytes: int) -> bytes:
        """The whole body of a request that is complete. Raises `BodyTooLong`."""
        self._most_bytes = most_bytes
        if self._is_too_long:
            self._pieces.clear()
            raise BodyTooLong
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def _is_too_long(self) -> bool:
        return self._most_bytes is not None and self._body_bytes > self._most_bytes

    @property
    def is_flooding(self) -> bool:
        """True when more of the body came than is kept while nobody reads it."""
        return self._most_bytes is None and self._body_bytes > HIGH_WATER_BYTES

    def take(self, piece: bytes) -> None:
        """A piece of the body arrived; of what is refused nothing is kept."""
        self._body_bytes += len(piece)
        if not self.answered and not self._is_too_long:
            self._pieces.append(piece)
        elif self._waiter is not None:
            self.wake()

    def whole(self) -> None:
        """The request is complete."""
        self.complete = True
        self.wake()

    async def _wait(self) -> None:
        if self.left:
            raise ClientLeft
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self.left:
            raise ClientLeft

    def wake(self) -> None:
        """Something changed that is waited for."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def leave(self) -> None:
        """The client hung up."""
        self.left = True
        self.wake()
        if self._is_cut_short and self.task is not None:
            self.task.cancel()

    def __enter__(self) -> None:
        """``with turn:`` raises `ClientLeft` out of its block as soon as the client hangs up."""
        if self.left:
            raise ClientLeft
        self._is_cut_short = True

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_cut_short = False
        if (
            kind is asyncio.CancelledError
            and self.left
            and self.task is not None
            and self.task.uncancel() == 0
        ):
            raise ClientLeft from None

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer; ``lines`` are its headers, each with its end."""
        head = self._head(status, lines)
        head.append(b"content-length: %d\r\n\r\n" % len(body))
        self.started = True
        if self.incoming.method != "HEAD":
            head.append(body)
        self._connection.write(b"".join(head))
        self._end()

    def begin(self, status: int, lines: bytes) -> None:
        """Send the head of an answer whose length nobody knows yet; `write` and `end` follow."""
        self._chunked = self.modern
        self.keeps = self.keeps and self.modern
        head = self._head(status, lines)
        head.append(b"transfer-encoding: chunked\r\n\r\n" if self._chunked else b"\r\n")
        self.started = True
        self._connection.write(b"".join(head))

    @property
    def is_stalled(self) -> bool:
        """True while the client does not take what was written."""
        return self._connection.is_stalled

    async def room(self) -> None:
        """Wait until the client takes more, or has left."""
        while self._connection.is_stalled and not self.left:
            await self._wait()

    def end(self, data: bytes = b"") -> None:
        """Send the last piece."""
        self.write(data, b"0\r\n\r\n" if self._chunked else b"")
        self._end()

    def write(self, data: bytes, after: bytes = b"") -> None:
        """Send a piece, and ``after`` it what is no part of the answer."""
        if data and self.incoming.method != "HEAD":
            data = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
            self._connection.write(data + after)
        elif after:
            self._connection.write(after)

    def _head(self, status: int, lines: bytes) -> list[bytes]:
        head = [_status_line(status), self._connection.date, lines]
        if not self.complete:  # what is left of the body is in the way of another request
            self.keeps = False
        if not self.keeps or self._connection.is_ending:
            self.keeps = False
            head.append(b"connection: close\r\n")
        return head

    def _end(self) -> None:
        self.answered = True
        self._pieces.clear()
        self._connection.next_turn(self)


@lru_cache(maxsize=100)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()
