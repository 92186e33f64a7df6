"""Shifts by hand, against all designs of a small frame, against Neyman, and by simulation."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey.allocation import (
    ShiftFrame,
    expected_errors,
    frontier,
    overdispersion,
    shares,
)
from ravenstein.survey import allocation


def frame(**changes):
    given = {
        "arriving": np.array([True, True, False]),
        "possible": np.array([60.0, 40, 50]),
        "migrants": np.array([4.0, 1, 2]),
        "overdispersion": 0.5,
        "interval": np.array([[10.0, 5], [10, 5], [10, 5]]),
        "cost": np.array([[1.0, 0.6]] * 3),
        "least": np.array([[1.0, 2]] * 3),
    }
    return ShiftFrame(**given | changes)


def test_errors_by_hand():
    # one stratum: N 10, mean 2, no overdispersion; 2 ordinary at 5, 3 migration at 1
    one = frame(
        arriving=np.array([True]), possible=np.array([10.0]), migrants=np.array([2.0]),
        overdispersion=0.0, interval=np.array([[5.0, 1.0]]), cost=np.array([[1.0, 1.0]]),
        least=np.array([[1.0, 1.0]]),
    )  # fmt: skip
    variance = 100 / 25 * (2 * 10 + 3 * 2) - 10 * 2
    assert expected_errors(one, [[2, 3]]) == pytest.approx(
        [variance**0.5, 0, variance**0.5]
    )  # fmt: skip
    assert expected_errors(one, [[0, 10]]).tolist() == [0, 0, 0], "all shifts, all passengers"
    with pytest.raises(SurveyError, match="cannot be used") as caught:
        expected_errors(one, [[8, 3]])
    assert "1 of 1 strata" in caught.value.found


@pytest.mark.parametrize("kinds", [(1.0, 0.6), (0.5, 1.2)])
def test_no_design_of_a_small_frame_beats_the_frontier(kinds):
    small = frame(cost=np.array([kinds] * 3), least=np.array([[1.0, 1]] * 3))
    found = frontier(small, 6.0, (0, 0, 1))
    kind = 1 if kinds[1] < kinds[0] else 0
    assert set(found.added[:, 1].tolist()) <= {kind}, "the kind that brings more for its cost"
    best = {}
    for more in itertools.product(range(6), repeat=3):
        shifts = np.ones((3, 2), dtype=int) * [1, 0]
        shifts[:, kind] += more
        cost = round(float((shifts * small.cost).sum()), 9)
        error = expected_errors(small, shifts)[2]
        best[cost] = min(best.get(cost, np.inf), error)
    for cost, errors in zip(found.cost, found.errors, strict=True):
        rivals = [e for c, e in best.items() if c <= cost + 1e-9]
        assert errors[2] <= min(rivals) * (1 + 1e-12)


def test_the_path_is_what_it_says():
    given = frame(design_effect=(1.5, 2.0))
    found = frontier(given, 40.0)
    for step in (0, 5, len(found.added)):
        shifts = found.shifts(step)
        assert found.cost[step] == pytest.approx((shifts * given.cost).sum())
        assert found.errors[step] == pytest.approx(expected_errors(given, shifts))
    assert (np.diff(found.cost) > 0).all()
    assert (np.diff(found.errors[:, 2]) < 0).all()
    assert found.shifts(0).tolist() == [[1, 1]] * 3, "one ordinary and two in all at least"
    assert found.shifts(found.step(9.0)).sum() == found.step(9.0) + 6
    with pytest.raises(SurveyError, match="does not pay"):
        frontier(given, 3.0)


def test_one_kind_of_shift_is_neymans_allocation():
    given = frame(
        interval=np.array([[10.0, 10]] * 3), cost=np.array([[1.0, 5.0]] * 3),
        possible=np.array([6000.0, 4000, 5000]), least=np.array([[2.0, 2]] * 3),
    )  # fmt: skip
    found = frontier(given, 300.0, (0, 0, 1))
    mean = given.migrants
    other = allocation.allocate(
        allocation.Frame(given.possible, given.certain, size=100.0, within=mean / 100,
                         interval=(10.0, 10.0)), 300.0,
    )  # fmt: skip
    assert np.abs(found.shifts(found.step(300.0))[:, 0] - other.psus).max() <= 1
    net = np.sqrt((other.standard_errors**2).sum())
    assert found.errors[-1, 2] == pytest.approx(net, rel=1e-3)


def test_expected_errors_are_those_of_a_simulated_survey():
    g = np.random.default_rng(11)
    given = frame(possible=np.array([400.0, 300, 350]))
    shifts = np.array([[6, 10], [4, 6], [5, 9]])
    totals = []
    for _ in range(3000):
        sides = np.zeros(2)
        for h in range(3):
            mean, phi = given.migrants[h], given.overdispersion
            people = g.poisson(g.gamma(1 / phi, mean * phi, int(given.possible[h])))
            drawn = g.choice(people, shifts[h].sum(), replace=False)
            k = np.repeat(given.interval[h], shifts[h])
            seen = g.binomial(drawn, 1 / k) * k
            # about the truth of this world: the errors are of sampling alone
            sides[0 if given.arriving[h] else 1] += given.possible[h] * seen.mean() - people.sum()
        totals.append([*sides, sides[0] - sides[1]])
    found = np.std(totals, axis=0)
    # 3,000 worlds: a standard error is known to 1.3 %
    assert found == pytest.approx(expected_errors(given, shifts), rel=4 * 0.013)


def test_overdispersion_is_found_again():
    g = np.random.default_rng(5)
    strata = np.repeat(np.arange(400), 10)
    mean = g.uniform(0.2, 3, 400)[strata]
    for phi in (0.0, 0.5, 2.0):
        rate = g.gamma(1 / phi, mean * phi) if phi else mean
        found = overdispersion(g.poisson(rate), strata)
        assert found == pytest.approx(phi, abs=0.08 + 0.1 * phi)


def test_shares_are_steady_where_data_are_few():
    found = shares([100, 1, 0], [10_000.0, 200, 0])
    overall = 101 / 10_200
    assert found[2] == pytest.approx(overall), "a new route has the share of all"
    assert found[0] == pytest.approx(0.01, rel=0.02)
    assert overall * 0.5 < found[1] < 0.01
    assert replace(frame(), overdispersion=0.0).certain.tolist() == [4, 1, 2]
