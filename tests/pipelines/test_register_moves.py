"""Internal moves from register snapshots, into an account and over merged areas."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.population_files import account_job, run, write_long, write_rows
from tests.population_worlds import cells

from ravenstein.core.errors import StudyError
from ravenstein.pipelines.population_files import AccountJob, account_files


@pytest.fixture
def own(tmp_path):
    """A world as files of one's own."""
    return account_job(tmp_path)


def test_registers_matched_give_the_internal_flows_of_an_account(
    own, tmp_path, monkeypatch, capsys
):
    """People moved in a world of moves only are found in it again."""
    generator = np.random.default_rng(3)
    areas = np.array(["E06000000", "E06000001", "E06000002"])
    people = 3000
    place = generator.integers(0, 3, people)
    later = np.where(generator.random(people) < 0.2, (place + 1) % 3, place)
    age = generator.integers(0, 95, people)
    sex = np.where(generator.random(people) < 0.5, "M", "F")
    names = ["person", "area", "sex", "birth_date"]

    def register(path, where):
        rows = [
            (f"p{i}", areas[where[i]], sex[i], f"{2002 - 1 - age[i]}-07-01") for i in range(people)
        ]
        return write_rows(path, names, rows)

    before, after = register(tmp_path / "r1.csv", place), register(tmp_path / "r2.csv", later)
    code = run("population", "moves", before, after, "--mid-year", "2002", "--out",
               tmp_path / "moves.csv", monkeypatch=monkeypatch)  # fmt: skip
    assert code == 0
    assert f"{(place != later).sum():,} moves between areas" in capsys.readouterr().out
    stock = np.zeros((1, 3, 2, 91), dtype=int)
    np.add.at(
        stock[0], (place, (sex == "F").astype(int), np.minimum(np.maximum(age - 1, 0), 90)), 1
    )
    born = age == 0  # they are on both lists, but nobody is born before the year
    stock[0, :, :, 0] -= np.array(
        [[(born & (place == a) & (sex == s)).sum() for s in "MF"] for a in range(3)]
    )
    none = np.zeros((1, 3, 2, 91), dtype=int)
    births = none.copy()
    births[0, :, :, 0] = [
        [(born & (place == a) & (sex == s)).sum() for s in "MF"] for a in range(3)
    ]
    files = {
        "births": write_long(tmp_path / "b.csv", births, areas, (2002,)),
        "deaths": write_long(tmp_path / "d.csv", none, areas, (2002,)),
        "international_net": write_long(tmp_path / "n.csv", none, areas, (2002,)),
    }
    job = AccountJob(
        stocks=write_long(tmp_path / "p.csv", stock, areas, (2001,)), components=files, roll=True,
        moves=tmp_path / "moves.csv",
    )  # fmt: skip
    account_files(tmp_path / "out", job)
    rows = pq.read_table(tmp_path / "out/population.parquet", filters=[("year", "=", 2002)])
    found = {(r["area"], r["sex"], r["age"]): r["population"] for r in rows.to_pylist()}
    for a, s, x in np.ndindex(3, 2, 91):
        there = (later == a) & (sex == "MF"[s]) & (np.minimum(age, 90) == x)
        assert found[areas[a], "MF"[s], x] == there.sum()
    with pytest.raises(StudyError, match="given twice"):
        more = {**files, "internal_in": files["deaths"], "internal_out": files["deaths"]}
        account_files(tmp_path / "o", AccountJob(stocks=job.stocks, components=more, roll=True,
                                                 moves=job.moves))  # fmt: skip


def test_moves_within_a_merged_area_are_no_moves(own, tmp_path):
    job, _, _ = own
    labels = cells(3, 2)
    rows = [
        (labels.areas[a], labels.areas[(a + 1) % 3], sex, age, year, 2)
        for a in range(3) for sex in "MF" for age in range(91) for year in labels.years[1:]
    ]  # fmt: skip
    moves = write_rows(
        tmp_path / "m.csv", ["origin", "destination", "sex", "age", "year", "persons"], rows
    )
    changes = tmp_path / "changes.csv"
    changes.write_text(
        "oldcd,oldnm,newcd,newnm,type,start\nE06000000,A,E06000009,C,merger,2005\n"
        "E06000001,B,E06000009,C,merger,2005\n"
    )
    files = {n: f for n, f in job.components.items() if not n.startswith("internal")}
    account_files(tmp_path / "out", AccountJob(
        stocks=job.stocks, components=files, moves=moves, changes=changes, geography=2006,
        roll=True, short="residual"))  # fmt: skip
    found = pq.read_table(tmp_path / "out/changes.parquet").to_pylist()
    into = dict.fromkeys(("E06000002", "E06000009"), 0)
    for r in found:
        if r["component"] == "internal_in":
            into[r["area"]] += r["persons"]
    # of three flows of 2 × 2 × 91 × 2 people one was within what is one area now
    assert into == {"E06000002": 728, "E06000009": 728}


def test_a_person_twice_on_a_register_is_refused_without_naming_the_person(tmp_path, capsys,
                                                                          monkeypatch):  # fmt: skip
    names = ["person", "area", "sex", "birth_date"]
    row = ("secret-number", "E06000000", "M", "1990-01-01")
    before = write_rows(tmp_path / "r1.csv", names, [row, row])
    after = write_rows(tmp_path / "r2.csv", names, [row])
    for out, exit_code in ((before, 3), (tmp_path / "m.parquet", 3)):
        code = run("population", "moves", before, after, "--mid-year", "2002", "--out", out,
                   monkeypatch=monkeypatch)  # fmt: skip
        assert code == exit_code
    nobody = write_rows(tmp_path / "r0.csv", names, [])
    code = run("population", "moves", nobody, after, "--mid-year", "2002", "--out",
               tmp_path / "m.csv", monkeypatch=monkeypatch)  # fmt: skip
    assert code == 4
    capsys.readouterr()
    code = run("population", "moves", before, after, "--mid-year", "2002", "--out",
               tmp_path / "m.csv", monkeypatch=monkeypatch)  # fmt: skip
    assert code == 5
    told = capsys.readouterr().err
    assert "one row for each (person)" in told
    assert "secret" not in told
    assert not (tmp_path / "m.csv").exists()
