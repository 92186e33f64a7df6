"""Draws on disk, written in blocks: a row a cell and block, its draws a list of float32."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as arrow_parquet

from ravenstein.core.cells import DRAWS
from ravenstein.core.errors import EstimateError
from ravenstein.store.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FIRST = "first_draw"


@contextlib.contextmanager
def draws_file(
    path: Path, labels: Mapping[str, Sequence[Any]], fixed: Sequence[str] = ()
) -> Iterator[Callable[..., None]]:
    """Give a function that appends one block of draws of all cells.

    Args:
        path: The Parquet file; there as a whole when the block ends, or not at all.
        labels: Labels of each dimension of the cells, in order.
        fixed: Further columns that are one whole number in each block, such as the year.

    Yields:
        A function of the block [draws, cells…], the number of its first draw, the cells to write
        [cells…] where not all are, and the fixed columns by name.
    """
    shape = tuple(len(names) for names in labels.values())
    grid = np.indices(shape).reshape(len(shape), -1)
    cells = {
        name: pa.array(list(values)).take(pa.array(places))
        for (name, values), places in zip(labels.items(), grid, strict=True)
    }
    size = grid.shape[1]
    names = [*fixed, *labels, FIRST, DRAWS]
    kinds = [pa.int64()] * len(fixed) + [column.type for column in cells.values()]
    schema = pa.schema(list(zip(names, [*kinds, pa.int64(), pa.list_(pa.float32())], strict=True)))
    with (
        replacing(path) as target,
        arrow_parquet.ParquetWriter(
            str(target),
            schema,
            compression="zstd",
            use_dictionary=names[:-1],
            column_encoding={f"{DRAWS}.list.element": "BYTE_STREAM_SPLIT"},
        ) as writer,
    ):

        def append(
            block: NDArray[np.float64],
            first: int,
            chosen: NDArray[np.bool_] | None = None,
            **values: int,
        ) -> None:
            place = np.arange(size) if chosen is None else np.flatnonzero(chosen.ravel())
            rows = block.reshape(block.shape[0], size)[:, place].T
            flat = np.ascontiguousarray(rows, dtype=np.float32)
            ends = np.arange(place.size + 1, dtype=np.int32) * block.shape[0]
            columns = [pa.array(np.full(place.size, values[name], np.int64)) for name in fixed]
            columns += [column.take(pa.array(place)) for column in cells.values()]
            columns.append(pa.array(np.full(place.size, first, dtype=np.int64)))
            lists = pa.ListArray.from_arrays(pa.array(ends), pa.array(flat.ravel()))
            writer.write_table(pa.Table.from_arrays([*columns, lists], schema=schema))

        yield append


def read_draws(path: Path, keys: Sequence[str], **chosen: Any) -> tuple[pa.Table, NDArray[Any]]:
    """Read cells of a file of draws.

    Args:
        path: The file.
        keys: The columns that name a cell.
        chosen: Values that columns must have, such as `year=2011`; all cells where none is given.

    Returns:
        The cells (columns `keys`, in order) and their draws [cells, draws], float32.

    Raises:
        EstimateError: If there are no such cells.
    """
    filters = [(name, "=", value) for name, value in chosen.items()] or None
    rows = arrow_parquet.read_table(path, filters=filters)
    if not rows.num_rows:
        raise EstimateError(
            "There are no such cells in the file of draws.",
            expected=f"values that occur in {', '.join(chosen) or 'the file'}",
            found=", ".join(f"{name}={value}" for name, value in chosen.items()) or "no rows",
            where=path.name,
            fix="Ask for fewer conditions to see which values there are.",
        )
    order = [(FIRST, "ascending"), *((key, "ascending") for key in keys)]
    rows = rows.take(pc.sort_indices(rows.select([FIRST, *keys]), sort_keys=order))
    firsts = rows.column(FIRST).to_numpy()
    starts = np.flatnonzero(np.diff(firsts, prepend=-1))
    parts = []
    for start, end in itertools.pairwise([*starts.tolist(), firsts.size]):
        lists = rows.column(DRAWS).slice(start, end - start).combine_chunks()
        parts.append(lists.flatten().to_numpy().reshape(end - start, -1))
    cells = rows.slice(0, parts[0].shape[0]).select(list(keys))
    return cells, np.concatenate(parts, axis=1)
