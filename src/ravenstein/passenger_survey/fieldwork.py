"""What past fieldwork says of the strata of a sample design: route, direction and quarter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError, listed
from ravenstein.passenger_survey.allocation import (
    ORDINARY,
    ShiftFrame,
    expected_errors,
    overdispersion,
    shares,
    some,
)
from ravenstein.passenger_survey.cells import cells, rows_of
from ravenstein.passenger_survey.migrants import long_term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Columns

    Floats = NDArray[np.float64]

_QUARTERS = 4
_OF_STRATA = ("arriving", "possible", "migrants", "interval", "cost", "least")


@dataclass(frozen=True)
class NewRoute:
    """A route to be sampled for the first time.

    Args:
        portroute: Its port route.
        possible: Possible shifts in a quarter and direction.
        passengers: Passengers in a quarter and direction.
    """

    portroute: int
    possible: int
    passengers: float


@dataclass(frozen=True)
class Fieldwork:
    """What shifts cost and how many there must be.

    Args:
        ordinary_cost: Cost of an ordinary shift.
        migration_cost: Cost of a migration shift.
        migration_interval: Screening interval on migration shifts; that of ordinary ones where
            not given.
        least: Fewest shifts of a stratum, of both kinds together.
        ordinary_kept: Share of a stratum's present ordinary shifts that must stay, at least one.
        years: Years of interviews that shares of migrants are taken from.
        new_routes: Routes to be sampled for the first time.
    """

    ordinary_cost: float = 1.0
    migration_cost: float = 0.6
    migration_interval: int | None = None
    least: int = 2
    ordinary_kept: float = 0.5
    years: int = 3
    new_routes: tuple[NewRoute, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Past:
    """The strata, and the design that was in use.

    Args:
        frame: What is known of the strata.
        portroute: Port route of each [H].
        arrivedepart: Direction of each: 1 arrivals, 2 departures [H].
        quarter: Quarter of each [H].
        shifts: Ordinary and migration shifts in the last year [H, 2]; interviews do not tell the
            two apart, so that all are taken as ordinary.
    """

    frame: ShiftFrame
    portroute: NDArray[np.int64]
    arrivedepart: NDArray[np.int64]
    quarter: NDArray[np.int64]
    shifts: NDArray[np.int64]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Strata that the present design samples [H]."""
        return np.asarray(self.shifts.sum(axis=1) > 0)

    def present(self) -> tuple[float, Floats]:
        """Return cost and expected errors of the present design, where it samples."""
        kept = self.covered
        part = some(self.frame, kept)
        return float((self.shifts * self.frame.cost).sum()), expected_errors(
            part, self.shifts[kept]
        )


def past_fieldwork(
    contacts: Columns, final: Floats, shifts: Columns, errors: Any, chosen: Fieldwork
) -> Past:
    r"""Describe the strata of the next year by what was seen in the last.

    Args:
        contacts: Columns of `survey_contacts` [n].
        final: Their final weights [n].
        shifts: Columns of `survey_shifts`.
        errors: Standard errors of immigration and emigration of the last year, as published [2].
        chosen: What shifts cost and how many there must be.

    Returns:
        The strata: possible shifts and passengers of the last year; shares of migrants by route
        and direction (`allocation.shares`) and by quarter and direction, over some years, brought
        to the weighted migrants; overdispersion over all shifts. Ferries and trains count by
        crossing. The design effect is what the published variance is to that expected of the
        present design; neither has a finite population correction.
    """
    month = contacts["interviewed_on"].astype("datetime64[M]").astype(np.int64)
    year, quarter = month // 12, month % 12 // 3
    last = int(year.max())
    recent = year > last - chosen.years
    c = rows_of(contacts, recent)
    when, quarter, weight = year[recent], quarter[recent], final[recent]
    possible = _possible(shifts, last)
    route, direction, at = possible["portroute"], possible["arrivedepart"], possible["quarter"]
    known = cells((c["portroute"], c["arrivedepart"], quarter), (route, direction, at))
    of, place = known.rows
    position = np.full(known.count, -1)
    position[place] = np.arange(place.size)
    row = position[of]  # stratum of each interview; routes without a frame have none
    framed = row >= 0
    passengers, migrants = _migrants(
        (row, framed, long_term(c)), (weight, when == last, np.unique(when).size), possible
    )
    number, phi = _shifts_of(c, row, long_term(c), framed)  # an interview of each shift
    current = np.zeros((route.size, 2), dtype=np.int64)
    this_year = when[number] == last
    seen = np.bincount(row[number][this_year], minlength=route.size)
    current[:, ORDINARY] = np.where(np.isnan(possible["sampled"]), seen, possible["sampled"])
    interval = _intervals(c["migsi"][number], row[number], route.size)
    if chosen.migration_interval is not None:
        interval[:, 1] = chosen.migration_interval
    frame = ShiftFrame(
        direction == 1, possible["possible"], migrants / possible["possible"], phi, interval,
        np.broadcast_to([chosen.ordinary_cost, chosen.migration_cost], current.shape).copy(),
        _least(current, possible["possible"], chosen), finite=False,
    )  # fmt: skip
    past = Past(frame, route, direction, at, current)
    expected = past.present()[1][:2]
    published = np.asarray(errors, dtype=np.float64)
    effect = np.where(expected > 0, (published / np.where(expected > 0, expected, 1)) ** 2, 1.0)
    frame = replace(frame, design_effect=(float(effect[0]), float(effect[1])))
    return _with_new(replace(past, frame=frame), passengers, chosen)


def _migrants(
    rows: tuple[Any, Any, Any], weights: tuple[Floats, Any, int], possible: dict[str, Any]
) -> tuple[Floats, Floats]:
    """Return passengers of the last year and migrants of a year by stratum [H] each.

    Args:
        rows: Stratum of each interview, whether it has one, and whether it is a migrant's [n].
        weights: Weights of the interviews, whether they are of the last year, and the years [n].
        possible: Strata.
    """
    row, framed, migrant = rows
    weight, last, years = weights
    route, direction = possible["portroute"], possible["arrivedepart"]

    def summed(values: Any, chosen: Any) -> Floats:
        values = np.broadcast_to(values, row.shape)
        return np.bincount(row[chosen], values[chosen], minlength=route.size).astype(np.float64)

    def shared(*columns: Any) -> Floats:
        of = cells(columns).rows[0]
        return shares(np.bincount(of, found), np.bincount(of, among))[of]

    mean_weight = weight[migrant].mean() if migrant.any() else 1.0
    found, among = summed(1.0, framed & migrant), summed(weight / mean_weight, framed)
    passengers = summed(weight, framed & last)
    own, all_of_side = shared(route, direction), shared(direction)
    migrants = own * shared(direction, possible["quarter"]) / all_of_side * passengers
    side = cells((direction,)).rows[0]
    weighted = np.bincount(side, summed(weight, framed & migrant)) / years
    migrants *= (weighted / np.maximum(np.bincount(side, migrants), 1e-300))[side]
    return passengers, migrants


def _possible(shifts: Columns, last: int) -> dict[str, NDArray[Any]]:
    """Return possible and (NaN if unknown) sampled shifts of the last year by stratum."""
    month = shifts["month"].astype("datetime64[M]").astype(np.int64)
    rows = (month // 12 == last) & (shifts["possible"] > 0)
    keys = np.stack([shifts["portroute"], shifts["arrivedepart"], month % 12 // 3])[:, rows]
    kinds, place = np.unique(keys, axis=1, return_inverse=True)
    total = np.bincount(place.ravel(), shifts["possible"][rows])
    sampled = np.bincount(place.ravel(), np.asarray(shifts["sampled"], dtype=np.float64)[rows])
    return {"portroute": kinds[0], "arrivedepart": kinds[1], "quarter": kinds[2],
            "possible": total.astype(np.float64), "sampled": sampled}  # fmt: skip


def _shifts_of(
    c: Columns, row: NDArray[np.int64], migrant: NDArray[np.bool_], framed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], float]:
    """Return the first interview of each shift, and how much shifts differ in migrants."""
    month = c["interviewed_on"].astype("datetime64[M]").astype(np.int64)
    rows = np.flatnonzero(framed)
    # ferries and trains are sampled by crossing
    unit = cells((month[rows], row[rows], c["shiftno"][rows], c["shuttle"][rows])).rows[0]
    first = rows[np.unique(unit, return_index=True)[1]]
    seen = np.bincount(unit, migrant[rows].astype(float))
    return first, overdispersion(seen, month[first] * (int(row.max()) + 1) + row[first])


def _intervals(steps: Any, of: NDArray[np.int64], count: int) -> Floats:
    """Return mean screening intervals of a stratum's shifts; of all shifts where it has none."""
    shifts = np.bincount(of, minlength=count)
    mean = np.bincount(of, steps, minlength=count) / np.maximum(shifts, 1)
    mean = np.where(shifts > 0, mean, np.mean(steps) if of.size else 1.0)
    return np.column_stack([mean, mean])


def _least(current: NDArray[np.int64], possible: Floats, chosen: Fieldwork) -> Floats:
    kept = np.maximum(np.ceil(chosen.ordinary_kept * current[:, ORDINARY]), 1)
    least = np.maximum(kept, chosen.least)
    return np.asarray(np.minimum(np.column_stack([kept, least]), possible[:, None]))


def _with_new(past: Past, passengers: Floats, chosen: Fieldwork) -> Past:
    """Add routes without a past: their share of migrants and interval are those of all."""
    if not chosen.new_routes:
        return past
    repeated = {new.portroute for new in chosen.new_routes} & set(past.portroute.tolist())
    if repeated:
        raise SurveyError(
            "A new route has possible shifts already.",
            expected="routes that survey_shifts does not hold",
            found=listed(sorted(repeated)),
            where="study.toml, [[sample_design.new_routes]]",
            fix="Leave them out, or give them another number.",
        )
    frame, parts = past.frame, [past.frame]
    keys = [(past.portroute, past.arrivedepart, past.quarter)]
    for new in chosen.new_routes:
        for direction in (1, 2):
            side = past.arrivedepart == direction
            total = (frame.possible * frame.migrants)[side].sum() / passengers[side].sum()
            possible = np.full(_QUARTERS, float(new.possible))
            none = np.zeros((_QUARTERS, 2), dtype=np.int64)
            interval = np.broadcast_to(frame.interval[side].mean(axis=0), none.shape)
            parts.append(
                replace(
                    frame, arriving=np.full(_QUARTERS, direction == 1), possible=possible,
                    migrants=total * new.passengers / possible, interval=interval,
                    cost=np.broadcast_to(frame.cost[0], none.shape),
                    least=_least(none, possible, chosen),
                )
            )  # fmt: skip
            where = np.full(_QUARTERS, new.portroute), np.full(_QUARTERS, direction)
            keys.append((*where, np.arange(_QUARTERS)))
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _OF_STRATA
    }
    places = [np.concatenate([key[i] for key in keys]) for i in range(3)]
    unsampled = np.zeros((places[0].size - past.shifts.shape[0], 2), dtype=np.int64)
    shifts = np.concatenate([past.shifts, unsampled])
    return Past(replace(frame, **joined), places[0], places[1], places[2], shifts)
