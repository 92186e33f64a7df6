"""The one bridge between rows and arrays; it fails on a missing or repeated cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import xarray as xr

from ravenstein.core.errors import EstimateError, listed
from ravenstein.core.estimate import DRAW, Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

POINT, DRAWS = "point", "draws"


def to_array(
    rows: pa.Table, value: str, labels: Mapping[str, Sequence[Any] | None]
) -> xr.DataArray:
    """Turn rows, one a cell, into an array.

    Args:
        rows: Rows with a column a dimension and the value.
        value: Column of the values.
        labels: The labels of each dimension, in the order wanted; None takes the labels in the
            order in which rows name them.

    Returns:
        The array over the dimensions.

    Raises:
        EstimateError: If a label is unknown, a cell is missing, repeated or without value.

    >>> rows = pa.table({"sex": ["F", "M"], "persons": [3, 4]})
    >>> to_array(rows, "persons", {"sex": ["M", "F"]}).values.tolist()
    [4, 3]
    """
    position, coords = _positions(rows, labels)
    column = _column(rows, value)
    values = column.to_numpy()
    missing = column.null_count
    if values.dtype.kind == "f":
        missing = int((~np.isfinite(values)).sum())
    if missing:
        raise _cell_error(f"{missing} cells without a value", value, "a value a cell")
    shape = tuple(len(names) for names in coords.values())
    filled = np.empty(int(np.prod(shape)), dtype=values.dtype)
    filled[position] = values
    return xr.DataArray(filled.reshape(shape), coords=coords, dims=tuple(coords))


def to_rows(array: xr.DataArray, value: str) -> pa.Table:
    """Turn an array into rows, one a cell, the last dimension running fastest.

    Args:
        array: Array with labelled dimensions.
        value: Name of the value's column.

    Returns:
        A column a dimension, then the value.
    """
    return _label_columns(array).append_column(value, pa.array(array.values.ravel()))


def estimate_to_rows(given: Estimate) -> pa.Table:
    """Turn an estimate into rows: a column a dimension, `point`, and `draws` as float32 lists."""
    rows = to_rows(given.point, POINT)
    count = given.draws.sizes[DRAW]
    flat = pa.array(given.draws.values.astype(np.float32).ravel())
    return rows.append_column(DRAWS, pa.FixedSizeListArray.from_arrays(flat, count))


def estimate_from_rows(rows: pa.Table, unit: str) -> Estimate:
    """Turn rows made by `estimate_to_rows` back into an estimate (draws as float64).

    Raises:
        EstimateError: If a cell is missing, repeated or without value or draws.
    """
    names = [name for name in rows.column_names if name not in (POINT, DRAWS)]
    position, coords = _positions(rows, dict.fromkeys(names))
    point = to_array(rows, POINT, coords)
    lists = rows.column(DRAWS).combine_chunks()
    lengths = np.unique(lists.value_lengths().to_numpy(zero_copy_only=False))
    if lists.null_count or lengths.size != 1:
        raise _cell_error(f"lists of {listed(lengths)} draws", DRAWS, "as many draws in each cell")
    worlds = np.empty((len(rows), int(lengths[0])), dtype=np.float64)
    worlds[position] = lists.flatten().to_numpy().reshape(len(rows), -1)
    labelled = {**coords, DRAW: np.arange(worlds.shape[1])}
    draws = xr.DataArray(
        worlds.reshape(*point.shape, -1), coords=labelled, dims=(*point.dims, DRAW)
    )
    return Estimate(point, draws, unit)


def _label_columns(array: xr.DataArray) -> pa.Table:
    grid = np.meshgrid(*[np.arange(size) for size in array.shape], indexing="ij")
    return pa.table(
        {
            str(name): pa.array(array[name].values).take(pa.array(places.ravel()))
            for name, places in zip(array.dims, grid, strict=True)
        },
    )


def _positions(
    rows: pa.Table, labels: Mapping[str, Sequence[Any] | None]
) -> tuple[np.ndarray[Any, Any], dict[str, list[Any]]]:
    """Return each row's place in the flat array, and the labels; every cell exactly once."""
    place = np.zeros(len(rows), dtype=np.int64)
    coords: dict[str, list[Any]] = {}
    for name, wanted in labels.items():
        column = _column(rows, name)
        if column.null_count:
            raise _cell_error(f"{column.null_count} rows without a label", name, "a label a row")
        given = column.unique().to_pylist()
        coords[name] = list(wanted) if wanted is not None else given
        unknown = set(given) - set(coords[name])
        if unknown:
            raise _cell_error(
                f"unknown labels {listed(sorted(unknown, key=str))}", name, "known labels"
            )
        at = {label: index for index, label in enumerate(coords[name])}
        dictionary = column.combine_chunks().dictionary_encode()
        code = np.array([at[label] for label in dictionary.dictionary.to_pylist()], dtype=np.int64)
        place = place * len(coords[name]) + code[dictionary.indices.to_numpy()]
    cells = int(np.prod([len(names) for names in coords.values()]))
    times = np.bincount(place, minlength=cells)
    missing, repeated = int((times == 0).sum()), int((times > 1).sum())
    if missing or repeated:
        first = np.unravel_index(
            int(np.argmax(times != 1)), [len(names) for names in coords.values()]
        )
        cell = ", ".join(
            f"{name}={names[index]}"
            for (name, names), index in zip(coords.items(), first, strict=True)
        )
        raise _cell_error(
            f"{missing} missing and {repeated} repeated cells, the first at {cell}",
            ", ".join(coords),
            f"each of {cells} cells once",
        )
    return place, coords


def _column(rows: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in rows.column_names:
        raise _cell_error(f"columns {', '.join(rows.column_names)}", name, "such a column")
    return rows.column(name)


def _cell_error(found: str, where: str, expected: str) -> EstimateError:
    return EstimateError(
        "The rows do not fill the array.",
        expected=expected,
        found=found,
        where=where,
        fix="Complete or deduplicate the rows before they become an array.",
    )
