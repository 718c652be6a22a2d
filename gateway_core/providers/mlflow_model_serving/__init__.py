"""A model served by ``mlflow models serve``, whose answers have whatever shape its author gave them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from typing_extensions import override

from gateway_core.errors import InvalidRequest, ModelNotFound, ProtocolError
from gateway_core.events import Event
from gateway_core.providers.addresses import base_address, without_version
from gateway_core.providers.base import ConfigField, HttpRequest
from gateway_core.providers.classify import FailureNames
from gateway_core.providers.excerpts import one_line
from gateway_core.providers.failures import Said, loads, said_in, said_in_body
from gateway_core.providers.json_wire import JsonWire, json_bytes, json_headers
from gateway_core.providers.messages import lost_fields, text_of
from gateway_core.providers.mlflow28 import Mlflow28Facts
from gateway_core.providers.mlflow_model_serving.answers import UnknownShape, events_in
from gateway_core.types import ROUTE_TYPES, ChatRequest, EmbeddingRequest, Request

PATH = "/invocations"
UNKNOWN_MODEL: FailureNames = dict.fromkeys(("RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND"), ModelNotFound)
REASON = "\nError: "
"""Stands between the data that a model failed on, repeated in full, and why."""


class MlflowModelServing(JsonWire):
    """What a parameter means is the model's own affair, so all of them are passed on.

    A chat of one message is sent as MLflow's gateway sends it: its text as the only input. A longer one
    needs a model that takes messages, as MLflow's ``ChatModel`` does. The server answers in one piece.
    """

    name = "mlflow-model-serving"
    route_types = ROUTE_TYPES
    failure_names = UNKNOWN_MODEL
    mlflow = Mlflow28Facts(
        takes_model=True, candidates_as="candidate_count", finish_reasons="none", counts=False
    )
    config_fields = (
        ConfigField("model_server_url", "url", "Address, with or without /invocations.", required=True),
        ConfigField("model_server_api_key", "secret", "Token of a hosted endpoint; your own needs none."),
        ConfigField(
            "model_server_chat",
            "choice",
            "How a chat is sent; by default as inputs while it is one message, else as messages.",
            choices=("inputs", "messages"),
        ),
    )

    @property
    @override
    def priced_as(self) -> str | None:
        return None

    @override
    def request(self, request: Request) -> HttpRequest:
        self.require_route_type(request)
        base = without_version(base_address(self.model.config.get("model_server_url"), ""), PATH)
        headers = json_headers(self.model.config.get("model_server_api_key"))
        body = self._body(request)
        alone = request.messages if isinstance(request, ChatRequest) and "inputs" in body else ()
        lost = lost_fields(alone, who=self.name)
        return HttpRequest(url=base + PATH, body=json_bytes(body), headers=headers, warnings=lost)

    def _body(self, request: Request) -> dict[str, Any]:
        params = dict(request.params)
        if isinstance(request, ChatRequest):
            form, many = self.model.config.get("model_server_chat"), len(request.messages) != 1
            if form == "messages" or (form is None and many):
                return {"messages": [message.to_dict() for message in request.messages], **params}
            if many:
                raise InvalidRequest(f"a chat sent as inputs is one message, not {len(request.messages)}")
            inputs = [text_of(request.messages[0])]
        else:
            inputs = list(request.inputs) if isinstance(request, EmbeddingRequest) else [request.prompt]
        return {"inputs": inputs, **({"params": params} if params else {})}

    @override
    def answer_events(self, value: Any) -> Iterable[Event]:
        try:
            return events_in(value)
        except UnknownShape as shape:
            what = f"predictions that are neither text nor vectors, but {one_line(str(shape), self.secrets)}"
            raise ProtocolError(f"{self.name} sent {what}: {self.excerpt(value)}") from shape

    @override
    def piece_events(self, value: Any, event: str) -> Iterable[Event]:
        return self.answer_events(value)

    @override
    def reported(self, value: Any, event: str) -> Said | None:
        return _failure_in(value) if isinstance(value, dict) and value.get("error_code") else None

    @override
    def said(self, body: bytes) -> Said:
        try:
            return replace(_failure_in(loads(body, who=self.name)), body=body)
        except ProtocolError:  # a timeout comes as plain text that is called JSON
            return said_in_body(body)


def _failure_in(value: Any) -> Said:
    said = said_in(value)
    if not isinstance(value, dict) or not isinstance(code := value.get("error_code"), str):
        return said
    why = (said.message or "").rpartition(REASON)[2].strip()
    return replace(said, message=why or None, code=code)
