"""Sample design: how many PSUs in each stratum, and how densely within them, for a given cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError

if TYPE_CHECKING:
    from ravenstein.survey.design import Floats


@dataclass(frozen=True, eq=False)
class Frame:
    """What is known of each stratum before fieldwork.

    Args:
        psus: PSUs in the population, such as possible shifts [strata].
        size: Units a PSU, such as passengers a shift [strata].
        between: Variance of PSU totals, by variable [variables, strata].
        within: Variance of units within PSUs, by variable [variables, strata].
        psu_cost: Cost of a PSU [money, strata].
        unit_cost: Cost of a unit [money, strata].
    """

    psus: Floats
    size: Floats
    between: Any
    within: Any
    psu_cost: Floats
    unit_cost: Floats


@dataclass(frozen=True, eq=False)
class Allocation:
    """A sample design.

    Args:
        psus: PSUs to sample [strata].
        interval: Sampling interval within them [strata].
        cost: Expected cost [money].
        standard_errors: Expected standard error of each variable's total [variables].
    """

    psus: Floats
    interval: Floats
    cost: float
    standard_errors: Floats


def allocate(
    frame: Frame,
    budget: float,
    *,
    importance: Any = None,
    least: float = 2,
    longest_interval: float = np.inf,
) -> Allocation:
    r"""Find the allocation with the least weighted variance for a budget.

    Args:
        frame: What is known of the strata.
        budget: Cost that may be spent [money].
        importance: Weight of each variable's variance; 1 where not given. Give the inverse square
            of its total to weigh relative errors.
        least: Fewest PSUs a stratum.
        longest_interval: Longest sampling interval.

    Returns:
        The allocation, in fractions of PSUs and of intervals.

    Notes:
        $V_j = \sum_h \frac{N_h^2}{n_h}\left[(1-\frac{n_h}{N_h})S^2_{b,jh} + M_h(k_h-1)S^2_{w,jh}
        \right]$ and cost $\sum_h n_h(c_h + e_h M_h/k_h)$. The best interval does not depend on the
        number of PSUs: $k_h = \sqrt{(B_h - M_hW_h)e_h/(W_hc_h)}$ for weighted variances B, W;
        then $n_h \propto N_h\sqrt{Q_h/C_h}$ (Neyman), with strata at a limit fixed there and the
        rest shared again.

    Raises:
        SurveyError: If the budget does not pay for the fewest PSUs.

    Source:
        Cochran, Sampling Techniques, 1977, sections 5.5 and 10.6.
    """
    weights = np.ones(len(frame.between)) if importance is None else np.asarray(importance)
    between, within = weights @ frame.between, weights @ frame.within
    surplus = np.maximum(between - frame.size * within, 0) * frame.unit_cost
    price = np.maximum(within * frame.psu_cost, 1e-300)
    interval = np.clip(np.sqrt(surplus / price), 1, np.minimum(longest_interval, frame.size))
    spread = between + frame.size * (interval - 1) * within
    cost = frame.psu_cost + frame.unit_cost * frame.size / interval
    floor = np.minimum(least, frame.psus)
    if floor @ cost > budget:
        raise SurveyError(
            "The budget does not pay for the fewest PSUs.",
            expected=f"at least {floor @ cost:,.0f}",
            found=f"{budget:,.0f}",
            where="allocate",
            fix="Raise the budget, lower `least`, or join strata.",
        )
    psus = _shared(frame.psus * np.sqrt(spread / cost), cost, (floor, frame.psus), budget)
    return Allocation(psus, interval, float(psus @ cost), standard_errors(frame, psus, interval))


def standard_errors(frame: Frame, psus: Floats, interval: Floats) -> Floats:
    """Return the standard error to expect of each variable's total.

    Args:
        frame: What is known of the strata.
        psus: PSUs sampled [strata].
        interval: Sampling interval within them [strata].
    """
    first = (1 - psus / frame.psus) * frame.between
    second = frame.size * (interval - 1) * frame.within
    variance: Floats = ((frame.psus**2 / psus) * (first + second)).sum(axis=1)
    return np.sqrt(variance)


def _shared(ideal: Floats, cost: Floats, limits: tuple[Floats, Floats], budget: float) -> Floats:
    """Share a budget in proportion, within limits: those beyond a limit are fixed there."""
    low, high = limits
    fixed = np.full(ideal.size, np.nan)
    for _ in range(2 * ideal.size + 2):
        free = np.isnan(fixed)
        if not free.any():
            break
        left = budget - np.nansum(fixed * cost)
        share = ideal[free] * (left / (ideal[free] @ cost[free]))
        below, above = share < low[free], share > high[free]
        if not (below.any() or above.any()):
            fixed[free] = share
            break
        # of the two kinds, fix the one that breaks the budget more: the other may then be met
        short = ((low[free] - share) * cost[free])[below].sum()
        over = ((share - high[free]) * cost[free])[above].sum()
        places = np.flatnonzero(free)
        if short >= over:
            fixed[places[below]] = low[free][below]
        else:
            fixed[places[above]] = high[free][above]
    return fixed
