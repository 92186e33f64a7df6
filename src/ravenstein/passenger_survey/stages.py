"""The stages of the passenger survey's weights.

Each is a pure function of columns [n] and prior weights [n, R], R replicates of which the first
may be the full sample; it returns the stage's own weight. Formulas: International Passenger
Survey, weighting of 2017.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.cells import cells, multiply, refuse, rounded, sums
from ravenstein.passenger_survey.collapse import settled
from ravenstein.survey.stages import codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Cells, Codes, Weights

    Within = tuple[Sequence[Any], ...]

FULL, MINIMUM, MIGRATION_SLOT = 0, 1, 2
_LEAST, _MOST = 50, 5000


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


def _with_one(factors: Weights) -> Weights:
    return np.concatenate([factors, np.ones((1, factors.shape[1]))])


def shift(
    strata: Sequence[Any],
    frame: tuple[Any, ...],
    units: tuple[Any, Any],
    flags: tuple[Any, Any],
    interval: Any,
) -> Stage:
    r"""Weigh by shifts and crossings, and by the sampling interval within them.

    Args:
        strata: Columns of the stratum: shift port group, direction, weekday, part of the day [n].
        frame: The same columns of the possible shifts, and their number [m]; and the number
            sampled [m], where it is known: shifts without an interview then count too.
        units: `SHIFTNO` and `SHUTTLE` (crossing within the shift, missing on others) [n].
        flags: Whether a row is of a sampled shift, and of a sampled crossing [n].
        interval: Every how many-th passenger was screened (MIGSI) [n].

    Returns:
        $w_1 = F_h C_h \cdot \mathrm{MIGSI}$ [n, 1], with $F_h$ = possible shifts over distinct
        shifts sampled, $C_h$ = possible crossings over distinct crossings sampled; 1 where the flag
        is off.

    Raises:
        SurveyError: If a stratum with interviews has no possible shifts, more were sampled than
            are possible or more have interviews than were sampled; or an interval is missing.
    """
    columns, possible, *drawn = frame
    known = cells(strata, columns)
    of, place = known.rows
    total = np.bincount(place, weights=np.asarray(possible, float), minlength=known.count)
    by_shift, by_crossing = (np.asarray(flag) == 1 for flag in flags)
    number, shuttle = units
    steps = np.asarray(interval, dtype=np.float64)
    if not (steps > 0).all():
        raise refuse(
            "shift", "A sampling interval is missing.", "intervals above 0 on every row",
            f"{int((~(steps > 0)).sum())} rows without", "Give MIGSI of the shift.",
        )  # fmt: skip
    shifts = codes(number)[0]
    crossings = cells((number, shuttle)).rows[0]
    factor = np.ones(of.size)
    for chosen, unit, what in ((by_shift, shifts, "shifts"), (by_crossing, crossings, "crossings")):
        seen = _distinct(of[chosen], unit[chosen], known.count)
        sampled = seen
        if drawn:
            given = np.bincount(place, np.asarray(drawn[0], float), minlength=known.count)
            sampled = np.where(seen > 0, given, 0)
        for wrong, problem, expected in (
            ((seen > 0) & ~(total > 0), f"Interviews lie in strata without possible {what}.",
             f"possible {what} in every sampled stratum"),
            (seen > sampled, f"More {what} have interviews than were sampled.",
             f"{what} of interviews among the sampled ones"),
            (sampled > total, f"More {what} were sampled than are possible.",
             f"{what} sampled among the possible ones"),
        ):  # fmt: skip
            if wrong.any():
                raise refuse(
                    "shift", problem, expected,
                    f"{int(wrong[of[chosen]].sum())} interviews in {known.named(wrong)}",
                    "Correct the file of possible shifts, or the interviews' strata and shifts.",
                )  # fmt: skip
        factor[chosen] *= (total / np.maximum(sampled, 1))[of[chosen]]
    weight = factor * steps
    warnings = []
    outside = np.bincount(of, weights=(weight < _LEAST) | (weight > _MOST), minlength=known.count)
    if outside.any():
        warnings.append(
            f"{int((outside > 0).sum())} strata have weights below {_LEAST} or above {_MOST}"
        )
    cases = np.bincount(of, minlength=known.count)
    none = np.full(of.size, known.count)
    return Stage(np.ones((known.count + 1, 1)), none, weight, known, of, cases, tuple(warnings))


def _distinct(of: Codes, unit: Codes, count: int) -> Codes:
    """Return the number of distinct units in each cell [count]."""
    if not of.size:
        return np.zeros(count, dtype=np.int64)
    pairs = np.unique(of * (int(unit.max()) + 1) + unit)
    return np.bincount(pairs // (int(unit.max()) + 1), minlength=count)


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
    mean = sums(prior, sub, fine.count) / np.maximum(rows, 1)[:, None]
    all_rows = np.maximum(np.bincount(of, minlength=group.count), 1)[:, None]
    mean = np.where(mean > 0, mean, (sums(prior, of, group.count) / all_rows)[upper])
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
    return Stage(_with_one(base), of, times, group, of, cases, told)


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
    return Stage(_with_one(ratio), takes, times, known, of, cases, told)


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
    return Stage(_with_one(factor), of, counted.astype(np.float64), known, of, cases, told)


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
    return Stage(_with_one(factor), of, np.ones(of.size), known, of, cases, told)


def imbalance(
    prior: Weights, route: Any, flow: Any, eligible: Any, factors: tuple[Any, Any]
) -> Stage:
    r"""Bring arrivals and departures of overseas residents into balance, traffic kept.

    Args:
        prior: Weights so far, $p\,w_5$ [n, R].
        route: Port route [n].
        flow: 1–4 by air, 5–8 otherwise: odd for overseas residents (1, 5 departing; 3, 7
            arriving), even for residents [n].
        eligible: Whether the row takes part [n].
        factors: Factor of the port, and of the country (flows 1 and 5) [n].

    Returns:
        $w_6$: for eligible overseas residents port factor (times country factor); for eligible
        residents of the flow f + 1 of the same route $1-\Delta/\sum w$, with Δ the weight that the
        overseas flow f gained. Elsewhere 1.
    """
    flows = np.asarray(flow, dtype=np.float64)
    taking = (np.asarray(eligible) == 1) & np.isfinite(flows)
    number = np.where(np.isfinite(flows), flows, 0).astype(np.int64)
    port, country = (np.nan_to_num(np.asarray(f, dtype=np.float64), nan=1.0) for f in factors)
    overseas = taking & (number % 2 == 1)
    factor = np.where(overseas, port, 1.0)
    factor = np.where(overseas & np.isin(number, (1, 5)), factor * country, factor)
    pair = (number + 1) // 2  # flows 1 and 2 are one pair, and so on
    known = cells((route, pair))
    of = known.rows[0]
    gained = sums(prior, of, known.count, (factor - 1) * overseas)
    residents = taking & (number % 2 == 0) & (number > 0)
    held = sums(prior, of, known.count, residents)
    ratio = np.where(held > 0, gained / np.where(held > 0, held, 1), 0.0)
    takes = np.where(residents, of, known.count)
    left = (held[:, 0] == 0) & (np.abs(gained[:, 0]) > 0)
    warnings = []
    if left.any():
        warnings.append(
            f"{int(left.sum())} route flows have no residents to balance with: traffic "
            f"changes by {gained[left, 0].sum():+,.0f} ({known.named(left)})"
        )
    made = Stage(_with_one(1 - ratio), takes, np.where(residents, 1.0, factor), known, of, of)
    low = float(made.weights[:, 0].min(initial=1))
    if low < 0.5:
        warnings.append(f"the smallest weight is {low:.3f}")
    cases = np.bincount(of[taking], minlength=known.count)
    return replace(made, cases=cases, warnings=tuple(warnings))


def trim(
    prior: Weights, groups: Sequence[Any], above: float, factor: Weights
) -> tuple[Weights, Stage]:
    r"""Cut off the largest weights, and give what is cut to the others of the group.

    Args:
        prior: Weights so far [n, R].
        groups: Columns of the groups whose sums are kept: kind of port, direction [n].
        above: Largest weight, as a multiple of the median weight of the full sample.
        factor: Bootstrap factors $b$ [n, R]: a shift drawn twice may weigh twice as much.

    Returns:
        The weights [n, R]: $\min(w, b L)$, those below $bL$ multiplied so that sums of groups
        stay; a group all of whose weights are above keeps them. And the stage in the full sample.

    Raises:
        SurveyError: If the multiple is not above 1.
    """
    if not above > 1:
        raise refuse("trim", "The limit is not above the median.", "a multiple above 1",
                     f"{above:g}", "Raise trim_above.")  # fmt: skip
    known = cells(groups)
    of, positive = known.rows[0], prior[:, 0] > 0
    limit = above * float(np.median(prior[positive, 0])) if positive.any() else np.inf
    free = prior < factor * limit
    cut = np.where(free, prior, factor * limit)
    lost = sums(prior - cut, of, known.count)
    open_ = sums(cut * free, of, known.count)
    more = np.where(open_ > 0, lost / np.where(open_ > 0, open_, 1), 0.0)[of]
    made = np.where(open_[of] > 0, cut * np.where(free, 1 + more, 1.0), prior)
    own = np.where(positive, made[:, 0] / np.where(positive, prior[:, 0], 1), 0.0)
    cases = np.bincount(of[positive], minlength=known.count)
    count = int((positive & (made[:, 0] < prior[:, 0])).sum())
    notes = (
        (f"{count} weights above {limit:,.0f} cut off; the largest is now {made[:, 0].max():,.0f}",)
        if count
        else ()
    )
    none = np.full(of.size, known.count)
    return made, Stage(np.ones((known.count + 1, 1)), none, own, known, of, cases, notes)


def final(stages: Sequence[Weights], decimals: int | None = None) -> Weights:
    """Return the product of the stage weights [n, R], each rounded first if decimals are given."""
    product = np.ones((1, 1))
    for weights in stages:
        product = product * rounded(weights, decimals)
    return product


def imputed_stays(levels: Sequence[Sequence[Any]], donor: Any, nights: Any, least: int = 2) -> Any:
    """Return nights for those who did not say, from the mean of donors in their class.

    Args:
        levels: Columns of the classes of each level, the finest first, such as country group and
            purpose, then purpose alone [n].
        donor: Whether each row gives its nights; the others are recipients [n].
        nights: Nights of the donors [n].
        least: Fewest donors of a class.

    Returns:
        Rounded mean nights for recipients, of the first level whose class has enough donors; NaN
        without one, and for donors [n].
    """
    gives = np.asarray(donor, dtype=np.bool_)
    given = np.where(gives, np.nan_to_num(np.asarray(nights, dtype=np.float64)), 0.0)
    found = np.full(gives.size, np.nan)
    for columns in levels:
        known = cells(columns)
        of = known.rows[0]
        count = np.bincount(of[gives], minlength=known.count)
        total = np.bincount(of, weights=given, minlength=known.count)
        mean = np.where(count >= least, rounded(total / np.maximum(count, 1), 0), np.nan)
        found = np.where(gives | np.isfinite(found), found, mean[of])
    return found
