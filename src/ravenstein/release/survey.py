"""What the pages of the passenger survey show: migrants, and the quality of the weighting."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from ravenstein.release import words
from ravenstein.release.charts.migration import flow_chart
from ravenstein.release.charts.survey import cells_chart, frontier_chart, weights_chart
from ravenstein.release.headline import FLOW_NAMES, Row
from ravenstein.tables.border import SEX
from ravenstein.tables.passenger_survey import CITIZENSHIPS, COUNTRIES, REASONS
from ravenstein.tables.survey_results import RULES, SHORT_TERM_DEFINITIONS, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FEW = 30
_NOT_STATED = "not_stated"
_SIZES = ((1, 4), (5, 9), (10, 29), (30, None))


@dataclass(frozen=True)
class Survey:
    """What the pages show of the passenger survey.

    Args:
        flows: Rows of `survey_flows`.
        stages: Rows of `survey_stages` of the last year.
        notes: Rows of `survey_notes` of the last year.
        extremes: Rows of `survey_extremes` of the last year.
        rules: Rows of `survey_rules` of the last year.
        replicates: Number of bootstrap replicates.
        allocation: Rows of `survey_allocation`; none without a sample design.
        frontier: Rows of `survey_frontier`.
    """

    flows: tuple[Row, ...]
    stages: tuple[Row, ...]
    notes: tuple[Row, ...]
    extremes: tuple[Row, ...]
    rules: tuple[Row, ...]
    replicates: int
    allocation: tuple[Row, ...] = ()
    frontier: tuple[Row, ...] = ()


def survey_view(survey: Survey, areas: Mapping[str, str]) -> Row:
    """Return what the page on migrants shows: sentences, charts, tables.

    Args:
        survey: The survey.
        areas: Names of areas by code.
    """
    rows = [row | {"shown": FLOW_NAMES[row["flow"]]} for row in survey.flows]
    long = [row for row in rows if row["definition"] == "long_term"]
    whole = [row for row in long if row["by"] == "all"]
    last = max(row["year"] for row in whole)
    years = {
        year: {row["flow"]: row for row in whole if row["year"] == year}
        for year in sorted({row["year"] for row in whole}, reverse=True)
    }
    now = [row for row in long if row["year"] == last]
    found = {row["category"] for row in now if row["by"] == "area"}
    ages = sorted({row["category"] for row in now if row["by"] == "age_group"} - {_NOT_STATED})
    named = {
        "reason": REASONS.labels,
        "citizenship": CITIZENSHIPS.labels,
        "country": COUNTRIES.labels,
        "age_group": {age: age.replace("-", "–") for age in ages} | {_NOT_STATED: "Not stated"},
        "sex": SEX.labels,
        "area": {code: areas.get(code, code) for code in sorted(found - {_NOT_STATED})}
        | {_NOT_STATED: "Not stated"},
    }
    return {
        "last": words.words_of_year(last, years[last]["net"]["months"]),
        "lead": words.migration_sentence(years[last]),
        "years": [
            (words.words_of_year(year, found["net"]["months"]), found)
            for year, found in years.items()
        ],
        "alone": sum(int(row["note"].split()[0]) for row in survey.notes if "alone" in row["note"]),
        "charts": _flow_charts(whole),
        "groups": {by: _by_flow(now, by, labels) for by, labels in named.items()},
        "short": _short_term(rows),
        "replicates": survey.replicates,
    }


def _flow_charts(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Return name, title, chart of each flow over whole years: some months look like a fall."""
    whole = [row for row in rows if row["months"] == 12 and row["lower"] is not None]
    reach = min([0.0, *(r["lower"] for r in whole)]), max([0.0, *(r["upper"] for r in whole)])
    series = {
        shown: [
            {name: row[name] for name in ("year", "persons", "lower", "upper")}
            for row in whole
            if row["shown"] == shown
        ]
        for shown in FLOW_NAMES.values()
    }
    return [
        (
            shown,
            words.flow_title(shown, str(values[-1]["year"]), values[-1]["persons"]),
            flow_chart(values, reach),
        )
        for shown, values in series.items()
        if len(values) > 1
    ]


def _by_flow(rows: Sequence[Row], by: str, labels: Mapping[str, str]) -> list[tuple[str, Row]]:
    found = [
        (
            shown,
            {r["flow"]: r for r in rows if r["by"] == by and r["category"] == code},
        )
        for code, shown in labels.items()
    ]
    return [(shown, flows) for shown, flows in found if flows]


def _short_term(rows: Sequence[Row]) -> Row:
    """Return short-term migrants by definition, in the last year and in all of them."""
    chosen = [r for r in rows if r["definition"] != "long_term" and r["by"] == "all"]
    years = sorted({row["year"] for row in chosen}, reverse=True)
    found = {
        shown: [
            (year, {r["flow"]: r for r in chosen if r["definition"] == name and r["year"] == year})
            for year in years
        ]
        for name, shown in SHORT_TERM_DEFINITIONS.labels.items()
    }
    last = [(shown, by_year[0][1]) for shown, by_year in found.items() if by_year and by_year[0][1]]
    return {"year": years[0] if years else None, "last": last, "all": list(found.items())}


def quality_view(survey: Survey) -> Row:
    """Return what the page on the weighting shows: sentence, charts, tables."""
    stages = [
        _summary(name, shown, [row for row in survey.stages if row["stage"] == name])
        | {"joined": sum(_joined(row) for row in survey.notes if row["stage"] == name)}
        for name, shown in STAGES.labels.items()
        if any(row["stage"] == name for row in survey.stages)
    ]
    year = max(row["month"].year for row in survey.stages)
    every = [row for row in survey.extremes if row["among"] == "all"]
    adjusting = [row for row in survey.stages if row["stage"] not in ("shift", "trim")]
    return {
        "year": year,
        "lead": words.weighting_sentence(
            year,
            (stages[-1]["cases"], stages[-1]["weights"]),
            (sum(row["cases"] < FEW for row in adjusting), len(adjusting)),
            (every[0]["final"], every[0]["times_median"]),
        ),
        "stages": stages,
        "weights_chart": weights_chart([s["spread"] for s in stages]),
        "cells_chart": cells_chart([row for s in stages for row in s["sizes"]]),
        "extremes": [
            (title, [row for row in survey.extremes if row["among"] == among])
            for among, title in (("migrants", "Among migrants"), ("all", "Among all interviews"))
        ],
        "joined": _grouped(row for row in survey.notes if _joined(row)),
        "notes": _grouped(row for row in survey.notes if not _joined(row)),
        "rules": [
            (RULES.labels[rule], {row["flow"]: row for row in rows})
            for rule, rows in groupby(survey.rules, key=lambda row: row["rule"])
        ],
        "shown": STAGES.labels,
    }


def design_view(survey: Survey) -> Row:
    """Return what the page on the next sample design shows: sentence, chart, tables."""
    present = next(row for row in survey.frontier if row["design"] == "present")
    designs = [row for row in survey.frontier if row["design"] == "frontier"]
    best = next(row for row in survey.frontier if row["design"] == "proposed")
    enough = next((d for d in designs if d["net"] <= present["net"]), None)
    routes: dict[tuple[int, int], Row] = {}
    names = ("possible", "present", "ordinary", "migration")
    for row in survey.allocation:
        route = routes.setdefault(
            (row["portroute"], row["arrivedepart"]),
            {"portroute": row["portroute"], "direction": row["arrivedepart"], "migrants": 0.0}
            | dict.fromkeys(names, 0),
        )
        route["migrants"] += row["migrants"] * row["possible"]
        for name in names:
            route[name] += row[name]
    rows = list(routes.values())
    totals = {name: sum(row[name] for row in rows) for name in ("migrants", *names)}
    points = [{"cost": d["cost"], "net": d["net"]} for d in designs]
    here = {"cost": present["cost"], "net": present["net"]}
    return {
        "lead": words.design_sentence(
            (present["net"], best["net"]),
            (best["cost"] / present["cost"], enough["cost"] / present["cost"] if enough else None),
        ),
        "chart": frontier_chart(points, [here]),
        "designs": [("Present", present), ("Proposed", best)]
        + ([("Least cost for the present error", enough)] if enough else []),
        "routes": rows,
        "new": any(not row["present"] for row in rows),
        "total": totals,
    }


def _summary(name: str, shown: str, rows: Sequence[Row]) -> Row:
    """Return what a stage did in all months: counts, extremes, and its cells."""
    means = sorted(row["mean"] for row in rows)
    low, high = min(row["smallest"] for row in rows), max(row["largest"] for row in rows)
    inner = means[len(means) // 10], means[len(means) - 1 - len(means) // 10]
    cells = {
        cell: list(found)
        for cell, found in groupby(sorted(rows, key=lambda r: r["cell"]), key=lambda r: r["cell"])
    }
    return {
        "name": name,
        "shown": shown,
        "months": len(rows),
        "cases": sum(row["cases"] for row in rows),
        "few": sum(row["cases"] < FEW for row in rows),
        "weights": sum(row["weights"] for row in rows),
        "smallest": low,
        "mean": sum(row["mean"] * row["cases"] for row in rows) / sum(row["cases"] for row in rows),
        "largest": high,
        "spread": {"stage": shown, "low": low, "from": inner[0], "middle": median(means),
                   "to": inner[1], "high": high},
        "sizes": [
            {"stage": shown, "order": order,
             "size": f"{least} to {most}" if most else f"{least} and more",
             "cells": sum(least <= r["cases"] <= (most or r["cases"]) for r in rows) / len(rows)}
            for order, (least, most) in enumerate(_SIZES)
        ],
        "cells": [
            {
                "cell": cell,
                "months": len(found),
                "cases": sum(row["cases"] for row in found),
                "weights": sum(row["weights"] for row in found),
                "smallest": min(row["smallest"] for row in found),
                "mean": sum(row["mean"] for row in found) / len(found),
                "largest": max(row["largest"] for row in found),
            }
            for cell, found in cells.items()
        ],
    }  # fmt: skip


def _grouped(notes: Iterable[Row]) -> list[Row]:
    """Return notes that are alike but for their numbers once, as in the last of their months."""
    found: dict[tuple[str, str], Row] = {}
    for row in notes:
        changing = r" in \d+ of \d+ replicates" if _joined(row) else r"[\d,]+"
        key = row["stage"], re.sub(changing, "", row["note"])
        months = found[key]["months"] + 1 if key in found else 1
        found[key] = {"stage": row["stage"], "note": row["note"], "months": months}
    order = list(STAGES.labels)
    rows = sorted(found.values(), key=lambda r: (order.index(r["stage"]), -r["months"], r["note"]))
    return [row | {"stage": STAGES.labels[row["stage"]]} for row in rows]


def _joined(note: Row) -> bool:
    return " joined" in note["note"] or "without a neighbour" in note["note"]
