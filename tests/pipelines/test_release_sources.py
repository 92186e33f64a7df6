"""Sources, recovery and trails of the bundled study, and of small ones with bad sources."""

import shutil
import time

import pyarrow.parquet as pq
import pytest
from tests.studies import _simulated, bundled_study

from ravenstein.core.errors import SourceError, StudyError
from ravenstein.pipelines.border import border
from ravenstein.pipelines.migration import migration
from ravenstein.pipelines.passenger_survey import passenger_survey
from ravenstein.pipelines.population_by_age import accounts
from ravenstein.pipelines.release_sources import (
    coverage_rows,
    joint_statistics,
    recovery,
    source_rows,
)
from ravenstein.pipelines.release_trails import trails
from ravenstein.release.joint import joint_view
from ravenstein.release.sources import recovery_view, sources_view
from ravenstein.store.database import open_store
from ravenstein.store.explain import conditions, explain
from ravenstein.store.run import start_run
from ravenstein.study import read_study
from ravenstein.tables.dictionary import declared
from ravenstein.tables.joint import JOINT_STATISTICS

PUBLISHED = ("joint_statistics", "migration_flows", "population_account", "survey_flows")


def found_by(folder, steps):
    """Run a study without its release; return what the pages are made of."""
    study = read_study(folder)
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=2, told=lambda step: None) as run,
    ):
        for step in steps:
            step(study, run)
        with run.step("Gather"):
            joint, notes = joint_statistics(study, run)
            found = {"joint": joint, "notes": notes}
            start = time.perf_counter()
            found["sources"] = source_rows(study, store, run.number)
            found["coverage"] = coverage_rows(study, store, run.number)
            found["recovery"] = recovery(study, store, run.number)
            tables = [declared(v.table_name) for v in run.written if v.table_name in PUBLISHED]
            found["trails"] = {t["table"]: t for t in trails(study, store, run, tables)}
            found["seconds"] = time.perf_counter() - start
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = bundled_study(tmp_path_factory.mktemp("sources") / "twin", whole=True)
    shutil.copytree(_simulated() / "twin" / "truth", folder / "twin" / "truth")
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return found_by(folder, (accounts, passenger_survey, border, migration))


def add(folder, kind, file, more=""):
    study = folder / "study.toml"
    study.write_text(f'{study.read_text()}\n[[sources]]\nkind = "{kind}"\nfile = "{file}"\n{more}')


def test_the_bundled_study_has_all_topics_and_their_sums(folder, found):
    rows = found["joint"].to_pylist()
    view = joint_view(rows, found["notes"])
    assert [topic["id"] for topic in view["topics"]] == [
        "asylum", "returns", "settlement", "citizenship", "visas", "work", "insurance", "ireland"
    ]  # fmt: skip
    assert {row["producer"] for row in rows} == {
        "simulated as Home Office", "simulated as Department for Work and Pensions",
        "simulated as Central Statistics Office, Ireland",
    }  # fmt: skip
    assert {row["status"] for row in rows} == {"simulated"}
    given = pq.read_table(folder / "twin/views/settlement_grants.parquet").to_pylist()
    own = {(r["year"], r["category"]): r["persons"] for r in rows if r["topic"] == "settlement"}
    work = sum(r["persons"] for r in given if r["quarter"].year == 2010 and r["category"] == "work")
    assert own[2010, "work"] == work
    assert own[2010, "all"] == sum(r["persons"] for r in given if r["quarter"].year == 2010)
    years = {row["year"] for row in rows if row["topic"] == "work"}
    assert (min(years), max(years)) == (2005, 2010)
    assert found["notes"]["work", "registrations"][0].startswith("2004 is left out: ")


def test_each_source_has_its_extent_and_what_it_leaves_out(found):
    assert found["seconds"] < 3
    rows = {row["kind"]: row for row in found["sources"]}
    assert (rows["myeb3"]["first"], rows["myeb3"]["last"], rows["myeb3"]["places"]) == (
        2001, 2014, 20
    )  # fmt: skip
    assert rows["survey_contacts"]["places"] == 6
    assert rows["survey_contacts"]["file"] == "survey_contacts"
    assert rows["visas_issued"]["tables"] == ["joint_statistics"]
    years = {row["year"]: row for row in found["coverage"]}
    assert 0.1 < years[2014]["unsampled"] < 0.2
    assert years[2004]["border"] is None
    assert years[2006]["border"] < 0.2
    assert 0.8 < years[2014]["border"] <= 1
    assert [years[year]["months"]["border"] for year in (2004, 2005, 2006, 2016)] == [0, 6, 12, 6]
    assert years[2005]["months"]["response"] == 12
    view = sources_view(found["sources"], found["coverage"])
    said = {row["kind"]: " ".join(row["leaves_out"]) for row in view["sources"]}
    assert "of sampled passengers answered (2001: " in said["survey_contacts"]
    assert "of the passengers whom ports count were held (2006: " in said["border_movements"], (
        "2005 is half a year"
    )
    assert "2016" not in said["border_movements"]
    shown = {row["year"]: row for row in view["years"]}
    assert shown[2005]["border"].endswith("% (6 months)")
    assert all("/" not in row["file"] for row in found["sources"])


def test_recovery_puts_the_truth_beside_every_year(folder, found):
    truth = pq.read_table(folder / "twin/truth/truth_migration.parquet").to_pylist()
    known = sum(
        row["persons"] for row in truth
        if (row["definition"], row["year"], row["direction"]) ==
        ("un_12_months", 2010, "immigration")
    )  # fmt: skip
    own = {(row["year"], row["flow"]): row for row in found["recovery"]["flows"]}
    assert own[2010, "immigration"]["truth"] == known
    assert own[2010, "net"]["truth"] == known - own[2010, "emigration"]["truth"]
    view = recovery_view(found["recovery"], ["survey_contacts"])["own"]
    assert view["lead"].startswith("Of 42 intervals (3 flows in 14 years)")
    parts = dict(view["parts"])
    assert parts["Total"]["immigration"]["truth"] == own[2014, "immigration"]["truth"]
    assert parts["Migrant switchers"]["immigration"]["truth"] < 0
    read = [f["name"] for t in found["trails"].values() for s in t["steps"] for f in s["files"]]
    assert not [name for name in read if "truth" in name]


def test_trails_lead_from_each_table_to_unchanged_files(folder, found):
    flows = found["trails"]["migration_flows"]
    steps = {step["id"]: step for step in flows["steps"]}
    assert flows["steps"][0]["inputs"] == ["migration_components"]
    assert len(steps) == len(flows["steps"]), "each is told once"
    assert steps["migration_components"]["parameters"][0]["source"]
    (file,) = steps["survey_traffic"]["files"]
    assert (file["name"], file["state"]) == ("survey_traffic.parquet", "unchanged")
    assert steps["survey_contacts"]["files"][0]["name"] == "survey_contacts/00000.parquet"
    assert "by=all and category=all and component=total" in flows["example"]
    with open_store(folder / "store") as store:
        for name, trail in found["trails"].items():
            assert conditions(declared(name), trail["example"])
            cell = explain(store, folder, declared(name), trail["example"])
            assert cell.rows == 1, (name, trail["example"])
        of = explain(store, folder, JOINT_STATISTICS, "topic=visas")
    assert [file.name for file in of.files] == ["twin/views/visas_issued.parquet"]


def test_trails_of_a_second_run_are_the_same(twin_study):
    first, second = (found_by(twin_study, (accounts,)) for _ in range(2))
    assert first["trails"] == second["trails"]
    assert "joint_statistics" not in first["trails"], "there is nothing to write"
    assert joint_view(first["joint"].to_pylist()) is None
    assert first["recovery"] is None
    file = twin_study / "twin/views/components_of_change.csv"
    spoiled = file.read_bytes()

    def changed(study, run):
        accounts(study, run)
        file.write_bytes(spoiled + b"\n")

    (last, *_) = found_by(twin_study, (changed,))["trails"]["population_account"]["steps"][1:]
    assert last["files"][0]["state"] == "changed since it was read"


def test_a_file_that_is_missing_or_given_twice_is_an_error(twin_study, tmp_path):
    add(twin_study, "visas_issued", "twin/views/none.parquet")
    with pytest.raises(SourceError, match="does not hold rows") as error:
        found_by(twin_study, ())
    assert error.value.where.startswith("twin/views/none.parquet")
    other = bundled_study(tmp_path / "other")
    add(other, "returns", "a.csv")
    add(other, "home_office_returns", "b.csv")
    with pytest.raises(StudyError, match="in two forms"):
        found_by(other, ())


def test_the_study_says_producer_and_status(twin_study):
    header = "quarter,citizenship,category,persons"
    days = [f"2010-{month:02d}-01,other,work,{month}" for month in (1, 4, 7, 10)]
    (twin_study / "visas.csv").write_text("\n".join([header, *days, ""]))
    study = twin_study / "study.toml"
    study.write_text(study.read_text().replace("simulated = true", "simulated = false"))
    add(twin_study, "visas_issued", "visas.csv", 'producer = "A & B"\nstatus = "provisional"\n')
    rows = found_by(twin_study, ())["joint"].to_pylist()
    assert [(r["category"], r["persons"], r["producer"], r["status"]) for r in rows] == [
        ("work", 22, "A & B", "provisional"), ("all", 22, "A & B", "provisional")
    ]  # fmt: skip
