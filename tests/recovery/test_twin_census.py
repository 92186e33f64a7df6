"""The twin's census, its coverage survey and labour-force survey: perfect ones hold the residents
of their day, and each imperfection does what its parameter says. Bands are four standard errors:
of a share p of n cases √(p(1−p)/n); where addresses fail together, n counts addresses."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from tests.twin_worlds import changed, counts_of, near, rows_of, world

from ravenstein.twin.draws import age_on, day
from ravenstein.twin.geography import KINDS
from ravenstein.twin.homes import DWELLINGS
from ravenstein.twin.people import CITIZENSHIPS
from ravenstein.twin.sources import census, education, labour_force

CENSUS_DAY, SURVEY_DAY = day(2011, 3, 27), day(2011, 3, 27) + 42
EVEN = dict.fromkeys((*KINDS, "foreign", "recent"), 1.0)


@pytest.fixture(scope="module")
def of():
    return world(people=30_000, first=2009, last=2012, postcodes=0.3)


@pytest.fixture(scope="module")
def perfect(of):
    return counted(of)


def counted(of, **changes):
    """Return the census, its coverage survey and labour-force interviews as pandas."""
    twin = changed(of, **changes)
    found = rows_of(census.censuses(twin, education.courses(twin)))
    return found["census_records"], found["coverage_survey_records"]


def share(value):
    """Return a parameter of the census's form with one share for everybody."""
    return {sex: [value] * 18 for sex in ("male", "female")}


def residents(of, when):
    """Return person and area of all who live in the country at the end of a day, one by one."""
    found = {}
    spells, moves = of.residents.spells, of.residents.moves
    for p, s, e, area in zip(*(spells[n] for n in ("person", "start", "end", "area")), strict=True):
        if s <= when < e:
            found[int(p)] = (int(s), int(area))
    order = np.argsort(moves["day"], kind="stable")
    for i in order[moves["day"][order] <= when]:
        p = int(moves["person"][i])
        if p in found and moves["day"][i] >= found[p][0]:
            found[p] = (found[p][0], int(moves["destination"][i]))
    return {p: area for p, (_, area) in found.items()}


def codes(of, found):
    return {p: of.places.areas.codes[area] for p, area in found.items()}


def test_a_perfect_census_is_the_residents_of_its_day(of, perfect):
    records, _ = perfect
    assert set(records.year) == {2011}
    assert dict(zip(records.who, records.area, strict=True)) == codes(of, residents(of, CENSUS_DAY))
    assert records.who.is_unique
    # names, dates and sex are the person's own
    birth = of.persons["birth"][records.who].astype("datetime64[D]").astype(object)
    assert (records.birth_date.to_numpy() == birth).all()


def test_the_address_a_year_before(of, perfect):
    records, _ = perfect
    before = codes(of, residents(of, CENSUS_DAY - 365))
    unborn = of.persons["birth"][records.who] > CENSUS_DAY - 365
    then = records.who.map(before)
    expected = np.select(
        [unborn, then.isna(), then == records.area], ["unborn", "abroad", "area"], "country"
    )
    assert (records.year_ago == expected).all()
    assert (records.area_year_ago.fillna("-") == then.where(expected == "country", "-")).all()
    assert set(expected) == {"unborn", "abroad", "area", "country"}
    # who came in the year before says so
    recent = records.arrival_year >= 2011
    assert set(records.year_ago[recent & ~unborn]) == {"abroad"}


def test_a_perfect_coverage_survey_is_the_residents_of_its_postcodes(of, perfect):
    _, found = perfect
    sample = census.sample_table(of.settings, of.seed, of.places).to_pandas()
    assert np.average(sample.probability) == pytest.approx(0.3, abs=0.05)
    assert (sample.groupby("area").size() >= 2).all()
    lives = residents(of, SURVEY_DAY)
    home = of.homes.on(SURVEY_DAY)
    inside = np.isin(of.homes.postcode[home], sample.postcode)
    assert set(found.who) == set(of.homes.person[home[inside]].tolist())
    assert (found.area == found.who.map(codes(of, lives))).all()
    assert (found.postcode == found.address // DWELLINGS).all()


def missing(of, records, when=CENSUS_DAY):
    """Return everybody who should be counted, and whether they are not."""
    lives = of.homes.on(when)
    person = of.homes.person[lives]
    frame = pd.DataFrame(
        {
            "person": person, "address": of.homes.address[lives],
            "kind": np.array(KINDS)[of.places.areas.kind[of.homes.area[lives]]],
            "sex": of.persons["sex"][person], "citizenship": of.persons["citizenship"][person],
            "age": age_on(of.persons["birth"][person], np.full(person.size, when)),
        }
    )  # fmt: skip
    return frame.assign(missed=~frame.person.isin(records.who))


def test_people_are_missed_by_sex_and_age(of):
    missed = {"male": [0.0] * 4 + [0.4] * 2 + [0.0] * 12, "female": [0.1] * 18}
    records, _ = counted(of, census_missed=missed, census_odds=EVEN, census_household=0.0)
    found = missing(of, records)
    men = found[found.sex == 1]
    young = men[(men.age >= 20) & (men.age < 30)]
    assert near(young.missed.mean(), 0.4, len(young))
    assert not men[(men.age < 20) | (men.age >= 30)].missed.any()
    women = found[found.sex == 2]
    assert near(women.missed.mean(), 0.1, len(women))


def test_odds_by_area_citizenship_and_arrival(of):
    odds = EVEN | {"city": 3.0, "foreign": 2.0}
    records, _ = counted(
        of, census_missed=share(0.1), census_odds=odds, census_household=0.0
    )  # fmt: skip
    found = missing(of, records)
    for kind, foreign, ratio in (
        ("city", 0, 3),
        ("suburb", 0, 1),
        ("suburb", 1, 2),
        ("city", 1, 6),
    ):
        part = found[(found.kind == kind) & ((found.citizenship > 0) == bool(foreign))]
        expected = 0.1 * ratio / (0.9 + 0.1 * ratio)
        assert near(part.missed.mean(), expected, len(part)), (kind, foreign)
    assert CITIZENSHIPS[0] == "british"
    odds = EVEN | {"recent": 9.0}
    records, _ = counted(of, census_missed=share(0.1), census_odds=odds, census_household=0.0)
    found = missing(of, records)
    spells = of.residents.spells
    came = (spells["arrived"] == 1) & (spells["start"] > CENSUS_DAY - 365)
    recent = found[found.person.isin(spells["person"][came & (spells["start"] <= CENSUS_DAY)])]
    assert len(recent) > 150
    assert near(recent.missed.mean(), 0.5, len(recent))


def test_addresses_are_missed_together(of):
    """Of two people at an address, the share of pairs of which one only is missed."""
    shares = {}
    for together in (0.0, 0.6, 1.0):
        records, _ = counted(
            of, census_missed=share(0.2), census_odds=EVEN, census_household=together
        )
        found = missing(of, records).groupby("address").missed.agg(["size", "sum"])
        pairs = found[found["size"] == 2]
        shares[together] = (pairs["sum"] == 1).mean()
        expected = (1 - together) * 2 * 0.2 * 0.8
        assert near(shares[together], expected, len(pairs)), together
    assert shares[1.0] == 0


def test_people_are_counted_twice(of):
    whole, _ = counted(of)
    courses = education.courses(of)
    lives = residents(of, CENSUS_DAY)
    home = dict(zip(courses["person"].tolist(), courses["home"].tolist(), strict=True))
    studies = set(whole.who[whole.student])
    away = {p for p in studies if home[p] >= 0 and home[p] != lives[p]}
    moves = of.residents.moves
    recent = (moves["day"] > CENSUS_DAY - 365) & (moves["day"] <= CENSUS_DAY)
    moved = set(moves["person"][recent].tolist()) & set(lives) - away
    groups = {"students": away, "movers": moved, "others": set(lives) - away - moved}
    for name, people in groups.items():
        twice = dict.fromkeys(groups, 0.0) | {name: 0.3 if name != "others" else 0.02}
        records, _ = counted(of, census_twice=twice)
        again = records[records.who.duplicated(keep="first")]
        assert near(len(again) / len(people), twice[name], len(people)), name
        assert set(again.who) <= people
        assert records.record.is_unique
        if name == "students":
            assert (again.area == again.who.map(home).map(dict(enumerate(
                of.places.areas.codes)))).all()  # fmt: skip
    records, _ = counted(of, census_elsewhere=0.4)
    wrong = records[records.area != records.who.map(codes(of, lives))]
    assert set(wrong.who) <= away
    assert near(len(wrong) / len(away), 0.4, len(away))


def test_some_who_left_are_counted(of):
    records, _ = counted(of, census_left=0.5)
    spells = of.residents.spells
    gone = (spells["left"] == 1) & (spells["end"] <= CENSUS_DAY)
    gone &= spells["end"] > CENSUS_DAY - 60
    gone = set(spells["person"][gone].tolist()) - set(residents(of, CENSUS_DAY))
    over = set(records.who) - set(residents(of, CENSUS_DAY))
    assert over <= gone
    assert near(len(over) / len(gone), 0.5, len(gone))


def test_the_coverage_survey_misses_more_of_those_whom_the_census_missed(of, perfect):
    every = set(perfect[1].who)
    for odds in (1.0, 4.0):
        records, found = counted(
            of, census_missed=share(0.2), census_odds=EVEN, coverage_survey_missed=share(0.1),
            coverage_survey_odds=odds,
        )  # fmt: skip
        there = set(residents(of, CENSUS_DAY)) & every
        shy = there - set(records.who)
        for group, ratio in ((shy, odds), (there - shy, 1.0)):
            expected = 0.1 * ratio / (0.9 + 0.1 * ratio)
            assert near(len(group - set(found.who)) / len(group), expected, len(group)), odds


def test_addresses_are_typed_with_errors(of, perfect):
    errors = of.at("postcode_errors") | {"census_records": 0.2, "coverage_survey_records": 0.1}
    found = counted(of, postcode_errors=errors)
    for whole, typed, share in zip(perfect, found, (0.2, 0.1), strict=True):
        wrong = typed.address != whole.address
        # one in so many of an area's postcodes is drawn again by chance
        count = np.diff(of.places.first)[typed.area.map(of.places.areas.codes.index)]
        expected = share * (1 - 1 / count)
        band = 4 * np.sqrt((expected * (1 - expected)).sum())
        assert abs(wrong.sum() - expected.sum()) < band
        assert (typed.postcode == typed.address // DWELLINGS).all()
        assert (typed.area == whole.area).all()


@pytest.fixture(scope="module")
def panel():
    of = world(people=40_000, first=2009, last=2011, addresses=20)
    return of, interviews(of)


def interviews(of, **changes):
    twin = changed(of, **changes)
    seen = labour_force.labour_force(twin, education.courses(twin))
    return rows_of(seen)["labour_force_interviews"]


def test_a_perfect_labour_force_survey_is_the_residents_of_its_addresses(panel):
    of, found = panel
    sample = labour_force.sample_table(of.settings, of.seed, of.places).to_pandas()
    by_wave = sample.groupby(["quarter", "wave"]).addresses.sum()
    all_of = of.places.first[-1] * DWELLINGS
    assert (by_wave - all_of / 20).abs().max() <= 1
    for quarter, rows in found.groupby("quarter"):
        middle = (quarter - dt.date(1970, 1, 1)).days + 45
        lives = residents(of, middle)
        addresses = set(rows.address)
        home = of.homes.on(middle)
        address = of.numbered("labour_force_addresses", of.homes.address[home])
        at = dict(zip(of.homes.person[home].tolist(), address.tolist(), strict=True))
        assert set(rows.who) == {p for p in lives if at[p] in addresses}
        # one in twenty addresses in each of the five waves
        assert near(len(addresses) / len(set(at.values())), 0.25, len(set(at.values())))
        assert (rows.employed.isna() == (rows.age < 16)).all()
    # an address stays for five quarters, one wave after another
    waves = found.drop_duplicates(["quarter", "address"]).sort_values(["address", "quarter"])
    step = waves.groupby("address").wave.diff().dropna()
    assert (step == 1).mean() > 0.95, "but for addresses that were empty for a while"
    assert (step >= 1).all()


def test_answers_of_a_perfect_survey_estimate_the_truth(panel):
    of, found = panel
    seen = labour_force.labour_force(of, education.courses(of))
    truth = counts_of(of, seen)["truth_employment"]
    adults = found[found.age >= 16]
    for quarter in sorted(set(found.quarter))[:3]:
        real = truth[truth.quarter == quarter]
        said = adults[adults.quarter == quarter].employed.astype(float)
        rate = real.employed.sum() / real.persons.sum()
        assert near(said.mean(), rate, len(said))
        # people of an address come together: 2.4 of them are one draw
        error = 4 * np.sqrt(2.4 * len(said))
        assert abs(4 * len(said) - real.persons.sum()) < 4 * error
    assert 0.5 < truth.employed.sum() / truth.persons.sum() < 0.7
    # most people keep their status: over a quarter, one in twelve is drawn anew
    pair = adults.merge(adults, on="who", suffixes=("", "_next"))
    pair = pair[pair.wave_next == pair.wave + 1]
    assert (pair.employed == pair.employed_next).mean() > 0.95


def test_addresses_refuse_by_wave_and_stay_away(panel):
    of, whole = panel
    silent = [0.1, 0.2, 0.3, 0.4, 0.5]
    part = interviews(of, labour_force_nonresponse=silent)
    keys = ["quarter", "address", "wave"]
    all_of, kept = (t.drop_duplicates(keys) for t in (whole, part))
    for wave in range(1, 6):
        count = (all_of.wave == wave).sum()
        # an address is in a wave once
        assert near(1 - (kept.wave == wave).sum() / count, silent[wave - 1], count)
    # who takes part takes part in all waves before, if somebody lived there
    last = kept[kept.wave == 5]
    first = whole[(whole.wave == 4) & whole.address.isin(last.address)]
    assert set(first.address) <= set(part[part.wave == 4].address)


def test_who_is_outside_or_does_not_answer(panel):
    of, whole = panel
    part = interviews(of, labour_force_foreign=0.3)
    abroad = [(t.birth_country != "country").sum() for t in (whole, part)]
    assert near(1 - abroad[1] / abroad[0], 0.3, abroad[0])
    assert len(whole) - len(part) == abroad[0] - abroad[1]
    part = interviews(of, labour_force_new=183)
    lost = whole[~whole.set_index(["quarter", "who"]).index.isin(
        part.set_index(["quarter", "who"]).index)]  # fmt: skip
    assert len(lost) > 30
    assert (lost.quarter.map(lambda q: q.year) - lost.arrival_year).dropna().between(0, 1).all()
    part = interviews(of, labour_force_special=1)
    lost = set(whole.who) - set(part.who)
    assert lost <= set(of.residents.terms["person"].tolist())
    assert len(lost) > 20


def test_proxies_and_their_errors(panel):
    """Only of people with another adult at the address, in the survey in the same quarter."""
    of, whole = panel
    share = [1.0, 0.6, 0.3, 0.2]
    part = interviews(of, labour_force_proxy=share)
    adult = part.age >= 16
    adults = adult.groupby([part.quarter, part.address]).transform("sum")
    others = adults - adult > 0
    assert not part.proxy[~others].any()
    for low, high, expected in zip((0, 16, 25, 65), (16, 25, 65, 99), share, strict=True):
        rows = part[(part.age >= low) & (part.age < high) & others]
        assert near(rows.proxy.mean(), expected, len(rows))
    assert (part.employed.fillna(0) == whole.employed.fillna(0)).all()
    errors = {"employed": 0.1, "birth_country": 0.4}
    part = interviews(of, labour_force_proxy=[1.0, 1.0, 0.0, 0.0], labour_force_proxy_error=errors)
    wrong = part.employed[adult] != whole.employed[adult]
    young = (part.age < 25)[adult] & part.proxy[adult]
    assert near(wrong[young].mean(), 0.1, young.sum())
    assert not wrong[~young].any()
    abroad = (whole.birth_country != "country") & part.proxy
    assert near((part.birth_country == "country")[abroad].mean(), 0.4, abroad.sum())


def test_employment_by_sex_age_citizenship_and_study(panel):
    """Against the shares of the parameters, from dates of birth and courses themselves; people
    keep their status for three years, so that a person is one draw."""
    of, _ = panel
    courses, when = education.courses(of), day(2010, 2, 15)
    person = of.homes.person[of.homes.on(when)]
    works = labour_force.employed(of, courses, person, when)
    terms = of.residents.terms
    now = (terms["start"] <= when) & (terms["end"] > when)
    for kind, employed in ((1, True), (2, False)):
        serve = np.isin(person, terms["person"][now & (terms["kind"] == kind)])
        assert serve.sum() > 30
        assert (works[serve] == employed).all(), "soldiers are employed, prisoners are not"
        person, works = person[~serve], works[~serve]
    studies = np.isin(
        person, courses["person"][(courses["since"] <= when) & (courses["until"] > when)]
    )
    age = age_on(of.persons["birth"][person], np.full(person.size, when))
    sex, citizenship = (of.persons[name][person] for name in ("sex", "citizenship"))
    shares, ratio = of.at("employment"), of.at("employment_ratio")
    bounds = [16, 20, 25, 35, 50, 60, 65, 200]
    for number, name in ((1, "male"), (2, "female")):
        for low, high, share in zip(bounds, bounds[1:], shares[name], strict=False):
            group = (sex == number) & (age >= low) & (age < high) & ~studies & (citizenship == 0)
            assert near(works[group].mean(), share, group.sum()), (name, low)
    for place, code in enumerate(CITIZENSHIPS):
        group = (citizenship == place) & (sex == 1) & (age >= 35) & (age < 50) & ~studies
        assert near(works[group].mean(), min(shares["male"][3] * ratio[code], 1), group.sum()), code
    young = studies & (age >= 20) & (age < 25) & (citizenship == 0)
    mean = np.where(sex[young] == 1, shares["male"][1], shares["female"][1]).mean()
    assert young.sum() > 100
    assert near(works[young].mean(), mean * of.at("employment_students"), young.sum())
    assert not works[age < 16].any()


def test_courses_last_as_long_as_their_shares_say(panel):
    of, _ = panel
    courses, shares = education.courses(of), of.at("study_years")
    years = (courses["until"] - courses["since"] + 90) // 365
    for kind, rows in (("abroad", courses["home"] < 0), ("country", courses["home"] >= 0)):
        for length, share in enumerate(shares[kind], start=1):
            assert near((years[rows] == length).mean(), share, rows.sum()), (kind, length)
