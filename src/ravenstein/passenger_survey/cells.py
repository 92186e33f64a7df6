"""Cells of a stage: codes shared by interviews and reference tables, sums over them, rounding."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from ravenstein.core.errors import SurveyError, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

Codes = NDArray[np.int64]
Weights = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]  # of a declared table, by name
_MISSING = "–"
_WHOLE = re.compile(r"(-?)([0-9]+)(?:\.0*)?")


@dataclass(frozen=True)
class Cells:
    """Cells of several tables, in one coding.

    Args:
        rows: Cell of each row, for each table.
        parts: Codes of each cell, a missing code as `–`.
    """

    rows: tuple[Codes, ...]
    parts: tuple[tuple[str, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Label of each cell: its codes joined by `/`."""
        return tuple("/".join(codes) for codes in self.parts)

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.parts)

    def named(self, places: Any) -> str:
        """Return the labels of some cells, as a message shows them."""
        labels = self.labels
        return listed([labels[i] for i in np.flatnonzero(places)])


def cells(*tables: Sequence[Any]) -> Cells:
    """Code the cells of tables by their columns.

    A missing value is a level of its own; 1, 1.0, "1" and " 1" are one code.

    Args:
        tables: Columns of each table, in one order; the columns of a table are of one length.

    >>> found = cells((["A", "A"], [1.0, None]), ([" A"], ["1"]))
    >>> [rows.tolist() for rows in found.rows], found.labels
    ([[1, 0], [1]], ('A/–', 'A/1'))
    """
    sizes = [len(columns[0]) for columns in tables]
    key = np.zeros(sum(sizes), dtype=np.int64)
    levels: list[list[str]] = []
    for columns in zip(*tables, strict=True):
        place, texts = _levels([np.asarray(column) for column in columns])
        key = key * len(texts) + place
        levels.append(texts)
    kinds, rows = np.unique(key, return_inverse=True)
    parts = []
    for kind in kinds.tolist():
        rest, codes = kind, []
        for texts in reversed(levels):
            rest, code = divmod(rest, len(texts))
            codes.append(texts[code])
        parts.append(tuple(reversed(codes)))
    return Cells(tuple(np.split(rows.ravel(), np.cumsum(sizes)[:-1])), tuple(parts))


def _levels(parts: list[NDArray[Any]]) -> tuple[Codes, list[str]]:
    """Return the level of each value of a column of several tables, and the levels as text."""
    numeric = all(part.dtype.kind in "iubf" for part in parts)
    joined = np.concatenate([part if numeric else part.astype(object) for part in parts])
    if numeric:
        kinds, place = np.unique(joined, return_inverse=True)
    else:
        kinds, place = _kinds(joined)
    named = [_text(value) for value in kinds.tolist()]
    texts = sorted(set(named), key=lambda text: "" if text == _MISSING else text)
    rank = {text: i for i, text in enumerate(texts)}
    return np.array([rank[name] for name in named], dtype=np.int64)[place.ravel()], texts


def _kinds(values: NDArray[Any]) -> tuple[NDArray[Any], Codes]:
    """Return the distinct values of a column of objects, and the place of each value in them."""
    try:
        coded = pa.array(values, from_pandas=True).dictionary_encode(null_encoding="encode")
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # texts and numbers in one column
        seen: dict[Any, int] = {}
        places = [seen.setdefault(value, len(seen)) for value in values.tolist()]
        return np.array(list(seen), dtype=object), np.array(places, dtype=np.int64)
    kinds = np.array(coded.dictionary.to_pylist(), dtype=object)
    return kinds, coded.indices.to_numpy().astype(np.int64)


def _text(value: Any) -> str:
    """Return a code as text: whole numbers without decimals, blanks off, missing as a dash."""
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    text = "" if missing else str(value).strip()
    whole = _WHOLE.fullmatch(text)
    if whole:
        text = f"{whole[1]}{whole[2].lstrip('0') or '0'}"
    return text if text and text.lower() != "nan" else _MISSING


def rows_of(columns: Columns, rows: Any) -> dict[str, NDArray[Any]]:
    """Return some rows of columns."""
    return {name: values[rows] for name, values in columns.items()}


def sums(weights: Weights, of: Codes, count: int, times: Any = None) -> Weights:
    """Return sums of rows over cells, in every replicate [count, R].

    Args:
        weights: [n, R].
        of: Cell of each row [n].
        count: Number of cells.
        times: What each row counts for; once where not given [n].
    """
    each = np.ones(of.size) if times is None else np.asarray(times, dtype=np.float64)
    total: Weights = _sums(np.ascontiguousarray(weights), of, count, each)
    return total


@njit(cache=True, nogil=True)
def _sums(weights: Any, of: Any, count: int, times: Any) -> Any:
    out = np.zeros((count, weights.shape[1]))
    for row in range(weights.shape[0]):
        cell, own = of[row], times[row]
        if own != 0:
            for r in range(weights.shape[1]):
                out[cell, r] += own * weights[row, r]
    return out


def multiply(
    weights: Weights, factors: Weights, takes: Codes, times: NDArray[np.float64], scale: float
) -> None:
    """Multiply weights by the factor of the row's cell and the row's own, in place.

    Args:
        weights: Weights before, and after [n, R]; the largest arrays there are.
        factors: Factors of cells [cells, R]; one column serves all replicates.
        takes: Cell of each row [n].
        times: What each row multiplies by [n].
        scale: Ten to the number of decimals to round to, half up, before multiplying; 0 for none.
    """
    wide = np.ascontiguousarray(np.broadcast_to(factors, (factors.shape[0], weights.shape[1])))
    _multiply(weights, wide, takes, times, scale)


@njit(cache=True, nogil=True)
def _multiply(weights: Any, factors: Any, takes: Any, times: Any, scale: float) -> None:
    for row in range(weights.shape[0]):
        cell = takes[row]
        for r in range(weights.shape[1]):
            own = factors[cell, r] * times[row]
            if scale > 0:
                own = np.floor(own * scale + 0.5 + 1e-6) / scale
            weights[row, r] *= own


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
