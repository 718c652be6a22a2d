"""OpenAI's own client against the running service: all that its users do with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
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
    "openai", reason="the official openai SDK is not installed: pip install openai"
)

HI: Any = [{"role": "user", "content": "hi"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
WITH_USAGE = {"include_usage": True}
VECTORS = scripted("vectors", "llm/v1/embeddings", vector=[0.25, -1.5, 0.1], first_token=0)
TEXTS = scripted("texts", "llm/v1/completions", text="and so on", first_token=0, tokens_per_second=1000)


class Place(BaseModel):
    """What an answer in a given form holds."""

    town: str
    rivers: list[str]


def client(service: Running, *, key: str = "none", retries: int = 0) -> Any:
    return sdk.AsyncOpenAI(
        api_key=key, base_url=f"http://127.0.0.1:{service.port}/v1", max_retries=retries, timeout=10
    )


@asynccontextmanager
async def provided(folder: Path, *replies: Reply, retries: int = 0) -> AsyncIterator[tuple[Any, Upstream]]:
    """A client of a service whose route ``chat`` has a provider that says ``replies``."""
    async with (
        saying(*replies) as provider,
        serving(folder, upstream(provider.url)) as service,
        client(service, retries=retries) as openai,
    ):
        yield openai, provider


async def test_a_chat_is_answered_whole(tmp_path: Path):
    async with serving(tmp_path) as service, client(service) as openai:
        answer = await openai.chat.completions.create(model="chat", messages=HI)

    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", SAID, "stop")
    assert (answer.object, answer.model) == ("chat.completion", "script")
    assert answer.id.startswith("chatcmpl-")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        1,
        3,
        4,
    )
    assert answer._request_id


async def test_the_waiting_client_is_answered_too(tmp_path: Path):
    async with serving(tmp_path) as service:

        def ask() -> list[str]:
            base = f"http://127.0.0.1:{service.port}/v1"
            with sdk.OpenAI(api_key="none", base_url=base, max_retries=0) as openai:
                whole = openai.chat.completions.create(model="chat", messages=HI).choices[0].message.content
                stream = openai.chat.completions.create(model="chat", messages=HI, stream=True)
                return [whole, "".join(chunk.choices[0].delta.content or "" for chunk in stream)]

        assert await asyncio.to_thread(ask) == [SAID, SAID]


@pytest.mark.parametrize("usage", [False, True])
async def test_a_stream_ends_with_the_counts_where_they_are_asked_for(tmp_path: Path, usage: bool):
    options = {"stream_options": WITH_USAGE} if usage else {}
    async with serving(tmp_path) as service, client(service) as openai:
        stream = await openai.chat.completions.create(model="chat", messages=HI, stream=True, **options)
        chunks = [chunk async for chunk in stream]

    said = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in said) == SAID
    assert [choice.finish_reason for choice in said if choice.finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    counted = [chunk for chunk in chunks if chunk.usage]
    if usage:
        assert counted == chunks[-1:]
        assert (counted[0].choices, counted[0].usage.total_tokens) == ([], 4)
    else:
        assert counted == []


async def test_the_clients_own_stream_helper_puts_the_answer_together(tmp_path: Path):
    asked = {"model": "chat", "messages": HI, "stream_options": WITH_USAGE}
    async with (
        serving(tmp_path) as service,
        client(service) as openai,
        openai.chat.completions.stream(**asked) as stream,
    ):
        events = [event async for event in stream]
        answer = await stream.get_final_completion()

    assert "".join(event.delta for event in events if event.type == "content.delta") == SAID
    assert [event.content for event in events if event.type == "content.done"] == [SAID]
    assert (answer.choices[0].message.content, answer.usage.total_tokens) == (SAID, 4)


async def test_tools_go_round_trip(tmp_path: Path):
    call = called("weather", '{"place": "Paris"}')
    replies = (whole({"tool_calls": [call]}, reason="tool_calls"), whole({"content": "It rains."}))
    async with provided(tmp_path, *replies) as (openai, provider):
        asked = {"model": "chat", "tools": [WEATHER], "parallel_tool_calls": False}
        first = await openai.chat.completions.create(messages=HI, tool_choice="required", **asked)
        message = first.choices[0].message
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "rain"}
        last = await openai.chat.completions.create(messages=[*HI, message, result], **asked)

    assert (first.choices[0].finish_reason, message.content) == ("tool_calls", None)
    assert message.tool_calls[0].to_dict() == call
    assert last.choices[0].message.content == "It rains."
    assert provider.bodies[0]["tools"] == [WEATHER]
    assert (provider.bodies[0]["tool_choice"], provider.bodies[0]["parallel_tool_calls"]) == (
        "required",
        False,
    )
    told, back = provider.bodies[1]["messages"][1:]
    assert (told["role"], told["tool_calls"]) == ("assistant", [call])
    assert back == result


async def test_tool_calls_are_put_together_from_a_stream(tmp_path: Path):
    def piece(index: int, **function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "function": function}]}

    first = {"tool_calls": [{"index": 0, **called("weather", "", "call_a")}]}
    second = {"tool_calls": [{"index": 1, **called("weather", '{"place": ', "call_b")}]}
    pieces = (first, piece(0, arguments='{"place": "Pa'), piece(0, arguments='ris"}'), second)
    reply = streamed(*((0, p) for p in (*pieces, piece(1, arguments='"Rome"}'))), reason="tool_calls")
    async with (
        provided(tmp_path, reply) as (openai, _),
        openai.chat.completions.stream(model="chat", messages=HI, tools=[WEATHER]) as stream,
    ):
        answer = await stream.get_final_completion()

    calls = answer.choices[0].message.tool_calls
    assert [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("call_a", "weather", {"place": "Paris"}),
        ("call_b", "weather", {"place": "Rome"}),
    ]


async def test_several_answers_come_each_under_its_own_number(tmp_path: Path):
    pieces = [(1, {"content": "tw"}), (0, {"content": "one"}), (1, {"content": "o"})]
    replies = (whole({"content": "one"}, {"content": "two"}), streamed(*pieces))
    async with provided(tmp_path, *replies) as (openai, provider):
        answer = await openai.chat.completions.create(model="chat", messages=HI, n=2)
        texts = ["", ""]
        async for chunk in await openai.chat.completions.create(model="chat", messages=HI, n=2, stream=True):
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""

    assert [choice.message.content for choice in answer.choices] == texts == ["one", "two"]
    assert [body["n"] for body in provider.bodies] == [2, 2]


async def test_an_answer_in_a_given_form_is_read_into_a_model(tmp_path: Path):
    said = '{"town": "Paris", "rivers": ["Seine"]}'
    async with provided(tmp_path, whole({"content": said})) as (openai, provider):
        parsed = await openai.chat.completions.parse(model="chat", messages=HI, response_format=Place)

    assert parsed.choices[0].message.parsed == Place(town="Paris", rivers=["Seine"])
    form = provider.bodies[0]["response_format"]
    assert (form["type"], form["json_schema"]["name"], form["json_schema"]["strict"]) == (
        "json_schema",
        "Place",
        True,
    )
    assert form["json_schema"]["schema"]["required"] == ["town", "rivers"]


async def test_what_only_the_provider_knows_reaches_it(tmp_path: Path):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    turn = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    given = {
        "max_completion_tokens": 50,
        "reasoning_effort": "low",
        "seed": 7,
        "stop": ["END"],
        "metadata": {"job": "nightly"},
        "logit_bias": {"50256": -100},
    }
    async with provided(tmp_path, whole({"content": "A picture."})) as (openai, provider):
        await openai.chat.completions.create(
            model="chat", messages=[turn], extra_body={"chat_template": "short"}, **given
        )

    (body,) = provider.bodies
    assert body["messages"] == [turn]
    assert {name: body[name] for name in given} == given
    assert (body["chat_template"], body["model"]) == ("short", "gpt-4o")


async def test_vectors_come_packed_as_the_client_asks_for_them_by_itself(tmp_path: Path):
    async with serving(tmp_path, VECTORS) as service, client(service) as openai:
        by_itself = await openai.embeddings.create(model="vectors", input=["a", "b c"])
        asked = await openai.embeddings.create(model="vectors", input="a", encoding_format="float")
        packed = await openai.embeddings.create(model="vectors", input="a", encoding_format="base64")

    assert [one.index for one in by_itself.data] == [0, 1]
    assert by_itself.data[1].embedding == pytest.approx([0.25, -1.5, 0.1])
    assert asked.data[0].embedding == [0.25, -1.5, 0.1]
    assert packed.data[0].embedding == "AACAPgAAwL/NzMw9"
    assert (by_itself.usage.prompt_tokens, by_itself.usage.total_tokens) == (3, 3)


async def test_lists_of_tokens_are_refused_with_what_to_send(tmp_path: Path):
    async with serving(tmp_path, VECTORS) as service, client(service) as openai:
        with pytest.raises(sdk.BadRequestError, match="send text") as raised:
            await openai.embeddings.create(model="vectors", input=[[15339, 1917]])

    assert raised.value.param == "input"


async def test_texts_are_continued_whole_and_as_a_stream(tmp_path: Path):
    async with serving(tmp_path, TEXTS) as service, client(service) as openai:
        answer = await openai.completions.create(model="texts", prompt="Once", max_tokens=9)
        stream = await openai.completions.create(
            model="texts", prompt=["Once"], stream=True, stream_options=WITH_USAGE
        )
        chunks = [chunk async for chunk in stream]

    assert (answer.object, answer.choices[0].text, answer.choices[0].finish_reason) == (
        "text_completion",
        "and so on",
        "stop",
    )
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == "and so on"
    assert chunks[-1].usage.total_tokens == answer.usage.total_tokens == 4


async def test_models_are_the_routes(tmp_path: Path):
    async with serving(tmp_path, scripted(), VECTORS) as service, client(service) as openai:
        listed = [model.id async for model in openai.models.list()]
        one = await openai.models.retrieve("vectors")
        with pytest.raises(sdk.NotFoundError, match='there is no route "gpt-4"'):
            await openai.models.retrieve("gpt-4")

    assert listed == ["chat", "vectors"]
    assert (one.id, one.object, one.owned_by) == ("vectors", "model", "scripted")


async def ask(openai: Any, **more: Any) -> Any:
    return await openai.chat.completions.create(**{"model": "chat", "messages": HI, **more})


@pytest.mark.parametrize(
    ("asked", "kind", "facts", "said"),
    [
        ({"model": "gpt-4"}, "NotFoundError", ("model_not_found", "model"), 'there is no route "gpt-4"'),
        ({"model": "vectors"}, "BadRequestError", ("invalid_request", "model"), "is for embeddings"),
        (
            {"temperature": 3},
            "BadRequestError",
            ("invalid_request", "temperature"),
            "less than or equal to 2",
        ),
        ({"messages": []}, "BadRequestError", ("invalid_request", "messages"), "at least 1 item"),
        ({"logprobs": True}, "BadRequestError", ("invalid_request", "logprobs"), "does not offer it"),
        (
            {"messages": [{"content": "hi"}]},
            "BadRequestError",
            ("invalid_request", "messages.0.role"),
            "messages.0.role: Field required",
        ),
    ],
    ids=["unknown", "kind", "range", "empty", "not offered", "role"],
)
async def test_a_request_that_is_wrong_is_refused_by_the_name_of_what_is_wrong(
    tmp_path: Path, asked: dict[str, Any], kind: str, facts: tuple[str, str], said: str
):
    async with serving(tmp_path, scripted(), VECTORS) as service, client(service) as openai:
        with pytest.raises(getattr(sdk, kind), match=said) as raised:
            await ask(openai, **asked)

    assert (raised.value.code, raised.value.param) == facts
    assert raised.value.type == "invalid_request_error"


async def test_who_may_not_ask_is_told_so(tmp_path: Path):
    async with serving(tmp_path, scripted(), scripted("other"), guard=door(AUTH)) as service:
        async with client(service) as stranger:
            with pytest.raises(sdk.AuthenticationError) as refused:
                await ask(stranger)
        async with client(service, key=TOKEN) as known:
            answer = await ask(known)
            with pytest.raises(sdk.PermissionDeniedError, match="the route other is not for ci"):
                await ask(known, model="other")

    assert refused.value.code == "invalid_api_key"
    assert answer.choices[0].message.content == SAID


BUSY = Refused(429, {"error": {"message": "slow down"}}, {"retry-after": "7"})
BROKE = Refused(429, {"error": {"message": "no credit", "code": "insufficient_quota"}})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reply", "kind", "code", "headers"),
    [
        (BUSY, "RateLimitError", "rate_limit_exceeded", {"retry-after": "7"}),
        (BROKE, "RateLimitError", "insufficient_quota", {"x-should-retry": "false"}),
        (
            Refused(503, {"error": {"message": "overloaded"}}),
            "InternalServerError",
            "provider_unavailable",
            {},
        ),
        (
            Refused(400, {"error": {"message": "too long", "code": "context_length_exceeded"}}),
            "BadRequestError",
            "context_length_exceeded",
            {},
        ),
    ],
    ids=["busy", "broke", "down", "long"],
)
async def test_what_the_provider_refuses_is_an_error_of_its_class(
    tmp_path: Path, stream: bool, reply: Refused, kind: str, code: str, headers: dict[str, str]
):
    async with provided(tmp_path, reply) as (openai, _):
        with pytest.raises(getattr(sdk, kind)) as raised:
            await ask(openai, stream=stream)

    assert raised.value.code == code
    told = {name: raised.value.response.headers.get(name) for name in ("retry-after", "x-should-retry")}
    assert told == {"retry-after": None, "x-should-retry": None, **headers}


async def test_the_client_asks_again_when_it_is_told_to_and_only_then(tmp_path: Path):
    at_once = Refused(429, {"error": {"message": "slow down"}}, {"retry-after": "0"})
    async with provided(tmp_path, at_once, whole({"content": "now"}), retries=2) as (openai, provider):
        answer = await ask(openai)
    async with provided(tmp_path, BROKE, retries=2) as (openai, broke):
        with pytest.raises(sdk.RateLimitError):
            await ask(openai)

    assert answer.choices[0].message.content == "now"
    assert (len(provider.bodies), len(broke.bodies)) == (2, 1)


async def test_the_client_does_not_sleep_through_a_limit_of_a_day(tmp_path: Path):
    tomorrow = Refused(429, {"error": {"message": "come back tomorrow"}}, {"retry-after": "36000"})
    async with provided(tmp_path, tomorrow, retries=2) as (openai, provider):
        with pytest.raises(sdk.RateLimitError, match="come back tomorrow") as raised:
            await asyncio.wait_for(ask(openai), 10)

    assert raised.value.response.headers["retry-after"] == "36000"
    assert len(provider.bodies) == 1


async def test_a_failure_in_the_middle_of_a_stream_is_raised_after_what_was_said(tmp_path: Path):
    script = [{"text": "one "}, {"delay": 0.05, "error": "rate_limited", "message": "slow down"}]
    async with serving(tmp_path, scripted(script=script)) as service, client(service) as openai:
        stream = await ask(openai, stream=True)
        said: list[str] = []

        async def listen() -> None:
            async for chunk in stream:
                said.append(chunk.choices[0].delta.content or "")

        with pytest.raises(sdk.APIError, match="slow down") as raised:
            await listen()

    assert "".join(said) == "one "
    assert raised.value.code == "rate_limit_exceeded"


async def leave(stream: Any) -> None:
    await stream.close()


async def drop(stream: Any) -> None:
    await stream.response.aclose()


@pytest.mark.parametrize("how", [leave, drop])
async def test_a_client_that_leaves_a_stream_has_the_provider_hung_up_on(
    tmp_path: Path, how: Callable[[Any], Any]
):
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
        client(service) as openai,
    ):
        stream = await ask(openai, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await how(stream)
        await asyncio.wait_for(provider.hung_up.wait(), 5)
        await until(lambda: bool(noting.handled))

    result = noting.handled[0].result
    assert result is not None
    assert (result.status, result.response.text) == ("cancelled", "one")


async def test_what_is_not_offered_is_not_found_in_openais_own_shape(tmp_path: Path):
    async with serving(tmp_path) as service, client(service) as openai:
        with pytest.raises(sdk.NotFoundError) as raised:
            await openai.responses.create(model="chat", input="hi")

    assert raised.value.code == "not_found"
