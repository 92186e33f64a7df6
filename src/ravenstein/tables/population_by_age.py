"""Populations and components of change by sex and single year of age, and their account."""

from __future__ import annotations

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables.border import SEX
from ravenstein.tables.geography import AREA_PATTERN, area_column, edition_column
from ravenstein.tables.population import COMPONENTS, year_column

OPEN_AGE = 90
"""The open age of the official files: 90 and over."""

RESIDUAL = "residual"

SEXES = ("M", "F")
"""The order of the axis of sexes in arrays."""

CHANGES = CodeList(
    "change of the account by age",
    {
        **{code: label for code, label in COMPONENTS.labels.items() if code != "natural_change"},
        RESIDUAL: "What the components leave unexplained",
    },
    source="ONS, Mid-year population estimates, MYEB2 detailed components of change: column "
    "names; the residual is the project's own",
)

AGE_CHECKS = CodeList(
    "check of the account by age",
    {
        "cells": "Stock = stock a year younger before + components, in every cell",
        "totals": "Sexes and ages add to the published total of the area",
    },
    source="docs/explanation/roll-forward.md",
)


def sex_and_age() -> tuple[Column, Column]:
    """Return the columns of sex and of single age at the mid-year that ends the year."""
    return (
        Column("sex", ColumnType.STRING, "Sex", codes=SEX),
        Column(
            "age",
            ColumnType.INTEGER,
            "Age",
            unit="years",
            minimum=0,
            maximum=OPEN_AGE,
            age_definition=f"at mid-year at the end of the year; {OPEN_AGE} is {OPEN_AGE} and over",
        ),
    )


POPULATION_BY_AGE = Table(
    "population_by_age",
    "Mid-year population estimates by sex and single year of age, as published",
    grain=("edition", "area", "sex", "age", "year"),
    columns=(
        edition_column(),
        area_column(),
        *sex_and_age(),
        year_column(),
        Column("population", ColumnType.INTEGER, "Usual residents", unit="persons", minimum=0),
    ),
    source="ONS, MYEB2 detailed components of change: columns population_YYYY",
)

CHANGES_BY_AGE = Table(
    "population_changes_by_age",
    "Account by sex and single year of age: the rows that make a mid-year population the next",
    grain=("edition", "area", "sex", "age", "year", "component"),
    columns=(
        edition_column(),
        area_column(),
        *sex_and_age(),
        year_column(),
        Column("component", ColumnType.STRING, "Component of change", codes=CHANGES),
        Column(
            "persons",
            ColumnType.INTEGER,
            "Persons; deaths and outflows are counted positive",
            unit="persons",
        ),
    ),
    source="ONS, MYEB2 detailed components of change; docs/explanation/roll-forward.md",
    notes=(
        "Cells of 0 persons are left out. A population is that of a year younger before, plus "
        "births and inflows, less deaths and outflows, plus the residual.",
    ),
)

CHECKS_BY_AGE = Table(
    "population_checks_by_age",
    "How well the account by sex and age agrees with itself and with published totals",
    grain=("edition", "check", "component", "area", "year"),
    columns=(
        edition_column(),
        Column("check", ColumnType.STRING, "Check", codes=AGE_CHECKS),
        Column("component", ColumnType.STRING, "Component, or population", pattern="[a-z_]+"),
        area_column(),
        year_column(),
        Column("cells", ColumnType.INTEGER, "Cells checked", unit="cells", minimum=0),
        Column("differing", ColumnType.INTEGER, "Cells that differ", unit="cells", minimum=0),
        Column("difference", ColumnType.INTEGER, "Sum of the differences", unit="persons"),
        Column(
            "largest", ColumnType.INTEGER, "Largest absolute difference", unit="persons", minimum=0
        ),
    ),
    source="docs/explanation/roll-forward.md",
)

INTERNAL_MOVES = Table(
    "internal_moves",
    "Moves between areas within a year, by sex and age",
    grain=("origin", "destination", "sex", "age", "year"),
    columns=(
        Column("origin", ColumnType.STRING, "Area a year before", pattern=AREA_PATTERN),
        Column("destination", ColumnType.STRING, "Area at mid-year", pattern=AREA_PATTERN),
        *sex_and_age(),
        year_column(),
        Column("persons", ColumnType.INTEGER, "Movers", unit="persons", minimum=0),
    ),
    source="ONS, Population estimates for the UK, mid-year: methods guide, internal migration",
    notes=("Every move is an outflow of one area and an inflow of another.",),
)

TABLES = (POPULATION_BY_AGE, CHANGES_BY_AGE, CHECKS_BY_AGE, INTERNAL_MOVES)
