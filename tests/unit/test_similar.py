"""Similar areas: distances, ties and missing values, by hand; rates and shares of an account."""

import numpy as np
import pyarrow as pa
import pytest

from ravenstein.core.errors import DemographyError
from ravenstein.population.similar import VARIABLES, account_variables, similar

NAN = float("nan")
SCALE = 1.4826


def neighbours(values, codes, **options):
    found = {}
    for row in similar(np.array(values, dtype=float), codes, **options).to_pylist():
        found.setdefault(row["area"], []).append((row["rank"], row["other"], row["distance"]))
    return found


def test_distances_are_in_robust_standard_deviations():
    # medians 2 and 10; deviations 2 1 0 1 8 and 0 10 0 20 10: medians of these 1 and 10
    values = [[0, 10], [1, 20], [2, 10], [3, 30], [10, 0]]
    found = neighbours(values, list("ABCDE"), count=2)
    apart = [np.hypot(1 / SCALE, 10 / (10 * SCALE)), 2 / SCALE]
    assert found["A"] == [(1, "B", round(apart[0], 6)), (2, "C", round(apart[1], 6))]
    # an area far off has neighbours too, and is nobody's
    assert [other for _, other, _ in found["E"]] == ["D", "C"]
    assert all("E" not in {other for _, other, _ in near} for near in found.values())


def test_ties_are_in_order_of_code_whatever_the_order_of_rows():
    values, codes = [[1], [0], [2], [1]], ["D", "C", "A", "B"]
    found = neighbours(values, codes)
    assert [other for _, other, _ in found["D"]] == ["B", "A", "C"]
    assert found["D"][0] == (1, "B", 0.0)
    assert found["D"][1][2] == found["D"][2][2]
    again = neighbours(values[::-1], codes[::-1])
    assert again == found
    assert list(found) == sorted(codes)


def test_missing_values_leave_the_variables_that_both_have():
    values = [[0, 0], [1, NAN], [2, 4], [3, NAN], [4, 8]]
    found = neighbours(values, list("ABCDE"), count=4)
    # medians 2 and 4, deviations 1 and 4; one of two variables counts twice
    near = {other: distance for _, other, distance in found["A"]}
    assert near["B"] == round(np.sqrt(2 * (1 / SCALE) ** 2), 6)
    assert near["C"] == round(np.sqrt((2 / SCALE) ** 2 + (1 / SCALE) ** 2), 6)


def test_areas_with_too_little_in_common_are_not_compared():
    values = [[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, NAN, NAN], [NAN, NAN, NAN]]
    found = neighbours(values, list("ABCDE"))
    assert set(found) == {"A", "B", "C"}, "one of three variables, or none"
    assert {other for _, other, _ in found["A"]} == {"B", "C"}


def test_a_variable_without_spread_says_nothing():
    alone = neighbours([[0], [1], [3]], list("ABC"))
    assert neighbours([[0, 7, NAN], [1, 7, NAN], [3, 7, NAN]], list("ABC")) == alone
    assert neighbours([[7], [7]], ["A", "B"]) == {}
    assert neighbours(np.empty((0, 2)), []) == {}
    # more than half at the median: the standard deviation, here 2
    found = neighbours([[0], [0], [0], [0], [5]], list("ABCDE"), count=1)
    assert found["E"] == [(1, "A", 2.5)]


@pytest.mark.parametrize(
    ("values", "codes", "told"),
    [
        ([[1.0], [2.0]], ["A", "A"], "repeated: A"),
        ([[1.0], [np.inf]], ["A", "B"], "infinite: B"),
        ([[1.0]], ["A", "B"], "1 rows"),
    ],
)
def test_areas_that_cannot_be_compared(values, codes, told):
    with pytest.raises(DemographyError, match="cannot be compared") as error:
        similar(np.array(values), codes)
    assert told in error.value.found


def account(*rows):
    names = ("opening", "closing", "births", "deaths", "internal_in", "internal_out",
             "international_in", "international_out")  # fmt: skip
    columns = {"area": [r[0] for r in rows], "year": [r[1] for r in rows]}
    for place, name in enumerate(names, start=2):
        columns[name] = pa.array([r[place] for r in rows], pa.int64())
    natural = [None if r[4] is None else r[4] - r[5] for r in rows]
    return pa.table(columns | {"natural_change": pa.array(natural, pa.int64())})


def test_rates_are_of_the_years_that_have_figures():
    rows = account(
        ("A", 2001, 999, 999, 999, 0, 0, 0, 0, 0),
        ("A", 2002, 900, 1100, 20, 10, 50, 40, 8, 6),
        ("A", 2003, 1100, 900, 10, 10, 30, 20, None, 4),
        ("B", 2002, None, None, None, None, None, None, None, None),
        ("B", 2003, None, 500, 5, 5, 5, 5, 5, 5),
    )
    given = account_variables(rows, years=2)
    assert given.codes == ("A", "B")
    a, b = (dict(zip(VARIABLES, line, strict=True)) for line in given.values.tolist())
    assert a["population"] == np.log(900)
    assert a["births"] == 15, "30 by 2,000; the first year is out"
    assert (a["deaths"], a["natural_change"]) == (10, 5)
    assert (a["internal_in"], a["internal_out"]) == (40, 30)
    assert (a["international_in"], a["international_out"]) == (8, 5)
    assert b["population"] == np.log(500)
    assert np.isnan([b[name] for name in VARIABLES if name != "population"]).all()


def test_shares_of_ages_where_they_are_known():
    persons = np.zeros(91, dtype=int)
    persons[[0, 15, 16, 24, 25, 64, 65, 90]] = (10, 10, 5, 5, 20, 20, 20, 10)
    rows = account(("A", 2002, 1, 1, 1, 1, 1, 1, 1, 1), ("B", 2002, 1, 1, 1, 1, 1, 1, 1, 1))
    given = account_variables(rows, {"A": persons})
    assert list(VARIABLES)[-3:] == ["aged_0_15", "aged_16_24", "aged_65"]
    assert given.values[0, -3:].tolist() == [20, 10, 30]
    assert np.isnan(given.values[1, -3:]).all()
