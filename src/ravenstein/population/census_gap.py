"""Rolled-forward populations against a census: how much is elapsed change, how much is error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import AccountError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CensusGap:
    """What parts a mid-year estimate from a census [areas].

    Args:
        difference: Estimate − census [persons].
        elapsed: Change from the mid-year to census day, as assumed [persons].
        error: Estimate + elapsed change − census [persons]: what the components do not explain.
        relative: `difference` over the census.
        share: Part of a year between both days.
    """

    difference: Floats
    elapsed: Floats
    error: Floats
    relative: Floats
    share: float


def census_gap(
    estimate: Any, census: Any, changes: Mapping[str, Any], mid_year: date, census_day: date
) -> CensusGap:
    r"""Split the difference between a mid-year estimate and a census.

    Args:
        estimate: Persons at the mid-year [areas].
        census: Persons on census day, corrected for undercount [areas].
        changes: Changes of a whole year by component, signed: births and inflows positive, deaths
            and outflows negative [areas].
        mid_year: The day of the estimate.
        census_day: The day of the census, after it.

    Returns:
        Difference, elapsed change and error.

    Raises:
        AccountError: If the census is not within two years after the estimate, or arrays differ.

    Notes:
        Elapsed change is $f \sum_c F_c$ with $f$ the part of a year between both days: it is
        assumed that the year's components run evenly and go on as in the year given. That is a
        stated assumption, not an estimate: in 2020/21 migration and deaths did neither.

    Source:
        ONS, Reconciliation of mid-year population estimates with Census 2021 (2023): estimates
        rolled forward to census day.
    """
    days = (census_day - mid_year).days
    given, counted = (np.asarray(v, dtype=np.float64) for v in (estimate, census))
    shapes = {given.shape, counted.shape, *(np.shape(values) for values in changes.values())}
    if not 0 < days <= 731 or len(shapes) > 1 or (counted <= 0).any():
        raise AccountError(
            "The estimate cannot be compared with the census.",
            expected="a census within two years after the estimate, in the same areas",
            found=f"{days} days, arrays of shapes {sorted(shapes)}",
            where="census gap",
            fix="Take the last mid-year before census day; bring both to one geography edition.",
        )
    share = days / 365.25
    elapsed = share * sum((np.asarray(v, dtype=np.float64) for v in changes.values()),
                          start=np.zeros(given.shape))  # fmt: skip
    difference = given - counted
    return CensusGap(difference, elapsed, difference + elapsed, difference / counted, share)
