"""A new sample design beside the old one: the effect, and the series on both bases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from ravenstein.core.errors import SurveyError, listed
from ravenstein.core.seeds import step_generator
from ravenstein.passenger_survey.migrants import DIRECTIONS
from ravenstein.passenger_survey.series import BASES, series_break
from ravenstein.store.database import open_store
from ravenstein.store.files import as_declared, write_csv
from ravenstein.tables.survey_results import (
    SURVEY_BREAK,
    SURVEY_MIGRANTS,
    SURVEY_SERIES,
    SURVEY_STAGES,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ravenstein.core.estimate import Estimate


def compare_designs(
    old: Path, new: Path, kind: Literal["ratio", "difference"]
) -> tuple[pa.Table, pa.Table]:
    """Compare the long-term migrants of two runs of the survey, of an old and a new design.

    Args:
        old: Folder of the old design's results, with its store.
        new: The new design's.
        kind: How the change is taken; net migration by difference in any case.

    Returns:
        Rows of `survey_break`, and of `survey_series`.

    Raises:
        StoreError: If a folder has no store, or it holds no migrants.
        SurveyError: If no year is of both, a year of both holds other months in one than in the
            other, or the series cannot be compared.
    """
    before, after = (_flows(folder) for folder in (old, new))
    _refuse_other_months(old, new)
    # the samples are independent: draw k of one must not share its random numbers with the other's
    order = step_generator(0, "series_break").permutation(after.draws.sizes["draw"])
    mixed = after.draws.isel(draw=order).assign_coords(draw=after.draws["draw"])
    after = replace(after, draws=mixed)
    found = series_break(before, after, kind=kind)
    whole = series_break(_net(before), _net(after), kind="difference")
    effects = {flow: (kind, found.effect.select(direction=[flow])) for flow in DIRECTIONS}
    effects["net"] = ("difference", whole.effect)
    breaks = [
        {
            "flow": flow,
            "kind": taken,
            "years": len(found.parallel),
            "effect": effect.point.values.item(),
            **_bounds(effect),
        }
        for flow, (taken, effect) in effects.items()
    ]
    flows = {f: found.series.select(direction=[f]).sum("direction") for f in DIRECTIONS}
    flows["net"] = flows["immigration"] - flows["emigration"]
    rows = [
        _row(flow, year, basis, part, measured=bool(found.measured[side, i]))
        for flow, series in flows.items()
        for i, year in enumerate(series.labels("year"))
        for side, basis in enumerate(BASES)
        for part in [series.select(basis=[basis], year=[year])]
    ]
    return (
        as_declared(SURVEY_BREAK, pa.Table.from_pylist(breaks)),
        as_declared(SURVEY_SERIES, pa.Table.from_pylist(rows)),
    )


def write_series(folder: Path, breaks: pa.Table, series: pa.Table) -> None:
    """Write both tables as CSV."""
    write_csv(breaks, folder / "survey_break.csv")
    write_csv(series, folder / "survey_series.csv")


def _flows(folder: Path) -> Estimate:
    with open_store(folder / "store") as store:
        return store.read_estimate(SURVEY_MIGRANTS).sum("citizenship", "reason")


def _refuse_other_months(old: Path, new: Path) -> None:
    """Refuse years of both designs that do not hold the same months."""
    months = []
    for folder in (old, new):
        with open_store(folder / "store") as store:
            rows = store.collect(store.read(SURVEY_STAGES).select("month").unique())
        months.append({(day.year, day.month) for day in rows["month"].to_pylist()})
    both = {year for year, _ in months[0]} & {year for year, _ in months[1]}
    differ = sorted(m for m in months[0] ^ months[1] if m[0] in both)
    if differ:
        raise SurveyError(
            "The designs did not run side by side in all months of a year.",
            expected="the same months in every year of both",
            found=listed([f"{year}-{month:02d} in one only" for year, month in differ]),
            where="series-break",
            fix="Run the survey on the months of both, or leave the year out of one of them.",
        )


def _net(flows: Estimate) -> Estimate:
    into, out = (flows.select(direction=[flow]).sum("direction") for flow in DIRECTIONS)
    return into - out


def _bounds(given: Estimate) -> dict[str, float]:
    low, high = given.confidence_interval().values.ravel().tolist()
    return {"lower": low, "upper": high}


def _row(flow: str, year: Any, basis: str, given: Estimate, *, measured: bool) -> dict[str, Any]:
    return {
        "flow": flow,
        "year": year,
        "basis": basis,
        "measured": measured,
        "persons": given.point.values.item(),
        "standard_error": given.standard_error().values.item(),
        **_bounds(given),
    }
