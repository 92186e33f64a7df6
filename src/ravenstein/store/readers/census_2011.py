"""Census 2011 by area, sex and five-year age group: the workbook of its published visuals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.core.errors import listed
from ravenstein.store.readers.axes import age_groups, age_span, sex_of_label
from ravenstein.store.readers.text_table import refuse
from ravenstein.store.readers.workbook import Sheet, open_workbook
from ravenstein.tables.geography import AREA_PATTERN, LOCAL_AUTHORITY_PATTERN
from ravenstein.tables.population_by_age import SEXES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.store.files import FileFacts

_BEGINS = ("Area code", "Area name")
_NATIONS = {"K04000001": "EW", "E92000001": "E", "W92000004": "W"}
"""Nations, by the letters with which the codes of their local authorities begin."""


@dataclass(frozen=True, eq=False)
class AgeGroups:
    """One stock by area, sex and age group.

    Args:
        areas: Codes of the local authorities.
        names: Their names.
        starts: First year of age of each group; the last group has no upper end.
        values: Persons (areas × 2 × groups); sexes in the order male, female.
        larger: Persons in each nation, region and county that the workbook gives, by code.
        facts: Name, hash and size of the file.
    """

    areas: tuple[str, ...]
    names: tuple[str, ...]
    starts: tuple[int, ...]
    values: NDArray[np.int64]
    larger: dict[str, int]
    facts: FileFacts


def read_census_2011(path: Path, shown: str) -> AgeGroups:
    """Read sex by five-year age group of the Census 2011.

    Args:
        path: The workbook.
        shown: Its name in messages.

    Returns:
        The stock of each local authority, and the totals of the larger areas.

    Raises:
        SourceError: If a sheet, sex or age is missing, a cell is not a whole number, an area is
            repeated, or the sums over sexes and ages, or over the local authorities of a nation,
            are not the totals that the workbook gives.

    Source:
        ONS, Census 2011 on the local authorities of the Census 2021; sheets `Sex by 5-year age`
        and `Usual resident population`.
    """
    book = open_workbook(path, shown)
    sheet = book.table("Sex by 5-year age", _BEGINS)
    starts, places = _groups(sheet)
    names, counts = _by_area(sheet, places)
    sums = {code: int(count.sum()) for code, count in counts.items()}
    totals = _by_area(book.table("Usual resident population", _BEGINS), [2])[1]
    _check(sheet.where, sums, {code: int(total[0]) for code, total in totals.items()})
    areas = tuple(code for code in counts if re.fullmatch(LOCAL_AUTHORITY_PATTERN, code))
    if not areas:
        refuse(sheet.where, "There are no local authorities.", "a row an area", "none")
    larger = {code: total for code, total in sums.items() if code not in areas}
    nations = {code: letters for code, letters in _NATIONS.items() if code in larger}
    whole = {n: sum(sums[a] for a in areas if a[0] in letters) for n, letters in nations.items()}
    _check(sheet.where, whole, {nation: larger[nation] for nation in nations})
    values = np.array([counts[area] for area in areas], dtype=np.int64)
    return AgeGroups(
        areas=areas,
        names=tuple(names[area] for area in areas),
        starts=starts,
        values=values.reshape(len(areas), len(SEXES), len(starts)),
        larger=larger,
        facts=book.facts,
    )


def _groups(sheet: Sheet) -> tuple[tuple[int, ...], list[int]]:
    """Return the first year of each age group, and the columns by sex and age."""
    found: dict[tuple[int, tuple[int, int]], int] = {}
    for place, name in enumerate(sheet.names[2:], start=2):
        sex, _, age = name.partition(": Aged ")
        key = (sex_of_label(sex), age_span(age))
        if key[0] is None or key[1] is None or key in found:
            refuse(
                sheet.where,
                "A column is not one of a sex and age, or stands twice.",
                "columns such as 'Females: Aged 5 to 9', each once",
                repr(name[:30]),
            )
        found[key[0], key[1]] = place
    spans = age_groups((span for _, span in found), sheet.where, first="0-4", opened=True)
    wanted = [(sex, span) for sex in range(len(SEXES)) for span in spans]
    if len(found) < len(wanted):
        refuse(
            sheet.where,
            "Ages of one sex are missing.",
            f"{len(spans)} age groups of both sexes",
            f"{len(found)} columns",
        )
    return tuple(first for first, _ in spans), [found[key] for key in wanted]


def _by_area(
    sheet: Sheet, places: list[int]
) -> tuple[dict[str, str], dict[str, NDArray[np.int64]]]:
    """Return name and counts of each area; the notes around the table have no counts."""
    rows = [at for at, row in enumerate(sheet.rows) if any(row[place] != "" for place in places)]
    table = sheet.select(rows)
    codes = table.decoded(
        0,
        lambda text: text if re.fullmatch(AREA_PATTERN, text) else None,
        problem="An area code is not known.",
        expected="a GSS code, such as E06000001",
    )
    twice = next((at for at, code in enumerate(codes) if code in codes[:at]), None)
    if twice is not None:
        first = f"also in row {table.lines[codes.index(codes[twice])]}"
        refuse(table.at(twice, 0), f"Area {codes[twice]} is repeated.", "one row an area", first)
    counts = table.numbers(places)
    odd = np.argwhere((counts < 0) | (counts != np.floor(counts)))
    if odd.size:
        row, column = (int(at) for at in odd[0])
        at, number = table.at(row, places[column]), counts[row, column]
        refuse(at, "A number is impossible.", "a whole number of people", f"{number:g}")
    names = {code: str(row[1]).strip() for code, row in zip(codes, table.rows, strict=True)}
    return names, dict(zip(codes, counts.astype(np.int64), strict=True))


def _check(where: str, sums: dict[str, int], totals: dict[str, int]) -> None:
    """Refuse areas whose sums are not the totals given."""
    off = [code for code in {**totals, **sums} if sums.get(code) != totals.get(code)]
    if off:
        refuse(
            where,
            "Totals are not the sums of their parts.",
            f"{totals.get(off[0], 'no rows')} for {off[0]}",
            f"{sums.get(off[0], 'no rows')}; {len(off)} areas differ: {listed(off)}",
        )
