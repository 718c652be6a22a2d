"""MLflow AI Gateway 2.8.0 itself, installed for the purpose, asked by our client and by ``--gateway-uri``.

Left out unless asked for (``-m real_mlflow``): the installation takes a minute or two and most of a gigabyte,
which is removed at the end. It needs a Python 3.11, which that MLflow was made for. pip finds the packages as
it is set up on the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from gateway_core import client as fluent
from gateway_core.client import GatewayClient, Route, RouteModelInfo, addressing
from gateway_core.errors import BadProviderRequest, ProviderUnavailable, RateLimited, RouteNotFound
from tests.e2e.openai_like import VECTOR, OpenAILike, openai_like
from tests.sdk.temporary import MACHINE, MLFLOW_28, asked_for, environment_with
from tui.cli import main

pytestmark = pytest.mark.real_mlflow

START_S = 120.0
CHAT = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAILike]:
    """What the gateway takes for OpenAI."""
    with openai_like(words=("Hello 日本", " 🙂")) as found:
        yield found


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest, upstream: OpenAILike) -> Iterator[str]:
    """The address of MLflow's gateway."""
    asked_for(request.config)
    with environment_with(*MLFLOW_28) as bin_folder, TemporaryDirectory(prefix="mlflow-") as name:
        folder = Path(name)
        (folder / "gateway.yaml").write_text(config(upstream.url), encoding="utf-8")
        with started(folder, bin_folder) as address:
            yield address


@pytest.fixture(autouse=True)
def fresh(upstream: OpenAILike, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.asked.clear()
    upstream.refusal = None
    monkeypatch.setattr(addressing, "_set_uri", None)


def config(base: str) -> str:
    def route(name: str, kind: str, model: str, base: str) -> dict[str, Any]:
        keys = {"openai_api_key": "sk-test", "openai_api_base": base}
        return {
            "name": name,
            "route_type": f"llm/v1/{kind}",
            "model": {"provider": "openai", "name": model, "config": keys},
        }

    routes = [
        route("chat", "chat", "gpt-4o-mini", base),
        route("text", "completions", "gpt-4o-mini", base),
        route("vectors", "embeddings", "text-embedding-3-small", base),
        route("dead", "chat", "gpt-4o-mini", "http://127.0.0.1:1/v1"),
    ]
    return json.dumps({"routes": routes})


@contextmanager
def started(folder: Path, bin_folder: Path) -> Iterator[str]:
    """The address of ``mlflow gateway start``, until the block is left; its workers end with it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(bin_folder / "mlflow"), "gateway", "start", "--config-path", str(folder / "gateway.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    path = f"{bin_folder}{os.pathsep}{MACHINE.get('PATH', '')}"
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**MACHINE, "PATH": path}, start_new_session=True
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, Path(log.name))
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when ``url`` answers."""
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address of this machine
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the gateway did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def test_its_routes_are_listed_and_found(url: str):
    fluent.set_gateway_uri(url)

    found = fluent.search_routes()

    assert [route.name for route in found] == ["chat", "text", "vectors", "dead"]
    info = RouteModelInfo("gpt-4o-mini", "openai")
    assert found[0] == Route("chat", "llm/v1/chat", info, f"{url}/gateway/chat/invocations")
    assert fluent.get_route("chat") == found[0]
    with GatewayClient(url) as client:
        assert client.search_routes().token is None


def test_it_answers_every_kind_of_query(url: str):
    fluent.set_gateway_uri(url)

    chat = fluent.query("chat", {**CHAT, "temperature": 0.5, "stop": None, "max_tokens": None})
    text = fluent.query("text", {"prompt": "Hi"})
    vectors = fluent.query("vectors", {"text": ["a"]})

    assert chat["candidates"][0]["message"] == {"role": "assistant", "content": "Hello 日本 🙂"}
    assert chat["metadata"] == {
        "input_tokens": 5,
        "output_tokens": 2,
        "total_tokens": 7,
        "model": "gpt-4o-mini",
        "route_type": "llm/v1/chat",
    }
    assert text["candidates"][0]["text"] == "Hello 日本 🙂"
    assert vectors["embeddings"] == [VECTOR]


def test_it_answers_async_code_and_gives_its_whole_answer_for_a_stream(url: str):
    async def asked() -> Any:
        async with GatewayClient(url) as client:
            pieces = [piece async for piece in client.astream("chat", CHAT)]
            return await client.aquery("chat", CHAT), pieces, list(client.stream("chat", CHAT))

    answer, asynchronous, pieces = asyncio.run(asked())

    assert pieces == asynchronous == [answer]


def test_what_it_refuses_has_its_status_and_detail(url: str, upstream: OpenAILike):
    with GatewayClient(url) as client:
        with pytest.raises(RouteNotFound, match="The route 'nope' is not present or active") as lookup:
            client.get_route("nope")
        with pytest.raises(RouteNotFound, match='there is no route "nope"') as asked:
            client.query("nope", CHAT)
        with pytest.raises(BadProviderRequest, match=r"temperature: .*less than or equal to 1") as range_:
            client.query("chat", {**CHAT, "temperature": 3})
        upstream.refusal = (429, json.dumps({"error": {"message": "Rate limit reached"}}))
        with pytest.raises(RateLimited, match="Rate limit reached") as limit:
            client.query("chat", CHAT)
        with pytest.raises(ProviderUnavailable, match="Internal Server Error") as dead:
            client.query("dead", CHAT)

    assert lookup.value.status_code == asked.value.status_code == 404
    assert range_.value.detail[0]["loc"] == ["body", "temperature"]
    assert (limit.value.status_code, limit.value.detail) == (429, "Rate limit reached")
    assert dead.value.status_code == 500
    assert len(upstream.asked) == 1


def test_a_run_uses_its_routes_and_the_model_gets_the_temperature_that_was_asked_for(
    url: str, upstream: OpenAILike, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    command = ["run", "--gateway-uri", url, "--sessions", str(tmp_path), "-p", "hi", "--format", "json"]
    command += ["-r", "chat", "-r", "text", "-r", "vectors", "--param", "temperature=1.2", "--param", "n=1"]

    assert main(command) == 0

    said = capsys.readouterr()
    results = {result["route"]: result for result in json.loads(said.out)["runs"][0]["results"]}
    assert [results[name].get("text") for name in ("chat", "text")] == ["Hello 日本 🙂"] * 2
    assert results["vectors"]["embedding"] == VECTOR
    assert results["chat"]["usage"]["total_tokens"] == 7
    assert results["chat"]["timing"]["ttft_ms"] is None
    assert {asked.body.get("temperature") for asked in upstream.asked} == {1.2, None}


def test_a_route_whose_provider_is_away_fails_alone_and_is_not_asked_again(
    url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    command = ["run", "--gateway-uri", url, "--sessions", str(tmp_path), "-p", "hi", "--format", "json"]

    assert main(command) == 1

    chat, dead = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert (chat["status"], dead["status"]) == ("ok", "error")
    assert "could not reach the model's provider" in dead["error"]["message"]
    assert dead["attempts"] == 1


def test_its_routes_are_listed_on_the_command_line(url: str, capsys: pytest.CaptureFixture[str]):
    assert main(["routes", "--gateway-uri", url]) == 0
    assert "openai via mlflow-gateway" in capsys.readouterr().out
    assert main(["check", "--gateway-uri", url]) == 0
    assert f"{url}: 4 of 4 routes ready" in capsys.readouterr().out
