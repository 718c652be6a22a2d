"""The access log: one JSON object a line for each request, without what was asked and answered."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from gateway_core.calls import CallResult
from gateway_core.errors import BackendUnavailable, ContentFiltered, GatewayError, ProtocolError
from gateway_core.events import Response
from gateway_core.metering import Timing, milliseconds
from gateway_core.server.seams import Handled
from gateway_core.types import Usage

MAX_PATH_CHARS = 300
MAX_ERROR_CHARS = 1000
"""A line that is not longer than what a pipe takes at once is never torn by another process's."""
TOGETHER_S = 0.02
"""Lines of so long are written together: many at a time cost less than each when it comes."""
PIPE_BYTES = 4096
"""What a pipe takes whole."""
FILE_BYTES = 65_536
"""As much at once as a file is given; files take all of it whole."""
LOOK_EVERY_S = 1.0
"""How often it is seen whether the file was moved away, as log rotation does."""

_QUOTES_CONTENT = (ProtocolError, ContentFiltered)
"""Errors whose sentence may repeat what was asked or answered."""


def entry(handled: Handled, at: datetime) -> dict[str, Any]:
    """What the log says of a request that ended ``at``; ``null`` is unknown."""
    given, asked, result = handled.incoming, handled.asked, handled.result
    error_type, error = _error(handled.error or (result.error if result else None), result)
    return {
        "time": at.isoformat(timespec="milliseconds"),
        "request_id": given.id,
        "client": given.client,
        "caller": given.caller,
        "method": given.method,
        "path": given.path[:MAX_PATH_CHARS],
        "status": handled.status,
        "duration_ms": milliseconds(handled.ended_s - given.began_s),
        "dialect": handled.dialect,
        "route": asked.route.name if asked else None,
        "stream": asked.request.stream if asked else None,
        **(_NO_CALL if result is None else _call(result)),
        "error_type": error_type,
        "error": error,
    }


def _call(result: CallResult) -> dict[str, Any]:
    response, timing, served = result.response, result.timing, result.served_by
    usage = response.usage or _UNKNOWN
    return {
        "served_by": served.route if served else None,
        "model": response.model or (served.model if served else None),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "tokens_estimated": None if usage is _UNKNOWN else usage.source == "estimated",
        "latency_ms": timing.latency_ms,
        "ttft_ms": timing.ttft_ms,
        "queued_ms": timing.queued_ms,
        "cost_usd": _plain(result.cost.usd) if result.cost else None,
        "attempts": result.attempts,
        "finish_reason": response.finish_reason,
    }


def _error(error: GatewayError | None, result: CallResult | None) -> tuple[str | None, str | None]:
    """The type of what went wrong, and what is said about it."""
    if error is None:
        cancelled = result is not None and result.status == "cancelled"
        return ("cancelled" if cancelled else None), None
    return error.error_type, None if isinstance(error, _QUOTES_CONTENT) else error.message[:MAX_ERROR_CHARS]


_UNKNOWN = Usage()
_NO_CALL = dict.fromkeys(_call(CallResult("cancelled", Response(), Timing())))


def _plain(usd: Decimal) -> float:
    """A number, for programs that sum them; the exact one is in the recording."""
    return float(usd)


class AccessLog:
    """An observer that writes lines, whole ones also when several processes write to one file."""

    def __init__(
        self,
        path: Path | None,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        write: Callable[[int, bytes], int] = os.write,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        """``later`` calls something in so many seconds; without it each line is written when it comes.

        ``path`` is made where it does not exist; without one, stderr is written to.

        Raises `BackendUnavailable` when the file cannot be written.
        """
        self._path = path
        self._now = now
        self._clock = clock
        self._write = write
        self._later = later
        self._unwritten: list[bytes] = []
        self._looked_s = clock()
        self._fd = sys.stderr.fileno() if path is None else self._opened(path)
        self._at_once_bytes = FILE_BYTES if stat.S_ISREG(os.fstat(self._fd).st_mode) else PIPE_BYTES

    def finished(self, handled: Handled) -> None:
        """Note one line."""
        self._unwritten.append(_line(entry(handled, self._now())))
        if self._later is None:
            self._write_all()
        elif len(self._unwritten) == 1:
            self._later(TOGETHER_S, self._write_all)

    def _write_all(self) -> None:
        """Write what was noted. A disk that takes none stops nobody."""
        noted, self._unwritten = self._unwritten, []
        if not noted:
            return
        self._follow_rotation()
        together = b""
        for line in noted:
            if together and len(together) + len(line) > self._at_once_bytes:
                self._put(together)
                together = b""
            together += line
        self._put(together)

    def _put(self, lines: bytes) -> None:
        with suppress(OSError):  # nowhere is left to say so
            self._write(self._fd, lines)

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        self._write_all()
        if self._path is not None:
            os.close(self._fd)

    def _follow_rotation(self) -> None:
        if self._path is None or self._clock() - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = self._clock()
        try:
            there = self._path.stat()
            mine = os.fstat(self._fd)
            if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                return
        except FileNotFoundError:
            pass
        except OSError:
            return
        try:
            fresh = self._opened(self._path)
        except BackendUnavailable:  # the old file still takes lines
            return
        os.close(self._fd)
        self._fd = fresh

    def _opened(self, path: Path) -> int:
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as exc:
            raise BackendUnavailable(f"the access log {path} cannot be written: {exc.strerror}") from exc


def _line(said: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(said) + b"\n"
    except TypeError:
        return orjson.dumps(_sayable(said)) + b"\n"


def _sayable(said: dict[str, Any]) -> dict[str, Any]:
    """``said`` without half surrogate pairs, which a path may hold and UTF-8 cannot say."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in said.items()
    }
