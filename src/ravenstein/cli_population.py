"""The commands of the population: parse, call one pipeline, print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravenstein.console import say
from ravenstein.core.errors import StudyError

if TYPE_CHECKING:
    from ravenstein.pipelines.population_files import AccountJob

population = typer.Typer(
    help="Population by area, sex and single year of age: its account, and the next years.",
    no_args_is_help=True,
)

Detail = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="Detailed components of change (MYEB2)."),
]
Stocks = Annotated[
    Path | None,
    typer.Option(
        "--population", metavar="FILE", help="Without FILE: populations by area, sex, age, year."
    ),
]
Components = Annotated[
    list[str] | None,
    typer.Option(
        "--component",
        metavar="NAME=FILE",
        help="With --population: births, deaths, internal_in, internal_out, international_in, "
        "international_out, … May be repeated.",
    ),
]
Moves = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Moves by origin, destination, sex, age, year, for internal flows."
    ),
]
Statics = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Armed forces, prisoners, boarders at every mid-year: they do not age.",
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
Changes = Annotated[
    Path | None,
    typer.Option("--code-changes", metavar="FILE", help="Changes of area codes; see --geography."),
]
ToYear = Annotated[
    int | None,
    typer.Option(
        "--geography",
        metavar="YEAR",
        min=1974,
        max=2200,
        help="Bring areas to the boundaries of this year.",
    ),
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write rows as CSV too.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@population.command()
def account(  # noqa: PLR0913  (each an option of the command)
    *,
    detail: Detail = None,
    stocks: Stocks = None,
    component: Components = None,
    moves: Moves = None,
    statics: Statics = None,
    out: Out,
    code_changes: Changes = None,
    geography: ToYear = None,
    csv: AsCsv = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Balance published populations and components in every cell; residuals are named rows."""
    from ravenstein.pipelines.population_files import AccountJob

    job = AccountJob(
        detail,
        stocks,
        _files(component),
        moves,
        statics,
        changes=code_changes,
        geography=geography,
        csv=csv,
    )
    _run(out, job, quiet=quiet, as_json=as_json)


@population.command("roll-forward")
def roll_forward(  # noqa: PLR0913  (each an option of the command)
    *,
    detail: Detail = None,
    stocks: Stocks = None,
    component: Components = None,
    moves: Moves = None,
    statics: Statics = None,
    out: Out,
    code_changes: Changes = None,
    geography: ToYear = None,
    allow_short: Annotated[
        bool,
        typer.Option(
            "--allow-short",
            help="Where more leave a cell than are in it, leave nobody and name the rest as "
            "residual, instead of stopping.",
        ),
    ] = False,
    error: Annotated[
        list[str] | None,
        typer.Option(
            "--error",
            metavar="NAME=SHARE",
            help="Relative standard error of a gross flow, such as international_in=0.05, one "
            "error for all areas of a year: draws are written. May be repeated.",
        ),
    ] = None,
    area_error: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE", help="The same, an error of its own for each area and year."
        ),
    ] = None,
    draws: Annotated[int, typer.Option(min=2, max=100_000, help="Number of draws.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 1885,
    csv: AsCsv = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Roll the first population forward by its components, with draws where flows have errors."""
    from ravenstein.pipelines.population_files import AccountJob

    job = AccountJob(
        detail,
        stocks,
        _files(component),
        moves,
        statics,
        roll=True,
        short="residual" if allow_short else "refuse",
        errors=_errors(error, "--error"),
        area_errors=_errors(area_error, "--area-error"),
        draws=draws,
        seed=seed,
        changes=code_changes,
        geography=geography,
        csv=csv,
    )
    _run(out, job, quiet=quiet, as_json=as_json)


@population.command("moves")
def register_moves(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="The register at the mid-year before.")
    ],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The register at the mid-year.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV for the moves.")],
    mid_year: Annotated[int, typer.Option(help="The mid-year (30 June) at which ages are taken.")],
    *,
    students: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="BEFORE AFTER", help="Term-time addresses of students, both times."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Count moves between areas by matching a register with that of a year before."""
    from ravenstein.pipelines.register_moves import moves_of_files

    counts = moves_of_files(before, after, out, mid_year, students=students)
    if not quiet:
        say(", ".join(f"{count:,} {name}" for name, count in counts.items()))
        say(f"Wrote {out}")


@population.command("gross-flows")
def gross_flows(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with columns inflow, outflow and net.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV for the results.")],
    *,
    whole: Annotated[bool, typer.Option("--whole", help="Whole numbers.")] = False,
    quiet: Quiet = False,
) -> None:
    """Find the likeliest in- and outflows whose difference is the net, row by row."""
    from ravenstein.pipelines.gross_flows import gross_flows_of_file

    count = gross_flows_of_file(file, out, whole=whole)
    if not quiet:
        say(f"Wrote {count:,} rows to {out}")


def _run(out: Path, job: AccountJob, *, quiet: bool, as_json: bool) -> None:
    from ravenstein.pipelines.population_files import account_files

    report = account_files(out, job)
    if as_json:
        print(json.dumps({"status": "complete", **report}, ensure_ascii=False))
    elif not quiet:
        for line in told(report):
            say(line)
        say(f"Results: {out.resolve()}")


def told(report: dict[str, Any]) -> list[str]:
    """Return lines that say what was done, in counts."""
    first, last = report["years"]
    lines = [
        f"{report['areas']:,} areas by sex and age, mid-{first} to mid-{last}: "
        + ", ".join(report["components"])
    ]
    lines += [f"warning: {note}" for note in report["notes"]]
    off = {y: r for y, r in report["residual_by_year"].items() if r["cells_with_residual"]}
    for year, r in off.items():
        lines.append(
            f"warning: mid-{year}: residual {r['residual']:+g} in {r['cells_with_residual']:,} "
            f"cells, the largest {r['largest']:g}"
        )
    if not off:
        lines.append("every cell balances")
    if "draws" in report:
        drawn = report["draws"]
        share = drawn["held_back"] / drawn["cells"]
        lines.append(
            f"{drawn['number']:,} draws; in {share:.2%} of cells and draws an outflow was held "
            "back, because it would have nearly emptied the cell"
        )
        if drawn["known_exits_not_paid"] > 0.5:
            lines.append(
                f"warning: {drawn['known_exits_not_paid']:,.0f} deaths and other known exits a "
                "draw could not happen, because nobody was there: residual_draws.parquet"
            )
    return lines


def _files(given: list[str] | None) -> dict[str, Path]:
    return {name: Path(text) for name, text in _pairs(given, "--component").items()}


def _errors(given: list[str] | None, option: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, text in _pairs(given, option).items():
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = -1.0
        if not 0 < found[name] < 2:
            raise StudyError(
                "A relative standard error cannot be used.",
                expected="a share such as 0.05",
                found=text,
                where=f"{option} {name}",
                fix="Give the standard error over the value.",
            )
    return found


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not (name and sign and value) or name in found:
            raise StudyError(
                "An option is not a name and a value, or names one twice.",
                expected=f"{option} NAME=VALUE, each name once",
                found=text,
                where=option,
                fix="Write the name, =, and the value.",
            )
        found[name] = value
    return found
