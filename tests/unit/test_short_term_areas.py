"""Short-term migration by area, and migrants beside registrations, by hand."""

import numpy as np
import pytest

from ravenstein.core.errors import MigrationError
from ravenstein.core.estimate import estimate
from ravenstein.core.sparse import SparseEstimate
from ravenstein.migration.short_term import STREAMS, area_rows, by_area, coherence
from ravenstein.tables.passenger_survey import REASONS

AREAS = ["E06000001", "E06000002", "not_stated"]
NAMES = ("direction", "reason", "area")


def cells(*rows):
    labels = {n: np.array([row[i] for row in rows]) for i, n in enumerate(NAMES)}
    return SparseEstimate(labels, np.array([row[3:] for row in rows], dtype=float), "persons")


MIGRANTS = cells(
    ("immigration", "definite_job", AREAS[0], 2, 1),
    ("immigration", "looking_for_work", AREAS[1], 2, 3),
    ("immigration", "formal_study", AREAS[1], 5, 0),
    ("emigration", "formal_study", AREAS[0], 90, 90),
)


def stays(**reasons):
    """Return immigration by reason in one year, with one draw of twice the figure; and emigration
    of 1000, which no area is given."""
    point = np.zeros((1, 1, 2, 1, len(reasons)))
    point[0, 0, 0, 0] = list(reasons.values())
    point[0, 0, 1] = 1000
    labels = {"definition": ["months_1_to_12"], "year": [2010],
              "direction": ["immigration", "emigration"], "citizenship": ["other"],
              "reason": list(reasons)}  # fmt: skip
    return estimate(point, 2 * point[..., None], labels, "persons")


def test_each_stream_goes_where_its_people_live():
    assert set(STREAMS) <= set(REASONS.labels)
    found = by_area(stays(definite_job=80, formal_study=20), MIGRANTS, AREAS)
    # workers 2 : 2, students all in the second; in the draw workers 1 : 3, of 160
    assert found.point.values[0, 0].tolist() == [40, 40 + 20, 0]
    # nobody studies in the draw: its 40 students live as all streams do, 1 : 3
    assert found.draws.values[0, 0, :, 0] == pytest.approx([40 + 10, 120 + 30, 0])


def test_areas_add_up_to_the_nation():
    given = stays(definite_job=80, formal_study=20, other=7, accompany_join=5)
    for workers in (None, {AREAS[0]: 1, AREAS[1]: 3}):
        found = by_area(given, MIGRANTS, AREAS, workers).sum("area")
        assert found.point.values == pytest.approx(112)
        assert found.draws.values == pytest.approx(224)


def test_registered_workers_say_where_workers_live():
    given = stays(looking_for_work=80, formal_study=20)
    found = by_area(given, MIGRANTS, AREAS, {AREAS[0]: 3, AREAS[1]: 1})
    assert found.point.values[0, 0].tolist() == [60, 20 + 20, 0]
    nobody = by_area(given, MIGRANTS, AREAS, {})
    assert nobody.point.values.tolist() == by_area(given, MIGRANTS, AREAS).point.values.tolist()
    with pytest.raises(MigrationError, match="areas that are not asked for") as caught:
        by_area(given, MIGRANTS, AREAS, {AREAS[0]: 3, "E06000009": 5})
    assert caught.value.found == "E06000009"


def test_figures_with_a_large_error_are_left_out():
    draws = np.array([[[[90.0, 110], [50, 150], [0, 0]]]])[0]
    labels = {"definition": ["months_1_to_12"], "year": [2010], "area": AREAS}
    found = area_rows(estimate([[[100, 100, 0]]], draws[None][0][None], labels, "persons"))
    # standard errors 10 √2 and 50 √2: 14 % is published, 71 % is above 25 %
    assert [row["persons"] for row in found] == [100, None, None]
    assert [row["cv"] for row in found][:2] == pytest.approx([0.1 * 2**0.5, 0.5 * 2**0.5])
    assert found[2]["cv"] is None
    assert found[0]["area"] == AREAS[0]


def test_registrations_over_migrants_have_the_interval_of_a_ratio():
    draws = np.array([np.linspace(80, 120, 201), np.linspace(40, 60, 201), np.linspace(-1, 9, 201)])
    migrants = estimate([100, 50, 4], draws, {"year": [2010, 2011, 2012]}, "persons")
    rows = coherence(migrants, {2010: 50, 2012: 3, 2013: 9})
    (row,) = rows  # 2011 has no registrations; of 2012 not even the sign is known
    # 2.5 % and 97.5 % of draws even from 80 to 120 are 81 and 119
    assert row == {
        "year": 2010, "persons": 100, "registered": 50, "ratio": 0.5,
        "lower": pytest.approx(50 / 119), "upper": pytest.approx(50 / 81),
    }  # fmt: skip
