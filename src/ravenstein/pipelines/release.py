"""The release: from the stored account to pages and tables in a folder."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.pipelines.population import balance_counts, published_edition
from ravenstein.pipelines.population_by_age import check_warnings
from ravenstein.pipelines.release_migration import published_migration
from ravenstein.release.disclosure import parameters, withheld
from ravenstein.release.site import Area, Release, pages, published_areas
from ravenstein.release.survey import Survey
from ravenstein.release.tables import PublishedTable
from ravenstein.store.files import file_hash, schema, write_csv, write_parquet, write_text
from ravenstein.store.provenance import FromTable, code_version
from ravenstein.tables.geography import AREAS
from ravenstein.tables.population import (
    POPULATION_ACCOUNT,
    POPULATION_CHECKS,
    POPULATION_EDITIONS,
)
from ravenstein.tables.release import RELEASE_FILES
from ravenstein.tables.survey_results import (
    SURVEY_ALLOCATION,
    SURVEY_EXTREMES,
    SURVEY_FLOWS,
    SURVEY_FRONTIER,
    SURVEY_NOTES,
    SURVEY_RULES,
    SURVEY_STAGES,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ravenstein.core.schema import Table
    from ravenstein.store.run import Run
    from ravenstein.study import Study

FOLDER = "release"
ADDRESS = f"{FOLDER}/index.html"


def release(study: Study, run: Run) -> None:
    """Publish the account, a page an area, the passenger survey and total migration.

    The folder `release` beside the store is replaced as a whole, when the run is complete.

    Raises:
        AccountError: If a stored account does not balance and the study does not allow it.
    """
    with run.step("Gather the release") as step:
        content = _content(study, run)
        areas = f"edition {content.edition}, {len(content.areas)} areas"
        step.note = areas if content.areas else "the passenger survey"
    folder = run.store.folder.parent / FOLDER
    with run.step("Write pages and tables") as step, run.new_folder(folder) as new:
        count = 0
        for path, text in pages(content):
            write_text(text, new / path)
            count += 1
        for table in content.tables:
            _write_table(table, new / "downloads")
        for area in content.areas:
            _write_table(_of_area(content.tables[0], area), new / "downloads" / "areas")
        behind = [FromTable(table.name) for table in content.tables]
        behind += [FromTable(POPULATION_EDITIONS.name)] if content.areas else []
        run.write(
            RELEASE_FILES, _files(new), method=release, inputs=behind, parameters=parameters()
        )
        step.note = f"{count} pages, {len(content.tables)} tables"


def _files(folder: Path) -> pa.Table:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return pa.table(
        {
            "path": [path.relative_to(folder).as_posix() for path in paths],
            "sha256": [file_hash(path) for path in paths],
            "size": [path.stat().st_size for path in paths],
        }
    )


def _content(study: Study, run: Run) -> Release:
    about = study.study
    account, tables = _account(study, run)
    survey, survey_tables = _survey(study, run)
    source = about.source or about.producer
    migration, migration_tables = published_migration(study, run.store, run.number, _least(study))
    tables += [(table, rows, source) for table, rows in survey_tables + migration_tables]
    return Release(
        title=about.title,
        producer=about.producer,
        source=about.source,
        contact=about.contact,
        designation=study.release.designation,
        date=study.release.date,
        next_date=study.release.next_date,
        simulated=about.simulated,
        code_version=code_version(),
        tables=tuple(
            PublishedTable(table.name, table.title, table, rows, source, about.simulated)
            for table, rows, source in tables
        ),
        # those of total migration stand on its page, from its tables
        warnings=tuple(w for w in run.warnings if not w.startswith("Total migration")),
        survey=survey,
        migration=migration,
        **account,
    )


def _account(study: Study, run: Run) -> tuple[dict[str, Any], list[tuple[Table, pa.Table, str]]]:
    """Return what the pages show of the account, and its tables; nothing without one."""
    if not study.of_kind("myeb3"):
        return {}, []
    period, geography = study.published
    editions = run.store.collect(run.read(POPULATION_EDITIONS).sort("last", "edition")).to_pylist()
    edition = published_edition(study, editions)["edition"]

    def rows(table: Table, *conditions: nw.Expr) -> pa.Table:
        chosen = run.read(table).filter(nw.col("edition") == edition, *conditions)
        return run.store.collect(chosen.sort(*table.grain))

    year = nw.col("year")
    areas = rows(AREAS)
    account = rows(POPULATION_ACCOUNT, year > period.first, year <= period.last)
    checks = run.store.collect(run.read(POPULATION_CHECKS).sort(*POPULATION_CHECKS.grain))
    _, warnings = balance_counts(study, run.store.collect(run.read(POPULATION_ACCOUNT)))
    run.warnings += [warning for warning in warnings if warning not in run.warnings]
    if study.of_kind("myeb2"):
        run.warnings += [w for w in check_warnings(run) if w not in run.warnings]
    source = study.study.source or study.study.producer
    one, every = (f"{source} Edition{what}" for what in (f" {edition}", "s: all"))
    content = {
        "edition": edition,
        "geography": geography.edition,
        "areas": published_areas(areas.to_pylist(), account.to_pylist()),
        "checks": tuple(checks.to_pylist()),
        "editions": tuple(editions),
    }
    return content, [
        (POPULATION_ACCOUNT, account, one),
        (AREAS, areas, one),
        (POPULATION_CHECKS, checks, every),
    ]


def _survey(study: Study, run: Run) -> tuple[Survey | None, list[tuple[Table, pa.Table]]]:
    """Return what the pages show of the passenger survey, and its tables; nothing without one."""
    if not study.of_kind("survey_contacts"):
        return None, []
    published = [SURVEY_FLOWS, SURVEY_STAGES, SURVEY_NOTES, SURVEY_EXTREMES, SURVEY_RULES]
    published += [SURVEY_ALLOCATION, SURVEY_FRONTIER] if study.sample_design else []
    tables = {
        table.name: run.store.collect(run.read(table).sort(*table.grain)) for table in published
    }

    def every(table: Table) -> tuple[dict[str, Any], ...]:
        return tuple(tables[table.name].to_pylist()) if table in published else ()

    def last(table: Table) -> tuple[dict[str, Any], ...]:
        rows = tables[table.name]
        years = rows["year"] if "year" in rows.column_names else pc.year(rows["month"])
        return tuple(rows.filter(pc.equal(years, pc.max(years))).to_pylist())

    shown = withheld(tables[SURVEY_FLOWS.name].to_pylist(), _least(study))
    tables[SURVEY_FLOWS.name] = pa.Table.from_pylist(shown, schema(SURVEY_FLOWS))
    run.warnings += [w for w in _joins(tables) if w not in run.warnings]
    survey = Survey(
        flows=every(SURVEY_FLOWS),
        stages=last(SURVEY_STAGES),
        notes=last(SURVEY_NOTES),
        extremes=last(SURVEY_EXTREMES),
        rules=last(SURVEY_RULES),
        replicates=run.draws,
        allocation=every(SURVEY_ALLOCATION),
        frontier=every(SURVEY_FRONTIER),
    )
    # rows of single interviews stay in the store
    public = [table for table in published if table is not SURVEY_EXTREMES]
    return survey, [(table, tables[table.name]) for table in public]


def _least(study: Study) -> int:
    """Return the fewest interviews behind a published figure."""
    return int(parameters()["least_interviews"].at(study.release.date or dt.date.max))


def _joins(tables: dict[str, pa.Table]) -> list[str]:
    """Return a warning of the months in which cells of the full sample were joined."""
    notes, stages = tables[SURVEY_NOTES.name], tables[SURVEY_STAGES.name]
    joined = notes.filter(pc.match_substring(notes["note"], " joined, "))
    count, months = (pc.count_distinct(t["month"]).as_py() for t in (joined, stages))
    if not count:
        return []
    return [
        f"Small or empty cells of the passenger survey were joined in {count} of {months} months: "
        "see the quality of its weighting."
    ]


def _write_table(table: PublishedTable, folder: Path) -> None:
    rows = table.arrow()
    write_csv(rows, folder / f"{table.name}.csv")
    write_parquet(rows, folder / f"{table.name}.parquet")
    write_text(table.csv_metadata(), folder / f"{table.name}.csv-metadata.json")


def _of_area(account: PublishedTable, area: Area) -> PublishedTable:
    rows = account.rows.filter(pc.equal(account.rows["area"], area.code))
    return replace(account, name=area.code, title=f"{account.title}: {area.name}", rows=rows)
