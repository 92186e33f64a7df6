"""The commands of migration: parse, call one pipeline, print."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravenstein.console import console, say

if TYPE_CHECKING:
    import pyarrow as pa

    from ravenstein.migration.revisions import Triangle
    from ravenstein.pipelines.revisions import MovedTable

migration = typer.Typer(
    help="Migration: how figures were revised, and what moved them.", no_args_is_help=True
)

TableName = Annotated[str, typer.Argument(metavar="TABLE", help="Name of a declared table.")]
InFolder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder of the study.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the rows as CSV too.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@migration.command("revisions")
def revisions(  # noqa: PLR0913  (each an option of the command)
    table: TableName,
    *,
    folder: InFolder = Path(),
    value: Annotated[str, typer.Option(metavar="COLUMN", help="The figures.")] = "persons",
    period: Annotated[str, typer.Option(metavar="COLUMN", help="The periods.")] = "year",
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="What names a series; may be repeated. [default: flow]"
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="CONDITION", help='Cells, such as "by=all and category=all".'),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Show what each vintage of a table said, and its revisions by maturity."""
    from ravenstein.pipelines.revisions import table_revisions
    from ravenstein.store.files import write_csv

    given, rows = table_revisions(
        folder, table, value=value, period=period, by=by or ["flow"], where=where
    )
    if out:
        write_csv(rows, out)
    if as_json:
        print(json.dumps(_revisions_as_dict(table, given, rows), ensure_ascii=False, default=str))
        return
    _print_triangle(given, period)
    _print_summary(rows)
    if out:
        say(f"Wrote {rows.num_rows:,} rows to {out}")


@migration.command("moved")
def moved(
    table: TableName,
    *,
    folder: InFolder = Path(),
    before: Annotated[
        int | None,
        typer.Option("--from", metavar="VINTAGE", help="The earlier; the one before if not given."),
    ] = None,
    after: Annotated[
        int | None,
        typer.Option("--to", metavar="VINTAGE", help="The later; the latest if not given."),
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """List every cell that differs between two vintages of a table, and what differs behind it."""
    from ravenstein.pipelines.revisions import moved_in_table
    from ravenstein.store.files import write_csv

    found = moved_in_table(folder, table, before=before, after=after)
    if out:
        write_csv(found.cells.rows, out)
    if as_json:
        print(json.dumps(_moved_as_dict(found), ensure_ascii=False, default=str))
        return
    say("\n".join(told(found)))
    if out:
        say(f"Wrote {found.cells.rows.num_rows:,} rows to {out}")


_SHOWN = 40


def told(found: MovedTable) -> list[str]:
    """Return lines that say what moved, and what differs behind it."""
    first, later, cells = found.before, found.after, found.cells
    lines = [
        f"{first.table_name}: vintage {first.vintage} of run {first.run} to vintage "
        f"{later.vintage} of run {later.run}",
        f"{cells.changed:,} cells changed, {cells.added:,} added, {cells.removed:,} removed, "
        f"{cells.same:,} the same",
    ]
    lines += [
        f"  {d.kind} {d.name}: {_short(d.kind, d.before)} → {_short(d.kind, d.after)}"
        for d in found.differences
    ] or ["  no file, parameter, method or code differs behind them"]
    names = cells.rows.column_names
    grain = names[: names.index("column")]
    for row in cells.rows.slice(0, _SHOWN).to_pylist():
        cell = ", ".join(f"{name}={row[name]}" for name in grain if row[name] is not None)
        by = "" if row["difference"] is None else f" ({row['difference']:+,.10g})"
        sides = " → ".join("none" if row[s] is None else row[s] for s in ("before", "after"))
        lines.append(f"{row['change']}: {cell}: {row['column']} {sides}{by}")
    more = cells.rows.num_rows - _SHOWN
    return [*lines, f"… and {more:,} more: --out FILE.csv has all"] if more > 0 else lines


def _short(kind: str, text: str) -> str:
    """Return the beginning of hashes, other text in full."""
    if kind in ("file", "table"):
        text = ", ".join(f"{part[:12]}…" for part in text.split(", ") if part)
    return text or "none"


def _moved_as_dict(found: MovedTable) -> dict[str, Any]:
    cells = found.cells
    return {
        "status": "complete",
        "table": found.before.table_name,
        "from": found.before.vintage,
        "to": found.after.vintage,
        **{name: getattr(cells, name) for name in ("changed", "added", "removed", "same")},
        "differences": [asdict(d) for d in found.differences],
        "cells": cells.rows.to_pylist(),
    }


def _revisions_as_dict(table: str, given: Triangle, rows: pa.Table) -> dict[str, Any]:
    figures = [
        {"series": name, "period": period, "vintage": vintage, "figure": figure}
        for name, square in zip(given.series, given.values.tolist(), strict=True)
        for period, line in zip(given.periods, square, strict=True)
        for vintage, figure in zip(given.vintages, line, strict=True)
        if not math.isnan(figure)
    ]
    return {"status": "complete", "table": table, "figures": figures, "revisions": rows.to_pylist()}


def _print_triangle(given: Triangle, period: str) -> None:
    from rich.table import Table as Grid

    for name, square in zip(given.series, given.values.tolist(), strict=True):
        grid = Grid(period, *(f"vintage {v}" for v in given.vintages), title=name, box=None)
        for label, line in zip(given.periods, square, strict=True):
            grid.add_row(str(label), *("" if math.isnan(v) else f"{v:,.10g}" for v in line))
        console().print(grid)


def _print_summary(rows: pa.Table) -> None:
    from rich.table import Table as Grid

    heads = ("series", "towards", "maturity", "figures", "mean (SE)", "p", "mean absolute", "up")
    grid = Grid(*heads, title="revisions by maturity (vintages since the first)", box=None)
    for row in rows.to_pylist():
        error, p = row["standard_error"], row["p_value"]
        grid.add_row(
            row["series"],
            row["towards"],
            str(row["maturity"]),
            f"{row['revisions']:,}",
            f"{row['mean']:+,.1f}" + ("" if error is None else f" ({error:,.1f})"),
            "" if p is None else f"{p:.3f}",
            f"{row['mean_absolute']:,.1f}",
            f"{row['share_up']:.0%}",
        )
    console().print(grid)
