"""Change between two waves of a survey whose samples overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError
from ravenstein.survey.estimates import Linearised, conditioned
from ravenstein.survey.stages import codes
from ravenstein.survey.variance import centred_totals, cluster_totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Codes, Floats, Stage
    from ravenstein.survey.variance import Matrix


@dataclass(frozen=True, eq=False)
class Wave:
    """One wave of a survey.

    Args:
        design: Its design.
        estimates: Estimates from it.
        clusters: Name of each row's cluster, the same in both waves, for each stage that the
            samples have in common [n]; the first stage at least. Names are unique over strata.
    """

    design: SurveyDesign
    estimates: Linearised
    clusters: Sequence[Any]


def both_waves(first: Wave, second: Wave) -> Linearised:
    r"""Put the estimates of two waves together, with the covariance from the sample in common.

    Args:
        first: The earlier wave.
        second: The later one.

    Returns:
        All quantities, the earlier wave's first: `function(found, lambda t: t[1] - t[0])` is the
        change of one quantity, `t[1] / t[0]` its growth.

    Notes:
        Each wave keeps its own variance. With $u$ the cluster totals of the (residual) influences
        about their stratum's mean in their own wave,
        $C = \sum_{i\in s_1\cap s_2} c_i\,u_{1i}u_{2i}^\top$ over the clusters in both samples with
        $c_i = \bigl(1-\sqrt{f_1f_2}\,\tfrac{\sqrt{n_1n_2}}{\sqrt{m_1m_2}}\bigr) \big/
        \bigl(1-\tfrac1{n_1}-\tfrac1{n_2}+\tfrac{n_{12}}{n_1n_2}\bigr)$, where $n_1, n_2$ are the
        clusters of the strata of i, $m_1, m_2$ those in both samples, $n_{12}$ those in both
        strata: without bias for simple random samples of clusters, and Σ's own n/(n − 1) for
        samples that are the same. Samples drawn anew with fpc share units by chance alone: c is
        then 0 on average. If the covariance of both waves were indefinite, C is divided by the
        largest correlation that it would give a combination of the quantities. Without any
        common cluster C is 0: where fractions are large and units are kept out on purpose, the
        variance of the change is then too small, by the fraction. Overlap at stages that are not
        named is taken as none; so is any between errors of estimated totals.

    Raises:
        SurveyError: If names do not fit the clusters, or a design has joint probabilities.

    Source:
        Berger, Priam, Journal of the Royal Statistical Society A 179, 2016; Tam, The American
        Statistician 38, 1984, for the finite population.
    """
    parts = [conditioned(wave.design, wave.estimates.influences)[0] for wave in (first, second)]
    common = _common_stages(first, second)
    across = np.zeros((parts[0].shape[1], parts[1].shape[1]))
    for number in range(common):
        across += _stage(first, second, parts, number)
    earlier, later = first.estimates, second.estimates
    across = _settled(across, earlier.covariance, later.covariance)
    covariance = np.block([[earlier.covariance, across], [across.T, later.covariance]])
    return Linearised(
        (
            *(f"{name}, earlier" for name in earlier.names),
            *(f"{name}, later" for name in later.names),
        ),
        np.concatenate([earlier.point, later.point]),
        covariance,
        min(earlier.degrees_of_freedom, later.degrees_of_freedom),
        min(earlier.rows, later.rows),
        np.empty((0, covariance.shape[0])),
    )


def _settled(across: Matrix, earlier: Matrix, later: Matrix) -> Matrix:
    """Return a covariance that gives no combination of quantities a correlation above 1."""
    roots = []
    for covariance in (earlier, later):
        values, vectors = np.linalg.eigh(covariance)
        kept = values > 1e-12 * max(float(values.max(initial=0)), 1e-300)
        roots.append((vectors[:, kept], np.sqrt(values[kept])))
    (left, one), (right, two) = roots
    correlation = (left.T @ across @ right) / np.outer(one, two)
    largest = float(np.linalg.norm(correlation, 2)) if correlation.size else 0.0
    scaled = correlation / max(largest, 1.0) * np.outer(one, two)
    result: Matrix = left @ scaled @ right.T
    return result


def _common_stages(first: Wave, second: Wave) -> int:
    """Return how many stages are named in both waves."""
    waves = (first, second)
    named = [len(wave.clusters) for wave in waves]
    held = [len(wave.design.stages) for wave in waves]
    fits = all(
        np.ndim(wave.clusters[0]) == 1 if count else False
        for wave, count in zip(waves, named, strict=True)
    )
    if not fits or any(n > h for n, h in zip(named, held, strict=True)):
        raise SurveyError(
            "Names of clusters are not a list of columns.",
            expected="clusters=[names of the first stage, …], for stages that the design holds",
            found=f"{named[0]} and {named[1]} columns for {held[0]} and {held[1]} stages (one "
            "without fpc is the last)",
            where="both_waves",
            fix="Put the column into a list; leave later stages out.",
        )
    return min(named)


def _stage(first: Wave, second: Wave, parts: list[Matrix], number: int) -> Matrix:
    """Return the covariance that one stage's common clusters add."""
    stages, names, centred = [], [], []
    for wave, influences in zip((first, second), parts, strict=True):
        if wave.design.unequal is not None and wave.design.unequal.method != "brewer":
            raise SurveyError(
                "Change is not known for designs with joint probabilities.",
                expected="stages with finite populations, or Brewer's method",
                found=wave.design.unequal.method,
                where="both_waves",
                fix="Use Brewer's method.",
            )
        stage = wave.design.stages[number]
        totals = cluster_totals(influences, stage.cluster, stage.stratum.size)
        apart, _ = centred_totals(stage, totals, wave.design.lonely, number + 1)
        stages.append(stage)
        names.append(_named(stage, wave.clusters[number], number + 1))
        centred.append(apart)
    _, here, there = np.intersect1d(names[0], names[1], assume_unique=True, return_indices=True)
    counted = _factor(stages, here, there)
    product: Matrix = (centred[0][here] * counted[:, None]).T @ centred[1][there]
    return product


def _named(stage: Stage, clusters: Any, number: int) -> Any:
    """Return the name of each cluster [clusters]."""
    given = np.asarray(clusters)
    names, kinds = codes(given)
    count = stage.stratum.size
    found = np.zeros(count, dtype=np.int64)
    if names.size == stage.cluster.size:
        found[stage.cluster] = names
    astray = names.size != stage.cluster.size or bool((found[stage.cluster] != names).any())
    if astray or np.unique(found).size != count:
        raise SurveyError(
            "Names of clusters do not fit the design.",
            expected=f"one name a row, a different one for each of the {count} clusters",
            found=f"{given.size} rows, {len(kinds)} names",
            where=f"clusters of stage {number}",
            fix="Give each cluster a name of its own, the same in both waves.",
        )
    return kinds[found]


def _factor(stages: list[Stage], here: Codes, there: Codes) -> Floats:
    """Return what each common cluster's product counts [common]."""
    one, two = stages
    strata = one.stratum[here], two.stratum[there]
    if not here.size:
        return np.ones(0)
    pair = codes(strata[0] * two.sampled.size + strata[1])[0]
    overlap = np.bincount(pair)[pair]
    product, both, fractions = np.ones(here.size), np.ones(here.size), np.ones(here.size)
    expected = np.ones(here.size)
    for stage, of, place in zip(stages, strata, (here, there), strict=True):
        n = stage.sampled[of].astype(np.float64)
        product, both = product * n, both * np.bincount(of)[of]
        fractions = fractions * stage.fraction[place]
        expected -= 1 / n
    expected += overlap / product
    reached = one.reached[strata[0]] * two.reached[strata[1]]
    left = 1 - np.sqrt(fractions * product / both)
    result: Floats = np.sqrt(reached) * left / np.maximum(expected, 1e-9)
    return result
