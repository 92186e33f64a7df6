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
        "holiday": "Holiday",
        "business": "Business",
        "visit_friends": "Visiting friends and family",
    },
    source="ONS, Long-Term International Migration, table 2.04: main reasons; Travel Trends: "
    "purposes of visits",
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

RESIDENCES = CodeList(
    "region of residence",
    {"country": "The country", "europe": "Europe", "elsewhere": "Elsewhere"},
    source="docs/reference/data-dictionary.md",
)

_TEXT, _INTEGER = ColumnType.STRING, ColumnType.INTEGER


def _code(name: str, title: str, low: int, high: int | None = None) -> Column:
    return Column(name, _INTEGER, title, unit="code", minimum=low, maximum=high)


_ROUTE = _code("portroute", "Port route", 1)
_DIRECTION = _code("arrivedepart", "Arrivals (1) or departures (2)", 1, 2)
_GROUPS = (
    Column("port_group", _TEXT, "Port group of shifts, non-response and traffic"),
    Column("unsampled_group", _TEXT, "Port group of unsampled traffic"),
)
_WEEKDAY = _code("weekday", "Weekday (1) or weekend (2)", 1, 2)
_PART = _code("am_pm_night", "Part of the day: 6 to 14 (1), 14 to 22 (2), night (3)", 1, 3)
_MONTH = Column("month", ColumnType.DATE, "First day of the month")
_STRATUM = (_MONTH, _ROUTE, _DIRECTION, *_GROUPS, _WEEKDAY, _PART)


def _count(name: str, title: str, unit: str) -> Column:
    return Column(name, _INTEGER, title, unit=unit, minimum=0)


SURVEY_CONTACTS = Table(
    "survey_contacts",
    "Interviews of the passenger survey: full and minimum ones, and migrants of other slots",
    grain=("serial",),
    columns=(
        Column("serial", _INTEGER, "Number of the interview", unit="number", minimum=0),
        Column("interviewed_on", ColumnType.DATE, "Day of the shift"),
        _ROUTE,
        _DIRECTION,
        *_GROUPS,
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
        _code("response", "Full (1), minimum (3), migrant in another slot (4)", 1, 4),
        _code(
            "flow", "1–4 air, 5–8 other: overseas residents leaving (1, 5) and arriving (3, 7), "
            "residents leaving (2, 6) and arriving (4, 8)", 1, 8,
        ),
        Column("residence", _TEXT, "Region of usual residence", codes=RESIDENCES),
        Column("citizenship", _TEXT, "Citizenship group", codes=CITIZENSHIPS),
        Column("sex", _TEXT, "Sex", codes=SEX),
        Column(
            "age", _INTEGER, "Age", unit="years", nullable=True, minimum=0, maximum=90,
            age_definition="at event; 90 is 90 and over",
        ),
        Column("purpose", _TEXT, "Main reason of the journey", codes=REASONS, nullable=True),
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
    grain=("month", "portroute", "arrivedepart", "weekday", "am_pm_night"),
    columns=(
        *_STRATUM,
        _count("possible", "Possible shifts", "shifts"),
        _count("sampled", "Sampled shifts", "shifts"),
    ),
    source="Passenger survey: shifts; in the bundled study, the twin",
)

SURVEY_NONRESPONSE = Table(
    "survey_nonresponse",
    "Passengers in sampled slots who were not interviewed",
    grain=("month", "portroute", "arrivedepart", "weekday", "am_pm_night", "sampinterval"),
    columns=(
        *_STRATUM,
        _code("sampinterval", "Sampling interval of the slots [passengers]", 1),
        _count("migtotal", "In slots screened for migration", "passengers"),
        _count("ordtotal", "In other slots", "passengers"),
    ),
    source="Passenger survey: non-response tallies; in the bundled study, the twin",
)

SURVEY_TRAFFIC = Table(
    "survey_traffic",
    "Passengers on sampled routes at sampled hours",
    grain=("month", "portroute", "arrivedepart"),
    columns=(
        _MONTH,
        _ROUTE,
        _DIRECTION,
        *_GROUPS,
        _count("passengers", "Passengers", "passengers"),
    ),
    source="Port traffic by air, sea and tunnel; in the bundled study, the twin",
)

SURVEY_UNSAMPLED = Table(
    "survey_unsampled",
    "Passengers on routes and at hours that are not sampled",
    grain=("month", "portroute", "arrivedepart", "residence"),
    columns=(
        _MONTH,
        _ROUTE,
        _DIRECTION,
        *_GROUPS,
        Column("residence", _TEXT, "Region of usual residence", codes=RESIDENCES),
        _count("passengers", "Passengers", "passengers"),
    ),
    source="Port traffic not covered by the survey; in the bundled study, the twin",
)

STAGES = CodeList(
    "weighting stage",
    {
        "shift": "Shifts and crossings, sampling interval",
        "nonresponse": "Non-response",
        "minimums": "Minimum interviews",
        "traffic": "Port traffic",
        "unsampled": "Unsampled routes and hours",
    },
    source="International Passenger Survey, weighting of 2017",
)

FLOWS = CodeList(
    "migration direction",
    {"immigration": "Immigration", "emigration": "Emigration"},
    source="UN, Recommendations on Statistics of International Migration, Revision 1, 1998",
)


def _weight(name: str, title: str) -> Column:
    return Column(name, ColumnType.NUMBER, title, unit="ratio", minimum=0)


SURVEY_WEIGHTS = Table(
    "survey_weights",
    "Weights of each interview, stage by stage",
    grain=("serial",),
    columns=(
        Column("serial", _INTEGER, "Number of the interview", unit="number", minimum=0),
        *(_weight(name, title) for name, title in STAGES.labels.items()),
        Column(
            "final",
            ColumnType.NUMBER,
            "Final weight: the product of the stages",
            minimum=0,
            unit="passengers",
        ),
    ),
    source="survey_contacts and the four tables of its weighting",
)

SURVEY_STAGES = Table(
    "survey_stages",
    "What each stage of the weighting did in each cell: the quality report",
    grain=("month", "stage", "cell"),
    columns=(
        _MONTH,
        Column("stage", _TEXT, "Stage", codes=STAGES),
        Column("cell", _TEXT, "Cell, its codes joined by /"),
        _count("cases", "Interviews that count", "interviews"),
        Column("smallest", ColumnType.NUMBER, "Smallest weight of the stage", unit="ratio"),
        Column("mean", ColumnType.NUMBER, "Mean weight of the stage", unit="ratio"),
        Column("largest", ColumnType.NUMBER, "Largest weight of the stage", unit="ratio"),
    ),
    source="survey_weights",
)

_YEAR = Column("year", _INTEGER, "Calendar year", unit="calendar year", minimum=1900)
_FLOW = Column("direction", _TEXT, "Direction", codes=FLOWS)
_POINT = Column("point", ColumnType.NUMBER, "Long-term migrants", unit="persons")
_DRAWS = Column(
    "draws", ColumnType.DRAWS, "Bootstrap replicates of all weighting stages", unit="persons"
)
_BEHIND = "survey_contacts, weighted in every replicate"

SURVEY_MIGRANTS = Table(
    "survey_migrants",
    "Long-term migrants by stated intention, by citizenship and reason",
    grain=("year", "direction", "citizenship", "reason"),
    columns=(
        _YEAR,
        _FLOW,
        Column("citizenship", _TEXT, "Citizenship group", codes=CITIZENSHIPS),
        Column("reason", _TEXT, "Main reason", codes=REASONS),
        _POINT,
        _DRAWS,
    ),
    source=_BEHIND,
)

SURVEY_MIGRANTS_BY_AGE = Table(
    "survey_migrants_by_age",
    "Long-term migrants by stated intention, by age and sex",
    grain=("year", "direction", "age_group", "sex"),
    columns=(
        _YEAR,
        _FLOW,
        Column(
            "age_group", _TEXT, "Age group", pattern=r"\d+-\d+|\d+\+", age_definition="at event"
        ),
        Column("sex", _TEXT, "Sex", codes=SEX),
        _POINT,
        _DRAWS,
    ),
    source=_BEHIND,
)

SURVEY_FLOWS = Table(
    "survey_flows",
    "Long-term immigration, emigration and net migration by stated intention",
    grain=("year", "flow", "by", "category"),
    columns=(
        _YEAR,
        Column(
            "flow", _TEXT, "Immigration, emigration or net", pattern="immigration|emigration|net"
        ),
        Column("by", _TEXT, "What categories are of", pattern="all|citizenship|reason"),
        Column("category", _TEXT, "Code of the category; all for everybody", pattern="[a-z0-9_]+"),
        _count("contacts", "Interviews of migrants", "interviews"),
        Column("persons", ColumnType.NUMBER, "Long-term migrants", unit="persons"),
        Column("standard_error", ColumnType.NUMBER, "Standard error", unit="persons", minimum=0),
        Column("lower", ColumnType.NUMBER, "Lower bound of the 95 % interval", unit="persons"),
        Column("upper", ColumnType.NUMBER, "Upper bound of the 95 % interval", unit="persons"),
    ),
    source="survey_migrants",
)

TABLES = (
    SURVEY_CONTACTS, SURVEY_SHIFTS, SURVEY_NONRESPONSE, SURVEY_TRAFFIC, SURVEY_UNSAMPLED,
    SURVEY_WEIGHTS, SURVEY_STAGES, SURVEY_MIGRANTS, SURVEY_MIGRANTS_BY_AGE, SURVEY_FLOWS,
)  # fmt: skip
