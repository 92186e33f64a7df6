"""Vintages of the release: what each says of itself, and the earlier ones kept beside it."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import SourceError, StoreError, TableError, listed
from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.pipelines.revisions import behind
from ravenstein.release.disclosure import parameters
from ravenstein.store.files import file_hash, replacing, write_text
from ravenstein.store.provenance import code_version, engine_versions
from ravenstein.store.rows import read_rows
from ravenstein.tables.geography import AREAS
from ravenstein.tables.migration import ALL, MIGRATION_FLOWS
from ravenstein.tables.population import POPULATION_ACCOUNT
from ravenstein.tables.release import RELEASE_FILES
from ravenstein.tables.survey_results import SURVEY_FLOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ravenstein.pipelines.revisions import Behind
    from ravenstein.release.tables import PublishedTable
    from ravenstein.store.run import Run
    from ravenstein.study import Study

Row = dict[str, Any]
FACTS, VINTAGES, DOWNLOADS = "release.json", "vintages", "downloads"
_KINDS = ("file", "parameter", "method", "code", "engine")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_OF_PAGES = ("title", "producer", "source", "contact", "data_folders")
WITHHELD = (MIGRATION_FLOWS.name, SURVEY_FLOWS.name)
"""Tables that are published without figures of too few interviews."""
_UNKNOWN: Row = {"date": None, "run": None, "changed": []}


@dataclass(frozen=True)
class PublishedVintage:
    """One vintage of a release: what it says of itself, and where it lies.

    Args:
        facts: The content of its `release.json`.
        folder: Its folder: the release's own, or one of those kept in it.
    """

    facts: Row
    folder: Path

    @property
    def number(self) -> int:
        """Its number: 1 for the first release."""
        return int(self.facts["vintage"])

    @property
    def tables(self) -> dict[str, Row]:
        """What it says of each published table."""
        found: dict[str, Row] = self.facts["tables"]
        return found

    def path(self, name: str) -> Path:
        """Return where the rows of a table lie."""
        own = self.folder / DOWNLOADS
        return (own if own.is_dir() else self.folder) / f"{name}.parquet"

    def damaged(self) -> list[str]:
        """Return the tables whose rows are not there, or not those that were published."""
        return [name for name in self.tables if not self.intact(name)]

    def intact(self, name: str) -> bool:
        """Say whether the rows of a table are those that were published."""
        try:
            return file_hash(self.path(name)) == str(self.tables[name]["file"])
        except OSError:
            return False

    def declaration(self, name: str) -> Table:
        """Return a table's declaration as it was for this vintage."""
        said = self.tables[name]
        columns = [
            Column(column, ColumnType(kind), column, unit or "1", age_definition="as published")
            for column, (kind, unit) in said["columns"].items()
        ]
        return Table(name, said["title"], tuple(said["grain"]), tuple(columns), source=FACTS)

    def rows(self, declaration: Table) -> pa.Table:
        """Return the rows of a table in declared columns.

        Raises:
            StoreError: If they are not there, damaged, or of other types.
        """
        name = declaration.name
        if not self.intact(name):
            raise damaged_data(self, [name])
        path = self.path(name)
        try:
            return read_rows(path, path.name, declaration)
        except SourceError as error:
            raise StoreError(
                f"Table {name!r} of release {self.number} does not have these columns.",
                expected=error.expected,
                found=error.found,
                where=error.where,
                fix="Compare releases in which the table has the same form.",
            ) from None


@dataclass(frozen=True)
class Kept:
    """What became of the vintages when a release was written.

    Args:
        number: Number of the vintage that was written.
        anew: Whether it has the figures of the release that it takes the place of.
        warnings: Earlier vintages that are missing or damaged.
    """

    number: int
    anew: bool
    warnings: tuple[str, ...]


def facts(study: Study, run: Run, tables: Sequence[PublishedTable], folder: Path) -> Row:
    """Return what a release says of itself: its tables, and all that is behind them.

    Args:
        study: The study.
        run: The run in progress.
        tables: The published tables, already written.
        folder: The folder they were written to, with `downloads` in it.

    Returns:
        Content of `release.json`, but for what `keep_vintages` adds. `data` is the hash of a
        table's rows (of its CSV file), `file` that of its Parquet file.
    """
    writes = {}
    for table in tables:
        try:
            writes[table.name] = run.store.vintage(table.table.name, run=run.number).write
        except StoreError:
            continue  # put together for the release alone
    origins = dict(zip(writes, behind(run.store, *writes.values()), strict=True))
    files = {name for origin in origins.values() for of, name in origin if of == "file"}
    short = file_names([*(source.file for source in study.sources), *sorted(files)])
    day = study.release.date
    return {
        "title": study.study.title,
        "producer": study.study.producer,
        "simulated": study.study.simulated,
        "date": None if day is None else day.isoformat(),
        "run": run.number,
        "code": code_version(),
        "engine": engine_versions(study.study.engine),
        "study": settings(study.text),
        "tables": {
            table.name: _of_table(table, folder / DOWNLOADS, origins.get(table.name, {}), short)
            for table in tables
        },
    }


def _of_table(table: PublishedTable, folder: Path, origin: Behind, short: Mapping[str, str]) -> Row:
    names = [column.name for column in table.columns]
    if table.name in WITHHELD:
        origin = origin | _disclosure()
    return {
        "title": table.title,
        "rows": table.rows.num_rows,
        "data": file_hash(folder / f"{table.name}.csv"),
        "file": file_hash(folder / f"{table.name}.parquet"),
        "grain": [name for name in table.table.grain if name in names],
        "columns": {column.name: [column.type.value, column.unit] for column in table.columns},
        "behind": {
            kind: {
                short[name] if kind == "file" else name: sorted(origin[of, name])
                for of, name in sorted(origin)
                if of == kind
            }
            for kind in _KINDS
        },
    }


def _disclosure() -> Behind:
    """Return the parameters of disclosure control as what is behind a table."""
    entries = parameters().entries
    return {
        ("parameter", name): {
            "; ".join(f"from {day}: {value}" for day, value in one.values) + f" {one.unit}"
        }
        for name, one in entries.items()
    }


def file_names(paths: Iterable[str]) -> dict[str, str]:
    """Return files by their names without folders; further ones of a name get -2, -3.

    >>> file_names(["../x/a.csv", "b.csv", "old/a.csv", "b.csv"])
    {'../x/a.csv': 'a.csv', 'b.csv': 'b.csv', 'old/a.csv': 'a.csv-2'}
    """
    found: dict[str, str] = {}
    count: Counter[str] = Counter()
    for path in dict.fromkeys(paths):
        name = PurePath(path).name
        count[name] += 1
        found[path] = name if count[name] == 1 else f"{name}-{count[name]}"
    return found


def settings(text: str) -> dict[str, str]:
    r"""Return the settings of a study that figures may depend on, by name.

    Args:
        text: The text of study.toml. Titles, contacts and what pages say are left out; sources
            go by the names of their files without the folders they happen to lie in.

    >>> settings('[study]\ntitle = "A"\nseed = 7\n[population]\nallow_unbalanced = true')
    {'study.seed': '7', 'population.allow_unbalanced': 'True'}
    """
    content = tomllib.loads(text)
    content.pop("release", None)
    for name in _OF_PAGES:
        content.get("study", {}).pop(name, None)
    sources = content.pop("sources", [])
    found = dict(_flat(content, ""))
    short = file_names(str(source.get("file")) for source in sources)
    for source in sources:
        own = {name: value for name, value in source.items() if name not in ("kind", "file")}
        name = short[str(source.get("file"))]
        found |= dict(_flat(own, f"source {source.get('kind')} {name}: "))
    return found


def _flat(given: Row, start: str) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", str(value)


def keep_vintages(new: Path, old: Path, made: Row, *, recorded: int = 0) -> Kept:
    """Number a release, and keep the vintages before it in its folder.

    Args:
        new: The folder that is being filled, with the tables in `downloads`.
        old: The release whose place it takes; need not be there.
        made: From `facts`.
        recorded: Highest number that a release of this study is known to have had.

    Returns:
        A release without other figures than the one before takes its number; else the one before
        is put into `vintages`. What is missing or damaged there is carried along as it is.

    Raises:
        StoreError: If there is no room.
    """
    known = sorted(int(p.name) for p in _within(old / VINTAGES) if _NUMBER.fullmatch(p.name))
    try:
        present = read_vintage(old)
        known = [each for each in known if each < present.number]
    except StoreError:  # the first, or damaged: then the store knows that there was one
        present = None
    if present is None:
        number = 1 + max(recorded, *known, 0)
        lost = _unknown({*range(1, recorded + 1), *known})
        said = made | {"vintage": number, "changed": sorted(made["tables"]), "earlier": lost}
    else:
        number, said = _numbered(present, made, recorded)
    for each in known:
        _copied(_within(old / VINTAGES / str(each)), new / VINTAGES / str(each))
    if present and number > present.number:
        parts = [present.path(name) for name in present.tables]
        _copied([old / FACTS, *parts], new / VINTAGES / str(present.number))
    # the same facts and run give the same bytes
    write_text(json.dumps(said, indent=1, ensure_ascii=False, sort_keys=True), new / FACTS)
    warnings = [
        f"Release {row['vintage']} is {row['state']}: what changed since it cannot be listed in "
        "full."
        for row in vintages(new)[:-1]
        if row["state"] != "complete"
    ]
    return Kept(number, present is not None and number == present.number, tuple(warnings))


def _numbered(present: PublishedVintage, made: Row, recorded: int) -> tuple[int, Row]:
    """Return number and facts of a release after the present one."""
    was, now = ({n: t["data"] for n, t in each["tables"].items()} for each in (present.facts, made))
    changed = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
    earlier = list(present.facts["earlier"])
    if not changed:
        also = {"vintage": present.number, "changed": present.facts["changed"], "earlier": earlier}
        same = made | also | {"run": present.facts["run"]} == present.facts
        return present.number, present.facts if same else made | also
    row = {name: present.facts[name] for name in ("vintage", "date", "run", "changed")}
    number = 1 + max(present.number, recorded)
    earlier += [row, *_unknown(range(present.number + 1, number))]
    return number, made | {"vintage": number, "changed": changed, "earlier": earlier}


def _unknown(numbers: Iterable[int]) -> list[Row]:
    """Return vintages of which no more is known than that there were such."""
    return [{"vintage": number} | _UNKNOWN for number in sorted(numbers)]


def _copied(paths: Iterable[Path], folder: Path) -> None:
    """Copy plain files; those that cannot be read are left out, and missed by `vintages`."""
    for path in paths:
        try:
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        except OSError:
            continue
        if content is not None:
            with replacing(folder / path.name) as target:
                target.write_bytes(content)


def _within(folder: Path) -> list[Path]:
    """Return what lies in a folder; nothing where it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def recorded_vintages(run: Run) -> int:
    """Return the highest number that the store knows a release to have had; 0 where none."""
    try:
        run.store.vintage(RELEASE_FILES.name)
    except StoreError:
        return 0
    paths = run.store.collect(run.store.read(RELEASE_FILES).select("path"))["path"].to_pylist()
    kept = [re.match(rf"{VINTAGES}/(\d+)/", path) for path in paths]
    return max((int(match[1]) for match in kept if match), default=0) + (FACTS in paths)


def vintages(folder: Path) -> list[Row]:
    """Return the vintages of a release in order, and whether each is there.

    Args:
        folder: The release's folder.

    Returns:
        Rows of `vintage`, `date`, `run`, `changed` (names of tables), `state` (complete, missing,
        or damaged with the tables' names) and `folder`; the present one last. Date, run and
        tables of a missing one are known while the present one is.

    Raises:
        StoreError: If the folder holds no release, or a damaged one.
    """
    present = read_vintage(folder)
    told = {row["vintage"]: row for row in present.facts["earlier"]}
    there = {int(p.name) for p in _within(folder / VINTAGES) if _NUMBER.fullmatch(p.name)}
    rows = []
    for number in sorted({*told, *(each for each in there if each < present.number)}):
        path = folder / VINTAGES / str(number)
        row = {"vintage": number} | _UNKNOWN | told.get(number, {})
        try:
            found = read_vintage(path)
            row |= {name: found.facts[name] for name in ("date", "run", "changed")}
            state = _state(found)
        except StoreError:
            state = "damaged" if path.is_dir() else "missing"
        rows.append(row | {"state": state, "folder": path})
    own = {name: present.facts[name] for name in ("vintage", "date", "run", "changed")}
    return [*rows, own | {"state": _state(present), "folder": folder}]


def _state(found: PublishedVintage) -> str:
    wrong = found.damaged()
    return f"damaged ({listed(wrong)})" if wrong else "complete"


def read_vintage(folder: Path) -> PublishedVintage:
    """Read what a release, or a vintage kept in one, says of itself.

    Raises:
        StoreError: If there is no `release.json`, or it is damaged.
    """
    try:
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        found = PublishedVintage(content, folder)
        _need_form(found)
    except FileNotFoundError:
        raise StoreError(
            "The folder holds no release with its data.",
            expected=FACTS,
            found="none",
            where=str(folder),
            fix="Give a folder that `ravenstein run` wrote, or run the study again.",
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, TableError):
        raise StoreError(
            "What a release says of itself is damaged.",
            expected=f"{FACTS} as it was written",
            found="something else",
            where=str(folder),
            fix="Restore the folder from a backup.",
        ) from None
    return found


def _need_form(found: PublishedVintage) -> None:
    """Raise if what a release says of itself lacks a part, or has one of another form."""
    whole = [found.facts[name] for name in ("run", "date", "changed", "earlier", "title", "code")]
    whole += [found.facts["simulated"], *found.facts["study"].items()]
    for name, said in found.tables.items():
        found.declaration(name)
        whole += [said["data"], said["file"]]
        whole += [set(values) for things in said["behind"].values() for values in things.values()]
    # a number of any size would be counted up to
    if not _NUMBER.fullmatch(str(found.facts["vintage"])):
        raise ValueError
    before = [row["vintage"] for row in found.facts["earlier"]]
    if not all(type(each) is int and 0 < each < found.number for each in before):
        raise ValueError
    if not all(_NAME.fullmatch(name) for name in found.tables):
        raise ValueError


def damaged_data(vintage: PublishedVintage, names: Sequence[str]) -> StoreError:
    """Return the error for rows of a release that are gone or not as they were published."""
    return StoreError(
        f"Data of release {vintage.number} are missing or damaged.",
        expected="the tables as they were published",
        found=f"other or no rows of {listed(names)}",
        where=str(vintage.folder),
        fix="Restore the folder from a backup, or name another table with --table.",
    )


def headline_vintages(folder: Path) -> pa.Table | None:
    """Return the headline series as each vintage of a release published them.

    Args:
        folder: The release's folder.

    Returns:
        Rows of `series`, `year`, `vintage` and `persons`: total migration of everybody, by flow,
        and the population of each state, by its code. None without two vintages that have them.
    """
    parts = []
    for row in vintages(folder):
        if row["state"] == "missing":
            continue
        try:
            found = read_vintage(row["folder"])
        except StoreError:
            continue
        for rows in (_flows(found), _states(found)):
            if rows is not None:
                number = pa.array([found.number] * len(rows), pa.int64())
                parts.append(rows.append_column("vintage", number))
    whole = pa.concat_tables(parts) if parts else None
    if whole is None or pc.count_distinct(whole["vintage"]).as_py() < 2:
        return None
    return whole.filter(pc.is_valid(whole["persons"]))


def _chosen(found: PublishedVintage, table: Table, needed: Sequence[str]) -> pa.Table | None:
    """Return a table of a vintage, where it is there in full and has the columns."""
    said = found.tables.get(table.name)
    if said is None or not set(needed) <= set(said["columns"]) or not found.intact(table.name):
        return None
    return found.rows(found.declaration(table.name))


def _flows(found: PublishedVintage) -> pa.Table | None:
    wanted = {"nation": ALL, "by": ALL, "category": ALL, "component": "total"}
    rows = _chosen(found, MIGRATION_FLOWS, [*wanted, "flow", "year", "persons"])
    if rows is None:
        return None
    for name, value in wanted.items():
        rows = rows.filter(pc.equal(rows[name], value))
    return pa.table({"series": rows["flow"], "year": rows["year"], "persons": rows["persons"]})


def _states(found: PublishedVintage) -> pa.Table | None:
    account = _chosen(found, POPULATION_ACCOUNT, ["edition", "area", "year", "closing"])
    areas = _chosen(found, AREAS, ["area", "level"])
    if account is None or areas is None or pc.count_distinct(account["edition"]).as_py() != 1:
        return None
    states = areas.filter(pc.equal(areas["level"], "state"))["area"]
    rows = account.filter(pc.is_in(account["area"], states.combine_chunks()))
    persons = pc.cast(rows["closing"], pa.float64())
    return pa.table({"series": rows["area"], "year": rows["year"], "persons": persons})
