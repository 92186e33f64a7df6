"""The real published tables of migration and of asylum: their identities and known totals."""

import csv
import gzip
from collections import Counter

import pytest

from ravenstein.migration.published import adjustments, checks, disjoint
from ravenstein.store.readers.asylum import read_applications, read_decisions, read_returns
from ravenstein.store.readers.migration_sheet import looks_like_migration_table
from ravenstein.store.readers.migration_tables import read_migration_table

LATER = "ONS_LTIM_2.04_reason_1991-2017_ed20181129.tsv"
EARLIER = "ONS_LTIM_2.04_reason_1991-2016_ed20171130.tsv"
AGES = "ONS_LTIM_2.07_age_sex_1991-2017_ed20181129.tsv"
SURVEY = "ONS_IPS_4.02_reason_by_citizenship_groups_2017.tsv"


def read(shared, name):
    path = shared / "data" / "migration" / name
    assert looks_like_migration_table(path)
    return read_migration_table(path, name)


def figure(table, value="persons", **wanted):
    defaults = {"place": "UK", "reason": "all", "citizenship": "all", "age_group": "all",
                "sex": "all"}  # fmt: skip
    (row,) = [
        row
        for row in table.rows.to_pylist()
        if all(row[name] == code for name, code in (defaults | wanted).items())
    ]
    return row[value]


def differences(table, identity):
    """Return the differences of an identity, all of which hold or are only shown."""
    found = [row for row in checks(table.rows).to_pylist() if row["identity"] == identity]
    assert all(row["holds"] in (True, None) for row in found)
    return [row["difference"] for row in found]


def test_editions_and_sizes(shared):
    found = {name: read(shared, name) for name in (LATER, EARLIER, AGES, SURVEY)}
    assert {name: (t.table, t.edition, t.rows.num_rows) for name, t in found.items()} == {
        LATER: ("2.04", "1991-2017_published2018-11-29", 2 * 2 * 27 * 8),
        EARLIER: ("2.04", "1991-2016_published2017-11-30", 2 * 2 * 26 * 8),
        AGES: ("2.07", "1991-2017_published2018-11-29", 2 * 3 * 27 * 18 + 11),
        SURVEY: ("4.02", "2017_published2018-11-29", 2 * 9 * 30),
    }
    assert Counter(found[SURVEY].rows["status"].to_pylist()) == {"given": 491, "no_contact": 49}
    missing = [row for row in found[LATER].rows.to_pylist() if row["persons"] is None]
    assert {(r["year"], r["reason"], r["status"]) for r in missing} == {
        (1995, "looking_for_work", "not_available")
    }


def test_figures_as_published(shared):
    later, ages, survey = (read(shared, name) for name in (LATER, AGES, SURVEY))
    assert figure(later, direction="emigration", year=2017) == 360_000
    assert figure(later, direction="emigration", year=2017, reason="definite_job") == 132_000
    assert figure(later, place="EW", direction="immigration", year=2016) == 540_000
    old = {"direction": "immigration", "year": 2017, "age_group": "60/65+", "sex": "F"}
    assert (figure(ages, **old), figure(ages, "half_width", **old)) == (11_000, 6000)
    revised = {"direction": "net", "year": 2001}
    assert figure(ages, **revised, basis="revised") == 179_000
    assert figure(ages, "half_width", **revised, basis="revised") is None
    assert figure(ages, **revised, basis="original") == 171_000
    eu2 = {"direction": "immigration", "citizenship": "eu2", "reason": "definite_job"}
    assert (figure(survey, **eu2), figure(survey, "half_width", **eu2)) == (34_500, 12_000)


def test_balances_are_immigration_less_emigration(shared):
    ages = read(shared, AGES)
    balances = differences(ages, "balance")
    assert len(balances) == 2 * 27 * 18
    assert max(map(abs, balances)) == 1000
    intervals = differences(ages, "interval")
    assert len(intervals) == 2 * 27 * 18
    assert max(map(abs, intervals)) == 1101
    revision = differences(ages, "census_revision")
    assert (len(revision), sum(revision)) == (11, 346_000)


@pytest.mark.parametrize(
    ("name", "number", "largest"),
    [(LATER, 212, 2000), (EARLIER, 204, 2000), (AGES, 1458, 2000), (SURVEY, 296, 200)],
)
def test_categories_sum_to_their_total(shared, name, number, largest):
    found = differences(read(shared, name), "categories")
    assert (len(found), max(map(abs, found))) == (number, largest)


def test_total_less_survey_is_what_was_added(shared):
    found = adjustments(read(shared, LATER).rows, read(shared, SURVEY).rows).to_pylist()
    assert {(row["direction"], row["year"]): row["adjustments"] for row in found} == {
        ("immigration", 2017): 43_300, ("emigration", 2017): 29_400,
    }  # fmt: skip


def test_groups_that_are_apart_sum_to_their_total(shared):
    survey = read(shared, SURVEY)
    arrived = {"direction": "immigration", "year": 2017}
    for groups, total in (
        (("eu", "other_europe"), "europe"),
        (("europe", "asia", "rest_of_world", "stateless"), "non_british"),
        (("commonwealth", "non_eu_non_commonwealth", "eu", "british"), "all"),
    ):
        disjoint(groups, 2017)
        parts = [figure(survey, **arrived, citizenship=group) or 0 for group in groups]
        assert abs(sum(parts) - figure(survey, **arrived, citizenship=total)) <= 200


ASYLUM = {
    "applications": (read_applications, 1_124_883, 6566, {}),
    "decisions_resettlement": (read_decisions, 1_168_923, 10_735, {"Resettlement Case": 63_682}),
    "returns": (read_returns, 1_084_931, 6625,
                {"Refused entry at port and subsequently departed": 440_905}),
}  # fmt: skip


@pytest.mark.parametrize("name", ASYLUM)
def test_nothing_of_the_asylum_files_is_lost(shared, name):
    reader, total, rows, left_out = ASYLUM[name]
    path = shared / "data" / "asylum" / f"{name}.csv.gz"
    file = reader(path, path.name)
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
        by_year = Counter()
        for row in csv.DictReader(stream):
            group = row.get("Return type group", row.get("Case type", ""))
            if group not in left_out:
                by_year[row["Year"][:4]] += int(float(list(row.values())[-1]))
    read_by_year = Counter()
    for row in file.rows.to_pylist():
        read_by_year[str(row["quarter"].year)] += row["persons"]
    assert read_by_year == by_year
    assert file.rows.num_rows == rows
    assert file.left_out == left_out
    assert sum(by_year.values()) + sum(left_out.values()) == total


def test_asylum_cells_counted_by_hand(shared):
    def counted(reader, name, **wanted):
        path = shared / "data" / "asylum" / f"{name}.csv.gz"
        return sum(
            row["persons"]
            for row in reader(path, path.name).rows.to_pylist()
            if all(row[column] == code for column, code in wanted.items())
        )

    # EU 8: every year; Home Office outcome and return groups as they stand
    assert counted(read_applications, "applications", citizenship="eu8") == 10_799
    assert counted(read_applications, "applications", location="port") == 202_228
    assert counted(read_decisions, "decisions_resettlement", outcome="refused") == 640_836
    assert counted(read_decisions, "decisions_resettlement", outcome="administrative") == 20_001
    assert counted(read_returns, "returns", type="enforced") == 242_856
    assert counted(read_returns, "returns", type="voluntary") == 401_170
