from __future__ import annotations

import asyncio
import json

import pytest
from typing_extensions import override

from gateway_core.server.dialects.base import Asked
from gateway_core.server.seams import CLIENT_LEFT, Incoming, NotAdmitted
from gateway_core.server.settings import Bounds
from tests.core.loopback import Peer
from tests.core.loopback import serving as upstream_serving
from tests.server.running import QUESTION, SAID, Noting, events_of, scripted, serving, until, upstream

CHUNK = b'data: {"id":"c","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n'
LAST = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/gateway/chat/invocations", QUESTION, lambda r: r["candidates"][0]["message"]["content"]),
        ("/endpoints/chat/invocations", QUESTION, lambda r: r["choices"][0]["message"]["content"]),
        (
            "/v1/chat/completions",
            {"model": "chat", **QUESTION},
            lambda r: r["choices"][0]["message"]["content"],
        ),
        ("/v1/messages", {"model": "chat", "max_tokens": 9, **QUESTION}, lambda r: r["content"][0]["text"]),
    ],
)
async def test_every_dialect_is_answered_on_its_path(tmp_path, path, body, said):
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.post(path, json=body)
    assert (reply.status_code, said(reply.json())) == (200, SAID)


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/docs/page.js",
        "/docs/page.css",
        "/openapi.json",
        "/favicon.ico",
        "/health",
        "/api/2.0/gateway/routes/",
        "/api/2.0/gateway/routes/chat",
        "/api/2.0/endpoints/",
        "/api/2.0/endpoints/chat",
        "/api/3.0/gateway/endpoint/chat",
        "/v1/models",
        "/v1/models/chat",
    ],
)
async def test_what_can_be_got_can_be_asked_for_by_head(tmp_path, path):
    async with serving(tmp_path) as gateway:
        got, head = await gateway.http.get(path), await gateway.http.head(path)
    assert (got.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ("GET /", "/docs"),
        ("GET /api/2.0/gateway/routes", "/api/2.0/gateway/routes/"),
        ("GET /api/2.0/gateway/routes?page_token=x%2Fy", "/api/2.0/gateway/routes/?page_token=x%2Fy"),
        ("GET /api/2.0/gateway/routes/chat/", "/api/2.0/gateway/routes/chat"),
        ("POST /gateway/chat/invocations/", "/gateway/chat/invocations"),
        ("GET /health/", "/health"),
    ],
)
async def test_a_slash_too_many_or_too_few_is_redirected(tmp_path, asked, where):
    method, path = asked.split()
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.request(method, path)
    assert (reply.status_code, reply.headers["location"]) == (307, where)


@pytest.mark.parametrize(
    ("asked", "allow"),
    [
        ("GET /gateway/chat/invocations", "POST"),
        ("POST /api/2.0/gateway/routes/", "GET, HEAD"),
        ("DELETE /api/2.0/gateway/routes/chat", "GET, HEAD"),
        ("OPTIONS /v1/chat/completions", "POST"),
        ("PUT /health", "GET, HEAD"),
    ],
)
async def test_another_method_is_told_which_ones_there_are(tmp_path, asked, allow):
    method, path = asked.split()
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allow)
    assert "Method Not Allowed" in json.dumps(reply.json())


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/gateway//invocations", "/gateway/a/b/invocations", "/gateway/%2e%2e%2fdocs/invocations",
     "/docs/../../etc/passwd", "/docs/..%2fapp.py", "/api/2.0/gateway/limits"],
)  # fmt: skip
async def test_a_path_that_stands_for_nothing_is_not_found(tmp_path, path):
    async with serving(tmp_path) as gateway:
        said = await gateway.raw(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    assert said.startswith((b"HTTP/1.1 404", b"HTTP/1.1 307"))
    assert path == "/api/2.0/gateway/limits" or b'{"detail":"Not Found"}' in said


async def test_openais_clients_are_told_in_their_shape_that_a_path_is_unknown(tmp_path):
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.post("/v1/responses", json={})
    assert (reply.status_code, reply.json()["error"]["message"]) == (404, "Not Found")


async def test_health_says_ok_and_how_the_configuration_stands(tmp_path):
    async with serving(tmp_path) as gateway:
        said = (await gateway.http.get("/health")).json()
    assert said["status"] == "OK"
    assert (said["config"]["state"], said["config"]["routes"], said["config"]["problems"]) == ("ok", 1, [])


async def test_the_callers_request_id_comes_back_and_goes_on_to_the_provider(tmp_path):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")

    async with upstream_serving(script) as provider, serving(tmp_path, upstream(provider.url)) as gateway:
        reply = await gateway.http.post(
            "/v1/chat/completions", json={"model": "chat", **QUESTION}, headers={"x-request-id": "mine-1"}
        )
    assert reply.headers["x-request-id"] == "mine-1"
    assert provider.requests[0].headers["x-request-id"] == "mine-1"


@pytest.mark.parametrize("given", [b"", b"a b", b"x" * 200, b"\xe9"])
async def test_a_request_id_that_is_none_is_replaced(tmp_path, given):
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.get("/health", headers={b"x-request-id": given})
    assert len(reply.headers["x-request-id"]) == 32


@pytest.mark.parametrize("stream", [False, True])
async def test_an_upstream_limit_before_the_first_token_is_a_real_status(tmp_path, stream):
    async def script(peer: Peer) -> None:
        await peer.request()
        body = b'{"error":{"message":"slow down","type":"requests"}}'
        head = "HTTP/1.1 429 Too Many\r\ncontent-type: application/json\r\nretry-after: 7\r\n"
        await peer.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    async with upstream_serving(script) as provider, serving(tmp_path, upstream(provider.url)) as gateway:
        reply = await gateway.ask(stream=stream)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
    assert "slow down" in reply.json()["error"]["message"]


async def test_a_failure_in_the_stream_before_any_content_is_a_real_status(tmp_path):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await peer.chunk(
            b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
        )
        await peer.chunk(b'data: {"error":{"message":"overloaded","code":503}}\n\n')
        await peer.chunk(b"")

    async with upstream_serving(script) as provider, serving(tmp_path, upstream(provider.url)) as gateway:
        reply = await gateway.ask(stream=True)
    assert reply.status_code >= 400
    assert "overloaded" in reply.json()["error"]["message"]


async def test_a_failure_after_the_first_token_is_told_in_the_stream(tmp_path):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await peer.chunk(CHUNK % b"Hello")
        peer.writer.close()

    async with upstream_serving(script) as provider, serving(tmp_path, upstream(provider.url)) as gateway:
        reply = await gateway.ask(stream=True)
    events = events_of(reply.text)
    assert reply.status_code == 200
    assert [event["choices"][0]["delta"].get("content") for event in events if "choices" in event][
        -1
    ] == "Hello"
    assert "broke off" in events[-1]["error"]["message"]


async def test_a_retry_before_the_first_token_leaves_no_trace_in_the_stream(tmp_path):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await peer.chunk(
            b'data: {"id":"first","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
        )
        if peer.server.connections == 1:
            await peer.chunk(b'data: {"error":{"message":"overloaded","code":503}}\n\n')
            return
        await peer.chunk(CHUNK % b"Hello" + LAST)
        await peer.chunk(b"")

    route = {"name": "chat", "retries": 1}
    async with (
        upstream_serving(script) as provider,
        serving(tmp_path, {**upstream(provider.url), **route}) as gateway,
    ):
        reply = await gateway.ask(stream=True)
    said = [c["delta"].get("content") for e in events_of(reply.text)[:-1] for c in e["choices"]]
    assert (len(provider.requests), "".join(filter(None, said))) == (2, "Hello")
    assert reply.text.count('"role":"assistant"') == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_has_the_provider_hung_up_on(tmp_path, stream):
    async def script(peer: Peer) -> None:
        await peer.request()
        if stream:
            await peer.start_chunks()
            await peer.chunk(CHUNK % b"Hello")
        await peer.gone()

    noting = Noting()
    async with (
        upstream_serving(script) as provider,
        serving(tmp_path, upstream(provider.url), observer=noting) as gateway,
    ):
        body = json.dumps({"model": "chat", "stream": stream, **QUESTION})
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body.encode())
        await until(lambda: bool(provider.requests))
        if stream:
            await reader.readuntil(b"Hello")
        writer.close()
        await asyncio.wait_for(provider.hung_up.wait(), 5)
        await until(lambda: bool(noting.handled))
    handled = noting.handled[0]
    assert handled.status == (200 if stream else CLIENT_LEFT)
    assert handled.result is not None
    assert handled.result.status == "cancelled"


async def test_events_that_are_there_together_go_out_together(tmp_path):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await peer.chunk(b"".join(CHUNK % b"word " for _ in range(50)) + LAST)
        await peer.chunk(b"")

    asked = {"model": "chat", "stream": True, **QUESTION}
    async with (
        upstream_serving(script) as provider,
        serving(tmp_path, upstream(provider.url)) as gateway,
        gateway.http.stream("POST", "/v1/chat/completions", json=asked) as reply,
    ):
        pieces = [piece async for piece in reply.aiter_raw()]
    assert sum(piece.count(b"word ") for piece in pieces) == 50
    assert len(pieces) <= 4


async def test_no_answer_names_the_key_or_the_address_of_a_provider(tmp_path):
    async def script(peer: Peer) -> None:
        received = await peer.request()
        body = json.dumps(
            {"error": {"message": f"bad {received.headers['authorization']} at {peer.server.url}"}}
        )
        head = "HTTP/1.1 401 No\r\ncontent-type: application/json\r\n"
        await peer.send(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())

    async with upstream_serving(script) as provider, serving(tmp_path, upstream(provider.url)) as gateway:
        replies = [
            await gateway.ask(),
            await gateway.http.get("/openapi.json"),
            await gateway.http.get("/health"),
        ]
        replies.append(await gateway.http.get("/api/2.0/gateway/routes/"))
    assert replies[0].status_code == 401
    for reply in replies:
        assert "sk-upstream-secret" not in reply.text
        assert provider.url.removeprefix("http://") not in reply.text


async def test_an_address_where_nobody_answers_is_not_named_either(tmp_path):
    async with serving(tmp_path, upstream("http://127.0.0.1:9")) as gateway:
        reply = await gateway.ask()
    assert reply.status_code == 502
    assert "127.0.0.1" not in reply.text


async def test_a_body_that_is_too_long_is_refused_before_it_is_read(tmp_path):
    async with serving(tmp_path, bounds=Bounds(body_bytes=1000)) as gateway:
        announced = await gateway.http.post("/gateway/chat/invocations", json={"x": "y" * 5_000_000})

        async def unannounced():
            for _ in range(40):
                yield b" " * 100

        chunked = await gateway.http.post(
            "/gateway/chat/invocations", content=unannounced(), headers={"content-type": "application/json"}
        )
    assert (announced.status_code, chunked.status_code) == (413, 413)
    assert "1000 bytes" in announced.json()["detail"]
    assert announced.headers["connection"] == "close"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
async def test_a_body_that_says_it_is_no_json_is_refused(tmp_path, kind):
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.post(
            "/gateway/chat/invocations", content=json.dumps(QUESTION), headers={"content-type": kind}
        )
    assert (reply.status_code, reply.json()["detail"][0]["loc"]) == (422, ["body"])


@pytest.mark.parametrize("kind", [None, "application/json; charset=utf-8", "application/vnd.api+json"])
async def test_json_by_any_name_is_taken(tmp_path, kind):
    headers = {} if kind is None else {"content-type": kind}
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.post(
            "/gateway/chat/invocations", content=json.dumps(QUESTION), headers=headers
        )
    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "https://gateway.example"}, 200),
        ({"origin": "https://gateway.example", "x-forwarded-host": "gateway.example"}, 200),
    ],
)
async def test_pages_of_other_sites_cannot_have_a_browser_spend_money(tmp_path, headers, status):
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.post("/gateway/chat/invocations", json=QUESTION, headers=headers)
    assert reply.status_code == status
    assert not [name for name in reply.headers if name.startswith("access-control")]


class Doorman:
    """Lets nobody in without a name, and nobody near one route."""

    async def enter(self, incoming: Incoming) -> None:
        incoming.caller = incoming.headers.get("x-name")
        if incoming.caller is None:
            raise NotAdmitted("who are you?", status=401, headers={"www-authenticate": "Bearer"})

    async def admit(self, incoming: Incoming, asked: Asked) -> None:
        if asked.route.name == "closed":
            raise NotAdmitted("not for you", status=429, retry_after=3)

    def security(self) -> dict[str, dict[str, str]]:
        return {"name": {"type": "apiKey", "in": "header", "name": "x-name"}}


async def test_a_guard_is_asked_before_the_body_is_read_and_before_a_route_is_called(tmp_path):
    noting = Noting()
    routes = (scripted("chat"), scripted("closed"))
    async with serving(tmp_path, *routes, guard=Doorman(), observer=noting) as gateway:
        nobody = await gateway.http.post("/v1/chat/completions", content=b"not even json")
        named = {"x-name": "ann"}
        closed = await gateway.http.post("/gateway/closed/invocations", json=QUESTION, headers=named)
        await gateway.http.post("/gateway/chat/invocations", json=QUESTION, headers=named)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert (closed.status_code, closed.headers["retry-after"]) == (429, "3")
    assert [(h.status, h.incoming.caller, h.dialect) for h in noting.handled] == [
        (401, None, None),
        (429, "ann", "mlflow-2.8"),
        (200, "ann", "mlflow-2.8"),
    ]
    last = noting.handled[-1]
    assert last.asked is not None
    assert last.result is not None
    assert (last.asked.route.name, last.result.response.text) == ("chat", SAID)
    assert last.ended_s > last.incoming.began_s


async def test_the_document_says_how_the_guard_wants_to_be_asked(tmp_path):
    async with serving(tmp_path, guard=Doorman()) as gateway:
        reply = await gateway.http.get("/openapi.json", headers={"x-name": "ann"})
    async with serving(tmp_path) as gateway:
        open_to_all = await gateway.http.get("/openapi.json")
    assert reply.json()["security"] == [{"name": []}]
    assert reply.json()["components"]["securitySchemes"]["name"]["name"] == "x-name"
    assert "security" not in open_to_all.json()


async def test_tokens_are_counted_without_calling_the_route(tmp_path):
    async with serving(tmp_path) as gateway:
        reply = await gateway.http.post(
            "/v1/messages/count_tokens", json={"model": "chat", "messages": QUESTION["messages"]}
        )
    assert reply.status_code == 200
    assert reply.json()["input_tokens"] > 0


async def test_a_fault_of_our_own_is_told_as_json_and_logged_with_the_request_id(tmp_path, caplog):
    class Faulty(Doorman):
        @override
        async def enter(self, incoming: Incoming) -> None:
            raise ZeroDivisionError("secret detail")

    async with serving(tmp_path, guard=Faulty()) as gateway:
        reply = await gateway.http.get("/v1/models", headers={"x-request-id": "r-1"})
    assert reply.status_code == 500
    assert "secret detail" not in reply.text
    assert "r-1" in caplog.text
