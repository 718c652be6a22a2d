"""HTTP/1.1 connections with bounds: how long a head may be, how long it may take, how errors are said."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import httptools
from typing_extensions import override

from gateway_core.server.reading import incoming, split_target
from gateway_core.server.settings import Bounds
from gateway_core.server.turn import Turn

MOST_WAITING = 16
"""So many requests are read ahead of their answers; then the client has to wait."""
_HOST = re.compile(rb"[\w.\-:\[\]%]*", re.ASCII)
_OF_AN_OFFER = frozenset((b"connection", b"upgrade", b"http2-settings"))
NOT_HTTP = "the request is not valid HTTP"

App = Callable[[Turn], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Shared:
    """What the connections of one listener have in common."""

    app: App
    bounds: Bounds
    loop: asyncio.AbstractEventLoop
    on_lost: Callable[[], None]
    date: bytes = b""
    """The line of the ``date`` header, with its end."""
    connections: set[Connection] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class _Excess(Exception):
    """Stops the parser; what is wrong is on the connection."""


class Connection(asyncio.Protocol):
    """One client's connection: requests come in, and each gets its answer before the next.

    Ask it `overdue` once a second; it hangs up when the client lets itself be waited for.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._bounds = shared.bounds
        self._loop = shared.loop
        self._parser = httptools.HttpRequestParser(self)
        self._client: str | None = None
        self._secure = False
        self._turn: Turn | None = None
        """The request that is being answered."""
        self._arriving: Turn | None = None
        """The request whose body is being read."""
        self._waiting: deque[Turn] = deque()
        self._idle_since_s: float | None = None
        self._head_since_s: float | None = None
        """Since when the head of a request, or its first byte, is awaited."""
        self._body_since_s: float | None = None
        """Since when the body of a request is awaited."""
        self._heard_s = 0.0
        """When something of that body came last."""
        self._stalled_since_s: float | None = None
        """Since when the client reads nothing of what is there for it."""
        self._head_bytes = 0
        self._read_bytes = 0
        self._paused = False
        self._hung_up = False
        self._deaf = False
        """True when nothing more is read, because it would not be understood."""
        self._ending = False
        """True when nobody may ask again once what was asked is answered."""
        self._refusal = (HTTPStatus.BAD_REQUEST, NOT_HTTP)
        self._owes_refusal = False
        """True when a refusal follows the answers under way."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._has_coding = False
        self._plain_hosts: list[bytes] | None = None
        """The host of the request before, which was found to be one."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has no base in common with it
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if isinstance(peer, tuple) else None
        self._secure = transport.get_extra_info("sslcontext") is not None
        self._head_since_s = self._loop.time()
        self._shared.connections.add(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._hung_up = True
        self._shared.connections.discard(self)
        self._waiting.clear()
        if self._turn is not None:
            self._turn.leave()
        self._shared.on_lost()

    @property
    def date(self) -> bytes:
        """The line of the ``date`` header."""
        return self._shared.date

    @property
    def is_stalled(self) -> bool:
        """True while the client does not take what is there for it."""
        return self._stalled_since_s is not None and not self._hung_up

    def write(self, data: bytes) -> None:
        """Send bytes of an answer."""
        self._transport.write(data)

    @override
    def data_received(self, data: bytes) -> None:
        if self._hung_up or self._deaf or self._transport.is_closing():
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse()
            return
        if self._head_since_s is not None:  # what a head holds that is not complete, nobody has counted
            self._read_bytes += len(data)
            if self._read_bytes > self._bounds.head_bytes + self._bounds.target_bytes:
                self._excess(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too long")
                self._refuse()
                return
        if self._paused or self._waiting or self._arriving is not None:
            self._pause_or_read_on()

    def _pause_or_read_on(self) -> None:
        flooded = self._arriving is not None and self._arriving.is_flooding
        pause = len(self._waiting) >= MOST_WAITING or flooded
        if pause and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        elif self._paused and not pause:
            self._paused = False
            self._transport.resume_reading()

    def read_on(self) -> None:
        """Somebody reads the body now."""
        if not self._hung_up:
            self._pause_or_read_on()

    def _decline(self, rest: bytes) -> None:
        """Read a request that offers another protocol as if it did not; the parser has stopped before its
        body, which is in ``rest``.
        """
        method = self._parser.get_method()
        self._parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self._refuse()
            return
        kept = [(name, value) for name, value in self._headers if name not in _OF_AN_OFFER]
        lines = [b"%b: %b" % pair for pair in (*kept, (b"connection", b"close"))]
        head = b"\r\n".join((b"%b %b HTTP/1.1" % (method, self._url), *lines, b"", b""))
        self.data_received(head + rest)

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._idle_since_s = None
        self._head_since_s = self._loop.time()
        self._head_bytes = self._read_bytes = 0
        self._url = b""
        self._headers = []
        self._has_coding = False

    def on_url(self, url: bytes) -> None:
        """httptools: a piece of the target."""
        self._url += url
        if len(self._url) > self._bounds.target_bytes:
            raise self._excess(HTTPStatus.REQUEST_URI_TOO_LONG, "the address is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header, or one line of what may follow a body."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._bounds.head_bytes:
            raise self._excess(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too long")
        if self._arriving is not None:
            return
        name = name.lower()
        self._headers.append((name, value))
        self._has_coding = self._has_coding or name == b"transfer-encoding"
        if len(self._headers) > self._bounds.header_count:
            raise self._excess(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "there are too many headers")

    def on_headers_complete(self) -> None:
        """httptools: the body comes next."""
        self._body_since_s = self._heard_s = self._head_since_s or self._loop.time()
        self._head_since_s = None
        parser = self._parser
        if parser.should_upgrade():  # `_decline` sees to it
            return
        version = parser.get_http_version()
        self._require_one_meaning(version)
        given = incoming(
            parser.get_method().decode("ascii"),
            split_target(self._url),
            self._headers,
            client=self._client,
            secure=self._secure,
        )
        modern = version == "1.1"
        turn = Turn(self, given, modern=modern, keeps=modern and parser.should_keep_alive())
        self._arriving = turn
        if self._turn is None:
            self._start(turn)
        else:
            self._waiting.append(turn)

    def _require_one_meaning(self, version: str) -> None:
        """Refuse a head that a proxy in front of this service may have understood otherwise."""
        hosts = [value for name, value in self._headers if name == b"host"]
        if version == "1.1" and self._plain_hosts == hosts and not self._has_coding:
            return
        codings = [value.strip().lower() for name, value in self._headers if name == b"transfer-encoding"]
        if version == "1.1":
            plain = len(hosts) == 1 and codings in ([], [b"chunked"])
        else:
            plain = version == "1.0" and len(hosts) <= 1 and not codings
        if not (plain and all(map(_HOST.fullmatch, hosts))):
            raise self._excess(HTTPStatus.BAD_REQUEST, NOT_HTTP)
        self._plain_hosts = hosts or None

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._heard_s = self._loop.time()
        if self._arriving is not None:
            self._arriving.take(body)

    def on_message_complete(self) -> None:
        """httptools: the request is whole."""
        self._body_since_s = None
        if self._arriving is not None:
            turn, self._arriving = self._arriving, None
            turn.whole()

    def _start(self, turn: Turn) -> None:
        self._turn = turn
        task = turn.task = self._loop.create_task(self._shared.app(turn))
        self._shared.tasks.add(task)
        task.add_done_callback(partial(self._handled, turn))

    def _handled(self, turn: Turn, task: asyncio.Task[None]) -> None:
        self._shared.tasks.discard(task)
        if not turn.answered:  # all that can be done is to break it off
            self._transport.abort()

    @property
    def is_ending(self) -> bool:
        """True when the answer under way is the last."""
        return self._ending and not self._waiting and not self._owes_refusal

    def next_turn(self, done: Turn) -> None:
        """An answer was sent: go on with the next request, if there is to be one."""
        if done is not self._turn or self._hung_up:
            return
        self._turn = None
        if not done.keeps or self.is_ending:
            self._part(0.0 if done.complete or done.expects else self._bounds.linger_body_s)
        elif self._waiting:
            self._start(self._waiting.popleft())
            self._pause_or_read_on()
        elif self._owes_refusal:
            self._say_refusal()
        else:
            self._idle_since_s = self._loop.time()

    def _part(self, linger_s: float) -> None:
        """Close the connection, once the answer is out and ``linger_s`` seconds more were listened."""
        self._head_since_s = self._body_since_s = None
        if linger_s:
            self._hung_up = True
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            self._loop.call_later(linger_s, self._transport.close)
        else:
            self._transport.close()

    @override
    def pause_writing(self) -> None:
        self._stalled_since_s = self._loop.time()

    @override
    def resume_writing(self) -> None:
        self._stalled_since_s = None
        if self._turn is not None:
            self._turn.wake()

    def _excess(self, status: HTTPStatus, sentence: str) -> _Excess:
        self._refusal = (status, sentence)
        return _Excess(sentence)

    def shutdown(self) -> None:
        """Answer what was asked, and nothing more."""
        self._ending = True
        if self._turn is None and not self._hung_up:
            self._transport.close()

    def overdue(self, now_s: float) -> None:
        """Hang up when the client lets itself be waited for, or asks nothing for long."""
        bounds = self._bounds
        if _passed(self._stalled_since_s, bounds.write_timeout_s, now_s):
            self._transport.abort()
        elif _passed(self._idle_since_s, bounds.keep_alive_s, now_s):
            self._transport.close()
        elif _passed(self._head_since_s, bounds.head_timeout_s, now_s) or (
            self._body_since_s is not None
            and not self._paused
            and (
                _passed(self._body_since_s, bounds.body_timeout_s, now_s)
                or _passed(self._heard_s, bounds.body_pause_s, now_s)
            )
        ):
            self._excess(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to arrive")
            self._refuse()

    def _refuse(self) -> None:
        """Refuse what was not even a request, as JSON, and hang up.

        Nothing is said in the middle of an answer, and answers that are owed come first.
        """
        turn = self._turn
        if self._waiting or (turn is not None and turn is not self._arriving):
            self._owes_refusal = self._ending = self._deaf = True
        elif turn is None or not turn.started:
            self._say_refusal()
        else:
            self._part(self._bounds.linger_s)

    def _say_refusal(self) -> None:
        status, sentence = self._refusal
        body = json.dumps({"detail": sentence}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._part(self._bounds.linger_s)

    @override
    def eof_received(self) -> None:
        """Who stops sending has left: there is nobody who would wait for an answer in silence."""


def _passed(since_s: float | None, limit_s: float, now_s: float) -> bool:
    return since_s is not None and now_s - since_s > limit_s
