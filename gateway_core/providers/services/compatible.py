"""The provider that any row of the services' table makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from typing import Any, ClassVar

from typing_extensions import override

from gateway_core.config.model import Model
from gateway_core.errors import BadProviderRequest, InvalidRequest, PermissionDenied, ProviderError
from gateway_core.events import NEXT_CALL, Event, ToolCallDelta
from gateway_core.keys import Secret
from gateway_core.providers.addresses import base_address, endpoint_in, host_of, without_version
from gateway_core.providers.base import ConfigField, HttpRequest, Translated
from gateway_core.providers.classify import FailureNames
from gateway_core.providers.failures import Said
from gateway_core.providers.openai_models import translate
from gateway_core.providers.openai_wire import PATHS, OpenAIWire, json_bytes, request_body
from gateway_core.providers.openai_wire.failures import NAMED
from gateway_core.providers.openai_wire.messages import written_messages
from gateway_core.providers.services.row import Service
from gateway_core.types import ChatRequest, CompletionRequest, EmbeddingRequest, Message, Request

OPEN_TO_WORDS = (ProviderError, BadProviderRequest, PermissionDenied)
"""Failures so general that the words of the message may say which one it is."""


class Compatible(OpenAIWire):
    """Speaks to the service of its row."""

    service: ClassVar[Service]

    @classmethod
    @override
    def check(cls, model: Model) -> Iterator[str]:
        key = cls.service.base_key
        if problem := endpoint_in(str(model.config.get(key) or ""), *PATHS.values(), cls.service.text_path):
            yield f"{key} {problem}"

    @property
    @override
    def priced_as(self) -> str | None:
        host = f".{host_of(self._base) or ''}"
        return self.name if any(host.endswith(f".{known}") for known in self.service.hosts) else None

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        row, name = self.service, self.model.name
        if name is None and row.model_required:
            raise InvalidRequest("the route names no model: write its name under model, name")
        path = PATHS[type(request)]
        if isinstance(request, CompletionRequest):
            if row.text_path and re.match(row.text_models, name or ""):
                path = row.text_path
            else:
                request = ChatRequest((Message("user", request.prompt),), request.params, request.stream)
                path = PATHS[ChatRequest]
        params = self.translations.of(request, self._translated)
        body, warnings = self._body(request, params.body)
        return HttpRequest(
            url=self._base + path,
            body=json_bytes({**({"model": name} if name else {}), **body}),
            headers=self._headers(),
            stream=request.stream,
            warnings=(*params.warnings, *warnings),
        )

    def _translated(self, request: Request) -> Translated:
        row = self.service
        table = {ChatRequest: row.chat, CompletionRequest: row.text, EmbeddingRequest: row.embedding}
        return translate(
            request.params,
            table[type(request)],
            model=(self.model.name or "").lower(),
            quirks=() if isinstance(request, EmbeddingRequest) else row.quirks,
            who=f"an embedding by {row.title}" if isinstance(request, EmbeddingRequest) else row.title,
        )

    def _body(self, request: Request, params: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        row = self.service
        asks = row.stream_usage and self.model.config.get("ask_usage") != "no"
        body = request_body(request, params, ask_usage=asks)
        if not isinstance(request, ChatRequest):
            return body, ()
        messages, unnamed = written_messages(request.messages, names_on=row.names_on, call_id=row.call_id)
        warnings = (f"{row.title} takes no name on {role} messages: it was not sent" for role in unnamed)
        return {**body, "messages": messages}, tuple(warnings)

    @cached_property
    def _base(self) -> str:
        row = self.service
        base = base_address(self.model.config.get(row.base_key), row.base or "")
        return without_version(base, row.version) + row.version if row.version else base

    def _headers(self) -> dict[str, str]:
        key = self.model.config.get(self.service.key)
        authorization = {"authorization": f"Bearer {key.reveal()}"} if isinstance(key, Secret) else {}
        return {"content-type": "application/json", **authorization}

    @override
    def read(self, value: Any, events: Any, *, event: str = "") -> list[Event]:
        found = super().read(value, events, event=event)
        if not self.service.whole_calls:
            return found
        return [replace(e, call_index=NEXT_CALL) if isinstance(e, ToolCallDelta) else e for e in found]

    @override
    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        if status is not None and (special := self.service.failure_statuses.get(status)):
            return special
        found = super().kind(status, said)
        if found not in OPEN_TO_WORDS:
            return found
        message = (said.message or "").lower()
        words = self.service.failure_words
        return next((kind for part, kind in words.items() if part in message), found)


@cache
def provider_of(row: Service) -> type[Compatible]:
    """The provider that a row describes."""

    class OfRow(Compatible):
        __doc__ = f"{row.title}, as its row says."
        name = row.name
        service = row
        route_types = row.route_types
        blank_ends = row.blank_ends
        failure_names: ClassVar[FailureNames] = {**NAMED, **row.failures}
        config_fields = (
            ConfigField(row.key, "secret", f"Key of the account at {row.title}.", required=row.key_required),
            ConfigField(
                row.base_key,
                "url",
                f"Address of {row.title}, without the endpoint.",
                required=row.base is None,
                default=row.base,
            ),
            *row.fields,
        )

    return OfRow
