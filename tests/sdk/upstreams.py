"""What a provider says, reply by reply: for routes whose answers must fit what was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.core.loopback import Peer, Server, serving


@dataclass(frozen=True)
class Refused:
    """A reply with a bad status."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Refused
"""A whole answer, the chunks of a stream, or a refusal."""


@dataclass(frozen=True)
class Upstream:
    """Where it listens, and what it heard."""

    url: str
    server: Server

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Of all requests so far."""
        return [json.loads(request.body) for request in self.server.requests]


@asynccontextmanager
async def saying(*replies: Reply) -> AsyncIterator[Upstream]:
    """A provider that gives each request the next of ``replies``, and the last of them from then on."""
    left = list(replies)

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            reply = left.pop(0) if len(left) > 1 else left[0]
            await peer.send(_written(reply))

    async with serving(script) as server:
        yield Upstream(server.url, server)


def _written(reply: Reply) -> bytes:
    """The whole HTTP answer."""
    status, headers, kind = 200, {}, "application/json"
    if isinstance(reply, Refused):
        status, headers, body = reply.status, dict(reply.headers), json.dumps(reply.body)
    elif isinstance(reply, Mapping):
        body = json.dumps(reply)
    else:
        kind = "text/event-stream"
        body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in reply) + "data: [DONE]\n\n"
    head = {"content-type": kind, "content-length": str(len(body.encode())), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n{body}".encode()


def whole(*messages: Mapping[str, Any], reason: str = "stop") -> dict[str, Any]:
    """A chat completion of OpenAI's, with a choice for each message."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": None, **message}, "finish_reason": reason}
        for i, message in enumerate(messages)
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    return {"id": "up-1", "object": "chat.completion", "model": "gpt-4o", "choices": choices, "usage": usage}


def streamed(*deltas: tuple[int, Mapping[str, Any]], reason: str = "stop") -> list[dict[str, Any]]:
    """The same in pieces, each with the index of its choice."""
    head = {"id": "up-1", "object": "chat.completion.chunk", "model": "gpt-4o"}
    said = [{"index": index, "delta": delta, "finish_reason": None} for index, delta in deltas]
    ends = [{"index": i, "delta": {}, "finish_reason": reason} for i in sorted({i for i, _ in deltas})]
    chunks = [{**head, "choices": [choice]} for choice in (*said, *ends)]
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    return [*chunks, {**head, "choices": [], "usage": usage}]


def called(name: str, arguments: str, call_id: str = "call_7") -> dict[str, Any]:
    """A tool call of OpenAI's."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
