"""Controlled rounding: whole numbers whose sums are whole numbers next to the true sums."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from ravenstein.core.errors import DemographyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Places = NDArray[np.int64]

_NEAR = 1e-9  # nearer to a whole number than this, a value is that number


def controlled_rounding(
    values: Any, first: Sequence[Places], second: Sequence[Places] = ()
) -> Whole:
    r"""Round a table so that every cell and every sum is rounded up or down by less than one.

    Args:
        values: Cells [n], flat.
        first: Groups of cells from fine to coarse, each a number a cell [n]; a coarser group is a
            union of finer ones, such as area × sex, area, region. The sum of all is always one.
        second: Another such chain that crosses the first, such as sex × age, sex.

    Returns:
        Whole numbers [n] with $\lvert x - v\rvert < 1$ in every cell, group of either chain and
        in all: so ages, sexes and areas add. Of all such roundings the one of least total
        absolute change.

    Raises:
        DemographyError: If values are missing, or groups of a chain are not nested.

    Notes:
        $\min \sum (1 - 2 f_i) u_i$ with $u_i \in \{0, 1\}$ for fractions $f_i$, subject to
        $\lfloor s_g \rfloor \le \sum_{i \in g} (\lfloor v_i \rfloor + u_i) \le \lceil s_g \rceil$.
        Two chains of nested groups are two laminar families, whose matrix is totally unimodular:
        the linear program has a whole solution, and one always exists because the fractions
        themselves are feasible. Three crossing margins have no such guarantee and are not offered.

    Source:
        Cox, Journal of the American Statistical Association 82 (1987) 520–524; Edmonds, in
        Combinatorial Structures and Their Applications (1970), on two laminar families.

    >>> table = np.array([[0.5, 0.5], [0.5, 1.5]])
    >>> row, column = np.indices(table.shape)
    >>> whole = controlled_rounding(table.ravel(), [row.ravel()], [column.ravel()]).reshape(2, 2)
    >>> whole.sum(axis=0).tolist(), whole.sum(axis=1).tolist()
    ([1, 2], [1, 2])
    """
    cells = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(cells).all():
        raise _error("values are missing", f"{int((~np.isfinite(cells)).sum())} of them", "numbers")
    chains = [
        [np.unique(np.asarray(g), return_inverse=True)[1] for g in c] for c in (first, second)
    ]
    for chain in chains:
        for fine, coarse in pairwise(chain):
            _check_nested(fine, coarse)
    near = np.round(cells)
    cells = np.where(np.abs(cells - near) < _NEAR, near, cells)
    base = np.floor(cells)
    fraction = cells - base
    free = np.flatnonzero(fraction)
    groups = [group for chain in chains for group in chain]
    up = _ups(fraction[free], [group[free] for group in groups])
    rounded = base.astype(np.int64)
    rounded[free] += up
    return rounded


def _ups(fraction: Floats, groups: list[Places]) -> Whole:
    """Return which of the cells with a fraction go up, 1 or 0."""
    if not fraction.size:
        return np.zeros(0, dtype=np.int64)
    rows, low, high = [], [], []
    for group in [*groups, np.zeros(fraction.size, dtype=np.int64)]:
        here, place = np.unique(group, return_inverse=True)
        one = np.ones(fraction.size)
        rows.append(csr_array((one, (place, np.arange(place.size))), (here.size, place.size)))
        sums = np.bincount(place, fraction)
        near = np.round(sums)
        sums = np.where(np.abs(sums - near) < _NEAR * (1 + near), near, sums)
        low.append(np.floor(sums))
        high.append(np.ceil(sums))
    matrix = vstack(rows)
    found = linprog(
        1 - 2 * fraction,
        A_ub=vstack([matrix, -matrix]),
        b_ub=np.concatenate([*high, *(-part for part in low)]),
        bounds=(0, 1),
        method="highs-ds",
    )
    if found.x is None or np.abs(found.x - np.round(found.x)).max() > 1e-6:
        raise _error("no whole solution was found", str(found.message), "a vertex of the program")
    return np.asarray(np.round(found.x), dtype=np.int64)


def _check_nested(fine: Places, coarse: Places) -> None:
    pairs = np.unique(np.stack([fine, coarse]), axis=1).shape[1]
    groups = int(fine.max(initial=-1)) + 1
    if pairs > groups:
        raise _error(
            "groups of a chain are not nested",
            f"{pairs - groups} finer groups that lie in several coarser ones",
            "each finer group within one coarser group",
        )


def _error(what: str, found: str, expected: str) -> DemographyError:
    return DemographyError(
        f"The table cannot be rounded: {what}.",
        expected=expected,
        found=found,
        where="controlled rounding",
        fix="Give chains of groups from fine to coarse, such as area × sex, area, region.",
    )
