"""Components known as totals of areas, spread over sexes and ages by model patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import AccountError, listed
from ravenstein.demography.ages import aged_on
from ravenstein.tables.population import OTHER_CHANGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BOYS = 105 / 205
"""Share of boys among births: 105 to 100."""

YOUNG = (17, 30)
"""Ages from which and below which people leave home, study and begin to work."""

_HALVINGS = 80
_ROUNDS = 20
_MOST = 0.95  # share of a cell that a pattern may let go


def spread_year(
    opening: Any, totals: Mapping[str, Any], rates: Mapping[str, Any]
) -> dict[str, Floats]:
    r"""Spread one year's components of areas over sexes and ages.

    Args:
        opening: Persons at the mid-year before [areas, sexes, ages].
        totals: Of each area [areas]: `births`, `deaths`, `internal_in`, `internal_out`,
            `international_in`, `international_out`, and other changes, which may be negative.
        rates: Model rates by sex and age at the end of the year: of `deaths`, `internal_out` and
            `international_out` [sexes, ages] a person and year, or of areas [areas, sexes, ages];
            for inflows, the shape of who comes, in the same shapes.

    Returns:
        The components [areas, sexes, ages], each adding to its totals.

    Raises:
        AccountError: If more leave an area than live in it, or totals or rates are negative or
            missing.

    Notes:
        Inflows: total × shape. Exits, in the order emigrants, movers, deaths, each from those who
        are left: $E_a(x) = N_a(x)\,(1 - e^{-\kappa_a h(x)})$ with one root $\kappa_a$ an area, so
        that no cell loses more than it has. Other changes are spread as the population is; those
        that take people away do so as exits do.

    Source:
        Docs/explanation/roll-forward.md; model patterns: Rogers and Castro (1981).
    """
    _check(totals, rates)
    here = aged_on(np.asarray(opening, dtype=np.float64))
    found: dict[str, Floats] = {"births": np.zeros_like(here)}
    births = np.asarray(totals["births"], dtype=np.float64)
    found["births"][:, 0, 0], found["births"][:, 1, 0] = births * BOYS, births * (1 - BOYS)
    here = here + found["births"]
    for name in ("internal_in", "international_in"):
        shape = np.broadcast_to(rates[name], here.shape)
        found[name] = _of(totals[name]) * shape / shape.sum(axis=(1, 2), keepdims=True)
        here = here + found[name]
    for name in ("international_out", "internal_out", "deaths"):
        found[name] = exits(here, np.asarray(totals[name], dtype=np.float64), rates[name], name)
        here = here - found[name]
    for name in [name for name in totals if name not in found]:
        change = np.asarray(totals[name], dtype=np.float64)
        less = exits(here, np.maximum(-change, 0), np.ones(here.shape[1:]), name)
        found[name] = _to(here, np.maximum(change, 0)) - less
        here = here + found[name]
    return found


def settled_moves(
    opening: Any, totals: Mapping[str, Any], rates: Mapping[str, Any], *, ages: Any = YOUNG
) -> dict[str, Floats]:
    r"""Return model patterns of internal moves that keep places of study what they are.

    A model schedule alone lets students grow old where they studied. In these patterns an area
    keeps its share of the nation's people at each young age, as far as its totals allow.

    Args:
        opening: Persons at the mid-year before [areas, sexes, ages].
        totals: As in `spread_year`.
        rates: As in `spread_year`; `internal_out` [sexes, ages] is the model schedule.
        ages: First young age, and the first that is not.

    Returns:
        `internal_in` and `internal_out` for `spread_year` [areas, sexes, ages].

    Notes:
        Start: movers out by the schedule among those here, movers in by the schedule among the
        nation's, each scaled to the area's total. Then in turn: at young ages the flows nearest
        to these whose net brings the area's share $P_a(x) / \sum_a P_a(x)$ back, $in' =
        \tfrac12(n + \sqrt{n^2 + 4\,in\,out})$, $out' = in' - n$; and all ages are scaled to the
        totals again.

    Source:
        Rogers and Castro (1981) for the schedule; persistence of shares: the cohort share and
        ratio methods, Smith, Tayman and Swanson, A Practitioner's Guide to State and Local
        Population Projections (2013), chapter 8.
    """
    population = np.asarray(opening, dtype=np.float64)
    here = aged_on(population)
    here[..., 0] = population[..., 0]
    schedule = np.asarray(rates["internal_out"], dtype=np.float64)
    nation = here.sum(axis=0)
    into = _of(totals["internal_in"]) * nation * schedule / (nation * schedule).sum()
    out = _to(here * schedule, totals["internal_out"])
    abroad = _to(np.broadcast_to(rates["international_in"], here.shape), totals["international_in"])
    abroad = abroad - _to(here * rates["international_out"], totals["international_out"])
    survivors = here * np.exp(-np.asarray(rates["deaths"])) + abroad
    everyone = population.sum(axis=0, keepdims=True)
    share = np.divide(population, everyone, out=np.zeros_like(population), where=everyone > 0)
    net = (share * survivors.sum(axis=0) - survivors)[..., slice(*ages)]
    for _ in range(_ROUNDS):
        a, b = into[..., slice(*ages)], out[..., slice(*ages)]
        root = np.sqrt(net**2 + 4 * a * b)
        into[..., slice(*ages)] = np.maximum((root + net) / 2, 0)
        out[..., slice(*ages)] = np.maximum((root - net) / 2, 0)
        into, out = _to(into, totals["internal_in"]), _to(out, totals["internal_out"])
    can_go = np.maximum(here + into, 1e-9)
    leaving = -np.log1p(-np.minimum(out / can_go, _MOST))
    return {"internal_in": into, "internal_out": leaving}


def exits(stock: Floats, totals: Floats, hazard: Any, name: str) -> Floats:
    """Return exits by cell that add to a total and leave no cell below 0.

    Args:
        stock: Who can go [areas, sexes, ages].
        totals: Exits [areas].
        hazard: Relative hazards [sexes, ages] or [areas, sexes, ages], 0 or more.
        name: The component, for messages.

    Raises:
        AccountError: If a total is as large as those at risk, or larger.

    >>> left = exits(np.array([[[100.0, 100.0]]]), np.array([30.0]), np.array([[1.0, 2.0]]), "x")
    >>> round(float(left.sum()), 9)
    30.0
    """
    h = np.broadcast_to(np.asarray(hazard, dtype=np.float64), stock.shape)
    at_risk = np.where(h > 0, stock, 0).sum(axis=(1, 2))
    short = (totals >= at_risk) & (totals > 0)
    if short.any():
        raise AccountError(
            f"The total of {name} cannot come from the population.",
            expected="fewer than those at risk",
            found=f"{int(short.sum())} areas in which it is as large or larger",
            where=name,
            fix="Correct the totals; are areas and years those of the population?",
        )
    weighted = (stock * h).sum(axis=(1, 2))
    low = np.divide(totals, weighted, out=np.zeros_like(weighted), where=weighted > 0)
    high = low.copy()

    def left(kappa: Floats) -> Floats:
        return np.asarray(stock * -np.expm1(-kappa[:, None, None] * h))

    while ((lacking := left(high).sum(axis=(1, 2)) < totals) & (totals > 0)).any():
        high = np.where(lacking, 2 * high, high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        under = left(middle).sum(axis=(1, 2)) < totals
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    found = left(high)
    sums = found.sum(axis=(1, 2))
    # what bisection leaves, some 1e-16 of the total, is scaled away
    scale = np.divide(totals, sums, out=np.zeros_like(sums), where=sums > 0)
    return np.asarray(np.minimum(found * scale[:, None, None], stock))


def _check(totals: Mapping[str, Any], rates: Mapping[str, Any]) -> None:
    given = {**totals, **{f"rates of {name}": values for name, values in rates.items()}}
    wrong = {}
    for name, values in given.items():
        numbers = np.asarray(values, dtype=np.float64)
        below = (numbers < 0) & (name not in OTHER_CHANGES)
        wrong[name] = int((~np.isfinite(numbers) | below).sum())
    empty = [n for n in ("internal_in", "international_in") if not np.asarray(rates[n]).sum() > 0]
    bad = [name for name, count in wrong.items() if count] + [f"no shape of {n}" for n in empty]
    if bad:
        raise AccountError(
            "Totals cannot be spread over ages.",
            expected="totals and rates of 0 or more, none missing; only other changes below 0",
            found=listed(bad),
            where="age patterns",
            fix="Correct the totals or the model rates.",
        )


def _to(values: Floats, totals: Any) -> Floats:
    """Scale cells of areas to totals."""
    sums = values.sum(axis=(1, 2), keepdims=True)
    return np.asarray(values * np.divide(_of(totals), sums, out=np.zeros_like(sums),
                                         where=sums > 0))  # fmt: skip


def _of(totals: Any) -> Floats:
    return np.asarray(totals, dtype=np.float64)[:, None, None]
