"""The twin's figures of the side-by-side page: counts of a block, which are added over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.seeds import step_generator
from ravenstein.twin import truth
from ravenstein.twin.draws import age_on, day
from ravenstein.twin.geography import KINDS
from ravenstein.twin.homes import addresses, homes
from ravenstein.twin.journeys import BACK, journeys
from ravenstein.twin.names import names
from ravenstein.twin.people import CITIZENSHIPS, FAR, SPECIAL, residents
from ravenstein.twin.settings import settings
from ravenstein.twin.sources import (
    asylum,
    census,
    education,
    insurance,
    labour_force,
    other_counts,
    patients,
    permits,
    vital_events,
)
from ravenstein.twin.sources.passenger_survey import design, interviews
from ravenstein.twin.tally import COMPONENTS
from ravenstein.twin.world import World

if TYPE_CHECKING:
    import pyarrow as pa

    Figures = dict[str, Any]

FIRST, LAST = 2001, 2014

CENSUS = day(*census.CENSUSES[-1])
LIST_AGES = (16, 25, 35, 55, 75)
"""First ages of the groups in which the patient register is shown, but for the youngest."""

YEARS = LAST - FIRST + 1
_DAYS = 3 * 365
_WHOLE = 1200  # blocks of the United Kingdom
_UNDECIDED = 20 * 365  # no decision before the twin ends
_FIVE = tuple(range(5, 95, 5))
_MISSED = (20, 30, 45, 65)
BLOCKS, PEOPLE, AREAS = 20, 50_000, 374
SCALE = {
    "people": BLOCKS * PEOPLE, "areas": AREAS, "first": FIRST, "last": LAST,
    "postcodes": 0.03, "addresses": 100,
}  # fmt: skip


def simulated() -> dict[str, Any]:
    """Return what the twin has: migrants, components of change by area, lengths, interviews."""
    chosen = settings("uk", changes=SCALE)
    migrants: list[dict[str, Any]] = []
    population, components = 0, dict.fromkeys(COMPONENTS, 0)
    nights, stays, visits, short = [], [], np.zeros(2), np.zeros(2)
    contacts, drawn = np.zeros(2), design(chosen, 1)
    shown = []
    for number in range(BLOCKS):
        lived = residents(chosen, step_generator(1, f"page/people/{number}"), PEOPLE)
        went = journeys(chosen, step_generator(1, f"page/journeys/{number}"), lived, PEOPLE)
        migrants.append(truth.migration(lived, went, (2002, 2011))["un_12_months"])
        population = population + lived.population
        components = {k: v + lived.components[k] for k, v in components.items()}
        c = went.crossings
        year = c["day"].astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
        back = (c["leg"] == BACK) & (year == 2010)
        for home in (0, 1):
            nights.append((home, c["nights"][back & (c["home"] == home)]))
            visits[home] += (back & (c["home"] == home)).sum()
        ended = (c["leg"] == BACK) & (year >= 2002) & (year <= 2011)
        short += [((c["nights"][ended] >= low) & (c["nights"][ended] < 365)).sum()
                  for low in (30, 91)]  # fmt: skip
        spells = lived.spells
        over = (spells["arrived"] == 1) & (spells["left"] == 1)
        stays.append((spells["end"] - spells["start"])[over] / 365.25)
        contacts = contacts + interviewed(chosen, drawn, number, (lived, went)) / BLOCKS
        shown.append(seen(world(chosen, number, lived, went)))
    joined = {k: np.concatenate([m[k] for m in migrants]) for k in migrants[0]}
    mean = [np.concatenate([n for h, n in nights if h == home]).mean() for home in (0, 1)]
    return {
        "migrants": joined, "population": population, "components": components, "nights": mean,
        "visits": visits, "stays": np.concatenate(stays), "short": short, "contacts": contacts,
        "sources": added(shown),
    }  # fmt: skip


def world(chosen: Any, number: int, lived: Any, went: Any) -> World:
    """Return a block as its sources find it."""
    known = names(chosen, step_generator(1, f"page/names/{number}"), went.persons, went.begin)
    places = addresses(chosen)
    at_home = homes(step_generator(1, f"page/homes/{number}"), lived, places)
    return World(chosen, 1, number, lived, went, known, places, at_home)


def interviewed(chosen: Any, drawn: Any, number: int, country: Any) -> Any:
    """Return interviews and migrants a year at the scale of the United Kingdom.

    The shifts sampled are those of that scale; a block holds 1 in 1,200 of the passengers, so
    every k-th of its few a shift stands for the k-th of many.
    """
    rows, _ = interviews(chosen, step_generator(1, f"page/survey/{number}"), country, drawn, number)
    years = chosen.scale.last - chosen.scale.first + 1
    migrants = sum(v == "12_months_or_more" for v in rows["stay_stated"].to_pylist())
    return np.array([rows.num_rows, migrants]) * _WHOLE / years


def seen(world: World) -> Figures:
    """Return what the sources show of a block."""
    courses = education.courses(world)
    return {
        **of_asylum(world), **of_patients(world), **of_education(world, courses),
        **of_insurance(world), **of_vital_events(world), **of_census(world, courses),
        **of_labour_force(world, courses), **of_others(world),
    }  # fmt: skip


def added(parts: list[Figures]) -> Figures:
    """Return the figures of several blocks as one."""
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def tallied(*axes: tuple[Any, int]) -> Any:
    """Return counts by columns of whole numbers, each with its size; others are left out."""
    values = np.stack([np.asarray(column, dtype=np.int64) for column, _ in axes])
    sizes = tuple(size for _, size in axes)
    inside = ((values >= 0) & (values < np.array(sizes)[:, None])).all(axis=0)
    places = np.ravel_multi_index(tuple(values[:, inside]), sizes)
    return np.bincount(places, minlength=int(np.prod(sizes))).reshape(sizes)


def year_of(days: Any) -> Any:
    """Return the place of the year of days, 0 for the first."""
    return np.asarray(days).astype("datetime64[D]").astype("datetime64[Y]").astype(int) + (
        1970 - FIRST
    )


def days_of(table: pa.Table, name: str) -> Any:
    """Return a column of dates as days since 1 January 1970, missing ones long ago."""
    days = table[name].to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(days), -FAR, days.astype(np.int64))


def codes_of(table: pa.Table, name: str, labels: tuple[str, ...]) -> Any:
    """Return the place of each label of a column."""
    place = {label: i for i, label in enumerate(labels)}
    return np.array([place[label] for label in table[name].to_pylist()])


def of_asylum(world: World) -> Figures:
    """Return applications, decisions, returns, and what became of the applicants of a year."""
    cases = asylum.cases(world)
    counts = asylum.asylum(world, cases).counts
    made, decided, returned = (
        counts[name] for name in ("asylum_applications", "asylum_decisions", "returns")
    )
    main = cases["dependant"] == 0
    applied = year_of(cases["applied"][main])
    waited = (cases["decided"] - cases["applied"])[main]
    return {
        "applications": tallied(
            (year_of(made["quarter"]), YEARS), (made["applicant"], 2), (made["age_group"], 5),
            (made["sex"], 2), (made["location"], 2),
        ),
        "decisions": tallied(
            (year_of(decided["quarter"]), YEARS), (decided["applicant"], 2),
            (decided["outcome"], 5),
        ),
        "returns": tallied((year_of(returned["quarter"]), YEARS), (returned["type"], 2)),
        "cohorts": tallied((applied, YEARS), (cases["return"][main] + 1, 3)),
        "waits": tallied((applied, YEARS), (np.minimum(waited, _UNDECIDED), _UNDECIDED + 1)),
    }  # fmt: skip


def of_patients(world: World) -> Figures:
    """Return the list at each mid-year by sex and age, the residents, and the lag of arrivals."""
    view, _ = patients.patients(world)
    listed = []
    for year in range(FIRST, LAST + 1):
        table = view.rows[f"register_snapshot/{year}"]
        born = days_of(table, "birth_date")
        age = np.maximum(age_on(born, np.full(born.size, day(year, 7, 1))), 0)
        listed.append(
            tallied(
                (codes_of(table, "sex", ("M", "F")), 2),
                (np.searchsorted(LIST_AGES, age, side="right"), len(LIST_AGES) + 1),
            )
        )
    residents = world.residents.population.sum(axis=1)
    first = np.concatenate([[0], LIST_AGES])
    rows, (_, person) = view.rows["patient_register"], view.who["patient_register"]
    abroad = rows["from_abroad"].to_numpy(zero_copy_only=False)
    lag = since_arrival(world, person[abroad], days_of(rows, "registered_on")[abroad])
    return {
        "listed": np.array(listed), "people": residents.sum(axis=(1, 2)),
        "residents": np.add.reduceat(residents, first, axis=2),
        "patient_lags": tallied((lag, _DAYS)),
    }  # fmt: skip


def since_arrival(world: World, person: Any, when: Any) -> Any:
    """Return days since the latest arrival to live here, for those who came to live here."""
    h = world.homes
    own, since = h.person[h.arrived], h.since[h.arrived]
    key = own * FAR + since  # homes are by person and time
    place = np.maximum(np.searchsorted(key, person * FAR + when, side="right") - 1, 0)
    return (when - since[place])[own[place] == person]


def of_education(world: World, courses: Any) -> Figures:
    """Return students by year and whether from abroad, and pupils by year."""
    _, listed = patients.patients(world)
    rows = education.students(world, courses, listed).rows["higher_education_students"]
    abroad = codes_of(rows, "domicile", education.DOMICILES) > 0
    pupils = education.pupils(world).rows["school_census"]
    return {
        "students": tallied((rows["year"].to_numpy() - FIRST, YEARS), (abroad, 2)),
        "pupils": tallied((pupils["year"].to_numpy() - FIRST, YEARS)),
    }


def of_insurance(world: World) -> Figures:
    """Return numbers given to adults from abroad by year, and days since they came to live here."""
    view = insurance.insurance(world)
    rows, (_, person) = view.rows["insurance_register"], view.who["insurance_register"]
    overseas = rows["overseas"].to_numpy(zero_copy_only=False)
    when = days_of(rows, "registered_on")[overseas]
    lag = since_arrival(world, person[overseas], when)
    return {"numbers": tallied((year_of(when), YEARS)), "number_lags": tallied((lag, _DAYS))}


def of_vital_events(world: World) -> Figures:
    """Return the days until births and deaths were registered."""
    view = vital_events.births(world)
    born = world.persons["birth"][view.who["birth_registrations"][1]]
    births = days_of(view.rows["birth_registrations"], "registered_on") - born
    rows = vital_events.deaths(world).rows["death_registrations"]
    deaths = days_of(rows, "registered_on") - days_of(rows, "death_date")
    return {
        "birth_lags": tallied((np.minimum(births, _DAYS - 1), _DAYS)),
        "death_lags": tallied((np.minimum(deaths, _DAYS - 1), _DAYS)),
    }


def of_census(world: World, courses: Any) -> Figures:
    """Return what the census of 2011 shows, and whom it and its coverage survey missed."""
    view = census.censuses(world, courses)
    rows, who = view.rows["census_records"], view.who["census_records"][1]
    now = rows["year"].to_numpy() == 2011
    rows, who = rows.filter(now), who[now]
    born = days_of(rows, "birth_date")
    age = np.clip(age_on(born, np.full(born.size, CENSUS)), 0, 94)
    came = rows["arrival_year"].fill_null(0).to_numpy()[rows["born_abroad"].to_numpy()]
    found, survey = view.rows["coverage_survey_records"], view.who["coverage_survey_records"][1]
    survey = survey[found["year"].to_numpy() == 2011]
    postcodes = census.sample(world.settings, world.seed, world.places)[2011]
    later = world.homes.on(CENSUS + census.LATER)
    later = later[np.isin(world.homes.postcode[later], postcodes)]
    return {
        "census_ages": tallied((np.searchsorted(_FIVE, age, side="right"), 19)),
        "year_ago": tallied((codes_of(rows, "year_ago", census.YEAR_AGO), 4)),
        "came": tallied((came >= 2001, 2)),
        "forms": np.array([who.size, np.unique(who).size]),
        "surveyed": tallied((np.isin(world.homes.person[later], survey), 2)),
        **_missed(world, who),
    }


def _missed(world: World, who: Any) -> Figures:
    """Return residents on the census day by whether they were counted, in several ways."""
    live = world.homes.on(CENSUS)
    person = world.homes.person[live]
    counted = np.isin(person, who)
    age, sex = world.age(person, CENSUS), world.persons["sex"][person] - 1
    kind = world.places.areas.kind[world.homes.area[live]]
    recent = world.arrived(live) > CENSUS - 365
    return {
        "counted": tallied((sex, 2), (np.searchsorted(_MISSED, age, side="right"), 5),
                           (counted, 2)),
        "counted_kind": tallied((kind, len(KINDS)), (counted, 2)),
        "counted_recent": tallied((recent, 2), (counted, 2)),
    }  # fmt: skip


def of_labour_force(world: World, courses: Any) -> Figures:
    """Return people aged 16 to 64 by year, group and employment, in truth and as interviewed."""
    view = labour_force.labour_force(world, courses)
    rows, truth = view.rows["labour_force_interviews"], view.counts["employment"]
    age = rows["age"].to_numpy()
    rows = rows.filter((age >= 16) & (age < 65))
    works = rows["employed"].to_numpy(zero_copy_only=False).astype(np.int64)
    working = truth["age"] < 65
    figures = {}
    for name, labels in (
        ("citizenship", CITIZENSHIPS), ("birth_country", labour_force.BIRTH_COUNTRIES)
    ):  # fmt: skip
        figures[f"works_{name}"] = tallied(
            (year_of(truth["quarter"])[working], YEARS), (truth[name][working], 6),
            (truth["employed"][working], 2),
        )  # fmt: skip
        figures[f"interviewed_{name}"] = tallied(
            (year_of(days_of(rows, "quarter")), YEARS), (codes_of(rows, name, labels), 6),
            (works, 2),
        )  # fmt: skip
    return figures


def of_others(world: World) -> Figures:
    """Return moves to and from the Irish Republic, permits and special populations by year."""
    counts = permits.permits(world, asylum.cases(world)).counts
    irish = other_counts.irish_migration(world).counts["irish_migration"]
    special = other_counts.special_counts(world).counts["special_counts"]
    names = ("visas_issued", "worker_registrations", "settlement_grants", "citizenship_grants")
    return {
        "irish": tallied((irish["year"] - FIRST, YEARS), (irish["direction"], 2)),
        "special": tallied((special["year"] - FIRST, YEARS), (special["special"], len(SPECIAL))),
        **{name: tallied((year_of(counts[name]["quarter"]), YEARS)) for name in names},
    }
