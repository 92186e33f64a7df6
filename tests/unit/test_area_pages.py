"""What area pages say at the edges: ties, losses only, one year, names that charts cannot draw."""

import xml.etree.ElementTree as ET

import pytest

from ravenstein.release.areas import Area, area_flows, area_view, headline_figures
from ravenstein.release.charts.area import rank_chart
from ravenstein.release.explorer import _colours, _labels

NAMES = (
    "births", "deaths", "natural_change", "internal_in", "internal_out", "internal_net",
    "international_in", "international_out", "international_net", "other_change", "residual",
)  # fmt: skip


def account(year, opening, closing, **given):
    row = dict.fromkeys(NAMES, 0) | {"year": year, "opening": opening, "closing": closing}
    return row | {"status": "balanced"} | given


def area(code, net=0, **given):
    rows = (account(2012, 1000, 1000, international_net=net),)
    return Area(code, f"Area {code}", "local_authority", (), rows, **given)


def flow(year, persons, name="net", **given):
    bounds = {"lower": persons - 5, "upper": persons + 5, "provisional": year == 2012}
    row = {"nation": "all", "by": "all", "category": "all", "component": "total"}
    return row | bounds | {"year": year, "flow": name, "persons": persons} | given


def test_rates_are_of_the_mean_population():
    row = account(2012, 900, 1100, internal_net=-5)
    assert Area("A", "A", "local_authority", (), (row,)).rate("internal_net") == -5.0
    empty = account(2012, 0, 0, internal_net=0)
    assert Area("A", "A", "local_authority", (), (empty,)).rate("internal_net") is None


@pytest.mark.parametrize(
    ("nets", "said"),
    [
        ((5, 3, 1), "is highest of this area and 2 similar ones."),
        ((1, 3, 5), "is lowest of this area and 2 similar ones."),
        ((3, 5, 3, 1), "is joint 2nd highest of this area and 3 similar ones."),
        ((2, 2), "is the same in this area and 1 similar one."),
    ],
)
def test_the_place_among_similar_areas(nets, said):
    others = {f"A{i}": area(f"A{i}", net) for i, net in enumerate(nets)}
    own = area("A0", nets[0], similar=tuple(list(others)[1:]))
    assert area_view(own, others)["beside"]["title"].endswith(said)


def test_headline_numbers_have_change_interval_status_and_trail():
    rows = (
        account(2011, 1000, 1010, internal_net=4),
        account(2012, 1010, 1000, internal_net=-2, international_net=3),
    )
    earlier = ({"edition": "e", "last": 2012, "year": 2012, "population": 990},)
    own = Area("A", "A", "local_authority", (), rows, earlier=earlier,
               flows=(flow(2011, 20.0), flow(2012, 12.4)))  # fmt: skip
    first, second, third = headline_figures(own)
    assert (first["value"], first["change"]) == ("1,000", "−10 on a year before")
    assert first["status"] == "revised since the earlier edition"
    assert (second["value"], second["change"]) == ("+12", "−8 on a year before")
    assert second["interval"] == "95% interval 7 to 17"
    assert (second["status"], second["trail"]) == ("provisional", "migration_flows")
    assert (third["value"], third["change"]) == ("−2", "−6 on a year before")
    assert third["trail"] == "population_account"


def test_flows_go_to_the_area_they_are_of():
    rows = [
        flow(2012, 1.0),
        flow(2012, 2.0, nation="X"),
        flow(2012, 3.0, by="area", category="X06000001"),
        flow(2012, 4.0, by="area", category="X06000001", nation="X"),
        flow(2012, 5.0, component="survey"),
        flow(2012, 6.0, by="area", category="X06000099"),
    ]
    levels = {"Z02000001": "state", "X92000001": "nation", "X06000001": "local_authority"}
    found = area_flows(rows, levels)
    assert {code: [r["persons"] for r in own] for code, own in found.items()} == {
        "Z02000001": [1.0], "X92000001": [2.0], "X06000001": [3.0],
    }  # fmt: skip


def test_losses_are_orange_and_gains_blue_whichever_prevail():
    blue = {"#D3DEE8", "#A3BAD0", "#6F93B5", "#3F6C97", "#12436D"}
    both = _colours([-3.0, 0.0, 4.0], 9.0)
    assert [colour in blue for colour in both] == [False, False, True, True]
    losses = _colours([-7.0, -5.0, -3.0], -1.0)
    assert len(set(losses)) == 4
    assert not blue & set(losses)
    assert set(_colours([1.0, 2.0], 3.0)) <= blue
    assert _labels([-1.5, 0.0]) == ["under −1.5", "−1.5 to under 0", "0 and more"]


def test_a_name_that_no_xml_can_hold_does_not_end_the_process():
    rows = [{"name": "Corn\x0bwall\ufffe <&", "value": 1.0, "text": "+1.0", "own": True},
            {"name": "B", "value": 0.5, "text": "+0.5", "own": False}]  # fmt: skip
    assert "Cornwall <&" in "".join(ET.fromstring(rank_chart(rows)).itertext())
