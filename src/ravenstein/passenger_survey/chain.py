"""All stages in their order: a month's interviews to final weights, in every replicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey import stages
from ravenstein.passenger_survey.answers import (
    CROSSINGS,
    MINIMUM,
    SILENT,
    SLOT,
    check_answers,
    migrant,
    unanswered,
)
from ravenstein.passenger_survey.cells import cells, rounded, rows_of
from ravenstein.passenger_survey.collapse import collapsed
from ravenstein.passenger_survey.imbalance import imbalance
from ravenstein.passenger_survey.shift import shift
from ravenstein.passenger_survey.trimming import trim
from ravenstein.survey.design import Selection, design
from ravenstein.survey.replicates import bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Cells, Columns, Weights
    from ravenstein.passenger_survey.stages import Stage

    Strata = tuple[list[Any], list[Any]]
    Step = tuple[Stage, list[str]]  # a stage, and what was joined for it


@dataclass(frozen=True)
class Rules:
    """What may be chosen in the weighting.

    Args:
        decimals: Decimals to which stage weights are rounded, half up; none where not given.
        collapse_below: Cells with fewer interviews are joined with neighbours; empty ones always.
        trim_above: Largest final weight, as a multiple of the month's median; none where not given.
        stays: Whether nights that were not stated are a drawn donor's, or the mean of the class.
    """

    decimals: int | None = None
    collapse_below: int = 1
    trim_above: float | None = None
    stays: Literal["donor", "mean"] = "donor"


@dataclass(frozen=True, eq=False)
class Month:
    """What a month's weights are made of: columns of the declared tables, by name.

    Args:
        contacts: Of `survey_contacts` [n].
        shifts: Of `survey_shifts`.
        nonresponse: Of `survey_nonresponse`.
        traffic: Of `survey_traffic`.
        unsampled: Of `survey_unsampled`.
        imbalance: Of `survey_imbalance`, in the order of the interviews [n]; none where the stage
            is left out.
    """

    contacts: Columns
    shifts: Columns
    nonresponse: Columns
    traffic: Columns
    unsampled: Columns
    imbalance: Columns | None = None


@dataclass(frozen=True, eq=False)
class Weighted:
    """A month's weights.

    Args:
        final: Final weights [n, R], the full sample first.
        stages: Each stage by name.
        own: Each stage's own weight in the full sample, as it was multiplied [n].
        notes: Stage and what a reader should know of it: joined cells, few cases, fallbacks.
    """

    final: Weights
    stages: dict[str, Stage]
    own: dict[str, NDArray[np.float64]]
    notes: tuple[tuple[str, str], ...]


def factors(
    contacts: Columns,
    count: int,
    generator: np.random.Generator,
    sampled: NDArray[np.float64] | None = None,
) -> tuple[Weights, int]:
    r"""Draw bootstrap factors of shifts within route × direction, the full sample first.

    Args:
        contacts: Columns of the interviews of a month [n].
        count: Number of replicates, besides the full sample.
        generator: The month's generator.
        sampled: Share $f$ of the possible shifts that is sampled [n]; none where not given.

    Returns:
        Factors $1+\sqrt{1-f}\,(b-1)$ [n, 1 + count] with $b$ of the bootstrap, and the number of
        shifts that are alone in their stratum and therefore kept as certain.

    Source:
        Rao, Wu, Yue, Survey Methodology 18, 1992; Rao, Wu, Journal of the American Statistical
        Association 83, 1988, section 4 (finite populations).
    """
    n = contacts["portroute"].size
    if not count:
        return np.ones((n, 1)), 0
    strata = contacts["portroute"] * 10 + contacts["arrivedepart"]
    sample = design(
        Selection(contacts["shiftno"], strata, nest=True), weights=np.ones(n), lonely="certainty"
    )
    drawn = bootstrap(sample, count, generator)
    whole = np.ones((drawn.factors.shape[0], 1))  # joined by shift: rows are many
    made = np.hstack([whole, drawn.factors])
    if sampled is not None:
        left = np.zeros(len(made))
        left[drawn.unit] = np.sqrt(1 - sampled)
        made = 1 + left[:, None] * (made - 1)
    return made[drawn.unit], sample.lonely_strata


def sampled_shares(month: Month) -> NDArray[np.float64]:
    """Return the share of the possible shifts of each interview's route and direction [n].

    Where it is not known how many were sampled, those with interviews count.
    """
    c, s = month.contacts, month.shifts
    known = cells(*([t["portroute"], t["arrivedepart"]] for t in (c, s)))
    of, place = known.rows
    given = np.asarray(s["sampled"], dtype=np.float64)
    possible, told, unknown = (
        np.bincount(place, values, minlength=known.count)
        for values in (s["possible"], np.nan_to_num(given), ~np.isfinite(given))
    )
    met = cells([c["portroute"], c["arrivedepart"], c["shiftno"]]).rows[0]
    first = np.unique(met, return_index=True)[1]
    seen = np.bincount(of[first], minlength=known.count)
    taken = np.where(unknown > 0, seen, told)
    share = np.divide(taken, possible, out=np.zeros(known.count), where=possible > 0)
    return np.asarray(np.clip(share, 0, 1)[of])


def passenger_factors(
    month: Month, sampled: NDArray[np.float64], count: int, generator: np.random.Generator
) -> Weights:
    r"""Draw factors of passengers within sampled shifts, the full sample first [n, 1 + count].

    Args:
        month: The month.
        sampled: Share of the possible shifts that is sampled [n].
        count: Number of replicates, besides the full sample.
        generator: The month's generator.

    Notes:
        $1\pm\sqrt{f\,(1-\rho/k)/(2-f)}$, each sign alike often: where a share $f$ of the shifts is
        sampled, those of shifts hold $1-f$ of the variance between them, and of that between
        passengers, of whom every $k$-th was asked and $\rho$ answered. Both are multiplied, and
        the squares of those of shifts are $2-f$ on average.

    Source:
        Rao, Wu, Journal of the American Statistical Association 83, 1988, section 4; Chipperfield,
        Preston, Survey Methodology 33, 2007 (two-stage samples without replacement).
    """
    c = month.contacts
    asked = ~np.isin(c["response"], (SILENT, SLOT))
    silent = month.nonresponse["migtotal"].sum() + month.nonresponse["ordtotal"].sum()
    silent += (c["response"] == SILENT).sum()
    answered = asked.sum() / max(asked.sum() + silent, 1)
    interval = np.where(migrant(c), c["migsi"], c["tandtsi"]).astype(np.float64)
    interval = np.where(np.isfinite(interval), interval, c["migsi"].astype(np.float64))
    spread = np.sqrt(sampled * (1 - answered / np.maximum(interval, 1)) / (2 - sampled))
    sign = generator.integers(0, 2, (interval.size, count), dtype=np.int8) * 2 - 1
    made = np.ones((interval.size, 1 + count))
    np.multiply(sign, spread[:, None], out=made[:, 1:])
    made[:, 1:] += 1
    return made


def weigh(
    month: Month, factor: Weights, rules: Rules | None = None, within: Weights | None = None
) -> Weighted:
    """Weigh a month's interviews through all stages, in the full sample and every replicate.

    Args:
        month: The month.
        factor: Factors of `factors` [n, R]; ones for the full sample alone.
        rules: What is chosen in the weighting.
        within: Factors of `passenger_factors` [n, R]; none where not given.

    Returns:
        The weights. Cells of non-response, minimums, traffic or unsampled passengers that are too
        small are joined with neighbours (`collapse.collapsed`), in the full sample and in all
        replicates; a cell that a replicate empties by the same rule in that replicate alone
        (`collapse.settled`), so that the full sample does not depend on replicates. Port groups
        give way within air, or within all others, and the direction; weekdays within the port
        group; countries and regions of residence within theirs. They are named.

    Raises:
        SurveyError: If answers contradict each other, or a stage cannot weigh them.
    """
    rules = rules or Rules()
    check_answers(month.contacts)
    held, made = factor.copy() if within is None else factor * within, {}
    notes: list[tuple[str, str]] = []
    for name, step in _STEPS.items():
        if name == "imbalance" and month.imbalance is None:
            continue
        made[name], told = step(month, held, rules)
        made[name].apply(held, rules.decimals)
        notes += [(name, note) for note in (*told, *made[name].warnings)]
    own = {name: rounded(stage.own, rules.decimals) for name, stage in made.items()}
    if rules.trim_above is not None:
        groups = [made["traffic"].of]
        held, made["trim"] = trim(held, groups, rules.trim_above, factor)
        own["trim"] = made["trim"].own
        notes += [("trim", note) for note in made["trim"].warnings]
    return Weighted(held, made, own, tuple(notes))


def _nonresponse(month: Month, held: Weights, rules: Rules) -> Step:
    c, silent = month.contacts, month.contacts["response"] == SILENT
    lost = month.nonresponse["migtotal"] + month.nonresponse["ordtotal"]
    t = rows_of(month.nonresponse, lost > 0)
    missed, least = t["migtotal"] + t["ordtotal"], rules.collapse_below
    wide = _sides(c, t, _FAMILY, "arrivedepart")
    by, told = collapsed(
        (held[:, 0] > 0) & ~silent, _sides(c, t, "nonresponse_group", "arrivedepart"), missed,
        wide, gives_way=0, least=least,
    )  # fmt: skip
    sub, more = collapsed(
        held[:, 0] > 0, ([*by[0], c["weekday"]], [*by[1], t["weekday"]]), missed, by, gives_way=2,
        least=least,
    )  # fmt: skip
    stage = stages.nonresponse(
        held, (by[0], [sub[0][2]]), (by[1], [sub[1][2]], missed), (migrant(c), silent),
        (c["migsi"], c["tandtsi"]), wide,
    )  # fmt: skip
    return stage, told + more


def _minimums(month: Month, held: Weights, rules: Rules) -> Step:
    c = month.contacts
    kind = np.select(
        [c["response"] < MINIMUM, c["response"] == MINIMUM],
        [stages.FULL, stages.MINIMUM],
        stages.MIGRATION_SLOT,
    )
    least = rows_of(c, kind == stages.MINIMUM)
    wide = _sides(c, least, "minimums_group")
    sides, told = collapsed(
        (held[:, 0] > 0) & (kind == stages.FULL),
        _sides(c, least, "minimums_group", "minimums_country"), np.ones(least["response"].size),
        wide, gives_way=1, least=rules.collapse_below,
    )  # fmt: skip
    return stages.minimums(held, sides[0], kind, wide[:1]), told + unanswered(c)


def _traffic(month: Month, held: Weights, rules: Rules) -> Step:
    c, t = month.contacts, month.traffic
    wide = _sides(c, t, _FAMILY, "arrivedepart")
    sides, told = collapsed(
        held[:, 0] > 0, _sides(c, t, "traffic_group", "arrivedepart"), t["passengers"], wide,
        gives_way=0, least=rules.collapse_below,
    )  # fmt: skip
    return stages.traffic(held, sides[0], (sides[1], t["passengers"]), wide), told


def _unsampled(month: Month, held: Weights, rules: Rules) -> Step:
    c, t = (_known_region(given) for given in (month.contacts, month.unsampled))
    wide = _sides(c, t, "unsampled_group", "arrivedepart")
    sides, told = collapsed(
        held[:, 0] > 0, _sides(c, t, "unsampled_group", "unsampled_region", "arrivedepart"),
        t["passengers"], wide, gives_way=1, least=rules.collapse_below,
    )  # fmt: skip
    return stages.unsampled(held, sides[0], (sides[1], t["passengers"]), wide), told


def _imbalance(month: Month, held: Weights, _: Rules) -> Step:
    c, given = month.contacts, cast("Columns", month.imbalance)
    factors = (given["port"], given["country"])
    return imbalance(held, c["portroute"], c["flow"], given["eligible"], factors), []


_FAMILY = "family"


def _sides(contacts: Columns, table: Columns, *names: str) -> Strata:
    """Return columns of the interviews and of a table; `family`: by air, or by sea and tunnel."""
    sides = [
        [given["portroute"] >= CROSSINGS[0] if name == _FAMILY else given[name] for name in names]
        for given in (contacts, table)
    ]
    return sides[0], sides[1]


def _known_region(columns: Columns) -> Columns:
    """Return columns whose missing region is 0, as unsampled passengers are counted."""
    region = columns["unsampled_region"]
    return {**columns, "unsampled_region": np.where(region == None, "0", region)}  # noqa: E711


_OF_SHIFTS = ("shift_group", "arrivedepart", "weekday", "am_pm_night")


def _shift(month: Month, factor: Weights, _: Rules) -> Step:
    c, s = month.contacts, month.shifts
    crossing, possible = (_crossings(given) for given in (c, s))
    lacking = crossing & ~np.isfinite(np.asarray(c["shuttle"], dtype=np.float64))
    if lacking.any():
        raise SurveyError(
            "Interviews on crossings lack the number of the crossing.",
            expected=f"shuttle on port routes {CROSSINGS[0]} to {CROSSINGS[1] - 1}",
            found=f"{int(lacking.sum())} interviews without",
            where="survey_contacts, shuttle",
            fix="Give the number of the crossing within the shift.",
        )
    strata = [[given[name] for name in _OF_SHIFTS] for given in (c, s)]
    known = cells(*strata)
    of = known.rows[0]
    if np.isin(of[crossing], of[~crossing]).any():  # each kind has its own frame
        strata = [[*strata[0], crossing.astype(int)], [*strata[1], possible.astype(int)]]
    stage = shift(
        strata[0], (strata[1], s["possible"], s["sampled"]), (c["shiftno"], c["shuttle"]),
        (~crossing, crossing), c["migsi"], factor,
    )  # fmt: skip
    return stage, _without_interviews(known, s["possible"])


_STEPS: dict[str, Callable[[Month, Weights, Rules], Step]] = {
    "shift": _shift,
    "nonresponse": _nonresponse,
    "minimums": _minimums,
    "traffic": _traffic,
    "unsampled": _unsampled,
    "imbalance": _imbalance,
}
ORDER = (*_STEPS, "trim")


def _crossings(columns: Columns) -> NDArray[np.bool_]:
    route = columns["portroute"]
    return np.asarray((route >= CROSSINGS[0]) & (route < CROSSINGS[1]))


def _without_interviews(known: Cells, number: Any) -> list[str]:
    """Return a note on strata with possible shifts and no interviews: traffic carries them."""
    possible = np.bincount(known.rows[1], number, minlength=known.count)
    alone = (np.bincount(known.rows[0], minlength=known.count) == 0) & (possible > 0)
    if not alone.any():
        return []
    return [
        f"strata with possible shifts and no interviews: {int(alone.sum())} "
        f"({possible[alone].sum():,.0f} possible shifts); their passengers are carried by those of "
        "the same traffic cell"
    ]
