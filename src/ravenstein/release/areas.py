"""The pages of areas: what an area's account, ages, neighbours and editions say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ravenstein.release import words
from ravenstein.release.charts.area import (
    PANELS,
    components_chart,
    population_chart,
    pyramid_chart,
    rank_chart,
)
from ravenstein.release.migration import by_flow
from ravenstein.tables.geography import edition_year

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]
_ORDER = {"state": 0, "nation": 1, "local_authority": 2}
_MEASURES = (
    "births", "deaths", "natural_change", "internal_net", "international_in", "international_out",
    "international_net", "other_change",
)  # fmt: skip
_MUCH = 0.03
"""Share of a population beyond which a revision is flagged."""

_RATES = {
    "international_net": "Net international migration",
    "internal_net": "Net migration within the country",
    "natural_change": "Births minus deaths",
}
"""The rates in which an area is put beside similar ones, the first of them drawn."""


@dataclass(frozen=True)
class Area:
    """An area and its account, a row a year in order.

    Args:
        code: Area code.
        name: Name.
        level: Level, a code of `LEVELS`.
        parents: Codes and names of the state and nation it lies in, widest first.
        account: Rows of `population_account` of the published years.
        earlier: Its populations in other editions: `edition`, `last`, `year`, `population`.
        similar: Codes of statistically similar areas, the nearest first.
        ages: Men and women by single age: `year`, `M`, `F`, and `before` with the same of an
            earlier year or None.
        flows: Total migration of the area: rows of `migration_flows`.
        revised: Rows of `year`, `figures` by edition and `revision` [persons].
    """

    code: str
    name: str
    level: str
    parents: tuple[tuple[str, str], ...]
    account: tuple[Row, ...]
    earlier: tuple[Row, ...] = ()
    similar: tuple[str, ...] = ()
    ages: Row | None = None
    flows: tuple[Row, ...] = ()
    revised: tuple[Row, ...] = ()

    @property
    def first(self) -> int:
        """The first mid-year: the one before the first year of flows."""
        return int(self.account[0]["year"]) - 1

    @property
    def first_stock(self) -> int | None:
        """Population at the first mid-year [persons], where there is a figure."""
        stock: int | None = self.account[0]["opening"]
        return stock

    @property
    def latest(self) -> Row:
        """The account of the last year."""
        return self.account[-1]

    @property
    def stocks(self) -> list[Row]:
        """Population of each mid-year that has a figure."""
        opening = [{"year": self.first, "population": self.first_stock}]
        closing = [{"year": r["year"], "population": r["closing"]} for r in self.account]
        return [row for row in opening + closing if row["population"] is not None]

    @property
    def complete(self) -> list[Row]:
        """Accounts of each year in which all charted components have figures."""
        return [r for r in self.account if all(r[name] is not None for name in PANELS)]

    @property
    def largest_residual(self) -> int:
        """Largest absolute residual [persons]; 0 where there is none."""
        return max(
            (abs(r["residual"]) for r in self.account if r["residual"] is not None), default=0
        )

    def rate(self, component: str) -> float | None:
        """Return a component of the last year per 1,000 of the mean population."""
        row = self.latest
        ends = (row["opening"], row["closing"])
        if row[component] is None or None in ends or not sum(ends):
            return None
        return float(2000 * row[component] / sum(ends))


def published_areas(
    areas: Sequence[Row], account: Sequence[Row], more: Mapping[str, Mapping[str, Any]]
) -> tuple[Area, ...]:
    """Join areas, their accounts, and what else is known of them.

    Args:
        areas: Rows of `areas` of the published edition.
        account: Rows of `population_account` of that edition and the period, in order of year.
        more: Further fields of `Area`, each by code of the area.

    Returns:
        The areas: states first, then nations, then local authorities.
    """
    names = {row["area"]: row["name"] for row in areas}
    by_area: dict[str, list[Row]] = {}
    for row in account:
        by_area.setdefault(row["area"], []).append(row)
    return tuple(
        Area(
            code := row["area"],
            row["name"],
            row["level"],
            tuple(
                (wider, names[wider])
                for wider in (row["state"], row["nation"])
                if wider is not None and wider != code
            ),
            tuple(by_area[code]),
            **{field: known[code] for field, known in more.items() if code in known},
        )
        for row in sorted(areas, key=lambda row: (_ORDER[row["level"]], row["area"]))
    )


def area_flows(rows: Sequence[Row], levels: Mapping[str, str]) -> dict[str, tuple[Row, ...]]:
    """Return total migration by the code of the area that it is of.

    Args:
        rows: Rows of `migration_flows` as they are published.
        levels: Level of each published area.
    """
    of = {code[0]: code for code, level in levels.items() if level == "nation"}
    of |= dict.fromkeys(["all"], next((c for c, v in levels.items() if v == "state"), ""))
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["component"] != "total" or row["by"] not in ("all", "area"):
            continue
        if row["by"] == "area" and row["nation"] != "all":
            continue
        code = row["category"] if row["by"] == "area" else of.get(row["nation"], "")
        if code in levels:
            found.setdefault(code, []).append(row)
    return {code: tuple(own) for code, own in found.items()}


def gone_view(row: Row) -> Row:
    """Return what the page of an abolished code shows."""
    how = {"merger": "merged", "new_code": "given a new code", "new_geo": "redrawn"}
    what = how.get(row["kind"], "ended")
    when = f"It was {what} in {row['year']}." if row["year"] else ""
    last = f"The last figures under it are of mid-{row['last']}." if row["last"] else ""
    stocks = [(str(r["year"]), words.number(r["population"])) for r in row["population"]]
    return row | {
        "name": row["name"] or row["code"],
        "sentence": f"{when} {last}".strip(),
        "rows": stocks[::-1],
    }


def area_view(area: Area, others: Mapping[str, Area]) -> Row:
    """Return what an area's page shows: its sentences, charts and tables.

    Args:
        area: The area.
        others: All areas by code.
    """
    row, stocks, flows = area.latest, area.stocks, area.complete
    moves = [
        words.natural_sentence(row["births"], row["deaths"]),
        words.flow_sentence(row["international_net"], "net international migration"),
    ]
    if area.level != "state":
        moves.insert(
            1, words.flow_sentence(row["internal_net"], "net migration within the country")
        )
    drawn, earlier = len(stocks) > 1, _drawn(area)
    since = words.since_sentence(area.first, area.first_stock, row["closing"])
    return {
        "area": area,
        "headline": words.population_sentence(row["year"], row["opening"], row["closing"]),
        "since": since,
        "growth": " ".join(part for part in (since, words.peak_sentence(stocks)) if part),
        "moves": f"In the year to mid-{row['year']} {'; '.join(moves)}.",
        "figures": headline_figures(area),
        "population_chart": population_chart(stocks, earlier) if drawn else "",
        "earlier_chart": population_chart(stocks, earlier, shown=True)
        if drawn and area.earlier
        else "",
        "components_chart": components_chart(flows) if flows else "",
        "pyramid": _pyramid(area),
        "ages": _age_groups(area),
        "beside": _beside(area, others),
        "flag": _flag(area),
        "has_gross": any(r["internal_in"] is not None for r in area.account),
        "migration": list(by_flow(area.flows, "year").items()),
        "revised": _revised(area),
    }


def area_data(area: Area) -> Row:
    """Return what comparison and the evidence form know of an area: series by measure."""
    series = {name: [[r["year"], r[name]] for r in area.account] for name in _MEASURES}
    stocks = [[row["year"], row["population"]] for row in area.stocks]
    return {
        "code": area.code,
        "name": area.name,
        "level": area.level,
        "unit": "persons",
        "series": {"population": stocks, **series},
    }


def headline_figures(area: Area) -> list[Row]:
    """Return the three headline numbers of an area, each with change, interval and status."""
    row = area.latest
    before = area.account[-2] if len(area.account) > 1 else None
    status = _status(area)
    found = [_figure(f"Population, mid-{row['year']}", row["closing"], row["opening"], status)]
    own = [r for r in area.flows if r["flow"] == "net"]
    if own:
        found.append(_estimated(own))
    else:
        found.append(_of_account("international_net", row, before))
    last = "natural_change" if area.level == "state" else "internal_net"
    return [*found, _of_account(last, row, before)]


def _figure(
    name: str, value: int | None, before: int | None, status: str, *, signed: bool = False
) -> Row:
    known = value is not None and before is not None
    return {
        "name": name,
        "value": words.signed(value) if signed else words.number(value),
        "change": f"{words.signed(value - before)} on a year before"  # type: ignore[operator]
        if known
        else "change not available",
        "interval": "no interval given by the source",
        "status": status,
        "trail": "population_account",
    }


def _of_account(component: str, row: Row, before: Row | None) -> Row:
    """Return the headline number of a component of the account."""
    name = f"{_RATES[component]}, year to mid-{row['year']}"
    return _figure(
        name,
        row[component],
        before[component] if before else None,
        "as in this edition",
        signed=True,
    )


def _estimated(rows: Sequence[Row]) -> Row:
    """Return the headline number of long-term net migration, which has an interval."""
    *others, last = sorted(rows, key=lambda r: r["year"])
    change = "change not available"
    if others and others[-1]["year"] == last["year"] - 1:
        size = words.rounded(last["persons"]) - words.rounded(others[-1]["persons"])
        change = f"{words.signed(size)} on a year before"
    interval = (
        "no interval"
        if last["lower"] is None
        else f"95% interval {words.between(last['lower'], last['upper'])}"
    )
    return {
        "name": f"Net long-term international migration, {last['year']}",
        "value": words.signed(words.rounded(last["persons"])),
        "change": change,
        "interval": interval,
        "status": "provisional" if last["provisional"] else "final",
        "trail": "migration_flows",
    }


def _status(area: Area) -> str:
    """Return the status of the last year's figures: whether another edition had them."""
    last = area.latest
    known = [r for r in area.earlier if r["year"] == last["year"]]
    if not known:
        return "first published in this edition"
    same = all(r["population"] == last["closing"] for r in known)
    return "as in the earlier edition" if same else "revised since the earlier edition"


def _drawn(area: Area) -> list[Row]:
    """Return earlier editions as the chart takes them."""
    return [
        {"year": r["year"], "population": r["population"], "edition": f"{r['last']} edition"}
        for r in area.earlier
        if r["population"] is not None and r["year"] >= area.first
    ]


def _pyramid(area: Area) -> str:
    if area.ages is None:
        return ""
    before = area.ages["before"]
    pair = (before["M"], before["F"]) if before else None
    return pyramid_chart(area.ages["M"], area.ages["F"], pair)


_AGE_GROUPS = ((0, 15), (16, 24), (25, 44), (45, 64), (65, 79), (80, None))


def _age_groups(area: Area) -> list[Row]:
    """Return men and women by broad age and each group's share; none without ages."""
    if area.ages is None:
        return []
    men, women = area.ages["M"], area.ages["F"]
    whole = sum(men) + sum(women)
    rows = []
    for first, last in _AGE_GROUPS:
        end = None if last is None else last + 1
        counts = sum(men[first:end]), sum(women[first:end])
        rows.append(
            {
                "age": f"{first} and over" if last is None else f"{first} to {last}",
                "men": counts[0],
                "women": counts[1],
                "share": f"{100 * sum(counts) / whole:.1f}%" if whole else words.MISSING,
            }
        )
    return rows


def _beside(area: Area, others: Mapping[str, Area]) -> Row | None:
    """Return an area among those that are similar to it: a chart, a table, its rank in words."""
    chosen = [area, *(others[code] for code in area.similar if code in others)]
    if len(chosen) < 2:
        return None
    shown, title = next(iter(_RATES.items()))
    known = [a for a in chosen if a.rate(shown) is not None]
    if len(known) < 2:
        known = []
    ordered = sorted(known, key=lambda a: (-(a.rate(shown) or 0.0), a.code))
    values = [
        {"name": a.name, "value": a.rate(shown), "text": per_1000(a.rate(shown)),
         "own": a.code == area.code}
        for a in ordered
    ]  # fmt: skip
    rows = [
        {
            "area": a,
            "own": a.code == area.code,
            "population": a.latest["closing"],
            "rates": [per_1000(a.rate(component)) for component in _RATES],
        }
        for a in (ordered or chosen)
    ]
    own, said = area.rate(shown), f"{title} is not available here."
    if own is not None and known:
        rates = [a.rate(shown) or 0.0 for a in known]
        place = 1 + sum(rate > own for rate in rates)
        said = words.rank_sentence(title, place, rates.count(own), len(rates))
    return {
        "title": said,
        "chart": rank_chart(values) if own is not None and known else "",
        "heads": list(_RATES.values()),
        "rows": rows,
    }


def per_1000(rate: float | None) -> str:
    """Return a rate with its sign and one decimal.

    >>> per_1000(-0.44), per_1000(None)
    ('−0.4', 'not available')
    """
    if rate is None:
        return words.MISSING
    text = f"{rate:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def _flag(area: Area) -> Row:
    """Return the flag of an area's quality: a word, and why in one sentence."""
    statuses = [r["status"] for r in area.account]
    shares = [abs(_share(r) or 0.0) for r in area.revised if r["revision"] is not None]
    revised = max(shares, default=0.0)
    sentence = words.quality_sentence(statuses, area.largest_residual)
    if shares:
        editions = len({r["edition"] for r in area.earlier})
        sentence += " " + words.revised_sentence(editions, revised)
    if "no_figures" in statuses:
        word = "Incomplete"
    elif "unbalanced" in statuses:
        word = "Does not add up"
    else:
        word = "Much revised" if revised > _MUCH else "Adds up"
    sentence += " The source gives no margin of error."
    return {"word": word, "good": word == "Adds up", "sentence": sentence}


def _share(row: Row) -> float | None:
    """Return the revision of a year's population as a share of the first figure."""
    first = next(iter(row["figures"].values()))
    return row["revision"] / first if row["revision"] is not None and first else None


def _revised(area: Area) -> Row | None:
    """Return populations by edition, the latest year first, with their revision in words."""
    if not area.revised:
        return None
    editions = list(dict.fromkeys(e for row in area.revised for e in row["figures"]))
    editions.sort(key=lambda e: max(r["year"] for r in area.revised if e in r["figures"]))
    rows = []
    for row in reversed(area.revised):
        share, revision = _share(row), row["revision"]
        shown = [words.number(row["figures"][e]) if e in row["figures"] else "" for e in editions]
        by = "" if revision is None else words.signed(revision)
        first = next(iter(row["figures"].values()))
        of = "" if share is None else words.per_cent(revision, first)
        rows.append([str(row["year"]), *shown, by, of])
    heads = [f"{edition_year(edition)} edition" for edition in editions]
    return {"heads": ["Mid-year", *heads, "Revision", "Share"], "rows": rows}
