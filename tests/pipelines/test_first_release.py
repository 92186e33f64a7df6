"""The first path, end to end: the bundled study, the real one, and the commands around them."""

import csv
import hashlib
import json
import re
import resource
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from unittest import mock

import duckdb
import pyarrow.parquet as pq
import pytest
from tests.myeb3_files import Myeb3File
from tests.studies import bundled_study
from typer.testing import CliRunner

from ravenstein import cli
from ravenstein.core.errors import RavensteinError
from ravenstein.twin.settings import FILES, settings


def command(*words, code=0):
    """Run the command as a user does, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "ravenstein", *map(str, words)],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def in_process(*words):
    result = CliRunner().invoke(cli.app, list(map(str, words)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*words, code):
    """Run the command in this process, and return the error that ends it."""
    with pytest.raises(RavensteinError) as caught:
        in_process(*words)
    assert caught.value.exit_code == code
    return str(caught.value)


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


pytestmark = pytest.mark.usefixtures("quick_pictures")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = bundled_study(tmp_path_factory.mktemp("studies") / "twin", whole=True)
    summary = json.loads(in_process("run", folder, "--json").stdout)
    return folder, summary


def test_the_bundled_study_ends_with_a_release(released):
    folder, summary = released
    assert summary["status"] == "complete"
    assert summary["release"] == str(folder / "release/index.html")
    assert summary["tables"]["population_account"] == {"vintage": 1, "rows": 23 * 13}
    told = (
        "cells of the passenger survey",
        "Total migration is negative in cells",
        "Total migration takes it",
    )
    assert all(any(words in warning for words in told) for warning in summary["warnings"])
    assert [step["title"] for step in summary["steps"]][-1] == "Write pages and tables"
    pages = sorted(path.name for path in (folder / "release/areas").iterdir())
    assert len(pages) == 23 + 3  # three codes that are no longer in use
    page = (folder / "release/areas/X06000005.html").read_text()
    assert "Eastholm" in page
    assert "Simulated data" in page
    assert "http:" not in re.sub(r"http://www\.w3\.org/(2000/svg|1999/xlink)", "", page)


def test_downloads_hold_what_the_pages_show(released):
    folder, _ = released
    with (folder / "release/downloads/population_account.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    parquet = pq.read_table(folder / "release/downloads/population_account.parquet")
    assert len(rows) == parquet.num_rows == 23 * 13
    (row,) = [r for r in rows if r["area"] == "X06000005" and r["year"] == "2014"]
    assert f"{int(row['closing']):,}" in (folder / "release/areas/X06000005.html").read_text()
    changes = ("births", "internal_net", "international_net", "other_change", "residual")
    total = int(row["opening"]) - int(row["deaths"]) + sum(int(row[name]) for name in changes)
    assert total == int(row["closing"])
    assert b"Simulated" in parquet.schema.metadata[b"notes"]
    about = json.loads(
        (folder / "release/downloads/population_account.csv-metadata.json").read_text()
    )
    assert about["tableSchema"]["primaryKey"] == ["edition", "area", "year"]
    assert [c["name"] for c in about["tableSchema"]["columns"]] == list(rows[0])


def test_states_and_nations_are_the_sums_of_their_areas(released):
    folder, _ = released
    rows = pq.read_table(folder / "release/downloads/population_account.parquet").to_pylist()
    for year in range(2002, 2015):
        for name in ("opening", "births", "deaths", "internal_net", "residual", "closing"):
            of = {r["area"]: r[name] for r in rows if r["year"] == year}
            for nation in "XY":
                local = sum(v for a, v in of.items() if re.fullmatch(f"{nation}06.*", a))
                assert of[f"{nation}92000001"] == local
            assert of["Z02000001"] == of["X92000001"] + of["Y92000001"]


@pytest.mark.slow
def test_the_same_study_gives_the_same_bytes_and_a_new_vintage(released):
    folder, _ = released
    before = tree(folder / "release")
    assert in_process("run", folder, "--quiet").stdout == ""
    assert tree(folder / "release") == before
    listed = json.loads(
        in_process("vintages", "population_account", "--dir", folder, "--json").stdout
    )
    assert [v["vintage"] for v in listed][:2] == [1, 2]
    assert len({v["content_hash"] for v in listed}) == 1


@pytest.mark.slow
def test_two_processes_give_the_same_bytes_charts_and_all(tmp_path):
    one, other = (bundled_study(tmp_path / name, whole=True) for name in ("one", "other"))
    for folder in (one, other):
        assert command("run", folder, "--quiet") == ""
    assert tree(one / "release") == tree(other / "release")


def test_explain_traces_a_cell_to_the_line_of_the_file(released):
    folder, _ = released
    where = "area=Y06000003 and year=2012"
    found = json.loads(
        in_process(
            "explain", "population_account", "--where", where, "--dir", folder, "--json"
        ).stdout
    )
    assert found["rows"] == 1
    assert found["vintage"]["method"] == "ravenstein.population.account.balance"
    assert "rounding" in json.loads(found["vintage"]["parameters"])
    inputs = {t["vintage"]["table_name"]: t for t in found["tables"]}
    assert inputs["population_estimates"]["rows"] == 2, "this mid-year and the one before"
    assert inputs["population_components"]["rows"] == 10
    (file,) = inputs["population_components"]["files"]
    source = (folder / file["name"]).read_bytes()
    assert file["sha256"] == hashlib.sha256(source).hexdigest()
    assert file["state"] == "unchanged"
    (line,) = file["lines"]
    assert source.decode().splitlines()[line - 1].startswith('"Y06000003","Quillmouth"')


def test_explain_of_a_nation_counts_the_rows_of_its_areas(released):
    folder, _ = released
    words = ["explain", "population_account", "--where", "area=Y92000001 and year=2012", "--dir"]
    text = in_process(*words, folder).stdout
    assert "60 of 2,600 rows" in text, "six areas, ten components"
    assert "source: ONS, Mid-year population estimates" in text
    quoted = in_process("explain", "areas", "--where", "name='Isley and Marl'", "--dir", folder)
    assert "area=X06000009" in quoted.stdout
    pages = in_process("explain", "release_files", "--where", "path=index.html", "--dir", folder)
    assert "population_account, vintage" in pages.stdout
    whole = in_process("explain", "population_account", "--dir", folder).stdout
    assert "299 of 299 rows" in whole


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explain", "population_acount"], "'population_account'"),
        (["explain", "population_account", "--where", "region=E"], "edition, area, year"),
        (["explain", "population_account", "--where", "year=later"], "whole number"),
        (["explain", "population_account", "--where", "year>2002"], "COLUMN=VALUE"),
        (["explain", "population_account", "--where", "area=E06000001"], "no such cell"),
        (["explain", "population_account", "--where", "year=2011 and year=2012"], "one value"),
        (["explain", "population_account", "--where", "area=X or year=2012"], "joined by and"),
        (["explain", "population_account", "--where", "year=2012 and"], "joined by and"),
        (["explain", "population_account", "--where", ""], "joined by and"),
    ],
)
def test_questions_that_cannot_be_answered_say_why(released, words, message):
    with pytest.raises(RavensteinError) as caught:
        in_process(*words, "--dir", released[0])
    assert message in str(caught.value)


def test_a_changed_source_is_seen(tmp_path):
    bundled_study(tmp_path / "s")
    in_process("run", tmp_path / "s", "--only", "population", "--quiet")
    source = tmp_path / "s/twin/views/components_of_change.csv"
    source.write_text(source.read_text() + "\n")
    text = in_process("explain", "population_estimates", "--dir", tmp_path / "s").stdout
    assert "changed since it was read" in text


def test_export_writes_any_vintage(released, tmp_path):
    folder, _ = released
    in_process("export", "areas", tmp_path / "areas.csv", "--vintage", "1", "--dir", folder)
    in_process("export", "areas", tmp_path / "areas.parquet", "--dir", folder)
    text = (tmp_path / "areas.csv").read_text().splitlines()
    assert text[0] == "edition,area,name,level,nation,state"
    assert len(text) == 24
    assert pq.read_table(tmp_path / "areas.parquet").num_rows == 23


def unbalanced(folder):
    bundled_study(folder)
    source = folder / "twin/views/components_of_change.csv"
    rows = list(csv.reader(source.read_text().splitlines()))
    rows[3][rows[0].index("births_2005")] = "1"
    with source.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder


def test_an_account_that_does_not_balance_stops_the_run_and_changes_nothing(tmp_path):
    folder = unbalanced(tmp_path / "s")
    done = subprocess.run(
        [sys.executable, "-m", "ravenstein", "run", str(folder), "--json"],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 9
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "account"
    assert error["where"].startswith("twin/views/components_of_change.csv, line 4, ")
    assert "X06000003 2005" in error["found"]
    assert not (folder / "release").exists()
    checked = in_process("check", folder)
    assert checked.exit_code == 9
    assert "account" in checked.output
    assert "no table" in refused("explain", "areas", "--dir", folder, code=8).lower()


@pytest.mark.slow
def test_a_study_may_publish_the_residual_and_says_so(tmp_path):
    folder = unbalanced(tmp_path / "s")
    study = folder / "study.toml"
    study.write_text(study.read_text() + "\n[population]\nallow_unbalanced = true\n")
    summary = json.loads(in_process("run", folder, "--json").stdout)
    assert "1 accounts do not balance: X06000003 2005" in summary["warnings"][0]
    assert "do not balance" in (folder / "release/quality.html").read_text()
    page = (folder / "release/areas/X06000003.html").read_text()
    assert "it does not balance" in page
    assert "it does not balance" in (folder / "release/areas/Z02000001.html").read_text()
    again = json.loads(in_process("run", folder, "--only", "release", "--json").stdout)
    assert again["warnings"] == summary["warnings"]
    study.write_text(study.read_text().replace("allow_unbalanced = true", ""))
    refused("run", folder, "--only", "release", code=9)


def test_areas_without_figures_are_reported_as_such(tmp_path):
    folder = tmp_path / "s"
    bundled_study(folder)
    source = folder / "twin/views/components_of_change.csv"
    lines = source.read_text().splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join(cells[:3] + [":"] * (len(cells) - 3))
    source.write_text("\n".join(lines) + "\n")
    summary = json.loads(in_process("run", folder, "--json").stdout)
    # 13 years of the area, of its nation and of the state that holds it
    assert summary["warnings"] == ["39 areas and years have no complete figures."]
    # nor are sums over sexes and ages compared with figures that are not there
    page = (folder / "release/areas/X06000001.html").read_text()
    assert "The source gives no population for mid-2014." in page
    assert "not available" in page


@pytest.mark.slow
def test_mistakes_end_without_traceback_and_with_their_code(tmp_path, released):
    assert "init DIR" in command("run", tmp_path / "none", code=3)
    assert "'population'" in command("run", released[0], "--only", "populaton", code=3)
    assert "already" in command("init", released[0], code=3)
    assert "MYEB3" in command("init", tmp_path / "new", "--data", tmp_path, code=4)
    assert "No such option" in command("run", released[0], "--loud", code=2)
    assert not (tmp_path / "new").exists()
    folder = tmp_path / "s"
    bundled_study(folder)
    (folder / "twin/views/components_of_change.csv").unlink()
    assert "not there" in command("run", folder, code=4)
    assert "not there" in command("check", folder, code=4)
    assert "release to show" in command("serve", folder, code=3)


def test_a_fewer_areas_than_the_study_expects_are_refused(tmp_path):
    folder = tmp_path / "s"
    bundled_study(folder)
    source = folder / "twin/views/components_of_change.csv"
    source.write_text("".join(source.read_text().splitlines(keepends=True)[:-3]))
    text = refused("run", folder, code=4)
    assert "20 areas" in text
    assert "17" in text


def test_serve_shows_the_release_on_this_machine_only(released):
    words = [sys.executable, "-u", "-m", "ravenstein", "serve", str(released[0]), "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as it:
        try:
            address = it.stdout.readline().split()[0]
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
            with urllib.request.urlopen(address + "areas/X06000005.html", timeout=10) as answer:
                assert b"Eastholm" in answer.read()
        finally:
            it.terminate()


def test_the_period_chooses_the_years_that_are_published(tmp_path):
    folder = tmp_path / "s"
    bundled_study(folder)
    study = folder / "study.toml"
    study.write_text(study.read_text().replace("first = 2001", "first = 2005"))
    in_process("run", folder, "--quiet")
    rows = pq.read_table(folder / "release/downloads/areas/X06000001.parquet").to_pylist()
    assert [row["year"] for row in rows] == list(range(2006, 2015))
    assert "since mid-2005" in (folder / "release/areas/X06000001.html").read_text()


@pytest.mark.slow
def test_several_editions_are_kept_apart(tmp_path):
    folder = tmp_path / "s"
    bundled_study(folder)
    source = folder / "twin/views/components_of_change.csv"
    lines = [line.split(",") for line in source.read_text().splitlines()]
    earlier = [row[: lines[0].index("population_2010") + 1] for row in lines]
    text = "\n".join(",".join(row) for row in earlier) + "\n"
    (folder / "earlier.csv").write_text(text)
    study = folder / "study.toml"
    entry = '\n[[sources]]\nkind = "myeb3"\nfile = "earlier.csv"\n'
    study.write_text(study.read_text() + entry)
    in_process("run", folder, "--quiet")
    rows = pq.read_table(folder / "release/downloads/population_account.parquet")
    assert set(rows["edition"].to_pylist()) == {"2001-2014_geog2014"}
    where = "area=X06000001 and year=2009 and edition=2001-2010_geog2014"
    text = in_process("explain", "population_account", "--where", where, "--dir", folder).stdout
    assert "earlier.csv" in text
    assert "twin/views" not in text


def test_real_files_must_not_hold_twin_areas(tmp_path):
    folder = tmp_path / "s"
    bundled_study(folder)
    study = folder / "study.toml"
    study.write_text(study.read_text().replace("simulated = true", "simulated = false"))
    assert "simulated twin" in refused("run", folder, code=4)


@pytest.mark.slow
def test_init_says_which_files_it_does_not_use(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    file = Myeb3File(data / "good.CSV")
    good = file.write().read_text()
    (data / "repeated.csv").write_text(good)
    (data / "zcut.csv").write_text(good[:-30])
    (data / "other.csv").write_text("a,b\n1,2\n")
    text = command("init", tmp_path / "[s]", "--data", data)
    assert "repeated.csv: the same edition as" in text
    assert "zcut.csv, line 3: A row is cut short" in text
    assert "lacks Northern Ireland and Scotland" in text
    assert "other.csv" not in text
    assert (tmp_path / "[s]" / "study.toml").is_file()


@pytest.mark.slow
def test_paths_that_cannot_be_used_are_told(tmp_path, released):
    assert "Not a directory" in command("init", released[0] / "study.toml" / "x", code=8)
    assert "65535" in command("serve", released[0], "--port", "99999", code=2)
    folder = tmp_path / "s"
    bundled_study(folder)
    study = folder / "study.toml"
    text = study.read_text()
    for name in ("x" * 300, "a\\u0000b", "sources"):
        study.write_text(text.replace("twin/views/components_of_change.csv", name))
        assert "source" in command("run", folder, code=4)


def test_a_wrong_file_is_told_within_a_second_or_so(tmp_path):
    folder = tmp_path / "s"
    bundled_study(folder)
    (folder / "twin/views/components_of_change.csv").write_text("")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command("run", folder, code=4)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # most of it is Python starting; what other programs of the machine take away does not count
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.5


def test_the_release_alone_is_made_from_the_store(released):
    folder, _ = released
    before = tree(folder / "release")
    summary = json.loads(in_process("run", folder, "--only", "release", "--json").stdout)
    assert [step["title"] for step in summary["steps"]] == [
        "Gather the release", "Write pages and tables",
    ]  # fmt: skip
    assert tree(folder / "release") == before


def test_groups_of_migration_that_are_all_withheld_leave_pages_that_say_so(released, tmp_path):
    folder = shutil.copytree(released[0], tmp_path / "s")
    with mock.patch("ravenstein.pipelines.release._least", return_value=10**9):
        in_process("run", folder, "--only", "release", "--quiet")
    rows = pq.read_table(folder / "release/downloads/migration_flows.parquet").to_pylist()
    # left are groups that the survey met nobody of: none of these, of everybody
    assert "all" not in {row["nation"] for row in rows if row["by"] == "reason"}
    assert {row["component"] for row in rows if row["by"] == "all"} > {"survey", "total"}
    page = (folder / "release/migration.html").read_text()
    assert '<td class="start">withheld</td>' in page


def test_the_real_study_from_official_files(shared, tmp_path):
    """All areas of all editions; the release is left to the slow run: its 400 pages take long."""
    folder = tmp_path / "uk"
    in_process("init", folder, "--data", shared / "data")
    assert "406 areas" in in_process("check", folder).stdout
    summary = json.loads(command("run", folder, "--only", "population", "--json"))
    assert all("cells of the passenger survey" in warning for warning in summary["warnings"])
    assert summary["steps"][1]["note"] == "18,651 balanced, 61 rounding"
    where = "area=E06000001 and year=2012 and edition=2001-2020_geog2021"
    text = in_process("explain", "population_account", "--where", where, "--dir", folder).stdout
    assert "line 2" in text
    assert "residual=0" in text


@pytest.mark.slow
def test_the_real_release_has_a_page_for_every_area(shared, tmp_path):
    folder = tmp_path / "uk"
    command("init", folder, "--data", shared / "data")
    command("run", folder, "--quiet")
    gone = 44 + 11  # codes of the earlier editions alone
    assert len(list((folder / "release/areas").iterdir())) == 374 + 4 + 1 + gone
    text = (folder / "release/areas/S12000021.html").read_text()
    assert "in 4 it differs by at most 10, because the source rounds its figures" in text
    text = (folder / "release/areas/E06000001.html").read_text()
    assert "The account balances exactly in every year." in text
    assert Path(folder / "release/downloads/areas/E06000001.csv").is_file()


def test_no_estimate_reads_the_truth_or_a_parameter_of_the_twin(released):
    """The provenance of a whole run: its tables, files and parameters."""
    folder, _ = released
    connection = duckdb.connect(folder / "store/ravenstein.duckdb", read_only=True)
    inputs = connection.sql("select kind, name from provenance.inputs").fetchall()
    writes = connection.sql("select table_name, method, parameters from provenance.writes")
    names = {name for _, name in inputs}
    assert "twin/views/components_of_change.csv" in names
    assert not [name for name in names if "truth" in name]
    own = {name for file in FILES for name in settings("small").parameters.entries}
    for table, method, parameters in writes.fetchall():
        assert not table.startswith("truth_")
        assert "ravenstein.twin" not in (method or "")
        assert not own & set(json.loads(parameters or "{}"))
