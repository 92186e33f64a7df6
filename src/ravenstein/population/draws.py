"""Draws of a population rolled forward: known flows stay known, uncertain ones are drawn.

No cell of any draw goes below 0, and nothing is cut off to keep it so: those whom known flows will
take away later are set apart, and uncertain outflows take from the others only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from ravenstein.core.errors import AccountError, listed
from ravenstein.demography.ages import aged_on
from ravenstein.tables.population import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ravenstein.population.roll_forward import Account

    Floats = NDArray[np.float64]
    Ratios = Callable[[int, int, int], Mapping[str, Any]]


INFLOWS, OUTFLOWS = ("international_in", "internal_in"), ("international_out", "internal_out")


@dataclass(frozen=True, eq=False)
class Year:
    """One year of a block of draws.

    Args:
        year: Place of the year, 1 for the first after the opening.
        first: Number of the first draw.
        population: Stocks at its end [draws, areas, sexes, ages].
        flows: Uncertain flows as they were in each draw, by component, of the same shape; and
            `not_paid`, known exits that did not happen because nobody was there: the residual of
            the draw.
        known: The flows that are the same in all draws, signed and added [areas, sexes, ages].
        limited: Cells and draws in which an outflow was held back, because it would have taken
            more than half of those who could go, and more than the account's own share.
    """

    year: int
    first: int
    population: Floats
    flows: dict[str, Floats]
    known: Floats
    limited: int


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is the same in all draws, year by year [years, areas, sexes, ages].

    `aside`: those set apart for known exits, at the end of each year, the opening included;
    `extra`: known persons who join the others; `lacking`: known exits that must come from them.
    """

    aside: Floats
    extra: Floats
    lacking: Floats
    signed: Floats


def roll_forward_draws(
    account: Account, ratios: Ratios, *, draws: int, block: int = 50
) -> Iterator[Year]:
    r"""Roll a population forward in blocks of draws.

    Args:
        account: The account whose point values the draws are around, its opening stock known.
        ratios: Called with the place of a year (from 0), the first draw and the number of draws;
            returns, for each uncertain component, its draws over its point value, broadcastable to
            [draws, areas, sexes, ages]: finite, 0 or more, the same components in every year.
            International flows; and internal ones: of outflows alone where the areas are the whole
            country, and the inflows follow, in = out for every age and sex; of both where not.
        draws: Number of draws.
        block: Draws at a time.

    Yields:
        Each year of each block, block by block.

    Raises:
        AccountError: If a component cannot be uncertain, is not in the account, or a ratio cannot
            be.

    Notes:
        Known exits of a cohort (deaths, mostly) are paid by persons set apart: $C_t = \min(N_t,
        K_t, P_t)$, with $N_t$ what later known exits exceed later known entries by, and $K_t$ the
        known persons left. The others, $U = P - C$, can go. Uncertain exits that would be
        $X$ of $R$ who can go take the share $\sigma(X / R)$: $\sigma(x) = x$ up to
        $\tau = \max(\tfrac12, x_0)$ with $x_0$ the account's own share, and
        $1 - (1-\tau)^2/(1 - 2\tau + x)$ beyond, which is smooth and below 1. So draws are
        the given flows but for cells that a draw would nearly empty; these are counted. Holding
        back keeps people, so the mean of draws lies above the account there.

    Source:
        docs/explanation/roll-forward.md, derivation and checks.
    """
    named = set(ratios(0, 0, 1))
    uncertain = _uncertain(account, named)
    plan = _plan(account, uncertain)
    for first in range(0, draws, block):
        count = min(block, draws - first)
        free = np.repeat((account.population[0] - plan.aside[0])[None], count, axis=0)
        for year in range(len(account.cells.years) - 1):
            # the ratios of a year are drawn when they are needed, so that a block stays small
            given = _checked(ratios(year, first, count), named)
            free, flows, limited = _year(account, plan, year, given, free)
            stock = free + plan.aside[year + 1]
            yield Year(year + 1, first, stock, flows, plan.signed[year], limited)


def _uncertain(account: Account, named: set[str]) -> tuple[str, ...]:
    """Return the components that differ between draws: those named, and inflows that follow."""
    allowed = {*INFLOWS, *OUTFLOWS} & set(account.components)
    if not named <= allowed:
        raise AccountError(
            "A component cannot be drawn.",
            expected=f"gross flows of the account: {', '.join(sorted(allowed)) or 'it has none'}",
            found=", ".join(sorted(named - allowed)),
            where="draws of the account",
            fix="Draw one of these; a net flow does not say how many could go.",
        )
    inside = {"internal_in", "internal_out"}
    if not named & inside:
        return tuple(sorted(named))
    both = (account.components["internal_in"] - account.components["internal_out"]).sum(axis=1)
    whole = np.abs(both).max() <= 1e-6 * max(float(account.population.max()), 1.0)
    if whole != (named & inside == {"internal_out"}):
        raise AccountError(
            "Inflows would not be outflows: draw internal_out alone."
            if whole
            else "Inflows cannot follow outflows: these areas are not a whole country.",
            expected="over a whole country, internal_out alone: inflows follow; else both",
            found=f"{listed(sorted(named & inside))}; {int((np.abs(both) > 0).sum())} sums over "
            "areas of inflows and outflows that differ",
            where="draws of internal flows",
            fix="Leave out internal_in." if whole else "Give all areas; or draw internal_in too.",
        )
    return tuple(sorted(named | inside))


def _checked(given: Mapping[str, Any], named: set[str]) -> dict[str, Floats]:
    """Return one year's ratios, of the same components as before, finite and not negative."""
    found = {name: np.asarray(values, dtype=np.float64) for name, values in given.items()}
    wrong = sum(int((~np.isfinite(values) | (values < 0)).sum()) for values in found.values())
    if wrong or set(found) != named:
        raise AccountError(
            "Ratios of draws cannot be used.",
            expected=f"finite ones of 0 or more, of {', '.join(sorted(named))} in every year",
            found=f"{wrong} negative, missing or infinite; of {', '.join(sorted(found)) or 'none'}",
            where="draws of the account",
            fix="Give every component that is drawn a ratio in every year.",
        )
    return found


def _plan(account: Account, uncertain: tuple[str, ...]) -> _Plan:
    population = account.population.astype(np.float64)
    known = {n: f for n, f in account.components.items() if n not in uncertain}
    shape = account.residual.shape
    entries, exits = np.zeros(shape), np.zeros(shape)
    for effect, flows in [(EFFECTS[n], f) for n, f in known.items()] + [(1, account.residual)]:
        change = effect * flows
        entries += np.maximum(change, 0)
        exits += np.maximum(-change, 0)
    needed = np.zeros(population.shape)
    for year in range(shape[0] - 1, -1, -1):
        after = np.maximum(exits[year] + needed[year + 1] - entries[year], 0)
        needed[year, ..., :-1] = after[..., 1:]
        # the open age is reached from two ages: in proportion to who is in them
        both = population[year, ..., -2] + population[year, ..., -1]
        share = np.divide(population[year, ..., -1], both, out=np.zeros_like(both), where=both > 0)
        needed[year, ..., -2] = after[..., -1] * (1 - share)
        needed[year, ..., -1] = after[..., -1] * share
    aside, extra, lacking = np.zeros_like(needed), np.zeros(shape), np.zeros(shape)
    aside[0] = np.minimum(needed[0], population[0])
    for year in range(shape[0]):
        left = aged_on(aside[year]) + entries[year] - exits[year]
        lacking[year], there = np.maximum(-left, 0), np.maximum(left, 0)
        aside[year + 1] = np.minimum(np.minimum(needed[year + 1], there), population[year + 1])
        extra[year] = there - aside[year + 1]
    return _Plan(aside, extra, lacking, entries - exits)


def _year(
    account: Account, plan: _Plan, year: int, given: dict[str, Any], free: Floats
) -> tuple[Floats, dict[str, Floats], int]:
    """Roll one block of draws one year on; return who can go next, the flows and a count."""
    shape = free.shape
    zero = np.zeros(shape[1:])

    def part(name: str) -> tuple[Floats, Floats]:
        if name not in given:
            return zero, np.broadcast_to(np.float64(1.0), shape)
        point = np.asarray(account.components[name][year], dtype=np.float64)
        return point, np.broadcast_to(np.asarray(given[name], dtype=np.float64), shape)

    before = np.asarray(account.population[year] - plan.aside[year], dtype=np.float64)
    inflows = {name: np.multiply(*part(name)) for name in INFLOWS if name in given}
    came = sum(inflows.values(), start=np.zeros(shape))
    base = aged_on(before) + plan.extra[year] + sum(part(name)[0] for name in INFLOWS)
    moved_in = zero
    churn = zero
    abroad = part("international_out")
    out, out_ratio = part("internal_out")
    follow = "internal_out" in given and "internal_in" not in given
    if follow:
        moved_in = np.asarray(account.components["internal_in"][year], dtype=np.float64)
        wanted = plan.lacking[year] + abroad[0] + out
        # where movers-in feed the movers-out of the same cell, what both have in common is known
        churn = np.where(wanted > base, np.minimum(moved_in, out), 0.0)
        out, moved_in = out - churn, moved_in - churn
    wanted = plan.lacking[year] + abroad[0] + out
    after = np.empty(shape)
    left_abroad, left_area, lost = np.empty(shape), np.empty(shape), np.empty(shape)
    limited = _exits(
        free, (plan.extra[year], plan.lacking[year], base, wanted),
        came, abroad, (out, out_ratio),
        (after, left_abroad, left_area, lost),
    )  # fmt: skip
    flows: dict[str, Floats] = dict(inflows)
    if "internal_out" in given:
        flows["internal_out"] = left_area + churn
    if follow:
        unmet = (plan.lacking[year] - lost, np.multiply(*abroad) - left_abroad)
        arrived = _arrivals(left_area, moved_in, (after, lost, left_abroad), unmet)
        flows["internal_in"] = arrived + churn
    if "international_out" in given:
        flows["international_out"] = left_abroad
    # known exits that the others had to pay, and did not in full: the account's flexible part
    flows["not_paid"] = plan.lacking[year] - lost
    return after, flows, int(limited)


def _arrivals(
    left: Floats,
    moved_in: Floats,
    found: tuple[Floats, Floats, Floats],
    unmet: tuple[Floats, Floats],
) -> Floats:
    """Let those who left one area arrive in another, by the account's shares of inflows.

    Some who arrive die or leave in the same year: exits that nobody else could pay.

    Args:
        left: Who left areas [draws, areas, sexes, ages].
        moved_in: The account's inflows [areas, sexes, ages].
        found: Those who can go next, known exits paid, and emigrants: changed in place.
        unmet: Known exits and emigrants that were held back.

    Returns:
        Arrivals [draws, areas, sexes, ages], adding to those who left by sex and age.
    """
    after, lost, left_abroad = found
    total = moved_in.sum(axis=0, keepdims=True)
    share = np.divide(moved_in, total, out=np.zeros_like(moved_in), where=total > 0)
    arrived = left.sum(axis=1, keepdims=True) * share
    wanted = unmet[0] + unmet[1]
    paid = np.minimum(arrived, np.maximum(wanted, 0))
    rate = np.divide(paid, wanted, out=np.zeros_like(arrived), where=wanted > 0)
    lost += rate * unmet[0]
    left_abroad += rate * unmet[1]
    after += arrived - paid
    return np.asarray(arrived)


@numba.njit(cache=True, nogil=True, parallel=True)
def _exits(
    free: Any, known: Any, came: Any, abroad: Any, inside: Any, found: Any
) -> int:  # pragma: no cover  (compiled)
    extra, lacking, base, wanted = known
    out, out_ratio = abroad
    move, move_ratio = inside
    after, left_abroad, left_area, lost = found
    draws, areas, sexes, ages = free.shape
    limited = np.zeros(draws, dtype=np.int64)
    for k in numba.prange(draws):
        for a in range(areas):
            for s in range(sexes):
                for x in range(ages):
                    stock = free[k, a, s, x - 1] if x > 0 else 0.0
                    if x == ages - 1:
                        stock += free[k, a, s, x]
                    can = stock + extra[a, s, x] + came[k, a, s, x]
                    go = out[a, s, x] * out_ratio[k, a, s, x]
                    go_on = move[a, s, x] * move_ratio[k, a, s, x]
                    exits = go + go_on + lacking[a, s, x]
                    size, rest = 1.0, can - exits
                    if exits > 0.0:
                        limit = 0.5
                        if base[a, s, x] > 0.0:
                            limit = min(max(0.5, wanted[a, s, x] / base[a, s, x]), 1.0)
                        if exits > limit * can:
                            limited[k] += 1
                            if can > 0.0 and limit < 1.0:
                                ratio = exits / can
                                share = 1.0 - (1.0 - limit) ** 2 / (1.0 - 2.0 * limit + ratio)
                                size, rest = share / ratio, can * (1.0 - share)
                            else:
                                size, rest = can / exits, 0.0
                    left_abroad[k, a, s, x] = go * size
                    left_area[k, a, s, x] = go_on * size
                    lost[k, a, s, x] = lacking[a, s, x] * size
                    after[k, a, s, x] = rest
    return int(limited.sum())
