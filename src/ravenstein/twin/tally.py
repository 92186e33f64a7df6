"""Residents and components of change, counted by area, sex and age at mid-year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.twin.draws import day

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

COMPONENTS = (
    "births", "deaths", "internal_in", "internal_out", "international_in", "international_out",
)  # fmt: skip
AGES = 91  # 0 to 89, and 90 and over
_EARLIEST = 1880


class Tally:
    """Counts of the years to mid-year, [years, areas, 2, ages] each.

    Args:
        first: First mid-year.
        last: Last mid-year.
        areas: Number of areas.
    """

    def __init__(self, first: int, last: int, areas: int) -> None:
        self.first, self.last, self.areas = first, last, areas
        shape = (last - first + 1, areas, 2, AGES)
        self.population = np.zeros(shape, dtype=np.int64)
        self.components = {name: np.zeros(shape, dtype=np.int64) for name in COMPONENTS}
        self._mid_years = np.array([day(y, 7, 1) for y in range(_EARLIEST, last + 4)])

    def add(self, component: str, area: Any, sex: Ints, birth: Ints, end: int) -> None:
        """Add events of the year that ends before a day, by age at its end."""
        year = self._year(end)
        if self.first < year <= self.last:
            self.components[component][year - self.first] += self._cells(area, sex, birth, end)

    def count(self, year: int, area: Any, sex: Ints, birth: Ints, end: int) -> None:
        """Count the residents of a mid-year."""
        if self.first <= year <= self.last:
            self.population[year - self.first] = self._cells(area, sex, birth, end)

    def _year(self, end: int) -> int:
        return int(np.searchsorted(self._mid_years, end)) + _EARLIEST

    def _cells(self, area: Any, sex: Ints, birth: Ints, end: int) -> Ints:
        born = np.searchsorted(self._mid_years, birth, side="right")
        age = np.clip(np.searchsorted(self._mid_years, end) - born, 0, AGES - 1)
        place = (area * 2 + sex - 1) * AGES + age
        return np.bincount(place, minlength=self.areas * 2 * AGES).reshape(-1, 2, AGES)
