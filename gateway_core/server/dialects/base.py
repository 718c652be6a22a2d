"""What a dialect is: it reads a body into a core request, and writes answers, streams and refusals.

The service does the rest: it finds the dialect by path, authorises, runs the call, and sends the bytes::

    asked = dialect.parse(table, body, name=name)        # raises GatewayError -> dialect.refusal(error)
    result = await gateway.run(asked.route, asked.request, emit)
    reply = replied(dialect, asked, result, stamp)

and for ``asked.request.stream``::

    writer = dialect.stream(asked, stamp)
    writer.write(event) ...                              # may be empty: nothing to be said yet
    writer.end(result)                                   # or writer.fail(error) once bytes were sent
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from gateway_core.calls import CallResult
from gateway_core.errors import GatewayError, InvalidRequest, StreamInterrupted
from gateway_core.events import Event
from gateway_core.made_often import made_often
from gateway_core.routes import Route, RouteTable
from gateway_core.types import Request, RouteType

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"
NOT_JSON = "json_invalid"
LONGEST_NAME = 100
"""What is repeated of a name that nobody knows."""
_OF_A_CHOICE = re.compile(r"str|bool|(list|dict|constrained)\b.+|[A-Z]\w+|function-.+")


@made_often
@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer. Header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        """``headers`` with the type of the body."""
        return {"content-type": JSON, **self.headers}


@made_often
@dataclass(frozen=True, slots=True)
class Stamp:
    """What an answer is marked with where the provider did not: the service brings time and chance."""

    id: str
    """Unique; letters and digits, without the prefix that each dialect gives it."""
    created: int
    """Seconds since 1970."""


@made_often
@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was understood: which route is to answer what, and in which form."""

    route: Route
    request: Request
    include_usage: bool = False
    """A stream ends with the token counts."""
    base64: bool = False
    """Vectors are wanted as base64 of little-endian 32 bit floats."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a body, as pydantic 2 tells it."""

    type: str
    loc: tuple[str | int, ...]
    """Where, from the body's own top."""
    msg: str
    input: Any = None
    ctx: Mapping[str, Any] | None = None

    @property
    def place(self) -> str:
        """``messages.0.content``, without pydantic's marks of a choice; empty for the body as a whole."""
        if self.type == NOT_JSON:
            return ""
        return ".".join(str(part) for part in self.loc if not _OF_A_CHOICE.fullmatch(str(part)))

    @property
    def sentence(self) -> str:
        """Place and message."""
        if self.type == NOT_JSON:
            return f"the body is not JSON: {(self.ctx or {}).get('error', self.msg)}"
        return f"{self.place or 'the body'}: {self.msg}"


class Refusal(InvalidRequest):
    """What the service itself says no to, before any provider is asked.

    ``status`` is the HTTP status where the dialect has none of its own for it; ``param`` names the culprit;
    ``flaws`` is everything that is wrong with the body's shape.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        flaws: tuple[Flaw, ...] = (),
    ) -> None:
        super().__init__(message, code=code, retry_after=retry_after)
        self.status = status
        self.param = param
        self.flaws = flaws


class StreamWriter(Protocol):
    """Writes the frames of one streamed answer, in order; what it returns may be empty.

    Feed it the events as ``Gateway.run`` emits them, then exactly one of `end` and `fail`.
    """

    def write(self, event: Event) -> bytes:
        """The frames of one event."""

    def end(self, result: CallResult) -> bytes:
        """The frames after the last event of an answer that is whole."""

    def fail(self, error: GatewayError, about: Route | None = None) -> bytes:
        """The frame that reports a failure after the answer had begun."""


class Dialect(Protocol):
    """How one family of clients asks and wants to be answered. Stateless."""

    @property
    def name(self) -> str:
        """For logs and metrics, for example ``openai``."""

    def parse(self, table: RouteTable, body: bytes, *, name: str | None = None) -> Asked:
        """What ``body`` asks; ``name`` is the route's where the path says it. Raises `GatewayError`."""

    def answer(self, asked: Asked, result: CallResult, stamp: Stamp) -> bytes:
        """The body of a whole answer; ``result`` is one without an error."""

    def stream(self, asked: Asked, stamp: Stamp) -> StreamWriter:
        """A writer for an answer that is asked for as a stream."""

    def refusal(self, error: GatewayError, about: Route | None = None) -> Reply:
        """Status, headers and body of a failure. ``about`` is the route, where it is known."""


def replied(dialect: Dialect, asked: Asked, result: CallResult, stamp: Stamp) -> Reply:
    """The whole HTTP answer to a call that was not streamed, however it ended."""
    if result.status == "ok":
        return Reply(200, dialect.answer(asked, result, stamp))
    return dialect.refusal(result.error or StreamInterrupted("the call was cancelled"), asked.route)


def found(table: RouteTable, name: str, route_type: RouteType | None = None) -> Route:
    """The route ``name``, of kind ``route_type`` if one is given. Raises `Refusal`, which names no other."""
    if name not in table:
        shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        raise Refusal(f'there is no route "{shown}"', status=404, param="model", code="model_not_found")
    route = table.get(name)
    if route_type is not None and route.route_type != route_type:
        wanted, offered = (kind.rpartition("/")[2] for kind in (route_type, route.route_type))
        raise Refusal(f'the route "{name}" is for {offered}, not for {wanted}', param="model")
    return route


def encoded(value: Any) -> bytes:
    """``value`` as JSON. Half a surrogate pair, which UTF-8 cannot say, becomes U+FFFD."""
    try:
        return orjson.dumps(value)
    except TypeError:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


class Halves:
    """Keeps the first half of a character back until the second comes, for each text of an answer."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], str] = {}

    def whole(self, text: str, index: int, kind: str) -> str:
        """What can be sent now of more ``text``; the rest comes with the next."""
        if self._kept:
            text = self._kept.pop((index, kind), "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._kept[index, kind] = text[-1]
            return text[:-1]
        return text


def model_of(asked: Asked, result: CallResult) -> str:
    """Who answered: as the provider says, else as configured, else the route's name."""
    served = result.served_by
    return result.response.model or (served and served.model) or asked.route.model_name or asked.route.name
