"""The whole country, block by block: what each source sees, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.seeds import step_generator
from ravenstein.twin import truth
from ravenstein.twin.geography import routes
from ravenstein.twin.homes import addresses, homes
from ravenstein.twin.journeys import journeys
from ravenstein.twin.names import names
from ravenstein.twin.outlines import code_changes
from ravenstein.twin.people import (
    BIRTH_COUNTRIES,
    CITIZENSHIPS,
    FAR,
    REASONS,
    SEXES,
    SPECIAL,
    residents,
)
from ravenstein.twin.sources import census, labour_force, passenger_survey
from ravenstein.twin.sources.components import components_of_change, detailed_components
from ravenstein.twin.sources.other_counts import counted_tables
from ravenstein.twin.tally import COMPONENTS
from ravenstein.twin.views import GROUPS, identities
from ravenstein.twin.world import World, dates, label, stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.journeys import Journeys
    from ravenstein.twin.people import Residents
    from ravenstein.twin.settings import Settings

    Columns = dict[str, NDArray[Any]]

_MERGE_EVERY = 64
_DIRECTIONS = ("emigration", "immigration")


@dataclass
class Counts:
    """What is added over blocks.

    Args:
        population: Residents [years, areas, 2, ages].
        components: Components of change, of the same shape.
        cells: Counts by code of the survey's tallies and of migrations.
        crossings: Number of crossings.
        persons: Number of persons.
    """

    population: Any = 0
    components: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, 0))
    cells: dict[str, list[Columns]] = field(default_factory=dict)
    crossings: int = 0
    persons: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of another block."""
        self.population = self.population + other.population
        for name, values in other.components.items():
            self.components[name] = self.components[name] + values
        for name, parts in other.cells.items():
            own = self.cells.setdefault(name, [])
            own += parts
            if len(own) > _MERGE_EVERY:
                self.cells[name] = [merged(own)]
        self.crossings += other.crossings
        self.persons += other.persons


def merged(parts: list[Columns]) -> Columns:
    """Return counts of several parts as one, cells alike added."""
    rows = stacked(parts)
    count = rows.pop("count")
    return truth.counted(rows, count)


def block(
    settings: Settings, seed: int, number: int, drawn: passenger_survey.Design
) -> tuple[dict[str, pa.Table], Counts]:
    """Simulate one block.

    Args:
        settings: The settings.
        seed: The seed of the twin.
        number: Number of the block, from 0.
        drawn: The survey's shifts.

    Returns:
        Rows of the views and of the truth that are by person or record; and the counts.
    """
    scale = settings.scale
    people = round(scale.people / scale.blocks)

    def generator(step: str) -> np.random.Generator:
        return step_generator(seed, f"twin/{step}/{number}")

    lived = residents(settings, generator("people"), people)
    travelled = journeys(settings, generator("journeys"), lived, people)
    places = addresses(settings)
    known = names(settings, generator("names"), travelled.persons, travelled.begin)
    at_home = homes(generator("homes"), lived, places)
    world = World(settings, seed, number, lived, travelled, known, places, at_home)
    seen = [view for group in settings.views for view in GROUPS[group](world, drawn)]
    cells = {
        name: [columns if "count" in columns else truth.counted(columns)]
        for view in seen
        for name, columns in view.counts.items()
    }
    cells |= _flow_cells(settings, lived, travelled)
    counts = Counts(
        lived.population, lived.components, cells, travelled.crossings["person"].size,
        travelled.resident.size,
    )  # fmt: skip
    tables = {name: rows for view in seen for name, rows in view.rows.items()}
    tables |= {
        "truth_identities": identities(seen, number),
        "truth_people": _people(lived, travelled, number),
        "truth_residence": _residence(world),
        "truth_special": _special(lived, number),
    }
    return tables, counts


def _flow_cells(
    settings: Settings, lived: Residents, travelled: Journeys
) -> dict[str, list[Columns]]:
    """Return the counts of the block's flows in truth, by table, a part for each definition."""
    years = (settings.scale.first, settings.scale.last)
    found = {
        "migration": truth.migration(lived, travelled, years),
        "short_term": truth.short_term(lived, travelled, years),
        "migration_parts": truth.migration_parts(lived, travelled, routes(settings), years),
    }
    return {
        name: [
            truth.counted({"definition": np.full(columns["year"].size, i)} | columns)
            for i, columns in enumerate(definitions.values())
        ]
        for name, definitions in found.items()
    }


def summary(
    settings: Settings, seed: int, drawn: passenger_survey.Design, counts: Counts
) -> dict[str, pa.Table]:
    """Return the tables that are counted over all blocks, and samples: of views and the truth.

    Args:
        settings: The settings.
        seed: The seed of the twin.
        drawn: The survey's shifts.
        counts: The counts of all blocks.
    """
    scale, places = settings.scale, addresses(settings)
    known, codes = places.areas, places.areas.codes
    cells = {name: merged(parts) for name, parts in counts.cells.items()}
    tables = counted_tables(settings, places, cells)
    if "survey" in settings.views:
        tables |= passenger_survey.tallies(settings, drawn, cells)
    if "census" in settings.views and census.census_days(settings):
        tables["coverage_survey_sample"] = census.sample_table(settings, seed, places)
    if "labour_force" in settings.views:
        tables["labour_force_sample"] = labour_force.sample_table(settings, seed, places)
    long, short = cells["migration"], cells["short_term"]
    tables["truth_migration"] = pa.table(_flows(long, truth.DEFINITIONS, codes))
    tables["truth_short_term"] = pa.table(_flows(short, truth.SHORT_TERM, codes))
    part = cells["migration_parts"]
    tables["truth_migration_parts"] = pa.table(
        {
            "year": part["year"],
            "direction": label(part["direction"], _DIRECTIONS),
            "part": label(part["definition"], truth.PARTS),
            "citizenship": label(part["citizenship"], CITIZENSHIPS),
            "persons": part["count"],
        }
    )
    tables["truth_population"] = _cells(counts.population, scale.first, codes)
    parts = []
    for name in COMPONENTS:
        rows = _cells(counts.components[name], scale.first, codes)
        parts.append(rows.append_column("component", pa.array([name] * rows.num_rows, pa.string())))
    tables["truth_components"] = pa.concat_tables(parts)
    for name, view in (
        ("components_of_change", components_of_change),
        ("detailed_components", detailed_components),
    ):
        tables[name] = view(settings, known, counts.population, counts.components)
    tables["code_changes"] = code_changes(known, scale.first)
    return tables


def _flows(
    columns: Columns, definitions: tuple[str, ...], codes: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "definition": label(columns["definition"], definitions),
        "year": columns["year"],
        "direction": label(columns["direction"], _DIRECTIONS),
        "citizenship": label(columns["citizenship"], CITIZENSHIPS),
        "reason": label(columns["reason"], REASONS),
        "age": columns["age"],
        "sex": label(columns["sex"] - 1, SEXES),
        "area": label(columns["area"], codes),
        "persons": columns["count"],
    }


def _cells(values: NDArray[np.int64], first: int, codes: tuple[str, ...]) -> pa.Table:
    """Return the cells [years, areas, 2, ages] that are not 0 as rows."""
    year, area, sex, age = np.nonzero(values)
    return pa.table(
        {
            "area": label(area, codes),
            "sex": label(sex, SEXES),
            "age": age,
            "year": year + first,
            "persons": values[year, area, sex, age],
        }
    )


def _people(lived: Residents, travelled: Journeys, number: int) -> pa.Table:
    persons = travelled.persons
    size = persons["sex"].size
    own = lived.persons["sex"].size
    asylum, death = np.zeros(size, dtype=np.bool_), np.full(size, FAR)
    asylum[:own], death[:own] = lived.persons["asylum"] == 1, lived.persons["death"]
    country = persons["citizenship"].copy()  # of visitors, where their passport is from
    country[:own] = lived.persons["birth_country"]
    unknown = death >= travelled.horizon
    return pa.table(
        {
            "person": (number << 32) + np.arange(size),
            "sex": label(persons["sex"] - 1, SEXES),
            "birth_date": dates(persons["birth"]),
            "citizenship": label(persons["citizenship"], CITIZENSHIPS),
            "birth_country": label(country, BIRTH_COUNTRIES),
            "death_date": dates(np.where(unknown, FAR, death)),
            "asylum": asylum,
        }
    )


def _special(lived: Residents, number: int) -> pa.Table:
    terms = lived.terms
    return pa.table(
        {
            "person": (number << 32) + terms["person"],
            "since": dates(terms["start"]),
            "until": dates(terms["end"]),
            "special": label(terms["kind"], SPECIAL),
        }
    )


def _residence(world: World) -> pa.Table:
    h = world.homes
    return pa.table(
        {
            "person": (world.number << 32) + h.person,
            "since": dates(h.since),
            "until": dates(h.until),
            "area": world.areas(h.area),
            "postcode": h.postcode,
            "address": h.address,
        }
    )
