"""The published table: one declared model from which every format is made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from ravenstein.core.schema import Column, Table

_CSVW_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean", "date": "date"}


@dataclass(frozen=True)
class PublishedTable:
    """A table as readers get it, in every format.

    Args:
        name: File name without ending.
        title: What it shows, where and when.
        table: The declaration of its columns.
        rows: The rows, in the declared columns.
        source: Who published the figures it rests on.
        simulated: Whether the figures are simulated.
    """

    name: str
    title: str
    table: Table
    rows: pa.Table
    source: str
    simulated: bool

    @property
    def columns(self) -> tuple[Column, ...]:
        """The declared columns that the table has."""
        return tuple(c for c in self.table.columns if c.name in self.rows.column_names)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: of simulation first."""
        warning = ("Simulated data: these figures describe no real place.",)
        return (*(warning if self.simulated else ()), *self.table.notes)

    def arrow(self) -> pa.Table:
        """Return the rows with title, source, notes and units in the schema's metadata."""
        about = {"title": self.title, "source": self.source, "notes": " ".join(self.notes)}
        fields = [
            pa.field(
                c.name,
                self.rows.schema.field(c.name).type,
                metadata={"title": c.title, "unit": c.unit or ""},
            )
            for c in self.columns
        ]
        ordered = self.rows.select([c.name for c in self.columns])
        return ordered.cast(pa.schema(fields, metadata=about))

    def csv_metadata(self) -> str:
        """Return the description of the CSV file by the W3C's standard.

        Source:
            W3C, Metadata Vocabulary for Tabular Data, 2015.
        """
        columns: list[dict[str, Any]] = []
        for column in self.columns:
            entry: dict[str, Any] = {
                "name": column.name,
                "titles": column.name,
                "dc:description": column.title,
                "datatype": _CSVW_TYPES.get(column.type.value, "string"),
                "required": not column.nullable,
            }
            if column.unit:
                entry["schema:unitText"] = column.unit
            columns.append(entry)
        return json.dumps(
            {
                "@context": "http://www.w3.org/ns/csvw",
                "url": f"{self.name}.csv",
                "dc:title": self.title,
                "dc:source": self.source,
                "dc:description": list(self.notes),
                "tableSchema": {
                    "columns": columns,
                    "primaryKey": [c.name for c in self.columns if c.name in self.table.grain],
                },
            },
            indent=1,
            ensure_ascii=False,
        )
