"""The residence rule in memory: seconds to pack, sort and classify crossings, by size.

    python benchmarks/border.py          prints the table of docs/explanation/border.md

Crossings are made up: nine a person over ten years, alternating but for one in fifty.
"""

from __future__ import annotations

import os
import time

import numpy as np

from ravenstein.border.crossings import packed
from ravenstein.border.residence import classify
from timing import peak

A_PERSON, DAYS, AS_OF = 9, (12_784, 16_436), 16_436


def crossings(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make up crossings: person, minute, whether an arrival; in no order."""
    g = np.random.default_rng(count)
    person = np.sort(g.integers(0, count // A_PERSON, count))
    minute = g.integers(DAYS[0] * 1440, DAYS[1] * 1440, count)
    order = np.lexsort((minute, person))
    person, minute = person[order], minute[order]
    arrival = (np.arange(count) + person) % 2
    arrival ^= g.random(count) < 0.02  # a crossing that is not recorded as it was
    mixed = g.permutation(count)
    return person[mixed], minute[mixed], arrival[mixed]


def main() -> None:
    """Print the table."""
    classify(np.sort(packed(*crossings(1000))), AS_OF)  # compiles
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| crossings | pack [s] | sort [s] | classify [s] | classified a second | memory [GB] |")
    print("| --- | --- | --- | --- | --- | --- |")
    for millions in (1, 10, 30):
        rows = crossings(millions * 1_000_000)
        times = [time.perf_counter()]
        keys = packed(*rows)
        times.append(time.perf_counter())
        keys.sort()
        times.append(time.perf_counter())
        classify(keys, AS_OF)
        times.append(time.perf_counter())
        pack, sort, sweep = np.diff(times)
        print(
            f"| {millions} M | {pack:.2f} | {sort:.2f} | {sweep:.2f} | "
            f"{millions / sweep:.0f} M | {peak():.1f} |"
        )


if __name__ == "__main__":
    main()
