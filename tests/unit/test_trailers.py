"""What the migration trailer adds to interviews, by hand."""

import numpy as np
import pytest

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey.trailers import STAYS, Detail, with_trailers

LONG, SHORT = "12_months_or_more", "3_to_12_months"


def interviews(*rows):
    """Return interviews: serial, day, direction (1 arriving, 2 leaving) and area."""
    serial, day, direction, area = zip(*rows, strict=True)
    n = len(rows)
    return {
        "serial": np.array(serial), "interviewed_on": np.array(day, dtype="datetime64[D]"),
        "arrivedepart": np.array(direction), "area": np.array(area, dtype=object),
        "citizenship": np.full(n, "eu8", dtype=object), "age": np.full(n, 30.0),
        "purpose": np.full(n, "holiday", dtype=object), "sex": np.full(n, "F", dtype=object),
        "country": np.full(n, None, dtype=object),
    }  # fmt: skip


def trailers(*rows):
    """Return trailers: serial, nights, stay stated before, asylum, occupation."""
    names = ("serial", "nights", "stay_before", "asylum", "occupation")
    kinds = (int, float, object, bool, object)
    columns = zip(*rows, strict=True) if rows else [[]] * 5
    return {n: np.array(c, dtype=k) for n, c, k in zip(names, columns, kinds, strict=True)}


GIVEN = interviews(
    (9, "2010-02-28", 1, "E06000001"), (3, "2010-03-01", 2, None), (5, "2010-12-31", 2, None),
    (7, "2010-12-31", 1, None), (8, "2010-06-01", 2, None),
)  # fmt: skip
TOLD = trailers(
    (5, 400, LONG, False, None),  # came on 26 November 2009 and leaves: a stay of a year
    (3, 100, LONG, True, "manual"),  # had said a year, and leaves after 100 nights
    (7, 800, SHORT, False, "student"),  # gone since October 2008, said less
    (8, 29, LONG, False, None),  # under a month is a visit
)


def test_trailers_are_joined_by_serial():
    found = with_trailers(GIVEN, TOLD)
    assert found["stay_nights"].tolist()[1:] == [100, 400, 800, 29]
    assert np.isnan(found["stay_nights"][0])
    assert found["stay_before"].tolist() == [None, LONG, LONG, SHORT, LONG]
    assert found["asylum"].tolist() == [False, True, False, False, False]
    assert found["occupation"].tolist() == [
        "not_stated", "manual", "not_stated", "student", "not_stated"
    ]  # fmt: skip
    for none in (None, trailers()):
        plain = with_trailers(GIVEN, none)
        assert not plain["asylum"].any()
        assert set(plain["occupation"].tolist()) == {"not_stated"}
    astray = trailers((4, 1, LONG, False, None), (3, 1, LONG, False, None))
    with pytest.raises(SurveyError, match="not there") as caught:
        with_trailers(GIVEN, astray)
    assert caught.value.found == "1 of 2 trailers without an interview"


def test_migrants_and_stays_that_ended_in_their_cells():
    contacts = with_trailers(GIVEN, TOLD)
    weights = np.outer([1, 2, 4, 8, 16], [1.0, 3.0])
    made = Detail()
    made.add(contacts, np.array([True, False, True, True, False]), weights)
    made.add(contacts, np.array([True, False, False, False, False]), weights)
    cells = made.migrants()
    quarters = cells.sums({"direction": ["immigration", "emigration"], "quarter": [1, 4]})
    # the first of both months arrives in the first quarter; in the fourth 8 arrive and 4 leave
    assert quarters.tolist() == [[[2, 6], [8, 24]], [[0, 0], [4, 12]]]
    assert cells.distinct("area") == ["E06000001", "not_stated"]
    stays = made.stays()
    columns = [stays.labels[name].tolist() for name in STAYS]
    found = dict(zip(zip(*columns, strict=True), stays.values[:, 0].tolist(), strict=True))
    assert found == {
        # leaving ends immigration, in the year in which the stay began
        (2009, 2010, "immigration", "eu8", 0, True, True): 2 + 2,
        (2009, 2010, "immigration", "eu8", 1, True, False): 4,
        (2009, 2010, "immigration", "eu8", 0, True, False): 4,  # no migrant: under a year
        (2008, 2010, "emigration", "eu8", 2, False, False): 8,
    }
