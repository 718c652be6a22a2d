"""A transport over an httpx client that an embedder brings: their proxies, certificates, authentication
and test doubles, instead of ours.

`HttpTransport` is what the program itself uses, because it costs less for each call and holds its
times under many connections. The promises are the same; where httpx does not tell when a request was
written (a mock transport), the moment before sending counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from gateway_core.config.model import Timeouts
from gateway_core.errors import ConnectFailed, GatewayError, InvalidRequest, ProtocolError, StreamInterrupted
from gateway_core.providers.base import HttpRequest
from gateway_core.wire.deadlines import Deadlines, SentMark

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 64 * 2**20
OnSent = Callable[[SentMark], None]


@dataclass(slots=True)
class _Trace:
    """Listens to httpx's trace extension for the opening of the connection and the first write."""

    mark: SentMark
    clock: Callable[[], float]
    connecting_s: float | None = None

    async def __call__(self, name: str, info: Mapping[str, Any]) -> None:
        if name.startswith("connection.connect") and name.endswith(".started"):
            self.connecting_s = self.connecting_s or self.clock()
        elif name.endswith("send_request_headers.started"):
            self.wrote()

    def wrote(self) -> None:
        """The request is about to be written."""
        if self.mark.sent_s is None:
            now_s = self.clock()
            self.mark.sent_s = now_s
            self.mark.connect_ms = round((now_s - (self.connecting_s or now_s)) * 1000, 3)


@dataclass(slots=True)
class HttpxReply:
    """An httpx answer whose body has not been read. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    mark: SentMark
    _response: httpx.Response = field(repr=False)
    _limits: Deadlines = field(repr=False)
    _clock: Callable[[], float] = field(repr=False)
    _expires_at: float | None = field(repr=False)
    _max_bytes: int = MAX_ANSWER_BYTES
    _body: AsyncIterator[bytes] | None = field(default=None, repr=False)

    def chunks(self) -> AsyncIterator[tuple[float, bytes]]:
        """The unpacked body as it arrives, each piece with the moment it was read.

        Raises `TimedOut`, `StreamInterrupted`, or `ProtocolError` when it is too long.
        """
        self._body = self._response.aiter_bytes()
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[float, bytes]:
        import httpx

        assert self._body is not None  # noqa: S101 - for the type checker: `chunks` has set it
        try:
            async with asyncio.timeout_at(self._expires_at):
                data = await anext(self._body)
        except TimeoutError as exc:
            raise self._limits.ran_out() from exc
        except httpx.HTTPError as exc:
            raise StreamInterrupted(f"{self._limits.host} broke off in the middle of its answer") from exc
        read_s = self._clock()
        self._max_bytes -= len(data)
        if self._max_bytes < 0:
            raise ProtocolError(f"the answer of {self._limits.host} is too long")
        self._expires_at = self._limits.until("between_chunks", self._limits.timeouts.between_chunks)
        return read_s, data

    async def pour(self, take: Callable[[float, bytes], bool]) -> bool:
        """Give the body to ``take`` piece by piece: true when it wanted no more for now, false at the end.

        Raises as `chunks`, and what ``take`` raises.
        """
        pieces = self if self._body is not None else self.chunks()
        async for at_s, data in pieces:
            if take(at_s, data):
                return True
        return False

    async def whole(self, limit_bytes: int) -> tuple[float, bytes]:
        """The whole body, with the moment its last piece was read.

        Raises as `chunks`, and `ProtocolError` above ``limit_bytes``.
        """
        self._max_bytes = min(limit_bytes, self._max_bytes)
        at_s, pieces = self.mark.sent_s or 0.0, []
        async for at_s, data in self.chunks():  # noqa: B007 - the last moment counts
            pieces.append(data)
        return at_s, b"".join(pieces)


class HttpxTransport:
    """Sends requests through ``client``, which stays its owner's to close."""

    def __init__(self, client: httpx.AsyncClient, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._client = client
        self._clock = clock

    @asynccontextmanager
    async def exchange(
        self, request: HttpRequest, *, timeouts: Timeouts, on_sent: OnSent | None = None
    ) -> AsyncIterator[HttpxReply]:
        """As `HttpTransport.exchange`; ``on_sent`` is called once the answer begins."""
        total_at = None if timeouts.total is None else asyncio.get_running_loop().time() + timeouts.total
        host = urlsplit(request.url).netloc.rpartition("@")[2]
        limits = Deadlines(timeouts, host, total_at)
        mark = SentMark()
        response, expires_at = await self._send(request, limits, mark)
        if on_sent is not None:
            on_sent(mark)
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            yield HttpxReply(response.status_code, headers, mark, response, limits, self._clock, expires_at)
        finally:
            await response.aclose()

    async def _send(
        self, request: HttpRequest, limits: Deadlines, mark: SentMark
    ) -> tuple[httpx.Response, float | None]:
        import httpx

        trace = _Trace(mark, self._clock)
        first_token_s = limits.timeouts.first_token if request.stream else None
        try:
            built = self._client.build_request(
                request.method,
                request.url,
                content=request.body,
                headers=dict(request.headers),
                timeout=httpx.Timeout(None, connect=limits.timeouts.connect),
                extensions={"trace": trace},
            )
            expires_at = limits.until("first_token", first_token_s)
            if self._is_untraced:
                trace.wrote()
            async with asyncio.timeout_at(expires_at):
                response = await self._client.send(built, stream=True, follow_redirects=False)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as exc:
            raise _no_answer(exc, limits) from exc
        trace.wrote()
        return response, expires_at

    @property
    def _is_untraced(self) -> bool:
        """Only httpx's own transport reports what it does."""
        import httpx

        return not isinstance(self._client._transport, httpx.AsyncHTTPTransport)


def _no_answer(exc: Exception, limits: Deadlines) -> GatewayError:
    import httpx

    if isinstance(exc, httpx.ConnectTimeout):
        limits.phase = "connect"
        return limits.ran_out()
    if isinstance(exc, TimeoutError):
        return limits.ran_out()
    if isinstance(exc, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return InvalidRequest(f"no request can be sent to {limits.host}: that is not a valid http(s) address")
    if isinstance(exc, httpx.RemoteProtocolError):
        return ConnectFailed(f"{limits.host} closed the connection without an answer")
    return ConnectFailed(f"no connection to {limits.host}: {str(exc) or type(exc).__name__}")
