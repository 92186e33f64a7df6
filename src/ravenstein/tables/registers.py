"""Registers: who is on a list of an administration, where, and since when.

Each has numbers of its own. Persons can be followed from one to another by name, date of birth,
sex and addresses alone, all of which may be wrong.
"""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import AREA_PATTERN, area_column

DOMICILES = CodeList(
    "domicile",
    {
        "country": "The country itself",
        "european_union": "Another state of the European Union",
        "elsewhere": "Elsewhere",
    },
    source="Higher Education Statistics Agency, Student record: domicile",
)

_TEXT, _DATE = ColumnType.STRING, ColumnType.DATE
_TWIN = "in the bundled study, the twin"

_PERSON = Column("person", _TEXT, "Number of the person, or its keyed hash", identifying=True)


def identity_columns() -> tuple[Column, ...]:
    """Return the columns of a record about a person: its number, name, date of birth and sex."""
    return (
        Column(
            "record", ColumnType.INTEGER, "Number of the record in this source", unit="number",
            minimum=0, identifying=True,
        ),
        Column("surname", _TEXT, "Family name, as typed", identifying=True),
        Column("given_name", _TEXT, "Given name, as typed", identifying=True),
        Column("birth_date", _DATE, "Date of birth, as typed", identifying=True),
        Column("sex", _TEXT, "Sex", codes=SEX),
    )  # fmt: skip


def postcode_column(name: str = "postcode", title: str = "Number of the postcode") -> Column:
    """Return the column of the postcode of an address."""
    return Column(name, ColumnType.INTEGER, title, unit="number", minimum=0, identifying=True)


def area_of(name: str, title: str, *, nullable: bool = False) -> Column:
    """Return a further column of an area."""
    return Column(name, _TEXT, title, pattern=AREA_PATTERN, nullable=nullable)


def year_of(title: str) -> Column:
    """Return the column of a year."""
    return Column("year", ColumnType.INTEGER, title, unit="calendar year", minimum=1990)


REGISTER_SNAPSHOT = Table(
    "register_snapshot",
    "A snapshot of the patient register: one row a person on the list",
    grain=("person",),
    columns=(
        _PERSON,
        area_column(),
        Column("sex", _TEXT, "Sex", codes=SEX),
        Column("birth_date", _DATE, "Date of birth", identifying=True),
    ),
    source="ONS, Population estimates for the UK, mid-year: methods guide, internal migration: "
    "Patient Register and Personal Demographic Service; in the bundled study, the twin, a folder "
    "a mid-year",
)

STUDENT_ADDRESSES = Table(
    "student_addresses",
    "Students in higher education and where they live in term time",
    grain=("person",),
    columns=(_PERSON, area_column()),
    source="ONS, Population estimates for the UK, mid-year: methods guide, internal migration: "
    "Higher Education Statistics Agency data; in the bundled study, the twin, a folder a mid-year",
    notes=(
        "Persons have the number of the patient register, as its holder linked them; who was not "
        "found there is left out.",
    ),
)

PATIENT_REGISTER = Table(
    "patient_register",
    "Everybody who is, or was, on the list of a general practice",
    grain=("record",),
    columns=(
        *identity_columns(),
        Column("registered_on", _DATE, "Day of the first registration", identifying=True),
        Column(
            "removed_on", _DATE, "Day of removal from the list; missing while on it",
            nullable=True, identifying=True,
        ),
        Column("from_abroad", ColumnType.BOOLEAN, "First registered after an arrival from abroad"),
    ),
    source=f"Patient register (National Health Service); {_TWIN}",
)  # fmt: skip

PATIENT_ADDRESSES = Table(
    "patient_addresses",
    "Addresses of patients, as they told their practices",
    grain=("record", "since"),
    columns=(
        identity_columns()[0],
        Column("since", _DATE, "Day of registration at this address", identifying=True),
        Column(
            "until", _DATE, "Day of the next registration or of removal; missing if open",
            nullable=True, identifying=True,
        ),
        area_column(),
        postcode_column(),
    ),
    source=f"Patient register (National Health Service); {_TWIN}",
)  # fmt: skip

INSURANCE_REGISTER = Table(
    "insurance_register",
    "Everybody who was given a national insurance number, at the time it was given",
    grain=("record",),
    columns=(
        *identity_columns(),
        Column("nationality", _TEXT, "Country of citizenship", pattern="[A-Z]{3}"),
        Column("registered_on", _DATE, "Day on which the number was given", identifying=True),
        Column(
            "overseas",
            ColumnType.BOOLEAN,
            "Given to an adult citizen of another state who came from abroad",
        ),
        area_column(),
        postcode_column(),
    ),
    source=f"National insurance number allocations (Department for Work and Pensions); {_TWIN}",
    notes=("Numbers are for life: nobody is taken off who leaves or dies.",),
)

HIGHER_EDUCATION_STUDENTS = Table(
    "higher_education_students",
    "Students in higher education, on 1 December of an academic year",
    grain=("year", "record"),
    columns=(
        year_of("Year in which the academic year began"),
        *identity_columns(),
        Column("domicile", _TEXT, "Where they lived before", codes=DOMICILES),
        area_of("home_area", "Area of the home address; missing if abroad", nullable=True),
        area_of("term_area", "Area of the term-time address"),
        postcode_column("term_postcode", "Number of the postcode of the term-time address"),
    ),
    source=f"Student record (Higher Education Statistics Agency); {_TWIN}",
)

SCHOOL_CENSUS = Table(
    "school_census",
    "Pupils aged 5 to 15 at the August before, in January",
    grain=("year", "record"),
    columns=(
        year_of("Year of the January"),
        *identity_columns(),
        area_column(),
        postcode_column(),
    ),
    source=f"School census (Department for Education); {_TWIN}",
)

BIRTH_REGISTRATIONS = Table(
    "birth_registrations",
    "Births, with the day on which they were registered",
    grain=("record",),
    columns=(
        *identity_columns(),
        Column("registered_on", _DATE, "Day of registration", identifying=True),
        area_of("area", "Area of the mother's usual residence"),
        Column(
            "age_of_mother", ColumnType.INTEGER, "Age of the mother", unit="years", minimum=10,
            maximum=60, age_definition="at event",
        ),
        Column("mother_born_abroad", ColumnType.BOOLEAN, "Mother born abroad"),
    ),
    source=f"Registration of births (General Register Office); {_TWIN}",
)  # fmt: skip

DEATH_REGISTRATIONS = Table(
    "death_registrations",
    "Deaths of residents, with the day on which they were registered",
    grain=("record",),
    columns=(
        *identity_columns(),
        Column("death_date", _DATE, "Day of death", identifying=True),
        Column("registered_on", _DATE, "Day of registration", identifying=True),
        area_of("area", "Area of usual residence"),
        Column("born_abroad", ColumnType.BOOLEAN, "Born abroad"),
    ),
    source=f"Registration of deaths (General Register Office); {_TWIN}",
)

TABLES = (
    REGISTER_SNAPSHOT, STUDENT_ADDRESSES, PATIENT_REGISTER, PATIENT_ADDRESSES, INSURANCE_REGISTER,
    HIGHER_EDUCATION_STUDENTS, SCHOOL_CENSUS, BIRTH_REGISTRATIONS, DEATH_REGISTRATIONS,
)  # fmt: skip
