"""The release's pages: bulletin, areas, migration, survey, other producers, quality, trails, data.

Pages open from disk: none needs a network or a server, and only search, comparison and the evidence
form need JavaScript. The same inputs give the same bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from itertools import repeat
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from ravenstein.core.workers import workers
from ravenstein.release import scripts, words
from ravenstein.release.areas import area_data, area_view, gone_view
from ravenstein.release.bulletin import bulletin_view
from ravenstein.release.evidence import evidence_template, evidence_view
from ravenstein.release.explorer import explorer_view
from ravenstein.release.maps import area_map
from ravenstein.release.migration import total_view
from ravenstein.release.revisions import revisions_view
from ravenstein.release.survey import design_view, quality_view, survey_view
from ravenstein.release.vintages import change_words, changes_view
from ravenstein.release.volume import volume_view
from ravenstein.tables.geography import LEVELS
from ravenstein.tables.population import ACCOUNT_STATUS, CHECKS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from ravenstein.release.areas import Area
    from ravenstein.release.migration import Migration
    from ravenstein.release.outlines import Atlas
    from ravenstein.release.revisions import EditionRevisions
    from ravenstein.release.survey import Survey
    from ravenstein.release.tables import PublishedTable
    from ravenstein.release.vintages import ReleaseDifference

Row = dict[str, Any]
ASSETS = ("style.css", "search.js", "compare.js", "evidence.js")
_MANY = 60
"""Areas whose pages one worker draws at a time; with no more than these there are no workers."""

_SIZE = re.compile(r'<svg[^>]*?\bwidth="([\d.]+)"[^>]*?\bheight="([\d.]+)"')


@dataclass(frozen=True)
class Release:
    """Everything the pages show; what a study does not have is empty and has no page."""

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
    calendar: tuple[Row, ...] = ()
    edition: str = ""
    geography: int | None = None
    areas: tuple[Area, ...] = ()
    gone: tuple[Row, ...] = ()
    atlas: Atlas | None = None
    checks: tuple[Row, ...] = ()
    editions: tuple[Row, ...] = ()
    warnings: tuple[str, ...] = ()
    survey: Survey | None = None
    migration: Migration | None = None
    joint: Row | None = None
    sources: Row | None = None
    recovery: Row | None = None
    trails: Mapping[str, Row] = field(default_factory=dict)
    least: int = 3
    vintage: int = 1
    difference: ReleaseDifference | None = None
    revisions: EditionRevisions | None = None
    series: pa.Table | None = None

    @property
    def map_words(self) -> str:
        """What a reader must know of the maps."""
        if self.atlas is None or not self.atlas.tiles:
            return "Outlines are simplified."
        if self.atlas.grid:
            return "There are no outlines: each area is a tile, and its place means nothing."
        return "Outlines are simplified; areas without an outline are tiles at the side."

    @property
    def change_words(self) -> str:
        """What changed since the last release, in one sentence; "" for the first."""
        if self.difference is None and self.vintage > 1:
            return "The data of the release before are missing or damaged: nothing to compare with."
        return change_words(self.difference) if self.difference else ""

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
    """Yield every page, chart, script and asset of a release.

    Args:
        release: What to show.

    Yields:
        Path inside the release's folder, and text.
    """
    for name in ASSETS:
        asset = resources.files("ravenstein.release") / "assets" / name
        yield f"assets/{name}", asset.read_text(encoding="utf-8")
    names = {area.code: area.name for area in release.areas}
    total = survey = None
    if release.migration:
        letters = {nation.code[0]: nation.name for nation in release.nations}
        total = total_view(release.migration, names, letters)
        yield from _page("migration.html", release, view=total)
    if release.survey:
        survey = survey_view(release.survey, names)
        yield from _page("survey.html", release, view=survey)
        yield from _page("survey-quality.html", release, view=quality_view(release.survey))
        if release.survey.allocation:
            yield from _page("survey-design.html", release, view=design_view(release.survey))
    yield from _page("index.html", release, view=bulletin_view(release, total, survey))
    yield from _page("volume.html", release, sections=volume_view(release))
    for name in ("data.html", "methods.html"):
        yield from _page(name, release)
    if release.joint:
        yield from _page("joint.html", release, view=release.joint)
    yield from _quality(release, names)
    if release.areas:
        yield from _explorer(release)


def _quality(release: Release, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the pages of quality: checks, sources, recovery, revisions, changes, trails."""
    yield from _page("quality.html", release, checks=check_rows(release))
    if release.sources:
        yield from _page("sources.html", release, view=release.sources)
    if release.recovery:
        yield from _page("recovery.html", release, view=release.recovery)
    changes = changes_view(release.difference, number=release.vintage, names=names)
    yield from _page("changes.html", release, view=changes)
    view = revisions_view(release.revisions, release.series, names, number=release.vintage)
    yield from _page("revisions.html", release, view=view)
    for table, trail in release.trails.items():
        yield from _page(f"trail/{table}.html", release, template="trail.html", view=trail)


def _explorer(release: Release) -> Iterator[tuple[str, str]]:
    """Yield the pages of areas, and what search and comparison need."""
    yield from _page("areas.html", release, view=explorer_view(release))
    yield from _scripts(release)
    shared = replace(release, tables=())  # no page of an area shows rows of whole tables
    parts = [range(len(release.areas))[start : start + _MANY]
             for start in range(0, len(release.areas), _MANY)]  # fmt: skip
    if len(parts) == 1:
        yield from _several(shared, parts[0])
    else:
        with workers(len(parts)) as pool:
            for files in pool.map(_several, repeat(shared), parts):
                yield from files
    for row in release.gone:
        path = f"areas/{row['code']}.html"
        yield from _page(path, release, template="gone.html", gone=gone_view(row))


def _area_files(
    release: Release, area: Area, by_code: Mapping[str, Area]
) -> Iterator[tuple[str, str]]:
    """Yield the page of an area, its charts and its data."""
    drawn = ""
    if release.atlas:
        names = {code: one.name for code, one in by_code.items()}
        chosen = [one.code for one in members(release, area)]
        # the name of a nation would stand in a part of it, or in another
        label = area.name if area.level == "local_authority" else None
        drawn = area_map(release.atlas, chosen, area.similar, names=names, label=label)
    view = area_view(area, by_code)
    path = f"areas/{area.code}.html"
    before = [row for row in release.gone if area.code in dict(row["successors"])]
    yield from _page(path, release, template="area.html", view=view, map=drawn, formerly=before)
    yield f"data/{area.code}.js", scripts.area_script(area_data(area))


def _several(release: Release, places: range) -> list[tuple[str, str]]:
    """Return the files of several areas: what one worker makes at a time."""
    by_code = {area.code: area for area in release.areas}
    chosen = (release.areas[place] for place in places)
    return [file for area in chosen for file in _area_files(release, area, by_code)]


def _scripts(release: Release) -> Iterator[tuple[str, str]]:
    """Yield search, comparison and the evidence form: their pages and what they load."""
    index = [
        {"code": a.code, "name": a.name, "level": a.level,
         "nation": a.parents[-1][1] if a.level == "local_authority" else ""}
        for a in release.areas
    ]  # fmt: skip
    yield "assets/areas.js", scripts.search_script(index, release.gone)
    yield "assets/vega.js", scripts.vega_bundle()
    yield "assets/compare-spec.js", scripts.compare_spec()
    yield from _page("compare.html", release)
    first = release.areas[0]
    facts = {
        "title": release.title,
        "edition": release.edition,
        "vintage": str(release.vintage),
        "date": release.date.isoformat() if release.date else "",
    }
    years = list(range(first.first, first.latest["year"] + 1))
    yield from _page("evidence.html", release, form=evidence_view(facts, years, release.contact))
    yield "assets/evidence-template.json", evidence_template(facts)


def members(release: Release, area: Area) -> list[Area]:
    """Return the local authorities that an area is, or is made of."""
    if area.level == "local_authority":
        return [area]
    if area.level == "nation":
        return release.within(area)
    return [one for nation in release.nations for one in release.within(nation)]


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


def _page(
    path: str, release: Release, *, template: str = "", **context: Any
) -> Iterator[tuple[str, str]]:
    """Yield a page, and the charts it shows as files beside it."""
    root = "../" * path.count("/")
    charts: dict[str, str] = {}

    def picture(svg: str, name: str, alt: str) -> Markup:
        charts[f"charts/{name}.svg"] = svg
        found = _SIZE.search(svg)
        size = found.groups() if found else ("", "")
        return Markup('<img src="{}charts/{}.svg" alt="{}" width="{}" height="{}">').format(
            root, name, alt, *size
        )

    page = _environment().get_template(template or path)
    yield path, page.render(release=release, root=root, path=path, picture=picture, **context)
    yield from charts.items()


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
        "day": words.day,
        "level": LEVELS.labels.__getitem__,
        "status": ACCOUNT_STATUS.labels.__getitem__,
    }
    environment.globals |= {"per_cent": words.per_cent, "between": words.between}
    return environment
