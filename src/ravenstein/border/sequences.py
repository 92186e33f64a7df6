"""Broken sequences: two crossings in a row in one direction, several on a day or at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numba import njit

from ravenstein.border.crossings import (
    MINUTES_A_DAY,
    MOST_MINUTES,
    PERSON_SHIFT,
    arrivals,
    minutes,
    packed,
    persons,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints

REPEATED, SAME_DAY, SAME_TIME, IMPUTED = 1, 2, 4, 16  # bits of a crossing's mark
_ARRIVAL, _SAME_RECORD = 8, 32
MARKS = 64  # sums of bits there are


@dataclass(frozen=True)
class Faults:
    """How many crossings are not as a whole sequence has them.

    Args:
        repeated_arrivals: Arrivals after an arrival.
        repeated_departures: Departures after a departure.
        same_day: Crossings on the day of the one before; the last of a day counts.
        same_time: Crossings in the minute of the one before; departures are taken first.
        same_record: Crossings alike in person, minute and direction.
    """

    repeated_arrivals: int
    repeated_departures: int
    same_day: int
    same_time: int
    same_record: int


@dataclass(frozen=True, eq=False)
class Mended:
    """Crossings with those that must have been between, sorted.

    Args:
        keys: The crossings [n + imputed].
        imputed: Whether each was put in [n + imputed].
    """

    keys: Ints
    imputed: NDArray[np.bool_]


def faults(keys: Ints) -> Faults:
    """Count the faults of sorted crossings.

    Args:
        keys: Crossings of `crossings.packed`, sorted [n].
    """
    return counted(np.bincount(marks(keys), minlength=MARKS))


def counted(by_mark: Ints) -> Faults:
    """Return faults for the number of crossings by their mark [64]."""
    mark = np.arange(by_mark.size)
    arriving = (mark & _ARRIVAL) > 0

    def having(bit: int, among: Any = True) -> int:
        return int(by_mark[((mark & bit) > 0) & among].sum())

    return Faults(
        having(REPEATED, arriving),
        having(REPEATED, ~arriving),
        having(SAME_DAY),
        having(SAME_TIME),
        having(_SAME_RECORD),
    )


def marks(keys: Ints, before: Ints | None = None) -> NDArray[np.uint8]:
    """Return what is not as a whole sequence has it, of each crossing [n]: a sum of bits.

    Args:
        keys: Crossings, sorted [n].
        before: For each the crossing before it where `keys` does not hold that, or 0 [n].
    """
    found = np.empty(keys.size, np.uint8)
    _marked(keys, np.zeros(0, np.int64) if before is None else before, found)
    return found


@njit(cache=True, nogil=True)
def _marked(keys: Any, before: Any, found: Any) -> None:
    last = np.int64(-1)
    for i in range(keys.size):
        one, mark = keys[i], (keys[i] & 1) * _ARRIVAL
        if before.size and before[i]:
            last = before[i]
        if last >= 0 and last >> PERSON_SHIFT == one >> PERSON_SHIFT:
            minute, earlier = (one >> 1) & (MOST_MINUTES - 1), (last >> 1) & (MOST_MINUTES - 1)
            mark |= REPEATED * (last & 1 == one & 1)
            mark |= SAME_DAY * (minute // MINUTES_A_DAY == earlier // MINUTES_A_DAY)
            mark |= SAME_TIME * (minute == earlier)
            mark |= _SAME_RECORD * (one == last)
        found[i] = mark
        last = one


def _repeated(keys: Ints) -> NDArray[np.bool_]:
    """Return whether each crossing but the first follows one of the person's same direction."""
    return np.asarray((marks(keys)[1:] & REPEATED) > 0)


def mended(
    keys: Ints, how: Literal["middle", "median"] = "middle", median: tuple[int, int] = (0, 0)
) -> Mended:
    """Put a crossing between two in a row in one direction.

    Args:
        keys: Crossings, sorted [n].
        how: In the middle of the two; or the median after the first, if that is before the second,
            else in the middle.
        median: Median days of an absence and of a stay.

    Returns:
        The crossings. Two at one time have nothing between them.
    """
    both = _repeated(keys) & (keys[1:] != keys[:-1])
    first, second = keys[:-1][both], keys[1:][both]
    stays = arrivals(first)
    start, end = minutes(first), minutes(second)
    # rounded so that at the minute of one of the two it still sorts between them
    between = (start + end + stays) // 2
    if how == "median":
        usual = start + np.where(stays, median[1], median[0]) * MINUTES_A_DAY
        between = np.where((usual > start) & (usual < end), usual, between)
    added = packed(persons(first), between, ~stays)
    whole = np.concatenate([keys, added])
    order = np.argsort(whole, kind="stable")
    return Mended(whole[order], order >= keys.size)
