"""The service as processes: how they start, what they survive, and that nothing is left of them."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.e2e.processes import COMMAND, PATIENCE_S, environment, relatives, until
from tests.server.running import QUESTION, SAID, scripted, write

CONTEXT = ssl.create_default_context()
EVERYWHERE = "0.0.0.0"  # noqa: S104 - refused, which is what is tested
SLOW = scripted("slow", text="a b c d e f", first_token=0, tokens_per_second=4)


class Process:
    """A running ``gateway-tui serve``."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.env = environment(folder, GATEWAY_TUI_TEST="1")
        self._log = folder / "stderr.txt"
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                [*COMMAND, "serve", *args],
                cwd=folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    @property
    def said(self) -> str:
        """What it told people."""
        return self._log.read_text(encoding="utf-8")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.said.split("://")[1].split()[0].rpartition(":")[2])

    @property
    def workers(self) -> list[int]:
        """The processes that are not the supervisor."""
        return [pid for pid in relatives(self.env) if pid != self.popen.pid]

    def started(self) -> Process:
        """Wait for the line that says so."""
        until(lambda: "serving " in self.said or self.popen.poll() is not None, "start")
        assert self.popen.poll() is None, self.said
        return self

    def ask(self, path: str = "/health", body: Any = None, context: ssl.SSLContext | None = None) -> Any:
        """One request on a connection of its own."""
        with httpx.Client(verify=context or CONTEXT, timeout=PATIENCE_S) as client:
            scheme = "http" if context is None else "https"
            address = f"{scheme}://localhost:{self.port}{path}"
            reply = client.get(address) if body is None else client.post(address, json=body)
            return reply.raise_for_status().json()


@contextmanager
def serve(folder: Path, *routes: Any, options: tuple[str, ...] = ()) -> Iterator[Process]:
    """A service in ``folder``; whatever is left of it in the end is killed."""
    if routes:
        write(folder / "config.yaml", *routes)
    process = Process(folder, "--config", "config.yaml", "--port", "0", *options)
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.communicate()
        for pid in relatives(process.env):
            os.kill(pid, signal.SIGKILL)


def is_free(port: int) -> bool:
    with socket.socket() as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_the_start_is_one_line_and_sigterm_frees_the_port(tmp_path):
    with serve(tmp_path, scripted()) as process:
        port = process.started().port
        answer = process.ask("/gateway/chat/invocations", QUESTION)
        workers = process.workers
        process.popen.terminate()
        stdout, _ = process.popen.communicate(timeout=PATIENCE_S)
        assert answer["candidates"][0]["message"]["content"] == SAID
        assert (process.popen.returncode, stdout, len(workers)) == (0, b"", 2)
        assert process.said.splitlines()[0] == (
            f"serving 1 route of config.yaml on http://localhost:{port} with 2 workers; "
            f"documentation on http://localhost:{port}/docs; stop with Ctrl-C"
        )
        assert is_free(port)
        assert relatives(process.env) == []


def test_requests_under_way_are_answered_before_the_end(tmp_path):
    with serve(tmp_path, SLOW, options=("--workers", "1")) as process:
        port = process.started().port
        with socket.create_connection(("localhost", port), timeout=PATIENCE_S) as client:
            body = json.dumps({"model": "slow", "stream": True, **QUESTION}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            read = client.recv(65536)
            process.popen.send_signal(signal.SIGINT)
            until(lambda: is_free(port), "the port is free while the answer goes on")
            while piece := client.recv(65536):
                read += piece
        assert read.rstrip().endswith(b"[DONE]\n\n\r\n0")
        assert process.popen.wait(PATIENCE_S) == 0


def test_a_second_signal_ends_at_once(tmp_path):
    endless = scripted("slow", text="a " * 500, first_token=0, tokens_per_second=2)
    with serve(tmp_path, endless, options=("--workers", "1")) as process:
        port = process.started().port
        with socket.create_connection(("localhost", port), timeout=PATIENCE_S) as client:
            body = json.dumps({"model": "slow", "stream": True, **QUESTION}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            client.recv(65536)
            process.popen.terminate()
            until(lambda: is_free(port), "stopping")
            assert process.popen.poll() is None
            process.popen.terminate()
            process.popen.wait(5)
        assert relatives(process.env) == []


def test_a_worker_that_is_killed_is_replaced_and_the_others_answer_meanwhile(tmp_path):
    with serve(tmp_path, scripted()) as process:
        process.started()
        (tmp_path / "config.yaml").write_text("broken", encoding="utf-8")
        until(lambda: "not used" in process.said, "the broken file is told")
        first = process.workers
        os.kill(first[0], signal.SIGKILL)
        for _ in range(20):
            assert process.ask()["status"] == "OK"
        until(lambda: len(set(process.workers) - set(first)) == 1, "another worker")
        assert "ended (killed by SIGKILL)" in process.said
        os.kill(first[1], signal.SIGKILL)
        until(lambda: _answers(process), "the new worker answers with the last good routes")
        assert process.ask("/gateway/chat/invocations", QUESTION)["candidates"]
        assert process.ask()["config"]["state"] == "broken"
        assert process.said.count("not used") == 1


def _answers(process: Process) -> bool:
    try:
        return bool(process.ask())
    except httpx.TransportError:
        return False


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path):
    with serve(tmp_path, scripted()) as process:
        port = process.started().port
        process.popen.kill()
        process.popen.wait()
        until(lambda: relatives(process.env) == [], "the workers end")
        assert is_free(port)


def test_connections_spread_over_the_workers(tmp_path):
    with serve(tmp_path, SLOW) as process:
        process.started()
        open_now = [socket.create_connection(("localhost", process.port)) for _ in range(40)]
        end_s = time.monotonic() + PATIENCE_S
        counts = [0]
        while sum(counts) < len(open_now) and time.monotonic() < end_s:
            counts = [_connections_of(pid, process.port) for pid in process.workers]
        for one in open_now:
            one.close()
    assert sum(counts) == 40
    assert min(counts) >= 4


def _connections_of(pid: int, port: int) -> int:
    """Established connections of a process on a port, by what the system says."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        target = str(fd.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    lines = [
        line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    fields = [line.split() for line in lines]
    return sum(
        1 for f in fields if f[3] == "01" and int(f[1].rpartition(":")[2], 16) == port and f[9] in inodes
    )


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("routes: nonsense", (), "config.yaml:1: "),
        (None, (), "config.yaml: there is no such file"),
        ('{"routes": []}', ("--workers", "0"), "--workers 0: take a number from 1 to 256"),
        ('{"routes": []}', ("--host", EVERYWHERE), "--no-auth"),
        ('{"routes": []}', ("--tls-key", "k.pem"), "--tls-cert FILE"),
        ('{"routes": []}', ("--tls-cert", "none.pem"), "there is no none.pem"),
        ('{"routes": []}', ("--tls-cert", "config.yaml"), "no usable certificate and key"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_sentence(tmp_path, text, options, sentence):
    if text is not None:
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with serve(tmp_path, options=options) as process:
        assert process.popen.wait(PATIENCE_S) == 2
        assert sentence in process.said
        assert "Traceback" not in process.said
        assert len(process.said.splitlines()) == 1


def test_a_port_in_use_is_told_at_once(tmp_path):
    write(tmp_path / "config.yaml", scripted())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        process = Process(tmp_path, "--config", "config.yaml", "--port", port)
        assert process.popen.wait(PATIENCE_S) == 2
        process.popen.communicate()
    assert f"localhost:{port} is in use" in process.said


def test_it_speaks_tls_with_a_certificate(tmp_path):
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with serve(tmp_path, scripted(), options=("--tls-cert", "server.pem", "--workers", "1")) as process:
        assert "https://localhost:" in process.started().said
        assert process.ask(context=context)["status"] == "OK"
        with pytest.raises(httpx.TransportError):
            process.ask()


def test_a_renewed_certificate_is_shown_by_every_worker_without_a_restart(tmp_path):
    def renew() -> trustme.CA:
        authority = trustme.CA()
        pem = authority.issue_cert("localhost").private_key_and_cert_chain_pem
        (tmp_path / "server.new").write_bytes(pem.bytes())
        (tmp_path / "server.new").replace(tmp_path / "server.pem")
        return authority

    def trusting(authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def tells(context: ssl.SSLContext, state: str, times: int) -> bool:
        try:
            return [process.ask(context=context)["tls"]["state"] for _ in range(times)] == [state] * times
        except httpx.ConnectError:
            return False

    first = trusting(renew())
    with serve(tmp_path, scripted(), options=("--tls-cert", "server.pem")) as process:
        workers = process.started().workers
        with httpx.Client(base_url=f"https://localhost:{process.port}", verify=first) as kept:
            kept.get("/health")
            second = trusting(renew())
            until(lambda: tells(second, "ok", 30), "the new certificate is shown")
            (tmp_path / "server.pem").write_text("spoilt")
            until(lambda: tells(second, "broken", 1), "it is named")
            assert kept.get("/health").json()["status"] == "OK"
        assert process.workers == workers
        assert "server.pem: not used; the certificate loaded before stays in use" in process.said
