"""Asylum: applications with dependants, decisions and withdrawals; and recorded returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.draws import pick
from ravenstein.twin.journeys import ALIKE, OUT
from ravenstein.twin.people import FAR, OUTSIDE_EU
from ravenstein.twin.world import Seen, World, dates, groups, label, quarter, stacked

if TYPE_CHECKING:
    from ravenstein.twin.world import Columns, Ints

APPLICANTS = ("main", "dependant")
APPLIED_AT = ("port", "country")
OUTCOMES = ("protection", "other_leave", "refused", "withdrawn", "administrative")
RETURNS = ("enforced", "voluntary")
FIRST_AGES = (18, 30, 50, 70)

_REFUSED, _WITHDRAWN, _ADMINISTRATIVE = 2, 3, 4
_ENFORCED, _VOLUNTARY, _NONE = 0, 1, -1
_ADULT, _ALONE = 18, 14


def cases(world: World) -> Columns:
    """Return the asylum cases of a block, by person.

    Args:
        world: The block.

    Returns:
        `person`, `dependant`, `port` (0 at the port, 1 in the country), `applied`, `decided`,
        `outcome` (a place in `OUTCOMES`, -1 for none before the twin ends), `left` (`people.FAR`
        if they stay), `return` (a place in `RETURNS`, -1 without a recorded one).

    Notes:
        People come and leave as they do; decisions are drawn with knowledge of it: who will leave
        is mostly refused. Families have one decision. Who leaves before it has withdrawn.
    """
    g = world.generator("asylum")
    persons = world.persons
    person = np.flatnonzero(persons["asylum"] == 1)
    arrived, left, died = _first_stay(world, person)
    lead = persons["lead"][person]
    head = np.where(lead >= 0, np.searchsorted(person, lead), np.arange(person.size))
    age = world.age(person, arrived)
    alone = (g.random(person.size) < world.at("asylum_alone")) & (age >= _ALONE)
    dependant = (lead >= 0) | ((age < _ADULT) & ~alone)
    port = (g.random(person.size) < world.at("asylum_at_port"))[head]
    lag = np.where(port, 0, (g.exponential(1.0, person.size) * world.at("asylum_lag"))[head])
    over = np.minimum(left, died)
    applied = np.minimum(arrived + lag.astype(np.int64), np.maximum(over - 1, arrived))
    shape = world.at("asylum_decision")
    waits = shape["median"] * g.lognormal(sigma=shape["sigma"], size=person.size)
    decided = applied + waits.astype(np.int64)[head]
    shares = world.at("asylum_outcome")
    drawn = [pick(g, shares[kind], person.size)[head] for kind in ("leaves", "stays")]
    outcome = np.where(left[head] < FAR, *drawn)
    outcome = np.where(decided >= left, _WITHDRAWN, outcome)
    outcome = np.where(decided >= died, _ADMINISTRATIVE, outcome)
    decided = np.minimum(decided, over)
    open_ = decided >= world.journeys.horizon
    recorded = g.random(person.size) >= world.at("returns_unrecorded")
    enforced = g.random(person.size) < world.at("returns_enforced")
    left = np.where(left < world.journeys.horizon, left, FAR)
    goes = np.isin(outcome, (_REFUSED, _WITHDRAWN)) & (left < FAR) & recorded & ~open_
    return {
        "person": person, "dependant": dependant.astype(np.int64), "port": 1 - port.astype(int),
        "applied": applied, "decided": np.where(open_, FAR, decided),
        "outcome": np.where(open_, -1, outcome), "left": left,
        "return": np.where(goes, np.where(enforced, _ENFORCED, _VOLUNTARY), _NONE),
    }  # fmt: skip


def _first_stay(world: World, person: Ints) -> tuple[Ints, Ints, Ints]:
    """Return when people first came, and when they left or died, `FAR` for never."""
    spells, short = world.residents.spells, world.residents.short
    stays = short["home"] == 0
    came = spells["arrived"] == 1
    parts = (
        (spells["person"][came], spells["start"][came],
         np.where(spells["left"][came] == 1, spells["end"][came], FAR)),
        (short["person"][stays], short["start"][stays], short["end"][stays]),
    )  # fmt: skip
    who, start, end = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.lexsort((start, who))
    who, start, end = who[order], start[order], end[order]
    place = np.searchsorted(who, person)
    death = world.persons["death"][person]
    left = end[place]
    return start[place], left, np.where(death < left, death, FAR)


def asylum(world: World, found: Columns) -> Seen:
    """Return the counts of applications, decisions and returns, and the cases in truth.

    Args:
        world: The block.
        found: The cases.
    """
    applicant = {"applicant": found["dependant"]}
    decided = {name: values[found["outcome"] >= 0] for name, values in found.items()}
    returned = returns(world, found)
    kinds = {"type": returned["type"], "asylum": returned["asylum"]}
    counts = {
        "asylum_applications": _counted(
            world, found["person"], found["applied"], location=found["port"], **applicant
        ),
        "asylum_decisions": _counted(
            world, decided["person"], decided["decided"], outcome=decided["outcome"],
            applicant=decided["dependant"],
        ),
        "returns": _counted(world, returned["person"], returned["day"], **kinds),
    }  # fmt: skip
    truth = pa.table(
        {
            "person": (world.number << 32) + found["person"],
            "applicant": label(found["dependant"], APPLICANTS),
            "applied_on": dates(found["applied"]),
            "decided_on": dates(found["decided"]),
            "outcome": label(found["outcome"], OUTCOMES),
            "left_on": dates(found["left"]),
            "return": label(found["return"], RETURNS),
        }
    )
    return Seen({"truth_asylum": truth}, counts=counts)


def _counted(world: World, person: Ints, when: Ints, **more: Ints) -> Columns:
    """Return quarter, age group, citizenship, sex and more of events in the twin's years."""
    rows = np.flatnonzero(world.within(when))
    person, when = person[rows], when[rows]
    return {
        "quarter": quarter(when), "age_group": groups(world.age(person, when), FIRST_AGES),
        "citizenship": world.persons["citizenship"][person],
        "sex": world.persons["sex"][person] - 1,
    } | {name: values[rows] for name, values in more.items()}  # fmt: skip


def returns(world: World, found: Columns) -> Columns:
    """Return recorded returns: of applicants, and of others from outside the European Union.

    Args:
        world: The block.
        found: The asylum cases.

    Returns:
        `person`, `day`, `type` (a place in `RETURNS`), `asylum` (1: applicants).
    """
    own = found["return"] >= 0
    applicants = {
        "person": found["person"][own], "day": found["left"][own], "type": found["return"][own],
        "asylum": np.ones(int(own.sum()), dtype=np.int64),
    }  # fmt: skip
    return stacked([applicants, _other_returns(world)])


def _other_returns(world: World) -> Columns:
    g = world.generator("returns")
    spells, shares = world.residents.spells, world.at("returns_others")
    person, when = spells["person"], spells["end"]
    outside = world.persons["citizenship"][person] >= OUTSIDE_EU
    outside &= world.persons["asylum"][person] == 0
    drawn = g.random(person.size)
    kind = np.where(drawn < shares["enforced"], _ENFORCED, _VOLUNTARY)
    rows = outside & (spells["left"] == 1) & (spells["arrived"] == 1) & world.within(when)
    rows = np.flatnonzero(rows & (drawn < shares["enforced"] + shares["voluntary"]))
    return {
        "person": person[rows], "day": when[rows], "type": kind[rows],
        "asylum": np.zeros(rows.size, dtype=np.int64),
    }  # fmt: skip


def removals(world: World, found: Columns) -> Ints:
    """Return which crossings are departures of enforced returns.

    Args:
        world: The block.
        found: The asylum cases.

    Returns:
        Places among the crossings of the block.
    """
    c, returned = world.journeys.crossings, returns(world, found)
    enforced = returned["type"] == _ENFORCED
    keys = (returned["person"] * ALIKE + returned["day"])[enforced]
    ends = (c["arrival"] == 0) & (c["leg"] != OUT) & (c["person"] < world.persons["sex"].size)
    rows = np.flatnonzero(ends)
    return rows[np.isin(c["person"][rows] * ALIKE + c["day"][rows], keys)]
