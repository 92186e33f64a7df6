"""Twins for tests: whole blocks as tables, and one block whose sources can be looked at alone."""

import dataclasses

import numpy as np

from ravenstein.core.seeds import step_generator
from ravenstein.store.files import as_declared
from ravenstein.tables.dictionary import TABLES, declared
from ravenstein.twin.country import Counts, block, merged, summary
from ravenstein.twin.homes import addresses, homes
from ravenstein.twin.journeys import journeys
from ravenstein.twin.names import names
from ravenstein.twin.people import residents
from ravenstein.twin.settings import VIEWS, settings
from ravenstein.twin.sources.other_counts import counted_tables
from ravenstein.twin.sources.passenger_survey import design
from ravenstein.twin.truth import counted
from ravenstein.twin.world import World

CENSUS = {"shifts": 1.0, "interval": 1, "second": 1, "first": 2008, "last": 2012}


def shown(tables):
    """Return declared tables as pandas; official files of other offices are left out."""
    kinds = {name: name.partition("/")[0] for name in tables}
    return {
        name: as_declared(declared(kind), tables[name]).to_pandas()
        for name, kind in kinds.items()
        if kind in TABLES
    }


def made(people=6000, views=("survey", "border"), **changes):
    """Simulate one block with perfect views but for the changes; return its tables as pandas."""
    changes = CENSUS | {"people": people} | changes
    chosen = settings("small", perfect=True, changes=changes, views=views)
    drawn = design(chosen, 7)
    tables, counts = block(chosen, 7, 0, drawn)
    total = Counts()
    total.add(counts)
    return shown(tables | summary(chosen, 7, drawn, total)), counts


def world(people=20_000, first=2008, last=2012, **changes):
    """Return a block whose sources are all perfect but for the changes."""
    changes = {"people": people, "first": first, "last": last} | changes
    chosen = settings("small", perfect=True, changes=changes, views=VIEWS)
    lived = residents(chosen, step_generator(7, "people"), people)
    went = journeys(chosen, step_generator(7, "journeys"), lived, people)
    places = addresses(chosen)
    known = names(chosen, step_generator(7, "names"), went.persons, went.begin)
    at_home = homes(step_generator(7, "homes"), lived, places)
    return World(chosen, 7, 0, lived, went, known, places, at_home)


def changed(of, **changes):
    """Return the same people, seen by sources that are perfect but for the changes."""
    kept = ("people", "first", "last", "postcodes", "addresses")
    scale = {name: getattr(of.settings.scale, name) for name in kept}
    chosen = settings("small", perfect=True, changes=scale | changes)
    return dataclasses.replace(of, settings=chosen)


def rows_of(seen):
    """Return the rows of a source's tables as pandas, with the person of each record."""
    tables = shown(seen.rows)
    for source, (record, person) in seen.who.items():
        who = dict(zip(record.tolist(), person.tolist(), strict=True))
        for name, table in tables.items():
            if name == source or (source == "patient_register" and name == "patient_addresses"):
                table["who"] = table.record.map(who)
    return tables


def counts_of(of, seen):
    """Return the tables of a source's counts as pandas."""
    cells = {name: merged([counted(columns)]) for name, columns in seen.counts.items()}
    return shown(counted_tables(of.settings, of.places, cells))


def near(share, expected, count):
    """Say whether a share of `count` draws is within four standard errors of what is expected."""
    return abs(share - expected) < 4 * np.sqrt(max(expected * (1 - expected), 1e-9) / count)
