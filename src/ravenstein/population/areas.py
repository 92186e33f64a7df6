"""The areas of an edition: local authorities, the nations they lie in, and the state."""

from __future__ import annotations

import pyarrow as pa

from ravenstein.tables.geography import AREAS, NATIONS


def with_nations(edition: str, local: pa.Table) -> pa.Table:
    """Add the nations and states that local authorities lie in.

    Args:
        edition: The edition.
        local: Columns `area`, `name`, `nation`, one row a local authority.

    Returns:
        Rows of the table `areas`.

    >>> local = pa.table({"area": ["W06000001"], "name": ["Anglesey"], "nation": ["W92000004"]})
    >>> with_nations("e", local).column("name").to_pylist()
    ['Anglesey', 'Wales', 'United Kingdom']
    """
    rows = [
        (edition, row["area"], row["name"], "local_authority", row["nation"])
        for row in local.to_pylist()
    ]
    nations = sorted({row[4] for row in rows})
    states = sorted({NATIONS.parents[nation] for nation in nations})
    rows += [(edition, code, NATIONS.labels[code], "nation", code) for code in nations]
    full = [(*row, NATIONS.parents[row[4]]) for row in rows]
    full += [(edition, code, NATIONS.labels[code], "state", None, code) for code in states]
    return pa.table(
        {
            name: pa.array([row[place] for row in full], pa.string())
            for place, name in enumerate(AREAS.names)
        }
    )
