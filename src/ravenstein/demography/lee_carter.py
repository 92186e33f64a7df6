"""The Poisson Lee–Carter model of mortality by age and year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaln, xlogy

from ravenstein.core.errors import DemographyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS = 200
_CONVERGED = 1e-12


@dataclass(frozen=True, eq=False)
class LeeCarter:
    """A fitted model: ln m = a + b k.

    Args:
        level: a, by age.
        response: b, by age; adds to 1.
        index: k, by year; adds to 0.
        deviance: Poisson deviance.
        log_likelihood: Poisson log-likelihood.
    """

    level: Floats
    response: Floats
    index: Floats
    deviance: float
    log_likelihood: float

    @property
    def rates(self) -> Floats:
        """Fitted death rates [ages, years]."""
        return np.exp(self.level[:, None] + np.outer(self.response, self.index))

    @property
    def drift(self) -> tuple[float, float]:
        """Drift of the index as a random walk, and the standard deviation of its steps."""
        steps = np.diff(self.index)
        return float(steps.mean()), float(steps.std(ddof=1))

    def forecast(self, years: int) -> Floats:
        r"""Return central death rates of the years after the last [ages, years].

        Notes:
            $k_{T+h} = k_T + h\,d$, from the fitted rates of the last year on.
        """
        ahead = self.index[-1] + self.drift[0] * np.arange(1, years + 1)
        return np.asarray(np.exp(self.level[:, None] + np.outer(self.response, ahead)))


def lee_carter(deaths: Any, exposure: Any) -> LeeCarter:
    r"""Fit the Poisson Lee–Carter model by maximum likelihood.

    Args:
        deaths: Deaths [ages, years].
        exposure: Person-years [ages, years].

    Returns:
        The model with $\sum_x b_x = 1$ and $\sum_t k_t = 0$.

    Raises:
        DemographyError: If counts are negative or missing, there are deaths without exposure, an
            age or a year has no deaths or no exposure, responses add to nothing, or the likelihood
            does not converge.

    Notes:
        $D_{xt} \sim \mathrm{Poisson}(E_{xt} \exp(a_x + b_x k_t))$; Fisher scoring over all
        parameters at once, each step of least norm because two of them are not identified.
        Cells without exposure have no weight.

    Source:
        Brouhns, Denuit and Vermunt, Insurance: Mathematics and Economics 31 (2002) 373–393;
        Villegas, Millossovich and Kaishev, Journal of Statistical Software 84 (2018), section 3.
    """
    y, under = (np.asarray(values, dtype=np.float64) for values in (deaths, exposure))
    _check(y, under)
    known = under > 0
    log_rate = np.log(np.where(known, (y + 0.5) / np.where(known, under, 1), 1))
    log_rate = np.where(known, log_rate, 0)
    a = log_rate.sum(axis=1) / known.sum(axis=1)
    left, size, right = np.linalg.svd(np.where(known, log_rate - a[:, None], 0), False)
    b, k = left[:, 0], size[0] * right[0]
    before = np.inf
    for _ in range(_STEPS):
        a, b, k, deviance = _step(y, under, (a, b, k))
        if abs(before - deviance) <= _CONVERGED * (1 + deviance):
            return _identified(y, under, (a, b, k))
        before = deviance
    raise _error("the likelihood does not converge", f"{_STEPS} steps", "fewer")


def _step(
    y: Floats, under: Floats, now: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats, float]:
    """Take one scoring step, halved until the deviance does not rise."""
    a, b, k = now
    ages, years = y.shape
    fitted = under * np.exp(a[:, None] + np.outer(b, k))
    root = np.sqrt(fitted)
    design = np.zeros((ages, years, 2 * ages + years))
    age, year = np.arange(ages), np.arange(years)
    design[age, :, age] = root
    design[age, :, ages + age] = root * k
    design[:, year, 2 * ages + year] = root * b[:, None]
    residual = np.divide(y - fitted, root, out=np.zeros_like(y), where=root > 0)
    flat = design.reshape(ages * years, -1)
    step = np.linalg.lstsq(flat, residual.ravel(), rcond=1e-10)[0]
    base, size = _deviance(y, fitted), 1.0
    while True:
        moved = tuple(
            value + size * part
            for value, part in zip(now, np.split(step, [ages, 2 * ages]), strict=True)
        )
        with np.errstate(over="ignore"):
            fitted = under * np.exp(moved[0][:, None] + np.outer(moved[1], moved[2]))
        found = _deviance(y, fitted)
        if found <= base or size < 1e-8:
            return (*moved, found)  # type: ignore[return-value]
        size /= 2


def _identified(y: Floats, under: Floats, found: tuple[Floats, Floats, Floats]) -> LeeCarter:
    a, b, k = found
    total, middle = b.sum(), k.mean()
    if abs(total) < 1e-6 * np.abs(b).sum():
        raise _error("responses of ages add to 0", f"{total:.1g}", "a common direction of change")
    a, b, k = a + b * middle, b / total, (k - middle) * total
    fitted = under * np.exp(a[:, None] + np.outer(b, k))
    likelihood = float((xlogy(y, fitted) - fitted - gammaln(y + 1)).sum())
    return LeeCarter(a, b, k, _deviance(y, fitted), likelihood)


def _deviance(y: Floats, fitted: Floats) -> float:
    safe = np.where(fitted > 0, fitted, 1)
    return 2 * float((xlogy(y, np.where(y > 0, y, 1) / safe) - (y - fitted)).sum())


def _check(y: Floats, under: Floats) -> None:
    if y.ndim != 2 or y.shape != under.shape or min(y.shape) < 2:
        raise _error("shapes do not fit", f"{y.shape} and {under.shape}", "[ages, years], both")
    wrong = int((~(np.isfinite(y) & np.isfinite(under)) | (y < 0) | (under < 0)).sum())
    if wrong:
        raise _error("counts are negative or missing", f"{wrong} cells", "0 or more")
    bare = int(((under == 0) & (y > 0)).sum())
    if bare:
        raise _error("there are deaths without exposure", f"{bare} cells", "exposure in each")
    for axis, name in ((1, "ages"), (0, "years")):
        none = int((y.sum(axis=axis) == 0).sum())
        if none:
            raise _error(f"there are {name} without deaths", f"{none} {name}", "deaths in each")


def _error(what: str, found: str, expected: str) -> DemographyError:
    return DemographyError(
        f"The Lee–Carter model cannot be fitted: {what}.",
        expected=expected,
        found=found,
        where="Lee–Carter",
        fix="Correct the counts, or join ages.",
    )
