"""What changed since the release before: in words, by table, and figure by figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.release import words
from ravenstein.release.headline import FLOW_NAMES
from ravenstein.tables.geography import NATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]
_SHOWN = 200
_LARGEST = 10
_KINDS = {
    "edition": "another edition of the source",
    "file": "source files",
    "parameter": "parameters",
    "study": "settings of the study",
    "method": "methods",
    "code": "the version of the code",
    "engine": "the engine",
}
_NAMED = {
    "edition": "Edition",
    "file": "File",
    "parameter": "Parameter",
    "study": "Setting",
    "method": "Method",
    "code": "Code",
    "engine": "Engine",
}
FLOW_TITLES = {flow: f"{name} (sum of components)" for flow, name in FLOW_NAMES.items()}
"""Names of the flows of `migration_flows`: the headline may be another, combined series."""
_HEADLINE = {
    "population_account": {"column": "closing"},
    "migration_flows": {"column": "persons", "nation": "all", "by": "all", "component": "total"},
}
"""Which figures of a table are headline figures."""
_STATES = {
    "same": "no figure changed",
    "new": "published for the first time",
    "gone": "no longer published",
    "other_form": "its rows are named by other columns: not compared",
    "damaged": "the data of one of the releases are missing or damaged: not compared",
}


@dataclass(frozen=True, eq=False)
class TableChange:
    """A published table in two releases.

    Args:
        name: Its name.
        title: Its title in the later release that has it.
        state: changed, or a key of `_STATES`.
        rows: A row a figure that changed: what names the row of the table, `column`, `change`
            (added, removed, changed), `before`, `after`, `difference`; None where not compared.
        counts: Figures that are `added`, `removed`, `changed` and the `same`.
        columns: Columns that only the later (+) or only the earlier (−) release has.
        reasons: What differs behind it: `kind`, `name`, `before`, `after`.
        why: The same as a short list in words.
    """

    name: str
    title: str
    state: str
    rows: pa.Table | None
    counts: Mapping[str, int]
    columns: tuple[str, ...]
    reasons: tuple[Row, ...]
    why: str

    @property
    def moved(self) -> int:
        """Number of figures that changed, were added or removed."""
        return sum(self.counts.get(name, 0) for name in ("changed", "added", "removed"))


@dataclass(frozen=True, eq=False)
class ReleaseDifference:
    """Two releases, and all in which they differ.

    Args:
        before: Of the earlier release `vintage`, `date`, `run`, `title`, `code`.
        after: The same of the later one.
        tables: Their tables, by name.
        rows: Rows of `release_changes`.
    """

    before: Row
    after: Row
    tables: tuple[TableChange, ...]
    rows: pa.Table

    def of(self, *states: str) -> list[TableChange]:
        """Return the tables in one of some states."""
        return [table for table in self.tables if table.state in states]


def change_words(found: ReleaseDifference | None) -> str:
    """Say in one sentence what changed since the release before.

    Args:
        found: From the release before to this one; None where there is none to compare with.
    """
    if found is None:
        return "There is no earlier release to compare these figures with."
    changed = [table for table in found.of("changed") if table.moved]
    others = [
        f"{len(tables)} {'table is' if len(tables) == 1 else 'tables are'} {what}"
        for state, what in (("new", "new"), ("gone", "no longer published"))
        if (tables := found.of(state))
    ]
    left = len(found.of("damaged", "other_form"))
    if left:
        others.append(f"{left} {'table' if left == 1 else 'tables'} could not be compared")
    since = f"Since release {found.before['vintage']},"
    if not changed:
        start = f"{since} no figure {'is known to have' if left else 'has'} changed"
        return "; ".join([start, *others]) + "."
    counts = {
        name: sum(table.counts[name] for table in changed)
        for name in ("changed", "added", "removed")
    }
    told = [f"{words.number(n)} {_were(n, what)}" for what, n in counts.items() if n]
    where = f"in {len(changed)} of {len(found.tables)} tables"
    return "; ".join([f"{since} {_joined(told)}, {where}", *others]) + "."


def _were(count: int, what: str) -> str:
    """Return what happened to figures, such as "figures were added".

    >>> _were(1, "changed"), _were(2, "added")
    ('figure has changed', 'figures were added')
    """
    noun = "figure" if count == 1 else "figures"
    if what == "changed":
        return f"{noun} {'has' if count == 1 else 'have'} changed"
    return f"{noun} {'was' if count == 1 else 'were'} {what}"


def changes_view(
    found: ReleaseDifference | None, *, number: int = 1, names: Mapping[str, str] | None = None
) -> Row:
    """Return what the page of changes shows.

    Args:
        found: From the release before to this one; None where there is none to compare with.
        number: Number of this release.
        names: Names of areas by code.

    Returns:
        `lead` and `why` in words, tables with their counts and reasons, the largest changes of
        headline figures, and the first figures, changed ones before those added or removed.
    """
    if found is None:
        lead = (
            "This is the first release: there is no earlier one to compare its figures with."
            if number == 1
            else f"The data of release {number - 1} are missing or damaged, so that what changed "
            "since cannot be listed."
        )
        return {"found": None, "number": number, "lead": lead}
    shown = [_cell(row) for row in first_cells(found, _SHOWN)]
    return {
        "found": found,
        "number": found.after["vintage"],
        "lead": change_words(found),
        "why": why_sentence(found),
        "tables": [{"table": table, "said": state_words(table)} for table in found.tables],
        "headline": headline_changes(found, names or {}),
        "reasons": _reasons(found),
        "cells": shown,
        "total": found.rows.num_rows,
    }


def first_cells(found: ReleaseDifference, most: int) -> list[Row]:
    """Return the first rows of what changed: figures that changed, then added or removed ones."""
    changed = pc.equal(found.rows["change"], "changed")
    parts = [found.rows.filter(chosen) for chosen in (changed, pc.invert(changed))]
    return list(pa.concat_tables(parts).slice(0, most).to_pylist())


def _cell(row: Row) -> Row:
    """Return a changed figure for reading: numbers in up to ten digits, codes as they are.

    >>> _cell({"before": "-1200.50", "after": "3", "difference": 1203.5})
    {'before': '−1,200.5', 'after': '3', 'difference': '+1,203.5'}
    >>> _cell({"before": None, "after": "3", "difference": None})
    {'before': '', 'after': '3', 'difference': ''}
    """
    if row["difference"] is None:
        return row | {name: row[name] or "" for name in ("before", "after", "difference")}
    forms = {"before": ",.10g", "after": ",.10g", "difference": "+,.10g"}
    return row | {n: format(float(row[n]), form).replace("-", "−") for n, form in forms.items()}


def why_sentence(found: ReleaseDifference) -> str:
    """Say what differs behind the tables that changed, by kind."""
    changed = [table for table in found.of("changed") if table.moved]
    if not changed:
        return ""
    kinds = {reason["kind"] for table in changed for reason in table.reasons}
    named = [what for kind, what in _KINDS.items() if kind in kinds]
    if not named:
        return "Nothing that is recorded behind these tables differs."
    return f"What differs behind them: {_joined(named)}."


def headline_changes(found: ReleaseDifference, names: Mapping[str, str]) -> list[Row]:
    """Return the largest changes of headline figures: populations, and migration of everybody.

    Args:
        found: The two releases.
        names: Names of areas by code.

    Returns:
        Rows of `what`, `year`, `before`, `after` and `difference`, the largest populations first,
        then the largest flows.
    """
    chosen: list[Row] = []
    for table in found.tables:
        rows, wanted = table.rows, _HEADLINE.get(table.name)
        if rows is None or wanted is None or not wanted.keys() <= {*rows.column_names}:
            continue
        for name, value in wanted.items():
            rows = rows.filter(pc.equal(rows[name], value))
        for row in _largest(rows):
            if "flow" in row:
                what = FLOW_TITLES.get(row["flow"], row["flow"])
            else:
                what = f"Population of {names.get(row['area'], row['area'])}"
            sides = {n: words.rounded(float(row[n])) for n in ("before", "after", "difference")}
            chosen.append({"what": what, "year": row["year"]} | sides)
    return chosen


def _largest(rows: pa.Table) -> list[Row]:
    """Return the rows that changed most, one a series: whole countries first, then by size."""
    changed = rows.filter(pc.equal(rows["change"], "changed"))
    known = changed.filter(pc.is_valid(changed["difference"])).to_pylist()
    # of equal changes the latest is the one that readers know
    known.sort(key=lambda row: (-abs(row["difference"]), -row["year"]))
    first: dict[str, Row] = {}
    for row in known:
        first.setdefault(row.get("area") or row["flow"], row)
    return sorted(first.values(), key=_is_local)[:_LARGEST]


def _is_local(row: Row) -> bool:
    return row.get("area", "") not in {"", *NATIONS.labels}


def state_words(table: TableChange) -> str:
    """Say of a table, other than how many figures changed, what became of it."""
    said = [_STATES[table.state]] if table.state in _STATES else []
    if table.columns:
        said.append(f"columns of one release alone: {', '.join(table.columns)}")
    return "; ".join(said)


def _reasons(found: ReleaseDifference) -> list[Row]:
    """Return what differs behind any table that changed, once, with the tables it is behind."""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for table in found.of("changed"):
        for reason in table.reasons:
            key = (reason["kind"], reason["name"], reason["before"], reason["after"])
            rows.setdefault(key, []).append(table.name)
    return [
        {
            "what": _NAMED[kind],
            "name": name,
            "before": short(kind, before),
            "after": short(kind, after),
            "tables": tables,
        }
        for (kind, name, before, after), tables in sorted(
            rows.items(), key=lambda item: (list(_KINDS).index(item[0][0]), item[0][1])
        )
    ]


def short(kind: str, text: str) -> str:
    """Return the beginning of hashes and long values, other text in full.

    >>> short("file", "0123456789abcdef"), short("study", ""), short("study", "2003")
    ('0123456789ab…', 'none', '2003')
    """
    if kind == "file":
        text = ", ".join(f"{part[:12]}…" for part in text.split(", ") if part)
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}…"
    return text or "none"


def _joined(parts: Sequence[str]) -> str:
    """Return parts as a list in words.

    >>> _joined(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
