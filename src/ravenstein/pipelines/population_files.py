"""The population account on files of an office's own: no study, no store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import SourceError, StudyError, listed
from ravenstein.core.seeds import step_generator
from ravenstein.population.account_by_age import change_rows, identity, stock_rows, summary
from ravenstein.population.internal import gross_moves
from ravenstein.population.recode import merged, redrawn, successors
from ravenstein.population.roll_forward import (
    SEXES,
    Account,
    Cells,
    account_of,
    roll_forward,
    special_changes,
)
from ravenstein.store.database import memory_store
from ravenstein.store.draws import draws_file
from ravenstein.store.files import (
    alone_in,
    new_folder,
    publish_folder,
    refuse_others,
    write_csv,
    write_parquet,
    write_text,
)
from ravenstein.store.readers.age_sex import AgeSexYears, read_long
from ravenstein.store.readers.code_changes import read_code_changes
from ravenstein.store.readers.myeb2 import read_myeb2
from ravenstein.store.rows import read_rows
from ravenstein.tables.population import EFFECTS
from ravenstein.tables.population_by_age import INTERNAL_MOVES, OPEN_AGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.population.draws import Year
    from ravenstein.population.roll_forward import Short

    Numbers = NDArray[Any]

POPULATION, CHANGES, DRAWS_FILE, SUMMARY, REPORT = (
    "population", "changes", "population_draws.parquet", "summary.csv", "report.json",
)  # fmt: skip
OWN = (
    *(f"{name}.{end}" for name in (POPULATION, CHANGES) for end in ("parquet", "csv")),
    DRAWS_FILE, SUMMARY, REPORT,
)  # fmt: skip
_FILES = "files"  # the edition of files that do not name one


@dataclass(frozen=True)
class AccountJob:
    """What is asked for.

    Args:
        detail: A file of detailed components of change (MYEB2).
        stocks: Or a file of populations by area, sex, age and year,
        components: with a file for each component,
        moves: and rows of internal moves in place of internal in- and outflows.
        statics: Armed forces, prisoners and boarders at every mid-year, by area, sex and age: they
            are taken out before people age, and put back.
        roll: Whether only the first population is taken and rolled forward; if not, all
            populations are taken and residuals named.
        short: What happens where more leave a cell than are in it, when rolled forward.
        errors: Relative standard errors of components that are drawn, the same for all cells of a
            year.
        draws: Number of draws.
        seed: Their seed.
        changes: A table of code changes, to bring all files to the boundaries of `geography`.
        geography: Year of those boundaries.
        csv: Whether rows are written as CSV too.
    """

    detail: Path | None = None
    stocks: Path | None = None
    components: Mapping[str, Path] = field(default_factory=dict)
    moves: Path | None = None
    statics: Path | None = None
    roll: bool = False
    short: Short = "refuse"
    errors: Mapping[str, float] = field(default_factory=dict)
    draws: int = 1000
    seed: int = 1885
    changes: Path | None = None
    geography: int | None = None
    csv: bool = False


@dataclass(frozen=True, eq=False)
class _Given:
    """What the files hold, in the order of one set of cells."""

    edition: str
    cells: Cells
    population: Numbers
    components: dict[str, Numbers]
    repeated: dict[str, int]
    geography: int = 0
    redrawn: tuple[str, ...] = ()


def account_files(out: Path, job: AccountJob) -> dict[str, Any]:
    """Make the account of files by area, sex and age, and write it.

    Args:
        out: The folder for results: new, empty, or earlier results of this command.
        job: What is asked for.

    Returns:
        What was done, in counts: also written as report.json.

    Raises:
        SourceError: If a file is not what its reader expects.
        AccountError: If flows cannot be, or more leave a cell than are in it.
        StoreError: If the folder holds other things, or cannot be written.
    """
    refuse_others(out, OWN, "earlier results")
    given = _recoded(_with_others(_read(job), job), job)
    account = _account(given, job)
    with alone_in([out]), new_folder(out, 0) as waiting:
        limited = _write(waiting, given, account, job)
        report = _report(given, account, job, limited)
        write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", waiting / REPORT)
        publish_folder(out, 0)
    return report


def _account(given: _Given, job: AccountJob) -> Account:
    if not job.roll:
        return account_of(given.population, given.components, given.cells)
    return roll_forward(given.population[0], given.components, given.cells, short=job.short)


def _read(job: AccountJob) -> _Given:
    if (job.detail is None) == (job.stocks is None) or (job.detail and job.components):
        raise StudyError(
            "It is not said what the account is made of.",
            expected="a file of detailed components (MYEB2); or --population FILE with "
            "--component NAME=FILE for each component",
            found="both" if job.detail else "neither",
            where="the call",
            fix="Give one of the two.",
        )
    if job.detail is not None:
        file = read_myeb2(job.detail, job.detail.name)
        areas = tuple(file.areas["area"].to_pylist())
        cells = Cells(areas, file.years, OPEN_AGE + 1)
        return _Given(file.edition, cells, file.population, file.components, {}, file.geography)
    assert job.stocks is not None
    return _joined(
        read_long(job.stocks, job.stocks.name),
        {
            name: read_long(path, path.name, signed=name.endswith(("_net", "change")))
            for name, path in job.components.items()
        },
        roll=job.roll,
    )


def _with_others(given: _Given, job: AccountJob) -> _Given:
    """Add internal flows from rows of moves, and special changes from static populations."""
    more: dict[str, Numbers] = {}
    if job.moves is not None:
        with memory_store() as store:
            rows = read_rows(job.moves, job.moves.name, INTERNAL_MOVES)
            checked = store.collect(store.checked_rows(INTERNAL_MOVES, rows))
        more |= gross_moves(checked, given.cells)
    if job.statics is not None:
        file = read_long(job.statics, job.statics.name)
        lacking = sorted(set(given.cells.years) - set(file.years))
        if lacking:
            raise SourceError(
                "Static populations are not there for every mid-year.",
                expected=f"{given.cells.years[0]} to {given.cells.years[-1]}",
                found=f"none of {listed(lacking)}",
                where=file.facts.name,
                fix="Give them at the opening mid-year and at each one after it.",
            )
        statics = _laid(file, given.cells, given.cells.years)
        more["special_change"] = special_changes(statics, given.population, given.cells)
    twice = sorted(set(more) & set(given.components))
    if twice:
        raise StudyError(
            "A component is given twice.",
            expected="moves or internal flows; static populations or special changes",
            found=listed(twice),
            where="--moves or --statics",
            fix="Leave out one of both.",
        )
    return replace(given, components={**given.components, **more})


def _joined(stocks: AgeSexYears, flows: Mapping[str, AgeSexYears], *, roll: bool) -> _Given:
    """Lay files of several components over the cells of the populations."""
    unknown = sorted(set(flows) - set(EFFECTS))
    if unknown or not flows:
        raise StudyError(
            "A component is not known." if unknown else "There are no components.",
            expected=", ".join(EFFECTS),
            found=listed(unknown) or "none",
            where="--component",
            fix="Name each file as --component NAME=FILE.",
        )
    covered = set.intersection(*(set(file.years) for file in flows.values()))
    if not roll:
        covered &= set(stocks.years)
    years = [stocks.years[0]]
    while years[-1] + 1 in covered:
        years.append(years[-1] + 1)
    if len(years) < 2:
        raise SourceError(
            "No year is covered by all components.",
            expected=f"flows of {years[0] + 1}, the year after the first population",
            found=f"years in all of them: {listed(sorted(covered)) or 'none'}",
            where=stocks.facts.name,
            fix="Give the same years in every file; is the first population the year before?",
        )
    cells = Cells(stocks.areas, tuple(years), OPEN_AGE + 1)
    population = _laid(stocks, cells, stocks.years[: len(years)])
    components = {name: _laid(file, cells, tuple(years[1:])) for name, file in flows.items()}
    files = {"population": stocks, **flows}
    repeated = {name: file.repeated for name, file in files.items() if file.repeated}
    return _Given(_FILES, cells, population, components, repeated)


def _laid(file: AgeSexYears, cells: Cells, years: tuple[int, ...]) -> Numbers:
    """Return a file's values at the cells; flows of fewer ages (births) are 0 at the others."""
    other = sorted(set(file.areas) ^ set(cells.areas))
    if other or set(file.sexes) != set(SEXES):
        raise SourceError(
            "Files do not have the same areas and sexes.",
            expected=f"the {len(cells.areas)} areas of the populations, both sexes",
            found=f"only in one of both: {listed(other) or 'none'}; sexes {listed(file.sexes)}",
            where=file.facts.name,
            fix="Give files of the same areas and geography edition.",
        )
    shape = (len(years), len(cells.areas), len(SEXES), cells.ages)
    laid = np.zeros(shape, dtype=file.values.dtype)
    places = np.ix_(
        [file.years.index(year) for year in years],
        [file.areas.index(area) for area in cells.areas],
        [file.sexes.index(sex) for sex in SEXES],
    )
    laid[..., file.ages[0] : file.ages[-1] + 1] = file.values[places]
    return laid


def _recoded(given: _Given, job: AccountJob) -> _Given:
    if job.changes is None:
        return given
    if job.geography is None:
        raise StudyError(
            "It is not said to which boundaries.",
            expected="--geography YEAR with --code-changes",
            found="none",
            where="--geography",
            fix="Give the year of the boundaries wanted.",
        )
    changes = read_code_changes(job.changes, job.changes.name)
    codes = given.cells.areas
    by = successors(codes, changes, job.geography, since=given.geography)
    areas, population = merged(given.population, codes, by, axis=1)
    components = {
        name: merged(flows, codes, by, axis=1)[1] for name, flows in given.components.items()
    }
    return replace(
        given,
        cells=replace(given.cells, areas=areas),
        population=population,
        components=components,
        redrawn=tuple(redrawn(codes, changes, job.geography)),
    )


def _write(folder: Path, given: _Given, account: Account, job: AccountJob) -> int | None:
    """Write rows, sums and draws; return the number of limited cells of draws."""
    rows = {
        POPULATION: stock_rows(given.edition, account.cells, account.population),
        CHANGES: change_rows(given.edition, account),
    }
    for name, table in rows.items():
        write_parquet(table, folder / f"{name}.parquet")
        if job.csv:
            write_csv(table, folder / f"{name}.csv")
    published = given.population.sum(axis=(2, 3))
    lines = list(summary(account))
    at = {code: place for place, code in enumerate(account.cells.areas)}
    for line in lines:
        place = account.cells.years.index(line["year"])
        if job.roll and place < len(published):
            line["published"] = published[place, at[line["area"]]]
            line["difference"] = line["closing"] - line["published"]
    limited = None
    if job.errors:
        limited, spread = _draw(folder / DRAWS_FILE, account, job)
        for line in lines:
            line["lower_95"], line["upper_95"] = spread[line["area"], line["year"]]
    write_csv(pa.Table.from_pylist(lines), folder / SUMMARY)
    return limited


def _draw(
    path: Path, account: Account, job: AccountJob
) -> tuple[int, dict[tuple[str, int], tuple[float, float]]]:
    """Write draws as they come; return limited cells and intervals of areas' totals."""
    from ravenstein.population.draws import roll_forward_draws  # compiled: loads in a second

    cells = account.cells
    sums = np.empty((len(cells.years), len(cells.areas), job.draws))
    limited = 0
    labels = {"area": cells.areas, "sex": SEXES, "age": range(cells.ages)}
    with draws_file(path, labels, ["year"]) as append:
        years: Iterator[Year] = roll_forward_draws(account, _ratios(job), draws=job.draws)
        for part in years:
            append(part.population, part.first, year=cells.years[part.year])
            last = part.first + part.population.shape[0]
            sums[part.year, :, part.first : last] = part.population.sum(axis=(2, 3)).T
            limited += part.limited
    low, high = np.quantile(sums[1:], [0.025, 0.975], axis=2)
    return limited, {
        (area, year): (float(low[y, a]), float(high[y, a]))
        for y, year in enumerate(cells.years[1:])
        for a, area in enumerate(cells.areas)
    }


def _ratios(job: AccountJob) -> Any:
    """Return draws of components over their point values: lognormal, mean 1, one a year."""
    spread = {name: float(np.sqrt(np.log1p(error**2))) for name, error in job.errors.items()}

    def ratios(year: int, first: int, count: int) -> dict[str, Numbers]:
        found = {}
        for name, sigma in spread.items():
            # the draws of a year are one stream, so blocks of any size give the same ones
            generator = step_generator(job.seed, f"population/{name}/{year}")
            drawn = generator.normal(-(sigma**2) / 2, sigma, first + count)
            found[name] = np.exp(drawn[first:])[:, None, None, None]
        return found

    return ratios


def _report(
    given: _Given, account: Account, job: AccountJob, limited: int | None
) -> dict[str, Any]:
    residual = account.residual
    years = {
        str(year): {
            "residual": _plain(residual[place].sum()),
            "cells_with_residual": int((residual[place] != 0).sum()),
            "largest": _plain(np.abs(residual[place]).max(initial=0)),
        }
        for place, year in enumerate(account.cells.years[1:])
    }
    report: dict[str, Any] = {
        "edition": given.edition,
        "areas": len(account.cells.areas),
        "years": [account.cells.years[0], account.cells.years[-1]],
        "components": list(account.components),
        "rolled_forward": job.roll,
        "residual_by_year": years,
        "identity": identity(account),
        "negative_cells": int((account.population < 0).sum()),
        "rows_repeated_in_files": given.repeated,
        "redrawn": list(given.redrawn),
    }
    if limited is not None:
        cells = account.population[1:].size * job.draws
        report["draws"] = {"number": job.draws, "cells": cells, "held_back": limited}
    return report


def _plain(value: Any) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
