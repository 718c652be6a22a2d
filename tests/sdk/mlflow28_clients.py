"""What programs of 2023 do with a gateway: MLflow 2.8.0's own clients, and LangChain 0.0.335 on top of them.

Run by `test_mlflow28_clients_real` in an environment that has those releases::

    python mlflow28_clients.py URL

It prints a JSON object: each check by its name, with ``null``, or with what went wrong.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import mlflow.gateway
import requests
from langchain.chat_models import ChatMLflowAIGateway
from langchain.embeddings import MlflowAIGatewayEmbeddings
from langchain.llms import MlflowAIGateway
from langchain.schema import AIMessage, HumanMessage, SystemMessage
from mlflow.exceptions import MlflowException
from mlflow.gateway import MlflowGatewayClient
from mlflow.gateway.config import Route
from mlflow.gateway.schemas import chat, completions, embeddings
from mlflow.tracking._tracking_service.utils import _get_default_host_creds
from mlflow.utils.rest_utils import http_request

MESSAGES = {"messages": [{"role": "user", "content": "Hi 日本 🙂"}]}
ASKED: dict[str, tuple[dict[str, Any], Any]] = {
    "chat": (MESSAGES, chat.ResponsePayload),
    "completions": ({"prompt": "Hi"}, completions.ResponsePayload),
    "embeddings": ({"text": ["a"]}, embeddings.ResponsePayload),
}
"""What each route is asked, and what 2.8.0 reads the answer with."""
SAID = "Hello 日本 🙂"
VECTORS = [[0.6, 0.8]]
CHECKS: list[Callable[[str], None]] = []


def check(function: Callable[[str], None]) -> Callable[[str], None]:
    CHECKS.append(function)
    return function


def refused(call: Callable[[], Any]) -> requests.Response:
    """The answer by which ``call`` fails."""
    answer = failed(call, requests.exceptions.HTTPError).response
    assert isinstance(answer, requests.Response)
    return answer


def failed(call: Callable[[], Any], kind: type[Exception]) -> Any:
    """The error of ``kind`` that ``call`` raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("it did not fail")


def exactly(model: Any, said: Any) -> None:
    """``said`` is what ``model`` makes of it again: nothing is missing, too much, or of another kind."""
    assert json.loads(model.parse_obj(said).json()) == said, said


@check
def fluent_lists_and_finds_the_routes(url: str) -> None:
    found = mlflow.gateway.search_routes()
    assert [route.name for route in found] == ["chat", "completions", "embeddings", "made-up"], found
    assert mlflow.gateway.get_route("chat") == found[0]
    assert found[0].route_url == f"{url}/gateway/chat/invocations"
    assert (found[0].route_type, found[0].model.provider) == ("llm/v1/chat", "openai")
    assert mlflow.gateway.get_gateway_uri() == url


@check
def fluent_asks_every_kind_of_route(url: str) -> None:
    said = mlflow.gateway.query("chat", data={**MESSAGES, "temperature": 0.5, "stop": None})
    assert said["candidates"][0]["message"] == {"role": "assistant", "content": SAID}
    assert said["metadata"]["total_tokens"] == 7
    assert mlflow.gateway.query("completions", data={"prompt": "Hi"})["candidates"][0]["text"] == SAID
    assert mlflow.gateway.query("embeddings", data={"text": ["a"]})["embeddings"] == VECTORS


@check
def the_client_does_the_same(url: str) -> None:
    client = MlflowGatewayClient(gateway_uri=url)
    found = client.search_routes()
    assert (len(found), found.token) == (4, None)
    assert client.get_route("embeddings").name == "embeddings"
    assert client.query("chat", MESSAGES)["candidates"][0]["message"]["content"] == SAID
    assert client.gateway_uri == url


@check
def every_answer_is_read_by_the_models_of_2_8(url: str) -> None:
    for name, (body, model) in ASKED.items():
        exactly(model, mlflow.gateway.query(name, data=body))
    exactly(chat.ResponsePayload, mlflow.gateway.query("made-up", data=MESSAGES))


@check
def the_routes_are_read_by_the_model_of_2_8(url: str) -> None:
    for route in mlflow.gateway.search_routes():
        exactly(Route, json.loads(route.json()))
    listed = http_request(_get_default_host_creds(url), "/api/2.0/gateway/routes/", "GET").json()
    assert set(listed) == {"routes", "next_page_token"}
    for said in listed["routes"]:
        exactly(Route, said)


@check
def what_is_refused_is_told(url: str) -> None:
    missing = refused(lambda: mlflow.gateway.get_route("nope"))
    assert missing.status_code == 404
    assert missing.json()["detail"].startswith("The route 'nope' is not present or active"), missing.text
    hot = refused(lambda: mlflow.gateway.query("chat", data={**MESSAGES, "temperature": 2}))
    assert (hot.status_code, hot.json()["detail"][0]["loc"]) == (422, ["body", "temperature"])
    model = refused(lambda: mlflow.gateway.query("chat", data={**MESSAGES, "model": "other"}))
    assert model.status_code == 422
    assert "'model' is not permitted" in model.json()["detail"]


@check
def what_only_databricks_has_fails_as_it_did(url: str) -> None:
    for call in (
        lambda: mlflow.gateway.create_route("x", "llm/v1/chat", {"name": "m", "provider": "openai"}),
        lambda: mlflow.gateway.delete_route("chat"),
    ):
        assert failed(call, MlflowException).error_code == "BAD_REQUEST"
    assert refused(lambda: mlflow.gateway.get_limits("chat")).status_code == 501
    limits = [{"key": "user", "calls": 5, "renewal_period": "minute"}]
    assert refused(lambda: mlflow.gateway.set_limits("chat", limits)).status_code == 501


@check
def langchain_completes(url: str) -> None:
    llm = MlflowAIGateway(gateway_uri=url, route="completions", params={"temperature": 0.1, "stop": ["END"]})
    assert llm("Hi") == SAID
    assert llm.generate(["a", "b"]).generations[1][0].text == SAID
    assert MlflowAIGateway(gateway_uri=url, route="completions")("Hi") == SAID


@check
def langchain_chats(url: str) -> None:
    model = ChatMLflowAIGateway(gateway_uri=url, route="chat", params={"temperature": 0.1})
    said = model([SystemMessage(content="Be brief."), HumanMessage(content="Hi"), AIMessage(content="Ho")])
    assert isinstance(said, AIMessage)
    assert said.content == SAID


@check
def langchain_embeds(url: str) -> None:
    model = MlflowAIGatewayEmbeddings(gateway_uri=url, route="embeddings")
    assert model.embed_documents(["a"]) == [VECTORS]  # it nests them, whoever answers
    assert model.embed_query("a") == VECTORS


def told(one: Callable[[str], None], url: str) -> str | None:
    """What is wrong, or nothing."""
    try:
        one(url)
    except Exception:  # noqa: BLE001 - a check may fail in any way, and all are to be told
        return traceback.format_exc()
    return None


if __name__ == "__main__":
    mlflow.gateway.set_gateway_uri(sys.argv[1])
    sys.stdout.write(json.dumps({one.__name__: told(one, sys.argv[1]) for one in CHECKS}))
