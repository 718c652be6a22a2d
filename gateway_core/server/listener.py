"""Accepts connections on sockets that several workers share, and lets them end in peace."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.utils import formatdate

from gateway_core.server.board import Board
from gateway_core.server.protocol import App, Connection, Shared
from gateway_core.server.settings import Bounds

HANDSHAKE_TIMEOUT_S = 10.0
TICK_S = 1.0
YIELD_S = 0.002
"""How long a worker that has more connections than another lets that one go first."""
AT_ONCE = 16
"""As many connections are accepted in one turn of the loop."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.05
"""How often it is seen whether the last answer was given."""
FILES_APART = 64
"""Files and sockets that are not of calls."""
FILES_PER_CALL = 2
"""The client's connection and the provider's."""
_TOO_MANY = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Listener:
    """Has ``app`` answer what is asked on ``sockets``. Lives in one event loop.

    In each turn of the loop a few connections are accepted at most: whoever is busy takes fewer, so work
    spreads over the workers that share a socket. One alone would not do: where turns are long, because
    much is served in each, those who wait would wait for as many turns as there are of them.
    """

    def __init__(
        self,
        app: App,
        sockets: Sequence[socket.socket],
        *,
        bounds: Bounds,
        tls: ssl.SSLContext | None = None,
        place: tuple[Board, int] | None = None,
    ) -> None:
        """``place`` is the board of all workers and this one's number on it."""
        self._sockets = list(sockets)
        self._bounds = bounds
        self._tls = tls
        self._app = app
        self._arriving: set[asyncio.Task[object]] = set()
        self._accepting = False
        self._place = place
        self._ticking: asyncio.TimerHandle | None = None
        self._most = min(bounds.connections, (_open_files() - FILES_APART) // FILES_PER_CALL)

    def start(self) -> None:
        """Accept from now on."""
        self._loop = asyncio.get_running_loop()
        self._state = Shared(self._app, self._bounds, self._loop, self._left)
        self._tick()
        self._note()

    def _tick(self) -> None:
        self._state.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        now_s = self._loop.time()
        for connection in list(self._state.connections):
            connection.overdue(now_s)
        self._resume()
        self._ticking = self._loop.call_later(TICK_S, self._tick)

    def _resume(self) -> None:
        if self._accepting or not self._sockets or self._taken >= self._most:
            return
        self._accepting = True
        for each in self._sockets:
            self._loop.add_reader(each, self._offered, each)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            for each in self._sockets:
                self._loop.remove_reader(each)

    @property
    def _taken(self) -> int:
        return len(self._state.connections) + len(self._arriving)

    def _offered(self, listening: socket.socket) -> None:
        """A connection is waiting, and all workers are told: who has the fewest may go first."""
        for _ in range(AT_ONCE):
            if self._place is not None and self._place[0].is_ahead(self._place[1], self._taken):
                self._loop.remove_reader(listening)
                self._loop.call_later(YIELD_S, self._yielded, listening)
                return
            if not self._accept(listening):
                return

    def _yielded(self, listening: socket.socket) -> None:
        if self._accepting:
            self._accept(listening)
        if self._accepting:
            self._loop.add_reader(listening, self._offered, listening)

    def _note(self) -> None:
        if self._place is not None:
            self._place[0].note(self._place[1], self._taken)

    def _accept(self, listening: socket.socket) -> bool:
        """Take one connection; true when another may be taken at once."""
        try:
            accepted, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as exc:
            if exc.errno not in _TOO_MANY:
                raise
            self._pause()  # until the next tick: the connection waits for its turn
            return False
        accepted.setblocking(False)
        if accepted.family in (socket.AF_INET, socket.AF_INET6):  # an answer must not wait for more of it
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.ensure_future(self._welcome(accepted))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        self._note()
        if self._taken >= self._most:
            self._pause()
        return self._accepting

    async def _welcome(self, accepted: socket.socket) -> None:
        with suppress(OSError):  # gone, or no TLS
            await self._loop.connect_accepted_socket(
                self._connection,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if self._tls else None,
            )

    def _connection(self) -> Connection:
        return Connection(self._state)

    def _left(self) -> None:
        self._note()
        self._resume()

    def close(self) -> None:
        """Accept no more, hang up on who asks nothing, and have the others end with this answer."""
        self._pause()
        for each in self._sockets:
            each.close()
        self._sockets = []
        for connection in list(self._state.connections):
            connection.shutdown()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until every answer is given, or cut them off after ``timeout_s``; true when none was."""
        in_time, pause_s = True, FIRST_PAUSE_S
        try:
            async with asyncio.timeout(timeout_s):
                while self._state.connections or self._state.tasks or self._arriving:
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                    for connection in list(self._state.connections):
                        connection.shutdown()
        except TimeoutError:
            in_time = False
        tasks = [*self._state.tasks, *self._arriving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._ticking is not None:
            self._ticking.cancel()
        return in_time


def _open_files() -> int:
    """How many files this process may have open, once it has asked for as many as it can get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return 2**20 if soft == resource.RLIM_INFINITY else soft
