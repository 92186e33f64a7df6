"""All declared tables by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ravenstein.core.errors import StoreError, nearest
from ravenstein.tables import (
    border,
    census,
    explorer,
    geography,
    joint,
    labour_force,
    migration,
    other_statistics,
    passenger_survey,
    population,
    population_by_age,
    published_migration,
    registers,
    release,
    revisions,
    survey_results,
    truth,
)

if TYPE_CHECKING:
    from ravenstein.core.schema import Table

_ALL = (
    geography.AREAS,
    *population.TABLES,
    *population_by_age.TABLES,
    *explorer.TABLES,
    *registers.TABLES,
    *other_statistics.TABLES,
    joint.JOINT_STATISTICS,
    *census.TABLES,
    *labour_force.TABLES,
    *passenger_survey.TABLES,
    *survey_results.TABLES,
    *published_migration.TABLES,
    *migration.TABLES,
    *revisions.TABLES,
    *border.TABLES,
    *truth.TABLES,
    *release.TABLES,
)
TABLES: dict[str, Table] = {table.name: table for table in _ALL}


def declared(name: str) -> Table:
    """Return the declaration of a table.

    Args:
        name: Table name.

    Raises:
        StoreError: If no table of that name is declared.

    >>> declared("areas").grain
    ('edition', 'area')
    """
    if name not in TABLES:
        near = nearest(name, TABLES)
        raise StoreError(
            f"No table {name!r} is declared.",
            expected=f"one of {', '.join(TABLES)}",
            found=name,
            where="table name",
            fix=f"Use {near!r}." if near else "Use one of the tables listed.",
        )
    return TABLES[name]
