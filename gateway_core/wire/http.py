"""Exchanges in HTTP/1.1. Everything outside sees our values and our errors.

aiohttp opens the connections (`dialing`), httptools reads the answers (`connection`), and what lies between
is here, because it is passed by every call: a request is one write, and a whole answer usually one wake-up.
An encoded path such as ``%3A`` stays as it is, which signed requests need.

All time limits are kept here, so callers need none of their own; `deadlines` says what each means.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Self

from gateway_core.config.model import Timeouts
from gateway_core.errors import ProtocolError
from gateway_core.keys import process_environment
from gateway_core.providers.base import HttpRequest
from gateway_core.wire import failures
from gateway_core.wire.addresses import Address, Addresses
from gateway_core.wire.deadlines import Deadlines, SentMark
from gateway_core.wire.trust import Trust, trust_store
from gateway_core.wire.unpacking import Unpacker, unpacker_for

if TYPE_CHECKING:
    from gateway_core.wire.connection import Connection, Sink
    from gateway_core.wire.pool import Pool

MAX_ANSWER_BYTES = 64 * 2**20
DRAIN_S = 0.05
"""How long the end of an answer is awaited when its reader has what it wants, to keep the connection."""

MOST_HEADS = 32
"""Of so many kinds of requests to one address it is remembered how they begin."""

OnSent = Callable[[SentMark], None]
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(slots=True)
class HttpReply:
    """An HTTP answer whose body has not been read. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    mark: SentMark
    _connection: Connection = field(repr=False)
    _limits: Deadlines = field(repr=False)
    _max_bytes: int = field(repr=False)
    _unpacker: Unpacker | None = field(repr=False)
    _received_bytes: int = field(repr=False, default=0)

    def chunks(self) -> AsyncIterator[tuple[float, bytes]]:
        """The unpacked body as it arrives, each piece with the moment it did.

        Raises `TimedOut`, `StreamInterrupted`, or `ProtocolError` when it is too long or garbled.
        """
        return self  # a plain iterator, because one may stop reading at any time

    async def pour(self, take: Sink) -> bool:
        """Give the unpacked body to ``take`` piece by piece, each the moment it arrives.

        True when it wanted no more for now, false at the end. Raises as `chunks`, and what ``take`` raises.
        """
        pouring = _Pouring(self, take)
        try:
            sated = await self._connection.pour(pouring.take)
            if not sated and self._unpacker is not None:
                self._unpacker.end()
        except (OSError, ValueError) as exc:
            raise failures.interruption(exc, self._limits) from exc
        if pouring.failure is not None:
            raise pouring.failure
        return sated

    async def whole(self, limit_bytes: int) -> tuple[float, bytes]:
        """The whole body, with the moment its last piece arrived.

        Raises as `chunks`, and `ProtocolError` above ``limit_bytes``.
        """
        self._max_bytes = min(limit_bytes, self._max_bytes)
        if self._unpacker is None and (only := self._connection.only_piece()) is not None:
            self._count(only[1])
            return only
        at_s, pieces = self.mark.sent_s or 0.0, []
        async for at_s, piece in self:  # noqa: B007 - the last moment counts
            pieces.append(piece)
        return at_s, b"".join(pieces)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[float, bytes]:
        while True:
            try:
                piece = await self._connection.more()
                if piece is None and self._unpacker is not None:
                    self._unpacker.end()
            except (OSError, ValueError) as exc:
                raise failures.interruption(exc, self._limits) from exc
            if piece is None:
                raise StopAsyncIteration
            if received := self.received(piece[1]):
                return piece[0], received

    def received(self, piece: bytes) -> bytes:
        """A piece of the body unpacked; the next one may take as long again. Raises as `chunks`."""
        if self._unpacker is not None:
            try:
                piece = self._unpacker.feed(piece, self._max_bytes - self._received_bytes)
            except ValueError as exc:
                raise failures.interruption(exc, self._limits) from exc
        between_s = self._limits.timeouts.between_chunks
        self._connection.allow_until(self._limits.until("between_chunks", between_s))
        self._count(piece)
        return piece

    def _count(self, piece: bytes) -> None:
        self._received_bytes += len(piece)
        if self._received_bytes > self._max_bytes:
            raise ProtocolError(f"the answer of {self._limits.host} is longer than {self._max_bytes} bytes")


@dataclass(slots=True)
class _Pouring:
    """Takes what a connection gives, and keeps what goes wrong for the task that waits."""

    reply: HttpReply
    into: Sink
    failure: Exception | None = None

    def take(self, at_s: float, piece: bytes) -> bool:
        try:
            received = self.reply.received(piece)
            return bool(received) and self.into(at_s, received)
        except Exception as exc:  # noqa: BLE001 - raised where the body is waited for
            self.failure = exc
            return True


@dataclass(slots=True)
class _Exchange:
    """One request and its answer, which ``async with`` gives; leaving it unread by an exception hangs up."""

    transport: HttpTransport
    request: HttpRequest
    timeouts: Timeouts
    on_sent: OnSent | None
    headers: Mapping[str, str]
    mark: SentMark = field(default_factory=SentMark)
    _connection: Connection | None = None
    _address: Address | None = None

    async def __aenter__(self) -> HttpReply:
        transport = self.transport
        pool = transport.pool or await transport.start()
        total_s = self.timeouts.total
        total_at = None if total_s is None else pool.loop.time() + total_s
        try:
            address = self._address = transport.addresses.of(self.request.url)
            request = _written(self.request, address, self.headers)
        except ValueError as exc:
            raise failures.no_address(failures.label(self.request.url)) from exc
        limits = Deadlines(self.timeouts, address.label, total_at)
        headers = await self._asked(pool, address, request, limits)
        connection = self._connection
        assert connection is not None  # noqa: S101 - for the type checker: the answer came on it
        try:
            if address.via_plain_proxy and connection.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                raise failures.refused(connection.status, address)
            unpacker = unpacker_for(headers.get("content-encoding"))
        except ValueError as exc:
            connection.hang_up()
            raise failures.interruption(exc, limits) from exc
        except BaseException:
            connection.hang_up()
            raise
        return HttpReply(
            connection.status, headers, self.mark, connection, limits, transport.max_answer_bytes, unpacker
        )

    async def _asked(
        self, pool: Pool, address: Address, request: bytes, limits: Deadlines
    ) -> Mapping[str, str]:
        """Send ``request`` and wait for the head of the answer. Raises `GatewayError`."""
        while True:
            reused = pool.take(address.origin)
            connection = self._connection = reused or await self._connected(pool, address, limits)
            if reused is not None:
                self.mark.connect_ms = 0.0
            first_token_s = self.timeouts.first_token if self.request.stream else None
            connection.allow_until(limits.until("first_token", first_token_s))
            self.mark.sent_s = self.transport.clock()
            if self.on_sent is not None:
                self.on_sent(self.mark)
            connection.ask(request)
            try:
                return await connection.head()
            except (OSError, ValueError) as exc:
                connection.hang_up()
                if reused is None or isinstance(exc, TimeoutError | ValueError) or connection.was_heard:
                    raise failures.no_answer(exc, limits, self.mark, address) from exc
                # The server gave up the idle connection while the request was on its way, as llama.cpp's
                # does after each stream: it was never read. A new connection cannot have that.
            except BaseException:
                connection.hang_up()
                raise

    async def _connected(self, pool: Pool, address: Address, limits: Deadlines) -> Connection:
        began_s = self.transport.clock()
        self.mark.sent_s = None
        try:
            async with asyncio.timeout_at(limits.until("connect", self.timeouts.connect)):
                connection = await pool.dialer.dial(address.url, address.proxy)
        except failures.dialing_errors() as exc:
            raise failures.no_answer(exc, limits, self.mark, address) from exc
        self.mark.connect_ms = round((self.transport.clock() - began_s) * 1000, 3)
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is None or self._address is None:
            return
        if not connection.is_over:
            if kind is not None:
                connection.hang_up()
                return
            await _drain(connection)
        pool = self.transport.pool
        if connection.rest() and pool is not None:
            pool.give(self._address.origin, connection)


async def _drain(connection: Connection) -> None:
    """Read the end of the answer away, if it comes at once."""
    try:
        async with asyncio.timeout(DRAIN_S):
            while await connection.more() is not None:
                pass
    except (OSError, ValueError):
        pass
    except BaseException:
        connection.hang_up()
        raise


class HttpTransport:
    """Sends requests and keeps connections. Lives in one event loop; close it with `aclose`.

    Redirects are not followed: a key must not travel to an address that nobody configured. Which
    proxies are used, `proxies` says; which certificates are trusted, `trust`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        trust: Trust | None = None,
        directly: bool = False,
    ) -> None:
        """``directly`` is `Dialer`'s: many calls that begin at once then go out at once, and whoever measures
        them beside a busy screen reads the first pieces of all of them one after the other."""
        self.clock = clock
        self.max_answer_bytes = max_answer_bytes
        self.addresses = Addresses()
        self.pool: Pool | None = None
        self._directly = directly
        self._trust = trust or (lambda: trust_store(process_environment()))
        self._starting = asyncio.Lock()

    def exchange(
        self,
        request: HttpRequest,
        *,
        timeouts: Timeouts,
        on_sent: OnSent | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Exchange:
        """Send ``request``; the reply is open inside the block, and leaving by an exception hangs up.

        ``on_sent`` is called with the mark just before the request bytes are written, so that one
        has it even when no reply comes; again when a kept connection turns out to be dead. Raises
        `ConnectFailed`, `TimedOut`, `ProtocolError`, or `InvalidRequest` when the address is none;
        what reading raises, `HttpReply` says. ``headers`` go with those of the request.
        """
        return _Exchange(self, request, timeouts, on_sent, headers or _NO_HEADERS)

    async def start(self) -> Pool:
        """Load the HTTP client ahead of the first request, off the loop: it takes a while."""
        async with self._starting:
            if self.pool is None:
                for module in ("aiohttp", "gateway_core.wire.pool"):
                    await asyncio.to_thread(importlib.import_module, module)
                from gateway_core.wire.dialing import Dialer
                from gateway_core.wire.pool import Pool

                trust = await asyncio.to_thread(self._trust)
                self.pool = Pool(Dialer(self.clock, trust, directly=self._directly))
            return self.pool

    async def aclose(self) -> None:
        """Close every connection."""
        pool, self.pool = self.pool, None
        if pool is not None:
            await pool.aclose()


def _written(request: HttpRequest, address: Address, more: Mapping[str, str]) -> bytes:
    """``request`` as it is sent. Raises `ValueError` for what cannot stand in a head.

    The first part of its head is written once for all requests that have it in common.
    """
    alike = (request.method, request.stream, *request.headers.items(), *more)
    if (first := address.heads.get(alike)) is None:
        if len(address.heads) >= MOST_HEADS:
            address.heads.clear()
        first = address.heads[alike] = _first_lines(request, address, more)
    lines = [f"{name}: {value}\r\n" for name, value in more.items()]
    if request.body or request.method != "GET":
        lines.append(f"content-length: {len(request.body)}\r\n")
    lines.append("\r\n")
    return b"".join((first, _checked(lines), request.body))


def _first_lines(request: HttpRequest, address: Address, more: Mapping[str, str]) -> bytes:
    """The head of ``request`` up to what differs from one to the next. Raises `ValueError`.

    Streams are asked for unpacked, so that no packer on the way holds events back. A proxy reads what a
    plain request says to it; to a tunnel through it, whoever opened that said it.
    """
    headers = {
        "host": address.host,
        "user-agent": _user_agent(),
        "accept": "text/event-stream, application/json" if request.stream else "application/json",
        "accept-encoding": "identity" if request.stream else "gzip, deflate",
    }
    for name, value in request.headers.items():
        headers[name.lower()] = value
    if address.login is not None and headers.setdefault("authorization", address.login) != address.login:
        raise ValueError("two who ask")
    if address.proxy is not None and address.via_plain_proxy:
        headers.update(address.proxy.headers)
    said_later = {"content-length", *more}
    lines = [f"{request.method} {address.target} HTTP/1.1\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items() if name not in said_later]
    return _checked(lines)


def _checked(lines: list[str]) -> bytes:
    """``lines`` together. Raises `ValueError` when something in them would end one before its end."""
    said = "".join(lines)
    if said.count("\n") != len(lines) or said.count("\r") != len(lines) or "\0" in said:
        raise ValueError("a header that is none")
    return said.encode()


def _user_agent() -> str:
    from gateway_core import __version__

    return f"gateway-tui/{__version__}"
