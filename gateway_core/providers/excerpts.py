"""What others sent, clean enough to be repeated, and short enough to be part of a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from gateway_core.errors import TheirWords
from gateway_core.keys import Secret, redact, redact_json

MAX_MESSAGE_CHARS = 600
LOOKED_AT = 16
"""How many times its limit is looked at of a text that is shortened: blanks shrink, keys are taken out."""
PAGE_CHARS = 10_000
"""Where the title of a web page is looked for; a hostile page could make a search of all of it long."""
MAX_REPEATED_BYTES = 20_000
"""A body that is longer is not kept for those who repeat it."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")


def page_named(text: str) -> str | None:
    """A web page (a proxy's, a login's) by its title; ``None`` for a text that is none."""
    if not text.lstrip()[:200].lower().startswith(("<!doctype", "<html", "<head", "<?xml", "<body")):
        return None
    heading = _TITLE.search(text, 0, PAGE_CHARS) or _HEADING.search(text, 0, PAGE_CHARS)
    import html  # failures are few: a start does without its tables

    title = html.unescape(_TAG.sub(" ", heading[1])).strip() if heading else ""
    return f'a web page titled "{one_line(title, limit=120)}"' if title else "a web page"


def one_line(text: str, secrets: Iterable[Secret] = (), *, limit: int = MAX_MESSAGE_CHARS) -> str:
    """``text`` without secrets, line breaks and control characters, cut at ``limit`` characters."""
    if len(text) > (window := LOOKED_AT * limit):  # what is thrown away need not be cleaned
        text = text[:window] + "…"
    clean = _UNSEEN.sub(" ", redact(text, secrets)).strip()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def their_words(
    body: bytes | None, content_type: str | None, secrets: Iterable[Secret] = ()
) -> TheirWords | None:
    """The body of a failed call for those who repeat it; ``None`` where there is nothing to repeat."""
    if body is None or len(body) > MAX_REPEATED_BYTES:
        return None
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text) if "application/json" in (content_type or "") else text
        return TheirWords(content_type, redact_json(value, tuple(secrets)))
    except (ValueError, RecursionError):
        return None
