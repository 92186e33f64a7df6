"""Life tables, complete and abridged, with the rules for infants and the open age named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ravenstein.core.errors import DemographyError, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Sex = Literal["M", "F"]
InfantRule = Literal["CD", "AK", "constant", "linear"]
Within = Literal["constant", "linear", "greville"]
Region = Literal["west", "north", "east", "south"]

# Coale and Demeny (1983), at an infant mortality of 100 per 1,000 or more: years lived by those
# who die at 0 and at 1 to 4, by region and sex; below it, the lines that meet these values
_CD_HIGH = {
    "west": {"M": (0.33, 1.352), "F": (0.35, 1.361)},
    "north": {"M": (0.33, 1.558), "F": (0.35, 1.570)},
    "east": {"M": (0.29, 1.313), "F": (0.31, 1.324)},
    "south": {"M": (0.33, 1.240), "F": (0.35, 1.239)},
}
_CD_SLOPE = {"M": (2.875, -3.013), "F": (3.0, -1.627)}
_CD_LIMIT = 0.1
# The same in terms of the death rate at 0 (West): limit, values above it, intercepts and slopes
_CD_RATE = {
    "M": (0.107, (0.330, 1.352), ((0.045, 2.684), (1.651, -2.816))),
    "F": (0.107, (0.350, 1.361), ((0.053, 2.800), (1.522, -1.518))),
}
# Andreev and Kingkade (2015): upper limits of the death rate at 0, intercepts and slopes
_AK = {
    "M": ((0.02300, 0.14929, -1.99545), (0.08307, 0.02832, 3.26021), (np.inf, 0.29915, 0.0)),
    "F": ((0.01724, 0.14903, -2.05527), (0.06891, 0.04667, 3.88089), (np.inf, 0.31411, 0.0)),
}


@dataclass(frozen=True, eq=False)
class LifeTable:
    """A life table, or many with ages on the last axis.

    Args:
        starts: First age of each group [years]; the last is open.
        separation: Years lived in the group by those who die in it, a [years].
        death_rate: Deaths a person-year, m.
        death_probability: Probability of dying in the group, q; 1 in the open one.
        survivors: Survivors to the start of the group, l.
        deaths: Deaths in the group, d.
        person_years: Person-years lived in the group, L.
        expectation: Further years to be lived at the start of the group, e [years].
    """

    starts: tuple[int, ...]
    separation: Floats
    death_rate: Floats
    death_probability: Floats
    survivors: Floats
    deaths: Floats
    person_years: Floats
    expectation: Floats

    def survival_ratios(self) -> Floats:
        r"""Return the share of each cohort alive a year later, for tables by single year.

        Returns:
            From birth to age 0, from 0 to 1, …, and from the two last groups into the open one:
            one more than the ages before the open one.

        Raises:
            DemographyError: If the ages are not single years.

        Notes:
            $S_b = L_0 / l_0$, $S_x = L_{x+1} / L_x$, $S_\omega = T_\omega / (L_{\omega-1} +
            T_\omega)$.

        Source:
            Preston, Heuveline and Guillot, Demography (2001), section 6.3.
        """
        if self.starts != tuple(range(len(self.starts))):
            raise _error("ages are not single years", listed(self.starts), "ages 0, 1, 2, …")
        lived = self.person_years
        ahead = lived[..., 1:].copy()
        behind = lived[..., :-1].copy()
        behind[..., -1] += lived[..., -1]
        return np.concatenate([lived[..., :1] / self.survivors[..., :1], ahead / behind], axis=-1)


def life_table(
    death_rate: Any,
    starts: Sequence[int],
    *,
    sex: Sex,
    infant: InfantRule = "CD",
    within: Within = "constant",
    separation: Any = None,
) -> LifeTable:
    r"""Make life tables from death rates.

    Args:
        death_rate: Deaths a person-year [..., ages]; the last age is open.
        starts: First age of each group, from 0.
        sex: `M` or `F`, for the rules about infants.
        infant: Years lived by those who die at 0: `CD` Coale and Demeny (West) and `AK` Andreev
            and Kingkade, both by the death rate at 0; `constant` a constant hazard within the
            age; `linear` half a year. With `CD`, ages 1 to 4 of an abridged table follow
            Coale and Demeny too.
        within: The same for other ages: a constant hazard; half the group; or, for groups of five
            years, Greville's rule from age 15 on and half the group before it.
        separation: Years lived by those who die in each group but the last, where they are known.

    Returns:
        The tables, with a radix of 1.

    Raises:
        DemographyError: If a rate is negative or missing, that of the open age is 0 (nobody
            would ever die), a probability would pass 1, or ages and rates differ in number.

    Notes:
        ${}_nq_x = \dfrac{n\,{}_nm_x}{1 + (n - {}_na_x)\,{}_nm_x}$,
        ${}_nL_x = n\,l_{x+n} + {}_na_x\,{}_nd_x$, $L_\omega = l_\omega / m_\omega$,
        $e_x = T_x / l_x$. Greville: ${}_5a_x = 2.5 - \tfrac{25}{12}({}_5m_x - k)$,
        $k = \tfrac1{10}\ln({}_5m_{x+5}/{}_5m_{x-5})$.

    Source:
        Preston, Heuveline and Guillot, Demography (2001), sections 3.1 and 3.2 and table 3.3;
        Andreev and Kingkade, Demographic Research 33 (2015), table 3-2; United Nations,
        MORTPAK (1988), for Greville's rule.

    >>> table = life_table([0.01, 0.1], [0, 1], sex="F", infant="linear")
    >>> round(float(table.expectation[0]), 3)
    10.896
    """
    rate = np.asarray(death_rate, dtype=np.float64)
    widths = np.diff(np.array(starts, dtype=np.float64))
    _check(rate, starts)
    if infant not in get_args(InfantRule) or within not in get_args(Within):
        rules = (*get_args(InfantRule), *get_args(Within))
        raise _error("a rule is not known", f"{infant}, {within}", listed(rules, most=9))
    given = (
        _separation(rate, starts, sex, infant, within)
        if separation is None
        else np.broadcast_to(separation, (*rate.shape[:-1], widths.size))
    )
    m = rate[..., :-1]
    q = widths * m / (1 + (widths - given) * m)
    if not ((given > 0) & (given <= widths)).all():
        raise _error(
            "years lived by those who die do not lie within their age",
            f"{int((~((given > 0) & (given <= widths))).sum())} of them",
            "more than 0 and at most the width of the age",
        )
    if (q > 1 + 1e-12).any():
        raise _error("a probability of dying passes 1", f"{q.max():.3f}", "death rates that low")
    q = np.minimum(q, 1)
    ones = np.ones((*rate.shape[:-1], 1))
    survivors = np.concatenate([ones, np.cumprod(1 - q, axis=-1)], axis=-1)
    deaths = survivors * np.concatenate([q, ones], axis=-1)
    lived = np.empty_like(rate)
    lived[..., :-1] = widths * survivors[..., 1:] + given * deaths[..., :-1]
    lived[..., -1] = survivors[..., -1] / rate[..., -1]
    ahead = np.cumsum(lived[..., ::-1], axis=-1)[..., ::-1]
    expectation = np.divide(ahead, survivors, out=np.zeros_like(ahead), where=survivors > 0)
    last = 1 / rate[..., -1:]
    return LifeTable(
        tuple(int(start) for start in starts),
        np.concatenate([given, last], axis=-1),
        rate,
        np.concatenate([q, ones], axis=-1),
        survivors,
        deaths,
        lived,
        expectation,
    )


def coale_demeny(infant_mortality: float, *, sex: Sex, region: Region = "west") -> Floats:
    """Return years lived by those who die at 0 and at 1 to 4, from a given infant mortality.

    Args:
        infant_mortality: Probability of dying before age 1.
        sex: `M` or `F`.
        region: Coale and Demeny's family of model life tables.

    Returns:
        The two values, for `separation` of an abridged life table.

    Source:
        Coale and Demeny, Regional Model Life Tables and Stable Populations, 2nd ed. (1983).

    >>> coale_demeny(0.1, sex="M", region="north").tolist()
    [0.33, 1.558]
    """
    high = np.array(_CD_HIGH[region][sex])
    below = min(infant_mortality - _CD_LIMIT, 0.0)
    return high + np.array(_CD_SLOPE[sex]) * below


def _separation(
    rate: Floats, starts: Sequence[int], sex: Sex, infant: InfantRule, within: Within
) -> Floats:
    """Return years lived by those who die in each group but the open one [..., ages − 1]."""
    widths = np.diff(np.array(starts, dtype=np.float64))
    m = rate[..., :-1]
    if within == "constant":
        found = _constant(m, widths)
    else:
        found = np.broadcast_to(widths / 2, m.shape).copy()
    if within == "greville":
        old = np.flatnonzero((np.array(starts[:-1]) >= 15) & (widths == 5))
        known = (rate[..., old + 1] > 0) & (rate[..., old - 1] > 0)
        ratio = np.divide(rate[..., old + 1], rate[..., old - 1], out=np.ones(known.shape),
                          where=known)  # fmt: skip
        # without deaths at a neighbour the rule says nothing: half the group stays
        found[..., old] = np.where(known, 2.5 - 25 / 12 * (m[..., old] - np.log(ratio) / 10), 2.5)
    if widths[0] != 1:
        return found
    first = m[..., 0]
    if infant == "AK":
        limits, base, slope = (np.array(part) for part in zip(*_AK[sex], strict=True))
        place = np.searchsorted(limits, first, side="right")
        found[..., 0] = base[place] + slope[place] * first
    elif infant == "CD":
        limit, high, lines = _CD_RATE[sex]
        ages = 2 if widths.size > 1 and widths[1] == 4 else 1
        for age, (at_0, by_rate) in enumerate(lines[:ages]):
            found[..., age] = np.where(first >= limit, high[age], at_0 + by_rate * first)
    else:
        found[..., 0] = 0.5 if infant == "linear" else _constant(m[..., :1], widths[:1])[..., 0]
    return found


def _constant(m: Floats, widths: Floats) -> Floats:
    """Return the mean years lived by those who die under a constant hazard."""
    exponent = widths * m
    small = exponent < 1e-5  # the difference below loses all digits; its series does not
    safe = np.where(small, 1.0, exponent)
    exact = widths * (1 / safe - np.exp(-safe) / -np.expm1(-safe))
    return np.where(small, widths * (0.5 - exponent / 12), exact)


def _check(rate: Floats, starts: Sequence[int]) -> None:
    ascending = len(starts) > 1 and starts[0] == 0 and (np.diff(starts) > 0).all()
    if not ascending or rate.shape[-1] != len(starts):
        raise _error(
            "ages and rates do not fit",
            f"{rate.shape[-1]} rates, ages {listed(starts)}",
            "a rate for each age group, from age 0 to the open age",
        )
    wrong = int((~np.isfinite(rate) | (rate < 0)).sum())
    if wrong:
        raise _error("rates are negative or missing", f"{wrong} of them", "0 or more")
    endless = int((rate[..., -1] == 0).sum())
    if endless:
        raise _error(
            "nobody dies at the open age", f"{endless} rates of 0", "a rate above 0 at the last age"
        )


def _error(what: str, found: str, expected: str) -> DemographyError:
    return DemographyError(
        f"A life table cannot be made: {what}.",
        expected=expected,
        found=found,
        where="life table",
        fix="Correct the rates; join the oldest ages until somebody dies in the open one.",
    )
