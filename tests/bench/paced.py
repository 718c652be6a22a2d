"""An upstream that streams on schedule and costs next to nothing: one timer for each event, and little is
parsed. Runs as a process of its own, ``python -m tests.bench.paced``; prints ``port N``.

The model's name says how it answers, as in `tests.bench.upstream`: ``first=200;tokens=24;rate=4``. With
``say=v7`` the text begins with that word. With ``stamp=1`` each token is the moment at which it was sent, on
the clock that all processes of a machine share, so whoever reads it knows how long it was under way.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from typing import Any

from typing_extensions import override

WORDS = ("the ", "first ", "token ", "matters ", "more ", "than ", "the ", "last ", "for ", "most. ")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
MODEL = re.compile(rb'"model": ?"([^"]*)"')
STREAM = re.compile(rb'"stream": ?true')
BACKLOG = 2048


def plan_of(model: str) -> dict[str, str]:
    """What a model's name asks for."""
    plan = {"first": "100", "tokens": "10", "rate": "100", "say": "", "stamp": ""}
    for part in model.split(";"):
        name, _, value = part.partition("=")
        plan[name] = value
    return plan


def text_of(model: str) -> str:
    """Everything that is said, where nothing is stamped."""
    plan = plan_of(model)
    return "".join(word_of(plan, number) for number in range(int(plan["tokens"])))


def word_of(plan: dict[str, str], number: int) -> str:
    """One token."""
    return f"{plan['say']} " if number == 0 and plan["say"] else WORDS[number % len(WORDS)]


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def _event(model: str, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    said = {"id": "paced", "object": "chat.completion.chunk", "created": 1700000000, "model": model}
    return b"data: " + json.dumps({**said, "choices": [choice], **more}).encode() + b"\n\n"


class Stream:
    """One streamed answer, on an absolute schedule from when its request was read."""

    def __init__(self, transport: asyncio.Transport, model: str, read_s: float) -> None:
        self._transport, self._model, self._plan = transport, model, plan_of(model)
        self._loop = asyncio.get_running_loop()
        self._count, self._gap_s = int(self._plan["tokens"]), 1 / float(self._plan["rate"])
        self._first_s = read_s + float(self._plan["first"]) / 1000
        self._number = 0
        mark = "0123456789.123456 "
        self._before, self._after = _event(model, {"content": mark}).split(mark.encode())
        transport.write(HEAD + _chunk(_event(model, {"role": "assistant", "content": ""})))
        self._timer = self._loop.call_at(self._first_s, self._send)

    def _send(self) -> None:
        if self._plan["stamp"]:
            word = b"%017.6f " % time.perf_counter()
        else:
            word = word_of(self._plan, self._number).encode()
        self._transport.write(_chunk(self._before + word + self._after))
        self._number += 1
        if self._number < self._count:
            self._timer = self._loop.call_at(self._first_s + self._number * self._gap_s, self._send)
            return
        usage = {"prompt_tokens": 10, "completion_tokens": self._count, "total_tokens": 10 + self._count}
        last = _event(self._model, {}, "stop", usage=usage)
        self._transport.write(_chunk(last) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    def stop(self) -> None:
        """Nobody listens any more."""
        self._timer.cancel()


class Answering(asyncio.Protocol):
    """One connection."""

    _read = b""
    _stream: Stream | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    @override
    def data_received(self, data: bytes) -> None:
        read_s = asyncio.get_running_loop().time()
        self._read = read = self._read + data if self._read else data
        end = read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = read[:end].lower()
        at = head.find(b"content-length: ") + 16
        stop = head.find(b"\r\n", at)
        if len(read) < end + 4 + int(head[at : stop if stop > 0 else end]):
            return
        self._read = b""
        found = MODEL.search(read, end)
        model = found[1].decode() if found else ""
        if STREAM.search(read, end):
            self._stream = Stream(self._transport, model, read_s)
        else:
            first_s = float(plan_of(model)["first"]) / 1000
            asyncio.get_running_loop().call_at(read_s + first_s, self._whole, model)

    def _whole(self, model: str) -> None:
        said = {"role": "assistant", "content": text_of(model)}
        body = {
            "id": "paced",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20},
        }
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        self._transport.write(head.encode() + data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream is not None:
            self._stream.stop()


def many_files() -> None:
    """Have as many files open as this process may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=BACKLOG)
    sys.stdout.write(f"port {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
