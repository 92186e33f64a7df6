"""How well an edition's published figures agree with one another."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from ravenstein.population.account import across
from ravenstein.tables.population import POPULATION_CHECKS

Rows = nw.LazyFrame[Any]


def checks(account: Rows, components: Rows, areas: Rows) -> Rows:
    """Count, for each edition and nation, the cells in which published figures disagree.

    Args:
        account: Rows of `population_account`.
        components: Rows of `population_components`.
        areas: Rows of `areas`.

    Returns:
        Rows of `population_checks`: cells checked, differing, without figures, and the largest
        absolute difference [persons]. `internal_zero_sum` is checked per state and year: every
        move inside a state leaves one area and enters another.
    """
    nations = areas.filter(nw.col("level") == "local_authority")
    nations = nations.select("edition", "area", "nation")
    wide = across(components).join(nations, on=["edition", "area"])
    local = account.join(nations, on=["edition", "area"])
    states = areas.filter(nw.col("level") == "state").select("edition", "area")
    whole = account.join(states, on=["edition", "area"]).with_columns(nation=nw.col("area"))
    col = nw.col
    differences = [
        _difference(local, "account", col("residual")),
        _difference(wide, "natural_change", col("natural_change") - col("births") + col("deaths")),
        _difference(
            wide, "internal_flows", col("internal_net") - col("internal_in") + col("internal_out")
        ),
        _difference(
            wide,
            "international_flows",
            col("international_net") - col("international_in") + col("international_out"),
        ),
        _difference(whole, "internal_zero_sum", col("internal_net")),
    ]
    size = nw.col("difference").abs()
    return (
        nw.concat(differences)
        .group_by("edition", "nation", "check")
        .agg(
            nw.len().cast(nw.Int64).alias("cells"),
            (size > 0).cast(nw.Int64).sum().cast(nw.Int64).alias("differing"),
            size.is_null().cast(nw.Int64).sum().cast(nw.Int64).alias("without_figures"),
            size.fill_null(0).max().cast(nw.Int64).alias("largest"),
        )
        .select(*POPULATION_CHECKS.names)
    )


def _difference(rows: Rows, check: str, difference: nw.Expr) -> Rows:
    return rows.select(
        "edition",
        "nation",
        nw.lit(check).alias("check"),
        difference.cast(nw.Int64).alias("difference"),
    )
