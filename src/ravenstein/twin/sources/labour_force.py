"""Who works, and the labour-force survey: a panel of addresses that some refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.seeds import step_generator
from ravenstein.twin.draws import day, fixed
from ravenstein.twin.homes import DWELLINGS, Addresses
from ravenstein.twin.people import BIRTH_COUNTRIES, CITIZENSHIPS, SEXES
from ravenstein.twin.settings import WAVES
from ravenstein.twin.sources.education import studying
from ravenstein.twin.world import Seen, World, dates, joined, label, stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.settings import Settings
    from ravenstein.twin.world import Columns, Ints

_WORKING_AGES = (20, 25, 35, 50, 60, 65)
_PROXY_AGES = (16, 25, 65)
_ADULT, _OPEN_AGE = 16, 90
_FORCES = 1  # place in SPECIAL
_MIDDLE = 45  # day of a quarter to which figures refer


def quarters(settings: Settings) -> list[int]:
    """Return the first days of the quarters of the twin's calendar years."""
    years = range(settings.scale.first, settings.scale.last + 1)
    return [day(year, month, 1) for year in years for month in (1, 4, 7, 10)]


def employed(world: World, courses: Columns, person: Ints, when: int) -> NDArray[np.bool_]:
    """Return who of some residents is in employment on a day; nobody under 16.

    Args:
        world: The block.
        courses: Who studies.
        person: The persons [m].
        when: The day.

    Notes:
        A number between 0 and 1, drawn anew for each person every few years, against the share of
        the sex, age and citizenship: people keep their status, the shares are met.
    """
    persons = world.persons
    age = world.age(person, when)
    share = world.by_age("employment", persons["sex"][person], age, _WORKING_AGES)
    ratio = world.settings.shares("employment_ratio", when, CITIZENSHIPS)
    share = share * ratio[persons["citizenship"][person]]
    student = studying(courses, person, when) >= 0
    share = share * np.where(student, world.at("employment_students"), 1.0)
    turn = world.at("employment_years") * 365.25
    phase = fixed(person, world.seed, world.number, 11)
    number = np.floor(when / turn + phase).astype(np.int64)
    draw = fixed(person * (1 << 20) + number, world.seed, world.number, 12)
    works = (draw < share) & (age >= _ADULT)
    kind = world.service(when)[person]
    # soldiers are employed, prisoners are not
    return np.asarray(np.where(kind > 0, kind == _FORCES, works))


def offsets(settings: Settings, seed: int) -> Ints:
    """Return which address of each interval enters in each quarter, four before the first on."""
    count = len(quarters(settings)) + WAVES - 1
    interval = settings.scale.addresses
    order = step_generator(seed, "twin/labour_force/sample").permutation(interval)
    return np.resize(order, count)


def sample_table(settings: Settings, seed: int, places: Addresses) -> pa.Table:
    """Return the rows of `labour_force_sample`: addresses by quarter, wave and area."""
    interval, entering = settings.scale.addresses, offsets(settings, seed)
    bounds = places.first * DWELLINGS
    parts = []
    for number, start in enumerate(quarters(settings)):
        for wave in range(1, WAVES + 1):
            offset = entering[number + WAVES - wave]
            below = (bounds - offset + interval - 1) // interval  # addresses before each bound
            size = places.areas.size.size
            parts.append(
                pa.table(
                    {
                        "quarter": dates(np.full(size, start)),
                        "wave": np.full(size, wave),
                        "area": pa.array(places.areas.codes),
                        "addresses": np.diff(below),
                        "interval": np.full(size, interval),
                    }
                )
            )
    return joined(parts)


def labour_force(world: World, courses: Columns) -> Seen:
    """Return the interviews of each quarter, and who works in truth.

    Args:
        world: The block.
        courses: Who studies.

    Returns:
        Rows of `labour_force_interviews`, and counts for `truth_employment`.
    """
    g = world.generator("labour_force")
    h, interval = world.homes, world.settings.scale.addresses
    entering = offsets(world.settings, world.seed)
    residue = h.address % interval
    silent = np.concatenate([[0.0], world.at("labour_force_nonresponse")])
    panel, counts = [], []
    for number, start in enumerate(quarters(world.settings)):
        middle = start + _MIDDLE
        live = h.on(middle)
        works = employed(world, courses, h.person[live], middle)
        counts.append(_counted(world, h.person[live], works, start))
        waves = np.zeros(interval, dtype=np.int64)
        waves[entering[number : number + WAVES]] = np.arange(WAVES, 0, -1)
        wave = waves[residue[live]]
        # who takes part in the fifth wave has taken part in all before it
        willing = fixed(h.address[live], world.seed, number - wave, 13) >= silent[wave]
        settled = world.arrived(live) <= middle - world.at("labour_force_new")
        chosen = np.flatnonzero((wave > 0) & willing & settled)
        foreign = world.persons["birth_country"][h.person[live[chosen]]] > 0
        answers = g.random(chosen.size) >= foreign * world.at("labour_force_foreign")
        chosen = chosen[answers & ~_outside(world, h.person[live[chosen]], middle)]
        panel.append(
            {
                "home": live[chosen], "wave": wave[chosen], "works": works[chosen],
                "quarter": np.full(chosen.size, start),
            }
        )  # fmt: skip
    table, who = _interviews(world, g, stacked(panel))
    return Seen(
        {"labour_force_interviews": table},
        {"labour_force_interviews": who},
        {"employment": stacked(counts)},
    )


def _outside(world: World, person: Ints, when: int) -> NDArray[np.bool_]:
    """Return who of some persons serves in the armed forces or in prison, outside the survey."""
    return (world.service(when)[person] > 0) & bool(world.at("labour_force_special"))


def _interviews(
    world: World, g: np.random.Generator, panel: Columns
) -> tuple[pa.Table, tuple[Ints, Ints]]:
    """Return rows of `labour_force_interviews`, and the persons by number.

    Some are answered by others of the household. A person has one number at one address.
    """
    h, home = world.homes, panel["home"]
    person, address, size = h.person[home], h.address[home], home.size
    keys, number = np.unique(person << 32 | address, return_inverse=True)
    records = world.records("labour_force_interviews", keys.size)
    age = world.age(person, panel["quarter"] + _MIDDLE)
    chance = np.array(world.at("labour_force_proxy"))
    chance = chance[np.searchsorted(_PROXY_AGES, age, side="right")]
    # others of the household can answer: adults of the address in the same quarter
    _, household = np.unique(panel["quarter"] << 32 | address, return_inverse=True)
    others = np.bincount(household, weights=age >= _ADULT)[household] - (age >= _ADULT)
    proxy = (g.random(size) < chance) & (others > 0)
    errors = world.at("labour_force_proxy_error")
    mistaken = proxy & (g.random(size) < errors["employed"])
    told = world.persons["birth_country"][person].copy()
    told[proxy & (g.random(size) < errors["birth_country"])] = 0
    table = pa.table(
        {
            "quarter": dates(panel["quarter"]),
            "record": records[number],
            "wave": panel["wave"],
            "area": world.areas(h.area[home]),
            "address": world.numbered("labour_force_addresses", address),
            "sex": label(world.persons["sex"][person] - 1, SEXES),
            "age": np.clip(age, 0, _OPEN_AGE),
            "birth_country": label(told, BIRTH_COUNTRIES),
            "citizenship": label(world.persons["citizenship"][person], CITIZENSHIPS),
            "arrival_year": world.arrival_years(home, told == 0),
            "employed": pa.array(panel["works"] ^ mistaken, mask=age < _ADULT),
            "proxy": proxy,
        }
    )
    return table, (records, keys >> 32)


def _counted(world: World, person: Ints, works: NDArray[np.bool_], start: int) -> dict[str, Any]:
    """Return those aged 16 and over by what the truth shows, each a row."""
    age = world.age(person, start + _MIDDLE)
    adult = age >= _ADULT
    persons, chosen = world.persons, person[adult]
    return {
        "quarter": np.full(chosen.size, start),
        "birth_country": persons["birth_country"][chosen],
        "citizenship": persons["citizenship"][chosen],
        "sex": persons["sex"][chosen],
        "age": np.minimum(age[adult] // 5 * 5, _OPEN_AGE),
        "employed": works[adult].astype(np.int64),
    }
