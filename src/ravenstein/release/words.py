"""Numbers in words: the sentences of a release, made from its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

MISSING = "not available"


def number(value: int | None) -> str:
    """Return a whole number with thousands separators and a real minus sign.

    >>> number(-12345), number(None)
    ('−12,345', 'not available')
    """
    return MISSING if value is None else f"{value:,}".replace("-", "−")


def signed(value: int | None) -> str:
    """Return a change with its sign; no change has none.

    >>> signed(1200), signed(-3), signed(0)
    ('+1,200', '−3', '0')
    """
    return number(value) if not value or value < 0 else f"+{number(value)}"


def per_cent(part: int, whole: int) -> str:
    """Return a signed percentage with one decimal, rounded half up in size.

    >>> per_cent(5, 1000), per_cent(-125, 10000), per_cent(1, 100000)
    ('+0.5%', '−1.3%', '0.0%')
    """
    tenths = (abs(part) * 2000 + whole) // (2 * whole)
    sign = "" if tenths == 0 else "+" if part > 0 else "−"
    return f"{sign}{tenths // 10}.{tenths % 10}%"


def population_sentence(year: int, opening: int | None, closing: int | None) -> str:
    """Say how many people live in an area, and how that changed in a year.

    >>> population_sentence(2012, 256100, 256200)
    '256,200 people usually lived here in mid-2012, 100 more than a year before.'
    """
    if closing is None:
        return f"The source gives no population for mid-{year}."
    people = "person" if closing == 1 else "people"
    start = f"{number(closing)} {people} usually lived here in mid-{year}"
    if opening is None:
        return f"{start}."
    change = closing - opening
    if change == 0:
        return f"{start}, as many as a year before."
    return f"{start}, {number(abs(change))} {'more' if change > 0 else 'fewer'} than a year before."


def since_sentence(first: int, start: int | None, end: int | None) -> str:
    """Say how a population changed over the whole period.

    >>> since_sentence(2001, 1000, 1100)
    'The population has grown by 10.0% since mid-2001.'
    """
    if start is None or end is None or not start:
        return ""
    share = per_cent(end - start, start).lstrip("+−")
    if share == "0.0%":
        return f"The population is almost unchanged since mid-{first}."
    return (
        f"The population has {'grown' if end > start else 'shrunk'} by {share} since mid-{first}."
    )


def peak_sentence(stocks: Sequence[dict[str, Any]]) -> str:
    """Say when a population was highest or lowest, where that is within the years shown.

    Args:
        stocks: `year` and `population` [persons] in order of year.

    >>> pairs = (2001, 10), (2002, 12), (2003, 9)
    >>> peak_sentence([{"year": year, "population": n} for year, n in pairs])
    'It was highest in mid-2002 (12).'
    """
    inner = stocks[1:-1]
    ends = [row["population"] for row in (stocks[0], stocks[-1])] if stocks else []
    for of, name in ((max, "highest"), (min, "lowest")):
        found = of(inner, key=lambda row: row["population"], default=None)
        if found and of([found["population"], *ends]) not in ends:
            return f"It was {name} in mid-{found['year']} ({number(found['population'])})."
    return ""


def rounded(value: float) -> int:
    """Return a whole number, rounded half away from zero.

    >>> rounded(2.5), rounded(-2.5)
    (3, -3)
    """
    return int(value + 0.5) if value >= 0 else -int(-value + 0.5)


def migration_sentence(flows: dict[str, dict[str, Any]]) -> str:
    """Say how many migrated in a year, and how sure that is.

    Args:
        flows: `year`, `months`, `persons`, `lower` and `upper` of immigration, emigration and net.

    >>> flow = {"year": 2012, "months": 12, "persons": 10.2, "lower": 6.0, "upper": 14.0}
    >>> migration_sentence({"immigration": flow, "emigration": flow, "net": flow})[:54]
    'In 2012 an estimated 10 people came to live here for 1'
    """
    into, out, net = (flows[name] for name in ("immigration", "emigration", "net"))
    shown = {n: number(rounded(f["persons"])) for n, f in (("in", into), ("out", out))}
    when = words_of_year(int(into["year"]), int(into["months"]))
    sure = "" if net["lower"] is None else (
        f"; with 95% confidence it lay between {number(rounded(net['lower']))} and "
        f"{number(rounded(net['upper']))}"
    )  # fmt: skip
    return (
        f"In {when} an estimated {shown['in']} people came to live here for 12 months or more and "
        f"{shown['out']} left for as long. Net migration was {signed(rounded(net['persons']))}"
        f"{sure}."
    )


def between(low: float, high: float, shown: Callable[[int], str] | None = None) -> str:
    """Return an interval of whole numbers.

    >>> between(-3.2, 1500.6)
    '−3 to 1,501'
    """
    form = shown or number
    return f"{form(rounded(low))} to {form(rounded(high))}"


def total_sentence(year: int, flows: dict[str, dict[str, Any]]) -> str:
    """Say how many migrated in a year by total migration, each figure with its 95% interval.

    Args:
        year: The year.
        flows: `persons`, `lower` and `upper` of immigration, emigration and net.

    >>> flow = {"persons": 1000.2, "lower": 900.0, "upper": 1100.0}
    >>> total_sentence(2012, dict.fromkeys(("immigration", "emigration", "net"), flow))[:62]
    'In 2012 an estimated 1,000 people (95% interval 900 to 1,100) '
    """
    into, out, net = (flows[name] for name in ("immigration", "emigration", "net"))
    bounds = [between(f["lower"], f["upper"]) for f in (into, out, net)]
    return (
        f"In {year} an estimated {number(rounded(into['persons']))} people (95% interval "
        f"{bounds[0]}) came to live here for 12 months or more, and "
        f"{number(rounded(out['persons']))} ({bounds[1]}) left for as long. "
        f"Net migration was {signed(rounded(net['persons']))} ({bounds[2]})."
    )


def change_sentence(what: str, change: dict[str, Any]) -> str:
    """Say how a flow changed, whether that is significant, and what could have been found.

    Args:
        what: The flow's name.
        change: `compared_with`, `difference`, `lower`, `upper`, `significant`, `detectable`.

    >>> change = {"compared_with": "2011", "difference": -12.0, "lower": -40.0, "upper": 16.0,
    ...           "significant": False, "detectable": 39.6}
    >>> change_sentence("Immigration", change)[:82]
    'Immigration was 12 lower than in 2011 (95% interval −40 to +16): not a significant'
    """
    size = rounded(abs(change["difference"]))
    side = "higher" if change["difference"] > 0 else "lower"
    start = f"{what} was {number(size)} {side} than" if size else f"{what} was the same as"
    bounds = between(change["lower"], change["upper"], signed)
    end = "a significant change" if change["significant"] else "not a significant change"
    least = number(rounded(change["detectable"]))
    return (
        f"{start} in {change['compared_with']} (95% interval {bounds}): {end}. The smallest "
        f"change that would have been found, with a probability of 80%, is {least}."
    )


def flow_title(name: str, year: str, persons: float, change: dict[str, Any] | None = None) -> str:
    """Return the headline of a flow's chart: its last figure, and how it changed.

    Args:
        name: Name of the flow.
        year: The last year, in words.
        persons: Its figure [persons].
        change: As for `change_sentence`; none where there is no earlier year.

    >>> flow_title("Immigration", "2012", 1000.2)
    'Immigration was 1,000 in 2012'
    """
    start = f"{name} was {number(rounded(persons))} in {year}"
    if change is None:
        return start
    size = rounded(abs(change["difference"]))
    side = "higher" if change["difference"] > 0 else "lower"
    than = f"{number(size)} {side} than in" if size else "the same as in"
    sure = "" if change["significant"] else ", not a significant change"
    return f"{start}, {than} {change['compared_with']}{sure}"


def parts_title(name: str, year: int, first: tuple[str, float], total: float) -> str:
    """Return the headline of a chart of components: the first, and what the others add.

    >>> parts_title("Immigration", 2012, ("Survey", 90.0), 100.0)
    'Immigration of 2012. Survey: 90; all other components: +10'
    """
    rest = rounded(total) - rounded(first[1])
    own = number(rounded(first[1]))
    return f"{name} of {year}. {first[0]}: {own}; all other components: {signed(rest)}"


def groups_title(year: int, most: Sequence[tuple[str, str, float]]) -> str:
    """Return the headline of a chart of groups: the largest of each flow.

    Args:
        year: The last year.
        most: Name of those who move (immigrants, emigrants), largest group, its figure [persons].

    >>> groups_title(2012, [("immigrants", "Study", 60.0), ("emigrants", "Work", 40.2)])
    'Largest group of immigrants in 2012: Study (60); of emigrants: Work (40)'
    """
    found = [(who, f"{group} ({number(rounded(n))})") for who, group, n in most]
    return "; ".join(
        f"{'of' if place else 'Largest group of'} {who}{'' if place else f' in {year}'}: {group}"
        for place, (who, group) in enumerate(found)
    )


def short_change(change: dict[str, Any]) -> str:
    """Say a change, and whether it is significant, in few words.

    >>> short_change({"difference": -12.0, "compared_with": "2011", "significant": False})
    '−12 on 2011, not significant'
    """
    sure = "significant" if change["significant"] else "not significant"
    return f"{signed(rounded(change['difference']))} on {change['compared_with']}, {sure}"


def rank_sentence(what: str, place: int, equal: int, count: int) -> str:
    """Say which place an area has among similar ones.

    Args:
        what: What areas are put in order of, the largest first.
        place: Place of the area: one more than there are areas above it.
        equal: Areas with the same value, itself among them.
        count: All areas, itself among them.

    >>> rank_sentence("Net migration", 2, 1, 16)
    'Net migration for each 1,000 people is 2nd highest of this area and 15 similar ones.'
    >>> rank_sentence("Net migration", 1, 2, 3)
    'Net migration for each 1,000 people is joint highest of this area and 2 similar ones.'
    """
    others = f"this area and {count - 1} similar one{'s' if count > 2 else ''}"
    if equal == count:
        return f"{what} for each 1,000 people is the same in {others}."
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(
        place % 10, "th"
    )  # fmt: skip
    last = place + equal - 1 == count
    at = "highest" if place == 1 else "lowest" if last else f"{place}{ending} highest"
    return f"{what} for each 1,000 people is {'joint ' if equal > 1 else ''}{at} of {others}."


def revised_sentence(editions: int, largest: float) -> str:
    """Say by how much earlier editions of an area's populations were revised.

    Args:
        editions: Number of earlier editions.
        largest: Largest relative revision of a year's population, first edition to latest.

    >>> revised_sentence(2, 0.0312)
    'Populations of the 2 earlier editions were revised by up to 3.1%.'
    """
    which = "the earlier edition" if editions == 1 else f"the {editions} earlier editions"
    if not largest:
        return f"Populations of {which} have not been revised."
    share = "less than 0.1%" if largest < 0.001 else f"up to {100 * largest:.1f}%"
    return f"Populations of {which} were revised by {share}."


def day(date: dt.date) -> str:
    """Return a date as it is written in text.

    >>> import datetime as dt
    >>> day(dt.date(2015, 5, 21))
    '21 May 2015'
    """
    return f"{date.day} {date:%B %Y}"


def provisional_sentence(years: Sequence[int]) -> str:
    """Say which years are provisional, and why.

    >>> provisional_sentence([2013, 2014])[:45]
    'The figures of 2013 and 2014 are provisional:'
    """
    if not years:
        return ""
    *others, last = map(str, years)
    named = f"{', '.join(others)} and {last}" if others else last
    return (
        f"The figures of {named} are provisional: stays that are still open, or sources that do "
        "not cover the year yet, are estimated in them."
    )


def years_sentence(
    year: int, trend: dict[str, Any] | None, found: tuple[int, int], of: str = ""
) -> str:
    """Say how much weight a single year can bear.

    Args:
        year: The last year.
        trend: `persons`, `lower` and `upper` of the trend of net migration in that year.
        found: Significant changes of net migration from year to year, and all.
        of: What series they are of, where it is not the headline's.

    >>> years_sentence(2012, None, (1, 10))
    'Of the 10 changes of net migration from one year to the next, 1 is significant.'
    """
    some, whole = found
    start = (
        f"Of the {whole} changes of net migration from one year to the next{of}, "
        f"{number(some) if some else 'none'} {'are' if some > 1 else 'is'} significant."
    )
    if trend is None:
        return start
    return (
        f"{start} The trend, which follows a year only as far as it goes beyond its error, puts "
        f"net migration in {year} at {signed(rounded(trend['persons']))} "
        f"({between(trend['lower'], trend['upper'])})."
    )


def words_of_year(year: int, months: int) -> str:
    """Return a year, or the months of it that figures cover.

    >>> words_of_year(2012, 12), words_of_year(2012, 1)
    ('2012', '1 month of 2012')
    """
    if months == 12:
        return str(year)
    return f"{months} month{'s' if months > 1 else ''} of {year}"


def weight(value: float) -> str:
    """Return a weight with as many decimals as its size wants.

    >>> weight(0.9731), weight(12.34), weight(94488.2)
    ('0.97', '12.3', '94,488')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def weighting_sentence(
    year: int, whole: tuple[int, float], cells: tuple[int, int], most: tuple[float, float]
) -> str:
    """Say what the weighting of a survey did in a year.

    Args:
        year: The year.
        whole: Interviews, and the passengers they stand for.
        cells: Cells with few interviews, and all cells.
        most: Largest weight, and how many times the median it is.

    >>> weighting_sentence(2014, (100, 5000.0), (1, 4), (300.0, 6.25))[:62]
    'In 2014, 100 interviews stand for 5,000 passengers. Of the cel'
    """
    return (
        f"In {year}, {number(whole[0])} interviews stand for {number(rounded(whole[1]))} "
        f"passengers. Of the cells used to adjust their weights after the shifts, "
        f"{rounded(100 * cells[0] / cells[1])}% hold fewer than 30 interviews. The largest "
        f"weight is {weight(most[0])}, {most[1]:.1f} times the median of its month."
    )


def design_sentence(errors: tuple[float, float], costs: tuple[float, float | None]) -> str:
    """Say what a better sample design would give.

    Args:
        errors: Standard error of net migration, at present and of the proposed design.
        costs: Cost of the proposed design, and of one with the present error if there is one, over
            that of the present design.

    >>> design_sentence((8000.0, 6000.0), (1.0, 0.7))[:62]
    'At the cost of the present fieldwork, shifts placed where they'
    """
    at = "the cost" if costs[0] <= 1 else f"{costs[0]:.1f} times the cost"
    sentence = (
        f"At {at} of the present fieldwork, shifts placed where they tell most would bring "
        f"the standard error of net migration from {weight(errors[0])} to {weight(errors[1])}"
    )
    if costs[1] is None:
        return f"{sentence}."
    return f"{sentence}; the present error would need {rounded(100 * costs[1])}% of the cost."


def natural_sentence(births: int | None, deaths: int | None) -> str:
    """Say whether births or deaths were more.

    >>> natural_sentence(300, 200)
    'there were 100 more births than deaths'
    """
    if births is None or deaths is None:
        return "births or deaths are not available"
    if births == deaths:
        return f"there were as many births as deaths ({number(births)})"
    more, less = ("births", "deaths") if births > deaths else ("deaths", "births")
    return f"there were {number(abs(births - deaths))} more {more} than {less}"


def flow_sentence(net: int | None, what: str) -> str:
    """Say what a net flow did to the population.

    >>> flow_sentence(-20, "international migration")
    'international migration took away 20 people'
    """
    if net is None:
        return f"{what} is not available"
    if net == 0:
        return f"{what} left the number of people unchanged"
    people = "person" if abs(net) == 1 else "people"
    return f"{what} {'added' if net > 0 else 'took away'} {number(abs(net))} {people}"


def quality_sentence(statuses: list[str], largest: int) -> str:
    """Say in one sentence how well an area's account holds together.

    Args:
        statuses: Account status of each year.
        largest: Largest absolute residual [persons].

    >>> quality_sentence(["balanced", "no_figures"], 0)
    'The account balances exactly in 1 of 2 years; for 1 the source gives no complete figures.'
    """
    count = {status: statuses.count(status) for status in set(statuses)}
    balanced = count.get("balanced", 0)
    if balanced == len(statuses):
        return "The account balances exactly in every year."
    parts = [f"The account balances exactly in {balanced} of {len(statuses)} years"]
    if rounding := count.get("rounding"):
        parts.append(
            f"in {rounding} it differs by at most {number(largest)}, because the source rounds "
            "its figures"
            if "unbalanced" not in count
            else f"in {rounding} rounding of the source explains the difference"
        )
    if unbalanced := count.get("unbalanced"):
        parts.append(
            f"in {unbalanced} it does not balance, by up to {number(largest)}: the residual is "
            "shown and unexplained"
        )
    if absent := count.get("no_figures"):
        parts.append(f"for {absent} the source gives no complete figures")
    return "; ".join(parts) + "."
