"""Sparse estimates by hand: cells in parts, their sums, and as rows."""

import numpy as np
import pytest

from ravenstein.core.errors import EstimateError
from ravenstein.core.sparse import (
    SparseEstimate,
    gathered,
    sparse_from_rows,
    sparse_to_rows,
    together,
)


def cells(*rows, names=("sex", "year"), unit="persons"):
    """Return cells: labels of a row, then its point and draws."""
    labels = {n: np.array([row[i] for row in rows]) for i, n in enumerate(names)}
    values = np.array([row[len(names) :] for row in rows], dtype=float)
    return SparseEstimate(labels, values, unit)


GIVEN = cells(("F", 2010, 1, 2, 0), ("M", 2011, 4, 5, 6), ("F", 2010, 10, 20, 30))


def test_a_cell_is_the_sum_of_its_parts_and_what_is_not_listed_is_0():
    assert (GIVEN.count, GIVEN.draws) == (3, 2)
    assert GIVEN.distinct("year") == [2010, 2011]
    found = GIVEN.sums({"sex": ["M", "F"], "year": [2010, 2011]})
    assert found.tolist() == [[[0, 0, 0], [4, 5, 6]], [[11, 22, 30], [0, 0, 0]]]
    by_year = GIVEN.over({"year": [2011, 2010]})
    assert by_year.point.values.tolist() == [4, 11]
    assert by_year.draws.values.tolist() == [[5, 6], [22, 30]]
    assert by_year.unit == "persons"
    assert GIVEN.sums({}).tolist() == [15, 27, 36]


def test_a_label_that_was_not_asked_for_is_not_dropped():
    with pytest.raises(EstimateError, match="not asked for") as caught:
        GIVEN.sums({"year": [2010]})
    assert "2011" in caught.value.found
    assert GIVEN.where(GIVEN.labels["year"] == 2010).sums({"year": [2010]}).tolist() == [
        [11, 22, 30]
    ]
    nobody = GIVEN.where(np.zeros(3, dtype=bool))
    assert nobody.sums({"sex": ["F"]}).tolist() == [[0, 0, 0]]


def test_cells_are_relabelled_scaled_and_put_together():
    twice = GIVEN.scaled(2.0).relabelled(sex=np.array(["X", "X", "X"]))
    assert twice.sums({"sex": ["X"]}).tolist() == [[30, 54, 72]]
    own = GIVEN.scaled(np.array([1.0, 0.0, 0.5]))  # a factor a draw
    assert own.sums({}).tolist() == [15, 0, 18]
    both = together([GIVEN, twice])
    assert both.sums({"sex": ["F", "M", "X"]})[:, 0].tolist() == [11, 4, 30]
    for other in (cells(("F", 2010, 1, 2)), cells(("F", 1, 2, 3), names=("sex",)),
                  cells(("F", 2010, 1, 2, 3), unit="moves")):  # fmt: skip
        with pytest.raises(EstimateError, match="different kinds"):
            together([GIVEN, other])


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ({"sex": np.array(["F"])}, np.ones((2, 3))),
        ({"sex": np.array(["F"]), "year": np.array([1, 2])}, np.ones((1, 3))),
        ({"sex": np.array(["F"])}, np.ones(1)),
        ({"sex": np.array(["F"])}, np.array([[1.0, np.nan]])),
        ({"sex": np.array(["F"])}, np.array([[1.0, np.inf]])),
    ],
)
def test_cells_that_do_not_fit_together(labels, values):
    with pytest.raises(EstimateError, match="do not fit together"):
        SparseEstimate(labels, values, "persons")


def test_rows_are_gathered_into_their_cells():
    def summed(weights, number, count):
        found = np.zeros((count, weights.shape[1]))
        np.add.at(found, number, weights)
        return found

    columns = {"sex": np.array(["M", "F", "M", "F"]), "year": np.array([1, 2, 1, 1])}
    weights = np.array([[1.0, 0.5], [2.0, 2.0], [4.0, 1.0], [8.0, 0.0]])
    labels, values = gathered(columns, weights, summed)
    found = zip(labels["sex"].tolist(), labels["year"].tolist(), values.tolist(), strict=True)
    assert sorted(found) == [("F", 1, [8, 0]), ("F", 2, [2, 2]), ("M", 1, [5, 1.5])]


def test_rows_and_back():
    rows = sparse_to_rows(GIVEN)
    assert rows.column_names == ["sex", "year", "point", "draws"]
    assert rows["draws"].to_pylist() == [[2, 0], [5, 6], [20, 30]]
    again = sparse_from_rows(rows, "persons", 2)
    assert again.values.tolist() == GIVEN.values.tolist()
    assert {n: v.tolist() for n, v in again.labels.items()} == {
        "sex": ["F", "M", "F"], "year": [2010, 2011, 2010]
    }  # fmt: skip
    assert sparse_from_rows(rows.slice(0, 0), "persons", 2).draws == 2
