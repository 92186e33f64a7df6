"""The axes of tables by area, sex and age: what their labels mean, and each cell once."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.store.readers.text_table import refuse
from ravenstein.tables.population_by_age import OPEN_AGE, SEXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ravenstein.store.readers.text_table import TextTable

AGES = tuple(range(OPEN_AGE + 1))
"""Single years of age; the last is 90 and over."""

BIRTH = "birth"
"""Label of the age of those born in the year, before age 0."""

OPEN_END = 999
"""Last year of an age group without an upper end."""

_SPAN = re.compile(
    r"(birth)|(\d{1,3})(?:\s*(?:[-–]|to)\s*(\d{1,3})|\s*(\+|and over|and under))?",
    re.ASCII | re.IGNORECASE,
)
_WORDS = {"m": 0, "male": 0, "males": 0, "f": 1, "female": 1, "females": 1}
_CODES = {"1": 0, "2": 1}


@dataclass(frozen=True)
class Axis:
    """A dimension: its name, its labels, and which of them each row has."""

    name: str
    labels: Sequence[object]
    index: NDArray[Any]


def sex_of_label(text: str) -> int | None:
    """Return the place of a sex given in words, or None.

    >>> sex_of_label("Female"), sex_of_label("2")
    (1, None)
    """
    return _WORDS.get(text.lower())


def sex_of(text: str) -> int | None:
    """Return the place of a sex given in words or by the official codes (1 male, 2 female)."""
    return _CODES.get(text, sex_of_label(text))


def age_of(text: str) -> int | None:
    """Return a single year of age, 90 for 90 and over, or None.

    >>> age_of("7"), age_of("90+"), age_of("91")
    (7, 90, None)
    """
    match = re.fullmatch(r"(\d{1,3})(\+| and over)?", text, re.ASCII)
    if not match or int(match[1]) > OPEN_AGE or (match[2] and int(match[1]) != OPEN_AGE):
        return None
    return int(match[1])


def age_span(text: str) -> tuple[int, int] | None:
    """Return the first and last year of an age group, or None; birth is the year before 0.

    >>> [age_span(text) for text in ("7", "5 - 9", "4 and under", "110 and over", "Birth", "x")]
    [(7, 7), (5, 9), (0, 4), (110, 999), (-1, -1), None]
    """
    match = _SPAN.fullmatch(text)
    if not match or match[1]:
        return (-1, -1) if match else None
    year = int(match[2])
    if match[4]:
        return (0, year) if match[4].lower() == "and under" else (year, OPEN_END)
    return year, int(match[3] or year)


def span_label(span: tuple[int, int]) -> str:
    """Return the label of an age group.

    >>> span_label((7, 7)), span_label((5, 9)), span_label((110, OPEN_END))
    ('7', '5-9', '110+')
    """
    first, last = span
    if first < 0 or last == OPEN_END:
        return BIRTH if first < 0 else f"{first}+"
    return str(first) if first == last else f"{first}-{last}"


def age_groups(
    spans: Iterable[tuple[int, int]], where: str, *, first: str | None, opened: bool
) -> list[tuple[int, int]]:
    """Return age groups in order, each once.

    Args:
        spans: First and last year of the groups, in any order.
        where: File or sheet, for messages.
        first: Label of the age with which they must begin, if with any.
        opened: Whether they must end with an open one.

    Raises:
        SourceError: If they do not, or there is a gap or overlap.
    """
    order = sorted(set(spans))
    for before, after in itertools.pairwise(order):
        if after[0] != before[1] + 1:
            refuse(
                where,
                "Ages are missing, or overlap.",
                "each year of age in one group",
                f"{span_label(after)} after {span_label(before)}",
            )
    if not order:
        refuse(where, "There are no ages.", "a row or column an age", "none")
    start, end = span_label(order[0]), span_label(order[-1])
    if (first is not None and start != first) or (opened and not end.endswith("+")):
        wanted = f"ages from {first or start}" + (" to an open one" if opened else "")
        refuse(where, "The first or the last ages are missing.", wanted, f"{start} to {end}")
    return order


def sex_axis(table: TextTable, place: int) -> Axis:
    """Return the axis of a column of sexes, in words or by the official codes."""
    index = table.decoded(
        place,
        sex_of,
        problem="There are other sexes than two.",
        expected="1 and 2 (male, female), M and F, or Male and Female; no totals",
    )
    return Axis("sex", SEXES, index)


def age_axis(table: TextTable, place: int) -> Axis:
    """Return the axis of a column of single years of age to 90 and over."""
    index = table.decoded(
        place,
        age_of,
        problem="There are other ages than single years to 90 and over.",
        expected="0 to 89, and 90 or 90+ for 90 and over; no totals",
    )
    return Axis("age", AGES, index)


def cells(
    axes: Sequence[Axis],
    lines: NDArray[np.int64],
    shown: str,
    *,
    row: str = "line",
    complete: bool = True,
) -> NDArray[np.int64]:
    """Return each row's place in the flat array of all cells.

    Args:
        axes: The dimensions, in order.
        lines: Where each row stands in the file.
        shown: Name of the file or sheet in messages.
        row: What `lines` count.
        complete: Whether there must be a row for every cell.

    Raises:
        SourceError: If a cell is repeated, or missing.
    """
    shape = tuple(len(axis.labels) for axis in axes)
    flat = _flat(axes)
    times = np.bincount(flat, minlength=int(np.prod(shape)))
    size = " × ".join(f"{len(axis.labels)} {_plural(axis.name)}" for axis in axes)
    if (times > 1).any():
        second = np.setdiff1d(np.arange(flat.size), np.unique(flat, return_index=True)[1])[0]
        first = int(np.argmax(flat == flat[second]))
        refuse(
            f"{shown}, {row} {lines[second]}",
            "A cell is repeated.",
            f"each of {size} once",
            f"{_named(axes, flat[second])}, also in {row} {lines[first]}; "
            f"{int((times > 1).sum())} repeated in all",
        )
    missing = np.flatnonzero(times == 0)
    if complete and missing.size:
        refuse(
            shown,
            "Cells are missing.",
            f"each of {size} once",
            f"{missing.size} missing, the first {_named(axes, missing[0])}",
        )
    return flat


def without_repeats(
    axes: Sequence[Axis], values: NDArray[Any], lines: NDArray[np.int64], shown: str
) -> tuple[list[Axis], NDArray[np.int64]]:
    """Leave out rows that repeat an earlier one exactly.

    Args:
        axes: The dimensions.
        values: The value of each row.
        lines: Where each row stands in the file.
        shown: Name of the file in messages.

    Returns:
        The axes of the rows that stay, and the places of these rows.

    Raises:
        SourceError: If a cell is repeated with another value.
    """
    flat = _flat(axes)
    _, first, cell = np.unique(flat, return_index=True, return_inverse=True)
    differing = np.flatnonzero(values != values[first][cell])
    if differing.size:
        row = int(differing[0])
        earlier = first[cell[row]]
        refuse(
            f"{shown}, line {lines[row]}",
            "A cell is repeated with another value.",
            f"{values[earlier]}, as in line {lines[earlier]}",
            f"{values[row]} for {_named(axes, flat[row])}; {differing.size} such rows in all",
        )
    kept = np.sort(first)
    return [replace(axis, index=axis.index[kept]) for axis in axes], kept


def _flat(axes: Sequence[Axis]) -> NDArray[np.int64]:
    places = tuple(np.asarray(axis.index, dtype=np.int64) for axis in axes)
    return np.ravel_multi_index(places, tuple(len(axis.labels) for axis in axes)).astype(np.int64)


def _named(axes: Sequence[Axis], flat: int) -> str:
    places = np.unravel_index(flat, tuple(len(axis.labels) for axis in axes))
    return ", ".join(
        f"{axis.name} {axis.labels[int(place)]}" for axis, place in zip(axes, places, strict=True)
    )


def _plural(name: str) -> str:
    return name + ("es" if name.endswith("x") else "s")
