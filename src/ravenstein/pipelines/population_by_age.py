"""Population by age: detailed components of change, and the account of every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import AccountError, RavensteinError, listed
from ravenstein.pipelines.population import origin, population, read_components, refuse_repeated
from ravenstein.population.account import rounding_of
from ravenstein.population.account_by_age import change_rows, checks, stock_rows
from ravenstein.population.roll_forward import Account, Cells, account_of
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.store.readers.myeb2 import Myeb2, read_myeb2
from ravenstein.tables.geography import AREAS
from ravenstein.tables.population import POPULATION_COMPONENTS, POPULATION_ESTIMATES
from ravenstein.tables.population_by_age import (
    CHANGES_BY_AGE,
    CHECKS_BY_AGE,
    OPEN_AGE,
    POPULATION_BY_AGE,
    RESIDUAL,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.store.run import Run
    from ravenstein.study import Study

    Published = dict[tuple[str, str, int], int | None]

_COMPARED = ("population", "births", "deaths", "internal_net", "international_net")
# a cell and the cell it comes from: a year younger a year before
_BEHIND = (
    "edition in {edition}",
    "area in {area}",
    "sex in {sex}",
    "((age in {age} and year in {year}) or (year + 1 in {year} and "
    f"(age + 1 in {{age}} or (age = {OPEN_AGE} and age in {{age}}))))",
)


def accounts(study: Study, run: Run) -> None:
    """Make the accounts of a study: of areas, and by sex and age."""
    population(study, run)
    population_by_age(study, run)


def population_by_age(study: Study, run: Run) -> None:
    """Read detailed components of change, balance every cell and compare with published totals.

    A study without such files has no account by age.

    Raises:
        SourceError: If a file is not what its reader expects.
        AccountError: If a cell differs by more than rounding explains, unless the study allows it.
    """
    sources = study.of_kind("myeb2")
    if not sources:
        return
    with run.step("Read the detailed components of change") as step:
        files = [read_components(study, source, read_myeb2) for source in sources]
        refuse_repeated(files)
        pairs = [(file, account_of_file(file)) for file in files]
        step.note = "; ".join(described(file) for file in files)
    with run.step("Balance the account by sex and age") as step:
        for file, account in pairs:
            refuse_unbalanced(study, file, account)
        changes = _write(run, pairs)
        cells = sum(account.residual.size for _, account in pairs)
        off = sum(int((account.residual != 0).sum()) for _, account in pairs)
        step.note = f"{cells:,} cells, {off:,} with a {RESIDUAL}; {changes:,} changes"
    with run.step("Compare the account by age with published totals") as step:
        published = _published(run) if study.of_kind("myeb3") else {}
        rows = []
        for file, account in pairs:
            totals = _totals(file, account.cells, published.get(file.edition))
            rows.append(checks(file.edition, account, totals))
        tables = ("population_by_age", "population_changes_by_age")
        inputs = [FromTable(name, ("edition in {edition}", "year in {year}")) for name in tables]
        found = run.write(CHECKS_BY_AGE, pa.concat_tables(rows), method=checks, inputs=inputs)
        run.warnings += check_warnings(run)
        step.note = f"{found.rows:,} checks"


def _write(run: Run, pairs: Sequence[tuple[Myeb2, Account]]) -> int:
    """Write stocks and changes; return the number of changes."""
    origins = [origin(file, account.population[0].size) for file, account in pairs]
    stocks = [stock_rows(file.edition, a.cells, a.population) for file, a in pairs]
    run.write(POPULATION_BY_AGE, pa.concat_tables(stocks), method=read_myeb2, inputs=origins)
    changes = [change_rows(file.edition, account) for file, account in pairs]
    inputs: list[FromTable | FromFile] = [FromTable("population_by_age", _BEHIND), *origins]
    rows = pa.concat_tables(changes)
    return run.write(CHANGES_BY_AGE, rows, method=account_of, inputs=inputs).rows


def check_details(study: Study) -> tuple[list[Myeb2], list[RavensteinError]]:
    """Read every source of the account by age and balance it, without a store.

    Returns:
        The files that are good, and what is wrong with the others.
    """
    good: list[Myeb2] = []
    wrong: list[RavensteinError] = []
    for source in study.of_kind("myeb2"):
        try:
            file = read_components(study, source, read_myeb2)
            refuse_unbalanced(study, file, account_of_file(file))
            good.append(file)
        except RavensteinError as error:
            wrong.append(error)
    return good, wrong


def described(file: Myeb2) -> str:
    """Say in a few words what a file holds."""
    ages = f"2 × {OPEN_AGE + 1} ages"
    return f"{file.edition}: {file.areas.num_rows} areas × {ages} × {len(file.years)} years"


def account_of_file(file: Myeb2) -> Account:
    """Return the account of a file of detailed components."""
    return account_of(file.population, file.components, cells_of(file))


def cells_of(file: Myeb2) -> Cells:
    """Return what the axes of a file of detailed components mean."""
    return Cells(tuple(file.areas["area"].to_pylist()), file.years)


def refuse_unbalanced(study: Study, file: Myeb2, account: Account) -> None:
    """Refuse an account with a cell that does not balance, unless the study allows it.

    Raises:
        AccountError: If a cell differs by more than its nation's rounding.
    """
    nations = file.areas["nation"].to_pylist()
    limit = np.array([[rounding_of(nation, y) for nation in nations] for y in file.years[1:]])
    beyond = np.abs(account.residual) > limit[..., None, None]
    if beyond.any() and not study.population.allow_unbalanced:
        raise AccountError(
            "The account by age does not balance.",
            expected="stock = stock a year younger before + births − deaths + net migration + "
            "other changes, in every cell",
            found=account.cells.named(beyond, account.residual),
            where=file.facts.name,
            fix="Correct the source; or publish the residuals with [population] "
            "allow_unbalanced = true.",
        )


def check_warnings(run: Run) -> list[str]:
    """Say which cells of the account by age do not balance, and which sums are not as published.

    Residuals are all told; sums, where they differ by more than the nation's rounding.
    """
    rows = run.store.collect(run.read(CHECKS_BY_AGE).sort(*CHECKS_BY_AGE.grain))
    off = rows.filter(pc.greater(rows["differing"], 0)).to_pylist()
    nation = {}
    if any(row["check"] == "totals" for row in off):
        areas = run.store.collect(run.read(AREAS)).to_pylist()
        nation = {(row["edition"], row["area"]): row["nation"] for row in areas}
    told: dict[str, list[str]] = {}
    for row in off:
        cell = f"{row['area']} {row['year']}: {row['difference']:+d}"
        if row["check"] == "cells":
            cell += f" in {row['differing']} cells" if row["differing"] > 1 else ""
            what = "the account by age has residuals"
        elif row["largest"] <= rounding_of(nation[row["edition"], row["area"]], row["year"]):
            continue
        else:
            what = f"sexes and ages do not add to the published {row['component']}"
        told.setdefault(f"{row['edition']}: {what}", []).append(cell)

    def counted(cells: list[str]) -> str:
        return f"{len(cells)} {'area and year' if len(cells) == 1 else 'areas and years'}"

    return [f"{what} in {counted(cells)}: {listed(cells)}." for what, cells in told.items()]


def _published(run: Run) -> dict[str, Published]:
    """Return published totals by edition: by component, area and year; None without a figure."""
    found: dict[str, Published] = {}
    compared = run.read(POPULATION_COMPONENTS).filter(nw.col("component").is_in(_COMPARED))
    for rows, name in ((run.read(POPULATION_ESTIMATES), "population"), (compared, "persons")):
        for row in run.store.collect(rows).to_pylist():
            key = (row.get("component", "population"), row["area"], row["year"])
            found.setdefault(row["edition"], {})[key] = row[name]
    return found


def _totals(file: Myeb2, cells: Cells, published: Published | None) -> dict[str, Any]:
    """Return published totals [years, areas] by component, masked where there is no figure.

    Raises:
        AccountError: If the edition's summary has other areas.
    """
    if published is None:
        return {}
    other = sorted({area for _, area, _ in published} ^ set(cells.areas))
    if other:
        raise AccountError(
            "The account by age and the summary of the same edition have other areas.",
            expected=f"the same areas in both files of edition {file.edition}",
            found=f"only in one of both: {listed(other)}",
            where=file.facts.name,
            fix="Are both on one geography edition? Name editions apart with edition = NAME.",
        )
    found = {}
    for name in _COMPARED:
        years = cells.years if name == "population" else cells.years[1:]
        values = [[published.get((name, area, year)) for area in cells.areas] for year in years]
        absent = [[value is None for value in line] for line in values]
        filled = [[value or 0 for value in line] for line in values]
        found[name] = np.ma.masked_array(filled, absent)
    return found
