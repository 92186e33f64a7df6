"""Visitor switchers: those who stated less than 12 months and stayed, or went, for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ravenstein.migration.component import DIRECTIONS, Component
from ravenstein.migration.stays import KINDS, by_citizenship, ratio, steps, window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.migration.stays import Cohorts

    Floats = NDArray[np.float64]


AWAY = {"immigration": ("eu", "other"), "emigration": ("british",)}
"""Citizenship groups that are not at home after a move, whose leaving again is known best."""


def visitor_switchers(given: Cohorts) -> Component:
    r"""Return visitor switchers, by the year they came or went.

    Args:
        given: The cohorts of stays and absences.

    Returns:
        Figures of 0 or more, by citizenship: stays that ended, dated back to when they began, and
        those still open. The last three years are provisional: they rest on others most.

    Notes:
        $C_y$ visitor switchers of year $y$ have ended their stay and were met. Which share of
        them that is, $F_y$, follows from those who had *stated* 12 months and stayed as long: of
        these the number that began is known. With $L_{yk}$ who left in the $k$-th calendar year
        after, hazards pooled over cohorts
        $h_k = \sum_y L_{yk} / \sum_y (I_y - B_y - \sum_{j<k} L_{yj})$ and
        $F_y = 1 - \prod_{k\le T-y}(1-h_k)$ for data up to year $T$; the level over the window
        $W(y)$, by citizenship group, is $V_y = \sum_{W(y)} C_j / \sum_{W(y)} F_j$. Those who have
        stayed for 12 months are taken to leave alike, whatever they had stated; hazards are those
        of people who are not at home where they are: other citizens here, British ones abroad.

    Source:
        Derived in docs, explanation/total-migration.md; actual lengths of completed visits: ONS,
        Long-Term International Migration: methodology, section on visitor switchers.
    """
    left = shares_left(given)[:, None]
    found = np.zeros_like(given.stated)
    for i, pooled in enumerate(window(given.years, len(given.years))):
        ended = given.switched[:, :, pooled].sum(axis=2)
        reached = np.broadcast_to(left[:, :, pooled].sum(axis=2), ended.shape)
        reached = np.where(reached > 0, reached, pooled.size)  # nobody to tell by: those met
        found[:, :, i] = ratio(ended, reached)
    ended = given.switched.sum(axis=1)[..., 0]
    return Component(
        "visitor_switchers",
        (by_citizenship(found, given),),
        by=("citizenship",),
        steps=steps("met at the end of a stay", ended, given)
        + steps("still open, or not met yet", found.sum(axis=1)[..., 0] - ended, given),
        provisional=given.years[-3:],
    )


def shares_left(given: Cohorts) -> Floats:
    """Return the share of long stays of each cohort that have ended by the last year.

    Args:
        given: The cohorts.

    Returns:
        Shares from 0 to 1, by hazards that are pooled over cohorts [directions, years, 1 + K].
    """
    count = len(given.years)
    away = np.array([[kind in AWAY[direction] for kind in KINDS] for direction in DIRECTIONS])
    staying = _of_groups(np.maximum(given.stated - given.short, 0), away)
    ended_at = _of_groups(given.long, away)
    remaining, open_ = staying.copy(), np.ones_like(staying)
    for lag in range(1, count):
        seen = count - lag  # cohorts whose lag is within the data
        ended = ended_at[:, :seen, lag - 1]
        hazard = ratio(ended.sum(axis=1), remaining[:, :seen].sum(axis=1))
        remaining[:, :seen] = np.maximum(remaining[:, :seen] - ended, 0)
        open_[:, :seen] *= (1 - np.clip(hazard, 0, 1))[:, None]
    return 1 - open_


def _of_groups(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Return the sum over the groups that are chosen in each direction."""
    return np.stack([values[d, chosen[d]].sum(axis=0) for d in range(len(chosen))])
