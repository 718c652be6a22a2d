"""Opens connections, directly or through a proxy, with TLS or without. aiohttp does it.

It looks names up, tries several addresses of one side by side, and speaks to proxies; what is sent on a
connection once it is open is not its business. It is imported at the first request, because that takes
longer than starting the program may.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway_core.wire.connection import Connection
from gateway_core.wire.proxies import Proxy

if TYPE_CHECKING:
    from yarl import URL


class Dialer:
    """Lives in one event loop; close it with `aclose`, which hangs up everywhere."""

    def __init__(self, clock: Callable[[], float], trust: ssl.SSLContext) -> None:
        import aiohttp

        self._clock = clock
        self._connector = aiohttp.TCPConnector(limit=0, ssl=trust)
        # Only the connector is used; what it is given to connect for names a session.
        self._session = aiohttp.ClientSession(connector=self._connector, cookie_jar=aiohttp.DummyCookieJar())
        self._patience = aiohttp.ClientTimeout(total=None, sock_connect=None)
        self.open: set[Connection] = set()

    async def dial(self, url: URL, proxy: Proxy | None) -> Connection:
        """An open connection to the host of ``url``. Raises what aiohttp does.

        How long that may take is the caller's business.
        """
        import aiohttp
        from yarl import URL

        asked = aiohttp.ClientRequest(
            "GET",
            url,
            loop=asyncio.get_running_loop(),
            session=self._session,
            proxy=None if proxy is None else URL(proxy.url),
            proxy_headers=None if proxy is None else dict(proxy.headers),
        )
        opened = await self._connector.connect(asked, [], self._patience)
        handed_over, transport = opened.protocol, opened.transport

        def lost(exc: Exception | None) -> None:
            if handed_over is not None:
                handed_over.connection_lost(exc)
            opened.close()
            self.open.discard(connection)

        if transport is None or transport.is_closing():
            opened.close()
            raise aiohttp.ServerDisconnectedError
        connection = Connection(transport, self._clock, lost)
        self.open.add(connection)
        return connection

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()
