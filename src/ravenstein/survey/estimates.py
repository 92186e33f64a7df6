"""Design-based estimates: totals, means, ratios, quantiles, domains and functions of them.

Each estimate is linearised: its influences (one a row and quantity) are totalled over the design.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ravenstein.core.errors import SurveyError
from ravenstein.survey.variance import centred_totals, covariance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ravenstein.survey.design import Floats, SurveyDesign
    from ravenstein.survey.variance import Matrix

_STEP = 1e-30


@dataclass(frozen=True, eq=False)
class Linearised:
    """Estimates with their covariance by linearisation.

    Args:
        names: Name of each quantity.
        point: Estimates [q].
        covariance: Their covariance [q, q].
        degrees_of_freedom: PSUs minus strata.
        influences: Weighted influences before calibration [n, q], for functions of estimates.
        deff: Design effect of each, where asked for.
    """

    names: tuple[str, ...]
    point: Floats
    covariance: Matrix
    degrees_of_freedom: int
    influences: Matrix
    deff: Floats | None = None

    def standard_error(self) -> Floats:
        """Return the standard errors [q]."""
        return np.sqrt(np.diag(self.covariance))

    def confidence_interval(self, level: float = 0.95, *, normal: bool = False) -> Matrix:
        """Return Wald intervals [q, 2], from Student's t on the degrees of freedom or normal."""
        half = critical(level, np.inf if normal else self.degrees_of_freedom)
        reach = half * self.standard_error()
        return np.stack([self.point - reach, self.point + reach], axis=1)


def critical(level: float, degrees_of_freedom: float) -> float:
    """Return the two-sided critical value of Student's t (normal for infinite degrees)."""
    return float(stats.t.ppf(0.5 + level / 2, degrees_of_freedom))


def linearised(
    design: SurveyDesign, names: Sequence[str], point: Floats, influences: Matrix
) -> Linearised:
    """Return estimates from their weighted influences, calibration residuals taken."""
    residuals = influences
    for calibration in design.calibrations:
        residuals = calibration.residuals(residuals)
    spread = covariance(design, residuals)
    return Linearised(tuple(names), point, spread, design.degrees_of_freedom, influences)


def total(
    design: SurveyDesign, values: Any, *, names: Sequence[str] = (), where: Any = None
) -> Linearised:
    r"""Estimate totals.

    Args:
        design: The design.
        values: Variables [n] or [n, q]; not missing where `where` holds.
        names: Their names.
        where: The domain, true for its rows [n]; all rows where not given.

    Notes:
        $\hat T = \sum_k w_k y_k$; influence $w_k y_k$.
    """
    y, labels = _values(design, values, names, where)
    weighted = y * design.weights[:, None]
    return linearised(design, labels, weighted.sum(axis=0), weighted)


def mean(
    design: SurveyDesign, values: Any, *, names: Sequence[str] = (), where: Any = None
) -> Linearised:
    r"""Estimate means (of 0 and 1: proportions).

    Notes:
        $\bar y = \hat T_y/\hat N$; influence $w_k (y_k - \bar y)/\hat N$.
    """
    y, labels = _values(design, values, names, where)
    inside = _domain(design, where)
    w = design.weights * inside
    size = w.sum()
    _need_rows(size)
    point = (y * w[:, None]).sum(axis=0) / size
    return linearised(design, labels, point, (y - point) * (w / size)[:, None])


def ratio(
    design: SurveyDesign, numerator: Any, denominator: Any, *, where: Any = None
) -> Linearised:
    r"""Estimate a ratio of totals.

    Notes:
        $\hat R = \hat T_y/\hat T_x$; influence $w_k (y_k - \hat R x_k)/\hat T_x$.
    """
    y, _ = _values(design, numerator, (), where)
    x, _ = _values(design, denominator, (), where)
    w = design.weights
    bottom = float((w * x[:, 0]).sum())
    if bottom == 0:
        raise SurveyError(
            "A ratio has a denominator of zero.",
            expected="a denominator whose total is not 0",
            found="0",
            where="ratio",
            fix="Choose another domain or variable.",
        )
    point = (w[:, None] * y).sum(axis=0) / bottom
    return linearised(design, ("ratio",), point, (y - point * x) * (w / bottom)[:, None])


def _values(
    design: SurveyDesign, values: Any, names: Sequence[str], where: Any
) -> tuple[Matrix, tuple[str, ...]]:
    """Return values as a matrix, zero outside the domain; missing inside it raises."""
    y = np.asarray(values, dtype=np.float64)
    y = y[:, None] if y.ndim == 1 else y
    inside = _domain(design, where)
    missing = int((~np.isfinite(y[inside])).sum())
    if missing or len(y) != design.weights.size:
        raise SurveyError(
            "Values cannot be used.",
            expected=f"{design.weights.size} rows, none missing in the domain",
            found=f"{len(y)} rows, {missing} values missing",
            where="values",
            fix="Give a domain (where=…) of the rows that answered, or impute.",
        )
    labels = tuple(names) or tuple(f"value {i + 1}" for i in range(y.shape[1]))
    return np.where(inside[:, None], y, 0.0), labels


def _domain(design: SurveyDesign, where: Any) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if where is None:
        return np.ones(design.weights.size, dtype=np.bool_)
    return np.asarray(where, dtype=np.bool_)


def _need_rows(size: float) -> None:
    if size == 0:
        raise SurveyError(
            "A domain is empty.",
            expected="rows in the domain",
            found="none",
            where="domain",
            fix="Leave the domain out, or merge it with another.",
        )
