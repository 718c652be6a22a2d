"""The network side: a thread with its own event loop, so that a busy screen changes no measured number."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway_core.calls import Stamped
from gateway_core.fanout import FanOut, LaneCall

if TYPE_CHECKING:
    from gateway_core.gateway import Gateway

SWITCH_INTERVAL_S = 0.0002
"""How long the screen's thread may keep the interpreter while the network waits for it. Python's
default of 5 ms would be added to every stamp taken while the screen paints."""

STOP_TIMEOUT_S = 10.0
LOOK_AGAIN_S = 1.0
"""How often it is seen whether a network side that is waited for still lives."""

OnSignal = Callable[[str, Stamped], None]


@dataclass(frozen=True, slots=True)
class _Running:
    """What lives on the engine's thread."""

    loop: asyncio.AbstractEventLoop
    lanes: FanOut
    stopping: asyncio.Event


class Engine:
    """Runs lanes on its own thread. ``on_signal`` is called there, for every signal, at once."""

    def __init__(self, make_gateway: Callable[[], Gateway], on_signal: OnSignal) -> None:
        self._make_gateway = make_gateway
        self._on_signal = on_signal
        self._thread: threading.Thread | None = None
        self._started: _Running | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._background: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the thread; returns at once. A second call does nothing."""
        if self._thread is None:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            self._thread = threading.Thread(target=self._main, name="network", daemon=True)
            self._thread.start()

    def send(self, calls: Iterable[LaneCall], *, after: Iterable[Future[Any]] = ()) -> None:
        """Start these lanes together, once everything in ``after`` is done."""
        wanted, gates = list(calls), list(after)
        self._on_loop(lambda lanes: lanes.start(wanted, after=[asyncio.wrap_future(g) for g in gates]))

    def cancel(self, lanes: Iterable[str] | None = None) -> None:
        """Stop these lanes, or all."""
        which = None if lanes is None else list(lanes)
        self._on_loop(lambda running: running.cancel(which))

    def spawn(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine beside the lanes until the engine stops."""
        self._on_loop(lambda _: self._keep(asyncio.create_task(make())))

    def stop(self) -> None:
        """Cancel everything, close connections, stop local servers, and wait for it."""
        if self._thread is None:
            return
        self._ready.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._running.loop.call_soon_threadsafe(self._running.stopping.set)
        self._thread.join(STOP_TIMEOUT_S)

    def _on_loop(self, action: Callable[[FanOut], None]) -> None:
        self.start()
        self._await_start()
        running = self._running
        running.loop.call_soon_threadsafe(lambda: action(running.lanes))

    def _await_start(self) -> None:
        """Wait until the thread has begun or failed to; a thread that is gone is not waited for."""
        started = False
        while not started and self._thread is not None and self._thread.is_alive():
            started = self._ready.wait(LOOK_AGAIN_S)

    @property
    def _running(self) -> _Running:
        """What runs on the thread. Raises `RuntimeError` when it could not be started."""
        if self._started is None:
            raise RuntimeError("the network side did not start") from self._failure
        return self._started

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as exc:
            self._failure = exc
            raise
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with self._make_gateway() as gateway:
            lanes, stopping = FanOut(gateway, self._on_signal), asyncio.Event()
            self._started = _Running(asyncio.get_running_loop(), lanes, stopping)
            self._ready.set()
            await gateway.warm()
            await stopping.wait()
            await lanes.aclose()
            for task in self._background:
                task.cancel()
