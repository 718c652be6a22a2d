"""Other gateways, to be measured beside ours: each in an environment of its own, installed when asked for.

What they need beside themselves was found by running them: MLflow 2.8 wants pydantic 1 for most of its
providers and does not start without pkg_resources; LiteLLM fetches a list of prices at every start unless
told not to, and wants to be told that nobody needs a key here, as nobody needs one of ours.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.asking import Server
from tests.bench.channel import request
from tests.bench.servers import Started, process

START_S = 90.0
HOME = Path(tempfile.gettempdir()) / "gateway-tui-bench-peers"
"""Where they are installed, and found again."""
MESSAGES = [{"role": "user", "content": "How are you?"}]


@dataclass(frozen=True)
class Peer:
    """One of them, as it is started with one worker before the upstream."""

    name: str
    needs: tuple[str, ...]
    """What pip is asked to install."""
    command: tuple[str, ...]
    """Its program and what it is told; ``{config}`` and ``{port}`` are filled in."""
    path: str
    body: Mapping[str, Any]
    times: float
    """As many times its requests a second ours must answer."""
    env: Mapping[str, str] = field(default_factory=dict)

    def configuration(self, upstream_port: int) -> dict[str, Any]:
        """One route to the upstream, in its own words."""
        base = f"http://127.0.0.1:{upstream_port}/v1"
        if self.name == "litellm":
            params = {"model": "openai/gpt-4o-mini", "api_base": base, "api_key": "bench-key"}
            return {"model_list": [{"model_name": "bench", "litellm_params": params}]}
        config = {"openai_api_key": "bench-key", "openai_api_base": base}
        model = {"provider": "openai", "name": "gpt-4o-mini", "config": config}
        word = "route" if self.name == "mlflow28" else "endpoint"
        return {f"{word}s": [{"name": "bench", f"{word}_type": "llm/v1/chat", "model": model}]}


_MLFLOW = ("mlflow", "gateway", "start", "--config-path", "{config}", "--port", "{port}", "--workers", "1")
_LITELLM = (
    "litellm",
    "--config",
    "{config}",
    "--host",
    "127.0.0.1",
    "--port",
    "{port}",
    "--num_workers",
    "1",
)
_ASKED = {"messages": MESSAGES, "max_tokens": 20}
PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "mlflow28",
            ("mlflow[gateway]==2.8.0", "pydantic<2", "setuptools<80"),
            _MLFLOW,
            "/gateway/bench/invocations",
            _ASKED,
            times=3.0,
        ),
        Peer("mlflow3", ("mlflow[genai]>=3,<4",), _MLFLOW, "/gateway/bench/invocations", _ASKED, times=3.0),
        Peer(
            "litellm",
            ("litellm[proxy]",),
            _LITELLM,
            "/v1/chat/completions",
            {"model": "bench", **_ASKED},
            times=30.0,
            env={
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            },
        ),
    )
}


def installed(peer: Peer, home: Path) -> Path:
    """The folder of its programs; it is installed now unless it was before."""
    folder = home / peer.name
    ready = folder / "installed.json"
    if not ready.exists() or json.loads(ready.read_text()) != list(peer.needs):
        sys.stdout.write(f"installing {' '.join(peer.needs)} into {folder}\n")
        sys.stdout.flush()
        venv.create(folder, clear=True, with_pip=True)
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *peer.needs)
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL)
        ready.write_text(json.dumps(list(peer.needs)))
    return folder / "bin"


@contextmanager
def running(peer: Peer, home: Path, upstream_port: int, *, core: int) -> Iterator[Server]:
    """It, once it answers."""
    programs = installed(peer, home)
    question = request(peer.path, peer.body)
    with tempfile.TemporaryDirectory() as folder:
        config, port = Path(folder) / "config.yaml", _free_port()
        config.write_text(json.dumps(peer.configuration(upstream_port)), encoding="utf-8")
        program, *told = (part.format(config=config, port=port) for part in peer.command)
        env = {**os.environ, **peer.env, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        command = (str(programs / program), *told)
        # Their first line says little: whoever answers is ready.
        with process(command, ready="", core=core, env=env, cwd=Path(folder), patience_s=START_S) as started:
            _await_answer(peer, port, started)
            yield Server(peer.name, port, started.pid, question)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as trying:
        return int(trying.getsockname()[1])


def _await_answer(peer: Peer, port: int, started: Started) -> None:
    deadline_s = time.monotonic() + START_S
    said = "nothing"
    while time.monotonic() < deadline_s and started.is_running():
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", peer.path, json.dumps(peer.body), {"content-type": "application/json"})
            answer = connection.getresponse()
            said = f"{answer.status} {answer.read(500)!r}"
            if answer.status == 200:
                return
        time.sleep(0.5)
    raise RuntimeError(f"{peer.name} does not answer: {said}; {started.lines()}")
