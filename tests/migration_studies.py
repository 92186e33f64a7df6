"""A small study of total migration, simulated once a process and copied for each test."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ravenstein.console import silent
from ravenstein.pipelines.border import border
from ravenstein.pipelines.migration import migration
from ravenstein.pipelines.passenger_survey import passenger_survey
from ravenstein.pipelines.twin import make_twin
from ravenstein.store.database import open_store
from ravenstein.store.run import start_run
from ravenstein.study import read_study
from ravenstein.tables.dictionary import declared
from ravenstein.twin.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ravenstein.store.run import Run
    from ravenstein.study import Study

DRAWS = 12
FILES = {
    **{
        kind: f"{kind}.parquet"
        for kind in (
            "survey_shifts", "survey_nonresponse", "survey_traffic", "survey_unsampled",
            "irish_migration", "asylum_applications", "returns", "worker_registrations",
        )
    },
    **{
        kind: kind
        for kind in ("survey_contacts", "survey_trailers", "border_movements", "insurance_register")
    },
}  # fmt: skip
"""Sources by kind, and their files in the twin's views."""
_OWN = (
    "component,year,direction,nation,citizenship,reason,age_group,sex,persons,standard_error,"
    "definition,period\n"
)
_STUDY = '[study]\ntitle = "Migration"\nproducer = "An office"\nsimulated = true\ndraws = {draws}\n'
_SOURCE = '\n[[sources]]\nkind = "{kind}"\nfile = "twin/views/{file}"\n'


@cache
def _simulated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ravenstein-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    changes: dict[str, Any] = {
        "people": 5000, "block": 5000, "first": 2007, "last": 2011, "shifts": 0.9, "second": 1,
    }  # fmt: skip
    views = ("survey", "border", "statistics", "registers")
    make_twin(folder / "twin", settings("small", changes=changes, views=views), 7)
    return folder


def migration_study(folder: Path) -> Path:
    """Make a study of the simulated sources in a folder that does not exist."""
    unused = shutil.ignore_patterns("truth")
    shutil.copytree(_simulated() / "twin", folder / "twin", ignore=unused)
    sources = [_SOURCE.format(kind=k, file=f) for k, f in FILES.items()]
    (folder / "study.toml").write_text(_STUDY.format(draws=DRAWS) + "".join(sources))
    return folder


def run_study(folder: Path) -> tuple[list[str], set[str]]:
    """Run a study up to total migration; return its warnings and the tables written."""
    return _run(folder, passenger_survey, border, migration)


def rerun(folder: Path) -> tuple[list[str], set[str]]:
    """Make total migration again, of a survey that has run."""
    return _run(folder, migration)


def _run(folder: Path, *pipelines: Callable[[Study, Run], None]) -> tuple[list[str], set[str]]:
    study = read_study(folder)
    about = study.study
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(
            store, study=study.text, engine=about.engine, draws=about.draws, told=silent
        ) as run,
    ):
        for pipeline in pipelines:
            pipeline(study, run)
        return run.warnings, {vintage.table_name for vintage in run.written}


def rows_of(folder: Path, name: str) -> pa.Table:
    """Return the rows of a table in a study's store."""
    with open_store(folder / "store") as store:
        return store.collect(store.read(declared(name)))


def totals(rows: pa.Table, **where: str) -> dict[tuple[int, str], float]:
    """Return persons by year and flow, of everybody in the state."""
    where = {"by": "all", "nation": "all", "component": "total"} | where
    return {(r["year"], r["flow"]): r["persons"] for r in rows.to_pylist()
            if all(r[name] == value for name, value in where.items())}  # fmt: skip


def add_source(folder: Path, kind: str, file: str) -> None:
    """Add a source to a study."""
    with (folder / "study.toml").open("a") as text:
        text.write(f'\n[[sources]]\nkind = "{kind}"\nfile = "{file}"\n')


def publish(folder: Path, years: str) -> None:
    """Choose the years that a study publishes."""
    with (folder / "study.toml").open("a") as file:
        file.write(f"\n[migration]\n{years}\n")


def leave_out(folder: Path, *kinds: str) -> None:
    """Take sources out of a study."""
    text = (folder / "study.toml").read_text()
    for kind in kinds:
        text, count = re.subn(rf'\n\[\[sources\]\]\nkind = "{kind}"\nfile = "[^"]*"\n', "", text)
        assert count == 1
    (folder / "study.toml").write_text(text)


def change_rows(folder: Path, name: str, made_of: Callable[[pa.Table], pa.Table]) -> None:
    """Change a file of the study: a function of its rows."""
    path = folder / f"twin/views/{name}.parquet"
    pq.write_table(made_of(pq.read_table(path)), path)


def change_table(folder: Path, name: str, made_of: Callable[[pa.Table], pa.Table]) -> None:
    """Change a table that the survey has written: a function of its rows."""

    def change(study: Study, run: Run) -> None:
        rows = made_of(run.store.collect(run.read(declared(name))))
        with run.step(f"Change {name} of {study.study.title}"):
            if "draws" not in rows.column_names:
                run.write(declared(name), rows, method=change_table)
                return
            drawn = rows["draws"].cast(pa.list_(pa.float32(), DRAWS))
            rows = rows.set_column(rows.column_names.index("draws"), "draws", drawn)
            run.write_cells(declared(name), rows, method=change_table)

    _run(folder, change)


def own_component(folder: Path, rows: list[str], definition: str = "12_months") -> None:
    """Add a component of one's own of calendar years, lines of a CSV file."""
    lines = (f"{row},{definition},calendar_year\n" for row in rows)
    (folder / "own.csv").write_text(_OWN + "".join(lines))
    add_source(folder, "migration_component", "own.csv")
