import asyncio
import json
from pathlib import Path

import pytest

from gateway_core.config.model import Model
from gateway_core.errors import InvalidRequest
from gateway_core.events import Finished, TextDelta
from gateway_core.gateway import Gateway
from gateway_core.keys import Secret
from gateway_core.params import PARAMS
from gateway_core.providers.base import Frame, HttpRequest
from gateway_core.providers.palm import Palm
from gateway_core.providers.palm.params import CHAT, TEXT
from gateway_core.routes import RouteTable
from gateway_core.types import ChatRequest, CompletionRequest, EmbeddingRequest, Message, Request
from tests.core.loopback import Peer, serving
from tests.providers.cases import FIXTURES

OLD = "https://generativelanguage.googleapis.com/v1beta2"
HI = ChatRequest((Message("user", "Hi"),))


def palm(name: str | None = "chat-bison-001", **config: str) -> Palm:
    return Palm(Model("palm", name, {"palm_api_key": Secret("test-key"), **config}))


def counted(request: Request, **config: str) -> HttpRequest:
    asked = palm(**config).count_request(request)
    assert asked is not None
    return asked


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("http://proxy", "http://proxy/v1beta3"),
        ("http://proxy/v1beta3/models/", "http://proxy/v1beta3"),
        ("http://proxy/v1beta2", "http://proxy/v1beta2"),
        ("http://proxy/models", "http://proxy/v1beta3"),
    ],
)
def test_a_base_is_understood_with_and_without_its_version(base: str, address: str):
    assert palm(palm_api_base=base).request(HI).url == f"{address}/models/chat-bison-001:generateMessage"


def test_only_google_itself_has_googles_prices():
    assert palm().priced_as == "palm"
    assert palm(palm_api_base="http://127.0.0.1:1").priced_as is None


def test_what_mlflow_does_to_its_requests_is_known():
    assert (Palm.mlflow.temperature_factor, Palm.mlflow.temperature_factor_today) == (1, 0.5)
    assert {"max_tokens", "maxOutputTokens"} <= set(Palm.mlflow.refused["llm/v1/chat"])


def test_every_parameter_is_known_one_way_or_the_other():
    assert set(PARAMS) <= set(CHAT)
    assert set(PARAMS) <= set(TEXT)


def test_a_stream_that_is_asked_for_is_answered_whole():
    assert palm().request(HI).stream is False


def test_a_message_of_a_stream_would_be_a_whole_answer():
    events = palm().decode(Frame('{"candidates": [{"output": "x"}]}'))

    assert events == [TextDelta("x"), Finished("stop")]


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (Message("tool", "1"), "palm has no tools"),
        (Message("assistant", "", extra={"tool_calls": [{"id": "c"}]}), "palm has no tools"),
        (Message("system", "Be."), "at least one message beside the system's"),
        (Message("user", ({"type": "image_url", "image_url": {"url": "http://x/y"}},)), "text only"),
    ],
)
def test_a_conversation_that_cannot_be_said_is_refused(message: Message, sentence: str):
    with pytest.raises(InvalidRequest, match=sentence):
        palm().request(ChatRequest((message,)))


def test_who_else_speaks_is_named_as_he_is_because_palm_signs_its_own_answers_so():
    body = json.loads(palm().request(ChatRequest((Message("0", "Hi"), Message("1", "Ho")))).body)

    assert body["prompt"]["messages"] == [{"author": "0", "content": "Hi"}, {"author": "1", "content": "Ho"}]


def test_a_context_that_is_no_text_is_refused():
    with pytest.raises(InvalidRequest, match="context must be text"):
        palm().request(ChatRequest(HI.messages, {"context": ["Be."]}))


def test_a_conversation_is_counted_as_it_is_sent():
    request = counted(ChatRequest((Message("system", "Be."), *HI.messages), {"examples": []}))

    assert request.url.endswith("/v1beta3/models/chat-bison-001:countMessageTokens")
    assert json.loads(request.body) == {
        "prompt": {"context": "Be.", "messages": [{"author": "user", "content": "Hi"}]}
    }
    assert palm().parse_count(b'{"tokenCount": 3}') == 3


@pytest.mark.parametrize("request_", [CompletionRequest("Once"), EmbeddingRequest(("Once",))])
def test_a_text_is_counted(request_: Request):
    request = counted(request_)

    assert request.url.endswith(":countTextTokens")
    assert json.loads(request.body) == {"prompt": {"text": "Once"}}


def test_what_cannot_be_counted_in_one_go_is_not_asked_for():
    assert palm().count_request(EmbeddingRequest(("a", "b"))) is None
    assert palm(palm_api_base=OLD).count_request(CompletionRequest("Once")) is None


CONFIG = """
routes:
- name: palm
  route_type: llm/v1/chat
  model:
    provider: palm
    name: chat-bison-001
    config: {{palm_api_key: test-key, palm_api_base: "{url}"}}
"""


async def test_an_answer_arrives_through_the_gateway_in_pieces_of_any_size(tmp_path: Path):
    reply = (FIXTURES / "palm/chat/reply.json").read_bytes()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks("content-type: application/json; charset=UTF-8\r\n")
        for at in range(0, len(reply), 3):
            await peer.chunk(reply[at : at + 3])
        await peer.chunk(b"")

    async with serving(script) as server:
        path = tmp_path / "config.yaml"
        path.write_text(CONFIG.format(url=server.url))
        table = await asyncio.to_thread(RouteTable.load, path, environ={})
        async with Gateway(table) as gateway:
            result = await gateway.run(table.get("palm"), HI, lambda _: None)

    assert result.error is None
    assert result.response.text == "こんにちは e\u0301 👩‍👩‍👧"
    assert result.response.usage is None or result.response.usage.source == "estimated"
    assert result.timing.ttft_ms is None
    assert server.requests[0].headers["x-goog-api-key"] == "test-key"
