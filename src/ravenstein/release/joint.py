"""What the page of other producers' statistics shows: sentences and tables by topic."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from ravenstein.release import words
from ravenstein.tables.joint import ALL, CATEGORIES, MEASURES, RELATIONS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = dict[str, Any]

_RECENT = 10
_APRIL = "moves"  # counted in years to mid-April


def joint_view(
    rows: Sequence[Row], notes: Mapping[tuple[str, str], Sequence[str]] | None = None
) -> Row | None:
    """Return what the page shows, topic by topic; None without figures or notes.

    Args:
        rows: Rows of `joint_statistics`.
        notes: What a reader must know, by topic and measure.
    """
    order, names = list(TOPICS.labels), list(MEASURES.labels)
    ordered = sorted(rows, key=lambda r: (order.index(r["topic"]), names.index(r["measure"])))
    topics = []
    for topic, own in groupby(ordered, key=lambda r: r["topic"]):
        measured = [
            _measure(list(group), (notes or {}).get((topic, name), ()))
            for name, group in groupby(own, key=lambda r: r["measure"])
        ]
        topics.append(
            {
                "id": topic,
                "title": TOPICS.labels[topic],
                "sentence": " ".join(measured[0]["sentences"]),
                "relation": RELATIONS[topic],
                "measures": measured,
            }
        )
    held = {(row["topic"], row["measure"]) for row in rows}
    empty = [(MEASURES.labels[of[1]], said) for of, said in (notes or {}).items() if of not in held]
    return {"topics": topics, "empty": empty} if topics or empty else None


def _measure(rows: Sequence[Row], notes: Sequence[str]) -> Row:
    """Return a measure's sentence, its table with the latest year first, and what to know."""
    name = rows[0]["measure"]
    labels = {ALL: "All"} | dict(CATEGORIES[name].labels if name in CATEGORIES else {})
    found = {row["category"] for row in rows}
    heads = {code: label for code, label in labels.items() if code in found}
    cells = {(row["year"], row["category"]): row["persons"] for row in rows}
    years = sorted({row["year"] for row in rows}, reverse=True)
    lines = [(year, [cells.get((year, code)) for code in heads]) for year in years]
    told = [ALL] if ALL in heads else list(heads)
    return {
        "title": MEASURES.labels[name],
        "sentences": [
            change_sentence(
                MEASURES.labels[name] if code == ALL else f"{MEASURES.labels[name]}: {heads[code]}",
                [(year, cells[year, code]) for year in years if (year, code) in cells],
                "years to mid-April" if name == _APRIL else "",
            )
            for code in told
        ],
        "producer": rows[0]["producer"],
        "status": rows[0]["status"],
        "heads": list(heads.values()),
        "recent": lines[:_RECENT],
        "earlier": lines[_RECENT:],
        "year": "Year to mid-April" if name == _APRIL else "Year",
        "notes": list(notes),
    }


def change_sentence(what: str, years: Sequence[tuple[int, int]], kind: str = "") -> str:
    """Say how many there were in the last year, and how that compares with the year before.

    Args:
        what: What is counted.
        years: Years and counts [persons], the latest first.
        kind: Which years, where they are not calendar years.

    >>> change_sentence("Visas", [(2014, 1100), (2013, 1000)])
    'Visas: 1,100 in 2014, 100 more than in 2013 (+10.0%).'
    >>> change_sentence("Visas", [(2014, 3)], "years to mid-April")
    'Visas: 3 in 2014 (years to mid-April).'
    """
    year, count = years[0]
    said = f"{what}: {words.number(count)} in {year}"
    before = dict(years).get(year - 1)
    if before is not None:
        size = abs(count - before)
        side = "more" if count > before else "fewer"
        said += f", {words.number(size)} {side} than" if size else ", as many as"
        said += f" in {year - 1}"
        said += f" ({words.per_cent(count - before, before)})" if size and before else ""
    return f"{said} ({kind})." if kind else f"{said}."
