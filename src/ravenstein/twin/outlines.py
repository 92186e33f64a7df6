"""Outlines of the twin's areas, drawn at random: two countries on an island, and isles beside it.

The geography is invented, like the names; nothing else of the twin depends on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Voronoi

from ravenstein.twin.geography import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.geography import Areas

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]
    Loop = list[tuple[int, int]]

_LAND = (
    # centre and half axes of the masses that make the island, and the island in the west
    (0.05, 1.05, 0.62, 0.62),
    (-0.12, 0.35, 0.42, 0.62),
    (0.18, -0.45, 0.78, 0.68),
    (-0.75, -0.75, 0.45, 0.25),
    (-1.05, 0.62, 0.24, 0.42),
)
_ISLES = ((1.18, -0.02, 0.11, 0.08), (1.3, 0.16, 0.07, 0.11), (1.12, 0.3, 0.08, 0.06))
_ISLES_OF = "Sallow Islands"
_UNIT = 200_000.0  # metres
_LEFT, _RIGHT, _BOTTOM, _TOP = -1.6, 1.6, -1.4, 1.9
_SHARE = 0.31  # of that box which is land, nearly
_EXTENT = {
    "city": 0.3, "suburb": 0.5, "coast": 1.0, "rural": 2.2, "industrial": 0.8, "student": 0.6,
}  # fmt: skip
_BY_THE_SEA = ("port", "mouth", "haven", "hythe", " Coast", " Islands")
_ROUNDS = 25
_SEA = -1

_ABOLISHED = (
    # code, name, successor, years after the first
    ("X06000901", "Isley", "Isley and Marl", 2),
    ("X06000902", "Marl", "Isley and Marl", 2),
    ("Y06000901", "Sarn", "Oxlea and Sarn", 5),
)


@dataclass(frozen=True)
class _Cells:
    """Small cells that cover the sea and the land.

    Args:
        points: Their centres [cells, 2].
        corners: Corners of all cells [corners, 2].
        pairs: Cells on both sides of each edge [edges, 2].
        ends: Corners of each edge, -1 where it has no end [edges, 2].
        land: Whether each is land [cells].
        isles: Whether each is land of the isles [cells].
        size: Side of a cell.
    """

    points: Floats
    corners: Floats
    pairs: Ints
    ends: Ints
    land: Flags
    isles: Flags
    size: float


def outlines(known: Areas, generator: np.random.Generator) -> str:
    """Return outlines of the areas as GeoJSON.

    Args:
        known: The areas.
        generator: A generator of its own.

    Returns:
        A feature collection with the properties `code` and `name`; planar coordinates [metres].

    Notes:
        Land is what lies within some ellipses with a wobbly edge, cut into small cells (Voronoi).
        Each area is the cells nearest to its seed, larger kinds of areas from further away (a
        power diagram); seeds move to the middle of their cells, those of coastal areas to the
        coast. Edges are broken twice, alike on both sides.

    >>> from ravenstein.twin.geography import areas
    >>> found = json.loads(outlines(areas(3), np.random.default_rng(1)))
    >>> [feature["properties"]["name"] for feature in found["features"]]
    ['Aldermoor', 'Brackenford', 'Castlehythe']
    """
    cells = _cells(generator, max(2500, 16 * len(known.codes)), _ISLES_OF in known.names)
    area = _areas_of(cells, known, generator)
    borders = area[cells.pairs[:, 0]] != area[cells.pairs[:, 1]]
    cells = replace(cells, pairs=cells.pairs[borders], ends=cells.ends[borders])
    lines = _broken(cells, generator)
    features = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": name},
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": _polygons(cells, area == at, lines),
            },
        }
        for at, (code, name) in enumerate(zip(known.codes, known.names, strict=True))
    ]
    rows = ",\n".join(json.dumps(feature, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","features":[\n{rows}\n]}}\n'


def code_changes(known: Areas, first: int) -> pa.Table:
    """Return the changes of codes before the twin's areas had theirs.

    Args:
        known: The areas; changes to others are left out.
        first: First mid-year of the twin.
    """
    code = dict(zip(known.names, known.codes, strict=True))
    rows = [row for row in _ABOLISHED if row[2] in code]
    return pa.table(
        {
            "oldcd": pa.array([row[0] for row in rows], pa.string()),
            "oldnm": pa.array([row[1] for row in rows], pa.string()),
            "newcd": pa.array([code[row[2]] for row in rows], pa.string()),
            "newnm": pa.array([row[2] for row in rows], pa.string()),
            "type": pa.array(["merger"] * len(rows), pa.string()),
            "start": pa.array([first + row[3] for row in rows], pa.int64()),
        }
    )


def _cells(generator: np.random.Generator, count: int, with_isles: bool) -> _Cells:
    """Return cells of which some `count` are land."""
    size = float(np.sqrt((_RIGHT - _LEFT) * (_TOP - _BOTTOM) * _SHARE / count))
    x, y = np.meshgrid(np.arange(_LEFT, _RIGHT, size), np.arange(_BOTTOM, _TOP, size))
    points = np.column_stack([x.ravel(), y.ravel()])
    points += generator.uniform(-0.42, 0.42, points.shape) * size
    wobble = 0.22 * _waves(points, generator, 3) + 0.17 * _waves(points, generator, 8)
    wobble += 0.12 * _waves(points, generator, 20)
    inner = (np.abs(points - (0.0, 0.25)) < (1.5, 1.55)).all(axis=1)
    land = (_depth(points, _LAND) + wobble > 0) & inner
    isles = (_depth(points, _ISLES) + 1.5 * wobble > 0) & ~land & with_isles
    if with_isles and not isles.any():
        isles[np.argmax(np.where(land, -np.inf, _depth(points, _ISLES)))] = True
    diagram = Voronoi(points)
    pairs = diagram.ridge_points.astype(np.int64)
    ends = np.array(diagram.ridge_vertices, dtype=np.int64)
    land = ~_open_sea(pairs, ~(land | isles)) & inner
    return _Cells(points, diagram.vertices, pairs, ends, land, isles, size)


def _waves(points: Floats, generator: np.random.Generator, often: float) -> Floats:
    """Return a smooth random surface at points, of spread 1 or so, with so many waves to a unit."""
    waves = generator.normal(size=(12, 2)) * often
    phase = generator.uniform(0, 2 * np.pi, 12)
    return np.asarray(np.sin(points @ waves.T + phase).sum(axis=1) / np.sqrt(6))


def _depth(points: Floats, masses: tuple[tuple[float, ...], ...]) -> Floats:
    inside = [1 - ((points - (x, y)) ** 2 / (a**2, b**2)).sum(axis=1) for x, y, a, b in masses]
    return np.asarray(np.max(inside, axis=0))


def _open_sea(pairs: Ints, sea: Flags) -> Flags:
    """Return the sea that is no lake: what hangs together with the first cell, a corner."""
    wet = pairs[sea[pairs].all(axis=1)]
    links = coo_array((np.ones(len(wet)), wet.T), shape=(sea.size, sea.size))
    _, part = connected_components(links, directed=False)
    return np.asarray(sea & (part == part[0]))


def _areas_of(cells: _Cells, known: Areas, generator: np.random.Generator) -> Ints:
    """Return the area of each cell, `_SEA` for none."""
    extent = np.array([_EXTENT[KINDS[kind]] for kind in known.kind])
    extent *= np.exp(generator.normal(size=extent.size) * 0.15)
    found = np.full(len(cells.points), _SEA)
    places = np.arange(extent.size)
    if cells.isles.any():
        own = known.names.index(_ISLES_OF)
        found[cells.isles] = own
        places = places[places != own]
    main = np.flatnonzero(cells.land & ~cells.isles)
    # the north is the first nation's, along a line that rises to the east
    north = cells.points @ (-0.25, 1.0) + 0.08 * _waves(cells.points, generator, 5)
    order = main[np.argsort(-north[main])]
    share = [extent[places[known.nation[places] == nation]].sum() for nation in (0, 1)]
    cut = round(order.size * share[0] / sum(share))
    usual = cells.size * np.sqrt(main.size / extent.size)
    bent = [_waves(cells.points, generator, 2 / usual) for _ in (0, 1)]
    points = cells.points + 0.1 * usual * np.column_stack(bent)
    wet = np.unique(cells.pairs[cells.land[cells.pairs].sum(axis=1) == 1])
    by_the_sea = np.array([name.endswith(_BY_THE_SEA) for name in known.names])
    by_the_sea |= known.kind == KINDS.index("coast")
    for nation, land in ((0, order[:cut]), (1, order[cut:])):
        own = places[known.nation[places] == nation]
        if own.size:
            # the square of the radius that each would have as a circle
            square = extent[own] / extent[own].sum() * land.size * cells.size**2 / np.pi
            shore = points[np.intersect1d(wet, land)]
            found[land] = own[_divided(points[land], square, (shore, by_the_sea[own]), generator)]
    return found


def _divided(
    points: Floats, weights: Floats, coast: tuple[Floats, Flags], generator: np.random.Generator
) -> Ints:
    """Divide cells among seeds that move to their middle; every seed has one cell at least."""
    shore, by_the_sea = coast
    seeds = points[generator.choice(len(points), weights.size, replace=False)]
    for _ in range(_ROUNDS):
        near = _nearest(points, seeds, weights)
        count = np.bincount(near, minlength=weights.size)
        for axis in (0, 1):
            middle = np.bincount(near, points[:, axis], minlength=weights.size)
            seeds[:, axis] = np.where(count > 0, middle / np.maximum(count, 1), seeds[:, axis])
        shift = shore[_nearest(seeds[by_the_sea], shore, np.zeros(len(shore)))]
        seeds[by_the_sea] = 0.3 * seeds[by_the_sea] + 0.7 * shift
    near = _nearest(points, seeds, weights)
    for empty in np.flatnonzero(np.bincount(near, minlength=weights.size) == 0):
        spare = np.bincount(near, minlength=weights.size)[near] > 1
        away = ((points - seeds[empty]) ** 2).sum(axis=1)
        near[np.argmin(np.where(spare, away, np.inf))] = empty
    return near


def _nearest(points: Floats, seeds: Floats, weights: Floats) -> Ints:
    # the square of the distance, but for what is the same for all seeds
    away = (seeds**2).sum(axis=1) - weights - 2 * points @ seeds.T
    return np.asarray(np.argmin(away, axis=1))


def _broken(cells: _Cells, generator: np.random.Generator) -> list[Loop]:
    """Return the points of each edge in whole metres: it is broken in the middle, and again."""
    a, b = cells.corners[cells.ends[:, 0]], cells.corners[cells.ends[:, 1]]
    shift = generator.uniform(-0.16, 0.16, (3, len(a), 1))

    def between(one: Floats, other: Floats, by: Floats) -> Floats:
        across = (other - one) @ np.array([[0.0, 1.0], [-1.0, 0.0]])
        return np.asarray((one + other) / 2 + by * across)

    middle = between(a, b, shift[0])
    line = [a, between(a, middle, shift[1]), middle, between(middle, b, shift[2]), b]
    metres = np.rint((np.stack(line, axis=1) - (_LEFT, _BOTTOM)) * _UNIT).astype(np.int64)
    return [[(x, y) for x, y in edge] for edge in metres.tolist()]


def _polygons(cells: _Cells, inside: Flags, lines: list[Loop]) -> list[list[Loop]]:
    """Return the polygons around cells: an outer ring each, counterclockwise, and its holes."""
    edges = np.flatnonzero(inside[cells.pairs].sum(axis=1) == 1)
    onward: dict[int, tuple[int, Loop]] = {}
    for edge, pair, ends in zip(edges.tolist(), cells.pairs[edges], cells.ends[edges], strict=True):
        (ax, ay), (bx, by) = cells.corners[ends]
        x, y = cells.points[pair[0] if inside[pair[0]] else pair[1]]
        left = (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0
        a, b = ends.tolist() if left else ends.tolist()[::-1]
        onward[a] = (b, lines[edge] if left else lines[edge][::-1])
    outer: list[list[Loop]] = []
    holes = []
    while onward:
        at, line = onward.pop(next(iter(onward)))
        loop = [line[0]]
        while True:
            loop += [point for before, point in pairwise(line) if point != before]
            if at not in onward:
                break
            at, line = onward.pop(at)
        if _area(loop) > 0:
            outer.append([loop])
        else:
            holes.append(loop)
    for hole in holes:
        around = [polygon for polygon in outer if _holds(polygon[0], hole[0])] or outer
        min(around, key=lambda polygon: _area(polygon[0])).append(hole)
    return outer


def _area(loop: Loop) -> float:
    """Return the area within a ring, negative where it runs clockwise [square metres]."""
    x, y = np.array(loop, dtype=np.float64).T
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2


def _holds(loop: Loop, point: tuple[int, int]) -> bool:
    """Return whether a ring runs around a point: a ray to the right crosses it an odd number."""
    x, y = np.array(loop, dtype=np.float64).T
    crosses = (y[:-1] > point[1]) != (y[1:] > point[1])
    rise = np.where(crosses, y[1:] - y[:-1], 1.0)
    at = x[:-1] + (point[1] - y[:-1]) / rise * (x[1:] - x[:-1])
    return bool((crosses & (at > point[0])).sum() % 2)
