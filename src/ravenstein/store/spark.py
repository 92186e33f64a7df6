"""Spark: parts of files spread by person over its tasks, and answered there.

What moves between tasks are blocks: the rows of a part that belong to one bucket of persons, as
Arrow's bytes. Moving them costs little more than copying; moved row by row they would cost Spark
more than the rule does. No time is ever handed to Spark, so its time zone does not matter.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import traceback
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from ravenstein.core.errors import StoreError, StudyError
from ravenstein.store.buckets import keyed_hash, ordered, placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from ravenstein.store.crossing_rows import AsideWriter

    Held = list[tuple[int, Any]]

_BLOCKS = pa.schema(
    [("file", pa.int32()), ("part", pa.int64()), ("bucket", pa.int32()), ("rows", pa.binary())]
)
_NOTE = -1  # the bucket of a row that holds no block but what a task has to tell
_ROWS = 1 << 20  # rows of a bucket that one task holds at ease
_MOST = 1 << 16  # buckets
_TASKS = 16  # that read, a processor: parts may differ in size
_BYTES = 1 << 26  # of blocks that are handed to a task at once
_SIGN = "ravenstein task"
_KEY = (0, 0)  # nothing is kept in buckets: whose are where need be no secret
_SETTINGS: dict[str, bool | float | int | str | None] = {
    "spark.app.name": "ravenstein",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of a part of a file that belong to one bucket.

    Args:
        file: Number of the file.
        part: Number of the part; blocks are answered in order of file and part.
        bucket: Number of the bucket.
        rows: The rows, as `blocks` makes them.
    """

    file: int
    part: int
    bucket: int
    rows: bytes


def spark_session(given: Any = None) -> Any:
    """Return a session for one run, with settings of its own.

    Args:
        given: A session to run in; the active one, or a new one, if None. A new one runs where
            Spark's own settings say (`spark-submit`, `spark-defaults.conf`), on all processors of
            this machine where they say nothing, and stays for the next run.

    Raises:
        StudyError: If pyspark or Java is missing.
    """
    with _quiet():
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise _lacking("no package pyspark", "pip install 'ravenstein[spark]'") from None
        session = (given or SparkSession.getActiveSession() or _new_session()).newSession()
    session.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(_BYTES))
    return session


def _new_session() -> Any:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java", path=str(Path(home) / "bin") if home else None):
        raise _lacking(f"no java in {'JAVA_HOME' if home else 'PATH'}", "Install Java 17 or later.")
    # else tasks would run another Python, without what is installed in this one
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        return SparkSession.builder.config(map=_SETTINGS).getOrCreate()
    except PySparkException as error:
        raise _lacking(type(error).__name__, "See what Java says above.") from None


def _lacking(found: str, fix: str) -> StudyError:
    return StudyError(
        "Spark is not there.",
        expected="pyspark, and Java 17 or later",
        found=found,
        where="--engine spark",
        fix=fix,
    )


def spark_buckets(session: Any, rows: int) -> int:
    """Return a number of buckets, a power of two: one a processor, and more for many rows."""
    processors: int = session.sparkContext.defaultParallelism
    least = max(processors, 2, -(-rows // _ROWS))
    return min(1 << (least - 1).bit_length(), _MOST)


def blocks(order: tuple[int, int], ids: Any, values: NDArray[np.int32], count: int) -> list[Block]:
    """Return rows in blocks, a block a bucket.

    Args:
        order: Numbers of the file and the part they are from.
        ids: Identifiers, whole numbers or an Arrow array of text [n].
        values: What is kept of each row [n].
        count: Number of buckets, a power of two, at most 65,536.
    """
    place, starts = placed(keyed_hash(ids, _KEY), count)
    sorting = ordered(place, starts, np.arange(values.size))
    whole = isinstance(ids, np.ndarray)
    sorted_ids = pa.array(ids[sorting]) if whole else ids.take(pa.array(sorting))
    rows = pa.record_batch(
        [sorted_ids.cast(_kind(whole=whole)), pa.array(values[sorting])], schema=_rows(whole=whole)
    )
    return [
        Block(*order, b, rows.slice(starts[b], starts[b + 1] - starts[b]).serialize().to_pybytes())
        for b in np.flatnonzero(np.diff(starts)).tolist()
    ]


def unpacked(held: list[Any], *, whole_numbers: bool) -> tuple[Any, NDArray[np.int32]]:
    """Return identifiers (whole numbers, or an Arrow array of large text) and values of blocks.

    Args:
        held: Rows of each, as `blocks` made them.
        whole_numbers: Whether identifiers are whole numbers.
    """
    schema = _rows(whole=whole_numbers)
    parts = [pa.ipc.read_record_batch(rows, schema) for rows in held]
    table = pa.Table.from_batches(parts, schema)
    ids, values = (pa.concat_arrays([pa.array([], c.type), *c.chunks]) for c in table.columns)
    return ids.to_numpy() if whole_numbers else ids, values.to_numpy()


def _kind(*, whole: bool) -> pa.DataType:
    return pa.int64() if whole else pa.large_string()


def _rows(*, whole: bool) -> pa.Schema:
    return pa.schema([("id", _kind(whole=whole)), ("value", pa.int32())])


@contextmanager
def spread(
    session: Any, parts: int, read: Callable[[int], Iterator[list[Block] | str]]
) -> Iterator[tuple[Any, list[str]]]:
    """Have parts read, and keep their blocks with Spark until they are answered.

    Args:
        session: The session.
        parts: Number of parts.
        read: Gives the blocks of a part by its number, a few at a time, and notes to send back.

    Yields:
        The blocks, and all notes.
    """
    tasks = min(max(parts, 1), _TASKS * session.sparkContext.defaultParallelism)
    with _failure_told():
        numbers = session.range(0, parts, 1, tasks)
        kept = numbers.mapInArrow(partial(_reading, read=read), _spark_schema(_BLOCKS)).persist()
    try:
        with _failure_told():
            notes = kept.filter(f"bucket = {_NOTE}").select("rows").collect()
        yield kept, [bytes(note.rows).decode() for note in notes]
    finally:
        kept.unpersist()


def at_buckets(
    kept: Any, count: int, left_out: set[int], answer: Callable[[int, Held], str]
) -> list[str]:
    """Have buckets answered, each as a whole in one task.

    Args:
        kept: The blocks.
        count: Number of buckets.
        left_out: Files whose blocks are not used.
        answer: Answers a bucket: its number, and its blocks in order of file and part, the file
            and the rows of each; gives a note to send back. A task that Spark repeats answers the
            same bucket again, and only the note of one that ended comes back.

    Returns:
        The notes, in order of the buckets.
    """
    with _failure_told():
        used = kept.filter(f"bucket <> {_NOTE}")
        if left_out:
            used = used.filter(~used.file.isin(sorted(left_out)))
        placed = used.repartitionById(count, "bucket")
        found = placed.mapInArrow(partial(_answering, answer=answer), "bucket int, note string")
        return [row.note for row in sorted(found.collect())]


def _spark_schema(schema: pa.Schema) -> str:
    names = {pa.int32(): "int", pa.int64(): "bigint", pa.binary(): "binary"}
    return ", ".join(f"{field.name} {names[field.type]}" for field in schema)


def _reading(
    batches: Iterable[pa.RecordBatch], read: Callable[[int], Iterator[list[Block] | str]]
) -> Iterator[pa.RecordBatch]:
    """Read the parts whose numbers Spark gives to a task."""
    with _without_values():
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for found in read(number):
                    some = [Block(0, 0, _NOTE, found.encode())] if isinstance(found, str) else found
                    columns = [
                        pa.array([getattr(one, field.name) for one in some], field.type)
                        for field in _BLOCKS
                    ]
                    yield pa.record_batch(columns, schema=_BLOCKS)


def _answering(
    batches: Iterable[pa.RecordBatch], answer: Callable[[int, Held], str]
) -> Iterator[pa.RecordBatch]:
    """Answer the buckets that Spark gives to a task."""
    with _without_values():
        held: dict[int, list[list[Any]]] = {}
        # a person's blocks may lie in several batches: all are taken before one is answered
        for batch in batches:
            files, parts, buckets = (batch.column(i).to_pylist() for i in range(3))
            rows = (one.as_buffer() for one in batch.column(3))
            for *one, place in zip(files, parts, rows, buckets, strict=True):
                held.setdefault(place, []).append(one)
        for place in sorted(held):
            ordered = sorted(held.pop(place), key=lambda one: one[:2])
            note = answer(place, [(file, rows) for file, _, rows in ordered])
            yield pa.record_batch(
                [pa.array([place], pa.int32()), pa.array([note], pa.string())], ["bucket", "note"]
            )


@contextmanager
def written_once(path: Path) -> Iterator[Path]:
    """Give a path to write to that no other task has; it takes the place of `path` at the end.

    Spark may run a task twice, even at the same time: the file is then the same, and whole.
    """
    own = path.with_name(f".{token_hex(8)}")
    own.mkdir()
    try:
        yield own / path.name
        (own / path.name).replace(path)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def put_together(paths: Iterable[Path], into: AsideWriter) -> None:
    """Write the rows of files of rows put aside into one."""
    for path in paths:
        with arrow_parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                into.write(dict(zip(batch.schema.names, batch.columns, strict=True)))


@contextmanager
def _without_values() -> Iterator[None]:
    """Tell what went wrong in a task by its kind and place alone: its message may quote a row."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "ravenstein" in Path(frame.filename).parts][-1]
        place = f"{type(error).__name__} in {Path(own.filename).name}, line {own.lineno}"
        raise RuntimeError(f"{_SIGN}: {place}") from None


@contextmanager
def _failure_told() -> Iterator[None]:
    """Tell that Spark failed without what it says: only what is known to quote no row."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        with _quiet():
            yield
    except (PySparkException, Py4JError) as error:
        found = re.search(rf"{_SIGN}: (\w+ in \S+, line \d+)", str(error))
        raise StoreError(
            "Spark did not finish.",
            expected="tasks that end, on machines that reach the files and the folder for results",
            found=found[1] if found else type(error).__name__,
            where="--engine spark",
            fix="Look into Spark's log.",
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out a warning of pyspark that means nothing here: no frame of pandas is made."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        yield
