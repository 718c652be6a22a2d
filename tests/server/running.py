"""The service in this process, on a socket of the loopback, and clients that see every byte."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from gateway_core.server.app import Service
from gateway_core.server.listener import Listener
from gateway_core.server.loading import Routes
from gateway_core.server.seams import Guard, Handled, Observer
from gateway_core.server.settings import Bounds
from gateway_core.wire.http import HttpTransport

SAID = "one two three"
QUESTION = {"messages": [{"role": "user", "content": "hi"}]}


def scripted(name: str = "chat", route_type: str = "llm/v1/chat", **config: Any) -> dict[str, Any]:
    """A route that answers by itself, at once unless ``config`` says otherwise."""
    config = config or {"text": SAID, "first_token": 0, "tokens_per_second": 1000}
    model = {"provider": "scripted", "name": "script", "config": config}
    return {"name": name, "route_type": route_type, "model": model}


def upstream(url: str, name: str = "chat", **more: Any) -> dict[str, Any]:
    """A route to a server of a test."""
    config = {"openai_api_key": "sk-upstream-secret", "openai_api_base": f"{url}/v1"}
    model = {"provider": "openai", "name": "gpt-4o", "config": config}
    return {"name": name, "route_type": "llm/v1/chat", "model": model, "retries": 0, **more}


def write(path: Path, *routes: Mapping[str, Any]) -> Path:
    """A configuration; JSON is YAML."""
    path.write_text(json.dumps({"routes": list(routes)}), encoding="utf-8")
    return path


class Noting:
    """Notes what was handled."""

    def __init__(self) -> None:
        self.handled: list[Handled] = []

    def finished(self, handled: Handled) -> None:
        """One more."""
        self.handled.append(handled)


@cache
def _trust() -> ssl.SSLContext:
    """Certificates are read once: that takes longer than most tests."""
    return ssl.create_default_context()


@dataclass
class Running:
    """A service that answers."""

    port: int
    routes: Routes
    http: httpx.AsyncClient

    async def ask(self, name: str = "chat", **more: Any) -> httpx.Response:
        """Ask a route in OpenAI's form."""
        return await self.http.post("/v1/chat/completions", json={"model": name, **QUESTION, **more})

    async def raw(self, data: bytes) -> bytes:
        """Everything that is said on a connection on which ``data`` was sent, until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()


async def until(holds: Callable[[], bool | Awaitable[bool]], patience_s: float = 5.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(patience_s):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(
    folder: Path,
    *routes: Mapping[str, Any],
    bounds: Bounds | None = None,
    guard: Guard | None = None,
    observer: Observer | None = None,
) -> AsyncIterator[Running]:
    """A service of ``routes``, by default one that says `SAID`."""
    known = Routes(write(folder / "config.yaml", *(routes or (scripted(),))), "config.yaml")
    bounds = replace(bounds or Bounds(), linger_s=0.05, linger_body_s=0.5)
    # Named, because asyncio sends small answers without delay only where it knows that it is TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.setblocking(False)
    port = listening.getsockname()[1]
    async with (
        Service(
            known,
            bounds=bounds,
            guard=guard,
            observer=observer,
            transport=HttpTransport(trust=_trust, directly=True),
        ) as service,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=_trust()) as http,
    ):
        listener = Listener(service, [listening], bounds=bounds)
        listener.start()
        try:
            yield Running(port, known, http)
        finally:
            await http.aclose()
            listener.close()
            await listener.drained(1)


def events_of(text: str) -> list[Any]:
    """The JSON of every event of a stream, and ``[DONE]``."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [one if one == "[DONE]" else json.loads(one) for one in data]
