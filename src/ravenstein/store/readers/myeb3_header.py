"""The header of an MYEB3 file: which column holds which area code, component and year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from ravenstein.core.errors import SourceError, listed, nearest
from ravenstein.tables.population import OTHER_CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_CODE = re.compile(r"(?:la|lad|ltla|laua|area)_?(\d{4}|\d\d)?_?(?:code|cd)_?(\d{4}|\d\d)?")
_NAME = re.compile(r"(?:la|lad|ltla|laua|area)_?(?:\d{4}|\d\d)?_?(?:name|nm)_?(?:\d{4}|\d\d)?")
_YEARLY = re.compile(r"(?P<stem>[a-z_]+?)_?(?P<year>\d{4})")
_HEADER_WITHIN = 20


@dataclass(frozen=True)
class Header:
    """Where everything stands in the file's rows."""

    line: int
    names: tuple[str, ...]
    code: int
    name: int
    country: int | None
    geography: int | None
    columns: dict[str, dict[int, int]]

    def boundaries(self, given: int | None, shown: str) -> int:
        """Return the year of the boundaries: given, or as the header says."""
        found = given or self.geography
        if found is None:
            raise SourceError(
                "The file does not say which boundaries it is on.",
                expected="a year in the header of the code column, such as ladcode21",
                found=self.names[self.code],
                where=f"{shown}, line {self.line}",
                fix="Add geography = YEAR to the source in study.toml.",
            )
        return found

    @property
    def years(self) -> tuple[int, ...]:
        """The mid-years, in order."""
        return tuple(sorted(self.columns["population"]))


def read_header(reader: Iterator[list[str]], shown: str, ignored: tuple[str, ...]) -> Header:
    """Return where everything stands, from the first of the rows that looks like a header.

    Args:
        reader: The file's rows.
        shown: Its name in messages.
        ignored: Columns to leave out, in lower case.

    Raises:
        SourceError: If there is no such header, or a year or component is missing or unknown.
    """
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
) -> Header:
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
                refuse(where, "A column stands twice.", "each column once", names[place])
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
        refuse(where, "The column of area names is missing.", "such as laname21", "none")
    _check_years(where, columns)
    country = places.get("country")
    return Header(line, names, places["code"], places["name"], country, geography, columns)


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
        refuse(where, "The file covers less than two mid-years.", "a series", f"{list(stocks)}")
    if absent:
        refuse(
            where,
            "Years are missing.",
            f"every component for each year {years[1]} to {years[-1]}, population from {years[0]}",
            f"no {listed(absent)}",
        )
    if surplus:
        refuse(
            where,
            "There are components of years without population.",
            f"components of {years[1]} to {years[-1]}",
            listed(surplus),
        )
    if not set(OTHER_CHANGES) & set(columns):
        refuse(where, "Other changes are missing.", f"one of {', '.join(OTHER_CHANGES)}", "none")


def refuse(where: str, problem: str, expected: str, found: str) -> NoReturn:
    """Raise a `SourceError` about a file that was changed or damaged."""
    raise SourceError(
        problem,
        expected=expected,
        found=found,
        where=where,
        fix="Download the file again; do not edit its header or rows.",
    )
