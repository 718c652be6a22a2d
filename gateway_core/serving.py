"""Who serves a call: a traffic split picks one of its destinations, and a route that fails has fallbacks.

The route that serves is called as if it had been asked by name: with its own model, parameters, system
prompt, price, limit, retries and time limits, and with nothing of the route that passed the call on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from gateway_core.call_runner import CallRunner, Clock, Emit, Pace, Surroundings
from gateway_core.calls import CallResult, Ended, FellBack, Picked, Signal, Stamped, Warned
from gateway_core.limits import Gate
from gateway_core.routes import Route, Share
from gateway_core.types import Request


@dataclass(slots=True)
class Serving:
    """One call, whoever serves it in the end. ``emit`` is told everything, last of all one `Ended`."""

    route: Route
    request: Request
    emit: Emit
    world: Surroundings
    limiter_of: Callable[[Route], Gate | None]
    pace: Pace | None = None
    _failed: list[CallResult] = field(init=False, default_factory=list)
    _fell_back: list[FellBack] = field(init=False, default_factory=list)
    _passed_over: list[str] = field(init=False, default_factory=list)
    _ended_s: float = field(init=False)
    _ended: CallResult = field(init=False)

    async def run(self) -> CallResult:
        """Make the call. Failures are results; only being cancelled is raised, after `Ended`."""
        serving = self._first()
        ahead = deque(serving.fallbacks)
        while True:
            runner = CallRunner(
                serving,
                self.request,
                self._hear,
                self.world,
                self.limiter_of(serving),
                self._tried,
                self.pace,
            )
            try:
                result = await runner.run()
            except asyncio.CancelledError:
                self._finish(serving)
                raise
            error = result.error
            if error is None or not error.retryable or runner.has_content:
                return self._finish(serving)
            if (following := self._following(ahead)) is None:
                return self._finish(serving)
            self._failed.append(result)
            self._fell_back.append(FellBack(serving.name, following.served_by, error))
            self._tell(self._fell_back[-1])
            serving = following

    def _first(self) -> Route:
        if not self.route.shares or self.route.problem is not None:
            return self.route
        chosen = pick(self.route.shares, self.world.clock)
        self._tell(Picked(chosen.served_by))
        return chosen

    def _following(self, ahead: deque[Route]) -> Route | None:
        """The next fallback that can be called; those that cannot are named and passed over."""
        while ahead:
            route = ahead.popleft()
            if route.problem is None:
                return route
            self._passed_over.append(f"the fallback {route.name} was passed over: {route.problem}")
            self._tell(Warned(self._passed_over[-1]))
        return None

    @property
    def _tried(self) -> int:
        return sum(result.attempts for result in self._failed)

    def _hear(self, stamped: Stamped) -> None:
        """Pass on what a route tells, but for its end, which may not be the end of the call."""
        if isinstance(stamped.signal, Ended):
            self._ended_s, self._ended = stamped.at_s, stamped.signal.result
        else:
            self.emit(stamped)

    def _tell(self, signal: Signal) -> None:
        self.emit(Stamped(self.world.clock.monotonic(), signal))

    def _finish(self, serving: Route) -> CallResult:
        result = self._whole(self._ended, serving)
        self.emit(Stamped(self._ended_s, Ended(result)))
        return result

    def _whole(self, result: CallResult, serving: Route) -> CallResult:
        """``result`` of the last route with what came before it."""
        every = (*self._failed, result)
        queued = [r.timing.queued_ms for r in every if r.timing.queued_ms is not None]
        sent = serving.with_defaults(self.request)
        return replace(
            result,
            timing=replace(result.timing, queued_ms=round(sum(queued), 3) if queued else None),
            attempts=sum(r.attempts for r in every),
            retried=tuple(attempt for r in every for attempt in r.retried),
            warnings=tuple(dict.fromkeys([*(w for r in every for w in r.warnings), *self._passed_over])),
            fell_back=tuple(self._fell_back),
            sent=None if sent == self.route.with_defaults(self.request) else sent,
        )


def pick(shares: Sequence[Share], clock: Clock) -> Route:
    """A destination, drawn by the percentages."""
    ends = list(accumulate(share.percentage for share in shares))
    point = clock.random() * ends[-1]
    return next(share.route for share, end in zip(shares, ends, strict=True) if point < end)
