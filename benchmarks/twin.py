"""The twin at three sizes: seconds, memory, and what it makes.

    python benchmarks/twin.py          prints the table of docs/explanation/twin.md

`region` has all views; the others have the survey and the border, the largest about 100 million
crossings of 11 million people, all of them in the border system with an identity, written as
Parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ravenstein.pipelines.twin import make_twin
from ravenstein.twin.settings import VIEWS, settings
from timing import median

ALL_RECORDED = {"border_coverage": 1.0, "border_land": 1.0, "border_outbound": 1.0}
TEN_YEARS = {"first": 2004, "last": 2013}
LARGE = TEN_YEARS | ALL_RECORDED | {"visits_by_visitor": 0.11, "areas": 60}
REGION = "region, all views"
SIZES = {REGION: 2_000_000, "10 million": 250_000, "30 million": 750_000, "100 million": 2_900_000}


def large(name: str) -> None:
    """Make one twin of a size, in a process of its own, and print what it took."""
    whole = name == REGION
    chosen = settings(
        "region",
        changes=TEN_YEARS if whole else LARGE | {"people": SIZES[name]},
        views=VIEWS if whole else ("survey", "border"),
    )
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        started = time.perf_counter()
        counts = make_twin(Path(folder) / "t", chosen, 1)
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # of the workers the largest is known: as many of them as processors is the most they had
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    memory = own + workers * (os.cpu_count() or 1)
    print(json.dumps([seconds, memory, counts.crossings, counts.persons, size / 2**30]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES)
    given = parser.parse_args()
    if given.size:
        large(given.size)
        return
    with tempfile.TemporaryDirectory() as folder:
        some = settings("small", views=("survey", "border"))
        small, before = (
            median(lambda chosen=chosen: make_twin(Path(folder) / "t", chosen, 1), 3)
            for chosen in (settings("small"), some)
        )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(
        f"`small` with all views: {small:.1f} s; with the survey and the border: {before:.1f} s\n"
    )
    print("| size | crossings | people | seconds | μs a crossing | memory [GB] | Parquet [GB] |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in SIZES:
        words = [sys.executable, __file__, "--size", name]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        seconds, memory, crossings, persons, size = json.loads(done.stdout.splitlines()[-1])
        rate = 1e6 * seconds / crossings
        print(
            f"| {name} | {crossings / 1e6:.1f} M | {persons / 1e6:.1f} M | {seconds:.0f} | "
            f"{rate:.2f} | {memory:.1f} | {size:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
