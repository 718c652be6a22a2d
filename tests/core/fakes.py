"""A provider, a transport and services whose behaviour a test spells out."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from gateway_core.calls import Stamped
from gateway_core.config.model import Config, Model, RouteConfig, Timeouts
from gateway_core.errors import GatewayError
from gateway_core.keys import Secret
from gateway_core.providers.base import HttpRequest, LocalService, Playback, Provider, Step
from gateway_core.routes import Route
from gateway_core.types import ChatRequest, Message, Request
from tests.core.clock import FakeClock

ASK = ChatRequest((Message("user", "hi"),))


@dataclass
class SentMark:
    """When a request left."""

    sent_s: float | None = None
    connect_ms: float | None = None


@dataclass
class FakeReply:
    """A reply whose pieces arrive at given moments of the fake clock."""

    clock: FakeClock
    status: int
    headers: Mapping[str, str]
    pieces: list[tuple[float, bytes] | GatewayError]
    mark: SentMark = field(default_factory=SentMark)
    pouring: AsyncIterator[tuple[float, bytes]] | None = None

    async def chunks(self) -> AsyncIterator[tuple[float, bytes]]:
        for piece in self.pieces:
            if isinstance(piece, GatewayError):
                raise piece
            delay_s, data = piece
            await self.clock.sleep(delay_s)
            yield self.clock.monotonic(), data

    async def pour(self, take: Callable[[float, bytes], bool]) -> bool:
        if self.pouring is None:
            self.pouring = self.chunks()
        async for at_s, data in self.pouring:
            if take(at_s, data):
                return True
        return False

    async def whole(self, limit_bytes: int) -> tuple[float, bytes]:
        at_s, pieces = self.mark.sent_s or 0.0, []
        async for at_s, data in self.chunks():  # noqa: B007 - the last moment counts
            pieces.append(data)
        return at_s, b"".join(pieces)[:limit_bytes]


@dataclass
class FakeTransport:
    """Answers one exchange after the other from ``replies``; a failure instead of a reply is raised."""

    replies: list[FakeReply | GatewayError]
    sent: list[HttpRequest] = field(default_factory=list)

    @asynccontextmanager
    async def exchange(
        self, request: HttpRequest, *, timeouts: Timeouts, on_sent: Callable[[Any], None] | None = None
    ) -> AsyncIterator[FakeReply]:
        self.sent.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, GatewayError):
            raise reply
        reply.mark = SentMark(reply.clock.monotonic(), 5.0)
        if on_sent is not None:
            on_sent(reply.mark)
        yield reply


@dataclass
class FakeEndpoint:
    """Where the fake service listens."""

    base_url: str = "http://127.0.0.1:9"
    key: Secret = field(default_factory=lambda: Secret("service-key"))


@dataclass
class FakeServices:
    """A local service that is up, down or dead."""

    up: bool = True
    death: GatewayError | None = None

    async def ensure(self, service: LocalService, *, timeout_s: float) -> FakeEndpoint:
        self.up = True
        return FakeEndpoint()

    async def alive(self, service: LocalService) -> bool:
        return self.up

    def failure(self, service: LocalService) -> GatewayError | None:
        return self.death


class PlayingProvider(Provider):
    """Plays the steps found in its configuration, one list per attempt."""

    name = "playing"
    route_types = ("llm/v1/chat", "llm/v1/completions", "llm/v1/embeddings")
    attempt = 0

    @override
    def request(self, request: Request) -> Playback:
        scripts = self.model.config["attempts"]
        steps = scripts[min(self.attempt, len(scripts) - 1)]
        self.attempt += 1
        return Playback(tuple(Step(*step) for step in steps), self.model.config.get("warnings", ()))

    @override
    def parse(self, body: bytes) -> Iterable[Any]:
        raise AssertionError

    @override
    def decode(self, frame: Any) -> Iterable[Any]:
        raise AssertionError

    @override
    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        raise AssertionError


def playing(*attempts: list[tuple[float, Any]], warnings: tuple[str, ...] = (), **settings: Any) -> Route:
    """A route that plays ``attempts``; ``settings`` are those of `RouteConfig`."""
    model = Model("playing", "played", {"attempts": attempts, "warnings": warnings})
    config = RouteConfig("played", "llm/v1/chat", model, **settings)
    return Route(config, PlayingProvider(model))


def config_of(*routes: RouteConfig) -> Config:
    """A configuration of these routes."""
    return Config("test.yaml", routes)


@dataclass
class Told:
    """Collects what a call tells."""

    signals: list[Stamped] = field(default_factory=list)

    def __call__(self, stamped: Stamped) -> None:
        self.signals.append(stamped)

    def kinds(self) -> list[str]:
        return [type(s.signal).__name__ for s in self.signals]
