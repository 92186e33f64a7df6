"""The reference volume: the long series of a release as tables, all years together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ravenstein.release import words
from ravenstein.release.headline import FLOW_NAMES
from ravenstein.release.migration import GROUPS, group_labels, in_order, shown
from ravenstein.tables.migration import ALL
from ravenstein.tables.survey_results import SHORT_TERM_DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ravenstein.release.areas import Area
    from ravenstein.release.migration import Migration
    from ravenstein.release.site import Release
    from ravenstein.release.survey import Survey

    Row = dict[str, Any]

_TOTAL = "total"
_FLOWS = {
    "births": "Births",
    "deaths": "Deaths",
    "internal_net": "Internal net",
    "international_in": "International in",
    "international_out": "International out",
    "international_net": "International net",
    "other_change": "Other changes",
    "residual": "Unexplained",
    "closing": "Population",
}


def volume_view(release: Release) -> list[Row]:
    """Return the sections: `id`, `title`, `method`, `trail`, `tables` (caption, heads, rows)."""
    found = []
    if release.migration:
        found.append(_migration(release.migration, release))
    if release.survey:
        found.append(_short_term(release.survey))
    if release.areas:
        found.append(_population(release))
    return [section for section in found if section["tables"]]


def _migration(given: Migration, release: Release) -> Row:
    """Return flows by component, nation and group over all years."""
    whole = [r for r in given.flows if r["by"] == ALL]
    state = [r for r in whole if r["nation"] == ALL]
    totals = [r for r in given.flows if r["component"] == _TOTAL]
    nations = {nation.code[0]: nation.name for nation in release.nations}
    parts = {part: shown(part) for part in in_order(state)}
    tables = []
    if given.headline.series == "combined":
        rows = [{**row, "flow": flow, "year": year} for year, flows in given.headline.years.items()
                for flow, row in flows.items()]  # fmt: skip
        title = "The headline: the series combined of all sources"
        tables.append(_by_year(title, rows, "flow", FLOW_NAMES))
    for flow, name in FLOW_NAMES.items():
        own = [r for r in state if r["flow"] == flow]
        tables.append(_by_year(f"{name} by component", own, "component", parts))
    if len(nations) > 1:
        labels = nations | {"EW": "England and Wales", "not_stated": "Not stated"}
        for flow, name in FLOW_NAMES.items():
            own = [r for r in totals if r["flow"] == flow and r["by"] == ALL]
            tables.append(_by_year(f"{name} by nation", own, "nation", labels))
    for by in GROUPS:
        own = [r for r in totals if r["by"] == by and r["nation"] == ALL]
        labels = group_labels(by, {r["category"] for r in own})
        for flow, name in FLOW_NAMES.items():
            chosen = [r for r in own if r["flow"] == flow]
            title = f"{name} by {GROUPS[by][0]}"
            tables.append(_by_year(title, chosen, "category", labels, absent="withheld"))
    return {
        "id": "long-term",
        "title": "Long-term migration",
        "method": "total-migration",
        "trail": "migration_flows",
        "tables": [table for table in tables if table["rows"]],
    }


def _by_year(
    caption: str,
    rows: Iterable[Row],
    column: str,
    labels: Mapping[str, str],
    *,
    absent: str = "none",
) -> Row:
    """Return figures ± half the interval, a row a year, the latest first."""
    by: dict[int, Row] = {}
    for row in rows:
        by.setdefault(row["year"], {})[row[column]] = row
    found = {row[column] for cells in by.values() for row in cells.values()}
    order = [code for code in labels if code in found]
    return {
        "caption": caption,
        "heads": ["Year", *(labels[code] for code in order)],
        "rows": [
            [_year(year, cells.values()), *(_with_error(cells.get(code), absent) for code in order)]
            for year, cells in sorted(by.items(), reverse=True)
        ],
    }


def _year(year: int, rows: Iterable[Row]) -> str:
    return f"{year}{' (p)' if any(row['provisional'] for row in rows) else ''}"


def _with_error(row: Row | None, absent: str) -> str:
    if row is None or row["persons"] is None:
        return absent if row is None else "withheld"
    value = words.number(words.rounded(row["persons"]))
    if row["lower"] is None:
        return value
    return f"{value} ± {words.number(words.rounded((row['upper'] - row['lower']) / 2))}"


def _short_term(survey: Survey) -> Row:
    """Return short-term migration by definition over all years."""
    tables = []
    for code, label in SHORT_TERM_DEFINITIONS.labels.items():
        rows = [
            {**r, "provisional": False}
            for r in survey.flows
            if r["definition"] == code and r["by"] == ALL
        ]
        tables.append(_by_year(label, rows, "flow", FLOW_NAMES))
    return {
        "id": "short-term",
        "title": "Short-term migration",
        "method": "passenger-survey",
        "trail": "survey_flows",
        "tables": [table for table in tables if table["rows"]],
    }


def _population(release: Release) -> Row:
    """Return population and components of the state and nations, and populations of all areas."""
    wide = [*release.states, *release.nations]
    tables = [_account(area) for area in wide]
    years = range(wide[0].first, wide[0].latest["year"] + 1)
    tables.append(
        {
            "caption": "Population of local authorities at mid-year",
            "heads": ["Area", *map(str, years)],
            "rows": [
                [area.name, *_stocks(area, years)]
                for area in release.areas
                if area.level == "local_authority"
            ],
        }
    )
    return {
        "id": "population",
        "title": "Population and components of change",
        "method": "population-account",
        "trail": "population_account",
        "tables": tables,
    }


def _stocks(area: Area, years: Sequence[int]) -> list[str]:
    found = {row["year"]: row["population"] for row in area.stocks}
    return [words.number(found.get(year)) for year in years]


def _account(area: Area) -> Row:
    form: Callable[[str], Callable[[int | None], str]] = lambda name: (  # noqa: E731
        words.signed if name.endswith(("net", "change", "residual")) else words.number
    )
    return {
        "caption": f"{area.name}: population and components of change",
        "heads": ["Year to mid-", *_FLOWS.values()],
        "rows": [
            [str(row["year"]), *(form(name)(row[name]) for name in _FLOWS)]
            for row in reversed(area.account)
        ],
    }
