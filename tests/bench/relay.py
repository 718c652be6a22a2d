"""What the service is measured against: a bare relay of Starlette and aiohttp, and the upstream of both.

``python -m tests.bench.relay upstream`` or ``… relay UPSTREAM_PORT``; prints ``port N``. Streams come from
`tests.bench.paced`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

from typing_extensions import override

WORDS = "The first token matters more than the last for interactive use, while batch work cares less."
ANSWER = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 18, "total_tokens": 30},
    }
).encode()
REPLY = (
    f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n".encode()
    + ANSWER
)

STREAMS = b'"stream": true'
"""Enough of a look at a question to tell how it wants its answer."""


class Answering(asyncio.Protocol):
    """Gives the same answer to everything, as cheaply as it can be given."""

    _read = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    @override
    def data_received(self, data: bytes) -> None:
        read = self._read + data if self._read else data
        end = read.find(b"\r\n\r\n")
        if end >= 0:
            head = read[:end].lower()
            at = head.find(b"content-length: ") + 16
            stop = head.find(b"\r\n", at)
            if len(read) >= end + 4 + int(head[at : stop if stop > 0 else end]):
                self._read = b""
                self._transport.write(REPLY)
                return
        self._read = read


async def upstream() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    sys.stdout.write(f"port {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def relay(upstream_port: int) -> None:
    """Pass bytes through, without a look at them."""
    import aiohttp
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    session: aiohttp.ClientSession | None = None
    url = f"http://127.0.0.1:{upstream_port}/v1/chat/completions"

    async def pass_on(request: Request) -> Response:
        nonlocal session
        if session is None:
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        headers = {"content-type": "application/json", "authorization": "Bearer bench-key"}
        body = await request.body()
        if STREAMS in body:
            reply = await session.post(url, data=body, headers=headers)
            return StreamingResponse(pieces(reply), reply.status, media_type="text/event-stream")
        async with session.post(url, data=body, headers=headers) as reply:
            return Response(await reply.read(), reply.status, media_type="application/json")

    async def pieces(reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        async with reply:
            async for piece in reply.content.iter_any():
                yield piece

    app = Starlette(routes=[Route("/v1/chat/completions", pass_on, methods=["POST"])])
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    sys.stdout.write(f"port {listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_config=None, access_log=False, ws="none"
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    if sys.argv[1] == "relay":
        relay(int(sys.argv[2]))
    else:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(upstream())
