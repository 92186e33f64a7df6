"""The stages of the passenger survey by hand, and what they refuse."""

import numpy as np
import pytest

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey import stages
from ravenstein.passenger_survey.cells import cells, rounded
from ravenstein.passenger_survey.chain import Month, factors, weigh
from ravenstein.passenger_survey.migrants import Totals, flows, long_term

ONE = np.ones((4, 1))


def own(stage):
    return stage.weights[:, 0].tolist()


def test_codes_of_any_writing_are_one_cell():
    found = cells(([1, 1.0, 2], ["a ", "a", None]), ([1], [" a"]))
    assert found.labels == ("1/a", "2/–")
    assert found.rows[0].tolist() == [0, 0, 1]
    assert found.rows[1].tolist() == [0]


def test_rounding_is_half_up_in_decimals():
    assert rounded(np.array([2.0625, 1.0005, 0.0004999]), 3).tolist() == [2.063, 1.001, 0.0]


def test_shifts_and_crossings_by_hand():
    # stratum A: 20 shifts, 2 sampled; stratum B: 30 crossings, 3 sampled in 2 shifts
    found = stages.shift(
        (["A", "A", "B", "B", "B"],),
        ((["A", "B"],), [20, 30]),
        (np.array([1, 2, 7, 7, 8]), np.array([np.nan, np.nan, 1, 2, 1])),
        ([1, 1, 0, 0, 0], [0, 0, 1, 1, 1]),
        [10, 10, 5, 5, 5],
    )
    assert own(found) == [100, 100, 50, 50, 50]
    known = stages.shift(
        (["A", "A"],), ((["A"],), [20], [4]), (np.array([1, 2]), np.array([0, 0])),
        ([1, 1], [0, 0]), [10, 10],
    )  # fmt: skip
    assert own(known) == [50, 50], "four were sampled, two of them without an interview"


def test_non_response_by_hand():
    # mean weight 15; 4 non-contacts: 60 over 60 + 10 of a non-respondent, 50 answered
    prior = np.array([[10.0], [20.0], [20.0], [10.0]])
    found = stages.nonresponse(
        prior,
        ((["A"] * 4,), ([1] * 4,)),
        ((["A"],), ([1],), [4]),
        ([0, 0, 1, 0], [0, 0, 0, 1]),
        ([10] * 4, [30] * 4),
    )
    base = (4 * 15 + 10 + 50) / 50
    assert own(found) == pytest.approx([base * 3, base * 3, base, 0])


def test_minimums_by_hand():
    prior = np.array([[10.0], [30.0], [8.0], [5.0]])
    found = stages.minimums(prior, (["A"] * 4,), [0, 0, 1, 2])
    assert own(found) == pytest.approx([48 / 40, 48 / 40, 0, 1])


def test_traffic_and_unsampled_by_hand():
    prior = np.array([[10.0], [30.0], [0.0], [5.0]])
    found = stages.traffic(prior, (["A", "A", "A", "B"],), ((["A", "B"],), [80, 20]))
    assert own(found) == [2, 2, 0, 4]
    more = stages.unsampled(prior, (["A", "A", "A", "B"],), ((["A"],), [10]))
    assert own(more) == [1.25, 1.25, 1.25, 1]


def test_imbalance_keeps_the_traffic_of_a_route():
    # overseas residents leaving: 100 at 1.1 gain 10; residents leaving lose 10 of 40
    prior = np.array([[100.0], [40.0], [7.0], [9.0]])
    found = stages.imbalance(
        prior, [1, 1, 2, 1], [1, 2, 2, 4], [1, 1, 1, 0], ([1.1] * 4, [1.0] * 4)
    )
    assert own(found) == pytest.approx([1.1, 0.75, 1, 1])
    assert (found.weights * prior).sum() == pytest.approx(prior.sum())
    alone = stages.imbalance(prior, [1, 2, 2, 1], [1, 2, 2, 4], [1] * 4, ([1.1] * 4, [1.0] * 4))
    assert any("no residents to balance" in warning for warning in alone.warnings)


def test_stays_are_imputed_from_two_donors_or_more():
    nights = stages.imputed_stays(
        ([1, 1, 1, 2, 2],), [True, True, False, True, False], [2, 3, np.nan, 9, np.nan]
    )
    assert nights[2] == 3, "2.5 rounded half up"
    assert np.isnan(nights[[0, 1, 3, 4]]).all()


@pytest.mark.parametrize(
    ("make", "problem", "found"),
    [
        (lambda: stages.shift((["A"],), ((["B"],), [5]), (np.array([1]), np.array([0])),
                              ([1], [0]), [10]), "without possible shifts", "1 interviews in A"),
        (lambda: stages.shift((["A"],), ((["A"],), [5]), (np.array([1]), np.array([0])),
                              ([1], [0]), [np.nan]), "interval is missing", "1 rows"),
        (lambda: stages.nonresponse(ONE, ((["A"] * 4,), ([1] * 4,)), ((["B"],), ([1],), [3]),
                                    ([0] * 4, [0] * 4), ([1] * 4, [1] * 4)),
         "no interviews", "3 non-contacts in B/1"),
        (lambda: stages.nonresponse(ONE, ((["A"] * 4,), ([1] * 4,)), ((["A"],), ([1],), [3]),
                                    ([0] * 4, [1] * 4), ([1] * 4, [1] * 4)),
         "no respondents", "A"),
        (lambda: stages.minimums(ONE, (["A", "A", "B", "B"],), [0, 1, 1, 2]), "no full ones", "B"),
        (lambda: stages.traffic(ONE, (["A"] * 4,), ((["A", "B"],), [5, 6])),
         "cells without sample", "B: 6 passengers"),
        (lambda: stages.traffic(ONE, (["A", "A", "A", "B"],), ((["A"],), [5])),
         "cells without passengers", "1 cases"),
        (lambda: stages.unsampled(ONE, (["A"] * 4,), ((["B"],), [7])),
         "without respondents", "7 passengers"),
    ],
)  # fmt: skip
def test_what_cannot_be_weighted_is_named(make, problem, found):
    with pytest.raises(SurveyError) as caught:
        make()
    assert problem in caught.value.problem
    assert found in caught.value.found


def month(n=400, seed=1):
    """A made month: two routes, two directions, ten shifts each."""
    g = np.random.default_rng(seed)
    route, direction = g.choice([110, 610], n), g.integers(1, 3, n)
    shift = (route * 10 + direction) * 10 + g.integers(0, 10, n)
    ones = np.ones(n, dtype=np.int64)
    contacts = {
        "portroute": route, "arrivedepart": direction, "weekday": ones, "am_pm_night": ones,
        "port_group": route.astype(str).astype(object),
        "unsampled_group": np.where(route == 110, "air", "sea").astype(object),
        "shiftno": shift, "shuttle": np.where(route == 610, 1.0, np.nan),
        "migsi": ones * 2, "tandtsi": ones * 6, "response": g.choice([1, 1, 1, 3, 4], n),
        "residence": g.choice(np.array(["country", "europe"], dtype=object), n),
        "stay_stated": np.where(g.random(n) < 0.1, "12_months_or_more", "under_3_months"),
    }  # fmt: skip
    contacts["stay_stated"][contacts["response"] == 4] = "12_months_or_more"
    cells_of = np.array([(r, d) for r in (110, 610) for d in (1, 2)])
    base = {"port_group": cells_of[:, 0].astype(str).astype(object),
            "unsampled_group": np.where(cells_of[:, 0] == 110, "air", "sea").astype(object),
            "arrivedepart": cells_of[:, 1]}  # fmt: skip
    ones = np.ones(4, dtype=np.int64)
    shifts = base | {
        "weekday": ones,
        "am_pm_night": ones,
        "possible": ones * 60,
        "sampled": ones * 10,
    }
    silent = base | {"weekday": ones, "migtotal": ones * 25, "ordtotal": ones * 0}
    traffic = base | {"passengers": ones * 9000}
    unsampled = {
        "unsampled_group": np.array(["air", "air"], dtype=object),
        "arrivedepart": np.array([1, 2]),
        "residence": np.array(["country", "elsewhere"], dtype=object),
        "passengers": np.array([500, 700]),
    }  # fmt: skip
    return Month(contacts, shifts, silent, traffic, unsampled)


def test_the_chain_ends_at_the_passengers_in_every_replicate():
    given = month()
    drawn, lonely = factors(given.contacts, 30, np.random.default_rng(2))
    found = weigh(given, drawn, lonely=lonely)
    assert found.final.sum(axis=0) == pytest.approx(np.full(31, 4 * 9000 + 1200))
    assert found.final[:, 1:].std(axis=1).max() > 0
    # elsewhere has passengers but no respondents: its cell was merged, and said so
    assert found.collapsed == ("unsampled: 1 empty cells (air/2/elsewhere) merged within port "
                               "group and direction",)  # fmt: skip
    plain = weigh(given, np.ones((400, 1)))
    assert plain.final[:, 0] == pytest.approx(found.final[:, 0])
    legacy = weigh(given, np.ones((400, 1)), decimals=3)
    assert legacy.final.sum() == pytest.approx(plain.final.sum(), rel=2e-3)
    assert not np.array_equal(legacy.final, plain.final)


def test_a_shift_alone_is_kept_as_certain():
    contacts = {name: values[:1] for name, values in month().contacts.items()}
    drawn, lonely = factors(contacts, 5, np.random.default_rng(3))
    assert drawn.tolist() == [[1.0] * 6]
    assert lonely == 1


def test_flows_by_hand():
    totals = Totals(
        {"year": [2010], "direction": ["immigration", "emigration"], "citizenship": ["a", "b"],
         "reason": ["x"]}, 2,
    )  # fmt: skip
    columns = {
        "year": np.array([2010, 2010, 2010]),
        "direction": np.array(["immigration", "immigration", "emigration"]),
        "citizenship": np.array(["a", "b", "a"]),
        "reason": np.array(["x", "x", "x"]),
    }
    totals.add(columns, np.array([[10.0, 9, 11], [5, 5, 5], [4, 4, 4]]))
    rows = flows(totals)
    whole = [i for i, by in enumerate(rows["by"]) if by == "all"]
    assert [rows["persons"][i] for i in whole] == [15, 4, 11]
    assert [rows["standard_error"][i] for i in whole] == pytest.approx([np.sqrt(2), 0, np.sqrt(2)])
    assert [rows["contacts"][i] for i in whole] == [2, 1, 3]
    assert ("emigration", "b") not in zip(rows["flow"], rows["category"], strict=True)
    given = totals.estimate()
    assert given.point.sel(citizenship="a", direction="immigration").item() == 10
    assert long_term(
        {"stay_stated": np.array(["12_months_or_more"] * 2), "response": np.array([1, 3])}
    ).tolist() == [True, False]
