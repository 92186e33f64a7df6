"""National insurance numbers: given once, kept for life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.people import REASONS
from ravenstein.twin.sources.border import NATIONALITY
from ravenstein.twin.world import Seen, World, dates, label, opens, stacked

if TYPE_CHECKING:
    from ravenstein.twin.world import Columns, Ints

_ADULT = 16
_MONTH = 30
_WORK = (0, 1)  # places in REASONS


def insurance(world: World) -> Seen:
    """Return the numbers given: to residents at 16, to adults from abroad when they ask.

    Args:
        world: The block.

    Returns:
        Rows of `insurance_register`, a person once: by the first event that gives a number.
    """
    g = world.generator("insurance")
    parts = [_at_sixteen(world), _arrivals(world, g), _short_stays(world, g)]
    rows = _first(stacked(parts))
    kept = rows["when"] < world.journeys.horizon
    rows = {name: values[kept] for name, values in rows.items()}
    person = rows["person"]
    number = world.records("insurance_register", person.size)
    table = pa.table(
        {
            "record": number,
            **world.identity(g, "insurance_register", person, rows["when"]),
            "nationality": label(world.journeys.persons["citizenship"][person], NATIONALITY),
            "registered_on": dates(rows["when"]),
            "overseas": (rows["overseas"] == 1)
            & (world.journeys.persons["citizenship"][person] > 0),
            "area": world.areas(rows["area"]),
            "postcode": world.postcodes(g, "insurance_register", rows["postcode"], rows["area"]),
        }
    )
    return Seen({"insurance_register": table}, {"insurance_register": (number, person)})


def _at_sixteen(world: World) -> Columns:
    """Return where people lived when they turned 16, adults of the first population among them."""
    h = world.homes
    birthday = _birthday(world.persons["birth"][h.person])
    settled = (
        opens(h.person) & ~h.arrived & (birthday < h.since)
    )  # they turned 16 before the twin begins
    rows = np.flatnonzero(settled | ((h.since <= birthday) & (birthday < h.until)))
    return {
        "person": h.person[rows], "when": birthday[rows], "area": h.area[rows],
        "postcode": h.postcode[rows], "overseas": np.zeros(rows.size, dtype=np.int64),
    }  # fmt: skip


def _birthday(birth: Ints) -> Ints:
    """Return the day on which people turn 16 (of 29 February, 29 February again)."""
    days = birth.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    found = (months + 12 * _ADULT).astype("datetime64[D]") + (days - months)
    return np.asarray(found.astype(np.int64))


def _arrivals(world: World, g: np.random.Generator) -> Columns:
    """Return adults who come to live here, get a number after a time, and where they are then."""
    h, spells = world.homes, world.residents.spells
    came = np.flatnonzero(h.arrived)
    person, since = h.person[came], h.since[came]
    adult = _birthday(world.persons["birth"][person]) < since
    reason = spells["reason_in"][h.spell[came]]
    missed = world.settings.shares("insurance_missed", world.journeys.begin, REASONS)[reason]
    when = since + _lag(world, g, came.size)
    gets = adult & (g.random(came.size) >= missed) & (when < spells["end"][h.spell[came]])
    person, when = person[gets], when[gets]
    home = h.of(person, when)
    return {
        "person": person, "when": when, "area": h.area[home], "postcode": h.postcode[home],
        "overseas": np.ones(person.size, dtype=np.int64),
    }  # fmt: skip


def _short_stays(world: World, g: np.random.Generator) -> Columns:
    """Return adults who come to work for some months and get a number."""
    stays = world.stays(g, _MONTH)
    adult = world.age(stays["person"], stays["start"]) >= _ADULT
    size = adult.size
    when = stays["start"] + _lag(world, g, size)
    gets = adult & np.isin(stays["reason"], _WORK) & (when < stays["end"])
    gets &= g.random(size) < world.at("insurance_short_stays")
    postcode = world.some_postcode(g, stays["area"])
    columns = {
        "person": stays["person"], "when": when, "area": stays["area"], "postcode": postcode,
        "overseas": np.ones(size, dtype=np.int64),
    }  # fmt: skip
    return {name: values[gets] for name, values in columns.items()}


def _lag(world: World, g: np.random.Generator, size: int) -> Ints:
    shape = world.at("insurance_lag")
    drawn = shape["median"] * g.lognormal(sigma=shape["sigma"], size=size)
    return np.asarray(drawn.astype(np.int64))


def _first(rows: Columns) -> Columns:
    """Keep the first row of each person."""
    order = np.lexsort((rows["when"], rows["person"]))
    order = order[opens(rows["person"][order])]
    return {name: values[order] for name, values in rows.items()}
