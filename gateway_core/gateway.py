"""The gateway: ask a route by name, get one answer or a stream, whoever stands behind it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway_core import pricing
from gateway_core.call_runner import CallRunner, Clock, Pace, Surroundings
from gateway_core.calls import CallResult, Stamped
from gateway_core.counting import count
from gateway_core.events import Response
from gateway_core.exchange import Services, Transport
from gateway_core.fanout import LaneCall, fan_out
from gateway_core.limits import Gate, Limiter
from gateway_core.local.supervisor import LocalServices
from gateway_core.routes import Route, RouteTable
from gateway_core.serving import Serving
from gateway_core.tokens import TokenCount
from gateway_core.types import ChatRequest, CompletionRequest, EmbeddingRequest, Message, Params, Request
from gateway_core.wire.aws import AwsSigner
from gateway_core.wire.http import HttpTransport
from gateway_core.wire.trust import Trust

_R = TypeVar("_R", HttpTransport, LocalServices)


class SystemClock:
    """Time and chance of this machine."""

    def monotonic(self) -> float:
        """Seconds; the highest resolution clock that never goes back."""
        return time.perf_counter()

    def now(self) -> datetime:
        """Wall clock in UTC."""
        return datetime.now(UTC)

    def random(self) -> float:
        """A number in [0, 1), for jitter only."""
        return random.random()  # noqa: S311 - jitter, not secrecy

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Gateway:
    """Calls the routes of a table. Lives in one event loop; close it, or use ``async with``.

    ``table`` may be replaced at any time: calls under way keep the route they started with.
    """

    def __init__(
        self,
        table: RouteTable,
        *,
        transport: Transport | None = None,
        services: Services | None = None,
        clock: Clock | None = None,
        trust: Trust | None = None,
        limiters: Callable[[Route], Gate | None] | None = None,
    ) -> None:
        """``trust`` gives the certificates that the gateway's own transport trusts; by default the system's
        and those of `gateway_core.wire.trust`. ``limiters`` holds routes to their limits in another way than
        by waiting within this process."""
        self.table = table
        clock = clock or SystemClock()
        self._owned: list[HttpTransport | LocalServices] = []
        self._world = Surroundings(
            transport or self._own(HttpTransport(clock=clock.monotonic, trust=trust)),
            services or self._own(LocalServices()),
            clock,
            AwsSigner(now=clock.now),
        )
        self._limiter = limiters or self._own_limiter
        self._limiters: dict[str, Limiter] = {}

    def _own(self, resource: _R) -> _R:
        self._owned.append(resource)
        return resource

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def warm(self) -> None:
        """Load what the first call would otherwise wait for; may be left out."""
        for resource in self._owned:
            if isinstance(resource, HttpTransport):
                await resource.start()
        if any(route.provider.priced_as for route in self.table):
            await asyncio.to_thread(pricing.preload)

    async def aclose(self) -> None:
        """Close connections and stop local servers."""
        for resource in self._owned:
            await resource.aclose()

    def run(
        self,
        route: Route,
        request: Request,
        emit: Callable[[Stamped], None],
        *,
        pace: Pace | None = None,
        only_end: bool = False,
    ) -> Coroutine[Any, Any, CallResult]:
        """Make one call; ``emit`` is told everything. Failures are results, not exceptions.

        ``pace`` is for who cannot take a stream as fast as it comes, ``only_end`` for who wants to be told
        nothing but `Ended`.
        """
        if route.fallbacks or route.shares:
            return Serving(route, request, emit, self._world, self._limiter, pace).run()
        limiter = self._limiter(route)
        return CallRunner(route, request, emit, self._world, limiter, pace=pace, only_end=only_end).run()

    def _own_limiter(self, route: Route) -> Gate | None:
        limit = route.config.limit
        if limit is None:
            return None
        limiter = self._limiters.get(route.name)
        if limiter is None or limiter.limit != limit:
            limiter = self._limiters[route.name] = Limiter(limit)
        return limiter

    @asynccontextmanager
    async def open(self, route: str, request: Request) -> AsyncIterator[AsyncIterator[Stamped]]:
        """Call the route of that name and iterate over what happens; leaving the block cancels it.

        Raises `RouteNotFound`. How the call ended is in its last signal, `Ended`.
        """
        call = LaneCall(route, self.table.get(route), request)
        async with fan_out(self, [call]) as signals:
            yield (stamped async for _, stamped in signals)

    async def chat(
        self, route: str, messages: Sequence[Message] | str, params: Params | None = None
    ) -> Response:
        """One whole answer of a chat route. Raises the `GatewayError` of a failed call."""
        turns = (Message("user", messages),) if isinstance(messages, str) else tuple(messages)
        return await self._whole(route, ChatRequest(turns, params or {}, stream=False))

    async def complete(self, route: str, prompt: str, params: Params | None = None) -> Response:
        """One whole answer of a completions route. Raises as `chat`."""
        return await self._whole(route, CompletionRequest(prompt, params or {}, stream=False))

    async def embed(self, route: str, inputs: Sequence[str], params: Params | None = None) -> Response:
        """One vector per input, in order, of an embeddings route. Raises as `chat`."""
        return await self._whole(route, EmbeddingRequest(tuple(inputs), params or {}))

    async def count_tokens(self, route: str, request: Request) -> TokenCount:
        """Input tokens of ``request`` on a route: the provider's own count where it offers one.

        ``source`` says how far to trust it. Raises as `chat`, and `RouteNotFound`.
        """
        return await count(self.table.get(route), request, self._world)

    async def _whole(self, name: str, request: Request) -> Response:
        result = await self.run(self.table.get(name), request, lambda _: None)
        if result.error is not None:
            raise result.error
        return result.response
