"""Published long-term migration: the cells of official tables, and what they must satisfy."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.passenger_survey import OCCUPATIONS
from ravenstein.tables.survey_results import FLOWS

_LTIM = "ONS, Long-Term International Migration"
_IPS = "ONS, International Passenger Survey estimates of long-term international migration"

ALL = "all"
"""The code of a dimension that a cell is not broken down by."""

PUBLISHED_FLOWS = CodeList(
    "published flow", {**FLOWS.labels, "net": "Net migration"}, source=FLOWS.source
)

PLACES = CodeList(
    "place",
    {
        "UK": "United Kingdom",
        "GB": "Great Britain",
        "EW": "England and Wales",
        "E": "England",
        "W": "Wales",
        "S": "Scotland",
        "NI": "Northern Ireland",
        "E12000001": "North East",
        "E12000002": "North West",
        "E12000003": "Yorkshire and The Humber",
        "E12000004": "East Midlands",
        "E12000005": "West Midlands",
        "E12000006": "East of England",
        "E12000007": "London",
        "E12000008": "South East",
        "E12000009": "South West",
    },
    source=f"{_LTIM}, tables 2.01 to 2.07; regions by their codes in the ONS Code History Database",
)

PUBLISHED_REASONS = CodeList(
    "published reason",
    {
        ALL: "All reasons",
        "work": "Work related",
        "definite_job": "Definite job",
        "looking_for_work": "Looking for work",
        "accompany_join": "Accompany / join",
        "formal_study": "Formal study",
        "going_home": "Going home to live",
        "other": "Other",
        "not_stated": "No reason stated",
    },
    source=f"{_LTIM}, table 2.04; {_IPS}, table 4.02",
)

_REGIONS = {
    "non_eu": "Non-EU",
    "commonwealth": "Commonwealth All",
    "old_commonwealth": "Old Commonwealth",
    "new_commonwealth": "New Commonwealth",
    "non_eu_non_commonwealth": "Non-EU and Non-Commonwealth",
    "europe": "Europe including EU but excluding British",
    "other_europe": "Europe excluding EU and British",
    "asia": "Asia",
    "middle_east_central_asia": "Middle East and Central Asia",
    "east_asia": "East Asia",
    "south_asia": "South Asia",
    "south_east_asia": "South East Asia",
    "rest_of_world": "Rest of World",
    "north_africa": "North Africa",
    "sub_saharan_africa": "Sub-Saharan Africa",
    "north_america": "North America",
    "central_south_america": "Central and South America",
    "oceania": "Oceania",
}
_UNION = {
    "eu": "European Union",
    "eu15": "European Union EU15",
    "eu8": "European Union EU8",
    "eu2": "European Union EU2",
    "eu_other": "European Union Other",
    "eea": "European Economic Area (EEA)",
    "efta": "European Free Trade Association (EFTA)",
}

PUBLISHED_CITIZENSHIPS = CodeList(
    "published citizenship group",
    {
        ALL: "All citizenships",
        "british": "British",
        "non_british": "Non-British",
        "british_overseas": "British including British Overseas Territories",
        "not_british_overseas": "Not British or British Overseas Territories",
        **_UNION,
        **_REGIONS,
        "stateless": "Stateless",
    },
    source=f"{_IPS}, table 4.02, columns and footnotes 1 to 5: British citizens are in no group of "
    "the Union, and the groups called EEA and EFTA hold the Union too",
)

PUBLISHED_COUNTRIES = CodeList(
    "published country group",
    {ALL: "All countries", **_UNION, **_REGIONS},
    source=f"{_LTIM}, table 2.02: country of last or next residence",
)

PUBLISHED_OCCUPATIONS = CodeList(
    "published occupation",
    {ALL: "All occupations", **OCCUPATIONS.labels, "not_employed": "Not gainfully employed"},
    source=OCCUPATIONS.source,
)

PUBLISHED_AGES = CodeList(
    "published age group",
    {
        ALL: "All ages",
        "0-14": "Under 15",
        "15-24": "15-24",
        "25-44": "25-44",
        "45-59/64": "45-59/64",
        "60/65+": "60/65 and over",
    },
    source=f"{_LTIM}, table 2.07, footnotes 2 and 3: women to 59, men to 64, and older",
)

PUBLISHED_SEXES = CodeList("published sex", {ALL: "Persons", **SEX.labels}, source=SEX.source)

PUBLISHED_AREAS = CodeList(
    "published area", {ALL: "All areas", **PLACES.labels}, source=f"{_LTIM}, table 2.06"
)

BASES = CodeList(
    "basis",
    {
        "published": "As first published, never revised",
        "revised": "Revised after the census of 2011",
        "original": "Estimate before that revision",
    },
    source=f"{_LTIM}, table 2.07, headings 2011 Census Revisions and Original Estimates",
)

CELL_STATUSES = CodeList(
    "status of a published cell",
    {
        "given": "Given",
        "not_available": "Not available (:)",
        "not_applicable": "Not applicable (z)",
        "rounds_to_zero": "Rounds to zero (0~)",
        "no_contact": "No migrant was interviewed (.)",
    },
    source=f"{_LTIM} and {_IPS}, notes below the tables",
)

EUROPEAN_UNION = (
    (1995, ("eu15",)),
    (2004, ("eu8", "malta_cyprus")),
    (2007, ("eu2",)),
    (2013, ("croatia",)),
)
"""From which year the group European Union holds which states: 15, 25, 27 and 28 of them; Croatia
from July 2013; the 15 in earlier years too (table 4.02, footnote 1)."""

MEMBERS = {
    "british": ("british",),
    "british_overseas": ("british", "overseas_territories"),
    "eu15": ("eu15",),
    "eu8": ("eu8",),
    "eu2": ("eu2",),
    "old_commonwealth": (
        "sub_saharan_africa_old", "north_america_old", "oceania_old",
    ),
    "new_commonwealth": (
        "south_asia_new", "south_east_asia_new", "sub_saharan_africa_new",
        "central_south_america_new", "oceania_new",
    ),
    "middle_east_central_asia": ("middle_east_central_asia",),
    "east_asia": ("east_asia",),
    "south_asia": ("south_asia_new", "south_asia_other"),
    "south_east_asia": ("south_east_asia_new", "south_east_asia_other"),
    "north_africa": ("north_africa",),
    "sub_saharan_africa": (
        "sub_saharan_africa_old", "sub_saharan_africa_new", "sub_saharan_africa_other",
    ),
    "north_america": ("north_america_old", "north_america_other"),
    "central_south_america": ("central_south_america_new", "central_south_america_other"),
    "oceania": ("oceania_old", "oceania_new", "oceania_other"),
    "stateless": ("stateless",),
}  # fmt: skip
"""The parts, the smallest sets that no group divides, of the groups that are the same in every
year; regions are divided by Old, New and no Commonwealth."""

EUROPE_OUTSIDE = ("iceland_liechtenstein_norway", "switzerland", "europe_never_in")
"""The parts of Europe that were never in the Union."""

DIMENSIONS = {
    "reason": PUBLISHED_REASONS,
    "citizenship": PUBLISHED_CITIZENSHIPS,
    "country": PUBLISHED_COUNTRIES,
    "occupation": PUBLISHED_OCCUPATIONS,
    "age_group": PUBLISHED_AGES,
    "sex": PUBLISHED_SEXES,
    "area": PUBLISHED_AREAS,
}
"""What cells may be broken down by, and the codes."""

_TEXT, _INTEGER = ColumnType.STRING, ColumnType.INTEGER
_TITLES = {
    "reason": "Main reason", "citizenship": "Citizenship group",
    "country": "Country of last or next residence",
    "occupation": "Usual occupation before migration", "age_group": "Age group",
    "sex": "Sex", "area": "Area of destination or origin",
}  # fmt: skip


def _edition(name: str, title: str) -> Column:
    return Column(
        name, _TEXT, f"{title}: its years, and the day it was published where that is stated",
        pattern=r"\d{4}(-\d{4})?(_published\d{4}-\d{2}-\d{2})?",
    )  # fmt: skip


def _persons(name: str, title: str, *, nullable: bool = False) -> Column:
    return Column(name, _INTEGER, title, unit="persons", nullable=nullable)


_TABLE = Column("table", _TEXT, "Number of the table", pattern=r"\d\.\d{2}[a-z]?")
_PLACE = Column("place", _TEXT, "Place that people move to or from", codes=PLACES)
_DIRECTION = Column("direction", _TEXT, "Direction", codes=PUBLISHED_FLOWS)
_YEAR = Column("year", _INTEGER, "Calendar year", unit="calendar year", minimum=1960)
_CELL = (
    _edition("edition", "Edition"),
    _TABLE,
    _PLACE,
    _DIRECTION,
    _YEAR,
    *(
        Column(
            name, _TEXT, f"{_TITLES[name]}; all where not broken down", codes=codes,
            age_definition="at event" if name == "age_group" else None,
        )
        for name, codes in DIMENSIONS.items()
    ),
    Column("basis", _TEXT, "Basis", codes=BASES),
)  # fmt: skip
CELL = tuple(column.name for column in _CELL)
"""The columns that name a published cell."""

PUBLISHED_MIGRATION = Table(
    "published_migration",
    "Cells of published tables of long-term migration",
    grain=CELL,
    columns=(
        *_CELL,
        Column("status", _TEXT, "Status of the cell", codes=CELL_STATUSES),
        _persons(
            "persons", "Migrants; emigrants as a positive number; missing where not given",
            nullable=True,
        ),
        Column(
            "half_width", _INTEGER, "Half the 95% confidence interval; missing where not given",
            unit="persons", minimum=0, nullable=True,
        ),
    ),
    source=f"{_LTIM}, tables 2.01 to 2.07; {_IPS}, tables 4.01 to 4.04",
    notes=(
        "Figures are published in thousands, emigrants with a minus sign.",
        "Groups of citizenship overlap, and the Union grew: see `disjoint`.",
    ),
)  # fmt: skip

IDENTITIES = CodeList(
    "identity of published migration",
    {
        "balance": "Net migration is immigration less emigration",
        "categories": "Categories sum to their total",
        "interval": "The interval of net migration is that of a difference of independent flows",
        "census_revision": "What the census of 2011 changed; shown, not judged",
    },
    source=f"{_LTIM}, notes below the tables",
)

MIGRATION_CHECKS = Table(
    "migration_checks",
    "How well published figures of migration agree with one another",
    grain=(*CELL, "identity", "parts"),
    columns=(
        *_CELL,
        Column("identity", _TEXT, "Identity", codes=IDENTITIES),
        Column("parts", _TEXT, "What the cell is compared with"),
        _persons("published", "The cell: migrants, or half of an interval"),
        _persons("computed", "The same from its parts"),
        _persons("difference", "Published less computed"),
        Column(
            "tolerance", _INTEGER, "Largest difference that rounding explains; missing where the "
            "difference is shown only", unit="persons", minimum=0, nullable=True,
        ),
        Column("holds", ColumnType.BOOLEAN, "Whether it is within", nullable=True),
    ),
    source="published_migration",
)  # fmt: skip

MIGRATION_ADJUSTMENTS = Table(
    "migration_adjustments",
    "What is added to the passenger survey to make total long-term migration",
    grain=("edition", "survey_edition", "place", "direction", "year"),
    columns=(
        _edition("edition", "Edition of the total"),
        _TABLE,
        _edition("survey_edition", "Edition of the survey table"),
        Column("survey_table", _TEXT, "Number of the survey table", pattern=_TABLE.pattern),
        _PLACE,
        _DIRECTION,
        _YEAR,
        _persons("total", "Total long-term migrants"),
        _persons("survey", "Those of the passenger survey"),
        _persons(
            "adjustments", "Total less survey: asylum, visitor and migrant switchers, Ireland"
        ),
    ),
    source=f"{_LTIM}, table 2.04; {_IPS}, table 4.02",
)

TABLES = (PUBLISHED_MIGRATION, MIGRATION_CHECKS, MIGRATION_ADJUSTMENTS)
