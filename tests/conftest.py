"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.myeb3_files import Myeb3File
from tests.studies import bundled_study

ROOT = Path(__file__).parent.parent


@pytest.fixture
def shared() -> Path:
    """The folder of real data and reference numbers, where there is one."""
    folder = Path(os.environ.get("RAVENSTEIN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data and reference numbers are not at {folder} (RAVENSTEIN_SHARED)")
    return folder


@pytest.fixture
def twin_study(tmp_path: Path) -> Path:
    """The bundled study, new."""
    return bundled_study(tmp_path / "twin")


@pytest.fixture
def official(tmp_path: Path) -> Myeb3File:
    """A small file in the official shape, good, to be spoiled."""
    return Myeb3File(tmp_path / "components.csv")
