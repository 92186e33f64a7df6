"""The commands of the border: parse, call one pipeline, print."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path  # noqa: TC003  (read by the command line)
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ravenstein.console import say
from ravenstein.core.errors import StudyError

if TYPE_CHECKING:
    from ravenstein.border.delivery import Treatment
    from ravenstein.pipelines.border_intake import BorderJob

border = typer.Typer(help="Border movements: who became a resident, and who ceased to be one.",
                     no_args_is_help=True)  # fmt: skip


_MANY = 20_000  # crossings of one person, in ten years five a day


class Engine(StrEnum):
    """What runs the rule."""

    LOCAL = "local"
    SPARK = "spark"


class Gaps(StrEnum):
    """What is between two crossings in a row in one direction."""

    LAST = "last"
    UNKNOWN = "unknown"
    MIDDLE = "middle"
    MEDIAN = "median"


class First(StrEnum):
    """Status before a person's first crossing."""

    OPPOSITE = "opposite"
    UNDECIDED = "undecided"


@border.command()
def classify(  # noqa: PLR0913  (each an option of the command)
    *,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILES", help="Parquet, CSV or CSV.gz files, or folders of them."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    window: Annotated[
        list[int] | None, typer.Option(help="Days looked at; 487 if not given. May be repeated.")
    ] = None,
    threshold: Annotated[
        list[int] | None, typer.Option(help="Days that decide; 365 if not given, one a window.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Last day whose crossings are all there; the last in "
                     "the files if not given."),
    ] = None,
    engine: Annotated[Engine, typer.Option(help="This machine, or Spark.")] = Engine.LOCAL,
    history: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep histories here: only what a delivery changes is "
                     "then written."),
    ] = None,
    gaps: Annotated[
        Gaps, typer.Option(help="Between two arrivals (or departures) in a row: the first one's "
                           "days, unknown days, or the missing crossing put in.")
    ] = Gaps.LAST,
    median: Annotated[
        tuple[int, int], typer.Option(metavar="ABSENCE STAY", help="Median days, for --gaps "
                                      "median.")
    ] = (0, 0),
    first: Annotated[
        First, typer.Option(help="Status before the first crossing of a person in no register.")
    ] = First.OPPOSITE,
    register: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Who was a resident before: identifiers, and `resident`, 1 or 0.",
        ),
    ] = None,
    person: Annotated[
        str, typer.Option(metavar="COLUMN", help="Identifiers; several columns, with commas "
                          "between them, identify together.")
    ] = "person_id",
    pseudonymise: Annotated[
        bool, typer.Option("--pseudonymise", help="Replace identifiers by their keyed hash as they "
                           "are read.")
    ] = False,
    direction: Annotated[str, typer.Option(metavar="COLUMN", help="Directions.")] = "direction",
    time: Annotated[
        str, typer.Option(metavar="COLUMN", help="Times in UTC, or dates; crossed_at or "
                          "crossed_on if not given.")
    ] = "",
    arrival: Annotated[str, typer.Option(metavar="CODE", help="Arrivals.")] = "arrival",
    departure: Annotated[str, typer.Option(metavar="CODE", help="Departures.")] = "departure",
    csv: Annotated[bool, typer.Option("--csv", help="Write crossings.csv.gz too.")] = False,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="Add a column: what is broken in a sequence.")
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Write the summary alone, no row a crossing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of text.")
    ] = False,
) -> None:  # fmt: skip
    """Say of each crossing whether it makes or ends a resident, as far as it is known."""
    from ravenstein.pipelines.border import classify_files
    from ravenstein.pipelines.border_intake import BorderJob
    from ravenstein.store.crossing_files import Columns
    from ravenstein.store.identity import identity_key

    if arrival == departure:
        raise StudyError(
            "Arrivals and departures have the same code.",
            expected="two codes",
            found=arrival,
            where="--arrival and --departure",
            fix="Give both as they are in the files.",
        )
    if summary and (csv or sequence or history):
        raise StudyError(
            "The summary alone has no rows.",
            expected="--summary without --csv, --sequence and --history",
            found="one of them",
            where="--summary",
            fix="Leave out one of the two.",
        )
    job = BorderJob(
        Columns(person, direction, time),
        {arrival: True, departure: False},
        _treatment(window, threshold, gaps, median, first),
        _day(as_of),
        history,
        csv=csv,
        sequence=sequence,
        rows=not summary,
        register=register,
        key=identity_key() if pseudonymise else None,
    )
    if engine is Engine.SPARK:
        report = _on_spark(files or [], out, job)
    else:
        report = classify_files(files or [], out, job)
    if as_json:
        print(json.dumps({"status": "complete", **report}, ensure_ascii=False))
    elif not quiet:
        for line in told(report):
            say(line)
        say(f"Results: {out.resolve()}")


def _treatment(
    window: list[int] | None,
    threshold: list[int] | None,
    gaps: Gaps,
    median: tuple[int, int],
    first: First,
) -> Treatment:
    from ravenstein.border.delivery import Treatment
    from ravenstein.border.residence import OPPOSITE, UNDECIDED, ResidenceRule

    usual = ResidenceRule()
    windows, thresholds = window or [usual.window], threshold or [usual.threshold]
    if len(windows) != len(thresholds) or (gaps is Gaps.MEDIAN and min(median) < 1):
        raise StudyError(
            "The rule is not whole.",
            expected="a threshold for each window; for --gaps median, --median with two numbers "
            "of days",
            found=f"{len(windows)} windows, {len(thresholds)} thresholds, median of "
            f"{median[0]} and {median[1]} days",
            where="--window, --threshold, --median",
            fix="Give one --threshold after each --window.",
        )
    return Treatment(
        tuple(ResidenceRule(w, t) for w, t in zip(windows, thresholds, strict=True)),
        gaps.value,
        median,
        OPPOSITE if first is First.OPPOSITE else UNDECIDED,
    )


def _day(text: str | None) -> int | None:
    """Return days since 1970-01-01."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").toordinal() - datetime(1970, 1, 1).toordinal()
    except ValueError:
        raise StudyError(
            "The date cannot be read.",
            expected="a date such as 2012-12-31",
            found=text,
            where="--as-of",
            fix="Correct it.",
        ) from None


def _on_spark(files: list[Path], out: Path, job: BorderJob) -> dict[str, Any]:
    from ravenstein.pipelines.border_spark import classify_on_spark

    return classify_on_spark(files, out, job)


def told(report: dict[str, Any]) -> list[str]:
    """Return lines that say what was done, in counts."""
    files, who = report["files"], report["persons"]
    rules = ", ".join(f"{r['threshold']} of {r['window']} days" for r in report["rules"])
    lines = [
        f"{report['crossings']:,} crossings from {files['read']} files, as of {report['as_of']}: "
        f"{rules}",
        f"{who['known']:,} persons; {report['rows_written']:,} rows written",
    ]
    if report["told_before"]:
        lines.append(
            f"since {report['told_before']}: {who['with_new_crossings']:,} persons with new "
            f"crossings ({who['with_late_ones']:,} with late ones), {who['decided_by_time']:,} "
            "with a decision by the passing of time"
        )
    broken = {name: n for name, n in report["sequences"].items() if n}
    if broken:
        lines.append("sequences: " + ", ".join(f"{n:,} {name}" for name, n in broken.items()))
    if who["most_crossings"] > _MANY:
        lines.append(f"warning: one identifier has {who['most_crossings']:,} crossings: is it one?")
    if who["register_differs"]:
        lines.append(
            f"warning: the register says otherwise of {who['register_differs']:,} persons than the "
            "histories hold, which stand"
        )
    for name in files["known"]:
        lines.append(f"already there, left out: {name}")
    for name in files["other"]:
        lines.append(f"warning: {name}: neither Parquet nor CSV, left out")
    for name, why in files["unreadable"].items():
        lines.append(f"warning: {name}: {why}")
    if report["put_aside"]:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in report["put_aside"].items())
        lines.append(f"warning: put aside in quarantine.parquet: {reasons}")
    if report["after_as_of"]:
        lines.append(f"{report['after_as_of']:,} crossings after that day left out")
    return lines
