"""Total migration: components, their sum in every published form, change and trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.cells import estimate_to_rows
from ravenstein.core.errors import MigrationError, StoreError, StudyError, listed
from ravenstein.core.seeds import step_generator
from ravenstein.core.sparse import SparseEstimate, sparse_from_rows
from ravenstein.migration import forms, total
from ravenstein.migration.change import change_rows, changes
from ravenstein.migration.component import DIRECTIONS, of_years, parameters
from ravenstein.migration.components.asylum import asylum
from ravenstein.migration.components.ireland import ireland
from ravenstein.migration.components.migrant_switchers import migrant_switchers
from ravenstein.migration.components.own import own_components
from ravenstein.migration.components.survey import survey
from ravenstein.migration.components.visitor_switchers import visitor_switchers
from ravenstein.migration.detail import detail
from ravenstein.migration.stays import cohorts
from ravenstein.migration.trend import smoothed
from ravenstein.pipelines.migration_sources import combined
from ravenstein.pipelines.passenger_survey import columns_of, read_source
from ravenstein.pipelines.short_term import registered, short_term
from ravenstein.store.files import inside, schema
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.store.readers.asylum import read_applications, read_returns
from ravenstein.tables import migration as tables
from ravenstein.tables.dictionary import declared
from ravenstein.tables.revisions import MIGRATION_CHANGES
from ravenstein.tables.survey_results import (
    SURVEY_ENDED_STAYS,
    SURVEY_FLOWS,
    SURVEY_MIGRANT_CELLS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate
    from ravenstein.core.schema import Table
    from ravenstein.migration.component import Component
    from ravenstein.store.run import Run
    from ravenstein.study import Source, Study

    Columns = dict[str, NDArray[Any]]

PUBLISHED = {
    "home_office_applications": ("asylum_applications", read_applications),
    "home_office_returns": ("returns", read_returns),
}
"""Published layouts of declared tables, and their readers."""

_TREND = _LEAST = 3  # years that a trend, and rates of switchers, need
SOURCES = ("irish_migration", "asylum_applications", "returns", "migration_component")


def migration(study: Study, run: Run) -> None:
    """Add the components of migration up, and publish the total with its errors.

    A study without a passenger survey, or with none of the sources that complete it, has no total
    migration; one with some of them is told which components are missing.

    Raises:
        MigrationError: If components cannot be added.
        SourceError: If a file is not what it should be.
    """
    if not study.survey or not (_has_any(study) or study.of_kind("survey_trailers")):
        return
    with run.step("Read the sources of total migration") as step:
        given = _sources(study, run)
        step.note = listed(given) or "the survey alone"
    with run.step("Make the components of migration") as step:
        cells = _cells(run, SURVEY_MIGRANT_CELLS)
        whole_years = _whole_years(run)
        years = _years(study, run, cells, whole_years)
        parts = _components(study, run, given, cells, (years, whole_years))
        _write_notes(run, parts, given)
        step.note = f"{listed((part.name for part in parts), most=9)}, {years[0]} to {years[-1]}"
    with run.step("Add up total migration") as step:
        located = survey(cells).parts[0]
        located = located.where(np.isin(located.labels["year"], years))
        found = total.breakdowns(parts, located, years)
        late = {part.name: part.provisional for part in parts}
        whole = _write_totals(run, found, late)
        _write_rolling(run, parts, located, years)
        _write_detail(run, found, located)
        step.note = _negative(run, found)
    with run.step("Measure change and trend") as step:
        _write_change(run, whole, step_generator(study.study.seed, "migration/trend"))
        step.note = f"{len(years)} years"
    numbers = registered(study)
    combined(study, run, parts, numbers)
    short_term(study, run, cells, numbers)


def _has_any(study: Study) -> bool:
    return any(study.of_kind(kind) for kind in (*SOURCES, *PUBLISHED))


def _sources(study: Study, run: Run) -> dict[str, Columns]:
    """Read the other sources into the store; return their columns by table.

    Raises:
        StudyError: If a table is given both as declared and as published: it would count twice.
    """
    twice = [kind for kind, (name, _) in PUBLISHED.items()
             if study.of_kind(kind) and study.of_kind(name)]  # fmt: skip
    if twice:
        raise StudyError(
            "A source is given in two forms.",
            expected="one of the declared table and the published layout",
            found=listed(f"{kind} and {PUBLISHED[kind][0]}" for kind in twice),
            where="study.toml, [[sources]]",
            fix="Remove one of them: they would be added up.",
        )
    found: dict[str, list[tuple[pa.Table, list[Any]]]] = {}
    for source in study.sources:
        if source.kind in SOURCES:
            found.setdefault(source.kind, []).append(
                read_source(study.folder, source, study.data_folders)
            )
        elif source.kind in PUBLISHED:
            name, part = _published(study, run, source)
            found.setdefault(name, []).append(part)
    columns = {}
    for name, parts in found.items():
        rows = pa.concat_tables([part for part, _ in parts])
        origins = [origin for _, facts in parts for origin in facts]
        run.write(declared(name), rows, method=read_source, inputs=origins)
        columns[name] = columns_of(rows)
    return columns


def _published(study: Study, run: Run, source: Source) -> tuple[str, tuple[pa.Table, list[Any]]]:
    name, reader = PUBLISHED[source.kind]
    read = reader(inside(study.folder, source.file, study.data_folders), source.file)
    run.warnings += [
        f"{source.file}: {count:,} persons left out: {what}"
        for what, count in read.left_out.items()
        if count
    ]
    facts = read.facts
    origin = FromFile(facts.name, facts.sha256, read.rows.num_rows, "", "quarter", {})
    return name, (read.rows, [origin])


def _cells(run: Run, table: Table) -> SparseEstimate:
    rows = run.store.collect(run.read(table))
    return sparse_from_rows(rows.select(list(table.names)), "persons", run.draws)


def _whole_years(run: Run) -> list[int]:
    """Return the years of which every month has interviews."""
    rows = run.store.collect(run.read(SURVEY_FLOWS)).to_pydict()
    whole = {y for y, months in zip(rows["year"], rows["months"], strict=True) if months == 12}
    return sorted(whole)


def _refuse_partial(cells: SparseEstimate, years: list[int]) -> None:
    """Refuse trailers of some years only: switchers would be missing in the others."""
    stated = cells.labels["occupation"] != tables.NOT_STATED
    count = [int((stated & (cells.labels["year"] == year)).sum()) for year in years]
    lacking = [year for year, number in zip(years, count, strict=True) if not number]
    if lacking:
        raise MigrationError(
            "Trailers are of some years only.",
            expected=f"trailers of the migrants of {years[0]} to {years[-1]}",
            found=f"none in {listed(lacking)}",
            where="survey_trailers",
            fix="Add them; or leave out the interviews of years without, or the trailers.",
        )


def _years(study: Study, run: Run, cells: SparseEstimate, held: list[int]) -> list[int]:
    partial = sorted(set(cells.distinct("year")) - set(held))
    if partial and held:
        run.warnings.append(
            f"Total migration leaves out {listed(partial)}: not all months have interviews"
        )
    held = held or [0]
    first, last = study.migration.first or held[0], study.migration.last or held[-1]
    wanted = list(range(first, last + 1))
    lacking = sorted(set(wanted) - set(held))
    if lacking or not wanted:
        raise MigrationError(
            "The survey does not have all years that are to be published.",
            expected=f"{first} to {last}, twelve months of interviews in each",
            found=f"whole years: {listed(y for y in held if y) or 'none'}",
            where="study.toml, [migration]",
            fix="Give first and last as years of the survey.",
        )
    return wanted


def _components(
    study: Study,
    run: Run,
    given: dict[str, Columns],
    cells: SparseEstimate,
    chosen_years: tuple[list[int], list[int]],
) -> list[Component]:
    """Return the components that the study has the sources of.

    Args:
        study: The study.
        run: The run.
        given: Columns of the other sources by table.
        cells: The survey's migrants.
        chosen_years: The years that are published, and all whole years of the survey.
    """
    years, whole = chosen_years

    def generator(step: str) -> np.random.Generator:
        return step_generator(study.study.seed, f"migration/{step}")

    chosen = cells.where(np.isin(cells.labels["year"], years))
    parts, missing = [survey(chosen)], []
    if "irish_migration" in given:
        parts.append(ireland(given["irish_migration"], years, run.draws, generator("ireland")))
    else:
        missing.append("ireland (irish_migration)")
    if {"asylum_applications", "returns"} <= set(given):
        parts.append(asylum(given, parts[0].parts[0], years, generator("asylum")))
    else:
        missing.append("asylum (asylum_applications and returns)")
    try:
        stays = _cells(run, SURVEY_ENDED_STAYS) if study.of_kind("survey_trailers") else None
    except StoreError:
        stays = None  # trailers without a single stay that ended
    if stays is not None and len(whole) >= _LEAST:
        _refuse_partial(cells, whole)
        # of all years of the survey: stays that end after those published tell of them too
        held = cohorts(cells.where(np.isin(cells.labels["year"], whole)), stays, whole)
        found = (visitor_switchers(held), migrant_switchers(held))
        parts += [of_years(component, years) for component in found]
    else:
        missing.append(f"switchers (survey_trailers, {_LEAST} whole years at least)")
    if "migration_component" in given:
        rows = given["migration_component"]
        parts += own_components(rows, parts[0].parts[0], years, generator("own"))
    run.warnings += _without_rows(given, years)
    if missing:
        run.warnings.append(f"Total migration lacks components: {'; '.join(missing)}")
    return parts


def _without_rows(given: dict[str, Columns], years: list[int]) -> list[str]:
    """Return warnings of periods in which a source has nobody: 0, or rows that are missing."""
    wanted: dict[str, list[str]] = {
        "asylum_applications": [f"{year}-{month:02d}" for year in years for month in (1, 4, 7, 10)],
        "returns": [str(year) for year in years],
    }
    held = {
        name: {str(day)[: len(wanted[name][0])] for day in given[name]["quarter"].tolist()}
        for name in wanted
        if name in given
    }
    if "irish_migration" in given:
        rows = given["irish_migration"]
        pairs = zip(rows["year"].tolist(), rows["direction"].tolist(), strict=True)
        held["irish_migration"] = {f"{way} {year}" for year, way in pairs}
        known = sorted({cell[-4:] for cell in held["irish_migration"]})
        wanted["irish_migration"] = [f"{way} {year}" for year in known for way in DIRECTIONS]
    found = []
    for name, cells in held.items():
        none = [cell for cell in wanted[name] if cell not in cells]
        if none:
            found.append(f"Total migration takes it that {name} has nobody in {listed(none)}")
    return found


def _write_notes(run: Run, parts: Sequence[Component], given: dict[str, Columns]) -> None:
    rows = [{"component": part.name, **step} for part in parts for step in part.steps]
    behind = [FromTable(SURVEY_MIGRANT_CELLS.name), *(FromTable(name) for name in given)]
    table = pa.Table.from_pylist(rows, schema(tables.MIGRATION_NOTES))
    run.write(
        tables.MIGRATION_NOTES, table, method=_components, inputs=behind, parameters=parameters()
    )


def _write_totals(
    run: Run, found: dict[str, Estimate], late: dict[str, tuple[int, ...]]
) -> Estimate:
    """Write components and published flows; return the total over flow and year."""
    names = [n for n in tables.MIGRATION_COMPONENTS.names if n not in ("point", "draws")]
    parts = []
    for by, estimate in found.items():
        rows = estimate_to_rows(estimate)
        fixed = {name: tables.ALL for name in names if name not in rows.column_names}
        for name, value in (fixed | {"by": by}).items():
            rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
        parts.append(rows.select(list(tables.MIGRATION_COMPONENTS.names)))
    behind = (FromTable(SURVEY_MIGRANT_CELLS.name), FromTable(tables.MIGRATION_NOTES.name))
    run.write_cells(
        tables.MIGRATION_COMPONENTS, pa.concat_tables(parts), method=total.breakdowns,
        inputs=behind, parameters=parameters(),
    )  # fmt: skip
    published = [
        row
        for by, estimate in found.items()
        for row in forms.published(estimate, tables.BREAKDOWNS[by], by, late)
    ]
    run.write(
        tables.MIGRATION_FLOWS,
        pa.Table.from_pylist(published, schema(tables.MIGRATION_FLOWS)),
        method=forms.published,
        inputs=[FromTable(tables.MIGRATION_COMPONENTS.name)],
    )
    return total.flows_of(found["all"].sum("component", "nation"))


def _write_rolling(
    run: Run, parts: Sequence[Component], cells: SparseEstimate, years: list[int]
) -> None:
    found = total.flows_of(total.rolling(parts, cells, years))
    run.write(
        tables.MIGRATION_ROLLING,
        pa.Table.from_pylist(forms.rolling_rows(found), schema(tables.MIGRATION_ROLLING)),
        method=total.rolling,
        inputs=[FromTable(SURVEY_MIGRANT_CELLS.name), FromTable(tables.MIGRATION_NOTES.name)],
    )


def _write_detail(run: Run, found: dict[str, Estimate], cells: SparseEstimate) -> None:
    sums = {by: total.total_of(found[by]) for by in ("age_sex", "citizenship", "area")}
    rows = forms.detail_rows(sums, cells).select(list(tables.MIGRATION_DETAIL.names))
    run.write(
        tables.MIGRATION_DETAIL,
        rows.cast(schema(tables.MIGRATION_DETAIL)),
        method=detail,
        inputs=[FromTable(tables.MIGRATION_COMPONENTS.name)],
    )


def _negative(run: Run, found: dict[str, Estimate]) -> str:
    """Warn of cells in which a correction is larger than what it corrects; return the note."""
    counts = total.negative_cells({by: total.total_of(table) for by, table in found.items()})
    below = {by: count for by, count in counts.items() if count}
    if below:
        words = ", ".join(f"{count} by {by}" for by, count in below.items())
        run.warnings.append(
            f"Total migration is negative in cells where corrections are larger than the survey's "
            f"figure: {words}; they are shown as they are, and are 0 in migration_detail"
        )
    cells = sum(table.point.size for table in found.values())
    return f"{cells:,} cells of components"


def _write_change(run: Run, whole: Estimate, generator: np.random.Generator) -> None:
    behind = [FromTable(tables.MIGRATION_COMPONENTS.name)]
    if len(whole.labels("year")) < 2:
        return
    run.write(
        MIGRATION_CHANGES, change_rows(changes(whole)), method=changes, inputs=behind
    )  # fmt: skip
    if len(whole.labels("year")) < _TREND:
        return
    rows = forms.flow_rows(smoothed(whole, generator=generator))
    run.write(
        tables.MIGRATION_TREND,
        pa.Table.from_pylist(rows, schema(tables.MIGRATION_TREND)),
        method=smoothed,
        inputs=behind,
    )
