"""A route of a running gateway: MLflow's of version 2.8, today's, or one of this program."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

from gateway_core.config.model import Model
from gateway_core.errors import GatewayError, InvalidRequest, ModelNotFound, ProviderError
from gateway_core.events import Event
from gateway_core.keys import Secret
from gateway_core.providers.addresses import base_address, endpoint_in, segment, without_version
from gateway_core.providers.base import ConfigField, HttpRequest
from gateway_core.providers.failures import Said
from gateway_core.providers.mlflow_gateway.answers import events_in, is_mlflow
from gateway_core.providers.mlflow_gateway.asking import asked_in_mlflow, asked_in_openai
from gateway_core.providers.openai_wire import PATHS, OpenAIWire, json_bytes
from gateway_core.types import Request

V1, INVOCATIONS = "/v1", "/invocations"
UNEXPLAINED = "Internal Server Error"
"""All that MLflow's gateway says of a provider that is out of reach, too slow, or not understood."""


class MlflowGateway(OpenAIWire):
    """Asks in the words of MLflow 2.8, or in OpenAI's where the gateway takes those: only they stream.

    A temperature means here what it means to the model. MLflow 2.8 takes one from 0 to 1 and multiplies
    it for some models, so it is divided by `temperature_factor` first.
    """

    name = "mlflow-gateway"
    config_fields = (
        ConfigField("gateway_uri", "url", "Address of the gateway.", required=True),
        ConfigField("gateway_route", "text", "Route of the gateway; by default the name of the model."),
        ConfigField(
            "gateway_dialect",
            "choice",
            "How it is asked: as MLflow 2.8 is, or at /v1 as OpenAI is, which streams.",
            choices=("mlflow", "openai"),
            default="mlflow",
        ),
        ConfigField(
            "temperature_factor",
            "number",
            "What it multiplies a temperature by: MLflow 2.8 by 2 for OpenAI, by 5 for Cohere.",
            default=1,
        ),
        ConfigField("gateway_token", "secret", "Bearer token, where it asks for one."),
        ConfigField("gateway_username", "secret", "Name for HTTP basic authentication."),
        ConfigField("gateway_password", "secret", "Password that goes with it."),
    )

    @classmethod
    @override
    def check(cls, model: Model) -> Iterator[str]:
        config = model.config
        written = str(config.get("gateway_uri") or "")
        if problem := endpoint_in(written, *(V1 + path for path in PATHS.values()), INVOCATIONS):
            yield f"gateway_uri {problem}"
        if "@" in urlsplit(written).netloc:
            yield "gateway_uri holds a login: write it as gateway_username and gateway_password"
        if "gateway_token" in config and "gateway_username" in config:
            yield "gateway_token and gateway_username are two ways to log in: keep one"
        if config.get("temperature_factor", 1) <= 0:
            yield "temperature_factor must be more than 0"

    @property
    @override
    def priced_as(self) -> str | None:
        return None

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        route, factor = self._route, float(self.model.config.get("temperature_factor") or 1)
        base = without_version(base_address(self.model.config.get("gateway_uri"), ""), V1)
        if self.model.config.get("gateway_dialect") == "openai":
            url, asked = base + V1 + PATHS[type(request)], asked_in_openai(request, route, factor)
        else:
            url, asked = f"{base}/gateway/{segment(route)}{INVOCATIONS}", asked_in_mlflow(request, factor)
        login = self._login
        headers = {"content-type": "application/json"}
        return HttpRequest(
            url=url,
            body=json_bytes(asked.body),
            headers=headers if login is None else {**headers, "authorization": login.reveal()},
            stream=bool(asked.body.get("stream")),
            warnings=asked.warnings,
            remarks=asked.remarks,
            secrets=() if login is None else (Secret(login.reveal().partition(" ")[2]),),
        )

    @property
    def _route(self) -> str:
        route = self.model.config.get("gateway_route") or self.model.name
        if not route:
            raise InvalidRequest("no route of the gateway is named: write its name under model, name")
        return str(route)

    @property
    def _login(self) -> Secret | None:
        """The value of the header that logs in."""
        config = self.model.config
        if isinstance(token := config.get("gateway_token"), Secret):
            return Secret(f"Bearer {token.reveal()}")
        match config.get("gateway_username"), config.get("gateway_password"):
            case Secret() as username, Secret() as password:
                login = f"{username.reveal()}:{password.reveal()}"
                return Secret(f"Basic {b64encode(login.encode()).decode()}")
            case None, None:
                return None
            case _:
                raise InvalidRequest("gateway_username and gateway_password go together: write both")

    @override
    def answer_events(self, value: Any) -> Iterable[Event]:
        """The answer says itself in which of the two shapes it is."""
        return events_in(value) if is_mlflow(value) else super().answer_events(value)

    @override
    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        if body.strip() == UNEXPLAINED.encode():  # the model may have answered, and that would be paid twice
            headers = {**headers, "x-should-retry": "false"}
        return super().error(status, headers, body)

    @override
    def said(self, body: bytes) -> Said:
        said = super().said(body)
        if said.message == "Not Found":
            return replace(said, message=f'the gateway has no route "{self._route}"')
        if said.message == UNEXPLAINED:
            return replace(
                said,
                message=f"{UNEXPLAINED}: the gateway could not reach the model's provider in time, "
                "or could not read its answer, and says no more",
            )
        return said

    @override
    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        return ModelNotFound if status == 404 else super().kind(status, said)
