"""Stays that ended, told against what had been stated when they began: who switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.sparse import sparse
from ravenstein.migration.component import DIRECTIONS, GROUPS, parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.core.sparse import SparseEstimate

    Floats = NDArray[np.float64]

KINDS = tuple(dict.fromkeys(GROUPS.values()))


@dataclass(frozen=True, eq=False)
class Cohorts:
    """Who began a stay (or absence) in each year, by what was stated and what became of it.

    All are of [directions, groups, years, …, 1 + K], the point first; groups are those of
    `GROUPS`. Asylum seekers are left out: they have a component of their own.

    Args:
        years: The years.
        stated: Those who stated 12 months or more [persons].
        short: Of those, who had left again within 12 months.
        long: Who had stated 12 months, and left after as many calendar years (1, 2, …) as the
            place on the fourth axis says, having stayed 12 months or more.
        switched: Who had stated less, stayed 12 months or more, and has left [by year of arrival].
        by_citizenship: `stated`, by citizenship [directions, citizenships, 1 + K].
    """

    years: tuple[int, ...]
    stated: Floats
    short: Floats
    long: Floats
    switched: Floats
    by_citizenship: Floats


def cohorts(cells: SparseEstimate, stays: SparseEstimate, years: Sequence[int]) -> Cohorts:
    """Return the cohorts of stays and absences.

    Args:
        cells: `survey_migrant_cells` [persons].
        stays: `survey_ended_stays` [persons].
        years: The years that are published, without a gap.
    """
    cells = _grouped(cells.where(~cells.labels["asylum"].astype(bool)))
    year = stays.labels["year"]
    known = (year >= years[0]) & (year <= years[-1]) & ~stays.labels["asylum"].astype(bool)
    stays = _grouped(stays.where(known))
    first = {"direction": DIRECTIONS, "group": KINDS, "year": list(years)}
    stated_long, length = stays.labels["stated_long"].astype(bool), stays.labels["length"]
    lag = stays.labels["ended"] - stays.labels["year"]
    lags = list(range(1, len(years) + 1))
    long = stays.relabelled(lag=np.maximum(lag, 1)).where(stated_long & (length >= 1))
    return Cohorts(
        tuple(years),
        cells.sums(first),
        stays.where(stated_long & (length < 1)).sums(first),
        long.sums(first | {"lag": lags}),
        stays.where(~stated_long & (length >= 1)).sums(first),
        cells.sums({"direction": DIRECTIONS, "citizenship": list(GROUPS)}),
    )


def window(years: Sequence[int], complete: int) -> list[NDArray[np.int64]]:
    """Return for each year the places of the years that it is pooled with.

    Args:
        years: The years.
        complete: Number of years, from the first on, that may be pooled.

    Returns:
        As many years as the parameter `switcher_years` says, the nearest ones.
    """
    size = min(int(parameters()["switcher_years"].values[-1][1]), complete)
    starts = [min(max(i - size // 2, 0), max(complete - size, 0)) for i in range(len(years))]
    return [np.arange(start, start + size) for start in starts]


def ratio(above: Floats, below: Floats) -> Floats:
    """Return a ratio, 0 where there is nobody below."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def by_citizenship(found: Floats, given: Cohorts) -> SparseEstimate:
    """Return figures of groups by citizenship: shared within the group as those who state.

    Args:
        found: Figures [directions, groups, years, 1 + K].
        given: The cohorts.
    """
    of = np.array([KINDS.index(group) for group in GROUPS.values()])
    whole = np.stack([given.by_citizenship[:, of == g].sum(axis=1) for g in range(len(KINDS))], 1)
    even = 1.0 / np.bincount(of)[of][None, :, None]
    share = np.where(whole[:, of] > 0, ratio(given.by_citizenship, whole[:, of]), even)
    values = found[:, of] * share[:, :, None]
    labels: dict[str, Sequence[Any]] = {
        "direction": DIRECTIONS, "citizenship": tuple(GROUPS), "year": given.years,
    }  # fmt: skip
    return sparse(values, labels, "persons")


def _grouped(cells: SparseEstimate) -> SparseEstimate:
    group = np.array([GROUPS[c] for c in cells.labels["citizenship"].tolist()], dtype=str)
    return cells.relabelled(group=group)


def steps(name: str, found: Floats, given: Cohorts) -> list[dict[str, Any]]:
    """Return rows of `migration_notes`: the point of a step by year and direction."""
    return [
        {"year": year, "direction": direction, "step": name, "value": float(found[d, y])}
        for d, direction in enumerate(DIRECTIONS)
        for y, year in enumerate(given.years)
    ]
