"""A delivery of crossings: into histories, answered, and what it changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numba import njit

from ravenstein.border.crossings import PERSON_SHIFT
from ravenstein.border.histories import begin_anew, joined, open_crossings
from ravenstein.border.residence import (
    ALWAYS,
    OPPOSITE,
    UNDECIDED,
    Answers,
    ResidenceRule,
    day_of,
    first_standing,
    sweep,
)
from ravenstein.border.sequences import IMPUTED, MARKS, marks, mended
from ravenstein.core.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints
    from ravenstein.border.histories import Histories, Joined


@dataclass(frozen=True)
class Treatment:
    """How crossings are answered.

    Args:
        rules: Residence rules, the first one the main one.
        gaps: Between two crossings in a row in one direction: the days are those of the first
            ("last"), unknown ("unknown"), or the missing crossing is put in the middle ("middle")
            or the median after the first ("median").
        median: Median days of an absence and of a stay.
        first: Status before a person's first crossing: OPPOSITE of what that makes, or UNDECIDED.
    """

    rules: tuple[ResidenceRule, ...] = (ResidenceRule(),)
    gaps: Literal["last", "unknown", "middle", "median"] = "last"
    median: tuple[int, int] = (0, 0)
    first: int = OPPOSITE

    def __post_init__(self) -> None:
        if not self.rules or len(set(self.rules)) < len(self.rules):
            raise ParameterError(
                "Residence rules cannot be used side by side.",
                expected="one or more, each another",
                found=f"{len(self.rules)} rules, {len(set(self.rules))} different",
                where="residence rules",
                fix="Name each pair of window and threshold once.",
            )


@dataclass(frozen=True, eq=False)
class Told:
    """What a delivery has to tell.

    Args:
        histories: The histories with it, brought forward.
        keys: Crossings that are new or whose answers changed, with all others of that person and
            day, and imputed ones, sorted [n].
        answers: Answers to them, by rule.
        marks: What is not as a whole sequence has it, bits of `sequences` [n].
        counts: Crossings by rule, month since 1970-01, direction (departure, arrival) and answer
            (undecided, no, yes), as a change of what was told before [rules, months, 2, 3].
        by_mark: New crossings by their mark, and imputed ones [64].
        repeated: Crossings that were there already, as `crossings.packed` [r].
        touched: Persons in the delivery with a crossing that was not there.
        late: Persons with one of a day that was told before.
        passed: Persons without one, of whom something was decided by the passing of time.
        differing: Known persons of whom a register says otherwise than the histories hold.
    """

    histories: Histories
    keys: Ints
    answers: list[Answers]
    marks: NDArray[np.uint8]
    counts: Ints
    by_mark: Ints
    repeated: Ints
    touched: int
    late: int
    passed: int
    differing: int = 0


def brought_forward(
    base: Histories,
    delivery: tuple[NDArray[np.int32], NDArray[np.int32]],
    new_first: NDArray[np.int8],
    dates: tuple[int, int],
    how: Treatment,
) -> Told:
    """Bring histories forward to a day, with a delivery of crossings.

    Args:
        base: The histories as told before.
        delivery: Number of each row's person, and minute and direction [m] each.
        new_first: First status of the persons that `base` does not know.
        dates: The day, and the day told before (ALWAYS if none was), since 1970-01-01.
        how: The treatment.

    Returns:
        What is new. Only persons in the delivery and those with a decision due are looked at, each
        from the first crossing that has an open answer; from the first of all where a crossing is
        of a day told before, or makes known that one was missing.
    """
    as_of, told = dates
    found = joined(base, *delivery, new_first, told)
    histories, again = found.histories, told != ALWAYS
    due = (histories.standing.due <= as_of) & ~found.touched
    chosen = found.touched | due
    anew = _anew(found, chosen, how)
    if again:
        begin_anew(histories, anew)
    keys, places = open_crossings(histories, chosen)
    closed = _before(histories.starts, histories.crossings, keys, places) if again else None
    marked = marks(keys, closed)
    new = found.new[places] if again else found.new
    by_mark = _by_mark(marked, new)
    if how.gaps in ("middle", "median"):
        keys, marked, new = _mended(keys, marked, new, how)
        by_mark[IMPUTED] = int((marked == IMPUTED).sum())
    answers, changed = sweep(
        keys, as_of, how.rules, histories.standing, told=told, gaps=_days_between(how)
    )
    whole = _of(keys, anew) if again else np.zeros(0, np.bool_)
    counts = np.stack([_counted(keys, a, (new, whole, marked), dates) for a in answers])
    if again:
        if anew.any():
            counts -= _told_before(base, anew[: base.first.size], dates, how)
        shown = np.flatnonzero(_with_day(keys, new | changed | whole))
        keys, marked = keys[shown], marked[shown]
        answers = [Answers(*(part[shown] for part in vars(a).values())) for a in answers]
    return Told(
        histories,
        keys,
        answers,
        marked,
        counts,
        by_mark,
        found.repeated,
        int(found.touched.sum()),
        int(found.late.sum()),
        int(due.sum()),
    )


def _anew(found: Joined, chosen: NDArray[np.bool_], how: Treatment) -> NDArray[np.bool_]:
    """Return whose histories are answered from the first crossing on [persons]."""
    if how.gaps == "last":
        return found.late
    # what is imputed, and days that turn out to be unknown, lie in the past
    return found.touched if how.gaps == "unknown" else chosen


@njit(cache=True, nogil=True)
def _by_mark(marked: Any, new: Any) -> Any:
    """Count new crossings by their mark [64]."""
    counts = np.zeros(MARKS, np.int64)
    for i in range(marked.size):
        counts[marked[i]] += new[i]
    return counts


def _days_between(how: Treatment) -> Literal["last", "unknown"]:
    return "unknown" if how.gaps == "unknown" else "last"


def _mended(
    keys: Ints, marked: NDArray[np.uint8], new: NDArray[np.bool_], how: Treatment
) -> tuple[Ints, NDArray[np.uint8], NDArray[np.bool_]]:
    """Return crossings with imputed ones, and marks and news of all."""
    whole = mended(keys, "median" if how.gaps == "median" else "middle", how.median)
    every, news = np.full(whole.keys.size, IMPUTED, np.uint8), np.zeros(whole.keys.size, np.bool_)
    every[~whole.imputed], news[~whole.imputed] = marked, new
    return whole.keys, every, news


@njit(cache=True, nogil=True)
def _before(starts: Any, crossings: Any, keys: Any, places: Any) -> Any:
    """Return the closed crossing before each person's first one in `keys`, else 0 [n]."""
    found, last = np.zeros(keys.size, np.int64), -1
    for i in range(keys.size):
        who = keys[i] >> PERSON_SHIFT
        if who != last and places[i] > starts[who]:
            found[i] = (who << PERSON_SHIFT) | np.int64(crossings[places[i] - 1])
        last = who
    return found


def _counted(
    keys: Ints,
    answers: Answers,
    which: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.uint8]],
    dates: tuple[int, int],
) -> Ints:
    """Count crossings by month, direction and answer [months, 2, 3], less what was told of them.

    Args:
        keys: Crossings.
        answers: Answers to them.
        which: Those that are new, and those of persons answered anew: nothing of them is known
            here; the answer told of others was the same, if it was decided then; and marks, as
            imputed crossings are not counted [n] each.
        dates: Day, and day told before.
    """
    months = _months(dates[0])
    counts = np.zeros((int(months[-1]) + 1, 2, 3), np.int64)
    _count(keys, (answers.migrant, answers.decided), which, (dates[1], months), counts)
    return counts


@lru_cache(maxsize=4)
def _months(as_of: int) -> Ints:
    """Return the month of each day since 1970-01-01."""
    return np.arange(as_of + 1).astype("M8[D]").astype("M8[M]").astype(np.int64)


@njit(cache=True, nogil=True)
def _count(keys: Any, answers: Any, which: Any, told: Any, counts: Any) -> None:
    (migrant, decided), (new, whole, marked), (before, months) = answers, which, told
    for i in range(keys.size):
        if marked[i] == IMPUTED:
            continue
        month = months[day_of(keys[i])]
        side = keys[i] & 1
        counts[month, side, migrant[i] - UNDECIDED] += 1
        if whole.size and not new[i] and not whole[i]:
            earlier = UNDECIDED if decided[i] > before else migrant[i]
            counts[month, side, earlier - UNDECIDED] -= 1


@njit(cache=True, nogil=True)
def _with_day(keys: Any, shown: Any) -> Any:
    """Return which crossings are shown, or of a person and day of which one is [n]."""
    found, start = np.zeros(keys.size, np.bool_), 0
    while start < keys.size:
        end, any_shown = start, False
        who, day = keys[start] >> PERSON_SHIFT, day_of(keys[start])
        while end < keys.size and keys[end] >> PERSON_SHIFT == who and day_of(keys[end]) == day:
            any_shown |= shown[end]
            end += 1
        found[start:end] = any_shown
        start = end
    return found


@njit(cache=True, nogil=True)
def _of(keys: Any, chosen: Any) -> Any:
    """Return whether each crossing is of a person chosen [n]."""
    found = np.empty(keys.size, np.bool_)
    for i in range(keys.size):
        found[i] = chosen[keys[i] >> PERSON_SHIFT]
    return found


def _told_before(
    base: Histories, anew: NDArray[np.bool_], dates: tuple[int, int], how: Treatment
) -> Ints:
    """Count what was told of persons that are answered anew [rules, months, 2, 3]."""
    _, told = dates
    begin = first_standing(base.first, len(how.rules))
    keys, _ = open_crossings(replace(base, standing=begin), anew)
    marked = np.zeros(keys.size, np.uint8)
    if how.gaps in ("middle", "median"):
        keys, marked, _ = _mended(keys, marked, marked > 0, how)
    answers, _ = sweep(keys, told, how.rules, begin, gaps=_days_between(how))
    all_new = (np.ones(keys.size, np.bool_), np.zeros(0, np.bool_), marked)
    return np.stack([_counted(keys, a, all_new, dates) for a in answers])
