"""Change between periods, revisions of a series, and changed methods side by side."""

from __future__ import annotations

from ravenstein.core.schema import Column, ColumnType, Table

_TEXT, _NUMBER = ColumnType.STRING, ColumnType.NUMBER

_FLOW = Column("flow", _TEXT, "Immigration, emigration, net or another flow")
_PERIOD = Column("period", _TEXT, "Period: a calendar year, or a rolling year by its last quarter")


def _persons(name: str, title: str, *, nullable: bool = False) -> Column:
    return Column(name, _NUMBER, title, unit="persons", nullable=nullable)


def _uncertain(what: str, *, nullable: bool = False) -> tuple[Column, ...]:
    """Return the columns of a difference that is tested against 0."""
    return (
        Column(
            "standard_error", _NUMBER, f"Standard error of the {what}", unit="persons", minimum=0,
            nullable=nullable,
        ),
        _persons("lower", "Lower bound (95 %)", nullable=nullable),
        _persons("upper", "Upper bound (95 %)", nullable=nullable),
        Column(
            "significant", ColumnType.BOOLEAN, f"Whether the {what} is significant at 5 %",
            nullable=nullable,
        ),
    )  # fmt: skip


MIGRATION_CHANGES = Table(
    "migration_changes",
    "Change of migration between two periods, with its error and the smallest change that could "
    "have been found",
    grain=("flow", "period", "compared_with"),
    columns=(
        _FLOW,
        _PERIOD,
        Column("compared_with", _TEXT, "The earlier period"),
        _persons("persons", "Migrants in the period"),
        _persons("difference", "Migrants in the period minus those in the earlier one"),
        *_uncertain("difference"),
        Column("p_value", _NUMBER, "Two-sided p value", unit="probability", minimum=0, maximum=1),
        Column(
            "detectable", _NUMBER, "Smallest change found at 5 % with a power of 80 %",
            unit="persons", minimum=0,
        ),
    ),
    source="A series of migration with its draws",
)  # fmt: skip

MIGRATION_REVISIONS = Table(
    "migration_revisions",
    "Revisions of a series by the maturity of the figure that was revised",
    grain=("series", "towards", "maturity"),
    columns=(
        Column("series", _TEXT, "Codes of the series, joined by /; all where there is one"),
        Column(
            "towards", _TEXT, "Revised in the next vintage, or up to the latest",
            pattern="next|latest",
        ),
        Column(
            "maturity", ColumnType.INTEGER, "Vintages since the figure's first, or months since "
            "the period's end; the lowest of its band", unit="vintages or months", minimum=0,
        ),
        Column("revisions", ColumnType.INTEGER, "Figures revised", unit="figures", minimum=1),
        _persons("mean", "Mean revision"),
        Column(
            "standard_error", _NUMBER, "Standard error of the mean revision, autocorrelation "
            "allowed for; missing for one figure", unit="persons", minimum=0, nullable=True,
        ),
        Column(
            "t", _NUMBER, "Mean revision over its standard error; missing where that is 0 or "
            "missing", unit="ratio", nullable=True,
        ),
        Column(
            "p_value", _NUMBER, "Two-sided p value of t", unit="probability", minimum=0, maximum=1,
            nullable=True,
        ),
        Column("mean_absolute", _NUMBER, "Mean absolute revision", unit="persons", minimum=0),
        Column(
            "relative_mean_absolute", _NUMBER, "Sum of absolute revisions over the sum of absolute "
            "later figures; missing where these are 0", unit="ratio", minimum=0, nullable=True,
        ),
        Column("root_mean_square", _NUMBER, "Root mean square revision", unit="persons", minimum=0),
        Column(
            "share_up", _NUMBER, "Share of figures revised upwards", unit="share", minimum=0,
            maximum=1,
        ),
    ),
    source="The vintages of a table",
)  # fmt: skip

MIGRATION_METHODS = Table(
    "migration_methods",
    "A series by an old and a new method, side by side",
    grain=("flow", "period"),
    columns=(
        _FLOW,
        _PERIOD,
        _persons("old", "By the old method; missing outside its periods", nullable=True),
        _persons("new", "By the new method; missing outside its periods", nullable=True),
        _persons("difference", "New minus old, where there are both", nullable=True),
        *_uncertain("difference", nullable=True),
    ),
    source="A series of migration by two methods",
)

TABLES = (MIGRATION_CHANGES, MIGRATION_REVISIONS, MIGRATION_METHODS)
