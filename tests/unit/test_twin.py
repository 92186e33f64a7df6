"""The twin: its account balances, its histories are possible, its truth and its settings hold."""

import datetime as dt

import numpy as np
import pytest

from ravenstein.core.errors import ParameterError
from ravenstein.twin import truth
from ravenstein.twin.draws import age_on, day
from ravenstein.twin.geography import areas, routes
from ravenstein.twin.journeys import BACK, MOVE, TWELVE, journeys, route_weights
from ravenstein.twin.people import FAR, residents
from ravenstein.twin.settings import scales, settings
from ravenstein.twin.sources.components import components_of_change

SMALL = {"people": 4000, "first": 2008, "last": 2012}


@pytest.fixture(scope="module")
def country():
    chosen = settings("small", changes=SMALL)
    lived = residents(chosen, np.random.default_rng(1), 4000)
    return chosen, lived, journeys(chosen, np.random.default_rng(2), lived, 4000)


def test_every_cell_of_the_account_balances(country):
    """Stock of an age = stock a year younger + births − deaths + moves + migration, in each area
    and sex; moves between areas add to nothing."""
    _, lived, _ = country
    c = lived.components
    for t in range(1, 5):
        before = np.zeros_like(lived.population[0])
        before[..., 1:] = lived.population[t - 1][..., :-1]
        before[..., -1] += lived.population[t - 1][..., -1]
        after = before + c["births"][t] - c["deaths"][t]
        after += c["internal_in"][t] - c["internal_out"][t]
        after += c["international_in"][t] - c["international_out"][t]
        assert np.array_equal(after, lived.population[t])
        assert c["internal_in"][t].sum() == c["internal_out"][t].sum()
        assert c["births"][t][..., 1:].sum() == 0, "births are of age 0"
    assert 3800 < lived.population[0].sum() < 4200


def test_population_is_who_lives_where(country):
    """The counts against a recount from the spells and moves themselves."""
    _, lived, _ = country
    when = day(2010, 7, 1)
    spells, moves = lived.spells, lived.moves
    here = (spells["start"] < when) & (spells["end"] >= when)
    area = dict(zip(spells["person"][here], spells["area"][here], strict=True))
    since = dict(zip(spells["person"][here], spells["start"][here], strict=True))
    for person, on, to in sorted(
        zip(moves["person"], moves["day"], moves["destination"], strict=True),
        key=lambda move: move[1],
    ):
        if on < when and person in area and on >= since[person]:
            area[person] = to
    recount = np.bincount(list(area.values()), minlength=20)
    assert np.array_equal(recount, lived.population[2].sum(axis=(1, 2)))


def test_nobody_is_in_two_places(country):
    """Crossings alternate, begin opposite to where a person lives, and end with death."""
    _, lived, travelled = country
    c = travelled.crossings
    same = c["person"][1:] == c["person"][:-1]
    assert (c["arrival"][1:] != c["arrival"][:-1])[same].all()
    time = c["day"] * 1440 + c["minute"]
    assert (time[1:] >= time[:-1])[same].all()
    first = np.r_[True, ~same]
    assert np.array_equal(travelled.resident[c["person"][first]], c["arrival"][first] == 0)
    residents_only = c["person"] < lived.persons["sex"].size
    death = lived.persons["death"][c["person"][residents_only]]
    assert (c["day"][residents_only] <= death).all()
    ended = lived.spells["end"] < FAR
    assert (lived.spells["end"] > lived.spells["start"])[ended].all()


def test_usual_residence_lasts_twelve_months(country):
    """Who arrives to live here stays 12 months or dies; who says so but leaves is a switcher."""
    _, lived, _ = country
    spells = lived.spells
    came = (spells["arrived"] == 1) & (spells["left"] == 1)
    assert (spells["end"] - spells["start"])[came].min() >= 365
    lengths = lived.short["end"] - lived.short["start"]
    assert lengths.max() < 365
    assert (lived.short["stated"] == 1).any()


def slow_rule(crossings, resident, window, threshold):
    """The border's rule for one person, a day at a time."""
    inside = {}
    changes, status = [], resident
    last = max(crossings)[0] + window + 1
    events = {}
    for i, (when, arrival) in enumerate(crossings):
        events.setdefault(when, []).append((i, arrival))
    here = resident
    for when in range(min(crossings)[0], last + window):
        for _, arrival in events.get(when, ()):
            here = arrival == 1
        inside[when] = here
    for i, (when, arrival) in enumerate(crossings):
        days = sum(inside[x] == (arrival == 1) for x in range(when, when + window))
        if days >= threshold and (arrival == 1) != status:
            status = arrival == 1
            changes.append((i, int(arrival)))
    return changes


def test_the_border_rule_of_the_truth_against_days_one_by_one(country):
    _, _, travelled = country
    found = truth.residence_changes(travelled, truth.WINDOW, truth.THRESHOLD)
    c = travelled.crossings
    changed = dict(zip(*map(np.ndarray.tolist, found), strict=True))
    start = np.flatnonzero(np.r_[True, c["person"][1:] != c["person"][:-1]])
    stop = np.r_[start[1:], c["person"].size]
    moving = set(c["person"][c["leg"] == MOVE].tolist())
    checked = 0
    for a, b in zip(start, stop, strict=True):
        person = int(c["person"][a])
        if person not in moving and checked > 150:
            continue
        rows = list(zip(c["day"][a:b].tolist(), c["arrival"][a:b].tolist(), strict=True))
        expected = slow_rule(rows, bool(travelled.resident[person]), 487, 365)
        got = [(i - a, changed[i]) for i in range(a, b) if i in changed]
        assert got == expected
        checked += 1
    assert checked > 300


def test_the_truth_counts_each_definition(country):
    chosen, lived, travelled = country
    years = (chosen.scale.first, chosen.scale.last)
    found = truth.migration(lived, travelled, years)
    c = travelled.crossings
    year = c["day"].astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    inside = (year >= 2008) & (year <= 2012)
    assert found["stated_intention"]["year"].size == (inside & (c["stated"] == TWELVE)).sum()
    assert found["un_12_months"]["year"].size == (inside & (c["leg"] == MOVE)).sum()
    moves = found["un_12_months"]
    assert (moves["area"] >= 0).all(), "migrants have an area: of destination or of origin"
    un, stated, rule = (found[name]["year"].size for name in (
        "un_12_months", "stated_intention", "residence_12_of_16"))  # fmt: skip
    assert len({un, stated, rule}) == 3, "the definitions differ"
    assert rule == pytest.approx(un, rel=0.1)
    short = truth.short_term(lived, travelled, years)
    assert short["months_1_to_12"]["year"].size > 3 * short["months_3_to_12"]["year"].size
    assert short["un_3_to_12_work_or_study"]["year"].size > 0
    lengths = c["nights"][c["leg"] == BACK]
    assert ((lengths >= 91) & (lengths < 365)).sum() >= short["months_3_to_12"]["year"].size


def test_ages_are_those_of_the_calendar():
    births = np.array([day(2000, 2, 29), day(2000, 12, 31), day(1999, 1, 1)])
    on = np.array([day(2001, 2, 28), day(2001, 12, 30), day(2010, 1, 1)])
    assert age_on(births, on).tolist() == [0, 0, 11]


def test_armed_forces_and_prisoners_stay_a_share_of_adults():
    """At any time of the year; a stock of N varies by √N, in eight years some three times anew."""
    chosen = settings("small", changes=SMALL | {"people": 40_000})
    lived = residents(chosen, np.random.default_rng(5), 40_000)
    terms, shares = lived.terms, chosen.at("special_populations", day(2008, 7, 1))
    days = range(day(2004, 7, 2), day(2012, 7, 2), 73)
    for kind, name in ((1, "armed_forces"), (2, "prisoner")):
        own = terms["kind"] == kind
        stock = [(own & (terms["start"] <= d) & (terms["end"] > d)).sum() for d in days]
        expected = shares[name] * 0.52 * 40_800  # adults of 18 to 54
        assert abs(np.mean(stock) - expected) < 4 * np.sqrt(expected / 3), name
    length = (terms["end"] - terms["start"])[terms["kind"] == 2].mean() / 365.25
    assert length == pytest.approx(1.3, rel=0.1)
    for kind, name in ((1, "armed_forces"), (2, "prisoner")):
        person = terms["person"][terms["kind"] == kind]
        share = chosen.at("special_men", day(2008, 7, 1))[name]
        error = np.sqrt(share * (1 - share) / person.size)
        assert abs((lived.persons["sex"][person] == 1).mean() - share) < 4 * error
    forces = terms["kind"] == 1
    last = terms["end"][forces] - lived.persons["birth"][terms["person"][forces]]
    assert last.max() <= 55.1 * 365.25


def test_people_of_all_ages_arrive():
    chosen = settings("small", changes=SMALL | {"people": 40_000})
    lived = residents(chosen, np.random.default_rng(5), 40_000)
    came = lived.spells["arrived"] == 1
    born = lived.persons["birth"][lived.spells["person"][came]]
    ages = np.bincount(age_on(born, lived.spells["start"][came]))
    assert ages[:60].min() > 0
    assert ages[16] > 10


def test_prisoners_do_not_travel(country):
    _, lived, travelled = country
    terms, when = lived.terms, day(2011, 7, 2)
    now = (terms["start"] <= when) & (terms["end"] > when)
    age = age_on(lived.persons["birth"][terms["person"][now]], np.full(int(now.sum()), when))
    assert age.max() < 70
    locked = terms["kind"] == 2
    c = travelled.crossings
    for person, start, end in zip(
        terms["person"][locked], terms["start"][locked], terms["end"][locked], strict=True
    ):
        days = c["day"][c["person"] == person]
        assert not ((days > start) & (days < end)).any(), "nobody travels from prison"


def test_travel_differs_between_people_and_routes_between_areas(country):
    _, lived, travelled = country
    c = travelled.crossings
    here = lived.spells["person"][(lived.spells["start"] < travelled.begin)]
    trips = np.bincount(c["person"][c["leg"] == BACK], minlength=travelled.resident.size)[here]
    assert trips.var() / trips.mean() > 2, "some travel much, some never"
    weights = route_weights(country[0])
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights.std(axis=0).min() > 0


def test_perfect_views_are_not_rounded(country):
    chosen, lived, _ = country
    known = areas(20)
    for perfect, own in ((True, settings("small", changes=SMALL, perfect=True)), (False, chosen)):
        table = components_of_change(own, known, lived.population, lived.components)
        stocks = np.array(table["population_2012"])[np.array(known.nations) == "Y"]
        assert (stocks % 10 == 0).all() != perfect
        truth = lived.population[-1].sum(axis=(1, 2))
        assert (np.array(table["population_2012"]) == truth).all() == perfect


def test_counts_add_up():
    columns = {"a": np.array([3, 1, 3]), "b": np.array([-1, 5, -1])}
    found = truth.counted(columns, np.array([1, 2, 3]))
    assert found["a"].tolist() == [1, 3]
    assert found["b"].tolist() == [5, -1]
    assert found["count"].tolist() == [2, 4]
    assert truth.counted({"a": np.array([], dtype=int)})["count"].size == 0


def test_scales_and_geography():
    known = scales()
    assert known["small"].blocks == 1
    assert known["uk"].blocks == 1200
    assert areas(374).size.sum() == pytest.approx(1)
    assert areas(374).size.max() / areas(374).size.min() > 20
    ports = routes(settings("uk"))
    assert ports.share.sum() == pytest.approx(1)
    assert np.unique(ports.codes).size == ports.codes.size == 33


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"survey_nonresponse": 1.2}, "1.2 outside 0 to 1"),
        ({"border_coverage": -0.1}, "-0.1 outside 0 to 1"),
        ({"border_coverage": 1.5}, "1.5 outside 0 to 1"),
        ({"hours": [0.5, 0.5, 0.5]}, "shares that add up to 1.5"),
        ({"hours": [0.5, 0.5]}, "another form"),
        ({"boys_share": "half"}, "another form"),
        ({"boys_share": float("nan")}, "nan outside"),
        ({"boys_share": True}, "another form"),
        ({"survey_unsampled": 0.5}, "neither 0 nor 1"),
        ({"visits": 0.0}, "must be above 0"),
        ({"weekdays": [0.0] * 7}, "all 0"),
        ({"areas": 1}, "1"),
        ({"block": 1}, "1"),
        ({"emigration": {"base": 0.1, "young": 2.0}}, "2.0 outside 0 to 1"),
        ({"border_coverge": 0.5}, "border_coverge"),
        ({"people": 0}, "0"),
        ({"shifts": 1.5}, "1.5"),
        ({"last": 1999}, "1999"),
    ],
)
def test_values_that_cannot_be_are_named(changes, found):
    with pytest.raises(ParameterError) as caught:
        settings("small", changes=changes)
    assert found in caught.value.found


def test_own_values_are_named_by_file_and_line(tmp_path):
    own = tmp_path / "mine.toml"
    own.write_text("survey_nonresponse = 0.5\nborder_coverage = 7\n")
    with pytest.raises(ParameterError) as caught:
        settings("small", own)
    assert caught.value.where == "mine.toml, line 2, border_coverage"
    own.write_text("survey_nonresponse = 0.5\n")
    assert settings("small", own, perfect=True).at("survey_nonresponse", day(2010, 1, 1)) == 0.5
    own.write_text("border_coverage = [{ from = 2009-01-01, value = 0.2 }, "
                   "{ from = 2010-01-01, value = 0.7 }]")  # fmt: skip
    stepped = settings("small", own)
    days = [day(2005, 1, 1), day(2009, 6, 1), day(2010, 1, 1)]
    assert [stepped.at("border_coverage", when) for when in days] == [0.2, 0.2, 0.7]
    own.write_text("survey_nonresponse = \n")
    with pytest.raises(ParameterError, match="not valid TOML"):
        settings("small", own)
    with pytest.raises(ParameterError, match="no scale 'smal'"):
        settings("smal")


@pytest.mark.parametrize("name", ["patient_missed", "name_changes", "border_renewed"])
def test_dates_that_a_source_would_not_look_at_are_refused(name):
    dated = [{"from": "2001-01-01", "value": 0.1}, {"from": "2009-01-01", "value": 0.2}]
    days = [part | {"from": dt.date.fromisoformat(part["from"])} for part in dated]
    with pytest.raises(ParameterError, match="one value for all years"):
        settings("small", changes={name: days})
    assert (
        settings("small", changes={"census_household": days}).at("census_household", 15000) == 0.2
    )
