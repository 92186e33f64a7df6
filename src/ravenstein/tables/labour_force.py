"""The labour-force survey: a panel of addresses, each visited in five quarters."""

from __future__ import annotations

from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import area_column
from ravenstein.tables.passenger_survey import CITIZENSHIPS
from ravenstein.tables.registers import postcode_column
from ravenstein.tables.truth import BIRTH_COUNTRIES

_TWIN = "in the bundled study, the twin"
_QUARTER = Column("quarter", ColumnType.DATE, "First day of the quarter")
_WAVE = Column(
    "wave", ColumnType.INTEGER, "Quarter of the address in the survey", unit="number", minimum=1,
    maximum=5,
)  # fmt: skip

LABOUR_FORCE_SAMPLE = Table(
    "labour_force_sample",
    "Addresses that the labour-force survey visits, empty ones among them",
    grain=("quarter", "wave", "area"),
    columns=(
        _QUARTER,
        _WAVE,
        area_column(),
        Column("addresses", ColumnType.INTEGER, "Addresses", unit="addresses", minimum=0),
        Column(
            "interval", ColumnType.INTEGER, "One in how many addresses of the list", minimum=1,
            unit="addresses",
        ),
    ),
    source=f"Labour Force Survey: sample; {_TWIN}",
)  # fmt: skip

LABOUR_FORCE_INTERVIEWS = Table(
    "labour_force_interviews",
    "Persons of addresses that took part in the labour-force survey",
    grain=("quarter", "record"),
    columns=(
        _QUARTER,
        Column(
            "record", ColumnType.INTEGER, "Number of the person in the survey", unit="number",
            minimum=0, identifying=True,
        ),
        _WAVE,
        area_column(),
        postcode_column("address", "Number of the address in the survey"),
        Column("sex", ColumnType.STRING, "Sex", codes=SEX),
        Column(
            "age", ColumnType.INTEGER, "Age", unit="years", minimum=0, maximum=90,
            age_definition="at event; 90 is 90 and over",
        ),
        Column("birth_country", ColumnType.STRING, "Country of birth", codes=BIRTH_COUNTRIES),
        Column("citizenship", ColumnType.STRING, "Citizenship group", codes=CITIZENSHIPS),
        Column(
            "arrival_year", ColumnType.INTEGER, "Year of the latest arrival to live here; missing "
            "for those born here, or before the twin begins", unit="calendar year", nullable=True,
        ),
        Column(
            "employed", ColumnType.BOOLEAN, "In employment; missing under 16", nullable=True
        ),
        Column("proxy", ColumnType.BOOLEAN, "Answered by another member of the household"),
    ),
    source=f"Labour Force Survey; {_TWIN}",
)  # fmt: skip

TABLES = (LABOUR_FORCE_SAMPLE, LABOUR_FORCE_INTERVIEWS)
