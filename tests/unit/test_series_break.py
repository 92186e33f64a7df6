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
    """2,000 worlds at once: shares of 95 % intervals that hold, within four Monte Carlo errors."""
    g, worlds, error = np.random.default_rng(8), 2000, 25.0
    truth, effect = np.array([500.0, 520, 560]), 1.15
    old = g.normal(truth[:2, None], error, (2, worlds))
    new = g.normal(truth[1:, None] * effect, error, (2, worlds))

    def made(years, points):
        draws = points[..., None] + g.normal(0, error, (2, worlds, 300))
        labels = {"year": years, "world": list(range(worlds))}
        return estimate(points, draws, labels, "persons")

    found = series_break(made([1, 2], old), made([2, 3], new))
    for part, expected in (
        (found.effect, effect),
        (found.series.select(basis=["new"], year=[1]), truth[0] * effect),
        (found.series.select(basis=["old"], year=[3]), truth[2]),
    ):
        bounds = part.confidence_interval()
        low, high = (bounds.sel(bound=side).values.ravel() for side in ("lower", "upper"))
        held = ((low <= expected) & (expected <= high)).mean()
        assert held == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / worlds) + 0.005)


def test_what_cannot_be_compared_is_told():
    later = series([2010], [1.0], [[1.0, 1]])
    with pytest.raises(SurveyError, match="no parallel run") as caught:
        series_break(OLD, later)
    assert caught.value.found == "2007, 2008 and 2010"
    with pytest.raises(SurveyError, match="cannot be compared"):
        series_break(OLD, series([2008], [1.0], [[1.0, 1, 1]]))
    with pytest.raises(SurveyError, match="above 0"):
        series_break(OLD, series([2008], [-1.0], [[1.0, 1]]))
