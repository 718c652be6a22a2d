"""Failures as both MLflows tell them: ``{"detail": …}``."""

from __future__ import annotations

from typing import Any

from gateway_core.errors import GatewayError
from gateway_core.routes import Route
from gateway_core.server.dialects.base import Flaw, Refusal, Reply, encoded
from gateway_core.server.dialects.faults import LONGEST_NAP_S, headers_of, sentence_of, status_of


def refusal(error: GatewayError, about: Route | None = None, *, status: int | None = None) -> Reply:
    """A sentence in ``detail``, or for a body of the wrong shape (always 422) the list of its flaws."""
    if isinstance(error, Refusal) and error.flaws:
        detail: Any = [written(flaw) for flaw in error.flaws]
        return Reply(422, encoded({"detail": detail}))
    headers = headers_of(error)
    if int(headers.get("retry-after", 0)) > LONGEST_NAP_S:
        # MLflow's clients would sleep through it, and know no other word for that it is no use.
        del headers["retry-after"]
    return Reply(status or status_of(error), encoded({"detail": sentence_of(error, about)}), headers)


def written(flaw: Flaw) -> dict[str, Any]:
    """A flaw as FastAPI writes it with pydantic 2."""
    said = {"type": flaw.type, "loc": ["body", *flaw.loc], "msg": flaw.msg, "input": flaw.input}
    return {**said, "ctx": flaw.ctx} if flaw.ctx else said
