"""The shift stage: possible over sampled shifts and crossings, times the interval."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.cells import cells, refuse, sums
from ravenstein.passenger_survey.stages import Stage, with_one
from ravenstein.survey.stages import codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Cells, Codes, Weights


_LEAST, _MOST = 50, 5000


def shift(
    strata: Sequence[Any],
    frame: tuple[Any, ...],
    units: tuple[Any, Any],
    flags: tuple[Any, Any],
    interval: Any,
    factor: Weights | None = None,
) -> Stage:
    r"""Weigh by shifts and crossings, and by the sampling interval within them.

    Args:
        strata: Columns of the stratum: shift port group, direction, weekday, part of the day [n].
        frame: The same columns of the possible shifts, and their number [m]; and the number
            sampled [m], NaN where it is not known: shifts without an interview then count too.
        units: `SHIFTNO` and `SHUTTLE` (crossing within the shift, missing on others) [n].
        flags: Whether a row is of a sampled shift, and of a sampled crossing [n].
        interval: Every how many-th passenger was screened (MIGSI) [n].
        factor: Bootstrap factors of the shifts [n, R]; the full sample alone where not given.

    Returns:
        $w_1 = F_h C_h \cdot \mathrm{MIGSI}$, with $F_h$ = possible shifts over distinct shifts
        sampled, $C_h$ = possible crossings over distinct crossings sampled; 1 where the flag is
        off. In a replicate a sampled shift counts as often as it was drawn.

    Raises:
        SurveyError: If a stratum with interviews has no possible shifts, more were sampled than
            are possible or more have interviews than were sampled; it holds shifts and crossings;
            or an interval is missing.
    """
    columns, possible, *drawn = frame
    known = cells(strata, columns)
    of, place = known.rows
    total = np.bincount(place, weights=np.asarray(possible, float), minlength=known.count)
    by_shift, by_crossing = (np.asarray(flag) == 1 for flag in flags)
    steps = np.asarray(interval, dtype=np.float64)
    if not (steps > 0).all():
        raise refuse(
            "shift", "A sampling interval is missing.", "intervals above 0 on every row",
            f"{int((~(steps > 0)).sum())} rows without", "Give MIGSI of the shift.",
        )  # fmt: skip
    shifts, crossings = codes(units[0])[0], cells(units).rows[0]
    unit = np.where(by_crossing, int(shifts.max(initial=0)) + 1 + crossings, shifts)
    chosen = np.flatnonzero(by_shift | by_crossing)
    pairs = of[chosen] * (int(unit.max(initial=0)) + 1) + unit[chosen]
    first = chosen[np.unique(pairs, return_index=True)[1]]  # a row of each unit
    seen = np.bincount(of[first], minlength=known.count)
    sampled = seen.astype(np.float64)
    if drawn:
        given = np.asarray(drawn[0], dtype=np.float64)
        told = np.bincount(place, ~np.isfinite(given), minlength=known.count) == 0
        there = np.bincount(place, np.nan_to_num(given), minlength=known.count)
        sampled = np.where(told & (seen > 0), there, seen)
    kinds = [np.bincount(of[flag], minlength=known.count) > 0 for flag in (by_shift, by_crossing)]
    _refuse_frame(known, of[chosen], (seen, sampled, total), (kinds[0], kinds[1]))
    times = np.ones((of.size, 1)) if factor is None else factor
    counted = sums(times[first], of[first], known.count)
    share = np.maximum(sampled, 1e-300) / np.maximum(seen, 1)
    ratio = np.where(
        counted > 0, total[:, None] / (np.where(counted > 0, counted, 1) * share[:, None]), 1.0
    )
    takes = np.where(by_shift | by_crossing, of, known.count)
    made = Stage(with_one(ratio), takes, steps, known, of, np.bincount(of, minlength=known.count))
    return _with_note(made)


def _with_note(made: Stage) -> Stage:
    """Return the stage with a note on strata whose weights the check of 2017 warns of."""
    strange = (made.own < _LEAST) | (made.own > _MOST)
    count = np.unique(made.of[strange]).size
    if not count:
        return made
    note = f"strata with weights below {_LEAST} or above {_MOST} (the check of 2017): {count}"
    return replace(made, warnings=(note,))


def _refuse_frame(
    known: Cells,
    of: Codes,
    numbers: tuple[Any, Any, Any],
    kinds: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> None:
    """Refuse strata whose interviews do not fit the frame: seen, sampled and possible units."""
    seen, sampled, total = numbers
    fix = "Correct the file of possible shifts, or the interviews' strata and shifts."
    problems = [
        (kinds[0] & kinds[1], "Strata hold both shifts and crossings.", "one kind in a stratum")
    ]
    for kind, what in zip(kinds, ("shifts", "crossings"), strict=True):
        problems += [
            (kind & ~(total > 0), f"Interviews lie in strata without possible {what}.",
             f"possible {what} in every sampled stratum"),
            (kind & (seen > sampled), f"More {what} have interviews than were sampled.",
             f"{what} of interviews among the sampled ones"),
            (kind & (sampled > total), f"More {what} were sampled than are possible.",
             f"{what} sampled among the possible ones"),
        ]  # fmt: skip
    for wrong, problem, expected in problems:
        if wrong.any():
            found = f"{int(wrong[of].sum())} interviews in {known.named(wrong)}"
            raise refuse("shift", problem, expected, found, fix)
