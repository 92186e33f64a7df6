"""Histories of persons: their crossings in order, kept so that a delivery touches only its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numba import njit

from ravenstein.border.crossings import MINUTES_A_DAY, PERSON_SHIFT
from ravenstein.border.residence import ALWAYS, Standing, first_standing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints

    Int32s = NDArray[np.int32]

_FEW = 24  # crossings that are sorted by insertion


@dataclass(frozen=True, eq=False)
class Histories:
    """Crossings of persons, who are numbered from 0.

    Args:
        starts: Where each person's crossings begin, and the end of all [persons + 1].
        crossings: Minute and direction of each, as the low bits of `crossings.packed`, in order of
            person and time [n].
        first: Status before the first crossing: 1, 0, −1 or OPPOSITE [persons].
        standing: Where each person stands.
    """

    starts: Ints
    crossings: Int32s
    first: NDArray[np.int8]
    standing: Standing


@dataclass(frozen=True, eq=False)
class Joined:
    """Histories with a delivery in them.

    Args:
        histories: The histories; each person still stands where the last sweep left it.
        new: Whether each crossing is of this delivery [n].
        touched: Whether each person has a new crossing [persons].
        late: Whether one of them is of a day that was told before [persons].
        repeated: Person, minute and direction of rows of the delivery that were there already, or
            twice in it, as `crossings.packed` [r].
    """

    histories: Histories
    new: NDArray[np.bool_]
    touched: NDArray[np.bool_]
    late: NDArray[np.bool_]
    repeated: Ints


def no_histories(rules: int) -> Histories:
    """Return histories of nobody, for a number of rules."""
    nobody = np.zeros(0, np.int8)
    return Histories(
        np.zeros(1, np.int64), np.zeros(0, np.int32), nobody, first_standing(nobody, rules)
    )


def numbered(known: Any, ids: Any) -> tuple[Int32s, Any]:
    """Number persons by their identifiers: known ones as they are, others in order of appearance.

    Args:
        known: Identifiers of the persons that have numbers: whole numbers, or an Arrow array of
            large text [persons].
        ids: Identifier of each row, alike [n].

    Returns:
        The number of each row's person [n], and the identifiers of all persons.

    >>> numbered(np.array([7, 5]), np.array([5, 9, 9, 7]))
    (array([1, 2, 2, 0], dtype=int32), array([7, 5, 9]))
    """
    if not isinstance(ids, np.ndarray):
        coded = pa.concat_arrays([known, ids]).dictionary_encode()
        return coded.indices.to_numpy()[len(known) :], coded.dictionary
    all_ids = np.concatenate([known, np.empty(ids.size, np.int64)])
    numbers, count = _numbered(known.size, all_ids, ids)
    return numbers, all_ids[:count].copy()


def joined(
    base: Histories, number: Int32s, crossing: Int32s, first: NDArray[np.int8], told: int
) -> Joined:
    """Put a delivery's crossings into histories.

    Args:
        base: The histories.
        number: Number of each row's person; new persons follow the known ones [m].
        crossing: Minute and direction of each row [m].
        first: First status of the new persons [persons − known].
        told: Day of the last sweep, since 1970-01-01; ALWAYS if there was none.

    Returns:
        The histories; what is the same in person, minute and direction is there once.
    """
    people = base.first.size + first.size
    starts = np.concatenate([base.starts, np.repeat(base.starts[-1:], first.size)])
    begins, ordered = _by_person(number, crossing, people)
    boundary = (max(told, -1) + 1) * MINUTES_A_DAY * 2
    ends, merged, new, repeated, late = _merged(
        (starts, base.crossings), (begins, ordered), boundary
    )
    histories = Histories(
        ends,
        merged,
        np.concatenate([base.first, first]),
        _with_new(base.standing, first),
    )
    touched = np.diff(ends) > np.diff(starts)
    return Joined(histories, new, touched, late, repeated)


def _with_new(standing: Standing, first: NDArray[np.int8]) -> Standing:
    """Return where persons stand, new ones at their beginning; nothing is shared with what was."""
    added = first_standing(first, standing.status.shape[0])
    return Standing(
        np.concatenate([standing.closed, added.closed]),
        np.hstack([standing.status, added.status]),
        np.hstack([standing.since, added.since]),
        np.concatenate([standing.due, added.due]),
    )


def begin_anew(histories: Histories, chosen: NDArray[np.bool_]) -> None:
    """Put persons back to where they stood before their first crossing, in place."""
    standing = histories.standing
    standing.closed[chosen] = 0
    standing.status[:, chosen] = histories.first[chosen]
    standing.since[:, chosen] = ALWAYS


def open_crossings(histories: Histories, chosen: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return the crossings of some persons that are not closed, and their places.

    Args:
        histories: The histories.
        chosen: Whose [persons].

    Returns:
        Sorted keys of `crossings.packed`, and the place of each among all crossings [k].
    """
    who = np.flatnonzero(chosen)
    begins = histories.starts[who] + histories.standing.closed[who]
    size = int((histories.starts[who + 1] - begins).sum())
    keys, places = np.empty(size, np.int64), np.empty(size, np.int64)
    _gathered(who, begins, histories.starts, histories.crossings, (keys, places))
    return keys, places


@njit(cache=True, nogil=True)
def _numbered(known: int, all_ids: Any, ids: Any) -> Any:
    """Number by a table of identifiers: where a place is held, the next one is taken."""
    size = 1 << 6
    while size < 2 * known + ids.size // 4:
        size *= 2
    keys, table = _table(size, all_ids, known)
    numbers, count = np.empty(ids.size, np.int32), known
    for i in range(ids.size):
        at = _place(keys, table, ids[i])
        if table[at] < 0:
            if 2 * count >= table.size:
                keys, table = _table(2 * table.size, all_ids, count)
                at = _place(keys, table, ids[i])
            keys[at], table[at], all_ids[count] = ids[i], count, ids[i]
            count += 1
        numbers[i] = table[at]
    return numbers, count


@njit(cache=True, nogil=True)
def _table(size: int, all_ids: Any, count: int) -> Any:
    """Return identifiers and numbers by place; number −1 where there is none."""
    keys, table = np.empty(size, np.int64), np.full(size, -1, np.int32)
    for p in range(count):
        at = _place(keys, table, all_ids[p])
        keys[at], table[at] = all_ids[p], p
    return keys, table


@njit(cache=True, nogil=True, inline="always")
def _place(keys: Any, table: Any, one: int) -> Any:
    """Return the place of an identifier, or that where it belongs."""
    mask = np.uint64(table.size - 1)
    mixed = np.uint64(one) * np.uint64(0x9E3779B97F4A7C15)
    at = (mixed ^ (mixed >> np.uint64(32))) & mask
    while table[at] >= 0 and keys[at] != one:
        at = (at + np.uint64(1)) & mask
    return at


@njit(cache=True, nogil=True)
def _by_person(number: Any, crossing: Any, people: int) -> Any:
    """Return where each person's crossings begin, and crossings in order of person and time."""
    begins, ordered = np.zeros(people + 1, np.int64), np.empty(number.size, np.int32)
    for p in number:
        begins[p + 1] += 1
    for p in range(people):
        begins[p + 1] += begins[p]
    at = begins[:-1].copy()
    for i in range(number.size):
        ordered[at[number[i]]] = crossing[i]
        at[number[i]] += 1
    for p in range(people):
        start, end = begins[p], begins[p + 1]
        if end - start > _FEW:
            ordered[start:end].sort()
            continue
        for i in range(start + 1, end):
            one, j = ordered[i], i
            while j > start and ordered[j - 1] > one:
                ordered[j] = ordered[j - 1]
                j -= 1
            ordered[j] = one
    return begins, ordered


@njit(cache=True, nogil=True)
def _merged(base: Any, delivered: Any, boundary: int) -> Any:
    """Merge crossings in order with others in order, leaving out what is there already."""
    starts, held = base
    begins, others = delivered
    people, size = starts.size - 1, held.size + others.size
    ends, late = np.zeros(people + 1, np.int64), np.zeros(people, np.bool_)
    merged, new = np.empty(size, np.int32), np.zeros(size, np.bool_)
    repeated = np.empty(others.size, np.int64)
    at = again = 0
    for p in range(people):
        i, j, first = starts[p], begins[p], at
        while j < begins[p + 1]:
            while i < starts[p + 1] and held[i] <= others[j]:
                merged[at] = held[i]
                i += 1
                at += 1
            one = others[j]
            j += 1
            if at > first and merged[at - 1] == one:
                repeated[again] = (np.int64(p) << PERSON_SHIFT) | one
                again += 1
                continue
            merged[at], new[at] = one, True
            late[p] |= one < boundary
            at += 1
        for k in range(i, starts[p + 1]):
            merged[at] = held[k]
            at += 1
        ends[p + 1] = at
    return ends, merged[:at], new[:at], repeated[:again].copy(), late


@njit(cache=True, nogil=True)
def _gathered(who: Any, begins: Any, starts: Any, crossings: Any, out: Any) -> None:
    keys, places = out
    at = 0
    for w in range(who.size):
        for i in range(begins[w], starts[who[w] + 1]):
            keys[at] = (np.int64(who[w]) << PERSON_SHIFT) | np.int64(crossings[i])
            places[at] = i
            at += 1
