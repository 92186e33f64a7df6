"""Sample design: ordinary and migration shifts of each route, direction and period.

On an ordinary shift every passenger at the screening interval is asked, travellers and migrants
alike; on a migration shift only migrants are interviewed, so that it costs less or screens more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey.cells import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ORDINARY, MIGRATION = 0, 1
QUANTITIES = ("immigration", "emigration", "net")


@dataclass(frozen=True, eq=False)
class ShiftFrame:
    r"""What is known of the strata before fieldwork.

    Args:
        arriving: Whether the stratum is of arrivals [H].
        possible: Possible shifts N [H].
        migrants: Migrants in a shift, on average, μ [H].
        overdispersion: How much shifts differ beyond chance, φ [ratio].
        interval: Screening interval of ordinary and migration shifts k [H, 2].
        cost: Cost of an ordinary and a migration shift [H, 2].
        least: Fewest ordinary shifts, and fewest of both kinds together [H, 2].
        design_effect: What weighting adds to the variance of immigration and emigration [2].
        finite: Whether a survey of all shifts and passengers has no error; else, as in published
            errors without a finite population correction, it has.

    Notes:
        A shift's migrants have the variance $\mu+\varphi\mu^2$; as estimated from every k-th
        passenger, $v_k=k\mu+\varphi\mu^2$.
    """

    arriving: NDArray[np.bool_]
    possible: Floats
    migrants: Floats
    overdispersion: float
    interval: Floats
    cost: Floats
    least: Floats
    design_effect: tuple[float, float] = (1.0, 1.0)
    finite: bool = True

    @property
    def spread(self) -> Floats:
        """Variance of a shift's estimated migrants, ordinary and migration [H, 2]."""
        mean = self.migrants[:, None]
        return np.asarray(self.interval * mean + self.overdispersion * mean**2)

    @property
    def certain(self) -> Floats:
        """Variance of a shift's true migrants [H]."""
        return np.asarray(self.migrants + self.overdispersion * self.migrants**2)

    @property
    def smallest(self) -> NDArray[np.int64]:
        """The least shifts that the frame allows, of each kind [H, 2]."""
        ordinary = np.ceil(self.least[:, 0])
        more = np.maximum(np.ceil(self.least[:, 1]) - ordinary, 0)
        return np.column_stack([ordinary, more]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Frontier:
    """Designs from the smallest to the dearest, each the one before and the shift that tells most.

    Args:
        smallest: Shifts of the first design [H, 2].
        added: Stratum and kind of the shift that each later design adds [S, 2].
        cost: Cost of each design [S + 1].
        errors: Standard errors of immigration, emigration and net [S + 1, 3].
    """

    smallest: NDArray[np.int64]
    added: NDArray[np.int64]
    cost: Floats
    errors: Floats

    def step(self, budget: float) -> int:
        """Return the place of the dearest design that a budget pays.

        Raises:
            SurveyError: If it does not pay the smallest.
        """
        if budget < self.cost[0] - 1e-9:
            raise SurveyError(
                "The budget does not pay the fewest shifts.",
                expected=f"{self.cost[0]:,.6g} or more",
                found=f"{budget:,.6g}",
                where="sample design",
                fix="Raise the budget, or lower the fewest shifts.",
            )
        return int(np.searchsorted(self.cost, budget + 1e-9, side="right")) - 1

    def shifts(self, step: int) -> NDArray[np.int64]:
        """Return the shifts of a design of the frontier [H, 2]."""
        made = self.smallest.copy()
        np.add.at(made, (self.added[:step, 0], self.added[:step, 1]), 1)
        return made


def expected_errors(frame: ShiftFrame, shifts: Any) -> Floats:
    r"""Return the standard errors that a design is expected to give.

    Args:
        frame: The strata.
        shifts: Ordinary and migration shifts [H, 2].

    Returns:
        Of immigration, emigration and net migration [3].

    Notes:
        With $n=n_o+n_m$ shifts of a stratum in one estimator,
        $V=\sum_h\frac{N^2}{n^2}(n_ov_o+n_mv_m)-N(\mu+\varphi\mu^2)$, without the last term where
        the frame is not finite, times the design effect of the direction; directions are
        independent.

    Source:
        Cochran, Sampling Techniques, 1977, section 10.3.

    Raises:
        SurveyError: If a stratum has no shift, or more than are possible.
    """
    drawn = np.asarray(shifts, dtype=np.float64)
    number = drawn.sum(axis=1)
    outside = ~((number > 0) & (number <= frame.possible))
    if outside.any():
        raise SurveyError(
            "A sample design cannot be used.",
            expected="a shift or more in every stratum, at most the possible ones",
            found=f"{int(outside.sum())} of {outside.size} strata outside",
            where="sample design",
            fix="Correct the numbers of shifts.",
        )
    variance = _variance(frame, drawn)
    into, out = (
        effect * variance[frame.arriving == side].sum()
        for side, effect in zip((True, False), frame.design_effect, strict=True)
    )
    return _errors(into, out)


def _errors(into: float, out: float) -> Floats:
    return np.asarray(np.sqrt([into, out, into + out]))


def _variance(frame: ShiftFrame, shifts: Floats) -> Floats:
    number = shifts.sum(axis=1)
    inside = (shifts * frame.spread).sum(axis=1)
    variance = frame.possible**2 / number**2 * inside
    less = frame.possible * frame.certain if frame.finite else 0.0
    return np.asarray(np.maximum(variance - less, 0))


def frontier(frame: ShiftFrame, most: float, importance: Sequence[float] = (1, 1, 1)) -> Frontier:
    """Return the efficient designs up to a cost.

    Args:
        frame: The strata.
        most: Greatest cost.
        importance: Weights of the variances of immigration, emigration and net.

    Notes:
        From the fewest shifts on, the shift is added that lowers the variance most for its cost.
        As the variance is a sum over strata, each convex in its shifts, no design of the same
        cost is better than one of the path where shifts of one kind, of one cost, are added: so
        it is where migration shifts are no dearer and screen no more coarsely than ordinary ones.
        Elsewhere the path is a heuristic.

    Source:
        Fox, Management Science 13, 1966 (marginal allocation).

    Raises:
        SurveyError: If the fewest shifts cost more, or are more than are possible.
    """
    effects = np.where(frame.arriving, *frame.design_effect)
    weight = effects * (np.where(frame.arriving, importance[0], importance[1]) + importance[2])
    start = frame.smallest
    errors = [expected_errors(frame, start)]
    made, cost = start.astype(np.float64), float((start * frame.cost).sum())
    variance = _variance(frame, made)
    sides = np.array([variance[frame.arriving].sum(), variance[~frame.arriving].sum()])
    found = Frontier(start, np.zeros((0, 2), np.int64), np.array([cost]), np.array(errors))
    found.step(most)
    gain, added, costs = np.zeros(made.shape), [], [cost]

    def weigh(rows: Any) -> None:
        """Find again what one more shift of each kind would bring in some strata, for its cost."""
        part = some(frame, rows)
        for kind in (ORDINARY, MIGRATION):
            more = made[rows].copy()
            more[:, kind] += 1
            fits = more.sum(axis=1) <= part.possible
            lower = variance[rows] - _variance(part, more)
            gain[rows, kind] = np.where(fits, weight[rows] * lower / part.cost[:, kind], 0.0)

    weigh(np.arange(made.shape[0]))
    while True:
        affordable = np.where(cost + frame.cost <= most + 1e-9, gain, 0.0)
        h, kind = divmod(int(affordable.argmax()), 2)
        if not affordable[h, kind] > 0:
            break
        made[h, kind] += 1
        cost += float(frame.cost[h, kind])
        row = np.array([h])
        after = _variance(some(frame, row), made[row])
        sides[0 if frame.arriving[h] else 1] += float(after[0] - variance[h])
        variance[h] = after[0]
        weigh(row)
        into, out = np.maximum(sides, 0) * frame.design_effect
        added.append((h, kind))
        costs.append(cost)
        errors.append(_errors(into, out))
    places = np.array(added, dtype=np.int64).reshape(-1, 2)
    return Frontier(start, places, np.array(costs), np.array(errors))


def some(frame: ShiftFrame, rows: Any) -> ShiftFrame:
    """Return some of the strata."""
    names = ("arriving", "possible", "migrants", "interval", "cost", "least")
    part: dict[str, Any] = {name: getattr(frame, name)[rows] for name in names}
    return replace(frame, **part)


def overdispersion(migrants: Any, strata: Any) -> float:
    r"""Return how much shifts of a stratum differ in migrants beyond chance.

    Args:
        migrants: Migrants interviewed on each shift, with none too [s].
        strata: Stratum of each shift [s].

    Returns:
        $\varphi=\sum_h\frac{n_h}{n_h-1}\sum_i[(y_{hi}-\bar y_h)^2]-n_h\bar y_h$ over
        $\sum_hn_h\bar y_h^2$ corrected for chance, pooled; not below 0.

    Notes:
        As $E\,s_h^2=\mu_h+\varphi\mu_h^2$ and $E\,\bar y_h^2=\mu_h^2+(\mu_h+\varphi\mu_h^2)/n_h$,
        the ratio of the pooled moments $\sum n_h(s_h^2-\bar y_h)$ and
        $\sum n_h(\bar y_h^2-s_h^2/n_h)$ estimates φ. It does not depend on the interval.
    """
    of = cells([strata]).rows[0]
    y = np.asarray(migrants, dtype=np.float64)
    n = np.bincount(of).astype(np.float64)
    mean = np.bincount(of, y) / n
    several = n > 1
    square = np.bincount(of, (y - mean[of]) ** 2)[several] / (n[several] - 1)
    mean, n = mean[several], n[several]
    below = float((n * (mean**2 - square / n)).sum())
    return max(float((n * (square - mean)).sum()) / below, 0.0) if below > 0 else 0.0


def shares(interviewed: Any, passengers: Any) -> Floats:
    """Return the share of migrants among passengers of each stratum, made steady.

    Args:
        interviewed: Migrants interviewed [H].
        passengers: Passengers they were found among, on the scale of interviews [H].

    Returns:
        $(c_h+1)/(E_h+1/s)$ with s the share over all strata: a stratum without data has the share
        of all, one with many interviews its own (gamma prior worth one interview).
    """
    found, among = (np.asarray(part, dtype=np.float64) for part in (interviewed, passengers))
    overall = max(found.sum(), 0.5) / among.sum()  # half a migrant where there is none
    return np.asarray((found + 1) / (among + 1 / overall))
