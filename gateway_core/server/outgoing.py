"""What is added to the requests that go on to providers."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar

from gateway_core.config.model import Timeouts
from gateway_core.exchange import OnSent, Reply
from gateway_core.providers.base import HttpRequest
from gateway_core.wire.http import HttpTransport


class RequestIds:
    """A transport that passes on the id of the request at hand, so that both sides' logs can be compared."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport
        self._headers: ContextVar[dict[str, str] | None] = ContextVar("request_id", default=None)

    def use(self, request_id: str) -> None:
        """From now on, in this task and those it starts."""
        self._headers.set({"x-request-id": request_id})

    def exchange(
        self, request: HttpRequest, *, timeouts: Timeouts, on_sent: OnSent | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        """As the transport does it."""
        return self._transport.exchange(
            request, timeouts=timeouts, on_sent=on_sent, headers=self._headers.get()
        )
