"""Files that are known by the names of their columns, in any order and usual spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ravenstein.core.errors import SourceError, listed
from ravenstein.store.readers.text_table import (
    HEADER_WITHIN,
    TextTable,
    looks_like,
    read_text_table,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """How a kind of file is known by its header.

    Args:
        what: What the file is, for messages.
        example: Its header, for messages.
        columns: A pattern for the name of each column: lower case, `_` for blanks and dots.
        others: How many columns there are besides; None for any number.
        ignored: A pattern for columns that may be there and are left out.
        delimiter: What stands between columns.
    """

    what: str
    example: str
    columns: dict[str, str]
    others: int | None = 0
    ignored: str = ""
    delimiter: str = ","


@dataclass(frozen=True)
class Columns:
    """A header read by names: the place of each column of the layout, and the other columns."""

    line: int
    names: tuple[str, ...]
    places: dict[str, int]
    others: tuple[int, ...]


def read_columns(path: Path, shown: str, layout: Layout) -> tuple[Columns, TextTable]:
    """Read a delimited file whose columns are known by name.

    Args:
        path: The file, plain or gzipped.
        shown: Its name in messages.
        layout: Its header.

    Returns:
        Where the columns stand, and the rows.

    Raises:
        SourceError: If it is not such a file, or has columns that are not known.
    """
    return read_text_table(
        path, shown, lambda rows: _find_columns(rows, layout, shown), delimiter=layout.delimiter
    )


def _find_columns(reader: Iterator[list[str]], layout: Layout, shown: str) -> Columns:
    """Return the places of the columns, from the first of the rows that has them all."""
    first: list[str] = []
    for count, row in enumerate(reader, start=1):
        line: int = reader.line_num  # type: ignore[attr-defined]
        names = tuple(cell.strip() for cell in row)
        first = first or [name for name in names if name]
        plain = [re.sub(r"[\s.]+", "_", name.lower()) for name in names]
        places = {
            key: [at for at, name in enumerate(plain) if re.fullmatch(pattern, name)]
            for key, pattern in layout.columns.items()
        }
        if all(places.values()):
            twice = [names[at] for found in places.values() for at in found if len(found) > 1]
            if twice:
                refuse(
                    f"{shown}, line {line}", "A column stands twice.", "each once", listed(twice)
                )
            single = {key: found[0] for key, found in places.items()}
            ignored = re.compile(f"|{layout.ignored}")  # empty names too: trailing commas
            passed = [at for at, name in enumerate(plain) if ignored.fullmatch(name)]
            others = set(range(len(names))) - {*single.values(), *passed}
            columns = Columns(line, names, single, tuple(sorted(others)))
            return _without_others(columns, layout, shown)
        if count == HEADER_WITHIN:
            break
    raise SourceError(
        f"This is not {layout.what}.",
        expected=f"a header like {layout.example}",
        found=looks_like(first),
        where=f"{shown}, line 1",
        fix="Point the source at the right file, with its header as published.",
    )


def _without_others(columns: Columns, layout: Layout, shown: str) -> Columns:
    if layout.others is not None and len(columns.others) != layout.others:
        surplus = len(columns.others) > layout.others
        raise SourceError(
            "The file has columns that are not known."
            if surplus
            else "The column of values is missing.",
            expected=f"a header like {layout.example}",
            found=listed(columns.names[at] for at in columns.others) if surplus else "none",
            where=f"{shown}, line {columns.line}",
            fix="Remove the columns that are not needed, or download the extract again.",
        )
    return columns
