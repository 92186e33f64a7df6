"""The data that the pages' scripts read, as scripts: pages opened from disk cannot fetch files."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from ravenstein.release.charts.style import GREY, SIZE, styled, years
from ravenstein.tables.geography import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]
MOST_COMPARED = 4
SERIES = (
    "population",
    "births",
    "deaths",
    "natural_change",
    "internal_net",
    "international_in",
    "international_out",
    "international_net",
    "other_change",
)
"""Measures of an area's data; rates per 1,000 people are worked out in the page."""

# Analysis Function palette; each colour has its own shape and dash, so that none speaks alone.
# Turquoise and orange are for marks only: as text they would not stand out from white.
COLOURS = ("#12436D", "#28A197", "#801650", "#F46A25")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
SHAPES = ("circle", "square", "triangle-up", "diamond")


def script_json(value: Any) -> str:
    r"""Return JSON that may stand in a script, whatever its text holds.

    Args:
        value: What JSON can hold; keys stay in their order.

    Notes:
        `<`, `>` and `&` could end the script or begin another; U+2028 and U+2029 end a line in
        older JavaScript. As escapes they mean the same in JSON.

    >>> script_json(["</script>", "Ynys Môn"])
    '["\\u003c/script\\u003e","Ynys Môn"]'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def search_script(areas: Sequence[Row], gone: Sequence[Row]) -> str:
    """Return the search index: every area, and the codes that areas had before.

    Args:
        areas: `code`, `name`, `level` (of `LEVELS`) and `nation` (name) of each area.
        gone: `code`, `name` and `successors`, pairs of code and name, of each abolished area.

    Returns:
        Text of `assets/areas.js`. It also makes the place where areas' data are put.
    """
    levels = list(LEVELS.labels)
    index = {
        "levels": [label.lower() for label in LEVELS.labels.values()],
        "areas": [
            [row["code"], row["name"], levels.index(row["level"]), row["nation"] or ""]
            for row in areas
        ],
        "gone": [[row["code"], row["name"] or row["code"], row["successors"]] for row in gone],
        "data": {},
    }
    return f"window.ravenstein={script_json(index)};\n"


def area_script(area: Row) -> str:
    """Return the data of an area, for comparing and for evidence.

    Args:
        area: `code`, `name`, `level`, `unit` and `series`: by measure of `SERIES` the rows
            [year, value or None].

    Returns:
        Text of `data/CODE.js`.
    """
    wanted = {name: area["series"][name] for name in SERIES if name in area["series"]}
    data = {name: area[name] for name in ("code", "name", "level", "unit")} | {"series": wanted}
    return f"ravenstein.data[{script_json(area['code'])}]={script_json(data)};\n"


@cache
def vega_bundle() -> str:
    """Return Vega and what embeds it, with the interpreter of expressions: `assets/vega.js`.

    Notes:
        The pages' Content-Security-Policy forbids code made from text, which Vega's compiled
        expressions are; the interpreter that the bundle holds is used instead (`ast: true`).
    """
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


@cache
def compare_spec() -> str:
    """Return the chart of compared areas, its data and sizes still to come.

    Returns:
        Text of `assets/compare-spec.js`: a Vega specification. The page sets its data `series`
        (year, value, area: its place in the choice), `ends` (of each line of a label its `name`
        and height `label`; year and value of the area's last figure, which a link joins to `edge`,
        the last year of all, at the height `link`) and `zero`, and its signals `low`, `high`,
        `figures` (number format), `step` (smallest between ticks) and `room` (width of the
        labels) [pixels].
    """
    import altair as alt

    settings = {"low": 0, "high": 1, "figures": ",d", "step": 1, "room": 150}
    order = list(range(MOST_COMPARED))
    colour = alt.Color("area:O", scale=alt.Scale(domain=order, range=COLOURS), legend=None)
    shape = alt.Shape("area:O", scale=alt.Scale(domain=order, range=SHAPES), legend=None)
    dash = alt.StrokeDash("area:O", scale=alt.Scale(domain=order, range=DASHES), legend=None)
    # of about six ticks, the step is 1 or more from this reach on (d3's choice of 1, 2, 5 or 10)
    y_axis = alt.Axis(
        labelExpr="format(datum.value, high - low < 6 * SQRT1_2 ? figures : ',d')",
        tickCount=6,
        tickMinStep=alt.ExprRef("step"),
        domain=False,
        ticks=False,
    )
    reach = alt.Scale(domain=[{"expr": "low"}, {"expr": "high"}], nice=False, zero=False)
    y = alt.Y("value:Q", title=None, axis=y_axis, scale=reach)
    x, edge = years(8), alt.X("edge:Q")
    series = alt.Chart(alt.NamedData("series")).encode(x=x, y=y, color=colour)
    ends = alt.Chart(alt.NamedData("ends")).encode(color=colour)
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(color=GREY).encode(y=y)
    lines = series.mark_line(strokeWidth=2.5, invalid="break-paths-show-domains")
    points = series.mark_point(filled=True, size=45, opacity=1)
    links = ends.mark_rule(strokeWidth=1, xOffset=7, x2Offset=16)
    label = ends.mark_text(
        align="left", baseline="middle", dx=20, fontSize=SIZE, limit=alt.ExprRef("room")
    )
    layers = (
        zero,
        lines.encode(strokeDash=dash),
        points.encode(shape=shape),
        links.encode(x=x, x2="edge:Q", y=y, y2="link:Q"),
        label.encode(x=edge, y=alt.Y("label:Q"), text="name:N", color=alt.value("#14202b")),
    )
    parameters = [alt.param(name=name, value=value) for name, value in settings.items()]
    chart = alt.layer(*layers).add_params(*parameters).properties(width=600, height=360)
    return f"ravenstein.compareSpec={script_json(styled(chart, ('series', 'ends', 'zero')))};\n"
