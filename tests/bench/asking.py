"""The cheapest load there is: one question, asked over many connections, each as soon as it is answered."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from tests.bench.servers import cpu_s, memory_mb, tree


@dataclass
class Server:
    """One server under test, with all the processes that come from ``pid``, and how it did."""

    name: str
    port: int
    pid: int
    question: bytes
    """The whole request."""
    rates: dict[int, list[float]] = field(default_factory=dict)
    """Requests a second by the number of connections, round by round."""
    cpu_us: dict[int, list[float]] = field(default_factory=dict)
    """Processor time for one of them."""
    p99_ms: dict[int, list[float]] = field(default_factory=dict)

    @property
    def memory_mb(self) -> float:
        """Resident memory of all its processes."""
        return sum(memory_mb(pid) for pid in tree(self.pid))

    def forget(self) -> None:
        """Whatever was noted was a warm-up."""
        for noted in (self.rates, self.cpu_us, self.p99_ms):
            noted.clear()


class Asking(asyncio.Protocol):
    """One connection."""

    def __init__(
        self, request: bytes, ends_s: float, took_s: list[float], done: asyncio.Future[None]
    ) -> None:
        self._request, self._ends_s, self._took_s, self._done = request, ends_s, took_s, done
        self._read = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._ask()

    def _ask(self) -> None:
        self._asked_s = time.perf_counter()
        self._transport.write(self._request)

    @override
    def data_received(self, data: bytes) -> None:
        self._read = self._read + data if self._read else data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._read[:end].lower()
        at = head.find(b"content-length: ")
        stop = head.find(b"\r\n", at)
        length = int(head[at + 16 : stop if stop > 0 else end])
        if len(self._read) < end + 4 + length:
            return
        if not head.startswith(b"http/1.1 200"):
            self._done.set_exception(RuntimeError(self._read.decode()))
            return
        self._read = b""
        now_s = time.perf_counter()
        self._took_s.append(now_s - self._asked_s)
        if now_s < self._ends_s:
            self._ask()
        elif not self._done.done():
            self._transport.close()
            self._done.set_result(None)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or RuntimeError("the server hung up"))


async def load(server: Server, connections: int, seconds: float) -> None:
    """Ask over ``connections`` for ``seconds``, and note how it went."""
    loop = asyncio.get_running_loop()
    took_s: list[float] = []
    dones = [loop.create_future() for _ in range(connections)]
    pids = tree(server.pid)
    used_s, start_s = cpu_s(pids), time.perf_counter()
    for done in dones:
        await loop.create_connection(
            lambda done=done: Asking(server.question, start_s + seconds, took_s, done),  # type: ignore[misc]
            "127.0.0.1",
            server.port,
        )
    await asyncio.gather(*dones)
    lasted_s = time.perf_counter() - start_s
    p99_s = statistics.quantiles(took_s, n=100, method="inclusive")[-1] if len(took_s) > 1 else took_s[0]
    server.rates.setdefault(connections, []).append(len(took_s) / lasted_s)
    server.cpu_us.setdefault(connections, []).append((cpu_s(pids) - used_s) / len(took_s) * 1e6)
    server.p99_ms.setdefault(connections, []).append(p99_s * 1000)
