"""MLflow AI Gateway 2.8: ``/gateway/{name}/invocations`` and ``/api/2.0/gateway/…``.

The shapes are those of 2.8.0. Where it answers a plain-text 500, this says what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from gateway_core.calls import CallResult
from gateway_core.errors import GatewayError
from gateway_core.events import Candidate
from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.routes import Route, RouteTable
from gateway_core.server.dialects import mlflow28_bodies as bodies
from gateway_core.server.dialects.base import Asked, Reply, Stamp, StreamWriter, encoded, model_of
from gateway_core.server.dialects.bodies import read
from gateway_core.server.dialects.listing import page
from gateway_core.server.dialects.mlflow28_asking import facts28_of, request_of
from gateway_core.server.dialects.mlflow28_faults import refusal
from gateway_core.server.dialects.mlflow_facts import listed, never_streams
from gateway_core.types import RouteType

BODIES: Mapping[RouteType, TypeAdapter[Any]] = {
    "llm/v1/chat": bodies.CHAT,
    "llm/v1/completions": bodies.COMPLETION,
    "llm/v1/embeddings": bodies.EMBEDDING,
}
FINISH_REASONS: Mapping[str | None, str] = {"stop": "stop", "length": "length"}
"""All that 2.8 knows of a chat's end; for anything else it has only ``null``."""
LIMITS_API = "The {} API is not available in OSS MLflow AI Gateway."


class Mlflow28:
    """Every route answers by its own type."""

    name = "mlflow-2.8"

    def parse(self, table: RouteTable, body: bytes, *, name: str | None = None) -> Asked:
        """What is asked of the route ``name``. Raises `Refusal`."""
        route = listed(table, name, what="route")
        return Asked(route, request_of(route, read(BODIES[route.route_type], body)))

    def answer(self, asked: Asked, result: CallResult, stamp: Stamp) -> bytes:
        """The whole answer, with every key that 2.8 has."""
        response, route_type, facts = result.response, asked.route.route_type, facts28_of(asked.route)
        metadata = {**_counts(result, facts), "model": model_of(asked, result), "route_type": route_type}
        if route_type == "llm/v1/embeddings":
            return encoded({"embeddings": response.embeddings, "metadata": metadata})
        if route_type == "llm/v1/chat":
            candidates = [_said(candidate, facts) for candidate in response.candidates]
        else:
            candidates = [
                {"text": candidate.text, "metadata": _end(candidate, facts)}
                for candidate in response.candidates
            ]
        return encoded({"candidates": candidates, "metadata": metadata})

    def stream(self, asked: Asked, stamp: Stamp) -> StreamWriter:
        """There are none, and `parse` asks for none."""
        raise never_streams()

    def refusal(self, error: GatewayError, about: Route | None = None) -> Reply:
        """The failure as ``{"detail": …}``."""
        return refusal(error, about)


INVOCATIONS = Mlflow28()


def routes(table: RouteTable, page_token: str | None = None) -> Reply:
    """``GET /api/2.0/gateway/routes/``. Raises `Refusal` for a token that is none."""
    found_routes, token = page(table, page_token)
    return Reply(
        200, encoded({"routes": [described(route) for route in found_routes], "next_page_token": token})
    )


def route(table: RouteTable, name: str) -> Reply:
    """``GET /api/2.0/gateway/routes/{name}``. Raises `Refusal`."""
    return Reply(200, encoded(described(listed(table, name, what="route"))))


def get_limits() -> Reply:
    """``GET /api/2.0/gateway/limits/{route}``: as in 2.8, not there."""
    return Reply(501, encoded({"detail": LIMITS_API.format("get_limits")}))


def set_limits(body: bytes) -> Reply:
    """``POST /api/2.0/gateway/limits/``: not there either. Raises `Refusal` for a body of another shape."""
    read(bodies.LIMITS, body)
    return Reply(501, encoded({"detail": LIMITS_API.format("set_limits")}))


def described(one: Route) -> dict[str, Any]:
    """A route as 2.8 lists it: no settings, no keys."""
    return {
        "name": one.name,
        "route_type": one.route_type,
        "model": {"name": one.model_name, "provider": one.config.model.provider},
        "route_url": f"/gateway/{one.name}/invocations",
    }


def _said(candidate: Candidate, facts: Mlflow28Facts) -> dict[str, Any]:
    reason = FINISH_REASONS.get(candidate.finish_reason)
    if facts.finish_reasons == "none" or (facts.finish_reasons == "raw" and not candidate.raw_finish_reason):
        reason = None
    return {
        "message": {"role": facts.speaker, "content": candidate.text},
        "metadata": {"finish_reason": reason},
    }


def _end(candidate: Candidate, facts: Mlflow28Facts) -> dict[str, str]:
    raw = candidate.raw_finish_reason
    if facts.stops:
        return {"finish_reason": "stop" if raw in facts.stops else "length"}
    reason = raw if facts.finish_reasons == "raw" else candidate.finish_reason
    seed = {} if candidate.seed is None else {"seed": candidate.seed}
    return {} if reason is None or facts.finish_reasons == "none" else {"finish_reason": reason, **seed}


def _counts(result: CallResult, facts: Mlflow28Facts) -> dict[str, int | None]:
    """What the provider counted. 2.8 has no mark for an estimate, so there is none in it."""
    usage = result.response.usage if facts.counts else None
    if usage is None or usage.source == "estimated":
        return {"input_tokens": None, "output_tokens": None, "total_tokens": None}
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
