"""Change between waves whose samples overlap: by identity, by simulation, and never indefinite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravenstein.core.errors import SurveyError
from ravenstein.survey import estimates
from ravenstein.survey.change import Wave, both_waves
from ravenstein.survey.design import Selection, design
from ravenstein.survey.poststrata import post_stratify


def wave(names, strata, y, **options):
    built = design(Selection(names, strata, **options), weights=np.full(len(names), 3.0))
    return Wave(built, estimates.total(built, y), [names])


def test_the_same_sample_twice_is_one_sample_with_two_variables():
    g = np.random.default_rng(1)
    psu, ssu = np.repeat(np.arange(8), 6), np.tile(np.repeat(np.arange(3), 2), 8)
    stages = (Selection(psu, psu // 4, np.full(48, 9)), Selection(ssu, fpc=np.full(48, 5)))
    built = design(*stages)
    y = g.normal(5, 2, (48, 2))
    names = [psu, psu * 10 + ssu]
    waves = [Wave(built, estimates.total(built, y[:, i]), names) for i in (0, 1)]
    found = both_waves(*waves)
    assert found.covariance == pytest.approx(estimates.total(built, y).covariance)
    change = estimates.function(found, lambda t: t[1] - t[0])
    apart = estimates.total(built, y[:, 1] - y[:, 0])
    assert change.point == pytest.approx(apart.point)
    assert change.standard_error() == pytest.approx(apart.standard_error())
    growth = estimates.function(found, lambda t: t[1] / t[0])
    assert growth.covariance == pytest.approx(estimates.ratio(built, y[:, 1], y[:, 0]).covariance)


def test_calibration_counts_in_both_waves():
    g = np.random.default_rng(2)
    psu, cell = np.repeat(np.arange(10), 5), np.tile(np.arange(5) % 2, 10)
    built = design(Selection(psu), weights=np.full(50, 4.0))
    y = g.normal(5, 1, (50, 2)) + 10 * cell[:, None]
    fitted = post_stratify(built, cell, {0: 130.0, 1: 70.0})
    waves = [Wave(fitted, estimates.total(fitted, y[:, i]), [psu]) for i in (0, 1)]
    assert both_waves(*waves).covariance == pytest.approx(estimates.total(fitted, y).covariance)


def test_samples_without_overlap_are_independent():
    g = np.random.default_rng(3)
    one = wave(np.arange(6), np.arange(6) // 3, g.normal(size=6))
    two = wave(np.arange(10, 16), np.arange(6) // 3, g.normal(size=6))
    found = both_waves(one, two)
    assert found.covariance[0, 1] == 0
    assert found.covariance[0, 0] == one.estimates.covariance[0, 0]
    assert found.names == ("value 1, earlier", "value 1, later")


@pytest.mark.slow
@pytest.mark.parametrize(("population", "kept"), [(400, 10), (60, 15)])
def test_a_rotating_panel_recovers_the_variance_of_change(population, kept):
    """Simple random panels of 20 with part kept: the mean of the estimated variances meets the
    variance over 3,000 samples, whose own standard error is 2.6 %."""
    g = np.random.default_rng(4)
    y1 = g.normal(50, 10, population)
    y2 = y1 + g.normal(2, 5, population)
    changes, variances = [], []
    for _ in range(3000):
        drawn = g.permutation(population)[: 40 - kept]
        samples = drawn[:20], drawn[20 - kept :]
        waves = []
        for units, y in zip(samples, (y1, y2), strict=True):
            built = design(Selection(units, fpc=np.full(20, population)))
            waves.append(Wave(built, estimates.total(built, y[units]), [units]))
        found = estimates.function(both_waves(*waves), lambda t: t[1] - t[0])
        changes.append(found.point[0])
        variances.append(found.covariance[0, 0])
    assert np.mean(variances) == pytest.approx(np.var(changes), rel=0.1)


def test_a_panel_whose_strata_are_split_keeps_its_covariance():
    """One stratum becomes two of the same units: variance over 2,000 samples (its SE 3.2 %)."""
    g = np.random.default_rng(5)
    half = np.repeat([0, 1], 100)
    y1 = g.normal(50, 10, 200)
    y1 -= np.bincount(half, weights=y1)[half] / 100  # stratification by half gains nothing
    y2 = y1 + g.normal(2, 3, 200)
    changes, variances = [], []
    for _ in range(2000):
        units = np.concatenate([g.permutation(100)[:20], 100 + g.permutation(100)[:20]])
        waves = []
        for y, strata, size in ((y1, np.zeros(40), 200), (y2, half[units], 100)):
            built = design(Selection(units, strata, np.full(40, size)))
            waves.append(Wave(built, estimates.total(built, y[units]), [units]))
        found = estimates.function(both_waves(*waves), lambda t: t[1] - t[0])
        changes.append(found.point[0])
        variances.append(found.covariance[0, 0])
    assert np.mean(variances) == pytest.approx(np.var(changes), rel=0.15)


def test_pairs_of_which_one_is_kept():
    """Two clusters a stratum, one kept: the least overlap; variance over 2,000 samples."""
    g = np.random.default_rng(6)
    y1 = g.normal(50, 10, (15, 40))
    y2 = y1 + g.normal(0, 4, (15, 40))
    strata = np.repeat(np.arange(15), 2)
    changes, variances = [], []
    for _ in range(2000):
        drawn = np.argsort(g.random((15, 40)), axis=1)[:, :3]
        waves = []
        for units, y in ((drawn[:, :2], y1), (drawn[:, 1:], y2)):
            values = np.take_along_axis(y, units, axis=1).ravel()
            names = strata * 100 + units.ravel()
            built = design(Selection(names, strata, np.full(30, 40)))
            waves.append(Wave(built, estimates.total(built, values), [names]))
        found = estimates.function(both_waves(*waves), lambda t: t[1] - t[0])
        changes.append(found.point[0])
        variances.append(found.covariance[0, 0])
    assert np.mean(variances) == pytest.approx(np.var(changes), rel=0.1)


def test_nothing_changed_has_no_error():
    one = wave(np.arange(6), np.arange(6) // 3, np.array([1.0, 5, 2, 8, 3, 1]))
    found = estimates.function(both_waves(one, one), lambda t: t[1] - t[0])
    assert found.point.tolist() == found.standard_error().tolist() == [0]


@given(st.integers(0, 2**32 - 1))
def test_the_covariance_is_never_indefinite(seed):
    g = np.random.default_rng(seed)
    waves = []
    for _ in range(2):
        names = g.choice(12, size=8, replace=False)
        strata = np.arange(8) % 2
        fpc = np.full(8, g.integers(4, 12))
        waves.append(wave(names, strata, g.normal(size=(8, 2)), fpc=fpc))
    values = np.linalg.eigvalsh(both_waves(*waves).covariance)
    assert values.min() > -1e-9 * max(values.max(), 1)


def test_names_must_fit_the_clusters():
    one = wave(np.arange(6), np.arange(6) // 3, np.ones(6))
    two = Wave(one.design, one.estimates, [np.zeros(6)])
    with pytest.raises(SurveyError) as caught:
        both_waves(one, two)
    assert "1 names" in caught.value.found
    for clusters in ([], np.arange(6), [np.arange(6), np.arange(6)]):
        with pytest.raises(SurveyError, match="not a list of columns"):
            both_waves(one, Wave(one.design, one.estimates, clusters))
