"""The whole country, block by block: what each source sees, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.seeds import step_generator
from ravenstein.twin import truth
from ravenstein.twin.geography import areas
from ravenstein.twin.journeys import journeys
from ravenstein.twin.people import (
    CITIZENSHIPS,
    FAR,
    REASONS,
    SPECIAL,
    residents,
)
from ravenstein.twin.sources import border, passenger_survey
from ravenstein.twin.sources.components import components_of_change, detailed_components
from ravenstein.twin.tally import COMPONENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.journeys import Journeys
    from ravenstein.twin.people import Residents
    from ravenstein.twin.settings import Settings

    Columns = dict[str, NDArray[Any]]

VIEWS = ("border_movements", "survey_contacts")
"""Views that each block adds rows to; the rest is counted over blocks."""

BIRTH_COUNTRIES = ("country", *CITIZENSHIPS[1:])
_MERGE_EVERY = 64


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
    names = [name for name in parts[0] if name != "count"]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in [*names, "count"]}
    return truth.counted({name: joined[name] for name in names}, joined["count"])


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
    contacts, tallies = passenger_survey.interviews(
        settings, generator("survey"), (lived, travelled), drawn, number
    )
    movements, identities = border.movements(settings, generator("border"), travelled, number)
    years = (scale.first, scale.last)
    long, short = (
        truth.migration(lived, travelled, years),
        truth.short_term(lived, travelled, years),
    )
    cells = {name: [columns] for name, columns in tallies.items()}
    for name, found in (("migration", long), ("short_term", short)):
        cells[name] = [
            truth.counted({"definition": np.full(columns["year"].size, i)} | columns)
            for i, columns in enumerate(found.values())
        ]
    counts = Counts(
        lived.population, lived.components, cells, travelled.crossings["person"].size,
        travelled.resident.size,
    )  # fmt: skip
    tables = {
        "survey_contacts": contacts,
        "border_movements": movements,
        "truth_identities": identities,
        "truth_people": _people(lived, travelled, number),
        "truth_residence": _residence(lived, areas(scale.areas).codes, number),
        "truth_special": _special(lived, number),
    }
    return tables, counts


def summary(
    settings: Settings, drawn: passenger_survey.Design, counts: Counts
) -> dict[str, pa.Table]:
    """Return the tables that are counted over all blocks: the survey's tallies and the truth.

    Args:
        settings: The settings.
        drawn: The survey's shifts.
        counts: The counts of all blocks.
    """
    scale, known = settings.scale, areas(settings.scale.areas)
    cells = {name: merged(parts) for name, parts in counts.cells.items()}
    tables = passenger_survey.tallies(settings, drawn, cells)
    codes = pa.array(known.codes)
    long, short = cells["migration"], cells["short_term"]
    tables["truth_migration"] = pa.table(_flows(long, truth.DEFINITIONS, codes))
    tables["truth_short_term"] = pa.table(_flows(short, truth.SHORT_TERM, codes))
    tables["truth_population"] = _cells(counts.population, scale.first, codes)
    parts = []
    for name in COMPONENTS:
        rows = _cells(counts.components[name], scale.first, codes)
        parts.append(rows.append_column("component", pa.array([name] * rows.num_rows)))
    tables["truth_components"] = pa.concat_tables(parts)
    for name, view in (
        ("components_of_change", components_of_change),
        ("detailed_components", detailed_components),
    ):
        tables[name] = view(settings, known, counts.population, counts.components)
    return tables


def _flows(columns: Columns, definitions: tuple[str, ...], areas_of: pa.Array) -> dict[str, Any]:
    return {
        "definition": _label(columns["definition"], definitions),
        "year": columns["year"],
        "direction": _label(columns["direction"], ("emigration", "immigration")),
        "citizenship": _label(columns["citizenship"], CITIZENSHIPS),
        "reason": _label(columns["reason"], REASONS),
        "age": columns["age"],
        "sex": _label(columns["sex"] - 1, ("M", "F")),
        "area": _take(areas_of, columns["area"]),
        "persons": columns["count"],
    }


def _label(places: NDArray[Any], labels: tuple[str, ...]) -> pa.Array:
    return _take(pa.array(labels), places)


def _take(labels: pa.Array, places: NDArray[Any]) -> pa.Array:
    """Return labels by place, missing below 0."""
    return labels.take(pa.array(np.maximum(places, 0), mask=places < 0))


def _cells(values: NDArray[np.int64], first: int, codes: pa.Array) -> pa.Table:
    """Return the cells [years, areas, 2, ages] that are not 0 as rows."""
    year, area, sex, age = np.nonzero(values)
    return pa.table(
        {
            "area": codes.take(pa.array(area)),
            "sex": _label(sex, ("M", "F")),
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
            "sex": _label(persons["sex"] - 1, ("M", "F")),
            "birth_date": pa.array(persons["birth"].astype(np.int32)).cast(pa.date32()),
            "citizenship": _label(persons["citizenship"], CITIZENSHIPS),
            "birth_country": _label(country, BIRTH_COUNTRIES),
            "death_date": pa.array(death.astype(np.int32), mask=unknown).cast(pa.date32()),
            "asylum": asylum,
        }
    )


def _special(lived: Residents, number: int) -> pa.Table:
    terms = lived.terms
    return pa.table(
        {
            "person": (number << 32) + terms["person"],
            "since": pa.array(terms["start"].astype(np.int32)).cast(pa.date32()),
            "until": pa.array(terms["end"].astype(np.int32)).cast(pa.date32()),
            "special": _label(terms["kind"], SPECIAL),
        }
    )


def _residence(lived: Residents, codes: tuple[str, ...], number: int) -> pa.Table:
    """Return spells of residence by area: spells of the country, cut at each move."""
    spells, moves = lived.spells, lived.moves
    person = np.concatenate([spells["person"], moves["person"]])
    since = np.concatenate([spells["start"], moves["day"]])
    area = np.concatenate([spells["area"], moves["destination"]])
    last = np.concatenate([spells["end"], np.full(moves["day"].size, -1)])
    # of two moves on one day, or a move on the day of arrival, the later row counts
    order = np.lexsort((np.arange(person.size), since, person))
    person, since, area, last = person[order], since[order], area[order], last[order]
    same = person[1:] == person[:-1]
    until = last.copy()
    holding = np.maximum.accumulate(np.where(last >= 0, np.arange(last.size), -1))
    until = last[holding]
    until[:-1] = np.where(same & (last[1:] < 0), since[1:], until[:-1])
    kept = until > since
    open_ = until[kept] >= FAR
    return pa.table(
        {
            "person": (number << 32) + person[kept],
            "since": pa.array(since[kept].astype(np.int32)).cast(pa.date32()),
            "until": pa.array(until[kept].astype(np.int32), mask=open_).cast(pa.date32()),
            "area": pa.array(codes).take(pa.array(area[kept])),
        }
    )
