"""Stocks and flows by sex and age in long form: Nomis, census tables, and rows a cell and year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.store.readers.areas import areas_of
from ravenstein.store.readers.axes import (
    AGES,
    Axis,
    age_axis,
    cells,
    sex_axis,
    sex_of_label,
    without_repeats,
)
from ravenstein.store.readers.layouts import Columns, Layout, read_columns
from ravenstein.store.readers.myeb3_header import AREA_CODE, AREA_NAME
from ravenstein.store.readers.text_table import (
    TextTable,
    decimal_number,
    refuse,
    whole_number,
)
from ravenstein.tables.population_by_age import OPEN_AGE, SEXES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.store.files import FileFacts

_NOMIS = Layout(
    "an extract by age and sex of Nomis",
    "GEOGRAPHY_CODE, GENDER, C_AGE, OBS_VALUE with tabs between",
    {"area": "geography_code", "sex": "gender", "age": "c_age", "value": "obs_value"},
    delimiter="\t",
)
_LONG = Layout(
    "a table by area, sex, age and year",
    "GSS.Code, Sex, Age, Year and one column of values",
    {
        "area": f"gss_code|gss|area|code|geography_code|{AREA_CODE.pattern}",
        "sex": "sex|gender",
        "age": "age",
        "year": "year|mid_?year",
    },
    others=1,
    ignored=AREA_NAME.pattern,
)
_CENSUS_2021 = Layout(
    "sex by single year of age of the census (TS009)",
    "Lower tier local authorities Code, Lower tier local authorities, Sex (2 categories) Code, "
    "Sex (2 categories), Age (91 categories) Code, Age (91 categories), Observation",
    {
        "area": r"(?!sex|age).+_code",
        "name": r"(?!sex|age|observation$|count$).+(?<!_code)",
        "sex": r"sex.*(?<!_code)",
        "age": r"age.*(?<!_code)",
        "value": "observation|count",
    },
    ignored=r"(sex|age).*_code",
)


@dataclass(frozen=True, eq=False)
class AgeSex:
    """One stock by area, sex and single year of age.

    Args:
        areas: Codes of the local authorities.
        names: Their names, where the file gives them.
        values: Persons (areas × 2 × 91); sexes in the order male, female, ages 0 to 90 and over.
        facts: Name, hash and size of the file.
    """

    areas: tuple[str, ...]
    names: tuple[str, ...] | None
    values: NDArray[np.int64]
    facts: FileFacts


@dataclass(frozen=True, eq=False)
class AgeSexYears:
    """A stock or flow by year, area, sex and single year of age.

    Args:
        name: Name of the column of values.
        years: The years, without a gap.
        areas: Codes of the local authorities.
        sexes: `("M", "F")`, or the one that the file has.
        ages: Single years of age, without a gap; 90 is 90 and over.
        values: Persons (years × areas × sexes × ages); whole numbers unless one has decimals.
        repeated: Rows that repeated an earlier one exactly and were left out.
        facts: Name, hash and size of the file.
    """

    name: str
    years: tuple[int, ...]
    areas: tuple[str, ...]
    sexes: tuple[str, ...]
    ages: tuple[int, ...]
    values: NDArray[Any]
    repeated: int
    facts: FileFacts


def read_nomis(path: Path, shown: str) -> AgeSex:
    """Read an age and sex extract of the population estimates from Nomis.

    Args:
        path: The file: tabs between columns; codes of area, sex (1 male, 2 female) and age (101 is
            age 0, 191 is 90 and over), and the value; of one year.
        shown: Its name in messages.

    Returns:
        The stock.

    Raises:
        SourceError: If it is not such an extract, holds totals or age bands, or misses or repeats
            a cell.

    Source:
        Nomis, Population estimates: local authority based by single year of age (dataset 2002).
    """
    columns, table = read_columns(path, shown, _NOMIS)
    ages = table.decoded(
        columns.places["age"],
        _nomis_age,
        problem="There are other ages than single years to 90 and over.",
        expected="C_AGE 101 (age 0) to 191 (90 and over); no totals, no bands",
    )
    return _stock(columns, table, sex_axis(table, columns.places["sex"]), Axis("age", AGES, ages))


def read_census_2021(path: Path, shown: str) -> AgeSex:
    """Read sex by single year of age of the Census 2021 (table TS009).

    The table's own codes of sex are 1 female, 2 male, the opposite of other official files: the
    labels are read, never the codes.

    Args:
        path: The CSV file: code and label of area, sex and age, and the observation.
        shown: Its name in messages.

    Returns:
        The stock on census day.

    Raises:
        SourceError: If it is not that table, a label is unknown, or a cell is missing or repeated.

    Source:
        ONS, Census 2021, TS009 Sex by single year of age (91 categories).
    """
    columns, table = read_columns(path, shown, _CENSUS_2021)
    sexes = table.decoded(
        columns.places["sex"],
        sex_of_label,
        problem="A label of sex is not known.",
        expected="Female and Male",
    )
    ages = table.decoded(
        columns.places["age"],
        _census_age,
        problem="A label of age is not a single year to 90 and over.",
        expected="Aged under 1 year, Aged 1 year, … Aged 90 years and over",
    )
    return _stock(columns, table, Axis("sex", SEXES, sexes), Axis("age", AGES, ages))


def read_long(path: Path, shown: str, *, signed: bool = False) -> AgeSexYears:
    """Read a stock or flow with a row an area, sex, age and year, and one column of values.

    Args:
        path: The CSV file. Rows that repeat an earlier one exactly are left out and counted.
        shown: Its name in messages.
        signed: Whether values may be negative, as net flows are.

    Returns:
        The values, over the sexes, ages and years that the file has.

    Raises:
        SourceError: If it is not such a file, a cell is missing or repeated with another value,
            years or ages have gaps, or a value is not a number or is negative.
    """
    columns, table = read_columns(path, shown, _LONG)
    (place,) = columns.others
    values = table.decoded(
        place,
        decimal_number,
        problem="A cell holds text where a number should stand.",
        expected="a number",
    )
    table.refuse_impossible(values, place, count=not signed)
    full = _long_axes(columns, table)
    axes, kept = without_repeats(full, values, table.lines, shown)
    filled = np.empty(kept.size, dtype=values.dtype)
    filled[cells(axes, table.lines[kept], shown)] = values[kept]
    years, areas, sexes, ages = (tuple(axis.labels) for axis in axes)
    return AgeSexYears(
        name=columns.names[place],
        years=years,  # type: ignore[arg-type]
        areas=areas,  # type: ignore[arg-type]
        sexes=sexes,  # type: ignore[arg-type]
        ages=ages,  # type: ignore[arg-type]
        values=filled.reshape([len(axis.labels) for axis in axes]),
        repeated=values.size - kept.size,
        facts=table.facts,
    )


def _long_axes(columns: Columns, table: TextTable) -> list[Axis]:
    """Return years, areas, sexes and ages, as far as the file has them."""
    years = table.decoded(
        columns.places["year"],
        lambda text: int(text) if re.fullmatch(r"\d{4}", text, re.ASCII) else None,
        problem="A cell holds no year.",
        expected="a year of four digits",
    )
    return [
        _present(Axis("year", range(10_000), years), table.shown),
        areas_of(table, columns.places["area"]).axis,
        _present(sex_axis(table, columns.places["sex"]), table.shown),
        _present(age_axis(table, columns.places["age"]), table.shown),
    ]


def _stock(columns: Columns, table: TextTable, sexes: Axis, ages: Axis) -> AgeSex:
    areas = areas_of(table, columns.places["area"], name=columns.places.get("name"))
    cell = cells((areas.axis, sexes, ages), table.lines, table.shown)
    values = np.empty(cell.size, dtype=np.int64)
    values[cell] = table.whole(columns.places["value"])
    shape = (len(areas.codes), len(SEXES), len(AGES))
    return AgeSex(areas.codes, areas.names, values.reshape(shape), table.facts)


def _present(axis: Axis, shown: str) -> Axis:
    """Return the axis of those labels that a file has; years and ages must have no gap."""
    found, index = np.unique(axis.index, return_inverse=True)
    gap = sorted(set(range(int(found[0]), int(found[-1]))) - set(found.tolist()))
    if gap:
        refuse(
            shown,
            f"A gap in the {axis.name}s.",
            "no gap between the first and the last",
            f"no {axis.name} {axis.labels[gap[0]]}; {len(gap)} missing in all",
        )
    return Axis(axis.name, [axis.labels[at] for at in found], index)


def _nomis_age(text: str) -> int | None:
    code = whole_number(text)
    return code - 101 if code is not None and 101 <= code <= 101 + OPEN_AGE else None


def _census_age(text: str) -> int | None:
    match = re.fullmatch(r"Aged (under 1|\d{1,2}) years?( and over)?", text)
    if not match:
        return None
    age = 0 if match[1] == "under 1" else int(match[1])
    return age if age <= OPEN_AGE and bool(match[2]) == (age == OPEN_AGE) else None
