"""What Prometheus is told: by one process, by several, and after one of them died."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_core.errors import BackendUnavailable, RateLimited
from gateway_core.server import metrics_file
from gateway_core.server.metrics import METRICS, Metrics, exposed
from gateway_core.server.metrics_file import GAUGE, SUFFIX, CountsFile
from gateway_core.types import Usage
from tests.server.scenes import Request, answer, asked, incoming, table

ROOT = Path(__file__).parents[2]
ROUTES = table("chat", "other")
_SAMPLE = re.compile(r'[a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? [0-9.e+-]+')


@pytest.fixture
def metrics(tmp_path: Path) -> Iterator[Metrics]:
    made = Metrics(CountsFile(tmp_path))
    yield made
    made.close()


def samples(metrics: Metrics) -> dict[str, float]:
    lines = [line for line in metrics.exposition().decode().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not _SAMPLE.fullmatch(line)] == []
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_a_call_is_counted_by_route_and_caller_with_its_times_tokens_and_cost(metrics: Metrics):
    request = Request(asked(ROUTES), incoming(caller="ci"))
    metrics.admit(request.given, request.what)
    assert samples(metrics) == {'gateway_calls_in_flight{route="chat"}': 1}

    metrics.finished(request.over(answer(usage=Usage(12, 34), usd="0.25")))

    said = samples(metrics)
    assert said['gateway_requests_total{route="chat",dialect="openai",caller="ci",status="200"}'] == 1
    assert said['gateway_calls_in_flight{route="chat"}'] == 0
    assert said['gateway_request_duration_seconds_count{route="chat"}'] == 1
    assert said['gateway_request_duration_seconds_sum{route="chat"}'] == pytest.approx(0.5)
    assert said['gateway_request_duration_seconds_bucket{route="chat",le="0.25"}'] == 0
    assert said['gateway_request_duration_seconds_bucket{route="chat",le="0.5"}'] == 1
    assert said['gateway_request_duration_seconds_bucket{route="chat",le="+Inf"}'] == 1
    assert said['gateway_time_to_first_token_seconds_sum{route="chat"}'] == pytest.approx(0.12)
    assert said['gateway_tokens_total{route="chat",caller="ci",direction="input"}'] == 12
    assert said['gateway_tokens_total{route="chat",caller="ci",direction="output"}'] == 34
    assert said['gateway_cost_usd_total{route="chat",caller="ci"}'] == 0.25


def test_a_failure_is_counted_on_the_route_that_failed_and_a_refusal_on_none(metrics: Metrics):
    error = RateLimited("slow down")
    metrics.finished(Request(asked(ROUTES)).over(answer("other", status="error", error=error), status=429))
    refused = Request(asked(ROUTES)).over(None, status=401)
    refused.asked = refused.dialect = None
    metrics.finished(refused)
    said = samples(metrics)
    assert said['gateway_call_failures_total{route="other",type="rate_limited"}'] == 1
    assert said['gateway_requests_total{route="chat",dialect="openai",caller="",status="429"}'] == 1
    assert said['gateway_requests_total{route="",dialect="",caller="",status="401"}'] == 1


def test_every_family_is_described_once_and_before_its_samples(metrics: Metrics):
    text = metrics.exposition().decode()
    for metric in METRICS:
        assert text.count(f"# TYPE {metric.name} {metric.kind}\n") == 1
        assert text.count(f"# HELP {metric.name} ") == 1
    assert text.endswith("\n")


def test_names_with_quotes_and_line_feeds_stay_within_their_label():
    key = json.dumps(["gateway_cost_usd_total", 'a"b\\c\nd', ""])
    text = exposed({key: (1.5,)}).decode()
    assert 'gateway_cost_usd_total{route="a\\"b\\\\c\\nd",caller=""} 1.5\n' in text


COUNTER = """
import sys
from pathlib import Path
from gateway_core.server.metrics_file import CountsFile
counts = CountsFile(Path(sys.argv[1]))
for n in range(1000):
    calls = counts.place("calls", 2)
    counts.add(calls, 1.0)
    counts.add(calls + 1, 0.5)
    counts.add(counts.place(f"key {n}" + "é" * 50, 1), 1.0)
counts.add(counts.place("gauge now", 1), 1.0)
print("done", flush=True)
sys.stdin.read()
"""


def test_what_several_processes_count_is_added_up_and_the_gauge_of_a_killed_one_is_dropped(tmp_path: Path):
    command = [sys.executable, "-c", COUNTER, str(tmp_path)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(2)
    ]
    try:
        for process in running:
            assert process.stdout
            assert process.stdout.readline() == b"done\n"
        here = CountsFile(tmp_path)
        assert here.sums()["calls"] == (2000.0, 1000.0)
        assert here.sums()[f"{GAUGE}now"] == (2.0,)
        running[0].kill()
        running[0].wait(10)
        assert here.sums()["calls"] == (2000.0, 1000.0)
        assert here.sums()[f"{GAUGE}now"] == (1.0,)

        successor = CountsFile(tmp_path)
        successor.add(successor.place("calls", 2), 1.0)
        successor.add(successor.place(f"{GAUGE}now", 1), 5.0)
        assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == 3
        assert here.sums()["calls"] == (2001.0, 1000.0)
        assert here.sums()[f"{GAUGE}now"] == (6.0,)
        successor.close()
        here.close()
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_a_file_that_another_process_takes_over_as_soon_as_it_is_made_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hold, taken = metrics_file._hold, list[int]()

    def after_another(fd: int) -> bool:
        if not taken:
            (made,) = tmp_path.glob(f"*{SUFFIX}")
            taken.append(os.open(made, os.O_RDWR))
            assert hold(taken[0])
        return hold(fd)

    monkeypatch.setattr(metrics_file, "_hold", after_another)
    counts = CountsFile(tmp_path)
    counts.add(counts.place("calls", 1), 1.0)

    assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == 2
    assert counts.sums() == {"calls": (1.0,)}
    counts.close()
    os.close(taken[0])


def test_a_file_of_another_kind_among_them_is_begun_anew(tmp_path: Path):
    (tmp_path / f"1{SUFFIX}").write_bytes(b"what is this" * 10)
    counts = CountsFile(tmp_path)
    counts.add(counts.place("calls", 1), 1.0)
    assert counts.sums() == {"calls": (1.0,)}
    counts.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(BackendUnavailable, match="metrics cannot be kept in"):
        CountsFile(tmp_path / "taken")
