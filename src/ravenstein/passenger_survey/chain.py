"""All stages in their order: a month's interviews to final weights, in every replicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey import stages
from ravenstein.passenger_survey.cells import cells, sums
from ravenstein.survey.design import Selection, design
from ravenstein.survey.replicates import bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Weights
    from ravenstein.passenger_survey.stages import Stage

    Columns = Mapping[str, NDArray[Any]]

ORDER = ("shift", "nonresponse", "minimums", "traffic", "unsampled")
_FULL, _MINIMUM = 1, 3
_CROSSINGS = (600, 900)  # port routes whose ferries and trains are sampled by crossing


@dataclass(frozen=True, eq=False)
class Month:
    """What a month's weights are made of: columns of the declared tables, by name.

    Args:
        contacts: Of `survey_contacts` [n].
        shifts: Of `survey_shifts`.
        nonresponse: Of `survey_nonresponse`.
        traffic: Of `survey_traffic`.
        unsampled: Of `survey_unsampled`.
    """

    contacts: Columns
    shifts: Columns
    nonresponse: Columns
    traffic: Columns
    unsampled: Columns


@dataclass(frozen=True, eq=False)
class Weighted:
    """A month's weights.

    Args:
        final: Final weights [n, R], the full sample first.
        stages: Each stage by name.
        collapsed: Cells that were merged, and why.
        lonely: Shifts alone in their stratum, kept as certain.
    """

    final: Weights
    stages: dict[str, Stage]
    collapsed: tuple[str, ...]
    lonely: int

    @property
    def warnings(self) -> list[str]:
        """Everything a reader should look at."""
        return [*self.collapsed, *(w for stage in self.stages.values() for w in stage.warnings)]


def factors(contacts: Columns, count: int, generator: np.random.Generator) -> tuple[Weights, int]:
    """Draw bootstrap factors of shifts within route × direction, the full sample first.

    Args:
        contacts: Columns of the interviews of a month [n].
        count: Number of replicates, besides the full sample.
        generator: The month's generator.

    Returns:
        Factors [n, 1 + count], and the number of shifts that are alone in their stratum and
        therefore kept as certain.

    Source:
        Rao, Wu, Yue, Survey Methodology 18, 1992.
    """
    n = contacts["portroute"].size
    if not count:
        return np.ones((n, 1)), 0
    strata = contacts["portroute"] * 10 + contacts["arrivedepart"]
    sample = design(Selection(contacts["shiftno"], strata), weights=np.ones(n), lonely="certainty")
    drawn = bootstrap(sample, count, generator)
    return np.hstack([np.ones((n, 1)), drawn.factors[drawn.unit]]), sample.lonely_strata


def weigh(
    month: Month, factor: Weights, *, lonely: int = 0, decimals: int | None = None
) -> Weighted:
    """Weigh a month's interviews through all stages, in the full sample and every replicate.

    Args:
        month: The month.
        factor: Factors of `factors` [n, R]; ones for the full sample alone.
        lonely: Number of shifts kept as certain.
        decimals: Decimals to which stage weights are rounded, half up; none where not given.

    Returns:
        The weights. Cells of non-response, traffic or unsampled passengers that are empty in the
        sample or in any replicate are merged within their unsampled port group and direction:
        port groups, weekdays or regions of residence give way; the merged cells are named.

    Raises:
        SurveyError: As the stages do.
    """
    c, by_shift = month.contacts, _by_shift(month)
    made = {"shift": by_shift}
    held = by_shift.applied(factor, decimals)
    collapsed: list[str] = []
    t = month.nonresponse
    missed = t["migtotal"] + t["ordtotal"]
    t = {name: values[missed > 0] for name, values in t.items()}
    missed = missed[missed > 0]
    by, notes = _merged(held, (c, t), missed, ("port_group", "arrivedepart"), 0)
    regrouped = tuple(dict(given) | {"port_group": by[i][0]} for i, given in enumerate((c, t)))
    names = ("port_group", "arrivedepart", "weekday")
    sub, more = _merged(held, (regrouped[0], regrouped[1]), missed, names, 2)
    collapsed += [f"non-response: {note}" for note in (*notes, *more)]
    made["nonresponse"] = stages.nonresponse(
        held,
        (by[0], sub[0]),
        (by[1], sub[1], missed),
        (_migrants(c), np.zeros(held.shape[0])),
        (c["migsi"], c["tandtsi"]),
    )
    held = made["nonresponse"].applied(held, decimals)
    kind = np.select([c["response"] == _FULL, c["response"] == _MINIMUM],
                     [stages.FULL, stages.MINIMUM], stages.MIGRATION_SLOT)  # fmt: skip
    least = {name: values[kind == stages.MINIMUM] for name, values in c.items()}
    names = ("unsampled_group", "arrivedepart", "residence")
    fulls, one = held * (kind == stages.FULL)[:, None], np.ones(least["response"].size)
    sides, notes = _merged(fulls, (c, least), one, names, 2)
    collapsed += [f"minimums: {note}" for note in notes]
    made["minimums"] = stages.minimums(held, sides[0], kind)
    held = made["minimums"].applied(held, decimals)
    given = month.traffic
    sides, notes = _merged(held, (c, given), given["passengers"], ("port_group", "arrivedepart"), 0)
    collapsed += [f"traffic: {note}" for note in notes]
    made["traffic"] = stages.traffic(held, sides[0], (sides[1], given["passengers"]))
    held = made["traffic"].applied(held, decimals)
    given = month.unsampled
    sides, notes = _merged(held, (c, given), given["passengers"], names, 2)
    collapsed += [f"unsampled: {note}" for note in notes]
    made["unsampled"] = stages.unsampled(held, sides[0], (sides[1], given["passengers"]))
    final = made["unsampled"].applied(held, decimals)
    return Weighted(final, made, tuple(collapsed), lonely)


def _migrants(contacts: Columns) -> NDArray[np.bool_]:
    """Return who states a stay of 12 months or more [n]."""
    return np.asarray(contacts["stay_stated"] == "12_months_or_more")


def _by_shift(month: Month) -> Stage:
    c, s = month.contacts, month.shifts
    names = ("port_group", "arrivedepart", "weekday", "am_pm_night")
    crossing = (c["portroute"] >= _CROSSINGS[0]) & (c["portroute"] < _CROSSINGS[1])
    return stages.shift(
        [c[name] for name in names],
        ([s[name] for name in names], s["possible"], s["sampled"]),
        (c["shiftno"], c["shuttle"]),
        (~crossing, crossing),
        c["migsi"],
    )


def _merged(
    held: Weights,
    tables: tuple[Columns, Columns],
    amount: NDArray[Any],
    names: Sequence[str],
    gives_way: int,
) -> tuple[list[list[Any]], list[str]]:
    """Return columns of interviews and of a table in which empty cells are merged with siblings.

    A cell is empty if the table has an amount for it but no interview carries weight there, in
    the sample or in a replicate. One of its columns gives way there, and in all cells of its
    unsampled port group and direction.
    """
    sides = [[given[name] for name in names] for given in tables]
    fine = cells(*sides)
    there = np.bincount(fine.rows[1], amount, minlength=fine.count) > 0
    empty = there & (sums(held, fine.rows[0], fine.count) <= 0).any(axis=1)
    if not empty.any():
        return sides, []
    wide = cells(*((given["unsampled_group"], given["arrivedepart"]) for given in tables))
    merged = np.zeros(wide.count, dtype=np.bool_)
    merged[wide.rows[1][empty[fine.rows[1]]]] = True
    for side, (given, columns) in enumerate(zip(tables, sides, strict=True)):
        joined = merged[wide.rows[side]]
        every = np.array([f"all {group}" for group in given["unsampled_group"].tolist()], object)
        columns[gives_way] = np.where(joined, every, columns[gives_way].astype(object))
    found = f"{int(empty.sum())} empty cells ({fine.named(empty)})"
    return sides, [f"{found} merged within port group and direction"]
