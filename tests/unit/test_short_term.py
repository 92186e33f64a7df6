"""Short-term migrants by hand, on anniversaries, and against all that may still come."""

import calendar
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravenstein.border.crossings import packed
from ravenstein.border.residence import NO, UNDECIDED, YES, classify
from ravenstein.border.short_term import (
    DEFINITIONS,
    OTHER,
    STUDY,
    UNKNOWN,
    WORK,
    anniversary,
    before_arrival,
    counts,
    short_term,
)
from ravenstein.border.stays import UNSEEN, Stays, in_country, stays
from ravenstein.core.errors import SourceError

START = date(1970, 1, 1)


def day(text):
    return (date.fromisoformat(text) - START).days


def in_stays(*rows):
    """Return stays of one person each: arrival, departure ("" unseen), whether still open."""
    begins = np.array([day(a) if a else UNSEEN for a, *_ in rows], dtype=np.int64)
    ends = np.array([day(d) if d else UNSEEN for _, d, *_ in rows], dtype=np.int64)
    open_ = np.array([len(row) > 2 for row in rows], dtype=bool)
    return Stays(np.arange(len(rows)), np.ones(len(rows), dtype=bool), begins, ends, open_)


OPEN = "open"


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2023-01-28", 1, "2023-02-28"),
        ("2023-01-29", 1, "2023-02-28"),
        ("2023-01-30", 1, "2023-02-28"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-01-28", 1, "2024-02-28"),
        ("2024-01-29", 1, "2024-02-29"),
        ("2024-01-30", 1, "2024-02-29"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-02-28", 1, "2023-03-28"),  # not the month's last day
        ("2023-03-31", 1, "2023-04-30"),
        ("2023-11-30", 3, "2024-02-29"),
        ("2023-12-01", 3, "2024-03-01"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2023-02-28", 12, "2024-02-28"),
        ("2023-12-31", 12, "2024-12-31"),
    ],
)
def test_anniversaries(start, months, end):
    assert anniversary(np.array([day(start)]), months).tolist() == [day(end)]


def test_closed_stays_on_and_beside_each_limit():
    found = in_stays(
        ("2023-01-31", "2023-02-27"),  # a day short of a month
        ("2023-01-31", "2023-02-28"),  # a month
        ("2023-01-31", "2023-04-29"),  # a day short of three
        ("2023-01-31", "2023-04-30"),  # three
        ("2023-01-31", "2024-01-30"),  # a day short of twelve
        ("2023-01-31", "2024-01-31"),  # twelve: long-term
        ("2024-02-29", "2025-02-27"),
        ("2024-02-29", "2025-02-28"),  # twelve, as there is no 29 February
        ("2024-05-05", "2024-05-05"),
    )
    answered = short_term(found, day("2025-03-01"), purpose=np.full(9, WORK))
    assert answered.answers.tolist() == [
        [NO, YES, YES, YES, YES, NO, YES, NO, NO],
        [NO, NO, NO, YES, YES, NO, YES, NO, NO],
        [NO, NO, NO, YES, YES, NO, YES, NO, NO],
    ]
    assert not answered.past.any()
    assert not answered.unmatched.any()
    assert DEFINITIONS == ("months_1_to_12", "months_3_to_12", "un_3_to_12_work_or_study")


@pytest.mark.parametrize(
    ("as_of", "answer", "past"),
    [
        # whoever is here at the end of 27 February leaves on the 28th, after a month, or later
        ("2023-02-26", UNDECIDED, [False, False, False]),
        ("2023-02-27", UNDECIDED, [True, False, False]),
        ("2023-04-28", UNDECIDED, [True, False, False]),
        ("2023-04-29", UNDECIDED, [True, True, True]),
        ("2024-01-29", UNDECIDED, [True, True, True]),
        ("2024-01-30", NO, [True, True, True]),  # here for the night to 31 January: 12 months
        ("2024-01-31", NO, [True, True, True]),
    ],
)
def test_an_open_stay_is_undecided_until_it_is_one_of_twelve_months(as_of, answer, past):
    found = in_stays(("2023-01-31", "", OPEN))
    answered = short_term(found, day(as_of), purpose=[WORK])
    assert answered.answers[:, 0].tolist() == [answer] * 3
    assert answered.past[:, 0].tolist() == past
    assert answered.unmatched.tolist() == [False]


def test_a_stay_with_a_crossing_missing_is_unmatched_for_ever():
    found = in_stays(("2010-01-01", ""), ("", "2010-06-01"))
    answered = short_term(found, day("2024-01-01"), purpose=[WORK, OTHER])
    assert answered.unmatched.tolist() == [True, True]
    # but what is no for work or study is not the UN's, however long
    assert answered.answers.tolist() == [[UNDECIDED] * 2, [UNDECIDED] * 2, [UNDECIDED, NO]]
    assert not answered.past.any()
    # nor is a resident's stay anything
    resident = short_term(found, day("2024-01-01"), resident=[YES, UNDECIDED])
    assert resident.answers[0].tolist() == [NO, UNDECIDED]


def test_residents_are_none_and_an_unknown_status_decides_nothing():
    found = in_stays(*[("2023-01-01", "2023-06-01")] * 3, *[("2023-01-01", "2023-01-02")] * 3)
    answered = short_term(found, day("2023-12-31"), resident=[YES, NO, UNDECIDED] * 2)
    assert answered.answers[0].tolist() == [NO, YES, UNDECIDED, NO, NO, NO]


def test_purposes_matter_to_the_un_alone():
    why = [WORK, STUDY, OTHER, UNKNOWN]
    found = in_stays(*[("2023-01-01", "2023-06-01")] * 4, *[("2023-01-01", "2023-03-31")] * 4)
    answered = short_term(found, day("2023-12-31"), purpose=why * 2)
    assert answered.answers[0].tolist() == [YES] * 8
    assert answered.answers[1].tolist() == [YES] * 4 + [NO] * 4
    # of a stay of less than three months the purpose need not be known
    assert answered.answers[2].tolist() == [YES, YES, NO, UNDECIDED, NO, NO, NO, NO]
    assert short_term(found, day("2023-12-31")).answers[2].tolist() == [UNDECIDED] * 4 + [NO] * 4


def test_counts_by_month_and_year_hold_every_stay():
    found = in_stays(
        ("2023-01-31", "2023-06-01"),
        ("2023-01-02", "2023-01-03"),
        ("2023-03-31", "", OPEN),
        ("2023-03-01", ""),  # departure missing
        ("", "2023-05-05"),  # arrival missing
        ("2023-03-02", "", OPEN),
    )
    answered = short_term(found, day("2023-06-29"))
    by_month = counts(found, answered)
    assert by_month.period.astype(str).tolist() == ["2023-01", "2023-02", "2023-03", "NaT"]
    assert by_month.yes.tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert by_month.no.tolist() == [[1, 0, 0, 0]] * 3
    # for work or study or not: of the stay that ended nobody knows
    assert by_month.undecided.tolist() == [[0, 0, 2, 0], [0, 0, 2, 0], [1, 0, 2, 0]]
    # 31 March + 3 months is 30 June
    assert by_month.past.tolist() == [[0, 0, 2, 0]] * 3
    assert by_month.unmatched.tolist() == [[0, 0, 1, 1]] * 3
    by_year = counts(found, answered, "year")
    assert by_year.period.astype(str).tolist() == ["2023", "NaT"]
    assert by_year.unmatched.tolist() == [[1, 1]] * 3
    parts = (by_year.yes, by_year.no, by_year.undecided, by_year.unmatched)
    assert np.sum(parts, axis=(0, 2)).tolist() == [6, 6, 6]


def test_status_before_the_arrival_comes_from_the_crossings():
    rows = [
        (0, "2022-12-01", 0), (0, "2023-01-01", 1),  # a resident's absence
        (1, "2023-01-01", 1), (1, "2023-05-01", 0),  # a visitor for four months
    ]  # fmt: skip
    who, when, inward = zip(*rows, strict=True)
    keys = np.sort(packed(who, np.array([day(d) for d in when]) * 1440, inward))
    as_of = day("2025-12-31")
    found = in_country(stays(keys))
    before = before_arrival(found, keys, classify(keys, as_of).before)
    assert found.begins.tolist() == [UNSEEN, day("2023-01-01"), day("2023-01-01")]
    assert before.tolist() == [YES, YES, NO]
    # the departure without an arrival was a resident's
    assert short_term(found, as_of, resident=before).answers[1].tolist() == [NO, NO, YES]
    with pytest.raises(SourceError, match="belong together"):
        before_arrival(found, keys[1:], before)


def test_no_stays():
    found = in_country(stays(packed([], [], [])))
    answered = short_term(found, 100, resident=[], purpose=[])
    assert answered.answers.shape == answered.past.shape == (3, 0)
    held = counts(found, answered)
    assert held.period.astype(str).tolist() == ["NaT"]
    assert held.yes.tolist() == held.unmatched.tolist() == [[0]] * 3


def test_what_is_refused():
    keys = packed([0, 0], [1440, 2880], [1, 0])
    with pytest.raises(SourceError, match="2 absences, 0 after it"):
        short_term(stays(keys), 10)
    with pytest.raises(SourceError, match="0 absences, 1 after it"):
        short_term(in_country(stays(keys)), 1)
    reversed_ = Stays(*(np.array([v]) for v in (0, True, 5, 4, False)))
    with pytest.raises(SourceError, match="1 that end before they begin"):
        short_term(reversed_, 10)
    mixed = in_stays(("2000-01-02", "2000-01-03"), ("2000-01-02", "2000-01-03"))
    backwards = Stays(mixed.person[::-1], mixed.present, mixed.begins, mixed.ends, mixed.open)
    with pytest.raises(SourceError, match="1 out of order"):
        short_term(backwards, 20_000)
    with pytest.raises(SourceError, match="1 of them others"):
        short_term(mixed, 20_000, purpose=[WORK, 7])
    with pytest.raises(SourceError, match="1 codes"):
        short_term(mixed, 20_000, resident=[YES])


def later(start, months):
    """Return the date some calendar months after one."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def is_short_term(arrival, departure, lower, worked):
    """Answer for a stay of which everything is known."""
    return later(arrival, lower) <= departure < later(arrival, 12) and worked


def possible(arrival, departure, as_of, lower, purpose, asked):
    """Return what a stay may turn out to be, over all departures and purposes it may have had."""
    ends = [departure] if departure else [as_of + timedelta(n) for n in range(1, 800)]
    worked = {WORK: [True], STUDY: [True], OTHER: [False], UNKNOWN: [True, False]}[purpose]
    return {is_short_term(arrival, e, lower, w or not asked) for e in ends for w in worked}


@settings(max_examples=150, deadline=None)
@given(
    st.dates(date(2019, 1, 1), date(2024, 12, 31)),
    st.one_of(st.none(), st.integers(0, 800)),
    st.integers(0, 800),
    st.sampled_from([YES, NO, UNDECIDED]),
    st.sampled_from([WORK, STUDY, OTHER, UNKNOWN]),
)
def test_undecided_is_what_may_still_be_either(arrival, length, more, resident, purpose):
    departure = None if length is None else arrival + timedelta(length)
    as_of = (departure or arrival) + timedelta(more)
    row = (str(arrival), str(departure)) if departure else (str(arrival), "", OPEN)
    answered = short_term(
        in_stays(row), day(str(as_of)), resident=[resident], purpose=[purpose]
    )  # fmt: skip
    for i, (lower, asked) in enumerate([(1, False), (3, False), (3, True)]):
        turns_out = possible(arrival, departure, as_of, lower, purpose, asked)
        if resident != NO:
            turns_out = {False} if resident == YES else turns_out | {False}
        slow = UNDECIDED if len(turns_out) == 2 else YES if True in turns_out else NO
        assert answered.answers[i, 0] == slow
        if departure is None:
            assert answered.past[i, 0] == (as_of + timedelta(1) >= later(arrival, lower))
