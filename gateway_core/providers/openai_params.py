"""How parameters are put into OpenAI's words, as a table says and as the quirks of a model change it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway_core.providers.base import ANYWAY, UNSUPPORTED, Param, ParamTable, Translated, translate_params
from gateway_core.types import Params

TOOL_RULES = ("tool_choice", "parallel_tool_calls")
"""What says something about tools, and is refused where there are none."""


def as_is(*names: str) -> ParamTable:
    """Parameters that travel unchanged."""
    return {name: Param(name) for name in names}


def unsupported(*names: str) -> ParamTable:
    """Parameters that there are not."""
    return dict.fromkeys(names, UNSUPPORTED)


def how_many(value: object) -> object:
    """``logprobs`` where a number is wanted: ``true`` is one."""
    return int(value) if isinstance(value, bool) else value


def _always(params: Params) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Quirk:
    """Models, by a regular expression at the start of their name, that take some parameters otherwise."""

    models: str
    table: ParamTable
    applies: Callable[[Params], bool] = _always
    """Whether it does, given everything that is asked."""
    when: str = ""
    """That in words, to follow the name of the model."""


def translate(
    params: Params, table: ParamTable, *, model: str, quirks: tuple[Quirk, ...] = (), who: str
) -> Translated:
    """``params`` by ``table`` as the quirks of ``model`` change it. Nothing empty is sent."""
    if not params:
        return Translated({})
    asked = {name: value for name, value in params.items() if value not in (None, [], ())}
    concerned = [quirk for quirk in quirks if not quirk.table.keys().isdisjoint(asked)]
    found = [quirk for quirk in concerned if _is_of(model, quirk.models) and quirk.applies(asked)]
    warnings = [said for quirk in found for said in _without_refused(asked, quirk, model or who)]
    for quirk in found:
        table = {**table, **quirk.table}
        who += quirk.when if quirk.table.keys() & asked.keys() else ""
    warnings += _without_tools(asked, table)
    translated = translate_params(_with_odds(asked, table), table, provider=who)
    return Translated(translated.body, (*warnings, *translated.warnings))


@lru_cache(maxsize=1000)
def _is_of(model: str, models: str) -> bool:
    return re.match(models, model) is not None


def _without_refused(asked: dict[str, Any], quirk: Quirk, who: str) -> Iterator[str]:
    """Take away what the quirk has no parameter for, and tell of it unless it says nothing."""
    for name in [name for name in asked if quirk.table.get(name) is UNSUPPORTED]:
        if asked.pop(name) != ANYWAY.get(name, UNSUPPORTED):
            yield f"{who}{quirk.when} has no parameter {name}: it was not sent"


def _without_tools(asked: dict[str, Any], table: ParamTable) -> tuple[str, ...]:
    """Take away what is said about tools when there are none, and tell of it unless it says nothing."""
    if not any(name in asked for name in TOOL_RULES):
        return ()
    known = [name for name in TOOL_RULES if name in asked and isinstance(table.get(name), Param)]
    said = {} if "tools" in asked else {name: asked.pop(name) for name in known}
    return tuple(
        f"{name} means nothing without tools: it was not sent"
        for name, value in said.items()
        if value != ANYWAY[name]
    )


def _with_odds(asked: dict[str, Any], table: ParamTable) -> dict[str, Any]:
    """``asked`` with both names of log probabilities in agreement.

    Chat wants a flag, and the number of alternatives apart; the old endpoint has one name for both.
    """
    if "logprobs" not in asked and "top_logprobs" not in asked:
        return asked
    flag, number = table.get("logprobs"), table.get("top_logprobs")
    if not (isinstance(flag, Param) and isinstance(number, Param)):
        return asked
    odds, most = asked.get("logprobs"), asked.get("top_logprobs")
    if flag.wire_name == number.wire_name:
        return {name: value for name, value in asked.items() if name != "logprobs" or most is None}
    if most is None and not isinstance(odds, bool):
        most = odds or None
    agreed = {**asked, "logprobs": odds is not False or most is not None}
    return agreed if most is None else {**agreed, "top_logprobs": most}
