"""Declared tables: grain, columns, types, units, codes; and the one query that checks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import narwhals as nw

from ravenstein.core.errors import TableError, listed, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from narwhals.dtypes import DType

_REPEATED = "__cell_repeated"
_CLOSED = "__rows"


class ColumnType(StrEnum):
    """The types a declared column can have."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time (UTC)"
    DRAWS = "draws (list of float32)"

    @property
    def dtype(self) -> DType | type[DType]:
        """The Narwhals type every engine must show."""
        dtypes: dict[ColumnType, DType | type[DType]] = {
            ColumnType.STRING: nw.String,
            ColumnType.INTEGER: nw.Int64,
            ColumnType.NUMBER: nw.Float64,
            ColumnType.BOOLEAN: nw.Boolean,
            ColumnType.DATE: nw.Date,
            ColumnType.TIME: nw.Datetime("us", "UTC"),
            ColumnType.DRAWS: nw.List(nw.Float32),
        }
        return dtypes[self]


@dataclass(frozen=True)
class CodeList:
    """A closed list of codes with labels, and the standard or document it comes from.

    >>> sexes = CodeList("sex", {"F": "Female", "M": "Male"}, source="SDMX CL_SEX 2.1")
    >>> sexes.labels["F"]
    'Female'
    """

    name: str
    labels: Mapping[str, str]
    source: str
    parents: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(
            {*self.parents, *self.parents.values()} - set(self.labels),
        )
        if unknown:
            raise TableError(
                f"Code list {self.name!r} has a hierarchy over codes it does not hold.",
                expected="children and parents among the labels",
                found=listed(unknown),
                where=f"code list {self.name}",
                fix="Add the codes to the labels or correct the hierarchy.",
            )


@dataclass(frozen=True)
class Column:
    """One column of a declared table.

    Args:
        name: Column name, lower case with underscores.
        type: One of `ColumnType`.
        title: What it holds, in the field's words.
        unit: Unit of a number (`persons`, `days`, …).
        codes: Closed code list, for coded columns.
        pattern: Regular expression that every text value matches in full.
        nullable: Whether a value may be missing.
        minimum: Smallest value allowed.
        maximum: Largest value allowed.
        age_definition: For ages, which age: at event, at mid-year, reached in the year.
        identifying: Whether values may point to a person; they are then never shown.
    """

    name: str
    type: ColumnType
    title: str
    unit: str | None = None
    codes: CodeList | None = None
    pattern: str | None = None
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    age_definition: str | None = None
    identifying: bool = False

    def __post_init__(self) -> None:
        is_age = self.name == "age" or self.name.startswith("age_")
        if is_age and not self.age_definition:
            raise TableError(
                f"Column {self.name!r} holds ages but does not say which.",
                expected="age_definition, such as 'at mid-year'",
                found="none",
                where=f"column {self.name}",
                fix="Declare the age definition: at event, at mid-year or reached in the year.",
            )
        if self.type in (ColumnType.INTEGER, ColumnType.NUMBER) and not self.unit:
            raise TableError(
                f"Column {self.name!r} holds numbers without a unit.",
                expected="unit, such as 'persons'",
                found="none",
                where=f"column {self.name}",
                fix="Declare the unit.",
            )


@dataclass(frozen=True)
class Rule:
    """One thing that must hold in a column; `broken` is true for a row that breaks it."""

    column: str
    expected: str
    broken: nw.Expr


@dataclass(frozen=True)
class Table:
    """A declaration of rows: what one row is, and what its columns hold.

    Args:
        name: Table name in the store.
        title: What the table holds.
        grain: The columns that name a cell; no two rows share them.
        columns: The columns, in order.
        source: Document or standard behind the declaration.
        notes: What a reader of the published table must know.

    >>> flows = Table("flows", "Flows by year", ("year",), (
    ...     Column("year", ColumnType.INTEGER, "Year", unit="calendar year"),
    ...     Column("persons", ColumnType.INTEGER, "Movers", unit="persons", minimum=0)),
    ...     source="example")
    >>> flows.column("persons").unit
    'persons'
    """

    name: str
    title: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        repeated = {name for name in self.names if self.names.count(name) > 1}
        lacking = sorted(set(self.grain) - set(self.names))
        if repeated or lacking or not self.grain:
            raise TableError(
                f"The declaration of table {self.name!r} is inconsistent.",
                expected="distinct columns and a grain made of some of them",
                found=f"repeated: {sorted(repeated)}, in the grain only: {lacking}",
                where=f"table {self.name}",
                fix="Correct the declaration.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            TableError: If there is none; the nearest name is given.
        """
        for column in self.columns:
            if column.name == name:
                return column
        near = nearest(name, self.names)
        raise TableError(
            f"Table {self.name!r} has no column {name!r}.",
            expected=f"one of {', '.join(self.names)}",
            found=name,
            where=f"table {self.name}",
            fix=f"Use {near!r}." if near else "Use one of the columns listed.",
        )


def rules(table: Table) -> Iterator[Rule]:
    """Yield every rule a declaration makes, as row expressions.

    Args:
        table: The declaration.

    Yields:
        Rules; each `broken` expression is a boolean, one a row.
    """
    for column in table.columns:
        yield from _column_rules(column)
    cell = ", ".join(table.grain)
    yield Rule(table.grain[0], f"one row for each ({cell})", nw.col(_REPEATED) > 1)


def _column_rules(column: Column) -> Iterator[Rule]:
    value = nw.col(column.name)
    name = column.name
    if not column.nullable:
        yield Rule(name, "a value in every row", value.is_null())
    if column.type is ColumnType.NUMBER:
        yield Rule(name, "numbers that are finite", ~value.is_finite())
    if column.codes is not None:
        known = list(column.codes.labels)
        yield Rule(name, f"codes of the list {column.codes.name}", ~value.is_in(known))
    if column.pattern is not None:
        yield Rule(
            name,
            f"text of the form {column.pattern}",
            ~value.str.contains(f"^(?:{column.pattern})$"),
        )
    if column.minimum is not None:
        yield Rule(name, f"values of at least {column.minimum:g}", value < column.minimum)
    if column.maximum is not None:
        yield Rule(name, f"values of at most {column.maximum:g}", value > column.maximum)


def check_columns(table: Table, frame: nw.LazyFrame[Any]) -> None:
    """Check names and types of rows against the declaration; runs no query.

    Args:
        table: The declaration.
        frame: Rows.

    Raises:
        TableError: If a column is missing, surplus or of another type.
    """
    found = dict(frame.collect_schema())
    missing = [name for name in table.names if name not in found]
    surplus = [name for name in found if name not in table.names]
    if missing or surplus:
        raise TableError(
            f"The columns of table {table.name!r} are not the declared ones.",
            expected=", ".join(table.names),
            found=f"missing: {listed(missing) or 'none'}; surplus: {listed(surplus) or 'none'}",
            where=f"table {table.name}",
            fix="Select the declared columns, or change the declaration.",
        )
    wrong = [
        f"{column.name} is {found[column.name]}"
        for column in table.columns
        if not _fits(found[column.name], column.type)
    ]
    if wrong:
        raise TableError(
            f"Columns of table {table.name!r} have another type than declared.",
            expected=", ".join(f"{c.name} {c.type}" for c in table.columns),
            found=listed(wrong),
            where=f"table {table.name}",
            fix="Cast the columns (engine sums of integers come back as decimals).",
        )


def _fits(found: DType, declared: ColumnType) -> bool:
    """Say whether a column is of its type; an engine may show instants in the machine's zone."""
    if declared is ColumnType.TIME and isinstance(found, nw.Datetime):
        return found.time_unit == "us" and found.time_zone is not None
    return bool(found == declared.dtype)


def with_repeats(table: Table, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add the number of rows that share each row's cell, for the grain's rule."""
    return frame.with_columns(nw.len().over(*table.grain).alias(_REPEATED))


def check_query(table: Table, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the one aggregate query that counts the rows breaking each rule.

    Args:
        table: The declaration.
        frame: Rows with the declared columns.

    Returns:
        One row: `__rows`, then `rule_0`, `rule_1`, … in the order of `rules`.
    """
    counts = [
        rule.broken.fill_null(value=False).cast(nw.Int64).sum().alias(f"rule_{position}")
        for position, rule in enumerate(rules(table))
    ]
    return with_repeats(table, frame).select(nw.len().alias(_CLOSED), *counts)


def broken_rules(table: Table, counts: Mapping[str, Any]) -> tuple[int, list[tuple[Rule, int]]]:
    """Read the one row of `check_query`.

    Args:
        table: The declaration.
        counts: The row, by column name.

    Returns:
        The number of rows, and the broken rules with their number of rows.
    """
    broken = []
    for position, rule in enumerate(rules(table)):
        count = int(counts[f"rule_{position}"] or 0)
        if count:
            broken.append((rule, count))
    return int(counts[_CLOSED]), broken
