"""The passenger survey: from interviews to migrants, each number with its replicates."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import (
    RavensteinError,
    SourceError,
    StudyError,
    TableError,
    listed,
)
from ravenstein.core.sparse import sparse_to_rows
from ravenstein.passenger_survey.chain import Rules, weigh
from ravenstein.passenger_survey.imputation import imputed_nights
from ravenstein.passenger_survey.migrants import flows
from ravenstein.passenger_survey.results import Results, results
from ravenstein.pipelines.sample_design import sample_design
from ravenstein.store.database import memory_store
from ravenstein.store.files import inside, schema
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.store.rows import Shape, header, read_parts
from ravenstein.tables import survey_results as tables
from ravenstein.tables.dictionary import declared
from ravenstein.tables.passenger_survey import TABLES as SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.core.schema import Table
    from ravenstein.store.run import Run
    from ravenstein.study import PassengerSurvey, Source, Study

KINDS = tuple(table.name for table in SOURCES)
NEEDED = tuple(kind for kind in KINDS if kind not in ("survey_imbalance", "survey_trailers"))
COMPLETING = (
    "irish_migration", "asylum_applications", "returns", "migration_component",
    "worker_registrations", "insurance_register",
)  # fmt: skip
"""Declared tables that complete the survey to total migration."""

ESTIMATES = {
    "reason": tables.SURVEY_MIGRANTS,
    "age": tables.SURVEY_MIGRANTS_BY_AGE,
    "country": tables.SURVEY_MIGRANTS_BY_COUNTRY,
    "area": tables.SURVEY_MIGRANTS_BY_AREA,
}


def passenger_survey(study: Study, run: Run) -> None:
    """Read the passenger survey, weigh its interviews and estimate migrants.

    A study without sources of the survey has none; one with some of them is refused.

    Raises:
        StudyError: If sources are missing.
        SourceError: If a file is not what it should be.
        SurveyError: If the interviews cannot be weighed: stage and cells are named.
    """
    found = survey_sources(study)
    if not found:
        return
    with run.step("Read the passenger survey") as step:
        given = {kind: _stored(study, run, kind, sources) for kind, sources in found.items()}
        step.note = f"{given['survey_contacts']['serial'].size:,} interviews"
    behind = tuple(FromTable(kind) for kind in given)
    whole = (*behind, FromTable("survey_weights"))
    with run.step("Weigh the interviews") as step:
        made = results(
            _named(given), rules(study.passenger_survey), draws=run.draws, seed=study.study.seed
        )
        for table, rows in report_tables(made):
            method = imputed_nights if table is tables.SURVEY_STAYS else weigh
            inputs = behind if table is tables.SURVEY_WEIGHTS else whole
            run.write(table, rows, method=method, inputs=inputs)
        count = made.weights["serial"].size
        step.note = f"{count:,} weights, {run.draws} replicates of every stage"
        step.note += f"; cells joined in {made.joined} of {made.months} months" * bool(made.joined)
        step.note += f"; {made.lonely} shifts alone, kept as certain" * bool(made.lonely)
        unknown = made.unknown_stays
        step.note += f"; {unknown} trips without nights and without donors" * bool(unknown)
    with run.step("Estimate migrants") as step:
        for name, table in ESTIMATES.items():
            run.write_estimate(table, made.migrants[name], method=results, inputs=whole)
        behind_flows = [FromTable(table.name) for table in ESTIMATES.values()]
        if made.short_term is not None:
            ended = (*whole, FromTable("survey_stays"))
            table = tables.SURVEY_SHORT_TERM
            run.write_estimate(table, made.short_term, method=results, inputs=ended)
            behind_flows.append(FromTable(table.name))
        for table, cells in (
            (tables.SURVEY_MIGRANT_CELLS, made.cells),
            (tables.SURVEY_ENDED_STAYS, made.stays_ended),
        ):
            if cells is not None and cells.count:
                run.write_cells(table, sparse_to_rows(cells), method=results, inputs=whole)
        rows = pa.Table.from_pydict(made.flows, schema(tables.SURVEY_FLOWS))
        run.write(tables.SURVEY_FLOWS, rows, method=flows, inputs=behind_flows)
        step.note = last_year(made)
    if study.sample_design:
        contacts, shifts = given["survey_contacts"], given["survey_shifts"]
        sample_design(study.sample_design, run, contacts, shifts, made)


def survey_sources(study: Study) -> dict[str, list[Source]]:
    """Return the sources of the survey by kind; nothing where there are none.

    Raises:
        StudyError: If some kinds are missing.
    """
    found = {kind: study.of_kind(kind) for kind in KINDS}
    missing = [kind for kind in NEEDED if not found[kind]]
    if missing and any(found.values()):
        raise StudyError(
            "Sources of the passenger survey are missing.",
            expected=", ".join(NEEDED),
            found=f"none of {', '.join(missing)}",
            where="study.toml, [[sources]]",
            fix="Add them; `columns`, `constants` and `codes` say how files differ.",
        )
    return {kind: sources for kind, sources in found.items() if sources}


def rules(given: PassengerSurvey) -> Rules:
    """Return the rules that a study chooses."""
    return Rules(given.decimals, given.collapse_below, given.trim_above, given.stays)


def read_source(
    folder: Path, source: Source, allowed: tuple[Path, ...]
) -> tuple[pa.Table, list[FromFile]]:
    """Read one source that is a declared table: its rows, and the files they are from."""
    table = declared(source.kind)
    path = inside(folder, source.file, allowed)
    column = source.columns.get("record", "record")
    numbered = "record" in table.names and "month" in table.names  # an office's files by month
    unnumbered = numbered and not (path.exists() and _has(path, column))
    rest = {"record": 0} if unnumbered else {}
    shape = Shape(source.columns, source.constants | rest, source.codes)
    rows, facts = read_parts(path, source.file, table, shape)
    if numbered and not unnumbered:
        _refuse_repeated(rows, f"{source.file}, column {column}")
    key = table.grain[0]
    own = "" if unnumbered or key == "month" else source.columns.get(key, key)
    return rows, [FromFile(f.name, f.sha256, rows.num_rows, own, key, {}) for f in facts]


def check_survey(study: Study) -> tuple[list[str], list[RavensteinError]]:
    """Read every source of the survey, and of total migration, and check its rows, without a store.

    Returns:
        The files that are good with their rows, in words, and what is wrong with the others.
    """
    good: list[str] = []
    wrong: list[RavensteinError] = []
    try:
        found = survey_sources(study)
    except StudyError as error:
        return [], [error]
    found |= {kind: study.of_kind(kind) for kind in COMPLETING if study.of_kind(kind)}
    for kind, sources in found.items():
        for source in sources:
            try:
                rows, _ = read_source(study.folder, source, study.data_folders)
                with memory_store() as store:
                    store.checked_rows(declared(kind), _numbered(rows))
                good.append(f"{source.file}: {rows.num_rows:,} rows of {kind}")
            except RavensteinError as error:
                wrong.append(error.within(source.file))
    return good, wrong


def _has(path: Path, column: str) -> bool:
    try:
        return column in header(path)
    except (OSError, ValueError):
        return False


def _refuse_repeated(rows: pa.Table, where: str) -> None:
    """Refuse rows of a file with the same number: offices number a file's rows."""
    repeated = rows.num_rows - rows.group_by(["month", "record"]).aggregate([]).num_rows
    if repeated:
        raise SourceError(
            "Rows of a file have the same number.",
            expected="a number of its own for each row of a month",
            found=f"{repeated} of {rows.num_rows} rows repeat another's",
            where=where,
            fix="Remove repeated rows; without a column of numbers, rows are numbered as read.",
        )


def _stored(study: Study, run: Run, kind: str, sources: list[Source]) -> dict[str, NDArray[Any]]:
    """Read the sources of a kind into the store; return their columns."""
    read = [read_source(study.folder, source, study.data_folders) for source in sources]
    rows = _numbered(pa.concat_tables([part for part, _ in read]))
    # files are named from the results' folder, where they are looked for again
    home = run.store.folder.parent
    origins = [
        replace(origin, name=os.path.relpath(study.folder / origin.name, home))
        for _, origins in read
        for origin in origins
    ]
    try:
        run.write(declared(kind), rows, method=read_parts, inputs=origins)
    except TableError as error:
        raise error.within(listed(source.file for source in sources)) from None
    return columns_of(rows)


def _numbered(rows: pa.Table) -> pa.Table:
    """Return rows of a reference table with numbers of their own: each office numbers its files."""
    if "record" not in rows.column_names:
        return rows
    number = pa.array(np.arange(rows.num_rows))
    return rows.set_column(rows.column_names.index("record"), "record", number)


def columns_of(rows: pa.Table) -> dict[str, NDArray[Any]]:
    """Return columns as arrays: integers as such, with a missing one as NaN or None."""
    return {name: _column(rows[name]) for name in rows.column_names}


def _column(values: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_date(values.type):
        return np.asarray(values.to_numpy().astype("datetime64[D]"))
    return np.asarray(values.to_numpy())


def _named(given: dict[str, dict[str, NDArray[Any]]]) -> dict[str, dict[str, NDArray[Any]]]:
    return {kind.removeprefix("survey_"): columns for kind, columns in given.items()}


def report_tables(made: Results) -> list[tuple[Table, pa.Table]]:
    """Return weights, stays and the quality report as rows of their tables."""
    lists = (
        (tables.SURVEY_STAGES, made.stages),
        (tables.SURVEY_NOTES, made.notes),
        (tables.SURVEY_EXTREMES, made.extremes),
        (tables.SURVEY_RULES, made.rules),
    )
    return [
        (tables.SURVEY_WEIGHTS, pa.table(made.weights)),
        (tables.SURVEY_STAYS, pa.table(made.stays)),
        *((table, pa.Table.from_pylist(rows, schema(table))) for table, rows in lists),
    ]


def last_year(made: Results) -> str:
    """Return the last year's long-term migration in words."""
    last = list(made.last_flows.values())
    shown = [
        f"{row['flow']} {row['persons']:,.0f}"
        + (f" ± {1.96 * row['standard_error']:,.0f}" if row["standard_error"] else "")
        for row in last
    ]
    count = last[0]["months"]
    part = "" if count == 12 else f" ({count} month{'s' if count > 1 else ''})"
    return f"{last[0]['year']}{part}: {', '.join(shown)}"
