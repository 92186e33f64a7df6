"""The border system's view: the crossings it holds, with identities as carriers typed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.geography import CARRIERS, routes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.journeys import Journeys
    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]

NATIONALITY = ("GBR", "FRA", "POL", "AUS", "IND", "CHN")
"""A document's country, by citizenship."""

_LAND = 3
_ONSETS = (
    "B", "Br", "C", "Ch", "D", "F", "G", "H", "K", "L", "M", "N", "P", "R", "S", "Sh", "T", "V",
    "W", "Z",
)  # fmt: skip
_MIDDLES = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_ENDS = ("ll", "n", "rd", "s", "t", "m", "ck", "rn", "sh", "nd")
_SECONDS = ("", "er", "ing", "son", "ley", "man", "ova", "ski", "han", "ton")
_GIVEN = 1600
_MISTYPED = 3  # ways to mistype a name


@dataclass(frozen=True)
class _Names:
    """Names and how they are mistyped, as one dictionary: name k at k, its errors behind."""

    surnames: pa.Array
    given: pa.Array
    surname_count: int
    given_count: int


def _names() -> _Names:
    surnames = [
        o + m + e + s for s in _SECONDS for o in _ONSETS for m in _MIDDLES for e in _ENDS
    ]  # fmt: skip
    given = [o + m + e for e in _ENDS for o in _ONSETS for m in _MIDDLES][:_GIVEN]
    return _Names(
        pa.array(_with_errors(surnames)), pa.array(_with_errors(given)), len(surnames), len(given)
    )


def _with_errors(names: list[str]) -> list[str]:
    """Return the names, then each with a letter doubled, with two swapped, with one lost."""
    doubled = [name[:2] + name[1] + name[2:] for name in names]
    swapped = [name[0] + name[2] + name[1] + name[3:] for name in names]
    lost = [name[:-2] + name[-1] for name in names]
    return [*names, *doubled, *swapped, *lost]


_NAMES = _names()


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
    land = known.mode[c["route"]] == _LAND
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
    settings: Settings, generator: np.random.Generator, journeys: Journeys, block: int
) -> tuple[pa.Table, pa.Table]:
    """Return the movements of one block, and who is who in them.

    Args:
        settings: The settings.
        generator: The block's generator.
        journeys: The block's journeys.
        block: Number of the block.

    Returns:
        Rows of `border_movements` in order of time, and of `truth_identities`.
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
    surname, given = _typed(settings, g, journeys, c)
    daily = _Daily(settings, journeys)
    wrong = g.random(size) < daily.at("border_birth_date", c["day"])
    kinds = settings.at("border_error_kinds", journeys.begin)
    own = journeys.persons["birth"][c["person"]]
    birth = _birth_dates(g, own, np.flatnonzero(wrong), c["day"], kinds["day_and_month"])
    citizenship = journeys.persons["citizenship"][c["person"]]
    numbers = pa.array(_documents(settings, g, journeys, c, block)).cast(pa.string())
    unknown = g.random(size) < daily.at("border_no_document", c["day"])
    known = routes(settings)
    rows = pa.table(
        {
            "record": record,
            "crossed_at": pa.array(time * 60_000_000).cast(pa.timestamp("us", "UTC")),
            "direction": _coded(1 - c["arrival"], ("arrival", "departure")),
            "route": known.codes[c["route"]],
            "carrier": known.codes[c["route"]] * 10 + c["carrier"],
            "surname": surname,
            "given_name": given,
            "birth_date": pa.array(birth.astype(np.int32)).cast(pa.date32()),
            "sex": _coded(journeys.persons["sex"][c["person"]] - 1, ("M", "F")),
            "nationality": _coded(citizenship, NATIONALITY),
            "document": pa.compute.if_else(pa.array(unknown), None, numbers),
        }
    )
    return rows, pa.table({"record": record, "person": (block << 32) + c["person"]})


def _coded(places: Ints, labels: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int8)), pa.array(labels))


def _queue(
    share: NDArray[np.float64], mode: Ints
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share connected before each carrier, and its own [routes, carriers]."""
    order = np.random.default_rng(2008).permutation(share.size * CARRIERS)  # who is ready first
    weight = np.repeat(np.where(mode == _LAND, 0, share) / CARRIERS, CARRIERS)
    weight /= weight.sum()
    before = np.empty(weight.size)
    before[order] = np.cumsum(weight[order]) - weight[order]
    shape = (share.size, CARRIERS)
    return before.reshape(shape), weight.reshape(shape)


def _typed(
    settings: Settings, g: np.random.Generator, journeys: Journeys, c: dict[str, Ints]
) -> tuple[pa.Array, pa.Array]:
    """Return surnames and given names as typed: mistyped, changed at marriage, or swapped."""
    persons, people, size = journeys.persons, journeys.persons["sex"].size, c["person"].size
    first = journeys.begin
    # the frequency of names falls with their rank
    own = (_NAMES.surname_count * g.random(people) ** 2).astype(np.int64)
    later = (_NAMES.surname_count * g.random(people) ** 2).astype(np.int64)
    rate = settings.at("border_renamed", first)
    wait = g.exponential(1 / rate, people) if rate > 0 else np.full(people, np.inf)
    married = np.where(persons["sex"] == 2, persons["birth"] + (20 + wait) * 365.25, np.inf)
    married = np.where(wait < 25, married, np.inf)
    surname = np.where(c["day"] >= married[c["person"]], later[c["person"]], own[c["person"]])
    given = (_NAMES.given_count * g.random(people) ** 2).astype(np.int64)[c["person"]]
    daily = _Daily(settings, journeys)
    wrong = np.flatnonzero(g.random(size) < daily.at("border_mistyped", c["day"]))
    kinds = settings.at("border_error_kinds", journeys.begin)
    in_given = g.random(wrong.size) < kinds["given_name"]
    error = g.integers(1, _MISTYPED + 1, wrong.size)
    surname[wrong[~in_given]] += error[~in_given] * _NAMES.surname_count
    given[wrong[in_given]] += error[in_given] * _NAMES.given_count
    swap = np.flatnonzero(g.random(size) < daily.at("border_swapped", c["day"]))
    both = pa.concat_arrays([_NAMES.surnames, _NAMES.given])
    left, right = surname.copy(), given + len(_NAMES.surnames)
    left[swap], right[swap] = right[swap], left[swap]
    names = [
        pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), both)
        for code in (left, right)
    ]
    return names[0], names[1]


def _birth_dates(
    g: np.random.Generator, birth: Ints, wrong: Ints, crossed: Ints, swaps: float
) -> Ints:
    """Return dates of birth as typed: some with day and month swapped, or a year off."""
    if not wrong.size:
        return birth
    dates = birth[wrong].astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months).astype(np.int64)
    month = months.astype(np.int64) % 12
    years = dates.astype("datetime64[Y]")
    swapped = (years.astype("datetime64[M]") + of_month % 12).astype("datetime64[D]") + month
    # the same day of another year (of 29 February, 1 March)
    moved = (months + 12 * g.choice([-1, 1], wrong.size)).astype("datetime64[D]") + of_month
    swap = (of_month < 12) & (of_month != month) & (g.random(wrong.size) < swaps)
    typed = np.where(swap, swapped.astype(np.int64), moved.astype(np.int64))
    birth = birth.copy()
    # nobody is typed as born after the crossing
    birth[wrong] = np.where(typed <= crossed[wrong], typed, birth[wrong] - 365)
    return birth


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
