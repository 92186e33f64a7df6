"""Ages for the pages of areas: the account by age and extracts of it, on one geography."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import AccountError, StudyError, listed
from ravenstein.pipelines.population import published_edition
from ravenstein.population.recode import merged, redrawn, successors
from ravenstein.store.files import FileFacts, file_hash, inside, schema
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.store.readers.age_sex import read_nomis
from ravenstein.store.readers.code_changes import read_code_changes, read_code_names
from ravenstein.tables.explorer import AREA_AGES
from ravenstein.tables.geography import AREAS
from ravenstein.tables.population import POPULATION_EDITIONS, POPULATION_ESTIMATES
from ravenstein.tables.population_by_age import OPEN_AGE, POPULATION_BY_AGE, SEXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.core.schema import Table
    from ravenstein.store.run import Run
    from ravenstein.study import Source, Study

    Row = dict[str, Any]
    Counts = NDArray[np.int64]

APART = 10
"""Years between the two pyramids of an area, or the nearest to it that there is."""

_MOST_NAMED = 50
_AGES = OPEN_AGE + 1


@dataclass(frozen=True, eq=False)
class _Stock:
    """Persons [areas, 2 sexes, 91 ages] at a mid-year; `source` is a file or an edition."""

    year: int
    source: str
    areas: tuple[str, ...]
    persons: Counts
    facts: FileFacts | None = None


def area_ages(study: Study, run: Run) -> dict[str, Row]:
    """Return the pyramids of areas, and write the populations behind them.

    Args:
        study: The study.
        run: The run in progress, in a step.

    Returns:
        By area: `year`, `source`, `M` and `F` (men and women of each age, 0 to 90 and over) of
        the latest mid-year, and `before`: the same of the one nearest to ten years before, or
        None. Areas without ages are left out.

    Raises:
        SourceError: If a file is not what its reader expects.
        StudyError: If two files are of one mid-year, or one does not say of which.
    """
    edition = published_row(study, run)
    if edition is None or not (study.of_kind("nomis_ages") or study.of_kind("myeb2")):
        return {}
    if AREA_AGES.name not in {vintage.table_name for vintage in run.written}:
        _write_ages(study, run, edition)
    rows = run.store.collect(run.read(AREA_AGES).sort(*AREA_AGES.grain))
    persons = rows["population"].to_numpy().reshape(-1, 2, _AGES)
    first = rows.take(np.arange(0, rows.num_rows, 2 * _AGES))
    cells = zip(*(first[name].to_pylist() for name in ("area", "year", "source")), strict=True)
    by_area: dict[str, dict[int, Row]] = defaultdict(dict)
    for (area, year, source), (female, male) in zip(cells, persons, strict=True):
        by_area[area][year] = {
            "year": year, "source": source, "M": male.tolist(), "F": female.tolist(),
        }  # fmt: skip
    found = {}
    for area, years in by_area.items():
        latest, before = _shown_years(years)
        found[area] = {**years[latest], "before": years.get(before)}
    return found


def published_row(study: Study, run: Run) -> Row | None:
    """Return the row of the published edition; None for a study without an account."""
    if not study.of_kind("myeb3"):
        return None
    return published_edition(study, rows_of(run, POPULATION_EDITIONS).to_pylist())


def local_authorities(run: Run, edition: str) -> dict[str, str]:
    """Return the names of the local authorities of an edition by code."""
    here = (nw.col("edition") == edition, nw.col("level") == "local_authority")
    rows = rows_of(run, AREAS, *here)
    return dict(zip(rows["area"].to_pylist(), rows["name"].to_pylist(), strict=True))


def rows_of(run: Run, table: Table, *conditions: nw.Expr) -> pa.Table:
    """Return the rows of a table that meet conditions, in order of its grain."""
    frame = run.read(table)
    chosen = frame.filter(*conditions) if conditions else frame
    return run.store.collect(chosen.sort(*table.grain))


def code_changes(study: Study) -> tuple[list[Row], dict[str, str], list[FromFile]]:
    """Return the changes of codes that sources hold, each once; names of codes; and the files."""
    rows: list[Row] = []
    names: dict[str, str] = {}
    files = []
    for source in study.of_kind("code_changes"):
        path = source_path(study, source)
        found = read_code_changes(path, source.file)
        rows += found.to_pylist()
        names |= read_code_names(path, source.file)
        files.append(FromFile(source.file, file_hash(path), found.num_rows, "", "code", {}))
    return [row for at, row in enumerate(rows) if row not in rows[:at]], names, files


def source_path(study: Study, source: Source) -> Path:
    """Return the path of a source's file."""
    return inside(study.folder, source.file, study.data_folders)


def _write_ages(study: Study, run: Run, edition: Row) -> None:
    """Write the populations by age of the years that are shown."""
    name, local = edition["edition"], local_authorities(run, edition["edition"])
    files, held = _files_by_year(study), _stored_years(study, run, name)
    wanted = {*_shown_years(held), *_shown_years(held | files.keys())} & held
    stocks = _stored(run, name, wanted)
    changes, _, change_files = code_changes(study)
    for year, source in sorted(files.items()):
        what = f"Ages of mid-{year} ({_name(source)})"
        if year in held:
            run.warnings.append(f"{what} are not used: the edition {name} has them.")
            continue
        file = read_nomis(source_path(study, source), source.file)
        given = _Stock(year, _name(source), file.areas, file.values, file.facts)
        stock, notes = _on_boundaries(given, source, changes, edition["geography"], local)
        run.warnings += [f"{what}{note}" for note in (*notes, *_differences(run, name, stock))]
        stocks.append(stock)
    areas = [row for row in rows_of(run, AREAS).to_pylist() if row["edition"] == name]
    rows = [_long(_with_sums(stock, areas)) for stock in stocks]
    behind: list[FromTable | FromFile] = [
        FromFile(stock.facts.name, stock.facts.sha256, stock.persons.size, "", "area", {})
        for stock in stocks
        if stock.facts
    ]
    behind += change_files if behind else []
    behind.append(FromTable(AREAS.name, (f"edition = '{name}'",)))
    if wanted:
        cell = (f"edition = '{name}'", "year in {year}", "sex in {sex}", "age in {age}")
        behind.append(FromTable(POPULATION_BY_AGE.name, cell))
    table = pa.concat_tables([schema(AREA_AGES).empty_table(), *rows])
    run.write(AREA_AGES, table, method=area_ages, inputs=behind)


def _files_by_year(study: Study) -> dict[int, Source]:
    """Return extracts of ages by the mid-year that the study says they are of.

    Raises:
        StudyError: If one does not say, or two are of one mid-year.
    """
    found: dict[int, Source] = {}
    for source in study.of_kind("nomis_ages"):
        said = source.edition or "none"
        year = int(said) if re.fullmatch(r"[12]\d{3}", said) else None
        if year is None or year in found:
            raise StudyError(
                "The mid-year of an extract by age is not said."
                if year is None
                else "Two extracts by age are of one mid-year.",
                expected='edition = "2018": its mid-year, another one for each extract',
                found=said,
                where=f"study.toml, [[sources]] {source.file}",
                fix="Say the mid-year: the file itself does not.",
            )
        found[year] = source
    return found


def _shown_years(years: Iterable[int]) -> tuple[int, int]:
    """Return the latest year and the one nearest to ten years before it, or 0 for none."""
    order = sorted(years)
    if not order:
        return 0, 0
    earlier = min(order[:-1], key=lambda year: abs(year - order[-1] + APART), default=0)
    return order[-1], earlier


def _stored_years(study: Study, run: Run, edition: str) -> set[int]:
    """Return the published years that the account by age has."""
    if not study.of_kind("myeb2"):
        return set()
    period, _ = study.published
    rows = run.read(POPULATION_BY_AGE).filter(nw.col("edition") == edition)
    years = run.store.collect(rows.select("year").unique())["year"].to_pylist()
    return {year for year in years if period.first <= year <= period.last}


def _stored(run: Run, edition: str, years: set[int]) -> list[_Stock]:
    """Return the stocks of an edition that the account by age has, of the years wanted."""
    if not years:
        return []
    order = sorted(years)
    here = (nw.col("edition") == edition, nw.col("year").is_in(order))
    rows = rows_of(run, POPULATION_BY_AGE, *here)
    area = rows["area"].combine_chunks().dictionary_encode()
    codes = tuple(area.dictionary.to_pylist())
    persons = np.zeros((len(order), len(codes), len(SEXES), _AGES), dtype=np.int64)
    at_year = np.searchsorted(order, rows["year"].to_numpy())
    sex = pc.index_in(rows["sex"], pa.array(SEXES)).to_numpy()
    place = (at_year, area.indices.to_numpy(), sex, rows["age"].to_numpy())
    persons[place] = rows["population"].to_numpy()
    return [_Stock(year, edition, codes, persons[at]) for at, year in enumerate(order)]


def _on_boundaries(
    stock: _Stock,
    source: Source,
    changes: Sequence[Row],
    boundaries: int,
    local: Mapping[str, str],
) -> tuple[_Stock, list[str]]:
    """Bring an extract to the published boundaries, and say what could not be brought there."""
    areas, persons, notes = stock.areas, stock.persons, []
    if changes and not set(areas) <= local.keys():
        table = pa.Table.from_pylist(list(changes))
        try:
            by = successors(areas, table, boundaries, since=source.geography)
        except AccountError as error:
            notes.append(f": {error.problem} Found: {error.found}.")
        else:
            if other := redrawn(areas, table, boundaries):
                notes.append(f": boundaries of {listed(other)} were redrawn since.")
            areas, persons = merged(persons, areas, by)
    if unknown := [code for code in areas if code not in local]:
        notes.append(
            f": {len(unknown)} codes are not of the published edition and are left out: "
            f"{listed(unknown, _MOST_NAMED)}."
        )
    if missing := sorted(local.keys() - set(areas)):
        notes.append(f" are not there for {len(missing)} areas: {listed(missing, _MOST_NAMED)}.")
    kept = [at for at, code in enumerate(areas) if code in local]
    codes = tuple(areas[at] for at in kept)
    return _Stock(stock.year, stock.source, codes, persons[kept], stock.facts), notes


def _differences(run: Run, edition: str, stock: _Stock) -> list[str]:
    """Say where sexes and ages do not add to the published population of the mid-year."""
    here = (nw.col("edition") == edition, nw.col("year") == stock.year)
    rows = rows_of(run, POPULATION_ESTIMATES, *here)
    published = dict(zip(rows["area"].to_pylist(), rows["population"].to_pylist(), strict=True))
    totals = zip(stock.areas, stock.persons.sum(axis=(1, 2)).tolist(), strict=True)
    off = [
        (code, total - published[code])
        for code, total in totals
        if published.get(code) is not None and total != published[code]
    ]
    if not off:
        return []
    off.sort(key=lambda pair: (-abs(pair[1]), pair[0]))
    return [
        f" do not add to the published population in {len(off)} of {len(stock.areas)} areas: "
        f"{listed(f'{code} {difference:+d}' for code, difference in off)}."
    ]


def _with_sums(stock: _Stock, areas: Sequence[Row]) -> _Stock:
    """Add nations and states of which all local authorities are there."""
    at = {code: place for place, code in enumerate(stock.areas)}
    codes, persons = list(stock.areas), [stock.persons]
    for wider in areas:
        if wider["level"] == "local_authority":
            continue
        parts = [
            row["area"]
            for row in areas
            if row["level"] == "local_authority" and row[wider["level"]] == wider["area"]
        ]
        if at.keys() >= set(parts):
            codes.append(wider["area"])
            persons.append(stock.persons[[at[part] for part in parts]].sum(axis=0)[None])
    return _Stock(stock.year, stock.source, tuple(codes), np.concatenate(persons))


def _long(stock: _Stock) -> pa.Table:
    """Return a stock as rows of `area_ages`."""
    size, cells = stock.persons.size, len(SEXES) * _AGES
    columns = {
        "area": np.repeat(np.array(stock.areas, dtype=object), cells),
        "year": np.full(size, stock.year),
        "sex": np.tile(np.repeat(np.array(SEXES, dtype=object), _AGES), len(stock.areas)),
        "age": np.tile(np.arange(_AGES), len(stock.areas) * len(SEXES)),
        "population": stock.persons.ravel(),
        "source": np.full(size, stock.source, dtype=object),
    }
    return pa.table(columns, schema=schema(AREA_AGES))


def _name(source: Source) -> str:
    return PurePath(source.file).name
