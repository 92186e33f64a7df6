"""Two releases of New Zealand's 12/16-month migration: what became of provisional months."""

import csv
import datetime as dt
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from ravenstein.migration.revisions import moved_cells, revision_summary, revisions, triangle

BANDS = (0, 6, 12, 18)  # months; figures are final after 16


def totals(path, month, direction, value):
    """Sum a release over sexes and ages, leaving out the rows that are sums already."""
    found = Counter()
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            if "TOTAL" not in row.values() and "Total All Ages" not in row.values():
                found[row[month][:7], row[direction]] += int(float(row[value]))
    return found


def rows_of(published, figures):
    rows = [
        {
            "vintage": published,
            "period": dt.date(int(month[:4]), int(month[5:]), 28),
            "flow": flow,
            "persons": persons,
        }
        for (month, flow), persons in figures.items()
    ]
    return pa.Table.from_pylist(rows)


@pytest.fixture
def releases(shared):
    folder = shared / "data/border_nz"
    first = totals(folder / "vintage_2024-08__age_sex_with_se_status.csv",
                   "year_month", "direction", "estimate")  # fmt: skip
    later = totals(folder / "vintage_2026-05-18__df_direction_age_sex.csv",
                   "Month", "Direction", "Count")  # fmt: skip
    return first, later


def test_provisional_months_were_revised_and_final_ones_were_not(releases):
    first, later = releases
    days = dt.date(2024, 8, 14), dt.date(2026, 5, 18)
    rows = pa.concat_tables([rows_of(*each) for each in zip(days, releases, strict=True)])
    found = revisions(triangle(rows), maturity="months", bands=BANDS)
    summary = {(r["series"], r["maturity"]): r for r in revision_summary(found).to_pylist()}
    # the same by month, without a triangle: months counted back from August 2024
    for flow in ("Arrivals", "Departures", "Net"):
        for low, high in zip(BANDS, (*BANDS[1:], 999), strict=True):
            moved = np.array([
                later[month, flow] - figure
                for (month, of), figure in first.items()
                if of == flow
                and low <= 12 * (2024 - int(month[:4])) + 8 - int(month[5:]) < high
            ])  # fmt: skip
            row = summary[flow, low]
            assert row["revisions"] == moved.size
            assert row["mean"] == pytest.approx(moved.mean())
            assert row["mean_absolute"] == pytest.approx(np.abs(moved).mean())
    # of the latest four months 29 % too many were taken for arriving migrants; of final ones none
    told = {key: round(row["mean"]) for key, row in summary.items()}
    assert [told["Arrivals", low] for low in BANDS] == [-3250, -1634, -153, 0]
    assert [told["Departures", low] for low in BANDS] == [-2914, -1372, -58, 0]
    assert round(summary["Net", 0]["mean_absolute"]) == 520
    assert summary["Arrivals", 0]["relative_mean_absolute"] == pytest.approx(0.287, abs=0.001)
    assert summary["Arrivals", 0]["share_up"] == 0
    assert summary["Departures", 18]["mean_absolute"] == 0, "266 final months, each as it was"


def test_which_published_months_moved(releases):
    old, new = (rows_of(dt.date(2026, 5, 18), release) for release in releases)
    found = moved_cells(old, new, ["flow", "period"], ["persons"])
    moved = found.rows.to_pylist()
    last = max(old["period"].to_pylist())
    assert {r["period"] for r in moved if r["change"] == "added"} == {
        period for period in new["period"].to_pylist() if period > last
    }
    assert (found.removed, found.added) == (0, 3 * 21)
    assert min(r["period"] for r in moved) == dt.date(2023, 4, 28)
    assert found.same + found.changed == old.num_rows
