"""Maps: an area and what surrounds it, and the whole country in classes of a figure."""

from __future__ import annotations

import math
import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.core.errors import EstimateError, listed
from ravenstein.release.labels import (
    FONT,
    breadth,
    direction,
    escaped,
    lines,
    overlaps,
    shortened,
)
from ravenstein.release.outlines import STEP, WIDTH, clipped, kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.release.outlines import Atlas, Box

    Ints = NDArray[np.int64]

CHOSEN, ALIKE, LAND, EDGE = "#12436D", "#A8BDD0", "#DFE3E6", "#FFFFFF"
INK, SOFT = "#14202B", "#3D4A54"

_WIDE, _HIGH = 960, 760  # of an area's map; drawn at half the size
_ROOM = 1.9  # of the map to the area that it shows
_LEAST = 18.0  # width of the smallest map, in units of the atlas: some 12 km of the UK
_LETTERS = 28
_INSET = 340  # side of the square in which a crowded part is drawn larger
_COUNTRY = 240.0  # height of the small map of the country


def area_map(
    atlas: Atlas,
    code: str | Sequence[str],
    similar: Sequence[str] = (),
    *,
    names: Mapping[str, str],
    label: str | None = None,
) -> str:
    """Draw an area and what surrounds it, and where in the country that is.

    Args:
        atlas: The areas.
        code: The area, or several, such as those of a nation.
        similar: Other areas that are marked where they are in view.
        names: Names by code.
        label: What is written beside the area: its name unless told, nothing beside several.

    Returns:
        The SVG, a file of its own.

    Raises:
        EstimateError: If an area is not in the atlas.
    """
    codes = [code] if isinstance(code, str) else list(code)
    _refuse_unknown(atlas, codes)
    text = names.get(codes[0], codes[0]) if label is None and len(codes) == 1 else label or ""
    window = _window(atlas, codes)
    scale = _WIDE / (window[2] - window[0])
    rings = _in_view(atlas, window, scale, 2.5)
    parts = [_filled(atlas, rings, {*codes}, {*similar})]
    inside = _seen(atlas.box(codes), window, scale)
    share = (window[2] - window[0]) * (window[3] - window[1]) / math.prod(atlas.size)
    corner = None
    if share < 0.25 and not atlas.tiles.issuperset(codes):
        corner = _corner(rings, inside, atlas)
        parts.append(_locator(atlas, window, corner))
    taken = [corner] if corner else []
    if text:
        name_drawn, place = _label(text, inside, corner)
        parts.append(name_drawn)
        taken.append(place)
    parts.append(_neighbours(atlas, rings, names, (codes, taken)))
    title = escaped(f"Map of {text}" if text else "Map")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}"'
        f' width="{_WIDE // 2}" height="{_HIGH // 2}" role="img" fill-rule="evenodd"'
        f' stroke-linejoin="round"><title>{title}</title>'
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#FFFFFF"/>{"".join(parts)}</svg>\n'
    )


def _filled(
    atlas: Atlas, rings: Mapping[int, list[Ints]], chosen: set[str], alike: set[str]
) -> str:
    """Return the areas in view in three colours: those chosen, those like them and the others."""
    groups: dict[str, list[Ints]] = {LAND: [], ALIKE: [], CHOSEN: []}
    for area, found in rings.items():
        code = atlas.areas[area]
        groups[CHOSEN if code in chosen else ALIKE if code in alike else LAND] += found
    edges = {LAND: EDGE, ALIKE: CHOSEN, CHOSEN: EDGE}
    return "".join(
        f'<path fill="{fill}" stroke="{edges[fill]}" stroke-width="2.5" d="{_path(found)}"/>'
        for fill, found in groups.items()
        if found
    )


def country_map(  # noqa: PLR0913  (each is given by name)
    atlas: Atlas,
    values: Mapping[str, float | None],
    *,
    names: Mapping[str, str],
    links: Mapping[str, str],
    breaks: Sequence[float],
    colours: Sequence[str],
    text: Mapping[str, str],
) -> str:
    """Draw all areas in classes of a figure, each a link.

    Args:
        atlas: The areas.
        values: Figure by code; areas without one are hatched.
        names: Names by code.
        links: Address by code; areas without one are no link.
        breaks: Least value of each class but the first.
        colours: Colour of each class, one more than breaks.
        text: The figure in words, by code.

    Returns:
        The SVG, for a page with a list of the same links: screen readers and keyboards pass it by.

    Raises:
        EstimateError: If there are not as many colours as classes.
    """
    _refuse_other_number(breaks, colours)
    wide, high = atlas.size
    hatch = f"hatch-{zlib.crc32(repr(sorted(values.items())).encode()):08x}"
    before, after = {}, {}
    for code in atlas.areas:
        fill = _fill(values.get(code), breaks, colours) or f"url(#{hatch})"
        name = escaped(f"{names.get(code, code)}: {text.get(code, '')}".removesuffix(": "))
        link = f'<a href="{escaped(links[code])}" tabindex="-1">' if code in links else ""
        before[code] = f'{link}<path fill="{fill}" d="'
        after[code] = f'"><title>{name}</title></path>{"</a>" if link else ""}'

    def drawn(window: Box, scale: float) -> str:
        rings = _in_view(atlas, window, scale, 1.0)
        seen = {atlas.areas[at]: _path(found) for at, found in sorted(rings.items())}
        return "".join(before[code] + path + after[code] for code, path in seen.items())

    return (
        f'<svg class="map" viewBox="-4 -4 {wide + 8:.0f} {high + 8:.0f}" aria-hidden="true"'
        ' focusable="false" fill-rule="evenodd" stroke="#FFFFFF" stroke-width="1"'
        f' stroke-linejoin="round">{_hatched(hatch, "".join(before.values()))}'
        f"{drawn((0.0, 0.0, wide, high), 1.0)}{_enlarged(atlas, drawn)}"
        f"{_tile_labels(atlas, names)}</svg>\n"
    )


def _fill(value: float | None, breaks: Sequence[float], colours: Sequence[str]) -> str:
    return "" if value is None or math.isnan(value) else colours[bisect_right(breaks, value)]


def _hatched(name: str, drawing: str) -> str:
    """Return the hatching of areas without a figure, if the drawing has such."""
    if f"#{name})" not in drawing:
        return ""
    return (
        f'<defs><pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><path fill="#FFFFFF" d="M0 0h8v8H0z"/>'
        '<path fill="#A9B1B8" d="M0 0h3v8H0z"/></pattern></defs>'
    )


def _enlarged(atlas: Atlas, drawn: Callable[[Box, float], str]) -> str:
    """Return the most crowded part of the country once more, larger, in the sea beside it."""
    crowd = atlas.crowd
    corner = atlas.room(_INSET // STEP + 1, crowd) if crowd else None
    if crowd is None or corner is None:
        return ""
    x0, y0, x1, y1 = crowd
    left, top = corner[0] + STEP / 2, corner[1] + STEP / 2
    scale = _INSET / (x1 - x0)
    frame = f'fill="none" stroke="{INK}" stroke-width="2"'
    return (
        f'<rect x="{x0:.0f}" y="{y0:.0f}" width="{x1 - x0:.0f}" height="{y1 - y0:.0f}" {frame}/>'
        f'<svg x="{left:.0f}" y="{top:.0f}" width="{_INSET}" height="{_INSET}"'
        f' viewBox="0 0 {_INSET} {_INSET}">'
        f'<path fill="#FFFFFF" d="M0 0h{_INSET}v{_INSET}H0z"/>{drawn(crowd, scale)}'
        f'<path {frame} d="M1 1h{_INSET - 2}v{_INSET - 2}H1z"/></svg>'
        f'<text x="{left:.0f}" y="{top - 10:.0f}" font-family="{FONT}" font-size="26"'
        f' fill="{INK}" stroke="none">{scale:.0f} times as large</text>'
    )


def breaks_of(values: Iterable[float | None], count: int = 5) -> list[float]:
    """Return the limits of a map's classes: quantiles, rounded to readable numbers.

    Args:
        values: The figures; missing ones are left aside.
        count: Number of classes; fewer where the values are few or alike.

    Returns:
        Least value of each class but the first, ascending; one is 0 where there are values on
        both sides of it.

    >>> breaks_of([3, 18, 27, 44, 52, 61, 78, 93, 104, 230])
    [25.0, 50.0, 75.0, 100.0]
    >>> breaks_of([-310, -120, -15, 8, 40, 95, 180, 420])
    [-15.0, 0.0, 80.0, 180.0]
    >>> breaks_of([7, 7, 7]), breaks_of([1, None, 2])
    ([], [2.0])
    """
    found = np.sort([value for value in values if value is not None and math.isfinite(value)])
    distinct = np.unique(found)
    if distinct.size < 2:
        return []
    classes = min(count, distinct.size)
    shares = np.arange(1, classes) / classes
    limits = np.quantile(found, shares, method="higher")
    if np.unique(limits[limits > distinct[0]]).size < classes - 1:  # many are alike
        limits = np.quantile(distinct, shares, method="higher")
    chosen: list[float] = []
    if distinct[0] < 0 < distinct[-1]:
        limits[np.argmin(np.abs(limits))] = 0.0
        chosen = [0.0]
    for limit in _readable(np.unique(limits), distinct):
        trial = sorted({*chosen, limit})
        if np.bincount(np.searchsorted(trial, found, "right"), minlength=len(trial) + 1).all():
            chosen = trial
    return chosen


def _readable(limits: NDArray[np.float64], distinct: NDArray[np.float64]) -> list[float]:
    """Round each limit down to 1, 2 or 5 of a decimal place, by a third of a class at most."""
    gaps = np.diff(np.concatenate([distinct[:1], limits, distinct[-1:]]))
    found = []
    for limit, before, after in zip(limits.tolist(), gaps[:-1], gaps[1:], strict=True):
        near = min(gap for gap in (before, after) if gap > 0) / 3 if before + after else 1.0
        power = math.floor(math.log10(near))
        unit = max(step for step in (1, 2, 5) if step * 10.0**power <= near * 1.0000001)
        digits = max(-power, 0)
        steps = math.floor(limit / (unit * 10.0**power) + 1e-6)
        found.append(round(steps * unit * 10.0**power, digits))
    return found


def _refuse_other_number(breaks: Sequence[float], colours: Sequence[str]) -> None:
    if len(colours) != len(breaks) + 1:
        raise EstimateError(
            "A map's classes and colours do not fit together.",
            expected=f"{len(breaks) + 1} colours",
            found=f"{len(colours)}",
            where="country_map",
            fix="Give a colour for each class.",
        )


def _refuse_unknown(atlas: Atlas, codes: Sequence[str]) -> None:
    unknown = [code for code in codes if code not in atlas.place]
    if unknown or not codes:
        raise EstimateError(
            "An area is not on the map.",
            expected=f"one of the atlas's {len(atlas.areas)} areas",
            found=listed(unknown) or "none",
            where="area_map",
            fix="Make the atlas of all areas that have pages.",
        )


def _window(atlas: Atlas, codes: Sequence[str]) -> Box:
    """Return what part of the atlas an area's map shows: around the area, within the country."""
    shape = _WIDE / _HIGH
    wide, high = atlas.size
    whole = max(wide, high * shape) * 1.04
    x0, y0, x1, y1 = atlas.box(codes)
    if not atlas.tiles.isdisjoint(codes):  # a tile is nowhere, and has no neighbours
        width = whole
    else:
        width = min(max(x1 - x0, (y1 - y0) * shape, _LEAST / _ROOM) * _ROOM, whole)
    left = _shifted((x0 + x1 - width) / 2, width, wide)
    top = _shifted((y0 + y1 - width / shape) / 2, width / shape, high)
    return left, top, left + width, top + width / shape


def _shifted(start: float, length: float, end: float) -> float:
    """Return where a window begins so that little of it lies outside of the country."""
    margin = 0.06 * length
    if length >= end + 2 * margin:
        return (end - length) / 2
    return min(max(start, -margin), end + margin - length)


def _in_view(atlas: Atlas, window: Box, scale: float, fine: float) -> dict[int, list[Ints]]:
    """Return the rings of each area in view, on whole units of the drawing.

    Args:
        atlas: The areas.
        window: What is shown, in units of the atlas.
        scale: Units of the drawing to one of the atlas.
        fine: Least triangle that is drawn, in square units of the drawing.
    """
    x0, y0, x1, y1 = window
    boxes = atlas.boxes
    hit = (boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0)
    hit &= atlas.main | (atlas.sizes * scale**2 > 2 * fine)
    edge = 8 / scale
    around = (x0 - edge, y0 - edge, x1 + edge, y1 + edge)
    found: dict[int, list[Ints]] = {}
    for ring in np.flatnonzero(hit).tolist():
        here = slice(atlas.starts[ring], atlas.starts[ring + 1])
        points = atlas.points[here][kept(atlas.weights[here], fine / scale**2)]
        points = clipped(points, around)
        drawn = np.rint((points - (x0, y0)) * scale).astype(np.int64)
        drawn = drawn[(drawn != np.roll(drawn, 1, axis=0)).any(axis=1)]
        if len(drawn) < 3 and atlas.main[ring] and len(points):  # too small to see: a dot
            centre = np.rint((points.mean(axis=0) - (x0, y0)) * scale).astype(np.int64)
            drawn = centre + np.array([[-2, -2], [2, -2], [2, 2], [-2, 2]])
        if len(drawn) > 2:
            found.setdefault(int(atlas.owner[ring]), []).append(drawn)
    return found


def _path(rings: Iterable[Ints]) -> str:
    """Return rings as the data of a path, each point told from the one before."""
    parts = []
    for ring in rings:
        (x, y), *_ = ring.tolist()
        steps = " ".join([f"{a} {b}" for a, b in np.diff(ring, axis=0).tolist()])
        parts.append(f"M{x} {y}l{steps}z".replace(" -", "-"))
    return "".join(parts)


def _seen(box: Box, window: Box, scale: float) -> Box:
    """Return a box of the atlas in the drawing, as far as it is in view."""
    x0, y0, x1, y1 = ((value - window[at % 2]) * scale for at, value in enumerate(box))
    return max(x0, 0), max(y0, 0), min(x1, _WIDE), min(y1, _HIGH)


def _corner(rings: Mapping[int, list[Ints]], inside: Box, atlas: Atlas) -> Box:
    """Return the corner for the small map of the country: clear of the area, with little land."""
    points = np.concatenate([np.empty((0, 2)), *(ring for area in rings.values() for ring in area)])
    high = _COUNTRY
    wide = min(high * WIDTH / atlas.size[1], 1.4 * high)

    def taken(corner: Box) -> tuple[float, int]:
        x0, y0, x1, y1 = corner
        across = min(x1, inside[2]) - max(x0, inside[0])
        down = min(y1, inside[3]) - max(y0, inside[1])
        within = (points > (x0, y0)).all(axis=1) & (points < (x1, y1)).all(axis=1)
        return max(across, 0) * max(down, 0), int(within.sum())

    corners = [
        (x, y, x + wide, y + high) for x in (16, _WIDE - 16 - wide) for y in (16, _HIGH - 16 - high)
    ]
    return min(corners, key=taken)


def _locator(atlas: Atlas, window: Box, corner: Box) -> str:
    """Return the small map of the country with the place of the window."""
    x0, y0, x1, y1 = corner
    scale = min((x1 - x0 - 20) / WIDTH, (y1 - y0 - 20) / atlas.size[1])
    left, top = (x0 + x1 - WIDTH * scale) / 2, (y0 + y1 - atlas.size[1] * scale) / 2
    rings = [np.rint(ring * scale + (left, top)).astype(np.int64) for ring in atlas.silhouette]
    a, b, c, d = (round(v * scale + (left, top)[at % 2], 1) for at, v in enumerate(window))
    mark = (
        f'<rect x="{a}" y="{b}" width="{c - a:.1f}" height="{d - b:.1f}" fill="none"'
        f' stroke="{CHOSEN}" stroke-width="4"/>'
    )
    if c - a < 14:
        mark = f'<circle cx="{(a + c) / 2:.0f}" cy="{(b + d) / 2:.0f}" r="8" fill="{CHOSEN}"/>'
    return (
        f'<rect x="{x0:.0f}" y="{y0:.0f}" width="{x1 - x0:.0f}" height="{y1 - y0:.0f}"'
        f' fill="#FFFFFF" stroke="#B1B8BE" stroke-width="2"/>'
        f'<path fill="#B9C2CA" d="{_path(rings)}"/>{mark}'
    )


def _label(text: str, inside: Box, corner: Box | None) -> tuple[str, Box]:
    """Return an area's name below or above it, clear of the small map, and the place it takes."""
    size, letters = 36, _LETTERS
    while size * breadth(shown := shortened(text, letters)) > _WIDE - 60:
        letters -= 1
    half = size * breadth(shown) / 2 + 14
    middle = min(max((inside[0] + inside[2]) / 2, half), _WIDE - half)
    heights = (inside[3] + size + 6, inside[1] - 18, (inside[1] + inside[3]) / 2 + 12)
    spots = [(middle, y) for y in heights if size + 8 < y < _HIGH - 14]
    if corner:
        beside = corner[2] + half if corner[0] < _WIDE / 2 else corner[0] - half
        spots += [(beside, y) for _, y in spots]
    places = [(x - half, y - size, x + half, y + 10) for x, y in spots]
    free = [at for at, place in enumerate(places) if not corner or not overlaps(place, [corner])]
    at = free[0] if free else 0
    x, y = spots[at]
    svg = (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" font-family="{FONT}"'
        f' font-size="{size}" font-weight="700" fill="{CHOSEN}" stroke="#FFFFFF" stroke-width="8"'
        f' paint-order="stroke"{direction(shown)}>{escaped(shown)}</text>'
    )
    return svg, places[at]


def _neighbours(
    atlas: Atlas,
    rings: Mapping[int, list[Ints]],
    names: Mapping[str, str],
    kept_free: tuple[Sequence[str], list[Box]],
) -> str:
    """Return the names of other areas where they have room within their outlines."""
    codes, taken = kept_free
    own = {atlas.place[code] for code in codes}
    size, found = 24, []
    for area, parts in rings.items():
        shown = shortened(names.get(atlas.areas[area], ""), _LETTERS - 4)
        half = 0.88 * size * breadth(shown) / 2 + 7  # not bold
        if area in own or not shown or max(np.ptp(ring[:, 0]) for ring in parts) < 2 * half:
            continue
        for x, middle, width in lines(parts, (12, 34, _WIDE - 12, _HIGH - 16), size):
            y = middle + size / 3
            place = (x - half, y - size, x + half, y + 6)
            if width >= 2 * half and not overlaps(place, taken):
                taken.append(place)
                told = f'<text x="{x:.0f}" y="{y:.0f}"{direction(shown)}>{escaped(shown)}</text>'
                found.append(told)
                break
    if not found:
        return ""
    return (
        f'<g font-family="{FONT}" font-size="{size}" fill="{SOFT}" text-anchor="middle">'
        f"{''.join(found)}</g>"
    )


def _tile_labels(atlas: Atlas, names: Mapping[str, str]) -> str:
    """Return the names of tiles: beside them, or within those of a grid where there is room."""
    found = []
    for code in atlas.areas:
        if code not in atlas.tiles:
            continue
        x0, y0, x1, y1 = atlas.box([code])
        letters = int((x1 - x0) / 13) if atlas.grid else 18
        if letters < 7:
            continue
        x, anchor = ((x0 + x1) / 2, "middle") if atlas.grid else (x1 + 12, "start")
        name = shortened(names.get(code, code), letters)
        found.append(
            f'<text x="{x:.0f}" y="{(y0 + y1) / 2 + 8:.0f}" text-anchor="{anchor}"'
            f"{direction(name)}>{escaped(name)}</text>"
        )
    if not found:
        return ""
    return f'<g font-family="{FONT}" font-size="24" fill="{INK}" stroke="none">{"".join(found)}</g>'
