"""The account by age from end to end: the twin's study, files of one's own, and bad input."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.population_files import account_job, run, write_long
from tests.population_worlds import cells

from ravenstein.core.errors import AccountError, EstimateError, SourceError, StoreError, StudyError
from ravenstein.pipelines.gross_flows import gross_flows_of_file
from ravenstein.pipelines.population_by_age import check_details
from ravenstein.pipelines.population_files import AccountJob, account_files
from ravenstein.store.database import open_store
from ravenstein.store.draws import read_draws
from ravenstein.study import read_study
from ravenstein.tables.dictionary import declared


def rows_of(study, table):
    with open_store(study / "store") as store:
        return store.collect(store.read(declared(table))).to_pylist()


def test_the_twin_has_an_account_by_age_that_balances_in_every_cell(twin_study, monkeypatch):
    code = run("run", twin_study, "--only", "population", "--quiet", monkeypatch=monkeypatch)
    assert code == 0
    stock = {
        (r["area"], r["sex"], r["age"], r["year"]): r["population"]
        for r in rows_of(twin_study, "population_by_age")
    }
    change: dict[tuple, int] = {}
    for r in rows_of(twin_study, "population_changes_by_age"):
        assert r["component"] != "residual"
        cell = (r["area"], r["sex"], r["age"], r["year"])
        sign = -1 if r["component"] == "deaths" else 1
        change[cell] = change.get(cell, 0) + sign * r["persons"]
    years = sorted({cell[3] for cell in stock})
    for (area, sex, age, year), persons in stock.items():
        if year == years[0]:
            continue
        before = stock[area, sex, age - 1, year - 1] if age else 0
        before += stock[area, sex, 90, year - 1] if age == 90 else 0
        assert persons == before + change.get((area, sex, age, year), 0)
    checks = rows_of(twin_study, "population_checks_by_age")
    assert all(r["differing"] == 0 for r in checks if r["check"] == "cells")
    births = [r for r in checks if r["component"] == "births"]
    assert len(births) == 20 * (len(years) - 1)
    assert all(r["differing"] == 0 for r in births)
    # one nation rounds its published totals, the detail is not rounded
    assert any(r["differing"] for r in checks if r["component"] == "population")
    assert all(r["largest"] <= 5 for r in checks if r["component"] == "population")


def changed_cell(study, column, add, line=31):
    path = study / "twin/views/detailed_components.csv"
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    place = rows[0].index(column)
    rows[line][place] = str(int(rows[line][place]) + add)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def test_a_cell_that_does_not_balance_stops_the_run_and_is_named(twin_study, monkeypatch, capsys):
    changed_cell(twin_study, "deaths_2005", 3)
    assert run("run", twin_study, "--only", "population", monkeypatch=monkeypatch) == 9
    told = capsys.readouterr().err
    assert "The account by age does not balance." in told
    assert "1 cell: X06000001 M 30 2005: 3" in told
    good, wrong = check_details(read_study(twin_study))
    assert (good, len(wrong)) == ([], 1)
    # or is published, with its residual a row and a warning
    text = (twin_study / "study.toml").read_text()
    (twin_study / "study.toml").write_text(text + "\n[population]\nallow_unbalanced = true\n")
    assert run("run", twin_study, "--only", "population", monkeypatch=monkeypatch) == 0
    residual = [
        r for r in rows_of(twin_study, "population_changes_by_age") if r["component"] == "residual"
    ]
    assert [(r["area"], r["sex"], r["age"], r["year"], r["persons"]) for r in residual] == [
        ("X06000001", "M", 30, 2005, 3)
    ]


def test_check_says_what_is_by_age(twin_study, monkeypatch, capsys):
    assert run("check", twin_study, monkeypatch=monkeypatch) == 0
    assert (
        "by age, 2001-2014_geog2014: 20 areas × 2 × 91 ages × 14 years" in capsys.readouterr().out
    )


def test_a_study_expects_the_areas_it_says(twin_study):
    path = twin_study / "study.toml"
    path.write_text(path.read_text().replace("areas = 20 ", "areas = 21 "))
    _, wrong = check_details(read_study(twin_study))
    assert wrong[0].problem == "A source does not have the number of areas the study expects."


@pytest.fixture
def own(tmp_path):
    """A world as files of one's own."""
    return account_job(tmp_path)


def test_files_of_ones_own_give_the_account(own, tmp_path, monkeypatch, capsys):
    job, stocks, _ = own
    options = [f"--component={name}={path}" for name, path in job.components.items()]
    code = run(
        "population", "roll-forward", "--population", job.stocks, *options, "--out",
        tmp_path / "out", "--error", "international_in=0.1", "--error", "internal_out=0.05",
        "--draws", "120", "--csv", monkeypatch=monkeypatch,
    )  # fmt: skip
    assert code == 0
    told = capsys.readouterr().out
    assert "3 areas by sex and age, mid-2001 to mid-2003" in told
    assert "every cell balances" in told
    assert "120 draws" in told
    last = pq.read_table(tmp_path / "out/population.parquet", filters=[("year", "=", 2003)])
    assert last["population"].to_numpy().sum() == stocks[2].sum()
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert (report["identity"], report["draws"]["number"]) == (0, 120)
    assert report["draws"]["mean_over_account"] == pytest.approx(1, abs=0.01)
    # known exits that did not happen are a residual of the draw, in a file of their own
    _, unpaid = read_draws(tmp_path / "out/residual_draws.parquet", ["year", "area", "sex", "age"])
    assert unpaid.min() >= 0
    total = unpaid.astype(float).sum() / 120
    assert report["draws"]["known_exits_not_paid"] == pytest.approx(total, rel=1e-5)
    rows, values = read_draws(tmp_path / "out/population_draws.parquet", ["area", "sex", "age"],
                              year=2003)  # fmt: skip
    assert values.shape == (3 * 2 * 91, 120)
    assert rows["sex"].to_pylist()[:2] == ["F", "F"]  # in the order of the keys
    assert values.min() >= 0
    with (tmp_path / "out/summary.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 6
    for line in lines:
        assert float(line["lower_95"]) < float(line["closing"]) < float(line["upper_95"])
        assert line["difference"] == "0"
    assert (tmp_path / "out/changes.csv").is_file()
    # the same seed gives the same draws
    account_files(tmp_path / "again", AccountJob(
        stocks=job.stocks, components=job.components, roll=True, draws=120,
        errors={"international_in": 0.1, "internal_out": 0.05}))  # fmt: skip
    _, again = read_draws(tmp_path / "again/population_draws.parquet", ["area", "sex", "age"],
                          year=2003)  # fmt: skip
    assert (again == values).all()


def test_a_detailed_file_alone_gives_the_account(twin_study, tmp_path, monkeypatch, capsys):
    file = twin_study / "twin/views/detailed_components.csv"
    code = run("population", "account", file, "--out", tmp_path / "out", "--json",
               monkeypatch=monkeypatch)  # fmt: skip
    assert code == 0
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == "complete"
    assert all(r["cells_with_residual"] == 0 for r in report["residual_by_year"].values())


def test_merged_areas_are_added(own, tmp_path):
    job, stocks, _ = own
    changes = tmp_path / "changes.csv"
    changes.write_text(
        "oldcd,oldnm,newcd,newnm,type,start\nE06000000,A,E06000009,C,merger,2005\n"
        "E06000001,B,E06000009,C,merger,2005\n"
    )
    merged = AccountJob(
        stocks=job.stocks, components=job.components, changes=changes, geography=2006
    )
    report = account_files(tmp_path / "out", merged)
    assert report["areas"] == 2
    rows = pq.read_table(tmp_path / "out/population.parquet").to_pylist()
    assert sorted({r["area"] for r in rows}) == ["E06000002", "E06000009"]
    total = sum(r["population"] for r in rows if r["area"] == "E06000009" and r["year"] == 2003)
    assert total == stocks[2, :2].sum()
    assert (report["geography"], report["edition"]) == (2006, "2001-2003_geog2006")
    assert "3 areas became 2" in report["notes"][0]
    for half in ({"changes": changes}, {"geography": 2006}):
        with pytest.raises(StudyError, match="how areas come to other boundaries"):
            account_files(
                tmp_path / "o", AccountJob(stocks=job.stocks, components=job.components, **half)
            )


def replaced(job, **files):
    return AccountJob(stocks=job.stocks, components={**job.components, **files}, roll=job.roll)


def test_flows_larger_than_the_stock(own, tmp_path):
    job, _, components = own
    labels = cells(3, 2)
    deaths = components["deaths"].copy()
    deaths[0, 1, 1, 40] += 10_000
    files = {**job.components, "deaths": write_long(
        tmp_path / "d.csv", deaths, labels.areas, labels.years[1:])}  # fmt: skip
    with pytest.raises(AccountError) as error:
        account_files(tmp_path / "out", AccountJob(stocks=job.stocks, components=files, roll=True))
    assert "E06000001 F 40 2002: -9" in error.value.found
    assert not (tmp_path / "out").exists()
    named = account_files(tmp_path / "out", AccountJob(
        stocks=job.stocks, components=files, roll=True, short="residual"))  # fmt: skip
    assert named["residual_by_year"]["2002"]["cells_with_residual"] == 1
    assert named["identity"] == 0


def test_files_that_do_not_fit_are_refused(own, tmp_path):
    job, _, components = own
    labels = cells(3, 2)
    other = write_long(tmp_path / "o.csv", components["deaths"], ("E06000000", "E06000001",
                       "E06000077"), labels.years[1:])  # fmt: skip
    with pytest.raises(SourceError, match="same areas, sexes and ages") as error:
        account_files(tmp_path / "out", replaced(job, deaths=other))
    assert "E06000002, E06000077" in error.value.found
    women = write_long(tmp_path / "w.csv", components["deaths"][:, :, 1:], labels.areas,
                       labels.years[1:], sexes="F")  # fmt: skip
    with pytest.raises(SourceError, match="same areas, sexes and ages"):
        account_files(tmp_path / "out", replaced(job, deaths=women))
    young = write_long(tmp_path / "y.csv", components["deaths"][..., :51], labels.areas,
                       labels.years[1:], range(51))  # fmt: skip
    with pytest.raises(SourceError, match="same areas, sexes and ages") as error:
        account_files(tmp_path / "out", replaced(job, deaths=young))
    assert "ages 0 to 50" in error.value.found
    late = write_long(tmp_path / "l.csv", components["deaths"], labels.areas, (2005, 2006))
    with pytest.raises(SourceError, match="No year is covered"):
        account_files(tmp_path / "out", replaced(job, deaths=late))
    old = write_long(tmp_path / "a.csv", np.ones((2, 3, 2, 92), dtype=int), labels.areas,
                     labels.years[1:], range(92))  # fmt: skip
    with pytest.raises(SourceError, match=r"(?i)age"):
        account_files(tmp_path / "out", replaced(job, deaths=old))
    with pytest.raises(StudyError, match="not known"):
        account_files(tmp_path / "out", replaced(job, visits=other))
    with pytest.raises(StudyError, match="what the account is made of"):
        account_files(tmp_path / "out", AccountJob())
    assert not (tmp_path / "out").exists()


def test_a_folder_of_others_is_left_alone(own, tmp_path):
    job, _, _ = own
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("mine")
    with pytest.raises(StoreError, match="cannot be replaced"):
        account_files(tmp_path / "mine", job)
    # nor is a folder that holds what is read, whatever its name
    with pytest.raises(StoreError, match="cannot be replaced"):
        account_files(tmp_path, job)
    assert job.stocks.is_file()


def test_decimals_balance_and_years_left_out_are_told(own, tmp_path):
    job, _, components = own
    labels = cells(3, 2)
    flows = components["international_in"] + 0.5
    more = write_long(tmp_path / "i.csv", flows, labels.areas, labels.years[1:])
    later = np.concatenate([components["births"], components["births"][:1]])
    births = write_long(tmp_path / "b3.csv", later[..., :1], labels.areas, (2002, 2003, 2004), [0])
    report = account_files(tmp_path / "out", replaced(job, international_in=more, births=births))
    assert report["residual_by_year"]["2002"]["residual"] == -0.5 * 3 * 2 * 91
    assert report["identity"] < 1e-9
    assert "births: 2004 left out: not all files cover it" in report["notes"]
    alone = AccountJob(stocks=job.stocks, components={"births": births}, roll=True)
    assert "there are no deaths" in account_files(tmp_path / "out", alone)["notes"][-1]


def test_errors_of_areas_spread_areas(own, tmp_path):
    job, _, _ = own
    files = {"stocks": job.stocks, "components": job.components, "roll": True, "draws": 200}
    account_files(tmp_path / "out", AccountJob(**files, area_errors={"international_in": 0.3}))
    _, own_errors = read_draws(tmp_path / "out/population_draws.parquet", ["area"], year=2003)
    account_files(tmp_path / "out", AccountJob(**files, errors={"international_in": 0.3}))
    _, one_error = read_draws(tmp_path / "out/population_draws.parquet", ["area"], year=2003)
    together = [
        np.corrcoef(v.reshape(3, -1, 200).sum(axis=1))[0, 1] for v in (own_errors, one_error)
    ]
    # an error of its own leaves areas independent; one for all moves them together
    assert abs(together[0]) < 0.25
    assert together[1] > 0.9
    with pytest.raises(EstimateError, match="no such cells"):
        read_draws(tmp_path / "out/population_draws.parquet", ["area"], year=1999)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--component", "births"], "not a name and a value"),
        (["--component", "births=a", "--component", "births=b"], "names one twice"),
        (["--error", "international_in=much"], "relative standard error cannot be used"),
        (["--error", "international_in=-1"], "relative standard error cannot be used"),
    ],
)
def test_options_that_cannot_be(options, what, tmp_path, monkeypatch, capsys):
    code = run("population", "roll-forward", *options, "--out", tmp_path / "o",
               monkeypatch=monkeypatch)  # fmt: skip
    assert code == 3
    assert what in capsys.readouterr().err


def test_gross_flows_of_a_file(tmp_path, monkeypatch, capsys):
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("area,inflow,outflow,net,note\nA,100,80,40,x\nB,0,7,-3,y\n")
    code = run("population", "gross-flows", file, "--out", out, "--whole", monkeypatch=monkeypatch)
    assert code == 0
    assert "2 rows" in capsys.readouterr().out
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(r["area"], r["note"], r["inflow_adjusted"], r["outflow_adjusted"]) for r in rows] == [
        ("A", "x", "111", "71"), ("B", "y", "0", "3"),
    ]  # fmt: skip
    with pytest.raises(SourceError, match="names of the results"):
        gross_flows_of_file(out, tmp_path / "more.csv")
    for wrong in (file, tmp_path / "out.parquet"):
        with pytest.raises(StudyError, match="cannot be written there"):
            gross_flows_of_file(file, wrong)
    file.write_text("area,inflow,outflow,net\nA,many,80,40\n")
    with pytest.raises(SourceError) as error:
        gross_flows_of_file(file, out)
    assert "line 2, column inflow" in error.value.where
    file.write_text("area,inflow,outflow,net\nA,-1,80,40\n")
    with pytest.raises(SourceError, match="impossible"):
        gross_flows_of_file(file, out)


def test_static_populations_do_not_age(own, tmp_path):
    job, stocks, _ = own
    labels = cells(3, 2)
    statics = np.zeros(stocks.shape, dtype=int)
    statics[:, 0, 0, 20] = 500  # a barracks: five hundred aged 20, year after year
    with_them = write_long(tmp_path / "s.csv", stocks + statics, labels.areas, labels.years)
    file = write_long(tmp_path / "statics.csv", statics, labels.areas, labels.years)
    report = account_files(tmp_path / "out", AccountJob(
        stocks=with_them, components=job.components, statics=file))  # fmt: skip
    assert all(r["cells_with_residual"] == 0 for r in report["residual_by_year"].values())
    without = account_files(tmp_path / "out", AccountJob(
        stocks=with_them, components=job.components))  # fmt: skip
    assert without["residual_by_year"]["2002"]["cells_with_residual"] == 2
    early = write_long(tmp_path / "e.csv", statics[:2], labels.areas, labels.years[:2])
    with pytest.raises(SourceError, match="not there for every mid-year"):
        account_files(tmp_path / "o", AccountJob(
            stocks=with_them, components=job.components, statics=early))  # fmt: skip


def test_sexes_and_ages_that_do_not_add_to_the_summary_are_named(twin_study, monkeypatch, capsys):
    """A stock and all later ones two higher: every cell balances, totals do not."""
    changed_cell(twin_study, "other_adjust_2014", 2)
    changed_cell(twin_study, "population_2014", 2)
    assert run("run", twin_study, "--only", "population", monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out.replace("\n", " ")
    assert "do not add to the published population in 1 area and year" in " ".join(told.split())
    assert "X06000001 2014: +2" in told


def test_detail_of_other_areas_than_the_summary_is_refused(twin_study, monkeypatch, capsys):
    path = twin_study / "twin/views/detailed_components.csv"
    path.write_text(path.read_text().replace("X06000001", "X06000099"))
    assert run("run", twin_study, "--only", "population", monkeypatch=monkeypatch) == 9
    assert "X06000001, X06000099" in capsys.readouterr().err.replace("\n", " ")
