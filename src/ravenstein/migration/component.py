"""A component of migration: its cells, what its source tells of them, and how they were made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.parameters import load_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.core.parameters import Parameters
    from ravenstein.core.sparse import SparseEstimate

DEFINITION, PERIOD = "12_months", "calendar_year"
DIRECTIONS = ("immigration", "emigration")
GROUPS = {
    "british": "british",
    "eu15": "eu",
    "eu8": "eu",
    "old_commonwealth": "other",
    "new_commonwealth": "other",
    "other": "other",
}
"""Citizenship groups by which switchers are told, of each citizenship."""


@dataclass(frozen=True, eq=False)
class Component:
    """A component of long-term migration.

    Args:
        name: Its name.
        parts: Its cells, in parts that know different dimensions: every part has `year` and
            `direction`, and those of the dimensions that its source tells [persons].
        by: The dimension that a part's migrants are most like the survey's in; what the source
            does not tell is shared out as the survey's migrants with the same label are.
        definition: Definition of migration that the figures are of.
        period: Period that they are of.
        steps: Rows of `migration_notes` without the component: year, direction, step, value.
        provisional: Years in which sources or stays are still to come.
    """

    name: str
    parts: tuple[SparseEstimate, ...]
    by: tuple[str, ...] = ()
    definition: str = DEFINITION
    period: str = PERIOD
    steps: list[dict[str, Any]] = field(default_factory=list)
    provisional: tuple[int, ...] = ()


def of_years(component: Component, years: Sequence[int]) -> Component:
    """Return a component of some years only."""
    parts = tuple(part.where(np.isin(part.labels["year"], years)) for part in component.parts)
    steps = [step for step in component.steps if step["year"] in years]
    late = tuple(year for year in component.provisional if year in years)
    return replace(component, parts=parts, steps=steps, provisional=late)


def parameters() -> Parameters:
    """Return the parameters of the components, of `components.toml`."""
    return load_parameters(Path(__file__).with_name("components.toml"))


def check_alike(components: Sequence[Component], years: Sequence[int]) -> None:
    """Refuse components that cannot be added.

    Args:
        components: The components.
        years: The years that are published.

    Raises:
        MigrationError: If definitions, periods or numbers of draws differ, a name is there twice,
            or a component that has some of the years lacks others.
    """
    first = components[0]
    for other in components[1:]:
        for what, ours, theirs in (
            ("definition", first.definition, other.definition),
            ("period", first.period, other.period),
            ("number of draws", first.parts[0].draws, other.parts[0].draws),
        ):
            if ours != theirs:
                raise _different(what, first, other, (ours, theirs))
    names = [component.name for component in components]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise MigrationError(
            "A component is there twice.",
            expected="each component once",
            found=listed(repeated),
            where="components of migration",
            fix="Give them different names, or leave one out.",
        )
    for component in components:
        held = {int(y) for part in component.parts for y in part.distinct("year")}
        lacking, others = sorted(set(years) - held), sorted(held - set(years))
        if held and (lacking or others):
            raise MigrationError(
                f"Component {component.name!r} is not of the years that are published.",
                expected=f"{years[0]} to {years[-1]}, each of them",
                found=f"lacking {listed(lacking) or 'none'}; others {listed(others) or 'none'}",
                where=f"component {component.name}",
                fix="Give its figures for each year, 0 where there is nobody, or publish fewer.",
            )


def _different(
    what: str, first: Component, other: Component, values: tuple[Any, Any]
) -> MigrationError:
    return MigrationError(
        f"Components differ in {what}.",
        expected=f"{values[0]}, as component {first.name!r}",
        found=f"{values[1]}",
        where=f"component {other.name}",
        fix="Convert it before it is added: figures of different kinds have no sum.",
    )
