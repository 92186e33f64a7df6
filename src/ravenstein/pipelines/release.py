"""The release: from the stored account to pages and tables in a folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import narwhals as nw
import pyarrow.compute as pc

from ravenstein.pipelines.population import published_edition
from ravenstein.release.site import Area, Release, pages, published_areas
from ravenstein.release.tables import PublishedTable
from ravenstein.store.files import replacing_folder, write_csv, write_parquet
from ravenstein.store.provenance import code_version
from ravenstein.tables.geography import AREAS
from ravenstein.tables.population import (
    POPULATION_ACCOUNT,
    POPULATION_CHECKS,
    POPULATION_EDITIONS,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from ravenstein.core.schema import Table
    from ravenstein.store.run import Run
    from ravenstein.study import Study

FOLDER = "release"
ADDRESS = f"{FOLDER}/index.html"


def release(study: Study, run: Run) -> None:
    """Publish the account: a page an area, tables to download, quality.

    The folder `release` is replaced as a whole when everything is written.
    """
    with run.step("Gather the release") as step:
        content = _content(study, run)
        step.note = f"edition {content.edition}, {len(content.areas)} areas"
    with run.step("Write pages and tables") as step, replacing_folder(study.folder / FOLDER) as new:
        count = 0
        for path, text in pages(content):
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            count += 1
        for table in content.tables:
            _write_table(table, new / "downloads")
        account = content.tables[0]
        for area in content.areas:
            _write_table(_of_area(account, area), new / "downloads" / "areas")
        step.note = f"{count} pages, {len(content.tables)} tables"


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
    one, every = (f"{about.producer}, {what}" for what in (f"edition {edition}", "all editions"))
    return Release(
        title=about.title,
        producer=about.producer,
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
            )
        ),
        warnings=tuple(run.warnings),
    )


def _write_table(table: PublishedTable, folder: Path) -> None:
    rows = table.arrow()
    write_csv(rows, folder / f"{table.name}.csv")
    write_parquet(rows, folder / f"{table.name}.parquet")
    (folder / f"{table.name}.csv-metadata.json").write_text(table.csv_metadata(), encoding="utf-8")


def _of_area(account: PublishedTable, area: Area) -> PublishedTable:
    rows = account.rows.filter(pc.equal(account.rows["area"], area.code))
    return replace(account, name=area.code, title=f"{account.title}: {area.name}", rows=rows)
