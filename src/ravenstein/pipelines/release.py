"""The release: from the stored account to pages and tables in a folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.pipelines.population import balance_counts, published_edition
from ravenstein.release.site import Area, Release, pages, published_areas
from ravenstein.release.tables import PublishedTable
from ravenstein.store.files import file_hash, write_csv, write_parquet, write_text
from ravenstein.store.provenance import FromTable, code_version
from ravenstein.tables.geography import AREAS
from ravenstein.tables.passenger_survey import STAGES, SURVEY_FLOWS, SURVEY_STAGES
from ravenstein.tables.population import (
    POPULATION_ACCOUNT,
    POPULATION_CHECKS,
    POPULATION_EDITIONS,
)
from ravenstein.tables.release import RELEASE_FILES

if TYPE_CHECKING:
    from pathlib import Path

    from ravenstein.core.schema import Table
    from ravenstein.store.run import Run
    from ravenstein.study import Study

FOLDER = "release"
ADDRESS = f"{FOLDER}/index.html"
_FEW = 30
_BEHIND_RELEASE = tuple(
    FromTable(name)
    for name in ("population_account", "population_checks", "population_editions", "areas")
)


def release(study: Study, run: Run) -> None:
    """Publish the account: a page an area, tables to download, quality.

    The folder `release` is replaced as a whole, when the run is complete.

    Raises:
        AccountError: If a stored account does not balance and the study does not allow it.
    """
    with run.step("Gather the release") as step:
        content = _content(study, run)
        step.note = f"edition {content.edition}, {len(content.areas)} areas"
    with run.step("Write pages and tables") as step, run.new_folder(study.folder / FOLDER) as new:
        count = 0
        for path, text in pages(content):
            write_text(text, new / path)
            count += 1
        for table in content.tables:
            _write_table(table, new / "downloads")
        account = content.tables[0]
        for area in content.areas:
            _write_table(_of_area(account, area), new / "downloads" / "areas")
        run.write(RELEASE_FILES, _files(new), method=release, inputs=_BEHIND_RELEASE)
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
    about, period = study.study, study.period
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
    one, every = (
        f"{about.source or about.producer} Edition{what}" for what in (f" {edition}", "s: all")
    )
    survey, survey_tables = _survey(study, run)
    return Release(
        title=about.title,
        producer=about.producer,
        source=about.source,
        contact=about.contact,
        designation=study.release.designation,
        date=study.release.date,
        next_date=study.release.next_date,
        simulated=about.simulated,
        edition=edition,
        geography=study.geography.edition,
        code_version=code_version(),
        areas=published_areas(areas.to_pylist(), account.to_pylist()),
        checks=tuple(checks.to_pylist()),
        editions=tuple(editions),
        tables=tuple(
            PublishedTable(table.name, table.title, table, found, source, about.simulated)
            for table, found, source in (
                (POPULATION_ACCOUNT, account, one),
                (AREAS, areas, one),
                (POPULATION_CHECKS, checks, every),
                *((table, found, about.source or about.producer) for table, found in survey_tables),
            )
        ),
        warnings=tuple(run.warnings),
        **survey,
    )


def _survey(study: Study, run: Run) -> tuple[dict[str, Any], list[tuple[Table, pa.Table]]]:
    """Return what the pages show of the passenger survey, and its tables; nothing without one."""
    if not study.of_kind("survey_contacts"):
        return {}, []
    flows, stages = (
        run.store.collect(run.read(table).sort(*table.grain))
        for table in (SURVEY_FLOWS, SURVEY_STAGES)
    )
    last = nw.col("month").dt.year() == max(flows["year"].to_pylist())
    summary = (
        run.read(SURVEY_STAGES)
        .filter(last)
        .with_columns(
            few=(nw.col("cases") < _FEW).cast(nw.Int64),
            merged=nw.col("cell").str.contains("all ", literal=True).cast(nw.Int64),
        )
        .group_by("stage")
        .agg(
            nw.len().alias("cells"),
            nw.col("few", "merged").sum().cast(nw.Int64),
            nw.col("smallest").min(),
            nw.col("largest").max(),
        )
    )
    found = {row["stage"]: row for row in run.store.collect(summary).to_pylist()}
    content = {
        "migration": tuple(flows.to_pylist()),
        "stages": tuple(found[stage] for stage in STAGES.labels if stage in found),
    }
    return content, [(SURVEY_FLOWS, flows), (SURVEY_STAGES, stages)]


def _write_table(table: PublishedTable, folder: Path) -> None:
    rows = table.arrow()
    write_csv(rows, folder / f"{table.name}.csv")
    write_parquet(rows, folder / f"{table.name}.parquet")
    write_text(table.csv_metadata(), folder / f"{table.name}.csv-metadata.json")


def _of_area(account: PublishedTable, area: Area) -> PublishedTable:
    rows = account.rows.filter(pc.equal(account.rows["area"], area.code))
    return replace(account, name=area.code, title=f"{account.title}: {area.name}", rows=rows)
