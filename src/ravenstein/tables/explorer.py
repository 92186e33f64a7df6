"""What the pages of areas show beside the account: similar areas, ages, old codes, outlines."""

from __future__ import annotations

from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.tables.geography import (
    AREA_PATTERN,
    EDITION_PATTERN,
    area_column,
    edition_column,
)
from ravenstein.tables.population import year_column
from ravenstein.tables.population_by_age import sex_and_age

SIMILAR_AREAS = Table(
    "similar_areas",
    "Statistically similar local authorities, the nearest first",
    grain=("edition", "area", "rank"),
    columns=(
        edition_column(),
        area_column(),
        Column("rank", ColumnType.INTEGER, "1 is the nearest", unit="rank", minimum=1),
        Column("other", ColumnType.STRING, "The similar area", pattern=AREA_PATTERN),
        Column(
            "distance",
            ColumnType.NUMBER,
            "Euclidean distance of standardised variables",
            unit="standard deviations",
            minimum=0,
        ),
    ),
    source="CIPFA, Nearest Neighbours Model; ONS, Clustering similar local authorities and "
    "statistical nearest neighbours in the UK: methodology; docs/explanation/similar-areas.md",
    notes=(
        "Similar in population, births, deaths and moves, and in ages where they are known: not in "
        "place, income or anything else. Being near is not mutual.",
    ),
)

AREA_AGES = Table(
    "area_ages",
    "Mid-year population of areas by sex and single year of age, of the years that are shown",
    grain=("area", "year", "sex", "age"),
    columns=(
        area_column(),
        year_column(),
        *sex_and_age(),
        Column("population", ColumnType.INTEGER, "Usual residents", unit="persons", minimum=0),
        Column("source", ColumnType.STRING, "Name of the file, or the edition, it comes from"),
    ),
    source="ONS, MYEB2 detailed components of change; Nomis, Population estimates: local authority "
    "based by single year of age (dataset 2002)",
    notes=("Nations and states are the sums of their local authorities, where all are there.",),
)

ABOLISHED_CODES = Table(
    "abolished_codes",
    "Codes of local authorities that the published edition does not have, and their successors",
    grain=("code", "place"),
    columns=(
        Column("code", ColumnType.STRING, "The abolished code (GSS)", pattern=AREA_PATTERN),
        Column("place", ColumnType.INTEGER, "Number of the successor", unit="place", minimum=1),
        Column("name", ColumnType.STRING, "Name, where a source has it", nullable=True),
        Column(
            "kind",
            ColumnType.STRING,
            "Change that ended it: merger, new_code, new_geo (redrawn or placed in a new one) or "
            "termination; none recorded",
            nullable=True,
        ),
        Column("year", ColumnType.INTEGER, "Of the change", unit="calendar year", nullable=True),
        Column(
            "successor",
            ColumnType.STRING,
            "Code of the published edition that took its place, through all changes between",
            pattern=AREA_PATTERN,
            nullable=True,
        ),
        Column(
            "edition",
            ColumnType.STRING,
            "Latest edition of the study that has the code",
            pattern=EDITION_PATTERN,
            nullable=True,
        ),
        Column("last", ColumnType.INTEGER, "Its last mid-year", unit="mid-year", nullable=True),
    ),
    source="ONS, Code History Database; the editions of the study",
    notes=("A code without successors has one row.",),
)

AREA_OUTLINES = Table(
    "area_outlines",
    "What the maps are drawn from: the outline of each local authority",
    grain=("area",),
    columns=(
        area_column(),
        Column(
            "parts", ColumnType.INTEGER, "Rings: islands and holes alike", unit="rings", minimum=0
        ),
        Column("points", ColumnType.INTEGER, "Points of the rings", unit="points", minimum=0),
        Column("tile", ColumnType.BOOLEAN, "Whether it has no outline, and is a tile on maps"),
    ),
    source="ONS, Open Geography portal; docs/explanation/release.md",
    notes=("The last point of a ring is the first again, and counts again.",),
)

TABLES = (SIMILAR_AREAS, AREA_AGES, ABOLISHED_CODES, AREA_OUTLINES)
