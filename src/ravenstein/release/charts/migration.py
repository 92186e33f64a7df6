"""Charts of migration: flows with their intervals, trend, components."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

from ravenstein.release.charts.style import (
    DARK_BLUE,
    GREY,
    ORANGE,
    SIZE,
    TEAL,
    WIDTH,
    Values,
    banded,
    drawn,
    styled,
    years,
)


def flow_chart(values: Values, reach: tuple[float, float]) -> str:
    """Draw a flow over time as a line with its intervals as a band.

    Args:
        values: `year`, `persons`, `lower` and `upper` of each year.
        reach: Smallest and largest value of the axis, so that charts beside it are alike.
    """
    frame = [{"year": values[0]["year"], "persons": value} for value in reach]
    return drawn(_flow_spec(), {"series": values, "frame": frame})


@cache
def _flow_spec() -> dict[str, Any]:
    import altair as alt

    x, y, frame, band = banded(0.25)
    data = alt.NamedData("series")
    line = alt.Chart(data).mark_line(color=DARK_BLUE, strokeWidth=2.5).encode(x=x, y=y)
    zero = alt.Chart(data).mark_rule(color=GREY).encode(y=alt.datum(0))
    chart = alt.layer(frame, band, line, zero).properties(width=WIDTH / 2, height=170)
    return styled(chart, ("series", "frame"))


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
    names = [{"year": "each year", "trend": "trend"}] if trend else []
    sets = {"series": values, "frame": frame, "pieces": pairs, "trend": trend, "names": names}
    return drawn(_trend_spec(), sets)


@cache
def _trend_spec() -> dict[str, Any]:
    import altair as alt

    x, y, frame, band = banded(0.2)
    dashes = alt.Scale(domain=["no", "yes"], range=[[1, 0], [4, 3]])
    line = (
        alt.Chart(alt.NamedData("pieces"))
        .mark_line(color=DARK_BLUE, strokeWidth=2.2)
        .encode(x=x, y=y, detail="piece:N",
                strokeDash=alt.StrokeDash("late:N", scale=dashes, legend=None))
    )  # fmt: skip
    trend = alt.Chart(alt.NamedData("trend")).mark_line(color=ORANGE, strokeWidth=2.2)
    zero = alt.Chart(alt.NamedData("series")).mark_rule(color=GREY).encode(y=alt.datum(0))
    named = [
        alt.Chart(alt.NamedData("names"))
        .mark_text(align="left", fontSize=SIZE - 1, fontWeight="bold", color=colour)
        .encode(x=alt.value(6), y=alt.value(180 - above), text=f"{name}:N")
        for name, colour, above in (("year", DARK_BLUE, 28), ("trend", "#A64A14", 11))
    ]
    layers = (frame, band, zero, line, trend.encode(x=x, y=y), *named)
    chart = alt.layer(*layers).properties(width=WIDTH / 2, height=180)
    return styled(chart, ("series", "frame", "pieces", "trend", "names"))


def waterfall_chart(values: Values) -> str:
    """Draw how components add up to a total: each bar begins where the one above it ends.

    Args:
        values: `part` in order, `start`, `end` [persons], `kind` (level, plus or minus), `text`.
    """
    rows = [row | {"edge": max(row["start"], row["end"])} for row in values]
    room = [{"start": 1.15 * max(row["edge"] for row in rows)}]  # for the label of the longest
    return drawn(_waterfall_spec(), {"series": rows, "frame": room})


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
    return styled(chart, ("series", "frame"))


def groups_chart(values: Values) -> str:
    """Draw both flows of several groups over time, a panel a group, provisional years dashed.

    Args:
        values: `group` in order, `flow` (immigration or emigration), `year`, `persons`,
            `provisional`. Lines have gaps where years are missing.
    """
    groups: dict[tuple[str, str], Values] = {}
    for row in values:
        groups.setdefault((row["group"], row["flow"]), []).append(row)
    pieces = [
        {"group": group, "flow": flow, "year": row["year"], "persons": row["persons"],
         "piece": f"{flow}{i}", "text": "",
         "late": "yes" if a["provisional"] or b["provisional"] else "no"}
        for (group, flow), rows in groups.items()
        for i, (a, b) in enumerate(itertools.pairwise(rows))
        if b["year"] == a["year"] + 1
        for row in (a, b)
    ]  # fmt: skip
    names = tuple(dict.fromkeys(row["group"] for row in values))
    for flow, text in (("immigration", "in"), ("emigration", "out")):
        # the first panel says which line is which: at the last year of its line
        own = [row for row in pieces if (row["group"], row["flow"]) == (names[0], flow)]
        if own:
            own[-1]["text"] = text
    return drawn(_groups_spec(names), {"pieces": pieces})


@cache
def _groups_spec(names: tuple[str, ...]) -> dict[str, Any]:
    import altair as alt

    x = years(3)
    y = alt.Y(
        "persons:Q", title=None,
        axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1, domain=False, ticks=False),
    )  # fmt: skip
    shades = alt.Scale(domain=["immigration", "emigration"], range=[DARK_BLUE, ORANGE])
    colour = alt.Color("flow:N", scale=shades, legend=None)
    dashes = alt.Scale(domain=["no", "yes"], range=[[1, 0], [4, 3]])
    dash = alt.StrokeDash("late:N", scale=dashes, legend=None)
    # one source for both layers: a facet splits one table
    line = (
        alt.Chart()
        .mark_line(strokeWidth=2.2)
        .encode(x=x, y=y, color=colour, strokeDash=dash, detail="piece:N")
    )
    text = (
        alt.Chart()
        .mark_text(align="left", dx=4, fontSize=SIZE - 1, fontWeight="bold")
        .encode(x=x, y=y, color=colour, text="text:N")
    )
    zero = alt.Chart().mark_rule(color=GREY).encode(y=alt.datum(0))
    header = alt.Header(
        labelFontSize=SIZE, labelFontWeight="bold", labelAnchor="start", labelLimit=210
    )
    chart = (
        alt.layer(zero, line, text, data=alt.NamedData("pieces"))
        .properties(width=WIDTH / 2 - 52, height=110)
        .facet(
            facet=alt.Facet("group:N", title=None, sort=list(names), header=header),
            columns=2,
            spacing=18,
        )
    )
    return styled(chart, ("pieces",))
