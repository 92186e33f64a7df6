import numpy as np
import pyarrow as pa
import pytest

from ravenstein.core.cells import estimate_from_rows, estimate_to_rows, to_array, to_rows
from ravenstein.core.errors import EstimateError
from ravenstein.core.estimate import estimate

ROWS = pa.table({"area": ["B", "A", "A", "B"], "year": [1, 1, 2, 2], "persons": [3, 1, 2, 4]})


def test_rows_become_an_array_by_label_not_by_place():
    array = to_array(ROWS, "persons", {"area": ["A", "B"], "year": [1, 2]})
    assert array.values.tolist() == [[1, 2], [3, 4]]
    assert to_array(ROWS, "persons", {"area": None, "year": None}).values.tolist() == [
        [3, 4],
        [1, 2],
    ]


def test_an_array_becomes_rows_and_comes_back():
    array = to_array(ROWS, "persons", {"area": ["A", "B"], "year": [1, 2]})
    rows = to_rows(array, "persons")
    assert rows.to_pydict() == {
        "area": ["A", "A", "B", "B"], "year": [1, 2, 1, 2], "persons": [1, 2, 3, 4],
    }  # fmt: skip
    assert to_array(rows, "persons", {"area": None, "year": None}).equals(array)


@pytest.mark.parametrize(
    ("rows", "labels", "found"),
    [
        (ROWS.slice(0, 3), {"area": ["A", "B"], "year": [1, 2]}, "1 missing and 0 repeated"),
        (pa.concat_tables([ROWS, ROWS.slice(1, 1)]), {"area": ["A", "B"], "year": [1, 2]},
         "0 missing and 1 repeated cells, the first at area=A, year=1"),
        (ROWS, {"area": ["A"], "year": [1, 2]}, "unknown labels B"),
        (ROWS, {"area": ["A", "B", "C"], "year": [1, 2]}, "2 missing"),
        (ROWS.set_column(2, "persons", pa.array([1, None, 2, 3])), {"area": None, "year": None},
         "1 cells without a value"),
        (ROWS.set_column(2, "persons", pa.array([1.0, float("nan"), 2.0, 3.0])),
         {"area": None, "year": None}, "1 cells without a value"),
        (ROWS.set_column(0, "area", pa.array(["A", None, "B", "B"])), {"area": None, "year": None},
         "1 rows without a label"),
        (ROWS.drop("persons"), {"area": None, "year": None}, "columns area, year"),
    ],
)  # fmt: skip
def test_a_missing_or_repeated_cell_raises(rows, labels, found):
    with pytest.raises(EstimateError) as caught:
        to_array(rows, "persons", labels)
    assert found in caught.value.found


def test_an_estimate_survives_as_rows_with_float32_draws():
    generator = np.random.default_rng(1)
    point = generator.normal(1000, 10, (3, 2))
    worlds = generator.normal(1000, 10, (3, 2, 50))
    given = estimate(point, worlds, {"area": ["A", "B", "C"], "sex": ["F", "M"]}, "persons")
    rows = estimate_to_rows(given)
    back = estimate_from_rows(rows.take(pa.array([5, 4, 3, 2, 1, 0])), "persons")
    assert rows.schema.field("draws").type.value_type == pa.float32()
    again = back.select(area=["A", "B", "C"], sex=["F", "M"])
    assert np.array_equal(again.point.values, point)
    assert np.array_equal(again.draws.values, worlds.astype(np.float32).astype(float))


def test_cells_with_different_numbers_of_draws_raise():
    rows = pa.table(
        {"area": ["A", "B"], "point": [1.0, 2.0],
         "draws": pa.array([[1.0, 2.0], [1.0]], pa.list_(pa.float32()))}
    )  # fmt: skip
    with pytest.raises(EstimateError) as caught:
        estimate_from_rows(rows, "persons")
    assert "1, 2 draws" in caught.value.found
