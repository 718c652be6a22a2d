"""Streams in OpenAI's shape: chunks as server-sent events, then ``[DONE]``.

What every chunk repeats is encoded once, so that a token costs one encoded string and a join.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from gateway_core.calls import CallResult
from gateway_core.errors import GatewayError
from gateway_core.events import Event, Finished, ReasoningDelta, Started, TextDelta, ToolCallDelta
from gateway_core.routes import Route
from gateway_core.server.dialects.base import Asked, Halves, Stamp, encoded
from gateway_core.server.dialects.openai.answers import counts, finish_reason, made_up_id
from gateway_core.server.dialects.openai.failures import error_body

DONE = b"data: [DONE]\n\n"


_SAID = (TextDelta, ReasoningDelta, ToolCallDelta, Finished)


class ChunkWriter(ABC):
    """The frame of a chunk. Subclasses say what stands in it."""

    kind: ClassVar[str]
    prefix: ClassVar[str]
    """Of the answer's id, where the provider gives none."""
    logprobs: ClassVar[bytes] = b',"logprobs":null'

    def __init__(self, asked: Asked, stamp: Stamp) -> None:
        self._asked, self._stamp = asked, stamp
        self._started = Started()
        self._opened: set[int] = set()
        self._refusing: set[int] = set()
        self._halves = Halves()
        self._before = self._tail = b""

    @property
    def include_usage(self) -> bool:
        """Whether the stream ends with the token counts."""
        return self._asked.include_usage

    def beside(self) -> dict[str, Any]:
        """What a chunk has beside OpenAI's fields."""
        return {}

    def write(self, event: Event) -> bytes:
        """The chunks of one event."""
        if isinstance(event, Started):
            old = self._started
            self._started = Started(old.response_id or event.response_id, old.model or event.model)
            return b""
        if not isinstance(event, _SAID):
            return b""
        said = self.said(event)
        return self._opening(event.index) + said if said else b""

    @abstractmethod
    def said(self, event: TextDelta | ReasoningDelta | ToolCallDelta | Finished) -> bytes:
        """The chunk of an event that says something; empty when it means nothing here."""

    def opening(self, index: int) -> bytes:
        """The chunk with which candidate ``index`` begins, if there is one."""
        return b""

    def chunk(self, index: int, content: bytes, reason: bytes = b"null") -> bytes:
        """A chunk that holds ``content``, the members of a choice beside its index and end."""
        if not self._before:
            self._settle_head()
        number = str(index).encode()
        ending = self.logprobs + b',"finish_reason":' + reason + b"}]" + self._tail
        return self._before + b'{"index":' + number + b"," + content + ending

    def end(self, result: CallResult) -> bytes:
        """The token counts, if they are wanted and known, and the mark of the end."""
        if not self._before:
            self._started = Started(result.response.response_id, result.response.model)
            self._settle_head()
        usage = counts(result.response.usage) if self.include_usage else None
        if usage is None:
            return DONE
        rest = encoded({"usage": usage, **self.beside()})
        return self._before + b"]," + rest[1:] + b"\n\n" + DONE

    def fail(self, error: GatewayError, about: Route | None = None) -> bytes:
        """The failure as OpenAI reports it in a stream; nothing follows."""
        return b"data: " + encoded(error_body(error, about or self._asked.route)) + b"\n\n"

    def _opening(self, index: int) -> bytes:
        if index in self._opened:
            return b""
        self._opened.add(index)
        return self.opening(index)

    def _settle_head(self) -> None:
        """From now on the answer has this name, whatever the provider calls it later."""
        route = self._asked.route
        head = {
            "id": self._started.response_id or self.prefix + self._stamp.id,
            "object": self.kind,
            "created": self._stamp.created,
            "model": self._started.model or route.model_name or route.name,
        }
        self._before = b"data: " + encoded(head)[:-1] + b',"choices":['
        beside = {"usage": None, **self.beside()} if self.include_usage else self.beside()
        self._tail = (b"," + encoded(beside)[1:] if beside else b"}") + b"\n\n"


@dataclass(slots=True)
class _Call:
    """A tool call that the client has heard of."""

    position: int
    named: bool
    bare: bool
    """Without arguments so far."""


class ChatWriter(ChunkWriter):
    """``chat.completion.chunk``."""

    kind = "chat.completion.chunk"
    prefix = "chatcmpl-"

    def __init__(self, asked: Asked, stamp: Stamp) -> None:
        super().__init__(asked, stamp)
        self._calls: dict[tuple[int, int], _Call] = {}

    def delta(self, name: str, value: bytes) -> bytes:
        """A delta with one member."""
        return b'"delta":{"' + name.encode() + b'":' + value + b"}"

    @override
    def opening(self, index: int) -> bytes:
        return self.chunk(index, b'"delta":{"role":"assistant","content":"","refusal":null}')

    @override
    def said(self, event: TextDelta | ReasoningDelta | ToolCallDelta | Finished) -> bytes:
        index = event.index
        match event:
            case TextDelta(text=text, refusal=refusal):
                if refusal and text:
                    self._refusing.add(index)
                return self._text("refusal" if index in self._refusing else "content", text, index)
            case ReasoningDelta(text=text):
                return self._text("reasoning_content", text, index)
            case ToolCallDelta():
                piece = self._piece(event)
                return self.chunk(index, self.delta("tool_calls", encoded([piece]))) if piece else b""
            case Finished(finish_reason=reason):
                word = finish_reason(reason, refused=index in self._refusing)
                return self._complete(index) + self.chunk(index, self.nothing(), encoded(word))

    def _text(self, name: str, text: str, index: int) -> bytes:
        ready = self._halves.whole(text, index, name)
        return self.chunk(index, self.delta(name, encoded(ready))) if ready else b""

    def _complete(self, index: int) -> bytes:
        """Arguments for the calls of a candidate that got none: they must be JSON in the end."""
        bare = [call for (of, _), call in self._calls.items() if of == index and call.bare]
        pieces = [{"index": call.position, "function": {"arguments": "{}"}} for call in bare]
        return b"".join(self.chunk(index, self.delta("tool_calls", encoded([piece]))) for piece in pieces)

    def nothing(self) -> bytes:
        """The delta of a chunk that only tells an end."""
        return b'"delta":{}'

    def _piece(self, event: ToolCallDelta) -> dict[str, Any] | None:
        """A piece of a call. Its id and name are told once, because clients join what they get."""
        call = self._calls.get((event.index, event.call_index))
        function: dict[str, Any] = {"arguments": event.arguments}
        if call is None:
            if not (event.id or event.name):
                return None  # nobody opened this call: the provider runs it itself
            position = sum(index == event.index for index, _ in self._calls)
            self._calls[event.index, event.call_index] = _Call(
                position, named=bool(event.name), bare=not event.arguments
            )
            if event.name:
                function = {"name": event.name, **function}
            call_id = event.id or made_up_id(self._stamp, event.index, position)
            return {"index": position, "id": call_id, "type": "function", "function": function}
        call.bare = call.bare and not event.arguments
        if event.name and not call.named:
            call.named = True
            function = {"name": event.name, **function}
        elif not event.arguments:
            return None
        return {"index": call.position, "function": function}


class CompletionWriter(ChunkWriter):
    """``text_completion``: text and ends; there is no place in it for anything else."""

    kind = "text_completion"
    prefix = "cmpl-"

    @override
    def said(self, event: TextDelta | ReasoningDelta | ToolCallDelta | Finished) -> bytes:
        if isinstance(event, TextDelta):
            if event.refusal and event.text:
                self._refusing.add(event.index)
            ready = self._halves.whole(event.text, event.index, "text")
            return self.chunk(event.index, b'"text":' + encoded(ready)) if ready else b""
        if isinstance(event, Finished):
            reason = event.finish_reason
            if reason == "stop" and event.index in self._refusing:
                reason = "content_filter"
            word = finish_reason(reason, refused=False)
            return self.chunk(event.index, b'"text":""', encoded(word))
        return b""
