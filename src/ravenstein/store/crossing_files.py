"""Files of crossings, read in parts: Parquet by row group, CSV (also .gz) block by block."""

from __future__ import annotations

import csv
import gzip
import itertools
import os
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from ravenstein.border.movements import has_zone, is_text
from ravenstein.core.errors import SourceError, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BATCH = 1 << 21
_PART = 1 << 19  # rows of row groups that are read together
_BLOCK = 1 << 24
_CSV_ROW = 24  # bytes, at least: for a guess at the number of rows
_ENDINGS = (".parquet", ".csv", ".csv.gz")
UNREADABLE = (OSError, EOFError, ValueError, KeyError, pa.ArrowException, csv.Error, zlib.error)


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

    @property
    def all(self) -> list[str]:
        """All columns, each once."""
        return list(dict.fromkeys([*self.identifying, self.direction, self.time]))


@dataclass(frozen=True)
class CrossingFile:
    """A file of crossings that can be read.

    Args:
        path: The file.
        name: What it is called in messages.
        columns: Its columns.
        starts: First row of each part that can be read by itself, and the number of rows; that is
            a guess for CSV.
        groups: Of Parquet, the first row group of each part, and the number of row groups.
        whole_numbers: Whether identifiers are whole numbers.
        zoned: Whether times are text of which some has a zone; None where they are no text.
    """

    path: Path
    name: str
    columns: Columns
    starts: tuple[int, ...]
    groups: tuple[int, ...]
    whole_numbers: bool
    zoned: bool | None = None

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.starts) - 1

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.starts[-1]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of a file of crossings.

    Args:
        first: Number of rows of the file before them that could be split into columns.
        person: Identifiers; text of all columns that identify, joined, where there are several.
        direction: Directions.
        time: Times.
        malformed: Numbers of rows since the batch before that could not be split into columns.
        skipped: Numbers of all such rows so far: they are not among the first ones.
    """

    first: int
    person: Any
    direction: Any
    time: Any
    malformed: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()

    def numbers(self, places: Any) -> Any:
        """Return the numbers in the file of rows at places of the batch, from 1 on [n]."""
        parsed = self.first + places + 1
        before = np.asarray(self.skipped, dtype=np.int64)
        return parsed + np.searchsorted(before - np.arange(before.size), parsed, side="right")


def found_files(paths: Sequence[Path]) -> tuple[dict[Path, str], list[str]]:
    """Return the files named, and those in folders named, in order, and what each is called.

    Returns:
        The files; and the names of others in the folders, but for those that begin with a dot or
        an underscore, which are marks of other systems.

    Raises:
        SourceError: If one is not there, is named twice, or has another ending, or none is left.
    """
    found: list[Path] = []
    other: list[str] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if not p.name.startswith((".", "_")))
        found += [p for p in inside if p.name.endswith(_ENDINGS)]
        other += [p.name for p in inside if not p.name.endswith(_ENDINGS)]
    wrong = [p.name for p in found if not (p.is_file() and p.name.endswith(_ENDINGS))]
    number = Counter(p.resolve() for p in found)
    twice = sorted({p.name for p in found if number[p.resolve()] > 1})
    if wrong or twice or not found:
        raise SourceError(
            "Files of crossings cannot be read.",
            expected="files that are there, each once, ending " + " or ".join(_ENDINGS),
            found=listed(wrong) if wrong else f"{listed(twice)} twice" if twice else "no file",
            where="files of crossings",
            fix="Correct the names.",
        )
    names = Counter(p.name for p in found)
    return {p: p.name if names[p.name] == 1 else str(p) for p in found}, other


def open_crossings(path: Path, columns: Columns, name: str | None = None) -> CrossingFile:
    """Look at a file of crossings: what its columns are, and how large it is.

    Args:
        path: The file.
        columns: What its columns are called.
        name: What it is called in messages; the file's name, if not given.

    Raises:
        SourceError: If it cannot be read, or a column is missing or of a type that cannot be.
    """
    called = name or path.name
    try:
        looked_at = _looked_at_parquet if path.suffix == ".parquet" else _looked_at_csv
        return looked_at(path, called, columns)
    except pa.ArrowMemoryError:
        raise
    except UNREADABLE as error:
        raise broken(called, error) from None


def _looked_at_parquet(path: Path, called: str, columns: Columns) -> CrossingFile:
    with arrow_parquet.ParquetFile(path) as opened:
        schema, facts = opened.schema_arrow, opened.metadata
        named = _named(columns, schema.names, called, hint=True)
        nested = [n for n in named.all if pa.types.is_nested(schema.field(n).type)]
        if nested:
            raise SourceError(
                "A column of crossings cannot be read.",
                expected="one value a row",
                found=f"lists or records: {listed(nested)}",
                where=called,
                fix="Write them as columns of single values.",
            )
        kinds = [schema.field(n).type for n in named.identifying]
        whole = len(kinds) == 1 and pa.types.is_integer(kinds[0])
        ends = list(
            itertools.accumulate(facts.row_group(i).num_rows for i in range(facts.num_row_groups))
        )
        zoned = None
        if is_text(schema.field(named.time).type):
            # of a column some of whose times have a zone, those without are put aside: it must be
            # known before the first part is read
            times = opened.iter_batches(columns=[named.time], use_threads=False)
            zoned = any(has_zone(batch.column(0)) for batch in times)
        groups = _parts(ends)
        starts = tuple([0, *ends][group] for group in groups)
        return CrossingFile(path, called, named, starts, groups, whole, zoned)


def _parts(ends: list[int]) -> tuple[int, ...]:
    """Return row groups that begin parts, and their number: parts for all processors, and large.

    Args:
        ends: Number of rows up to the end of each row group.
    """
    size = min(_PART, ends[-1] // (8 * (os.cpu_count() or 1)) if ends else 0)
    begins, begun = [0], 0
    for group, end in enumerate(ends[:-1], start=1):
        if end - begun >= size:
            begins.append(group)
            begun = end
    return (*begins, len(ends)) if ends else (0,)


def _looked_at_csv(path: Path, called: str, columns: Columns) -> CrossingFile:
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt", encoding="utf-8-sig", newline="") as stream:
        names = next(csv.reader(stream), [])
    guess = path.stat().st_size * (6 if path.suffix == ".gz" else 1) // _CSV_ROW
    # the first line may be a person's, where a header is missing: no name is suggested
    named = _named(columns, names, called, hint=False)
    file = CrossingFile(path, called, named, (0, guess), (), False, False)
    begin = next(_csv(file), None)
    return replace(file, zoned=begin is not None and has_zone(begin.time))


def batches(file: CrossingFile, part: int) -> Iterator[Batch]:
    """Yield the rows of a part.

    Args:
        file: The file.
        part: Number of the part.

    Raises:
        SourceError: If it cannot be read to its end.
    """
    try:
        yield from _parquet(file, part) if file.path.suffix == ".parquet" else _csv(file)
    except pa.ArrowMemoryError:
        raise
    except UNREADABLE as error:
        raise broken(file.name, error) from None


def _parquet(file: CrossingFile, part: int) -> Iterator[Batch]:
    row = file.starts[part]
    with arrow_parquet.ParquetFile(
        file.path, read_dictionary=[file.columns.direction], page_checksum_verification=True
    ) as opened:
        groups = list(range(*file.groups[part : part + 2]))
        for batch in opened.iter_batches(
            _BATCH, row_groups=groups, columns=file.columns.all, use_threads=False
        ):
            yield Batch(row, *_columns(batch, file.columns))
            row += batch.num_rows


def _csv(file: CrossingFile) -> Iterator[Batch]:
    text, names = pa.string(), file.columns.all
    kinds = dict.fromkeys(names, text) | {file.columns.direction: pa.dictionary(pa.int32(), text)}
    malformed: list[int] = []
    told = 0

    def skip(row: arrow_csv.InvalidRow) -> str:
        malformed.append(row.number - 1)  # without the header
        return "skip"

    convert = arrow_csv.ConvertOptions(
        column_types=kinds, include_columns=names, null_values=[""], strings_can_be_null=True
    )
    # only one thread knows the numbers of lines
    reading = arrow_csv.ReadOptions(block_size=_BLOCK, use_threads=False)
    parsing = arrow_csv.ParseOptions(invalid_row_handler=skip)
    with pa.input_stream(str(file.path), compression="detect") as stream:
        row = 0
        for batch in arrow_csv.open_csv(stream, reading, parsing, convert):
            yield Batch(
                row, *_columns(batch, file.columns), tuple(malformed[told:]), tuple(malformed)
            )
            row, told = row + batch.num_rows, len(malformed)
        if malformed[told:]:
            nothing = pa.record_batch({name: pa.array([], kind) for name, kind in kinds.items()})
            yield Batch(row, *_columns(nothing, file.columns), tuple(malformed[told:]))


def _columns(batch: pa.RecordBatch, columns: Columns) -> tuple[Any, Any, Any]:
    """Return identifiers, directions, times."""
    who = [batch.column(name) for name in columns.identifying]
    if len(who) > 1:
        # missing where one is; a separator inside a value is doubled, so that no two are alike
        text = [part.cast(pa.string()) for part in who]
        blank = [pc.equal(pc.utf8_trim_whitespace(part), "") for part in text]
        given = [pc.if_else(b, None, part) for b, part in zip(blank, text, strict=True)]
        who = [
            pc.binary_join_element_wise(
                *(pc.replace_substring(part, "|", "||") for part in given), " | "
            )
        ]
    return who[0], batch.column(columns.direction), batch.column(columns.time)


def _named(columns: Columns, names: Sequence[str], called: str, *, hint: bool) -> Columns:
    """Return columns with the name of the time's, and refuse those that are not there once."""
    time = columns.time or ("crossed_at" if "crossed_at" in names else "crossed_on")
    chosen = Columns(columns.person, columns.direction, time)
    lacking = [name for name in chosen.all if list(names).count(name) != 1]
    if lacking:
        near = nearest(lacking[0], names) if hint else None
        twice = lacking[0] in names
        raise SourceError(
            "A file of crossings lacks columns, or has them twice.",
            expected="an identifier, a direction, and a time (crossed_at) or date (crossed_on)",
            found=f"{listed(lacking)} twice"
            if twice
            else f"no column {listed(lacking)}" + (f"; is {near!r} meant?" if near else ""),
            where=called,
            fix="Name the file's own columns: --person, --direction, --time.",
        )
    return chosen


def broken(called: str, error: Exception) -> SourceError:
    """Say that a file is broken; what the reader says may quote a row, and is left out."""
    return SourceError(
        "A file of crossings cannot be read to its end.",
        expected="a whole Parquet file, or CSV in UTF-8 with commas and a header",
        found=getattr(error, "strerror", None) or type(error).__name__,
        where=called,
        fix="Have it delivered again.",
    )
