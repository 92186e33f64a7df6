"""Design-based estimates: totals, means, ratios, quantiles, domains and functions of them.

Each estimate is linearised: its influences (one a row and quantity) are totalled over the design.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ravenstein.core.errors import SurveyError
from ravenstein.core.estimate import estimate
from ravenstein.survey.design import codes
from ravenstein.survey.variance import centred_totals, covariance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ravenstein.core.estimate import Estimate
    from ravenstein.survey.design import Floats, SurveyDesign
    from ravenstein.survey.variance import Matrix

_STEP = 1e-30
_BLOCK = 16


@dataclass(frozen=True, eq=False)
class Linearised:
    """Estimates with their covariance by linearisation.

    Args:
        names: Name of each quantity.
        point: Estimates [q].
        covariance: Their covariance [q, q].
        degrees_of_freedom: PSUs minus strata.
        influences: Weighted influences before calibration [n, q], for functions of estimates.
    """

    names: tuple[str, ...]
    point: Floats
    covariance: Matrix
    degrees_of_freedom: int
    influences: Matrix

    def standard_error(self) -> Floats:
        """Return the standard errors [q]."""
        return np.sqrt(np.diag(self.covariance))

    def as_estimate(
        self,
        labels: Mapping[str, Sequence[str]],
        *,
        unit: str,
        draws: int,
        generator: np.random.Generator,
    ) -> Estimate:
        """Return an `Estimate` whose draws are normal with this covariance.

        Args:
            labels: Dimensions and labels that the q quantities fill.
            unit: Unit.
            draws: The study's number of draws.
            generator: Random generator of the step.
        """
        shape = tuple(len(names) for names in labels.values())
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        worlds = self.point[:, None] + root @ generator.standard_normal((values.size, draws))
        return estimate(self.point.reshape(shape), worlds.reshape(*shape, draws), labels, unit)

    def confidence_interval(self, level: float = 0.95, *, normal: bool = False) -> Matrix:
        """Return Wald intervals [q, 2], from Student's t on the degrees of freedom or normal."""
        half = critical(level, np.inf if normal else self.degrees_of_freedom)
        reach = half * self.standard_error()
        return np.stack([self.point - reach, self.point + reach], axis=1)


def critical(level: float, degrees_of_freedom: float) -> float:
    """Return the two-sided critical value of Student's t (normal for infinite degrees).

    Raises:
        SurveyError: If there are no degrees of freedom.
    """
    if not degrees_of_freedom > 0:
        raise SurveyError(
            "There are no degrees of freedom.",
            expected="more PSUs than strata",
            found=f"{degrees_of_freedom:g}",
            where="confidence interval",
            fix="Join strata, or use a normal interval.",
        )
    return float(stats.t.ppf(0.5 + level / 2, degrees_of_freedom))


def linearised(
    design: SurveyDesign, names: Sequence[str], point: Floats, influences: Matrix
) -> Linearised:
    """Return estimates from their weighted influences, calibration residuals taken."""
    residuals = influences
    spread: Any = 0.0
    # the last calibration is conditioned on first: its own totals are fixed
    for calibration in reversed(design.calibrations):
        spread = spread + calibration.added(residuals)
        residuals = calibration.residuals(residuals)
    with np.errstate(invalid="ignore"):
        spread = spread + covariance(design, residuals)
    wrong = int((~np.isfinite(point)).sum() + (~np.isfinite(spread)).sum())
    if wrong:
        raise SurveyError(
            "An estimate or its variance is not a number.",
            expected="finite values",
            found=f"{wrong} others",
            where=", ".join(names) or "estimate",
            fix="Look for values beyond what the function is defined for, or an empty domain.",
        )
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


def domain_totals(design: SurveyDesign, values: Any, domains: Any) -> tuple[Any, Floats, Floats]:
    """Estimate the total of one variable in every domain, with standard errors.

    Args:
        design: The design.
        values: Variable [n].
        domains: Domain of each row [n]; each row lies in one.

    Returns:
        The domains [d], totals [d] and standard errors [d]. The full covariance is not formed, so
        thousands of domains cost one pass over the rows.
    """
    domain, kinds = codes(domains)
    y, _ = _values(design, values, (), None)
    weighted = y[:, 0] * design.weights
    point: Floats = np.bincount(domain, weights=weighted, minlength=kinds.size).astype(np.float64)
    if design.calibrations or design.unequal is not None:
        return kinds, point, _domain_errors_in_blocks(design, weighted, domain, kinds.size)
    variance = np.zeros(kinds.size)
    for number, stage in enumerate(design.stages, start=1):
        size = stage.stratum.size
        place = stage.cluster * kinds.size + domain
        totals: Any = np.bincount(place, weights=weighted, minlength=size * kinds.size)
        centred, scale = centred_totals(
            stage, totals.reshape(size, kinds.size), design.lonely, number
        )
        variance += scale @ centred**2
    return kinds, point, np.sqrt(variance)


def _domain_errors_in_blocks(
    design: SurveyDesign, weighted: Floats, domain: Any, count: int
) -> Floats:
    """Linearise a few domains at a time, so that memory stays a few columns of n."""
    errors = np.empty(count)
    for start in range(0, count, _BLOCK):
        inside = [weighted * (domain == d) for d in range(start, min(start + _BLOCK, count))]
        block = linearised(design, (), np.zeros(len(inside)), np.stack(inside, axis=1))
        errors[start : start + len(inside)] = block.standard_error()
    return errors


def function(
    given: Linearised, design: SurveyDesign, formula: Callable[[Any], Any], name: str = "function"
) -> Linearised:
    r"""Estimate a smooth function of estimates.

    Args:
        given: Estimates.
        design: Their design.
        formula: Function of the estimates [q] to a number or an array; made of NumPy operations
            that are analytic (no absolute values or comparisons).
        name: Its name.

    Notes:
        $\hat\theta = f(\hat T)$ with influence $\sum_j f'_j u_{kj}$; the derivatives are exact to
        rounding, from complex steps of $10^{-30}$.

    Source:
        Deville, Survey Methodology 25, 1999; Squire, Trapp, SIAM Review 40, 1998.
    """
    slopes = []
    with np.errstate(all="ignore"):  # what is not finite is refused by name below
        point = np.atleast_1d(formula(given.point))
        for j in range(given.point.size):
            stepped = given.point.astype(np.complex128)
            stepped[j] += 1j * _STEP
            slopes.append(np.atleast_1d(formula(stepped)).imag / _STEP)
        influences = given.influences @ np.array(slopes)
    names = [name] if point.size == 1 else [f"{name} {i + 1}" for i in range(point.size)]
    return linearised(design, names, point, influences)


def variance(design: SurveyDesign, values: Any, *, where: Any = None) -> Linearised:
    r"""Estimate the population variance of a variable.

    Notes:
        $\hat S^2 = \frac{n}{n-1}\,\frac{\sum w_k (y_k-\bar y)^2}{\sum w_k}$.
    """
    y, _ = _values(design, values, (), where)
    inside = _domain(design, where)
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
    x = np.asarray(regressors, dtype=np.float64)
    y, _ = _values(design, response, (), None)
    w = design.weights[:, None]
    inverse = np.linalg.inv(x.T @ (x * w))
    slope = inverse @ (x.T @ (w * y))
    labels = tuple(names) or tuple(f"x{i + 1}" for i in range(x.shape[1]))
    return linearised(design, labels, slope[:, 0], w * (y - x @ slope) * (x @ inverse))


def quantile(
    design: SurveyDesign, values: Any, probabilities: Sequence[float], *, rule: str = "math"
) -> tuple[Floats, Floats, Matrix]:
    """Estimate quantiles, with Woodruff's intervals.

    Args:
        design: The design.
        values: Variable [n].
        probabilities: Which quantiles.
        rule: `math`, the inverse of the distribution function; or `hf7`, interpolated.

    Returns:
        Quantiles [q]; standard errors [q], the interval's length over twice its critical value;
        and 95 % intervals [q, 2].

    Source:
        Woodruff, Journal of the American Statistical Association 47, 1952; Hyndman, Fan, The
        American Statistician 50, 1996.
    """
    y, _ = _values(design, values, (), None)
    order = np.argsort(y[:, 0], kind="stable")
    ordered, weights = y[order, 0], design.weights[order]
    find = {"math": _inverse, "hf7": _interpolated}[rule]
    half = critical(0.95, design.degrees_of_freedom)
    points, intervals = [], []
    for probability in probabilities:
        point = find(ordered, weights, probability)
        share = mean(design, (y[:, 0] <= point).astype(np.float64))
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
    reached = np.cumsum(weights)
    place = np.concatenate([[0.0], reached[:-1]]) / reached[-2]
    return float(np.interp(probability, place, ordered))


def proportion_interval(
    design: SurveyDesign, given: Linearised, *, method: str = "logit", level: float = 0.95
) -> Matrix:
    """Return intervals of proportions that stay between 0 and 1.

    Args:
        design: The design.
        given: Proportions, from `mean` of 0 and 1.
        method: `logit`, or `korn_graubard` (exact binomial on the effective sample size).
        level: Confidence level.

    Returns:
        Lower and upper bounds [q, 2].

    Source:
        Korn, Graubard, Survey Methodology 24, 1998.
    """
    p, error = given.point, given.standard_error()
    df = design.degrees_of_freedom
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
    n = design.weights.size
    inner = np.where(error > 0, error, 1.0)  # no error, at 0 or 1: the sample's own size
    simple = np.where(error > 0, p * (1 - p) / inner**2, float(n))
    effective = simple * (critical(level, n - 1) / critical(level, df)) ** 2
    effective = np.minimum(effective, n)
    tail = (1 - level) / 2
    hits = effective * p
    lower = stats.beta.ppf(tail, hits, effective - hits + 1)
    upper = stats.beta.ppf(1 - tail, hits + 1, effective - hits)
    return np.stack([np.where(p == 0, 0.0, lower), np.where(p == 1, 1.0, upper)], axis=1)


def design_effect(design: SurveyDesign, values: Any, given: Linearised, *, of: str) -> Floats:
    r"""Return the design effect: the variance over that of simple random sampling.

    Args:
        design: The design.
        values: The variables [n] or [n, q].
        given: Their totals or means.
        of: `total` or `mean`.

    Notes:
        $V_{srs}(\bar y) = (1 - n/\hat N)\,\hat S^2/n$, and $\hat N^2$ times that for a total.
    """
    y, _ = _values(design, values, (), None)
    n, size = y.shape[0], design.weights.sum()
    if not size > n:
        raise SurveyError(
            "The weights do not sum to the population.",
            expected=f"a sum above the {n} rows",
            found=f"{size:g}",
            where="design_effect",
            fix="Use weights that expand the sample to its population.",
        )
    spread = np.array([variance(design, column).point[0] for column in y.T])
    simple = spread * (size - n) / (size * n) * (size**2 if of == "total" else 1)
    result: Floats = np.diag(given.covariance) / simple
    return result


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
