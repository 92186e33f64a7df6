"""Published tables of migration: headings in every form, refusals, identities, groups."""

import csv

import pyarrow as pa
import pytest
from tests.workbook_files import write_workbook

from ravenstein.core.errors import MigrationError, SourceError
from ravenstein.migration.published import adjustments, checks, disjoint, members
from ravenstein.store.readers.migration_sheet import looks_like_migration_table
from ravenstein.store.readers.migration_tables import read_migration_table
from ravenstein.tables.published_migration import PUBLISHED_CITIZENSHIPS

REASONS = [
    ["Year", "All reasons", "", "", "Work related", "", "", "", "Other", ""],
    ["", "", "", "", "All", "", "Definite job1", "", "", ""],
]
PAIRS = ["Estimate", "+/-CI"]
NOTES = [[""], ["Source: made up."], ["1 A note."], ["Published on 5 March 2019 by nobody."]]
IN, OUT = ["10.0", "3", "", "6", "2", "1,006.0", "2", "4", "1"], ["-5", "4", "", "0~", "0~", ":",
                                                                ":", "-5", "4"]  # fmt: skip


def series(
    headings=REASONS, figures=None, title="Main Reason for Migration", number="2.04",
    places=("United Kingdom", "England and Wales"), years=("2015.0", "2016"),
):  # fmt: skip
    """A time series: blocks of nations and flows, a row a year."""
    figures = figures or {"Inflow": IN, "Outflow": OUT}
    pairs: list[str] = []
    for cell in figures["Inflow"]:
        pairs.append(PAIRS[sum(map(bool, pairs)) % 2] if cell else "")
    rows = [[f"Table {number}", "Series MN"], ["time series, 2015 to 2016", "United Kingdom,"],
            [title, "England and Wales"], *headings, ["", *pairs], [""]]  # fmt: skip
    for place in places:
        rows += [[place], [""]]
        for flow, cells in figures.items():
            rows += [[flow], [""], *([year, *cells] for year in years),
                     ["Significant Change?", "Up"]]  # fmt: skip
    return rows + NOTES


def write(path, rows):
    width = max(map(len, rows))
    with path.open("w", newline="") as stream:
        out = csv.writer(stream, delimiter="\t", lineterminator="\n")
        out.writerows([*row, *[""] * (width - len(row))] for row in rows)
    return path


def read(tmp_path, rows, name="sheet.tsv", **options):
    return read_migration_table(write(tmp_path / name, rows), name, **options)


def cell(table, value="persons", **wanted):
    (found,) = [
        row for row in table.rows.to_pylist() if all(row[k] == v for k, v in wanted.items())
    ]
    return found[value]


def test_a_time_series_with_merged_headings(tmp_path):
    table = read(tmp_path, series())
    assert (table.table, table.edition) == ("2.04", "2015-2016_published2019-03-05")
    assert table.rows.num_rows == 2 * 2 * 2 * 4
    uk = {"place": "UK", "year": 2015}
    arrived, left = uk | {"direction": "immigration"}, uk | {"direction": "emigration"}
    assert cell(table, **arrived, reason="all") == 10_000
    assert cell(table, **arrived, reason="definite_job") == 1_006_000
    assert cell(table, "half_width", **left, reason="all") == 4000
    assert cell(table, **left, reason="all") == 5000
    assert cell(table, **left, reason="work") == 0
    assert cell(table, "status", **left, reason="work") == "rounds_to_zero"
    assert cell(table, **left, reason="definite_job") is None
    assert cell(table, "status", **left, reason="definite_job") == "not_available"


def test_a_workbook_reads_as_its_text_does(tmp_path):
    sheet = [[float(c) if c in ("10.0", "3", "-5") else c for c in row] for row in series()]
    path = write_workbook(tmp_path / "a.xlsx", {"Notes": [["notes"]], "Table 2.04": sheet})
    assert read_migration_table(path, "a.xlsx").rows == read(tmp_path, series()).rows
    twice = write_workbook(tmp_path / "b.xlsx", {"Table 2.04": sheet, "Table 2.04a": sheet})
    assert looks_like_migration_table(twice)
    assert not looks_like_migration_table(tmp_path / "none.xlsx")
    with pytest.raises(SourceError, match="does not have one sheet"):
        read_migration_table(twice, "b.xlsx")
    assert read_migration_table(twice, "b.xlsx", sheet="Table 2.04").table == "2.04"


FAMILY = {
    "2.01a": ("Citizenship", "citizenship", {
        "All citizenships": "all", "British": "british", "European Union EU151": "eu15",
        "Non-EU3 and Non-Commonwealth": "non_eu_non_commonwealth", "Stateless": "stateless"}),
    "2.02": ("Country of Last or Next Residence", "country", {
        "All countries": "all", "European Union2": "eu", "Old Commonwealth": "old_commonwealth",
        "Middle East and Central Asia": "middle_east_central_asia"}),
    "2.05": ("Usual Occupation Prior to Migration", "occupation", {
        "All occupations": "all", "Professional and managerial": "professional",
        "Manual  and clerical": "manual", "Not gainfully employed": "not_employed",
        "Children4": "child"}),
    "2.06": ("Area of Destination or Origin within the UK", "area", {
        "United Kingdom": "UK", "North East": "E12000001", "London": "E12000007",
        "Northern Ireland": "NI"}),
}  # fmt: skip


@pytest.mark.parametrize("number", FAMILY)
def test_the_other_time_series_of_the_family(tmp_path, number):
    title, dimension, labels = FAMILY[number]
    headings = [["Year", *(cell for label in labels for cell in (label, ""))]]
    figures = {
        "Inflow": ["3", "1"] * len(labels),
        "Outflow": ["-2", "1"] * len(labels),
        "Balance": ["1", "1"] * len(labels),
    }
    table = read(tmp_path, series(headings, figures, title, number))
    assert table.table == number
    assert dict.fromkeys(table.rows[dimension].to_pylist()) == dict.fromkeys(labels.values())
    assert cell(table, place="EW", direction="net", year=2016, **{dimension: "all"}
                if "all" in labels.values() else {dimension: "UK"}) == 1000  # fmt: skip


def one_year(rows=("All reasons", "Formal study"), subject="main reason for migration"):
    """A table of one year: a row a category, citizenship groups along the columns."""
    return [
        ["International Passenger Survey estimates, 2017"],
        [f"Migration to and from United Kingdom by {subject} by citizenship groups"],
        ["Flow", subject.capitalize(), "Software Readable Row Label", "All citizenships", "",
         "European Union1", ""],
        ["", "", "", *PAIRS, *PAIRS],
        ["Software Readable Column Label", "", "Row Label", "CIT All EST"],
        *([flow if not at else "", label, "x", f"{sign}1.5", "1", ".", "."]
          for flow, sign in (("Inflow", ""), ("Outflow", "-")) for at, label in enumerate(rows)),
        *NOTES,
    ]  # fmt: skip


def test_a_table_of_one_year(tmp_path):
    table = read(tmp_path, one_year(), "IPS_4.02.tsv")
    assert (table.table, table.edition) == ("4.02", "2017_published2019-03-05")
    study = {"direction": "emigration", "reason": "formal_study"}
    assert cell(table, **study, citizenship="all") == 1500
    assert cell(table, "status", **study, citizenship="eu") == "no_contact"
    jobs = one_year(("All occupations", "Children"), "usual occupation prior to migration")
    assert set(read(tmp_path, jobs, table="4.04").rows["occupation"].to_pylist()) == {
        "all", "child",
    }  # fmt: skip
    with pytest.raises(SourceError, match="which table"):
        read(tmp_path, one_year())


def put(line, column, text):
    def change(rows):
        row = rows[line - 1]
        rows[line - 1] = [*row, *[""] * (column - len(row))]
        rows[line - 1][column - 1] = text

    return change


def drop(first, last):
    return lambda rows: rows.__delitem__(slice(first - 1, last))


BAD = {
    "an unknown heading": (put(4, 9, "Weather"), "heading is not known", "'Weather'",
                           "line 4, column 9"),
    "no interval": (put(6, 3, ""), "no interval", "'Estimate'", "line 6, column 2"),
    "a lone interval": (put(6, 9, "+/-CI"), "not one of a pair", "'+/-CI'", "line 6, column 9"),
    "a heading twice": (put(4, 9, "All reasons"), "same headings", "column 2", "line 4, column 9"),
    "an unknown mark": (put(13, 5, "?"), "no mark that is known", "'?'", "line 13, column 5"),
    "an empty cell": (put(13, 5, ""), "no mark that is known", "an empty", "line 13, column 5"),
    "a year twice": (put(13, 1, "2015"), "repeated", "2015, also in line 12", "line 13, column 1"),
    "a year too many": (put(13, 1, "2018"), "missing", "not in the title: 2018", ""),
    "emigrants without sign": (put(17, 2, "5"), "wrong sign", "'5'", "line 17, column 2"),
    "immigrants with sign": (put(12, 2, "-5"), "wrong sign", "'-5'", "line 12, column 2"),
    "a negative interval": (put(12, 3, "-5"), "interval is imp", "'-5'", "line 12, column 3"),
    "a figure between": (put(12, 4, "5"), "below no heading", "'5'", "line 12, column 4"),
    "a missing block": (drop(15, 19), "Blocks or rows are missing", "2 missing", ""),
    "a missing nation": (drop(20, 31), "Blocks or rows are missing", "4 missing", ""),
    "a misspelt block": (put(15, 1, "Outflwo"), "row is not known", "'Outflwo'",
                         "line 15, column 1"),
    "figures in the notes": (put(34, 2, "3.0"), "below the notes", "'1 A note.'",
                             "line 34, column 1"),
    "no flow": (drop(10, 10), "stands in no block", "'2015.0'", "line 11, column 1"),
    "no subject": (put(3, 1, "Weather"), "does not say what", "Weather", "line 4"),
    "no headings": (drop(6, 6), "not a published table", "none", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_spoiled_sheets_are_refused(tmp_path, name):
    change, problem, found, where = BAD[name]
    rows = series()
    change(rows)
    with pytest.raises(SourceError) as caught:
        read(tmp_path, rows)
    assert problem in caught.value.problem, caught.value
    assert found in caught.value.found, caught.value
    assert caught.value.where == "sheet.tsv" + (f", {where}" if where else "")
    assert caught.value.fix


def test_identities_of_a_revised_table(tmp_path):
    headings = [
        ["Year", "All ages", "", "", "", "", "", "", "", "All ages", ""],
        ["", "Persons", "", "", "Males", "", "Females", "", "", "Persons", ""],
        ["", "2011 Census Revisions1", "", "", "", "", "", "", "", "Original Estimates1", ""],
    ]
    net = ["20", ":", "", "3", "5", "9", "6", "", "13", "5"]
    figures = {
        "Inflow": ["20", "3", "", "9", "3", "11", "3", "", "", ""],
        "Outflow": ["-8", "4", "", "-6", "4", "-2", "4", "", "", ""],
        "Balance": net,
    }
    rows = series(headings, figures, "Age and Sex", "2.07")
    rows[6] = ["", *PAIRS, "", *PAIRS, *PAIRS, "", *PAIRS]
    table = read(tmp_path, rows)
    every = checks(table.rows).to_pylist()
    found = [r for r in every if (r["place"], r["year"]) == ("UK", 2015)]
    by = {
        (r["identity"], r["direction"], r["sex"], r["basis"]): (r["difference"], r["holds"])
        for r in found
    }
    assert by == {
        ("census_revision", "net", "all", "revised"): (7000, None),
        ("balance", "net", "all", "original"): (1000, True),  # 13 against 20 − 8
        ("interval", "net", "all", "original"): (0, True),  # 3² + 4² = 5²
        ("balance", "net", "M", "published"): (0, True),
        ("interval", "net", "M", "published"): (0, True),
        ("balance", "net", "F", "published"): (0, True),
        ("interval", "net", "F", "published"): (1000, True),
        ("categories", "immigration", "all", "published"): (0, True),
        ("categories", "emigration", "all", "published"): (0, True),
        ("categories", "net", "all", "original"): (1000, True),  # 13 against 3 + 9
    }
    assert not any(r["holds"] is False for r in every)


def test_adjustments_are_total_less_survey(tmp_path):
    total = read(tmp_path, series(years=("2015", "2016")))
    survey = read(tmp_path, one_year(), table="4.02").rows
    with pytest.raises(MigrationError, match="no year in common"):
        adjustments(total.rows, survey)
    year = survey.schema.get_field_index("year")
    survey = survey.set_column(year, "year", pa.array([2016] * survey.num_rows, pa.int64()))
    found = adjustments(total.rows, survey).to_pylist()
    assert {row["direction"]: row["adjustments"] for row in found} == {
        "immigration": 8500, "emigration": 3500,
    }  # fmt: skip
    with pytest.raises(MigrationError, match="not those of one table"):
        adjustments(pa.concat_tables([total.rows, survey]), survey)


def test_groups_that_share_people_are_refused():
    disjoint(["british", "eu15", "eu8", "eu2", "eu_other", "non_eu"], 2017)
    disjoint(["europe", "asia", "rest_of_world", "stateless"], 1999)
    disjoint(["eu15", "commonwealth", "non_eu_non_commonwealth"], 2003)
    for groups, year, shared in (
        (["eu", "eu8"], 2004, "eu and eu8 share eu8"),
        (["asia", "new_commonwealth"], 2017, "south_asia_new, south_east_asia_new"),
        (["eea", "eu15"], 2017, "eea and eu15 share eu15"),
        (["new_commonwealth", "europe"], 2003, "share malta_cyprus"),
    ):
        with pytest.raises(MigrationError) as caught:
            disjoint(groups, year)
        assert shared in caught.value.found
    disjoint(["new_commonwealth", "europe"], 2004)
    with pytest.raises(MigrationError, match="not a published one"):
        disjoint(["eu", "eu25"], 2005)


@pytest.mark.parametrize("year", [1999, 2004, 2007, 2013])
def test_groups_divide_everybody(year):
    whole = members("all", year)
    assert whole == members("british", year) | members("non_british", year)
    for group in PUBLISHED_CITIZENSHIPS.labels:
        assert members(group, year) <= whole
    assert members("eu", year) | members("non_eu", year) == members("non_british", year)
