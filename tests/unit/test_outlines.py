"""Outlines: read from small files made by hand, and drawn for the twin."""

import json

import numpy as np
import pytest

from ravenstein.core.errors import SourceError
from ravenstein.core.seeds import step_generator
from ravenstein.store.readers.code_changes import read_code_changes
from ravenstein.store.readers.outlines import looks_like_outlines, read_outlines
from ravenstein.twin.geography import areas
from ravenstein.twin.outlines import code_changes, outlines

WEST, EAST = "X06000001", "X06000002"
# two squares of side 10 with the border from (10, 0) to (10, 10) in common: arc 0
ARCS = [
    [[10, 0], [10, 10]],
    [[10, 10], [0, 10], [0, 0], [10, 0]],
    [[10, 0], [20, 0], [20, 10], [10, 10]],
]
LEFT = [[10, 0], [10, 10], [0, 10], [0, 0], [10, 0]]
RIGHT = [[10, 0], [20, 0], [20, 10], [10, 10], [10, 0]]


def polygon(code, arcs, **properties):
    return {"type": "Polygon", "arcs": [arcs], "properties": {"LAD21CD": code, **properties}}


def topology(**changes):
    layer = {
        "type": "GeometryCollection",
        "geometries": [polygon(WEST, [0, 1], name="West"), polygon(EAST, [2, -1], name="East")],
    }
    return {"type": "Topology", "arcs": ARCS, "objects": {"lad": layer}} | changes


def features(*rows):
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": properties, "geometry": geometry}
            for properties, geometry in rows
        ],
    }


def read(folder, content, **options):
    path = folder / "outlines.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_outlines(path, path.name, **options)


def points(rings):
    return [ring.tolist() for ring in rings]


def test_arcs_are_stitched_and_a_reversed_one_runs_from_its_end(tmp_path):
    found = read(tmp_path, topology())
    assert points(found[WEST]) == [LEFT]
    assert points(found[EAST]) == [RIGHT]
    assert looks_like_outlines(tmp_path / "outlines.json")


def test_a_quantised_topology_holds_steps_on_a_grid(tmp_path):
    steps = [np.diff(arc, axis=0, prepend=0).tolist() for arc in ARCS]
    grid = {"scale": [0.5, 2], "translate": [100, 200]}
    found = read(tmp_path, topology(arcs=steps, transform=grid))
    expected = (np.array(RIGHT) * (0.5, 2) + (100, 200)).tolist()
    assert points(found[EAST]) == [expected]


def test_geojson_may_hold_parts_heights_and_other_shapes(tmp_path):
    high = [[*point, 55.5] for point in LEFT]
    content = features(
        ({"code": WEST, "region": "X12000001"}, {"type": "Polygon", "coordinates": [high]}),
        ({"code": EAST, "region": "X12000001"},
         {"type": "MultiPolygon", "coordinates": [[RIGHT], [LEFT]]}),
        ({"code": None}, {"type": "Point", "coordinates": [1, 2]}),
        ({"code": None}, None),
    )  # fmt: skip
    found = read(tmp_path, content)
    assert {code: points(rings) for code, rings in found.items()} == {
        WEST: [LEFT],
        EAST: [RIGHT, LEFT],
    }


def test_shapes_hold_from_the_first_to_the_last_of_their_years(tmp_path):
    layers = {
        "old": polygon("X06000009", [0, 1], end=2018),
        "new": polygon(WEST, [0, 1], start=2019),
        "always": polygon(EAST, [2, -1]),
    }
    content = topology(objects=layers)
    assert set(read(tmp_path, content, year=2018)) == {"X06000009", EAST}
    assert set(read(tmp_path, content, year=2019)) == {WEST, EAST}
    assert set(read(tmp_path, content)) == {"X06000009", WEST, EAST}
    with pytest.raises(SourceError, match="No outline is left"):
        read(tmp_path, topology(objects={"old": layers["old"]}), year=2019)


def test_an_area_may_stand_in_two_layers_with_the_same_outline_only(tmp_path):
    twice = {"one": polygon(WEST, [0, 1]), "two": polygon(WEST, [1, 0])}
    assert points(read(tmp_path, topology(objects=twice))[WEST]) == [LEFT]
    twice["two"] = polygon(WEST, [2, -1])
    with pytest.raises(SourceError, match="two outlines") as error:
        read(tmp_path, topology(objects=twice))
    assert error.value.where == f"outlines.json, layer two, {WEST}"


SQUARE = {"type": "Polygon", "coordinates": [LEFT]}


@pytest.mark.parametrize(
    ("content", "problem", "told"),
    [
        ("{", "not JSON", "line 1"),
        ("[" * 100_000, "not JSON", "recursion"),
        ("[1]", "holds no outlines", "a list"),
        ('{"type": "Feature"}', "holds no outlines", "'Feature'"),
        (features(({"name": "Hull"}, SQUARE)), "No property holds", "properties name"),
        (features(({"code": WEST}, SQUARE), ({"code": "Hull"}, SQUARE)), "No property holds",
         "code: 1 codes in 2 shapes, and 'Hull'"),
        (features(({"code": WEST}, {"type": "Point", "coordinates": [1, 2]})), "no polygons", ""),
        (features(), "no polygons", ""),
        (topology(arcs=ARCS[:2]), "An arc is missing", EAST),
        (topology(arcs=[ARCS[0], ARCS[1], ARCS[1]]), "Arcs do not join", EAST),
        (topology(arcs=[ARCS[0], ARCS[1][:-1], ARCS[2]]), "not closed", WEST),
        (topology(arcs=[ARCS[0], "x", ARCS[2]]), "An arc cannot be read", "arc 1"),
        (topology(arcs=[ARCS[0], [*ARCS[1][:-1], [float("nan"), 1], ARCS[1][-1]], ARCS[2]]),
         "not finite", "1 points"),
        (features(({"code": WEST}, {"type": "Polygon", "coordinates": [[]]})), "cannot be read",
         WEST),
        (features(({"code": WEST}, {"type": "Polygon", "coordinates": [[1, 2]]})),
         "cannot be read", WEST),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told(tmp_path, content, problem, told):
    with pytest.raises(SourceError, match=problem) as error:
        read(tmp_path, content)
    assert told in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        read_outlines(tmp_path / "none.json", "none.json")
    assert not looks_like_outlines(tmp_path / "none.json")


@pytest.mark.parametrize("count", [2, 20, 374])
def test_the_twin_has_an_outline_of_every_area(tmp_path, count):
    known = areas(count)
    found = read(tmp_path, outlines(known, step_generator(7, "twin/outlines")))
    assert tuple(found) == known.codes
    edges: dict[tuple, int] = {}
    for rings in found.values():
        for ring in rings:
            for a, b in zip(ring[:-1].tolist(), ring[1:].tolist(), strict=True):
                edges[(*a, *b)] = edges.get((*a, *b), 0) + 1
    # areas do not overlap: nothing has the same land on its left as another
    assert set(edges.values()) == {1}
    shared = sum((x1, y1, x0, y0) in edges for x0, y0, x1, y1 in edges)
    assert shared > len(edges) / 6


def test_the_first_nation_of_the_twin_lies_in_the_north(tmp_path):
    known = areas(20)
    text = outlines(known, step_generator(1, "twin/outlines"))
    assert text == outlines(known, step_generator(1, "twin/outlines"))
    found = read(tmp_path, text)
    middle = np.array([np.concatenate(found[code])[:, 1].mean() for code in known.codes])
    main = np.array([name != "Sallow Islands" for name in known.names])
    north, south = middle[known.nation == 0], middle[(known.nation == 1) & main]
    assert np.median(north) > south.max()


def test_earlier_codes_of_the_twin_are_read_as_official_ones_are(tmp_path):
    path = tmp_path / "code_changes.csv"
    rows = code_changes(areas(20), 2001)
    lines = [",".join(map(str, row.values())) for row in rows.to_pylist()]
    path.write_text("\n".join([",".join(rows.column_names), *lines]) + "\n")
    assert read_code_changes(path, path.name).to_pylist() == [
        {"old": "X06000901", "new": "X06000009", "kind": "merger", "start": 2003},
        {"old": "X06000902", "new": "X06000009", "kind": "merger", "start": 2003},
        {"old": "Y06000901", "new": "Y06000001", "kind": "merger", "start": 2006},
    ]
    assert code_changes(areas(8), 2001).num_rows == 0
