"""The population account on files of an office's own: no study, no store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import SourceError, StudyError, listed
from ravenstein.core.seeds import step_generator
from ravenstein.pipelines.population_by_age import cells_of
from ravenstein.population.account_by_age import change_rows, imbalance, stock_rows, summary
from ravenstein.population.internal import gross_moves
from ravenstein.population.recode import merged, redrawn, successors
from ravenstein.population.roll_forward import (
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
from ravenstein.tables.geography import edition_name
from ravenstein.tables.population import EFFECTS
from ravenstein.tables.population_by_age import INTERNAL_MOVES, SEXES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.population.draws import Year
    from ravenstein.population.roll_forward import Short

    Numbers = NDArray[Any]

POPULATION, CHANGES, SUMMARY, REPORT = "population", "changes", "summary.csv", "report.json"
DRAWS_FILE, UNPAID_FILE = "population_draws.parquet", "residual_draws.parquet"
OWN = (
    *(f"{name}.{end}" for name in (POPULATION, CHANGES) for end in ("parquet", "csv")),
    DRAWS_FILE, UNPAID_FILE, SUMMARY, REPORT,
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
        errors: Relative standard errors of components that are drawn, one error for all cells of
            a year.
        area_errors: The same, an error of its own for each area and year.
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
    area_errors: Mapping[str, float] = field(default_factory=dict)
    draws: int = 1000
    seed: int = 1885
    changes: Path | None = None
    geography: int | None = None
    csv: bool = False


@dataclass(frozen=True, eq=False)
class _Given:
    """What the files hold, in the order of one set of cells.

    `codes` are those of the files, `by` what they are now; `notes` what a reader must know.
    """

    edition: str
    cells: Cells
    population: Numbers
    components: dict[str, Numbers]
    codes: tuple[str, ...]
    by: dict[str, str]
    geography: int | None = None
    notes: tuple[str, ...] = ()


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
    refuse_others(out, OWN, "earlier results", mark=REPORT, inputs=_inputs(job))
    given = _with_others(_recoded(_read(job), job), job)
    account = _account(given, job)
    with alone_in([out]), new_folder(out, 0) as waiting:
        report = _report(given, account, job, _write(waiting, given, account, job))
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
        cells = cells_of(file)
        same = {code: code for code in cells.areas}
        stocks, flows = file.population, file.components
        return _Given(file.edition, cells, stocks, flows, cells.areas, same, file.geography)
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
        more |= gross_moves(checked, given.cells, given.by)
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
        laid = _laid(file, replace(given.cells, areas=given.codes), given.cells.years)
        statics = merged(laid, given.codes, given.by, axis=1)[1]
        more["special_change"] = special_changes(statics, given.population, given.cells)
    twice = sorted(
        name
        for name in given.components
        if name in more or (job.moves is not None and name == "internal_net")
    )
    if twice:
        raise StudyError(
            "A component is given twice.",
            expected="moves or internal flows; static populations or special changes",
            found=listed(twice),
            where="--moves or --statics",
            fix="Leave out one of both; a file of detailed components has them already.",
        )
    components = {**given.components, **more}
    absent = [name for name in ("births", "deaths") if name not in components]
    notes = given.notes + ((f"there are no {' and no '.join(absent)}",) if absent else ())
    return replace(given, components=components, notes=notes)


def _joined(stocks: AgeSexYears, flows: Mapping[str, AgeSexYears], *, roll: bool) -> _Given:
    """Lay files of several components over the cells of the populations."""
    unknown = sorted(set(flows) - set(EFFECTS))
    if unknown or not flows:
        raise StudyError(
            "A component is not known." if unknown else "There are no components.",
            expected=", ".join(EFFECTS),
            found=listed(unknown) or "none",
            where="--component",
            fix="Name each file as --component NAME=FILE; births and deaths at least.",
        )
    covered = set.intersection(*(set(file.years) for file in flows.values()))
    if not roll:
        covered &= set(stocks.years)
    # an account begins a year before the first flows; to roll forward, the first stock is taken
    first = next((y for y in stocks.years if y + 1 in covered), stocks.years[0])
    years = [stocks.years[0] if roll else first]
    while years[-1] + 1 in covered:
        years.append(years[-1] + 1)
    if len(years) < 2:
        raise SourceError(
            "No year is covered by all files.",
            expected=f"flows of the year after a population ({listed(stocks.years)})"
            + ("" if roll else " and the population of that year; roll-forward needs none"),
            found=f"years in all of them: {listed(sorted(covered)) or 'none'}",
            where=stocks.facts.name,
            fix="Give the same years in every file.",
        )
    cells = Cells(stocks.areas, tuple(years))
    held = tuple(year for year in years if year in stocks.years)
    population = _laid(stocks, cells, held)
    components = {
        name: _laid(file, cells, tuple(years[1:]), only_births=name == "births")
        for name, file in flows.items()
    }
    same = {code: code for code in stocks.areas}
    notes = _file_notes({"population": stocks, **flows}, years)
    return _Given(_FILES, cells, population, components, stocks.areas, same, notes=notes)


def _file_notes(files: Mapping[str, AgeSexYears], years: list[int]) -> tuple[str, ...]:
    """Say what of the files was left out or counted once."""
    notes = []
    for name, file in files.items():
        out = sorted(set(file.years) - set(years))
        if out:
            notes.append(f"{name}: {listed(out)} left out: not all files cover it")
        if file.repeated:
            notes.append(f"{name}: {file.repeated:,} rows are repeated in the file, counted once")
    return tuple(notes)


def _laid(
    file: AgeSexYears, cells: Cells, years: tuple[int, ...], *, only_births: bool = False
) -> Numbers:
    """Return a file's values at the cells; births may be of age 0 alone."""
    other = sorted(set(file.areas) ^ set(cells.areas))
    whole = file.ages == tuple(range(cells.ages)) or (only_births and file.ages == (0,))
    if other or set(file.sexes) != set(SEXES) or not whole:
        raise SourceError(
            "Files do not have the same areas, sexes and ages.",
            expected=f"the {len(cells.areas)} areas of the populations, both sexes, ages 0 to "
            f"{cells.ages - 1} and over",
            found=f"areas only in one of both: {listed(other) or 'none'}; sexes "
            f"{listed(file.sexes)}; ages {file.ages[0]} to {file.ages[-1]}",
            where=file.facts.name,
            fix="Give files of the same areas, geography edition and ages; 0 where nobody is.",
        )
    shape = (len(years), len(cells.areas), len(SEXES), cells.ages)
    laid = np.zeros(shape, dtype=file.values.dtype)
    places = np.ix_(
        [file.years.index(year) for year in years],
        [file.areas.index(area) for area in cells.areas],
        [file.sexes.index(sex) for sex in SEXES],
    )
    laid[..., : file.ages[-1] + 1] = file.values[places]
    return laid


def _recoded(given: _Given, job: AccountJob) -> _Given:
    """Bring areas to the boundaries that are asked for."""
    if (job.changes is None) != (job.geography is None):
        raise StudyError(
            "It is not said how areas come to other boundaries.",
            expected="--code-changes FILE and --geography YEAR",
            found="one of both",
            where="--code-changes and --geography",
            fix="Give both, or neither.",
        )
    if job.changes is None or job.geography is None:
        return given
    changes = read_code_changes(job.changes, job.changes.name)
    codes = given.codes
    by = successors(codes, changes, job.geography, since=given.geography)
    areas, population = merged(given.population, codes, by, axis=1)
    components = {
        name: merged(flows, codes, by, axis=1)[1] for name, flows in given.components.items()
    }
    notes = [f"{len(codes)} areas became {len(areas)} on the boundaries of {job.geography}"]
    if other := redrawn(codes, changes, job.geography):
        notes.append(f"boundaries of {listed(other)} were redrawn: figures are of the old ones")
    if len(areas) < len(codes) and "internal_in" in components:
        notes.append("moves between areas that were merged are still in internal flows, in and out")
    return replace(
        given,
        edition=edition_name(given.cells.years[0], given.cells.years[-1], job.geography),
        geography=job.geography,
        cells=replace(given.cells, areas=areas),
        population=population,
        components=components,
        by=by,
        notes=(*given.notes, *notes),
    )


def _inputs(job: AccountJob) -> list[Path]:
    given = (job.detail, job.stocks, *job.components.values(), job.moves, job.statics, job.changes)
    return [path for path in given if path is not None]


def _write(folder: Path, given: _Given, account: Account, job: AccountJob) -> dict[str, Any]:
    """Write rows, sums and draws; return what the report says of the draws and of the rows."""
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
        if job.roll:
            known = place < len(published)
            line["published"] = published[place, at[line["area"]]] if known else None
            line["difference"] = line["closing"] - line["published"] if known else None
    # balanced again from the rows as they are on disk
    report: dict[str, Any] = {"identity": imbalance(account.cells, *rows.values())}
    if job.errors or job.area_errors:
        report["draws"], spread = _draw(folder, account, job)
        for line in lines:
            line["lower_95"], line["upper_95"] = spread[line["area"], line["year"]]
    write_csv(pa.Table.from_pylist(lines), folder / SUMMARY)
    return report


def _draw(
    folder: Path, account: Account, job: AccountJob
) -> tuple[dict[str, Any], dict[tuple[str, int], tuple[float, float]]]:
    """Write draws as they come; return counts, and intervals of areas' totals."""
    from ravenstein.population.draws import roll_forward_draws  # compiled: loads in a second

    cells = account.cells
    sums = np.empty((len(cells.years), len(cells.areas), job.draws))
    limited, unpaid = 0, 0.0
    labels = {"area": cells.areas, "sex": SEXES, "age": range(cells.ages)}
    with (
        draws_file(folder / DRAWS_FILE, labels, ["year"]) as append,
        draws_file(folder / UNPAID_FILE, labels, ["year"]) as append_unpaid,
    ):
        years: Iterator[Year] = roll_forward_draws(
            account, _ratios(job, len(cells.areas)), draws=job.draws
        )
        for part in years:
            year, short = cells.years[part.year], part.flows["not_paid"]
            append(part.population, part.first, year=year)
            append_unpaid(short, part.first, (short > 0).any(axis=0), year=year)
            last = part.first + part.population.shape[0]
            sums[part.year, :, part.first : last] = part.population.sum(axis=(2, 3)).T
            limited += part.limited
            unpaid += float(short.sum())
    low, high = np.quantile(sums[1:], [0.025, 0.975], axis=2)
    whole = account.population[-1].sum()
    told = {
        "number": job.draws,
        "cells": account.population[1:].size * job.draws,
        "held_back": limited,
        "known_exits_not_paid": unpaid / job.draws,
        "mean_over_account": float(sums[-1].sum(axis=0).mean() / whole) if whole else None,
    }
    return told, {
        (area, year): (float(low[y, a]), float(high[y, a]))
        for y, year in enumerate(cells.years[1:])
        for a, area in enumerate(cells.areas)
    }


def _ratios(job: AccountJob, areas: int) -> Any:
    """Return draws of components over their point values: lognormal, mean 1, new each year."""

    def drawn(name: str, error: float, year: int, shape: tuple[int, ...]) -> Numbers:
        sigma = float(np.sqrt(np.log1p(error**2)))
        # the draws of a year are one stream, so blocks of any size give the same ones
        generator = step_generator(job.seed, f"population/{name}/{year}")
        return np.exp(generator.normal(-(sigma**2) / 2, sigma, shape))

    def ratios(year: int, first: int, count: int) -> dict[str, Numbers]:
        found: dict[str, Numbers] = {}
        for name, error in job.errors.items():
            found[name] = drawn(name, error, year, (first + count, 1))[first:]
        for name, error in job.area_errors.items():
            own = drawn(f"{name}/areas", error, year, (first + count, areas))[first:]
            found[name] = found.get(name, 1.0) * own
        return {name: values[..., None, None] for name, values in found.items()}

    return ratios


def _report(
    given: _Given, account: Account, job: AccountJob, written: dict[str, Any]
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
    return {
        "edition": given.edition,
        "geography": given.geography,
        "areas": len(account.cells.areas),
        "years": [account.cells.years[0], account.cells.years[-1]],
        "components": list(account.components),
        "rolled_forward": job.roll,
        "residual_by_year": years,
        "notes": list(given.notes),
        **written,
    }


def _plain(value: Any) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
