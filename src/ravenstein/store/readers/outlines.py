"""Outlines of areas: TopoJSON and GeoJSON as statistics offices and map agencies publish them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ravenstein.core.errors import SourceError, listed
from ravenstein.tables.geography import AREA_PATTERN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Ring = NDArray[np.float64]
    Shape = dict[str, Any]

_KINDS = re.compile(rb'"type"\s*:\s*"(Topology|FeatureCollection)"')
_CODES = re.compile(rb'"(' + AREA_PATTERN.encode() + rb')"')
_ENDINGS = (".json", ".geojson", ".topojson")
_LEAST = 4  # points of a ring: a triangle, closed


def read_outlines(path: Path, shown: str, year: int | None = None) -> dict[str, tuple[Ring, ...]]:
    """Read the outlines of areas.

    Args:
        path: The file: TopoJSON, quantised or not, or a GeoJSON feature collection.
        shown: Its name in messages.
        year: Year whose areas are wanted, where shapes have a `start` or `end` (the first and the
            last year in which they hold); all shapes unless told.

    Returns:
        Rings of each area by code [points, 2]: longitude and latitude [degrees] or planar
        coordinates as they are; the last point is the first again. Islands and holes are rings
        alike: what an odd number of rings surrounds lies within the area.

    Raises:
        SourceError: If the file is no TopoJSON or GeoJSON, no property holds the codes of areas,
            there are no polygons, arcs do not join, a coordinate is not finite, or an area has
            different outlines.

    Notes:
        The property with the codes is known by its values: all are codes of areas. A topology's
        layers are read one after the other; an area may stand in several with the same outline.

    Source:
        IETF, RFC 7946, The GeoJSON Format, 2016; Bostock and Metcalf, The TopoJSON Format
        Specification, version 1.0.
    """
    content = _content(path, shown)
    rings = _from_arcs(content, shown) if content["type"] == "Topology" else _from_points
    found: dict[str, tuple[Ring, ...]] = {}
    notes, polygons = [], 0
    for layer, shapes in _layers(content):
        shaped = [shape for shape in shapes if "Polygon" in str(shape.get("type"))]
        polygons += len(shaped)
        name, note = _code_property(shaped)
        notes += [note] if note and shaped else []
        for shape in shaped if name else []:
            code = _values(shape)[name]
            if year is None or _holds(shape, year):
                where = f"{shown}, {layer}, {code}"
                _add(found, code, _parts(shape, rings, where), where)
    if not found:
        _refuse_none(shown, polygons, notes, year)
    return found


def looks_like_outlines(path: Path) -> bool:
    """Return whether a file could hold outlines of areas, from its ending and a few marks in it."""
    if path.suffix.lower() not in _ENDINGS:
        return False
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return bool(_KINDS.search(text) and b'Polygon"' in text and _CODES.search(text))


def _content(path: Path, shown: str) -> dict[str, Any]:
    expected = "TopoJSON or a GeoJSON feature collection"
    fix = "Point the source at a file of outlines, such as those of the ONS Open Geography portal."
    try:
        content: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(
            "A source file cannot be read.",
            expected=expected,
            found=error.strerror or "no such file",
            where=shown,
            fix="Correct the path or the permissions.",
        ) from None
    except (ValueError, RecursionError) as error:
        line = f"{shown}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else shown
        raise SourceError(
            "The file is not JSON.", expected=expected, found=str(error)[:80], where=line, fix=fix
        ) from None
    kind = content.get("type") if isinstance(content, dict) else None
    parts = {"Topology": ("arcs", "objects"), "FeatureCollection": ("features",)}.get(str(kind), ())
    types = {"arcs": list, "objects": dict, "features": list}
    if parts and all(isinstance(content.get(part), types[part]) for part in parts):
        whole: dict[str, Any] = content
        return whole
    raise SourceError(
        "The file holds no outlines.",
        expected=expected,
        found=f"type {str(kind)[:40]!r}, with {listed(content) or 'nothing'}"
        if isinstance(content, dict)
        else f"a {type(content).__name__}",
        where=shown,
        fix=fix,
    )


def _layers(content: dict[str, Any]) -> Iterator[tuple[str, list[Shape]]]:
    """Yield the name and the shapes of each layer; geometries carry their properties."""
    if content["type"] == "Topology":
        for name, item in content["objects"].items():
            yield f"layer {name}", list(_flat(item))
        return
    shapes = []
    for feature in content["features"]:
        if isinstance(feature, dict) and isinstance(feature.get("geometry"), dict):
            own = {key: feature.get(key) for key in ("id", "properties")}
            shapes += [shape | own for shape in _flat(feature["geometry"])]
    yield "features", shapes


def _flat(item: Any) -> Iterator[Shape]:
    if isinstance(item, dict) and item.get("type") == "GeometryCollection":
        for inner in item.get("geometries") or ():
            yield from _flat(inner)
    elif isinstance(item, dict):
        yield item


def _values(shape: Shape) -> dict[str, Any]:
    properties = shape.get("properties")
    return {"id": shape.get("id")} | (properties if isinstance(properties, dict) else {})


def _code_property(shapes: list[Shape]) -> tuple[str, str]:
    """Return the property of which all values are codes of areas, or none and what came nearest."""
    rows = [_values(shape) for shape in shapes]
    names = dict.fromkeys(name for row in rows for name in row)
    fits: dict[str, list[bool]] = {}
    for name in names:
        texts = [row.get(name) for row in rows]
        fits[name] = [bool(isinstance(t, str) and re.fullmatch(AREA_PATTERN, t)) for t in texts]
    whole = [name for name in names if all(fits[name])]
    if whole:  # districts may carry the code of their region too, which names fewer
        return max(whole, key=lambda name: len({row[name] for row in rows})), ""
    near = max(names, key=lambda name: sum(fits[name]), default="")
    if not near or not any(fits[near]):
        return "", f"properties {listed(n for n in names if n != 'id') or 'none'}"
    odd = next(row.get(near) for row, fit in zip(rows, fits[near], strict=True) if not fit)
    return "", f"{near}: {sum(fits[near])} codes in {len(rows)} shapes, and {str(odd)[:20]!r}"


def _holds(shape: Shape, year: int) -> bool:
    values = _values(shape)
    first, last = (
        int(text) if re.fullmatch(r"[12]\d{3}", text := str(values.get(name)), re.ASCII) else year
        for name in ("start", "end")
    )
    return first <= year <= last


def _parts(shape: Shape, rings: Callable[[Any, str], Ring], where: str) -> tuple[Ring, ...]:
    """Return the rings of a polygon or of several, but those that enclose nothing."""
    given: Any = shape.get("arcs", shape.get("coordinates"))
    found = []
    try:
        for polygon in [given] if shape["type"] == "Polygon" else given:
            found += [rings(ring, where) for ring in polygon]
    except (TypeError, ValueError, OverflowError, IndexError):
        _refuse(where, "An outline cannot be read.", "rings of pairs of numbers", "others")
    for ring in found:
        if not np.isfinite(ring).all():
            bad = int((~np.isfinite(ring)).any(axis=1).sum())
            _refuse(where, "Coordinates are not finite.", "numbers", f"{bad} points without")
        if not np.array_equal(ring[0], ring[-1]):
            _refuse(where, "A ring is not closed.", "the last point as the first", "another")
    # coarse grids leave islands of one or two points
    return tuple(ring for ring in found if len(ring) >= _LEAST)


def _from_points(points: Any, where: str) -> Ring:
    ring = np.array([point[:2] for point in points], dtype=np.float64)
    if ring.ndim != 2 or ring.shape[1:] != (2,):
        _refuse(where, "An outline cannot be read.", "pairs of numbers", f"shape {ring.shape}")
    return ring


def _from_arcs(content: dict[str, Any], shown: str) -> Callable[[Any, str], Ring]:
    """Return what makes a ring of the numbers of its arcs; ~i is arc i from its end."""
    arcs = []
    transform = content.get("transform")
    try:
        for number, points in enumerate(content["arcs"]):
            arc = _from_points(points, f"{shown}, arc {number}")
            if transform:  # whole steps on a grid, each from the one before
                arc = np.cumsum(arc, axis=0) * transform["scale"] + transform["translate"]
            arcs.append(arc)
    except (TypeError, ValueError, OverflowError, KeyError):
        where = f"{shown}, arc {len(arcs)}"
        _refuse(where, "An arc cannot be read.", "pairs of numbers, scale, translate", "others")

    def ring(numbers: Iterable[int], where: str) -> Ring:
        pieces: list[Ring] = []
        for number in numbers:
            at = ~number if number < 0 else number
            if at >= len(arcs):
                _refuse(where, "An arc is missing.", f"arcs 0 to {len(arcs) - 1}", str(number))
            piece = arcs[at][::-1] if number < 0 else arcs[at]
            if pieces and not np.array_equal(pieces[-1][-1], piece[0]):
                _refuse(where, "Arcs do not join.", "each beginning where the last ends", f"{at}")
            pieces.append(piece)
        return np.concatenate([pieces[0][:1], *(piece[1:] for piece in pieces)])

    return ring


def _add(
    found: dict[str, tuple[Ring, ...]], code: str, rings: tuple[Ring, ...], where: str
) -> None:
    """Add an area's rings; again the same, in any order, is no second outline."""
    if not rings:
        return
    if code in found:
        one, two = (np.unique(np.concatenate(r), axis=0) for r in (found[code], rings))
        if not np.array_equal(one, two):
            _refuse(where, "An area has two outlines.", "one each, or a year", "different points")
        return
    found[code] = rings


def _refuse_none(shown: str, polygons: int, notes: list[str], year: int | None) -> NoReturn:
    if not polygons:
        _refuse(shown, "The file has no polygons.", "outlines of areas", "other shapes, or none")
    if notes:
        expected = "a property whose values are all GSS codes, such as LAD21CD"
        _refuse(shown, "No property holds the codes of areas.", expected, listed(notes, 3))
    found = f"{polygons} shapes of other years, or empty"
    _refuse(shown, "No outline is left.", f"shapes that hold in {year or 'any year'}", found)


def _refuse(where: str, problem: str, expected: str, found: str) -> NoReturn:
    raise SourceError(
        problem,
        expected=expected,
        found=found,
        where=where,
        fix="Download the file again, or export it again with the codes of its areas.",
    )
