"""Standard schedules by age: migration, fertility, mortality."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from ravenstein.core.errors import DemographyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


_REWEIGHTED = 5


@dataclass(frozen=True)
class RogersCastro:
    r"""A model migration schedule.

    Args:
        childhood: Height and fall of the childhood curve ($a_1, \alpha_1$).
        labour: Height, fall, position and rise of the labour-force peak
            ($a_2, \alpha_2, \mu_2, \lambda_2$).
        retirement: The same of a retirement peak ($a_3, \alpha_3, \mu_3, \lambda_3$); height 0
            for none.
        late: Height and rise of a late upward slope ($a_4, \lambda_4$); height 0 for none.
        constant: The constant ($c$).

    Notes:
        $m(x) = a_1 e^{-\alpha_1 x} + a_2 e^{-\alpha_2 (x-\mu_2) - e^{-\lambda_2 (x-\mu_2)}} +
        a_3 e^{-\alpha_3 (x-\mu_3) - e^{-\lambda_3 (x-\mu_3)}} + a_4 e^{\lambda_4 x} + c$.
        The defaults are the standard schedule with a gross migraproduction rate of about one.

    Source:
        Rogers and Castro, Model Migration Schedules, IIASA RR-81-30 (1981), sections 3 and 4.
    """

    childhood: tuple[float, float] = (0.02, 0.1)
    labour: tuple[float, float, float, float] = (0.06, 0.1, 20.0, 0.4)
    retirement: tuple[float, float, float, float] = (0.0, 0.5, 62.0, 0.5)
    late: tuple[float, float] = (0.0, 0.05)
    constant: float = 0.003

    def at(self, age: Any) -> Floats:
        """Return migrations a person-year at exact ages.

        >>> curve = RogersCastro().at(np.arange(90) + 0.5)
        >>> int(curve.argmax())
        23
        """
        return _rogers_castro(np.asarray(age, dtype=np.float64), np.hstack(astuple(self)))


def fit_rogers_castro(
    age: Any, rate: Any, *, exposure: Any = None, retirement: bool = False
) -> RogersCastro:
    """Fit a model migration schedule to rates by age.

    Args:
        age: Exact ages at the middle of the groups [years].
        rate: Migrations a person-year.
        exposure: Person-years, where known: each rate then weighs as a Poisson count does, by
            exposure over the fitted rate.
        retirement: Whether there is a retirement peak.

    Returns:
        The schedule of least (weighted) squares; the best of three starts, because the surface
        has several hollows. Its heights are not negative.

    Raises:
        DemographyError: If rates are missing or negative, or fewer than the parameters.

    Source:
        Rogers and Castro (1981), section 3; Wilson, Demographic Research 23 (2010) 191–222, on
        starting values.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (age, rate))
    free = np.array([0, 1, 2, 3, 4, 5, 12, *((6, 7, 8, 9) if retirement else ())])
    bad = not (np.isfinite(y) & (y >= 0)).all() or y.sum() == 0
    if x.shape != y.shape or x.size < free.size or bad:
        raise DemographyError(
            "The migration schedule cannot be fitted.",
            expected=f"at least {free.size} ages with rates of 0 or more, not all 0",
            found=f"{x.size} ages, {int((~(np.isfinite(y) & (y >= 0))).sum())} rates that are "
            "negative or missing",
            where="Rogers–Castro",
            fix="Correct the rates, or take the standard schedule and scale it.",
        )
    base = np.hstack(astuple(RogersCastro(retirement=(0.01 * retirement, 0.5, 62.0, 0.5))))
    scale = y.mean() / _rogers_castro(x, base).mean()
    low, high = np.zeros(13), np.full(13, np.inf)
    low[[1, 3, 5, 7, 9]], high[[1, 3, 7]], high[[5, 9]] = 0.005, 2.0, 5.0
    low[4], high[4], low[8], high[8] = 10.0, 40.0, 50.0, 75.0
    limits = (low[free], high[free])

    def fitted(start: Floats, weight: Floats) -> tuple[float, Floats]:
        def lack(values: Floats) -> Floats:
            full = start.copy()
            full[free] = values
            return np.asarray(weight * (_rogers_castro(x, full) - y) / y.mean())

        found = least_squares(lack, start[free], bounds=limits, x_scale="jac", max_nfev=2000)
        full = start.copy()
        full[free] = found.x
        return float(found.cost), full

    starts = []
    for peak in (18.0, 20.0, 24.0):
        start = base.copy()
        start[4] = peak
        start[[0, 2, 6, 12]] *= scale
        starts.append(fitted(start, np.ones_like(y)))
    best = min(starts, key=lambda pair: pair[0])[1]
    for _ in range(_REWEIGHTED if exposure is not None else 0):
        # by the fitted rates: weights by the observed ones would favour low counts
        expected = np.maximum(_rogers_castro(x, best), y.mean() / 1000)
        weight = np.sqrt(np.asarray(exposure) / expected)
        best = fitted(best, weight / weight.mean())[1]
    v = [float(part) for part in best]
    return RogersCastro(
        (v[0], v[1]), (v[2], v[3], v[4], v[5]), (v[6], v[7], v[8], v[9]), (v[10], v[11]), v[12]
    )


def hadwiger(age: Any, *, total: float, mean: float, shape: float = 3.5) -> Floats:
    r"""Return a standard schedule of fertility.

    Args:
        age: Exact ages of women [years].
        total: Total fertility: children a woman over all ages.
        mean: The curve's position, near the mean age of mothers [years].
        shape: How narrow the curve is.

    Returns:
        Births a woman and year.

    Notes:
        $f(x) = \frac{F\,b}{c\sqrt\pi} \left(\frac cx\right)^{3/2}
        \exp\left[-b^2\left(\frac cx + \frac xc - 2\right)\right]$.

    Source:
        Chandola, Coleman and Hiorns, Population Studies 53 (1999) 317–329, equation 1.

    >>> ages = np.arange(1, 80) + 0.5
    >>> round(float(hadwiger(ages, total=1.8, mean=29).sum()), 3)
    1.8
    """
    x = np.asarray(age, dtype=np.float64)
    ratio = mean / np.where(x > 0, x, 1)
    curve = ratio**1.5 * np.exp(-(shape**2) * (ratio + 1 / ratio - 2))
    return np.where(x > 0, total * shape / (mean * np.sqrt(np.pi)) * curve, 0.0)


def gompertz_makeham(age: Any, *, level: float, slope: float, makeham: float = 0.0) -> Floats:
    r"""Return a standard schedule of adult mortality.

    Args:
        age: Exact ages [years].
        level: Death rate at age 0 of the part that grows with age [a year].
        slope: Its growth a year of age.
        makeham: Death rate that does not depend on age [a year].

    Notes:
        $\mu(x) = \gamma + \alpha e^{\beta x}$.

    Source:
        Preston, Heuveline and Guillot, Demography (2001), section 9.1.

    >>> gompertz_makeham([0, 10], level=1e-4, slope=0.0693147180559945).round(6).tolist()
    [0.0001, 0.0002]
    """
    return np.asarray(makeham + level * np.exp(slope * np.asarray(age, dtype=np.float64)))


def relational(survivors: Any, *, alpha: float = 0.0, beta: float = 1.0) -> Floats:
    r"""Return survivors of a population whose mortality is related to a standard.

    Args:
        survivors: Survivors of the standard, l(x), with a radix of 1.
        alpha: Level: above 0 mortality is higher than the standard's.
        beta: Slope: above 1 the young die less and the old more than in the standard.

    Raises:
        DemographyError: If survivors are no shares.

    Notes:
        $\tfrac12 \ln\frac{1-l}{l} = \alpha + \beta\,\tfrac12 \ln\frac{1-l_s}{l_s}$.

    Source:
        Brass, in Biological Aspects of Demography (1971) 69–110; Preston, Heuveline and Guillot
        (2001), section 9.1.

    >>> relational([1.0, 0.9, 0.5]).round(6).tolist()
    [1.0, 0.9, 0.5]
    """
    standard = np.asarray(survivors, dtype=np.float64)
    if not ((standard >= 0) & (standard <= 1)).all():
        raise DemographyError(
            "The standard's survivors are no shares.",
            expected="survivors with a radix of 1, from 0 to 1",
            found=f"{int((~((standard >= 0) & (standard <= 1))).sum())} others",
            where="relational mortality",
            fix="Divide them by the radix.",
        )
    inside = (standard > 0) & (standard < 1)
    safe = np.where(inside, standard, 0.5)
    odds = np.exp(2 * alpha) * ((1 - safe) / safe) ** beta
    return np.where(inside, 1 / (1 + odds), standard)


def _rogers_castro(x: Floats, v: Floats) -> Floats:
    peak = v[2] * np.exp(-v[3] * (x - v[4]) - np.exp(-v[5] * (x - v[4])))
    second = v[6] * np.exp(-v[7] * (x - v[8]) - np.exp(-v[9] * (x - v[8])))
    tail = v[10] * np.exp(v[11] * x)
    return np.asarray(v[0] * np.exp(-v[1] * x) + peak + second + tail + v[12])
