"""Who watches what each worker uses of a configuration that is edited all the time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.channel import Channel, Closed, Garbage, request
from tests.bench.mixed_load import Notes
from tests.bench.questions import WHOLE, Wrong, configuration
from tests.bench.servers import children, clients_of
from tests.server.edits import WAYS
from tests.server.running import until

LOOK_S = 0.02
PATIENCE_S = 10.0
TALK = WHOLE[0]
BROKEN = '{{"routes": [\n {{"name": "talk",\n  "route_type": "llm/v1/{}"}}]}}'
BROKEN_AT = "config.yaml:"


@dataclass
class Edit:
    """One state of the file; ``number`` is in every answer of its routes."""

    number: int
    way: str
    at_s: float
    broken: bool = False


@dataclass
class Watch:
    """What one worker was seen to use."""

    pid: int
    began_s: float = 0.0
    ended_s: float | None = None
    first_seen_s: dict[int, float] = field(default_factory=dict)
    """Edit by edit, when an answer came that was of it."""
    newest: int = -1
    reported: str | None = None
    """The first problem that ``/health`` names; ``None`` while there is none."""


@dataclass
class Watchers:
    """One watcher for each worker of ``supervisor``, also for those that come later."""

    supervisor: int
    port: int
    notes: Notes
    watches: dict[int, Watch] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                for pid in children(self.supervisor):
                    if pid not in self.watches:
                        await self._begin(pid)
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _begin(self, pid: int) -> None:
        """Connect; where it is another worker that answers, or none yet, it is tried again later."""
        try:
            channel = await Channel.to(self.port)
            async with asyncio.timeout(PATIENCE_S):
                await channel.ask(request("/health"), lambda _data, _at_s: None)
        except (OSError, Closed, TimeoutError):
            return
        with suppress(FileNotFoundError, ProcessLookupError):
            if channel.port in clients_of(pid, self.port):
                watch = self.watches[pid] = Watch(pid, time.perf_counter())
                self._tasks.add(asyncio.create_task(self._watch(watch, channel)))
                return
        channel.close()

    async def _watch(self, watch: Watch, channel: Channel) -> None:
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._look(watch, channel)
            except Closed:
                watch.ended_s = time.perf_counter()
                if channel.port not in self.notes.doomed:
                    self.notes.failures.append("a watcher was hung up on")
                return
            except (TimeoutError, Garbage, Wrong) as exc:
                self.notes.failures.append(f"a watcher: {exc!r}")
                return
            await asyncio.sleep(LOOK_S)

    async def _look(self, watch: Watch, channel: Channel) -> None:
        heard: list[bytes] = []
        await channel.ask(request(TALK.path, TALK.body), lambda data, _at_s: heard.append(data))
        number = TALK.version(b"".join(heard))
        if number < watch.newest:
            self.notes.failures.append(f"a worker went back from edit {watch.newest} to {number}")
        watch.newest = max(number, watch.newest)
        watch.first_seen_s.setdefault(number, time.perf_counter())
        heard.clear()
        await channel.ask(request("/health"), lambda data, _at_s: heard.append(data))
        problems = json.loads(b"".join(heard))["config"]["problems"]
        watch.reported = problems[0] if problems else None


@dataclass
class Editor:
    """Rewrites ``path`` once in ``pause_s``, in every way in turn; every so often with a mistake in it."""

    path: Path
    upstream_port: int
    watchers: Watchers
    pause_s: float = 1.0
    broken_every: int = 0
    edits: list[Edit] = field(default_factory=list)
    told_s: list[float] = field(default_factory=list)
    """How long it took until every worker named a mistake."""

    async def run(self) -> None:
        """Edit until cancelled."""
        while True:
            await asyncio.sleep(self.pause_s)
            number = len(self.edits) + 1
            broken = bool(self.broken_every) and number % self.broken_every == 0
            self._write(number, broken=broken)
            if broken:
                await self._told(time.perf_counter())

    async def finish(self) -> None:
        """A last edit, which all must come to use, whatever there was before."""
        number = len(self.edits) + 1
        self._write(number, broken=False)

        def followed() -> bool:
            there = [each for each in self.watchers.watches.values() if each.ended_s is None]
            return all(each.newest == number and each.reported is None for each in there)

        try:
            await until(followed, PATIENCE_S)
        except TimeoutError:
            self.watchers.notes.failures.append(f"edit {number}, the last one, is not what all workers use")

    def _write(self, number: int, *, broken: bool) -> None:
        way = WAYS[number % len(WAYS)]
        way(self.path, BROKEN.format(number) if broken else configuration(number, self.upstream_port))
        self.edits.append(Edit(number, way.__name__, time.perf_counter(), broken))

    async def _told(self, since_s: float) -> None:
        """Leave the mistake there until every worker has named its place."""

        def named() -> bool:
            there = [each for each in self.watchers.watches.values() if each.ended_s is None]
            return bool(there) and all((each.reported or "").startswith(BROKEN_AT) for each in there)

        try:
            await until(named, PATIENCE_S)
            self.told_s.append(time.perf_counter() - since_s)
        except TimeoutError:
            said = [watch.reported for watch in self.watchers.watches.values()]
            self.watchers.notes.failures.append(f"the mistake was not named by all: {said}")


def kill(watchers: Watchers) -> int:
    """``kill -9`` for one worker; whom it had as clients is noted first, while it stands still."""
    pid = next(watch.pid for watch in watchers.watches.values() if watch.ended_s is None)
    os.kill(pid, signal.SIGSTOP)
    watchers.notes.doomed |= clients_of(pid, watchers.port)
    os.kill(pid, signal.SIGKILL)
    return pid


def lags_s(edits: Sequence[Edit], watches: Sequence[Watch], until_s: float) -> dict[str, list[float]]:
    """Way by way, how long each edit took to be what a worker answers by, itself or one after it.

    Infinite where that was not seen before ``until_s``; edits too close to it, or to the end of a worker,
    are left out.
    """
    found: dict[str, list[float]] = {}
    for edit in edits:
        for watch in watches:
            end_s = min(until_s, watch.ended_s or until_s)
            if edit.broken or edit.at_s < watch.began_s or edit.at_s + PATIENCE_S / 4 > end_s:
                continue
            seen_s = [at_s for number, at_s in watch.first_seen_s.items() if number >= edit.number]
            found.setdefault(edit.way, []).append(min(seen_s, default=float("inf")) - edit.at_s)
    return found
