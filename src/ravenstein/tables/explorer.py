"""What the pages of areas show beside the account: similar areas, and populations by age."""

from __future__ import annotations

from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.tables.geography import AREA_PATTERN, area_column, edition_column
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

TABLES = (SIMILAR_AREAS, AREA_AGES)
