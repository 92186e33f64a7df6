"""Published tables of long-term migration: whole sheets, their layout read from their headings.

Two forms: time series (a row a year, in blocks of nations and flows) and tables of one year (a row
a category, in blocks of flows). Figures are thousands; emigrants have a minus sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ravenstein.core.errors import SourceError, listed
from ravenstein.store.files import ARROW_TYPES, FileFacts
from ravenstein.store.readers.migration_sheet import (
    Header,
    MigrationSheet,
    ValueColumn,
    code_of,
    read_header,
    read_sheet,
)
from ravenstein.store.readers.text_table import decimal_number, refuse
from ravenstein.tables.published_migration import ALL, DIMENSIONS, PLACES, PUBLISHED_MIGRATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THOUSAND = 1000
LARGEST = 10_000  # thousand migrants a year: a slipped column, not a flow
_FLOWS = {"inflow": "immigration", "outflow": "emigration", "balance": "net"}
_MARKS = {
    ":": "not_available", "z": "not_applicable", ".": "no_contact", "0~": "rounds_to_zero",
    "-0~": "rounds_to_zero", "~": "rounds_to_zero",
}  # fmt: skip
_PLACES = {label.lower(): code for code, label in PLACES.labels.items()}
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_YEAR = re.compile(r"(\d{4})(?:\.0+)?")
_YEARS = re.compile(r"\b(\d{4}) (?:to|-|–) (\d{4})\b")
_NUMBER = re.compile(r"(?<![\d.])([2-4]\.\d{2}[a-z]?)(?!\d|\.\d)")
_PUBLISHED = re.compile(r"\bpublished on (\d{1,2}) ([a-z]+) (\d{4})")
_SEPARATOR = re.compile(r"(?<=\d)[, \u00a0\u202f](?=\d{3}(?!\d))")
_END = ("source:", "totals may not sum")  # what follows the last block


@dataclass(frozen=True)
class MigrationTable:
    """One published table, read.

    Args:
        edition: Its years, and the day it was published where the sheet says so.
        table: Its number, such as 2.04.
        rows: Rows of `published_migration`.
        facts: Name, hash and size of the file.
    """

    edition: str
    table: str
    rows: pa.Table
    facts: FileFacts


@dataclass(frozen=True)
class _Line:
    """A row of figures: where it stands, and what its block and its labels say."""

    row: int
    place: str
    direction: str
    year: int
    codes: tuple[tuple[str, str], ...] = ()

    @property
    def block(self) -> tuple[str, str]:
        return self.place, self.direction


def read_migration_table(
    path: Path, shown: str, *, table: str | None = None, sheet: str | None = None
) -> MigrationTable:
    """Read a published table of long-term migration.

    Args:
        path: The file: a sheet as text with tabs or commas, or a workbook.
        shown: Its name in messages.
        table: Number of the table, where neither the sheet nor the name of the file gives it.
        sheet: The sheet of a workbook, where several have such headings.

    Returns:
        Rows of `published_migration`, one a published cell.

    Raises:
        SourceError: If it is not such a table; a heading, label or mark is not known; an
            estimate has no interval; a year or category is repeated; a block, year or category
            is missing; or emigrants stand without a minus sign. Line and column are named.

    Source:
        ONS, Long-Term International Migration, tables 2.01 to 2.07; International Passenger
        Survey estimates of long-term international migration, tables 4.01 to 4.04.
    """
    found = read_sheet(path, shown, sheet)
    header = read_header(found)
    title = [cell for row in found.rows[: header.start] for cell in row if cell]
    by_year = found.rows[header.start][0].lower() == "year"
    lines = list(_time_series(found, header) if by_year else _one_year(found, header, title))
    years = _refuse_gaps(found, lines, title)
    edition = years + _published(found)
    number = table or _number(found, title)
    cells = [cell for line in lines for cell in _cells(found, header, line)]
    rows: dict[str, list[Any]] = {name: [] for name in PUBLISHED_MIGRATION.names}
    for cell in cells:
        for name, value in {"edition": edition, "table": number, **cell}.items():
            rows[name].append(value)
    schema = pa.schema([(c.name, ARROW_TYPES[c.type]) for c in PUBLISHED_MIGRATION.columns])
    return MigrationTable(edition, number, pa.table(rows, schema=schema), found.facts)


def _time_series(sheet: MigrationSheet, header: Header) -> Iterator[_Line]:
    """Yield the rows of years, with the nation and flow of the blocks that they stand in."""
    place = direction = None
    for row in _body(sheet, header):
        label = _plain(sheet.rows[row][0])
        alone = not any(sheet.rows[row][1:])
        year = _YEAR.fullmatch(label)
        if alone and label in _PLACES:
            place, direction = _PLACES[label], None
        elif alone and label in _FLOWS:
            direction = _FLOWS[label]
        elif year and place and direction:
            yield _Line(row, place, direction, int(year[1]))
        elif year:
            sheet.refuse(row, 0, "A year stands in no block.", "a nation and a flow above it")
        elif not label.startswith("significant change"):
            expected = "a nation, Inflow, Outflow, Balance, a year or Source:"
            sheet.refuse(row, 0, "A row is not known.", expected)


def _one_year(sheet: MigrationSheet, header: Header, title: list[str]) -> Iterator[_Line]:
    """Yield the rows of categories; nation and year are those of the title."""
    text = " ".join(title)
    year = next((m[1] for cell in title if (m := re.search(r"\b(\d{4})$", cell))), None)
    places = [code for name, code in _PLACES.items() if re.search(rf"\b{name}\b", text.lower())]
    if year is None or not places:
        refuse(sheet.at(header.start), "The title names no year or no place.",
               "a title such as Migration to and from United Kingdom, 2017",
               repr(text[:60]))  # fmt: skip
    direction = None
    for row in _body(sheet, header):
        first = _plain(sheet.rows[row][0])
        if first.startswith("software readable"):
            continue
        direction = _FLOWS.get(first, None if first else direction)
        if direction is None:
            sheet.refuse(row, 0, "A row is of no flow.", "Inflow, Outflow or Balance")
        codes = []
        for at, name in enumerate(header.labels):
            if name:
                code = code_of(sheet.rows[row][at], name)
                if code is None:
                    sheet.refuse(row, at, "A category is not known.", f"a published {name}")
                codes.append((name, code))
        yield _Line(row, places[0], direction, int(year), tuple(codes))


def _body(sheet: MigrationSheet, header: Header) -> Iterator[int]:
    """Yield the rows between headings and notes, blank ones left out."""
    ended = False
    for row in range(header.end + 1, len(sheet.rows)):
        cells = sheet.rows[row]
        ended = ended or _plain(cells[0]).startswith(_END)
        if ended and any(decimal_number(cell) is not None for cell in cells[1:]):
            sheet.refuse(row, 0, "Figures stand below the notes.", "notes to the end of the sheet")
        if not ended and any(cells):
            yield row


def _refuse_gaps(sheet: MigrationSheet, lines: list[_Line], title: list[str]) -> str:
    """Refuse a table with rows repeated or missing; return its years, such as 1991-2017."""
    seen: dict[tuple[object, ...], _Line] = {}
    if not lines:
        refuse(sheet.shown, "The table has headings and no figures.", "blocks of figures", "none")
    for line in lines:
        key = (*line.block, line.year, line.codes)
        if key in seen:
            where, first = sheet.at(line.row, 0), sheet.lines[seen[key].row]
            refuse(where, "A row is repeated.", "each year or category once in a block",
                   f"{line.year}, also in line {first}")  # fmt: skip
        seen[key] = line
    given = _YEARS.search(" ".join(title))
    found = sorted({line.year for line in lines})
    years = range(int(given[1]), int(given[2]) + 1) if given else found
    codes = dict.fromkeys(line.codes for line in lines)
    # the title's last column names the nations of a time series, a line each
    named = [_PLACES[name] for cell in title if (name := _plain(cell).rstrip(",")) in _PLACES]
    places = dict.fromkeys([*named, *(line.place for line in lines)])
    flows = dict.fromkeys(["immigration", "emigration", *(line.direction for line in lines)])
    wanted = {
        (place, flow, year, code)
        for place in places for flow in flows for year in years for code in codes
    }  # fmt: skip
    absent = [key for key in wanted if key not in seen]
    surplus = sorted(set(found) - set(years))
    if absent or surplus or any(b != a + 1 for a, b in pairwise(found)):
        names = sorted(f"{place} {flow} {year}" for place, flow, year, _ in absent)
        refuse(
            sheet.shown,
            "Blocks or rows are missing, or years are not those of the title.",
            f"{', '.join(flows)} of {', '.join(places) or 'a nation'}, each with the same rows",
            f"{len(absent)} missing: {listed(names)}; years not in the title: {listed(surplus)}",
        )
    return f"{found[0]}-{found[-1]}" if len(found) > 1 else str(found[0])


def _cells(sheet: MigrationSheet, header: Header, line: _Line) -> Iterator[dict[str, Any]]:
    """Yield the cells of a row of figures."""
    cells = sheet.rows[line.row] + [""] * (header.columns[-1].place + 2 - len(sheet.rows[line.row]))
    known = {at for column in header.columns for at in (column.place, column.place + 1)}
    for at in range(len(header.labels), len(cells)):
        if cells[at] and at not in known:
            sheet.refuse(line.row, at, "A figure stands below no heading.", "an empty cell")
    revised = {
        tuple(sorted(column.codes.items()))
        for column in header.columns
        if column.revision == "original" and cells[column.place]
    }
    for column in header.columns:
        estimate, interval = cells[column.place], cells[column.place + 1]
        if not estimate and not interval and column.revision == "original":
            continue  # given for the years of the revision only
        basis = column.revision or "published"
        if basis == "revised" and tuple(sorted(column.codes.items())) not in revised:
            basis = "published"  # the heading spans every year; what has no original kept it
        status, persons = _persons(sheet, line, column, estimate)
        yield {
            "place": line.place, "direction": line.direction, "year": line.year,
            **dict.fromkeys(DIMENSIONS, ALL), **dict(line.codes), **column.codes,
            "basis": basis, "status": status, "persons": persons,
            "half_width": _half_width(sheet, line, column, interval, persons),
        }  # fmt: skip


def _persons(
    sheet: MigrationSheet, line: _Line, column: ValueColumn, text: str
) -> tuple[str, int | None]:
    """Return the status and the persons of an estimate; emigrants lose their minus sign."""
    status, value = _value(sheet, line, column.place, text)
    if value is None:
        return status, None
    if line.direction == "emigration":
        value = -value
    if line.direction != "net" and value < 0:
        raise SourceError(
            "A flow has the wrong sign.",
            expected="emigrants with a minus sign, immigrants without",
            found=repr(text[:20]),
            where=sheet.at(line.row, column.place),
            fix="Use the table as published; do not turn its signs.",
        )
    return status, value


def _half_width(
    sheet: MigrationSheet, line: _Line, column: ValueColumn, text: str, persons: int | None
) -> int | None:
    place = column.place + 1
    _, value = _value(sheet, line, place, text)
    if value is not None and (value < 0 or (persons is None and value)):
        sheet.refuse(
            line.row, place, "An interval is impossible.", "0 or more, beside an estimate given"
        )
    return None if persons is None else value


def _value(sheet: MigrationSheet, line: _Line, place: int, text: str) -> tuple[str, int | None]:
    """Return the status and the persons that a cell gives, in thousands there."""
    if text in _MARKS:
        status = _MARKS[text]
        return status, 0 if status == "rounds_to_zero" else None
    number = decimal_number(_SEPARATOR.sub("", text))
    if number is None or abs(number) > LARGEST:
        raise SourceError(
            "A cell holds no figure and no mark that is known.",
            expected=f"thousands up to {LARGEST:,}, or one of {' '.join(_MARKS)}",
            found=repr(text[:20]) if text else "an empty cell",
            where=sheet.at(line.row, place),
            fix="Correct the cell, or download the file again.",
        )
    return "given", round(number * THOUSAND)


def _published(sheet: MigrationSheet) -> str:
    for row in sheet.rows:
        for cell in row:
            match = _PUBLISHED.search(cell.lower())
            if match and match[2] in _MONTHS:
                month = _MONTHS.index(match[2]) + 1
                return f"_published{match[3]}-{month:02}-{int(match[1]):02}"
    return ""


def _number(sheet: MigrationSheet, title: list[str]) -> str:
    """Return the number of the table, from the title or else the name of the sheet or file."""
    for text in (*(cell for cell in title if cell.lower().startswith("table")), sheet.shown):
        match = _NUMBER.search(text.replace("_", " "))
        if match:
            return match[1]
    raise SourceError(
        "Neither the sheet nor the name of the file says which table this is.",
        expected="a number such as Table 2.04",
        found=listed(title, 2) or "no title",
        where=sheet.shown,
        fix="Give the number of the table.",
    )


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
