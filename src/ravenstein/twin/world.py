"""A block of the twin as its sources find it, and what a source makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.seeds import step_generator
from ravenstein.twin.draws import age_at, age_on, day, pick, shuffled
from ravenstein.twin.homes import DWELLINGS
from ravenstein.twin.journeys import OUT, area_of_residence
from ravenstein.twin.names import Errors, birth_dates, typed
from ravenstein.twin.people import FAR, SEXES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.homes import Addresses, Homes
    from ravenstein.twin.journeys import Journeys
    from ravenstein.twin.names import Names
    from ravenstein.twin.people import Residents
    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]
    Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class World:
    """A block as its sources find it.

    Args:
        settings: The settings.
        seed: The seed of the twin.
        number: Number of the block.
        residents: The residents.
        journeys: Their journeys, and those of visitors.
        names: Everybody's names.
        places: The addresses of the country.
        homes: The homes of the residents.
    """

    settings: Settings
    seed: int
    number: int
    residents: Residents
    journeys: Journeys
    names: Names
    places: Addresses
    homes: Homes

    def generator(self, step: str) -> np.random.Generator:
        """Return the generator of a step of this block."""
        return step_generator(self.seed, f"twin/{step}/{self.number}")

    @property
    def persons(self) -> Columns:
        """Attributes of the residents by person; visitors are not among them."""
        return self.residents.persons

    def at(self, name: str, when: int | None = None) -> Any:
        """Return a parameter on a day; without one, a parameter that holds for all years."""
        return self.settings.at(name, self.journeys.begin if when is None else when)

    def records(self, source: str, size: int) -> Ints:
        """Return the numbers of a source's records, that no other block has [size].

        They are without order, and others in each source: nobody can be followed by them.
        """
        return self.numbered(source, (self.number << 22) + np.arange(size))

    def numbered(self, source: str, numbers: Ints) -> Ints:
        """Return a source's own numbers for whole numbers, one for one below 2^46."""
        salts = step_generator(self.seed, f"twin/records/{source}").integers(2**45, size=3)
        return shuffled(numbers, salts)

    def identity(
        self, generator: np.random.Generator, source: str, person: Ints, when: Ints
    ) -> dict[str, Any]:
        """Return name, date of birth and sex of persons as a source has typed them.

        Args:
            generator: The source's generator.
            source: Its name in the parameter `record_errors`.
            person: The persons [m].
            when: Day of each record [m].
        """
        errors = Errors(**self.at("record_errors")[source])
        surname, given = typed(self.settings, generator, self.names, (person, when), errors)
        born = self.journeys.persons["birth"][person]
        return {
            "surname": surname,
            "given_name": given,
            "birth_date": birth_dates(self.settings, generator, born, when, errors),
            "sex": label(self.journeys.persons["sex"][person] - 1, SEXES),
        }

    def age(self, person: Ints, when: int | Ints) -> Ints:
        """Return completed years of age of persons on a day."""
        born = self.journeys.persons["birth"][person]
        return age_at(born, when) if isinstance(when, int) else age_on(born, when)

    def by_age(
        self, name: str, sex: Ints, age: Ints, ages: tuple[int, ...], when: int | None = None
    ) -> NDArray[Any]:
        """Return a parameter of numbers by sex and age.

        Args:
            name: Its name; its values are lists under `male` and `female`.
            sex: 1 male, 2 female [m].
            age: Completed years [m].
            ages: First age of each group but the youngest.
            when: A day, for a parameter with dates.
        """
        value = self.at(name, when)
        table = np.array([value["male"], value["female"]])
        return np.asarray(table[sex - 1, np.searchsorted(ages, age, side="right")])

    def years(self) -> range:
        """Return the mid-years of the population figures."""
        return range(self.settings.scale.first, self.settings.scale.last + 1)

    def within(self, days: Ints) -> NDArray[np.bool_]:
        """Return which days lie in the calendar years of the twin."""
        scale = self.settings.scale
        return (days >= day(scale.first, 1, 1)) & (days < day(scale.last + 1, 1, 1))

    def stays(self, generator: np.random.Generator, shortest: int) -> Columns:
        """Return stays of non-residents of under a year, and where they are.

        Args:
            generator: A source's generator, for the areas of visitors.
            shortest: The shortest stay [nights].

        Returns:
            `person`, `start`, `end`, `reason`, `area`.
        """
        c = self.journeys.crossings
        kept = (c["leg"] == OUT) & (c["arrival"] == 1) & (c["nights"] >= shortest)
        rows = np.flatnonzero(kept)
        area = area_of_residence(self.residents, c, rows)
        drawn = pick(generator, self.places.areas.size, rows.size)
        start = c["day"][rows]
        return {
            "person": c["person"][rows], "start": start, "end": start + c["nights"][rows],
            "reason": c["reason"][rows].astype(np.int64), "area": np.where(area >= 0, area, drawn),
        }  # fmt: skip

    def arrived(self, rows: Ints) -> Ints:
        """Return the day of the latest arrival to live here for some homes, long ago for none."""
        spells, spell = self.residents.spells, self.homes.spell[rows]
        return np.where(spells["arrived"][spell] == 1, spells["start"][spell], -FAR)

    def arrival_years(self, rows: Ints, native: NDArray[np.bool_]) -> pa.Array:
        """Return the year of that day, missing for natives and those who never arrived."""
        came = self.arrived(rows)
        years = came.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        return pa.array(years, mask=native | (came <= -FAR))

    def service(self, when: int) -> Ints:
        """Return where residents serve on a day, places in `people.SPECIAL`, 0 for nowhere [n]."""
        terms = self.residents.terms
        serves = (terms["start"] <= when) & (terms["end"] > when)
        kind = np.zeros(self.persons["birth"].size, dtype=np.int64)
        kind[terms["person"][serves]] = terms["kind"][serves]
        return kind

    def postcodes(
        self, generator: np.random.Generator, source: str, postcode: Ints, area: Ints
    ) -> Ints:
        """Return postcodes as a source has typed them: some are others of the area."""
        share = self.at("postcode_errors")[source]
        wrong = np.flatnonzero(generator.random(postcode.size) < share)
        found = postcode.copy()
        found[wrong] = self.some_postcode(generator, area[wrong])
        return found

    def addresses(
        self, generator: np.random.Generator, source: str, address: Ints, area: Ints
    ) -> Ints:
        """Return addresses as a source has typed them: some are others of another postcode."""
        postcode = address // DWELLINGS
        found = self.postcodes(generator, source, postcode, area)
        other = found * DWELLINGS + generator.integers(0, DWELLINGS, found.size)
        return np.where(found == postcode, address, other)

    def some_postcode(self, generator: np.random.Generator, area: Ints) -> Ints:
        """Draw a postcode of each area."""
        first = self.places.first
        drawn = generator.random(area.size) * (first[area + 1] - first[area])
        return np.asarray(first[area] + drawn.astype(np.int64))

    def areas(self, places: Ints) -> pa.Array:
        """Return the codes of areas by place, missing below 0."""
        return label(places, self.places.areas.codes)


@dataclass(frozen=True)
class Seen:
    """What a source sees of a block.

    Args:
        rows: Rows by table, each a record.
        who: Numbers of records, and the person of each, by table of records about persons.
        counts: Columns of whole numbers by table, to be counted over blocks.
    """

    rows: dict[str, pa.Table] = field(default_factory=dict)
    who: dict[str, tuple[Ints, Ints]] = field(default_factory=dict)
    counts: dict[str, Columns] = field(default_factory=dict)


def label(places: Ints, labels: tuple[str, ...]) -> pa.Array:
    """Return labels by place, missing below 0."""
    kind = np.int8 if len(labels) < 128 else np.int32
    code = pa.array(np.maximum(places, 0).astype(kind), mask=places < 0)
    return pa.DictionaryArray.from_arrays(code, pa.array(labels))


def quarter(days: Ints) -> Ints:
    """Return the first day of the quarter of days."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first = (months // 3 * 3).astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray(first.astype(np.int64))


def groups(ages: Ints, first: tuple[int, ...]) -> Ints:
    """Return the place of ages among groups that begin at some ages, 0 below the first."""
    return np.asarray(np.searchsorted(first, ages, side="right"))


def opens(person: Ints) -> NDArray[np.bool_]:
    """Return which rows are the first of their person, rows of a person following each other."""
    found = np.ones(person.size, dtype=np.bool_)
    found[1:] = person[1:] != person[:-1]
    return found


def stacked(parts: list[Columns]) -> Columns:
    """Return the rows of several columns as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def by_record(seen: Seen) -> Seen:
    """Put records in the order of their numbers: the order of people would tell who is who."""
    found = {}
    for name, rows in seen.rows.items():
        keys = [key for key in ("record", "quarter", "year") if key in rows.column_names]
        if "record" in keys:
            order = np.lexsort([rows[key].to_numpy() for key in keys])
            rows = rows.take(pa.array(order))  # noqa: PLW2901  (the same rows)
        found[name] = rows
    return Seen(found, seen.who, seen.counts)


def joined(tables: list[pa.Table]) -> pa.Table:
    """Return rows of several tables as one."""
    return pa.concat_tables(tables).unify_dictionaries()


def dates(days: Ints) -> pa.Array:
    """Return days as dates, missing where they never come."""
    return pa.array(days.astype(np.int32), mask=days >= FAR).cast(pa.date32())
