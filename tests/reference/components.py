"""Check a components of change file: python -m tests.reference.components FILE

MYEB2 (by sex and single year of age) and MYEB3 (summary), told apart by their header. Prints the
largest residuals and ends with 1 where one goes beyond the rounding of its nation.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ravenstein.core.errors import RavensteinError
from ravenstein.pipelines.population_by_age import account_of_file, cells_of
from ravenstein.population.account import balance, parameters, rounding_of
from ravenstein.population.areas import with_nations
from ravenstein.store.database import memory_store
from ravenstein.store.readers.myeb2 import Myeb2, read_myeb2
from ravenstein.store.readers.myeb3 import Myeb3, has_ages, read_myeb3
from ravenstein.tables.geography import AREAS
from ravenstein.tables.population import POPULATION_COMPONENTS, POPULATION_ESTIMATES

WORST = 5


def residuals(path: Path) -> tuple[str, list[tuple[str, int, int]], int]:
    """Return what the file is, (cell, residual, rounding) where a residual is, and all cells."""
    if has_ages(path):
        return _detail(read_myeb2(path, path.name))
    return _summary(read_myeb3(path, path.name))


def _detail(file: Myeb2) -> tuple[str, list[tuple[str, int, int]], int]:
    cells, residual = cells_of(file), account_of_file(file).residual
    nations = file.areas["nation"].to_pylist()
    found = [
        (
            f"{cells.areas[area]} {'MF'[sex]} {cells.age(age)} {cells.years[year + 1]}",
            int(residual[year, area, sex, age]),
            rounding_of(nations[area], cells.years[year + 1]),
        )
        for year, area, sex, age in np.argwhere(residual)
    ]
    return f"MYEB2 {file.edition}", found, residual.size


def _summary(file: Myeb3) -> tuple[str, list[tuple[str, int, int]], int]:
    nation = dict(zip(*(file.areas[name].to_pylist() for name in ("area", "nation")), strict=True))
    with memory_store() as store:
        rows = (
            store.checked_rows(table, given)
            for table, given in (
                (POPULATION_ESTIMATES, file.estimates),
                (POPULATION_COMPONENTS, file.components),
                (AREAS, with_nations(file.edition, file.areas)),
            )
        )
        account = store.collect(balance(*rows, parameters()["rounding"])).to_pylist()
    local = [row for row in account if row["area"] in nation]
    found = [
        (
            f"{row['area']} {row['year']}",
            row["residual"],
            rounding_of(nation[row["area"]], row["year"]),
        )
        for row in local
        if row["residual"]
    ]
    return f"MYEB3 {file.edition}", found, sum(row["residual"] is not None for row in local)


def main(arguments: list[str]) -> int:
    """Check one file; return the exit code."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    try:
        what, found, cells = residuals(Path(arguments[0]))
    except RavensteinError as error:
        print(error)
        return 2
    beyond = [row for row in found if abs(row[1]) > row[2]]
    print(
        f"{what}: {cells:,} cells, {len(found):,} with a residual, {len(beyond):,} beyond rounding"
    )
    for cell, residual, rounding in sorted(found, key=lambda row: -abs(row[1]))[:WORST]:
        print(f"       {cell}: {residual:+d} (rounding {rounding})")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
