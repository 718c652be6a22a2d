"""Records what MLflow AI Gateway 2.8.0 itself makes of each case in tests/server/dialects/mlflow28_recorded.

A file there holds the routes of one provider, and cases. Of a case these are written by hand::

    case     what it is about, unique in its file
    route    the route that is asked
    asked    the body, or ``raw``: its text, where it is to be no JSON
    reply    what the provider answers: status, type, and body (text where type is no JSON)

and these by this program, which asks MLflow's own FastAPI app in this process, with a server of the loopback
in the place of every provider::

    sent     what the provider got: path, headers that say who asks, body; null when it was not asked
    answered what MLflow answered: status and body, or ``text`` where it is no JSON

To record anew after changing or adding cases, from the root of the checkout, with a Python 3.11::

    python3.11 -m venv /tmp/mlflow28
    /tmp/mlflow28/bin/pip install "mlflow[gateway]==2.8.0" "pydantic<2" "setuptools<80" "fastapi==0.104.1" \
        "httpx<0.28" "aiohttp<3.10" boto3
    /tmp/mlflow28/bin/python tests/sdk/record_mlflow28.py tests/server/dialects/mlflow28_recorded/*.json

Pydantic 1 is what that release needs: with pydantic 2 it loads the routes of only two of its providers.
Nothing of gateway-tui is used here. Recording again what did not change changes no byte.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

from typing_extensions import override

VERSIONS = ("mlflow", "pydantic", "fastapi")
"""What is noted of the environment."""
WHO_ASKS = ("authorization", "api-key", "openai-organization", "x-api-key", "x-goog-api-key")
PLACE = "{provider}"
"""Stands in the settings of a route for the address of the provider."""
OFFICIAL = re.compile(
    r"https://(?:api\.anthropic\.com|api\.cohere\.ai|api\.ai21\.com|models\.hosted-on\.mosaicml\.hosting"
    r"|generativelanguage\.googleapis\.com)(?=/)"
)
"""What 2.8.0 has written into its code, and lets nobody change."""
SIGNATURE = re.compile(r"(AWS4-HMAC-SHA256 Credential=[^/]+)/\d+/(.+?/.+?/)aws4_request,.*")
FIELDS = ("case", "route", "asked", "raw", "reply", "sent", "answered")


class Provider:
    """Answers every request with ``reply``, and keeps the last one in ``sent``."""

    def __init__(self) -> None:
        self.reply: Mapping[str, Any] = {}
        self.sent: dict[str, Any] | None = None
        self.url = ""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Answer until the block is left."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = who_asks(self.headers)
                provider.sent = {"path": self.path, "headers": headers, "body": in_order(json.loads(body))}
                answer(self, provider.reply)

            @override
            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


def in_order(body: Any) -> Any:
    """``body`` with its names in order: pydantic 1 puts those it does not know in another each time."""
    return json.loads(json.dumps(body, sort_keys=True))


def who_asks(headers: Any) -> dict[str, str]:
    """The headers that say who asks; of a signature what is the same every day."""
    found = {name: str(headers[name]) for name in WHO_ASKS if headers[name] is not None}
    return {name: SIGNATURE.sub(r"\1/DATE/\2aws4_request", value) for name, value in found.items()}


def answer(handler: BaseHTTPRequestHandler, reply: Mapping[str, Any]) -> None:
    """Send ``reply``."""
    body = reply.get("body", "")
    data = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
    handler.send_response(reply["status"])
    if kind := reply.get("type"):
        handler.send_header("content-type", kind)
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def gateway(routes: list[dict[str, Any]], provider: Provider) -> Any:
    """A client of MLflow's app, whose providers are all ``provider``."""
    written = json.loads(json.dumps({"routes": routes}).replace(PLACE, provider.url))
    utils: Any = importlib.import_module("mlflow.gateway.providers.utils")
    join = importlib.import_module("mlflow.utils.uri").append_to_uri_path
    utils.append_to_uri_path = lambda *parts: OFFICIAL.sub(provider.url, join(*parts))
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = provider.url
    os.environ["AWS_MAX_ATTEMPTS"] = "1"
    config = importlib.import_module("mlflow.gateway.config").GatewayConfig(**written)
    app = importlib.import_module("mlflow.gateway.app").create_app_from_config(config)
    return importlib.import_module("fastapi.testclient").TestClient(app, raise_server_exceptions=False)


def record(case: dict[str, Any], client: Any, provider: Provider) -> dict[str, Any]:
    """``case`` with what was sent and what was answered."""
    provider.reply, provider.sent = case["reply"], None
    body = case["raw"] if "raw" in case else json.dumps(case["asked"], ensure_ascii=False)
    url, headers = f"/gateway/{case['route']}/invocations", {"content-type": "application/json"}
    said = client.post(url, content=body.encode(), headers=headers)
    try:
        what = {"body": said.json()}
    except ValueError:
        what = {"text": said.text}
    whole = {**case, "sent": provider.sent, "answered": {"status": said.status_code, **what}}
    return {name: whole[name] for name in FIELDS if name in whole}


def written(recording: Mapping[str, Any]) -> str:
    """``recording`` as JSON with a line for each route and for each part of a case."""
    routes = ",\n".join(f"  {line(route)}" for route in recording["routes"])
    cases = ",\n".join(
        "  {" + ",\n   ".join(f"{line(name)}: {line(value)}" for name, value in case.items()) + "}"
        for case in recording["cases"]
    )
    return f'{{"by": {line(recording["by"])},\n "routes": [\n{routes}\n ],\n "cases": [\n{cases}\n ]}}\n'


def line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main(*paths: str) -> None:
    """Record every file of ``paths`` anew."""
    logging.disable(logging.CRITICAL)
    by = {name: version(name) for name in VERSIONS}
    provider = Provider()
    with provider.listening():
        for path in map(Path, paths):
            known = json.loads(path.read_text(encoding="utf-8"))
            client = gateway(known["routes"], provider)
            cases = [record(case, client, provider) for case in known["cases"]]
            path.write_text(written({**known, "by": by, "cases": cases}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
