"""The census: who is missed, counted twice or counted elsewhere; and its coverage survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.core.seeds import step_generator
from ravenstein.twin.draws import day, fixed
from ravenstein.twin.geography import KINDS
from ravenstein.twin.homes import DWELLINGS, LEFT, Addresses
from ravenstein.twin.sources.education import studying
from ravenstein.twin.world import Seen, World, joined, label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.settings import Settings
    from ravenstein.twin.world import Columns, Ints

CENSUSES = ((2001, 4, 29), (2011, 3, 27))
"""Days of the two censuses of England and Wales."""

LATER = 42
"""Days from a census to its coverage survey."""

YEAR_AGO = ("area", "country", "abroad", "unborn")

_AGES = tuple(range(5, 90, 5))
_LEFT_BEFORE = 60  # days within which some who left are counted
_YEAR = 365


def census_days(settings: Settings) -> list[tuple[int, int]]:
    """Return year and day of the censuses within the years of the twin."""
    first, last = settings.scale.first, settings.scale.last
    return [(date[0], day(*date)) for date in CENSUSES if first <= date[0] <= last]


def sample(settings: Settings, seed: int, places: Addresses) -> dict[int, Ints]:
    """Draw the postcodes of each coverage survey: a share of each area's, at least two.

    Args:
        settings: The settings.
        seed: The seed of the twin.
        places: The addresses.

    Returns:
        Postcodes by year of census, in order.
    """
    found = {}
    sizes = np.diff(places.first)
    for year, _ in census_days(settings):
        g = step_generator(seed, f"twin/census/{year}/sample")
        taken = [
            first + g.permutation(size)[: _taken(settings, size)]
            for first, size in zip(places.first[:-1], sizes, strict=True)
        ]
        found[year] = np.sort(np.concatenate(taken))
    return found


def _taken(settings: Settings, size: int) -> int:
    return min(size, max(2, round(settings.scale.postcodes * size)))


def sample_table(settings: Settings, seed: int, places: Addresses) -> pa.Table:
    """Return the rows of `coverage_survey_sample`; the twin's years must have a census."""
    sizes = np.diff(places.first)
    chance = np.array([_taken(settings, size) / size for size in sizes])
    parts = []
    for year, postcodes in sample(settings, seed, places).items():
        area = places.area_of(postcodes)
        parts.append(
            pa.table(
                {
                    "year": np.full(postcodes.size, year),
                    "area": label(area, places.areas.codes),
                    "postcode": postcodes,
                    "probability": chance[area],
                }
            )
        )
    return joined(parts)


def censuses(world: World, courses: Columns) -> Seen:
    """Return the records of each census and of its coverage survey.

    Args:
        world: The block.
        courses: Who studies: `education.courses`.

    Returns:
        Rows of `census_records` and `coverage_survey_records`.
    """
    drawn = sample(world.settings, world.seed, world.places)
    forms, found = [], []
    numbers = [0, 0]
    who: list[list[Ints]] = [[], []]
    for year, when in census_days(world.settings):
        g = world.generator(f"census/{year}")
        live = world.homes.on(when)
        missed = _missed(world, g, live, when, year)
        counted = _counted(world, g, live[~missed], courses, when)
        forms.append(_records(world, g, counted, courses, (year, when), numbers[0]))
        seen = _survey(world, g, (live, missed), drawn[year], when + LATER)
        found.append(_surveyed(world, g, seen, (year, when + LATER), numbers[1]))
        for i, person in enumerate((counted["person"], world.homes.person[seen])):
            who[i].append(person)
            numbers[i] += person.size
    names = ("census_records", "coverage_survey_records")
    return Seen(
        {name: joined(tables) for name, tables in zip(names, (forms, found), strict=True)},
        {
            name: (world.records(name, numbers[i]), np.concatenate(who[i]))
            for i, name in enumerate(names)
        },
    )


def _chance(
    world: World, rows: Ints, when: int, name: str, odds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the chance that a home's resident is missed: a share by sex and age, times odds."""
    person = world.homes.person[rows]
    share = world.by_age(name, world.persons["sex"][person], world.age(person, when), _AGES, when)
    return np.asarray(share * odds / (1 - share + share * odds))


def _missed(
    world: World, g: np.random.Generator, live: Ints, when: int, year: int
) -> NDArray[np.bool_]:
    """Return who is missed: at some addresses by one draw for all, else each by his or her own."""
    h, odds = world.homes, world.at("census_odds", when)
    person, area = h.person[live], h.area[live]
    of_kind = np.array([odds[kind] for kind in KINDS])[world.places.areas.kind[area]]
    foreign = np.where(world.persons["citizenship"][person] > 0, odds["foreign"], 1.0)
    recent = np.where(world.arrived(live) > when - _YEAR, odds["recent"], 1.0)
    chance = _chance(world, live, when, "census_missed", of_kind * foreign * recent)
    address = h.address[live]
    together = fixed(address, world.seed, year, 1) < world.at("census_household", when)
    draw = np.where(together, fixed(address, world.seed, year, 2), g.random(live.size))
    return np.asarray(draw < chance)


def _counted(
    world: World, g: np.random.Generator, live: Ints, courses: Columns, when: int
) -> Columns:
    """Return forms: `person`, `home` (row of homes), `area`, `address`, of some a second one."""
    h, twice = world.homes, world.at("census_twice", when)
    person, size = h.person[live], live.size
    course = studying(courses, person, when)
    home, parents = (np.append(courses[name], -1)[course] for name in ("home", "old"))
    away = (home >= 0) & (home != h.area[live])
    before = np.maximum(live - 1, 0)
    moved = h.moved[live] & (h.since[live] > when - _YEAR) & ~away
    chance = np.where(away, twice["students"], np.where(moved, twice["movers"], twice["others"]))
    elsewhere = away & (g.random(size) < world.at("census_elsewhere", when))
    again = np.flatnonzero((g.random(size) < chance) & ~elsewhere)
    other = np.where(away, home, np.where(moved, h.area[before], h.area[live]))
    gone = np.flatnonzero((h.ends == LEFT) & (h.until <= when) & (h.until > when - _LEFT_BEFORE))
    gone = gone[g.random(gone.size) < world.at("census_left", when)]
    area, address = h.area[live].copy(), h.address[live].copy()
    area[elsewhere] = home[elsewhere]
    address[elsewhere] = h.address[parents[elsewhere]]
    # movers and students are counted where they lived before; others anywhere in the area
    old = _some_address(world, g, other[again])
    old = np.where(moved[again], h.address[before[again]], old)
    old = np.where(away[again], h.address[parents[again]], old)
    return {
        "person": np.concatenate([person, person[again], h.person[gone]]),
        "home": np.concatenate([live, live[again], gone]),
        "area": np.concatenate([area, other[again], h.area[gone]]),
        "address": np.concatenate([address, old, h.address[gone]]),
    }


def _some_address(world: World, g: np.random.Generator, area: Ints) -> Ints:
    return world.some_postcode(g, area) * DWELLINGS + g.integers(0, DWELLINGS, area.size)


def _records(
    world: World,
    g: np.random.Generator,
    forms: Columns,
    courses: Columns,
    date: tuple[int, int],
    before: int,
) -> pa.Table:
    """Return rows of `census_records`."""
    h, (year, when) = world.homes, date
    person, home = forms["person"], forms["home"]
    size = person.size
    abroad = world.persons["birth_country"][person] > 0
    # where they lived a year before
    earlier = when - _YEAR
    then = h.of(person, earlier)
    area_then = np.where(then >= 0, h.area[then], -1)
    ago = np.where(then >= 0, np.where(area_then == forms["area"], 0, 1), 2)
    ago = np.where(world.persons["birth"][person] > earlier, 3, ago)
    number = world.records("census_records", before + size)[before:]
    address = world.addresses(g, "census_records", forms["address"], forms["area"])
    return pa.table(
        {
            "year": np.full(size, year),
            "record": number,
            **world.identity(g, "census_records", person, np.full(size, when)),
            "area": world.areas(forms["area"]),
            "postcode": address // DWELLINGS,
            "address": address,
            "born_abroad": abroad,
            "arrival_year": world.arrival_years(home, ~abroad),
            "year_ago": label(ago, YEAR_AGO),
            "area_year_ago": world.areas(np.where(ago == 1, area_then, -1)),
            "student": studying(courses, person, when) >= 0,
        }
    )


def _survey(
    world: World,
    g: np.random.Generator,
    census: tuple[Ints, NDArray[np.bool_]],
    postcodes: Ints,
    when: int,
) -> Ints:
    """Return the homes that the coverage survey finds; whom the census missed it misses more."""
    h, (live, missed) = world.homes, census
    now = h.on(when)
    now = now[np.isin(h.postcode[now], postcodes)]
    shy = np.isin(h.person[now], h.person[live[missed]])
    odds = np.where(shy, world.at("coverage_survey_odds", when), 1.0)
    chance = _chance(world, now, when, "coverage_survey_missed", odds)
    return now[g.random(now.size) >= chance]


def _surveyed(
    world: World, g: np.random.Generator, rows: Ints, date: tuple[int, int], before: int
) -> pa.Table:
    """Return rows of `coverage_survey_records`."""
    h, (year, when) = world.homes, date
    told = np.full(rows.size, when)
    address = world.addresses(g, "coverage_survey_records", h.address[rows], h.area[rows])
    return pa.table(
        {
            "year": np.full(rows.size, year),
            "record": world.records("coverage_survey_records", before + rows.size)[before:],
            **world.identity(g, "coverage_survey_records", h.person[rows], told),
            "area": world.areas(h.area[rows]),
            "postcode": address // DWELLINGS,
            "address": address,
        }
    )
