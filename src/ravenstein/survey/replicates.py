"""Replicate weights: jackknife, balanced half-samples, bootstrap, successive differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import hadamard

from ravenstein.core.errors import SurveyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ravenstein.survey.design import Codes, Floats, SurveyDesign
    from ravenstein.survey.variance import Matrix


@dataclass(frozen=True, eq=False)
class Replicates:
    r"""Replicate weights, as factors on the weights of each PSU (or row).

    Args:
        kind: JK1, JKn, BRR, Fay, bootstrap, SDR or given.
        unit: Unit of each row that the factors are of [n].
        factors: Factor on the weight, by unit and replicate [units, R].
        scale: Constant of the variance.
        rscales: Constant of each replicate [R].
        centre: `estimate` or `mean`: what replicates are compared with.

    Notes:
        $V = c \sum_r c_r (\theta_r - \theta)(\theta_r - \theta)^\top$.
    """

    kind: str
    unit: Codes
    factors: Matrix
    scale: float
    rscales: Floats
    centre: str = "mean"

    @property
    def count(self) -> int:
        """Number of replicates."""
        return int(self.rscales.size)

    def weights(self, design: SurveyDesign, replicate: int) -> Floats:
        """Return the weights of one replicate [n]."""
        product: Floats = design.weights * self.factors[self.unit, replicate]
        return product


def estimates(
    design: SurveyDesign,
    replicates: Replicates,
    statistic: Callable[[SurveyDesign], Any],
    recalibrate: Callable[[SurveyDesign], SurveyDesign] | None = None,
) -> tuple[Floats, Matrix]:
    """Compute a statistic on the sample and on every replicate.

    Args:
        design: The design with design weights.
        replicates: Its replicates.
        statistic: From a design to estimates [q].
        recalibrate: Applied to the design and to each replicate before the statistic.

    Returns:
        The estimate [q] and the replicates [R, q].
    """
    finish = recalibrate or (lambda given: given)
    full = np.atleast_1d(statistic(finish(design)))
    each = np.empty((replicates.count, full.size))
    for r in range(replicates.count):
        each[r] = statistic(finish(design.with_weights(replicates.weights(design, r))))
    return full, each


def covariance(full: Floats, each: Matrix, replicates: Replicates) -> Matrix:
    """Return the covariance of estimates from their replicates [q, q]."""
    used = replicates.rscales > 0
    centre = full if replicates.centre == "estimate" else each[used].mean(axis=0)
    apart = (each - centre) * np.sqrt(replicates.rscales)[:, None]
    result: Matrix = replicates.scale * apart.T @ apart
    return result


def jackknife(design: SurveyDesign) -> Replicates:
    """Return the delete-one-PSU jackknife: JK1 without strata, JKn with them.

    Source:
        Wolter, Introduction to Variance Estimation, 2007, chapter 4.
    """
    stage = design.stages[0]
    size = stage.sampled[stage.stratum].astype(np.float64)
    if (size < 2).any():
        raise SurveyError(
            "A stratum has only one PSU to leave out.",
            expected="two or more PSUs a stratum",
            found=f"{int((stage.sampled == 1).sum())} strata with one",
            where="jackknife",
            fix="Collapse the strata before making replicates.",
        )
    same = stage.stratum[:, None] == stage.stratum[None, :]
    factors = np.where(same, size[:, None] / (size[:, None] - 1), 1.0)
    np.fill_diagonal(factors, 0.0)
    rscales = (size - 1) / size * (1 - stage.fraction)
    if stage.sampled.size == 1:
        return Replicates("JK1", stage.cluster, factors, float(rscales[0]), np.ones(size.size))
    return Replicates("JKn", stage.cluster, factors, 1.0, rscales)


def half_samples(design: SurveyDesign, *, rho: float = 0.0) -> Replicates:
    """Return balanced half-samples of two PSUs a stratum; Fay's method for rho above 0.

    Source:
        McCarthy, Review of the International Statistical Institute 37, 1969; Judkins, Journal of
        Official Statistics 6, 1990.
    """
    stage = design.stages[0]
    if (stage.sampled != 2).any():
        raise SurveyError(
            "Balanced half-samples need two PSUs a stratum.",
            expected="2 PSUs in every stratum",
            found=f"{int((stage.sampled != 2).sum())} strata with another number",
            where="half_samples",
            fix="Collapse or split strata, or use the jackknife.",
        )
    strata = stage.sampled.size
    signs = hadamard(1 << int(np.ceil(np.log2(strata + 1))))[:, 1 : strata + 1]
    second = np.zeros(stage.stratum.size, dtype=np.int64)
    second[np.unique(stage.stratum, return_index=True)[1]] = 1
    side = np.where(second == 1, 1, -1)
    factors = 1 + (1 - rho) * side[:, None] * signs[:, stage.stratum].T
    count = signs.shape[0]
    kind = "Fay" if rho else "BRR"
    scale = 1 / (count * (1 - rho) ** 2)
    return Replicates(kind, stage.cluster, factors.astype(np.float64), scale, np.ones(count))


def bootstrap(
    design: SurveyDesign, count: int, generator: np.random.Generator
) -> Replicates:
    r"""Return Rao and Wu's rescaled bootstrap: n_h - 1 of n_h PSUs with replacement.

    Args:
        design: The design.
        count: Number of replicates.
        generator: Random generator.

    Notes:
        Factor $1 - \lambda_h + \lambda_h \frac{n_h}{n_h-1} m_{hi}$ with $\lambda_h=\sqrt{1-f_h}$.

    Source:
        Rao, Wu, Yue, Survey Methodology 18, 1992.
    """
    stage = design.stages[0]
    factors = np.ones((stage.stratum.size, count))
    for stratum, size in enumerate(stage.sampled):
        inside = np.flatnonzero(stage.stratum == stratum)
        if size < 2:
            continue
        times = generator.multinomial(size - 1, np.full(size, 1 / size), size=count).T
        keep = np.sqrt(1 - stage.fraction[inside[0]])
        factors[inside] = 1 - keep + keep * size / (size - 1) * times
    return Replicates(
        "bootstrap", stage.cluster, factors, 1 / (count - 1), np.ones(count), "mean"
    )
