"""Opens connections, directly or through a proxy, with TLS or without. aiohttp does it.

It looks names up, tries several addresses of one side by side, and speaks to proxies; what is sent on a
connection once it is open is not its business. It is imported at the first request, because that takes
longer than starting the program may. Where there is nothing of that to do, as for a model server on this
machine, the event loop can open the connection itself, at a quarter of the cost.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway_core.wire.connection import Connection
from gateway_core.wire.proxies import Proxy

if TYPE_CHECKING:
    from yarl import URL


class Dialer:
    """Lives in one event loop; close it with `aclose`, which hangs up everywhere."""

    def __init__(self, clock: Callable[[], float], trust: ssl.SSLContext, *, directly: bool) -> None:
        """``directly``: bare addresses without aiohttp, for those who open connections by the hundred."""
        import aiohttp

        self._clock = clock
        self._directly = directly
        self._connector = aiohttp.TCPConnector(limit=0, ssl=trust)
        # Only the connector is used; what it is given to connect for names a session.
        self._session = aiohttp.ClientSession(connector=self._connector, cookie_jar=aiohttp.DummyCookieJar())
        self._patience = aiohttp.ClientTimeout(total=None, sock_connect=None)
        self.open: set[Connection] = set()

    async def dial(self, url: URL, proxy: Proxy | None) -> Connection:
        """An open connection to the host of ``url``. Raises what aiohttp does.

        How long that may take is the caller's business.
        """
        host, port = url.raw_host, url.port
        if (
            self._directly
            and proxy is None
            and url.scheme == "http"
            and host
            and port
            and is_ip_address(host)
        ):
            return await self._dial_address(host, port)
        return await self._dial_by_aiohttp(url, proxy)

    async def _dial_address(self, host: str, port: int) -> Connection:
        connection = Connection(self._clock, lambda _: self.open.discard(connection))
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, host, port)
        except TimeoutError as exc:  # the system's own; that of a time limit comes from outside
            from aiohttp import ClientOSError

            raise ClientOSError(exc.errno, exc.strerror) from exc
        self.open.add(connection)
        return connection

    async def _dial_by_aiohttp(self, url: URL, proxy: Proxy | None) -> Connection:
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
        connection = Connection(self._clock, lost)
        connection.take_over(transport)
        self.open.add(connection)
        return connection

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in list(self.open):
            connection.hang_up()
        await self._session.close()


def is_ip_address(host: str) -> bool:
    """True when ``host`` needs no looking up."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False
