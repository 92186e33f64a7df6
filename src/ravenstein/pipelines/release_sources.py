"""The sources of a release: other producers' statistics, coverage of each, and recovery."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from os.path import normpath, relpath
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import StoreError, StudyError, TableError, listed
from ravenstein.migration.forms import TOTAL
from ravenstein.pipelines.headline import beside_truth
from ravenstein.pipelines.migration import PUBLISHED
from ravenstein.pipelines.passenger_survey import read_source
from ravenstein.pipelines.release_migration import read_migration
from ravenstein.release.headline import headline
from ravenstein.store.files import inside, schema
from ravenstein.store.provenance import FromFile
from ravenstein.tables.border import BORDER_GAPS, BORDER_MOVEMENTS
from ravenstein.tables.dictionary import TABLES, declared
from ravenstein.tables.joint import ALL, JOINT_STATISTICS
from ravenstein.tables.migration import MIGRATION_FLOWS, MIGRATION_SOURCES
from ravenstein.tables.passenger_survey import (
    SURVEY_CONTACTS,
    SURVEY_NONRESPONSE,
    SURVEY_SHIFTS,
    SURVEY_TRAFFIC,
    SURVEY_UNSAMPLED,
)
from ravenstein.tables.population import POPULATION_EDITIONS
from ravenstein.tables.population_by_age import CHECKS_BY_AGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ravenstein.core.schema import Table
    from ravenstein.store.database import Store
    from ravenstein.store.run import Run
    from ravenstein.study import Source, Study

    Row = dict[str, Any]
    Notes = dict[tuple[str, str], list[str]]

HOME_OFFICE = "Home Office"
_ONS = "Office for National Statistics"


@dataclass(frozen=True)
class _Counted:
    """How a declared table becomes a measure: its topic, producer, category and period."""

    topic: str
    measure: str
    producer: str = HOME_OFFICE
    by: str = ""
    period: str = "quarter"


_COUNTED = {
    "asylum_applications": _Counted("asylum", "applications", by="applicant"),
    "asylum_decisions": _Counted("asylum", "decisions", by="outcome"),
    "returns": _Counted("returns", "returns", by="type"),
    "settlement_grants": _Counted("settlement", "settlement_grants", by="category"),
    "citizenship_grants": _Counted("citizenship", "citizenship_grants", by="citizenship"),
    "visas_issued": _Counted("visas", "visas", by="category"),
    "worker_registrations": _Counted("work", "registrations"),
    "insurance_register": _Counted(
        "insurance", "numbers", "Department for Work and Pensions", period="registered_on"
    ),
    "irish_migration": _Counted(
        "ireland", "moves", "Central Statistics Office, Ireland", by="direction", period="year"
    ),
}
"""Declared tables of other producers."""

_DATED: dict[str, tuple[Table, str, str]] = {
    "survey_contacts": (SURVEY_CONTACTS, "interviewed_on", "portroute"),
    "survey_shifts": (SURVEY_SHIFTS, "month", "portroute"),
    "survey_nonresponse": (SURVEY_NONRESPONSE, "month", "portroute"),
    "survey_traffic": (SURVEY_TRAFFIC, "month", "portroute"),
    "survey_unsampled": (SURVEY_UNSAMPLED, "month", "portroute"),
    "border_movements": (BORDER_GAPS, "month", ""),
}
"""Where the period and the places of a source are read: table, column of days, column of places."""

_ANSWERED = (1, 2, 3)  # full, partial and minimum interviews
_PRODUCERS = {kind: counted.producer for kind, counted in _COUNTED.items()} | {
    **dict.fromkeys(PUBLISHED, HOME_OFFICE),
    **dict.fromkeys(("myeb3", "myeb2", "code_changes", "nomis_ages", "outlines"), _ONS),
}
"""Producers of the files of a kind, where the study names none."""


def producer_of(study: Study, source: Source) -> str:
    """Return who publishes a source; of a simulated one, whom it is simulated as."""
    name = source.producer.strip() or _PRODUCERS.get(source.kind, "")
    if name and study.study.simulated:
        return f"simulated as {name}"
    return name or study.study.producer


def status_of(study: Study, source: Source) -> str:
    """Return the status that the study gives a source; "" where it gives none."""
    return source.status.strip() or ("simulated" if study.study.simulated else "")


def joint_statistics(study: Study, run: Run) -> tuple[pa.Table, Notes]:
    """Write other producers' statistics by calendar year and main category, within a step.

    Args:
        study: The study.
        run: The run; nothing is written for a study without such sources.

    Returns:
        Rows of `joint_statistics`, and by topic and measure what a reader must know: years that
        are left out as the source has some quarters only, quarters in which it has nobody.

    Raises:
        StudyError: If a table is given both as declared and as published.
        SourceError: If a file is not what it should be.
        TableError: If its rows break their declaration.
    """
    found: dict[str, list[Source]] = {}
    for source in study.sources:
        name = PUBLISHED[source.kind][0] if source.kind in PUBLISHED else source.kind
        if name in _COUNTED:
            found.setdefault(name, []).append(source)
    rows: list[Row] = []
    notes: Notes = {}
    origins: list[FromFile] = []
    for name, sources in found.items():
        counted = _COUNTED[name]
        given, behind, said = _read(study, run.store, name, sources)
        cells, left = yearly(given, counted.by, counted.period)
        label = {
            "topic": counted.topic,
            "measure": counted.measure,
            "producer": _joined(producer_of(study, source) for source in sources),
            "status": _joined(status_of(study, source) for source in sources),
        }
        rows += [label | cell for cell in cells]
        notes[counted.topic, counted.measure] = said + left
        own = {"topic": counted.topic, "measure": counted.measure}
        origins += [replace(origin, applies=own) for origin in behind]
    table = pa.Table.from_pylist(rows, schema(JOINT_STATISTICS))
    if found:
        run.write(JOINT_STATISTICS, table, method=joint_statistics, inputs=origins)
    return table, notes


def _joined(names: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(name for name in names if name))


def _read(
    study: Study, store: Store, name: str, sources: Sequence[Source]
) -> tuple[pa.Table, list[FromFile], list[str]]:
    """Read the sources of a table: checked rows, the files, and what the files leave out."""
    table, files = declared(name), listed(source.file for source in sources)
    if len({source.kind for source in sources}) > 1:
        raise StudyError(
            "A source is given in two forms.",
            expected="one of the declared table and the published layout",
            found=listed(sorted({source.kind for source in sources})),
            where="study.toml, [[sources]]",
            fix="Remove one of them: they would be added up.",
        )
    parts: list[pa.Table] = []
    origins: list[FromFile] = []
    said: Counter[str] = Counter()
    for source in sources:
        if source.kind in PUBLISHED:
            path = inside(study.folder, source.file, study.data_folders)
            read = PUBLISHED[source.kind][1](path, source.file)
            facts, count = read.facts, read.rows.num_rows
            parts.append(read.rows)
            origins.append(FromFile(facts.name, facts.sha256, count, "", "year", {}))
            said.update(read.left_out)
        else:
            rows, behind = read_source(study.folder, source, study.data_folders)
            parts.append(rows)
            origins += behind
    try:
        # offices number their own records: those of several files may have the same number
        for rows in parts if "record" in table.grain else [pa.concat_tables(parts)]:
            store.checked_rows(table, rows)
    except TableError as error:
        raise error.within(files) from None
    left = [f"{count:,} of the file are left out: {what}." for what, count in said.items() if count]
    return pa.concat_tables(parts), origins, left


def yearly(rows: pa.Table, by: str, period: str) -> tuple[list[Row], list[str]]:
    """Sum rows of other producers by whole calendar year and category.

    Args:
        rows: Rows with `persons`, or one a person from overseas (`overseas`).
        by: Column of the main category; "" where there is none.
        period: Column of the year, or of a day of the quarter.

    Returns:
        `year`, `category` and `persons` [persons] of each cell, zeros too, with `all` where
        categories are parts of a whole (directions are not); and what is left out, in words.
    """
    if "overseas" in rows.column_names:
        rows = rows.filter(rows["overseas"])
    if not rows.num_rows:
        return [], ["The source has no rows."]
    dated = period != "year"
    cells = pa.table(
        {
            "year": pc.year(rows[period]) if dated else rows["year"],
            "quarter": pc.quarter(rows[period]) if dated else pa.repeat(1, rows.num_rows),
            "kind": rows[by] if by else pa.repeat(ALL, rows.num_rows),
            "persons": rows["persons"] if "persons" in rows.column_names
            else pa.repeat(1, rows.num_rows),
        }
    )  # fmt: skip
    summed = cells.group_by(["year", "quarter", "kind"]).aggregate([("persons", "sum")])
    sums: Counter[tuple[int, str]] = Counter()
    for row in summed.to_pylist():
        sums[row["year"], row["kind"]] += row["persons_sum"]
    held = {(row["year"], row["quarter"]) for row in summed.to_pylist()}
    whole, notes = _whole_years(held) if dated else (sorted({year for year, _ in held}), [])
    kinds = sorted({kind for _, kind in sums})
    parts = {(year, kind): sums[year, kind] for year in whole for kind in kinds}
    if by and by != "direction":
        parts |= {(year, ALL): sum(sums[year, kind] for kind in kinds) for year in whole}
    return [
        {"year": year, "category": kind, "persons": persons}
        for (year, kind), persons in parts.items()
    ], notes


def _whole_years(held: set[tuple[int, int]]) -> tuple[list[int], list[str]]:
    """Return the years that lie wholly between the first quarter and the last, and notes."""
    (first, begins), (last, ends) = min(held), max(held)
    whole = [y for y in range(first, last + 1) if (y, 1) >= (first, begins)]
    whole = [y for y in whole if (y, 4) <= (last, ends)]
    notes = []
    for year in sorted({first, last} - set(whole)):
        count = sum((year, quarter) in held for quarter in (1, 2, 3, 4))
        quarters = f"{count} quarter{'s' if count > 1 else ''}"
        notes.append(f"{year} is left out: the source has {quarters} of it.")
    empty = [f"{y} Q{q}" for y in whole for q in (1, 2, 3, 4) if (y, q) not in held]
    if empty:
        notes.append(f"The source has nobody in {listed(empty)}: counted as 0.")
    return whole, notes


def coverage_rows(study: Study, store: Store, run: int) -> list[Row]:
    """Return what each year's main sources see of the border, as far as the study can measure it.

    Args:
        study: The study.
        store: Its open store.
        run: The run in progress, whose own writes come first.

    Returns:
        By year `passengers` whom ports count; `unsampled`, their share on routes and at hours that
        the survey does not sample; `response`, the share of sampled passengers who answered, fully
        or in part; `border`, crossings held over passengers; `gaps`, the share of crossings that
        follow one in the same direction. None where it is not known. `months` has for each of
        these the months of the year that its sources have, the fewest of them.
    """

    def sums(table: Table, value: nw.Expr) -> dict[int, tuple[int, int]]:
        if not study.of_kind(BORDER_MOVEMENTS.name if table is BORDER_GAPS else table.name):
            return {}
        try:
            frame = store.read(table, run=run)
        except StoreError:
            return {}
        day = nw.col("interviewed_on" if table is SURVEY_CONTACTS else "month").dt
        rows = frame.select(year=day.year(), month=day.month(), value=value).group_by("year")
        totals = rows.agg(nw.col("value").sum(), nw.col("month").n_unique())
        found = store.collect(totals).to_pylist()
        return {int(row["year"]): (int(row["value"]), int(row["month"])) for row in found}

    asked = nw.col("response").is_in(_ANSWERED).cast(nw.Int64)
    silent = nw.col("migtotal") + nw.col("ordtotal")
    sources = {
        "sampled": sums(SURVEY_TRAFFIC, nw.col("passengers")),
        "others": sums(SURVEY_UNSAMPLED, nw.col("passengers")),
        "answers": sums(SURVEY_CONTACTS, asked),
        "silent": sums(SURVEY_NONRESPONSE, silent),
        "held": sums(BORDER_GAPS, nw.col("crossings")),
        "repeated": sums(BORDER_GAPS, nw.col("repeated")),
    }
    years = {year for name in ("sampled", "others", "held") for year in sources[name]}
    return [
        _seen(year, {name: counts[year] for name, counts in sources.items() if year in counts})
        for year in sorted(years)
    ]


def _seen(year: int, counts: dict[str, tuple[int, int]]) -> Row:
    """Return a year's row of `coverage_rows` from the sum and the months of each of its counts."""

    def of(name: str) -> int:
        return counts.get(name, (0, 0))[0]

    def months(*names: str) -> int:
        return min((counts[name][1] for name in names if name in counts), default=0)

    ports = "sampled", "others"
    passengers = of("sampled") + of("others")
    held = "held" in counts
    return {
        "year": year,
        "passengers": passengers or None,
        "unsampled": _share(of("others"), passengers),
        "response": _share(of("answers"), of("answers") + of("silent")) if of("answers") else None,
        "border": _share(of("held"), passengers) if held else None,
        "gaps": _share(of("repeated"), of("held")) if held else None,
        "months": {
            "passengers": months(*ports),
            "unsampled": months(*ports),
            "response": months("answers", "silent"),
            "border": months("held", *ports) if held else 0,
            "gaps": months("held"),
        },
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def source_rows(study: Study, store: Store, run: int) -> list[Row]:
    """Return what is known of each source of the study, from its store.

    Args:
        study: The study.
        store: Its open store.
        run: The run in progress.

    Returns:
        A row a source, in the study's order: `kind`, `producer`, `status`; `file`, a name without
        folders; the number of `files`, `sha256` of the first and `rows`, all None where the run
        did not read it; `first` and `last` year or day; `places` and their `unit`; `missing`
        cells; `tables` that were made from it; `notes` of its declaration.
    """
    behind = store.connection.execute(
        "SELECT w.table_name, i.name, i.sha256, i.rows, i.applies FROM provenance.inputs i "
        "JOIN provenance.writes w USING (write) WHERE i.kind = 'file' AND w.write IN (SELECT "
        "max(write) FROM provenance.writes JOIN provenance.runs USING (run) "
        "WHERE run = ? OR status = 'complete' GROUP BY table_name) ORDER BY write, position",
        [run],
    ).fetchall()
    rows = []
    for source in study.sources:
        # the survey's files are named from the results' folder, others from the study's
        paths = source.file, relpath(study.folder / source.file, store.folder.parent)
        names = tuple({normpath(path) for path in paths})
        folders = tuple(f"{name}/" for name in names)
        own = [row for row in behind if normpath(row[1]) in names or row[1].startswith(folders)]
        files = {name: (sha256, count) for _, name, sha256, count, _ in own}
        counts = [count for _, count in files.values()]
        # the border's files are counted one by one, others as the source they are parts of
        total = sum if source.kind == BORDER_MOVEMENTS.name else max
        row = {
            "kind": source.kind,
            "producer": producer_of(study, source),
            "status": status_of(study, source),
            "file": PurePath(source.file).name,
            "files": len(files) or None,
            "sha256": next(iter(files.values()))[0] if files else None,
            "rows": total(counts) if counts else None,
            "tables": sorted({row[0] for row in own}),
            "notes": list(TABLES[source.kind].notes) if source.kind in TABLES else [],
        }
        edition = json.loads(own[0][4]).get("edition", "") if own else ""
        rows.append(row | (_extent(store, run, source.kind, edition) if own else {}))
    nothing = dict.fromkeys(("first", "last", "places", "unit", "missing"))
    return [nothing | row for row in rows]


def _extent(store: Store, run: int, kind: str, edition: str) -> Row:
    """Return the period that a source covers, its places, and its cells without figures."""
    name = PUBLISHED[kind][0] if kind in PUBLISHED else kind
    if kind == "myeb3":
        frame = store.read(POPULATION_EDITIONS, run=run).filter(nw.col("edition") == edition)
        row = store.collect(frame).to_pylist()[0]
        found = {key: row[key] for key in ("first", "last", "missing")}
        return found | {"places": row["areas"], "unit": "local authorities"}
    table, period, places, only = JOINT_STATISTICS, "year", "", None
    if kind == "myeb2":
        table, places, only = CHECKS_BY_AGE, "area", nw.col("edition") == edition
    elif name in _COUNTED:
        only = nw.col("measure") == _COUNTED[name].measure
    elif kind in _DATED:
        table, period, places = _DATED[kind]
    else:
        return {}
    frame = store.read(table, run=run)
    frame = frame if only is None else frame.filter(only)
    day = nw.col(period)
    counted = {"places": nw.col(places).n_unique()} if places else {}
    extent = store.collect(frame.select(first=day.min(), last=day.max(), **counted))
    return {name: extent[name][0].as_py() for name in extent.column_names} | {
        "unit": {"area": "areas", "portroute": "routes"}.get(places)
    }


def recovery(study: Study, store: Store, run: int | None = None) -> Row | None:
    """Return how well the study's estimates recover what is true, for the page and nothing else.

    Args:
        study: The study.
        store: Its open store.
        run: A run in progress whose own writes come first.

    Returns:
        `flows`, a row a year and flow with `persons`, `lower`, `upper` and `truth`; `parts`, the
        components of the last year; `series`, `year`, and `unsampled`, the share of passengers
        whom the survey does not sample. None without a truth beside the study.

    Notes:
        The truth is read from files that no estimate reads, when all estimates are stored.
    """
    tables = read_migration(study, store, run)
    known = beside_truth(study, store) if tables else None
    if tables is None or known is None:
        return None
    rows = tables[MIGRATION_FLOWS.name].to_pylist()
    whole = [row for row in rows if row["by"] == ALL and row["nation"] == ALL]
    sources = tables[MIGRATION_SOURCES.name].to_pylist() if MIGRATION_SOURCES.name in tables else []
    head = headline(whole, [], sources, study.migration.headline)
    signs = {"immigration": {"immigration": 1}, "emigration": {"emigration": 1},
             "net": {"immigration": 1, "emigration": -1}}  # fmt: skip

    def true(counts: dict[Any, int], flow: str, year: int, *part: str) -> int | None:
        cells = {(year, way, *part): sign for way, sign in signs[flow].items()}
        if any(cell not in counts for cell in cells):
            return None
        return sum(sign * counts[cell] for cell, sign in cells.items())

    flows = [
        {"year": year, "flow": flow, "truth": true(known.flows, flow, year)}
        | {name: row[name] for name in ("persons", "lower", "upper")}
        for year, by_flow in head.years.items()
        for flow, row in by_flow.items()
    ]
    year = max(row["year"] for row in whole)
    parts = [
        {name: row[name] for name in ("component", "flow", "persons", "lower", "upper")}
        | {"truth": true(known.flows, row["flow"], year) if row["component"] == TOTAL
           else true(known.parts, row["flow"], year, row["component"])}
        for row in whole if row["year"] == year
    ]  # fmt: skip
    passengers = [
        pc.sum(store.collect(store.read(table, run=run))["passengers"]).as_py() or 0
        for table in (SURVEY_TRAFFIC, SURVEY_UNSAMPLED)
    ]
    return {
        "series": head.series,
        "year": year,
        "flows": flows,
        "parts": parts,
        "unsampled": _share(passengers[1], sum(passengers)),
    }
