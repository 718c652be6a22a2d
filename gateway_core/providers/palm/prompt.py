"""Conversations in PaLM's form: a context, examples, and messages of two authors who take turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway_core.errors import InvalidRequest
from gateway_core.providers.messages import split_system, text_of
from gateway_core.types import ChatRequest

SPEAKERS: Mapping[str, str] = {"user": "user", "assistant": "assistant", "model": "assistant"}
"""Who says what. The API takes any two labels that take turns, and signs its own answers ``1``."""
TOOLS = ("tool", "function")
"""The roles of results that nobody here could ask for."""


def conversation(request: ChatRequest, params: dict[str, Any]) -> dict[str, Any]:
    """The conversation; takes ``examples`` and ``context`` out of ``params``. Raises `InvalidRequest`."""
    system, messages = split_system(request.messages)
    own = params.pop("context", "")
    if not isinstance(own, str):
        raise InvalidRequest("context must be text")
    context = "\n".join(filter(None, (own, system)))
    examples = params.pop("examples", None)
    said: list[dict[str, str]] = []
    for message in messages:
        if message.role in TOOLS or message.extra.get("tool_calls"):
            raise InvalidRequest("palm has no tools")
        author, text = SPEAKERS.get(message.role, message.role), text_of(message)
        if said and said[-1]["author"] == author:
            said[-1]["content"] += f"\n{text}"  # two authors must take turns
        else:
            said.append({"author": author, "content": text})
    if not said:
        raise InvalidRequest("palm needs at least one message beside the system's")
    return {
        **({"context": context} if context else {}),
        **({"examples": examples} if examples else {}),
        "messages": said,
    }
