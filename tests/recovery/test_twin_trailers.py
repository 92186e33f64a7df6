"""The survey's trailers in the twin: perfect ones are the histories person by person, and each
imperfection does what its parameter says. Removals meet no interviewer. Bands: four standard errors
of the test."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from tests.twin_worlds import changed, counts_of, near, world

from ravenstein.twin.draws import day
from ravenstein.twin.journeys import BACK, MOVE, OUT, TWELVE
from ravenstein.twin.people import FAR, REASONS
from ravenstein.twin.sources import asylum, passenger_survey
from ravenstein.twin.sources.trailers import trailers

DESIGN = {"shifts": 1.0, "interval": 1, "second": 1}
SHORT, LONG = "3_to_12_months", "12_months_or_more"


@pytest.fixture(scope="module")
def of():
    often = {"arrival": 0.002, "departure": 0.002}  # visitor switchers
    return world(
        people=20_000, first=2008, last=2011, asylum_share=0.6, visitor_switchers=often,
        returns_others={"enforced": 0.4, "voluntary": 0.1},
    )  # fmt: skip


@pytest.fixture(scope="module")
def perfect(of):
    return seen(of)[1]


def seen(of, **changes):
    """Return the interviews and the trailers, with crossing, person and reason of each."""
    twin = changed(of, **DESIGN, **changes)
    drawn = passenger_survey.design(twin.settings, of.seed)
    removed = asylum.removals(of, asylum.cases(of))
    contacts, answered, _ = passenger_survey.interviews(twin, drawn, removed)
    c, told = of.journeys.crossings, trailers(twin, answered).to_pandas()
    rows = pd.DataFrame({name: answered[name] for name in ("serial", "row", "migrant")})
    told = told.merge(rows, on="serial")
    for name in ("person", "day", "arrival", "leg", "reason"):
        told[name] = c[name][told.row]
    return contacts.to_pandas(), told


def lives(of):
    """Return what each stay or absence that ends must be told as, walking through the histories."""
    spells, short, found = of.residents.spells, of.residents.short, {}
    order = np.lexsort((spells["start"], spells["person"]))
    gone = {}  # when and how each person last left
    columns = ("person", "start", "end", "arrived", "left", "stated_in", "stated_out")
    for who, start, end, arrived, left, came, went in zip(
        *(spells[name][order].tolist() for name in columns), strict=True
    ):
        if arrived and who in gone:
            since, said = gone[who]
            found[who, start] = (start - since, LONG if said else SHORT)
        if left and arrived:
            found[who, end] = (end - start, LONG if came else SHORT)
        if left:
            gone[who] = end, went
    switched = short["stated"] == 1
    for who, start, end in zip(
        *(short[name][switched].tolist() for name in ("person", "start", "end")), strict=True
    ):
        found[who, end] = (end - start, LONG)
    return found


def test_perfect_trailers_are_the_histories(of, perfect):
    c, known, expected = of.journeys.crossings, lives(of), {}
    first, last = day(2008, 1, 1), day(2011, 12, 31)
    rows = np.flatnonzero((c["day"] >= first) & (c["day"] <= last))
    for row in rows[(c["leg"][rows] == BACK) | (c["stated"][rows] == TWELVE)].tolist():
        who, when, leg = (int(c[name][row]) for name in ("person", "day", "leg"))
        if leg == BACK:
            nights = when - int(c["day"][row - 1])
            length = "under_3_months" if nights < 91 else SHORT
            told = known.get((who, when), (nights, length))
            if nights < 30:
                continue
        else:
            told = known.get((who, when), (None, None)) if leg == MOVE else (None, None)
        expected[row] = told
    found = zip(perfect.row, perfect.nights, perfect.stay_before, strict=True)
    found = {row: (n, b) if isinstance(b, str) else (None, None) for row, n, b in found}
    assert found == expected
    counts = perfect.groupby(["leg", "arrival", "stay_before"]).size()
    assert counts[BACK, 0, LONG] > 10, "migrant switchers end their stay"
    assert counts[MOVE, 0, SHORT] > 10, "visitor switchers leave after it"
    assert counts[MOVE, 1, SHORT] > 5
    assert perfect[perfect.leg == OUT].stay_before.isna().all()
    assert perfect.occupation.notna().equals(perfect.migrant)


def test_misunderstandings_last_by_the_share_of_the_day_it_began(of, perfect):
    dated = [{"from": dt.date(1990, 1, 1), "value": 0.0},
             {"from": dt.date(2009, 1, 1), "value": 0.5}]  # fmt: skip
    _, told = seen(of, survey_migrants_lost=dated, survey_visitors_gained=dated)
    both = perfect.merge(told, on="row", suffixes=("", "_told")).dropna(subset="stay_before")
    since = both[both.day - both.nights >= day(2009, 1, 1)]
    for said in (SHORT, LONG):
        own = since[since.stay_before == said]
        assert near((own.stay_before_told != said).mean(), 0.5, len(own))
    rest = both[(both.stay_before == "under_3_months") | ~both.row.isin(since.row)]
    assert (rest.stay_before == rest.stay_before_told).all()
    assert (rest.day - rest.nights < of.journeys.begin).any()


@pytest.mark.parametrize(
    ("name", "said"), [("survey_migrants_lost", LONG), ("survey_visitors_gained", SHORT)]
)
def test_some_misunderstandings_last_and_some_do_not(of, perfect, name, said):
    _, told = seen(of, survey_answers_kept=0.6, **{name: 0.5})
    both = perfect.merge(told, on="row", suffixes=("", "_told")).dropna(subset="stay_before")
    wrong = both.stay_before_told != both.stay_before
    own = both.stay_before == said
    assert near(wrong[own].mean(), 0.3, own.sum())
    assert not wrong[~own].any()


def test_nights_of_migrants_are_recalled_with_an_error(of, perfect):
    contacts, told = seen(of, survey_night_recall=0.2)
    back = told[told.leg == BACK].merge(contacts, on="serial", suffixes=("", "_contact"))
    assert (back.nights == back.nights_contact).all()
    assert (back.nights >= 30).all()
    both = perfect[perfect.leg == MOVE].merge(told, on="row", suffixes=("", "_told"))
    both = both.dropna(subset="nights")
    error = np.log(both.nights_told / both.nights)
    # standard error of a standard deviation: σ/√(2n)
    assert abs(error.std() - 0.2) < 4 * 0.2 / np.sqrt(2 * len(both))
    assert abs(error.mean()) < 4 * 0.2 / np.sqrt(len(both))
    assert both.nights_told.isna().sum() == 0


def test_asylum_seekers_say_so_or_not(of, perfect):
    seekers = np.flatnonzero(of.persons["asylum"] == 1)
    assert (perfect.asylum == perfect.person.isin(seekers)).all()
    own = perfect[perfect.asylum]
    assert {True, False} == set(own.migrant), "on arrival, and at the end of trips"
    said = seen(of, survey_asylum_said=0.6)[1].set_index("row").asylum
    assert near(said[own.row].mean(), 0.6, len(own))
    assert said.sum() == said[own.row].sum()


def test_occupations_are_by_reason_and_age(of, perfect):
    told, shares = perfect[perfect.migrant], of.at("survey_occupation")
    child = of.age(told.person.to_numpy(), told.day.to_numpy()) < 16
    assert ((told.occupation == "child") == child).all()
    for reason, expected in shares.items():
        adults = told[~child & (told.reason == REASONS.index(reason))]
        for kind, share in expected.items():
            assert near((adults.occupation == kind).mean(), share, len(adults)), (reason, kind)
    # visitors taken for migrants come for other reasons too
    _, told = seen(of, survey_visitors_gained=1.0)
    others = told[told.migrant & (told.reason > REASONS.index("other"))]
    assert len(others) > 50
    assert others.occupation.notna().all()
    assert others.nights.isna().all()


def test_minimum_responses_have_no_trailer(of, perfect):
    contacts, told = seen(of, survey_minimum=0.3)
    full = set(contacts.serial[contacts.response != 3])
    assert set(told.serial) == set(perfect.serial) & full
    assert near(len(told) / len(perfect), 0.7, len(perfect))


def test_nobody_interviews_enforced_returns(of):
    cases = asylum.cases(of)
    removed, c = asylum.removals(of, cases), of.journeys.crossings
    assert (c["arrival"][removed] == 0).all()
    returned = counts_of(of, asylum.asylum(of, cases))["returns"].query("type == 'enforced'")
    inside = of.within(c["day"][removed])
    assert returned.persons.sum() == inside.sum() > 100
    left = dict(zip(cases["person"].tolist(), cases["left"].tolist(), strict=True))
    days = zip(c["person"][removed].tolist(), c["day"][removed].tolist(), strict=True)
    own = [left[who] == when for who, when in days if who in left]
    lately = (cases["left"] >= of.journeys.begin) & (cases["left"] < FAR)
    assert sum(own) == len(own) == (lately & (cases["return"] == 0)).sum()
    whole, part, none = (seen(of, survey_removals_missed=share)[0] for share in (0.0, 0.5, 1.0))
    lost = set(whole.serial) - set(none.serial)
    assert len(lost) == inside.sum()
    assert near(len(set(part.serial) & lost) / len(lost), 0.5, len(lost))
    assert whole[~whole.serial.isin(lost)].reset_index(drop=True).equals(none)


def test_enforced_returns_are_not_counted_as_silent(of):
    removed = asylum.removals(of, asylum.cases(of))
    counts = []
    for share in (0.0, 1.0):
        twin = changed(of, **DESIGN, survey_nonresponse=1.0, survey_removals_missed=share)
        drawn = passenger_survey.design(twin.settings, of.seed)
        _, _, found = passenger_survey.interviews(twin, drawn, removed)
        counts.append({name: found[name]["count"].sum() for name in ("nonresponse", "traffic")})
    lost = of.within(of.journeys.crossings["day"][removed]).sum()
    assert counts[0]["nonresponse"] - counts[1]["nonresponse"] == lost
    assert counts[0]["traffic"] == counts[1]["traffic"] == counts[0]["nonresponse"]
