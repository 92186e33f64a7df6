"""Measure the first path: two commands, start-up, one official file; beside pandas.

    python benchmarks/first_path.py            prints the table of docs/explanation/performance.md

Reads the real files where RAVENSTEIN_SHARED (default ../shared) has them, else the twin's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from ravenstein.pipelines.new_study import new_study
from ravenstein.population.account import balance, parameters
from ravenstein.population.areas import with_nations
from ravenstein.store.checks import checked
from ravenstein.store.database import memory_store
from ravenstein.store.readers.myeb3 import read_myeb3
from ravenstein.tables.population import POPULATION_COMPONENTS, POPULATION_ESTIMATES
from timing import median

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("RAVENSTEIN_SHARED", ROOT.parent / "shared"))


def command(*words: str, folder: Path | None = None) -> None:
    """Run a command in silence."""
    subprocess.run(words, check=True, capture_output=True, cwd=folder)


def read_and_check(path: Path) -> None:
    """Read an official file and check its rows against the declared tables."""
    file = read_myeb3(path, path.name, geography=2021)
    with memory_store() as store:
        checked(POPULATION_ESTIMATES, store.from_rows(file.estimates))
        checked(POPULATION_COMPONENTS, store.from_rows(file.components))


def read_check_balance(path: Path) -> None:
    """Read a file, check its rows, and balance its account with nations."""
    file = read_myeb3(path, path.name, geography=2021)
    with memory_store() as store:
        estimates, components = store.from_rows(file.estimates), store.from_rows(file.components)
        checked(POPULATION_ESTIMATES, estimates)
        checked(POPULATION_COMPONENTS, components)
        areas = store.from_rows(with_nations(file.edition, file.areas))
        store.collect(balance(estimates, components, areas, parameters()["rounding"]))


def pandas_residuals(path: Path) -> None:
    """Do what an analyst does by hand: read with pandas, melt, balance; no checks."""
    wide = pd.read_csv(path)
    rows = wide.melt(id_vars=list(wide.columns[:3]))
    rows[["name", "year"]] = rows["variable"].str.rsplit("_", n=1, expand=True)
    rows["year"] = rows["year"].astype(int)
    cells = rows.pivot(index=[wide.columns[0], "year"], columns="name", values="value")
    opening = cells["population"].groupby(level=0).shift()
    residual = cells["population"] - opening - cells["births"] + cells["deaths"]
    residual -= cells["internal_net"] + cells["international_net"] + cells["other_change"]
    assert residual.abs().max() <= 10


def from_a_clean_clone() -> float:
    """Return the seconds of `make run` in a new clone, packages cached."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "ravenstein"
        command("git", "clone", "--quiet", str(ROOT), str(clone))
        started = time.perf_counter()
        command("make", "run", folder=clone)
        return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "twin"
        new_study(study)
        source = study / "twin/views/components_of_change.csv"
        real = sorted((SHARED / "data/population").glob("MYEB3*2020*.csv"))
        path = real[0] if real else source
        python = sys.executable
        run = (python, "-m", "ravenstein", "run", str(study), "--quiet")
        load = (python, "-c", "import ravenstein")
        ask = (python, "-m", "ravenstein", "--help")
        rows = (
            ("`make run` from a clean clone, packages cached", "90 s", from_a_clean_clone()),
            ("the run itself (bundled study)", "15 s", median(lambda: command(*run), 3)),
            (f"read and check {path.name}", "2 s", median(lambda: read_and_check(path))),
            ("`import ravenstein`", "0.3 s", median(lambda: command(*load))),
            ("`ravenstein --help`", "0.5 s", median(lambda: command(*ask))),
        )
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians\n")
        print("| task | reach | measured |\n| --- | --- | --- |")
        for task, reach, seconds in rows:
            print(f"| {task} | < {reach} | {seconds:.2f} s |")
        ours = median(lambda: read_check_balance(path))
        peer = median(lambda: pandas_residuals(path))
        print("\n| read the file and balance its accounts | seconds | ratio |\n| --- | --- | --- |")
        print(f"| Ravenstein: strict reading, every rule checked, nations | {ours:.2f} | 1.0 |")
        print(f"| pandas: read, melt, pivot, subtract | {peer:.2f} | {peer / ours:.1f} |")


if __name__ == "__main__":
    main()
