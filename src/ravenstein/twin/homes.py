"""Where people live: their homes one after another, each at an address of an area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ravenstein.twin.geography import Areas, areas
from ravenstein.twin.people import FAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.people import Residents
    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]

MOVED, LEFT, DIED, LIVES = 0, 1, 2, 3
"""How a home ends: a move to another area, emigration, death, or not yet."""

DWELLINGS = 17
"""Addresses of a postcode: with 2.4 residents each some 40 people, as a real postcode has."""

_RESIDENTS = 40  # of a postcode at the first mid-year


@dataclass(frozen=True)
class Homes:
    """Homes by person and time, a row for each area that somebody lives in at a stretch.

    Args:
        person: Number of the person [m].
        since: First day [m].
        until: Day after the last, `people.FAR` if open [m].
        area: Place of the area [m].
        arrived: Whether the home begins with an immigration [m].
        ends: `MOVED`, `LEFT`, `DIED` or `LIVES` [m].
        spell: Place of the spell of residence in the country, in `Residents.spells` [m].
        address: Number of the address; those of a postcode follow each other [m].
    """

    person: Ints
    since: Ints
    until: Ints
    area: Ints
    arrived: NDArray[np.bool_]
    ends: Ints
    spell: Ints
    address: Ints

    def on(self, day: int | Ints) -> Ints:
        """Return the rows of those who live there at the end of a day, or of a day for each row."""
        return np.flatnonzero((self.since <= day) & (self.until > day))

    def of(self, person: Ints, day: Ints | int) -> Ints:
        """Return the row in which each person lives at the end of a day, -1 for none [n].

        Args:
            person: The persons [n].
            day: The day, or one for each of them.
        """
        key = self.person * FAR + self.since
        place = np.searchsorted(key, person * FAR + day, side="right") - 1
        lives = (place >= 0) & (self.person[place] == person) & (self.until[place] > day)
        return np.where(lives, place, -1)

    @property
    def moved(self) -> NDArray[np.bool_]:
        """Whether each home begins with a move from another area [m]."""
        found = np.zeros(self.person.size, dtype=np.bool_)
        found[1:] = self.spell[1:] == self.spell[:-1]
        return found

    @property
    def postcode(self) -> Ints:
        """Number of the postcode of each home [m]."""
        return self.address // DWELLINGS


@dataclass(frozen=True)
class Addresses:
    """The addresses of the country, the same in every block.

    Args:
        areas: The areas.
        first: Number of the first postcode of each area, and one more than the last [areas + 1].
    """

    areas: Areas
    first: Ints

    def area_of(self, postcode: Ints) -> Ints:
        """Return the area of postcodes."""
        return np.asarray(np.searchsorted(self.first, postcode, side="right") - 1)


def addresses(settings: Settings) -> Addresses:
    """Return the addresses: postcodes in proportion to the first population of each area."""
    known = areas(settings.scale.areas)
    count = np.maximum(np.rint(settings.scale.people * known.size / _RESIDENTS), 2)
    return Addresses(known, np.concatenate([[0], np.cumsum(count)]).astype(np.int64))


def homes(generator: np.random.Generator, residents: Residents, places: Addresses) -> Homes:
    """Return the homes of a block's residents: spells in the country, cut at each move.

    Args:
        generator: The block's generator: people of an address are not a family.
        residents: The residents.
        places: The addresses.
    """
    spells, moves = residents.spells, residents.moves
    person = np.concatenate([spells["person"], moves["person"]])
    since = np.concatenate([spells["start"], moves["day"]])
    area = np.concatenate([spells["area"], moves["destination"]])
    spell = np.concatenate([np.arange(spells["person"].size), np.full(moves["day"].size, -1)])
    # of two moves on one day, or a move on the day of arrival, the later row counts
    order = np.lexsort((np.arange(person.size), since, person))
    person, since, area, spell = person[order], since[order], area[order], spell[order]
    opens = spell >= 0
    spell = spell[np.maximum.accumulate(np.where(opens, np.arange(spell.size), -1))]
    until = spells["end"][spell]
    moved = np.zeros(spell.size, dtype=np.bool_)
    moved[:-1] = ~opens[1:]
    until[:-1] = np.where(moved[:-1], since[1:], until[:-1])
    left = np.where(spells["left"][spell] == 1, LEFT, np.where(until < FAR, DIED, LIVES))
    kept = until > since
    first = places.first[area]
    drawn = generator.random(area.size) * (places.first[area + 1] - first) * DWELLINGS
    columns = (
        person, since, until, area, opens & (spells["arrived"][spell] == 1),
        np.where(moved, MOVED, left), spell, first * DWELLINGS + drawn.astype(np.int64),
    )  # fmt: skip
    return Homes(*(column[kept] for column in columns))
