"""Movements over the border, as the entry–exit system holds them."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table

DIRECTIONS = CodeList(
    "direction",
    {"arrival": "Arrival in the country", "departure": "Departure from the country"},
    source="docs/reference/data-dictionary.md",
)

SEX = CodeList("sex", {"F": "Female", "M": "Male"}, source="SDMX CL_SEX 2.1")

_TEXT = ColumnType.STRING

BORDER_MOVEMENTS = Table(
    "border_movements",
    "Crossings that the entry–exit system holds, with identities as they were typed",
    grain=("record",),
    columns=(
        Column("record", ColumnType.INTEGER, "Number of the record", unit="number", minimum=0),
        Column("crossed_at", ColumnType.TIME, "Time of the crossing"),
        Column("direction", _TEXT, "Direction", codes=DIRECTIONS),
        Column("route", ColumnType.INTEGER, "Number of the port route", unit="number", minimum=1),
        Column("carrier", ColumnType.INTEGER, "Number of the carrier", unit="number", minimum=1),
        Column("surname", _TEXT, "Family name", identifying=True),
        Column("given_name", _TEXT, "Given name", identifying=True),
        Column("birth_date", ColumnType.DATE, "Date of birth", identifying=True),
        Column("sex", _TEXT, "Sex", codes=SEX),
        Column("nationality", _TEXT, "Country of the document", pattern="[A-Z]{3}"),
        Column("document", _TEXT, "Number of the document", nullable=True, identifying=True),
    ),
    source="The entry–exit system; in the bundled study, the twin",
)

BORDER_SUMMARY = Table(
    "border_summary",
    "Crossings by month and by what the residence rule says of them",
    grain=("window", "threshold", "month", "direction"),
    columns=(
        Column("window", ColumnType.INTEGER, "Days looked at", unit="days", minimum=1),
        Column("threshold", ColumnType.INTEGER, "Days that decide", unit="days", minimum=1),
        Column("month", ColumnType.DATE, "First day of the month of the crossing"),
        Column("direction", _TEXT, "Direction", codes=DIRECTIONS),
        Column("crossings", ColumnType.INTEGER, "Crossings", unit="number", minimum=0),
        Column("migrants", ColumnType.INTEGER, "Of migrants", unit="number", minimum=0),
        Column("others", ColumnType.INTEGER, "Of others", unit="number", minimum=0),
        Column("undecided", ColumnType.INTEGER, "Not decided yet", unit="number", minimum=0),
    ),
    source="border_movements",
)

BORDER_GAPS = Table(
    "border_gaps",
    "Crossings that follow one of the same person in the same direction: a crossing between is "
    "missing, or the identity is another's",
    grain=("month",),
    columns=(
        Column("month", ColumnType.DATE, "First day of the month"),
        Column("crossings", ColumnType.INTEGER, "Crossings", unit="number", minimum=0),
        Column("repeated", ColumnType.INTEGER, "Of them in the direction of the one before",
               unit="number", minimum=0),
    ),
    source="border_movements",
)  # fmt: skip

TABLES = (BORDER_MOVEMENTS, BORDER_SUMMARY, BORDER_GAPS)
