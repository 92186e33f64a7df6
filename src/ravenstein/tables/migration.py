"""Total migration: its components, totals with their errors, and what they rest on."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.geography import AREA_PATTERN
from ravenstein.tables.passenger_survey import CITIZENSHIPS, COUNTRIES, OCCUPATIONS, REASONS
from ravenstein.tables.survey_results import FLOWS, SHORT_TERM_DEFINITIONS

COMPONENTS = CodeList(
    "component of migration",
    {
        "survey": "Passenger survey, by stated intention",
        "ireland": "To and from the Irish Republic",
        "asylum": "Asylum seekers and removals whom the survey does not meet",
        "visitor_switchers": "Visitor switchers: stated under 12 months, stayed longer",
        "migrant_switchers": "Migrant switchers: stated 12 months, stayed for less",
    },
    source="ONS, Long-Term International Migration: methodology, components and adjustments",
)

BREAKDOWNS: dict[str, tuple[str, ...]] = {
    "all": (),
    "reason": ("reason",),
    "citizenship": ("citizenship",),
    "country": ("country",),
    "occupation": ("occupation",),
    "age_sex": ("age_group", "sex"),
    "area": ("area",),
}
"""The published breakdowns, and the dimensions of each."""

ALL, NOT_STATED = "all", "not_stated"
_TEXT, _INTEGER, _NUMBER = ColumnType.STRING, ColumnType.INTEGER, ColumnType.NUMBER
_BEHIND = "survey_migrant_cells, survey_ended_stays, irish_migration, asylum tables, own components"

YEAR = Column("year", _INTEGER, "Calendar year", unit="calendar year", minimum=1900)
_FLOW = Column(
    "flow", _TEXT, "Immigration, emigration or net", pattern="immigration|emigration|net"
)
_DIRECTION = Column("direction", _TEXT, "Direction", codes=FLOWS)
_NATION = Column(
    "nation", _TEXT, "Letter of the nation, EW for England and Wales; all for the state",
    pattern="[A-Z]|EW|all|not_stated",
)  # fmt: skip
_COMPONENT = Column("component", _TEXT, "Component, or total", pattern="[a-z][a-z0-9_]*")
_BY = Column("by", _TEXT, "Breakdown", pattern="|".join(BREAKDOWNS))


def _or_all(codes: CodeList) -> str:
    return "|".join((*codes.labels, ALL, NOT_STATED))


_DIMENSIONS = (
    Column("reason", _TEXT, "Main reason", pattern=_or_all(REASONS)),
    Column("citizenship", _TEXT, "Citizenship group", pattern=_or_all(CITIZENSHIPS)),
    Column("country", _TEXT, "Country of last or next residence", pattern=_or_all(COUNTRIES)),
    Column("occupation", _TEXT, "Usual occupation before", pattern=_or_all(OCCUPATIONS)),
    Column("age_group", _TEXT, "Age group", pattern=r"\d+-\d+|\d+\+|all|not_stated",
           age_definition="at event"),
    Column("sex", _TEXT, "Sex", pattern="F|M|all|not_stated"),
    Column("area", _TEXT, "Area of destination or origin",
           pattern=f"{AREA_PATTERN}|all|not_stated"),
)  # fmt: skip


def _error_columns(unit: str = "persons") -> tuple[Column, ...]:
    def number(name: str, title: str) -> Column:
        return Column(name, _NUMBER, title, unit=unit, nullable=True)

    return (
        number("standard_error", "Standard error, of all components' errors"),
        number("lower", "Lower bound of the 95 % interval"),
        number("upper", "Upper bound of the 95 % interval"),
    )


def _persons(title: str) -> Column:
    return Column("persons", _NUMBER, title, unit="persons")


_DRAWN = (
    Column("point", _NUMBER, "Migrants; negative where a component takes off", unit="persons"),
    Column("draws", ColumnType.DRAWS, "Draws", unit="persons"),
)

MIGRATION_COMPONENTS = Table(
    "migration_components",
    "Components of long-term migration: in every cell the total is the sum of these rows",
    grain=("component", "by", "nation", "direction", "year", "reason", "citizenship", "country",
           "occupation", "age_group", "sex", "area"),
    columns=(_COMPONENT, _BY, _NATION, _DIRECTION, YEAR, *_DIMENSIONS, *_DRAWN),
    source=_BEHIND,
    notes=("A dimension that a row is not broken down by is `all`.",
           "What a component's source does not tell is shared out as the survey's migrants are."),
)  # fmt: skip

MIGRATION_FLOWS = Table(
    "migration_flows",
    "Long-term immigration, emigration and net migration, and their components, with their errors",
    grain=("nation", "year", "flow", "by", "category", "component"),
    columns=(
        _NATION,
        YEAR,
        _FLOW,
        _BY,
        Column("category", _TEXT, "Code of the category; all for everybody; age group and sex "
               "joined by /", pattern=r"[A-Za-z0-9_+/-]+"),
        _COMPONENT,
        _persons("Migrants"),
        *_error_columns(),
        Column("provisional", ColumnType.BOOLEAN, "Whether stays that are still open, or sources "
               "still to come, are in the figure"),
    ),
    source="migration_components",
)  # fmt: skip

MIGRATION_ROLLING = Table(
    "migration_rolling",
    "Long-term migration in years that end with each quarter",
    grain=("ending", "flow", "component"),
    columns=(
        Column("ending", ColumnType.DATE, "Last day of the year"),
        _FLOW,
        _COMPONENT,
        _persons("Migrants"),
        *_error_columns(),
    ),
    source="survey_migrant_cells, migration_components",
)

MIGRATION_DETAIL = Table(
    "migration_detail",
    "Long-term migrants by age group, sex, citizenship and area: the components raked to one "
    "another's margins, never negative",
    grain=("year", "direction", "age_group", "sex", "citizenship", "area"),
    columns=(
        YEAR,
        _DIRECTION,
        _DIMENSIONS[4],
        _DIMENSIONS[5],
        _DIMENSIONS[1],
        _DIMENSIONS[6],
        Column("persons", _NUMBER, "Migrants", unit="persons", minimum=0),
        *_error_columns()[:1],
    ),
    source="migration_components",
)

MIGRATION_NOTES = Table(
    "migration_notes",
    "How each component was made: its steps in numbers, and what a reader must know",
    grain=("component", "year", "direction", "step"),
    columns=(
        _COMPONENT,
        YEAR,
        _DIRECTION,
        Column("step", _TEXT, "Step"),
        Column("value", _NUMBER, "Its value", unit="persons or share"),
    ),
    source=_BEHIND,
)

MIGRATION_SOURCES = Table(
    "migration_sources",
    "The flow that several sources measure: each source's figures and its implied bias, and the "
    "best series made of all",
    grain=("flow", "year", "source"),
    columns=(
        Column("flow", _TEXT, "Immigration or emigration", codes=FLOWS),
        YEAR,
        Column("source", _TEXT, "Source; combined for the best series", pattern="[a-z][a-z0-9_]*"),
        Column("persons", _NUMBER, "Figure", unit="persons", nullable=True),
        *_error_columns(),
        Column("bias", _NUMBER, "Figure over the flow, as the model finds it; missing for the "
               "best series", unit="ratio", nullable=True),
        Column("bias_lower", _NUMBER, "Its lower bound (95 %)", unit="ratio", nullable=True),
        Column("bias_upper", _NUMBER, "Its upper bound (95 %)", unit="ratio", nullable=True),
    ),
    source="migration_components, border_summary, survey traffic",
)  # fmt: skip

MIGRATION_TREND = Table(
    "migration_trend",
    "The trend of long-term migration: what single years show beyond their error",
    grain=("year", "flow"),
    columns=(YEAR, _FLOW, _persons("Trend"), *_error_columns()),
    source="migration_components",
)

SHORT_TERM_AREAS = Table(
    "short_term_areas",
    "Short-term immigration by area: the nation's, shared out by stream",
    grain=("definition", "year", "area"),
    columns=(
        Column("definition", _TEXT, "Definition", codes=SHORT_TERM_DEFINITIONS),
        YEAR,
        Column("area", _TEXT, "Area", pattern=f"{AREA_PATTERN}|not_stated"),
        Column("persons", _NUMBER, "Stays; missing where their error is too large to be published",
               unit="persons", nullable=True, minimum=0),
        Column("cv", _NUMBER, "Coefficient of variation; missing where the estimate is 0",
               unit="ratio", nullable=True),
    ),
    source="survey_short_term; shares by stream of migrants and of worker registrations",
)  # fmt: skip

MIGRATION_COHERENCE = Table(
    "migration_coherence",
    "Long-term immigration, and short-term for work or study, of other than British citizens "
    "beside national insurance numbers given to them",
    grain=("year",),
    columns=(
        YEAR,
        _persons("Long-term and short-term immigration"),
        Column("registered", _INTEGER, "Numbers given", unit="persons", minimum=0),
        Column("ratio", _NUMBER, "Numbers over migrants", unit="ratio"),
        *_error_columns("ratio")[1:],
    ),
    source="migration_components, survey_short_term, insurance_register",
)

OWN_COMPONENT = Table(
    "migration_component",
    "A component of one's own, such as a nation's flows or a correction",
    grain=("component", "year", "direction", "nation", "citizenship", "reason", "age_group", "sex"),
    columns=(
        _COMPONENT,
        YEAR,
        _DIRECTION,
        _NATION,
        *(_DIMENSIONS[i] for i in (1, 0, 4, 5)),
        _persons("Migrants; negative where it takes off"),
        Column("standard_error", _NUMBER, "Standard error", unit="persons", minimum=0),
        Column("definition", _TEXT, "Definition of migration; 12_months is that of the total",
               pattern="[a-z0-9_]+"),
        Column("period", _TEXT, "Period; calendar_year is that of the total",
               pattern="[a-z0-9_]+"),
    ),
    source="The user's own",
    notes=("`all` in a dimension that the component is not broken down by.",
           "Another definition or period than the total's is refused: it has no sum with it.",
           "With nation given and component `nation_own`, the rows take the survey's place there; "
           "other components keep their shares of the nation, so give flows without theirs."),
)  # fmt: skip

TABLES = (
    MIGRATION_COMPONENTS, MIGRATION_FLOWS, MIGRATION_ROLLING, MIGRATION_DETAIL, MIGRATION_NOTES,
    MIGRATION_SOURCES, MIGRATION_TREND, SHORT_TERM_AREAS, MIGRATION_COHERENCE, OWN_COMPONENT,
)  # fmt: skip
