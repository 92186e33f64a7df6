"""Leave and overstays by hand, on the last days of leave, and against a slow reading of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravenstein.border.crossings import packed
from ravenstein.border.leave import (
    INDEFINITE,
    NONE,
    Outcome,
    counts,
    in_force,
    leave_periods,
    outcomes,
    used,
)
from ravenstein.border.stays import UNSEEN, in_country, stays
from ravenstein.core.errors import SourceError

O = Outcome  # noqa: E741


def visits(*rows):
    """Return the stays of crossings: person, day, whether an arrival, in order within a day."""
    who, when, inward = ([row[i] for row in rows] for i in range(3))
    minute = [1440 * d + i for i, d in enumerate(when)]
    return in_country(stays(np.sort(packed(who, minute, inward))))


def leave(*rows):
    """Return periods of leave: person, first day, last day."""
    columns = [[row[i] for row in rows] for i in range(3)]
    return leave_periods(*columns, np.zeros(len(rows)))


def became(crossings, periods, as_of):
    """Return outcome and days late of each stay."""
    found = outcomes(leave(*periods), visits(*crossings), as_of)
    return list(zip(found.outcome.tolist(), found.late.tolist(), strict=True))


def test_periods_are_put_in_order_and_records_alike_stay_in_theirs():
    made = leave_periods([1, 0, 0, 0, 0], [5, 30, 10, 10, 10], [9, 40, 20, 15, 20], [1, 2, 3, 4, 5])
    assert made.person.tolist() == [0, 0, 0, 0, 1]
    assert made.record.tolist() == [3, 2, 4, 1, 0]
    assert made.purpose.tolist() == [4, 3, 5, 2, 1]
    assert made.ends.tolist() == [15, 20, 20, 40, 9]


def test_leave_in_force_on_first_and_last_day_and_beside_them():
    periods = leave((0, 10, 20), (0, 40, 50), (2, 10, 20))
    day = np.array([9, 10, 20, 21, 39, 40, 50, 51, UNSEEN])
    expected = [NONE, 0, 0, NONE, NONE, 1, 1, NONE, NONE]
    assert in_force(periods, np.zeros(9), day).tolist() == expected
    assert in_force(periods, [1, 2, 3], [15, 15, 15]).tolist() == [NONE, 2, NONE]


def test_of_several_leaves_the_one_that_ends_last_then_begins_last_then_is_first():
    # a long one from day 0, and within it two short ones
    periods = leave((0, 0, 100), (0, 10, 20), (0, 10, 100), (0, 10, 100), (0, 30, 100), (0, 40, 90))
    assert periods.record.tolist() == [0, 1, 2, 3, 4, 5]
    assert in_force(periods, [0] * 5, [5, 10, 30, 45, 100]).tolist() == [0, 2, 4, 4, 4]


def test_departures_on_the_last_day_and_the_day_after():
    stay = [(0, 10, 1), (0, 20, 0)]
    assert became(stay, [(0, 5, 20)], 100) == [(O.IN_TIME, 0)]
    assert became(stay, [(0, 5, 19)], 100) == [(O.LATE, 1)]
    assert became(stay, [(0, 10, 10)], 100) == [(O.LATE, 10)]
    assert became(stay, [(0, 11, 30)], 100) == [(O.NO_LEAVE, 0)]
    assert became(stay, [(0, 0, 9)], 100) == [(O.NO_LEAVE, 0)]
    assert became(stay, [(1, 0, 90)], 100) == [(O.NO_LEAVE, 0)]
    assert became(stay, [], 100) == [(O.NO_LEAVE, 0)]


def test_open_stays_on_the_last_day_of_leave_and_the_day_after():
    stay = [(0, 10, 1)]
    assert became(stay, [(0, 5, 20)], 20) == [(O.IN_FORCE, 0)]
    assert became(stay, [(0, 5, 20)], 21) == [(O.OVERSTAYED, 1)]
    assert became(stay, [(0, 5, 20)], 50) == [(O.OVERSTAYED, 30)]
    assert became(stay, [(0, 5, INDEFINITE)], 30_000) == [(O.IN_FORCE, 0)]


def test_chains_of_leave():
    chain = [(0, 5, 20), (0, 21, 30), (0, 25, 40)]
    assert became([(0, 10, 1), (0, 20, 0)], chain, 99) == [(O.IN_TIME, 0)]
    assert became([(0, 10, 1), (0, 21, 0)], chain, 99) == [(O.EXTENDED, 0)]
    assert became([(0, 10, 1), (0, 40, 0)], chain, 99) == [(O.EXTENDED, 0)]
    assert became([(0, 10, 1), (0, 41, 0)], chain, 99) == [(O.LATE, 1)]
    assert became([(0, 10, 1)], chain, 35) == [(O.EXTENDED, 0)]
    assert became([(0, 10, 1)], chain, 45) == [(O.OVERSTAYED, 5)]
    # a chain through a period that holds the next one's eve but ends before
    assert became([(0, 10, 1)], [(0, 5, 20), (0, 6, 8), (0, 21, 30)], 30) == [(O.EXTENDED, 0)]


def test_leave_after_days_without_is_no_extension():
    gap = [(0, 5, 20), (0, 22, 40)]
    assert became([(0, 10, 1), (0, 21, 0)], gap, 99) == [(O.LATE, 1)]
    assert became([(0, 10, 1), (0, 22, 0)], gap, 99) == [(O.REGRANTED, 0)]
    assert became([(0, 10, 1)], gap, 21) == [(O.OVERSTAYED, 1)]  # the later one is still to begin
    assert became([(0, 10, 1)], gap, 30) == [(O.REGRANTED, 0)]
    assert became([(0, 10, 1)], gap, 45) == [(O.OVERSTAYED, 5)]


def test_a_missing_departure_is_unmatched_and_no_overstay():
    # arrives on day 10, and again on day 50: in between the person left, nobody knows when
    crossings = [(0, 10, 1), (0, 50, 1)]
    assert became(crossings, [(0, 5, 20)], 99) == [(O.UNMATCHED, 0), (O.NO_LEAVE, 0)]
    assert became(crossings, [(0, 5, 60)], 99) == [(O.UNMATCHED, 0), (O.OVERSTAYED, 39)]
    assert became(crossings, [], 99) == [(O.NO_LEAVE, 0), (O.NO_LEAVE, 0)]


def test_a_missing_arrival_is_unmatched_where_leave_may_have_held_on_it():
    first = [(0, 50, 0)]  # the person's first crossing is a departure
    assert became(first, [(0, 5, 20)], 99) == [(O.UNMATCHED, 0)]
    assert became(first, [(0, 50, 60)], 99) == [(O.UNMATCHED, 0)]
    assert became(first, [(0, 51, 60)], 99) == [(O.NO_LEAVE, 0)]
    assert became(first, [(1, 5, 20)], 99) == [(O.NO_LEAVE, 0)]
    # after a departure on day 20 the arrival lies in days 20 to 50
    twice = [(0, 10, 1), (0, 20, 0), (0, 50, 0)]
    assert became(twice, [(0, 5, 19)], 99)[1] == (O.NO_LEAVE, 0)
    assert became(twice, [(0, 5, 20)], 99)[1] == (O.UNMATCHED, 0)


def test_what_was_seen_of_each_leave():
    found = visits(
        (0, 10, 1), (0, 20, 0), (0, 30, 1), (0, 60, 0),  # leaves, comes back, leaves late
        (1, 10, 1), (1, 20, 0), (1, 30, 1),  # leaves, comes back, stays
        (2, 10, 1), (2, 70, 0), (2, 80, 1),
        (3, 20, 0),  # arrival not seen
    )  # fmt: skip
    periods = leave(
        (0, 10, 30), (0, 31, 60), (0, 61, 90),
        (1, 5, 40), (1, 11, 15),
        (2, 5, 20), (2, 20, 69), (2, 70, 90), (2, 10, 80),
        (3, 10, 20), (4, 1, 9),
    )  # fmt: skip
    seen = used(periods, found)
    by_record = np.argsort(periods.record)
    # person 0: the departure of day 60 ends a stay begun on day 30, under the first leave
    assert seen.first_arrival[by_record].tolist() == [
        10, UNSEEN, UNSEEN, 10, UNSEEN, 10, UNSEEN, 80, 10, UNSEEN, UNSEEN
    ]  # fmt: skip
    # person 2: day 70 closes the stay begun on day 10; the stay of day 80 is not closed
    assert seen.last_departure[by_record].tolist() == [
        60, 60, UNSEEN, 20, UNSEEN, 70, UNSEEN, 70, 70, 20, UNSEEN
    ]  # fmt: skip


def test_counts_by_group():
    found = visits((0, 10, 1), (1, 10, 1), (1, 30, 0), (2, 10, 1), (2, 15, 0))
    periods = leave_periods([0, 1, 2], [5, 5, 5], [20, 20, 20], [7, 3, 7])
    answered = outcomes(periods, found, 99)
    everybody = counts(answered)
    assert everybody.group.tolist() == [0]
    assert everybody.stays[0, [O.IN_TIME, O.LATE, O.OVERSTAYED]].tolist() == [1, 1, 1]
    by_purpose = counts(answered, periods.purpose[answered.leave])
    assert by_purpose.group.tolist() == [3, 7]
    assert by_purpose.stays[:, O.OVERSTAYED].tolist() == [0, 1]
    assert by_purpose.stays.sum() == 3


def test_nothing():
    none, nobody = leave(), in_country(stays(packed([], [], [])))
    assert outcomes(none, nobody, 99).outcome.tolist() == []
    assert outcomes(leave((0, 1, 2)), nobody, 99).leave.tolist() == []
    assert used(none, visits((0, 10, 1))).first_arrival.tolist() == []
    seen = used(leave((0, 1, 2)), nobody)
    assert (seen.first_arrival.tolist(), seen.last_departure.tolist()) == ([UNSEEN], [UNSEEN])
    assert in_force(none, [0], [5]).tolist() == [NONE]
    assert counts(outcomes(none, nobody, 99)).stays.shape == (0, len(Outcome))


def test_what_is_refused():
    with pytest.raises(SourceError, match="1 that end before they begin, 0 outside"):
        leave((0, 5, 4))
    with pytest.raises(SourceError, match="0 that end before they begin, 3 outside"):
        leave((0, -1, 4), (-1, 0, 0), (0, 5, INDEFINITE + 1))
    whole = stays(packed([0], [1440], [1]))
    with pytest.raises(SourceError, match="1 absences"):
        outcomes(leave(), whole, 99)
    with pytest.raises(SourceError, match="1 absences"):
        used(leave(), whole)


def slow_stays(crossings):
    """Return a person's stays as arrival, departure, whether still open; None where unseen."""
    made, inside = [], None
    for when, inward in crossings:
        if inward:
            if inside is not None:
                made.append((inside, None, False))
            inside = when
        else:
            made.append((inside, when, False))
            inside = None
    return made if inside is None else [*made, (inside, None, True)]


def held(periods, day):
    """Return the periods that hold on a day."""
    return [p for p in periods if p[0] <= day <= p[1]]


def slow_leave(periods, day):
    """Return the place of the leave in force."""
    here = [(-p[1], -p[0], i) for i, p in enumerate(periods) if p[0] <= day <= p[1]]
    return min(here)[2] if here else None


def slow_outcome(periods, stay, departed_before, as_of):
    """Return outcome and days late, day by day."""
    arrival, departure, still = stay
    if arrival is None:
        days = range(departed_before, departure + 1)
        lost = any(held(periods, d) for d in days)
        return (O.UNMATCHED if lost else O.NO_LEAVE), 0
    own = slow_leave(periods, arrival)
    if own is None:
        return O.NO_LEAVE, 0
    if departure is None and not still:
        return O.UNMATCHED, 0
    end = as_of if departure is None else departure
    if periods[own][1] >= end:
        return (O.IN_FORCE if still else O.IN_TIME), 0
    if held(periods, end):
        unbroken = all(held(periods, d) for d in range(arrival, end + 1))
        return (O.EXTENDED if unbroken else O.REGRANTED), 0
    late = 0
    while not held(periods, end - late):
        late += 1
    return (O.OVERSTAYED if still else O.LATE), late


def slow_use(period, made):
    """Return first arrival and last departure of a period of leave."""
    first, last = period
    into = [a for a, _, _ in made if a is not None and first <= a <= last]
    out = [d for a, d, _ in made if d is not None
           and (first <= d <= last or (a is not None and first <= a <= last < d))]  # fmt: skip
    return min(into, default=UNSEEN), max(out, default=UNSEEN)


CROSSINGS = st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=8).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)
PERIODS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=6).map(
    lambda rows: [(first, first + length) for first, length in rows]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(CROSSINGS, PERIODS), min_size=1, max_size=4), st.integers(0, 10))
def test_leave_as_read_day_by_day(people, more):
    as_of = max([when for crossings, _ in people for when, _ in crossings], default=0) + more
    periods = leave(*[(p, *period) for p, (_, own) in enumerate(people) for period in own])
    crossings = [(p, *c) for p, (own, _) in enumerate(people) for c in own]
    found = visits(*crossings)
    answered, seen = outcomes(periods, found, as_of), used(periods, found)
    record = np.append(periods.record, NONE)[answered.leave].tolist()
    fast = list(zip(record, answered.outcome.tolist(), answered.late.tolist(), strict=True))
    slow, slow_seen, offset = [], [], 0
    for history, own in people:
        made, before = slow_stays(history), 0
        for stay in made:
            row = None if stay[0] is None else slow_leave(own, stay[0])
            place = NONE if row is None else offset + row
            slow.append((place, *slow_outcome(own, stay, before, as_of)))
            before = max(d or 0 for d in stay[:2])
        slow_seen.extend(slow_use(period, made) for period in own)
        offset += len(own)
    assert fast == slow
    by_record = np.argsort(periods.record)
    columns = (seen.first_arrival[by_record].tolist(), seen.last_departure[by_record].tolist())
    assert list(zip(*columns, strict=True)) == slow_seen
