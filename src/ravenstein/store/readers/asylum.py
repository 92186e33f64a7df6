"""Home Office counts: asylum applications, initial decisions, and returns.

A row a quarter, nationality and kind of case. Nationalities become citizenship groups; what is no
part of a table is left out and counted, so that rows and what was left out sum to the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import listed
from ravenstein.store.files import ARROW_TYPES, FileFacts
from ravenstein.store.readers.layouts import Columns, Layout, read_columns
from ravenstein.store.readers.text_table import TextTable, refuse, whole_number
from ravenstein.tables.other_statistics import (
    ASYLUM_APPLICATIONS,
    ASYLUM_DECISIONS,
    NOT_STATED,
    RETURN_COUNTS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.core.schema import Table

    Strings = NDArray[np.str_]

OLD_COMMONWEALTH = frozenset({"australia", "canada", "new zealand", "south africa"})

NEW_COMMONWEALTH = frozenset({
    "antigua and barbuda", "bahamas", "bangladesh", "barbados", "belize", "botswana",
    "brunei", "cameroon", "dominica", "eswatini", "fiji", "ghana", "grenada", "guyana", "india",
    "jamaica", "kenya", "kiribati", "lesotho", "malawi", "malaysia", "mauritius", "mozambique",
    "namibia", "nauru", "nigeria", "pakistan", "papua new guinea", "samoa", "seychelles",
    "sierra leone", "singapore", "solomon islands", "sri lanka", "st kitts and nevis", "st lucia",
    "st vincent and the grenadines", "tanzania", "tonga", "trinidad and tobago", "tuvalu",
    "uganda", "vanuatu", "zambia",
})  # fmt: skip
"""Members of the Commonwealth throughout 2001 to 2024, as the Home Office spells them.

Source: Commonwealth Secretariat, member countries. Those of `CHANGED` were members for a time;
citizens of overseas territories, and British overseas citizens, are in no list: other foreign.
"""

CHANGED: Mapping[str, tuple[tuple[int, int], ...]] = {
    "malta": ((2001, 2003),),  # of the Union: ONS, survey table 4.02, footnote 5
    "cyprus": ((2001, 2003),),
    "zimbabwe": ((2001, 2003),),  # left in December 2003
    "rwanda": ((2010, 9999),),  # joined in November 2009
    "gambia": ((2001, 2013), (2019, 9999)),  # left in October 2013, back in February 2018
    "maldives": ((2001, 2016), (2021, 9999)),  # left in October 2016, back in February 2020
    "gabon": ((2023, 9999),),  # joined in June 2022
    "togo": ((2023, 9999),),
}
"""First and last years on whose first of January other states were of the New Commonwealth."""

_REGIONS = {
    "africa north": "",
    "africa sub-saharan": "",
    "america central and south": "",
    "america north": "",
    "asia central": "",
    "asia east": "",
    "asia south": "",
    "asia south east": "",
    "europe other": "",
    "middle east": "",
    "oceania": "",
    "other": "",
    "eu 14": "eu15",  # the Union of 15 but for British citizens
    "eu 8": "eu8",
    "eu 2": "other",  # Bulgaria and Romania are neither of the 15 nor of the eight
    "eu other": "",  # Croatia, Malta, Cyprus
}
"""The citizenship group of each region; "" where it depends on the nationality."""

_AGES = {
    "under 18": "0-17", "17 and under": "0-17", "18-29": "18-29", "30-49": "30-49",
    "50-69": "50-69", "70+": "70+", "70 and over": "70+",
}  # fmt: skip
_UNSTATED = re.compile(r"total \(pre-\d{4}\)|unknown( (age|sex))?")
_SEXES = {"female": "F", "male": "M"}
_APPLICANTS = {"main applicant": "main", "dependant": "dependant"}
_LOCATIONS = {"at port": "port", "in country": "country"}
_OUTCOMES = {
    "grant of protection": "protection", "grant of other leave": "other_leave",
    "refused": "refused", "withdrawn": "withdrawn", "administrative outcome": "administrative",
}  # fmt: skip
_RETURNS = {"enforced return": "enforced", "voluntary return": "voluntary"}
_CASES = {"asylum case": "", "resettlement case": "Resettlement Case"}
_REFUSED = "Refused entry at port and subsequently departed"  # they were never residents

_SHARED = {
    "year": "year", "quarter": "quarter", "nationality": "nationality", "region": "region",
    "age_group": "age", "sex": "sex",
}  # fmt: skip
_CASE = {**_SHARED, "applicant": "applicant_type"}
_IGNORED = "date|uasc|host_country|case_outcome|return_type|return_destination(_group)?"
_APPLICATIONS_FILE = Layout(
    "a table of asylum applications",
    "Year,Quarter,Nationality,Region,Age,Sex,Applicant type,…,Applications",
    {**_CASE, "location": "location_of_application", "persons": "applications|claims"},
    ignored=_IGNORED,
)
_DECISIONS_FILE = Layout(
    "a table of asylum decisions",
    "Year,Quarter,Nationality,Region,Case type,Case outcome group,…,Decisions",
    {**_CASE, "case": "case_type", "outcome": "case_outcome_group", "persons": "decisions"},
    ignored=_IGNORED,
)
_RETURNS_FILE = Layout(
    "a table of returns",
    "Year,Quarter,Nationality,Region,Return type group,…,Number of returns",
    {**_SHARED, "type": "return_type_group", "persons": "(number_of_)?returns"},
    ignored=_IGNORED,
)


@dataclass(frozen=True)
class AsylumCounts:
    """One file, read.

    Args:
        rows: Rows of the declared table.
        left_out: Persons of the file that are no part of the table, by the reason.
        facts: Name, hash and size of the file.
    """

    rows: pa.Table
    left_out: dict[str, int]
    facts: FileFacts


def read_applications(path: Path, shown: str) -> AsylumCounts:
    """Read asylum applications.

    Args:
        path: The CSV file, plain or gzipped.
        shown: Its name in messages.

    Returns:
        Rows of `asylum_applications`; nothing is left out.

    Raises:
        SourceError: If it is not such a file, or a quarter, region or category is not known.

    Source:
        Home Office, Immigration system statistics, asylum applications: detailed dataset Asy_D01.
    """
    columns, table = read_columns(path, shown, _APPLICATIONS_FILE)
    codes = _codes(columns, table, {"applicant": _APPLICANTS, "location": _LOCATIONS})
    return _counts(ASYLUM_APPLICATIONS, columns, table, codes)


def read_decisions(path: Path, shown: str) -> AsylumCounts:
    """Read initial decisions on asylum applications, and withdrawals.

    Args:
        path: The CSV file, plain or gzipped.
        shown: Its name in messages.

    Returns:
        Rows of `asylum_decisions`; people resettled or relocated, who did not apply in the
        country, are left out.

    Raises:
        SourceError: If it is not such a file, or a quarter, region or category is not known.

    Source:
        Home Office, Immigration system statistics, asylum initial decisions and resettlement:
        detailed dataset Asy_D02.
    """
    columns, table = read_columns(path, shown, _DECISIONS_FILE)
    lists = {"applicant": _APPLICANTS, "outcome": _OUTCOMES, "case": _CASES}
    codes = _codes(columns, table, lists)
    return _counts(ASYLUM_DECISIONS, columns, table, codes, codes.pop("case"))


def read_returns(path: Path, shown: str) -> AsylumCounts:
    """Read returns of people without leave to remain.

    Args:
        path: The CSV file, plain or gzipped.
        shown: Its name in messages.

    Returns:
        Rows of `returns`, `asylum` missing: the file does not say who had applied. People
        refused at the port, who were never resident, are left out.

    Raises:
        SourceError: If it is not such a file, or a quarter, region or category is not known.

    Source:
        Home Office, Immigration system statistics, returns: detailed dataset Ret_D01.
    """
    columns, table = read_columns(path, shown, _RETURNS_FILE)
    codes = _codes(columns, table, {"type": {**_RETURNS, _REFUSED.lower(): "refused"}})
    refused = np.where(codes["type"] == "refused", _REFUSED, "")
    return _counts(RETURN_COUNTS, columns, table, codes, refused)


def citizenship_group(nationality: str, region: str, year: int) -> str | None:
    """Return the citizenship group of a nationality, or None where the region is not known.

    Args:
        nationality: As the Home Office spells it.
        region: The region that it gives.
        year: Calendar year; membership is that of the first of January.

    >>> citizenship_group("Poland", "EU 8", 2003), citizenship_group("India", "Asia South", 2003)
    ('eu8', 'new_commonwealth')
    >>> [citizenship_group("Zimbabwe", "Africa Sub-Saharan", year) for year in (2003, 2004)]
    ['new_commonwealth', 'other']
    """
    group = _REGIONS.get(_plain(region))
    name = re.sub(r"^the |, the$|\.", "", _plain(nationality))
    name = "eswatini" if name == "swaziland" else name
    if group != "":
        return group
    if name in OLD_COMMONWEALTH:
        return "old_commonwealth"
    member = any(first <= year <= last for first, last in CHANGED.get(name, ()))
    return "new_commonwealth" if member or name in NEW_COMMONWEALTH else "other"


def _codes(
    columns: Columns, table: TextTable, lists: Mapping[str, Mapping[str, str]]
) -> dict[str, Strings]:
    """Return the codes of every coded column."""
    ages = {re.sub(r"^(\d+)-(\d+)$", r"\1 to \2", label): code for label, code in _AGES.items()}
    return {
        name: _decoded(columns, table, name, known)
        for name, known in {"age_group": _AGES | ages, "sex": _SEXES, **lists}.items()
    }


def _decoded(columns: Columns, table: TextTable, name: str, known: Mapping[str, str]) -> Strings:
    place = columns.places[name]

    def meaning(text: str) -> int | None:
        plain = _plain(text)
        if name in ("age_group", "sex") and _UNSTATED.fullmatch(plain):
            return len(known)
        return list(known).index(plain) if plain in known else None

    found = table.decoded(
        place,
        meaning,
        problem=f"A code of column {columns.names[place]} is not known.",
        expected=listed(known, 8),
    )
    decoded: Strings = np.array([*known.values(), NOT_STATED])[found]
    return decoded


def _counts(
    declared: Table,
    columns: Columns,
    table: TextTable,
    codes: dict[str, Strings],
    left_out: Strings | None = None,
) -> AsylumCounts:
    """Return the persons of each cell, and those left out by the reason that each row has."""
    persons = table.whole(columns.places["persons"])
    reasons = np.zeros(len(persons), dtype="U1") if left_out is None else left_out
    years, quarters = _quarters(columns, table)
    columns_of = {"quarter": quarters, "citizenship": _groups(columns, table, years), **codes}
    if "asylum" in declared.names:
        columns_of["asylum"] = np.full(len(persons), None)
    keys = [name for name in declared.names if name != "persons"]
    kinds = {column.name: ARROW_TYPES[column.type] for column in declared.columns}
    kept = reasons == ""
    rows = pa.table({name: pa.array(columns_of[name][kept], kinds[name]) for name in keys})
    rows = rows.append_column("persons", pa.array(persons[kept], pa.int64()))
    sums = rows.group_by(keys, use_threads=False).aggregate([("persons", "sum")])
    sums = sums.rename_columns([*keys, "persons"]).sort_by([(name, "ascending") for name in keys])
    return AsylumCounts(
        sums.select(list(declared.names)),
        {str(r): int(persons[reasons == r].sum()) for r in np.unique(reasons) if r},
        table.facts,
    )


def _quarters(
    columns: Columns, table: TextTable
) -> tuple[NDArray[np.int64], NDArray[np.datetime64]]:
    """Return the year of each row, and the first day of its quarter."""
    years = table.decoded(
        columns.places["year"],
        lambda text: y if (y := whole_number(text)) is not None and 1980 <= y < 2200 else None,
        problem="A year is not known.",
        expected="a year such as 2001",
    )
    # coded as ten times the year, 0 where the quarter does not name it, and the quarter
    given = table.decoded(
        columns.places["quarter"],
        lambda text: (
            10 * int(m[1] or 0) + int(m[2])
            if (m := re.fullmatch(r"(?:(\d{4}) )?Q?([1-4])(?:\.0)?", text))
            else None
        ),
        problem="A quarter is not known.",
        expected="a quarter such as 2001 Q1, or 1",
    )
    named, quarter = given // 10, given % 10
    odd = np.flatnonzero((named != 0) & (named != years))
    if odd.size:
        where = table.at(int(odd[0]), columns.places["quarter"])
        refuse(where, "A quarter is of another year.", f"a quarter of {years[odd[0]]}",
               str(named[odd[0]]))  # fmt: skip
    months = (years - 1970) * 12 + (quarter - 1) * 3
    return years, months.astype("datetime64[M]").astype("datetime64[D]")


def _groups(columns: Columns, table: TextTable, years: NDArray[np.int64]) -> Strings:
    """Return the citizenship group of each row."""
    table.decoded(
        columns.places["region"],
        lambda text: 0 if _plain(text) in _REGIONS else None,
        problem="A region is not known.",
        expected=listed(_REGIONS, 16),
    )
    nations, nation = table.distinct(columns.places["nationality"])
    regions, region = table.distinct(columns.places["region"])
    cells = np.stack([nation, region, years])
    distinct, index = np.unique(cells, axis=1, return_inverse=True)
    groups = [citizenship_group(nations[n], regions[r], int(year)) for n, r, year in distinct.T]
    return np.array(groups, dtype=np.str_)[index]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
