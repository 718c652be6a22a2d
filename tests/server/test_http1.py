"""HTTP/1.1 on the wire: what any client may expect of the connection, whoever parses the bytes.

Bounds and refusals of single malformed requests are in test_connections.py and test_security.py.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway_core.server.seams import CLIENT_LEFT
from gateway_core.server.settings import Bounds
from tests.core.loopback import Peer
from tests.core.loopback import serving as upstream_serving
from tests.server.lines import chunked, line_to, request
from tests.server.running import QUESTION, SAID, Noting, events_of, scripted, serving, until, upstream

CHAT_PATH = "/v1/chat/completions"
CHAT = json.dumps({"model": "chat", **QUESTION}).encode()
STREAM = json.dumps({"model": "chat", "stream": True, **QUESTION}).encode()
JSON = "content-type: application/json"
HEALTH = request("GET", "/health")
LAST = request("GET", "/health", "connection: close")
ASK = request("POST", CHAT_PATH, JSON, body=CHAT)
CHUNK = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'


def said(body: bytes) -> Any:
    return json.loads(body)["choices"][0]["message"]["content"]


def in_chunks(*pieces: bytes, ending: bytes = b"0\r\n\r\n") -> bytes:
    """A question to the route chat whose body comes in ``pieces``."""
    return request("POST", CHAT_PATH, JSON, "transfer-encoding: chunked") + chunked(*pieces, ending=ending)


# A connection serves one request after the other.


async def test_a_connection_is_kept_for_requests_of_every_kind(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        statuses = []
        for method, sent in (
            ("GET", HEALTH),
            ("POST", ASK),
            ("HEAD", request("HEAD", "/v1/models")),
            ("GET", request("GET", "/nothing")),
            ("PUT", request("PUT", "/health", body=b"x" * 100)),
            ("POST", in_chunks(CHAT)),
            ("POST", request("POST", CHAT_PATH, JSON, body=b"{")),
            ("GET", request("GET", "/")),
            ("POST", request("POST", CHAT_PATH, JSON, body=STREAM)),
            ("POST", ASK),
        ):
            await line.send(sent)
            answer = await line.answer(method)
            statuses.append(answer.status)
            assert not answer.closes
        await line.send(LAST)
        last = await line.answer()
        assert await line.end() == b""
    assert statuses == [200, 200, 200, 404, 405, 200, 400, 307, 200, 200]
    assert last.closes


@pytest.mark.parametrize(
    "headers",
    [
        ("connection: close",),
        ("Connection: Close",),
        ("connection: CLOSE",),
        ("connection: keep-alive, close",),
        ("connection: close , x-other",),
        ("connection: x-other", "connection: close"),
    ],
)
async def test_who_asks_to_have_it_closed_gets_one_answer_and_the_end(tmp_path, headers):
    noting = Noting()
    async with serving(tmp_path, observer=noting) as gateway, line_to(gateway.port) as line:
        await line.send(request("GET", "/health", *headers) + ASK)
        answer = await line.answer()
        rest = await line.end()
    assert (answer.status, answer.closes, rest) == (200, True, b"")
    assert len(noting.handled) == 1


async def test_a_connection_on_which_nothing_is_asked_any_more_is_closed(tmp_path):
    async with (
        serving(tmp_path, bounds=Bounds(keep_alive_s=1)) as gateway,
        line_to(gateway.port) as line,
    ):
        await line.send(HEALTH)
        assert not (await line.answer()).closes
        assert await line.end() == b""


async def test_every_answer_says_when_it_was_given_and_how_long_it_is(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        for sent in (HEALTH, ASK, request("GET", "/nothing"), request("GET", "/docs")):
            await line.send(sent)
            answer = await line.answer()
            assert answer.header("date") is not None
            assert answer.header("content-length") == str(len(answer.body))
            assert answer.header("content-type") is not None
            assert answer.header("server") is None


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n" + LAST,
        b"GET /health HTTP/1.1\r\nHOST:x\r\ncOnNeCtIoN:\t close \t\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\nempty:\r\nbytes: \xe9\xff\r\nconnection: close\r\n\r\n",
        b"GET http://gateway.example/health HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\n\r\n",
        b"GET /health?a=b&c HTTP/1.1\r\nhost: [::1]:5000\r\nconnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 90 + b"connection: close\r\n\r\n",
    ],
    ids=["an empty line before", "case and blanks", "odd values", "absolute form", "query", "many headers"],
)
async def test_what_the_standard_allows_is_understood(tmp_path, sent):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(sent)
        answer = await line.answer()
        assert await line.end() == b""
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "OK")


# Requests may come before earlier ones are answered, and in any pieces.


async def test_a_hundred_requests_in_one_go_are_answered_in_their_order(tmp_path):
    kinds = [
        ("GET", "/health", None),
        ("POST", CHAT_PATH, CHAT),
        ("HEAD", "/docs", None),
        ("GET", "/nothing", None),
        ("POST", CHAT_PATH, STREAM),
    ]
    sent = [
        (method, request(method, target, f"x-request-id: {number}", JSON, body=body))
        for number, (method, target, body) in enumerate(kinds * 20)
    ]
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(b"".join(one for _, one in sent))
        answers = await line.answers(*(method for method, _ in sent))
    assert [answer.header("x-request-id") for answer in answers] == [str(n) for n in range(100)]
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 200] * 20


async def test_a_quick_answer_waits_for_the_slow_one_before_it(tmp_path):
    asked, release = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await release.wait()
        await peer.send(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")

    async with (
        upstream_serving(script) as provider,
        serving(tmp_path, upstream(provider.url)) as gateway,
        line_to(gateway.port) as line,
    ):
        await line.send(ASK + HEALTH + LAST)
        await asked.wait()
        release.set()
        answers = await line.answers("POST", "GET", "GET")
    assert [answer.status for answer in answers] == [503, 200, 200]


async def test_clients_are_not_mixed_up_however_their_bytes_interleave(tmp_path):
    async with serving(tmp_path, scripted("chat"), scripted("other", text="else")) as gateway:

        async def ask(number: int) -> bool:
            route, text = ("chat", SAID) if number % 2 else ("other", "else")
            body = json.dumps({"model": route, **QUESTION}).encode()
            async with line_to(gateway.port) as line:
                for turn in range(4):
                    name = f"{number}-{turn}"
                    sent = request("POST", CHAT_PATH, JSON, f"x-request-id: {name}", body=body)
                    cut = (number * 7 + turn * 31) % len(sent)
                    await line.send(sent[:cut], sent[cut:])
                    answer = await line.answer("POST")
                    if (answer.header("x-request-id"), said(answer.body)) != (name, text):
                        return False
            return True

        assert all(await asyncio.gather(*(ask(number) for number in range(30))))


EVERY_KIND = (
    in_chunks(CHAT[:9], CHAT[9:], ending=b"0;last\r\nx-trailer: of no interest\r\n\r\n")
    + request("HEAD", "/v1/models")
    + ASK
    + LAST
)


async def test_requests_may_come_byte_by_byte(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(*(bytes([byte]) for byte in EVERY_KIND))
        answers = await line.answers("POST", "HEAD", "POST", "GET")
        assert await line.end() == b""
    assert [answer.status for answer in answers] == [200] * 4
    assert said(answers[0].body) == said(answers[2].body) == SAID


async def test_requests_mean_the_same_wherever_the_network_cuts_them(tmp_path):
    places = range(1, len(EVERY_KIND), 9)
    async with serving(tmp_path) as gateway:
        for place in places:
            async with line_to(gateway.port) as line:
                await line.send(EVERY_KIND[:place], EVERY_KIND[place:])
                answers = await line.answers("POST", "HEAD", "POST", "GET")
                assert [answer.status for answer in answers] == [200] * 4, place
                assert await line.end() == b"", place


# Bodies in chunks.


@pytest.mark.parametrize(
    "body",
    [
        chunked(*(bytes([byte]) for byte in CHAT)),
        b"%X\r\n%b\r\n0\r\n\r\n" % (len(CHAT), CHAT),
        b"000%x\r\n%b\r\n000\r\n\r\n" % (len(CHAT), CHAT),
        b'%x;a;b=c;d="e"\r\n%b\r\n0;f\r\n\r\n' % (len(CHAT), CHAT),
        chunked(CHAT, ending=b"0\r\nx-trailer: 1\r\ny: 2\r\n\r\n"),
        chunked(CHAT + b" " * 300_000),
    ],
    ids=["one byte each", "capitals", "leading zeros", "extensions", "trailers", "long"],
)
async def test_a_body_in_chunks_is_read_whatever_they_look_like(tmp_path, body):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", CHAT_PATH, JSON, "Transfer-Encoding: Chunked") + body + LAST)
        asked, last = await line.answers("POST", "GET")
    assert (said(asked.body), last.status) == (SAID, 200)


async def test_a_body_in_chunks_may_be_cut_at_any_byte(tmp_path):
    sent = in_chunks(CHAT[:5], CHAT[5:], ending=b"0\r\na: b\r\n\r\n")
    body_at = sent.index(b"\r\n\r\n") + 4
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        for place in range(body_at, len(sent)):
            await line.send(sent[:place], sent[place:])
            assert said((await line.answer("POST")).body) == SAID, place


@pytest.mark.xfail(strict=True, reason="uvicorn adds what follows a body to the headers before it")
async def test_a_trailer_is_no_header(tmp_path):
    noting = Noting()
    ending = b"0\r\nx-request-id: from-the-trailer\r\nx-more: 1\r\n\r\n"
    async with serving(tmp_path, observer=noting) as gateway, line_to(gateway.port) as line:
        await line.send(in_chunks(CHAT, ending=ending))
        answer = await line.answer("POST")
    assert answer.status == 200
    assert answer.header("x-request-id") != "from-the-trailer"
    assert noting.handled[0].incoming.header(b"x-more") is None


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_as_long_as_is_allowed_is_read_and_one_byte_more_is_not(tmp_path, framing):
    most = 100_000
    async with serving(tmp_path, bounds=Bounds(body_bytes=most)) as gateway:
        statuses = []
        for size in (most, most + 1):
            body = CHAT + b" " * (size - len(CHAT))
            sent = request("POST", CHAT_PATH, JSON, body=body) if framing == "length" else in_chunks(body)
            async with line_to(gateway.port) as line:
                await line.send(sent)
                statuses.append((await line.answer("POST")).status)
    assert statuses == [200, 413]


# A body belongs to its request, wanted or not.

HIDDEN = request("GET", "/v1/models/hidden")


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("GET", "/health", (), 200),
        ("GET", "/nothing", (), 404),
        ("POST", "/nothing", (JSON,), 404),
        ("DELETE", "/health", (), 405),
        ("OPTIONS", CHAT_PATH, (), 405),
        ("POST", CHAT_PATH, ("content-type: text/plain",), 415),
        ("POST", CHAT_PATH, (JSON, "origin: https://elsewhere.example"), 403),
        ("POST", CHAT_PATH, (JSON,), 400),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("padding", [0, 150_000])
async def test_what_is_in_a_body_is_never_a_request(
    tmp_path, method, target, headers, status, framing, padding
):
    body = HIDDEN + b" " * padding + HIDDEN
    if framing == "length":
        sent = request(method, target, *headers, body=body)
    else:
        sent = request(method, target, *headers, "transfer-encoding: chunked") + chunked(body)
    noting = Noting()
    async with serving(tmp_path, observer=noting) as gateway, line_to(gateway.port) as line:
        await line.send(sent + LAST)
        first = await line.answer(method)
        if not first.closes:
            assert (await line.answer()).status == 200
        assert await line.end() == b""
    assert first.status == status
    assert "/v1/models/hidden" not in [handled.incoming.path for handled in noting.handled]


# HEAD, 1.0, Expect.


@pytest.mark.parametrize(
    "target", ["/health", "/docs", "/", "/nothing", "/v1/nothing", CHAT_PATH, "/gateway/chat/invocations"]
)
async def test_a_head_is_answered_like_a_get_but_without_a_body(tmp_path, target):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("GET", target) + request("HEAD", target) + LAST)
        got, head, last = await line.answers("GET", "HEAD", "GET")
        assert await line.end() == b""
    changing = {"date", "x-request-id"}
    assert head.status == got.status
    assert {f for f in head.fields if f[0] not in changing} == {f for f in got.fields if f[0] not in changing}
    assert last.status == 200


@pytest.mark.parametrize("connection", [(), ("connection: keep-alive",), ("connection: close",)])
async def test_a_client_of_1_0_is_answered_and_hung_up_on_unless_both_say_otherwise(tmp_path, connection):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", CHAT_PATH, JSON, *connection, body=CHAT, version="1.0"))
        answer = await line.answer("POST")
        kept = (answer.header("connection") or "").lower() == "keep-alive"
        if not kept:
            assert await line.end() == b""
    assert (answer.status, answer.chunked, said(answer.body)) == (200, False, SAID)
    assert not kept or connection == ("connection: keep-alive",)


@pytest.mark.xfail(strict=True, reason="uvicorn sends chunks to clients of HTTP/1.0, which know none")
async def test_a_client_of_1_0_gets_a_stream_that_ends_with_the_connection(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", CHAT_PATH, JSON, body=STREAM, version="1.0"))
        answer = await line.answer("POST")
    assert (answer.status, answer.chunked) == (200, False)
    assert events_of(answer.body.decode())[-1] == "[DONE]"


@pytest.mark.xfail(strict=True, reason="uvicorn tells clients of HTTP/1.0 to continue, which know no 100")
async def test_a_client_of_1_0_is_not_told_to_continue(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", CHAT_PATH, JSON, "expect: 100-continue", body=CHAT, version="1.0"))
        assert (await line.answer("POST")).status == 200


async def test_who_sends_the_body_without_waiting_is_answered_all_the_same(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", CHAT_PATH, JSON, "Expect: 100-Continue", body=CHAT) + LAST)
        answer = await line.answer("POST")
        if answer.status == 100:
            answer = await line.answer("POST")
        last = await line.answer()
    assert (answer.status, last.status) == (200, 200)


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/nothing", (JSON,), 404),
        ("/health", (JSON,), 405),
        (CHAT_PATH, ("content-type: text/plain",), 415),
        (CHAT_PATH, (JSON, "sec-fetch-site: cross-site"), 403),
    ],
)
async def test_who_is_refused_is_not_told_to_go_on(tmp_path, target, headers, status):
    expecting = request("POST", target, *headers, "expect: 100-continue", f"content-length: {len(CHAT)}")
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(expecting)
        answer = await line.answer("POST")
        if not answer.closes:  # who keeps the connection owes the body, and it is read as one
            await line.send(CHAT + LAST)
            assert (await line.answer()).status == 200
        assert await line.end() == b""
    assert answer.status == status


# Clients that leave, or say less than they announced.


@pytest.mark.parametrize("leaving", ["half_close", "reset"])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /hea",
        HEALTH[:-2],
        ASK[:-1],
        request("POST", CHAT_PATH, JSON, "transfer-encoding: chunked") + b"5\r\nab",
        request("POST", CHAT_PATH, JSON, "transfer-encoding: chunked") + b"5\r\nabcde\r\n0\r\n",
    ],
    ids=["nothing", "a line", "a head", "a body", "a chunk", "no last line"],
)
async def test_a_client_that_leaves_before_it_has_asked_costs_nothing(tmp_path, caplog, sent, leaving):
    noting = Noting()
    async with serving(tmp_path, observer=noting) as gateway:
        async with line_to(gateway.port) as line:
            await line.send(sent)
            getattr(line, leaving)()
            if leaving == "half_close":
                rest = await line.end()
                assert not rest or rest.startswith(b"HTTP/1.1 400 ")
        assert (await gateway.ask()).status_code == 200
        await until(lambda: any(handled.status == 200 for handled in noting.handled))
    assert [handled.result for handled in noting.handled if handled.status != 200] in ([], [None])
    assert not caplog.records


@pytest.mark.parametrize("sent", [HEALTH, ASK])
async def test_who_half_closes_is_answered_whole_or_not_at_all_and_at_once(tmp_path, sent):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(sent)
        line.half_close()
        whole = await line.end()
    assert not whole or whole.endswith(b"}")


async def ask_and_leave(tmp_path, noting, sent, leaving, *, stream):
    """Send ``sent`` to a provider that never ends its answer, and leave; how often it was asked."""

    async def script(peer: Peer) -> None:
        await peer.request()
        if stream:
            await peer.start_chunks()
            await peer.chunk(CHUNK)
        await peer.gone()

    async with (
        upstream_serving(script) as provider,
        serving(tmp_path, upstream(provider.url), observer=noting) as gateway,
        line_to(gateway.port) as line,
    ):
        await line.send(sent)
        await until(lambda: bool(provider.requests))
        if stream:
            await line.until(b"word ")
        getattr(line, leaving)()
        await asyncio.wait_for(provider.hung_up.wait(), 2)
        await until(lambda: bool(noting.handled))
    return len(provider.requests)


@pytest.mark.parametrize("leaving", ["half_close", "reset"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_the_call(tmp_path, caplog, stream, leaving):
    noting = Noting()
    sent = request("POST", CHAT_PATH, JSON, body=STREAM if stream else CHAT)
    assert await ask_and_leave(tmp_path, noting, sent, leaving, stream=stream) == 1
    assert [handled.status for handled in noting.handled] == [200 if stream else CLIENT_LEFT]
    assert not caplog.records


@pytest.mark.xfail(strict=True, reason="uvicorn stops reading while a request waits, and misses the leaving")
@pytest.mark.parametrize("leaving", ["half_close", "reset"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_the_call_also_when_it_has_asked_more(tmp_path, stream, leaving):
    noting = Noting()
    sent = request("POST", CHAT_PATH, JSON, body=STREAM if stream else CHAT)
    assert await ask_and_leave(tmp_path, noting, sent * 2, leaving, stream=stream) == 1
    assert [handled.status for handled in noting.handled] == [200 if stream else CLIENT_LEFT]


async def test_whoever_reads_nothing_has_only_one_request_worked_on(tmp_path):
    flood = scripted("chat", script=[{"text": "x" * 60_000}, {"finish": "stop"}], repeat=400)
    noting = Noting()
    sent = request("POST", CHAT_PATH, JSON, body=STREAM)
    async with (
        serving(tmp_path, flood, bounds=Bounds(write_timeout_s=0.2), observer=noting) as gateway,
        line_to(gateway.port, limit=1024) as line,
    ):
        await line.send(sent * 50)
        await until(lambda: bool(noting.handled))
    assert len(noting.handled) == 1


async def test_whoever_reads_slowly_gets_everything(tmp_path):
    flood = scripted("chat", script=[{"text": "x" * 10_000}, {"finish": "stop"}], repeat=300)
    async with (
        serving(tmp_path, flood) as gateway,
        line_to(gateway.port, limit=4096) as line,
    ):
        await line.send(request("POST", CHAT_PATH, JSON, body=STREAM) + LAST)
        stream, last = await line.answers("POST", "GET")
    assert stream.chunked
    assert stream.body.count(b"x") >= 300 * 10_000
    assert events_of(stream.body.decode())[-1] == "[DONE]"
    assert last.status == 200


async def test_a_stream_comes_in_chunks_and_leaves_the_connection_as_it_was(tmp_path):
    async with serving(tmp_path) as gateway, line_to(gateway.port) as line:
        await line.send(request("POST", CHAT_PATH, JSON, body=STREAM) * 3 + LAST)
        answers = await line.answers("POST", "POST", "POST", "GET")
        assert await line.end() == b""
    assert all(one.chunked and one.header("content-length") is None for one in answers[:3])
    assert all(events_of(one.body.decode())[-1] == "[DONE]" for one in answers[:3])
