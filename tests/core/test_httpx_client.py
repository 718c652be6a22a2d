import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from typing_extensions import override

from gateway_core.config.model import Timeouts
from gateway_core.errors import ConnectFailed, InvalidRequest, ProtocolError, StreamInterrupted, TimedOut
from gateway_core.providers.base import HttpRequest
from gateway_core.wire.deadlines import SentMark
from gateway_core.wire.httpx_client import HttpxTransport

ASK = HttpRequest("https://api.example/v1/chat", b"{}", {"authorization": "Bearer k"}, stream=True)


class Pieces(httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes | Exception | float) -> None:
        self.pieces = pieces

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, float):
                await asyncio.Event().wait()
            else:
                yield piece


Handler = Callable[[httpx.Request], httpx.Response]


def transport(handler: Handler) -> HttpxTransport:
    return HttpxTransport(httpx.AsyncClient(transport=httpx.MockTransport(handler)))


async def body(handler: Handler, *, timeouts: Timeouts | None = None, request: HttpRequest = ASK) -> bytes:
    async with transport(handler).exchange(request, timeouts=timeouts or Timeouts()) as reply:
        return b"".join([data async for _, data in reply.chunks()])


async def test_a_request_goes_through_the_clients_own_transport() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(429, headers={"Retry-After": "3"}, content=b"slow down")

    marks: list[SentMark] = []
    exchange = transport(answer).exchange(ASK, timeouts=Timeouts(), on_sent=marks.append)
    async with exchange as reply:
        _, text = await reply.whole(100)

    assert (reply.status, reply.headers["retry-after"], text) == (429, "3", b"slow down")
    assert (str(seen[0].url), seen[0].headers["authorization"]) == (ASK.url, "Bearer k")
    assert marks == [reply.mark]
    assert reply.mark.sent_s is not None


async def test_pieces_arrive_one_by_one_each_with_its_moment() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Pieces(b"a", b"b"))

    async with transport(answer).exchange(ASK, timeouts=Timeouts()) as reply:
        pieces = [(at_s, data) async for at_s, data in reply.chunks()]

    assert [data for _, data in pieces] == [b"a", b"b"]
    assert reply.mark.sent_s is not None
    assert reply.mark.sent_s <= pieces[0][0] <= pieces[1][0]


async def test_a_break_in_the_middle_is_an_interruption() -> None:
    with pytest.raises(StreamInterrupted, match=r"api\.example broke off"):
        await body(lambda _: httpx.Response(200, stream=Pieces(b"a", httpx.ReadError("reset"))))


@pytest.mark.parametrize(
    ("timeouts", "pieces", "phase"),
    [
        (Timeouts(first_token=0.01), (1.0,), "first_token"),
        (Timeouts(between_chunks=0.01), (b"a", 1.0), "between_chunks"),
        (Timeouts(total=0.01), (b"a", 1.0), "total"),
    ],
)
async def test_each_silence_ends_by_its_own_limit(
    timeouts: Timeouts, pieces: tuple[bytes | float, ...], phase: str
) -> None:
    with pytest.raises(TimedOut) as caught:
        await body(lambda _: httpx.Response(200, stream=Pieces(*pieces)), timeouts=timeouts)

    assert caught.value.phase == phase


@pytest.mark.parametrize(
    ("failure", "expected", "words"),
    [
        (httpx.ConnectError("refused"), ConnectFailed, "no connection to api.example: refused"),
        (httpx.RemoteProtocolError("gone"), ConnectFailed, "closed the connection"),
        (httpx.ConnectTimeout("late"), TimedOut, "could not be connected to within 10 s"),
        (httpx.UnsupportedProtocol("gopher"), InvalidRequest, "not a valid"),
    ],
)
async def test_what_goes_wrong_before_an_answer_has_our_own_errors(
    failure: Exception, expected: type[Exception], words: str
) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(expected, match=words):
        await body(fail)


async def test_a_server_that_never_answers_runs_out_of_time() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = httpx.AsyncClient(transport=httpx.MockTransport(hang))

    with pytest.raises(TimedOut) as caught:
        async with HttpxTransport(client).exchange(ASK, timeouts=Timeouts(first_token=0.01)):
            pass

    assert caught.value.phase == "first_token"


async def test_an_answer_beyond_the_limit_is_refused() -> None:
    async with transport(lambda _: httpx.Response(200, content=b"abc")).exchange(
        ASK, timeouts=Timeouts()
    ) as reply:
        with pytest.raises(ProtocolError):
            await reply.whole(2)


async def test_a_real_connection_tells_when_it_was_opened_and_written() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient() as client:
        request = HttpRequest(f"http://127.0.0.1:{port}/v1", b"{}")
        async with HttpxTransport(client).exchange(request, timeouts=Timeouts()) as reply:
            _, text = await reply.whole(10)

    assert text == b"ok"
    assert reply.mark.connect_ms is not None
    assert reply.mark.connect_ms > 0
