"""The sampling parameters everyone names alike (OpenAI's names), and what may stand in them.

One table serves the ``params`` of a route, ``--param`` on the command line and the editors' schema. What a
provider makes of a parameter is written in that provider's own table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from gateway_core.errors import InvalidRequest
from gateway_core.suggest import listed, nearest

ParamKind = Literal["integer", "number", "flag", "text", "texts", "mapping", "mappings"]


@dataclass(frozen=True, slots=True)
class ParamRule:
    """One parameter: which kinds of value it takes, and their range."""

    name: str
    kinds: tuple[ParamKind, ...]
    doc: str
    low: float | None = None
    high: float | None = None


_RULES = (
    ParamRule("max_tokens", ("integer",), "Longest answer, in tokens.", low=1),
    ParamRule("max_completion_tokens", ("integer",), "Longest answer including reasoning.", low=1),
    ParamRule("temperature", ("number",), "How freely the next token is drawn; 0 is greedy.", low=0, high=2),
    ParamRule("top_p", ("number",), "Draw from the likeliest tokens up to this mass.", low=0, high=1),
    ParamRule("top_k", ("integer",), "Draw from this many tokens; 0 or -1 is all of them.", low=-1),
    ParamRule("min_p", ("number",), "Drop tokens less likely than this share of the best.", low=0, high=1),
    ParamRule("stop", ("text", "texts"), "Text, or texts, at which the answer ends."),
    ParamRule("n", ("integer",), "How many answers to ask for.", low=1, high=128),
    ParamRule("seed", ("integer",), "Same seed, same draw, where the provider can."),
    ParamRule("frequency_penalty", ("number",), "Against tokens used often.", low=-2, high=2),
    ParamRule("presence_penalty", ("number",), "Against tokens used at all.", low=-2, high=2),
    ParamRule("repeat_penalty", ("number",), "llama.cpp's factor against repetition.", low=0),
    ParamRule("response_format", ("mapping",), "For example {type: json_object}."),
    ParamRule("logprobs", ("flag", "integer"), "Chat: true or false. Completions: how many.", low=0, high=20),
    ParamRule("top_logprobs", ("integer",), "How many alternatives with their odds.", low=0, high=20),
    ParamRule("logit_bias", ("mapping",), "Token id to bias from -100 to 100."),
    ParamRule("tools", ("mappings",), "Functions the model may call."),
    ParamRule("tool_choice", ("text", "mapping"), "none, auto, required, or one function."),
    ParamRule("parallel_tool_calls", ("flag",), "Whether several calls may come at once."),
    ParamRule("reasoning_effort", ("text",), "How much a reasoning model thinks."),
    ParamRule("dimensions", ("integer",), "Length of an embedding.", low=1),
    ParamRule("user", ("text",), "A stable name of the end user, for the provider's records."),
)
PARAMS: Mapping[str, ParamRule] = {rule.name: rule for rule in _RULES}
"""Every known parameter by name."""

EMBEDDING_PARAMS = frozenset({"dimensions", "encoding_format", "user", "input_type"})
"""The parameters that mean something to an embeddings route."""

RESERVED: Mapping[str, str] = {
    "model": "the route's model: block decides it",
    "messages": "it is the prompt itself",
    "prompt": "it is the prompt itself",
    "input": "it is the prompt itself",
    "stream": "the program decides it",
    "stream_options": "the program decides it",
}
"""Names that are part of every request and no parameters, with why."""

_OTHER_NAMES = {
    "candidate_count": "n",
    "stop_sequences": "stop",
    "max_new_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "max_tokens_to_sample": "max_tokens",
    "repetition_penalty": "repeat_penalty",
    "random_seed": "seed",
    "num_generations": "n",
}

_KINDS: Mapping[ParamKind, tuple[str, Callable[[Any], bool]]] = {
    "integer": ("a whole number", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    "number": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v)),
    "flag": ("true or false", lambda v: isinstance(v, bool)),
    "text": ("text", lambda v: isinstance(v, str)),
    "texts": ("a list of texts", lambda v: bool(_list_of(v, str))),
    "mapping": ("a mapping", lambda v: isinstance(v, dict)),
    "mappings": ("a list of mappings", lambda v: _list_of(v, dict)),
}


def _list_of(value: Any, item: type) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(v, item) for v in value)


def refusal(name: str, value: Any) -> str | None:
    """What is wrong with ``value`` as parameter ``name``, to follow the name in a sentence.

    ``None`` when nothing is, or when the name is not known.
    """
    if name in RESERVED:
        return f"is not a parameter: {RESERVED[name]}"
    rule = PARAMS.get(name)
    if rule is None:
        return None
    if sentence := _wrong_kind(rule, value):
        return sentence
    if isinstance(value, int | float) and not isinstance(value, bool) and not _in_range(value, rule):
        return f"must be {_range(rule)}, not {value}"
    return None


def require_kinds(params: Mapping[str, Any]) -> None:
    """Raises `InvalidRequest` when a known parameter holds what no provider could send.

    Ranges are the providers' affair. What was not set (``None``, an empty list) is none of anybody's.
    """
    for name, value in params.items():
        rule = PARAMS.get(name)
        if rule is not None and value not in (None, [], ()) and (sentence := _wrong_kind(rule, value)):
            raise InvalidRequest(f'"{name}" {sentence}')


def _wrong_kind(rule: ParamRule, value: Any) -> str | None:
    for kind in rule.kinds:
        if _KINDS[kind][1](value):
            return None
    return f"must be {listed((_KINDS[kind][0] for kind in rule.kinds), joiner='or')}"


def _in_range(value: float, rule: ParamRule) -> bool:
    return (rule.low is None or value >= rule.low) and (rule.high is None or value <= rule.high)


def _range(rule: ParamRule) -> str:
    if rule.high is None:
        return f"at least {rule.low:g}"
    return f"between {rule.low:g} and {rule.high:g}"


def doubt(name: str) -> str | None:
    """What to say after a name that nobody knows, with the nearest known one; ``None`` for known names."""
    if name in PARAMS or name in RESERVED:
        return None
    near = _OTHER_NAMES.get(name.casefold()) or nearest(name, PARAMS)
    return f': did you mean "{near}"? It is sent as it is' if near else ": it is sent as it is"


def parse_param(text: str) -> tuple[str, Any]:
    """Read ``name=value``; the value is typed as YAML types it (``0.3``, ``true``, ``[a, b]``).

    A parameter that takes text gets its text even where YAML would see a number. A name nobody knows
    passes; `doubt` has the words for it. Raises `InvalidRequest` with a sentence that names the parameter.
    """
    from gateway_core.yamlrules import load_value  # YAML is needed only when there is a parameter

    name, equals, written = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise InvalidRequest(f'"{text}" is not a parameter: write name=value, for example temperature=0.3')
    value = load_value(written)
    rule = PARAMS.get(name)
    if rule is not None and "text" in rule.kinds and not isinstance(value, str | list | dict):
        value = written.strip()
    if value is None:
        raise InvalidRequest(f'"{name}" has no value: write {name}=value')
    if sentence := refusal(name, value):
        raise InvalidRequest(f'"{name}" {sentence}')
    return name, value
