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
