"""MYEB3: the summary components of change of the official mid-year population estimates.

One row a local authority; a column a component and year. Editions differ in header, byte-order
mark, thousands separators, marks for missing values, code column, components and boundaries; the
edition is read from the content.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import SourceError, listed, nearest
from ravenstein.store.files import FileFacts, TextFile
from ravenstein.tables.geography import (
    LOCAL_AUTHORITY_PATTERN,
    NATION_OF_LETTER,
    NATIONS,
)
from ravenstein.tables.population import OTHER_CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

STEMS = {
    "population": "population",
    "births": "births",
    "deaths": "deaths",
    "natchange": "natural_change",
    "natural_change": "natural_change",
    "internal_in": "internal_in",
    "internal_out": "internal_out",
    "internal_net": "internal_net",
    "international_in": "international_in",
    "international_out": "international_out",
    "international_net": "international_net",
    "other_change": "other_change",
    "special_change": "special_change",
    "unattrib": "unattributable",
    "other_adjust": "other_adjustment",
}
REQUIRED = ("births", "deaths", "internal_net", "international_net")
COUNTS = ("population", "births", "deaths", "internal_in", "internal_out",
          "international_in", "international_out")  # fmt: skip
MISSING_MARKS = frozenset({"", ":", "..", ".", "c", "[c]", "z", "[z]", "x", "[x]", "n/a", "na"})

_CODE = re.compile(r"(?:la|lad|ltla|laua|area)_?(\d{4}|\d\d)?_?(?:code|cd)_?(\d{4}|\d\d)?")
_NAME = re.compile(r"(?:la|lad|ltla|laua|area)_?(?:\d{4}|\d\d)?_?(?:name|nm)_?(?:\d{4}|\d\d)?")
_YEARLY = re.compile(r"(?P<stem>[a-z_]+?)_?(?P<year>\d{4})")
_INTEGER = re.compile(r"[-−]?\d+(?:\.0+)?", re.ASCII)
_SEPARATED = re.compile(r"[-−]?\d{1,3}(?:[, \u00a0\u202f]\d{3})+(?:\.0+)?", re.ASCII)
_HEADER_WITHIN = 20
_LARGEST = 10**10  # more people than live on Earth: a slipped column, not a population


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


@dataclass(frozen=True)
class _Header:
    """Where everything stands in the file's rows."""

    line: int
    names: tuple[str, ...]
    code: int
    name: int
    country: int | None
    geography: int | None
    columns: dict[str, dict[int, int]]

    @property
    def years(self) -> tuple[int, ...]:
        return tuple(sorted(self.columns["population"]))


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
        header = _header(reader, shown, tuple(name.strip().lower() for name in ignore_columns))
        content = _rows(reader, header, shown)
    except csv.Error as error:
        raise SourceError(
            "The file is not a CSV table.",
            expected="comma-separated values",
            found=str(error),
            where=f"{shown}, line {reader.line_num}",
            fix="Download the file again.",
        ) from None
    boundaries = geography or header.geography
    if boundaries is None:
        raise _no_boundaries(header, shown)
    label = edition or f"{header.years[0]}-{header.years[-1]}_geog{boundaries}"
    return Myeb3(
        edition=label,
        geography=boundaries,
        code_column=header.names[header.code],
        areas=pa.table(
            {
                "area": content.codes,
                "name": content.names,
                "nation": content.nations,
                "line": content.lines,
            }
        ),
        years=header.years,
        estimates=_estimates(label, header, content),
        components=_components(label, header, content),
        missing=int(content.absent.sum()),
        facts=text.facts(),
    )


def looks_like_myeb3(path: Path) -> bool:
    """Say whether a file names populations and births by year, readable as a whole or not."""
    try:
        with path.open("rb") as stream:
            start = stream.read(1 << 16).lower().replace(b"\0", b"")
    except OSError:
        return False
    return b"population_" in start and b"births_" in start


def _no_boundaries(header: _Header, shown: str) -> SourceError:
    return SourceError(
        "The file does not say which boundaries it is on.",
        expected="a year in the header of the code column, such as ladcode21",
        found=header.names[header.code],
        where=f"{shown}, line {header.line}",
        fix="Add geography = YEAR to the source in study.toml.",
    )


def _header(reader: Iterator[list[str]], shown: str, ignored: tuple[str, ...]) -> _Header:
    first: list[str] = []
    for count, row in enumerate(reader, start=1):
        line: int = reader.line_num  # type: ignore[attr-defined]
        names = tuple(cell.strip() for cell in row)
        first = first or [name for name in names if name]
        lower = [name.lower().replace(" ", "_") for name in names]
        if any(_CODE.fullmatch(name) for name in lower) and any(
            name.startswith("population") for name in lower
        ):
            return _checked_header(line, names, lower, shown, ignored)
        if count == _HEADER_WITHIN:
            break
    raise SourceError(
        "This is not a summary components of change table (MYEB3).",
        expected="a header with an area code column (such as ladcode21) and population_YYYY",
        found=_looks_like(first),
        where=f"{shown}, line 1",
        fix="Save it with commas between columns."
        if len(first) == 1 and first[0].count("population_") > 1
        else "Point the source at a file MYEB3_summary_components_of_change_series_UK….csv, with "
        "its header as published.",
    )


def _looks_like(columns: list[str]) -> str:
    text = ", ".join(column[:40] for column in columns[:6])
    if len(columns) == 1 and ("\t" in columns[0] or ";" in columns[0]):
        return f"columns separated by tab or semicolon: {text[:60]!r}"
    return f"columns {text or 'none'}" + (", …" if len(columns) > 6 else "")


def _checked_header(
    line: int, names: tuple[str, ...], lower: list[str], shown: str, ignored: tuple[str, ...]
) -> _Header:
    where = f"{shown}, line {line}"
    places: dict[str, int] = {}
    columns: dict[str, dict[int, int]] = {}
    geography, unknown = None, []
    for place, name in enumerate(lower):
        yearly = _YEARLY.fullmatch(name)
        stem = STEMS.get(yearly["stem"]) if yearly else None
        if names[place].lower() in ignored or not name:
            continue
        if stem and yearly:
            if int(yearly["year"]) in columns.setdefault(stem, {}):
                _refuse(where, "A column stands twice.", "each column once", names[place])
            columns[stem][int(yearly["year"])] = place
        elif (code := _CODE.fullmatch(name)) and "code" not in places:
            places["code"] = place
            digits = code[1] or code[2]
            geography = None if digits is None else _year(digits)
        elif _NAME.fullmatch(name) and "name" not in places:
            places["name"] = place
        elif name in ("country", "ctry") and "country" not in places:
            places["country"] = place
        else:
            unknown.append(names[place])
    _refuse_unknown(where, unknown, columns)
    if "name" not in places:
        _refuse(where, "The column of area names is missing.", "such as laname21", "none")
    _check_years(where, columns)
    country = places.get("country")
    return _Header(line, names, places["code"], places["name"], country, geography, columns)


def _year(digits: str) -> int:
    """Return the year of two or four digits; two are of 1974 (local government's reform) on."""
    year = int(digits)
    return year if len(digits) == 4 else year + (1900 if year >= 74 else 2000)


def _refuse_unknown(where: str, unknown: list[str], columns: dict[str, dict[int, int]]) -> None:
    if {"sex", "age", "gender"} & {name.lower() for name in unknown}:
        raise SourceError(
            "This is another table: it has sexes or ages.",
            expected="MYEB3, one row a local authority",
            found=f"columns {listed(unknown)}; MYEB2 (detailed components) looks like this",
            where=where,
            fix="Point the source at the MYEB3 summary file.",
        )
    if unknown:
        years = sorted({year for places in columns.values() for year in places})
        likely = nearest(unknown[0].lower(), [f"{stem}_{year}" for stem in STEMS for year in years])
        raise SourceError(
            "The file has columns that are not known.",
            expected=f"{likely!r}, perhaps" if likely else "<component>_<year>",
            found=listed(unknown),
            where=f"{where}, column {unknown[0]!r}",
            fix="Correct the name; or list columns to leave out as ignore_columns in study.toml.",
        )


def _check_years(where: str, columns: dict[str, dict[int, int]]) -> None:
    stocks = sorted(columns.get("population", {}))
    years = range(stocks[0], stocks[-1] + 1) if stocks else range(0)
    wanted = {name: set(years[1:]) for name in {*REQUIRED, *(set(columns) - {"population"})}}
    wanted["population"] = set(years)
    absent = sorted(
        f"{name}_{year}" for name, all_years in wanted.items()
        for year in all_years - set(columns.get(name, ()))
    )  # fmt: skip
    surplus = sorted(
        f"{name}_{year}" for name, places in columns.items() for year in set(places) - wanted[name]
    )
    if len(years) < 2:
        _refuse(where, "The file covers less than two mid-years.", "a series", f"{list(stocks)}")
    if absent:
        _refuse(
            where,
            "Years are missing.",
            f"every component for each year {years[1]} to {years[-1]}, population from {years[0]}",
            f"no {listed(absent)}",
        )
    if surplus:
        _refuse(
            where,
            "There are components of years without population.",
            f"components of {years[1]} to {years[-1]}",
            listed(surplus),
        )
    if not set(OTHER_CHANGES) & set(columns):
        _refuse(where, "Other changes are missing.", f"one of {', '.join(OTHER_CHANGES)}", "none")


def _refuse(where: str, problem: str, expected: str, found: str) -> NoReturn:
    raise SourceError(
        problem,
        expected=expected,
        found=found,
        where=where,
        fix="Download the file again; do not edit its header or rows.",
    )


def _rows(reader: Iterable[list[str]], header: _Header, shown: str) -> _Content:
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
            _refuse(
                where, "A quoted cell runs over several lines.", "a row a line", "an open quote"
            )
        before = line
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != width:
            problem = "A row is cut short: the file looks truncated, or this is a footnote."
            if len(row) > width:
                problem = "A row has too many columns."
            _refuse(where, problem, f"{width} columns", f"{len(row)}, {row[0][:30]!r} first")
        code = _area_code(row[header.code].strip(), where, header)
        if code in codes:
            _refuse(where, f"Area {code} is repeated.", "one row an area",
                    f"also in line {codes[code]}")  # fmt: skip
        codes[code] = line
        name = " ".join(row[header.name].split())
        if not name:
            _refuse(where, f"Area {code} has no name.", "a name", "an empty cell")
        names.append(name)
        nations.append(_nation(row, code, where, header))
        numbers = [
            _number(row[place], place in counts, where, header.names[place]) for place in places
        ]
        masks.append([number is None for number in numbers])
        rows.append([0 if number is None else number for number in numbers])
    if not rows:
        _refuse(shown, "The file has a header and no rows.", "a row a local authority", "none")
    values = np.zeros((len(rows), width), dtype=np.int64)
    absent = np.zeros((len(rows), width), dtype=np.bool_)
    values[:, places], absent[:, places] = rows, masks
    return _Content(list(codes), names, nations, list(codes.values()), values, absent)


def _area_code(code: str, where: str, header: _Header) -> str:
    if not re.fullmatch(LOCAL_AUTHORITY_PATTERN, code):
        raise SourceError(
            "An area code is not that of a local authority.",
            expected="a GSS code E06…–E09…, W06…, S12…, N09… or 95A–95Z",
            found=repr(code[:20]),
            where=f"{where}, column {header.names[header.code]}",
            fix="Remove totals of nations or regions (they are computed); correct the code.",
        )
    return code


def _nation(row: list[str], code: str, where: str, header: _Header) -> str:
    letter = "N" if code.startswith("95") else code[0]
    nation = NATION_OF_LETTER[letter]
    if header.country is not None:
        given = row[header.country].strip()
        if given not in (letter, nation) and given.lower() != NATIONS.labels[nation].lower():
            raise SourceError(
                "The country of an area is not that of its code.",
                expected=f"{letter} for {code}",
                found=repr(given[:20]),
                where=f"{where}, column {header.names[header.country]}",
                fix="Correct the code or the country; a shifted row does this too.",
            )
    return nation


def _number(text: str, is_count: bool, where: str, column: str) -> int | None:
    plain = text.strip()
    if plain.lower() in MISSING_MARKS:
        return None
    if not _INTEGER.fullmatch(plain) and not _SEPARATED.fullmatch(plain):
        raise SourceError(
            "A cell holds text where a whole number should stand.",
            expected="a whole number, or a mark for missing such as :",
            found=repr(plain[:20]),
            where=f"{where}, column {column}",
            fix="Correct the cell, or download the file again.",
        )
    digits = plain.split(".", maxsplit=1)[0].replace("−", "-")
    number = int(re.sub(r"[, \u00a0\u202f]", "", digits)) if len(digits) < 20 else _LARGEST
    if (is_count and number < 0) or abs(number) >= _LARGEST:
        raise SourceError(
            "A number is impossible.",
            expected="0 or more people" if is_count else "a number of people",
            found=plain[:20],
            where=f"{where}, column {column}",
            fix="Correct the cell, or download the file again.",
        )
    return number


def _estimates(edition: str, header: _Header, content: _Content) -> pa.Table:
    places = {"population": [header.columns["population"][year] for year in header.years]}
    return _long(edition, header.years, places, content, "population").drop("component")


def _components(edition: str, header: _Header, content: _Content) -> pa.Table:
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
