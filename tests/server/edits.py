"""The ways in which a configuration is rewritten under a running service."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

_numbers = itertools.count(1)


def rewritten_in_place(path: Path, text: str) -> None:
    """As some editors save: for a moment the file is empty."""
    path.write_text(text, encoding="utf-8")


def renamed_over(path: Path, text: str) -> None:
    """As other editors save."""
    other = path.with_suffix(".new")
    other.write_text(text, encoding="utf-8")
    other.replace(path)


def swapped_by_symlink(path: Path, text: str) -> None:
    """As Kubernetes mounts a ConfigMap: a link into a folder that is a link; the old folder goes."""
    folder = path.parent / f"..data_{next(_numbers)}"
    folder.mkdir()
    (folder / path.name).write_text(text, encoding="utf-8")
    link, data = path.parent / "..data_link", path.parent / "..data"
    before = data.resolve() if data.is_symlink() else None
    link.symlink_to(folder)
    link.replace(data)
    if not path.is_symlink():
        through = path.with_suffix(".link")
        through.symlink_to(Path("..data") / path.name)
        through.replace(path)
    if before is not None:
        shutil.rmtree(before)


WAYS = (rewritten_in_place, renamed_over, swapped_by_symlink)
