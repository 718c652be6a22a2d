"""Anthropic: Messages for chat, and the text completions of old for the models that had them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from gateway_core.config.model import Model
from gateway_core.errors import InvalidRequest, ProviderError
from gateway_core.events import Event
from gateway_core.keys import Secret
from gateway_core.providers.addresses import base_address, host_of, without_version
from gateway_core.providers.anthropic.complete import completion_events, wrapped
from gateway_core.providers.anthropic.complete import translate as translate_complete
from gateway_core.providers.anthropic.conversation import conversation, lost_in, messages_of
from gateway_core.providers.anthropic.failures import NAMED, PROMPT_TOO_LONG, STATUSES, kind_by_words
from gateway_core.providers.anthropic.params import translate
from gateway_core.providers.base import ConfigField, Frame, HttpRequest
from gateway_core.providers.claude_wire.events import LAST, message_events, piece_events
from gateway_core.providers.claude_wire.models import has_only_complete
from gateway_core.providers.failures import Said, said_in
from gateway_core.providers.json_wire import JsonWire, json_bytes
from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.types import CompletionRequest, Request

OFFICIAL_BASE = "https://api.anthropic.com"
API_VERSION = "2023-06-01"
ONE_ANSWER = "'candidate_count' must be '1' for the Anthropic provider. Received value: '{}'."

COUNTED = (
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
)
"""What the counting endpoint takes of a request."""


class Anthropic(JsonWire):
    """A request without ``max_tokens`` gets 4096, Claude 3.5 to 4.5 get 8192 and later models 16384.

    Where thinking has a budget, that comes on top. Temperature is Anthropic's own, 0 to 1.
    """

    name = "anthropic"
    route_types = ("llm/v1/chat", "llm/v1/completions")
    config_fields = (
        ConfigField("anthropic_api_key", "secret", "Key of the account.", required=True),
        ConfigField("anthropic_version", "text", "Version of the API, a date.", default=API_VERSION),
        ConfigField("anthropic_api_base", "url", "Address, with or without /v1.", default=OFFICIAL_BASE),
    )
    mlflow = Mlflow28Facts(
        temperature_factor_today=0.5,
        one_candidate=True,
        refused={"llm/v1/completions": ("top_p",)},
        max_tokens={"llm/v1/completions": 200_000},
        words={"llm/v1/completions": {"candidate_count": ONE_ANSWER}},
        lacking={"llm/v1/embeddings": "The embeddings route is not available for Anthropic models."},
        max_tokens_limit=1_000_000,
        refuses_stream=True,
        stops=("stop_sequence", "end_turn"),
        counts=False,
    )
    silent_end = "error"
    too_long = PROMPT_TOO_LONG
    failure_names = NAMED

    @classmethod
    @override
    def check(cls, model: Model) -> Iterator[str]:
        version = str(model.config.get("anthropic_version") or API_VERSION)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", version) and version < API_VERSION:
            yield f"anthropic_version {version} streams in another form: write {API_VERSION} or a later one"

    @property
    @override
    def priced_as(self) -> str | None:
        return self.name if host_of(self._base) == host_of(OFFICIAL_BASE) else None

    @override
    def request(self, request: Request) -> HttpRequest:
        path, body, warnings = self._asked(request)
        streaming = {"stream": True} if request.stream else {}
        return self._http(path, {**body, **streaming}, stream=request.stream, warnings=warnings)

    @override
    def count_request(self, request: Request) -> HttpRequest | None:
        path, body, _ = self._asked(request)
        if path != "/messages":
            return None
        return self._http(f"{path}/count_tokens", {name: body[name] for name in COUNTED if name in body})

    @override
    def parse_count(self, body: bytes) -> int:
        return self.counted(body, "input_tokens")

    @override
    def answer_events(self, value: Any) -> Iterator[Event]:
        return completion_events(value, whole=True) if "completion" in value else message_events(value)

    @override
    def piece_events(self, value: Any, event: str) -> Iterator[Event]:
        return completion_events(value, whole=False) if "completion" in value else piece_events(value)

    @override
    def reported(self, value: Any, event: str) -> Said | None:
        return said_in(value) if event == "error" or value.get("type") == "error" else None

    @override
    def is_last(self, frame: Frame) -> bool:
        return frame.event == "message_stop" or (not frame.event and LAST.match(frame.data) is not None)

    @override
    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        status = status or STATUSES.get(said.type or "")
        return kind_by_words(status, said) or super().kind(status, said)

    def _asked(self, request: Request) -> tuple[str, dict[str, Any], tuple[str, ...]]:
        """The path below ``/v1``, the body and the warnings. Raises as `request`."""
        self.require_route_type(request)
        name = self.model.name
        if name is None:
            raise InvalidRequest("the route names no model: write its name under model, name")
        if isinstance(request, CompletionRequest) and has_only_complete(name):
            said = translate_complete(request.params)
            body = {"model": name, "prompt": wrapped(request.prompt), **said.body}
            return "/complete", body, said.warnings
        said = translate(request.params, name, api_version=self._version)
        messages = messages_of(request)
        body = {"model": name, **conversation(messages), **said.body}
        return "/messages", body, (*said.warnings, *lost_in(messages))

    @property
    def _base(self) -> str:
        written = base_address(self.model.config.get("anthropic_api_base"), OFFICIAL_BASE)
        return without_version(written, "/v1", "/v1/messages", "/v1/complete")

    @property
    def _version(self) -> str:
        return str(self.model.config.get("anthropic_version") or API_VERSION)

    def _http(
        self, path: str, body: dict[str, Any], *, stream: bool = False, warnings: tuple[str, ...] = ()
    ) -> HttpRequest:
        key = self.model.config.get("anthropic_api_key")
        secret = {"x-api-key": key.reveal()} if isinstance(key, Secret) else {}
        headers = {"content-type": "application/json", "anthropic-version": self._version, **secret}
        return HttpRequest(f"{self._base}/v1{path}", json_bytes(body), headers, stream, warnings=warnings)
