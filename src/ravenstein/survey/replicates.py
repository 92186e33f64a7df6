"""Replicate weights: jackknife, balanced half-samples, bootstrap, successive differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import hadamard

from ravenstein.core.errors import SurveyError
from ravenstein.survey.estimates import scattered
from ravenstein.survey.stages import LonelyPSU, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ravenstein.core.estimate import Estimate
    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Codes, Floats, Stage
    from ravenstein.survey.variance import Matrix

_MOST_PSUS = 20_000


@dataclass(frozen=True, eq=False)
class Replicates:
    r"""Replicate weights, as factors on the weights of each PSU (or row).

    Args:
        kind: JK1, JKn, BRR, Fay, bootstrap, SDR or given.
        unit: Unit of each row that the factors are of [n].
        factors: Factor on the weight, by unit and replicate [units, R].
        scale: Constant of the variance.
        rscales: Constant of each replicate [R].
        centre: What replicates are compared with, θ below: the `estimate`, or the `mean` of the
            replicates.

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


@dataclass(frozen=True, eq=False)
class ReplicateEstimates:
    """An estimate [q] and its replicates [R, q]."""

    full: Floats
    each: Matrix
    replicates: Replicates

    @property
    def _apart(self) -> Matrix:
        """Replicates about their centre, scaled so that squares add to the covariance [R, q]."""
        given = self.replicates
        used = given.rscales > 0
        about_mean = given.centre == "mean" and bool(used.any())
        centre = self.each[used].mean(axis=0) if about_mean else self.full
        apart: Matrix = (self.each - centre) * np.sqrt(given.scale * given.rscales)[:, None]
        return apart

    def covariance(self) -> Matrix:
        """Return the covariance of the estimates [q, q]."""
        product: Matrix = self._apart.T @ self._apart
        return product

    def standard_error(self) -> Floats:
        """Return the standard errors [q]."""
        return np.sqrt(np.diag(self.covariance()))

    def as_estimate(
        self,
        labels: Mapping[str, Sequence[str]],
        *,
        unit: str,
        draws: int,
        generator: np.random.Generator,
    ) -> Estimate:
        r"""Return an `Estimate`.

        Args:
            labels: Dimensions and labels that the q quantities fill.
            unit: Unit.
            draws: The study's number of draws.
            generator: Random generator, for replicates that are not draws themselves.

        Notes:
            Bootstrap replicates, where there are as many as draws, are the draws; those whose
            variance has another constant than $1/(R-1)$ are scaled about the estimate by its
            root. Else draws are $\theta + A\varepsilon$ with $AA^\top$ the replicates' covariance,
            ε standard normal.
        """
        if self.replicates.kind.startswith("bootstrap") and self.replicates.count == draws:
            plain = np.isclose(self.replicates.scale * (draws - 1), 1)
            apart = (self.each - self.full if plain else self._apart * np.sqrt(draws - 1)).T
        else:
            noise = generator.standard_normal((self.replicates.count, draws))
            apart = self._apart.T @ noise
        return scattered(self.full, apart, labels, unit)


def replicated(
    design: SurveyDesign,
    replicates: Replicates,
    statistic: Callable[[SurveyDesign], Any],
    recalibrate: Callable[[SurveyDesign], SurveyDesign] | None = None,
) -> ReplicateEstimates:
    """Compute a statistic on the sample and on every replicate.

    Args:
        design: The design with design weights.
        replicates: Its replicates.
        statistic: From a design to estimates [q].
        recalibrate: Applied to the design and to each replicate before the statistic.
    """
    finish = recalibrate or (lambda given: given)
    full = np.atleast_1d(statistic(finish(design)))
    each = np.empty((replicates.count, full.size))
    for r in range(replicates.count):
        each[r] = statistic(finish(design.with_weights(replicates.weights(design, r))))
    wrong = int((~np.isfinite(each).all(axis=1)).sum())
    if wrong:
        raise SurveyError(
            "Replicates gave estimates that are not numbers.",
            expected="finite estimates in every replicate",
            found=f"{wrong} of {replicates.count} replicates",
            where="replicated",
            fix="Merge domains or cells that a replicate can leave empty.",
        )
    return ReplicateEstimates(full, each, replicates)


def _refuse_unequal(design: SurveyDesign, where: str) -> None:
    if design.unequal is not None:
        raise SurveyError(
            "These replicates are of PSUs drawn with equal probabilities.",
            expected="a design without unequal probabilities",
            found=design.unequal.method,
            where=where,
            fix="Use the jackknife, or linearisation.",
        )


def jackknife(design: SurveyDesign) -> Replicates:
    """Return the delete-one-PSU jackknife: JK1 without strata, JKn with them.

    Source:
        Wolter, Introduction to Variance Estimation, 2007, chapter 4.
    """
    stage = design.stages[0]
    size = stage.sampled[stage.stratum].astype(np.float64)
    if stage.lonely.size or size.size > _MOST_PSUS:
        raise SurveyError(
            "The jackknife cannot leave out one PSU at a time.",
            expected=f"two or more PSUs a stratum, at most {_MOST_PSUS:,} in all",
            found=f"{stage.lonely.size} strata with one, {size.size:,} PSUs",
            where="jackknife",
            fix="Join strata before the design is built; use the bootstrap for many PSUs.",
        )
    size = np.maximum(size, 2)  # a PSU alone and certain counts nothing
    same = stage.stratum[:, None] == stage.stratum[None, :]
    factors = np.where(same, size[:, None] / (size[:, None] - 1), 1.0)
    np.fill_diagonal(factors, 0.0)
    rscales = (size - 1) / size * (1 - stage.fraction)
    if stage.sampled.size == 1:
        return Replicates("JK1", stage.cluster, factors, float(rscales[0]), np.ones(size.size))
    return Replicates("JKn", stage.cluster, factors, 1.0, rscales)


def half_samples(design: SurveyDesign, *, rho: float = 0.0) -> Replicates:
    r"""Return balanced half-samples of two PSUs a stratum; Fay's method for rho above 0.

    Args:
        design: The design.
        rho: Fay's constant, from 0 (half-samples) to below 1.

    Notes:
        Factors $1 \pm (1-\rho)\sqrt{1-f_h}$ (without finite population $f_h = 0$), in balance over
        strata by a Hadamard matrix; $V = \frac{1}{R(1-\rho)^2}\sum_r(\theta_r-\theta)^2$.

    Source:
        McCarthy, Review of the International Statistical Institute 37, 1969; Judkins, Journal of
        Official Statistics 6, 1990.
    """
    _refuse_unequal(design, "half_samples")
    stage = design.stages[0]
    pairs = np.flatnonzero(stage.uncertain)
    others = int((stage.sampled[pairs] != 2).sum())
    if others:
        raise SurveyError(
            "Balanced half-samples need two PSUs a stratum.",
            expected="2 PSUs in every stratum that was not taken in full",
            found=f"{others} strata with another number",
            where="half_samples",
            fix="Join or split strata, or use the jackknife.",
        )
    if not 0 <= rho < 1:
        raise SurveyError(
            "Fay's constant is out of range.",
            expected="from 0 to below 1",
            found=f"{rho:g}",
            where="half_samples",
            fix="Use 0 for half-samples, or 0.3 to 0.5.",
        )
    strata = pairs.size
    signs = np.zeros((1 << int(np.ceil(np.log2(strata + 1))), stage.sampled.size))
    signs[:, pairs] = hadamard(signs.shape[0])[:, 1 : strata + 1]
    second = np.zeros(stage.stratum.size, dtype=np.int64)
    second[np.unique(stage.stratum, return_index=True)[1]] = 1
    side = np.where(second == 1, 1, -1) * np.sqrt(1 - stage.fraction)
    factors = 1 + (1 - rho) * side[:, None] * signs[:, stage.stratum].T
    count = signs.shape[0]
    kind = "Fay" if rho else "BRR"
    scale = 1 / (count * (1 - rho) ** 2)
    return Replicates(kind, stage.cluster, factors, scale, np.ones(count))


def bootstrap(
    design: SurveyDesign, count: int, generator: np.random.Generator, *, method: str = "rao_wu"
) -> Replicates:
    r"""Return bootstrap replicates of the first stage, or of all stages.

    Args:
        design: The design.
        count: Number of replicates.
        generator: Random generator.
        method: `rao_wu`: $n_h-1$ of $n_h$ PSUs with replacement, rescaled; `canty_davison`: $n_h$
            PSUs, with replacement, or without it from the sample repeated to its population;
            `preston`: half of the clusters without replacement at every stage.

    Notes:
        Canty–Davison factor $m_{hi}$, how often a PSU is drawn; the variance is scaled by
        $\frac{\bar n}{\bar n-1}$ with $\bar n$ the harmonic mean of the $n_h$, so it is right for
        totals only where strata have the same number of PSUs. With a finite population $N_h$ the
        factor is $1+\sqrt{(N_h-1)/N_h}\,(m_{hi}-1)$, which takes the $N_h/(N_h-1)$ off that drawing
        from the repeated sample adds.
        Rao–Wu factor $1-\lambda_h+\lambda_h\frac{n_h}{n_h-1}m_{hi}$, $\lambda_h=\sqrt{1-f_h}$.
        Preston: $w_k\,[1 + \sum_s \lambda_s \prod_{r<s}\sqrt{n_r/n^*_r}\,\delta_r\,
        (\frac{n_s}{n^*_s}\delta_s - 1)]$ with $n^*_s = \lfloor n_s/2\rfloor$ and
        $\lambda_s = \sqrt{n^*_s f_1\cdots f_{s-1}(1-f_s)/(n_s-n^*_s)}$.

    Raises:
        SurveyError: If a stratum has one PSU that was not certain, unless the rule is to take
            it as certain (or remove it, which adds as little): its factor is then 1.

    Source:
        Rao, Wu, Yue, Survey Methodology 18, 1992; Canty, Davison, The Statistician 48, 1999;
        Preston, Survey Methodology 35, 2009.
    """
    _refuse_unequal(design, "bootstrap")
    certain = design.lonely in (LonelyPSU.CERTAINTY, LonelyPSU.REMOVE)
    if (design.stages[0].lonely.size and not certain) or count < 2:
        raise SurveyError(
            "There is nothing to draw from.",
            expected="two or more PSUs a stratum, two or more replicates",
            found=f"{design.stages[0].lonely.size} strata with one, {count} replicates",
            where="bootstrap",
            fix="Join strata before the design is built.",
        )
    if method not in ("rao_wu", "canty_davison", "preston"):
        raise SurveyError(
            "There is no such bootstrap.",
            expected="rao_wu, canty_davison or preston",
            found=method,
            where="bootstrap",
            fix="Choose one of the three.",
        )
    first, scale = design.stages[0], 1 / (count - 1)
    if method == "preston":
        factors, unit = _preston(design, count, generator)
    elif method == "rao_wu":
        factors, unit = _drawn(first, count, generator), first.cluster
    else:
        factors, unit = _repeated(first, count, generator), first.cluster
        drawn = first.sampled[first.uncertain]
        size = float(1 / np.mean(1 / drawn)) if drawn.size else np.inf
        scale *= 1 / (1 - 1 / size)
    return Replicates(f"bootstrap ({method})", unit, factors, scale, np.ones(count))


def _repeated(stage: Stage, count: int, generator: np.random.Generator) -> Matrix:
    """Return how often each PSU is drawn, without replacement if the population is finite."""
    factors = np.ones((stage.stratum.size, count))
    for stratum, size in enumerate(stage.sampled.tolist()):
        if size < 2:
            continue
        inside = np.flatnonzero(stage.stratum == stratum)
        fraction = stage.fraction[inside[0]]
        if fraction == 0:
            times = generator.multinomial(size, np.full(size, 1 / size), size=count)
        else:  # which PSUs stand for one more of the population is drawn once
            population = round(size / fraction)
            if abs(population - size / fraction) > 1e-6 * population:
                raise SurveyError(
                    "The sample cannot be repeated to its population.",
                    expected="whole numbers of PSUs in the population",
                    found=f"{size / fraction:.6g} in a stratum",
                    where="bootstrap",
                    fix="Give counts as fpc, or use rao_wu.",
                )
            whole, left = divmod(population, size)
            copies = np.full(size, whole) + (generator.permutation(size) < left)
            drawn = generator.multivariate_hypergeometric(copies, size, size=count)
            times = 1 + np.sqrt(1 - 1 / population) * (drawn - 1)
        factors[inside] = times.T
    return factors


def _drawn(stage: Stage, count: int, generator: np.random.Generator) -> Matrix:
    factors = np.ones((stage.stratum.size, count))
    for stratum, size in enumerate(stage.sampled.tolist()):
        if size < 2:
            continue
        inside = np.flatnonzero(stage.stratum == stratum)
        drawn = generator.integers(0, size, (count, size - 1)) + np.arange(count)[:, None] * size
        times = np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size).T
        keep = np.sqrt(1 - stage.fraction[inside[0]])
        factors[inside] = 1 - keep + keep * times * size / (size - 1)
    return factors


def _preston(
    design: SurveyDesign, count: int, generator: np.random.Generator
) -> tuple[Matrix, Codes]:
    last = design.stages[-1]
    rows = np.zeros(last.stratum.size, dtype=np.int64)
    rows[last.cluster] = np.arange(last.cluster.size)
    total = np.ones((rows.size, count))
    chain = np.ones((rows.size, count))
    for stage in design.stages:
        size = stage.sampled.astype(np.float64)
        half = np.maximum(np.floor(size / 2), 1)
        order = np.argsort(generator.random((stage.stratum.size, count)), axis=0)
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[0])[:, None], axis=0)
        chosen = _first_in_stratum(stage, rank, half)
        fraction = np.zeros(size.size)
        fraction[stage.stratum] = stage.fraction
        spread = stage.reached * (1 - fraction) * half / np.maximum(size - half, 1)
        strength = np.sqrt(np.where(size > half, spread, 0.0))
        at = stage.cluster[rows]
        of = stage.stratum[at]
        ratio = (size / half)[of][:, None]
        total += strength[of][:, None] * chain * (ratio * chosen[at] - 1)
        chain = chain * np.sqrt(ratio) * chosen[at]
    return total, last.cluster


def _first_in_stratum(stage: Stage, rank: Any, half: Floats) -> Any:
    """Return whether a cluster is among the first `half` of its stratum in each random order."""
    chosen = np.empty(rank.shape, dtype=bool)
    for stratum in range(stage.sampled.size):
        inside = np.flatnonzero(stage.stratum == stratum)
        place = np.argsort(np.argsort(rank[inside], axis=0), axis=0)
        chosen[inside] = place < half[stratum]
    return chosen


def successive_differences(design: SurveyDesign) -> Replicates:
    r"""Return successive-difference replicates, for PSUs in their systematic order.

    Notes:
        Factors $1 + 2^{-3/2}\sqrt{1-f}\,(h_{i,r} - h_{i+1,r})$ from rows of a Hadamard
        matrix; $V = \frac4R \sum_r (\theta_r-\theta)^2$.

    Source:
        Fay, Train, Proceedings of the ASA Section on Government Statistics, 1995.
    """
    stage = design.stages[0]
    size = stage.stratum.size
    if stage.lonely.size or size > _MOST_PSUS:
        raise SurveyError(
            "There are no successive differences.",
            expected=f"two or more PSUs a stratum, at most {_MOST_PSUS:,} in all",
            found=f"{stage.lonely.size} strata with one, {size:,} PSUs",
            where="successive_differences",
            fix="Join strata before the design is built; use the bootstrap for many PSUs.",
        )
    count = 1 << int(np.ceil(np.log2(size + 2)))
    signs = hadamard(count)
    order = np.argsort(stage.stratum, kind="stable")
    place, after = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    place[order] = np.arange(1, size + 1)
    for stratum in range(stage.sampled.size):  # the last PSU of a stratum is followed by its first
        inside = order[stage.stratum[order] == stratum]
        after[inside] = place[np.roll(inside, -1)]
    moved = 2**-1.5 * np.sqrt(1 - stage.fraction)[:, None]
    factors = 1 + moved * (signs[place].astype(np.float64) - signs[after])
    return Replicates("SDR", stage.cluster, factors, 4 / count, np.ones(count), "estimate")


def given_weights(
    design: SurveyDesign,
    weights: Any,
    *,
    scale: float,
    rscales: Any = None,
    centre: str = "mean",
) -> Replicates:
    """Return replicates whose full weights are given [n, R], with the constants of their variance.

    Args:
        design: The design with the full sample's weights.
        weights: Replicate weights.
        scale: Constant of the variance.
        rscales: Constant of each replicate; 1 where not given.
        centre: `mean` or `estimate`.
    """
    n = design.weights.size
    each = numbers(weights, "replicate weights")
    ones = numbers(1.0 if rscales is None else rscales, "rscales")
    fits = (
        each.ndim == 2 and each.shape[0] == design.weights.size and ones.size in (1, each.shape[1])
    )
    if not fits or not scale > 0 or not (ones >= 0).all() or not np.isfinite(each).all():
        raise SurveyError(
            "Replicate weights cannot be used.",
            expected=f"{n} rows × replicates of finite weights, a constant above "
            "0, and one of 0 or more for all replicates or for each",
            found=f"shape {each.shape}, constant {scale:g}, {ones.size} rscales",
            where="given_weights",
            fix="Give the constants that come with the weights.",
        )
    ones = np.broadcast_to(ones.ravel(), each.shape[1:])
    rows = np.arange(each.shape[0])
    return Replicates("given", rows, each / design.weights[:, None], scale, ones, centre)
