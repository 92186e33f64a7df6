"""The census, and the survey that measures its coverage."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.geography import area_column
from ravenstein.tables.registers import area_of, identity_columns, postcode_column, year_of

YEAR_AGO = CodeList(
    "usual address a year before",
    {
        "area": "In the same area",
        "country": "In another area of the country",
        "abroad": "Outside the country",
        "unborn": "Not born yet",
    },
    source="ONS, Census 2011: address one year ago",
)

_TWIN = "in the bundled study, the twin"


def _address() -> tuple[Column, ...]:
    return (
        area_column(),
        postcode_column(),
        postcode_column("address", "Number of the address in the country"),
    )


CENSUS_RECORDS = Table(
    "census_records",
    "Persons that a census counted, each form one: some are missed, some are there twice",
    grain=("year", "record"),
    columns=(
        year_of("Year of the census"),
        *identity_columns(),
        *_address(),
        Column("born_abroad", ColumnType.BOOLEAN, "Born abroad"),
        Column(
            "arrival_year", ColumnType.INTEGER, "Year of the latest arrival to live here; missing "
            "for those born here, or before the twin begins", unit="calendar year", nullable=True,
        ),
        Column("year_ago", ColumnType.STRING, "Usual address a year before", codes=YEAR_AGO),
        area_of("area_year_ago", "Area a year before, if another", nullable=True),
        Column("student", ColumnType.BOOLEAN, "Student in higher education"),
    ),
    source=f"Census; {_TWIN}",
)  # fmt: skip

COVERAGE_SURVEY_SAMPLE = Table(
    "coverage_survey_sample",
    "Postcodes that the coverage survey visits",
    grain=("year", "postcode"),
    columns=(
        year_of("Year of the census"),
        area_column(),
        postcode_column(),
        Column(
            "probability", ColumnType.NUMBER, "Probability of selection, within the area",
            unit="probability", minimum=0, maximum=1,
        ),
    ),
    source=f"Census coverage survey: sample; {_TWIN}",
)  # fmt: skip

COVERAGE_SURVEY_RECORDS = Table(
    "coverage_survey_records",
    "Persons that the coverage survey found, six weeks later and without knowledge of the census",
    grain=("year", "record"),
    columns=(year_of("Year of the census"), *identity_columns(), *_address()),
    source=f"Census coverage survey; {_TWIN}",
)

TABLES = (CENSUS_RECORDS, COVERAGE_SURVEY_SAMPLE, COVERAGE_SURVEY_RECORDS)
