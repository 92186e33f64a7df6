"""Charts of the passenger survey: weights, cells, sample designs."""

from __future__ import annotations

from functools import cache
from typing import Any

from ravenstein.release.charts.style import (
    DARK_BLUE,
    GREY,
    PINK,
    SIZE,
    WIDTH,
    Values,
    drawn,
    styled,
)


def weights_chart(values: Values) -> str:
    """Draw the weights of stages: smallest to largest, the middle of the cells, the median.

    Args:
        values: `stage` in order, `low`, `from`, `middle`, `to`, `high`.
    """
    return drawn(_weights_spec(), {"series": values})


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
    return styled(chart, ("series",))


def frontier_chart(values: Values, present: Values) -> str:
    """Draw the standard error of net migration against cost, and the present design as a point.

    Args:
        values: `cost` and `net` of each design of the frontier.
        present: The same of the present design, one row.
    """
    return drawn(_frontier_spec(), {"series": values, "present": present})


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
    point = here.mark_point(color=PINK, filled=True, size=90, opacity=1)
    text = here.mark_text(
        text="present design", dy=-14, fontSize=SIZE, color=PINK, fontWeight="bold"
    )
    layers = [layer.encode(x=x, y=y) for layer in (line, point, text)]
    chart = alt.layer(*layers).properties(width=WIDTH - 60, height=230)
    return styled(chart, ("series", "present"))


def cells_chart(values: Values) -> str:
    """Draw the shares of cells by their number of interviews, a bar a stage.

    Args:
        values: `stage` and `order` (of sizes) in order, `size`, `cells` (share).
    """
    return drawn(_cells_spec(), {"series": values})


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
    shades = [PINK, "#F46A25", "#A8BDD0", DARK_BLUE]
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
    return styled(chart, ("series",))


def _stages() -> Any:
    import altair as alt

    axis = alt.Axis(domain=False, ticks=False, labelLimit=190, grid=False)
    return alt.Y("stage:N", title=None, sort=None, axis=axis)
