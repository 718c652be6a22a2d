"""The walls and ceilings of the house. The walls themselves are contracts in pyproject.toml."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import gateway_core
from gateway_core.providers import REGISTRY

ROOT = Path(__file__).parent.parent
PACKAGES = ("gateway_core", "tui")
PROVIDERS = ROOT / "gateway_core" / "providers"
TRANSPORTS = {
    ROOT / "gateway_core" / "wire" / name for name in ("http.py", "httpx_client.py", "gateway_client.py")
}
KEYS = ROOT / "gateway_core" / "keys.py"
APP = ROOT / "tui" / "app.py"

MAX_LINES = 400
MAX_APP_LINES = 250
MAX_PROVIDER_LINES = 150
MAX_BROAD_EXCEPTS = 3
"""A lane of a fan-out, the edge of a server, and the pouring of a stream, which raises it for who waits."""
"""One in a fan-out lane, one at the edge of the server."""

SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CONTRACTS: list[str] = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]

PLANTED = {
    "The app builds on the gateway, never the other way round": [
        ("gateway_core/types.py", "import tui.workbench.records"),
    ],
    "Screens build on the workbench, never the other way round": [
        ("tui/workbench/records.py", "import tui.widgets"),
        ("tui/widgets/planted.py", "import tui.screens"),
    ],
    "The gateway has floors, and every module of it a place": [
        ("gateway_core/types.py", "import gateway_core.events"),
        ("gateway_core/errors.py", "import gateway_core.keys"),
        ("gateway_core/keys.py", "import gateway_core.config.model"),
        ("gateway_core/metering.py", "import gateway_core.providers.base"),
        ("gateway_core/config/model.py", "import gateway_core.providers.base"),
        ("gateway_core/providers/planted_floor.py", "import gateway_core.wire.sse"),
        ("gateway_core/wire/sse.py", "import gateway_core.routes"),
        ("gateway_core/local/planted.py", "import gateway_core.routes"),
        ("gateway_core/routes.py", "import gateway_core.gateway"),
        ("gateway_core/gateway.py", "import gateway_core.server.dialects.base"),
        ("gateway_core/reload.py", "import gateway_core.client.shapes"),
    ],
    "The gateway needs no terminal": [
        ("gateway_core/events.py", "import textual.app"),
        ("gateway_core/routes.py", "from rich.text import Text"),
    ],
    "The workbench runs without a screen": [
        ("tui/workbench/results.py", "from textual.app import App"),
    ],
    "Commands without a screen import none": [
        ("tui/commands/run.py", "import textual.app"),
    ],
    "Providers, framing and values never see the network": [
        ("gateway_core/providers/planted_client.py", "import httpx"),
        ("gateway_core/server/dialects/planted_client.py", "import asyncio"),
        ("gateway_core/providers/base.py", "import asyncio"),
        ("gateway_core/wire/ndjson.py", "import asyncio"),
        ("gateway_core/events.py", "import socket"),
    ],
    "Providers, framing and policies ask neither clock, chance nor system": [
        ("gateway_core/providers/planted_clock.py", "import time"),
        ("gateway_core/server/dialects/planted_clock.py", "import time"),
        ("gateway_core/metering.py", "import random"),
        ("gateway_core/wire/sse.py", "import time"),
        ("gateway_core/providers/base.py", "import os"),
    ],
    "Providers do not know each other, only their common bases": [
        ("gateway_core/providers/planted_a.py", "import gateway_core.providers.planted_clock"),
    ],
    "Only the transports of wire speak HTTP": [
        ("gateway_core/wire/planted.py", "import httpx"),
        ("gateway_core/client/client.py", "import httpx"),
        ("tui/workbench/requests.py", "import aiohttp"),
        ("gateway_core/local/planted.py", "import httpx_aiohttp"),
    ],
    "Only the service knows an HTTP server": [
        ("gateway_core/gateway.py", "import uvicorn"),
        ("tui/commands/serve.py", "import httptools"),
        ("gateway_core/server/dialects/planted.py", "import starlette"),
    ],
}
"""For each contract, imports that must break it: the file they are put into, and the line."""

HOMELESS = "gateway_core.planted_homeless"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_stays_below_its_ceiling(path: Path):
    ceiling = MAX_APP_LINES if path == APP else MAX_LINES
    if PROVIDERS in path.parents and path.name not in {"__init__.py", "base.py"}:
        ceiling = MAX_PROVIDER_LINES
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= ceiling, f"{lines} lines, {ceiling} allowed: give a part of it a file of its own"


def test_no_file_is_a_drawer_for_odds_and_ends():
    assert [p for p in SOURCES if p.stem in {"utils", "util", "helpers", "misc", "common"}] == []


def test_broad_excepts_stay_where_they_are_meant():
    found = [where for path, tree in trees(SOURCES) for where in broad_excepts(path, tree)]
    assert len(found) <= MAX_BROAD_EXCEPTS, found


def test_only_the_keys_module_reads_the_environment():
    found = [
        where for path, tree in trees(SOURCES) if path != KEYS for where in environment_reads(path, tree)
    ]
    assert found == []


def test_no_import_goes_round_the_contracts():
    clients = {"httpx", "httpx_aiohttp", "aiohttp", "httpcore", "requests", "urllib3"}
    found = [
        where
        for path, tree in trees(SOURCES)
        for where in hidden_imports_of(
            {"textual", "rich"} | (set() if path in TRANSPORTS else clients), path, tree
        )
    ]
    assert found == []


def test_the_gateway_does_not_enter_by_its_own_front_door():
    public = set(gateway_core.__all__) - {"__version__"}
    inside = [path for path in SOURCES if path.is_relative_to(ROOT / "gateway_core")]
    found = [where for path, tree in trees(inside) for where in front_door_imports(public, path, tree)]
    assert found == []


def test_providers_are_asked_never_compared_by_name():
    outside = [path for path in SOURCES if PROVIDERS not in path.parents]
    found = [where for path, tree in trees(outside) for where in comparisons_with(set(REGISTRY), path, tree)]
    assert found == []


def test_imports_keep_to_the_contracts():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout
    assert all(f"{name} KEPT" in result.stdout for name in CONTRACTS)


def test_every_contract_has_a_planted_violation():
    assert sorted(PLANTED) == sorted(CONTRACTS)


@pytest.fixture(scope="module")
def broken_house(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lint-imports says about a copy of the tree in which every contract is violated."""
    copy = tmp_path_factory.mktemp("broken_house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / HOMELESS.replace(".", "/")).with_suffix(".py").touch()
    for relative, line in {planted for violations in PLANTED.values() for planted in violations}:
        path = copy / relative
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{before}\n{line}\n", encoding="utf-8")
    result = lint_imports(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_breaks_when_it_is_violated(broken_house: str, name: str):
    assert f"{name} BROKEN" in broken_house
    section = report_of(name, broken_house)
    for relative, line in PLANTED[name]:
        edge = f"{module_name(relative)} -> {imported_module(line)}"
        assert edge in section, f"{edge} was not reported"


def test_a_new_module_of_the_gateway_must_be_given_a_floor(broken_house: str):
    assert f"{HOMELESS} -> " not in broken_house
    assert f"- {HOMELESS}\n" in report_of(
        "The gateway has floors, and every module of it a place", broken_house
    )


def lint_imports(where: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
        "--no-cache",
        "--no-logo",
    ]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)


def report_of(contract: str, report: str) -> str:
    _, _, broken = report.partition("Broken contracts\n")
    _, heading, rest = broken.partition(f"{contract}\n{'-' * len(contract)}\n")
    assert heading, f"no report of {contract!r}"
    return re.split(r"\n\n\n\S[^\n]*\n-+\n", rest)[0]


def module_name(relative: str) -> str:
    return relative.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_module(line: str) -> str:
    """The module of an import line; of packages that are not ours only the name of the package."""
    module = line.split()[1]
    return module if module.startswith(PACKAGES) else module.partition(".")[0]


def trees(paths: Iterable[Path]) -> Iterator[tuple[Path, ast.Module]]:
    for path in paths:
        yield path, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def broad_excepts(path: Path, tree: ast.Module) -> Iterator[str]:
    """Handlers that catch everything and keep it; one that raises it again, or as ours, is not meant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and not raises_again(node):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {item.id for item in caught if isinstance(item, ast.Name)}
            if node.type is None or names & {"Exception", "BaseException"}:
                yield place(path, node)


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if not isinstance(last, ast.Raise):
        return False
    return last.exc is None or (isinstance(last.cause, ast.Name) and last.cause.id == handler.name)


def environment_reads(path: Path, tree: ast.Module) -> Iterator[str]:
    readers = {"environ", "environb", "getenv", "getenvb"}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names_of_os = {a.asname or a.name for node in imports for a in node.names if a.name == "os"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in readers and isinstance(node.value, ast.Name):
            yield from [place(path, node)] * (node.value.id in names_of_os)
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (place(path, node) for alias in node.names if alias.name in readers)


def front_door_imports(public: set[str], path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "gateway_core":
            yield from (place(path, node) for alias in node.names if alias.name in public)


def hidden_imports_of(modules: set[str], path: Path, tree: ast.Module) -> Iterator[str]:
    """Imports by a function, which import-linter cannot see."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            for text in (text for argument in node.args for text in texts_of(argument)):
                if text.partition(".")[0] in modules:
                    yield f"{place(path, node)} imports {text}"


def comparisons_with(names: set[str], path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        compared: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            compared = [node.value]
        if found := names & {text for part in compared for text in texts_of(part)}:
            yield f"{place(path, node)} compares with {sorted(found)}"


def texts_of(part: ast.expr) -> Iterator[str]:
    """The literal, or those in a literal list, tuple or set."""
    items = part.elts if isinstance(part, ast.List | ast.Tuple | ast.Set) else [part]
    yield from (
        item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )


@pytest.mark.parametrize(
    ("source", "checker"),
    [
        ("try: pass\nexcept Exception: pass", broad_excepts),
        ("try: pass\nexcept (ValueError, BaseException): pass", broad_excepts),
        ("try: pass\nexcept: pass", broad_excepts),
        ("import os\nos.environ.get('X')", environment_reads),
        ("import os as o\no.getenv('X')", environment_reads),
        ("from os import environ", environment_reads),
        ("from gateway_core import Gateway", lambda p, t: front_door_imports({"Gateway"}, p, t)),
        ("importlib.import_module('acme.client')", lambda p, t: hidden_imports_of({"acme"}, p, t)),
        ("if provider == 'acme': pass", lambda p, t: comparisons_with({"acme"}, p, t)),
        ("x = provider not in ('other', 'acme')", lambda p, t: comparisons_with({"acme"}, p, t)),
        ("match provider:\n  case 'acme' | 'b': pass", lambda p, t: comparisons_with({"acme"}, p, t)),
    ],
)
def test_the_checks_see_what_they_look_for(source, checker):
    assert list(checker(ROOT / "planted.py", ast.parse(source)))
