"""JSON as providers write and read it: quickly where it is plain, with the standard library's patience else.

orjson knows no half surrogate pairs, no NaN and no integers above 64 bits; some services send the first two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

_ONLY_PLAIN = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_NOTHING = b"null"
"""What orjson writes for NaN, which must not be sent as something else."""


def read_json(data: str | bytes) -> Any:
    """The value of ``data``; what is no UTF-8 is replaced. Raises `ValueError` or `RecursionError`."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data if isinstance(data, str) else data.decode("utf-8", "replace"))


def json_of(value: Mapping[str, Any]) -> bytes:
    """``value`` as JSON. Raises `TypeError`, `ValueError` or `RecursionError` for what JSON cannot say."""
    try:
        written = orjson.dumps(value, option=_ONLY_PLAIN)
    except orjson.JSONEncodeError:
        written = _NOTHING
    if _NOTHING in written:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    return written
