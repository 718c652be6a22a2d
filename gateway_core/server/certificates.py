"""The certificate that the service shows, and its successor once the files hold it.

Connections are accepted with one `ssl.SSLContext` for as long as the service runs. Loading another pair into
that one would leave half a pair in it when the other half is broken, so each pair gets a context of its own,
and a new connection is moved to the newest good one before anything of it is shown.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway_core.errors import BackendUnavailable, ConfigError, Problem
from gateway_core.reload import POLL_S, SETTLE_S, Reloader, ReloadStatus
from gateway_core.server.loading import Routes
from gateway_core.server.settings import ServerSettings


class Certificates:
    """Follows a certificate (chain) and its key, which may stand in one file.

    Raises `BackendUnavailable` with a sentence when there is none that can be used.
    """

    def __init__(self, certificate: str, key: str | None = None) -> None:
        self._certificate, self._key = certificate, key
        also = () if key is None else (Path(key),)
        try:
            self.context = self._loaded()
            """To accept connections with, also once the certificate has changed."""
            self._reloader = Reloader(
                Path(certificate), lambda _text: self._loaded(), also=lambda _context: also
            )
        except ConfigError as exc:
            raise BackendUnavailable(f"--tls-cert, --tls-key: {exc.problems[0].sentence}") from exc
        self.context.sni_callback = self._move

    @property
    def status(self) -> ReloadStatus:
        """How the files stand; of the problems the first says why they are not used."""
        return self._reloader.status

    def check(self) -> str | None:
        """Look once, as `Reloader.check` does; what there is to tell people, if anything."""
        if (status := self._reloader.check()) is None:
            return None
        if status.state == "ok":
            return f"{self._certificate}: in use for new connections ({status.digest[:8]})"
        return (
            f"{status.problems[0]}\n{self._certificate}: not used; the certificate loaded before stays in use"
        )

    def follow(
        self, tell: Callable[..., None], pause: Callable[[float], bool] | None = None
    ) -> threading.Thread:
        """Check once a second, in a thread of its own: reading keys must hold up nobody.

        ``pause`` waits for so many seconds; true is the end, which does not come by itself.
        """
        wait = pause or threading.Event().wait

        def watch() -> None:
            while not wait(SETTLE_S if self._reloader.unsettled else POLL_S):
                if (said := self.check()) is not None:
                    tell(problem=said)

        thread = threading.Thread(target=watch, name="certificates", daemon=True)
        thread.start()
        return thread

    def _move(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called by each handshake, also of clients that name no server."""
        connection.context = self._reloader.current

    def _loaded(self) -> ssl.SSLContext:
        """Made from the files of this moment. Raises `ConfigError` without saying where they lie."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        files = [Path(file) for file in (self._certificate, self._key) if file is not None]
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except FileNotFoundError as exc:
            missing = " and no ".join(file.name for file in files if not file.exists())
            raise self._unusable(f"there is no {missing}") from exc
        except _HasPassword as exc:
            raise self._unusable("the key has a password; nobody is there to type it, so remove it") from exc
        except ssl.SSLError as exc:
            why = (exc.reason or str(exc)).replace("_", " ").lower()
            names = " and ".join(file.name for file in files)
            raise self._unusable(f"no usable certificate and key in {names} ({why})") from exc
        except OSError as exc:
            raise self._unusable(f"the certificate or its key cannot be read: {exc.strerror}") from exc
        return context

    def _unusable(self, sentence: str) -> ConfigError:
        return ConfigError([Problem(self._certificate, 0, sentence)])


def following(settings: ServerSettings, routes: Routes, tell: Callable[..., None]) -> ssl.SSLContext | None:
    """What to accept connections with, from now on up to date; ``None`` where they are not encrypted.

    Raises `BackendUnavailable` with the reason. Through ``routes``, ``/health`` tells how the files stand.
    """
    if settings.tls_cert is None:
        return None
    certificates = Certificates(settings.tls_cert, settings.tls_key)
    routes.beside["tls"] = lambda: certificates.status
    certificates.follow(tell)
    return certificates.context


class _HasPassword(Exception):
    """The key wants one."""


def _no_password() -> Any:
    raise _HasPassword
