"""Stages of selection: strata, clusters, sampling fractions, and strata with one PSU."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ravenstein.core.errors import SurveyError

if TYPE_CHECKING:
    from ravenstein.survey.design import Selection

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class LonelyPSU(StrEnum):
    """What a stratum with one sampled PSU (of more) adds to the variance.

    `fail`: an error. `remove` and `certainty`: nothing. `adjust`: its total about the mean of all
    PSUs. `average`: the mean of the other strata. `collapse`: the stratum is joined with the next
    one (the last with the one before) that was not sampled in full. At later stages the other
    PSUs and strata are those within the same unit of the stage before.
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
        parent: Cluster of the stage before, of each stratum; 0 at the first stage [strata].
    """

    cluster: Codes
    stratum: Codes
    sampled: Codes
    fraction: Floats
    reached: Floats
    parent: Codes

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """Whether each stratum was sampled, not taken in full [strata]."""
        some = np.zeros(self.sampled.size, dtype=np.bool_)
        some[self.stratum[self.fraction < 1]] = True
        return some

    @property
    def lonely(self) -> Codes:
        """The strata with one sampled cluster that was not certain to be sampled."""
        return np.flatnonzero((self.sampled == 1) & self.uncertain)


def described(
    number: int, parent: Codes, given: Selection, reached: Floats, *, own_chances: bool
) -> Stage:
    """Return one stage from its columns.

    Args:
        number: Number of the stage, for messages.
        parent: Cluster of the stage before of each row [n].
        given: The columns.
        reached: Sampling fraction of the stages before, of each row [n].
        own_chances: Whether `fpc` holds each cluster's own inclusion probability.
    """
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
    before, above = np.ones(strata_count), np.zeros(strata_count, dtype=np.int64)
    before[stratum], above[stratum] = reached, parent
    return Stage(cluster, of_cluster, sampled, fraction, before, above)


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
    size = numbers(population, f"fpc of stage {number}")
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


def collapsed(stage: Stage, number: int) -> Stage:
    """Join each stratum that has one PSU with the next sampled one under the same parent.

    Args:
        stage: The stage.
        number: Its number, for messages.

    Returns:
        The stage with fewer strata; the joined ones have their common sampling fraction.

    Source:
        Wolter, Introduction to Variance Estimation, 2007, section 2.5.
    """
    group = np.arange(stage.sampled.size)
    open_, alone = np.flatnonzero(stage.uncertain), 0
    for parent in np.unique(stage.parent[stage.lonely]):
        strata = open_[stage.parent[open_] == parent]
        starts = _starts(stage.sampled[strata])
        group[strata] = strata[starts]
        alone += int(stage.sampled[strata].sum() == 1)
    if alone:
        raise SurveyError(
            "A stratum with one PSU has no other to be joined with.",
            expected="another stratum that was not taken in full, under the same parent",
            found=f"{alone} without",
            where=f"stage {number}",
            fix="Choose another rule: remove, certainty or adjust.",
        )
    joined, kinds = codes(group)
    stratum = joined[stage.stratum]
    sampled = np.bincount(stratum)
    with np.errstate(divide="ignore"):
        population = np.bincount(stratum, weights=1 / stage.fraction)
    changed = np.bincount(joined)[stratum] > 1
    fraction = np.where(changed, (sampled / population)[stratum], stage.fraction)
    return Stage(
        stage.cluster, stratum, sampled, fraction, stage.reached[kinds], stage.parent[kinds]
    )


def _starts(sampled: Codes) -> list[int]:
    """Return where the group of each stratum begins: groups of two or more PSUs, in order."""
    starts, begin, size = [], 0, 0
    for place, own in enumerate(sampled.tolist()):
        if size > 1:
            begin, size = place, 0
        size += own
        starts.append(begin)
    if size == 1 and begin:  # the last is left over: it joins the group before
        starts[-1] = starts[-2]
    return starts


def codes(values: Any) -> tuple[Codes, Any]:
    """Return values as codes from 0, and the distinct values in order.

    >>> codes(np.array([7, 3, 7]))[0].tolist()
    [1, 0, 1]
    """
    array = np.asarray(values)
    missing = _missing(array)
    if missing:
        raise SurveyError(
            "A stratum, cluster or cell is missing.",
            expected="a code in every row",
            found=f"{missing} of {array.size} rows without",
            where="codes",
            fix="Leave these rows out, or give them a code of their own.",
        )
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
    try:
        kinds, inverse = np.unique(array, return_inverse=True)
    except TypeError:
        raise SurveyError(
            "Codes are of several kinds.",
            expected="all numbers, or all text",
            found="both",
            where="codes",
            fix="Turn them into text.",
        ) from None
    return inverse.astype(np.int64, copy=False).ravel(), kinds


def _missing(array: Any) -> int:
    if array.dtype.kind == "f":
        return int(np.isnan(array).sum())
    if array.dtype.kind == "M":
        return int(np.isnat(array).sum())
    if array.dtype.kind == "O":
        return sum(v is None or str(v) in ("nan", "NaT", "<NA>") for v in array.ravel())
    return 0


def numbers(values: Any, where: str) -> Floats:
    """Return values as floating-point numbers, missing ones as NaN.

    Raises:
        SurveyError: If a value is text or another thing that is no number.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise SurveyError(
            "Values are not numbers.",
            expected="numbers",
            found="text, or a mark for missing values",
            where=where,
            fix="Convert them; give missing values as NaN.",
        ) from None
