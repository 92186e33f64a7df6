"""Sample designs: strata, clusters in any number of stages, and finite populations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.survey.calibration import Calibration

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Codes = np.ndarray[tuple[int], np.dtype[np.int64]]
_FEW, _EXTREME = 100, 0.1


class ExtremeWeightWarning(UserWarning):
    """One row carries a large part of all weight."""


class LonelyPSU(StrEnum):
    """What a stratum with one sampled PSU (of more) adds to the variance.

    `fail`: an error. `remove` and `certainty`: nothing. `adjust`: its total about zero, the mean of
    the influences. `average`: the mean of the other strata. `collapse`: it is joined with the
    stratum beside it, by the names of the strata.
    """

    FAIL = "fail"
    REMOVE = "remove"
    CERTAINTY = "certainty"
    ADJUST = "adjust"
    AVERAGE = "average"
    COLLAPSE = "collapse"


@dataclass(frozen=True)
class Stage:
    """One stage of selection, clusters within strata.

    Args:
        cluster: Cluster of each row, from 0 [n].
        stratum: Stratum of each cluster, from 0 [clusters].
        sampled: Clusters sampled in each stratum [strata].
        fraction: Share of its stratum's clusters that was sampled, of each cluster [clusters];
            under Brewer's method the cluster's own inclusion probability.
        reached: Product of the sampling fractions of the stages before, of each stratum [strata].
    """

    cluster: Codes
    stratum: Codes
    sampled: Codes
    fraction: Floats
    reached: Floats

    @property
    def lonely(self) -> Codes:
        """The strata with one sampled cluster that was not certain to be sampled."""
        uncertain = np.zeros(self.sampled.size, dtype=bool)
        np.logical_or.at(uncertain, self.stratum, self.fraction < 1)
        return np.flatnonzero((self.sampled == 1) & uncertain)


@dataclass(frozen=True)
class SurveyDesign:
    """A sample and how it was drawn. Use `design`.

    Args:
        weights: Weight of each row [n]: design weight, then calibrated weight.
        stages: Stages of selection, first to last.
        lonely: Rule for strata with one PSU.
        calibrations: Calibrations the weights went through, in order; variances are of residuals.
        hartley_rao: Σ p²/n of the population, where Hartley and Rao's joint probabilities are used.
        joint: Joint inclusion probabilities of the PSUs [m, m], where they are given.
    """

    weights: Floats
    stages: tuple[Stage, ...]
    lonely: LonelyPSU
    calibrations: tuple[Calibration, ...] = field(default=())
    hartley_rao: float | None = None
    joint: Any = None

    @property
    def degrees_of_freedom(self) -> int:
        """PSUs minus strata."""
        first = self.stages[0]
        return int(first.stratum.size - first.sampled.size)

    def with_weights(self, weights: Floats, calibration: Calibration | None = None) -> SurveyDesign:
        """Return the design with other weights, and the calibration that made them."""
        added = () if calibration is None else (calibration,)
        return replace(self, weights=weights, calibrations=(*self.calibrations, *added))


def design(
    n: int,
    *,
    weights: Any = None,
    strata: Sequence[Any] | None = None,
    clusters: Sequence[Any] | None = None,
    fpc: Sequence[Any] | None = None,
    brewer: bool = False,
    hartley_rao: float | None = None,
    joint: Any = None,
    lonely: str = "fail",
    nest: bool = False,
) -> SurveyDesign:
    """Describe a sample design.

    Args:
        n: Number of rows.
        weights: Design weights [n]; from the sampling fractions where not given.
        strata: One array [n] a stage, or None for a stage without strata.
        clusters: One array [n] a stage; rows themselves where not given.
        fpc: One array [n] a stage: the stratum's population of clusters, or the sampling
            fraction where all values are at most 1. Without it, sampling with replacement.
        brewer: Whether `fpc` holds inclusion probabilities of unequal-probability sampling, for
            Brewer's approximation.
        hartley_rao: Σ p²/n of the population, for Hartley and Rao's joint probabilities.
        joint: Joint inclusion probabilities of the PSUs in their order [m, m].
        lonely: Rule for strata with one PSU.
        nest: Whether cluster names are only unique within their stratum.

    Returns:
        The design.

    Raises:
        SurveyError: If weights are missing, zero or negative, a PSU lies in two strata, or a
            population is smaller than its sample.
    """
    given = _columns(n, clusters, strata, fpc)
    stages: list[Stage] = []
    parent = np.zeros(n, dtype=np.int64)
    reached = np.ones(n)
    for number, (names, groups, population) in enumerate(given, start=1):
        stage = _stage(number, parent, (names, groups, population), reached, brewer, nest)
        stages.append(stage)
        reached = reached * stage.fraction[stage.cluster]
        parent = stage.cluster
        if population is None:
            break
    final = _weights(n, weights, reached)
    rule = LonelyPSU(lonely)
    return SurveyDesign(final, tuple(stages), rule, hartley_rao=hartley_rao, joint=joint)


_Given = tuple[Any, Any, Any]


def _columns(n: int, clusters: Any, strata: Any, fpc: Any) -> list[_Given]:
    """Return clusters, strata and populations of each stage, None where there are none."""
    stages = max(len(given) for given in (clusters or [None], strata or [], fpc or []))
    columns = []
    for number in range(stages):
        stage = tuple(
            None if given is None or number >= len(given) else given[number]
            for given in (clusters, strata, fpc)
        )
        for name, column in zip(("clusters", "strata", "fpc"), stage, strict=True):
            if column is not None and len(column) != n:
                raise SurveyError(
                    f"A column of {name} has another length than the sample.",
                    expected=f"{n} rows",
                    found=f"{len(column)} rows",
                    where=f"stage {number + 1}",
                    fix="Give one value a row.",
                )
        columns.append(stage)
    return columns


def codes(values: Any) -> tuple[Codes, Any]:
    """Return values as codes from 0, and the distinct values in order.

    >>> codes(np.array([7, 3, 7]))[0].tolist()
    [1, 0, 1]
    """
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        low = int(array.min())
        span = int(array.max()) - low + 1
        if span <= 4 * array.size + 1000:  # a table of the range is faster than sorting
            shifted = array.astype(np.int64, copy=False) - low
            present = np.bincount(shifted, minlength=span) > 0
            kinds = (np.flatnonzero(present) + low).astype(array.dtype)
            if kinds.size == span:
                return shifted, kinds
            return (np.cumsum(present) - 1)[shifted], kinds
    kinds, inverse = np.unique(array, return_inverse=True)
    return inverse.astype(np.int64, copy=False).ravel(), kinds


def _stage(
    number: int, parent: Codes, given: _Given, reached: Floats, brewer: bool, nest: bool
) -> Stage:
    names, groups, population = given
    stratum = parent
    if groups is not None:
        stratum = _crossed(parent, groups)
    strata_count = int(stratum.max()) + 1
    cluster, clusters_count = np.arange(parent.size), parent.size
    if names is not None:
        cluster = _crossed(stratum, names) if nest or number > 1 else codes(names)[0]
        clusters_count = int(cluster.max()) + 1
    of_cluster = np.zeros(clusters_count, dtype=np.int64)
    of_cluster[cluster] = stratum
    astray = int((of_cluster[cluster] != stratum).sum())
    if astray:
        raise SurveyError(
            "A PSU lies in two strata.",
            expected="every cluster in one stratum",
            found=f"{astray} rows in another stratum than the rest of their cluster",
            where=f"stage {number}",
            fix="Correct the strata; or set nest=True if names repeat between strata.",
        )
    sampled = np.bincount(of_cluster, minlength=strata_count)
    fraction = _fraction(number, population, (cluster, of_cluster, sampled), brewer)
    first = np.ones(strata_count)
    first[stratum] = reached
    return Stage(cluster, of_cluster, sampled, fraction, first)


def _crossed(outer: Codes, inner: Any) -> Codes:
    """Return codes of the pairs of an outer code and an inner value."""
    inside, kinds = codes(inner)
    if not outer.any():
        return inside
    return codes(outer * len(kinds) + inside)[0]


def _fraction(
    number: int, population: Any, places: tuple[Codes, Codes, Codes], brewer: bool
) -> Floats:
    """Return the sampling fraction of each cluster's stratum, or of the cluster under Brewer."""
    cluster, of_cluster, sampled = places
    if population is None:
        return np.zeros(of_cluster.size)
    size = np.asarray(population, dtype=np.float64)
    if not (size > 0).all():
        raise SurveyError(
            "A finite population is not positive.",
            expected="population counts or sampling fractions above 0",
            found=f"{int((~(size > 0)).sum())} others",
            where=f"fpc of stage {number}",
            fix="Correct the counts; leave fpc out for sampling with replacement.",
        )
    of = np.zeros(of_cluster.size)
    of[cluster] = size
    uneven = int((of[cluster] != size).sum())
    if brewer:
        return of
    by_stratum = np.zeros(sampled.size)
    by_stratum[of_cluster] = of
    uneven += int((by_stratum[of_cluster] != of).sum())
    fraction = by_stratum if size.max() <= 1 else sampled / by_stratum
    small = np.flatnonzero(fraction > 1 + 1e-12)
    if uneven or small.size:
        raise SurveyError(
            "Populations do not fit their strata.",
            expected="one population a stratum, at least as large as its sample",
            found=f"{uneven} rows with another one, {small.size} strata smaller than their sample",
            where=f"fpc of stage {number}",
            fix="Give the number of clusters in the stratum's population.",
        )
    return fraction[of_cluster]


def _weights(n: int, weights: Any, reached: Floats) -> Floats:
    if weights is None:
        if not (reached > 0).all():
            raise SurveyError(
                "There are no weights.",
                expected="weights, or fpc from which they follow",
                found="neither",
                where="design",
                fix="Give weights=…",
            )
        return 1 / reached
    given = np.array(weights, dtype=np.float64)
    wrong = int((~(given > 0) | ~np.isfinite(given)).sum())
    if given.shape != (n,) or wrong:
        raise SurveyError(
            "Weights cannot be used.",
            expected=f"{n} positive numbers",
            found=f"shape {given.shape}, {wrong} zero, negative or missing",
            where="weights",
            fix="Leave out rows without weight; domains keep theirs.",
        )
    share = float(given.max() / given.sum())
    if n > _FEW and share > _EXTREME:
        warnings.warn(
            f"One weight of {n} is {share:.0%} of their sum: estimates rest on one row.",
            ExtremeWeightWarning,
            stacklevel=3,
        )
    return given
