"""A limit on the largest weights, sums of groups kept: a rule, off unless chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.cells import cells, refuse, sums
from ravenstein.passenger_survey.stages import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ravenstein.passenger_survey.cells import Weights


def trim(
    prior: Weights, groups: Sequence[Any], above: float, factor: Weights
) -> tuple[Weights, Stage]:
    r"""Cut off the largest weights, and give what is cut to the others of the group.

    Args:
        prior: Weights so far [n, R].
        groups: Columns of the groups whose sums are kept, such as the cells of traffic [n].
        above: Largest weight, as a multiple of the median weight of the full sample.
        factor: Bootstrap factors $b$ [n, R]: a shift drawn twice may weigh twice as much.

    Returns:
        The weights [n, R]: at most $bL$, those below multiplied until sums of groups are as
        before; a group whose sum is more than its limits allow keeps its weights. And the stage
        in the full sample. L is that of the full sample in replicates too.

    Raises:
        SurveyError: If the multiple is not above 1.

    Source:
        Potter, A study of procedures to identify and trim extreme sampling weights, 1990.
    """
    if not above > 1:
        raise refuse("trim", "The limit is not above the median.", "a multiple above 1",
                     f"{above:g}", "Raise trim_above.")  # fmt: skip
    known = cells(groups)
    of, positive = known.rows[0], prior[:, 0] > 0
    limit = above * float(np.median(prior[positive, 0])) if positive.any() else np.inf
    most = np.where(prior > 0, factor * limit, 0.0)
    heavy = sums(prior, of, known.count) > sums(most, of, known.count)
    made = prior.copy()
    while True:
        over = (made > most * (1 + 1e-12)) & ~heavy[of]
        if not over.any():
            break
        cut = np.where(over, most, made)
        lost = sums(made - cut, of, known.count)
        free = (cut < most) & ~heavy[of]
        taking = sums(np.where(free, cut, 0.0), of, known.count)
        more = np.where(taking > 0, lost / np.where(taking > 0, taking, 1), 0.0)[of]
        made = np.where(free, cut * (1 + more), cut)
    own = np.where(positive, made[:, 0] / np.where(positive, prior[:, 0], 1), 0.0)
    cases = np.bincount(of[positive], minlength=known.count)
    count, kept = int((own[positive] < 1).sum()), int(heavy[:, 0].sum())
    note = f"{count} weights above {limit:,.1f} cut off; the largest is now {made[:, 0].max():,.1f}"
    note += f"; {kept} groups are too heavy for the limit and keep their weights" * bool(kept)
    none = np.full(of.size, known.count)
    ones = np.ones((known.count + 1, 1))
    return made, Stage(ones, none, own, known, of, cases, (note,) if count or kept else ())
