"""Smoothing of rates by single year of age, and graduation of grouped counts, as one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize_scalar

from ravenstein.core.errors import DemographyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS = 100
_CONVERGED = 1e-8  # the largest step of the logarithm
_SETTLED = 1e-12  # the relative gain of a step
_RANGE = (-2.0, 9.0)  # of the logarithm to 10 of the penalty


@dataclass(frozen=True, eq=False)
class Smooth:
    """A smooth curve over single years of age.

    Args:
        rate: Events a unit of exposure at each age; with no exposure given, events at each age.
        standard_error: Standard error of the logarithm of `rate`, given the penalty.
        fitted: Expected events in each observed cell.
        penalty: The weight of the penalty.
        effective: Effective number of parameters.
        deviance: Poisson deviance of the observed cells.
    """

    rate: Floats
    standard_error: Floats
    fitted: Floats
    penalty: float
    effective: float
    deviance: float

    @property
    def bic(self) -> float:
        """The Bayesian information criterion: deviance + ln(cells) × effective parameters."""
        return self.deviance + float(np.log(self.fitted.size)) * self.effective


def smooth(
    events: Any,
    *,
    exposure: Any = None,
    starts: Any = None,
    ages: int | None = None,
    penalty: float | None = None,
    order: int = 2,
) -> Smooth:
    r"""Smooth counts over ages, or graduate counts of age groups to single years.

    Args:
        events: Events by single age, or by age group [persons].
        exposure: Person-years by single age; without it, the curve is of the counts themselves.
        starts: First age of each group, where events are by group; the last group ends at `ages`.
        ages: Number of single ages; as many as events without groups.
        penalty: Weight of the penalty; the one with the lowest BIC where not given.
        order: Order of the differences that are penalised: 2 draws the logarithm of the curve
            towards a line, 3 towards a parabola.

    Returns:
        The curve. Positive everywhere; it meets the total of the events, and sums of groups as
        far as the penalty lets it: `to_groups` makes them exact.

    Raises:
        DemographyError: If events are negative or missing, all are 0, an observed cell with
            events has no exposure, or the fit does not end.

    Notes:
        Events $y \sim \mathrm{Poisson}(C\,(e \circ \exp\eta))$ with $C$ summing ages into groups
        and exposure $e$; $\eta$ maximises the likelihood less
        $\tfrac\lambda2 \lVert \Delta^d \eta \rVert^2$. With $C$ the identity this is
        Whittaker–Henderson graduation with Poisson weights, with groups the penalised composite
        link model.

    Source:
        Eilers, Statistical Modelling 7 (2007) 239–254, sections 2 and 3; Rizzi, Gampe and
        Eilers, American Journal of Epidemiology 182 (2015) 138–147.

    >>> curve = smooth([4, 8, 15, 30, 62], penalty=1e6)  # so stiff that it doubles every time
    >>> (curve.rate[1:] / curve.rate[:-1]).round(2).tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    y = np.asarray(events, dtype=np.float64)
    size = ages or y.size
    under = np.ones(size) if exposure is None else np.asarray(exposure, dtype=np.float64)
    sums = _sums(np.arange(size) if starts is None else np.asarray(starts), size)
    _check(y, under, sums)
    if penalty is None:
        # the search fits some twenty curves of at most a hundred ages: milliseconds each
        found = minimize_scalar(
            lambda log: _bic(y, under, sums, 10**log, order),
            bounds=_RANGE,
            method="bounded",
            options={"xatol": 0.02},
        )
        penalty = float(10**found.x)
    return _fit(y, under, sums, penalty, order)


def to_groups(curve: Floats, counts: Any, starts: Any) -> Floats:
    """Scale a curve of counts so that it meets the count of every age group.

    Args:
        curve: Counts by single age, such as `smooth(...).rate`.
        counts: Counts by age group.
        starts: First age of each group.

    Returns:
        Counts by single age that add to `counts`; 0 throughout a group that has none.

    >>> to_groups(np.array([1.0, 3.0, 1.0, 1.0]), [8, 2], [0, 2]).tolist()
    [2.0, 6.0, 1.0, 1.0]
    """
    sums = np.add.reduceat(curve, starts)
    wanted = np.asarray(counts, dtype=np.float64)
    if wanted.shape != sums.shape or (wanted < 0).any() or ((sums <= 0) & (wanted > 0)).any():
        raise _error(f"{wanted.size} groups for {sums.size}, or groups where the curve is 0")
    scale = np.divide(wanted, sums, out=np.zeros_like(sums), where=sums > 0)
    return np.asarray(curve * np.repeat(scale, np.diff([*starts, curve.size])), dtype=np.float64)


def _sums(starts: NDArray[np.int64], size: int) -> Floats:
    """Return the matrix that sums single ages into groups [groups, ages]."""
    place = np.searchsorted(starts, np.arange(size), side="right") - 1
    return np.asarray(place == np.arange(starts.size)[:, None], dtype=np.float64)


def _bic(y: Floats, under: Floats, sums: Floats, penalty: float, order: int) -> float:
    """Return the BIC of a penalty; one that is too weak for a fit is no choice."""
    try:
        return _fit(y, under, sums, penalty, order).bic
    except DemographyError:
        return 1e100


def _fit(y: Floats, under: Floats, sums: Floats, penalty: float, order: int) -> Smooth:
    size = under.size
    difference = np.diff(np.eye(size), n=order, axis=0)
    rough = penalty * difference.T @ difference
    eta = np.full(size, np.log(y.sum() / under.sum()))
    lack = _lack(y, under, sums, eta, rough)
    for _ in range(_STEPS):
        fitted, inner, score = _scores(y, under, sums, eta)
        # a trace of a ridge: without it a penalty that is too weak leaves ages undetermined
        ridge = 1e-10 * (np.trace(inner) / size) * np.eye(size)
        step = cho_solve(cho_factor(inner + rough + ridge), score - rough @ eta)
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        gone = np.abs(step).max()
        while (after := _lack(y, under, sums, eta + step, rough)) > lack + 1e-9 * abs(lack):
            step = step / 2
            if np.abs(step).max() < _CONVERGED:
                break
        eta, before, lack = eta + step, lack, after
        if gone < _CONVERGED or abs(before - lack) <= _SETTLED * (1 + abs(lack)):
            break
    else:
        raise _error(f"the fit does not end in {_STEPS} steps")
    fitted, inner, _ = _scores(y, under, sums, eta)
    covariance = cho_solve(cho_factor(inner + rough + ridge), np.eye(size))
    ratio = np.divide(y, fitted, out=np.ones_like(y), where=y > 0)
    deviance = 2 * float((y * np.log(ratio) - (y - fitted)).sum())
    return Smooth(
        np.exp(eta),
        np.sqrt(np.maximum(np.diag(covariance), 0)),
        fitted,
        penalty,
        float((covariance * inner).sum()),
        deviance,
    )


def _scores(y: Floats, under: Floats, sums: Floats, eta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return fitted counts, their information on the curve, and its score."""
    expected = under * np.exp(eta)
    fitted = np.maximum(sums @ expected, 1e-300)
    work = sums * expected  # derivative of the fitted counts by eta
    weighted = work / fitted[:, None]
    return fitted, work.T @ weighted, weighted.T @ (y - fitted)


def _lack(y: Floats, under: Floats, sums: Floats, eta: Floats, rough: Floats) -> float:
    """Return what is minimised: minus the log-likelihood, plus half the penalty."""
    fitted = np.maximum(sums @ (under * np.exp(np.minimum(eta, 700))), 1e-300)
    return float((fitted - y * np.log(fitted)).sum() + eta @ rough @ eta / 2)


def _check(y: Floats, under: Floats, sums: Floats) -> None:
    wrong = int((~np.isfinite(y) | (y < 0)).sum()) + int((~np.isfinite(under) | (under < 0)).sum())
    unexposed = 0
    if y.size == sums.shape[0] and under.size == sums.shape[1]:
        unexposed = int(((sums @ under == 0) & (y > 0)).sum())
    else:
        wrong += 1
    if wrong or unexposed or y.sum() == 0:
        raise _error(
            f"{wrong} that are negative or missing or do not fit the ages, {unexposed} without "
            f"exposure, {y.sum():g} events"
        )


def _error(found: str) -> DemographyError:
    return DemographyError(
        "The counts cannot be smoothed.",
        expected="counts of 0 or more, some above 0, and exposure wherever there are events",
        found=found,
        where="smoothing",
        fix="Correct the counts, join ages, or give a larger penalty.",
    )
