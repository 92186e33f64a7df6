"""The twin's truth. No estimate may read these tables; recovery tests compare with them."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import area_column
from ravenstein.tables.other_statistics import APPLICANTS, OUTCOMES, RETURNS, SPECIAL_POPULATIONS
from ravenstein.tables.passenger_survey import CITIZENSHIPS, PURPOSES
from ravenstein.tables.population import COMPONENTS, year_column
from ravenstein.tables.survey_results import FLOWS, SHORT_TERM_DEFINITIONS

DEFINITIONS = CodeList(
    "definition of migration",
    {
        "residence_12_of_16": "In (or out of) the country on 365 of the 487 days from the "
        "crossing: 12 of 16 months",
        "un_12_months": "Change of usual residence for 12 months or more, as it turned out; short "
        "visits do not interrupt it",
        "stated_intention": "Change of usual residence for 12 months or more, as stated at the "
        "border",
    },
    source="Stats NZ, Outcomes-based migration measure, 2017; UN, Recommendations on Statistics "
    "of International Migration, Revision 1, 1998; ONS, Long-Term International Migration",
)

BIRTH_COUNTRIES = CodeList(
    "country of birth",
    {
        "country": "The country itself",
        **{code: label for code, label in CITIZENSHIPS.labels.items() if code != "british"},
    },
    source="As the citizenship groups",
)

_TEXT, _INTEGER = ColumnType.STRING, ColumnType.INTEGER
_SOURCE = "The twin's latent histories"


def _age(definition: str) -> Column:
    return Column(
        "age", _INTEGER, "Age", unit="years", minimum=0, maximum=90,
        age_definition=f"{definition}; 90 is 90 and over",
    )  # fmt: skip


def _persons(name: str = "persons", title: str = "Persons") -> Column:
    return Column(name, _INTEGER, title, unit="persons", minimum=0)


def _calendar_year() -> Column:
    return Column("year", _INTEGER, "Calendar year", unit="calendar year", minimum=1990)


_SEX = Column("sex", _TEXT, "Sex", codes=SEX)
_CITIZENSHIP = Column("citizenship", _TEXT, "Citizenship group", codes=CITIZENSHIPS)
_REASON = Column("reason", _TEXT, "Main reason", codes=PURPOSES, nullable=True)
_FLOW = Column("direction", _TEXT, "Direction", codes=FLOWS)
_AREA_IF_KNOWN = Column(
    "area", _TEXT, "Area of residence; missing for those without one", nullable=True,
    pattern=area_column().pattern,
)  # fmt: skip
_PERSON = Column(
    "person", _INTEGER, "Number of the person", unit="number", minimum=0, identifying=True
)

TRUTH_POPULATION = Table(
    "truth_population",
    "Residents at mid-year, by usual residence",
    grain=("area", "sex", "age", "year"),
    columns=(area_column(), _SEX, _age("at mid-year"), year_column(), _persons()),
    source=_SOURCE,
)

TRUTH_COMPONENTS = Table(
    "truth_components",
    "Components of change by usual residence: stock = stock of a year younger before + births − "
    "deaths + internal and international migration, in every cell",
    grain=("area", "sex", "age", "year", "component"),
    columns=(
        area_column(),
        _SEX,
        _age("at mid-year at the end of the year"),
        year_column(),
        Column("component", _TEXT, "Component", codes=COMPONENTS),
        _persons(),
    ),
    source=_SOURCE,
)

TRUTH_MIGRATION = Table(
    "truth_migration",
    "Long-term migrations by each definition in use",
    grain=(
        "definition", "year", "direction", "citizenship", "reason", "age", "sex", "area",
    ),
    columns=(
        Column("definition", _TEXT, "Definition", codes=DEFINITIONS),
        _calendar_year(),
        _FLOW,
        _CITIZENSHIP,
        _REASON,
        _age("at event"),
        _SEX,
        _AREA_IF_KNOWN,
        _persons(title="Migrations"),
    ),
    source=_SOURCE,
)  # fmt: skip

MIGRATION_PARTS = CodeList(
    "part of long-term migration",
    {
        "stated": "Stated 12 months or more, on routes other than the land border, no asylum",
        "land": "Migrants over the land border",
        "asylum": "Migrants among asylum seekers, on other routes",
        "visitor_switchers": "Stated less than 12 months, stayed or went for 12 or more",
        "migrant_switchers": "Stated 12 months or more, stayed or went for less: to be taken off",
    },
    source="ONS, Long-Term International Migration: methodology",
)

TRUTH_MIGRATION_PARTS = Table(
    "truth_migration_parts",
    "Long-term migrations as they turned out, by what a survey of intentions misses: migrants = "
    "stated + land + asylum + visitor switchers − migrant switchers",
    grain=("year", "direction", "part", "citizenship"),
    columns=(
        _calendar_year(),
        _FLOW,
        Column("part", _TEXT, "Part", codes=MIGRATION_PARTS),
        _CITIZENSHIP,
        _persons(title="Migrations"),
    ),
    source=_SOURCE,
    notes=("Parts but the land's and asylum's are of other routes, and of others.",),
)

TRUTH_SHORT_TERM = Table(
    "truth_short_term",
    "Stays of non-residents (immigration) and absences of residents (emigration) that ended, by "
    "the year in which they began",
    grain=(
        "definition",
        "year",
        "direction",
        "citizenship",
        "reason",
        "age",
        "sex",
        "area",
    ),
    columns=(
        Column("definition", _TEXT, "Definition", codes=SHORT_TERM_DEFINITIONS),
        _calendar_year(),
        _FLOW,
        _CITIZENSHIP,
        _REASON,
        _age("at the end of the stay or absence"),
        _SEX,
        _AREA_IF_KNOWN,
        _persons(title="Stays or absences"),
    ),
    source=_SOURCE,
)

TRUTH_IDENTITIES = Table(
    "truth_identities",
    "Who is who: the person behind each record of each source",
    grain=("source", "record"),
    columns=(
        Column("source", _TEXT, "Table that holds the record", pattern="[a-z_]+"),
        Column("record", _INTEGER, "Number of the record", unit="number", minimum=0),
        _PERSON,
    ),
    source=_SOURCE,
)

TRUTH_PEOPLE = Table(
    "truth_people",
    "Everybody who lives in the country or visits it",
    grain=("person",),
    columns=(
        _PERSON,
        _SEX,
        Column("birth_date", ColumnType.DATE, "Date of birth", identifying=True),
        _CITIZENSHIP,
        Column("birth_country", _TEXT, "Country of birth", codes=BIRTH_COUNTRIES),
        Column(
            "death_date",
            ColumnType.DATE,
            "Date of death; missing if later than the twin",
            nullable=True,
            identifying=True,
        ),
        Column("asylum", ColumnType.BOOLEAN, "Whether they came to seek asylum"),
    ),
    source=_SOURCE,
)

TRUTH_SPECIAL = Table(
    "truth_special",
    "Terms of service in the armed forces and of prison",
    grain=("person", "since"),
    columns=(
        _PERSON,
        Column("since", ColumnType.DATE, "First day"),
        Column("until", ColumnType.DATE, "Day after the last"),
        Column("special", _TEXT, "Special population", codes=SPECIAL_POPULATIONS),
    ),
    source=_SOURCE,
)

TRUTH_RESIDENCE = Table(
    "truth_residence",
    "Spells of usual residence in an area",
    grain=("person", "since"),
    columns=(
        _PERSON,
        Column("since", ColumnType.DATE, "First day"),
        Column("until", ColumnType.DATE, "Day after the last; missing if open", nullable=True),
        area_column(),
        Column("postcode", _INTEGER, "Number of the postcode", unit="number", minimum=0),
        Column("address", _INTEGER, "Number of the address", unit="number", minimum=0),
    ),
    source=_SOURCE,
)

TRUTH_STUDENTS = Table(
    "truth_students",
    "Courses in higher education",
    grain=("person", "since"),
    columns=(
        _PERSON,
        Column("since", ColumnType.DATE, "First day"),
        Column("until", ColumnType.DATE, "Day after the last"),
        Column(
            "home_area", _TEXT, "Area of the home address; missing if abroad", nullable=True,
            pattern=area_column().pattern,
        ),
    ),
    source=_SOURCE,
)  # fmt: skip

TRUTH_ASYLUM = Table(
    "truth_asylum",
    "Asylum seekers and their cases",
    grain=("person",),
    columns=(
        _PERSON,
        Column("applicant", _TEXT, "Applicant", codes=APPLICANTS),
        Column("applied_on", ColumnType.DATE, "Day of the application"),
        Column(
            "decided_on", ColumnType.DATE, "Day of the initial decision; missing if later than "
            "the twin", nullable=True,
        ),
        Column("outcome", _TEXT, "Initial decision", codes=OUTCOMES, nullable=True),
        Column(
            "left_on", ColumnType.DATE, "Day of departure; missing if they stay", nullable=True
        ),
        Column(
            "return", _TEXT, "Recorded return; missing without", codes=RETURNS, nullable=True
        ),
    ),
    source=_SOURCE,
)  # fmt: skip

TRUTH_EMPLOYMENT = Table(
    "truth_employment",
    "Residents aged 16 and over, and those in employment, in the middle of each quarter",
    grain=("quarter", "birth_country", "citizenship", "sex", "age"),
    columns=(
        Column("quarter", ColumnType.DATE, "First day of the quarter"),
        Column("birth_country", _TEXT, "Country of birth", codes=BIRTH_COUNTRIES),
        _CITIZENSHIP,
        _SEX,
        Column(
            "age", _INTEGER, "First age of a group of five years", unit="years", minimum=15,
            maximum=90, age_definition="at event; 15 is 16 to 19, 90 is 90 and over",
        ),
        _persons(),
        _persons("employed", "In employment"),
    ),
    source=_SOURCE,
)  # fmt: skip

TABLES = (
    TRUTH_POPULATION, TRUTH_COMPONENTS, TRUTH_MIGRATION, TRUTH_SHORT_TERM, TRUTH_IDENTITIES,
    TRUTH_PEOPLE, TRUTH_RESIDENCE, TRUTH_SPECIAL, TRUTH_STUDENTS, TRUTH_ASYLUM,
    TRUTH_EMPLOYMENT, TRUTH_MIGRATION_PARTS,
)  # fmt: skip
