"""The bundled study, simulated once a process and copied for each test that changes it."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from unittest import mock

from ravenstein.pipelines.new_study import new_study
from ravenstein.twin.settings import settings

VIEWS = ("survey", "border", "statistics", "registers")


@cache
def _simulated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ravenstein-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # half the people, so that tests are quick; `make run` takes the study as it is
    changes = {"people": 25_000, "block": 25_000}
    half = settings("small", changes=changes, views=VIEWS)
    with mock.patch("ravenstein.pipelines.new_study.settings", return_value=half):
        new_study(folder / "twin")
    return folder / "twin"


def bundled_study(folder: Path, *, whole: bool = False) -> Path:
    """Copy the bundled study to a folder.

    Args:
        folder: Where; must not exist.
        whole: With the passenger survey, in few replicates, and the border; else without them.
    """
    unused = shutil.ignore_patterns("truth")
    shutil.copytree(
        _simulated(), folder, ignore=unused if whole else shutil.ignore_patterns("*.parquet")
    )
    study = folder / "study.toml"
    text = study.read_text()
    if whole:
        text = text.replace("[study]\n", "[study]\ndraws = 50\n")
    else:
        source = r'\n\[\[sources\]\]\nkind = "(?!myeb)\w+"\nfile = "[^"]*"\n'
        text = re.sub(source, "", text)
    study.write_text(text)
    return folder
