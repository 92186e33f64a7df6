"""Population estimates, components of change and the account that joins them."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.geography import NATIONS, area_column, edition_column

COMPONENTS = CodeList(
    "component of change",
    {
        "births": "Live births",
        "deaths": "Deaths",
        "natural_change": "Natural change (births minus deaths)",
        "internal_in": "Internal migration, inflow",
        "internal_out": "Internal migration, outflow",
        "internal_net": "Internal migration, net",
        "international_in": "International migration, inflow",
        "international_out": "International migration, outflow",
        "international_net": "International migration, net",
        "other_change": "Other changes",
        "special_change": "Special changes (armed forces, prisoners)",
        "unattributable": "Unattributable change after a census",
        "other_adjustment": "Other adjustments",
    },
    source="ONS, Mid-year population estimates, MYEB3 summary components of change: notes; "
    "MYEB2 detailed components of change: column names",
)

OTHER_CHANGES = ("other_change", "special_change", "unattributable", "other_adjustment")
"""The components that together are the other changes of the account."""

EFFECTS = {
    "births": 1,
    "deaths": -1,
    "internal_in": 1,
    "internal_out": -1,
    "internal_net": 1,
    "international_in": 1,
    "international_out": -1,
    "international_net": 1,
    **dict.fromkeys(OTHER_CHANGES, 1),
}
"""How a component changes the stock: deaths and outflows are counted positive and take away."""

OBSERVATION_STATUS = CodeList(
    "observation status",
    {"A": "Normal value", "O": "Missing value"},
    source="SDMX CL_OBS_STATUS 2.2",
)

ACCOUNT_STATUS = CodeList(
    "account status",
    {
        "balanced": "Balances exactly",
        "rounding": "Differs by no more than the rounding of the source",
        "unbalanced": "Differs by more than rounding explains",
        "no_figures": "The source gives no figures",
    },
    source="docs/explanation/population-account.md",
)

CHECKS = CodeList(
    "account check",
    {
        "account": "Stock = stock before + births − deaths + net migration + other changes",
        "natural_change": "Natural change = births − deaths",
        "internal_flows": "Internal net = inflow − outflow",
        "international_flows": "International net = inflow − outflow",
        "internal_zero_sum": "Internal net migration adds to zero over the whole state",
    },
    source="docs/explanation/population-account.md",
)


def year_column() -> Column:
    """Return the column of the mid-year: stocks at 30 June, flows in the year to it."""
    return Column(
        "year",
        ColumnType.INTEGER,
        "Mid-year: a stock at 30 June of the year, a flow from 1 July before to 30 June",
        unit="calendar year",
        minimum=1800,
        maximum=2200,
    )


def status_column() -> Column:
    """Return the column that says whether the source gives a value."""
    return Column("status", ColumnType.STRING, "Observation status", codes=OBSERVATION_STATUS)


def _persons(
    name: str, title: str, *, nullable: bool = True, minimum: float | None = None
) -> Column:
    return Column(
        name, ColumnType.INTEGER, title, unit="persons", nullable=nullable, minimum=minimum
    )


POPULATION_EDITIONS = Table(
    "population_editions",
    "Editions of the official population figures that were read",
    grain=("edition",),
    columns=(
        edition_column(),
        Column(
            "geography",
            ColumnType.INTEGER,
            "Year of the boundaries",
            unit="calendar year",
            minimum=1800,
            maximum=2200,
        ),
        Column("first", ColumnType.INTEGER, "First mid-year", unit="calendar year"),
        Column("last", ColumnType.INTEGER, "Last mid-year", unit="calendar year"),
        Column("areas", ColumnType.INTEGER, "Local authorities", unit="areas", minimum=1),
        Column("missing", ColumnType.INTEGER, "Cells without figures", unit="cells", minimum=0),
        Column("file", ColumnType.STRING, "Name of the source file"),
        Column("sha256", ColumnType.STRING, "Hash of the source file", pattern="[0-9a-f]{64}"),
    ),
    source="The source files",
)

POPULATION_ESTIMATES = Table(
    "population_estimates",
    "Mid-year population estimates of local authorities, as published",
    grain=("edition", "area", "year"),
    columns=(
        edition_column(),
        area_column(),
        year_column(),
        _persons("population", "Usually resident population at mid-year", minimum=0),
        status_column(),
    ),
    source="ONS, MYEB3 summary components of change: columns population_YYYY",
)

POPULATION_COMPONENTS = Table(
    "population_components",
    "Components of population change of local authorities, as published",
    grain=("edition", "area", "year", "component"),
    columns=(
        edition_column(),
        area_column(),
        year_column(),
        Column("component", ColumnType.STRING, "Component of change", codes=COMPONENTS),
        _persons("persons", "Persons; deaths and outflows are counted positive"),
        status_column(),
    ),
    source="ONS, MYEB3 summary components of change: columns births_YYYY … other_change_YYYY",
)

POPULATION_ACCOUNT = Table(
    "population_account",
    "Population account: how each mid-year population became the next",
    grain=("edition", "area", "year"),
    columns=(
        edition_column(),
        area_column(),
        year_column(),
        _persons("opening", "Population at the mid-year before", minimum=0),
        _persons("births", "Live births", minimum=0),
        _persons("deaths", "Deaths", minimum=0),
        _persons("natural_change", "Births minus deaths, as published"),
        _persons("internal_in", "Internal migration, inflow", minimum=0),
        _persons("internal_out", "Internal migration, outflow", minimum=0),
        _persons("internal_net", "Internal migration, net"),
        _persons("international_in", "International migration, inflow", minimum=0),
        _persons("international_out", "International migration, outflow", minimum=0),
        _persons("international_net", "International migration, net"),
        _persons("other_change", "Other changes, special and unattributable ones included"),
        _persons("residual", "What the components leave unexplained"),
        _persons("closing", "Population at the mid-year", minimum=0),
        Column("status", ColumnType.STRING, "Whether the account balances", codes=ACCOUNT_STATUS),
    ),
    source="ONS, Mid-year population estimates: component method; "
    "docs/explanation/population-account.md",
    notes=(
        "Nations and states are the sums of their local authorities.",
        "Internal inflows and outflows are not summed: moves between two local authorities of "
        "one nation are not moves into the nation. Their net is.",
    ),
)

POPULATION_CHECKS = Table(
    "population_checks",
    "How well each edition's published figures agree with one another",
    grain=("edition", "nation", "check"),
    columns=(
        edition_column(),
        Column("nation", ColumnType.STRING, "Nation or state", codes=NATIONS),
        Column("check", ColumnType.STRING, "Identity checked", codes=CHECKS),
        Column("cells", ColumnType.INTEGER, "Cells checked", unit="cells", minimum=0),
        Column("differing", ColumnType.INTEGER, "Cells that differ", unit="cells", minimum=0),
        Column("without_figures", ColumnType.INTEGER, "Cells without figures", unit="cells"),
        _persons("largest", "Largest absolute difference", nullable=False, minimum=0),
    ),
    source="docs/explanation/population-account.md",
)

TABLES = (
    POPULATION_EDITIONS,
    POPULATION_ESTIMATES,
    POPULATION_COMPONENTS,
    POPULATION_ACCOUNT,
    POPULATION_CHECKS,
)
