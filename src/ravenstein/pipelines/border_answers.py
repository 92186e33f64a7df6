"""Crossings answered, bucket by bucket, and the rows and sums that come of it."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.border.crossings import days, minutes, persons
from ravenstein.border.delivery import Told, brought_forward
from ravenstein.border.histories import numbered
from ravenstein.border.movements import DUPLICATE, REASONS
from ravenstein.border.residence import ALWAYS, NEVER, UNDECIDED
from ravenstein.border.sequences import IMPUTED, MARKS, REPEATED, SAME_DAY, SAME_TIME
from ravenstein.core.errors import SourceError
from ravenstein.store.crossing_rows import CrossingWriter
from ravenstein.store.files import as_declared
from ravenstein.store.history import no_persons, read_bucket, read_counts, write_bucket
from ravenstein.tables.border import BORDER_SUMMARY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.border.crossings import Ints
    from ravenstein.border.residence import Answers, ResidenceRule
    from ravenstein.pipelines.border_intake import BorderJob
    from ravenstein.store.buckets import Buckets
    from ravenstein.store.crossing_rows import AsideWriter
    from ravenstein.store.history import Facts

_DIRECTIONS = ("departure", "arrival")
_SEQUENCE = ((SAME_DAY, "same_day"), (SAME_TIME, "same_time"), (REPEATED, "repeated_direction"),
             (IMPUTED, "imputed"))  # fmt: skip


@dataclass
class Sums:
    """What was told over all buckets.

    Args:
        counts: Crossings by rule, month since 1970-01, direction and answer, of all deliveries
            [rules, months, 2, 3].
        by_mark: New crossings by their mark [64].
        by_month: New crossings, and those that repeat a direction, by month since 1970-01
            [months, 2].
        persons: Persons known.
        touched: Persons with a new crossing.
        late: Persons with one of a day told before.
        passed: Persons of whom something was decided by the passing of time.
        rows: Rows written.
        repeated: Crossings that were there already.
        most: Crossings of the identifier that has most.
        differing: Persons of whom the register says otherwise than the histories hold.
    """

    counts: Ints
    by_mark: Ints = field(default_factory=lambda: np.zeros(MARKS, np.int64))
    by_month: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    persons: int = 0
    touched: int = 0
    late: int = 0
    passed: int = 0
    rows: int = 0
    repeated: int = 0
    most: int = 0
    differing: int = 0

    def add(self, told: Told) -> None:
        """Add what one bucket tells."""
        self.differing += told.differing
        self.most = max(self.most, int(np.diff(told.histories.starts).max(initial=0)))
        self.counts += told.counts
        self.by_mark += told.by_mark
        month = days(told.keys).astype("M8[D]").astype("M8[M]").astype(np.int64)
        again = (told.marks & REPEATED) > 0
        for place, rows in enumerate((month, month[again])):
            self.by_month[:, place] += np.bincount(rows, minlength=len(self.by_month))
        self.persons += told.histories.first.size
        self.touched += told.touched
        self.late += told.late
        self.passed += told.passed
        self.rows += told.keys.size
        self.repeated += told.repeated.size


def answered(
    folders: tuple[Path, Path | None],
    job: BorderJob,
    facts: tuple[Facts, Facts | None],
    between: tuple[Buckets, Buckets, AsideWriter],
) -> Sums:
    """Answer bucket by bucket, as many side by side as there are processors, in their order.

    Args:
        folders: Where rows are written, and where histories are, if they are kept.
        job: What is asked.
        facts: What histories hold with this delivery, and held before it.
        between: The delivery's crossings, the register's persons, and where repeated crossings go.
    """
    (folder, kept), (new, old), (buckets, register, aside) = folders, facts, between
    spread = (buckets, register)
    months = int(np.datetime64(new.as_of, "D").astype("M8[M]").astype(np.int64)) + 1
    counts = np.zeros((len(job.treatment.rules), months, 2, 3), np.int64)
    sums = Sums(counts, by_month=np.zeros((months, 2), np.int64))
    if old and job.history:
        told = read_counts(job.history)
        sums.counts[:, : told.shape[1]] = told
    schema = rows_schema(job, whole_numbers=new.whole_numbers)
    workers = os.cpu_count() or 1
    written = CrossingWriter(folder, schema, csv=job.csv) if job.rows else nullcontext()
    with ThreadPoolExecutor(workers) as pool, written as writer:
        # begun a few ahead of the writer, so that results do not pile up
        jobs = (
            pool.submit(answer_bucket, bucket, job, facts, spread, kept)
            for bucket in range(new.buckets)
        )
        waiting = deque(islice(jobs, workers + 1))
        while waiting:
            found, rows, repeated = waiting.popleft().result()
            waiting.extend(islice(jobs, 1))
            if writer:
                writer.write(rows)
            sums.add(found)
            if repeated:
                aside.write(repeated)
    return sums


def answer_bucket(
    bucket: int,
    job: BorderJob,
    facts: tuple[Facts, Facts | None],
    spread: tuple[Buckets, Buckets],
    kept: Path | None,
) -> tuple[Told, pa.Table | None, dict[str, Any] | None]:
    """Answer the crossings of one bucket.

    Args:
        bucket: Its number.
        job: What is asked.
        facts: What histories hold with this delivery, and held before it.
        spread: The delivery's crossings, and the register's persons.
        kept: Where histories are kept, if they are.

    Returns:
        What is told, rows of answered crossings if they are wanted, and rows put aside if there
        are any.
    """
    new, old = facts
    known, base = read_bucket(
        job.history if old else None, bucket, new.whole_numbers, len(job.treatment.rules)
    )
    buckets, register = spread
    ids, crossing = buckets.read(bucket)
    if not len(ids):
        ids = no_persons(new.whole_numbers)
    number, everyone = numbered(known, ids)
    said = _first_statuses(everyone, register.read(bucket), job.treatment.first)
    dates = (new.as_of, old.as_of if old else ALWAYS)
    told = brought_forward(base, (number, crossing), said[len(known) :], dates, job.treatment)
    otherwise = (said[: len(known)] != job.treatment.first) & (said[: len(known)] != base.first)
    told = replace(told, differing=int(otherwise.sum()))
    if kept:
        write_bucket(kept, bucket, everyone, told.histories)
    repeated = _repeated_rows(told.repeated, everyone) if told.repeated.size else None
    return told, crossing_rows(told, everyone, job) if job.rows else None, repeated


def _first_statuses(everyone: Any, register: tuple[Any, Any], usual: int) -> NDArray[np.int8]:
    """Return the status of each person before the first crossing [persons].

    Raises:
        SourceError: If a person is in the register with both statuses.
    """
    first = np.full(len(everyone), usual, np.int8)
    ids, status = register
    if not len(ids):
        return first
    number, persons_of_both = numbered(everyone, ids)
    residents, others = (np.bincount(number[status == s], minlength=len(persons_of_both))
                         for s in (1, 0))  # fmt: skip
    both = int(((residents > 0) & (others > 0)).sum())
    if both:
        raise SourceError(
            "The register says two things of persons.",
            expected="one status a person",
            found=f"{both} persons with both, or more",
            where="--register",
            fix="Correct them in the register.",
        )
    first[residents[: first.size] > 0] = 1
    first[others[: first.size] > 0] = 0
    return first


def rows_schema(job: BorderJob, *, whole_numbers: bool) -> pa.Schema:
    """Return the columns of answered crossings.

    Args:
        job: What is asked: each rule but the first has its window and threshold behind its names.
        whole_numbers: Whether identifiers are whole numbers.
    """
    columns = [
        ("person_id", pa.int64() if whole_numbers else pa.string()),
        ("crossed_on", pa.date32()),
        ("direction", pa.dictionary(pa.int8(), pa.string())),
    ]
    for end in _ends(job.treatment.rules):
        columns += [(f"{name}{end}", pa.int8()) for name in _MARKED]
        columns.append((f"decided_on{end}", pa.date32()))
    if _with_sequence(job):
        columns.append(("sequence", pa.dictionary(pa.int8(), pa.string())))
    return pa.schema(columns)


_MARKED = ("is_migrant", "status_before", "status_after")


def _ends(rules: Sequence[ResidenceRule]) -> list[str]:
    """Return what is put behind the names of each rule's columns: nothing for the first."""
    return ["", *(f"_{rule.window}_{rule.threshold}" for rule in rules[1:])]


def _with_sequence(job: BorderJob) -> bool:
    return job.sequence or job.treatment.gaps in ("middle", "median")


def crossing_rows(told: Told, everyone: Any, job: BorderJob) -> pa.Table:
    """Return rows of answered crossings.

    Args:
        told: What is told of them.
        everyone: Identifiers of all persons, whole numbers or an Arrow array of text.
        job: What is asked.
    """
    who, whole = persons(told.keys), isinstance(everyone, np.ndarray)
    ids = everyone[who] if whole else everyone.cast(pa.string()).take(pa.array(who))
    side = pa.array((told.keys & 1).astype(np.int8))
    columns = [
        pa.array(ids) if whole else ids,
        pa.array(days(told.keys).astype(np.int32)).cast(pa.date32()),
        pa.DictionaryArray.from_arrays(side, pa.array(_DIRECTIONS)),
    ]
    for answers in told.answers:
        columns += _answer_columns(answers)
    if _with_sequence(job):
        columns.append(_sequence_column(told.marks))
    return pa.table(columns, schema=rows_schema(job, whole_numbers=whole))


def _answer_columns(answers: Answers) -> list[pa.Array]:
    columns = [
        _with_missing(values, values != UNDECIDED)
        for values in (answers.migrant, answers.before, answers.after)
    ]
    decided = _with_missing(answers.decided, answers.decided != NEVER)
    return [*columns, decided.view(pa.date32())]


def _with_missing(values: NDArray[Any], known: NDArray[np.bool_]) -> pa.Array:
    """Return an Arrow array of values, missing where not known; no copy of the values is made."""
    bits = pa.py_buffer(np.packbits(known, bitorder="little"))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, values.size, [bits, pa.py_buffer(values)])


def _sequence_column(marks: NDArray[np.uint8]) -> pa.Array:
    """Return the name of what is not as a whole sequence has it, the gravest one."""
    place = np.full(marks.size, -1, np.int8)
    for number, (bit, _) in enumerate(_SEQUENCE):
        place[(marks & bit) > 0] = number
    names = pa.array([name for _, name in _SEQUENCE])
    return pa.DictionaryArray.from_arrays(pa.array(place, mask=place < 0), names)


def _repeated_rows(keys: Ints, everyone: Any) -> dict[str, Any]:
    """Return rows put aside: crossings that were there already."""
    ids = pa.array(everyone).take(pa.array(persons(keys))).cast(pa.string())
    times = pa.array(minutes(keys) * 60).cast(pa.timestamp("s", "UTC")).cast(pa.string())
    return {
        "file": pa.nulls(keys.size, pa.string()),
        "row": pa.nulls(keys.size, pa.int64()),
        "reason": pa.repeat(REASONS[DUPLICATE], keys.size),
        "person_id": ids,
        "crossed": times,
        "direction": pa.array(_DIRECTIONS).take(pa.array(keys & 1)),
    }


def gap_rows(by_month: Ints) -> pa.Table:
    """Return rows of `border_gaps`.

    Args:
        by_month: Crossings, and those that repeat a direction, by month since 1970-01 [months, 2].
    """
    month = np.flatnonzero(by_month[:, 0])
    return pa.table(
        {
            "month": pa.array(month.astype("M8[M]").astype("M8[D]")),
            "crossings": by_month[month, 0],
            "repeated": by_month[month, 1],
        }
    )


def summary_rows(counts: Ints, rules: Sequence[ResidenceRule]) -> pa.Table:
    """Return rows of `border_summary`.

    Args:
        counts: Crossings by rule, month since 1970-01, direction and answer [rules, months, 2, 3].
        rules: The rules.
    """
    rule, month, side = np.nonzero(counts.sum(axis=3))
    cells = counts[rule, month, side]
    return as_declared(
        BORDER_SUMMARY,
        pa.table(
            {
                "window": np.array([r.window for r in rules])[rule],
                "threshold": np.array([r.threshold for r in rules])[rule],
                "month": pa.array(month.astype("M8[M]").astype("M8[D]")),
                "direction": pa.array(_DIRECTIONS).take(pa.array(side)),
                "crossings": cells.sum(axis=1),
                "migrants": cells[:, 2],
                "others": cells[:, 1],
                "undecided": cells[:, 0],
            }
        ),
    )
