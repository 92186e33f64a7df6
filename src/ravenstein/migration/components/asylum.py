"""Asylum: applicants whom the survey does not meet, and removals past its interviewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.sparse import SparseEstimate, together
from ravenstein.migration.component import DIRECTIONS, Component, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

_INTO = {
    "0-17": (("0-14", 15 / 18), ("15-24", 3 / 18)),
    "18-29": (("15-24", 7 / 12), ("25-44", 5 / 12)),
    "30-49": (("25-44", 15 / 20), ("45-64", 5 / 20)),
    "50-69": (("45-64", 15 / 20), ("65+", 5 / 20)),
    "70+": (("65+", 1.0),),
    "not_stated": (("not_stated", 1.0),),
}
"""Age groups of the survey, and the share of single years of age in each."""


def asylum(
    given: Mapping[str, Columns],
    cells: SparseEstimate,
    years: Sequence[int],
    generator: np.random.Generator,
) -> Component:
    r"""Return asylum seekers, dependants and removals whom the survey has not counted.

    Args:
        given: Columns of `asylum_applications` and `returns`.
        cells: `survey_migrant_cells`: those who say that they come to seek asylum are taken off.
        years: The years that are published.
        generator: The step's generator.

    Returns:
        Migrants by citizenship, age group and sex. A cell is negative where the survey has counted
        more than there were; it is told in the steps, and is not cut off.

    Notes:
        Immigration: $s\,A_y - S_y$, applicants and dependants who stay for a year or longer, less
        those among the survey's migrants. Emigration: $\sum_k r\,(1-c_k)\,R_{ky}$ over enforced and
        voluntary returns, with $c_k$ the share that passed the interviewers; withdrawn cases
        without a recorded return leave as passengers, if they do, and are in the survey. The
        shares $s$ and $r$ are drawn (normal, one a run).

    Source:
        ONS, Long-Term International Migration: methodology, asylum seekers; Home Office, Asylum
        applications and Returns datasets.

    Raises:
        MigrationError: If a year has no applications.
    """
    stays, counted = (parameters()[n].values[-1][1] for n in ("asylum_stays", "asylum_counted"))
    draws = cells.draws
    shares = {
        name: np.concatenate(
            [[stays[name]], np.clip(generator.normal(stays[name], stays["error"], draws), 0, 1)]
        )
        for name in ("applied", "returned")
    }
    into, out = given["asylum_applications"], given["returns"]
    _refuse_gaps(into, years)
    left = np.array([1 - counted[kind] for kind in out["type"].tolist()])
    parts = [
        _part(into, into["persons"] * 1.0, "immigration", shares["applied"], years),
        _part(out, out["persons"] * left, "emigration", shares["returned"], years),
    ]
    said = cells.labels["asylum"].astype(bool) & (cells.labels["direction"] == "immigration")
    met = cells.where(said & np.isin(cells.labels["year"], years)).scaled(-1.0)
    component = [part for part in parts if part.count]
    return Component(
        "asylum",
        (*component, met) if met.count else tuple(component),
        by=("citizenship",),
        steps=_steps(parts, met, years),
    )


def _part(
    rows: Columns, persons: NDArray[np.float64], direction: str, share: NDArray[np.float64],
    years: Sequence[int],
) -> SparseEstimate:  # fmt: skip
    month = rows["quarter"].astype("datetime64[M]").astype(np.int64)
    year = month // 12 + 1970
    kept = np.isin(year, years)
    labels = {
        "year": year[kept],
        "quarter": month[kept] % 12 // 3 + 1,
        "citizenship": rows["citizenship"][kept].astype(str),
        "sex": rows["sex"][kept].astype(str),
    }
    cells = SparseEstimate(labels, persons[kept][:, None] * share, "persons")
    groups = rows["age_group"][kept]
    aged = [
        own.relabelled(age_group=np.full(own.count, name)).scaled(part)
        for group in sorted(set(groups.tolist()))
        for own in (cells.where(groups == group),)
        for name, part in _INTO[group]
    ]
    joined = together(aged or [cells.relabelled(age_group=np.zeros(0, dtype=str))])
    kind = {"direction": direction, "reason": "other"}
    return joined.relabelled(**{n: np.full(joined.count, v) for n, v in kind.items()})


def _refuse_gaps(rows: Columns, years: Sequence[int]) -> None:
    held = set((rows["quarter"].astype("datetime64[Y]").astype(np.int64) + 1970).tolist())
    gaps = [year for year in years if year not in held]
    if gaps:
        raise MigrationError(
            "There are years without applications for asylum.",
            expected=f"quarters of {years[0]} to {years[-1]}",
            found=f"none in {listed(gaps)}",
            where="asylum_applications, column quarter",
            fix="Add them, with 0 persons where nobody applied; or publish fewer years.",
        )


def _steps(
    parts: list[SparseEstimate], met: SparseEstimate, years: Sequence[int]
) -> list[dict[str, Any]]:
    found = []
    for name, direction, part in (
        ("applicants who stay a year", "immigration", parts[0]),
        ("of them in the survey", "immigration", met),
        ("removals past the survey", "emigration", parts[1]),
    ):
        total = part.sums({"direction": DIRECTIONS, "year": list(years)})
        values = total[DIRECTIONS.index(direction), :, 0]
        found += [
            {"year": year, "direction": direction, "step": name, "value": float(values[i])}
            for i, year in enumerate(years)
        ]
    return found
