"""Google's PaLM 2, the API before Gemini: whole answers only, without finish reasons or token counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from gateway_core.errors import ProtocolError
from gateway_core.events import EmbeddingVector, Event, Finished, TextDelta
from gateway_core.providers.base import ConfigField, HttpRequest, translate_params
from gateway_core.providers.google_wire import OFFICIAL_BASE, GoogleWire
from gateway_core.providers.google_wire.params import NO_PARAMETER, set_params
from gateway_core.providers.json_wire import json_bytes
from gateway_core.providers.messages import lost_fields
from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.providers.palm.params import CHAT, TEXT
from gateway_core.providers.palm.prompt import conversation
from gateway_core.types import ROUTE_TYPES, ChatRequest, CompletionRequest, EmbeddingRequest, Request

NO_MAX_TOKENS = "Max tokens is not supported for PaLM chat."


class Palm(GoogleWire):
    """The settings are those of MLflow AI Gateway 2.8, and so are ``examples`` and ``context`` of a chat."""

    name = "palm"
    route_types = ROUTE_TYPES
    mlflow = Mlflow28Facts(
        temperature_factor_today=0.5,
        refused={
            "llm/v1/chat": ("max_tokens", "maxOutputTokens", "stopSequences", "candidateCount"),
            "llm/v1/completions": ("stopSequences", "candidateCount", "maxOutputTokens"),
            "llm/v1/embeddings": ("texts",),
        },
        finish_reasons="none",
        words={"llm/v1/chat": dict.fromkeys(("max_tokens", "maxOutputTokens"), NO_MAX_TOKENS)},
        speaker="1",
        counts=False,
    )
    key_field, base_field, version = "palm_api_key", "palm_api_base", "v1beta3"
    config_fields = (
        ConfigField(key_field, "secret", "Key of the Generative Language API.", required=True),
        ConfigField(
            base_field,
            "url",
            "Address, with or without /v1beta3 (or /v1beta2) and /models behind it.",
            default=f"{OFFICIAL_BASE}/{version}",
        ),
    )

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        params = set_params(request.params)
        lost: tuple[str, ...] = ()
        if isinstance(request, EmbeddingRequest):
            table, (method, body) = NO_PARAMETER, self._embedding(request)
        elif isinstance(request, CompletionRequest):
            method, table, body = "generateText", TEXT, {"prompt": {"text": request.prompt}}
        else:
            method, table, body = "generateMessage", CHAT, {"prompt": conversation(request, params)}
            lost = lost_fields(request.messages, who="PaLM")
        translated = translate_params(params, table, provider=f"{method} of PaLM")
        return HttpRequest(
            url=self.url(method),
            body=json_bytes({**body, **translated.body}),
            headers=self.headers(),
            warnings=(*translated.warnings, *lost),
        )

    @override
    def inputs_at_once(self, request: EmbeddingRequest) -> int | None:
        return 1 if self._is_old else None

    @property
    def _is_old(self) -> bool:
        return self.base.lower().endswith("/v1beta2")

    def _embedding(self, request: EmbeddingRequest) -> tuple[str, dict[str, Any]]:
        """All texts at once, which ``v1beta2`` cannot."""
        if not self._is_old:
            return "batchEmbedText", {"texts": list(request.inputs)}
        return "embedText", {"text": "".join(request.inputs)}

    @override
    def answer_events(self, value: Any) -> Iterator[Event]:
        candidates = value.get("candidates") or ()
        for index, candidate in enumerate(candidates):
            yield TextDelta(
                str(candidate["output"] if "output" in candidate else candidate["content"]), index
            )
            yield Finished("stop", None, index)
        one = value.get("embedding")
        vectors = [one] if one else value.get("embeddings") or ()
        for index, vector in enumerate(vectors):
            yield EmbeddingVector(tuple(map(float, vector["value"])), index)
        if candidates or vectors:
            return
        if not ({"filters", "safetyFeedback", "messages"} & value.keys()):
            raise ProtocolError(f"{self.name} sent an answer without candidates: {self.excerpt(value)}")
        reasons = [blocked.get("reason") for blocked in value.get("filters") or ()]
        yield Finished("content_filter", reasons[0] if reasons else None)

    @override
    def piece_events(self, value: Any, event: str) -> Iterator[Event]:
        return self.answer_events(value)

    @override
    def count_request(self, request: Request) -> HttpRequest | None:
        """One conversation or one text; ``v1beta2`` counts conversations only."""
        self.require_route_type(request)
        if isinstance(request, ChatRequest):
            prompt = conversation(request, set_params(request.params))
            return HttpRequest(self.url("countMessageTokens"), json_bytes({"prompt": prompt}), self.headers())
        texts = [request.prompt] if isinstance(request, CompletionRequest) else request.inputs
        if self._is_old or len(texts) != 1:
            return None
        prompt = {"text": texts[0]}
        return HttpRequest(self.url("countTextTokens"), json_bytes({"prompt": prompt}), self.headers())

    @override
    def parse_count(self, body: bytes) -> int:
        return self.counted(body, "tokenCount")
