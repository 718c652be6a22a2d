"""What a served model answers as events: texts, vectors, or an answer in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gateway_core.events import EmbeddingVector, Event, Finished, TextDelta
from gateway_core.providers.mlflow_model_serving.shapes import (
    described,
    is_list_of,
    is_openai,
    is_vector,
    unwrapped,
)
from gateway_core.providers.openai_wire.events import events_of
from gateway_core.providers.vectors import vector_of


class UnknownShape(ValueError):
    """The answer is neither text nor vectors; says what it is."""


def events_in(value: Any) -> Iterable[Event]:
    """The events of a whole answer. Raises `UnknownShape`."""
    found = unwrapped(value)
    if is_openai(found):
        return events_of(found, whole=True)
    if is_list_of(found, str):
        return _texts(found)
    vectors = [found] if is_vector(found) else found
    if is_list_of(vectors, list) and all(map(is_vector, vectors)):
        return (EmbeddingVector(vector_of(vector), index) for index, vector in enumerate(vectors))
    raise UnknownShape(described(found))


def _texts(texts: list[str]) -> Iterator[Event]:
    for index, text in enumerate(texts):
        yield TextDelta(text, index)
        yield Finished("stop", None, index)
