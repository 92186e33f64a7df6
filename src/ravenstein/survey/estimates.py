"""Design-based estimates: totals, means, ratios, quantiles, domains and functions of them.

Each estimate is linearised: its influences (one a row and quantity) are totalled over the design.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ravenstein.core.errors import SurveyError
from ravenstein.core.estimate import estimate
from ravenstein.survey.stages import codes, numbers
from ravenstein.survey.twophase import TwoPhaseDesign
from ravenstein.survey.variance import centres, covariance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate
    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Floats, LonelyPSU, Stage
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
        degrees_of_freedom: PSUs minus strata, of those with rows in the domain.
        rows: Rows in the domain.
        influences: Weighted influences before calibration [n, q], for `together` and `change`.
    """

    names: tuple[str, ...]
    point: Floats
    covariance: Matrix
    degrees_of_freedom: int
    rows: int
    influences: Matrix

    def standard_error(self) -> Floats:
        """Return the standard errors [q]."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0))

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
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        return scattered(
            self.point, root @ generator.standard_normal((values.size, draws)), labels, unit
        )

    def confidence_interval(self, level: float = 0.95, *, normal: bool = False) -> Matrix:
        """Return Wald intervals [q, 2], from Student's t on the degrees of freedom or normal."""
        half = critical(level, np.inf if normal else self.degrees_of_freedom)
        reach = half * self.standard_error()
        return np.stack([self.point - reach, self.point + reach], axis=1)


def scattered(
    point: Floats, apart: Matrix, labels: Mapping[str, Sequence[str]], unit: str
) -> Estimate:
    """Return an `Estimate` of points [q] and draws about them [q, draws], in the labels' shape."""
    shape = tuple(len(names) for names in labels.values())
    worlds = point[:, None] + apart
    return estimate(point.reshape(shape), worlds.reshape(*shape, apart.shape[1]), labels, unit)


def critical(level: float, degrees_of_freedom: float) -> float:
    """Return the two-sided critical value of Student's t (normal for infinite degrees).

    Raises:
        SurveyError: If there are no degrees of freedom.
    """
    if not degrees_of_freedom > 0 or not 0 < level < 1:
        raise SurveyError(
            "There are no degrees of freedom, or no such level.",
            expected="more PSUs than strata; a level between 0 and 1",
            found=f"{degrees_of_freedom:g} degrees, level {level:g}",
            where="confidence interval",
            fix="Join strata, or use a normal interval.",
        )
    return float(stats.t.ppf(0.5 + level / 2, degrees_of_freedom))


def linearised(
    design: SurveyDesign,
    names: Sequence[str],
    point: Floats,
    influences: Matrix,
    inside: Any = None,
) -> Linearised:
    """Return estimates from their weighted influences, calibration residuals taken.

    Args:
        design: The design.
        names: Name of each quantity.
        point: Estimates [q].
        influences: Weighted influences [n, q].
        inside: Whether each row is in the domain [n]; all rows where not given.
    """
    residuals, spread = conditioned(design, influences)
    with np.errstate(invalid="ignore"):
        spread = spread + covariance(design, residuals)
        _refuse_negative(spread, np.diag(residuals.T @ residuals), names)
    wrong = int((~np.isfinite(point)).sum() + (~np.isfinite(spread)).sum())
    if wrong:
        raise SurveyError(
            "An estimate or its variance is not a number.",
            expected="finite values",
            found=f"{wrong} others",
            where=", ".join(names) or "estimate",
            fix="Look for values beyond what the function is defined for, or an empty domain.",
        )
    whole = inside is None or bool(inside.all())
    df = design.degrees_of_freedom if whole else design.degrees_within(inside)
    rows = design.weights.size if whole else int(inside.sum())
    return Linearised(tuple(names), point, spread, df, rows, influences)


def _refuse_negative(spread: Matrix, scale: Floats, names: Sequence[str]) -> None:
    """Raise on variances below 0 by more than rounding, which is relative to `scale`."""
    below = int((np.diag(spread) < -1e-9 * scale).sum())
    if below:
        raise SurveyError(
            "A variance is negative.",
            expected="variances of 0 or more",
            found=f"{below} below 0",
            where=", ".join(names) or "estimate",
            fix="Joint probabilities can do this: check them, or use Brewer's method.",
        )


def conditioned(design: SurveyDesign, influences: Matrix) -> tuple[Matrix, Any]:
    """Return what calibrations leave of influences, and what estimated totals add [q, q].

    The last calibration is conditioned on first: its own totals are fixed.
    """
    residuals, added = influences, np.zeros((influences.shape[1],) * 2)
    for calibration in reversed(design.calibrations):
        added = added + calibration.added(residuals)
        residuals = calibration.residuals(residuals)
    return residuals, added


def together(design: SurveyDesign, *parts: Linearised) -> Linearised:
    """Put estimates of one design together, with the covariance between them.

    Args:
        design: The design that all were made from.
        parts: Estimates, such as means in different domains.

    Returns:
        All quantities; degrees of freedom and rows are the smallest of the parts'.
    """
    if any(part.influences.shape[0] != design.weights.size for part in parts):
        raise SurveyError(
            "Estimates are not of this design.",
            expected=f"estimates from the design's {design.weights.size} rows",
            found=", ".join(str(part.influences.shape[0]) for part in parts),
            where="together",
            fix="Put estimates of one design together first, then use both_waves.",
        )
    point = np.concatenate([part.point for part in parts])
    influences = np.concatenate([part.influences for part in parts], axis=1)
    names = [name for part in parts for name in part.names]
    found = linearised(design, names, point, influences)
    df = min(part.degrees_of_freedom for part in parts)
    return replace(found, degrees_of_freedom=df, rows=min(part.rows for part in parts))


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
    y, labels, inside = checked(design, values, names, where)
    weighted = y * design.weights[:, None]
    return linearised(design, labels, weighted.sum(axis=0), weighted, inside)


def mean(
    design: SurveyDesign, values: Any, *, names: Sequence[str] = (), where: Any = None
) -> Linearised:
    r"""Estimate means (of 0 and 1: proportions).

    Notes:
        $\bar y = \hat T_y/\hat N$; influence $w_k (y_k - \bar y)/\hat N$.
    """
    y, labels, inside = checked(design, values, names, where)
    w = design.weights * inside
    size = w.sum()
    _need_rows(size)
    point = (y * w[:, None]).sum(axis=0) / size
    return linearised(design, labels, point, (y - point) * (w / size)[:, None], inside)


def ratio(
    design: SurveyDesign, numerator: Any, denominator: Any, *, where: Any = None
) -> Linearised:
    r"""Estimate a ratio of totals.

    Notes:
        $\hat R = \hat T_y/\hat T_x$; influence $w_k (y_k - \hat R x_k)/\hat T_x$.
    """
    y, _, inside = checked(design, numerator, (), where)
    x, _, _ = checked(design, denominator, (), where)
    w = design.weights
    bottom = float((w * x[:, 0]).sum())
    if bottom == 0 or x.shape[1] > 1:
        raise SurveyError(
            "A ratio has a denominator of zero, or several.",
            expected="one denominator whose total is not 0",
            found=f"{x.shape[1]}, of total {bottom:g}",
            where="ratio",
            fix="Choose another domain or variable.",
        )
    point = (w[:, None] * y).sum(axis=0) / bottom
    influences = (y - point * x) * (w / bottom)[:, None]
    names = ("ratio",) if point.size == 1 else tuple(f"ratio {i + 1}" for i in range(point.size))
    return linearised(design, names, point, influences, inside)


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
    y, _, _ = checked(design, values, (), None)
    weighted = y[:, 0] * design.weights
    if domain.size != y.shape[0]:
        raise SurveyError(
            "Domains do not fit.",
            expected=f"a domain for each of {y.shape[0]} rows",
            found=str(domain.size),
            where="domain_totals",
            fix="Give each row's domain.",
        )
    point: Floats = np.bincount(domain, weights=weighted, minlength=kinds.size).astype(np.float64)
    if isinstance(design, TwoPhaseDesign) or design.calibrations or design.unequal is not None:
        return kinds, point, _domain_errors_in_blocks(design, weighted, domain, kinds.size)
    spread = np.zeros(kinds.size)
    for number, stage in enumerate(design.stages, start=1):
        spread += _domain_variances(stage, (weighted, domain), kinds.size, design.lonely, number)
    return kinds, point, np.sqrt(spread)


def _domain_variances(
    stage: Stage, rows: tuple[Floats, Any], count: int, lonely: LonelyPSU, number: int
) -> Floats:
    r"""Return what a stage adds to each domain's variance.

    Notes:
        $\sum_i c_i (t_i-\bar t_h)^2$ over clusters with rows in the domain, plus
        $\bar t_h^2 \sum c_i$ over those without: only pairs that occur are held.
    """
    weighted, domain = rows
    place, pairs = codes(stage.cluster * count + domain)
    totals = np.bincount(place, weights=weighted)
    cluster, of = np.divmod(pairs, count)
    stratum = stage.stratum[cluster]
    strata = stage.sampled.size
    sums: Any = np.bincount(stratum * count + of, weights=totals, minlength=strata * count)
    means, scale = centres(stage, sums.reshape(strata, count), lonely, number)
    inside = np.bincount(
        of, weights=scale[cluster] * (totals - means[stratum, of]) ** 2, minlength=count
    )
    present: Any = np.bincount(
        stratum * count + of, weights=scale[cluster], minlength=strata * count
    )
    whole = np.bincount(stage.stratum, weights=scale, minlength=strata)
    left = np.maximum(whole[:, None] - present.reshape(strata, count), 0)
    result: Floats = inside + (left * means**2).sum(axis=0)
    return result


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
    given: Linearised, formula: Callable[[Any], Any], name: str = "function"
) -> Linearised:
    r"""Estimate a smooth function of estimates.

    Args:
        given: Estimates.
        formula: Function of the estimates [q] to a number or an array; made of NumPy operations
            that are analytic (no absolute values or comparisons).
        name: Its name.

    Notes:
        $\hat\theta = f(\hat T)$, $V(\hat\theta) = J\,V(\hat T)\,J^\top$, which is the variance of
        the influences $\sum_j f'_j u_{kj}$; the derivatives are exact to rounding, from complex
        steps of $10^{-30}$.

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
        jacobian = np.array(slopes)
        rough = _differences(formula, given, point)
    wrong = int((~np.isfinite(point)).sum() + (~np.isfinite(jacobian)).sum())
    if wrong:
        raise SurveyError(
            "A function of estimates is not a number, or has no slope.",
            expected="finite values",
            found=f"{wrong} others",
            where=name,
            fix="Look for estimates beyond what the function is defined for.",
        )
    if not np.allclose(jacobian, rough, rtol=1e-3, atol=1e-3 * np.abs(rough).max(initial=1e-9)):
        raise SurveyError(
            "A function of estimates is not smooth, or not analytic.",
            expected="a slope that complex steps and differences agree on",
            found="two different slopes",
            where=name,
            fix="Leave out absolute values, comparisons, rounding and .real; write √(t²) as t.",
        )
    spread = jacobian.T @ given.covariance @ jacobian
    terms = np.abs(jacobian).T @ np.abs(given.covariance) @ np.abs(jacobian)
    _refuse_negative(spread, np.diag(terms), (name,))
    spread[np.diag_indices_from(spread)] = np.where(
        np.diag(spread) > 1e-13 * np.diag(terms), np.diag(spread), 0.0
    )
    return replace(
        given,
        names=(name,) if point.size == 1 else tuple(f"{name} {i + 1}" for i in range(point.size)),
        point=point,
        covariance=spread,
        influences=given.influences @ jacobian,
    )


def _differences(formula: Callable[[Any], Any], given: Linearised, point: Floats) -> Matrix:
    """Return slopes from real differences, of a thousandth of a standard error or less."""
    steps = np.maximum(1e-3 * given.standard_error(), 1e-7 * np.abs(given.point))
    steps = np.where(steps > 0, steps, 1e-7)
    rows = []
    for j, step in enumerate(steps):
        ahead, behind = given.point.copy(), given.point.copy()
        ahead[j] += step
        behind[j] -= step
        rows.append((np.atleast_1d(formula(ahead)) - np.atleast_1d(formula(behind))) / (2 * step))
    return np.array(rows).reshape(given.point.size, point.size)


def checked(
    design: SurveyDesign, values: Any, names: Sequence[str] = (), where: Any = None
) -> tuple[Matrix, tuple[str, ...], NDArray[np.bool_]]:
    """Return values as a matrix, zero outside the domain, their names, and the domain.

    Raises:
        SurveyError: If values are missing in the domain, or are not one a row.
    """
    n = design.weights.size
    y = numbers(values, "values")
    y = y[:, None] if y.ndim == 1 else y
    inside = np.ones(n, dtype=np.bool_) if where is None else np.asarray(where, dtype=np.bool_)
    fits = len(y) == inside.size == n
    missing = int((~np.isfinite(y[inside])).sum()) if fits else 0
    if missing or not fits:
        raise SurveyError(
            "Values cannot be used.",
            expected=f"{n} rows, none missing in the domain",
            found=f"{len(y)} rows, domain of {inside.size}, {missing} values missing",
            where="values",
            fix="Give a domain (where=…) of the rows that answered, or impute.",
        )
    labels = tuple(names) or tuple(f"value {i + 1}" for i in range(y.shape[1]))
    return np.where(inside[:, None], y, 0.0), labels, inside


def _need_rows(size: float) -> None:
    if size == 0:
        raise SurveyError(
            "A domain is empty.",
            expected="rows in the domain",
            found="none",
            where="domain",
            fix="Leave the domain out, or merge it with another.",
        )
