"""The passenger survey: interviews, and the reference files of its weighting."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import area_column

CITIZENSHIPS = CodeList(
    "citizenship group",
    {
        "british": "British",
        "eu15": "European Union of 15",
        "eu8": "Eight states that joined in 2004",
        "old_commonwealth": "Old Commonwealth",
        "new_commonwealth": "New Commonwealth",
        "other": "Other foreign",
    },
    source="ONS, Long-Term International Migration, table 2.01: citizenship groups (Old "
    "Commonwealth: Australia, Canada, New Zealand, South Africa)",
)

REASONS = CodeList(
    "reason",
    {
        "definite_job": "Definite job",
        "looking_for_work": "Looking for work",
        "accompany_join": "To accompany or join",
        "formal_study": "Formal study",
        "other": "Other, or no reason stated",
    },
    source="ONS, Long-Term International Migration, table 2.04: main reasons",
)

PURPOSES = CodeList(
    "purpose of the journey",
    {
        **REASONS.labels,
        "holiday": "Holiday",
        "business": "Business",
        "visit_friends": "Visiting friends and family",
    },
    source="ONS, Long-Term International Migration, table 2.04; Travel Trends: purposes of visits",
)

STAYS = CodeList(
    "stated stay",
    {
        "under_3_months": "Under 3 months",
        "3_to_12_months": "3 to 12 months",
        "12_months_or_more": "12 months or more",
    },
    source="UN, Recommendations on Statistics of International Migration, Revision 1, 1998",
)

COUNTRIES = CodeList(
    "country group",
    {
        "eu15": "European Union of 15",
        "eu8": "Eight states that joined in 2004",
        "old_commonwealth": "Old Commonwealth",
        "new_commonwealth": "New Commonwealth",
        "other": "Other countries, or none stated",
    },
    source="ONS, Long-Term International Migration, table 2.02: country of last or next residence",
)

_TEXT, _INTEGER = ColumnType.STRING, ColumnType.INTEGER


def _code(name: str, title: str, low: int, high: int | None = None) -> Column:
    return Column(name, _INTEGER, title, unit="code", minimum=low, maximum=high)


_SERIAL = Column(
    "serial", _INTEGER, "Number of the interview", unit="number", minimum=0, identifying=True
)
_ROUTE = _code("portroute", "Port route", 1)
_DIRECTION = _code("arrivedepart", "Arrivals (1) or departures (2)", 1, 2)
_RECORD = Column("record", _INTEGER, "Number of the row", unit="number", minimum=0)
_WHERE = {
    "shift": "Port group of the strata of shifts",
    "nonresponse": "Port group of non-response",
    "minimums": "Port group of minimum interviews",
    "traffic": "Port group of sampled traffic",
    "unsampled": "Port group of unsampled traffic",
}


def _group(stage: str) -> Column:
    return Column(f"{stage}_group", _TEXT, _WHERE[stage])


_REGION = Column(
    "unsampled_region", _TEXT, "Region of residence, as unsampled passengers are counted; missing "
    "is a level of its own, as 0", nullable=True,
)  # fmt: skip
_WEEKDAY = _code("weekday", "Weekday (1) or weekend (2)", 1, 2)
_PART = _code("am_pm_night", "Part of the day: 6 to 14 (1), 14 to 22 (2), night (3)", 1, 3)
_MONTH = Column("month", ColumnType.DATE, "First day of the month")


def _count(name: str, title: str, unit: str) -> Column:
    return Column(name, _INTEGER, title, unit=unit, minimum=0)


SURVEY_CONTACTS = Table(
    "survey_contacts",
    "Interviews of the passenger survey: full and minimum ones, and migrants of other slots",
    grain=("serial",),
    columns=(
        _SERIAL,
        Column("interviewed_on", ColumnType.DATE, "Day of the shift"),
        _ROUTE,
        _DIRECTION,
        *(_group(stage) for stage in _WHERE),
        Column(
            "minimums_country", _TEXT, "Country group of minimum interviews; missing is a level",
            nullable=True,
        ),
        _REGION,
        _WEEKDAY,
        _PART,
        Column("shiftno", _INTEGER, "Number of the shift (PSU)", unit="number", minimum=0),
        Column(
            "shuttle", _INTEGER, "Crossing within the shift, on ferries and trains",
            unit="number", nullable=True,
        ),
        Column("migsi", _INTEGER, "Sampling interval of screening", unit="passengers", minimum=1),
        Column(
            "tandtsi", _INTEGER, "Sampling interval of full interviews", unit="passengers",
            minimum=1,
        ),
        _code(
            "response", "Full (1), partial (2), minimum (3), migrant in another slot (4), "
            "non-response (5)", 1, 5,
        ),
        _code(
            "flow", "1–4 air, 5–8 other: overseas residents leaving (1, 5) and arriving (3, 7), "
            "residents leaving (2, 6) and arriving (4, 8)", 1, 8,
        ),
        Column(
            "country", _TEXT, "Country group abroad: of last residence (arriving migrants), next "
            "residence (leaving ones), of residence (visitors) or of the visit", codes=COUNTRIES,
            nullable=True,
        ),
        Column("citizenship", _TEXT, "Citizenship group", codes=CITIZENSHIPS),
        Column("sex", _TEXT, "Sex", codes=SEX),
        Column(
            "age", _INTEGER, "Age", unit="years", nullable=True, minimum=0, maximum=90,
            age_definition="at event; 90 is 90 and over",
        ),
        Column("purpose", _TEXT, "Main reason of the journey", codes=PURPOSES, nullable=True),
        Column(
            "stay_stated", _TEXT, "Stated length of the stay to come, here or abroad; missing on "
            "the way back from a trip", codes=STAYS, nullable=True,
        ),
        Column(
            "nights", _INTEGER, "Nights of the trip that ends, as recalled", unit="nights",
            nullable=True, minimum=0,
        ),
        Column(
            "area", _TEXT, "Area of destination (arriving migrants) or of origin (leaving ones)",
            pattern=area_column().pattern, nullable=True,
        ),
    ),
    source="Passenger survey: extract of interviews; in the bundled study, the twin",
)  # fmt: skip

SURVEY_SHIFTS = Table(
    "survey_shifts",
    "Possible and sampled shifts of the passenger survey",
    grain=("month", "record"),
    columns=(
        _MONTH, _RECORD, _ROUTE, _DIRECTION, _group("shift"), _WEEKDAY, _PART,
        _count("possible", "Possible shifts", "shifts"),
        Column(
            "sampled", _INTEGER, "Sampled shifts; where missing, those with interviews",
            unit="shifts", minimum=0, nullable=True,
        ),
    ),
    source="Passenger survey: shifts; in the bundled study, the twin",
)  # fmt: skip

SURVEY_NONRESPONSE = Table(
    "survey_nonresponse",
    "Passengers in sampled slots who were not interviewed",
    grain=("month", "record"),
    columns=(
        _MONTH, _RECORD, _ROUTE, _DIRECTION, _group("nonresponse"), _WEEKDAY,
        _count("migtotal", "In slots screened for migration", "passengers"),
        _count("ordtotal", "In other slots", "passengers"),
    ),
    source="Passenger survey: non-response tallies; in the bundled study, the twin",
)  # fmt: skip

SURVEY_TRAFFIC = Table(
    "survey_traffic",
    "Passengers on sampled routes at sampled hours",
    grain=("month", "record"),
    columns=(
        _MONTH,
        _RECORD,
        _ROUTE,
        _DIRECTION,
        _group("traffic"),
        _count("passengers", "Passengers", "passengers"),
    ),
    source="Port traffic by air, sea and tunnel; in the bundled study, the twin",
)

SURVEY_UNSAMPLED = Table(
    "survey_unsampled",
    "Passengers on routes and at hours that are not sampled",
    grain=("month", "record"),
    columns=(
        _MONTH,
        _RECORD,
        _ROUTE,
        _DIRECTION,
        _group("unsampled"),
        _REGION,
        _count("passengers", "Passengers", "passengers"),
    ),
    source="Port traffic not covered by the survey; in the bundled study, the twin",
)

SURVEY_IMBALANCE = Table(
    "survey_imbalance",
    "Factors that bring arrivals and departures of overseas residents into balance",
    grain=("serial",),
    columns=(
        _SERIAL,
        _code("eligible", "Whether the interview takes part (1) or not (0)", 0, 1),
        Column("port", ColumnType.NUMBER, "Factor of the port", unit="ratio", minimum=0),
        Column(
            "country", ColumnType.NUMBER, "Factor of the country, for overseas residents leaving",
            unit="ratio", minimum=0,
        ),
    ),
    source="Passenger survey: imbalance factors; none in the bundled study",
)  # fmt: skip

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
        _SERIAL,
        *(_weight(name, title) for name, title in STAGES.labels.items()),
        Column(
            "final",
            ColumnType.NUMBER,
            "Final weight: the product of the stages; 1 for stages that were left out",
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
        _SERIAL,
        _count("nights", "Nights of the trip that ends", "nights"),
        Column("imputed", ColumnType.BOOLEAN, "Whether the nights are imputed"),
    ),
    source="survey_contacts",
)

SURVEY_STAGES = Table(
    "survey_stages",
    "What each stage of the weighting did in each cell",
    grain=("month", "stage", "cell"),
    columns=(
        _MONTH,
        Column("stage", _TEXT, "Stage", codes=STAGES),
        Column("cell", _TEXT, "Cell, its codes joined by /; joined codes by +"),
        _count("cases", "Interviews that count", "interviews"),
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
        _MONTH,
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
        _count("contacts", "Interviews of migrants", "interviews"),
        Column("persons", ColumnType.NUMBER, "Migrants", unit="persons"),
        Column("standard_error", ColumnType.NUMBER, "Standard error", unit="persons", minimum=0),
        Column(
            "cv", ColumnType.NUMBER, "Coefficient of variation; missing where the estimate is 0",
            unit="ratio", minimum=0, nullable=True,
        ),
        Column("lower", ColumnType.NUMBER, "Lower bound of the 95 % interval", unit="persons"),
        Column("upper", ColumnType.NUMBER, "Upper bound of the 95 % interval", unit="persons"),
    ),
    source="survey_migrants and the other tables of migrants",
)  # fmt: skip

SOURCES = (
    SURVEY_CONTACTS, SURVEY_SHIFTS, SURVEY_NONRESPONSE, SURVEY_TRAFFIC, SURVEY_UNSAMPLED,
    SURVEY_IMBALANCE,
)  # fmt: skip
TABLES = (
    *SOURCES, SURVEY_WEIGHTS, SURVEY_STAYS, SURVEY_STAGES, SURVEY_NOTES, SURVEY_EXTREMES,
    SURVEY_RULES, SURVEY_MIGRANTS, SURVEY_MIGRANTS_BY_AGE, SURVEY_MIGRANTS_BY_COUNTRY,
    SURVEY_MIGRANTS_BY_AREA, SURVEY_SHORT_TERM, SURVEY_FLOWS,
)  # fmt: skip
