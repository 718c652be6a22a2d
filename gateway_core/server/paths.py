"""Which path is answered by whom, for both generations of MLflow, OpenAI's clients and Anthropic's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

from gateway_core.errors import GatewayError
from gateway_core.routes import RouteTable
from gateway_core.server.dialects import anthropic, mlflow28, mlflow_faults, mlflow_today, openai
from gateway_core.server.dialects.base import Dialect, Reply
from gateway_core.tokens import TokenCount

Refuse = Callable[[GatewayError], Reply]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a look-up may go by."""

    table: RouteTable
    name: str
    """What stands in the path where the name of a route does; may be empty."""
    query: str
    body: bytes

    @property
    def page_token(self) -> str | None:
        """Which page of a list is wanted."""
        return parse_qs(self.query).get("page_token", [None])[-1] if self.query else None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Answered from what the service knows, without calling a route. May raise `GatewayError`."""

    answer: Callable[[Ask], Reply]


@dataclass(frozen=True, slots=True)
class Call:
    """Answered by the route that the path or the body names."""

    dialect: Dialect
    counted: Callable[[TokenCount], Reply] | None = None
    """Set where the route is only to say how many tokens it would read."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a path stands for: what may be done with it, and how a failure is said there."""

    methods: Mapping[str, Lookup | Call]
    refuse: Refuse = mlflow_faults.refusal

    @property
    def allow(self) -> str:
        """The value of an ``allow`` header."""
        return ", ".join([*self.methods, "HEAD"] if "GET" in self.methods else self.methods)


def _call(dialect: Dialect) -> Resource:
    return Resource({"POST": Call(dialect)}, dialect.refusal)


def _get(answer: Callable[[Ask], Reply], refuse: Refuse = mlflow_faults.refusal) -> Resource:
    return Resource({"GET": Lookup(answer)}, refuse)


FIXED: Mapping[str, Resource] = {
    "/v1/chat/completions": _call(openai.CHAT),
    "/v1/completions": _call(openai.COMPLETIONS),
    "/v1/embeddings": _call(openai.EMBEDDINGS),
    "/v1/messages": _call(anthropic.MESSAGES),
    "/v1/messages/count_tokens": Resource(
        {"POST": Call(anthropic.COUNT_TOKENS, anthropic.counted)}, anthropic.COUNT_TOKENS.refusal
    ),
    "/v1/models": _get(lambda ask: openai.models(ask.table), openai.CHAT.refusal),
    "/api/2.0/gateway/routes/": _get(lambda ask: mlflow28.routes(ask.table, ask.page_token)),
    "/api/2.0/gateway/limits/": Resource({"POST": Lookup(lambda ask: mlflow28.set_limits(ask.body))}),
    "/api/2.0/endpoints/": _get(lambda ask: mlflow_today.endpoints(ask.table, ask.page_token)),
}
NAMED: tuple[tuple[str, str, Resource], ...] = (
    ("/gateway/", "/invocations", _call(mlflow28.INVOCATIONS)),
    ("/endpoints/", "/invocations", _call(mlflow_today.INVOCATIONS)),
    ("/api/2.0/gateway/routes/", "", _get(lambda ask: mlflow28.route(ask.table, ask.name))),
    ("/api/2.0/gateway/limits/", "", _get(lambda _: mlflow28.get_limits())),
    ("/api/2.0/endpoints/limits/", "", _get(lambda _: mlflow_today.get_limits())),
    ("/api/2.0/endpoints/", "", _get(lambda ask: mlflow_today.endpoint(ask.table, ask.name))),
    ("/api/3.0/gateway/endpoint/", "", _get(lambda ask: mlflow_today.endpoint(ask.table, ask.name))),
    ("/api/3.0/gateway/route/", "", _get(lambda ask: mlflow_today.traffic_route(ask.table, ask.name))),
    ("/v1/models/", "", _get(lambda ask: openai.model(ask.table, ask.name), openai.CHAT.refusal)),
)
"""Between the two parts stands one name, without a slash."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Every path of the service; ``own`` are those of its own pages."""

    own: Mapping[str, Resource]

    def find(self, path: str) -> tuple[Resource, str] | None:
        """What ``path`` stands for, and the name in it; ``None`` when nothing."""
        if (fixed := FIXED.get(path) or self.own.get(path)) is not None:
            return fixed, ""
        for before, after, resource in NAMED:
            if path.startswith(before) and path.endswith(after):
                name = path[len(before) : len(path) - len(after)]
                if name and "/" not in name and len(path) > len(before) + len(after):
                    return resource, name
        return None

    def nearby(self, path: str) -> str | None:
        """``path`` with or without a slash at its end, where that stands for something, as a header says it.

        What was ``%0d%0a`` in the request must not become the end of a header in the answer.
        """
        other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        return quote(other, errors="replace") if self.find(other) is not None else None


def refusal_at(path: str) -> Refuse:
    """How a failure is said to whoever asks for a path that stands for nothing."""
    return openai.CHAT.refusal if path.startswith("/v1/") else mlflow_faults.refusal
