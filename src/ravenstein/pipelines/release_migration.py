"""Total migration in the release: its tables, and which figures rest on too few interviews."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import StoreError
from ravenstein.release.disclosure import few
from ravenstein.release.headline import headline
from ravenstein.release.migration import Migration
from ravenstein.store.files import schema
from ravenstein.tables.geography import nation_letter
from ravenstein.tables.migration import (
    ALL,
    BREAKDOWNS,
    MIGRATION_COHERENCE,
    MIGRATION_FLOWS,
    MIGRATION_ROLLING,
    MIGRATION_SOURCES,
    MIGRATION_TREND,
    SHORT_TERM_AREAS,
)
from ravenstein.tables.revisions import MIGRATION_CHANGES
from ravenstein.tables.survey_results import SURVEY_MIGRANT_CELLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ravenstein.core.schema import Table
    from ravenstein.store.database import Store
    from ravenstein.study import Study

    Row = dict[str, Any]
    Cell = tuple[str, int, str, str, str]

PUBLISHED = (
    MIGRATION_FLOWS, MIGRATION_CHANGES, MIGRATION_TREND, MIGRATION_ROLLING, MIGRATION_SOURCES,
    SHORT_TERM_AREAS, MIGRATION_COHERENCE,
)  # fmt: skip
"""Tables that are published. `migration_detail` and `migration_notes` stay in the store: their
figures are cell by cell those of single interviews, or of single asylum seekers met."""

_CELL = ("nation", "year", "flow", "by", "category")
_NOTES = (
    "Groups have the total only; components are of everybody, by nation.",
    "Left out are figures that fewer interviews than the least are behind, and figures that would "
    "give them away.",
)


def read_migration(
    study: Study, store: Store, run: int | None = None
) -> dict[str, pa.Table] | None:
    """Return the tables of total migration that one run made; None for a study without it.

    Args:
        study: The study.
        store: Its open store.
        run: A run in progress whose own writes come first.
    """
    if not study.survey:
        return None
    try:
        made = store.vintage(MIGRATION_FLOWS.name, run=run).run
    except StoreError:
        return None
    found = {}
    for table in PUBLISHED:
        try:
            if store.vintage(table.name, run=run).run != made:
                continue  # of an earlier run, with other sources
        except StoreError:
            continue
        found[table.name] = store.collect(store.read(table, run=run).sort(*table.grain))
    return found


def published_migration(
    study: Study, store: Store, run: int, least: int
) -> tuple[Migration | None, list[tuple[Table, pa.Table]]]:
    """Return what the pages show of total migration, and its tables; nothing without it.

    Args:
        study: The study.
        store: Its open store.
        run: The run in progress.
        least: Fewest interviews behind a published figure.

    Notes:
        A group's total is a modelled sum, but mostly the survey's: where the survey's part rests
        on 1 to least − 1 interviews it is left out, with what would give it away over groups,
        nations and flows. A group's components are not published at all: the survey's own would
        be the very figure that the survey's tables withhold. Everybody's are.
    """
    tables = read_migration(study, store, run)
    if tables is None:
        return None, []
    frame = store.read(SURVEY_MIGRANT_CELLS, run=run).filter(nw.col("point") > 0)
    names = ("year", "direction", "citizenship", "reason", "country", "area", "age_group", "sex",
             "occupation")  # fmt: skip
    cells = store.collect(frame.select(*names)).to_pylist()
    flows = tables[MIGRATION_FLOWS.name] = without_few(tables[MIGRATION_FLOWS.name], cells, least)

    def rows(table: Table, *, last: bool = False) -> tuple[Row, ...]:
        chosen = tables.get(table.name)
        if chosen is None:
            return ()
        if last:
            chosen = chosen.filter(pc.equal(chosen["year"], pc.max(chosen["year"])))
        return tuple(chosen.to_pylist())

    page = tuple(flows.to_pylist())
    changes, sources = rows(MIGRATION_CHANGES), rows(MIGRATION_SOURCES)
    found = Migration(
        headline=headline(page, changes, sources, study.migration.headline),
        flows=page,
        changes=changes,
        trend=rows(MIGRATION_TREND),
        sources=sources,
        rolling=tuple(row for row in rows(MIGRATION_ROLLING) if row["component"] == "total"),
        areas=rows(SHORT_TERM_AREAS, last=True),
        coherence=rows(MIGRATION_COHERENCE),
    )
    noted = replace(MIGRATION_FLOWS, notes=(*MIGRATION_FLOWS.notes, *_NOTES))
    declared = {table.name: table for table in (*PUBLISHED, noted)}
    return found, [(declared[name], made) for name, made in tables.items()]


def without_few(flows: pa.Table, interviews: Sequence[Row], least: int) -> pa.Table:
    """Return flows of groups without components, and without figures of too few interviews.

    Args:
        flows: Rows of `migration_flows`.
        interviews: Answers of migrants whom the survey met, a row a cell of the survey: at most as
            many as there were interviews.
        least: Fewest interviews behind a published figure.
    """
    everybody = pc.equal(flows["by"], ALL)
    kept = flows.filter(pc.or_(everybody, pc.equal(flows["component"], "total")))
    columns = [kept[name].to_pylist() for name in _CELL]
    cells: list[Cell] = list(zip(*columns, strict=True))
    counts: dict[Cell, int] = {cell: 0 for cell in cells if cell[3] != ALL}
    for row in interviews:
        for cell in _cells_of(row):
            if cell in counts:
                counts[cell] += 1
    hidden = few(counts, _identities(counts), least)
    shown = kept.filter(pa.array([cell not in hidden for cell in cells]))
    return shown.cast(schema(MIGRATION_FLOWS))


def _cells_of(row: Row) -> Iterable[Cell]:
    """Return the published cells that an interview is in."""
    letter = nation_letter(row["area"])
    nations = [ALL, letter, *(["EW"] if letter in ("E", "W") else [])]
    for by, dimensions in BREAKDOWNS.items():
        category = "/".join(str(row[name]) for name in dimensions)
        for nation in nations[:1] if by == "area" else nations:
            for flow in (row["direction"], "net"):
                yield nation, row["year"], flow, by, category


def _identities(counts: Mapping[Cell, int]) -> list[list[Cell]]:
    """Return cells that sum to one another: over groups, nations and flows, the fewest first."""
    sums: dict[tuple[Any, ...], list[Cell]] = defaultdict(list)
    for cell in counts:
        nation, year, flow, by, category = cell
        sums["groups", nation, year, flow, by].append(cell)
        sums["flows", nation, year, by, category].append(cell)
        if by == "area":
            sums["areas", nation_letter(category), year, flow].append(cell)
        if nation != "EW":
            sums["nations", year, flow, by, category].append(cell)
        if nation in ("E", "W", "EW"):
            sums["EW", year, flow, by, category].append(cell)
    return [
        sorted(cells, key=lambda c: (of[0] == "flows" and c[2] != "net", counts[c], c))
        for of, cells in sums.items()
        if len(cells) > 1
    ]
