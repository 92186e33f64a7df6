"""What the page of total migration shows: the headline, components, groups, sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ravenstein.release import words
from ravenstein.release.charts.migration import trend_chart, waterfall_chart
from ravenstein.release.headline import FLOW_NAMES, Headline, Row
from ravenstein.tables.border import SEX
from ravenstein.tables.migration import COMPONENTS
from ravenstein.tables.passenger_survey import CITIZENSHIPS, COUNTRIES, OCCUPATIONS, REASONS
from ravenstein.tables.survey_results import SHORT_TERM_DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GROUPS = {
    "reason": ("main reason", "Main reason", REASONS.labels),
    "citizenship": ("citizenship", "Citizenship", CITIZENSHIPS.labels),
    "country": ("country of last or next residence", "Country", COUNTRIES.labels),
    "occupation": ("usual occupation before", "Occupation", OCCUPATIONS.labels),
    "age_sex": ("age and sex", "Age and sex", {}),
}
"""Breakdowns of every nation: their words, the head of their column, names of categories."""

SHORT_NAMES = {
    "survey": "Survey, as stated",
    "ireland": "Irish Republic",
    "asylum": "Asylum",
    "visitor_switchers": "Visitor switchers",
    "migrant_switchers": "Migrant switchers",
    "total": "Total",
}
SHORT_TERM = {
    code: label.removeprefix("Stays or absences of ").removesuffix(" for any reason")
    for code, label in SHORT_TERM_DEFINITIONS.labels.items()
}
_SOURCES = {
    "components": "Sum of components",
    "border": "Border",
    "insurance": "Insurance numbers",
    "combined": "Combined",
}
_QUARTERS = 8
_TOTAL, _ALL = "total", "all"


@dataclass(frozen=True)
class Migration:
    """What the pages show of total migration.

    Args:
        headline: The headline.
        flows: Rows of `migration_flows` as they are published.
        changes: Rows of `migration_changes`.
        trend: Rows of `migration_trend`.
        sources: Rows of `migration_sources`.
        rolling: Rows of `migration_rolling` of the total.
        areas: Rows of `short_term_areas` of the last year.
        coherence: Rows of `migration_coherence`.
    """

    headline: Headline
    flows: tuple[Row, ...]
    changes: tuple[Row, ...] = ()
    trend: tuple[Row, ...] = ()
    sources: tuple[Row, ...] = ()
    rolling: tuple[Row, ...] = ()
    areas: tuple[Row, ...] = ()
    coherence: tuple[Row, ...] = ()


def total_view(given: Migration, areas: Mapping[str, str], nations: Mapping[str, str]) -> Row:
    """Return what the page on total migration shows: sentences, charts, tables.

    Args:
        given: Total migration.
        areas: Names of areas by code.
        nations: Names of nations by letter.
    """
    head = given.headline
    lead, *said = head.sentences
    whole = [r for r in given.flows if r["by"] == _ALL and r["nation"] == _ALL]
    year = max(row["year"] for row in whole)
    parts = in_order(whole)
    nation_groups = _nations(given.flows, year, nations)
    return {
        "head": head,
        "year": year,
        "lead": lead,
        "said": said,
        "tiles": FLOW_NAMES,
        "years": [
            (f"{year} (provisional)" if year in head.provisional else year, flows)
            for year, flows in sorted(head.years.items(), reverse=True)
        ],
        "trend": by_flow(given.trend, "year"),
        "weight": _weight(given),
        "charts": _series_charts(given),
        "waterfalls": _waterfalls(whole, parts, year),
        "missing": [label for code, label in COMPONENTS.labels.items() if code not in parts],
        "below": sum(r["persons"] < 0 for r in given.flows
                     if r["by"] != _ALL and r["year"] == year and r["flow"] != "net"),
        "short_names": {part: shown(part) for part in parts},
        "parts": [(COMPONENTS.labels.get(p, shown(p)), p) for p in parts],
        "components": _by_year_and_part(whole),
        "nations": nation_groups,
        "nation_rows": [(nation["name"], nation["flows"]) for nation in nation_groups],
        "groups": _groups(given.flows, year, _ALL),
        "places": _places(given.flows, year, areas),
        "changes": by_flow(given.changes, "period"),
        "sources": _sources(given.sources),
        "biased": _biased(given.sources),
        "short": _short(given.areas, areas),
        "coherence": sorted(given.coherence, key=lambda r: r["year"], reverse=True),
        "rolling": [
            (f"{ending:%-d %B %Y}", flows)
            for ending, flows in list(by_flow(given.rolling, "ending").items())[:_QUARTERS]
        ],
        "late": head.provisional,
    }  # fmt: skip


def in_order(rows: Sequence[Row]) -> list[str]:
    """Return the components in their order, one's own after them, and the total."""
    found = {row["component"] for row in rows} - {_TOTAL}
    known = [name for name in COMPONENTS.labels if name in found]
    return [*known, *sorted(found - set(known)), _TOTAL]


def shown(component: str) -> str:
    """Return a component's short name; a user's own one by its code.

    >>> shown("ireland"), shown("my_own")
    ('Irish Republic', 'My own')
    """
    return SHORT_NAMES.get(component, component.replace("_", " ").capitalize())


def by_flow(rows: Iterable[Row], name: str) -> dict[Any, dict[str, Row]]:
    """Return rows by a column and flow, the latest first."""
    found: dict[Any, dict[str, Row]] = {}
    for row in sorted(rows, key=lambda r: r[name], reverse=True):
        found.setdefault(row[name], {})[row["flow"]] = row
    return found


def _weight(given: Migration) -> str:
    """Return how much weight the last year alone can bear."""
    head, net = given.headline, [row for row in given.changes if row["flow"] == "net"]
    if not net:
        return ""
    trend = [r for r in given.trend if r["flow"] == "net" and r["year"] == head.year]
    count = sum(bool(row["significant"]) for row in net)
    of = " in the sum of components" if head.series == "combined" else ""
    return words.years_sentence(head.year, trend[0] if trend else None, (count, len(net)), of)


def _series_charts(given: Migration) -> list[tuple[str, str, str]]:
    """Return a name, title and chart of each flow on one scale; none of a single year."""
    years = given.headline.years
    if len(years) < 2:
        return []
    rows = [row for flows in years.values() for row in flows.values()]
    reach = min([0.0, *(r["lower"] for r in rows)]), max([0.0, *(r["upper"] for r in rows)])
    names = ("year", "persons", "lower", "upper", "provisional")
    found = []
    head = given.headline
    for flow, name in FLOW_NAMES.items():
        last, change = head.last[flow]["persons"], head.changes.get(flow)
        title = words.flow_title(name, str(head.year), last, change)
        values = [{n: flows[flow][n] for n in names} for flows in years.values()]
        trend = [{n: r[n] for n in ("year", "persons")} for r in given.trend if r["flow"] == flow]
        found.append((name, title, trend_chart(values, trend, reach)))
    return found


def _waterfalls(rows: Sequence[Row], parts: Sequence[str], year: int) -> list[tuple[str, str, str]]:
    """Return how the components of the last year add up: name, title, chart of each flow."""
    found = []
    for flow in ("immigration", "emigration"):
        by = {r["component"]: r["persons"] for r in rows if (r["year"], r["flow"]) == (year, flow)}
        values: list[Row] = []
        reached = 0.0
        for part in parts:
            start = 0.0 if part == _TOTAL else reached
            value = by[part]
            level = part == _TOTAL or not values
            size = words.rounded(value)
            values.append(
                {
                    "part": shown(part), "start": start, "end": start + value,
                    "kind": "level" if level else "plus" if value >= 0 else "minus",
                    "text": words.number(size) if level else words.signed(size),
                }
            )  # fmt: skip
            reached = start + value
        first = shown(parts[0]), by[parts[0]]
        title = words.parts_title(FLOW_NAMES[flow], year, first, by[_TOTAL])
        found.append((FLOW_NAMES[flow], title, waterfall_chart(values)))
    return found


def _by_year_and_part(rows: Sequence[Row]) -> Row:
    """Return figures by flow, year (the latest first) and component."""
    found: Row = {flow: {} for flow in FLOW_NAMES}
    for row in sorted(rows, key=lambda r: r["year"], reverse=True):
        found[row["flow"]].setdefault(row["year"], {})[row["component"]] = row
    return found


def _nations(rows: Sequence[Row], year: int, names: Mapping[str, str]) -> list[Row]:
    """Return each nation's total and groups in the last year; none where there is only one."""
    own = [r for r in rows if (r["year"], r["by"], r["component"]) == (year, _ALL, _TOTAL)]
    letters = sorted({r["nation"] for r in own} - {_ALL}, key=lambda n: (n == "not_stated", n))
    if len(letters) < 2:
        return []
    known = {"EW": "England and Wales", "not_stated": "Not stated"} | dict(names)
    return [
        {
            "name": known.get(letter, letter),
            "flows": {r["flow"]: r for r in own if r["nation"] == letter},
            "groups": _groups(rows, year, letter),
        }
        for letter in letters
    ]


def _groups(rows: Sequence[Row], year: int, nation: str) -> list[Row]:
    """Return the groups of each breakdown in the last year."""
    found = []
    chosen = [r for r in rows if (r["year"], r["nation"], r["component"]) == (year, nation, _TOTAL)]
    for by, (title, head, _) in GROUPS.items():
        cells: dict[str, dict[str, Row]] = {}
        for row in chosen:
            if row["by"] == by:
                cells.setdefault(row["category"], {})[row["flow"]] = row
        if cells:
            named = [(name, cells[code]) for code, name in group_labels(by, cells).items()]
            found.append({"title": title, "head": head, "rows": named})
    return found


def group_labels(by: str, categories: Iterable[str]) -> dict[str, str]:
    """Return the names of a breakdown's categories by code, in their order.

    >>> group_labels("age_sex", ["16-24/M", "16-24/F"])
    {'16-24/F': '16–24, female', '16-24/M': '16–24, male'}
    """
    labels, found = GROUPS[by][2], set(categories)
    order = [c for c in labels if c in found] + sorted(found - set(labels))
    return {code: labels.get(code) or _named(code) for code in order}


def _named(category: str) -> str:
    """Return the name of a category without a code list: an age group and sex, or not stated."""
    age, _, sex = category.partition("/")
    if not sex:
        return "Not stated" if age == "not_stated" else age
    age = "Age not stated" if age == "not_stated" else age.replace("-", "–")
    return f"{age}, {SEX.labels.get(sex, 'sex not stated').lower()}"


def _places(
    rows: Sequence[Row], year: int, names: Mapping[str, str]
) -> list[tuple[str, dict[str, Row]]]:
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        if (row["year"], row["by"], row["component"]) == (year, "area", _TOTAL):
            cells.setdefault(row["category"], {})[row["flow"]] = row
    order = sorted(cells, key=lambda code: (code == "not_stated", code))
    return [(names.get(code, _named(code)), cells[code]) for code in order]


def _sources(rows: Sequence[Row]) -> list[Row]:
    """Return the sources of each flow by year, the latest first."""
    found: list[Row] = []
    for flow in ("immigration", "emigration"):
        years: dict[int, dict[str, Row]] = {}
        for row in rows:
            if row["flow"] == flow:
                years.setdefault(row["year"], {})[row["source"]] = row
        own = {row["source"] for row in rows if row["flow"] == flow}
        order = sorted(own, key=lambda name: (name not in ("combined", "components"), name))
        names = {name: _source(name) for name in order}
        if years:
            ordered = sorted(years.items(), reverse=True)
            found.append({"flow": FLOW_NAMES[flow], "names": names, "years": ordered})
    return found


def _source(name: str) -> str:
    return _SOURCES.get(name, shown(name))


def _biased(rows: Sequence[Row]) -> list[str]:
    """Say the implied bias of each source in its last year, where its interval leaves out 1."""
    last: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["bias"] is not None:
            last[row["source"], row["flow"]] = row  # rows are in order of year
    return [
        f"{_source(source)}: {flow} of {row['year']} is {row['bias']:.2f} times the flow "
        f"({row['bias_lower']:.2f} to {row['bias_upper']:.2f})."
        for (source, flow), row in sorted(last.items())
        if not row["bias_lower"] <= 1 <= row["bias_upper"]
    ]


def _short(rows: Sequence[Row], names: Mapping[str, str]) -> Row | None:
    """Return short-term immigration by area of the last year, by definition."""
    if not rows:
        return None
    year = max(row["year"] for row in rows)
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["year"] == year:
            cells.setdefault(row["area"], {})[row["definition"]] = row
    order = sorted(cells, key=lambda code: (code == "not_stated", code))
    return {
        "year": year,
        "definitions": SHORT_TERM,
        "rows": [(names.get(code, _named(code)), cells[code]) for code in order],
        "left": sum(row["persons"] is None for by in cells.values() for row in by.values()),
    }
