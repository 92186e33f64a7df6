"""Releases of odd and damaged sources: names, empty domains, outlines, vintages, a full disk."""

import csv
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from unittest import mock
from xml.etree import ElementTree

import pytest
from tests.myeb3_files import Myeb3File
from tests.odd_names import CODES, GONE, LONG, RIGHT_TO_LEFT, SCRIPT, odd_study
from typer.testing import CliRunner

from ravenstein import cli
from ravenstein.core.errors import SourceError, StoreError
from ravenstein.release.charts.area import rank_chart

pytestmark = pytest.mark.usefixtures("quick_pictures")

STUDY = """
[study]
title = "A study"
producer = "Office"

[period]
first = 2001
last = 2003

[geography]
edition = 2021

[[sources]]
kind = "myeb3"
file = "a.csv"
"""
HARTLEPOOL, ANGLESEY = "E06000001", "W06000001"
FULL = OSError(28, "No space left on device")


class Words(HTMLParser):
    """The names of a page's elements, and the text that a reader sees of some of them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.names, self._open = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "bdi":
            self._open = True
            self.names.append("")

    def handle_endtag(self, tag):
        self._open = self._open and tag != "bdi"

    def handle_data(self, data):
        if self._open:
            self.names[-1] += data


def run(folder, *words):
    result = CliRunner().invoke(cli.app, ["run", str(folder), "--json", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def square(code, at):
    corners = [[at, 0], [at + 1, 0], [at + 1, 1], [at, 1], [at, 0]]
    shape = {"type": "Polygon", "coordinates": [corners]}
    return {"type": "Feature", "properties": {"code": code}, "geometry": shape}


def outlines(folder, *codes):
    features = [square(code, at) for at, code in enumerate(codes)]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    (folder / "map.geojson").write_text(text)


def add(folder, kind, file):
    study = folder / "study.toml"
    study.write_text(f'{study.read_text()}\n[[sources]]\nkind = "{kind}"\nfile = "{file}"\n')


def one_birth_more(folder):
    """Correct the source: one birth more, and one other change fewer."""
    file = Myeb3File(folder / "a.csv")
    for name, text in (("births", "11"), ("natchange", "7"), ("other_change", "1")):
        file.set(HARTLEPOOL, f"{name}_2003", text)
    file.write()


@pytest.fixture
def small(tmp_path):
    """A study of two areas, without ages and outlines."""
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "study.toml").write_text(STUDY)
    Myeb3File(folder / "a.csv").write()
    return folder


@pytest.fixture(scope="module")
def draw():
    """What draws charts, which this module's releases do without."""
    import vl_convert

    return vl_convert.vl_convert.vega_to_svg


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = odd_study(tmp_path_factory.mktemp("odd") / "s")
    run(folder)
    return folder / "release"


def test_odd_names_are_text_on_every_page(odd):
    seen = set()
    for path in odd.rglob("*.html"):
        text = path.read_text()
        assert "<script>alert" not in text
        assert "<b>Population" not in text
        page = Words(text)
        seen |= set(page.names)
        assert [a for tag, a in page.tags if tag == "script" and "src" not in a] == []
        assert not [a for _, a in page.tags for name in a if name.startswith("on")]
        for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            ElementTree.fromstring(drawing.replace("<svg ", '<svg xmlns:xlink="x" ', 1))
    assert seen >= {SCRIPT, RIGHT_TO_LEFT, LONG}
    for code, name in (CODES | GONE).items():
        assert name in Words((odd / f"areas/{code}.html").read_text()).names
    with (odd / "downloads/areas.csv").open(newline="") as stream:
        held = {row["area"]: row["name"] for row in csv.DictReader(stream)}
    assert {code: held[code] for code in CODES} == CODES


def test_odd_names_are_text_in_every_drawing(odd):
    told = []
    for path in sorted(odd.rglob("*.svg")):
        drawing = ElementTree.parse(path).getroot()
        assert not [e.tag for e in drawing.iter() if e.tag.endswith(("script", "foreignObject"))]
        assert not [a for e in drawing.iter() for a in e.attrib if a.startswith("on")]
        told += drawing.itertext()
    assert f"Map of {SCRIPT}" in told
    assert f"Map of {LONG}" in told
    assert any(RIGHT_TO_LEFT in text for text in told)


def test_odd_names_are_text_in_a_chart(monkeypatch, draw):
    monkeypatch.setattr("vl_convert.vega_to_svg", draw)
    values = [{"name": name, "value": 1.0, "text": "1", "own": True} for name in CODES.values()]
    told = list(ElementTree.fromstring(rank_chart(values)).itertext())
    assert f"{SCRIPT[:25]}…" in told
    assert RIGHT_TO_LEFT in told
    assert not any(len(text) > 26 for text in told)


def test_odd_names_are_text_in_every_script(odd):
    for path in (odd / "data").glob("*.js"):
        text = path.read_text()
        assert not set(text) & set("<>&\u2028\u2029")
        found = re.fullmatch(r'ravenstein\.data\[("\w+")\]=(\{.*\});\n', text)
        data = json.loads(found[2])
        assert data["code"] == json.loads(found[1]) == path.stem
        assert data["name"] == CODES.get(path.stem, data["name"])
    text = (odd / "assets/areas.js").read_text()
    assert not set(text) & set("<>&\u2028\u2029")
    index = json.loads(text.removeprefix("window.ravenstein=").removesuffix(";\n"))
    names = {code: name for code, name, *_ in index["areas"]}
    assert {code: names[code] for code in CODES} == CODES
    gone = {code: (name, after) for code, name, after in index["gone"]}
    assert gone["X06000901"] == (SCRIPT, [["X06000009", LONG]])


def test_a_source_without_rows_is_said_to_have_none(small):
    header = "quarter,citizenship,category,persons\n"
    (small / "visas.csv").write_text(header)
    add(small, "visas_issued", "visas.csv")
    run(small)
    assert "no whole year of figures" in (small / "release/joint.html").read_text()
    assert "<strong>Covers:</strong> 0 rows." in (small / "release/sources.html").read_text()
    days = [f"2002-{month:02d}-01,other,work,30-49,M,{month}\n" for month in (1, 4, 7, 10)]
    header = "quarter,citizenship,category,age_group,sex,persons\n"
    (small / "grants.csv").write_text(header + "".join(days))
    add(small, "settlement_grants", "grants.csv")
    run(small, "--only", "release")
    assert "22" in (small / "release/joint.html").read_text()
    assert "<strong>Covers:</strong> 0 rows." in (small / "release/sources.html").read_text()


def test_an_area_without_ages_has_a_page_without_them(small):
    run(small)
    page = (small / f"release/areas/{HARTLEPOOL}.html").read_text()
    assert 'id="ages"' not in page
    assert 'id="account"' in page
    assert not list((small / "release/charts").glob("*-ages.svg"))
    assert not (small / "release/downloads/area_ages.csv").exists()


def test_an_area_without_outline_is_a_tile_and_its_page_says_so(small):
    outlines(small, HARTLEPOOL)
    add(small, "outlines", "map.geojson")
    run(small)
    for code in (HARTLEPOOL, ANGLESEY):
        page = (small / f"release/areas/{code}.html").read_text()
        assert "areas without an outline are tiles at the side" in page
    drawing = (small / f"release/charts/{ANGLESEY}-map.svg").read_text()
    assert "Map of Isle of Anglesey" in drawing
    outlines(small, HARTLEPOOL, ANGLESEY)
    run(small, "--only", "release")
    assert (small / f"release/charts/{ANGLESEY}-map.svg").read_text() != drawing
    page = (small / f"release/areas/{ANGLESEY}.html").read_text()
    assert "Outlines are simplified." in page
    assert "are tiles" not in page


def test_without_outlines_all_are_tiles(small):
    run(small)
    for path in ("areas.html", f"areas/{HARTLEPOOL}.html"):
        page = (small / "release" / path).read_text()
        assert "There are no outlines: each area is a tile, and its place means nothing." in page
    drawing = ElementTree.parse(small / f"release/charts/{HARTLEPOOL}-map.svg")
    assert "Map of Hartlepool" in list(drawing.getroot().itertext())


def test_damaged_outlines_are_named_with_what_to_do(small):
    run(small)
    before = tree(small / "release")
    add(small, "outlines", "map.geojson")
    outlines(small, HARTLEPOOL)
    good = (small / "map.geojson").read_text()
    for spoiled, problem in (
        (good[: len(good) // 2], "not JSON"),
        (good.replace(HARTLEPOOL, "Hartlepool"), "codes of areas"),
        (good.replace("[1, 1]", "[1, NaN]"), "not finite"),
        (good.replace("Polygon", "Point"), "no polygons"),
        ("", "not JSON"),
    ):
        (small / "map.geojson").write_text(spoiled)
        with pytest.raises(SourceError, match=problem) as caught:
            run(small, "--only", "release")
        assert caught.value.where.startswith("map.geojson")
        assert caught.value.fix
        assert tree(small / "release") == before


def test_an_earlier_vintage_that_is_gone_is_told_and_stops_nothing(small):
    run(small)
    one_birth_more(small)
    (lacks,) = run(small)["warnings"]  # two areas are no kingdom
    assert "This is release 2." in (small / "release/changes.html").read_text()
    shutil.rmtree(small / "release/vintages/1")
    summary = run(small)
    told = "Release 1 is missing: what changed since it cannot be listed in full."
    assert (summary["status"], summary["warnings"]) == ("complete", [lacks, told])
    page = (small / "release/changes.html").read_text()
    assert "missing" in page, re.search(r'class="lead">(.*?)<', page)[1]


def test_a_disk_that_fills_up_while_pages_are_written_leaves_the_release_before(small):
    run(small)
    before = tree(small / "release")
    one_birth_more(small)
    with (
        mock.patch("ravenstein.store.files.os.fsync", side_effect=[*[None] * 40, FULL]),
        pytest.raises(StoreError) as caught,
    ):
        run(small)
    assert caught.value.where.endswith((".html", ".svg"))
    assert caught.value.found == "No space left on device"
    assert caught.value.fix.startswith("Free space")
    assert "what was there before is unchanged" in str(caught.value)
    assert tree(small / "release") == before
    run(small)
    assert tree(small / "release") != before
    assert [p.name for p in small.iterdir() if p.name.startswith(".")] == []
    assert not [p for p in (small / "release").rglob("*") if "unfinished" in p.name]
    assert (small / "release/vintages/1/release.json").is_file()
