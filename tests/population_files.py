"""Worlds as files of one's own, and the command that reads them."""

from __future__ import annotations

import csv

import numpy as np

from ravenstein.cli import main
from ravenstein.pipelines.population_files import AccountJob
from tests.population_worlds import cells, world


def run(*arguments, monkeypatch):
    """Call the command; return its exit code."""
    monkeypatch.setattr("sys.argv", ["ravenstein", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return end.code or 0
    return 0


def write_rows(path, names, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([names, *rows])
    return path


def write_long(path, values, areas, years, ages=range(91), sexes="MF"):
    """Write an array [years, areas, sexes, ages] as a file of rows."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["GSS.Code", "Sex", "Age", "Year", "Value"])
        for (y, a, s, x), value in np.ndenumerate(values):
            writer.writerow([areas[a], sexes[s], ages[x], years[y], value])
    return path


def account_job(folder):
    """Write a world as files of one's own; return the job, its stocks and components."""
    stocks, components = world(3, 2, 30)
    labels = cells(3, 2)
    files = {
        name: write_long(folder / f"{name}.csv", flows, labels.areas, labels.years[1:])
        for name, flows in components.items()
    }
    # births are of age 0 only
    files["births"] = write_long(
        folder / "births.csv", components["births"][..., :1], labels.areas, labels.years[1:], [0]
    )
    population = write_long(folder / "population.csv", stocks, labels.areas, labels.years)
    return AccountJob(stocks=population, components=files), stocks, components
