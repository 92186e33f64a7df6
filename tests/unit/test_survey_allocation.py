"""Allocation of a sample: closed forms inside the limits, and no better one anywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravenstein.core.errors import SurveyError
from ravenstein.survey import estimates
from ravenstein.survey.allocation import Frame, allocate, components, expected_errors, whole
from ravenstein.survey.design import Selection, design


def frame(g, strata=5, quantities=2):
    return Frame(
        population=g.integers(10, 400, strata),
        between=g.gamma(1, 50, (strata, quantities)) * (g.random((strata, 1)) > 0.2),
        psu_cost=g.uniform(1, 20, strata),
        size=g.uniform(5, 80, strata),
        within=g.gamma(1, 0.5, (strata, quantities)) * (g.random((strata, 1)) > 0.2),
        unit_cost=g.uniform(0.01, 0.5, strata),
        interval=(1, 40),
    )


def cost(f, n, k):
    return float(n @ (f.psu_cost + f.unit_cost * f.size / k))


def test_neyman_by_hand():
    # n in proportion to N S: 100 × 1, 300 × 2, 600 × 0.5 → 1 : 6 : 3 of 50
    found = allocate(Frame([100, 300, 600], [1.0, 4.0, 0.25]), 50)
    assert found.psus == pytest.approx([5, 30, 15])
    variance = 100**2 / 5 - 100 + (300**2 / 30 - 300) * 4 + (600**2 / 15 - 600) / 4
    assert found.standard_errors**2 == pytest.approx([variance])


def test_the_interval_by_hand():
    # B = 120, W = 1, M = 20, c = 10, e = 1: k = √((120 − 20) · 1 / (1 · 10)) = √10
    found = allocate(Frame([1000], [120.0], 10.0, 20.0, 1.0, 1.0, interval=(1, 20)), 300)
    assert found.interval == pytest.approx([np.sqrt(10)])
    assert found.psus == pytest.approx([300 / (10 + 20 / np.sqrt(10))])


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_no_other_allocation_of_the_budget_is_better(seed):
    """Random designs at the same cost, at the limits too, and small moves away from the best."""
    g = np.random.default_rng(seed)
    f = frame(g)
    least = cost(f, np.full(5, 2.0), np.full(5, 40.0))
    budget = least * g.uniform(1.01, 20)
    best = allocate(f, budget)
    assert best.cost <= budget * (1 + 1e-9)
    assert (best.psus >= 2 - 1e-12).all()
    assert (best.psus <= np.asarray(f.population)).all()
    value = (best.standard_errors**2).sum()
    for _ in range(200):
        if g.random() < 0.5:
            n, k = g.uniform(2, f.population), g.uniform(1, 40, 5)
        else:
            n = np.clip(best.psus * g.normal(1, 0.05, 5), 2, f.population)
            k = np.clip(best.interval * g.normal(1, 0.05, 5), 1, 40)
        for _ in range(30):  # bring it within the budget
            if cost(f, n, k) <= budget:
                break
            n = np.maximum(n * 0.9, 2)
            k = np.minimum(k * 1.05, 40)
        if cost(f, n, k) <= budget:
            assert (expected_errors(f, n, k) ** 2).sum() >= value * (1 - 1e-9)


@given(st.integers(0, 2**32 - 1))
def test_whole_numbers_stay_within_the_budget(seed):
    g = np.random.default_rng(seed)
    f = frame(g)
    budget = cost(f, np.full(5, 2.0), np.ones(5)) * g.uniform(1.5, 10)
    found = whole(f, budget)
    assert np.array_equal(found.psus, np.round(found.psus))
    assert np.array_equal(found.interval, np.round(found.interval))
    assert found.cost <= budget * (1 + 1e-9)
    assert (found.standard_errors**2).sum() >= (allocate(f, budget).standard_errors ** 2).sum() * (
        1 - 1e-9
    )


def test_strata_without_variance_get_the_least_and_a_census_needs_no_more():
    found = allocate(Frame([50, 50], [0.0, 4.0]), 30)
    assert found.psus == pytest.approx([2, 28])
    rich = allocate(Frame([50, 50], [1.0, 4.0]), 1000)
    assert rich.psus.tolist() == [50, 50]
    assert rich.standard_errors.tolist() == [0]


def test_importance_moves_the_sample():
    f = Frame([100, 100], [[4.0, 1.0], [1.0, 4.0]])
    even, first = allocate(f, 40), allocate(f, 40, importance=[1, 0])
    assert even.psus == pytest.approx([20, 20])
    assert first.psus == pytest.approx([80 / 3, 40 / 3])


def test_what_is_expected_is_what_sampling_gives():
    """A population of shifts drawn in two stages: SE over samples against the expected one, whose
    components come from one large sample."""
    g = np.random.default_rng(5)
    shifts, size = 60, 40
    y = g.normal(5, 2, (shifts, 1)) + g.normal(0, 3, (shifts, size))
    between, within = y.sum(axis=1).var(ddof=1), y.var(axis=1, ddof=1).mean()
    expected = expected_errors(Frame([shifts], [between], size=size, within=within), 12, 4)[0]

    def drawn(psus, units):
        chosen = g.permutation(shifts)[:psus]
        inside = np.stack([g.permutation(size)[:units] for _ in chosen])
        return np.repeat(chosen, units), y[chosen[:, None], inside].ravel()

    totals = [60 / 12 * 4 * drawn(12, 10)[1].sum() for _ in range(4000)]
    assert np.std(totals) == pytest.approx(expected, rel=0.04)
    estimated = []
    for _ in range(300):
        psu, values = drawn(30, 10)
        stages = (Selection(psu, fpc=np.full(300, shifts)), Selection(fpc=np.full(300, size)))
        estimated.append(components(design(*stages), values))
    mean = np.mean(estimated, axis=0).ravel()
    assert mean[0] == pytest.approx(between, rel=0.05)
    assert mean[1] == pytest.approx(within, rel=0.03)
    assert mean[2] == pytest.approx(size)
    assert estimates.total(design(*stages), values).point.size == 1


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: allocate(Frame([100], [1.0]), 1), "does not pay the smallest sample"),
        (lambda: allocate(Frame([100], [-1.0]), 50), "frame cannot be used"),
        (lambda: allocate(Frame([100], [np.nan]), 50), "frame cannot be used"),
        (lambda: allocate(Frame([100], [1.0], interval=(0.5, 2)), 50), "frame cannot be used"),
        (lambda: expected_errors(Frame([100], [1.0]), 101), "sample design cannot be used"),
        (lambda: allocate(Frame([100, 50], [[1.0, 2], [1, 2], [3, 4]]), 50), "do not fit"),
        (lambda: allocate(Frame([100], [1.0]), 50, importance=[1, 2]), "do not fit"),
        (lambda: allocate(Frame([np.inf], [1.0]), 50), "frame cannot be used"),
        (lambda: whole(Frame([100], [1.0], interval=(1.2, 1.8)), 50), "no whole interval"),
        (lambda: components(design(Selection([1, 1, 2, 2], fpc=[9] * 4)), np.arange(4.0)),
         "cannot be told apart"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make, problem):
    with pytest.raises(SurveyError) as caught:
        make()
    assert problem in caught.value.problem
