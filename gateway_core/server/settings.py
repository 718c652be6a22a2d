"""How the service is run: values that the command line fills in and every worker is handed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from gateway_core.server.wishes import Wishes

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client may take of a worker."""

    body_bytes: int = 32 * MIB
    """Pictures travel in the body as text: four bytes for three."""
    head_bytes: int = 64 * 1024
    header_count: int = 100
    target_bytes: int = 8 * 1024
    """Path and query."""
    head_timeout_s: float = 10.0
    """From the first byte of a request, or from connecting, to the end of its headers."""
    body_timeout_s: float = 60.0
    body_pause_s: float = 15.0
    """The longest silence within a body."""
    write_timeout_s: float = 60.0
    """How long a client may read nothing of what is there for it."""
    keep_alive_s: float = 75.0
    """Longer than proxies keep theirs, so that they never send to a connection that is being closed."""
    linger_s: float = 0.5
    """How long more is taken of who was refused: a client that still sends would not read the answer."""
    linger_body_s: float = 2.0
    """The same for the rest of a body."""
    connections: int = 10_000
    """Of one worker; those beyond wait to be accepted."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Everything a worker needs to know. ``config`` is the path of the file, or ``None`` for the built-in."""

    config: str | None
    label: str
    """How messages call the configuration."""
    host: str = "localhost"
    port: int = 5000
    workers: int = 2
    tls_cert: str | None = None
    tls_key: str | None = None
    open_to_all: bool = False
    """True when nobody needs to say who they are, even from other machines."""
    drain_s: float = 30.0
    """How long requests under way may take to end once the service is to stop."""
    bounds: Bounds = field(default_factory=Bounds)
    wishes: Wishes | None = None
    """Who may ask beside those of the configuration, and what is kept; ``None`` is nothing."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Self:
        """What `to_dict` gave."""
        wishes = said.get("wishes") and Wishes.from_dict(said["wishes"])
        return cls(**{**said, "bounds": Bounds(**said["bounds"]), "wishes": wishes})

    def url(self, port: int) -> str:
        """Where clients find the service when it listens on ``port``."""
        scheme = "https" if self.tls_cert else "http"
        host = self.host or "localhost"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
