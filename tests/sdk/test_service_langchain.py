"""LangChain's package for OpenAI against the running service: what it adds to the client beneath it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.sdk.test_service_openai import TEXTS, VECTORS
from tests.sdk.upstreams import called, saying, streamed, whole
from tests.server.running import SAID, upstream
from tests.server.running import serving as served

langchain: Any = pytest.importorskip(
    "langchain_openai", reason="LangChain's package for OpenAI is not installed: pip install langchain-openai"
)
openai: Any = pytest.importorskip("openai")
tools: Any = pytest.importorskip("langchain_core.tools")
messages: Any = pytest.importorskip("langchain_core.messages")


class Place(BaseModel):
    """A place."""

    town: str
    rivers: list[str]


def weather(place: str) -> str:
    """The weather of a place."""
    return f"rain in {place}"


@asynccontextmanager
async def serving(folder: Path, *routes: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """How a service of ``routes`` is addressed. LangChain closes no connections, so they are ours."""
    async with served(folder, *routes) as service, openai.DefaultAsyncHttpxClient() as http:
        base = f"http://127.0.0.1:{service.port}/v1"
        yield {"base_url": base, "api_key": "none", "max_retries": 0, "http_async_client": http}


async def test_a_chat_is_answered_whole_streamed_and_in_a_batch(tmp_path: Path):
    async with serving(tmp_path) as address:
        chat = langchain.ChatOpenAI(model="chat", **address)
        answer = await chat.ainvoke([("system", "Be brief."), ("human", "hi")])
        pieces = [piece async for piece in chat.astream("hi")]
        batch = await chat.abatch(["a", "b", "c"])

    assert (answer.content, answer.usage_metadata["total_tokens"]) == (SAID, 4)
    assert answer.response_metadata["finish_reason"] == "stop"
    joined = pieces[0]
    for piece in pieces[1:]:
        joined += piece
    assert joined.content == SAID
    assert [one.content for one in batch] == [SAID] * 3


async def test_a_stream_brings_the_counts_where_they_are_asked_for(tmp_path: Path):
    async with serving(tmp_path) as address:
        chat = langchain.ChatOpenAI(model="chat", stream_usage=True, **address)
        counts = [piece.usage_metadata async for piece in chat.astream("hi")]

    (counted,) = [one for one in counts if one]
    assert (counted["input_tokens"], counted["output_tokens"], counted["total_tokens"]) == (1, 3, 4)


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_go_round_trip(tmp_path: Path, stream: bool):
    call = called("weather", '{"place": "Paris"}')
    first: Any = whole({"tool_calls": [call]}, reason="tool_calls")
    if stream:
        first = streamed((0, {"tool_calls": [{"index": 0, **call}]}), reason="tool_calls")
    last: Any = streamed((0, {"content": "It rains."})) if stream else whole({"content": "It rains."})
    tool = tools.tool(weather)
    async with saying(first, last) as provider, serving(tmp_path, upstream(provider.url)) as address:
        chat = langchain.ChatOpenAI(model="chat", streaming=stream, **address).bind_tools([tool])
        asked = [messages.HumanMessage("What is the weather in Paris?")]
        said = await chat.ainvoke(asked)
        result = await tool.ainvoke(said.tool_calls[0])
        answer = await chat.ainvoke([*asked, said, result])

    assert said.tool_calls == [
        {"name": "weather", "args": {"place": "Paris"}, "id": "call_7", "type": "tool_call"}
    ]
    assert answer.content == "It rains."
    told, back = provider.bodies[1]["messages"][1:]
    assert (told["tool_calls"][0]["id"], json.loads(told["tool_calls"][0]["function"]["arguments"])) == (
        "call_7",
        {"place": "Paris"},
    )
    assert back == {"role": "tool", "tool_call_id": "call_7", "content": "rain in Paris"}


async def test_an_answer_in_a_given_form_is_read_into_a_model(tmp_path: Path):
    said = '{"town": "Paris", "rivers": ["Seine"]}'
    reply = whole({"content": said})
    async with saying(reply) as provider, serving(tmp_path, upstream(provider.url)) as address:
        chat = langchain.ChatOpenAI(model="chat", **address)
        place = await chat.with_structured_output(Place).ainvoke("Where?")

    assert place == Place(town="Paris", rivers=["Seine"])
    assert provider.bodies[0]["response_format"]["type"] == "json_schema"


async def test_texts_are_continued_and_turned_into_vectors(tmp_path: Path):
    async with serving(tmp_path, TEXTS, VECTORS) as address:
        text = await langchain.OpenAI(model="texts", **address).ainvoke("Once")
        vectors = langchain.OpenAIEmbeddings(model="vectors", check_embedding_ctx_length=False, **address)
        two = await vectors.aembed_documents(["a", "b"])

    assert text == "and so on"
    assert two == [pytest.approx([0.25, -1.5, 0.1])] * 2


async def test_a_route_that_is_not_there_is_an_error_of_openais(tmp_path: Path):
    async with serving(tmp_path) as address:
        chat = langchain.ChatOpenAI(model="gpt-4", **address)
        with pytest.raises(openai.NotFoundError, match='there is no route "gpt-4"'):
            await chat.ainvoke("hi")
