"""A small study of total migration, simulated once a process and copied for each test."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ravenstein.console import silent
from ravenstein.pipelines.border import border
from ravenstein.pipelines.migration import migration
from ravenstein.pipelines.passenger_survey import passenger_survey
from ravenstein.pipelines.twin import make_twin
from ravenstein.store.database import open_store
from ravenstein.store.run import start_run
from ravenstein.study import read_study
from ravenstein.twin.settings import settings

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
SURVEY = tuple(kind for kind in FILES if kind.startswith("survey_"))
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


def migration_study(folder: Path, *, without: tuple[str, ...] = (), more: str = "") -> Path:
    """Make a study of the simulated sources.

    Args:
        folder: Where; must not exist.
        without: Kinds of sources that it does not have.
        more: Text at the end of study.toml.
    """
    unused = shutil.ignore_patterns("truth")
    shutil.copytree(_simulated() / "twin", folder / "twin", ignore=unused)
    sources = [_SOURCE.format(kind=k, file=f) for k, f in FILES.items() if k not in without]
    (folder / "study.toml").write_text(_STUDY.format(draws=DRAWS) + "".join(sources) + more)
    return folder


def run_study(folder: Path) -> tuple[list[str], set[str]]:
    """Run a study up to total migration; return its warnings and the tables written."""
    study = read_study(folder)
    about = study.study
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(
            store, study=study.text, engine=about.engine, draws=about.draws, told=silent
        ) as run,
    ):
        passenger_survey(study, run)
        if study.of_kind("border_movements"):
            border(study, run)
        migration(study, run)
        return run.warnings, {vintage.table_name for vintage in run.written}
