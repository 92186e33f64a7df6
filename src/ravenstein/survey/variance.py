"""The variance of totals of influences over a sample design (Taylor linearisation)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ravenstein.core.errors import SurveyError
from ravenstein.survey.stages import LonelyPSU
from ravenstein.survey.twophase import TwoPhaseDesign
from ravenstein.survey.twophase import covariance as two_phase_covariance

if TYPE_CHECKING:
    from ravenstein.survey.design import SurveyDesign, Unequal
    from ravenstein.survey.stages import Codes, Floats, Stage

Matrix = NDArray[np.float64]
_CERTAIN = 1e-7


def covariance(design: SurveyDesign | TwoPhaseDesign, influences: Matrix) -> Matrix:
    r"""Return the covariance of the totals of influences.

    Args:
        design: The design.
        influences: Weighted influences $w_k z_k$, after calibration [n, q].

    Returns:
        Covariance [q, q].

    Notes:
        $\sum_h (1-f_h)\frac{n_h}{n_h-1}\sum_i (t_{hi}-\bar t_h)(t_{hi}-\bar t_h)^\top$ over PSUs,
        plus for each later stage the same within its strata times the sampling fractions of the
        stages before; a stage without finite population ends the sum. With unequal probabilities
        the first term is Brewer's ($1-\pi_i$ for $1-f_h$) or from joint probabilities.

    Raises:
        SurveyError: If a stratum has one PSU and the rule is `fail`.

    Source:
        Särndal, Swensson, Wretman, Model Assisted Survey Sampling, 1992, result 4.3.1.
    """
    if isinstance(design, TwoPhaseDesign):
        return two_phase_covariance(design, influences)
    total = np.zeros((influences.shape[1],) * 2)
    for number, stage in enumerate(design.stages, start=1):
        totals = cluster_totals(influences, stage.cluster, stage.stratum.size)
        unequal = design.unequal if number == 1 else None
        if unequal is not None and unequal.method != "brewer":
            total += _unequal(stage, unequal, totals)
        else:
            total += _stage_covariance(stage, totals, design.lonely, number)
    return total


def cluster_totals(values: Matrix, cluster: Codes, count: int) -> Matrix:
    """Return the sums of columns over clusters [clusters, q]."""
    columns = [np.bincount(cluster, weights=column, minlength=count) for column in values.T]
    return np.stack(columns, axis=1)


def _stage_covariance(stage: Stage, totals: Matrix, lonely: LonelyPSU, number: int) -> Matrix:
    centred, scale = centred_totals(stage, totals, lonely, number)
    scaled = centred * np.sqrt(scale)[:, None]
    product: Matrix = scaled.T @ scaled
    return product


def centred_totals(
    stage: Stage, totals: Matrix, lonely: LonelyPSU, number: int = 1
) -> tuple[Matrix, Floats]:
    """Return cluster totals about their stratum's mean, and what each square counts.

    Args:
        stage: The stage.
        totals: Totals of the influences [clusters, q].
        lonely: Rule for strata with one PSU.
        number: Number of the stage, for messages.
    """
    sums = cluster_totals(totals, stage.stratum, stage.sampled.size)
    means, scale = centres(stage, sums, lonely, number)
    return totals - means[stage.stratum], scale


def centres(
    stage: Stage, sums: Matrix, lonely: LonelyPSU, number: int = 1
) -> tuple[Matrix, Floats]:
    """Return what totals of each stratum's clusters are compared with, and what squares count.

    Args:
        stage: The stage.
        sums: Totals of the influences by stratum [strata, q].
        lonely: Rule for strata with one PSU.
        number: Number of the stage, for messages.

    Returns:
        Centres [strata, q]; scale of the squares [clusters].
    """
    alone = stage.lonely
    if alone.size and lonely is LonelyPSU.FAIL:
        raise SurveyError(
            "A stratum has only one PSU.",
            expected="at least two sampled PSUs a stratum, or all of them",
            found=f"{alone.size} strata with one",
            where=f"stage {number}",
            fix="Choose a rule: remove, certainty, adjust, average or collapse.",
        )
    size = stage.sampled.astype(np.float64)
    means = sums / size[:, None]
    factor = np.where(size > 1, size / np.maximum(size - 1, 1), 1.0) * stage.reached
    if lonely is LonelyPSU.ADJUST and alone.size:
        of, families = stage.parent, int(stage.parent.max()) + 1
        members = np.bincount(of, weights=size, minlength=families)
        middle = cluster_totals(sums, of, families) / np.maximum(members, 1)[:, None]
        means[alone] = middle[of[alone]]
    if lonely is LonelyPSU.AVERAGE and alone.size:
        factor *= _averaged(stage, number)
    left = 1 - stage.fraction
    left[left < _CERTAIN] = 0
    return means, factor[stage.stratum] * left


def _averaged(stage: Stage, number: int) -> Floats:
    """Return how often each stratum counts, so that lonely ones add their siblings' mean."""
    known = np.ones(stage.sampled.size)
    known[stage.lonely] = 0
    strata, others = np.bincount(stage.parent), np.bincount(stage.parent, weights=known)
    without = int((others[stage.parent[stage.lonely]] == 0).sum())
    if without:
        raise SurveyError(
            "A stratum with one PSU has no other to take the average of.",
            expected="a stratum with two or more PSUs under the same parent",
            found=f"{without} strata without",
            where=f"stage {number}",
            fix="Choose another rule: remove, certainty or adjust; or join strata.",
        )
    counts: Floats = known * (strata / np.maximum(others, 1))[stage.parent]
    return counts


def _unequal(stage: Stage, unequal: Unequal, totals: Matrix) -> Matrix:
    if unequal.method == "joint":
        return _horvitz_thompson(totals, unequal.joint)
    strata = stage.sampled.size
    chance = np.bincount(stage.stratum, weights=stage.fraction) / stage.sampled
    given = chance if unequal.constant is None else np.asarray(unequal.constant, dtype=np.float64)
    if given.size not in (1, strata) or stage.lonely.size:
        raise SurveyError(
            "Hartley and Rao's variance cannot be computed.",
            expected=f"one constant, or {strata}; two or more PSUs a stratum",
            found=f"{given.size} constants, {stage.lonely.size} strata with one PSU",
            where="unequal",
            fix="Give a constant a stratum; join strata with one PSU.",
        )
    constants = np.broadcast_to(given.ravel(), strata)
    result = np.zeros((totals.shape[1],) * 2)
    for stratum in np.flatnonzero(stage.uncertain):
        inside = stage.stratum == stratum
        result += _hartley_rao(totals[inside], stage.fraction[inside], float(constants[stratum]))
    return result


def _hartley_rao(totals: Matrix, chance: Floats, constant: float) -> Matrix:
    r"""Covariance from Hartley and Rao's joint probabilities, without an n × n matrix.

    Notes:
        $\check\Delta_{ij} = 1 - (n - \pi_i - \pi_j + \sum p^2/n)/(n-1)$ and
        $\check\Delta_{ii} = 1-\pi_i$; the quadratic form splits into sums.

    Source:
        Hartley, Rao, Annals of Mathematical Statistics 33, 1962, section 5.
    """
    n = float(len(totals))
    level = 1 - (n + constant) / (n - 1)
    diagonal = level + 2 * chance / (n - 1)
    sums, weighted = totals.sum(axis=0), (chance[:, None] * totals).sum(axis=0)
    cross = (np.outer(weighted, sums) + np.outer(sums, weighted)) / (n - 1)
    own = (totals * (1 - chance - diagonal)[:, None]).T @ totals
    result: Matrix = level * np.outer(sums, sums) + cross + own
    return result


def _horvitz_thompson(totals: Matrix, joint: Any) -> Matrix:
    r"""Covariance from given joint probabilities.

    Notes:
        $\sum\sum (1 - \pi_i\pi_j/\pi_{ij})\, t_i t_j$ with $\pi_{ii} = \pi_i$.
    """
    given = np.asarray(joint, dtype=np.float64)
    if given.shape != (len(totals),) * 2 or not ((given > 0) & (given <= 1)).all():
        raise SurveyError(
            "Joint inclusion probabilities cannot be used.",
            expected=f"a {len(totals)} × {len(totals)} matrix of values above 0, at most 1",
            found=f"shape {given.shape}",
            where="joint",
            fix="Give the PSUs' joint probabilities, their own on the diagonal.",
        )
    chance = np.diag(given)
    result: Matrix = totals.T @ (1 - np.outer(chance, chance) / given) @ totals
    return result
