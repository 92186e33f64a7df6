"""The release's pages: a landing page, a page an area, data and quality.

Pages open from disk: no page needs a network, a server or JavaScript. The same inputs give the
same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from ravenstein.release import charts, words
from ravenstein.release.migration import total_view
from ravenstein.release.survey import design_view, quality_view, survey_view
from ravenstein.tables.geography import LEVELS
from ravenstein.tables.population import ACCOUNT_STATUS, CHECKS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from ravenstein.release.migration import Migration
    from ravenstein.release.survey import Survey
    from ravenstein.release.tables import PublishedTable

Row = dict[str, Any]
ASSETS = ("style.css", "filter.js")


@dataclass(frozen=True)
class Area:
    """An area and its account, a row a year in order.

    Args:
        code: Area code.
        name: Name.
        level: Level, a code of `LEVELS`.
        parents: Codes and names of the state and nation it lies in, widest first.
        account: Rows of `population_account` of the published years.
    """

    code: str
    name: str
    level: str
    parents: tuple[tuple[str, str], ...]
    account: tuple[Row, ...]

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
    def flows(self) -> list[Row]:
        """Components of each year in which all charted ones have figures."""
        return [r for r in self.account if all(r[name] is not None for name in charts.PANELS)]

    @property
    def largest_residual(self) -> int:
        """Largest absolute residual [persons]; 0 where there is none."""
        return max(
            (abs(r["residual"]) for r in self.account if r["residual"] is not None), default=0
        )


@dataclass(frozen=True)
class Release:
    """Everything the pages show: population by area, passenger survey, total migration."""

    title: str
    producer: str
    source: str
    contact: str
    designation: str
    date: dt.date | None
    next_date: dt.date | None
    simulated: bool
    code_version: str
    tables: tuple[PublishedTable, ...]
    edition: str = ""
    geography: int | None = None
    areas: tuple[Area, ...] = ()
    checks: tuple[Row, ...] = ()
    editions: tuple[Row, ...] = ()
    warnings: tuple[str, ...] = ()
    survey: Survey | None = None
    migration: Migration | None = None

    @property
    def states(self) -> list[Area]:
        """The widest areas."""
        return [area for area in self.areas if area.level == "state"]

    @property
    def nations(self) -> list[Area]:
        """The nations, by name."""
        return sorted((a for a in self.areas if a.level == "nation"), key=lambda a: a.name)

    def within(self, nation: Area) -> list[Area]:
        """The local authorities of a nation, by name."""
        inside = (a for a in self.areas if a.parents and a.parents[-1][0] == nation.code)
        return sorted((a for a in inside if a.level == "local_authority"), key=lambda a: a.name)


def pages(release: Release) -> Iterator[tuple[str, str]]:
    """Yield every page and asset of a release.

    Args:
        release: What to show.

    Yields:
        Path inside the release's folder, and text.
    """
    for name in ASSETS:
        asset = resources.files("ravenstein.release") / "assets" / name
        yield f"assets/{name}", asset.read_text(encoding="utf-8")
    yield "data.html", _page("data.html", release, root="")
    if release.areas:
        whole = [area_view(area) for area in release.states]
        yield "index.html", _page("index.html", release, root="", views=whole)
        yield "quality.html", _page("quality.html", release, root="", checks=check_rows(release))
    if release.survey:
        view = survey_view(release.survey, {area.code: area.name for area in release.areas})
        page = _page("survey.html", release, root="", view=view)
        yield "survey.html" if release.areas else "index.html", page
        view = quality_view(release.survey)
        yield "survey-quality.html", _page("survey-quality.html", release, root="", view=view)
        if release.survey.allocation:
            view = design_view(release.survey)
            yield "survey-design.html", _page("survey-design.html", release, root="", view=view)
    if release.migration:
        names = {area.code: area.name for area in release.areas}
        letters = {nation.code[0]: nation.name for nation in release.nations}
        view = total_view(release.migration, names, letters)
        yield "migration.html", _page("migration.html", release, root="", view=view)
    for area in release.areas:
        page = _page("area.html", release, root="../", view=area_view(area))
        yield f"areas/{area.code}.html", page


def area_view(area: Area) -> Row:
    """Return what an area's page shows: its sentences, charts and table."""
    row, stocks, flows = area.latest, area.stocks, area.flows
    moves = [
        words.natural_sentence(row["births"], row["deaths"]),
        words.flow_sentence(row["international_net"], "net international migration"),
    ]
    if area.level != "state":
        moves.insert(
            1, words.flow_sentence(row["internal_net"], "net migration within the country")
        )
    return {
        "area": area,
        "headline": words.population_sentence(row["year"], row["opening"], row["closing"]),
        "since": words.since_sentence(area.first, area.first_stock, row["closing"]),
        "moves": "; ".join(moves) + ".",
        "population_chart": Markup(charts.population_chart(stocks)) if len(stocks) > 1 else "",
        "components_chart": Markup(charts.components_chart(flows)) if flows else "",
        "quality": words.quality_sentence(
            [r["status"] for r in area.account], area.largest_residual
        ),
        "has_gross": any(r["internal_in"] is not None for r in area.account),
    }


def check_rows(release: Release) -> list[Row]:
    """Return the checks of the published edition and of the others, labelled for reading."""
    names = {area.code: area.name for area in release.areas}
    order = list(CHECKS.labels)
    rows = sorted(
        release.checks, key=lambda r: (r["edition"], order.index(r["check"]), r["nation"])
    )
    return [
        {
            **row,
            "label": CHECKS.labels[row["check"]],
            "name": names.get(row["nation"], row["nation"]),
        }
        for row in rows
    ]


def _page(template: str, release: Release, *, root: str, **context: Any) -> str:
    return _environment().get_template(template).render(release=release, root=root, **context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ravenstein.release"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": words.number,
        "rounded": words.rounded,
        "signed": words.signed,
        "weight": words.weight,
        "level": LEVELS.labels.__getitem__,
        "status": ACCOUNT_STATUS.labels.__getitem__,
    }
    environment.globals |= {"per_cent": words.per_cent, "between": words.between}
    return environment


def published_areas(areas: Sequence[Row], account: Sequence[Row]) -> tuple[Area, ...]:
    """Join areas and their accounts.

    Args:
        areas: Rows of `areas` of the published edition.
        account: Rows of `population_account` of that edition and the period, in order of year.

    Returns:
        The areas: states first, then nations, then local authorities.
    """
    names = {row["area"]: row["name"] for row in areas}
    by_area: dict[str, list[Row]] = {}
    for row in account:
        by_area.setdefault(row["area"], []).append(row)
    order = {"state": 0, "nation": 1, "local_authority": 2}
    return tuple(
        Area(
            row["area"],
            row["name"],
            row["level"],
            tuple(
                (code, names[code])
                for code in (row["state"], row["nation"])
                if code is not None and code != row["area"]
            ),
            tuple(by_area[row["area"]]),
        )
        for row in sorted(areas, key=lambda row: (order[row["level"]], row["area"]))
    )
