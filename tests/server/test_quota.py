"""How much may be used: the arithmetic, the shared file, several processes at once, the gates of routes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.config.model import Limit
from gateway_core.errors import BackendUnavailable, LimitExceeded
from gateway_core.gateway import Gateway
from gateway_core.server.door import Door
from gateway_core.server.quota import Full, Rule, Used, full, moved, nano_usd, plus, rules_of, take
from gateway_core.server.quota_file import NAME, QuotaFile
from gateway_core.server.quota_gate import RouteGate
from gateway_core.server.seams import Incoming, NotAdmitted
from gateway_core.server.tokens import token_hash
from gateway_core.types import Usage
from tests.core.clock import FakeClock
from tests.server.guarding import asked_at
from tests.server.scenes import NOON, TOKEN, Request, Time, answer, asked, bearer, incoming, table

ROOT = Path(__file__).parents[2]


def calls(amount: int, period_s: float = 60.0) -> tuple[Rule, ...]:
    return rules_of(Limit(calls=amount, period_s=period_s), "route chat")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def counts(tmp_path: Path, time: Time) -> Iterator[QuotaFile]:
    opened = QuotaFile(tmp_path / "state", lambda: time.seconds)
    yield opened
    asyncio.run(opened.aclose())


@given(
    st.integers(1, 5),
    st.sampled_from([1.0, 60.0, 86_400.0]),
    st.lists(st.floats(0, 0.7), max_size=60),
)
def test_no_stretch_as_long_as_the_period_ever_sees_more_than_the_limit(
    amount: int, period_s: float, pauses: list[float]
):
    rules, used, now_s = calls(amount, period_s), (None,), NOON.timestamp()
    let_through = []
    for pause in pauses:
        now_s += pause * period_s
        refusal, used = take(rules, used, now_s)  # type: ignore[assignment]  # from unknown to known
        if refusal is None:
            let_through.append(now_s)
    for start in let_through:
        assert sum(start - period_s < at <= start for at in let_through) <= amount


@given(st.integers(1, 50), st.lists(st.tuples(st.floats(0, 40), st.integers(0, 30)), max_size=40))
def test_tokens_are_passed_only_by_what_the_last_call_used(amount: int, steps: list[tuple[float, int]]):
    (rule,) = rules_of(Limit(tokens=amount, period_s=60.0), "route chat")
    used, now_s = None, NOON.timestamp()
    for pause_s, tokens in steps:
        now_s += pause_s
        current = moved(rule, used, now_s)
        before = sum(current.amounts)
        if full(rule, current, now_s) is None:
            assert before < amount
            current = plus(current, tokens)
        used = current
        assert sum(used.amounts) <= max(before, amount - 1 + tokens)


@given(st.integers(1, 5), st.lists(st.floats(0, 20), min_size=1, max_size=40))
def test_whoever_comes_back_when_told_finds_room_and_not_much_sooner(amount: int, pauses: list[float]):
    rules, used, now_s = calls(amount), (None,), NOON.timestamp()
    for pause in pauses:
        now_s += pause
        refusal, used = take(rules, used, now_s)  # type: ignore[assignment]  # from unknown to known
        if refusal is not None:
            assert 0 < refusal.retry_after_s <= 61.0
            early, _ = take(rules, used, now_s + refusal.retry_after_s - 1.001)
            assert early is not None
            later, _ = take(rules, used, now_s + refusal.retry_after_s + 0.001)
            assert later is None


def test_room_comes_back_at_most_a_sixtieth_of_the_period_late():
    rules = calls(1)
    _, used = take(rules, (None,), 600.0)
    assert take(rules, used, 660.0)[0] == Full(rules[0], 1.0)
    assert take(rules, used, 661.0)[0] is None


def test_money_is_counted_by_the_day_in_utc():
    (rule,) = rules_of(Limit(usd_per_day=Decimal("0.5")), "token ci")
    spent = plus(moved(rule, None, NOON.timestamp()), nano_usd(Decimal("0.50")))
    refusal = full(rule, spent, NOON.timestamp())
    assert refusal == Full(rule, 12 * 3600.0)
    assert full(rule, moved(rule, spent, NOON.timestamp() + 12 * 3600), NOON.timestamp() + 12 * 3600) is None
    assert str(rule) == "0.5 USD per day of token ci"


def test_a_billionth_of_a_dollar_is_the_least_there_is():
    assert nano_usd(Decimal("0.00000000001")) == 1
    assert nano_usd(Decimal("1.5")) == 1_500_000_000


def test_a_clock_that_was_set_back_makes_nothing_free_and_one_far_ahead_is_not_waited_for():
    (rule,) = calls(1)
    _, (used,) = take((rule,), (None,), 1000.0)
    assert take((rule,), (used,), 990.0)[0] is not None
    assert take((rule,), (used,), 0.0)[0] is None


def test_limits_are_said_in_words():
    limit = Limit(calls=10, period_s=120.0, tokens=500)
    assert [str(rule) for rule in rules_of(limit, "route chat")] == [
        "10 calls per 2 minutes of route chat",
        "500 tokens per 2 minutes of route chat",
    ]
    assert str(calls(3, 86_400.0)[0]) == "3 calls per day of route chat"


async def test_a_call_is_taken_from_every_rule_or_from_none(counts: QuotaFile):
    two, one = calls(2)[0], rules_of(Limit(calls=1, period_s=3600.0), "token ci")[0]
    assert await counts.take((two, one)) is None
    refusal = await counts.take((two, one))
    assert refusal is not None
    assert refusal.rule == one
    assert await counts.take((two,)) is None
    assert await counts.take((two,)) is not None


async def test_what_was_used_outlives_the_process(counts: QuotaFile, tmp_path: Path, time: Time):
    rules = rules_of(Limit(usd_per_day=Decimal(1)), "route chat")
    counts.book([(rules[0], nano_usd(Decimal(2)))])
    again = QuotaFile(tmp_path / "state", lambda: time.seconds)
    assert await again.take(rules) is not None
    await again.aclose()
    time.pass_s(13 * 3600)
    tomorrow = QuotaFile(tmp_path / "state", lambda: time.seconds)
    assert await tomorrow.take(rules) is None
    await tomorrow.aclose()


async def test_a_limit_whose_period_is_edited_begins_afresh(counts: QuotaFile):
    assert await counts.take(calls(1)) is None
    assert await counts.take(calls(1)) is not None
    assert await counts.take(calls(1, 3600.0)) is None
    assert await counts.take(calls(2)) is None


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / NAME).write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(BackendUnavailable, match=r"limits\.sqlite cannot be used .* remove it"):
        QuotaFile(tmp_path, lambda: 0.0)
    (tmp_path / "taken").write_text("")
    with pytest.raises(BackendUnavailable, match="limits cannot be kept in"):
        QuotaFile(tmp_path / "taken", lambda: 0.0)


TAKER = """
import asyncio, json, sys
from pathlib import Path
from gateway_core.config.model import Limit
from gateway_core.server.quota import rules_of
from gateway_core.server.quota_file import QuotaFile

async def main():
    counts = QuotaFile(Path(sys.argv[1]), lambda: 1e9)
    rules = rules_of(Limit(calls=100, period_s=60.0), "route chat")
    taken = sum([await counts.take(rules) is None for _ in range(80)])
    places = [counts.hold("route chat", 3) for _ in range(2)]
    print(json.dumps([taken, [place for place in places if place is not None]]), flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


def test_several_processes_together_pass_no_limit_and_a_killed_one_gives_its_places_back(tmp_path: Path):
    command = [sys.executable, "-c", TAKER, str(tmp_path)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(3)
    ]
    try:
        told = [json.loads(process.stdout.readline()) for process in running if process.stdout]
        assert sum(taken for taken, _ in told) == 100
        places = [place for _, held in told for place in held]
        assert sorted(places) == [0, 1, 2]
        here = QuotaFile(tmp_path, lambda: 1e9)
        assert here.hold("route chat", 3) is None
        assert here.hold("route other", 3) == 0
        holder = next(process for process, (_, held) in zip(running, told, strict=True) if held)
        holder.kill()
        holder.wait(10)
        assert here.hold("route chat", 3) is not None
        asyncio.run(here.aclose())
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_a_place_is_held_once_in_one_process_too(counts: QuotaFile):
    assert [counts.hold("route chat", 2) for _ in range(3)] == [0, 1, None]
    counts.let_go("route chat", 0)
    assert counts.hold("route chat", 2) == 0


def gated(counts: QuotaFile, limit: Limit) -> RouteGate:
    return RouteGate("route chat", limit, counts, counts)


async def test_a_gate_refuses_what_is_over_and_says_when_to_come_back(counts: QuotaFile):
    clock, gate = FakeClock(), gated(counts, Limit(calls=1, period_s=60.0))
    async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=print):
        pass
    with pytest.raises(LimitExceeded, match="the limit of 1 calls per minute of route chat") as caught:
        async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=print):
            pass
    assert caught.value.retry_after == pytest.approx(61.0)
    assert caught.value.retryable
    assert clock.slept == []


async def test_a_gate_waits_for_a_place_but_not_for_ever_and_takes_no_call_meanwhile(counts: QuotaFile):
    clock, gate = FakeClock(), gated(counts, Limit(calls=2, period_s=60.0, max_concurrency=1))
    said: list[str] = []
    async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=said.append):
        with pytest.raises(LimitExceeded, match="none of them ended in time") as caught:
            async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=said.append):
                pass
    assert sum(clock.slept) == pytest.approx(60.0, abs=0.1)
    assert caught.value.retry_after == 1.0
    async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=said.append):
        pass
    assert said == ["at most 1 at once"]


async def test_a_call_that_is_refused_gives_its_place_back(counts: QuotaFile):
    clock, gate = FakeClock(), gated(counts, Limit(calls=1, period_s=60.0, max_concurrency=1))
    async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=print):
        pass
    for _ in range(2):
        with pytest.raises(LimitExceeded, match="used up"):
            async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=print):
                pass


def door(counts: QuotaFile, time: Time, **routes: Any) -> tuple[Door, Any]:
    token = {"name": "ci", "hash": token_hash(TOKEN), **routes.pop("token", {})}
    made = table("chat", auth={"tokens": [token]}, **routes)
    return Door(lambda: made.config, now=time, counts=lambda: counts, places=lambda: counts), made


async def entered(keeper: Door) -> Incoming:
    given = incoming(authorization=bearer(TOKEN))
    await asked_at(keeper.enter(given))
    return given


async def test_a_tokens_calls_are_counted_over_all_routes(counts: QuotaFile, time: Time):
    keeper, routes = door(counts, time, token={"limit": {"calls": 2, "renewal_period": "minute"}}, other={})
    given = await entered(keeper)
    await asked_at(keeper.admit(given, asked(routes, "chat")))
    await asked_at(keeper.admit(given, asked(routes, "other")))
    with pytest.raises(NotAdmitted, match="2 calls per minute of token ci is used up") as caught:
        await asked_at(keeper.admit(given, asked(routes, "chat")))
    assert caught.value.status == 429
    assert caught.value.retry_after == pytest.approx(61.0)


async def test_tokens_and_money_are_booked_on_the_caller_and_on_the_route_that_served(
    counts: QuotaFile, time: Time
):
    keeper, routes = door(
        counts,
        time,
        token={"limit": {"tokens": 100, "renewal_period": "hour"}},
        chat={"fallback": "spare"},
        spare={"limit": {"usd_per_day": 0.01}},
    )
    first = Request(asked(routes), await entered(keeper))
    await asked_at(keeper.admit(first.given, first.what))
    keeper.finished(first.over(answer("spare", usage=Usage(60, 50), usd="0.02")))

    with pytest.raises(NotAdmitted, match="100 tokens per hour of token ci is used up") as caught:
        await asked_at(keeper.admit(first.given, first.what))
    assert caught.value.status == 429
    gate = keeper.gates(routes.get("spare"))
    assert gate is not None
    clock = FakeClock()
    with pytest.raises(LimitExceeded, match=r"0\.01 USD per day of route spare"):
        async with gate.admit(clock=clock.monotonic, sleep=clock.sleep, waiting=print):
            pass
    assert keeper.gates(routes.get("chat")) is None


async def test_a_call_whose_client_left_is_booked_by_what_had_come(counts: QuotaFile, time: Time):
    keeper, routes = door(counts, time, token={"limit": {"tokens": 20, "renewal_period": "hour"}})
    gone = Request(asked(routes), await entered(keeper))
    await asked_at(keeper.admit(gone.given, gone.what))
    keeper.finished(gone.over(answer(status="cancelled", text="one two three " * 20), status=499))
    await keeper.aclose()
    with pytest.raises(NotAdmitted, match="20 tokens per hour"):
        await asked_at(keeper.admit(gone.given, gone.what))


async def test_calls_at_once_of_a_token_are_refused_and_come_free_again(counts: QuotaFile, time: Time):
    keeper, routes = door(counts, time, token={"limit": {"max_concurrency": 1}})
    first, second = (
        Request(asked(routes), await entered(keeper)),
        Request(asked(routes), await entered(keeper)),
    )
    await asked_at(keeper.admit(first.given, first.what))
    with pytest.raises(NotAdmitted, match="at most 1 calls at once") as caught:
        await asked_at(keeper.admit(second.given, second.what))
    assert (caught.value.status, caught.value.retry_after) == (429, 1.0)
    keeper.finished(second.over(None, status=429))
    keeper.finished(first.over(answer()))
    await asked_at(keeper.admit(second.given, second.what))


async def test_a_fallback_is_asked_when_a_routes_limit_is_reached(counts: QuotaFile, time: Time):
    keeper, routes = door(
        counts,
        time,
        chat={"fallback": "spare", "limit": {"calls": 1, "renewal_period": "day"}},
        spare={},
    )
    async with Gateway(routes, limiters=keeper.gates) as gateway:
        what = asked(routes).request
        served = [await gateway.run(routes.get("chat"), what, lambda _: None) for _ in range(2)]
    assert [r.served_by.route for r in served if r.served_by] == ["chat", "spare"]
    assert [type(f.error) for f in served[1].fell_back] == [LimitExceeded]


async def test_two_gateways_of_one_service_hold_a_routes_limit_together(tmp_path: Path, time: Time):
    routes = table(chat={"limit": {"calls": 3, "renewal_period": "minute"}})
    shared = [QuotaFile(tmp_path, lambda: time.seconds) for _ in range(2)]
    results = []
    for counts in (*shared, *shared):
        mine = partial(_itself, counts)
        keeper = Door(lambda: routes.config, now=time, counts=mine, places=mine)
        async with Gateway(routes, limiters=keeper.gates) as gateway:
            results.append(await gateway.run(routes.get("chat"), asked(routes).request, lambda _: None))
    assert [result.status for result in results] == ["ok", "ok", "ok", "error"]
    error = results[-1].error
    assert isinstance(error, LimitExceeded)
    assert error.retry_after == pytest.approx(61.0)
    for counts in shared:
        await counts.aclose()


def test_a_limit_of_nothing_lets_nobody_through():
    (rule,) = rules_of(Limit(usd_per_day=Decimal(0)), "route chat")
    assert full(rule, moved(rule, None, NOON.timestamp()), NOON.timestamp()) is not None


def test_a_period_that_is_none_of_the_calendars_is_said_in_seconds():
    assert str(Rule("route chat", "calls", 3, 0.5 / 60)) == "3 calls per 0.5 seconds of route chat"


async def test_a_file_that_breaks_under_way_lets_nothing_through_and_says_so(
    counts: QuotaFile, time: Time, caplog: pytest.LogCaptureFixture
):
    limit = {"tokens": 5, "renewal_period": "day", "calls": 9}
    keeper, routes = door(counts, time, token={"limit": limit})
    request = Request(asked(routes), await entered(keeper))
    await asked_at(keeper.admit(request.given, request.what))
    counts._db.execute("drop table used")
    with pytest.raises(BackendUnavailable, match="the limits of this service cannot be kept: no such table"):
        await asked_at(keeper.admit(request.given, request.what))
    keeper.finished(request.over(answer(usage=Usage(1, 2))))
    assert "cannot be kept" in caplog.text


async def test_a_call_that_waited_goes_on_when_a_place_comes_free(counts: QuotaFile):
    clock, gate = FakeClock(), gated(counts, Limit(max_concurrency=1))
    place = counts.hold("route chat", 1)

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if len(clock.slept) == 3 and place is not None:
            counts.let_go("route chat", place)

    async with gate.admit(clock=clock.monotonic, sleep=sleep, waiting=print):
        assert len(clock.slept) == 3


def _itself(counts: QuotaFile) -> QuotaFile:
    return counts


def test_unused_is_as_good_as_never_seen():
    (rule,) = calls(1)
    assert moved(rule, Used(5, (1,)), 1000.0) == Used(1000, (0,) * 61)
