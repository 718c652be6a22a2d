"""Knows the bodies of chats that most programs send, and that need no second look: text and a few numbers.

What is plain here, `bodies.CHAT` takes as it is; tests hold the two against each other. Everything else is
left to that one: it knows all there is, and says what is wrong. It costs several times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, cast

_RULES: Mapping[str, tuple[type, float, float]] = {
    "max_tokens": (int, 1, inf),
    "max_completion_tokens": (int, 1, inf),
    "temperature": (float, 0, 2),
    "top_p": (float, 0, 1),
    "n": (int, 1, 128),
    "seed": (int, -inf, inf),
    "frequency_penalty": (float, -2, 2),
    "presence_penalty": (float, -2, 2),
    "stream": (bool, False, True),
}
"""Numbers of exactly that kind, within those ends: 1 for 1.0 is no mistake, but not plain."""


def is_plain_chat(body: Any) -> bool:
    """True when ``body``, read from JSON, is sure to be a right one."""
    if type(body) is not dict or type(body.get("model")) is not str or "messages" not in body:
        return False
    for name, value in body.items():
        if name == "messages":
            if not _are_plain(value):
                return False
        elif name != "model" and not _is_plain(name, value):
            return False
    return True


def _is_plain(name: str, value: Any) -> bool:
    rule = _RULES.get(name)
    return rule is not None and type(value) is rule[0] and rule[1] <= cast("float", value) <= rule[2]


def _are_plain(messages: Any) -> bool:
    if type(messages) is not list or not messages:
        return False
    for message in messages:
        if type(message) is not dict or len(message) != 2:
            return False
        if type(message.get("role")) is not str or type(message.get("content")) is not str:
            return False
    return True
