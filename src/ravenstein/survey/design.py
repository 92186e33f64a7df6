"""Sample designs: strata, clusters in any number of stages, and finite populations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ravenstein.core.errors import SurveyError
from ravenstein.survey.stages import LonelyPSU, Stage, collapsed, described, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.survey.calibration import Calibration
    from ravenstein.survey.stages import Floats

_FEW, _EXTREME = 100, 0.1


class ExtremeWeightWarning(UserWarning):
    """One row carries a large part of all weight."""


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
        constant: For Hartley–Rao, Σ p²/n over the population of each stratum, in the order of the
            strata; estimated by Σ p/n over the sample where not given.
        joint: Joint inclusion probabilities of the PSUs, in the order of their names, their own
            on the diagonal [m, m].
    """

    method: Literal["brewer", "hartley_rao", "joint"] = "brewer"
    constant: Any = None
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
        collapsed: Number of strata with one PSU that were joined with another.
    """

    weights: Floats
    stages: tuple[Stage, ...]
    lonely: LonelyPSU
    calibrations: tuple[Calibration, ...] = field(default=())
    unequal: Unequal | None = None
    collapsed: int = 0

    @property
    def degrees_of_freedom(self) -> int:
        """PSUs minus strata."""
        first = self.stages[0]
        return int(first.stratum.size - first.sampled.size)

    def degrees_within(self, inside: NDArray[np.bool_]) -> int:
        """PSUs minus strata, of those with rows in a domain [n]."""
        first = self.stages[0]
        present = np.flatnonzero(np.bincount(first.cluster[inside], minlength=first.stratum.size))
        return int(present.size - np.unique(first.stratum[present]).size)

    @property
    def lonely_strata(self) -> int:
        """Number of strata, of all stages, to which the rule for lonely PSUs applies."""
        return self.collapsed + sum(stage.lonely.size for stage in self.stages)

    def with_weights(self, weights: Floats, calibration: Calibration | None = None) -> SurveyDesign:
        """Return the design with other weights, and the calibration that made them."""
        added = () if calibration is None else (calibration,)
        if added:
            _warn_of_extremes(weights)
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
    rule = _rule(lonely)
    if unequal is not None:
        _refuse_unequal(unequal, chosen[0], rule)
    n = _rows(chosen, weights)
    steps: list[Stage] = []
    parent = np.zeros(n, dtype=np.int64)
    reached = np.ones(n)
    for number, selection in enumerate(chosen, start=1):
        own = unequal is not None and number == 1
        stage = described(number, parent, selection, reached, own_chances=own)
        steps.append(stage)
        reached = reached * stage.fraction[stage.cluster]
        parent = stage.cluster
        if selection.fpc is None:
            break
    final = _weights(n, weights, reached)
    joined = 0
    if rule is LonelyPSU.COLLAPSE:
        joined = sum(stage.lonely.size for stage in steps)
        steps = [
            collapsed(stage, i) if stage.lonely.size else stage
            for i, stage in enumerate(steps, start=1)
        ]
    return SurveyDesign(final, tuple(steps), rule, unequal=unequal, collapsed=joined)


def _refuse_unequal(unequal: Unequal, first: Selection, rule: LonelyPSU) -> None:
    methods = ("brewer", "hartley_rao", "joint")
    if unequal.method not in methods or first.fpc is None or rule is LonelyPSU.COLLAPSE:
        raise SurveyError(
            "Unequal probabilities are not described.",
            expected=f"one of {', '.join(methods)}; each PSU's probability as fpc of the first "
            "stage; another rule than collapse",
            found=f"{unequal.method}, {'no ' if first.fpc is None else ''}fpc, rule {rule}",
            where="unequal",
            fix="Give the inclusion probabilities; join strata before the design is built.",
        )


def _rule(lonely: str) -> LonelyPSU:
    try:
        return LonelyPSU(lonely)
    except ValueError:
        raise SurveyError(
            "The rule for strata with one PSU is not known.",
            expected=", ".join(LonelyPSU),
            found=lonely,
            where="lonely",
            fix="Choose one of the rules.",
        ) from None


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
    given = numbers(weights, "weights").copy()
    wrong = int((~(given > 0) | ~np.isfinite(given)).sum())
    if given.shape != (n,) or wrong:
        raise SurveyError(
            "Weights cannot be used.",
            expected=f"{n} positive numbers",
            found=f"shape {given.shape}, {wrong} zero, negative or missing",
            where="weights",
            fix="Leave out rows without weight; domains keep theirs.",
        )
    _warn_of_extremes(given)
    return given


def _warn_of_extremes(weights: Floats) -> None:
    largest = float(weights.max() / weights.sum())
    if weights.size > _FEW and largest > _EXTREME:
        warnings.warn(
            f"One weight of {weights.size} is {largest:.0%} of their sum: estimates rest on one "
            "row.",
            ExtremeWeightWarning,
            stacklevel=4,
        )
