"""Keeps what a service is asked and answers as sessions, which the app opens, reviews and asks again.

Each worker writes files of its own: a new one every hour, and after so many calls that a file stays quick
to open. A call is a turn of one lane, called by its request id: what is asked is written before the provider
is asked, the answer when it has ended. Nothing is kept of who asked.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from gateway_core import __version__
from gateway_core.calls import CallResult
from gateway_core.events import Response
from gateway_core.metering import Timing
from gateway_core.routes import Route, RouteTable
from gateway_core.server.dialects.base import Asked
from gateway_core.server.seams import Handled, Incoming
from tui.workbench.described import described
from tui.workbench.journal import Journal
from tui.workbench.records import LaneFinished, LaneStarted, SessionStarted, TurnFinished, TurnStarted
from tui.workbench.requests import request_to_dict
from tui.workbench.results import LaneResult, LaneSpec
from tui.workbench.store import SessionStore

CALLS_PER_FILE = 1000
LENGTH = timedelta(hours=1)
SYNC_EVERY = timedelta(seconds=1)
"""How much a power cut may cost; a program that dies costs nothing of what had ended."""
MAX_ID_CHARS = 40

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Book:
    """One file, and the calls in it that have not ended."""

    journal: Journal
    began: datetime
    synced: datetime
    calls: int = 0
    open: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Page:
    """Where one call is written."""

    book: _Book
    turn: str
    spec: LaneSpec


class ServingRecord:
    """Sees calls begin, and is an `Observer` of their ends."""

    def __init__(self, folder: Path, table: Callable[[], RouteTable], *, now: Callable[[], datetime]) -> None:
        self._store = SessionStore(folder)
        self._table = table
        self._now = now
        self._current: _Book | None = None
        self._pages: dict[int, _Page] = {}
        self._closing: list[Journal] = []

    def admit(self, incoming: Incoming, asked: Asked) -> None:
        """Write down what is asked, unless it is only how many tokens that is."""
        if incoming.path.endswith("/count_tokens"):
            return
        now = self._now()
        book = self._book(now)
        book.calls += 1
        turn = f"{book.calls}-{re.sub(r'[^A-Za-z0-9_.-]', '-', incoming.id)[:MAX_ID_CHARS]}"
        page = self._pages[id(incoming)] = _Page(book, turn, _spec(turn, asked.route))
        book.open.add(turn)
        stored = request_to_dict(asked.request)
        sent = request_to_dict(asked.route.with_defaults(asked.request))
        at = now.isoformat()
        book.journal.append(TurnStarted(turn, at, stored))
        book.journal.append(LaneStarted(turn, at, page.spec, sent={} if sent == stored else sent))

    def finished(self, handled: Handled) -> None:
        """Write down the answer, or why there is none."""
        page = self._pages.pop(id(handled.incoming), None)
        if page is None:
            return
        book, now = page.book, self._now()
        call = handled.result or CallResult(
            "cancelled" if handled.error is None else "error", Response(), Timing(), error=handled.error
        )
        sent = {} if call.sent is None else request_to_dict(call.sent)
        result = replace(LaneResult.of_call(page.spec, call), sent=sent)
        if now - book.synced >= SYNC_EVERY:
            book.synced = now
            book.journal.append_durable(LaneFinished(page.spec.id, now.isoformat(), result))
        else:
            book.journal.append(LaneFinished(page.spec.id, now.isoformat(), result))
        book.journal.append(TurnFinished(page.turn, now.isoformat()))
        book.open.discard(page.turn)
        if book is not self._current and not book.open:
            self._retire(book)

    def close(self) -> None:
        """Write what is left; calls that have not ended stay in the files as interrupted."""
        books = {id(page.book): page.book for page in self._pages.values()}
        if self._current is not None:
            books[id(self._current)] = self._current
        for journal in (*self._closing, *(book.journal for book in books.values())):
            journal.close()

    def _book(self, now: datetime) -> _Book:
        book = self._current
        if book is not None and book.calls < CALLS_PER_FILE and now - book.began < LENGTH:
            return book
        self._current = self._new_book(now)
        if book is not None and not book.open:
            self._retire(book)
        return self._current

    def _retire(self, book: _Book) -> None:
        """Have the file closed once everything is in it, without waiting for that."""
        self._closing = [
            journal for journal in (*self._closing, book.journal) if not journal.close(timeout_s=0)
        ]

    def _new_book(self, now: datetime) -> _Book:
        path = self._store.new_path(now, f"served-{os.getpid()}")
        journal = Journal(path, on_problem=_tell, now=self._now)
        table = self._table()
        journal.append(
            SessionStarted(
                id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
                at=now.isoformat(),
                tool=f"gateway-tui {__version__}",
                config=Path(table.config.source).name,
                routes=tuple(described(table)),
            )
        )
        return _Book(journal, now, now)


def recording(folder: Path, table: Callable[[], RouteTable]) -> ServingRecord:
    """What the service is told to call; see `gateway_core.server.attendants`."""
    return ServingRecord(folder, table, now=lambda: datetime.now().astimezone())


def _tell(problem: str | None) -> None:
    log.warning("%s", problem or "the recording is being saved again")


def _spec(turn: str, route: Route) -> LaneSpec:
    return LaneSpec(
        id=f"{turn}/{route.name}",
        route=route.name,
        provider=route.config.model.provider,
        model=route.model_name,
        route_type=route.route_type,
        recorded=route.provider.recorded,
        shares_machine=route.provider.shares_machine,
    )
