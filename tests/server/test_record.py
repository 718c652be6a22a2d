"""Calls that were served, kept as sessions that the app reads, and reads whole when the service dies."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gateway_core.errors import RateLimited
from gateway_core.routes import RouteTable
from gateway_core.server.attendants import Recording
from gateway_core.types import Usage
from tests.server.scenes import Request, Time, answer, asked, incoming, table
from tui.workbench.requests import request_from_dict
from tui.workbench.serving_record import CALLS_PER_FILE, ServingRecord, _tell, recording
from tui.workbench.session import Session, read_session
from tui.workbench.store import SessionStore

ROOT = Path(__file__).parents[2]
ROUTES = table(chat={"system": "Be brief.", "params": {"seed": 1}})


def record(folder: Path, time: Time, routes: Callable[[], RouteTable] = lambda: ROUTES) -> ServingRecord:
    return ServingRecord(folder, routes, now=time)


def sessions(folder: Path) -> list[Session]:
    return [read_session(summary.path) for summary in reversed(SessionStore(folder).list())]


def only_file(folder: Path) -> tuple[str, int]:
    (file,) = folder.rglob("*.jsonl")
    return file.read_text(), file.stat().st_mode & 0o777


async def serve(kept: ServingRecord, *requests: Request) -> None:
    for request in requests:
        kept.admit(request.given, request.what)
        kept.finished(request.over(answer(usage=Usage(12, 34), usd="0.25")))


async def test_a_served_call_is_a_turn_that_can_be_opened_and_asked_again(tmp_path: Path):
    kept, request = record(tmp_path, Time()), Request(asked(ROUTES, temperature=0.5), incoming(id="req/7"))
    await serve(kept, request)
    kept.close()

    (session,) = sessions(tmp_path)
    assert session.damage == ()
    assert session.config == "config.yaml"
    assert session.routes[0]["name"] == "chat"
    (turn,) = session.turns
    assert (turn.id, turn.finished) == ("1-req-7", True)
    (lane,) = turn.lanes
    assert (lane.spec.route, lane.result.text, lane.result.status) == ("chat", "Hello", "ok")
    assert lane.result.usage == Usage(12, 34)
    assert lane.result.timing.ttft_ms == 120.0
    assert [chunk.text for chunk in lane.result.chunks] == ["Hello"]
    assert request_from_dict(lane.request) == request.what.request
    assert lane.sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert lane.sent["params"] == {"seed": 1, "temperature": 0.5}


async def test_nothing_of_who_asked_is_kept(tmp_path: Path):
    kept = record(tmp_path, Time())
    await serve(kept, Request(asked(ROUTES), incoming(caller="ann", x_api_key="gtk_secret")))
    kept.close()
    text, mode = only_file(tmp_path)
    assert "ann" not in text
    assert "gtk_secret" not in text
    assert mode == 0o600


async def test_a_failure_and_a_client_that_left_are_kept_with_what_had_come(tmp_path: Path):
    kept = record(tmp_path, Time())
    failed, left, never = (Request(asked(ROUTES), incoming(id=f"r{n}")) for n in range(3))
    for request in (failed, left, never):
        kept.admit(request.given, request.what)
    error = RateLimited("slow down", status_code=429)
    kept.finished(failed.over(answer(status="error", error=error, text=""), status=429, error=error))
    kept.finished(left.over(answer(status="cancelled", text="Hal"), status=499))
    kept.finished(never.over(None, status=500, error=error))
    kept.close()
    (session,) = sessions(tmp_path)
    assert [lane.result.status for lane in session.lanes] == ["error", "cancelled", "error"]
    assert [lane.result.text for lane in session.lanes] == ["", "Hal", ""]
    assert [lane.result.error and lane.result.error.type for lane in session.lanes] == [
        "rate_limited",
        None,
        "rate_limited",
    ]


async def test_a_new_file_is_begun_every_hour_and_a_call_ends_where_it_began(tmp_path: Path):
    time = Time()
    kept = record(tmp_path, time)
    long = Request(asked(ROUTES), incoming(id="long"))
    kept.admit(long.given, long.what)
    time.at += timedelta(hours=1, seconds=1)
    await serve(kept, Request(asked(ROUTES), incoming(id="next")))
    kept.finished(long.over(answer()))
    kept.close()
    assert [[turn.id for turn in session.turns] for session in sessions(tmp_path)] == [["1-long"], ["1-next"]]
    assert [turn.finished for session in sessions(tmp_path) for turn in session.turns] == [True, True]


async def test_a_file_never_grows_too_long_to_be_opened_quickly(tmp_path: Path):
    kept = record(tmp_path, Time())
    await serve(kept, *(Request(asked(ROUTES), incoming(id=f"r{n}")) for n in range(CALLS_PER_FILE + 1)))
    kept.close()
    assert sorted(len(session.turns) for session in sessions(tmp_path)) == [1, CALLS_PER_FILE]


async def test_a_question_how_many_tokens_something_has_is_not_a_call(tmp_path: Path):
    kept = record(tmp_path, Time())
    await serve(kept, Request(asked(ROUTES), incoming("/v1/messages/count_tokens")))
    kept.close()
    assert sessions(tmp_path) == []


async def test_the_routes_of_a_file_are_those_of_when_it_was_begun(tmp_path: Path):
    time, current = Time(), [ROUTES]
    kept = record(tmp_path, time, lambda: current[0])
    await serve(kept, Request(asked(ROUTES), incoming(id="a")))
    current[0] = RouteTable(replace(ROUTES.config, routes=table("chat", "more").config.routes))
    time.at += timedelta(hours=2)
    await serve(kept, Request(asked(ROUTES), incoming(id="b")))
    kept.close()
    assert [len(session.routes) for session in sessions(tmp_path)] == [1, 2]


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.server.scenes import Request, Time, answer, asked, incoming, table
from tui.workbench.serving_record import ServingRecord

async def main():
    routes = table("chat")
    kept = ServingRecord(Path(sys.argv[1]), lambda: routes, now=Time())
    for n in range(3):
        request = Request(asked(routes), incoming(id=f"r{n}"))
        kept.admit(request.given, request.what)
        if n < 2:
            kept.finished(request.over(answer()))
    kept._current.journal.flush(10)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_a_service_that_is_killed_loses_no_answer_and_no_question(tmp_path: Path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -9
    (session,) = sessions(tmp_path)
    assert [lane.result.status for lane in session.lanes] == ["ok", "ok", "interrupted"]


def test_the_service_takes_it_for_a_recording(tmp_path: Path):
    kept = recording(tmp_path, lambda: ROUTES)
    assert isinstance(kept, Recording)
    assert kept._now().tzinfo is not None
    kept.close()


def test_a_disk_that_takes_no_more_is_told_in_the_log_and_so_is_one_that_does_again(caplog):
    problem, over = "served.jsonl cannot be written: No space left on device", None

    for told in (problem, over):
        _tell(told)

    assert [record.getMessage() for record in caplog.records] == [
        problem,
        "the recording is being saved again",
    ]
