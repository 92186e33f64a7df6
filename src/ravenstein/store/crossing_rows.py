"""Rows of crossings out: those that were answered, and those that were put aside."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

if TYPE_CHECKING:
    from pathlib import Path

ASIDE = pa.schema(
    [
        ("file", pa.string()),
        ("row", pa.int64()),
        ("reason", pa.string()),
        ("person_id", pa.string()),
        ("crossed", pa.string()),
        ("direction", pa.string()),
    ]
)


class CrossingWriter:
    """Writes answered crossings to Parquet, and to CSV if wanted, a bucket at a time.

    Args:
        folder: Where `crossings.parquet` (and `crossings.csv.gz`) are made.
        schema: The columns.
        csv: Whether to write CSV too.
    """

    def __init__(self, folder: Path, schema: pa.Schema, *, csv: bool = False) -> None:
        coded = [f.name for f in schema if pa.types.is_dictionary(f.type)]
        # numbers by their differences: small, and cheaper to make than a dictionary; only the
        # identifiers, which come in runs, gain by a compressor
        numbers = {
            f.name: "DELTA_BINARY_PACKED"
            for f in schema
            if f.name not in coded and f.name != "person_id"
        }
        # without bounds by row group: persons are in no order that a reader could use
        self._parquet = arrow_parquet.ParquetWriter(
            folder / "crossings.parquet",
            schema,
            compression={n: "lz4" if n == "person_id" else "none" for n in schema.names},
            use_dictionary=coded,
            column_encoding=numbers,
            write_statistics=False,
            write_batch_size=1 << 16,
            store_schema=False,
        )
        self._text = self._csv = None
        if csv:
            self._text = pa.CompressedOutputStream(str(folder / "crossings.csv.gz"), "gzip")
            options = arrow_csv.WriteOptions(quoting_style="needed", quoting_header="none")
            self._csv = arrow_csv.CSVWriter(self._text, schema, write_options=options)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def write(self, rows: pa.Table) -> None:
        """Write rows as a row group."""
        self._parquet.write_table(rows, row_group_size=max(rows.num_rows, 1))
        if self._csv:
            self._csv.write_table(rows)

    def __exit__(self, *_: object) -> None:
        """End the files."""
        self._parquet.close()
        if self._csv and self._text:
            self._csv.close()
            self._text.close()


class AsideWriter:
    """Writes rows that were put aside, from several threads.

    Args:
        path: The Parquet file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = arrow_parquet.ParquetWriter(path, ASIDE, compression="zstd")
        self._lock = threading.Lock()
        self._dropped: list[str] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def write(self, columns: dict[str, Any]) -> None:
        """Write rows."""
        rows = pa.table(columns).select(ASIDE.names).cast(ASIDE)
        with self._lock:
            self._writer.write_table(rows)

    def drop(self, file: str) -> None:
        """Leave out the rows of a file at last."""
        self._dropped.append(file)

    def __exit__(self, *_: object) -> None:
        """End the file."""
        self._writer.close()
        if not self._dropped:
            return
        whole = self._path.with_name(f".{self._path.name}")
        self._path.rename(whole)
        with (
            arrow_parquet.ParquetFile(whole) as old,
            arrow_parquet.ParquetWriter(self._path, ASIDE, compression="zstd") as new,
        ):
            for batch in old.iter_batches():
                rows = pa.table(batch)
                out = pc.is_in(rows["file"], value_set=pa.array(self._dropped))
                new.write_table(rows.filter(pc.invert(out)))
        whole.unlink()
