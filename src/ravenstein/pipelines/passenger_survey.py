"""The passenger survey: from interviews to migrants, each number with its replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import StudyError
from ravenstein.passenger_survey.chain import Rules, weigh
from ravenstein.passenger_survey.imputation import imputed_nights
from ravenstein.passenger_survey.migrants import flows
from ravenstein.passenger_survey.results import Results, results
from ravenstein.pipelines.sample_design import sample_design
from ravenstein.store.files import inside, schema
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.store.rows import Shape, read_parts
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
NEEDED = tuple(kind for kind in KINDS if kind != "survey_imbalance")
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
    found = survey_sources(study.sources, "study.toml, [[sources]]")
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
        rows = pa.Table.from_pydict(made.flows, schema(tables.SURVEY_FLOWS))
        run.write(tables.SURVEY_FLOWS, rows, method=flows, inputs=behind_flows)
        step.note = last_year(made)
    if study.sample_design:
        contacts, shifts = given["survey_contacts"], given["survey_shifts"]
        sample_design(study.sample_design, run, contacts, shifts, made)


def survey_sources(given: tuple[Source, ...], where: str) -> dict[str, list[Source]]:
    """Return the sources of the survey by kind; nothing where there are none.

    Raises:
        StudyError: If some kinds are missing.
    """
    found = {kind: [source for source in given if source.kind == kind] for kind in KINDS}
    missing = [kind for kind in NEEDED if not found[kind]]
    if missing and any(found.values()):
        raise StudyError(
            "Sources of the passenger survey are missing.",
            expected=", ".join(NEEDED),
            found=f"none of {', '.join(missing)}",
            where=where,
            fix="Add them; `columns`, `constants` and `codes` say how files differ.",
        )
    return {kind: sources for kind, sources in found.items() if sources}


def rules(given: PassengerSurvey) -> Rules:
    """Return the rules that a study chooses."""
    return Rules(given.decimals, given.collapse_below, given.trim_above, given.stays)


def read_source(
    folder: Path, source: Source, allowed: tuple[Path, ...]
) -> tuple[pa.Table, list[FromFile]]:
    """Read one source of the survey: its rows, and the files they are from."""
    table = declared(source.kind)
    path = inside(folder, source.file, allowed)
    # rows are numbered when all files are together: each office numbers its own
    named = {name: column for name, column in source.columns.items() if name != "record"}
    numbered = {"record": 0} if "record" in table.names else {}
    shape = Shape(named, source.constants | numbered, source.codes)
    rows, facts = read_parts(path, source.file, table, shape)
    return rows, [
        FromFile(fact.name, fact.sha256, rows.num_rows, "", table.grain[0], {}) for fact in facts
    ]


def _stored(study: Study, run: Run, kind: str, sources: list[Source]) -> dict[str, NDArray[Any]]:
    """Read the sources of a kind into the store; return their columns."""
    read = [read_source(study.folder, source, study.data_folders) for source in sources]
    rows = pa.concat_tables([part for part, _ in read])
    if "record" in rows.column_names:
        number = pa.array(np.arange(rows.num_rows))
        rows = rows.set_column(rows.column_names.index("record"), "record", number)
    origins = [origin for _, origins in read for origin in origins]
    run.write(declared(kind), rows, method=read_parts, inputs=origins)
    return columns_of(rows)


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
    rows = [dict(zip(made.flows, values, strict=True))
            for values in zip(*made.flows.values(), strict=True)]  # fmt: skip
    whole = [row for row in rows if row["by"] == "all" and row["definition"] == "long_term"]
    last = [row for row in whole if row["year"] == whole[-1]["year"]] if whole else []
    if not last:
        return "no migrants"
    shown = [
        f"{row['flow']} {row['persons']:,.0f}"
        + (f" ± {1.96 * row['standard_error']:,.0f}" if row["standard_error"] else "")
        for row in last
    ]
    part = "" if last[0]["months"] == 12 else f" ({last[0]['months']} months)"
    return f"{last[0]['year']}{part}: {', '.join(shown)}"
