"""Moves between areas from snapshots of a register, matched from year to year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.population.internal import at_term_time, matched_moves
from ravenstein.store.database import memory_store
from ravenstein.store.files import write_csv
from ravenstein.store.rows import read_rows
from ravenstein.tables.population_by_age import INTERNAL_MOVES
from ravenstein.tables.registers import REGISTER_SNAPSHOT, STUDENT_ADDRESSES

if TYPE_CHECKING:
    from pathlib import Path

    import narwhals as nw

    from ravenstein.core.schema import Table
    from ravenstein.store.database import Store


def moves_of_files(
    before: Path,
    after: Path,
    out: Path,
    mid_year: int,
    *,
    students: tuple[Path, Path] | None = None,
) -> dict[str, int]:
    """Match two snapshots and write the moves between areas, by sex and age.

    Args:
        before: Rows of `register_snapshot` at the mid-year before, CSV or Parquet.
        after: Rows of it at the mid-year.
        out: CSV of rows of `internal_moves`.
        mid_year: The mid-year.
        students: Rows of `student_addresses` at both times.

    Returns:
        Numbers of moves, and of those on one of both lists only, who are no movers.

    Raises:
        SourceError: If a file does not hold such rows.
        TableError: If a person stands twice on a list, or an area is not one.
    """
    terms = students or (None, None)
    with memory_store() as store:
        earlier, later = _list(store, before, terms[0]), _list(store, after, terms[1])
        rows = store.collect(matched_moves(earlier, later, mid_year))
        known = pc.and_(rows["origin"].is_valid(), rows["destination"].is_valid())
        inside = rows.filter(known)
        year = pa.array(np.full(inside.num_rows, mid_year, dtype=np.int64))
        inside = inside.append_column("year", year).select(INTERNAL_MOVES.names)
        keys = [(name, "ascending") for name in INTERNAL_MOVES.grain]
        moves = store.collect(store.checked_rows(INTERNAL_MOVES, inside)).sort_by(keys)
    write_csv(moves, out)
    return {
        "moves between areas": _sum(moves),
        "on the later list only": _sum(rows.filter(rows["origin"].is_null())),
        "on the earlier list only": _sum(rows.filter(rows["destination"].is_null())),
    }


def _list(store: Store, snapshot: Path, students: Path | None) -> nw.LazyFrame[Any]:
    """Return a snapshot, with students where they live in term time."""

    def rows(path: Path, table: Table) -> nw.LazyFrame[Any]:
        return store.checked_rows(table, read_rows(path, path.name, table))

    people = rows(snapshot, REGISTER_SNAPSHOT)
    if students is None:
        return people
    return at_term_time(people, rows(students, STUDENT_ADDRESSES))


def _sum(rows: pa.Table) -> int:
    return int(pc.sum(rows["persons"]).as_py() or 0)
