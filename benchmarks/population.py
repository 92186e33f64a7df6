"""The account by age: seconds, memory, balance and likelihood, beside what others do.

    python benchmarks/population.py [FOLDER]     prints the tables of
                                                 docs/explanation/roll-forward.md

391 areas of people made up, ten years. Peers on the same figures: the same account in R arrays,
draws added and cut off at 0 as spreadsheets do, and the step search for gross flows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.timing import median, peak
from tests.population_worlds import cells, world

from ravenstein.demography.ages import aged_on
from ravenstein.demography.controlled_rounding import controlled_rounding
from ravenstein.demography.gross_flows import gross_flows, log_likelihood
from ravenstein.population.account_by_age import change_rows, imbalance, stock_rows
from ravenstein.population.draws import roll_forward_draws
from ravenstein.population.roll_forward import SEXES, roll_forward
from ravenstein.store.draws import draws_file, read_draws
from ravenstein.store.readers.myeb2 import read_myeb2

AREAS, YEARS, SIZE, DRAWS, ADJUSTMENTS = 391, 10, 150, 1000, 602_000
ERROR = 0.1
SIGNS = {"births": 1, "deaths": -1, "internal_in": 1, "internal_out": -1, "international_in": 1,
         "international_out": -1}  # fmt: skip
IN_R = """
P <- readBin("{0}/opening", "integer", {2}); dim(P) <- c(91, 2, {1}); F <- list()
for (n in c("births", "deaths", "internal_in", "internal_out", "international_in",
            "international_out")) {{
  F[[n]] <- readBin(paste0("{0}/", n), "integer", {2} * {3}); dim(F[[n]]) <- c(91, 2, {1}, {3}) }}
s <- c()
for (i in 1:5) {{ Q <- P; s[i] <- system.time(for (t in 1:{3}) {{
  A <- array(0L, dim(Q)); A[2:91, , ] <- Q[1:90, , ]; A[91, , ] <- A[91, , ] + Q[91, , ]
  Q <- A + F$births[, , , t] - F$deaths[, , , t] + F$internal_in[, , , t] -
    F$internal_out[, , , t] + F$international_in[, , , t] - F$international_out[, , , t]
}})[["elapsed"]] }}
cat(median(s), sum(Q))
"""
STEPS_IN_R = """
search <- function(i, o, net) {{
  a <- round(i); b <- round(o)
  while ((left <- net - (a - b)) != 0) {{
    s <- sign(left) * ceiling(abs(left) / 10)
    up <- dpois(a + s, i, log = TRUE) - dpois(a, i, log = TRUE)
    down <- dpois(b - s, o, log = TRUE) - dpois(b, o, log = TRUE)
    if (a + s >= 0 && (b - s < 0 || up >= down)) a <- a + s else b <- b - s
  }}
  c(a, b) }}
d <- matrix(readBin("{0}", "double", {1} * 3), ncol = 3)
cat(system.time(r <- mapply(search, d[, 1], d[, 2], d[, 3]))[["elapsed"]])
"""


@numba.njit(cache=True)
def step_search(inflow, outflow, net):
    """Search gross flows in steps of a tenth of what is left, as planners' programs do."""
    found = np.empty(inflow.size)
    for k in range(inflow.size):
        a, b = np.rint(inflow[k]), np.rint(outflow[k])
        while a - b != net[k]:
            left = net[k] - (a - b)
            step = np.sign(left) * np.ceil(abs(left) / 10)
            up = _gain(a, step, inflow[k])
            down = _gain(b, -step, outflow[k])
            if a + step >= 0 and (b - step < 0 or up >= down):
                a += step
            else:
                b -= step
        found[k] = b
    return found


@numba.njit(cache=True)
def _gain(count, step, mean):
    if count + step < 0 or mean == 0:
        return -np.inf
    total, now = 0.0, count
    for _ in range(int(abs(step))):
        total += np.log(mean / (now + 1)) if step > 0 else np.log(now / mean)
        now += np.sign(step)
    return total


def usual_flows(count: int):
    """Make up usual flows and nets as areas, sexes and single ages have them."""
    g = np.random.default_rng(0)
    inflow, outflow = g.gamma(0.5, 60, count) + 0.05, g.gamma(0.5, 60, count) + 0.05
    return inflow, outflow, np.round(inflow - outflow + g.normal(0, 10, count))


def ratios(year, first, count):
    """Return draws of international flows: independent errors of areas, sexes and years."""
    g = np.random.default_rng([year, first])
    return {
        name: np.exp(g.normal(-(ERROR**2) / 2, ERROR, (count, AREAS, 2, 1)))
        for name in ("international_in", "international_out")
    }


def point(stocks, components, folder: Path) -> None:
    """Print the account of point values, ours and in R."""
    account = roll_forward(stocks[0], components, cells(AREAS, YEARS))
    ours = median(lambda: roll_forward(stocks[0], components, cells(AREAS, YEARS)))
    assert (account.population == stocks).all()
    below = int((account.population < 0).sum())
    rows = stock_rows("e", account.cells, account.population), change_rows("e", account)
    row(f"roll-forward, {AREAS} areas × 2 × 91 × {YEARS} years", "< 1 s", f"{ours:.3f} s")
    row(
        "identity residual, negative cells", "0, 0", f"{imbalance(account.cells, *rows):g}, {below}"
    )
    for name, flows in {"opening": stocks[0], **components}.items():
        flows.astype("<i4").tofile(folder / name)
    script = IN_R.format(folder, AREAS, stocks[0].size, YEARS)
    if shutil.which("Rscript"):
        out = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True)
        seconds, total = out.stdout.split()
        assert int(total) == stocks[-1].sum(), "R's account is another"
        row(
            "the same in R arrays (no checks)",
            "",
            f"{seconds} s, ratio {ours / float(seconds):.2f}",
        )


def draws(stocks, components, folder: Path) -> None:
    """Print draws written as they come, and draws cut off at 0."""
    account = roll_forward(stocks[0], components, cells(AREAS, YEARS))
    next(roll_forward_draws(account, ratios, draws=2))  # compiled
    started, limited, worst, least = time.perf_counter(), 0, 0.0, np.inf
    path = folder / "draws.parquet"
    labels = {"area": account.cells.areas, "sex": SEXES, "age": range(91)}
    spent, before, below = 0.0, stocks[0][None], 0
    with draws_file(path, labels, ["year"]) as append:
        for part in roll_forward_draws(account, ratios, draws=DRAWS):
            append(part.population, part.first, year=account.cells.years[part.year])
            limited += part.limited
            checked = time.perf_counter()  # the check is not part of the task
            if part.year == 1:
                before = stocks[0][None]
            change = sum(f * SIGNS.get(n, 1) for n, f in part.flows.items())
            off = np.abs(part.population - aged_on(before) - part.known - change).max()
            worst = max(worst, float(off) / stocks[part.year].mean())
            least = min(least, float(part.population.min()))
            below += int((part.population < 0).sum())
            before = part.population
            spent += time.perf_counter() - checked
    seconds = time.perf_counter() - started - spent
    cells_drawn = stocks[1:].size * DRAWS
    row(f"the same with {DRAWS:,} draws, written", "< 60 s", f"{seconds:.1f} s")
    row("memory at most, with the check", "< 2 GB", f"{peak():.2f} GB")
    row("identity residual in draws, of the mean stock", "≤ 1e-9", f"{worst:.1e}")
    row("smallest cell of any draw; cells below 0", "≥ 0; 0", f"{least:.3f}; {below}")
    row("outflows held back, share of cells and draws", "", f"{limited / cells_drawn:.2%}")
    rows, values = read_draws(path, ["area", "sex", "age"], year=2011, area=account.cells.areas[0])
    assert values.shape == (rows.num_rows, DRAWS) == (182, DRAWS)
    started, clipped = time.perf_counter(), 0
    for first in range(0, DRAWS, 50):
        here = np.repeat(stocks[0][None].astype(float), 50, axis=0)
        for year in range(YEARS):
            given = ratios(year, first, 50)
            here = aged_on(here)
            for name, sign in SIGNS.items():
                here += sign * components[name][year] * given.get(name, 1.0)
            clipped += int((here < 0).sum())
            np.maximum(here, 0, out=here)
    naive = time.perf_counter() - started
    row("draws added and cut off at 0 (NumPy, not written)", "",
        f"{naive:.1f} s, {clipped:,} cells cut")  # fmt: skip


def adjustments(folder: Path) -> None:
    """Print gross flows from nets, their likelihood, and the step search."""
    given = usual_flows(ADJUSTMENTS)
    inflow, outflow, net = given
    for whole in (False, True):
        gross_flows(*given, whole=whole)
        seconds = median(lambda whole=whole: gross_flows(*given, whole=whole))
        kind = "whole numbers" if whole else "real numbers"
        row(f"{ADJUSTMENTS:,} net-to-gross adjustments, {kind}", "< 0.1 s", f"{seconds:.3f} s")
    best_in, best_out = gross_flows(*given, whole=True)
    started = time.perf_counter()
    out = step_search(inflow, outflow, net)
    seconds = time.perf_counter() - started
    ours = log_likelihood(best_in, best_out, inflow, outflow)
    theirs = log_likelihood(out + net, out, inflow, outflow)
    # both are sums of terms of size 100: differences below 1e-9 are rounding
    row("of them less likely than the step search's", "0", f"{int((ours < theirs - 1e-9).sum())}")
    row("more likely", "", f"{int((ours > theirs + 1e-9).sum()):,}")
    row("the step search, compiled", "", f"{seconds:.1f} s, with compiling")
    if shutil.which("Rscript"):
        few = 20_000
        np.stack([v[:few] for v in given]).astype("<f8").tofile(folder / "flows")
        script = STEPS_IN_R.format(folder / "flows", few)
        out = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True)
        row("the step search in R", "",
            f"{float(out.stdout) * ADJUSTMENTS / few:.0f} s, from {few:,} rows")  # fmt: skip


def reading(stocks, components, folder: Path) -> None:
    """Print how long a file of detailed components takes to read."""
    area, sex, age = (place.ravel() for place in np.indices(stocks.shape[1:]))
    codes = np.array(cells(AREAS, YEARS).areas)[area]
    columns: dict[str, object] = {
        "ladcode21": codes,
        "laname21": codes,
        "country": ["E"] * age.size,
    }
    columns |= {"sex": sex + 1, "age": age, "population_2001": stocks[0].ravel()}
    for turn in range(2 * YEARS):
        flow = {name: values[turn % YEARS].ravel() for name, values in components.items()}
        flow["internal_net"] = flow.pop("internal_in") - flow.pop("internal_out")
        flow["international_net"] = flow.pop("international_in") - flow.pop("international_out")
        flow |= dict.fromkeys(("unattrib", "special_change", "other_adjust"), 0 * age)
        flow["population"] = stocks[1 + turn % YEARS].ravel()
        columns |= {f"{name}_{2002 + turn}": values for name, values in flow.items()}
    path = folder / "myeb2.csv"
    arrow_csv.write_csv(pa.table(columns), path)
    seconds = median(lambda: read_myeb2(path, path.name), 3)
    size = path.stat().st_size / 1e6
    row(f"read MYEB2, {AREAS} areas, {2 * YEARS} years, {size:.0f} MB", "", f"{seconds:.1f} s")


def rounding() -> None:
    """Print controlled rounding of a country."""
    values = np.random.default_rng(0).gamma(2, 300, (AREAS, 2, 91))
    area, sex, age = (place.ravel() for place in np.indices(values.shape))
    chains = ([area * 2 + sex, area, area // 33], [sex * 91 + age, sex])
    seconds = median(lambda: controlled_rounding(values, *chains), 3)
    row(f"controlled rounding of {values.size:,} cells, all sums", "", f"{seconds:.2f} s")


def row(task: str, reach: str, found: str) -> None:
    """Print one row of the table."""
    print(f"| {task} | {reach} | {found} |", flush=True)


def main(folder: Path) -> None:
    """Measure all."""
    print("| task | reach | measured |\n| --- | --- | --- |")
    stocks, components = world(AREAS, YEARS, SIZE)
    point(stocks, components, folder)
    draws(stocks, components, folder)
    adjustments(folder)
    rounding()
    reading(stocks, components, folder)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
