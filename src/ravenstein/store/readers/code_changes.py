"""Changes of area codes: which code took the place of which, why and when."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from ravenstein.core.errors import SourceError
from ravenstein.store.readers.layouts import Layout, read_columns
from ravenstein.store.readers.text_table import (
    TextTable,
    refuse,
)
from ravenstein.tables.geography import AREA_PATTERN

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

KINDS = ("merger", "new_code", "new_geo", "termination")
"""Areas merged, recoded, redrawn or placed in a new one, and ended without successor."""

_ENDED = KINDS.index("termination")

_LAYOUT = Layout(
    "a table of changes of area codes",
    "oldcd, oldnm, newcd, newnm, type, start",
    {"old": "oldcd", "new": "newcd", "kind": "type", "start": "start"},
    ignored="oldnm|newnm",
)


def read_code_changes(path: Path, shown: str) -> pa.Table:
    """Read a table of changes of area codes.

    Args:
        path: The CSV file: old and new code and name, type of change, year from which it holds.
        shown: Its name in messages.

    Returns:
        Columns `old`, `new` (none for a termination), `kind` (one of `KINDS`) and `start` (year).

    Raises:
        SourceError: If it is not such a table, a type or code is not known, a code is missing, a
            year is not one, or a row is repeated.

    Source:
        ONS, Code History Database.
    """
    columns, table = read_columns(path, shown, _LAYOUT)
    at = columns.places
    kind = table.decoded(
        at["kind"],
        lambda text: KINDS.index(text) if text in KINDS else None,
        problem="A type of change is not known.",
        expected=", ".join(KINDS),
    )
    start = table.decoded(
        at["start"],
        lambda text: int(text) if re.fullmatch(r"[12]\d{3}", text, re.ASCII) else None,
        problem="A cell holds no year.",
        expected="a year of four digits",
    )
    old, new = _texts(table, at["old"]), _texts(table, at["new"])
    _refuse_bad_codes(table, at, list(zip(old, new, strict=True)), kind == _ENDED)
    rows = list(zip(old, new, kind.tolist(), start.tolist(), strict=True))
    twice = next((row for row, change in enumerate(rows) if change in rows[:row]), None)
    if twice is not None:
        first = f"{old[twice]}, also in line {table.lines[rows.index(rows[twice])]}"
        refuse(f"{shown}, line {table.lines[twice]}", "A row is repeated.", "each once", first)
    return pa.table(
        {
            "old": pa.array(old, pa.string()),
            "new": pa.array([code or None for code in new], pa.string()),
            "kind": pa.array([KINDS[at] for at in kind], pa.string()),
            "start": pa.array(start, pa.int64()),
        }
    )


def read_code_names(path: Path, shown: str) -> dict[str, str]:
    """Return the names of the codes in a table of changes of area codes, where it gives them.

    Args:
        path: The CSV file, as `read_code_changes` takes it.
        shown: Its name in messages.

    Raises:
        SourceError: If it is not such a table.
    """
    columns, table = read_columns(path, shown, _LAYOUT)
    plain = [name.lower() for name in columns.names]
    found: dict[str, str] = {}
    for key, name in (("old", "oldnm"), ("new", "newnm")):
        if name in plain:
            codes, names = (
                _texts(table, place) for place in (columns.places[key], plain.index(name))
            )
            found |= {code: given for code, given in zip(codes, names, strict=True) if given}
    return found


def _texts(table: TextTable, place: int) -> list[str]:
    texts, index = table.distinct(place)
    return [texts[at] for at in index]


def _refuse_bad_codes(
    table: TextTable, at: dict[str, int], codes: list[tuple[str, str]], ended: NDArray[np.bool_]
) -> None:
    for row, (old, new) in enumerate(codes):
        for name, code, none in (("old", old, False), ("new", new, bool(ended[row]))):
            if code if none else not re.fullmatch(AREA_PATTERN, code):
                raise SourceError(
                    "A code is not that of an area.",
                    expected="none: a termination has no successor" if none else "a GSS code",
                    found=repr(code[:20]) if code else "an empty cell",
                    where=table.at(row, at[name]),
                    fix="Correct the cell, or download the file again.",
                )
