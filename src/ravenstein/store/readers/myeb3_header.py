"""The header of an MYEB3 or MYEB2 file: which column holds which area, component and year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ravenstein.core.errors import SourceError, listed, nearest
from ravenstein.store.readers.text_table import HEADER_WITHIN, looks_like, refuse
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
COUNTS = ("population", "births", "deaths", "internal_in", "internal_out",
          "international_in", "international_out")  # fmt: skip
REQUIRED = ("births", "deaths", "internal_net", "international_net")
AREA_CODE = re.compile(r"(?:la|lad|ltla|laua|area)_?(\d{4}|\d\d)?_?(?:code|cd)_?(\d{4}|\d\d)?")
AREA_NAME = re.compile(r"(?:la|lad|ltla|laua|area)_?(?:\d{4}|\d\d)?_?(?:name|nm)_?(?:\d{4}|\d\d)?")
_LABELS = {
    "code": AREA_CODE,
    "name": AREA_NAME,
    "country": re.compile("country|ctry"),
    "sex": re.compile("sex|gender"),
    "age": re.compile("age"),
}
BY = ("sex", "age")
_YEARLY = re.compile(r"(?P<stem>[a-z_]+?)_?(?P<year>\d{4})")


@dataclass(frozen=True)
class Header:
    """Where everything stands in the file's rows; sex and age in MYEB2 only."""

    line: int
    names: tuple[str, ...]
    columns: dict[str, dict[int, int]]
    code: int
    name: int
    geography: int | None
    country: int | None = None
    sex: int = -1
    age: int = -1

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


def read_header(
    reader: Iterator[list[str]], shown: str, ignored: tuple[str, ...], *, detailed: bool = False
) -> Header:
    """Return where everything stands, from the first of the rows that looks like a header.

    Args:
        reader: The file's rows.
        shown: Its name in messages.
        ignored: Columns to leave out, in lower case.
        detailed: Whether it is MYEB2, with columns of sex and age; MYEB3 otherwise.

    Raises:
        SourceError: If there is no such header, or a year or component is missing or unknown.
    """
    first: list[str] = []
    for count, row in enumerate(reader, start=1):
        line: int = reader.line_num  # type: ignore[attr-defined]
        names = tuple(cell.strip() for cell in row)
        first = first or [name for name in names if name]
        lower = [name.lower().replace(" ", "_") for name in names]
        if any(AREA_CODE.fullmatch(name) for name in lower) and any(
            name.startswith("population") for name in lower
        ):
            places, columns = _placed(f"{shown}, line {line}", names, lower, ignored, detailed)
            return _header(f"{shown}, line {line}", line, names, places, columns)
        if count == HEADER_WITHIN:
            break
    table, what, of = ("MYEB2", "detailed", "EW") if detailed else ("MYEB3", "summary", "UK")
    raise SourceError(
        f"This is not a {what} components of change table ({table}).",
        expected="a header with an area code column (such as ladcode21) and population_YYYY",
        found=looks_like(first),
        where=f"{shown}, line 1",
        fix="Save it with commas between columns."
        if len(first) == 1 and first[0].count("population_") > 1
        else f"Point the source at a file {table}_{what}_components_of_change_series_{of}….csv, "
        "with its header as published.",
    )


def _placed(
    where: str, names: tuple[str, ...], lower: list[str], ignored: tuple[str, ...], detailed: bool
) -> tuple[dict[str, int], dict[str, dict[int, int]]]:
    """Return the places of the labels, and of each component's years."""
    labels = dict(_LABELS) if detailed else {k: v for k, v in _LABELS.items() if k not in BY}
    places: dict[str, int] = {}
    columns: dict[str, dict[int, int]] = {}
    unknown = []
    for place, name in enumerate(lower):
        if names[place].lower() in ignored or not name:
            continue
        yearly = _YEARLY.fullmatch(name)
        stem = STEMS.get(yearly["stem"]) if yearly else None
        label = next((k for k, v in labels.items() if k not in places and v.fullmatch(name)), None)
        if stem and yearly:
            if int(yearly["year"]) in columns.setdefault(stem, {}):
                refuse(where, "A column stands twice.", "each column once", names[place])
            columns[stem][int(yearly["year"])] = place
        elif label:
            places[label] = place
        else:
            unknown.append(names[place])
    _refuse_unknown(where, unknown, columns)
    if detailed and not set(BY) <= set(places):
        raise SourceError(
            "This is another table: it has no sexes or no ages.",
            expected="MYEB2, one row a local authority, sex and single year of age",
            found=f"columns {listed(names)}; MYEB3 (summary components) looks like this",
            where=where,
            fix="Point the source at the MYEB2 detailed file.",
        )
    return places, columns


def _header(
    where: str,
    line: int,
    names: tuple[str, ...],
    places: dict[str, int],
    columns: dict[str, dict[int, int]],
) -> Header:
    for label, example in (("code", "ladcode21"), ("name", "laname21")):
        if label not in places:
            refuse(where, f"The column of area {label}s is missing.", f"such as {example}", "none")
    detailed = "sex" in places
    _check_years(where, columns, partial=set(STEMS.values()) - set(REQUIRED) if detailed else set())
    if not detailed and not set(OTHER_CHANGES) & set(columns):
        refuse(where, "Other changes are missing.", f"one of {', '.join(OTHER_CHANGES)}", "none")
    match = AREA_CODE.fullmatch(names[places["code"]].lower().replace(" ", "_"))
    digits = match and (match[1] or match[2])
    return Header(line, names, columns, geography=_year(digits) if digits else None, **places)


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


def _check_years(where: str, columns: dict[str, dict[int, int]], partial: set[str]) -> None:
    """Refuse gaps; partial components need not be given for every year."""
    stocks = sorted(columns.get("population", {}))
    years = range(stocks[0], stocks[-1] + 1) if stocks else range(0)
    wanted = {name: set(years[1:]) for name in {*REQUIRED, *(set(columns) - {"population"})}}
    wanted["population"] = set(years)
    absent = sorted(
        f"{name}_{year}" for name, all_years in wanted.items()
        for year in all_years - set(columns.get(name, ())) if name not in partial
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
