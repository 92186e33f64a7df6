"""Disclosure control: figures of too few persons are withheld, and what would give them away."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ravenstein.core.parameters import load_parameters

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from ravenstein.core.parameters import Parameters

    Row = dict[str, Any]

_Cell = TypeVar("_Cell", bound="Hashable")
_FIGURES = ("persons", "standard_error", "cv", "lower", "upper")
_GROUP = ("definition", "year", "by")


def parameters() -> Parameters:
    """Return the parameters of disclosure control (`disclosure.toml`)."""
    return load_parameters(Path(__file__).with_suffix(".toml"))


def withheld(flows: Sequence[Row], least: int) -> list[Row]:
    """Return flows of the survey in which figures from few interviews are withheld.

    Args:
        flows: Rows of `survey_flows`.
        least: Fewest interviews behind a published figure.

    Returns:
        The rows; withheld figures are missing, the number of interviews stays.

    Notes:
        Withheld are figures of a category with 1 to least − 1 interviews; net migration, where one
        of its two flows is withheld; and where just one category of a breakdown is, the one with
        the next fewest interviews too: the total less the others would give it away.

    >>> rows = [{"definition": "long_term", "year": 2012, "by": "sex", "flow": "immigration",
    ...          "category": c, "contacts": n, "persons": 9.0} for c, n in (("F", 2), ("M", 40))]
    >>> [row["persons"] for row in withheld(rows, 3)]
    [None, None]
    """
    ordered = sorted(flows, key=_key)
    hidden: set[tuple[Any, ...]] = set()
    for (*_, by), rows in groupby(ordered, key=_key):
        if by != "all":
            hidden |= _hidden(list(rows), least)
    return [
        {**row, **{name: None for name in _FIGURES if name in row}} if _cell(row) in hidden else row
        for row in flows
    ]


def few(
    counts: Mapping[_Cell, int], identities: Sequence[Sequence[_Cell]], least: int
) -> set[_Cell]:
    """Return cells that rest on too few interviews, and cells that would give them away.

    Args:
        counts: Interviews behind each cell.
        identities: Cells of which each follows from the others, such as a total and its parts,
            or two flows and their balance; those that are missed least come first.
        least: Fewest interviews behind a published cell.

    Notes:
        Withheld are cells with 1 to least − 1 interviews; and where just one cell of an identity
        is, the first of its others that is not empty.

    >>> counts = {"all": 90, "F": 2, "M": 40, "X": 48}
    >>> sorted(few(counts, [["F", "M", "X", "all"]], 3))
    ['F', 'M']
    """
    hidden = {cell for cell, count in counts.items() if 0 < count < least}
    while True:
        before = len(hidden)
        for cells in identities:
            others = [cell for cell in cells if cell not in hidden]
            if len(cells) - len(others) == 1 and others:
                hidden.add(next((cell for cell in others if counts[cell]), others[0]))
        if len(hidden) == before:
            return hidden


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _GROUP)


def _cell(row: Row) -> tuple[Any, ...]:
    return (*_key(row), row["flow"], row["category"])


def _hidden(rows: list[Row], least: int) -> set[tuple[Any, ...]]:
    """Return the cells of a breakdown that are withheld."""
    flows = ("immigration", "emigration", "net")
    by_flow = {flow: [row for row in rows if row["flow"] == flow] for flow in flows}
    hidden = {_cell(r) for r in rows if r["flow"] != "net" and 0 < r["contacts"] < least}
    while True:
        before = len(hidden)
        for flow, cells in by_flow.items():
            gone = [r for r in cells if _cell(r) in hidden]
            others = [r for r in cells if _cell(r) not in hidden]
            if len(gone) == 1 and others:
                hidden.add(_cell(min(others, key=lambda r: (r["contacts"], r["category"]))))
            if flow == "net":
                continue
            categories = {r["category"] for r in cells if _cell(r) in hidden}
            hidden |= {_cell(r) for r in by_flow["net"] if r["category"] in categories}
        if len(hidden) == before:
            return hidden
