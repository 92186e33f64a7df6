"""The residence rule on Spark: seconds from files to files, in a new session and in one that runs.

    python benchmarks/border_spark.py FOLDER [MILLIONS] [MASTER]     prints lines of a table

Crossings are those of benchmarks/border.py; MASTER is local[2] if not given. Beside it the local
engine, with all processors there are.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pyspark.sql import SparkSession

from border import made
from ravenstein.pipelines.border import classify_files
from ravenstein.pipelines.border_intake import BorderJob
from ravenstein.pipelines.border_spark import classify_on_spark
from ravenstein.store.spark import spark_session


def on_spark(path: Path, out: Path, times: int = 4) -> list[float]:
    """Return seconds of each run in one session, the first with its beginning."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        classify_on_spark([path], out, BorderJob())
        seconds.append(time.perf_counter() - started)
    return seconds


def here(path: Path, out: Path, times: int = 2) -> float:
    """Return seconds of the last run of the local engine in one process."""
    for _ in range(times):
        started = time.perf_counter()
        classify_files([path], out, BorderJob())
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    folder, millions = Path(sys.argv[1]), int((sys.argv[2:3] or ["10"])[0])
    master = (sys.argv[3:4] or ["local[2]"])[0]
    path, out = made(folder, millions), folder / "out"
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--master {master} pyspark-shell"
    first, *later = on_spark(path, out)
    assert spark_session().sparkContext.master == master
    SparkSession.getActiveSession().stop()
    print("| crossings | Spark | first run [s] | second [s] | later [s] | local engine [s] |")
    print("| --- " * 6 + "|")
    print(
        f"| {millions:,} M | {master} | {first:.1f} | {later[0]:.1f} | {min(later[1:]):.1f} | "
        f"{here(path, out):.1f} |"
    )


if __name__ == "__main__":
    main()
