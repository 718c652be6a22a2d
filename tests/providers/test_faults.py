"""Every provider that has a wire, asked over a real connection on which everything goes wrong.

The questions are those of the fixtures: for each provider one of each kind, streamed and not. A fault is a
script of the server, the limits of the route and the errors that may come of it.
"""

import asyncio
import gc
import re
import socket
import struct
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from typing_extensions import override

from gateway_core.calls import CallResult
from gateway_core.config.model import Config, RouteConfig, Timeouts
from gateway_core.errors import (
    BadProviderRequest,
    ConnectFailed,
    GatewayError,
    InternalError,
    ProtocolError,
    ProviderError,
    ProviderUnavailable,
    StreamInterrupted,
    TimedOut,
)
from gateway_core.events import TextDelta
from gateway_core.exchange import FRAMERS
from gateway_core.gateway import Gateway
from gateway_core.providers import REGISTRY, provider_class
from gateway_core.providers.base import Played
from gateway_core.routes import RouteTable
from gateway_core.types import REQUEST_ROUTE_TYPES
from gateway_core.wire.http import MAX_ANSWER_BYTES, HttpTransport
from tests.core.loopback import Peer, Server, serving
from tests.providers.cases import Case, load_cases
from tests.providers.rerouting import Rerouted, Services

SHORT_S = 0.05
PATIENT = Timeouts(10, 10, 10, 10)
GIVE_UP_S = 20
"""No call of this file may take as long."""

WIRED = [name for name in REGISTRY if not issubclass(provider_class(name), Played)]
CONTENT_TYPES = {
    "sse": "text/event-stream",
    "ndjson": "application/x-ndjson",
    "eventstream": "application/vnd.amazon.eventstream",
}


@dataclass(frozen=True)
class Question:
    """What a provider is asked, and what it would answer if nothing went wrong."""

    case: Case

    @override
    def __str__(self) -> str:
        return str(self.case)

    @property
    def is_stream(self) -> bool:
        """True when a stream is asked for."""
        return self.case.request.stream

    @property
    def head(self) -> str:
        """The headers of a good answer."""
        kind = CONTENT_TYPES[self.case.framing] if self.is_stream else "application/json"
        return f"content-type: {kind}\r\n"

    @property
    def messages(self) -> list[bytes]:
        """The answer, cut between its messages; one piece when it is no stream."""
        reply = self.case.reply
        if not self.is_stream:
            return [reply]
        match self.case.framing:
            case "sse":
                return re.findall(rb".+?(?:\r?\n\r?\n|$)", reply, re.DOTALL)
            case "ndjson":
                return reply.splitlines(keepends=True)
            case _:
                return [*_prefixed(reply)]

    @property
    def beginning(self) -> list[bytes]:
        """The messages up to and with the first that has text."""
        messages, provider = self.messages, self.case.provider
        framer = FRAMERS[self.case.framing]()
        for number, message in enumerate(messages[:-1], start=1):
            events = [event for frame in framer.feed(message) for event in provider.decode(frame)]
            if any(isinstance(event, TextDelta) and event.text for event in events):
                return messages[:number]
        return messages[:1]


def _prefixed(data: bytes) -> list[bytes]:
    messages = []
    while data:
        length = int.from_bytes(data[:4])
        messages.append(data[:length])
        data = data[length:]
    return messages


CASES = load_cases()


def answers(case: Case) -> bool:
    """True for a case whose reply is good and of the form that was asked for."""
    return (
        case.reply_file is not None
        and case.status == 200
        and "error" not in case.expected
        and case.is_stream == case.request.stream
        and case.told([case.reply]).response.finished
    )


def questions_of(provider: str) -> list[Question]:
    """One question for each kind of request, streamed and not, and each kind of framing."""
    found: dict[Any, Question] = {}
    for case in CASES:
        if case.folder.parent.name == provider and answers(case):
            kind = type(case.request), case.request.stream, case.framing
            found.setdefault(kind, Question(case))
    return list(found.values())


QUESTIONS = {provider: questions_of(provider) for provider in WIRED}
Script = Callable[[Peer, Question], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, the limits under which it does, and the errors it may become."""

    name: str
    script: Script
    becomes: tuple[type[GatewayError], ...]
    says: str = ""
    """A pattern that the sentence holds."""
    timeouts: Timeouts = PATIENT
    of: Callable[[Question], bool] = lambda question: True
    phase: str | None = None
    secure: bool = False

    @override
    def __str__(self) -> str:
        return self.name


@dataclass
class Outcome:
    """How a call ended."""

    question: Question
    result: CallResult

    @property
    def error(self) -> GatewayError:
        assert self.result.error is not None, f"{self.question} ended well"
        return self.result.error


async def outcomes(
    asked: Sequence[Question], fault: Fault, *, max_answer_bytes: int = MAX_ANSWER_BYTES
) -> list[Outcome]:
    """Ask all at once, each of a server of its own with ``fault``; nothing may be left of the calls."""
    before = asyncio.all_tasks()
    transport = HttpTransport(max_answer_bytes=max_answer_bytes)
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(script_of(question, fault))) for question in asked]
        async with asyncio.timeout(GIVE_UP_S):
            found = await asyncio.gather(
                *(
                    ask(question, fault, transport, server)
                    for question, server in zip(asked, servers, strict=True)
                )
            )
        assert transport.pool is not None
        assert transport.pool.in_use == 0, "a call keeps its connection to itself"
        await transport.aclose()
        async with asyncio.timeout(5):
            for server in servers:
                await server.hung_up.wait()
                assert server.connections == 1
    assert asyncio.all_tasks() == before
    gc.collect()
    return found


def script_of(question: Question, fault: Fault) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        try:
            await fault.script(peer, question)
        finally:
            peer.server.hung_up.set()

    return script


async def ask(question: Question, fault: Fault, transport: HttpTransport, server: Server) -> Outcome:
    request = question.case.request
    route = RouteConfig(
        name="faulty",
        route_type=REQUEST_ROUTE_TYPES[type(request)],
        model=question.case.provider.model,
        timeouts=fault.timeouts,
        retries=0,
    )
    table = RouteTable(Config("faults.yaml", (route,)))
    url = server.url.replace("http:", "https:") if fault.secure else server.url
    async with Gateway(table, transport=Rerouted(transport, url), services=Services(server.url)) as gateway:
        result = await gateway.run(table.get("faulty"), request, lambda _: None)
    return Outcome(question, result)


async def answer(peer: Peer, status: str, body: bytes, headers: str = "") -> None:
    """A whole answer, and then nothing more until the client leaves."""
    await peer.request()
    head = f"HTTP/1.1 {status}\r\n{headers}content-length: {len(body)}\r\n\r\n"
    await peer.send(head.encode() + body)
    await peer.gone()


async def begin(peer: Peer, question: Question, messages: Sequence[bytes]) -> None:
    """The head of a good answer and these messages; the answer goes on."""
    await peer.request()
    await peer.start_chunks(question.head)
    for message in messages:
        await peer.chunk(message)


def whole_answer(
    status: str, body: bytes | Callable[[Question], bytes], headers: str | None = None
) -> Script:
    async def script(peer: Peer, question: Question) -> None:
        content = body if isinstance(body, bytes) else body(question)
        await answer(peer, status, content, question.head if headers is None else headers)

    return script


async def cut_off(peer: Peer, question: Question) -> None:
    """Half a message after the beginning, and the connection ends."""
    await begin(peer, question, half_told(question))


async def end_early(peer: Peer, question: Question) -> None:
    """The server says properly that this was all."""
    await begin(peer, question, question.beginning)
    await peer.chunk(b"")
    await peer.gone()


def half_told(question: Question) -> list[bytes]:
    if not question.is_stream:
        return [question.messages[0][: len(question.messages[0]) // 2]]
    told = question.beginning
    following = question.messages[len(told)]
    return [*told, following[: len(following) // 2]]


async def reset_at_once(peer: Peer, question: Question) -> None:
    await peer.request()
    _reset(peer)


async def reset_in_the_middle(peer: Peer, question: Question) -> None:
    await begin(peer, question, half_told(question))
    _reset(peer)


def _reset(peer: Peer) -> None:
    linger = struct.pack("ii", 1, 0)
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    peer.writer.transport.abort()


async def hang(peer: Peer, question: Question) -> None:
    await peer.gone()


async def hang_after_the_head(peer: Peer, question: Question) -> None:
    await begin(peer, question, [])
    await peer.gone()


async def hang_in_the_middle(peer: Peer, question: Question) -> None:
    await begin(peer, question, half_told(question))
    await peer.gone()


async def go_on_for_ever(peer: Peer, question: Question) -> None:
    """The message with the first text, again and again."""
    told = question.beginning
    await begin(peer, question, told)
    many = told[-1] * 50
    await send_for_ever(peer, b"%x\r\n%b\r\n" % (len(many), many))


async def a_message_without_end(peer: Peer, question: Question) -> None:
    start = {"sse": b"data: ", "ndjson": b'{"a":"'}.get(
        question.case.framing, b"\x7f\xff\xff\xff\x00\x00\x00\x10"
    )
    await begin(peer, question, [start])
    many = b"x" * 65536
    await send_for_ever(peer, b"%x\r\n%b\r\n" % (len(many), many))


async def send_for_ever(peer: Peer, data: bytes) -> None:
    async def left() -> None:
        await peer.gone()

    gone = asyncio.create_task(left())
    try:
        while not gone.done():
            await peer.send(data)
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


def streamed(question: Question) -> bool:
    return question.is_stream


def unstreamed(question: Question) -> bool:
    return not question.is_stream


HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
HTML_HEAD = "content-type: text/html; charset=utf-8\r\n"
JSON_HEAD = "content-type: application/json\r\n"
ELSEWHERE = "location: https://login.example/sso?token=hidden\r\n"
UNREADABLE = (ProtocolError, StreamInterrupted)

FAULTS = [
    Fault(
        "an HTML page instead of an error",
        whole_answer("502 Bad Gateway", HTML, HTML_HEAD),
        (ProviderUnavailable,),
        'status 502 and a web page titled "502 Bad Gateway"',
    ),
    Fault(
        "an HTML page as a good answer",
        whole_answer("200 OK", HTML, HTML_HEAD),
        (ProtocolError,),
        'a web page titled "502 Bad Gateway"',
    ),
    Fault("an empty error", whole_answer("500 Oops", b"", ""), (ProviderUnavailable,), "status 500"),
    Fault("an empty answer", whole_answer("200 OK", b""), UNREADABLE, "empty|nothing"),
    Fault("an empty answer of no kind", whole_answer("200 OK", b"", ""), UNREADABLE, "empty|nothing"),
    Fault("no content", whole_answer("204 No Content", b"", ""), UNREADABLE, "empty|nothing"),
    Fault(
        "malformed JSON",
        whole_answer("200 OK", b'{"choices": [{"te', JSON_HEAD),
        (ProtocolError,),
        "not JSON",
    ),
    Fault(
        "JSON of a shape that nobody knows",
        whole_answer("200 OK", b'[[{"a": null}], 7]', JSON_HEAD),
        (ProtocolError,),
    ),
    Fault(
        "malformed JSON as an error",
        whole_answer("400 No", b'{"error": {"mess', JSON_HEAD),
        (BadProviderRequest,),
    ),
    Fault(
        "an error of a shape that nobody knows",
        whole_answer("418 Teapot", b'{"error": [1, {"message": {"a": []}}], "detail": 7}', JSON_HEAD),
        (BadProviderRequest,),
    ),
    Fault(
        "invalid UTF-8",
        whole_answer("200 OK", b"\xff\xfe\x80{\xc3}", JSON_HEAD),
        (ProtocolError,),
    ),
    Fault(
        "invalid UTF-8 as an error", whole_answer("403 No", b"\xff\xfe\x80 no \xc3"), (ProviderError,), "no"
    ),
    Fault("an answer that is cut", cut_off, (StreamInterrupted,), "broke off in the middle of its answer"),
    Fault(
        "a stream that ends early",
        end_early,
        (StreamInterrupted,),
        "stopped before its end|broke off",
        of=streamed,
    ),
    Fault("a reset instead of an answer", reset_at_once, (ConnectFailed,), "closed the connection"),
    Fault("a reset in the middle", reset_in_the_middle, (StreamInterrupted,), "broke off in the middle"),
    Fault(
        "a redirect",
        whole_answer("307 Temporary Redirect", b"", ELSEWHERE),
        (ProtocolError,),
        r"redirect \(307\) to https://login\.example/sso, which is not followed",
    ),
    Fault(
        "silence instead of a connection",
        hang,
        (TimedOut,),
        "could not be connected to within 0.05 s",
        Timeouts(SHORT_S, None, None, None),
        phase="connect",
        secure=True,
    ),
    Fault(
        "silence instead of an answer",
        hang,
        (TimedOut,),
        "sent nothing of its answer within 0.05 s",
        Timeouts(10, SHORT_S, None, None),
        of=streamed,
        phase="first_token",
    ),
    Fault(
        "silence after the head",
        hang_after_the_head,
        (TimedOut,),
        "sent nothing of its answer within 0.05 s",
        Timeouts(10, SHORT_S, None, None),
        of=streamed,
        phase="first_token",
    ),
    Fault(
        "silence in the middle",
        hang_in_the_middle,
        (TimedOut,),
        "sent nothing more of its answer within 0.05 s",
        Timeouts(10, 10, SHORT_S, None),
        phase="between_chunks",
    ),
    Fault(
        "silence until the whole call is over",
        hang,
        (TimedOut,),
        "did not complete its answer within 0.05 s",
        Timeouts(10, None, None, SHORT_S),
        phase="total",
    ),
    Fault(
        "silence in the middle until the whole call is over",
        hang_in_the_middle,
        (TimedOut,),
        "did not complete its answer within 0.05 s",
        Timeouts(10, 10, 10, SHORT_S),
        phase="total",
    ),
    Fault(
        "a stream that never ends",
        go_on_for_ever,
        (TimedOut,),
        "did not complete its answer within 0.1 s",
        Timeouts(10, 10, 10, 0.1),
        of=streamed,
        phase="total",
    ),
]


ALL_QUESTIONS = [question for provider in WIRED for question in QUESTIONS[provider]]
STREAMED = [question for question in ALL_QUESTIONS if question.is_stream]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_a_fault_becomes_an_error_that_can_be_read_whoever_was_asked(fault: Fault):
    asked = [question for question in ALL_QUESTIONS if fault.of(question)]

    for found in await outcomes(asked, fault):
        require_readable(found)
        require_expected(found, fault)


def test_every_provider_with_a_wire_is_asked():
    assert {question.case.provider.name for question in ALL_QUESTIONS} == set(WIRED)


def require_readable(found: Outcome) -> None:
    """One sentence of a person's length, of a known class, with the names of who failed and no key."""
    error, case = found.error, found.question.case
    about = f"{case}: {error!r}"
    assert not isinstance(error, InternalError), about
    assert type(error) is not GatewayError, about
    assert str(error).strip() == str(error) != "", about
    assert "\n" not in str(error), about
    assert len(str(error)) <= 700, about
    assert not re.search(r"Traceback|\b[A-Z]\w*(Error|Exception)\b|\b0x[0-9a-f]{6}|None", str(error)), about
    assert (error.provider, error.route) == (case.provider.name, "faulty"), about
    assert not [s for s in case.provider.model.secrets if s.reveal() in f"{error} {error.to_dict()}"], about


def require_expected(found: Outcome, fault: Fault) -> None:
    error = found.error
    about = f"{found.question}: {error!r}"
    assert isinstance(error, fault.becomes), about
    assert re.search(fault.says, str(error)), about
    assert fault.phase is None or getattr(error, "phase", None) == fault.phase, about
    assert found.result.status == "error", about


FAILING_STREAMS = [
    Question(case)
    for case in CASES
    if case.is_stream and case.status == 200 and case.request.stream and case.told([case.reply]).error
]


async def test_an_error_in_the_middle_of_a_stream_ends_it_and_keeps_what_had_arrived():
    async def script(peer: Peer, question: Question) -> None:
        await begin(peer, question, [question.case.reply, b""])
        await peer.gone()

    fault = Fault("an error in the middle", script, (GatewayError,))
    for found in await outcomes(FAILING_STREAMS, fault):
        told = found.question.case.told([found.question.case.reply])
        require_readable(found)
        assert told.error is not None
        assert isinstance(found.error, type(told.error) | StreamInterrupted), found.question
        assert found.result.response.text == told.response.text, found.question


async def test_a_stray_byte_in_an_answer_is_replaced_or_told_of():
    async def script(peer: Peer, question: Question) -> None:
        told = b"".join(question.messages)
        await begin(peer, question, [told[: len(told) // 2] + b"\xff" + told[len(told) // 2 :], b""])
        await peer.gone()

    for found in await outcomes(ALL_QUESTIONS, Fault("a stray byte", script, ())):
        if found.result.status == "error":
            require_readable(found)
            assert isinstance(found.error, ProtocolError | StreamInterrupted), found.question


MEGABYTE = 10**6
LONG = 50 * MEGABYTE
BUDGET_BYTES = 400 * MEGABYTE
"""What reading 50 MB may take for a moment: as bytes, as text, as values, each once or twice."""


def one_for_each_way(reading: str, asked: Sequence[Question]) -> list[Question]:
    """Questions to providers whose method ``reading`` is not another's: many services share theirs."""
    ways = {getattr(provider_class(q.case.provider.name), reading, q): q for q in asked}
    return list(ways.values())


@pytest.mark.parametrize("question", one_for_each_way("answer_events", ALL_QUESTIONS), ids=str)
async def test_an_answer_of_50_megabytes_is_refused_and_not_repeated(question: Question):
    body = b'{"number": 7, "filler": "' + b"x" * LONG + b'"}'
    fault = Fault("50 MB", whole_answer("200 OK", body, JSON_HEAD), (ProtocolError, StreamInterrupted))

    [found] = await outcomes([question], fault)

    require_readable(found)
    require_expected(found, fault)


@pytest.mark.parametrize("status", ["200 OK", "500 Oops"])
@pytest.mark.parametrize(
    "body", [b"x" * LONG, b"[" * LONG, b"<html>" + b"<title>" * (LONG // 7)], ids=["x", "[", "page"]
)
async def test_50_megabytes_of_nonsense_are_told_in_a_sentence(status: str, body: bytes):
    fault = Fault("50 MB", whole_answer(status, body, HTML_HEAD), (ProtocolError, ProviderUnavailable))

    tracemalloc.start()
    [found] = await outcomes(QUESTIONS["openai"][:1], fault)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    require_readable(found)
    require_expected(found, fault)
    assert peak_bytes < BUDGET_BYTES


async def test_a_message_without_end_is_given_up_long_before_it_fills_the_memory():
    fault = Fault("a message without end", a_message_without_end, (ProtocolError,), "longer than")
    framings = {question.case.framing: question for question in STREAMED}

    tracemalloc.start()
    found = await outcomes(list(framings.values()), fault)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    for one in found:
        require_readable(one)
        require_expected(one, fault)
    assert len(found) == len(FRAMERS)
    assert peak_bytes < BUDGET_BYTES


async def test_an_answer_that_goes_on_and_on_is_given_up_at_its_greatest_length():
    fault = Fault("a long answer", go_on_for_ever, (ProtocolError,), "is longer than 1000000 bytes")

    for found in await outcomes(one_for_each_way("piece_events", STREAMED), fault, max_answer_bytes=MEGABYTE):
        require_readable(found)
        require_expected(found, fault)
        assert found.result.response.text
