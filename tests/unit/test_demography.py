"""Demography: numbers that can be worked by hand, slow versions, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import digamma

from ravenstein.core.errors import DemographyError
from ravenstein.demography.ages import AgeDefinition, Ages, aged_on, cohort, to_mid_year
from ravenstein.demography.controlled_rounding import controlled_rounding
from ravenstein.demography.gross_flows import gross_flows, log_likelihood
from ravenstein.demography.life_tables import coale_demeny, life_table
from ravenstein.demography.raking import rake, rake_gross_flows, rake_gross_nested, rake_nested
from ravenstein.demography.rates import exposure, rates
from ravenstein.demography.schedules import (
    RogersCastro,
    fit_rogers_castro,
    gompertz_makeham,
    hadwiger,
    relational,
)
from ravenstein.demography.smoothing import smooth, to_groups

AT_MID_YEAR = AgeDefinition.AT_MID_YEAR


def test_ages_have_labels_widths_and_groups():
    single = Ages.single(90, AT_MID_YEAR)
    assert single.labels[0] == "0"
    assert single.labels[-1] == "90+"
    five = Ages((0, 5, 10), AT_MID_YEAR, open=False, last=14)
    assert five.labels == ("0-4", "5-9", "10-14")
    assert five.widths.tolist() == [5, 5, 5]
    wide = Ages((0, 16, 65), AT_MID_YEAR)
    assert single.grouped(np.ones((2, 91)), wide).tolist() == [[16, 49, 26]] * 2


@pytest.mark.parametrize("starts", [(1, 2), (0, 5, 5), ()])
def test_ages_with_gaps_are_refused(starts):
    with pytest.raises(DemographyError, match="not a set of ages"):
        Ages(starts, AT_MID_YEAR)


def test_groups_of_another_definition_or_that_cut_ages_are_refused():
    five = Ages((0, 5, 10), AT_MID_YEAR)
    with pytest.raises(DemographyError, match="cannot be grouped"):
        five.grouped(np.ones(3), Ages((0, 7), AT_MID_YEAR))
    with pytest.raises(DemographyError, match="cannot be grouped"):
        five.grouped(np.ones(3), Ages((0, 5), AgeDefinition.AT_EVENT))
    with pytest.raises(DemographyError, match="cannot be grouped"):
        five.grouped(np.ones(4), Ages((0, 5), AT_MID_YEAR))


def test_cohorts_and_ageing():
    assert cohort(0, 2010, AgeDefinition.AT_EVENT) == (2009, 2010)
    assert cohort(0, 2010, AgeDefinition.REACHED_IN_YEAR) == (2010, 2010)
    assert aged_on(np.array([[3, 2, 1]])).tolist() == [[0, 3, 3]]
    assert to_mid_year(np.array([10.0, 0, 0])).tolist() == [5, 5, 0]


def test_rates_say_what_they_do_without_exposure():
    events, under = np.array([2.0, 1, 4]), np.array([100.0, 0, 100])
    with pytest.raises(DemographyError, match="events without exposure") as error:
        rates(events, under)
    assert error.value.found == "1 cell, at (1,)"
    assert np.isnan(rates(events, under, without="missing")[1])
    # 2 + 1 + 4 events over 200 person-years of the ages around
    assert rates(events, under, without="neighbours").tolist() == [0.02, 0.035, 0.04]
    assert exposure(np.array([10]), np.array([20])).tolist() == [15]
    with pytest.raises(DemographyError, match="negative or missing"):
        rates(np.array([-1.0]), np.array([1.0]))
    with pytest.raises(DemographyError, match="treatment is not known"):
        rates(events, under, without="neighbour")
    # whatever the order in memory
    three = [np.asfortranarray(np.tile(v, (2, 2, 1))) for v in (events, under)]
    assert rates(*three, without="neighbours")[1, 1].tolist() == [0.02, 0.035, 0.04]


def test_a_life_table_by_hand():
    # m = 0.1 at 0 with a = 0.5: q = 0.1 / 1.05; open age with m = 0.2: 5 more years
    table = life_table([0.1, 0.2], [0, 1], sex="M", infant="linear")
    q = 0.1 / 1.05
    assert table.death_probability.tolist() == [q, 1]
    assert table.expectation[0] == pytest.approx((1 - q) + 0.5 * q + 5 * (1 - q))
    assert table.survival_ratios()[0] == pytest.approx((1 - q) + 0.5 * q)
    # everyone at the open age of 1: T_1 / (L_0 + T_1)
    lived = [1 - 0.5 * q, 5 * (1 - q)]
    assert table.survival_ratios()[1] == pytest.approx(lived[1] / sum(lived))


def test_a_constant_hazard_has_its_own_separation_even_when_tiny():
    rate = np.array([1e-9, 1e-3, 0.5, 0.1])
    table = life_table(rate, [0, 1, 2, 3], sex="F", infant="constant")
    assert table.death_probability[:3] == pytest.approx(-np.expm1(-rate[:3]), rel=1e-12)


@pytest.mark.parametrize(
    ("rate", "starts", "what"),
    [
        ([0.1, 0.0], [0, 1], "nobody dies at the open age"),
        ([0.1, -0.1], [0, 1], "negative or missing"),
        ([0.1, np.nan], [0, 1], "negative or missing"),
        ([0.1, 0.2], [0, 1, 5], "do not fit"),
        ([0.1, 0.2], [5, 10], "do not fit"),
        ([3.0, 0.2], [0, 1], "passes 1"),
    ],
)
def test_rates_that_make_no_life_table_are_refused(rate, starts, what):
    with pytest.raises(DemographyError, match=what):
        life_table(rate, starts, sex="F")


def test_rules_of_life_tables_are_known_ones():
    with pytest.raises(DemographyError, match="rule is not known"):
        life_table([0.1, 0.2], [0, 1], sex="F", infant="ak")
    for a in (np.nan, 0.0, 1.5):
        with pytest.raises(DemographyError, match="within their age"):
            life_table([0.1, 0.2], [0, 1], sex="F", separation=[a])
    # nobody dies at 15 to 19: Greville's rule has nothing to say of the ages beside
    rate = [0.1, 0.01, 0.005, 0.004, 0.0, 0.01, 0.2]
    table = life_table(rate, [0, 1, 5, 10, 15, 20, 25], sex="F", within="greville")
    assert np.isfinite(table.expectation).all()
    assert table.separation[5] == 2.5
    # a constant hazard is a probability, however large
    assert life_table([62.342, 0.2], [0, 1], sex="F", infant="constant").survivors[1] < 1e-20
    with pytest.raises(DemographyError, match="not single years"):
        table.survival_ratios()
    # above the limits of Coale and Demeny
    assert life_table([0.2, 0.1], [0, 1], sex="M").separation[0] == 0.33


def test_coale_and_demeny_below_and_above_the_limit():
    assert coale_demeny(0.2, sex="F", region="east").tolist() == [0.31, 1.324]
    assert coale_demeny(0.05, sex="F") == pytest.approx([0.35 - 0.15, 1.361 + 1.627 * 0.05])


def test_schedules():
    ages = np.arange(100) + 0.5
    true = RogersCastro((0.03, 0.12), (0.09, 0.08, 22.0, 0.3), constant=0.001)
    found = fit_rogers_castro(ages, true.at(ages))
    assert found.labour == pytest.approx(true.labour, rel=1e-5)
    assert found.childhood == pytest.approx(true.childhood, rel=1e-5)
    late = RogersCastro(retirement=(0.02, 0.6, 63.0, 0.4))
    again = fit_rogers_castro(ages, late.at(ages), retirement=True)
    assert again.at(ages) == pytest.approx(late.at(ages), abs=2e-5)
    with pytest.raises(DemographyError, match="cannot be fitted"):
        fit_rogers_castro(ages[:5], true.at(ages[:5]))
    assert hadwiger(ages, total=2.0, mean=30).sum() == pytest.approx(2, abs=1e-3)
    assert gompertz_makeham(0, level=0.1, slope=1, makeham=0.2) == pytest.approx(0.3)
    # by hand: odds of 1/9 to die by then, times e
    assert relational([0.9], alpha=0.5)[0] == pytest.approx(1 / (1 + np.e / 9))
    assert relational([0.9, 0.5], beta=2.0).tolist() == pytest.approx([81 / 82, 0.5])
    with pytest.raises(DemographyError, match="are no shares"):
        relational([100_000, 90_000])


def test_a_fit_of_noisy_rates_finds_the_schedule():
    generator, ages = np.random.default_rng(4), np.arange(90) + 0.5
    under = np.full(90, 20_000.0)
    counts = generator.poisson(RogersCastro().at(ages) * under)
    found = fit_rogers_castro(ages, counts / under, exposure=under)
    # 90 Poisson counts: their own noise is 1/sqrt(20,000 × 0.01), seven per cent a cell
    assert found.at(ages) == pytest.approx(RogersCastro().at(ages), rel=0.15)
    assert found.labour[2] == pytest.approx(20, abs=0.5)


def test_a_weighted_fit_is_not_biased_by_low_counts():
    """60 worlds of 300 person-years an age: total and peak of the fitted schedules."""
    generator, ages = np.random.default_rng(5), np.arange(90) + 0.5
    under, true = np.full(90, 300.0), RogersCastro().at(ages)
    ratio, peak = [], []
    for _ in range(60):
        counts = generator.poisson(true * under)
        found = fit_rogers_castro(ages, counts / under, exposure=under).at(ages)
        ratio.append(found.sum() / true.sum())
        peak.append(ages[found.argmax()])
    # a world's total of some 330 migrants varies by 5.5 per cent, the mean of sixty by 0.7
    assert np.mean(ratio) == pytest.approx(1, abs=0.03)
    assert np.mean(peak) == pytest.approx(ages[true.argmax()], abs=1.5)


def test_smoothing_recovers_a_curve_better_than_the_raw_rates():
    generator, ages = np.random.default_rng(7), np.arange(91)
    under = np.full(91, 3_000.0)
    true = np.exp(-9 + 0.09 * ages)
    counts = generator.poisson(true * under)
    curve = smooth(counts, exposure=under)
    raw = np.log(np.maximum(counts, 0.5) / under)
    errors = np.log(curve.rate) - np.log(true)
    assert np.sqrt((errors**2).mean()) < 0.35 * np.sqrt(((raw - np.log(true)) ** 2).mean())
    # standard errors are of the right size: nearly all errors lie within three of them
    assert (np.abs(errors) < 3 * curve.standard_error).mean() > 0.95
    assert curve.fitted.sum() == pytest.approx(counts.sum())


def test_graduation_gives_single_years_that_add_to_the_groups():
    ages = np.arange(91)
    true = 1000 * np.exp(-(((ages - 40) / 30) ** 2))
    starts = np.array([*range(0, 90, 5), 90])
    groups = np.add.reduceat(true, starts)
    curve = smooth(groups, starts=starts, ages=91, order=3)
    single = to_groups(curve.rate, groups, starts)
    assert np.add.reduceat(single, starts) == pytest.approx(groups)
    assert single[:85] == pytest.approx(true[:85], rel=0.02)
    # uneven groups with gaps, which a plain Newton step does not settle
    starts = [0, 6, 7, 13, 17, 21, 26, 29, 36, 37, 39, 42, 46, 49]
    jagged = smooth([0, 15, 174, 15, 54, 34, 49, 0, 128, 0, 8, 0, 4, 0], starts=starts, ages=50)
    assert jagged.fitted.sum() == pytest.approx(481)
    assert to_groups(np.ones(4), [0, 4], [0, 2]).tolist() == [0, 0, 2, 2]
    with pytest.raises(DemographyError, match="cannot be smoothed"):
        to_groups(np.array([0.0, 1.0]), [3, 1], [0, 1])
    with pytest.raises(DemographyError, match="cannot be smoothed"):
        smooth([0, 0])
    with pytest.raises(DemographyError, match="cannot be smoothed"):
        smooth([1, 2], exposure=[0, 1])


def test_raking_meets_margins_and_says_when_it_cannot():
    table = rake([[1, 2], [3, 4]], [((0,), [30, 70]), ((1,), [50, 50])])
    assert table.sum(axis=0) == pytest.approx([50, 50])
    assert table.sum(axis=1) == pytest.approx([30, 70])
    # odds ratios are kept
    assert table[0, 0] * table[1, 1] / (table[0, 1] * table[1, 0]) == pytest.approx(4 / 6)
    with pytest.raises(DemographyError, match="do not agree"):
        rake([[1, 1]], [((0,), [3]), ((1,), [1, 1])])
    with pytest.raises(DemographyError, match="margin does not fit"):
        rake([[1, 1], [1, 3]], [((0,), 6)])
    with pytest.raises(DemographyError, match="stand over cells of 0"):
        rake([[0, 1]], [((1,), [1, 1])])
    with pytest.raises(DemographyError, match="are not met"):
        rake([[1, 0], [0, 1]], [((0,), [1, 3]), ((1,), [3, 1])])
    with pytest.raises(DemographyError, match="negative or missing"):
        rake([[-1, 1]], [((1,), [1, 1])])


def test_nested_raking_scales_from_the_country_down():
    regions, country = np.array([0, 0, 1]), np.array([0, 0])
    both = rake_nested([1.0, 3.0, 4.0], [regions, country], [[8, 2], [20]])
    assert both.tolist() == [4, 12, 4]
    # a level without totals is passed over
    assert rake_nested([1.0, 3.0, 4.0], [regions, country], [None, [16]]).tolist() == [2, 6, 8]
    with pytest.raises(DemographyError, match="cannot be met"):
        rake_nested([0.0, 0.0, 4.0], [regions], [[8, 2]])
    for wrong in (
        (np.ones((3, 2)), [regions, country], [[6, 4], [[3, 7]]]),
        ([np.nan, 1, 1], [regions], [[8, 2]]),
        ([1, 1, 1], [regions], [[8, -2]]),
        ([1, 1, 1], [regions, country], [[8, 2]]),
    ):
        with pytest.raises(DemographyError, match="do not fit"):
            rake_nested(*wrong)


positive = st.one_of(st.just(0.0), st.floats(0.05, 500, allow_nan=False))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=8), st.floats(0.01, 3))
def test_gross_raking_keeps_nets_and_is_never_negative(pairs, more):
    into, out = (np.array(column) for column in zip(*pairs, strict=True))
    net = into - out
    free = np.sqrt(into * out).sum()
    total = np.maximum(net, 0).sum() + more * free
    new_in, new_out = rake_gross_flows(into, out, [total])
    assert new_in.sum() == pytest.approx(total, rel=1e-9)
    assert new_in - new_out == pytest.approx(net, abs=1e-9 * total)
    assert min(new_in.min(), new_out.min()) >= 0


def test_gross_raking_is_the_nearest_table():
    """A general optimiser finds no table nearer in the Kullback–Leibler sense."""
    into, out, total = np.array([30.0, 5.0, 12.0]), np.array([10.0, 15.0, 12.0]), 70.0
    net = into - out

    def distance(values):
        new = np.concatenate([values, values - net])
        old = np.concatenate([into, out])
        return float((new * np.log(new / old) - new + old).sum())

    best = minimize(
        distance,
        into * total / into.sum() + 1,
        constraints={"type": "eq", "fun": lambda v: v.sum() - total},
        bounds=[(max(n, 0) + 1e-6, None) for n in net],
        tol=1e-12,
    )
    found, _ = rake_gross_flows(into, out, [total])
    assert found == pytest.approx(best.x, rel=1e-4)
    assert distance(found) <= best.fun + 1e-9


def test_gross_raking_refuses_a_total_below_the_positive_nets():
    with pytest.raises(DemographyError, match="cannot be met with these net flows"):
        rake_gross_flows([30.0, 10.0], [20.0, 20.0], [5.0])
    for wrong in (
        ([-3.0], [20.0], [5.0]),
        ([np.nan, 10.0], [1.0, 1.0], [20.0]),
        ([3.0, 1.0], [1.0, 1.0], [12.0], [0, 1]),
        ([[3.0]], [[1.0]], [12.0]),
    ):
        with pytest.raises(DemographyError, match="do not fit"):
            rake_gross_flows(*wrong)
    with pytest.raises(DemographyError, match="do not fit") as error:
        rake_gross_flows([0.0, 10.0], [10.0, 10.0], [40.0], net=[5.0, -5.0])
    assert "would carry at 0" in error.value.found


def test_gross_raking_where_nobody_moves_both_ways():
    # one-way flows are their nets; beside them a group that can be raked
    into, out = rake_gross_flows([5, 0, 3, 4], [0, 3, 3, 2], [5, 12], [0, 0, 1, 1])
    assert into[:2].tolist() == [5, 0]
    assert out[:2].tolist() == [0, 3]
    assert into[2:].sum() == pytest.approx(12)
    with pytest.raises(DemographyError, match="cannot be met"):
        rake_gross_flows([5.0, 0.0], [0.0, 3.0], [9.0])


def test_gross_flows_of_regions_and_the_country_keep_every_net():
    generator = np.random.default_rng(2)
    into, out = generator.gamma(1, 50, (2, 30)) + 1
    region, country = np.arange(30) // 6, np.zeros(5, dtype=int)
    totals = np.bincount(region, into) * generator.uniform(1.1, 1.4, 5)
    whole = totals.sum() * 1.1
    new_in, new_out = rake_gross_nested(into, out, [region, country], [totals, [whole]])
    assert new_in - new_out == pytest.approx(into - out, abs=1e-7)
    assert new_in.sum() == pytest.approx(whole)
    # regions are nearer to their totals than to those of the whole raked at once
    found = np.bincount(region, new_in)
    assert np.abs(found / totals - 1.1).max() < 0.05
    alone, _ = rake_gross_nested(into, out, [region, country], [None, [whole]])
    assert alone.sum() == pytest.approx(whole)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 5))
def test_controlled_rounding_moves_no_sum_by_one(seed, areas, ages):
    generator = np.random.default_rng(seed)
    values = generator.gamma(1, 3, (areas, 2, ages)) * (generator.random((areas, 2, ages)) < 0.8)
    area, sex, age = (place.ravel() for place in np.indices(values.shape))
    region = np.arange(areas) // 2
    whole = controlled_rounding(
        values, [area * 2 + sex, area, region[area]], [sex * ages + age, sex]
    ).reshape(values.shape)
    for axes in [(), (0,), (2,), (0, 2), (1, 2), (0, 1, 2)]:
        assert np.abs(whole.sum(axis=axes) - values.sum(axis=axes)).max() < 1
    assert (whole[values == 0] == 0).all()
    kept = values.round()
    assert (controlled_rounding(kept, [area], [age]).reshape(kept.shape) == kept).all()


def test_controlled_rounding_is_the_least_change():
    values = np.array([[0.6, 0.6], [0.2, 0.6]])
    row, column = (place.ravel() for place in np.indices((2, 2)))
    whole = controlled_rounding(values, [row], [column]).reshape(2, 2)
    options = [np.array(bits).reshape(2, 2) for bits in np.ndindex(2, 2, 2, 2)]
    fit = [
        np.abs(o - values).sum()
        for o in options
        if all(np.abs(o.sum(a) - values.sum(a)).max() < 1 for a in (0, 1, (0, 1)))
    ]
    assert np.abs(whole - values).sum() == pytest.approx(min(fit))
    with pytest.raises(DemographyError, match="not nested"):
        controlled_rounding(values, [row, column])
    with pytest.raises(DemographyError, match="missing"):
        controlled_rounding([np.nan], [np.array([0])])


flow = st.floats(0.01, 5000, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(flow, flow, st.integers(-3000, 3000))
def test_gross_flows_are_where_the_derivative_is_zero_or_at_the_bound(into, out, net):
    new_in, new_out = gross_flows(into, out, float(net))
    assert new_in - new_out == pytest.approx(net, abs=1e-9)
    assert min(new_in, new_out) >= 0
    slope = np.log(into * out) - digamma(new_in + 1) - digamma(new_out + 1)
    if min(new_in, new_out) > 1e-6:
        assert abs(slope) < 1e-7
    else:
        assert slope < 1e-6
    whole_in, whole_out = gross_flows(into, out, float(net), whole=True)
    around = np.arange(max(0, -net), int(new_out) + 50)
    best = log_likelihood(around + net, around, into, out).max()
    assert log_likelihood(whole_in, whole_out, into, out) == pytest.approx(best, abs=1e-9)


def test_gross_flows_that_were_never_seen():
    into, out = gross_flows([0.0, 0.0, 5.0, 0.0], [7.0, 7.0, 0.0, 0.0], [-3.0, 4.0, 2.0, 0.0])
    assert into.tolist() == [0, 4, 2, 0]
    assert out.tolist() == [3, 0, 0, 0]
    for wrong in ([np.nan, 1.0, 0.0], [-1.0, 1.0, 0.0]):
        with pytest.raises(DemographyError, match="cannot be found"):
            gross_flows(*wrong)
    with pytest.raises(DemographyError, match="not whole"):
        gross_flows(1.0, 1.0, 0.5, whole=True)
