"""Change between periods by hand: covariance by the draws, tests, and what could be found."""

import math

import numpy as np
import pytest

from ravenstein.core.errors import EstimateError, MigrationError
from ravenstein.core.estimate import estimate
from ravenstein.core.schema import check_columns
from ravenstein.migration.change import (
    change_between,
    change_rows,
    changes,
    published_change,
    significance,
)
from ravenstein.store.database import memory_store
from ravenstein.store.files import as_declared
from ravenstein.tables.revisions import MIGRATION_CHANGES

Z = 1.959963984540054


def test_change_by_hand():
    flows = estimate(
        [[600.0, 650, 640]],
        [[[590, 600, 610], [640, 640, 670], [630, 640, 650]]],
        {"flow": ["immigration"], "year": [2014, 2015, 2016]},
        "persons",
    )
    found = changes(flows)
    assert found.compared_with == (2014, 2015)
    assert found.difference.labels("year") == [2015, 2016]
    assert found.difference.point.values.tolist() == [[50, -10]]
    assert found.difference.draws.values.tolist() == [[[50, 40, 60], [-10, 0, -20]]]
    of = found.significance
    assert of.standard_error == pytest.approx(np.array([[10.0, 10.0]]))
    assert of.lower == pytest.approx(np.array([[50 - 10 * Z, -10 - 10 * Z]]))
    assert of.significant.tolist() == [[True, False]]
    assert of.p_value[0, 1] == pytest.approx(math.erfc(1 / math.sqrt(2)))
    assert of.detectable == pytest.approx(np.full((1, 2), 28.0158522))
    two = changes(flows, lag=2)
    assert (two.compared_with, two.difference.point.item()) == ((2014,), 40)


def test_rolling_years_share_their_quarters():
    """Years to Q4 and to Q1 after it: three quarters leave the change, two are its error."""
    quarters = np.array([[8.0, 12, 10], [20, 25, 15], [30, 30, 33], [40, 44, 36], [13, 15, 17]])
    years = np.array([quarters[:4].sum(axis=0), quarters[1:].sum(axis=0)])
    series = estimate([100.0, 105], years, {"quarter": ["2016-Q4", "2017-Q1"]}, "persons")
    found = change_between(series, "2017-Q1", "2016-Q4", over="quarter")
    assert found.difference.draws.values.tolist() == [[5, 3, 7]], "fifth minus first"
    assert found.significance.standard_error.tolist() == [2.0]
    apart = np.hypot(*series.standard_error().values)
    assert apart > 10, "as if the years had nothing in common"


def test_the_same_period_a_year_before_of_rolling_years():
    labels = ["2015-Q3", "2015-Q4", "2016-Q1", "2016-Q3"]
    series = estimate([1.0, 2, 4, 8], np.eye(4)[:, :2], {"quarter": labels}, "persons")
    found = changes(series, over="quarter")
    assert found.compared_with == ("2015-Q3",)
    assert found.difference.labels("quarter") == ["2016-Q3"]
    assert found.difference.point.item() == 7


def test_a_detectable_change_is_found_four_times_in_five():
    error = 25.0
    true = float(significance(0.0, error).detectable)
    drawn = np.random.default_rng(5).normal(true, error, 40_000)
    found = significance(drawn, np.full(drawn.shape, error))
    assert found.significant.mean() == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / 40_000))
    assert (found.significant == (found.p_value < 0.05)).all()


def test_without_error_a_difference_is_certain():
    found = significance([0.0, 3.0], [0.0, 0.0])
    assert found.p_value.tolist() == [1, 0]
    assert found.significant.tolist() == [False, True]


def test_published_intervals_by_hand():
    found = published_change([588.0, 335], [31.0, 40], [632.0, 250], [26.0, 30])
    assert found.difference.tolist() == [-44, 85]
    assert found.upper - found.difference == pytest.approx([math.sqrt(1637), 50])
    assert found.significant.tolist() == [True, True]
    with pytest.raises(MigrationError, match="half widths"):
        published_change(1.0, -2.0, 1.0, 2.0)


def test_rows_are_the_declared_ones():
    flows = estimate(
        [[650.0, 600], [300, 310]],
        [[[640, 660], [600, 600]], [[300, 300], [310, 312]]],
        {"year": [2016, 2015], "direction": ["immigration", "emigration"]},
        "persons",
    )
    rows = as_declared(MIGRATION_CHANGES, change_rows(changes(flows), flow="direction"))
    with memory_store() as store:
        check_columns(MIGRATION_CHANGES, store.from_rows(rows))
        assert len(store.collect(store.checked_rows(MIGRATION_CHANGES, rows))) == 2
    first, second = rows.to_pylist()
    assert (first["flow"], first["period"], first["compared_with"]) == (
        "immigration",
        "2016",
        "2015",
    )
    assert (first["persons"], first["difference"]) == (650, 350)
    assert (second["persons"], second["difference"]) == (600, 290)
    assert second["standard_error"] == pytest.approx(math.sqrt(2))


def test_what_cannot_be_compared_is_refused():
    one = estimate([1.0], [[1.0, 2]], {"year": [2015]}, "persons")
    with pytest.raises(MigrationError, match="earlier year"):
        changes(one)
    with pytest.raises(MigrationError, match="flow and period"):
        change_rows(changes(estimate([1.0, 2], np.ones((2, 2)), {"year": [1, 2]}, "persons")))
    words = estimate([1.0, 2], np.ones((2, 2)), {"year": ["YE Dec 15", "YE Dec 16"]}, "persons")
    with pytest.raises(MigrationError, match="cannot be told"):
        changes(words)
    with pytest.raises(EstimateError, match="no cells"):
        change_between(words, "YE Dec 16", "YE Dec 14")
    with pytest.raises(EstimateError, match="needs draws"):
        changes(estimate([1.0, 2], np.ones((2, 1)), {"year": [1, 2]}, "persons"))
