"""Everybody beside the service, put together as the command line wishes, and the service with them."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway_core.errors import BackendUnavailable
from gateway_core.server.attendants import Attendants, attending
from gateway_core.server.metrics_file import CountsFile
from gateway_core.server.quota_file import NAME
from gateway_core.server.seams import NotAdmitted
from gateway_core.server.tokens import password_fits, token_hash
from gateway_core.server.wishes import Wishes
from tests.server.guarding import asked_at
from tests.server.scenes import TOKEN, Request, answer, asked, bearer, incoming, table
from tui.commands import attendance
from tui.commands.attendance import RECORDER, add_options, wishes_of
from tui.workbench.session import read_session

ROUTES = table("chat")


def wishes(folder: Path, **more: Any) -> Wishes:
    return Wishes(state=str(folder / "state"), run=str(folder / "run"), **more)


async def one_call(attendants: Attendants, **headers: str) -> None:
    request = Request(asked(ROUTES), incoming(**headers))
    await asked_at(attendants.enter(request.given))
    await asked_at(attendants.admit(request.given, request.what))
    attendants.finished(request.over(answer()))


async def test_everybody_is_told_of_a_call(tmp_path: Path):
    wished = wishes(
        tmp_path,
        access_log=str(tmp_path / "access.log"),
        recorder=(RECORDER, str(tmp_path / "sessions")),
        tokens=(("ci", token_hash(TOKEN)),),
    )
    async with attending(wished, lambda: ROUTES, open_to_all=True) as attendants:
        await one_call(attendants, authorization=bearer(TOKEN))
        with pytest.raises(NotAdmitted):
            await asked_at(attendants.enter(incoming()))
        metrics = attendants.metrics.exposition().decode()
    assert 'gateway_requests_total{route="chat",dialect="openai",caller="ci",status="200"} 1' in metrics
    assert json.loads(first_line(tmp_path / "access.log"))["caller"] == "ci"
    assert [lane.result.text for path in sessions(tmp_path) for lane in read_session(path).lanes] == ["Hello"]


def first_line(path: Path) -> str:
    return path.read_text().splitlines()[0]


def sessions(folder: Path) -> list[Path]:
    return list(folder.rglob("*.jsonl"))


async def test_without_limits_no_file_of_limits_is_made(tmp_path: Path):
    async with attending(wishes(tmp_path), lambda: ROUTES, open_to_all=True) as attendants:
        await one_call(attendants)
        assert attendants.limiters(ROUTES.get("chat")) is None
    assert not (tmp_path / "state").exists()


async def test_a_route_with_a_limit_is_counted_in_the_state_folder(tmp_path: Path):
    limited = table(chat={"limit": {"calls": 1, "renewal_period": "day"}})
    async with attending(wishes(tmp_path), lambda: limited, open_to_all=True) as attendants:
        assert attendants.limiters(limited.get("chat")) is not None
        assert (tmp_path / "state" / NAME).exists()


async def test_metrics_are_a_page(tmp_path: Path):
    async with attending(wishes(tmp_path), lambda: ROUTES, open_to_all=True) as attendants:
        resource = attendants.pages["/metrics"]
        action: Any = resource.methods["GET"]
        reply = action.answer(None)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"# TYPE gateway_requests_total counter\n" in reply.body


async def test_a_recorder_that_is_none_is_a_fault_of_ours(tmp_path: Path):
    with pytest.raises(TypeError, match="makes no recording"):
        Attendants(
            wishes(tmp_path, recorder=("builtins:slice", "x")),
            lambda: ROUTES,
            open_to_all=True,
        )


async def test_spans_are_told_where_the_environment_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the OTLP exporter is not installed")
    told: list[str] = []
    monkeypatch.setattr(
        "gateway_core.server.tracing.Tracing.finished", lambda self, handled: told.append("yes")
    )
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    async with attending(wishes(tmp_path), lambda: ROUTES, open_to_all=True) as attendants:
        await one_call(attendants)
    assert told == ["yes"]


def test_a_shared_store_that_cannot_be_is_said_at_the_start(tmp_path: Path):
    with pytest.raises(BackendUnavailable, match="limits in Redis need"):
        Attendants(wishes(tmp_path, shared_limits="http://cache"), lambda: ROUTES, open_to_all=True)


def test_wishes_travel_as_json_and_hold_only_hashes(tmp_path: Path):
    wished = wishes(
        tmp_path, tokens=(("ci", "sha256:0"),), users=(("ann", "scrypt:1"),), recorder=("a:b", "c")
    )
    assert Wishes.from_dict(json.loads(json.dumps(wished.to_dict()))) == wished
    assert Wishes.from_dict(json.loads(json.dumps(wishes(tmp_path).to_dict()))) == wishes(tmp_path)
    assert wishes(tmp_path).auth is None


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(words)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mapping[str, str]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    known = {"PASSWORD": "correct horse", "STORE": "redis://:hunter2@cache:6379/0"}
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    return known


def test_options_become_wishes(tmp_path: Path, environment: Mapping[str, str]):
    (tmp_path / "tokens").write_text(f"ci {TOKEN}\n")
    args = parsed(
        *(
            "--token-file",
            str(tmp_path / "tokens"),
            "--basic",
            "ann:$PASSWORD",
            "--state",
            str(tmp_path / "s"),
        ),
        *("--access-log", "off", "--record", str(tmp_path / "r"), "--limits-store", "$STORE"),
    )
    wished = wishes_of(args, tmp_path / "config.yaml")
    assert wished.state == str(tmp_path / "s")
    assert wished.tokens == (("ci", token_hash(TOKEN)),)
    ((name, hashed),) = wished.users
    assert name == "ann"
    assert password_fits("correct horse", hashed)
    assert wished.access_log is None
    assert wished.recorder == (RECORDER, str(tmp_path / "r"))
    assert wished.shared_limits == environment["STORE"]
    assert "hunter2" not in repr(wished)


def test_services_of_one_configuration_count_limits_together(tmp_path: Path, environment: Mapping[str, str]):
    one, again, other = (
        wishes_of(parsed(), tmp_path / name) for name in ("config.yaml", "config.yaml", "other.yaml")
    )
    assert one.state == again.state != other.state
    assert one.run != again.run
    assert one.access_log == "-"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--token-file", "none"], "--token-file none cannot be read: No such file"),
        (["--token-file", "empty"], "--token-file empty holds no token: gateway-tui token new makes one"),
        (["--token-file", "short"], "--token-file short: line 1: a token of 6 characters"),
        (["--token-file", "binary"], "--token-file binary is not text"),
        (["--basic", "ann:hunter22"], "--basic takes USER:$NAME"),
        (["--basic", "ann:$UNSET_PASSWORD"], "--basic ann: UNSET_PASSWORD is not set"),
        (["--limits-store", "$UNSET_STORE"], "--limits-store: UNSET_STORE is not set"),
    ],
)
def test_an_option_that_cannot_be_is_named_and_no_secret_repeated(
    words: list[str],
    sentence: str,
    tmp_path: Path,
    environment: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("# nobody\n")
    (tmp_path / "short").write_text("secret\n")
    (tmp_path / "binary").write_bytes(b"\xff\x00\xff")
    with pytest.raises(BackendUnavailable) as caught:
        wishes_of(parsed(*words), None)
    assert caught.value.message.startswith(sentence)
    assert "hunter22" not in caught.value.message
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_killed_service_left_behind_is_cleared_away(tmp_path: Path, environment: Mapping[str, str]):
    left, living, foreign = (tmp_path / "tmp" / f"{attendance.RUN_PREFIX}{n}" for n in ("a", "b", "c"))
    CountsFile(left).close()
    alive = CountsFile(living)
    foreign.mkdir()
    run = wishes_of(parsed(), None).run
    assert sorted((tmp_path / "tmp").iterdir()) == sorted([living, foreign, Path(run)])
    alive.close()
