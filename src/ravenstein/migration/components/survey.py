"""The survey's component: long-term migrants by their stated intention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ravenstein.migration.component import Component
from ravenstein.tables.geography import nation_letter

if TYPE_CHECKING:
    from ravenstein.core.sparse import SparseEstimate


def survey(cells: SparseEstimate) -> Component:
    r"""Return long-term migrants by stated intention, their replicates as draws.

    Args:
        cells: `survey_migrant_cells` [persons].

    Notes:
        $S = \sum_i w_i$ over interviews that state a change of residence for 12 months or more;
        replicates of the weights are the draws. Everything that the others correct is in it:
        those who change their minds, and asylum seekers who were interviewed.

    Source:
        UN, Recommendations on Statistics of International Migration, Revision 1, 1998, paragraph
        37; ONS, Long-Term International Migration: methodology, section 3.
    """
    return Component("survey", (with_nation(cells),))


def with_nation(cells: SparseEstimate) -> SparseEstimate:
    """Return cells with the nation of their areas: its letter, or `not_stated`."""
    areas, place = np.unique(cells.labels["area"].astype(str), return_inverse=True)
    letters = np.array([nation_letter(area) for area in areas.tolist()], dtype=str)
    return cells.relabelled(nation=letters[place.ravel()])
