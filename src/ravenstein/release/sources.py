"""What the pages on sources and on recovery show: coverage, and estimates beside a truth."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ravenstein.release import words
from ravenstein.release.headline import FLOW_NAMES
from ravenstein.release.migration import in_order, shown
from ravenstein.tables.dictionary import TABLES
from ravenstein.tables.joint import JOINT_STATISTICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    Row = dict[str, Any]

_KINDS = {
    "myeb3": "Components of population change of local authorities, summary (MYEB3)",
    "myeb2": "Components of population change by sex and single year of age (MYEB2)",
    "home_office_applications": "Applications for asylum, as the Home Office publishes them",
    "home_office_returns": "Returns, as the Home Office publishes them",
    "nomis_ages": "Population by sex and age",
    "code_changes": "Changes of area codes",
    "outlines": "Outlines of areas",
}
_SHARES = {
    "response": "of sampled passengers answered",
    "unsampled": "of passengers were on routes or at hours that it does not sample",
    "border": "of the passengers whom ports count were held",
    "gaps": "of its crossings follow one of the same person in the same direction: one between is "
    "missing, or the identity is another's",
}
_MEASURED = {
    "survey_contacts": ("response",),
    "survey_unsampled": ("unsampled",),
    "border_movements": ("border", "gaps"),
}
"""The shares of `coverage_rows` that say what a source leaves out."""

_WHOLE = 12  # months of a year


def share(value: float | None) -> str:
    """Return a share in per cent, or nothing where it is not known.

    >>> share(0.1234), share(None)
    ('12.3%', '')
    """
    return "" if value is None else f"{100 * value:.1f}%"


def sources_view(rows: Sequence[Row], coverage: Sequence[Row] = ()) -> Row:
    """Return what the page on sources shows.

    Args:
        rows: What is known of each source, as the pipeline finds it.
        coverage: Shares seen by year, as the pipeline finds them.
    """
    return {
        "sources": [
            row
            | {
                "title": _KINDS.get(row["kind"]) or _declared(row["kind"]),
                "covers": _covers(row),
                "leaves_out": [*_measured(row["kind"], coverage), *_missing(row), *row["notes"]],
            }
            for row in rows
        ],
        "years": [_year(row) for row in reversed(coverage)],
        "has": {name for row in coverage for name in _SHARES if row[name] is not None},
        "unread": sum(row["files"] is None for row in rows),
    }


def _year(row: Row) -> Row:
    """Return a year's figures in words; those of some months only are marked."""
    told = {"passengers": words.number(row["passengers"])}
    told |= {name: share(row[name]) for name in _SHARES}
    return {"year": row["year"]} | {
        name: text + _part(row["months"][name]) if row[name] is not None else text
        for name, text in told.items()
    }


def _part(months: int) -> str:
    if months >= _WHOLE:
        return ""
    return f" ({months} month{'s' if months > 1 else ''})"


def _declared(kind: str) -> str:
    return TABLES[kind].title if kind in TABLES else kind.replace("_", " ").capitalize()


def _covers(row: Row) -> list[str]:
    """Return rows, period and places of a source in words."""
    if row["files"] is None:
        return ["not read in this run"]
    found = [f"{words.number(row['rows'])} rows"]
    if row["files"] > 1:
        found[0] += f" in {words.number(row['files'])} files"
    if row["first"] is not None:
        first, last = (_when(row[name]) for name in ("first", "last"))
        whole = "whole years " if JOINT_STATISTICS.name in row["tables"] else ""
        found.append(first if first == last else f"{whole}{first} to {last}")
    if row["places"] is not None:
        found.append(f"{words.number(row['places'])} {row['unit']}")
    return found


def _when(value: int | dt.date) -> str:
    return f"{value:%B %Y}" if isinstance(value, dt.date) else str(value)


def _measured(kind: str, coverage: Sequence[Row]) -> list[str]:
    """Say each measured share of a source in its first whole year and in its last."""
    found = []
    for name in _MEASURED.get(kind, ()):
        known = [row for row in coverage if row[name] is not None]
        # a source without any whole year: its latest part of one
        years = [row for row in known if row["months"][name] >= _WHOLE] or known[-1:]
        if not years:
            continue
        first, last = years[0], years[-1]
        when = f"{last['year']}{_part(last['months'][name])}"
        text = f"{when}: {share(last[name])} {_SHARES[name]}"
        start = f" ({first['year']}: {share(first[name])})" if first is not last else ""
        found.append(f"{text}{start}.")
    return found


def _missing(row: Row) -> list[str]:
    if row["missing"] is None:
        return []
    return [f"{words.number(row['missing']) if row['missing'] else 'No'} cells without figures."]


@cache
def measured() -> Row:
    """Return the measured recovery of each method, by page of the documentation.

    >>> measured()["total-migration"]["seeds"]
    'the test repeats 24 of them, seeds 0 to 23'
    """
    text = (resources.files("ravenstein.release") / "recovery.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def recovery_view(found: Row | None, kinds: Sequence[str]) -> Row | None:
    """Return what the page on recovery shows; None for a study whose methods were not measured.

    Args:
        found: Estimates and truth of this study, as the pipeline finds them; None without a truth.
        kinds: Kinds of the study's sources: only their methods are shown.
    """
    pages = [
        body | {"page": f"docs/explanation/{page}.md", "id": page}
        for page, body in measured().items()
        if any(kind.startswith(body["needs"]) for kind in kinds)
    ]
    own = _own(found) if found else None
    return {"own": own, "measured": pages} if pages else None


def _own(found: Row) -> Row:
    """Return this study's estimates beside the truth: years, summary, components."""
    rows = [row | _error(row) for row in found["flows"] if row["truth"] is not None]
    years: dict[int, dict[str, Row]] = {}
    for row in sorted(rows, key=lambda r: r["year"], reverse=True):
        years.setdefault(row["year"], {})[row["flow"]] = row
    parts: dict[str, dict[str, Row]] = {}
    for row in found["parts"]:
        parts.setdefault(row["component"], {})[row["flow"]] = row | _error(row)
    return {
        "years": years,
        "flows": FLOW_NAMES,
        "lead": _held_sentence(rows),
        "biases": [text for flow in FLOW_NAMES if (text := _bias_sentence(rows, flow))],
        "unsampled": _unsampled_sentence(found["unsampled"]),
        "year": found["year"],
        "parts": [(shown(name), parts[name]) for name in in_order(found["parts"])],
        "series": found["series"],
    }


def _error(row: Row) -> Row:
    """Return the error in per cent of the truth, and whether the interval holds the truth."""
    if row["truth"] is None:
        return {"error": None, "held": None}
    gap = row["persons"] - row["truth"]
    error = _per_cent(gap, row["truth"]) if row["truth"] else None
    held = row["lower"] <= row["truth"] <= row["upper"] if row["lower"] is not None else None
    return {"error": error, "held": held}


def _per_cent(part: float, whole: float) -> str:
    """Return a signed percentage with one decimal, in the size of what it is of."""
    return words.per_cent(words.rounded(1000 * part), words.rounded(1000 * abs(whole)))


def _held_sentence(rows: Sequence[Row]) -> str:
    """Say how many intervals hold the truth, against the 95 % that are promised."""
    known = [row["held"] for row in rows if row["held"] is not None]
    count = len({row["year"] for row in rows})
    if not known:
        return "The truth has none of the years that are estimated."
    years = f"{count} year{'s' if count > 1 else ''}"
    return (
        f"Of {len(known)} intervals ({len(known) // count} flows in {years}) {sum(known)} hold the "
        f"truth: {100 * sum(known) / len(known):.0f}%, where 95% are promised. One simulated "
        "country is little evidence: flows and years of one country share their errors."
    )


def _bias_sentence(rows: Sequence[Row], flow: str) -> str:
    """Say how far a flow is off on average, and in how many years its interval holds the truth."""
    own = [row for row in rows if row["flow"] == flow]
    if not own:
        return ""
    known = [row["held"] for row in own if row["held"] is not None]
    truth = sum(row["truth"] for row in own)
    total = sum(row["persons"] for row in own) - truth
    size = f"{abs(total) / len(own):,.1f}"
    of = f" ({_per_cent(total, truth)})" if truth else ""
    said = f"{size} people a year {'above' if total > 0 else 'below'} the truth{of}"
    if size == "0.0":
        said = "as the truth"
    years = f"{len(known)} year{'s' if len(known) > 1 else ''}"
    held = f"; the interval holds it in {sum(known)} of {years}" if known else ""
    return f"{FLOW_NAMES[flow]} is on average {said}{held}."


def _unsampled_sentence(unsampled: float | None) -> str:
    if not unsampled:
        return ""
    return (
        f"{share(unsampled)} of passengers are on routes or at hours that the survey does not "
        "sample. They are weighted up as if as many of them were migrants as of the others; where "
        "that is not so the estimate is off by it in every year, and no interval knows. Only "
        "sampling those routes tells."
    )
