"""Vintages of a stored table: how its figures were revised, and which cells moved, and why."""

from __future__ import annotations

import difflib
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import MigrationError, StoreError, TableError, listed
from ravenstein.core.schema import ColumnType
from ravenstein.migration.revisions import (
    Moved,
    Triangle,
    moved_cells,
    revision_summary,
    revisions,
    triangle,
)
from ravenstein.store.database import open_store
from ravenstein.store.explain import conditions
from ravenstein.store.files import as_declared
from ravenstein.tables.dictionary import declared
from ravenstein.tables.revisions import MIGRATION_REVISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ravenstein.core.schema import Table
    from ravenstein.store.database import Store, Vintage

_KINDS = ("file", "parameter", "study", "table", "method", "code", "engine")
_VINTAGE = "vintage"
Behind = dict[tuple[str, str], set[str]]
"""What is recorded behind a write: values by kind and name."""


@dataclass(frozen=True)
class Difference:
    """Something behind a table that is not the same for two vintages.

    Args:
        kind: file (by its hash), parameter, study (lines of study.toml), table (by the hash of
            its content), method, code or engine.
        name: Its name.
        before: As it was for the earlier vintage; empty where it had none.
        after: As it is for the later one.
    """

    kind: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, eq=False)
class MovedTable:
    """Two vintages of a table: the cells that differ, and what differs behind them."""

    before: Vintage
    after: Vintage
    cells: Moved
    differences: list[Difference]


def table_revisions(
    folder: Path,
    name: str,
    *,
    value: str = "persons",
    period: str = "year",
    by: Sequence[str] = ("flow",),
    where: str | None = None,
) -> tuple[Triangle, pa.Table]:
    """Lay out the vintages of a stored table, and summarise its revisions by maturity.

    Args:
        folder: The study's folder.
        name: The table.
        value: Column of the figures.
        period: Column of the periods.
        by: Columns that name the series.
        where: Which cells, such as "by=all and definition=long_term".

    Returns:
        The triangle, of the vintages that brought other figures than the one before; and rows of
        `migration_revisions`, to the next vintage and to the latest.

    Raises:
        StoreError: If there is no such table or store, or a vintage has another form.
        TableError: If a column is not the table's.
        MigrationError: If there is only one vintage of figures, or columns of the grain are left
            open.
    """
    table = declared(name)
    _need_listed(table)
    if table.column(value).type not in (ColumnType.INTEGER, ColumnType.NUMBER):
        raise _refused(table, "The column holds no numbers.", "a column of numbers", value)
    cells = conditions(table, where)
    for column in (period, *by):
        table.column(column)
    left = [column for column in table.grain if column not in (period, *by, *cells)]
    if left:
        raise _refused(
            table,
            "Figures of several categories would be mixed.",
            f"each of {', '.join(table.grain)} as --period, in --by or fixed by --where",
            f"{', '.join(left)} left open",
        )
    columns = list(dict.fromkeys([*cells, period, *by, value]))
    with open_store(folder / "store") as store:
        found = _of_own_figures(store, table)
        parts = []
        for vintage in found:
            rows = _rows(store, table, vintage, columns)
            for column, wanted in cells.items():
                rows = rows.filter(pc.is_in(rows[column], pa.array(wanted, rows[column].type)))
            number = pa.array([vintage.vintage] * len(rows), pa.int64())
            parts.append(rows.append_column(_VINTAGE, number))
    whole = pa.concat_tables(parts)
    if not whole.num_rows:
        raise _refused(table, "No vintage has such cells.", "values that occur", str(where))
    given = triangle(whole, value=value, period=period, by=by, vintage=_VINTAGE)
    summaries = [
        revision_summary(revisions(given, towards="next")),
        revision_summary(revisions(given, towards="latest")),
    ]
    return given, as_declared(MIGRATION_REVISIONS, pa.concat_tables(summaries))


def moved_in_table(
    folder: Path, name: str, *, before: int | None = None, after: int | None = None
) -> MovedTable:
    """Find the cells in which two vintages of a table differ, and what differs behind them.

    Args:
        folder: The study's folder.
        name: The table.
        before: The earlier vintage; the one before `after` where not given.
        after: The later vintage; the latest where not given.

    Returns:
        The cells of all columns but draws, and the inputs, parameters, methods and code, of any
        step behind the table, that provenance shows to differ.

    Raises:
        StoreError: If there is no such table, store or vintage, or it has another form.
        MigrationError: If there is only one vintage, or rows may point to persons.
    """
    table = declared(name)
    _need_listed(table)
    columns = [column.name for column in table.columns if column.type != ColumnType.DRAWS]
    with open_store(folder / "store") as store:
        later = store.vintage(table.name, after)
        if before is None:
            earlier = [v for v in store.vintages(table.name) if v.vintage < later.vintage]
            if not earlier:
                raise _only_one(table, later.vintage)
            before = earlier[-1].vintage
        first = store.vintage(table.name, before)
        pair = [_rows(store, table, vintage, columns) for vintage in (first, later)]
        compared = [column for column in columns if column not in table.grain]
        cells = moved_cells(pair[0], pair[1], table.grain, compared)
        return MovedTable(first, later, cells, list(_differences(store, first, later)))


def _of_own_figures(store: Store, table: Table) -> list[Vintage]:
    """Return the vintages that brought other figures: a run that repeats them revises nothing."""
    latest = store.vintage(table.name)
    found = store.vintages(table.name)
    kept = [
        vintage
        for before, vintage in zip([None, *found], found, strict=False)
        if before is None or before.content_hash != vintage.content_hash
    ]
    if len(kept) < 2:
        raise _only_one(table, latest.vintage)
    return kept


def _rows(store: Store, table: Table, vintage: Vintage, columns: list[str]) -> pa.Table:
    """Return columns of a vintage; refuse one that was written under another declaration."""
    try:
        frame = store.read(table, vintage=vintage.vintage)
    except TableError as error:
        raise StoreError(
            f"A vintage of table {table.name!r} does not have the table's present form.",
            expected=f"{error.expected} (grain {', '.join(table.grain)})",
            found=error.found,
            where=f"vintage {vintage.vintage}: {error.where}",
            fix="Compare vintages written since the table took this form: --from and --to.",
        ) from None
    return store.collect(frame.select(*columns))


def _differences(store: Store, before: Vintage, after: Vintage) -> Iterator[Difference]:
    """Yield what is recorded to differ in any step behind two writes."""
    old, new = behind(store, before.write, after.write)
    for kind in _KINDS:
        if kind == "study":
            yield from _study_lines(store, before, after)
        yield from unlike(old, new, kind)


def unlike(old: Behind, new: Behind, kind: str) -> Iterator[Difference]:
    """Yield the things of a kind that are not the same behind two writes, by name."""
    for name in sorted({name for side in (old, new) for of, name in side if of == kind}):
        before, after = (", ".join(sorted(side.get((kind, name), ()))) for side in (old, new))
        if before != after:
            yield Difference(kind, name, before, after)


def behind(store: Store, *writes: int) -> list[Behind]:
    """Return all that is recorded behind each of some writes, through every step.

    Args:
        store: The open store.
        writes: Numbers of the writes.

    Returns:
        For each write its values by kind and name; kinds as in `Difference`, but no study.
    """
    inputs = defaultdict(list)
    for of, *entry in store.connection.execute(
        "SELECT write, kind, name, from_write, sha256 FROM provenance.inputs"
    ).fetchall():
        inputs[of].append(entry)
    steps = {
        of: rest
        for of, *rest in store.connection.execute(
            "SELECT write, table_name, method, parameters, code_version, engine "
            "FROM provenance.writes JOIN provenance.runs USING (run)"
        ).fetchall()
    }
    return [_of_write(write, steps, inputs) for write in writes]


def _of_write(write: int, steps: dict[int, Any], inputs: dict[int, Any]) -> Behind:
    found: Behind = defaultdict(set)
    waiting, seen = [write], set()
    while waiting:
        if (one := waiting.pop()) in seen:
            continue
        seen.add(one)
        table, method, parameters, code, engine = steps[one]
        found["method", table].add(method)
        found["code", "ravenstein"].add(code)
        found["engine", "engine"].add(engine)
        for name, entry in json.loads(parameters or "{}").items():
            values = "; ".join(f"from {day}: {value}" for day, value in entry["values"])
            found["parameter", name].add(f"{values} {entry['unit']}")
        for kind, name, source, content in inputs[one]:
            found[kind, name].add(content)
            if kind == "table":
                waiting.append(source)
    return found


def _study_lines(store: Store, before: Vintage, after: Vintage) -> Iterator[Difference]:
    texts = [
        store.connection.execute(
            "SELECT study FROM provenance.runs WHERE run = ?", [vintage.run]
        ).fetchall()[0][0]
        for vintage in (before, after)
    ]
    lines = list(difflib.ndiff(*(text.splitlines() for text in texts)))
    old, new = (
        "; ".join(line[2:] for line in lines if line.startswith(sign) and line[2:].strip())
        for sign in ("- ", "+ ")
    )
    if old or new:
        yield Difference("study", "study.toml", old, new)


def _need_listed(table: Table) -> None:
    named = [column.name for column in table.columns if column.identifying]
    if named:
        raise _refused(
            table,
            "Rows that may point to persons are not listed.",
            "a table without identifying columns",
            listed(named),
        )


def _only_one(table: Table, vintage: int) -> MigrationError:
    return MigrationError(
        f"Table {table.name!r} has no other figures to compare with.",
        expected="two vintages, or more, with figures of their own",
        found=f"vintage {vintage}, and none before it with others",
        where=f"table {table.name}",
        fix="Run the study again when its files, parameters or code have changed; "
        f"`ravenstein vintages {table.name}` lists the vintages.",
    )


def _refused(table: Table, problem: str, expected: str, found: str) -> MigrationError:
    return MigrationError(
        problem,
        expected=expected,
        found=found,
        where=f"table {table.name}",
        fix="Name other columns, or another table.",
    )
