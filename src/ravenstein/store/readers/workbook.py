"""Workbooks (.xlsx, .xls, .ods): their sheets as rows of cells."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import python_calamine as calamine

from ravenstein.core.errors import SourceError, listed, nearest
from ravenstein.store.files import FileFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Row = list[Any]

T = TypeVar("T")


@dataclass(frozen=True)
class Sheet:
    """A table in a sheet: its headings and the rows below them, blank ones left out.

    Args:
        where: Name of the file and the sheet, for messages.
        names: The headings.
        rows: The cells of each row; empty ones are "".
        lines: The number of each row in the sheet, from 1.
    """

    where: str
    names: tuple[str, ...]
    rows: list[Row]
    lines: NDArray[np.int64]

    def at(self, row: int, place: int) -> str:
        """Return where a cell stands, for messages."""
        return f"{self.where}, row {self.lines[row]}, column {self.names[place]!r}"

    def select(self, rows: Sequence[int]) -> Sheet:
        """Return the table with some of its rows."""
        return replace(self, rows=[self.rows[row] for row in rows], lines=self.lines[list(rows)])

    def decoded(
        self, place: int, decode: Callable[[str], T | None], *, problem: str, expected: str
    ) -> list[T]:
        """Return what the cells of a column mean.

        Args:
            place: The column.
            decode: Gives the meaning of a cell as text, or None where it has none.
            problem: What is wrong where a cell has none.
            expected: What was expected there.

        Raises:
            SourceError: If a cell has no meaning.
        """
        meanings = []
        for row, cells in enumerate(self.rows):
            meaning = decode(_text(cells[place]))
            if meaning is None:
                raise _wrong(problem, expected, cells[place], self.at(row, place))
            meanings.append(meaning)
        return meanings

    def numbers(self, places: Sequence[int]) -> NDArray[np.float64]:
        """Return the numbers of some columns (rows × columns).

        Raises:
            SourceError: If a cell is not a number.
        """
        for row, cells in enumerate(self.rows):
            for place in places:
                if isinstance(cells[place], bool) or not isinstance(cells[place], int | float):
                    at = self.at(row, place)
                    raise _wrong("A cell is not a number.", "a number", cells[place], at)
        numbers = [[cells[place] for place in places] for cells in self.rows]
        return np.array(numbers, dtype=np.float64).reshape(len(self.rows), len(places))


@dataclass(frozen=True)
class Workbook:
    """A workbook that is open.

    Args:
        shown: Its name in messages.
        sheets: The names of its sheets, in order.
        facts: Name, hash and size of the file.
    """

    shown: str
    sheets: tuple[str, ...]
    facts: FileFacts
    _opened: calamine.CalamineWorkbook = field(repr=False, compare=False)

    def rows(self, sheet: str) -> list[Row]:
        """Return a sheet's rows from the first on, all of one width; empty cells are "".

        Raises:
            SourceError: If there is no such sheet, or it is damaged.
        """
        if sheet not in self.sheets:
            likely = nearest(sheet, self.sheets)
            raise SourceError(
                "A sheet is missing.",
                expected=f"a sheet {sheet!r}",
                found=f"sheets {listed(map(repr, self.sheets), 20)}",
                where=self.shown,
                fix="Point the source at the right workbook"
                + (f", or rename the sheet {likely!r}." if likely else "."),
            )
        try:
            return self._opened.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        except calamine.CalamineError as error:
            raise _damaged(f"{self.shown}, sheet {sheet}", str(error)) from None

    def table(self, sheet: str, first: Sequence[str]) -> Sheet:
        """Return the table below the row of headings.

        Args:
            sheet: Name of the sheet.
            first: The first headings, by which their row is found, in any case.

        Raises:
            SourceError: If there is no such sheet or row.
        """
        where, rows = f"{self.shown}, sheet {sheet}", self.rows(sheet)
        wanted = [name.lower() for name in first]
        for number, row in enumerate(rows):
            if [_text(cell).lower() for cell in row[: len(first)]] == wanted:
                kept = [at for at in range(number + 1, len(rows)) if any(c != "" for c in rows[at])]
                names = tuple(" ".join(_text(cell).split()) for cell in row)
                return Sheet(where, names, [rows[at] for at in kept], np.array(kept, int) + 1)
        start: Row = next((row for row in rows if any(row)), [])
        raise SourceError(
            "A sheet has no row of headings.",
            expected=f"a row that begins with {', '.join(first)}",
            found=listed((repr(_text(cell)[:20]) for cell in start), 4) or "an empty sheet",
            where=where,
            fix="Point the source at the workbook as published.",
        )


def open_workbook(path: Path, shown: str) -> Workbook:
    """Open a workbook.

    Args:
        path: The file.
        shown: Its name in messages.

    Raises:
        SourceError: If it is not there, cannot be read, or is not a workbook.
    """
    if not path.is_file():
        raise SourceError(
            "A source file is not there.",
            expected="a workbook",
            found="a folder" if path.is_dir() else "nothing of that name",
            where=shown,
            fix="Put the file there, or correct `file` in study.toml.",
        )
    try:
        content = path.read_bytes()
        opened = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    except (OSError, calamine.CalamineError) as error:
        raise _damaged(shown, str(error)) from None
    if not opened.sheet_names:
        raise _damaged(shown, "no sheets")
    facts = FileFacts(shown, hashlib.sha256(content).hexdigest(), len(content))
    return Workbook(shown, tuple(opened.sheet_names), facts, opened)


def _text(cell: object) -> str:
    """Return a cell as text; workbooks hold whole numbers as floats."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _wrong(problem: str, expected: str, cell: object, where: str) -> SourceError:
    return SourceError(
        problem,
        expected=expected,
        found=repr(_text(cell)[:20]) if cell != "" else "an empty cell",
        where=where,
        fix="Correct the cell, or download the workbook again.",
    )


def _damaged(where: str, found: str) -> SourceError:
    return SourceError(
        "A source file is not a workbook that can be read.",
        expected="a workbook (.xlsx, .xls or .ods), not protected",
        found=found[:100] or "something else",
        where=where,
        fix="Download the workbook again, or save it without a password.",
    )
