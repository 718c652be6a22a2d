"""Programs under measurement: started on a core of their own, and what they use."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 20.0
LISTENING = "0A"
CORES = sorted(os.sched_getaffinity(0))
"""Those of this process in the beginning: the load goes to the last of them later."""
LAST_WORDS = 2000
END_S = 5.0
"""How long a program may take to end before it is made to."""
SERVE = (sys.executable, "-m", "tui.cli", "serve", "--host", "127.0.0.1", "--port", "0")
UPSTREAM = (sys.executable, "-m", "tests.bench.paced")


@dataclass(frozen=True)
class Started:
    """A program that is ready; ``said`` is the line that said so."""

    popen: subprocess.Popen[bytes]
    said: str
    log: IO[str]

    @property
    def pid(self) -> int:
        """Of the process that was started; it may have children."""
        return self.popen.pid

    @property
    def port(self) -> int:
        """Where it listens: ours says an address, the others ``port N``."""
        if "://" in self.said:
            return int(self.said.split("://")[1].split()[0].rpartition(":")[2])
        return int(self.said.split()[1])

    def is_running(self) -> bool:
        """False once it has ended."""
        return self.popen.poll() is None

    def lines(self) -> str:
        """The end of what it has said."""
        return _read(self.log)[-LAST_WORDS:]


@contextmanager
def process(
    command: Sequence[str],
    *,
    ready: str,
    core: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    patience_s: float = PATIENCE_S,
) -> Iterator[Started]:
    """A program, on ``core`` if need be, once a line has ``ready`` in it; its family ends with the block."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        popen = subprocess.Popen(command, stderr=log, stdout=log, env=env, cwd=cwd)
        if core is not None:
            os.sched_setaffinity(popen.pid, {CORES[core]})
        try:
            deadline_s = time.monotonic() + patience_s
            while (said := _line_with(ready, log)) is None:
                if popen.poll() is not None or time.monotonic() > deadline_s:
                    raise RuntimeError(f"{popen.args!r} did not start: {_read(log)[-LAST_WORDS:]}")
                time.sleep(0.05)
            yield Started(popen, said, log)
        finally:
            _end(popen)


def _read(log: IO[str]) -> str:
    """All of it; the program's own place in the file, which is shared with it, stays at the end."""
    return os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0).decode("utf-8", "replace")


def _line_with(mark: str, log: IO[str]) -> str | None:
    return next((line for line in _read(log).splitlines() if mark in line), None)


def _end(started: subprocess.Popen[bytes]) -> None:
    family = tree(started.pid)
    started.terminate()
    with suppress(subprocess.TimeoutExpired):
        started.wait(END_S)
    for pid in family:  # MLflow leaves its children behind
        with suppress(ProcessLookupError):
            os.kill(pid, 9)
    started.wait()


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started and that still run."""
    try:
        threads = [each.name for each in Path(f"/proc/{pid}/task").iterdir()]
        said = [Path(f"/proc/{pid}/task/{thread}/children").read_text() for thread in threads]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for each in said for child in each.split()]


def tree(pid: int) -> list[int]:
    """``pid`` and all that come from it."""
    return [pid, *(each for child in children(pid) for each in tree(child))]


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time that those of them have used that still run."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, *, peak: bool = False) -> float:
    """Resident memory, now or the most it was."""
    wanted = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(wanted)) / 1024


def open_files(pid: int) -> int:
    """Files and sockets it has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def clients_of(pid: int, port: int) -> set[int]:
    """The ports of those who are connected to ``port`` at the process ``pid``."""
    return {theirs for ours, theirs in _connections(pid) if ours == port}


def connections_to(pid: int, port: int) -> int:
    """How many connections the process ``pid`` has to ``port``."""
    return sum(1 for _, theirs in _connections(pid) if theirs == port)


def _connections(pid: int) -> list[tuple[int, int]]:
    """The ports of both ends of every connection of a process. Raises `OSError` when it is gone."""
    sockets = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            sockets.add(str(each.readlink()))
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        part = line.split()
        if part[3] != LISTENING and f"socket:[{part[9]}]" in sockets:
            found.append((_port(part[1]), _port(part[2])))
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
