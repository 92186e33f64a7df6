"""Cells of a stage: codes shared by interviews and reference tables, sums over them, rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ravenstein.core.errors import SurveyError, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

Codes = NDArray[np.int64]
Weights = NDArray[np.float64]
_FEW = 30


@dataclass(frozen=True)
class Cells:
    """Cells of several tables, in one coding.

    Args:
        rows: Cell of each row, for each table.
        labels: Label of each cell: its codes joined by `/`, a missing code as `–`.
    """

    rows: tuple[Codes, ...]
    labels: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.labels)

    def named(self, places: Any) -> str:
        """Return the labels of some cells, as a message shows them."""
        return listed([self.labels[i] for i in np.flatnonzero(places)])


def cells(*tables: Sequence[Any]) -> Cells:
    """Code the cells of tables by their columns.

    A missing value is a level of its own; 1, 1.0, "1" and " 1" are one code.

    Args:
        tables: Columns of each table, in one order; the columns of a table are of one length.

    >>> found = cells((["A", "A"], [1.0, None]), ([" A"], ["1"]))
    >>> [rows.tolist() for rows in found.rows], found.labels
    ([[1, 0], [1]], ('A/–', 'A/1'))
    """
    texts = [[_text(column) for column in columns] for columns in tables]
    joined = [
        np.array(["/".join(codes) for codes in zip(*columns, strict=True)], dtype=np.str_)
        for columns in texts
    ]
    labels, place = np.unique(np.concatenate(joined), return_inverse=True)
    ends = np.cumsum([part.size for part in joined])[:-1]
    order = sorted(range(labels.size), key=lambda i: str(labels[i]).replace("–", ""))
    rank = np.empty(labels.size, dtype=np.int64)
    rank[order] = np.arange(labels.size)
    rows = tuple(np.split(rank[place.ravel()], ends))
    return Cells(rows, tuple(str(labels[i]) for i in order))


def _text(column: Any) -> list[str]:
    """Return codes as text: numbers without decimals, blanks off, missing as a dash."""
    values = np.asarray(column)
    if values.dtype.kind in "iub":
        return [str(v) for v in values.astype(np.int64).tolist()]
    found = []
    for value in values.tolist():
        text = "" if value is None or value != value else str(value).strip()  # noqa: PLR0124
        if text.replace(".", "", 1).lstrip("-").isdigit():
            text = f"{float(text):g}"
        found.append(text if text and text.lower() != "nan" else "–")
    return found


def sums(weights: Weights, of: Codes, count: int) -> Weights:
    """Return sums of rows over cells, in every replicate [count, R].

    Args:
        weights: [n, R].
        of: Cell of each row [n].
        count: Number of cells.
    """
    total: Weights = _sums(np.ascontiguousarray(weights), of, count)
    return total


@njit(cache=True)
def _sums(weights: Any, of: Any, count: int) -> Any:
    out = np.zeros((count, weights.shape[1]))
    for row in range(weights.shape[0]):
        cell = of[row]
        for r in range(weights.shape[1]):
            out[cell, r] += weights[row, r]
    return out


def rounded(weights: Weights, decimals: int | None) -> Weights:
    """Return weights rounded half up, as the legacy system does between stages.

    Args:
        weights: Weights of any shape.
        decimals: Decimals to keep; all where None.

    Notes:
        What is a half in decimal but a little less in binary is rounded up too: a millionth of
        the last place is added.

    >>> rounded(np.array([1.0005, 2.4994]), 3).tolist()
    [1.001, 2.499]
    """
    if decimals is None:
        return weights
    scale = 10.0**decimals
    result: Weights = np.floor(weights * scale + 0.5 + 1e-6) / scale
    return result


def refuse(where: str, problem: str, expected: str, found: str, fix: str) -> SurveyError:
    """Return the error of a stage."""
    return SurveyError(problem, expected=expected, found=found, where=f"stage {where}", fix=fix)


def few(where: str, known: Cells, cases: Codes, what: str) -> list[str]:
    """Return a warning if cells have some cases, but fewer than 30."""
    small = (cases > 0) & (cases < _FEW)
    if not small.any():
        return []
    return [
        f"{where}: {int(small.sum())} of {int((cases > 0).sum())} cells have under {_FEW} {what}"
    ]
