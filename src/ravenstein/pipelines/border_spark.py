"""Border movements on Spark: the same reading, rule and writing, in its tasks.

Parts of files are read in tasks, by the reader of the local engine, so that both find the same rows
good and bad. Crossings move between tasks in blocks by bucket of persons; a bucket is answered as
a whole in one task. Each task writes its own part of `crossings.parquet`, by the writer of the
local engine, and renames it when it is whole: Spark's writer takes rows one by one, and doubled
the time. Counts come back as results of tasks, which Spark takes once however often it runs a task.
Files and folder must be reached by one path from all machines, which have this package too.
"""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.border.crossings import MINUTES_A_DAY
from ravenstein.core.errors import SourceError, StudyError
from ravenstein.pipelines.border import (
    ASIDE_FILE,
    CROSSINGS,
    OWN,
    REPORT,
    SUMMARY,
    last_day,
    refuse_day,
    told_report,
)
from ravenstein.pipelines.border_answers import Sums, answer_bucket, rows_schema, summary_rows
from ravenstein.pipelines.border_intake import (
    FileCounts,
    Intake,
    opened_files,
    take_batch,
    take_register,
)
from ravenstein.store.crossing_files import batches
from ravenstein.store.crossing_rows import AsideWriter, CrossingWriter
from ravenstein.store.files import (
    alone_in,
    new_folder,
    publish_folder,
    refuse_others,
    write_csv,
    write_text,
)
from ravenstein.store.history import Facts
from ravenstein.store.spark import (
    Block,
    at_buckets,
    blocks,
    put_together,
    spark_buckets,
    spark_session,
    spread,
    unpacked,
    written_once,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.pipelines.border_intake import BorderJob
    from ravenstein.store.crossing_files import CrossingFile
    from ravenstein.store.spark import Held

_REGISTER = -1  # in the place of a file's number
_FEW = 256  # blocks that are handed to Spark at once
_WORK = ".parts"  # in the folder that waits: what tasks write, until it is whole


@dataclass(frozen=True)
class _Task:
    """What every task has to know.

    Args:
        opened: The files.
        parts: File and part that each number stands for.
        job: What is asked.
        given: The present minute, and whether identifiers are whole numbers.
        buckets: Number of buckets.
        folder: The folder that waits.
    """

    opened: list[CrossingFile]
    parts: list[tuple[int, int]]
    job: BorderJob
    given: tuple[int, bool]
    buckets: int
    folder: Path


def classify_on_spark(
    files: Sequence[Path], out: Path, job: BorderJob, session: Any = None
) -> dict[str, Any]:
    """Answer on Spark for each crossing in files whether it makes or ends a resident.

    Args:
        files: Parquet or CSV (also .gz) files, or folders of them.
        out: Folder for results, as of `border.classify_files`; but `crossings.parquet` is a folder
            of files, one a bucket of persons.
        job: What is asked.
        session: A Spark session; the active one, or a new one that stays, if None.

    Returns:
        The report, as of `border.classify_files`.

    Raises:
        SourceError: If no crossing can be used.
        StoreError: If the folder holds other things, or Spark does not finish.
        StudyError: If histories or CSV are asked for, the day is in the future, or Spark is not
            there.
    """
    _refuse_local(job)
    refuse_others(out, OWN, "earlier results", mark=REPORT, inputs=files)
    now = int(datetime.now(UTC).timestamp()) // 60
    refuse_day(job.as_of, now // MINUTES_A_DAY, None)
    intake = Intake()
    opened = opened_files(files, job, None, intake)
    # tasks run in other folders
    opened = [replace(file, path=file.path.absolute()) for file in opened]
    job = replace(job, register=job.register and job.register.absolute())
    given = now, not job.key and all(file.whole_numbers for file in opened)
    spark = spark_session(session)
    size = spark_buckets(spark, sum(file.rows for file in opened))
    parts = [(n, part) for n, file in enumerate(opened) for part in range(file.parts)]
    if job.register:
        parts.insert(0, (_REGISTER, 0))
    with alone_in([out]), new_folder(out, 0) as folder:
        report = _made(spark, _Task(opened, parts, job, given, size, folder), intake)
        publish_folder(out, 0)
    return report


def _made(spark: Any, task: _Task, intake: Intake) -> dict[str, Any]:
    """Make all files in a folder that waits; return the report."""
    folder, job = task.folder, task.job
    for name in (CROSSINGS, _WORK):
        (folder / name).mkdir()
    with spread(spark, len(task.parts), partial(_read, task=task)) as (kept, notes):
        left_out = _taken_in(task, intake, notes)
        as_of = last_day(job, intake, None)
        answer = partial(_answer, task=task, as_of=as_of)
        sums = _added(at_buckets(kept, task.buckets, left_out, answer))
    with AsideWriter(folder / ASIDE_FILE) as aside:
        put_together(sorted((folder / _WORK).glob("*.parquet")), aside)
    shutil.rmtree(folder / _WORK)
    for given_up in (folder / CROSSINGS).glob(".*"):
        shutil.rmtree(given_up)  # by a task that Spark ended
    write_csv(summary_rows(sums.counts, job.treatment.rules), folder / SUMMARY)
    report = told_report(job, intake, sums, (as_of, None))
    write_text(json.dumps(report, indent=1) + "\n", folder / REPORT)
    return report


def _refuse_local(job: BorderJob) -> None:
    local = (("--history", job.history), ("--csv", job.csv), ("--summary", not job.rows))
    asked = [name for name, wanted in local if wanted]
    if asked:
        raise StudyError(
            "Spark cannot do all that is asked.",
            expected="no --history, no --csv, no --summary",
            found=" and ".join(asked),
            where="--engine spark",
            fix="Leave that out, or take --engine local.",
        )


def _read(number: int, task: _Task) -> Iterator[list[Block] | str]:
    """Read a part of a file: yield its crossings in blocks, and at last what became of its rows."""
    of, part = task.parts[number]
    if of == _REGISTER:
        yield from _read_register(task)
        return
    file, intake, error = task.opened[of], Intake(), None
    with ExitStack() as stack:
        path = task.folder / _WORK / f"read-{of:06d}-{part:06d}.parquet"
        found = _Found(task.buckets, stack, path)
        context: Any = (task.given, (found, found, intake, Lock()))
        try:
            for number_of_batch, batch in enumerate(batches(file, part)):
                take_batch(file, (of, part << 32 | number_of_batch), batch, task.job, context)
                yield found.blocks
                found.blocks = []
        except SourceError as broken:
            error = broken.as_dict()
    counts = intake.files.get(of)
    yield json.dumps({"file": of, "counts": counts and vars(counts), "error": error})


def _read_register(task: _Task) -> Iterator[list[Block] | str]:
    """Read the register: yield its persons in blocks."""
    found, (_, whole) = _Found(task.buckets), task.given
    into: Any = found
    try:
        take_register(task.job, into, whole=whole)
    except SourceError as broken:
        yield json.dumps({"file": _REGISTER, "counts": None, "error": broken.as_dict()})
    for start in range(0, len(found.blocks), _FEW):
        yield [replace(one, file=_REGISTER) for one in found.blocks[start : start + _FEW]]


@dataclass
class _Found:
    """Takes what is found in a part of a file, in the place of the local engine's buckets.

    Args:
        count: Number of buckets.
        stack: Closes the file of rows that are put aside.
        path: That file.
        blocks: Crossings, in blocks.
    """

    count: int
    stack: ExitStack | None = None
    path: Path | None = None
    blocks: list[Block] = field(default_factory=list)
    _aside: AsideWriter | None = None

    def add(self, order: tuple[int, int], ids: Any, values: NDArray[np.int32]) -> None:
        """Add crossings."""
        self.blocks += blocks(order, ids, values, self.count)

    def write(self, columns: dict[str, Any]) -> None:
        """Write rows that are put aside."""
        if self._aside is None and self.stack and self.path:
            own = self.stack.enter_context(written_once(self.path))
            self._aside = self.stack.enter_context(AsideWriter(own))
        if self._aside:
            self._aside.write(columns)


@dataclass(frozen=True)
class _Held:
    """The crossings of one bucket, in the place of the local engine's buckets."""

    rows: list[Any]
    whole: bool

    def read(self, _: int) -> tuple[Any, NDArray[np.int32]]:
        """Return identifiers and values."""
        return unpacked(self.rows, whole_numbers=self.whole)


def _taken_in(task: _Task, intake: Intake, notes: list[str]) -> set[int]:
    """Count what was read; return the files that cannot be read to their end, and are left out."""
    found = [json.loads(note) for note in notes]
    for note in found:
        if note["error"]:
            error = _error(note["error"])
            if note["file"] == _REGISTER:
                raise error
            intake.unreadable[task.opened[note["file"]].name] = error
    left_out = {n for n, file in enumerate(task.opened) if file.name in intake.unreadable}
    intake.files = {n: FileCounts() for n in range(len(task.opened)) if n not in left_out}
    for note in found:
        if note["counts"] and note["file"] in intake.files:
            intake.files[note["file"]].add(FileCounts(**note["counts"]))
    for path in (task.folder / _WORK).glob("read-*"):
        if int(path.name.split("-")[1]) in left_out:
            path.unlink()
    return left_out


def _error(parts: dict[str, str]) -> SourceError:
    return SourceError(**{name: text for name, text in parts.items() if name != "kind"})


def _answer(bucket: int, held: Held, task: _Task, as_of: int) -> str:
    """Answer the crossings of one bucket, and write them; return the sums."""
    _, whole = task.given
    facts = Facts(as_of, whole, task.buckets, "", "")
    spread: Any = (
        _Held([rows for file, rows in held if file != _REGISTER], whole),
        _Held([rows for file, rows in held if file == _REGISTER], whole),
    )
    try:
        told, answered, repeated = answer_bucket(bucket, task.job, (facts, None), spread, None)
    except SourceError as error:
        return json.dumps({"error": error.as_dict()})
    with written_once(task.folder / CROSSINGS / f"part-{bucket:05d}.parquet") as path:
        with CrossingWriter(path.parent, rows_schema(task.job, whole_numbers=whole)) as writer:
            writer.write(answered)
        (path.parent / CROSSINGS).replace(path)
    if repeated:
        name = f"told-{bucket:05d}.parquet"
        with written_once(task.folder / _WORK / name) as path, AsideWriter(path) as aside:
            aside.write(repeated)
    months = told.counts.shape[1]
    sums = Sums(np.zeros_like(told.counts), by_month=np.zeros((months, 2), np.int64))
    sums.add(told)
    return json.dumps(asdict(sums), default=np.ndarray.tolist)


def _added(notes: list[str]) -> Sums:
    """Return the sum of what buckets tell."""
    total = Sums(np.zeros((), np.int64), by_month=np.zeros((), np.int64))
    for note in map(json.loads, notes):
        if "error" in note:
            raise _error(note["error"])
        for name, value in note.items():
            more = np.array(value, np.int64) if isinstance(value, list) else value
            held = getattr(total, name)
            setattr(total, name, max(held, more) if name == "most" else held + more)
    return total
