"""OpenAI, any server that speaks like it (``openai_api_base``), and Azure's form of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from typing_extensions import override

from gateway_core.config.model import Model
from gateway_core.errors import InvalidRequest
from gateway_core.keys import Secret
from gateway_core.providers.addresses import base_address, endpoint_in, host_of, segment
from gateway_core.providers.base import ConfigField, HttpRequest, MlflowFacts, Translated
from gateway_core.providers.openai_models import completes_by_chat, misplaced, translated
from gateway_core.providers.openai_wire import PATHS, OpenAIWire, azure, json_bytes, request_body
from gateway_core.types import ChatRequest, CompletionRequest, EmbeddingRequest, Message, Request

OFFICIAL_BASE = "https://api.openai.com/v1"
OFFICIAL_HOST = "api.openai.com"
MAX_TEXTS = 2048


class OpenAI(OpenAIWire):
    """The settings are those of MLflow AI Gateway 2.8. Temperature is OpenAI's own, 0 to 2."""

    name = "openai"
    api_type: ClassVar[str] = "openai"
    """Whose form of the API it is when the configuration does not say."""
    mlflow = MlflowFacts(
        temperature_factor=2.0,
        refused={"llm/v1/chat": ("n",), "llm/v1/completions": ("n",)},
        refused_status={"llm/v1/completions": 400},
        finish_reasons="raw",
    )
    config_fields: ClassVar[tuple[ConfigField, ...]] = (
        ConfigField("openai_api_key", "secret", "Key of the account.", required=True),
        ConfigField(
            "openai_api_type",
            "choice",
            "Whose form of the API: OpenAI's, or Azure's with a key or a token of Entra ID.",
            choices=("openai", "azure", "azuread"),
            default="openai",
        ),
        ConfigField("openai_api_base", "url", "Address up to and with /v1.", default=OFFICIAL_BASE),
        ConfigField("openai_api_version", "text", "Version of the API, a date at Azure."),
        ConfigField("openai_deployment_name", "text", "Azure: name of the deployment."),
        ConfigField("openai_organization", "text", "Organization that pays."),
    )

    @classmethod
    @override
    def check(cls, model: Model) -> Iterator[str]:
        asked, config = cls(model), model.config
        if problem := endpoint_in(str(config.get("openai_api_base") or ""), *PATHS.values()):
            yield f"openai_api_base {problem}"
        if not asked._is_azure:
            if config.get("openai_deployment_name"):
                yield "openai_deployment_name is for openai_api_type azure or azuread: leave it out"
            return
        yield from azure.problems(config, asked._base, api_type=asked._api_type)

    @cached_property
    @override
    def priced_as(self) -> str | None:
        if self._is_azure:
            return "azure" if azure.is_official(self._base) else None
        return "openai" if host_of(self._base) == OFFICIAL_HOST else None

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        name = self.model.name
        if name is None and not self._is_azure:
            raise InvalidRequest("the route names no model: write its name under model, name")
        if isinstance(request, CompletionRequest) and (name is None or completes_by_chat(name)):
            request = ChatRequest((Message("user", request.prompt),), request.params, request.stream)
        params = self.translations.of(request, self._translated)
        asks = not self._is_azure or azure.may_ask_usage(self.model.config)
        model = azure.model(self.model.config, self._base) if self._is_azure else {"model": name}
        body = {**model, **request_body(request, params.body, ask_usage=asks)}
        return HttpRequest(
            url=self._urls[type(request)],
            body=json_bytes(body),
            headers=self._headers(),
            stream=request.stream,
            warnings=params.warnings,
            remarks=() if self._is_azure or self.priced_as else misplaced(request.params),
        )

    def _translated(self, request: Request) -> Translated:
        older = azure.quirks(self.model.config, type(request)) if self._is_azure else ()
        return translated(request, self.model.name, older)

    @override
    def inputs_at_once(self, request: EmbeddingRequest) -> int:
        return MAX_TEXTS

    @cached_property
    def _api_type(self) -> str:
        return str(self.model.config.get("openai_api_type") or self.api_type).lower()

    @cached_property
    def _is_azure(self) -> bool:
        return self._api_type != "openai"

    @cached_property
    def _base(self) -> str:
        return base_address(self.model.config.get("openai_api_base"), OFFICIAL_BASE)

    @cached_property
    def _urls(self) -> Mapping[type, str]:
        config, base = self.model.config, self._base
        if self._is_azure:
            base = azure.address(config, base)
        query = f"?api-version={segment(str(v))}" if (v := config.get("openai_api_version")) else ""
        return {kind: f"{base}{path}{query}" for kind, path in PATHS.items()}

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if organization := self.model.config.get("openai_organization"):
            headers["openai-organization"] = str(organization)
        key = self.model.config.get("openai_api_key")
        if isinstance(key, Secret):
            bare = self._api_type == "azure"
            headers["api-key" if bare else "authorization"] = f"{'' if bare else 'Bearer '}{key.reveal()}"
        return headers


class Azure(OpenAI):
    """The same, for a file that says ``provider: azure``."""

    name = "azure"
    api_type = "azure"
    config_fields = tuple(
        replace(known, choices=("azure", "azuread"), default="azure") if known.kind == "choice" else known
        for known in OpenAI.config_fields
    )
