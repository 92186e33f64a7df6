"""Several sources of one flow: the sum of components, and the border beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.estimate import Estimate, estimate
from ravenstein.core.seeds import step_generator
from ravenstein.migration.combined import (
    Combined,
    SourceSeries,
    combine,
    counted,
    parameters,
    quality,
)
from ravenstein.migration.component import DIRECTIONS
from ravenstein.migration.forms import figures
from ravenstein.store.files import schema
from ravenstein.store.provenance import FromTable
from ravenstein.tables.border import BORDER_GAPS, BORDER_SUMMARY
from ravenstein.tables.migration import MIGRATION_COMPONENTS, MIGRATION_SOURCES
from ravenstein.tables.passenger_survey import SURVEY_TRAFFIC, SURVEY_UNSAMPLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.core.schema import Table
    from ravenstein.migration.component import Component
    from ravenstein.pipelines.short_term import Registered
    from ravenstein.store.run import Run
    from ravenstein.study import Study

_TRAFFIC = (SURVEY_TRAFFIC, SURVEY_UNSAMPLED)
_BORDER = (BORDER_SUMMARY, BORDER_GAPS)
_MONTHS = 12
_STEP = 0.1  # of coverage: a carrier more or less is no new way of counting


def combined(study: Study, run: Run, parts: Sequence[Component], given: Registered | None) -> None:
    """Combine the sum of components with the border's and a register's counts, for each flow.

    The border counts everybody whose crossings say that they changed residence, over the border
    that it watches; moves over the land border are added from the Irish statistics. Its coverage
    is measured by the passengers that ports count, and is not corrected: it is a bias that the
    model finds; so is the part of immigrants that a register sees. Nothing where a study has
    neither.
    """
    has_border = bool(study.of_kind("border_movements"))
    if not has_border and given is None:
        if study.migration.headline == "combined":
            run.warnings.append(
                "Total migration: the headline is the sum of components, as no other source of "
                "the flows is given"
            )
        return
    years = sorted({int(year) for part in parts[0].parts for year in part.distinct("year")})
    with run.step("Combine sources") as step:
        rows, names = [], []
        sampled, others = (_passengers(run, years, table) for table in _TRAFFIC)
        for place, direction in enumerate(DIRECTIONS):
            generator = step_generator(study.study.seed, f"migration/combined/{direction}")
            held, same = _framed(sampled, others), np.zeros(len(years), np.int64)
            sources = [SourceSeries("components", _sum_of(parts, place, years), held, same)]
            passengers = dict(zip(years, sampled + others, strict=True))
            border = _border(run, parts, (place, direction), passengers) if has_border else None
            sources += [border] if border else []
            seen = _seen(given, years) if direction == "immigration" else {}
            sources += [counted("insurance", seen, run.draws, generator)] if seen else []
            if len(sources) < 2:
                continue
            found = combine(sources, generator=generator)
            run.warnings += [f"{direction}: {note}" for note in found.notes if "explains" in note]
            rows += _rows(direction, found, sources)
            names.append(f"{direction}: {', '.join(source.name for source in sources)}")
        step.note = "; ".join(names) or "no second source of any year"
        if not rows:
            return
        run.write(
            MIGRATION_SOURCES,
            pa.Table.from_pylist(rows, schema(MIGRATION_SOURCES)),
            method=combine,
            inputs=[
                FromTable(MIGRATION_COMPONENTS.name),
                *(FromTable(table.name) for table in _TRAFFIC),
                *(FromTable(table.name) for table in _BORDER if has_border),
                *(given.origins if given else ()),
            ],
            parameters=parameters(),
        )


def _framed(sampled: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quality of the sum of components: less where passengers are not sampled."""
    unlike = float(parameters()["unsampled_unlike"].values[-1][1])
    missed = others / np.maximum(sampled + others, 1)
    return np.asarray(1 - unlike * missed)


def _seen(given: Registered | None, years: list[int]) -> dict[int, int]:
    """Return a register's counts of the years that have any."""
    counts = given.counts if given else {}
    return {year: counts[year] for year in years if counts.get(year)}


def _sum_of(parts: Sequence[Component], place: int, years: list[int]) -> Estimate:
    """Return the sum of components of one direction by year."""
    cells: dict[str, Sequence[Any]] = {"direction": list(DIRECTIONS), "year": years}
    whole = sum(
        part.where(np.isin(part.labels["year"], years)).sums(cells)[place]
        for component in parts
        for part in component.parts
    )
    values = np.asarray(whole)
    return estimate(values[:, 0], values[:, 1:], {"year": years}, "persons")


def _border(
    run: Run, parts: Sequence[Component], flow: tuple[int, str], traffic: dict[int, float]
) -> SourceSeries | None:
    """Return the border's migrants of the years that are wholly decided; None without any.

    Args:
        run: The run.
        parts: The components: moves over the land border are added from Ireland's.
        flow: Place and name of the direction.
        traffic: Passengers whom ports count, by year.
    """
    place, direction = flow
    years, passengers = list(traffic), np.array(list(traffic.values()))
    side = {"immigration": "arrival", "emigration": "departure"}[direction]
    summary = _rows_of(run, BORDER_SUMMARY)
    rule = summary["window"] == summary["window"][0]
    rule &= summary["threshold"] == summary["threshold"][0]
    year = summary["month"].astype("datetime64[Y]").astype(np.int64) + 1970
    own = rule & (summary["direction"] == side)
    crossings = _by_year(year, summary["crossings"], rule, years)
    months = _by_year(year, np.ones(year.size), own, years)
    undecided = _by_year(year, summary["undecided"], own, years)
    migrants = _by_year(year, summary["migrants"], own, years)
    kept = (months == _MONTHS) & (undecided == 0) & (migrants > 0) & (passengers > 0)
    held = [y for y, chosen in zip(years, kept, strict=True) if chosen]
    if not held:
        return None
    land = [c for c in parts if c.name == "ireland"]
    added = _sum_of(land, place, held) if land else None
    count = migrants[kept]
    draws = np.repeat(count[:, None], run.draws, axis=1)
    point = count + (added.point.values if added else 0.0)
    draws = draws + (added.draws.values if added else 0.0)
    coverage = np.clip(crossings[kept] / passengers[kept], 1e-3, 1.0)
    gaps = _gaps(run, years)[kept]
    regime = np.cumsum(np.abs(np.diff(coverage, prepend=coverage[0])) > _STEP)
    series = estimate(point, draws, {"year": held}, "persons")
    return SourceSeries("border", series, quality(coverage, gaps), regime)


def _gaps(run: Run, years: list[int]) -> NDArray[np.float64]:
    """Return the share of crossings that repeat a direction, by year."""
    rows = _rows_of(run, BORDER_GAPS)
    year = rows["month"].astype("datetime64[Y]").astype(np.int64) + 1970
    whole, again = (
        _by_year(year, rows[name], np.ones(year.size, np.bool_), years)
        for name in ("crossings", "repeated")
    )
    return np.asarray(again / np.maximum(whole, 1))


def _passengers(run: Run, years: list[int], table: Table) -> NDArray[np.float64]:
    """Return passengers whom ports count, both ways, by year."""
    rows = _rows_of(run, table)
    year = rows["month"].astype("datetime64[Y]").astype(np.int64) + 1970
    return _by_year(year, rows["passengers"], np.ones(year.size, np.bool_), years)


def _rows_of(run: Run, table: Table) -> dict[str, NDArray[Any]]:
    rows = run.store.collect(run.read(table))
    return {
        name: np.asarray(rows[name].to_numpy(zero_copy_only=False)) for name in rows.column_names
    }


def _by_year(
    year: NDArray[np.int64], values: Any, chosen: NDArray[np.bool_], years: list[int]
) -> NDArray[np.float64]:
    kept = chosen & (year >= years[0]) & (year <= years[-1])
    given = np.asarray(values, dtype=np.float64)
    counts = np.bincount(year[kept] - years[0], given[kept], minlength=len(years))
    return counts.astype(np.float64)


def _rows(direction: str, found: Combined, sources: Sequence[SourceSeries]) -> list[dict[str, Any]]:
    rows = []
    nothing: dict[str, float | None] = {"bias": None, "bias_lower": None, "bias_upper": None}
    for name, series in [("combined", found.flow), *((s.name, s.flow) for s in sources)]:
        error = series.draws.values.std(axis=-1, ddof=1)
        bias = found.bias.get(name)
        bounds = bias.confidence_interval().values if bias else None
        for i, year in enumerate(series.labels("year")):
            known = nothing
            if bias is not None and bounds is not None:
                value, (low, high) = float(bias.point.values[i]), bounds[i].tolist()
                known = {"bias": value, "bias_lower": low, "bias_upper": high}
            own = figures(float(series.point.values[i]), float(error[i]))
            rows.append({"flow": direction, "year": year, "source": name} | own | known)
    return rows
