"""Anthropic's own client against the running service: all that its users do with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.core.loopback import Peer
from tests.core.loopback import serving as provider_serving
from tests.sdk.upstreams import Refused, Reply, Upstream, called, saying, streamed, whole
from tests.server.running import SAID, Noting, Running, scripted, serving, until, upstream
from tests.server.scenes import TOKEN
from tests.server.test_auth import AUTH, door

sdk: Any = pytest.importorskip(
    "anthropic", reason="the official anthropic SDK is not installed: pip install anthropic"
)

HI: Any = [{"role": "user", "content": "hi"}]
ASKED: Any = {"model": "chat", "max_tokens": 50, "messages": HI}
SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "The weather of a place.", "input_schema": SCHEMA}
AS_OPENAI = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather of a place.", "parameters": SCHEMA},
}


class Place(BaseModel):
    """What an answer in a given form holds."""

    town: str
    rivers: list[str]


def client(service: Running, *, key: str = "none", retries: int = 0) -> Any:
    return sdk.AsyncAnthropic(
        api_key=key, base_url=f"http://127.0.0.1:{service.port}", max_retries=retries, timeout=10
    )


@asynccontextmanager
async def provided(folder: Path, *replies: Reply, retries: int = 0) -> AsyncIterator[tuple[Any, Upstream]]:
    """A client of a service whose route ``chat`` has a provider that says ``replies``, in OpenAI's words."""
    async with (
        saying(*replies) as provider,
        serving(folder, upstream(provider.url)) as service,
        client(service, retries=retries) as anthropic,
    ):
        yield anthropic, provider


@asynccontextmanager
async def playing(folder: Path, *script: dict[str, Any]) -> AsyncIterator[Any]:
    """A client of a service whose route ``chat`` plays this script."""
    async with serving(folder, scripted(script=list(script))) as service, client(service) as anthropic:
        yield anthropic


async def test_a_message_is_answered_whole(tmp_path: Path):
    async with serving(tmp_path) as service, client(service) as anthropic:
        answer = await anthropic.messages.create(**ASKED)

    (block,) = answer.content
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "script")
    assert answer.id.startswith("msg_")
    assert (block.type, block.text, answer.stop_reason) == ("text", SAID, "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1, 3)


async def test_the_waiting_client_is_answered_too(tmp_path: Path):
    async with serving(tmp_path) as service:

        def ask() -> list[str]:
            base = f"http://127.0.0.1:{service.port}"
            with sdk.Anthropic(api_key="none", base_url=base, max_retries=0) as anthropic:
                text = anthropic.messages.create(**ASKED).content[0].text
                with anthropic.messages.stream(**ASKED) as stream:
                    return [text, "".join(stream.text_stream)]

        assert await asyncio.to_thread(ask) == [SAID, SAID]


async def test_a_stream_has_every_event_in_its_place(tmp_path: Path):
    async with serving(tmp_path) as service, client(service) as anthropic:
        stream = await anthropic.messages.create(**ASKED, stream=True)
        kinds = [event.type async for event in stream]

    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_thoughts_text_and_counts_are_put_together_from_a_stream(tmp_path: Path):
    script = (
        {"reasoning": "Let me "},
        {"reasoning": "see."},
        {"text": "It is "},
        {"text": "so."},
        {"usage": {"input_tokens": 9, "output_tokens": 6, "cache_read_tokens": 4}},
        {"finish": "length"},
    )
    async with (
        playing(tmp_path, *script) as anthropic,
        anthropic.messages.stream(**ASKED) as stream,
    ):
        texts = [text async for text in stream.text_stream]
        answer = await stream.get_final_message()

    thinking, text = answer.content
    assert "".join(texts) == text.text == "It is so."
    assert (thinking.type, thinking.thinking) == ("thinking", "Let me see.")
    assert answer.stop_reason == "max_tokens"
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (5, 4)
    assert answer.usage.output_tokens == 6


async def test_tools_go_round_trip(tmp_path: Path):
    call = called("weather", '{"place": "Paris"}')
    replies = (whole({"tool_calls": [call]}, reason="tool_calls"), whole({"content": "It rains."}))
    async with provided(tmp_path, *replies) as (anthropic, provider):
        asked = {**ASKED, "tools": [WEATHER], "tool_choice": {"type": "any"}}
        first = await anthropic.messages.create(**asked)
        (used,) = first.content
        result = {"type": "tool_result", "tool_use_id": used.id, "content": "rain"}
        turns = [*HI, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        last = await anthropic.messages.create(**{**asked, "messages": turns})

    assert (first.stop_reason, last.stop_reason) == ("tool_use", "end_turn")
    assert (used.type, used.id, used.name, used.input) == (
        "tool_use",
        "call_7",
        "weather",
        {"place": "Paris"},
    )
    assert last.content[0].text == "It rains."
    assert provider.bodies[0]["tools"] == [AS_OPENAI]
    assert provider.bodies[0]["tool_choice"] == "required"
    told, back = provider.bodies[1]["messages"][1:]
    assert (told["role"], told["tool_calls"]) == ("assistant", [call])
    assert back == {"role": "tool", "tool_call_id": "call_7", "content": "rain"}


async def test_tool_calls_are_put_together_from_a_stream(tmp_path: Path):
    def piece(index: int, **function: str) -> tuple[int, dict[str, Any]]:
        return 0, {"tool_calls": [{"index": index, "function": function}]}

    reply = streamed(
        (0, {"content": "Let me look. "}),
        (0, {"tool_calls": [{"index": 0, **called("weather", "", "call_a")}]}),
        piece(0, arguments='{"place": "Pa'),
        piece(0, arguments='ris"}'),
        (0, {"tool_calls": [{"index": 1, **called("weather", '{"place": ', "call_b")}]}),
        piece(1, arguments='"Rome"}'),
        reason="tool_calls",
    )
    async with (
        provided(tmp_path, reply) as (anthropic, _),
        anthropic.messages.stream(**ASKED, tools=[WEATHER]) as stream,
    ):
        answer = await stream.get_final_message()

    text, *calls = answer.content
    assert text.text == "Let me look. "
    assert [(call.id, call.name, call.input) for call in calls] == [
        ("call_a", "weather", {"place": "Paris"}),
        ("call_b", "weather", {"place": "Rome"}),
    ]
    assert (answer.stop_reason, answer.usage.output_tokens) == ("tool_use", 4)


@pytest.mark.parametrize(
    "system",
    ["Be brief.\n\nBe kind.", [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]],
    ids=["text", "blocks"],
)
async def test_the_system_prompt_comes_first(tmp_path: Path, system: Any):
    async with provided(tmp_path, whole({"content": "Hi."})) as (anthropic, provider):
        await anthropic.messages.create(**ASKED, system=system)

    assert provider.bodies[0]["messages"] == [{"role": "system", "content": "Be brief.\n\nBe kind."}, *HI]


async def test_what_is_asked_reaches_the_provider_in_its_own_words(tmp_path: Path):
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
    }
    turn = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    asked = {
        **ASKED,
        "messages": [turn],
        "extra_body": {"temperature": 0.5, "top_p": 0.9},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "ann"},
    }
    async with provided(tmp_path, whole({"content": "A picture."})) as (anthropic, provider):
        await anthropic.messages.create(**asked)

    (body,) = provider.bodies
    text, image = body["messages"][0]["content"]
    assert (text["text"], image["image_url"]["url"]) == (
        "What is this?",
        "data:image/png;base64,iVBORw0KGgo=",
    )
    told = {name: body[name] for name in ("temperature", "top_p", "stop", "user", "max_tokens")}
    assert told == {"temperature": 0.5, "top_p": 0.9, "stop": ["END"], "user": "ann", "max_tokens": 50}


async def test_an_answer_in_a_given_form_is_read_into_a_model(tmp_path: Path):
    said = '{"town": "Paris", "rivers": ["Seine"]}'
    async with provided(tmp_path, whole({"content": said})) as (anthropic, provider):
        parsed = await anthropic.messages.parse(**ASKED, output_format=Place)

    assert parsed.parsed_output == Place(town="Paris", rivers=["Seine"])
    form = provider.bodies[0]["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"]["required"] == ["town", "rivers"]


async def test_tokens_are_counted_without_a_call(tmp_path: Path):
    async with provided(tmp_path, whole({"content": "unheard"})) as (anthropic, provider):
        short = await anthropic.messages.count_tokens(model="chat", messages=HI)
        long = await anthropic.messages.count_tokens(
            model="chat", messages=HI, system="Be brief.", tools=[WEATHER]
        )

    assert 1 <= short.input_tokens < long.input_tokens
    assert provider.bodies == []


async def test_the_routes_are_listed(tmp_path: Path):
    async with serving(tmp_path, scripted(), scripted("other")) as service, client(service) as anthropic:
        listed = [model.id async for model in anthropic.models.list()]
        one = await anthropic.models.retrieve("other")
        with pytest.raises(sdk.NotFoundError):
            await anthropic.models.retrieve("nope")

    assert (listed, one.id) == (["chat", "other"], "other")


@pytest.mark.parametrize(
    ("asked", "kind", "type_", "said"),
    [
        ({"model": "claude"}, "NotFoundError", "not_found_error", 'there is no route "claude"'),
        ({"model": "vectors"}, "BadRequestError", "invalid_request_error", "is for embeddings, not for chat"),
        (
            {"extra_body": {"temperature": 1.5}},
            "BadRequestError",
            "invalid_request_error",
            "temperature: .*less than or equal",
        ),
        ({"messages": []}, "BadRequestError", "invalid_request_error", "messages: .*at least 1 item"),
        ({"max_tokens": 0}, "BadRequestError", "invalid_request_error", "max_tokens: .*greater than"),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
            "BadRequestError",
            "invalid_request_error",
            r'messages.0.content.0: a block of type "hologram"',
        ),
    ],
    ids=["unknown", "kind", "range", "empty", "tokens", "block"],
)
async def test_a_request_that_is_wrong_is_refused_by_the_name_of_what_is_wrong(
    tmp_path: Path, asked: dict[str, Any], kind: str, type_: str, said: str
):
    vectors = scripted("vectors", "llm/v1/embeddings")
    async with serving(tmp_path, scripted(), vectors) as service, client(service) as anthropic:
        with pytest.raises(getattr(sdk, kind), match=said) as raised:
            await anthropic.messages.create(**{**ASKED, **asked})

    assert raised.value.body["type"] == "error"
    assert raised.value.body["error"]["type"] == type_


async def test_who_may_not_ask_is_told_so(tmp_path: Path):
    async with serving(tmp_path, scripted(), scripted("other"), guard=door(AUTH)) as service:
        async with client(service) as stranger:
            with pytest.raises(sdk.AuthenticationError) as refused:
                await stranger.messages.create(**ASKED)
        async with client(service, key=TOKEN) as known:
            answer = await known.messages.create(**ASKED)
            with pytest.raises(sdk.PermissionDeniedError, match="the route other is not for ci"):
                await known.messages.create(**{**ASKED, "model": "other"})

    assert refused.value.body["error"]["type"] == "authentication_error"
    assert answer.content[0].text == SAID


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reply", "kind", "type_"),
    [
        (
            Refused(429, {"error": {"message": "slow down"}}, {"retry-after": "7"}),
            "RateLimitError",
            "rate_limit_error",
        ),
        (Refused(503, {"error": {"message": "overloaded"}}), "InternalServerError", "overloaded_error"),
        (Refused(400, {"error": {"message": "no"}}), "BadRequestError", "invalid_request_error"),
    ],
    ids=["busy", "down", "bad"],
)
async def test_what_the_provider_refuses_is_an_error_of_its_class(
    tmp_path: Path, stream: bool, reply: Refused, kind: str, type_: str
):
    async with provided(tmp_path, reply) as (anthropic, _):
        with pytest.raises(getattr(sdk, kind)) as raised:
            await anthropic.messages.create(**ASKED, stream=stream)

    assert raised.value.status_code == reply.status
    assert raised.value.body["error"]["type"] == type_
    assert raised.value.response.headers.get("retry-after") == reply.headers.get("retry-after")


async def test_the_client_asks_again_when_it_is_told_to(tmp_path: Path):
    at_once = Refused(429, {"error": {"message": "slow down"}}, {"retry-after": "0"})
    async with provided(tmp_path, at_once, whole({"content": "now"}), retries=1) as (anthropic, provider):
        answer = await anthropic.messages.create(**ASKED)

    assert (answer.content[0].text, len(provider.bodies)) == ("now", 2)


async def test_the_client_does_not_sleep_through_a_limit_of_a_day(tmp_path: Path):
    tomorrow = Refused(429, {"error": {"message": "come back tomorrow"}}, {"retry-after": "36000"})
    async with provided(tmp_path, tomorrow, retries=2) as (anthropic, provider):
        with pytest.raises(sdk.RateLimitError, match="come back tomorrow") as raised:
            await asyncio.wait_for(anthropic.messages.create(**ASKED), 10)

    assert raised.value.response.headers["retry-after"] == "36000"
    assert len(provider.bodies) == 1


async def test_a_failure_in_the_middle_of_a_stream_is_raised_after_what_was_said(tmp_path: Path):
    script = ({"text": "one "}, {"delay": 0.05, "error": "rate_limited", "message": "slow down"})
    async with playing(tmp_path, *script) as anthropic, anthropic.messages.stream(**ASKED) as stream:
        said: list[str] = []

        async def listen() -> None:
            async for text in stream.text_stream:
                said.append(text)

        with pytest.raises(sdk.APIStatusError, match="slow down") as raised:
            await listen()

    assert said == ["one "]
    assert raised.value.body["error"]["type"] == "rate_limit_error"


async def test_a_client_that_leaves_a_stream_has_the_provider_hung_up_on(tmp_path: Path):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.start_chunks()
        (first, *_) = streamed((0, {"content": "one"}))
        await peer.chunk(f"data: {json.dumps(first)}\n\n".encode())
        await peer.gone()

    noting = Noting()
    async with (
        provider_serving(script) as provider,
        serving(tmp_path, upstream(provider.url), observer=noting) as service,
        client(service) as anthropic,
    ):
        async with anthropic.messages.stream(**ASKED) as stream:
            assert await anext(aiter(stream.text_stream)) == "one"
        await asyncio.wait_for(provider.hung_up.wait(), 5)
        await until(lambda: bool(noting.handled))

    result = noting.handled[0].result
    assert result is not None
    assert (result.status, result.response.text) == ("cancelled", "one")
