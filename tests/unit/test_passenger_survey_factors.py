"""Bootstrap factors in finite populations: shifts of which many are sampled, passengers in them."""

import numpy as np
import pytest

from ravenstein.passenger_survey.chain import Month, factors, passenger_factors, sampled_shares

POSSIBLE, SAMPLED, PASSENGERS = 40, 28, 100
ANSWER = 0.8


def interviews(shift, interval):
    """Return columns of interviews of one route and direction."""
    n = len(shift)
    ones = np.ones(n, dtype=np.int64)
    return {
        "portroute": ones * 110, "arrivedepart": ones, "shiftno": np.asarray(shift),
        "response": ones, "migsi": ones * interval, "tandtsi": ones * interval,
        "stay_stated": np.full(n, None, dtype=object), "flow": ones * 3.0,
        "citizenship": np.full(n, "other", dtype=object),
    }  # fmt: skip


def month(contacts, silent, *, possible=POSSIBLE, sampled=SAMPLED):
    shifts = {"portroute": [110], "arrivedepart": [1], "possible": [possible], "sampled": [sampled]}
    shifts = {name: np.array(values) for name, values in shifts.items()}
    lost = {"migtotal": np.array([silent]), "ordtotal": np.array([0])}
    return Month(contacts, shifts, lost, {}, {})


def sample(population, g, interval):
    """Return the shift and migrants of those who answer, and how many others were asked.

    Of the shifts some are drawn, in each every `interval`-th passenger is asked.
    """
    drawn = g.choice(POSSIBLE, SAMPLED, replace=False)
    start = g.integers(0, interval, SAMPLED)
    mixed = g.permuted(population[drawn], axis=1)  # passengers come in any order
    asked = (np.arange(PASSENGERS) - start[:, None]) % interval == 0
    answers = asked & (g.random(asked.shape) < ANSWER)
    shift = np.nonzero(answers)[0]
    return shift, mixed[answers], int(asked.sum() - answers.sum())


@pytest.mark.parametrize("interval", [1, 4])
def test_their_variance_is_that_of_the_two_stage_sample(interval):
    """Shifts without replacement, passengers within, non-response; the weights are known."""
    g = np.random.default_rng(interval)
    rates = g.uniform(0.0, 0.06, POSSIBLE)  # migrants in a shift differ
    population = g.random((POSSIBLE, PASSENGERS)) < rates[:, None]
    weight = POSSIBLE / SAMPLED * interval / ANSWER
    true = np.array([weight * sample(population, g, interval)[1].sum() for _ in range(3000)])
    assert true.mean() == pytest.approx(population.sum(), rel=0.01)
    told = []
    for _ in range(150):
        shift, migrant, silent = sample(population, g, interval)
        contacts = interviews(shift, interval)
        given = month(contacts, silent)
        share = sampled_shares(given)
        drawn, _ = factors(contacts, 100, g, share)
        final = weight * drawn * passenger_factors(given, share, 100, g)
        totals = (final * migrant[:, None]).sum(axis=0)
        assert totals[0] == pytest.approx(weight * migrant.sum())
        told.append(totals[1:].var(ddof=1))
    ratio = np.mean(told) / true.var(ddof=1)
    error = np.hypot(np.std(told) / np.mean(told) / np.sqrt(150), np.sqrt(2 / 3000))
    print(interval, ratio, error)
    assert abs(ratio - 1) < 4 * error


def test_where_next_to_no_shift_is_sampled_factors_are_those_of_shifts_alone():
    contacts = interviews(np.repeat(np.arange(6), 3), 2)
    usual, _ = factors(contacts, 20, np.random.default_rng(1))
    nothing, lonely = factors(contacts, 20, np.random.default_rng(1), np.zeros(18))
    assert nothing.tolist() == usual.tolist()
    assert lonely == 0
    given = month(contacts, 4, possible=10**15, sampled=6)
    within = passenger_factors(given, np.zeros(18), 20, np.random.default_rng(1))
    assert within.tolist() == np.ones((18, 21)).tolist()
    near, _ = factors(contacts, 20, np.random.default_rng(1), sampled_shares(given))
    assert near == pytest.approx(usual, abs=1e-12)


def test_where_every_shift_is_sampled_only_passengers_vary():
    contacts = interviews(np.repeat(np.arange(6), 3), 2)
    contacts["response"] = np.where(np.arange(18) < 2, 5, 1)  # two are silent
    given = month(contacts, 2, possible=6, sampled=6)
    share = sampled_shares(given)
    assert share.tolist() == [1.0] * 18
    whole, _ = factors(contacts, 30, np.random.default_rng(1), share)
    assert whole.tolist() == np.ones((18, 31)).tolist()
    # 16 of 20 answer (two silent rows, two tallied), every second is asked:
    # a factor is 1 ± √(1 − 0.8 / 2)
    within = passenger_factors(given, share, 30, np.random.default_rng(1))
    assert within[:, 0].tolist() == [1.0] * 18
    assert set(np.abs(within[:, 1:] - 1).ravel().round(12)) == {round(0.6**0.5, 12)}


def test_shares_sampled_are_by_route_and_direction():
    shift = np.array([1, 1, 2, 3, 3, 4])
    contacts = interviews(shift, 1) | {"portroute": np.array([110] * 3 + [120] * 3)}
    given = month(contacts, 0)
    rows = [[110, 110, 120, 120, 130], [1, 1, 1, 1, 1], [6, 4, 5, 3, 9], [2, 3, np.nan, 2, 4]]
    names = ("portroute", "arrivedepart", "possible", "sampled")
    shifts = {name: np.array(values) for name, values in zip(names, rows, strict=True)}
    given = Month(contacts, shifts, given.nonresponse, {}, {})
    # 110: 5 of 10 shifts; 120: a number is not known, so that the two with interviews count
    assert sampled_shares(given).tolist() == [0.5] * 3 + [0.25] * 3
