"""Limits on weights and on values: trimming, and one-sided winsorisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError
from ravenstein.survey.estimates import checked

if TYPE_CHECKING:
    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Floats


def trim(design: SurveyDesign, lower: float, upper: float, *, strict: bool = False) -> SurveyDesign:
    """Cut weights off at limits and spread what is cut evenly over the others: the sum stays.

    Args:
        design: The design.
        lower: Smallest weight.
        upper: Largest weight.
        strict: Whether to repeat until no weight is outside.
    """
    weights, n = design.weights, design.weights.size
    total = float(weights.sum())
    if not lower <= upper or not n * lower <= total * (1 + 1e-12) <= n * upper * (1 + 2e-12):
        raise SurveyError(
            "The limits cannot hold the sum of the weights.",
            expected=f"limits around the mean weight, {total / n:g}",
            found=f"{lower:g} to {upper:g}",
            where="trim",
            fix="Widen the limits.",
        )
    for _ in range(n if strict else 1):
        outside = (weights < lower) | (weights > upper)
        free = ~outside
        if not outside.any():
            break
        cut = np.clip(weights, lower, upper)
        left = float((weights - cut).sum())
        if not free.any():  # all are at a limit: those away from the one that is reached are free
            free = cut < upper if left > 0 else cut > lower
        weights = cut + np.where(free, left / free.sum(), 0.0)
    if not (weights > 0).all():
        raise SurveyError(
            "Trimming once makes weights of 0 or less.",
            expected="weights above 0",
            found=f"{int((weights <= 0).sum())} others",
            where="trim",
            fix="Use strict=True, or wider limits.",
        )
    return design.with_weights(weights)


def winsorised(
    design: SurveyDesign, values: Any, limit: float, *, auxiliary: Any = None, factor: Any = None
) -> Floats:
    r"""Return values drawn in towards a cut-off above which they would cost more than they tell.

    Args:
        design: The design of one group, with its design weights a.
        values: Variable y [n].
        limit: L, the tuning constant of the group, above 0: from earlier data, so that the
            expected squared error is least.
        auxiliary: x of the ratio estimator [n]; 1 (expansion estimator) where not given.
        factor: Calibration factor g of the ratio estimator [n]; 1 where not given.

    Returns:
        $y^*$ [n], to be totalled with the weights $w = a g$.

    Notes:
        Cut-off $K_k = \hat\mu_k + \frac{L}{w_k - 1}$ with $\hat\mu_k = x_k \sum a y/\sum a x$;
        $y^* = \frac{y}{w} + K\left(1-\frac1w\right)$ where $y > K$ and $w > 1$, else y. Only the
        row's own part of its total is kept beyond the cut-off.

    Raises:
        SurveyError: If L is not above 0, or values are missing.

    Source:
        Kokic, Bell, Journal of Official Statistics 10, 1994; Clark, Winsorization methods in
        sample surveys, 1995.
    """
    y, _, _ = checked(design, values)
    x, _, _ = checked(design, np.ones(len(y)) if auxiliary is None else auxiliary)
    g, _, _ = checked(design, np.ones(len(y)) if factor is None else factor)
    a = design.weights
    bottom = float(a @ x[:, 0])
    if not limit > 0 or bottom == 0 or max(y.shape[1], x.shape[1], g.shape[1]) > 1:
        raise SurveyError(
            "Values cannot be winsorised.",
            expected="L above 0, one variable, one auxiliary whose total is not 0",
            found=f"L = {limit:g}, total {bottom:g}",
            where="winsorised",
            fix="Give the group's L from earlier data.",
        )
    w = a * g[:, 0]
    heavy = w > 1
    gap = np.divide(limit, w - 1, out=np.full(w.size, np.inf), where=heavy)
    cut = x[:, 0] * float(a @ y[:, 0]) / bottom + gap
    above = heavy & (y[:, 0] > cut)
    drawn: Floats = np.where(above, y[:, 0], 0.0) / w + np.where(above, cut, 0.0) * (1 - 1 / w)
    return np.where(above, drawn, y[:, 0])
