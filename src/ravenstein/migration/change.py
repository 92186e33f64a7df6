"""Change between periods: its error, whether it is significant, and what could have been found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy import stats

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LEVEL, POWER = 0.95, 0.8
_YEAR_FIRST = re.compile(r"(\d{4})(\D.*)?", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Significance:
    """Differences, tested against 0. All arrays have one shape.

    Args:
        difference: Later minus earlier [persons].
        standard_error: Of the difference [persons].
        lower: Lower bound of the 95 % interval [persons].
        upper: Upper bound [persons].
        p_value: Two-sided p value [probability]; 1 where difference and error are 0.
        significant: Whether the difference is significant at 5 %: the interval leaves out 0.
        detectable: Smallest true change that is found at 5 % with a power of 80 % [persons].
    """

    difference: Floats
    standard_error: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    significant: NDArray[np.bool_]
    detectable: Floats


@dataclass(frozen=True, eq=False)
class Change:
    """Change of a series from earlier periods to later ones.

    Args:
        over: Dimension of the periods.
        compared_with: The earlier period of each later one.
        figures: The later periods' figures [persons].
        difference: Later minus earlier [persons], draw by draw, labelled by the later period.
        significance: The same with its errors, in the shape of the difference's point values.
    """

    over: str
    compared_with: tuple[Any, ...]
    figures: Estimate
    difference: Estimate
    significance: Significance


def significance(difference: ArrayLike, standard_error: ArrayLike) -> Significance:
    r"""Test differences against 0.

    Args:
        difference: Differences [persons], of any shape.
        standard_error: Their standard errors [persons], of the same shape.

    Returns:
        Intervals, p values and detectable changes.

    Notes:
        Interval $d\pm z_{0.975}\,SE$, p value $2\{1-\Phi(|d|/SE)\}$, smallest detectable change
        $(z_{0.975}+z_{0.8})\,SE=2.80\,SE$. The interval is normal, not of percentiles of draws, so
        that it leaves out 0 just where the test is significant; percentiles are to be had from
        `Change.difference.confidence_interval()`.

    Source:
        Bloom, Minimum detectable effects, Evaluation Review 19, 1995, section "How minimum
        detectable effects work".

    >>> found = significance(50.0, 20.0)
    >>> bool(found.significant), round(float(found.detectable), 1)
    (True, 56.0)
    """
    d = np.asarray(difference, dtype=np.float64)
    error = np.asarray(standard_error, dtype=np.float64)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    lower, upper = d - z * error, d + z * error
    # without any error a difference is certain, and no difference is none
    certain = np.where(d == 0, 0.0, np.inf)
    score = np.divide(np.abs(d), error, out=certain, where=error > 0)
    return Significance(
        difference=d,
        standard_error=error,
        lower=lower,
        upper=upper,
        p_value=np.asarray(2 * stats.norm.sf(score)),
        significant=(lower > 0) | (upper < 0),
        detectable=(z + NormalDist().inv_cdf(POWER)) * error,
    )


def changes(series: Estimate, *, over: str = "year", lag: int = 1) -> Change:
    r"""Compare each period with the same period some years before.

    Args:
        series: Figures [persons] with their draws.
        over: Dimension of the periods: calendar years as whole numbers, or text that begins with
            the year, such as `2016-Q4` for the year that ends with that quarter.
        lag: Years between the two.

    Returns:
        The change of each period whose earlier one is in the series.

    Notes:
        $\Delta_t=Y_t-Y_{t-l}$ in every draw, so that the standard error is that of
        $V(Y_t)+V(Y_{t-l})-2\,C(Y_t,Y_{t-l})$ without the covariance being written down: draws of
        one run share what periods have in common, such as the quarters of rolling years.

    Raises:
        MigrationError: If a label does not begin with a year, the lag is below 1, or no period
            has an earlier one.
        EstimateError: If there are under two draws.

    >>> from ravenstein.core.estimate import estimate
    >>> flows = estimate([600.0, 650], [[590, 610], [635, 665]], {"year": [2015, 2016]}, "persons")
    >>> changes(flows).difference.draws.values.tolist()
    [[45.0, 55.0]]
    """
    labels = series.labels(over)
    pairs = [(label, _years_before(label, lag)) for label in labels]
    kept = [(later, earlier) for later, earlier in pairs if earlier in labels]
    if lag < 1 or not kept:
        raise MigrationError(
            "No period has the same period of an earlier year in the series.",
            expected="a lag of at least 1 year and two periods that are as far apart",
            found=f"lag {lag}; {listed(labels)}",
            where=f"dimension {over}",
            fix="Give a longer series or another lag.",
        )
    return _compared(series, over, *zip(*kept, strict=True))


def change_between(series: Estimate, later: Any, earlier: Any, *, over: str = "year") -> Change:
    """Compare two periods of a series.

    Args:
        series: Figures [persons] with their draws.
        later: Label of the later period.
        earlier: Label of the period it is compared with.
        over: Dimension of the periods.

    Returns:
        The change, with one label in the dimension of the periods: the later one.

    Raises:
        EstimateError: If there is no such period, or there are under two draws.
    """
    return _compared(series, over, (later,), (earlier,))


def published_change(
    figure: ArrayLike, half_width: ArrayLike, earlier: ArrayLike, earlier_half_width: ArrayLike
) -> Significance:
    r"""Compare published figures that have 95 % intervals but no draws.

    Args:
        figure: Later figures [persons].
        half_width: Half widths of their intervals [persons]: the published ±.
        earlier: Earlier figures [persons].
        earlier_half_width: Half widths of theirs [persons].

    Returns:
        The differences, tested.

    Notes:
        The two are taken as independent: $SE=\sqrt{h_1^2+h_2^2}/z_{0.975}$. That holds for
        calendar years of a survey that samples anew; rolling years with quarters in common vary
        together, and their change has a smaller error than this.

    Raises:
        MigrationError: If a half width is negative or a value missing.

    >>> found = published_change(650.0, 30.0, 600.0, 40.0)
    >>> float(found.lower), float(found.upper), bool(found.significant)
    (0.0, 100.0, False)
    """
    figures = [np.asarray(v, np.float64) for v in (figure, earlier)]
    widths = [np.asarray(v, np.float64) for v in (half_width, earlier_half_width)]
    bad = sum(int((~np.isfinite(values)).sum()) for values in (*figures, *widths))
    bad += sum(int((values < 0).sum()) for values in widths)
    if bad:
        raise MigrationError(
            "Published figures or their half widths cannot be used.",
            expected="finite figures, half widths of 0 or more",
            found=f"{bad} others",
            where="published_change",
            fix="Leave out figures without an interval; give the half width as published, without "
            "sign.",
        )
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    return significance(figures[0] - figures[1], np.hypot(*widths) / z)


def change_rows(change: Change, *, flow: str = "flow") -> pa.Table:
    """Return changes as rows of `migration_changes`.

    Args:
        change: Changes over the periods and the flows, in any order.
        flow: Dimension of the flows.

    Raises:
        MigrationError: If the changes have other dimensions.
    """
    need_flows(change.difference, flow, change.over)
    order = (flow, change.over)
    axes = [change.difference.dimensions.index(name) for name in order]
    figures = change.figures.point.transpose(*order).values
    parts = {name: np.transpose(part, axes) for name, part in vars(change.significance).items()}
    periods = change.difference.labels(change.over)
    rows = [
        {
            "flow": str(name),
            "period": str(period),
            "compared_with": str(change.compared_with[j]),
            "persons": figures[i, j].item(),
            **{key: part[i, j].item() for key, part in parts.items()},
        }
        for i, name in enumerate(change.difference.labels(flow))
        for j, period in enumerate(periods)
    ]
    return pa.Table.from_pylist(rows)


def need_flows(given: Estimate, flow: str, over: str) -> None:
    """Raise where an estimate has other dimensions than flows and periods."""
    if set(given.dimensions) != {flow, over}:
        raise MigrationError(
            "The figures have other dimensions than flow and period.",
            expected=f"{flow} and {over}",
            found=", ".join(given.dimensions),
            where="rows by flow and period",
            fix="Sum or select the others first.",
        )


def _compared(series: Estimate, over: str, later: Sequence[Any], earlier: Sequence[Any]) -> Change:
    figures = series.select(**{over: list(later)})
    before = series.select(**{over: list(earlier)})
    # both under the later period's label, so that they are subtracted cell by cell
    labels = {over: figures.point[over]}
    point, draws = (part.assign_coords(labels) for part in (before.point, before.draws))
    difference = figures - Estimate(point, draws, before.unit)
    error = difference.standard_error().values
    return Change(
        over, tuple(earlier), figures, difference, significance(difference.point.values, error)
    )


def _years_before(label: Any, years: int) -> Any:
    if isinstance(label, int):
        return label - years
    match = _YEAR_FIRST.fullmatch(label) if isinstance(label, str) else None
    if not match:
        raise MigrationError(
            "The year of a period cannot be told from its label.",
            expected="a whole number, or text that begins with the year, such as 2016-Q4",
            found=repr(label),
            where="changes",
            fix="Label periods so, or name the two periods with `change_between`.",
        )
    return f"{int(match[1]) - years:04d}{match[2] or ''}"
