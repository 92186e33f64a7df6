"""What past fieldwork says of the strata, by hand and on simulated interviews."""

import numpy as np
import pytest
from tests.naive_survey import naive_weights, simulated_month

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey.allocation import expected_errors, frontier
from ravenstein.passenger_survey.fieldwork import Fieldwork, NewRoute, past_fieldwork


@pytest.fixture(scope="module")
def given():
    made = simulated_month(6000, 2)
    final = naive_weights(**made)["final"].to_numpy()
    return made, final


def past_of(given, **chosen):
    made, final = given
    return past_fieldwork(made["contacts"], final, made["shifts"], [900.0, 700.0],
                          Fieldwork(**chosen))  # fmt: skip


def test_the_strata_hold_the_weighted_migrants_and_the_shifts(given):
    made, final = given
    c = made["contacts"]
    found = past_of(given)
    frame = found.frame
    migrant = (c["stay_stated"] == "12_months_or_more") & (c["response"] != 3)
    for direction in (1, 2):
        rows = found.arrivedepart == direction
        weighted = final[migrant & (c["arrivedepart"] == direction)].sum()
        assert (frame.possible * frame.migrants)[rows].sum() == pytest.approx(weighted)
        assert (frame.arriving == (found.arrivedepart == 1)).all()
    i = 5
    same = (c["portroute"] == found.portroute[i]) & (c["arrivedepart"] == found.arrivedepart[i])
    assert found.shifts[i].tolist() == [np.unique(c["shiftno"][same]).size, 0]
    s = made["shifts"]
    frame_rows = (s["portroute"] == found.portroute[i]) & (
        s["arrivedepart"] == found.arrivedepart[i]
    )
    assert frame.possible[i] == s["possible"][frame_rows].sum()
    steps = [c["migsi"][same][c["shiftno"][same] == k][0] for k in np.unique(c["shiftno"][same])]
    assert frame.interval[i].tolist() == pytest.approx([np.mean(steps)] * 2)
    assert set(found.quarter.tolist()) == {3}


def test_the_present_design_has_the_published_errors(given):
    found = past_of(given)
    cost, errors = found.present()
    assert cost == found.shifts.sum()
    assert errors == pytest.approx([900, 700, np.hypot(900, 700)])
    best = frontier(found.frame, cost)
    assert best.errors[-1, 2] < errors[2]
    assert expected_errors(found.frame, best.shifts(best.step(cost)))[2] == pytest.approx(
        best.errors[-1, 2]
    )


def test_costs_intervals_and_new_routes(given):
    found = past_of(
        given, migration_cost=0.5, migration_interval=5, least=3, ordinary_kept=1.0,
        new_routes=(NewRoute(999, 90, 1000.0),),
    )  # fmt: skip
    new = found.portroute == 999
    assert new.sum() == 8
    frame = found.frame
    assert (frame.cost == [1.0, 0.5]).all()
    assert (frame.interval[~new, 1] == 5).all()
    assert (frame.smallest.sum(axis=1) >= 3).all()
    assert (frame.smallest[~new, 0] == found.shifts[~new, 0]).all(), "all ordinary ones stay"
    # its passengers hold as many migrants as all of the direction
    old = ~new & (found.arrivedepart == 1)
    made, final = given
    passengers = final[made["contacts"]["arrivedepart"] == 1].sum()
    share = (frame.possible * frame.migrants)[old].sum() / passengers
    mine = new & (found.arrivedepart == 1)
    assert (frame.possible * frame.migrants)[mine] == pytest.approx([1000 * share] * 4)
    with pytest.raises(SurveyError, match="already"):
        past_of(given, new_routes=(NewRoute(int(found.portroute[0]), 90, 1000.0),))
