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
        about their stratum's mean in their own wave and $s_{hi}$ what each square counts,
        $C = \sum_{i\in s_1\cap s_2} c_i\,u_{1i}u_{2i}^\top$ over the clusters in both samples with
        $c_i = \sqrt{\tfrac{n_1n_2}{(n_1-1)(n_2-1)}}\,
        \bigl(1-\sqrt{f_1f_2}\,\tfrac{\sqrt{n_1n_2}}{n_{12}}\bigr)$, at most
        $\sqrt{s_{1i}s_{2i}}$ in size: so the covariance of both waves is never indefinite.
        Samples drawn anew with fpc share units by chance alone, and c is near 0. Overlap at
        stages that are not named is taken as none; so is any between the errors of estimated
        totals. Where few clusters overlap, C is a little too small and the change's variance a
        little too large: by the factor $1-\frac1{n_1}-\frac1{n_2}+\frac{n_{12}}{n_1n_2}$ over
        that of the full overlap.

    Raises:
        SurveyError: If names do not fit the clusters, or a design has joint probabilities.

    Source:
        Berger, Priam, Journal of the Royal Statistical Society A 179, 2016; Tam, The American
        Statistician 38, 1984, for the finite population.
    """
    parts = [conditioned(wave.design, wave.estimates.influences)[0] for wave in (first, second)]
    common = min(len(first.clusters), len(second.clusters))
    across = np.zeros((parts[0].shape[1], parts[1].shape[1]))
    for number in range(common):
        across += _stage(first, second, parts, number)
    covariance = np.block(
        [[first.estimates.covariance, across], [across.T, second.estimates.covariance]]
    )
    earlier, later = first.estimates, second.estimates
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


def _stage(first: Wave, second: Wave, parts: list[Matrix], number: int) -> Matrix:
    """Return the covariance that one stage's common clusters add."""
    stages, names, centred, scales = [], [], [], []
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
        apart, scale = centred_totals(stage, totals, wave.design.lonely, number + 1)
        stages.append(stage)
        names.append(_named(stage, wave.clusters[number], number + 1))
        centred.append(apart)
        scales.append(scale)
    _, here, there = np.intersect1d(names[0], names[1], assume_unique=True, return_indices=True)
    factor = _factor(stages, here, there)
    limit = np.sqrt(scales[0][here] * scales[1][there])
    counted = np.clip(factor, -limit, limit)
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
    """Return what each common cluster's product counts, before its limit [common]."""
    one, two = stages
    strata = one.stratum[here], two.stratum[there]
    pair = codes(strata[0] * two.sampled.size + strata[1])[0] if here.size else here
    overlap = np.bincount(pair)[pair] if here.size else np.ones(0)
    sizes = [stage.sampled[of].astype(np.float64) for stage, of in zip(stages, strata, strict=True)]
    spread = [n / np.maximum(n - 1, 1) for n in sizes]
    fractions = np.sqrt(one.fraction[here] * two.fraction[there])
    left = 1 - fractions * np.sqrt(sizes[0] * sizes[1]) / overlap
    reached = one.reached[strata[0]] * two.reached[strata[1]]
    result: Floats = np.sqrt(spread[0] * spread[1] * reached) * left
    return result
