"""The cohort component method: a population by age rolled forward, and its account.

Arrays of stocks have the axes [years, areas, sexes, ages], the last age being open; flows of a year
stand at the age people have, or would have had, at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ravenstein.core.errors import AccountError, listed
from ravenstein.demography.ages import aged_on
from ravenstein.tables.population import EFFECTS, OTHER_CHANGES
from ravenstein.tables.population_by_age import OPEN_AGE, SEXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[Any]

Short = Literal["refuse", "residual"]


@dataclass(frozen=True)
class Cells:
    """What the axes of an account mean, to name cells in messages and rows.

    Args:
        areas: Area codes.
        years: Mid-years of the stocks, the opening one first.
        ages: Number of single ages, the last one open.
    """

    areas: tuple[str, ...]
    years: tuple[int, ...]
    ages: int = OPEN_AGE + 1

    def named(self, chosen: NDArray[np.bool_], values: Numbers, *, first: int = 1) -> str:
        """Say how many cells of [years, areas, sexes, ages] were chosen, and name the first.

        Args:
            chosen: The cells.
            values: Their values.
            first: Place in `years` of the first year of the array: 0 for stocks, 1 for flows.
        """
        places = np.argwhere(chosen)
        words = [
            f"{self.areas[a]} {SEXES[s]} {self.age(x)} {self.years[y + first]}: "
            f"{values[y, a, s, x]:g}"
            for y, a, s, x in places
        ]
        return f"{len(words)} cell{'s' if len(words) > 1 else ''}: {listed(words)}"

    def age(self, place: int) -> str:
        """Return the label of an age, `90+` for the open one."""
        return f"{place}+" if place == self.ages - 1 else str(place)


@dataclass(frozen=True, eq=False)
class Account:
    """A balanced account: stock = aged stock before + signed components + residual, in every cell.

    Args:
        cells: What the axes mean.
        population: Stocks [years, areas, sexes, ages] of all mid-years.
        components: Flows [years − 1, areas, sexes, ages] by component.
        residual: What they leave unexplained, of the same shape as flows.
    """

    cells: Cells
    population: Numbers
    components: dict[str, Numbers]
    residual: Numbers


def roll_forward(
    opening: Numbers, components: Mapping[str, Numbers], cells: Cells, *, short: Short = "refuse"
) -> Account:
    r"""Roll a population forward by its components.

    Args:
        opening: Persons at the first mid-year [areas, sexes, ages].
        components: Flows [years − 1, areas, sexes, ages] by component, deaths and outflows
            positive; births stand at age 0. Of a kind of migration either the net or both gross
            flows.
        cells: What the axes mean.
        short: What happens where more leave a cell than are in it: `refuse` raises and names the
            cells; `residual` leaves nobody and puts the missing persons into the residual.

    Returns:
        The account; its residual is 0 everywhere but where `short` put it.

    Raises:
        AccountError: If a component is unknown or counted twice, shapes differ, births stand at
            other ages, a flow is negative that cannot be, or more leave a cell than are in it.

    Notes:
        $P_t(x) = P_{t-1}(x-1) + B_t(x) - D_t(x) + \sum_c \pm F_{c,t}(x)$, with
        $B_t(x) = 0$ for $x > 0$ and $P_{t-1}(\omega - 1) + P_{t-1}(\omega)$ in the open age.
        Deaths at age 0 are infants born in the year.

    Source:
        ONS, Population estimates for the UK, mid-year: methods guide, the cohort component method.

    >>> cells = Cells(("A",), (2001, 2002), ages=2)
    >>> born = {"births": np.array([[[[3, 0], [2, 0]]]])}
    >>> roll_forward(np.array([[[5, 1], [4, 2]]]), born, cells).population[1].tolist()
    [[[3, 6], [2, 6]]]
    """
    flows = checked_components(components, cells)
    start = _stocks(np.asarray(opening)[None], cells, "the opening population", years=1)[0]
    change = signed(flows)
    kind = np.result_type(start, change)
    population = np.empty((len(cells.years), *start.shape), dtype=kind)
    residual = np.zeros(change.shape, dtype=kind)
    population[0] = start
    for year in range(len(cells.years) - 1):
        after = aged_on(population[year]) + change[year]
        below = after < 0
        if below.any() and short == "refuse":
            raise AccountError(
                "More people leave a cell than are in it.",
                expected="outflows and deaths of at most the stock and the inflows",
                found=cells.named(below[None], after[None], first=year + 1),
                where="roll-forward",
                fix="Correct the flows; or name what is missing as residual (short='residual', "
                "--allow-short).",
            )
        residual[year] = np.where(below, -after, 0)
        population[year + 1] = np.where(below, 0, after)
    return Account(cells, population, flows, residual)


def account_of(population: Numbers, components: Mapping[str, Numbers], cells: Cells) -> Account:
    r"""Return the account of published stocks and components, with what they leave unexplained.

    Args:
        population: Stocks of all mid-years [years, areas, sexes, ages].
        components: Flows by component, as in `roll_forward`.
        cells: What the axes mean.

    Raises:
        AccountError: As in `roll_forward`.

    Notes:
        $R_t(x) = P_t(x) - P_{t-1}(x-1) - \sum_c \pm F_{c,t}(x)$. Of figures with decimals, what is
        below a 1e-12th of the largest stock is the computer's rounding and no residual.

    >>> cells = Cells(("A",), (2001, 2002), ages=2)
    >>> stocks = np.array([[[[5, 1], [4, 2]]], [[[3, 5], [2, 6]]]])
    >>> account_of(stocks, {"births": np.array([[[[3, 0], [2, 0]]]])}, cells).residual.tolist()
    [[[[0, -1], [0, 0]]]]
    """
    flows = checked_components(components, cells)
    stocks = _stocks(np.asarray(population), cells, "the populations")
    residual = stocks[1:] - aged_on(stocks[:-1]) - signed(flows)
    if residual.dtype.kind == "f":
        residual[np.abs(residual) < 1e-12 * stocks.max(initial=1)] = 0
    return Account(cells, stocks, flows, residual)


def signed(components: Mapping[str, Numbers]) -> Numbers:
    """Return the sum of the components, each with its effect on the stock."""
    total: Numbers | None = None
    for name, flows in components.items():
        effect = flows if EFFECTS[name] > 0 else -flows
        total = effect if total is None else total + effect
    if total is None:
        raise _error("there are no components", "none", "at least births and deaths")
    return total


def special_changes(statics: Numbers, population: Numbers, cells: Cells) -> Numbers:
    r"""Return the special changes that keep static populations what they are.

    Armed forces, prisoners and boarders do not age in the account: they are taken out of the
    opening population and put back, as counted a year later, into the closing one.

    Args:
        statics: Persons of static populations at all mid-years [years, areas, sexes, ages].
        population: All persons, at the mid-years that are known, the first of them.
        cells: What the axes mean.

    Returns:
        The component `special_change` [years − 1, areas, sexes, ages].

    Raises:
        AccountError: If more are static in a cell than are in it.

    Notes:
        Rolling $P - S$ forward and adding $S'$ is the same as rolling $P$ with the special change
        $S'(x) - S(x-1)$: $P'(x) = [P(x-1) - S(x-1)] + F(x) + S'(x)$.

    Source:
        ONS, Population estimates for the UK, mid-year: methods guide, special populations.

    >>> cells = Cells(("A",), (2001, 2002), ages=3)
    >>> soldiers = np.array([[[[1, 2, 0], [0, 0, 0]]], [[[1, 2, 0], [0, 0, 0]]]])
    >>> special_changes(soldiers, soldiers + 5, cells).tolist()
    [[[[1, 1, -2], [0, 0, 0]]]]
    """
    held = _stocks(np.asarray(statics), cells, "the static populations")
    over = held[: len(population)] > population
    if over.any():
        raise AccountError(
            "More people are static than are there.",
            expected="static populations of at most the population, in every cell",
            found=cells.named(over, held[: len(population)], first=0),
            where="static populations",
            fix="Correct them; are both of the same areas, ages and mid-years?",
        )
    return held[1:] - aged_on(held[:-1])


def checked_components(components: Mapping[str, Numbers], cells: Cells) -> dict[str, Numbers]:
    """Return components as 64-bit numbers, whole or not all alike.

    Raises:
        AccountError: If one does not fit the cells, is unknown, negative or counted twice.
    """
    unknown = sorted(set(components) - set(EFFECTS))
    twice = [
        kind
        for kind in ("internal", "international")
        if f"{kind}_net" in components and {f"{kind}_in", f"{kind}_out"} & set(components)
    ]
    half = [
        kind
        for kind in ("internal", "international")
        if (f"{kind}_in" in components) != (f"{kind}_out" in components)
    ]
    if unknown or twice or half:
        raise _error(
            "components are unknown, counted twice or half there",
            f"unknown: {listed(unknown) or 'none'}; net and gross: {listed(twice) or 'none'}; "
            f"one direction only: {listed(half) or 'none'}",
            f"of {', '.join(EFFECTS)}; a net or both gross flows",
        )
    shape = (len(cells.years) - 1, len(cells.areas), len(SEXES), cells.ages)
    found = _alike({name: np.asarray(flows) for name, flows in components.items()})
    for name, flows in found.items():
        if flows.shape != shape:
            raise _error(
                f"{name} does not fit", str(flows.shape), f"{shape} [years, areas, sexes, ages]"
            )
        may_fall = name.endswith("_net") or name in OTHER_CHANGES
        wrong = ~np.isfinite(flows) if may_fall else ~(np.isfinite(flows) & (flows >= 0))
        if name == "births":
            wrong = wrong | ((flows != 0) & (np.arange(cells.ages) > 0))
        if wrong.any():
            raise _error(
                f"{name} has flows that cannot be",
                cells.named(wrong, flows),
                "births at age 0 only; numbers of 0 or more, none missing",
            )
    return found


def _stocks(given: Numbers, cells: Cells, what: str, *, years: int | None = None) -> Numbers:
    """Return stocks as 64-bit numbers, if they fit the cells."""
    shape = (years or len(cells.years), len(cells.areas), len(SEXES), cells.ages)
    stocks = _alike({"stocks": given})["stocks"]
    if stocks.shape != shape:
        raise _error(
            f"{what} cannot be used", str(stocks.shape), f"{shape} [years, areas, sexes, ages]"
        )
    wrong = ~(np.isfinite(stocks) & (stocks >= 0))
    if wrong.any():
        found = cells.named(wrong, stocks, first=0)
        raise _error(f"{what} cannot be used", found, "0 or more in every cell, none missing")
    return stocks


def _alike(given: dict[str, Numbers]) -> dict[str, Numbers]:
    """Return arrays as int64, or as float64 where one of them has decimals.

    Unsigned and short integers would wrap around when flows are taken away.
    """
    whole = all(values.dtype.kind in "iub" for values in given.values())
    kind = np.int64 if whole else np.float64
    return {name: values.astype(kind, copy=False) for name, values in given.items()}


def _error(what: str, found: str, expected: str) -> AccountError:
    return AccountError(
        f"The account by age cannot be made: {what}.",
        expected=expected,
        found=found,
        where="account by age",
        fix="Correct the source of these figures.",
    )
