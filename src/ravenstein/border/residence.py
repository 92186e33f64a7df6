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
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints

YES, NO, UNDECIDED = 1, 0, -1
NEVER = np.iinfo(np.int32).max  # a decision that is not known yet


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
    chosen, n = rule or ResidenceRule(), keys.size
    _refuse_unsorted(keys, as_of)
    made = Answers(
        np.empty(n, np.int8), np.empty(n, np.int8), np.empty(n, np.int8), np.empty(n, np.int32)
    )
    known = np.full(0, UNDECIDED, np.int8) if first is None else np.asarray(first, dtype=np.int8)
    limits = (as_of, chosen.threshold, chosen.window, int(gaps == "unknown"))
    out = (made.migrant, made.before, made.after, made.decided)
    parts = _parts(keys, os.cpu_count() or 1) if n else []
    with ThreadPoolExecutor(max(len(parts), 1)) as pool:
        list(pool.map(lambda p: _swept(keys[p], limits, known, tuple(a[p] for a in out)), parts))
    return made


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
def _day(key: int) -> int:
    return ((key >> 1) & (MOST_MINUTES - 1)) // MINUTES_A_DAY


@njit(cache=True, nogil=True)
def _swept(keys: Any, limits: Any, first: Any, out: Any) -> None:
    """Answer for all persons, one after the other."""
    n, start, room = keys.size, 0, 2048
    segments = (np.empty(room, np.int64), np.empty((2, room + 1), np.int64))
    while start < n:
        person, end = keys[start] >> PERSON_SHIFT, start
        while end < n and keys[end] >> PERSON_SHIFT == person:
            end += 1
        if 2 * (end - start) > room:
            room = 4 * (end - start)
            segments = (np.empty(room, np.int64), np.empty((2, room + 1), np.int64))
        count = _segments(keys, (start, end), limits, segments)
        opens = first[person] if first.size else 1 - (keys[start] & 1)
        _person(keys, (start, end, opens), limits, segments, count, out)
        start = end


@njit(cache=True, nogil=True)
def _segments(keys: Any, span: Any, limits: Any, segments: Any) -> int:
    """Write a person's segments: their first days, and the days absent and present before them.

    A segment reaches to the next day with a crossing, the last to the last known day; one whose
    days are unknown follows the day of a crossing after which another is missing.
    """
    day, held = segments
    held[0, 0] = held[1, 0] = 0
    count, i = 0, span[0]
    while i < span[1]:
        here = _day(keys[i])
        side, following = keys[i] & 1, limits[0] + 1
        i += 1
        missing = False
        while i < span[1]:
            d = _day(keys[i])
            if d != here:
                following, missing = d, limits[3] == 1 and keys[i] & 1 == side
                break
            side = keys[i] & 1  # the last crossing of the day counts
            i += 1
        stop = here + 1 if missing else following
        day[count] = here
        held[:, count + 1] = held[:, count]
        held[side, count + 1] += stop - here
        count += 1
        if missing and following > stop:
            day[count] = stop
            held[:, count + 1] = held[:, count]
            count += 1
    return count


@njit(cache=True, nogil=True)
def _reached(start: Any, want: int, segments: Any, count: int) -> Any:
    """Return the day on which days of a side reach a number, and the segment it lies in.

    Args:
        start: Segment from which days are counted, their side, and a segment that is not past the
            day looked for: later starts reach it later, so that searches only move on.
        want: The number.
        segments: As of `_segments`.
        count: Number of segments.
    """
    day, held = segments
    k, side, j = start
    j = max(j, k)
    while j < count:
        if held[side, j + 1] - held[side, k] >= want:
            # the segment is of that side, from its first day on
            return day[j] + want - (held[side, j] - held[side, k]) - 1, j
        j += 1
    return NEVER, j


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


@njit(cache=True, nogil=True)
def _person(keys: Any, span: Any, limits: Any, segments: Any, count: int, out: Any) -> None:
    """Answer for the crossings of one person."""
    migrant, before, after, decided = out
    _, threshold, window, _ = limits
    start, end, status = span
    since, k = -NEVER, 0  # the day since which the status is known; the crossing's segment
    at = np.zeros(4, np.int64)
    for i in range(start, end):
        d = _day(keys[i])
        while segments[0][k] != d:
            k += 1
        side = keys[i] & 1
        own, at[side] = _reached((k, side, at[side]), threshold, segments, count)
        other = window - threshold + 1
        away, at[2 + side] = _reached((k, 1 - side, at[2 + side]), other, segments, count)
        when = min(own, away)
        when = when if when < d + window else NEVER  # too late, where days are unknown
        long = UNDECIDED if when == NEVER else (YES if own < away else NO)
        before[i] = status
        same = status if side == 1 else _opposite(status)
        no_migrant, known = _either(same, since, _opposite(long), when)
        migrant[i] = _opposite(no_migrant)
        decided[i] = NEVER if no_migrant == UNDECIDED else max(known, d)
        kept, since = _either(same, since, long, when)
        status = kept if side == 1 else _opposite(kept)
        after[i] = status
