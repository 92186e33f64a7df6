"""Mid-2011 rolled to mid-2018 beside the real one: python -m tests.reference.seven_years SHARED

Totals of areas are official (MYEB3), sexes and ages model patterns: how near does each age and
each area come, beside the population of 2011 scaled to the area's total of 2018?
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ravenstein.demography.ages import aged_on
from ravenstein.demography.schedules import RogersCastro
from ravenstein.population.age_patterns import settled_moves, spread_year
from ravenstein.population.recode import merged, successors
from ravenstein.population.roll_forward import Cells, roll_forward
from ravenstein.store.readers.age_sex import read_nomis
from ravenstein.store.readers.code_changes import read_code_changes
from ravenstein.store.readers.myeb3 import read_myeb3
from tests.hmd import hmd

BANDS = (("0 to 17", slice(0, 18)), ("18 to 29", slice(18, 30)), ("30 to 64", slice(30, 65)),
         ("65 and over", slice(65, 91)))  # fmt: skip


def edition(shared, start):
    """Return the components of an edition by name, area and year, and its areas and years."""
    files = (shared / "data/population").glob("MYEB3*.csv")
    file = next(f for f in (read_myeb3(p, p.name) for p in files) if f.edition.startswith(start))
    values = {
        (row["component"], row["area"], row["year"]): row["persons"]
        for row in file.components.to_pylist()
    }
    for row in file.estimates.to_pylist():
        values["population", row["area"], row["year"]] = row["population"]
    return values, file


def seven_years(shared):
    """Mid-2011 and mid-2018 by area, sex and age on the boundaries of 2019, and the components."""
    published, file = edition(shared, "2001-2018")
    changes = read_code_changes(shared / "data/geography/code_changes.csv", "code_changes.csv")
    known = set(file.areas["area"].to_pylist())
    stocks = []
    for year in (2011, 2018):
        name = f"nomis_mid{year}_local_authority_sex_age.tsv"
        given = read_nomis(shared / "data/population" / name, name)
        areas, stock = merged(
            given.values, given.areas, successors(given.areas, changes, 2019, known)
        )
        assert set(areas) == known
        stocks.append(stock)
    # totals are those of the summary file
    for year, stock in zip((2011, 2018), stocks, strict=True):
        totals = [published["population", code, year] for code in areas]
        assert stock.sum(axis=(1, 2)).tolist() == totals

    def totals_of(year):
        names = ("births", "deaths", "internal_in", "internal_out", "international_in",
                 "international_out", "other_change")  # fmt: skip
        return {name: np.array([published[name, code, year] for code in areas]) for name in names}

    return areas, *stocks, totals_of


def rolled(shared, *, settled):
    """Roll mid-2011 to mid-2018 with totals of areas and model patterns by age."""
    areas, opening, closing, totals_of = seven_years(shared)
    deaths, under = hmd(shared, [2011, 2012, 2013], open_age=90)
    at_event = deaths / under
    # at the end of the year a cohort has been of two ages
    mortality = (at_event + np.concatenate([at_event[:, :1], at_event[:, :-1]], axis=1)) / 2
    schedule = np.tile(RogersCastro().at(np.arange(91)), (2, 1))
    stock = opening.astype(float)
    for year in range(2012, 2019):
        nation = aged_on(stock).sum(axis=0)
        nation[:, 0] = nation[:, 1]
        rates = {
            "deaths": mortality, "internal_out": schedule, "international_out": schedule,
            "internal_in": nation * schedule, "international_in": nation * schedule,
        }  # fmt: skip
        totals = totals_of(year)
        if settled:
            rates |= settled_moves(stock, totals, rates)
        found = spread_year(stock, totals, rates)
        flows = {name: values[None] for name, values in found.items()}
        stock = roll_forward(stock, flows, Cells(areas, (year - 1, year))).population[1]
    return areas, opening, closing, stock


def scaling(opening, closing):
    """Scale the opening population of each area to its closing total."""
    return opening * (closing.sum(axis=(1, 2)) / opening.sum(axis=(1, 2)))[:, None, None]


def off(stock, closing, ages=slice(None)):
    """Return the absolute differences of cells as per cent of the people of these ages."""
    part = closing[..., ages]
    return float(100 * np.abs(stock[..., ages] - part).sum() / part.sum())


def by_area(stock, closing):
    """Return the same of each area."""
    return 100 * np.abs(stock - closing).sum(axis=(1, 2)) / closing.sum(axis=(1, 2))


def main(arguments: list[str]) -> int:
    """Print how near each age and each area comes; return the exit code."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    areas, opening, closing, settled = rolled(Path(arguments[0]), settled=True)
    *_, plain = rolled(Path(arguments[0]), settled=False)
    scaled = scaling(opening, closing)
    found = (("settled moves", settled), ("schedules alone", plain), ("scaling", scaled))
    print("| % of people in another cell |" + "".join(f" {name} |" for name, _ in found))
    print("|---|" + "---|" * len(found))
    for label, ages in (("all ages", slice(None)), *BANDS):
        print(f"| {label} |" + "".join(f" {off(s, closing, ages):.2f} |" for _, s in found))
    for age in range(91):
        ages = slice(age, age + 1)
        print(f"| {age} |" + "".join(f" {off(s, closing, ages):.2f} |" for _, s in found))
    columns = [by_area(stock, closing) for _, stock in found]
    for place in np.argsort(-columns[0]):
        print(f"| {areas[place]} |" + "".join(f" {column[place]:.2f} |" for column in columns))
    nearer = int((columns[0] < columns[2]).sum())
    print(f"{nearer} of {len(areas)} areas are nearer than by scaling")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
