"""The life of one call to one route, as signals that anyone may watch.

A call is: (picked ->) waiting -> preparing -> sent -> events -> (retrying -> sent ...) ->
(fell back -> waiting -> ...) -> ended. Every signal carries ``at_s``, a stamp of the gateway's
monotonic clock taken on the network side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from gateway_core.errors import GatewayError
from gateway_core.events import Event, Response
from gateway_core.made_often import made_often
from gateway_core.metering import Chunk, Timing, output_tokens_per_second
from gateway_core.types import Request

CallStatus = Literal["ok", "error", "cancelled"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The route's own limit holds the call back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Preparing:
    """Something must be made ready before sending, for example the local model is being loaded."""

    what: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something asked for will not happen as asked, and the call goes on."""

    message: str


@made_often
@dataclass(frozen=True, slots=True)
class Sent:
    """Attempt number ``attempt`` (from 1) goes out. ``connect_ms`` is 0 on a reused connection."""

    attempt: int
    connect_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Retrying:
    """Attempt ``attempt`` failed with ``error``; the next one starts in ``delay_s`` seconds."""

    attempt: int
    delay_s: float
    error: GatewayError


@dataclass(frozen=True, slots=True)
class ServedBy:
    """The route that answers a call: the one that was asked, or one that it was passed on to."""

    route: str
    provider: str
    model: str | None = None
    recorded: bool = False
    """True when it answers from a recording, so its numbers are not of today."""
    shares_machine: bool = False
    """True when it computes on this machine and is slowed by its neighbours."""


@dataclass(frozen=True, slots=True)
class Picked:
    """A traffic split chose who serves this call."""

    served_by: ServedBy


@dataclass(frozen=True, slots=True)
class FellBack:
    """``from_route`` failed with ``error`` before any content; its fallback is asked instead."""

    from_route: str
    served_by: ServedBy
    error: GatewayError

    @property
    def to_route(self) -> str:
        """The name of the fallback."""
        return self.served_by.route


@made_often
@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost, and who says so. ``source`` is ``route`` or names the price list."""

    usd: Decimal
    source: str
    estimated: bool = False
    """True when the token counts behind it are estimates."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a call that was not the last."""

    error: GatewayError
    delay_s: float


@made_often
@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended. A failed or stopped call keeps the text that had arrived.

    ``attempts`` are those of every route that was asked: one more than ``retried`` and ``fell_back`` hold.
    ``timing`` is of the route that served it, but ``queued_ms`` is the waiting for all their limits.
    """

    status: CallStatus
    response: Response
    timing: Timing
    error: GatewayError | None = None
    cost: Cost | None = None
    attempts: int = 1
    retried: tuple[Attempt, ...] = ()
    warnings: tuple[str, ...] = ()
    chunks: tuple[Chunk, ...] = field(default=(), repr=False)
    served_by: ServedBy | None = None
    """Who answered, or who was asked last; ``None`` when nobody was."""
    fell_back: tuple[FellBack, ...] = ()
    """Routes that failed before the one that served it, in order."""
    sent: Request | None = None
    """What the serving route was sent, where its own parameters and system prompt make that differ from
    what the route that was asked would have been sent."""

    @property
    def output_tokens_per_second(self) -> float | None:
        """Decode rate after the first token, where it means something."""
        usage = self.response.usage
        return output_tokens_per_second(self.timing, usage.output_tokens if usage else None)


@made_often
@dataclass(frozen=True, slots=True)
class Ended:
    """The last signal of every call."""

    result: CallResult


Signal = Waiting | Preparing | Warned | Picked | Sent | Event | Retrying | FellBack | Ended


@made_often
@dataclass(frozen=True, slots=True)
class Stamped:
    """A signal and when it happened, in seconds of the gateway's monotonic clock."""

    at_s: float
    signal: Signal
