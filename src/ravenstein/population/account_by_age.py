"""The account by sex and age as rows, its checks, and sums that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.demography.ages import aged_on
from ravenstein.population.roll_forward import SEXES, Account, Cells, signed
from ravenstein.tables.population_by_age import RESIDUAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

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
            that are not given are not checked.
    """
    rows = [
        _check(edition, "cells", "population", year, account.residual[place])
        for place, year in enumerate(account.cells.years[1:])
    ]
    arrays = {"population": account.population, **account.components}
    for name, published in totals.items():
        found = arrays[name].sum(axis=(2, 3))
        years = account.cells.years if name == "population" else account.cells.years[1:]
        rows += [
            _check(edition, "totals", name, year, found[place] - published[place])
            for place, year in enumerate(years)
        ]
    return pa.Table.from_pylist(rows)


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


def identity(account: Account) -> float:
    """Return the largest absolute difference by which a cell does not balance, residual named."""
    population = account.population
    left = population[1:] - aged_on(population[:-1]) - signed(account.components)
    return float(np.abs(left - account.residual).max(initial=0))


def _check(edition: str, check: str, component: str, year: int, off: Numbers) -> dict[str, Any]:
    return {
        "edition": edition,
        "check": check,
        "component": component,
        "year": year,
        "cells": off.size,
        "differing": int((off != 0).sum()),
        "difference": int(off.sum()),
        "largest": int(np.abs(off).max(initial=0)),
    }


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
