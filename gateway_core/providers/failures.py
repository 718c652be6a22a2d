"""What the failures of JSON APIs have in common: where they say what, and what their headers add."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway_core.errors import ProtocolError, ProviderError
from gateway_core.keys import Secret
from gateway_core.providers.excerpts import one_line, page_named, their_words
from gateway_core.providers.jsontext import read_json

REQUEST_ID_HEADERS = (
    *("x-request-id", "request-id", "apim-request-id", "x-ms-client-request-id", "x-generation-id"),
    *("x-amzn-requestid", "cf-ray", "x-debug-trace-id"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider said about a failure; ``None`` where it said nothing."""

    message: str | None = None
    code: str | None = None
    type: str | None = None
    request_id: str | None = None
    """As the body tells it, for failures without headers of their own."""
    retry_after_s: float | None = None
    """When to come back, from services that say it in the body."""
    body: bytes | None = field(default=None, repr=False, compare=False)
    """All that was said, where it is the body of an answer."""

    @property
    def status(self) -> int | None:
        """The HTTP status that some services put into ``code``."""
        return int(self.code) if self.code and re.fullmatch(r"[45]\d\d", self.code) else None


def loads(data: str | bytes, *, who: str, secrets: Iterable[Secret] = ()) -> Any:
    """The JSON value of ``data``. Raises `ProtocolError` with an excerpt when it is none."""
    try:
        return read_json(data)
    except (ValueError, RecursionError) as exc:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        what = page_named(text) or f"not JSON: {one_line(text, secrets, limit=120)!r}"
        shown = what if text.strip() else "an empty answer"
        raise ProtocolError(f"{who} sent {shown}") from exc


def said_in_body(body: bytes) -> Said:
    """What the body of a failed call says, be it JSON of any shape, a web page or plain text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return replace(said_in(json.loads(text)), body=body)
    except (ValueError, RecursionError):
        return Said(message=page_named(text) or text or None, body=body)


def said_in(value: Any) -> Said:
    """What a JSON value says about a failure, in any of the shapes that services use."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return Said(message=None if value is None else str(value))
    said = _said_in_dict(value)
    return replace(said, request_id=value["request_id"]) if isinstance(value.get("request_id"), str) else said


def _said_in_dict(value: Mapping[str, Any]) -> Said:
    error = value.get("error") or value.get("errors")
    if isinstance(error, list | dict):
        inner = said_in(error) if isinstance(error, list) else _said_in_object(error)
        return inner if inner.message else Said(_text(value.get("message")), inner.code, inner.type)
    said = _said_in_object(value)
    return Said(error, said.code, said.type) if isinstance(error, str) else said


def _said_in_object(value: Mapping[str, Any]) -> Said:
    inner = value.get("innererror")
    inner_code = inner.get("code") if isinstance(inner, dict) else None
    code = value.get("code")
    message = _text(value.get("message")) or _text(value.get("detail"))
    upstream = value.get("metadata")
    if message and isinstance(upstream, dict) and (raw := _text(upstream.get("raw"))):
        message = f"{message}: {raw}"  # OpenRouter's own message says only that there is one
    return Said(message, _text(code if code not in (None, "") else inner_code), _text(value.get("type")))


def _text(value: Any) -> str | None:
    """``value`` as text: FastAPI's list of details by their places and messages, objects by theirs."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, dict):
        said = _text(value.get("msg") or value.get("message") or value.get("detail")) or json.dumps(value)
        where = value.get("loc")
        place = ".".join(str(part) for part in where[1:]) if isinstance(where, list) else ""
        return f"{place}: {said}" if place else said
    if isinstance(value, list):
        return "; ".join(filter(None, map(_text, value))) or None
    return str(value)


def failure(
    kind: type[ProviderError],
    said: Said,
    *,
    who: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    secrets: Iterable[Secret] = (),
) -> ProviderError:
    """The error of class ``kind`` with everything the answer told. Header names are lower case."""
    headers = headers or {}
    verdict = headers.get("x-should-retry", "").strip().lower()
    answered = f"{who} answered with status {status}" if status else f"{who} reported a failure"
    message = str(said.message or f"{answered} and did not say why")
    code = said.code or said.type  # as untyped JSON has it
    if message.startswith("a web page"):
        message = f"{answered} and {message}"
    error = kind(
        one_line(message, secrets),
        status_code=status,
        code=None if code is None else str(code),
        request_id=next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), said.request_id),
        retry_after=said.retry_after_s if (asked_s := retry_after_s(headers)) is None else asked_s,
        retryable={"true": True, "false": False}.get(verdict),
    )
    error.their_words = their_words(said.body, headers.get("content-type"), secrets)
    return error


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as a date.

    A date counts from the answer's own ``date`` header, because clocks differ; without one it says nothing.
    """
    from email.utils import parsedate_to_datetime  # a start does without it

    for name, scale in (("retry-after-ms", 1000), ("retry-after", 1)):
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value := headers.get(name, "")):
            return float(value) / scale
    try:
        asked, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
        return max(0.0, (asked - now).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
