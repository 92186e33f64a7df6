"""Calibrated weights: linear, logit and raking distance, with bounds, households, parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import sparse

from ravenstein.core.errors import SurveyError
from ravenstein.survey.conflicts import unmet_totals
from ravenstein.survey.kernels import gram, projected
from ravenstein.survey.stages import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Floats
    from ravenstein.survey.variance import Matrix

_MOST_STEPS = 50


@dataclass(frozen=True, eq=False)
class Auxiliaries:
    """Auxiliary variables of a calibration, and how they work.

    Args:
        values: The variables [n, p], dense or sparse.
        names: Their names, for messages.
        units: Household of each row [n]: all rows of one then keep one ratio of weights.
        variance: Variance of the residual about the regression, up to a factor [n]: the variable
            itself gives the ratio estimator.
    """

    values: Any
    names: Sequence[str] = ()
    units: Any = None
    variance: Any = None


@dataclass(frozen=True, eq=False)
class Totals:
    """Population totals that are estimates themselves.

    Args:
        values: The totals [p].
        covariance: Their covariance [p, p].
    """

    values: Any
    covariance: Matrix | None = None


def share(before: Floats, after: Floats) -> Floats:
    """Return before / after, 0 for rows whose weight became 0."""
    result: Floats = np.divide(before, after, out=np.zeros_like(after), where=after != 0)
    return result


class Calibration(Protocol):
    """What a calibration does to influences: it leaves the residual."""

    def residuals(self, influences: Matrix) -> Matrix:
        """Return weighted influences less what the auxiliaries explain [n, q]."""
        ...

    def added(self, influences: Matrix) -> Matrix | float:
        """Return the covariance that the totals' own error adds [q, q]."""
        ...


@dataclass(frozen=True)
class Regression:
    """Generalised regression: auxiliaries [n, p] (sparse), weights of the regression and after.

    Rows that a bound of 0 took out of the sample are out of the regression too.
    """

    auxiliaries: sparse.csr_array
    before: Floats
    after: Floats
    totals_covariance: Matrix | None = None

    def residuals(self, influences: Matrix) -> Matrix:
        """Take off the design-weighted regression on the auxiliaries."""
        explained: Matrix = self.auxiliaries @ self._slopes(influences)
        left: Matrix = influences - explained * self.after[:, None]
        return left

    def added(self, influences: Matrix) -> Matrix | float:
        """Return the covariance that estimated totals add, 0 for known ones [q, q]."""
        if self.totals_covariance is None:
            return 0.0
        slopes = self._slopes(influences)
        result: Matrix = slopes.T @ self.totals_covariance @ slopes
        return result

    def _slopes(self, influences: Matrix) -> Matrix:
        weighted = influences * share(self.before, self.after)[:, None]
        crossed = np.asarray(self.auxiliaries.T @ weighted)
        slopes: Matrix = _solved(gram(self.auxiliaries, self.before), crossed)
        return slopes


def calibrate(
    design: SurveyDesign,
    auxiliaries: Auxiliaries | Any,
    totals: Totals | Any,
    *,
    distance: str = "linear",
    bounds: tuple[Any, Any] = (-np.inf, np.inf),
) -> SurveyDesign:
    r"""Change weights as little as possible so that auxiliaries meet their totals.

    Args:
        design: The design.
        auxiliaries: Auxiliary variables [n, p], dense or sparse; or `Auxiliaries` with names,
            households or a variance function.
        totals: Their population totals [p], or `Totals` with their own error.
        distance: `linear` (GREG), `raking` or `logit`.
        bounds: Smallest and largest ratio of new to old weight, for all rows or for each [n];
            (lower / d, upper / d) trims weights to limits while the totals are kept.

    Notes:
        $w_k = d_k F(x_k^\top\lambda/\sigma^2_k)$ with $\sum_k w_k x_k = T$; F is $1+u$, $e^u$
        or Deville and Särndal's logit between the bounds; Newton's method, with step halving.

    Raises:
        SurveyError: If the totals cannot be met: the totals left unmet are named.

    Source:
        Deville, Särndal, Journal of the American Statistical Association 87, 1992.
    """
    _refuse_bounds(bounds, distance)
    given = auxiliaries if isinstance(auxiliaries, Auxiliaries) else Auxiliaries(auxiliaries)
    x = sparse.csr_array(given.values, dtype=np.float64)
    if given.units is not None:
        x = _averaged(x, given.units)
    spread = np.ones(x.shape[0])
    if given.variance is not None:
        spread = np.asarray(given.variance, dtype=np.float64)
    known = totals if isinstance(totals, Totals) else Totals(totals)
    target = np.asarray(known.values, dtype=np.float64)
    wrong = int((~np.isfinite(target)).sum() + (~np.isfinite(x.data)).sum())
    if wrong or not (spread > 0).all():
        raise SurveyError(
            "Auxiliaries or totals cannot be used.",
            expected="finite numbers, variances above 0",
            found=f"{wrong} missing or infinite",
            where="calibrate",
            fix="Impute or leave out the rows without auxiliaries; correct the totals.",
        )
    d = design.weights
    scale = np.abs(target) + projected(abs(x), d) + 1e-300
    g, misfit = _newton(x, d, spread, (target, scale), lambda u: _DISTANCES[distance](u, bounds))
    if not (np.abs(misfit) <= 1e-7 * scale).all():
        widest = (float(np.min(bounds[0])), float(np.max(bounds[1])))
        raise unmet_totals(x, d, target, widest, given.names)
    after = d * g
    return design.with_weights(
        after, Regression(x, np.where(after == 0, 0.0, d / spread), after, known.covariance)
    )


def _refuse_bounds(bounds: tuple[Any, Any], distance: str) -> None:
    low, high = bounds
    inside = bool(np.all(np.asarray(low) < 1) and np.all(np.asarray(high) > 1))
    finite = bool(np.isfinite(low).all() and np.isfinite(high).all())
    if distance not in _DISTANCES or (distance == "logit" and not (inside and finite)):
        raise SurveyError(
            "The distance and its bounds do not fit.",
            expected="linear, raking, or logit with finite bounds below and above 1",
            found=f"{distance}, bounds {np.min(low):g} to {np.max(high):g}",
            where="calibrate",
            fix="Give logit its bounds, such as (0.5, 2).",
        )


def _newton(
    x: sparse.csr_array,
    d: Floats,
    spread: Floats,
    goal: tuple[Floats, Floats],
    ratio: Callable[[Floats], tuple[Floats, Floats]],
) -> tuple[Floats, Floats]:
    """Return the ratios of new to old weights, and by how much each total is then missed."""
    target, scale = goal
    slope = np.zeros(target.size)
    g, rise = ratio(np.zeros(d.size))
    misfit = target - projected(x, d * g)
    for _ in range(_MOST_STEPS):
        step = _solved(gram(x, d * rise / spread), misfit)
        for _ in range(30):
            g, rise = ratio(x @ (slope + step) / spread)
            if np.isfinite(g).all() and np.isfinite(rise).all():
                break
            step = step / 2
        slope = slope + step
        misfit = target - projected(x, d * g)
        if (np.abs(misfit) < 1e-11 * scale).all():
            break
    return g, misfit


def partitioned(auxiliaries: Any, partition: Any) -> tuple[sparse.csr_array, Any]:
    """Give each part of a sample its own copy of the auxiliaries, for `calibrate`.

    Args:
        auxiliaries: Auxiliary variables [n, p].
        partition: Part of each row [n].

    Returns:
        Auxiliaries [n, parts × p] in the order of the parts, and the parts.
    """
    x = sparse.csr_array(auxiliaries, dtype=np.float64)
    part, kinds = codes(partition)
    shift = np.repeat(part * x.shape[1], np.diff(x.indptr))
    shape = (x.shape[0], x.shape[1] * len(kinds))
    return sparse.csr_array((x.data, x.indices + shift, x.indptr), shape=shape), kinds


def _averaged(x: sparse.csr_array, units: Any) -> sparse.csr_array:
    """Return each row's auxiliaries as the mean of its unit."""
    unit, kinds = codes(units)
    size = np.bincount(unit, minlength=len(kinds))
    ones = np.ones(unit.size)
    member = sparse.csr_array((ones, (unit, np.arange(unit.size))), shape=(len(kinds), unit.size))
    means = sparse.csr_array(sparse.diags_array(1 / size) @ (member @ x))
    return sparse.csr_array(means[unit])


def _linear(u: Floats, bounds: tuple[Any, Any]) -> tuple[Floats, Floats]:
    low, high = bounds
    g = np.clip(1 + u, low, high)
    return g, ((1 + u >= low) & (1 + u <= high)).astype(np.float64)


def _raking(u: Floats, bounds: tuple[Any, Any]) -> tuple[Floats, Floats]:
    low, high = bounds
    with np.errstate(over="ignore"):
        raw = np.exp(u)
    g = np.clip(raw, low, high)
    return g, np.where((raw >= low) & (raw <= high), raw, 0.0)


def _logit(u: Floats, bounds: tuple[Any, Any]) -> tuple[Floats, Floats]:
    low, high = bounds
    a = (high - low) / ((1 - low) * (high - 1))
    with np.errstate(over="ignore"):
        e = np.exp(np.minimum(a * u, 700))
    bottom = (high - 1) + (1 - low) * e
    g = (low * (high - 1) + high * (1 - low) * e) / bottom
    rise = a * (1 - low) * (high - 1) * (high - low) * e / bottom**2
    return g, rise


_DISTANCES: dict[str, Callable[..., tuple[Floats, Floats]]] = {
    "linear": _linear,
    "raking": _raking,
    "logit": _logit,
}


def _solved(matrix: Matrix, right: Any) -> Any:
    """Solve symmetric equations; redundant auxiliaries share the solution of least norm.

    The matrix is scaled to unit diagonal first, so that units of auxiliaries do not matter.
    """
    size = np.sqrt(np.maximum(np.diag(matrix), 0))
    size = np.where(size > 0, size, 1.0)
    scaled = matrix / np.outer(size, size)
    known = (np.asarray(right).T / size).T
    try:
        factor = np.linalg.cholesky(scaled)
        if np.diag(factor).min() > 1e-7:
            return (np.linalg.solve(scaled, known).T / size).T
    except np.linalg.LinAlgError:
        pass
    return (np.linalg.lstsq(scaled, known, rcond=1e-12)[0].T / size).T
