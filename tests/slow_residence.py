"""The residence rule day by day, in plain Python: what the compiled sweep is compared with."""

from __future__ import annotations

from itertools import pairwise

YES, NO, UNDECIDED = 1, 0, -1


def places(history, as_of, gaps="last"):
    """Return where a person was at the end of each day: 1 present, 0 absent, None unknown."""
    where, place = {}, None
    for day in range(history[0][0], as_of + 1):
        for crossed, arrival in history:
            if crossed == day:
                place = arrival  # the last crossing of the day counts
        where[day] = place
    if gaps == "unknown":
        for (day, arrival), (next_day, again) in pairwise(history):
            if arrival == again:
                where |= dict.fromkeys(range(day + 1, next_day))
    return where


def answers_on(history, today, window, threshold, first, where=None):
    """Return (before, migrant, after) of each crossing up to a day, as known on that day.

    Args:
        history: Day and whether it is an arrival (1, 0), in order.
        today: The last known day.
        window: Days looked at.
        threshold: Days that decide.
        first: Status before the first crossing.
        where: Where the person was; as the crossings until today say, if not given.
    """
    seen = [(day, arrival) for day, arrival in history if day <= today]
    where = where or places(seen, today)
    found, status = [], first
    for day, arrival in seen:
        known = [where[t] for t in range(day, min(day + window, today + 1))]
        own = sum(here == arrival for here in known)
        long = UNDECIDED
        if own >= threshold:
            long = YES
        elif sum(here == 1 - arrival for here in known) > window - threshold:
            long = NO
        resident_if_long = arrival
        same = UNDECIDED if status == UNDECIDED else int(status == resident_if_long)
        if same == YES or long == NO:
            migrant = NO
        elif same == NO and long == YES:
            migrant = YES
        else:
            migrant = UNDECIDED
        if YES in (same, long):
            after = resident_if_long
        elif same == NO and long == NO:
            after = 1 - resident_if_long
        else:
            after = UNDECIDED
        found.append((status, migrant, after))
        status = after
    return found


def slow_answers(history, as_of, rule, first=None, gaps="last"):
    """Return (before, migrant, after, decided) of each crossing; decided is None where open.

    A missing crossing is known only when the next one comes: where such gaps are unknown, days are
    taken as they are known at last.
    """
    window, threshold = rule
    first = 1 - history[0][1] if first is None else first
    where = places(history, as_of, gaps) if gaps == "unknown" else None
    decided = [None] * len(history)
    for today in range(history[0][0], as_of + 1):
        for i, (_, migrant, _) in enumerate(
            answers_on(history, today, window, threshold, first, where)
        ):
            if migrant == UNDECIDED:
                assert decided[i] is None, "an answer is never taken back"
            elif decided[i] is None:
                decided[i] = today
    last = answers_on(history, as_of, window, threshold, first, where)
    return [(*answer, day) for answer, day in zip(last, decided, strict=True)]
