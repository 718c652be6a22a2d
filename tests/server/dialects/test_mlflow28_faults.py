"""What a provider refused with, as it is passed on to clients of 2.8: whole, without keys and addresses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway_core.config.model import Config, Model, RouteConfig
from gateway_core.errors import GatewayError, OperationNotSupported
from gateway_core.events import EmbeddingVector, Finished, TextDelta, fold
from gateway_core.keys import Secret
from gateway_core.portions import require_every_vector
from gateway_core.providers.excerpts import MAX_REPEATED_BYTES, their_words
from gateway_core.routes import Route, RouteTable
from gateway_core.server.dialects.base import Refusal
from gateway_core.server.dialects.mlflow28 import INVOCATIONS
from gateway_core.types import CompletionRequest, EmbeddingRequest, Request
from tests.server.dialects.tables import TABLE

JSON = {"content-type": "application/json"}
MINE, NEIGHBOURS = Secret("key-of-this-route"), Secret("key-of-another")
TWO = RouteTable(
    Config(
        "config.yaml",
        tuple(
            RouteConfig(
                name,
                "llm/v1/chat",
                Model(
                    "openai", "gpt-4", {"openai_api_key": key, "openai_api_base": f"https://{name}.test/v1"}
                ),
            )
            for name, key in (("mine", MINE), ("other", NEIGHBOURS))
        ),
    )
)


def told(error: GatewayError, about: Route | None = None) -> Any:
    return json.loads(INVOCATIONS.refusal(error, about).body)["detail"]


def refused(body: bytes, headers: dict[str, str] | None = None, status: int = 400) -> GatewayError:
    return TWO.get("mine").provider.error(status, JSON if headers is None else headers, body)


def test_a_body_is_repeated_without_the_keys_of_any_route_and_without_addresses():
    said = {
        "message": f"at https://mine.test/v1/x: {MINE.reveal()}",
        "why": [NEIGHBOURS.reveal(), 7, {NEIGHBOURS.reveal(): "mine.test"}],
    }

    assert told(refused(json.dumps(said).encode()), TWO.get("mine")) == {
        "message": "at the provider/x: ***",
        "why": ["***", 7, {"***": "the provider"}],
    }


def test_what_a_provider_calls_its_body_may_hold_a_key_too():
    error = refused(b"<a/>", {"content-type": f"text/{NEIGHBOURS.reveal()}"})

    assert told(error, TWO.get("mine")).endswith("Received content type: text/***")


def test_a_body_is_no_part_of_what_an_error_shows():
    error = refused(json.dumps({"message": "no", "x": NEIGHBOURS.reveal()}).encode())

    assert NEIGHBOURS.reveal() not in f"{error!r} {vars(error)}"


@pytest.mark.parametrize("body", [b'{"x": ' * 100_000, b"[" * 2000, b"7", b'{"a": "' + b"x" * 30_000 + b'"}'])
def test_what_cannot_be_repeated_is_said_in_a_sentence(body: bytes):
    assert isinstance(told(refused(body), TWO.get("mine")), str)


def test_without_its_route_an_error_is_a_sentence():
    assert told(refused(b'{"message": "no"}')) == "no"


def test_an_error_without_a_message_has_the_phrase_of_its_status():
    assert told(refused(b'{"error": {}}', status=404), TWO.get("mine")) == "Not Found"
    assert told(refused(b'{"error": {}}', status=418), TWO.get("mine")) == ""


def test_a_long_body_is_not_kept():
    assert their_words(b"x" * MAX_REPEATED_BYTES, None) is not None
    assert their_words(b"x" * (MAX_REPEATED_BYTES + 1), None) is None


def test_who_lacks_a_kind_of_route_is_named_as_2_8_names_him():
    error = OperationNotSupported("j2-mid does not offer llm/v1/chat")
    jurassic = RouteConfig("j", "llm/v1/chat", Model("ai21labs", "j2-mid"))

    assert told(error, RouteTable(Config("config.yaml", (jurassic,))).get("j")) == (
        "The chat route is not available for AI21Labs models."
    )
    assert told(error, TABLE.get("chat")) == error.message


def test_a_route_of_a_kind_that_the_provider_has_not_is_404():
    route = RouteConfig("x", "llm/v1/embeddings", Model("groq", "m"))
    table = RouteTable(Config("config.yaml", (route,)))

    with pytest.raises(Refusal) as error:
        INVOCATIONS.parse(table, b'{"text": "hi"}', name="x")

    assert (error.value.status, error.value.message) == (404, "groq does not offer llm/v1/embeddings")


@pytest.mark.parametrize(
    ("request_", "events", "sentence"),
    [
        (CompletionRequest("hi"), [EmbeddingVector((0.5,))], "is vectors, and a text was asked for"),
        (EmbeddingRequest(("hi",)), [TextDelta("x"), Finished("stop")], "is a text, and vectors were asked"),
    ],
)
def test_an_answer_of_the_other_kind_is_none(request_: Request, events: list[Any], sentence: str):
    with pytest.raises(GatewayError, match=sentence):
        require_every_vector(request_, fold(events))
