"""Area codes from one geography edition to a later one: renewed codes and merged areas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import AccountError, listed
from ravenstein.tables.geography import LOCAL_AUTHORITY_PATTERN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Numbers = NDArray[Any]


def successors(
    codes: Sequence[str],
    changes: pa.Table,
    edition: int,
    known: Collection[str] | None = None,
    *,
    since: int = 0,
) -> dict[str, str]:
    """Return the code that each local authority has on the boundaries of a later year.

    Args:
        codes: Codes of one file.
        changes: Rows `old`, `new` (missing where an area ended), `kind`, `start` (year).
        edition: Year of the boundaries wanted; changes up to it count.
        known: All codes of that edition, where there is a list of them.
        since: Year of the boundaries of `codes`, where it is known: changes up to it were made.

    Returns:
        The code of the edition by each code; itself where it did not change.

    Raises:
        AccountError: If a code ended without a successor or before `since`, was divided, is not
            known, or codes of two editions are mixed: an area and what it became.

    >>> import pyarrow as pa
    >>> changes = pa.table({"old": ["E07000048"], "new": ["E06000058"], "kind": ["merger"],
    ...                     "start": [2019]})
    >>> successors(["E07000048", "E06000001"], changes, 2021)
    {'E07000048': 'E06000058', 'E06000001': 'E06000001'}
    """
    ways = _ways(changes, since, edition)
    gone = _ways(changes, 0, since)
    renewed = {later for after in gone.values() for later in after}
    abolished = sorted(code for code in codes if code in gone and code not in renewed)
    if abolished:
        raise _error(
            f"codes ended before the edition {since}", listed(abolished), "codes of that edition"
        )
    mixed = sorted(
        f"{code} and its successor {later}"
        for code in codes
        for later in _reached(code, ways)
        if later in set(codes)
    )
    if mixed:
        raise _error("two geography editions are mixed", listed(mixed), "codes of one edition")
    found: dict[str, str] = {}
    ended, divided, unknown = [], [], []
    for code in codes:
        now, seen = code, {code}
        while now in ways:
            after = ways[now]
            if len(after) > 1:
                divided.append(f"{code} into {listed(sorted(str(a) for a in after))}")
                break
            following = next(iter(after))
            if following is None:
                ended.append(code)
                break
            if following in seen:
                break
            now = following
            seen.add(now)
        found[code] = now
        if known is not None and now not in known and code not in ended:
            unknown.append(code)
    if ended:
        raise _error("codes have no successor", listed(ended), "codes that are or became others")
    if divided:
        raise _error("areas were divided", listed(divided), "areas with one successor")
    if unknown:
        raise _error(f"codes are not of the edition {edition}", listed(unknown), "known codes")
    return found


def redrawn(codes: Sequence[str], changes: pa.Table, edition: int) -> list[str]:
    """Return codes whose successor has other boundaries: their figures are of the old ones.

    Args:
        codes: Codes of one file.
        changes: As in `successors`.
        edition: Year of the boundaries wanted.
    """
    ways = _ways(changes, 0, edition)
    kinds = {
        row["old"]
        for row in changes.to_pylist()
        if row["kind"] == "new_geo" and row["new"] in ways.get(row["old"], ())
    }
    return sorted(kinds & set(codes))


def merged(
    values: Numbers, codes: Sequence[str], by: dict[str, str], *, axis: int = 0
) -> tuple[tuple[str, ...], Numbers]:
    """Add the areas that became one.

    Args:
        values: Counts with areas on `axis`.
        codes: Their codes, in order.
        by: The later code of each, as `successors` gives.
        axis: The axis of areas.

    Returns:
        The later codes, sorted, and the counts.

    >>> merged(np.array([1, 2, 4]), ["A", "B", "C"], {"A": "X", "B": "X", "C": "C"})
    (('C', 'X'), array([4, 3]))
    """
    later = tuple(sorted({by[code] for code in codes}))
    at = {code: place for place, code in enumerate(later)}
    first = np.moveaxis(values, axis, 0)
    summed = np.zeros((len(later), *first.shape[1:]), dtype=values.dtype)
    np.add.at(summed, np.array([at[by[code]] for code in codes]), first)
    return later, np.moveaxis(summed, 0, axis)


def _ways(changes: pa.Table, since: int, edition: int) -> dict[str, set[str | None]]:
    """Return what each local authority became; other levels' codes are passed over."""
    rule = re.compile(LOCAL_AUTHORITY_PATTERN)
    ways: dict[str, set[str | None]] = {}
    for row in changes.to_pylist():
        in_time = since < row["start"] <= edition
        # a local authority that joins a combined authority stays what it is
        stays = row["new"] is not None and bool(rule.fullmatch(row["old"])) and not rule.fullmatch(
            row["new"]
        )  # fmt: skip
        if in_time and not stays:
            ways.setdefault(row["old"], set()).add(row["new"])
    return ways


def _reached(code: str, ways: dict[str, set[str | None]]) -> set[str]:
    """Return every code that an area's code has led to since."""
    reached: set[str] = set()
    waiting: Iterable[str | None] = ways.get(code, set())
    while waiting:
        new = {one for one in waiting if one is not None} - reached - {code}
        reached |= new
        waiting = {after for one in new for after in ways.get(one, set())}
    return reached


def _error(what: str, found: str, expected: str) -> AccountError:
    return AccountError(
        f"Area codes cannot be brought to one edition: {what}.",
        expected=expected,
        found=found,
        where="area codes",
        fix="Give each file's own edition, or a table of code changes that covers it.",
    )
