"""Usual gross flows and the net flows they must meet, a row each, with any other columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.store.readers.layouts import Layout, read_columns
from ravenstein.store.readers.text_table import decimal_number

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LAYOUT = Layout(
    "a table of gross and net flows",
    "area, …, inflow, outflow, net",
    {"inflow": "inflow|in|base_in", "outflow": "outflow|out|base_out", "net": "net|net_target"},
    others=None,
)


@dataclass(frozen=True, eq=False)
class GrossFlows:
    """The rows, as text, and the numbers of three columns."""

    rows: pa.Table
    inflow: Floats
    outflow: Floats
    net: Floats


def read_gross_flows(path: Path, shown: str) -> GrossFlows:
    """Read a table of usual inflows and outflows and of net flows.

    Args:
        path: The CSV file: columns `inflow`, `outflow` and `net`, and any others, which are kept.
        shown: Its name in messages.

    Raises:
        SourceError: If a column is missing, or a cell is not a number.
    """
    columns, table = read_columns(path, shown, _LAYOUT)
    numbers = {
        name: np.asarray(
            table.decoded(
                place,
                decimal_number,
                problem="A cell holds text where a number should stand.",
                expected="a number",
            ),
            dtype=np.float64,
        )
        for name, place in columns.places.items()
    }
    for name in ("inflow", "outflow"):
        table.refuse_impossible(numbers[name], columns.places[name], count=True)
    rows = table.rows.rename_columns(list(columns.names))
    return GrossFlows(rows, numbers["inflow"], numbers["outflow"], numbers["net"])
