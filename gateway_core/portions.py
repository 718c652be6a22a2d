"""Texts to be turned into vectors, when there are more of them than a provider takes in one request.

They are sent in several requests, one after the other, and answered as one: within one call, so that
whoever asked need not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain

from gateway_core.errors import ProtocolError
from gateway_core.events import EmbeddingVector, Event, Response, UsageUpdate
from gateway_core.providers.base import Provider
from gateway_core.types import EmbeddingRequest, Request, Usage

_NOTHING = Usage(0, 0, 0, 0, 0, billed_input_tokens=0, billed_output_tokens=0)


def portions_of(request: Request, provider: Provider) -> tuple[Request, ...]:
    """The requests that ``request`` is sent as, in order; mostly itself alone."""
    if not isinstance(request, EmbeddingRequest):
        return (request,)
    inputs, most = request.inputs, provider.inputs_at_once(request)
    if most is None or len(inputs) <= most:
        return (request,)
    return tuple(replace(request, inputs=inputs[at : at + most]) for at in range(0, len(inputs), most))


def require_every_vector(request: Request, response: Response) -> None:
    """Raises `ProtocolError` for more or fewer vectors than texts: nobody could tell whose they are.

    And for vectors instead of a text, or a text instead of vectors, which a served model may answer.
    """
    vectors = len(response.embeddings)
    if not isinstance(request, EmbeddingRequest):
        if vectors and not response.candidates:
            raise ProtocolError("the answer is vectors, and a text was asked for")
        return
    if response.candidates and not vectors:
        raise ProtocolError("the answer is a text, and vectors were asked for")
    if vectors and vectors != len(request.inputs):
        raise ProtocolError(f"the answer has {vectors} vectors for {len(request.inputs)} texts")


@dataclass(slots=True)
class Answered:
    """The whole answers to the portions before the one under way."""

    _answers: list[Response] = field(default_factory=list)
    _vectors: int = 0
    _used: Usage = _NOTHING

    def __bool__(self) -> bool:
        return bool(self._answers)

    def add(self, answer: Response) -> None:
        """Take in the answer to one more portion."""
        self._answers.append(answer)
        self._vectors += len(answer.embeddings)
        self._used = _sum(self._used, answer.usage)

    def placed(self, event: Event) -> Event:
        """``event`` of the portion under way as it stands in the whole answer."""
        match event:
            case EmbeddingVector(index=index):
                return replace(event, index=index + self._vectors)
            case UsageUpdate(usage=usage):
                return UsageUpdate(_sum(self._used, usage))
            case _:
                return event

    def with_last(self, answer: Response) -> Response:
        """All answers as one, with what there is of the last.

        What they took is added up, because each was asked for something else.
        """
        whole = Answered([*self._answers], self._vectors, self._used)
        if answer.embeddings:
            whole.add(answer)
        vectors = tuple(chain.from_iterable(each.embeddings for each in whole._answers))
        usage = None if all(each.usage is None for each in whole._answers) else whole._used
        return replace(whole._answers[-1], embeddings=vectors, usage=usage)


def _sum(one: Usage, other: Usage | None) -> Usage:
    """Both counts added up; what one of them does not know is not known of both."""
    other = other or Usage()
    return Usage(
        _plus(one.input_tokens, other.input_tokens),
        _plus(one.output_tokens, other.output_tokens),
        _plus(one.cache_read_tokens, other.cache_read_tokens),
        _plus(one.cache_creation_tokens, other.cache_creation_tokens),
        _plus(one.reasoning_tokens, other.reasoning_tokens),
        billed_input_tokens=_plus(one.billed_input_tokens, other.billed_input_tokens),
        billed_output_tokens=_plus(one.billed_output_tokens, other.billed_output_tokens),
    )


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
