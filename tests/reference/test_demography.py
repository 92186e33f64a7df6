"""Life tables and the Lee–Carter model that others computed from the same figures."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from ravenstein.demography.lee_carter import lee_carter
from ravenstein.demography.life_tables import coale_demeny, life_table
from tests.hmd import hmd

ROUNDING = 1e-8  # the tolerance of shared/reference/README.md


@pytest.mark.parametrize("rule", ["AK", "CD", "constant", "linear"])
def test_life_tables_of_hmd_inputs_under_each_infant_rule(shared, rule):
    path = shared / f"reference/demography/uk_lifetables/poputils_infant_{rule}.csv"
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = {(row["sex"], int(row["year"])): [] for row in rows}
    for row in rows:
        columns = ("qx", "lx", "dx", "Lx", "ex")
        expected[row["sex"], int(row["year"])].append([float(row[name]) for name in columns])
    assert len(expected) == 10
    for (name, year), table in expected.items():
        sex = "F" if name == "Female" else "M"
        # the reference rests on whole deaths
        deaths, under = hmd(shared, [year], open_age=100, whole=True)
        place = 0 if sex == "M" else 1
        own = life_table(deaths[place] / under[place], range(101), sex=sex, infant=rule)
        columns = (
            own.death_probability,
            1e5 * own.survivors,
            1e5 * own.deaths,
            1e5 * own.person_years,
            own.expectation,
        )
        assert np.stack(columns, axis=1) == pytest.approx(np.array(table), rel=ROUNDING)


def test_abridged_tables_of_textbooks(shared):
    folder = shared / "reference/demography/textbook_lifetables"
    for name, case in json.loads((folder / "abridged.json").read_text()).items():
        if "mx" in case:
            own = life_table(
                case["mx"], case["ages"], sex=case["sex"][0].upper(), within="greville"
            )
        else:
            # years lived by infants and children by the infant mortality given; others half
            separation = np.append(
                coale_demeny(case["imr"], sex="M", region="north"), np.full(19, 2.5)
            )
            rate = np.array(case["deaths"]) / np.array(case["exposure"])
            rate[0] = case["imr"] / (1 - (1 - separation[0]) * case["imr"])
            own = life_table(rate, case["ages"], sex="M", separation=separation)
        first = case.get("compare_first", len(case["ages"]))
        expected = np.array(case["expected_ex"])[:first]
        assert own.expectation[:first] == pytest.approx(expected, abs=case["tolerance"]), name


def test_the_table_of_austrian_males(shared):
    path = shared / "reference/demography/textbook_lifetables/austria_male_1992_preston.csv"
    with path.open(newline="") as stream:
        rows = [[float(value) for value in row.values()] for row in csv.DictReader(stream)]
    table = np.array(rows)
    own = life_table(
        table[:, 3] / table[:, 4], table[:, 0].astype(int), sex="M", separation=table[:-1, 6]
    )
    # the book prints five decimals of survivors and person-years; e has their rounding
    assert own.survivors == pytest.approx(table[:, 9], abs=6e-6)
    assert own.person_years == pytest.approx(table[:, 11], abs=6e-5)
    assert own.expectation == pytest.approx(table[:, 13], abs=3e-4)


def test_poisson_lee_carter_of_england_and_wales(shared):
    folder = shared / "reference/demography/stmomo_ew_male"

    def read(name):
        with (folder / name).open(newline="") as stream:
            return list(csv.DictReader(stream))

    cells = {(int(r["age"]), int(r["year"])): r for r in read("data.csv")}
    ages, years = range(55, 90), range(1961, 2012)
    deaths, under = (
        np.array([[float(cells[a, y][name]) for y in years] for a in ages]) for name in ("D", "E")
    )
    own = lee_carter(deaths, under)
    fit = {name: float(value) for name, value in read("expected_fit.csv")[0].items()}
    assert own.deviance == pytest.approx(fit["deviance"], abs=1e-6)
    assert own.log_likelihood == pytest.approx(fit["loglik"], abs=1e-6)
    drift, spread = own.drift
    assert drift == pytest.approx(fit["drift"], abs=1e-7)
    assert spread**2 == pytest.approx(fit["sigma"], abs=1e-6)  # the reference prints a variance
    index = [float(row["kt"]) for row in read("expected_lc_kt.csv")]
    assert own.index == pytest.approx(np.array(index), abs=1e-6)
    by_age = read("expected_lc_ax_bx.csv")
    assert own.level == pytest.approx(np.array([float(r["ax"]) for r in by_age]), abs=1e-8)
    assert own.response == pytest.approx(np.array([float(r["bx"]) for r in by_age]), abs=1e-8)
    ahead = [
        [float(v) for v in list(row.values())[1:]]
        for row in read("expected_forecast_rates_h20.csv")
    ]
    assert own.forecast(20) == pytest.approx(np.array(ahead), rel=1e-7)
