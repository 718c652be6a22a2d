"""Numbers that several processes count apart and anyone of them can add up.

Each process has a file of its own, mapped into memory, so counting costs no system call. Reading adds up
all files of the folder. The file of a process that has died is taken over by the next one that starts:
counters never go down, and there are never more files than there were processes at once.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gateway_core.errors import BackendUnavailable

SUFFIX = ".counts"
GAUGE = "gauge "
"""Keys that begin so count only while their process lives."""
_MAGIC = b"gtwcnt01"
_HEAD = struct.Struct("<8sQ")
"""The magic, and how many bytes are in use; written last, so that a reader never sees half an entry."""
_ENTRY = struct.Struct("<II")
"""Bytes of the key, and how many numbers follow it; both parts are padded to 8 bytes."""
_FIRST_BYTES = 64 * 1024


class CountsFile:
    """The numbers of this process in ``folder``, and the sums of all. Close it."""

    def __init__(self, folder: Path) -> None:
        """Take over a file that nobody holds any more, or make one. Raises `BackendUnavailable`."""
        self._folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _left_over(folder) or _fresh(folder)
            size = max(os.fstat(self._fd).st_size, _FIRST_BYTES)
            os.ftruncate(self._fd, size)
            self._map = mmap.mmap(self._fd, size)
            self._numbers = memoryview(self._map).cast("d")
        except OSError as exc:
            raise BackendUnavailable(f"metrics cannot be kept in {folder}: {exc.strerror or exc}") from exc
        self._places: dict[str, int] = {}
        self._used = self._begin()

    def place(self, key: str, count: int) -> int:
        """Where the ``count`` numbers of ``key`` begin; `add` takes it."""
        place = self._places.get(key)
        return (self._new(key, count) if place is None else place) // 8

    def add(self, place: int, amount: float) -> None:
        """Add ``amount`` to the number at ``place``; those of one key lie side by side."""
        self._numbers[place] += amount

    def sums(self) -> dict[str, tuple[float, ...]]:
        """The numbers of every key, added up over all processes."""
        total: dict[str, list[float]] = defaultdict(list)
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            with suppress(FileNotFoundError):
                alive, data = _read(path)
                for key, numbers in _entries(data):
                    if alive or not key.startswith(GAUGE):
                        known = total[key]
                        known += [0.0] * (len(numbers) - len(known))
                        total[key] = [a + b for a, b in zip(known, numbers, strict=True)]
        return {key: tuple(numbers) for key, numbers in total.items()}

    def close(self) -> None:
        """Let go of the file; its counters stay."""
        self._numbers.release()
        self._map.close()
        os.close(self._fd)

    def _begin(self) -> int:
        """Learn what the file holds; gauges of a dead process begin at nothing."""
        magic, used = _HEAD.unpack_from(self._map)
        if magic != _MAGIC or not _HEAD.size <= used <= len(self._map):
            _HEAD.pack_into(self._map, 0, _MAGIC, _HEAD.size)
            return _HEAD.size
        end = _HEAD.size
        for key, place, count in _places(self._map, used):
            self._places[key] = place
            end = place + 8 * count
            if key.startswith(GAUGE):
                struct.pack_into(f"={count}d", self._map, place, *([0.0] * count))
        return end

    def _new(self, key: str, count: int) -> int:
        raw = key.encode()
        place = self._used + _ENTRY.size + _padded(len(raw))
        end = place + 8 * count
        while end > len(self._map):
            # A larger file has no data where it grew, which is as good as noughts.
            self._numbers.release()
            self._map.resize(2 * len(self._map))
            self._numbers = memoryview(self._map).cast("d")
        _ENTRY.pack_into(self._map, self._used, len(raw), count)
        self._map[self._used + _ENTRY.size : self._used + _ENTRY.size + len(raw)] = raw
        struct.pack_into(f"={count}d", self._map, place, *([0.0] * count))
        _HEAD.pack_into(self._map, 0, _MAGIC, end)
        self._places[key] = place
        self._used = end
        return place


def abandoned(folder: Path) -> bool:
    """True when ``folder`` holds files like these, and none of them is of a process that lives."""
    paths = list(folder.glob(f"*{SUFFIX}"))
    return bool(paths) and not any(_read(path)[0] for path in paths)


def _left_over(folder: Path) -> int | None:
    """A file whose process has died, held by us from now on."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        fd = os.open(path, os.O_RDWR)
        if _hold(fd):
            return fd
        os.close(fd)
    return None


def _fresh(folder: Path) -> int:
    while True:
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if _hold(fd):
            return fd
        os.close(fd)  # in between, a process that begins as well took it for one that was left over


def _hold(fd: int) -> bool:
    """Not a lock of the process but of the open file: who reads it and closes it loosens nothing."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> tuple[bool, bytes]:
    """Whether the process of a file lives, and what it counted."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True, file.read()
        return False, file.read()


def _entries(data: bytes) -> Iterator[tuple[str, tuple[float, ...]]]:
    if len(data) < _HEAD.size:
        return
    magic, used = _HEAD.unpack_from(data)
    if magic == _MAGIC and used <= len(data):
        for key, place, count in _places(data, used):
            yield key, struct.unpack_from(f"={count}d", data, place)


def _places(data: bytes | mmap.mmap, used: int) -> Iterator[tuple[str, int, int]]:
    at = _HEAD.size
    while at + _ENTRY.size <= used:
        length, count = _ENTRY.unpack_from(data, at)
        place = at + _ENTRY.size + _padded(length)
        if place + 8 * count > used:
            return
        yield bytes(data[at + _ENTRY.size : at + _ENTRY.size + length]).decode(errors="replace"), place, count
        at = place + 8 * count


def _padded(length: int) -> int:
    return (length + 7) // 8 * 8
