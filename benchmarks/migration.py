"""Total migration of ten years and the size of a country: all tables, with their draws.

Made-up interviews: 4,500 migrants a year in 391 areas, as the International Passenger Survey met.
"""

from __future__ import annotations

import resource
import time

import numpy as np

from ravenstein.core.sparse import SparseEstimate
from ravenstein.migration import forms, total
from ravenstein.migration.change import change_rows, changes
from ravenstein.migration.components.migrant_switchers import migrant_switchers
from ravenstein.migration.components.survey import survey
from ravenstein.migration.components.visitor_switchers import visitor_switchers
from ravenstein.migration.stays import cohorts
from ravenstein.migration.trend import smoothed
from ravenstein.tables.migration import BREAKDOWNS
from ravenstein.tables.passenger_survey import CITIZENSHIPS, COUNTRIES, OCCUPATIONS, REASONS

YEARS, AREAS, DRAWS, INTERVIEWS = range(2002, 2012), 391, 500, 4_500


def interviews(g: np.random.Generator) -> SparseEstimate:
    """Return migrants in all their answers."""
    size = INTERVIEWS * len(YEARS)
    nations = np.array(["E"] * 326 + ["W"] * 22 + ["S"] * 32 + ["N"] * 11)
    letter = nations[np.arange(AREAS)]
    areas = np.array([f"{n}0{i:07d}" for i, n in enumerate(letter)])

    def pick(names: list[str]) -> np.ndarray:
        return g.choice(names, size)

    labels = {
        "year": g.choice(list(YEARS), size), "quarter": g.integers(1, 5, size),
        "direction": g.choice(["immigration", "emigration"], size, p=[0.6, 0.4]),
        "citizenship": pick(list(CITIZENSHIPS.labels)), "reason": pick(list(REASONS.labels)),
        "country": pick(list(COUNTRIES.labels)), "area": areas[g.integers(0, AREAS, size)],
        "age_group": pick(["0-14", "15-24", "25-44", "45-64", "65+"]), "sex": pick(["F", "M"]),
        "occupation": pick(list(OCCUPATIONS.labels)), "asylum": g.random(size) < 0.01,
    }  # fmt: skip
    weight = g.gamma(4, 50, size)[:, None] * g.gamma(4, 0.25, (size, 1 + DRAWS))
    return SparseEstimate(labels, weight, "persons")


def stays(g: np.random.Generator) -> SparseEstimate:
    """Return stays that ended."""
    size = 800 * len(YEARS)
    began = g.choice(list(YEARS), size)
    length = np.minimum(g.integers(0, 6, size), YEARS[-1] - began)
    labels = {
        "year": began, "ended": began + length,
        "direction": g.choice(["immigration", "emigration"], size),
        "citizenship": g.choice(list(CITIZENSHIPS.labels), size), "length": length,
        "stated_long": g.random(size) < 0.9, "asylum": np.zeros(size, dtype=bool),
    }  # fmt: skip
    return SparseEstimate(labels, g.gamma(4, 20, (size, 1 + DRAWS)), "persons")


def main() -> None:
    """Measure, and print the table of the docs."""
    g = np.random.default_rng(1885)
    cells, ended = interviews(g), stays(g)
    years = list(YEARS)
    began = time.perf_counter()
    held = cohorts(cells, ended, years)
    parts = [survey(cells), visitor_switchers(held), migrant_switchers(held)]
    located = parts[0].parts[0]
    found = total.breakdowns(parts, located, years)
    rows = sum(len(forms.published(t, BREAKDOWNS[by], by, {})) for by, t in found.items())
    step = time.perf_counter()
    rows += len(forms.rolling_rows(total.flows_of(total.rolling(parts, located, years))))
    detailed = forms.detail_rows({by: total.total_of(t) for by, t in found.items()}, located)
    last = time.perf_counter()
    whole = total.flows_of(found["all"].sum("component", "nation"))
    rows += change_rows(changes(whole)).num_rows
    rows += len(forms.flow_rows(smoothed(whole, generator=g)))
    end = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print("| task | rows | seconds |\n| --- | --- | --- |")
    print(f"| components and breakdowns | | {step - began:.1f} |")
    print(f"| rolling years, detail of {AREAS} areas | {detailed.num_rows:,} | {last - step:.1f} |")
    print(f"| all tables | {rows + detailed.num_rows:,} | {end - began:.1f} |")
    print(f"largest memory {memory:.1f} GB; {DRAWS} draws, {len(years)} years")


if __name__ == "__main__":
    main()
