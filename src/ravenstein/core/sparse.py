"""Sparse estimates: the cells of a large table that are not 0, with their draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.cells import DRAWS, POINT
from ravenstein.core.errors import EstimateError, listed
from ravenstein.core.estimate import estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate


@dataclass(frozen=True, eq=False)
class SparseEstimate:
    """Cells of one quantity, those that are not 0; a cell that is not listed is 0 in every draw.

    Args:
        labels: Label of each cell in each dimension [m]; cells may be listed in parts, whose sum
            they are.
        values: Point values, then draws [m, 1 + K].
        unit: Unit of the values.

    Raises:
        EstimateError: If lengths differ, or a value is missing.

    >>> cells = SparseEstimate(
    ...     {"sex": np.array(["F", "F"])}, np.array([[1.0, 2.0], [3.0, 4.0]]), "persons")
    >>> cells.over({"sex": ["F", "M"]}).draws.values.tolist()
    [[6.0], [0.0]]
    """

    labels: Mapping[str, NDArray[Any]]
    values: NDArray[Any]
    unit: str

    def __post_init__(self) -> None:
        sizes = {len(column) for column in self.labels.values()} | {len(self.values)}
        missing = int((~np.isfinite(self.values)).sum())
        if len(sizes) > 1 or self.values.ndim != 2 or missing:
            raise EstimateError(
                "The cells of a sparse estimate do not fit together.",
                expected="a label a cell in each dimension, values [m, 1 + K] that are finite",
                found=f"{len(self.values)} rows of values, labels of {listed(sorted(sizes))}, "
                f"{missing} values missing or infinite",
                where=f"cells over {', '.join(self.labels)}",
                fix="Build labels and values from the same rows.",
            )

    @property
    def count(self) -> int:
        """Number of cells listed."""
        return len(self.values)

    @property
    def draws(self) -> int:
        """Number of draws."""
        return int(self.values.shape[1]) - 1

    def distinct(self, dimension: str) -> list[Any]:
        """Return the labels of a dimension that occur, in order."""
        found: list[Any] = np.unique(self.labels[dimension]).tolist()
        return found

    def where(self, chosen: NDArray[np.bool_]) -> SparseEstimate:
        """Return some of the cells [m]."""
        labels = {name: column[chosen] for name, column in self.labels.items()}
        return SparseEstimate(labels, self.values[chosen], self.unit)

    def relabelled(self, **columns: NDArray[Any]) -> SparseEstimate:
        """Return the same cells with other labels in some dimensions, or in new ones."""
        return SparseEstimate({**self.labels, **columns}, self.values, self.unit)

    def scaled(self, factor: Any) -> SparseEstimate:
        """Return the cells times factors: a number, or one a cell and draw [m, 1 + K]."""
        return SparseEstimate(self.labels, self.values * factor, self.unit)

    def sums(self, dimensions: Mapping[str, Sequence[Any]]) -> NDArray[np.float64]:
        """Return sums over all other dimensions: point, then draws [cells…, 1 + K].

        Args:
            dimensions: Labels of the dimensions to keep, in order.

        Raises:
            EstimateError: If a label that occurs is not among them: nothing is dropped.
        """
        place, shape = np.zeros(self.count, dtype=np.int64), []
        for name, wanted in dimensions.items():
            shape.append(len(wanted))
            place = place * len(wanted) + _places(self.labels[name], wanted, name)
        cells = int(np.prod(shape, dtype=np.int64))
        total = np.zeros((cells, self.values.shape[1]))
        order = np.argsort(place, kind="stable")
        if order.size:
            kinds, starts = np.unique(place[order], return_index=True)
            total[kinds] = np.add.reduceat(self.values[order].astype(np.float64), starts, axis=0)
        return total.reshape(*shape, -1)

    def over(self, dimensions: Mapping[str, Sequence[Any]]) -> Estimate:
        """Return the sums over all other dimensions as an estimate, 0 where no cell is listed."""
        total = self.sums(dimensions)
        return estimate(total[..., 0], total[..., 1:], dimensions, self.unit)


def together(parts: Sequence[SparseEstimate]) -> SparseEstimate:
    """Return the cells of several sparse estimates of the same dimensions, draws and unit."""
    first = parts[0]
    kinds = {(tuple(sorted(p.labels)), p.draws, p.unit) for p in parts}
    if len(kinds) > 1:
        raise EstimateError(
            "Sparse estimates of different kinds cannot be put together.",
            expected=f"{', '.join(first.labels)}; {first.draws} draws; {first.unit}",
            found=listed(f"{', '.join(names)}; {draws} draws; {unit}" for names, draws, unit in
                         sorted(kinds)),
            where="together",
            fix="Give all the same dimensions and draws.",
        )  # fmt: skip
    labels = {name: np.concatenate([part.labels[name] for part in parts]) for name in first.labels}
    return SparseEstimate(labels, np.concatenate([part.values for part in parts]), first.unit)


def sparse(values: NDArray[Any], labels: Mapping[str, Sequence[Any]], unit: str) -> SparseEstimate:
    """Return every cell of an array as cells of a sparse estimate.

    Args:
        values: Point values, then draws [cells…, 1 + K].
        labels: Labels of each dimension of the cells, in order.
        unit: Unit of the values.
    """
    places = np.indices(values.shape[:-1]).reshape(len(labels), -1)
    columns = {
        name: np.asarray(names)[place]
        for (name, names), place in zip(labels.items(), places, strict=True)
    }
    return SparseEstimate(columns, values.reshape(-1, values.shape[-1]), unit)


def gathered(
    columns: Mapping[str, NDArray[Any]],
    weights: NDArray[np.float64],
    summed: Callable[[NDArray[np.float64], NDArray[np.int64], int], NDArray[np.float64]],
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
    """Return the distinct cells of rows, and the sums of their weights.

    Args:
        columns: Label of each row in each dimension [n].
        weights: Weights, the full sample first [n, 1 + K].
        summed: Sums rows of weights over the number of their cell: weights, numbers, count.
    """
    key = np.zeros(len(weights), dtype=np.int64)
    for values in columns.values():
        kinds, place = np.unique(values, return_inverse=True)
        key = key * kinds.size + place.ravel()
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    labels = {name: values[first] for name, values in columns.items()}
    return labels, summed(weights, number.ravel(), first.size)


def sparse_to_rows(given: SparseEstimate) -> pa.Table:
    """Turn a sparse estimate into rows: a column a dimension, `point`, and `draws` as float32."""
    rows = pa.table({name: pa.array(column) for name, column in given.labels.items()})
    rows = rows.append_column(POINT, pa.array(given.values[:, 0].astype(np.float64)))
    flat = pa.array(np.ascontiguousarray(given.values[:, 1:], dtype=np.float32).ravel())
    return rows.append_column(DRAWS, pa.FixedSizeListArray.from_arrays(flat, given.draws))


def sparse_from_rows(rows: pa.Table, unit: str, draws: int) -> SparseEstimate:
    """Turn rows made by `sparse_to_rows` back into a sparse estimate.

    Args:
        rows: The rows.
        unit: Unit of the values.
        draws: Number of draws, where there are no rows to tell.
    """
    names = [name for name in rows.column_names if name not in (POINT, DRAWS)]
    labels = {name: rows[name].to_numpy(zero_copy_only=False) for name in names}
    labels = {n: v.astype(str) if v.dtype == object else v for n, v in labels.items()}
    lists = rows[DRAWS].combine_chunks()
    flat = lists.flatten().to_numpy().reshape(rows.num_rows, draws)
    point = rows[POINT].to_numpy()[:, None]
    return SparseEstimate(labels, np.concatenate([point, flat], axis=1), unit)


def _places(labels: NDArray[Any], wanted: Sequence[Any], name: str) -> NDArray[np.int64]:
    kinds, place = np.unique(labels, return_inverse=True)
    known = {label: i for i, label in enumerate(wanted)}
    unknown = [kind for kind in kinds.tolist() if kind not in known]
    if unknown:
        raise EstimateError(
            f"Cells have labels in {name!r} that were not asked for.",
            expected=listed(wanted),
            found=listed(unknown),
            where=f"dimension {name}",
            fix="Ask for all labels, or leave the cells out before.",
        )
    of: NDArray[np.int64] = np.array([known[kind] for kind in kinds.tolist()], dtype=np.int64)
    return of[place.ravel()] if of.size else place.ravel().astype(np.int64)
