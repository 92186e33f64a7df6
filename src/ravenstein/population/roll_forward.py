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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[Any]

SEXES = ("M", "F")
"""The order of the axis of sexes."""

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
    ages: int = 91

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
    check_components(components, cells)
    shape = (len(cells.areas), len(SEXES), cells.ages)
    if opening.shape != shape or (opening < 0).any():
        raise _error(
            "the opening population does not fit",
            f"{opening.shape}, {int((opening < 0).sum())} negative cells",
            f"{shape} [areas, sexes, ages], 0 or more",
        )
    change = signed(components)
    kind = np.result_type(opening, change)
    population = np.empty((len(cells.years), *shape), dtype=kind)
    population[0] = opening
    for year in range(len(cells.years) - 1):
        np.add(aged_on(population[year]), change[year], out=population[year + 1])
        if short == "residual":
            np.maximum(population[year + 1], 0, out=population[year + 1])
    below = population < 0
    if below.any():
        raise AccountError(
            "More people leave a cell than are in it.",
            expected="outflows and deaths of at most the stock and the inflows",
            found=cells.named(below, population, first=0),
            where="roll-forward",
            fix="Correct the flows; or put what is missing into the residual (short = 'residual').",
        )
    residual = np.zeros_like(change, dtype=kind)
    if short == "residual":
        residual = population[1:] - aged_on(population[:-1]) - change
    return Account(cells, population, dict(components), residual)


def account_of(population: Numbers, components: Mapping[str, Numbers], cells: Cells) -> Account:
    r"""Return the account of published stocks and components, with what they leave unexplained.

    Args:
        population: Stocks of all mid-years [years, areas, sexes, ages].
        components: Flows by component, as in `roll_forward`.
        cells: What the axes mean.

    Raises:
        AccountError: As in `roll_forward`.

    Notes:
        $R_t(x) = P_t(x) - P_{t-1}(x-1) - \sum_c \pm F_{c,t}(x)$.

    >>> cells = Cells(("A",), (2001, 2002), ages=2)
    >>> stocks = np.array([[[[5, 1], [4, 2]]], [[[3, 5], [2, 6]]]])
    >>> account_of(stocks, {"births": np.array([[[[3, 0], [2, 0]]]])}, cells).residual.tolist()
    [[[[0, -1], [0, 0]]]]
    """
    check_components(components, cells)
    shape = (len(cells.years), len(cells.areas), len(SEXES), cells.ages)
    if population.shape != shape or (population < 0).any():
        raise _error(
            "the populations do not fit",
            f"{population.shape}, {int((population < 0).sum())} negative cells",
            f"{shape} [years, areas, sexes, ages], 0 or more",
        )
    residual = population[1:] - aged_on(population[:-1]) - signed(components)
    return Account(cells, population, dict(components), residual)


def signed(components: Mapping[str, Numbers]) -> Numbers:
    """Return the sum of the components, each with its effect on the stock."""
    total: Numbers | None = None
    for name, flows in components.items():
        effect = flows if EFFECTS[name] > 0 else -flows
        total = effect if total is None else total + effect
    if total is None:
        raise _error("there are no components", "none", "at least births and deaths")
    return total


def special_changes(statics: Numbers) -> Numbers:
    r"""Return the special changes that keep static populations what they are.

    Armed forces, prisoners and boarders do not age in the account: they are taken out of the
    opening population and put back, as counted a year later, into the closing one.

    Args:
        statics: Persons of static populations at all mid-years [years, areas, sexes, ages].

    Returns:
        The component `special_change` [years − 1, areas, sexes, ages].

    Notes:
        Rolling $P - S$ forward and adding $S'$ is the same as rolling $P$ with the special change
        $S'(x) - S(x-1)$: $P'(x) = [P(x-1) - S(x-1)] + F(x) + S'(x)$.

    Source:
        ONS, Population estimates for the UK, mid-year: methods guide, special populations.

    >>> special_changes(np.array([[[[1, 2, 0]]], [[[1, 2, 0]]]])).tolist()
    [[[[1, 1, -2]]]]
    """
    return statics[1:] - aged_on(statics[:-1])


def check_components(components: Mapping[str, Numbers], cells: Cells) -> None:
    """Refuse components that do not fit the cells, are unknown, negative or counted twice.

    Raises:
        AccountError: If one is so.
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
    for name, flows in components.items():
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


def _error(what: str, found: str, expected: str) -> AccountError:
    return AccountError(
        f"The account by age cannot be made: {what}.",
        expected=expected,
        found=found,
        where="account by age",
        fix="Correct the source of these figures.",
    )
