"""Maps: hand-worked boxes and classes, and names that must not break a drawing."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ravenstein.core.errors import EstimateError
from ravenstein.release.maps import area_map, breaks_of, country_map, shortened
from ravenstein.release.outlines import albers, atlas

CODES = [f"X060000{number:02d}" for number in range(1, 10)]
COLOURS = ["#111111", "#222222", "#333333"]
NASTY = '<script>alert("1")</script>\'&'
LONG = "Llanfair" * 25
RIGHT_TO_LEFT = "\u202eחיפה ונפת"


def square(x, y, side=100.0):
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    return corners * side + (x, y)


def chessboard(count=9):
    """Nine squares of 100 km in metres, the first in the south-west."""
    rows = {code: (square(at % 3 * 1e5, at // 3 * 1e5, 1e5),) for at, code in enumerate(CODES)}
    return {code: rows[code] for code in CODES[:count]}


def parsed(svg):
    return ElementTree.fromstring(svg.replace("<svg class", "<svg xmlns='x' class"))


def drawn(code=CODES[4], names=None, board=None, **options):
    found = atlas(chessboard() if board is None else board, CODES)
    return area_map(found, code, names=names or {}, **options)


def painted(svg, colour):
    return re.findall(rf'<path fill="{colour}"[^>]*d="([^"]*)"', svg)


def country(values, names=None, board=None):
    return country_map(
        atlas(chessboard() if board is None else board, CODES), values, names=names or {},
        links={code: f"areas/{code}.html" for code in CODES[:2]}, breaks=[10, 20],
        colours=COLOURS, text={CODES[0]: "5 people"},
    )  # fmt: skip


def test_planar_coordinates_fill_the_box_north_up():
    found = atlas(chessboard(), CODES)
    third = 1000 / 3
    assert found.size == pytest.approx((1000, 1000))
    assert found.box(CODES[:1]) == pytest.approx((0, 2 * third, third, 1000), abs=0.01)
    assert found.box([CODES[2], CODES[8]]) == pytest.approx((2 * third, 0, 1000, 1000), abs=0.01)


def test_albers_keeps_areas_in_proportion():
    """A cell of a degree has sin(φ + 1°) − sin(φ) of the globe between two meridians."""
    side = np.linspace(0, 1, 200)
    ring = np.concatenate(
        [np.column_stack(pair) for pair in (
            (side, 0 * side), (1 + 0 * side, side), (1 - side, 1 + 0 * side), (0 * side, 1 - side)
        )]
    )  # fmt: skip
    places = [(-8.0, 50.0), (1.0, 50.0), (-4.0, 58.0)]
    x, y = albers(np.concatenate([ring + place for place in places])).T.reshape(2, 3, -1)
    size = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1) / 2
    true = [np.radians(1) * np.diff(np.sin(np.radians([lat, lat + 1])))[0] for _, lat in places]
    assert size == pytest.approx(np.array(true), rel=1e-3)


def test_longitudes_on_both_sides_of_the_date_line_stay_together():
    around = {CODES[0]: (square(179, -40, 0.5),), CODES[1]: (square(-179.5, -40, 0.5),)}
    west, east = (atlas(around, CODES[:2]).box([code]) for code in CODES[:2])
    assert west[2] < east[0]
    assert east[2] == pytest.approx(1000, abs=0.1)


def test_borders_stay_common_to_both_sides_when_simplified():
    """A border that zigzags by a metre is one line on the map, the same for both areas."""
    y = np.linspace(0, 100, 21)
    x = 100 + np.where(np.arange(21) % 2, 1.0, 0.0)
    border = np.column_stack([x, y])
    left = np.vstack([[[0, 0]], border, [[0, 100], [0, 0]]])
    right = np.vstack([[[200, 0], [200, 100]], border[::-1], [[200, 0]]])
    board = {CODES[0]: (left * 1000.0,), CODES[1]: (right * 1000.0,)}
    found = atlas(board, CODES[:2])
    sides = [
        {(*point, weight) for point, weight in zip(points.tolist(), weights.tolist(), strict=True)
         if 0 < point[1] < 500 and 400 < point[0] < 600}
        for points, weights in zip(np.split(found.points, found.starts[1:-1]),
                                   np.split(found.weights, found.starts[1:-1]), strict=True)
    ]  # fmt: skip
    assert sides[0] == sides[1]
    assert len(sides[0]) == 19
    assert np.isinf(found.weights).sum() == 4, "where both meet the sea, for each"


def test_a_map_shows_the_area_its_neighbours_and_those_alike():
    svg = drawn(similar=[CODES[0], CODES[4]], names={CODES[4]: "Middle"})
    root = ElementTree.fromstring(svg)
    assert root.attrib["viewBox"] == "0 0 960 760"
    assert len(painted(svg, "#12436D")) == 1
    assert [path.count("M") for path in painted(svg, "#A8BDD0")] == [1]
    assert [path.count("M") for path in painted(svg, "#DFE3E6")] == [7]
    assert "Middle</text>" in svg
    assert "style" not in svg
    assert "<rect" in svg


def test_an_area_is_a_square_in_the_middle_of_its_map():
    """Zoom 1.9: the square is 1/1.9 of the height."""
    (path,) = painted(drawn(), "#12436D")
    numbers = [int(number) for number in re.findall(r"-?\d+", path)]
    steps = np.array(numbers).reshape(-1, 2)
    assert np.abs(steps[1:]).max() == pytest.approx(760 / 1.9, abs=1)
    corners = steps.cumsum(axis=0)
    assert corners.mean(axis=0) == pytest.approx([480, 380], abs=1)


def test_several_areas_are_one_on_their_map():
    svg = drawn(CODES[:3], label="South")
    assert painted(svg, "#12436D")[0].count("M") == 3
    assert "South</text>" in svg
    assert "<text" not in drawn(CODES[:3])


def test_a_small_map_says_where_in_the_country():
    one = {CODES[0]: (square(0, 0, 10),), CODES[1]: (square(500, 500, 100),)}
    assert "<circle" in drawn(CODES[0], board=one)
    assert drawn(CODES[0], board=one).count("<rect") == 2
    assert "<circle" not in drawn(CODES[1], board={CODES[1]: one[CODES[1]]})


def test_areas_without_outline_are_tiles_beside_the_map():
    found = atlas(chessboard(7), CODES)
    assert found.tiles == {CODES[7], CODES[8]}
    assert not found.grid
    assert found.box([CODES[7]])[0] > 1000
    svg = country({}, {CODES[7]: NASTY, CODES[8]: LONG}, chessboard(7))
    assert "&lt;script&gt;alert(&quot;1&quot;…</text>" in svg
    assert "&lt;script" in drawn(CODES[7], {CODES[7]: NASTY}, chessboard(7))


def test_without_outlines_all_areas_are_tiles_in_order():
    found = atlas({}, CODES)
    assert found.tiles == set(CODES)
    assert found.size == (1000, 1000)
    assert found.box([CODES[3]]) == pytest.approx((0, 1000 / 3, 940 / 3, 1940 / 3))
    assert country({}, board={}).count("<path fill=") >= 9
    assert "<path" in drawn(board={})


def test_figures_are_in_classes_and_missing_ones_hatched():
    svg = country({CODES[0]: 9.9, CODES[1]: 10.0, CODES[2]: 20.0, CODES[3]: None})
    fills = [path.attrib["fill"] for path in parsed(svg).iter() if "d" in path.attrib]
    areas = fills[2:]  # after the two of the hatching
    assert areas[:3] == COLOURS
    assert set(areas[3:]) == {re.search(r"url\(#hatch-\w+\)", svg)[0]}
    assert re.findall(r"<a [^>]*>", svg) == [
        f'<a href="areas/{code}.html" tabindex="-1">' for code in CODES[:2]
    ]
    assert f"<title>{CODES[0]}: 5 people</title>" in svg
    assert f"<title>{CODES[1]}</title>" in svg
    with pytest.raises(EstimateError, match="do not fit"):
        country_map(atlas({}, CODES), {}, names={}, links={}, breaks=[1], colours=COLOURS, text={})


@pytest.mark.parametrize("name", [NASTY, LONG, RIGHT_TO_LEFT, "", "a\x00b\ud800\x1b"])
def test_names_cannot_break_a_map(name):
    codes = dict.fromkeys(CODES, name)
    for svg in (drawn(names=codes), country({}, codes)):
        root = parsed(svg)
        assert not [item for item in root.iter() if "script" in item.tag]
        assert not set(svg) & set("\x00\x1b\ud800")
    labels = re.findall(r">([^<]*)</text>", drawn(names=codes))
    assert all(len(text) <= 60 and "\u202e" not in text for text in labels)


def test_long_names_are_cut_and_hebrew_ones_run_to_the_left():
    assert shortened(LONG) == LONG[:27] + "…"
    assert 'direction="rtl"' in drawn(names={CODES[4]: RIGHT_TO_LEFT})
    tiles = country({}, dict.fromkeys(CODES, RIGHT_TO_LEFT), {})
    assert tiles.count('direction="rtl"') == 9, "those of tiles too"
    wide = re.search(r'<text x="(\d+)"', drawn(CODES[0], {CODES[0]: LONG}))
    assert 250 < int(wide[1]) < 710, "it is moved into the drawing"


def test_neighbours_have_their_names_where_there_is_room():
    names = {code: f"District {at}" for at, code in enumerate(CODES)} | {CODES[5]: LONG}
    texts = re.findall(r">([^<]*)</text>", drawn(names=names))
    assert sorted(texts) == [f"District {at}" for at in range(9) if at != 5]


def test_a_crowd_of_small_areas_is_drawn_again_larger():
    """Sixteen areas of 1 km beside one of 100 km, with the sea in the east."""
    small = {
        f"X06001{at:03d}": (square(100_000 + at % 4 * 1000, at // 4 * 1000, 1000),)
        for at in range(16)
    }
    board = {CODES[0]: (square(0, 0, 1e5),), CODES[1]: (square(2e5, 1.5e5, 1e4),), **small}
    found = atlas(board, list(board))
    x0, _, x1, _ = found.crowd
    west, east = (value / 2.1e5 * 1000 for value in (100_000, 104_000))
    assert (x0, x1) == pytest.approx((west - 0.4, east + 0.4), abs=0.1)
    svg = country_map(
        found, {}, names={}, links=dict.fromkeys(board, "a.html"), breaks=[], colours=COLOURS[:1],
        text={},
    )  # fmt: skip
    assert svg.count("<svg") == 2
    assert "17 times as large" in svg
    assert svg.count("a.html") == 2 * 16 + 2 + 1, "the large area is in view in both"


def test_unknown_areas_are_told():
    with pytest.raises(EstimateError, match="not on the map") as error:
        drawn("X06000099")
    assert error.value.found == "X06000099"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([None, float("nan"), 4], []),
        ([0] * 90 + [1] * 5 + [2] * 5, [1, 2]),
        ([-1, 1], [0]),
        (range(1000), [200, 400, 600, 800]),
        ([0.0012, 0.0013, 0.0019, 0.0011, 0.002], [0.0012, 0.0013, 0.0019, 0.002]),
    ],
)
def test_breaks_are_readable_and_leave_no_class_empty(values, expected):
    assert breaks_of(values) == expected


@pytest.mark.parametrize("seed", range(20))
def test_breaks_of_figures_on_both_sides_have_a_0(seed):
    values = np.random.default_rng(seed).normal(200, 500, 374).round()
    breaks = breaks_of(values)
    assert breaks == sorted(set(breaks))
    assert 0 in breaks
    assert len(breaks) == 4
    assert np.bincount(np.searchsorted(breaks, values, "right"), minlength=5).min() > 20
