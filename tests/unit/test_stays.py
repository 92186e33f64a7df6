"""Stays and whereabouts by hand."""

import numpy as np

from ravenstein.border.crossings import packed
from ravenstein.border.residence import classify
from ravenstein.border.stays import UNSEEN, Whereabouts, stays, whereabouts

DAY = 1440


def crossings(*rows):
    person, day, arrival = zip(*rows, strict=True)
    return np.sort(packed(person, np.array(day) * DAY, arrival))


def rows_of(found):
    return list(zip(found.person.tolist(), found.present.tolist(), found.begins.tolist(),
                    found.ends.tolist(), found.open.tolist(), strict=True))  # fmt: skip


def test_stays_and_absences_of_a_whole_sequence():
    found = stays(crossings((0, 10, 1), (0, 40, 0), (0, 45, 1), (1, 7, 0)))
    assert rows_of(found) == [
        (0, False, UNSEEN, 10, False),
        (0, True, 10, 40, False),
        (0, False, 40, 45, False),
        (0, True, 45, UNSEEN, True),
        (1, True, UNSEEN, 7, False),
        (1, False, 7, UNSEEN, True),
    ]
    assert found.length.tolist() == [UNSEEN, 30, 5, UNSEEN, UNSEEN, UNSEEN]


def test_a_missing_departure_leaves_a_stay_without_end_and_an_absence_without_begin():
    found = stays(crossings((0, 10, 1), (0, 40, 1), (0, 50, 0)))
    assert rows_of(found) == [
        (0, False, UNSEEN, 10, False),
        (0, True, 10, UNSEEN, False),
        (0, False, UNSEEN, 40, False),
        (0, True, 40, 50, False),
        (0, False, 50, UNSEEN, True),
    ]
    assert rows_of(stays(packed([], [], []))) == []


def test_who_is_where_on_a_day():
    keys = crossings(
        (0, 10, 1), (0, 700, 0), (0, 710, 1),  # stays, a holiday
        (1, 10, 1), (1, 20, 0),  # a visitor
        (2, 600, 1),  # arrived not long ago
        (3, 5, 0),  # a resident who left for good
        (4, 690, 1), (4, 705, 0),
    )  # fmt: skip
    found = classify(keys, 1200)
    assert whereabouts(keys, found, 704) == Whereabouts(1, 1, 1, 2, 0)
    assert whereabouts(keys, found, 720) == Whereabouts(2, 0, 0, 3, 0)
    assert whereabouts(keys, found, 4) == Whereabouts(0, 0, 0, 0, 0)
    # as it was known on day 720, of the three who had just come or gone nothing was decided
    known = classify(keys, 720)
    assert whereabouts(keys, known, 720) == Whereabouts(0, 0, 0, 2, 3)
