"""The patient register: lists of practices, on which people stay too long and move too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.draws import MID_YEAR, day
from ravenstein.twin.people import FAR
from ravenstein.twin.world import Seen, World, dates, stacked

if TYPE_CHECKING:
    from ravenstein.twin.world import Columns, Ints

AGES = (16, 22, 35, 55)
"""First ages of the groups that register after different times, but for the youngest."""

_THREE_MONTHS = 91
_DUPLICATE_DAYS = 730


def patients(world: World) -> tuple[Seen, Columns]:
    """Return the patient register: records, addresses, and a snapshot at each mid-year.

    Args:
        world: The block.

    Returns:
        The views; and the addresses on the list, for those who link to it: `person`, `record`
        (number within the block), `since`, `until`, `area`.
    """
    g = world.generator("patients")
    listed = _one_after_another([_registrations(world, g), _visitors(world, g)])
    listed["opened"] = listed["since"]
    left = _left_behind(world, g, listed)
    # a record for each person, and one for each address left behind
    people = int(listed["person"].max(initial=0)) + 1
    listed["key"], left["key"] = listed["person"], people + np.arange(left["person"].size)
    listed = stacked([listed, left])
    if world.at("patient_special"):
        listed = _without_terms(world, listed)
    kept = (listed["until"] > listed["since"]) & (listed["since"] < world.journeys.horizon)
    order = np.lexsort((listed["since"], listed["key"]))
    listed = {name: values[order[kept[order]]] for name, values in listed.items()}
    facts = _facts(listed)
    shown = listed["until"] > world.journeys.begin  # who was off the list by then is nowhere
    listed = {name: values[shown] for name, values in (listed | facts).items()}
    _, first, listed["record"] = np.unique(listed["key"], return_index=True, return_inverse=True)
    return _views(world, g, listed, first), listed


def _facts(listed: Columns) -> Columns:
    """Return of each row when its record began, and whether with an arrival from abroad."""
    _, first, place = np.unique(listed["key"], return_index=True, return_inverse=True)
    return {
        "began": listed["opened"][first][place], "foreign": listed["foreign"][first][place],
    }  # fmt: skip


def _registrations(world: World, g: np.random.Generator) -> Columns:
    """Return when people are on the list, and at which of their homes."""
    h = world.homes
    lag = _lag(world, g)
    since = h.since + lag
    kept = np.flatnonzero(since < h.until)
    person, since, spell = h.person[kept], since[kept], h.spell[kept]
    ends = world.residents.spells["end"][spell]
    stays = g.random(world.residents.spells["end"].size) < world.at("patient_stays_on")
    slow = g.exponential(1.0, world.residents.spells["end"].size)
    # of those who left it is not known when they die
    removed = np.where(
        world.residents.spells["left"][spell] == 1,
        np.where(stays[spell], FAR, ends + slow[spell] * world.at("patient_removal")),
        np.where(ends < FAR, ends + slow[spell] * world.at("patient_after_death"), FAR),
    )
    return {
        "person": person, "since": since, "until": removed.astype(np.int64), "area": h.area[kept],
        "postcode": h.postcode[kept], "foreign": world.residents.spells["arrived"][spell],
    }  # fmt: skip


def _one_after_another(parts: list[Columns]) -> Columns:
    """Return registrations by person and time, each until the next at the latest."""
    rows = stacked(parts)
    order = np.lexsort((rows["since"], rows["person"]))
    rows = {name: values[order] for name, values in rows.items()}
    same = rows["person"][1:] == rows["person"][:-1]
    following = np.append(np.where(same, rows["since"][1:], FAR), FAR)
    return rows | {"until": np.minimum(rows["until"], following)}


def _lag(world: World, g: np.random.Generator) -> Ints:
    """Return the days from the beginning of each home until the practice knows, `FAR` for never."""
    h, persons = world.homes, world.persons
    sex, born = persons["sex"][h.person], persons["birth"][h.person]
    age = world.age(h.person, h.since)
    moved = h.moved
    baby = h.since == born
    mean = np.where(
        moved,
        world.by_age("patient_move_lag", sex, age, AGES),
        world.by_age("patient_lag", sex, age, AGES),
    )
    mean = np.where(baby, world.at("patient_birth_lag"), mean)
    lag = (mean * g.exponential(1.0, h.person.size)).astype(np.int64)
    lag = np.where(h.arrived | moved | baby, lag, 0)  # the first population is on the list
    never = h.arrived & (g.random(h.person.size) < world.at("patient_missed"))
    return np.where(never, FAR, lag)


def _visitors(world: World, g: np.random.Generator) -> Columns:
    """Return visitors for some months who register, and stay on the list as emigrants do."""
    stays = world.stays(g, _THREE_MONTHS)
    size = stays["person"].size
    sex = world.journeys.persons["sex"][stays["person"]]
    age = world.age(stays["person"], stays["start"])
    lag = world.by_age("patient_lag", sex, age, AGES) * g.exponential(1.0, size)
    since = stays["start"] + lag.astype(np.int64)
    for_good = g.random(size) < world.at("patient_stays_on")
    removed = stays["end"] + g.exponential(1.0, size) * world.at("patient_removal")
    postcode = world.some_postcode(g, stays["area"])
    kept = (since < stays["end"]) & (g.random(size) < world.at("patient_short_stays"))
    columns = {
        "person": stays["person"], "since": since,
        "until": np.where(for_good, FAR, removed).astype(np.int64), "area": stays["area"],
        "postcode": postcode, "foreign": np.ones(size, dtype=np.int64),
    }  # fmt: skip
    return {name: values[kept] for name, values in columns.items()}


def _left_behind(world: World, g: np.random.Generator, listed: Columns) -> Columns:
    """Return records that stay on the list at the old address after a change of practice."""
    person = listed["person"]
    before = np.flatnonzero(person[1:] == person[:-1])
    moved = listed["until"][before] == listed["since"][before + 1]
    chosen = before[moved & (g.random(before.size) < world.at("patient_duplicates"))]
    rows = {name: values[chosen] for name, values in listed.items()}
    days = 1 + g.exponential(_DUPLICATE_DAYS, chosen.size).astype(np.int64)
    # it keeps its day of registration, and is no second arrival from abroad
    return rows | {
        "since": rows["until"], "until": rows["until"] + days, "foreign": 0 * rows["foreign"],
    }  # fmt: skip


def _without_terms(world: World, listed: Columns) -> Columns:
    """Take people off the list while they serve in the armed forces or in prison."""
    terms = world.residents.terms
    order = np.lexsort((terms["start"], terms["person"]))
    person, start, end = (terms[name][order] for name in ("person", "start", "end"))
    if not person.size:
        return listed
    end = np.where(end < world.persons["death"][person], end, FAR)
    number = np.arange(person.size) - np.searchsorted(person, person)
    for rank in range(int(number.max()) + 1):
        own = number == rank
        place = np.searchsorted(person[own], listed["person"])
        place = np.minimum(place, own.sum() - 1)
        serves = person[own][place] == listed["person"]
        leaves = np.where(serves, start[own][place], FAR)
        back = np.where(serves, end[own][place], FAR)
        crosses = (leaves < listed["until"]) & (back > listed["since"])
        after = {name: values[crosses] for name, values in listed.items()}
        after["since"] = np.maximum(after["since"], back[crosses])
        until = np.where(crosses, np.minimum(listed["until"], leaves), listed["until"])
        listed = stacked([listed | {"until": until}, after])
    return listed


def _views(world: World, g: np.random.Generator, listed: Columns, first: Ints) -> Seen:
    last = np.append(first[1:], listed["person"].size) - 1
    person = listed["person"][first]
    told = np.minimum(listed["since"][last], world.journeys.horizon)
    identity = world.identity(g, "patient_register", person, told)
    number = world.records("patient_register", first.size)
    removed = np.where(listed["until"][last] < world.journeys.horizon, listed["until"][last], FAR)
    rows = {
        "patient_register": pa.table(
            {
                "record": number,
                **identity,
                "registered_on": dates(listed["began"][first]),
                "removed_on": dates(removed),
                "from_abroad": listed["foreign"][first] == 1,
            }
        ),
        "patient_addresses": pa.table(
            {
                "record": number[listed["record"]],
                "since": dates(listed["since"]),
                "until": dates(
                    np.where(listed["until"] < world.journeys.horizon, listed["until"], FAR)
                ),
                "area": world.areas(listed["area"]),
                "postcode": world.postcodes(
                    g, "patient_register", listed["postcode"], listed["area"]
                ),
            }
        ),
    }
    shown = pa.array(number).cast(pa.string())
    birth, sex = identity["birth_date"], identity["sex"]
    for year in world.years():
        on = on_list(listed, day(year, *MID_YEAR))
        on = on[np.argsort(number[listed["record"][on]])]
        record = pa.array(listed["record"][on])
        rows[f"register_snapshot/{year}"] = pa.table(
            {
                "person": shown.take(record),
                "area": world.areas(listed["area"][on]),
                "sex": sex.take(record),
                "birth_date": birth.take(record),
            }
        )
    return Seen(rows, {"patient_register": (number, person)})


def on_list(listed: Columns, when: int) -> Ints:
    """Return the rows that are on the list at the end of a day."""
    return np.flatnonzero((listed["since"] <= when) & (listed["until"] > when))
