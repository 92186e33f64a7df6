"""Net flows turned into gross ones, for a file of any number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ravenstein.core.errors import StudyError
from ravenstein.demography.gross_flows import gross_flows
from ravenstein.store.files import write_csv
from ravenstein.store.readers.gross_flows import read_gross_flows

if TYPE_CHECKING:
    from pathlib import Path

INFLOW, OUTFLOW = "inflow_adjusted", "outflow_adjusted"


def gross_flows_of_file(file: Path, out: Path, *, whole: bool = False) -> int:
    """Add the likeliest gross flows that meet the net flows to the rows of a file.

    Args:
        file: CSV with `inflow`, `outflow` and `net`.
        out: CSV to write: all columns, and the two adjusted flows.
        whole: Whether flows are whole numbers.

    Returns:
        Number of rows.

    Raises:
        SourceError: If the file is not such a table.
        DemographyError: If flows are negative, or nets are not whole where flows are to be.
    """
    given = read_gross_flows(file, file.name)
    taken = {INFLOW, OUTFLOW} & set(given.rows.column_names)
    if taken or out.resolve() == file.resolve():
        raise StudyError(
            "The results would take the place of what was read.",
            expected=f"another file, without columns {INFLOW} and {OUTFLOW}",
            found=", ".join(sorted(taken)) or "the same file",
            where=out.name,
            fix="Choose another file; rename the columns.",
        )
    into, leaving = gross_flows(given.inflow, given.outflow, given.net, whole=whole)
    rows = given.rows
    for name, values in ((INFLOW, into), (OUTFLOW, leaving)):
        column = pa.array(values).cast(pa.int64()) if whole else pa.array(values)
        rows = rows.append_column(name, column)
    write_csv(rows, out)
    return int(rows.num_rows)
