"""Deliveries: histories brought forward month by month say what a full run says."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ravenstein.border.crossings import packed, persons
from ravenstein.border.delivery import Treatment, brought_forward
from ravenstein.border.histories import no_histories, numbered
from ravenstein.border.residence import ALWAYS, OPPOSITE, UNDECIDED, ResidenceRule, classify
from ravenstein.border.sequences import mended

DAY, THIRD = 1440, 480
NOBODY = np.zeros(0, np.int64)


class Office:
    """An office that gets (person, third of a day, arrival), and keeps what is told."""

    def __init__(self, how):
        self.how, self.base, self.ids, self.told = how, no_histories(len(how.rules)), NOBODY, ALWAYS
        self.rows, self.counts = {}, 0

    def gets(self, rows, as_of):
        who, third, arrival = (np.array([r[i] for r in rows], dtype=np.int64) for i in range(3))
        number, ids = numbered(self.ids, who)
        first = np.full(ids.size - self.ids.size, self.how.first, np.int8)
        crossing = (third * THIRD * 2 + arrival).astype(np.int32)
        found = brought_forward(self.base, (number, crossing), first, (as_of, self.told), self.how)
        self.base, self.ids, self.told = found.histories, ids, as_of
        changes = {}
        for i, key in enumerate(found.keys.tolist()):
            low = key & ((1 << 28) - 1)
            changes[int(ids[key >> 28]), low] = tuple(
                (a.migrant[i].item(), a.before[i].item(), a.after[i].item(), a.decided[i].item())
                for a in found.answers
            )
        # a person's day is told as a whole
        days = {(who, low // 2 // DAY) for who, low in changes}
        self.rows = {k: v for k, v in self.rows.items() if (k[0], k[1] // 2 // DAY) not in days}
        self.rows |= changes
        months = found.counts.shape[1]
        grown = np.zeros_like(found.counts)
        if not np.isscalar(self.counts):
            grown[:, : self.counts.shape[1]] = self.counts
        self.counts = grown + found.counts
        assert months == self.counts.shape[1]
        return found, changes


def told_in_full(rows, as_of, how):
    """Return the answers to all rows at once."""
    rows = sorted(set(rows))
    keys = np.sort(packed(*(np.array([r[i] for r in rows]) * (THIRD if i == 1 else 1)
                            for i in range(3))))  # fmt: skip
    if how.gaps in ("middle", "median"):
        keys = mended(keys, how.gaps, how.median).keys
    first = None if how.first == OPPOSITE else np.full(int(persons(keys)[-1]) + 1, how.first)
    gaps = "unknown" if how.gaps == "unknown" else "last"
    found = [classify(keys, as_of, rule, first, gaps=gaps) for rule in how.rules]
    return {
        (int(key >> 28), int(key & ((1 << 28) - 1))): tuple(
            (a.migrant[i].item(), a.before[i].item(), a.after[i].item(), a.decided[i].item())
            for a in found
        )
        for i, key in enumerate(keys)
    }


RULES = (ResidenceRule(12, 8), ResidenceRule(9, 9), ResidenceRule(15, 4))
DELIVERY = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 60), st.integers(0, 1)), max_size=9
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    deliveries=st.lists(st.tuples(DELIVERY, st.integers(0, 9)), min_size=1, max_size=6),
    gaps=st.sampled_from(["last", "unknown", "middle", "median"]),
    first=st.sampled_from([OPPOSITE, UNDECIDED]),
    late=st.booleans(),
)
@example(
    deliveries=[([(1, 0, 0), (0, 1, 0)], 0), ([(0, 0, 0)], 0)],
    gaps="last", first=OPPOSITE, late=False,
)  # fmt: skip
def test_deliveries_say_what_a_full_run_says(deliveries, gaps, first, late):
    """Late crossings, repeated ones, empty deliveries, several rules."""
    how = Treatment(RULES, gaps, (2, 3), first)
    office, so_far, day = Office(how), [], 0
    for rows, wait in deliveries:
        begin = 0 if late else day + 1
        moved = [(p, 3 * begin + t, a) for p, t, a in rows]
        day = max([day + wait, *(t // 3 for _, t, _ in moved)])
        so_far += moved
        before = dict(office.rows)
        _, changes = office.gets(moved, day)
        if not so_far:
            continue
        again, none = office.gets([], day)
        assert (again.passed, none) == (0, {}), "nothing is due twice"
        full = told_in_full(so_far, day, how)
        if gaps in ("last", "unknown"):  # an imputed crossing may move, and then another stands
            assert office.rows == full
        assert {k: office.rows[k] for k in full} == full
        if not late and gaps == "last":
            changed = {(k[0], k[1] // 2 // DAY) for k, v in changes.items() if before.get(k) != v}
            told = {(who, low // 2 // DAY) for who, low in changes}
            assert told == changed, "only days on which something changed are told"
            assert {k for k in full if (k[0], k[1] // 2 // DAY) in told} == set(changes), "whole"
        counts = np.zeros_like(office.counts)
        real = {(p, t * THIRD * 2 + a) for p, t, a in so_far}
        for (_, low), answers in ((k, v) for k, v in full.items() if k in real):
            month = np.datetime64(low // 2 // DAY, "D").astype("M8[M]").astype(int)
            for r, answer in enumerate(answers):
                counts[r, month, low & 1, answer[0] + 1] += 1
        assert np.array_equal(office.counts, counts)


def test_a_repeated_delivery_changes_nothing():
    how = Treatment((ResidenceRule(12, 8),))
    office = Office(how)
    rows = [(1, 0, 1), (1, 90, 0), (2, 15, 1), (2, 15, 1)]
    found, _ = office.gets(rows, 40)
    assert found.repeated.size == 1
    held = office.base.crossings.copy()
    found, changes = office.gets(rows, 40)
    assert not changes
    assert found.repeated.size == 4
    assert found.touched == 0
    assert not found.counts.any()
    assert np.array_equal(office.base.crossings, held)


def test_only_the_delivered_and_the_due_are_looked_at():
    office = Office(Treatment((ResidenceRule(12, 8),)))
    office.gets([(p, 3 * p, 1) for p in range(10)], 10)
    # persons 0 to 3 had 8 days by day 10; by day 15 those to 8 have; person 3 leaves
    found, changes = office.gets([(3, 36, 0)], 15)
    assert (found.touched, found.late, found.passed) == (1, 0, 5)
    assert {p for p, _ in changes} == {3, 4, 5, 6, 7, 8}
    found, _ = office.gets([], 15)
    assert found.passed == 0


@pytest.mark.parametrize("rules", [(), (ResidenceRule(), ResidenceRule())])
def test_rules_side_by_side(rules):
    with pytest.raises(Exception, match="side by side"):
        Treatment(rules)
