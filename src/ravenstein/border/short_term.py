"""Short-term migrants: stays of 1 or 3 to 12 calendar months, as far as is known on a date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ravenstein.border.crossings import arrivals
from ravenstein.border.residence import NO, UNDECIDED, YES
from ravenstein.border.stays import UNSEEN, refuse_others
from ravenstein.core.errors import SourceError
from ravenstein.tables.survey_results import SHORT_TERM_DEFINITIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints
    from ravenstein.border.stays import Stays

DEFINITIONS = tuple(SHORT_TERM_DEFINITIONS.labels)
WORK, STUDY, OTHER, UNKNOWN = 0, 1, 2, -1  # purposes of a stay
_LOWER, _UPPER = (1, 3, 3), 12  # months, by definition
_FOR_WORK_OR_STUDY = (False, False, True)


@dataclass(frozen=True, eq=False)
class ShortTerm:
    """Which stays are short-term migrants', by definition, in the order of the stays.

    Args:
        answers: 1 yes, 0 no, −1 undecided [definitions, m].
        past: Whether an open stay has reached the definition's lower limit: it will be long
            enough whenever it ends, and may become too long [definitions, m].
        unmatched: Whether the stay's arrival or departure is missing: what is undecided of it
            stays so for ever [m].
    """

    answers: NDArray[np.int8]
    past: NDArray[np.bool_]
    unmatched: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Counts:
    """Stays by definition and by the month or year in which they began.

    Args:
        period: Months or years from first to last; then NaT, for stays whose arrival is missing
            [t].
        yes: Short-term migrants' stays [definitions, t].
        no: Others [definitions, t].
        undecided: Stays of which later crossings will decide [definitions, t].
        past: Of the undecided, those that have reached the lower limit [definitions, t].
        unmatched: Stays of which nothing will [definitions, t].
    """

    period: NDArray[np.datetime64]
    yes: Ints
    no: Ints
    undecided: Ints
    past: Ints
    unmatched: Ints


def anniversary(day: Any, months: int) -> Ints:
    """Return the day that lies a number of calendar months after a day.

    Args:
        day: Days since 1970-01-01 [n].
        months: Number of months.

    Notes:
        It has the same number in its month; where the month is too short, it is its last day.

    >>> day = np.array(["2023-01-31", "2024-02-29"], "datetime64[D]").astype(int)
    >>> anniversary(day, 1).astype("datetime64[D]").astype(str).tolist()
    ['2023-02-28', '2024-03-29']
    >>> anniversary(day, 12).astype("datetime64[D]").astype(str).tolist()
    ['2024-01-31', '2025-02-28']
    """
    days = np.asarray(day, dtype=np.int64)
    month = days.astype("datetime64[D]").astype("datetime64[M]")
    same = _first_day(month + months) + days - _first_day(month)
    last = _first_day(month + months + 1) - 1
    return np.asarray(np.minimum(same, last))


def _first_day(month: NDArray[np.datetime64]) -> Ints:
    return month.astype("datetime64[D]").astype(np.int64)


def before_arrival(found: Stays, keys: Ints, before: Any) -> NDArray[np.int8]:
    """Return whether persons were residents before the arrivals that began their stays.

    Args:
        found: Stays in the country, all that the crossings make [m].
        keys: Crossings, sorted [n].
        before: Status of the person before each crossing, as `residence.classify` has it: 1
            resident, 0 not, −1 undecided [n].

    Returns:
        The status [m]. Where the arrival is missing it is the one before the departure: who
        leaves as a resident ends no short-term migration.

    Raises:
        SourceError: If the stays are not those of the crossings.
    """
    status, inward = np.asarray(before, dtype=np.int8), arrivals(keys)
    begun, ended = found.begins != UNSEEN, found.ends != UNSEEN
    if (begun.sum(), ended.sum()) != (inward.sum(), (~inward).sum()):
        raise SourceError(
            "Stays and crossings do not belong together.",
            expected=f"{inward.sum()} stays with an arrival, {(~inward).sum()} with a departure",
            found=f"{begun.sum()} and {ended.sum()}",
            where="stays",
            fix="Give all stays in the country of these crossings, and no absences.",
        )
    # arrivals begin stays in the order of both, departures end them
    made = np.full(begun.size, UNDECIDED, dtype=np.int8)
    made[ended] = status[~inward]
    made[begun] = status[inward]
    return made


def short_term(found: Stays, as_of: int, *, resident: Any = None, purpose: Any = None) -> ShortTerm:
    """Answer for each stay whether it is a short-term migrant's, as far as it is known.

    Args:
        found: Stays in the country [m].
        as_of: Last day whose crossings are all there, since 1970-01-01.
        resident: Whether the person was a resident before the arrival: 1, 0, −1 undecided [m];
            where not given, nobody was.
        purpose: Purpose of the stay: WORK, STUDY, OTHER or UNKNOWN [m]; where not given, it is
            unknown.

    Returns:
        The answers.

    Notes:
        A stay of k months has reached the k-th calendar month's anniversary of its arrival; yes
        are those that have reached 1 or 3 months and not 12, of persons who were no residents,
        by the UN's definition for work or study. A departed stay is decided. One that is open at
        the end of the day $a$ ends on $a+1$ at the earliest: it is no's when that is 12 months
        after the arrival, undecided before. A no of length, status or purpose decides without
        the others (Kleene's and). Where the arrival or the departure is missing the length is
        undecided for ever. Interviews measure lengths in nights, 30, 91 and 365.

        With the status after the arrival in place of the one before, those are left out too whom
        the residence rule makes residents by a stay of less than 12 months: no person is then
        counted as a long-term and a short-term migrant for one arrival.

    Source:
        ONS, Short-Term International Migration: methodology, the three definitions; UN,
        Recommendations on Statistics of International Migration, Revision 1, 1998, paragraph 37.

    Raises:
        SourceError: If there are absences among the stays, days after the last, or codes that are
            none.
    """
    refuse_others(found, as_of)
    was = _coded(resident, NO, (YES, NO, UNDECIDED), found)
    why = _coded(purpose, UNKNOWN, (WORK, STUDY, OTHER, UNKNOWN), found)
    reason = np.where(why == UNKNOWN, UNDECIDED, np.where(why == OTHER, NO, YES))
    foreign = np.where(was == UNDECIDED, UNDECIDED, 1 - was)
    unmatched = (found.begins == UNSEEN) | ((found.ends == UNSEEN) & ~found.open)
    goes_on = found.open & ~unmatched
    # the day of the departure; the earliest it can be
    earliest = np.where(goes_on, as_of + 1, found.ends)
    over = earliest >= anniversary(found.begins, _UPPER)
    answers = np.empty((len(DEFINITIONS), was.size), dtype=np.int8)
    past = np.empty(answers.shape, dtype=np.bool_)
    for i, (lower, asked) in enumerate(zip(_LOWER, _FOR_WORK_OR_STUDY, strict=True)):
        reached = earliest >= anniversary(found.begins, lower)
        closed = np.where(reached & ~over, YES, NO)
        length = np.where(goes_on & ~over, UNDECIDED, closed)
        length = np.where(unmatched, UNDECIDED, length)
        answers[i] = _all(length, foreign, *([reason] if asked else []))
        past[i] = reached & goes_on
    return ShortTerm(answers, past, unmatched)


def _all(*parts: NDArray[Any]) -> NDArray[Any]:
    """Return whether all hold: no where one does not, else undecided where one is."""
    no = np.any([part == NO for part in parts], axis=0)
    yes = np.all([part == YES for part in parts], axis=0)
    return np.where(no, NO, np.where(yes, YES, UNDECIDED))


def _coded(given: Any, missing: int, known: tuple[int, ...], found: Stays) -> NDArray[np.int64]:
    """Return codes of the stays, one each."""
    m = found.begins.size
    codes = np.full(m, missing) if given is None else np.asarray(given, dtype=np.int64)
    strange = int((~np.isin(codes, known)).sum())
    if codes.shape != (m,) or strange:
        raise SourceError(
            "Statuses or purposes of stays cannot be used.",
            expected=f"one of {', '.join(map(str, known))} for each of {m} stays",
            found=f"{codes.size} codes, {strange} of them others",
            where="short-term migrants",
            fix="Give each stay a code that is known, -1 where it is unknown.",
        )
    return codes


def counts(found: Stays, answered: ShortTerm, period: Literal["month", "year"] = "month") -> Counts:
    """Count stays by definition, answer and the month or year in which they began.

    Args:
        found: Stays in the country [m].
        answered: Their answers, of `short_term`.
        period: By what.

    Returns:
        Counts; for each definition yes, no, undecided and unmatched add up to the stays. A no is a
        no though a crossing be missing.
    """
    unit = "datetime64[M]" if period == "month" else "datetime64[Y]"
    begun = found.begins != UNSEEN
    # at least 1970, so that places are from 0 on
    number = found.begins.astype("datetime64[D]").astype(unit).astype(np.int64)
    first = int(number[begun].min()) if begun.any() else 0
    size = int(number[begun].max()) - first + 2 if begun.any() else 1
    place = np.where(begun, number - first, size - 1)
    labels = np.append(np.arange(first, first + size - 1), np.iinfo(np.int64).min)
    open_ = answered.answers == UNDECIDED
    chosen = (
        answered.answers == YES,
        answered.answers == NO,
        open_ & ~answered.unmatched,
        open_ & answered.past,
        open_ & answered.unmatched,
    )
    held = [np.array([np.bincount(place[row], minlength=size) for row in c]) for c in chosen]
    return Counts(labels.astype(unit), *held)
