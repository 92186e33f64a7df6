"""Births and deaths, some of them registered late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.homes import DIED
from ravenstein.twin.people import FAR
from ravenstein.twin.world import Seen, World, dates

if TYPE_CHECKING:
    from ravenstein.twin.world import Ints

_YEAR = 365
_INQUEST_AGES = (1, 45)
_SIGMA = 0.6  # of the delay without an inquest


def births(world: World) -> Seen:
    """Return the births of the twin's calendar years, where the mothers live.

    Args:
        world: The block.
    """
    g = world.generator("births")
    h, persons = world.homes, world.persons
    opens = h.since == persons["birth"][h.person]
    rows = np.flatnonzero(opens & world.within(h.since))
    rows = rows[g.random(rows.size) >= world.at("births_unregistered")]
    person, born, size = h.person[rows], h.since[rows], rows.size
    within = (g.random(size) * world.at("births_lag")).astype(np.int64)
    late = g.random(size) < world.at("births_late")
    first = int(world.at("births_lag"))
    lag = np.where(late, g.integers(min(first, _YEAR), _YEAR + 1, size), within)
    mother = persons["mother"][person]
    number = world.records("birth_registrations", size)
    table = pa.table(
        {
            "record": number,
            **world.identity(g, "birth_registrations", person, born),
            "registered_on": dates(born + lag),
            "area": world.areas(h.area[rows]),
            "age_of_mother": world.age(mother, born),
            "mother_born_abroad": persons["birth_country"][mother] > 0,
        }
    )
    return Seen({"birth_registrations": table}, {"birth_registrations": (number, person)})


def deaths(world: World) -> Seen:
    """Return the deaths of residents in the twin's calendar years, where they lived.

    Args:
        world: The block.
    """
    g = world.generator("deaths")
    h, persons = world.homes, world.persons
    rows = np.flatnonzero((h.ends == DIED) & world.within(h.until) & (h.until < FAR))
    person, died, size = h.person[rows], h.until[rows], rows.size
    number = world.records("death_registrations", size)
    table = pa.table(
        {
            "record": number,
            **world.identity(g, "death_registrations", person, died),
            "death_date": dates(died),
            "registered_on": dates(died + _until_registered(world, g, world.age(person, died))),
            "area": world.areas(h.area[rows]),
            "born_abroad": persons["birth_country"][person] > 0,
        }
    )
    return Seen({"death_registrations": table}, {"death_registrations": (number, person)})


def _until_registered(world: World, g: np.random.Generator, age: Ints) -> Ints:
    """Return days from death to registration: an inquest delays it."""
    usual = world.at("deaths_lag") * g.lognormal(sigma=_SIGMA, size=age.size)
    share = np.array(world.at("deaths_inquest"))[np.searchsorted(_INQUEST_AGES, age, side="right")]
    waits = g.exponential(1.0, age.size) * world.at("deaths_inquest_lag")
    return np.asarray(np.where(g.random(age.size) < share, waits, usual).astype(np.int64))
