"""Permits: visas before arrival, registration of workers, settlement and citizenship after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ravenstein.twin.draws import day
from ravenstein.twin.people import MIGRANT_REASONS, OUTSIDE_EU
from ravenstein.twin.sources.asylum import FIRST_AGES, OUTCOMES
from ravenstein.twin.world import Seen, World, groups, opens, quarter, stacked

if TYPE_CHECKING:
    from ravenstein.twin.world import Columns, Ints

SETTLEMENT = ("work", "family", "asylum", "other")
VISAS = ("work", "family", "study", "other")
WORKER_AGES = (16, 18, 25, 35, 45, 55, 65)

_BY_REASON = (0, 0, 1, 3, 3)  # grounds of settlement of MIGRANT_REASONS
_VISA_BY_REASON = (0, 0, 1, 2, 3, 3, 3, 3)  # of REASONS
_ASYLUM = 2
_EU8 = 2
_SCHEME = (day(2004, 5, 1), day(2011, 5, 1))  # worker registration: first day, day after the last
_SIX_MONTHS, _MONTH = 183, 30
_WORK = (0, 1)
_YEAR = 365.25
_SIX_YEARS = 2192


def permits(world: World, cases: Columns) -> Seen:
    """Return the counts of visas, worker registrations, settlement and citizenship grants.

    Args:
        world: The block.
        cases: The asylum cases, which may end in settlement.
    """
    counts = {
        "visas_issued": _visas(world),
        "worker_registrations": _workers(world),
        "settlement_grants": _settlement(world, cases),
        "citizenship_grants": _citizenship(world),
    }
    return Seen(counts=counts)


def _long(world: World) -> Columns:
    """Return immigrations by citizens of other states who did not seek asylum."""
    spells = world.residents.spells
    person = spells["person"]
    foreign = world.persons["citizenship"][person] > 0
    rows = np.flatnonzero(
        foreign & (spells["arrived"] == 1) & (world.persons["asylum"][person] == 0)
    )
    return {
        "person": person[rows], "start": spells["start"][rows], "end": spells["end"][rows],
        "reason": spells["reason_in"][rows], "area": spells["area"][rows],
    }  # fmt: skip


def _long_and_short(world: World, g: np.random.Generator, shortest: int) -> Columns:
    """Return immigrations, and stays of a least length that were shorter than a year."""
    long, short = _long(world), world.stays(g, shortest)
    seeks = np.zeros(world.journeys.resident.size, dtype=np.int64)
    seeks[: world.persons["asylum"].size] = world.persons["asylum"]
    kept = seeks[short["person"]] == 0
    return stacked([long, {name: values[kept] for name, values in short.items()}])


def _visas(world: World) -> Columns:
    g = world.generator("visas")
    rows = _long_and_short(world, g, _SIX_MONTHS)
    citizenship = world.journeys.persons["citizenship"][rows["person"]]
    needs = np.flatnonzero(citizenship >= OUTSIDE_EU)
    # of all issued the share is unused: a geometric number of them for each that is used
    issued = np.repeat(needs, g.geometric(1 - world.at("visas_unused"), needs.size))
    ahead = (g.random(issued.size) * world.at("visas_lead")).astype(np.int64)
    when = rows["start"][issued] - ahead
    category = np.array(_VISA_BY_REASON)[rows["reason"][issued]]
    inside = world.within(when)
    return {
        "quarter": quarter(when[inside]), "citizenship": citizenship[issued][inside],
        "category": category[inside],
    }  # fmt: skip


def _workers(world: World) -> Columns:
    g = world.generator("workers")
    rows = _long_and_short(world, g, _MONTH)
    person = rows["person"]
    works = np.isin(rows["reason"], _WORK)
    works &= world.journeys.persons["citizenship"][person] == _EU8
    when = rows["start"] + (g.exponential(1.0, person.size) * world.at("workers_lag")).astype(int)
    age = world.age(person, when)
    works &= (g.random(person.size) >= world.at("workers_missed")) & (when < rows["end"])
    works &= (when >= _SCHEME[0]) & (when < _SCHEME[1]) & (age >= WORKER_AGES[0])
    chosen = np.flatnonzero(works & world.within(when))
    return {
        "quarter": quarter(when[chosen]), "age_group": groups(age[chosen], WORKER_AGES[1:]),
        "sex": world.journeys.persons["sex"][person[chosen]] - 1, "area": rows["area"][chosen],
    }  # fmt: skip


def _settlement(world: World, cases: Columns) -> Columns:
    g = world.generator("settlement")
    rows = _long(world)
    outside = world.persons["citizenship"][rows["person"]] >= OUTSIDE_EU
    years = world.settings.shares("settlement_years", world.journeys.begin, MIGRANT_REASONS)
    when = rows["start"] + (years[rows["reason"]] * _YEAR).astype(np.int64)
    when += (g.exponential(1.0, when.size) * world.at("grants_lag")).astype(np.int64)
    asks = outside & (g.random(when.size) < world.at("settlement_share")) & (when < rows["end"])
    protected = cases["outcome"] == OUTCOMES.index("protection")
    person = np.concatenate([rows["person"][asks], cases["person"][protected]])
    when = np.concatenate([when[asks], cases["decided"][protected]])
    ground = np.array(_BY_REASON)[rows["reason"][asks]]
    ground = np.concatenate([ground, np.full(int(protected.sum()), _ASYLUM)])
    inside = world.within(when)
    return _granted(world, person[inside], when[inside]) | {"category": ground[inside]}


def _citizenship(world: World) -> Columns:
    """Return grants to those who have lived here for six years, once a person."""
    g = world.generator("citizenship")
    spells, rates = world.residents.spells, world.at("citizenship_rate")
    person = spells["person"]
    citizenship = world.persons["citizenship"][person]
    rate = np.where(citizenship >= OUTSIDE_EU, rates["outside"], rates["inside"])
    wait = g.exponential(1.0, person.size) * _YEAR / np.maximum(rate, 1e-9)
    when = spells["start"] + _SIX_YEARS + np.minimum(wait, 1e6).astype(np.int64)
    when += (g.exponential(1.0, person.size) * world.at("grants_lag")).astype(np.int64)
    rows = np.flatnonzero((citizenship > 0) & (when < spells["end"]))
    order = rows[np.lexsort((when[rows], person[rows]))]
    chosen = order[opens(person[order])]
    chosen = chosen[world.within(when[chosen])]
    return _granted(world, person[chosen], when[chosen])


def _granted(world: World, person: Ints, when: Ints) -> Columns:
    return {
        "quarter": quarter(when), "citizenship": world.persons["citizenship"][person],
        "age_group": groups(world.age(person, when), FIRST_AGES),
        "sex": world.persons["sex"][person] - 1,
    }  # fmt: skip
