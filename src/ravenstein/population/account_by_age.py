"""The account by sex and age as rows, its checks, and sums that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.demography.ages import aged_on
from ravenstein.tables.population import EFFECTS
from ravenstein.tables.population_by_age import RESIDUAL, SEXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ravenstein.population.roll_forward import Account, Cells

    Numbers = NDArray[Any]


def stock_rows(edition: str, cells: Cells, population: Numbers) -> pa.Table:
    """Return rows of `population_by_age`, one a cell.

    Args:
        edition: The edition.
        cells: What the axes mean.
        population: Stocks [years, areas, sexes, ages].
    """
    every = np.ones(population.shape, dtype=np.bool_)
    return _rows(edition, cells, every, population, 0).rename_columns(
        ["edition", "area", "sex", "age", "year", "population"]
    )


def change_rows(edition: str, account: Account) -> pa.Table:
    """Return rows of `population_changes_by_age`: components and residual, cells of 0 left out."""
    parts = []
    for name, flows in (*account.components.items(), (RESIDUAL, account.residual)):
        rows = _rows(edition, account.cells, flows != 0, flows, 1)
        parts.append(rows.append_column("component", pa.array([name] * rows.num_rows, pa.string())))
    return pa.concat_tables(parts)


def checks(edition: str, account: Account, totals: Mapping[str, Numbers]) -> pa.Table:
    """Return rows of `population_checks_by_age`.

    Args:
        edition: The edition.
        account: The account.
        totals: Published totals of areas by component and `population` [years, areas] of the
            account's years (all of them for `population`, those after the first for flows); those
            that are not given, or masked, are not checked.
    """
    cells = account.cells
    parts = [_check(edition, "cells", "population", cells, account.residual)]
    arrays = {"population": account.population, **account.components}
    for name, published in totals.items():
        off = arrays[name].sum(axis=(2, 3)) - published
        parts.append(_check(edition, "totals", name, cells, off[..., None, None]))
    return pa.concat_tables(parts)


def summary(account: Account) -> Iterator[dict[str, Any]]:
    """Yield one row an area and year: opening, components, residual and closing population."""
    sums = {name: flows.sum(axis=(2, 3)) for name, flows in account.components.items()}
    sums[RESIDUAL] = account.residual.sum(axis=(2, 3))
    stocks = account.population.sum(axis=(2, 3))
    for area, code in enumerate(account.cells.areas):
        for place, year in enumerate(account.cells.years[1:]):
            yield {
                "area": code,
                "year": year,
                "opening": stocks[place, area],
                **{name: values[place, area] for name, values in sums.items()},
                "closing": stocks[place + 1, area],
            }


def imbalance(cells: Cells, stocks: pa.Table, changes: pa.Table) -> float:
    """Return the largest difference by which rows do not balance, residuals among them.

    Args:
        cells: What the axes of the account mean.
        stocks: Rows as `stock_rows` makes them.
        changes: Rows as `change_rows` makes them.

    Returns:
        The largest absolute difference of a cell [persons]: 0 of whole numbers, rounding of others.
    """
    shape = (len(cells.years), len(cells.areas), len(SEXES), cells.ages)
    population, change = np.zeros(shape), np.zeros(shape)
    np.add.at(population, _places(cells, stocks), stocks["population"].to_numpy())
    sign = {**EFFECTS, RESIDUAL: 1}
    effect = np.array([sign[name] for name in changes["component"].to_pylist()], dtype=np.float64)
    np.add.at(change, _places(cells, changes), effect * changes["persons"].to_numpy())
    left = population[1:] - aged_on(population[:-1]) - change[1:]
    return float(np.abs(left).max(initial=0))


def _places(cells: Cells, rows: pa.Table) -> tuple[NDArray[np.int64], ...]:
    """Return the place of each row in an array [years, areas, sexes, ages]."""
    labels = {"year": cells.years, "area": cells.areas, "sex": SEXES, "age": range(cells.ages)}
    return tuple(
        pc.index_in(rows[name], pa.array(list(names), rows[name].type)).to_numpy()
        for name, names in labels.items()
    )


def _check(edition: str, check: str, component: str, cells: Cells, off: Numbers) -> pa.Table:
    """Return a row an area and year, from differences [years, areas, …]; masked ones have none."""
    known = ~np.ma.getmaskarray(off).all(axis=(2, 3))
    values = np.ma.filled(off, 0)
    year, area = np.nonzero(known)
    years = np.array(cells.years[-off.shape[0] :], dtype=np.int64)
    size = off.shape[2] * off.shape[3]
    columns = {
        "cells": np.full(known.shape, size),
        "differing": (values != 0).sum(axis=(2, 3)),
        "difference": values.sum(axis=(2, 3)),
        "largest": np.abs(values).max(axis=(2, 3), initial=0),
    }
    words = {"edition": edition, "check": check, "component": component}
    return pa.table(
        {name: pa.array([text] * year.size, pa.string()) for name, text in words.items()}
        | {"area": pa.array(cells.areas, pa.string()).take(pa.array(area)), "year": years[year]}
        | {name: found[known].astype(np.int64) for name, found in columns.items()}
    )


def _rows(
    edition: str, cells: Cells, chosen: NDArray[np.bool_], values: Numbers, first: int
) -> pa.Table:
    year, area, sex, age = np.nonzero(chosen)
    return pa.table(
        {
            "edition": pa.array([edition] * year.size, pa.string()),
            "area": pa.array(cells.areas).take(pa.array(area)),
            "sex": pa.array(SEXES).take(pa.array(sex)),
            "age": age,
            "year": np.array(cells.years, dtype=np.int64)[year + first],
            "persons": values[year, area, sex, age],
        }
    )
