"""The twin from the command line: whole or not at all, and its truth kept apart from estimates."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ravenstein.core.errors import ParameterError, StoreError
from ravenstein.pipelines import twin as pipeline
from ravenstein.pipelines.passenger_survey import NEEDED
from ravenstein.tables.dictionary import TABLES, declared
from ravenstein.twin.settings import settings

TINY = {"people": 1500, "first": 2010, "last": 2011}


def tiny(folder, seed=1, **changes):
    return pipeline.make_twin(folder, settings("small", changes=TINY | changes), seed)


def bytes_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_view_and_truth_is_written_as_declared(tmp_path):
    counts = tiny(tmp_path / "t")
    found = {}
    for path in (tmp_path / "t").rglob("*.parquet"):
        side, *parts = path.relative_to(tmp_path / "t").parts
        name = parts[0].removesuffix(".parquet")
        assert side == ("truth" if name.startswith("truth_") else "views")
        found[name] = pq.read_table(path)
        assert found[name].column_names == list(declared(name).names)
    # every table that an office would be given; imbalance factors and moves between areas are
    # what it makes of them
    sources = {name for name in TABLES if "in the bundled study, the twin" in TABLES[name].source}
    truth = {name for name in TABLES if name.startswith("truth_")}
    assert set(found) == truth | sources
    assert set(NEEDED) | {"border_movements", "register_snapshot", "census_records"} <= sources
    assert found["truth_people"].num_rows == counts.persons
    assert (tmp_path / "t/views/components_of_change.csv").is_file()
    facts = json.loads((tmp_path / "t/twin.json").read_text())
    assert facts["crossings"] == counts.crossings
    assert facts["seed"] == 1


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_processors(tmp_path, monkeypatch):
    tiny(tmp_path / "two", people=1600, block=800)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    tiny(tmp_path / "one", people=1600, block=800)
    assert len(list((tmp_path / "one/views/border_movements").iterdir())) == 2
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    tiny(tmp_path / "other", seed=2, people=1600, block=800)
    assert bytes_of(tmp_path / "one") != bytes_of(tmp_path / "other")


def test_a_failure_leaves_the_earlier_twin_as_it_was(tmp_path, monkeypatch):
    tiny(tmp_path / "t")
    before = bytes_of(tmp_path)

    def fail(*_):
        raise RuntimeError("no")

    monkeypatch.setattr(pipeline, "summary", fail)
    with pytest.raises(RuntimeError):
        tiny(tmp_path / "t", seed=2)
    assert bytes_of(tmp_path) == before


@pytest.mark.slow
def test_a_killed_run_leaves_no_scale(tmp_path):
    words = [sys.executable, "-m", "ravenstein", "twin", "region", str(tmp_path / "t")]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    time.sleep(4)  # of a minute and more
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    workers = children.read_text().split() if children.exists() else []
    running.send_signal(signal.SIGKILL)
    running.wait()
    for _ in range(100):
        if not any(Path(f"/proc/{worker}").exists() for worker in workers):
            break
        time.sleep(0.1)
    else:
        pytest.fail("workers outlive the run that was killed")
    assert not (tmp_path / "t").exists()
    tiny(tmp_path / "t")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t"]


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(StoreError, match="cannot be replaced"):
        tiny(tmp_path)
    with pytest.raises(ParameterError, match="no scale"):
        settings("smal")


def test_some_groups_of_views_only(tmp_path):
    chosen = settings("small", changes=TINY, views=["border", "census"])
    pipeline.make_twin(tmp_path / "t", chosen, 1)
    found = {path.name for path in (tmp_path / "t/views").iterdir()}
    assert found == {
        "border_movements", "census_records", "coverage_survey_records",
        "coverage_survey_sample.parquet", "components_of_change.csv", "detailed_components.csv",
        "outlines.geojson", "code_changes.csv",
    }  # fmt: skip
    # the same people and records, whatever else is seen of them
    tiny(tmp_path / "whole")
    for name in ("border_movements", "census_records"):
        one, whole = (tmp_path / part / f"views/{name}/00000.parquet" for part in ("t", "whole"))
        assert one.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("views", [["censsus"], []])
def test_an_unknown_group_of_views_is_refused(views):
    with pytest.raises(ParameterError, match="group of views") as error:
        settings("small", views=views)
    assert "labour_force" in str(error.value)


def test_the_page_of_sources_names_every_view():
    page = (Path(__file__).parents[2] / "docs/explanation/twin-sources.md").read_text()
    views = {name for name in TABLES if "in the bundled study, the twin" in TABLES[name].source}
    assert {name for name in views if f"`{name}`" not in page} == set()
