"""Registers: who is on a list of an administration, and where, on a day of the year."""

from __future__ import annotations

from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import area_column

_PERSON = Column(
    "person", ColumnType.STRING, "Number of the person, or its keyed hash", identifying=True
)

REGISTER_SNAPSHOT = Table(
    "register_snapshot",
    "A snapshot of the patient register: one row a person on the list",
    grain=("person",),
    columns=(
        _PERSON,
        area_column(),
        Column("sex", ColumnType.STRING, "Sex", codes=SEX),
        Column("birth_date", ColumnType.DATE, "Date of birth", identifying=True),
    ),
    source="ONS, Population estimates for the UK, mid-year: methods guide, internal migration: "
    "Patient Register and Personal Demographic Service",
)

STUDENT_ADDRESSES = Table(
    "student_addresses",
    "Students in higher education and where they live in term time",
    grain=("person",),
    columns=(_PERSON, area_column()),
    source="ONS, Population estimates for the UK, mid-year: methods guide, internal migration: "
    "Higher Education Statistics Agency data",
)

TABLES = (REGISTER_SNAPSHOT, STUDENT_ADDRESSES)
