"""Series breaks by hand, their covariance with the series, and how often intervals hold."""

import numpy as np
import pytest

from ravenstein.core.errors import SurveyError
from ravenstein.core.estimate import estimate
from ravenstein.passenger_survey.series import series_break


def series(years, points, draws):
    return estimate(points, draws, {"year": years}, "persons")


OLD = series([2007, 2008], [80.0, 100], [[70.0, 90], [90, 110]])
NEW = series([2008, 2009], [120.0, 130], [[110.0, 130], [120, 140]])


def test_a_ratio_by_hand():
    found = series_break(OLD, NEW)
    assert found.parallel == (2008,)
    assert found.effect.point.item() == pytest.approx(1.2)
    assert found.effect.draws.values.tolist() == pytest.approx([110 / 90, 130 / 110])
    assert found.measured.tolist() == [[True, True, False], [False, True, True]]
    old, new = found.series.point.values
    assert old == pytest.approx([80, 100, 130 / 1.2])
    assert new == pytest.approx([96, 120, 130])
    # draw by draw: the first year on the new basis has the error of the effect too
    converted = found.series.draws.sel(basis="new", year=2007).values
    assert converted == pytest.approx([70 * 110 / 90, 90 * 130 / 110])


def test_a_difference_by_hand():
    found = series_break(OLD, NEW, kind="difference")
    assert found.effect.point.item() == 20
    old, new = found.series.point.values
    assert old.tolist() == [80, 100, 110]
    assert new.tolist() == [100, 120, 130]
    assert found.series.draws.sel(basis="old", year=2009).values.tolist() == [100, 120]


def test_intervals_of_the_effect_and_of_converted_years_hold_the_truth():
    """400 worlds: shares of 95 % intervals that hold, within four Monte Carlo errors."""
    g, worlds = np.random.default_rng(8), 400
    held = np.zeros(3)
    for _ in range(worlds):
        truth_old, effect = np.array([500.0, 520, 560]), 1.15
        error = 25.0
        old = g.normal(truth_old[:2], error)
        new = g.normal(truth_old[1:] * effect, error)
        found = series_break(
            series([1, 2], old, old[:, None] + g.normal(0, error, (2, 300))),
            series([2, 3], new, new[:, None] + g.normal(0, error, (2, 300))),
        )
        for i, (part, truth) in enumerate((
            (found.effect, effect),
            (found.series.select(basis=["new"], year=[1]), truth_old[0] * effect),
            (found.series.select(basis=["old"], year=[3]), truth_old[2]),
        )):  # fmt: skip
            low, high = part.confidence_interval().values.ravel()
            held[i] += low <= truth <= high
    assert held / worlds == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / worlds) + 0.005)


def test_what_cannot_be_compared_is_told():
    later = series([2010], [1.0], [[1.0, 1]])
    with pytest.raises(SurveyError, match="no parallel run") as caught:
        series_break(OLD, later)
    assert caught.value.found == "2007, 2008 and 2010"
    with pytest.raises(SurveyError, match="cannot be compared"):
        series_break(OLD, series([2008], [1.0], [[1.0, 1, 1]]))
    with pytest.raises(SurveyError, match="above 0"):
        series_break(OLD, series([2008], [-1.0], [[1.0, 1]]))
