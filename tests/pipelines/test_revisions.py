"""A corrected input shows which published cells it moved, and vintages their revisions."""

import csv
import json

import numpy as np
import pyarrow as pa
import pytest
from tests.myeb3_files import Myeb3File
from typer.testing import CliRunner

from ravenstein import cli
from ravenstein.cli_migration import migration
from ravenstein.core.errors import MigrationError, RavensteinError, StoreError, TableError
from ravenstein.core.estimate import Estimate, estimate
from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.population.account import parameters
from ravenstein.store.database import open_store
from ravenstein.store.run import start_run
from ravenstein.tables.passenger_survey import COUNTRIES
from ravenstein.tables.population import POPULATION_EDITIONS
from ravenstein.tables.survey_results import SURVEY_MIGRANTS_BY_COUNTRY

STUDY = """
[study]
title = "A study"
producer = "Office"

[period]
first = 2001
last = 2003

[geography]
edition = 2021

[[sources]]
kind = "myeb3"
file = "a.csv"
"""
HARTLEPOOL, ENGLAND, WHOLE = "E06000001", "E92000001", "K02000001"
ONE_EDITION = ("--where", "edition=2001-2003_geog2021")


def command(app, *words):
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def asked(*words):
    return command(migration, *words)


def made(folder, *corrections):
    """Run the study on a file with corrections (area, column, text)."""
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text(STUDY)
    file = Myeb3File(folder / "a.csv")
    for correction in corrections:
        file.set(*correction)
    file.write()
    command(cli.app, "run", folder, "--only", "population", "--quiet")
    return folder


# five births more, and five other changes fewer: the population stays as it was
CORRECTED = (
    (HARTLEPOOL, "births_2003", "15"),
    (HARTLEPOOL, "natchange_2003", "11"),
    (HARTLEPOOL, "other_change_2003", "-3"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three runs: as first sent, corrected, and corrected once more without any change."""
    folder = tmp_path_factory.mktemp("studies") / "s"
    made(folder)
    made(folder, *CORRECTED)
    return made(folder, *CORRECTED)


def test_a_corrected_number_moves_exactly_the_cells_that_depend_on_it(study, tmp_path):
    out = tmp_path / "moved.csv"
    text = asked("moved", "population_account", "--dir", study, "--from", 1, "--json", "--out", out)
    found = json.loads(text)
    assert (found["from"], found["to"]) == (1, 3)
    moved = {(c["area"], c["year"], c["column"]): c["difference"] for c in found["cells"]}
    # of the area, its nation and the state
    assert moved == {
        (area, 2003, column): by
        for area in (HARTLEPOOL, ENGLAND, WHOLE)
        for column, by in (("births", 5), ("natural_change", 5), ("other_change", -5))
    }
    assert {c["change"] for c in found["cells"]} == {"changed"}
    assert (found["changed"], found["added"], found["removed"]) == (9, 0, 0)
    columns, rows = 14, 5 * 2
    assert found["same"] == columns * rows - 9
    file, *tables = found["differences"]
    assert (file["kind"], file["name"]) == ("file", "a.csv")
    assert file["before"] != file["after"]
    assert {(d["kind"], d["name"]) for d in tables} == {("table", "population_components")}
    with out.open(newline="") as stream:
        assert [row["after"] for row in csv.DictReader(stream)][:3] == ["15", "11", "-3"]


def test_what_moved_is_told(study):
    text = asked("moved", "population_account", "--dir", study, "--to", 2)
    assert "population_account: vintage 1 of run 1 to vintage 2 of run 2" in text
    assert "9 cells changed, 0 added, 0 removed, 131 the same" in text
    assert f"area={HARTLEPOOL}, year=2003: births 10 → 15 (+5)" in text
    same = asked("moved", "population_account", "--dir", study)
    assert "0 cells changed" in same
    assert "no file, parameter, method or code differs" in same


def test_a_table_whose_file_changed_but_not_its_figures(study):
    found = json.loads(asked("moved", "population_estimates", "--dir", study, "--to", 2, "--json"))
    assert found["cells"] == []
    assert [d["kind"] for d in found["differences"]] == ["file"]


def test_a_table_of_hashes_shows_which_sources_changed(study):
    words = ("moved", "population_editions", "--dir", study, "--to", 2, "--json")
    (cell,) = json.loads(asked(*words))["cells"]
    assert (cell["column"], len(cell["after"]), cell["difference"]) == ("sha256", 64, None)


def test_a_changed_setting_is_shown(tmp_path):
    folder = made(tmp_path / "s")
    text = STUDY.replace("last = 2003", "last = 2002")
    (folder / "study.toml").write_text(text)
    command(cli.app, "run", folder, "--only", "population", "--quiet")
    (line,) = json.loads(asked("moved", "areas", "--dir", folder, "--json"))["differences"]
    assert line == {
        "kind": "study", "name": "study.toml", "before": "last = 2003", "after": "last = 2002",
    }  # fmt: skip


def test_revisions_of_a_stored_table(study, tmp_path):
    out = tmp_path / "revisions.csv"
    words = ("revisions", "population_account", "--dir", study, "--value", "births", "--by", "area")
    found = json.loads(asked(*words, *ONE_EDITION, "--json", "--out", out))
    assert {f["vintage"] for f in found["figures"]} == {1, 2}, "the third repeats the second"
    rows = {(r["series"], r["towards"]): r for r in found["revisions"]}
    row = rows[HARTLEPOOL, "latest"]
    # 2002: 0 and 2003: 5; apart −2.5 and 2.5, one lag of weight 4/3
    assert (row["revisions"], row["mean"], row["mean_absolute"]) == (2, 2.5, 2.5)
    assert row["standard_error"] == pytest.approx(((12.5 - 4 / 3 * 6.25) / 2) ** 0.5)
    assert rows["W06000001", "next"]["root_mean_square"] == 0
    assert len(out.read_text().splitlines()) == 1 + 2 * 5
    text = asked(*words, *ONE_EDITION)
    assert "vintage 2" in text
    assert "revisions by maturity" in text
    one = asked(*words[:6], *ONE_EDITION[:1], f"{ONE_EDITION[1]} and area={HARTLEPOOL}",
                "--by", "edition", "--json")  # fmt: skip
    assert [f["figure"] for f in json.loads(one)["figures"]] == [10, 10, 10, 15]


def write(folder, table, rows):
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=2, told=lambda step: None) as run,
        run.step("a step"),
    ):
        if isinstance(rows, Estimate):
            run.write_estimate(table, rows, method=write)
        else:
            run.write(table, rows, method=made, parameters=parameters())


def test_another_form_of_the_table_is_told(tmp_path):
    folder = made(tmp_path / "s")
    with open_store(folder / "store") as store:
        rows = store.collect(store.read(POPULATION_EDITIONS))
    number = Column("number", ColumnType.INTEGER, "Number", unit="number")
    columns = (*POPULATION_EDITIONS.columns, number)
    wider = Table("population_editions", "x", ("edition", "number"), columns, source="test")
    write(folder, wider, rows.append_column("number", [[1]]))
    with pytest.raises(StoreError, match="present form") as caught:
        asked("moved", "population_editions", "--dir", folder)
    assert caught.value.where.startswith("vintage 2")
    assert "surplus: number" in caught.value.found
    finer = Table("population_editions", "x", ("edition", "file"), columns[:-1], source="test")
    other = rows.set_column(rows.column_names.index("file"), "file", [["b.csv"]])
    write(folder, finer, pa.concat_tables([rows, other]))
    with pytest.raises(StoreError, match="one row for each"):
        asked("moved", "population_editions", "--dir", folder, "--from", 1)


def test_another_method_and_its_parameters_are_told(tmp_path):
    folder = made(tmp_path / "s")
    with open_store(folder / "store") as store:
        rows = store.collect(store.read(POPULATION_EDITIONS))
    write(folder, POPULATION_EDITIONS, rows)
    text = asked("moved", "population_editions", "--dir", folder)
    assert "0 cells changed" in text
    assert "parameter rounding: none → from" in text
    assert "population_editions: ravenstein." in text
    assert text.rstrip().endswith("made")


def test_of_estimates_the_point_values_are_compared(tmp_path):
    country = sorted(COUNTRIES.labels)[:2]
    labels = {"year": [2016], "direction": ["immigration"], "country": country}
    first, later = (
        estimate([[points]], np.full((1, 1, 2, 2), draw), labels, "persons")
        for points, draw in (([3.0, 4.0], 1.0), ([3.0, 5.0], 2.0))
    )
    for given in (first, later):
        write(tmp_path, SURVEY_MIGRANTS_BY_COUNTRY, given)
    words = ("survey_migrants_by_country", "--dir", tmp_path, "--json")
    found = json.loads(asked("moved", *words))
    (cell,) = found["cells"]
    assert (cell["country"], cell["before"], cell["after"]) == (country[1], "4", "5")
    assert (found["same"], found["differences"]) == (1, [])
    by = ("--value", "point", "--by", "direction", "--by", "country")
    figures = json.loads(asked("revisions", *words, *by))["figures"]
    assert [f["figure"] for f in figures] == [3, 3, 4, 5]
    assert {f["series"] for f in figures} == {f"immigration/{name}" for name in country}


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("moved", "population_acount"), StoreError, "'population_account'"),
        (("moved", "survey_flows"), StoreError, "No table 'survey_flows' is stored"),
        (("moved", "areas", "--to", 9), StoreError, "no vintage 9"),
        (("moved", "areas", "--to", 1), MigrationError, "no other figures"),
        (("moved", "survey_contacts"), MigrationError, "point to persons"),
        (("revisions", "areas", "--value", "level"), MigrationError, "no numbers"),
        (("revisions", "population_account"), TableError, "no column 'persons'"),
        (("revisions", "population_account", "--value", "births", "--by", "area"), MigrationError,
         "edition left open"),
        (("revisions", "population_account", "--value", "births", "--by", "area", "--where",
          "edition=x"), MigrationError, "No vintage has such cells"),
        (("revisions", "population_estimates", "--value", "population", "--by", "area",
          *ONE_EDITION), MigrationError, "no other figures"),
    ],
)  # fmt: skip
def test_questions_that_cannot_be_answered_say_why(study, words, error, message):
    with pytest.raises(RavensteinError) as caught:
        asked(*words, "--dir", study)
    assert isinstance(caught.value, error)
    assert message in str(caught.value)
