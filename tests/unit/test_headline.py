import datetime as dt

import pyarrow as pa
import pytest

from ravenstein.pipelines.headline import Truth, components
from ravenstein.pipelines.release_migration import without_few
from ravenstein.release.headline import headline
from ravenstein.release.migration import Migration
from ravenstein.release.site import Release, pages
from ravenstein.store.files import schema
from ravenstein.tables.migration import MIGRATION_FLOWS


def flow(year, name, persons, error=10.0, **other):
    return {
        "nation": "all", "year": year, "flow": name, "by": "all", "category": "all",
        "component": "total", "persons": persons, "standard_error": error,
        "lower": persons - 1.96 * error, "upper": persons + 1.96 * error, "provisional": False,
    } | other  # fmt: skip


def flows(*, provisional=False):
    rows = []
    for year, into, out in ((2011, 500.0, 300.0), (2012, 600.0, 310.0)):
        late = {"provisional": provisional and year == 2012}
        rows += [flow(year, "immigration", into, **late), flow(year, "emigration", out, **late)]
        rows.append(flow(year, "net", into - out, 14.0, **late))
    return rows


def change(name, difference, error):
    return {
        "flow": name, "period": "2012", "compared_with": "2011", "persons": 0.0,
        "difference": difference, "standard_error": error, "lower": difference - 1.96 * error,
        "upper": difference + 1.96 * error, "significant": abs(difference) > 1.96 * error,
        "p_value": 0.5, "detectable": 2.8 * error,
    }  # fmt: skip


CHANGES = [
    change("immigration", 100.0, 14.0), change("emigration", 10.0, 14.0), change("net", 90.0, 20.0)
]  # fmt: skip


def source(name, year, direction, persons, error):
    own = flow(year, direction, persons, error)
    kept = ("year", "flow", "persons", "standard_error", "lower", "upper")
    bias = {"bias": None, "bias_lower": None, "bias_upper": None}
    return {n: own[n] for n in kept} | {"source": name} | bias


def test_the_headline_says_what_is_significant_and_what_is_not():
    said = headline(flows(), CHANGES, [], "components").sentences
    assert said[0] == (
        "In 2012 an estimated 600 people (95% interval 580 to 620) came to live here for 12 months "
        "or more, and 310 (290 to 330) left for as long. Net migration was +290 (263 to 317)."
    )
    assert said[1] == (
        "Immigration was 100 higher than in 2011 (95% interval +73 to +127): a significant change. "
        "The smallest change that would have been found, with a probability of 80%, is 39."
    )
    assert "Emigration was 10 higher" in said[2]
    assert "(95% interval −17 to +37): not a significant change." in said[2]
    assert len(said) == 4, "nothing is provisional"


def test_a_provisional_year_is_said_to_be_so():
    head = headline(flows(provisional=True), CHANGES, [], "components")
    assert head.sentences[-1].startswith("The figures of 2012 are provisional: ")
    assert head.provisional == [2012]
    assert head.as_dict()["provisional"] is True


def test_the_combined_series_gives_figures_and_words_where_it_is_the_headline():
    best = [("immigration", 540.0, 560.0), ("emigration", 320.0, 330.0)]
    sources = [
        source(name, year, direction, persons, error)
        for direction, *both in best
        for year, persons in zip((2011, 2012), both, strict=True)
        for name, error in (("combined", 6.0), ("border", 1.0))
    ]
    head = headline(flows(provisional=True), CHANGES, sources, "combined")
    assert head.series == "combined"
    net = head.last["net"]
    assert net["persons"] == 560 - 330
    assert net["standard_error"] == pytest.approx(72**0.5)
    own = head.changes["net"]
    assert own["difference"] == 10, "of the combined series, not of the components"
    assert own["standard_error"] == pytest.approx(12)
    assert not own["significant"]
    said = head.sentences
    assert said[0].startswith("In 2012 an estimated 560 people (95% interval 548 to 572)")
    assert "tend to go together" in said[-2]
    assert "provisional" in said[-1]
    assert headline(flows(), CHANGES, sources, "components").last["net"]["persons"] == 290
    assert headline(flows(), CHANGES, [], "combined").series == "components"


def test_the_truth_stands_beside_components_with_their_sign():
    rows = [
        flow(2012, name, persons, component=component)
        for component, figures in {
            "survey": (620.0, 300.0, 320.0), "migrant_switchers": (-20.0, -5.0, -15.0),
            "my_own": (3.0, 1.0, 2.0), "total": (603.0, 296.0, 307.0),
        }.items()
        for name, persons in zip(("immigration", "emigration", "net"), figures, strict=True)
    ]  # fmt: skip
    both = (2012, "immigration"), (2012, "emigration")
    parts = {(*both[0], "survey"): 610, (*both[1], "survey"): 305}
    parts |= {(*both[0], "migrant_switchers"): -30, (*both[1], "migrant_switchers"): -4}
    grid = components(rows, Truth({both[0]: 580, both[1]: 301}, parts, {}))
    assert grid.heads == ("", "in", "truth", "out", "truth", "net", "truth")
    assert [row[:3] for row in grid.rows] == [
        ("Survey, as stated", "620 ± 20", "610"),
        ("Migrant switchers", "−20 ± 20", "−30"),
        ("My own", "3 ± 20", ""),
        ("Total", "603 ± 20", "580"),
    ]
    assert [row[-1] for row in grid.rows] == ["305", "−26", "", "279"]
    assert components(rows, None).heads == ("", "in", "out", "net")


def test_groups_of_few_interviews_are_left_out_with_what_would_give_them_away():
    met = {("E", "F"): 2, ("E", "M"): 9, ("W", "F"): 5, ("W", "M"): 6}
    interviews = [
        {"year": 2012, "direction": "immigration", "citizenship": "british", "reason": "other",
         "country": "eu15", "area": f"{nation}0600000{1}", "age_group": "0-14", "sex": sex,
         "occupation": "child"}
        for (nation, sex), count in met.items()
        for _ in range(count)
    ]  # fmt: skip
    rows = [
        flow(2012, name, 5.0, by="age_sex", category=f"0-14/{sex}", nation=nation, component=part)
        for name in ("immigration", "emigration", "net")
        for nation in ("all", "E", "W")
        for sex in ("F", "M")
        for part in ("survey", "total")
    ]
    rows += [flow(2012, "net", 5.0, component=part) for part in ("survey", "total")]
    kept = without_few(pa.Table.from_pylist(rows, schema(MIGRATION_FLOWS)), interviews, 3)
    found = {(r["nation"], r["flow"], r["category"], r["component"]) for r in kept.to_pylist()}
    assert {f[3] for f in found if f[2] != "all"} == {"total"}, "groups have no components"
    assert ("all", "net", "all", "survey") in found
    shown = {(n, c[-1]) for n, f, c, _ in found if f == "immigration"}
    assert shown == {("all", "F"), ("all", "M")}, "two of each nation and each group are gone"
    assert {(n, c[-1]) for n, f, c, _ in found if f == "net" and c != "all"} == shown


def release(migration):
    return Release(
        title="A", producer="B", source="", contact="", designation="", date=dt.date(2026, 1, 1),
        next_date=None, simulated=False, code_version="0", tables=(), migration=migration,
    )  # fmt: skip


def test_only_a_study_with_total_migration_has_its_page():
    whole = flows() + [row | {"component": "survey"} for row in flows()]
    given = Migration(headline(whole, [], [], "components"), tuple(whole))
    made = dict(pages(release(given)))
    assert "In 2012 an estimated 600 people" in made["migration.html"]
    assert 'href="migration.html"' in made["data.html"]
    without = dict(pages(release(None)))
    assert "migration.html" not in without
    assert "migration.html" not in without["data.html"]
