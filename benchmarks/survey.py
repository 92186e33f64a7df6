"""Survey methods at a million rows, beside svy (Python) and R survey where they are installed.

    python benchmarks/survey.py            prints the table of docs/explanation/survey.md
    python benchmarks/survey.py --rows 100000 --peers-rows 20000

Timings start from raw columns: the design is built inside them. The population totals are those of
the sample's design weights, moved by up to 3 %, so that weights must change.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ravenstein.survey import estimates, replicates
from ravenstein.survey.calibration import calibrate
from ravenstein.survey.design import Selection, SurveyDesign, design
from ravenstein.survey.poststrata import rake
from timing import median, peak

if TYPE_CHECKING:
    from collections.abc import Callable

AREAS, CELLS, GROUPS, STRATA, PSUS = 400, 60, 40, 50, 100


class Sample:
    """The synthetic sample: columns, and population totals of three margins."""

    def __init__(self, n: int, seed: int = 2008) -> None:
        g = np.random.default_rng(seed)
        self.n = n
        psu = np.sort(g.integers(0, STRATA * PSUS, n))
        self.stratum, self.psu = psu // PSUS, psu
        self.area, self.cell = g.integers(0, AREAS, n), g.integers(0, CELLS, n)
        self.group = g.integers(0, GROUPS, n)
        self.weight = g.uniform(50, 150, n)
        self.y = g.gamma(2, 100, n) * (1 + 0.2 * g.standard_normal(STRATA * PSUS)[psu])
        self.domain50, self.domain1000 = g.integers(0, 50, n), g.integers(0, 1000, n)
        moved = self.weight * (1 + 0.03 * np.sin(self.area + self.cell / 7 + self.group / 3))
        self.totals = {
            name: np.bincount(getattr(self, name), weights=moved)
            for name in ("area", "cell", "group")
        }

    def design(self) -> SurveyDesign:
        """Build the design from the columns."""
        return design(Selection(self.psu, self.stratum), weights=self.weight)

    def auxiliaries(self) -> sparse.csr_array:
        """Return 400 areas and 59 age–sex cells (the first is left out) as a sparse matrix."""
        kept = self.cell > 0
        start = np.concatenate([[0], np.cumsum(1 + kept)])
        columns = np.empty(start[-1], dtype=np.int64)
        columns[start[:-1]] = self.area
        columns[start[:-1][kept] + 1] = AREAS - 1 + self.cell[kept]
        shape = (self.n, AREAS + CELLS - 1)
        return sparse.csr_array((np.ones(columns.size), columns, start), shape=shape)

    def constraints(self) -> np.ndarray[Any, Any]:
        """Return the totals of the auxiliaries."""
        return np.concatenate([self.totals["area"], self.totals["cell"][1:]])

    def margins(self) -> list[tuple[Any, dict[int, float]]]:
        """Return the three margins for raking."""
        names = ("area", "cell", "group")
        return [(getattr(self, n), dict(enumerate(self.totals[n].tolist()))) for n in names]


def linear(sample: Sample) -> float:
    """Calibrate to 459 totals, then estimate a total with its standard error."""
    calibrated = calibrate(sample.design(), sample.auxiliaries(), sample.constraints())
    return float(estimates.total(calibrated, sample.y).standard_error()[0])


def recalibrated(sample: Sample, count: int) -> float:
    """Estimate a total's standard error from replicates, each calibrated again."""
    built, x, totals = sample.design(), sample.auxiliaries(), sample.constraints()
    drawn = replicates.bootstrap(built, count, np.random.default_rng(1))
    found = replicates.replicated(
        built,
        drawn,
        lambda given: given.weights @ sample.y,
        lambda given: calibrate(given, x, totals),
    )
    return float(found.standard_error()[0])


def tasks(sample: Sample, count: int) -> dict[str, tuple[Callable[[], object], int]]:
    """Return the tasks, and how often each is repeated."""
    return {
        "total + SE": (lambda: estimates.total(sample.design(), sample.y), 9),
        "50 domain totals + SE": (
            lambda: estimates.domain_totals(sample.design(), sample.y, sample.domain50), 5),
        "1,000 domain totals + SE": (
            lambda: estimates.domain_totals(sample.design(), sample.y, sample.domain1000), 5),
        "rake 400+60+40 margins, then SE": (
            lambda: estimates.total(rake(sample.design(), sample.margins()), sample.y), 5),
        "linear calibration, 459 constraints, then SE": (lambda: linear(sample), 5),
        f"{count} replicates, each re-calibrated": (lambda: recalibrated(sample, count), 1),
    }  # fmt: skip


def alone(rows: int, name: str, count: int) -> tuple[float, float]:
    """Run one task in a process of its own; return its seconds and its memory [GB]."""
    words = [
        sys.executable,
        __file__,
        "--rows",
        str(rows),
        "--replicates",
        str(count),
        "--task",
        name,
    ]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def run_task(sample: Sample, name: str, count: int) -> None:
    """Measure one task, once its kernels are compiled, and the memory it adds to the data."""
    task, times = tasks(sample, count)[name]
    small = Sample(20_000)
    tasks(small, 3).get(name, (lambda: recalibrated(small, 3), 1))[0]()
    before = peak()
    seconds = median(task, times)
    print(json.dumps([seconds, peak() - before]))


R_SCRIPT = """
suppressMessages({library(survey)}); d <- read.csv(commandArgs(TRUE)[1]); r <- list()
t <- function(e) system.time(e)[["elapsed"]]
freq <- function(n) {
  m <- tapply(d$moved, d[[n]], sum); z <- data.frame(names(m), as.vector(m))
  names(z) <- c(n, "Freq"); z
}
r$build <- t(s <- svydesign(ids=~psu, strata=~stratum, weights=~weight, data=d))
r$total <- t(svytotal(~y, s))
r$domain50 <- t(svyby(~y, ~domain50, s, svytotal))
r$rake <- t({
  k <- rake(s, list(~area, ~cell, ~group), list(freq("area"), freq("cell"), freq("group")),
            control=list(maxit=100, epsilon=1e-8)); svytotal(~y, k)})
if (nrow(d) <= 50000) r$linear <- t({
  x <- model.matrix(~factor(area)+factor(cell), d); p <- colSums(x*d$moved)
  k <- calibrate(s, ~factor(area)+factor(cell), p); svytotal(~y, k)})
cat(paste(names(r), round(unlist(r), 3), sep="=", collapse=" "))
"""


def peer_svy(sample: Sample, *, linear_too: bool) -> str | None:
    """Run svy on the same columns; None where it is not installed."""
    try:
        import polars as pl
        import svy
    except ImportError:
        return None
    names = ("stratum", "psu", "weight", "area", "cell", "group", "y", "domain50")
    table = pl.DataFrame({name: getattr(sample, name) for name in names})

    def built() -> Any:
        return svy.Sample(table, svy.Design(stratum="stratum", psu="psu", wgt="weight"))

    def margin(name: str) -> dict[int, float]:
        return dict(enumerate(sample.totals[name].tolist()))

    def raked() -> Any:
        controls = {name: margin(name) for name in ("area", "cell", "group")}
        return built().weighting.rake(controls=controls, tol=1e-8).estimation.total("y")

    def calibrated() -> Any:
        controls = {svy.Cat("area"): margin("area"), svy.Cat("cell"): margin("cell")}
        return built().weighting.calibrate(controls=controls).estimation.total("y")

    tasks: dict[str, Callable[[], object]] = {
        "total": lambda: built().estimation.total("y"),
        "domain50": lambda: built().estimation.total("y", by="domain50"),
        "rake": raked,
    }
    if linear_too:
        tasks["linear"] = calibrated
    found = []
    for name, task in tasks.items():
        try:
            found.append(f"{name}={median(task, 1):.3f}")
        except Exception as error:  # noqa: BLE001 - a peer's failure is a result
            found.append(f"{name}: {type(error).__name__} {str(error)[:80]}")
    return " ".join(found)


def peer_r(sample: Sample) -> str | None:
    """Run R survey on the same columns; None where it is not installed."""
    if shutil.which("Rscript") is None:
        return None
    names = ("stratum", "psu", "weight", "area", "cell", "group", "y", "domain50")
    moved = sample.weight * (1 + 0.03 * np.sin(sample.area + sample.cell / 7 + sample.group / 3))
    table = np.column_stack([getattr(sample, name) for name in names] + [moved])
    with tempfile.TemporaryDirectory() as folder:
        path, script = Path(folder) / "d.csv", Path(folder) / "s.R"
        np.savetxt(path, table, delimiter=",", header=",".join([*names, "moved"]), comments="")
        script.write_text(R_SCRIPT)
        words = ["Rscript", str(script), str(path)]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=900)
    return done.stdout.strip() or f"failed: {done.stderr.strip()[-200:]}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--task")
    given = parser.parse_args()
    if given.task:
        run_task(Sample(given.rows), given.task, given.replicates)
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {given.rows:,} rows\n")
    print("| task | seconds | memory added [GB] |\n| --- | --- | --- |")
    for name in tasks(Sample(1000), given.replicates):
        seconds, memory = alone(given.rows, name, given.replicates)
        print(f"| {name} | {seconds:.3f} | {memory:.2f} |", flush=True)
    for rows in (20_000, given.rows):
        data = Sample(rows)
        print(f"\nsvy, {rows:,} rows [s]: {peer_svy(data, linear_too=rows <= 20_000)}", flush=True)
        print(f"R survey, {rows:,} rows [s]: {peer_r(data)}", flush=True)


if __name__ == "__main__":
    main()
