"""The border system's view: the crossings it holds, with identities as carriers typed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.geography import CARRIERS, LAND, routes
from ravenstein.twin.names import Errors, Names, birth_dates, typed
from ravenstein.twin.people import SEXES
from ravenstein.twin.world import label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.journeys import Journeys
    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]

NATIONALITY = ("GBR", "FRA", "POL", "AUS", "IND", "CHN")
"""A document's country, by citizenship."""


def covered(
    settings: Settings, generator: np.random.Generator, journeys: Journeys
) -> NDArray[np.bool_]:
    """Return which crossings the system holds [m].

    Carriers connect one after another: each has a place in the queue (the same in every block),
    and is connected on the days when coverage has reached it. What does not go by carrier is
    random by crossing. Outbound crossings of connected carriers are recorded less often.
    """
    c, g = journeys.crossings, generator
    known, size = routes(settings), c["day"].size
    daily = _Daily(settings, journeys)
    before, weight = _queue(known.share, known.mode)
    coverage = daily.at("border_coverage", c["day"])
    # the carrier whose turn it is holds a part of its passengers, the same ones all the time
    own = ((c["person"] + 1) * 0x9E3779B1 & 0xFFFFFFFF) / 2**32
    place = before[c["route"], c["carrier"]] + weight[c["route"], c["carrier"]] * own
    draws = g.random(size)
    by_carrier = g.random(size) < daily.at("border_by_carrier", c["day"])
    connected = np.where(by_carrier, place < coverage, draws < coverage)
    outbound = daily.at("border_outbound", c["day"])
    connected &= (c["arrival"] == 1) | (g.random(size) < outbound)
    land = known.mode[c["route"]] == LAND
    return np.asarray(np.where(land, draws < daily.at("border_land", c["day"]), connected))


class _Daily:
    """Dated shares by the day of each crossing."""

    def __init__(self, settings: Settings, journeys: Journeys) -> None:
        self.settings, self.first, self.last = settings, journeys.begin, journeys.horizon

    def at(self, name: str, days: Ints) -> NDArray[np.float64]:
        """Return a parameter on each crossing's day [m]."""
        values: NDArray[np.float64] = self.settings.daily(name, self.first, self.last)
        return values[days - self.first]


def movements(
    settings: Settings,
    generator: np.random.Generator,
    journeys: Journeys,
    known: Names,
    block: int,
) -> tuple[pa.Table, Ints]:
    """Return the movements of one block, and who is who in them.

    Args:
        settings: The settings.
        generator: The block's generator.
        journeys: The block's journeys.
        known: Everybody's names.
        block: Number of the block.

    Returns:
        Rows of `border_movements` in order of time, and the person of each.
    """
    g = generator
    kept = np.flatnonzero(covered(settings, g, journeys))
    c = {name: journeys.crossings[name][kept] for name in ("person", "day", "minute", "arrival",
                                                           "route", "carrier")}  # fmt: skip
    time = c["day"] * 1440 + c["minute"]
    order = np.argsort(time, kind="stable")
    c = {name: values[order] for name, values in c.items()}
    time, size = time[order], order.size
    record = (block << 32) + np.arange(size)
    daily = _Daily(settings, journeys)
    errors = Errors(
        *(daily.at(f"border_{kind}", c["day"]) for kind in ("mistyped", "swapped", "birth_date"))
    )
    surname, given = typed(settings, g, known, (c["person"], c["day"]), errors)
    birth = birth_dates(settings, g, journeys.persons["birth"][c["person"]], c["day"], errors)
    citizenship = journeys.persons["citizenship"][c["person"]]
    numbers = pa.array(_documents(settings, g, journeys, c, block)).cast(pa.string())
    unknown = g.random(size) < daily.at("border_no_document", c["day"])
    ways = routes(settings)
    rows = pa.table(
        {
            "record": record,
            "crossed_at": pa.array(time * 60_000_000).cast(pa.timestamp("us", "UTC")),
            "direction": label(1 - c["arrival"], ("arrival", "departure")),
            "route": ways.codes[c["route"]],
            "carrier": ways.codes[c["route"]] * 10 + c["carrier"],
            "surname": surname,
            "given_name": given,
            "birth_date": birth,
            "sex": label(journeys.persons["sex"][c["person"]] - 1, SEXES),
            "nationality": label(citizenship, NATIONALITY),
            "document": pa.compute.if_else(pa.array(unknown), None, numbers),
        }
    )
    return rows, c["person"]


def _queue(
    share: NDArray[np.float64], mode: Ints
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share connected before each carrier, and its own [routes, carriers]."""
    order = np.random.default_rng(2008).permutation(share.size * CARRIERS)  # who is ready first
    weight = np.repeat(np.where(mode == LAND, 0, share) / CARRIERS, CARRIERS)
    weight /= weight.sum()
    before = np.empty(weight.size)
    before[order] = np.cumsum(weight[order]) - weight[order]
    shape = (share.size, CARRIERS)
    return before.reshape(shape), weight.reshape(shape)


def _documents(
    settings: Settings, g: np.random.Generator, journeys: Journeys, c: dict[str, Ints], block: int
) -> Ints:
    """Return document numbers: each person's own, another after each renewal."""
    people = journeys.persons["sex"].size
    rate = settings.at("border_renewed", journeys.begin)
    renewed = np.zeros(c["person"].size, dtype=np.int64)
    if rate > 0:
        years = 1 / rate
        since = g.random(people) * years  # age of the document at the beginning
        age = since[c["person"]] + (c["day"] - journeys.begin) / 365.25
        renewed = (age // years).astype(np.int64)
    # one-to-one and without order: multiplication by an odd number in 2^46 numbers
    number = ((block * (1 << 22) + c["person"]) << 5) + np.minimum(renewed, 31)
    return (number * 0x9E3779B97F5) % (1 << 46)
