"""Names of people, and how sources mistype them and their dates of birth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.twin.draws import day
from ravenstein.twin.people import FAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]
    Columns = dict[str, NDArray[Any]]

_ONSETS = (
    "B", "Br", "C", "Ch", "D", "F", "G", "H", "K", "L", "M", "N", "P", "R", "S", "Sh", "T", "V",
    "W", "Z",
)  # fmt: skip
_MIDDLES = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_ENDS = ("ll", "n", "rd", "s", "t", "m", "ck", "rn", "sh", "nd")
_SECONDS = ("", "er", "ing", "son", "ley", "man", "ova", "ski", "han", "ton")
_MISTYPED = 3  # ways to mistype a name


@dataclass(frozen=True)
class _Lists:
    """Names and how they are mistyped, as one dictionary: name k at k, its errors behind."""

    both: pa.Array
    surnames: int
    given: int
    all_surnames: int


@dataclass(frozen=True)
class Names:
    """Everybody's names, the same in all sources.

    Args:
        surname: Family name at birth, a place in the list of surnames [n].
        married: Day from which the family name is another, far off for most [n].
        later: That name [n].
        given: Given name [n].
    """

    surname: Ints
    married: Ints
    later: Ints
    given: Ints


@dataclass(frozen=True)
class Errors:
    """Shares of a source's records with errors: numbers, or one a record [m].

    Args:
        mistyped: With a mistyped name.
        swapped: With family name and given name swapped.
        birth_date: With a wrong date of birth.
    """

    mistyped: Any
    swapped: Any
    birth_date: Any


def _lists() -> _Lists:
    surnames = [
        o + m + e + s for s in _SECONDS for o in _ONSETS for m in _MIDDLES for e in _ENDS
    ]  # fmt: skip
    given = [o + m + e for e in _ENDS for o in _ONSETS for m in _MIDDLES]
    first, second = _with_errors(surnames), _with_errors(given)
    return _Lists(pa.array([*first, *second]), len(surnames), len(given), len(first))


def _with_errors(names: list[str]) -> list[str]:
    """Return the names, then each with a letter doubled, with two swapped, with one lost."""
    doubled = [name[:2] + name[1] + name[2:] for name in names]
    swapped = [name[0] + name[2] + name[1] + name[3:] for name in names]
    lost = [name[:-2] + name[-1] for name in names]
    return [*names, *doubled, *swapped, *lost]


_LISTS = _lists()


def names(settings: Settings, generator: np.random.Generator, persons: Columns, on: int) -> Names:
    """Draw the names of people; the frequency of names falls with their rank.

    Args:
        settings: The settings.
        generator: The block's generator.
        persons: `sex` and `birth` by person [n].
        on: A day of the twin.
    """
    g, size = generator, persons["sex"].size
    own, later = ((_LISTS.surnames * g.random(size) ** 2).astype(np.int64) for _ in range(2))
    rate = settings.at("name_changes", on)
    wait = g.exponential(1 / rate, size) if rate > 0 else np.full(size, np.inf)
    changes = (persons["sex"] == 2) & (wait < 25)
    married = persons["birth"] + (20 + np.where(changes, wait, 0)) * 365.25
    given = (_LISTS.given * g.random(size) ** 2).astype(np.int64)
    return Names(own, np.where(changes, married, FAR).astype(np.int64), later, given)


def typed(
    settings: Settings,
    generator: np.random.Generator,
    known: Names,
    events: tuple[Ints, Ints],
    errors: Errors,
) -> tuple[pa.Array, pa.Array]:
    """Return surnames and given names as typed: of the day, mistyped, or swapped.

    Args:
        settings: The settings.
        generator: The generator of the source.
        known: Everybody's names.
        events: Person and day of each record [m] each.
        errors: Shares of records with errors.

    Returns:
        Dictionary arrays [m] each.
    """
    g, (person, when) = generator, events
    changed = when >= known.married[person]
    surname = np.where(changed, known.later[person], known.surname[person])
    given = known.given[person]
    wrong = np.flatnonzero(g.random(person.size) < errors.mistyped)
    kinds = settings.at("error_kinds", day(settings.scale.first, 1, 1))
    in_given = g.random(wrong.size) < kinds["given_name"]
    error = g.integers(1, _MISTYPED + 1, wrong.size)
    surname[wrong[~in_given]] += error[~in_given] * _LISTS.surnames
    given[wrong[in_given]] += error[in_given] * _LISTS.given
    swap = np.flatnonzero(g.random(person.size) < errors.swapped)
    left, right = surname, given + _LISTS.all_surnames
    left[swap], right[swap] = right[swap], left[swap]
    one, other = (
        pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), _LISTS.both)
        for code in (left, right)
    )
    return one, other


def birth_dates(
    settings: Settings,
    generator: np.random.Generator,
    birth: Ints,
    when: Ints,
    errors: Errors,
) -> pa.Array:
    """Return dates of birth as typed: some with day and month swapped, or a year off.

    Args:
        settings: The settings.
        generator: The generator of the source.
        birth: True days of birth [m].
        when: Day of each record [m]: nobody is typed as born later.
        errors: Shares of records with errors.
    """
    g = generator
    wrong = np.flatnonzero(g.random(birth.size) < errors.birth_date)
    dates = birth[wrong].astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months).astype(np.int64)
    month = months.astype(np.int64) % 12
    years = dates.astype("datetime64[Y]")
    swapped = (years.astype("datetime64[M]") + of_month % 12).astype("datetime64[D]") + month
    # the same day of another year (of 29 February, 1 March)
    moved = (months + 12 * g.choice([-1, 1], wrong.size)).astype("datetime64[D]") + of_month
    share = settings.at("error_kinds", day(settings.scale.first, 1, 1))["day_and_month"]
    swap = (of_month < 12) & (of_month != month) & (g.random(wrong.size) < share)
    found = np.where(swap, swapped.astype(np.int64), moved.astype(np.int64))
    birth = birth.copy()
    birth[wrong] = np.where(found <= when[wrong], found, birth[wrong] - 365)
    return pa.array(birth.astype(np.int32)).cast(pa.date32())
