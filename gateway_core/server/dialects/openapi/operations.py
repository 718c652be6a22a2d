"""The parts an OpenAPI document is put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Schema = dict[str, Any]

ABSENT: Schema = {"type": "null"}
"""The schema of what may not be there: null is as good as nothing."""
PAGE_TOKEN: Schema = {
    "name": "page_token",
    "in": "query",
    "required": False,
    "description": "next_page_token of the page before.",
    "schema": {"type": "string"},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    name: str
    """Unique in the document."""
    tag: str
    summary: str
    answers: str
    """The name of the answer's schema."""
    failure: str
    asks: Schema | None = None
    """The schema of the body, if there is one."""
    example: Schema | None = None
    streams: bool = False
    parameters: tuple[Schema, ...] = ()
    status: str = "200"

    def written(self) -> Schema:
        """As OpenAPI writes it."""
        said: Schema = {"operationId": self.name, "tags": [self.tag], "summary": self.summary}
        if self.parameters:
            said["parameters"] = list(self.parameters)
        if self.asks is not None:
            media: Schema = {"schema": self.asks}
            if self.example is not None:
                media["example"] = self.example
            said["requestBody"] = {"required": True, "content": {"application/json": media}}
        return {**said, "responses": self._responses()}

    def _responses(self) -> Schema:
        content: Schema = {"application/json": {"schema": ref(self.answers)}}
        if self.streams:
            content["text/event-stream"] = {}  # OpenAPI 3.1 has no words for what events hold
        failed = {
            "description": "What went wrong. A provider's own status is kept, with its Retry-After.",
            "content": {"application/json": {"schema": ref(self.failure)}},
        }
        if not self.status.startswith("2"):
            return {self.status: failed, "default": failed}
        return {self.status: {"description": "The answer.", "content": content}, "default": failed}

    def with_status(self, status: str) -> Operation:
        """The same, always answered with ``status``."""
        return replace(self, status=status)


def ref(name: str) -> Schema:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def narrowed(name: str, properties: Mapping[str, Schema]) -> Schema:
    """The schema ``name``, of which some properties are held to more."""
    more: Schema = {"type": "object", "properties": dict(properties)}
    return {"allOf": [ref(name), more]} if properties else ref(name)


def path_parameter(name: str, description: str, choices: Iterable[str]) -> Schema:
    """A part of the path that names one of ``choices``."""
    schema: Schema = {"type": "string"}
    if known := list(choices):
        schema["enum"] = known
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}
