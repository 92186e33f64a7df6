"""Total migration from a study's files: every table, what is missing, and what is refused."""

import re
import shutil

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from tests.migration_studies import (
    DRAWS,
    add_source,
    change_rows,
    change_table,
    leave_out,
    migration_study,
    own_component,
    publish,
    rerun,
    rows_of,
    run_study,
    totals,
)
from typer.testing import CliRunner

from ravenstein import cli
from ravenstein.core.errors import RavensteinError
from ravenstein.tables import migration as tables

OTHERS = ("border_movements", "worker_registrations", "insurance_register")
DECLARED = {table.name for table in tables.TABLES} - {"migration_component"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study that has run, its warnings, and the tables written."""
    folder = migration_study(tmp_path_factory.mktemp("studies") / "whole")
    return folder, *run_study(folder)


@pytest.fixture
def study(made, tmp_path):
    """The survey and what completes it, of which the survey has run; to be changed."""
    folder = shutil.copytree(made[0], tmp_path / "study")
    leave_out(folder, *OTHERS)
    return folder


def test_every_table_is_written_and_nothing_reads_the_truth(made):
    folder, warnings, written = made
    assert written >= DECLARED
    connection = duckdb.connect(folder / "store/ravenstein.duckdb", read_only=True)
    inputs = {name for (name,) in connection.sql("select name from provenance.inputs").fetchall()}
    assert "twin/views/irish_migration.parquet" in inputs
    assert not [name for name in inputs if "truth" in name]
    methods = connection.sql("select method from provenance.writes").fetchall()
    assert not [method for (method,) in methods if "twin" in (method or "")]
    assert not any("lacks components" in warning for warning in warnings)


def test_the_total_is_the_sum_of_its_rows_as_they_are_stored(made):
    folder, *_ = made
    cells = rows_of(folder, "migration_components")
    published = rows_of(folder, "migration_flows").to_pylist()
    draws = cells["draws"].combine_chunks().flatten().to_numpy().reshape(-1, DRAWS)
    sums = {}
    for row, drawn in zip(cells.drop_columns("draws").to_pylist(), draws, strict=True):
        for flow, sign in (("net", -1), (row["direction"], 1)):
            times = 1 if row["direction"] == "immigration" else sign
            named = [row[n] for n in tables.BREAKDOWNS[row["by"]]]
            key = row["year"], flow, row["by"], "/".join(named) or "all"
            for component in (row["component"], "total"):
                point, error = sums.get((*key, component), (0.0, 0.0))
                whole = point + times * row["point"], error + times * drawn.astype(float)
                sums[*key, component] = whole
    checked = 0
    for row in published:
        if row["nation"] == "all":
            key = (row[n] for n in ("year", "flow", "by", "category", "component"))
            point, drawn = sums[tuple(key)]
            assert row["persons"] == pytest.approx(point, abs=1e-9)
            assert row["standard_error"] == pytest.approx(drawn.std(ddof=1), rel=1e-4, abs=1e-4)
            checked += 1
    assert checked > 1000
    whole = totals(rows_of(folder, "migration_flows"))
    rolling = {
        (row["ending"].year, row["flow"]): row["persons"]
        for row in rows_of(folder, "migration_rolling").to_pylist()
        if row["component"] == "total" and row["ending"].month == 12
    }
    assert rolling == pytest.approx(whole)
    detail = {}
    for row in rows_of(folder, "migration_detail").to_pylist():
        key = row["year"], row["direction"]
        detail[key] = detail.get(key, 0) + row["persons"]
    assert detail == pytest.approx({k: n for k, n in whole.items() if k[1] != "net"}, rel=1e-6)


def test_every_category_has_every_year_and_those_without_anybody_are_0(made):
    folder, *_ = made
    rows = rows_of(folder, "migration_flows").to_pylist()
    known = {}
    for row in rows:
        key = row["by"], row["category"], row["nation"], row["component"], row["flow"]
        known.setdefault(key, []).append(row["year"])
    assert all(sorted(years) == [2007, 2008, 2009, 2010, 2011] for years in known.values())
    assert any(row["persons"] == 0 for row in rows)
    late = {}
    for row in (row for row in rows if row["provisional"]):
        late.setdefault(row["component"], set()).add(row["year"])
    # Irish years to April 2007 and to April 2012 are not there
    switchers = {name: {2009, 2010, 2011} for name in ("visitor_switchers", "migrant_switchers")}
    assert late == {"ireland": {2007, 2011}, "total": {2007, 2009, 2010, 2011}} | switchers


def test_a_correction_larger_than_the_surveys_figure_is_shown_and_told(made):
    folder, warnings, _ = made
    (told,) = [warning for warning in warnings if "Total migration is negative" in warning]
    count = int(re.search(r"(\d+) by age_sex", told)[1])
    cells = rows_of(folder, "migration_components").to_pylist()
    sums = {}
    for row in (row for row in cells if row["by"] == "age_sex"):
        key = tuple(row[n] for n in ("year", "direction", "nation", "age_group", "sex"))
        sums[key] = sums.get(key, 0) + row["point"]
    assert sum(value < 0 for value in sums.values()) == count > 0
    assert min(rows_of(folder, "migration_detail")["persons"].to_pylist()) >= 0
    flows = rows_of(folder, "migration_flows").to_pylist()
    assert min(r["persons"] for r in flows if r["component"] == "total" and r["flow"] != "net") < 0


def test_gaps_are_of_all_crossings_of_the_border(made):
    folder, *_ = made
    summary = rows_of(folder, "border_summary").to_pylist()
    months = {}
    for row in (row for row in summary if row["window"] == summary[0]["window"]):
        months[row["month"]] = months.get(row["month"], 0) + row["crossings"]
    gaps = {row["month"]: row for row in rows_of(folder, "border_gaps").to_pylist()}
    assert {month: row["crossings"] for month, row in gaps.items()} == months
    assert all(row["repeated"] < row["crossings"] / 4 for row in gaps.values())
    assert sum(row["repeated"] for row in gaps.values()) > 0


def test_a_cell_is_explained(made):
    folder, *_ = made
    words = ["explain", "migration_flows", "--dir", str(folder), "--where",
             "year=2009 and flow=net and by=all and nation=all and component=total"]  # fmt: skip
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    told = result.output.replace("\n", " ")
    for name in ("migration_components", "survey_migrant_cells", "irish_migration"):
        assert name in told


def test_the_same_study_gives_the_same_figures(made, tmp_path):
    folder = shutil.copytree(made[0], tmp_path / "again")
    _, written = rerun(folder)
    assert "migration_flows" in written
    connection = duckdb.connect(folder / "store/ravenstein.duckdb", read_only=True)
    query = "select table_name, count(*), count(distinct content_hash) from provenance.writes"
    found = connection.sql(f"{query} group by all").fetchall()
    assert {name for name, writes, _ in found if writes == 2} == written
    assert {contents for *_, contents in found} == {1}


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        (["survey_trailers"], "switchers (survey_trailers, 3 whole years at least)"),
        (
            ["irish_migration", "returns"],
            "ireland (irish_migration); asylum (asylum_applications and returns)",
        ),
    ],
)
def test_missing_components_are_named(study, without, missing):
    leave_out(study, *without)
    warnings, _ = rerun(study)
    assert f"Total migration lacks components: {missing}" in warnings
    found = set(rows_of(study, "migration_flows")["component"].to_pylist())
    switchers, others = {"visitor_switchers", "migrant_switchers"}, {"ireland", "asylum"}
    kept = others if "survey_trailers" in without else switchers
    assert found == {"survey", "total"} | kept


def test_a_survey_alone_has_no_total(study):
    leave_out(study, "survey_trailers", "irish_migration", "asylum_applications", "returns")
    assert rerun(study) == ([], set())


APPLICATIONS = (
    "Year,Quarter,Nationality,Region,Age,Sex,Applicant type,UASC,Location of application,"
    "Applications\n"
)
RETURNS = (
    "Year,Quarter,Nationality,Region,Return type group,Return type,Age,Sex,"
    "Return destination group,Number of returns\n"
)


def test_published_asylum_files_are_read_as_they_are(study):
    leave_out(study, "asylum_applications", "returns")
    years = range(2007, 2012)
    applied = "{0},{0} Q1,Iran,Middle East,18-29,Male,Main applicant,Non-UASC,In Country,100\n"
    (study / "applications.csv").write_text(APPLICATIONS + "".join(map(applied.format, years)))
    left = "{},{} Q2,Iran,Middle East,{},{},30-49,Male,Home Country,{}\n"
    kinds = (("Enforced return", "Enforced removals", 20), ("Voluntary return", "Assisted", 50),
             ("Refused entry at port and subsequently departed", "-", 7))  # fmt: skip
    (study / "returns.csv").write_text(
        RETURNS + "".join(left.format(2009, 2009, *kind) for kind in kinds)
    )
    add_source(study, "home_office_applications", "applications.csv")
    add_source(study, "home_office_returns", "returns.csv")
    warnings, _ = rerun(study)
    assert any(w.startswith("returns.csv: 7 ") for w in warnings)
    assert not any("lacks components" in warning for warning in warnings)
    notes = {(r["year"], r["step"]): r["value"] for r in rows_of(study, "migration_notes")
             .to_pylist() if r["component"] == "asylum"}  # fmt: skip
    assert notes[2008, "applicants who stay a year"] == pytest.approx(95)
    assert notes[2009, "removals past the survey"] == pytest.approx(0.9 * 20)
    assert notes[2010, "removals past the survey"] == 0


def test_a_component_of_ones_own_is_added(study):
    before = totals(rows_of(study, "migration_flows"))
    own_component(
        study,
        [
            f"late_forms,{y},{way},all,all,all,all,all,{persons},1"
            for y in range(2007, 2012)
            for way, persons in (("immigration", y - 2000), ("emigration", 0))
        ],
    )
    rerun(study)
    rows = rows_of(study, "migration_flows")
    after = totals(rows)
    for year in range(2007, 2012):
        assert after[year, "net"] == pytest.approx(before[year, "net"] + year - 2000)
        assert after[year, "emigration"] == pytest.approx(before[year, "emigration"])
    own = ("reason", "all", "immigration", "late_forms")
    names = ("by", "nation", "flow", "component")
    added = (row for row in rows.to_pylist() if tuple(row[n] for n in names) == own)
    by_reason = [row["persons"] for row in added]
    assert sum(by_reason) == pytest.approx(7 + 8 + 9 + 10 + 11)


def test_years_may_be_chosen(study):
    names = ("survey", "visitor_switchers", "migrant_switchers")
    rows = rows_of(study, "migration_flows")
    whole = {name: totals(rows, component=name) for name in names}
    publish(study, "first = 2008\nlast = 2010")
    rerun(study)
    rows = rows_of(study, "migration_flows")
    for name in names:  # switchers rest on all years of the survey
        kept = {key: value for key, value in whole[name].items() if 2008 <= key[0] <= 2010}
        assert totals(rows, component=name) == pytest.approx(kept), name


def eleven_months(rows):
    months = np.where(rows["year"].to_numpy() == 2007, 11, rows["months"].to_numpy())
    return rows.set_column(rows.column_names.index("months"), "months", pa.array(months))


def test_a_year_of_which_a_month_has_no_interviews_is_left_out(study):
    whole = totals(rows_of(study, "migration_flows"), component="survey")
    change_table(study, "survey_flows", eleven_months)
    warnings, _ = rerun(study)
    assert "Total migration leaves out 2007: not all months have interviews" in warnings
    found = totals(rows_of(study, "migration_flows"), component="survey")
    assert found == {key: value for key, value in whole.items() if key[0] > 2007}


def without_april(rows):
    return rows.filter(pa.array(rows["year"].to_numpy() != 2009))


def without_quarters(rows):
    years = rows["quarter"].to_numpy().astype("datetime64[Y]").astype(int) + 1970
    return rows.filter(pa.array(years != 2009))


def without_trailers(rows):
    stated = rows["occupation"].to_numpy(zero_copy_only=False) != "not_stated"
    return rows.filter(pa.array((rows["year"].to_numpy() != 2009) | ~stated))


def of_2009(component, *labels):
    ways = ("immigration", "emigration")
    return [",".join((component, "2009", way, *labels, "5", "1")) for way in ways]


def late_forms(*years):
    return [row.replace("2009", str(y)) for y in years for row in of_2009("late", *["all"] * 5)]


MISTAKES = [
    (lambda f: publish(f, "last = 2012"), "does not have all years",
     "whole years: 2007, 2008, 2009, 2010, 2011"),
    (lambda f: change_rows(f, "irish_migration", without_april), "do not hold every year",
     "without 2009"),
    (lambda f: change_rows(f, "asylum_applications", without_quarters),
     "years without applications", "none in 2009"),
    (lambda f: change_table(f, "survey_migrant_cells", without_trailers),
     "Trailers are of some years only", "none in 2009"),
    # a group that overlaps with others is in no table
    (lambda f: own_component(f, of_2009("late", "all", "eu25", "all", "all", "all")),
     "migration_component", "eu25"),
    (lambda f: own_component(f, of_2009("late", "all", "all", "all", "all", "all")),
     "not of the years that are published", "lacking 2007"),
    (lambda f: own_component(f, of_2009("nation_own", "EW", "all", "all", "all", "all")),
     "cannot be added", "nation EW, which the survey does not have"),
    (lambda f: own_component(f, late_forms(*range(2007, 2012)), "un_3_months"),
     "differ in definition", "un_3_months"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_what_cannot_be_added_is_told_and_nothing_is_published(study, number):
    make, problem, found = MISTAKES[number]
    make(study)
    before = totals(rows_of(study, "migration_flows"))
    with pytest.raises(RavensteinError) as caught:
        rerun(study)
    assert problem in str(caught.value)
    assert found in str(caught.value), str(caught.value)
    assert totals(rows_of(study, "migration_flows")) == before
