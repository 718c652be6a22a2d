"""Hot reload: look at the content of a file once a second, check it whole, then swap one reference.

Content is compared, not file events: editors rename over the file and Kubernetes swaps a symlink to its
folder, and events miss both. Nothing is believed until it was seen twice, a moment apart, because an
editor that truncates and writes shows a file that is half there (and half a list of routes can be a
correct file). A bad file changes nothing but the status.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Literal, TypeVar

from gateway_core.config.source import decode
from gateway_core.errors import ConfigError, Problem

T = TypeVar("T")

_Stamp = tuple[tuple[int, ...] | None, ...]

ReloadState = Literal["ok", "broken", "missing"]

POLL_S = 1.0
SETTLE_S = 0.15
"""Between the two looks that must agree."""

YOUNG_S = 2.0
"""A file changed this recently is read whatever its stat says: some clocks of file systems are coarse."""


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    """How the file stands. ``digest``, ``loaded_at`` and ``generation`` are of what is in use.

    ``loaded_at`` is in seconds of the wall clock; ``generation`` counts from 1 and grows with each swap.
    """

    state: ReloadState
    problems: tuple[Problem, ...]
    loaded_at: float
    digest: str
    generation: int


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one look found. ``mark`` is equal for equal content; ``text`` is ``None`` when there is none."""

    mark: str
    raw: bytes = b""
    text: str | None = None
    problem: Problem | None = None
    missing: bool = False


def _no_files(value: object) -> Iterable[Path]:
    return ()


class Reloader(Generic[T]):
    """Holds the current value of a file; the only holder, so that nobody sees another one."""

    def __init__(
        self,
        path: Path,
        load: Callable[[str], T],
        *,
        also: Callable[[T], Iterable[Path]] = _no_files,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        last_good: str | None = None,
    ) -> None:
        """Load ``path`` at once; raises `ConfigError` when that fails and there is no ``last_good``.

        ``load`` turns the text into the value and raises `ConfigError`. ``also`` names further files the
        value was made from (key files): a change in one counts as a change. ``last_good`` is a text that
        was in use before, for who starts again while the file is broken, or may be half written.
        """
        self._path = path
        self._load = load
        self._also = also
        self._clock = clock
        self._sleep = sleep
        self._files: tuple[Path, ...] = ()
        self._stamp: _Stamp = ()
        self._suspected: str | None = None
        self._status: ReloadStatus
        sight = self._look()
        try:
            if sight.text is None:
                raise ConfigError([sight.problem or Problem(str(path), 0, "there is no such file")])
            value = load(sight.text)
            if not self._started_before(sight.text, last_good):
                self._start(value, sight.text, sight.raw)
        except ConfigError as error:
            if last_good is None:
                raise
            self._start(load(last_good), last_good, last_good.encode())
            state: ReloadState = "missing" if sight.missing else "broken"
            self._set(replace(self._status, state=state, problems=error.problems))
            self._believed = self._mark(sight.raw) if sight.raw else sight.mark

    def _started_before(self, text: str, last_good: str | None) -> bool:
        """True when this begins with ``last_good``, because a file that changed just now was seen only once.

        What is in it, `check` finds out.
        """
        if last_good is None or last_good == text or not self._is_young(self._stat()):
            return False
        with suppress(ConfigError):  # a key file may be gone
            self._start(self._load(last_good), last_good, last_good.encode())
            return True
        return False

    def _start(self, value: T, text: str, raw: bytes) -> None:
        self._current = value
        self._files = tuple(self._also(value))
        self._in_use = self._believed = self._mark(raw)
        self._status = ReloadStatus("ok", (), self._clock(), _digest(text), 1)

    @property
    def current(self) -> T:
        """The value in use. Read it once at the start of a piece of work and keep it."""
        return self._current

    @property
    def status(self) -> ReloadStatus:
        """How the file stands."""
        return self._status

    @property
    def unsettled(self) -> bool:
        """True when the last look found something new, which another look must confirm soon."""
        return self._suspected is not None

    def check(self) -> ReloadStatus | None:
        """Look once; gives the new status when it changed, ``None`` when there is nothing to tell.

        Blocks for as long as the file system takes.
        """
        stamp = self._stat()
        if self._suspected is None and stamp == self._stamp and not self._is_young(stamp):
            return None
        sight = self._look()
        if sight.mark == self._believed:
            self._stamp, self._suspected = stamp, None
            return None
        if sight.mark != self._suspected:
            self._suspected = sight.mark
            return None
        self._stamp, self._suspected, self._believed = stamp, None, sight.mark
        return self._believe(sight)

    async def watch(self, on_change: Callable[[ReloadStatus], None]) -> None:
        """Check about once a second, for ever; ``on_change`` is called in this task."""
        while True:
            await self._sleep(SETTLE_S if self.unsettled else POLL_S)
            status = await asyncio.to_thread(self.check)
            if status is not None:
                on_change(status)

    def _believe(self, sight: _Sight) -> ReloadStatus:
        if sight.text is None:
            state: ReloadState = "missing" if sight.missing else "broken"
            problem = sight.problem or Problem(
                str(self._path), 0, "the file is gone: what was loaded stays in use"
            )
            return self._set(replace(self._status, state=state, problems=(problem,)))
        if sight.mark == self._in_use:
            return self._set(replace(self._status, state="ok", problems=()))
        try:
            value = self._load(sight.text)
        except ConfigError as error:
            return self._set(replace(self._status, state="broken", problems=error.problems))
        self._current = value
        files = tuple(self._also(value))
        if files != self._files:
            self._files, self._stamp = files, ()
        self._in_use = self._believed = self._mark(sight.raw)
        generation = self._status.generation + 1
        return self._set(ReloadStatus("ok", (), self._clock(), _digest(sight.text), generation))

    def _set(self, status: ReloadStatus) -> ReloadStatus:
        self._status = status
        return status

    def _look(self) -> _Sight:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return _Sight("missing", missing=True)
        except OSError as exc:
            problem = Problem(str(self._path), 0, f"the file cannot be read: {exc.strerror}")
            return _Sight(f"unreadable: {exc.strerror}", problem=problem)
        mark = self._mark(raw)
        try:
            return _Sight(mark, raw, text=decode(raw, str(self._path)))
        except ConfigError as error:
            return _Sight(mark, raw, problem=error.problems[0])

    def _mark(self, raw: bytes) -> str:
        """One digest for the content of the file and of the further files."""
        seen = hashlib.sha256(raw)
        for file in self._files:
            seen.update(_content_mark(file))
        return seen.hexdigest()

    def _stat(self) -> _Stamp:
        return tuple(_stat(file) for file in (self._path, *self._files))

    def _is_young(self, stamp: _Stamp) -> bool:
        """True when a later write could have left the same stamp."""
        limit_ns = (self._clock() - YOUNG_S) * 1e9
        return any(facts is not None and facts[0] > limit_ns for facts in stamp)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _stat(path: Path) -> tuple[int, ...] | None:
    """Facts that change when the content does, newest time first; symlinks are followed."""
    try:
        facts = path.stat()
    except OSError:
        return None
    newest = max(facts.st_mtime_ns, facts.st_ctime_ns)
    return (newest, facts.st_mtime_ns, facts.st_size, facts.st_ino, facts.st_dev)


def _content_mark(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b"absent"
