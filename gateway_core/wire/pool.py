"""Open connections that wait for their next request."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from gateway_core.wire.addresses import Origin
from gateway_core.wire.connection import Connection
from gateway_core.wire.dialing import Dialer

KEEP_ALIVE_S = 60.0


class Pool:
    """The connections of one event loop; as many as are asked for. Close it with `aclose`."""

    def __init__(self, dialer: Dialer) -> None:
        self.loop = asyncio.get_running_loop()
        self.dialer = dialer
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._sweeping: asyncio.TimerHandle | None = None

    @property
    def in_use(self) -> int:
        """How many connections carry an exchange."""
        return sum(connection.is_busy for connection in self.dialer.open)

    def take(self, origin: Origin) -> Connection | None:
        """The one that was used last; the longer one waits, the likelier its server has given it up."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_open and self.loop.time() - connection.idle_since_s <= KEEP_ALIVE_S:
                return connection
            connection.hang_up()
        return None

    def give(self, origin: Origin, connection: Connection) -> None:
        """Keep ``connection`` for the next."""
        connection.idle_since_s = self.loop.time()
        self._idle[origin].append(connection)
        if self._sweeping is None:
            self._sweeping = self.loop.call_later(KEEP_ALIVE_S, self._sweep)

    def _sweep(self) -> None:
        """Close what nobody has used for long, and forget what was closed."""
        self._sweeping = None
        since_s = self.loop.time() - KEEP_ALIVE_S
        for origin, idle in list(self._idle.items()):
            kept = [one for one in idle if one.is_open and one.idle_since_s > since_s]
            for one in set(idle) - set(kept):
                one.hang_up()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        if self._idle:
            self._sweeping = self.loop.call_later(KEEP_ALIVE_S / 2, self._sweep)

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        await self.dialer.aclose()
