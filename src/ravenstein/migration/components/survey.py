"""The survey's component: long-term migrants by their stated intention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ravenstein.migration.component import Component

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
    area = cells.labels["area"].astype(str)
    letter = area.astype("U1")
    coded = np.char.isdigit(np.array([a[1:2] for a in area.tolist()], dtype=str))
    # Northern Irish districts before 2015 are 95A to 95Z
    nation = np.where(letter == "9", "N", np.where(coded, letter, "not_stated"))
    return cells.relabelled(nation=nation)
