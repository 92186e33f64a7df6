"""Charts: Altair specifications, drawn as SVG. Palette: UK Government Analysis Function."""

from __future__ import annotations

import copy
import itertools
from functools import cache
from typing import Any

DARK_BLUE, GREY, GRID = "#12436D", "#3D3D3D", "#DDE1E4"
TEAL, ORANGE = "#28A197", "#F46A25"
FONT = "Arial, Helvetica, sans-serif"
WIDTH, SIZE = 460, 14
PANELS = {
    "natural_change": "Births minus deaths",
    "internal_net": "Migration within the country",
    "international_net": "International migration",
    "other_change": "Other changes",
}

Values = list[dict[str, Any]]


def population_chart(values: Values) -> str:
    """Draw a population over time as a line, its last point labelled.

    Args:
        values: `year` and `population` [persons] of each year with a figure.

    Returns:
        The SVG.
    """
    last = values[-1]
    label = [{**last, "text": f"{last['population']:,}"}]
    # a line that falls to its end passes above the last point: the label then stands below
    falls = values[-2]["population"] > last["population"]
    above, below = ([], label) if falls else (label, [])
    return _drawn(_population_spec(), {"series": values, "above": above, "below": below})


def components_chart(values: Values) -> str:
    """Draw the components of change as four small bar charts on one scale.

    Args:
        values: `year` and the components of `PANELS` [persons] of each year with figures.

    Returns:
        The SVG.
    """
    rows = [
        {"year": row["year"], "panel": title, "persons": row[name]}
        for name, title in PANELS.items()
        for row in values
    ]
    return _drawn(_components_spec(), {"series": rows})


def flow_chart(values: Values, reach: tuple[float, float]) -> str:
    """Draw a flow over time as a line with its intervals as a band.

    Args:
        values: `year`, `persons`, `lower` and `upper` of each year.
        reach: Smallest and largest value of the axis, so that charts beside it are alike.
    """
    frame = [{"year": values[0]["year"], "persons": value} for value in reach]
    return _drawn(_flow_spec(), {"series": values, "frame": frame})


def _banded(opacity: float) -> tuple[Any, Any, Any, Any]:
    """Return axes of years and persons, the frame that sets their reach, and the band."""
    import altair as alt

    y = alt.Y(
        "persons:Q",
        title=None,
        axis=alt.Axis(format=",d", tickCount=5, tickMinStep=1, domain=False, ticks=False),
    )
    x = _years(4)
    frame = alt.Chart(alt.NamedData("frame")).mark_point(opacity=0).encode(x=x, y=y)
    area = alt.Chart(alt.NamedData("series")).mark_area(color=DARK_BLUE, opacity=opacity)
    band = area.encode(x=x, y=alt.Y("lower:Q", title=None), y2="upper:Q")
    return x, y, frame, band


@cache
def _flow_spec() -> dict[str, Any]:
    import altair as alt

    x, y, frame, band = _banded(0.25)
    data = alt.NamedData("series")
    line = alt.Chart(data).mark_line(color=DARK_BLUE, strokeWidth=2.5).encode(x=x, y=y)
    zero = alt.Chart(data).mark_rule(color=GREY).encode(y=alt.datum(0))
    chart = alt.layer(frame, band, line, zero).properties(width=WIDTH / 2, height=170)
    return _styled(chart, ("series", "frame"))


def trend_chart(values: Values, trend: Values, reach: tuple[float, float]) -> str:
    """Draw a flow over time with its intervals as a band, provisional years dashed, and its trend.

    Args:
        values: `year`, `persons`, `lower`, `upper` and `provisional` of each year.
        trend: `year` and `persons` of the trend; none where there is none.
        reach: Smallest and largest value of the axis, so that charts beside it are alike.
    """
    frame = [{"year": values[0]["year"], "persons": value} for value in reach]
    pairs = [
        {"year": row["year"], "persons": row["persons"], "piece": i,
         "late": "yes" if a["provisional"] or b["provisional"] else "no"}
        for i, (a, b) in enumerate(itertools.pairwise(values))
        for row in (a, b)
    ]  # fmt: skip
    sets = {"series": values, "frame": frame, "pieces": pairs, "trend": trend}
    return _drawn(_trend_spec(), sets)


@cache
def _trend_spec() -> dict[str, Any]:
    import altair as alt

    x, y, frame, band = _banded(0.2)
    dashes = alt.Scale(domain=["no", "yes"], range=[[1, 0], [4, 3]])
    line = (
        alt.Chart(alt.NamedData("pieces"))
        .mark_line(color=DARK_BLUE, strokeWidth=2.2)
        .encode(x=x, y=y, detail="piece:N",
                strokeDash=alt.StrokeDash("late:N", scale=dashes, legend=None))
    )  # fmt: skip
    trend = alt.Chart(alt.NamedData("trend")).mark_line(color=ORANGE, strokeWidth=2.2)
    zero = alt.Chart(alt.NamedData("series")).mark_rule(color=GREY).encode(y=alt.datum(0))
    layers = (frame, band, zero, line, trend.encode(x=x, y=y))
    chart = alt.layer(*layers).properties(width=WIDTH / 2, height=180)
    return _styled(chart, ("series", "frame", "pieces", "trend"))


def waterfall_chart(values: Values) -> str:
    """Draw how components add up to a total: each bar begins where the one above it ends.

    Args:
        values: `part` in order, `start`, `end` [persons], `kind` (level, plus or minus), `text`.
    """
    rows = [row | {"edge": max(row["start"], row["end"])} for row in values]
    room = [{"start": 1.15 * max(row["edge"] for row in rows)}]  # for the label of the longest
    return _drawn(_waterfall_spec(), {"series": rows, "frame": room})


@cache
def _waterfall_spec() -> dict[str, Any]:
    import altair as alt

    data = alt.NamedData("series")
    axis = alt.Axis(format=",d", tickCount=4, domain=False, ticks=False)
    x = alt.X("start:Q", title=None, axis=axis, scale=alt.Scale(zero=True, nice=False))
    y = alt.Y(
        "part:N", title=None, sort=None,
        axis=alt.Axis(domain=False, ticks=False, labelLimit=140, labelPadding=8, grid=False),
    )  # fmt: skip
    shades = alt.Scale(domain=["level", "plus", "minus"], range=[DARK_BLUE, TEAL, ORANGE])
    color = alt.Color("kind:N", scale=shades, legend=None)
    base = alt.Chart(data).encode(y=y)
    bars = base.mark_bar(height=18).encode(x=x, x2="end:Q", color=color)
    label = base.mark_text(align="left", dx=5, fontSize=SIZE - 1, color=GREY)
    zero = alt.Chart(data).mark_rule(color=GREY).encode(x=alt.datum(0))
    room = alt.Chart(alt.NamedData("frame")).mark_point(opacity=0).encode(x=x)
    layers = (room, bars, label.encode(x=alt.X("edge:Q"), text="text:N"), zero)
    chart = alt.layer(*layers).properties(width=WIDTH - 150, height=alt.Step(30))
    return _styled(chart, ("series", "frame"))


def weights_chart(values: Values) -> str:
    """Draw the weights of stages: smallest to largest, the middle of the cells, the median.

    Args:
        values: `stage` in order, `low`, `from`, `middle`, `to`, `high`.
    """
    return _drawn(_weights_spec(), {"series": values})


@cache
def _weights_spec() -> dict[str, Any]:
    import altair as alt

    data = alt.NamedData("series")
    x = alt.X(
        "low:Q",
        title=None,
        scale=alt.Scale(type="log", nice=False, padding=8),
        axis=alt.Axis(format="~r", domain=False, ticks=False, tickCount=5),
    )
    base = alt.Chart(data).encode(y=_stages())
    rule = base.mark_rule(color=DARK_BLUE).encode(x=x, x2="high:Q")
    inner = base.mark_bar(color=DARK_BLUE, height=10, opacity=0.45).encode(x="from:Q", x2="to:Q")
    dot = base.mark_point(color=DARK_BLUE, filled=True, size=70, opacity=1).encode(x="middle:Q")
    one = alt.Chart(data).mark_rule(color=GREY, strokeDash=[3, 3]).encode(x=alt.datum(1))
    chart = alt.layer(one, rule, inner, dot).properties(width=WIDTH - 190, height=alt.Step(34))
    return _styled(chart, ("series",))


def frontier_chart(values: Values, present: Values) -> str:
    """Draw the standard error of net migration against cost, and the present design as a point.

    Args:
        values: `cost` and `net` of each design of the frontier.
        present: The same of the present design, one row.
    """
    return _drawn(_frontier_spec(), {"series": values, "present": present})


@cache
def _frontier_spec() -> dict[str, Any]:
    import altair as alt

    axis = alt.Axis(
        format="~s", domain=False, ticks=False, tickCount=5, titleFontSize=SIZE, titleColor=GREY,
        titleFontWeight="normal",
    )  # fmt: skip
    x = alt.X("cost:Q", title="Cost", axis=axis, scale=alt.Scale(zero=False, padding=12))
    y = alt.Y("net:Q", title=None, axis=axis, scale=alt.Scale(zero=True))
    line = alt.Chart(alt.NamedData("series")).mark_line(color=DARK_BLUE, strokeWidth=2.5)
    here = alt.Chart(alt.NamedData("present"))
    point = here.mark_point(color="#801650", filled=True, size=90, opacity=1)
    text = here.mark_text(
        text="present design", dy=-14, fontSize=SIZE, color="#801650", fontWeight="bold"
    )
    layers = [layer.encode(x=x, y=y) for layer in (line, point, text)]
    chart = alt.layer(*layers).properties(width=WIDTH - 60, height=230)
    return _styled(chart, ("series", "present"))


def cells_chart(values: Values) -> str:
    """Draw the shares of cells by their number of interviews, a bar a stage.

    Args:
        values: `stage` and `order` (of sizes) in order, `size`, `cells` (share).
    """
    return _drawn(_cells_spec(), {"series": values})


@cache
def _cells_spec() -> dict[str, Any]:
    import altair as alt

    x = alt.X(
        "cells:Q",
        title=None,
        stack="zero",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", tickCount=3, domain=False, ticks=False),
    )
    shades = ["#801650", "#F46A25", "#A8BDD0", DARK_BLUE]
    legend = alt.Legend(
        title=None,
        orient="top",
        labelFontSize=SIZE,
        labelColor=GREY,
        columns=2,
        symbolType="square",
    )
    color = alt.Color("size:N", sort=None, scale=alt.Scale(range=shades), legend=legend)
    chart = (
        alt.Chart(alt.NamedData("series"))
        .mark_bar(height=18)
        .encode(x=x, y=_stages(), color=color, order="order:Q")
        .properties(width=WIDTH - 190, height=alt.Step(34))
    )
    return _styled(chart, ("series",))


def _stages() -> Any:
    import altair as alt

    axis = alt.Axis(domain=False, ticks=False, labelLimit=190, grid=False)
    return alt.Y("stage:N", title=None, sort=None, axis=axis)


@cache
def _population_spec() -> dict[str, Any]:
    import altair as alt

    y = alt.Y(
        "population:Q",
        title=None,
        scale=alt.Scale(zero=False, padding=24),
        axis=alt.Axis(format=",d", tickCount=5, tickMinStep=1, domain=False, ticks=False),
    )
    line = alt.Chart(alt.NamedData("series")).mark_line(color=DARK_BLUE, strokeWidth=3)
    ends = []
    for name, shift in (("above", -14), ("below", 20)):
        last = alt.Chart(alt.NamedData(name))
        ends.append(last.mark_point(color=DARK_BLUE, filled=True, size=70, opacity=1))
        text = last.mark_text(
            align="right", dx=-2, dy=shift, fontSize=SIZE + 1, fontWeight="bold", color=DARK_BLUE
        )
        ends.append(text.encode(text="text:N"))
    chart = alt.layer(line, *ends).encode(x=_years(6), y=y).properties(width=WIDTH - 80, height=230)
    return _styled(chart, ("series", "above", "below"))


def _years(ticks: int) -> Any:
    import altair as alt

    axis = alt.Axis(format="d", grid=False, tickMinStep=1, tickCount=ticks)
    scale = alt.Scale(nice=False, padding=8, zero=False)
    return alt.X("year:Q", title=None, axis=axis, scale=scale)


@cache
def _components_spec() -> dict[str, Any]:
    import altair as alt

    y = alt.Y(
        "persons:Q",
        title=None,
        axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1, domain=False, ticks=False),
    )
    data = alt.NamedData("series")
    bars = alt.Chart(data).mark_bar(color=DARK_BLUE, size=6).encode(x=_years(3), y=y)
    zero = alt.Chart(data).mark_rule(color=GREY).encode(y=alt.datum(0))
    chart = (
        alt.layer(bars, zero)
        .properties(width=WIDTH / 2 - 52, height=120)
        .facet(
            facet=alt.Facet(
                "panel:N",
                title=None,
                sort=list(PANELS.values()),
                header=alt.Header(labelFontSize=SIZE, labelFontWeight="bold", labelAnchor="start"),
            ),
            columns=2,
            spacing=18,
        )
    )
    return _styled(chart, ("series",))


def _styled(chart: Any, datasets: tuple[str, ...]) -> dict[str, Any]:
    # the page names each chart and holds its figures as a table; marks need no names of their own
    spec = (
        chart.configure(font=FONT, background="transparent", aria=False)
        .configure_mark(aria=False)
        .configure_axis(labelFontSize=SIZE, labelColor=GREY, gridColor=GRID, labelFlush=False)
        .configure_view(stroke=None)
        .configure_header(labelColor=GREY)
    )
    full: dict[str, Any] = spec.to_dict()
    full["datasets"] = {name: [] for name in datasets}
    return full


def _drawn(spec: dict[str, Any], datasets: dict[str, Values]) -> str:
    import vl_convert

    filled = copy.copy(spec)
    filled["datasets"] = datasets
    svg: str = vl_convert.vegalite_to_svg(filled)
    return svg
