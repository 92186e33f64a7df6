"""Charts of an area: population, components of change, ages, and its place among others."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ravenstein.release.charts.style import (
    DARK_BLUE,
    GREY,
    ORANGE,
    PALE,
    SIZE,
    TEAL,
    WIDTH,
    Values,
    drawn,
    styled,
    years,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PANELS = {
    "natural_change": "Births minus deaths",
    "internal_net": "Migration within the country",
    "international_net": "International migration",
    "other_change": "Other changes",
}


def population_chart(values: Values, earlier: Values, *, shown: bool = False) -> str:
    """Draw a population over time as a line, its last point labelled.

    Args:
        values: `year` and `population` [persons] of each year with a figure.
        earlier: `year`, `population` and `edition` (a short name) of earlier editions.
        shown: Whether earlier editions are drawn; the scale leaves room for them in any case.

    Returns:
        The SVG.
    """
    last = values[-1]
    label = [{**last, "text": f"{last['population']:,}"}]
    # a line that falls to its end passes above the last point: the label then stands below
    falls = values[-2]["population"] > last["population"]
    above, below = ([], label) if falls else (label, [])
    ends = list({row["edition"]: row for row in earlier}.values())
    sets = {"series": values, "above": above, "below": below, "frame": earlier}
    return drawn(
        _population_spec(),
        sets | {"earlier": earlier if shown else [], "ends": ends if shown else []},
    )


@cache
def _population_spec() -> dict[str, Any]:
    import altair as alt

    x = years(6)
    y = alt.Y(
        "population:Q",
        title=None,
        scale=alt.Scale(zero=False, padding=24),
        axis=alt.Axis(format=",d", tickCount=5, tickMinStep=1, domain=False, ticks=False),
    )
    frame = alt.Chart(alt.NamedData("frame")).mark_point(opacity=0)
    line = alt.Chart(alt.NamedData("series")).mark_line(color=DARK_BLUE, strokeWidth=3)
    before = alt.Chart(alt.NamedData("earlier")).mark_line(
        color=ORANGE, strokeWidth=2, strokeDash=[6, 4]
    )
    layers = [frame, line, before.encode(detail="edition:N")]
    for look in ({"stroke": "white", "strokeWidth": 4}, {"color": "#A64A14"}):
        ends = alt.Chart(alt.NamedData("ends"))
        named = ends.mark_text(align="right", dx=6, dy=24, fontSize=SIZE - 2, **look)
        layers.append(named.encode(text="edition:N"))
    for name, shift in (("above", -14), ("below", 20)):
        last = alt.Chart(alt.NamedData(name))
        layers.append(last.mark_point(color=DARK_BLUE, filled=True, size=70, opacity=1))
        text = last.mark_text(
            align="right", dx=-2, dy=shift, fontSize=SIZE + 1, fontWeight="bold", color=DARK_BLUE
        )
        layers.append(text.encode(text="text:N"))
    chart = alt.layer(*[layer.encode(x=x, y=y) for layer in layers])
    sized = chart.properties(width=WIDTH - 80, height=230)
    return styled(sized, ("series", "above", "below", "frame", "earlier", "ends"))


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
    return drawn(_components_spec(), {"series": rows})


@cache
def _components_spec() -> dict[str, Any]:
    import altair as alt

    y = alt.Y(
        "persons:Q",
        title=None,
        axis=alt.Axis(format=",d", tickCount=4, tickMinStep=1, domain=False, ticks=False),
    )
    data = alt.NamedData("series")
    bars = alt.Chart(data).mark_bar(color=DARK_BLUE, size=6).encode(x=years(3), y=y)
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
    return styled(chart, ("series",))


def pyramid_chart(
    men: Sequence[int], women: Sequence[int], before: tuple[Sequence[int], Sequence[int]] | None
) -> str:
    """Draw an age pyramid: men to the left, women to the right, an earlier year as a line.

    Args:
        men: Men by single age, the last open [persons].
        women: Women, the same.
        before: Men and women of an earlier year, where there is one.
    """
    sets = {"men": _steps(men, -1), "women": _steps(women, 1), "lines": []}
    for side, sign in zip(before or (), (-1, 1), strict=False):
        sets["lines"] += [row | {"side": sign} for row in _steps(side, sign)]
    widest = round(1.04 * max([1, *men, *women, *(n for side in before or () for n in side)]))
    top = len(men) + 4
    sets["frame"] = [{"age": 0, "persons": sign * widest} for sign in (-1, 1)]
    sets["names"] = [
        {"age": top, "persons": -widest, "text": "Men", "side": -1},
        {"age": top, "persons": widest, "text": "Women", "side": 1},
    ]
    return drawn(_pyramid_spec(), sets)


def _steps(counts: Sequence[int], sign: int) -> Values:
    """Return the outline of bars: each count from its age to the next."""
    return [{"age": age, "persons": sign * n} for age, n in enumerate([*counts, counts[-1]])]


@cache
def _pyramid_spec() -> dict[str, Any]:
    import altair as alt

    axis = alt.Axis(
        labelExpr="format(abs(datum.value), ',')", tickCount=4, tickMinStep=1, domain=False,
        ticks=False,
    )  # fmt: skip
    x = alt.X("persons:Q", title=None, axis=axis, scale=alt.Scale(nice=False))
    ages = alt.Axis(values=[0, 15, 30, 45, 60, 75, 90], grid=False, domain=False, ticks=False)
    y = alt.Y("age:Q", title=None, axis=ages, scale=alt.Scale(domain=[0, 99], nice=False))
    layers = [alt.Chart(alt.NamedData("frame")).mark_point(opacity=0).encode(x=x, y=y)]
    for data, colour in (("men", DARK_BLUE), ("women", TEAL)):
        side = alt.Chart(alt.NamedData(data)).mark_area(
            orient="horizontal", interpolate="step-before", color=colour
        )
        layers.append(side.encode(x=x, x2=alt.datum(0), y=y))
    line = alt.Chart(alt.NamedData("lines")).mark_line(
        orient="horizontal", interpolate="step-before", color=ORANGE, strokeWidth=1.6
    )
    layers.append(line.encode(x=x, y=y, detail="side:N"))
    for sign in (-1, 1):
        named = alt.Chart(alt.NamedData("names")).transform_filter(f"datum.side == {sign}")
        text = named.mark_text(
            align="left" if sign < 0 else "right", fontSize=SIZE, fontWeight="bold", color=GREY
        )
        layers.append(text.encode(x=x, y=y, text="text:N"))
    chart = alt.layer(*layers).properties(width=WIDTH - 60, height=290)
    return styled(chart, ("men", "women", "lines", "frame", "names"))


def rank_chart(values: Values) -> str:
    """Draw areas in the order of a figure as bars, one of them marked.

    Args:
        values: `name`, `value`, `text` (the value as it is written) and `own` (whether it is the
            area's) in order.
    """
    rows = [{**row, "place": place} for place, row in enumerate(values)]
    names = [{"place": row["place"], "own": row["own"], "name": _cut(row["name"])} for row in rows]
    edge = [{"value": max([0.0, *(row["value"] for row in rows)])}]
    return drawn(_rank_spec(len(rows)), {"series": rows, "names": names, "frame": edge})


def _cut(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


@cache
def _rank_spec(count: int) -> dict[str, Any]:
    import altair as alt

    y = alt.Y("place:O", title=None, axis=None, scale=alt.Scale(domain=list(range(count))))
    axis = alt.Axis(tickCount=4, domain=False, ticks=False, format=",.2~f")
    x = alt.X("value:Q", title=None, axis=axis, scale=alt.Scale(zero=True))
    shade = alt.condition("datum.own", alt.value(DARK_BLUE), alt.value(PALE))
    base = alt.Chart(alt.NamedData("series"))
    bars = base.mark_bar(height=12).encode(x=x, y=y, color=shade)
    figures = base.mark_text(align="right", fontSize=SIZE - 1, color=GREY).encode(
        x=alt.value(WIDTH - 182), y=y, text="text:N"
    )
    named = alt.Chart(alt.NamedData("names")).mark_text(
        align="right", fontSize=SIZE - 1, color=GREY
    )
    texts = named.encode(x=alt.value(-8), y=y, text="name:N")
    zero = base.mark_rule(color=GREY).encode(x=alt.datum(0))
    room = alt.Chart(alt.NamedData("frame")).mark_point(opacity=0).encode(x=x)
    chart = alt.layer(room, bars, zero, figures, texts).properties(
        width=WIDTH - 240, height=alt.Step(20)
    )
    return styled(chart, ("series", "names", "frame"))
