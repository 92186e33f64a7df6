"""The errors a user meets: what was expected, what was found, where, and what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class RavensteinError(Exception):
    """A mistake a user can mend. Messages hold counts and codes, never a person's data.

    Args:
        problem: One sentence: what is wrong.
        expected: What was expected.
        found: What was found instead.
        where: File, line, column, table or key.
        fix: What to do about it.

    >>> print(SourceError("A column is missing.", expected="births_2012", found="birth_2012",
    ...                   where="a.csv, line 1", fix="Rename the column."))
    A column is missing.
      where:    a.csv, line 1
      expected: births_2012
      found:    birth_2012
      fix:      Rename the column.
    """

    kind = "error"
    exit_code = 1

    def __init__(self, problem: str, *, expected: str, found: str, where: str, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.expected = expected
        self.found = found
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """Five lines: problem, where, expected, found, fix."""
        return (
            f"{self.problem}\n  where:    {self.where}\n  expected: {self.expected}\n"
            f"  found:    {self.found}\n  fix:      {self.fix}"
        )

    def within(self, place: str) -> Self:
        """Return the error with a wider place before its own, such as a file or a month."""
        return type(self)(
            self.problem,
            expected=self.expected,
            found=self.found,
            where=f"{place}: {self.where}",
            fix=self.fix,
        )

    def as_dict(self) -> dict[str, str]:
        """Return the parts by name, for machine-readable summaries."""
        names = ("kind", "problem", "where", "expected", "found", "fix")
        return {name: getattr(self, name) for name in names}


class StudyError(RavensteinError):
    """The study file, or how a command was called, is wrong."""

    kind = "study"
    exit_code = 3


class SourceError(RavensteinError):
    """A source file is not what its reader expects."""

    kind = "source"
    exit_code = 4


class TableError(RavensteinError):
    """Rows break their table's declaration."""

    kind = "table"
    exit_code = 5


class ParameterError(RavensteinError):
    """A parameter is missing, undated, unsourced or outside its dates."""

    kind = "parameter"
    exit_code = 6


class EstimateError(RavensteinError):
    """Cells or draws do not fit together, or are not there."""

    kind = "estimate"
    exit_code = 7


class StoreError(RavensteinError):
    """The store cannot be opened, read or written."""

    kind = "store"
    exit_code = 8


class AccountError(RavensteinError):
    """An account does not balance beyond what its sources' rounding explains."""

    kind = "account"
    exit_code = 9


class SurveyError(RavensteinError):
    """A sample design, its weights or its margins cannot be used."""

    kind = "survey"
    exit_code = 10


class DemographyError(RavensteinError):
    """Counts, rates, margins or flows from which no demographic measure can be made."""

    kind = "demography"
    exit_code = 11


class MigrationError(RavensteinError):
    """Components, sources or vintages from which no total of migration can be made."""

    kind = "migration"
    exit_code = 12


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like a mistyped one, or None where none is near.

    >>> nearest("birth_2012", ["births_2012", "deaths_2012"])
    'births_2012'
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def listed(items: Iterable[object], most: int = 5) -> str:
    """Return the first items as text, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    words = [str(item) for item in items]
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")
