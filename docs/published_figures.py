"""Published figures of the side-by-side page.

They are read where RAVENSTEIN_SHARED (default ../shared) has the published tables.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from python_calamine import CalamineWorkbook

from ravenstein.twin.tally import COMPONENTS
from twin_figures import FIRST, LAST, YEARS

Figures = dict[str, Any]

SHARED = Path(os.environ.get("RAVENSTEIN_SHARED", Path(__file__).parents[2] / "shared")) / "data"
MEANS = range(2002, 2012)
"""Years of which migrants and components are means."""


def percent(parts: Any) -> Any:
    """Return the last axis as per cent of its sum."""
    return 100 * parts / parts.sum(axis=-1, keepdims=True)


def ltim(name: str, columns: dict[str, int]) -> dict[str, dict[str, float]]:
    """Return the mean of 2002 to 2011 of columns of an LTIM table, by direction [thousands]."""
    path = next((SHARED / "migration").glob(f"ONS_LTIM_{name}*2017_ed20181129.tsv"))
    rows = list(csv.reader(path.open(encoding="utf-8"), delimiter="\t"))
    found: dict[str, dict[str, list[float]]] = {}
    direction = ""
    for row in rows:
        cells = [cell for cell in row if cell]
        if cells and cells[0] in ("Inflow", "Outflow", "Balance"):
            direction = cells[0]
        if cells and cells[0] == "England and Wales":
            break
        year = int(cells[0][:4]) if cells and re.fullmatch(r"\d{4}(\.0)?", cells[0]) else 0
        if direction in ("Inflow", "Outflow") and year in MEANS:
            for key, place in columns.items():
                value = 0.0 if cells[place] == ":" else abs(float(cells[place]))
                found.setdefault(direction, {}).setdefault(key, []).append(value)
    return {d: {k: float(np.mean(v)) for k, v in part.items()} for d, part in found.items()}


def rates() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the real rates of components by area, per 1,000 residents, and of the whole state."""
    path = next((SHARED / "population").glob("MYEB3*2020*.csv"))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))

    def column(name: str) -> Any:
        return np.array([[float(row[f"{name}_{y}"]) for y in MEANS] for row in rows]).mean(axis=1)

    stock = column("population")
    by_area = {name: 1000 * column(name) / stock for name in COMPONENTS}
    whole = {name: 1000 * column(name).sum() / stock.sum() for name in COMPONENTS}
    return by_area, whole


def queried(file: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query over a published file, `rows` in the query."""
    source = f"read_csv('{SHARED / file}', all_varchar = true)"
    whole = f"with rows as (select * from {source}) {query}"
    return duckdb.sql(whole).fetchall()


def residents_by_year() -> Any:
    """Return the residents of the United Kingdom at each mid-year from the first on."""
    path = next((SHARED / "population").glob("MYEB3*2020*.csv"))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    years = range(FIRST, LAST + 1)
    return np.array([sum(float(row[f"population_{year}"]) for row in rows) for year in years])


def applications() -> Figures:
    """Return asylum applications: by year and applicant, by age and sex, and at the port."""
    groups, sexes = ("Under 18", "18-29", "30-49", "50-69", "70+"), ("Male", "Female")
    query = """select cast(Year as double)::int, "Applicant type" = 'Dependant', Age, Sex,
        "Location of application" = 'In Country', sum(Applications::double) from rows
        where try_cast(Year as double) between 2001 and 2014 group by all"""
    by_year, ages = np.zeros((YEARS, 2)), np.zeros((2, 5))
    by_sex, port = np.zeros((2, 2)), np.zeros(2)
    for row in queried("asylum/applications.csv.gz", query):
        year, dependant, age, sex, inside, count = row
        by_year[year - FIRST, int(dependant)] += count
        if 2009 <= year <= 2013 and age in groups:  # some ages and sexes are not known
            ages[int(dependant), groups.index(age)] += count
        if 2009 <= year <= 2013 and sex in sexes:
            by_sex[int(dependant), sexes.index(sex)] += count
        if year in MEANS:
            port[int(inside)] += count
    return {"applications": by_year, "ages": ages, "sexes": by_sex, "port": port}


def decisions() -> Any:
    """Return initial decisions on main applicants, 2002 to 2011: three kinds, and withdrawals."""
    kinds = ("Grant of Protection", "Grant of Other Leave", "Refused", "Withdrawn")
    query = """select "Case outcome group", sum(cast(Decisions as double)) from rows
        where try_cast(Year as double) between 2002 and 2011
        and "Applicant type" = 'Main applicant' and "Case type" = 'Asylum Case' group by all"""
    found = dict(queried("asylum/decisions_resettlement.csv.gz", query))
    return np.array([found[kind] for kind in kinds])


def cohorts() -> Any:
    """Return main applicants of 2006 to 2010, those undecided, and enforced and other returns."""
    query = """select sum(cast("Applications" as double)),
        sum(cast("Initial: Not Yet Known" as double)), sum(cast("Enforced Returns" as double)),
        sum(cast("Voluntary Returns" as double)) from rows
        where try_cast("Year of Application" as double) between 2006 and 2010"""
    return np.array(queried("asylum/outcomes.csv", query)[0])


def returns() -> Any:
    """Return enforced and voluntary returns by year, from 2004 on; none before."""
    query = """select cast(cast(Year as double) as int), "Return type group",
        sum(cast("Number of returns" as double)) from rows
        where try_cast(Year as double) between 2004 and 2014 group by all"""
    found = np.zeros((YEARS, 2))
    for year, kind, count in queried("asylum/returns.csv.gz", query):
        if kind in ("Enforced return", "Voluntary return"):
            found[year - FIRST, int(kind == "Voluntary return")] = count
    return found


def recent_rates() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `rates` does of migration in the years to mid-2009 to mid-2014.

    The file has five columns a year from mid-2008 on: residents, and four flows.
    """
    names = ("international_in", "international_out", "internal_in", "internal_out")
    kinds = ("E06", "E07", "E08", "E09", "W06", "S12", "N09")
    path = next((SHARED / "indicators").glob("ONS_LAMI_*.tsv"))
    rows = list(csv.reader(path.open(encoding="utf-8"), delimiter="\t"))
    values = np.array([[float(v) for v in row[7:37]] for row in rows if row[0][:3] in kinds])
    flows = values.reshape(-1, 6, 5).sum(axis=1)
    by_area = {name: 1000 * flows[:, i] / flows[:, 0] for i, name in enumerate(names, start=1)}
    whole = 1000 * flows.sum(axis=0) / flows[:, 0].sum()
    return by_area, {name: whole[i] for i, name in enumerate(names, start=1)}


def census_figures() -> Figures:
    """Return the ages of 2011; of 2021 movers, arrivals and those born abroad, in per cent."""
    book = CalamineWorkbook.from_path(str(SHARED / "census/ONSvisual_datadownload2011.xlsx"))
    rows = book.get_sheet_by_name("5-year age").to_python()
    ages = next(row[2:21] for row in rows if row[0] == "K04000001")
    moves = """select sum(cast("Count" as double)) as whole,
        sum(case when regexp_matches(origin, '^[EWSN]') and origin <> code
            then cast("Count" as double) end),
        sum(case when origin = '999999999' then cast("Count" as double) end)
        from (select "Migrant LTLA one year ago code" as origin,
              "Lower tier local authorities code" as code, "Count" from rows)"""
    whole, other, abroad = queried("census/ODMG01EW_LTLA.csv.gz", moves)[0]
    arrival = """select cast("Year of arrival in the UK (13 categories) Code" as int),
        sum(cast(Observation as double)) from rows group by all"""
    by_year = dict(queried("census/TS015_2021.csv", arrival))
    came = sum(count for code, count in by_year.items() if code >= 2)
    return {
        "ages": 100 * np.array(ages) / sum(ages),
        "year_ago": 100 * np.array([whole - other - abroad, other, abroad]) / whole,
        "recent": 100 * sum(count for code, count in by_year.items() if code >= 9) / came,
        "born_abroad": 100 * came / sum(by_year.values()),
    }


def employment_rates() -> dict[str, list[list[float]]]:
    """Return employment rates at 16 to 64 of 2008 and 2011, by what groups are of.

    Groups are the country, others, the union before 2004, the eight states, outside the union.
    """
    book = CalamineWorkbook.from_path(str(SHARED / "labour_force/emp06may2019.xls"))
    sheets = {"citizenship": "Nationality rates", "birth_country": "Country of birth rates"}
    found = {}
    for name, sheet in sheets.items():
        rows = book.get_sheet_by_name(sheet).to_python()
        quarters = [[row for row in rows if str(row[0]).endswith(f" {y}")] for y in (2008, 2011)]
        found[name] = [
            [float(np.mean([row[place] for row in part])) for part in quarters]
            for place in (2, 3, 8, 9, 5)
        ]
    return found


def school_ages() -> float:
    """Return residents aged 5 to 15 in mid-2011 by 1,000 residents."""
    query = """select sum(case when cast(C_AGE as int) between 106 and 116
        then cast(OBS_VALUE as double) end) * 1000 / sum(cast(OBS_VALUE as double)) from rows"""
    return float(queried("population/nomis_mid2011_local_authority_sex_age.tsv", query)[0][0])
