"""Net flows turned into gross ones, for a file of any number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ravenstein.core.errors import SourceError
from ravenstein.demography.gross_flows import gross_flows
from ravenstein.store.files import refuse_inputs, write_csv
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
        SourceError: If the file is not such a table, or has columns of the results' names.
        StudyError: If the results would take its place.
        DemographyError: If flows are negative, or nets are not whole where flows are to be.
    """
    refuse_inputs(out, [file], ".csv")
    given = read_gross_flows(file, file.name)
    taken = {INFLOW, OUTFLOW} & set(given.rows.column_names)
    if taken:
        raise SourceError(
            "The file has columns of the names of the results.",
            expected=f"none named {INFLOW} or {OUTFLOW}",
            found=", ".join(sorted(taken)),
            where=file.name,
            fix="Rename the columns.",
        )
    into, leaving = gross_flows(given.inflow, given.outflow, given.net, whole=whole)
    rows = given.rows
    for name, values in ((INFLOW, into), (OUTFLOW, leaving)):
        column = pa.array(values).cast(pa.int64()) if whole else pa.array(values)
        rows = rows.append_column(name, column)
    write_csv(rows, out)
    return int(rows.num_rows)
