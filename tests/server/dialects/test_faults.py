"""Failures: the status, when to come back, and a sentence that gives nothing away."""

from __future__ import annotations

import json

import pytest

from gateway_core.calls import CallResult
from gateway_core.config.model import SPLIT_PROVIDER, Config, Destination, Model, RouteConfig
from gateway_core.errors import (
    AuthenticationFailed,
    BackendUnavailable,
    BadProviderRequest,
    ConnectFailed,
    ContextLengthExceeded,
    GatewayError,
    InternalError,
    LimitExceeded,
    OperationNotSupported,
    ProtocolError,
    ProviderUnavailable,
    QuotaExceeded,
    RateLimited,
    RouteNotFound,
    StreamInterrupted,
    TimedOut,
    TransportError,
)
from gateway_core.events import Response
from gateway_core.metering import Timing
from gateway_core.routes import RouteTable
from gateway_core.server.dialects import anthropic, mlflow28, mlflow_today, openai
from gateway_core.server.dialects.base import Asked, Dialect, Refusal, replied
from gateway_core.types import ChatRequest
from tests.server.dialects.tables import STAMP, TABLE

ALL = (mlflow28.INVOCATIONS, mlflow_today.INVOCATIONS, openai.CHAT, anthropic.MESSAGES)


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: d.name)
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AuthenticationFailed("no", status_code=401), 401),
        (RateLimited("slow", status_code=429), 429),
        (ProviderUnavailable("busy", status_code=529), 529),
        (BadProviderRequest("bad", status_code=418), 418),
        (RateLimited("slow"), 429),
        (ConnectFailed("no"), 502),
        (TimedOut("late", phase="total"), 504),
        (ProtocolError("a page", status_code=200), 502),
        (ProtocolError("a redirect", status_code=302), 502),
        (BackendUnavailable("no key"), 503),
        (LimitExceeded("enough"), 429),
        (RouteNotFound("none"), 404),
        (InternalError("oops"), 500),
        (Refusal("too long", status=413), 413),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GatewayError) else str(value),
)
def test_the_providers_status_is_kept_and_ours_is_fitting(dialect: Dialect, error: GatewayError, status: int):
    assert dialect.refusal(error).status == status


def test_a_request_that_is_bad_is_no_failure_of_the_server_even_if_the_provider_says_so():
    error = ContextLengthExceeded("too long", status_code=500)

    assert [dialect.refusal(error).status for dialect in ALL] == [422, 400, 400, 400]


def test_a_kind_of_route_that_is_not_there_is_404_in_2_8_and_501_elsewhere():
    error = OperationNotSupported("no chat here")

    assert [dialect.refusal(error).status for dialect in ALL] == [404, 501, 501, 501]


@pytest.mark.parametrize(
    ("asked_s", "header"),
    [(0, "0"), (0.2, "1"), (7, "7"), (-1, "0"), (120, "120")],
)
def test_retry_after_is_passed_on_in_whole_seconds(asked_s: float, header: str):
    for dialect in ALL:
        assert dialect.refusal(RateLimited("slow", retry_after=asked_s)).headers == {"retry-after": header}


@pytest.mark.parametrize(("asked_s", "header"), [(120.1, "121"), (1e12, "86400"), (float("inf"), "86400")])
def test_no_client_is_sent_to_sleep_for_long(asked_s: float, header: str):
    told = [dialect.refusal(RateLimited("slow", retry_after=asked_s)).headers for dialect in ALL]

    no_use = {"x-should-retry": "false"}
    assert told == [no_use, no_use, {"retry-after": header, **no_use}, {"retry-after": header, **no_use}]


def test_clients_are_told_when_asking_again_is_no_use():
    assert openai.CHAT.refusal(QuotaExceeded("broke", status_code=429)).headers == {"x-should-retry": "false"}
    assert openai.CHAT.refusal(RateLimited("slow", status_code=429)).headers == {}
    assert openai.CHAT.refusal(BadProviderRequest("bad", status_code=400)).headers == {}


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectFailed("10.1.2.3:8080 cannot be reached"), "the provider of this route cannot be reached"),
        (
            TimedOut("10.1.2.3 was silent", phase="first_token"),
            "nothing of the answer arrived in time (timeout: first_token)",
        ),
        (StreamInterrupted("10.1.2.3 broke off"), "the provider broke off in the middle of its answer"),
        (TransportError("10.1.2.3 did something"), "the line to the provider of this route broke"),
        (InternalError("KeyError: 'secret'"), "a fault in the gateway itself: its log says more"),
        (ProtocolError("redirected to http://10.1.2.3:8080/login"), "redirected to the provider/login"),
        (BadProviderRequest("at 10.1.2.3 no model"), "at the provider no model"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GatewayError) else "",
)
def test_no_sentence_tells_where_a_provider_listens(error: GatewayError, sentence: str):
    reply = mlflow28.INVOCATIONS.refusal(error, TABLE.get("tgi-text"))

    assert json.loads(reply.body) == {"detail": sentence}


def test_addresses_of_destinations_and_in_nested_settings_are_kept_quiet_too():
    settings = {"aws_config": {"aws_endpoint": "https://vpce-1.example"}, "size": 3}
    inner = RouteConfig("inner", "llm/v1/chat", Model("openai", "m", settings))
    outer = RouteConfig(
        "outer", "llm/v1/chat", Model(SPLIT_PROVIDER), destinations=(Destination("inner", 100),)
    )
    table = RouteTable(Config("config.yaml", (inner, outer)))

    reply = openai.CHAT.refusal(BadProviderRequest("at https://vpce-1.example/x"), table.get("outer"))

    assert json.loads(reply.body)["error"]["message"] == "at the provider/x"


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (AuthenticationFailed("no", status_code=401), "invalid_request_error", "invalid_api_key"),
        (RateLimited("slow", status_code=429), "rate_limit_error", "rate_limit_exceeded"),
        (QuotaExceeded("broke", status_code=429), "insufficient_quota", "insufficient_quota"),
        (ContextLengthExceeded("long", status_code=400), "invalid_request_error", "context_length_exceeded"),
        (ConnectFailed("no"), "server_error", "connect_failed"),
        (RouteNotFound("none"), "invalid_request_error", "model_not_found"),
        (Refusal("who", status=401), "invalid_request_error", "invalid_api_key"),
        (Refusal("what", status=405), "invalid_request_error", "invalid_request"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, GatewayError) else "",
)
def test_openai_clients_get_the_codes_they_know(error: GatewayError, kind: str, code: str):
    said = json.loads(openai.CHAT.refusal(error).body)["error"]

    assert (said["type"], said["code"]) == (kind, code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_anthropic_clients_get_the_type_of_each_status(status: int, kind: str):
    said = json.loads(anthropic.MESSAGES.refusal(Refusal("no", status=status)).body)

    assert said == {"type": "error", "error": {"type": kind, "message": "no"}}


def test_a_million_flaws_are_told_by_the_first_of_them():
    body = json.dumps({"messages": [{}] * 1000}).encode()

    with pytest.raises(Refusal) as refused:
        mlflow28.INVOCATIONS.parse(TABLE, body, name="chat")

    assert len(json.loads(mlflow28.INVOCATIONS.refusal(refused.value).body)["detail"]) == 20


def test_a_long_name_is_not_repeated_in_full():
    body = json.dumps({"model": "x" * 10_000, "input": "hi"}).encode()

    with pytest.raises(Refusal) as refused:
        openai.EMBEDDINGS.parse(TABLE, body)

    assert len(refused.value.message) < 150


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: d.name)
@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b'{"a":"\xff"}',
        b"null",
        b"1e999",
        b'{"model":"\\ud800"}',
        b'{"messages":[{"role":"user","content":"\\udfff"}]}',
        b"\xef\xbb\xbf{}",
        '{"messages":[]}'.encode("utf-16"),
        b'{"messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
        b"{}\0",
        b"{} {}",
        b'"text"',
        b"[]",
        b"[" * 500,
        b"[" * 500 + b"]" * 500,
        b"{" * 9,
    ],
)
def test_what_is_no_request_is_refused_and_never_a_fault(dialect: Dialect, body: bytes):
    with pytest.raises(Refusal) as refused:
        dialect.parse(TABLE, body, name="chat")

    reply = dialect.refusal(refused.value)
    assert reply.status in (400, 422)
    assert json.loads(reply.body)


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: d.name)
@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400", "1" + "0" * 400, "[[1e999]]"])
def test_numbers_that_json_or_no_computer_has_are_refused_wherever_they_stand(dialect: Dialect, number: str):
    head = "" if dialect in (mlflow28.INVOCATIONS, mlflow_today.INVOCATIONS) else '"model":"chat",'
    limit = '"max_tokens":1,' if dialect is anthropic.MESSAGES else ""
    body = f'{{{head}{limit}"messages":[{{"role":"user","content":"hi"}}],"more":{{"x":{number}}}}}'

    with pytest.raises(Refusal) as refused:
        dialect.parse(TABLE, body.encode(), name="chat")

    assert [flaw.type for flaw in refused.value.flaws] == ["json_invalid"]
    assert json.loads(dialect.refusal(refused.value).body)


def test_less_than_no_tokens_to_think_with_are_refused():
    thinking = {"type": "enabled", "budget_tokens": -1}
    messages = [{"role": "user", "content": "hi"}]
    body = json.dumps({"model": "chat", "max_tokens": 1, "messages": messages, "thinking": thinking})

    with pytest.raises(Refusal, match="budget_tokens"):
        anthropic.MESSAGES.parse(TABLE, body.encode())


def test_an_answer_is_200_and_a_failed_call_is_its_refusal():
    asked = Asked(TABLE.get("chat"), ChatRequest((), {}, stream=False))
    good = CallResult("ok", Response(), Timing())
    bad = CallResult("error", Response(), Timing(), error=RateLimited("slow", status_code=429))
    gone = CallResult("cancelled", Response(), Timing())

    replies = [replied(openai.CHAT, asked, result, STAMP) for result in (good, bad, gone)]

    assert [reply.status for reply in replies] == [200, 429, 502]
    assert replies[0].all_headers == {"content-type": "application/json"}
