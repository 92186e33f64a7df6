"""A corrected source, parameter or code shows which published figures it moved, and why."""

import json
import shutil
from unittest import mock

import pytest
from tests.myeb3_files import Myeb3File
from typer.testing import CliRunner

from ravenstein.cli_release import release as app
from ravenstein.core.errors import StoreError
from ravenstein.pipelines import release_vintages
from ravenstein.pipelines.population import population
from ravenstein.pipelines.release_diff import keep_release
from ravenstein.release.tables import PublishedTable
from ravenstein.store import files
from ravenstein.store.database import open_store
from ravenstein.store.files import write_csv, write_parquet
from ravenstein.store.run import start_run
from ravenstein.study import read_study
from ravenstein.tables.geography import AREAS
from ravenstein.tables.migration import MIGRATION_FLOWS
from ravenstein.tables.population import POPULATION_ACCOUNT
from ravenstein.tables.release import RELEASE_FILES

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

[release]
date = 2026-01-05
"""
HARTLEPOOL, ENGLAND, WHOLE = "E06000001", "E92000001", "K02000001"
# one birth more, and one other change fewer: the population stays as it was
ONE_BIRTH = (
    (HARTLEPOOL, "births_2003", "11"),
    (HARTLEPOOL, "natchange_2003", "7"),
    (HARTLEPOOL, "other_change_2003", "1"),
)


def published(folder, *corrections, text=STUDY):
    """Run the study on a file with corrections, and release its account and areas."""
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text(text)
    file = Myeb3File(folder / "a.csv")
    for correction in corrections:
        file.set(*correction)
    file.write()
    study = read_study(folder)
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(store, study=study.text, engine="duckdb", draws=2, told=lambda _: None) as run,
    ):
        population(study, run)
        with run.step("Write"), run.new_folder(folder / "release") as new:
            tables = [
                PublishedTable(
                    t.name, t.title, t, store.collect(run.read(t).sort(*t.grain)), "o", False
                )
                for t in (POPULATION_ACCOUNT, AREAS)
            ]
            for table in tables:
                write_csv(table.arrow(), new / f"downloads/{table.name}.csv")
                write_parquet(table.arrow(), new / f"downloads/{table.name}.parquet")
            kept = keep_release(study, run, tables, new, folder / "release")
            paths = sorted(p.relative_to(new).as_posix() for p in new.rglob("*") if p.is_file())
            listed = [{"path": path, "sha256": "0" * 64, "size": 0} for path in paths]
            run.write(RELEASE_FILES, files.pa.Table.from_pylist(listed), method=published)
    return kept


def asked(*words):
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases") / "s"
    first = published(folder)
    later = published(folder, *ONE_BIRTH, text=STUDY.replace("01-05", "02-05"))
    return folder, first, later


def test_one_birth_moves_exactly_the_cells_that_depend_on_it(made):
    folder, (kept, changes, series), (later, found, headline) = made
    assert (kept.number, kept.anew, kept.warnings, changes, series) == (1, False, (), None, None)
    assert (later.number, later.anew, later.warnings) == (2, False, ())
    moved = {(r["table"], r["cell"], r["column"]): r for r in found.rows.to_pylist()}
    assert {key: row["difference"] for key, row in moved.items()} == {
        ("population_account", f"area={area}, year=2003", column): by
        for area in (HARTLEPOOL, ENGLAND, WHOLE)
        for column, by in (("births", 1), ("natural_change", 1), ("other_change", -1))
    }
    assert {row["why"] for row in moved.values()} == {"file a.csv"}
    assert [(t.name, t.state) for t in found.tables] == [
        ("areas", "same"), ("population_account", "changed"),
    ]  # fmt: skip
    assert {row["series"] for row in headline.to_pylist()} == {WHOLE}
    assert tree(folder / "release/vintages/1").keys() == {
        files.Path(name) for name in ("release.json", "areas.parquet", "population_account.parquet")
    }


def test_the_command_tells_it_and_lists_the_vintages(made, tmp_path):
    folder, _, _ = made
    text = asked("diff", 1, "latest", "--dir", folder, "--out", tmp_path / "c.csv")
    assert "release 1 of 2026-01-05, run 1 → release 2 of 2026-02-05, run 2" in text
    assert "Since release 1, 9 figures have changed, in 1 of 2 tables." in text
    assert "  file a.csv: " in text
    assert "area=E06000001, year=2003: births 10 → 11 (+1)" in text
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 10
    found = json.loads(asked("diff", folder / "release/vintages/1", folder, "--json"))
    (account,) = [t for t in found["tables"] if t["name"] == "population_account"]
    assert (account["changed"], account["added"], account["removed"]) == (9, 0, 0)
    assert [r["kind"] for r in account["reasons"]] == ["file"]
    assert found["cells"][0]["after"] == "11"
    rows = json.loads(asked("list", "--dir", folder, "--json"))["vintages"]
    assert [(r["vintage"], r["date"], r["run"], r["state"]) for r in rows] == [
        (1, "2026-01-05", 1, "complete"), (2, "2026-02-05", 2, "complete"),
    ]  # fmt: skip
    assert rows[1]["changed"] == ["population_account"]
    assert "first" in asked("list", "--dir", folder)


def test_a_run_that_changes_nothing_is_the_same_release_to_the_byte(made, tmp_path):
    folder = shutil.copytree(made[0], tmp_path / "s")
    before = tree(folder / "release")
    kept, changes, _ = published(folder, *ONE_BIRTH, text=STUDY.replace("01-05", "02-05"))
    assert (kept.number, kept.anew, changes.rows.num_rows) == (2, True, 9)
    assert tree(folder / "release") == before


def test_a_parameter_a_setting_and_the_code_are_named(tmp_path):
    folder = tmp_path / "s"
    published(folder)
    path = "ravenstein.store.run.code_version"
    text = STUDY.replace("last = 2003", "last = 2002")
    other = mock.patch("ravenstein.store.provenance.code_version", return_value="9+9")
    with other, mock.patch(path, return_value="9+9"), _other_rounding():
        _, found, _ = published(folder, *ONE_BIRTH, text=text)
    (table,) = found.of("changed")
    assert table.why == "file a.csv, parameter rounding, setting period.last, code"
    said = {r["kind"]: (r["before"], r["after"]) for r in table.reasons}
    assert said["study"] == ("2003", "2002")
    assert said["code"][1] == "9+9"


def _other_rounding():
    from ravenstein.core.parameters import Parameters

    as_text = Parameters.as_text
    return mock.patch.object(
        Parameters, "as_text", lambda self: as_text(self).replace("[persons]", "[heads]")
        .replace('"persons"', '"heads"'),
    )  # fmt: skip


def test_an_earlier_vintage_that_is_gone_or_cut_short_stops_nothing(made, tmp_path):
    folder = shutil.copytree(made[0], tmp_path / "s")
    cut = folder / "release/vintages/1/population_account.parquet"
    cut.write_bytes(cut.read_bytes()[:100])
    kept, found, _ = published(folder)
    assert (kept.number, found.rows.num_rows) == (3, 9)
    assert kept.warnings == (
        "Release 1 is damaged (population_account): what changed since it cannot be listed in "
        "full.",
    )
    with pytest.raises(StoreError, match="missing or damaged"):
        asked("diff", 1, 2, "--dir", folder)
    assert "areas" in asked("diff", 1, 2, "--dir", folder, "--table", "areas")
    shutil.rmtree(folder / "release/vintages/2")
    kept, found, _ = published(folder)
    assert (kept.number, found) == (3, None)
    assert kept.warnings[1].startswith("Release 2 is missing")
    rows = json.loads(asked("list", "--dir", folder, "--json"))["vintages"]
    assert [row["state"] for row in rows] == [
        "damaged (population_account)", "missing", "complete",
    ]  # fmt: skip
    assert rows[1]["date"] == "2026-02-05", "still known"


def test_a_release_that_is_gone_leaves_its_number_taken(made, tmp_path):
    folder = shutil.copytree(made[0], tmp_path / "s")
    shutil.rmtree(folder / "release")
    kept, found, _ = published(folder)
    assert (kept.number, found, len(kept.warnings)) == (3, None, 2)


def test_a_full_disk_leaves_the_earlier_release_whole(made, tmp_path):
    folder = shutil.copytree(made[0], tmp_path / "s")
    before = tree(folder / "release")
    full = OSError(28, "No space left on device")
    with (
        mock.patch("pathlib.Path.write_bytes", side_effect=full),
        pytest.raises(StoreError, match="what was there before is unchanged"),
    ):
        published(folder)
    assert tree(folder / "release") == before
    assert json.loads(asked("list", "--dir", folder, "--json"))["vintages"][-1]["vintage"] == 2


def test_a_source_goes_by_the_name_of_its_file_wherever_it_lies():
    text = '[[sources]]\nkind = "k"\nfile = "{}/a.csv"\nareas = 3\n'
    made = release_vintages.settings(text.format("../x") + text.format("old"))
    assert made == {"source k a.csv: areas": "3", "source k a.csv-2: areas": "3"}
    one, other = (release_vintages.settings(text.format(folder)) for folder in ("y", "z/z"))
    assert one == other


def test_the_rule_of_disclosure_is_behind_tables_with_withheld_figures(tmp_path):
    (tmp_path / "downloads").mkdir()
    behind = {}
    for table in (MIGRATION_FLOWS, AREAS):
        part = PublishedTable(
            table.name, table.title, table, files.pa.Table.from_pylist([]), "x", False
        )
        for ending in ("csv", "parquet"):
            (tmp_path / f"downloads/{table.name}.{ending}").touch()
        behind[table.name] = release_vintages._of_table(part, tmp_path / "downloads", {}, {})[
            "behind"
        ]["parameter"]
    assert behind == {
        "migration_flows": {"least_interviews": ["from 1900-01-01: 3 interviews"]}, "areas": {},
    }  # fmt: skip
