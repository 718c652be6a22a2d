"""Reading a body by a pydantic model: once through, straight from the bytes, with every flaw named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from gateway_core.params import RESERVED
from gateway_core.server.dialects.base import NOT_JSON, Flaw, Refusal
from gateway_core.types import Message

MAX_FLAWS = 20
"""A list of a million wrong items is refused with the first of them."""


def read(
    adapter: TypeAdapter[Any], body: bytes, *, plain: Callable[[Any], bool] | None = None
) -> dict[str, Any]:
    """The JSON object in ``body``, checked by ``adapter``. Raises `Refusal` with its flaws.

    ``plain`` knows some that ``adapter`` would take as they are, at less cost.
    """
    if plain is not None:
        with suppress(orjson.JSONDecodeError):
            if plain(said := orjson.loads(body)):
                return cast("dict[str, Any]", said)
    try:
        value: dict[str, Any] = adapter.validator.validate_json(body)
    except ValidationError as exc:
        flaws = _flaws(exc, body)
        told = _to_tell(flaws)
        raise Refusal(told.sentence, param=told.place or None, flaws=flaws) from exc
    # pydantic lets NaN, Infinity and 1e400 pass, which could be sent on to nobody.
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        flaw = Flaw(NOT_JSON, (exc.pos,), "JSON decode error", {}, {"error": str(exc)})
        raise Refusal(flaw.sentence, flaws=(flaw,)) from exc
    return value


def _flaws(exc: ValidationError, body: bytes) -> tuple[Flaw, ...]:
    errors = exc.errors(include_url=False)
    if errors[0]["type"] == NOT_JSON:
        if not body.strip():
            return (Flaw("missing", (), "Field required"),)
        why = str(errors[0].get("ctx", {}).get("error", errors[0]["msg"]))
        return (Flaw(NOT_JSON, (_offset(body),), "JSON decode error", {}, {"error": why}),)
    return tuple(
        Flaw(error["type"], error["loc"], error["msg"], error["input"], _plain(error.get("ctx")))
        for error in errors[:MAX_FLAWS]
    )


def _to_tell(flaws: tuple[Flaw, ...]) -> Flaw:
    """The first flaw; where none of several forms fits, what the most detailed of them lacks."""
    first = flaws[0]
    same = [flaw for flaw in flaws if flaw.place.startswith(first.place)]
    return max(same, key=lambda flaw: len(flaw.loc))


def _offset(body: bytes) -> int:
    """Where ``body`` stops being JSON."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        return exc.pos
    return 0


def _plain(ctx: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """``ctx`` as JSON can say it: it may hold an exception."""
    if not ctx:
        return None
    return {name: str(value) if isinstance(value, Exception) else value for name, value in ctx.items()}


def params_of(given: Mapping[str, Any], *, without: frozenset[str], status: int = 400) -> dict[str, Any]:
    """What is left of a body as parameters: no nulls, and none of ``without``.

    Raises `Refusal` for names that are part of another kind of request.
    """
    params = {name: value for name, value in given.items() if value is not None and name not in without}
    for name in params.keys() & RESERVED.keys():
        raise Refusal(f'"{name}" has no place in this request', status=status, param=name)
    return params


def message_of(given: Mapping[str, Any]) -> Message:
    """A chat message; nulls are as good as nothing, and names nobody knows stay on it."""
    content = given.get("content")
    extra = {name: value for name, value in given.items() if name not in _OF_A_MESSAGE and value is not None}
    text = tuple(content) if isinstance(content, list) else content or ""
    return Message(given["role"], text, given.get("name"), extra)


_OF_A_MESSAGE = frozenset(("role", "content", "name"))
