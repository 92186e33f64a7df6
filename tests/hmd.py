"""Deaths and exposures of the Human Mortality Database, as its text files hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def hmd(shared: Path, years: Collection[int], *, open_age: int, whole: bool = False):
    """Return deaths and person-years of the United Kingdom, added over years.

    Args:
        shared: The folder of real data.
        years: The years.
        open_age: The open age; older ages are added to it.
        whole: Whether each count of deaths is rounded first.

    Returns:
        Two arrays [2 (male, female), ages].
    """
    found = []
    for name in ("HMD_UK_Deaths_1x1.txt", "HMD_UK_Exposures_1x1.txt"):
        sums = np.zeros((2, open_age + 1))
        for line in (shared / "data/demography" / name).read_text().splitlines():
            parts = line.split()
            if len(parts) == 5 and parts[0].isdigit() and int(parts[0]) in years:
                female, male = float(parts[2]), float(parts[3])
                if whole and "Deaths" in name:
                    female, male = round(female), round(male)
                sums[:, min(int(parts[1].rstrip("+")), open_age)] += (male, female)
        found.append(sums)
    return found
