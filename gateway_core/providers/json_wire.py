"""What every provider that answers in JSON shares: reading it with care, and naming its failures."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from typing_extensions import override

from gateway_core.errors import BadProviderRequest, GatewayError, InvalidRequest, ProtocolError, ProviderError
from gateway_core.events import Event
from gateway_core.keys import Secret
from gateway_core.providers.base import Frame, Provider
from gateway_core.providers.classify import TOO_LONG, FailureNames, failure_kind
from gateway_core.providers.excerpts import one_line
from gateway_core.providers.failures import Said, failure, loads, said_in_body
from gateway_core.providers.jsontext import json_of
from gateway_core.providers.remembered import Remembered
from gateway_core.providers.wellformed import well_formed

UNREADABLE = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What reading JSON of an unexpected shape raises."""


class JsonWire(Provider):
    """Subclasses say what is sent, and what a whole answer and a piece of a stream mean."""

    failure_names: ClassVar[FailureNames] = {}
    too_long: ClassVar[tuple[str, ...]] = TOO_LONG

    @cached_property
    def secrets(self) -> tuple[Secret, ...]:
        """What an error must not repeat, even when the provider does."""
        return self.model.secrets

    @cached_property
    def translations(self) -> Remembered:
        """What became of parameters before, for subclasses whose translation depends on nothing else."""
        return Remembered()

    @property
    def model_name(self) -> str:
        """What the route calls its model. Raises `InvalidRequest` when it names none."""
        if not self.model.name:
            raise InvalidRequest("the route names no model: write its name under model, name")
        return self.model.name

    @abstractmethod
    def answer_events(self, value: Any) -> Iterable[Event]:
        """The events of a whole answer. What it raises by a wrong shape becomes a `ProtocolError`."""

    @abstractmethod
    def piece_events(self, value: Any, event: str) -> Iterable[Event]:
        """The events of one message of a stream; ``event`` is its SSE name, or empty. Raises as above."""

    def reported(self, value: Any, event: str) -> Said | None:
        """The failure that a body with a good status, or a message of a stream, reports."""
        return None

    @override
    def parse(self, body: bytes) -> list[Event]:
        value = loads(body, who=self.name, secrets=self.secrets)
        return self.read(value, lambda: self.answer_events(value))

    @override
    def decode(self, frame: Frame) -> list[Event]:
        if not frame.data.strip():
            return []
        value = loads(frame.data, who=self.name, secrets=self.secrets)
        return self.read(value, lambda: self.piece_events(value, frame.event), event=frame.event)

    def read(self, value: Any, events: Any, *, event: str = "") -> list[Event]:
        """The list that ``events()`` makes of ``value``.

        Raises the failure that ``value`` reports, and `ProtocolError` when its shape is not the expected.
        """
        try:
            if said := self.reported(value, event):
                raise self.failed(said)
            return well_formed(list(events()))
        except UNREADABLE as exc:
            raise ProtocolError(f"{self.name} sent what cannot be read: {self.excerpt(value)}") from exc

    def counted(self, body: bytes, name: str) -> int:
        """The whole number ``name`` in a counting endpoint's answer. Raises `ProtocolError`."""
        value = loads(body, who=self.name, secrets=self.secrets)
        found = value.get(name) if isinstance(value, dict) else None
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise ProtocolError(f"{self.name} sent no count of tokens: {self.excerpt(value)}")
        return found

    @override
    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
        said = self.heard(headers, body)
        if status == 404 and self.kind(status, said) is BadProviderRequest:
            said = replace(
                said, message=f"nothing at this address ({said.message or 404}): check the base URL"
            )
        return self.failed(said, status=status, headers=headers)

    def heard(self, headers: Mapping[str, str], body: bytes) -> Said:
        """What a failed call says; for most, its body does."""
        return self.said(body)

    def said(self, body: bytes) -> Said:
        """What the body of a failed call says."""
        return said_in_body(body)

    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        """The class of a failure, by its status and by what the provider calls it."""
        return failure_kind(status, said, named=self.failure_names, too_long=self.too_long)

    def failed(
        self, said: Said, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> ProviderError:
        """The error for what was said."""
        kind = self.kind(status or said.status, said)
        return failure(kind, said, who=self.name, status=status, headers=headers, secrets=self.secrets)

    def excerpt(self, value: Any) -> str:
        """The beginning of ``value`` for a sentence."""
        return one_line(json.dumps(value), self.secrets, limit=120)


def json_headers(key: object = None, *, scheme: str = "Bearer ") -> dict[str, str]:
    """The headers of a request whose body is JSON, with ``key`` where there is one."""
    headers = {"content-type": "application/json"}
    return {**headers, "authorization": f"{scheme}{key.reveal()}"} if isinstance(key, Secret) else headers


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """``body`` as JSON. Raises `InvalidRequest` when a parameter is none of JSON's kinds."""
    try:
        return json_of(body)
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidRequest(f"the request cannot be written as JSON: {exc}") from exc
