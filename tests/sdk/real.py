"""Installing releases of others for a while, for tests that are left out unless asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MACHINE = dict(os.environ)
"""As it was before the tests moved into a home of their own, where pip is not set up."""
MLFLOW_28 = ("mlflow[gateway]==2.8.0", "pydantic<2", "setuptools<80")
"""What MLflow AI Gateway 2.8.0 needs to run."""


def require_asked_for(config: pytest.Config) -> None:
    """Skip unless the command line asks for such tests."""
    if "real_mlflow" not in str(config.getoption("markexpr")):
        pytest.skip("installs mlflow: ask for it with -m real_mlflow")


def installed(folder: Path, *requirements: str) -> Path:
    """The Python of a new environment in ``folder`` with ``requirements``; skips without a Python 3.11."""
    if (python := shutil.which("python3.11", path=MACHINE.get("PATH"))) is None:
        pytest.skip("mlflow 2.8.0 needs Python 3.11, and there is none here")
    made = folder / "venv" / "bin" / "python"
    run(python, "-m", "venv", str(folder / "venv"))
    run(str(made), "-m", "pip", "install", "--quiet", *requirements)
    return made


def run(*command: str) -> None:
    """Run to the end, and say what was said when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=MACHINE, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
