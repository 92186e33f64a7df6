"""Cells too small, or emptied by a replicate, joined with neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.cells import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Cells, Codes, Weights

    Columns = Sequence[Any]
    Sides = tuple[list[Any], list[Any]]


def collapsed(
    counted: NDArray[np.bool_],
    sides: Sides,
    amount: Any,
    within: tuple[Columns, ...],
    *,
    gives_way: int,
    least: int = 1,
) -> tuple[Sides, list[str]]:
    """Return columns of interviews and of a table in which cells too small are joined.

    A cell is too small if the table has an amount for it but fewer than `least` interviews count
    there. The smallest such cell is joined with the neighbour that has fewest interviews, until no
    cell is too small or the neighbourhood is one cell; ties go by label.

    Args:
        counted: Whether each interview counts, in the full sample [n].
        sides: Columns of the cells, of the interviews [n] and of the table [m].
        amount: What the table holds, such as passengers [m].
        within: Columns of the neighbourhood, of the interviews and of the table.
        gives_way: Which of the cells' columns is joined; its codes are put together by `+`.
        least: Fewest interviews of a cell.

    Returns:
        The columns, and what was joined in words.
    """
    fine = cells(*sides)
    there = np.bincount(fine.rows[1], amount, minlength=fine.count) > 0
    cases = np.bincount(fine.rows[0][counted], minlength=fine.count)
    small = there & (cases < least)
    if not small.any():
        return sides, []
    around = _neighbourhoods(fine, within)
    parts = {i: [i] for i in range(fine.count)}
    for neighbourhood in np.unique(around[small]).tolist():
        members = np.flatnonzero((around == neighbourhood) & (there | (cases > 0)))
        for group in _joined(members, (there, cases, cases), fine.labels, least):
            parts |= dict.fromkeys(group, group)
    return _renamed(fine, sides, parts, gives_way), _told(fine, parts, gives_way, small)


def settled(
    above: Weights, below: Weights, known: Cells, cases: Codes, within: tuple[Columns, ...]
) -> list[str]:
    """Join cells that a replicate empties with neighbours, in that replicate, by the same rule.

    Args:
        above: What each cell's weights are to sum to [cells, R]; changed in place.
        below: What they sum to [cells, R]; changed in place. The full sample comes first, and
            none of its cells is empty.
        known: The cells.
        cases: Interviews of each cell in the full sample [cells].
        within: Columns of the neighbourhood, of each table that the cells are of.

    Returns:
        What was joined, in words.
    """
    empty = (below <= 0) & (above > 0)
    chosen = np.flatnonzero(empty.any(axis=0))
    if not chosen.size:
        return []
    around, labels = _neighbourhoods(known, within), known.labels
    concerned = np.isin(around, around[empty.any(axis=1)])
    # 0 empty but needed, 1 empty, 2 held: replicates of one pattern are joined alike
    state = np.where(below[:, chosen] > 0, 2, np.where(above[:, chosen] > 0, 0, 1))
    state = np.where(concerned[:, None], state, 1)
    patterns, which = np.unique(state, axis=1, return_inverse=True)
    counts: dict[tuple[int, ...], int] = {}
    for number in range(patterns.shape[1]):
        columns = chosen[which.ravel() == number]
        have, need = (patterns[:, number] == 2).astype(np.int64), patterns[:, number] == 0
        for neighbourhood in np.unique(around[need]).tolist():
            members = np.flatnonzero((around == neighbourhood) & (need | (have > 0)))
            for group in _joined(members, (need, have, cases), labels, 1):
                if len(group) > 1 or not have[group[0]]:
                    counts[tuple(group)] = counts.get(tuple(group), 0) + columns.size
                for side in (above, below) if len(group) > 1 else ():
                    side[np.ix_(group, columns)] = side[np.ix_(group, columns)].sum(axis=0)
    replicates = below.shape[1] - 1
    return [
        " + ".join(labels[i] for i in group)
        + (" joined" if len(group) > 1 else " left empty, without a neighbour")
        + f" in {counts[group]} of {replicates} replicates"
        for group in sorted(counts)
    ]


def _neighbourhoods(known: Cells, within: tuple[Columns, ...]) -> Codes:
    """Return the neighbourhood of each cell; that of its interviews, where it lies in two."""
    wide = cells(*within)
    around = np.zeros(known.count, dtype=np.int64)
    for rows, wide_rows in reversed(list(zip(known.rows, wide.rows, strict=True))):
        around[rows] = wide_rows
    return around


def _joined(
    members: Codes,
    known: tuple[NDArray[np.bool_], Codes, Codes],
    labels: Sequence[str],
    least: int,
) -> list[list[int]]:
    """Return the cells of a neighbourhood in groups, each with enough where it is needed.

    Args:
        members: The cells.
        known: Whether each cell needs any, how many it has, and its interviews for the order.
        labels: Their labels, for the order of ties.
        least: How many a group that needs any must have.
    """
    need, have, cases = known
    groups = [[i] for i in members.tolist()]

    def rank(group: list[int]) -> tuple[int, str]:
        return int(cases[group].sum()), labels[group[0]]

    def short(group: list[int]) -> bool:
        return bool(need[group].any()) and int(have[group].sum()) < least

    while len(groups) > 1 and any(map(short, groups)):
        first = min(filter(short, groups), key=rank)
        others = [g for g in groups if g is not first]
        second = min(others, key=rank)
        groups = [g for g in others if g is not second] + [sorted(first + second)]
    return groups


def _renamed(fine: Cells, sides: Sides, parts: dict[int, list[int]], gives_way: int) -> Sides:
    names = np.array(
        ["+".join(fine.parts[i][gives_way] for i in parts[cell]) for cell in range(fine.count)],
        dtype=object,
    )
    renamed = []
    for side, columns in enumerate(sides):
        own = list(columns)
        own[gives_way] = names[fine.rows[side]]
        renamed.append(own)
    return renamed[0], renamed[1]


def _told(
    fine: Cells, parts: dict[int, list[int]], gives_way: int, small: NDArray[np.bool_]
) -> list[str]:
    kept = {tuple(group) for group in parts.values() if len(group) > 1}
    alone = [i for i in np.flatnonzero(small).tolist() if len(parts[i]) == 1]
    names = []
    for group in sorted(kept):
        codes = list(fine.parts[group[0]])
        codes[gives_way] = "+".join(fine.parts[i][gives_way] for i in group)
        names.append(f"{'/'.join(codes)} joined, {int(small[list(group)].sum())} of them too small")
    return names + [f"{fine.labels[i]} too small, without a neighbour" for i in alone]
