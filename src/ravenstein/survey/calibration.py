"""Calibrated weights: post-stratification, raking, linear, logit and raking distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import sparse

from ravenstein.core.errors import SurveyError, listed
from ravenstein.survey.conflicts import unmet_totals
from ravenstein.survey.design import codes
from ravenstein.survey.kernels import gram, projected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ravenstein.survey.design import Codes, Floats, SurveyDesign
    from ravenstein.survey.variance import Matrix

_SWEEPS = 10
_MOST_STEPS = 50
_MOST_CYCLES = 1000


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


class Calibration(Protocol):
    """What a calibration does to influences: it leaves the residual."""

    def residuals(self, influences: Matrix) -> Matrix:
        """Return weighted influences less what the auxiliaries explain [n, q]."""
        ...

    def added(self, influences: Matrix) -> Matrix | float:
        """Return the covariance that the totals' own error adds [q, q]."""
        ...


@dataclass(frozen=True)
class PostStrata:
    """Post-stratification: cell of each row, weights before and after."""

    cell: Codes
    before: Floats
    after: Floats

    def added(self, influences: Matrix) -> Matrix | float:
        """Return 0: the totals are known."""
        return 0.0

    def residuals(self, influences: Matrix) -> Matrix:
        """Take off each cell's design-weighted mean."""
        size = np.bincount(self.cell, weights=self.before)
        out = np.empty_like(influences)
        for column, values in enumerate(influences.T):
            part = np.bincount(self.cell, weights=values * (self.before / self.after))
            out[:, column] = values - (part / size)[self.cell] * self.after
        return out


@dataclass(frozen=True)
class Margins:
    """Raking: the margins' cells and the weights after."""

    cells: tuple[Codes, ...]
    after: Floats

    def added(self, influences: Matrix) -> Matrix | float:
        """Return 0: the totals are known."""
        return 0.0

    def residuals(self, influences: Matrix) -> Matrix:
        """Take off each margin's means in turn, until all are 0 but for rounding."""
        out = influences / self.after[:, None]
        sizes = [np.bincount(cell) for cell in self.cells]
        for _ in range(_SWEEPS):
            for cell, size in zip(self.cells, sizes, strict=True):
                for column in range(out.shape[1]):
                    means = np.bincount(cell, weights=out[:, column]) / size
                    out[:, column] -= means[cell]
        return out * self.after[:, None]


@dataclass(frozen=True)
class Regression:
    """Generalised regression: auxiliaries [n, p] (sparse), weights of the regression and after."""

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
        weighted = influences * (self.before / self.after)[:, None]
        crossed = np.asarray(self.auxiliaries.T @ weighted)
        slopes: Matrix = _solved(gram(self.auxiliaries, self.before), crossed)
        return slopes


def post_stratify(design: SurveyDesign, cells: Any, totals: Mapping[Any, float]) -> SurveyDesign:
    r"""Scale weights to known totals of cells.

    Args:
        design: The design.
        cells: Cell of each row [n].
        totals: Population of each cell.

    Returns:
        The design with weights $w_k = d_k N_c / \hat N_c$.

    Raises:
        SurveyError: If a cell has rows but no total, or a total above 0 but no rows.

    Source:
        Holt, Smith, Journal of the Royal Statistical Society A 142, 1979.
    """
    cell, kinds = codes(cells)
    target = _targets(kinds, totals, "post-strata")
    size = np.bincount(cell, weights=design.weights)
    _need_weight(size, kinds, "post-strata")
    after = design.weights * (target / size)[cell]
    return design.with_weights(after, PostStrata(cell, design.weights, after))


def rake(
    design: SurveyDesign,
    margins: Sequence[tuple[Any, Mapping[Any, float]]],
    *,
    tolerance: float = 1e-10,
) -> SurveyDesign:
    """Scale weights to the totals of one margin after another until all are met.

    Args:
        design: The design.
        margins: Cells of each row [n] and their totals, for each margin.
        tolerance: Largest relative difference from a total at the end.

    Raises:
        SurveyError: If the margins' sums differ, a cell has no rows or no total, or they cannot
            be met together.

    Source:
        Deming, Stephan, Annals of Mathematical Statistics 11, 1940.
    """
    cells, targets = [], []
    for number, (given, totals) in enumerate(margins, start=1):
        cell, kinds = codes(given)
        _need_weight(np.bincount(cell, weights=design.weights), kinds, f"margin {number}")
        cells.append(cell)
        targets.append(_targets(kinds, totals, f"margin {number}"))
    sums = [float(target.sum()) for target in targets]
    if max(sums) - min(sums) > 1e-8 * max(sums):
        raise SurveyError(
            "The margins disagree.",
            expected="the same population in each margin",
            found=", ".join(f"margin {i}: {s:,.6g}" for i, s in enumerate(sums, start=1)),
            where="rake",
            fix="Scale the margins to one population, or leave one out.",
        )
    weights = design.weights
    for _ in range(_MOST_CYCLES):
        worst = 0.0
        for cell, target in zip(cells, targets, strict=True):
            ratio = target / np.bincount(cell, weights=weights)
            worst = max(worst, float(np.abs(ratio - 1).max()))
            weights = weights * ratio[cell]
        if worst < tolerance:
            return design.with_weights(weights, Margins(tuple(cells), weights))
    raise SurveyError(
        "Raking does not converge: the margins cannot be met together.",
        expected=f"all totals met to {tolerance:g}",
        found=f"a difference of {worst:.2g} after {_MOST_CYCLES} cycles",
        where="rake",
        fix="Look for cells of one margin that are empty in the sample within another.",
    )


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
    lost = int(((after == 0) & (d != 0)).sum())
    if lost:
        raise SurveyError(
            "Calibrated weights of 0 result.",
            expected="weights other than 0",
            found=f"{lost} weights of 0",
            where="calibrate",
            fix="Give a lower bound above 0, such as 0.1.",
        )
    return design.with_weights(after, Regression(x, d / spread, after, known.covariance))


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


def _need_weight(size: Any, kinds: Any, where: str) -> None:
    """Raise if a cell has rows but no weight, as in a replicate that leaves all of it out."""
    empty = np.flatnonzero(~(size > 0))
    if empty.size:
        raise SurveyError(
            "A cell has no weight in the sample.",
            expected="weight in every cell with a total",
            found=listed([str(kinds[i]) for i in empty]),
            where=where,
            fix="Merge the cells named with neighbours; a replicate may leave out all of a cell.",
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


def trim(design: SurveyDesign, lower: float, upper: float, *, strict: bool = False) -> SurveyDesign:
    """Cut weights off at limits and spread what is cut evenly over the others: the sum stays.

    Args:
        design: The design.
        lower: Smallest weight.
        upper: Largest weight.
        strict: Whether to repeat until no weight is outside.
    """
    weights = design.weights
    while True:
        outside = (weights < lower) | (weights > upper)
        if not outside.any():
            break
        if outside.all():
            raise SurveyError(
                "No weight lies within the limits.",
                expected=f"weights between {lower:g} and {upper:g}",
                found=f"{outside.size} outside",
                where="trim",
                fix="Widen the limits.",
            )
        cut = np.clip(weights, lower, upper)
        spread = (weights - cut).sum() / (~outside).sum()
        weights = np.where(outside, cut, cut + spread)
        if not strict:
            break
    return design.with_weights(weights)


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


def _targets(kinds: Any, totals: Mapping[Any, float], where: str) -> Floats:
    """Return the totals of the sample's cells; a cell on one side only raises."""
    present = {_plain(kind) for kind in kinds}
    no_total = sorted(present - set(totals), key=str)
    no_rows = sorted((k for k in set(totals) - present if totals[k] != 0), key=str)
    if no_total or no_rows:
        raise SurveyError(
            "Cells of sample and population differ.",
            expected="the same cells",
            found=f"without total: {listed(no_total) or 'none'}; "
            f"without sample: {listed(no_rows) or 'none'}",
            where=where,
            fix="Merge the cells named with neighbours in both.",
        )
    found = np.array([totals[_plain(kind)] for kind in kinds], dtype=np.float64)
    if not (np.isfinite(found) & (found > 0)).all():
        raise SurveyError(
            "A cell's total cannot be used.",
            expected="finite totals above 0 for every cell of the sample",
            found=f"{int((~(np.isfinite(found) & (found > 0))).sum())} others",
            where=where,
            fix="Correct the totals; leave rows out that the population does not have.",
        )
    return found


def _plain(kind: Any) -> Any:
    """Return a NumPy scalar as Python's, so that it finds its key."""
    return kind.item() if hasattr(kind, "item") else kind
