"""Every border crossing of one block: trips of residents, visits of others, and migrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.twin.draws import Season, day, pick
from ravenstein.twin.geography import CARRIERS, routes
from ravenstein.twin.people import REASONS, SPECIAL, short_term_days

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
ALIKE = 1 << 20  # more than any day: person × ALIKE + day orders by both
_STORED = dict.fromkeys(("arrival", "leg", "home", "reason", "stated", "carrier"), np.int8) | (
    dict.fromkeys(("minute", "nights", "route"), np.int32)
)
_VISITOR_CITIZENSHIP = (0.10, 0.52, 0.09, 0.07, 0.07, 0.15)  # as CITIZENSHIPS


@dataclass(frozen=True)
class Journeys:
    """All crossings of a block, by person and time, and the persons who made them.

    Args:
        persons: `sex`, `birth`, `citizenship`, by person [n]: the residents first, then visitors.
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
    fixed = _fixed(residents, visitors, begin, horizon)
    intervals = _intervals(settings, residents, visitors, begin, horizon)
    trips = _with_trips(settings, generator, intervals, fixed, persons["citizenship"])
    crossings = _crossings(trips, _moves(residents, begin, horizon), horizon)
    crossings |= _ways(settings, generator, crossings, persons["sex"].size)
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


def _visitors(
    settings: Settings, g: np.random.Generator, people: int, begin: int, horizon: int
) -> Columns:
    """Draw people who live abroad and visit, now and then or once for 1 to 12 months."""
    years = (horizon - begin) / 365.25
    middle = (begin + horizon) // 2
    mean = settings.at("visits_by_visitor", middle)
    rate = g.gamma(0.5, mean / 0.5, round(settings.at("visits", middle) * people / mean))
    rate = rate[g.random(rate.size) < -np.expm1(-rate * years)]  # the others never come
    longer = int(g.poisson(settings.at("short_term", middle)["visitor"] * people * years))
    count = rate.size + longer
    rate = np.concatenate([rate, np.zeros(longer)])
    age = np.clip(g.gamma(6.0, 6.8, count), 0, 90)
    start = g.integers(begin, horizon - 30, count)
    end = start + short_term_days(settings, g, count, middle)
    return {
        "rate": rate, "start": start, "end": np.minimum(end, horizon),
        "sex": np.where(g.random(count) < 0.53, 1, 2),
        "birth": (begin - age * 365.25).astype(np.int64),
        "citizenship": pick(g, _VISITOR_CITIZENSHIP, count),
        "reason": pick(
            g, settings.shares("short_term_reason", middle, REASONS, "visitor"), count
        ),
    }  # fmt: skip


def _fixed(residents: Residents, visitors: Columns, begin: int, horizon: int) -> Columns:
    """Return stays and absences of 1 to 12 months, which other trips must leave room for."""
    short = residents.short
    kept = (short["start"] >= begin) & (short["start"] < horizon)
    once = np.flatnonzero(visitors["rate"] == 0)
    zeros = np.zeros(once.size, dtype=np.int64)
    own = {
        "person": residents.persons["sex"].size + once,
        "start": visitors["start"][once],
        "end": visitors["end"][once],
        "home": zeros,
        "reason": visitors["reason"][once],
        "stated": zeros,
    }
    found = {name: np.concatenate([short[name][kept], own[name]]) for name in own}
    nights = found["end"] - found["start"]
    length = np.where(nights < THREE_MONTHS, UNDER_THREE, THREE_TO_TWELVE)
    return found | {"stated": np.where(found["stated"] == 1, TWELVE, length)}


def _intervals(
    settings: Settings, residents: Residents, visitors: Columns, begin: int, horizon: int
) -> Columns:
    """Return times in which a person has one home: rate 0 for residents, else visits a year."""
    spells, death = residents.spells, residents.persons["death"]
    person, start = spells["person"], spells["start"]
    free = residents.persons["special"][person] != SPECIAL.index("prisoner")
    order = np.lexsort((start, person))
    same = person[order[1:]] == person[order[:-1]]
    back = np.full(person.size, horizon)
    back[order[:-1][same]] = start[order[1:][same]]
    gone = spells["left"] == 1
    often = np.flatnonzero(visitors["rate"] > 0)
    first = residents.persons["sex"].size
    emigrants = settings.at("visits_of_emigrants", begin)
    parts = (
        (person[free], start[free], np.minimum(spells["end"], death[person])[free], 0.0),
        (person[gone], spells["end"][gone], np.minimum(back, death[person])[gone], emigrants),
        (first + often, begin, horizon, visitors["rate"][often]),
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
    citizenship: Ints,
) -> Columns:
    """Draw trips in the intervals, a year's rates at a time; keep those that do not overlap."""
    parts = [fixed]
    first, last = int(intervals["start"].min()), int(intervals["end"].max())
    season = settings.parameters["season"].values[0][1]
    seasons = [Season(season[name], first - 1, last + 1) for name in ("visitor", "resident")]
    foreign = (citizenship > 0)[intervals["person"]]
    at_home = intervals["rate"] == 0
    for opens in range(first, last, 365):
        start = np.maximum(intervals["start"], opens)
        end = np.minimum(intervals["end"], opens + 365)
        years = np.maximum(end - start - 1, 0) / 365.25
        travel = settings.at("citizens_travel", opens)
        own = settings.at("trips_abroad", opens) * np.where(foreign, travel, 1.0)
        change = settings.at("visits", opens) / settings.at("visits", (first + last) // 2)
        count = g.poisson(np.where(at_home, own, intervals["rate"] * change) * years)
        for home, who in ((0, "visitor"), (1, "resident")):
            chosen = np.flatnonzero((at_home == bool(home)) & (count > 0))
            chosen = np.repeat(chosen, count[chosen])
            when = seasons[home].between(g, start[chosen] + 1, end[chosen])
            reason = pick(g, settings.shares("trip_purpose", opens, REASONS, who), chosen.size)
            nights = _nights(settings, g, reason, opens, who)
            parts.append(
                {
                    "person": intervals["person"][chosen],
                    "start": when,
                    "end": when + nights,
                    "home": np.full(chosen.size, home, dtype=np.int8),
                    "reason": reason,
                    "stated": np.zeros(chosen.size, dtype=np.int8),
                    "until": intervals["end"][chosen],
                }
            )
    parts[0] = fixed | {"until": np.full(fixed["person"].size, -1)}
    trips = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return _apart(trips)


def _nights(settings: Settings, g: np.random.Generator, reason: Ints, when: int, who: str) -> Ints:
    median = settings.shares("trip_nights", when, REASONS, who)[reason]
    nights = np.maximum(np.rint(median * g.lognormal(sigma=0.8, size=reason.size)), 1)
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
    kept = fixed | (clear & (trips["end"] < trips["until"]))
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
        Areas, -1 for those who have not lived in the country.
    """
    spells, moves = residents.spells, residents.moves
    key = np.concatenate([spells["person"], moves["person"]]) * ALIKE + np.concatenate(
        [spells["start"], moves["day"]]
    )
    area = np.concatenate([spells["area"], moves["destination"]])
    order = np.argsort(key, kind="stable")
    key, area = key[order], area[order]
    person = crossings["person"][rows]
    place = np.searchsorted(key, person * ALIKE + crossings["day"][rows], side="right") - 1
    return np.where((place >= 0) & (key[place] // ALIKE == person), area[place], -1)


def _ways(settings: Settings, g: np.random.Generator, crossings: Columns, people: int) -> Columns:
    """Draw route, carrier and minute; trips mostly come back the way they went."""
    known = routes(settings)
    habits = settings.at("same_route_back", int(crossings["day"][0]))
    usual = pick(g, known.share, people)
    trips = int(crossings["trip"].max(initial=-1)) + 1
    traveller = np.zeros(trips, dtype=np.int64)
    traveller[crossings["trip"]] = crossings["person"]
    way = np.where(g.random(trips) < habits["usual"], usual[traveller], pick(g, known.share, trips))
    route = way[crossings["trip"]]
    size = route.size
    other = (crossings["leg"] == BACK) & (g.random(size) >= habits["back"])
    # passengers keep to land where they went by land, and the other way round
    flown = pick(g, np.where(known.mode == 3, 0, known.share), size)
    route = np.where(other & (known.mode[route] != 3), flown, route)
    own = (crossings["person"] * 7 + route * 3) % 11 % CARRIERS
    loyal = g.random(size) < settings.at("usual_carrier", int(crossings["day"][0]))
    carrier = np.where(loyal, own, g.integers(0, CARRIERS, size))
    part = pick(g, settings.at("hours", int(crossings["day"][0])), size)
    minute = (6 * 60 + part * 480 + g.integers(0, 480, size)) % 1440
    # of a day trip, the way back is later in the day
    again = (crossings["nights"] == 0) & (crossings["leg"] == BACK)
    minute = np.where(crossings["nights"] == 0, minute // 2 + 720 * again, minute)
    return {"route": route, "carrier": carrier, "minute": minute}
