"""Statistics of other producers in the twin: perfect ones count what their definition says, and
each imperfection does what its parameter says. Bands are four standard errors: of a share p of n
cases √(p(1−p)/n), of a mean of n exponential times m/√n."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from tests.twin_worlds import changed, counts_of, near, rows_of, world

from ravenstein.twin.draws import day
from ravenstein.twin.geography import routes
from ravenstein.twin.journeys import MOVE, OUT, TWELVE
from ravenstein.twin.people import FAR
from ravenstein.twin.sources import asylum, other_counts, passenger_survey, permits

SEEKERS = {"asylum_share": 1.0}  # many of them, so that tests are sharp


@pytest.fixture(scope="module")
def of():
    return world(people=40_000, first=2004, last=2010, **SEEKERS)


def seen(of, **changes):
    """Return the cases and what is counted of them."""
    twin = changed(of, **SEEKERS, **changes)
    cases = asylum.cases(twin)
    view = asylum.asylum(twin, cases)
    return cases, counts_of(twin, view), rows_of(view)["truth_asylum"]


def within(when, first=2004, last=2010):
    return (when >= day(first, 1, 1)) & (when < day(last + 1, 1, 1))


def first_stays(of):
    """Return when each asylum seeker came and left, one by one."""
    found = {}
    spells, short = of.residents.spells, of.residents.short
    for rows, came in ((spells, spells["arrived"] == 1), (short, short["home"] == 0)):
        left = rows.get("left", np.ones(rows["person"].size, dtype=int))
        for i in np.flatnonzero(came):
            person = int(rows["person"][i])
            stay = (int(rows["start"][i]), int(rows["end"][i]) if left[i] else FAR)
            found[person] = min(found.get(person, stay), stay)
    return found


def test_perfect_applications_are_the_arrivals_of_asylum_seekers(of):
    cases, tables, truth = seen(of)
    stays = first_stays(of)
    seekers = np.flatnonzero(of.persons["asylum"] == 1)
    assert np.array_equal(cases["person"], seekers)
    arrived = np.array([stays[int(p)][0] for p in seekers])
    applications = tables["asylum_applications"]
    assert applications.persons.sum() == within(arrived).sum() > 100
    quarters = pd.PeriodIndex(arrived[within(arrived)].astype("datetime64[D]"), freq="Q")
    by_quarter = applications.groupby("quarter").persons.sum()
    expected = pd.Series(quarters.start_time.date).value_counts()
    assert by_quarter.to_dict() == expected.to_dict()
    assert (truth.applied_on.map(lambda d: (d - dt.date(1970, 1, 1)).days) == arrived).all()


def test_families_apply_together_and_have_one_decision(of):
    cases, _, _ = seen(of)
    lead = of.persons["lead"][cases["person"]]
    party = np.flatnonzero(lead >= 0)
    assert party.size > 30
    head = np.searchsorted(cases["person"], lead[party])
    assert (cases["person"][head] == lead[party]).all()
    assert cases["dependant"][party].all()
    # they came on the same day; one who dies early has no later date than the death
    for name in ("port", "applied"):
        assert (cases[name][party] == cases[name][head]).mean() > 0.98
    open_ = (cases["outcome"][party] >= 0) & (cases["outcome"][head] >= 0)
    assert (cases["outcome"][party] == cases["outcome"][head])[open_].mean() > 0.95
    stays = first_stays(of)
    came = np.array([stays[int(p)][0] for p in cases["person"]])
    age = of.age(cases["person"], came)
    alone = (age >= 14) & (age < 18) & (lead < 0)
    assert near(1 - cases["dependant"][alone].mean(), of.at("asylum_alone"), alone.sum())
    assert cases["dependant"][age < 14].all()
    assert not cases["dependant"][(age >= 18) & (lead < 0)].any()


def test_perfect_returns_are_all_departures_of_the_refused_and_withdrawn(of):
    cases, tables, truth = seen(of)
    stays = first_stays(of)
    left = np.array([stays[int(p)][1] for p in cases["person"]])
    left = np.where(left < of.journeys.horizon, left, FAR)
    goes = np.isin(truth.outcome, ["refused", "withdrawn"]) & (left < FAR)
    assert (truth["return"].notna() == goes).all()
    returns = tables["returns"]
    assert returns[returns.asylum].persons.sum() == (goes & within(left)).sum() > 30
    enforced = (truth["return"] == "enforced")[goes]
    assert near(enforced.mean(), of.at("returns_enforced"), goes.sum())


def test_who_leaves_before_the_decision_has_withdrawn(of):
    cases, tables, _ = seen(of)
    outcome, decided, left = cases["outcome"], cases["decided"], cases["left"]
    gone = (decided == left) & (left < FAR)
    assert gone.sum() > 10
    assert set(outcome[gone]) == {asylum.OUTCOMES.index("withdrawn")}
    assert (decided <= left).all()
    assert tables["asylum_decisions"].persons.sum() == (within(decided) & (outcome >= 0)).sum()
    # times to the decision are log-normal: half are above the median
    late = (cases["decided"] - cases["applied"] > of.at("asylum_decision")["median"])[left == FAR]
    assert near(late.mean(), 0.5, late.size)
    port = (cases["port"] == 0)[of.persons["lead"][cases["person"]] < 0]
    assert near(port.mean(), of.at("asylum_at_port"), port.size)
    # of those who stay to the end of the twin, decisions are as the parameter says
    shares = of.at("asylum_outcome")["stays"]
    stays = (
        (left == FAR) & (outcome >= 0) & (outcome < 4) & (of.persons["lead"][cases["person"]] < 0)
    )
    for i, share in enumerate(shares):
        assert near((outcome[stays] == i).mean(), share, stays.sum())


def test_applications_in_the_country_come_later(of):
    cases, _, _ = seen(of, asylum_lag=35)
    stays = first_stays(of)
    start, left = np.array([stays[int(p)] for p in cases["person"]]).T
    lag = cases["applied"] - start
    assert (lag[cases["port"] == 0] == 0).all()
    # who leaves early applies on the day before; whole days are half a day less on average
    free = (cases["port"] == 1) & (left - start > 365) & (of.persons["lead"][cases["person"]] < 0)
    assert abs(lag[free].mean() + 0.5 - 35) < 4 * 35 / np.sqrt(free.sum())


def test_departures_that_nobody_records(of):
    _, _, whole = seen(of)
    _, _, part = seen(of, returns_unrecorded=0.3)
    all_of = whole["return"].notna().sum()
    assert near(1 - part["return"].notna().sum() / all_of, 0.3, all_of)


def test_other_returns_are_a_share_of_departures(of):
    _, tables, _ = seen(of)
    others = tables["returns"].query("~asylum").groupby("type").persons.sum()
    spells = of.residents.spells
    outside = (of.persons["citizenship"] >= 3) & (of.persons["asylum"] == 0)
    goes = outside[spells["person"]] & (spells["left"] == 1) & (spells["arrived"] == 1)
    count = (goes & within(spells["end"])).sum()
    for kind, share in of.at("returns_others").items():
        assert near(others[kind] / count, share, count)


def permits_of(of, **changes):
    twin = changed(of, **SEEKERS, **changes)
    return counts_of(twin, permits.permits(twin, asylum.cases(twin)))


def entries(of, shortest):
    """Return every entry for some time of foreigners who seek no asylum, one by one."""
    seeks = set(np.flatnonzero(of.persons["asylum"] == 1).tolist())
    spells, c = of.residents.spells, of.journeys.crossings
    citizenship = of.journeys.persons["citizenship"]
    rows = [
        (int(p), int(s), int(e), int(r))
        for p, s, e, r, came in zip(*(spells[n] for n in ("person", "start", "end", "reason_in",
                                                         "arrived")), strict=True) if came
    ]  # fmt: skip
    rows += [
        (int(p), int(d), int(d + n), int(r))
        for p, d, n, r, leg, arrival in zip(
            *(c[n] for n in ("person", "day", "nights", "reason", "leg", "arrival")), strict=True
        )
        if leg == OUT and arrival == 1 and n >= shortest
    ]  # fmt: skip
    return [row for row in rows if citizenship[row[0]] > 0 and row[0] not in seeks]


def test_perfect_visas_are_the_entries_that_need_one(of):
    citizenship = of.journeys.persons["citizenship"]
    expected = [
        row for row in entries(of, 183) if citizenship[row[0]] >= 3 and within(np.array(row[1]))
    ]  # fmt: skip
    visas = permits_of(of)["visas_issued"]
    assert visas.persons.sum() == len(expected) > 500
    study = sum(row[3] == 3 for row in expected)
    assert visas[visas.category == "study"].persons.sum() == study
    for share in (0.2, 0.6):
        issued = permits_of(of, visas_unused=share)["visas_issued"].persons.sum()
        assert near(1 - len(expected) / issued, share, len(expected))
    # issued in the third quarters: each entry's chance that a uniform lead of 182 days ends there
    early = permits_of(of, visas_lead=182)["visas_issued"]
    start = np.array([row[1] for row in entries(of, 183) if citizenship[row[0]] >= 3])
    chance = np.zeros(start.size)
    for year in range(2004, 2011):
        first, last = day(year, 7, 1), day(year, 10, 1)
        lead = [np.clip((start - edge + 1) / 182, 0, 1) for edge in (last, first)]
        chance += lead[1] - lead[0]
    found = early[early.quarter.map(lambda on: on.month) == 7].persons.sum()
    assert abs(found - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())
    assert abs(visas[visas.quarter.map(lambda on: on.month) == 7].persons.sum() - found) > 60


def test_perfect_worker_registrations_are_the_workers_who_came(of):
    citizenship, birth = (of.journeys.persons[n] for n in ("citizenship", "birth"))
    scheme = (day(2004, 5, 1), day(2011, 5, 1))
    expected = sum(
        citizenship[p] == 2 and r in (0, 1) and scheme[0] <= s < scheme[1]
        and (s - birth[p]) / 365.25 >= 16 and within(np.array(s))
        for p, s, _, r in entries(of, 30)
    )  # fmt: skip
    workers = permits_of(of)["worker_registrations"]
    assert workers.persons.sum() == pytest.approx(expected, abs=1)  # a birthday on the day
    assert expected > 150
    missed = permits_of(of, workers_missed=0.33)["worker_registrations"].persons.sum()
    assert near(1 - missed / expected, 0.33, expected)
    late = permits_of(of, workers_lag=365)["worker_registrations"].persons.sum()
    assert late < expected, "who leaves before registering never does"


def test_settlement_is_granted_to_those_who_stay_long_enough(of):
    """With everybody applying: the grants, one by one."""
    citizenship = of.journeys.persons["citizenship"]
    cases = asylum.cases(changed(of, **SEEKERS))
    years = of.at("settlement_years")
    names = ("definite_job", "looking_for_work", "accompany_join", "formal_study", "other")
    expected = 0
    for p, s, e, r in entries(of, 10**5):
        when = s + int(years[names[r]] * 365.25)
        expected += citizenship[p] >= 3 and when < e and bool(within(np.array(when)))
    granted = (cases["outcome"] == 0) & within(cases["decided"])
    grants = permits_of(of, settlement_share=1.0)["settlement_grants"]
    assert grants.persons.sum() == expected + granted.sum() > 150
    assert grants[grants.category == "asylum"].persons.sum() == granted.sum()
    half = permits_of(of, settlement_share=0.5)["settlement_grants"]
    assert near(half.query("category != 'asylum'").persons.sum() / expected, 0.5, expected)
    late = permits_of(of, settlement_share=1.0, grants_lag=3650)["settlement_grants"].persons.sum()
    assert late < grants.persons.sum(), "lags put grants off, beyond departures and the twin"


def test_citizenship_is_granted_at_its_rate(of):
    """The expected number: of each spell, the chance that six years and the wait fit."""
    grants = permits_of(of)["citizenship_grants"]
    rates, spells = of.at("citizenship_rate"), of.residents.spells
    citizenship = of.persons["citizenship"][spells["person"]]
    rate = np.where(citizenship >= 3, rates["outside"], rates["inside"])
    from_, to = day(2004, 1, 1), np.minimum(spells["end"], day(2011, 1, 1))
    open_ = spells["start"] + 2192
    waits = [np.maximum(when - open_, 0) / 365.25 for when in (np.maximum(from_, open_), to)]
    chance = np.exp(-rate * waits[0]) - np.exp(-rate * np.maximum(waits[1], waits[0]))
    expected = chance[citizenship > 0].sum()
    # a few persons have two spells, of which the first grant counts
    assert abs(grants.persons.sum() - expected) < 4 * np.sqrt(expected)
    assert expected > 100


@pytest.fixture(scope="module")
def republic():
    return world(people=30_000, first=2006, last=2011)


def test_perfect_irish_statistics_count_who_lives_across_a_year_later(republic):
    """One by one: where each mover over the land border lives at both Aprils."""
    of = republic
    spells, c = of.residents.spells, of.journeys.crossings
    lives = {}
    for p, s, e in zip(spells["person"], spells["start"], spells["end"], strict=True):
        lives.setdefault(int(p), []).append((int(s), int(e)))
    land = routes(of.settings).mode == 3
    expected = {}
    for year in range(2007, 2012):
        before, after = day(year - 1, 4, 15), day(year, 4, 15)
        movers = {
            (int(c["arrival"][i]), int(c["person"][i]))
            for i in np.flatnonzero((c["leg"] == MOVE) & (c["day"] > before) & (c["day"] <= after))
            if land[c["route"][i]]
        }
        for arrival, p in movers:
            here = [any(s <= when < e for s, e in lives[p]) for when in (before, after)]
            known = of.persons["birth"][p] <= before and of.persons["death"][p] > after
            if known and here == [not arrival, bool(arrival)]:
                key = (year, "immigration" if arrival else "emigration", of.persons["sex"][p])
                expected[key] = expected.get(key, 0) + 1
    found = counts_of(of, other_counts.irish_migration(of))["irish_migration"]
    found["sex"] = found.sex.map({"M": 1, "F": 2})
    assert found.groupby(["year", "direction", "sex"]).persons.sum().to_dict() == expected
    assert sum(expected.values()) > 50


def test_irish_moves_are_missed_and_rounded(republic):
    whole = counts_of(republic, other_counts.irish_migration(republic))["irish_migration"]
    twin = changed(republic, irish_missed={"immigration": 0.5, "emigration": 0.0})
    part = counts_of(twin, other_counts.irish_migration(twin))["irish_migration"]
    counts = [t.groupby("direction").persons.sum() for t in (whole, part)]
    assert counts[0]["emigration"] == counts[1]["emigration"]
    count = counts[0]["immigration"]
    assert near(1 - counts[1]["immigration"] / count, 0.5, count)
    twin = changed(republic, irish_rounding=10_000)  # at 60 million; 5 at 30,000 people
    rounded = counts_of(twin, other_counts.irish_migration(twin))["irish_migration"]
    cells = ["year", "direction", "sex", "age_group"]
    both = whole.merge(rounded, on=cells, how="left", suffixes=("", "_rounded")).fillna(0)
    assert (both.persons_rounded == (both.persons + 2) // 5 * 5).all()
    assert (rounded.persons > 0).all()
    twin = changed(republic, irish_rounding=100)
    same = counts_of(twin, other_counts.irish_migration(twin))["irish_migration"]
    assert same.equals(whole)


def test_special_populations_are_counted_on_their_day(republic):
    of = republic
    terms, death = of.residents.terms, of.persons["death"]
    for lag in (0, 91):
        twin = changed(of, special_lag=lag)
        found = counts_of(twin, other_counts.special_counts(twin))["special_counts"]
        for year in (2007, 2010):
            when = day(year, 6, 30) - lag
            serves = (terms["start"] <= when) & (terms["end"] > when)
            serves &= death[terms["person"]] > when
            expected = np.bincount(terms["kind"][serves], minlength=3)[1:]
            by_kind = found[found.year == year].groupby("special").persons.sum()
            assert by_kind.tolist() == expected.tolist()
            assert expected.sum() > 80


def test_asylum_seekers_are_set_aside_by_the_survey(of):
    """Nobody else is: interviews lost are those of asylum seekers who come to live here."""

    def interviewed(share):
        twin = changed(of, survey_asylum_missed=share, **SEEKERS)
        drawn = passenger_survey.design(twin.settings, of.seed)
        rows, _, _ = passenger_survey.interviews(twin, drawn, np.empty(0, dtype=int))
        return rows.to_pandas().query("stay_stated == '12_months_or_more'")

    whole, part, none = (interviewed(share) for share in (0.0, 0.6, 1.0))
    c, seeks = of.journeys.crossings, np.flatnonzero(of.persons["asylum"] == 1)
    stated = (c["arrival"] == 1) & (c["stated"] == TWELVE) & within(c["day"])
    came = (stated & np.isin(c["person"], seeks)).sum()
    sampled = len(whole) / ((c["stated"] == TWELVE) & within(c["day"])).sum()
    assert came > 150
    lost = len(whole) - len(none)
    assert near(lost / came, sampled, came)
    assert near((len(whole) - len(part)) / lost, 0.6, lost)
    leaving = [(table.arrivedepart == 2).sum() for table in (whole, part, none)]
    assert len(set(leaving)) == 1
