"""Keeps the door of the service: who may enter, which routes are theirs, and how much they may use.

It is a `Guard`, and an `Observer` that books what every call used. It follows edits of the configuration by
itself: a token that is taken out of the file is of no use from the next request on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from gateway_core.calls import CallResult
from gateway_core.config.model import Auth, Config, Credential, Limit
from gateway_core.errors import BackendUnavailable
from gateway_core.routes import Route
from gateway_core.server.auth import Register, refused
from gateway_core.server.dialects.base import Asked
from gateway_core.server.quota import Rule, nano_usd, rules_of
from gateway_core.server.quota_gate import Counts, Places, RouteGates, exceeded, owner_of_route
from gateway_core.server.seams import Handled, Incoming, NotAdmitted
from gateway_core.settling import settle

OPEN_PATHS = frozenset(("/health",))
"""Asked by load balancers, which have no token. Everything else needs one where there are any: the list of
routes, the docs page and the metrics too."""
WHOLE_PATHS = frozenset(("/metrics",))
"""These tell of all routes, so they are not for those who have only some."""

_BY_TOKEN: Mapping[str, Mapping[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
_BY_PASSWORD: Mapping[str, Mapping[str, Any]] = {"password": {"type": "http", "scheme": "basic"}}

log = logging.getLogger(__name__)


class Door:
    """The guard of a service. ``more`` are credentials of the command line, beside those of the file.

    ``open_to_all`` is what becomes of everybody while the configuration names nobody: a file that lost its
    ``auth:`` must not open a door that was started locked.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        *,
        now: Callable[[], datetime],
        counts: Callable[[], Counts],
        places: Callable[[], Places],
        more: Auth | None = None,
        open_to_all: bool = True,
    ) -> None:
        self._config = config
        self._now = now
        self._counts = counts
        self._places = places
        self._more = more
        self._open_to_all = open_to_all
        self._known: tuple[Auth | None, _Known | None] | None = None
        self._held: dict[int, tuple[str, int]] = {}
        self._estimating: set[asyncio.Task[None]] = set()
        self.gates = RouteGates(counts, places)
        """Limits of routes, for `Gateway`."""

    def enter(self, incoming: Incoming) -> Awaitable[None] | None:
        """Let the request in, and note whose it is. Raises `NotAdmitted` with 401 or 403."""
        if incoming.path in OPEN_PATHS:
            return None
        known = self._everybody()
        if known is not None:
            return self._identify(known, incoming)
        if not self._open_to_all:
            raise refused("this service lets in only whom its configuration names, and it names nobody")
        return None

    async def _identify(self, known: _Known, incoming: Incoming) -> None:
        credential = await known.register.identify(incoming.raw_headers)
        incoming.caller = credential.name
        if credential.routes is not None and incoming.path in WHOLE_PATHS:
            raise NotAdmitted(
                f"{credential.name} may use only some routes, and this tells of all", status=403
            )

    def admit(self, incoming: Incoming, asked: Asked) -> Awaitable[None] | None:
        """Let the call through. Raises `NotAdmitted` with 401, 403 or 429, and `BackendUnavailable`."""
        known = self._everybody()
        if known is None or incoming.caller is None:
            return None
        credential = known.by_name.get(incoming.caller)
        if credential is None:  # taken out of the file while the body was being read
            raise refused(f"{incoming.caller} is not known here any more")
        if credential.routes is not None and asked.route.name not in credential.routes:
            raise NotAdmitted(f"the route {asked.route.name} is not for {credential.name}", status=403)
        if credential.limit is None:
            return None
        return self._count(incoming, _owner(credential), credential.limit)

    async def _count(self, incoming: Incoming, owner: str, limit: Limit) -> None:
        if limit.max_concurrency is not None:
            place = self._places().hold(owner, limit.max_concurrency)
            if place is None:
                raise NotAdmitted(
                    f"{owner} may make at most {limit.max_concurrency} calls at once",
                    status=429,
                    retry_after=1.0,
                )
            self._held[id(incoming)] = (owner, place)
        rules = rules_of(limit, owner)
        if rules and (full := await self._counts().take(rules)) is not None:
            raise NotAdmitted(exceeded(full).message, status=429, retry_after=full.retry_after_s)

    def finished(self, handled: Handled) -> None:
        """Give back the caller's place among the calls at once, and book what the call used."""
        held = self._held.pop(id(handled.incoming), None)
        if held is not None:
            self._places().let_go(*held)
        asked, result = handled.asked, handled.result
        if asked is None or result is None or result.served_by is None:
            return
        serving = _serving(asked.route, result.served_by.route)
        caller, limit = handled.incoming.caller, serving.config.limit
        if caller is None and limit is None:
            return
        rules = (*self._rules_of_caller(caller), *_booked(limit, serving.name))
        if not rules:
            return
        if result.response.usage is not None and result.status == "ok":
            self._book(rules, result)
        elif result.response.candidates or result.response.embeddings:
            # A call that broke off in the middle was paid for as well; what it used must be estimated.
            task = asyncio.create_task(self._estimate(rules, result, serving, asked))
            self._estimating.add(task)
            task.add_done_callback(self._estimating.discard)

    async def _estimate(
        self, rules: tuple[Rule, ...], result: CallResult, serving: Route, asked: Asked
    ) -> None:
        self._book(rules, await asyncio.to_thread(settle, result, serving, asked.request, self._now()))

    def _book(self, rules: tuple[Rule, ...], result: CallResult) -> None:
        usage = result.response.usage
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0) if usage else 0
        nanos = nano_usd(result.cost.usd) if result.cost else 0
        amounts = [(rule, tokens if rule.unit == "tokens" else nanos) for rule in rules]
        try:
            self._counts().book([(rule, amount) for rule, amount in amounts if amount])
        except BackendUnavailable as error:
            log.warning("%s", error.message)

    def _rules_of_caller(self, name: str | None) -> tuple[Rule, ...]:
        known = self._everybody()
        credential = known.by_name.get(name) if known and name else None
        return (
            () if credential is None else _of_what_is_booked(rules_of(credential.limit, _owner(credential)))
        )

    def security(self) -> Mapping[str, Mapping[str, Any]]:
        """How those show who they are whom it lets in, as OpenAPI names it; nothing while all may enter."""
        known = self._everybody()
        if known is None:
            return {}
        return {**(_BY_TOKEN if known.auth.tokens else {}), **(_BY_PASSWORD if known.auth.users else {})}

    def _everybody(self) -> _Known | None:
        """Those the configuration in use knows, and those of the command line; ``None`` for nobody."""
        auth = self._config().auth
        if self._known is None or self._known[0] is not auth:
            whole = _joined(auth, self._more)
            self._known = (auth, None if whole is None else _Known(whole, self._now))
        return self._known[1]

    async def aclose(self) -> None:
        """Wait until everything is booked."""
        await asyncio.gather(*self._estimating)


class _Known:
    """Everybody of one configuration."""

    def __init__(self, auth: Auth, now: Callable[[], datetime]) -> None:
        self.auth = auth
        self.register = Register(auth, now)
        self.by_name = {credential.name: credential for credential in (*auth.users, *auth.tokens)}


def _joined(auth: Auth | None, more: Auth | None) -> Auth | None:
    if auth is None or more is None:
        return auth or more
    return Auth((*auth.tokens, *more.tokens), (*auth.users, *more.users))


def _owner(credential: Credential) -> str:
    return f"token {credential.name}"


def _booked(limit: Limit | None, route: str) -> tuple[Rule, ...]:
    return _of_what_is_booked(rules_of(limit, owner_of_route(route)))


def _of_what_is_booked(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if not rule.taken)


def _serving(route: Route, name: str) -> Route:
    """The route called ``name`` among those that ``route`` passes calls on to, or ``route`` itself."""
    if name == route.name:
        return route
    passed_to = [r for share in route.shares for r in (share.route, *share.route.fallbacks)]
    return next((r for r in (*route.fallbacks, *passed_to) if r.name == name), route)
