"""The passenger survey: a month of 20,000 interviews; a year with 500 replicates of all stages.

    python benchmarks/passenger_survey.py    prints docs/explanation/passenger-survey.md's table

Beside it a plain chain in pandas (tests/naive_survey.py), which official programs resemble: it
weighs the full sample only, so that its year with replicates is 501 times its year without.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from ravenstein.passenger_survey.chain import Month, Rules, weigh
from ravenstein.passenger_survey.results import results
from timing import median, peak

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.naive_survey import naive_weights, simulated_month

INTERVIEWS, REPLICATES, MONTHS = 20_000, 500, 12


def year() -> dict[str, dict[str, np.ndarray]]:
    """Make up twelve months of interviews and their tables."""
    parts = [simulated_month(INTERVIEWS, m, f"2017-{m:02d}") for m in range(1, MONTHS + 1)]
    for m, part in enumerate(parts):
        for name in ("contacts", "imbalance"):
            part[name]["serial"] = part[name]["serial"] + m * INTERVIEWS
    return {
        name: {c: np.concatenate([part[name][c] for part in parts]) for c in parts[0][name]}
        for name in parts[0]
    }


def main() -> None:
    """Print the table."""
    made = simulated_month(INTERVIEWS, 1)
    one = np.ones((INTERVIEWS, 1))
    weigh(Month(**made), one)  # compiles
    month = median(lambda: weigh(Month(**made), one), 11)
    slow = median(lambda: naive_weights(**made), 11)
    tables = year()
    results(tables, Rules(), draws=2, seed=1)
    before = peak()
    without = median(lambda: results(tables, Rules(), draws=2, seed=1), 3)
    started = time.perf_counter()
    results(tables, Rules(), draws=REPLICATES, seed=1)
    replicated = time.perf_counter() - started
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| task | seconds | slow chain [s] | ratio | reach [s] |")
    print("| --- | --- | --- | --- | --- |")
    print(
        f"| all stages of a month, {INTERVIEWS:,} interviews | {month:.3f} | {slow:.3f} | "
        f"{slow / month:.1f} | 0.5 |"
    )
    print(f"| a year, its migrants and quality report | {without:.1f} | | | |")
    year_slow = slow * MONTHS * (1 + REPLICATES)
    print(
        f"| the same with {REPLICATES} replicates of every stage | {replicated:.1f} | "
        f"{year_slow:,.0f} (501 × 12 months) | {year_slow / replicated:.0f} | 60 |"
    )
    print(f"\nLargest memory {peak():.2f} GB (before the replicates {before:.2f}; reach 2)")


if __name__ == "__main__":
    main()
