"""The residence rule: whose crossing makes a resident, and whose ends it, as of a date."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numba import njit

from ravenstein.border.crossings import MINUTES_A_DAY, MOST_MINUTES, PERSON_SHIFT, days, persons
from ravenstein.core.errors import ParameterError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints

YES, NO, UNDECIDED = 1, 0, -1
OPPOSITE = -2  # a first status: the opposite of what the first crossing makes
NEVER = np.iinfo(np.int32).max  # a decision that is not known yet
ALWAYS = np.iinfo(np.int32).min  # since when a first status is known


@dataclass(frozen=True)
class ResidenceRule:
    """How long, of how long.

    Args:
        window: Days from the crossing on, that day included, that are looked at.
        threshold: Days that make a resident (present) or end it (absent).

    Notes:
        487 and 365 are 12 of 16 months: what the UN's usual residence for 12 months with short
        visits elsewhere is measured by. 365 and 365 are not one day away, another thing.

    Source:
        Stats NZ, Outcomes-based migration, 2018 (12/16-month rule); UN, Recommendations on
        Statistics of International Migration, Revision 1, 1998, paragraph 32.
    """

    window: int = 487
    threshold: int = 365

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= self.window:
            raise ParameterError(
                "A residence rule cannot be used.",
                expected="a threshold of 1 day or more, and a window at least as long",
                found=f"{self.threshold} of {self.window} days",
                where="residence rule",
                fix="Correct window or threshold.",
            )


@dataclass(frozen=True, eq=False)
class Answers:
    """What the rule says of each crossing, in the order of the sorted crossings [n] each.

    Args:
        migrant: Whether it makes or ends a resident: 1 yes, 0 no, −1 undecided.
        before: Whether the person was a resident before it.
        after: Whether the person is a resident after it.
        decided: Day on which `migrant` was decided, since 1970-01-01; NEVER while undecided.
    """

    migrant: NDArray[np.int8]
    before: NDArray[np.int8]
    after: NDArray[np.int8]
    decided: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Standing:
    """Where each person stands between two sweeps, so that the next need not begin anew.

    The crossings before a person's first open one are closed: every answer to them, by every rule,
    is known, and no crossing after the day of the sweep can change it.

    Args:
        closed: Number of the person's closed crossings [persons].
        status: By rule, the status before the first open crossing: 1 resident, 0 not, −1 not
            known, OPPOSITE of what that crossing makes [rules, persons].
        since: Day since which that status is known; ALWAYS for a first status [rules, persons].
        due: Day on which an answer is known even if nothing more is seen of the person; NEVER
            where all is known [persons].
    """

    closed: NDArray[np.int32]
    status: NDArray[np.int8]
    since: NDArray[np.int32]
    due: NDArray[np.int32]


def classify(
    keys: Ints,
    as_of: int,
    rule: ResidenceRule | None = None,
    first: Any = None,
    *,
    gaps: Literal["last", "unknown"] = "last",
) -> Answers:
    r"""Answer for each crossing whether it makes or ends a resident, as far as it is known.

    Args:
        keys: Crossings of `crossings.packed`, sorted [n].
        as_of: Last day whose crossings are all there, since 1970-01-01.
        rule: Window and threshold.
        first: Status of each person before the first crossing: 1 resident, 0 not, −1 not known
            [persons]; where not given, the opposite of what the first crossing makes.
        gaps: What the days between two crossings in a row in one direction are: those of the first
            one's direction, or unknown but for its own day, so that they count for neither side.

    Returns:
        The answers.

    Notes:
        A day belongs to the direction of its last crossing. From a crossing on day d on, yes is
        decided on the day on which the days in its direction reach the threshold T, no on the day
        on which the others exceed the window less the threshold: $W-T+1$. One of the two comes
        within $[d, d+W)$, and first, unless days are unknown: then perhaps neither ever. An
        arrival is a migrant's if it is yes and the person was no resident; the person is a
        resident after it if so before or if yes. Departures the reverse. Unknown statuses pass
        through these (Kleene's) and and or, dates too: an or is known to be true on the first day
        on which one side is, to be false when both are.

    Source:
        Stats NZ, Outcomes-based migration, 2018: the rule; early decisions follow from it.

    Raises:
        SourceError: If crossings are not sorted, or lie after the last day.
    """
    _refuse_unsorted(keys, as_of)
    standing = None
    if first is not None:
        known = np.asarray(first, dtype=np.int8)
        standing = first_standing(known, 1)

    def part(one: slice) -> Answers:
        return sweep(keys[one], as_of, [rule or ResidenceRule()], standing, gaps=gaps)[0][0]

    parts = _parts(keys, os.cpu_count() or 1) if keys.size else [slice(0, 0)]
    with ThreadPoolExecutor(len(parts)) as pool:
        found = list(pool.map(part, parts))
    names = ("migrant", "before", "after", "decided")
    return Answers(*(np.concatenate([getattr(a, name) for a in found]) for name in names))


def first_standing(first: NDArray[np.int8], rules: int) -> Standing:
    """Return where persons stand before anything is seen of them.

    Args:
        first: First status of each person: 1, 0, −1 or OPPOSITE [persons].
        rules: Number of rules.
    """
    size = first.size
    return Standing(
        np.zeros(size, np.int32),
        np.repeat(first[None], rules, axis=0),
        np.full((rules, size), ALWAYS, np.int32),
        np.full(size, NEVER, np.int32),
    )


def sweep(
    keys: Ints,
    as_of: int,
    rules: Sequence[ResidenceRule],
    standing: Standing | None = None,
    *,
    told: int = ALWAYS,
    gaps: Literal["last", "unknown"] = "last",
) -> tuple[list[Answers], NDArray[np.bool_]]:
    """Answer by several rules in one pass, and move on where each person stands.

    Args:
        keys: Sorted crossings up to `as_of`: of each person in them all that are not closed [n].
        as_of: Last day whose crossings are all there, since 1970-01-01.
        rules: The rules.
        standing: Where persons stand, by number of person; those in `keys` are brought forward to
            `as_of` in place. Where not given, first statuses are opposite and nothing is kept.
        told: Day of the sweep before.
        gaps: As of `classify`.

    Returns:
        Answers by rule, and which crossings have an answer that was not known on the day told [n].
    """
    n, many = keys.size, len(rules)
    kept = standing or first_standing(np.zeros(0, np.int8), many)
    marks = [np.empty((many, n), np.int8) for _ in range(3)]
    decided, changed = np.empty((many, n), np.int32), np.zeros(n, np.bool_)
    _swept(
        keys,
        (as_of, told, gaps == "unknown"),
        np.array([(rule.threshold, rule.window) for rule in rules], dtype=np.int64),
        (kept.closed, kept.status, kept.since, kept.due),
        (*marks, decided, changed),
    )
    return [Answers(*row) for row in zip(*marks, decided, strict=True)], changed


def _parts(keys: Ints, count: int) -> list[slice]:
    """Return crossings in parts, each of whole persons."""
    who = persons(keys[np.linspace(0, keys.size, count + 1)[1:-1].astype(np.int64)])
    cuts = [0, *np.searchsorted(keys, who << PERSON_SHIFT).tolist(), keys.size]
    return [slice(start, end) for start, end in pairwise(cuts) if start < end]


def _refuse_unsorted(keys: Ints, as_of: int) -> None:
    later = int((days(keys) > as_of).sum()) if keys.size else 0
    unsorted = int((np.diff(keys) < 0).sum())
    if later or unsorted:
        raise SourceError(
            "Crossings cannot be classified.",
            expected="sorted crossings up to the last day",
            found=f"{unsorted} out of order, {later} after it",
            where="crossings",
            fix="Sort them, and leave out those after the date asked for.",
        )


@njit(cache=True, nogil=True)
def day_of(key: int) -> int:
    """Return the day of a crossing (compiled: for kernels), since 1970-01-01."""
    return ((key >> 1) & (MOST_MINUTES - 1)) // MINUTES_A_DAY


@njit(cache=True, nogil=True)
def _swept(keys: Any, limits: Any, rules: Any, kept: Any, out: Any) -> None:
    """Answer for all persons, one after the other, by all rules."""
    closed, status, since, due = kept
    n, many, start, room = keys.size, rules.shape[0], 0, 1024
    day, held = np.empty(2 * room, np.int64), np.empty((2, 2 * room + 1), np.int64)
    known = np.empty((many, room + 1), np.int32)  # since when the status before each is known
    last = np.empty(many, np.int8)
    while start < n:
        person, end = keys[start] >> PERSON_SHIFT, start
        while end < n and keys[end] >> PERSON_SHIFT == person:
            end += 1
        rows = end - start
        if rows > room:
            room = 2 * rows
            day, held = np.empty(2 * room, np.int64), np.empty((2, 2 * room + 1), np.int64)
            known = np.empty((many, room + 1), np.int32)
        count = _segments(keys, (start, end), limits, day, held)
        settled, soonest = rows, NEVER
        for r in range(many):
            last[r], known[r, 0] = OPPOSITE, ALWAYS
            if closed.size:
                last[r], known[r, 0] = status[r, person], since[r, person]
            if last[r] == OPPOSITE:
                last[r] = 1 - (keys[start] & 1)
            segments = (day, held, count)
            last[r], one, soon = _person(
                keys, (start, end, last[r], known, r), limits, rules, segments, out,
            )  # fmt: skip
            settled, soonest = min(settled, one), min(soonest, soon)
        # a day's crossings stay together, so that all are told when one of them changes
        while 0 < settled < rows and day_of(keys[start + settled]) == day_of(
            keys[start + settled - 1]
        ):
            settled -= 1
        if closed.size:
            closed[person] += settled
            due[person] = soonest
            for r in range(many if settled else 0):
                status[r, person] = last[r] if settled == rows else out[1][r, start + settled]
                since[r, person] = known[r, settled]
        start = end


@njit(cache=True, nogil=True)
def _segments(keys: Any, span: Any, limits: Any, day: Any, held: Any) -> int:
    """Write a person's segments: their first days, and the days absent and present before them.

    A segment reaches to the next day with a crossing, the last to the last known day; one whose
    days are unknown follows the day of a crossing after which another is missing.
    """
    as_of, _, unknown = limits
    start, end = span
    absent = present = count = 0
    following, i = day_of(keys[start]), start
    while i < end:
        here = following
        side, following = keys[i] & 1, as_of + 1
        i += 1
        missing = False
        while i < end:
            d = day_of(keys[i])
            if d != here:
                following, missing = d, unknown and keys[i] & 1 == side
                break
            side = keys[i] & 1  # the last crossing of the day counts
            i += 1
        stop = here + 1 if missing else following
        day[count], held[0, count], held[1, count] = here, absent, present
        count += 1
        if side == 1:
            present += stop - here
        else:
            absent += stop - here
        if missing and following > stop:
            day[count], held[0, count], held[1, count] = stop, absent, present
            count += 1
    held[0, count], held[1, count] = absent, present
    return count


@njit(cache=True, nogil=True)
def _person(keys: Any, span: Any, limits: Any, rules: Any, segments: Any, out: Any) -> Any:
    """Answer for the crossings of one person by one rule (a row of `out`: to cut it costs a fifth).

    Returns:
        The status after the last; how many crossings come before the first with an open answer;
        the day on which the first open one is decided if nothing more is seen.
    """
    start, end, status, known, r = span
    as_of, told, _ = limits
    threshold, window = rules[r, 0], rules[r, 1]
    day, held, count = segments
    migrant, before, after, decided, changed = out
    k = settled = left = right = 0
    soonest, closed = NEVER, True
    for i in range(start, end):
        d, side = day_of(keys[i]), keys[i] & 1
        while day[k] != d:
            k += 1
        # later crossings of a direction are decided in a later segment: searches only move on
        j = max(k, right if side == 1 else left)
        enough, least = held[side, k] + threshold, held[1 - side, k] + window - threshold + 1
        while j < count and held[side, j + 1] < enough and held[1 - side, j + 1] < least:
            j += 1
        if side == 1:
            right = j
        else:
            left = j
        long, when = UNDECIDED, NEVER
        if j < count:
            # the segment is of that side, from its first day on
            yes = held[side, j + 1] >= enough
            when = day[j] + (enough - held[side, j] if yes else least - held[1 - side, j]) - 1
            if when < d + window:
                long = YES if yes else NO
            else:
                when = NEVER  # too late, where days are unknown
        same = status if side == 1 else _opposite(status)
        since = known[r, i - start]
        no_migrant, seen = _either(same, since, _opposite(long), when)
        kept, then = _either(same, since, long, when)
        migrant[r, i], before[r, i] = _opposite(no_migrant), status
        decided[r, i] = NEVER if no_migrant == UNDECIDED else max(seen, d)
        status = kept if side == 1 else _opposite(kept)
        after[r, i], known[r, i - start + 1] = status, then
        changed[i] |= told < decided[r, i] < NEVER or told < then < NEVER or told < since < NEVER
        if min(before[r, i], no_migrant, kept) == UNDECIDED:
            closed = False
            if j == count:
                staying = keys[end - 1] & 1 == side
                short = enough - held[side, j] if staying else least - held[1 - side, j]
                soonest = min(soonest, as_of + short)
        settled += closed
    return status, settled, soonest


@njit(cache=True, nogil=True)
def _either(one: int, since: int, other: int, when: int) -> Any:
    """Return one or the other, three-valued, and the day since which that is known."""
    if one == YES or other == YES:  # noqa: PLR1714  (compiled)
        return YES, min(since if one == YES else NEVER, when if other == YES else NEVER)
    if one == NO and other == NO:
        return NO, max(since, when)
    return UNDECIDED, NEVER


@njit(cache=True, nogil=True)
def _opposite(value: int) -> int:
    return UNDECIDED if value == UNDECIDED else 1 - value
