"""Allocation of national international flows to areas, by stream, as draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import AccountError, listed
from ravenstein.core.estimate import Estimate, estimate
from ravenstein.core.parameters import Parameters, load_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STREAMS = ("workers", "students", "children", "other", "returning", "asylum")
"""Streams of immigrants, each with the register that shows where they go: national insurance
numbers, higher-education records, patient register (children and others), earlier residence of
returning residents, dispersal of asylum seekers."""

_STEPS = 100


def parameters() -> Parameters:
    """Return the parameters of the allocation (`allocation.toml`)."""
    return load_parameters(Path(__file__).with_suffix(".toml"))


def smoothed_counts(counts: Any, *, small: float) -> Floats:
    """Return register counts of areas, averaged over years where a year alone is too few.

    Args:
        counts: Counts [streams, years, areas]; the last year is the one that is wanted.
        small: Counts of the last year below this are replaced by the average of all years.

    Returns:
        Counts [streams, areas]; those averaged are scaled so that each stream keeps its total of
        the last year.

    Raises:
        AccountError: If counts are negative or missing, or a stream has none at all.

    >>> smoothed_counts(np.array([[[1.0, 90.0], [4.0, 90.0], [1.0, 99.0]]]), small=10).round(3)
    array([[ 1.98, 98.02]])
    """
    values = np.asarray(counts, dtype=np.float64)
    last = values[:, -1]
    wrong = int((~np.isfinite(values) | (values < 0)).sum())
    empty = np.flatnonzero(last.sum(axis=1) == 0)
    if wrong or empty.size:
        raise _error(
            "register counts cannot be used",
            f"{wrong} that are negative or missing; no counts in streams {listed(empty.tolist())}",
            "counts of 0 or more, some in every stream",
        )
    joined = np.where(last < small, values.mean(axis=1), last)
    scale = last.sum(axis=1, keepdims=True) / joined.sum(axis=1, keepdims=True)
    return np.asarray(joined * scale)


def share_draws(counts: Any, generator: np.random.Generator, draws: int) -> Floats:
    """Draw shares of areas from register counts.

    Args:
        counts: Counts [streams, areas], those the shares rest on.
        generator: The step's generator.
        draws: Number of draws.

    Returns:
        Shares [streams, areas, draws]. Counts are a sample of where people go: the shares of a
        stream are Dirichlet with the counts as weights, so their mean is the observed share and an
        area that nobody went to stays without.

    Source:
        Rubin, Annals of Statistics 9 (1981) 130–134 (Bayesian bootstrap).
    """
    weights = np.asarray(counts, dtype=np.float64)[..., None]
    drawn = generator.standard_gamma(np.broadcast_to(weights, (*weights.shape[:-1], draws)))
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def allocate(
    national: Estimate, counts: Any, areas: Sequence[str], generator: np.random.Generator
) -> Estimate:
    r"""Allocate national flows of streams to areas.

    Args:
        national: National flows over the dimension `stream` [persons].
        counts: Register counts the shares rest on [streams, areas], as `smoothed_counts` gives.
        areas: Codes of the areas.
        generator: The step's generator: errors of the shares are independent of the flows'.

    Returns:
        Flows over `stream` and `area`; over areas they add to the national flow, in every draw.

    Notes:
        $\hat F_{sa} = \hat F_s\,p_{sa}$ with $p_{sa} = c_{sa} / \sum_a c_{sa}$.

    Source:
        ONS, Local area long-term immigration estimates: methodology (2011), streams and
        administrative sources.
    """
    weights = np.asarray(counts, dtype=np.float64)
    streams = national.labels("stream")
    if weights.shape != (len(streams), len(areas)) or (weights.sum(axis=1) <= 0).any():
        raise _error(
            "shares do not fit the flows",
            f"counts of shape {weights.shape}",
            f"counts above 0 for {len(streams)} streams and {len(areas)} areas",
        )
    drawn = share_draws(weights, generator, national.draws.sizes["draw"])
    shares = weights / weights.sum(axis=1, keepdims=True)
    return estimate(
        national.point.values[:, None] * shares,
        national.draws.values[:, None] * drawn,
        {"stream": streams, "area": list(areas)},
        national.unit,
    )


@dataclass(frozen=True, eq=False)
class Propensity:
    """A model of the propensity to emigrate.

    Args:
        coefficients: Intercept first, then one a characteristic.
        covariance: Their covariance, with the dispersion in it.
        dispersion: Pearson's statistic over its degrees of freedom; 1 where counts are Poisson.
        centre: Means of the characteristics, which are taken off before use.
    """

    coefficients: Floats
    covariance: Floats
    dispersion: float
    centre: Floats

    def rates(self, characteristics: Any) -> Floats:
        """Return emigrants a person and year [areas]."""
        return np.asarray(np.exp(self._design(characteristics) @ self.coefficients))

    def rate_draws(
        self, characteristics: Any, population: Any, generator: np.random.Generator, draws: int
    ) -> Floats:
        """Return draws of the rates [areas, draws].

        Args:
            characteristics: As fitted [areas, characteristics].
            population: Residents [areas].
            generator: The step's generator.
            draws: Number of draws.

        Returns:
            Draws of the coefficients; and of the areas about the model, where counts are more
            dispersed than Poisson's.
        """
        design = self._design(characteristics)
        drawn = generator.multivariate_normal(self.coefficients, self.covariance, draws, "raise")
        mean = np.exp(design @ drawn.T)
        expected = mean * np.asarray(population, dtype=np.float64)[:, None]
        # a gamma with the quasi-Poisson variance beyond Poisson's own: (φ − 1) × mean
        shape = expected / max(self.dispersion - 1, 1e-9)
        about = generator.standard_gamma(np.maximum(shape, 1e-9)) / np.maximum(shape, 1e-9)
        return mean * about if self.dispersion > 1 else mean

    def _design(self, characteristics: Any) -> Floats:
        centred = np.asarray(characteristics, dtype=np.float64) - self.centre
        return np.column_stack([np.ones(centred.shape[0]), centred])


def fit_propensity(emigrants: Any, population: Any, characteristics: Any) -> Propensity:
    r"""Fit the propensity to emigrate of areas' residents to their characteristics.

    Args:
        emigrants: Emigrants of the areas that a source shows [areas], counts or weighted counts.
        population: Residents [areas].
        characteristics: What may explain it [areas, characteristics], such as the share of
            foreign-born, of students, of those who came in the last years.

    Returns:
        The model.

    Raises:
        AccountError: If there are too few areas, counts are negative or missing, or
            characteristics repeat one another.

    Notes:
        $E_a \sim$ quasi-Poisson$(P_a \exp(x_a'\beta))$; variance $\phi\,(X'WX)^{-1}$ with
        Pearson's $\phi$, at least 1.

    Source:
        McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989), chapters 6 and 9; ONS,
        Local area long-term emigration: propensity model (2010).
    """
    y, people = (np.asarray(v, dtype=np.float64) for v in (emigrants, population))
    x = np.asarray(characteristics, dtype=np.float64)
    centre = x.mean(axis=0)
    design = np.column_stack([np.ones(y.size), x - centre])
    good = y.size > design.shape[1] and np.isfinite(design).all() and (people > 0).all()
    if not good or not (np.isfinite(y) & (y >= 0)).all() or y.sum() == 0:
        raise _error(
            "the propensity model cannot be fitted",
            f"{y.size} areas, {design.shape[1]} coefficients, {int((~(y >= 0)).sum())} emigrants "
            f"and {int((~(people > 0)).sum())} populations that are negative or missing",
            "more areas than coefficients, emigrants of 0 or more, populations above 0",
        )
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise _error("characteristics repeat one another", "a singular design", "independent ones")
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(y.sum() / people.sum())
    for _ in range(_STEPS):
        mean = people * np.exp(design @ beta)
        information = design.T @ (design * mean[:, None])
        step = np.linalg.solve(information, design.T @ (y - mean))
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    mean = people * np.exp(design @ beta)
    pearson = float(((y - mean) ** 2 / mean).sum()) / (y.size - beta.size)
    dispersion = max(pearson, 1.0)
    covariance = np.asarray(dispersion * np.linalg.inv(information), dtype=np.float64)
    return Propensity(beta, covariance, dispersion, centre)


def allocate_emigrants(
    national: Estimate,
    model: Propensity,
    population: Any,
    characteristics: Any,
    *,
    areas: Sequence[str],
    generator: np.random.Generator,
) -> Estimate:
    """Allocate national emigration to areas by their modelled propensity.

    Args:
        national: National emigration, without dimensions [persons].
        model: The propensity model.
        population: Residents of the areas [areas].
        characteristics: Of the areas [areas, characteristics].
        areas: Their codes.
        generator: The step's generator.

    Returns:
        Emigration over `area`, adding to the national figure in every draw.
    """
    people = np.asarray(population, dtype=np.float64)
    expected = model.rates(characteristics) * people
    draws = national.draws.sizes["draw"]
    drawn = model.rate_draws(characteristics, people, generator, draws) * people[:, None]
    return estimate(
        national.point.values * expected / expected.sum(),
        national.draws.values[None] * drawn / drawn.sum(axis=0),
        {"area": list(areas)},
        national.unit,
    )


def by_age(flows: Estimate, profiles: Any, ages: Sequence[str]) -> Estimate:
    """Spread flows of streams over sexes and ages, and add the streams.

    Args:
        flows: Flows over `stream` and `area`.
        profiles: Share of each sex and age in a stream [streams, sexes, ages], adding to 1.
        ages: Labels of the ages.

    Returns:
        Flows over `area`, `sex` and `age`.
    """
    shares = np.asarray(profiles, dtype=np.float64)
    off = np.abs(shares.sum(axis=(1, 2)) - 1) > 1e-9
    if shares.shape[0] != flows.point.sizes["stream"] or off.any() or (shares < 0).any():
        raise _error(
            "age profiles do not add to 1",
            f"{int(off.sum())} streams that do not, {int((shares < 0).sum())} negative shares",
            "shares of 0 or more that add to 1 in each stream",
        )
    labels = {"area": flows.labels("area"), "sex": ["M", "F"], "age": list(ages)}
    return estimate(
        np.einsum("sa,sgx->agx", flows.point.values, shares),
        np.einsum("sak,sgx->agxk", flows.draws.values, shares),
        labels,
        flows.unit,
    )


def _error(what: str, found: str, expected: str) -> AccountError:
    return AccountError(
        f"Flows cannot be allocated: {what}.",
        expected=expected,
        found=found,
        where="allocation",
        fix="Correct the counts, or join streams that have none.",
    )
