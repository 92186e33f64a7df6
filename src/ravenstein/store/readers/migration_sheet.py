"""Sheets of published migration tables: their cells, and headings merged over several rows."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ravenstein.core.errors import SourceError, listed
from ravenstein.store.files import FileFacts, TextFile
from ravenstein.store.readers.text_table import not_a_table, refuse
from ravenstein.store.readers.workbook import open_workbook
from ravenstein.tables.published_migration import ALL, DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ravenstein.store.readers.workbook import Workbook

WORKBOOKS = frozenset({".xlsx", ".xls", ".ods"})
SUBJECTS = {
    "reason": r"\breasons?\b",
    "citizenship": r"\bcitizenship\b",
    "country": r"\bcountry of (last|next)\b",
    "occupation": r"\boccupation\b",
    "age_group": r"\bage\b",
    "sex": r"\bsex\b",
    "area": r"\barea of\b",
}
"""How titles and headings name what a table is broken down by."""

_ALSO = {
    "reason": {"work related reasons": "work", "other reasons": "other"},
    "citizenship": {
        "eu": "eu", "eu15": "eu15", "eu8": "eu8", "eu2": "eu2", "eu other": "eu_other",
        "commonwealth": "commonwealth", "old": "old_commonwealth", "new": "new_commonwealth",
        "other foreign": "non_eu_non_commonwealth", "non-european union": "non_eu",
        "other europe": "other_europe", "rest of the world": "rest_of_world",
    },
    "sex": {"male": "M", "males": "M", "female": "F", "females": "F", "all persons": ALL},
    "area": {"uk": "UK"},
}  # fmt: skip
_ALSO["country"] = _ALSO["citizenship"]
_REVISION = {
    "revised": re.compile(r"\d{4} census revisions\d?"),
    "original": re.compile(r"original estimates\d?"),
}
_INTERVAL = re.compile(r"(\+/-|±) ?ci")
# footnote 5 on EU2 reads like EU25: a union of that size is no footnote
_UNION = re.compile(r"\beu ?2[5-8]$")
_SUPERSCRIPTS = str.maketrans("", "", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class MigrationSheet:
    """A whole sheet as text.

    Args:
        shown: Name of the file, and of the sheet where it has several, for messages.
        rows: The cells of each row, trimmed; empty ones are "".
        lines: Line of the file of each row, from 1.
        facts: Name, hash and size of the file.
    """

    shown: str
    rows: list[list[str]]
    lines: list[int]
    facts: FileFacts

    def at(self, row: int, place: int | None = None) -> str:
        """Return where a row or a cell stands, for messages; columns count from 1."""
        where = f"{self.shown}, line {self.lines[row]}"
        return where if place is None else f"{where}, column {place + 1}"

    def refuse(self, row: int, place: int | None, problem: str, expected: str) -> NoReturn:
        """Raise a `SourceError` about a cell, or about a row by its first cell."""
        found = self.rows[row][place or 0][:60]
        refuse(self.at(row, place), problem, expected, repr(found) if found else "an empty cell")


@dataclass(frozen=True)
class ValueColumn:
    """A pair of columns: the estimate at `place` and half its interval beside it.

    Args:
        place: Place of the estimate.
        codes: The code of each dimension that the headings name.
        revision: `revised` or `original` where the headings say so, else "".
    """

    place: int
    codes: dict[str, str]
    revision: str


@dataclass(frozen=True)
class Header:
    """The headings of a sheet.

    Args:
        start: First row of the headings.
        end: Row of the headings Estimate and +/-CI, the last.
        columns: The pairs of columns.
        labels: The dimension that each column of labels gives; None for the first (years or
            flows) and for labels that are for software.
    """

    start: int
    end: int
    columns: tuple[ValueColumn, ...]
    labels: tuple[str | None, ...]


def read_sheet(path: Path, shown: str, sheet: str | None = None) -> MigrationSheet:
    """Read a whole sheet: text with tabs or commas, or a sheet of a workbook.

    Args:
        path: The file.
        shown: Its name in messages.
        sheet: The sheet of a workbook; not needed where only one has such headings.

    Raises:
        SourceError: If the file cannot be read, or no sheet or several have such headings.
    """
    if path.suffix.lower() not in WORKBOOKS:
        return _text(path, shown)
    book = open_workbook(path, shown)
    names = [sheet] if sheet else _sheets(book)
    if len(names) != 1:
        raise SourceError(
            "The workbook does not have one sheet of migration estimates.",
            expected="one sheet with headings Estimate and +/-CI",
            found=listed(names) or f"none among {listed(book.sheets)}",
            where=shown,
            fix="Name the sheet that is wanted.",
        )
    rows = [[_cell(cell) for cell in row] for row in book.rows(names[0])]
    lines = list(range(1, len(rows) + 1))
    return MigrationSheet(f"{shown}, sheet {names[0]}", rows, lines, book.facts)


def looks_like_migration_table(path: Path) -> bool:
    """Say whether a file has headings Estimate and +/-CI, readable as a whole or not."""
    try:
        if path.suffix.lower() in WORKBOOKS:
            return bool(_sheets(open_workbook(path, path.name)))
        with path.open("rb") as stream:
            start = stream.read(1 << 16).lower()
    except (OSError, SourceError):
        return False
    return b"estimate" in start and b"+/-ci" in start.replace(b" ", b"")


def read_header(sheet: MigrationSheet) -> Header:
    """Read the headings, wherever they stand.

    Args:
        sheet: The sheet.

    Returns:
        The pairs of columns with their codes, and what the columns of labels give.

    Raises:
        SourceError: If there are no such headings, an estimate has no interval beside it, a
            heading is not known, or two pairs have the same headings.
    """
    end = _estimates(sheet.rows)
    tops = range(end if end is not None else 0)
    start = next((at for at in reversed(tops) if _plain(sheet.rows[at][0]) in ("year", "flow")), -1)
    if end is None or start < 0:
        refuse(
            sheet.shown,
            "This is not a published table of migration.",
            "headings Year or Flow, and Estimate and +/-CI below them",
            "none" if end is None else "no Year or Flow",
        )
    places = _pairs(sheet, end)
    title = " ".join(cell for row in sheet.rows[:start] for cell in row if cell)
    subjects = _subjects(title)
    if not subjects:
        refuse(
            sheet.at(start),
            "The title does not say what the table is broken down by.",
            "a title such as Main Reason for Migration, or Age and Sex",
            repr(title[-60:]),
        )
    labels = tuple(_label(sheet, start, place) for place in range(places[0]))
    over = [name for name in subjects if name not in labels]
    columns: dict[tuple[object, ...], ValueColumn] = {}
    for place in places:
        column = _column(sheet, range(start, end), place, over)
        key = (column.revision, *sorted(column.codes.items()))
        if key in columns:
            where, first = sheet.at(start, place), columns[key].place + 1
            refuse(where, "Two columns have the same headings.", "each once", f"column {first}")
        columns[key] = column
    return Header(start, end, tuple(columns.values()), labels)


def code_of(label: str, dimension: str) -> str | None:
    """Return the code of a published label, with or without footnotes, or None.

    >>> [code_of(label, "age_group") for label in ("45-59/642", "60/65 and over3", "60/65")]
    ['45-59/64', '60/65+', None]
    >>> code_of("Non-EU4 and Non-Commonwealth", "citizenship")
    'non_eu_non_commonwealth'
    """
    known = {_plain(text): code for code, text in DIMENSIONS[dimension].labels.items()}
    known |= _ALSO.get(dimension, {})
    return next((known[text] for text in _without_footnotes(label) if text in known), None)


def _without_footnotes(label: str) -> Iterable[str]:
    """Yield a label as it is, and then with fewer and fewer of its digits."""
    text = _plain(label)
    yield text
    if _UNION.search(text):
        return
    for digits in (1, 2):
        if text[-digits:].isdecimal():
            yield text[:-digits]
    yield re.sub(r"(?<=[a-z)])\d\b", "", text)


def _text(path: Path, shown: str) -> MigrationSheet:
    text = TextFile(path, shown)
    content = list(text)
    delimiter = "\t" if sum(line.count("\t") for line in content[:50]) else ","
    reader = csv.reader(content, delimiter=delimiter)
    rows, lines, before = [], [], 0
    try:
        for row in reader:
            rows.append([cell.strip() for cell in row] or [""])
            lines.append(before + 1)
            before = reader.line_num
    except csv.Error as error:
        raise not_a_table(f"{shown}, line {reader.line_num}", str(error)) from None
    return MigrationSheet(shown, rows, lines, text.facts())


def _sheets(book: Workbook) -> list[str]:
    return [name for name in book.sheets if _estimates(book.rows(name)) is not None]


def _estimates(rows: Iterable[list[Any]]) -> int | None:
    """Return the first row that has a heading Estimate, if there is one."""
    return next((at for at, row in enumerate(rows) if "Estimate" in row), None)


def _cell(cell: object) -> str:
    """Return a cell as text; workbooks hold whole numbers as floats."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _plain(label: str) -> str:
    text = " ".join(label.lower().replace("–", "-").translate(_SUPERSCRIPTS).split())
    return re.sub(r" ?([/-]) ?", r"\1", text) if "+" not in text else text


def _subjects(text: str) -> list[str]:
    return [name for name, pattern in SUBJECTS.items() if re.search(pattern, text.lower())]


def _pairs(sheet: MigrationSheet, row: int) -> list[int]:
    """Return the places of the estimates; each has its interval beside it."""
    cells = [*sheet.rows[row], ""]
    places = [place for place, cell in enumerate(cells) if cell == "Estimate"]
    intervals = {place for place, cell in enumerate(cells) if _INTERVAL.fullmatch(_plain(cell))}
    for place, cell in enumerate(sheet.rows[row]):
        if place in places and place + 1 not in intervals:
            sheet.refuse(row, place, "An estimate has no interval.", "+/-CI in the next column")
        if cell and place not in places and place - 1 not in places:
            sheet.refuse(row, place, "A heading is not one of a pair.", "Estimate, then +/-CI")
    return places


def _label(sheet: MigrationSheet, row: int, place: int) -> str | None:
    text = _plain(sheet.rows[row][place])
    if place == 0 or text.startswith("software readable"):
        return None
    found = _subjects(text)
    if len(found) != 1:
        sheet.refuse(row, place, "A heading of labels is not known.", "such as Main reason")
    return found[0]


def _column(sheet: MigrationSheet, rows: range, place: int, dimensions: list[str]) -> ValueColumn:
    """Return the codes of a pair: of the headings above it, the lowest of each dimension."""
    codes: dict[str, str] = {}
    revision = ""
    for row in rows:
        start = _start_of_span(sheet, rows.start, row, place)
        label = _plain(sheet.rows[row][start]) if start is not None else ""
        basis = [name for name, pattern in _REVISION.items() if pattern.fullmatch(label)]
        revision = basis[0] if basis else revision
        if start is None or basis or label == "all":  # all: what the heading above it says
            continue
        found = {name: code for name in dimensions if (code := code_of(label, name)) is not None}
        if len(found) != 1:
            sheet.refuse(
                row, start, "A heading is not known.", f"a published {' or '.join(dimensions)}"
            )
        codes |= found
    if not codes:
        sheet.refuse(rows.start, place, "A pair of columns has no heading.", "a heading above it")
    return ValueColumn(place, codes, revision)


def _start_of_span(sheet: MigrationSheet, top: int, row: int, place: int) -> int | None:
    """Return where the merged heading over a column begins, or None where there is none.

    A heading reaches to the right until the next one of its row, or of a row above.
    """
    for start in range(place, 0, -1):
        if _filled(sheet, row, start):
            return start
        if any(_filled(sheet, above, start) for above in range(top, row)):
            return None
    return None


def _filled(sheet: MigrationSheet, row: int, place: int) -> bool:
    cells = sheet.rows[row]
    return place < len(cells) and cells[place] != ""
