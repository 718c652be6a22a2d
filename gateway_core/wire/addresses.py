"""Where a request goes: the connection it needs, and the first lines that are sent on it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway_core.wire.proxies import DEFAULT_PORTS, Proxies, Proxy

if TYPE_CHECKING:
    from yarl import URL

MOST_KNOWN = 1000
Origin = tuple[str, str, int, str | None]


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart. ``label`` is host and port for people: never a path, a query or a password."""

    url: URL = field(repr=False)
    label: str
    origin: Origin
    """Connections of the same origin serve each other's requests."""
    target: str = field(repr=False)
    host: str
    """The value of the ``host`` header."""
    login: str | None = field(repr=False)
    """An ``authorization`` that the address itself brings."""
    proxy: Proxy | None
    heads: dict[tuple[object, ...], bytes] = field(repr=False, compare=False, default_factory=dict)
    """How requests to it begin that were sent before; they hold keys."""

    @property
    def via_plain_proxy(self) -> bool:
        """True when a proxy reads the request itself, instead of passing on a tunnel."""
        return self.proxy is not None and self.origin[0] == "http"


class Addresses:
    """Takes every URL apart once: routes ask the same few again and again."""

    def __init__(self) -> None:
        self._known: dict[str, Address] = {}
        self._proxies = Proxies()

    def of(self, url: str) -> Address:
        """Raises `ValueError` when ``url`` is none to which a request can be sent, and `ConnectFailed` when
        the proxy that is set for it cannot be used.
        """
        found = self._known.get(url)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = self._known[url] = self._taken_apart(url)
        return found

    def _taken_apart(self, url: str) -> Address:
        from yarl import URL

        parts = URL(url, encoded="%" in url)
        if parts.scheme not in DEFAULT_PORTS or not parts.raw_host or parts.port is None:
            raise ValueError("neither http nor https, or no host")
        if any(ord(letter) <= 0x20 or ord(letter) == 0x7F for letter in url):
            raise ValueError("no letters for an address")
        proxy = self._proxies.of(url)
        origin = (parts.scheme, parts.raw_host, parts.port, None if proxy is None else proxy.url)
        host = parts.host_port_subcomponent or parts.raw_host
        if parts.port == DEFAULT_PORTS[parts.scheme]:
            host = parts.host_subcomponent or parts.raw_host
        target = parts.raw_path_qs or "/"
        if proxy is not None and parts.scheme == "http":
            target = f"http://{host}{target}"
        port = f":{parts.explicit_port}" if parts.explicit_port else ""
        return Address(parts, f"{parts.raw_host}{port}", origin, target, host, _login(parts), proxy)


def _login(parts: URL) -> str | None:
    if parts.user is None:
        return None
    login = f"{parts.user}:{parts.password or ''}"
    return f"Basic {b64encode(login.encode()).decode()}"
