import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from typing_extensions import override

from gateway_core.calls import Ended, Stamped
from gateway_core.fanout import LaneCall
from gateway_core.gateway import Gateway
from gateway_core.types import ChatRequest, Message
from tests.workbench.desks import PATIENCE_S, route, table_of
from tui.workbench.engine import Engine

HELLO = "[{text: Hello}, {finish: stop}]"
ENDLESS = "[{text: Half}, {delay: 600, text: never}, {finish: stop}]"
TABLE = table_of("routes:\n" + route("quick", HELLO) + route("slow", ENDLESS))
ASK = ChatRequest((Message("user", "hi"),))


class Heard:
    """What an engine told, and on which thread."""

    def __init__(self) -> None:
        self.ends: dict[str, str] = {}
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, lane: str, stamped: Stamped) -> None:
        with self._changed:
            self.threads.add(threading.current_thread().name)
            if isinstance(stamped.signal, Ended):
                self.ends[lane] = stamped.signal.result.status
            self._changed.notify_all()

    def until(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, PATIENCE_S)


def call(lane: str, name: str) -> LaneCall:
    return LaneCall(lane, TABLE.get(name), ASK)


def test_lanes_run_on_a_thread_of_their_own():
    heard = Heard()
    engine = Engine(lambda: Gateway(TABLE), heard)
    engine.send([call("1", "quick"), call("2", "quick")])
    heard.until(lambda: len(heard.ends) == 2)
    engine.stop()

    assert heard.ends == {"1": "ok", "2": "ok"}
    assert heard.threads == {"network"}


def test_prices_are_loaded_ahead_where_a_route_has_some(monkeypatch: pytest.MonkeyPatch):
    loaded = threading.Event()
    monkeypatch.setattr("gateway_core.pricing.preload", loaded.set)
    priced = table_of(
        "routes: [{name: a, route_type: llm/v1/chat,"
        " model: {provider: openai, name: gpt-4o, config: {openai_api_key: k}}}]"
    )
    engine = Engine(lambda: Gateway(priced), Heard())
    engine.start()

    assert loaded.wait(PATIENCE_S)
    engine.stop()


def test_lanes_wait_for_what_must_come_first():
    heard, gate = Heard(), Future[bool]()
    engine = Engine(lambda: Gateway(TABLE), heard)
    engine.send([call("1", "quick")], after=[gate])
    engine.send([call("2", "quick")])
    heard.until(lambda: "2" in heard.ends)
    before = dict(heard.ends)
    gate.set_result(False)
    heard.until(lambda: "1" in heard.ends)
    engine.stop()

    assert before == {"2": "ok"}


def test_one_lane_is_cancelled_and_stopping_ends_the_others():
    heard = Heard()
    engine = Engine(lambda: Gateway(TABLE), heard)
    engine.send([call("1", "slow"), call("2", "slow")])
    engine.cancel(["1"])
    heard.until(lambda: "1" in heard.ends)
    assert "2" not in heard.ends
    engine.stop()

    assert heard.ends == {"1": "cancelled", "2": "cancelled"}


def test_stopping_what_never_started_does_nothing():
    engine = Engine(lambda: Gateway(TABLE), Heard())
    engine.stop()

    assert not any(thread.name == "network" for thread in threading.enumerate())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_network_side_that_cannot_start_says_so_to_whoever_sends():
    def broken() -> Gateway:
        raise OSError("no loop today")

    engine = Engine(broken, Heard())
    with pytest.raises(RuntimeError, match="the network side did not start") as raised:
        engine.send([call("1", "quick")])
    engine.stop()

    assert isinstance(raised.value.__cause__, OSError)


def test_a_network_side_that_takes_its_time_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    looked, heard = threading.Event(), Heard()

    class Watched(threading.Event):
        @override
        def wait(self, timeout: float | None = None) -> bool:
            started = super().wait(timeout)
            looked.set()  # once before the start: the gateway below is made only then
            return started

    def slowly() -> Gateway:
        assert looked.wait(PATIENCE_S)
        return Gateway(TABLE)

    monkeypatch.setattr("tui.workbench.engine.LOOK_AGAIN_S", 0.0)
    engine = Engine(slowly, heard)
    engine._ready = Watched()
    engine.send([call("1", "quick")])
    heard.until(lambda: heard.ends == {"1": "ok"})
    engine.stop()


def test_a_network_side_that_died_without_a_word_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    engine = Engine(lambda: Gateway(TABLE), Heard())
    monkeypatch.setattr(engine, "_main", lambda: None)
    with pytest.raises(RuntimeError, match="the network side did not start"):
        engine.send([call("1", "quick")])


def test_a_task_runs_beside_the_lanes_until_the_end():
    began, ended = threading.Event(), threading.Event()

    async def beside() -> None:
        began.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    engine = Engine(lambda: Gateway(TABLE), Heard())
    engine.spawn(beside)
    assert began.wait(PATIENCE_S)
    engine.stop()

    assert ended.is_set()
