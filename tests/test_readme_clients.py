"""What README and docs/clients.md show of clients is what they do: each example is run, its output compared.

Those that need packages of MLflow run where these are asked for, with ``-m real_mlflow``: two environments
are made for them, as the text says.
"""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from typing_extensions import override

from tests.e2e.processes import PATIENCE_S, ROOT, environment, started
from tests.sdk.temporary import asked_for, environment_with

PAGES = ("README.md", "docs/clients.md")
CONFIG = ROOT / "docs" / "clients.yaml"
ADDRESS = "http://localhost:5000"
"""In the text; here the port is a free one."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
OF_ITS_OWN = (
    (re.compile(r'"id":"[^"]+"'), '"id":"…"'),
    (re.compile(r'"created":[1-9]\d+'), '"created":…'),
)
"""What is another in each answer."""
OF_THE_TIME_OF_2_8 = {"langchain", "mlflow.gateway"}
OF_TODAY = {"langchain_community", "mlflow.deployments"}


@dataclass(frozen=True)
class Example:
    """A program, and what it prints."""

    place: str
    source: str
    output: str
    imported: frozenset[str] = frozenset()
    """By the whole name of the module and by its first word; nothing for a command."""

    @override
    def __str__(self) -> str:
        return self.place


def examples(page: str) -> Iterator[Example]:
    """Every command with a prompt, and every Python program with text right below it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        language, source = block.groups()
        place = f"{page}:{text.count(chr(10), 0, block.start()) + 1}"
        if language == "console":
            for number, command in enumerate(COMMAND.finditer(source), 1):
                yield Example(f"{place}:{number}", command[1], command[2])
        elif language == "python" and following and following[1] == "text":
            assert not text[block.end() : following.start()].strip(), place
            yield Example(place, source, following[2], frozenset(imports(source)))


def imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, node.module.partition(".")[0])


EXAMPLES = [example for page in PAGES for example in examples(page)]
COMMANDS = [example for example in EXAMPLES if not example.imported]
OLD = [example for example in EXAMPLES if example.imported & OF_THE_TIME_OF_2_8]
NEW = [example for example in EXAMPLES if example.imported & OF_TODAY]
PROGRAMS = [e for e in EXAMPLES if e.imported and not e.imported & (OF_THE_TIME_OF_2_8 | OF_TODAY)]


def installed(*wanted: str) -> tuple[str, ...]:
    """What the text tells pip to install for them."""
    lines = re.findall(r"^pip install (.+)$", (ROOT / PAGES[1]).read_text(encoding="utf-8"), re.MULTILINE)
    (line,) = [line for line in lines if all(name in line for name in wanted)]
    return tuple(shlex.split(line))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service of the text."""
    folder = tmp_path_factory.mktemp("service")
    options = ("--port", "0", "--workers", "1", "--access-log", "off", "--state", str(folder))
    env = environment(folder, HOME=str(folder))
    with started(folder, "serve", "--config", str(CONFIG), *options, env=env) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        port = re.search(r" on http://localhost:(\d+) ", said)
        assert port, said
        yield f"http://localhost:{port[1]}"
        process.terminate()
        process.wait(PATIENCE_S)


def printed(example: Example, url: str, command: list[str], **environ: Any) -> list[str]:
    """The lines that it prints when it is run."""
    done = run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False, **environ)
    assert done.returncode == 0, done.stderr
    return lines(done.stdout.replace(url, ADDRESS))


def lines(text: str) -> list[str]:
    """Without what is another in each answer, and without blanks at the end."""
    for pattern, instead in OF_ITS_OWN:
        text = pattern.sub(instead, text)
    return [line.rstrip() for line in text.rstrip().splitlines()]


def python(example: Example, url: str, folder: Path, interpreter: str = sys.executable) -> list[str]:
    """What the program prints, with the packages of ``interpreter``."""
    path = folder / "example.py"
    path.write_text(example.source.replace(ADDRESS, url), encoding="utf-8")
    env = environment(folder)
    if interpreter != sys.executable:
        del env["PYTHONPATH"]
    return printed(example, url, [interpreter, str(path)], env=env, cwd=folder)


@pytest.mark.parametrize("example", COMMANDS, ids=str)
def test_a_command_prints_what_is_written(example: Example, url: str, tmp_path: Path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    command = ["sh", "-c", example.source.replace(ADDRESS, url)]

    assert printed(example, url, command, env=environment(tmp_path)) == lines(example.output)


@pytest.mark.parametrize("example", PROGRAMS, ids=str)
def test_a_program_prints_what_is_written(example: Example, url: str, tmp_path: Path):
    missing = sorted(name for name in example.imported if "." not in name and find_spec(name) is None)
    if missing:
        pytest.skip(f"{missing[0]} is not installed: pip install {missing[0].replace('_', '-')}")

    assert python(example, url, tmp_path) == lines(example.output)


@pytest.fixture(scope="module")
def environments(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The interpreters with MLflow's packages of 2023 and of today, as the text says to install them."""
    asked_for(request.config)
    with ExitStack() as stack:
        old = stack.enter_context(environment_with(*installed("langchain==0.0.335")))
        new = stack.enter_context(environment_with(*installed("langchain-community", "mlflow-skinny")))
        yield {"old": str(old / "python"), "new": str(new / "python")}


@pytest.mark.real_mlflow
@pytest.mark.parametrize(
    ("example", "which"), [*((e, "old") for e in OLD), *((e, "new") for e in NEW)], ids=str
)
def test_a_program_of_mlflows_packages_prints_what_is_written(
    example: Example, which: str, url: str, tmp_path: Path, environments: dict[str, str]
):
    assert python(example, url, tmp_path, environments[which]) == lines(example.output)


def test_readme_shows_every_kind_of_client():
    here = [example for example in EXAMPLES if example.place.startswith("README.md")]
    imported = frozenset[str]().union(*(example.imported for example in here))
    text = "\n".join(example.source for example in here)

    assert imported >= {"gateway_core.client", "openai", "langchain_openai", "langchain.llms"}
    assert all(name in text for name in ("set_gateway_uri(", "query(", "search_routes("))
    assert all(name in text for name in ("GatewayClient(", ".stream(", ".aquery("))
    assert all(path in text for path in ("/gateway/chat/invocations", "/v1/"))


def test_every_program_with_the_services_address_is_run():
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    written = [
        block
        for page in pages
        for language, block in BLOCK.findall(page)
        if language == "python" and ADDRESS in block
    ]

    assert len(written) >= 12
    assert set(written) == {example.source for example in EXAMPLES if example.imported}
    assert sum(page.count("curl ") for page in pages) - 1 == len(COMMANDS)
