"""A client that sends any bytes, and reads answers strictly as RFC 9112 frames them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

PATIENCE_S = 10.0
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\x20-\x7e]*")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t\x80-\xff]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")


@dataclass(frozen=True)
class Answer:
    """One answer, whose framing was as it must be."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    chunked: bool = False

    def header(self, name: str) -> str | None:
        """Its value; a header that stands there twice is an error."""
        found = [value for known, value in self.fields if known == name]
        assert len(found) <= 1, f"{name} is said {len(found)} times"
        return found[0] if found else None

    @property
    def closes(self) -> bool:
        """True when the answer says that the connection ends with it."""
        return "close" in (self.header("connection") or "").lower()


class Line:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send ``pieces`` so that the server, in the same loop, reads each by itself."""
        for piece in pieces:
            self._writer.write(piece)
            for _ in range(3):
                await asyncio.sleep(0)

    async def answer(self, method: str = "GET") -> Answer:
        """The next answer, which is to a request of ``method``. 100 Continue counts as one."""
        async with asyncio.timeout(PATIENCE_S):
            found = _STATUS_LINE.fullmatch(await self._text_line())
            assert found is not None, "the status line is none"
            status, fields = int(found[1]), await self._fields()
            answer = Answer(status, fields, b"")
            if (date := answer.header("date")) is not None:
                parsedate_to_datetime(date)
            if method == "HEAD" or status < 200 or status in {204, 304}:
                return answer
            body, chunked = await self._body(answer)
        return Answer(status, fields, body, chunked)

    async def answers(self, *methods: str) -> list[Answer]:
        """One answer for each of ``methods``."""
        return [await self.answer(method) for method in methods]

    async def end(self) -> bytes:
        """What else comes until the server hangs up."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.read()

    async def until(self, ending: bytes) -> bytes:
        """What comes, up to ``ending``."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._reader.readuntil(ending)

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Hang up without ceremony."""
        self._writer.transport.abort()

    async def _text_line(self) -> bytes:
        line = await self._reader.readuntil(b"\r\n")
        assert b"\n" not in line[:-2]
        assert b"\r" not in line[:-2]
        return line[:-2]

    async def _fields(self) -> tuple[tuple[str, str], ...]:
        fields = []
        while line := await self._text_line():
            found = _FIELD.fullmatch(line)
            assert found is not None, f"{line!r} is no header"
            fields.append((found[1].decode().lower(), found[2].decode("latin-1")))
        return tuple(fields)

    async def _body(self, answer: Answer) -> tuple[bytes, bool]:
        coding, length = answer.header("transfer-encoding"), answer.header("content-length")
        assert coding is None or length is None, "the length is said in two ways"
        if coding is not None:
            assert coding == "chunked"
            return await self._chunks(), True
        if length is not None:
            return await self._reader.readexactly(int(length)), False
        assert answer.closes, "nobody can know where the answer ends"
        return await self._reader.read(), False

    async def _chunks(self) -> bytes:
        pieces: list[bytes] = []
        while True:
            found = _CHUNK_SIZE.fullmatch(await self._text_line())
            assert found is not None, "the size of a chunk is none"
            if (size := int(found[0], 16)) == 0:
                assert await self._text_line() == b""
                return b"".join(pieces)
            pieces.append(await self._reader.readexactly(size))
            assert await self._text_line() == b""


@asynccontextmanager
async def line_to(port: int, *, limit: int = 2**20) -> AsyncIterator[Line]:
    """A connection to ``port``; the client reads ahead ``limit`` bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def request(
    method: str,
    target: str,
    *headers: str,
    body: bytes | None = None,
    version: str = "1.1",
) -> bytes:
    """A request; a ``body`` gets its content-length."""
    lines = [f"{method} {target} HTTP/{version}", "host: gateway.example", *headers]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")


def chunked(*pieces: bytes, ending: bytes = b"0\r\n\r\n") -> bytes:
    """``pieces`` as chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + ending
