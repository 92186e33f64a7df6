"""The command line: parse, call one pipeline, print. Heavy parts are imported where used."""

from __future__ import annotations

import json
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ravenstein import __version__
from ravenstein.core.errors import RavensteinError, StoreError, StudyError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from ravenstein.store.explain import Explanation
    from ravenstein.store.run import Run, Step
    from ravenstein.study import Study

app = typer.Typer(
    help="Official migration and population statistics, from source to release.",
    epilog="Exit codes: 0 done, 2 wrong call, 3 study, 4 source, 5 table, 6 parameter, "
    "7 estimate, 8 store, 9 account, 10 survey.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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
        _print_error(error)
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
        _say(f"warning: {note}")
    if not quiet:
        _say(f"Made {folder / 'study.toml'}. Next: ravenstein run {folder}")


@app.command()
def twin(
    scale: Annotated[str, typer.Argument(metavar="SCALE", help="small, region or uk.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the twin, new or empty.")
    ],
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
    quiet: Quiet = False,
) -> None:
    """Simulate a country with a known truth: what each source sees, and the truth."""
    from ravenstein.pipelines.twin import make_twin
    from ravenstein.twin.settings import settings

    chosen = settings(scale, own, perfect=perfect)

    def told(done: int, blocks: int) -> None:
        if not quiet and blocks > 1:
            _say(f"{done} of {blocks} blocks")

    counts = make_twin(folder, chosen, seed, told)
    if not quiet:
        _say(
            f"Made {folder}: {counts.persons:,} people, {counts.crossings:,} crossings, "
            f"mid-{chosen.scale.first} to mid-{chosen.scale.last}. Simulated."
        )


@app.command()
def run(
    folder: Folder,
    only: Annotated[
        str | None,
        typer.Option(metavar="PIPELINE", help="Run one: population, passenger_survey or release."),
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

    told = _silent if quiet or as_json else _Progress(_console())
    about = study.study
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(
            store, study=study.text, engine=about.engine, draws=about.draws, told=told
        ) as run,
    ):
        for pipeline in chosen.values():
            pipeline(study, run)
    page = (folder / ADDRESS).resolve()
    if as_json:
        print(json.dumps(_summary(run, page), ensure_ascii=False))
    elif not quiet:
        for warning in run.warnings:
            _say(f"warning: {warning}")
        if "release" in chosen:
            _say(f"\nRelease: {page}")


@app.command()
def check(folder: Folder, as_json: AsJson = False) -> None:
    """Check a study's sources and whether their accounts balance; writes nothing."""
    from ravenstein.pipelines.population import check_sources, described, missing_nations
    from ravenstein.study import read_study

    good, wrong = check_sources(read_study(folder))
    if as_json:
        found = [
            {"file": f.facts.name, "edition": f.edition, "sha256": f.facts.sha256} for f in good
        ]
        status = "failed" if wrong else "complete"
        errors = [error.as_dict() for error in wrong]
        print(json.dumps({"status": status, "sources": found, "errors": errors}))
    else:
        for file in good:
            _say(f"✓ {described(file)}")
        for note in missing_nations(good):
            _say(f"warning: {note}")
        for error in wrong:
            _print_error(error)
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
        for line in _explained(found):
            _say(line)


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
    _console().print(grid)


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
    with open_store(folder / "store") as store:
        rows = store.collect(store.read(declared(table), vintage=vintage))
        writers[file.suffix.lower()](rows, file)
    if not quiet:
        _say(f"Wrote {rows.num_rows:,} rows to {file}")


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
        _say(f"http://127.0.0.1:{server.server_port}/  (Ctrl+C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            _say("Ended.")


def _passenger_survey(study: Study, run: Run) -> None:
    """Run the passenger survey where a study has one: compiled parts take a second to load."""
    if any(source.kind.startswith("survey_") for source in study.sources):
        from ravenstein.pipelines import passenger_survey as pipeline

        pipeline.passenger_survey(study, run)


def _pipelines(only: str | None) -> dict[str, Callable[[Study, Run], None]]:
    """Return the pipelines to run, in order."""
    from ravenstein.pipelines.population import population
    from ravenstein.pipelines.release import release

    known: dict[str, Callable[[Study, Run], None]] = {
        "population": population,
        "passenger_survey": _passenger_survey,
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


def _summary(run: Run, page: Path) -> dict[str, Any]:
    return {
        "status": "complete",
        "run": run.number,
        "release": str(page) if page.is_file() else None,
        "steps": [
            {"title": s.title, "note": s.note, "seconds": round(s.seconds, 3)} for s in run.steps
        ],
        "tables": {v.table_name: {"vintage": v.vintage, "rows": v.rows} for v in run.written},
        "warnings": run.warnings,
    }


def _console() -> Console:
    from rich.console import Console

    return Console()


def _say(text: str) -> None:
    """Print text as it is: names of files and areas are no markup."""
    _console().print(text, highlight=False, markup=False, soft_wrap=True)


def _print_error(error: RavensteinError) -> None:
    from rich.console import Console

    console = Console(stderr=True)
    console.print(f"[bold red]Error[/] ({error.kind})", highlight=False)
    console.print(str(error), highlight=False, markup=False, soft_wrap=True)


def _silent(_: Step) -> None:
    pass


class _Progress:
    """Shows a step while it runs, and what it did when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._number = 0

    def __call__(self, step: Step) -> None:
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


def _explained(found: Explanation) -> Iterator[str]:
    """Yield the trace as indented lines, each input under the step that read it."""
    v = found.vintage
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
        yield from ("  │ " + line for line in _explained(table))
    for file in found.files:
        yield f"  file: {file.name}, sha256 {file.sha256[:12]}…, {file.state}"
        if file.rows is not None:
            lines = ", ".join(map(str, file.lines[:5])) + ("…" if len(file.lines) > 5 else "")
            yield f"    {file.rows} rows: {file.predicate}, line {lines}"
