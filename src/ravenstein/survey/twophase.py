"""Two-phase designs: a second sample within the first, strata known for the whole first phase."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ravenstein.core.errors import SurveyError
from ravenstein.survey.stages import codes, numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.survey.calibration import Calibration
    from ravenstein.survey.stages import Codes, Floats
    from ravenstein.survey.variance import Matrix


@dataclass(frozen=True, eq=False)
class TwoPhaseDesign:
    """Stratified random sampling in both phases. Use `two_phase`.

    Args:
        weights: Weight of each row of the second phase [m].
        first_weights: Its first-phase weight [m].
        first: Its stratum in the first phase [m].
        second: Its stratum in the second phase [m].
        first_size: Rows of each first-phase stratum [strata].
        first_fraction: Sampling fraction of each first-phase stratum [strata].
        known: First-phase rows of each second-phase stratum [strata].
    """

    weights: Floats
    first_weights: Floats
    first: Codes
    second: Codes
    first_size: Codes
    first_fraction: Floats
    known: Codes
    calibrations: tuple[Calibration, ...] = ()

    def with_weights(self, weights: Floats, calibration: Calibration | None = None) -> Self:
        """Return the design with other weights, and the calibration that made them."""
        added = () if calibration is None else (calibration,)
        return replace(self, weights=weights, calibrations=(*self.calibrations, *added))

    def degrees_within(self, inside: NDArray[np.bool_]) -> int:
        """Rows minus strata of the second phase, of those in a domain [m]."""
        return int(inside.sum() - np.unique(self.second[inside]).size)

    @property
    def degrees_of_freedom(self) -> int:
        """Rows minus strata of the second phase."""
        return int(self.weights.size - self.known.size)

    @property
    def chance(self) -> Floats:
        """Second-phase inclusion probability of each row [m]."""
        sampled = np.bincount(self.second)
        return np.asarray((sampled / self.known)[self.second], dtype=np.float64)


def two_phase(
    subset: Any,
    *,
    second_strata: Any = None,
    first_strata: Any = None,
    first_weights: Any = None,
    first_fraction: Any = None,
) -> TwoPhaseDesign:
    """Describe a two-phase sample.

    Args:
        subset: Whether each row of the first phase is in the second [n].
        second_strata: Second-phase stratum of each row [n].
        first_strata: First-phase stratum of each row [n].
        first_weights: First-phase weights [n]; 1 where not given.
        first_fraction: First-phase sampling fraction of each row's stratum [n]. Without it the
            first phase is taken as independent draws whose number is not fixed, as R's `survey`
            does: totals then carry the variance of that number.

    Raises:
        SurveyError: If a second-phase stratum has fewer than two sampled rows, unless all of it is
            sampled.
    """
    inside = np.asarray(subset, dtype=np.bool_)
    n = inside.size
    base = np.ones(n) if first_weights is None else numbers(first_weights, "first_weights")
    share = np.full(n, 0.5) if first_fraction is None else numbers(first_fraction, "first_fraction")
    columns = [c for c in (second_strata, first_strata, base, share) if c is not None]
    fits = all(len(column) == n for column in columns) and bool(inside.any())
    if not fits or not ((base > 0) & np.isfinite(base) & (share > 0) & (share <= 1)).all():
        raise SurveyError(
            "A two-phase sample cannot be used.",
            expected="columns of one length, rows in the second phase, positive weights, "
            "fractions above 0 and at most 1",
            found=f"lengths {sorted({n, *map(len, columns)})}, {int(inside.sum())} rows in the "
            f"second phase, {int((~(base > 0)).sum())} weights and "
            f"{int((~((share > 0) & (share <= 1))).sum())} fractions outside",
            where="two_phase",
            fix="Correct the columns.",
        )
    blank = np.zeros(n, dtype=np.int64)
    first = blank if first_strata is None else codes(first_strata)[0]
    second = blank if second_strata is None else codes(second_strata)[0]
    known, sampled = np.bincount(second), np.bincount(second[inside], minlength=second.max() + 1)
    lonely = int(((sampled < 2) & (sampled < known)).sum())
    if lonely:
        raise SurveyError(
            "A second-phase stratum has fewer than two sampled rows.",
            expected="two or more, or all of the stratum",
            found=f"{lonely} strata with fewer",
            where="two_phase",
            fix="Join second-phase strata.",
        )
    fraction = np.zeros(first.max() + 1)
    if first_fraction is not None:
        fraction[first] = share
    weights = (base * (known / np.maximum(sampled, 1))[second])[inside]
    return TwoPhaseDesign(
        weights, base[inside], first[inside], second[inside], np.bincount(first), fraction, known
    )


def covariance(design: TwoPhaseDesign, influences: Matrix) -> Matrix:
    r"""Return the covariance of totals of influences over both phases.

    Args:
        design: The design.
        influences: Weighted influences $w_k z_k$ with the weights of both phases [m, q].

    Notes:
        $\hat V = \sum\sum \frac{\check\Delta^{(1)}_{kl}}{\pi^{(2)}_{kl}} \check z_k \check z_l +
        \sum\sum \check\Delta^{(2)}_{kl} u_k u_l$ with $\check z = w^{(1)}z$ and $u = w z$. Both are
        written as sums over strata, so that no m × m matrix is formed.

    Source:
        Särndal, Swensson, Wretman, Model Assisted Survey Sampling, 1992, result 9.3.1.
    """
    plain = influences * design.chance[:, None]
    total = np.zeros((influences.shape[1],) * 2)
    for stratum, size in enumerate(design.first_size):
        rows = design.first == stratum
        total += (plain[rows] / design.chance[rows, None]).T @ plain[rows]
        fraction = design.first_fraction[stratum]
        if fraction > 0:
            own = (plain[rows] / design.chance[rows, None]).T @ plain[rows]
            pairs = _pairs(design, plain[rows], design.second[rows])
            total -= fraction * own + (1 - fraction) * pairs / max(size - 1, 1)
    for stratum, known in enumerate(design.known):
        u = influences[design.second == stratum]
        if 1 < len(u) < known:
            centred = u - u.mean(axis=0)
            total += (1 - len(u) / known) * len(u) / (len(u) - 1) * centred.T @ centred
    return total


def _pairs(design: TwoPhaseDesign, z: Matrix, second: Codes) -> Matrix:
    """Return Σ over k ≠ l of z_k z_l / π_kl of the second phase [q, q]."""
    strata = range(design.known.size)
    sampled = np.bincount(design.second, minlength=design.known.size)
    chance = sampled / design.known
    sums = np.stack([z[second == h].sum(axis=0) for h in strata])
    expanded = sums / np.where(chance > 0, chance, 1)[:, None]
    whole = expanded.sum(axis=0)
    pairs = np.outer(whole, whole)
    for h in strata:
        inside = z[second == h]
        m, n = float(sampled[h]), float(design.known[h])
        joint = m * (m - 1) / (n * (n - 1)) if n > 1 and m > 1 else 1.0
        different = np.outer(sums[h], sums[h]) - inside.T @ inside
        pairs += different / joint - np.outer(expanded[h], expanded[h])
    return pairs
