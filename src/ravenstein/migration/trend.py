"""A smoothed trend of one series, so that no single year is read too closely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.estimate import DRAW, Estimate, estimate
from ravenstein.migration.state_space import Figures, Setting, posterior, sampling_covariance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_CHANGES = np.geomspace(0.2, 5, 13)
"""Standard deviations of the yearly change, over the typical sampling error: equally likely."""
_WIDE = 100.0  # nothing is supposed of the first level
_NONE = 1e-3  # a bias and own error small enough not to count, and to keep covariances regular


def smoothed(series: Estimate, *, generator: np.random.Generator) -> Estimate:
    r"""Return the smoothed trend of a series.

    Args:
        series: A flow or net migration over `year`, earliest first, and any other dimensions,
            whose cells are smoothed each by itself. Draws hold the sampling error with its
            covariance over years.
        generator: The step's generator.

    Returns:
        The trend over the same cells. Draw k moves with draw k of the series. A series without
        sampling error is its own trend. Sums of smoothed cells are not the smoothed sum.

    Raises:
        MigrationError: If there is no dimension `year`, years are not whole numbers in unbroken
            order, there are fewer than three, or fewer than two draws.

    Notes:
        $y_t = \mu_t + e_t$ and $\mu_t = \mu_{t-1} + \eta_t$, $e$ with the covariance of the draws
        (`sampling_covariance`), $\eta \sim N(0, q^2)$, and nothing supposed of $\mu_1$. The
        posterior is summed over q from a fifth to 5 times the typical error, equally likely on
        the log scale. On the scale of the series, as net migration may be negative.

    Source:
        Durbin and Koopman, Time Series Analysis by State Space Methods, 2nd ed. (2012), chapter 2.

    >>> noise = np.random.default_rng(1).normal(0, 10, (3, 1000))
    >>> given = estimate([90.0, 120.0, 90.0], np.array([[90], [120], [90]]) + noise,
    ...                  {"year": [2001, 2002, 2003]}, "thousand")
    >>> smoothed(given, generator=np.random.default_rng(1)).point.values.round().tolist()
    [96.0, 107.0, 96.0]
    """
    _check(series)
    axis = series.dimensions.index("year")
    point = np.moveaxis(series.point.values, axis, 0)
    drawn = np.moveaxis(series.draws.values, axis, 0)
    years, draws = point.shape[0], drawn.shape[-1]
    cells = zip(
        point.reshape(years, -1).T, np.moveaxis(drawn.reshape(years, -1, draws), 1, 0), strict=True
    )
    found = [_trend(values, worlds, generator) for values, worlds in cells]
    level = np.stack([mean for mean, _ in found], axis=1).reshape(point.shape)
    worlds = np.stack([own for _, own in found], axis=1).reshape(drawn.shape)
    labels = {name: series.labels(name) for name in series.dimensions}
    return estimate(np.moveaxis(level, 0, axis), np.moveaxis(worlds, 0, axis), labels, series.unit)


def _trend(values: Floats, worlds: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the trend of one series [years] and its draws [years, draws]."""
    errors = worlds - worlds.mean(axis=1, keepdims=True)
    sampling = sampling_covariance(errors)
    size = float(np.sqrt(np.diag(sampling).mean()))
    if size == 0:
        return values, worlds
    count, one = values.size, np.ones(values.size)
    scaled = (values - values.mean()) / size
    reach = _WIDE * max(1.0, float(np.abs(scaled).max()))
    figures = Figures(
        scaled,
        np.arange(count),
        np.zeros(count, dtype=np.int_),
        one,
        errors / size,
        sampling / size**2,
    )
    settings = [Setting(reach, q, one, 0 * one, 0 * one, _NONE * one) for q in _CHANGES]
    prior = np.zeros((1, 1)), np.zeros(1)
    found = posterior(figures, settings, np.array([_NONE]), prior, generator)
    return values.mean() + size * found.series, values.mean() + size * found.series_draws


def _check(series: Estimate) -> None:
    years = series.labels("year") if "year" in series.dimensions else []
    whole = all(isinstance(year, int) for year in years)
    if not whole or len(years) < 3 or years != list(range(years[0], years[0] + len(years))):
        found = listed(years) or f"dimensions {series.dimensions}"
        raise _error("years do not follow one another", "three unbroken years or more", found)
    draws = series.draws.sizes[DRAW]
    if draws < 2:
        raise _error("it has no sampling error", "2 draws or more", str(draws))


def _error(what: str, expected: str, found: str) -> MigrationError:
    return MigrationError(
        f"A series cannot be smoothed: {what}.",
        expected=expected,
        found=found,
        where="trend",
        fix="Give a series over unbroken years with its draws.",
    )
