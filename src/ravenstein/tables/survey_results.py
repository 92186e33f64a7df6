"""What the passenger survey gives: weights, migrants, quality and sample designs."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import area_column
from ravenstein.tables.passenger_survey import (
    CITIZENSHIPS,
    COUNTRIES,
    DIRECTION,
    MONTH,
    OCCUPATIONS,
    REASONS,
    ROUTE,
    SERIAL,
    code,
    count,
)

_TEXT, _INTEGER = ColumnType.STRING, ColumnType.INTEGER

STAGES = CodeList(
    "weighting stage",
    {
        "shift": "Shifts and crossings",
        "nonresponse": "Non-response",
        "minimums": "Minimum interviews",
        "traffic": "Port traffic",
        "unsampled": "Unsampled routes",
        "imbalance": "Balance of flows",
        "trim": "Largest weights cut off",
    },
    source="International Passenger Survey, weighting of 2017; the limit is Ravenstein's own",
)

FLOWS = CodeList(
    "migration direction",
    {"immigration": "Immigration", "emigration": "Emigration"},
    source="UN, Recommendations on Statistics of International Migration, Revision 1, 1998",
)


RULES = CodeList(
    "weighting rule",
    {
        "decimals": "Stage weights rounded",
        "collapse_below": "Small cells joined with neighbours",
        "trim_above": "Largest weights cut off",
        "imbalance": "Arrivals and departures balanced",
    },
    source="docs/explanation/passenger-survey.md",
)

SHORT_TERM_DEFINITIONS = CodeList(
    "definition of short-term migration",
    {
        "months_1_to_12": "Stays or absences of 1 to 12 months for any reason",
        "months_3_to_12": "Stays or absences of 3 to 12 months for any reason",
        "un_3_to_12_work_or_study": "Stays or absences of 3 to 12 months for work or study (UN)",
    },
    source="ONS, Short-Term International Migration: the three definitions",
)

SURVEY_DEFINITIONS = CodeList(
    "definition in the survey",
    {"long_term": "Stays of 12 months or more, as stated", **SHORT_TERM_DEFINITIONS.labels},
    source="ONS, Long-Term and Short-Term International Migration: methodology",
)


def _flow_column() -> Column:
    return Column(
        "flow", _TEXT, "Immigration, emigration or net", pattern="immigration|emigration|net"
    )


def _weight(name: str, title: str) -> Column:
    return Column(name, ColumnType.NUMBER, title, unit="ratio", minimum=0)


SURVEY_WEIGHTS = Table(
    "survey_weights",
    "Weights of each interview, stage by stage",
    grain=("serial",),
    columns=(
        SERIAL,
        *(_weight(name, title) for name, title in STAGES.labels.items()),
        Column(
            "final",
            ColumnType.NUMBER,
            "Final weight: the product of the stages, 1 for stages that were left out",
            minimum=0,
            unit="passengers",
        ),
    ),
    source="survey_contacts and the tables of its weighting",
)

SURVEY_STAYS = Table(
    "survey_stays",
    "Nights of trips that end, stated or imputed from the mean of donors",
    grain=("serial",),
    columns=(
        SERIAL,
        count("nights", "Nights of the trip that ends", "nights"),
        Column("imputed", ColumnType.BOOLEAN, "Whether the nights are imputed"),
    ),
    source="survey_contacts",
)

SURVEY_STAGES = Table(
    "survey_stages",
    "What each stage of the weighting did in each cell",
    grain=("month", "stage", "cell"),
    columns=(
        MONTH,
        Column("stage", _TEXT, "Stage", codes=STAGES),
        Column("cell", _TEXT, "Cell, its codes joined by /; joined codes by +"),
        count("cases", "Interviews that count", "interviews"),
        Column("weights", ColumnType.NUMBER, "Sum of weights after it", unit="passengers"),
        Column("smallest", ColumnType.NUMBER, "Smallest weight of the stage", unit="ratio"),
        Column("mean", ColumnType.NUMBER, "Mean weight of the stage", unit="ratio"),
        Column("largest", ColumnType.NUMBER, "Largest weight of the stage", unit="ratio"),
    ),
    source="survey_weights",
)

SURVEY_NOTES = Table(
    "survey_notes",
    "What a reader should know of the weighting: joined cells, fallbacks, strange weights",
    grain=("month", "number"),
    columns=(
        MONTH,
        Column("number", _INTEGER, "Number of the note in the month", unit="number", minimum=1),
        Column("stage", _TEXT, "Stage", codes=STAGES),
        Column("note", _TEXT, "The note"),
    ),
    source="survey_contacts and the tables of its weighting",
)

SURVEY_EXTREMES = Table(
    "survey_extremes",
    "The ten interviews of each year with the largest final weights, of all and of migrants",
    grain=("year", "among", "rank"),
    columns=(
        Column("year", _INTEGER, "Calendar year", unit="calendar year", minimum=1900),
        Column("among", _TEXT, "Among all interviews, or migrants'", pattern="all|migrants"),
        Column("rank", _INTEGER, "Rank", unit="rank", minimum=1),
        Column("direction", _TEXT, "Direction", codes=FLOWS),
        Column("stage", _TEXT, "Stage whose weight is furthest above its median", codes=STAGES),
        Column("cell", _TEXT, "Cell of that stage"),
        Column("final", ColumnType.NUMBER, "Final weight", unit="passengers", minimum=0),
        Column("times_median", ColumnType.NUMBER, "Over the month's median", unit="ratio"),
        Column("influence", ColumnType.NUMBER, "What it adds to net migration", unit="persons"),
    ),
    source="survey_weights",
)

SURVEY_RULES = Table(
    "survey_rules",
    "What each rule chosen in the weighting does to long-term migration",
    grain=("year", "rule", "flow"),
    columns=(
        Column("year", _INTEGER, "Calendar year", unit="calendar year", minimum=1900),
        Column("rule", _TEXT, "Rule", codes=RULES),
        _flow_column(),
        Column("persons", ColumnType.NUMBER, "Long-term migrants, published", unit="persons"),
        Column("without", ColumnType.NUMBER, "Without the rule", unit="persons"),
    ),
    source="survey_contacts, weighted again",
)

_YEAR = Column("year", _INTEGER, "Calendar year", unit="calendar year", minimum=1900)
_FLOW = Column("direction", _TEXT, "Direction", codes=FLOWS)
_POINT = Column("point", ColumnType.NUMBER, "Migrants", unit="persons")
_DRAWS = Column(
    "draws", ColumnType.DRAWS, "Bootstrap replicates of all weighting stages", unit="persons"
)
_BEHIND = "survey_contacts, weighted in every replicate"

_DIMENSIONS = {
    "definition": Column("definition", _TEXT, "Definition", codes=SHORT_TERM_DEFINITIONS),
    "citizenship": Column("citizenship", _TEXT, "Citizenship group", codes=CITIZENSHIPS),
    "reason": Column("reason", _TEXT, "Main reason", codes=REASONS),
    "country": Column("country", _TEXT, "Country of last or next residence", codes=COUNTRIES),
    "area": Column(
        "area", _TEXT, "Area of destination or origin",
        pattern=f"(?:{area_column().pattern})|not_stated",
    ),
    "age_group": Column(
        "age_group", _TEXT, "Age group", pattern=r"\d+-\d+|\d+\+|not_stated",
        age_definition="at event",
    ),
    "sex": Column("sex", _TEXT, "Sex", codes=SEX),
}  # fmt: skip


def _estimates(name: str, title: str, *dimensions: str) -> Table:
    first = (*(d for d in dimensions if d == "definition"), "year", "direction")
    others = tuple(d for d in dimensions if d != "definition")
    known = _DIMENSIONS | {"year": _YEAR, "direction": _FLOW}
    return Table(
        name,
        title,
        grain=(*first, *others),
        columns=(*(known[d] for d in (*first, *others)), _POINT, _DRAWS),
        source=_BEHIND,
    )


_BY_INTENTION = "Long-term migrants by stated intention, by"
SURVEY_MIGRANTS = _estimates(
    "survey_migrants", f"{_BY_INTENTION} citizenship and reason", "citizenship", "reason"
)
SURVEY_MIGRANTS_BY_AGE = _estimates(
    "survey_migrants_by_age", f"{_BY_INTENTION} age and sex", "age_group", "sex"
)
SURVEY_MIGRANTS_BY_COUNTRY = _estimates(
    "survey_migrants_by_country", f"{_BY_INTENTION} country of last or next residence", "country"
)
SURVEY_MIGRANTS_BY_AREA = _estimates(
    "survey_migrants_by_area", f"{_BY_INTENTION} area of destination or origin", "area"
)
SURVEY_SHORT_TERM = _estimates(
    "survey_short_term",
    "Short-term migrants by the length of stays and absences that ended, by the year in which they "
    "began",
    "definition", "citizenship", "reason",
)  # fmt: skip

_WITHOUT_TRAILER = "not_stated where there is no trailer"

SURVEY_MIGRANT_CELLS = Table(
    "survey_migrant_cells",
    "Long-term migrants by stated intention, in all their answers at once; cells without any "
    "interview are 0",
    grain=(
        "year", "quarter", "direction", "citizenship", "reason", "country", "area", "age_group",
        "sex", "occupation", "asylum",
    ),
    columns=(
        _YEAR,
        code("quarter", "Quarter of the year", 1, 4),
        _FLOW,
        *(_DIMENSIONS[name] for name in ("citizenship", "reason", "country", "area", "age_group",
                                         "sex")),
        Column(
            "occupation", _TEXT, f"Usual occupation; {_WITHOUT_TRAILER}",
            pattern="|".join((*OCCUPATIONS.labels, "not_stated")),
        ),
        Column("asylum", ColumnType.BOOLEAN, "Whether they say that they come to seek asylum"),
        _POINT,
        _DRAWS,
    ),
    source="survey_contacts and survey_trailers, weighted in every replicate",
)  # fmt: skip

SURVEY_ENDED_STAYS = Table(
    "survey_ended_stays",
    "Stays and absences that ended, of those who had stated 12 months or more or who stayed so "
    "long, by when they began; cells without any interview are 0",
    grain=("year", "ended", "direction", "citizenship", "length", "stated_long", "asylum"),
    columns=(
        Column(
            "year", _INTEGER, "Year in which the stay or absence began", unit="calendar year",
            minimum=1900,
        ),
        Column("ended", _INTEGER, "Year in which it ended", unit="calendar year", minimum=1900),
        Column(
            "direction", _TEXT, "Immigration: a stay that ended; emigration: an absence",
            codes=FLOWS,
        ),
        _DIMENSIONS["citizenship"],
        Column(
            "length", _INTEGER, "Completed years of the stay or absence", unit="years", minimum=0
        ),
        Column(
            "stated_long", ColumnType.BOOLEAN, "Whether 12 months or more were stated when it began"
        ),
        Column("asylum", ColumnType.BOOLEAN, "Whether they say that they came to seek asylum"),
        _POINT,
        _DRAWS,
    ),
    source="survey_contacts and survey_trailers, weighted in every replicate",
)  # fmt: skip


def _bound(name: str) -> Column:
    title = f"{name.capitalize()} bound of the 95 % interval"
    return Column(name, ColumnType.NUMBER, title, unit="persons", nullable=True)


SURVEY_FLOWS = Table(
    "survey_flows",
    "Immigration, emigration and net migration from the passenger survey, with their errors",
    grain=("definition", "year", "flow", "by", "category"),
    columns=(
        Column("definition", _TEXT, "Definition", codes=SURVEY_DEFINITIONS),
        _YEAR,
        _flow_column(),
        Column(
            "by", _TEXT, "What categories are of",
            pattern="all|citizenship|reason|country|area|age_group|sex",
        ),
        Column(
            "category", _TEXT, "Code of the category; all for everybody", pattern=r"[A-Za-z0-9_+-]+"
        ),
        count("months", "Months of the year that the interviews cover", "months"),
        count("contacts", "Interviews of migrants", "interviews"),
        Column(
            "persons", ColumnType.NUMBER, "Migrants; missing where withheld in a release, as they "
            "rest on too few interviews", unit="persons", nullable=True,
        ),
        Column(
            "standard_error", ColumnType.NUMBER, "Standard error; missing where all shifts are "
            "alone in their stratum", unit="persons", minimum=0, nullable=True,
        ),
        Column(
            "cv", ColumnType.NUMBER, "Coefficient of variation; missing where the estimate is 0",
            unit="ratio", minimum=0, nullable=True,
        ),
        _bound("lower"),
        _bound("upper"),
    ),
    source="survey_migrants and the other tables of migrants",
)  # fmt: skip

SURVEY_ALLOCATION = Table(
    "survey_allocation",
    "Shifts of each route, direction and quarter: of the present sample design, and proposed at "
    "its cost",
    grain=("portroute", "arrivedepart", "quarter"),
    columns=(
        ROUTE,
        DIRECTION,
        code("quarter", "Quarter of the year", 1, 4),
        count("possible", "Possible shifts", "shifts"),
        Column(
            "migrants", ColumnType.NUMBER, "Migrants in a shift, on average", unit="persons",
            minimum=0,
        ),
        count("present", "Shifts of the present design", "shifts"),
        count("ordinary", "Ordinary shifts, proposed", "shifts"),
        count("migration", "Migration shifts, proposed", "shifts"),
    ),
    source="survey_contacts, survey_shifts and survey_flows of the last years",
)  # fmt: skip


def _error(name: str, title: str) -> Column:
    return Column(name, ColumnType.NUMBER, title, unit="persons", minimum=0)


SURVEY_FRONTIER = Table(
    "survey_frontier",
    "Expected standard errors of the best sample design at each cost, and of the present one",
    grain=("number",),
    columns=(
        Column("number", _INTEGER, "Number of the design", unit="number", minimum=0),
        Column(
            "design",
            _TEXT,
            "The one in use, the one proposed, or the best at its cost",
            pattern="present|proposed|frontier",
        ),
        Column("cost", ColumnType.NUMBER, "Cost", unit="cost of an ordinary shift", minimum=0),
        _error("immigration", "Standard error of immigration"),
        _error("emigration", "Standard error of emigration"),
        _error("net", "Standard error of net migration"),
    ),
    source="survey_allocation",
)

_BASIS = Column("basis", _TEXT, "Old or new sample design", pattern="old|new")

SURVEY_BREAK = Table(
    "survey_break",
    "What a new sample design does to the estimates, from the years in which both ran",
    grain=("flow",),
    columns=(
        _flow_column(),
        Column("kind", _TEXT, "New over old, or new minus old", pattern="ratio|difference"),
        count("years", "Years in which both ran", "years"),
        Column("effect", ColumnType.NUMBER, "Effect", unit="ratio or persons"),
        Column("lower", ColumnType.NUMBER, "Lower bound (95 %)", unit="ratio or persons"),
        Column("upper", ColumnType.NUMBER, "Upper bound (95 %)", unit="ratio or persons"),
    ),
    source="survey_migrants of both designs",
)

SURVEY_SERIES = Table(
    "survey_series",
    "Long-term migration on the basis of the old and of the new sample design",
    grain=("flow", "year", "basis"),
    columns=(
        _flow_column(),
        _YEAR,
        _BASIS,
        Column("measured", ColumnType.BOOLEAN, "Measured on this basis; else converted"),
        Column("persons", ColumnType.NUMBER, "Migrants", unit="persons"),
        _error("standard_error", "Standard error"),
        Column("lower", ColumnType.NUMBER, "Lower bound (95 %)", unit="persons"),
        Column("upper", ColumnType.NUMBER, "Upper bound (95 %)", unit="persons"),
    ),
    source="survey_migrants of both designs, and survey_break",
)

TABLES = (
    SURVEY_WEIGHTS, SURVEY_STAYS, SURVEY_STAGES, SURVEY_NOTES, SURVEY_EXTREMES,
    SURVEY_RULES, SURVEY_MIGRANTS, SURVEY_MIGRANTS_BY_AGE, SURVEY_MIGRANTS_BY_COUNTRY,
    SURVEY_MIGRANTS_BY_AREA, SURVEY_SHORT_TERM, SURVEY_FLOWS, SURVEY_ALLOCATION, SURVEY_FRONTIER,
    SURVEY_BREAK, SURVEY_SERIES, SURVEY_MIGRANT_CELLS, SURVEY_ENDED_STAYS,
)  # fmt: skip
