"""The last look at what a provider made of somebody's JSON, before anybody builds on it."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType

from gateway_core.events import (
    EmbeddingVector,
    Event,
    Finished,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)

Kinds = tuple[type, ...]

_TEXT: Kinds = (str,)
_NAME: Kinds = (str, NoneType)
_NUMBER: Kinds = (int,)

KINDS: Mapping[type, tuple[tuple[str, Kinds], ...]] = {
    Started: (),
    TextDelta: (("text", _TEXT), ("index", _NUMBER)),
    ReasoningDelta: (("text", _TEXT), ("index", _NUMBER)),
    ToolCallDelta: (
        ("call_index", _NUMBER),
        ("id", _NAME),
        ("name", _NAME),
        ("arguments", _TEXT),
        ("index", _NUMBER),
    ),
    EmbeddingVector: (("index", _NUMBER),),
    UsageUpdate: (),
    Finished: (("raw_finish_reason", _NAME), ("index", _NUMBER)),
}
"""What the fields of an event hold that come from outside."""


def well_formed(events: list[Event]) -> list[Event]:
    """``events``, each holding what its kind says. Raises `TypeError` where one does not.

    What an answer calls itself is worth no failure: a name that is no text is none.
    """
    for position, event in enumerate(events):
        if isinstance(event, Started):
            if not _is_named(event):
                events[position] = Started(_text(event.response_id), _text(event.model))
        elif isinstance(event, TextDelta):  # by far the most
            if type(event.text) is not str or type(event.index) is not int:
                _require_kinds(event)
        else:
            _require_kinds(event)
    return events


def _require_kinds(event: Event) -> None:
    for name, kinds in KINDS[type(event)]:
        if type(found := getattr(event, name)) not in kinds:
            raise TypeError(f"{name} is {found!r}")


def _is_named(event: Started) -> bool:
    return type(event.response_id) in _NAME and type(event.model) in _NAME


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
