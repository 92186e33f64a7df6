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
_LOSSES = ("#FAD7C4", "#F7A97F", "#F46A25", "#BF4F17", "#86370F")
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
        "title": _title(known),
        "sub": f"Net international migration for each 1,000 people, year to mid-{year}. Classes by "
        "unrounded figures.",
        "classes": [],
        "missing": len(known) < len(areas),
    }
    if release.atlas is None or not known:
        return found
    breaks = breaks_of(known)
    colours = _colours(breaks, max(known))
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
    whole = f"{words.number(len(rates))} local authorit{'y' if len(rates) == 1 else 'ies'}"
    return f"{words.number(gained)} of {whole} gained people from international migration."


def _colours(breaks: list[float], most: float) -> list[str]:
    """Return the colour of each class: classes of losses orange, the others blue.

    Args:
        breaks: Limits between classes; each belongs to the class above it.
        most: The largest value.
    """
    losses = sum(end <= 0 for end in breaks) + (most < 0)
    gains = len(breaks) + 1 - losses
    return _spread(_LOSSES, losses)[::-1] + _spread(_GAINS, gains)


def _spread(shades: tuple[str, ...], count: int) -> list[str]:
    """Return as many shades as there are classes, the lightest first."""
    step = (len(shades) - 1) / max(count - 1, 1)
    return [shades[round(place * step)] for place in range(count)]


def _labels(breaks: list[float]) -> list[str]:
    shown = [f"{value:g}".replace("-", "−") for value in breaks]
    if not shown:
        return ["all areas"]
    middle = [f"{low} to under {high}" for low, high in pairwise(shown)]
    return [f"under {shown[0]}", *middle, f"{shown[-1]} and more"]
