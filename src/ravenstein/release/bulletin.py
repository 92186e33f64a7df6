"""The bulletin: the headline in plain words, the series behind it, and what else is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ravenstein.release import words
from ravenstein.release.areas import area_view, headline_figures
from ravenstein.release.charts.migration import groups_chart
from ravenstein.release.headline import FLOW_NAMES
from ravenstein.release.migration import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ravenstein.release.migration import Migration
    from ravenstein.release.site import Release

    Row = dict[str, Any]

_SERIES = ("reason", "citizenship")
_TOTAL, _ALL = "total", "all"


def bulletin_view(release: Release, total: Row | None, survey: Row | None) -> Row:
    """Return what the bulletin shows.

    Args:
        release: The release.
        total: What the page of total migration shows; None without it.
        survey: What the page of the passenger survey shows; None without it.

    Notes:
        The headline is total migration where there is one, else the population of the state, else
        the passenger survey.
    """
    by_code = {area.code: area for area in release.areas}
    states = [area_view(area, by_code) for area in release.states]
    if release.migration and total:
        lead, tiles = total["lead"], _migration_tiles(release.migration)
    elif states:
        lead = f"{states[0]['headline']} {states[0]['since']}"
        tiles = headline_figures(states[0]["area"])
    else:
        lead, tiles = survey["lead"] if survey else "", []
    return {
        "lead": lead,
        "tiles": tiles,
        "total": total,
        "series": _series(release.migration) if release.migration else [],
        "survey": survey,
        "states": states,
    }


def _migration_tiles(given: Migration) -> list[Row]:
    """Return immigration, emigration and net migration with interval, change and status."""
    head = given.headline
    found = []
    for flow, name in FLOW_NAMES.items():
        row, change = head.last[flow], head.changes.get(flow)
        value = words.rounded(row["persons"])
        found.append(
            {
                "name": f"{name}, {head.year}",
                "value": words.signed(value) if flow == "net" else words.number(value),
                "interval": f"95% interval {words.between(row['lower'], row['upper'])}",
                "change": words.short_change(change) if change else "no earlier year",
                "status": "provisional" if head.year in head.provisional else "final",
                "trail": "migration_flows" if head.series == "components" else "migration_sources",
            }
        )
    return found


def _series(given: Migration) -> list[Row]:
    """Return both flows by reason and by citizenship over time, each as a chart and tables."""
    whole = [r for r in given.flows if r["nation"] == _ALL and r["component"] == _TOTAL]
    found = []
    for by in _SERIES:
        title, _, labels = GROUPS[by]
        rows = sorted((r for r in whole if r["by"] == by), key=lambda r: r["year"])
        shown = _labelled((r for r in rows if r["flow"] != "net"), labels)
        if len({row["year"] for row in shown}) < 2:
            continue
        found.append(
            {
                "by": by,
                "title": title,
                "said": _largest(shown),
                "chart": groups_chart(shown),
                "names": list(dict.fromkeys(row["group"] for row in shown)),
                "flows": [(name, flow, _by_year(rows, flow, labels)) for flow, name in
                          FLOW_NAMES.items()],
            }
        )  # fmt: skip
    return found


def _largest(rows: Sequence[Row]) -> str:
    """Say which groups were the largest of each flow in the last year."""
    year = max(row["year"] for row in rows)
    most = []
    for flow, who in (("immigration", "immigrants"), ("emigration", "emigrants")):
        own = [row for row in rows if (row["year"], row["flow"]) == (year, flow)]
        if own:
            first = max(own, key=lambda r: r["persons"])
            most.append((who, first["group"], first["persons"]))
    return words.groups_title(year, most)


def _labelled(rows: Iterable[Row], labels: Mapping[str, str]) -> list[Row]:
    """Return rows as the chart takes them, groups in the order of their code list."""
    order = list(labels)
    kept = [row for row in rows if row["category"] in labels]
    return [
        {"group": labels[row["category"]], **{n: row[n] for n in
         ("flow", "year", "persons", "provisional")}}
        for row in sorted(kept, key=lambda r: (order.index(r["category"]), r["flow"], r["year"]))
    ]  # fmt: skip


def _by_year(rows: Iterable[Row], flow: str, labels: Mapping[str, str]) -> list[tuple[int, Row]]:
    """Return a flow's rows by year, the latest first, and group."""
    found: dict[int, Row] = {}
    for row in rows:
        if row["flow"] == flow and row["category"] in labels:
            found.setdefault(row["year"], {})[labels[row["category"]]] = row
    return sorted(found.items(), reverse=True)
