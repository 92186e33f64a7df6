"""Local authorities in official files: their codes, names and nations, each area the same one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.core.errors import SourceError
from ravenstein.store.readers.axes import Axis
from ravenstein.store.readers.text_table import refuse
from ravenstein.tables.geography import LOCAL_AUTHORITY_PATTERN, NATION_OF_LETTER, NATIONS

if TYPE_CHECKING:
    from ravenstein.store.readers.text_table import TextTable


@dataclass(frozen=True)
class Areas:
    """The areas of a file in order of appearance, and the axis that says which each row is of."""

    codes: tuple[str, ...]
    names: tuple[str, ...] | None
    nations: tuple[str, ...]
    axis: Axis


def local_authority(code: str, where: str) -> str:
    """Return the code of a local authority, and refuse any other.

    >>> local_authority("E06000001", "a.csv, line 2")
    'E06000001'
    """
    if not re.fullmatch(LOCAL_AUTHORITY_PATTERN, code):
        raise SourceError(
            "An area code is not that of a local authority.",
            expected="a GSS code E06…–E09…, W06…, S12…, N09… or 95A–95Z",
            found=repr(code[:20]),
            where=where,
            fix="Remove totals of nations or regions (they are computed); correct the code.",
        )
    return code


def nation_of(code: str, given: str | None, where: str) -> str:
    """Return the nation that a local authority lies in.

    Args:
        code: The area's code.
        given: Letter, code or name of the nation in the file, or None where it gives none.
        where: Where it is given.

    Raises:
        SourceError: If the nation given is not that of the code.

    >>> nation_of("95A", "N", "a.csv, line 2, column country")
    'N92000002'
    """
    letter = "N" if code.startswith("95") else code[0]
    nation = NATION_OF_LETTER[letter]
    known = given in (None, letter, nation)
    if given is not None and not known and given.lower() != NATIONS.labels[nation].lower():
        raise SourceError(
            "The country of an area is not that of its code.",
            expected=f"{letter} for {code}",
            found=repr(given[:20]),
            where=where,
            fix="Correct the code or the country; a shifted row does this too.",
        )
    return nation


def areas_of(
    table: TextTable, code: int, *, name: int | None = None, country: int | None = None
) -> Areas:
    """Return the local authorities of a file with several rows an area.

    Args:
        table: The rows.
        code: The column of codes.
        name: The column of names.
        country: The column of nations.

    Raises:
        SourceError: If a code is not a local authority's, or an area has two names or nations.
    """
    codes, index = table.distinct(code)
    first = np.unique(index, return_index=True)[1]
    for area, row in zip(codes, first, strict=True):
        local_authority(area, table.at(int(row), code))
    axis = Axis("area", codes, index)
    given = one_each(table, axis, country, "nation") if country is not None else [None] * len(codes)
    nations = [
        nation_of(area, text, table.at(int(row), code if country is None else country))
        for area, text, row in zip(codes, given, first, strict=True)
    ]
    names = None if name is None else tuple(one_each(table, axis, name, "name"))
    return Areas(tuple(codes), names, tuple(nations), axis)


def one_each(table: TextTable, axis: Axis, place: int, what: str) -> list[str]:
    """Return the text that a column gives each label of an axis.

    Args:
        table: The rows.
        axis: The axis.
        place: The column.
        what: What it holds, for messages.

    Raises:
        SourceError: If a label has no text, or two.
    """
    texts, given = table.distinct(place)
    first = np.unique(axis.index, return_index=True)[1]
    odd = np.flatnonzero(given != given[first][axis.index])
    if odd.size:
        row = int(odd[0])
        earlier = first[axis.index[row]]
        refuse(
            table.at(row, place),
            f"{axis.name.capitalize()} {axis.labels[axis.index[row]]} has two {what}s.",
            f"{texts[given[earlier]]!r}, as in line {table.lines[earlier]}",
            repr(texts[given[row]][:40]),
        )
    empty = np.flatnonzero([not texts[at] for at in given[first]])
    if empty.size:
        at = int(empty[0])
        problem = f"{axis.name.capitalize()} {axis.labels[at]} has no {what}."
        refuse(table.at(int(first[at]), place), problem, f"a {what}", "an empty cell")
    return [" ".join(texts[at].split()) for at in given[first]]
