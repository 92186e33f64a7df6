"""Statistics of other producers: counts of moves, cases and decisions by their own definitions."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import area_column
from ravenstein.tables.passenger_survey import CITIZENSHIPS
from ravenstein.tables.population import year_column
from ravenstein.tables.population_by_age import sex_and_age
from ravenstein.tables.survey_results import FLOWS

SPECIAL_POPULATIONS = CodeList(
    "special population",
    {"armed_forces": "Armed forces", "prisoner": "Prisoner"},
    source="ONS, Mid-year population estimates: special populations",
)

APPLICANTS = CodeList(
    "applicant",
    {"main": "Main applicant", "dependant": "Dependant"},
    source="Home Office, Asylum and resettlement datasets: applicant type",
)

APPLIED_AT = CodeList(
    "place of application",
    {"port": "At the port", "country": "In the country"},
    source="Home Office, Asylum and resettlement datasets: location of application",
)

OUTCOMES = CodeList(
    "initial decision",
    {
        "protection": "Grant of protection",
        "other_leave": "Grant of other leave",
        "refused": "Refused",
        "withdrawn": "Withdrawn by the applicant, who may have left",
        "administrative": "Ended otherwise, as by death",
    },
    source="Home Office, Asylum and resettlement datasets: case outcome group",
)

RETURNS = CodeList(
    "return",
    {"enforced": "Enforced return", "voluntary": "Voluntary return"},
    source="Home Office, Returns datasets: return type group",
)

SETTLEMENT = CodeList(
    "ground of settlement",
    {"work": "Work", "family": "Family", "asylum": "Asylum", "other": "Other"},
    source="Home Office, Control of immigration: grants of settlement by category",
)

VISAS = CodeList(
    "visa",
    {"work": "Work", "family": "Family", "study": "Study", "other": "Other, over six months"},
    source="Home Office, Entry clearance visas: category",
)

NOT_STATED = "not_stated"
"""The age group and sex of cases whose age and sex the producer does not give."""

_TEXT = ColumnType.STRING
_TWIN = "in the bundled study, the twin"
_QUARTER = Column("quarter", ColumnType.DATE, "First day of the quarter")
_SEX = Column("sex", _TEXT, "Sex", codes=SEX)
_SEX_IF_STATED = Column(
    "sex",
    _TEXT,
    "Sex",
    codes=CodeList(
        "sex, where stated", {**SEX.labels, NOT_STATED: "Not stated"}, source=SEX.source
    ),
)
_CITIZENSHIP = Column("citizenship", _TEXT, "Citizenship group", codes=CITIZENSHIPS)


def _ages(*labels: str, at: str = "at event") -> Column:
    form = "|".join(label.replace("+", r"\+") for label in labels)
    return Column("age_group", _TEXT, "Age group", pattern=form, age_definition=at)


def _count(title: str) -> Column:
    return Column("persons", ColumnType.INTEGER, title, unit="persons", minimum=0)


IRISH_AGES = ("0-14", "15-24", "25-44", "45-64", "65+")
ASYLUM_AGES = ("0-17", "18-29", "30-49", "50-69", "70+")
WORKER_AGES = ("16-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")
"""The age groups of each producer."""

IRISH_MIGRATION = Table(
    "irish_migration",
    "Moves to and from the Irish Republic, as its statistics office counts them",
    grain=("year", "direction", "sex", "age_group"),
    columns=(
        Column(
            "year", ColumnType.INTEGER, "Year to mid-April: those who lived on the other side at "
            "the April before", unit="year to April", minimum=1990,
        ),
        Column(
            "direction", _TEXT, "Direction, seen from this country: immigration is from the "
            "Republic", codes=FLOWS,
        ),
        _SEX,
        _ages(*IRISH_AGES, at="reached by the April at the end"),
        _count("Persons, rounded"),
    ),
    source=f"Central Statistics Office, Population and Migration Estimates; {_TWIN}",
)  # fmt: skip

_CASE = (_CITIZENSHIP, Column("applicant", _TEXT, "Applicant", codes=APPLICANTS))

ASYLUM_APPLICATIONS = Table(
    "asylum_applications",
    "Applications for asylum, with dependants",
    grain=("quarter", "citizenship", "applicant", "age_group", "sex", "location"),
    columns=(
        _QUARTER,
        *_CASE,
        _ages(*ASYLUM_AGES, NOT_STATED),
        _SEX_IF_STATED,
        Column("location", _TEXT, "Place of application", codes=APPLIED_AT),
        _count("Applicants"),
    ),
    source=f"Home Office, Asylum applications; {_TWIN}",
    notes=("The Home Office gives ages and sexes from 2009 on: not_stated before.",),
)

ASYLUM_DECISIONS = Table(
    "asylum_decisions",
    "Initial decisions on applications for asylum, and withdrawals",
    grain=("quarter", "citizenship", "applicant", "outcome", "age_group", "sex"),
    columns=(
        _QUARTER,
        *_CASE,
        Column("outcome", _TEXT, "Outcome", codes=OUTCOMES),
        _ages(*ASYLUM_AGES, NOT_STATED),
        _SEX_IF_STATED,
        _count("Applicants"),
    ),
    source=f"Home Office, Asylum decisions and resettlement; {_TWIN}",
    notes=("The Home Office gives ages and sexes from 2009 on: not_stated before.",),
)

RETURN_COUNTS = Table(
    "returns",
    "Recorded departures of people without leave to remain, asylum cases and others",
    grain=("quarter", "citizenship", "type", "asylum", "age_group", "sex"),
    columns=(
        _QUARTER,
        _CITIZENSHIP,
        Column("type", _TEXT, "Return", codes=RETURNS),
        Column(
            "asylum",
            ColumnType.BOOLEAN,
            "Whether they had applied for asylum; missing where the source does not say",
            nullable=True,
        ),
        _ages(*ASYLUM_AGES, NOT_STATED),
        _SEX_IF_STATED,
        _count("Returns"),
    ),
    source=f"Home Office, Returns; {_TWIN}",
    notes=("Home Office files do not say who had applied for asylum.",),
)

SETTLEMENT_GRANTS = Table(
    "settlement_grants",
    "Grants of settlement",
    grain=("quarter", "citizenship", "category", "age_group", "sex"),
    columns=(
        _QUARTER,
        _CITIZENSHIP,
        Column("category", _TEXT, "Ground", codes=SETTLEMENT),
        _ages(*ASYLUM_AGES),
        _SEX,
        _count("Grants"),
    ),
    source=f"Home Office, Grants of settlement; {_TWIN}",
    notes=("A grant is not an arrival: it is made years after one, to some who then leave.",),
)

CITIZENSHIP_GRANTS = Table(
    "citizenship_grants",
    "Grants of British citizenship by the citizenship before",
    grain=("quarter", "citizenship", "age_group", "sex"),
    columns=(_QUARTER, _CITIZENSHIP, _ages(*ASYLUM_AGES), _SEX, _count("Grants")),
    source=f"Home Office, Citizenship grants; {_TWIN}",
)

WORKER_REGISTRATIONS = Table(
    "worker_registrations",
    "Registrations of workers from the eight states that joined in 2004, May 2004 to April 2011",
    grain=("quarter", "age_group", "sex", "area"),
    columns=(_QUARTER, _ages(*WORKER_AGES), _SEX, area_column(), _count("Workers")),
    source=f"Home Office, Accession monitoring report: Worker Registration Scheme; {_TWIN}",
    notes=("Nobody signs off who leaves; those who come for some months are counted too.",),
)

VISAS_ISSUED = Table(
    "visas_issued",
    "Entry clearance for more than six months, issued to citizens of states that need it",
    grain=("quarter", "citizenship", "category"),
    columns=(
        _QUARTER,
        _CITIZENSHIP,
        Column("category", _TEXT, "Visa", codes=VISAS),
        _count("Visas"),
    ),
    source=f"Home Office, Entry clearance visas; {_TWIN}",
    notes=("The quarter is that of issue, before travel; some visas are never used.",),
)

SPECIAL_COUNTS = Table(
    "special_counts",
    "Armed forces and prisoners by area",
    grain=("year", "area", "special", "sex", "age"),
    columns=(
        year_column(),
        area_column(),
        Column("special", _TEXT, "Special population", codes=SPECIAL_POPULATIONS),
        *sex_and_age(),
        _count("Persons"),
    ),
    source=f"Ministry of Defence and Ministry of Justice: counts by area; {_TWIN}",
)

TABLES = (
    IRISH_MIGRATION, ASYLUM_APPLICATIONS, ASYLUM_DECISIONS, RETURN_COUNTS, SETTLEMENT_GRANTS,
    CITIZENSHIP_GRANTS, WORKER_REGISTRATIONS, VISAS_ISSUED, SPECIAL_COUNTS,
)  # fmt: skip
