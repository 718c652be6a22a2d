"""What the families of models answer to InvokeModel, whole and in pieces, as events.

Each family has a word of its own that holds the answer, and that tells whose answer it is: an ARN may
not say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from gateway_core.events import EmbeddingVector, Event, Finished
from gateway_core.providers.bedrock import family_readers as of
from gateway_core.providers.bedrock.claude import without_model
from gateway_core.providers.bedrock.converse_events import converse_events
from gateway_core.providers.bedrock.family_readers import Value
from gateway_core.providers.bedrock.usage import told
from gateway_core.providers.claude_wire import events as claude
from gateway_core.providers.openai_wire.events import events_of
from gateway_core.providers.vectors import vector_of

Reader = Callable[[Value], Iterable[Event]]

METRICS = "amazon-bedrock-invocationMetrics"
GUARDRAIL = "amazon-bedrock-guardrailAction"
_COUNTS = ("inputTokenCount", "outputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount")


def answer_events(value: Value) -> Iterator[Event]:
    """The events of a whole answer. Raises as reading JSON of an unexpected shape does."""
    if (reader := _reader(value, ANSWERS)) is None:
        raise ValueError("an answer of no family that is known")
    return _guarded(value, reader)


def piece_events(value: Value) -> Iterator[Event]:
    """The events of one piece of a stream; kinds that are not known say nothing."""
    if (reader := _reader(value, PIECES)) is not None:
        yield from _guarded(value, reader)
    if metrics := value.get(METRICS):
        yield told(metrics, *_COUNTS)


def _reader(value: Value, readers: Mapping[str, Reader]) -> Reader | None:
    return next((reader for word, reader in readers.items() if word in value), None)


def _guarded(value: Value, reader: Reader) -> Iterator[Event]:
    """The events of ``reader``; what a guardrail blocked has not simply stopped."""
    blocked = value.get(GUARDRAIL) == "INTERVENED"
    for event in reader(value):
        if blocked and isinstance(event, Finished):
            yield Finished("content_filter", event.raw_finish_reason, event.index)
        else:
            yield event


def _titan_vector(value: Value) -> Iterator[Event]:
    vector = value.get("embedding") or value["embeddingsByType"]["float"]
    yield EmbeddingVector(vector_of(vector))
    yield told(value, "inputTextTokenCount", "")


def _cohere_vectors(value: Value) -> Iterator[Event]:
    found: Any = value["embeddings"]
    vectors = found["float"] if isinstance(found, Mapping) else found
    for index, vector in enumerate(vectors):
        yield EmbeddingVector(vector_of(vector), index)


ANSWERS: Mapping[str, Reader] = {
    "output": converse_events,
    "content": without_model(claude.message_events),
    "completion": of.claude_text,
    "results": of.titan,
    "completions": of.jurassic,
    "choices": partial(events_of, whole=True),
    "generations": of.command,
    "generation": of.llama,
    "outputs": of.mistral,
    "embedding": _titan_vector,
    "embeddingsByType": _titan_vector,
    "embeddings": _cohere_vectors,
    "text": of.command_r,
}
PIECES: Mapping[str, Reader] = {
    "completion": partial(of.claude_text, whole=False),
    "type": without_model(claude.piece_events),
    "outputText": of.titan_piece,
    "choices": partial(events_of, whole=False),
    "generation": partial(of.llama, whole=False),
    "outputs": partial(of.mistral, whole=False),
    "is_finished": of.command_piece,
}
"""By the word that an answer, or a piece of one, has; the first that is there counts."""
