"""What the core adds to the bare HTTP client, and how it holds when much happens at once.

An upstream in a process of its own answers. Calls and chunks are measured in processor time of this
process, beside the same work done with httpx and aiohttp alone in the same run; the streams by how far
the times to first token are from the injected ones.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import httpx

from gateway_core import ChatRequest, Gateway, Message, RouteTable
from gateway_core.config.model import Model
from gateway_core.events import Fold
from gateway_core.keys import Secret
from gateway_core.providers.openai import OpenAI
from gateway_core.settling import settle
from gateway_core.wire.sse import SseFramer
from tests.bench.upstream import chunk

CALLS, STREAMS, CHUNKS = 600, 20, 400
CALL_BAR, CHUNK_RATE_BAR, TTFT_BAR = 1.3, 50_000, 1.15
FIRST_MS = 300
ASKED = ChatRequest((Message("user", "How are you?"),), stream=False)
STREAMED = ChatRequest(ASKED.messages)
AT_ONCE = (
    ("256 calls at once", f"first={FIRST_MS};tokens=20;rate=40", 256),
    ("1,000 slow streams at once", f"first={FIRST_MS};tokens=8;rate=4", 1000),
)


def table(port: int, model: str) -> RouteTable:
    """One route to the upstream."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(
            "routes:\n  - name: bench\n    route_type: llm/v1/chat\n    model:\n      provider: openai\n"
            f'      name: "{model}"\n'
            f"      config: {{openai_api_key: bench-key, openai_api_base: 'http://127.0.0.1:{port}/v1'}}\n",
            encoding="utf-8",
        )
        return RouteTable.load(path)


async def cpu_us(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Microseconds of processor time for one ``work()``, the best of three rounds."""
    rounds = []
    for _ in range(3):
        start_s = time.process_time()
        for _ in range(times):
            await work()
        rounds.append((time.process_time() - start_s) / times * 1e6)
    return min(rounds)


async def calls(port: int) -> tuple[float, float, float]:
    """Microseconds for a whole answer: with httpx alone, with aiohttp alone, and through the gateway."""
    model = "first=0;tokens=20"
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "How are you?"}]}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer bench-key"}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with aiohttp.ClientSession() as session:

        async def bare() -> object:
            async with session.post(url, data=body, headers=headers) as reply:
                return json.loads(await reply.read())["choices"][0]["message"]["content"]

        await bare()
        alone = await cpu_us(bare, CALLS)
    async with httpx.AsyncClient() as client:

        async def plain() -> object:
            reply = await client.post(url, content=body, headers=headers)
            return json.loads(reply.content)["choices"][0]["message"]["content"]

        await plain()
        usual = await cpu_us(plain, CALLS)
    async with Gateway(table(port, model)) as gateway:
        await gateway.warm()
        route = gateway.table.get("bench")

        async def ours() -> object:
            return await gateway.run(route, ASKED, lambda _: None)

        await ours()
        return usual, alone, await cpu_us(ours, CALLS)


async def streams(port: int) -> tuple[float, float]:
    """Microseconds for a chunk of a stream: with aiohttp alone, and through the gateway."""
    model = f"first=0;tokens={CHUNKS};rate=100000"
    asked = {"model": model, "messages": [{"role": "user", "content": "How are you?"}], "stream": True}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with aiohttp.ClientSession() as session:

        async def bare() -> object:
            async with session.post(url, data=json.dumps(asked).encode()) as reply:
                return [json.loads(line[6:]) async for line in reply.content if line.startswith(b"data: {")]

        await bare()
        alone = await cpu_us(bare, STREAMS)
    async with Gateway(table(port, model)) as gateway:
        await gateway.warm()
        route = gateway.table.get("bench")

        async def ours() -> object:
            return await gateway.run(route, STREAMED, lambda _: None)

        await ours()
        through = await cpu_us(ours, STREAMS)
    return alone / CHUNKS, through / CHUNKS


def chunk_rate() -> float:
    """Chunks a second through framing, decoding and folding, one chunk a read."""
    provider = OpenAI(Model("openai", "gpt-4o", {"openai_api_key": Secret("bench-key")}))
    reads = [f"data: {json.dumps(chunk('word '))}\n\n".encode() for _ in range(20_000)]
    best = 0.0
    for _ in range(3):
        framer, fold = SseFramer(), Fold()
        start_s = time.process_time()
        for read in reads:
            for frame in framer.feed(read):
                for event in provider.decode(frame):
                    fold.add(event)
        best = max(best, len(reads) / (time.process_time() - start_s))
        assert len(fold.response().text) == 5 * len(reads)
    return best


async def ttfts(port: int, model: str, count: int) -> list[float]:
    """Times to first token in milliseconds of ``count`` streams that are started together."""
    async with Gateway(table(port, model)) as gateway:
        await gateway.warm()
        route = gateway.table.get("bench")
        # What is loaded once is no part of this: the price list, the tokenizers.
        first = await gateway.run(route, STREAMED, lambda _: None)
        settle(first, route, STREAMED, datetime.now(UTC))
        results = await asyncio.gather(*(gateway.run(route, STREAMED, lambda _: None) for _ in range(count)))
    failed = [result.error for result in results if result.error is not None]
    if failed:
        raise RuntimeError(f"{len(failed)} of {count} calls failed, the first with: {failed[0]}")
    return [result.timing.ttft_ms or float("inf") for result in results]


async def measure(port: int) -> bool:
    """Print every figure beside its bar; true when all are kept."""
    usual, alone, through = await calls(port)
    kept = row("a call, x httpx alone", through / usual, CALL_BAR, note=f"{through:.0f} us")
    kept &= row("a call, x aiohttp alone", through / alone, CALL_BAR, note=f"{alone:.0f} us")
    alone, through = await streams(port)
    sys.stdout.write(f"{'a streamed chunk, x aiohttp':<36}{through / alone:10.2f}   ({through:.0f} us)\n")
    rate = chunk_rate()
    kept &= row("chunks/s, framed, decoded, folded", rate, CHUNK_RATE_BAR, least=True)
    for name, model, count in AT_ONCE:
        found = await ttfts(port, model, count)
        p95 = statistics.quantiles(found, n=20, method="inclusive")[-1] / FIRST_MS
        middle = statistics.median(found) / FIRST_MS
        kept &= row(f"{name}: TTFT, x injected", middle, TTFT_BAR, note=f"p95 {p95:.2f}")
    return kept


def row(name: str, value: float, bar: float, *, least: bool = False, note: str = "") -> bool:
    """Print one figure; true when it keeps its bar."""
    ok = value >= bar if least else value <= bar
    verdict = "ok" if ok else "MISSED"
    sys.stdout.write(f"{name:<36}{value:10,.2f}   (bar {bar:,g})  {verdict}{f'  {note}' if note else ''}\n")
    return ok


def main() -> int:
    """Run once; 1 when a bar is missed."""
    upstream = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.upstream"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with upstream:
        assert upstream.stdout is not None
        port = int(upstream.stdout.readline())
        try:
            kept = asyncio.run(measure(port))
        finally:
            upstream.terminate()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
