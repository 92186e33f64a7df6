"""Statistically similar areas: the nearest in population, births, deaths, moves and ages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import DemographyError, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

NEIGHBOURS = 15
YEARS = 5

_FLOWS = {
    "births": "Births per 1,000 people",
    "deaths": "Deaths per 1,000 people",
    "internal_in": "Internal inflow per 1,000 people",
    "internal_out": "Internal outflow per 1,000 people",
    "international_in": "International inflow per 1,000 people",
    "international_out": "International outflow per 1,000 people",
    "natural_change": "Births minus deaths per 1,000 people",
}
_SHARES = {
    "aged_0_15": ("Aged 0 to 15, per cent", 0, 16),
    "aged_16_24": ("Aged 16 to 24, per cent", 16, 25),
    "aged_65": ("Aged 65 and over, per cent", 65, None),
}
VARIABLES = {
    "population": "Population (logarithm)",
    **_FLOWS,
    **{name: label for name, (label, _, _) in _SHARES.items()},
}
"""What areas are compared by, with labels, in the order of the columns."""

_DECIMALS = 6  # of a distance: below, areas are as near as one another on every machine
_NORMAL = 1.4826  # standard deviation of a normal distribution by its median absolute deviation


@dataclass(frozen=True, eq=False)
class Variables:
    """What areas are compared by.

    Args:
        codes: Codes of the areas.
        values: Their values [areas, `VARIABLES`]; not a number where there is no figure.
    """

    codes: tuple[str, ...]
    values: Numbers


def account_variables(
    account: pa.Table, ages: Mapping[str, NDArray[Any]] | None = None, *, years: int = YEARS
) -> Variables:
    """Return what areas are compared by, from their population account.

    Args:
        account: Rows of `population_account` of one edition and the areas that are compared.
        ages: Persons by single year of age, 0 to 90 and over, of the areas where they are known.
        years: Number of years, the last ones with figures of any area.

    Returns:
        A row an area, in order of code: the logarithm of the last population [log persons], flows
        [per 1,000 people], shares of ages [per cent].

    Notes:
        A rate is the sum of a flow over the years by the sum of mean populations (of opening and
        closing), times 1,000; years in which the area has no flow or population are left out.
    """
    codes, columns = _by_year(account, years)
    opening, closing = columns["opening"], columns["closing"]
    values = np.full((len(codes), len(VARIABLES)), np.nan)
    place = {name: at for at, name in enumerate(VARIABLES)}
    for year in range(closing.shape[1]):
        there = closing[:, year] > 0
        values[there, place["population"]] = np.log(closing[there, year])
    mean = (opening + closing) / 2
    for name in _FLOWS:
        both = np.isfinite(columns[name]) & np.isfinite(mean)
        flow, people = (np.where(both, given, 0).sum(axis=1) for given in (columns[name], mean))
        values[people > 0, place[name]] = 1000 * flow[people > 0] / people[people > 0]
    for row, code in enumerate(codes):
        persons = (ages or {}).get(code)
        if persons is not None and persons.sum() > 0:
            for name, (_, first, end) in _SHARES.items():
                values[row, place[name]] = 100 * persons[first:end].sum() / persons.sum()
    return Variables(codes, values)


def similar(values: Numbers, codes: Sequence[str], *, count: int = NEIGHBOURS) -> pa.Table:
    """Return the areas that are nearest to each area.

    Args:
        values: What they are compared by [areas, variables]; not a number where there is none.
        codes: Codes of the areas, each once.
        count: Number of neighbours; fewer where there are not so many areas.

    Returns:
        Rows `area`, `rank` (1 is the nearest), `other`, `distance` [standard deviations], in order
        of area and rank. Areas at the same distance are in order of code. An area without values
        has no rows.

    Raises:
        DemographyError: If a code is repeated, values are of other areas, or one is infinite.

    Notes:
        z = (x − median) / (1.4826 · median absolute deviation), or (x − median) / (standard
        deviation) where more than half of the areas have the median. A variable with one value
        only says nothing and is left out. With p variables, V those that two areas both have:

            d = √( p / |V| · Σ_V (z − z′)² )

        Two areas with less than half of the variables in common are not compared.

    Source:
        CIPFA, Nearest Neighbours Model (standardised variables, Euclidean distance, 15
        neighbours); ONS, Clustering similar local authorities and statistical nearest neighbours
        in the UK: methodology.

    >>> similar(np.array([[0.0], [1.0], [3.0]]), ["A", "B", "C"], count=1).to_pylist()[2]
    {'area': 'C', 'rank': 1, 'other': 'B', 'distance': 1.348982}
    """
    _refuse_odd(values, codes)
    scores = _standardised(values)
    order = sorted(range(len(codes)), key=lambda at: codes[at])
    distance = _distances(scores[order])
    names = [codes[at] for at in order]
    rows = []
    for here, code in enumerate(names):
        # stable: what is equally near stays in order of code
        nearest = np.argsort(distance[here], kind="stable")
        near = [at for at in nearest.tolist() if at != here and np.isfinite(distance[here, at])]
        rows += [
            (code, rank, names[at], float(distance[here, at]))
            for rank, at in enumerate(near[:count], start=1)
        ]
    types = {
        "area": pa.string(),
        "rank": pa.int64(),
        "other": pa.string(),
        "distance": pa.float64(),
    }
    return pa.table(
        {
            name: pa.array([row[place] for row in rows], kind)
            for place, (name, kind) in enumerate(types.items())
        }
    )


def _by_year(account: pa.Table, years: int) -> tuple[tuple[str, ...], dict[str, Numbers]]:
    """Return codes, and columns [areas, years] of the last years in which any area has figures."""
    codes, row = np.unique(account["area"].to_numpy(), return_inverse=True)
    all_years, column = np.unique(account["year"].to_numpy(), return_inverse=True)
    found = {}
    for name in ("opening", "closing", *_FLOWS):
        laid = np.full((codes.size, all_years.size), np.nan)
        laid[row, column] = account[name].to_numpy().astype(float)
        found[name] = laid
    figures = np.isfinite(found["closing"]) & np.isfinite(found["births"])
    last = np.flatnonzero(figures.any(axis=0))[-years:]
    return tuple(codes.tolist()), {name: laid[:, last] for name, laid in found.items()}


def _standardised(values: Numbers) -> Numbers:
    """Return values in standard deviations from the median; variables without spread are out."""
    scores = []
    for column in values.T:
        known = column[np.isfinite(column)]
        if not known.size:
            continue
        middle = np.median(known)
        spread = _NORMAL * np.median(np.abs(known - middle)) or known.std()
        if spread > 0:
            scores.append((column - middle) / spread)
    return np.array(scores).reshape(len(scores), len(values)).T


def _distances(scores: Numbers) -> Numbers:
    """Return distances [areas, areas]; infinite between areas that cannot be compared."""
    areas, variables = scores.shape
    squares, shared = np.zeros((areas, areas)), np.zeros((areas, areas), dtype=np.int64)
    # a variable at a time: the same order of sums on every machine
    for column in scores.T:
        square = (column[:, None] - column) ** 2
        known = np.isfinite(square)
        squares[known] += square[known]
        shared += known
    compared = (shared > 0) & (2 * shared >= variables)
    found = np.full((areas, areas), np.inf)
    found[compared] = np.sqrt(squares[compared] * variables / shared[compared])
    return np.round(found, _DECIMALS)


def _refuse_odd(values: Numbers, codes: Sequence[str]) -> None:
    repeated = sorted({code for code in codes if codes.count(code) > 1})
    infinite = sorted(code for code, row in zip(codes, values, strict=False) if np.isinf(row).any())
    if repeated or infinite or len(values) != len(codes):
        raise DemographyError(
            "Areas cannot be compared.",
            expected=f"a row of finite values for each of {len(codes)} areas, each once",
            found=f"{len(values)} rows; repeated: {listed(repeated) or 'none'}; infinite: "
            f"{listed(infinite) or 'none'}",
            where="values of areas",
            fix="Give each area once; mark missing values as not a number.",
        )
