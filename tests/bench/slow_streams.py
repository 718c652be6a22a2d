"""Many streams through one worker: that none is lost or late, what they cost, and what they keep in memory.

First 1,000 slow ones at once; then 64 fast ones, beside a bare relay of Starlette and aiohttp in the same
run and in turns. The upstream stamps every event with the moment it was sent. The worker has a
core to itself, the upstream and the readers share the other.

    python -m tests.bench.slow_streams [--streams 1000] [--ramp-s 1] [--fast 64] [--rate 100] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench.channel import request
from tests.bench.paced import many_files
from tests.bench.reader import Pace, Streams, listen
from tests.bench.servers import CORES, SERVE, UPSTREAM, children, cpu_s, memory_mb, process

TTFT_BAR = 1.15
"""The median beside what the upstream was told to wait."""
MEMORY_BAR_MB = 100.0
ADDED_BAR_MS = 20.0
DELIVERED_BAR = 0.99
CPU_BAR = 0.8
"""Beside the relay, for one event."""
RELAY = (sys.executable, "-m", "tests.bench.relay", "relay")
SLOW = Pace(1000, first_s=0.2, tokens=24, rate=4.0, ramp_s=1.0)
FAST = Pace(64, first_s=0.2, tokens=500, rate=100.0)


@dataclass
class Server:
    """One server under test."""

    name: str
    port: int
    pid: int
    rounds: list[Streams] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """For one event, round by round."""

    async def listen(self, pace: Pace) -> Streams:
        """One round."""
        messages = [{"role": "user", "content": "How are you?"}]
        # The service takes the model from its route, the relay passes it on.
        model = "bench" if self.name == "ours" else pace.model
        asked = request("/v1/chat/completions", {"model": model, "stream": True, "messages": messages})
        before_s = cpu_s([self.pid])
        heard = await listen(self.port, asked, pace)
        self.cpu_us.append((cpu_s([self.pid]) - before_s) / max(1, len(heard.came_s)) * 1e6)
        self.rounds.append(heard)
        return heard


def percentile(values: Sequence[float], percent: int) -> float:
    """Of the values; 50 is the median."""
    if len(values) < 2:
        return max(values, default=float("inf"))
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def delivered(heard: Streams) -> float:
    """What had come when the last event was sent, beside what had been sent."""
    if not heard.sent_s:
        return 0.0
    end_s = max(heard.sent_s)
    return sum(at_s <= end_s + ADDED_BAR_MS / 1000 for at_s in heard.came_s) / len(heard.sent_s)


@contextmanager
def servers(folder: Path, pace: Pace, upstream_port: int, *, relay: bool) -> Iterator[list[Server]]:
    """One worker of ours, and the relay, each on the first core."""
    config = folder / "config.yaml"
    config.write_text(
        "routes:\n  - name: bench\n    route_type: llm/v1/chat\n    model:\n      provider: openai\n"
        f'      name: "{pace.model}"\n'
        f"      config: {{openai_api_key: bench-key, openai_api_base: 'http://127.0.0.1:{upstream_port}/v1'}}\n",
        encoding="utf-8",
    )
    with ExitStack() as open_now:
        command = (*SERVE, "--config", str(config), "--workers", "1")
        ours = open_now.enter_context(process(command, ready="serving ", core=0))
        found = [Server("ours", ours.port, children(ours.pid)[0])]
        if relay:
            other = open_now.enter_context(process((*RELAY, str(upstream_port)), ready="port ", core=0))
            found.append(Server("relay", other.port, other.pid))
        yield found


async def slow(folder: Path, upstream_port: int, pace: Pace) -> bool:
    """Many slow streams; true when the bars are kept."""
    with servers(folder, pace, upstream_port, relay=False) as (ours,):
        heard = await ours.listen(pace)
        memory = memory_mb(ours.pid, peak=True)
        sys.stdout.write(
            f"{pace.streams:,} slow streams: first token p50 {percentile(heard.first_s, 50) * 1000:.0f}, "
            f"p99 {percentile(heard.first_s, 99) * 1000:.0f} ms; under way p50 "
            f"{percentile(heard.lag_s, 50) * 1000:.1f}, p99 {percentile(heard.lag_s, 99) * 1000:.1f} ms; "
            f"{ours.cpu_us[0]:.0f} us of CPU an event\n"
        )
        return all(
            [
                _failures(heard),
                _bar(
                    "first token, beside the upstream's",
                    percentile(heard.first_s, 50) / pace.first_s,
                    TTFT_BAR,
                ),
                _bar("most memory of the worker, MB", memory, MEMORY_BAR_MB),
            ]
        )


async def fast(folder: Path, upstream_port: int, pace: Pace, rounds: int) -> bool:
    """Fewer fast streams, beside the relay; true when the bars are kept."""
    with servers(folder, pace, upstream_port, relay=True) as found:
        for server in found:
            await server.listen(replace(pace, tokens=20))
            server.rounds.clear()
            server.cpu_us.clear()
        for _ in range(rounds):
            for server in found:
                await server.listen(pace)
        for server in found:
            added_s = [each for heard in server.rounds for each in heard.added_s]
            lag_s = [each for heard in server.rounds for each in heard.lag_s]
            sys.stdout.write(
                f"{server.name:<6}{pace.streams} streams of {pace.rate:g} events/s: first token +"
                f"{percentile(added_s, 50) * 1000:.1f} ms, p99 +{percentile(added_s, 99) * 1000:.1f} ms; "
                f"under way p50 {percentile(lag_s, 50) * 1000:.1f}, p99 "
                f"{percentile(lag_s, 99) * 1000:.1f} ms; "
                f"{statistics.median(server.cpu_us):.0f} us of CPU an event\n"
            )
        ours, relay = found
        added_ms = [each * 1000 for heard in ours.rounds for each in heard.added_s]
        pairs = zip(ours.cpu_us, relay.cpu_us, strict=True)
        return all(
            [
                *(_failures(heard) for heard in ours.rounds),
                _bar("first token later by, p50 ms", percentile(added_ms, 50), ADDED_BAR_MS),
                _bar("first token later by, p99 ms", percentile(added_ms, 99), ADDED_BAR_MS),
                _bar(
                    "events outstanding, part of all", 1 - min(map(delivered, ours.rounds)), 1 - DELIVERED_BAR
                ),
                _bar(
                    "CPU for an event, beside the relay's",
                    statistics.median(a / b for a, b in pairs),
                    CPU_BAR,
                ),
            ]
        )


def _failures(heard: Streams) -> bool:
    for failure in heard.failures[:5]:
        sys.stdout.write(f"FAILED {failure}\n")
    return _bar("streams that failed", len(heard.failures), 0)


def _bar(what: str, amount: float, bar: float) -> bool:
    kept = amount <= bar + 1e-9
    sys.stdout.write(f"  {what:<38}{amount:>8.3g}  (bar {bar:.3g})  {'ok' if kept else 'MISSED'}\n")
    return kept


async def measure(args: argparse.Namespace) -> bool:
    """Both parts; true when every bar is kept."""
    kept = True
    with ExitStack() as open_now:
        folder = Path(open_now.enter_context(tempfile.TemporaryDirectory()))
        upstream = open_now.enter_context(process(UPSTREAM, ready="port ", core=-1))
        if args.streams:
            kept &= await slow(folder, upstream.port, replace(SLOW, streams=args.streams, ramp_s=args.ramp_s))
        if args.fast:
            pace = replace(FAST, streams=args.fast, rate=args.rate, tokens=int(args.rate * args.seconds))
            kept &= await fast(folder, upstream.port, pace, args.rounds)
    return kept


def main() -> int:
    """Run once; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=SLOW.streams, help="slow ones; 0 leaves them out")
    parser.add_argument("--ramp-s", type=float, default=SLOW.ramp_s, help="over what time they begin")
    parser.add_argument("--fast", type=int, default=FAST.streams, help="fast ones; 0 leaves them out")
    parser.add_argument("--rate", type=float, default=FAST.rate, help="their events in a second")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long they last")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    many_files()
    import uvloop

    os.sched_setaffinity(0, {CORES[-1]})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        kept = runner.run(measure(args))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
