"""Sample design: how many PSUs in each stratum, and every how many-th unit within them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from ravenstein.core.errors import SurveyError
from ravenstein.survey.estimates import checked
from ravenstein.survey.stages import numbers

if TYPE_CHECKING:
    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Floats
    from ravenstein.survey.variance import Matrix

_EXTREME = 300.0  # logarithm of a price of variance beyond any other


@dataclass(frozen=True, eq=False)
class Frame:
    """What is known of each stratum before fieldwork.

    Args:
        population: PSUs (shifts) in the population N [H].
        between: Variance between PSU totals B, for each quantity [H] or [H, q].
        psu_cost: Cost of one PSU c [H].
        size: Mean number of units in a PSU M [H]; 1 where PSUs are the units.
        within: Variance of units within PSUs W [H] or [H, q]; 0 where PSUs are the units.
        unit_cost: Cost of one interview e [H].
        least: Fewest PSUs [H].
        most: Most PSUs [H]; the population where not given.
        interval: Shortest and longest sampling interval within PSUs.
    """

    population: Any
    between: Any
    psu_cost: Any = 1.0
    size: Any = 1.0
    within: Any = 0.0
    unit_cost: Any = 0.0
    least: Any = 2.0
    most: Any = np.inf
    interval: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Allocation:
    """A sample design, and what it is expected to give.

    Args:
        psus: PSUs in each stratum n [H].
        interval: Sampling interval within PSUs k [H].
        cost: Its cost.
        standard_errors: Expected standard error of each quantity's total [q].
    """

    psus: Floats
    interval: Floats
    cost: float
    standard_errors: Floats


def allocate(frame: Frame, budget: float, *, importance: Any = 1.0) -> Allocation:
    r"""Allocate a budget so that the expected variance of totals is least.

    Args:
        frame: The strata.
        budget: What fieldwork may cost, in units of the frame's costs.
        importance: Weight of each quantity's variance [q]; $1/\hat T^2$ weighs relative errors.

    Returns:
        The allocation, not yet in whole numbers (`whole` makes it so).

    Notes:
        $V = \sum_h \frac{N_h^2}{n_h}(B_h + M_h(k_h-1)W_h) - N_hB_h$ at cost
        $\sum_h n_h(c_h + e_hM_h/k_h)$. Inside the limits $k = \sqrt{(B-MW)e/(Wc)}$ and
        $n \propto N\sqrt{(B-MW+kMW)/(c+eM/k)}$ (Neyman's allocation where PSUs are units). At a
        limit of n, k is $\frac nN\sqrt{\lambda e/W}$ for that n. One λ, the price of variance in
        cost, holds for all strata and uses the whole budget, unless all limits are reached.

    Raises:
        SurveyError: If the budget does not pay the fewest PSUs at the longest interval.

    Source:
        Cochran, Sampling Techniques, 1977, sections 5.5 and 10.10; Neyman, Journal of the Royal
        Statistical Society 97, 1934.

    >>> two = allocate(Frame([100, 100], [1.0, 9.0]), 40)
    >>> two.psus.round(6).tolist()
    [10.0, 30.0]
    """
    strata = _strata(frame, importance)
    return strata.result(*_best_for(strata, budget))


def whole(frame: Frame, budget: float, *, importance: Any = 1.0) -> Allocation:
    """Allocate as `allocate` does, in whole PSUs and whole intervals, within the budget.

    Intervals are rounded, PSUs allocated again for them and rounded down; what is left of the
    budget buys PSUs one by one where one lowers the variance most for its cost.

    Args:
        frame: The strata; its fewest PSUs and shortest and longest intervals are whole numbers.
        budget: What fieldwork may cost.
        importance: Weight of each quantity's variance [q].
    """
    strata = _strata(frame, importance)
    _, interval = _best_for(strata, budget)
    shortest, longest = np.ceil(frame.interval[0]), np.floor(frame.interval[1])
    if shortest > longest:
        raise SurveyError(
            "There is no whole interval.",
            expected="limits with a whole number between them",
            found=f"{frame.interval[0]:g} to {frame.interval[1]:g}",
            where="whole",
            fix="Widen the limits.",
        )
    k = np.clip(np.round(interval), shortest, longest)
    if strata.cost(np.ceil(strata.least), k) > budget:  # rounding down made it too dear
        k = np.clip(np.ceil(interval), shortest, longest)
    strata = replace(strata, shortest=k, longest=k)
    n, _ = _best_for(strata, budget)
    n = np.maximum(np.floor(n + 1e-9), np.ceil(strata.least))
    price, spread = strata.price(k), strata.population**2 * strata.spread(k)
    left = budget - float(n @ price)
    while True:
        bought = (n + 1 <= strata.most) & (price <= left)
        gain = np.where(bought, spread / (n * (n + 1)) / price, 0.0)
        chosen = int(gain.argmax())
        if not gain[chosen] > 0:
            return strata.result(n, k)
        n[chosen] += 1
        left -= float(price[chosen])


def expected_errors(frame: Frame, psus: Any, interval: Any = 1.0) -> Floats:
    """Return the expected standard errors of totals under any design [q], before fieldwork.

    Args:
        frame: The strata.
        psus: PSUs in each stratum [H].
        interval: Sampling interval within PSUs [H].
    """
    strata = _strata(frame, 1.0)
    given = [numbers(v, "sample design") for v in (psus, interval)]
    if any(v.shape not in ((), (1,), strata.size.shape) for v in given):
        raise _misfit(strata.size.size, max((v.shape for v in given), key=len))
    n, k = (np.broadcast_to(v, strata.size.shape) for v in given)
    outside = int((~((n > 0) & (n <= strata.population))).sum())
    short = int((~((k >= 1) & np.isfinite(k))).sum())
    if outside or short:
        raise SurveyError(
            "A sample design cannot be used.",
            expected="PSUs above 0, at most the population's; intervals of 1 or more",
            found=f"{outside} strata outside, {short} intervals below 1",
            where="expected_errors",
            fix="Correct the design.",
        )
    return strata.result(n, k).standard_errors


def components(design: SurveyDesign, values: Any) -> tuple[Floats, Floats, Floats]:
    r"""Estimate the variances that `Frame` needs from an earlier two-stage sample.

    Args:
        design: Its design: PSUs, then units with their number in each PSU as fpc.
        values: Variable [n].

    Returns:
        Between PSU totals B, within PSUs W, mean size of PSUs M, of each stratum [H].

    Notes:
        $\hat B = s^2(\hat t_i) - \overline{M_i^2(1-f_i)s_i^2/m_i}$, not below 0;
        $\hat W = \sum M_is_i^2/\sum M_i$ over PSUs with two or more units.

    Raises:
        SurveyError: If there is no second stage with a finite population, or a stratum has fewer
            than two PSUs or none with two units.

    Source:
        Cochran, Sampling Techniques, 1977, section 10.4.
    """
    y, _, _ = checked(design, values)
    first, last = design.stages[0], design.stages[-1]
    m = np.bincount(first.cluster).astype(np.float64)
    units = last.cluster.size == last.stratum.size and len(design.stages) == 2
    size: Floats = m
    if units:
        size = np.bincount(first.cluster, weights=1 / last.fraction[last.cluster]).astype(m.dtype)
    mean = np.bincount(first.cluster, weights=y[:, 0]) / m
    squares = np.bincount(first.cluster, weights=(y[:, 0] - mean[first.cluster]) ** 2)
    own, several = squares / np.maximum(m - 1, 1), m > 1
    strata = first.sampled.size

    def summed(each: Floats) -> Floats:
        return np.bincount(first.stratum, weights=each, minlength=strata).astype(np.float64)

    inside = summed(np.where(several, size, 0.0))
    if not units or not np.isfinite(size).all() or (first.sampled < 2).any() or not inside.all():
        raise SurveyError(
            "Variances between and within PSUs cannot be told apart.",
            expected="two stages with the units' number as fpc, two PSUs a stratum and a PSU with "
            "two units",
            found=f"{len(design.stages)} stages, {int((first.sampled < 2).sum())} strata with one "
            f"PSU, {int((inside == 0).sum())} without a PSU of two units",
            where="components",
            fix="Join strata, or give the number of units in each PSU.",
        )
    within = summed(np.where(several, size * own, 0.0)) / inside
    totals = size * mean
    centred = totals - (summed(totals) / first.sampled)[first.stratum]
    between = summed(centred**2) / (first.sampled - 1)
    share = np.where(several, own, within[first.stratum]) * size * (size / m - 1)
    between = np.maximum(between - summed(share) / first.sampled, 0)
    return between, within, summed(size) / first.sampled


@dataclass(frozen=True, eq=False)
class _Strata:
    """The frame as arrays [H]; variances of each quantity [H, q], and of all by importance [H]."""

    population: Floats
    size: Floats
    psu_cost: Floats
    unit_cost: Floats
    least: Floats
    most: Floats
    shortest: Floats
    longest: Floats
    each: tuple[Matrix, Matrix]
    between: Floats
    within: Floats

    def spread(self, k: Floats) -> Floats:
        """Return what one PSU adds to the variance, of all quantities: B + M(k − 1)W."""
        return self.between + self.size * (k - 1) * self.within

    def price(self, k: Floats) -> Floats:
        """Return what one PSU costs: c + eM/k."""
        return self.psu_cost + self.unit_cost * self.size / k

    def best(self, price: float) -> tuple[Floats, Floats]:
        """Return PSUs and intervals that are best when variance costs `price` (λ)."""
        inner = (self.between - self.size * self.within) * self.unit_cost
        outer = self.within * self.psu_cost
        with np.errstate(divide="ignore", invalid="ignore"):
            k = np.sqrt(np.maximum(inner, 0) / outer)
            k = np.where(outer > 0, k, np.where(inner >= 0, np.inf, 0.0))
            k = np.clip(k, self.shortest, self.longest)
            free = self.population * np.sqrt(self.spread(k) / (price * self.price(k)))
            n = np.clip(free, self.least, self.most)
            fixed = n / self.population * np.sqrt(price * self.unit_cost / self.within)
        fixed = np.where(self.within > 0, fixed, np.inf)
        return n, np.where(n == free, k, np.clip(fixed, self.shortest, self.longest))

    def cost(self, n: Floats, k: Floats) -> float:
        """Return the cost of a design."""
        return float(n @ self.price(k))

    def result(self, n: Floats, k: Floats) -> Allocation:
        """Return a design with its cost and expected standard errors."""
        between, within = self.each
        inside = between + (self.size * (k - 1))[:, None] * within
        scale = (self.population**2 / n)[:, None]
        variance = (scale * inside - self.population[:, None] * between).sum(axis=0)
        return Allocation(n, k, self.cost(n, k), np.sqrt(np.maximum(variance, 0)))


def _misfit(expected: int, found: tuple[int, ...]) -> SurveyError:
    return SurveyError(
        "Values of the frame do not fit.",
        expected=f"one value for all, or {expected}",
        found=f"shape {found}",
        where="frame",
        fix="Give a value for each stratum; variances [H, q], importance [q].",
    )


def _strata(frame: Frame, importance: Any) -> _Strata:
    population = np.atleast_1d(numbers(frame.population, "population"))
    strata = population.size

    def column(values: Any) -> Floats:
        given = numbers(values, "frame")
        if given.shape not in ((), (1,), (strata,)):
            raise _misfit(strata, given.shape)
        return np.broadcast_to(given, strata).copy()

    def matrix(values: Any) -> Matrix:
        given = numbers(values, "frame")
        if given.ndim == 2 and (given.shape[0] != strata or given.shape[1] not in (1, shape[1])):
            raise _misfit(strata, given.shape)
        return np.broadcast_to(given if given.ndim == 2 else column(given)[:, None], shape)

    widths = [np.shape(v)[1] for v in (frame.between, frame.within) if np.ndim(v) == 2]
    shape = (strata, max([1, *widths]))
    between, within = matrix(frame.between), matrix(frame.within)
    weights = numbers(importance, "importance")
    if weights.shape not in ((), (1,), (shape[1],)):
        raise _misfit(shape[1], weights.shape)
    weight = np.broadcast_to(weights, shape[1])
    names = ("size", "psu_cost", "unit_cost", "least", "most")
    size, psu_cost, unit_cost, least, most = (column(getattr(frame, name)) for name in names)
    low, high = frame.interval
    every = (population, size, psu_cost + unit_cost, least, most)
    none_negative = (between, within, psu_cost, unit_cost, weight, population, size, least)
    if not (
        all(bool((part > 0).all()) for part in every)
        and all(bool((part >= 0).all() and np.isfinite(part).all()) for part in none_negative)
        and 1 <= low <= high < np.inf
    ):
        raise SurveyError(
            "The frame cannot be used.",
            expected="populations, sizes, costs and fewest PSUs above 0; variances and importance "
            "0 or more; intervals of 1 or more",
            found=f"{strata} strata, intervals {low:g} to {high:g}, "
            f"{sum(int((~(part > 0)).sum()) for part in every)} values not above 0, "
            f"{sum(int((~(part >= 0)).sum()) for part in none_negative)} below 0 or missing",
            where="frame",
            fix="Correct the frame.",
        )
    most = np.minimum(most, population)
    return _Strata(
        population, size, psu_cost, unit_cost, np.minimum(least, most), most,
        column(low), column(high), (between, within), between @ weight, within @ weight,
    )  # fmt: skip


def _best_for(strata: _Strata, budget: float) -> tuple[Floats, Floats]:
    """Return PSUs and intervals [H] for a budget: the price of variance is where it is used up."""
    smallest = strata.least, strata.longest
    least = strata.cost(*smallest)
    if not least <= budget * (1 + 1e-12):
        raise SurveyError(
            "The budget does not pay the smallest sample.",
            expected=f"{least:,.6g} or more",
            found=f"{budget:,.6g}",
            where="allocation",
            fix="Raise the budget, lower the fewest PSUs, or lengthen the longest interval.",
        )

    def over(log_price: float) -> float:
        return strata.cost(*strata.best(float(np.exp(log_price)))) - budget

    if over(-_EXTREME) <= 0:  # everything that lowers the variance is paid
        return strata.best(float(np.exp(-_EXTREME)))
    if over(_EXTREME) >= 0:
        return smallest
    return strata.best(float(np.exp(brentq(over, -_EXTREME, _EXTREME, xtol=1e-13, rtol=1e-14))))
