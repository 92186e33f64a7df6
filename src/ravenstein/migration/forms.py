"""Total migration in its published forms: rows of the declared tables."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.migration.component import DIRECTIONS
from ravenstein.migration.detail import detail
from ravenstein.migration.total import flows_of
from ravenstein.tables.migration import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ravenstein.core.estimate import Estimate
    from ravenstein.core.sparse import SparseEstimate

TOTAL = "total"
Z = 1.96


def published(
    table: Estimate, dimensions: Sequence[str], by: str, provisional: Mapping[str, Sequence[int]]
) -> list[dict[str, Any]]:
    """Return rows of `migration_flows` of one breakdown.

    Args:
        table: Components by breakdown, over component, direction, year, nation (not by area) and
            the breakdown's dimensions.
        dimensions: The breakdown's dimensions.
        by: Its name.
        provisional: Years in which something of a component is still to come.

    Notes:
        Intervals are the estimate ± 1.96 standard errors of the draws, which hold the errors of
        all components; those of a total not below 0 in one direction.
    """
    flows = flows_of(table)
    names, components = list(flows.dimensions), flows.labels("component")
    point, draws = flows.point.values, flows.draws.values
    point = np.concatenate([point, point.sum(axis=0, keepdims=True)])
    draws = np.concatenate([draws, draws.sum(axis=0, keepdims=True)])
    nations: list[str] = []
    if "nation" in names:
        axis = names.index("nation")
        nations = flows.labels("nation")
        sums = _of_nations(nations)
        point = np.stack([point.take(p, axis).sum(axis) for p in sums.values()], axis)
        draws = np.stack([draws.take(p, axis).sum(axis) for p in sums.values()], axis)
        nations = list(sums)
    error = draws.std(axis=-1, ddof=1)
    known = [[*components, TOTAL]] + [
        nations if n == "nation" else flows.labels(n) for n in names[1:]
    ]
    return [
        _row(
            {n: known[i][at] for i, (n, at) in enumerate(zip(names, place, strict=True))},
            (float(point[place]), float(error[place])),
            (by, dimensions, provisional),
        )
        for place in np.ndindex(point.shape)
    ]


def _of_nations(nations: list[str]) -> dict[str, list[int]]:
    """Return the places of the nations in each sum that is published."""
    sums = {ALL: list(range(len(nations)))} | {n: [i] for i, n in enumerate(nations)}
    if {"E", "W"} <= set(nations):
        sums["EW"] = [nations.index("E"), nations.index("W")]
    return sums


def _row(
    cell: dict[str, Any],
    figures: tuple[float, float],
    of: tuple[str, Sequence[str], Mapping[str, Sequence[int]]],
) -> dict[str, Any]:
    by, dimensions, provisional = of
    point, error = figures
    low = point - Z * error
    one_way = cell["component"] == TOTAL and cell["flow"] != "net"
    return {
        "nation": cell.get("nation", ALL),
        "year": cell["year"],
        "flow": cell["flow"],
        "by": by,
        "category": "/".join(str(cell[n]) for n in dimensions) or ALL,
        "component": cell["component"],
        "persons": point,
        "standard_error": error,
        "lower": max(low, 0.0) if one_way and point >= 0 else low,
        "upper": point + Z * error,
        "provisional": _is_late(cell, provisional),
    }


def _is_late(cell: Mapping[str, Any], provisional: Mapping[str, Sequence[int]]) -> bool:
    """Say whether a component, or any of a total, is provisional in a cell's year."""
    own = cell["component"]
    kinds = provisional if own == TOTAL else [own]
    return any(cell["year"] in provisional.get(kind, ()) for kind in kinds)


def flow_rows(found: Estimate) -> list[dict[str, Any]]:
    """Return rows of an estimate over its own dimensions: persons, standard error, interval."""
    error = found.draws.values.std(axis=-1, ddof=1)
    labels = [found.labels(name) for name in found.dimensions]
    return [
        {n: labels[i][at] for i, (n, at) in enumerate(zip(found.dimensions, place, strict=True))}
        | figures(float(found.point.values[place]), float(error[place]))
        for place in np.ndindex(found.point.shape)
    ]


def figures(point: float, error: float) -> dict[str, float]:
    """Return a figure with its standard error and the 95 % interval."""
    return {
        "persons": point,
        "standard_error": error,
        "lower": point - Z * error,
        "upper": point + Z * error,
    }


def rolling_rows(found: Estimate) -> list[dict[str, Any]]:
    """Return rows of `migration_rolling`.

    Args:
        found: Components over component, flow and ending.
    """
    whole = flow_rows(found) + [row | {"component": TOTAL} for row in
                                flow_rows(found.sum("component"))]  # fmt: skip
    return [row | {"ending": _last_day(row["ending"])} for row in whole]


def _last_day(ending: str) -> dt.date:
    year, quarter = map(int, ending.split("-"))
    first = dt.date(year + quarter // 4, quarter % 4 * 3 + 1, 1)
    return first - dt.timedelta(days=1)


def detail_rows(tables: Mapping[str, Estimate], survey: SparseEstimate) -> pa.Table:
    """Return rows of `migration_detail`: every cell of every year and direction.

    Args:
        tables: Total migration by age and sex, by citizenship and by area.
        survey: The survey's cells.
    """
    parts = []
    for year in tables["area"].labels("year"):
        for direction in DIRECTIONS:
            found = detail(tables, survey, direction, year)
            persons = found.table()
            places = np.indices(persons.shape).reshape(persons.ndim, -1)
            columns: dict[str, Any] = {
                name: np.asarray(names)[place]
                for (name, names), place in zip(found.labels.items(), places, strict=True)
            }
            size = places.shape[1]
            columns |= {
                "year": np.full(size, year),
                "direction": np.full(size, direction),
                "persons": persons.ravel(),
                "standard_error": found.standard_error().ravel(),
            }
            parts.append(pa.table(columns))
    return pa.concat_tables(parts)
