"""The passenger survey's view: interviews in sampled shifts, and the tallies that weight them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.seeds import step_generator
from ravenstein.twin.draws import age_on, day, pick
from ravenstein.twin.geography import LAND, MODES, Routes, routes
from ravenstein.twin.journeys import BACK, THREE_TO_TWELVE, TWELVE, area_of_residence
from ravenstein.twin.people import CITIZENSHIPS, REASONS, SEXES
from ravenstein.twin.truth import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.journeys import Journeys
    from ravenstein.twin.settings import Settings
    from ravenstein.twin.world import World

    Ints = NDArray[np.int64]
    Columns = dict[str, NDArray[Any]]

STATED = ("under_3_months", "3_to_12_months", "12_months_or_more")
REGIONS = ("country", "europe", "elsewhere")
COUNTRIES = CITIZENSHIPS[1:]
GROUPED = ("shift", "nonresponse", "minimums", "traffic", "unsampled")
_BY_ROUTE = ("shift", "nonresponse", "traffic")
FULL, MINIMUM, MIGRATION_SLOT = 1, 3, 4
_NIGHT = 2
_EUROPE = (1, 2)  # places in CITIZENSHIPS


@dataclass(frozen=True)
class Design:
    """Which shifts are possible and which are sampled; the same in every block.

    Args:
        routes: The routes.
        first: First day of the survey.
        days: Number of days.
        possible: Shifts in the frame [routes, directions, days, parts of the day].
        sampled: Shifts that are sampled, of the same shape.
    """

    routes: Routes
    first: int
    days: int
    possible: NDArray[np.bool_]
    sampled: NDArray[np.bool_]

    def month(self, of_day: Ints) -> Ints:
        """Return the month of days, counted from January 1970."""
        dates = (of_day + self.first).astype("datetime64[D]")
        return dates.astype("datetime64[M]").astype(np.int64)

    def weekend(self, of_day: Ints) -> Ints:
        """Return 2 for Saturdays and Sundays, 1 for other days (1 January 1970: a Thursday)."""
        return np.where((of_day + self.first + 3) % 7 >= 5, 2, 1)


def design(settings: Settings, seed: int) -> Design:
    """Draw the shifts: one share in each month × route × direction × weekday × part, at least two.

    Args:
        settings: The settings.
        seed: The seed of the twin.
    """
    scale, known = settings.scale, routes(settings)
    first, last = day(scale.first, 1, 1), day(scale.last, 12, 31)
    days = last - first + 1
    possible = np.zeros((known.codes.size, 2, days, 3), dtype=np.bool_)
    apart = settings.at("survey_unsampled", first) > 0
    possible[known.sampled | (not apart)] = True
    possible[..., _NIGHT] &= (known.night | (not apart))[:, None, None]
    blank = Design(known, first, days, possible, possible)
    numbers = np.arange(days)
    stratum = blank.month(numbers) * 2 + blank.weekend(numbers)
    g = step_generator(seed, "twin/survey/shifts")
    order = g.random(possible.shape)
    order[~possible] = 2.0
    sampled = np.zeros_like(possible)
    for kind in np.unique(stratum):
        inside = np.flatnonzero(stratum == kind)
        count = min(inside.size, max(2, round(scale.shifts * inside.size)))
        place = np.argsort(order[:, :, inside], axis=2)[:, :, :count]
        part = np.zeros((*possible.shape[:2], inside.size, 3), dtype=np.bool_)
        np.put_along_axis(part, place, True, axis=2)
        sampled[:, :, inside] = part
    return Design(known, first, days, possible, sampled & possible)


def interviews(
    world: World, drawn: Design, removed: Ints
) -> tuple[pa.Table, Columns, dict[str, Columns]]:
    """Interview the passengers of one block.

    Args:
        world: The block.
        drawn: The sampled shifts.
        removed: Crossings of people who are escorted out of the country, places among all.

    Returns:
        Rows of `survey_contacts`; the same interviews as `serial`, `row` (of the crossings),
        `shift`, `response`, and what was answered: `stated`, `nights` (-1 for none), `migrant`;
        and counts by code that are added over blocks: `nonresponse`, `traffic` and `unsampled`.
    """
    generator, c = world.generator("survey"), world.journeys.crossings
    rows, shift, counts = _passing(world.journeys, drawn)
    in_sample = drawn.sampled.ravel()[shift] & ~_set_aside(world, generator, rows)
    rows, shift = rows[in_sample], shift[in_sample]
    order = np.argsort(shift.astype(np.int64) * 1440 + c["minute"][rows], kind="stable")
    rows, shift = rows[order], shift[order]
    rows, shift, full = _slots(world.settings, generator, rows, shift)
    daily = {
        name: world.settings.daily(f"survey_{name}", drawn.first, drawn.first + drawn.days)
        for name in ("nonresponse", "minimum", "migrants_lost", "visitors_gained", "night_recall")
    }
    when = c["day"][rows] - drawn.first
    silent = generator.random(rows.size) < daily["nonresponse"][when]
    there = ~_escorted(world, removed, rows)
    # the weight of non-response is that of full-interview slots: only theirs are tallied
    counts["nonresponse"] = counted(_of_shift(drawn, shift[silent & full & there]))
    answers = _answers(generator, world.journeys, rows[~silent], daily, when[~silent])
    migrant = answers["migrant"]
    full, shift, rows, there = full[~silent], shift[~silent], rows[~silent], there[~silent]
    kept = full | migrant
    minimum = generator.random(kept.size) < daily["minimum"][when[~silent]]
    response = np.where(full, FULL, MIGRATION_SLOT)
    response = np.where(full & minimum, MINIMUM, response)
    found = {"row": rows, "shift": shift, "response": response, "there": there} | answers
    found = {name: values[kept] for name, values in found.items()}
    found["area"] = _areas(world, generator, found)
    found["serial"] = (world.number << 32) + np.arange(found["row"].size)
    # only now, so that whoever is escorted changes nothing of the others
    there = found.pop("there")
    found = {name: values[there] for name, values in found.items()}
    return _contacts(world, drawn, found), found, counts


def _passing(journeys: Journeys, drawn: Design) -> tuple[Ints, Ints, dict[str, Columns]]:
    """Return the crossings in the survey's years, their shifts, and the counts of port traffic."""
    c = journeys.crossings
    inside = (c["day"] >= drawn.first) & (c["day"] < drawn.first + drawn.days)
    rows = np.flatnonzero(inside)
    when = c["day"][rows] - drawn.first
    part = ((c["minute"][rows] - 360) % 1440) // 480
    direction = 1 - c["arrival"][rows]
    shift = ((c["route"][rows] * 2 + direction) * drawn.days + when) * 3 + part
    framed = drawn.possible.ravel()[shift]
    # nobody counts passengers at the land border: they are in no table of the survey
    uncounted = ~framed & (drawn.routes.mode[c["route"][rows]] == LAND)
    passing = {
        "month": drawn.month(when),
        "route": c["route"][rows],
        "direction": direction,
    }
    missed = ~framed & ~uncounted
    counts = {
        "traffic": counted({name: values[framed] for name, values in passing.items()}),
        "unsampled": counted(
            {name: values[missed] for name, values in passing.items()}
            | {"region": _region(journeys, rows[missed])}
        ),
    }
    return rows, shift, counts


def _set_aside(world: World, generator: np.random.Generator, rows: Ints) -> NDArray[np.bool_]:
    """Return which arrivals are of asylum seekers whom nobody interviews [rows]."""
    journeys, seeks = world.journeys, world.persons["asylum"] == 1
    c = journeys.crossings
    (own,) = generator.spawn(1)
    draw = np.ones(journeys.resident.size)
    draw[: seeks.size] = np.where(seeks, own.random(seeks.size), 1.0)
    share = world.settings.daily("survey_asylum_missed", journeys.begin, journeys.horizon)
    aside = draw[c["person"][rows]] < share[c["day"][rows] - journeys.begin]
    return np.asarray(aside & (c["arrival"][rows] == 1) & (c["stated"][rows] == TWELVE))


def _escorted(world: World, removed: Ints, rows: Ints) -> NDArray[np.bool_]:
    """Return which crossings are of people who are escorted past the interviewers [rows]."""
    journeys = world.journeys
    share = world.settings.daily("survey_removals_missed", journeys.begin, journeys.horizon)
    drawn = world.generator("survey removals").random(removed.size)
    missed = drawn < share[journeys.crossings["day"][removed] - journeys.begin]
    return np.isin(rows, removed[missed])


def _areas(world: World, generator: np.random.Generator, found: Columns) -> Ints:
    """Return the areas that migrants name, -1 for others."""
    area = np.full(found["row"].size, -1)
    migrants = np.flatnonzero(found["migrant"] & (found["response"] != MINIMUM))
    area[migrants] = area_of_residence(
        world.residents, world.journeys.crossings, found["row"][migrants]
    )
    # visitors taken for migrants name a place too
    unknown = migrants[area[migrants] < 0]
    area[unknown] = pick(generator, world.places.areas.size, unknown.size)
    return area


def _slots(
    settings: Settings, g: np.random.Generator, rows: Ints, shift: Ints
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Return the screened of each shift, every k-th, and whether they are full-interview slots."""
    k, second = settings.scale.interval, settings.scale.second
    kinds, start, place = np.unique(shift, return_index=True, return_inverse=True)
    number = np.arange(rows.size) - start[place]
    offset = g.integers(0, k * second, kinds.size)[place]
    screened = (number + offset) % k == 0
    full = (number + offset) % (k * second) == 0
    return rows[screened], shift[screened], full[screened]


def _of_shift(drawn: Design, shift: Ints) -> Columns:
    """Return month, route, direction, weekday and part of the day of shifts."""
    rest, part = np.divmod(shift, 3)
    rest, when = np.divmod(rest, drawn.days)
    route, direction = np.divmod(rest, 2)
    return {
        "month": drawn.month(when), "route": route, "direction": direction,
        "weekday": drawn.weekend(when), "part": part,
    }  # fmt: skip


def _region(journeys: Journeys, rows: Ints) -> Ints:
    """Return where passengers live: here, in Europe or elsewhere."""
    c = journeys.crossings
    country = journeys.persons["abroad"][c["person"][rows]]
    abroad = np.where(np.isin(country, _EUROPE), 1, 2)
    return np.where(c["home"][rows] == 1, 0, abroad)


def _answers(
    g: np.random.Generator, journeys: Journeys, rows: Ints, daily: Columns, when: Ints
) -> Columns:
    """Return what respondents say of their stay: intentions and nights, with their errors."""
    c = journeys.crossings
    stated, leg, nights = c["stated"][rows].copy(), c["leg"][rows], c["nights"][rows].copy()
    draws = g.random(rows.size)
    lost = (stated == TWELVE) & (draws < daily["migrants_lost"][when])
    gained = (stated == THREE_TO_TWELVE) & (draws < daily["visitors_gained"][when])
    stated = np.where(lost, THREE_TO_TWELVE, np.where(gained, TWELVE, stated))
    error = np.exp(daily["night_recall"][when] * g.standard_normal(rows.size))
    back = leg == BACK
    return {
        "stated": np.where(back, -1, stated),
        "nights": np.where(back, np.rint(nights * error).astype(np.int64), -1),
        "migrant": ~back & (stated == TWELVE),
    }


def _contacts(world: World, drawn: Design, found: Columns) -> pa.Table:
    """Return the rows of `survey_contacts`."""
    journeys = world.journeys
    c, persons = journeys.crossings, journeys.persons
    rows, size = found["row"], found["row"].size
    of = _of_shift(drawn, found["shift"])
    person, home = c["person"][rows], c["home"][rows]
    known, scale = drawn.routes, world.settings.scale
    mode = known.mode[of["route"]]
    # flows 1-4 by air, 5-8 otherwise: odd for overseas residents, leaving first
    flow = np.where(of["direction"] == 1, np.where(home == 1, 2, 1), np.where(home == 1, 4, 3))
    flow = flow + 4 * (mode > 0)
    age = np.clip(age_on(persons["birth"][person], c["day"][rows]), 0, 90)
    minimum = found["response"] == MINIMUM
    codes = pa.array(world.places.areas.codes)
    crossing = np.isin(mode, (1, 2))  # ferries and trains are sampled by crossing
    stated = np.where(minimum, -1, found["stated"])
    region = _label(_region(journeys, rows), REGIONS)
    return pa.table(
        {
            "serial": found["serial"],
            "interviewed_on": pa.array(c["day"][rows].astype(np.int32)).cast(pa.date32()),
            "portroute": known.codes[of["route"]],
            "arrivedepart": of["direction"] + 1,
            **_groups(known, of["route"], *GROUPED),
            "minimums_country": region,
            "unsampled_region": region,
            "weekday": of["weekday"],
            "am_pm_night": of["part"] + 1,
            "shiftno": found["shift"],
            "shuttle": _where(crossing, np.ones(size, dtype=np.int64)),
            "migsi": np.full(size, scale.interval),
            "tandtsi": np.full(size, scale.interval * scale.second),
            "response": found["response"],
            "flow": flow,
            "country": _label(np.where(minimum, -1, persons["abroad"][person] - 1), COUNTRIES),
            "citizenship": _label(persons["citizenship"][person], CITIZENSHIPS),
            "sex": _label(persons["sex"][person] - 1, SEXES),
            "age": _where(~minimum, age),
            "purpose": _label(np.where(minimum, -1, c["reason"][rows]), REASONS),
            "stay_stated": _label(stated, STATED),
            "nights": _where(~minimum & (found["nights"] >= 0), found["nights"]),
            "area": pa.compute.if_else(
                pa.array(found["area"] >= 0),
                codes.take(pa.array(np.maximum(found["area"], 0))),
                None,
            ),
        }
    )


def _groups(known: Routes, route: Ints, *stages: str) -> dict[str, pa.Array]:
    """Return the port groups of routes for stages: each its own, or its mode."""
    own = pa.array(known.codes[route]).cast(pa.string())
    mode = _label(known.mode[route], MODES)
    return {f"{stage}_group": own if stage in _BY_ROUTE else mode for stage in stages}


def _where(known: NDArray[np.bool_], values: Ints) -> pa.Array:
    return pa.array(values, mask=~known)


def _label(places: Ints, labels: tuple[str, ...]) -> pa.Array:
    """Return labels by place, missing below 0."""
    code = pa.array(np.maximum(places, 0).astype(np.int8), mask=places < 0)
    return pa.DictionaryArray.from_arrays(code, pa.array(labels)).cast(pa.string())


def tallies(settings: Settings, drawn: Design, counts: dict[str, Columns]) -> dict[str, pa.Table]:
    """Return the survey's four reference tables from the counts of all blocks.

    Args:
        settings: The settings.
        drawn: The sampled shifts.
        counts: Counts added over blocks.

    Returns:
        Rows of `survey_shifts`, `survey_nonresponse`, `survey_traffic` and `survey_unsampled`.
    """
    place = np.flatnonzero(drawn.possible.ravel())
    possible = counted(_of_shift(drawn, place))
    taken = counted(_of_shift(drawn, np.flatnonzero(drawn.sampled.ravel())))
    silent = counts["nonresponse"]

    def base(columns: Columns, stage: str) -> dict[str, Any]:
        return {
            "month": _month(columns["month"]),
            "record": np.arange(columns["route"].size),
            "portroute": drawn.routes.codes[columns["route"]],
            "arrivedepart": columns["direction"] + 1,
            **_groups(drawn.routes, columns["route"], stage),
        }

    return {
        "survey_shifts": pa.table(
            base(possible, "shift")
            | {
                "weekday": possible["weekday"],
                "am_pm_night": possible["part"] + 1,
                "possible": possible["count"],
                "sampled": taken["count"],
            }
        ),
        "survey_nonresponse": pa.table(
            base(silent, "nonresponse")
            | {
                "weekday": silent["weekday"],
                "migtotal": silent["count"],
                "ordtotal": np.zeros(silent["count"].size, dtype=np.int64),
            }
        ),
        "survey_traffic": pa.table(
            base(counts["traffic"], "traffic") | {"passengers": counts["traffic"]["count"]}
        ),
        "survey_unsampled": pa.table(
            base(counts["unsampled"], "unsampled")
            | {
                "unsampled_region": _label(counts["unsampled"]["region"], REGIONS),
                "passengers": counts["unsampled"]["count"],
            }
        ),
    }


def _month(months: Ints) -> pa.Array:
    """Return the first day of months counted from January 1970."""
    return pa.array(months.astype("datetime64[M]").astype("datetime64[D]"))
