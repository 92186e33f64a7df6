"""The border of a twin whose entry–exit system holds every crossing: the rule finds the truth."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from tests.twin_worlds import made

from ravenstein.border.delivery import Treatment
from ravenstein.pipelines.border import classify_files
from ravenstein.pipelines.border_intake import BorderJob
from ravenstein.store.crossing_files import Columns
from ravenstein.store.identity import IdentityKey

KEY = IdentityKey(b"of a test, and so no secret at all")
COLUMNS = Columns("nationality,document", "direction", "crossed_at")


def twin(**changes):
    """Return movements and migrations of one block with perfect views but for the changes."""
    tables, _ = made(people=6000, **changes)
    truth = tables["truth_migration"]
    truth = truth[truth.definition == "residence_12_of_16"]
    found = truth.groupby(["year", "direction"]).persons.sum().to_dict()
    rows = pa.Table.from_pandas(tables["border_movements"], preserve_index=False)
    return rows, {k: v for k, v in found.items() if 2008 <= k[0] <= 2012}


def migrations(folder, **choices):
    """Return migrations by year and direction."""
    job = BorderJob(COLUMNS, key=KEY, **choices)
    report = classify_files(sorted(folder.glob("month-*.parquet")), folder / "out", job)
    rows = pq.read_table(folder / "out/crossings.parquet").to_pandas()
    rows = rows[rows.is_migrant == 1]
    years = rows.crossed_on.map(lambda day: day.year)
    flow = rows.direction.map({"arrival": "immigration", "departure": "emigration"})
    found = rows.groupby([years, flow]).size().to_dict()
    return {k: v for k, v in found.items() if 2008 <= k[0] <= 2012}, report


def test_a_perfect_border_gives_the_truth_exactly(tmp_path):
    rows, truth = twin()
    pq.write_table(rows, tmp_path / "month-1.parquet")
    found, report = migrations(tmp_path)
    assert found == truth
    assert sum(truth.values()) > 300
    assert report["put_aside"] == {}
    # no document is in what was written (a document of one digit is in any file's bytes by chance)
    documents = set(rows["document"].to_pylist())
    assert not documents & set(
        pq.read_table(tmp_path / "out/crossings.parquet")["person_id"].to_pylist()
    )
    written = (tmp_path / "out/crossings.parquet").read_bytes()
    long_ones = sorted(text.encode() for text in documents if len(text) > 10)[::20]
    assert len(long_ones) > 500
    assert not any(document in written for document in long_ones)


@pytest.mark.slow
def test_as_of_each_year_answers_are_those_that_stand_at_last(tmp_path):
    rows, truth = twin()
    years = rows["crossed_at"].to_numpy().astype("M8[Y]").astype(int) + 1970
    history, sums = tmp_path / "history", None
    for year in np.unique(years):
        for old in tmp_path.glob("month-*.parquet"):
            old.unlink()
        pq.write_table(rows.filter(pa.array(years == year)), tmp_path / f"month-{year}.parquet")
        _, report = migrations(tmp_path, history=history)
        assert report["persons"]["with_late_ones"] == 0
        if year == 2011:
            told = pq.read_table(tmp_path / "out/crossings.parquet").to_pandas()
            decided = told[(told.is_migrant == 1) & told.crossed_on.map(lambda d: d.year == 2010)]
            assert len(decided) > 0, "what was open a year ago is told when it is decided"
        sums = pa.csv.read_csv(tmp_path / "out/summary.csv").to_pandas()
    sums["year"] = sums.month.map(lambda day: day.year)
    sums["direction"] = sums.direction.map({"arrival": "immigration", "departure": "emigration"})
    found = sums.groupby(["year", "direction"]).migrants.sum().to_dict()
    assert {k: v for k, v in found.items() if k in truth} == truth


def test_a_border_with_gaps_is_off_and_says_how_much_is_broken(tmp_path):
    rows, truth = twin(border_outbound=0.9)
    pq.write_table(rows, tmp_path / "month-1.parquet")
    last, report = migrations(tmp_path)
    middle, mended = migrations(tmp_path, treatment=Treatment(gaps="middle"))
    immigration = sum(n for (_, flow), n in truth.items() if flow == "immigration")
    told = [sum(n for (_, flow), n in f.items() if flow == "immigration") for f in (last, middle)]
    # a visitor whose departure is missing looks like one who stays
    assert told[0] > 1.5 * immigration
    assert report["sequences"]["repeated_arrivals"] > 100
    assert mended["sequences"]["imputed"] == (
        report["sequences"]["repeated_arrivals"] + report["sequences"]["repeated_departures"]
    )
    assert abs(told[1] - immigration) < abs(told[0] - immigration)
