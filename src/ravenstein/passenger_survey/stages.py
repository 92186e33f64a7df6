"""The stages of the passenger survey's weights.

Each is a pure function of columns [n] and prior weights [n, R], R replicates of which the first
may be the full sample; it returns the stage's own weight. Formulas: International Passenger
Survey, weighting of 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.cells import cells, multiply, refuse, sums
from ravenstein.passenger_survey.collapse import settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Cells, Codes, Weights

    Within = tuple[Sequence[Any], ...]

FULL, MINIMUM, MIGRATION_SLOT = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Stage:
    """What a stage made: a factor of each cell, and how rows take it.

    Args:
        factors: Factor of each cell, and a last one of 1 [cells + 1, R].
        takes: Which factor each row takes [n].
        times: What each row multiplies it by; 0 for rows that carry no weight [n].
        cells: Its cells.
        of: Cell of each row [n].
        cases: Rows that count, by cell [cells].
        warnings: What a reader should look at.
    """

    factors: Weights
    takes: Codes
    times: NDArray[np.float64]
    cells: Cells
    of: Codes
    cases: Codes
    warnings: tuple[str, ...] = ()

    @property
    def weights(self) -> Weights:
        """The stage's own weight [n, R]."""
        found = np.ones((self.of.size, self.factors.shape[1]))
        self.apply(found)
        return found

    @property
    def own(self) -> NDArray[np.float64]:
        """The stage's own weight in the full sample [n]."""
        return np.asarray(self.factors[self.takes, 0] * self.times)

    def apply(self, weights: Weights, decimals: int | None = None) -> None:
        """Multiply weights by the stage's own, in place; rounded first if decimals are given.

        Args:
            weights: Weights before, and after [n, R].
            decimals: Decimals to which the stage's own weight is rounded, half up.
        """
        scale = 0.0 if decimals is None else 10.0**decimals
        multiply(weights, self.factors, self.takes, self.times, scale)


def with_one(factors: Weights) -> Weights:
    """Return factors of cells and a last one of 1, for rows that no cell changes."""
    return np.concatenate([factors, np.ones((1, factors.shape[1]))])


def nonresponse(
    prior: Weights,
    groups: tuple[Sequence[Any], Sequence[Any]],
    tallies: tuple[Sequence[Any], Sequence[Any], Any],
    flags: tuple[Any, Any],
    intervals: tuple[Any, Any],
    within: Within | None = None,
) -> Stage:
    r"""Weigh respondents for those who were not interviewed.

    Args:
        prior: $w_1$ [n, R].
        groups: Columns of the group (port group, direction), and of the sub-stratum within it
            (port group, direction, weekday) [n].
        tallies: The same of the tally file, and its non-contacts [m].
        flags: Whether a row is a migrant, and whether it is a non-respondent [n].
        intervals: `MIGSI` and `TANDTSI`: intervals of screening and of the full interview [n].
        within: Neighbourhoods of the groups, of interviews [n] and tallies [m]: groups that a
            replicate empties are joined within them, in that replicate (`collapse.settled`).

    Returns:
        $w_2$ = base for migrants, base · TANDTSI/MIGSI for others; base = $(NR_g+R_g)/R_g$, where
        $NR_g$ is the non-contacts grossed by the mean $w_1$ of their sub-stratum plus the weights
        of non-respondents, and $R_g$ the weights of respondents. 0 for non-respondents. In a
        replicate that empties a sub-stratum, the mean is that of its group.

    Raises:
        SurveyError: If a group has non-contacts but no respondents, a tally lies where there are
            no interviews, or an interval is missing.
    """
    by, inner = groups
    tally_by, tally_inner, missed = tallies
    group = cells(by, tally_by)
    fine = cells((*by, *inner), (*tally_by, *tally_inner))
    of, sub = group.rows[0], fine.rows[0]
    missed = np.asarray(missed, dtype=np.float64)
    migrant, silent = (np.asarray(flag) == 1 for flag in flags)
    rows = np.bincount(sub, minlength=fine.count)
    lost = np.bincount(fine.rows[1], weights=missed, minlength=fine.count)
    if ((lost > 0) & (rows == 0)).any():
        where = (lost > 0) & (rows == 0)
        raise refuse(
            "non-response", "Non-contacts lie where there are no interviews.",
            "interviews in every sub-stratum with non-contacts",
            f"{int(lost[where].sum())} non-contacts in {fine.named(where)}",
            "Correct the tally file, or merge the sub-strata with neighbours.",
        )  # fmt: skip
    upper = np.zeros(fine.count, dtype=np.int64)
    upper[sub], upper[fine.rows[1]] = of, group.rows[1]
    mean = _means(prior, fine)
    mean = np.where(mean > 0, mean, _means(prior, group)[upper])
    grossed = sums(mean * lost[:, None], upper, group.count)
    grossed += sums(prior, of, group.count, silent)
    answered = sums(prior, of, group.count, ~silent)
    cases = np.bincount(of[~silent], minlength=group.count)
    if ((cases == 0) & (grossed[:, 0] > 0)).any():
        where = (cases == 0) & (grossed[:, 0] > 0)
        raise refuse(
            "non-response", "A group has non-response but no respondents.",
            "respondents in every group", group.named(where), "Merge the group with a neighbour.",
        )  # fmt: skip
    base, told = _ratio(grossed + answered, answered, group, cases, within)
    migsi, tandtsi = (np.asarray(step, dtype=np.float64) for step in intervals)
    lacking = ~silent & ~migrant & ~(tandtsi > 0)
    if lacking.any():
        raise refuse(
            "non-response", "The interval of full interviews is missing.",
            "TANDTSI of every respondent who is no migrant",
            f"{int(lacking.sum())} rows without", "Give TANDTSI of the shift.",
        )  # fmt: skip
    times = np.where(silent, 0.0, np.where(migrant, 1.0, tandtsi / migsi))
    return Stage(with_one(base), of, times, group, of, cases, told)


def _means(prior: Weights, known: Cells) -> Weights:
    """Return mean weights of the interviews of cells, 0 where there are none [cells, R]."""
    rows = np.bincount(known.rows[0], minlength=known.count)
    return np.asarray(sums(prior, known.rows[0], known.count) / np.maximum(rows, 1)[:, None])


def _ratio(
    above: Weights, below: Weights, known: Cells, cases: Codes, within: Within | None
) -> tuple[Weights, tuple[str, ...]]:
    """Return ratios of cells, 1 where both are 0, and which cells replicates joined."""
    told = settled(above, below, known, cases, within) if within else []
    return np.where(below > 0, above / np.where(below > 0, below, 1), 1.0), tuple(told)


def minimums(
    prior: Weights, strata: Sequence[Any], kind: Any, within: Within | None = None
) -> Stage:
    r"""Weigh full interviews for those who gave only the least answers.

    Args:
        prior: $w_1w_2$ [n, R].
        strata: Columns of the stratum: minimums port group, country group [n].
        kind: 0 full or partial interview, 1 minimum, 2 migrant in another slot [n].
        within: Neighbourhoods of the strata [n], as of `nonresponse`.

    Returns:
        $w_3 = (\sum_{0,1} w_1w_2)/(\sum_0 w_1w_2)$ for full interviews, 0 for minimums, 1 for
        migrants in other slots.

    Raises:
        SurveyError: If a stratum has minimums but no full interviews.
    """
    known = cells(strata)
    of, kinds = known.rows[0], np.asarray(kind)
    full, least = kinds == FULL, kinds == MINIMUM
    fulls = sums(prior, of, known.count, full)
    lasts = sums(prior, of, known.count, least)
    cases = np.bincount(of[full], minlength=known.count)
    alone = (cases == 0) & (lasts[:, 0] > 0)
    if alone.any():
        raise refuse(
            "minimums", "Strata have minimum interviews but no full ones.",
            "full interviews beside minimums", known.named(alone),
            "Merge the strata with neighbours.",
        )  # fmt: skip
    ratio, told = _ratio(fulls + lasts, fulls, known, cases, within)
    takes = np.where(full, of, known.count)
    times = np.where(least, 0.0, 1.0)
    return Stage(with_one(ratio), takes, times, known, of, cases, told)


def traffic(
    prior: Weights,
    strata: Sequence[Any],
    totals: tuple[Sequence[Any], Any],
    within: Within | None = None,
) -> Stage:
    r"""Weigh interviews to the passengers of each port group and direction.

    Args:
        prior: $d = w_1w_2w_3$ [n, R].
        strata: Columns of the cell: sampling port group, direction [n].
        totals: The same columns of the port traffic, and its passengers [m].
        within: Neighbourhoods of the cells, as of `nonresponse`.

    Returns:
        $w_4$ = passengers / $\sum d$ of the cell; 0 for rows without prior weight.

    Raises:
        SurveyError: If a cell has passengers but no sample, or a sample but no passengers.
    """
    columns, passengers = totals
    known = cells(strata, columns)
    of = known.rows[0]
    total = np.bincount(known.rows[1], np.asarray(passengers, float), minlength=known.count)
    held = sums(prior, of, known.count)
    counted = prior[:, 0] > 0
    cases = np.bincount(of[counted], minlength=known.count)
    _refuse_one_sided("traffic", known, cases, total)
    wanted = np.repeat(total[:, None].astype(np.float64), held.shape[1], axis=1)
    factor, told = _ratio(wanted, held, known, cases, within)
    return Stage(with_one(factor), of, counted.astype(np.float64), known, of, cases, told)


def _refuse_one_sided(stage: str, known: Cells, cases: Codes, total: Any) -> None:
    for wrong, problem in (
        ((total > 0) & (cases == 0), "Passengers lie in cells without sample."),
        ((total == 0) & (cases > 0), "A sample lies in cells without passengers."),
    ):
        if wrong.any():
            raise refuse(
                stage, problem, "passengers and sample in the same cells",
                f"{known.named(wrong)}: {total[wrong].sum():,.0f} passengers, "
                f"{int(cases[wrong].sum())} cases",
                "Merge the cells with neighbours, or correct the passenger totals.",
            )  # fmt: skip


def unsampled(
    prior: Weights,
    strata: Sequence[Any],
    totals: tuple[Sequence[Any], Any],
    within: Within | None = None,
) -> Stage:
    r"""Weigh up to passengers on routes and at hours that are not sampled.

    Args:
        prior: $p = d\,w_4$ [n, R].
        strata: Columns of the cell: unsampled port group, region group, direction [n].
        totals: The same columns of the unsampled traffic, and its passengers [m].
        within: Neighbourhoods of the cells, as of `nonresponse`.

    Returns:
        $w_5 = (\sum p + U)/\sum p$ of the cell.

    Raises:
        SurveyError: If a cell has unsampled passengers but no respondents.
    """
    columns, passengers = totals
    known = cells(strata, columns)
    of = known.rows[0]
    total = np.bincount(known.rows[1], np.asarray(passengers, float), minlength=known.count)
    held = sums(prior, of, known.count)
    counted = prior[:, 0] > 0
    cases = np.bincount(of[counted], minlength=known.count)
    alone = (total > 0) & (cases == 0)
    if alone.any():
        raise refuse(
            "unsampled", "Unsampled passengers lie in cells without respondents.",
            "respondents in every cell with unsampled passengers",
            f"{known.named(alone)}: {total[alone].sum():,.0f} passengers",
            "Merge the cells with neighbours: they would be lost.",
        )  # fmt: skip
    factor, told = _ratio(held + total[:, None], held, known, cases, within)
    return Stage(with_one(factor), of, np.ones(of.size), known, of, cases, told)
