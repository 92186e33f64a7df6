"""A new study: the bundled simulated one, or one for a folder of official files."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from ravenstein.core.errors import SourceError, StudyError
from ravenstein.pipelines.passenger_survey import NEEDED
from ravenstein.pipelines.population import missing_nations
from ravenstein.pipelines.twin import COMPONENTS_FILE, DETAIL_FILE, OUTLINES_FILE, make_twin
from ravenstein.store.files import TextFile, write_text
from ravenstein.store.readers.age_sex import read_nomis
from ravenstein.store.readers.code_changes import read_code_changes
from ravenstein.store.readers.myeb2 import Myeb2, read_myeb2
from ravenstein.store.readers.myeb3 import (
    Myeb3,
    has_ages,
    looks_like_components,
    read_myeb3,
)
from ravenstein.store.readers.outlines import looks_like_outlines, read_outlines
from ravenstein.store.readers.text_table import HEADER_WITHIN
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
designation = {designation}{dates}
"""
_SOURCE = """
[[sources]]
kind = "{kind}"
file = {file}
areas = {areas}         # a file with another number of areas is refused
"""
_DATES = """
date = {0}-11-24
next_date = {1}-05-25
calendar = [{{ date = {1}-11-23, title = "Figures of the next year" }}]"""
_PLAIN_SOURCE = """
[[sources]]
kind = "{kind}"
file = {file}
"""
_MID_YEAR = """\
edition = {year}        # the mid-year: the file itself does not say
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
        "asylum_decisions": ".parquet",
        "settlement_grants": ".parquet",
        "citizenship_grants": ".parquet",
        "visas_issued": ".parquet",
        "worker_registrations": ".parquet",
        "insurance_register": "",
    }.items()
)

_OF_AREAS = {
    "outlines": f"twin/{OUTLINES_FILE}",
    "code_changes": "twin/views/code_changes.csv",
}
"""What the pages of areas show besides, where the twin has it."""

_HEADERS = {
    "nomis_ages": ("\t", {"geography_code", "gender", "c_age", "obs_value"}),
    "code_changes": (",", {"oldcd", "newcd", "type", "start"}),
}
"""What stands between columns of a family, and columns that only it has."""

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
        data: A folder searched for summary components of change files (MYEB3), and what else the
            pages of areas are made of; they are read where they are, not copied.

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
            dates=_DATES.format(*(small.scale.last + after for after in (2, 3))),
        )
        + _source("myeb3", f"twin/{COMPONENTS_FILE}", small.scale.areas)
        + _source("myeb2", f"twin/{DETAIL_FILE}", small.scale.areas)
        + _SURVEY
        + _BORDER
        + _MIGRATION
        + "".join(
            _plain(kind, file) for kind, file in _OF_AREAS.items() if (folder / file).is_file()
        )
        + _SAMPLE_DESIGN
    )


@dataclass
class _Found:
    """Official files in a folder: by edition, by mid-year, or by name; and what is not used."""

    summaries: dict[str, Myeb3] = field(default_factory=dict)
    details: dict[str, Myeb2] = field(default_factory=dict)
    ages: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    outlines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def sources(self) -> str:
        """Return the files as entries of study.toml."""
        text = ""
        for kind, chosen in (("myeb3", self.ordered), ("myeb2", list(self.details.values()))):
            text += "".join(_source(kind, f.facts.name, f.areas.num_rows) for f in chosen)
        for year, name in sorted(self.ages.items()):
            text += _plain("nomis_ages", name) + _MID_YEAR.format(year=_quoted(year))
        text += "".join(_plain("code_changes", name) for name in self.changes)
        return text + "".join(_plain("outlines", name) for name in self.outlines)

    @property
    def ordered(self) -> list[Myeb3]:
        """The summaries, the latest last."""
        return sorted(self.summaries.values(), key=lambda file: (file.years[-1], file.geography))


def _official_study(folder: Path, data: Path) -> tuple[str, list[str]]:
    found = _search(folder, data)
    if not found.summaries:
        raise SourceError(
            "No summary components of change file (MYEB3) was found.",
            expected="a CSV such as MYEB3_summary_components_of_change_series_UK_(2020_geog21).csv",
            found="; ".join(found.notes)
            or f"{sum(1 for _ in data.rglob('*'))} other files and folders",
            where=str(data),
            fix="Download the file from the publisher into the folder.",
        )
    latest = found.ordered[-1]
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
        dates="",
    )
    return text + found.sources(), found.notes + missing_nations(list(found.summaries.values()))


def _search(folder: Path, data: Path) -> _Found:
    """Find official files by their content; only those of a family are read whole."""
    found = _Found()
    for path in sorted(data.rglob("*")):
        if not path.is_file():
            continue
        name = os.path.relpath(path, folder)
        ending = path.suffix.lower()
        try:
            if ending == ".csv" and looks_like_components(path):
                _add_components(found, path, name)
            elif looks_like_outlines(path):
                _add_outlines(found, path, name)
            elif ending in (".csv", ".tsv", ".txt"):
                _add_of_areas(found, path, name)
        except SourceError as error:
            found.notes.append(f"Not used: {error.where}: {error.problem} (found: {error.found})")
    return found


def _add_components(found: _Found, path: Path, name: str) -> None:
    file = read_myeb2(path, name) if has_ages(path) else read_myeb3(path, name)
    chosen = found.summaries if isinstance(file, Myeb3) else found.details
    if same := chosen.get(file.edition):
        found.notes.append(
            f"Not used: {name}: the same edition as {same.facts.name}. Choose in study.toml."
        )
    elif isinstance(file, Myeb3):
        found.summaries[file.edition] = file
    else:
        found.details[file.edition] = file


def _add_outlines(found: _Found, path: Path, name: str) -> None:
    read_outlines(path, name)
    if found.outlines:
        found.notes.append(
            f"Not used: {name}: outlines, as {found.outlines[0]}. Choose in study.toml."
        )
    else:
        found.outlines.append(name)


def _add_of_areas(found: _Found, path: Path, name: str) -> None:
    """Add a table of code changes, or an extract by age, if it is one."""
    kind = _family(path)
    if kind == "code_changes":
        read_code_changes(path, name)
        found.changes.append(name)
    elif kind == "nomis_ages":
        read_nomis(path, name)
        years = set(re.findall(r"(?<!\d)(?:19|20)\d\d(?!\d)", path.stem))
        year = years.pop() if len(years) == 1 else None
        if year is None:
            found.notes.append(
                f"Not used: {name}: its mid-year is not known. Add it to study.toml with "
                'kind = "nomis_ages" and its mid-year, such as edition = "2018".'
            )
        elif year in found.ages:
            found.notes.append(
                f"Not used: {name}: the same mid-year as {found.ages[year]}. Choose in study.toml."
            )
        else:
            found.ages[year] = name


def _family(path: Path) -> str | None:
    """Return the family whose columns the first lines of a file name, or None."""
    try:
        lines = [line.strip().lower() for line in islice(TextFile(path, path.name), HEADER_WITHIN)]
    except SourceError:
        return None  # no text: of no family
    for kind, (between, columns) in _HEADERS.items():
        if any(columns <= {c.strip(' "') for c in line.split(between)} for line in lines):
            return kind
    return None


def _plain(kind: str, name: str) -> str:
    return _PLAIN_SOURCE.format(kind=kind, file=_quoted(name))


def _source(kind: str, name: str, areas: int) -> str:
    return _SOURCE.format(kind=kind, file=_quoted(name), areas=areas)


def _quoted(text: str) -> str:
    """Return a TOML basic string (JSON's escapes are TOML's)."""
    return json.dumps(text, ensure_ascii=False)
