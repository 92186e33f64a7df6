"""The residence rule on files: seconds and memory by size, beside the scan and the sort alone.

    python benchmarks/border.py FOLDER [MILLIONS ...]     prints the tables of
                                                          docs/explanation/border.md

Crossings are made up (in FOLDER, once): nine a person over ten years, in order of time, by turns in
and out but for one in fifty; identifiers are whole numbers, or the text of 16 digits.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ravenstein.pipelines.border import classify_files
from ravenstein.pipelines.border_intake import BorderJob, Intake, opened_files, take_in
from ravenstein.store.buckets import Buckets
from ravenstein.store.crossing_rows import AsideWriter

A_PERSON, DAYS = 9, (12_784, 16_436)
GROUP = 1_000_000
SIZES = (10, 100, 1000)
SCHEMA = pa.schema(
    [
        ("person_id", pa.int64()),
        ("crossed_at", pa.timestamp("us", "UTC")),
        ("direction", pa.dictionary(pa.int32(), pa.string())),
    ]
)


def crossings(count: int, groups: int = 1, seed: int = 0):
    """Make up crossings group by group, in order of time: person, minute, whether an arrival."""
    g = np.random.default_rng((count, seed))
    people = count // A_PERSON
    side = g.integers(0, 2, people).astype(np.int8)
    bounds = np.linspace(DAYS[0] * 1440, DAYS[1] * 1440, groups + 1).astype(np.int64)
    for start, end in pairwise(bounds):
        person = g.integers(0, people, count // groups)
        minute = np.sort(g.integers(start, end, person.size))
        order = np.argsort(person, kind="stable")
        sorted_person = person[order]
        firsts = np.flatnonzero(np.diff(sorted_person, prepend=-1))
        turn = np.arange(person.size) - np.repeat(firsts, np.diff(np.append(firsts, person.size)))
        arrival = np.empty(person.size, np.int8)
        arrival[order] = (side[sorted_person] + turn) % 2
        np.add.at(side, person, 1)
        side %= 2
        # one that is not recorded as it was
        yield person, minute, arrival ^ (g.random(person.size) < 0.02)


def identifiers(person: np.ndarray) -> np.ndarray:
    """Return numbers without order for persons from 0."""
    return (person * 0x9E3779B1 + 12345) % (1 << 35)


def made(folder: Path, millions: int, *, text: bool = False, update: bool = False) -> Path:
    """Return a file of crossings, made if it is not there."""
    path = folder / f"{millions}m{'-text' * text}{'-update' * update}.parquet"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    schema = SCHEMA.set(0, SCHEMA.field(0).with_type(pa.string())) if text else SCHEMA
    with pq.ParquetWriter(path.with_suffix(".part"), schema) as writer:
        for person, minute, arrival in _groups(millions, update=update):
            ids = pa.array(identifiers(person))
            shown = pc.utf8_lpad(ids.cast(pa.string()), 16, "0") if text else ids
            times = pa.array(minute * 60_000_000).cast(SCHEMA.field(1).type)
            sides = pa.DictionaryArray.from_arrays(
                pa.array(arrival.astype(np.int32)), pa.array(["departure", "arrival"])
            )
            writer.write_table(pa.table([shown, times, sides], schema=schema), row_group_size=GROUP)
    path.with_suffix(".part").rename(path)
    return path


def _groups(millions: int, *, update: bool):
    """Yield groups of crossings; of an update, those of the month after, a tenth as many."""
    if not update:
        yield from crossings(millions * 1_000_000, millions)
        return
    for person, minute, arrival in crossings(millions * 1_000_000, millions, seed=1):
        share = (minute - DAYS[0] * 1440) / ((DAYS[1] - DAYS[0]) * 1440)
        kept = slice(0, person.size // 10)
        when = DAYS[1] * 1440 + np.sort((share * 30 * 1440).astype(np.int64))
        yield person[kept], when[kept], arrival[kept]


def command(*words: object) -> tuple[float, float]:
    """Return wall seconds and largest memory [GB] of the command `ravenstein border classify`."""
    call = [sys.executable, "-m", "ravenstein", "border", "classify", *map(str, words), "--quiet"]
    started = time.perf_counter()
    child = subprocess.Popen(call)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, "the command failed"
    return time.perf_counter() - started, usage.ru_maxrss / 2**20


def scanned(path: Path) -> float:
    """Return seconds to read the columns, row groups side by side, and do nothing."""
    started = time.perf_counter()
    file = pq.ParquetFile(path)

    def read(group: int) -> None:
        with pq.ParquetFile(path, metadata=file.metadata, read_dictionary=["direction"]) as own:
            own.read_row_group(group, use_threads=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(read, range(file.num_row_groups)))
    return time.perf_counter() - started


def sorted_keys(millions: int) -> float:
    """Return seconds to sort as many integers of 63 bits on all processors, half a million each."""
    keys = np.random.default_rng(1).integers(0, 1 << 62, 1 << 19)
    sorts = 8 * (os.cpu_count() or 1)
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda _: keys.copy().sort(), range(sorts)))
    return (time.perf_counter() - started) / sorts * millions * 1e6 / keys.size


def in_full(folder: Path, millions: int, *, text: bool = False) -> None:
    """Print a line: the rule from files to files."""
    path, out = folder / f"{millions}m{'-text' * text}.parquet", folder / "out"
    times = 3 if millions < 1000 else 1
    runs = [command(path, "--out", out) for _ in range(times)]
    short = statistics.median(command(path, "--out", out, "--summary")[0] for _ in range(times))
    seconds, memory = statistics.median(r[0] for r in runs), max(r[1] for r in runs)
    scan, sort = scanned(path), sorted_keys(millions)
    print(
        f"| {millions:,} M{' (text)' * text} | {seconds:.1f} | {short:.1f} | {memory:.2f} | "
        f"{scan:.1f} | {sort:.1f} | {seconds / (scan + sort):.1f} | {millions / seconds:.1f} M |",
        flush=True,
    )


def read_alone(path: Path, folder: Path) -> float:
    """Return seconds to read a delivery: hashed, checked, its persons spread over buckets."""
    job, intake = BorderJob(history=folder), Intake()
    started = time.perf_counter()
    opened = opened_files([path], job, None, intake)
    with (
        Buckets(folder / "spread", 256, (0, 0)) as buckets,
        AsideWriter(folder / "aside.parquet") as aside,
    ):
        take_in(opened, job, (1 << 26, True), (buckets, aside, intake))
        return time.perf_counter() - started


def by_month(folder: Path, millions: int) -> None:
    """Print a line: a month's delivery into histories, in a process that runs."""
    base, update = folder / f"{millions}m.parquet", folder / f"{millions}m-update.parquet"
    history, kept, out = folder / "history", folder / "kept", folder / "out"
    for old in (history, kept):
        shutil.rmtree(old, ignore_errors=True)
    first, _ = command(base, "--out", out, "--history", kept)
    job, seconds, reading = BorderJob(history=history), [], []
    for _ in range(4):
        shutil.rmtree(history, ignore_errors=True)
        shutil.copytree(kept, history)
        started = time.perf_counter()
        classify_files([update], out, job)
        seconds.append(time.perf_counter() - started)
        reading.append(read_alone(update, folder))
    started = time.perf_counter()
    classify_files([update], out, job)
    again = time.perf_counter() - started
    shutil.rmtree(kept)
    whole, alone = statistics.median(seconds[1:]), statistics.median(reading[1:])
    print(
        f"| {millions // 10} M on {millions} M | {first:.1f} | {whole:.2f} | {alone:.2f} | "
        f"{whole - alone:.2f} | {again:.2f} |"
    )


def main() -> None:
    """Print the tables."""
    folder = Path(sys.argv[1])
    if sys.argv[2:3] == ["--make"]:
        made(folder, int(sys.argv[3]), text="text" in sys.argv, update="update" in sys.argv)
        return
    sizes = [int(size) for size in sys.argv[2:]] or SIZES
    for size in sizes:  # in processes of their own: this one stays small
        for kind in [[]] + ([["update"], ["text"]] if size == 100 else []):
            call = [sys.executable, __file__, str(folder), "--make", str(size), *kind]
            subprocess.run(call, check=True)
    command(folder / f"{sizes[0]}m.parquet", "--out", folder / "out")  # compiles
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(
        "| crossings | from file to file [s] | summary only [s] | memory [GB] | scan alone [s] | "
        "sort alone [s] | ratio | crossings a second |"
    )
    print("| --- " * 8 + "|")
    for size in sizes:
        in_full(folder, size)
    if 100 in sizes:
        in_full(folder, 100, text=True)
        print(
            "\n| delivery | base [s] | delivery [s] | of it reading [s] | beyond [s] | again [s] |"
        )
        print("| --- " * 6 + "|")
        by_month(folder, 100)


if __name__ == "__main__":
    main()
