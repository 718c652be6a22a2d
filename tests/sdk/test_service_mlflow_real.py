"""MLflow's own clients, of 2.8 and of today, against the running service, with TLS and passwords.

Left out unless asked for (``-m real_mlflow``): two environments are made for them, without the servers.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from gateway_core.server.tokens import token_hash
from tests.e2e.processes import PATIENCE_S, environment
from tests.sdk.temporary import asked_for, environment_with
from tests.server.running import SAID, scripted
from tests.server.scenes import TOKEN
from tests.server.test_auth import PASSWORD, QUICK
from tests.server.test_supervisor import serve

pytestmark = pytest.mark.real_mlflow

OF_2_8 = ("mlflow-skinny==2.8.0", "pydantic<2", "setuptools<80")
VECTORS = scripted("vectors", "llm/v1/embeddings", vector=[0.25, -1.5], first_token=0)
TEXTS = scripted("texts", "llm/v1/completions", text="and so on", first_token=0, tokens_per_second=1000)
LIMITED = {**scripted("limited"), "limit": {"calls": 1, "renewal_period": "day"}}
AUTH = {
    "users": [{"name": "ann", "password_hash": QUICK}],
    "tokens": [{"name": "ci", "hash": token_hash(TOKEN)}],
}
LOGINS = {
    "password": {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": PASSWORD},
    "token": {"MLFLOW_TRACKING_TOKEN": TOKEN},
}
BEGIN = """
import json, sys
from {module} import {name} as client_of

client = client_of(sys.argv[1])
question = [{{"role": "user", "content": "hi"}}]

def tried(call, *args, **kwargs):
    try:
        return call(*args, **kwargs)
    except Exception as error:
        return [type(error).__name__, str(error)]

"""
TODAY = BEGIN.format(module="mlflow.deployments", name="get_deploy_client")
THEN = BEGIN.format(module="mlflow.gateway", name="MlflowGatewayClient")


@dataclass(frozen=True)
class Service:
    """Where it listens, and whose certificate it shows."""

    url: str
    authority: Path


@dataclass(frozen=True)
class Client:
    """An interpreter with an MLflow, and the service it asks."""

    python: Path
    service: Service
    folder: Path

    def told(self, program: str, *, login: str | None = "password", **more: str) -> Any:
        """What the program prints, as JSON."""
        known = {
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.service.authority),
            **LOGINS.get(login or "", {}),
        }
        quickly = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
        env = {**environment(self.folder), **quickly, **known, **more}
        del env["PYTHONPATH"]
        done = subprocess.run(
            [str(self.python), "-c", program, self.service.url],
            capture_output=True,
            cwd=self.folder,
            encoding="utf-8",
            env={name: value for name, value in env.items() if value},
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service behind TLS and logins."""
    asked_for(request.config)
    folder = tmp_path_factory.mktemp("service")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    said = {"routes": [scripted(), TEXTS, VECTORS, LIMITED], "auth": AUTH}
    (folder / "config.yaml").write_text(json.dumps(said), encoding="utf-8")
    options = ("--tls-cert", "server.pem", "--workers", "1", "--state", "state", "--access-log", "off")
    with serve(folder, options=options) as process:
        yield Service(f"https://localhost:{process.started().port}", folder / "authority.pem")


@pytest.fixture(scope="module")
def bins(request: pytest.FixtureRequest) -> Iterator[dict[str, Path]]:
    """Where the interpreters are."""
    asked_for(request.config)
    with environment_with(*OF_2_8) as then, environment_with("mlflow-skinny>=3") as today:
        yield {"then": then, "today": today}


@pytest.fixture
def today(bins: dict[str, Path], service: Service, tmp_path: Path) -> Client:
    return Client(bins["today"] / "python", service, tmp_path)


@pytest.fixture
def then(bins: dict[str, Path], service: Service, tmp_path: Path) -> Client:
    return Client(bins["then"] / "python", service, tmp_path)


@pytest.mark.parametrize("login", LOGINS)
def test_todays_client_lists_and_finds_the_routes(today: Client, login: str):
    listed, one = today.told(
        TODAY + "print(json.dumps([[e.dict() for e in client.list_endpoints()],"
        "client.get_endpoint('limited').dict()]))",
        login=login,
    )

    assert [endpoint["name"] for endpoint in listed] == ["chat", "texts", "vectors", "limited"]
    assert (listed[0]["endpoint_type"], listed[0]["limit"]) == ("llm/v1/chat", None)
    assert listed[0]["model"] == {"name": "script", "provider": "scripted"}
    assert one["endpoint_url"] == f"{today.service.url}/endpoints/limited/invocations"
    assert (one["limit"]["calls"], one["limit"]["renewal_period"]) == (1, "day")


@pytest.mark.parametrize("login", LOGINS)
def test_todays_client_is_answered_by_every_kind_of_route(today: Client, login: str):
    chat, text, vectors = today.told(
        TODAY + "given = {'temperature': 0.5, 'max_tokens': 9, 'stop': ['END'], 'n': 1}\n"
        "print(json.dumps([client.predict(endpoint='chat', inputs={'messages': question, **given}),"
        "client.predict(endpoint='texts', inputs={'prompt': 'Once', **given}),"
        "client.predict(endpoint='vectors', inputs={'input': ['a', 'b']})]))",
        login=login,
    )

    assert (chat["object"], chat["provider"]) == ("chat.completion", "scripted")
    assert chat["choices"][0]["message"] == {
        "role": "assistant",
        "content": SAID,
        "tool_calls": None,
        "refusal": None,
    }
    assert chat["usage"] == {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
    assert (text["object"], text["choices"][0]["text"]) == ("text_completion", "and so on")
    assert [one["embedding"] for one in vectors["data"]] == [[0.25, -1.5]] * 2


def test_what_todays_client_may_not_have_is_told_in_its_errors(today: Client):
    nowhere, unknown, model, kind = today.told(
        TODAY + "print(json.dumps([tried(client.get_endpoint, 'nope'),"
        "tried(client.predict, endpoint='nope', inputs={'messages': question}),"
        "tried(client.predict, endpoint='chat', inputs={'messages': question, 'model': 'gpt-4'}),"
        "tried(client.predict, endpoint='chat', inputs={'messages': []})]))"
    )

    assert {error[0] for error in (nowhere, unknown, model, kind)} == {"HTTPError"}
    assert "404" in nowhere[1]
    assert "The endpoint 'nope' is not present or active on the server" in nowhere[1]
    assert "404" in unknown[1]
    assert "422" in model[1]
    assert "The parameter 'model' is not permitted" in model[1]
    assert "List should have at least 1 item" in kind[1]


@pytest.mark.parametrize(
    ("which", "call"),
    [
        ("today", TODAY + "call = lambda: client.predict(endpoint='limited', inputs={'messages': question})"),
        ("then", THEN + "call = lambda: client.query('limited', {'messages': question})"),
    ],
    ids=["today", "then"],
)
def test_a_limit_of_a_day_does_not_send_the_client_to_sleep(
    request: pytest.FixtureRequest, which: str, call: str
):
    client: Client = request.getfixturevalue(which)

    _, last = client.told(call + "\nprint(json.dumps([tried(call), tried(call)]))")

    assert "429" in last[1]


@pytest.mark.parametrize(
    ("which", "call"),
    [("today", TODAY + "call = client.get_endpoint"), ("then", THEN + "call = client.get_route")],
    ids=["today", "then"],
)
def test_a_client_without_a_login_or_the_certificate_gets_nothing(
    request: pytest.FixtureRequest, which: str, call: str
):
    client: Client = request.getfixturevalue(which)
    ask = call + "\nprint(json.dumps(str(tried(call, 'chat'))))"
    no_trust = {"MLFLOW_TRACKING_SERVER_CERT_PATH": ""}

    stranger = client.told(ask, login=None)
    wrong = client.told(ask, MLFLOW_TRACKING_PASSWORD="wrong")
    mistrusting = client.told(ask, **no_trust)
    trusting = client.told(ask, **no_trust, MLFLOW_TRACKING_INSECURE_TLS="true")

    assert "HTTPError" in stranger
    assert "401" in stranger
    assert "401" in wrong
    assert "certificate verify failed" in mistrusting.lower()
    assert "llm/v1/chat" in trusting


@pytest.mark.parametrize("login", LOGINS)
def test_the_client_of_2_8_finds_and_asks_the_routes(then: Client, login: str):
    names, url, chat, text, vectors = then.told(
        THEN + "print(json.dumps([[r.name for r in client.search_routes()],"
        "client.get_route('chat').route_url,"
        "client.query('chat', {'messages': question, 'temperature': 0.5, 'candidate_count': 1}),"
        "client.query('texts', {'prompt': 'Once', 'max_tokens': 9, 'stop': ['END']}),"
        "client.query('vectors', {'text': ['a', 'b']})]))",
        login=login,
    )

    assert names == ["chat", "texts", "vectors", "limited"]
    assert url == f"{then.service.url}/gateway/chat/invocations"
    assert chat["candidates"] == [
        {"message": {"role": "assistant", "content": SAID}, "metadata": {"finish_reason": "stop"}}
    ]
    assert chat["metadata"]["total_tokens"] == 4
    assert text["candidates"][0]["text"] == "and so on"
    assert vectors["embeddings"] == [[0.25, -1.5]] * 2


def test_what_the_client_of_2_8_may_not_have_is_told_in_its_errors(then: Client):
    unknown, wrong = then.told(
        THEN + "print(json.dumps([tried(client.get_route, 'nope'),"
        "tried(client.query, 'chat', {'messages': question, 'temperature': 2})]))"
    )

    assert (unknown[0], wrong[0]) == ("HTTPError", "HTTPError")
    assert "The route 'nope' is not present or active on the server" in unknown[1]
    assert "422" in wrong[1]
    assert "less than or equal to 1" in wrong[1]
