"""Puts together who attends to requests beside the service: door, limits, metrics, log, traces, recording.

Made in every worker from values that the command line filled in; a worker needs nothing else::

    async with attending(wish, routes=…, open_to_all=…) as attendants:
        Service(routes, guard=attendants, observer=attendants, limiters=…, more=attendants.pages)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gateway_core.keys import process_environment
from gateway_core.routes import Route, RouteTable
from gateway_core.server import tracing
from gateway_core.server.access_log import AccessLog
from gateway_core.server.dialects.base import Asked, Reply
from gateway_core.server.door import Door
from gateway_core.server.metrics import CONTENT_TYPE, Metrics
from gateway_core.server.metrics_file import CountsFile
from gateway_core.server.paths import Lookup, Resource
from gateway_core.server.quota_file import QuotaFile
from gateway_core.server.quota_gate import Counts, RouteGate
from gateway_core.server.quota_redis import QuotaRedis
from gateway_core.server.seams import Handled, Incoming, Observer
from gateway_core.server.wishes import STDERR, Wishes

METRICS_PATH = "/metrics"


class Closes(Protocol):
    """What must be told that the end has come."""

    def close(self) -> None:
        """Write what is left."""


class Watcher(Protocol):
    """Sees calls begin."""

    def admit(self, incoming: Incoming, asked: Asked) -> None:
        """Everybody the door lets through."""


@runtime_checkable
class Recording(Watcher, Observer, Closes, Protocol):
    """Sees calls begin and end."""


class Attendants:
    """All of them as one `Guard` and one `Observer`. The door comes first: others see whom it lets in."""

    def __init__(self, wishes: Wishes, table: Callable[[], RouteTable], *, open_to_all: bool) -> None:
        """Raises `BackendUnavailable` when a file cannot be written or a package is missing."""
        self._wishes = wishes
        self._door = Door(
            lambda: table().config,
            now=_now,
            counts=lambda: self._counts,
            places=lambda: self._file,
            more=wishes.auth,
            open_to_all=open_to_all,
        )
        self.metrics = Metrics(CountsFile(Path(wishes.run)))
        self._closing: list[Closes] = [self.metrics]
        self._others: list[Watcher] = [self.metrics]
        self._observers: list[Observer] = [self._door, self.metrics]
        if wishes.recorder is not None:
            recording = _recorder(*wishes.recorder, table)
            self._others.append(recording)
            self._add(recording)
        if wishes.access_log is not None:
            path = None if wishes.access_log == STDERR else Path(wishes.access_log)
            later = asyncio.get_running_loop().call_later
            self._add(AccessLog(path, now=_now, clock=time.monotonic, later=later))
        if (provider := tracing.provider_from(process_environment())) is not None:
            self._add(tracing.Tracing(provider))
        if wishes.shared_limits is not None:
            _ = self._counts  # what is missing is said at the start, not at the first call

    def _add(self, observer: Any) -> None:
        self._observers.append(observer)
        self._closing.append(observer)

    @cached_property
    def _file(self) -> QuotaFile:
        """Opened only where something is limited."""
        return QuotaFile(Path(self._wishes.state), time.time)

    @cached_property
    def _counts(self) -> Counts:
        url = self._wishes.shared_limits
        return self._file if url is None else QuotaRedis(url)

    def limiters(self, route: Route) -> RouteGate | None:
        """The gate of ``route``, for `Gateway`."""
        return self._door.gates(route)

    def enter(self, incoming: Incoming) -> Awaitable[None] | None:
        """Ask the door. Raises `NotAdmitted`."""
        return self._door.enter(incoming)

    def admit(self, incoming: Incoming, asked: Asked) -> Awaitable[None] | None:
        """Ask the door, then tell the others. Raises `NotAdmitted`."""
        asking = self._door.admit(incoming, asked)
        if asking is not None:
            return self._admitted(asking, incoming, asked)
        for other in self._others:
            other.admit(incoming, asked)
        return None

    async def _admitted(self, asking: Awaitable[None], incoming: Incoming, asked: Asked) -> None:
        await asking
        for other in self._others:
            other.admit(incoming, asked)

    def finished(self, handled: Handled) -> None:
        """Tell everybody."""
        for observer in self._observers:
            observer.finished(handled)

    def security(self) -> Mapping[str, Mapping[str, Any]]:
        """How callers show who they are, as OpenAPI names it."""
        return self._door.security()

    @property
    def pages(self) -> dict[str, Resource]:
        """Further pages of the service."""
        return {METRICS_PATH: Resource({"GET": Lookup(lambda _: self._exposition())})}

    def _exposition(self) -> Reply:
        headers = {"content-type": CONTENT_TYPE, "cache-control": "no-store"}
        return Reply(200, self.metrics.exposition(), headers)

    async def aclose(self) -> None:
        """Book and write what is left."""
        await self._door.aclose()
        for one in self._closing:
            one.close()
        opened = self.__dict__
        for name in ("_counts", "_file"):
            if name in opened and (name == "_file" or opened[name] is not opened.get("_file")):
                await opened[name].aclose()


@asynccontextmanager
async def attending(
    wishes: Wishes, table: Callable[[], RouteTable], *, open_to_all: bool
) -> AsyncIterator[Attendants]:
    """Attendants that are closed in the end. Raises `BackendUnavailable`."""
    attendants = Attendants(wishes, table, open_to_all=open_to_all)
    try:
        yield attendants
    finally:
        await attendants.aclose()


def _recorder(where: str, folder: str, table: Callable[[], RouteTable]) -> Recording:
    """Recordings are written by whoever reads them, so the service knows only the name of that."""
    module, _, function = where.partition(":")
    made = getattr(import_module(module), function)(Path(folder), table)
    if not isinstance(made, Recording):
        raise TypeError(f"{where} makes no recording")
    return made


def _now() -> datetime:
    return datetime.now(UTC)
