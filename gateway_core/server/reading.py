"""Reading a request, with the patience a service has: as much as is allowed, as long as is allowed."""

from __future__ import annotations

import re
import time
from random import Random
from urllib.parse import unquote, urlsplit

import httptools

from gateway_core.server.dialects.base import Flaw, Refusal
from gateway_core.server.seams import Incoming
from gateway_core.server.settings import MIB, Bounds
from gateway_core.server.turn import BodyTooLong, Turn

MOST_DIGITS = 18
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)


def incoming(
    method: str,
    target: tuple[str, str],
    raw_headers: list[tuple[bytes, bytes]],
    *,
    client: str | None,
    secure: bool,
) -> Incoming:
    """The request with that head; ``target`` is path and query."""
    given = Incoming(
        method=method,
        path=target[0],
        query=target[1],
        raw_headers=raw_headers,
        client=client,
        secure=secure,
        id="",
        began_s=time.perf_counter(),
    )
    said = given.header(b"x-request-id")
    given.id = said if said is not None and _REQUEST_ID.fullmatch(said) else new_id()
    return given


def split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request's target, which may also be a whole address."""
    if not target.startswith(b"/"):
        try:
            parts = httptools.parse_url(target)
        except httptools.HttpParserInvalidURLError:
            return target.decode("latin-1"), ""
        path, query = parts.path or b"/", parts.query or b""
    else:
        path, _, query = target.partition(b"#")[0].partition(b"?")
    said = path.decode("latin-1")
    return unquote(said) if "%" in said else said, query.decode("latin-1")


_CHANCE = Random()  # noqa: S311 - ids must differ, not be secret; seeded by the system, without asking it each time


_IDS: list[str] = []
_IDS_AT_ONCE = 64


def new_id() -> str:
    """A number nobody else has, as 32 letters and digits."""
    if not _IDS:  # many at a time cost little more than one
        drawn = _CHANCE.randbytes(16 * _IDS_AT_ONCE).hex()
        _IDS.extend(drawn[at : at + 32] for at in range(0, len(drawn), 32))
    return _IDS.pop()


def require_json(given: Incoming) -> None:
    """Raises `Refusal` when the body says that it is something else, or that it is packed.

    MLflow takes one that says nothing.
    """
    if (given.header(b"content-encoding") or "identity").lower() != "identity":
        raise Refusal("send the body as it is, without content-encoding", status=415)
    kind = given.header(b"content-type")
    if kind is not None and kind != "application/json" and not _JSON.match(kind):
        flaw = Flaw("model_attributes_type", (), "Input should be JSON: send content-type: application/json")
        raise Refusal("send JSON, with content-type: application/json", status=415, flaws=(flaw,))


def require_same_site(given: Incoming) -> None:
    """Raises `Refusal` for what a page of another site has a browser send.

    Such a page could not read the answer, but it could spend money without anybody's knowledge.
    """
    if (site := given.header(b"sec-fetch-site")) is not None:
        foreign = site in {"cross-site", "same-site"}
    elif (origin := given.header(b"origin")) is not None:
        ours = {given.header(b"host"), given.header(b"x-forwarded-host")}
        foreign = urlsplit(origin).netloc not in ours
    else:
        return
    if foreign:
        raise Refusal("requests from pages of other sites are not taken", status=403)


async def read_body(turn: Turn, bounds: Bounds) -> bytes:
    """The whole body. Raises `Refusal` when it is too long, `ClientLeft` when it never ends."""
    announced = turn.incoming.header(b"content-length")
    if announced and announced.isdecimal() and int(announced[:MOST_DIGITS]) > bounds.body_bytes:
        raise _too_long(bounds)
    try:
        return await turn.body(bounds.body_bytes)
    except BodyTooLong as exc:
        raise _too_long(bounds) from exc


def whole_body(turn: Turn, bounds: Bounds) -> bytes:
    """The body of a request that is complete. Raises `Refusal` when it is too long."""
    try:
        return turn.taken(bounds.body_bytes)
    except BodyTooLong as exc:
        raise _too_long(bounds) from exc


def _too_long(bounds: Bounds) -> Refusal:
    most = f"{bounds.body_bytes / MIB:.3g} MiB" if bounds.body_bytes >= MIB else f"{bounds.body_bytes} bytes"
    return Refusal(f"the body is longer than {most}, which is all this gateway takes", status=413)
