"""Short-term migration by area, and long-term and short-term together beside registrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.core.cells import estimate_from_rows
from ravenstein.core.errors import StoreError
from ravenstein.migration.component import parameters
from ravenstein.migration.short_term import area_rows, by_area, coherence
from ravenstein.pipelines.passenger_survey import columns_of, read_source
from ravenstein.store.files import schema
from ravenstein.store.provenance import FromTable
from ravenstein.tables.migration import MIGRATION_COHERENCE, MIGRATION_COMPONENTS, SHORT_TERM_AREAS
from ravenstein.tables.survey_results import SURVEY_MIGRANT_CELLS, SURVEY_SHORT_TERM

if TYPE_CHECKING:
    from ravenstein.core.estimate import Estimate
    from ravenstein.core.sparse import SparseEstimate
    from ravenstein.store.provenance import FromFile
    from ravenstein.store.run import Run
    from ravenstein.study import Study

_UN = "un_3_to_12_work_or_study"


@dataclass(frozen=True)
class Registered:
    """Numbers given to adult citizens of other states who came from abroad.

    Args:
        counts: How many, by year.
        origins: The files they are from.
    """

    counts: dict[int, int]
    origins: tuple[FromFile, ...]


def registered(study: Study) -> Registered | None:
    """Count the insurance register's immigrants by year; None where a study has none.

    The register has names and dates of birth: it is read, counted, and not kept.
    """
    sources = study.of_kind("insurance_register")
    if not sources:
        return None
    read = [read_source(study.folder, source, study.data_folders) for source in sources]
    rows = columns_of(pa.concat_tables([part for part, _ in read]))
    overseas = rows["overseas"].astype(bool)
    year = rows["registered_on"][overseas].astype("datetime64[Y]").astype(np.int64) + 1970
    years, counts = (values.tolist() for values in np.unique(year, return_counts=True))
    origins = tuple(origin for _, origins in read for origin in origins)
    return Registered(dict(zip(years, counts, strict=True)), origins)


def short_term(study: Study, run: Run, cells: SparseEstimate, given: Registered | None) -> None:
    """Share short-term immigration out to areas, and compare migrants with registrations.

    Nothing where the survey has no year whose stays have all ended.
    """
    table = SURVEY_SHORT_TERM.name
    try:
        rows = run.store.collect(run.read(SURVEY_SHORT_TERM))
    except StoreError:
        return
    found = estimate_from_rows(rows, "persons")
    with run.step("Short-term migration by area") as step:
        workers, origins = _workers(study)
        areas = sorted({*cells.distinct("area"), *(workers or ())})
        shared = by_area(found, cells, areas, workers)
        made = area_rows(shared)
        own = (FromTable(table), FromTable(SURVEY_MIGRANT_CELLS.name))
        behind: list[FromTable | FromFile] = [*own, *origins]
        run.write(
            SHORT_TERM_AREAS, pa.Table.from_pylist(made, schema(SHORT_TERM_AREAS)),
            method=by_area, inputs=behind, parameters=parameters(),
        )  # fmt: skip
        left = sum(row["persons"] is None for row in made)
        step.note = f"{len(made):,} figures, {left:,} of them left out for their error"
    if given is not None:
        _coherence(run, found, given)


def _workers(study: Study) -> tuple[dict[str, float] | None, list[FromFile]]:
    """Return registered workers by area, where the study has them."""
    sources = study.of_kind("worker_registrations")
    if not sources:
        return None, []
    read = [read_source(study.folder, source, study.data_folders) for source in sources]
    rows = columns_of(pa.concat_tables([part for part, _ in read]))
    areas, place = np.unique(rows["area"].astype(str), return_inverse=True)
    counts = np.bincount(place.ravel(), rows["persons"].astype(float))
    known = dict(zip(areas.tolist(), counts.tolist(), strict=True))
    return known, [origin for _, origins in read for origin in origins]


def _coherence(run: Run, found: Estimate, given: Registered) -> None:
    """Compare immigrants of other citizenships with numbers given to them, by year."""
    with run.step("Compare migrants with registrations") as step:
        made = coherence(_immigrants(run, found), given.counts)
        run.write(
            MIGRATION_COHERENCE,
            pa.Table.from_pylist(made, schema(MIGRATION_COHERENCE)),
            method=coherence,
            inputs=[FromTable(MIGRATION_COMPONENTS.name), FromTable(SURVEY_SHORT_TERM.name),
                    *given.origins],
        )  # fmt: skip
        step.note = f"{len(made)} years"


def _immigrants(run: Run, short: Estimate) -> Estimate:
    """Return long-term immigrants, and short-term ones for work or study, not British, by year."""
    import narwhals as nw

    frame = run.read(MIGRATION_COMPONENTS).filter(nw.col("by") == "citizenship")
    rows = run.store.collect(frame)
    kept = ["component", "nation", "direction", "year", "citizenship", "point", "draws"]
    long = estimate_from_rows(rows.select(kept), "persons").sum("component", "nation")
    years = [year for year in long.labels("year") if year in short.labels("year")]
    others = [c for c in short.labels("citizenship") if c != "british"]
    chosen = {"year": years, "direction": ["immigration"]}
    own = [c for c in long.labels("citizenship") if c not in ("british", "not_stated")]
    stays = short.select(definition=[_UN], citizenship=others, **chosen)
    return long.select(citizenship=own, **chosen).sum("direction", "citizenship") + stays.sum(
        "definition", "direction", "citizenship", "reason"
    )
