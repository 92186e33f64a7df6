"""Other producers' statistics, sources, recovery: hand-worked sums, words, and escaping."""

import datetime as dt
import re
from pathlib import Path

import pyarrow as pa
import pytest
from jinja2 import ChoiceLoader, DictLoader, Environment, PackageLoader, StrictUndefined

from ravenstein.pipelines.release_sources import yearly
from ravenstein.pipelines.release_trails import condition
from ravenstein.release import words
from ravenstein.release.joint import joint_view
from ravenstein.release.sources import measured, recovery_view, sources_view
from ravenstein.release.trails import trail_view
from ravenstein.store.explain import conditions
from ravenstein.tables.joint import CATEGORIES, JOINT_STATISTICS, MEASURES, RELATIONS, TOPICS

DOCS = Path(__file__).parents[2] / "docs" / "explanation"


def rendered(template, view):
    """Return a page's own part as the site renders it, without the frame of all pages."""
    frame = "{% block title %}{% endblock %}{% block main %}{% endblock %}"
    loader = ChoiceLoader([DictLoader({"base.html": frame}), PackageLoader("ravenstein.release")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"number": words.number, "rounded": words.rounded}
    environment.filters |= dict.fromkeys(("signed", "weight", "day", "level", "status"), str)
    environment.globals |= {"between": words.between, "per_cent": words.per_cent}
    release = {"title": "T", "migration": True, "survey": True,
               "trails": {"joint_statistics": {}, "migration_flows": {}}}  # fmt: skip
    return environment.get_template(template).render(view=view, release=release, root="")


def quarters(*counts, by="work"):
    """Return grants by quarter, from the second quarter of 2010 on."""
    starts = [(2010 + (n + 1) // 4, 1 + 3 * ((n + 1) % 4)) for n in range(len(counts))]
    kept = [(dt.date(*start, 1), n) for start, n in zip(starts, counts, strict=True) if n]
    days, persons = zip(*kept, strict=True)
    return pa.table({"quarter": days, "category": [by] * len(kept), "persons": persons})


def test_whole_years_are_summed_by_category_and_others_named():
    rows = pa.concat_tables([
        quarters(1, 1, 1, 2, 3, 4, 5, 7, 8),
        quarters(0, 0, 0, 10, 0, 0, 10, by="family"),
    ])  # fmt: skip
    cells, notes = yearly(rows, "category", "quarter")
    assert {(c["year"], c["category"]): c["persons"] for c in cells} == {
        (2011, "work"): 14, (2011, "family"): 20, (2011, "all"): 34
    }  # fmt: skip
    assert notes == [
        "2010 is left out: the source has 3 quarters of it.",
        "2012 is left out: the source has 2 quarters of it.",
    ]


def test_a_quarter_with_nobody_inside_the_period_counts_as_none():
    cells, notes = yearly(quarters(1, 1, 1, 2, 0, 4, 5), "", "quarter")
    assert cells == [{"year": 2011, "category": "all", "persons": 11}]
    assert notes[-1] == "The source has nobody in 2011 Q2: counted as 0."


def test_directions_have_no_sum_and_registers_count_those_from_abroad():
    rows = pa.table({
        "year": [2010, 2010, 2011], "direction": ["immigration", "emigration", "immigration"],
        "persons": [5, 3, 6],
    })  # fmt: skip
    cells, notes = yearly(rows, "direction", "year")
    assert [(c["year"], c["category"], c["persons"]) for c in cells] == [
        (2010, "emigration", 3), (2010, "immigration", 5), (2011, "emigration", 0),
        (2011, "immigration", 6),
    ]  # fmt: skip
    assert notes == []
    days = [dt.date(2010, 1, 5), dt.date(2010, 12, 30), dt.date(2010, 6, 1)]
    register = pa.table({"registered_on": days, "overseas": [True, True, False]})
    cells, notes = yearly(register, "", "registered_on")
    assert cells[0]["persons"] == 2
    assert yearly(register.slice(2), "", "registered_on") == ([], ["The source has no rows."])


def rows(*persons, topic="settlement", measure="settlement_grants", category="all", **other):
    label = {"topic": topic, "measure": measure, "category": category, "status": ""}
    return [
        label | {"producer": "Home Office", "year": 2012 + n, "persons": count} | other
        for n, count in enumerate(persons)
    ]


def test_the_page_says_the_change_and_how_the_topic_relates_to_migration():
    view = joint_view([*rows(200, 150), *rows(90, 100, category="work")])
    (topic,) = view["topics"]
    assert topic["measures"][0]["sentences"] == [
        "Grants of settlement: 150 in 2013, 50 fewer than in 2012 (−25.0%)."
    ]
    assert topic["relation"].startswith("A grant is not an arrival")
    assert topic["measures"][0]["recent"] == [(2013, [150, 100]), (2012, [200, 90])]
    assert topic["measures"][0]["heads"] == ["All", "Work"]
    assert joint_view([]) is None
    page = rendered("joint.html", view)
    assert 'href="methods.html#joint"' in page
    assert 'href="trail/joint_statistics.html"' in page
    assert "this release suppresses none" in page


def test_a_measure_without_figures_is_told():
    notes = {
        ("visas", "visas"): ["2010 has <2 quarters."],
        ("settlement", "settlement_grants"): ["B."],
    }
    view = joint_view(rows(200), notes)
    assert view["empty"] == [("Visas for more than six months", ["2010 has <2 quarters."])]
    told = "more than six months: no whole year of figures. 2010 has &lt;2 quarters."
    assert told in rendered("joint.html", view)
    page = rendered("joint.html", joint_view([], notes))
    assert told in page
    assert 'aria-label="Topics"' not in page, "there are no topics"


def test_every_topic_and_category_has_its_words():
    assert set(RELATIONS) == set(TOPICS.labels)
    assert set(CATEGORIES) <= set(MEASURES.labels)
    pattern = JOINT_STATISTICS.column("category").pattern
    codes = [code for given in CATEGORIES.values() for code in given.labels]
    assert all(re.fullmatch(pattern, code) for code in codes)


def test_what_producers_and_files_are_called_is_escaped():
    odd = "<script>alert('x')</script> & \u202eOffice\"" + "x" * 200
    page = rendered("joint.html", joint_view(rows(1, 2, producer=odd, status=odd)))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    source = {
        "kind": "returns", "producer": odd, "status": odd, "file": odd, "files": 1, "rows": 3,
        "sha256": "0" * 64, "first": None, "last": None, "places": None, "missing": 2, "unit": None,
        "tables": [], "notes": [odd],
    }  # fmt: skip
    page = rendered("sources.html", sources_view([source]))
    assert "<script" not in page
    assert "2 cells without figures." in page


def test_coverage_is_said_for_the_first_year_and_the_last():
    year = {"passengers": 1000, "unsampled": 0.25, "response": 0.8, "border": None, "gaps": None,
            "months": dict.fromkeys(("passengers", "unsampled", "response"), 12)}  # fmt: skip
    source = {
        "kind": "survey_unsampled", "producer": "P", "status": "", "file": "f", "files": 2,
        "rows": 1000, "sha256": "0" * 64, "first": dt.date(2011, 1, 1), "missing": None,
        "last": dt.date(2012, 12, 1), "places": 6, "unit": "routes", "tables": [], "notes": [],
    }  # fmt: skip
    view = sources_view([source], [year | {"year": 2011}, year | {"year": 2012, "unsampled": 0.2}])
    (row,) = view["sources"]
    assert row["covers"] == ["1,000 rows in 2 files", "January 2011 to December 2012", "6 routes"]
    assert row["leaves_out"] == [
        "2012: 20.0% of passengers were on routes or at hours that it does not sample "
        "(2011: 25.0%)."
    ]
    assert view["has"] == {"unsampled", "response"}
    assert view["years"][0]["unsampled"] == "20.0%"
    half = {"passengers": 12, "unsampled": 6, "response": 1}
    part = [year | {"year": 2010, "unsampled": 0.1, "months": half}]
    view = sources_view([source], [*part, year | {"year": 2011}])
    assert view["sources"][0]["leaves_out"][0].startswith("2011: 25.0% of passengers")
    assert "2010" not in view["sources"][0]["leaves_out"][0], "no part of a year beside a whole one"
    marked = view["years"][-1]
    assert [marked[name] for name in ("passengers", "unsampled", "response", "border")] == [
        "1,000", "10.0% (6 months)", "80.0% (1 month)", ""
    ]  # fmt: skip
    page = rendered("sources.html", view)
    assert "<td>10.0% (6 months)</td>" in page
    assert 'href="methods.html#passenger-survey"' in page
    only = sources_view([source], part)["sources"][0]["leaves_out"]
    assert only[0].startswith("2010 (6 months): 10.0% of")


def test_recovery_tells_errors_intervals_and_what_they_cannot_hold():
    def cell(persons, truth, **other):
        bounds = {"lower": persons - 20, "upper": persons + 20}
        return {"persons": persons, "truth": truth} | bounds | other

    flows = [
        cell(p, t, year=year, flow=flow)
        for year, off in ((2011, 10), (2012, 30))
        for flow, p, t in (("immigration", 100 + off, 100), ("emigration", 60, 60),
                           ("net", 40 + off, 40))
    ]  # fmt: skip
    parts = [cell(9, 8, component=c, flow=f) for c in ("survey", "total") for f in
             ("immigration", "emigration", "net")]  # fmt: skip
    found = {"flows": flows, "parts": parts, "series": "components", "year": 2012,
             "unsampled": 0.142}  # fmt: skip
    own = recovery_view(found, ["survey_contacts"])["own"]
    assert own["lead"].startswith("Of 6 intervals (3 flows in 2 years) 4 hold the truth: 67%,")
    assert own["biases"][0] == (
        "Immigration is on average 20.0 people a year above the truth (+20.0%); the interval holds "
        "it in 1 of 2 years."
    )
    assert own["unsampled"].startswith("14.2% of passengers")
    assert own["years"][2012]["immigration"]["error"] == "+30.0%"
    page = rendered("recovery.html", recovery_view(found, ["survey_contacts"]))
    assert "95.4 % ± 0.7" in page
    assert page.count('href="methods.html#total-migration"') == 4
    assert page.count('href="trail/migration_flows.html"') == 4
    assert own["biases"][1] == (
        "Emigration is on average as the truth; the interval holds it in 2 of 2 years."
    )
    large = [cell(50_000 - 23_456.7, 50_000, year=2011, flow="immigration")]
    large[0]["lower"] = None
    own = recovery_view(found | {"flows": large}, ["survey_contacts"])["own"]
    assert own["biases"] == [
        "Immigration is on average 23,456.7 people a year below the truth (−46.9%)."
    ]
    assert recovery_view(None, ["myeb3"]) is None
    real = recovery_view(None, ["border_movements"])
    assert real["own"] is None
    assert [body["id"] for body in real["measured"]] == ["border"]


@pytest.mark.parametrize("page", list(measured()))
def test_every_measured_figure_stands_in_its_page(page):
    text = " ".join((DOCS / f"{page}.md").read_text(encoding="utf-8").split())
    for figure in measured()[page]["figures"]:
        written = figure.get("as_written", figure["value"])
        assert written in text, figure
        numbers = re.findall(r"\d+\.?\d*", figure["value"])
        assert all(number in written for number in numbers), figure
    assert (DOCS.parents[1] / measured()[page]["measured_by"]).is_file()


def test_an_example_is_a_condition_that_explain_reads_and_no_shell_misreads():
    cell = {"topic": "asylum", "measure": "it's", "category": "$(reboot)", "year": 2012}
    assert condition(cell) == "topic=asylum and year=2012"
    assert conditions(JOINT_STATISTICS, condition(cell)) == {"topic": ["asylum"], "year": [2012]}


def test_an_outline_tells_each_step_once():
    def step(name, *inputs, files=()):
        return {"id": name, "table": name, "title": name, "step": "s", "method": "m", "rows": 1,
                "sha256": "0" * 64, "parameters": [], "inputs": list(inputs),
                "files": list(files)}  # fmt: skip

    file = {"name": "a<b.csv", "sha256": "1" * 64, "state": "no longer there"}
    steps = [step("a", "b", "c"), step("b", "c"), step("c", files=[file])]
    view = trail_view({"table": "a", "title": "A", "example": "", "steps": steps})
    outline = view["outline"]
    assert [node["id"] for node in outline["inputs"]] == ["b", "c"]
    assert [node["again"] for node in outline["inputs"]] == [False, True]
    assert view["command"] == "ravenstein explain a"
    page = rendered("trail.html", view)
    assert 'id="c"' in page
    assert page.count("a&lt;b.csv") == 3, "the warning, the outline and the step"
