"""One worker process: ``python -m gateway_core.server.worker``, started by the supervisor.

Its order comes as a line of JSON on stdin, which then stays open: its end is the death of the supervisor.
What happens goes to stdout as lines of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway_core.errors import BackendUnavailable, ConfigError, GatewayError
from gateway_core.reload import ReloadStatus
from gateway_core.server.board import Board
from gateway_core.server.certificates import following
from gateway_core.server.loading import Routes
from gateway_core.server.settings import ServerSettings
from gateway_core.server.sockets import beyond_this_machine

if TYPE_CHECKING:
    from gateway_core.server.app import Service

COLLECT_AFTER = (5_000, 20, 50)
"""When garbage is looked for. What a call makes goes with it, so that there is hardly any; and what is
looked through is mostly in use."""
ORPHAN_DRAIN_S = 3.0
"""How long requests under way may take to end once the supervisor is dead."""
HARD_EXIT_S = 2.0

Tell = Callable[..., None]


def main() -> int:
    """Serve as ordered; the exit code."""
    order = json.loads(sys.stdin.buffer.readline() or b"null")
    if order is None:  # the supervisor died before it could say anything
        return 1
    tell = _teller()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    settings = ServerSettings.from_dict(order["settings"])
    sockets = [socket.socket(fileno=number) for number in order["sockets"]]
    place = (Board(order["board"], settings.workers), order["number"])
    try:
        routes = Routes(
            None if settings.config is None else Path(settings.config), settings.label, order["last_good"]
        )
        tls = following(settings, routes, tell)
        _require_closed(settings, routes, sockets)
    except GatewayError as error:
        tell(problem=_words(error), failed=True)
        return 2
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, sockets, routes, tls, tell, place))
    except BackendUnavailable as error:  # a log, a count or a recording that cannot be kept
        tell(problem=error.message, failed=True)
        return 2
    return 0


async def _serve(
    settings: ServerSettings,
    sockets: list[socket.socket],
    routes: Routes,
    tls: ssl.SSLContext | None,
    tell: Tell,
    place: tuple[Board, int],
) -> None:
    from gateway_core.server.listener import Listener

    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    drain_s = settings.drain_s

    def orphaned() -> None:
        nonlocal drain_s
        drain_s = ORPHAN_DRAIN_S
        stopping.set()

    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, stopping.set)
    threading.Thread(target=_await_orphanhood, args=(loop, orphaned), daemon=True).start()
    async with _attended(settings, routes, sockets) as service:
        listener = Listener(service, sockets, bounds=settings.bounds, tls=tls, place=place)
        listener.start()
        # What a start makes is kept; looking through it for garbage again and again would cost time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
        tell(ready=True, routes=len(routes.table), last_good=routes.last_good)
        watching = asyncio.create_task(routes.watch(lambda status: _changed(status, routes, tell)))
        await stopping.wait()
        watching.cancel()
        listener.close()
        await listener.drained(drain_s)


@asynccontextmanager
async def _attended(
    settings: ServerSettings, routes: Routes, sockets: list[socket.socket]
) -> AsyncIterator[Service]:
    """The service, and beside it what the command line wishes for. Raises `BackendUnavailable`."""
    from gateway_core.server.app import Service

    if settings.wishes is None:
        async with Service(routes, bounds=settings.bounds) as service:
            yield service
        return
    from gateway_core.server.attendants import attending

    open_to_all = settings.open_to_all or not beyond_this_machine(sockets)
    async with (
        attending(settings.wishes, lambda: routes.table, open_to_all=open_to_all) as attendants,
        Service(
            routes,
            bounds=settings.bounds,
            guard=attendants,
            observer=attendants,
            limiters=attendants.limiters,
            more=attendants.pages,
        ) as service,
    ):
        yield service


def _changed(status: ReloadStatus, routes: Routes, tell: Tell) -> None:
    """Say what became of an edit; called in the event loop."""
    if status.state == "ok":
        count = len(routes.table)
        told: dict[str, Any] = {
            "problem": f"{routes.label}: {count} route{'s' * (count != 1)} in use ({status.digest[:8]})",
            "last_good": routes.last_good,
        }
    else:
        reasons = "\n".join(str(problem) for problem in status.problems)
        told = {"problem": f"{reasons}\n{routes.label}: not used; the routes loaded before stay in use"}
    # The pipe may be full for a moment, which must stop nobody.
    threading.Thread(target=tell, kwargs=told, daemon=True).start()


def _await_orphanhood(loop: asyncio.AbstractEventLoop, orphaned: Callable[[], None]) -> None:
    """End this process when the supervisor is gone: in peace if the loop still turns, else anyway."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    with suppress(RuntimeError):  # the loop is closed: it is ending already
        loop.call_soon_threadsafe(orphaned)
    threading.Event().wait(ORPHAN_DRAIN_S + HARD_EXIT_S)
    os._exit(1)


def _teller() -> Tell:
    """Writes to the supervisor; whatever else goes to stdout goes to stderr from now on."""
    pipe = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    lock = threading.Lock()

    def tell(**said: object) -> None:
        # The supervisor may be gone; the end of stdin says so.
        with lock, suppress(BrokenPipeError):
            pipe.write(json.dumps(said).encode() + b"\n")

    return tell


def _words(error: GatewayError) -> str:
    if isinstance(error, ConfigError):
        return "\n".join(str(problem) for problem in error.problems)
    return error.message


def _require_closed(settings: ServerSettings, routes: Routes, sockets: list[socket.socket]) -> None:
    """Raises `BackendUnavailable` when other machines could use the keys without saying who they are."""
    named = routes.table.config.auth or (settings.wishes and settings.wishes.auth)
    if named or settings.open_to_all or not (addresses := beyond_this_machine(sockets)):
        return
    raise BackendUnavailable(
        f"{', '.join(addresses)} can be reached from other machines, and nobody would have to say who they "
        "are: whoever finds it can spend your keys. Name who may ask (gateway-tui token new), listen "
        "on localhost behind a proxy that asks for a password, or say --no-auth if that is meant"
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for this system
        return None
    return uvloop.new_event_loop  # type: ignore[no-any-return, unused-ignore]  # it ships types on some systems


if __name__ == "__main__":
    sys.exit(main())
