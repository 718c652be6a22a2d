"""The route table: checked configuration bound to providers, immutable, swapped whole on reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from typing_extensions import override

from gateway_core.calls import ServedBy
from gateway_core.config.destinations import with_destination_problems
from gateway_core.config.fields import LazyProviders
from gateway_core.config.load import load_config
from gateway_core.config.model import SPLIT_PROVIDER, Config, RouteConfig
from gateway_core.errors import BackendUnavailable, InternalError, InvalidRequest, RouteNotFound
from gateway_core.keys import Secret, process_environment
from gateway_core.params import EMBEDDING_PARAMS, PARAMS
from gateway_core.providers import REGISTRY, provider_class
from gateway_core.providers.base import ANYWAY, Playback, Played, Provider
from gateway_core.suggest import did_you_mean_or_all
from gateway_core.types import ROUTE_TYPES, ChatRequest, EmbeddingRequest, Message, Request, RouteType


@dataclass(frozen=True, slots=True)
class Share:
    """A destination of a traffic split, and how many of a hundred calls it gets."""

    route: Route
    percentage: int


@dataclass(frozen=True, slots=True)
class Route:
    """One named way to a model: its configuration and the provider that speaks for it."""

    config: RouteConfig
    provider: Provider
    neighbours: tuple[Secret, ...] = ()
    """Secrets of all routes of its table: a server that is asked by several may repeat any of them."""
    fallbacks: tuple[Route, ...] = field(default=(), repr=False)
    """Asked in this order when this one fails for a reason that may pass. Theirs are not followed."""
    shares: tuple[Share, ...] = field(default=(), repr=False)
    """Where a traffic split sends its calls; empty for every other route."""
    served_by: ServedBy = field(init=False, repr=False, compare=False)
    """Who answers here, for those who are told."""

    def __post_init__(self) -> None:
        told = ServedBy(
            route=self.config.name,
            provider=self.config.model.provider,
            model=self.config.model.name,
            recorded=self.provider.recorded,
            shares_machine=self.provider.shares_machine,
        )
        object.__setattr__(self, "served_by", told)

    @property
    def name(self) -> str:
        """The name callers use."""
        return self.config.name

    @property
    def route_type(self) -> RouteType:
        """What the route does."""
        return self.config.route_type

    @property
    def model_name(self) -> str | None:
        """The model as configured; an answer may name a dated form of it."""
        return self.config.model.name

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Everything that must not be repeated in what is said about the route."""
        return (*self.config.secrets, *self.neighbours)

    @property
    def problem(self) -> str | None:
        """Why the route cannot be called, or ``None``."""
        return self.config.problem

    def require_ready(self) -> None:
        """Raises `BackendUnavailable` with the route's problem when it has one."""
        if self.config.problem is not None:
            raise BackendUnavailable(self.config.problem)

    def require_supported(self, request: Request, warnings: Sequence[str]) -> None:
        """Raises `InvalidRequest` for a route that is to send all parameters as asked, or nothing.

        ``warnings`` are the provider's about what it cannot send so.
        """
        if self.config.on_unsupported != "error":
            return
        said = [warning.removesuffix(": it was not sent") for warning in warnings]
        unsaid = (name for name in _meaningless(request) if not any(name in warning for warning in said))
        if problems := [*said, *(f"{name} has no meaning for embeddings" for name in unsaid)]:
            raise InvalidRequest(f"not sent, because on_unsupported is error: {'; '.join(problems)}")

    def with_defaults(self, request: Request) -> Request:
        """``request`` with the route's own parameters and system prompt under the caller's.

        A parameter the caller set wins. The route's system prompt goes in front of the caller's, in
        one system message, because many chat templates know only one.
        """
        if not self.config.params and self.config.system is None:
            return request
        params = {**self.config.params, **request.params}
        if isinstance(request, ChatRequest) and self.config.system is not None:
            messages = _with_system(self.config.system, request.messages)
            return replace(request, params=params, messages=messages)
        return replace(request, params=params)


def _meaningless(request: Request) -> Iterator[str]:
    """Parameters that say how a text is written, in a request for vectors."""
    if isinstance(request, EmbeddingRequest):
        for name, value in request.params.items():
            if name in PARAMS and name not in EMBEDDING_PARAMS and ANYWAY.get(name) != value:
                yield name


class TrafficSplit(Played):
    """Stands where the provider of a route does that passes every call on."""

    name = SPLIT_PROVIDER
    route_types = ROUTE_TYPES

    @override
    def request(self, request: Request) -> Playback:
        raise InternalError("a traffic split has no model of its own to ask")


def _with_system(system: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    first = messages[0] if messages else None
    if first is not None and first.role == "system" and isinstance(first.content, str):
        return (replace(first, content=f"{system}\n\n{first.content}"), *messages[1:])
    return (Message("system", system), *messages)


class RouteTable:
    """All routes of one configuration, in file order. A call keeps the table it started with."""

    __slots__ = ("_by_name", "config")

    def __init__(self, config: Config) -> None:
        self.config = config
        secrets = config.secrets
        alone = {r.name: Route(r, _provider(r), secrets) for r in config.routes}
        full = {
            name: replace(route, fallbacks=tuple(alone[other] for other in route.config.fallback))
            if route.config.fallback
            else route
            for name, route in alone.items()
        }
        self._by_name = {name: _with_shares(route, full) for name, route in full.items()}

    @classmethod
    def load(cls, path: Path | str, *, environ: Mapping[str, str] | None = None) -> RouteTable:
        """The routes of a configuration file; keys are looked up in ``environ``, by default the process's.

        Raises `ConfigError` with every error of the file.
        """
        known = LazyProviders(REGISTRY, provider_class)
        return cls(load_config(path, known, environ=process_environment() if environ is None else environ))

    def __iter__(self) -> Iterator[Route]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """Route names in file order."""
        return tuple(self._by_name)

    def get(self, name: str) -> Route:
        """The route called ``name``. Raises `RouteNotFound`, with the nearest name if one is near."""
        if (route := self._by_name.get(name)) is not None:
            return route
        raise RouteNotFound(f'there is no route "{name}"{did_you_mean_or_all(name, self._by_name)}')

    def with_problems(self, find: Callable[[Route], str | None]) -> RouteTable:
        """This table with the problem that ``find`` sees put on routes that have none yet."""
        routes = (replace(route.config, problem=route.config.problem or find(route)) for route in self)
        return RouteTable(replace(self.config, routes=with_destination_problems(routes)))


def _provider(config: RouteConfig) -> Provider:
    if config.destinations:
        return TrafficSplit(config.model)
    return provider_class(config.model.provider)(config.model)


def _with_shares(route: Route, full: Mapping[str, Route]) -> Route:
    """A destination is called as if it had been asked by name, so it keeps its fallbacks."""
    shares = tuple(Share(full[d.name], d.percentage) for d in route.config.destinations)
    return replace(route, shares=shares) if shares else route
