"""Area codes from one geography edition to a later one: renewed codes and merged areas."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import AccountError, listed
from ravenstein.tables.geography import LOCAL_AUTHORITY_PATTERN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Numbers = NDArray[Any]


@dataclass(frozen=True)
class _History:
    """What the table of changes says of local authorities.

    `after` and `before`: successors and predecessors of each code (None: it ended without one);
    `begins` and `ends`: the year from which a code is, or is no longer, in use; `redrawn`: codes
    whose successor has other boundaries.
    """

    after: dict[str, set[str | None]]
    before: dict[str, set[str]]
    begins: dict[str, int]
    ends: dict[str, int]
    redrawn: frozenset[str]


def successors(
    codes: Sequence[str],
    changes: pa.Table,
    edition: int,
    known: Collection[str] | None = None,
    *,
    since: int | None = None,
) -> dict[str, str]:
    """Return the code that each local authority has on the boundaries of a later year.

    Args:
        codes: Codes of one file.
        changes: Rows `old`, `new` (missing where an area ended), `kind`, `start` (year).
        edition: Year of the boundaries wanted.
        known: All codes of that edition, where there is a list of them.
        since: Year of the boundaries of `codes`, where it is known.

    Returns:
        The code of the edition by each code; itself where it did not change.

    Raises:
        AccountError: If codes were never in use together (two editions are mixed) or not in the
            edition that is said, began after the edition wanted, ended without a successor, were
            divided, or are not known; or if parts of a merged area are missing.

    >>> import pyarrow as pa
    >>> changes = pa.table({"old": ["E07000048"], "new": ["E06000058"], "kind": ["merger"],
    ...                     "start": [2019]})
    >>> successors(["E07000048", "E06000001"], changes, 2021)
    {'E07000048': 'E06000058', 'E06000001': 'E06000001'}
    """
    history = _history(changes)
    _refuse_mixed(codes, history, since, edition)
    found = {code: _followed(code, history, edition) for code in codes}
    _refuse_partial(codes, set(found.values()), history)
    unknown = sorted(code for code in codes if known is not None and found[code] not in known)
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
    history = _history(changes)
    return sorted(
        code for code in codes if history.redrawn.intersection(_given_up(code, history, edition))
    )


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


def _history(changes: pa.Table) -> _History:
    rule = re.compile(LOCAL_AUTHORITY_PATTERN)
    history = _History({}, {}, {}, {}, frozenset())
    other: set[str] = set()
    for row in changes.to_pylist():
        old, new, start = row["old"], row["new"], row["start"]
        # a local authority that joins a combined authority stays what it is
        if new is not None and rule.fullmatch(old) and not rule.fullmatch(new):
            continue
        history.after.setdefault(old, set()).add(new)
        history.ends[old] = min(start, history.ends.get(old, start))
        if new is not None:
            history.before.setdefault(new, set()).add(old)
            history.begins[new] = max(start, history.begins.get(new, start))
        if row["kind"] == "new_geo":
            other.add(old)
    return _History(history.after, history.before, history.begins, history.ends, frozenset(other))


def _refuse_mixed(codes: Sequence[str], history: _History, since: int | None, edition: int) -> None:
    """Refuse codes without a year in which all of them are in use, and years that do not fit."""
    latest = max(codes, key=lambda code: history.begins.get(code, 0))
    earliest = min(codes, key=lambda code: history.ends.get(code, 9999))
    begins, ends = history.begins.get(latest, 0), history.ends.get(earliest, 9999)
    if begins >= ends:
        raise _error(
            "two geography editions are mixed",
            f"{earliest}, which ended in {ends}, and {latest}, which began in {begins}",
            "codes that were in use together",
        )
    if since is not None and not begins <= since < ends:
        one = f"{latest}, which began in {begins}" if since < begins else (
            f"{earliest}, which ended in {ends}"
        )  # fmt: skip
        raise _error(f"codes are not of the edition {since}", one, "codes in use in that year")
    if edition < max(begins, since or 0):
        raise _error(
            "boundaries of an earlier year are asked for",
            f"{edition}, where codes are of {max(begins, since or 0)} or later",
            "the same year or a later one: areas cannot be taken apart",
        )


def _given_up(code: str, history: _History, edition: int) -> Iterator[str]:
    """Yield the codes that an area went through before a later edition, its first one included."""
    now: str | None = code
    while now is not None and history.ends.get(now, 9999) <= edition:
        yield now
        now = next(iter(history.after[now]))


def _followed(code: str, history: _History, edition: int) -> str:
    """Return the code in use in a later edition."""
    now = code
    for step in _given_up(code, history, edition):
        after = history.after[step]
        if len(after) > 1:
            into = listed(sorted(str(part) for part in after))
            raise _error("an area was divided", f"{code} into {into}", "one successor each")
        following = next(iter(after))
        if following is None:
            raise _error("a code has no successor", code, "codes that are or became others")
        now = following
    return now


def _refuse_partial(codes: Sequence[str], reached: set[str], history: _History) -> None:
    """Refuse merged areas of which the codes hold only some parts."""
    held = set(codes)

    def lacking(code: str) -> set[str]:
        if code in held:
            return set()
        parts = history.before.get(code)
        return set().union(*map(lacking, parts)) if parts else {code}

    missing = sorted(f"{part} of {code}" for code in reached for part in lacking(code))
    if missing:
        raise _error("parts of merged areas are missing", listed(missing), "all parts of each")


def _error(what: str, found: str, expected: str) -> AccountError:
    return AccountError(
        f"Area codes cannot be brought to one edition: {what}.",
        expected=expected,
        found=found,
        where="area codes",
        fix="Give each file's own edition, all its areas, and a table of code changes that covers "
        "it.",
    )
