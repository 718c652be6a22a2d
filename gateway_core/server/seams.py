"""Where others take part in a request: who may ask, and who is told how it went."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from gateway_core.calls import CallResult
from gateway_core.errors import GatewayError
from gateway_core.server.dialects.base import Asked, Refusal

CLIENT_LEFT = 499
"""The status of a request whose client did not wait for the answer; nobody is sent it."""


@dataclass
class Incoming:
    """One HTTP request as it arrived, without its body."""

    method: str
    path: str
    query: str
    raw_headers: list[tuple[bytes, bytes]] = field(repr=False)
    client: str | None
    """The address of who connected."""
    secure: bool
    """True over TLS."""
    id: str
    """The caller's ``x-request-id``, or one that was made; in the answer and in what the provider gets."""
    began_s: float
    """On the clock of `time.perf_counter`."""
    caller: str | None = None
    """Who asks, once a `Guard` knows: the name of a token or a user, never the secret."""
    _by_name: dict[bytes, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_name = dict(self.raw_headers)

    def header(self, name: bytes) -> str | None:
        """The value of a header by its lower case name; of several the last."""
        value = self._by_name.get(name)
        return None if value is None else value.decode("latin-1")

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """All of them by lower case name; of several with one name the last."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers}


class NotAdmitted(Refusal):
    """A guard says no. ``headers`` go into the answer, for example ``www-authenticate``."""

    error_type = "not_admitted"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.headers = dict(headers or {})


class Guard(Protocol):
    """Decides who may do what: at once, or after what it returns was awaited."""

    def enter(self, incoming: Incoming) -> Awaitable[None] | None:
        """Asked for every request, before its body is read. Raises `NotAdmitted`; may set ``caller``."""

    def admit(self, incoming: Incoming, asked: Asked) -> Awaitable[None] | None:
        """Asked before a route is called. Raises `NotAdmitted`."""

    def security(self) -> Mapping[str, Mapping[str, Any]]:
        """How callers show who they are, as OpenAPI names it; empty while all may enter."""


@dataclass(slots=True)
class Handled:
    """How one request went; filled in on the way, told at the end."""

    incoming: Incoming
    status: int = CLIENT_LEFT
    """What was answered, or that the client left before."""
    ended_s: float = 0.0
    """On the clock of `time.perf_counter`."""
    dialect: str | None = None
    asked: Asked | None = None
    """What was asked of which route, where it was understood."""
    result: CallResult | None = None
    """How the call ended, where one was made; also when its client left."""
    error: GatewayError | None = None
    """Why it was refused or failed."""


class Observer(Protocol):
    """Is told about every request once it is over: a log, metrics, a recording."""

    def finished(self, handled: Handled) -> None:
        """Must be quick: it runs between requests."""
