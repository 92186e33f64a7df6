"""MYEB3: the summary components of change of the official mid-year population estimates.

One row a local authority; a column a component and year. Editions differ in header, byte-order
mark, thousands separators, marks for missing values, code column, components and boundaries; the
edition is read from the content.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import SourceError
from ravenstein.store.files import FileFacts, TextFile
from ravenstein.store.readers.areas import local_authority, nation_of
from ravenstein.store.readers.myeb3_header import COUNTS, STEMS, Header, read_header
from ravenstein.store.readers.text_table import (
    LARGEST,
    not_a_table,
    refuse,
    refuse_width,
    whole_number,
)
from ravenstein.tables.geography import edition_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MISSING_MARKS = frozenset({"", ":", "..", ".", "c", "[c]", "z", "[z]", "x", "[x]", "n/a", "na"})


@dataclass(frozen=True)
class Myeb3:
    """One file, read.

    Args:
        edition: Years and geography edition, such as `2001-2020_geog2021`.
        geography: Year of the boundaries.
        code_column: Name of the column of area codes in the file.
        areas: Area, name, nation and line in the file of each local authority.
        years: The mid-years, without a gap.
        estimates: Rows of `population_estimates`.
        components: Rows of `population_components`.
        missing: Number of cells without a figure.
        facts: Name, hash and size of the file.
    """

    edition: str
    geography: int
    code_column: str
    areas: pa.Table
    years: tuple[int, ...]
    estimates: pa.Table
    components: pa.Table
    missing: int
    facts: FileFacts


@dataclass(frozen=True)
class _Content:
    """The rows: codes, names and nations of the areas, and the numbers (areas × columns)."""

    codes: list[str]
    names: list[str]
    nations: list[str]
    lines: list[int]
    values: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    absent: np.ndarray[tuple[int, int], np.dtype[np.bool_]]

    def areas(self) -> pa.Table:
        """Return area, name, nation and line in the file of each local authority."""
        columns = (self.codes, self.names, self.nations, self.lines)
        return pa.table(dict(zip(("area", "name", "nation", "line"), columns, strict=True)))


def read_myeb3(
    path: Path,
    shown: str,
    *,
    edition: str | None = None,
    geography: int | None = None,
    ignore_columns: tuple[str, ...] = (),
) -> Myeb3:
    """Read a summary components of change file.

    Args:
        path: The CSV file.
        shown: Its name in messages.
        edition: Name of the edition; read from the years and boundaries where not given.
        geography: Year of the boundaries, for files whose header does not say.
        ignore_columns: Columns to leave out that this reader does not know.

    Returns:
        The rows of `areas`, `population_estimates` and `population_components`.

    Raises:
        SourceError: If the file is not such a table, is truncated, misses a year or component,
            repeats an area, or holds text or an impossible number; file, line and column are
            named.

    Source:
        ONS, Mid-year population estimates, MYEB3 summary components of change series.
    """
    text = TextFile(path, shown)
    reader = csv.reader(text)
    try:
        header = read_header(reader, shown, tuple(name.strip().lower() for name in ignore_columns))
        content = _rows(reader, header, shown)
    except csv.Error as error:
        raise not_a_table(f"{shown}, line {reader.line_num}", str(error)) from None
    boundaries = header.boundaries(geography, shown)
    label = edition or edition_name(header.years[0], header.years[-1], boundaries)
    return Myeb3(
        edition=label,
        geography=boundaries,
        code_column=header.names[header.code],
        areas=content.areas(),
        years=header.years,
        estimates=_estimates(label, header, content),
        components=_components(label, header, content),
        missing=int(content.absent.sum()),
        facts=text.facts(),
    )


def looks_like_components(path: Path) -> bool:
    """Say whether a file names populations and births by year, readable as a whole or not."""
    start = _start(path)
    return b"population_" in start and b"births_" in start


def has_ages(path: Path) -> bool:
    """Say whether a file of components has columns of sex and age: MYEB2, not MYEB3."""
    names = re.split(rb"[\s,;\"]+", _start(path))
    return b"age" in names and bool({b"sex", b"gender"} & set(names))


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(1 << 16).lower().replace(b"\0", b"")
    except OSError:
        return b""


def _rows(reader: Iterable[list[str]], header: Header, shown: str) -> _Content:
    codes: dict[str, int] = {}
    names, nations, rows, masks = [], [], [], []
    width = len(header.names)
    places = [place for years in header.columns.values() for place in years.values()]
    counts = {p for stem in COUNTS for p in header.columns.get(stem, {}).values()}
    before: int = reader.line_num  # type: ignore[attr-defined]
    for row in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        where = f"{shown}, line {line}"
        if line > before + 1:
            where = f"{shown}, lines {before + 1} to {line}"
            refuse(where, "A quoted cell runs over several lines.", "a row a line", "an open quote")
        before = line
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != width:
            refuse_width(row, width, where)
        code = local_authority(
            row[header.code].strip(), f"{where}, column {header.names[header.code]}"
        )
        if code in codes:
            refuse(where, f"Area {code} is repeated.", "one row an area",
                    f"also in line {codes[code]}")  # fmt: skip
        codes[code] = line
        name = " ".join(row[header.name].split())
        if not name:
            refuse(where, f"Area {code} has no name.", "a name", "an empty cell")
        names.append(name)
        given = None if header.country is None else row[header.country].strip()
        nations.append(
            nation_of(code, given, f"{where}, column {header.names[header.country or 0]}")
        )
        numbers = [
            _number(row[place], place in counts, where, header.names[place]) for place in places
        ]
        masks.append([number is None for number in numbers])
        rows.append([0 if number is None else number for number in numbers])
    if not rows:
        refuse(shown, "The file has a header and no rows.", "a row a local authority", "none")
    values = np.zeros((len(rows), width), dtype=np.int64)
    absent = np.zeros((len(rows), width), dtype=np.bool_)
    values[:, places], absent[:, places] = rows, masks
    return _Content(list(codes), names, nations, list(codes.values()), values, absent)


def _number(text: str, is_count: bool, where: str, column: str) -> int | None:
    plain = text.strip()
    if plain.lower() in MISSING_MARKS:
        return None
    number = whole_number(plain)
    if number is None:
        raise SourceError(
            "A cell holds text where a whole number should stand.",
            expected="a whole number, or a mark for missing such as :",
            found=repr(plain[:20]),
            where=f"{where}, column {column}",
            fix="Correct the cell, or download the file again.",
        )
    if (is_count and number < 0) or abs(number) >= LARGEST:
        raise SourceError(
            "A number is impossible.",
            expected="0 or more people" if is_count else "a number of people",
            found=plain[:20],
            where=f"{where}, column {column}",
            fix="Correct the cell, or download the file again.",
        )
    return number


def _estimates(edition: str, header: Header, content: _Content) -> pa.Table:
    places = {"population": [header.columns["population"][year] for year in header.years]}
    return _long(edition, header.years, places, content, "population").drop("component")


def _components(edition: str, header: Header, content: _Content) -> pa.Table:
    years = header.years[1:]
    places = {
        stem: [header.columns[stem][year] for year in years]
        for stem in dict.fromkeys(STEMS.values())
        if stem in header.columns and stem != "population"
    }
    return _long(edition, years, places, content, "persons")


def _long(
    edition: str,
    years: tuple[int, ...],
    places: dict[str, list[int]],
    content: _Content,
    value: str,
) -> pa.Table:
    """Lay the columns of each component (areas × years) end to end as rows."""
    size = len(content.codes) * len(years)
    numbers = np.concatenate([content.values[:, at].ravel() for at in places.values()])
    absent = np.concatenate([content.absent[:, at].ravel() for at in places.values()])
    area = np.repeat(np.array(content.codes, dtype=object), len(years))
    year = np.tile(np.array(years, dtype=np.int64), len(content.codes))
    return pa.table(
        {
            "edition": pa.array([edition] * (size * len(places))),
            "area": pa.array(np.tile(area, len(places))),
            "year": pa.array(np.tile(year, len(places))),
            "component": pa.array(np.repeat(np.array(list(places), dtype=object), size)),
            value: pa.array(numbers, mask=absent),
            "status": pa.array(np.where(absent, "O", "A").astype(object)),
        }
    )
