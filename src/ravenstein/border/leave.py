"""Leave to remain: under which leave a stay began, and whether it ended in time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.border.crossings import MOST_PERSONS
from ravenstein.border.stays import UNSEEN, refuse_others
from ravenstein.core.errors import SourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints
    from ravenstein.border.stays import Stays

NONE = -1  # no leave
_DAY_BITS = 17
INDEFINITE = (1 << _DAY_BITS) - 1  # last day of leave without an end


class Outcome(IntEnum):
    """What became of a stay: as of a date, and the crossings and leave known then."""

    NO_LEAVE = 0  # no leave on the day of arrival: citizens, residents, visitors without visa
    IN_TIME = 1  # departed while the leave of the arrival was in force
    LATE = 2  # departed after all leave had expired
    IN_FORCE = 3  # still here, under the leave of the arrival
    EXTENDED = 4  # departed, or still here, under leave that followed without a day between
    REGRANTED = 5  # departed, or still here, under leave that followed after days without
    OVERSTAYED = 6  # all leave expired, nothing seen of the person since
    UNMATCHED = 7  # an arrival or a departure is missing


@dataclass(frozen=True, eq=False)
class Leave:
    """Periods of leave, in order of person, first day, last day and record.

    Args:
        person: Person, numbered as in the crossings [n].
        begins: First day, since 1970-01-01 [n].
        ends: Last day, itself one of the leave; INDEFINITE without an end [n].
        purpose: Code of what it was given for [n].
        record: Row in which it was given [n].
    """

    person: Ints
    begins: Ints
    ends: Ints
    purpose: Ints
    record: Ints


@dataclass(frozen=True, eq=False)
class Use:
    """What was seen of each period of leave [n] each.

    Args:
        first_arrival: Day of the first arrival on a day of the leave; UNSEEN where none.
        last_departure: Day of the last departure on a day of the leave, or later if it ends a
            stay begun on one; UNSEEN where none.
    """

    first_arrival: Ints
    last_departure: Ints


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of each stay [m] each.

    Args:
        leave: Row in the periods of the leave under which it began; NONE where none was.
        outcome: Its `Outcome`.
        late: Days from the last day of leave to the departure, or to the date if overstayed; else
            0.
    """

    leave: Ints
    outcome: NDArray[np.int8]
    late: Ints


@dataclass(frozen=True, eq=False)
class Counts:
    """Stays by group and outcome.

    Args:
        group: Groups, in order [g].
        stays: Stays, by group and `Outcome` [g, outcomes].
    """

    group: Ints
    stays: Ints


def leave_periods(person: Any, begins: Any, ends: Any, purpose: Any) -> Leave:
    """Return periods of leave in order.

    Args:
        person: Person, numbered as in the crossings [n].
        begins: First day, since 1970-01-01 [n].
        ends: Last day, itself one of the leave [n].
        purpose: Code of what it was given for [n].

    Notes:
        Leave that goes on while an application is decided (section 3C of the Act) must be among
        the periods, else its holder is an overstayer.

    Source:
        Immigration Act 1971, sections 3 and 3C.

    Raises:
        SourceError: If a period ends before it begins, or lies outside what can be held.
    """
    given = (person, begins, ends, purpose)
    who, first, last, what = (np.asarray(part, dtype=np.int64) for part in given)
    reversed_ = int((last < first).sum())
    outside = int(((who < 0) | (who >= MOST_PERSONS) | (first < 0) | (last > INDEFINITE)).sum())
    if reversed_ or outside:
        raise SourceError(
            "Periods of leave cannot be used.",
            expected=f"days from 1970 on and up to {INDEFINITE} (without an end)",
            found=f"{reversed_} that end before they begin, {outside} outside",
            where="leave",
            fix="Correct their days, or leave them out.",
        )
    order = np.lexsort((last, first, who))  # stable: records alike stay in their order
    return Leave(who[order], first[order], last[order], what[order], order)


def _key(person: Ints, day: Ints) -> Ints:
    return (person << _DAY_BITS) | day


def _begun(leave: Leave, person: Any, day: Any) -> Ints:
    """Return the row of the person's last period that has begun by a day; NONE where none has."""
    row = np.searchsorted(_key(leave.person, leave.begins), _key(person, day), side="right") - 1
    return np.where(np.append(leave.person, NONE)[row] == person, row, NONE)


def _reaching(leave: Leave) -> tuple[Ints, Ints]:
    """Return of the person's periods up to each the one that ends last, and where its chain ends.

    Returns:
        Row of the period: of several with one end the one that begins last, of those alike the
        first [n]. Last day of the chain that the period itself belongs to: periods that overlap,
        or follow each other without a day between [n].
    """
    rows = np.arange(leave.person.size)
    key = _key(leave.person, leave.ends)
    most = np.maximum.accumulate(key)  # persons ascend, so it begins anew with each
    same = leave.person[1:] == leave.person[:-1]
    fresh = np.append(True, ~same | (leave.begins[1:] != leave.begins[:-1]) | (key[1:] != key[:-1]))
    alike = np.maximum.accumulate(np.where(fresh[: rows.size], rows, 0))
    best = alike[np.maximum.accumulate(np.where(key == most, rows, 0))]
    reached = leave.ends[best]
    apart = np.append(True, ~same | (leave.begins[1:] > reached[:-1] + 1))[: rows.size]
    last = np.append(np.flatnonzero(apart)[1:], rows.size) - 1
    return best, reached[last[np.cumsum(apart) - 1]] if rows.size else reached


def in_force(leave: Leave, person: Any, day: Any) -> Ints:
    """Return the leave that a person has on a day.

    Args:
        leave: Periods of leave [n].
        person: Persons [m].
        day: Days, since 1970-01-01; UNSEEN where unknown [m].

    Returns:
        Row in the periods; NONE where none holds, or the day is unknown. Of several it is the one
        that ends last, then the one that begins last, then the first record [m].
    """
    who, when = (np.asarray(part, dtype=np.int64) for part in (person, day))
    known = np.maximum(when, 0)
    begun = _begun(leave, who, known)
    row = np.append(_reaching(leave)[0], NONE)[begun]
    holds = (begun != NONE) & (np.append(leave.ends, NONE)[row] >= known) & (when != UNSEEN)
    return np.where(holds, row, NONE)


def used(leave: Leave, found: Stays) -> Use:
    """Return the first arrival and the last departure within each period of leave.

    Args:
        leave: Periods of leave [n].
        found: Stays in the country, in order [m].

    Notes:
        A departure after the last day counts only if it ends a stay that began on a day of the
        leave: a late one, or one under later leave. A departure on a day of the leave counts
        whenever the stay began, and if its arrival is missing too.

    Raises:
        SourceError: If there are absences among the stays, or they are out of order.
    """
    refuse_others(found, INDEFINITE)
    start, end = _key(leave.person, leave.begins), _key(leave.person, leave.ends)
    arrived = found.begins != UNSEEN
    begun = _key(found.person[arrived], found.begins[arrived])
    low, high = np.searchsorted(begun, start), np.searchsorted(begun, end, side="right")
    any_ = high > low
    first = np.append(found.begins[arrived], UNSEEN)[np.where(any_, low, -1)]
    own = np.append(found.ends[arrived], UNSEEN)[np.where(any_, high - 1, -1)]
    departed = found.ends != UNSEEN
    ended = _key(found.person[departed], found.ends[departed])
    low, high = np.searchsorted(ended, start), np.searchsorted(ended, end, side="right")
    within = np.append(found.ends[departed], UNSEEN)[np.where(high > low, high - 1, -1)]
    return Use(first, np.maximum(own, within))


def outcomes(leave: Leave, found: Stays, as_of: int) -> Outcomes:
    r"""Answer for each stay whether it ended, or goes on, within leave.

    Args:
        leave: Periods of leave [n].
        found: Stays in the country, in order [m].
        as_of: Last day whose crossings are all there, since 1970-01-01.

    Returns:
        The outcomes.

    Notes:
        A stay is under the leave in force on the day of its arrival, L, until the day e: that of
        the departure, or the date if it is open. If L lasts to e it ended in time, or L is in
        force. Else it was extended if the chain of L does: periods of the person that overlap or
        follow without a day between; and regranted if another period does that has begun by e.
        Else all leave has expired, on the last day l of the periods that have begun by e, and the
        stay is $e-l$ days late, or overstayed.

        Overstayed is only said of persons of whom nothing was seen since. A stay whose departure
        is missing, as a later arrival shows, is unmatched; one whose arrival is missing is so if
        any leave of the person held between the departure before it and its own. Neither tells of
        an overstay; not having been seen to leave is no proof of one either.

    Source:
        Home Office, Fifth report on statistics relating to exit checks, 2019 to 2020: departed in
        time, departed late, not matched to a departure; extended leave is apart.

    Raises:
        SourceError: If there are absences among the stays, or days after the last.
    """
    refuse_others(found, as_of)
    under = in_force(leave, found.person, found.begins)
    best, chains = _reaching(leave)
    closed, lost = found.ends != UNSEEN, found.begins == UNSEEN
    end = np.where(closed, found.ends, as_of)
    own, chain = (np.append(days, UNSEEN)[under] for days in (leave.ends, chains))
    until = np.append(leave.ends[best], UNSEEN)[_begun(leave, found.person, end)]
    broken = ~closed & ~found.open
    may = (under != NONE) | (lost & (until >= _departed_before(found)))
    outcome = np.select(
        [~may, lost | broken, own >= end, chain >= end, until >= end],
        [Outcome.NO_LEAVE, Outcome.UNMATCHED, np.where(closed, Outcome.IN_TIME, Outcome.IN_FORCE),
         Outcome.EXTENDED, Outcome.REGRANTED],
        np.where(closed, Outcome.LATE, Outcome.OVERSTAYED),
    ).astype(np.int8)  # fmt: skip
    late = np.where(np.isin(outcome, (Outcome.LATE, Outcome.OVERSTAYED)), end - until, 0)
    return Outcomes(under, outcome, late)


def _departed_before(found: Stays) -> Ints:
    """Return the day of the person's departure before each stay; 0 where there is none."""
    same = found.person[1:] == found.person[:-1]
    before = np.where(same, np.maximum(found.begins, found.ends)[:-1], 0)
    return np.append(0, before)[: found.person.size]


def counts(answered: Outcomes, group: Any = None) -> Counts:
    """Count stays by outcome.

    Args:
        answered: Outcomes of stays [m].
        group: Group of each stay, such as the purpose of its leave or the year in which that
            ends [m]; where not given, all are in group 0.

    Returns:
        Counts; each stay is in one cell.
    """
    m, size = answered.outcome.size, len(Outcome)
    given = np.zeros(m, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
    labels, place = np.unique(given, return_inverse=True)
    cells = np.bincount(place * size + answered.outcome, minlength=labels.size * size)
    return Counts(labels, cells.reshape(labels.size, size))
