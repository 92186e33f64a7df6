"""Rows of crossings as systems deliver them: checked, and made numbers; what cannot be is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from ravenstein.border.crossings import MOST_MINUTES
from ravenstein.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints

REASONS = (
    "",
    "missing_person",
    "unknown_direction",
    "missing_time",
    "unreadable_time",
    "no_zone",
    "out_of_range",
    "in_future",
    "malformed_row",
    "duplicate",
)
"""Why a row is put aside: in a column of times with zones, `no_zone` is a time without one."""

MALFORMED, DUPLICATE = REASONS.index("malformed_row"), REASONS.index("duplicate")
_UNKNOWN_DIRECTION = REASONS.index("unknown_direction")
_OUT_OF_RANGE, _IN_FUTURE = REASONS.index("out_of_range"), REASONS.index("in_future")
_LARGEST = (1 << 63) - 1
_A_MINUTE = {"s": 60, "ms": 60_000, "us": 60_000_000, "ns": 60_000_000_000}
_SHAPE = r"^\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?\s*$"
_ZONED = r":\d{2}(\.\d+)?\s*(Z|[+-]\d{2}(:?\d{2})?)\s*$"


@dataclass(frozen=True, eq=False)
class Movements:
    """Rows that can be used, and why others cannot.

    Args:
        ids: Identifier of each row's person: whole numbers, or an Arrow array of text [n].
        crossing: Minute since 1970-01-01 00:00 UTC times two, plus one for an arrival [n].
        reasons: For each row that was given, its place in REASONS; 0 where it is used [m].
    """

    ids: Any
    crossing: NDArray[np.int32]
    reasons: NDArray[np.uint8]


def movements(
    person: Any,
    direction: Any,
    time: Any,
    now: int,
    codes: Mapping[str, bool] | None = None,
    zoned: bool | None = None,
) -> Movements:
    """Check rows and make them numbers.

    Args:
        person: Arrow array of identifiers, whole numbers or text; blank text is missing [m].
        direction: Arrow array of codes, best as a dictionary [m].
        time: Arrow array of times (those without a zone are UTC), dates, or text of either [m].
        now: The present minute: what lies after it is in the future.
        codes: Whether each code is an arrival; arrival and departure, if not given.
        zoned: Whether text of times has zones, as far as the whole column is known; as these rows
            have, if not given. Where it has, times without one are put aside.

    Returns:
        The rows.

    Raises:
        SourceError: If a column is of a type that cannot be read so, or times have zones in a
            column that had none so far.
    """
    when, per_minute, reasons = _times(time, zoned)
    places, table = _directions(direction, codes or {"arrival": True, "departure": False})
    crossing = np.empty(when.size, np.int32)
    bad = _crossings((when, per_minute), (places, table), now, reasons, crossing)
    ids, missing = _identifiers(person)
    if missing is not None:
        reasons[missing] = REASONS.index("missing_person")
    if bad or missing is not None:
        good = reasons == 0
        keep = pa.array(good)
        ids = ids[good] if isinstance(ids, np.ndarray) else ids.filter(keep)
        crossing = crossing[good]
    return Movements(ids, crossing, reasons)


def _identifiers(person: Any) -> tuple[Any, NDArray[np.bool_] | None]:
    """Return identifiers, and which are missing, if any."""
    if pa.types.is_integer(person.type):
        missing = None if not person.null_count else _mask(person.is_null())
        whole = person.fill_null(0) if person.null_count else person
        if pa.types.is_uint64(whole.type) and pc.any(pc.greater(whole, _LARGEST)).as_py():
            raise _of_type("identifiers", "numbers below 2 to the 63rd, or text", "larger ones")
        return np.asarray(whole.cast(pa.int64())), missing
    if pa.types.is_dictionary(person.type):
        person = person.cast(person.type.value_type)
    if not (pa.types.is_string(person.type) or pa.types.is_large_string(person.type)):
        raise _of_type("identifiers", "whole numbers or text", person.type)
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(person), ""), True)
    missing = _mask(blank) if pc.any(blank).as_py() else None
    return (person.fill_null("") if person.null_count else person), missing


def _directions(direction: Any, codes: Mapping[str, bool]) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Return the place of each row's code [m], and by place 1 arrival, 0 departure, −1 neither."""
    coded = direction
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode()
    known = [codes.get(str(code).strip(), -1) for code in coded.dictionary.to_pylist()]
    places = coded.indices.fill_null(len(known)) if coded.null_count else coded.indices
    return np.asarray(places), np.array([*known, -1], dtype=np.int8)


def _times(time: Any, zoned: bool | None) -> tuple[Ints, int, NDArray[np.uint8]]:
    """Return times as whole numbers [m], how many are a minute, and reasons so far [m]."""
    kind, reasons = time.type, np.zeros(len(time), np.uint8)
    if is_text(kind):
        time, reasons = _read(time.cast(pa.string()), zoned)
    elif pa.types.is_date(kind):
        time = time.cast(pa.date32()).cast(pa.timestamp("s"))
    elif not pa.types.is_timestamp(kind):
        raise _of_type("times", "times, dates, or text of either", kind)
    if time.null_count:
        reasons[_mask(time.is_null()) & (reasons == 0)] = REASONS.index("missing_time")
        time = time.fill_null(0)
    return np.asarray(time.view(pa.int64())), _A_MINUTE[time.type.unit], reasons


@njit(cache=True, nogil=True)
def _crossings(times: Any, directions: Any, now: int, reasons: Any, crossing: Any) -> bool:
    """Write minute and direction of each row, and why it cannot be used; say whether any cannot."""
    (when, per_minute), (places, table) = times, directions
    bad = False
    for i in range(when.size):
        minute, arrival = when[i] // per_minute, table[places[i]]
        if arrival < 0:
            reasons[i] = _UNKNOWN_DIRECTION
        elif reasons[i] == 0 and (minute < 0 or minute >= MOST_MINUTES):
            reasons[i] = _OUT_OF_RANGE
        elif reasons[i] == 0 and minute > now:
            reasons[i] = _IN_FUTURE
        crossing[i] = 2 * minute + arrival
        bad |= reasons[i] > 0
    return bad


def is_text(kind: pa.DataType) -> bool:
    """Return whether an Arrow type is that of text."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def has_zone(text: Any) -> bool:
    """Return whether any time in an Arrow array of text has a zone."""
    found: bool | None = pc.any(pc.match_substring_regex(text.cast(pa.string()), _ZONED)).as_py()
    return bool(found)


def _read(text: Any, all_zoned: bool | None) -> tuple[Any, NDArray[np.uint8]]:
    """Return times in UTC for text, and reasons [m] each."""
    reasons = np.zeros(len(text), np.uint8)
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text), ""), True)
    shaped = pc.fill_null(pc.match_substring_regex(text, _SHAPE), False)
    zoned = _mask(pc.fill_null(pc.match_substring_regex(text, _ZONED), False))
    found = np.full(len(text), np.datetime64("NaT"), "M8[us]")
    for chosen, kind in ((zoned, pa.timestamp("us", "UTC")), (~zoned, pa.timestamp("us"))):
        rows = np.flatnonzero(chosen & _mask(shaped))
        found[rows] = _parsed(pc.utf8_trim_whitespace(text.take(pa.array(rows))), kind)
    reasons[_mask(blank)] = REASONS.index("missing_time")
    reasons[~_mask(blank) & np.isnat(found)] = REASONS.index("unreadable_time")
    if all_zoned is False and zoned.any():
        raise SourceError(
            "Times have zones in one part of a column, and none in another.",
            expected="a zone everywhere, or nowhere",
            found=f"{int(zoned.sum())} times with one, after others without",
            where="crossings",
            fix="Have them written alike.",
        )
    if all_zoned or zoned.any():
        reasons[~zoned & (reasons == 0)] = REASONS.index("no_zone")
    return pa.array(found), reasons


def _parsed(text: Any, kind: Any) -> NDArray[np.datetime64]:
    """Return times for text; a day that is in no calendar makes one missing, not all."""
    # parts of seconds and a space before the zone are not read by the parser
    plain = pc.replace_substring_regex(text, r"\.\d+|\s+(Z|[+-])", r"\1")
    try:
        return np.asarray(plain.cast(kind)).astype("M8[us]")
    except pa.ArrowInvalid:
        if len(plain) == 1:
            return np.array(["NaT"], "M8[us]")
        half = len(plain) // 2
        return np.concatenate([_parsed(plain[:half], kind), _parsed(plain[half:], kind)])


def _mask(values: Any) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _of_type(what: str, expected: str, found: Any) -> SourceError:
    return SourceError(
        f"A column of {what} is of a type that cannot be read.",
        expected=expected,
        found=str(found),
        where="crossings",
        fix="Name another column, or write it in one of those types.",
    )
