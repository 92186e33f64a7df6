"""Checking rows against their declaration: one aggregate query, and where it fails, the place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ravenstein.core.errors import TableError, listed
from ravenstein.core.schema import broken_rules, check_columns, check_query, with_repeats

if TYPE_CHECKING:
    import narwhals as nw

    from ravenstein.core.schema import Rule, Table

_SHOWN = 3


def checked(table: Table, frame: nw.LazyFrame[Any]) -> int:
    """Check rows against their declaration.

    Args:
        table: The declaration.
        frame: The rows.

    Returns:
        The number of rows.

    Raises:
        TableError: If a rule is broken: the rule, the number of rows and the first cells.
    """
    check_columns(table, frame)
    counts = check_query(table, frame).collect().rows(named=True)[0]
    rows, broken = broken_rules(table, counts)
    if broken:
        rule, count = broken[0]
        others = f"; {len(broken) - 1} more rules are broken" if len(broken) > 1 else ""
        raise TableError(
            f"Table {table.name!r} breaks its declaration in {count} of {rows} rows.",
            expected=f"in {rule.column}: {rule.expected}",
            found=f"{_first_cells(table, frame, rule)}{others}",
            where=f"table {table.name}, column {rule.column}",
            fix="Correct the source or the step that wrote the rows; nothing was stored.",
        )
    return rows


def _first_cells(table: Table, frame: nw.LazyFrame[Any], rule: Rule) -> str:
    """Name the first cells that break a rule; never the values of identifying columns."""
    if any(column.identifying for column in table.columns):
        return "rows with personal identifiers (not shown)"
    names = list(dict.fromkeys([*table.grain, rule.column]))
    rows = (
        with_repeats(table, frame)
        .filter(rule.broken)
        .select(*names)
        .sort(*names)
        .head(_SHOWN)
        .collect()
        .rows(named=True)
    )
    return listed(
        ["(" + ", ".join(f"{name}={row[name]}" for name in names) + ")" for row in rows], _SHOWN
    )
