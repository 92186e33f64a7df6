"""Areas: nations, states and the local authorities of a geography edition."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table

NATIONS = CodeList(
    "nation",
    {
        "K02000001": "United Kingdom",
        "E92000001": "England",
        "N92000002": "Northern Ireland",
        "S92000003": "Scotland",
        "W92000004": "Wales",
        "Z02000001": "Twin Kingdom",
        "X92000001": "Twin Norland",
        "Y92000001": "Twin Sudland",
    },
    source="ONS Code History Database, entities K02, E92, N92, S92, W92; X, Y and Z are the "
    "project's own codes of the simulated twin, which no standard uses",
    parents={
        "E92000001": "K02000001",
        "N92000002": "K02000001",
        "S92000003": "K02000001",
        "W92000004": "K02000001",
        "X92000001": "Z02000001",
        "Y92000001": "Z02000001",
    },
)

TWIN_NATIONS = frozenset({"X92000001", "Y92000001"})
"""Nations of the simulated twin; no real file may name them."""

NATION_OF_LETTER = {code[0]: code for code in NATIONS.parents}
"""Nation by the letter that official files use in their column `country`."""

LEVELS = CodeList(
    "area level",
    {"local_authority": "Local authority", "nation": "Nation", "state": "State"},
    source="docs/reference/data-dictionary.md",
)

AREA_PATTERN = r"[A-Z][0-9]{8}|95[A-Z]"
EDITION_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"

LOCAL_AUTHORITY_PATTERN = (
    r"E0[6-9][0-9]{6}|W06[0-9]{6}|S12[0-9]{6}|N09[0-9]{6}|95[A-Z]|[XY]06[0-9]{6}"
)
"""Codes of lower-tier local authorities: unitary authorities, districts, metropolitan districts,
London boroughs, Welsh and Scottish council areas, Northern Irish districts (95A to 95Z before
2015) and the twin's areas."""


def nation_letter(area: str) -> str:
    """Return the letter of the nation that an area's code is of; `not_stated` where it is none.

    >>> nation_letter("E06000001"), nation_letter("95A"), nation_letter("not_stated")
    ('E', 'N', 'not_stated')
    """
    if area.startswith("9"):  # Northern Irish districts before 2015 are 95A to 95Z
        return "N"
    return area[0] if area[1:2].isdigit() else "not_stated"


def edition_name(first: int, last: int, geography: int) -> str:
    """Return the name of an edition from its mid-years and the year of its boundaries.

    >>> edition_name(2001, 2020, 2021)
    '2001-2020_geog2021'
    """
    return f"{first}-{last}_geog{geography}"


def edition_year(edition: str) -> int:
    """Return the last mid-year that an edition's name says.

    >>> edition_year("2001-2020_geog2021")
    2020
    """
    return int(edition.partition("_")[0].rpartition("-")[2])


def edition_column() -> Column:
    """Return the column that names the edition of the source: its years and its boundaries."""
    return Column(
        "edition",
        ColumnType.STRING,
        "Edition of the official source: years covered and geography edition",
        pattern=EDITION_PATTERN,
    )


def area_column() -> Column:
    """Return the column that holds an area's code."""
    return Column("area", ColumnType.STRING, "Area code (GSS)", pattern=AREA_PATTERN)


AREAS = Table(
    "areas",
    "Areas of each geography edition",
    grain=("edition", "area"),
    columns=(
        edition_column(),
        area_column(),
        Column("name", ColumnType.STRING, "Name of the area, as published"),
        Column("level", ColumnType.STRING, "Level of the area", codes=LEVELS),
        Column(
            "nation",
            ColumnType.STRING,
            "Nation the area lies in; a nation names itself, a state none",
            codes=NATIONS,
            nullable=True,
        ),
        Column("state", ColumnType.STRING, "State the area lies in", codes=NATIONS),
    ),
    source="Area codes and names as published in the source file; nations from the code list",
)
