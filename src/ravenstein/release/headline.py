"""The headline of total migration: the last year's flows, their change, and their words."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import TYPE_CHECKING, Any

from ravenstein.release import words

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]
FLOW_NAMES = {
    "immigration": "Immigration",
    "emigration": "Emigration",
    "net": "Net migration",
}
_Z = 1.96


@dataclass(frozen=True)
class Headline:
    """The headline's series and what the last year's figures say.

    Args:
        series: "components" or "combined".
        years: By year and flow `persons`, `standard_error`, `lower`, `upper`, `provisional`.
        changes: By flow the change of the last year, as in `migration_changes`; none without an
            earlier year.
    """

    series: str
    years: dict[int, dict[str, Row]]
    changes: dict[str, Row]

    @property
    def year(self) -> int:
        """The last year."""
        return max(self.years)

    @property
    def last(self) -> dict[str, Row]:
        """The last year's flows."""
        return self.years[self.year]

    @property
    def provisional(self) -> list[int]:
        """The years that are provisional."""
        return [year for year, flows in self.years.items() if flows["net"]["provisional"]]

    @property
    def sentences(self) -> list[str]:
        """The headline in plain words: flows, changes, and whether they are provisional."""
        late = [self.year] if self.year in self.provisional else []
        found = [words.total_sentence(self.year, self.last)]
        found += [
            words.change_sentence(shown, self.changes[flow])
            for flow, shown in FLOW_NAMES.items()
            if flow in self.changes
        ]
        if self.changes and self.series == "combined":
            found.append(
                "Errors of neighbouring years of the combined series tend to go together: those "
                "of its changes are given rather too large than too small."
            )
        return [*found, *([words.provisional_sentence(late)] if late else [])]

    def as_dict(self) -> Row:
        """Return the headline for programs."""
        return {
            "series": self.series,
            "year": self.year,
            "provisional": self.year in self.provisional,
            "flows": {
                flow: {n: row[n] for n in ("persons", "standard_error", "lower", "upper")}
                | {"change": self.changes.get(flow)}
                for flow, row in self.last.items()
            },
        }


def headline(
    flows: Sequence[Row], changes: Sequence[Row], sources: Sequence[Row], chosen: str
) -> Headline:
    """Return the headline: of the sum of components, or of the series combined of all sources.

    Args:
        flows: Rows of `migration_flows` of everybody in the state.
        changes: Rows of `migration_changes`.
        sources: Rows of `migration_sources`; without any, components are the headline.
        chosen: "components" or "combined".

    Notes:
        Of the combined series each flow is stored with its own error: net migration and change are
        taken as of independent errors. Those of neighbouring years go together, so that the
        error of a change is too large rather than too small.
    """
    totals = [r for r in flows if (r["nation"], r["by"], r["component"]) == ("all", "all", "total")]
    years: dict[int, dict[str, Row]] = {}
    for row in totals:
        years.setdefault(row["year"], {})[row["flow"]] = row
    best = [row for row in sources if row["source"] == "combined"]
    if chosen == "combined" and best:
        late = {year for year, found in years.items() if found["net"]["provisional"]}
        years = _combined(best, late)
        return Headline("combined", dict(sorted(years.items())), _last_change(years))
    last = max(years)
    own = {r["flow"]: r for r in changes if r["period"] == str(last)}
    return Headline("components", dict(sorted(years.items())), own)


def _combined(rows: Sequence[Row], late: set[int]) -> dict[int, dict[str, Row]]:
    """Return the combined series by year and flow, where it has both directions."""
    found: dict[int, dict[str, Row]] = {}
    for row in rows:
        known = {n: row[n] for n in ("year", "persons", "standard_error", "lower", "upper")}
        found.setdefault(row["year"], {})[row["flow"]] = known
    whole = {year: flows for year, flows in found.items() if len(flows) == 2}
    for year, flows in whole.items():
        into, out = flows["immigration"], flows["emigration"]
        error = hypot(into["standard_error"], out["standard_error"])
        net = into["persons"] - out["persons"]
        flows["net"] = {
            "year": year, "persons": net, "standard_error": error, "lower": net - _Z * error,
            "upper": net + _Z * error,
        }  # fmt: skip
        for row in flows.values():
            row["provisional"] = year in late
    return whole


def _last_change(years: dict[int, dict[str, Row]]) -> dict[str, Row]:
    """Return the change from the year before to the last, errors taken as independent."""
    from ravenstein.migration.change import significance

    now = max(years)
    if now - 1 not in years:
        return {}
    found = {}
    for flow, row in years[now].items():
        before = years[now - 1][flow]
        error = hypot(row["standard_error"], before["standard_error"])
        tested = significance(row["persons"] - before["persons"], error)
        found[flow] = {
            "flow": flow, "period": str(now), "compared_with": str(now - 1),
            "persons": row["persons"], "difference": float(tested.difference),
            "standard_error": error, "lower": float(tested.lower), "upper": float(tested.upper),
            "significant": bool(tested.significant), "p_value": float(tested.p_value),
            "detectable": float(tested.detectable),
        }  # fmt: skip
    return found
