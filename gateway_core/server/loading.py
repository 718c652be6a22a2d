"""The routes of the service: loaded from the configuration, and followed when it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from gateway_core.config.fields import LazyProviders
from gateway_core.config.load import parse_config
from gateway_core.keys import process_environment
from gateway_core.lacking import lacking
from gateway_core.providers import REGISTRY, provider_class
from gateway_core.reload import Reloader, ReloadStatus
from gateway_core.routes import RouteTable


@dataclass(slots=True)
class Routes:
    """The route table in use, and how its file stands. ``path`` is ``None`` for the built-in routes.

    Raises `ConfigError` when made, unless there is a ``last_good`` text to start with.
    """

    path: Path | None
    label: str
    last_good: str | None = None
    """The text in use; kept so that another worker can start with it while the file is broken."""
    beside: dict[str, Callable[[], ReloadStatus]] = field(init=False, default_factory=dict)
    """Other files that are followed, by the name under which ``/health`` tells how they stand."""
    _reloader: Reloader[RouteTable] | None = field(init=False, default=None)
    _built_in: RouteTable = field(init=False)

    def __post_init__(self) -> None:
        if self.path is not None:
            self._reloader = Reloader(
                self.path,
                self._load,
                also=lambda table: table.config.key_files,
                last_good=self.last_good,
            )
        else:
            text = files("gateway_core.local").joinpath("default.yaml").read_text(encoding="utf-8")
            self._built_in = self._load(text)

    def _load(self, text: str) -> RouteTable:
        config = parse_config(
            text,
            LazyProviders(REGISTRY, provider_class),
            environ=process_environment(),
            source=self.label,
            base=None if self.path is None else self.path.parent,
        )
        table = RouteTable(config).with_problems(lacking)
        self.last_good = text
        return table

    @property
    def table(self) -> RouteTable:
        """The routes in use. A request keeps the table it started with."""
        return self._built_in if self._reloader is None else self._reloader.current

    @property
    def status(self) -> ReloadStatus | None:
        """How the file stands; ``None`` for the built-in routes."""
        return None if self._reloader is None else self._reloader.status

    async def watch(self, on_change: Callable[[ReloadStatus], None]) -> None:
        """Follow the file for ever; ``on_change`` is called when anything about it changed."""
        if self._reloader is not None:
            await self._reloader.watch(on_change)
