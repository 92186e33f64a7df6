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
from ravenstein.pipelines.release_ages import area_ages
from ravenstein.pipelines.release_areas import (
    earlier_populations,
    gone_areas,
    outlines,
    similar_areas,
)
from ravenstein.pipelines.release_diff import keep_release
from ravenstein.pipelines.release_migration import published_migration
from ravenstein.pipelines.release_sources import (
    coverage_rows,
    joint_statistics,
    recovery,
    source_rows,
)
from ravenstein.pipelines.release_trails import trails
from ravenstein.release.areas import Area, area_flows, published_areas
from ravenstein.release.disclosure import parameters, withheld
from ravenstein.release.joint import joint_view
from ravenstein.release.outlines import Atlas, atlas
from ravenstein.release.revisions import area_revisions, edition_revisions
from ravenstein.release.site import Release, pages
from ravenstein.release.sources import recovery_view, sources_view
from ravenstein.release.survey import Survey
from ravenstein.release.tables import PublishedTable
from ravenstein.release.trails import trail_view
from ravenstein.store.files import file_hash, schema, write_csv, write_parquet, write_text
from ravenstein.store.provenance import FromTable, code_version
from ravenstein.tables.explorer import ABOLISHED_CODES, AREA_AGES, AREA_OUTLINES, SIMILAR_AREAS
from ravenstein.tables.geography import AREAS
from ravenstein.tables.joint import JOINT_STATISTICS
from ravenstein.tables.population import (
    POPULATION_ACCOUNT,
    POPULATION_CHECKS,
    POPULATION_EDITIONS,
    POPULATION_ESTIMATES,
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
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ravenstein.core.schema import Table
    from ravenstein.release.migration import Migration
    from ravenstein.store.run import Run
    from ravenstein.study import Study

FOLDER = "release"
ADDRESS = f"{FOLDER}/index.html"


def release(study: Study, run: Run) -> None:
    """Publish the account, a page an area, the passenger survey and total migration.

    The folder `release` beside the store is replaced as a whole, when the run is complete; the
    data of the releases before it are kept in it.

    Raises:
        AccountError: If a stored account does not balance and the study does not allow it.
        SourceError: If outlines, code changes, ages or other producers' counts cannot be read.
    """
    with run.step("Gather the release") as step:
        content = _content(study, run)
        areas = f"edition {content.edition}, {len(content.areas)} areas"
        step.note = areas if content.areas else "the passenger survey"
    folder = run.store.folder.parent / FOLDER
    with run.step("Write pages and tables") as step, run.new_folder(folder) as new:
        for table in content.tables:
            _write_table(table, new / "downloads")
        for area in content.areas:
            _write_table(_of_area(content.tables[0], area), new / "downloads" / "areas")
        content = _compared(study, run, content, new, folder)
        count = 0
        for path, text in pages(content):
            write_text(text, new / path)
            count += path.endswith(".html")
        behind = [FromTable(table.name) for table in content.tables]
        behind += [FromTable(POPULATION_EDITIONS.name)] if content.areas else []
        run.write(
            RELEASE_FILES, _files(new), method=release, inputs=behind, parameters=parameters()
        )
        step.note = f"{count} pages, {len(content.tables)} tables, vintage {content.vintage}"


def _compared(study: Study, run: Run, content: Release, new: Path, old: Path) -> Release:
    """Number the release, keep those before it, and add what changed since the last of them."""
    kept, found, series = keep_release(study, run, content.tables, new, old)
    run.warnings += kept.warnings
    day = study.release.date
    if found and day and not kept.anew and found.before["date"] == day.isoformat():
        run.warnings.append(
            f"Release {kept.number} has other figures than release {found.before['vintage']} and "
            f"the same date {day}: set date under [release] in study.toml."
        )
    if found and found.rows.num_rows:
        write_csv(found.rows, new / "downloads" / "release_changes.csv")
    return replace(
        content, vintage=kept.number, difference=found, series=series,
        warnings=(*content.warnings, *kept.warnings),
    )  # fmt: skip


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
    joint, notes = joint_statistics(study, run)
    joint_tables = [(JOINT_STATISTICS, joint)] if joint.num_rows else []
    own = survey_tables + migration_tables + joint_tables
    tables += [(table, rows, source) for table, rows in own]
    traced = trails(study, run.store, run, [table for table, _, _ in tables])
    if migration:
        account = _with_flows(account, migration)
    return Release(
        title=about.title,
        producer=about.producer,
        source=about.source,
        contact=about.contact,
        designation=study.release.designation,
        date=study.release.date,
        next_date=study.release.next_date,
        calendar=tuple(entry.model_dump() for entry in study.release.calendar),
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
        joint=joint_view(joint.to_pylist(), notes),
        sources=sources_view(
            source_rows(study, run.store, run.number), coverage_rows(study, run.store, run.number)
        ),
        recovery=recovery_view(
            recovery(study, run.store, run.number), [source.kind for source in study.sources]
        ),
        trails={trail["table"]: trail_view(trail) for trail in traced},
        least=_least(study),
        **account,
    )


def _with_flows(account: dict[str, Any], migration: Migration) -> dict[str, Any]:
    """Add total migration to the areas that it has figures of; the headline to the state."""
    areas = account.get("areas", ())
    flows = area_flows(migration.flows, {area.code: area.level for area in areas})
    head = tuple(
        {**row, "flow": flow, "year": year}
        for year, by_flow in migration.headline.years.items()
        for flow, row in by_flow.items()
    )
    flows |= {area.code: head for area in areas if area.level == "state"}
    return account | {"areas": tuple(replace(a, flows=flows.get(a.code, ())) for a in areas)}


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
    similar, ages = similar_areas(study, run), area_ages(study, run)
    estimates, every_area = (
        run.store.collect(run.read(table)) for table in (POPULATION_ESTIMATES, AREAS)
    )
    shown = published_areas(
        areas.to_pylist(),
        account.to_pylist(),
        {
            "earlier": _before(earlier_populations(study, run), editions, edition),
            "similar": _nearest(similar),
            "ages": ages,
            "revised": area_revisions(estimates, every_area),
        },
    )
    content = {
        "edition": edition,
        "geography": geography.edition,
        "areas": shown,
        "gone": tuple(gone_areas(study, run)),
        "atlas": _atlas(study, run, shown),
        "checks": tuple(checks.to_pylist()),
        "editions": tuple(editions),
        "revisions": edition_revisions(estimates, every_area, editions),
    }
    tables = [(POPULATION_ACCOUNT, account, one), (AREAS, areas, one),
              (POPULATION_CHECKS, checks, every), (SIMILAR_AREAS, similar, one)]  # fmt: skip
    more = [AREA_AGES] if ages else []
    return content, tables + [(table, rows, source) for table, rows in _written(run, more)]


def _written(run: Run, more: Sequence[Table]) -> list[tuple[Table, pa.Table]]:
    """Return tables of the areas, and what the run wrote of old codes and outlines."""
    names = {vintage.table_name for vintage in run.written}
    tables = [*more, *(t for t in (ABOLISHED_CODES, AREA_OUTLINES) if t.name in names)]
    return [(table, run.store.collect(run.read(table).sort(*table.grain))) for table in tables]


def _before(
    rows: Mapping[str, list[dict[str, Any]]], editions: Sequence[dict[str, Any]], edition: str
) -> dict[str, list[dict[str, Any]]]:
    """Return populations of the editions before the published one."""
    own = next(row for row in editions if row["edition"] == edition)
    end = (own["last"], own["geography"])
    return {code: [r for r in found if (r["last"], r["geography"]) < end]
            for code, found in rows.items()}  # fmt: skip


def _nearest(rows: pa.Table) -> dict[str, tuple[str, ...]]:
    """Return the areas similar to each, the nearest first."""
    found: dict[str, list[str]] = {}
    for row in rows.sort_by([("area", "ascending"), ("rank", "ascending")]).to_pylist():
        found.setdefault(row["area"], []).append(row["other"])
    return {area: tuple(others) for area, others in found.items()}


def _atlas(study: Study, run: Run, areas: Sequence[Area]) -> Atlas:
    """Return the outlines of the published areas, in their order; tiles where there are none."""
    local = [area for area in areas if area.level == "local_authority"]
    ordered = sorted(local, key=lambda area: (area.parents[-1][1], area.name))
    codes = [area.code for area in ordered]
    return atlas(outlines(study, run, codes), codes)


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
