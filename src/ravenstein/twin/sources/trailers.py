"""The passenger survey's migration trailer: further answers of migrants, and of those who return.

Whoever comes to live here or leaves, and whoever ends a stay or an absence of a month, is asked how
long it was and what they stated when it began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.tables.passenger_survey import OCCUPATIONS, STAYS
from ravenstein.twin.journeys import ALIKE, BACK, MOVE, THREE_TO_TWELVE, TWELVE
from ravenstein.twin.people import MIGRANT_REASONS
from ravenstein.twin.sources.passenger_survey import MINIMUM
from ravenstein.twin.world import World, label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.world import Columns, Ints

_MONTH, _ADULT = 30, 16
_NOTHING = -1


def trailers(world: World, answered: Columns) -> pa.Table:
    """Return the rows of `survey_trailers`.

    Args:
        world: The block.
        answered: The interviews: `serial`, `row` (of the crossings), `response`, `nights` and
            `migrant`, as answered.
    """
    asked = answered["migrant"] | (answered["nights"] >= _MONTH)
    asked &= answered["response"] != MINIMUM
    answered = {name: values[asked] for name, values in answered.items()}
    g, rows = world.generator("survey trailers"), answered["row"]
    began, stated = _beginnings(world, rows)
    nights = _nights(world, g, answered, began)
    before = _stay_before(world, g, rows, (began, stated))
    return pa.table(
        {
            "serial": answered["serial"],
            "nights": pa.array(nights, mask=stated == _NOTHING),
            "stay_before": label(before, tuple(STAYS.labels)),
            "asylum": _asylum(world, g, rows),
            "occupation": label(
                np.where(answered["migrant"], _occupation(world, g, rows), _NOTHING),
                tuple(OCCUPATIONS.labels),
            ),
        }
    )


def _beginnings(world: World, rows: Ints) -> tuple[Ints, Ints]:
    """Return when the stays and absences that end began, and what was stated, -1 for none [rows].

    Migrants' are the spell of residence of those who came, and the time since the spell before.
    """
    c, spells = world.journeys.crossings, world.residents.spells
    left = np.flatnonzero(spells["left"] == 1)
    ends = spells["person"][left] * ALIKE + spells["end"][left]
    order = np.argsort(ends)
    ends, left = np.append(-1, ends[order]), np.append(0, left[order])  # before all: nobody's
    person, day, arrival = c["person"][rows], c["day"][rows], c["arrival"][rows] == 1
    # the latest that has ended: for those who leave, the one that does
    place = np.searchsorted(ends, person * ALIKE + day, side="right") - 1
    spell = left[place]
    known = (c["leg"][rows] == MOVE) & (ends[place] // ALIKE == person)
    known &= arrival | (spells["arrived"][spell] == 1)
    began = np.where(arrival, spells["end"][spell], spells["start"][spell])
    long = np.where(arrival, spells["stated_out"][spell], spells["stated_in"][spell]) == 1
    stated = np.where(known, np.where(long, TWELVE, THREE_TO_TWELVE), _NOTHING)
    # the crossing before the way back is the way out
    back = c["leg"][rows] == BACK
    began = np.where(back, c["day"][rows - 1], np.where(known, began, day))
    return began, np.where(back, c["stated"][rows - 1], stated)


def _nights(world: World, g: np.random.Generator, answered: Columns, began: Ints) -> Ints:
    """Return nights as recalled: those of the interview on the way back, else since a day."""
    rows = answered["row"]
    sigma = _on(world, "survey_night_recall", world.journeys.crossings["day"][rows])
    days = world.journeys.crossings["day"][rows] - began
    told = np.rint(days * np.exp(sigma * g.standard_normal(rows.size))).astype(np.int64)
    return np.where(answered["nights"] >= 0, answered["nights"], told)


def _stay_before(world: World, g: np.random.Generator, rows: Ints, true: tuple[Ints, Ints]) -> Ints:
    """Return what people say they said, given when it began and what was stated."""
    began, stated = true
    lasts = _on(world, "survey_answers_kept", world.journeys.crossings["day"][rows])
    lost, gained = (
        g.random(rows.size) < lasts * _on(world, name, began)
        for name in ("survey_migrants_lost", "survey_visitors_gained")
    )
    shorter = np.where((stated == TWELVE) & lost, THREE_TO_TWELVE, stated)
    return np.where((stated == THREE_TO_TWELVE) & gained, TWELVE, shorter)


def _asylum(world: World, g: np.random.Generator, rows: Ints) -> NDArray[np.bool_]:
    """Return which interviews are of asylum seekers who say so."""
    c, size = world.journeys.crossings, world.persons["asylum"].size
    person, seeks = c["person"][rows], np.append(world.persons["asylum"] == 1, False)
    said = g.random(rows.size) < _on(world, "survey_asylum_said", c["day"][rows])
    return np.asarray(seeks[np.minimum(person, size)] & said)  # visitors are none


def _occupation(world: World, g: np.random.Generator, rows: Ints) -> Ints:
    """Return usual occupations by reason, those of children by age; places in `OCCUPATIONS`."""
    c, shares = world.journeys.crossings, world.at("survey_occupation")
    adults = tuple(OCCUPATIONS.labels)[:-1]
    table = np.array([[shares[reason][kind] for kind in adults] for reason in MIGRANT_REASONS])
    # visitors taken for migrants may have other reasons
    reason = np.minimum(c["reason"][rows], len(MIGRANT_REASONS) - 1)
    reached = np.cumsum(table, axis=1)[reason, :-1]
    drawn = (g.random(rows.size)[:, None] >= reached).sum(axis=1)
    return np.where(world.age(c["person"][rows], c["day"][rows]) < _ADULT, len(adults), drawn)


def _on(world: World, name: str, days: Ints) -> NDArray[np.float64]:
    """Return a parameter on days, before the first journeys as on their first day."""
    begin = world.journeys.begin
    values = world.settings.daily(name, begin, world.journeys.horizon)
    return np.asarray(values[np.maximum(days - begin, 0)])
