"""Sample designs: strata, clusters in any number of stages, and finite populations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ravenstein.core.errors import SurveyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.survey.calibration import Calibration

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
_FEW, _EXTREME = 100, 0.1


class ExtremeWeightWarning(UserWarning):
    """One row carries a large part of all weight."""


class LonelyPSU(StrEnum):
    """What a stratum with one sampled PSU (of more) adds to the variance.

    `fail`: an error. `remove` and `certainty`: nothing. `adjust`: its total about the mean of all
    PSUs. `average`: the mean of the other strata.
    """

    FAIL = "fail"
    REMOVE = "remove"
    CERTAINTY = "certainty"
    ADJUST = "adjust"
    AVERAGE = "average"


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


@dataclass(frozen=True, eq=False)
class Selection:
    """How one stage selected, by columns of the sample.

    Args:
        clusters: Cluster of each row [n]; rows themselves where not given.
        strata: Stratum of each row [n].
        fpc: Finite population of each row's stratum [n]: its number of clusters, or the sampling
            fraction where no value is above 1. Without it, sampling with replacement.
        nest: Whether names of clusters repeat between strata (later stages always may).
    """

    clusters: Any = None
    strata: Any = None
    fpc: Any = None
    nest: bool = False


@dataclass(frozen=True, eq=False)
class Unequal:
    """Sampling of PSUs with unequal probabilities, without replacement.

    Args:
        method: `brewer`; `hartley_rao`; or `joint`, for given joint probabilities.
        constant: For Hartley–Rao, Σ p²/n over the population.
        joint: Joint inclusion probabilities of the PSUs, their own on the diagonal [m, m].
    """

    method: Literal["brewer", "hartley_rao", "joint"] = "brewer"
    constant: float = 0.0
    joint: Any = None


@dataclass(frozen=True, eq=False)
class SurveyDesign:
    """A sample and how it was drawn. Use `design`.

    Args:
        weights: Weight of each row [n]: design weight, then calibrated weight.
        stages: Stages of selection, first to last.
        lonely: Rule for strata with one PSU.
        calibrations: Calibrations the weights went through, in order; variances are of residuals.
        unequal: How PSUs were drawn with unequal probabilities, where they were.
    """

    weights: Floats
    stages: tuple[Stage, ...]
    lonely: LonelyPSU
    calibrations: tuple[Calibration, ...] = field(default=())
    unequal: Unequal | None = None

    @property
    def degrees_of_freedom(self) -> int:
        """PSUs minus strata."""
        first = self.stages[0]
        return int(first.stratum.size - first.sampled.size)

    @property
    def lonely_strata(self) -> int:
        """Number of strata, of all stages, to which the rule for lonely PSUs applies."""
        return sum(stage.lonely.size for stage in self.stages)

    def with_weights(self, weights: Floats, calibration: Calibration | None = None) -> SurveyDesign:
        """Return the design with other weights, and the calibration that made them."""
        added = () if calibration is None else (calibration,)
        return replace(self, weights=weights, calibrations=(*self.calibrations, *added))


def design(
    *stages: Selection, weights: Any = None, lonely: str = "fail", unequal: Unequal | None = None
) -> SurveyDesign:
    """Describe a sample design.

    Args:
        stages: How each stage selected, first to last; one without finite population is the last
            that counts for the variance.
        weights: Design weights [n]; from the sampling fractions where not given.
        lonely: Rule for strata with one PSU: a `LonelyPSU`.
        unequal: How PSUs were drawn with unequal probabilities, their inclusion probabilities
            being the first stage's `fpc`.

    Returns:
        The design.

    Raises:
        SurveyError: If weights are missing, zero or negative, a PSU lies in two strata, or a
            population is smaller than its sample.

    >>> two = design(Selection(strata=[1, 1, 2, 2], fpc=[20, 20, 10, 10]))
    >>> two.weights.tolist(), two.degrees_of_freedom
    ([10.0, 10.0, 5.0, 5.0], 2)
    """
    chosen = stages or (Selection(),)
    n = _rows(chosen, weights)
    described: list[Stage] = []
    parent = np.zeros(n, dtype=np.int64)
    reached = np.ones(n)
    for number, selection in enumerate(chosen, start=1):
        own = unequal is not None and number == 1
        stage = _stage(number, parent, selection, reached, own_chances=own)
        described.append(stage)
        reached = reached * stage.fraction[stage.cluster]
        parent = stage.cluster
        if selection.fpc is None:
            break
    if unequal is not None and unequal.method != "brewer":
        first = described[0]
        if len(described) > 1 or first.sampled.size > 1:
            raise SurveyError(
                "Joint probabilities are known for one stage without strata only.",
                expected="one stage, no strata",
                found=f"{len(described)} stages, {first.sampled.size} strata",
                where="unequal",
                fix="Use Brewer's method.",
            )
    final = _weights(n, weights, reached)
    return SurveyDesign(final, tuple(described), LonelyPSU(lonely), unequal=unequal)


def _rows(stages: Sequence[Selection], weights: Any) -> int:
    """Return the number of rows, which every column must have."""
    columns = {"weights": weights}
    for number, stage in enumerate(stages, start=1):
        for name in ("clusters", "strata", "fpc"):
            columns[f"{name} of stage {number}"] = getattr(stage, name)
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) != 1 or not all(lengths.values()):
        raise SurveyError(
            "The columns of the design cannot be used.",
            expected="one value a row in each column, at least one row",
            found=", ".join(f"{name}: {length}" for name, length in lengths.items()) or "none",
            where="design",
            fix="Give weights, strata, clusters and fpc of the same rows.",
        )
    return next(iter(lengths.values()))


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
    number: int, parent: Codes, given: Selection, reached: Floats, *, own_chances: bool
) -> Stage:
    stratum = parent if given.strata is None else _crossed(parent, given.strata)
    strata_count = int(stratum.max()) + 1
    cluster, clusters_count = np.arange(parent.size), parent.size
    if given.clusters is not None:
        nested = given.nest or number > 1
        cluster = _crossed(stratum, given.clusters) if nested else codes(given.clusters)[0]
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
    places = (cluster, of_cluster, sampled)
    fraction = _fraction(number, given.fpc, places, own_chances=own_chances)
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
    number: int, population: Any, places: tuple[Codes, Codes, Codes], *, own_chances: bool
) -> Floats:
    """Return the sampling fraction of each cluster's stratum, or its own chance."""
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
    if own_chances:
        if uneven or (of > 1).any():
            raise SurveyError(
                "Inclusion probabilities cannot be used.",
                expected="one probability a PSU, at most 1",
                found=f"{uneven} rows with another one, {int((of > 1).sum())} PSUs above 1",
                where=f"fpc of stage {number}",
                fix="Give each PSU's inclusion probability.",
            )
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
