"""Switchers by hand: three cohorts, and who of them has left again."""

import numpy as np
import pytest

from ravenstein.core.sparse import SparseEstimate
from ravenstein.migration.component import DIRECTIONS, GROUPS, of_years
from ravenstein.migration.components.migrant_switchers import migrant_switchers
from ravenstein.migration.components.visitor_switchers import shares_left, visitor_switchers
from ravenstein.migration.stays import cohorts, window

IN = DIRECTIONS[0]
YEARS = [2001, 2002, 2003]
_STAY = ("year", "ended", "direction", "citizenship", "length", "stated_long", "asylum")


def sparse(names, rows, values):
    """Return cells whose one draw is twice the point."""
    found = zip(*rows, strict=True)
    labels = {name: np.array(column) for name, column in zip(names, found, strict=True)}
    point = np.array(values, dtype=float)[:, None]
    return SparseEstimate(labels, np.hstack([point, 2 * point]), "persons")


def held(cells, stays, years=YEARS):
    """Return cohorts: cells of (year, citizenship, persons), stays as `_STAY` and persons."""
    names = ("year", "direction", "citizenship", "asylum")
    stated = [(year, IN, of, False) for year, of, _ in cells]
    left = [(*row[:2], IN, *row[2:-1]) for row in stays]
    return cohorts(
        sparse(names, stated, [row[-1] for row in cells]),
        sparse(_STAY, left, [row[-1] for row in stays]),
        years,
    )


def three_cohorts():
    """Return those who stated a year in 2001 to 2003, a hundred each, and who has left."""
    cells = [(y, "new_commonwealth", 75) for y in YEARS] + [(y, "other", 25) for y in YEARS]
    stays = [
        (2001, 2001, "other", 0, True, False, 10), (2002, 2003, "other", 0, True, False, 20),
        (2001, 2002, "other", 1, True, False, 9), (2001, 2003, "other", 2, True, False, 18),
        (2002, 2003, "other", 1, True, False, 8),
        (2001, 2002, "other", 1, False, False, 6), (2002, 2003, "other", 1, False, False, 2),
        (2001, 2002, "other", 1, False, True, 50),  # asylum: another component
        (1999, 2001, "other", 2, False, False, 70),  # before the first year
    ]  # fmt: skip
    return held(cells, stays)


def by(component, *names):
    """Return labels and points of a component's cells that are not 0."""
    (part,) = component.parts
    part = part.where(part.values[:, 0] != 0)
    labels = zip(*(part.labels[name].tolist() for name in names), strict=True)
    return dict(zip(labels, map(pytest.approx, part.values[:, 0].tolist()), strict=True))


def test_migrant_switchers_by_hand():
    found = migrant_switchers(three_cohorts())
    # 10 + 20 of the 200 of complete years: 15 % of each hundred
    assert by(found, "year", "citizenship") == {
        **{(y, "new_commonwealth"): -0.15 * 75 for y in YEARS},
        **{(y, "other"): -0.15 * 25 for y in YEARS},
    }
    steps = {(s["step"], s["year"]): s["value"] for s in found.steps if s["direction"] == IN}
    assert [steps["met again within 12 months", y] for y in YEARS] == [10, 20, 0]
    assert steps["share of those who stated 12 months", 2003] == pytest.approx(0.15)
    assert found.provisional == (2001, 2002, 2003)


def test_shares_of_long_stays_that_have_ended_by_hand():
    left = shares_left(three_cohorts())
    # 90 and 80 stayed a year; in the next one 9 + 8 of 170 left, in the one after 18 of 81
    open_ = {1: 1 - 17 / 170, 2: 1 - 18 / 81}
    assert left[0, :, 0] == pytest.approx([1 - open_[1] * open_[2], 1 - open_[1], 0])
    assert left[0, 0, 0] == pytest.approx(0.3)
    assert left[0, :, 1] == pytest.approx(left[0, :, 0]), "all is twice as many in the draw"
    assert left[1].tolist() == [[0, 0]] * 3


def test_visitor_switchers_by_hand():
    found = visitor_switchers(three_cohorts())
    # 6 + 2 were met, of 0.3 + 0.1 + 0 of three like cohorts: 20 a year
    assert by(found, "year", "citizenship") == {
        **{(y, "new_commonwealth"): 15 for y in YEARS}, **{(y, "other"): 5 for y in YEARS},
    }  # fmt: skip
    steps = {(s["step"], s["year"]): s["value"] for s in found.steps if s["direction"] == IN}
    assert [steps["met at the end of a stay", y] for y in YEARS] == [6, 2, 0]
    assert [steps["still open, or not met yet", y] for y in YEARS] == pytest.approx([14, 18, 20])
    assert found.provisional == (2001, 2002, 2003)


def test_a_group_in_which_nobody_states_a_year_is_shared_evenly():
    cells = [(y, "other", 100) for y in YEARS]
    stays = [(2001, 2002, "other", 1, True, False, 50),
             (2001, 2002, "eu8", 1, False, False, 4)]  # fmt: skip
    # hazard 50 of 200: a quarter of the first two cohorts has left
    found = by(visitor_switchers(held(cells, stays)), "citizenship", "year")
    assert found == {(of, y): 4 / 0.5 / 2 for of in ("eu15", "eu8") for y in YEARS}


def test_where_nobody_tells_how_many_have_left_those_met_are_all():
    stays = [(2001, 2002, "british", 1, False, False, 6)]
    found = visitor_switchers(held([(2001, "british", 0)], stays))
    assert by(found, "year") == {(y,): 2 for y in YEARS}


@pytest.mark.parametrize("kind", [visitor_switchers, migrant_switchers])
def test_years_that_are_published_have_the_switchers_of_the_whole_survey(kind):
    cells = [(y, "other", 100) for y in (2000, *YEARS)]
    stays = [(2000, 2000, "other", 0, True, False, 30), (2000, 2002, "other", 2, True, False, 20),
             (2000, 2003, "other", 3, False, False, 6)]  # fmt: skip
    whole = kind(held(cells, stays, [2000, *YEARS]))
    assert whole.provisional == (2001, 2002, 2003)
    chosen = of_years(whole, [2000, 2001])
    assert chosen.provisional == (2001,)
    # 30 of three complete hundreds left early; of 70, 100, stayers 20 left in the second year
    left = 20 / 170
    each = {visitor_switchers: 6 / (2 * left), migrant_switchers: -10}[kind]
    assert by(chosen, "year", "citizenship") == {(y, "other"): each for y in (2000, 2001)}
    assert {step["year"] for step in chosen.steps} == {2000, 2001}
    alone = kind(held(cells[:2], stays[:1], [2000, 2001]))
    assert by(alone, "year", "citizenship") != by(chosen, "year", "citizenship")


def test_windows_are_the_nearest_five_complete_years():
    years = list(range(2001, 2011))
    found = [(int(w[0]), int(w[-1])) for w in window(years, 10)]
    assert found[0] == (0, 4)
    assert found[5] == (3, 7)
    assert found[9] == (5, 9)
    assert [(int(w[0]), int(w[-1])) for w in window(years, 9)][8:] == [(4, 8), (4, 8)]
    assert [w.tolist() for w in window([1, 2], 1)] == [[0], [0]]
    assert set(GROUPS.values()) == {"british", "eu", "other"}
