"""What the migration trailer adds: migrants in all their answers, and stays that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError
from ravenstein.core.sparse import SparseEstimate, gathered
from ravenstein.passenger_survey.cells import rows_of, sums
from ravenstein.passenger_survey.migrants import DIRECTIONS, UNKNOWN, described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Columns

CELLS = (
    "year", "quarter", "direction", "citizenship", "reason", "country", "area", "age_group", "sex",
    "occupation", "asylum",
)  # fmt: skip
STAYS = ("year", "ended", "direction", "citizenship", "length", "stated_long", "asylum")
_LONG, _YEAR, _MONTH = "12_months_or_more", 365, 30


def with_trailers(contacts: Columns, trailers: Columns | None) -> dict[str, NDArray[Any]]:
    """Return the columns of interviews with those of their trailers, missing where there is none.

    Args:
        contacts: Columns of the interviews [n].
        trailers: Columns of `survey_trailers`; None where the survey has none.

    Raises:
        SurveyError: If a trailer has no interview.
    """
    size = contacts["serial"].size
    added: dict[str, NDArray[Any]] = {
        "stay_nights": np.full(size, np.nan),
        "stay_before": np.full(size, None, dtype=object),
        "asylum": np.zeros(size, dtype=np.bool_),
        "occupation": np.full(size, UNKNOWN, dtype=object),
    }
    if trailers is not None and trailers["serial"].size:
        order = np.argsort(contacts["serial"])
        place = np.searchsorted(contacts["serial"], trailers["serial"], sorter=order)
        place = order[np.minimum(place, size - 1)]
        astray = int((contacts["serial"][place] != trailers["serial"]).sum())
        if astray:
            raise SurveyError(
                "Trailers are of interviews that are not there.",
                expected="serial numbers of survey_contacts",
                found=f"{astray} of {place.size} trailers without an interview",
                where="survey_trailers, column serial",
                fix="Give interviews and trailers of the same months.",
            )
        added["stay_nights"][place] = np.asarray(trailers["nights"], dtype=np.float64)
        added["stay_before"][place] = trailers["stay_before"]
        added["asylum"][place] = trailers["asylum"]
        stated = trailers["occupation"] != None  # noqa: E711
        added["occupation"][place[stated]] = trailers["occupation"][stated]
    return dict(contacts) | added


class Detail:
    """Migrants and stays that ended, added month by month; the draws are the replicates."""

    def __init__(self) -> None:
        self._migrants: list[tuple[dict[str, NDArray[Any]], NDArray[np.float64]]] = []
        self._stays: list[tuple[dict[str, NDArray[Any]], NDArray[np.float64]]] = []

    def add(
        self, contacts: Columns, long_term: NDArray[np.bool_], weights: NDArray[np.float64]
    ) -> None:
        """Add the interviews of a month.

        Args:
            contacts: Their columns, with those of trailers [n].
            long_term: Which are of long-term migrants [n].
            weights: Final weights, the full sample first [n, 1 + K].
        """
        rows = np.flatnonzero(long_term)
        c = rows_of(contacts, rows)
        when = c["interviewed_on"].astype("datetime64[M]").astype(np.int64)
        labels = described(c) | {"quarter": when % 12 // 3 + 1} | _flags(c)
        self._migrants.append(_cells({name: labels[name] for name in CELLS}, weights[rows]))
        nights = np.nan_to_num(contacts["stay_nights"])
        before = contacts["stay_before"]
        # who changes the country of residence had lived in this one for 12 months; nights are
        # recalled, and a tenth more or less would take many short stays for long ones
        known = (before != None) & (nights >= _MONTH) & ((before == _LONG) | long_term)  # noqa: E711
        rows = np.flatnonzero(known)
        self._stays.append(_cells(_ended(rows_of(contacts, rows), long_term[rows]), weights[rows]))

    def migrants(self) -> SparseEstimate:
        """Return long-term migrants by `CELLS`."""
        return _joined(self._migrants, CELLS)

    def stays(self) -> SparseEstimate:
        """Return stays and absences that ended, by `STAYS`."""
        return _joined(self._stays, STAYS)


def _flags(c: Columns) -> dict[str, NDArray[Any]]:
    return {"asylum": c["asylum"], "occupation": c["occupation"]}


def _ended(c: Columns, long: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return the labels of stays that ended, long ones of a year at least; leaving ends a stay."""
    nights = c["stay_nights"].astype(np.int64)
    day = c["interviewed_on"].astype("datetime64[D]")
    began = (day - nights.astype("timedelta64[D]")).astype("datetime64[Y]").astype(np.int64)
    return {
        "year": began + 1970,
        "ended": day.astype("datetime64[Y]").astype(np.int64) + 1970,
        "direction": np.array(DIRECTIONS)[2 - c["arrivedepart"]],
        "citizenship": c["citizenship"],
        "length": np.where(long, np.maximum(nights // _YEAR, 1), 0),
        "stated_long": c["stay_before"] == _LONG,
        "asylum": c["asylum"],
    }


def _cells(
    labels: Mapping[str, NDArray[Any]], weights: NDArray[np.float64]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
    # texts as such: columns of objects would be compared one by one
    plain = {n: v.astype(str) if v.dtype == object else v for n, v in labels.items()}
    return gathered(plain, weights, sums)


def _joined(
    parts: list[tuple[dict[str, NDArray[Any]], NDArray[np.float64]]], names: tuple[str, ...]
) -> SparseEstimate:
    labels = {name: np.concatenate([part[0][name] for part in parts]) for name in names}
    values = np.concatenate([part[1] for part in parts])
    return SparseEstimate(*gathered(labels, values, sums), "persons")
