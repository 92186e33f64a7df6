"""The commands of the release: parse, call one pipeline, print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravenstein.console import console, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ravenstein.release.evidence import Evidence
    from ravenstein.release.vintages import ReleaseDifference, TableChange

release = typer.Typer(
    help="The release: its vintages, every figure that changed, and evidence that comes back.",
    no_args_is_help=True,
)

Named = "Number of a release, latest, or a folder with a release."
InFolder = Annotated[
    Path, typer.Option("--dir", metavar="DIR", help="Folder of the study, for numbers.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_SHOWN = 40
_EVIDENCE = ("area", "figure", "year", "published", "believed", "kind", "source")


@release.command("diff")
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=Named)],
    new: Annotated[str, typer.Argument(metavar="NEW", help=Named)],
    *,
    folder: InFolder = Path(),
    table: Annotated[
        str | None, typer.Option(metavar="TABLE", help="One published table; all if not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write every changed cell.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List every cell that changed between two releases, and why."""
    from ravenstein.pipelines.release_diff import compare_releases, differing_titles
    from ravenstein.store.files import refuse_inputs, write_csv

    if out:
        refuse_inputs(out, (), ".csv")
    found = compare_releases(folder, old, new, table)
    if out:
        write_csv(found.rows, out)
    warnings = list(differing_titles(found))
    if as_json:
        whole = {"status": "complete", "warnings": warnings} | _as_dict(found)
        print(json.dumps(whole, ensure_ascii=False))
        return
    for warning in warnings:
        say(f"warning: {warning}")
    for line in told(found):
        say(line)
    if out:
        say(f"Wrote {found.rows.num_rows:,} rows to {out}")


@release.command("list")
def vintages(*, folder: InFolder = Path(), as_json: AsJson = False) -> None:
    """List the vintages of a release: when each was made, and which tables it changed."""
    from rich.table import Table as Grid

    from ravenstein.pipelines.release_diff import release_folder
    from ravenstein.pipelines.release_vintages import vintages

    rows = vintages(release_folder(folder))
    if as_json:
        print(json.dumps({"status": "complete", "vintages": rows}, default=str))
        return
    grid = Grid("release", "date", "run", "data", "tables with other figures", box=None)
    for row in rows:
        known = [str(row[name] or "") for name in ("date", "run")]
        changed = "first" if row["vintage"] == 1 else ", ".join(row["changed"])
        grid.add_row(str(row["vintage"]), *known, row["state"], changed)
    console().print(grid)


@release.command("evidence")
def evidence(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="Files of evidence that were sent.")
    ],
    *,
    as_json: AsJson = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write the rows as CSV too.")
    ] = None,
) -> None:
    """Read evidence that came back from the release's form, one line a file."""
    import pyarrow as pa

    from ravenstein.store.files import refuse_inputs, write_csv

    if out:
        refuse_inputs(out, files, ".csv")
    found = [(path, _evidence(path)) for path in files]
    rows = [
        {"area": e.area.code} | {name: getattr(e, name) for name in _EVIDENCE[1:]} for _, e in found
    ]
    if out:
        numbers = ("year", "published", "believed")
        kinds = [(name, pa.int64() if name in numbers else pa.string()) for name in _EVIDENCE]
        write_csv(pa.Table.from_pylist(rows, pa.schema(kinds)), out)
    if as_json:
        whole = [{"file": str(path)} | e.model_dump(mode="json", by_alias=True)
                 for path, e in found]  # fmt: skip
        print(json.dumps({"status": "complete", "evidence": whole}, ensure_ascii=False))
        return
    for row in rows:
        persons = " → ".join("?" if row[name] is None else f"{row[name]:,}"
                             for name in ("published", "believed"))  # fmt: skip
        # what others sent may hold characters that steer a terminal
        source = "".join(c if c.isprintable() else " " for c in row["source"])
        say(f"{row['area']} {row['figure']} {row['year']}: {persons}; {row['kind']}: {source}")
    if out:
        say(f"Wrote {len(rows):,} rows to {out}")


def _evidence(path: Path) -> Evidence:
    from ravenstein.core.errors import SourceError
    from ravenstein.release.evidence import read_evidence

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            "A file of evidence cannot be read.",
            expected="a file that the evidence page writes, in UTF-8",
            found=type(error).__name__,
            where=str(path),
            fix="Give files that are there, as they came.",
        ) from None
    return read_evidence(text, str(path))


def told(found: ReleaseDifference) -> Iterator[str]:
    """Yield lines that say what changed in each table, why, and the first changed cells."""
    from ravenstein.release.vintages import change_words, first_cells

    first, later = (
        f"release {each['vintage']}" + (f" of {each['date']}" if each["date"] else "")
        + f", run {each['run']}"
        for each in (found.before, found.after)
    )  # fmt: skip
    yield f"{first} → {later}"
    yield change_words(found)
    for table in found.tables:
        if table.state != "same" or table.columns:
            yield from _of_table(table)
    same = [table.name for table in found.of("same")]
    if same:
        yield f"the same figures: {', '.join(same)}"
    for row in first_cells(found, _SHOWN):
        by = "" if row["difference"] is None else f" ({row['difference']:+,.10g})"
        sides = " → ".join("none" if row[s] is None else row[s] for s in ("before", "after"))
        yield f"{row['change']}: {row['table']}: {row['cell']}: {row['column']} {sides}{by}"
    more = found.rows.num_rows - _SHOWN
    if more > 0:
        yield f"… and {more:,} more: --out FILE.csv has all"


def _of_table(table: TableChange) -> Iterator[str]:
    from ravenstein.release.vintages import short, state_words

    counts = ", ".join(f"{table.counts[n]:,} {n}" for n in ("changed", "added", "removed")
                       if n in table.counts)  # fmt: skip
    yield f"{table.name}: {'; '.join(part for part in (counts, state_words(table)) if part)}"
    for one in table.reasons:
        sides = " → ".join(short(one["kind"], one[side]) for side in ("before", "after"))
        yield f"  {one['kind']} {one['name']}: {sides}"
    if table.moved and not table.reasons:
        yield "  nothing that is recorded behind it differs"


def _as_dict(found: ReleaseDifference) -> dict[str, Any]:
    return {
        "from": found.before,
        "to": found.after,
        "tables": [
            {name: getattr(table, name) for name in ("name", "state", "columns", "reasons")}
            | dict(table.counts)
            for table in found.tables
        ],
        "cells": found.rows.to_pylist(),
    }
