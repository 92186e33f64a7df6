"""The command line: parse, call one pipeline, print. Heavy parts are imported where used."""

from __future__ import annotations

import json
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ravenstein import __version__
from ravenstein.cli_border import border
from ravenstein.cli_migration import migration
from ravenstein.cli_population import population
from ravenstein.cli_release import release
from ravenstein.cli_twin import twin
from ravenstein.console import (
    Progress,
    console,
    explained,
    print_error,
    print_headline,
    say,
    silent,
)
from ravenstein.core.errors import RavensteinError, StoreError, StudyError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from ravenstein.pipelines.headline import Told
    from ravenstein.store.database import Store
    from ravenstein.store.run import Run
    from ravenstein.study import Study

app = typer.Typer(
    help="Official migration and population statistics, from source to release.",
    epilog="Exit codes: 0 done, 2 wrong call, 3 study, 4 source, 5 table, 6 parameter, "
    "7 estimate, 8 store, 9 account, 10 survey, 11 demography, "
    "12 migration.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(border, name="border")
app.add_typer(population, name="population")
app.add_typer(migration, name="migration")
app.add_typer(release, name="release")
app.command()(twin)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the study.")]
InFolder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder of the study.")]
TableName = Annotated[str, typer.Argument(metavar="TABLE", help="Name of a declared table.")]
VintageNumber = Annotated[
    int | None, typer.Option("--vintage", help="Which vintage; the latest if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]


def main() -> None:
    """Run the command; a user's mistake ends with a message and an exit code of its kind."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that lacks a character shows ?
    try:
        app()
    except BrokenPipeError:
        sys.exit(0)
    except RavensteinError as error:
        _fail(error)
    except OSError as error:
        _fail(
            StoreError(
                "A file or folder cannot be used.",
                expected="a path that exists and may be read and written",
                found=error.strerror or type(error).__name__,
                where=str(error.filename or "unknown"),
                fix="Correct the path or the permissions.",
            )
        )


def _fail(error: RavensteinError) -> NoReturn:
    if "--json" in sys.argv:
        print(json.dumps({"status": "failed", "error": error.as_dict()}, ensure_ascii=False))
    else:
        print_error(error)
    sys.exit(error.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"ravenstein {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def init(
    folder: Folder,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Official files to use; without it, the simulated twin."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a new study: of the simulated twin, or of official files in a folder."""
    from ravenstein.pipelines.new_study import new_study

    for note in new_study(folder, data):
        say(f"warning: {note}")
    if not quiet:
        say(f"Made {folder / 'study.toml'}. Next: ravenstein run {folder}")


@app.command()
def run(
    folder: Folder,
    only: Annotated[
        str | None,
        typer.Option(metavar="PIPELINE", help="Run one pipeline, such as migration or release."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a study: read its sources, make its tables, write its release."""
    from ravenstein.study import read_study

    _run(read_study(folder), _pipelines(only), folder, quiet=quiet, as_json=as_json)


@app.command("passenger-survey")
def passenger_survey(
    files: Annotated[
        Path,
        typer.Argument(
            metavar="FILES",
            help="Folder of the survey's files: named as their tables, such as "
            "survey_contacts.csv, or named in a study.toml.",
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the results; not a study's.")
    ],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run the passenger survey alone on files: weights, migrants, quality, pages."""
    from ravenstein.study import FILE, read_survey

    if (folder / FILE).exists():
        raise StudyError(
            "The results would take the place of a study's.",
            expected="a folder that holds no study",
            found=FILE,
            where=str(folder),
            fix=f"Choose another folder, or use `ravenstein run {folder}`.",
        )
    study, known = read_survey(files), _pipelines(None)
    chosen = {name: known[name] for name in ("passenger_survey", "release")}
    _run(study, chosen, folder, quiet=quiet, as_json=as_json)


@app.command("series-break")
def series_break(
    old: Annotated[
        Path, typer.Argument(metavar="OLD", help="Folder of results of the old sample design.")
    ],
    new: Annotated[
        Path, typer.Argument(metavar="NEW", help="Folder of results of the new sample design.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder for survey_break.csv, survey_series.csv.")
    ],
    difference: Annotated[
        bool, typer.Option("--difference", help="Take the change as a number, not as a ratio.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Compare two sample designs that ran side by side: the effect, the series on both bases."""
    from rich.table import Table as Grid

    from ravenstein.pipelines.series_break import compare_designs, write_series

    breaks, series = compare_designs(old, new, "difference" if difference else "ratio")
    write_series(folder, breaks, series)
    if quiet:
        return
    for row in breaks.to_pylist():
        form = ".3f" if row["kind"] == "ratio" else ",.0f"
        low, high, effect = (format(row[n], form) for n in ("lower", "upper", "effect"))
        say(f"{row['flow']}: {row['kind']} new to old {effect} ({low} to {high})")
    grid = Grid("flow", "year", "old design", "new design", box=None)
    rows = series.to_pylist()
    for before, after in zip(rows[::2], rows[1::2], strict=True):
        shown = [
            f"{r['persons']:,.0f} ± {1.96 * r['standard_error']:,.0f}"
            + ("" if r["measured"] else " converted")
            for r in (before, after)
        ]
        grid.add_row(before["flow"], str(before["year"]), *shown)
    console().print(grid)


def _run(
    study: Study,
    chosen: dict[str, Callable[[Study, Run], None]],
    folder: Path,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run pipelines with the store and the release in a folder."""
    from ravenstein.pipelines.release import ADDRESS
    from ravenstein.store.database import open_store
    from ravenstein.store.run import start_run

    told = silent if quiet or as_json else Progress(console())
    about = study.study
    with open_store(folder / "store", writing=True) as store:
        with start_run(
            store, study=study.text, engine=about.engine, draws=about.draws, told=told
        ) as run:
            for pipeline in chosen.values():
                pipeline(study, run)
        wanted = "migration" in chosen and (as_json or not quiet)
        found = _headline(study, store) if wanted else None
    page = (folder / ADDRESS).resolve()
    if as_json:
        print(json.dumps(_summary(run, page, found), ensure_ascii=False))
    elif not quiet:
        for warning in run.warnings:
            say(f"warning: {warning}")
        if found:
            print_headline(found)
        if "release" in chosen:
            say(f"\nRelease: {page}")


@app.command()
def check(folder: Folder, as_json: AsJson = False) -> None:
    """Check a study's sources and whether their accounts balance; writes nothing."""
    from ravenstein.pipelines.population import check_sources, described, missing_nations
    from ravenstein.study import read_study

    study = read_study(folder)
    good, wrong = check_sources(study)
    others: list[str] = []
    if study.of_kind("myeb2"):
        from ravenstein.pipelines import population_by_age as by_age

        details, also_wrong = by_age.check_details(study)
        others += [f"by age, {by_age.described(file)}" for file in details]
        wrong += also_wrong
    if study.survey:
        from ravenstein.pipelines.passenger_survey import check_survey

        survey, also_wrong = check_survey(study)
        others += survey
        wrong += also_wrong
    if as_json:
        found = [
            {"file": f.facts.name, "edition": f.edition, "sha256": f.facts.sha256} for f in good
        ] + [{"other": words} for words in others]
        status = "failed" if wrong else "complete"
        errors = [error.as_dict() for error in wrong]
        print(json.dumps({"status": status, "sources": found, "errors": errors}))
    else:
        for file in good:
            say(f"✓ {described(file)}")
        for words in others:
            say(f"✓ {words}")
        for note in missing_nations(good) if good else ():
            say(f"warning: {note}")
        for error in wrong:
            print_error(error)
    if wrong:
        raise typer.Exit(wrong[0].exit_code)


@app.command()
def explain(
    table: TableName,
    where: Annotated[
        str | None,
        typer.Option(metavar="CONDITION", help='Cells, such as "area=E06000001 and year=2012".'),
    ] = None,
    vintage: Annotated[
        int | None, typer.Option(help="Which vintage; the latest if not given.")
    ] = None,
    folder: InFolder = Path(),
    as_json: AsJson = False,
) -> None:
    """Say where a table, or one cell, came from: steps, parameters, rows, files."""
    from ravenstein.store.database import open_store
    from ravenstein.store.explain import as_dict, explain
    from ravenstein.tables.dictionary import declared

    with open_store(folder / "store") as store:
        found = explain(store, folder, declared(table), where, vintage=vintage)
    if as_json:
        print(json.dumps(as_dict(found), ensure_ascii=False, default=str))
    else:
        for line in explained(found):
            say(line)


@app.command()
def vintages(table: TableName, folder: InFolder = Path(), as_json: AsJson = False) -> None:
    """List the vintages of a table: every write that was published."""
    from rich.table import Table as Grid

    from ravenstein.store.database import open_store
    from ravenstein.tables.dictionary import declared

    declaration = declared(table)
    with open_store(folder / "store") as store:
        found = store.vintages(declaration.name)
        if not found:
            store.vintage(declaration.name)
    if as_json:
        print(json.dumps([vars(v) for v in found], ensure_ascii=False, default=str))
        return
    grid = Grid("vintage", "run", "written (UTC)", "rows", "content", "change", box=None)
    for before, v in zip([None, *found], found, strict=False):
        same = before is not None and before.content_hash == v.content_hash
        change = "first" if before is None else "same figures" if same else "figures changed"
        when = f"{v.written_at:%Y-%m-%d %H:%M:%S}"
        grid.add_row(str(v.vintage), str(v.run), when, f"{v.rows:,}", v.content_hash[:12], change)
    console().print(grid)


@app.command()
def export(
    table: TableName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A path ending .csv or .parquet.")],
    vintage: Annotated[
        int | None, typer.Option(help="Which vintage; the latest if not given.")
    ] = None,
    folder: InFolder = Path(),
    quiet: Quiet = False,
) -> None:
    """Write a table of the store, of any vintage, to a CSV or Parquet file."""
    from ravenstein.core.schema import ColumnType
    from ravenstein.store.database import open_store
    from ravenstein.store.files import write_csv, write_parquet
    from ravenstein.tables.dictionary import declared

    writers = {".csv": write_csv, ".parquet": write_parquet}
    if file.suffix.lower() not in writers:
        raise StudyError(
            "The file's ending is not a format.",
            expected=".csv or .parquet",
            found=file.suffix or "none",
            where=file.name,
            fix="End the file's name with .csv or .parquet.",
        )
    declaration = declared(table)
    if file.suffix.lower() == ".csv" and any(
        c.type == ColumnType.DRAWS for c in declaration.columns
    ):
        raise StudyError(
            "A CSV file cannot hold draws.",
            expected="a file ending .parquet",
            found=file.suffix,
            where=file.name,
            fix="Export to Parquet; draws are a list in each row.",
        )
    with open_store(folder / "store") as store:
        rows = store.collect(store.read(declaration, vintage=vintage))
        writers[file.suffix.lower()](rows, file)
    if not quiet:
        say(f"Wrote {rows.num_rows:,} rows to {file}")


@app.command()
def serve(
    folder: Folder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
) -> None:
    """Show the release at a local address, on this machine only."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    from ravenstein.pipelines.release import FOLDER

    site = folder / FOLDER
    if not (site / "index.html").is_file():
        raise StudyError(
            "There is no release to show.",
            expected=f"{FOLDER}/index.html",
            found="none",
            where=str(folder),
            fix=f"Run `ravenstein run {folder}` first.",
        )
    try:
        server = ThreadingHTTPServer(
            ("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=str(site))
        )
    except OSError as error:
        raise StudyError(
            "The port cannot be used.",
            expected="a free port",
            found=f"{port}: {error.strerror}",
            where="--port",
            fix="Choose another port, or 0 for any free one.",
        ) from None
    with server:
        say(f"http://127.0.0.1:{server.server_port}/  (Ctrl+C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("Ended.")


def _passenger_survey(study: Study, run: Run) -> None:
    """Run the passenger survey where a study has one: compiled parts take a second to load."""
    if study.survey:
        from ravenstein.pipelines import passenger_survey as pipeline

        pipeline.passenger_survey(study, run)


def _border(study: Study, run: Run) -> None:
    """Run the border where a study has one: compiled parts take a second to load."""
    if study.of_kind("border_movements"):
        from ravenstein.pipelines import border as pipeline

        pipeline.border(study, run)


def _migration(study: Study, run: Run) -> None:
    """Add migration up where a study has a survey."""
    if study.survey:
        from ravenstein.pipelines import migration as pipeline

        pipeline.migration(study, run)


def _pipelines(only: str | None) -> dict[str, Callable[[Study, Run], None]]:
    """Return the pipelines to run, in order."""
    from ravenstein.pipelines.population_by_age import accounts
    from ravenstein.pipelines.release import release

    known: dict[str, Callable[[Study, Run], None]] = {
        "population": accounts,
        "passenger_survey": _passenger_survey,
        "border": _border,
        "migration": _migration,
        "release": release,
    }
    if only is None:
        return known
    if only not in known:
        near = nearest(only, known)
        raise StudyError(
            f"There is no pipeline {only!r}.",
            expected=" or ".join(known),
            found=only,
            where="--only",
            fix=f"Did you mean {near!r}?" if near else "Use one of those listed.",
        )
    return {only: known[only]}


def _headline(study: Study, store: Store) -> Told | None:
    """Return what there is to say of total migration, when the run is over."""
    if not study.survey:
        return None
    from ravenstein.pipelines.headline import told

    return told(study, store)


def _summary(run: Run, page: Path, found: Told | None) -> dict[str, Any]:
    summary = {
        "status": "complete",
        "run": run.number,
        "release": str(page) if page.is_file() else None,
        "steps": [
            {"title": s.title, "note": s.note, "seconds": round(s.seconds, 3)} for s in run.steps
        ],
        "tables": {v.table_name: {"vintage": v.vintage, "rows": v.rows} for v in run.written},
        "warnings": run.warnings,
    }
    return summary | ({"migration": found.figures} if found else {})
