"""MosaicML Inference, and servers of your own with its shape. It answers in one piece and counts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from gateway_core.errors import OperationNotSupported, ProtocolError, ProviderError
from gateway_core.events import Event
from gateway_core.params import PARAMS
from gateway_core.providers.addresses import base_address, segment, without_version
from gateway_core.providers.base import (
    UNSUPPORTED,
    ConfigField,
    HttpRequest,
    Param,
    ParamTable,
    translate_params,
)
from gateway_core.providers.failures import Said, said_in
from gateway_core.providers.json_wire import JsonWire, json_bytes, json_headers
from gateway_core.providers.messages import lost_fields
from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.providers.mosaicml.answers import events_of, outputs_of, refusal
from gateway_core.providers.mosaicml.llama2 import prompt_of
from gateway_core.types import ROUTE_TYPES, ChatRequest, EmbeddingRequest, Request

OFFICIAL_BASE = "https://models.hosted-on.mosaicml.hosting"
CHAT_MODELS = "llama2"
"""How the names of models begin whose chat template is known."""

ANSWERING: ParamTable = {
    **dict.fromkeys(PARAMS, UNSUPPORTED),
    "max_tokens": Param("max_new_tokens", low=1),
    "max_completion_tokens": Param("max_new_tokens", low=1),
    "temperature": Param("temperature", low=0),
    "top_p": Param("top_p", low=0, high=1),
    "top_k": Param("top_k"),
}
EMBEDDING: ParamTable = dict.fromkeys((*PARAMS, "encoding_format", "input_type"), UNSUPPORTED)


class MosaicML(JsonWire):
    """``name`` is part of the address. Chat is Llama 2's template, so only its models chat."""

    name = "mosaicml"
    route_types = ROUTE_TYPES
    mlflow = Mlflow28Facts(
        refused={
            "llm/v1/chat": ("max_new_tokens",),
            "llm/v1/completions": ("max_new_tokens",),
            "llm/v1/embeddings": ("inputs",),
        },
        finish_reasons="none",
        roles=("system", "user", "assistant"),
        counts=False,
    )
    config_fields = (
        ConfigField("mosaicml_api_key", "secret", "Key of the account.", required=True),
        ConfigField("mosaicml_api_base", "url", "Address, with or without /v1.", default=OFFICIAL_BASE),
    )

    @property
    @override
    def priced_as(self) -> str | None:
        return None

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        name = self.model_name
        if isinstance(request, ChatRequest) and not name.lower().startswith(CHAT_MODELS):
            raise OperationNotSupported(
                f"{self.name} chats only with models whose name begins with {CHAT_MODELS}, not with {name}: "
                "make it a route for completions"
            )
        embedding = isinstance(request, EmbeddingRequest)
        table = EMBEDDING if embedding else ANSWERING
        lost = lost_fields(request.messages, who=self.name) if isinstance(request, ChatRequest) else ()
        params = translate_params(request.params, table, provider="an embedding" if embedding else self.name)
        beside = params.body if embedding or not params.body else {"parameters": params.body}
        base = without_version(base_address(self.model.config.get("mosaicml_api_base"), OFFICIAL_BASE), "/v1")
        return HttpRequest(
            url=f"{base}/{segment(name, safe='/')}/v1/predict",
            body=json_bytes({"inputs": _inputs(request), **beside}),
            headers=json_headers(self.model.config.get("mosaicml_api_key"), scheme=""),
            warnings=(*params.warnings, *lost),
        )

    @override
    def answer_events(self, value: Any) -> Iterator[Event]:
        outputs = outputs_of(value)
        if not outputs:
            raise ProtocolError(f"{self.name} sent an answer without outputs: {self.excerpt(value)}")
        return events_of(outputs)

    @override
    def piece_events(self, value: Any, event: str) -> Iterator[Event]:
        return self.answer_events(value)

    @override
    def reported(self, value: Any, event: str) -> Said | None:
        return said_in(value) if value.get("error") else None

    @override
    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        return refusal(said.message) or super().kind(status, said)


def _inputs(request: Request) -> list[str]:
    if isinstance(request, ChatRequest):
        return [prompt_of(request.messages)]
    return list(request.inputs) if isinstance(request, EmbeddingRequest) else [request.prompt]
