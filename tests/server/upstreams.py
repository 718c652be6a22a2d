"""A provider of three kinds of API on the loopback, that answers well, with errors, or with garbage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.core.loopback import Peer, Script

GARBAGE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<p>no</p>",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n[{}]",
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"choices": 5} ',
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 11\r\n\r\ndata: {[]\n\n",
)
ERRORS = ((400, "bad"), (401, "no"), (404, "where"), (429, "slow"), (500, "oops"), (503, "busy"))


def _refuse_constant(name: str) -> Any:
    raise AssertionError(f"{name} was sent on to a provider, and is no JSON")


async def well(peer: Peer) -> None:
    """Answer what is asked, in the form of the API whose path is asked."""
    while True:
        received = await peer.request()
        path = received.line.split()[1]
        asked = json.loads(received.body, parse_constant=_refuse_constant)
        if asked.get("stream"):
            await _whole(peer, b"".join(_events(path)), "text/event-stream")
        else:
            await _whole(peer, json.dumps(_answer(path, asked)).encode(), "application/json")


async def _whole(peer: Peer, body: bytes, kind: str, status: str = "200 OK") -> None:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    await peer.send(head.encode() + body)


def in_turn(*answers: bytes) -> Script:
    """Answer one after the other, whatever is asked."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(answers[len(peer.server.requests) % len(answers)])

    return script


def failing() -> Script:
    """Answer with one error after the other."""
    answers = []
    for status, message in ERRORS:
        body = json.dumps({"error": {"message": message, "type": "x", "code": "y"}}).encode()
        head = (
            f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        answers.append(head.encode() + body)
    return in_turn(*answers)


def _answer(path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    if path.endswith("/count_tokens"):
        return {"input_tokens": 3}
    if path.endswith("/messages"):
        said = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi."}]}
        counts = {"input_tokens": 3, "output_tokens": 2}
        return {**said, "id": "m", "model": "claude", "stop_reason": "end_turn", "usage": counts}
    if path == "/v2/chat":
        said = {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]}
        return {"id": "c", "finish_reason": "COMPLETE", "message": said, "usage": {}}
    if path == "/v2/embed":
        return {"id": "e", "embeddings": {"float": [[0.5, 1.0] for _ in asked["texts"]]}}
    if path.endswith("/embeddings"):
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        data = [{"object": "embedding", "index": n, "embedding": [0.5]} for n in range(len(texts))]
        return {"object": "list", "model": "m", "data": data, "usage": usage}
    head = {"id": "c", "created": 1, "model": "m", "usage": usage}
    choices = [
        {
            "index": n,
            "message": {"role": "assistant", "content": "Hi."},
            "text": "Hi.",
            "finish_reason": "stop",
        }
        for n in range(asked.get("n") or 1)
    ]
    return {**head, "object": "chat.completion", "choices": choices}


def _events(path: str) -> list[bytes]:
    if path.endswith("/messages"):
        start = {
            "id": "m",
            "role": "assistant",
            "content": [],
            "usage": {"input_tokens": 3, "output_tokens": 1},
        }
        return [
            _event("message_start", message=start),
            _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi."}),
            _event("content_block_stop", index=0),
            _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}),
            _event("message_stop"),
        ]
    if path == "/v2/chat":
        return [
            _event("message-start", id="c", delta={"message": {"role": "assistant"}}),
            _event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}}),
            _event("content-delta", index=0, delta={"message": {"content": {"text": "Hi."}}}),
            _event("message-end", delta={"finish_reason": "COMPLETE", "usage": {}}),
        ]
    choice = {"index": 0, "delta": {"content": "Hi."}, "text": "Hi.", "finish_reason": "stop"}
    return [b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n", b"data: [DONE]\n\n"]


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def routes_to(url: str, mark: str = "") -> list[dict[str, Any]]:
    """Routes of every type and of three providers to a server at ``url``; their names end in ``mark``."""
    openai = {"provider": "openai", "name": "gpt-4o"}
    openai_config = {"openai_api_key": "sk-one", "openai_api_base": f"{url}/v1"}
    anthropic = {"provider": "anthropic", "name": "claude-sonnet-4-5"}
    anthropic_config = {"anthropic_api_key": "sk-two", "anthropic_api_base": url}
    cohere = {"provider": "cohere", "name": "command-a"}
    cohere_config = {"cohere_api_key": "sk-three", "cohere_api_base": url}
    return [
        _route(f"openai-chat{mark}", "chat", openai, openai_config),
        _route(f"openai-text{mark}", "completions", openai, openai_config),
        _route(f"openai-vectors{mark}", "embeddings", openai, openai_config),
        _route(f"anthropic-chat{mark}", "chat", anthropic, anthropic_config),
        _route(f"anthropic-text{mark}", "completions", anthropic, anthropic_config),
        _route(f"cohere-chat{mark}", "chat", cohere, cohere_config),
        _route(f"cohere-vectors{mark}", "embeddings", cohere, cohere_config),
    ]


def _route(name: str, kind: str, model: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "route_type": f"llm/v1/{kind}", "model": {**model, "config": config}, "retries": 0}
