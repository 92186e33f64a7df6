"""Calibrated weights: linear, logit and raking distance, with bounds, households, parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import sparse

from ravenstein.core.errors import SurveyError
from ravenstein.survey.conflicts import unmet_totals
from ravenstein.survey.kernels import gram, projected
from ravenstein.survey.stages import codes, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Floats
    from ravenstein.survey.variance import Matrix

_MOST_STEPS = 200
_MOST_HALVINGS = 40
_LEAST_RISE = 1e-6


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
    known = totals if isinstance(totals, Totals) else Totals(totals)
    d = design.weights
    x, spread, target = _read(d, given, known)
    if given.units is not None:
        x = _averaged(x, d, given.units)
    scale = np.abs(target) + projected(abs(x), d) + 1e-300
    g, misfit = _newton(x, d, spread, (target, scale), lambda u: _DISTANCES[distance](u, bounds))
    if not (np.abs(misfit) <= 1e-7 * scale).all():
        widest = (float(np.min(bounds[0])), float(np.max(bounds[1])))
        if distance == "raking":
            widest = (max(widest[0], 0.0), widest[1])
        raise unmet_totals(x, d, target, widest, given.names)
    after = d * g
    return design.with_weights(
        after, Regression(x, np.where(after == 0, 0.0, d / spread), after, known.covariance)
    )


def _read(d: Floats, given: Auxiliaries, known: Totals) -> tuple[Any, Floats, Floats]:
    """Return auxiliaries [n, p], variances [n] and totals [p], of shapes that fit."""
    values = given.values
    if not sparse.issparse(values):
        values = numbers(values, "auxiliaries")
        values = values[:, None] if values.ndim == 1 else values
    x = sparse.csr_array(values, dtype=np.float64)
    n, p = d.size, x.shape[1]
    spread = np.ones(n) if given.variance is None else numbers(given.variance, "variance")
    target = numbers(known.values, "totals")
    covariance = np.zeros((p, p)) if known.covariance is None else np.asarray(known.covariance)
    wrong = int((~np.isfinite(target)).sum() + (~np.isfinite(x.data)).sum())
    units = n if given.units is None else len(given.units)
    fits = (
        (x.shape[0], units, spread.size, target.shape) == (n, n, n, (p,))
        and covariance.shape == (p, p)
        and len(given.names) in (0, p)
    )
    if not fits or wrong or not (spread > 0).all():
        raise SurveyError(
            "Auxiliaries or totals cannot be used.",
            expected=f"{n} rows of auxiliaries, a total and a name for each; finite numbers, "
            "variances above 0",
            found=f"auxiliaries {x.shape[0]} × {p}, totals {target.shape}, their covariance "
            f"{covariance.shape}, {len(given.names)} names, {wrong} missing or infinite",
            where="calibrate",
            fix="Impute or leave out the rows without auxiliaries; correct the totals.",
        )
    return x, spread, target


def _refuse_bounds(bounds: tuple[Any, Any], distance: str) -> None:
    low, high = bounds
    inside = bool(np.all(np.asarray(low) < 1) and np.all(np.asarray(high) > 1))
    finite = bool(np.isfinite(low).all() and np.isfinite(high).all())
    ordered = bool(np.all(np.asarray(low) <= np.asarray(high)))
    logit = inside and finite
    if distance not in _DISTANCES or not ordered or (distance == "logit" and not logit):
        raise SurveyError(
            "The distance and its bounds do not fit.",
            expected="linear, raking or logit; lower bounds not above upper ones; for logit "
            "finite, below and above 1",
            found=f"{distance}, bounds {np.min(low):g} to {np.max(high):g}",
            where="calibrate",
            fix="Give logit its bounds, such as (0.5, 2).",
        )


def _newton(
    x: sparse.csr_array,
    d: Floats,
    spread: Floats,
    goal: tuple[Floats, Floats],
    ratio: Callable[[Floats], tuple[Floats, Floats, Floats]],
) -> tuple[Floats, Floats]:
    r"""Return the ratios of new to old weights, and by how much each total is then missed.

    Newton's method on the convex dual
    $\sum d\sigma^2 G(x^\top\lambda/\sigma^2) - \lambda^\top T$ with $G' = F$; a step is halved
    until the dual falls. Rows at a bound have no slope: they keep a small one, so that a step
    exists where all rows of a cell are at bounds.
    """
    target, scale = goal
    slope = np.zeros(target.size)
    g, rise, height = ratio(np.zeros(d.size))
    dual = float((d * spread) @ height)
    misfit = target - projected(x, d * g)
    for _ in range(_MOST_STEPS):
        try:
            step = _solved(gram(x, d * np.maximum(rise, _LEAST_RISE) / spread), misfit)
        except np.linalg.LinAlgError:
            break
        gain = float(misfit @ step)
        for _ in range(_MOST_HALVINGS):
            with np.errstate(over="ignore", invalid="ignore"):
                g, rise, height = ratio(x @ (slope + step) / spread)
                new = float((d * spread) @ height) - float((slope + step) @ target)
            missed = target - projected(x, d * g)
            nearer = bool((np.abs(missed) < 1e-11 * scale).all())
            if nearer or (np.isfinite(rise).all() and new <= dual - 1e-4 * gain):
                break
            step, gain = step / 2, gain / 2
        else:
            break
        slope, dual, misfit = slope + step, new, missed
        if nearer:
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


def _averaged(x: sparse.csr_array, weights: Floats, units: Any) -> sparse.csr_array:
    """Return each row's auxiliaries as the weighted mean of its unit."""
    unit, kinds = codes(units)
    size = np.bincount(unit, weights=weights, minlength=len(kinds))
    places = (unit, np.arange(unit.size))
    member = sparse.csr_array((weights, places), shape=(len(kinds), unit.size))
    means = sparse.csr_array(sparse.diags_array(1 / size) @ (member @ x))
    return sparse.csr_array(means[unit])


# each distance: the ratio F(u), its slope F'(u), and the integral G(u) of F from 0


def _linear(u: Floats, bounds: tuple[Any, Any]) -> tuple[Floats, Floats, Floats]:
    low, high = bounds
    if np.ndim(low) == np.ndim(high) == 0 and (low, high) == (-np.inf, np.inf):
        return 1 + u, np.ones(u.size), u * (1 + u / 2)
    g = np.clip(1 + u, low, high)
    inner = g - 1
    height = inner + inner**2 / 2 + g * (u - inner)
    return g, (g == 1 + u).astype(np.float64), height


def _raking(u: Floats, bounds: tuple[Any, Any]) -> tuple[Floats, Floats, Floats]:
    low, high = bounds
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        raw = np.exp(u)
        g = np.clip(raw, low, high)
        inner = np.where(g > 0, np.log(g), u)
        height = g - 1 + g * (u - inner)
    return g, np.where(g == raw, raw, 0.0), height


def _logit(u: Floats, bounds: tuple[Any, Any]) -> tuple[Floats, Floats, Floats]:
    low, high = bounds
    a = (high - low) / ((1 - low) * (high - 1))
    with np.errstate(over="ignore"):
        e = np.exp(np.minimum(a * u, 700))
    bottom = (high - 1) + (1 - low) * e
    g = (low * (high - 1) + high * (1 - low) * e) / bottom
    rise = a * (1 - low) * (high - 1) * (high - low) * e / bottom**2
    return g, rise, low * u + (high - low) / a * np.log(bottom / (high - low))


_DISTANCES: dict[str, Callable[..., tuple[Floats, Floats, Floats]]] = {
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
