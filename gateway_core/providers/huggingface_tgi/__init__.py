"""Text Generation Inference by Hugging Face: ``/generate`` for completions, and chat in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from typing_extensions import override

from gateway_core.errors import ProtocolError, ProviderError
from gateway_core.events import Event
from gateway_core.providers.addresses import base_address, without_version
from gateway_core.providers.base import ConfigField, Frame, HttpRequest
from gateway_core.providers.classify import TOO_LONG
from gateway_core.providers.failures import Said, loads, said_in_body
from gateway_core.providers.huggingface_tgi.answers import (
    counted_in,
    failure_in,
    generated,
    piece,
    with_listed_calls,
)
from gateway_core.providers.huggingface_tgi.asking import asked_of
from gateway_core.providers.json_wire import json_bytes, json_headers
from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.providers.openai_wire import PATHS, OpenAIWire, request_body
from gateway_core.types import ChatRequest, CompletionRequest, Request

GENERATE, GENERATE_STREAM, CHAT = "/generate", "/generate_stream", "/v1" + PATHS[ChatRequest]
ONE_ANSWER = "'candidate_count' must be '1' for the Text Generation Inference provider.Received value: '{}'."
NO_VECTORS = "The embedding route is not available for the Text Generation Inference provider."
ANY_MODEL = "tgi"
"""A server has one model, whatever a chat calls it."""
STATUSES: Mapping[str, int] = {
    "validation": 422,
    "overloaded": 429,
    "generation": 424,
    "incomplete_generation": 500,
}
"""The status that a failure in the middle of a stream would have had, by its type."""


class TextGenerationInference(OpenAIWire):
    """A completion is ``/generate``, so parameters of ours and of the server's go into its ``parameters``."""

    name = "huggingface-text-generation-inference"
    route_types = ("llm/v1/chat", "llm/v1/completions")
    too_long = (*TOO_LONG, "`inputs` tokens + `max_new_tokens` must be", "`inputs` must have less than")
    mlflow = Mlflow28Facts(
        temperature_factor_today=50.0,
        one_candidate=True,
        refused={"llm/v1/completions": ("max_new_tokens",)},
        finish_reasons="raw",
        words={"llm/v1/completions": {"candidate_count": ONE_ANSWER}},
        lacking={"llm/v1/embeddings": NO_VECTORS},
    )
    config_fields = (
        ConfigField("hf_server_url", "url", "Address of the server, with or without /v1.", required=True),
        ConfigField("hf_api_key", "secret", "Key or token, where the server asks for one."),
    )

    @property
    @override
    def priced_as(self) -> str | None:
        return None

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        params = asked_of(request)
        if isinstance(request, CompletionRequest):
            path = GENERATE_STREAM if request.stream else GENERATE
            # The prompt's tokens tell how many they are. A stream may not ask for them, and counts by itself.
            details = (
                {"details": True} if request.stream else {"details": True, "decoder_input_details": True}
            )
            body = {"inputs": request.prompt, "parameters": {**params.body, **details}}
        else:
            path = CHAT
            body = {"model": self.model.name or ANY_MODEL, **request_body(request, params.body)}
        written = base_address(self.model.config.get("hf_server_url"), "")
        return HttpRequest(
            url=without_version(written, "/v1", GENERATE, GENERATE_STREAM, CHAT) + path,
            body=json_bytes(body),
            headers=json_headers(self.model.config.get("hf_api_key")),
            stream=request.stream,
            warnings=params.warnings,
        )

    @override
    def headed(self, headers: Mapping[str, str]) -> Iterator[Event]:
        return counted_in(headers)

    @override
    def answer_events(self, value: Any) -> Iterable[Event]:
        if "generated_text" in value:
            return generated(value)
        return super().answer_events(with_listed_calls(value))

    @override
    def piece_events(self, value: Any, event: str) -> Iterable[Event]:
        if "token" in value:
            return piece(value)
        return super().piece_events(with_listed_calls(value), event)

    @override
    def is_last(self, frame: Frame) -> bool:
        """True for the piece with the whole text as well: ``/generate_stream`` has no ``[DONE]``."""
        if super().is_last(frame):
            return True
        return "generated_text" in frame.data and any(
            value.get("generated_text") is not None for value in self._values(frame)
        )

    @override
    def reported(self, value: Any, event: str) -> Said | None:
        return failure_in(value) if super().reported(value, event) else None

    @override
    def said(self, body: bytes) -> Said:
        try:
            return replace(failure_in(loads(body, who=self.name)), body=body)
        except ProtocolError:  # not every refusal is JSON
            return said_in_body(body)

    @override
    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        status = status or STATUSES.get(said.code or "")
        return super().kind(503 if status == 424 else status, said)  # 424: the model failed, not the request
