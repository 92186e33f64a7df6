"""Crossings in: files read side by side, rows checked, persons spread over buckets."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.border.crossings import MINUTES_A_DAY
from ravenstein.border.delivery import Treatment
from ravenstein.border.movements import REASONS, movements
from ravenstein.border.residence import ALWAYS
from ravenstein.core.errors import SourceError
from ravenstein.store.crossing_files import Columns, batches, found_files, open_crossings
from ravenstein.store.crossing_rows import ASIDE
from ravenstein.store.files import file_hash
from ravenstein.store.identity import pseudonyms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ravenstein.store.buckets import Buckets
    from ravenstein.store.crossing_files import CrossingFile
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
        key: Where given, identifiers are replaced by their keyed hash as they are read.
    """

    columns: Columns = field(default_factory=Columns)
    codes: Mapping[str, bool] | None = None
    treatment: Treatment = field(default_factory=Treatment)
    as_of: int | None = None
    history: Path | None = None
    csv: bool = False
    sequence: bool = False
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


@dataclass
class Intake:
    """What was read.

    Args:
        files: What became of the rows of each file that was read, by its number.
        unreadable: What is wrong with the others, by name.
        known: Files that histories hold already.
    """

    files: dict[int, FileCounts] = field(default_factory=dict)
    unreadable: dict[str, SourceError] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)

    def total(self) -> FileCounts:
        """Return the sum over files."""
        every = list(self.files.values())
        return FileCounts(
            sum(f.used for f in every),
            sum(f.after for f in every),
            max((f.last for f in every), default=ALWAYS),
            sum((f.aside for f in every), Counter()),
        )


def opened_files(
    files: Sequence[Path], job: BorderJob, facts: Facts | None, intake: Intake
) -> list[CrossingFile]:
    """Return files that can be read and are not in the histories yet.

    Raises:
        SourceError: If there are none, and no histories either.
    """
    opened = []
    for path in found_files(files) if files or not facts else []:
        if facts and file_hash(path) in facts.files:
            intake.known.append(path.name)
            continue
        try:
            opened.append(open_crossings(path, job.columns))
        except SourceError as error:
            intake.unreadable[path.name] = error
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
    buckets, _, intake = into
    lock = Lock()

    def take(place: tuple[int, int]) -> None:
        number, part = place
        file = opened[number]
        try:
            for batch, rows in enumerate(batches(file, part)):
                if file.name in intake.unreadable:
                    return
                _take_batch((file, number, part << 32 | batch), rows, job, given, (*into, lock))
        except SourceError as error:
            with lock:
                intake.unreadable[file.name] = error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(take, ((n, p) for n, file in enumerate(opened) for p in range(file.parts))))
    for number, file in enumerate(opened):
        if file.name in intake.unreadable:
            buckets.drop(number)
            intake.files.pop(number, None)


def _take_batch(
    of: tuple[CrossingFile, int, int],
    rows: tuple[int, Any, Any, Any],
    job: BorderJob,
    given: tuple[int, bool],
    into: tuple[Buckets, AsideWriter, Intake, Lock],
) -> None:
    """Check a batch of rows, put its crossings into buckets and the others aside."""
    (file, number, part), (first, person, direction, time), (now, whole) = of, rows, given
    buckets, aside, intake, lock = into
    if job.key:
        person = pseudonyms(job.key, person)
    found = movements(person, direction, time, now, job.codes)
    ids, crossing = found.ids, found.crossing
    if not whole and isinstance(ids, np.ndarray):
        ids = pa.array(ids).cast(pa.string())
    size = crossing.size
    if job.as_of is not None:
        keep = crossing < (job.as_of + 1) * MINUTES_A_DAY * 2
        crossing, ids = crossing[keep], ids[keep] if whole else ids.filter(pa.array(keep))
    if crossing.size:
        buckets.add((number, part), ids, crossing)
    bad = np.flatnonzero(found.reasons)
    if bad.size:
        taken = pa.array(bad)
        why = pa.array(REASONS).take(pa.array(found.reasons[bad]))
        raw = (column.take(taken).cast(pa.string()) for column in (person, time, direction))
        columns = (pa.repeat(file.name, bad.size), pa.array(first + bad + 1), why, *raw)
        aside.write(dict(zip(ASIDE.names, columns, strict=True)))
    with lock:
        counts = intake.files.setdefault(number, FileCounts())
        counts.used += crossing.size
        counts.after += size - crossing.size
        counts.aside.update(REASONS[r] for r in found.reasons[bad].tolist())
        if crossing.size:
            counts.last = max(counts.last, int(crossing.max()) // 2 // MINUTES_A_DAY)
