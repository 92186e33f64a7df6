"""The page of all areas: a map of one measure, its classes, and the same figures as a table."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ravenstein.release import words
from ravenstein.release.areas import per_1000
from ravenstein.release.maps import breaks_of, country_map

if TYPE_CHECKING:
    from ravenstein.release.areas import Area
    from ravenstein.release.site import Release

    Row = dict[str, Any]

_GAINS = ("#D3DEE8", "#A3BAD0", "#6F93B5", "#3F6C97", "#12436D")
_LOSSES = ("#F9CDB5", "#F46A25", "#A64A14")
_MEASURE = "international_net"


def explorer_view(release: Release) -> Row:
    """Return what the page of all areas shows."""
    areas = [a for nation in release.nations for a in release.within(nation)]
    rates = {area.code: area.rate(_MEASURE) for area in areas}
    known = [rate for rate in rates.values() if rate is not None]
    year = areas[0].latest["year"]
    found: Row = {
        "map": "",
        "rows": [_row(area) for area in areas],
        "title": f"Net international migration for each 1,000 people, year to mid-{year}",
        "sub": _title(known),
        "classes": [],
    }
    if release.atlas is None or not known:
        return found
    breaks = breaks_of(known)
    colours = _colours(breaks)
    drawn = country_map(
        release.atlas,
        rates,
        names={area.code: area.name for area in areas},
        links={area.code: f"areas/{area.code}.html" for area in areas},
        breaks=breaks,
        colours=colours,
        text={code: f"{per_1000(rate)} for each 1,000 people" for code, rate in rates.items()},
    )
    found["map"] = Markup(drawn)  # its text is escaped where it is drawn
    found["classes"] = list(zip(colours, _labels(breaks), strict=True))
    return found


def _row(area: Area) -> list[str]:
    row = area.latest
    ends = (row["closing"], row["opening"])
    change = words.MISSING if None in ends else words.signed(ends[0] - ends[1])
    return [
        area.name,
        words.number(row["closing"]),
        change,
        words.signed(row["international_net"]),
        per_1000(area.rate("international_net")),
        words.signed(row["internal_net"]),
        per_1000(area.rate("internal_net")),
    ]


def _title(rates: list[float]) -> str:
    gained = sum(rate > 0 for rate in rates)
    return (
        f"{words.number(gained)} of {words.number(len(rates))} local authorities gained people "
        "from international migration."
    )


def _colours(breaks: list[float]) -> list[str]:
    """Return the colour of each class: classes below 0 orange, the others blue."""
    below = sum(value <= 0 for value in breaks)
    above = len(breaks) + 1 - below
    losses = [_LOSSES[min(place, len(_LOSSES) - 1)] for place in range(below)][::-1]
    step = (len(_GAINS) - 1) / max(above - 1, 1)
    return losses + [_GAINS[round(place * step)] for place in range(above)]


def _labels(breaks: list[float]) -> list[str]:
    shown = [f"{value:g}".replace("-", "−") for value in breaks]
    if not shown:
        return ["all areas"]
    middle = [f"{low} to {high}" for low, high in pairwise(shown)]
    return [f"under {shown[0]}", *middle, f"{shown[-1]} and more"]
