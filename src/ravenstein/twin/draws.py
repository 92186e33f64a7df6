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


class Season:
    """Days with weights by month, from a first to a last day.

    Args:
        weights: Weight of each month, January first.
        first: First day.
        last: Last day.
    """

    def __init__(self, weights: Sequence[float], first: int, last: int) -> None:
        days = np.arange(first, last + 1)
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
        self.first = first
        self.reached = np.concatenate([[0.0], np.cumsum(np.asarray(weights)[months])])

    def between(self, generator: np.random.Generator, start: Any, end: Any) -> NDArray[np.int64]:
        """Draw a day of each interval [start, end)."""
        low = self.reached[np.asarray(start) - self.first]
        high = self.reached[np.asarray(end) - self.first]
        drawn = low + generator.random(np.size(low)) * (high - low)
        place = np.searchsorted(self.reached, drawn, side="right") - 1 + self.first
        return np.asarray(np.clip(place, start, np.asarray(end) - 1), dtype=np.int64)
