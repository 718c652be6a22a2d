"""The service under mixed load, while its configuration is edited all the time and a worker is killed.

Streams at a reader's pace, whole answers and vectors, in every dialect, on connections that are kept and
on new ones; the file is rewritten once a second, in place, by renaming and by a swapped symlink in turn, and
half way one worker is killed. Nothing may fail but what the killed worker had, every letter is compared,
every worker must follow every edit. The workers, the load and the upstream share the machine.

    python -m tests.bench.mixed [--seconds 60] [--connections 64] [--workers 2] [--broken-every 5]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.mixed_load import Notes, clients
from tests.bench.paced import many_files
from tests.bench.questions import configuration
from tests.bench.servers import SERVE, UPSTREAM, connections_to, memory_mb, open_files, process
from tests.bench.watchers import Editor, Watchers, kill, lags_s
from tests.server.running import until

LIVE_BAR_S = 2.0
STALL_BAR_S = 1.0
"""For the longest answer, the longest silence in a stream, the longest time without any answer."""
START_S = 20.0
LEFT_S = 1.0
"""Until a worker has seen that its clients have left."""
CUT_BAR_S = 1.0
"""How long after its end a killed worker's clients may learn of it."""
FILES_BAR = 8
"""As many files more than in the beginning may be open in the end, once all clients have left: those to the
upstream, which are kept for the next request, not counted."""


@dataclass(frozen=True)
class Plan:
    """What is to be done to the service."""

    seconds: float = 60.0
    connections: int = 64
    workers: int = 2
    think_s: float = 0.05
    edit_s: float = 1.0
    broken_every: int = 0
    kill: bool = True
    seed: int = 1


@dataclass(frozen=True)
class Use:
    """What a worker uses when nobody is connected."""

    mb: float
    files: int
    """Without connections to the upstream."""
    upstream: int
    """Connections to the upstream."""

    @classmethod
    def of(cls, pid: int, upstream_port: int) -> Use:
        """Now."""
        upstream = connections_to(pid, upstream_port)
        return cls(memory_mb(pid), open_files(pid) - upstream, upstream)


@dataclass
class Seen:
    """What came of it."""

    notes: Notes = field(default_factory=Notes)
    lags_s: dict[str, list[float]] = field(default_factory=dict)
    told_s: list[float] = field(default_factory=list)
    ended_s: float = 0.0
    """When nobody began anything new any more."""
    killed_s: float | None = None
    back_s: float | None = None
    """How long after the kill there were as many workers as before, all of them answering."""
    uses: list[tuple[int, Use, Use]] = field(default_factory=list)
    """Of each worker that lived through it: its pid, and what it used in the beginning and in the end."""

    @property
    def slowest_s(self) -> float:
        """The longest wait for a whole answer."""
        return max((max(each) for each in self.notes.took_s.values()), default=0.0)


async def run(plan: Plan) -> Seen:
    """Start a service in a folder of its own, and do everything."""
    with ExitStack() as open_now:
        folder = Path(open_now.enter_context(tempfile.TemporaryDirectory()))
        upstream = open_now.enter_context(process(UPSTREAM, ready="port "))
        config = folder / "config.yaml"
        config.write_text(configuration(0, upstream.port), encoding="utf-8")
        service = open_now.enter_context(
            process((*SERVE, "--config", str(config), "--workers", str(plan.workers)), ready="serving ")
        )
        seen = Seen()
        watchers = Watchers(service.pid, service.port, seen.notes)
        editor = Editor(config, upstream.port, watchers, plan.edit_s, plan.broken_every)
        await _loaded(plan, seen, watchers, editor)
        return seen


async def _loaded(plan: Plan, seen: Seen, watchers: Watchers, editor: Editor) -> None:
    watching = asyncio.create_task(watchers.run())
    await until(lambda: len(watchers.watches) == plan.workers, START_S)
    before = {pid: Use.of(pid, editor.upstream_port) for pid in watchers.watches}
    ends_s = seen.ended_s = time.perf_counter() + plan.seconds
    everyone = clients(watchers.port, plan.connections, seen.notes, think_s=plan.think_s, seed=plan.seed)
    editing = asyncio.create_task(editor.run())
    killing = asyncio.create_task(_killing(plan, seen, watchers, editor)) if plan.kill else None
    await asyncio.gather(*(each.run(ends_s) for each in everyone))
    if killing is not None:
        await killing
    editing.cancel()
    await asyncio.gather(editing, return_exceptions=True)
    await editor.finish()
    await asyncio.sleep(LEFT_S)
    for pid, use in before.items():
        if watchers.watches[pid].ended_s is None:
            seen.uses.append((pid, use, Use.of(pid, editor.upstream_port)))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    seen.told_s = editor.told_s
    seen.lags_s = lags_s(editor.edits, list(watchers.watches.values()), ends_s)


async def _killing(plan: Plan, seen: Seen, watchers: Watchers, editor: Editor) -> None:
    """Half way, and where there are mistakes while there is one."""
    await asyncio.sleep(plan.seconds / 2)
    if plan.broken_every:
        await until(lambda: bool(editor.edits) and editor.edits[-1].broken, START_S)
    killed = kill(watchers)
    seen.killed_s = time.perf_counter()

    def all_back() -> bool:
        there = [each for each in watchers.watches.values() if each.pid != killed and each.ended_s is None]
        return len(there) >= plan.workers

    try:
        await until(all_back, START_S)
        seen.back_s = time.perf_counter() - seen.killed_s
    except TimeoutError:
        seen.notes.failures.append("nobody came for the killed worker")


def verdicts(seen: Seen) -> Iterator[tuple[str, float, float]]:
    """What is measured, how much it was, and how much it may be."""
    notes = seen.notes
    yield "failed requests", len(notes.failures), 0
    yield "edits live in every worker, s", max(map(max, seen.lags_s.values()), default=0), LIVE_BAR_S
    if seen.told_s:
        yield "mistakes named in every worker, s", max(seen.told_s), LIVE_BAR_S
    yield "longest whole answer, s", seen.slowest_s, STALL_BAR_S
    yield "longest silence in a stream, s", max(notes.gaps_s, default=0), STALL_BAR_S
    yield "longest time without an answer, s", notes.stall_s(seen.ended_s), STALL_BAR_S
    if seen.killed_s is not None and notes.cut_s:
        yield "the killed worker's clients told, s", max(notes.cut_s) - seen.killed_s, CUT_BAR_S
    for pid, before, after in seen.uses:
        yield f"files left open by worker {pid}", after.files - before.files, FILES_BAR


def report(seen: Seen) -> bool:
    """Print every figure; true when every bar is kept."""
    notes, out = seen.notes, sys.stdout.write
    for name, count in sorted(notes.answered.items()):
        took_s = notes.took_s.get(name)
        middle = "" if not took_s else f"   p50 {statistics.median(took_s) * 1000:.1f} ms"
        out(f"{name:<32}{count:>8,}{middle}\n")
    out(f"{'all':<32}{sum(notes.answered.values()):>8,}\n")
    out(f"cut off by the kill: {len(notes.cut_s)}; by clients that hung up: {notes.left}\n")
    for way, lags in seen.lags_s.items():
        out(f"{way:<32}{len(lags):>8} edits, p50 {statistics.median(lags):.2f} s, most {max(lags):.2f} s\n")
    for pid, before, after in seen.uses:
        out(
            f"worker {pid}: {before.mb:.0f} MB, then {after.mb:.0f} MB; {before.files} files open, then "
            f"{after.files}, and {after.upstream} connections kept to the upstream\n"
        )
    if seen.back_s is not None:
        out(f"another worker answered {seen.back_s:.1f} s after the kill\n")
    for failure in notes.failures[:10]:
        out(f"FAILED {failure}\n")
    kept = True
    for what, amount, bar in verdicts(seen):
        kept &= amount <= bar
        out(f"{what:<38}{amount:>8.2f}  (bar {bar:g})  {'ok' if amount <= bar else 'MISSED'}\n")
    return kept


def main() -> int:
    """Run once; 1 when a bar is missed."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=plan.seconds)
    parser.add_argument("--connections", type=int, default=plan.connections)
    parser.add_argument("--workers", type=int, default=plan.workers)
    parser.add_argument("--think-s", type=float, default=plan.think_s)
    parser.add_argument("--broken-every", type=int, default=0, help="every so many edits hold a mistake")
    parser.add_argument("--seed", type=int, default=plan.seed)
    args = parser.parse_args()
    many_files()
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(run(Plan(**vars(args))))
    return 0 if report(seen) else 1


if __name__ == "__main__":
    sys.exit(main())
