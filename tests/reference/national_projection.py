"""Check a workbook of a national projection: python -m tests.reference.national_projection FILE

Every identity that the published figures must obey, with the largest differences and where they
are; ends with 1 where one goes beyond its tolerance.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.core.errors import RavensteinError
from ravenstein.store.readers.national_projection import read_national_projection

if TYPE_CHECKING:
    from ravenstein.store.readers.national_projection import NationalProjection

SEXES = ("male", "female")
WORST = 3  # differences shown for each identity


@dataclass(frozen=True)
class Identity:
    """One identity: its name, tolerance, differences and the labels of their axes."""

    name: str
    tolerance: float
    off: np.ndarray
    labels: tuple[tuple[object, ...], ...]

    @property
    def largest(self) -> float:
        """The largest absolute difference [persons]."""
        return float(np.abs(self.off).max())

    @property
    def holds(self) -> bool:
        """Whether no difference is beyond the tolerance."""
        return bool(np.isfinite(self.off).all()) and self.largest <= self.tolerance

    def lines(self) -> list[str]:
        """Say how it holds, and where the largest differences are."""
        beyond = int((~(np.abs(self.off) <= self.tolerance)).sum())
        found = [
            f"{'ok  ' if self.holds else 'FAIL'} {self.name}: {self.off.size:,} cells, largest "
            f"{self.largest:.3f}, tolerance {self.tolerance:g}, beyond it {beyond:,}"
        ]
        for place in np.argsort(-np.abs(self.off), axis=None)[:WORST]:
            at = np.unravel_index(place, self.off.shape)
            cell = " ".join(str(names[i]) for names, i in zip(self.labels, at, strict=True))
            found.append(f"       {cell}: {self.off[at]:+.3f}")
        return found


def identities(file: NationalProjection) -> list[Identity]:
    """Return the identities of a workbook.

    Cohorts: P(a+1, t+1) = P(a, t) − D(a) + ½ M(a) + ½ M(a+1) for single ages. Deaths: the
    probability of dying times those at risk, P(a) + ¼ (M(a) + M(a+1)). Births: fertility times the
    mean of women at both mid-years. Newborns: the sex's share of births − deaths from birth on +
    ½ M(0), with 105 boys to 100 girls.
    """
    p, d, m = file.population, file.deaths, file.migration["total"]["net"]
    last = file.flow_ages.index(next(a for a in file.flow_ages if a.endswith("+")))
    risk = d[:, 1:]  # deaths before the first are from birth on
    years = file.years[1:]
    ages = tuple(range(1, last))
    halves = (m[:, : last - 1] + m[:, 1:last]) / 2
    cohort = p[:, 1:last, 1:] - (p[:, : last - 1, :-1] - risk[:, : last - 1] + halves)
    exposed = p[:, :last, :-1] + (m[:, :last] + m[:, 1 : last + 1]) / 4
    deaths = file.mortality[:, 1 : last + 1] / 1e5 * exposed - risk[:, :last]
    first = int(file.mothers[0])
    women = p[1, first : first + len(file.mothers)]
    births = file.fertility / 1000 * (women[:, :-1] + women[:, 1:]) / 2 - file.births
    share = np.array([105, 100])[:, None] / 205
    newborn = share * file.births.sum(axis=0) - d[:, 0] + m[:, 0] / 2 - p[:, 0, 1:]
    parts = [
        Identity("cohorts, ages 1 to " + str(last - 1), 0.5, cohort, (SEXES, ages, years)),
        Identity("deaths by age", 2.0, deaths, (SEXES, tuple(range(last)), years)),
        Identity("births by age of mother", 0.5, births, (file.mothers, years)),
        Identity("newborns", 4.0, newborn, (SEXES, years)),
    ]
    for kind, flows in file.migration.items():
        net = flows["net"] - flows["in"] + flows["out"]
        # whole numbers rounded on their own: half a person for each of three
        labels = (SEXES, file.flow_ages, years)
        parts.append(Identity(f"{kind} migration: net = in − out", 1.5, net, labels))
    return parts


def main(arguments: list[str]) -> int:
    """Check one workbook; return the exit code."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    try:
        file = read_national_projection(Path(arguments[0]), Path(arguments[0]).name)
    except RavensteinError as error:
        print(error)
        return 2
    found = identities(file)
    print(f"{file.coverage}, mid-{file.years[0]} to mid-{file.years[-1]}")
    for identity in found:
        print("\n".join(identity.lines()))
    failed = sum(not identity.holds for identity in found)
    print(f"{len(found) - failed} of {len(found)} identities hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
