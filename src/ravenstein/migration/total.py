"""The total: the sum of its components in every cell, draw by draw; and its published forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.estimate import Estimate, estimate
from ravenstein.migration.component import DIRECTIONS, check_alike
from ravenstein.migration.shares import shared_out
from ravenstein.tables.migration import BREAKDOWNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.sparse import SparseEstimate
    from ravenstein.migration.component import Component

    Floats = NDArray[np.float64]

SIGNS = {"immigration": (1.0, 0.0), "emigration": (0.0, 1.0), "net": (1.0, -1.0)}
"""What each flow is of immigration and emigration."""


def breakdowns(
    components: Sequence[Component], survey: SparseEstimate, years: Sequence[int]
) -> dict[str, Estimate]:
    """Return every component by each published breakdown.

    Args:
        components: The components.
        survey: The survey's cells with their nation [persons].
        years: The years that are published.

    Returns:
        By breakdown an estimate over component, direction, year, nation and its own dimensions; by
        area without the nation, which the area tells. All have the same totals.

    Raises:
        MigrationError: If components have different definitions, periods or years.
    """
    check_alike(components, years)
    labels = _labels(components, survey)
    names = [component.name for component in components]
    first: dict[str, list[Any]] = {
        "component": names, "direction": list(DIRECTIONS), "year": list(years),
    }  # fmt: skip
    found = {}
    for by, dimensions in BREAKDOWNS.items():
        wanted = {name: labels[name] for name in dimensions}
        if by != "area":
            wanted = {"nation": labels["nation"]} | wanted
        values = np.stack([shared_out(c, survey, years, wanted) for c in components])
        known = first | wanted
        found[by] = estimate(values[..., 0], values[..., 1:], known, "persons")
    return found


def _labels(components: Sequence[Component], survey: SparseEstimate) -> dict[str, list[Any]]:
    """Return the labels of every dimension: the survey's, and others that components have."""
    names = {name for dimensions in BREAKDOWNS.values() for name in dimensions} | {"nation"}
    parts = [survey, *(part for component in components for part in component.parts)]
    return {
        name: sorted({label for p in parts if name in p.labels for label in p.distinct(name)})
        for name in sorted(names)
    }


def total_of(parts: Estimate) -> Estimate:
    """Return the sum over components."""
    return parts.sum("component")


def flows_of(parts: Estimate) -> Estimate:
    """Return an estimate over direction as one over flow: immigration, emigration and net.

    >>> both = estimate([5.0, 3.0], [[5.0], [2.0]], {"direction": list(DIRECTIONS)}, "persons")
    >>> flows_of(both).draws.values.tolist()
    [[5.0], [2.0], [3.0]]
    """
    axis = parts.dimensions.index("direction")
    signs = np.array(list(SIGNS.values()))
    labels = {n: parts.labels(n) for n in parts.dimensions}
    point = np.moveaxis(np.tensordot(signs, parts.point.values, (1, axis)), 0, axis)
    draws = np.moveaxis(np.tensordot(signs, parts.draws.values, (1, axis)), 0, axis)
    named = {"flow" if n == "direction" else n: v for n, v in labels.items()}
    named["flow"] = list(SIGNS)
    return estimate(point, draws, named, parts.unit)


def rolling(
    components: Sequence[Component], survey: SparseEstimate, years: Sequence[int]
) -> Estimate:
    """Return years that end with each quarter, over component, direction and `ending`.

    Args:
        components: The components.
        survey: The survey's cells.
        years: The years that are published.

    Returns:
        The sums of four quarters, labelled by the last one, such as 2012-3. A component whose
        source tells years only is spread over its quarters as the survey's migrants of that year.
    """
    quarters: list[Floats] = []
    for component in components:
        by_year = []
        for year in years:
            own = survey.where(survey.labels["year"] == year)
            part = _of_year(component, year)
            by_year.append(shared_out(part, own, [year], {"quarter": [1, 2, 3, 4]})[:, 0])
        quarters.append(np.concatenate(by_year, axis=1))
    values = np.stack(quarters)
    reached = np.cumsum(values, axis=2)
    windows = reached[:, :, 3:].copy()
    windows[:, :, 1:] -= reached[:, :, :-4]
    endings = [f"{year}-{quarter}" for year in years for quarter in (1, 2, 3, 4)][3:]
    labels = {
        "component": [component.name for component in components],
        "direction": list(DIRECTIONS),
        "ending": endings,
    }
    return estimate(windows[..., 0], windows[..., 1:], labels, "persons")


def _of_year(component: Component, year: int) -> Component:
    from dataclasses import replace

    parts = tuple(part.where(part.labels["year"] == year) for part in component.parts)
    return replace(component, parts=parts)


def negative_cells(tables: Mapping[str, Estimate]) -> dict[str, int]:
    """Return the number of cells of the total that are negative, by breakdown."""
    return {by: int((table.point.values < 0).sum()) for by, table in tables.items()}
