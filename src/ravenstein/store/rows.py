"""Rows of declared tables, read from files of their own or of an office's shape."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from ravenstein.core.errors import SourceError, listed, nearest
from ravenstein.store.files import ARROW_TYPES, FileFacts, file_hash

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ravenstein.core.schema import Table


@dataclass(frozen=True)
class Shape:
    """How a file differs from the declared table it holds.

    Args:
        columns: The file's names of columns by the declared ones, where they differ.
        constants: Values of declared columns that the file does not have, one for all its rows;
            "" where they are missing.
        codes: Declared codes by the file's own, for each declared column whose codes differ.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_rows(path: Path, shown: str, table: Table, shape: Shape | None = None) -> pa.Table:
    """Read rows of a declared table from a CSV or Parquet file; the store checks their values.

    Args:
        path: The file; its ending says its format. CSV is UTF-8 with a header, as `write_csv`
            makes it; an empty cell is missing, an empty text is written "". Or a folder of
            Parquet files.
        shown: Its name in messages.
        table: The declaration, which gives the types.
        shape: How the file differs from the declaration. Whole numbers may be written 2.0.

    Returns:
        The declared columns, in their order.

    Raises:
        SourceError: If the file is not there or not of that format, a value is not of its
            column's type, or a code is not among those given: line and column are named, never
            the value.
    """
    own = shape or Shape()
    _refuse_unknown(own, table, shown)
    kinds = {
        column.name: pa.string() if column.name in own.codes else ARROW_TYPES[column.type]
        for column in table.columns
        if column.name not in own.constants
    }
    try:
        try:
            found = _columns(path, own, kinds)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            if pa.int64() not in kinds.values():
                raise
            wide = {n: pa.float64() if k == pa.int64() else k for n, k in kinds.items()}
            found = _columns(path, own, wide).cast(pa.schema(list(kinds.items())))
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
        line = re.search(r"Row #(\d+)", str(error))
        where = shown + (f", line {line[1]}" if line else "")
        raise SourceError(
            f"The file does not hold rows of table {table.name!r}.",
            expected=", ".join(f"{c.name} ({c.type})" for c in table.columns if c.name in kinds),
            found=_misfit(path, [own.columns.get(name, name) for name in kinds], error),
            where=where,
            fix="Give the file the declared columns and types (docs/reference/data-dictionary.md)"
            + (", or say under `columns` and `constants` how it differs." if shape else "."),
        ) from None
    columns = {name: found[name] for name in kinds}
    for name, known in own.codes.items():
        where = f"{shown}, column {own.columns.get(name, name)}"
        columns[name] = _translated(columns[name], known, where)
    for column in table.columns:
        if column.name in own.constants:
            value, kind = own.constants[column.name], ARROW_TYPES[column.type]
            given = None if value == "" and column.nullable else value
            columns[column.name] = _repeated(given, kind, found.num_rows, f"{shown}, {column.name}")
    return pa.table({name: columns[name] for name in table.names})


def _misfit(path: Path, wanted: list[str], error: Exception) -> str:
    """Say what is wrong with a file: not there, not readable, columns missing, or other types."""
    empty = path.is_dir() and not any(path.glob("*.parquet"))
    if empty or not path.exists():
        return "a folder without Parquet files" if empty else "nothing of that name"
    try:
        names = header(path)
    except PermissionError:
        return "a file that may not be read"
    except (OSError, ValueError, csv.Error):
        return "another format: CSV is in UTF-8, with commas and a header"
    lacking = [name for name in wanted if name not in names]
    if lacking:
        near = nearest(lacking[0], names)
        return f"no column {listed(lacking)}" + (f"; is {near!r} meant?" if near else "")
    place = re.search(r"column #(\d+)", str(error))
    kind = re.search(r"conversion error to (\w+)", str(error))
    if not place:
        return "values of other types, such as decimals where whole numbers are declared"
    return f"in column {names[int(place[1])]} a value that is no {kind[1] if kind else 'such type'}"


def _columns(path: Path, own: Shape, kinds: dict[str, pa.DataType]) -> pa.Table:
    """Return columns under their declared names; one column of the file may serve several."""
    names = {name: own.columns.get(name, name) for name in kinds}
    types = pa.schema({names[n]: k for n, k in kinds.items()} | {
        names[n]: k for n, k in kinds.items() if k == pa.string()})  # fmt: skip
    if path.suffix == ".parquet" or path.is_dir():
        found = arrow_parquet.read_table(path, columns=types.names).cast(types)
    else:
        convert = arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=types.names,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        serial = arrow_csv.ReadOptions(use_threads=False)  # only then are lines named in errors
        found = arrow_csv.read_csv(path, read_options=serial, convert_options=convert)
    return pa.table({name: found[names[name]].cast(kind) for name, kind in kinds.items()})


def _refuse_unknown(own: Shape, table: Table, shown: str) -> None:
    twice = sorted(set(own.columns) & set(own.constants))
    if twice:
        raise SourceError(
            "A column is given twice.",
            expected="a declared column under `columns` or under `constants`",
            found=f"{listed(twice)} under both",
            where=f"columns and constants of {shown}",
            fix="Remove one of the two.",
        )
    given = [*own.columns, *own.constants, *own.codes]
    unknown = [name for name in given if name not in table.names]
    if unknown:
        near = nearest(unknown[0], table.names)
        raise SourceError(
            f"Table {table.name!r} has no such column.",
            expected=", ".join(table.names),
            found=listed(unknown),
            where=f"columns, constants or codes of {shown}",
            fix=f"Did you mean {near!r}?" if near else "Use declared names on the left.",
        )


def header(path: Path) -> list[str]:
    """Return the column names of a file, or of the first file of a folder.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is of another format.
    """
    first = min(path.glob("*.parquet"), default=path) if path.is_dir() else path
    if first.suffix == ".parquet":
        return list(arrow_parquet.read_schema(first).names)
    with first.open(encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream), [])


def _translated(values: pa.ChunkedArray, known: Mapping[str, str], where: str) -> pa.Array:
    """Return declared codes for a file's own; a blank may have one too, under ""."""
    coded = values.combine_chunks().dictionary_encode(null_encoding="encode")
    own = [("" if code is None else code.strip()) for code in coded.dictionary.to_pylist()]
    unknown = {i for i, code in enumerate(own) if code and code not in known}
    if unknown:
        places = coded.indices.to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(np.isin(places, list(unknown))) + 1
        raise SourceError(
            "Codes are not among those given.",
            expected=listed(sorted(code for code in known if code)),
            found=f"{len(unknown)} other codes in {rows.size} rows, the first on row {rows[0]}",
            where=where,
            fix="Add them to `codes`.",
        )
    return pa.array([known.get(code) for code in own], pa.string()).take(coded.indices)


def _repeated(value: Any, kind: pa.DataType, count: int, where: str) -> pa.Array:
    try:
        return pa.repeat(pa.scalar(value, kind), count)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise SourceError(
            "A constant is not of its column's type.",
            expected=str(kind),
            found=type(value).__name__,
            where=where,
            fix="Correct it under `constants`.",
        ) from None


def read_parts(
    path: Path, shown: str, table: Table, shape: Shape | None = None
) -> tuple[pa.Table, list[FileFacts]]:
    """Read rows of a declared table from a file, or from a folder of Parquet files.

    Args:
        path: The file or folder.
        shown: Its name in messages.
        table: The declaration.
        shape: How the files differ from it.

    Returns:
        The rows in order of the files' names, and name, hash and size of each file.

    Raises:
        SourceError: If there is no file, or one does not hold the table.
    """
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not parts:
        raise SourceError(
            "A source folder is empty.",
            expected="Parquet files",
            found="none",
            where=shown,
            fix="Correct `file` in study.toml.",
        )
    rows, facts = [], []
    for part in parts:
        name = shown if part == path else f"{shown}/{part.name}"
        rows.append(read_rows(part, name, table, shape))
        facts.append(FileFacts(name, file_hash(part), part.stat().st_size))
    return pa.concat_tables(rows), facts
