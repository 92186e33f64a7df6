"""Twins seen through the survey and other offices' counts, and their total migration."""

import numpy as np

from ravenstein.core.seeds import step_generator
from ravenstein.migration.components.asylum import asylum
from ravenstein.migration.components.ireland import ireland
from ravenstein.migration.components.migrant_switchers import migrant_switchers
from ravenstein.migration.components.survey import survey
from ravenstein.migration.components.visitor_switchers import visitor_switchers
from ravenstein.migration.stays import cohorts
from ravenstein.passenger_survey.chain import Rules
from ravenstein.passenger_survey.results import results
from ravenstein.store.files import as_declared
from ravenstein.tables.dictionary import TABLES, declared
from ravenstein.twin.country import Counts, block, summary
from ravenstein.twin.settings import settings
from ravenstein.twin.sources.passenger_survey import design

_GIVEN = settings("small").parameters["routes"].values[0][1]
EVERYWHERE = {
    name: route | ({"sampled": True, "night": True} if route["mode"] != "land" else {})
    for name, route in _GIVEN.items()
}
"""All routes sampled, at night too, but for the land border: nothing is weighted up unseen."""
KINDS = ("contacts", "shifts", "nonresponse", "traffic", "unsampled", "trailers")


def columns(table):
    """Return a table's columns as the pipeline does."""
    found = {}
    for name in table.column_names:
        values = table[name].to_numpy(zero_copy_only=False)
        day = str(table.schema.field(name).type).startswith("date")
        found[name] = values.astype("datetime64[D]") if day else values
    return found


def observed(seed, **changes):
    """Return all tables of one twin: columns by name."""
    chosen = settings("small", changes=changes, views=("survey", "statistics"))
    drawn = design(chosen, seed)
    tables, counts = block(chosen, seed, 0, drawn)
    total = Counts()
    total.add(counts)
    tables |= summary(chosen, seed, drawn, total)
    return {
        name: columns(as_declared(declared(name), rows))
        for name, rows in tables.items()
        if name in TABLES
    }


def components(tables, seed, draws):
    """Return the components of a twin's total migration, the survey's cells and the years."""
    given = {kind: tables[f"survey_{kind}"] for kind in KINDS}
    made = results(given, Rules(), draws=draws, seed=seed)
    cells = survey(made.cells).parts[0]
    years = sorted(set(cells.labels["year"].tolist()))
    held = cohorts(made.cells, made.stays_ended, years)
    g = step_generator(seed, "migration")
    return (
        [
            survey(made.cells),
            ireland(tables["irish_migration"], years, draws, g),
            asylum(tables, made.cells, years, g),
            visitor_switchers(held),
            migrant_switchers(held),
        ],
        cells,
        years,
    )


def truth(tables, name="truth_migration_parts", **where):
    """Return truth by year and direction: a function of the column to break down by."""
    t = tables[name]
    kept = np.ones(t["year"].size, dtype=bool)
    for column, value in where.items():
        kept &= t[column] == value
    years = sorted(set(t["year"].tolist()))
    found = np.zeros((2, len(years)))
    side = np.where(t["direction"][kept] == "immigration", 0, 1)
    np.add.at(found, (side, t["year"][kept] - years[0]), t["persons"][kept])
    return found
