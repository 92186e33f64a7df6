"""Students in higher education, with home and term-time addresses, and pupils of schools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.draws import MID_YEAR, day, pick
from ravenstein.twin.people import REASONS
from ravenstein.twin.sources.patients import on_list
from ravenstein.twin.world import Seen, World, dates, joined, label, opens, stacked

if TYPE_CHECKING:
    from ravenstein.twin.world import Columns, Ints

DOMICILES = ("country", "european_union", "elsewhere")

_STUDY = REASONS.index("formal_study")
_BEGIN, _REFERENCE = (9, 20), (12, 1)  # of an academic year: first day, and day of the return
_SCHOOL_DAY, _SCHOOL_AGES = (1, 20), (5, 16)
_EARLIEST = 1880
_EUROPEAN = (1, 2)  # places in CITIZENSHIPS
_EIGHTEEN, _SEVENTEEN, _SIXTEEN = 6575, 6210, 5844  # years in days


def courses(world: World) -> Columns:
    """Return who studies: `person`, `since`, `until`, `home` (area, -1 abroad), `old` (its row).

    Args:
        world: The block.

    Notes:
        Residents who move at 17 to 20 mostly go to study: their home address is where they
        came from, and they live, as a census counts them, where they study. Others begin at 18
        from home. Those who came to study do so from their arrival. Nobody studies twice.
    """
    g = world.generator("courses")
    h = world.homes
    moved = np.flatnonzero(h.moved)
    age = (h.since[moved] - world.persons["birth"][h.person[moved]]) / 365.25
    goes = (age >= 17) & (age < 21) & (g.random(moved.size) < world.at("students_by_move"))
    moved = moved[goes]
    away = {
        "person": h.person[moved],
        "since": _begun(h.since[moved]),
        "home": h.area[moved - 1],
        "old": moved - 1,
    }
    eighteen = _autumn(world.persons["birth"] + _EIGHTEEN)
    inside = np.flatnonzero((h.since <= eighteen[h.person]) & (eighteen[h.person] < h.until))
    inside = inside[g.random(inside.size) < world.at("students_at_home")]
    local = {
        "person": h.person[inside], "since": eighteen[h.person[inside]], "home": h.area[inside],
        "old": inside,
    }  # fmt: skip
    came = h.arrived & (world.residents.spells["reason_in"][h.spell] == _STUDY)
    came &= h.since - world.persons["birth"][h.person] >= _SEVENTEEN
    came &= world.persons["citizenship"][h.person] > 0
    from_abroad = {
        "person": h.person[came], "since": h.since[came], "home": np.full(int(came.sum()), -1),
        "old": np.full(int(came.sum()), -1),
    }  # fmt: skip
    rows = stacked([from_abroad, away, local])
    years = world.at("study_years")
    length = np.where(
        rows["home"] < 0,
        pick(g, years["abroad"], rows["home"].size),
        pick(g, years["country"], rows["home"].size),
    )
    rows["until"] = rows["since"] + (length + 1) * 365 - 90  # to the summer
    order = np.lexsort((rows["since"], rows["person"]))
    order = order[opens(rows["person"][order])]
    rows = {name: values[order] for name, values in rows.items()}
    # who has died, left or not come by the first day does not study
    lives = h.of(rows["person"], rows["since"]) >= 0
    lives &= rows["since"] < world.journeys.horizon
    return {name: values[lives] for name, values in rows.items()}


def _begun(moved: Ints) -> Ints:
    """Return when those who moved to study begin: on arrival, but for the long vacation."""
    month = moved.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.where((month >= 3) & (month < 7), _autumn(moved), moved)


def _autumn(days: Ints) -> Ints:
    """Return the first academic year's beginning on or after days."""
    years = days.astype("datetime64[D]").astype("datetime64[Y]")
    offset = day(1970, *_BEGIN)
    begin = years.astype("datetime64[D]").astype(np.int64) + offset
    later = (years + 1).astype("datetime64[D]").astype(np.int64) + offset
    return np.where(days <= begin, begin, later)


def studying(rows: Columns, person: Ints, when: int) -> Ints:
    """Return the place of each person's course on a day, -1 for those who do not study.

    Args:
        rows: The courses, one a person.
        person: The persons [m].
        when: The day.
    """
    place = np.searchsorted(rows["person"], person)
    place = np.minimum(place, max(rows["person"].size - 1, 0))
    if not rows["person"].size:
        return np.full(person.size, -1)
    on = (rows["person"][place] == person) & (rows["since"][place] <= when)
    return np.where(on & (rows["until"][place] > when), place, -1)


def students(world: World, rows: Columns, listed: Columns) -> Seen:
    """Return the students' return of each year, term-time addresses by patient number, and truth.

    Args:
        world: The block.
        rows: The courses.
        listed: Addresses on the patient register, to which students are linked.
    """
    g = world.generator("students")
    chances = _chances(world, g, rows)
    returns, seen = [], {"truth_students": _truth(world, rows)}
    for year in range(world.settings.scale.first - 1, world.settings.scale.last + 1):
        found = _return_of(world, rows, chances, year)
        returns.append(found)
        if year + 1 in world.years():
            linked = chances["linked"][found["place"]]
            where = {
                "person": rows["person"][found["place"]][linked],
                "area": found["area"][linked],
            }
            seen[f"student_addresses/{year + 1}"] = _by_patient(world, listed, where, year + 1)
    found = stacked(returns)
    place, person = found["place"], rows["person"]
    number = world.records("higher_education_students", person.size)
    told = np.minimum(rows["since"], world.journeys.horizon)
    identity = world.identity(g, "higher_education_students", person, told)
    european = np.isin(world.persons["citizenship"][person], _EUROPEAN)
    domicile = np.where(rows["home"] >= 0, 0, np.where(european, 1, 2))
    seen["higher_education_students"] = pa.table(
        {
            "year": found["year"],
            "record": number[place],
            **{name: values.take(pa.array(place)) for name, values in identity.items()},
            "domicile": label(domicile[place], DOMICILES),
            "home_area": world.areas(rows["home"][place]),
            "term_area": world.areas(found["area"]),
            "term_postcode": world.postcodes(
                g, "higher_education_students", found["postcode"], found["area"]
            ),
        }
    )
    ever = np.unique(place)
    return Seen(seen, {"higher_education_students": (number[ever], person[ever])})


def _chances(world: World, g: np.random.Generator, rows: Columns) -> Columns:
    """Draw once for each course what the returns make of it; one more, false, is for no course."""
    size, missed = rows["person"].size, world.at("students_missed")
    shares = {
        "returned": 1 - np.where(rows["home"] < 0, missed["abroad"], missed["country"]),
        "at_home": world.at("students_term_at_home"),
        "linked": world.at("students_linked"),
        "stays_on": world.at("students_stay_on"),
    }
    return {name: np.append(g.random(size) < share, False) for name, share in shares.items()}


def _return_of(world: World, rows: Columns, chances: Columns, year: int) -> Columns:
    """Return who is in a year's return: place of the course, area and postcode in term time."""
    h, when = world.homes, day(year, *_REFERENCE)
    live = h.on(when)
    place = studying(rows, h.person[live], when)
    late = studying(rows | {"until": rows["until"] + 365}, h.person[live], when)
    place = np.where((place < 0) & chances["stays_on"][late], late, place)
    returned = chances["returned"][place]
    live, place = live[returned], place[returned]
    area, postcode = h.area[live].copy(), h.postcode[live].copy()
    home = rows["home"][place]
    wrong = np.flatnonzero(chances["at_home"][place] & (home >= 0) & (home != area))
    area[wrong] = home[wrong]
    postcode[wrong] = h.postcode[rows["old"][place[wrong]]]
    return {
        "year": np.full(place.size, year), "place": place, "area": area, "postcode": postcode,
    }  # fmt: skip


def _truth(world: World, rows: Columns) -> pa.Table:
    return pa.table(
        {
            "person": (world.number << 32) + rows["person"],
            "since": dates(rows["since"]),
            "until": dates(rows["until"]),
            "home_area": world.areas(rows["home"]),
        }
    )


def _by_patient(world: World, listed: Columns, where: Columns, mid_year: int) -> pa.Table:
    """Return term-time addresses by the number on the patient register at mid-year."""
    on = on_list(listed, day(mid_year, *MID_YEAR))
    on = on[listed["key"][on] == listed["person"][on]]
    on = on[np.argsort(listed["person"][on], kind="stable")]
    # one more, which is nobody
    patient, row = np.append(listed["person"][on], -1), np.append(listed["record"][on], -1)
    place = np.searchsorted(listed["person"][on], where["person"])
    found = patient[place] == where["person"]
    record = world.records("patient_register", int(listed["record"].max(initial=0)) + 1)
    number = record[row[place[found]]]
    order = np.argsort(number)
    return pa.table(
        {
            "person": pa.array(number[order]).cast(pa.string()),
            "area": world.areas(where["area"][found][order]),
        }
    )


def pupils(world: World) -> Seen:
    """Return the school census of each January: pupils aged 5 to 15 at the August before.

    Args:
        world: The block.
    """
    g = world.generator("pupils")
    h, size = world.homes, world.persons["birth"].size
    independent = g.random(size) < world.at("schools_missed")
    slow, gone = (
        (g.exponential(1.0, h.person.size) * world.at(name)).astype(np.int64)
        for name in ("schools_move_lag", "schools_stay_on")
    )
    known = h.since + np.where(h.moved, slow, 0)
    told = np.flatnonzero(known < h.until)  # who moves on before is never known to live there
    person, spell, known = h.person[told], h.spell[told], known[told]
    # the old address counts until the school knows the new one
    ends = world.residents.spells["end"][spell] + gone[told] * (
        world.residents.spells["left"][spell] == 1
    )
    until = np.append(np.where(spell[1:] == spell[:-1], known[1:], ends[:-1]), ends[-1:])
    scale = world.settings.scale
    septembers = np.array([day(y, 9, 1) for y in range(_EARLIEST, scale.last + 1)])
    born = np.searchsorted(septembers, world.persons["birth"][person], side="right")
    leaving = np.minimum(world.persons["birth"] + _SIXTEEN, world.journeys.horizon)
    identity = world.identity(g, "school_census", np.arange(size), leaving)
    number = world.records("school_census", size)
    tables, ever = [], np.zeros(size, dtype=np.bool_)
    for year in world.years():
        age = year - 1 - _EARLIEST - born
        when = day(year, *_SCHOOL_DAY)
        on = (known <= when) & (until > when) & (age >= _SCHOOL_AGES[0]) & (age < _SCHOOL_AGES[1])
        rows = _once(np.flatnonzero(on & ~independent[person]), person)
        pupil = person[rows]
        ever[pupil] = True
        tables.append(
            pa.table(
                {
                    "year": np.full(rows.size, year),
                    "record": number[pupil],
                    **{name: values.take(pa.array(pupil)) for name, values in identity.items()},
                    "area": world.areas(h.area[told[rows]]),
                    "postcode": world.postcodes(
                        g, "school_census", h.postcode[told[rows]], h.area[told[rows]]
                    ),
                }
            )
        )
    pupil = np.flatnonzero(ever)
    return Seen({"school_census": joined(tables)}, {"school_census": (number[pupil], pupil)})


def _once(rows: Ints, person: Ints) -> Ints:
    """Keep the latest of the rows of each person, rows being by person and time."""
    last = np.ones(rows.size, dtype=np.bool_)
    last[:-1] = person[rows[1:]] != person[rows[:-1]]
    return rows[last]
