"""Migrants among the interviews: weighted totals with their replicates as draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.estimate import estimate
from ravenstein.passenger_survey.answers import MINIMUM, SILENT, ended, stated
from ravenstein.passenger_survey.cells import sums
from ravenstein.tables.passenger_survey import REASONS
from ravenstein.tables.survey_results import SHORT_TERM_DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate
    from ravenstein.passenger_survey.cells import Columns, Weights


DIRECTIONS = ("immigration", "emigration")
AGE_GROUPS = ("0-14", "15-24", "25-44", "45-64", "65+")
UNKNOWN = "not_stated"
_AGES = (15, 25, 45, 65)
_WORK_OR_STUDY = ("definite_job", "looking_for_work", "formal_study")
_ENDING = {1: 0, 5: 0, 4: 1, 8: 1}  # flows of `BACK`: stays here, absences of residents
_MONTH, _THREE_MONTHS, _YEAR = 30, 91, 365
SHORT_TERM = tuple(SHORT_TERM_DEFINITIONS.labels)


def long_term(contacts: Columns) -> NDArray[np.bool_]:
    """Return the interviews of long-term migrants [n].

    Notes:
        Those who change their usual residence for 12 months or more, as stated: arriving residents
        of another country and departing residents of this one. Who returns from a trip is asked
        of the trip, and has no stated stay.

    Source:
        UN, Recommendations on Statistics of International Migration, Revision 1, 1998, paragraph
        37; ONS, Long-Term International Migration: methodology.
    """
    return np.asarray(stated(contacts) & ~np.isin(contacts["response"], (MINIMUM, SILENT)))


def short_term(contacts: Columns, nights: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
    """Return the interviews at the end of short-term migrations, by definition [n] each.

    Args:
        contacts: Columns of the interviews [n].
        nights: Nights of the trip that ends, stated or imputed; NaN for others [n].

    Notes:
        Who leaves after a stay, or comes back from an absence, is counted where it ends, with its
        actual length: 30 to 364 nights for 1 to 12 months, 91 to 364 for 3 to 12; the UN's are
        those of 3 to 12 months for work or study.

    Source:
        ONS, Short-Term International Migration: methodology, the three definitions; UN,
        Recommendations, 1998, paragraph 37 (short-term migrant).
    """
    long = np.where(ended(contacts) & np.isfinite(nights), nights, 0)
    three = (long >= _THREE_MONTHS) & (long < _YEAR)
    reason = np.isin(contacts["purpose"].astype(str), _WORK_OR_STUDY)
    found = ((long >= _MONTH) & (long < _YEAR), three, three & reason)
    return dict(zip(SHORT_TERM, found, strict=True))


def described(contacts: Columns, nights: NDArray[Any] | None = None) -> dict[str, NDArray[Any]]:
    """Return the labels by which migrants are counted.

    Args:
        contacts: Columns of migrants' interviews [m].
        nights: For short-term migrants, the nights of the trip that ends [m]: they are counted in
            the year in which it began, and leaving ends immigration.

    Notes:
        A purpose that is no reason to migrate, such as a holiday, counts as another reason.
    """
    when, direction = contacts["interviewed_on"], contacts["arrivedepart"] - 1
    if nights is not None:
        when = when - nights.astype(np.int64).astype("timedelta64[D]")
        direction = np.array([_ENDING[f] for f in contacts["flow"].astype(int).tolist()], int)
    return {
        "year": when.astype("datetime64[Y]").astype(np.int64) + 1970,
        "direction": np.array(DIRECTIONS)[direction],
        "citizenship": contacts["citizenship"],
        "reason": np.where(
            np.isin(contacts["purpose"].astype(str), list(REASONS.labels)),
            contacts["purpose"],
            "other",
        ),
        "country": _stated(contacts["country"], "other"),
        "area": _stated(contacts["area"], UNKNOWN),
        "age_group": age_group(contacts["age"]),
        "sex": contacts["sex"],
    }


def _stated(values: NDArray[Any], missing: str) -> NDArray[Any]:
    return np.where(values == None, missing, values)  # noqa: E711


def age_group(age: NDArray[Any]) -> NDArray[np.str_]:
    """Return the age group of ages.

    >>> age_group(np.array([14, 15, 90, np.nan])).tolist()
    ['0-14', '15-24', '65+', 'not_stated']
    """
    years = np.asarray(age, dtype=np.float64)
    place = np.searchsorted(_AGES, np.nan_to_num(years), side="right")
    return np.where(np.isfinite(years), np.array(AGE_GROUPS)[place], UNKNOWN)


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

    def add(self, columns: Columns, weights: Weights) -> None:
        """Add migrants; those of years that are not among the labels are left out.

        Args:
            columns: Code of each migrant in every dimension [m].
            weights: Their final weights, the full sample first [m, 1 + replicates].

        Raises:
            KeyError: If another code is not among the labels.
        """
        kept = np.isin(columns["year"], self.labels["year"])
        place: NDArray[np.int64] = np.zeros(int(kept.sum()), dtype=np.int64)
        for name, values in self.labels.items():
            known = {value: i for i, value in enumerate(values)}
            codes = [known[v] for v in columns[name][kept].tolist()]
            place = place * len(values) + np.array(codes, dtype=np.int64)
        self.weights += sums(weights[kept], place, self.contacts.size)
        self.contacts += np.bincount(place, minlength=self.contacts.size)

    def estimate(self) -> Estimate:
        """Return the totals as an estimate whose draws are the replicates."""
        point = self.weights[:, 0].reshape(self.shape)
        draws = self.weights[:, 1:].reshape(*self.shape, -1)
        return estimate(point, draws, self.labels, "persons")


def flows(
    totals: Totals, definition: str, months: Mapping[int, int], *breakdowns: str
) -> dict[str, list[Any]]:
    r"""Return immigration, emigration and net migration of each year, with their errors.

    Args:
        totals: Totals by year, direction and others.
        definition: Definition of migration they are of.
        months: Months of each year that they cover.
        breakdowns: Dimensions to break down by; `all` for everybody.

    Returns:
        Columns of `survey_flows`; categories without any interview in a year are left out, all
        migrants are not.

    Notes:
        Standard errors are those of the replicates about their mean; the coefficient of variation
        is the standard error over the absolute estimate, missing where that is 0. Intervals are
        the estimate ± 1.96 standard errors, not below 0 for a flow in one direction. Where no
        replicate differs, as all shifts are alone in their stratum, there is no error to be known:
        it is missing.
    """
    years = totals.labels["year"]
    weights = totals.weights.reshape(*totals.shape, -1)
    contacts = totals.contacts.reshape(totals.shape)
    names = list(totals.labels)
    rows: dict[str, list[Any]] = {name: [] for name in (
        "definition", "year", "flow", "by", "category", "months", "contacts", "persons",
        "standard_error", "cv", "lower", "upper")}  # fmt: skip
    for by in breakdowns:
        over = tuple(i for i, name in enumerate(names) if i > 1 and name != by)
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
                if not count and by != "all":
                    continue
                year = years[i]
                given = (definition, year, flow, by, categories[k], months[year], int(count),
                         *_with_errors(values, flow))  # fmt: skip
                for name, value in zip(rows, given, strict=True):
                    rows[name].append(value)
    return rows


def _with_errors(values: NDArray[np.float64], flow: str) -> tuple[float | None, ...]:
    """Return estimate, standard error, coefficient of variation and interval."""
    point, error = float(values[0]), float(values[1:].std(ddof=1))
    if error == 0:
        return point, None, None, None, None
    low = point - 1.96 * error
    cv = error / abs(point) if point else None
    return point, error, cv, low if flow == "net" else max(low, 0.0), point + 1.96 * error
