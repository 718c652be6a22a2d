"""A changed file is noticed however it was changed, believed when it stays, and never half used."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway_core.config.load import load_config, parse_config
from gateway_core.config.model import Config
from gateway_core.errors import ConfigError, Problem
from gateway_core.reload import POLL_S, SETTLE_S, Reloader, ReloadStatus
from tests.core.facts import PROVIDERS


class Stop(Exception):
    """Ends `Reloader.watch` in a test."""


def words_of(text: str) -> list[str]:
    """Stands for a configuration: words, none of which may be ``bad``."""
    words = text.split()
    if "bad" in words:
        raise ConfigError([Problem("f", words.index("bad") + 1, "bad word")])
    return words


def much_later() -> float:
    """A clock for which every file of a test is old."""
    return 4_000_000_000.0


def reloader(path: Path, also: Iterable[Path] = ()) -> Reloader[list[str]]:
    return Reloader(path, words_of, also=lambda words: tuple(also))


def settle(watched: Reloader[list[str]]) -> ReloadStatus | None:
    """The two looks that a change needs."""
    assert watched.check() is None
    return watched.check()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("one two")
    return path


def write_in_place(path: Path) -> None:
    path.write_text("three four")


def rename_over(path: Path) -> None:
    beside = path.with_name("tmp")
    beside.write_text("three four")
    beside.replace(path)


def delete_and_create(path: Path) -> None:
    path.unlink()
    path.write_text("three four")


def same_size_and_times(path: Path) -> None:
    facts = path.stat()
    path.write_text("two one")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("save", [write_in_place, rename_over, delete_and_create, same_size_and_times])
def test_a_saved_file_is_swapped_in_however_it_was_saved(file: Path, save):
    watched = reloader(file)
    save(file)
    status = settle(watched)
    assert watched.current == file.read_text().split()
    assert status == watched.status
    assert (watched.status.state, watched.status.generation) == ("ok", 2)
    assert watched.check() is None


def test_a_swapped_symlink_of_a_folder_is_noticed(tmp_path: Path):
    for name, text in (("v1", "one"), ("v2", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(text)
    data = tmp_path / "..data"
    data.symlink_to("v1")
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    watched = reloader(tmp_path / "config.yaml")
    (tmp_path / "new").symlink_to("v2")
    (tmp_path / "new").replace(data)
    settle(watched)
    assert watched.current == ["two"]


def test_nothing_is_told_when_nothing_changed(file: Path):
    watched = reloader(file)
    assert [watched.check() for _ in range(3)] == [None] * 3
    file.touch()
    assert [watched.check() for _ in range(3)] == [None] * 3
    assert watched.status.generation == 1


def test_an_unchanged_old_file_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch):
    watched = Reloader(file, words_of, clock=much_later)
    watched.check()

    def refuse(path: Path) -> bytes:
        raise AssertionError("read")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert watched.check() is None


def test_a_file_changed_a_moment_ago_is_read_whatever_its_stat_says(
    file: Path, monkeypatch: pytest.MonkeyPatch
):
    changed = file.stat().st_mtime + 1
    watched = Reloader(file, words_of, clock=lambda: changed)
    watched.check()
    real = Path.stat
    stale = real(file)
    monkeypatch.setattr(Path, "stat", lambda path, **how: stale)
    file.write_text("two one")
    settle(watched)
    assert watched.current == ["two", "one"]


def test_a_half_written_file_is_never_used(file: Path):
    watched = reloader(file)
    file.write_text("")
    assert watched.check() is None
    assert watched.unsettled
    file.write_text("three")
    assert watched.check() is None
    file.write_text("three four")
    assert watched.check() is None
    assert watched.current == ["one", "two"]
    assert watched.check() is not None
    assert watched.current == ["three", "four"]
    assert watched.status.generation == 2


def test_a_change_taken_back_at_once_is_no_change(file: Path):
    watched = reloader(file)
    file.write_text("three")
    assert watched.check() is None
    file.write_text("one two")
    assert watched.check() is None
    assert not watched.unsettled
    assert watched.status.generation == 1


def test_a_broken_file_changes_the_status_and_nothing_else(file: Path):
    watched = reloader(file)
    before = watched.status
    file.write_text("one bad")
    assert settle(watched) == ReloadStatus(
        "broken", (Problem("f", 2, "bad word"),), before.loaded_at, before.digest, 1
    )
    assert watched.current == ["one", "two"]
    assert watched.check() is None


def test_repairing_a_broken_file_swaps_and_taking_it_back_does_not(file: Path):
    watched = reloader(file)
    file.write_text("bad")
    settle(watched)
    file.write_text("one two")
    assert settle(watched) == watched.status
    assert (watched.status.state, watched.status.problems, watched.status.generation) == ("ok", (), 1)
    file.write_text("bad")
    settle(watched)
    file.write_text("good")
    settle(watched)
    assert (watched.current, watched.status.state, watched.status.generation) == (["good"], "ok", 2)


def test_a_file_that_is_gone_is_said_and_its_routes_stay(file: Path):
    watched = reloader(file)
    file.unlink()
    status = settle(watched)
    assert status is not None
    assert status.state == "missing"
    assert str(status.problems[0]) == f"{file}: the file is gone: what was loaded stays in use"
    assert watched.current == ["one", "two"]
    file.write_text("three")
    settle(watched)
    assert (watched.current, watched.status.state) == (["three"], "ok")


def test_a_file_that_became_no_text_is_broken(file: Path):
    watched = reloader(file)
    file.write_bytes(b"\xff\xff")
    status = settle(watched)
    assert status is not None
    assert (status.state, status.problems[0].sentence) == (
        "broken",
        "the file is not UTF-8: save it as UTF-8",
    )


def test_a_file_that_became_a_folder_is_broken(file: Path):
    watched = reloader(file)
    file.unlink()
    file.mkdir()
    status = settle(watched)
    assert status is not None
    assert (status.state, status.problems[0].sentence) == (
        "broken",
        "the file cannot be read: Is a directory",
    )


def test_a_changed_further_file_counts_as_a_change(file: Path, tmp_path: Path):
    key = tmp_path / "key"
    key.write_text("a")
    watched = reloader(file, also=[key])
    assert watched.check() is None
    key.write_text("b")
    assert settle(watched) is not None
    assert watched.status.generation == 2
    key.unlink()
    assert settle(watched) is not None
    assert watched.status.generation == 3


def test_the_further_files_follow_the_value(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("1")
    path = tmp_path / "config.yaml"
    path.write_text("a")
    watched = Reloader(path, words_of, also=lambda words: [tmp_path / w for w in words])
    path.write_text("b")
    settle(watched)
    (tmp_path / "a").write_text("2")
    assert [watched.check() for _ in range(2)] == [None, None]
    (tmp_path / "b").write_text("2")
    assert settle(watched) is not None
    assert watched.status.generation == 3


def test_a_file_that_is_not_there_at_the_start_is_an_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="there is no such file"):
        reloader(tmp_path / "none.yaml")


def test_a_file_that_is_broken_at_the_start_is_an_error(file: Path):
    file.write_text("bad")
    with pytest.raises(ConfigError, match="bad word"):
        reloader(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        reloader(file)


def test_the_status_knows_what_is_in_use_and_since_when(file: Path):
    status = Reloader(file, words_of, clock=much_later).status
    assert (status.state, status.problems, status.generation) == ("ok", (), 1)
    assert status.loaded_at == much_later()


async def test_watching_looks_once_a_second_and_again_soon_when_something_is_new(file: Path):
    slept: list[float] = []
    saves = {2: "three", 5: "bad"}

    def save(text: str | None) -> None:
        if text is not None:
            file.write_text(text)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        save(saves.get(len(slept)))
        if len(slept) == 8:
            raise Stop

    told: list[ReloadStatus] = []
    watched = Reloader(file, words_of, sleep=sleep)
    with pytest.raises(Stop):
        await watched.watch(told.append)
    assert slept == [POLL_S, POLL_S, SETTLE_S, POLL_S, POLL_S, SETTLE_S, POLL_S, POLL_S]
    assert [status.state for status in told] == ["ok", "broken"]
    assert watched.current == ["three"]


def test_a_real_configuration_reloads_with_its_key_file(tmp_path: Path):
    (tmp_path / "key").write_text("first")
    path = tmp_path / "config.yaml"
    path.write_text(
        "routes:\n  - name: a\n    route_type: llm/v1/chat\n"
        "    model: {provider: openai, config: {openai_api_key: key}}\n"
    )

    def load(text: str) -> Config:
        return parse_config(text, PROVIDERS, environ={}, source=str(path), base=tmp_path)

    watched = Reloader(path, load, also=lambda config: config.key_files)
    assert watched.current == load_config(path, PROVIDERS, environ={})
    (tmp_path / "key").write_text("second")
    watched.check()
    watched.check()
    assert watched.current.routes[0].secrets[0].reveal() == "second"


def test_who_starts_again_while_the_file_is_written_waits_until_it_is_seen_twice(file):
    file.write_text("one")
    watched = Reloader(file, words_of, last_good="one two")
    began_with = watched.current
    file.write_text("one two three")
    settle(watched)
    assert (began_with, watched.current) == (["one", "two"], ["one", "two", "three"])


def test_who_starts_again_after_an_edit_comes_to_use_it(file):
    watched = Reloader(file, words_of, last_good="zero")
    assert watched.current == ["zero"]
    settle(watched)
    assert (watched.current, watched.status.state) == (["one", "two"], "ok")


def test_who_starts_again_long_after_an_edit_uses_it_at_once(file):
    assert Reloader(file, words_of, clock=much_later, last_good="zero").current == ["one", "two"]


def test_who_starts_again_uses_the_file_when_the_last_good_text_is_good_no_more(file):
    assert Reloader(file, words_of, last_good="bad").current == ["one", "two"]
