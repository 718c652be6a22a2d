"""What every provider with OpenAI's wire format shares: bodies, answers, failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from typing_extensions import override

from gateway_core.errors import ProtocolError
from gateway_core.events import Event
from gateway_core.providers.base import Frame
from gateway_core.providers.failures import Said, loads, said_in
from gateway_core.providers.json_wire import JsonWire, json_bytes
from gateway_core.providers.jsontext import read_json
from gateway_core.providers.openai_wire.events import events_of
from gateway_core.providers.openai_wire.failures import NAMED, reported_failure
from gateway_core.types import ROUTE_TYPES, ChatRequest, CompletionRequest, EmbeddingRequest, Request

__all__ = ["PATHS", "OpenAIWire", "json_bytes", "request_body"]

DONE = "[DONE]"
PATHS: Mapping[type, str] = {
    ChatRequest: "/chat/completions",
    CompletionRequest: "/completions",
    EmbeddingRequest: "/embeddings",
}
"""Where each kind of request goes, below the base URL."""


class OpenAIWire(JsonWire):
    """Reads the OpenAI wire format; subclasses say what is sent where."""

    route_types = ROUTE_TYPES
    failure_names = NAMED
    blank_ends: ClassVar[bool] = False
    """Whether a call ends with an empty reason."""

    @override
    def answer_events(self, value: Any) -> Iterable[Event]:
        events = events_of(value, whole=True)
        if not (value.get("choices") or value.get("data")):
            raise ProtocolError(f"{self.name} sent an answer without choices: {self.excerpt(value)}")
        return events

    @override
    def piece_events(self, value: Any, event: str) -> Iterable[Event]:
        return events_of(value, whole=False, blank_ends=self.blank_ends)

    @override
    def reported(self, value: Any, event: str) -> Said | None:
        return said_in(value) if event == "error" else reported_failure(value)

    @override
    def decode(self, frame: Frame) -> list[Event]:
        values = self._values(frame)
        if len(values) == 1:
            return self._pieces(values[0], frame.event)
        return [event for value in values for event in self._pieces(value, frame.event)]

    def _pieces(self, value: Any, event: str) -> list[Event]:
        return self.read(value, lambda: self.piece_events(value, event), event=event)

    @override
    def is_last(self, frame: Frame) -> bool:
        return frame.data.rstrip().endswith(DONE)

    def _values(self, frame: Frame) -> list[Any]:
        """The JSON values of a frame: one, or one a line from servers that forget the blank lines."""
        data = frame.data.strip().removesuffix(DONE).rstrip()
        if not data:
            return []
        try:
            return [read_json(data)]
        except (ValueError, RecursionError):
            if frame.event == "error":
                return [{"error": data}]
            lines = data.split("\n")  # what is wrong with the one, or one of them, is said with care
        return [loads(line, who=self.name, secrets=self.secrets) for line in lines if line]


def request_body(request: Request, params: Mapping[str, Any], *, ask_usage: bool = True) -> dict[str, Any]:
    """The part of a request body that says what is asked, without the model.

    ``ask_usage`` asks a stream for its token counts; without it they come by themselves, or not at all.
    """
    streaming: dict[str, Any] = {"stream": True} if request.stream else {}
    if request.stream and ask_usage:
        streaming["stream_options"] = {"include_usage": True}
    if isinstance(request, ChatRequest):
        return {"messages": [message.to_dict() for message in request.messages], **params, **streaming}
    if isinstance(request, CompletionRequest):
        return {"prompt": request.prompt, **params, **streaming}
    return {"input": list(request.inputs), **params}
