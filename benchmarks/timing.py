"""How benchmarks measure: median seconds, and the memory a task adds."""

from __future__ import annotations

import resource
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def median(task: Callable[[], object], times: int = 5) -> float:
    """Return the median seconds of a task."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def peak() -> float:
    """Return the largest memory this process has had [GB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
