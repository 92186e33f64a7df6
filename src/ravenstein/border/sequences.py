"""Broken sequences: two crossings in a row in one direction, several on a day or at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ravenstein.border.crossings import MINUTES_A_DAY, arrivals, days, minutes, packed, persons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints


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
    same = persons(keys[1:]) == persons(keys[:-1])
    repeated = _repeated(keys)
    arriving = arrivals(keys[1:])
    return Faults(
        repeated_arrivals=int((repeated & arriving).sum()),
        repeated_departures=int((repeated & ~arriving).sum()),
        same_day=int((same & (days(keys[1:]) == days(keys[:-1]))).sum()),
        same_time=int((same & (minutes(keys[1:]) == minutes(keys[:-1]))).sum()),
        same_record=int((keys[1:] == keys[:-1]).sum()),
    )


def _repeated(keys: Ints) -> NDArray[np.bool_]:
    """Return whether each crossing but the first follows one of the person's same direction."""
    same = persons(keys[1:]) == persons(keys[:-1])
    return np.asarray(same & (arrivals(keys[1:]) == arrivals(keys[:-1])))


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
