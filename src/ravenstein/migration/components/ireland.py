"""To and from the Irish Republic: its statistics office's counts, brought to calendar years."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.sparse import SparseEstimate, sparse
from ravenstein.migration.component import DIRECTIONS, Component, parameters
from ravenstein.tables.other_statistics import IRISH_AGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_SEXES = ("F", "M")


def ireland(
    rows: Mapping[str, NDArray[Any]],
    years: Sequence[int],
    draws: int,
    generator: np.random.Generator,
) -> Component:
    r"""Return long-term migration over the land border and otherwise to and from the Republic.

    Args:
        rows: Columns of `irish_migration`: persons by year to mid-April, direction (seen from this
            country), sex and age group.
        years: The calendar years that are published.
        draws: Number of draws.
        generator: The step's generator.

    Returns:
        Migrants by age group and sex; nationality, reason, area and nation are shared out as the
        survey's migrants from and to the European Union are. Years of which an April year is not
        there take the next one's level, with a wider error, and are provisional.

    Notes:
        $M_y = \tfrac{d}{D}A_y + (1-\tfrac{d}{D})A_{y+1}$ with $A_y$ the year to 15 April of
        $y$ and $d$ the days of $y$ up to it: moves are taken as even over a year. Draws are
        $A_y(1+c\,z_y)$ with one $z_y$ a year and direction, for its household survey's error; where
        $A$ is another year's, $z$ has $\sqrt{c^2+k\,g^2}$ at $k$ years' distance. Residents who
        moved in and out again between two Aprils are in no count; shorter stays are not either.

    Source:
        Central Statistics Office, Population and Migration Estimates, background notes; ONS,
        Long-Term International Migration: methodology, section on the Irish Republic.

    Raises:
        MigrationError: If there are no figures of any year, or a year within them is missing.
    """
    held = _held(rows)
    wanted = list(range(years[0], years[-1] + 2))
    near = np.clip(wanted, held[0], held[-1])
    away = np.abs(near - np.array(wanted))
    april = _sums(rows, held)[:, near - held[0]]
    error, change = (float(parameters()[n].values[-1][1]) for n in ("irish_error", "irish_change"))
    # one error a year of the source, whatever calendar years it goes into
    own = generator.standard_normal((len(DIRECTIONS), len(held), draws))[:, near - held[0]]
    factor = np.maximum(1 + error * own + change * _walked(away, near, draws, generator), 0)
    factor = np.concatenate([np.ones((*factor.shape[:2], 1)), factor], axis=2)
    levels = april[..., None] * factor[:, :, None, None]
    part = np.array([_part(year) for year in years])[:, None, None, None]
    values = part * levels[:, :-1] + (1 - part) * levels[:, 1:]
    known: dict[str, Sequence[Any]] = {
        "direction": DIRECTIONS, "year": years, "sex": _SEXES, "age_group": IRISH_AGES,
    }  # fmt: skip
    cells = sparse(values, known, "persons")
    country = np.full(cells.count, parameters()["irish_country"].values[-1][1])
    cells = cells.relabelled(country=country)
    late = tuple(y for y in years if y not in held or y + 1 not in held)
    notes = [
        {"year": y, "direction": d, "step": "years to April that are another year's",
         "value": float((away[i : i + 2] > 0).sum())}
        for d in DIRECTIONS for i, y in enumerate(years)
    ]  # fmt: skip
    return Component("ireland", (cells,), by=("country",), steps=notes, provisional=late)


def _walked(
    away: NDArray[np.int64],
    near: NDArray[np.int64],
    draws: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return random walks that begin where the source ends [directions, years, draws].

    Args:
        away: Years from each one to the nearest that the source has [years].
        near: That year [years].
        draws: Number of draws.
        generator: The step's generator.
    """
    walked = np.zeros((len(DIRECTIONS), away.size, draws))
    for end in np.unique(near[away > 0]):
        places = np.flatnonzero((near == end) & (away > 0))
        outward = places[np.argsort(away[places])]
        steps = generator.standard_normal((len(DIRECTIONS), outward.size, draws))
        walked[:, outward] = np.cumsum(steps, axis=1)
    return walked


def _held(rows: Mapping[str, NDArray[Any]]) -> list[int]:
    held: list[int] = sorted({int(year) for year in rows["year"].tolist()})
    gaps = sorted(set(range(held[0], held[-1] + 1)) - set(held)) if held else []
    if not held or gaps:
        raise MigrationError(
            "The Irish statistics do not hold every year.",
            expected="years to April, one after another",
            found=f"without {listed(gaps)}" if held else "no rows",
            where="irish_migration, column year",
            fix="Add the years; a year is named by the April at its end.",
        )
    return held


def _sums(rows: Mapping[str, NDArray[Any]], held: list[int]) -> NDArray[np.float64]:
    """Return persons [directions, years held, sexes, ages]."""
    cells = SparseEstimate(
        {name: rows[name] for name in ("direction", "year", "sex", "age_group")},
        rows["persons"].astype(np.float64)[:, None],
        "persons",
    )
    known = {"direction": DIRECTIONS, "year": held, "sex": _SEXES, "age_group": IRISH_AGES}
    found: NDArray[np.float64] = cells.sums(known)[..., 0]
    return found


def _part(year: int) -> float:
    """Return the share of a calendar year up to the 15th of April."""
    days = dt.date(year, 4, 15) - dt.date(year - 1, 12, 31)
    return days / (dt.date(year, 12, 31) - dt.date(year - 1, 12, 31))
