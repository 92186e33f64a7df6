"""Files of crossings, read in parts: Parquet by row group, CSV (also .gz) block by block."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from ravenstein.core.errors import SourceError, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BATCH = 1 << 21
_BLOCK = 1 << 24
_CSV_ROW = 24  # bytes, at least: for a guess at the number of rows
_ENDINGS = (".parquet", ".csv", ".csv.gz")
_UNREADABLE = (OSError, EOFError, ValueError, pa.ArrowException, csv.Error)


@dataclass(frozen=True)
class Columns:
    """What the columns of crossings are called.

    Args:
        person: Identifiers; several columns, separated by commas, identify together.
        direction: Directions.
        time: Times or dates; "" takes crossed_at, or else crossed_on.
    """

    person: str = "person_id"
    direction: str = "direction"
    time: str = ""

    @property
    def identifying(self) -> list[str]:
        """The columns that identify."""
        return self.person.split(",")


@dataclass(frozen=True)
class CrossingFile:
    """A file of crossings that can be read.

    Args:
        path: The file.
        columns: Its columns.
        parts: Number of parts that can be read side by side.
        rows: Number of rows; a guess for CSV.
        whole_numbers: Whether identifiers are whole numbers.
    """

    path: Path
    columns: Columns
    parts: int
    rows: int
    whole_numbers: bool

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name


def found_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files named, and those in folders named, in order of their names.

    Raises:
        SourceError: If one is not there, is named twice, or has another ending, or none is left.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.name.endswith(_ENDINGS)) if path.is_dir() else [path]  # fmt: skip # noqa: E501
        found += inside
    wrong = [p.name for p in found if not (p.is_file() and p.name.endswith(_ENDINGS))]
    twice = sorted({p.name for p in found if sum(q.resolve() == p.resolve() for q in found) > 1})
    if wrong or twice or not found:
        raise SourceError(
            "Files of crossings cannot be read.",
            expected="files that are there, each once, ending " + " or ".join(_ENDINGS),
            found=listed(wrong) if wrong else f"{listed(twice)} twice" if twice else "no file",
            where="files of crossings",
            fix="Correct the names.",
        )
    return found


def open_crossings(path: Path, columns: Columns) -> CrossingFile:
    """Look at a file of crossings: what its columns are, and how large it is.

    Raises:
        SourceError: If it cannot be read, or a column is missing.
    """
    try:
        if path.suffix == ".parquet":
            facts = arrow_parquet.ParquetFile(path)
            schema = facts.schema_arrow
            named = _named(columns, schema.names, path)
            kinds = [schema.field(name).type for name in named.identifying]
            whole = len(kinds) == 1 and pa.types.is_integer(kinds[0])
            parts, rows = facts.num_row_groups, facts.metadata.num_rows
            return CrossingFile(path, named, parts, rows, whole)
        opening = gzip.open if path.suffix == ".gz" else open
        with opening(path, "rt", encoding="utf-8-sig", newline="") as stream:
            names = next(csv.reader(stream), [])
        guess = path.stat().st_size * (6 if path.suffix == ".gz" else 1) // _CSV_ROW
        return CrossingFile(path, _named(columns, names, path), 1, guess, False)
    except _UNREADABLE as error:
        raise _broken(path, error) from None


def batches(file: CrossingFile, part: int) -> Iterator[tuple[int, Any, Any, Any]]:
    """Yield the rows of a part: number of the first row, identifiers, directions, times.

    Args:
        file: The file.
        part: Number of the part.

    Raises:
        SourceError: If it cannot be read to its end.
    """
    names = [file.columns.direction, file.columns.time, *file.columns.identifying]
    try:
        yield from (
            _parquet(file, part, names) if file.path.suffix == ".parquet" else _csv(file, names)
        )
    except _UNREADABLE as error:
        raise _broken(file.path, error) from None


def _parquet(
    file: CrossingFile, part: int, names: list[str]
) -> Iterator[tuple[int, Any, Any, Any]]:
    with arrow_parquet.ParquetFile(file.path, read_dictionary=names[:1]) as opened:
        row = sum(opened.metadata.row_group(i).num_rows for i in range(part))
        for batch in opened.iter_batches(
            _BATCH, row_groups=[part], columns=names, use_threads=False
        ):
            yield row, *_columns(batch, names)
            row += batch.num_rows


def _csv(file: CrossingFile, names: list[str]) -> Iterator[tuple[int, Any, Any, Any]]:
    text = pa.string()
    kinds = dict.fromkeys(names, text) | {names[0]: pa.dictionary(pa.int32(), text)}
    options = arrow_csv.ConvertOptions(
        column_types=kinds, include_columns=names, null_values=[""], strings_can_be_null=True
    )
    reading = arrow_csv.ReadOptions(block_size=_BLOCK)
    with pa.input_stream(str(file.path), compression="detect") as stream:
        row = 0
        for batch in arrow_csv.open_csv(stream, read_options=reading, convert_options=options):
            yield row, *_columns(batch, names)
            row += batch.num_rows


def _columns(batch: pa.RecordBatch, names: list[str]) -> tuple[Any, Any, Any]:
    """Return identifiers, directions, times; where several columns identify, they are joined."""
    direction, time, *who = (batch.column(name) for name in names)
    if len(who) > 1:  # missing where one is
        who = [pc.binary_join_element_wise(*(part.cast(pa.string()) for part in who), "|")]
    return who[0], direction, time


def _named(columns: Columns, names: Sequence[str], path: Path) -> Columns:
    """Return columns with the name of the time's, and refuse those that are not there."""
    time = columns.time or ("crossed_at" if "crossed_at" in names else "crossed_on")
    lacking = [n for n in (*columns.identifying, columns.direction, time) if n not in names]
    if lacking:
        near = nearest(lacking[0], names)
        raise SourceError(
            "A file of crossings lacks columns.",
            expected="an identifier, a direction, and a time (crossed_at) or date (crossed_on)",
            found=f"no column {listed(lacking)}" + (f"; is {near!r} meant?" if near else ""),
            where=path.name,
            fix="Name the file's own columns: --person, --direction, --time.",
        )
    return Columns(columns.person, columns.direction, time)


def _broken(path: Path, error: Exception) -> SourceError:
    """Say that a file is broken; what the reader says may quote a row, and is left out."""
    return SourceError(
        "A file of crossings cannot be read to its end.",
        expected="a whole Parquet file, or CSV in UTF-8 with commas and a header",
        found=getattr(error, "strerror", None) or type(error).__name__,
        where=path.name,
        fix="Have it delivered again.",
    )
