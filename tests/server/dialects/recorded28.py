"""What MLflow AI Gateway 2.8.0 did, case by case, and a provider of the loopback that does what it was told.

``tests/sdk/record_mlflow28.py`` made the recording and explains it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from typing_extensions import override

FOLDER = Path(__file__).parent / "mlflow28_recorded"
PLACE = "{provider}"
"""Stands in a recorded route for the address of the provider."""
BASES: Mapping[str, str] = {
    "anthropic": "anthropic_api_base",
    "cohere": "cohere_api_base",
    "ai21labs": "ai21labs_api_base",
    "mosaicml": "mosaicml_api_base",
    "palm": "palm_api_base",
    "bedrock": "bedrock_api_base",
}
"""The settings that lead elsewhere what 2.8.0 asks at an address of its own."""
SIGNED_ON = re.compile(r"(Credential=[^/]+)/\d+/")
SIGNATURE = re.compile(r"(aws4_request),.*")


@dataclass(frozen=True)
class Case:
    """One case of the file ``of``."""

    of: str
    said: Mapping[str, Any] = field(repr=False)

    @override
    def __str__(self) -> str:
        return f"{self.of}: {self.said['case']}"

    @property
    def route(self) -> str:
        """The name under which our service has the route."""
        return f"{self.of}-{self.said['route']}"

    @property
    def body(self) -> bytes:
        """What the client sends."""
        asked = self.said["raw"] if "raw" in self.said else json.dumps(self.said["asked"])
        return str(asked).encode()

    @property
    def status(self) -> int:
        """What 2.8.0 answered."""
        return int(self.said["answered"]["status"])

    @property
    def answer(self) -> Any:
        """The JSON that 2.8.0 answered; ``None`` where it was its plain ``Internal Server Error``."""
        return self.said["answered"].get("body")


@cache
def recordings() -> dict[str, dict[str, Any]]:
    """Every file by the name of its provider."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def cases() -> list[Case]:
    """All of them."""
    return [Case(of, said) for of, found in recordings().items() for said in found["cases"]]


def routes(url: str) -> list[dict[str, Any]]:
    """All recorded routes, with the provider at ``url``."""
    return [_at(url, of, route) for of, found in recordings().items() for route in found["routes"]]


def _at(url: str, of: str, route: Mapping[str, Any]) -> dict[str, Any]:
    model = json.loads(json.dumps(route["model"]).replace(PLACE, url))
    if base := BASES.get(model["provider"]):
        model["config"].setdefault(base, url)
    return {**route, "name": f"{of}-{route['name']}", "model": model, "retries": 0}


@dataclass
class Provider:
    """Answers with ``reply``, and keeps what it was asked."""

    url: str = ""
    reply: Mapping[str, Any] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request, and answer it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = head[0].split(" ")
        self.asked.append({"method": method, "path": path, "headers": headers, "body": json.loads(body)})
        writer.write(self._reply())
        await writer.drain()
        writer.close()

    def _reply(self) -> bytes:
        body = self.reply.get("body", "")
        data = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
        kind = f"content-type: {self.reply['type']}\r\n" if self.reply.get("type") else ""
        head = f"HTTP/1.1 {self.reply['status']} Said\r\n{kind}content-length: {len(data)}\r\n"
        return f"{head}connection: close\r\n\r\n".encode() + data


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """A provider that answers until the block is left."""
    told = Provider()
    server = await asyncio.start_server(told.answer, "127.0.0.1", 0)
    async with server:
        told.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield told


def without_date(authorization: str) -> str:
    """A signature as it is recorded: without the day, and what was made of the day."""
    return SIGNATURE.sub(r"\1", SIGNED_ON.sub(r"\1/DATE/", authorization))
