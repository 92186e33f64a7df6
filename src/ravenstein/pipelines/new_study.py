"""A new study: the bundled simulated one, or one for a folder of official files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ravenstein.core.errors import SourceError, StudyError
from ravenstein.pipelines.passenger_survey import NEEDED
from ravenstein.pipelines.population import missing_nations
from ravenstein.pipelines.twin import COMPONENTS_FILE, DETAIL_FILE, make_twin
from ravenstein.store.files import write_text
from ravenstein.store.readers.myeb2 import Myeb2, read_myeb2
from ravenstein.store.readers.myeb3 import (
    Myeb3,
    has_ages,
    looks_like_components,
    read_myeb3,
)
from ravenstein.study import FILE
from ravenstein.twin.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

_SOURCE_OF_MYEB3 = (
    "Source: Office for National Statistics, National Records of Scotland, Northern Ireland "
    "Statistics and Research Agency, mid-year population estimates (MYEB3). Contains public sector "
    "information licensed under the Open Government Licence v3.0."
)
_SEED = 1885
_TEMPLATE = """\
# A Ravenstein study. All keys: docs/reference/study.md

[study]
title = {title}
producer = {producer}
source = {source}
contact = {contact}
simulated = {simulated}{folders}
seed = {seed}

[period]                # the mid-years published
first = {first}
last = {last}

[geography]             # the boundaries published, by their year
edition = {geography}

[release]
designation = {designation}
"""
_SOURCE = """
[[sources]]
kind = "{kind}"
file = {file}
areas = {areas}         # a file with another number of areas is refused
"""
_SURVEY = "".join(
    f'''
[[sources]]
kind = "{kind}"
file = "twin/views/{kind}{end}"
'''
    for kind, end in [
        (kind, "" if kind in ("survey_contacts", "survey_trailers") else ".parquet")
        for kind in (*NEEDED, "survey_trailers")
    ]
)

_BORDER = """
[[sources]]
kind = "border_movements"
file = "twin/views/border_movements"
"""

_MIGRATION = "".join(
    f'''
[[sources]]
kind = "{kind}"
file = "twin/views/{kind}{end}"
'''
    for kind, end in {
        "irish_migration": ".parquet",
        "asylum_applications": ".parquet",
        "returns": ".parquet",
        "worker_registrations": ".parquet",
        "insurance_register": "",
    }.items()
)

_SAMPLE_DESIGN = """
[sample_design]         # what the next year's fieldwork could be; costs in ordinary shifts
migration_cost = 0.6

[[sample_design.new_routes]]
portroute = 170
possible = 180
passengers = 2000
"""


def new_study(folder: Path, data: Path | None = None) -> list[str]:
    """Make a study: of the simulated twin, or of the official files in a folder.

    Args:
        folder: Where to make it; must not hold a study yet.
        data: A folder searched for summary components of change files (MYEB3); they are read
            where they are, not copied.

    Returns:
        What the user must know: files that look like the family but are not used, and why.

    Raises:
        StudyError: If there is a study already.
        SourceError: If no such file is found in `data`.
    """
    path = folder / FILE
    if path.exists():
        raise StudyError(
            "There is a study already.",
            expected="a new or empty folder",
            found=FILE,
            where=str(folder),
            fix="Choose another folder, or edit the study that is there.",
        )
    text, notes = (_twin_study(folder), []) if data is None else _official_study(folder, data)
    write_text(text, path)
    return notes


def _twin_study(folder: Path) -> str:
    small = settings("small")
    make_twin(folder / "twin", small, _SEED)
    return (
        _TEMPLATE.format(
            title=_quoted("Population of the Twin Kingdom"),
            producer=_quoted("the Ravenstein project"),
            source=_quoted("Simulated data."),
            contact=_quoted(""),
            simulated="true",
            folders="",
            seed=_SEED,
            first=small.scale.first,
            last=small.scale.last,
            geography=small.scale.last,
            designation=_quoted("Simulated data, for trying the system out"),
        )
        + _source("myeb3", f"twin/{COMPONENTS_FILE}", small.scale.areas)
        + _source("myeb2", f"twin/{DETAIL_FILE}", small.scale.areas)
        + _SURVEY
        + _BORDER
        + _MIGRATION
        + _SAMPLE_DESIGN
    )


def _official_study(folder: Path, data: Path) -> tuple[str, list[str]]:
    found: dict[str, Myeb3] = {}
    details: dict[str, Myeb2] = {}
    notes: list[str] = []
    for path in sorted(data.rglob("*")):
        if path.suffix.lower() != ".csv" or not path.is_file():
            continue
        name = os.path.relpath(path, folder)
        if not looks_like_components(path):
            continue
        try:
            file = read_myeb2(path, name) if has_ages(path) else read_myeb3(path, name)
        except SourceError as error:
            notes.append(f"Not used: {error.where}: {error.problem} (found: {error.found})")
            continue
        same = found.get(file.edition) if isinstance(file, Myeb3) else details.get(file.edition)
        if same:
            other = same.facts.name
            notes.append(f"Not used: {name}: the same edition as {other}. Choose in study.toml.")
        elif isinstance(file, Myeb3):
            found[file.edition] = file
        else:
            details[file.edition] = file
    if not found:
        raise SourceError(
            "No summary components of change file (MYEB3) was found.",
            expected="a CSV such as MYEB3_summary_components_of_change_series_UK_(2020_geog21).csv",
            found="; ".join(notes) or f"{sum(1 for _ in data.rglob('*'))} other files and folders",
            where=str(data),
            fix="Download the file from the publisher into the folder.",
        )
    notes += missing_nations(list(found.values()))
    files = sorted(found.values(), key=lambda file: (file.years[-1], file.geography))
    latest = files[-1]
    text = _TEMPLATE.format(
        title=_quoted("Population of the United Kingdom"),
        producer=_quoted("your organisation"),
        source=_quoted(_SOURCE_OF_MYEB3),
        contact=_quoted(""),
        simulated="false",
        folders=f"\ndata_folders = [{_quoted(os.path.relpath(data, folder))}]",
        seed=_SEED,
        first=latest.years[0],
        last=latest.years[-1],
        geography=latest.geography,
        designation=_quoted("Trial release from published official figures"),
    )
    for kind, chosen in (("myeb3", files), ("myeb2", list(details.values()))):
        text += "".join(_source(kind, f.facts.name, f.areas.num_rows) for f in chosen)
    return text, notes


def _source(kind: str, name: str, areas: int) -> str:
    return _SOURCE.format(kind=kind, file=_quoted(name), areas=areas)


def _quoted(text: str) -> str:
    """Return a TOML basic string (JSON's escapes are TOML's)."""
    return json.dumps(text, ensure_ascii=False)
