"""What a failure may tell the outside: an HTTP status, when to come back, and a sentence.

The log gets everything; a client gets no address of a provider and nothing of our own insides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from gateway_core.errors import (
    ConnectFailed,
    GatewayError,
    InternalError,
    ProviderError,
    StreamInterrupted,
    TimedOut,
    TransportError,
)
from gateway_core.routes import Route
from gateway_core.server.dialects.base import Refusal

LONGEST_WAIT_S = 24 * 3600
LONGEST_NAP_S = 120
"""Nobody should sleep longer within a call, which is what clients do with a ``retry-after``: Anthropic's and
MLflow's were it a day, OpenAI's up to here."""
SDKS_RETRY = frozenset((408, 409, 429, *range(500, 600)))
"""What the clients of OpenAI and Anthropic ask again unless they are told not to."""

_RAN_OUT = {
    "connect": "no connection to the provider was made",
    "first_token": "nothing of the answer arrived",
    "between_chunks": "the provider fell silent",
    "total": "the answer was not complete",
}


def status_of(error: GatewayError) -> int:
    """The HTTP status for ``error``: the provider's own, unless it hides what is the caller's fault."""
    if isinstance(error, Refusal):
        return error.status
    theirs = error.status_code
    if not isinstance(error, ProviderError) or theirs is None or not 400 <= theirs <= 599:
        return error.http_status
    return error.http_status if theirs >= 500 > error.http_status else theirs


def headers_of(error: GatewayError) -> dict[str, str]:
    """``retry-after`` in whole seconds, and ``x-should-retry`` where asking again soon is no use."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(min(max(error.retry_after, 0), LONGEST_WAIT_S)))
    no_use = not error.retryable if error.retry_after is None else error.retry_after > LONGEST_NAP_S
    if no_use and status_of(error) in SDKS_RETRY:
        headers["x-should-retry"] = "false"
    return headers


def sentence_of(error: GatewayError, about: Route | None = None) -> str:
    """What a client is told. Nothing in it says where the provider listens."""
    if isinstance(error, InternalError):
        return "a fault in the gateway itself: its log says more"
    if isinstance(error, TransportError):
        return _broken_line(error)
    return str(without_addresses(error.message, about))


def without_addresses(value: Any, about: Route | None) -> Any:
    """A JSON value with no address of the providers of ``about`` in any of its texts."""
    addresses = sorted(_addresses(about), key=len, reverse=True) if about else ()
    return _hidden(value, addresses) if addresses else value


def _hidden(value: Any, addresses: Sequence[str]) -> Any:
    if isinstance(value, str):
        for address in addresses:
            value = value.replace(address, "the provider")
        return value
    if isinstance(value, list):
        return [_hidden(item, addresses) for item in value]
    if isinstance(value, dict):
        return {_hidden(name, addresses): _hidden(item, addresses) for name, item in value.items()}
    return value


def _broken_line(error: TransportError) -> str:
    if isinstance(error, TimedOut):
        return f"{_RAN_OUT[error.phase]} in time (timeout: {error.phase})"
    if isinstance(error, ConnectFailed):
        return "the provider of this route cannot be reached"
    if isinstance(error, StreamInterrupted):
        return "the provider broke off in the middle of its answer"
    return "the line to the provider of this route broke"


def _addresses(route: Route) -> Iterator[str]:
    """Every address in the settings of ``route`` and of those it may pass a call on to."""
    for one in (route, *route.fallbacks, *(share.route for share in route.shares)):
        yield from _addresses_in(one.config.model.config)


def _addresses_in(settings: Mapping[str, Any]) -> Iterator[str]:
    for value in settings.values():
        if isinstance(value, Mapping):
            yield from _addresses_in(value)
        elif isinstance(value, str) and value.startswith(("http://", "https://")):
            parts = urlsplit(value)
            yield from filter(None, (value.rstrip("/"), f"{parts.scheme}://{parts.netloc}", parts.netloc))
            yield from filter(None, (parts.hostname,))
