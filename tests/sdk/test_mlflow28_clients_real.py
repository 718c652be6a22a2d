"""MLflow 2.8.0's own clients and LangChain 0.0.335, installed for the purpose, ask ``gateway-tui serve``.

Left out unless asked for (``-m real_mlflow``): the installation takes some minutes and most of a gigabyte,
which is removed at the end. It needs a Python 3.11. pip finds the packages as it is set up on the machine.
What is done with each service is written in `mlflow28_clients`.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from gateway_core.server.tokens import password_hash
from tests.e2e.openai_like import OpenAILike, openai_like
from tests.e2e.processes import COMMAND, environment, until
from tests.sdk.temporary import MACHINE, MLFLOW_28, asked_for, environment_with

pytestmark = pytest.mark.real_mlflow

SCRIPT = Path(__file__).with_name("mlflow28_clients.py")
CHECKS = [
    node.name
    for node in ast.parse(SCRIPT.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef)
    and any(isinstance(mark, ast.Name) and mark.id == "check" for mark in node.decorator_list)
]
ANN = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "sesame"}
QUICKLY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
WAYS = ("nothing", "basic", "tls", "tls by requests")


@dataclass
class Served:
    """A service: where it is, and what its clients must know."""

    url: str
    env: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where MLflow, LangChain and the configuration are."""
    asked_for(request.config)
    with environment_with(*MLFLOW_28, "langchain==0.0.335") as bin_folder:
        yield bin_folder.parent.parent


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAILike]:
    with openai_like(words=("Hello 日本", " 🙂")) as found:
        yield found


@pytest.fixture(scope="module")
def ways(folder: Path, provider: OpenAILike) -> Iterator[dict[str, Served]]:
    """A service open to everybody, one with a password, and one with a password over TLS."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "tls.pem")
    auth = {"users": [{"name": "ann", "password_hash": password_hash("sesame")}]}
    ca = str(folder / "ca.pem")
    with (
        served(folder, "open", config(provider.url)) as nothing,
        served(folder, "basic", {**config(provider.url), "auth": auth}) as basic,
        served(folder, "tls", {**config(provider.url), "auth": auth}, "--tls-cert", "tls.pem") as tls,
    ):
        yield {
            "nothing": Served(nothing),
            "basic": Served(basic, ANN),
            "tls": Served(tls, {**ANN, "MLFLOW_TRACKING_SERVER_CERT_PATH": ca}),
            "tls by requests": Served(tls, {**ANN, "REQUESTS_CA_BUNDLE": ca}),
        }


@pytest.fixture(scope="module")
def told(folder: Path, ways: dict[str, Served]) -> dict[str, dict[str, str | None]]:
    """What came of each check, for each way."""
    return {way: asked(folder, service.url, service.env) for way, service in ways.items()}


def config(base: str) -> dict[str, object]:
    """A route of each kind on a server like OpenAI's, and one that invents its answers."""
    keys = {"openai_api_key": "the-key", "openai_api_base": base}
    routes: list[dict[str, object]] = [
        {
            "name": kind,
            "route_type": f"llm/v1/{kind}",
            "model": {"provider": "openai", "name": model, "config": keys},
        }
        for kind, model in (
            ("chat", "gpt-3.5-turbo"),
            ("completions", "gpt-3.5-turbo"),
            ("embeddings", "text-embedding-ada-002"),
        )
    ]
    made_up = {"provider": "scripted", "name": "script", "config": {"text": "one two"}}
    return {"routes": [*routes, {"name": "made-up", "route_type": "llm/v1/chat", "model": made_up}]}


@contextmanager
def served(folder: Path, name: str, written: Mapping[str, object], *options: str) -> Iterator[str]:
    """The address of ``gateway-tui serve``, until the block is left."""
    (folder / f"{name}.yaml").write_text(json.dumps(written), encoding="utf-8")
    command = [*COMMAND, "serve", "--config", f"{name}.yaml", "--port", "0", "--workers", "1", *options]
    log = folder / f"{name}.log"
    env = environment(folder, GATEWAY_TUI_TEST=name)
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stderr=out)
        try:
            until(
                lambda: "serving " in log.read_text(encoding="utf-8") or process.poll() is not None, "start"
            )
            said = log.read_text(encoding="utf-8")
            assert process.poll() is None, said
            yield next(word for word in said.split() if word.startswith("http"))
        finally:
            process.terminate()
            process.wait(60)


def asked(folder: Path, url: str, env: Mapping[str, str]) -> dict[str, str | None]:
    """What came of each check against the service at ``url``."""
    clean = {name: value for name, value in MACHINE.items() if not name.startswith("MLFLOW_")}
    clean.pop("REQUESTS_CA_BUNDLE", None)
    done = subprocess.run(
        [str(folder / "venv" / "bin" / "python"), "-W", "ignore", str(SCRIPT), url],
        capture_output=True,
        text=True,
        env={**clean, **QUICKLY, **env, "NO_PROXY": "localhost", "PATH": os.environ["PATH"]},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CHECKS)
def test_programs_of_2023_find_what_they_know(told: dict[str, dict[str, str | None]], name: str, way: str):
    assert told[way][name] is None, told[way][name]


def test_whoever_has_no_password_is_told_so(folder: Path, ways: dict[str, Served]):
    for env in ({}, {**ANN, "MLFLOW_TRACKING_PASSWORD": "guess"}):
        found = asked(folder, ways["basic"].url, env)

        wrong = found["fluent_lists_and_finds_the_routes"]
        assert wrong is not None
        assert "HTTPError: 401" in wrong, wrong


def test_whoever_does_not_trust_the_authority_is_not_let_down(folder: Path, ways: dict[str, Served]):
    found = asked(folder, ways["tls"].url, ANN)

    wrong = found["fluent_lists_and_finds_the_routes"]
    assert wrong is not None
    assert "CERTIFICATE_VERIFY_FAILED" in wrong
