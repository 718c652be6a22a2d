"""What is asked under mixed load, in every dialect, and what the answer must say to the last letter.

Each edit of the configuration has a number, and every route says it: an answer tells which edit it is of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench import paced

WORDS = " ".join(f"word{number}" for number in range(40))
HI = [{"role": "user", "content": "hi"}]
VERSION = re.compile(r"v(\d+) ")
SLOW_RATE = 20.0
PLAN = "first=30;tokens=40;rate=40;say=v{}"


class Wrong(Exception):
    """An answer that is not what the route says."""


def configuration(number: int, upstream_port: int) -> str:
    """The file of edit ``number``."""

    def scripted(name: str, route_type: str, **config: Any) -> dict[str, Any]:
        model = {"provider": "scripted", "name": f"v{number}", "config": config}
        return {"name": name, "route_type": f"llm/v1/{route_type}", "model": model}

    fast = {"text": said_by("talk", number), "first_token": 0, "tokens_per_second": 2000}
    slow = {"text": said_by("slow", number), "first_token": 0.1, "tokens_per_second": SLOW_RATE}
    base = f"http://127.0.0.1:{upstream_port}/v1"
    live = {
        "provider": "openai",
        "name": PLAN.format(number),
        "config": {"openai_api_key": "bench-key", "openai_api_base": base},
    }
    routes = [
        scripted("talk", "chat", **fast),
        scripted("slow", "chat", **slow),
        scripted("write", "completions", **fast),
        scripted("vectors", "embeddings", vector=[number, 0.5], first_token=0),
        {"name": "live", "route_type": "llm/v1/chat", "model": live},
    ]
    return json.dumps({"routes": routes}, indent=1)


def said_by(route: str, number: int) -> str:
    """All that a route says in edit ``number``."""
    if route == "live":
        return paced.text_of(PLAN.format(number))
    return str([float(number), 0.5]) if route == "vectors" else f"v{number} {WORDS}"


@dataclass(frozen=True)
class Question:
    """One thing to ask. A stream is read by ``piece`` and must end with an event that holds ``last``."""

    name: str
    route: str
    path: str
    body: Mapping[str, Any]
    text: Callable[[Any], str]
    last: bytes = b""
    """Empty where the answer comes whole."""

    def version(self, body: bytes) -> int:
        """Which edit a complete answer is of. Raises `Wrong` when a letter of it is."""
        if not self.last:
            try:
                said = self.text(json.loads(body))
            except (ValueError, LookupError, TypeError) as exc:
                raise Wrong(f"{exc!r}: {body[:300]!r}") from exc
            return self._same(said, whole=True)
        events = data_of(body)
        if not events or self.last not in events[-1]:
            raise Wrong(f"the stream does not end with {self.last!r}: {body[-300:]!r}")
        return self._same(self._streamed(events), whole=True)

    def require_beginning(self, body: bytes) -> None:
        """Raises `Wrong` when an answer that was cut off is not the beginning of a right one."""
        if self.last:
            said = self._streamed(data_of(body[: body.rfind(b"\n\n") + 2]))
            if VERSION.match(said):
                self._same(said, whole=False)

    def _streamed(self, events: list[bytes]) -> str:
        try:
            return "".join(self.text(json.loads(each)) for each in events if each != b"[DONE]")
        except (ValueError, LookupError, TypeError) as exc:
            raise Wrong(f"{exc!r} in {events!r:.300}") from exc

    def _same(self, said: str, *, whole: bool) -> int:
        if self.route == "vectors":
            number = int(json.loads(said)[0])
        elif found := VERSION.match(said):
            number = int(found[1])
        else:
            raise Wrong(f"no edit is named: {said[:100]!r}")
        wanted = said_by(self.route, number)
        if (said != wanted) if whole else not wanted.startswith(said):
            raise Wrong(f"not what {self.route} says in edit {number}: {said!r}")
        return number


def data_of(body: bytes) -> list[bytes]:
    """The data of every event of a stream."""
    return [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]


def _delta(event: Any) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


def _claude_delta(event: Any) -> str:
    return str(event["delta"]["text"]) if event["type"] == "content_block_delta" else ""


def _message(answer: Any) -> str:
    return str(answer["choices"][0]["message"]["content"])


CHAT, CLAUDE, EMBED = "/v1/chat/completions", "/v1/messages", "/v1/embeddings"
DONE, STOP = b"[DONE]", b"message_stop"
MAX = {"max_tokens": 100}
STREAM = {"stream": True}
INVOKE_28, INVOKE = "/gateway/{}/invocations", "/endpoints/{}/invocations"

WHOLE = (
    Question("openai chat", "talk", CHAT, {"model": "talk", "messages": HI}, _message),
    Question("openai chat, upstream", "live", CHAT, {"model": "live", "messages": HI}, _message),
    Question(
        "openai completion",
        "write",
        "/v1/completions",
        {"model": "write", "prompt": "hi"},
        lambda answer: str(answer["choices"][0]["text"]),
    ),
    Question(
        "openai embeddings",
        "vectors",
        EMBED,
        {"model": "vectors", "input": "hi"},
        lambda answer: str(answer["data"][0]["embedding"]),
    ),
    Question(
        "anthropic",
        "talk",
        CLAUDE,
        {"model": "talk", "messages": HI, **MAX},
        lambda answer: str(answer["content"][0]["text"]),
    ),
    Question(
        "mlflow 2.8 chat",
        "talk",
        INVOKE_28.format("talk"),
        {"messages": HI},
        lambda answer: str(answer["candidates"][0]["message"]["content"]),
    ),
    Question(
        "mlflow 2.8 completion",
        "write",
        INVOKE_28.format("write"),
        {"prompt": "hi"},
        lambda answer: str(answer["candidates"][0]["text"]),
    ),
    Question(
        "mlflow 2.8 embeddings",
        "vectors",
        INVOKE_28.format("vectors"),
        {"text": "hi"},
        lambda answer: str(answer["embeddings"][0]),
    ),
    Question("mlflow today", "talk", INVOKE.format("talk"), {"messages": HI}, _message),
    Question(
        "mlflow today embeddings",
        "vectors",
        INVOKE.format("vectors"),
        {"input": "hi"},
        lambda answer: str(answer["data"][0]["embedding"]),
    ),
)
STREAMS = (
    Question("openai stream", "slow", CHAT, {"model": "slow", "messages": HI, **STREAM}, _delta, DONE),
    Question(
        "openai stream, upstream", "live", CHAT, {"model": "live", "messages": HI, **STREAM}, _delta, DONE
    ),
    Question(
        "openai completion stream",
        "write",
        "/v1/completions",
        {"model": "write", "prompt": "hi", **STREAM},
        lambda event: "".join(choice["text"] for choice in event["choices"]),
        DONE,
    ),
    Question(
        "anthropic stream",
        "slow",
        CLAUDE,
        {"model": "slow", "messages": HI, **STREAM, **MAX},
        _claude_delta,
        STOP,
    ),
    Question(
        "anthropic stream, upstream",
        "live",
        CLAUDE,
        {"model": "live", "messages": HI, **STREAM, **MAX},
        _claude_delta,
        STOP,
    ),
    Question("mlflow today stream", "slow", INVOKE.format("slow"), {"messages": HI, **STREAM}, _delta, DONE),
    Question(
        "mlflow today stream, upstream",
        "live",
        INVOKE.format("live"),
        {"messages": HI, **STREAM},
        _delta,
        DONE,
    ),
)
