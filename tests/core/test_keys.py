"""Where keys come from, what is said when there is none, and that they are never shown."""

import builtins
import copy
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.compat.properties import classproperty
from keyring.errors import InitError, KeyringLocked
from typing_extensions import override

from gateway_core.keys import (
    FoundKey,
    KeyMissing,
    Secret,
    find_key,
    process_environment,
    redact,
    redact_json,
    resolve_key,
)
from gateway_core.reload import Reloader
from tests.core.facts import MLFLOW_28, load

KEY = "sk-canary-0123456789"


@pytest.mark.parametrize("reference", ["$OPENAI_API_KEY", "${OPENAI_API_KEY}"])
def test_a_variable_is_looked_up(reference: str):
    assert resolve_key(reference, {"OPENAI_API_KEY": f" {KEY}\n"}) == Secret(KEY)


def test_a_variable_with_a_name_no_shell_takes_is_looked_up_too():
    assert resolve_key("$MY-KEY", {"MY-KEY": KEY}) == Secret(KEY)


@pytest.mark.parametrize("environ", [{}, {"NAME": ""}, {"NAME": "  \n"}])
@pytest.mark.parametrize("reference", ["$NAME", "${NAME}"])
def test_an_unset_or_empty_variable_is_named(reference: str, environ: dict[str, str]):
    with pytest.raises(KeyMissing, match=r"^NAME is not set$") as caught:
        resolve_key(reference, environ)
    assert caught.value.variable == "NAME"


@pytest.mark.parametrize("reference", ["$", "${}", "$sk-canary", "$1abc", "$a b", "$a\nb"])
def test_what_only_looks_like_a_variable_is_not_repeated(reference: str):
    with pytest.raises(KeyMissing) as caught:
        resolve_key(reference, {})
    assert str(caught.value) == "what follows the $ is not the name of an environment variable"
    assert caught.value.variable is None


def test_a_file_is_its_content_without_blanks_around(tmp_path: Path):
    file = tmp_path / "key"
    file.write_text(f"\ufeff  {KEY}\n", encoding="utf-8")
    assert find_key(str(file), {}) == FoundKey(Secret(KEY), "file", file)


def test_a_relative_file_is_looked_up_here_first_and_then_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here, beside = tmp_path / "here", tmp_path / "beside"
    for folder in (here, beside):
        folder.mkdir()
    monkeypatch.chdir(here)
    (beside / "key").write_text("beside")
    assert find_key("key", {}, base=beside) == FoundKey(Secret("beside"), "file", beside / "key")
    assert find_key("key", {}).origin == "literal"
    (here / "key").write_text("here")
    assert resolve_key("key", {}, base=beside) == Secret("here")


def test_a_file_in_the_home_folder_is_found(own_home: Path):
    (own_home / "key").write_text(KEY)
    assert resolve_key("~/key", {}) == Secret(KEY)


@pytest.mark.parametrize(
    "literal",
    [
        KEY,
        f" {KEY}\t",
        "x" * 256,
        "x" * 5000,
        "name/" + "x" * 250,
        "~nobody-here/key",
        "/",
        ".",
        "a$b",
    ],
)
def test_anything_else_is_the_key_itself(literal: str):
    assert find_key(literal, {}) == FoundKey(Secret(literal.strip()), "literal")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b" \n", "the key file KEY is empty"),
        (b"one\ntwo\n", "the key file KEY holds more than one line"),
        (
            "“smart”".encode(),
            "the key file KEY holds a character that no request can carry: only plain ASCII can be sent",
        ),
        (b"\xff\xfe", "the key file KEY cannot be read: it is not text"),
        (b"x" * 65537, "the key file KEY is too large to hold a key"),
    ],
)
def test_a_file_without_a_usable_key_says_so_and_is_remembered(tmp_path: Path, content: bytes, sentence: str):
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(KeyMissing) as caught:
        resolve_key(str(file), {})
    assert str(caught.value).replace(str(file), "KEY") == sentence
    assert caught.value.file == file


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, **how: str) -> str:
        raise PermissionError(13, "Permission denied")

    file = tmp_path / "key"
    file.write_text(KEY)
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(KeyMissing, match="cannot be read: Permission denied"):
        resolve_key(str(file), {})


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("$NAME", "the value of NAME holds more than one line"),
        ("one\ntwo", "the key holds more than one line"),
        ("  ", "the key is empty"),
        ("clé", "the key holds a character that no request can carry: only plain ASCII can be sent"),
    ],
)
def test_a_key_that_no_header_can_carry_is_refused_before_it_is_sent(reference: str, sentence: str):
    with pytest.raises(KeyMissing) as caught:
        resolve_key(reference, {"NAME": "one\ntwo"})
    assert str(caught.value) == sentence


class OwnKeyring(KeyringBackend):
    """A keyring in memory; ``trouble`` is what asking it raises."""

    trouble: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}

    @classproperty
    @override
    def priority(cls) -> float:
        return 1

    @override
    def get_password(self, service: str, username: str) -> str | None:
        if self.trouble is not None:
            raise self.trouble
        return self.entries.get((service, username))

    @override
    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture
def own_keyring() -> Iterator[OwnKeyring]:
    """The keyring of this process, and the one it had before afterwards."""
    before, mine = keyring.get_keyring(), OwnKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


@pytest.mark.parametrize(
    ("reference", "service", "name"),
    [
        ("keyring:openai/team-a", "openai", "team-a"),
        (" keyring: openai / team-a ", "openai", "team-a"),
        ("keyring:https://api.openai.com/v1/me@work", "https://api.openai.com/v1", "me@work"),
    ],
)
def test_a_key_in_a_keyring_is_found_by_service_and_name(
    own_keyring: OwnKeyring, reference: str, service: str, name: str
):
    keyring.set_password(service, name, f"{KEY}\n")
    assert find_key(reference, {}) == FoundKey(Secret(KEY), "keyring")


@pytest.mark.parametrize("reference", ["keyring:", "keyring:openai", "keyring:/name", "keyring:openai/"])
def test_an_entry_that_names_no_service_or_no_name_is_explained(reference: str):
    with pytest.raises(
        KeyMissing, match=r"^what follows keyring: must be a service and a name: keyring:service/name$"
    ):
        find_key(reference, {})


def dismissed() -> Exception:
    return KeyringLocked("Failed to unlock the collection!")


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (dismissed, "the keyring is locked: unlock it, so that its entry my svc/me can be read"),
        (
            lambda: InitError("Failed to create\nthe collection: no D-Bus."),
            "the keyring's entry my svc/me cannot be read: Failed to create the collection: no D-Bus.",
        ),
        (ZeroDivisionError, "the keyring's entry my svc/me cannot be read: ZeroDivisionError"),
    ],
)
def test_a_keyring_that_does_not_answer_is_explained_whatever_it_raises(
    own_keyring: OwnKeyring, trouble: Callable[[], Exception], sentence: str
):
    own_keyring.trouble = trouble()
    with pytest.raises(KeyMissing) as caught:
        find_key("keyring:my svc/me", {})
    assert str(caught.value) == sentence


@pytest.mark.parametrize("empty", [OwnKeyring, null.Keyring])
def test_an_entry_that_is_not_there_is_told_with_the_command_that_makes_it(
    own_keyring: OwnKeyring, empty: type[KeyringBackend]
):
    keyring.set_keyring(empty())
    with pytest.raises(KeyMissing) as caught:
        find_key("keyring:my svc/me", {})
    assert str(caught.value) == ("the keyring has no entry my svc/me: add it with keyring set 'my svc' me")


def test_a_machine_without_a_keyring_is_told_so(own_keyring: OwnKeyring):
    keyring.set_keyring(fail.Keyring())
    with pytest.raises(
        KeyMissing, match=r"^there is no keyring on this machine: name a variable or a key file instead$"
    ):
        find_key("keyring:openai/me", {})


def test_an_entry_that_no_header_can_carry_is_refused(own_keyring: OwnKeyring):
    own_keyring.set_password("openai", "me", "one\ntwo")
    with pytest.raises(KeyMissing, match=r"^the keyring's entry openai/me holds more than one line$"):
        find_key("keyring:openai/me", {})


def test_where_the_package_is_not_installed_it_is_named(monkeypatch: pytest.MonkeyPatch):
    imported = builtins.__import__

    def without_keyring(name: str, *how: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "keyring":
            raise ModuleNotFoundError("No module named 'keyring'", name="keyring")
        return imported(name, *how, **more)

    monkeypatch.delitem(sys.modules, "keyring")
    monkeypatch.setattr(builtins, "__import__", without_keyring)
    with pytest.raises(KeyMissing) as caught:
        find_key("keyring:openai/me", {})
    assert str(caught.value) == (
        "the package that reads keyrings is not installed: pip install 'gateway-tui[keyring]'"
    )


def test_a_route_reads_its_key_from_the_keyring_again_when_its_file_changes(
    own_keyring: OwnKeyring, tmp_path: Path
):
    file = tmp_path / "config.yaml"
    file.write_text(MLFLOW_28.replace("$OPENAI_API_KEY", "keyring:openai/me"))
    reloader = Reloader(file, load, clock=lambda: 0.0)
    before = reloader.current.routes[0]

    own_keyring.set_password("openai", "me", KEY)
    file.write_text(file.read_text() + "# saved again\n")
    reloader.check()
    reloader.check()
    after = reloader.current.routes[0]

    assert before.problem == (
        "openai_api_key: the keyring has no entry openai/me: add it with keyring set openai me"
    )
    assert (after.problem, after.secrets) == (None, (Secret(KEY),))
    assert reloader.current.warnings == ()


@dataclass(frozen=True)
class Holder:
    key: Secret


def test_a_secret_never_prints_itself():
    secret = Secret(KEY)
    holder = Holder(secret)
    said = f"{secret} {secret!r} {holder} {[secret]} {asdict(holder)} %s" % secret
    assert KEY not in said
    assert secret.reveal() == KEY


def test_a_secret_is_never_serialised():
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(Secret(KEY))
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))


def test_a_copy_of_a_secret_is_the_secret():
    secret = Secret(KEY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": [secret]})["a"][0] is secret


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_json_is_redacted_in_names_and_texts_however_they_were_written():
    value = json.loads('{"sk-1234-5678": ["sk\\u002d1234-5678", {"a": "sk-1234-5678!"}, 1, null, true]}')

    assert redact_json(value, [Secret("sk-1234-5678")]) == {"***": ["***", {"a": "***!"}, 1, None, True]}


def test_redaction_leaves_nothing_of_a_key_that_contains_another():
    secrets = [Secret("sk-1234"), Secret("sk-1234-5678"), Secret("abc")]
    assert redact("got sk-1234-5678, then sk-1234; abc stays", secrets) == "got ***, then ***; abc stays"


@pytest.mark.parametrize(
    ("cut", "shown"),
    [
        ("got sk-1234-567…", "got ***…"),
        ("got sk-123…", "got ***…"),
        ("got 'sk-1234-5…', then other-…", "got '***…', then ***…"),
        ("got sk-12…", "got sk-12…"),
        ("got sk-123", "got sk-123"),
        ("nothing of it…", "nothing of it…"),
    ],
)
def test_the_beginning_of_a_key_where_a_text_was_cut_is_redacted_too(cut: str, shown: str):
    assert redact(cut, [Secret("sk-1234-5678"), Secret("other-key")]) == shown


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GATEWAY_TUI_TEST", "1")
    assert process_environment()["GATEWAY_TUI_TEST"] == "1"
