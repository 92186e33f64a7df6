"""Crossings as one number each: person, minute, direction; sorted, they are every history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

MINUTES_A_DAY = 1440
_MINUTE_BITS, _PERSON_BITS = 27, 35  # to the year 2225; 34 thousand million persons
PERSON_SHIFT = _MINUTE_BITS + 1  # behind the minute and the direction
MOST_PERSONS, MOST_MINUTES = 1 << _PERSON_BITS, 1 << _MINUTE_BITS


def packed(person: Any, minute: Any, arrival: Any) -> Ints:
    """Return crossings as non-negative integers that sort by person, time and direction.

    Args:
        person: Dense number of the person, from 0 [n].
        minute: Minutes since 1970-01-01 00:00 UTC [n].
        arrival: Whether it is an arrival; at equal times departures come first [n].

    Raises:
        SourceError: If a person or a minute is outside what the number can hold.

    >>> packed([0, 0, 1], [60, 30, 0], [1, 0, 1]).argsort().tolist()
    [1, 0, 2]
    """
    who, when = (np.asarray(part, dtype=np.int64) for part in (person, minute))
    outside = (who < 0) | (who >= MOST_PERSONS) | (when < 0) | (when >= MOST_MINUTES)
    if outside.any():
        raise SourceError(
            "Crossings lie outside what can be held.",
            expected="times from 1970 to 2225, at most 34 thousand million persons",
            found=f"{int(outside.sum())} crossings outside",
            where="crossings",
            fix="Correct their times.",
        )
    key: Ints = (who << PERSON_SHIFT) | (when << 1) | np.asarray(arrival, dtype=np.int64)
    return key


def persons(keys: Ints) -> Ints:
    """Return the person of each crossing [n]."""
    return keys >> PERSON_SHIFT


def minutes(keys: Ints) -> Ints:
    """Return the minute of each crossing, since 1970-01-01 00:00 UTC [n]."""
    return (keys >> 1) & (MOST_MINUTES - 1)


def days(keys: Ints) -> Ints:
    """Return the day of each crossing, since 1970-01-01 [n]."""
    return minutes(keys) // MINUTES_A_DAY


def arrivals(keys: Ints) -> NDArray[np.bool_]:
    """Return whether each crossing is an arrival [n]."""
    return np.asarray((keys & 1) == 1)
