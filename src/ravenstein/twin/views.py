"""The views of a block by group: which source sees what."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ravenstein.twin.sources import (
    asylum,
    border,
    census,
    education,
    insurance,
    labour_force,
    other_counts,
    passenger_survey,
    patients,
    permits,
    trailers,
    vital_events,
)
from ravenstein.twin.world import Seen, World, by_record, joined, label


def _survey(world: World, drawn: passenger_survey.Design) -> list[Seen]:
    removed = asylum.removals(world, asylum.cases(world))
    contacts, answered, tallies = passenger_survey.interviews(world, drawn, removed)
    rows = {"survey_contacts": contacts, "survey_trailers": trailers.trailers(world, answered)}
    return [Seen(rows, counts=tallies)]


def _border(world: World, _: passenger_survey.Design) -> list[Seen]:
    rows, person = border.movements(
        world.settings, world.generator("border"), world.journeys, world.names, world.number
    )
    record = rows["record"].to_numpy()
    return [Seen({"border_movements": rows}, {"border_movements": (record, person)})]


def _registers(world: World, _: passenger_survey.Design) -> list[Seen]:
    studies = education.courses(world)
    register, listed = patients.patients(world)
    seen = (
        register, insurance.insurance(world), education.students(world, studies, listed),
        education.pupils(world), vital_events.births(world), vital_events.deaths(world),
    )  # fmt: skip
    return [by_record(view) for view in seen]


def _statistics(world: World, _: passenger_survey.Design) -> list[Seen]:
    cases = asylum.cases(world)
    return [
        asylum.asylum(world, cases), permits.permits(world, cases),
        other_counts.irish_migration(world), other_counts.special_counts(world),
    ]  # fmt: skip


def _census(world: World, _: passenger_survey.Design) -> list[Seen]:
    if not census.census_days(world.settings):
        return []  # the twin's years have none
    return [by_record(census.censuses(world, education.courses(world)))]


def _labour_force(world: World, _: passenger_survey.Design) -> list[Seen]:
    return [by_record(labour_force.labour_force(world, education.courses(world)))]


GROUPS = {
    "survey": _survey, "border": _border, "registers": _registers, "statistics": _statistics,
    "census": _census, "labour_force": _labour_force,
}  # fmt: skip
"""The views by group: a twin may have some of them only."""


def identities(seen: list[Seen], number: int) -> pa.Table:
    """Return who is who in the records of some views.

    Args:
        seen: What the sources see.
        number: Number of the block.
    """
    parts = [
        pa.table(
            {
                "source": label(np.zeros(record.size, dtype=np.int64), (source,)),
                "record": record,
                "person": (number << 32) + person,
            }
        )
        for view in seen
        for source, (record, person) in view.who.items()
    ]
    nobody = np.zeros(0, dtype=np.int64)
    blank = {"source": label(nobody, ("",)), "record": nobody, "person": nobody}
    return joined([pa.table(blank), *parts])
