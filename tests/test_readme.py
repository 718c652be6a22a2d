"""What README says is true: its commands are understood, its files load, its tables are complete."""

import re
import shlex
from pathlib import Path

import pytest

from gateway_core import RouteTable
from gateway_core.config.fields import ROUTE_FIELDS
from gateway_core.providers import REGISTRY, fields_of
from tui.actions import markdown_key_table
from tui.cli import build_parser
from tui.workbench.prompts import load_prompt

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MLFLOW_KEYS = {"name", "route_type", "model"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [
    line
    for block in blocks("console")
    for line in block.splitlines()
    if "gateway-tui" in line and not line.startswith("#")
]


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_understood(line):
    words = shlex.split(line.partition("| ")[2] or line)[1:]
    args = build_parser(words[0]).parse_args(words)

    assert args.command == words[0]


@pytest.mark.parametrize("target", ["run", "test", "bench"])
def test_every_make_target_exists(target):
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_example_configuration_loads(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(blocks("yaml")[0], encoding="utf-8")

    table = RouteTable.load(path, environ={"OPENAI_API_KEY": "k"})

    assert table.names == ("completions", "chat", "chat-gpt-4", "embeddings")
    assert [route.problem for route in table] == [None] * 4
    assert table.config.warnings == ()


def test_the_shipped_example_loads_without_a_word():
    table = RouteTable.load(ROOT / "config.yaml", environ={"OPENAI_API_KEY": "k"})

    assert table.config.warnings == ()


def test_the_example_prompt_loads_and_renders(tmp_path):
    path = tmp_path / "haiku.md"
    path.write_text(blocks("markdown")[0], encoding="utf-8")

    prompt = load_prompt(path)

    assert prompt.render({}).user.strip() == "Write one about a kettle."


def test_the_key_table_is_that_of_the_program():
    shown = README.partition("a test compares -->\n")[2].partition("<!-- end of keys -->")[0]

    assert shown.strip() == markdown_key_table().strip()


def test_every_key_of_our_own_is_explained():
    own = {field.name for field in ROUTE_FIELDS} - MLFLOW_KEYS

    assert {name for name in own if f"| `{name}` |" not in README} == set()


@pytest.mark.parametrize("provider", REGISTRY)
def test_every_provider_and_its_keys_are_listed(provider):
    row = next((line for line in README.splitlines() if line.startswith(f"| `{provider}` |")), "")

    assert row, f"the table of providers in README.md has no row for {provider}"
    assert {field.name for field in fields_of(provider) if f"`{field.name}`" not in row} == set()


def test_the_library_example_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    route = "{name: local, route_type: llm/v1/chat, model: {provider: scripted, config: {text: Red.}}}"
    (tmp_path / "config.yaml").write_text(f"routes:\n- {route}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    (example,) = [block for block in blocks("python") if "RouteTable" in block]
    exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own

    assert capsys.readouterr().out.startswith("Red.")


def test_the_picture_is_there_and_fetches_nothing():
    picture = (ROOT / "docs" / "screenshot.svg").read_text(encoding="utf-8")

    assert "chat-precise" in picture
    assert "@font-face" not in picture
