"""MYEB2: the detailed components of change of the official mid-year population estimates.

One row a local authority, sex and single year of age; a column a component and year. Its header
differs between editions as that of MYEB3 does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.store.readers.areas import areas_of
from ravenstein.store.readers.axes import (
    AGES,
    age_axis,
    cells,
    sex_axis,
)
from ravenstein.store.readers.myeb3_header import COUNTS, Header, read_header
from ravenstein.store.readers.text_table import TextTable, read_text_table
from ravenstein.tables.geography import edition_name
from ravenstein.tables.population_by_age import SEXES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.store.files import FileFacts


@dataclass(frozen=True, eq=False)
class Myeb2:
    """One file, read. Sexes stand in the order male, female; ages are 0 to 90 and over.

    Args:
        edition: Years and geography edition, such as `2001-2020_geog2021`.
        geography: Year of the boundaries.
        code_column: Name of the column of area codes in the file.
        areas: Area, name and nation of each local authority, in the arrays' order.
        years: The mid-years, without a gap.
        population: Persons at mid-year (years × areas × 2 × 91), by age at mid-year.
        components: Persons in the year to mid-year (years after the first × areas × 2 × 91) by
            component, by age at its end; 0 in years in which the file does not give it.
        present: The years in which the file gives each component.
        facts: Name, hash and size of the file.
    """

    edition: str
    geography: int
    code_column: str
    areas: pa.Table
    years: tuple[int, ...]
    population: NDArray[np.int64]
    components: dict[str, NDArray[np.int64]]
    present: dict[str, tuple[int, ...]]
    facts: FileFacts


def read_myeb2(
    path: Path,
    shown: str,
    *,
    edition: str | None = None,
    geography: int | None = None,
    ignore_columns: tuple[str, ...] = (),
) -> Myeb2:
    """Read a detailed components of change file.

    Args:
        path: The CSV file.
        shown: Its name in messages.
        edition: Name of the edition; read from the years and boundaries where not given.
        geography: Year of the boundaries, for files whose header does not say.
        ignore_columns: Columns to leave out that this reader does not know.

    Returns:
        Stocks and components as arrays by year, area, sex and age.

    Raises:
        SourceError: If the file is not such a table, is truncated, misses a year, component or
            cell, repeats a cell, or holds text or an impossible number; line and column are named.

    Source:
        ONS, Mid-year population estimates, MYEB2 detailed components of change series.
    """
    ignored = tuple(name.strip().lower() for name in ignore_columns)
    header, table = read_text_table(
        path, shown, lambda reader: read_header(reader, shown, ignored, detailed=True)
    )
    boundaries = header.boundaries(geography, shown)
    areas = areas_of(table, header.code, name=header.name, country=header.country)
    axes = (areas.axis, sex_axis(table, header.sex), age_axis(table, header.age))
    cell = cells(axes, table.lines, shown)
    names = [name for name in header.columns if name != "population"]
    return Myeb2(
        edition=edition or edition_name(header.years[0], header.years[-1], boundaries),
        geography=boundaries,
        code_column=header.names[header.code],
        areas=pa.table({"area": areas.codes, "name": areas.names, "nation": areas.nations}),
        years=header.years,
        population=_filled(table, header, "population", cell),
        components={name: _filled(table, header, name, cell) for name in names},
        present={name: tuple(sorted(header.columns[name])) for name in names},
        facts=table.facts,
    )


def _filled(
    table: TextTable, header: Header, component: str, cell: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return a component as an array; 0 in years without it."""
    years = header.years if component == "population" else header.years[1:]
    filled = np.zeros((len(years), cell.size), dtype=np.int64)
    for year, place in header.columns[component].items():
        filled[years.index(year), cell] = table.whole(place, count=component in COUNTS)
    return filled.reshape(len(years), -1, len(SEXES), len(AGES))
