"""The twin's registers: perfect ones give their own definition of the truth, and each imperfection
does what its parameter says.

One world of 20,000 people (seed 7, mid-years 2008 to 2012) is seen by all tests, each with one
imperfection switched on. Bands are four standard errors of the test, as `fits` and `averages` say.
Days are counted from 1 January 1970; a day that never comes is `FAR`.
"""

import dataclasses
from collections import Counter, defaultdict
from statistics import NormalDist

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.twin_worlds import changed, made, rows_of, world

from ravenstein.core.errors import ParameterError
from ravenstein.core.seeds import step_generator
from ravenstein.twin.draws import day
from ravenstein.twin.journeys import OUT
from ravenstein.twin.names import names
from ravenstein.twin.people import FAR, REASONS
from ravenstein.twin.settings import settings
from ravenstein.twin.sources.education import courses, pupils, students
from ravenstein.twin.sources.insurance import insurance
from ravenstein.twin.sources.patients import patients
from ravenstein.twin.sources.vital_events import births, deaths

PATIENTS, NUMBERS, STUDENTS, PUPILS, BIRTHS, DEATHS = (
    "patient_register", "insurance_register", "higher_education_students", "school_census",
    "birth_registrations", "death_registrations",
)  # fmt: skip
SOURCES = {
    PATIENTS: lambda of: patients(of)[0],
    NUMBERS: insurance,
    STUDENTS: lambda of: students(of, courses(of), patients(of)[1]),
    PUPILS: pupils,
    BIRTHS: births,
    DEATHS: deaths,
}
YEARS = range(2008, 2013)
NORMAL = NormalDist()


def view(of, source, **changes):
    """Return a source's tables, perfect but for the changes, with dates as days."""
    seen = SOURCES[source](changed(of, **changes) if changes else of)
    tables = rows_of(seen)
    for kind, rows in seen.rows.items():
        for name in rows.column_names:
            if pa.types.is_date(rows[name].type):
                days = rows[name].cast(pa.int32()).cast(pa.int64())
                tables[kind][name] = days.fill_null(FAR).to_numpy()
    return tables


def keys(rows, *columns):
    """Return the rows of some columns as a set; missing values are '-'."""
    found = list(zip(*(rows[name].fillna("-").tolist() for name in columns), strict=True))
    assert len(set(found)) == len(found), "rows are repeated"
    return set(found)


def ages(born, on):
    """Return completed years of age."""
    on = np.broadcast_to(on, len(born))
    b, o = (pd.DatetimeIndex(np.asarray(d).astype("datetime64[D]")) for d in (born, on))
    return np.asarray(o.year - b.year - (o.month * 32 + o.day < b.month * 32 + b.day))


def fits(found, chance):
    """Check that independent events happen as often as their chances say.

    The standard error of their sum is √Σp(1−p). The band is four of them, and holds neither
    none of the events nor twice as many: a test that cannot fail is none.
    """
    found = np.asarray(found, dtype=float)
    chance = np.broadcast_to(np.asarray(chance, dtype=float), found.shape)
    band = 4 * np.sqrt((chance * (1 - chance)).sum())
    assert 0 < band < chance.sum(), f"{found.size} cases are too few"
    assert abs(found.sum() - chance.sum()) < band, (found.sum(), chance.sum(), band)


@pytest.fixture(scope="module")
def of():
    return world(people=20_000)


@pytest.fixture(scope="module")
def perfect(of):
    return {source: view(of, source) for source in SOURCES}


@pytest.fixture(scope="module")
def lived(of):
    return homes_of(of)


def homes_of(of):
    """Return who lived where and when, a row for each home: spells cut at moves by a plain loop."""
    r, codes, rows, moves = of.residents, of.places.areas.codes, [], defaultdict(list)
    fields = ("person", "start", "end", "area", "arrived", "left", "reason_in")
    for who, *move in np.transpose([r.moves[n] for n in ("person", "day", "destination")]).tolist():
        moves[who].append(tuple(move))
    for who, start, end, area, came, left, reason in np.transpose(
        [r.spells[n] for n in fields]
    ).tolist():
        stops = [(start, area), *sorted(m for m in moves[who] if start <= m[0] < end)]
        ends = [*["moved"] * (len(stops) - 1), "left" if left else "died" if end < FAR else "lives"]
        for k, (since, place) in enumerate(stops):
            until = stops[k + 1][0] if ends[k] == "moved" else end
            before = codes[stops[k - 1][1]] if k else "-"
            rows.append((who, since, until, codes[place], before, came == 1 and k == 0, k > 0,
                         ends[k], end, reason))  # fmt: skip
    names_ = "who since until area before came moved ends spell_end reason"
    found = pd.DataFrame(sorted(rows), columns=names_.split())
    for name in ("sex", "birth", "citizenship"):
        found[name] = of.persons[name][found.who]
    born = pd.DatetimeIndex(found.birth.to_numpy().astype("datetime64[D]"))
    sixteenth = (born + pd.DateOffset(years=16)).to_numpy().astype("datetime64[D]")
    return found.assign(
        first=~found.who.duplicated(), last=~found.who.duplicated(keep="last"),
        baby=found.since == found.birth, age=ages(found.birth, found.since),
        sixteenth=sixteenth.astype(np.int64),
    ).rename_axis("home")  # fmt: skip


def at(lived, when):
    """Return the homes of a day: its movers are where they were, its newborn not there yet."""
    return lived[(lived.since <= when) & (lived.until > when)]


def snapshot(tables, year, register=None):
    """Return the snapshot of a mid-year, or students' addresses, with the persons."""
    register = tables[PATIENTS] if register is None else register
    rows = tables[f"{'register_snapshot' if PATIENTS in tables else 'student_addresses'}/{year}"]
    return rows.assign(who=rows.person.map(dict(zip(map(str, register.record), register.who,
                                                    strict=True))))  # fmt: skip


def cells(of, values, year):
    """Return the cells of an array of the truth that are not 0, by area, sex and age."""
    values, codes = values[year - 2008], of.places.areas.codes
    return {(codes[a], "MF"[s], g): values[a, s, g] for a, s, g in np.argwhere(values).tolist()}


def counted(rows, year):
    """Count rows by area, sex and age on the day before mid-year, 90 for 90 and over."""
    age = np.minimum(ages(rows.birth_date, day(year, 6, 30)), 90)
    return Counter(zip(rows.area, rows.sex, age.tolist(), strict=True))


def test_snapshots_are_the_population(of, perfect, lived):
    """With `patient_special`, they are without the armed forces and prisoners."""
    civil, terms = view(of, PATIENTS, patient_special=1), of.residents.terms
    assert civil[PATIENTS].who.is_unique
    for year in YEARS:
        rows, when = snapshot(perfect[PATIENTS], year), day(year, 6, 30)
        here = at(lived, when)
        assert counted(rows, year) == cells(of, of.residents.population, year)
        assert keys(rows, "who", "area") == keys(here, "who", "area")
        serve = terms["person"][(terms["start"] <= when) & (terms["end"] > when)]
        assert here.who.isin(serve).sum() > 30
        others = here[~here.who.isin(serve)]
        assert keys(snapshot(civil, year), "who", "area") == keys(others, "who", "area")


def test_patients_live_at_their_addresses(of, perfect, lived):
    rows, register = perfect[PATIENTS]["patient_addresses"], perfect[PATIENTS][PATIENTS]
    horizon = of.journeys.horizon
    known = lived[(lived.until > of.journeys.begin) & (lived.since < horizon)]
    known = known.assign(until=known.until.where(known.until < horizon, FAR))
    columns = ["who", "since", "until", "area"]
    assert keys(rows, *columns) == keys(known, *columns)
    for one, other in zip(*(sorted(keys(rows, *columns))[k:] for k in (0, 1)), strict=False):
        assert one[0] != other[0] or one[2] <= other[1], "two addresses at a time"
    last = known.drop_duplicates("who", keep="last").assign(removed_on=lambda h: h.until)
    assert keys(register, "who", "removed_on") == keys(last, "who", "removed_on")
    codes = np.array(of.places.areas.codes)
    for there in (rows, perfect[NUMBERS][NUMBERS], perfect[PUPILS][PUPILS]):
        assert (codes[of.places.area_of(there.postcode.to_numpy())] == there.area).all()


@pytest.mark.parametrize("everybody", [False, True])
def test_patients_registered_first_where_they_lived_first(of, perfect, lived, everybody):
    register = perfect[PATIENTS][PATIENTS]
    first = lived[lived["first"] & (everybody | (lived.until > of.journeys.begin))]
    both = register.merge(first, on="who")
    assert len(both) > 15_000
    assert (both.registered_on == both.since).all() and (both.from_abroad == both.came).all()


def test_everybody_who_lives_here_at_16_or_later_has_one_number(of, perfect, lived):
    """Given on the 16th birthday, here or before the twin began; to others at their arrival."""
    expected, abroad, before = {}, 0, None
    for h in lived.itertuples():
        if h.who not in expected and h.until > h.sixteenth:
            arrives = h.came and h.since > h.sixteenth
            when = h.since if arrives else h.sixteenth
            if when < of.journeys.horizon:
                expected[h.who] = (h.who, when, h.area, arrives and h.citizenship > 0)
                abroad += arrives and before == h.who
        before = h.who
    rows = perfect[NUMBERS][NUMBERS]
    assert keys(rows, "who", "registered_on", "area", "overseas") == set(expected.values())
    assert abroad, "some turn 16 abroad, between two stays"


def living_students(of, lived, when):
    """Return who began to study before a day and lives here on it, and where."""
    own = courses(of)
    rows = {"who": own["person"], "begins": own["since"], "over": own["until"]}
    rows["home_area"] = np.array([*of.places.areas.codes, "-"])[own["home"]]
    here = pd.DataFrame(rows).merge(at(lived, when), on="who")
    return here[here.begins <= when].assign(term_area=lambda h: h.area)


def test_students_are_those_who_study_and_live_here(of, perfect, lived):
    rows, columns = perfect[STUDENTS][STUDENTS], ("who", "home_area", "term_area")
    for year in range(2007, 2013):
        here = living_students(of, lived, day(year, 12, 1))
        here = here[here.over > day(year, 12, 1)]
        assert len(here) > 200
        assert keys(rows[rows.year == year], *columns) == keys(here, *columns)
        if year < 2012:  # those who have left the country by mid-year are on no list
            here = here[here.who.isin(at(lived, day(year + 1, 6, 30)).who)]
            linked = snapshot(perfect[STUDENTS], year + 1, perfect[PATIENTS][PATIENTS])
            assert keys(linked, "who", "area") == keys(here, "who", "area")
    assert (rows.home_area.isna() == (rows.domicile != "country")).all()


def test_pupils_are_residents_aged_5_to_15_at_the_august_before(perfect, lived):
    rows = perfect[PUPILS][PUPILS]
    for year in YEARS:
        here = at(lived, day(year, 1, 20))
        age = ages(here.birth, day(year - 1, 8, 31))
        here = here[(age >= 5) & (age <= 15)]
        assert keys(rows[rows.year == year], "who", "area") == keys(here, "who", "area")


@pytest.mark.parametrize("source", [BIRTHS, DEATHS])
def test_births_and_deaths_are_components_of_change(of, perfect, lived, source):
    rows, persons = perfect[source][source], of.persons
    events = lived[lived.baby] if source == BIRTHS else lived[lived.ends == "died"]
    when = (events.since if source == BIRTHS else events.until).rename("registered_on")
    events = events.assign(registered_on=when)[when.between(day(2008, 1, 1), day(2012, 12, 31))]
    columns = ["who", "area", "registered_on", "birth_date" if source == BIRTHS else "death_date"]
    assert keys(rows, *columns) == keys(events, *columns[:3], "registered_on")
    for year in YEARS[1:]:
        own = rows[rows.registered_on.between(day(year - 1, 7, 1), day(year, 6, 30))]
        truth = of.residents.components["births" if source == BIRTHS else "deaths"]
        assert counted(own, year) == cells(of, truth, year)
    if source == BIRTHS:
        mother = persons["mother"][rows.who]
        assert (rows.age_of_mother == ages(persons["birth"][mother], rows.birth_date)).all()
        assert (rows.mother_born_abroad == (persons["birth_country"][mother] > 0)).all()


def registered(tables, homes):
    """Return the day on which each home came on the list."""
    given = tables["patient_addresses"][["who", "since"]].rename(columns={"since": "on"})
    both = homes.reset_index().merge(given, on="who")
    both = both[(both.on >= both.since) & (both.on < both.until)]
    return both.groupby("home").on.min().reindex(homes.index).fillna(FAR)


@pytest.mark.parametrize(
    ("name", "whose"),
    [("patient_birth_lag", "baby"), ("patient_lag", "came"), ("patient_move_lag", "moved")],
)
def test_patients_register_late(of, lived, name, whose):
    """After t = m days, the share 1 − exp(−1) of those who still live there is on the list."""
    mean = {"male": [20, 90, 200, 300, 60], "female": [50, 150, 100, 400, 30]}
    tables = view(of, PATIENTS, **{name: 80 if whose == "baby" else mean})
    group = np.searchsorted((16, 22, 35, 55), lived.age, side="right")
    own = 80 if whose == "baby" else np.array(list(mean.values()))[lived.sex - 1, group]
    homes = lived.assign(mean=own, group=group, over=lived.since + own)
    begin, horizon = of.journeys.begin, of.journeys.horizon
    late = homes[homes[whose] & (homes.since >= begin) & (homes.until > homes.over)
                 & (homes.over < horizon)]  # fmt: skip
    late = late.assign(known=registered(tables, late) < late.over)
    for _, rows in late.groupby(["sex", "group"]):
        fits(rows.known, 1 - np.exp(-1))
    others = homes[~homes[whose] & (homes.until > begin) & (homes.since < horizon)]
    assert (registered(tables, others) == others.since).all(), "others are not late"


def test_some_arrivals_never_register_in_their_first_home(of, lived):
    tables = view(of, PATIENTS, patient_missed=0.3)
    homes = lived[(lived.until > of.journeys.begin) & (lived.since < of.journeys.horizon)]
    never = registered(tables, homes) == FAR
    fits(never[homes.came], 0.3)
    assert not never[~homes.came].any()


def visits(of, shortest):
    """Return stays of non-residents of some length, from the crossings themselves."""
    c = of.journeys.crossings
    rows = pd.DataFrame({n: c[n].astype(np.int64) for n in ("person", "day", "nights", "reason")})
    rows = rows[(c["leg"] == OUT) & (c["arrival"] == 1) & (c["nights"] >= shortest)]
    rows = rows.rename(columns={"person": "who", "day": "since"})
    age = ages(of.journeys.persons["birth"][rows.who], rows.since)
    return rows.assign(until=rows.since + rows.nights, age=age)


def test_some_visitors_register_and_stay_on_the_list(of, lived):
    stays = visits(of, 91)
    stays = stays[stays.until < of.journeys.horizon]
    tables = view(of, PATIENTS, patient_short_stays=0.4)
    both = stays.merge(tables["patient_addresses"], on=["who", "since"], suffixes=("", "_told"))
    fits(np.arange(len(stays)) < len(both), 0.4)
    assert (both.until == both.until_told).all()
    # whoever visits twice, or comes to live here, is on the list for that
    once = stays[~stays.who.duplicated(keep=False) & ~stays.who.isin(lived.who)]
    tables = view(of, PATIENTS, patient_short_stays=1.0, patient_stays_on=0.3)
    register = tables[PATIENTS].set_index("who")
    fits(register.removed_on[once.who] == FAR, 0.3)


@pytest.mark.parametrize(
    ("name", "value", "ends"),
    [("patient_stays_on", 0.25, "left"), ("patient_removal", 500, "left"),
     ("patient_after_death", 300, "died")],
)  # fmt: skip
def test_the_list_holds_people_who_left_or_died(of, lived, name, value, ends):
    """A share for good; or t days later, exp(−t/m) of them. They are all that inflates the list."""
    tables = view(of, PATIENTS, **{name: value})
    for year in (2009, 2012):
        when = day(year, 6, 30)
        here, before = at(lived, when), lived[lived.until <= when]
        gone = before[~before.who.isin(here.who)].drop_duplicates("who", keep="last")
        gone = gone[gone.ends == ends]
        chance = 0.25 if value < 1 else np.exp(-(when - gone.until) / value)
        rows = snapshot(tables, year)
        fits(gone.who.isin(rows.who), chance)
        assert len(rows) == len(here) + gone.who.isin(rows.who).sum()


def test_old_records_stay_after_a_change_of_practice(of, perfect, lived):
    """Movers' second records at the old address last 730 days on average (exponential)."""
    tables = view(of, PATIENTS, patient_duplicates=0.2)
    rows, whole = tables["patient_addresses"], perfect[PATIENTS]["patient_addresses"]
    changes = lived[lived.moved & (lived.since >= of.journeys.begin)]
    changes = changes[changes.since < of.journeys.horizon].reset_index()
    old = changes.merge(rows, left_on=["who", "since", "before"], right_on=["who", "since", "area"])
    fits(changes.home.isin(old.home), 0.2)
    for time in (365, 1000):
        long = old[old.since + time < of.journeys.horizon]
        fits(long.until_y - long.since > time, np.exp(-time / 730))
    assert len(tables[PATIENTS]) - len(perfect[PATIENTS][PATIENTS]) == len(rows) - len(whole)
    extra = keys(rows, "who", "since", "area") - keys(whole, "who", "since", "area")
    assert {e for e in extra if e[1] >= of.journeys.begin} == keys(old, "who", "since", "before")


def given(tables, who):
    """Return the day on which each person got a number."""
    return who.map(tables[NUMBERS].set_index("who").registered_on).fillna(FAR)


def adult_arrivals(of, lived):
    """Return the first homes of those who first came here after their 16th birthday."""
    first = lived[lived["first"] & lived.came & (lived.since > lived.sixteenth)]
    return first[first.since < of.journeys.horizon]


def test_some_arrivals_ask_for_no_number(of, lived):
    missed = dict(zip(REASONS, (0.1, 0.3, 0.5, 0.7, 0.8), strict=False))
    tables = view(of, NUMBERS, insurance_missed=missed)
    for reason, rows in adult_arrivals(of, lived).groupby("reason"):
        fits(given(tables, rows.who) != rows.since, missed[REASONS[reason]])


def test_numbers_take_their_time(of, lived):
    """Of those still here t days later, Φ(ln(t/median)/σ) have one."""
    tables, rows = view(of, NUMBERS, insurance_lag={"median": 100, "sigma": 0.8}), None
    for time in (30, 100, 300):
        rows = adult_arrivals(of, lived)
        rows = rows[np.minimum(rows.spell_end, of.journeys.horizon) > rows.since + time]
        fits(given(tables, rows.who) < rows.since + time, NORMAL.cdf(np.log(time / 100) / 0.8))


def test_some_who_come_to_work_for_months_get_a_number(of, lived):
    tables, stays = view(of, NUMBERS, insurance_short_stays=0.35), visits(of, 30)
    works = stays[(stays.age >= 16) & (stays.reason < 2) & ~stays.who.isin(lived.who)]
    once = works[~works.who.duplicated(keep=False)]
    fits(given(tables, once.who) == once.since, 0.35)
    assert set(tables[NUMBERS].who) - set(lived.who) <= set(works.who)


@pytest.mark.parametrize(
    ("source", "missed", "shares"),
    [(STUDENTS, {"students_missed": {"country": 0.2, "abroad": 0.5}}, (0.2, 0.5)),
     (PUPILS, {"schools_missed": 0.2}, (0.2, 0.2)),
     (BIRTHS, {"births_unregistered": 0.2}, (0.2, 0.2))],
)  # fmt: skip
def test_some_students_pupils_and_births_are_in_no_return(of, perfect, source, missed, shares):
    whole, rows = perfect[source][source], view(of, source, **missed)[source]
    abroad = whole.home_area.isna() if source == STUDENTS else whole.sex == "F"
    for own, share in zip((whole[~abroad], whole[abroad]), shares, strict=True):
        fits(~own.drop_duplicates("who").who.isin(rows.who), share)
    assert len(rows) == whole.who.isin(rows.who).sum(), "in all years or in none"


def test_some_term_addresses_are_those_at_home(of, perfect):
    rows = view(of, STUDENTS, students_term_at_home=0.3)[STUDENTS]
    both = perfect[STUDENTS][STUDENTS].merge(rows, on=["year", "who"], suffixes=("", "_told"))
    away = both.home_area.notna() & (both.home_area != both.term_area)
    first = both[away].drop_duplicates("who")
    fits(first.term_area_told == first.home_area, 0.3)
    assert (both.term_postcode_told == both.term_postcode)[~away].all()
    codes = np.array(of.places.areas.codes)
    assert (codes[of.places.area_of(rows.term_postcode.to_numpy())] == rows.term_area).all()


def test_some_students_are_returned_after_their_course(of, perfect, lived):
    rows, late = view(of, STUDENTS, students_stay_on=0.3)[STUDENTS], []
    for year in range(2007, 2013):
        when = day(year, 12, 1)
        over = living_students(of, lived, when)
        over = over[(over.over <= when) & (over.over + 365 > when)]
        late += over.who.isin(rows[rows.year == year].who).tolist()
    fits(late, 0.3)
    assert len(rows) == len(perfect[STUDENTS][STUDENTS]) + sum(late), "nobody else is"


def test_some_students_are_linked_to_patients(of, perfect):
    tables, whole = view(of, STUDENTS, students_linked=0.6), perfect[STUDENTS]
    linked, everybody = (
        pd.concat([found[f"student_addresses/{year}"].person for year in YEARS])
        for found in (tables, whole)
    )
    fits(everybody.drop_duplicates().isin(linked), 0.6)
    assert len(linked) == everybody.isin(linked).sum(), "in all years or in none"
    pd.testing.assert_frame_equal(tables[STUDENTS], whole[STUDENTS])


def test_schools_know_of_moves_late(of, lived):
    """t days after a move, the share exp(−t/m) is returned at the old address."""
    rows = view(of, PUPILS, schools_move_lag=200)[PUPILS]
    homes = [at(lived, day(year, 1, 20)).assign(year=year, on=day(year, 1, 20)) for year in YEARS]
    both = rows.merge(pd.concat(homes), on=["year", "who"], suffixes=("_told", ""))
    recent = both[both.moved].drop_duplicates(["who", "since"])
    fits(recent.area_told != recent.area, np.exp(-(recent.on - recent.since) / 200))
    assert (both.area_told == both.area)[~both.moved].all()


def test_late_moves_lose_no_pupil(of, perfect):
    rows = view(of, PUPILS, schools_move_lag=2000)[PUPILS]
    assert keys(rows, "year", "who") == keys(perfect[PUPILS][PUPILS], "year", "who")


def test_a_country_without_students():
    none = dict.fromkeys(("students_by_move", "students_at_home", "immigration"), 0.0)
    none |= {"visitor_switchers": {"arrival": 0, "departure": 0}}
    none |= {"emigration": {"base": 0, "young": 0}}
    assert not len(view(world(people=600, **none), STUDENTS)[STUDENTS])


def test_pupils_who_left_are_returned_for_some_time():
    """t days after they left, the share exp(−t/m) is; here more children leave and die."""
    often = {"emigration": {"base": 0.08, "young": 0}}
    of = world(people=8000, mortality_level={"male": 0.003, "female": 0.003}, **often)
    lived, found, chance = homes_of(of), [], []
    rows = view(of, PUPILS, schools_stay_on=300)[PUPILS]
    for year in YEARS:  # the first census after they left; the first one's, after any time
        when = day(year, 1, 20)
        gone = lived[(lived.ends == "left") & (lived.until <= when) & ~lived.who.isin(
            at(lived, when).who)].drop_duplicates("who", keep="last")  # fmt: skip
        gone = gone[(gone.until >= when - 366) | (year == 2008)]
        age = ages(gone.birth, day(year - 1, 8, 31))
        gone = gone[(age >= 5) & (age <= 15)]
        found += gone.who.isin(rows[rows.year == year].who).tolist()
        chance += np.exp(-(when - gone.until) / 300).tolist()
    fits(found, chance)
    more = keys(rows, "year", "who") - keys(view(of, PUPILS)[PUPILS], "year", "who")
    assert {who for _, who in more} <= set(lived.who[lived.ends == "left"])


def waits(of, source, **changes):
    """Return days from birth or death to registration, and age at death."""
    rows = view(of, source, **changes)[source]
    event = rows.birth_date if source == BIRTHS else rows.death_date
    return rows.registered_on - event, ages(rows.birth_date, event)


@pytest.mark.parametrize(
    ("changes", "low", "high"),
    [({"births_lag": 42}, 0, 42), ({"births_lag": 42, "births_late": 0.7}, 42, 366)],
)
def test_births_are_registered_within_weeks_or_late(of, changes, low, high):
    """Days are uniform: their standard error is that of a mean, (high − low)/√12n."""
    wait, _ = waits(of, BIRTHS, **changes)
    if low:
        late = wait[wait >= low]
        fits(wait >= low, 0.7)
        wait = late
    assert low <= wait.min() and wait.max() < high
    band = 4 * (high - low) / np.sqrt(12 * len(wait))
    assert abs(wait.mean() - (low + high - 1) / 2) < band < (high - low) / 6


def test_deaths_are_registered_after_days_or_an_inquest(of):
    """Log-normal with sigma 0.6; exponential after an inquest, of which the share is by age."""
    wait, _ = waits(of, DEATHS, deaths_lag=10)
    for time in (5, 10, 20):
        fits(wait < time, NORMAL.cdf(np.log(time / 10) / 0.6))
    share = np.array([0.9, 0.6, 0.2])
    wait, age = waits(of, DEATHS, deaths_inquest=share.tolist(), deaths_inquest_lag=20_000)
    group = np.searchsorted([1, 45], age, side="right")
    fits(wait > 0, share[group])
    for own in range(3):  # an inquest for all of an age, and for nobody else
        only = [float(k == own) for k in range(3)]
        wait, _ = waits(of, DEATHS, deaths_inquest=only, deaths_inquest_lag=20_000)
        assert ((wait > 0) == (group == own)).all() and (group == own).any()
    wait, _ = waits(of, DEATHS, deaths_inquest=[1.0, 1.0, 1.0], deaths_inquest_lag=250)
    for time in (100, 250, 500):
        fits(wait >= time, np.exp(-time / 250))


@pytest.mark.parametrize("kind", ["mistyped", "swapped", "birth_date"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_share_of_records_is_wrong(of, perfect, source, kind):
    """In one way only, in one source; of mistyped names 4 in 10 are given names."""
    errors = changed(of).at("record_errors")
    errors |= {source: errors[source] | {kind: 0.2}}
    whole, rows = (
        found.drop_duplicates("record")
        for found in (perfect[source][source], view(of, source, record_errors=errors)[source])
    )
    visible = whole.surname != whole.given_name  # some are called twice the same
    fields = ["surname", "given_name", "birth_date"]
    whole, rows = whole[visible], rows[visible]
    surname, given_name, born = (rows[name] != whole[name] for name in fields)
    fits(surname | given_name | born, 0.2)
    if kind == "mistyped":
        assert not (surname & given_name).any()
        fits(given_name[surname | given_name], 0.4)
    elif kind == "swapped":
        assert (rows.surname[surname] == whole.given_name[surname]).all()
        assert (rows.given_name[surname] == whole.surname[surname]).all()
    assert born.any() == (kind == "birth_date") != (surname | given_name).any()
    if source == BIRTHS:
        assert (rows.birth_date <= rows.registered_on).all(), "nobody is typed as born later"
    other = DEATHS if source != DEATHS else BIRTHS
    rows = view(of, other, record_errors=errors)[other]
    pd.testing.assert_frame_equal(rows, perfect[other][other])


@pytest.mark.parametrize("source", [PATIENTS, NUMBERS, STUDENTS, PUPILS])
def test_a_share_of_postcodes_is_another_of_the_area(of, perfect, source):
    errors = changed(of).at("postcode_errors") | {source: 0.2}
    table = "patient_addresses" if source == PATIENTS else source
    column = "term_postcode" if source == STUDENTS else "postcode"
    whole, rows = perfect[source][table], view(of, source, postcode_errors=errors)[table]
    wrong = rows[column] != whole[column]
    # one in so many of an area's postcodes is drawn again by chance
    count = np.diff(of.places.first)
    area = rows["term_area" if source == STUDENTS else "area"].map(of.places.areas.codes.index)
    fits(wrong, 0.2 * (1 - 1 / count[area]))
    assert (of.places.area_of(rows[column].to_numpy()) == area).all()
    pd.testing.assert_frame_equal(rows.drop(columns=column), whole.drop(columns=column))


@pytest.fixture(scope="module")
def renamed(of):
    """The same people, of whom women change their names."""
    chosen = changed(of, name_changes=0.05).settings
    drawn = names(chosen, step_generator(7, "names"), of.journeys.persons, of.journeys.begin)
    return dataclasses.replace(of, settings=chosen, names=drawn)


@pytest.mark.parametrize("source", [PATIENTS, NUMBERS, BIRTHS, DEATHS, PUPILS])
def test_women_change_their_names(perfect, renamed, source):
    """At a rate r from 20 to 45, once: at age a the share 1 − exp(−r(a − 20)) has."""
    tables = view(renamed, source)
    rows, whole = tables[source], perfect[source][source]
    if source == PATIENTS:  # as they told at the last address
        when = rows.record.map(tables["patient_addresses"].groupby("record").since.max())
    elif source == PUPILS:
        when = rows.year.map({year: day(year, 1, 20) for year in YEARS})
    else:
        when = rows.death_date if source == DEATHS else rows.registered_on
    age, new = (when - rows.birth_date) / 365.25, rows.surname != whole.surname
    assert not new[(rows.sex == "M") | (age < 20)].any()
    women = (rows.sex == "F") & (age >= 20)
    chance = -np.expm1(-0.05 * np.minimum(age - 20, 25))
    for own in (women & (age < 45), women & (age >= 45)):
        if own.sum() > 20:
            fits(new[own], chance[own])


@pytest.fixture(scope="module")
def block():
    return made(people=3000, views=("registers",))[0]


def test_identities_join_the_records_of_a_person(block):
    who, people = block["truth_identities"], block["truth_people"]
    assert set(who.source) == set(SOURCES)
    records = [block[s].assign(source=s).drop_duplicates("record") for s in SOURCES]
    found = pd.concat(records).merge(who, on=["source", "record"], validate="1:1")
    assert len(found) == sum(map(len, records))
    found = found.merge(people, on="person", suffixes=("", "_true"))
    assert (found.birth_date == found.birth_date_true).all() and (found.sex == found.sex_true).all()
    same = found.groupby("person").agg(n=("source", "nunique"), surnames=("surname", "nunique"),
                                       given=("given_name", "nunique"))  # fmt: skip
    assert (same.n >= 3).sum() > 100
    assert (same.surnames == 1).all() and (same.given == 1).all(), "one name in all sources"


@pytest.mark.parametrize(
    "source",
    [*SOURCES],
)
def test_numbers_of_records_are_of_the_source(block, source):
    """Neither those of other sources, nor those of the truth."""
    who = block["truth_identities"]
    own, others = who[who.source == source], who[who.source != source]
    both = others.merge(own, on="person")
    assert len(both) > 100
    assert (both.record_x != both.record_y).all()
    assert (own.record != own.person).all()
    # without order: rank correlations of n have a standard error of 1/√n, and no step between
    # neighbours is common
    for one, other in ((own.record, own.person), (both.record_x, both.record_y)):
        assert abs(one.rank().corr(other.rank())) < 4 / np.sqrt(len(one))
    steps = own.sort_values("record").person.diff().value_counts()
    assert steps.iloc[0] <= max(6, 0.01 * len(own))


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("patient_stays_on", 1.2, "1.2 outside 0 to 1"),
        ("schools_move_lag", -1, "-1 outside 0 to 36525"),
        ("patient_special", 0.5, "0.5, which is neither 0 nor 1"),
        ("patient_lag", {"male": [1, 2], "female": [1, 2, 3, 4, 5]}, "another form"),
        ("deaths_inquest", [0.1, 0.3], "another form"),
        ("insurance_missed", {"definite_job": 0.1}, "another form"),
        ("students_mised", 0.1, "students_mised"),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path, name, value, found):
    with pytest.raises(ParameterError) as caught:
        settings("small", changes={name: value})
    assert found in caught.value.found
    assert caught.value.where == f"changes, {name}"
    shown = str(value).replace("'", '"').replace(":", " =")
    (tmp_path / "mine.toml").write_text(f"births_late = 0.5\n{name} = {shown}\n")
    with pytest.raises(ParameterError) as caught:
        settings("small", tmp_path / "mine.toml")
    assert found in caught.value.found
    assert caught.value.where == f"mine.toml, line 2, {name}"
