"""When a new design begins: the series break from a parallel run, and the series on both bases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ravenstein.core.errors import SurveyError, listed
from ravenstein.core.estimate import Estimate, estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

BASES = ("old", "new")


@dataclass(frozen=True, eq=False)
class SeriesBreak:
    """A change of design, and what it does to the series.

    Args:
        effect: New over old [ratio], or new minus old [persons a period], in the parallel run; by
            the series' dimensions without the periods.
        series: The series by `basis` (old, new), period and the other dimensions.
        measured: Whether a period was measured on a basis; else converted [2, periods].
        parallel: Periods of the parallel run.
    """

    effect: Estimate
    series: Estimate
    measured: NDArray[np.bool_]
    parallel: tuple[Any, ...]


def series_break(
    old: Estimate,
    new: Estimate,
    *,
    over: str = "year",
    kind: Literal["ratio", "difference"] = "ratio",
) -> SeriesBreak:
    r"""Measure a series break, and give the series on the old and on the new basis.

    Args:
        old: The series of the old design.
        new: The series of the new design, of the same dimensions; its draws are independent of
            the old one's.
        over: Dimension of the periods, in order of time; periods of both are the parallel run.
        kind: Whether the change is taken as proportional, or as the same number in all periods.

    Returns:
        The break. Its intervals come from the draws, as do those of converted figures: they carry
        the error of the series and of the effect, and what the two have in common.

    Notes:
        With P the parallel periods, $r=\sum_P n_t/\sum_P o_t$: on the new basis an earlier period
        is $r\,o_t$, on the old basis a later one $n_t/r$. By difference $d=\overline{n_t-o_t}$:
        $o_t+d$ and $n_t-d$. Take differences for net migration, whose ratio means nothing.

    Source:
        Van den Brakel, Smith and Compton, Quality procedures for survey transitions, Survey
        Research Methods 2, 2008, section 3.1.

    Raises:
        SurveyError: If no period is of both, dimensions or labels differ, or a ratio has nothing
            to divide by.
    """
    _refuse_unlike(old, new, over)
    before, after = (_first(part, over) for part in (old, new))
    periods = sorted({*old.labels(over), *new.labels(over)})
    at = [[part.labels(over).index(t) if t in part.labels(over) else -1 for t in periods]
          for part in (old, new)]  # fmt: skip
    both = [i for i, (a, b) in enumerate(zip(*at, strict=True)) if a >= 0 and b >= 0]
    parallel = [np.array([side[i] for i in both]) for side in at]
    # the point is kept in front of the draws, so that all is computed once
    ended, begun = before[parallel[0]].sum(axis=0), after[parallel[1]].sum(axis=0)
    change = _ratio(ended, begun) if kind == "ratio" else (begun - ended) / len(both)

    def converted(figure: Any, basis: str) -> Any:
        if kind == "ratio":
            return figure * change if basis == "new" else figure / change
        return figure + change if basis == "new" else figure - change

    series = np.stack([
        [
            own[here] if here >= 0 else converted(other[there], basis)
            for here, there in zip(at[side], at[1 - side], strict=True)
        ]
        for side, (basis, own, other) in enumerate(
            zip(BASES, (before, after), (after, before), strict=True)
        )
    ])  # fmt: skip
    others = {name: old.labels(name) for name in old.dimensions if name != over}
    unit = "ratio" if kind == "ratio" else old.unit
    labels = {"basis": list(BASES), over: periods} | others
    return SeriesBreak(
        estimate(change[..., 0], change[..., 1:], others, unit),
        estimate(series[..., 0], series[..., 1:], labels, old.unit),
        np.array(at) >= 0,
        tuple(periods[i] for i in both),
    )


def _ratio(ended: Any, begun: Any) -> Any:
    """Return the new design's figures over the old one's."""
    if not ((ended > 0).all() and (begun > 0).all()):
        raise SurveyError(
            "The ratio of a series break needs figures above 0.",
            expected="both series above 0 in the parallel run, in every draw",
            found=f"{int(((ended <= 0) | (begun <= 0)).sum())} others",
            where="series_break",
            fix='Use kind="difference", or break the series by fewer dimensions.',
        )
    return begun / ended


def _first(given: Estimate, over: str) -> NDArray[np.float64]:
    """Return point and draws together [periods, …, 1 + K]."""
    axis = given.dimensions.index(over)
    whole = np.concatenate([given.point.values[..., None], given.draws.values], axis=-1)
    return np.moveaxis(whole, axis, 0)


def _refuse_unlike(old: Estimate, new: Estimate, over: str) -> None:
    parallel = set(old.labels(over)) & set(new.labels(over))
    counts = old.draws.sizes["draw"], new.draws.sizes["draw"]
    alike = {
        "the same dimensions": (old.dimensions, new.dimensions),
        "the same number of draws": counts,
        "the same unit": (old.unit, new.unit),
    }
    if old.dimensions == new.dimensions:
        alike |= {
            f"the same labels in {name}": (old.labels(name), new.labels(name))
            for name in old.dimensions
            if name != over
        }
    for expected, (one, other) in alike.items():
        if one != other:
            raise SurveyError(
                "The two series cannot be compared.",
                expected=expected,
                found=f"{one} and {other}",
                where="series_break",
                fix="Sum or select both alike.",
            )
    if not parallel:
        raise SurveyError(
            "There is no parallel run.",
            expected=f"a {over} of both series",
            found=f"{listed(map(str, old.labels(over)))} and {listed(map(str, new.labels(over)))}",
            where="series_break",
            fix="Run both designs side by side for a time.",
        )
