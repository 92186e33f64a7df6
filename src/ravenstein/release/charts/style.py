"""What all charts share: palette, axes, and how a specification becomes an SVG.

Palette: UK Government Analysis Function, Data visualisation: colours in charts.
"""

from __future__ import annotations

import re
from typing import Any

from ravenstein.release.labels import plain

DARK_BLUE, GREY, GRID = "#12436D", "#3D3D3D", "#DDE1E4"
TEAL, ORANGE, PINK, PALE = "#28A197", "#F46A25", "#801650", "#A8BDD0"
FONT = "Arial, Helvetica, sans-serif"
WIDTH, SIZE = 460, 14

_TAG = re.compile(r"<[^>]*>")
_UNSEEN = re.compile(r'<path class="(foreground|background)"(?!.*(fill|stroke)=)')
_DEFAULTS = re.compile(
    r' (class|role|pointer-events|xmlns:xlink|aria-[a-z]+)="[^"]*"'
    r'| (opacity|stroke-width)="1"| transform="translate\(0,0\)"'
)
_DECIMALS = re.compile(r"(\.\d\d)\d+")

Values = list[dict[str, Any]]


def years(ticks: int) -> Any:
    """Return the axis of years."""
    import altair as alt

    axis = alt.Axis(format="d", grid=False, tickMinStep=1, tickCount=ticks)
    scale = alt.Scale(nice=False, padding=8, zero=False)
    return alt.X("year:Q", title=None, axis=axis, scale=scale)


def banded(opacity: float) -> tuple[Any, Any, Any, Any]:
    """Return axes of years and persons, the frame that sets their reach, and the band."""
    import altair as alt

    y = alt.Y(
        "persons:Q",
        title=None,
        axis=alt.Axis(format=",d", tickCount=5, tickMinStep=1, domain=False, ticks=False),
    )
    x = years(4)
    frame = alt.Chart(alt.NamedData("frame")).mark_point(opacity=0).encode(x=x, y=y)
    area = alt.Chart(alt.NamedData("series")).mark_area(color=DARK_BLUE, opacity=opacity)
    band = area.encode(x=x, y=alt.Y("lower:Q", title=None), y2="upper:Q")
    return x, y, frame, band


def styled(chart: Any, datasets: tuple[str, ...]) -> dict[str, Any]:
    """Return a chart in the house style, compiled once: only its named data are still to come."""
    import vl_convert

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
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(full)
    return compiled


def drawn(compiled: dict[str, Any], datasets: dict[str, Values]) -> str:
    """Draw a compiled chart with its data.

    Returns:
        The SVG.
    """
    import vl_convert

    data = [
        {"name": d["name"], "values": [_plain(row) for row in datasets[d["name"]]]}
        if d["name"] in datasets
        else d
        for d in compiled["data"]
    ]
    svg: str = vl_convert.vega_to_svg({**compiled, "data": data})
    return _lean(svg)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without characters that the renderer ends the process on."""
    return {name: plain(v) if isinstance(v, str) else v for name, v in row.items()}


def _lean(svg: str) -> str:
    """Return an SVG without what is not seen: empty marks, defaults, names, decimals of decimals.

    Hundreds of charts of areas are half as large so. Text between tags is left as it is.
    """
    root = f'<svg font-family="{FONT}" '
    return _TAG.sub(_lean_tag, svg.replace(f' font-family="{FONT}"', "")).replace("<svg ", root, 1)


def _lean_tag(found: re.Match[str]) -> str:
    tag = found[0]
    if _UNSEEN.match(tag):
        return ""
    return _DECIMALS.sub(r"\1", _DEFAULTS.sub("", tag))
