"""Where a table, or one cell of it, came from: back through every step to the files."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ravenstein.core.errors import StudyError
from ravenstein.core.schema import ColumnType
from ravenstein.store.files import file_hash, matching_lines
from ravenstein.tables.dictionary import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from ravenstein.core.schema import Table
    from ravenstein.store.database import Store, Vintage

Cells = dict[str, list[Any]]
_CONDITION = re.compile(
    r"\s*(?P<column>\w+)\s*=\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<plain>[^\s'\"=]+))"
    r"\s*(?:(?P<more>\band\b)|$)",
    re.IGNORECASE,
)
_MOST_ROWS = 5
_MOST_LISTED = 4


@dataclass(frozen=True)
class FileOrigin:
    """A file behind a table: its hash, whether it is still the same, and the rows."""

    name: str
    sha256: str
    state: str
    predicate: str
    rows: int | None
    lines: list[int]


@dataclass(frozen=True)
class Explanation:
    """A table's vintage, how it was made, the rows asked for, and what they came from."""

    vintage: Vintage
    code_version: str
    predicate: str
    rows: int
    first: list[dict[str, Any]]
    tables: list[Explanation] = field(default_factory=list)
    files: list[FileOrigin] = field(default_factory=list)


def conditions(table: Table, where: str | None) -> Cells:
    """Read a question such as "area=E06000001 and year=2012".

    Args:
        table: The table asked about.
        where: Equalities joined by `and`, or None for the whole table.

    Returns:
        The values asked for, by column.

    Raises:
        StudyError: If it has another form or a value another type.
        TableError: If a column is not the table's.
    """
    found: Cells = {}
    rest = where
    while rest is not None:
        match = _CONDITION.match(rest)
        if not match:
            raise _bad_condition(rest, "COLUMN=VALUE, joined by and; quotes around spaces")
        column = table.column(match["column"])
        text = next(part for part in match.group("single", "double", "plain") if part is not None)
        if column.type is ColumnType.INTEGER and not re.fullmatch(r"-?\d{1,18}", text):
            raise _bad_condition(match[0], f"a whole number for {column.name}")
        value: Any = int(text) if column.type is ColumnType.INTEGER else text
        if found.setdefault(column.name, [value]) != [value]:
            raise _bad_condition(match[0], f"one value of {column.name}")
        rest = rest[match.end() :] if match["more"] else None
    return found


def _bad_condition(part: str, expected: str) -> StudyError:
    return StudyError(
        "The condition cannot be read.",
        expected=expected,
        found=part,
        where="--where",
        fix='Write it like --where "area=E06000001 and year=2012".',
    )


def explain(
    store: Store,
    study: Path,
    table: Table,
    where: str | None = None,
    *,
    vintage: int | None = None,
) -> Explanation:
    """Trace a table, or some of its cells, to the files.

    Args:
        store: The open store.
        study: The study's folder, for the files.
        table: The table asked about.
        where: Which cells, as for `conditions`.
        vintage: Which vintage; the latest where not given.

    Returns:
        The trace. Counts are of the vintages that were really read.
    """
    cells = conditions(table, where)
    found = _trace(store, study, store.vintage(table.name, vintage), _clauses_of(cells), cells)
    if not found.rows:
        raise StudyError(
            f"Table {table.name!r} has no such cell.",
            expected=f"values that occur in {', '.join(table.grain)}",
            found=str(where),
            where="--where",
            fix="Ask for fewer conditions to see which values there are.",
        )
    return found


def _clauses_of(cells: Cells) -> list[str]:
    return [f'"{name}" in {_sql_list(values)}' for name, values in cells.items()]


def _trace(
    store: Store, study: Path, vintage: Vintage, clauses: list[str], cells: Cells
) -> Explanation:
    predicate = " and ".join(clauses)
    relation = store.relation(vintage.storage)
    chosen = relation.filter(predicate) if predicate else relation
    table = TABLES[vintage.table_name]
    grain = {
        name: [row[0] for row in chosen.select(f'"{name}"').distinct().order("1").fetchall()]
        for name in table.grain
        if predicate
    }
    explanation = Explanation(
        vintage,
        store.code_version(vintage.run),
        shortened(clauses),
        int(chosen.count("*").fetchall()[0][0]),
        _rows(table, chosen) if cells else [],
    )
    for kind, name, write, sha256, row_clauses, applies in store.connection.execute(
        "SELECT kind, name, from_write, sha256, clauses, applies FROM provenance.inputs "
        "WHERE write = ? ORDER BY position",
        [vintage.write],
    ).fetchall():
        if kind == "table":
            inner = [c for c in (_filled(c, grain) for c in json.loads(row_clauses)) if c]
            source = next(v for v in store.vintages(name) if v.write == write)
            explanation.tables.append(_trace(store, study, source, inner, cells))
        elif _concerns(json.loads(applies), grain):
            column, key = json.loads(row_clauses)
            explanation.files.append(_origin(study, name, sha256, column, grain.get(key)))
    return explanation


def _rows(table: Table, chosen: Any) -> list[dict[str, Any]]:
    """Return the first rows; of a table whose rows may point to persons none; without draws."""
    if any(column.identifying for column in table.columns):
        return []
    shown = [column.name for column in table.columns if column.type != ColumnType.DRAWS]
    first = chosen.order(", ".join(f'"{name}"' for name in table.grain)).limit(_MOST_ROWS)
    rows = first.select(", ".join(f'"{name}"' for name in shown)).fetchall()
    return [dict(zip(shown, row, strict=True)) for row in rows]


def _filled(clause: str, cells: Cells) -> str | None:
    """Fill a clause's places with the cells asked for; None if one of them is not fixed."""
    wanted = re.findall(r"\{(\w+)\}", clause)
    if any(name not in cells for name in wanted):
        return None
    return re.sub(r"\{(\w+)\}", lambda match: _sql_list(cells[match[1]]), clause)


def _concerns(applies: dict[str, str], cells: Cells) -> bool:
    return all(value in cells.get(name, [value]) for name, value in applies.items())


def _origin(
    study: Path, name: str, sha256: str, column: str, values: list[Any] | None
) -> FileOrigin:
    path = study / name
    state = "unchanged"
    try:
        if not path.is_file():
            state = "no longer there"
        elif file_hash(path) != sha256:
            state = "changed since it was read"
    except OSError:
        state = "not readable"
    if values is None or state != "unchanged" or path.suffix == ".parquet" or not column:
        return FileOrigin(name, sha256, state, "all rows", None, [])
    lines = matching_lines(path, column, {str(value) for value in values})
    predicate = shortened([f"{column} in {_sql_list(values)}"])
    return FileOrigin(name, sha256, state, predicate, len(lines), lines)


def _sql_list(values: list[Any]) -> str:
    quoted = [
        str(v) if isinstance(v, int) else "'" + str(v).replace("'", "''") + "'" for v in values
    ]
    return "(" + (", ".join(quoted) or "NULL") + ")"


def as_dict(found: Explanation) -> dict[str, Any]:
    """Return an explanation as plain dictionaries and lists, for JSON."""
    return dataclasses.asdict(found)


def shortened(clauses: list[str]) -> str:
    """Return conditions as text, long lists cut to their first values and a count.

    >>> shortened(["area in ('A', 'B', 'C', 'D', 'E', 'F')"])
    "area in ('A', 'B', 'C', 'D', … 6 values)"
    """

    def cut(match: re.Match[str]) -> str:
        values = match[1].split(", ")
        if len(values) <= _MOST_LISTED:
            return match[0]
        return f"in ({', '.join(values[:_MOST_LISTED])}, … {len(values)} values)"

    return re.sub(r"in \(([^()]*)\)", cut, " and ".join(clauses)) or "all rows"
