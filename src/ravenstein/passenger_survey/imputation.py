"""Nights that were not stated, from donors in levelled classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.answers import ended
from ravenstein.passenger_survey.cells import cells, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Columns


def imputed_nights(
    contacts: Columns, generator: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Return nights of the trips that end, stated or imputed; NaN for the others [n].

    Donors are of the same month, flow, purpose and country group; or month, flow and purpose; or
    month and flow; or flow.

    Args:
        contacts: Columns of the interviews [n].
        generator: Draws donors; without it, means are taken.
    """
    nights = np.asarray(contacts["nights"], dtype=np.float64)
    ends = ended(contacts)
    donor = ends & np.isfinite(nights)
    if (ends & ~donor).any():
        month = contacts["interviewed_on"].astype("datetime64[M]").astype(np.int64)
        columns = [month, contacts["flow"], contacts["purpose"], contacts["country"]]
        levels = [columns, columns[:3], columns[:2], columns[1:2]]
        rows = np.flatnonzero(ends)
        imputed = imputed_stays(
            [[column[rows] for column in level] for level in levels], donor[rows], nights[rows],
            generator=generator,
        )  # fmt: skip
        nights = nights.copy()
        nights[rows] = np.where(donor[rows], nights[rows], imputed)
    return np.where(ends, nights, np.nan)


def imputed_stays(
    levels: Sequence[Sequence[Any]],
    donor: Any,
    nights: Any,
    least: int = 2,
    generator: np.random.Generator | None = None,
) -> Any:
    """Return nights for those who did not say, from donors in their class.

    Args:
        levels: Columns of the classes of each level, the finest first, such as country group and
            purpose, then purpose alone [n].
        donor: Whether each row gives its nights; the others are recipients [n].
        nights: Nights of the donors [n].
        least: Fewest donors of a class.
        generator: Draws a donor for each recipient; without it, the class's mean is taken.

    Returns:
        Nights for recipients, of the first level whose class has enough donors: the rounded mean,
        as the system of 2017 does, or a drawn donor's, which keeps how stays are distributed; NaN
        without one, and for donors [n].
    """
    gives = np.asarray(donor, dtype=np.bool_)
    given = np.where(gives, np.nan_to_num(np.asarray(nights, dtype=np.float64)), 0.0)
    found = np.full(gives.size, np.nan)
    chance = None if generator is None else generator.random(gives.size)
    for columns in levels:
        known = cells(columns)
        of = known.rows[0]
        count = np.bincount(of[gives], minlength=known.count)
        if chance is None:
            total = np.bincount(of, weights=given, minlength=known.count)
            class_ = rounded(total / np.maximum(count, 1), 0)[of]
        else:
            order = np.flatnonzero(gives)[np.argsort(of[gives], kind="stable")]
            starts = np.cumsum(count) - count
            place = starts[of] + (chance * count[of]).astype(np.int64)
            class_ = given[order[np.minimum(place, order.size - 1)]] if order.size else given
        class_ = np.where(count[of] >= least, class_, np.nan)
        found = np.where(gives | np.isfinite(found), found, class_)
    return found
