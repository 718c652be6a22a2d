"""Clients of a service under mixed load, and what became of everything they asked."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.bench.channel import Channel, Closed, Garbage, request
from tests.bench.questions import STREAMS, WHOLE, Question, Wrong

PATIENCE_S = 20.0
"""The longest answer takes 2.2 s: whoever waits this long waits for nothing."""
EXCERPT = 300
MOST_PATIENT_S = 1.0
"""How long those listen who hang up in the middle."""


@dataclass
class Notes:
    """How it went."""

    answered: Counter[str] = field(default_factory=Counter)
    """By the name of the question."""
    failures: list[str] = field(default_factory=list)
    cut_s: list[float] = field(default_factory=list)
    """When requests ended because their worker was killed; nothing else may have happened to those."""
    left: int = 0
    """How many answers nobody waited for."""
    doomed: set[int] = field(default_factory=set)
    """The ports of the clients that the killed worker had."""
    took_s: dict[str, list[float]] = field(default_factory=dict)
    """Of whole answers."""
    gaps_s: list[float] = field(default_factory=list)
    """The longest silence in each stream."""
    answered_s: list[float] = field(default_factory=list)
    """When something was answered."""

    def stall_s(self, until_s: float) -> float:
        """The longest time in which nothing was answered, while everybody asked."""
        moments = sorted(at_s for at_s in self.answered_s if at_s <= until_s)
        return max((b - a for a, b in pairwise(moments)), default=0.0)


@dataclass
class Client:
    """Asks one thing after the other until told to stop."""

    port: int
    questions: Sequence[Question]
    notes: Notes
    chance: random.Random
    think_s: float
    close: bool = False
    """Use every connection but once."""
    leave: bool = False
    """Hang up in the middle of every answer."""

    async def run(self, ends_s: float) -> None:
        """Ask until ``ends_s``, on the clock of `time.perf_counter`."""
        channel: Channel | None = None
        while time.perf_counter() < ends_s:
            question = self.chance.choice(self.questions)
            if channel is None or not channel.is_open:
                channel = await self._connected()
            if channel is not None:
                await self._ask(channel, question)
            await asyncio.sleep(self.chance.uniform(0.0, 2 * self.think_s))
        if channel is not None:
            channel.close()

    async def _connected(self) -> Channel | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await Channel.to(self.port)
        except (OSError, TimeoutError) as exc:
            self.notes.failures.append(f"no connection: {exc!r}")
            return None

    async def _ask(self, channel: Channel, question: Question) -> None:
        heard: list[bytes] = []
        times_s: list[float] = []

        def hear(data: bytes, at_s: float) -> None:
            heard.append(data)
            times_s.append(at_s)

        asked_s = time.perf_counter()
        if self.leave:
            asyncio.get_running_loop().call_later(self.chance.uniform(0.0, MOST_PATIENT_S), channel.close)
        try:
            async with asyncio.timeout(PATIENCE_S):
                status = await channel.ask(request(question.path, question.body, close=self.close), hear)
            self._note(question, status, b"".join(heard), asked_s, times_s)
        except TimeoutError:
            self._failed(question, f"no end after {PATIENCE_S:g} s", b"".join(heard))
            channel.close()
        except Closed as exc:
            self._cut(channel, question, str(exc), b"".join(heard))
        except (Garbage, Wrong) as exc:
            self._failed(question, str(exc))

    def _note(
        self, question: Question, status: int, body: bytes, asked_s: float, times_s: list[float]
    ) -> None:
        if status != 200:
            self._failed(question, f"status {status}", body)
            return
        question.version(body)
        self.notes.answered[question.name] += 1
        self.notes.answered_s.append(times_s[-1])
        if question.last:
            gaps_s = (b - a for a, b in pairwise(times_s))
            self.notes.gaps_s.append(max(gaps_s, default=0.0))
        else:
            self.notes.took_s.setdefault(question.name, []).append(times_s[-1] - asked_s)

    def _cut(self, channel: Channel, question: Question, how: str, body: bytes) -> None:
        if self.leave and channel.left:
            self.notes.left += 1
            return
        if channel.port not in self.notes.doomed:
            self._failed(question, f"the connection was {how}", body)
            return
        try:
            question.require_beginning(body)
        except Wrong as exc:
            self._failed(question, f"cut off, and {exc}")
            return
        self.notes.cut_s.append(time.perf_counter())

    def _failed(self, question: Question, why: str, body: bytes = b"") -> None:
        said = f": {body[-EXCERPT:]!r}" if body else ""
        self.notes.failures.append(f"{question.name}: {why}{said}")


def clients(port: int, count: int, notes: Notes, *, think_s: float, seed: int) -> list[Client]:
    """Half of them listen to streams, the others want whole answers.

    Half of both connect each time anew, and of eight one listener hangs up in the middle.
    """
    return [
        Client(
            port,
            WHOLE if number % 2 else STREAMS,
            notes,
            random.Random(seed + number),  # noqa: S311 - chance, not secrecy
            think_s,
            close=number % 4 > 1,
            leave=number % 8 == 0,
        )
        for number in range(count)
    ]
