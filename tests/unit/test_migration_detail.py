"""Migrants by age, sex, citizenship and area: every margin met, nothing negative."""

import numpy as np
import pytest

from ravenstein.core.errors import MigrationError
from ravenstein.core.estimate import estimate
from ravenstein.core.sparse import SparseEstimate
from ravenstein.migration.component import DIRECTIONS
from ravenstein.migration.detail import detail
from ravenstein.migration.total import negative_cells

IN = DIRECTIONS[0]
AREAS = ["E06000001", "W06000001", "not_stated"]
KINDS = {"direction": DIRECTIONS, "age_group": ["15-24", "25-44"], "sex": ["F", "M"],
         "citizenship": ["british", "eu8"], "area": AREAS}  # fmt: skip
CLOSE = 1e-6  # of the total; raking ends within 1e-7


def surveyed(rows=40):
    g = np.random.default_rng(5)
    labels = {name: g.choice(kinds, rows) for name, kinds in KINDS.items()}
    return SparseEstimate(labels, g.integers(0, 9, (rows, 3)).astype(float), "persons")


def margins(age_sex, citizenship, area, second=2):
    """Return tables of a year's immigration, and two draws: as the figure, and `second` times that
    with the margins of ages turned round."""

    def table(values, labels, *, turned=False):
        point = np.array(values, dtype=float)[None, None]
        draws = np.stack([point, second * (point[:, :, ::-1] if turned else point)], axis=-1)
        return estimate(point, draws, {"direction": [IN], "year": [2010]} | labels, "persons")

    ages = {"age_group": KINDS["age_group"], "sex": KINDS["sex"]}
    return {
        "age_sex": table(age_sex, ages, turned=True),
        "citizenship": table(citizenship, {"citizenship": KINDS["citizenship"]}),
        "area": table(area, {"area": AREAS}),
    }


def test_the_detail_meets_its_margins_and_is_never_negative():
    found = detail(margins([[40, 20], [30, 10]], [70, 30], [60, 10, 30]), surveyed(), IN, 2010)
    assert list(found.labels) == ["age_group", "sex", "citizenship", "area"]
    ages = np.array([[40, 20], [30, 10]])
    for draw, times, aged in ((None, 1, ages), (0, 1, ages), (1, 2, 2 * ages[::-1])):
        values = found.table(draw)
        assert values.sum(axis=(2, 3)) == pytest.approx(aged, abs=100 * CLOSE)
        assert values.sum(axis=(0, 1, 3)) == pytest.approx([times * 70, times * 30])
        assert values.sum(axis=(0, 1, 2)) == pytest.approx([times * 60, times * 10, times * 30])
        assert (values >= 0).all()
    draws = np.stack([found.table(0), found.table(1)])
    assert found.standard_error() == pytest.approx(draws.std(axis=0, ddof=1), abs=100 * CLOSE)


def test_where_the_survey_fits_already_its_cells_stay():
    """Half as many as the margins, all independent: every cell is the product of its margins."""
    rows = [(a, s, c, p) for a in range(2) for s in range(2) for c in range(2) for p in range(3)]
    names = ("age_group", "sex", "citizenship", "area")
    labels = {n: np.array([KINDS[n][row[i]] for row in rows]) for i, n in enumerate(names)}
    labels["direction"] = np.full(len(rows), IN)
    shares = np.einsum("as,c,p->ascp", [[20, 10], [15, 5]], [0.7, 0.3], [0.6, 0.1, 0.3]).ravel()
    cells = SparseEstimate(labels, np.repeat(shares[:, None], 3, axis=1), "persons")
    found = detail(margins([[40, 20], [30, 10]], [70, 30], [60, 10, 30]), cells, IN, 2010).table()
    assert found[0, 0, 0, 0] == pytest.approx(40 * 0.7 * 0.6)
    assert found[1, 1, 1, 2] == pytest.approx(10 * 0.3 * 0.3)


def test_a_negative_cell_of_a_margin_is_0_and_the_others_make_up_for_it():
    tables = margins([[60, 20], [-10, 30]], [70, 30], [60, 10, 30])
    found = detail(tables, surveyed(), IN, 2010).table()
    # 60, 20 and 30 are 110: each is ten elevenths
    expected = np.array([[60, 20], [0, 30]]) / 1.1
    assert found.sum(axis=(2, 3)) == pytest.approx(expected, abs=100 * CLOSE)
    assert found.sum(axis=(0, 1, 3)) == pytest.approx([70, 30])
    assert (found >= 0).all()
    assert negative_cells(tables) == {"age_sex": 1, "citizenship": 0, "area": 0}
    with pytest.raises(MigrationError, match="0 or less") as caught:
        detail(margins([[-60, 20], [10, 30]], [70, 30], [60, 10, 30]), surveyed(), IN, 2010)
    assert caught.value.found == "0"


def test_a_draw_below_0_has_nobody_and_is_no_error():
    given = [[40, 20], [30, 10]], [70, 30], [60, 10, 30]
    found = detail(margins(*given, second=-1), surveyed(), IN, 2010)
    assert not found.table(1).any()
    for draw in (None, 0):
        assert found.table(draw).sum(axis=(2, 3)) == pytest.approx(
            np.array(given[0]), abs=100 * CLOSE
        )
