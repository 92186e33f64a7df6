"""The bundled study, simulated once a process and copied for each test that changes it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from ravenstein.pipelines.new_study import new_study


@cache
def _simulated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ravenstein-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    new_study(folder / "twin")
    return folder / "twin"


def bundled_study(folder: Path) -> Path:
    """Copy the bundled study to a folder, without the sources that no pipeline reads yet."""
    shutil.copytree(_simulated(), folder, ignore=shutil.ignore_patterns("*.parquet"))
    return folder
