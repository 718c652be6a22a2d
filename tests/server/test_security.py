"""What somebody with bad intentions may try on a running service, byte by byte where that matters.

Beside this file: the bounds of time and length of single requests are in test_connections.py, where a token
may stand in test_auth.py, pages of other sites and addresses of providers in test_service.py, the policy of
the docs page in test_docs_page.py, and that bodies are never requests in test_http1.py.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import sys
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway_core.config.model import Auth, Config, Credential
from gateway_core.server.access_log import AccessLog
from gateway_core.server.door import Door
from gateway_core.server.paths import FIXED, NAMED
from gateway_core.server.settings import Bounds
from gateway_core.server.tokens import token_hash
from tests.core.loopback import Peer
from tests.core.loopback import serving as upstream_serving
from tests.server.lines import Answer, chunked, line_to, request
from tests.server.running import QUESTION, SAID, Noting, scripted, serving, until, upstream
from tests.server.scenes import NOON, OTHER_TOKEN, TOKEN, Time, basic, bearer

CHAT_PATH = "/v1/chat/completions"
CHAT = json.dumps({"model": "chat", **QUESTION}).encode()
STREAM = json.dumps({"model": "chat", "stream": True, **QUESTION}).encode()
JSON = "content-type: application/json"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
GET = b"GET /health HTTP/1.1\r\nhost: x\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
SMUGGLED = request("GET", "/v1/models/smuggled")

OLD_TOKEN = "gtk_" + "c" * 43
WRONG_TOKEN = "gtk_" + "d" * 43
PASSWORD = "correct horse"
# Of that password, with parameters that take no time.
QUICK = "scrypt:10:1:1:c2FsdHNhbHRzYWx0c2FsdA:Tf2v_O-XNjurweDC74rfrJVPMpklmBsABP0EWP2pIbA"
EVERYBODY = Auth(
    (
        Credential("ci", token_hash(TOKEN), routes=("chat",)),
        Credential("all", token_hash(OTHER_TOKEN)),
        Credential("old", token_hash(OLD_TOKEN), expires=NOON - timedelta(days=1)),
    ),
    (Credential("ann", QUICK),),
)


@asynccontextmanager
async def locked(tmp_path, *routes, observer=None):
    """A service of the routes chat and other that lets in `EVERYBODY` and nobody else."""
    nothing: Any = None
    door = Door(lambda: Config("x", ()), now=Time(), counts=nothing, places=nothing, more=EVERYBODY)
    routes = routes or (scripted("chat"), scripted("other"))
    async with serving(tmp_path, *routes, guard=door, observer=observer) as gateway:
        yield gateway


async def asked_once(port: int, sent: bytes, method: str = "GET") -> tuple[Answer, bytes]:
    """The answer to what is ``sent``, and what comes after it until the connection is closed."""
    async with line_to(port) as line:
        await line.send(sent)
        answer = await line.answer(method)
        if answer.closes:  # who was refused is waited for, unless they say that they are done
            line.half_close()
        return answer, await line.end()


# Who may enter.


@pytest.mark.parametrize(
    ("headers", "route", "status"),
    [
        ((), "chat", 401),
        ((f"authorization: {bearer(TOKEN)}",), "chat", 200),
        ((f"authorization: {bearer(TOKEN)}",), "other", 403),
        ((f"authorization: {bearer(OTHER_TOKEN)}",), "other", 200),
        ((f"authorization: {bearer(OLD_TOKEN)}",), "chat", 401),
        ((f"authorization: {bearer(WRONG_TOKEN)}",), "chat", 401),
        ((f"authorization: {bearer(TOKEN[:-1])}",), "chat", 401),
        ((f"authorization: {bearer(TOKEN.upper())}",), "chat", 401),
        ((f"authorization: {bearer(token_hash(TOKEN))}",), "chat", 401),
        ((f"authorization: {TOKEN}",), "chat", 401),
        ((f"authorization: Digest {TOKEN}",), "chat", 401),
        ((f"authorization: Token {TOKEN}",), "chat", 401),
        (("authorization: Bearer",), "chat", 401),
        (("authorization:",), "chat", 401),
        ((f"authorization: {basic('ann', PASSWORD)}",), "other", 200),
        ((f"authorization: {basic('ann', PASSWORD + ' ')}",), "chat", 401),
        ((f"authorization: {basic('ci', PASSWORD)}",), "chat", 401),
        ((f"authorization: {basic('ann', QUICK)}",), "chat", 401),
        ((f"authorization: {basic('', '')}",), "chat", 401),
        ((f"authorization: {bearer(OTHER_TOKEN)}", f"authorization: {bearer(WRONG_TOKEN)}"), "chat", 401),
        ((f"x-api-key: {OTHER_TOKEN}", f"x-api-key: {WRONG_TOKEN}"), "chat", 401),
        ((f"cookie: authorization={OTHER_TOKEN}",), "chat", 401),
        ((f"proxy-authorization: {bearer(OTHER_TOKEN)}",), "chat", 401),
        ((f"x-authorization: {bearer(OTHER_TOKEN)}",), "chat", 401),
        ((f"authorization_: {bearer(OTHER_TOKEN)}",), "chat", 401),
        (("x-forwarded-for: 127.0.0.1", "x-real-ip: 127.0.0.1", "forwarded: for=127.0.0.1"), "chat", 401),
        (("x-forwarded-user: ann", "remote-user: ann", "x-remote-user: ann"), "chat", 401),
        (("x-original-url: /health", "x-rewrite-url: /health"), "chat", 401),
        (("x-http-method-override: GET",), "chat", 401),
    ],
)
async def test_a_route_is_called_only_for_those_whose_it_is(tmp_path, headers, route, status):
    body = json.dumps({"model": route, **QUESTION}).encode()
    noting = Noting()
    async with locked(tmp_path, observer=noting) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", CHAT_PATH, JSON, *headers, body=body))
        answer = await line.answer("POST")
    assert answer.status == status
    assert (noting.handled[0].result is None) == (status != 200)
    assert (answer.header("www-authenticate") is None) == (status != 401)
    assert (SAID.encode() in answer.body) == (status == 200)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_but_the_health_is_told_without_a_token(tmp_path, method):
    own = [
        "/",
        "/docs",
        "/docs/page.js",
        "/docs/page.css",
        "/openapi.json",
        "/redoc",
        "/metrics",
        "/favicon.ico",
    ]
    named = [f"{before}chat{after}" for before, after, _ in NAMED]
    async with locked(tmp_path) as gateway, line_to(gateway.port) as line:
        for target in (*FIXED, *named, *own, "/health/", "/nothing", "/v1/nothing", "/docs/"):
            await line.send(request(method, target))
            answer = await line.answer(method)
            assert answer.status == 401, target
            assert b"chat" not in answer.body


@pytest.mark.parametrize("body", [b"{" * 50_000, chunked(b"{" * 50_000)], ids=["length", "chunks"])
async def test_who_may_not_enter_is_told_so_before_the_body_is_looked_at(tmp_path, body):
    framing = (f"content-length: {len(body)}",) if body[:1] == b"{" else ("transfer-encoding: chunked",)
    async with locked(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(
            request("POST", CHAT_PATH, "content-type: text/plain", "expect: 100-continue", *framing)
        )
        answer = await line.answer("POST")
        assert answer.status == 401
        if not answer.closes:
            await line.send(body + request("GET", "/health"))
            assert (await line.answer()).status == 200


async def test_no_answer_and_no_log_repeats_what_somebody_proves_themselves_with(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    log = AccessLog(tmp_path / "access.jsonl", now=lambda: datetime.now(UTC), clock=time.monotonic)
    encoded = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    secrets = (TOKEN, OTHER_TOKEN, OLD_TOKEN, WRONG_TOKEN, PASSWORD, encoded)
    headers = [
        *(f"authorization: {bearer(token)}" for token in (TOKEN, OTHER_TOKEN, OLD_TOKEN, WRONG_TOKEN)),
        f"authorization: Basic {encoded}",
        f"authorization: Basic {encoded}!",
        f"authorization: Secret {TOKEN}",
        f"authorization: {basic('nobody', PASSWORD)}",
        f"api-key: {WRONG_TOKEN}",
    ]
    told = b""
    async with locked(tmp_path, observer=log) as gateway, line_to(gateway.port) as line:
        for header in headers:
            for method, target, body in (
                ("POST", CHAT_PATH, CHAT),
                ("POST", "/gateway/other/invocations", b"{"),
                ("GET", f"/v1/models?api_key={OTHER_TOKEN}&key={TOKEN}", None),
                ("TRACE", "/health", None),
                ("GET", "/openapi.json", None),
            ):
                await line.send(request(method, target, JSON, header, body=body))
                answer = await line.answer(method)
                told += answer.body + repr(answer.fields).encode()
    log.close()
    logged = (tmp_path / "access.jsonl").read_text() + caplog.text
    assert logged.count("request_id") == len(headers) * 5
    for secret in secrets:
        assert secret.encode() not in told
        assert secret not in logged


# Paths.

NOT_HERE = [
    "/health/../v1/models", "/health/..;/v1/models", "/./v1/models", "/v1/./models", "/v1/../v1/models",
    "/%2e%2e/v1/models", "/health/%2e%2e/v1/models", "/health%2f..%2fv1%2fmodels", "//v1/models",
    "/v1//models", "///v1/models", "/v1/models;x", "/health;/../v1/models", "/health;a=b", "/v1;/models",
    "/V1/models", "/v1/MODELS", "/Health", "/HEALTH", "/v1/models%00", "/health%00", "/health%20",
    "/health%0a", "/health%2e", "/health.", "/health.json", "/v1/models%2fchat%2f..",
    "/v1/models/%c0%ae%c0%ae",
    "/v1/%c0%ae%c0%ae/v1/models", "/%252e%252e/v1/models", "/health%23", "/health%3fx",
    "/v1/models/\uff43hat", "/\uff48ealth", "/v1\u2215models", "/docs/..%2f..%2fapp.py",
    "/docs/%2e%2e/%2e%2e/auth.py",
    "/docs/page.js/..", "/static/docs.html", "/etc/passwd", "/docs//etc/passwd", "/docs%5c..%5capp.py",
    "/api/2.0/gateway/routes/../../../v1/models", "/gateway/other/../chat/invocations",
    "/.", "/..", "/%00",
]  # fmt: skip


def percent(target: str) -> str:
    """``target`` with what is not ASCII as UTF-8 in percent signs."""
    return "".join(c if c.isascii() else "".join(f"%{b:02x}" for b in c.encode()) for c in target)


async def test_a_path_is_what_it_says_and_no_other(tmp_path):
    token = f"authorization: {bearer(OTHER_TOKEN)}"
    found = {}
    async with locked(tmp_path) as gateway:
        for target in NOT_HERE:
            async with line_to(gateway.port) as line:
                await line.send(request("GET", percent(target)), request("GET", percent(target), token))
                nobody = await line.answer()
                known = await line.answer() if not nobody.closes else nobody
            found[target] = (nobody.status, known.status)
    assert {target: statuses for target, statuses in found.items() if statuses != (401, 404)} == {}


@pytest.mark.parametrize(
    "sent", [b"/v1/mod\xc3\xa9ls", b"/v1\\models", b"\\health", b"/health\x00", b"/hea\x7flth"]
)
async def test_a_target_with_what_no_target_may_hold_reaches_nothing(tmp_path, sent):
    async with locked(tmp_path) as gateway:
        answer, rest = await asked_once(
            gateway.port, b"GET " + sent + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
    assert answer.status in {400, 401}
    assert rest == b""


@pytest.mark.parametrize(
    "target",
    ["/%68ealth", "/he%61lth?x=/v1/models", "/health?/../../v1/models", "http://127.0.0.1:9/health"],
)
async def test_what_is_another_spelling_of_the_health_tells_nothing_but_the_health(tmp_path, target):
    async with locked(tmp_path) as gateway:
        answer, _ = await asked_once(gateway.port, request("GET", target, "connection: close"))
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "OK")


@pytest.mark.parametrize(
    "target",
    ["/gateway/other/invocations", "/gateway/%6fther/invocations", "/gateway/other%2finvocations",
     "/gateway%2fother%2finvocations", "/gateway/chat/../other/invocations",
     "/gateway/chat%2f..%2fother/invocations", "/gateway/other/invocations?route=chat",
     "/gateway/other/invocations#chat", "/endpoints/other/invocations", "/endpoints/OTHER/invocations",
     "/endpoints/%6f%74%68%65%72/invocations", "/gateway/other%20/invocations",
     "/gateway/other%00chat/invocations", "/gateway/other;chat/invocations", "//gateway/other/invocations",
     "http://gateway.example/gateway/other/invocations", "/gateway/other/invocations/"],
)  # fmt: skip
async def test_no_spelling_of_a_name_opens_a_route_to_a_token_of_another(tmp_path, target):
    noting = Noting()
    async with locked(tmp_path, observer=noting) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", target, JSON, f"authorization: {bearer(TOKEN)}", body=CHAT))
        answer = await line.answer("POST")
    assert answer.status in {307, 400, 403, 404, 422}
    assert all(handled.result is None for handled in noting.handled)


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("/v1/models/a%0d%0aset-cookie:%20x=1/", "/v1/models/a%0D%0Aset-cookie%3A%20x%3D1"),
        ("/v1/models/%e2%82%ac/", "/v1/models/%E2%82%AC"),
        ("/v1/models/a%3fb/", "/v1/models/a%3Fb"),
        ("/v1/models/%25/", "/v1/models/%25"),
        ("/v1/models/%5c%5cevil.example/", "/v1/models/%5C%5Cevil.example"),
        ("/health/?x=%0d%0ay", "/health?x=%0d%0ay"),
    ],
)
async def test_where_a_slash_too_many_leads_is_said_in_one_header_and_on_this_host(tmp_path, target, where):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("GET", target, "x-forwarded-host: evil.example", "x-forwarded-proto: https"))
        answer = await line.answer()
    assert (answer.status, answer.header("location")) == (307, where)
    assert answer.header("set-cookie") is None


@pytest.mark.parametrize("byte", [b"%ff", b"%ed%a0%80", b"%c0%af", b"%f0%9f"])
async def test_bytes_in_a_path_that_are_no_text_break_nothing(tmp_path, caplog, byte):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        for ending in (b"", b"/"):
            await line.send(b"GET /v1/models/" + byte + ending + b" HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = await line.answer()
            assert answer.status in {307, 400, 404}
    assert not caplog.records


# Smuggling: two who read the same bytes must not see different requests.


def odd(name: str, sent: bytes) -> Any:
    """A request that is none."""
    return pytest.param(sent, id=name)


NOTHING_ASKED: tuple[Any, ...] = ([], [(CHAT_PATH, None)])
"""What is noted of a request that is no good: nothing, or that it ended in the middle."""
ONE_CHUNK = chunked(CHAT)


@pytest.mark.parametrize(
    "sent",
    [
        odd("length and chunks", POST + b"content-length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
        odd("chunks and length", POST + CHUNKED + b"content-length: 5\r\n\r\n0\r\n\r\n"),
        odd("two lengths", POST + b"content-length: 0\r\ncontent-length: 40\r\n\r\n"),
        odd("a list of lengths", POST + b"content-length: 0, 40\r\n\r\n"),
        odd("a signed length", POST + b"content-length: +40\r\n\r\n"),
        odd("a negative length", POST + b"content-length: -1\r\n\r\n"),
        odd("a length in hex", POST + b"content-length: 0x28\r\n\r\n"),
        odd("a length with a blank", POST + b"content-length: 4 0\r\n\r\n"),
        odd("a length of other digits", POST + "content-length: ٤٠\r\n\r\n".encode()),
        odd("an empty length", POST + b"content-length:\r\n\r\n"),
        odd("a length beyond 64 bits", POST + b"content-length: 18446744073709551656\r\n\r\n"),
        odd("a fraction", POST + b"content-length: 40.0\r\n\r\n"),
        odd("xchunked", POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
        odd("identity", POST + b"transfer-encoding: identity\r\n\r\n"),
        odd("chunked twice", POST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        odd("two codings", POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n"),
        odd("chunked is not last", POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        odd("an unknown coding", POST + b"transfer-encoding: gzip, chunked\r\n\r\n" + ONE_CHUNK),
        odd("chunked with a parameter", POST + b"transfer-encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
        odd("chunked in quotes", POST + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n'),
        odd("a vertical tab", POST + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        odd("a comma after it", POST + b"transfer-encoding: chunked,\r\n\r\n0\r\n\r\n"),
        odd("no coding", POST + b"transfer-encoding:\r\n\r\n"),
        odd("a blank before the colon", POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n"),
        odd("a length with a blank before the colon", POST + b"content-length : 5\r\n\r\nabcde"),
        odd("a folded coding", POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        odd("a folded header", GET + b"x: a\r\n b\r\n\r\n"),
        odd("a first header that is folded", b"GET /health HTTP/1.1\r\n host: x\r\n\r\n"),
        odd("chunks in 1.0", POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + ONE_CHUNK),
        odd("lines that end in LF", b"GET /health HTTP/1.1\nhost: x\n\n"),
        odd("one line that ends in LF", b"GET /health HTTP/1.1\r\nhost: x\nx: y\r\n\r\n"),
        odd("a bare CR", b"GET /health HTTP/1.1\r\nhost: x\rcontent-length: 40\r\n\r\n"),
        odd("NUL in a value", GET + b"x: a\x00b\r\n\r\n"),
        odd("NUL in a name", GET + b"x\x00y: a\r\n\r\n"),
        odd("a control in a value", GET + b"x: a\x01b\r\n\r\n"),
        odd("no name", GET + b": a\r\n\r\n"),
        odd("no colon", GET + b"content-length\r\n\r\n"),
        odd("a byte that is no letter", GET + b"x\xe9: a\r\n\r\n"),
        odd("a tab in the first line", b"GET\t/health\tHTTP/1.1\r\nhost: x\r\n\r\n"),
        odd("a blank after the version", b"GET /health HTTP/1.1 \r\nhost: x\r\n\r\n"),
        odd("another target after it", b"GET /health /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"),
        odd("authority form", b"GET x:80 HTTP/1.1\r\nhost: x\r\n\r\n"),
        odd("no target", b"GET  HTTP/1.1\r\nhost: x\r\n\r\n"),
        odd("1.2", b"GET /health HTTP/1.2\r\nhost: x\r\n\r\n"),
        odd("2.0", b"GET /health HTTP/2.0\r\nhost: x\r\n\r\n"),
        odd("no version", b"GET /health\r\n\r\n"),
        odd("lower case version", b"GET /health http/1.1\r\nhost: x\r\n\r\n"),
        odd("no host", b"GET /health HTTP/1.1\r\nx: y\r\n\r\n"),
        odd("two hosts", b"GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
        odd("a host that is none", b"GET /health HTTP/1.1\r\nhost: a b/@c\r\n\r\n"),
        odd("lower case method", b"get /health HTTP/1.1\r\nhost: x\r\n\r\n"),
        odd("unknown method", b"BREW /health HTTP/1.1\r\nhost: x\r\n\r\n"),
        odd("CONNECT", b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n"),
        odd("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
        odd("the hello of TLS", bytes.fromhex("16030100c8010000c40303") + bytes(190)),
        odd("the hello of SSH", b"SSH-2.0-OpenSSH_9.9\r\n"),
        odd("SOCKS", b"\x05\x01\x00"),
        odd("a proxy header", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET + b"\r\n"),
    ],
)  # fmt: skip
async def test_what_could_be_read_in_two_ways_is_refused_and_what_follows_is_not_read(tmp_path, caplog, sent):
    noting = Noting()
    async with serving(tmp_path, observer=noting, bounds=Bounds(keep_alive_s=1)) as gateway:
        answer, rest = await asked_once(gateway.port, sent + SMUGGLED + SMUGGLED)
    assert answer.status in {400, 405, 501, 505}
    assert answer.closes
    assert json.loads(answer.body)
    assert rest == b""
    assert [(handled.incoming.path, handled.asked) for handled in noting.handled] in NOTHING_ASKED
    assert not caplog.records


@pytest.mark.parametrize(
    "body",
    [
        b"-1\r\n",
        b"+5\r\nabcde\r\n0\r\n\r\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"5 \r\nabcde\r\n0\r\n\r\n",
        b" 5\r\nabcde\r\n0\r\n\r\n",
        b"\r\n5\r\nabcde\r\n0\r\n\r\n",
        b"5\nabcde\n0\n\n",
        b"5\r\nabcdef\r\n0\r\n\r\n",
        b"5\r\nabcde0\r\n\r\n",
        b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nabc",
        b"10000000000000005\r\nabcde\r\n0\r\n\r\n",
        b"zz\r\n",
        b"5\r\nabcde\r\n0\r\ncontent-length: 5\r\n\r\n",
        b"5\r\nabcde\r\n0\r\nno colon\r\n\r\n",
        b"5\r\nabcde\r\n0\r\nx: y\n\r\n",
    ],
)
async def test_chunks_that_are_none_end_the_connection_and_call_nothing(tmp_path, caplog, body):
    noting = Noting()
    async with serving(tmp_path, observer=noting) as gateway:
        answer, rest = await asked_once(gateway.port, POST + CHUNKED + b"\r\n" + body + SMUGGLED)
    assert (answer.status, answer.closes, rest) == (400, True, b"")
    assert [(handled.incoming.path, handled.asked) for handled in noting.handled] in NOTHING_ASKED
    assert not caplog.records


@pytest.mark.parametrize("size", [b"7fffffffffffffff", b"ffffffffffffffff", b"100000001"])
async def test_a_chunk_of_any_announced_size_is_bound_by_what_a_body_may_be(tmp_path, size):
    bounds = Bounds(body_bytes=50_000, body_pause_s=0.2)
    async with serving(tmp_path, bounds=bounds) as gateway, line_to(gateway.port) as line:
        await line.send(POST + CHUNKED + b"\r\n" + size + b"\r\n" + b"x" * 60_000)
        answer = await line.answer("POST")
    assert answer.status in {400, 413}
    assert answer.closes


async def test_a_body_shorter_than_announced_swallows_no_later_request_and_calls_nothing(tmp_path):
    noting = Noting()
    async with serving(tmp_path, bounds=Bounds(body_pause_s=0.2), observer=noting) as gateway:
        announced = POST + b"content-length: %d\r\n\r\n" % (len(CHAT) + len(SMUGGLED) + 9) + CHAT + SMUGGLED
        answer, rest = await asked_once(gateway.port, announced, "POST")
    assert (answer.status, rest) == (408, b"")
    assert [handled.asked for handled in noting.handled] == [None]


async def test_a_body_longer_than_announced_is_not_taken_for_more_than_was_announced(tmp_path):
    noting = Noting()
    async with serving(tmp_path, observer=noting) as gateway, line_to(gateway.port) as line:
        await line.send(POST + b"content-length: %d\r\n\r\n" % len(CHAT) + CHAT + b"GARBAGE\r\n\r\n")
        first, second = await line.answers("POST", "GET")
        assert await line.end() == b""
    assert (first.status, second.status, second.closes) == (200, 400, True)
    assert len(noting.handled) == 1


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br", "deflate", "gzip, gzip", "unheard-of"])
async def test_a_body_in_a_coding_is_refused_as_such(tmp_path, coding):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(
            request("POST", CHAT_PATH, JSON, f"content-encoding: {coding}", body=gzip.compress(CHAT))
        )
        answer = await line.answer("POST")
    assert answer.status == 415
    assert b"content-encoding" in answer.body


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.2"])
async def test_no_other_protocol_is_switched_to(tmp_path, protocol):
    offer = ("connection: upgrade", f"upgrade: {protocol}", "sec-websocket-version: 13",
             "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    async with serving(tmp_path) as gateway:
        answer, rest = await asked_once(gateway.port, request("GET", "/health", *offer))
    assert (answer.status, answer.header("upgrade"), rest) == (200, None, b"")


async def test_a_trace_repeats_nothing(tmp_path):
    async with serving(tmp_path) as gateway:
        answer, _ = await asked_once(
            gateway.port, request("TRACE", "/health", "x-repeat: me-not", "connection: close"), "TRACE"
        )
    assert answer.status == 405
    assert b"me-not" not in answer.body


# What is too long, too much or too slow.


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health?%b HTTP/1.1\r\nhost: x\r\n" % (b"a" * (2000 - 8)), 200),
        (b"GET /health?%b HTTP/1.1\r\nhost: x\r\n" % (b"a" * (2001 - 8)), 414),
        (GET + b"x: y\r\n" * 18, 200),
        (GET + b"x: y\r\n" * 19, 431),
        (GET + b"x: %b\r\n" % (b"a" * 3900), 200),
        (GET + b"x: %b\r\n" % (b"a" * 4100), 431),
        (GET + b"%b: y\r\n" % (b"a" * 4100), 431),
    ],
    ids=["target", "target+1", "count", "count+1", "value", "value+1", "name+1"],
)
async def test_a_head_may_be_as_long_as_is_allowed_and_no_longer(tmp_path, head, status):
    bounds = Bounds(target_bytes=2000, header_count=20, head_bytes=4000)
    async with serving(tmp_path, bounds=bounds) as gateway:
        answer, rest = await asked_once(gateway.port, head + b"connection: close\r\n\r\n")
    assert (answer.status, answer.closes, rest) == (status, True, b"")


@pytest.mark.parametrize(
    "endless",
    [b"GET /" + b"a" * 4096, GET + b"x: " + b"a" * 4096, GET + b"a" * 4096, b"A" * 4096],
    ids=["target", "value", "name", "method"],
)
async def test_a_head_that_never_ends_is_cut_off_by_its_length(tmp_path, endless):
    async with serving(tmp_path, bounds=Bounds(head_timeout_s=60)) as gateway:
        answer, _ = await asked_once(gateway.port, endless + b"a" * 300_000)
    assert answer.status in {400, 414, 431}


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_that_never_ends_is_refused_and_the_rest_is_not_kept(tmp_path, framing):
    piece = b" " * 65_536
    head = b"content-length: 99999999999\r\n\r\n" if framing == "length" else CHUNKED + b"\r\n"
    sent = piece if framing == "length" else b"%x\r\n%b\r\n" % (len(piece), piece)
    bounds = Bounds(body_bytes=100_000)
    async with serving(tmp_path, bounds=bounds) as gateway, line_to(gateway.port) as line:
        await line.send(POST + head)
        sending = asyncio.create_task(line.send(*[sent] * 200))
        answer = await line.answer("POST")
        await asyncio.wait([sending])
        assert (answer.status, answer.closes) == (413, True)


async def test_a_body_that_trickles_is_given_up_although_it_moves(tmp_path):
    bounds = Bounds(body_timeout_s=0.3, body_pause_s=10)
    async with serving(tmp_path, bounds=bounds) as gateway, line_to(gateway.port) as line:
        await line.send(POST + b"content-length: 100000\r\n\r\n")

        async def trickle() -> None:
            while True:
                await line.send(b" ")
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        answer = await line.answer("POST")
        trickling.cancel()
    assert answer.status == 408


async def test_many_who_dawdle_are_sent_away_and_keep_nobody_waiting(tmp_path):
    async with serving(tmp_path, bounds=Bounds(head_timeout_s=0.2)) as gateway:

        async def dawdle(sent: bytes) -> bytes:
            async with line_to(gateway.port) as line:
                await line.send(sent)
                return await line.end()

        parts = (b"", b"G", GET, GET + b"x: ")
        dawdling = [asyncio.create_task(dawdle(parts[number % 4])) for number in range(100)]
        assert (await gateway.ask()).status_code == 200
        said = await asyncio.gather(*dawdling)
    assert all(one.startswith(b"HTTP/1.1 408 ") for one in said)


FLOOD = 64 * 2**20


async def test_a_client_that_reads_nothing_stops_the_provider_instead_of_filling_the_memory(tmp_path):
    text = b"x" * 16_000
    event = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % text
    taken = 0

    async def script(peer: Peer) -> None:
        nonlocal taken
        await peer.request()
        await peer.start_chunks()
        while taken < FLOOD:
            await peer.chunk(event)
            taken += len(event)
        await peer.gone()

    noting = Noting()
    async with (
        upstream_serving(script) as provider,
        serving(
            tmp_path, upstream(provider.url), bounds=Bounds(write_timeout_s=0.5), observer=noting
        ) as gateway,
        line_to(gateway.port, limit=1024) as line,
    ):
        await line.send(request("POST", CHAT_PATH, JSON, body=STREAM))
        await until(lambda: bool(noting.handled), patience_s=20)
    assert taken < FLOOD


# Browsers.


@pytest.mark.parametrize("target", [*FIXED, "/health", "/docs", "/openapi.json", "/gateway/chat/invocations"])
async def test_no_page_of_another_site_is_given_leave(tmp_path, target):
    preflight = request(
        "OPTIONS", target, "origin: https://evil.example", "access-control-request-method: POST",
        "access-control-request-headers: content-type, authorization",
        "access-control-request-private-network: true",
    )  # fmt: skip
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(preflight + request("GET", target, "origin: https://evil.example"))
        refused, got = await line.answers("OPTIONS", "GET")
    assert refused.status == 405
    assert not [name for name, _ in (*refused.fields, *got.fields) if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", "/docs", (), None),
        ("GET", "/docs/page.js", (), None),
        ("GET", "/health", (), None),
        ("GET", "/nothing", (), None),
        ("PUT", "/health", (), None),
        ("POST", CHAT_PATH, (JSON,), CHAT),
        ("POST", CHAT_PATH, (JSON,), STREAM),
        ("POST", CHAT_PATH, (JSON,), b"{"),
        ("POST", CHAT_PATH, ("content-type: text/plain",), CHAT),
    ],
)
async def test_every_answer_forbids_guessing_its_type_and_says_nothing_of_the_program(
    tmp_path, method, target, headers, body
):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request(method, target, *headers, body=body))
        answer = await line.answer(method)
    names = {name for name, _ in answer.fields}
    assert answer.header("x-content-type-options") == "nosniff"
    assert not names & {"server", "x-powered-by", "via", "set-cookie", "x-aspnet-version"}
    words = repr(answer.fields).lower()
    assert not [word for word in ("python", "uvicorn", "aiohttp", "httptools") if word in words]


async def test_the_docs_page_may_be_framed_nowhere_and_sends_no_referrer(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("GET", "/docs"))
        page = await line.answer()
    assert page.header("x-frame-options") == "DENY"
    assert page.header("referrer-policy") == "no-referrer"
    assert page.header("cross-origin-opener-policy") == "same-origin"
    assert page.header("cross-origin-resource-policy") == "same-origin"
    assert "form-action 'none'" in (page.header("content-security-policy") or "")


# What goes back and into the log.


@pytest.mark.parametrize(
    "given", [b"a\rset-cookie: x=1", b"a\nset-cookie: x=1", b"a\x00b", b"a\x0bset-cookie: x=1",
              b"a%0d%0ab: c", b"a\xc4\x8d\xc4\x8ab", b"a\x7fb", b"a" * 129, b"<script>", b"a b"],
)  # fmt: skip
async def test_a_request_id_cannot_split_an_answer(tmp_path, given):
    async with serving(tmp_path) as gateway:
        answer, rest = await asked_once(
            gateway.port, GET + b"x-request-id: " + given + b"\r\nconnection: close\r\n\r\n"
        )
    assert rest == b""
    assert {name for name, _ in answer.fields} <= {
        "date", "content-type", "content-length", "connection", "cache-control", "x-request-id",
        "x-content-type-options",
    }  # fmt: skip
    assert answer.status in {200, 400}


def anthropic_route(url: str, name: str) -> dict[str, Any]:
    config = {"anthropic_api_key": "sk-upstream-secret", "anthropic_api_base": url}
    model = {"provider": "anthropic", "name": "claude", "config": config}
    return {"name": name, "route_type": "llm/v1/chat", "model": model, "retries": 0}


def cohere_route(url: str, name: str) -> dict[str, Any]:
    model = {
        "provider": "cohere",
        "name": "command",
        "config": {"cohere_api_key": "sk-upstream-secret", "cohere_api_base": url},
    }
    return {"name": name, "route_type": "llm/v1/chat", "model": model, "retries": 0}


TRACE_OF_THEIRS = 'Traceback (most recent call last):\n  File "/srv/app.py", line 1'


def troubles(key: str, url: str) -> list[bytes]:
    """Answers of a provider that says too much, or nothing sensible."""

    def whole(status: str, body: str, *headers: str) -> bytes:
        head = (f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "connection: close", "", "")
        return "\r\n".join(head).encode() + body.encode()

    error = json.dumps({"error": {"message": f"bad key {key} at {url}/v1", "type": "x", "code": "y"}})
    as_json = "content-type: application/json"
    return [
        whole("401 No", error, as_json),
        whole("400 Bad", error, as_json),
        whole("500 Oops", error, as_json),
        whole("200 OK", error, as_json),
        whole("200 OK", f"<html>{key} {url}</html>", "content-type: text/html"),
        whole("200 OK", '{"choices":' + json.dumps(f"{key} {url}") + "}", as_json),
        whole("200 OK", "[" * 100_000, as_json),
        whole("302 Found", "", f"location: {url}/login?key={key}"),
        whole("503 Busy", "", "retry-after: 5", "x-request-id: theirs"),
        whole("429 Slow", error, as_json, "retry-after: 3"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{",
        b"garbage " + key.encode() + b" " + url.encode() + b"\r\n\r\n",
        b"",
    ]


@pytest.mark.parametrize("number", range(13))
async def test_whatever_a_provider_answers_its_key_and_address_stay_here(tmp_path, caplog, number):
    caplog.set_level(logging.DEBUG)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(troubles("sk-upstream-secret", peer.server.url)[number])

    log = AccessLog(tmp_path / "access.jsonl", now=lambda: datetime.now(UTC), clock=time.monotonic)
    told = b""
    async with upstream_serving(script) as provider:
        routes = (
            upstream(provider.url, "one"),
            anthropic_route(provider.url, "two"),
            cohere_route(provider.url, "three"),
        )
        async with serving(tmp_path, *routes, observer=log) as gateway, line_to(gateway.port) as line:
            for name in ("one", "two", "three"):
                for target in (
                    CHAT_PATH,
                    "/v1/messages",
                    f"/gateway/{name}/invocations",
                    f"/endpoints/{name}/invocations",
                ):
                    for stream in (False, True) if target != f"/gateway/{name}/invocations" else (False,):
                        asked = {"model": name, "max_tokens": 9, "stream": stream, **QUESTION}
                        if "invocations" in target:
                            del asked["model"]
                        await line.send(request("POST", target, JSON, body=json.dumps(asked).encode()))
                        answer = await line.answer("POST")
                        assert answer.status >= 400
                        assert answer.status != 500 or number == 2
                        told += answer.body + repr(answer.fields).encode()
        address = provider.url.removeprefix("http://").encode()
    log.close()
    logged = (tmp_path / "access.jsonl").read_text() + caplog.text
    assert address not in told
    for secret in ("sk-upstream-secret", "Traceback", sys.version.split()[0], str(tmp_path), ".py"):
        assert secret.encode() not in told, secret
    assert "sk-upstream-secret" not in logged
    assert "Traceback" not in logged
