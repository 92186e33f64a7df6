"""The truth, tabulated from the latent histories for every definition in use.

The border's rule is computed here from the days themselves, by sums and searches, so that it
shares no line with the estimator that will be judged by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.twin.draws import age_on
from ravenstein.twin.geography import LAND
from ravenstein.twin.journeys import ALIKE, BACK, MOVE, OUT, TWELVE, area_of_residence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.geography import Routes
    from ravenstein.twin.journeys import Journeys
    from ravenstein.twin.people import Residents

    Ints = NDArray[np.int64]
    Columns = dict[str, NDArray[Any]]

WINDOW, THRESHOLD = 487, 365
"""Days of the 12-of-16-months definition."""

DEFINITIONS = ("residence_12_of_16", "un_12_months", "stated_intention")
PARTS = ("stated", "land", "asylum", "visitor_switchers", "migrant_switchers")
SHORT_TERM = ("months_1_to_12", "months_3_to_12", "un_3_to_12_work_or_study")
_WORK_OR_STUDY = (0, 1, 3)  # places in REASONS
_MONTH, _THREE_MONTHS, _YEAR = 30, 91, 365


def days_inside(crossings: Columns, window: int) -> tuple[Ints, Ints]:
    """Return for each crossing the days in and out of the country in the window from its day.

    A day counts where its end is spent; the window of a crossing on day d is [d, d + window).

    Args:
        crossings: `person`, `day` and `arrival` by person and time [m].
        window: Length of the window [days].

    Returns:
        Days in [m] and days out [m], adding up to the window.
    """
    person, when, inside = crossings["person"], crossings["day"], crossings["arrival"]
    key = person * ALIKE + when
    gap = np.zeros(person.size, dtype=np.int64)
    same = person[1:] == person[:-1]
    gap[1:][same] = (when[1:] - when[:-1])[same] * inside[:-1][same]
    reached = np.cumsum(gap)  # days in the country before each crossing, over all persons
    last = np.searchsorted(key, key + window, side="left") - 1
    days_in = reached[last] - reached + inside[last] * (when + window - when[last])
    return days_in, window - days_in


def residence_changes(journeys: Journeys, window: int, threshold: int) -> tuple[Ints, Ints]:
    """Return the crossings that change residence by the border's rule, and to which status.

    An arrival of a non-resident with at least `threshold` days in makes a resident, a departure
    of a resident with as many days out the reverse.

    Args:
        journeys: The journeys of a block.
        window: Length of the window [days].
        threshold: Days in the crossing's direction that are needed.

    Returns:
        Places of the crossings, and 1 (immigrant) or 0 (emigrant) for each.
    """
    days_in, days_out = days_inside(journeys.crossings, window)
    arrival = journeys.crossings["arrival"]
    long = np.where(arrival == 1, days_in, days_out) >= threshold
    place = np.flatnonzero(long)
    person, status = journeys.crossings["person"][place], arrival[place]
    before = np.empty(place.size, dtype=np.int64)
    before[1:] = status[:-1]
    opens = np.ones(place.size, dtype=np.bool_)
    opens[1:] = person[1:] != person[:-1]
    before[opens] = journeys.resident[person[opens]]
    changed = status != before
    return place[changed], status[changed]


def migration(
    residents: Residents, journeys: Journeys, years: tuple[int, int]
) -> dict[str, Columns]:
    """Return every migration of a block by each definition.

    Args:
        residents: The residents of a block.
        journeys: Their journeys, and those of visitors.
        years: First and last calendar year.

    Returns:
        By definition: `year`, `direction` (1 immigration, 0 emigration), `citizenship`, `reason`,
        `age` (at the crossing), `sex`, `area` (-1: not known).
    """
    c = journeys.crossings
    moves = np.flatnonzero(c["leg"] == MOVE)
    places = {"un_12_months": (moves, c["arrival"][moves])}
    places["residence_12_of_16"] = residence_changes(journeys, WINDOW, THRESHOLD)
    stated = np.flatnonzero(c["stated"] == TWELVE)
    places["stated_intention"] = stated, c["arrival"][stated]
    return {name: _described(residents, journeys, *places[name], years) for name in DEFINITIONS}


def _described(
    residents: Residents, journeys: Journeys, place: Ints, direction: Ints, years: tuple[int, int]
) -> Columns:
    c, persons = journeys.crossings, journeys.persons
    year = c["day"][place].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    kept = (year >= years[0]) & (year <= years[1])
    place, direction, year = place[kept], direction[kept], year[kept]
    person = c["person"][place]
    return {
        "year": year,
        "direction": direction,
        "citizenship": persons["citizenship"][person],
        "reason": c["reason"][place],
        "age": np.clip(age_on(persons["birth"][person], c["day"][place]), 0, 90),
        "sex": persons["sex"][person],
        "area": area_of_residence(residents, c, place),
    }


def migration_parts(
    residents: Residents, journeys: Journeys, known: Routes, years: tuple[int, int]
) -> dict[str, Columns]:
    """Return migrations by what a survey of intentions misses of them.

    Args:
        residents: The residents of a block.
        journeys: Their journeys, and those of visitors.
        known: The routes.
        years: First and last calendar year.

    Returns:
        By part: `year`, `direction` (1 immigration, 0 emigration), `citizenship`.

    Notes:
        Usual residence for 12 months = stated + land + asylum + visitor switchers − migrant
        switchers, in every cell.
    """
    c = journeys.crossings
    year = c["day"].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    seeks = np.zeros(journeys.resident.size, dtype=np.bool_)
    seeks[: residents.persons["asylum"].size] = residents.persons["asylum"] == 1
    land, seeks = known.mode[c["route"]] == LAND, seeks[c["person"]]
    inside = (year >= years[0]) & (year <= years[1])
    moves, long, other = c["leg"] == MOVE, c["stated"] == TWELVE, ~land & ~seeks
    chosen = {
        "stated": long & other,
        "land": moves & land,
        "asylum": moves & seeks & ~land,
        "visitor_switchers": moves & ~long & other,
        "migrant_switchers": long & (c["leg"] == OUT) & other,
    }
    rows = {name: np.flatnonzero(chosen[name] & inside) for name in PARTS}
    return {
        name: {
            "year": year[place],
            "direction": c["arrival"][place].astype(np.int64),
            "citizenship": journeys.persons["citizenship"][c["person"][place]],
        }
        for name, place in rows.items()
    }


def short_term(
    residents: Residents, journeys: Journeys, years: tuple[int, int]
) -> dict[str, Columns]:
    """Return stays and absences that ended, by each definition of short-term migration.

    Args:
        residents: The residents of a block.
        journeys: Their journeys, and those of visitors.
        years: First and last calendar year.

    Returns:
        By definition: `year` in which the stay or absence began, `direction` (1: stays of
        non-residents; 0: absences of residents), `citizenship`, `reason`, `age` at its end, `sex`,
        `area` (of residence; -1 for visitors).

    Notes:
        Lengths are differences of dates: 30 to 364 days for 1 to 12 months, 91 to 364 for 3 to 12;
        the UN's are those of 3 to 12 months for work or study.
    """
    c, persons = journeys.crossings, journeys.persons
    trips = np.flatnonzero((c["leg"] == BACK) & (c["nights"] >= _MONTH))
    began = c["day"][trips] - c["nights"][trips]
    year = began.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    inside = (year >= years[0]) & (year <= years[1])
    nights, reason = c["nights"][trips], c["reason"][trips]
    person = c["person"][trips]
    columns = {
        "year": year,
        "direction": 1 - c["home"][trips],
        "citizenship": persons["citizenship"][person],
        "reason": reason,
        "age": np.clip(age_on(persons["birth"][person], c["day"][trips]), 0, 90),
        "sex": persons["sex"][person],
        "area": area_of_residence(residents, c, trips),
    }
    chosen = {
        "months_1_to_12": (nights >= _MONTH) & (nights < _YEAR),
        "months_3_to_12": (nights >= _THREE_MONTHS) & (nights < _YEAR),
        "un_3_to_12_work_or_study": (nights >= _THREE_MONTHS)
        & (nights < _YEAR)
        & np.isin(reason, _WORK_OR_STUDY),
    }
    return {
        name: {key: values[inside & kept] for key, values in columns.items()}
        for name, kept in chosen.items()
    }


def counted(columns: Columns, count: Any = 1) -> Columns:
    """Return the distinct combinations of columns, in order, with the sum of their counts.

    Args:
        columns: Integers [m] each.
        count: How often each row counts [m].
    """
    size = next(iter(columns.values())).size
    if not size:
        return columns | {"count": np.zeros(0, dtype=np.int64)}
    key = np.zeros(size, dtype=np.int64)
    for values in columns.values():
        low = values.min()
        key = key * int(values.max() - low + 1) + (values - low)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    weights = np.broadcast_to(count, size).astype(np.float64)
    total = np.rint(np.bincount(place, weights=weights)).astype(np.int64)
    return {name: values[first] for name, values in columns.items()} | {"count": total}
