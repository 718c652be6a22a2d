"""What Google's two model APIs share: addresses, the key's header, and how failures are told."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, ClassVar

from typing_extensions import override

from gateway_core.errors import InvalidRequest, ProviderError
from gateway_core.keys import Secret
from gateway_core.providers.addresses import base_address, host_of, segment, without_version
from gateway_core.providers.classify import TOO_LONG
from gateway_core.providers.failures import Said, said_in_body
from gateway_core.providers.google_wire.failures import NAMED, STATUSES, google_kind, google_said
from gateway_core.providers.json_wire import JsonWire

OFFICIAL_BASE = "https://generativelanguage.googleapis.com"

_VERSION = re.compile(r"/v\d+[a-z]*\d*$", re.IGNORECASE)
_RESOURCES = ("models", "tunedModels")


class GoogleWire(JsonWire):
    """Subclasses say which settings hold the key and the address, and which version of the API they speak."""

    failure_names = NAMED
    too_long = (*TOO_LONG, "maximum number of tokens", "input token count")
    key_field: ClassVar[str]
    base_field: ClassVar[str]
    version: ClassVar[str]
    """For a base URL that names none."""

    @property
    @override
    def priced_as(self) -> str | None:
        return self.name if host_of(self.base) == host_of(OFFICIAL_BASE) else None

    @property
    def base(self) -> str:
        """The address up to and with the version."""
        written = base_address(self.model.config.get(self.base_field), OFFICIAL_BASE)
        written = without_version(written, "/models")
        return written if _VERSION.search(written) else f"{written}/{self.version}"

    @property
    def resource(self) -> str:
        """The model as the API names it, for example ``models/gemini-2.5-flash``."""
        name = self.model.name
        if not name:
            raise InvalidRequest("the route names no model: write its name under model, name")
        return name if name.startswith(tuple(f"{kind}/" for kind in _RESOURCES)) else f"models/{name}"

    def url(self, method: str) -> str:
        """Where ``method`` of the model is."""
        kind, _, name = self.resource.partition("/")
        return f"{self.base}/{kind}/{segment(name)}:{method}"

    def headers(self) -> dict[str, str]:
        """The key goes into a header: in the address it would end up in logs."""
        key = self.model.config.get(self.key_field)
        own = {"x-goog-api-key": key.reveal()} if isinstance(key, Secret) else {}
        return {"content-type": "application/json", **own}

    @override
    def reported(self, value: Any, event: str) -> Said | None:
        values = value if isinstance(value, list) else (value,)
        for one in values:
            if isinstance(one, dict) and one.get("error"):
                return google_said(one)
        return None

    @override
    def kind(self, status: int | None, said: Said) -> type[ProviderError]:
        return google_kind(status, said) or super().kind(status or STATUSES.get(said.type or ""), said)

    @override
    def said(self, body: bytes) -> Said:
        try:
            return replace(google_said(json.loads(body)), body=body)
        except (ValueError, RecursionError):
            return said_in_body(body)
