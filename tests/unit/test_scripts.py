"""Scripts that carry a release's data, and the files of evidence."""

import json
import re

import pytest

from ravenstein.core.errors import SourceError
from ravenstein.release import scripts
from ravenstein.release.evidence import SCHEMA, evidence_template, evidence_view, read_evidence

ODD = (
    "</script><script>alert(1)</script>",
    "Q\"uo'te & Co \\",
    "الولاية",
    "Ô" * 200,
    "a\u2028b\u2029c",
)
EVIDENCE = {
    "schema": SCHEMA,
    "release": {"title": "Population", "edition": "2024", "vintage": "1", "date": "2026-01-05"},
    "area": {"code": "E06000001", "name": "Hartlepool"},
    "figure": "internal_net",
    "year": 2024,
    "published": -120,
    "believed": None,
    "kind": "council_tax",
    "description": " Fewer homes. ",
    "source": "Tax base",
    "reference_date": "2024-03-31",
    "contact": {"name": "", "email": ""},
}


def assigned(script):
    """The JSON that a script assigns."""
    return json.loads(re.fullmatch(r"[^=]+=(.*);\n", script, re.DOTALL)[1])


@pytest.mark.parametrize("name", ODD)
def test_names_cannot_end_the_script(name):
    areas = [{"code": "E06000001", "name": name, "level": "local_authority", "nation": "England"}]
    gone = [{"code": "E07000001", "name": name, "successors": [("E06000001", name)]}]
    script = scripts.search_script(areas, gone)
    assert not re.search("[<>&\u2028\u2029]", script)
    assert assigned(script) == {
        "levels": ["local authority", "nation", "state"],
        "areas": [["E06000001", name, 0, "England"]],
        "gone": [["E07000001", name, [["E06000001", name]]]],
        "data": {},
    }
    assert ("Ô" in name) == ("Ô" in script), "letters stay letters"


def test_a_state_lies_in_no_nation():
    row = {"code": "K02000001", "name": "United Kingdom", "level": "state", "nation": None}
    assert assigned(scripts.search_script([row], []))["areas"] == [
        ["K02000001", "United Kingdom", 2, ""]
    ]


def test_a_former_code_without_a_name_is_found_by_its_code():
    script = scripts.search_script([], [{"code": "95Z", "name": "", "successors": []}])
    assert assigned(script)["gone"] == [["95Z", "95Z", []]]


def test_an_areas_data_are_small_and_in_order():
    series = {
        m: [[y, None if y == 2005 else -123_456] for y in range(2004, 2025)] for m in scripts.SERIES
    }
    area = {"code": "E06000001", "name": ODD[0], "level": "local_authority", "unit": "persons",
            "series": series | {"residual": [[2004, 1]]}}  # fmt: skip
    script = scripts.area_script(area)
    assert len(script.encode()) <= 8192
    assert script.startswith('ravenstein.data["E06000001"]={')
    found = assigned(script)
    assert list(found["series"]) == list(scripts.SERIES), "and nothing else"
    assert found["series"]["births"][:2] == [[2004, -123456], [2005, None]]
    with pytest.raises(ValueError, match="Out of range"):
        scripts.area_script(area | {"series": {"births": [[2004, float("nan")]]}})


def test_the_chart_has_a_colour_a_dash_and_a_shape_for_each_area():
    spec = assigned(scripts.compare_spec())
    scales = {scale["name"]: scale for scale in spec["scales"]}
    for name in ("color", "strokeDash", "shape"):
        assert len({str(value) for value in scales[name]["range"]}) == scripts.MOST_COMPARED
    assert {data["name"] for data in spec["data"]} >= {"series", "ends", "zero"}
    assert {s["name"] for s in spec["signals"]} == {"low", "high", "figures", "step", "room"}


def test_the_bundle_embeds_vega():
    bundle = scripts.vega_bundle()
    assert bundle.rstrip().endswith("window.vegaEmbed=$t6;") or "window.vegaEmbed" in bundle[-200:]
    assert scripts.vega_bundle() is bundle, "made once"


def test_evidence_is_read():
    read = read_evidence(json.dumps(EVIDENCE), "e.json")
    assert (read.area.code, read.figure, read.published) == ("E06000001", "internal_net", -120)
    assert (read.description, read.reference_date.year) == ("Fewer homes.", 2024)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"year": "2024"}, "year"),
        ({"published": 12.5}, "published"),
        ({"kind": "rumour"}, "kind"),
        ({"description": "x" * 2001}, "description"),
        ({"source": "  "}, "source"),
        ({"reference_date": "31/03/2024"}, "reference_date"),
        ({"area": {"code": "../etc", "name": ""}}, "area.code"),
        ({"contact": {"name": "", "email": "ann"}}, "contact.email"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_wrong_part_of_evidence_is_named(change, where):
    with pytest.raises(SourceError) as caught:
        read_evidence(json.dumps(EVIDENCE | change), "e.json")
    assert caught.value.where == f"e.json, {where}"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 2}', "{}"])
def test_what_is_not_evidence_is_refused(text):
    with pytest.raises(SourceError, match=r"not JSON|not evidence"):
        read_evidence(text, "e.json")


def test_the_template_is_refused_until_it_is_filled():
    facts = EVIDENCE["release"]
    template = evidence_template(facts)
    with pytest.raises(SourceError) as caught:
        read_evidence(template, "t.json")
    assert caught.value.found.startswith("area.code: ")
    filled = json.loads(template)
    assert filled.keys() == EVIDENCE.keys()
    assert read_evidence(json.dumps(filled | EVIDENCE), "t.json").release.model_dump() == facts


def test_the_page_finds_an_address_to_write_to():
    view = evidence_view(EVIDENCE["release"], [2023, 2024], "Ann Lee, <stats@example.gov.uk>.")
    assert [view[part] for part in ("before", "address", "after")] == [
        "Ann Lee, <",
        "stats@example.gov.uk",
        ">",
    ]
    assert view["years"] == [(2024, 2024), (2023, 2023)]
    plain = evidence_view({}, [], "Room 12")
    assert (plain["before"], plain["address"], plain["after"]) == ("Room 12", "", "")
