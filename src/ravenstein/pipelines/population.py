"""Population: from official files to a checked account of every area and year."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from ravenstein.core.errors import (
    AccountError,
    RavensteinError,
    SourceError,
    StudyError,
    listed,
)
from ravenstein.population.account import balance, parameters
from ravenstein.population.areas import with_nations
from ravenstein.population.checks import checks
from ravenstein.store.database import memory_store
from ravenstein.store.files import inside
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.store.readers.myeb3 import Myeb3, read_myeb3
from ravenstein.tables.geography import AREAS, NATIONS, TWIN_NATIONS
from ravenstein.tables.population import (
    POPULATION_ACCOUNT,
    POPULATION_CHECKS,
    POPULATION_COMPONENTS,
    POPULATION_EDITIONS,
    POPULATION_ESTIMATES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ravenstein.store.readers.myeb2 import Myeb2
    from ravenstein.store.run import Run
    from ravenstein.study import Source, Study

    Components = Myeb2 | Myeb3

ComponentsT = TypeVar("ComponentsT", "Myeb2", Myeb3)

_SAME_EDITION = "edition in {edition}"
# a nation's or a state's row comes from the rows of the local authorities in it
_WITHIN = (
    "area in (select a.area from areas a where a.level = 'local_authority' and "
    "(a.area in {area} or a.nation in {area} or a.state in {area}))"
)

_BEHIND_ACCOUNT = (
    FromTable(
        "population_estimates",
        (_SAME_EDITION, _WITHIN, "(year in {year} or year + 1 in {year})"),
    ),
    FromTable("population_components", (_SAME_EDITION, _WITHIN, "year in {year}")),
    FromTable("areas", (_SAME_EDITION, _WITHIN)),
)
_BEHIND_CHECKS = tuple(
    FromTable(name, (_SAME_EDITION,))
    for name in ("population_account", "population_components", "areas")
)


def population(study: Study, run: Run) -> None:
    """Read the components of change, balance the account and check the figures.

    A study without components of change has no account.

    Raises:
        SourceError: If a file is not what its reader expects.
        AccountError: If an account differs by more than rounding explains, unless the study
            allows it.
    """
    if not study.of_kind("myeb3"):
        return
    with run.step("Read the components of change") as step:
        files = [read_components(study, source, read_myeb3) for source in study.of_kind("myeb3")]
        _write_sources(study, run, files)
        step.note = "; ".join(described(file) for file in files)

    estimates, components, areas = map(
        run.read, (POPULATION_ESTIMATES, POPULATION_COMPONENTS, AREAS)
    )
    with run.step("Balance the population account") as step:
        run.write(
            POPULATION_ACCOUNT,
            balance(estimates, components, areas, parameters()["rounding"]),
            method=balance,
            parameters=parameters(),
            inputs=_BEHIND_ACCOUNT,
        )
        account = run.store.collect(run.read(POPULATION_ACCOUNT))
        count, warnings = balance_counts(study, account, files)
        run.warnings += [*missing_nations(files), *warnings]
        step.note = ", ".join(f"{count[name]:,} {name.replace('_', ' ')}" for name in sorted(count))

    with run.step("Check the published figures") as step:
        written = run.write(
            POPULATION_CHECKS,
            checks(run.read(POPULATION_ACCOUNT), components, areas),
            method=checks,
            inputs=_BEHIND_CHECKS,
        )
        step.note = f"{written.rows} checks"


def check_sources(study: Study) -> tuple[list[Myeb3], list[RavensteinError]]:
    """Read every source and balance its account, without a store.

    Returns:
        The files that are good, and what is wrong with the others or with the study as a whole.
    """
    good: list[Myeb3] = []
    wrong: list[RavensteinError] = []
    for source in study.of_kind("myeb3"):
        try:
            file = read_components(study, source, read_myeb3)
            with memory_store() as store:
                estimates, components, areas = (
                    store.checked_rows(table, rows)
                    for table, rows in (
                        (POPULATION_ESTIMATES, file.estimates),
                        (POPULATION_COMPONENTS, file.components),
                        (AREAS, with_nations(file.edition, file.areas)),
                    )
                )
                account = balance(estimates, components, areas, parameters()["rounding"])
                balance_counts(study, store.collect(account), [file])
            good.append(file)
        except RavensteinError as error:
            wrong.append(error)
    if good and not wrong:
        try:
            published_edition(study, editions_of(good).to_pylist())
        except RavensteinError as error:
            wrong.append(error)
    return good, wrong


def read_components(study: Study, source: Source, read: Callable[..., ComponentsT]) -> ComponentsT:
    """Read one source of a study and compare it with what the study says it holds.

    Args:
        study: The study.
        source: The source.
        read: The reader of its family.

    Raises:
        SourceError: If it lies outside the study, cannot be read, or has another number of
            areas.
    """
    file = read(
        inside(study.folder, source.file, study.data_folders),
        source.file,
        edition=source.edition,
        geography=source.geography,
        ignore_columns=source.ignore_columns,
    )
    areas = file.areas
    if source.areas is not None and source.areas != areas.num_rows:
        raise SourceError(
            "A source does not have the number of areas the study expects.",
            expected=f"{source.areas} areas",
            found=f"{areas.num_rows}",
            where=source.file,
            fix="Download the file again if it is cut short; or correct `areas` in study.toml.",
        )
    invented = TWIN_NATIONS & set(areas["nation"].to_pylist())
    if invented and not study.study.simulated:
        raise SourceError(
            "A source holds areas of the simulated twin.",
            expected="areas of real nations",
            found=f"codes beginning with {', '.join(sorted(code[0] for code in invented))}",
            where=source.file,
            fix="Correct the codes; or say simulated = true under [study].",
        )
    return file


def missing_nations(files: list[Myeb3]) -> list[str]:
    """Say which nations of a state an edition lacks: its total is then not the state's."""
    found = []
    for file in files:
        present = set(file.areas["nation"].to_pylist())
        for state in sorted({NATIONS.parents[nation] for nation in present}):
            nations = {code for code, parent in NATIONS.parents.items() if parent == state}
            if absent := sorted(NATIONS.labels[code] for code in nations - present):
                found.append(
                    f"Edition {file.edition} lacks {' and '.join(absent)}: its total is not that "
                    f"of {NATIONS.labels[state]}."
                )
    return found


def described(file: Myeb3) -> str:
    """Say in a few words what a file holds."""
    missing = f", {file.missing} cells without figures" if file.missing else ""
    return f"{file.edition}: {file.areas.num_rows} areas × {len(file.years)} years{missing}"


def published_edition(study: Study, editions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the edition that is published: on the study's boundaries and covering its period.

    Args:
        study: The study.
        editions: Rows of `population_editions`.

    Raises:
        StudyError: If none or several fit.
    """
    period, geography = study.published
    boundaries = geography.edition
    fitting = [
        row
        for row in editions
        if row["geography"] == boundaries
        and row["first"] <= period.first
        and row["last"] >= period.last
    ]
    if len(fitting) != 1:
        raise StudyError(
            f"{'No' if not fitting else 'More than one'} source can be published.",
            expected=f"one source on boundaries of {boundaries} covering mid-{period.first} to "
            f"mid-{period.last}",
            found=listed(
                f"{row['edition']} (boundaries {row['geography']}, {row['first']}–{row['last']})"
                for row in editions
            ),
            where="study.toml, [period] and [geography]",
            fix="Change the period or the geography edition to what a source covers.",
        )
    return fitting[0]


def editions_of(files: list[Myeb3]) -> pa.Table:
    """Return the rows of `population_editions`.

    Raises:
        StudyError: If two files hold the same edition.
    """
    names = refuse_repeated(files)
    return pa.table(
        {
            "edition": names,
            "geography": [file.geography for file in files],
            "first": [file.years[0] for file in files],
            "last": [file.years[-1] for file in files],
            "areas": [file.areas.num_rows for file in files],
            "missing": [file.missing for file in files],
            "file": [PurePath(file.facts.name).name for file in files],
            "sha256": [file.facts.sha256 for file in files],
        }
    )


def refuse_repeated(files: Sequence[Components]) -> list[str]:
    """Return the editions of files, and refuse two files of one edition.

    Raises:
        StudyError: If there are.
    """
    names = [file.edition for file in files]
    if len(set(names)) < len(names):
        raise StudyError(
            "Two sources hold the same edition.",
            expected="a different edition in each source of a kind",
            found=listed(names),
            where="study.toml, [[sources]]",
            fix="Remove one, or name them apart with edition = NAME.",
        )
    return names


def origin(file: Components, rows: int) -> FromFile:
    """Return where rows of an edition come from: the lines of an area in its file.

    Args:
        file: The file.
        rows: Its rows.
    """
    return FromFile(
        name=file.facts.name,
        sha256=file.facts.sha256,
        rows=rows,
        column=file.code_column,
        key="area",
        applies={"edition": file.edition},
    )


def _write_sources(study: Study, run: Run, files: list[Myeb3]) -> None:
    editions = editions_of(files)
    published_edition(study, editions.to_pylist())
    origins = [origin(file, file.areas.num_rows) for file in files]
    run.write(POPULATION_EDITIONS, editions, method=read_myeb3, inputs=origins)
    areas = pa.concat_tables([with_nations(file.edition, file.areas) for file in files])
    run.write(AREAS, areas, method=read_myeb3, inputs=origins)
    estimates = pa.concat_tables([file.estimates for file in files])
    run.write(POPULATION_ESTIMATES, estimates, method=read_myeb3, inputs=origins)
    components = pa.concat_tables([file.components for file in files])
    run.write(POPULATION_COMPONENTS, components, method=read_myeb3, inputs=origins)


def balance_counts(
    study: Study, account: pa.Table, files: Sequence[Myeb3] = ()
) -> tuple[Counter[str], list[str]]:
    """Count accounts by status, and say what a reader must be warned of.

    Args:
        study: The study.
        account: Rows of `population_account`.
        files: The files behind it, to name places in them.

    Returns:
        Number of areas and years by status, and warnings.

    Raises:
        AccountError: If an account differs by more than rounding explains and the study does not
            allow it.
    """
    rows = account.select(["edition", "area", "year", "residual", "status"]).to_pylist()
    count = Counter(row["status"] for row in rows)
    off = [row for row in rows if row["status"] == "unbalanced"]
    # totals repeat what their areas show, so areas are named
    local = [row for row in off if row["area"] not in NATIONS.labels] or off
    cells = listed(
        [f"{r['area']} {r['year']} ({r['edition']}): {r['residual']:+d}" for r in local], 3
    )
    if off and not study.population.allow_unbalanced:
        raise AccountError(
            f"The account does not balance in {len(local)} areas and years.",
            expected="stock = stock before + births − deaths + net migration + other changes",
            found=cells,
            where=_place(local[0], files) or "population_account",
            fix="Correct the source; or publish the residuals with [population] "
            "allow_unbalanced = true.",
        )
    warnings = [f"{len(local)} accounts do not balance: {cells}."] if off else []
    if count["no_figures"]:
        warnings.append(f"{count['no_figures']} areas and years have no complete figures.")
    return count, warnings


def _place(row: dict[str, Any], files: Sequence[Myeb3]) -> str | None:
    """Return file, line and columns behind an area's year."""
    for file in files:
        if file.edition == row["edition"]:
            lines = dict(
                zip(*(file.areas[name].to_pylist() for name in ("area", "line")), strict=True)
            )
            columns = f"columns …_{row['year']} and population_{row['year'] - 1}"
            return f"{file.facts.name}, line {lines[row['area']]}, {columns}"
    return None
