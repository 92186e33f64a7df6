"""Outlines made ready for maps: projected, fitted into a box, simplified alike on both sides."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Box = tuple[float, float, float, float]

WIDTH = 1000.0
"""Width of the box that holds the outlines."""

STEP = 20
"""Step in which room is looked for beside the land."""

_GRID = 0.01  # what is nearer than this is one point: some metres in a country
_TILE, _ROW, _COLUMN, _GAP = 40.0, 62.0, 320.0, 40.0
_COARSE = 40.0  # least triangle of the country's silhouette
_SMALL, _NEAR, _CROWD = 130.0, 80.0, 12  # size of small areas; how near how many are a crowd


@dataclass(frozen=True)
class Atlas:
    """Areas in a box 1000 wide, y down; the rings of all areas one after another.

    Args:
        areas: Codes of the areas, in the order given.
        points: Points of the rings, each once [points, 2].
        weights: Area of the triangle that leaves with each point; what is below the resolution of
            a map may be left out [points].
        starts: First point of each ring, and one more than the last [rings + 1].
        owner: Place of each ring's area in `areas` [rings].
        tiles: Areas without an outline, drawn as a square.
        grid: Whether all are tiles.
        size: Width and height, a strip of tiles included.
    """

    areas: tuple[str, ...]
    points: Floats
    weights: Floats
    starts: Ints
    owner: Ints
    tiles: frozenset[str]
    grid: bool
    size: tuple[float, float]

    @cached_property
    def place(self) -> dict[str, int]:
        """Place of each code."""
        return {code: at for at, code in enumerate(self.areas)}

    @cached_property
    def boxes(self) -> Floats:
        """Least x and y, largest x and y of each ring [rings, 4]."""
        least = np.minimum.reduceat(self.points, self.starts[:-1])
        return np.hstack([least, np.maximum.reduceat(self.points, self.starts[:-1])])

    @cached_property
    def _after(self) -> Ints:
        """Place of the point after each in its ring [points]."""
        after = np.arange(1, len(self.points) + 1)
        after[self.starts[1:] - 1] = self.starts[:-1]
        return after

    @cached_property
    def sizes(self) -> Floats:
        """Area within each ring [rings]."""
        (x, y), (u, v) = self.points.T, self.points[self._after].T
        return np.asarray(np.abs(np.add.reduceat(x * v - u * y, self.starts[:-1])) / 2)

    @cached_property
    def main(self) -> NDArray[np.bool_]:
        """Whether each ring is the largest of its area, which is never left out [rings]."""
        order = np.lexsort((self.sizes, self.owner))
        found = np.zeros(self.owner.size, dtype=np.bool_)
        found[order[np.diff(self.owner[order], append=-1) != 0]] = True
        return found

    @cached_property
    def silhouette(self) -> list[Floats]:
        """Outlines of the whole country, coarse: each a ring [points, 2]."""
        rings = []
        beside = np.isin(self.owner, [self.place[code] for code in self.tiles])
        for ring in np.flatnonzero(~beside & (self.main | (self.sizes > _COARSE))):
            here = slice(self.starts[ring], self.starts[ring + 1])
            rings.append(self.points[here][kept(self.weights[here], _COARSE)])
        return united(rings)

    @cached_property
    def crowd(self) -> Box | None:
        """The square with the most small areas, such as London's, if there are many."""
        size = np.bincount(self.owner, self.sizes)
        main = self.boxes[self.main]
        main = main[(size < _SMALL)[self.owner[self.main]] & (main[:, 2] <= WIDTH)]
        if self.grid or not len(main):
            return None
        middle = (main[:, :2] + main[:, 2:]) / 2
        near = np.asarray((np.abs(middle[:, None] - middle) < _NEAR / 2).all(axis=2))
        most = near[np.argmax(near.sum(axis=1))]
        if most.sum() < _CROWD:
            return None
        x0, y0 = main[most, :2].min(axis=0).tolist()
        x1, y1 = main[most, 2:].max(axis=0).tolist()
        half = 0.52 * max(x1 - x0, y1 - y0)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        return x - half, y - half, x + half, y + half

    def room(self, side: int, near: Box) -> tuple[float, float] | None:
        """Return the corner of a square of sea, as near as may be to a box; none in a full map.

        Args:
            side: Of the square, in steps of `STEP`.
            near: The box.
        """
        across, down = int(WIDTH) // STEP, int(self.size[1]) // STEP
        steps = self.points[self._after] - self.points
        long = np.hypot(*steps.T) > STEP
        between = self.points[long][:, None] + steps[long][:, None] * np.linspace(0, 1, 99)[:, None]
        cells = (np.concatenate([self.points, between.reshape(-1, 2)]) // STEP).astype(np.int64)
        filled = np.zeros((max(across, cells[:, 0].max()) + 1, max(down, cells[:, 1].max()) + 1))
        filled[cells[:, 0], cells[:, 1]] = 1
        total = np.pad(filled.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        part = total[: across + 1, : down + 1]
        within = (
            part[side:, side:] - part[:-side, side:] - part[side:, :-side] + part[:-side, :-side]
        )
        corners = np.argwhere(within == 0) * float(STEP)
        middles = corners + side * STEP / 2
        away = np.abs(middles - ((near[0] + near[2]) / 2, (near[1] + near[3]) / 2)).max(axis=1)
        for at in np.argsort(away, kind="stable"):
            if not self._on_land(middles[at]):
                return float(corners[at, 0]), float(corners[at, 1])
        return None

    def _on_land(self, point: Floats) -> bool:
        (x, y), (u, v) = self.points.T, self.points[self._after].T
        crosses = (y > point[1]) != (v > point[1])
        reach = x + (point[1] - y) / np.where(crosses, v - y, 1.0) * (u - x)
        return bool((crosses & (reach > point[0])).sum() % 2)

    def box(self, codes: Iterable[str]) -> Box:
        """Return the box around areas."""
        places = [self.place[code] for code in codes]
        found = self.boxes[np.isin(self.owner, places)]
        x0, y0 = found[:, :2].min(axis=0).tolist()
        x1, y1 = found[:, 2:].max(axis=0).tolist()
        return x0, y0, x1, y1


def atlas(outlines: Mapping[str, Sequence[Floats]], areas: Sequence[str]) -> Atlas:
    """Fit the outlines of areas into a box.

    Args:
        outlines: Rings by code: longitude and latitude [degrees], or planar coordinates, where one
            lies outside of 180 and 90 degrees; others than the areas' are left aside.
        areas: Codes of the areas; one without outline is a tile beside the map, and without any
            outlines all are tiles, in the order given.

    Returns:
        The atlas.

    Notes:
        Longitudes and latitudes are projected by `albers`. Points are weighted by Visvalingam's
        rule, each once for all the areas that share it, so that borders stay common to both sides.

    Source:
        Visvalingam and Whyatt, Line generalisation by repeated elimination of points, The
        Cartographic Journal 30, 1993.

    >>> square = np.array([[0.0, 0.0], [400.0, 0.0], [400.0, 400.0], [0.0, 400.0], [0.0, 0.0]])
    >>> found = atlas({"X06000001": [square]}, ["X06000001", "X06000002"])
    >>> found.box(["X06000001"]), sorted(found.tiles)
    ((0.0, 0.0, 1000.0, 1000.0), ['X06000002'])
    """
    known = [(at, ring) for at, code in enumerate(areas) for ring in outlines.get(code, ())]
    height = 0.0
    pieces: list[Floats] = []
    owner: list[int] = []
    if known:
        height, pieces = _fitted([ring for _, ring in known])
        owner = [at for at, _ in known]
        whole = [at for at, piece in enumerate(pieces) if len(piece) > 2]
        pieces, owner = [pieces[at] for at in whole], [owner[at] for at in whole]
    weights = _weights(pieces) if pieces else np.empty(0)
    without = [at for at in range(len(areas)) if at not in set(owner)]
    tiles, size = _tiles(len(without), height if pieces else 0.0)
    starts = np.cumsum([0, *map(len, pieces), *map(len, tiles)])
    return Atlas(
        tuple(areas),
        np.concatenate([np.empty((0, 2)), *pieces, *tiles]),
        np.concatenate([weights, np.full(4 * len(tiles), np.inf)]),
        starts,
        np.array([*owner, *without], dtype=np.int64),
        frozenset(areas[at] for at in without),
        not pieces,
        size,
    )


def albers(points: Floats) -> Floats:
    """Project longitudes and latitudes onto a cone that keeps areas in proportion.

    Args:
        points: Longitude and latitude [degrees] [points, 2].

    Returns:
        x and y, of a globe of radius 1, y up [points, 2].

    Notes:
        n = (sin φ1 + sin φ2) / 2, C = cos² φ1 + 2 n sin φ1, ρ = √(C − 2 n sin φ) / n,
        θ = n (λ − λ0), x = ρ sin θ, y = ρ0 − ρ cos θ; the standard parallels φ1 and φ2 are at a
        sixth and five sixths of the latitudes. Around the equator n is 0 and the cone a cylinder.

    Source:
        Snyder, Map Projections: A Working Manual, USGS Professional Paper 1395, 1987, formulae
        14-1 to 14-6 (sphere) and 10-1, 10-2.
    """
    east = points[:, 0]
    if np.ptp(east) > 180:  # areas on both sides of the date line
        east = east % 360
    x, y = np.radians(east - (east.min() + east.max()) / 2), np.radians(points[:, 1])
    low, high = y.min() + np.ptp(y) / 6, y.max() - np.ptp(y) / 6
    n = (math.sin(low) + math.sin(high)) / 2
    if abs(n) < 1e-3:
        return np.column_stack([x * math.cos(low), np.sin(y) / math.cos(low)])
    c = math.cos(low) ** 2 + 2 * n * math.sin(low)
    rho = np.sqrt(np.maximum(c - 2 * n * np.sin(y), 0)) / n
    return np.column_stack([rho * np.sin(n * x), -rho * np.cos(n * x)])


def kept(weights: Floats, least: float) -> NDArray[np.bool_]:
    """Return which points of a ring are drawn: those of some weight, and no fewer than four.

    >>> kept(np.array([1.0, 9.0, 2.0, 8.0, 7.0]), 5.0).tolist()
    [False, True, False, True, True]
    """
    found = weights >= least
    if found.sum() < 3:
        found = np.zeros(weights.size, dtype=np.bool_)
        found[np.argsort(-weights, kind="stable")[:4]] = True
    return found


def clipped(ring: Floats, box: Box) -> Floats:
    """Return the part of a ring within a box, by one side of it after the other.

    Source:
        Sutherland and Hodgman, Reentrant polygon clipping, Communications of the ACM 17, 1974.

    >>> clipped(np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]]), (1, 1, 9, 9)).tolist()
    [[4.0, 1.0], [4.0, 4.0], [1.0, 4.0], [1.0, 1.0]]
    """
    for axis, edge, sign in ((0, box[0], 1), (1, box[1], 1), (0, box[2], -1), (1, box[3], -1)):
        beyond = sign * (ring[:, axis] - edge)
        if not len(ring) or (beyond >= 0).all():
            continue
        after, further = np.roll(ring, -1, axis=0), np.roll(beyond, -1)
        crosses = (beyond >= 0) != (further >= 0)
        share = beyond / np.where(crosses, beyond - further, 1.0)
        both = np.stack([ring, ring + share[:, None] * (after - ring)], axis=1)
        ring = both[np.column_stack([beyond >= 0, crosses])]
    return ring


def united(rings: Sequence[Floats]) -> list[Floats]:
    """Return the outlines around rings that share borders: what two have in common goes.

    >>> left = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> [len(ring) for ring in united([left, left + [1.0, 0.0]])]
    [6]
    """
    edges: set[frozenset[tuple[float, float]]] = set()
    for ring in rings:
        points = [tuple(point) for point in ring.tolist()]
        for a, b in zip(points, points[1:] + points[:1], strict=True):
            edges ^= {frozenset((a, b))}
    links: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for edge in sorted(map(sorted, edges)):
        if len(edge) == 2:
            links.setdefault(edge[0], []).append(edge[1])
            links.setdefault(edge[1], []).append(edge[0])
    found = []
    for start in list(links):
        loop, at = [], start
        while links[at]:
            onward = links[at].pop()
            links[onward].remove(at)
            loop.append(at)
            at = onward
        if len(loop) > 2:
            found.append(np.array(loop))
    return found


def _fitted(rings: Sequence[Floats]) -> tuple[float, list[Floats]]:
    """Return the height of the box and the rings in it, on the grid, repeated points left out."""
    cuts = np.cumsum([len(ring) for ring in rings])[:-1]
    points = np.concatenate(rings)
    if (np.abs(points) <= (180, 90)).all():
        points = albers(points)
    points = points * (1, -1)
    points = (points - points.min(axis=0)) * (WIDTH / max(float(np.ptp(points[:, 0])), 1e-12))
    points = np.rint(points / _GRID) * _GRID
    pieces = np.split(points, cuts)
    single = [ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] for ring in pieces]
    return float(points[:, 1].max()), single


def _weights(rings: Sequence[Floats]) -> Floats:
    """Return the weight of each point: where three borders meet it is infinite."""
    points, index = np.unique(np.rint(np.concatenate(rings) / _GRID), axis=0, return_inverse=True)
    index = index.reshape(-1)
    cuts = np.cumsum([len(ring) for ring in rings])[:-1]
    pieces = np.split(index, cuts)
    sides = np.sort(
        np.column_stack(
            [np.concatenate([np.roll(piece, by) for piece in pieces]) for by in (1, -1)]
        )
    )
    pairs = np.unique(np.column_stack([index, sides]), axis=0)
    free = np.bincount(pairs[:, 0], minlength=len(points)) == 1
    links = np.zeros((len(points), 2), dtype=np.int64)
    links[index] = sides
    found = _eliminated(points * _GRID, links, free)
    return np.asarray(found[index])


def _eliminated(points: Floats, links: Ints, free: NDArray[np.bool_]) -> Floats:
    """Take out the free point with the least triangle, again and again; return the triangles."""
    x, y, side = points[:, 0].tolist(), points[:, 1].tolist(), links.tolist()
    weights = np.full(len(points), np.inf)

    def triangle(at: int) -> float:
        a, b = side[at]
        return float(abs((x[a] - x[at]) * (y[b] - y[at]) - (x[b] - x[at]) * (y[a] - y[at])) / 2)

    now = {at: triangle(at) for at in np.flatnonzero(free).tolist()}
    heap = [(size, at) for at, size in now.items()]
    heapq.heapify(heap)
    most = 0.0
    while heap:
        size, at = heapq.heappop(heap)
        if now.get(at) != size:  # its neighbours have changed since
            continue
        del now[at]
        a, b = side[at]
        if a == b or (free[b] and a in side[b]) or (free[a] and b in side[a]):
            continue  # the last three points of a ring stay
        most = max(most, size)
        weights[at] = most
        for one, other in ((a, b), (b, a)):
            if one in now:
                side[one][side[one].index(at)] = other
                now[one] = triangle(one)
                heapq.heappush(heap, (now[one], one))
            elif free[one]:
                side[one][side[one].index(at)] = other
    return weights


def _tiles(count: int, height: float) -> tuple[list[Floats], tuple[float, float]]:
    """Return squares beside a box of some height, or a grid of them without one; and the size."""
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    if not height:
        across = max(math.ceil(math.sqrt(count)), 1)
        step = WIDTH / across
        found = [(square * 0.94 + (at % across, at // across)) * step for at in range(count)]
        return found, (WIDTH, math.ceil(count / across) * step)
    rows = max(int(height // _ROW), 1)
    left = WIDTH + _GAP
    corners = [(left + _COLUMN * (at // rows), _ROW * (at % rows)) for at in range(count)]
    wide = left + _COLUMN * math.ceil(count / rows) if count else WIDTH
    return [square * _TILE + corner for corner in corners], (wide, height)
