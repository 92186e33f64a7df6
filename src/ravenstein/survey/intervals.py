"""Quantiles with Woodruff's intervals, and intervals of proportions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ravenstein.core.errors import SurveyError
from ravenstein.survey.estimates import checked, critical, mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.estimates import Linearised
    from ravenstein.survey.stages import Floats
    from ravenstein.survey.variance import Matrix


def quantile(
    design: SurveyDesign,
    values: Any,
    probabilities: Sequence[float],
    *,
    rule: str = "math",
    where: Any = None,
) -> tuple[Floats, Floats, Matrix]:
    """Estimate quantiles, with Woodruff's intervals.

    Args:
        design: The design.
        values: Variable [n].
        probabilities: Which quantiles, between 0 and 1.
        rule: `math`, the inverse of the distribution function; or `hf7`, interpolated.
        where: The domain, true for its rows [n]; all rows where not given.

    Returns:
        Quantiles [q]; standard errors [q], the interval's length over twice its critical value;
        and 95 % intervals [q, 2].

    Source:
        Woodruff, Journal of the American Statistical Association 47, 1952; Hyndman, Fan, The
        American Statistician 50, 1996.
    """
    y, _, inside = checked(design, values, (), where)
    kept = np.flatnonzero(inside)
    order = kept[np.argsort(y[kept, 0], kind="stable")]
    ordered, weights = y[order, 0], design.weights[order]
    if rule not in _RULES or not all(0 < p < 1 for p in probabilities) or not (weights >= 0).all():
        raise SurveyError(
            "Quantiles cannot be computed.",
            expected="probabilities between 0 and 1; rule math or hf7; no negative weights",
            found=f"{list(probabilities)}, {rule}, {int((weights < 0).sum())} weights below 0",
            where="quantile",
            fix="Correct the call; calibrate with a lower bound of 0.",
        )
    find = _RULES[rule]
    whole = mean(design, np.ones(y.shape[0]), where=where)
    half = critical(0.95, whole.degrees_of_freedom)
    points, intervals = [], []
    for probability in probabilities:
        point = find(ordered, weights, probability)
        share = mean(design, (y[:, 0] <= point).astype(np.float64), where=where)
        low, high = share.confidence_interval()[0]
        points.append(point)
        intervals.append([find(ordered, weights, low), find(ordered, weights, high)])
    limits = np.array(intervals)
    return np.array(points), (limits[:, 1] - limits[:, 0]) / (2 * half), limits


def _inverse(ordered: Floats, weights: Floats, probability: float) -> float:
    reached = np.cumsum(weights)
    reached /= reached[-1]
    place = int(np.searchsorted(reached, probability * (1 - 1e-14)))
    return float(ordered[min(place, ordered.size - 1)])


def _interpolated(ordered: Floats, weights: Floats, probability: float) -> float:
    ordered, weights = ordered[weights > 0], weights[weights > 0]
    if ordered.size == 1:
        return float(ordered[0])
    reached = np.cumsum(weights)
    place = np.concatenate([[0.0], reached[:-1]]) / reached[-2]
    return float(np.interp(probability, place, ordered))


_RULES = {"math": _inverse, "hf7": _interpolated}


def proportion_interval(given: Linearised, *, method: str = "logit", level: float = 0.95) -> Matrix:
    r"""Return intervals of proportions that stay between 0 and 1.

    Args:
        given: Proportions, from `mean` of 0 and 1; of a domain, its rows and degrees of freedom
            count.
        method: `logit`, or `korn_graubard` (exact binomial on the effective sample size).
        level: Confidence level.

    Returns:
        Lower and upper bounds [q, 2].

    Notes:
        Effective size $n^* = \frac{p(1-p)}{V(p)}\left(\frac{t_{n-1}}{t_{df}}\right)^2$; n where the
        variance is 0.

    Source:
        Korn, Graubard, Survey Methodology 24, 1998.
    """
    p, error = given.point, given.standard_error()
    outside = int(((p < 0) | (p > 1)).sum())
    if outside or method not in ("logit", "korn_graubard"):
        raise SurveyError(
            "There is no such interval.",
            expected="proportions from 0 to 1; logit or korn_graubard",
            found=f"{outside} values outside, method {method}",
            where="proportion_interval",
            fix="Give means of 0 and 1 under weights above 0; choose one of the methods.",
        )
    df = given.degrees_of_freedom
    if method == "logit":
        if ((p <= 0) | (p >= 1)).any():
            raise SurveyError(
                "A logit interval is not defined at 0 or 1.",
                expected="proportions between 0 and 1",
                found=f"{int(((p <= 0) | (p >= 1)).sum())} at 0 or 1",
                where="proportion_interval",
                fix="Use method='korn_graubard'.",
            )
        centre, reach = np.log(p / (1 - p)), critical(level, df) * error / (p * (1 - p))
        bounds = np.stack([centre - reach, centre + reach], axis=1)
        inverse: Matrix = 1 / (1 + np.exp(-bounds))
        return inverse
    inner = np.where(error > 0, error, 1.0)  # no error, at 0 or 1: the sample's own size
    simple = np.where(error > 0, p * (1 - p) / inner**2, float(given.rows))
    effective = simple * (critical(level, given.rows - 1) / critical(level, df)) ** 2
    tail = (1 - level) / 2
    hits = effective * p
    lower = stats.beta.ppf(tail, hits, effective - hits + 1)
    upper = stats.beta.ppf(1 - tail, hits + 1, effective - hits)
    return np.stack([np.where(p == 0, 0.0, lower), np.where(p == 1, 1.0, upper)], axis=1)
