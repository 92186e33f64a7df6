"""Two releases compared: every figure that changed, and what differs behind its table."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import StoreError, StudyError, listed, nearest
from ravenstein.migration.revisions import moved_cells
from ravenstein.pipelines.release_vintages import (
    FACTS,
    VINTAGES,
    WITHHELD,
    damaged_data,
    facts,
    headline_vintages,
    keep_vintages,
    read_vintage,
    recorded_vintages,
)
from ravenstein.pipelines.revisions import Difference, unlike
from ravenstein.release.vintages import ReleaseDifference, TableChange
from ravenstein.store.files import schema
from ravenstein.tables.migration import ALL
from ravenstein.tables.release import RELEASE_CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ravenstein.core.schema import Table
    from ravenstein.pipelines.release_vintages import Kept, PublishedVintage
    from ravenstein.pipelines.revisions import Behind
    from ravenstein.release.tables import PublishedTable
    from ravenstein.store.run import Run
    from ravenstein.study import Study

Row = dict[str, Any]
FOLDER = "release"
_KINDS = ("file", "parameter", "study", "method", "code", "engine")
_EDITION = "edition"
_LATEST = "latest"
_MOST = 4
_NOT_SHOWN = "withheld now, or no longer made"  # which of the two is not recorded


def keep_release(
    study: Study, run: Run, tables: Sequence[PublishedTable], new: Path, old: Path
) -> tuple[Kept, ReleaseDifference | None, pa.Table | None]:
    """Number the release that is being written, keep those before it, and compare it with the last.

    Args:
        study: The study.
        run: The run in progress.
        tables: The published tables, already written to `new/downloads` as CSV and Parquet.
        new: The folder that is being filled.
        old: The release whose place it takes; need not be there.

    Returns:
        What became of the vintages; what changed since the release before, None where there is
        none to compare with; the headline series by vintage, None where there are not two.
    """
    made = facts(study, run, tables, new)
    kept = keep_vintages(new, old, made, recorded=recorded_vintages(run))
    try:
        before = read_vintage(new / VINTAGES / str(kept.number - 1))
    except StoreError:  # the first, or missing or damaged: the warnings say so
        return kept, None, headline_vintages(new)
    return kept, difference(before, read_vintage(new)), headline_vintages(new)


def difference(
    old: PublishedVintage, new: PublishedVintage, only: str | None = None
) -> ReleaseDifference:
    """Compare two releases, table by table and figure by figure.

    Args:
        old: The earlier release.
        new: The later one.
        only: One table, by name; all where not given.

    Returns:
        The tables, each with what changed and what differs behind it. A table is compared in the
        columns that both releases have; one whose data are missing or damaged is said to be.

    Notes:
        Rows are matched by the table's grain. Where each release has one edition of the source,
        the edition is no part of a row's name: the same area and year in another edition is a
        figure revised, and the edition is among the reasons. Figures of groups from interviews
        that are there no more may be withheld now: their earlier value is not repeated.
    """
    names = sorted({*old.tables, *new.tables})
    found = tuple(_compared(old, new, name) for name in names if only in (None, name))
    parts = [_listed(table) for table in found if table.rows is not None]
    rows = pa.concat_tables([schema(RELEASE_CHANGES).empty_table(), *parts])
    said = [
        {n: each.facts[n] for n in ("vintage", "date", "run", "title", "code")}
        for each in (old, new)
    ]
    return ReleaseDifference(said[0], said[1], found, rows)


def _compared(old: PublishedVintage, new: PublishedVintage, name: str) -> TableChange:
    first, later = old.tables.get(name), new.tables.get(name)
    title = (later or first or {})["title"]
    plain = TableChange(name, title, "new", None, {}, (), (), "")
    if first is None or later is None:
        return plain if first is None else replace(plain, state="gone")
    surplus = [
        *(f"+{column}" for column in later["columns"] if column not in first["columns"]),
        *(f"−{column}" for column in first["columns"] if column not in later["columns"]),
    ]
    plain = replace(plain, columns=tuple(surplus))
    if first["data"] == later["data"]:
        return replace(plain, state="same")
    if set(first["grain"]) != set(later["grain"]):
        return replace(plain, state="other_form")
    if not (old.intact(name) and new.intact(name)):
        return replace(plain, state="damaged")
    declared = new.declaration(name)
    common = tuple(c for c in declared.columns if c.name in first["columns"])
    declared = replace(declared, columns=common)
    try:
        pair = [each.rows(declared) for each in (old, new)]
    except StoreError:
        return replace(plain, state="other_form")
    return _moved(plain, declared, pair, reasons(old, new, name))


def _moved(
    plain: TableChange, declared: Table, pair: list[pa.Table], behind: list[Difference]
) -> TableChange:
    """Compare the rows of a table's two versions."""
    key = list(declared.grain)
    several = len(key) > 1 and _EDITION in key
    editions = [_one_edition(rows) if several else None for rows in pair]
    if all(editions):
        key.remove(_EDITION)
        if editions[0] != editions[1]:
            other = Difference(_EDITION, "of the source", str(editions[0]), str(editions[1]))
            behind = [other, *behind]
    cells = moved_cells(
        pair[0], pair[1], key, [n for n in declared.names if n not in declared.grain]
    )
    rows = cells.rows
    if declared.name in WITHHELD:
        before = pc.if_else(_withheld(rows), pa.scalar(None, pa.string()), rows["before"])
        rows = rows.set_column(rows.column_names.index("before"), "before", before)
    counts = {name: getattr(cells, name) for name in ("added", "removed", "changed", "same")}
    why = in_short(behind)
    told = tuple(asdict(reason) for reason in behind)
    return replace(plain, state="changed", rows=rows, counts=counts, reasons=told, why=why)


def _withheld(rows: pa.Table) -> pa.ChunkedArray:
    """Say of each changed figure whether it is one of a group and not published any more."""
    gone = pc.or_(pc.equal(rows["change"], "removed"), pc.is_null(rows["after"]))
    return pc.and_(gone, pc.not_equal(rows["by"], ALL))


def _one_edition(rows: pa.Table) -> str | None:
    """Return the edition of the source that all rows are of; None where there are several."""
    found = pc.unique(rows[_EDITION]).to_pylist()
    return str(found[0]) if len(found) == 1 else None


def reasons(old: PublishedVintage, new: PublishedVintage, name: str) -> list[Difference]:
    """Return what is recorded to differ behind a table of two releases, through every step."""
    sides = [_behind(each, name) for each in (old, new)]
    return [one for kind in _KINDS for one in unlike(sides[0], sides[1], kind)]


def _behind(vintage: PublishedVintage, name: str) -> Behind:
    found: Behind = defaultdict(set)
    for setting, value in vintage.facts["study"].items():
        found["study", setting].add(value)
    for kind, things in vintage.tables[name]["behind"].items():
        for thing, values in things.items():
            found[kind, thing].update(values)
    return found


def in_short(behind: Sequence[Difference]) -> str:
    """Return what differs behind a table as a short list.

    >>> in_short([Difference("file", "data/a.csv", "01", "02"),
    ...           Difference("code", "ravenstein", "0.1+1", "0.1+2")])
    'file a.csv, code'
    """
    forms = {
        "edition": "edition {after}",
        "file": "file {name}",
        "parameter": "parameter {name}",
        "study": "setting {name}",
        "method": "method of {name}",
    }
    told = []
    for one in behind:
        name = PurePath(one.name).name if one.kind == "file" else one.name
        change = " (new)" if not one.before else " (gone)" if not one.after else ""
        told.append(forms.get(one.kind, one.kind).format(name=name, after=one.after) + change)
    return listed(dict.fromkeys(told), _MOST) or "nothing that is recorded"


def _listed(table: TableChange) -> pa.Table:
    """Return the changed figures of a table as rows of `release_changes`."""
    rows = table.rows
    assert rows is not None
    keys = rows.column_names[: rows.column_names.index("column")]
    parts = [
        pc.binary_join_element_wise(f"{name}=", pc.cast(rows[name], pa.string()), "")
        for name in keys
    ]
    cell = pc.binary_join_element_wise(*parts, ", ", null_handling="skip")
    count = len(rows)
    found = {"table": pa.array([table.name] * count, pa.string()), "cell": cell}
    found |= {n: rows[n] for n in ("column", "change", "before", "after", "difference")}
    found["why"] = pa.array([table.why] * count, pa.string())
    if table.name in WITHHELD:
        found["why"] = pc.if_else(_withheld(rows), f"{_NOT_SHOWN}; {table.why}", found["why"])
    return pa.table(found).cast(schema(RELEASE_CHANGES))


def compare_releases(
    folder: Path, old: str, new: str, table: str | None = None
) -> ReleaseDifference:
    """Compare two releases, each named by its number, `latest`, or a folder.

    Args:
        folder: The study's folder, or that of its release, that numbers are of.
        old: The earlier release.
        new: The later release.
        table: One table; all where not given.

    Raises:
        StudyError: If they are the same release, or not of one study.
        StoreError: If there is no such release, vintage or table, or data are damaged.
    """
    pair = [named_vintage(folder, word) for word in (old, new)]
    _need_one_study(pair[0], pair[1])
    known = {*pair[0].tables, *pair[1].tables}
    if table is not None and table not in known:
        near = nearest(table, known)
        raise StoreError(
            f"No table {table!r} was published in these releases.",
            expected=f"one of {', '.join(sorted(known))}",
            found=table,
            where="--table",
            fix=f"Use {near!r}." if near else "Use one of the tables listed.",
        )
    found = difference(pair[0], pair[1], table)
    names = [part.name for part in found.of("damaged")]
    for each in pair:
        if wrong := [name for name in names if not each.intact(name)]:
            raise damaged_data(each, wrong)
    return found


def release_folder(folder: Path) -> Path:
    """Return the folder of a study's release; the folder itself where it is one."""
    return folder if (folder / FACTS).exists() else folder / FOLDER


def named_vintage(folder: Path, word: str) -> PublishedVintage:
    """Return a vintage by its number, `latest`, or the folder it lies in."""
    if word != _LATEST and not re.fullmatch("[0-9]{1,9}", word):
        return read_vintage(release_folder(Path(word)))
    home = release_folder(folder)
    present = read_vintage(home)
    if word == _LATEST or int(word) == present.number:
        return present
    if not 1 <= int(word) < present.number:
        raise StoreError(
            f"There is no release {word}.",
            expected=f"a number from 1 to {present.number}, latest, or a folder",
            found=word,
            where=str(home),
            fix="`ravenstein release list` lists the releases.",
        )
    try:
        return read_vintage(home / VINTAGES / str(int(word)))
    except StoreError as error:
        raise StoreError(
            f"Release {word} is not there any more, or damaged.",
            expected=f"{VINTAGES}/{word} as it was kept",
            found=error.found,
            where=str(home),
            fix="Restore it from a backup, or compare other releases.",
        ) from None


def _need_one_study(old: PublishedVintage, new: PublishedVintage) -> None:
    """Refuse a release compared with itself, or with one of another study."""
    if old.folder.resolve() == new.folder.resolve():
        raise StudyError(
            "A release is compared with itself.",
            expected="two releases",
            found=f"release {old.number} twice",
            where="OLD and NEW",
            fix="`ravenstein release list` lists the releases.",
        )
    common = set(old.tables) & set(new.tables)
    if not common or old.facts["simulated"] != new.facts["simulated"]:
        raise StudyError(
            "The releases are of different studies.",
            expected="two releases of one study",
            found="one of simulated data and one of real data" if common else "no table in common",
            where="OLD and NEW",
            fix="Give two releases of one study.",
        )


def differing_titles(found: ReleaseDifference) -> Iterator[str]:
    """Yield a warning where the two releases have other titles: they may be of other studies."""
    titles = [str(each["title"]) for each in (found.before, found.after)]
    if titles[0] != titles[1]:
        yield f"The releases have other titles: {titles[0]!r} and {titles[1]!r}."
