"""Edits of the configuration while the service answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from gateway_core.errors import ConfigError
from gateway_core.reload import ReloadStatus
from gateway_core.server.loading import Routes
from tests.server.edits import WAYS
from tests.server.running import Running, events_of, scripted, serving, until, write

LIVE_S = 2.5
"""Within two seconds, and what a busy machine takes on top."""


def saying(text: str) -> str:
    route = scripted("chat", text=text, first_token=0, tokens_per_second=1000)
    return json.dumps({"routes": [route]})


async def said_by(gateway: Running) -> str:
    reply = await gateway.ask()
    assert reply.status_code == 200, reply.text
    return str(reply.json()["choices"][0]["message"]["content"])


async def live(gateway: Running, holds: Callable[[str], bool]) -> None:
    async def found() -> bool:
        return holds(await said_by(gateway))

    await until(found, LIVE_S)


@pytest.mark.parametrize("way", WAYS)
async def test_an_edit_is_live_within_two_seconds_however_it_was_saved(tmp_path, way):
    async with serving(tmp_path) as gateway:
        watching = asyncio.create_task(gateway.routes.watch(lambda _: None))
        await said_by(gateway)
        way(tmp_path / "config.yaml", saying("new words"))
        await live(gateway, lambda said: said == "new words")
        watching.cancel()


async def test_no_request_fails_while_the_file_is_rewritten_in_every_way(tmp_path):
    async with serving(tmp_path) as gateway:
        watching = asyncio.create_task(gateway.routes.watch(lambda _: None))
        heard: list[str] = []
        stop = asyncio.Event()

        async def ask(stream: bool) -> None:
            while not stop.is_set():
                reply = await gateway.ask(stream=stream)
                assert reply.status_code == 200
                if stream:
                    chunks = events_of(reply.text)
                    assert chunks[-1] == "[DONE]"
                    heard.append("".join(c["choices"][0]["delta"].get("content") or "" for c in chunks[:-1]))
                else:
                    heard.append(reply.json()["choices"][0]["message"]["content"])

        asking = [asyncio.create_task(ask(stream=number % 2 == 0)) for number in range(16)]
        for number, way in enumerate(WAYS):
            way(tmp_path / "config.yaml", saying(f"version {number}"))
            await asyncio.sleep(1.4)
        stop.set()
        await asyncio.gather(*asking)
        watching.cancel()
    assert {"version 0", "version 1", "version 2"} <= set(heard)
    assert set(heard) <= {"one two three", "version 0", "version 1", "version 2"}


async def test_a_stream_under_way_ends_on_the_routes_it_began_with(tmp_path):
    slow = scripted("chat", text="a b c d e f g h", first_token=0, tokens_per_second=3)
    async with serving(tmp_path, slow, scripted("other")) as gateway:
        watching = asyncio.create_task(gateway.routes.watch(lambda _: None))
        streaming = asyncio.create_task(gateway.ask(stream=True))
        await asyncio.sleep(0.1)
        write(tmp_path / "config.yaml", scripted("other"))

        async def gone() -> bool:
            return (await gateway.http.get("/api/2.0/gateway/routes/chat")).status_code == 404

        await until(gone, LIVE_S)
        assert not streaming.done()
        events = events_of((await streaming).text)
        watching.cancel()
    assert "".join(e["choices"][0]["delta"].get("content") or "" for e in events[:-1]) == "a b c d e f g h"


async def test_a_broken_file_changes_nothing_but_what_health_says(tmp_path):
    told: list[ReloadStatus] = []
    async with serving(tmp_path) as gateway:
        watching = asyncio.create_task(gateway.routes.watch(told.append))
        (tmp_path / "config.yaml").write_text("routes:\n  - name: chat\n    oops: 1\n", encoding="utf-8")
        await until(lambda: bool(told), LIVE_S)
        health = (await gateway.http.get("/health")).json()
        said = await said_by(gateway)
        write(tmp_path / "config.yaml", scripted(text="mended", first_token=0, tokens_per_second=100))
        await live(gateway, lambda said: said == "mended")
        mended = (await gateway.http.get("/health")).json()
        watching.cancel()
    assert (health["status"], said) == ("OK", "one two three")
    assert any(problem.startswith("config.yaml:") for problem in health["config"]["problems"])
    assert str(tmp_path) not in json.dumps(health)
    assert (mended["config"]["state"], mended["config"]["problems"]) == ("ok", [])
    assert [status.state for status in told] == ["broken", "ok"]


def test_who_starts_while_the_file_is_broken_begins_with_the_last_good_text(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("routes: nonsense", encoding="utf-8")
    with pytest.raises(ConfigError):
        Routes(path, "config.yaml")
    routes = Routes(path, "config.yaml", saying("before"))
    assert routes.table.names == ("chat",)
    assert routes.status is not None
    assert routes.status.state == "broken"
    assert "config.yaml" in str(routes.status.problems[0])


def test_who_starts_while_the_file_is_gone_begins_with_the_last_good_text(tmp_path):
    routes = Routes(tmp_path / "config.yaml", "config.yaml", saying("before"))
    assert routes.status is not None
    assert routes.status.state == "missing"
