"""The real outlines of UK areas: each local authority once, and in its true proportion."""

import re
from collections import Counter
from functools import cache

import numpy as np
import pytest

from ravenstein.release.maps import area_map, breaks_of, country_map
from ravenstein.release.outlines import atlas
from ravenstein.store.readers.code_changes import read_code_changes
from ravenstein.store.readers.myeb3 import read_myeb3
from ravenstein.store.readers.outlines import read_outlines
from ravenstein.tables.geography import LOCAL_AUTHORITY_PATTERN

MYEB3 = "population/MYEB3_summary_components_of_change_series_UK_({}).csv"
FLATTENING, AXIS = 1 / 298.257, 6378.137  # of the Earth [km]


@cache
def uk(shared, year):
    path = shared / "data/geography/uk_topo.json"
    return read_outlines(path, path.name, year)


@cache
def names(shared, edition):
    path = shared / "data" / MYEB3.format(edition)
    return {row["area"]: row["name"] for row in read_myeb3(path, path.name).areas.to_pylist()}


@pytest.fixture
def country(shared):
    known = names(shared, "2020_geog21")
    return atlas(uk(shared, 2021), list(known)), known


def true_area(ring):
    """Area on the ellipsoid [square km]: ∮ q dλ, with q the area between equator and latitude."""
    # points between, as edges are straight in degrees and meridians draw together
    share = np.linspace(0, 1, 8, endpoint=False)[:, None]
    dense = (ring[:-1, None] + share * np.diff(ring, axis=0)[:, None]).reshape(-1, 2)
    east, sine = np.radians(dense[:, 0]), np.sin(np.radians(dense[:, 1]))
    e2 = FLATTENING * (2 - FLATTENING)
    e = np.sqrt(e2)
    q = (1 - e2) / 2 * (sine / (1 - e2 * sine**2) + np.arctanh(e * sine) / e) * AXIS**2
    step = np.roll(east, -1) - east
    return float(np.abs((step * (q + np.roll(q, -1)) / 2).sum()))


@pytest.mark.parametrize(
    ("edition", "year", "count"), [("2018_geog19", 2019, 382), ("2020_geog21", 2021, 374)]
)
def test_every_local_authority_of_an_edition_has_one_outline(shared, edition, year, count):
    """In a year the districts with outlines are those of the edition.

    The file gives no last year for North Lanarkshire and Glasgow as they were until 2018.
    """
    known = names(shared, edition)
    held = {code for code in uk(shared, year) if re.fullmatch(LOCAL_AUTHORITY_PATTERN, code)}
    assert len(known) == count
    assert held - {"S12000044", "S12000046"} == set(known)


def test_outlines_end_in_the_year_before_a_change_of_codes(shared):
    path = shared / "data/geography/code_changes.csv"
    changes = [
        row for row in read_code_changes(path, path.name).to_pylist()
        if row["kind"] in ("merger", "new_code") and row["start"] <= 2025
        and re.fullmatch(LOCAL_AUTHORITY_PATTERN, row["old"])
    ]  # fmt: skip
    assert len(changes) > 40
    for row in changes:
        before, after = uk(shared, row["start"] - 1), uk(shared, row["start"])
        assert row["old"] in before
        assert row["new"] not in before
        assert row["old"] not in after
        assert row["new"] in after


def test_areas_on_the_map_are_in_true_proportion(shared, country):
    found, known = country
    on_map = np.bincount(found.owner, found.sizes)
    true = np.array([sum(map(true_area, uk(shared, 2021)[code])) for code in known])
    # the kingdom: 242.5 thousand square km of land; outlines follow the coast, with some water
    assert true.sum() == pytest.approx(243_600, rel=0.02)
    ratio = on_map / true
    assert np.abs(ratio / np.median(ratio) - 1).max() < 0.01


def test_every_local_authority_is_on_the_map(country):
    found, known = country
    assert not found.tiles
    assert set(found.owner.tolist()) == set(range(374))
    assert found.main.sum() == 374
    svg = country_map(
        found, dict.fromkeys(known, 1.0), names=known, links=dict.fromkeys(known, "a.html"),
        breaks=breaks_of([1.0]), colours=["#12436D"], text={},
    )  # fmt: skip
    drawn = re.findall(r'd="(M[^"]+z)"', svg)
    assert len(drawn) >= 374
    assert len(svg.encode()) < 450_000


@pytest.mark.slow
def test_maps_of_all_local_authorities_are_small(country):
    found, known = country
    sizes = [len(area_map(found, code, names=known).encode()) for code in known]
    assert max(sizes) < 40_000
    assert np.median(sizes) < 15_000


def test_each_nation_has_a_map(country):
    found, known = country
    letters = Counter(code[0] for code in known)
    assert letters == {"E": 309, "S": 32, "W": 22, "N": 11}
    for letter in letters:
        members = [code for code in known if code[0] == letter]
        assert len(area_map(found, members, names=known, label=letter).encode()) < 80_000
