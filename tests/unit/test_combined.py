import numpy as np
import pytest
from scipy.stats import multivariate_normal

from ravenstein.core.errors import MigrationError
from ravenstein.core.estimate import estimate
from ravenstein.migration import trend
from ravenstein.migration.combined import SourceSeries, combine, quality
from ravenstein.migration.state_space import (
    Figures,
    Setting,
    posterior,
    sampling_covariance,
    wide_priors,
)

NEVER = (np.zeros((1, 2)), np.zeros(1))


def source(name, point, error, good=1.0, *, first=2001, regime=None, unit="persons", draws=400):
    years = {"year": list(range(first, first + len(point)))}
    rng = np.random.default_rng(len(name))
    drawn = np.array(point)[:, None] * np.exp(error * rng.normal(size=(len(point), draws)))
    regime = np.zeros(len(point), int) if regime is None else np.array(regime)
    return SourceSeries(
        name, estimate(point, drawn, years, unit), np.full(len(point), good), regime
    )


def combined(*sources):
    return combine(sources, generator=np.random.default_rng(1))


def test_quality_is_coverage_less_what_gaps_break():
    assert quality([1.0, 0.95], [0.0, 0.04]).round(6).tolist() == [1.0, 0.19]
    with pytest.raises(MigrationError):
        quality([1.2], [0.0])


def test_two_figures_of_a_year_weigh_by_their_variances():
    # variances 0.01 and 0.03, so weights 3/4 and 1/4
    figures = Figures(
        np.array([0.0, 0.1]),
        np.zeros(2, int),
        np.arange(2),
        np.ones(2),
        np.zeros((2, 50)),
        np.zeros((2, 2)),
    )
    noise = np.sqrt([0.01, 0.03])
    setting = Setting(100.0, 1.0, np.ones(2), np.zeros(2), np.zeros(2), noise)
    found = posterior(figures, [setting], np.full(2, 1e-6), NEVER, np.random.default_rng(1))
    assert found.series == pytest.approx([0.025], abs=1e-5)
    assert found.gain == pytest.approx(np.array([[0.75, 0.25]]), abs=1e-4)


def slow_case(draws):
    """Four figures of three years from two sources, of which the second follows the series half."""
    rng = np.random.default_rng(3)
    root = np.array([[0.08, 0, 0, 0], [0.02, 0.07, 0, 0], [0, 0, 0.01, 0], [0, 0, 0, 0.02]])
    errors = root @ rng.normal(size=(4, draws))
    figures = Figures(
        np.array([0.1, 0.3, 0.8, 0.9]),
        np.array([0, 2, 1, 2]),
        np.array([0, 0, 1, 1]),
        np.array([1, 1, 0.8, 1.2]),
        errors - errors.mean(axis=1, keepdims=True),
        root @ root.T,
    )
    loading, centre = np.array([1, 1, 0.5, 0.5]), np.full(4, 0.2)
    drift = np.array([0, 0.01, 0, 0.03])
    settings = [
        Setting(2.0, change, loading, centre, drift, np.full(4, 0.01)) for change in (0.05, 0.2)
    ]
    return figures, settings, np.array([0.02, 0.9])


def slow_posterior(figures, setting, scale):
    """Condition level, steps, biases, drifts and errors one by one: independent normals z."""
    where = figures.values.mean()
    deviations = [setting.level, *[setting.change] * 2, *scale, *setting.drift[[1, 3]], *[0.01] * 4]
    series = np.zeros((3, 11))
    for year in range(3):
        series[year, : year + 1] = 1
    rows = setting.loading[:, None] * series[figures.at]
    for row, (bias, drift) in enumerate([(3, None), (3, 5), (4, None), (4, 6)]):
        rows[row, bias], rows[row, 7 + row] = figures.pattern[row], 1
        if drift:
            rows[row, drift] = 1
    prior = np.diag(np.square(deviations))
    mean = setting.loading * where + (1 - setting.loading) * setting.centre
    whole = rows @ prior @ rows.T + figures.sampling
    both = np.vstack([series, rows])
    gain = both @ prior @ rows.T @ np.linalg.inv(whole)
    found = np.r_[np.full(3, where), mean] + gain @ (figures.values - mean)
    covariance = both @ prior @ both.T - gain @ rows @ prior @ both.T
    return found, covariance, multivariate_normal(mean, whole).logpdf(figures.values)


def test_the_posterior_is_the_slow_one():
    figures, settings, scale = slow_case(50)
    found = posterior(figures, settings, scale, NEVER, np.random.default_rng(1))
    parts = [slow_posterior(figures, setting, scale) for setting in settings]
    weight = np.exp([part[2] for part in parts])
    expected = np.average([part[0] for part in parts], axis=0, weights=weight)
    assert found.series == pytest.approx(expected[:3], rel=1e-9)
    assert found.signal == pytest.approx(expected[3:], rel=1e-9)


def test_wide_priors_of_biases_are_the_slow_ones():
    figures, settings, scale = slow_case(50)
    wide = wide_priors(2, 0.2, [0.5])
    found = posterior(figures, settings[:1], scale, wide, np.random.default_rng(1))
    parts = [slow_posterior(figures, settings[0], np.hypot(scale, added)) for added in wide[0]]
    weight = np.exp([part[2] for part in parts] + wide[1])
    weight /= weight.sum()
    expected = np.average([part[0] for part in parts], axis=0, weights=weight)
    assert found.series == pytest.approx(expected[:3], rel=1e-9)
    assert found.wide == pytest.approx([weight[1] + weight[3], weight[2] + weight[3]], rel=1e-9)


def test_draws_have_the_posterior_covariance_and_move_with_the_figures_draws():
    figures, settings, scale = slow_case(40_000)
    found = posterior(figures, settings[:1], scale, NEVER, np.random.default_rng(1))
    mean, covariance, _ = slow_posterior(figures, settings[0], scale)
    both = np.vstack([found.series_draws, found.signal_draws])
    spread = np.sqrt(np.diag(covariance))
    # errors of 40,000 draws: 0.005 standard deviations of a mean, 0.007 of a covariance
    assert (both.mean(axis=1) - mean) / spread == pytest.approx(np.zeros(7), abs=0.025)
    ratio = np.cov(both) / np.outer(spread, spread) - covariance / np.outer(spread, spread)
    assert np.abs(ratio).max() < 0.035
    moved = found.gain @ figures.sampling
    drawn = (found.series_draws - mean[:3, None]) @ figures.errors.T / 40_000
    assert drawn == pytest.approx(moved, abs=4e-5)


def test_chance_correlations_are_drawn_in():
    errors = np.random.default_rng(1).normal(size=(10, 100))
    found = sampling_covariance(errors)
    apart = found - np.diag(np.diag(found))
    assert np.abs(apart).max() < 0.1 < np.abs(np.cov(errors) - np.diag(np.diag(found))).max()
    assert np.diag(found) == pytest.approx(errors.var(axis=1, ddof=1))


SURVEY = [480.0, 520.0, 500.0, 470.0, 510.0, 505.0]
REGISTER = [300.0, 306.0, 303.0, 301.0, 300.0, 304.0]


def test_a_complete_source_is_believed():
    found = combined(source("survey", SURVEY, 0.07), source("border", [500.0] * 6, 0.001))
    assert found.flow.point.values == pytest.approx(np.full(6, 500.0), rel=0.01)
    assert (found.weights["border"] > 0.85).all()


def test_a_claim_to_be_complete_that_others_contradict_is_not_believed():
    border = [1850.0, 1840.0, 1860.0, 1850.0, 1855.0, 1845.0]
    found = combined(
        source("survey", SURVEY, 0.07),
        source("border", border, 0.001),
        source("other", SURVEY, 0.1),
    )
    assert found.flow.point.values == pytest.approx(np.full(6, 498.0), rel=0.06)
    assert found.bias["border"].point.values == pytest.approx(np.full(6, 3.7), rel=0.06)
    assert "more than its measured quality explains" in found.notes[1]
    assert "more than" not in found.notes[0]


def test_a_source_may_miss_years_and_draws_follow_the_survey():
    survey, register = source("survey", SURVEY, 0.07), source("register", REGISTER[1:4], 0.01, 0.5)
    later = SourceSeries(
        "register",
        estimate(
            register.flow.point.values,
            register.flow.draws.values,
            {"year": [2002, 2003, 2005]},
            "persons",
        ),
        register.quality,
        np.array([0, 0, 7]),
    )
    found = combined(survey, later)
    assert found.flow.labels("year") == [2001, 2002, 2003, 2004, 2005, 2006]
    assert found.bias["register"].labels("year") == [2002, 2003, 2005]
    assert [note.split(":")[0] for note in found.notes][1:] == [
        "register 2002–2003", "register 2005–2005"
    ]  # fmt: skip
    logs = [np.log(part.draws.values).mean(axis=0) for part in (found.flow, survey.flow)]
    assert np.corrcoef(logs)[0, 1] > 0.4  # as far as the survey counts


@pytest.mark.parametrize(
    "sources",
    [
        lambda: [source("a", SURVEY, 0.1), source("a", SURVEY, 0.1)],
        lambda: [source("a", SURVEY, 0.1), source("b", SURVEY, 0.1, unit="thousand")],
        lambda: [source("a", SURVEY, 0.1), source("b", SURVEY, 0.1, draws=300)],
        lambda: [source("a", SURVEY, 0.1), source("b", SURVEY, 0.1, first=2010)],
        lambda: [source("a", [480.0, -1.0, 500.0], 0.1)],
        lambda: [source("a", [480.0, 500.0, 500.0], 0.1, regime=[0, 1, 0])],
        lambda: [source("a", SURVEY, 0.1, good=1.5)],
        lambda: [],
    ],
)
def test_what_cannot_be_combined_is_refused(sources):
    with pytest.raises(MigrationError):
        combined(*sources())


# four draws of variance 1 that are not correlated
APART = np.sqrt(0.75) * np.array([[-1, 1, -1, 1], [-1, -1, 1, 1], [1, -1, -1, 1]])


def smooth(point, errors):
    point = np.array(point, dtype=float)
    years = {"year": list(range(2001, 2001 + len(point)))}
    series = estimate(point, point[:, None] + errors, years, "persons")
    return trend.smoothed(series, generator=np.random.default_rng(1))


def test_a_trend_of_three_years(monkeypatch):
    # errors and changes of 1: 2a - b = 0, -a + 3b - c = 8, 2c - b = 0, so b = 4 and a = c = 2
    monkeypatch.setattr(trend, "_CHANGES", [1.0])
    assert smooth([0, 8, 0], APART).point.values == pytest.approx([2, 4, 2], abs=1e-3)


def test_a_constant_series_is_its_trend_and_so_is_one_without_error():
    found = smooth([-50, -50, -50], APART)
    assert found.point.values == pytest.approx([-50, -50, -50])
    assert smooth([3, 9, -4], 0 * APART).point.values.tolist() == [3, 9, -4]


def test_cells_are_smoothed_each_by_itself():
    point = np.array([[0.0, 8.0, 0.0], [5.0, 5.0, 5.0]])
    labels = {"area": ["A", "B"], "year": [2001, 2002, 2003]}
    series = estimate(point, point[..., None] + APART, labels, "persons")
    found = trend.smoothed(series, generator=np.random.default_rng(1))
    assert found.point.values[0] == pytest.approx(smooth([0, 8, 0], APART).point.values)
    assert found.point.values[1] == pytest.approx([5, 5, 5])
    with pytest.raises(MigrationError):
        trend.smoothed(series.select(year=[2001, 2003]), generator=np.random.default_rng(1))
