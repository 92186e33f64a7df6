"""Several figures of one unobserved series: the linear Gaussian model, its settings summed over."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int_]


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of a series [n], from all sources, one below the other.

    Args:
        values: The figures, on the scale of the model.
        at: Which year of the series each one is of.
        block: Which bias each one shares: one a source and regime, in order of the figures.
        pattern: How much of its block's bias each one has [n]; 1 on average.
        errors: Their draws less the draws' mean [n, draws].
        sampling: Covariance of their errors [n, n].
    """

    values: Floats
    at: Integers
    block: Integers
    pattern: Floats
    errors: Floats
    sampling: Floats


@dataclass(frozen=True, eq=False)
class Setting:
    """One value of everything that the Gaussian model is given.

    Args:
        level: Prior standard deviation of the first level, about the figures' mean.
        change: Standard deviation of the yearly change of the series.
        loading: How far each figure follows the series [n]; 1 wholly.
        centre: Level from which it is followed [n].
        drift: Standard deviation of the step of the bias before each figure [n].
        noise: Standard deviation of each figure's own error, beyond sampling [n].
    """

    level: float
    change: float
    loading: Floats
    centre: Floats
    drift: Floats
    noise: Floats


@dataclass(frozen=True, eq=False)
class Posterior:
    """What the figures say of the series [years] and of what each source would count [n].

    Args:
        series: Posterior mean of the series.
        signal: Posterior mean of the figures without sampling error.
        series_draws: Draws of the series [years, draws].
        signal_draws: Draws of the figures without sampling error [n, draws].
        gain: What the series moves by when a figure moves by 1 [years, n].
        wide: Posterior probability that each block's bias is beyond its scale [blocks].
    """

    series: Floats
    signal: Floats
    series_draws: Floats
    signal_draws: Floats
    gain: Floats
    wide: Floats


@dataclass(frozen=True, eq=False)
class _Parts:
    """A setting's covariances, and what every prior of the biases shares."""

    across: Floats  # of series and figures [years, n]
    own: Floats  # of figures without series, blocks' biases and sampling [n, n]
    whole: Floats  # of figures, without the blocks' biases [n, n]
    residual: Floats  # C⁻¹ r [n]
    blocks: Floats  # C⁻¹ Z [n, blocks]
    bias: Floats  # posterior mean of the biases [priors, blocks]
    log_weight: Floats  # [priors]


def sampling_covariance(errors: Any) -> Floats:
    r"""Return the covariance of figures from their draws, chance correlations drawn in.

    Args:
        errors: Draws of the figures [n, draws].

    Returns:
        Covariance [n, n]: the draws' variances; their correlations times $1-\lambda$.

    Notes:
        $\lambda = \min(1, \sum_{i\ne j}(1-r_{ij}^2)^2/K \,/\, \sum_{i\ne j}r_{ij}^2)$ with K
        draws: the part of the squared correlations that chance alone makes. Figures that are
        known have variance 0.

    Source:
        Schäfer and Strimmer, Statistical Applications in Genetics and Molecular Biology 4 (2005)
        article 32, target D.

    >>> sampling_covariance([[-1.0, 1.0, -1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]]).round(2).tolist()
    [[1.33, 0.0], [0.0, 1.33]]
    """
    values = np.asarray(errors, dtype=np.float64)
    centred = values - values.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / (values.shape[1] - 1)
    spread = np.sqrt(np.diag(covariance))
    safe = np.where(spread > 0, spread, 1.0)
    correlation = covariance / np.outer(safe, safe)
    np.fill_diagonal(correlation, 0)
    chance = np.where(correlation != 0, (1 - correlation**2) ** 2, 0).sum() / values.shape[1]
    squares = float((correlation**2).sum())
    kept = 1 - min(1.0, float(chance) / squares) if squares > 0 else 0.0
    shrunk: Floats = covariance * kept
    np.fill_diagonal(shrunk, spread**2)
    return shrunk


def walk(steps: Any) -> Floats:
    """Return the covariance of a random walk that starts at its first step.

    Args:
        steps: Standard deviation of the step before each year; the first is the start's own.

    >>> walk([2.0, 1.0]).tolist()
    [[4.0, 4.0], [4.0, 5.0]]
    """
    reached = np.cumsum(np.square(np.asarray(steps, dtype=np.float64)))
    return np.asarray(np.minimum.outer(reached, reached))


def wide_priors(blocks: int, chance: float, scales: Sequence[float]) -> tuple[Floats, Floats]:
    """Return priors under which at most two biases are beyond their scale.

    Args:
        blocks: Number of biases.
        chance: Probability that one is.
        scales: Standard deviations it has then, equally likely.

    Returns:
        Standard deviation to add to each bias's own [priors, blocks], and log weights [priors].

    >>> added, weight = wide_priors(2, 0.1, [3.0])
    >>> added.tolist(), np.exp(weight).round(4).tolist()
    ([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]], [0.81, 0.09, 0.09, 0.01])
    """
    added, weight = [], []
    for count in range(min(2, blocks) + 1):
        for which in combinations(range(blocks), count):
            for chosen in product(scales, repeat=count):
                row = np.zeros(blocks)
                row[list(which)] = chosen
                added.append(row)
                weight.append(
                    count * np.log(chance / len(scales)) + (blocks - count) * np.log1p(-chance)
                )
    return np.array(added), np.array(weight)


def posterior(
    figures: Figures,
    settings: Sequence[Setting],
    scale: Floats,
    wide: tuple[Floats, Floats],
    generator: np.random.Generator,
) -> Posterior:
    r"""Return the posterior of a series from figures of it, settings summed over.

    Args:
        figures: The figures.
        settings: Settings, all of the same prior weight.
        scale: Standard deviation of each block's bias, by its measured quality [blocks].
        wide: What is added to that, with log weights, as `wide_priors` gives both.
        generator: The step's generator.

    Returns:
        Means and draws. Draw k moves with the figures' draw k.

    Notes:
        With $x$ the series and the signal $g$ (figures without sampling error), $C$ the
        covariance of the figures and $G = \mathrm{cov}(x, y) C^{-1}$,

        $$x^{(k)} = \hat x_h + G_h \varepsilon^{(k)} + \xi_x^{(k)} - G_h \xi_g^{(k)},$$

        where h is a setting drawn by its posterior weight, $\varepsilon^{(k)}$ the figures' draw
        k about its mean and $\xi$ a draw of the prior. Its covariance is
        $G E G' + (I - GA) \Sigma (I - GA)'$: the posterior's, in Joseph's form.

    Source:
        Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 2.2; Doucet
        (2010), A note on efficient conditional simulation of Gaussian distributions.
    """
    parts = [_parts(figures, setting, scale, wide) for setting in settings]
    log_weight = np.array([part.log_weight for part in parts])
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    series, pull = np.zeros(parts[0].across.shape[0]), np.zeros(figures.values.size)
    for part, own in zip(parts, weight, strict=True):
        share = own.sum()
        alpha = share * part.residual - part.blocks @ (own @ part.bias)
        series += part.across @ alpha
        pull += alpha
    centre = _centre(figures)
    signal = figures.values - figures.sampling @ pull
    draws = figures.errors.shape[1]
    chosen = _systematic(weight.ravel(), draws, generator)
    found = _drawn(figures, settings, parts, np.hypot(scale, wide[0]), (chosen, generator))
    beyond = (weight.sum(axis=0)[:, None] * (wide[0] > 0)).sum(axis=0)
    return Posterior(centre + series, signal, *found, beyond)


def _centre(figures: Figures) -> float:
    return float(figures.values.mean())


def _parts(
    figures: Figures, setting: Setting, scale: Floats, wide: tuple[Floats, Floats]
) -> _Parts:
    """Return a setting's covariances and the log weight of each prior of the biases."""
    at, block, loading = figures.at, figures.block, setting.loading
    years = int(at.max()) + 1
    level = walk(np.r_[setting.level, np.full(years - 1, setting.change)])
    across = level[:, at] * loading
    together = block[:, None] == block
    before = np.cumsum(setting.drift**2)[np.searchsorted(block, block)]
    bias = np.where(together, walk(setting.drift) - before, 0)  # a block starts without drift
    own = bias + np.diag(setting.noise**2)
    whole = across[at] * loading[:, None] + own + figures.sampling
    centre = _centre(figures)
    residual = figures.values - loading * centre - (1 - loading) * setting.centre
    design = np.equal.outer(block, np.arange(scale.size)) * figures.pattern[:, None]
    factor = cho_factor(whole, lower=True, check_finite=False)
    solved = cho_solve(factor, np.column_stack([residual, design]), check_finite=False)
    evidence = -0.5 * residual @ solved[:, 0] - np.log(np.diag(factor[0])).sum()
    variance = scale**2 + wide[0] ** 2
    precision = design.T @ solved[:, 1:]
    inner = precision + np.eye(scale.size) / variance[:, :, None]
    score = design.T @ solved[:, 0]
    found = np.linalg.solve(inner, np.broadcast_to(score[:, None], (*variance.shape, 1)))[..., 0]
    penalty = np.linalg.slogdet(inner)[1] + np.log(variance).sum(axis=1) - found @ score
    log_weight = wide[1] + evidence - 0.5 * penalty
    return _Parts(across, own, whole, solved[:, 0], solved[:, 1:], found, log_weight)


def _systematic(weight: Floats, draws: int, generator: np.random.Generator) -> Integers:
    """Return as many indices as draws, each as often as its weight says but for one."""
    reach = np.cumsum(weight)
    points = (generator.random() + np.arange(draws)) / draws * reach[-1]
    return generator.permutation(np.searchsorted(reach, points, side="right"))


def _drawn(
    figures: Figures,
    settings: Sequence[Setting],
    parts: Sequence[_Parts],
    scales: Floats,
    chosen: tuple[Integers, np.random.Generator],
) -> tuple[Floats, Floats, Floats]:
    """Return draws of series and signal under the settings drawn, and the mean gain."""
    picks, generator = chosen
    years, at, centre = parts[0].across.shape[0], figures.at, _centre(figures)
    draws, priors = picks.size, scales.shape[0]
    series, signal = np.empty((years, draws)), np.empty((at.size, draws))
    mean_gain = np.zeros((years, at.size))
    for pick in np.unique(picks):
        worlds = np.flatnonzero(picks == pick)
        setting, part, scale = (
            settings[pick // priors],
            parts[pick // priors],
            scales[pick % priors],
        )
        same = figures.block[:, None] == figures.block
        shared = scale[figures.block] * figures.pattern
        biases = np.where(same, np.outer(shared, shared), 0)
        whole = part.whole + biases
        joint = np.column_stack([part.across.T, whole - figures.sampling])
        gain = np.linalg.solve(whole, joint).T
        alpha = part.residual - part.blocks @ part.bias[pick % priors]
        steps = generator.standard_normal((years, worlds.size))
        steps[0] *= setting.level
        steps[1:] *= setting.change
        level = np.cumsum(steps, axis=0)
        root = cholesky(part.own + biases, lower=True, check_finite=False)
        noise = root @ generator.standard_normal((at.size, worlds.size))
        prior = setting.loading[:, None] * level[at] + noise
        moved = gain @ (figures.errors[:, worlds] - prior)
        series[:, worlds] = (centre + part.across @ alpha)[:, None] + level + moved[:years]
        means = figures.values - figures.sampling @ alpha
        signal[:, worlds] = means[:, None] + prior + moved[years:]
        mean_gain += gain[:years] * (worlds.size / draws)
    return series, signal, mean_gain
