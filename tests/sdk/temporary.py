"""Environments made for a test and removed after it: for packages that cannot stand beside ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

MACHINE = dict(os.environ)
"""As it was before the tests moved into a home of their own, where pip is not set up."""

MLFLOW_28 = ("mlflow[gateway]==2.8.0", "pydantic<2", "setuptools<80")
"""What MLflow AI Gateway 2.8.0 needs to run."""


@contextmanager
def environment_with(*requirements: str, python: str = "python3.11") -> Iterator[Path]:
    """The ``bin`` folder of an environment with these packages, until the block is left.

    pip finds them as it is set up on the machine. Without that ``python`` the test is skipped.
    """
    if (found := shutil.which(python, path=MACHINE.get("PATH"))) is None:
        pytest.skip(f"{requirements[0]} needs {python}, and there is none here")
    with TemporaryDirectory(prefix="clients-") as name:
        folder = Path(name) / "venv"
        _run(found, "-m", "venv", str(folder))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements)
        yield folder / "bin"


def asked_for(config: pytest.Config) -> None:
    """Skip the test unless its marker was asked for: to name its file is not enough for so long an errand."""
    if "real_mlflow" not in str(config.getoption("markexpr")):
        pytest.skip("installs mlflow: ask for it with -m real_mlflow")


def _run(*command: str) -> None:
    """Run to the end, and say what was said when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=MACHINE, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
