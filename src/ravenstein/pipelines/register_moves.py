"""Moves between areas from snapshots of a register, matched from year to year."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import SourceError
from ravenstein.population.internal import at_term_time, matched_moves
from ravenstein.store.database import memory_store
from ravenstein.store.files import refuse_inputs, write_csv
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
        Numbers of moves, of those on one of both lists only, who are no movers, and of students who
        are on no list.

    Raises:
        SourceError: If a file does not hold such rows, or none.
        StudyError: If the moves would take the place of a list.
        TableError: If a person stands twice on a list, or an area is not one.
    """
    terms = students or (None, None)
    refuse_inputs(out, [before, after, *(students or ())], ".csv")
    with memory_store() as store:
        absent = Counter[str]()
        earlier = _list(store, before, terms[0], absent)
        later = _list(store, after, terms[1], absent)
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
        "students on no list": absent["students"],
    }


def _list(
    store: Store, snapshot: Path, students: Path | None, absent: Counter[str]
) -> nw.LazyFrame[Any]:
    """Return a snapshot, with students where they live in term time; count those not on it."""

    def rows(path: Path, table: Table) -> nw.LazyFrame[Any]:
        given = read_rows(path, path.name, table)
        if not given.num_rows:
            raise SourceError(
                "A list has nobody on it.",
                expected="a row a person",
                found="a header and no rows",
                where=path.name,
                fix="Extract it again.",
            )
        return store.checked_rows(table, given)

    people = rows(snapshot, REGISTER_SNAPSHOT)
    if students is None:
        return people
    terms = rows(students, STUDENT_ADDRESSES)
    absent["students"] += store.collect(terms.join(people, on="person", how="anti")).num_rows
    return at_term_time(people, terms)


def _sum(rows: pa.Table) -> int:
    return int(pc.sum(rows["persons"]).as_py() or 0)
