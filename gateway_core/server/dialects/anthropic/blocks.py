"""Which pieces a turn of Anthropic's may hold here, in the words of JSON schema.

Only for the documentation: `conversation` reads them, and says exactly what it cannot.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}


def _kind(kind: str, /, **members: Schema) -> Schema:
    """An object whose ``type`` is ``kind``, and which has all of ``members``."""
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **members},
        "required": ["type", *members],
    }


BASE64 = _kind("base64", media_type=TEXT, data=TEXT)
PICTURE_OR_DOCUMENT: list[Schema] = [
    _kind("text", text=TEXT),
    _kind("image", source={"anyOf": [BASE64, _kind("url", url=TEXT)]}),
    _kind("document", source={"anyOf": [BASE64, _kind("text", data=TEXT)]}),
]
RESULT = _kind("tool_result", tool_use_id=TEXT)
RESULT["properties"]["content"] = {
    "anyOf": [TEXT, {"type": "array", "items": {"anyOf": PICTURE_OR_DOCUMENT}}, {"type": "null"}]
}
CALL = _kind("tool_use", id=TEXT, name=TEXT)
CALL["properties"]["input"] = {"type": ["object", "null"]}


def _turn(roles: list[str], blocks: list[Schema]) -> Schema:
    content = {"anyOf": [TEXT, {"type": "array", "items": {"anyOf": blocks}}]}
    return {"properties": {"role": {"enum": roles}, "content": content}}


TURN: Schema = {
    "anyOf": [
        _turn(["user", "system"], [*PICTURE_OR_DOCUMENT, RESULT]),
        _turn(["assistant"], [_kind("text", text=TEXT), CALL, _kind("thinking"), _kind("redacted_thinking")]),
    ]
}
"""Who may say what."""
