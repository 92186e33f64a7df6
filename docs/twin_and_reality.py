"""Write the page that shows the twin and reality side by side.

Real figures are read where RAVENSTEIN_SHARED (default ../shared) has the published tables; the
page holds the figures and charts, so that it can be read without them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import vl_convert

import published_figures as published
import twin_figures as twin
from published_figures import percent
from ravenstein.twin.people import MIGRANT_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent
PAGE, IMAGES = ROOT / "explanation/twin-and-reality.md", ROOT / "images"
NOT = "no figure at hand"
AGES = {"under 15": (0, 15), "15–24": (15, 25), "25–44": (25, 45), "45–59/64": (45, 62),
        "60/65 and over": (62, 200)}  # fmt: skip
REASONS = {
    "definite_job": "Definite job", "looking_for_work": "Looking for work",
    "accompany_join": "Accompany or join", "formal_study": "Formal study",
    "other": "Other or not stated",
}  # fmt: skip
COLOURS = ["#12436D", "#F46A25"]


def two(value: float) -> str:
    """Return a number with two decimals."""
    return f"{value:.2f}"


def shares(values: dict[str, float]) -> dict[str, float]:
    """Return values as per cent of their sum."""
    whole = sum(values.values())
    return {key: 100 * value / whole for key, value in values.items()}


def within(days: Any, most: int) -> float:
    """Return the per cent of counts by days that are within some days."""
    return float(100 * days[: most + 1].sum() / days.sum())


def median(days: Any) -> int:
    """Return the median of counts by days."""
    return int(np.searchsorted(days.cumsum(), days.sum() / 2))


def chart(file: str, title: str, ours: Any, theirs: Any, **options: Any) -> str:
    """Draw values by group, the twin's beside the published; return the line of the picture.

    Options are the `unit` (per cent) and the height of a group (`step`).
    """
    unit, step = options.get("unit", "per cent"), options.get("step", 34)
    rows = [
        {"group": group, "of": who, "share": float(values[group])}
        for group in ours
        for who, values in (("Published", theirs), ("Twin", ours))
    ]
    drawn = (
        alt.Chart(alt.Data(values=rows), width=420, height=step * len(ours))
        .mark_bar()
        .encode(
            y=alt.Y("group:N", sort=list(ours), title=None, axis=alt.Axis(labelLimit=200)),
            x=alt.X("share:Q", title=unit, axis=alt.Axis(tickCount=5)),
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
    (IMAGES / f"{file}.svg").write_text(svg, encoding="utf-8")
    return f"![{title}, {unit}: the twin beside published figures](../images/{file}.svg)\n"


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield "| " + " | ".join(head) + " |"
    yield "| --- |" + " ---: |" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(f"{v:.1f}" if isinstance(v, float) else str(v) for v in row) + " |"
    yield ""


def migrants_of(found: dict[str, Any], direction: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the twin's migrants by age group and by reason, in per cent."""
    kept = found["direction"] == direction
    age, reason = found["age"][kept], found["reason"][kept]
    ages = {name: float(((age >= a) & (age < b)).sum()) for name, (a, b) in AGES.items()}
    reasons = {REASONS[r]: float((reason == i).sum()) for i, r in enumerate(MIGRANT_REASONS)}
    return shares(ages), shares(reasons)


def page() -> Iterator[str]:
    """Yield the page."""
    found = twin.simulated()
    yield "# The twin and reality\n"
    yield (
        "Is the simulated country anything like a real one? Here are "
        f"{twin.BLOCKS * twin.PEOPLE:,} "
        f"of its residents in {twin.AREAS} areas, beside published figures of the United Kingdom: "
        "means of the "
        "years to mid-2002 to mid-2011, or of calendar 2002 to 2011, where no others are named. "
        "The twin is calibrated to margins (the [parameters](../reference/parameters.md) say to "
        "which); it matches them, not more, and no place in it is a real one. "
        "`python docs/twin_and_reality.py` writes the page.\n"
    )
    yield from migrants(found["migrants"])
    yield from areas(found)
    yield from journeys_and_lengths(found)
    seen, real = found["sources"], published.applications()
    yield from asylum_by_year(seen, real["applications"])
    yield from asylum_cases(seen, real)
    for part in (returns, census, coverage, patients, delays, labour_force, others):
        yield from part(seen)


def migrants(found: dict[str, Any]) -> Iterator[str]:
    """Yield the ages and reasons of migrants."""
    real_ages = published.ltim("2.07", {name: 7 + 6 * i for i, name in enumerate(AGES)})
    parts = {"Definite job": 5, "Looking for work": 7, "Accompany or join": 9,
             "Formal study": 11, "Other": 13, "None": 15}  # fmt: skip
    real_reasons = published.ltim("2.04", parts)
    flows = (("Inflow", "Immigrants"), ("Outflow", "Emigrants"))
    for number, (direction, name) in enumerate(flows):
        ages, reasons = migrants_of(found, 1 - number)
        of = dict(real_reasons[direction])
        of["Other or not stated"] = of.pop("Other") + of.pop("None")
        for kind, ours, theirs, source in (
            ("age", ages, shares(real_ages[direction]), "2.07"),
            ("reason", reasons, shares(of), "2.04"),
        ):
            yield f"## {name} by {kind}\n"
            yield chart(f"twin-{name.lower()}-{kind}", f"{name} by {kind}", ours, theirs)
            yield from table(
                ("per cent", "published", "twin"), [(g, theirs[g], ours[g]) for g in ours]
            )
            yield (
                f"Published: ONS, Long-Term International Migration, table {source} "
                "(29 November 2018).\n"
            )


def rates(found: dict[str, Any], real: Any, years: slice) -> Iterator[str]:
    """Yield the components of change of some years, by 1,000 residents."""
    by_area, whole = real
    stock = found["population"][years].sum(axis=(0, 2, 3))
    big = stock / found["population"][years].shape[0] > 500
    lines = []
    for name, theirs in by_area.items():
        flow = found["components"][name][years].sum(axis=(0, 2, 3))
        spread = [
            " · ".join(f"{v:.1f}" for v in np.quantile(of, [0.05, 0.5, 0.95]))
            for of in (theirs, 1000 * flow[big] / stock[big])
        ]
        ours = float(1000 * flow.sum() / stock.sum())
        lines.append((name.replace("_", " "), float(whole[name]), ours, *spread))
    yield from table(
        ("", "published", "twin", "published, 5 · 50 · 95 %", "twin, 5 · 50 · 95 %"), lines
    )


def areas(found: dict[str, Any]) -> Iterator[str]:
    """Yield components of change by area."""
    yield "## Components of change by area\n"
    yield (
        "Per 1,000 residents: the whole state, and the 5th, 50th and 95th percentile of its "
        f"{twin.AREAS} local authorities.\n"
    )
    yield from rates(found, published.rates(), slice(1, 11))
    yield "Published: ONS, mid-year population estimates, MYEB3, 2001–2020 edition.\n"
    yield "Migration in the years to mid-2009 to mid-2014, the same:\n"
    yield from rates(found, published.recent_rates(), slice(8, 14))
    yield "Published: ONS, Local Area Migration Indicators, August 2018; 391 local authorities.\n"
    yield (
        "The twin's areas are more alike than real ones: they are of six kinds, and within a kind "
        "they differ by size and by chance alone. Real emigration fell after 2008, and the twin's "
        "did not.\n"
    )


def journeys_and_lengths(found: dict[str, Any]) -> Iterator[str]:
    """Yield journeys, lengths of stay and interviews."""
    yield "## Journeys and lengths of stay\n"
    visits = found["visits"] / found["population"][2010 - twin.FIRST].sum()
    lines = [
        ("visits abroad by resident, 2010", "0.89", two(visits[1])),
        ("visits by overseas residents by resident, 2010", "0.48", two(visits[0])),
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
        "passenger, so that 50,000 people yield over 300 migrants a year.\n"
    )


def yearly(theirs: Any, ours: Any, names: tuple[str, str], first: int) -> Iterator[str]:
    """Yield two kinds of numbers by year from a first to 2013, by 1,000 residents."""
    head = tuple(f"{name}, {of}" for name in names for of in ("published", "twin"))
    yield from table(
        ("", *head),
        [(twin.FIRST + i, *(two(v[i, k]) for k in (0, 1) for v in (theirs, ours)))
         for i in range(first - twin.FIRST, 13)],
    )  # fmt: skip


def asylum_by_year(seen: dict[str, Any], real: Any) -> Iterator[str]:
    """Yield applications for asylum by year."""
    theirs = 1000 * real / published.residents_by_year()[:, None]
    ours = 1000 * seen["applications"].sum(axis=(2, 3, 4)) / seen["people"][:, None]
    sums = [{str(twin.FIRST + i): v[i].sum() for i in range(1, 13)} for v in (ours, theirs)]
    yield "## Asylum\n"
    yield chart("twin-asylum", "Applications for asylum", *sums, unit="by 1,000 residents", step=24)
    yield "Applications by 1,000 residents:\n"
    yield from yearly(theirs, ours, ("main applicants", "dependants"), 2002)
    yield (
        "In 2001 and 2002 more people sought asylum than the twin has immigrants who could: all of "
        "those from outside the European Union with another reason than work, family or study are "
        "applicants then, and they are too few. From mid-2003 on the share of applicants among "
        "them follows the published numbers.\n"
    )


def asylum_cases(seen: dict[str, Any], real: dict[str, Any]) -> Iterator[str]:
    """Yield who applies, what is decided, and who returns."""
    made, later = seen["applications"], seen["applications"][8:13].sum(axis=(0, 4))
    cohort, waits = (seen[name][5:10].sum(axis=0) for name in ("cohorts", "waits"))
    counted, undecided, *gone = published.cohorts()
    both = (real["applications"], made.sum(axis=(2, 3, 4)))
    lines = [("dependants, 2002–2013", *(percent(v[1:13].sum(axis=0))[1] for v in both)),
             ("at the port, 2002–2011", percent(real["port"])[0],
              percent(made[1:11].sum(axis=(0, 1, 2, 3)))[0])]  # fmt: skip
    yield from table(("of applications, per cent", "published", "twin"), lines)
    ages = (percent(real["ages"]), percent(later.sum(axis=2)))
    women = (percent(real["sexes"])[:, 1], percent(later.sum(axis=1))[:, 1])
    lines = [
        (group, *(v[i, k : 5 if k == 3 else k + 1].sum() for i in (0, 1) for v in ages))
        for k, group in enumerate(("under 18", "18–29", "30–49", "50 and over"))
    ]  # fmt: skip
    lines.append(("women", *(v[i] for i in (0, 1) for v in women)))
    head = [f"{who}, {of}" for who in ("main", "dependants") for of in ("published", "twin")]
    yield from table(("applicants of 2009–2013, per cent", *head), lines)
    outcomes = seen["decisions"][1:11, 0, :4].sum(axis=0)
    decided = (percent(published.decisions()), percent(outcomes))
    names = ("protection", "other leave", "refused", "withdrawn")
    lines = [(name, *(v[k] for v in decided)) for k, name in enumerate(names)]
    yield from table(
        ("decisions on main applicants, 2002–2011, per cent", "published", "twin"), lines
    )
    lines = [
        ("decided or withdrawn at last", 100 * (1 - undecided / counted),
         within(waits, waits.size - 2)),
        ("decided or withdrawn within a year", NOT, within(waits, 365)),
        ("enforced return", 100 * gone[0] / counted, percent(cohort)[1]),
        ("voluntary return", 100 * gone[1] / counted, percent(cohort)[2]),
    ]  # fmt: skip
    yield from table(("main applicants of 2006–2010, per cent", "published", "twin"), lines)


def returns(seen: dict[str, Any]) -> Iterator[str]:
    """Yield returns of all kinds by year."""
    theirs = 1000 * published.returns() / published.residents_by_year()[:, None]
    yield "Returns by 1,000 residents, of asylum seekers and others:\n"
    yield from yearly(
        theirs, 1000 * seen["returns"] / seen["people"][:, None], ("enforced", "voluntary"), 2004
    )
    yield (
        "Published: Home Office, Asylum and resettlement datasets and Returns datasets; without "
        "those refused entry at the port.\n"
    )
    yield (
        "Applicants are drawn from immigrants with another reason, men and the young more often; "
        "dependants are whoever travels with them, and more often adults than real ones. In "
        "reality voluntary returns grew, and enforced ones fell; the twin's shares hold for all "
        "years, and give the means of 2004 to 2013.\n"
    )


def census(seen: dict[str, Any]) -> Iterator[str]:
    """Yield what the census shows."""
    real = published.census_figures()
    groups = (*(f"{a}–{a + 4}" for a in range(0, 90, 5)), "90 and over")
    ages = [dict(zip(groups, v, strict=True)) for v in (percent(seen["census_ages"]), real["ages"])]
    ago = percent(seen["year_ago"][:3])
    named = ("in the same area", "in another area of the country", "abroad")
    yield "## The census\n"
    yield chart("twin-census", "Ages in the census of 2011", *ages, step=22)
    yield from table(
        ("per cent", "published, 2021", "twin, 2011"),
        [*((f"of those aged 1 and over, a year before {name}", real["year_ago"][i], ago[i])
           for i, name in enumerate(named)),
         ("born abroad, 2011", "13.4", 100 * seen["came"].sum() / seen["forms"][0]),
         ("of those born abroad, came in the last ten years", real["recent"],
          percent(seen["came"])[1])],
    )  # fmt: skip
    yield (
        "Published, England and Wales: ONS, Census 2011, usual residents by age; Census 2021, "
        "tables ODMG01EW and TS015. In the year to the census of 2021 a lockdown kept people from "
        "moving, and more people were born abroad than ten years before. The twin's figures are "
        "those of its records, without those missed and with those counted twice.\n"
    )


def coverage(seen: dict[str, Any]) -> Iterator[str]:
    """Yield whom the census missed."""
    missed = 100 - percent(seen["counted"])[..., 1]
    kinds = percent(seen["counted_kind"])[:, 1]
    low, high = (f"{kinds[i]:.0f} ({twin.KINDS[i]})" for i in (kinds.argmin(), kinds.argmax()))
    forms, persons = seen["forms"]
    yield "Its coverage:\n"
    yield from table(
        ("per cent, 2011", "published", "twin"),
        [("residents counted", "94", percent(seen["counted"].sum(axis=(0, 1)))[1]),
         ("men of 20 to 29 counted", "88", 100 - missed[0, 1]),
         ("counted in the local authorities, or kinds of area, with the fewest and the most",
          "82 to 98", f"{low} to {high}"),
         ("counted of those who came in the last year", NOT, percent(seen["counted_recent"])[1, 1]),
         ("counted twice", "0.6", 100 * (forms / persons - 1)),
         ("found by the coverage survey", "90", percent(seen["surveyed"])[1])],
    )  # fmt: skip
    yield "Missed in the twin, per cent:\n"
    ages = ("under 20", "20–29", "30–44", "45–64", "65 and over")
    yield from table(("", "men", "women"), [(g, *missed[:, i]) for i, g in enumerate(ages)])
    yield (
        "Published: ONS, 2011 Census, coverage and response rates, overcount estimation and Census "
        "Coverage Survey, England and Wales, as the parameters cite them.\n"
    )


def patients(seen: dict[str, Any]) -> Iterator[str]:
    """Yield the length of the patient register."""
    over = 100 * (seen["listed"] / seen["residents"] - 1)
    by_year = 100 * (seen["listed"].sum(axis=(1, 2)) / seen["people"] - 1)
    yield "## The patient register\n"
    yield "List above population at mid-year, per cent:\n"
    yield from table(
        ("", "published", "twin"),
        [(y, "4.3" if y == 2011 else NOT, by_year[y - twin.FIRST])
         for y in (2001, 2003, 2005, 2007, 2009, 2011, 2013)],
    )  # fmt: skip
    yield "The same in the twin in 2011:\n"
    groups = ("0–15", "16–24", "25–34", "35–54", "55–74", "75 and over")
    yield from table(("", "men", "women"), [(g, *over[10, :, i]) for i, g in enumerate(groups)])
    yield (
        "Published: ONS, patient register over Census 2011, England and Wales, as the parameters "
        "cite it. The twin's first population is on the list once, so that old records are too few "
        "in its first years.\n"
    )


def delays(seen: dict[str, Any]) -> Iterator[str]:
    """Yield how late events come to registers."""
    births, deaths = seen["birth_lags"], seen["death_lags"]
    yield "## Delays\n"
    yield from table(
        ("", "published", "twin"),
        [("births registered within 42 days [per cent]", "nearly all", within(births, 42)),
         ("deaths: median days until registered", "5", median(deaths)),
         ("deaths registered after more than six months [per cent]", "4 to 5",
          100 - within(deaths, 182)),
         ("national insurance numbers within six months of arrival [per cent]", "more than half",
          within(seen["number_lags"], 183)),
         ("patients from abroad: median days from arrival to the list", NOT,
          median(seen["patient_lags"]))],
    )  # fmt: skip
    yield (
        "Published: ONS, Births quality and methodology, and Impact of registration delays on "
        "mortality statistics; Department for Work and Pensions, National Insurance number "
        "allocations to adult overseas nationals; as the parameters cite them.\n"
    )


def labour_force(seen: dict[str, Any]) -> Iterator[str]:
    """Yield employment rates."""
    groups = (("in the country", slice(0, 1)), ("in other countries", slice(1, 6)),
              ("in the EU before 2004", slice(1, 2)), ("in the eight states of 2004", slice(2, 3)),
              ("outside the EU", slice(3, 6)))  # fmt: skip
    real = published.employment_rates()
    lines: list[list[tuple[Any, ...]]] = [[], []]
    for start, name in (("citizens", "citizenship"), ("born", "birth_country")):
        for (where, part), rates_of in zip(groups, real[name], strict=True):
            said = where.replace("in ", "of ", 1) if start == "citizens" else where
            ours = [
                [percent(seen[f"{view}_{name}"][year, part].sum(axis=0))[1]
                 for view in ("works", "interviewed")] for year in (7, 10)
            ]  # fmt: skip
            for year in (0, 1):
                lines[year].append((f"{start} {said}", rates_of[year], *ours[year]))
    yield "## The labour force\n"
    yield "Employment rates at 16 to 64, per cent, and as the twin's survey found them:\n"
    for year, rows in zip(("2008", "2011"), lines, strict=True):
        yield from table((year, "published", "twin", "its survey"), rows)
    yield (
        "Published: ONS, EMP06 (14 May 2019), means of four quarters. The interviews are not "
        "weighted, and few in the small groups: their rates may be 2 points off by chance. "
        "Employment in the twin knows no recession: its shares by sex, age and citizenship hold "
        "for all years.\n"
    )


def others(seen: dict[str, Any]) -> Iterator[str]:
    """Yield the sizes of other sources."""

    def mean(name: str, first: int, last: int, place: Any = slice(None)) -> str:
        part = slice(first - twin.FIRST, last - twin.FIRST + 1)
        flows = seen[name][part] if seen[name].ndim == 1 else seen[name][part, place]
        return two(1000 * flows.sum() / seen["people"][part].sum())

    yield "## Other counts\n"
    yield from table(
        ("by 1,000 residents, a year", "published", "twin"),
        [("full-time students in higher education, 2010", "about 27", mean("students", 2010, 2010)),
         ("… from abroad (published: 2011)", "about 7", mean("students", 2010, 2010, 1)),
         ("pupils of 5 to 15, January 2011", f"about {0.93 * published.school_ages():.0f}",
          mean("pupils", 2011, 2011)),
         ("national insurance numbers to adults from abroad, 2006", "about 12",
          mean("numbers", 2006, 2006)),
         ("registered workers of the eight states, 2005", "about 3.3",
          mean("worker_registrations", 2005, 2005)),
         ("visas over six months, 2005–2010", NOT, mean("visas_issued", 2005, 2010)),
         ("grants of settlement, 2005–2010", NOT, mean("settlement_grants", 2005, 2010)),
         ("grants of citizenship, 2009–2013", "about 3.2", mean("citizenship_grants", 2009, 2013)),
         ("from the Irish Republic, 2002–2011", NOT, mean("irish", 2002, 2011, 1)),
         ("to the Irish Republic, 2002–2011", NOT, mean("irish", 2002, 2011, 0)),
         ("armed forces, 2005", "about 3.1", mean("special", 2005, 2005, 1)),
         ("prisoners, 2005", "about 1.3", mean("special", 2005, 2005, 2))],
    )  # fmt: skip
    yield (
        "Published: ONS, mid-2011 population by age, less the 7 per cent of pupils at independent "
        "schools; Home Office, about 200,000 grants of citizenship a year; Ministry of Defence and "
        "Ministry of Justice, about 190,000 and 76,000 in 2005; as the parameters cite them. "
        "Higher Education Statistics Agency, 2.50 million students in 2010/11, 67 per cent of them "
        "full-time, and 435,000 from abroad in 2011/12; Department for Work and Pensions, 713,000 "
        "numbers in the year to April 2007; Home Office, Accession monitoring report, 427,000 "
        "workers approved from May 2004 to June 2006.\n"
    )
    yield (
        "Four sources are well below what was published. The twin has the long-term immigrants of "
        "official estimates, and fewer people who come for some months and work; reasons do not "
        "depend on citizenship, so that a third or so from the eight states come to work, where "
        "nearly all did; and in 2004 many registered who had been here before. Students are drawn "
        "from long-term immigrants alone. Rates of linkage and coverage can be studied on them, "
        "their sizes beside those of other sources cannot."
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text("\n".join(page()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
