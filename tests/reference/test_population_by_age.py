"""Real populations by age: Bristol's account, projections, the census, seven years rolled on."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ravenstein.pipelines.population_files import AccountJob, account_files
from ravenstein.population.census_gap import census_gap
from ravenstein.store.readers.age_sex import read_census_2021
from tests.reference import components as components_file
from tests.reference import national_projection
from tests.reference.seven_years import BANDS, by_area, edition, off, rolled, scaling

BRISTOL = {
    "births": "births_mye",
    "deaths": "deaths_mye",
    "internal_in": "domestic_inmigrants",
    "internal_out": "domestic_outmigrants",
    "international_in": "international_inmigrants",
    "international_out": "international_outmigrants",
}


def bristol(shared, **more):
    folder = shared / "data/population/bristol_2001_2014"
    return AccountJob(
        stocks=folder / "bristol_hist_popn_est.csv",
        components={name: folder / f"bristol_hist_{file}.csv" for name, file in BRISTOL.items()},
        **more,
    )


def test_the_residual_of_bristol_is_the_published_other_change(shared, tmp_path):
    report = account_files(tmp_path / "out", bristol(shared))
    published, _ = edition(shared, "2001-2013")
    residual = {int(year): row["residual"] for year, row in report["residual_by_year"].items()}
    for year in range(2002, 2014):
        assert residual[year] == published["other_change", "E06000023", year], year
    # the later edition revised the last years, and has 2014
    later, _ = edition(shared, "2001-2018")
    assert [residual[y] for y in (2012, 2013, 2014)] == [48, 25, 7]
    assert [later["other_change", "E06000023", y] for y in (2012, 2013, 2014)] == [60, 32, -5]
    # the files of internal moves hold every row twice
    repeated = [note for note in report["notes"] if "2,366 rows are repeated" in note]
    assert [note.split(":")[0] for note in repeated] == ["internal_in", "internal_out"]
    assert report["identity"] == 0


def test_bristol_rolled_forward_is_off_by_the_sum_of_its_residuals(shared, tmp_path):
    report = account_files(tmp_path / "out", bristol(shared, roll=True))
    assert report["identity"] == 0
    import pyarrow.csv as arrow_csv

    last = arrow_csv.read_csv(tmp_path / "out/summary.csv").to_pylist()[-1]
    account = account_files(tmp_path / "other", bristol(shared))
    residuals = sum(row["residual"] for row in account["residual_by_year"].values())
    assert (last["year"], last["difference"]) == (2014, -residuals) == (2014, 7599)


@pytest.mark.parametrize("country", ["EN", "WA"])
def test_every_identity_of_the_national_projections(shared, country, capsys):
    path = shared / f"data/projections/ONS_NPP_2022_{country}.xlsx"
    assert national_projection.main([str(path)]) == 0
    assert "7 of 7 identities hold" in capsys.readouterr().out


def test_a_workbook_with_one_wrong_cell_fails(shared, monkeypatch, capsys):
    path = shared / "data/projections/ONS_NPP_2022_WA.xlsx"
    read = national_projection.read_national_projection

    def spoiled(*arguments):
        file = read(*arguments)
        file.population[0, 40, 7] += 1.2
        return file

    monkeypatch.setattr(national_projection, "read_national_projection", spoiled)
    assert national_projection.main([str(path)]) == 1
    out = capsys.readouterr().out
    assert "FAIL cohorts" in out
    assert "male 40 2029" in out


def test_components_files_are_checked_by_family(shared, tmp_path, capsys):
    files = sorted((shared / "data/population").glob("MYEB3*.csv"))
    assert all(components_file.main([str(path)]) == 0 for path in files)
    spoiled = tmp_path / files[0].name
    text = files[0].read_text(encoding="utf-8-sig").splitlines()
    cells = text[1].split(",")
    cells[4] = str(int(cells[4]) + 7)
    spoiled.write_text("\n".join([text[0], ",".join(cells), *text[2:]]))
    assert components_file.main([str(spoiled)]) == 1
    assert "-7 (rounding 0)" in capsys.readouterr().out


def test_mid_2020_against_the_census(shared):
    published, file = edition(shared, "2001-2020")
    census = read_census_2021(shared / "data/census/TS009_2021.csv", "TS009_2021.csv")
    assert census.values.sum() == 59_597_529
    areas = sorted(code for code in file.areas["area"].to_pylist() if code[0] in "EW")
    assert sorted(census.areas) == areas
    order = [census.areas.index(code) for code in areas]
    counted = census.values.sum(axis=(1, 2))[order]
    estimate = np.array([published["population", code, 2020] for code in areas])
    changes = {
        name: sign * np.array([published[name, code, 2020] for code in areas])
        for name, sign in (("births", 1), ("deaths", -1), ("internal_net", 1),
                           ("international_net", 1), ("other_change", 1))
    }  # fmt: skip
    gap = census_gap(estimate, counted, changes, dt.date(2020, 6, 30), dt.date(2021, 3, 21))
    assert gap.difference.sum() == 122_195
    assert len(areas) == 331
    assert (np.abs(gap.relative) > 0.05).sum() == 32
    # rolled on for nine months as in the year before: the gap grows, so it is error
    assert gap.error == pytest.approx(gap.difference + gap.elapsed)
    assert gap.elapsed.sum() == pytest.approx(264 / 365.25 * (sum(changes.values())).sum())
    assert round(gap.elapsed.sum()) == 202_298
    assert round(gap.error.sum()) == 324_493


def test_mid_2011_rolled_to_mid_2018_beats_scaling(shared):
    areas, opening, closing, settled = rolled(shared, settled=True)
    *_, plain = rolled(shared, settled=False)
    scaled = scaling(opening, closing)
    assert len(areas) == 382
    # measured: 6.17, 8.6 and 11.97 per cent of people in the wrong cell; 371 areas nearer
    assert off(settled, closing) < 6.3
    assert off(settled, closing) < off(plain, closing) < off(scaled, closing)
    assert (by_area(settled, closing) < by_area(scaled, closing)).sum() >= 365
    for _, ages in BANDS:
        assert off(settled, closing, ages) < off(scaled, closing, ages)
    # totals are the official ones, but for Scotland's rounding over seven years
    assert np.abs(settled.sum((1, 2)) - closing.sum((1, 2))).max() <= 10 + 1e-6
