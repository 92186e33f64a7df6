"""Survey methods by hand-worked numbers, by slow independent versions, and on bad input."""

import warnings

import numpy as np
import pytest
from scipy import sparse

from ravenstein.core.errors import SurveyError
from ravenstein.survey import analysis, estimates, intervals, replicates
from ravenstein.survey.calibration import (
    Auxiliaries,
    Totals,
    calibrate,
    partitioned,
)
from ravenstein.survey.conflicts import tightest_bounds
from ravenstein.survey.design import ExtremeWeightWarning, Selection, Unequal, design
from ravenstein.survey.limits import trim, winsorised
from ravenstein.survey.poststrata import post_stratify, rake
from ravenstein.survey.stages import codes
from ravenstein.survey.twophase import two_phase

STRATA = np.array([1, 1, 1, 2, 2, 2])
Y = np.array([1.0, 2.0, 3.0, 10.0, 12.0, 14.0])


def two_strata(**options):
    return design(Selection(strata=STRATA), weights=np.array([2.0] * 3 + [5.0] * 3), **options)


def sample(seed=1, n=600):
    g = np.random.default_rng(seed)
    psu = np.sort(g.integers(0, 30, n))
    built = design(Selection(psu, psu // 6), weights=g.uniform(1, 3, n))
    x = np.column_stack([np.ones(n), g.normal(5, 1, n), g.integers(0, 2, n)])
    return built, x, x @ [1, 2, 3] + g.normal(size=n), g


def test_a_stratified_total_by_hand():
    found = estimates.total(two_strata(), Y)
    assert found.point.tolist() == [2 * 6 + 5 * 36]
    # 3/2 [ (2,4,6) about 4: 8 ] + 3/2 [ (50,60,70) about 60: 200 ]
    assert found.covariance.tolist() == [[1.5 * 8 + 1.5 * 200]]
    assert found.degrees_of_freedom == 4


def test_a_finite_population_takes_its_share_off():
    half = design(Selection(strata=STRATA, fpc=np.full(6, 6)), weights=np.full(6, 2.0))
    whole = design(Selection(strata=STRATA), weights=np.full(6, 2.0))
    ratio = estimates.total(half, Y).covariance / estimates.total(whole, Y).covariance
    assert ratio[0, 0] == pytest.approx(0.5)
    assert estimates.total(design(Selection(strata=STRATA, fpc=np.full(6, 3))), Y).covariance == 0


def test_three_stages_against_a_recursion():
    g = np.random.default_rng(3)
    a = np.repeat(np.arange(4), 30)
    b = np.tile(np.repeat(np.arange(5), 6), 4)
    c = np.tile(np.repeat(np.arange(3), 2), 20)
    sizes = (np.full(120, 9), np.full(120, 7), np.full(120, 4))
    built = design(*(Selection(x, fpc=size) for x, size in zip((a, b, c), sizes, strict=True)))
    z = g.normal(size=120)

    def recursion(rows, level):
        if level == 3:
            return 0.0
        name, n_population = (a, b, c)[level], sizes[level][0]
        kinds = np.unique(name[rows])
        totals = [z[rows][name[rows] == k].sum() for k in kinds]
        n = len(kinds)
        own = (1 - n / n_population) * n / (n - 1) * ((totals - np.mean(totals)) ** 2).sum()
        below = sum(recursion(rows[name[rows] == k], level + 1) for k in kinds)
        return own + n / n_population * below

    found = estimates.linearised(built, ("z",), np.zeros(1), z[:, None]).covariance[0, 0]
    assert found == pytest.approx(recursion(np.arange(120), 0), rel=1e-12)


def test_joint_probabilities_of_simple_random_sampling_give_its_variance():
    n, population = 6, 20
    joint = np.full((n, n), n * (n - 1) / (population * (population - 1)))
    np.fill_diagonal(joint, n / population)
    built = design(Selection(fpc=np.full(n, n / population)), unequal=Unequal("joint", joint=joint))
    plain = design(Selection(fpc=np.full(n, population)))
    ours, theirs = (estimates.total(d, Y).covariance[0, 0] for d in (built, plain))
    assert ours == pytest.approx(theirs, rel=1e-10)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("remove", 12), ("certainty", 12), ("average", 24), ("adjust", 12 + (60 - 18) ** 2),],
)  # fmt: skip
def test_lonely_psus_follow_their_rule(rule, expected):
    built = design(Selection(strata=[1, 1, 1, 2]), weights=[2.0, 2, 2, 5], lonely=rule)
    found = estimates.total(built, np.array([1.0, 2, 3, 12])).covariance[0, 0]
    assert found == pytest.approx(expected)
    assert built.lonely_strata == 1


def test_a_lonely_stratum_is_collapsed_with_its_neighbour():
    # strata 1 and 2 are one: totals 4, 6, 10 about 20/3; stratum 4 was taken in full
    strata, fpc = [1, 2, 2, 3, 3, 4], [4, 4, 4, 8, 8, 1]
    built = design(Selection(strata=strata, fpc=fpc), weights=[2.0] * 6, lonely="collapse")
    y = np.array([2.0, 3, 5, 1, 2, 9])
    t, f = np.array([4.0, 6, 10]), 3 / 8
    first = (1 - f) * 3 / 2 * ((t - t.mean()) ** 2).sum()
    second = (1 - 2 / 8) * 2 * ((np.array([2.0, 4]) - 3) ** 2).sum()
    found = estimates.total(built, y)
    assert found.covariance[0, 0] == pytest.approx(first + second)
    assert (built.lonely_strata, found.degrees_of_freedom) == (1, 3)
    last = design(Selection(strata=[1, 1, 2, 2, 3]), weights=np.ones(5), lonely="collapse")
    assert last.stages[0].sampled.tolist() == [2, 3], "the last joins the one before"
    with pytest.raises(SurveyError, match="no other to be joined"):
        design(Selection(strata=[1, 2, 2], fpc=[5, 2, 2]), lonely="collapse")


def test_lonely_strata_of_later_stages_look_within_their_parent():
    """Second-stage strata: in PSU 0 one alone and one of two units; in PSU 1 two units."""
    psu, part = [0, 0, 0, 1, 1], [1, 2, 2, 1, 1]
    z = np.array([1.0, 2, 4, 10, 20])
    stages = (Selection(psu, fpc=[4] * 5), Selection(strata=part, fpc=[6, 8, 8, 5, 5]))
    first = (1 - 2 / 4) * 2 * ((np.array([7.0, 30]) - 18.5) ** 2).sum()
    two = (1 - 2 / 8) * 2 * 2.0
    other = (1 - 2 / 5) * 2 * 50
    expected = {
        "remove": first + 0.5 * (two + other),
        "average": first + 0.5 * (2 * two + other),
        "adjust": first + 0.5 * (two + (1 - 1 / 6) * (1 - 7 / 3) ** 2 + other),
        "collapse": first
        + 0.5 * ((1 - 3 / 14) * 1.5 * ((np.array([1.0, 2, 4]) - 7 / 3) ** 2).sum() + other),
    }
    for rule, value in expected.items():
        built = design(*stages, lonely=rule)
        found = estimates.linearised(built, ("z",), np.zeros(1), z[:, None])
        assert found.covariance[0, 0] == pytest.approx(value), rule


def test_joint_probabilities_work_with_strata_and_later_stages():
    g = np.random.default_rng(6)
    psu, y = np.repeat(np.arange(6), 3), g.normal(5, 1, 18)
    strata, second = np.repeat([0, 1], 9), Selection(fpc=np.full(18, 8))
    inside = np.full((3, 3), 3 * 2 / (10 * 9))
    np.fill_diagonal(inside, 3 / 10)
    joint = np.full((6, 6), 0.3 * 0.3)
    joint[:3, :3] = joint[3:, 3:] = inside
    chances = Selection(psu, strata, np.full(18, 0.3))
    ours = design(chances, second, unequal=Unequal("joint", joint=joint))
    plain = design(Selection(psu, strata, np.full(18, 10)), second)
    one, two = (estimates.total(d, y).covariance[0, 0] for d in (ours, plain))
    assert one == pytest.approx(two, rel=1e-10)
    rows = [np.flatnonzero(strata == h) for h in (0, 1)]
    every = estimates.total(
        design(chances, unequal=Unequal("hartley_rao", constant=[0.02, 0.03])), y
    )
    parts = [
        estimates.total(
            design(
                Selection(psu[r], fpc=np.full(9, 0.3)), unequal=Unequal("hartley_rao", constant=c)
            ),
            y[r],
        )
        for r, c in zip(rows, (0.02, 0.03), strict=True)
    ]
    assert every.covariance == pytest.approx(sum(part.covariance for part in parts))


def test_a_domain_is_the_whole_sample_with_zeros():
    built, _, y, g = sample()
    domain = g.integers(0, 5, y.size)
    kinds, point, error = estimates.domain_totals(built, y, domain)
    for d in kinds:
        one = estimates.total(built, y, where=domain == d)
        assert point[d] == pytest.approx(one.point[0])
        assert error[d] == pytest.approx(one.standard_error()[0])
    fitted = post_stratify(built, domain % 2, {0: 700.0, 1: 500.0})
    _, _, after = estimates.domain_totals(fitted, y, domain)
    assert after[3] == pytest.approx(
        estimates.total(fitted, y, where=domain == 3).standard_error()[0]
    )


def test_calibration_meets_totals_and_its_auxiliaries_have_no_error():
    built, x, y, _ = sample()
    totals = (x * built.weights[:, None]).sum(axis=0) * [1.02, 1.01, 0.97]
    for options in (
        {}, {"distance": "raking"}, {"distance": "logit", "bounds": (0.5, 2)},
        {"bounds": (0.8, 1.3)},
    ):  # fmt: skip
        fitted = calibrate(built, sparse.csr_array(x), totals, **options)
        assert fitted.weights @ x == pytest.approx(totals, rel=1e-9)
        assert estimates.total(fitted, x).standard_error() == pytest.approx(0, abs=1e-6)
        residual = estimates.total(fitted, y).standard_error()
        assert residual < 0.5 * estimates.total(built, y).standard_error()
        if "bounds" in options:
            ratio = fitted.weights / built.weights
            low, high = options["bounds"]
            assert low - 1e-12 <= ratio.min() <= ratio.max() <= high + 1e-12


def test_estimated_totals_bring_their_error():
    built, x, y, _ = sample()
    totals = (x * built.weights[:, None]).sum(axis=0)
    exact = estimates.total(calibrate(built, x, totals), y).covariance[0, 0]
    error = np.diag([100.0, 2500.0, 400.0])
    rough = estimates.total(calibrate(built, x, Totals(totals, error)), y)
    w = built.weights
    slope = np.linalg.solve(x.T @ (x * w[:, None]), x.T @ (w * y))
    assert rough.covariance[0, 0] == pytest.approx(exact + slope @ error @ slope)


def test_households_keep_one_weight_and_parts_their_own_totals():
    built, x, _, g = sample()
    built = built.with_weights(np.ones(600))
    household = np.arange(600) // 3
    totals = x.sum(axis=0) * [1.0, 1.02, 0.98]
    fitted = calibrate(built, Auxiliaries(x, units=household), totals)
    assert fitted.weights @ x == pytest.approx(totals)
    assert np.ptp(fitted.weights.reshape(-1, 3), axis=1).max() < 1e-12
    part = g.integers(0, 3, 600)
    wide, kinds = partitioned(x, part)
    own = np.concatenate([x[part == k].sum(axis=0) * 1.01 for k in kinds])
    fitted = calibrate(built, wide, own)
    assert fitted.weights[part == 2] @ x[part == 2] == pytest.approx(own[6:])


def test_the_ratio_estimator_is_a_calibration():
    built, _, y, g = sample()
    x = g.gamma(2, 10, y.size)
    fitted = calibrate(built, Auxiliaries(x[:, None], variance=x), [13_000.0])
    factor = fitted.weights / built.weights
    assert factor == pytest.approx(13_000 / (built.weights @ x)), "one factor for every row"
    ratio = estimates.ratio(built, y, x)
    total = estimates.total(fitted, y)
    assert total.point[0] == pytest.approx(13_000 * ratio.point[0])
    assert total.standard_error()[0] == pytest.approx(13_000 * ratio.standard_error()[0])


def test_raking_meets_all_margins_and_trimming_keeps_the_sum():
    built, _, _, g = sample()
    a, b = g.integers(0, 4, 600), g.integers(0, 3, 600)
    w = built.weights * g.uniform(0.9, 1.1, 600)
    margins = [(m, dict(enumerate(np.bincount(m, weights=w)))) for m in (a, b)]
    fitted = rake(built, margins)
    for m, totals in margins:
        assert np.bincount(m, weights=fitted.weights) == pytest.approx(list(totals.values()))
    cut = trim(fitted, 1.1, 2.9, strict=True)
    assert cut.weights.sum() == pytest.approx(fitted.weights.sum())
    assert 1.1 - 1e-12 <= cut.weights.min() <= cut.weights.max() <= 2.9 + 1e-12


def test_raking_and_raking_calibration_have_one_standard_error():
    """Weights that differ within cells, and margins that nearly repeat each other."""
    built, _, y, g = sample()
    a = g.integers(0, 6, 600)
    b = np.where(g.random(600) < 0.95, a, g.integers(0, 6, 600))
    moved = built.weights * g.uniform(0.8, 1.25, 600)
    margins = [(m, dict(enumerate(np.bincount(m, weights=moved)))) for m in (a, b)]
    raked = rake(built, margins)
    x = np.column_stack([a == i for i in range(6)] + [b == i for i in range(1, 6)]).astype(float)
    fitted = calibrate(built, x, x.T @ moved, distance="raking")
    assert raked.weights == pytest.approx(fitted.weights, rel=1e-6)
    ours, theirs = (estimates.total(d, y).standard_error()[0] for d in (raked, fitted))
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert estimates.total(raked, x).standard_error() == pytest.approx(0, abs=1e-6)
    as_r_does = estimates.total(rake(built, margins, residuals="unweighted"), y)
    assert as_r_does.standard_error()[0] != pytest.approx(ours, rel=1e-3)


def test_totals_that_can_be_met_are_met():
    """300 samples whose totals come from ratios at the bounds or far from 1."""
    g = np.random.default_rng(12)
    for trial in range(100):
        n = int(g.integers(40, 200))
        x = np.column_stack([np.ones(n), g.normal(5, 2, n), g.integers(0, 2, n)])
        built = design(weights=g.uniform(1, 3, n))
        for distance, low, high in (("linear", 0.5, 1.8), ("logit", 0.5, 1.8),
                                    ("raking", 0, np.inf)):  # fmt: skip
            ratio = g.choice([0.52, 1.78], n) if trial % 2 else g.lognormal(0, 1.5, n)
            ratio = ratio if high == np.inf else np.clip(ratio, 0.51, 1.79)
            totals = (built.weights * ratio) @ x
            bounds = (low, high) if high < np.inf else (-np.inf, np.inf)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExtremeWeightWarning)
                fitted = calibrate(built, x, totals, distance=distance, bounds=bounds)
            assert fitted.weights @ x == pytest.approx(totals, rel=1e-7)


def test_households_of_unequal_weights_meet_the_totals():
    built, x, _, _ = sample()
    household = np.arange(600) // 3
    totals = (built.weights @ x) * [1.0, 1.02, 0.98]
    fitted = calibrate(built, Auxiliaries(x, units=household), totals)
    assert fitted.weights @ x == pytest.approx(totals)
    ratio = (fitted.weights / built.weights).reshape(-1, 3)
    assert np.ptp(ratio, axis=1).max() < 1e-12


def test_two_phases_are_a_design_like_others():
    g = np.random.default_rng(8)
    n, second = 60, np.repeat([0, 1], 30)
    subset = np.tile([True, False, True], 20)
    y = g.normal(10, 2, n)[subset]
    built = two_phase(
        subset, second_strata=second, first_weights=np.full(n, 5.0), first_fraction=np.full(n, 0.2)
    )
    found = estimates.mean(built, y)
    assert found.standard_error()[0] > 0
    whole = estimates.ratio(built, y, np.ones(y.size))
    assert found.covariance == pytest.approx(whole.covariance)
    kinds, _, error = estimates.domain_totals(built, y, second[subset])
    one = estimates.total(built, y, where=second[subset] == 1)
    assert error[kinds == 1] == pytest.approx(one.standard_error())
    fitted = calibrate(built, np.column_stack([np.ones(y.size), y]), [300.0, 3100.0])
    assert estimates.total(fitted, y).standard_error()[0] == pytest.approx(0, abs=1e-6)


def test_domains_by_rows_as_psus_agree_with_single_domains():
    g = np.random.default_rng(10)
    strata, y, domain = g.integers(0, 5, 400), g.normal(5, 2, 400), g.integers(0, 37, 400)
    built = design(Selection(strata=strata, fpc=np.full(400, 200)), lonely="adjust")
    kinds, _, error = estimates.domain_totals(built, y, domain)
    slow = [estimates.total(built, y, where=domain == d).standard_error()[0] for d in kinds]
    assert error == pytest.approx(slow)


def test_weights_are_trimmed_to_limits_while_all_totals_are_kept():
    built, x, _, _ = sample()
    totals = (x * built.weights[:, None]).sum(axis=0)
    d = built.weights
    fitted = calibrate(built, x, totals, bounds=(1.2 / d, 2.8 / d))
    assert 1.2 - 1e-9 <= fitted.weights.min() <= fitted.weights.max() <= 2.8 + 1e-9
    assert fitted.weights @ x == pytest.approx(totals)


def test_a_bound_of_zero_takes_rows_out_of_the_sample():
    built, x, y, _ = sample()
    low = x[:, 1] < 4.2
    totals = np.array([built.weights.sum(), built.weights @ x[:, 1] * 1.12])
    fitted = calibrate(built, x[:, :2], totals, bounds=(0.0, 6.0))
    out = fitted.weights == 0
    assert 0 < out.sum() < low.size
    assert fitted.weights @ x[:, :2] == pytest.approx(totals)
    assert estimates.total(fitted, x[:, :2]).standard_error() == pytest.approx(0, abs=1e-6)
    found = estimates.mean(fitted, y)
    assert 0 < found.standard_error()[0] < 1
    assert post_stratify(fitted, low, {True: 200.0, False: 900.0}).weights[out].sum() == 0


def test_winsorised_values_by_hand():
    # mean 4; w = 5, L = 8: cut-off 4 + 8/4 = 6; 10 becomes 10/5 + 6·(4/5) = 6.8
    built = design(weights=np.full(4, 5.0))
    assert winsorised(built, [1.0, 2, 3, 10], 8.0).tolist() == [1, 2, 3, pytest.approx(6.8)]
    assert winsorised(design(weights=np.ones(2)), [1.0, 99], 1.0).tolist() == [1, 99]


def test_estimates_made_apart_are_put_together():
    built, _, y, g = sample()
    inside = g.integers(0, 2, y.size) == 1
    parts = [estimates.mean(built, y, where=w) for w in (inside, ~inside)]
    gap = estimates.function(estimates.together(built, *parts), lambda t: t[0] - t[1])
    w, n = built.weights, built.weights @ np.column_stack([inside, ~inside])
    by_hand = w * (inside * (y - parts[0].point) / n[0] - ~inside * (y - parts[1].point) / n[1])
    slow = estimates.linearised(built, ("gap",), gap.point, by_hand[:, None])
    assert gap.standard_error() == pytest.approx(slow.standard_error())


def test_quantiles_of_a_domain_are_those_of_its_rows():
    y = np.array([1.0, 2, 3, 4, 50, 60, 70, 80])
    built = design(weights=np.ones(8))
    inside = y < 10
    point, error, limits = intervals.quantile(built, y, [0.5], where=inside)
    assert point.tolist() == [2]
    assert error[0] > 0
    assert limits.max() <= 4
    one = y == 3
    assert intervals.quantile(built, y, [0.5], rule="hf7", where=one | (y == 1))[0].tolist() == [2]


def test_the_tightest_bounds_work_and_nothing_tighter_does():
    built, x, _, _ = sample()
    totals = (x * built.weights[:, None]).sum(axis=0) * [1.0, 1.01, 0.9]
    low, high = tightest_bounds(built.weights, x, totals)
    calibrate(built, x, totals, bounds=(low - 0.01, high + 0.01))
    with pytest.raises(SurveyError):
        calibrate(built, x, totals, bounds=(low + 0.01, high - 0.01))


@pytest.mark.parametrize(
    ("make", "problem", "found"),
    [
        (lambda: design(weights=[1.0, 0.0]), "Weights cannot be used", "1 zero"),
        (lambda: design(weights=[1.0, -1.0]), "Weights cannot be used", "1 zero, negative"),
        (lambda: design(weights=[1.0, np.nan]), "Weights cannot be used", "1 zero, negative or"),
        (design, "cannot be used", "none"),
        (lambda: design(Selection(strata=[1, 2]), weights=[1.0]), "cannot be used", "weights: 1"),
        (lambda: design(Selection([1, 1], [1, 2]), weights=[1.0, 1]), "two strata", "1 rows"),
        (lambda: design(Selection(fpc=[1.5, 1.5])), "do not fit", "1 strata smaller"),
        (lambda: design(Selection(strata=[1, 1], fpc=[5, 6])), "do not fit", "rows with another"),
        (lambda: estimates.total(design(Selection(strata=[1, 1, 2]), weights=[1.0] * 3), [1, 2, 3]),
         "only one PSU", "1 strata"),
        (lambda: estimates.total(two_strata(), [1, 2, 3, 4, 5, np.nan]), "Values", "1 values"),
        (lambda: estimates.mean(two_strata(), Y, where=np.zeros(6, bool)), "empty", "none"),
        (lambda: estimates.ratio(two_strata(), Y, np.zeros(6)), "denominator of zero", "0"),
        (lambda: post_stratify(two_strata(), STRATA, {1: 5.0}), "differ", "without total: 2"),
        (lambda: post_stratify(two_strata(), STRATA, {1: 5.0, 2: 1.0, 3: 4.0}), "differ",
         "without sample: 3"),
        (lambda: rake(two_strata(), [(STRATA, {1: 5.0, 2: 5.0}), (Y > 2, {False: 9.0, True: 2.0})]),
         "disagree", "margin 2: 11"),
        (lambda: rake(two_strata(), [(STRATA, {1: 5.0, 2: 5.0}), (STRATA, {1: 6.0, 2: 4.0})]),
         "cannot be met together", "cycles"),
        (lambda: calibrate(two_strata(), Auxiliaries(np.column_stack([np.ones(6), 2 * np.ones(6)]),
                           ("N", "twice")), [10.0, 30.0]), "contradict", "N, twice"),
        (lambda: calibrate(two_strata(), Auxiliaries(np.ones((6, 1)), ("N",)), [100.0],
                           bounds=(0.9, 1.1)), "within the bounds", "N (by -76.9)"),
        (lambda: calibrate(two_strata(), Auxiliaries(np.column_stack([np.ones(6), np.zeros(6)]),
                           ("N", "empty")), [21.0, 4.0]), "contradict", "empty"),
        (lambda: calibrate(two_strata(), np.ones((6, 1)), [21.0], distance="logit"), "do not fit",
         "logit, bounds -inf to inf"),
        (lambda: intervals.proportion_interval(estimates.mean(two_strata(), np.ones(6))),
         "not defined", "1 at 0 or 1"),
        (lambda: estimates.function(estimates.total(two_strata(), Y - Y),
                                    lambda t: 1 / t), "not a number", "others"),
        (lambda: calibrate(two_strata(), np.ones((6, 1)), [np.nan]), "cannot be used", "1 missing"),
        (lambda: post_stratify(two_strata(), STRATA, {1: 5.0, 2: np.nan}), "cannot be used", "1 "),
        (lambda: design(Selection(fpc=[20.0, 20.0]), weights=[2.0, 2], unequal=Unequal()),
         "probabilities cannot", "2 PSUs above 1"),
        (lambda: estimates.total(design(Selection(strata=[1, 2]), weights=[1.0, 1],
                                        lonely="average"), [1, 2]), "take the average", "2 str"),
        (lambda: replicates.replicated(
            two_strata(), replicates.jackknife(two_strata()), lambda d: d.weights @ Y,
            lambda d: post_stratify(d, Y == 1.0, {True: 2.0, False: 19.0})), "no weight", "True"),
        (lambda: estimates.mean(design(weights=[1.0, 2], lonely="remove").with_weights(
            np.ones(2)), [1, 2], where=[False, False]), "empty", "none"),
        (lambda: replicates.half_samples(two_strata()), "two PSUs", "2 strata"),
        (lambda: replicates.jackknife(design(Selection(strata=[1, 1, 2]), weights=[1.0] * 3)),
         "one PSU", "1 strata"),
        (lambda: design(Selection(strata=[1.0, np.nan]), weights=[1.0, 2]), "is missing", "1 of 2"),
        (lambda: post_stratify(two_strata(), np.array(["a", None] * 3, dtype=object), {"a": 1.0}),
         "is missing", "3 of 6"),
        (lambda: design(weights=[1.0, 2], lonely="ignore"), "not known", "ignore"),
        (lambda: intervals.quantile(two_strata(), Y, [1.5]), "Quantiles", "1.5"),
        (lambda: intervals.proportion_interval(estimates.mean(two_strata(), Y)), "no such", "1 v"),
        (lambda: replicates.bootstrap(two_strata(), 5, np.random.default_rng(1), method="x"),
         "no such bootstrap", "x"),
        (lambda: replicates.half_samples(two_strata(), rho=1.0), "two PSUs", "2 strata"),
        (lambda: estimates.total(design(Selection(fpc=[0.5]), unequal=Unequal("hartley_rao")), [1]),
         "Hartley and Rao", "1 strata"),
        (lambda: trim(design(weights=[1.0, 5, 100]), 2, 6, strict=True), "cannot hold", "2 to 6"),
        (lambda: trim(design(weights=[0.5] * 7 + [1.0, 4.0]), 0.9, 10), "0 or less", "1 others"),
        (lambda: trim(two_strata(), np.nan, 2), "cannot hold", "nan to 2"),
        (lambda: analysis.regression(two_strata(), Y, np.ones((6, 2))), "not independent",
         "x1, x2"),
        (lambda: analysis.regression(two_strata(), Y, np.ones(6)), "do not fit", "(6,)"),
        (lambda: calibrate(two_strata(), np.ones((6, 2)), [20.0]), "cannot be used", "totals (1,)"),
        (lambda: estimates.function(estimates.total(two_strata(), Y), lambda t: abs(t[0])),
         "not smooth", "two different"),
        (lambda: estimates.total(design(Selection(fpc=[0.5] * 3), unequal=Unequal(
            "joint", joint=[[.5, .1, .4], [.1, .5, .4], [.4, .4, .5]])), [1, 1, 0]),
         "variance is negative", "1 below 0"),
        (lambda: design(weights=[1.0, 2], unequal=Unequal("brwer")), "not described", "brwer"),
        (lambda: design(weights=[1.0, 2], unequal=Unequal()), "not described", "no fpc"),
        (lambda: replicates.half_samples(design(Selection(fpc=[0.5, 0.4]), unequal=Unequal())),
         "equal probabilities", "brewer"),
        (lambda: replicates.bootstrap(two_strata(), 1, np.random.default_rng(1)), "nothing to draw",
         "1 replicates"),
        (lambda: replicates.successive_differences(design(Selection(strata=[1, 1, 2]),
         weights=[1.0] * 3)), "no successive", "1 strata"),
        (lambda: replicates.given_weights(two_strata(), np.ones((6, 2)), scale=-1.0),
         "cannot be used", "constant -1"),
        (lambda: analysis.design_effect(two_strata(), np.ones(6), estimates.mean(
            two_strata(), np.ones(6)), of="mean"), "no design effect", "1 constants"),
        (lambda: estimates.total(two_strata(), Y).confidence_interval(1.5), "no such level", "1.5"),
        (lambda: estimates.domain_totals(two_strata(), Y, [1, 2]), "do not fit", "2"),
        (lambda: estimates.total(two_strata(), ["a"] * 6), "not numbers", "text"),
        (lambda: design(weights=["a", "b"]), "not numbers", "text"),
        (lambda: design(Selection(strata=np.array([1, "a"], dtype=object)), weights=[1.0, 2]),
         "several kinds", "both"),
        (lambda: rake(two_strata(), []), "nothing to rake", "0 margins"),
        (lambda: post_stratify(two_strata(), [1, 2], {1: 1.0, 2: 2.0}), "do not fit", "2"),
        (lambda: tightest_bounds(np.ones(3), np.ones((3, 1)), [1.0, 2.0]), "do not fit", "2"),
        (lambda: two_phase([True, True, False], first_weights=[1.0, -1, 1]), "cannot be used",
         "1 weights"),
        (lambda: winsorised(two_strata(), Y, 0.0), "cannot be winsorised", "L = 0"),
        (lambda: two_phase([True, False, False], second_strata=[1, 1, 1]), "fewer than two",
         "1 strata"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make, problem, found):
    with pytest.raises(SurveyError) as caught:
        make()
    assert problem in caught.value.problem
    assert found in caught.value.found


def test_one_huge_weight_is_warned_of():
    weights = np.ones(1000)
    weights[7] = 1e6
    with pytest.warns(ExtremeWeightWarning, match="100% of their sum"):
        design(weights=weights)


def test_replicates_agree_with_linearisation():
    built, x, y, g = sample()
    linear = float(estimates.total(built, y).standard_error()[0])
    statistic = lambda d: d.weights @ y  # noqa: E731
    jack = replicates.replicated(built, replicates.jackknife(built), statistic)
    assert jack.standard_error()[0] == pytest.approx(linear, rel=1e-9), "exact for a total"
    for method in ("rao_wu", "preston"):
        drawn = replicates.bootstrap(built, 4000, g, method=method)
        boot = replicates.replicated(built, drawn, statistic)
        # Monte Carlo error of a standard error from 4,000 replicates: 1.1 %; band four of them
        assert boot.standard_error()[0] == pytest.approx(linear, rel=0.045), method
    totals = (x * built.weights[:, None]).sum(axis=0)
    fitted = float(estimates.total(calibrate(built, x, totals), y).standard_error()[0])
    again = replicates.replicated(
        built, replicates.jackknife(built), statistic, lambda d: calibrate(d, x, totals)
    )
    assert again.standard_error()[0] == pytest.approx(fitted, rel=0.1)


def test_half_samples_and_the_repeated_sample_know_finite_populations():
    g = np.random.default_rng(9)
    pairs = design(Selection(strata=np.repeat(np.arange(6), 2), fpc=np.repeat([4, 8, 10], 4)))
    y = g.normal(10, 2, 12)
    linear = estimates.total(pairs, y).standard_error()
    for rho in (0.0, 0.3):
        half = replicates.replicated(
            pairs, replicates.half_samples(pairs, rho=rho), lambda d: d.weights @ y
        )
        assert half.standard_error() == pytest.approx(linear), "exact for a total"
    y = g.normal(10, 2, 40)
    for fpc in (None, np.full(40, 33)):
        built = design(
            Selection(strata=np.repeat([0, 1], 20), fpc=fpc), weights=np.full(40, 33 / 20)
        )
        drawn = replicates.bootstrap(built, 4000, g, method="canty_davison")
        found = replicates.replicated(built, drawn, lambda d: d.weights @ y)
        linear = estimates.total(built, y).standard_error()[0]
        # 33 of 20 are 13 PSUs twice and 7 once, by chance: within 10 %; without fpc Monte Carlo
        assert found.standard_error()[0] == pytest.approx(linear, rel=0.045 if fpc is None else 0.1)


def test_results_become_estimates():
    built, _, y, g = sample()
    found = estimates.mean(built, np.column_stack([y, y**2]))
    draws = found.as_estimate({"moment": ["1", "2"]}, unit="x", draws=20_000, generator=g)
    assert draws.standard_error().values == pytest.approx(found.standard_error(), rel=0.03)
    covariance = np.cov(draws.draws.values)
    assert covariance == pytest.approx(found.covariance, rel=0.05)
    boot = replicates.replicated(built, replicates.bootstrap(built, 50, g), lambda d: d.weights @ y)
    same = boot.as_estimate({"total": ["y"]}, unit="x", draws=50, generator=g)
    assert np.array_equal(same.draws.values, boot.each.T), "bootstrap replicates are the draws"
    jack = replicates.replicated(built, replicates.jackknife(built), lambda d: d.weights @ y)
    drawn = jack.as_estimate({"total": ["y"]}, unit="x", draws=20_000, generator=g)
    assert drawn.standard_error().values == pytest.approx(jack.standard_error(), rel=0.03)


def test_draws_of_any_bootstrap_have_its_standard_error():
    g = np.random.default_rng(13)
    pairs = design(Selection(strata=np.repeat(np.arange(20), 2)), weights=np.full(40, 3.0))
    y = g.normal(10, 2, 40)
    drawn = replicates.bootstrap(pairs, 500, g, method="canty_davison")
    found = replicates.replicated(pairs, drawn, lambda d: d.weights @ y)
    worlds = found.as_estimate({"total": ["y"]}, unit="x", draws=500, generator=g).draws.values
    assert worlds.std(ddof=1) == pytest.approx(found.standard_error()[0], rel=1e-6)
    assert worlds.mean() == pytest.approx(found.full[0], rel=1e-6)


def test_a_census_has_no_error_by_any_replicates():
    y = np.arange(8.0)
    whole = design(Selection(strata=np.repeat([0, 1], 4), fpc=np.full(8, 4)))
    for made in (
        replicates.jackknife(whole),
        replicates.bootstrap(whole, 9, np.random.default_rng(1), method="canty_davison"),
        replicates.successive_differences(whole),
        replicates.half_samples(whole),
    ):
        found = replicates.replicated(whole, made, lambda d: d.weights @ y)
        assert found.standard_error()[0] == pytest.approx(0, abs=1e-9), made.kind


def test_functions_are_linearised_exactly():
    built, _, y, _ = sample()
    x = y + 3
    pair = estimates.total(built, np.column_stack([y, x]))
    by_hand = estimates.ratio(built, y, x)
    automatic = estimates.function(pair, lambda t: t[0] / t[1])
    assert automatic.covariance == pytest.approx(by_hand.covariance, rel=1e-10)
    logs = estimates.function(pair, np.log)
    assert logs.standard_error() == pytest.approx(pair.standard_error() / pair.point)


def test_exact_intervals_of_a_proportion_contain_the_logit_ones_centre():
    built, _, y, _ = sample()
    share = estimates.mean(built, (y > 20).astype(float))
    exact = intervals.proportion_interval(share, method="korn_graubard")[0]
    assert 0 <= exact[0] < share.point[0] < exact[1] <= 1
    nobody = estimates.mean(built, np.zeros(y.size))
    none = intervals.proportion_interval(nobody, method="korn_graubard")[0]
    assert none[0] == 0
    assert 0 < none[1] < 0.2
    # an independent check: SRS of 10 with 3 hits is Clopper and Pearson, 0.0667 to 0.6525
    ten = design(weights=np.ones(10))
    hits = np.r_[np.ones(3), np.zeros(7)]
    found = estimates.mean(ten, hits)
    bounds = intervals.proportion_interval(found, method="korn_graubard")[0]
    assert bounds[0] == pytest.approx(0.0667, abs=0.02)
    assert bounds[1] == pytest.approx(0.6525, abs=0.02)


def test_codes_of_any_type_are_ordered():
    for values in ([5, -3, 5], ["b", "a", "b"], [2**40, 0, 2**40], [True, False, True]):
        found, kinds = codes(np.array(values))
        assert found.tolist() == [1, 0, 1]
        assert list(kinds) == sorted(set(values))


def test_the_last_calibration_has_no_error_left():
    built, _, _, g = sample()
    a, b = g.integers(0, 2, 600), g.integers(0, 2, 600)
    once = post_stratify(built, a, {0: 700.0, 1: 500.0})
    twice = post_stratify(once, b, {0: 650.0, 1: 550.0})
    found = estimates.total(twice, (b == 0).astype(float))
    assert found.point[0] == pytest.approx(650)
    assert found.standard_error()[0] == pytest.approx(0, abs=1e-9)


def test_successive_differences_by_their_formula():
    g = np.random.default_rng(7)
    stratum = np.repeat([0, 1], [9, 8])
    built = design(Selection(strata=stratum), weights=np.full(17, 3.0))
    y = g.normal(10, 2, 17)
    found = replicates.replicated(
        built, replicates.successive_differences(built), lambda d: d.weights @ y
    )
    squares = sum(
        ((3 * y[stratum == h] - 3 * np.roll(y[stratum == h], -1)) ** 2).sum() for h in (0, 1)
    )
    assert found.covariance()[0, 0] == pytest.approx(squares / 2)


def test_units_of_auxiliaries_do_not_matter():
    built, x, y, _ = sample()
    totals = (x * built.weights[:, None]).sum(axis=0) * [1.0, 1.01, 0.98]
    scale = np.array([1.0, 1e11, 1e-9])
    plain, other = calibrate(built, x, totals), calibrate(built, x * scale, totals * scale)
    assert other.weights == pytest.approx(plain.weights)
    ours, theirs = (estimates.total(d, y).standard_error()[0] for d in (plain, other))
    assert theirs == pytest.approx(ours, rel=1e-6)


def test_cells_may_be_text_of_any_kind():
    names = np.array(["a", "b"], dtype=object)[STRATA - 1]
    fitted = post_stratify(two_strata(), names, {"a": 8.0, "b": 16.0})
    assert fitted.weights[:3].sum() == pytest.approx(8)
