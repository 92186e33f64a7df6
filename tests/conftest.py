"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from tests.myeb3_files import Myeb3File
from tests.studies import bundled_study

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="460" height="210"></svg>'


@pytest.fixture
def shared() -> Path:
    """The folder of real data and reference numbers, where there is one."""
    folder = Path(os.environ.get("RAVENSTEIN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"real data and reference numbers are not at {folder} (RAVENSTEIN_SHARED)")
    return folder


@pytest.fixture(scope="module")
def quick_pictures() -> Iterator[None]:
    """Charts are empty pictures, maps stay, and files are not forced to the disk.

    Drawing is most of what a release takes. What is drawn is tested with the charts (tests/unit),
    in the browser, and where two processes are compared.
    """
    with (
        mock.patch("vl_convert.vega_to_svg", return_value=PICTURE),
        mock.patch("ravenstein.release.scripts.vega_bundle", return_value=""),
        mock.patch("ravenstein.store.files.os.fsync"),
    ):
        yield


@pytest.fixture
def twin_study(tmp_path: Path) -> Path:
    """The bundled study, new."""
    return bundled_study(tmp_path / "twin")


@pytest.fixture
def official(tmp_path: Path) -> Myeb3File:
    """A small file in the official shape, good, to be spoiled."""
    return Myeb3File(tmp_path / "components.csv")
