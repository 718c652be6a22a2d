"""What a provider refused with, as 2.8 passes it on: its sentence, or its whole body where that has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway_core.errors import (
    BadProviderRequest,
    GatewayError,
    OperationNotSupported,
    ProviderError,
    TheirWords,
)
from gateway_core.keys import redact, redact_json
from gateway_core.routes import Route
from gateway_core.server.dialects import mlflow_faults
from gateway_core.server.dialects.base import Reply, encoded
from gateway_core.server.dialects.faults import headers_of, status_of, without_addresses
from gateway_core.server.dialects.mlflow28_asking import facts28_of

NOT_READ = "The returned data type from the route service is not supported. Received content type: {}"
PHRASES: Mapping[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    413: "Request Entity Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
"""What is told of an error that is an object without a message: the phrase beside its status."""


def refusal(error: GatewayError, about: Route | None = None) -> Reply:
    """A failure of any kind."""
    if isinstance(error, OperationNotSupported):
        return _not_supported(error, about)
    status = status_of(error)
    if isinstance(error, BadProviderRequest) and (error.status_code or 0) >= 500:
        status = 422
    words = error.their_words if isinstance(error, ProviderError) else None
    if words is None or about is None:
        return mlflow_faults.refusal(error, about, status=status)
    kind = words.content_type or ""
    if "application/json" not in kind and "text/plain" not in kind:
        shown = redact(str(words.content_type), about.secrets)
        return Reply(502, encoded({"detail": NOT_READ.format(shown)}), headers_of(error))
    try:
        told = redact_json(_detail(words, error.status_code), about.secrets)
        detail = without_addresses(told, about)
    except (TypeError, RecursionError):  # where 2.8 itself fails, what happened is said in our own words
        return mlflow_faults.refusal(error, about, status=status)
    return Reply(status, encoded({"detail": detail}), headers_of(error))


def _not_supported(error: GatewayError, about: Route | None) -> Reply:
    sentence = facts28_of(about).lacking.get(about.route_type) if about is not None else None
    if sentence is None:
        return mlflow_faults.refusal(error, about, status=404)
    return Reply(404, encoded({"detail": sentence}))


def _detail(words: TheirWords, status: int | None) -> Any:
    """Raises `TypeError` where 2.8 does."""
    said = words.value
    if "application/json" not in (words.content_type or ""):
        return {"message": said}
    if isinstance(said, str | list):
        return said
    if not isinstance(said, dict):
        raise TypeError("neither an object nor a list nor a text")
    if "error" not in said:
        return said
    if not isinstance(said["error"], dict):
        raise TypeError("an error that is no object")
    message = said["error"].get("message")
    return PHRASES.get(status or 0, "") if message is None else message
