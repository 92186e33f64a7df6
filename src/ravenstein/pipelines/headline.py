"""What a run says of total migration when it has ended: plain lines and tables to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw

from ravenstein.migration.forms import TOTAL, Z
from ravenstein.migration.total import flows_of
from ravenstein.pipelines.release_migration import read_migration
from ravenstein.release import words
from ravenstein.release.headline import FLOW_NAMES, headline
from ravenstein.release.migration import SHORT_TERM, in_order, shown
from ravenstein.tables.migration import (
    ALL,
    MIGRATION_COMPONENTS,
    MIGRATION_FLOWS,
    MIGRATION_SOURCES,
)
from ravenstein.tables.revisions import MIGRATION_CHANGES
from ravenstein.tables.survey_results import SURVEY_FLOWS
from ravenstein.tables.truth import TRUTH_MIGRATION, TRUTH_MIGRATION_PARTS, TRUTH_SHORT_TERM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.core.schema import Table
    from ravenstein.release.headline import Headline
    from ravenstein.store.database import Store
    from ravenstein.study import Study

    Row = dict[str, Any]

_TRUTH = "twin/truth"
_PARTS = {
    "survey": ("stated", 1),
    "ireland": ("land", 1),
    "asylum": ("asylum", 1),
    "visitor_switchers": ("visitor_switchers", 1),
    "migrant_switchers": ("migrant_switchers", -1),
}
"""The truth's part of each component, and its sign."""
_MONTHS = 12


@dataclass(frozen=True)
class Grid:
    """A small table to print: its title, heads of columns and rows of text."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Told:
    """What the console says of total migration.

    Args:
        figures: The headline, for programs.
        lines: The headline in plain words.
        grids: Components and short-term migration of the last year.
        notes: What keeps a reader from reading too much into one year.
    """

    figures: Row
    lines: tuple[str, ...]
    grids: tuple[Grid, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """The twin's truth beside the estimates [persons].

    Args:
        flows: By year and direction.
        parts: By year, direction and component, with its sign.
        short: By year, direction and definition.
    """

    flows: dict[tuple[int, str], int]
    parts: dict[tuple[int, str, str], int]
    short: dict[tuple[int, str, str], int]


def told(study: Study, store: Store) -> Told | None:
    """Return what a complete run has to say of total migration; None for a study without it.

    Args:
        study: The study.
        store: Its store, read after the run.
    """
    tables = read_migration(study, store)
    if tables is None:
        return None

    def rows(table: Table) -> list[Row]:
        return tables[table.name].to_pylist() if table.name in tables else []

    whole = tables[MIGRATION_FLOWS.name].to_pylist()
    whole = [row for row in whole if row["by"] == ALL and row["nation"] == ALL]
    chosen = study.migration.headline
    head = headline(whole, rows(MIGRATION_CHANGES), rows(MIGRATION_SOURCES), chosen)
    known = beside_truth(study, store)
    return Told(
        head.as_dict(),
        tuple(head.sentences),
        tuple(grid for grid in (components(whole, known), _short_term(store, known)) if grid),
        tuple(_over_years(store, head, known)),
    )


def beside_truth(study: Study, store: Store) -> Truth | None:
    """Return the truth of a simulated study, to be printed beside its estimates.

    For comparison only: it is read when the run is over, from files that no run reads, and goes
    nowhere but to the console. No estimate may use it. None without a twin's truth in the study.
    """
    tables = (TRUTH_MIGRATION, TRUTH_MIGRATION_PARTS, TRUTH_SHORT_TERM)
    paths = [study.folder / _TRUTH / f"{table.name}.parquet" for table in tables]
    if not study.study.simulated or not all(path.is_file() for path in paths):
        return None

    def sums(place: int, *by: str, **only: str) -> list[tuple[Any, ...]]:
        frame = store.read_file(tables[place], paths[place])
        for name, value in only.items():
            frame = frame.filter(nw.col(name) == value)
        counted = store.collect(frame.group_by(*by).agg(nw.col("persons").sum()))
        labels = [counted[name].to_pylist() for name in by]
        return list(zip(*labels, map(int, counted["persons"].to_pylist()), strict=True))

    flows = sums(0, "year", "direction", definition="un_12_months")
    parts = {(y, d, part): n for y, d, part, n in sums(1, "year", "direction", "part")}
    signed = {
        (year, direction, component): sign * parts.get((year, direction, part), 0)
        for component, (part, sign) in _PARTS.items()
        for year, direction in {key[:2] for key in parts}
    }
    short = sums(2, "year", "direction", "definition")
    return Truth({(y, d): n for y, d, n in flows}, signed, {(y, d, s): n for y, d, s, n in short})


def components(rows: Sequence[Row], truth: Truth | None) -> Grid:
    """Return the components of the last year and their sum, the truth beside them if there is one.

    Args:
        rows: Rows of `migration_flows` of everybody.
        truth: The twin's truth.
    """
    year = max(row["year"] for row in rows)
    cells = {(r["component"], r["flow"]): r for r in rows if r["year"] == year}
    lines = []
    for name in in_order(rows):
        line = [shown(name)]
        for flow in FLOW_NAMES:
            line.append(_figure(cells[name, flow]))
            if truth:
                line.append(_true(truth, year, name, flow))
        lines.append(tuple(line))
    late = ", provisional" if cells[TOTAL, "net"]["provisional"] else ""
    heads = ("in", "out", "net")
    return Grid(
        f"Components of total migration, {year}{late} (± 95 %)",
        ("", *(h for head in heads for h in ((head, "truth") if truth else (head,)))),
        tuple(lines),
    )


def _figure(row: Row) -> str:
    point = words.number(words.rounded(row["persons"]))
    error = row["standard_error"]
    return point if error is None else f"{point} ± {words.number(words.rounded(Z * error))}"


def _true(truth: Truth, year: int, component: str, flow: str) -> str:
    """Return the truth of a component, or of the total; nothing of components of one's own."""
    if flow == "net":
        sides = [_true_count(truth, year, component, d) for d in ("immigration", "emigration")]
        known = None if None in sides else (sides[0] or 0) - (sides[1] or 0)
    else:
        known = _true_count(truth, year, component, flow)
    return "" if known is None else words.number(known)


def _true_count(truth: Truth, year: int, component: str, direction: str) -> int | None:
    if component == TOTAL:
        return truth.flows.get((year, direction))
    return truth.parts.get((year, direction, component))


def _short_term(store: Store, truth: Truth | None) -> Grid | None:
    """Return short-term migration of the last whole year; None before its stays have ended."""
    frame = store.read(SURVEY_FLOWS).filter(
        nw.col("by") == ALL, nw.col("definition") != "long_term", nw.col("months") == _MONTHS
    )
    rows = store.collect(frame).to_pylist()
    if not rows:
        return None
    year = max(row["year"] for row in rows)
    cells = {(r["definition"], r["flow"]): r for r in rows if r["year"] == year}
    lines = []
    for name, label in SHORT_TERM.items():
        line = [label]
        for flow in ("immigration", "emigration"):
            line.append(_figure(cells[name, flow]) if (name, flow) in cells else "")
            if truth:
                known = truth.short.get((year, flow, name))
                line.append("" if known is None else words.number(known))
        lines.append(tuple(line))
    heads = ("in", "truth", "out", "truth") if truth else ("in", "out")
    return Grid(f"Short-term migration, {year} (± 95 %)", ("", *heads), tuple(lines))


def _over_years(store: Store, head: Headline, truth: Truth | None) -> list[str]:
    """Return the mean of all years beside the truth's, and where it is off by more than its error.

    Notes:
        Of the sum of components, whose draws are stored. Off: the truth's mean lies more than
        1.96 standard errors of the mean from it.
    """
    from ravenstein.core.cells import estimate_from_rows

    frame = store.read(MIGRATION_COMPONENTS).filter(nw.col("by") == ALL)
    kept = ["component", "nation", "direction", "year", "point", "draws"]
    sums = estimate_from_rows(store.collect(frame.select(*kept)), "persons")
    whole = flows_of(sums.sum("component", "nation"))
    years = whole.labels("year")
    mean = whole.sum("year")
    error = mean.draws.values.std(axis=-1, ddof=1) / len(years)
    said, off = [], 0.0
    for place, flow in enumerate(mean.labels("flow")):
        point = float(mean.point.values[place]) / len(years)
        row = {"persons": point, "standard_error": float(error[place])}
        known = _true_mean(truth, years, flow)
        aside = "" if known is None else f" (truth {words.number(words.rounded(known))})"
        said.append(f"{FLOW_NAMES[flow].lower()} {_figure(row)}{aside}")
        if flow == "immigration" and known and abs(point - known) > Z * row["standard_error"]:
            off = point / known - 1
    of = " of the components" if head.series == "combined" else ""
    found = []
    if truth:
        found.append("Asylum seekers whom the survey met are in its row; the truth has them in "
                     "asylum's.")  # fmt: skip
    found.append(f"Mean{of} of {years[0]} to {years[-1]}: {'; '.join(said)}.")
    if off:
        found.append(
            f"Over all years immigration is {abs(off):.1%} {'above' if off > 0 else 'below'} the "
            "truth, more than its error. Routes and hours that the survey does not "
            "sample are weighted up by passengers, as if as many of these were migrants as on "
            "sampled routes; in this twin their share is another: docs/explanation/"
            "total-migration.md."
        )
    return found


def _true_mean(truth: Truth | None, years: Sequence[int], flow: str) -> float | None:
    """Return the truth's mean over years; None where it does not have them all."""
    signs = {"net": {"immigration": 1, "emigration": -1}}.get(flow, {flow: 1})
    if truth is None or any((y, d) not in truth.flows for y in years for d in signs):
        return None
    return sum(s * truth.flows[y, d] for y in years for d, s in signs.items()) / len(years)
