"""Delimited text as columns of text, with the line of every row: what readers of CSV share."""

from __future__ import annotations

import contextlib
import csv
import gzip
import re
import shutil
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from ravenstein.core.errors import SourceError, listed
from ravenstein.store.files import FileFacts, TextFile, file_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

HEADER_WITHIN = 20  # rows in which a header is looked for: titles stand above some
LARGEST = 10**10  # more people than live on Earth: a slipped column, not a population

_INTEGER = re.compile(r"[-−]?\d+(?:\.0+)?", re.ASCII)
_SEPARATED = re.compile(r"[-−]?\d{1,3}(?:[, \u00a0\u202f]\d{3})+(?:\.0+)?", re.ASCII)
_DECIMAL = re.compile(r"[-−]?\d{1,18}(?:\.\d*)?(?:[eE][-+]?\d{1,2})?", re.ASCII)


class _Header(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def names(self) -> tuple[str, ...]: ...


HeaderT = TypeVar("HeaderT", bound=_Header)


@dataclass(frozen=True)
class TextTable:
    """The rows of a file, as text.

    Args:
        shown: Name of the file in messages.
        names: Names of the columns, as in the file.
        rows: The cells, a column a column, all text.
        lines: Line in the file of each row.
        facts: Name, hash and size of the file.
    """

    shown: str
    names: tuple[str, ...]
    rows: pa.Table
    lines: NDArray[np.int64]
    facts: FileFacts

    def at(self, row: int, place: int) -> str:
        """Return where a cell stands, for messages."""
        return f"{self.shown}, line {self.lines[row]}, column {self.names[place]}"

    def distinct(self, place: int) -> tuple[list[str], NDArray[np.int64]]:
        """Return a column's texts in order of appearance, trimmed, and which one each row has."""
        coded = pc.utf8_trim_whitespace(self.rows.column(place)).combine_chunks()
        coded = coded.dictionary_encode()
        return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64)

    def decoded(
        self, place: int, decode: Callable[[str], float | None], *, problem: str, expected: str
    ) -> NDArray[Any]:
        """Return what a column's texts mean.

        Args:
            place: The column.
            decode: Gives the meaning of a text, or None where it has none.
            problem: What is wrong where a text has none.
            expected: What was expected there.

        Raises:
            SourceError: If a text has no meaning; all such texts and the first line are named.
        """
        texts, index = self.distinct(place)
        meanings = [decode(text) for text in texts]
        unknown = [at for at, meaning in enumerate(meanings) if meaning is None]
        if unknown:
            raise SourceError(
                problem,
                expected=expected,
                found=listed(repr(texts[at][:20]) for at in unknown),
                where=self.at(int(np.argmax(index == unknown[0])), place),
                fix="Correct the cell, or download the file again.",
            )
        return np.array(meanings)[index]

    def whole(self, place: int, *, count: bool = True) -> NDArray[np.int64]:
        """Return a column of whole numbers; counts are 0 or more.

        Raises:
            SourceError: If a cell is not a whole number, or is an impossible one.
        """
        numbers = self.decoded(
            place,
            whole_number,
            problem="A cell holds text where a whole number should stand.",
            expected="a whole number",
        )
        self.refuse_impossible(numbers, place, count=count)
        return numbers.astype(np.int64)

    def refuse_impossible(self, numbers: NDArray[Any], place: int, *, count: bool) -> None:
        """Refuse a column of numbers that are negative counts, or no numbers of people."""
        bad = np.flatnonzero((np.abs(numbers) >= LARGEST) | (numbers < 0 if count else False))
        if bad.size:
            raise SourceError(
                "A number is impossible.",
                expected="0 or more people" if count else "a number of people",
                found=str(self.rows.column(place)[int(bad[0])])[:20],
                where=self.at(int(bad[0]), place),
                fix="Correct the cell, or download the file again.",
            )


def whole_number(text: str) -> int | None:
    """Return the whole number that a text writes, or None where it writes none.

    >>> [whole_number(text) for text in ("1,017", "−5", "3.0", "3.5", ":")]
    [1017, -5, 3, None, None]
    """
    if not _INTEGER.fullmatch(text) and not _SEPARATED.fullmatch(text):
        return None
    digits = text.split(".", maxsplit=1)[0].replace("−", "-")
    return int(re.sub(r"[, \u00a0\u202f]", "", digits)) if len(digits) < 20 else LARGEST


def decimal_number(text: str) -> float | None:
    """Return the number that a text writes, whole or with decimals, or None.

    >>> [decimal_number(text) for text in ("7.768", "1,017", "nan", "0x1")]
    [7.768, 1017, None, None]
    """
    whole = whole_number(text)
    if whole is not None or not _DECIMAL.fullmatch(text):
        return whole
    return float(text.replace("−", "-"))


def read_text_table(
    path: Path,
    shown: str,
    header: Callable[[Iterator[list[str]]], HeaderT],
    *,
    delimiter: str = ",",
) -> tuple[HeaderT, TextTable]:
    """Read a delimited file, plain or gzipped.

    Args:
        path: The file.
        shown: Its name in messages.
        header: Reads the header from the file's first rows.
        delimiter: What stands between columns.

    Returns:
        The header, and the rows below it; blank ones are left out.

    Raises:
        SourceError: If it is not such a file, is not UTF-8, or has a row that is cut short.
    """
    with _plain(path, shown) as text:
        lines = iter(text)
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            found = header(reader)
            kept = dict(_whole_rows(lines, found, shown, delimiter))
        except csv.Error as error:
            raise not_a_table(f"{shown}, line {reader.line_num}", str(error)) from None
        facts = text.facts()
    if not kept:
        refuse(shown, "The file has a header and no rows.", "rows below the header", "none")
    if path.suffix == ".gz":
        facts = FileFacts(shown, file_hash(path), path.stat().st_size)
    rows = _arrow(list(kept.values()), len(found.names), shown, delimiter)
    return found, TextTable(shown, found.names, rows, np.array(list(kept)), facts)


def looks_like(columns: list[str]) -> str:
    """Return the first columns of a header, for messages."""
    text = ", ".join(column[:40] for column in columns[:6])
    if len(columns) == 1 and ("\t" in columns[0] or ";" in columns[0]):
        return f"columns separated by tab or semicolon: {text[:60]!r}"
    return f"columns {text or 'none'}" + (", …" if len(columns) > 6 else "")


def refuse(where: str, problem: str, expected: str, found: str) -> NoReturn:
    """Raise a `SourceError` about a file that was changed or damaged."""
    raise SourceError(
        problem,
        expected=expected,
        found=found,
        where=where,
        fix="Download the file again; do not edit its header or rows.",
    )


def refuse_width(row: list[str], width: int, where: str) -> NoReturn:
    """Raise a `SourceError` about a row with too few or too many columns."""
    problem = "A row is cut short: the file looks truncated, or this is a footnote."
    if len(row) > width:
        problem = "A row has too many columns."
    refuse(where, problem, f"{width} columns", f"{len(row)}, {row[0][:30]!r} first")


def not_a_table(where: str, found: str) -> SourceError:
    """Return the error about a file that cannot be taken apart into cells."""
    return SourceError(
        "The file is not a CSV table.",
        expected="comma-separated values",
        found=found,
        where=where,
        fix="Download the file again.",
    )


@contextlib.contextmanager
def _plain(path: Path, shown: str) -> Iterator[TextFile]:
    """Give the text file, unpacked where its name says that it is gzipped."""
    text = TextFile(path, shown)
    if path.suffix != ".gz":
        yield text
        return
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "unpacked")
        try:
            with gzip.open(path) as packed, target.open("wb") as stream:
                shutil.copyfileobj(packed, stream)
        except (EOFError, OSError, zlib.error) as error:
            refuse(shown, "A gzip archive is damaged.", "a whole archive", str(error)[:80])
        yield TextFile(target, shown)


def _whole_rows(
    lines: Iterator[str], header: _Header, shown: str, delimiter: str
) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that is not blank; refuse one cut short."""
    width, blank = len(header.names), f'{delimiter}" \t\r\n'
    for number, line in enumerate(lines, start=header.line + 1):
        if not line.strip(blank):
            continue
        quotes, where = line.count('"'), f"{shown}, line {number}"
        if line.find("\r") not in (-1, len(line) - 2, len(line) - 1):
            raise not_a_table(where, "a line end within the line")
        if quotes % 2:
            refuse(where, "A quoted cell runs over several lines.", "a row a line", "an open quote")
        # taking apart only lines with quotes is what keeps large files fast
        found = len(next(csv.reader([line], delimiter=delimiter))) if quotes else 0
        if (found or line.count(delimiter) + 1) != width:
            row = next(csv.reader([line], delimiter=delimiter))
            refuse_width(row, width, where)
        yield number, line if line.endswith("\n") else line + "\n"


def _arrow(lines: list[str], width: int, shown: str, delimiter: str) -> pa.Table:
    names = [str(place) for place in range(width)]
    try:
        rows = arrow_csv.read_csv(
            pa.BufferReader("".join(lines).encode()),
            arrow_csv.ReadOptions(column_names=names, block_size=1 << 22),
            arrow_csv.ParseOptions(delimiter=delimiter),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        raise not_a_table(shown, str(error)[:100]) from None
    if rows.num_rows != len(lines):
        raise not_a_table(shown, f"{rows.num_rows} rows in {len(lines)} lines")
    return rows
