"""Movers by area of origin and of destination: the origin–destination tables of the census."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.store.readers.areas import areas_of, local_authority, one_each
from ravenstein.store.readers.axes import Axis, cells
from ravenstein.store.readers.layouts import Layout, read_columns

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ravenstein.store.files import FileFacts

_LAYOUT = Layout(
    "a table of origins and destinations of the census (ODMG01EW)",
    "Migrant LTLA one year ago code, Migrant LTLA one year ago label, Lower tier local "
    "authorities code, Lower tier local authorities label, Count",
    {
        "origin": r"migrant.*_code",
        "origin_label": r"migrant.*_label",
        "destination": r"(?!migrant).*_code",
        "destination_label": r"(?!migrant).*_label",
        "count": "count|observation",
    },
)
_SPECIAL = re.compile(r"-?\d+", re.ASCII)


@dataclass(frozen=True, eq=False)
class OriginDestination:
    """Usual residents by where they lived a year before.

    Args:
        origins: Codes of the local authorities of origin, in order.
        destinations: Codes of the local authorities of destination, in order.
        labels: Names of both, by code.
        counts: Persons (origins × destinations), those who moved within an area included; 0 where
            the file has no row, as it has none for empty cells.
        special: Labels of the origins that are no areas, such as 'Does not apply' (who lived at
            the same address; infants under 1 are in no row) and origins outside the UK.
        special_counts: Persons (special × destinations).
        facts: Name, hash and size of the file.
    """

    origins: tuple[str, ...]
    destinations: tuple[str, ...]
    labels: dict[str, str]
    counts: NDArray[np.int64]
    special: tuple[str, ...]
    special_counts: NDArray[np.int64]
    facts: FileFacts


def read_origin_destination(path: Path, shown: str) -> OriginDestination:
    """Read usual residents by area a year before and area now.

    Args:
        path: The CSV file, plain or gzipped (named .gz): code and label of origin and of
            destination, and the count.
        shown: Its name in messages.

    Returns:
        The matrix of moves between local authorities, and the special origins apart.

    Raises:
        SourceError: If it is not such a table, a pair is repeated, a code is neither a local
            authority's nor a number, has two labels, or a count is not a whole number.

    Source:
        ONS, Census 2021, ODMG01EW origin–destination migration, lower tier local authorities.
    """
    columns, table = read_columns(path, shown, _LAYOUT)
    at = columns.places
    codes, index = table.distinct(at["origin"])
    origin = Axis("origin", codes, index)
    destination = areas_of(table, at["destination"], name=at["destination_label"])
    special = [code for code in codes if _SPECIAL.fullmatch(code)]
    for place, code in enumerate(codes):
        if code not in special:
            first = int(np.argmax(index == place))
            local_authority(code, table.at(first, at["origin"]))
    labels = dict(zip(codes, one_each(table, origin, at["origin_label"], "label"), strict=True))
    labels |= dict(zip(destination.codes, destination.names or (), strict=True))
    axes = (origin, destination.axis)
    counts = np.zeros(len(codes) * len(destination.codes), dtype=np.int64)
    counts[cells(axes, table.lines, shown, complete=False)] = table.whole(at["count"])
    matrix = counts.reshape(len(codes), -1)
    apart = np.array([code in special for code in codes])
    return OriginDestination(
        origins=tuple(code for code in codes if code not in special),
        destinations=destination.codes,
        labels={code: label for code, label in labels.items() if code not in special},
        counts=matrix[~apart],
        special=tuple(labels[code] for code in special),
        special_counts=matrix[apart],
        facts=table.facts,
    )
