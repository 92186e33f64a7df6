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

OCCUPATIONS = CodeList(
    "usual occupation",
    {
        "professional": "Professional and managerial",
        "manual": "Manual and clerical",
        "student": "Students",
        "other_adult": "Other adults",
        "child": "Children",
    },
    source="ONS, Long-Term International Migration, table 2.05: usual occupation before migration",
)

_TEXT, _INTEGER = ColumnType.STRING, ColumnType.INTEGER


def code(name: str, title: str, low: int, high: int | None = None) -> Column:
    """Return a column of number codes."""
    return Column(name, _INTEGER, title, unit="code", minimum=low, maximum=high)


SERIAL = Column(
    "serial", _INTEGER, "Number of the interview", unit="number", minimum=0, identifying=True
)
ROUTE = code("portroute", "Port route", 1)
DIRECTION = code("arrivedepart", "Arrivals (1) or departures (2)", 1, 2)
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
_WEEKDAY = code("weekday", "Weekday (1) or weekend (2)", 1, 2)
_PART = code("am_pm_night", "Part of the day: 6 to 14 (1), 14 to 22 (2), night (3)", 1, 3)
MONTH = Column("month", ColumnType.DATE, "First day of the month")


def count(name: str, title: str, unit: str) -> Column:
    """Return a column of counts."""
    return Column(name, _INTEGER, title, unit=unit, minimum=0)


SURVEY_CONTACTS = Table(
    "survey_contacts",
    "Interviews of the passenger survey: full and minimum ones, and migrants of other slots",
    grain=("serial",),
    columns=(
        SERIAL,
        Column("interviewed_on", ColumnType.DATE, "Day of the shift"),
        ROUTE,
        DIRECTION,
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
            "tandtsi", _INTEGER, "Sampling interval of full interviews; may be missing for "
            "migrants and non-response", unit="passengers", minimum=1, nullable=True,
        ),
        code(
            "response", "Full (1), partial (2), minimum (3), migrant in another slot (4), "
            "non-response (5)", 1, 5,
        ),
        Column(
            "flow", _INTEGER, "1–4 air, 5–8 other: overseas residents leaving (1, 5) and arriving "
            "(3, 7), residents leaving (2, 6) and arriving (4, 8)", unit="code", minimum=1,
            maximum=8, nullable=True,
        ),
        Column(
            "country", _TEXT, "Country group abroad: of last residence (arriving migrants), next "
            "residence (leaving ones), of residence (visitors) or of the visit", codes=COUNTRIES,
            nullable=True,
        ),
        Column(
            "citizenship", _TEXT, "Citizenship group; missing for non-response",
            codes=CITIZENSHIPS, nullable=True,
        ),
        Column("sex", _TEXT, "Sex; missing for non-response", codes=SEX, nullable=True),
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
        MONTH, _RECORD, ROUTE, DIRECTION, _group("shift"), _WEEKDAY, _PART,
        count("possible", "Possible shifts", "shifts"),
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
        MONTH, _RECORD, ROUTE, DIRECTION, _group("nonresponse"), _WEEKDAY,
        count("migtotal", "In slots screened for migration", "passengers"),
        count("ordtotal", "In other slots", "passengers"),
    ),
    source="Passenger survey: non-response tallies; in the bundled study, the twin",
)  # fmt: skip

SURVEY_TRAFFIC = Table(
    "survey_traffic",
    "Passengers on sampled routes at sampled hours",
    grain=("month", "record"),
    columns=(
        MONTH,
        _RECORD,
        ROUTE,
        DIRECTION,
        _group("traffic"),
        count("passengers", "Passengers", "passengers"),
    ),
    source="Port traffic by air, sea and tunnel; in the bundled study, the twin",
)

SURVEY_UNSAMPLED = Table(
    "survey_unsampled",
    "Passengers on routes and at hours that are not sampled",
    grain=("month", "record"),
    columns=(
        MONTH,
        _RECORD,
        ROUTE,
        DIRECTION,
        _group("unsampled"),
        _REGION,
        count("passengers", "Passengers", "passengers"),
    ),
    source="Port traffic not covered by the survey; in the bundled study, the twin",
)

SURVEY_IMBALANCE = Table(
    "survey_imbalance",
    "Factors that bring arrivals and departures of overseas residents into balance",
    grain=("serial",),
    columns=(
        SERIAL,
        code("eligible", "Whether the interview takes part (1) or not (0)", 0, 1),
        Column("port", ColumnType.NUMBER, "Factor of the port", unit="ratio", minimum=0),
        Column(
            "country", ColumnType.NUMBER, "Factor of the country, for overseas residents leaving",
            unit="ratio", minimum=0,
        ),
    ),
    source="Passenger survey: imbalance factors; none in the bundled study",
)  # fmt: skip

SURVEY_TRAILERS = Table(
    "survey_trailers",
    "Further answers of migrants, and of those whose stay or absence of a month or longer ends",
    grain=("serial",),
    columns=(
        SERIAL,
        Column(
            "nights", _INTEGER, "Nights of the stay or absence that ends, as recalled, however "
            "long; missing where none does", unit="nights", nullable=True, minimum=0,
        ),
        Column(
            "stay_before", _TEXT, "Length that was stated when it began, as recalled",
            codes=STAYS, nullable=True,
        ),
        Column(
            "asylum", ColumnType.BOOLEAN, "Whether they say that they come, or came, to seek "
            "asylum",
        ),
        Column(
            "occupation", _TEXT, "Usual occupation before the migration; missing for others than "
            "migrants", codes=OCCUPATIONS, nullable=True,
        ),
    ),
    source="Passenger survey: migration trailer; in the bundled study, the twin",
)  # fmt: skip

TABLES = (
    SURVEY_CONTACTS, SURVEY_SHIFTS, SURVEY_NONRESPONSE, SURVEY_TRAFFIC, SURVEY_UNSAMPLED,
    SURVEY_IMBALANCE, SURVEY_TRAILERS,
)  # fmt: skip
