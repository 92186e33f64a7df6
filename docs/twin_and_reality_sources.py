"""The figures of the side-by-side page: what the twin's sources show, and what was published.

Real figures are read where RAVENSTEIN_SHARED (default ../shared) has the published tables.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
from python_calamine import CalamineWorkbook

from ravenstein.core.seeds import step_generator
from ravenstein.twin.draws import age_on, day
from ravenstein.twin.geography import KINDS
from ravenstein.twin.homes import addresses, homes
from ravenstein.twin.names import names
from ravenstein.twin.people import CITIZENSHIPS, FAR, SPECIAL
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
from ravenstein.twin.sources.passenger_survey import interviews
from ravenstein.twin.tally import COMPONENTS
from ravenstein.twin.world import World

if TYPE_CHECKING:
    import pyarrow as pa

    Figures = dict[str, Any]

SHARED = Path(os.environ.get("RAVENSTEIN_SHARED", Path(__file__).parents[2] / "shared")) / "data"
FIRST, LAST = 2001, 2014
MEANS = range(2002, 2012)
"""Years of which migrants and components are means."""

CENSUS = day(2011, 3, 27)
LIST_AGES = (16, 25, 35, 55, 75)
"""First ages of the groups in which the patient register is shown, but for the youngest."""

_YEARS = LAST - FIRST + 1
_DAYS = 3 * 365
_UNDECIDED = 20 * 365  # no decision before the twin ends
_FIVE = tuple(range(5, 95, 5))
_MISSED = (20, 30, 45, 65)


# what the twin's sources show of a block: counts, which are added over blocks


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
    return np.array([rows.num_rows, migrants]) * 1200 / years


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
            (year_of(made["quarter"]), _YEARS), (made["applicant"], 2), (made["age_group"], 5),
            (made["sex"], 2), (made["location"], 2),
        ),
        "decisions": tallied(
            (year_of(decided["quarter"]), _YEARS), (decided["applicant"], 2),
            (decided["outcome"], 5),
        ),
        "returns": tallied((year_of(returned["quarter"]), _YEARS), (returned["type"], 2)),
        "cohorts": tallied((applied, _YEARS), (cases["return"][main] + 1, 3)),
        "waits": tallied((applied, _YEARS), (np.minimum(waited, _UNDECIDED), _UNDECIDED + 1)),
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
        "students": tallied((rows["year"].to_numpy() - FIRST, _YEARS), (abroad, 2)),
        "pupils": tallied((pupils["year"].to_numpy() - FIRST, _YEARS)),
    }


def of_insurance(world: World) -> Figures:
    """Return numbers given to adults from abroad by year, and days since they came to live here."""
    view = insurance.insurance(world)
    rows, (_, person) = view.rows["insurance_register"], view.who["insurance_register"]
    overseas = rows["overseas"].to_numpy(zero_copy_only=False)
    when = days_of(rows, "registered_on")[overseas]
    lag = since_arrival(world, person[overseas], when)
    return {"numbers": tallied((year_of(when), _YEARS)), "number_lags": tallied((lag, _DAYS))}


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
    later = world.homes.on(CENSUS + 42)
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
    recent = census.arrived(world, live) > CENSUS - 365
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
            (year_of(truth["quarter"])[working], _YEARS), (truth[name][working], 6),
            (truth["employed"][working], 2),
        )  # fmt: skip
        figures[f"interviewed_{name}"] = tallied(
            (year_of(days_of(rows, "quarter")), _YEARS), (codes_of(rows, name, labels), 6),
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
        "irish": tallied((irish["year"] - FIRST, _YEARS), (irish["direction"], 2)),
        "special": tallied((special["year"] - FIRST, _YEARS), (special["special"], len(SPECIAL))),
        **{name: tallied((year_of(counts[name]["quarter"]), _YEARS)) for name in names},
    }


# what figures are made of


def two(value: float) -> str:
    """Return a number with two decimals."""
    return f"{value:.2f}"


def percent(parts: Any) -> Any:
    """Return the last axis as per cent of its sum."""
    return 100 * parts / parts.sum(axis=-1, keepdims=True)


def shares(values: dict[str, float]) -> dict[str, float]:
    """Return values as per cent of their sum."""
    whole = sum(values.values())
    return {key: 100 * value / whole for key, value in values.items()}


def within(days: Any, most: int) -> float:
    """Return the per cent of counts by days that are within some days."""
    return float(100 * days[: most + 1].sum() / days.sum())


def median(days: Any) -> int:
    """Return the median of counts by days."""
    return int(np.searchsorted(days.cumsum(), days.sum() / 2))


# what was published


def ltim(name: str, columns: dict[str, int]) -> dict[str, dict[str, float]]:
    """Return the mean of 2002 to 2011 of columns of an LTIM table, by direction [thousands]."""
    path = next((SHARED / "migration").glob(f"ONS_LTIM_{name}*2017_ed20181129.tsv"))
    rows = list(csv.reader(path.open(encoding="utf-8"), delimiter="\t"))
    found: dict[str, dict[str, list[float]]] = {}
    direction = ""
    for row in rows:
        cells = [cell for cell in row if cell]
        if cells and cells[0] in ("Inflow", "Outflow", "Balance"):
            direction = cells[0]
        if cells and cells[0] == "England and Wales":
            break
        year = int(cells[0][:4]) if cells and re.fullmatch(r"\d{4}(\.0)?", cells[0]) else 0
        if direction in ("Inflow", "Outflow") and year in MEANS:
            for key, place in columns.items():
                value = 0.0 if cells[place] == ":" else abs(float(cells[place]))
                found.setdefault(direction, {}).setdefault(key, []).append(value)
    return {d: {k: float(np.mean(v)) for k, v in part.items()} for d, part in found.items()}


def rates() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the real rates of components by area, per 1,000 residents, and of the whole state."""
    path = next((SHARED / "population").glob("MYEB3*2020*.csv"))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))

    def column(name: str) -> Any:
        return np.array([[float(row[f"{name}_{y}"]) for y in MEANS] for row in rows]).mean(axis=1)

    stock = column("population")
    by_area = {name: 1000 * column(name) / stock for name in COMPONENTS}
    whole = {name: 1000 * column(name).sum() / stock.sum() for name in COMPONENTS}
    return by_area, whole


def queried(file: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query over a published file, `rows` in the query."""
    source = f"read_csv('{SHARED / file}', all_varchar = true)"
    whole = f"with rows as (select * from {source}) {query}"
    return duckdb.sql(whole).fetchall()


def residents_by_year() -> Any:
    """Return the residents of the United Kingdom at each mid-year from the first on."""
    path = next((SHARED / "population").glob("MYEB3*2020*.csv"))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    years = range(FIRST, LAST + 1)
    return np.array([sum(float(row[f"population_{year}"]) for row in rows) for year in years])


def applications() -> Figures:
    """Return asylum applications: by year and applicant, by age and sex, and at the port."""
    groups, sexes = ("Under 18", "18-29", "30-49", "50-69", "70+"), ("Male", "Female")
    query = """select cast(Year as double)::int, "Applicant type" = 'Dependant', Age, Sex,
        "Location of application" = 'In Country', sum(Applications::double) from rows
        where try_cast(Year as double) between 2001 and 2014 group by all"""
    by_year, ages = np.zeros((_YEARS, 2)), np.zeros((2, 5))
    by_sex, port = np.zeros((2, 2)), np.zeros(2)
    for row in queried("asylum/applications.csv.gz", query):
        year, dependant, age, sex, inside, count = row
        by_year[year - FIRST, int(dependant)] += count
        if 2009 <= year <= 2013 and age in groups:  # some ages and sexes are not known
            ages[int(dependant), groups.index(age)] += count
        if 2009 <= year <= 2013 and sex in sexes:
            by_sex[int(dependant), sexes.index(sex)] += count
        if year in MEANS:
            port[int(inside)] += count
    return {"applications": by_year, "ages": ages, "sexes": by_sex, "port": port}


def decisions() -> Any:
    """Return initial decisions on main applicants, 2002 to 2011: three kinds, and withdrawals."""
    kinds = ("Grant of Protection", "Grant of Other Leave", "Refused", "Withdrawn")
    query = """select "Case outcome group", sum(cast(Decisions as double)) from rows
        where try_cast(Year as double) between 2002 and 2011
        and "Applicant type" = 'Main applicant' and "Case type" = 'Asylum Case' group by all"""
    found = dict(queried("asylum/decisions_resettlement.csv.gz", query))
    return np.array([found[kind] for kind in kinds])


def cohorts() -> Any:
    """Return main applicants of 2006 to 2010, those undecided, and enforced and other returns."""
    query = """select sum(cast("Applications" as double)),
        sum(cast("Initial: Not Yet Known" as double)), sum(cast("Enforced Returns" as double)),
        sum(cast("Voluntary Returns" as double)) from rows
        where try_cast("Year of Application" as double) between 2006 and 2010"""
    return np.array(queried("asylum/outcomes.csv", query)[0])


def returns() -> Any:
    """Return enforced and voluntary returns by year, from 2004 on; none before."""
    query = """select cast(cast(Year as double) as int), "Return type group",
        sum(cast("Number of returns" as double)) from rows
        where try_cast(Year as double) between 2004 and 2014 group by all"""
    found = np.zeros((_YEARS, 2))
    for year, kind, count in queried("asylum/returns.csv.gz", query):
        if kind in ("Enforced return", "Voluntary return"):
            found[year - FIRST, int(kind == "Voluntary return")] = count
    return found


def recent_rates() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `rates` does of migration in the years to mid-2009 to mid-2014.

    The file has five columns a year from mid-2008 on: residents, and four flows.
    """
    names = ("international_in", "international_out", "internal_in", "internal_out")
    kinds = ("E06", "E07", "E08", "E09", "W06", "S12", "N09")
    path = next((SHARED / "indicators").glob("ONS_LAMI_*.tsv"))
    rows = list(csv.reader(path.open(encoding="utf-8"), delimiter="\t"))
    values = np.array([[float(v) for v in row[7:37]] for row in rows if row[0][:3] in kinds])
    flows = values.reshape(-1, 6, 5).sum(axis=1)
    by_area = {name: 1000 * flows[:, i] / flows[:, 0] for i, name in enumerate(names, start=1)}
    whole = 1000 * flows.sum(axis=0) / flows[:, 0].sum()
    return by_area, {name: whole[i] for i, name in enumerate(names, start=1)}


def census_figures() -> Figures:
    """Return the ages of 2011; of 2021 movers, arrivals and those born abroad, in per cent."""
    book = CalamineWorkbook.from_path(str(SHARED / "census/ONSvisual_datadownload2011.xlsx"))
    rows = book.get_sheet_by_name("5-year age").to_python()
    ages = next(row[2:21] for row in rows if row[0] == "K04000001")
    moves = """select sum(cast("Count" as double)) as whole,
        sum(case when regexp_matches(origin, '^[EWSN]') and origin <> code
            then cast("Count" as double) end),
        sum(case when origin = '999999999' then cast("Count" as double) end)
        from (select "Migrant LTLA one year ago code" as origin,
              "Lower tier local authorities code" as code, "Count" from rows)"""
    whole, other, abroad = queried("census/ODMG01EW_LTLA.csv.gz", moves)[0]
    arrival = """select cast("Year of arrival in the UK (13 categories) Code" as int),
        sum(cast(Observation as double)) from rows group by all"""
    by_year = dict(queried("census/TS015_2021.csv", arrival))
    came = sum(count for code, count in by_year.items() if code >= 2)
    return {
        "ages": 100 * np.array(ages) / sum(ages),
        "year_ago": 100 * np.array([whole - other - abroad, other, abroad]) / whole,
        "recent": 100 * sum(count for code, count in by_year.items() if code >= 9) / came,
        "born_abroad": 100 * came / sum(by_year.values()),
    }


def employment_rates() -> dict[str, list[list[float]]]:
    """Return employment rates at 16 to 64 of 2008 and 2011, by what groups are of.

    Groups are the country, others, the union before 2004, the eight states, outside the union.
    """
    book = CalamineWorkbook.from_path(str(SHARED / "labour_force/emp06may2019.xls"))
    sheets = {"citizenship": "Nationality rates", "birth_country": "Country of birth rates"}
    found = {}
    for name, sheet in sheets.items():
        rows = book.get_sheet_by_name(sheet).to_python()
        quarters = [[row for row in rows if str(row[0]).endswith(f" {y}")] for y in (2008, 2011)]
        found[name] = [
            [float(np.mean([row[place] for row in part])) for part in quarters]
            for place in (2, 3, 8, 9, 5)
        ]
    return found


def school_ages() -> float:
    """Return residents aged 5 to 15 in mid-2011 by 1,000 residents."""
    query = """select sum(case when cast(C_AGE as int) between 106 and 116
        then cast(OBS_VALUE as double) end) * 1000 / sum(cast(OBS_VALUE as double)) from rows"""
    return float(queried("population/nomis_mid2011_local_authority_sex_age.tsv", query)[0][0])
