"""The residence rule by hand, at its boundaries, and against a day-by-day one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.slow_residence import answers_on, slow_answers

from ravenstein.border.crossings import arrivals, days, minutes, packed, persons
from ravenstein.border.residence import NEVER, NO, UNDECIDED, YES, ResidenceRule, classify
from ravenstein.border.sequences import Faults, faults, mended
from ravenstein.core.errors import ParameterError, SourceError

DAY = 1440


def fast_answers(histories, as_of, rule, first=None, gaps="last"):
    """Return the answers of each person's crossings, as the slow rule gives them."""
    rows = [(p, i, *crossing) for p, h in enumerate(histories) for i, crossing in enumerate(h)]
    # the minute keeps the order of a day's crossings
    keys = packed([r[0] for r in rows], [r[2] * DAY + r[1] for r in rows], [r[3] for r in rows])
    found = classify(np.sort(keys), as_of, rule, first, gaps=gaps)
    each = list(zip(found.before.tolist(), found.migrant.tolist(), found.after.tolist(),
                    [None if d == NEVER else d for d in found.decided.tolist()],
                    strict=True))  # fmt: skip
    sizes = np.cumsum([0, *map(len, histories)])
    return [each[a:b] for a, b in pairwise(sizes)]


def test_a_stay_of_a_year_and_one_of_a_month_by_hand():
    # arrives on day 10, leaves for 20 days on day 100, comes back, stays
    history = [(10, 1), (100, 0), (120, 1)]
    (found,) = fast_answers([history], 900, ResidenceRule())
    # present 90 days by day 100, 275 more from day 120 on: the 365th is day 394
    assert found[0] == (NO, YES, YES, 394)
    # a resident's departure: in again for 123 days on day 242
    assert found[1] == (YES, NO, YES, 242)
    # back: a resident already, known on day 394, or not long: long is known on day 484
    assert found[2] == (YES, NO, YES, 394)


@pytest.mark.parametrize(("window", "threshold"), [(487, 365), (365, 365), (365, 274), (487, 243)])
@pytest.mark.parametrize("arrival", [1, 0])
def test_boundaries(window, threshold, arrival):
    """Stays, absences and last days on and beside the numbers of days that decide."""
    rule, histories, last = ResidenceRule(window, threshold), [], 5 + window + 2
    for stay in (122, 123, 243, 244, 274, 365, 487, threshold, window - threshold):
        for more in (-1, 0, 1):
            length = max(stay + more, 1)
            histories.append([(5, arrival), (5 + length, 1 - arrival)])
            gap = max(window - threshold + more, 1)
            histories.append(
                [(5, arrival), (5 + length, 1 - arrival), (5 + length + gap, arrival)]
            )  # fmt: skip
    for as_of in (last - 3, last - 2, last + 800):
        kept = [[c for c in h if c[0] <= as_of] for h in histories]
        found = fast_answers(kept, as_of, rule)
        for history, answers in zip(kept, found, strict=True):
            opens = 1 - history[0][1]
            slow = [answers_on(history, day, window, threshold, opens)
                    for day in (as_of, *(a[3] for a in answers if a[3]),
                                *(a[3] - 1 for a in answers if a[3]))]  # fmt: skip
            assert [a[:3] for a in answers] == slow[0], history
            known = [i for i, a in enumerate(answers) if a[3]]
            for place, i in enumerate(known, start=1):
                assert slow[place][i][1] != UNDECIDED, "decided on that day"
                if answers[i][3] > history[i][0]:
                    eve = slow[place + len(known)][i]
                    assert eve[1] == UNDECIDED, "and not on the day before"
            assert all(a[1] == UNDECIDED for a in answers if not a[3])


HISTORY = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 1)), min_size=1, max_size=12
).map(lambda crossings: sorted(crossings, key=lambda c: c[0]))  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    histories=st.lists(HISTORY, min_size=1, max_size=4),
    rule=st.tuples(st.integers(1, 15), st.integers(0, 14)).map(
        lambda pair: ResidenceRule(pair[0] + pair[1], pair[0])
    ),
    after=st.integers(0, 30),
    register=st.booleans(),
    gaps=st.sampled_from(["last", "unknown"]),
    data=st.data(),
)
def test_the_sweep_agrees_with_day_by_day(histories, rule, after, register, gaps, data):
    """Broken sequences, several crossings on a day, unknown first statuses, any last day."""
    as_of = max(crossing[0] for history in histories for crossing in history) + after
    first = None
    if register:
        kinds = st.sampled_from([YES, NO, UNDECIDED])
        first = [data.draw(kinds) for _ in histories]
    found = fast_answers(histories, as_of, rule, first, gaps)
    limits = rule.window, rule.threshold
    for person, history in enumerate(histories):
        opens = None if first is None else first[person]
        assert found[person] == slow_answers(history, as_of, limits, opens, gaps)


def test_unknown_days_count_for_neither_side():
    # two arrivals a year apart: where the person was between them is not known
    history = [(0, 1), (400, 1)]
    (usual,) = fast_answers([history], 1200, ResidenceRule())
    assert usual[0] == (NO, YES, YES, 364)
    (found,) = fast_answers([history], 1200, ResidenceRule(), gaps="unknown")
    assert found[0] == (NO, UNDECIDED, UNDECIDED, None)
    assert found[1] == (UNDECIDED, UNDECIDED, YES, None), "a resident now; since when, who knows"


def test_faults_are_counted_and_mended():
    rows = [(0, 10 * DAY, 1), (0, 30 * DAY, 1), (0, 30 * DAY + 5, 0), (0, 50 * DAY, 0),
            (1, 7, 1), (1, 7, 1), (1, 8, 1), (2, 5 * DAY, 0), (2, 5 * DAY, 1)]  # fmt: skip
    keys = np.sort(packed(*zip(*rows, strict=True)))
    assert faults(keys) == Faults(
        repeated_arrivals=3, repeated_departures=1, same_day=4, same_time=2, same_record=1
    )
    found = mended(keys)
    put_in = found.keys[found.imputed]
    assert list(zip(persons(put_in), minutes(put_in), arrivals(put_in), strict=True)) == [
        (0, 20 * DAY, False), (0, 40 * DAY + 2, True), (1, 8, False)
    ]  # fmt: skip
    assert faults(found.keys).repeated_arrivals == 1, "two records that are one"
    assert faults(found.keys).repeated_departures == 0
    assert np.array_equal(found.keys[~found.imputed], keys)
    usual = mended(keys, "median", (3, 30))
    assert minutes(usual.keys[usual.imputed]).tolist() == [20 * DAY, 33 * DAY + 5, 8]


def test_a_crossing_is_one_number():
    keys = packed([3, 3], [DAY * 2 + 5, DAY * 2 + 5], [1, 0])
    assert persons(keys).tolist() == [3, 3]
    assert days(keys).tolist() == [2, 2]
    assert arrivals(keys).tolist() == [True, False]
    assert keys[1] < keys[0], "at equal times departures come first"
    with pytest.raises(SourceError, match="outside") as caught:
        packed([0, 1 << 35], [-1, 5], [1, 1])
    assert caught.value.found == "2 crossings outside"


def test_very_many_crossings_of_one_person():
    g = np.random.default_rng(1)
    minutes = np.sort(g.integers(0, 3000 * DAY, 200_000))
    keys = np.sort(packed(np.zeros(200_000), minutes, g.integers(0, 2, 200_000)))
    found = classify(keys, 4000)
    assert (found.migrant != UNDECIDED).all()
    assert ((found.before[1:] == found.after[:-1]) | (found.after[:-1] == UNDECIDED)).all()


def test_no_crossings_and_many_persons_on_all_processors():
    assert classify(packed([], [], []), 5).migrant.size == 0
    g = np.random.default_rng(3)
    rows = (g.integers(0, 500, 5000), g.integers(0, 2000 * DAY, 5000), g.integers(0, 2, 5000))
    keys = np.sort(packed(*rows))
    whole = classify(keys, 3000)
    who = persons(keys)
    for person in (0, 250, 499):
        alone = classify(keys[who == person], 3000)
        for name in ("migrant", "before", "after", "decided"):
            assert np.array_equal(getattr(whole, name)[who == person], getattr(alone, name))


def test_what_cannot_be_classified():
    keys = packed([0, 0], [DAY, 5 * DAY], [1, 0])
    with pytest.raises(SourceError, match="cannot be classified") as caught:
        classify(keys[::-1], 3)
    assert caught.value.found == "1 out of order, 1 after it"
    with pytest.raises(ParameterError, match="residence rule"):
        ResidenceRule(100, 101)
