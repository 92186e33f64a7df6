"""Crossings in: files read side by side, rows checked, persons spread over buckets."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.border.crossings import MINUTES_A_DAY
from ravenstein.border.delivery import Treatment
from ravenstein.border.movements import MALFORMED, REASONS, movements
from ravenstein.border.residence import ALWAYS
from ravenstein.core.errors import SourceError
from ravenstein.store.buckets import Gathering
from ravenstein.store.crossing_files import (
    Columns,
    batches,
    broken,
    found_files,
    open_crossings,
)
from ravenstein.store.crossing_rows import ASIDE
from ravenstein.store.files import file_hash
from ravenstein.store.identity import pseudonyms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.store.buckets import Buckets
    from ravenstein.store.crossing_files import Batch, CrossingFile
    from ravenstein.store.crossing_rows import AsideWriter
    from ravenstein.store.history import Facts
    from ravenstein.store.identity import IdentityKey


@dataclass(frozen=True)
class BorderJob:
    """What is asked of files of crossings.

    Args:
        columns: What their columns are called.
        codes: Whether each code of a direction is an arrival; arrival, departure if None.
        treatment: How crossings are answered.
        as_of: Last day whose crossings are all there, since 1970-01-01; the last in the files if
            None.
        history: Folder of histories, new or of earlier deliveries; None keeps none.
        csv: Whether `crossings.csv.gz` is wanted too.
        sequence: Whether a column says what is not as a whole sequence has it.
        rows: Whether `crossings.parquet` is wanted, or the summary alone.
        register: File of who is a resident (1) and who is not (0) before the first crossing.
        key: Where given, identifiers are replaced by their keyed hash as they are read.
    """

    columns: Columns = field(default_factory=Columns)
    codes: Mapping[str, bool] | None = None
    treatment: Treatment = field(default_factory=Treatment)
    as_of: int | None = None
    history: Path | None = None
    csv: bool = False
    sequence: bool = False
    rows: bool = True
    register: Path | None = None
    key: IdentityKey | None = None


@dataclass
class FileCounts:
    """What became of a file's rows.

    Args:
        used: Crossings used.
        after: Crossings after the day asked for, left out.
        last: Last day of those used; ALWAYS if none.
        aside: Rows put aside, by reason.
    """

    used: int = 0
    after: int = 0
    last: int = ALWAYS
    aside: Counter[str] = field(default_factory=Counter)

    def add(self, more: FileCounts) -> None:
        """Add what became of other rows."""
        self.used += more.used
        self.after += more.after
        self.last = max(self.last, more.last)
        self.aside.update(more.aside)


@dataclass
class Intake:
    """What was read.

    Args:
        files: What became of the rows of each file that was read, by its number.
        unreadable: What is wrong with the others, by name.
        known: Files that histories hold already.
        other: Files in folders that end otherwise.
        hashes: SHA-256 of the files that are read, by name, where histories are kept.
    """

    files: dict[int, FileCounts] = field(default_factory=dict)
    unreadable: dict[str, SourceError] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    def total(self) -> FileCounts:
        """Return the sum over files."""
        every = FileCounts()
        for counts in self.files.values():
            every.add(counts)
        return every


def opened_files(
    files: Sequence[Path], job: BorderJob, facts: Facts | None, intake: Intake
) -> list[CrossingFile]:
    """Return files that can be read and are not in the histories yet.

    Raises:
        SourceError: If there are none, and no histories either.
    """
    opened = []
    found, intake.other = found_files(files) if files or not facts else ({}, [])
    for path, name in found.items():
        if job.history:
            intake.hashes[name] = file_hash(path)
        if facts and intake.hashes[name] in facts.files:
            intake.known.append(name)
            continue
        try:
            opened.append(open_crossings(path, job.columns, name))
        except SourceError as error:
            intake.unreadable[name] = error
    if not opened and not facts:
        raise next(iter(intake.unreadable.values()))
    return opened


def take_in(
    opened: list[CrossingFile],
    job: BorderJob,
    given: tuple[int, bool],
    into: tuple[Buckets, AsideWriter, Intake],
) -> None:
    """Read all files, their parts side by side, and spread persons over buckets.

    Args:
        opened: The files.
        job: What is asked.
        given: The present minute, and whether identifiers are whole numbers.
        into: Where crossings, bad rows and counts go. A file that cannot be read to its end is
            named there, and nothing of it is used; the others go on.
    """
    buckets, aside, intake = into
    intake.files = {number: FileCounts() for number in range(len(opened))}
    lock = Lock()

    def take(place: tuple[int, int]) -> None:
        number, part = place
        file = opened[number]
        gathering = Gathering(buckets)
        try:
            for number_of_batch, batch in enumerate(batches(file, part)):
                if file.name in intake.unreadable:
                    return
                order = (number, part << 32 | number_of_batch)
                take_batch(file, order, batch, job, (given, (gathering, aside, intake, lock)))
            gathering.end()
        except SourceError as error:
            with lock:
                intake.unreadable[file.name] = error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(take, ((n, p) for n, file in enumerate(opened) for p in range(file.parts))))
    for number, file in enumerate(opened):
        if file.name in intake.unreadable:
            buckets.drop(number)
            aside.drop(file.name)
            intake.files.pop(number)


def take_batch(
    file: CrossingFile,
    order: tuple[int, int],
    batch: Batch,
    job: BorderJob,
    context: tuple[tuple[int, bool], tuple[Gathering, AsideWriter, Intake, Lock]],
) -> None:
    """Check a batch of rows, put its crossings into buckets and the others aside.

    Args:
        file: The file they are of.
        order: Number of the file, and of the batch in it.
        batch: The rows.
        job: What is asked.
        context: What `take_in` is given, and a lock of the counts.

    Raises:
        SourceError: If the file cannot be used.
    """
    (now, whole), (buckets, aside, intake, lock) = context
    try:
        person = pseudonyms(job.key, batch.person) if job.key else batch.person
        batch = replace(batch, person=person)
        found = movements(person, batch.direction, batch.time, now, job.codes, file.zoned)
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, UnicodeError) as error:  # text that is none
        raise broken(file.name, error) from None
    ids, crossing = found.ids, found.crossing
    if not whole and isinstance(ids, np.ndarray):
        ids = pa.array(ids).cast(pa.string())
    size = crossing.size
    if job.as_of is not None:
        keep = crossing < (job.as_of + 1) * MINUTES_A_DAY * 2
        crossing, ids = crossing[keep], ids[keep] if whole else ids.filter(pa.array(keep))
    if crossing.size:
        buckets.add(order, ids, crossing)
    reasons = _put_aside(file, batch, found.reasons, aside)
    last = int(crossing.max()) // 2 // MINUTES_A_DAY if crossing.size else ALWAYS
    with lock:
        counts = intake.files.setdefault(order[0], FileCounts())
        counts.add(FileCounts(crossing.size, size - crossing.size, last, reasons))


def _put_aside(
    file: CrossingFile, batch: Batch, reasons: NDArray[np.uint8], aside: AsideWriter
) -> Counter[str]:
    """Write the rows that cannot be used; return their number by reason."""
    bad, lines = np.flatnonzero(reasons), batch.malformed
    if bad.size:
        taken = pa.array(bad)
        why = pa.array(REASONS).take(pa.array(reasons[bad]))
        raw = (part.take(taken).cast(pa.string()) for part in (batch.person, batch.time,
                                                               batch.direction))  # fmt: skip
        columns = (pa.repeat(file.name, bad.size), pa.array(batch.numbers(bad)), why, *raw)
        aside.write(dict(zip(ASIDE.names, columns, strict=True)))
    if lines:
        why = pa.repeat(REASONS[MALFORMED], len(lines))
        none = pa.nulls(len(lines), pa.string())
        columns = (pa.repeat(file.name, len(lines)), pa.array(lines), why, none, none, none)
        aside.write(dict(zip(ASIDE.names, columns, strict=True)))
    found = Counter(REASONS[r] for r in reasons[bad].tolist())
    return found + Counter({REASONS[MALFORMED]: len(lines)})


def take_register(job: BorderJob, buckets: Buckets, *, whole: bool) -> None:
    """Read who was a resident before the first crossing, and spread persons over buckets.

    Raises:
        SourceError: If the register cannot be read, or a row has no identifier or another status.
    """
    if job.register is None:
        return
    file = open_crossings(job.register, Columns(job.columns.person, "resident", "resident"))
    if file.whole_numbers != whole and not job.key:
        raise _not_of_register(job.register, "identifiers of another kind than the crossings'")
    for part in range(file.parts):
        for batch in batches(file, part):
            ids = pseudonyms(job.key, batch.person) if job.key else batch.person
            said = batch.direction.cast(pa.string())
            known = said.dictionary_encode()
            codes = [_STATUS.get(code.strip().lower(), -1) for code in known.dictionary.to_pylist()]
            values = np.array([*codes, -1], np.int32)[known.indices.fill_null(len(codes))]
            bad = int((values < 0).sum()) + ids.null_count + len(batch.malformed)
            if bad:
                raise _not_of_register(
                    job.register, f"{bad} rows without an identifier, or of another status"
                )
            held = np.asarray(ids.cast(pa.int64())) if whole else ids.cast(pa.string())
            buckets.add((part, batch.first), held, values)


_STATUS = {"1": 1, "0": 0, "true": 1, "false": 0}


def _not_of_register(path: Path, found: str) -> SourceError:
    return SourceError(
        "The register cannot be used.",
        expected="in each row an identifier as the crossings have it, and `resident`: 1 or 0",
        found=found,
        where=path.name,
        fix="Correct the file; leave out persons of whom it is not known.",
    )
