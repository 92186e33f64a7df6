"""The population account: how each mid-year population became the next.

Row methods on Narwhals lazy frames; they build queries and run none.
"""

from __future__ import annotations

import datetime as dt
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from ravenstein.core.parameters import Parameters, load_parameters
from ravenstein.tables.population import COMPONENTS, OTHER_CHANGES, POPULATION_ACCOUNT

if TYPE_CHECKING:
    from ravenstein.core.parameters import Parameter

CELL = ("edition", "area", "year")
_FLOWS = (
    "births", "deaths", "internal_in", "internal_out", "internal_net",
    "international_in", "international_out", "international_net", "other_change",
)  # fmt: skip
_NOT_ADDITIVE = ("internal_in", "internal_out")

Rows = nw.LazyFrame[Any]


def parameters() -> Parameters:
    """Return the account's parameters (`account.toml`)."""
    return load_parameters(Path(__file__).with_suffix(".toml"))


def rounding_of(nation: str, year: int) -> int:
    """Return the largest residual that rounding explains in a nation and mid-year [persons]."""
    return int(parameters()["rounding"].at(dt.date(year, 6, 30)).get(nation, 0))


def balance(estimates: Rows, components: Rows, areas: Rows, rounding: Parameter) -> Rows:
    r"""Balance the account of every area and year, and add nations and states.

    Args:
        estimates: Rows of `population_estimates` [persons].
        components: Rows of `population_components` [persons].
        areas: Rows of `areas`.
        rounding: Largest residual that rounding explains [persons], by nation and date.

    Returns:
        Rows of `population_account`. A year without an opening or closing population, or with a
        component without figures, has no residual and the status `no_figures`. A nation is the
        sum of its areas; internal inflows and outflows are left out there, because a move
        between two areas of a nation is not a move into the nation. A sum that differs is
        `unbalanced` where one of its areas is: rounding elsewhere does not excuse it.

    Notes:
        $R_t = P_t - P_{t-1} - B_t + D_t - N^{int}_t - N^{ext}_t - O_t$ with births $B$, deaths
        $D$, net internal and international migration and other changes $O$, which include
        special and unattributable changes where a source gives them apart.

    Source:
        ONS, Population estimates for the UK, mid-year: methods guide, the component method.
    """
    local = _with_status(_local(estimates, components, areas, rounding))
    wider = [_with_status(_summed(local, level)) for level in ("nation", "state")]
    every = [frame.select(*POPULATION_ACCOUNT.names) for frame in (local, *wider)]
    return nw.concat(every)


def _with_status(rows: Rows) -> Rows:
    """Add natural change, residual and status; `tolerance` is what rounding may explain."""
    natural = nw.col("births") - nw.col("deaths")
    return rows.with_columns(
        natural_change=natural.cast(nw.Int64), residual=_residual().cast(nw.Int64)
    ).with_columns(status=_status())


def _residual() -> nw.Expr:
    gains = ("opening", "births", "internal_net", "international_net", "other_change")
    return nw.col("closing") + nw.col("deaths") - reduce(add, [nw.col(name) for name in gains])


def _status() -> nw.Expr:
    size = nw.col("residual").abs()
    beyond = nw.when(size <= nw.col("tolerance")).then(nw.lit("rounding"))
    named = (
        nw.when(size == 0)
        .then(nw.lit("balanced"))
        .otherwise(beyond.otherwise(nw.lit("unbalanced")))
    )
    return nw.when(size.is_null()).then(nw.lit("no_figures")).otherwise(named)


def across(components: Rows) -> Rows:
    """Lay the components of a cell side by side, a column each; null where there is no figure."""
    value = nw.col("persons")
    is_other = nw.col("component").is_in(list(OTHER_CHANGES))
    wide = components.group_by(*CELL).agg(
        *[
            nw.when(nw.col("component") == name).then(value).max().alias(name)
            for name in COMPONENTS.labels
        ],
        nw.when(is_other & value.is_null()).then(1).otherwise(0).sum().alias("other_missing"),
    )
    other = reduce(add, [nw.col(name).fill_null(0) for name in OTHER_CHANGES])
    given = nw.col("other_missing") == 0
    return wide.with_columns(other_change=nw.when(given).then(other).cast(nw.Int64))


def _local(estimates: Rows, components: Rows, areas: Rows, rounding: Parameter) -> Rows:
    closing = estimates.select(*CELL, closing=nw.col("population"))
    opening = estimates.select(
        "edition", "area", (nw.col("year") + 1).alias("year"), nw.col("population").alias("opening")
    )
    places = areas.filter(nw.col("level") == "local_authority")
    return (
        across(components)
        .join(closing, on=list(CELL), how="left")
        .join(opening, on=list(CELL), how="left")
        .join(places.select("edition", "area", "nation", "state"), on=["edition", "area"])
        .with_columns(tolerance=_tolerance(rounding))
        .select(*CELL, "nation", "state", "opening", *_FLOWS, "closing", "tolerance")
    )


def _tolerance(rounding: Parameter) -> nw.Expr:
    """Return the rounding in force at each row's mid-year (30 June) in its nation."""
    value = nw.lit(0)
    for start, bases in rounding.values:
        first = start.year if (start.month, start.day) <= (6, 30) else start.year + 1
        for nation, base in bases.items():
            in_force = (nw.col("nation") == nation) & (nw.col("year") >= first)
            value = nw.when(in_force).then(nw.lit(base)).otherwise(value)
    return value.cast(nw.Int64)


def _summed(local: Rows, level: str) -> Rows:
    """Sum local authorities into a level; a sum with a missing part is missing."""
    flows = [name for name in _FLOWS if name not in _NOT_ADDITIVE]
    names = ("opening", *flows, "closing", "tolerance")
    unexplained = (nw.col("status") == "unbalanced").cast(nw.Int64).sum().alias("unexplained")
    sums = [nw.col(name).sum().alias(name) for name in names]
    missing = [
        nw.col(name).is_null().cast(nw.Int64).sum().alias(f"{name}_missing") for name in names
    ]
    grouped = local.group_by("edition", level, "year").agg(*sums, *missing, unexplained)
    whole = [
        nw.when(nw.col(f"{name}_missing") == 0).then(nw.col(name)).cast(nw.Int64).alias(name)
        for name in names
    ]
    absent = [nw.lit(None, dtype=nw.Int64).alias(name) for name in _NOT_ADDITIVE]
    allowed = nw.when(nw.col("unexplained") == 0).then(nw.col("tolerance")).otherwise(nw.lit(0))
    return (
        grouped.rename({level: "area"})
        .select(*CELL, *whole, *absent, "unexplained")
        .with_columns(tolerance=allowed)
    )
