"""Every way a call can fail, as one tree. The class says what it is; the instance says the facts.

GatewayError                      error_type, http_status, retryable (↻) are facts of the class
├── ConfigError                   500  the file is wrong: carries every `Problem`, each with file:line
├── InvalidRequest                400  the request cannot be sent as it is
├── RouteNotFound                 404
├── OperationNotSupported         501  this provider has no such route type
├── LimitExceeded                 429  our own limit, not the provider's
├── ProviderError                 502  the provider answered, and said no
│   ├── AuthenticationFailed      401
│   ├── PermissionDenied          403
│   ├── ModelNotFound             404
│   ├── RateLimited               429  ↻
│   ├── QuotaExceeded             429  no credit left: waiting does not help
│   ├── BadProviderRequest        400  the provider refuses this request
│   │   ├── ContextLengthExceeded 400
│   │   └── ContentFiltered       400
│   └── ProviderUnavailable       503  ↻
├── TransportError                502  nobody answered
│   ├── ConnectFailed             502  ↻
│   ├── TimedOut                  504  ↻ `phase` says which limit ran out
│   └── StreamInterrupted         502  the answer stopped in the middle
├── BackendUnavailable            503  a program this route needs on this machine is not there
├── ProtocolError                 502  they sent what we cannot read; keeps a redacted excerpt
└── InternalError                 500  our bug
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from typing_extensions import override

TimeoutPhase = Literal["connect", "first_token", "between_chunks", "total"]


@dataclass(frozen=True, slots=True)
class TheirWords:
    """The body with which a provider refused, for dialects that repeat it.

    It is free of its route's secrets. Whoever repeats it takes out those of the others.
    """

    content_type: str | None = field(repr=False)
    value: Any = field(repr=False)
    """The JSON in it; text where ``content_type`` does not call it JSON."""


class GatewayError(Exception):
    """Base of all errors of the gateway. ``str(error)`` is one clear sentence, free of secrets."""

    error_type: ClassVar[str] = "gateway_error"
    http_status: ClassVar[int] = 500
    retryable: bool = False
    """A fact of the class, unless the provider itself said otherwise."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable
        self.message = message
        self.status_code = status_code
        """The provider's HTTP status, when one was received."""
        self.code = code
        """The provider's own error code."""
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds the provider asked us to wait."""
        self.detail: Any = None
        """What a gateway said is wrong, as the JSON it sent; only for those who ask one."""
        self.their_words: TheirWords | None = None
        """What a provider refused with; ``None`` where that is not known, or is no JSON though called so."""
        self.provider: str | None = None
        self.route: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The facts as they are printed by ``run --format json`` and stored in a session."""
        return {
            "type": self.error_type,
            "message": self.message,
            "status_code": self.status_code,
            "code": self.code,
            "request_id": self.request_id,
            "retry_after": self.retry_after,
        }


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a file. ``sentence`` says what and what to do, without the place.

    ``line`` counts from 1; 0 is the file as a whole.
    """

    file: str
    line: int
    sentence: str
    level: Literal["error", "warning"] = "error"

    @override
    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        mark = "warning: " if self.level == "warning" else ""
        return f"{place}: {mark}{self.sentence}"


class ConfigError(GatewayError):
    """The configuration cannot be used. ``problems``: every error in file order, then the warnings."""

    error_type = "config_error"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InvalidRequest(GatewayError):
    """The request cannot be sent as it is."""

    error_type, http_status = "invalid_request", 400


class RouteNotFound(GatewayError):
    """No route of that name in the table."""

    error_type, http_status = "route_not_found", 404


class OperationNotSupported(GatewayError):
    """The provider has no such route type."""

    error_type, http_status = "not_supported", 501


class LimitExceeded(GatewayError):
    """A limit of our own route configuration."""

    error_type, http_status = "limit_exceeded", 429


class ProviderError(GatewayError):
    """The provider answered, and said no."""

    error_type, http_status = "provider_error", 502


class AuthenticationFailed(ProviderError):
    """The key is missing, wrong or expired."""

    error_type, http_status = "authentication_failed", 401


class PermissionDenied(ProviderError):
    """The key is good, but not for this."""

    error_type, http_status = "permission_denied", 403


class ModelNotFound(ProviderError):
    """The provider does not know the model, or hides it from this key."""

    error_type, http_status = "model_not_found", 404


class RateLimited(ProviderError):
    """Too many requests; waiting helps."""

    error_type, http_status, retryable = "rate_limited", 429, True


class QuotaExceeded(ProviderError):
    """No credit left; waiting does not help."""

    error_type, http_status = "quota_exceeded", 429


class BadProviderRequest(ProviderError):
    """The provider refuses this request as it is."""

    error_type, http_status = "bad_request", 400


class ContextLengthExceeded(BadProviderRequest):
    """Prompt and answer together do not fit the model."""

    error_type = "context_length_exceeded"


class ContentFiltered(BadProviderRequest):
    """The prompt was refused by the provider's content policy."""

    error_type = "content_filtered"


class ProviderUnavailable(ProviderError):
    """The provider is overloaded or broken for now."""

    error_type, http_status, retryable = "provider_unavailable", 503, True


class TransportError(GatewayError):
    """Nobody answered, or the line broke."""

    error_type, http_status = "transport_error", 502


class ConnectFailed(TransportError):
    """No connection could be made."""

    error_type, retryable = "connect_failed", True


class TimedOut(TransportError):
    """A time limit of the route ran out; ``phase`` says which."""

    error_type, http_status, retryable = "timed_out", 504, True

    def __init__(self, message: str, *, phase: TimeoutPhase) -> None:
        super().__init__(message, code=phase)
        self.phase = phase


class StreamInterrupted(TransportError):
    """The answer stopped before its end. What had arrived is kept."""

    error_type = "stream_interrupted"


class BackendUnavailable(GatewayError):
    """A program or package this route needs on this machine is missing or does not start."""

    error_type, http_status = "backend_unavailable", 503


class ProtocolError(GatewayError):
    """The provider sent what we cannot read. The message keeps a short, redacted excerpt."""

    error_type, http_status = "protocol_error", 502


class InternalError(GatewayError):
    """Our own bug."""

    error_type = "internal_error"


def classify_status(status: int, *, not_found: type[ProviderError] = ModelNotFound) -> type[ProviderError]:
    """The error class of an HTTP status, before the body is looked at.

    Status beats message: a 500 that speaks of a policy is an outage, not a refusal.
    """
    exact: dict[int, type[ProviderError]] = {
        401: AuthenticationFailed,
        402: QuotaExceeded,
        403: PermissionDenied,
        404: not_found,
        408: ProviderUnavailable,
        409: ProviderUnavailable,
        429: RateLimited,
    }
    if status in exact:
        return exact[status]
    if status >= 500:
        return ProviderUnavailable
    return BadProviderRequest if status >= 400 else ProviderError


def _tree(kind: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


ERROR_CLASSES: Mapping[str, type[GatewayError]] = {kind.error_type: kind for kind in _tree(GatewayError)}
"""Every class of the tree by its ``error_type``, which is how scripts and sessions name it."""
