"""Every border crossing of one block: trips of residents, visits of others, and migrations."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.twin.draws import Season, day, pick, short_term_days
from ravenstein.twin.geography import CARRIERS, LAND, routes
from ravenstein.twin.people import CITIZENSHIPS, FAR, REASONS, SPECIAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.people import Residents
    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]
    Columns = dict[str, NDArray[Any]]

OUT, BACK, MOVE = 0, 1, 2
"""Legs: going on a trip, coming back from it, and a change of usual residence."""

UNDER_THREE, THREE_TO_TWELVE, TWELVE = 0, 1, 2
"""Stated length of the stay to come: under 3 months, 3 to 12, 12 or more."""

THREE_MONTHS = 91
_TRAVEL_AGES = (5, 16, 25, 45, 65, 75)
ALIKE = 1 << 20  # more than any day: person × ALIKE + day orders by both
_STORED = dict.fromkeys(("arrival", "leg", "home", "reason", "stated", "carrier"), np.int8) | (
    dict.fromkeys(("minute", "nights", "route"), np.int32)
)


@dataclass(frozen=True)
class Journeys:
    """All crossings of a block, by person and time, and the persons who made them.

    Args:
        persons: `sex`, `birth`, `citizenship` and `abroad` (countries of the home abroad, as
            citizenship), by person [n]: the residents first, then visitors.
        resident: Whether each person lives in the country before the first crossing [n].
        crossings: `person`, `day`, `minute` of the day, `arrival` (0, 1), `leg`, `home` (1: usual
            residence in the country before the crossing), `reason`, `stated` length of the stay to
            come, `nights` of the trip, `route` (a place in `geography.routes`), `carrier` (0, 1, 2
            of the route) [m].
        begin: First day.
        horizon: Day after the last, two years after the last mid-year.
    """

    persons: Columns
    resident: NDArray[np.bool_]
    crossings: Columns
    begin: int
    horizon: int


def journeys(
    settings: Settings, generator: np.random.Generator, residents: Residents, people: int
) -> Journeys:
    """Draw the journeys of one block.

    Args:
        settings: The settings.
        generator: The block's generator.
        residents: The block's residents.
        people: Residents at the first mid-year, to which visits are in proportion.

    Returns:
        Crossings from one year before the first mid-year to two years after the last. At the
        beginning nobody is on a trip.
    """
    begin = day(settings.scale.first - 1, 7, 1)
    horizon = day(settings.scale.last + 2, 7, 1)
    visitors = _visitors(settings, generator, people, begin, horizon)
    persons = {
        name: np.concatenate([residents.persons[name], visitors[name]])
        for name in ("sex", "birth", "citizenship")
    }
    (own,) = generator.spawn(1)
    persons["abroad"] = _abroad(settings, own, persons["citizenship"], begin)
    fixed = _fixed(residents, visitors, begin, horizon)
    intervals = _intervals(settings, residents, visitors, begin, horizon)
    trips = _with_trips(settings, generator, intervals, fixed, persons)
    crossings = _crossings(trips, _moves(residents, begin, horizon), horizon)
    groups = persons["citizenship"] + settings.scale.areas
    lived = residents.spells["person"]
    groups[lived] = residents.spells["area"]
    crossings |= _ways(settings, generator, crossings, groups, route_weights(settings))
    del crossings["trip"]
    order = np.argsort(
        (crossings["person"] << 36)
        + ((crossings["day"] - begin) << 16)
        + (crossings["minute"] << 1)
        + (crossings["leg"] == BACK),
        kind="stable",
    )
    crossings = {
        name: values.astype(_STORED.get(name, np.int64))[order]
        for name, values in crossings.items()
    }
    spells = residents.spells
    resident = np.zeros(persons["sex"].size, dtype=np.bool_)
    resident[spells["person"][(spells["start"] < begin) & (spells["end"] > begin)]] = True
    resident[spells["person"][(spells["arrived"] == 0) & (spells["start"] >= begin)]] = True
    return Journeys(persons, resident, crossings, begin, horizon)


def _abroad(settings: Settings, g: np.random.Generator, citizenship: Ints, begin: int) -> Ints:
    """Draw the countries in which people live while they live abroad, one for life [n]."""
    shares = settings.shares("abroad_elsewhere", begin, CITIZENSHIPS)
    elsewhere = pick(g, shares, citizenship.size)
    own = (citizenship > 0) & (g.random(citizenship.size) < settings.at("abroad_own", begin))
    return np.where(own, citizenship, elsewhere)


def _visitors(
    settings: Settings, g: np.random.Generator, people: int, begin: int, horizon: int
) -> Columns:
    """Draw people who live abroad and visit for some years, a few of them once for 1 to 12 months.

    Each may come from `since` to `until`; `start` is the day of the long stay, `horizon` without.
    """
    middle = (begin + horizon) // 2
    mean = settings.at("visits_by_visitor", middle)
    active = round(settings.at("visitor_years", middle) * 365.25)
    years = (horizon - begin + active) / active
    rate = g.gamma(0.5, mean / 0.5, round(settings.at("visits", middle) * people / mean * years))
    since = g.integers(begin - active, horizon, rate.size)
    inside = np.minimum(since + active, horizon) - np.maximum(since, begin)
    comes = g.random(rate.size) < -np.expm1(-rate * inside / 365.25)  # the others never come
    rate, since = rate[comes], since[comes]
    level = settings.daily("visits", begin, horizon) / settings.at("visits", middle)
    seasons = settings.parameters["season"].values[0][1]
    season = Season(seasons["visitor"], begin, horizon, level=level)
    share = settings.at("short_term", middle)["visitor"] * level.mean()
    longer = int(g.poisson(share * people * (horizon - begin) / 365.25))
    stay = season.between(g, np.full(longer, begin), horizon - 30)
    start = np.concatenate([np.full(rate.size, horizon), stay])
    since = np.concatenate([since, stay - g.integers(0, active, longer)])
    rate = np.concatenate([rate, g.gamma(0.5, mean / 0.5, longer)])
    count = rate.size
    citizenship = np.empty(count, dtype=np.int64)
    dates = [
        (d - dt.date(1970, 1, 1)).days for d, _ in settings.parameters["visitor_citizenship"].values
    ]
    for since_day, until_day in zip([-FAR, *dates[1:]], [*dates[1:], FAR], strict=True):
        rows = np.flatnonzero((since >= since_day) & (since < until_day))
        shares = settings.shares("visitor_citizenship", max(since_day, dates[0]), CITIZENSHIPS)
        citizenship[rows] = pick(g, shares, rows.size)
    who = settings.at("visitors", middle)
    shape = (who["mean"] / who["deviation"]) ** 2
    age = np.clip(g.gamma(shape, who["mean"] / shape, count), 0, 80)  # in the middle of the years
    reason = pick(g, settings.shares("short_term_reason", middle, REASONS, "visitor"), count)
    end = start + short_term_days(settings, g, count, middle)
    return {
        "rate": rate, "since": since, "until": since + active, "start": start,
        "end": np.minimum(end, horizon), "sex": np.where(g.random(count) < who["men"], 1, 2),
        "birth": (since + active / 2 - age * 365.25).astype(np.int64), "citizenship": citizenship,
        "reason": reason,
    }  # fmt: skip


def _fixed(residents: Residents, visitors: Columns, begin: int, horizon: int) -> Columns:
    """Return stays and absences of 1 to 12 months, which other trips must leave room for."""
    short = residents.short
    kept = (short["start"] >= begin) & (short["start"] < horizon)
    once = np.flatnonzero(visitors["start"] < horizon)
    zeros = np.zeros(once.size, dtype=np.int64)
    own = {
        "person": residents.persons["sex"].size + once,
        "start": visitors["start"][once],
        "end": visitors["end"][once],
        "home": zeros,
        "reason": visitors["reason"][once],
        "stated": zeros,
    }
    terms = residents.terms
    inmates = (terms["kind"] == SPECIAL.index("prisoner")) & (terms["end"] > begin)
    zeros = np.zeros(int(inmates.sum()), dtype=np.int64)
    locked = {
        "person": terms["person"][inmates],
        "start": np.maximum(terms["start"][inmates], begin),
        "end": np.minimum(terms["end"][inmates], horizon),
        "home": zeros + 1,
        "reason": zeros - 1,  # no trip: it only keeps others away
        "stated": zeros,
    }
    found = {name: np.concatenate([short[name][kept], own[name], locked[name]]) for name in own}
    nights = found["end"] - found["start"]
    length = np.where(nights < THREE_MONTHS, UNDER_THREE, THREE_TO_TWELVE)
    return found | {"stated": np.where(found["stated"] == 1, TWELVE, length)}


def _intervals(
    settings: Settings, residents: Residents, visitors: Columns, begin: int, horizon: int
) -> Columns:
    """Return times in which a person has one home: rate 0 for residents, else visits a year."""
    spells, death = residents.spells, residents.persons["death"]
    person, start = spells["person"], spells["start"]
    order = np.lexsort((start, person))
    same = person[order[1:]] == person[order[:-1]]
    back = np.full(person.size, horizon)
    back[order[:-1][same]] = start[order[1:][same]]
    opens = np.ones(person.size, dtype=np.bool_)
    opens[order[1:][same]] = False
    gone, came = spells["left"] == 1, (spells["arrived"] == 1) & opens
    first = residents.persons["sex"].size + np.arange(visitors["rate"].size)
    emigrants = settings.at("visits_of_emigrants", begin)
    parts = (
        (person, start, np.minimum(spells["end"], death[person]), 0.0),
        (person[gone], spells["end"][gone], np.minimum(back, death[person])[gone], emigrants),
        (person[came], start[came] - 5 * 365, start[came], emigrants),
        (first, visitors["since"], visitors["until"], visitors["rate"]),
    )
    columns: list[tuple[Any, ...]] = [
        tuple(np.broadcast_to(np.asarray(v), np.size(part[0])) for v in part) for part in parts
    ]
    who, since, until, rate = (np.concatenate([c[i] for c in columns]) for i in range(4))
    since, until = np.maximum(since, begin), np.minimum(until, horizon)
    kept = until - since > 4
    return {"person": who[kept], "start": since[kept], "end": until[kept], "rate": rate[kept]}


def _with_trips(
    settings: Settings,
    g: np.random.Generator,
    intervals: Columns,
    fixed: Columns,
    persons: Columns,
) -> Columns:
    """Draw trips in the intervals, a year's rates at a time; keep those that do not overlap."""
    first, last = int(intervals["start"].min()), int(intervals["end"].max())
    season = settings.parameters["season"].values[0][1]
    week = settings.at("weekdays", first)
    seasons = [
        Season(season[name], first - 1, last + 1, weekdays=week) for name in ("visitor", "resident")
    ]
    person = intervals["person"]
    foreign = persons["citizenship"][person] > 0
    shape = settings.at("travel_by_person", first)
    keen = g.gamma(shape, 1 / shape, persons["sex"].size)[person]
    by_age = np.array(settings.at("travel_by_age", first))
    at_home = intervals["rate"] == 0
    usual = settings.at("visits", (first + last) // 2)
    parts = [fixed | {"until": np.full(fixed["person"].size, -1)}]
    for opens in range(first, last, 365):
        start = np.maximum(intervals["start"], opens)
        end = np.minimum(intervals["end"], opens + 365)
        years = np.maximum(end - start - 1, 0) / 365.25
        travel = settings.at("citizens_travel", opens)
        age = (opens + 182 - persons["birth"][person]) / 365.25
        own = by_age[np.searchsorted(_TRAVEL_AGES, age, side="right")] * keen
        own = settings.at("trips_abroad", opens) * own * np.where(foreign, travel, 1.0)
        visits = intervals["rate"] * settings.at("visits", opens) / usual
        count = g.poisson(np.where(at_home, own, visits) * years)
        for home, who in ((0, "visitor"), (1, "resident")):
            chosen = np.flatnonzero((at_home == bool(home)) & (count > 0))
            chosen = np.repeat(chosen, count[chosen])
            when = seasons[home].between(g, start[chosen] + 1, end[chosen])
            reason = pick(g, settings.shares("trip_purpose", opens, REASONS, who), chosen.size)
            parts.append(
                {
                    "person": person[chosen],
                    "start": when,
                    "end": when + _nights(settings, g, reason, opens, who),
                    "home": np.full(chosen.size, home, dtype=np.int8),
                    "reason": reason,
                    "stated": np.zeros(chosen.size, dtype=np.int8),
                    "until": intervals["end"][chosen],
                }
            )
    trips = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _apart(trips)


def _nights(settings: Settings, g: np.random.Generator, reason: Ints, when: int, who: str) -> Ints:
    median = settings.shares("trip_nights", when, REASONS, who)[reason]
    spread = settings.at("trip_spread", when)
    nights = np.maximum(np.rint(median * g.lognormal(sigma=spread, size=reason.size)), 1)
    nights = np.where(g.random(reason.size) < settings.at("day_trips", when), 0, nights)
    return np.minimum(nights, THREE_MONTHS - 1).astype(np.int64)


def _apart(trips: Columns) -> Columns:
    """Drop trips that begin before the one before has ended, or reach into the next fixed one."""
    key = (trips["person"] << 20) + trips["start"]
    order = np.argsort(key, kind="stable")
    trips = {name: values[order] for name, values in trips.items()}
    key = key[order]
    end = (trips["person"] << 20) + trips["end"]
    before = np.maximum.accumulate(end)
    clear = np.ones(key.size, dtype=np.bool_)
    clear[1:] = (key[1:] > before[:-1]) | (trips["person"][1:] != trips["person"][:-1])
    fixed = trips["until"] < 0
    following = np.append(key[fixed], 1 << 62)
    ahead = following[np.searchsorted(following, key, side="right")]
    clear &= end < ahead
    kept = (fixed | (clear & (trips["end"] < trips["until"]))) & (trips["reason"] >= 0)
    return {name: values[kept] for name, values in trips.items() if name != "until"}


def _moves(residents: Residents, begin: int, horizon: int) -> Columns:
    """Return the crossings of those who change their usual residence."""
    spells = residents.spells
    came = (spells["arrived"] == 1) & (spells["start"] >= begin) & (spells["start"] < horizon)
    went = (spells["left"] == 1) & (spells["end"] >= begin) & (spells["end"] < horizon)
    sides = (
        (came, spells["start"], spells["reason_in"], spells["stated_in"], 1),
        (went, spells["end"], spells["reason_out"], spells["stated_out"], 0),
    )
    parts = [
        {
            "person": spells["person"][kept],
            "day": when[kept],
            "arrival": np.full(int(kept.sum()), arrival),
            "home": np.full(int(kept.sum()), 1 - arrival),
            "reason": reason[kept],
            "stated": np.where(stated[kept] == 1, TWELVE, THREE_TO_TWELVE),
        }
        for kept, when, reason, stated, arrival in sides
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _crossings(trips: Columns, moves: Columns, horizon: int) -> Columns:
    """Return crossings: two a trip (one if it ends after the horizon), one a move."""
    nights = trips["end"] - trips["start"]
    ended = trips["end"] < horizon
    number = np.arange(nights.size)
    legs = [
        (trips, np.ones(nights.size, bool), "start", trips["home"] == 0, OUT, number),
        (trips, ended, "end", trips["home"] == 1, BACK, number[ended]),
    ]
    parts = []
    for rows, kept, when, arrival, leg, trip in legs:
        size = int(kept.sum())
        parts.append(
            {
                "person": rows["person"][kept],
                "day": rows[when][kept],
                "arrival": arrival[kept].astype(np.int8),
                "leg": np.full(size, leg, dtype=np.int8),
                "home": rows["home"][kept],
                "reason": rows["reason"][kept],
                "stated": rows["stated"][kept] if leg == OUT else np.zeros(size, np.int8),
                "nights": nights[kept],
                "trip": trip,
            }
        )
    size = moves["person"].size
    parts.append(
        moves
        | {
            "leg": np.full(size, MOVE),
            "nights": np.full(size, -1),
            "trip": nights.size + np.arange(size),
        }
    )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def area_of_residence(residents: Residents, crossings: Columns, rows: Ints) -> Ints:
    """Return where the persons of some crossings live, from that day or until it [rows].

    Args:
        residents: The block's residents.
        crossings: Its crossings.
        rows: Which crossings.

    Returns:
        Areas, of a stay of some months too; -1 for those who have had neither.
    """
    spells, moves, short = residents.spells, residents.moves, residents.short
    stays = short["home"] == 0
    person = np.concatenate([spells["person"], moves["person"], short["person"][stays]])
    since = np.concatenate([spells["start"], moves["day"], short["start"][stays]])
    key = person * ALIKE + since
    area = np.concatenate([spells["area"], moves["destination"], short["area"][stays]])
    order = np.argsort(key, kind="stable")
    key, area = key[order], area[order]
    person = crossings["person"][rows]
    place = np.searchsorted(key, person * ALIKE + crossings["day"][rows], side="right") - 1
    return np.where((place >= 0) & (key[place] // ALIKE == person), area[place], -1)


def _ways(
    settings: Settings,
    g: np.random.Generator,
    crossings: Columns,
    groups: Ints,
    weights: NDArray[np.float64],
) -> Columns:
    """Return route, carrier and minute; trips mostly come back the way they went.

    Args:
        settings: The settings.
        g: The block's generator.
        crossings: The crossings.
        groups: Group of each person: area of residence, or citizenship of visitors [n].
        weights: Weights of the routes for each group [groups, routes].
    """
    known = routes(settings)
    habits = settings.at("same_route_back", int(crossings["day"][0]))
    usual = _routed(g, weights, groups)
    trips = int(crossings["trip"].max(initial=-1)) + 1
    traveller = np.zeros(trips, dtype=np.int64)
    traveller[crossings["trip"]] = crossings["person"]
    drawn = _routed(g, weights, groups[traveller])
    way = np.where(g.random(trips) < habits["usual"], usual[traveller], drawn)
    route = way[crossings["trip"]]
    size = route.size
    # passengers keep to land where they went by land, and the other way round
    other = (crossings["leg"] == BACK) & (g.random(size) >= habits["back"])
    other = np.flatnonzero(other & (known.mode[route] != LAND))
    flown = np.where(known.mode == LAND, 0, weights)
    route[other] = _routed(g, flown, groups[crossings["person"][other]])
    own = ((crossings["person"] + 1) * 2654435761 + route * 40503 >> 7) % CARRIERS
    loyal = g.random(size) < settings.at("usual_carrier", int(crossings["day"][0]))
    carrier = np.where(loyal, own, g.integers(0, CARRIERS, size))
    part = pick(g, settings.at("hours", int(crossings["day"][0])), size)
    minute = (6 * 60 + part * 480 + g.integers(0, 480, size)) % 1440
    # of a day trip, the way back is later in the day
    again = (crossings["nights"] == 0) & (crossings["leg"] == BACK)
    minute = np.where(crossings["nights"] == 0, minute // 2 + 720 * again, minute)
    return {"route": route, "carrier": carrier, "minute": minute}


def route_weights(settings: Settings) -> NDArray[np.float64]:
    """Return weights of routes for each area, then for each citizenship; the same in every block.

    Log-normal tilts about the routes' shares: an area's people leave from ports near it, and
    airlines serve some countries more [areas + citizenships, routes].
    """
    known, tilt = routes(settings), settings.parameters["route_tilt"].values[0][1]
    g = np.random.default_rng(1885)
    areas = settings.scale.areas
    sigma = np.repeat([tilt["area"], tilt["citizenship"]], [areas, len(CITIZENSHIPS)])
    factors = np.exp(sigma[:, None] * g.standard_normal((sigma.size, known.share.size)))
    weights = known.share * factors
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _routed(g: np.random.Generator, weights: NDArray[np.float64], groups: Ints) -> Ints:
    """Draw a route for each row by the weights of its group [rows]."""
    reached = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    reached[:, -1] = 1.0
    flat = (reached + np.arange(len(weights))[:, None]).ravel()
    place = np.searchsorted(flat, groups + g.random(groups.size), side="right")
    found = np.minimum(place - groups * weights.shape[1], weights.shape[1] - 1)
    return np.asarray(found, dtype=np.int64)
