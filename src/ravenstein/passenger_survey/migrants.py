"""Long-term migrants among the interviews: weighted totals with their replicates as draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.estimate import estimate
from ravenstein.passenger_survey.cells import sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate
    from ravenstein.passenger_survey.cells import Weights

DIRECTIONS = ("immigration", "emigration")
AGE_GROUPS = ("0-14", "15-24", "25-44", "45-64", "65+")
_AGES = (15, 25, 45, 65)


def long_term(contacts: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Return the interviews of long-term migrants [n].

    Notes:
        Those who change their usual residence for 12 months or more, as stated: arriving residents
        of another country and departing residents of this one. Who returns from a trip is asked
        of the trip, and has no stated stay.

    Source:
        UN, Recommendations on Statistics of International Migration, Revision 1, 1998, paragraph
        37; ONS, Long-Term International Migration: methodology.
    """
    stated = np.asarray(contacts["stay_stated"] == "12_months_or_more")
    return np.asarray(stated & (np.asarray(contacts["response"]) != 3))


def age_group(age: NDArray[Any]) -> NDArray[np.str_]:
    """Return the age group of ages.

    >>> age_group(np.array([14, 15, 90])).tolist()
    ['0-14', '15-24', '65+']
    """
    return np.array(AGE_GROUPS)[np.searchsorted(_AGES, age, side="right")]


class Totals:
    """Totals of migrants by cell, added month by month.

    Args:
        labels: Dimensions and their labels; `year` and `direction` first.
        replicates: Number of replicates.
    """

    def __init__(self, labels: Mapping[str, Sequence[Any]], replicates: int) -> None:
        self.labels = {name: list(values) for name, values in labels.items()}
        self.shape = tuple(len(values) for values in self.labels.values())
        cells = int(np.prod(self.shape))
        self.weights: Weights = np.zeros((cells, 1 + replicates))
        self.contacts: NDArray[np.int64] = np.zeros(cells, dtype=np.int64)

    def add(self, columns: Mapping[str, NDArray[Any]], weights: Weights) -> None:
        """Add migrants.

        Args:
            columns: Code of each migrant in every dimension [m].
            weights: Their final weights, the full sample first [m, 1 + replicates].

        Raises:
            KeyError: If a code is not among the labels.
        """
        place: NDArray[np.int64] = np.zeros(weights.shape[0], dtype=np.int64)
        for name, values in self.labels.items():
            known = {value: i for i, value in enumerate(values)}
            codes = [known[v] for v in columns[name].tolist()]
            place = place * len(values) + np.array(codes, dtype=np.int64)
        self.weights += sums(weights, place, self.contacts.size)
        self.contacts += np.bincount(place, minlength=self.contacts.size)

    def estimate(self) -> Estimate:
        """Return the totals as an estimate whose draws are the replicates."""
        point = self.weights[:, 0].reshape(self.shape)
        draws = self.weights[:, 1:].reshape(*self.shape, -1)
        return estimate(point, draws, self.labels, "persons")


def flows(totals: Totals) -> dict[str, list[Any]]:
    r"""Return immigration, emigration and net migration of each year, with their errors.

    Args:
        totals: Totals by year, direction, citizenship and reason.

    Returns:
        Columns `year`, `flow`, `by` (`all`, `citizenship` or `reason`), `category`, `contacts`,
        `persons`, `standard_error`, `lower` and `upper` (95 %); categories without any interview in
        a year are left out.

    Notes:
        Arrivals and departures are independent samples. Standard errors are those of the
        replicates about their mean; intervals are the estimate ± 1.96 of them, not below 0 for a
        flow in one direction.
    """
    years = totals.labels["year"]
    weights = totals.weights.reshape(*totals.shape, -1)
    contacts = totals.contacts.reshape(totals.shape)
    rows: dict[str, list[Any]] = {name: [] for name in (
        "year", "flow", "by", "category", "contacts", "persons", "standard_error", "lower",
        "upper")}  # fmt: skip
    for by, over in (("all", (2, 3)), ("citizenship", (3,)), ("reason", (2,))):
        categories = totals.labels.get(by, ["all"])
        held = weights.sum(axis=over).reshape(len(years), 2, len(categories), -1)
        cases = contacts.sum(axis=over).reshape(len(years), 2, len(categories))
        for i, k in np.ndindex(len(years), len(categories)):
            into, out = held[i, 0, k], held[i, 1, k]
            for flow, values, count in (
                ("immigration", into, cases[i, 0, k]),
                ("emigration", out, cases[i, 1, k]),
                ("net", into - out, cases[i, :, k].sum()),
            ):
                if not count:
                    continue
                point, error = float(values[0]), float(values[1:].std(ddof=1))
                low = point - 1.96 * error
                low = low if flow == "net" else max(low, 0.0)
                given = (years[i], flow, by, categories[k], int(count), point, error, low,
                         point + 1.96 * error)  # fmt: skip
                for name, value in zip(rows, given, strict=True):
                    rows[name].append(value)
    return rows
