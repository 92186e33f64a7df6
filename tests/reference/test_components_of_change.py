"""The real official files: every identity that their README says must hold."""

import csv
import gc
from collections import Counter

import pytest

from ravenstein.population.account import balance
from ravenstein.store.database import memory_store
from ravenstein.store.readers.myeb3 import read_myeb3
from tests.myeb3_files import inputs, rounding

EDITIONS = {
    # edition: areas, residuals of Scottish areas that are not 0
    "2001-2013_geog2013": (406, 0),
    "2001-2018_geog2019": (382, 15),
    "2001-2020_geog2021": (374, 40),
}


@pytest.fixture
def editions(shared):
    paths = sorted((shared / "data/population").glob("MYEB3*.csv"))
    assert len(paths) >= 3
    files = {file.edition: file for file in (read_myeb3(path, path.name) for path in paths)}
    assert set(files) >= set(EDITIONS)
    return files


def test_every_account_of_every_edition_balances(editions):
    for edition, file in editions.items():
        with memory_store() as store:
            frames = (store.from_rows(rows) for rows in inputs(file))
            rows = store.collect(balance(*frames, rounding())).to_pylist()
        local = [row for row in rows if not row["area"].endswith(("92000001", "92000002",
                 "92000003", "92000004")) and row["area"] != "K02000001"]  # fmt: skip
        assert len(local) == file.areas.num_rows * (len(file.years) - 1)
        off = [row for row in local if row["residual"] != 0]
        assert all(row["area"].startswith("S") for row in off), "England, Wales, NI: 0 everywhere"
        assert all(abs(row["residual"]) == 10 and row["status"] == "rounding" for row in off)
        if edition in EDITIONS:
            assert (file.areas.num_rows, len(off)) == EDITIONS[edition]
        assert Counter(row["status"] for row in rows).keys() <= {"balanced", "rounding"}
        assert file.missing == 0


def test_totals_by_age_and_sex_equal_the_estimates(shared, editions):
    for year, edition in ((2011, "2001-2013_geog2013"), (2018, "2001-2018_geog2019")):
        path = shared / f"data/population/nomis_mid{year}_local_authority_sex_age.tsv"
        totals: Counter[str] = Counter()
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                if row["GENDER"] in "12" and 101 <= int(row["C_AGE"]) <= 191:
                    totals[row["GEOGRAPHY_CODE"]] += int(row["OBS_VALUE"])
        estimates = {
            row["area"]: row["population"]
            for row in editions[edition].estimates.to_pylist()
            if row["year"] == year
        }
        both = estimates.keys() & totals.keys()
        assert len(both) > 340
        assert {a: totals[a] for a in both} == {a: estimates[a] for a in both}
    gc.collect()
