"""One HTTP exchange of a call: send, frame, decode, stamp."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway_core.config.model import Timeouts
from gateway_core.errors import GatewayError, InternalError, ProtocolError, StreamInterrupted, TransportError
from gateway_core.events import Event
from gateway_core.keys import Secret, redact
from gateway_core.providers.base import Frame, Framing, HttpRequest, LocalService, Provider
from gateway_core.providers.excerpts import one_line
from gateway_core.routes import Route
from gateway_core.wire.eventstream import EventStreamFramer
from gateway_core.wire.ndjson import NdjsonFramer
from gateway_core.wire.sse import SseFramer

MAX_ERROR_BYTES = 1_000_000
MAX_BODY_BYTES = 64_000_000
MAX_OPENING_BYTES = 1_000_000
"""What is kept of a stream until its first message, because it may be a whole answer or a page instead."""
_STREAM_LINE = re.compile(rb"\s*(?::|data|event|id|retry)")


class Endpoint(Protocol):
    """Where a local service listens."""

    @property
    def base_url(self) -> str:
        """For example ``http://127.0.0.1:43121``."""

    @property
    def key(self) -> Secret:
        """Its bearer key."""


class Services(Protocol):
    """Runs programs of this machine that routes need."""

    async def ensure(self, service: LocalService, *, timeout_s: float) -> Endpoint:
        """The address of ``service``, started if need be. Raises `BackendUnavailable`."""

    async def alive(self, service: LocalService) -> bool:
        """True when it runs and answers."""

    def failure(self, service: LocalService) -> GatewayError | None:
        """Why it is not running any more, when it died."""


class Mark(Protocol):
    """When a request left; filled in by the transport."""

    @property
    def sent_s(self) -> float | None:
        """Just before the request bytes were written."""

    @property
    def connect_ms(self) -> float | None:
        """0 on a connection that was open already."""


OnSent = Callable[[Any], None]
"""Takes a `Mark`."""


class Reply(Protocol):
    """An HTTP answer whose body has not been read."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names are lower case."""

    @property
    def mark(self) -> Mark:
        """When the request left."""

    async def pour(self, take: Callable[[float, bytes], bool]) -> bool:
        """Give the body to ``take`` as it arrives, each piece with the moment it was read.

        True when ``take`` wanted no more for now, which it says by being true; false at the end of the body.
        Raises `GatewayError`, and what ``take`` raises.
        """

    async def whole(self, limit_bytes: int) -> tuple[float, bytes]:
        """The whole body, and when its last piece was read. Raises `ProtocolError` when it is longer."""


class Transport(Protocol):
    """Sends HTTP requests."""

    def exchange(
        self, request: HttpRequest, *, timeouts: Timeouts, on_sent: OnSent | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        """Send ``request``; the reply is open inside the block. Raises `TransportError`.

        ``on_sent`` is called just before the request bytes are written.
        """


class Signer(Protocol):
    """Signs requests for AWS."""

    async def sign(self, request: HttpRequest, *, preparing: Callable[[str], None]) -> HttpRequest:
        """``request`` as it may be sent now, signed as its ``signing`` says.

        ``preparing`` is told what has to be waited for. Raises `GatewayError`.
        """


class Watcher(Protocol):
    """Who is told what happens during an exchange."""

    def preparing(self, what: str) -> None: ...
    def sending(self) -> None: ...
    def unstreamed(self) -> None: ...
    def sent(self, at_s: float, connect_ms: float | None) -> None: ...
    def received(self, at_s: float, event: Event) -> None: ...
    def ended(self, at_s: float) -> None: ...
    def completed(self, at_s: float) -> None: ...
    def pause(self) -> Awaitable[object] | None: ...


class Framer(Protocol):
    """Cuts the bytes of a stream into messages."""

    def feed(self, data: bytes) -> Iterable[Frame]:
        """The messages that ``data`` completes. Raises `ProtocolError`, also while they are taken."""

    def flush(self) -> Iterable[Frame]:
        """What the end of the stream leaves. Raises `ProtocolError`."""


FRAMERS: Mapping[Framing, Callable[[], Framer]] = {
    "sse": SseFramer,
    "ndjson": NdjsonFramer,
    "eventstream": EventStreamFramer,
}

START_TIMEOUT_S = 120.0
"""A model may have to be read from a slow disk before its server answers."""


@dataclass(slots=True)
class Exchange:
    """Sends one `HttpRequest` and turns the reply into events, stamped when their bytes were read."""

    route: Route
    request: HttpRequest
    transport: Transport
    services: Services
    signer: Signer | None = None

    def run(self, watcher: Watcher) -> Awaitable[None]:
        """Make the exchange. Raises `GatewayError`; what had arrived has been told by then."""
        request = self.request
        if request.service is not None:
            return self._send_to_service(request, request.service, watcher)
        if request.signing is not None:
            return self._send_signed(request, watcher)
        return self._send(request, watcher)

    async def _send_to_service(self, request: HttpRequest, service: LocalService, watcher: Watcher) -> None:
        request = await self._addressed(request, service, watcher)
        try:
            await self._send(request, watcher)
        except TransportError as error:
            if not await self.services.alive(service) and (death := self.services.failure(service)):
                raise death from error
            raise

    async def _addressed(self, request: HttpRequest, service: LocalService, watcher: Watcher) -> HttpRequest:
        if not await self.services.alive(service):
            watcher.preparing(f"loading {service.model.rsplit('/', 1)[-1]}")
        endpoint = await self.services.ensure(service, timeout_s=START_TIMEOUT_S)
        headers = {**request.headers, "authorization": f"Bearer {endpoint.key.reveal()}"}
        return replace(request, url=endpoint.base_url + request.url, headers=headers, service=None)

    async def _send_signed(self, request: HttpRequest, watcher: Watcher) -> None:
        if self.signer is None:
            raise InternalError("nobody is here who signs requests for AWS")
        await self._send(await self.signer.sign(request, preparing=watcher.preparing), watcher)

    async def _send(self, request: HttpRequest, watcher: Watcher) -> None:
        watcher.sending()

        def sent(mark: Mark) -> None:
            if mark.sent_s is not None:
                watcher.sent(mark.sent_s, mark.connect_ms)

        timeouts = self.route.config.timeouts
        try:
            async with self.transport.exchange(request, timeouts=timeouts, on_sent=sent) as reply:
                if reply.status >= 300:
                    raise await self._refusal(reply)
                if request.stream and self._is_stream(reply):
                    await self._read_stream(reply, watcher)
                else:
                    await self._read_whole(reply, watcher)
        except GatewayError as error:
            error.message = redact(error.message, request.secrets)
            error.args = (error.message,)
            raise

    @property
    def _framing(self) -> Framing:
        return self.request.framing or self.route.provider.framing

    def _is_stream(self, reply: Reply) -> bool:
        """Some servers ignore ``stream`` and answer in one JSON body; believe the reply."""
        kind = _essence(reply)
        if self._framing == "eventstream" and kind.startswith("text/"):
            return False  # a page; as a stream its first letters would be a length
        return self._framing == "ndjson" or "json" not in kind

    async def _refusal(self, reply: Reply) -> GatewayError:
        if reply.status < 400:
            return ProtocolError(
                f"the server answered with a redirect ({reply.status}) to {_place(reply)}, which is not "
                "followed: correct the base URL",
                status_code=reply.status,
            )
        try:
            _, body = await reply.whole(MAX_ERROR_BYTES)
        except ProtocolError:  # too long to be a sentence; the status still says what it is
            body = b""
        return self.route.provider.error(reply.status, reply.headers, body)

    async def _read_whole(self, reply: Reply, watcher: Watcher) -> None:
        watcher.unstreamed()
        read_at_s, body = await reply.whole(MAX_BODY_BYTES)
        provider = self.route.provider
        for event in (*provider.headed(reply.headers), *provider.parse(body)):
            watcher.received(read_at_s, event)
        watcher.ended(read_at_s)

    async def _read_stream(self, reply: Reply, watcher: Watcher) -> None:
        provider, framer, at_s = self.route.provider, FRAMERS[self._framing](), reply.mark.sent_s or 0.0
        reading = _Reading(provider, framer, watcher, at_s, provider.headed(reply.headers))
        while await reply.pour(reading.take):
            if reading.is_over:
                watcher.completed(reading.at_s)
                return
            if (pause := reading.pause) is not None:
                await pause
        self._read_end(reading)

    def _read_end(self, reading: _Reading) -> None:
        """What there is to be told once the last byte was read."""
        framed = reading.framed
        try:
            if reading.tell(reading.framer.flush()):
                reading.watcher.completed(reading.at_s)
                return
        except ProtocolError as torso:
            if self._framing == "ndjson" and not framed:  # one line that is no JSON was never a stream
                raise
            raise StreamInterrupted("the answer broke off in the middle of a message") from torso
        if not reading.framed and not _STREAM_LINE.match(reading.opening):
            reading.watcher.unstreamed()
            for event in reading.provider.parse(bytes(reading.opening)):
                reading.watcher.received(reading.at_s, event)
        reading.watcher.ended(reading.at_s)


@dataclass(slots=True)
class _Reading:
    """Reads one stream: pieces go in, events come out, in the moment they arrive."""

    provider: Provider
    framer: Framer
    watcher: Watcher
    at_s: float
    """When the last piece arrived."""
    headed: Iterable[Event]
    """What the head told, which is told with the first piece."""
    framed: bool = False
    """True once the stream had a message."""
    is_over: bool = False
    """True once it had its last."""
    opening: bytearray = field(default_factory=bytearray)
    pause: Awaitable[object] | None = None
    """What is to be waited for before there can be more."""

    def take(self, at_s: float, piece: bytes) -> bool:
        """Read on; true when nothing more can be taken, for now or at all. Raises `GatewayError`."""
        self.at_s = at_s
        for event in self.headed:
            self.watcher.received(at_s, event)
        self.headed = ()
        self.is_over = self.tell(self.framer.feed(piece))
        if self.is_over:
            return True
        if not self.framed:
            self.opening += piece[: MAX_OPENING_BYTES - len(self.opening)]
        self.pause = self.watcher.pause()
        return self.pause is not None

    def tell(self, frames: Iterable[Frame]) -> bool:
        """Tell the events of ``frames``; true when one of them is the last of the stream."""
        provider, received = self.provider, self.watcher.received
        for frame in frames:
            self.framed = True
            for event in provider.decode(frame):
                received(self.at_s, event)
            if provider.is_last(frame):
                return True
        return False


def _place(reply: Reply) -> str:
    """Where a redirect leads, for a person: without the query, which may hold a token."""
    where = reply.headers.get("location", "").partition("?")[0].partition("#")[0]
    return one_line(where, limit=200) or "nowhere"


def _essence(reply: Reply) -> str:
    """The media type of a reply without its parameters."""
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()
