"""Draws that the twin's people and journeys share."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EPOCH = dt.date(1970, 1, 1).toordinal()


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
        low = self.reached[np.asarray(start) - self.first]
        high = self.reached[np.asarray(end) - self.first]
        drawn = low + generator.random(np.size(low)) * (high - low)
        place = np.searchsorted(self.reached, drawn, side="right") - 1 + self.first
        return np.asarray(np.clip(place, start, np.asarray(end) - 1), dtype=np.int64)
