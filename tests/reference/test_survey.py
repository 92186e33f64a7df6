"""Results of R `survey`, and svy as a second opinion."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ravenstein.survey import estimates
from ravenstein.survey.calibration import Auxiliaries, calibrate
from ravenstein.survey.design import ExtremeWeightWarning, Selection, design
from ravenstein.survey.limits import winsorised
from tests.reference.survey import agreement


@pytest.mark.filterwarnings(f"ignore::{ExtremeWeightWarning.__module__}.ExtremeWeightWarning")
def test_every_result_of_r_survey_is_met(shared):
    count, failures = agreement(shared / "reference/survey")
    assert failures == []
    assert count >= 91


def test_r_run_beside_it_agrees(tmp_path):
    """Designs that the reference folder does not hold, computed by R here and now."""
    ready = (
        shutil.which("Rscript")
        and not subprocess.run(
            ["Rscript", "-e", "library(survey); library(jsonlite)"],
            check=False,
            capture_output=True,
        ).returncode
    )
    if not ready:
        pytest.skip("Rscript with the packages survey and jsonlite is not installed")
    script = Path(__file__).with_name("survey_reference.R")
    subprocess.run(["Rscript", str(script), str(tmp_path)], check=True, capture_output=True)
    count, failures = agreement(tmp_path)
    assert failures == []
    assert count == 31


def test_svy_gives_the_same_total_and_domains():
    svy = pytest.importorskip("svy", reason="svy, the second opinion, is not installed")
    import polars as pl

    g = np.random.default_rng(1)
    psu = np.sort(g.integers(0, 300, 6000))
    d = pl.DataFrame(
        {"s": psu // 10, "psu": psu, "w": g.uniform(50, 150, 6000), "y": g.gamma(2, 100, 6000),
         "d": g.integers(0, 4, 6000)}
    )  # fmt: skip
    sample = svy.Sample(d, svy.Design(stratum="s", psu="psu", wgt="w"))
    ours = design(Selection(d["psu"].to_numpy(), d["s"].to_numpy()), weights=d["w"].to_numpy())
    theirs = sample.estimation.total("y").estimates[0]
    total = estimates.total(ours, d["y"].to_numpy())
    assert total.point[0] == pytest.approx(theirs.est, rel=1e-12)
    assert total.standard_error()[0] == pytest.approx(theirs.se, rel=1e-9)
    kinds, point, error = estimates.domain_totals(ours, d["y"].to_numpy(), d["d"].to_numpy())
    by = sample.estimation.total("y", by="d").estimates
    assert len(by) == len(kinds) == 4
    assert sorted(point) == pytest.approx(sorted(part.est for part in by), rel=1e-12)
    assert sorted(error) == pytest.approx(sorted(part.se for part in by), rel=1e-9)


@pytest.mark.parametrize(("name", "groups"), [("02_separate_ratio", 4), ("03_combined_ratio", 2)])
def test_ratio_estimation_of_the_statistical_methods_library(shared, name, groups):
    """Its calibration factors are ours, from its design weights: a calibration to the total of
    one variable in each group, the residual's variance in proportion to the variable."""
    folder = shared / "reference/estimation_scenarios/estimation/ht_ratio/methodology_scenarios"
    kinds = {"group": str, "calibration": str}
    given = pd.read_csv(folder / f"{name}_input.csv", dtype=kinds)
    expected = pd.read_csv(folder / f"{name}_output.csv", dtype=kinds)
    rows = given.merge(expected, on=["date", "group", "calibration"])
    checked = 0
    for _, part in rows.groupby(["date", "calibration"]):
        if (part.adjustment != "I").any():
            continue  # deaths in the sample change the design weights, by a rule of that library
        inside = part[part["sample"].astype(bool)]
        built = design(weights=inside.design_weight)
        x = inside.other.to_numpy(float)
        fitted = calibrate(built, Auxiliaries(x[:, None], variance=x), [float(part.other.sum())])
        factor = fitted.weights / built.weights
        # 6 decimals are published, of weights too
        assert factor == pytest.approx(inside.calibration_factor, abs=2e-6)
        checked += 1
    assert checked == groups


def test_winsorisation_of_the_statistical_methods_library(shared):
    """Outlier weights y*/y of every group of its scenarios, ratio and expansion, to 6 decimals."""
    folder = shared / "reference/estimation_scenarios/outliering/winsorisation"
    paths = sorted((folder / "methodology_scenarios").glob("*_input.csv"))
    drawn_in = 0
    for path in paths:
        given = pd.read_csv(path)
        expected = pd.read_csv(path.with_name(path.name.replace("input", "output")))
        rows = given.merge(expected, on=["date", "identifier", "group"], validate="1:1")
        assert len(rows) == len(given) == len(expected)
        for _, part in rows.groupby(["date", "group"]):
            ratio = {}
            if "other" in part:
                ratio = {"auxiliary": part.other, "factor": part.calibration}
            y = part.question.to_numpy(float)
            built = design(weights=part.design)
            found = winsorised(built, y, float(part.L.iloc[0]), **ratio)
            weight = np.divide(found, y, out=np.ones(y.size), where=y != 0)
            assert weight == pytest.approx(part.outlier_weight.to_numpy(float), abs=1e-6)
            drawn_in += int((weight < 1).sum())
    assert (len(paths), drawn_in) == (14, 17)
