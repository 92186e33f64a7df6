"""Ages and cohorts, each with the definition of age they are counted by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import DemographyError, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]


class AgeDefinition(StrEnum):
    """Which age is meant: a table of ages that does not say is not a table of ages.

    In the Lexis diagram of a year: completed years at the event is a square; at the end of the
    year and reached in the year are parallelograms, that is, single cohorts.
    """

    AT_EVENT = "at event"
    AT_MID_YEAR = "at mid-year"
    REACHED_IN_YEAR = "reached in the year"


@dataclass(frozen=True)
class Ages:
    """Age groups without gaps.

    Args:
        starts: First completed year of age of each group, ascending from 0.
        definition: The age that is meant.
        open: Whether the last group has no upper end; if not, `last` closes it.
        last: Last age of a closed last group.

    Raises:
        DemographyError: If the groups do not start at 0 or do not ascend.

    >>> five = Ages((0, 1, 5, 10), AgeDefinition.AT_EVENT)
    >>> five.labels
    ('0', '1-4', '5-9', '10+')
    >>> five.widths.tolist()
    [1.0, 4.0, 5.0, inf]
    """

    starts: tuple[int, ...]
    definition: AgeDefinition
    open: bool = True
    last: int | None = None

    def __post_init__(self) -> None:
        steps = np.diff(self.starts)
        closed = self.open or (self.last is not None and self.last >= self.starts[-1])
        if not self.starts or self.starts[0] != 0 or (steps <= 0).any() or not closed:
            raise DemographyError(
                "The age groups are not a set of ages.",
                expected="groups from age 0, ascending; a last age where the last group is closed",
                found=listed(self.starts),
                where="ages",
                fix="Give the first age of every group.",
            )

    @classmethod
    def single(cls, open_age: int, definition: AgeDefinition) -> Ages:
        """Return single years 0, 1, … and an open age, such as 90 and over."""
        return cls(tuple(range(open_age + 1)), definition)

    @property
    def widths(self) -> NDArray[np.float64]:
        """Years in each group; infinite for an open one."""
        end = np.inf if self.open else float(self.last or 0) + 1
        return np.diff(np.array([*self.starts, end], dtype=np.float64))

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels as tables write them: `0`, `1-4`, `90+`."""
        ends = [*(start - 1 for start in self.starts[1:]), self.last]
        whole = [
            str(start) if start == end else f"{start}-{end}"
            for start, end in zip(self.starts, ends, strict=True)
        ]
        return (*whole[:-1], f"{self.starts[-1]}+") if self.open else tuple(whole)

    def grouped(self, values: Numbers, into: Ages, *, axis: int = -1) -> Numbers:
        """Sum counts of these ages into wider groups.

        Args:
            values: Counts with these ages on `axis`.
            into: Groups whose starts are all starts of these, with the same definition and end.
            axis: The axis of ages.

        Raises:
            DemographyError: If a group would cut one of these, or the definitions differ.

        >>> ages = Ages.single(3, AgeDefinition.AT_MID_YEAR)
        >>> ages.grouped(np.array([1, 2, 3, 4]), Ages((0, 2), AgeDefinition.AT_MID_YEAR)).tolist()
        [3, 7]
        """
        lacking = sorted(set(into.starts) - set(self.starts))
        same_end = (self.open, self.last) == (into.open, into.last)
        same_end = same_end and np.shape(values)[axis] == len(self.starts)
        if lacking or not same_end or self.definition != into.definition:
            raise DemographyError(
                "Ages cannot be grouped so.",
                expected=f"groups of ages {self.definition}, of the groups {listed(self.labels)}",
                found=f"ages {into.definition}, starts {listed(lacking) or 'that fit'}, "
                f"last {into.labels[-1]}; {np.shape(values)[axis]} values for {len(self.starts)}",
                where="age groups",
                fix="Group by starts of the finer ages; convert the definition first.",
            )
        places = [self.starts.index(start) for start in into.starts]
        return np.add.reduceat(values, places, axis=axis)


def aged_on(population: Numbers) -> Numbers:
    """Return the population a year older: each age takes that of the age before.

    Args:
        population: Persons of ages 0, 1, …, open age on the last axis.

    Returns:
        Age 0 is empty; the open age holds those who were in it and those who reached it.

    >>> aged_on(np.array([5, 4, 3])).tolist()
    [0, 5, 7]
    """
    older = np.zeros_like(population)
    older[..., 1:] = population[..., :-1]
    older[..., -1] += population[..., -1]
    return older


def to_mid_year(events: Numbers) -> Numbers:
    r"""Turn events by age at the event into events by age at the mid-year that ends the year.

    Args:
        events: Events of ages 0, 1, …, open age at the event, on the last axis.

    Returns:
        Events by age at the end of the year, with the same total [float]. Those of people who
        were born in the year stand at age 0 and cannot be told from other infants here: half
        the infants' events stand at age 1.

    Notes:
        With birthdays spread evenly over the year, of the events at age $x$ half are of those who
        are $x$ and half of those who are $x + 1$ at its end:
        $E'_x = \tfrac12 E_{x-1} + \tfrac12 E_x$.

    Source:
        Preston, Heuveline and Guillot, Demography (2001), section 2.3, Lexis triangles; ONS,
        National population projections, background and methodology: half of the migrants of an
        age are of each cohort.

    >>> to_mid_year(np.array([4.0, 2.0, 6.0])).tolist()
    [2.0, 3.0, 7.0]
    """
    half = np.asarray(events, dtype=np.float64) / 2
    return half + aged_on(half)


def cohort(age: int, when: int, definition: AgeDefinition) -> tuple[int, int]:
    """Return the first and the last calendar year of birth that an age can have.

    Args:
        age: Completed years of age.
        when: The calendar year of the event, of the mid-year, or in which the age is reached.
        definition: The age that is meant.

    >>> cohort(20, 2010, AgeDefinition.REACHED_IN_YEAR)
    (1990, 1990)
    >>> cohort(20, 2010, AgeDefinition.AT_MID_YEAR)
    (1989, 1990)
    """
    latest = when - age
    return (latest if definition is AgeDefinition.REACHED_IN_YEAR else latest - 1), latest
