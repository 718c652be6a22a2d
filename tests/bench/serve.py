"""What the service adds to an upstream: requests a second, and processor time for each.

One worker of ours beside a bare Starlette and aiohttp relay that passes bytes through, and beside other
gateways where they are asked for, in the same run and in turns. An upstream that does next to nothing and the
load share one core, the servers under test have the other to themselves. Ratios count: rates are of a machine
that may have other things to do.

    python -m tests.bench.serve [--seconds 1.5] [--rounds 3] [--connections 1 64 256] [--only ours]
        [--peer mlflow28 --peer mlflow3 --peer litellm] [--peers-in FOLDER]
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
from pathlib import Path

from tests.bench import peers
from tests.bench.asking import Server, load
from tests.bench.channel import request
from tests.bench.paced import many_files
from tests.bench.servers import CORES, SERVE, process

RATIO_BAR = 1.0
"""Beside the relay; `peers` has the others'."""
CONNECTIONS = (1, 64, 256)
PATH = "/v1/chat/completions"
QUESTION = {"model": "bench", "messages": peers.MESSAGES, "max_tokens": 20}
RELAY = (sys.executable, "-m", "tests.bench.relay")


@contextmanager
def ours(upstream_port: int, *, core: int) -> Iterator[Server]:
    """One worker and its supervisor."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            "routes:\n  - name: bench\n    route_type: llm/v1/chat\n    model:\n      provider: openai\n"
            "      name: gpt-4o-mini\n      config: {openai_api_key: bench-key, "
            f"openai_api_base: 'http://127.0.0.1:{upstream_port}/v1'}}\n",
            encoding="utf-8",
        )
        command = (*SERVE, "--config", str(config), "--workers", "1")
        with process(command, ready="serving ", core=core) as started:
            yield Server("ours", started.port, started.pid, request(PATH, QUESTION))


@contextmanager
def relay(upstream_port: int, *, core: int) -> Iterator[Server]:
    """What does nothing but pass bytes on."""
    with process((*RELAY, "relay", str(upstream_port)), ready="port ", core=core) as started:
        yield Server("relay", started.port, started.pid, request(PATH, QUESTION))


@contextmanager
def servers(args: argparse.Namespace) -> Iterator[list[Server]]:
    """The servers under test, all before one upstream."""
    with ExitStack() as open_now:
        upstream = open_now.enter_context(process((*RELAY, "upstream"), ready="port ", core=-1))
        found = [
            open_now.enter_context(start(upstream.port, core=0))
            for start in (ours, relay)
            if not args.only or start.__name__ in args.only
        ]
        for name in args.peer:
            peer = peers.PEERS[name]
            found.append(open_now.enter_context(peers.running(peer, args.peers_in, upstream.port, core=0)))
        yield found


async def measure(found: Sequence[Server], args: argparse.Namespace) -> bool:
    """Print every figure; true when the bars are kept at every number of connections."""
    for server in found:
        await load(server, 32, 0.5)
        server.forget()
    for _ in range(args.rounds):
        for connections in args.connections:
            for server in found:
                await load(server, connections, args.seconds)
    kept = True
    sys.stdout.write(f"{'':<9}{'connections':>12}{'requests/s':>12}{'CPU us':>9}{'p99 ms':>9}{'MB':>7}\n")
    for connections in args.connections:
        for server in found:
            numbers = (
                statistics.median(server.rates[connections]),
                statistics.median(server.cpu_us[connections]),
                statistics.median(server.p99_ms[connections]),
                server.memory_mb,
            )
            sys.stdout.write(
                "{:<9}{:>12}{:>12,.0f}{:>9.0f}{:>9.1f}{:>7.0f}\n".format(server.name, connections, *numbers)
            )
        if found[0].name == "ours":
            for other in found[1:]:
                kept &= compared(found[0], other, connections)
    return kept


def compared(ours: Server, other: Server, connections: int) -> bool:
    """Print the ratio of requests a second; true when it is what it must be."""
    peer = peers.PEERS.get(other.name)
    bar = RATIO_BAR if peer is None else peer.times
    pairs = zip(ours.rates[connections], other.rates[connections], strict=True)
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    kept = ratio >= bar
    sys.stdout.write(
        f"{'ratio':<9}{connections:>12}{ratio:>12.2f}   (to {other.name}; bar {bar:g})  "
        f"{'ok' if kept else 'MISSED'}\n"
    )
    if peer is not None:
        less = ours.memory_mb < other.memory_mb
        sys.stdout.write(f"{'memory':<9}{'':>12}{'less' if less else 'not less':>12}   (than {other.name})\n")
        kept &= less
    return kept


def main() -> int:
    """Run once; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--only", choices=("ours", "relay"), action="append")
    parser.add_argument(
        "--peer",
        choices=tuple(peers.PEERS),
        action="append",
        default=[],
        help="installed with pip if need be",
    )
    parser.add_argument("--peers-in", type=Path, default=peers.HOME, help="where peers are installed")
    args = parser.parse_args()
    many_files()
    with servers(args) as found:
        os.sched_setaffinity(0, {CORES[-1]})
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            kept = runner.run(measure(found, args))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
