"""Allocation of national international flows to areas, by stream, as draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import AccountError
from ravenstein.core.estimate import Estimate, estimate
from ravenstein.core.parameters import Parameters, load_parameters
from ravenstein.tables.population_by_age import SEXES

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


def smoothed_counts(counts: Any, *, small: float) -> tuple[Floats, Floats]:
    """Return register counts of areas, averaged over three years where a year alone is too few.

    Args:
        counts: Counts [streams, years, areas]; the last year is the one that is wanted.
        small: Counts of the last year below this are replaced by three-year averages.

    Returns:
        Counts [streams, areas]: of the last year; where that is small, the mean of the area's
        shares of the last three years, times the stream's total of the last. And the counts that
        stand behind each: one year's, or three years'.

    Raises:
        AccountError: If counts are negative or missing, a year has none, or there are fewer than
            three years.

    Source:
        ONS, Local area long-term immigration estimates: methodology (2011).

    >>> level, behind = smoothed_counts([[[1, 99], [4, 96], [1, 99]]], small=10)
    >>> level.round(3).tolist(), behind.tolist()
    ([[2.0, 99.0]], [[6.0, 99.0]])
    """
    values = np.asarray(counts, dtype=np.float64)
    wrong = int((~np.isfinite(values) | (values < 0)).sum())
    if wrong or values.ndim != 3 or values.shape[1] < 3 or (values.sum(axis=2) == 0).any():
        raise _error(
            "register counts cannot be used",
            f"{wrong} that are negative or missing, of shape {values.shape}",
            "counts of 0 or more [streams, years, areas], three years or more, some in each",
        )
    three = values[:, -3:]
    last, total = three[:, -1], three[:, -1].sum(axis=1, keepdims=True)
    average = (three / three.sum(axis=2, keepdims=True)).mean(axis=1) * total
    few = last < small
    return np.where(few, average, last), np.where(few, three.sum(axis=1), last)


def share_draws(
    counts: Any, generator: np.random.Generator, draws: int, *, behind: Any = None
) -> Floats:
    """Draw shares of areas from register counts.

    Args:
        counts: Counts [streams, areas], whose shares are wanted.
        generator: The step's generator.
        draws: Number of draws.
        behind: Counts that stand behind each, where they are averages of years.

    Returns:
        Shares [streams, areas, draws]. Counts are a sample of where people go: the shares of a
        stream are Dirichlet with the counts as weights (averages vary by the counts behind them),
        so their mean is the observed share and an area that nobody went to stays without.

    Raises:
        AccountError: If counts are negative or missing, or a stream has less than one.

    Source:
        Rubin, Annals of Statistics 9 (1981) 130–134 (Bayesian bootstrap).
    """
    level = np.asarray(counts, dtype=np.float64)
    weight = level if behind is None else np.asarray(behind, dtype=np.float64)
    wrong = sum(int((~np.isfinite(v) | (v < 0)).sum()) for v in (level, weight))
    if wrong or level.shape != weight.shape or (weight.sum(axis=1) < 1).any():
        raise _error(
            "shares cannot be drawn",
            f"{wrong} counts that are negative or missing, shapes {level.shape} and "
            f"{weight.shape}, {int((weight.sum(axis=1) < 1).sum())} streams with less than one",
            "counts of 0 or more, at least one in each stream",
        )
    known = weight[..., None] > 0
    shape = np.broadcast_to(weight[..., None], (*level.shape, draws))
    drawn = np.where(known, generator.standard_gamma(shape) / np.where(known, shape, 1), 0)
    drawn *= level[..., None]
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def allocate(
    national: Estimate,
    counts: Any,
    areas: Sequence[str],
    generator: np.random.Generator,
    *,
    behind: Any = None,
) -> Estimate:
    r"""Allocate national flows of streams to areas.

    Args:
        national: National flows over the dimension `stream` [persons].
        counts: Register counts the shares rest on [streams, areas].
        areas: Codes of the areas.
        generator: The step's generator: errors of the shares are independent of the flows'.
        behind: The counts behind averages, as `smoothed_counts` gives both.

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
    drawn = share_draws(weights, generator, national.draws.sizes["draw"], behind=behind)
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
        coefficients: Intercept first, then one a characteristic, standardised.
        covariance: Their covariance, whatever the variance of areas is.
        dispersion: Pearson's statistic over its degrees of freedom; 1 for Poisson counts alone.
        heterogeneity: Variance of areas' true rates about the model, over its square.
        centre: Means of the characteristics.
        scale: Their standard deviations.
    """

    coefficients: Floats
    covariance: Floats
    dispersion: float
    heterogeneity: float
    centre: Floats
    scale: Floats

    def rates(self, characteristics: Any) -> Floats:
        """Return emigrants a person and year [areas]."""
        return np.asarray(np.exp(self._design(characteristics) @ self.coefficients))

    def rate_draws(
        self, characteristics: Any, generator: np.random.Generator, draws: int
    ) -> Floats:
        """Return draws of the rates [areas, draws].

        Args:
            characteristics: As fitted [areas, characteristics].
            generator: The step's generator.
            draws: Number of draws.

        Returns:
            Draws of the coefficients; and of the areas about the model, gamma with mean 1 and the
            heterogeneity as variance.
        """
        design = self._design(characteristics)
        drawn = generator.multivariate_normal(self.coefficients, self.covariance, draws, "raise")
        mean = np.exp(design @ drawn.T)
        if self.heterogeneity == 0:
            return np.asarray(mean)
        shape = 1 / self.heterogeneity
        return np.asarray(mean * generator.standard_gamma(shape, mean.shape) / shape)

    def _design(self, characteristics: Any) -> Floats:
        standard = (np.asarray(characteristics, dtype=np.float64) - self.centre) / self.scale
        return np.column_stack([np.ones(standard.shape[0]), standard])


def fit_propensity(
    emigrants: Any, population: Any, characteristics: Any, *, sampling: float = 1.0
) -> Propensity:
    r"""Fit the propensity to emigrate of areas' residents to their characteristics.

    Args:
        emigrants: Emigrants of the areas that a source shows [areas], counts or weighted counts.
        population: Residents the source could have shown them among [areas].
        characteristics: What may explain it [areas, characteristics], such as the share of
            foreign-born, of students, of those who came in the last years.
        sampling: Variance of a count over its mean by sampling alone: 1 for counts of persons,
            about the mean weight for weighted ones.

    Returns:
        The model.

    Raises:
        AccountError: If there are too few areas, counts are negative or missing, characteristics
            repeat one another or do not vary, or one of them tells emigrants from none, so that
            the fit does not end.

    Notes:
        $E[E_a] = P_a \exp(x_a'\beta)$, by Poisson's likelihood; the covariance is the robust one,
        $(X'WX)^{-1} X' \mathrm{diag}(r_a^2 / (1 - h_a)^2) X (X'WX)^{-1}$, because areas differ
        more the larger they are. Beyond sampling they differ by
        $\tau^2 = \sum_a [(E_a - \mu_a)^2 - s\mu_a] / \sum_a \mu_a^2$, at least 0, which does not
        depend on how large a sample the source is.

    Source:
        McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989), chapter 6; MacKinnon and
        White, Journal of Econometrics 29 (1985) 305–325, for the covariance (HC3); Breslow,
        Applied Statistics 33 (1984) 38–44, for variance between areas; ONS, Local area long-term
        emigration: propensity model (2010).
    """
    y, people = (np.asarray(v, dtype=np.float64) for v in (emigrants, population))
    x = np.asarray(characteristics, dtype=np.float64)
    centre, scale = x.mean(axis=0), x.std(axis=0)
    good = np.isfinite(x).all() and (people > 0).all() and (np.isfinite(y) & (y >= 0)).all()
    if not good or y.size <= x.shape[1] + 1 or y.sum() == 0:
        raise _error(
            "the propensity model cannot be fitted",
            f"{y.size} areas, {x.shape[1] + 1} coefficients, {int((~(y >= 0)).sum())} emigrants "
            f"and {int((~(people > 0)).sum())} populations that are negative or missing",
            "more areas than coefficients, emigrants of 0 or more, populations above 0",
        )
    flat = (scale == 0).any()
    design = np.column_stack([np.ones(y.size), (x - centre) / np.where(scale > 0, scale, 1)])
    if flat or np.linalg.matrix_rank(design) < design.shape[1]:
        raise _error("characteristics repeat one another", "a singular design", "independent ones")
    beta = _fitted(y, people, design)
    mean = people * np.exp(design @ beta)
    pearson = float(((y - mean) ** 2 / mean).sum()) / (y.size - beta.size)
    between = float((((y - mean) ** 2 - sampling * mean).sum()) / (mean**2).sum())
    bread = np.linalg.inv(design.T @ (design * mean[:, None]))
    leverage = mean * np.einsum("ai,ij,aj->a", design, bread, design)
    score = design * ((y - mean) / (1 - leverage))[:, None]
    covariance = np.asarray(bread @ (score.T @ score) @ bread)
    return Propensity(beta, covariance, pearson, max(between, 0.0), centre, scale)


def _fitted(y: Floats, people: Floats, design: Floats) -> Floats:
    """Return coefficients of a log-linear Poisson model, by Newton's method."""
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(y.sum() / people.sum())
    for _ in range(_STEPS):
        mean = people * np.exp(design @ beta)
        try:
            step = np.linalg.solve(design.T @ (design * mean[:, None]), design.T @ (y - mean))
        except np.linalg.LinAlgError:
            break
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            return beta
    raise _error(
        "the propensity model does not settle",
        f"no maximum after {_STEPS} steps",
        "characteristics none of which tells areas with emigrants from areas without",
    )


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
    drawn = model.rate_draws(characteristics, generator, draws) * people[:, None]
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
    labels = {"area": flows.labels("area"), "sex": list(SEXES), "age": list(ages)}
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
