import asyncio
import errno
import gzip
import struct
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gateway_core import __version__
from gateway_core.config.model import Timeouts
from gateway_core.errors import (
    ConnectFailed,
    GatewayError,
    InvalidRequest,
    ProtocolError,
    StreamInterrupted,
    TimedOut,
)
from gateway_core.providers.base import HttpRequest
from gateway_core.wire.deadlines import SentMark
from gateway_core.wire.http import HttpReply, HttpTransport
from tests.core.loopback import Peer, Script, Server, serving

SHORT_S = 0.05
PATIENT = Timeouts(10, 10, 10, 10)
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport()
    yield transport
    await transport.aclose()


def ask(server: Server, path: str = "/v1/chat", *, stream: bool = True) -> HttpRequest:
    return HttpRequest(server.url + path, b'{"a":1}', {"authorization": "Bearer k"}, stream)


async def answer_all(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.send(OK % (2, b"{}"))


def answering(*data: bytes, then_hang: bool = False) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        for piece in data:
            await peer.send(piece)
        if then_hang:
            await peer.gone()

    return script


async def failure_of(
    transport: HttpTransport, request: HttpRequest, timeouts: Timeouts = PATIENT
) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await body_of(transport, request, timeouts)
    return caught.value


async def body_of(transport: HttpTransport, request: HttpRequest, timeouts: Timeouts = PATIENT) -> bytes:
    async with transport.exchange(request, timeouts=timeouts) as reply:
        return b"".join([piece async for _, piece in reply.chunks()])


async def test_a_request_arrives_as_it_was_described(transport: HttpTransport):
    async with (
        serving(answer_all) as server,
        transport.exchange(ask(server, "/m/a%3A1/invoke?v=2"), timeouts=PATIENT) as reply,
    ):
        _, body = await reply.whole(100)

    received = server.requests[0]
    assert (reply.status, reply.headers["content-type"], body) == (200, "application/json", b"{}")
    assert received.line == "POST /m/a%3A1/invoke?v=2 HTTP/1.1"
    assert received.body == b'{"a":1}'
    assert received.headers["authorization"] == "Bearer k"
    assert received.headers["user-agent"] == f"gateway-tui/{__version__}"
    assert received.headers["accept-encoding"] == "identity"
    assert "cookie" not in received.headers


async def test_the_mark_says_when_the_request_left_and_what_connecting_took(transport: HttpTransport):
    marks: list[SentMark] = []
    async with serving(answer_all) as server:
        before_s = time.perf_counter()
        for _ in range(2):
            async with transport.exchange(ask(server), timeouts=PATIENT, on_sent=marks.append) as reply:
                arrivals = [at_s async for at_s, _ in reply.chunks()]
            assert reply.mark is marks[-1]
            assert reply.mark.sent_s is not None
            assert before_s < reply.mark.sent_s < arrivals[0] < time.perf_counter()

    assert server.connections == 1
    assert (marks[0].connect_ms or 0) > 0
    assert marks[1].connect_ms == 0


async def test_chunks_are_told_one_by_one_while_they_arrive(transport: HttpTransport):
    read = asyncio.Queue[bytes]()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        for data in (b"data: 1\n\n", b"data: 2\n\n", b""):
            await peer.chunk(data)
            if data:
                assert await read.get() == data

    async with serving(script) as server, transport.exchange(ask(server), timeouts=PATIENT) as reply:
        async for _, piece in reply.chunks():
            read.put_nowait(piece)
    assert read.empty()


async def test_a_chunk_is_stamped_when_it_arrives_and_not_when_it_is_read():
    now, go, sent = [1.0], asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await go.wait()
        await peer.chunk(b"data: 1\n\n")
        await peer.chunk(b"")
        sent.set()

    async with (
        serving(script) as server,
        aclosing(HttpTransport(clock=lambda: now[0])) as transport,
        transport.exchange(ask(server), timeouts=PATIENT) as reply,
    ):
        now[0] = 5.0
        go.set()
        await sent.wait()
        await until_arrived(reply)
        now[0] = 9.0
        at_s, piece = await anext(reply.chunks())

    assert (at_s, piece) == (5.0, b"data: 1\n\n")


async def until_arrived(reply: HttpReply) -> None:
    while not reply._connection.has_arrived:  # noqa: ASYNC110 - nobody else is told
        await asyncio.sleep(0)


async def one_thing_more(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.start_chunks()
        for data in (b"data: [DONE]\n\n", b": one thing more\n\n", b""):
            await peer.chunk(data)


async def test_the_rest_of_an_answer_that_ends_at_once_is_read_away(transport: HttpTransport):
    async with serving(one_thing_more) as server:
        for _ in range(2):
            async with transport.exchange(ask(server), timeouts=PATIENT):
                pass

    assert (len(server.requests), server.connections) == (2, 1)


async def test_the_first_requests_may_come_together():
    transport = HttpTransport()
    async with serving(answer_all) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        bodies = await asyncio.gather(*(body_of(transport, HttpRequest(url, b"{}")) for _ in range(3)))
    await transport.aclose()

    assert bodies == [b"{}"] * 3


async def test_an_answer_read_up_to_its_last_message_keeps_its_connection(transport: HttpTransport):
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.start_chunks()
            await peer.chunk(b"data: [DONE]\n\n")
            await asyncio.sleep(0)
            await peer.chunk(b"")

    async with serving(script) as server:
        for _ in range(2):
            async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
                await anext(aiter(reply.chunks()))

    assert (len(server.requests), server.connections) == (2, 1)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(b"[1, 2]")), ("deflate", zlib.compress(b"[1, 2]"))],
    ids=["gzip", "deflate"],
)
async def test_a_packed_answer_is_unpacked(transport: HttpTransport, encoding: str, packed: bytes):
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(packed)}\r\n\r\n"

    async with serving(answering(head.encode() + packed)) as server:
        body = await body_of(transport, ask(server, stream=False))

    assert body == b"[1, 2]"
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


async def test_events_that_were_packed_one_by_one_are_not_held_back(transport: HttpTransport):
    read, packer = asyncio.Event(), zlib.compressobj(wbits=31)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks("content-encoding: gzip\r\n")
        await peer.chunk(packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH))
        await read.wait()
        await peer.chunk(packer.compress(b"data: 2\n\n") + packer.flush())
        await peer.chunk(b"")

    pieces = []
    async with serving(script) as server, transport.exchange(ask(server), timeouts=PATIENT) as reply:
        async for _, piece in reply.chunks():
            pieces.append(piece)
            read.set()

    assert pieces == [b"data: 1\n\n", b"data: 2\n\n"]


async def test_an_answer_that_is_not_packed_as_it_says_is_a_protocol_error(transport: HttpTransport):
    async with serving(
        answering(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc")
    ) as server:
        error = await failure_of(transport, ask(server))

    assert isinstance(error, ProtocolError)
    assert "cannot be unpacked" in str(error)


async def test_a_redirect_is_an_answer_and_is_not_followed(transport: HttpTransport):
    redirect = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"

    async with (
        serving(answering(redirect)) as server,
        transport.exchange(ask(server), timeouts=PATIENT) as reply,
    ):
        pass

    assert (reply.status, reply.headers["location"]) == (307, "/elsewhere")
    assert len(server.requests) == 1


async def test_nobody_listening_is_said_with_the_address(transport: HttpTransport):
    async with serving(answer_all) as server:
        pass

    error = await failure_of(transport, ask(server))

    assert isinstance(error, ConnectFailed)
    assert str(error).startswith(f"no connection to {server.url.removeprefix('http://')}: ")
    assert "refused" in str(error).lower()


async def test_a_name_that_nobody_knows_is_said(transport: HttpTransport):
    error = await failure_of(transport, HttpRequest("http://no-such-host.invalid/v1?key=hidden", b"{}"))

    assert isinstance(error, ConnectFailed)
    assert "the name of no-such-host.invalid cannot be looked up" in str(error)
    assert "hidden" not in str(error)


async def test_a_server_without_tls_behind_https_is_said(transport: HttpTransport):
    async with serving(lambda peer: peer.send(b"220 ready\r\n")) as server:
        error = await failure_of(transport, HttpRequest(server.url.replace("http", "https"), b"{}"))

    assert isinstance(error, ConnectFailed)
    assert "no secure connection to 127.0.0.1" in str(error)


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "host/v1", "http://", "http://host:99999/", "http://u:p@host/v1"]
)
async def test_an_address_that_is_none_is_an_invalid_request(transport: HttpTransport, url: str):
    error = await failure_of(transport, HttpRequest(url, b"{}", {"authorization": "Bearer k"}))

    assert isinstance(error, InvalidRequest)
    assert "u:p" not in str(error)


async def test_something_that_does_not_speak_http_is_a_protocol_error(transport: HttpTransport):
    async with serving(answering(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")) as server:
        error = await failure_of(transport, ask(server))

    assert isinstance(error, ProtocolError)
    assert "does not answer in HTTP" in str(error)


async def test_a_kept_connection_that_died_unnoticed_is_replaced(transport: HttpTransport):
    marks: list[float | None] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.server.connections <= 2:
            await peer.send(OK % (2, b"{}"))
            await peer.request()

    async with serving(script) as server:
        both = asyncio.gather(*(body_of(transport, ask(server)) for _ in range(2)))
        assert await both == [b"{}", b"{}"]
        server.connections = 2
        with pytest.raises(ConnectFailed, match="closed the connection without an answer"):
            async with transport.exchange(
                ask(server), timeouts=PATIENT, on_sent=lambda mark: marks.append(mark.connect_ms)
            ):
                pass

    assert marks[:2] == [0, 0]
    assert len(marks) == 3
    assert (marks[2] or 0) > 0


async def test_hanging_up_without_an_answer_is_a_failed_connection(transport: HttpTransport):
    async with serving(answering()) as server:
        error = await failure_of(transport, ask(server))

    assert isinstance(error, ConnectFailed)
    assert error.retryable
    assert "closed the connection without an answer" in str(error)


HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer", [HEAD + b"5\r\nhello\r\n", HEAD + b"5\r\nhel", HEAD, OK % (10, b"hello")], ids=repr
)
async def test_an_answer_cut_short_is_interrupted_after_what_had_arrived(
    transport: HttpTransport, answer: bytes
):
    pieces: list[bytes] = []

    async def read(server: Server) -> None:
        async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
            async for _, piece in reply.chunks():
                pieces.append(piece)

    async with serving(answering(answer)) as server:
        with pytest.raises(
            StreamInterrupted, match=r"127\.0\.0\.1:\d+ broke off in the middle of its answer"
        ):
            await read(server)

    assert b"hello".startswith(b"".join(pieces))


async def test_a_reset_in_the_middle_is_an_interruption(transport: HttpTransport):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await peer.chunk(b"data: 1\n\n")
        reset_on_close = struct.pack("ii", 1, 0)
        peer.writer.get_extra_info("socket").setsockopt(1, 13, reset_on_close)
        peer.writer.transport.abort()

    async with serving(script) as server:
        error = await failure_of(transport, ask(server))

    assert isinstance(error, StreamInterrupted)


@pytest.mark.parametrize(
    ("phase", "timeouts", "answer"),
    [
        ("first_token", Timeouts(10, SHORT_S, 10, 10), b""),
        ("first_token", Timeouts(10, SHORT_S, 10, 10), HEAD),
        ("between_chunks", Timeouts(10, 10, SHORT_S, 10), HEAD + b"5\r\nhello\r\n"),
        ("total", Timeouts(10, 10, 10, SHORT_S), b""),
        ("total", Timeouts(None, None, None, SHORT_S), HEAD + b"5\r\nhello\r\n"),
    ],
)
async def test_each_silence_has_its_own_limit(
    transport: HttpTransport, phase: str, timeouts: Timeouts, answer: bytes
):
    async with serving(answering(answer, then_hang=True)) as server:
        error = await failure_of(transport, ask(server), timeouts)
        await asyncio.wait_for(server.hung_up.wait(), 5)

    assert isinstance(error, TimedOut)
    assert error.phase == phase
    assert str(error).endswith("within 0.05 s")


async def test_a_connection_that_is_never_made_runs_into_its_limit(transport: HttpTransport):
    async with serving(lambda peer: peer.gone()) as server:
        url = server.url.replace("http", "https")
        error = await failure_of(transport, HttpRequest(url, b"{}"), Timeouts(SHORT_S, 10, 10, 10))

    assert isinstance(error, TimedOut)
    assert error.phase == "connect"


async def test_no_limit_means_waiting(transport: HttpTransport):
    async with serving(answer_all) as server:
        assert await body_of(transport, ask(server), Timeouts(None, None, None, None)) == b"{}"


async def test_a_whole_answer_has_no_first_token_to_wait_for(transport: HttpTransport):
    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(2 * SHORT_S)
        await peer.send(OK % (2, b"{}"))

    async with serving(script) as server:
        body = await body_of(transport, ask(server, stream=False), Timeouts(10, SHORT_S, 10, 10))

    assert body == b"{}"


async def test_too_long_an_answer_is_refused():
    transport = HttpTransport(max_answer_bytes=100)
    async with serving(answering(OK % (101, b"x" * 101))) as server:
        error = await failure_of(transport, ask(server))
    await transport.aclose()

    assert isinstance(error, ProtocolError)
    assert "longer than 100 bytes" in str(error)


async def test_reading_stops_at_the_limit_of_the_reader(transport: HttpTransport):
    long = answering(OK % (101, b"x" * 101))

    async with serving(long) as server, transport.exchange(ask(server), timeouts=PATIENT) as reply:
        with pytest.raises(ProtocolError, match="longer than 100 bytes"):
            await reply.whole(100)


async def test_cancelling_hangs_up_at_once(transport: HttpTransport):
    arrived = asyncio.Event()

    async def read(server: Server) -> None:
        async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
            async for _ in reply.chunks():
                arrived.set()

    async with serving(answering(HEAD + b"5\r\nhello\r\n", then_hang=True)) as server:
        task = asyncio.create_task(read(server))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_cancelling_while_waiting_for_the_head_hangs_up_at_once(transport: HttpTransport):
    sent = asyncio.Event()

    async def read(server: Server) -> None:
        async with transport.exchange(ask(server), timeouts=PATIENT, on_sent=lambda _: sent.set()):
            pass

    async with serving(answering(then_hang=True)) as server:
        task = asyncio.create_task(read(server))
        await sent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_leaving_an_answer_that_goes_on_hangs_up(transport: HttpTransport):
    async with serving(answering(HEAD + b"5\r\nhello\r\n", then_hang=True)) as server:
        async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
            await anext(aiter(reply.chunks()))
        await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_many_exchanges_at_once_do_not_wait_for_each_other(transport: HttpTransport):
    together = asyncio.Barrier(150)

    async def script(peer: Peer) -> None:
        await peer.request()
        await together.wait()
        await peer.send(OK % (2, b"{}"))

    async with serving(script) as server, asyncio.timeout(10):
        bodies = await asyncio.gather(*(body_of(transport, ask(server)) for _ in range(150)))

    assert bodies == [b"{}"] * 150


async def test_closing_twice_or_before_any_request_is_fine():
    transport = HttpTransport()

    await transport.aclose()
    await transport.aclose()


class Poured:
    """What was poured, and how much of it at a time."""

    def __init__(self, enough: int = 100) -> None:
        self.pieces: list[bytes] = []
        self.at_s: list[float] = []
        self._enough = enough

    def take(self, at_s: float, piece: bytes) -> bool:
        self.at_s.append(at_s)
        self.pieces.append(piece)
        return len(self.pieces) % self._enough == 0


def chunked(*data: bytes, head: str = "") -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks(head)
        for piece in data:
            await peer.chunk(piece)
            await asyncio.sleep(0)
        await peer.chunk(b"")

    return script


@pytest.mark.parametrize("enough", [1, 2, 3, 100])
async def test_what_is_poured_comes_whole_in_portions_of_any_size(transport: HttpTransport, enough: int):
    poured, sated = Poured(enough), []
    data = [b"%d\n" % number for number in range(8)]
    async with (
        serving(chunked(*data)) as server,
        transport.exchange(ask(server), timeouts=PATIENT) as reply,
    ):
        while await reply.pour(poured.take):
            sated.append(len(poured.pieces))
    assert b"".join(poured.pieces) == b"".join(data)
    assert poured.at_s == sorted(poured.at_s)
    assert all(count % enough == 0 for count in sated)
    assert server.connections == 1


async def test_what_is_poured_is_told_when_it_arrives(transport: HttpTransport):
    told = asyncio.Queue[bytes]()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        for data in (b"data: 1\n\n", b"data: 2\n\n"):
            await peer.chunk(data)
            assert await told.get() == data
        await peer.chunk(b"")

    def take(at_s: float, piece: bytes) -> bool:
        told.put_nowait(piece)
        return False

    async with serving(script) as server, transport.exchange(ask(server), timeouts=PATIENT) as reply:
        assert not await reply.pour(take)


async def test_what_the_one_poured_into_raises_is_raised_by_pouring(transport: HttpTransport):
    def take(at_s: float, piece: bytes) -> bool:
        raise ValueError("not for me")

    async with serving(chunked(b"1", b"2")) as server:
        with pytest.raises(ValueError, match="not for me"):
            async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
                await reply.pour(take)


async def test_a_packed_stream_is_poured_unpacked(transport: HttpTransport):
    packer, poured = zlib.compressobj(wbits=31), Poured()
    data = [packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH), packer.flush()]
    async with (
        serving(chunked(*data, head="content-encoding: gzip\r\n")) as server,
        transport.exchange(ask(server), timeouts=PATIENT) as reply,
    ):
        assert not await reply.pour(poured.take)
    assert poured.pieces == [b"data: 1\n\n"]


@pytest.mark.parametrize("data", [[b"abc"], [gzip.compress(b"data: 1\n\n")[:-4]]], ids=["garbage", "torso"])
async def test_a_packed_stream_that_is_none_is_a_failure(transport: HttpTransport, data: list[bytes]):
    async with serving(chunked(*data, head="content-encoding: gzip\r\n")) as server:
        with pytest.raises((ProtocolError, StreamInterrupted)):
            async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
                await reply.pour(Poured().take)


async def test_pouring_ends_when_the_server_falls_silent(transport: HttpTransport):
    """The limit for the first piece is longer than the one between two, and does not count any more."""
    poured = Poured()
    limits = Timeouts(10, 10, SHORT_S, 10)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await asyncio.sleep(2 * SHORT_S)
        await peer.chunk(b"1")
        await peer.gone()

    async with serving(script) as server:
        with pytest.raises(TimedOut) as caught:
            async with transport.exchange(ask(server), timeouts=limits) as reply:
                await reply.pour(poured.take)
    assert (poured.pieces, caught.value.phase) == ([b"1"], "between_chunks")


async def test_pouring_ends_when_the_server_hangs_up(transport: HttpTransport):
    poured = Poured()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await peer.chunk(b"1")

    async with serving(script) as server:
        with pytest.raises(StreamInterrupted):
            async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
                await reply.pour(poured.take)
    assert poured.pieces == [b"1"]


async def test_who_stops_pouring_early_keeps_the_connection_if_the_end_comes_at_once(
    transport: HttpTransport,
):
    async with serving(one_thing_more) as server:
        for _ in range(3):
            async with transport.exchange(ask(server), timeouts=PATIENT) as reply:
                assert await reply.pour(Poured(1).take)
    assert (len(server.requests), server.connections) == (3, 1)


@pytest.fixture
async def direct() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(directly=True)
    yield transport
    await transport.aclose()


async def test_bare_addresses_may_be_dialled_directly_and_names_as_ever(direct: HttpTransport):
    async with serving(answer_all) as server:
        port = server.url.rpartition(":")[2]
        for url in (server.url, f"http://localhost:{port}"):
            assert await body_of(direct, HttpRequest(url, b"{}")) == b"{}"
        again = await body_of(direct, HttpRequest(server.url, b"{}"))
    error = await failure_of(direct, HttpRequest(server.url, b"{}"))
    assert (again, len(server.requests), server.connections) == (b"{}", 3, 2)
    assert isinstance(error, ConnectFailed)


async def test_a_connection_that_is_in_use_is_closed_in_the_end(direct: HttpTransport):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        await peer.gone()

    async with serving(script) as server, direct.exchange(ask(server), timeouts=PATIENT) as reply:
        await direct.aclose()
        with pytest.raises(StreamInterrupted):
            await reply.pour(Poured().take)


async def test_a_connection_that_the_system_gives_up_is_told_as_one_that_failed(
    direct: HttpTransport, monkeypatch: pytest.MonkeyPatch
):
    async def gives_up(*args: object, **kwargs: object) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    await direct.start()
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", gives_up)
    error = await failure_of(direct, HttpRequest("http://192.0.2.1:9/v1", b"{}"))
    assert isinstance(error, ConnectFailed)
    assert str(error) == "no connection to 192.0.2.1:9: Connection timed out"


async def test_requests_that_differ_only_in_what_comes_last_begin_alike(transport: HttpTransport):
    async with serving(answer_all) as server:
        for number in range(3):
            more = {"x-request-id": f"r-{number}"}
            request = HttpRequest(server.url, b"{}" * (number + 1), {"X-Request-Id": "own", "a": "b"})
            async with transport.exchange(request, timeouts=PATIENT, headers=more) as reply:
                await reply.whole(100)
        for number in range(40):
            await body_of(transport, HttpRequest(server.url, b"{}", {"n": str(number)}))
    assert [one.headers["x-request-id"] for one in server.requests[:3]] == ["r-0", "r-1", "r-2"]
    assert [one.headers["content-length"] for one in server.requests[:3]] == ["2", "4", "6"]
    assert [one.headers["n"] for one in server.requests[3:]] == [str(number) for number in range(40)]


async def test_a_header_from_outside_that_would_end_its_line_is_not_sent(transport: HttpTransport):
    async with serving(answer_all) as server:
        request = HttpRequest(server.url, b"{}")
        with pytest.raises(InvalidRequest):
            async with transport.exchange(request, timeouts=PATIENT, headers={"a": "b\r\nc: d"}):
                pass
    assert not server.requests
