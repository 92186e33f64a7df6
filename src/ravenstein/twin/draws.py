"""Draws that the twin's people and journeys share."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.twin.settings import Settings

_EPOCH = dt.date(1970, 1, 1).toordinal()
_OLDEST = 130

MID_YEAR = (6, 30)
"""Month and day to which population figures refer, at its end."""


def day(year: int, month: int, of_month: int) -> int:
    """Return days since 1 January 1970.

    >>> day(1970, 1, 2)
    1
    """
    return dt.date(year, month, of_month).toordinal() - _EPOCH


def pick(generator: np.random.Generator, shares: Any, count: int) -> NDArray[np.int64]:
    """Draw places by their shares (or weights) [count]."""
    reached = np.cumsum(np.asarray(shares, dtype=np.float64))
    drawn = generator.random(count)
    return np.asarray(np.searchsorted(reached / reached[-1], drawn, side="right"), dtype=np.int64)


def age_on(birth: NDArray[np.int64], on: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return completed years of age by the calendar.

    >>> birth, on = day(2000, 3, 1), (day(2010, 2, 28), day(2010, 3, 1))
    >>> age_on(np.array([birth, birth]), np.array(on)).tolist()
    [9, 10]
    """
    parts = []
    for days in (birth, on):
        dates = np.asarray(days).astype("datetime64[D]")
        months = dates.astype("datetime64[M]").astype(np.int64)
        of_month = (dates - dates.astype("datetime64[M]")).astype(np.int64)
        parts.append((months // 12, months % 12 * 32 + of_month))
    (born, birthday), (year, today) = parts
    return np.asarray(year - born - (today < birthday), dtype=np.int64)


def age_at(birth: NDArray[np.int64], when: int) -> NDArray[np.int64]:
    """Return completed years of age on one day, as `age_on` does, -1 for the unborn.

    >>> age_at(np.array([day(2000, 3, 1), day(2000, 2, 29)]), day(2010, 2, 28)).tolist()
    [9, 9]
    """
    date = dt.date.fromordinal(int(when) + _EPOCH)
    birthdays = []  # the latest birth of each age
    for years in range(_OLDEST, -1, -1):
        year = date.year - years
        leap = date.month == 2 and date.day == 29 and not calendar.isleap(year)
        birthdays.append(day(year, date.month, date.day - leap))
    return _OLDEST - np.searchsorted(np.array(birthdays), birth, side="left")


def short_term_days(
    settings: Settings, generator: np.random.Generator, count: int, when: int
) -> NDArray[np.int64]:
    """Draw lengths of stays and absences of 1 to 12 months [days]."""
    shape = settings.at("short_term_days", when)
    drawn = shape["median"] * generator.lognormal(sigma=shape["sigma"], size=count)
    drawn = np.where(drawn < 30, 30 + 30 * generator.random(count), drawn)
    return np.minimum(drawn, 300 + 64 * generator.random(count)).astype(np.int64)


class Season:
    """Days with weights by month and weekday, from a first to a last day.

    Args:
        weights: Weight of each month, January first.
        first: First day.
        last: Last day.
        weekdays: Weight of each day of the week, Monday first; alike where not given.
        level: Further weight of each day [days].
    """

    def __init__(
        self,
        weights: Sequence[float],
        first: int,
        last: int,
        *,
        weekdays: Sequence[float] = (1.0,) * 7,
        level: Any = 1.0,
    ) -> None:
        days = np.arange(first, last + 1)
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
        self.first = first
        # 1 January 1970 was a Thursday
        daily = np.asarray(weights)[months] * np.asarray(weekdays)[(days + 3) % 7] * level
        self.reached = np.concatenate([[0.0], np.cumsum(daily)])

    def between(self, generator: np.random.Generator, start: Any, end: Any) -> NDArray[np.int64]:
        """Draw a day of each interval [start, end)."""
        return self.reach(generator.random(np.size(start)), start, end)

    def reach(self, share: Any, start: Any, end: Any) -> NDArray[np.int64]:
        """Return the day of each interval [start, end) before which a share of its weight lies."""
        low = self.reached[np.asarray(start) - self.first]
        high = self.reached[np.asarray(end) - self.first]
        drawn = low + share * (high - low)
        place = np.searchsorted(self.reached, drawn, side="right") - 1 + self.first
        return np.asarray(np.clip(place, start, np.asarray(end) - 1), dtype=np.int64)


def shuffled(numbers: NDArray[np.int64], salts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whole numbers below 2^46 in another order: one for one, the same for the same salts.

    >>> found = shuffled(np.arange(1000), np.array([3, 5, 7]))
    >>> bool(np.unique(found).size == 1000 and abs(np.corrcoef(found, np.arange(1000))[0, 1]) < 0.1)
    True
    """
    found, low = numbers.astype(np.uint64), np.uint64(2**46 - 1)
    for salt in salts.astype(np.uint64):
        found = (found + salt) * (salt << np.uint64(1) | np.uint64(1)) & low
        found ^= found >> np.uint64(23)
        found = found * np.uint64(0x2545F4914F6CDD1D) & low
        found ^= found >> np.uint64(19)
    return found.astype(np.int64)


def fixed(numbers: NDArray[np.int64], *salts: Any) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each whole number: always the same one for the same salts.

    Salts are whole numbers, or arrays of them.

    It is drawn once for a person or an address, whatever block or year asks for it (SplitMix64).

    >>> bool((fixed(np.arange(9), 1) == fixed(np.arange(9), 1)).all())
    True
    """
    found = numbers.astype(np.uint64)
    for salt in (*salts, 0):
        mixed = np.atleast_1d(np.asarray(salt, dtype=np.int64)).astype(np.uint64) + np.uint64(1)
        found = found + mixed * np.uint64(0x9E3779B97F4A7C15)
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found = found ^ (found >> np.uint64(31))
    return np.asarray((found >> np.uint64(11)).astype(np.float64) / 2**53)
