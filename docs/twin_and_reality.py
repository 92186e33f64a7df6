"""Write the page that shows the twin and reality side by side.

Real figures are read where RAVENSTEIN_SHARED (default ../shared) has the published tables; the
page holds the figures and charts, so that it can be read without them.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import vl_convert

from ravenstein.core.seeds import step_generator
from ravenstein.twin import truth
from ravenstein.twin.journeys import BACK, journeys
from ravenstein.twin.people import MIGRANT_REASONS, residents
from ravenstein.twin.settings import settings
from ravenstein.twin.sources.passenger_survey import design, interviews
from ravenstein.twin.tally import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent
SHARED = Path(os.environ.get("RAVENSTEIN_SHARED", ROOT.parent.parent / "shared")) / "data"
PAGE, IMAGES = ROOT / "explanation/twin-and-reality.md", ROOT / "images"
YEARS = range(2002, 2012)
BLOCKS, PEOPLE, AREAS = 20, 50_000, 374
AGES = {"under 15": (0, 15), "15–24": (15, 25), "25–44": (25, 45), "45–59/64": (45, 62),
        "60/65 and over": (62, 200)}  # fmt: skip
REASONS = {
    "definite_job": "Definite job", "looking_for_work": "Looking for work",
    "accompany_join": "Accompany or join", "formal_study": "Formal study",
    "other": "Other or not stated",
}  # fmt: skip
COLOURS = ["#12436D", "#F46A25"]


def simulated() -> dict[str, Any]:
    """Return what the twin has: migrants, components of change by area, lengths, interviews."""
    chosen = settings("uk", changes={"first": 2001, "last": 2011, "areas": AREAS})
    migrants: list[dict[str, Any]] = []
    population, components = 0, dict.fromkeys(COMPONENTS, 0)
    nights, stays, visits, short = [], [], np.zeros(2), np.zeros(2)
    contacts, drawn = np.zeros(2), design(chosen, 1)
    for number in range(BLOCKS):
        lived = residents(chosen, step_generator(1, f"page/people/{number}"), PEOPLE)
        went = journeys(chosen, step_generator(1, f"page/journeys/{number}"), lived, PEOPLE)
        migrants.append(truth.migration(lived, went, (2002, 2011))["un_12_months"])
        population = population + lived.population
        components = {k: v + lived.components[k] for k, v in components.items()}
        c = went.crossings
        year = c["day"].astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
        back = (c["leg"] == BACK) & (year == 2010)
        for home in (0, 1):
            nights.append((home, c["nights"][back & (c["home"] == home)]))
            visits[home] += (back & (c["home"] == home)).sum()
        ended = (c["leg"] == BACK) & (year >= 2002) & (year <= 2011)
        short += [((c["nights"][ended] >= low) & (c["nights"][ended] < 365)).sum()
                  for low in (30, 91)]  # fmt: skip
        spells = lived.spells
        over = (spells["arrived"] == 1) & (spells["left"] == 1)
        stays.append((spells["end"] - spells["start"])[over] / 365.25)
        contacts = contacts + interviewed(chosen, drawn, number, (lived, went))
    joined = {k: np.concatenate([m[k] for m in migrants]) for k in migrants[0]}
    mean = [np.concatenate([n for h, n in nights if h == home]).mean() for home in (0, 1)]
    return {
        "migrants": joined, "population": population, "components": components, "nights": mean,
        "visits": visits, "stays": np.concatenate(stays), "short": short, "contacts": contacts,
    }  # fmt: skip


def interviewed(chosen: Any, drawn: Any, number: int, country: Any) -> Any:
    """Return interviews and migrants a year at the scale of the United Kingdom.

    The shifts sampled are those of that scale; a block holds 1 in 1,200 of the passengers, so
    every k-th of its few a shift stands for the k-th of many.
    """
    rows, _ = interviews(chosen, step_generator(1, f"page/survey/{number}"), country, drawn, number)
    years = chosen.scale.last - chosen.scale.first + 1
    migrants = sum(v == "12_months_or_more" for v in rows["stay_stated"].to_pylist())
    return np.array([rows.num_rows, migrants]) * 1200 / years / BLOCKS


def ltim(name: str, columns: dict[str, int]) -> dict[str, dict[str, float]]:
    """Return the mean of 2002 to 2011 of columns of an LTIM table, by direction [thousands]."""
    path = next((SHARED / "migration").glob(f"ONS_LTIM_{name}*2017_ed20181129.tsv"))
    rows = list(csv.reader(path.open(encoding="utf-8"), delimiter="\t"))
    found: dict[str, dict[str, list[float]]] = {}
    direction = ""
    for row in rows:
        cells = [cell for cell in row if cell]
        if cells and cells[0] in ("Inflow", "Outflow", "Balance"):
            direction = cells[0]
        if cells and cells[0] == "England and Wales":
            break
        year = int(cells[0][:4]) if cells and re.fullmatch(r"\d{4}(\.0)?", cells[0]) else 0
        if direction in ("Inflow", "Outflow") and year in YEARS:
            for key, place in columns.items():
                value = 0.0 if cells[place] == ":" else abs(float(cells[place]))
                found.setdefault(direction, {}).setdefault(key, []).append(value)
    return {d: {k: float(np.mean(v)) for k, v in part.items()} for d, part in found.items()}


def rates() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the real rates of components by area, per 1,000 residents, and of the whole state."""
    path = next((SHARED / "population").glob("MYEB3*2020*.csv"))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))

    def column(name: str) -> Any:
        return np.array([[float(row[f"{name}_{y}"]) for y in YEARS] for row in rows]).mean(axis=1)

    stock = column("population")
    by_area = {name: 1000 * column(name) / stock for name in COMPONENTS}
    whole = {name: 1000 * column(name).sum() / stock.sum() for name in COMPONENTS}
    return by_area, whole


def chart(rows: list[dict[str, Any]], name: str, title: str) -> None:
    """Draw shares of the twin and of reality as bars beside each other."""
    order = list(dict.fromkeys(row["group"] for row in rows))
    drawn = (
        alt.Chart(alt.Data(values=rows), width=420, height=34 * len(order))
        .mark_bar()
        .encode(
            y=alt.Y("group:N", sort=order, title=None, axis=alt.Axis(labelLimit=200)),
            x=alt.X("share:Q", title="per cent", axis=alt.Axis(tickCount=5)),
            yOffset=alt.YOffset("of:N", sort=["Published", "Twin"]),
            color=alt.Color(
                "of:N", title=None, scale=alt.Scale(domain=["Published", "Twin"], range=COLOURS),
                legend=alt.Legend(orient="bottom"),
            ),
        )
        .properties(title=title)
        .configure(font="Arial, Helvetica, sans-serif")
    )  # fmt: skip
    svg = vl_convert.vegalite_to_svg(drawn.to_dict())
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(f"{v:.1f}" if isinstance(v, float) else str(v) for v in row) + " |"
    yield ""


def shares(values: dict[str, float]) -> dict[str, float]:
    """Return values as per cent of their sum."""
    whole = sum(values.values())
    return {key: 100 * value / whole for key, value in values.items()}


def migrants_of(found: dict[str, Any], direction: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the twin's migrants by age group and by reason, in per cent."""
    kept = found["direction"] == direction
    age, reason = found["age"][kept], found["reason"][kept]
    ages = {name: float(((age >= a) & (age < b)).sum()) for name, (a, b) in AGES.items()}
    reasons = {REASONS[r]: float((reason == i).sum()) for i, r in enumerate(MIGRANT_REASONS)}
    return shares(ages), shares(reasons)


def page() -> Iterator[str]:
    """Yield the page."""
    found = simulated()
    columns = {name: 7 + 6 * i for i, name in enumerate(AGES)}
    real_ages = ltim("2.07", columns)
    parts = {"Definite job": 5, "Looking for work": 7, "Accompany or join": 9,
             "Formal study": 11, "Other": 13, "None": 15}  # fmt: skip
    real_reasons = ltim("2.04", parts)
    yield "# The twin and reality\n"
    yield (
        f"Is the simulated country anything like a real one? Here are {BLOCKS * PEOPLE:,} of its "
        f"residents in {AREAS} areas, beside published figures of the United Kingdom: means of the "
        "years to mid-2002 to mid-2011, or of calendar 2002 to 2011. The twin is calibrated to "
        "margins (the [parameters](../reference/parameters.md) say to which); it matches them, not "
        "more, and no place in it is a real one. `python docs/twin_and_reality.py` writes the "
        "page.\n"
    )
    for number, (direction, name) in enumerate(
        (("Inflow", "Immigrants"), ("Outflow", "Emigrants"))
    ):
        ages, reasons = migrants_of(found["migrants"], 1 - number)
        real = shares(real_ages[direction])
        of = dict(real_reasons[direction])
        of["Other or not stated"] = of.pop("Other") + of.pop("None")
        published = shares(of)
        for kind, ours, theirs, source in (
            ("age", ages, real, "2.07"), ("reason", reasons, published, "2.04")
        ):  # fmt: skip
            rows = [
                {"group": group, "of": who, "share": values[group]}
                for group in ours
                for who, values in (("Published", theirs), ("Twin", ours))
            ]
            file = f"twin-{name.lower()}-{kind}"
            chart(rows, file, f"{name} by {kind}")
            yield f"## {name} by {kind}\n"
            alt_text = f"{name} by {kind}, per cent: the twin beside published figures"
            yield f"![{alt_text}](../images/{file}.svg)\n"
            yield from table(
                ("per cent", "published", "twin"), [(g, theirs[g], ours[g]) for g in ours]
            )
            yield (
                f"Published: ONS, Long-Term International Migration, table {source} "
                "(29 November 2018).\n"
            )
    yield from areas_and_lengths(found)


def areas_and_lengths(found: dict[str, Any]) -> Iterator[str]:
    """Yield the parts on components of change, lengths of stay and interviews."""
    by_area, whole = rates()
    stock = found["population"][1:].sum(axis=(2, 3)).mean(axis=0)
    yield "## Components of change by area\n"
    yield (
        "Per 1,000 residents: the whole state, and the 5th, 50th and 95th percentile of its "
        f"{AREAS} local authorities.\n"
    )
    lines = []
    for name in COMPONENTS:
        flow = found["components"][name][1:].sum(axis=(2, 3)).mean(axis=0)
        big = stock > 500
        ours = np.quantile(1000 * flow[big] / stock[big], [0.05, 0.5, 0.95])
        theirs = np.quantile(by_area[name], [0.05, 0.5, 0.95])
        lines.append(
            (name.replace("_", " "), float(whole[name]), float(1000 * flow.sum() / stock.sum()),
             " · ".join(f"{v:.1f}" for v in theirs), " · ".join(f"{v:.1f}" for v in ours))
        )  # fmt: skip
    yield from table(
        ("", "published", "twin", "published, 5 · 50 · 95 %", "twin, 5 · 50 · 95 %"), lines
    )
    yield "Published: ONS, mid-year population estimates, MYEB3, 2001–2020 edition.\n"
    yield "## Journeys and lengths of stay\n"
    residents_2010 = BLOCKS * PEOPLE * 1.03
    lines = [
        ("visits abroad by resident, 2010", "0.89", f"{found['visits'][1] / residents_2010:.2f}"),
        ("visits by overseas residents by resident, 2010", "0.48",
         f"{found['visits'][0] / residents_2010:.2f}"),
        ("nights a visit abroad, 2010", "10.4", float(found["nights"][1])),
        ("nights a visit by overseas residents, 2010", "7.6", float(found["nights"][0])),
        ("of stays of 1 to 12 months, those of 3 or more [per cent]", "about a quarter",
         float(100 * found["short"][1] / found["short"][0])),
        ("median stay of long-term immigrants who left again [years]", "not published",
         float(np.median(found["stays"]))),
    ]  # fmt: skip
    yield from table(("", "published", "twin"), lines)
    yield (
        "Published: ONS, Travel Trends 2010 (55.6 and 29.8 million visits over 62.3 million "
        "residents); ONS, Short-Term International Migration, mid-2010.\n"
    )
    yield "## Interviews of the passenger survey\n"
    contacts, migrants = found["contacts"]
    yield from table(
        ("a year, at the scale of the United Kingdom", "published", "twin"),
        [("interviews", "250,000–300,000", f"{contacts:,.0f}"),
         ("migrants among them", "4,000–5,000", f"{migrants:,.0f}")],
    )  # fmt: skip
    yield (
        "Published: ONS, Overseas travel and tourism: methodology. The twin's are of one in sixty "
        "of the passengers, times sixty: the standard error of the migrants is some 4 per cent. "
        "The bundled study, `small`, samples far more: over half of all shifts and every "
        "passenger, so that 50,000 people yield over 300 migrants a year."
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text("\n".join(page()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
