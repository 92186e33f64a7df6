"""The stages of the passenger survey by hand, and what they refuse."""

import numpy as np
import pytest

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey import stages
from ravenstein.passenger_survey.cells import cells, rounded
from ravenstein.passenger_survey.imbalance import imbalance
from ravenstein.passenger_survey.imputation import imputed_stays
from ravenstein.passenger_survey.shift import shift
from ravenstein.passenger_survey.trimming import trim

ONE, TWO = np.ones((4, 1)), np.array([1, 2])


def own(stage):
    return stage.weights[:, 0].tolist()


def test_codes_of_any_writing_are_one_cell():
    found = cells(([1, 1.0, 2], ["a ", "a", None]), ([1], [" a"]))
    assert found.labels == ("1/a", "2/–")
    assert found.rows[0].tolist() == [0, 0, 1]
    assert found.rows[1].tolist() == [0]


def test_long_numbers_and_strange_texts_are_codes_of_their_own():
    found = cells(([1_000_001, 1_000_002, 10_000_000_000],))
    assert found.labels == ("10000000000", "1000001", "1000002")
    assert cells((["007", "7", "²", "--5", "1.5", "-3.0"],)).labels == (
        "--5", "-3", "1.5", "7", "²"
    )  # fmt: skip


def test_rounding_is_half_up_in_decimals():
    assert rounded(np.array([2.0625, 1.0005, 0.0004999]), 3).tolist() == [2.063, 1.001, 0.0]


def test_shifts_and_crossings_by_hand():
    # stratum A: 20 shifts, 2 sampled; stratum B: 30 crossings, 3 sampled in 2 shifts
    found = shift(
        (["A", "A", "B", "B", "B"],),
        ((["A", "B"],), [20, 30]),
        (np.array([1, 2, 7, 7, 8]), np.array([np.nan, np.nan, 1, 2, 1])),
        ([1, 1, 0, 0, 0], [0, 0, 1, 1, 1]),
        [10, 10, 5, 5, 5],
    )
    assert own(found) == [100, 100, 50, 50, 50]
    known = shift(
        (["A", "A"],), ((["A"],), [20], [4]), (np.array([1, 2]), np.array([0, 0])),
        ([1, 1], [0, 0]), [10, 10],
    )  # fmt: skip
    assert own(known) == [50, 50], "four were sampled, two of them without an interview"


def test_a_shift_drawn_twice_is_sampled_twice():
    # stratum A: 20 possible, 2 sampled; B: 9 possible, 4 sampled of which 2 have interviews
    found = shift(
        (["A", "A", "B", "B"],), ((["A", "B"],), [20, 9], [np.nan, 4]),
        (np.array([1, 2, 3, 4]), np.full(4, np.nan)), ([1] * 4, [0] * 4), [10] * 4,
        np.array([[1, 2, 0], [1, 1, 0], [1, 2, 2], [1, 0, 2.0]]),
    )  # fmt: skip
    assert found.weights[:2].tolist() == [[100, 20 / 3 * 10, 10], [100, 20 / 3 * 10, 10]]
    assert found.weights[2:] == pytest.approx(np.array([[22.5, 22.5, 11.25]] * 2))


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
    found = imbalance(prior, [1, 1, 2, 1], [1, 2, 2, 4], [1, 1, 1, 0], ([1.1] * 4, [1.0] * 4))
    assert own(found) == pytest.approx([1.1, 0.75, 1, 1])
    assert (found.weights * prior).sum() == pytest.approx(prior.sum())
    alone = imbalance(prior, [1, 2, 2, 1], [1, 2, 2, 4], [1] * 4, ([1.1] * 4, [1.0] * 4))
    assert any("no residents to balance" in warning for warning in alone.warnings)


def test_trimming_keeps_the_sums_of_groups_in_every_replicate():
    # median 2: limit 6; 10 and 20 are cut to 6 and 12 where their shift was drawn twice
    prior = np.array([[1.0, 1.0], [2.0, 2.0], [10.0, 20.0], [1.0, 1.0], [3.0, 3.0]])
    factor = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0], [1.0, 1.0], [1.0, 1.0]])
    made, stage = trim(prior, (["A", "A", "A", "B", "B"],), 3.0, factor)
    assert made[:, 0] == pytest.approx([1 + 4 / 3, 2 + 8 / 3, 6, 1, 3])
    assert made[:, 1] == pytest.approx([5, 6, 12, 1, 3]), "2 would be 7.33"
    assert stage.own == pytest.approx([7 / 3, 7 / 3, 0.6, 1, 1])
    assert stage.warnings == ("1 weights above 6.0 cut off; the largest is now 6.0",)
    with pytest.raises(SurveyError, match="not above the median"):
        trim(prior, (["A"] * 5,), 1.0, factor)


def test_a_group_too_heavy_for_the_limit_keeps_its_weights():
    prior = np.array([[9.0], [9.0], [1.0], [1.0], [1.0]])
    made, stage = trim(prior, (["A", "A", "B", "B", "B"],), 2.0, np.ones((5, 1)))
    assert made.ravel().tolist() == [9, 9, 1, 1, 1]
    assert "1 groups are too heavy" in stage.warnings[0]
    # what is cut goes round until nobody is above: 10 → 4, the next one would be 4.6
    prior = np.array([[10.0], [3.0], [1.0], [2.0], [2.0]])
    made, _ = trim(prior, (["A", "A", "A", "B", "B"],), 2.0, np.ones((5, 1)))
    assert made.sum() == 18
    assert made.max() == 10, "A weighs 14, more than three limits of 4"
    made, _ = trim(prior, (["A"] * 5,), 2.0, np.ones((5, 1)))
    assert made.ravel() == pytest.approx([4, 4, 2, 4, 4])


def test_drawn_donors_keep_how_stays_are_distributed():
    """Long stays are rare: the mean of a class is never one of them."""
    g = np.random.default_rng(2)
    nights = np.exp(g.normal(1.5, 1.2, 20_000)).round()
    gives = g.random(20_000) > 0.2
    known = np.where(gives, nights, np.nan)
    classes = [(np.repeat(np.arange(20), 1000),)]
    long = (nights >= 30).mean()
    for generator, expected in ((g, long), (None, 0.8 * long)):
        found = imputed_stays(classes, gives, known, generator=generator)
        share = (np.where(gives, known, found) >= 30).mean()
        assert share == pytest.approx(expected, rel=0.05)
    nobody = imputed_stays(classes, np.zeros(20_000, dtype=bool), known, generator=g)
    assert np.isnan(nobody).all()


def test_stays_are_imputed_from_two_donors_or_more():
    nights = imputed_stays(
        [([1, 1, 1, 2, 2],)], [True, True, False, True, False], [2, 3, np.nan, 9, np.nan]
    )
    assert nights[2] == 3, "2.5 rounded half up"
    assert np.isnan(nights[[0, 1, 3, 4]]).all()
    wider = imputed_stays(
        [([1, 1, 1, 2, 2],), ([5] * 5,)],
        [True, True, False, True, False],
        [2, 3, np.nan, 9, np.nan],
    )
    assert wider[[2, 4]].tolist() == [3, 5], "the last row's class has one donor: all three serve"


@pytest.mark.parametrize(
    ("make", "problem", "found"),
    [
        (lambda: shift((["A"],), ((["B"],), [5]), (np.array([1]), np.array([0])),
                              ([1], [0]), [10]), "without possible shifts", "1 interviews in A"),
        (lambda: shift((["A"],), ((["A"],), [5]), (np.array([1]), np.array([0])),
                              ([1], [0]), [np.nan]), "interval is missing", "1 rows"),
        (lambda: shift((["A"] * 2,), ((["A"],), [5], [1]), (TWO, TWO),
                              ([1, 1], [0, 0]), [10, 10]), "than were sampled", "A"),
        (lambda: shift((["A"] * 2,), ((["A"],), [1]), (TWO, TWO),
                              ([1, 1], [0, 0]), [10, 10]), "than are possible", "A"),
        (lambda: shift((["A"] * 2,), ((["A"],), [9]), (TWO, TWO), ([1, 0], [0, 1]), [10, 10]),
         "both shifts and crossings", "2 interviews in A"),
        (lambda: imbalance(ONE * [[10], [1], [1], [1]], [1] * 4, [1, 2, 4, 4], [1] * 4,
                           ([1.5] * 4, [1.0] * 4)), "would be negative", "-4.000"),
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
