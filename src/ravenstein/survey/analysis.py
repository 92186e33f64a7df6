"""Variance of a variable, linear regression, design effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError, listed
from ravenstein.survey.estimates import Linearised, checked, linearised, mean
from ravenstein.survey.stages import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Floats


def variance(design: SurveyDesign, values: Any, *, where: Any = None) -> Linearised:
    r"""Estimate the population variance of a variable.

    Notes:
        $\hat S^2 = \frac{n}{n-1}\,\frac{\sum w_k (y_k-\bar y)^2}{\sum w_k}$.
    """
    y, _, inside = checked(design, values, (), where)
    n = int(inside.sum())
    if n < 2:
        raise SurveyError(
            "A variance needs two rows.",
            expected="two or more rows in the domain",
            found=str(n),
            where="variance",
            fix="Choose a larger domain.",
        )
    centre = mean(design, y, where=where).point
    return mean(design, (y - centre) ** 2 * n / (n - 1), names=("variance",), where=where)


def regression(
    design: SurveyDesign, response: Any, regressors: Any, *, names: Sequence[str] = ()
) -> Linearised:
    r"""Estimate the coefficients of a linear regression in the population.

    Args:
        design: The design.
        response: y [n].
        regressors: X [n, p], with its constant.
        names: Names of the regressors.

    Notes:
        $\hat B = (X^\top W X)^{-1} X^\top W y$; influence $w_k (X^\top W X)^{-1} x_k e_k$.

    Source:
        Binder, International Statistical Review 51, 1983.
    """
    x = numbers(regressors, "regressors")
    y, _, _ = checked(design, response, (), None)
    w = design.weights[:, None]
    if x.ndim != 2 or x.shape[0] != y.shape[0]:
        raise SurveyError(
            "Regressors do not fit.",
            expected=f"a matrix of {y.shape[0]} rows",
            found=f"shape {x.shape}",
            where="regression",
            fix="Stack the columns, the constant among them.",
        )
    gram = x.T @ (x * w)
    size = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    values, vectors = np.linalg.eigh(gram / np.outer(size, size))
    if not values[0] > 1e-12:
        among = np.flatnonzero(np.abs(vectors[:, 0]) > 1e-6)
        raise SurveyError(
            "Regressors are not independent of each other.",
            expected="columns of which none is a combination of others",
            found=listed([names[i] if names else f"x{i + 1}" for i in among.tolist()]),
            where="regression",
            fix="Leave one of them out.",
        )
    inverse = np.linalg.inv(gram)
    slope = inverse @ (x.T @ (w * y))
    labels = tuple(names) or tuple(f"x{i + 1}" for i in range(x.shape[1]))
    return linearised(design, labels, slope[:, 0], w * (y - x @ slope) * (x @ inverse))


def design_effect(
    design: SurveyDesign, values: Any, given: Linearised, *, of: str, where: Any = None
) -> Floats:
    r"""Return the design effect: the variance over that of simple random sampling.

    Args:
        design: The design.
        values: The variables [n] or [n, q].
        given: Their totals or means.
        of: `total` or `mean`.
        where: Their domain.

    Notes:
        $V_{srs}(\bar y) = (1 - n/\hat N)\,\hat S^2/n$, and $\hat N^2$ times that for a total; n,
        $\hat N$ and $\hat S^2$ are the domain's.
    """
    y, _, inside = checked(design, values, (), where)
    n, size = int(inside.sum()), float(design.weights[inside].sum())
    if not size > n or of not in ("total", "mean"):
        raise SurveyError(
            "There is no design effect.",
            expected=f"of total or mean; weights whose sum is above the {n} rows",
            found=f"of {of}, sum {size:g}",
            where="design_effect",
            fix="Use weights that expand the sample to its population.",
        )
    spread = np.array([variance(design, column, where=where).point[0] for column in y.T])
    if not (spread > 0).all():
        raise SurveyError(
            "A variable without spread has no design effect.",
            expected="values that differ",
            found=f"{int((spread <= 0).sum())} constants",
            where="design_effect",
            fix="Leave the constants out.",
        )
    simple = spread * (size - n) / (size * n) * (size**2 if of == "total" else 1)
    result: Floats = np.diag(given.covariance) / simple
    return result
