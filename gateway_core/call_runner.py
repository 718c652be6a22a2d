"""One call to one route, from waiting to its end. Everything that happens is told as signals.

The numbers are made here, in the task that reads the socket: a watcher that is slow to look at the
signals changes none of them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway_core.calls import (
    Attempt,
    CallResult,
    CallStatus,
    Cost,
    Ended,
    Preparing,
    Retrying,
    Sent,
    Signal,
    Stamped,
    Waiting,
    Warned,
)
from gateway_core.errors import GatewayError, InternalError, StreamInterrupted, TimedOut, TimeoutPhase
from gateway_core.events import Event, Finished, Fold, Response
from gateway_core.exchange import Exchange, Services, Signer, Transport
from gateway_core.keys import redact
from gateway_core.limits import Gate
from gateway_core.metering import Meter
from gateway_core.params import require_kinds
from gateway_core.portions import Answered, portions_of, require_every_vector
from gateway_core.providers.base import HttpRequest, Playback, Step
from gateway_core.retry import RetryPolicy
from gateway_core.routes import Route
from gateway_core.settling import is_quick, settled
from gateway_core.types import Request

Emit = Callable[[Stamped], None]
Pace = Callable[[], Awaitable[object] | None]
"""What is to be waited for before more of a stream is read, if anything; asked after each piece."""


class Clock(Protocol):
    """Where time and chance come from, so that tests can bring their own."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    def now(self) -> datetime:
        """Wall clock, aware."""

    def random(self) -> float:
        """A number in [0, 1)."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call needs from the world."""

    transport: Transport
    services: Services
    clock: Clock
    signer: Signer | None = None


@dataclass(slots=True)
class CallRunner:
    """Runs one call. ``emit`` is called for every signal, in order, the last one being `Ended`."""

    route: Route
    request: Request
    emit: Emit
    world: Surroundings
    limiter: Gate | None = None
    tried: int = 0
    """Attempts that this call has behind it on other routes."""
    pace: Pace | None = None
    only_end: bool = False
    """True when nobody wants to be told anything but the end."""
    _meter: Meter = field(init=False)
    _fold: Fold = field(init=False, default_factory=Fold)
    _answered: Answered | None = field(init=False, default=None)
    """Portions before the one that ``_fold`` collects."""
    _retried: list[Attempt] = field(init=False, default_factory=list)
    _warnings: list[str] = field(init=False, default_factory=list)
    _attempt: int = field(init=False, default=0)
    _attempts_done: int = field(init=False, default=0)
    """The number of the try that got the portion before: nobody is told of a portion that needs no other."""

    def __post_init__(self) -> None:
        self._meter = Meter(self.world.clock.monotonic(), streaming=self.request.stream)

    async def run(self) -> CallResult:
        """Make the call. Failures are results; only being cancelled is raised, after `Ended`."""
        try:
            self.route.require_ready()
            await (self._made() if self.limiter is None else self._admitted(self.limiter))
        except asyncio.CancelledError:
            self._finish(self._result("cancelled"))
            raise
        except GatewayError as error:
            return self._finish(self._result("error", error=self._named(error)))
        except Exception as exc:  # noqa: BLE001 - a bug of ours must stay in its lane
            return self._finish(self._result("error", error=self._bug(exc)))
        response, now = self._collected(), self.world.clock.now()
        if is_quick(response, self.route):
            return self._finish(self._result("ok", *settled(response, self.route, self.request, now)))
        return await self._settled_aside(response, now)

    @property
    def has_content(self) -> bool:
        """True once anything of the answer arrived: from then on nobody else may be asked."""
        return self._meter.has_content

    async def _settled_aside(self, response: Response, now: datetime) -> CallResult:
        try:
            known = await asyncio.to_thread(settled, response, self.route, self.request, now)
        except asyncio.CancelledError:
            self._finish(self._result("ok", response))
            raise
        return self._finish(self._result("ok", *known))

    async def _admitted(self, limiter: Gate) -> None:
        clock = self.world.clock
        async with limiter.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=self._waiting):
            await self._made()

    async def _made(self) -> None:
        self._meter.admitted(self.world.clock.monotonic())
        first, *others = portions_of(self.route.with_defaults(self.request), self.route.provider)
        await self._got(first)
        for portion in others:
            self._answered = self._answered or Answered()
            self._answered.add(self._fold.response())
            self._fold, self._attempts_done = Fold(), self._attempt
            await self._got(portion)

    async def _got(self, request: Request) -> None:
        """Ask until there is an answer, or no sense in asking again."""
        while True:
            self._attempt = len(self._retried) + 1
            try:
                what = self._prepared(request)
                await (self._play(what) if isinstance(what, Playback) else self._exchanged(what))
                return self._require_whole(request)
            except GatewayError as error:
                self._named(error)
                delay_s = None if self._has_begun else self._delay_s(error)
                if delay_s is None:
                    raise
                self._retried.append(Attempt(error, delay_s))
                self._tell(Retrying(self.tried + self._attempt, delay_s, error))
            await self.world.clock.sleep(delay_s)

    @property
    def _has_begun(self) -> bool:
        """True once anything of the answer to this portion arrived: it is not asked for again."""
        if self._answered is None:
            return self.has_content
        return bool(self._fold.response().embeddings)

    def _collected(self) -> Response:
        """Everything that has arrived, of all portions."""
        response = self._fold.response()
        return response if self._answered is None else self._answered.with_last(response)

    def _delay_s(self, error: GatewayError) -> float | None:
        """A portion has as many tries as a call of its own would have."""
        policy = RetryPolicy(self.route.config.retries)
        before = max(0, self._attempts_done - 1)
        return policy.delay_s(self._attempt - before, error, self.world.clock.random())

    def _prepared(self, request: Request) -> HttpRequest | Playback:
        require_kinds(request.params)
        what = self.route.provider.request(request)
        self.route.require_supported(request, what.warnings)
        for warning in (*what.warnings, *what.remarks):
            self._warn(warning)
        return what

    def _exchanged(self, what: HttpRequest) -> Awaitable[None]:
        world = self.world
        return Exchange(self.route, what, world.transport, world.services, world.signer).run(self)

    def _require_whole(self, request: Request) -> None:
        response = self._fold.response()
        if not response.finished:
            raise StreamInterrupted("the answer stopped before its end; what had arrived is kept")
        require_every_vector(request, response)

    async def _play(self, playback: Playback) -> None:
        start_s = self.world.clock.monotonic()
        self.sent(start_s, 0.0)
        due_s = start_s
        for step in playback.steps:
            due_s += step.delay_s
            await self._wait_for(step, due_s, start_s)
            at_s = self.world.clock.monotonic()
            if isinstance(step.event, GatewayError):
                self._meter.ended(at_s)
                raise step.event
            self.received(at_s, step.event)
            if (pause := self.pause()) is not None:
                await pause
        self._meter.ended(self.world.clock.monotonic())

    async def _wait_for(self, step: Step, due_s: float, start_s: float) -> None:
        """Wait for a played step under the same time limits that a socket would be read with."""
        limits = self.route.config.timeouts
        phase: TimeoutPhase = "between_chunks" if self._meter.has_content else "first_token"
        patience_s = limits.between_chunks if self._meter.has_content else limits.first_token
        ends: list[tuple[float, TimeoutPhase, float]] = []
        if patience_s is not None:
            ends.append((due_s - step.delay_s + patience_s, phase, patience_s))
        if limits.total is not None:
            ends.append((start_s + limits.total, "total", limits.total))
        end_s, missed, limit_s = min(ends, default=(math.inf, phase, math.inf))
        if (wait_s := min(due_s, end_s) - self.world.clock.monotonic()) > 0:
            await self.world.clock.sleep(wait_s)
        if end_s < due_s:
            raise timed_out(missed, limit_s)

    def preparing(self, what: str) -> None:
        """Something this call needs is being made ready."""
        self._tell(Preparing(what))

    def sending(self) -> None:
        """The request is about to leave; the exact moment follows with `sent`."""
        if self._attempt > self._attempts_done and not self.only_end:
            self._tell(Sent(self.tried + self._attempt))

    def sent(self, at_s: float, connect_ms: float | None) -> None:
        """The request bytes were about to be written at ``at_s``; those of a call are its first portion's."""
        if self._answered is None:
            self._meter.sent(at_s, connect_ms)
        if self._attempt > self._attempts_done and not self.only_end:
            self.emit(Stamped(at_s, Sent(self.tried + self._attempt, connect_ms)))

    def unstreamed(self) -> None:
        """The answer comes in one piece: there is no first token to time."""
        self._meter.streaming = False

    def received(self, at_s: float, event: Event) -> None:
        """``event`` was in bytes read at ``at_s``."""
        if (told := self._fold.add(event)) is not None:
            if self._answered is not None:
                told = self._answered.placed(told)
            self._meter.received(at_s, told)
            if not self.only_end:
                self.emit(Stamped(at_s, told))

    def pause(self) -> Awaitable[object] | None:
        """What to wait for before more is read: then the provider has to wait as well."""
        return self.pace() if self.pace is not None else None

    def ended(self, at_s: float) -> None:
        """The last byte was read at ``at_s``."""
        self._meter.ended(at_s)

    def completed(self, at_s: float) -> None:
        """The provider said at ``at_s`` that nothing more follows.

        Some OpenAI-compatible servers end a whole answer so without ever giving a finish reason; what that
        means is the provider's ``silent_end``.
        """
        if self._meter.has_content and not (told := self._fold.response()).finished:
            for candidate in told.candidates:
                if candidate.finish_reason is None:
                    self.received(at_s, Finished(self.route.provider.silent_end, index=candidate.index))
        self._meter.ended(at_s)

    def _waiting(self, reason: str) -> None:
        self._tell(Waiting(reason))

    def _warn(self, message: str) -> None:
        if message not in self._warnings:
            self._warnings.append(message)
            self._tell(Warned(message))

    def _tell(self, signal: Signal) -> None:
        if not self.only_end:
            self.emit(Stamped(self.world.clock.monotonic(), signal))

    def _named(self, error: GatewayError) -> GatewayError:
        """``error`` with the names of who failed, and without any secret."""
        error.provider, error.route = self.route.config.model.provider, self.route.name
        secrets = self.route.secrets
        error.message = redact(error.message, secrets)
        error.code = None if error.code is None else redact(error.code, secrets)
        error.request_id = None if error.request_id is None else redact(error.request_id, secrets)
        error.args = (error.message,)
        return error

    def _bug(self, exc: Exception) -> GatewayError:
        text = redact(f"{type(exc).__name__}: {exc}", self.route.secrets)
        bug = InternalError(f"a fault in gateway-tui itself, please report it: {text}")
        bug.__cause__ = exc
        return self._named(bug)

    def _result(
        self,
        status: CallStatus,
        response: Response | None = None,
        cost: Cost | None = None,
        error: GatewayError | None = None,
    ) -> CallResult:
        if not self._meter.has_latency:
            self._meter.ended(self.world.clock.monotonic())
        if response is None:
            response = self._collected()
        return CallResult(
            status=status,
            response=response,
            timing=self._meter.timing(),
            error=error,
            cost=cost,
            attempts=max(1, self._attempt),
            retried=tuple(self._retried),
            warnings=tuple(self._warnings),
            chunks=tuple(self._meter.chunks),
            served_by=self.route.served_by,
        )

    def _finish(self, result: CallResult) -> CallResult:
        self.emit(Stamped(self.world.clock.monotonic(), Ended(result)))
        return result


def timed_out(phase: TimeoutPhase, limit_s: float) -> TimedOut:
    """The error of a time limit of ``limit_s`` seconds, in words."""
    missed = {
        "connect": "no connection was made",
        "first_token": "nothing of the answer arrived",
        "between_chunks": "the answer fell silent",
        "total": "the answer was not complete",
    }[phase]
    return TimedOut(f"{missed} within {limit_s:g} s (timeout: {phase})", phase=phase)
