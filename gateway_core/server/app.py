"""The service: finds who answers a path, and sees every request to its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from gateway_core.errors import GatewayError, InternalError
from gateway_core.gateway import Gateway
from gateway_core.limits import Gate
from gateway_core.routes import Route
from gateway_core.server.calling import answer_stream, answer_whole
from gateway_core.server.dialects.base import Asked, Dialect, Refusal, Reply
from gateway_core.server.loading import Routes
from gateway_core.server.outgoing import RequestIds
from gateway_core.server.pages import Pages
from gateway_core.server.paths import Ask, Lookup, Paths, Refuse, Resource, refusal_at
from gateway_core.server.reading import read_body, require_json, require_same_site, whole_body
from gateway_core.server.seams import Guard, Handled, NotAdmitted, Observer
from gateway_core.server.settings import Bounds
from gateway_core.server.turn import ClientLeft, Turn
from gateway_core.wire.http import HttpTransport

log = logging.getLogger(__name__)

ALWAYS = b"content-type: application/json\r\nx-content-type-options: nosniff\r\nx-request-id: %b\r\n"


class Service:
    """Serves the routes of ``routes``. Use ``async with``; lives in one event loop."""

    def __init__(
        self,
        routes: Routes,
        *,
        bounds: Bounds | None = None,
        guard: Guard | None = None,
        observer: Observer | None = None,
        limiters: Callable[[Route], Gate | None] | None = None,
        more: Mapping[str, Resource] | None = None,
        transport: HttpTransport | None = None,
    ) -> None:
        """``limiters`` is `Gateway`'s; ``more`` are further pages by path."""
        self._routes = routes
        self._bounds = bounds or Bounds()
        self._guard = guard
        self._observer = observer
        self._transport = transport or HttpTransport(directly=True)
        self._ids = RequestIds(self._transport)
        self._gateway = Gateway(routes.table, transport=self._ids, limiters=limiters)
        self._paths = Paths({**Pages(routes, guard.security if guard else None).resources, **(more or {})})
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._gateway)
        self._open.push_async_callback(self._transport.aclose)
        await self._transport.start()
        # The first answer that has a price would wait for the list.
        warming = asyncio.create_task(self._gateway.warm())
        self._open.callback(warming.cancel)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def __call__(self, turn: Turn) -> None:
        """Answer one request."""
        handled = Handled(turn.incoming)
        try:
            await self._handle(handled, turn)
        except ClientLeft:
            pass
        finally:
            if self._observer is not None:
                handled.ended_s = time.perf_counter()
                self._observer.finished(handled)

    async def _handle(self, handled: Handled, turn: Turn) -> None:
        path = handled.incoming.path
        found = self._paths.find(path)
        refuse = refusal_at(path) if found is None else found[0].refuse
        try:
            if self._guard is not None and (asking := self._guard.enter(handled.incoming)) is not None:
                await asking
            reply = self._nowhere(handled) if found is None else await self._answer(*found, handled, turn)
        except ClientLeft:
            raise
        except GatewayError as error:
            reply = _refused(error, refuse, handled)
        except Exception:
            log.exception(
                "request %s failed by a fault of gateway-tui; please report it", handled.incoming.id
            )
            if turn.started:  # the connection breaks it off
                return
            reply = _refused(InternalError("a fault in the gateway itself"), refuse, handled)
        if reply is not None:
            handled.status = reply.status
            turn.answer(reply.status, _lines(reply, handled), reply.body)

    async def _answer(self, resource: Resource, name: str, handled: Handled, turn: Turn) -> Reply | None:
        """The answer, or ``None`` when it was sent already. Raises `GatewayError` and `ClientLeft`."""
        given = handled.incoming
        method = "GET" if given.method == "HEAD" else given.method
        action = resource.methods.get(method)
        if action is None:
            raise NotAdmitted("Method Not Allowed", status=405, headers={"allow": resource.allow})
        body = b""
        if method == "POST":
            require_same_site(given)
            require_json(given)
            here = turn.complete
            body = whole_body(turn, self._bounds) if here else await read_body(turn, self._bounds)
        if isinstance(action, Lookup):
            return action.answer(Ask(self._routes.table, name, given.query, body))
        asked = self._asked(action.dialect, name or None, body, handled)
        if self._guard is not None and (asking := self._guard.admit(given, asked)) is not None:
            await asking
        self._ids.use(given.id)
        if action.counted is not None:
            with turn:
                return action.counted(await self._gateway.count_tokens(asked.route.name, asked.request))
        answer = answer_stream if asked.request.stream else answer_whole
        return await answer(self._gateway, action.dialect, handled, turn)

    def _asked(self, dialect: Dialect, name: str | None, body: bytes, handled: Handled) -> Asked:
        handled.dialect = dialect.name
        table = self._gateway.table = self._routes.table
        asked = handled.asked = dialect.parse(table, body, name=name)
        return asked

    def _nowhere(self, handled: Handled) -> Reply:
        """For a path that stands for nothing: where it leads with or without its last slash."""
        given = handled.incoming
        nearby = self._paths.nearby(given.path)
        if nearby is None:
            raise Refusal("Not Found", status=404)
        # Relative, because what clients call this service, only the proxy in front of it knows.
        where = nearby.replace("//", "/") + (f"?{given.query}" if given.query else "")
        return Reply(307, b"", {"location": where})


def _refused(error: GatewayError, refuse: Refuse, handled: Handled) -> Reply:
    handled.error = error
    reply = refuse(error)
    if isinstance(error, NotAdmitted) and error.headers:
        return Reply(reply.status, reply.body, {**reply.headers, **error.headers})
    return reply


def _lines(reply: Reply, handled: Handled) -> bytes:
    """The headers of an answer."""
    if not reply.headers:
        return ALWAYS % handled.incoming.id.encode()
    said = {**reply.all_headers, "x-content-type-options": "nosniff", "x-request-id": handled.incoming.id}
    return "".join([f"{name}: {value}\r\n" for name, value in said.items()]).encode("latin-1")
