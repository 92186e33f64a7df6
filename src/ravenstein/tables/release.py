"""What a release consists of."""

from __future__ import annotations

from ravenstein.core.schema import Column, ColumnType, Table

RELEASE_FILES = Table(
    "release_files",
    "Files of each release: pages, assets and tables to download",
    grain=("path",),
    columns=(
        Column("path", ColumnType.STRING, "Path inside the release"),
        Column("sha256", ColumnType.STRING, "Hash of the file", pattern="[0-9a-f]{64}"),
        Column("size", ColumnType.INTEGER, "Size", unit="bytes", minimum=0),
    ),
    source="The release",
)

RELEASE_CHANGES = Table(
    "release_changes",
    "Figures that changed since the release before, and why",
    grain=("table", "cell", "column"),
    columns=(
        Column("table", ColumnType.STRING, "Name of the published table"),
        Column("cell", ColumnType.STRING, "Row of the table: its codes, such as area and year"),
        Column("column", ColumnType.STRING, "Column of the table"),
        Column(
            "change", ColumnType.STRING, "What happened to the figure",
            pattern="added|removed|changed",
        ),
        Column("before", ColumnType.STRING, "As published before", nullable=True),
        Column("after", ColumnType.STRING, "As published now", nullable=True),
        Column(
            "difference", ColumnType.NUMBER, "Now minus before, of numbers",
            unit="as the column's", nullable=True,
        ),
        Column("why", ColumnType.STRING, "What differs behind the table"),
    ),
    source="The tables of two releases",
    notes=(
        "Tables that are new, or no longer published, are not listed figure by figure.",
        "What differs behind a table was found through every step that made it.",
        "A group's figure of migration_flows or survey_flows that is gone has no earlier value "
        "here: it may be withheld now.",
    ),
)  # fmt: skip

TABLES = (RELEASE_FILES, RELEASE_CHANGES)
