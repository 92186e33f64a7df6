"""Stays and absences from crossings, and who is where on a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.border.crossings import arrivals, days, persons
from ravenstein.border.residence import NO, YES
from ravenstein.core.errors import SourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints
    from ravenstein.border.residence import Answers

UNSEEN = -1
_LAST_DAY = 1 << 17  # the year 2328: later ones are mistakes


@dataclass(frozen=True, eq=False)
class Stays:
    """Times in the country, or out of it, in order of person and time.

    Args:
        person: Person [m].
        present: Whether it is a stay in the country; else an absence [m].
        begins: Day of the crossing that begins it, since 1970-01-01; UNSEEN where missing [m].
        ends: Day of the crossing that ends it; UNSEEN where it is missing, or still to come [m].
        open: Whether nothing was seen of the person since: it may go on [m].
    """

    person: Ints
    present: NDArray[np.bool_]
    begins: Ints
    ends: Ints
    open: NDArray[np.bool_]

    @property
    def length(self) -> Ints:
        """Days from begin to end; UNSEEN where one of them is [m]."""
        known = (self.begins != UNSEEN) & (self.ends != UNSEEN)
        return np.where(known, self.ends - self.begins, UNSEEN)


def stays(keys: Ints) -> Stays:
    """Return the stays and absences that crossings begin and end.

    Args:
        keys: Crossings of `crossings.packed`, sorted [n].

    Notes:
        Every crossing ends one and begins the next. Between two in one direction a crossing is
        missing: the first one's stay has no end, and an absence without days lies behind it. What
        was before a person's first crossing has no begin.
    """
    who, day, arriving = persons(keys), days(keys), arrivals(keys)
    last = np.append(who[1:] != who[:-1], keys.size > 0)[: keys.size]
    first = np.append(keys.size > 0, who[1:] != who[:-1])[: keys.size]
    following = np.append(day[1:], UNSEEN)[: keys.size]
    meets = np.append(arriving[1:] != arriving[:-1], False)[: keys.size] & ~last
    after = (who, arriving, day, np.where(meets, following, UNSEEN), last)
    # what a crossing ends and no crossing begins: before the first, and behind a missing one
    lost = first | np.append(False, ~meets[:-1])[: keys.size]
    before = (who[lost], ~arriving[lost], np.full(lost.sum(), UNSEEN), day[lost])
    rows = np.concatenate([2 * np.arange(keys.size), 2 * np.flatnonzero(lost) - 1])
    order = np.argsort(rows)
    columns = zip(after, (*before, np.zeros(lost.sum(), dtype=bool)), strict=True)
    person, present, begins, ends, open_ = (np.concatenate(pair)[order] for pair in columns)
    return Stays(person, present, begins, ends, open_)


def in_country(found: Stays) -> Stays:
    """Return the stays in the country alone, without the absences."""
    own = found.present
    return Stays(found.person[own], own[own], found.begins[own], found.ends[own], found.open[own])


def refuse_others(found: Stays, as_of: int) -> None:
    """Refuse absences, days after the last, departures before arrivals and stays out of order.

    Raises:
        SourceError: If there are any.
    """
    absences = int((~found.present).sum())
    later = int((np.maximum(found.begins, found.ends) > as_of).sum())
    reversed_ = int(((found.ends != UNSEEN) & (found.ends < found.begins)).sum())
    when = np.where(found.begins != UNSEEN, found.begins, found.ends)
    same = found.person[1:] == found.person[:-1]
    mixed = (found.person[1:] < found.person[:-1]) | (same & (when[1:] < when[:-1]))
    unsorted = int(mixed.sum())
    if absences or later or reversed_ or unsorted or not 0 <= as_of < _LAST_DAY:
        raise SourceError(
            "Stays cannot be classified.",
            expected="sorted stays in the country up to the last day, which is from 1970 on",
            found=f"{absences} absences, {later} after it, {reversed_} that end before they begin,"
            f" {unsorted} out of order",
            where="stays",
            fix="Take `in_country` of them, and leave out crossings after the date asked for.",
        )


@dataclass(frozen=True)
class Whereabouts:
    """Persons seen until a day, by where they are and whether they are residents.

    Args:
        residents_present: Residents in the country.
        residents_abroad: Residents out of it.
        visitors_present: Others in the country.
        others_abroad: Others out of it.
        undecided: Persons whose status is not known yet.
    """

    residents_present: int
    residents_abroad: int
    visitors_present: int
    others_abroad: int
    undecided: int


def whereabouts(keys: Ints, answers: Answers, day: int) -> Whereabouts:
    """Count who is where at the end of a day, as the last crossings until then say.

    Args:
        keys: Crossings, sorted [n].
        answers: Of `residence.classify` [n].
        day: The day, since 1970-01-01.
    """
    seen = np.flatnonzero(days(keys) <= day)
    who = persons(keys[seen])
    last = seen[np.append(who[1:] != who[:-1], seen.size > 0)[: seen.size]]
    present, status = arrivals(keys[last]), answers.after[last]
    resident, other = status == YES, status == NO
    return Whereabouts(
        int((resident & present).sum()),
        int((resident & ~present).sum()),
        int((other & present).sum()),
        int((other & ~present).sum()),
        int((~resident & ~other).sum()),
    )
