"""The command that makes a twin: parse, call the pipeline, print."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (read by the command line)
from typing import Annotated

import typer

from ravenstein.console import say


def twin(  # noqa: PLR0913  (each an option of the command)
    scale: Annotated[str, typer.Argument(metavar="SCALE", help="small, region or uk.")],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder of the twin: new, empty, or an earlier twin, which is replaced.",
        ),
    ],
    *,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1885,
    own: Annotated[
        Path | None,
        typer.Option(
            "--with", metavar="FILE", help="Your own values: a TOML file of name = value."
        ),
    ] = None,
    perfect: Annotated[
        bool, typer.Option("--perfect", help="Switch off all imperfections of the views.")
    ] = False,
    views: Annotated[
        str,
        typer.Option(
            metavar="GROUPS",
            help="Some groups of views only, with commas: survey, border, registers, statistics, "
            "census, labour_force.",
        ),
    ] = "all",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate a country with a known truth: what each source sees, and the truth."""
    from ravenstein.pipelines.twin import make_twin
    from ravenstein.twin.settings import VIEWS, settings

    groups = VIEWS if views == "all" else [name.strip() for name in views.split(",")]
    chosen = settings(scale, own, perfect=perfect, views=groups)

    def told(done: int, blocks: int) -> None:
        if not quiet and blocks > 1:
            say(f"{done} of {blocks} blocks")

    counts = make_twin(folder, chosen, seed, told)
    if not quiet:
        say(
            f"Made {folder}: {counts.persons:,} people, {counts.crossings:,} crossings, "
            f"mid-{chosen.scale.first} to mid-{chosen.scale.last}. Simulated."
        )
