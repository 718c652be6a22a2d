"""The service's own pages: how it is, what it can do, and a page to try that out on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from gateway_core import __version__
from gateway_core.errors import Problem
from gateway_core.reload import ReloadStatus
from gateway_core.routes import RouteTable
from gateway_core.server.dialects import openapi
from gateway_core.server.dialects.base import Reply, encoded
from gateway_core.server.loading import Routes
from gateway_core.server.paths import Ask, Lookup, Resource

PAGE_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
ASSETS: Mapping[str, tuple[str, str]] = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/docs/page.css": ("page.css", "text/css; charset=utf-8"),
    "/docs/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/favicon.ico": ("favicon.ico", "image/x-icon"),
}
"""Path, and the file in ``static`` with its media type."""

Security = Callable[[], Mapping[str, Mapping[str, Any]]]


class Pages:
    """The pages about ``routes``."""

    def __init__(self, routes: Routes, security: Security | None = None) -> None:
        """``security`` says how callers show who they are, as OpenAPI names it."""
        self._routes = routes
        self._security = security or dict
        self._started_at = time.time()
        self._described: tuple[RouteTable, bytes] | None = None

    @property
    def resources(self) -> dict[str, Resource]:
        """Path by path."""
        shown = {path: _get(lambda _, path=path: asset(path)) for path in ASSETS}
        return {
            "/": _get(lambda _: Reply(307, b"", {"location": "/docs"})),
            "/redoc": _get(lambda _: Reply(307, b"", {"location": "/docs"})),
            "/health": _get(lambda _: self.health()),
            "/openapi.json": _get(self.openapi),
            **shown,
        }

    def health(self) -> Reply:
        """MLflow's ``{"status": "OK"}``, and beside it how the configuration stands."""
        said = {"status": "OK", "version": __version__, "config": self._config()}
        said |= {name: _told(status()) for name, status in self._routes.beside.items()}
        return Reply(200, encoded(said), {"cache-control": "no-store"})

    def _config(self) -> dict[str, Any]:
        status, table = self._routes.status, self._routes.table
        if status is None:
            return {"state": "ok", "routes": len(table), "version": table.config.digest[:8], "problems": []}
        return {"routes": len(table), **_told(status)}

    def openapi(self, ask: Ask) -> Reply:
        """The description of everything that can be asked, for the routes of this moment."""
        if self._described is None or self._described[0] is not ask.table:
            described = openapi.document(
                ask.table, title="gateway-tui", version=__version__, security=self._security()
            )
            self._described = (ask.table, encoded(described))
        return Reply(200, self._described[1], {"cache-control": "no-store"})


@cache
def asset(path: str) -> Reply:
    """A file of the documentation page."""
    name, kind = ASSETS[path]
    body = files("gateway_core.server").joinpath("static", name).read_bytes()
    return Reply(200, body, {**PAGE_HEADERS, "content-type": kind})


def _get(answer: Any) -> Resource:
    return Resource({"GET": Lookup(answer)})


def _told(status: ReloadStatus) -> dict[str, Any]:
    return {
        "state": status.state,
        "version": status.digest[:8],
        "loaded_at": round(status.loaded_at, 3),
        "problems": [_without_folder(problem) for problem in status.problems],
    }


def _without_folder(problem: Problem) -> str:
    """``file:line: sentence``; where the file lies is nobody's business out there."""
    return str(Problem(Path(problem.file).name, problem.line, problem.sentence, problem.level))
