"""AI21 Labs: chat with Jamba, in OpenAI's format but for what it lacks, and text completion by Jurassic-2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from typing_extensions import override

from gateway_core.config.model import Model
from gateway_core.errors import InvalidRequest, OperationNotSupported, ProviderError, QuotaExceeded
from gateway_core.events import Event
from gateway_core.keys import Secret
from gateway_core.providers.addresses import base_address, endpoint_in, host_of, segment, without_version
from gateway_core.providers.ai21labs.jurassic import completions_of
from gateway_core.providers.ai21labs.params import (
    SHORT,
    completes_by_chat,
    completes_only,
    jamba_params,
    jurassic_params,
)
from gateway_core.providers.base import ConfigField, HttpRequest
from gateway_core.providers.classify import TOO_LONG
from gateway_core.providers.failures import Said
from gateway_core.providers.messages import lost_fields, split_system, text_of
from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.providers.openai_wire import OpenAIWire, json_bytes
from gateway_core.types import ChatRequest, CompletionRequest, Message, Request

OFFICIAL_BASE = "https://api.ai21.com/studio/v1"
OFFICIAL_HOST = "api.ai21.com"
ENDPOINTS = ("/chat/completions", "/complete")
QUOTA = ("quota", "credit", "billing")
"""Words of a 429 that waiting does not help against."""


class AI21Labs(OpenAIWire):
    """Jurassic-2 answers whole even when asked to stream, and has no vectors; Jamba streams."""

    name = "ai21labs"
    route_types = ("llm/v1/chat", "llm/v1/completions")
    too_long = (*TOO_LONG, "too many tokens", "too long")
    mlflow = Mlflow28Facts(
        refused={"llm/v1/completions": ("stopSequences", "numResults", "maxTokens")},
        finish_reasons="raw",
        lacking={
            "llm/v1/chat": "The chat route is not available for AI21Labs models.",
            "llm/v1/embeddings": "The embeddings route is not available for AI21Labs models.",
        },
        refuses_stream=True,
        counts=False,
    )
    config_fields = (
        ConfigField("ai21labs_api_key", "secret", "Key of the account.", required=True),
        ConfigField(
            "ai21labs_api_base", "url", "Address, with or without /studio/v1.", default=OFFICIAL_BASE
        ),
    )

    @classmethod
    @override
    def check(cls, model: Model) -> Iterator[str]:
        if problem := endpoint_in(str(model.config.get("ai21labs_api_base") or ""), *ENDPOINTS):
            yield f"ai21labs_api_base {problem}"

    @property
    @override
    def priced_as(self) -> str | None:
        return self.name if host_of(self._base) == OFFICIAL_HOST else None

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        name = self.model.name
        if name is None:
            raise InvalidRequest("the route names no model: write its name under model, name")
        if isinstance(request, CompletionRequest):
            if not completes_by_chat(name):
                return self._complete(request, name)
            request = ChatRequest((Message("user", request.prompt),), request.params, request.stream)
        if completes_only(name) or not isinstance(request, ChatRequest):
            raise OperationNotSupported(f"{name} does not offer llm/v1/chat; it offers llm/v1/completions")
        return self._chat(request, name)

    def _complete(self, request: CompletionRequest, name: str) -> HttpRequest:
        params = jurassic_params(request.params)
        path = f"/{segment(name, safe='/')}/complete"
        asked = self._http(path, {"prompt": request.prompt, **params.body}, params.warnings)
        return asked if "maxTokens" in params.body else replace(asked, remarks=(SHORT,))

    def _chat(self, request: ChatRequest, name: str) -> HttpRequest:
        params = jamba_params(request.params, stream=request.stream)
        sent = {name for message in request.messages for name in message.extra}
        warnings = lost_fields(request.messages, who="AI21 Labs", besides=sent)
        body = {"model": name, "messages": _conversation(request), **params.body, "stream": request.stream}
        return self._http("/chat/completions", body, (*params.warnings, *warnings))

    def _http(self, path: str, body: dict[str, Any], warnings: tuple[str, ...]) -> HttpRequest:
        headers = {"content-type": "application/json"}
        if isinstance(key := self.model.config.get("ai21labs_api_key"), Secret):
            headers["authorization"] = f"Bearer {key.reveal()}"
        return HttpRequest(
            url=f"{self._base}/studio/v1{path}",
            body=json_bytes(body),
            headers=headers,
            stream=body.get("stream", False),
            warnings=warnings,
        )

    @property
    def _base(self) -> str:
        base = base_address(self.model.config.get("ai21labs_api_base"), OFFICIAL_BASE)
        return without_version(base, "/v1", "/studio", "/studio/v1")

    @override
    def answer_events(self, value: Any) -> Iterable[Event]:
        return completions_of(value) if value.get("completions") else super().answer_events(value)

    @override
    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        if status == 429 and any(word in (said.message or "").lower() for word in QUOTA):
            return QuotaExceeded
        return super().kind(status, said)


def _conversation(request: ChatRequest) -> list[dict[str, Any]]:
    """The messages, all system text in one at the front, where Jamba wants it; text is all it reads."""
    system, others = split_system(request.messages)
    first = [{"role": "system", "content": system}] if system else []
    return first + [{"role": m.role, "content": text_of(m), **m.extra} for m in others]
