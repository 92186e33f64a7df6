"""Migrant switchers: those who stated 12 months or more and stayed, or went, for less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ravenstein.migration.component import Component
from ravenstein.migration.stays import by_citizenship, ratio, steps, window

if TYPE_CHECKING:
    from ravenstein.migration.stays import Cohorts


def migrant_switchers(given: Cohorts) -> Component:
    r"""Return migrant switchers, as figures to be taken off, by the year they came or went.

    Args:
        given: The cohorts of stays and absences.

    Returns:
        Figures of 0 or less, by citizenship; the last three years are provisional: stays of the
        last have not all ended, and the windows of the others will move.

    Notes:
        In a direction and citizenship group, with $I_y$ those who state 12 months or more and
        $B_y$ those of them who were met again at the end of a stay of under 12 months,
        $M_y = -I_y\,\sum_{j\in W(y)} B_j / \sum_{j\in W(y)} I_j$ over the window $W(y)$ of
        complete years: numbers of a single year are small.

    Source:
        ONS, Long-Term International Migration: methodology, section on migrant switchers; docs,
        explanation/total-migration.md.
    """
    complete = max(len(given.years) - 1, 1)
    found = np.zeros_like(given.stated)
    for i, pooled in enumerate(window(given.years, complete)):
        rate = ratio(given.short[:, :, pooled].sum(axis=2), given.stated[:, :, pooled].sum(axis=2))
        found[:, :, i] = -given.stated[:, :, i] * rate
    met, share = (
        given.short.sum(axis=1)[..., 0],
        -ratio(found.sum(axis=1), given.stated.sum(axis=1)),
    )
    return Component(
        "migrant_switchers",
        (by_citizenship(found, given),),
        by=("citizenship",),
        steps=steps("met again within 12 months", met, given)
        + steps("share of those who stated 12 months", share[..., 0], given),
        provisional=given.years[-3:],
    )
