import numpy as np
import pytest
import xarray as xr

from ravenstein.core.errors import EstimateError
from ravenstein.core.estimate import Estimate, estimate, known

AREAS = ["E1", "E2", "W1"]


def small(unit="persons", draws=4, labels=AREAS):
    base = np.arange(len(labels), dtype=float) + 10
    worlds = base[:, None] + np.arange(draws) - 1
    return estimate(base, worlds, {"area": labels}, unit)


@pytest.fixture(scope="module")
def correlated():
    """Two correlated quantities over two areas: 400,000 draws, coefficients of variation 2 %."""
    generator = np.random.default_rng(20081122)
    mean = np.array([1000.0, 2000.0, 500.0, 900.0])
    spread = 0.02 * mean
    correlation = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    covariance = correlation * np.outer(spread, spread)
    worlds = generator.multivariate_normal(mean, covariance, size=400_000).T
    labels = {"area": ["A", "B"]}
    a = estimate(mean[:2], worlds[:2], labels, "persons")
    b = estimate(mean[2:], worlds[2:], labels, "persons")
    return a, b, mean, covariance


def test_variance_of_a_sum_agrees_with_linearisation_for_correlated_cells(correlated):
    a, b, _, covariance = correlated
    for cell in range(2):
        exact = covariance[cell, cell] + covariance[cell + 2, cell + 2]
        exact += 2 * covariance[cell, cell + 2]
        # Monte Carlo error of a variance from K normal draws: sqrt(2/K) = 0.22 %; band 4 of these
        found = float((a + b).standard_error()[cell]) ** 2
        assert found == pytest.approx(exact, rel=4 * np.sqrt(2 / 400_000))
    uncorrelated = covariance[0, 0] + covariance[2, 2]
    assert abs(float((a + b).standard_error()[0]) ** 2 / uncorrelated - 1) > 0.3


def test_variance_of_a_difference_and_of_a_total_agree_with_linearisation(correlated):
    a, b, _, c = correlated
    difference = c[0, 0] + c[2, 2] - 2 * c[0, 2]
    assert float((a - b).standard_error()[0]) ** 2 == pytest.approx(difference, rel=0.01)
    total = c[0, 0] + c[1, 1] + 2 * c[0, 1]
    assert float(a.sum("area").standard_error()) ** 2 == pytest.approx(total, rel=0.01)


def test_variance_of_a_ratio_agrees_with_linearisation_for_correlated_cells(correlated):
    a, b, mean, c = correlated
    for cell in range(2):
        ratio = mean[cell] / mean[cell + 2]
        linear = c[cell, cell] - 2 * ratio * c[cell, cell + 2] + ratio**2 * c[cell + 2, cell + 2]
        linear /= mean[cell + 2] ** 2
        # the linearisation leaves out terms of relative order cv² = 0.0004; the rest is Monte Carlo
        found = float(a.ratio(b).standard_error()[cell]) ** 2
        assert found == pytest.approx(linear, rel=0.01)
        assert float(a.ratio(b).point[cell]) == ratio, "the ratio of points, not a mean of ratios"


def test_arithmetic_by_hand():
    a = estimate([3.0, 5.0], [[2.0, 4.0], [5.0, 5.0]], {"area": ["A", "B"]}, "persons")
    b = estimate([1.0, 2.0], [[1.0, 1.0], [0.0, 4.0]], {"area": ["A", "B"]}, "persons")
    assert (a - b).draws.values.tolist() == [[1.0, 3.0], [5.0, 1.0]]
    assert (a - b).point.values.tolist() == [2.0, 3.0]
    assert a.share("area").point.values.tolist() == [3 / 8, 5 / 8]
    assert a.share("area").draws.values.tolist() == [[2 / 7, 4 / 9], [5 / 7, 5 / 9]]
    assert a.scaled(10).point.values.tolist() == [30.0, 50.0]
    # draws 2 and 4: mean 3, squared deviations 1 + 1, over 2 - 1
    assert float(a.standard_error()[0]) == pytest.approx(2**0.5)
    assert float(a.coefficient_of_variation()[0]) == pytest.approx(2**0.5 / 3)


def test_labels_in_another_order_are_matched_by_name():
    a = estimate([1.0, 2.0], [[1.0], [2.0]], {"area": ["A", "B"]}, "persons")
    b = estimate([20.0, 10.0], [[20.0], [10.0]], {"area": ["B", "A"]}, "persons")
    assert (a + b).point.values.tolist() == [11.0, 22.0]
    assert (a + b).draws.values.ravel().tolist() == [11.0, 22.0]


def test_dimensions_in_another_order_are_matched_by_name():
    values = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    a = estimate(values, values[..., None], {"sex": ["F", "M"], "area": AREAS}, "persons")
    b = estimate(values.T, values.T[..., None], {"area": AREAS, "sex": ["F", "M"]}, "persons")
    assert np.array_equal((a + b).point.values, 2 * values)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (small(draws=5), "different draws"),
        (small(labels=["E1", "E2", "W2"]), "different cells"),
        (small(labels=["E1", "E2"]), "different cells"),
        (small(unit="households"), "different units"),
        (small().sum("area"), "different dimensions"),
    ],
)
def test_what_does_not_fit_together_raises(other, message):
    with pytest.raises(EstimateError, match=message):
        small() + other


def test_draws_with_other_labels_raise():
    a = small()
    relabelled = Estimate(a.point, a.draws.assign_coords(draw=[4, 5, 6, 7]), "persons")
    with pytest.raises(EstimateError, match="different draws"):
        a + relabelled


def test_a_hierarchy_must_be_filled_exactly():
    parents = {"E1": "E", "E2": "E", "W1": "W"}
    nations = small().aggregate("area", parents)
    assert nations.labels("area") == ["E", "W"]
    assert nations.point.values.tolist() == [21.0, 12.0]
    assert nations.draws.values[0].tolist() == [19.0, 21.0, 23.0, 25.0]
    with pytest.raises(EstimateError) as caught:
        small().aggregate("area", {**parents, "W2": "W"})
    assert "absent children: W2" in caught.value.found
    with pytest.raises(EstimateError) as caught:
        small().aggregate("area", {"E1": "E", "E2": "E"})
    assert "without parent: W1" in caught.value.found


def test_missing_values_are_refused_not_skipped():
    with pytest.raises(EstimateError, match="missing or infinite"):
        estimate([1.0, np.nan], [[1.0], [2.0]], {"area": ["A", "B"]}, "persons")
    with pytest.raises(EstimateError, match="missing or infinite"):
        estimate([1.0, 2.0], [[1.0], [np.inf]], {"area": ["A", "B"]}, "persons")


def test_repeated_labels_and_wrong_shapes_are_refused():
    with pytest.raises(EstimateError, match="does not name its cells"):
        estimate([1.0, 2.0], [[1.0], [2.0]], {"area": ["A", "A"]}, "persons")
    with pytest.raises(EstimateError, match="shape"):
        estimate([1.0, 2.0], [[1.0, 2.0]], {"area": ["A", "B"]}, "persons")


def test_a_zero_denominator_raises_and_a_zero_point_has_no_relative_error():
    a = small()
    zero = estimate([1.0, 1, 1], [[1.0, 1, 0, 1]] * 3, {"area": AREAS}, "persons")
    with pytest.raises(EstimateError, match="denominator of zero"):
        a.ratio(zero)
    assert np.isnan((a - a).coefficient_of_variation().values).all()


def test_intervals():
    worlds = np.arange(101.0)[None, :]
    a = estimate([50.0], worlds, {"area": ["A"]}, "persons")
    assert a.confidence_interval(0.9).values[0] == pytest.approx([5.0, 95.0], rel=1e-12)
    normal = a.confidence_interval(0.95, kind="normal").values[0]
    # SE of 0..100 with K - 1: sqrt(101 * 102 / 12)
    assert normal == pytest.approx(50 + np.array([-1, 1]) * 1.959964 * (101 * 102 / 12) ** 0.5)
    assert a.confidence_interval().coords["bound"].values.tolist() == ["lower", "upper"]
    with pytest.raises(EstimateError, match="between 0 and 1"):
        a.confidence_interval(95)
    with pytest.raises(EstimateError, match="not known"):
        a.confidence_interval(kind="norml")
    with pytest.raises(EstimateError, match="needs draws"):
        known(a.point, draws=1, unit="persons").standard_error()


def test_a_known_value_is_the_same_in_every_world():
    point = xr.DataArray([5.0, 6.0, 7.0], coords={"area": AREAS}, dims="area")
    total = small() + known(point, draws=4, unit="persons")
    assert (total.draws - small().draws).values[:, 0].tolist() == [5.0, 6.0, 7.0]


def test_selecting_cells():
    chosen = small().select(area=["W1", "E1"])
    assert chosen.point.values.tolist() == [12.0, 10.0]
    with pytest.raises(EstimateError, match="no cells"):
        small().select(area=["X"])
    with pytest.raises(EstimateError, match="by lists"):
        small().select(area="E1")


def test_an_estimate_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="read-only"):
        small().point[0] = 99
