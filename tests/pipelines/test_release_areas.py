"""What the pages of areas show beside the account, in the twin's study and in small ones."""

from contextlib import contextmanager
from unittest import mock

import pytest
from tests.myeb3_files import Myeb3File
from tests.studies import bundled_study

from ravenstein.core.errors import StudyError
from ravenstein.pipelines.new_study import new_study
from ravenstein.pipelines.population import population
from ravenstein.pipelines.population_by_age import population_by_age
from ravenstein.pipelines.release_ages import area_ages
from ravenstein.pipelines.release_areas import (
    earlier_populations,
    gone_areas,
    outlines,
    similar_areas,
)
from ravenstein.store.database import open_store
from ravenstein.store.files import file_hash
from ravenstein.store.run import start_run
from ravenstein.study import read_study
from ravenstein.tables.explorer import ABOLISHED_CODES, AREA_AGES, AREA_OUTLINES, SIMILAR_AREAS

STUDY = """
[study]
title = "A"
producer = "B"

[period]
first = 2001
last = 2003

[geography]
edition = 2021
"""
HEADER = "oldcd,oldnm,newcd,newnm,type,start\n"
LOCAL = ("E06000001", "E06000060", "W06000001")


@contextmanager
def running(folder):
    """Give a study and a run of it in which the population account is made."""
    study = read_study(folder)
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(store, study=study.text, engine="duckdb", draws=2, told=lambda step: None) as run,
    ):
        population(study, run)
        population_by_age(study, run)
        with run.step("areas"):
            yield study, run


def source(kind, file, **more):
    lines = [f'{name} = "{text}"' for name, text in {"kind": kind, "file": file, **more}.items()]
    return "\n".join(["\n[[sources]]", *lines, ""])


def edition(path, areas, geography, years=(2001, 2002, 2003)):
    file = Myeb3File(path)
    file.code, file.name = f"ladcode{geography}", f"laname{geography}"
    file.areas = [(code, name, code[0].replace("9", "N")) for code, name in areas.items()]
    file.years = years
    return file


@pytest.fixture
def small(tmp_path):
    """A study of three areas, and of an earlier edition with others in place of one."""
    names = dict(zip(LOCAL, ("Hartlepool", "Buckinghamshire", "Isle of Anglesey"), strict=True))
    edition(tmp_path / "now.csv", names, 21).write()
    before = {"E06000001": "Hartlepool", "E07000004": "Aylesbury Vale", "E07000005": "Chiltern",
              "95Z": "hartlepool", "S12000015": "Fife"}  # fmt: skip
    edition(tmp_path / "before.csv", before, 13, (2000, 2001, 2002)).write()
    (tmp_path / "study.toml").write_text(
        STUDY + source("myeb3", "now.csv") + source("myeb3", "before.csv")
    )
    return tmp_path


def add(folder, text):
    path = folder / "study.toml"
    path.write_text(path.read_text() + text)


def changes(folder, *rows):
    (folder / "changes.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    add(folder, source("code_changes", "changes.csv"))


def nomis(path, areas, persons=1000):
    """Write an extract: one person of each age and sex, and the rest men aged 30."""
    lines = ["GEOGRAPHY_CODE\tGENDER\tC_AGE\tOBS_VALUE"]
    for area in areas:
        for sex in (1, 2):
            for age in range(91):
                count = 1 + (persons - 182 if (sex, age) == (1, 30) else 0)
                lines.append(f"{area}\t{sex}\t{101 + age}\t{count}")
    path.write_text("\n".join(lines) + "\n")
    return path.name


def features(path, **rings):
    """Write squares as outlines: so many of each code."""
    shape = '{{"type": "MultiPolygon", "coordinates": [{}]}}'
    square = "[[[{0}, 0], [{0}, 1], [9, 1], [{0}, 0]]]"
    found = [
        f'{{"type": "Feature", "properties": {{"code": "{code}"}}, "geometry": '
        + shape.format(", ".join(square.format(at) for at in range(count))) + "}"
        for code, count in rings.items()
    ]  # fmt: skip
    path.write_text(f'{{"type": "FeatureCollection", "features": [{", ".join(found)}]}}')
    return path.name


def files_behind(run, table):
    """Return names, rows and hashes of the files that a run's table was made from."""
    write = run.store.vintage(table.name, run=run.number).write
    return run.store.connection.execute(
        "SELECT name, rows, sha256 FROM provenance.inputs WHERE write = ? AND kind = 'file' "
        "ORDER BY position",
        [write],
    ).fetchall()


def test_the_twin_has_similar_areas_and_pyramids(tmp_path):
    with running(bundled_study(tmp_path / "s")) as (study, run):
        rows = similar_areas(study, run).to_pylist()
        assert rows == run.store.collect(run.read(SIMILAR_AREAS).sort("area", "rank")).to_pylist()
        assert len(rows) == 20 * 15
        assert {r["edition"] for r in rows} == {"2001-2014_geog2014"}
        assert all(r["area"] != r["other"] for r in rows)
        near = {r["other"] for r in rows if r["area"] == "X06000001"}
        assert len(near) == 15
        ages = area_ages(study, run)
        assert len(ages) == 23, "the rows that similar_areas wrote"
        local, state = ages["X06000005"], ages["Z02000001"]
        assert (local["year"], local["before"]["year"]) == (2014, 2004)
        assert len(local["M"]) == len(local["F"]) == 91
        for sex in "MF":
            parts = [shown[sex] for code, shown in ages.items() if code[1:3] == "06"]
            assert state[sex] == [sum(age) for age in zip(*parts, strict=True)]
        stored = run.store.collect(run.read(AREA_AGES))
        assert stored.num_rows == 23 * 2 * 182
        assert gone_areas(study, run) == []
        assert set(map(len, earlier_populations(study, run).values())) == {0}
        assert run.warnings == []


def test_a_study_with_a_summary_only(small):
    with running(small) as (study, run):
        assert area_ages(study, run) == {}
        rows = similar_areas(study, run).to_pylist()
        # three areas that are the same in everything
        assert rows == []
        gone = {row["code"]: row for row in gone_areas(study, run)}
        assert files_behind(run, ABOLISHED_CODES) == []
        assert outlines(study, run, LOCAL) == {}
        assert AREA_OUTLINES.name not in {vintage.table_name for vintage in run.written}
    assert list(gone) == ["95Z", "E07000004", "E07000005", "S12000015"]
    assert gone["95Z"]["same_name"] == ("E06000001", "Hartlepool")
    assert gone["95Z"]["successors"] == []
    assert gone["S12000015"] == {
        "code": "S12000015", "name": "Fife", "kind": None, "year": None, "successors": [],
        "same_name": None, "edition": "2000-2002_geog2013", "last": 2002,
        "population": [{"year": 2000 + at, "population": 1000 + 21 * at} for at in range(3)],
    }  # fmt: skip


def test_a_study_without_population_has_nothing(small):
    text = STUDY.partition("[period]")[0] + source("nomis_ages", "a.tsv", edition="2003")
    (small / "study.toml").write_text(text)
    with running(small) as (study, run):
        assert similar_areas(study, run).num_rows == 0
        assert (area_ages(study, run), gone_areas(study, run)) == ({}, [])
        assert earlier_populations(study, run) == {}
        assert run.written == []


def test_codes_are_followed_to_the_published_edition(small):
    changes(
        small,
        "E07000004,Aylesbury Vale,E06000059,Vale,new_code,2015",
        "E06000059,Vale,E06000060,Buckinghamshire,merger,2020",
        "E07000005,Chiltern,E06000060,Buckinghamshire,merger,2020",
        "E07000005,Chiltern,E06000001,Hartlepool,new_geo,2020",
        "95Z,,,,termination,2015",
        "E07000099,Old,E07000098,Circle,merger,2014",
        "E07000098,Circle,E07000099,Old,merger,2016",
        "E06000060,Buckinghamshire,E06000070,Later,merger,2023",
        "E06000001,Hartlepool,E47000010,Combined,new_geo,2018",
        "E10000002,County,,,termination,2020",
    )
    with running(small) as (study, run):
        gone = {row["code"]: row for row in gone_areas(study, run)}
        rows = run.store.collect(run.read(ABOLISHED_CODES)).to_pylist()
        assert files_behind(run, ABOLISHED_CODES) == [
            ("changes.csv", 10, file_hash(small / "changes.csv"))
        ]
    assert [tuple(row.values()) for row in rows if row["code"] in {"95Z", "E07000005"}] == [
        ("95Z", 1, "hartlepool", "termination", 2015, None, "2000-2002_geog2013", 2002),
        ("E07000005", 1, "Chiltern", "merger", 2020, "E06000001", "2000-2002_geog2013", 2002),
        ("E07000005", 2, "Chiltern", "merger", 2020, "E06000060", "2000-2002_geog2013", 2002),
    ]
    assert set(gone) == {"95Z", "E06000059", "E07000004", "E07000005", "E07000098", "E07000099",
                         "S12000015"}  # fmt: skip
    vale, chiltern = gone["E07000004"], gone["E07000005"]
    assert (vale["kind"], vale["year"]) == ("new_code", 2015)
    assert vale["successors"] == [("E06000060", "Buckinghamshire")]
    assert [code for code, _ in chiltern["successors"]] == ["E06000001", "E06000060"]
    assert (gone["E06000059"]["name"], gone["E06000059"]["edition"]) == ("Vale", None)
    assert gone["E06000059"]["population"] == []
    assert (gone["95Z"]["kind"], gone["95Z"]["successors"]) == ("termination", [])
    assert gone["E07000099"]["successors"] == []


def test_changes_need_no_names(small):
    (small / "c.csv").write_text("oldcd,newcd,type,start\nE07000098,E06000060,merger,2020\n")
    add(small, source("code_changes", "c.csv"))
    with running(small) as (study, run):
        (row,) = [row for row in gone_areas(study, run) if row["code"] == "E07000098"]
        stored = run.store.collect(run.read(ABOLISHED_CODES)).to_pylist()
        assert {r["code"]: r["name"] for r in stored}["E07000098"] is None
    assert (row["name"], row["successors"]) == ("", [("E06000060", "Buckinghamshire")])


def test_outlines_are_told_and_those_without_are_tiles(small):
    one = features(small / "one.json", E06000001=2, E06000099=1)
    two = features(small / "two.json", W06000001=1)
    add(small, source("outlines", one) + source("outlines", two))
    with running(small) as (study, run):
        found = outlines(study, run, LOCAL)
        rows = run.store.collect(run.read(AREA_OUTLINES)).to_pylist()
        assert files_behind(run, AREA_OUTLINES) == [
            (one, 2, file_hash(small / one)), (two, 1, file_hash(small / two)),
        ]  # fmt: skip
    assert {code: len(rings) for code, rings in found.items()} == {
        "E06000001": 2, "E06000099": 1, "W06000001": 1,
    }  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("E06000001", 2, 8, False), ("E06000060", 0, 0, True), ("W06000001", 1, 4, False),
    ]  # fmt: skip


def test_populations_of_other_editions(small):
    with running(small) as (study, run):
        found = earlier_populations(study, run)
    rows = [(r["edition"], r["last"], r["year"], r["population"]) for r in found["E06000001"]]
    name = "2000-2002_geog2013"
    assert rows == [(name, 2002, 2000, 1000), (name, 2002, 2001, 1021), (name, 2002, 2002, 1042)]
    assert found["W06000001"] == found["E06000060"] == []
    # England is the sum of three areas there; the state lacks Wales, and has others
    assert [r["population"] for r in found["E92000001"]] == [3000, 3063, 3126]
    assert found["K02000001"] == []


def test_extracts_are_recoded_checked_and_summed(small):
    changes(
        small,
        "E07000004,Aylesbury Vale,E06000060,Buckinghamshire,merger,2020",
        "E07000005,Chiltern,E06000060,Buckinghamshire,merger,2020",
    )
    one = nomis(small / "a.tsv", ["E06000001", "E07000004", "E07000005", "W06000001"], 1042)
    two = nomis(small / "b.tsv", ["E06000001", "E06000060", "N09000003"])
    add(small, source("nomis_ages", one, edition="2003") + source("nomis_ages", two,
        edition="2001"))  # fmt: skip
    with running(small) as (study, run):
        ages = area_ages(study, run)
        told = run.warnings
        files = [name for name, *_ in files_behind(run, AREA_AGES)]
    assert files == ["b.tsv", "a.tsv", "changes.csv"], "changes recode the extracts"
    assert ages["E06000060"]["M"][:2] == [2, 2]
    assert sum(ages["E06000060"]["M"] + ages["E06000060"]["F"]) == 2084
    assert (ages["E06000060"]["year"], ages["E06000060"]["before"]["year"]) == (2003, 2001)
    assert ages["W06000001"]["before"] is None
    assert sum(ages["K02000001"]["M"] + ages["K02000001"]["F"]) == 4 * 1042
    assert ages["K02000001"]["before"] is None, "Anglesey is not in that of 2001"
    assert ages["E92000001"]["before"]["source"] == "b.tsv"
    assert any("b.tsv): 1 codes are not of the published edition" in w for w in told)
    assert any("left out: N09000003." in w for w in told)
    assert any("b.tsv) are not there for 1 areas: W06000001." in w for w in told)
    assert any("a.tsv) do not add to the published population in 1 of 3 areas: "
               "E06000060 +1042." in w for w in told)  # fmt: skip


def test_codes_that_cannot_be_recoded_are_named(small):
    changes(small, "E07000004,A,E06000060,B,merger,2020", "E07000005,C,E06000060,B,merger,2020")
    add(small, source("nomis_ages", nomis(small / "a.tsv", [*LOCAL[::2], "E07000004"], 1042),
                      edition="2003"))  # fmt: skip
    with running(small) as (study, run):
        ages = area_ages(study, run)
        told = " ".join(run.warnings)
    assert set(ages) == {"E06000001", "W06000001", "W92000004"}
    assert "parts of merged areas are missing. Found: E07000005 of E06000060." in told
    assert "left out: E07000004." in told


def test_an_extract_of_other_areas_only(small):
    add(small, source("nomis_ages", nomis(small / "a.tsv", ["N09000003"]), edition="2003"))
    with running(small) as (study, run):
        assert area_ages(study, run) == {}
        assert sum(warning.startswith("Ages") for warning in run.warnings) == 2


def test_extracts_of_a_year_that_the_edition_has_are_not_used(tmp_path):
    folder = bundled_study(tmp_path / "s")
    add(folder, source("nomis_ages", nomis(folder / "a.tsv", ["X06000001"]), edition="2014"))
    with running(folder) as (study, run):
        assert len(area_ages(study, run)) == 23
        assert run.warnings == [
            "Ages of mid-2014 (a.tsv) are not used: the edition 2001-2014_geog2014 has them."
        ]


@pytest.mark.parametrize(
    ("editions", "told"),
    [(["2003", "2003"], "of one mid-year"), (["mid-2003"], "is not said")],
)
def test_an_extract_says_its_mid_year(small, editions, told):
    for at, name in enumerate(editions):
        add(small, source("nomis_ages", nomis(small / f"{at}.tsv", LOCAL), edition=name))
    with pytest.raises(StudyError, match=told), running(small) as (study, run):
        area_ages(study, run)


def test_init_finds_what_the_pages_of_areas_are_made_of(small, tmp_path):
    (small / "study.toml").unlink()
    (small / "Codes.csv").write_text(HEADER + "S12000015,Fife,S12000047,Fife,new_code,2018\n")
    (small / "bad.csv").write_text(HEADER + "S12000015,Fife,S12000047,Fife,moved,2018\n")
    for name in ("mid2003.tsv", "copy-2003.txt", "undated.tsv"):
        nomis(small / name, LOCAL)
    shape = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}'
    feature = f'{{"type": "Feature", "properties": {{"code": "E06000001"}}, "geometry": {shape}}}'
    for name in ("map.geojson", "more.geojson"):
        (small / name).write_text(f'{{"type": "FeatureCollection", "features": [{feature}]}}')
    (small / "notes.txt").write_text("a\tb\n1\t2\n")
    (small / "picture.tsv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    notes = new_study(tmp_path / "new", small)
    kinds = [(s.kind, s.file.rsplit("/", 1)[-1]) for s in read_study(tmp_path / "new").sources]
    assert sorted(kinds) == [
        ("code_changes", "Codes.csv"), ("myeb3", "before.csv"), ("myeb3", "now.csv"),
        ("nomis_ages", "copy-2003.txt"), ("outlines", "map.geojson"),
    ]  # fmt: skip
    told = " ".join(notes)
    assert "bad.csv, line 2, column type: A type of change is not known." in told
    assert "mid2003.tsv: the same mid-year as ../copy-2003.txt" in told
    assert "undated.tsv: its mid-year is not known" in told
    assert "more.geojson: outlines, as ../map.geojson" in told
    assert "notes.txt" not in told
    assert "picture" not in told


def test_init_of_the_twin_adds_what_the_twin_has(tmp_path):
    def made(folder, *_):
        (folder / "views").mkdir(parents=True)
        (folder / "views/outlines.geojson").write_text("{}")

    with mock.patch("ravenstein.pipelines.new_study.make_twin", made):
        new_study(tmp_path)
    kinds = [source.kind for source in read_study(tmp_path).sources]
    assert "outlines" in kinds
    assert "code_changes" not in kinds
