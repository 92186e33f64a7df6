"""National population projections: the official workbooks of assumptions and results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.core.errors import listed
from ravenstein.store.readers.axes import (
    BIRTH,
    Axis,
    age_groups,
    age_span,
    cells,
    sex_of_label,
    span_label,
)
from ravenstein.store.readers.text_table import refuse
from ravenstein.store.readers.workbook import Sheet, Workbook, open_workbook
from ravenstein.tables.population_by_age import SEXES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.store.files import FileFacts

    Floats = NDArray[np.float64]

FLOWS = ("in", "out", "net")
MIGRATION = {
    "international": "International_migration",
    "cross_border": "Cross_border_migration",
    "total": "Total_migration",
}
_YEARS = re.compile(r"(\d{4})(?:\s*[-–]\s*(\d{4}))?")
_ROUTE = re.compile(r"[A-Z][a-z]_[A-Z][a-z]")
_SEX_NAMES = {"M": "Males", "F": "Females"}


@dataclass(frozen=True, eq=False)
class NationalProjection:
    """One workbook, read. Sexes stand in the order male, female.

    Flows of a year are those from the mid-year before to the mid-year; their last dimension is
    `years[1:]`. Ages are at last birthday: of deaths at the mid-year before, of migrants when they
    move, so that P(a + 1, t + 1) = P(a, t) − D(a) + ½ M(a) + ½ M(a + 1).

    Args:
        coverage: The country, such as England.
        base_year: The mid-year on which the projection is based.
        years: The mid-years of the population, without a gap.
        ages: Ages of the population, such as 0, …, 104, 105-109, 110+.
        flow_ages: Ages of migration and, after `birth`, of deaths: 0, …, 104, 105+.
        mortality_ages: Ages of mortality: birth, 0, …, 125.
        mothers: Ages of mothers: 15, …, 46.
        population: Persons (2 × ages × years).
        deaths: Persons (2 × (birth and flow ages) × years after the first).
        mortality: Deaths per 100,000 (2 × mortality ages × years after the first).
        births: Births by age of mother (mothers × years after the first).
        fertility: Births per 1,000 women (mothers × years after the first).
        migration: Persons by kind (international, cross_border, total) and flow (in, out, net)
            (2 × flow ages × years after the first); cross_border not for the United Kingdom.
        cross_border_rates: Moves per 1,000 people by route, such as `En_Wa` (2 × ages 0, 1, …).
        facts: Name, hash and size of the file.
    """

    coverage: str
    base_year: int
    years: tuple[int, ...]
    ages: tuple[str, ...]
    flow_ages: tuple[str, ...]
    mortality_ages: tuple[str, ...]
    mothers: tuple[str, ...]
    population: Floats
    deaths: Floats
    mortality: Floats
    births: Floats
    fertility: Floats
    migration: dict[str, dict[str, Floats]]
    cross_border_rates: dict[str, Floats]
    facts: FileFacts


@dataclass(frozen=True)
class _Cube:
    """A sheet as an array over its axes, ages before the last and columns last."""

    where: str
    ages: tuple[str, ...]
    headings: tuple[str, ...]
    values: Floats


def read_national_projection(path: Path, shown: str) -> NationalProjection:
    """Read a workbook of a national population projection.

    Args:
        path: The workbook.
        shown: Its name in messages.

    Returns:
        Its assumptions and results; years and ages as the labels say.

    Raises:
        SourceError: If it is not such a workbook, a sheet, sex, age or year is missing or
            repeated, or a cell is not a number.

    Source:
        ONS, National population projections: detailed data tables, one workbook a country.
    """
    book = open_workbook(path, shown)
    coverage, base_year = _cover(book)
    years = _years(population := _cube(book, "Population", opened=True))
    deaths = _cube(book, "Deaths", first=BIRTH, opened=True)
    mortality = _cube(book, "Mortality_assumptions", first=BIRTH)
    births = _cube(book, "Births", sexes=("F",), first=None)
    fertility = _cube(book, "Fertility_assumptions", sexes=("F",), first=None)
    whole = coverage == "United Kingdom"
    migration = _migration(book, whole)
    for cube in (deaths, mortality, births, fertility, *migration.values()):
        _same(cube.where, "years", years[1:], _years(cube, flow=True))
    for cube in migration.values():
        _same(cube.where, "ages", deaths.ages[1:], cube.ages)
    _same(births.where, "ages", fertility.ages, births.ages)
    single = deaths.ages[:-1]  # mortality goes on by single years where deaths have an open age
    _same(mortality.where, "ages", single, mortality.ages[: len(single)])
    return NationalProjection(
        coverage=coverage,
        base_year=base_year or years[0],
        years=years,
        ages=population.ages,
        flow_ages=deaths.ages[1:],
        mortality_ages=mortality.ages,
        mothers=births.ages,
        population=population.values,
        deaths=deaths.values,
        mortality=mortality.values,
        births=births.values[0],
        fertility=fertility.values[0],
        migration={k: dict(zip(FLOWS, c.values, strict=True)) for k, c in migration.items()},
        cross_border_rates={} if whole else _rates(book, single[1:]),
        facts=book.facts,
    )


def _migration(book: Workbook, whole: bool) -> dict[str, _Cube]:
    # nobody crosses a border within the whole, so that its workbook may lack that sheet
    kinds = {kind: name for kind, name in MIGRATION.items() if not whole or name in book.sheets}
    return {kind: _cube(book, name, flows=FLOWS, opened=True) for kind, name in kinds.items()}


def _cover(book: Workbook) -> tuple[str, int | None]:
    """Return the country and the base year that the first sheet names."""
    sheet = book.sheets[0]
    text = "\n".join(str(cell).strip() for row in book.rows(sheet) for cell in row if cell != "")
    coverage = re.search(r"^Coverage:\s*(\S.*)$", text, re.MULTILINE)
    if not coverage:
        refuse(
            f"{book.shown}, sheet {sheet}",
            "The workbook does not say which country it covers.",
            "a cell such as 'Coverage: England'",
            repr(text[:40]),
        )
    based = re.search(r"\b(\d{4})-based", text)
    return coverage[1].strip(), int(based[1]) if based else None


def _cube(
    book: Workbook,
    name: str,
    *,
    sexes: tuple[str, ...] = SEXES,
    flows: tuple[str, ...] = (),
    first: str | None = "0",
    opened: bool = False,
) -> _Cube:
    """Return a sheet as an array; `first` and `opened` say what ages it must begin and end with."""
    keys = ("sex", "age", "flow") if flows else ("sex", "age")
    sheet = book.table(name, keys)
    found = sheet.decoded(
        0,
        lambda text: _sex(sexes, text),
        problem="A sex is not known.",
        expected=" and ".join(_SEX_NAMES[sex] for sex in sexes),
    )
    axes = [Axis("sex", sexes, np.array(found)), _ages(sheet, first, opened)]
    if flows:
        flow = sheet.decoded(
            2,
            lambda text: _place(flows, text.lower()),
            problem="A flow is not known.",
            expected="In, Out and Net",
        )
        axes.insert(0, Axis("flow", flows, np.array(flow)))
    places = range(len(keys), len(sheet.names))
    values = sheet.numbers(places)
    filled = np.empty_like(values)
    filled[cells(axes, sheet.lines, sheet.where, row="row")] = values
    shape = [len(axis.labels) for axis in axes]
    ages = tuple(str(label) for label in axes[-1].labels)
    headings = sheet.names[len(keys) :]
    return _Cube(sheet.where, ages, headings, filled.reshape(*shape, len(places)))


def _ages(sheet: Sheet, first: str | None, opened: bool) -> Axis:
    """Return the axis of a column of ages, in order and without a gap."""
    spans = sheet.decoded(
        1,
        age_span,
        problem="An age is not known.",
        expected="Birth, a year such as 7, or a group such as 105 - 109, 105+ or 110 and over",
    )
    order = age_groups(spans, sheet.where, first=first, opened=opened)
    labels = [span_label(span) for span in order]
    return Axis("age", labels, np.array([order.index(span) for span in spans]))


def _place(known: tuple[str, ...], text: str) -> int | None:
    return known.index(text) if text in known else None


def _sex(sexes: tuple[str, ...], text: str) -> int | None:
    place = sex_of_label(text)
    return None if place is None else _place(sexes, SEXES[place])


def _years(cube: _Cube, *, flow: bool = False) -> tuple[int, ...]:
    """Return the years of the columns: the mid-year, or that at the end of each flow's year."""
    years = []
    for heading in cube.headings:
        match = _YEARS.fullmatch(heading)
        if not match or bool(match[2]) != flow or (flow and int(match[2]) != int(match[1]) + 1):
            wanted = "two years, such as 2022 - 2023" if flow else "a year, such as 2022"
            refuse(cube.where, "A column is not one of a year.", wanted, repr(heading[:20]))
        years.append(int(match[2] or match[1]))
    if not years or years != list(range(years[0], years[0] + len(years))):
        found = f"{years[0]} to {years[-1]} in {len(years)} columns" if years else "no columns"
        refuse(cube.where, "Years are missing or repeated.", "each year once, in order", found)
    return tuple(years)


def _rates(book: Workbook, single: tuple[str, ...]) -> dict[str, Floats]:
    cube = _cube(book, "Cross_border_rates")
    _same(cube.where, "ages", single, cube.ages[: len(single)])
    odd = [heading for heading in cube.headings if not _ROUTE.fullmatch(heading)]
    if odd or len(set(cube.headings)) < len(cube.headings):
        refuse(
            cube.where,
            "A column is not one of a route, or stands twice.",
            "routes such as En_Wa, each once",
            listed(odd or cube.headings),
        )
    return {heading: cube.values[..., at] for at, heading in enumerate(cube.headings)}


def _same(where: str, what: str, wanted: Sequence[object], found: Sequence[object]) -> None:
    if tuple(wanted) != tuple(found):
        expected, has = (f"{x[0]} to {x[-1]}, {len(x)}" if x else "none" for x in (wanted, found))
        refuse(where, f"The {what} are not those of the other sheets.", expected, has)
