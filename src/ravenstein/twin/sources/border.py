"""The border system's view: the crossings it holds, with identities as carriers typed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.twin.draws import day
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
    known = routes(settings)
    queue = _queue(known.share, known.mode)
    coverage = _by_day(settings, "border_coverage", journeys.begin, journeys.horizon)
    today = coverage[c["day"] - journeys.begin]
    first = journeys.begin
    by_carrier = settings.at("border_by_carrier", first)
    draws = g.random(c["day"].size)
    place = queue[c["route"], c["carrier"]]
    connected = np.where(g.random(c["day"].size) < by_carrier, place < today, draws < today)
    outbound = settings.at("border_outbound", first)
    connected &= (c["arrival"] == 1) | (g.random(c["day"].size) < outbound)
    land = known.mode[c["route"]] == _LAND
    return np.asarray(np.where(land, draws < settings.at("border_land", first), connected))


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
    birth = _birth_dates(settings, g, journeys.persons["birth"][c["person"]])
    citizenship = journeys.persons["citizenship"][c["person"]]
    numbers = pa.array(_documents(settings, g, journeys, c, block)).cast(pa.string())
    unknown = g.random(size) < settings.at("border_no_document", journeys.begin)
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


def _queue(share: NDArray[np.float64], mode: Ints) -> NDArray[np.float64]:
    """Return the share of crossings connected before each carrier [routes, carriers]."""
    order = np.random.default_rng(2008).permutation(
        share.size * CARRIERS
    )  # which carrier is ready first
    weight = np.repeat(np.where(mode == _LAND, 0, share) / CARRIERS, CARRIERS)
    before = np.empty(share.size * CARRIERS)
    reached = np.cumsum(weight[order]) - weight[order]
    before[order] = reached / weight.sum()
    return before.reshape(share.size, CARRIERS)


def _by_day(settings: Settings, name: str, first: int, last: int) -> NDArray[np.float64]:
    """Return a dated parameter on each day [days]."""
    values = settings.parameters[name].values
    starts = np.array([day(d.year, d.month, d.day) for d, _ in values])
    levels = np.array([value for _, value in values], dtype=np.float64)
    place = np.searchsorted(starts, np.arange(first, last + 1), side="right") - 1
    return levels[np.maximum(place, 0)]


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
    wrong = np.flatnonzero(g.random(size) < settings.at("border_mistyped", first))
    in_given = g.random(wrong.size) < 0.4
    error = g.integers(1, _MISTYPED + 1, wrong.size)
    surname[wrong[~in_given]] += error[~in_given] * _NAMES.surname_count
    given[wrong[in_given]] += error[in_given] * _NAMES.given_count
    swap = np.flatnonzero(g.random(size) < settings.at("border_swapped", first))
    both = pa.concat_arrays([_NAMES.surnames, _NAMES.given])
    left, right = surname.copy(), given + len(_NAMES.surnames)
    left[swap], right[swap] = right[swap], left[swap]
    names = [
        pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), both)
        for code in (left, right)
    ]
    return names[0], names[1]


def _birth_dates(settings: Settings, g: np.random.Generator, birth: Ints) -> Ints:
    """Return dates of birth as typed: some with day and month swapped, or a year off."""
    wrong = np.flatnonzero(g.random(birth.size) < settings.at("border_birth_date", int(1e4)))
    if not wrong.size:
        return birth
    dates = birth[wrong].astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months).astype(np.int64)
    month = months.astype(np.int64) % 12
    years = dates.astype("datetime64[Y]")
    swapped = (years.astype("datetime64[M]") + of_month % 12).astype("datetime64[D]") + month
    off = birth[wrong] + 365 * g.choice([-1, 1], wrong.size)
    swap = (of_month < 12) & (of_month != month) & (g.random(wrong.size) < 0.5)
    birth = birth.copy()
    birth[wrong] = np.where(swap, swapped.astype(np.int64), off)
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
    # one-to-one and without order: multiplication by an odd number in 2^44 numbers
    number = ((block * (1 << 22) + c["person"]) << 3) + np.minimum(renewed, 7)
    return (number * 0x9E3779B97F5) % (1 << 44)
