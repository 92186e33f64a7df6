"""What to say when totals cannot be met, and the tightest bounds that can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ravenstein.core.errors import SurveyError, listed
from ravenstein.survey.kernels import gram, projected
from ravenstein.survey.stages import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.survey.stages import Floats

_DEPENDENT = 1e-10
_MOST_GROUPS = 60_000


def unmet_totals(
    x: sparse.csr_array,
    weights: Floats,
    totals: Floats,
    bounds: tuple[float, float],
    names: Sequence[str] = (),
) -> SurveyError:
    """Return the error that names the totals that contradict each other or the bounds.

    Totals contradict each other where a combination of auxiliaries is zero in every row of the
    sample but not in the totals: its members are named. Else the elastic solution is found: the
    smallest changes of totals that could be met, and the totals changed are named.
    """
    labels = np.array(names if names else [f"auxiliary {i + 1}" for i in range(totals.size)])
    certificate = _dependent(x, weights, totals)
    if certificate.size:
        return _error("The totals contradict each other.", labels[certificate], bounds)
    slack = _elastic(x, weights, totals, bounds)
    if slack is None or not slack.any():
        return SurveyError(
            "The calibration does not converge.",
            expected="totals that the sample can meet with weights not far from the old ones",
            found=f"{totals.size} totals without a conflict that could be named",
            where="calibrate",
            fix="Scale the weights to the population first; use the linear distance, or wider "
            "bounds.",
        )
    changed = np.flatnonzero(slack)
    shown = [f"{labels[i]} (by {slack[i]:+,.6g})" for i in changed]
    return _error("The totals cannot be met within the bounds.", shown, bounds)


def tightest_bounds(weights: Floats, auxiliaries: Any, totals: Any) -> tuple[float, float]:
    """Find the closest bounds on the ratio of new to old weights that can meet the totals.

    Args:
        weights: Design weights [n].
        auxiliaries: Auxiliary variables [n, p].
        totals: Population totals [p].

    Returns:
        Lower and upper bound with the least distance between them.

    Raises:
        SurveyError: If no positive weights meet the totals.
    """
    x = sparse.csr_array(auxiliaries, dtype=np.float64)
    target, weights = numbers(totals, "totals"), numbers(weights, "weights")
    if (weights.size, *target.shape) != x.shape:
        raise SurveyError(
            "Weights, auxiliaries and totals do not fit.",
            expected=f"{x.shape[0]} weights, {x.shape[1]} totals",
            found=f"{weights.size} and {target.size}",
            where="tightest_bounds",
            fix="Give the design's weights: tightest_bounds(design.weights, X, T).",
        )
    rows, mass = _grouped(x, weights)
    m = mass.size
    meets = sparse.hstack([(rows * mass[:, None]).T, sparse.csr_array((target.size, 2))])
    eye = sparse.identity(m)
    below = sparse.hstack([eye, sparse.csr_array((m, 1)), -np.ones((m, 1))])
    above = sparse.hstack([-eye, np.ones((m, 1)), sparse.csr_array((m, 1))])
    found = linprog(
        np.r_[np.zeros(m), -1.0, 1.0],
        A_ub=sparse.vstack([below, above]).tocsr(),
        b_ub=np.zeros(2 * m),
        A_eq=meets.tocsr(),
        b_eq=target,
        bounds=[(0, None)] * (m + 2),
        method="highs",
    )
    if not found.success:
        raise unmet_totals(x, weights, target, (0, np.inf))
    return float(found.x[-2]), float(found.x[-1])


def _dependent(x: sparse.csr_array, weights: Floats, totals: Floats) -> Any:
    """Return the auxiliaries whose combination is zero in the sample but not in the totals."""
    size = np.sqrt(np.maximum(projected(sparse.csr_array(x.multiply(x)), weights), 1e-300))
    matrix = gram(x, weights) / np.outer(size, size)
    values, vectors = np.linalg.eigh(matrix)
    null = vectors[:, values < _DEPENDENT]
    scaled: Floats = totals / size
    part = null @ (null.T @ scaled)
    if float(np.linalg.norm(part)) <= 1e-8 * float(np.linalg.norm(scaled)):
        return np.array([], dtype=np.int64)
    return np.flatnonzero(np.abs(part) > 1e-6 * np.abs(part).max())


def _grouped(x: sparse.csr_array, weights: Floats) -> tuple[sparse.csr_array, Floats]:
    """Return the distinct rows and their weight: rows alike may keep one ratio of weights."""
    mark = x @ np.random.default_rng(0).normal(size=x.shape[1])
    _, first, group = np.unique(mark, return_index=True, return_inverse=True)
    mass: Floats = np.bincount(group, weights=weights).astype(np.float64)
    return sparse.csr_array(x[first]), mass


def _elastic(
    x: sparse.csr_array, weights: Floats, totals: Floats, bounds: tuple[float, float]
) -> Floats | None:
    """Return the smallest changes of totals (relative, summed) that could be met, or None."""
    rows, mass = _grouped(x, weights)
    p = totals.size
    if mass.size > _MOST_GROUPS:
        return None
    identity = sparse.identity(p)
    meets = sparse.hstack([(rows * mass[:, None]).T, identity, -identity]).tocsr()
    price = 1 / (1 + np.abs(totals))
    limit = tuple(bound if np.isfinite(bound) else None for bound in bounds)
    found = linprog(
        np.r_[np.zeros(mass.size), price, price],
        A_eq=meets,
        b_eq=totals,
        bounds=[limit] * mass.size + [(0, None)] * (2 * p),
        method="highs",
    )
    if not found.success:
        return None
    slack = found.x[mass.size + p :] - found.x[mass.size : mass.size + p]
    slack[np.abs(slack) < 1e-7 * (1 + np.abs(totals))] = 0
    result: Floats = slack
    return result


def _error(problem: str, labels: Any, bounds: tuple[float, float]) -> SurveyError:
    low, high = bounds
    return SurveyError(
        problem,
        expected="weights that meet all totals"
        + (f", {low:g} to {high:g} times the old ones" if np.isfinite([low, high]).any() else ""),
        found=listed([str(label) for label in labels], 8),
        where="calibrate",
        fix="Correct the totals named, widen the bounds, or merge or leave out auxiliaries.",
    )
