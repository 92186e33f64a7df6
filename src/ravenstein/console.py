"""What the command prints: text, progress, errors and traces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from ravenstein.core.errors import RavensteinError
    from ravenstein.pipelines.headline import Told
    from ravenstein.store.explain import Explanation
    from ravenstein.store.run import Step


def console() -> Console:
    """Return the console; made where used, as it takes a moment to load."""
    from rich.console import Console

    return Console()


def say(text: str) -> None:
    """Print text as it is: names of files and areas are no markup."""
    console().print(text, highlight=False, markup=False, soft_wrap=True)


def print_error(error: RavensteinError) -> None:
    """Print an error to the standard error stream."""
    from rich.console import Console

    console = Console(stderr=True)
    console.print(f"[bold red]Error[/] ({error.kind})", highlight=False)
    console.print(str(error), highlight=False, markup=False, soft_wrap=True)


def print_headline(found: Told) -> None:
    """Print what a run says of total migration: words, components, short-term, caution."""
    from rich.table import Table as Grid

    out = console()

    def write(line: str) -> None:
        out.print(line, highlight=False, markup=False)

    out.print("\n[bold]Total migration[/]", highlight=False)
    for line in found.lines:
        write(line)
    for grid in found.grids:
        write(f"\n{grid.title}")
        shown = Grid(box=None, pad_edge=False)
        for place, head in enumerate(grid.heads):
            faint = "dim" if head == "truth" else None
            justify: Literal["left", "right"] = "right" if place else "left"
            shown.add_column(head, justify=justify, style=faint, header_style=faint)
        for row in grid.rows:
            shown.add_row(*row, style="bold" if row[0] == "Total" else None)
        out.print(shown)
    write("")
    for note in found.notes:
        write(note)


def silent(_: Step) -> None:
    """Tell nothing of a step."""
    pass


class Progress:
    """Shows a step while it runs, and what it did when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._number = 0

    def __call__(self, step: Step) -> None:
        """Show that a step begins, or what it did."""
        from rich.markup import escape

        if not step.ended:
            self._number += 1
            self._status.update(f"{self._number}. {step.title}")
            self._status.start()
            return
        self._status.stop()
        if not step.done:
            return
        self._console.print(
            f"[green]✓[/] {self._number}. {step.title} [dim]{step.seconds:.1f} s[/]\n"
            f"     [dim]{escape(step.note)}[/]",
            highlight=False,
            soft_wrap=True,
        )


def explained(found: Explanation, told: set[tuple[str, int, str]] | None = None) -> Iterator[str]:
    """Yield the trace as indented lines, each input under the step that read it, told once."""
    v, told = found.vintage, set() if told is None else told
    key = (v.table_name, v.vintage, found.predicate)
    if key in told:
        yield f"{v.table_name}, vintage {v.vintage}, {found.rows:,} rows: see above"
        return
    told.add(key)
    yield (f"{v.table_name}, vintage {v.vintage} of run {v.run}, {v.written_at:%Y-%m-%d %H:%M} UTC")
    yield f"  {found.rows:,} of {v.rows:,} rows: {found.predicate}"
    for row in found.first:
        yield "    " + ", ".join(f"{k}={value}" for k, value in row.items() if value is not None)
    if found.rows > len(found.first) > 0:
        yield f"    … {found.rows - len(found.first):,} more rows"
    yield f"  step: {v.step}, {v.seconds:.2f} s, {v.method}, code {found.code_version}"
    for name, entry in json.loads(v.parameters or "{}").items():
        values = "; ".join(f"from {day}: {value}" for day, value in entry["values"])
        yield f"  parameter: {name} [{entry['unit']}] {values}"
        yield f"    source: {entry['source']}"
    for table in found.tables:
        yield from ("  │ " + line for line in explained(table, told))
    for file in found.files:
        yield f"  file: {file.name}, sha256 {file.sha256[:12]}…, {file.state}"
        if file.rows is not None:
            lines = ", ".join(map(str, file.lines[:5])) + ("…" if len(file.lines) > 5 else "")
            yield f"    {file.rows} rows: {file.predicate}, line {lines}"
