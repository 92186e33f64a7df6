"""Revisions over editions and releases, by hand."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ravenstein.release.revisions import area_revisions, edition_revisions, revisions_view

FIRST, LAST = "2001-2002_geog2002", "2001-2003_geog2003"
FIGURES = {
    # A is revised, B is not, C becomes D
    (FIRST, "A"): {2001: 100, 2002: 110},
    (FIRST, "B"): {2001: 50, 2002: 60},
    (FIRST, "C"): {2001: 10, 2002: None},
    (LAST, "A"): {2001: 100, 2002: 121, 2003: 130},
    (LAST, "B"): {2001: 50, 2002: 60, 2003: 70},
    (LAST, "D"): {2001: 10, 2002: 20, 2003: 30},
}
ESTIMATES = pa.Table.from_pylist([
    {"edition": edition, "area": area, "year": year, "population": population}
    for (edition, area), years in FIGURES.items()
    for year, population in years.items()
])  # fmt: skip
AREAS = pa.Table.from_pylist([
    *({"edition": edition, "area": area, "name": f"Area {area}", "level": "local_authority",
       "nation": "W" if area == "B" else "E", "state": "K"} for edition, area in FIGURES),
    *({"edition": edition, "area": area, "name": name, "level": level, "nation": None,
       "state": "K"} for edition in (FIRST, LAST)
      for area, name, level in (("E", "England", "nation"), ("W", "Wales", "nation"),
                                ("K", "Kingdom", "state"))),
])  # fmt: skip
WALES = pa.array(["B", "W"])
EDITIONS = [{"edition": LAST, "last": 2003}, {"edition": FIRST, "last": 2002}]


def test_areas_nations_and_states_over_editions():
    found = area_revisions(ESTIMATES, AREAS)
    assert sorted(found) == ["A", "B", "E", "K", "W"], "C and D are in one edition alone"
    assert found["A"][1] == {"year": 2002, "figures": {FIRST: 110, LAST: 121}, "revision": 11}
    assert found["A"][2]["revision"] is None
    # a nation has no figure where one of its areas has none
    assert found["E"][0] == {"year": 2001, "figures": {FIRST: 110, LAST: 110}, "revision": 0}
    assert found["E"][1]["figures"] == {LAST: 141}


def test_a_state_without_one_of_its_nations_is_not_a_revision_of_it():
    # without Wales (B) in the first edition, the sum of 2001 would be revised from 110 to 160
    partial = ESTIMATES.filter(
        pc.or_(pc.not_equal(ESTIMATES["area"], "B"), pc.equal(ESTIMATES["edition"], LAST))
    )
    areas = AREAS.filter(
        pc.or_(pc.equal(AREAS["edition"], LAST), pc.invert(pc.is_in(AREAS["area"], WALES)))
    )
    for given in (areas, AREAS):
        found = area_revisions(partial, given)
        assert "K" not in found
        assert found["E"][0]["revision"] == 0
    # in both editions, but from 2002 on in the first alone
    partial = ESTIMATES.filter(
        pc.or_(pc.not_equal(ESTIMATES["area"], "B"),
               pc.or_(pc.equal(ESTIMATES["edition"], LAST), pc.equal(ESTIMATES["year"], 2002)))
    )  # fmt: skip
    partial = partial.filter(pc.not_equal(partial["area"], "C"))
    assert area_revisions(partial, AREAS)["K"] == [
        {"year": 2001, "figures": {LAST: 160}, "revision": None},
        {"year": 2002, "figures": {FIRST: 170, LAST: 201}, "revision": 31},
        {"year": 2003, "figures": {LAST: 230}, "revision": None},
    ]


def test_revisions_by_maturity_of_the_same_local_authorities():
    found = edition_revisions(ESTIMATES, AREAS, EDITIONS)
    assert [place["name"] for place in found.places] == ["Kingdom", "England", "Wales"]
    newest, older = found.maturity["K"]
    # 2002: A +11 and B 0 to 181 people; 2001: nothing
    assert (newest["maturity"], newest["figures"], newest["mean"]) == (0, 2, 5.5)
    assert newest["mean_absolute"] == 5.5
    assert newest["relative"] == pytest.approx(100 * 11 / 181)
    assert (older["maturity"], older["mean_absolute"]) == (1, 0)
    assert found.maturity["W"][0]["mean"] == 0
    (row,) = found.largest
    assert (row["name"], row["before"], row["after"], row["share"]) == ("Area A", 110, 121, 10)
    assert found.compared == (
        {"edition": FIRST, "same": 2, "others": 1, "figures": 4, "revised": 1},
    )
    assert edition_revisions(ESTIMATES, AREAS, EDITIONS[:1]) is None


def test_the_page_of_revisions():
    own = pa.table({
        "series": ["net"] * 3, "year": [2001, 2001, 2002], "vintage": [1, 2, 2],
        "persons": [100.0, 90.0, 50.0],
    })  # fmt: skip
    view = revisions_view(edition_revisions(ESTIMATES, AREAS, EDITIONS), own, {})
    assert view["said"] == [
        f"Of the 4 figures of edition {FIRST} whose area and year edition {LAST} has too, 1 was "
        "revised. Compared are the 2 local authorities that both have; 1 local authority is in "
        "the earlier alone, as boundaries changed."
    ]
    (series,) = view["series"]
    assert series["name"] == "Net migration (sum of components)"
    assert series["rows"][1] == {"year": 2002, "figures": [None, 50.0]}
    # one figure, 10 too high, of 90
    assert series["summary"] == [
        {"maturity": 0, "figures": "1", "mean": "−10.0", "mean_absolute": "10.0",
         "relative": "11.11"},
    ]  # fmt: skip
    assert view["lead"].startswith("Estimates are revised when")
    view = revisions_view(None, None, {})
    assert view["series"] == []
    assert "one release so far" in view["lead"]
    later = revisions_view(None, None, {}, number=2)["lead"]
    assert "revisions cannot be shown" in later
    unlike = own.slice(1)
    assert revisions_view(None, unlike, {})["series"][0]["summary"] == []
