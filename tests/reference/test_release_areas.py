"""Abolished codes, pyramids and similar areas of the real study, and what is known of them."""

from collections import Counter

from ravenstein.pipelines.new_study import new_study
from ravenstein.pipelines.population import population
from ravenstein.pipelines.release_ages import area_ages, local_authorities, published_row
from ravenstein.pipelines.release_areas import (
    earlier_populations,
    gone_areas,
    outlines,
    similar_areas,
)
from ravenstein.store.database import open_store
from ravenstein.store.run import start_run
from ravenstein.study import read_study
from ravenstein.tables.explorer import AREA_OUTLINES
from tests.myeb3_files import Myeb3File

FIRST, SECOND = "2001-2013_geog2013", "2001-2018_geog2019"
UK_2018 = 66_435_550
"""Mid-2018 population of the United Kingdom: ONS, mid-year population estimates, June 2019."""

LATER = """
[study]
title = "A"
producer = "B"
data_folders = ["{data}"]

[period]
first = 2001
last = 2003

[geography]
edition = 2023

[[sources]]
kind = "myeb3"
file = "a.csv"

[[sources]]
kind = "code_changes"
file = "{data}/geography/code_changes.csv"
"""


def returned(folder, *functions):
    """Return what functions give for a study whose account is made, and the warnings."""
    study = read_study(folder)
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(store, study=study.text, engine="duckdb", draws=2, told=lambda step: None) as run,
    ):
        population(study, run)
        with run.step("areas"):
            return [function(study, run) for function in functions], run.warnings


def test_the_real_study(shared, tmp_path):
    assert new_study(tmp_path / "uk", shared / "data") == []
    (ages, near, gone, earlier, shapes), told = returned(
        tmp_path / "uk", area_ages, similar_areas, gone_areas, earlier_populations, outlined
    )
    check_outlined(shapes)
    check_ages(ages, told)
    check_similar(near.to_pylist())
    check_gone({row["code"]: row for row in gone})
    check_earlier(earlier)


def outlined(study, run):
    """Return rows of `area_outlines`."""
    outlines(study, run, sorted(local_authorities(run, published_row(study, run)["edition"])))
    return run.store.collect(run.read(AREA_OUTLINES)).to_pylist()


def check_outlined(rows):
    assert len(rows) == 374
    parts = {row["area"]: row["parts"] for row in rows}
    assert parts["E06000053"] == 22, "Isles of Scilly"
    assert all(row["points"] >= 4 * row["parts"] for row in rows)
    assert max(parts, key=parts.get) == "S12000013", "Na h-Eileanan Siar"
    assert not any(row["tile"] for row in rows)


def check_ages(ages, told):
    # extracts of 391 areas add to the published population of each of the 374, merged ones too
    assert len(ages) == 374 + 4 + 1
    assert [w.split(": ")[1] for w in told] == [
        "boundaries of S12000044, S12000046 were redrawn since."
    ] * 2
    whole = ages["K02000001"]
    assert (whole["year"], sum(whole["M"]) + sum(whole["F"])) == (2018, UK_2018)
    assert all(shown["before"]["year"] == 2011 for shown in ages.values())
    assert all(len(shown[sex]) == 91 for shown in ages.values() for sex in "MF")


def check_similar(rows):
    near = {}
    for row in rows:
        near.setdefault(row["area"], []).append(row)
    assert set(map(len, near.values())) == {15}
    assert len(near) == 374
    first = {area: found[0]["other"] for area, found in near.items()}
    assert (first["E07000178"], first["E07000008"]) == ("E07000008", "E07000178"), "Oxford"
    assert first["E06000022"] == "E06000014", "Bath and North East Somerset: York"
    # the City of London is like no other area: far from the nearest, and near nobody
    far = sorted(near, key=lambda area: -near[area][0]["distance"])
    assert far[:2] == ["E09000001", "E06000053"], "City of London, Isles of Scilly"
    assert near["E09000001"][0]["distance"] > 2 * near["E06000053"][0]["distance"]
    assert "E09000001" not in {row["other"] for row in rows}


def check_gone(gone):
    assert Counter(row["edition"] for row in gone.values()) == {FIRST: 44, SECOND: 11}
    assert Counter(row["kind"] for row in gone.values()) == {
        None: 26, "merger": 25, "new_code": 2, "new_geo": 2,
    }  # fmt: skip
    vale = gone["E07000004"]
    assert vale["successors"] == [("E06000060", "Buckinghamshire")]
    assert (vale["name"], vale["year"], vale["edition"]) == ("Aylesbury Vale", 2020, SECOND)
    assert vale["population"][-1] == {"year": 2018, "population": 199_448}
    assert gone["S12000046"]["successors"] == [("S12000049", "Glasgow City")]
    # the districts of Northern Ireland before 2015 stand in no table of changes
    assert [code for code, row in gone.items() if not row["kind"]] == [
        f"95{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    ]
    assert gone["95Z"]["same_name"] == ("N09000003", "Belfast")
    # recoded before all editions: Northumberland, Gateshead, East Hertfordshire
    assert not gone.keys() & {"E06000048", "E08000020", "E07000097"}


def check_earlier(earlier):
    for code in ("E06000057", "E08000037", "E07000242"):
        assert Counter(row["edition"] for row in earlier[code]) == {FIRST: 13, SECOND: 18}
    assert earlier["E06000060"] == []
    hartlepool = {(row["edition"], row["year"]): row["population"] for row in earlier["E06000001"]}
    assert hartlepool[FIRST, 2001] == 90_152
    assert len(earlier) == 379


def test_a_chain_of_changes_on_later_boundaries(shared, tmp_path):
    file = Myeb3File(tmp_path / "a.csv")
    file.code, file.name = "ladcode23", "laname23"
    file.areas = [("E06000066", "Somerset", "E"), ("E06000065", "North Yorkshire", "E")]
    file.write()
    (tmp_path / "study.toml").write_text(LATER.format(data=shared / "data"))
    (found,), _ = returned(tmp_path, gone_areas)
    gone = {row["code"]: row for row in found}
    # Taunton Deane: Somerset West and Taunton in 2019, Somerset in 2023
    for code, name, year in (("E07000190", "Taunton Deane", 2019),
                             ("E07000246", "Somerset West and Taunton", 2023)):  # fmt: skip
        assert gone[code]["successors"] == [("E06000066", "Somerset")]
        assert (gone[code]["name"], gone[code]["year"]) == (name, year)
    assert len([row for row in found if ("E06000065", "North Yorkshire") in row["successors"]]) == 7
    assert "E06000014" not in gone, "York joined a combined authority"
