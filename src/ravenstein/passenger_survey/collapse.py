"""Cells that are too small, joined with neighbours, in the sample and every replicate alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.cells import cells, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Cells, Codes, Weights

    Columns = Sequence[Any]
    Sides = tuple[list[Any], list[Any]]


def collapsed(
    held: tuple[Weights, Any],
    sides: Sides,
    amount: NDArray[Any],
    within: tuple[Columns, Columns],
    *,
    gives_way: int,
    least: int = 1,
) -> tuple[Sides, list[str]]:
    """Return columns of interviews and of a table in which cells too small are joined.

    A cell is too small if the table has an amount for it but fewer than `least` interviews carry
    weight there, or none in one of the replicates. The smallest such cell is joined with the
    neighbour that has fewest interviews, until no cell is too small or the neighbourhood is one
    cell; ties go by label.

    Args:
        held: Weights of the interviews so far [n, R], and whether each counts here [n].
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
    weights, counts = held
    counted = fine.rows[0][(weights[:, 0] > 0) & np.asarray(counts, dtype=np.bool_)]
    cases = np.bincount(counted, minlength=fine.count)
    total = sums(weights, fine.rows[0], fine.count, counts)
    small = there & ((cases < least) | (total <= 0).any(axis=1))
    if not small.any():
        return sides, []
    wide = cells(*within)
    around = np.zeros(fine.count, dtype=np.int64)
    for side in (1, 0):  # where a cell lies in two neighbourhoods, that of its interviews counts
        around[fine.rows[side]] = wide.rows[side]
    parts = {i: [i] for i in range(fine.count)}
    for neighbourhood in np.unique(around[small]).tolist():
        members = np.flatnonzero((around == neighbourhood) & (there | (cases > 0)))
        parts |= _joined(fine, members, (there, cases, total), least)
    return _renamed(fine, sides, parts, gives_way), _told(fine, parts, gives_way, small)


def _joined(
    fine: Cells, members: Codes, known: tuple[NDArray[Any], Codes, Weights], least: int
) -> dict[int, list[int]]:
    """Return the cells of a neighbourhood in groups, by each cell in them."""
    there, cases, total = known
    labels = fine.labels
    groups = [([i], bool(there[i]), int(cases[i]), total[i]) for i in members.tolist()]

    def rank(group: tuple[list[int], bool, int, Weights]) -> tuple[int, str]:
        return group[2], labels[group[0][0]]

    while len(groups) > 1:
        small = [g for g in groups if g[1] and (g[2] < least or bool((g[3] <= 0).any()))]
        if not small:
            break
        first = min(small, key=rank)
        groups = [g for g in groups if g is not first]
        second = min(groups, key=rank)
        groups = [g for g in groups if g is not second]
        groups.append(
            (
                sorted(first[0] + second[0]),
                first[1] or second[1],
                first[2] + second[2],
                first[3] + second[3],
            )
        )
    return {i: group[0] for group in groups for i in group[0]}


def _renamed(fine: Cells, sides: Sides, parts: dict[int, list[int]], gives_way: int) -> Sides:
    names = np.array(
        ["+".join(fine.parts[i][gives_way] for i in parts[i0]) for i0 in range(fine.count)],
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
