"""One series of a flow from several sources that measure it, with each source's implied bias."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.estimate import DRAW, Estimate, estimate
from ravenstein.core.parameters import Parameters, load_parameters
from ravenstein.migration.state_space import (
    Figures,
    Setting,
    posterior,
    sampling_covariance,
    wide_priors,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.migration.state_space import Posterior

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int_]

_FIRST, _POINTS = 4, 9  # 2⁴ settings in the first pass, 2⁹ in the second
_SEED = 0  # of the scrambling of the points, the same in every run
_LEVEL = 5.0  # prior standard deviation of the first log flow: whatever the figures say
_IN_DOUBT = 0.5


def parameters() -> Parameters:
    """Return the parameters of the combination (`combined.toml`)."""
    return load_parameters(Path(__file__).with_suffix(".toml"))


def _value(name: str) -> Any:
    return parameters()[name].values[-1][1]


def quality(coverage: Any, gaps: Any) -> Floats:
    r"""Return the measured quality of a source: 1 where it is complete, towards 0 where it is not.

    Args:
        coverage: Share of passengers recorded, above 0 to 1 [years].
        gaps: Share of crossings that follow one of the same person in the same direction, 0 to 1
            [years]; 0 for sources without crossings.

    Returns:
        $\text{coverage} / (1 + K \cdot \text{gaps})$ [years]. Its logarithm, with the sign turned,
        is the shortfall: the size of bias to reckon with. What is not recorded is missed; a gap
        breaks a sequence of crossings, whose halves may look like an immigrant and an emigrant,
        and there are K such halves to one migrant (`crossings_a_gap`).

    Raises:
        MigrationError: If coverage is not above 0 to 1 or gaps not 0 to 1.

    >>> quality([1.0, 0.6], [0.0, 0.25]).round(3).tolist()
    [1.0, 0.023]
    """
    held, broken = np.asarray(coverage, dtype=np.float64), np.asarray(gaps, dtype=np.float64)
    wrong = int((~((held > 0) & (held <= 1))).sum() + (~((broken >= 0) & (broken <= 1))).sum())
    if wrong:
        raise _error("a quality is no share", "shares of 0 to 1", f"{wrong} others", "quality")
    return np.asarray(held / (1 + _value("crossings_a_gap") * broken))


def counted(
    name: str, counts: Mapping[int, int], draws: int, generator: np.random.Generator
) -> SourceSeries:
    r"""Return a register's yearly counts as a source.

    Args:
        name: Its name.
        counts: Registrations above 0 by year [persons].
        draws: Number of draws.
        generator: The step's generator.

    Returns:
        The source, of the parameter `register_quality` and in one regime. Its draws have the
        spread of counts of independent events, $N_y e^{z_y / \sqrt{N_y}}$ with $z$ standard
        normal: whom of the migrants it sees is chance.
    """
    years = sorted(counts)
    point = np.array([counts[year] for year in years], dtype=np.float64)
    noise = generator.standard_normal((point.size, draws)) / np.sqrt(point)[:, None]
    flow = estimate(point, point[:, None] * np.exp(noise), {"year": years}, "persons")
    held = np.full(point.size, _value("register_quality"))
    return SourceSeries(name, flow, held, np.zeros(point.size, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """What one source says of a flow.

    Args:
        name: Its name.
        flow: Its figures over `year`: the years that it has, in order. Draws hold its sampling
            error, with its covariance over years, and errors of corrections.
        quality: Measured quality, as `quality` gives it; 1 for a source whose coverage has been
            corrected [years].
        regime: Number of the way of counting: a new one where coverage jumps or a rule changes,
            so that the bias may be another [years].

    Raises:
        MigrationError: If years are not in order, the arrays do not fit them, a figure or draw is
            not above 0, there are fewer than two draws, quality is not above 0 to 1, or a regime
            comes back after another.
    """

    name: str
    flow: Estimate
    quality: Floats
    regime: Integers

    def __post_init__(self) -> None:
        where = f"source {self.name!r}"
        if self.flow.dimensions != ("year",) or self.flow.draws.sizes[DRAW] < 2:
            raise _error(
                "a source is no series",
                "an estimate over year, with 2 draws or more",
                f"dimensions {self.flow.dimensions}, {self.flow.draws.sizes[DRAW]} draws",
                where,
            )
        years = self.flow.labels("year")
        whole = all(isinstance(year, int) for year in years)
        if not whole or years != sorted(years):
            raise _error(
                "years are not in order", "whole years, earliest first", listed(years), where
            )
        fits = np.shape(self.quality) == np.shape(self.regime) == (len(years),)
        if not fits or not ((self.quality > 0) & (self.quality <= 1)).all():
            raise _error(
                "a source's quality does not fit",
                f"a quality above 0 to 1 and a regime for each of {len(years)} years",
                f"{np.shape(self.quality)} and {np.shape(self.regime)}",
                where,
            )
        if np.unique(self.regime).size != 1 + np.count_nonzero(np.diff(self.regime)):
            raise _error(
                "a regime comes back after another",
                "a number of its own for each unbroken stretch",
                listed(self.regime.tolist(), most=20),
                where,
            )
        low = int((self.flow.point.values <= 0).sum() + (self.flow.draws.values <= 0).sum())
        if low:
            raise _error("flows are not above 0", "flows above 0", f"{low} values", where)


@dataclass(frozen=True, eq=False)
class Combined:
    """One series of a flow from several sources.

    Args:
        flow: The flow over `year`, all years of any source; its draw k moves with draw k of the
            sources.
        bias: For each source, what it counts over the flow: 1 is no bias; over its own years,
            sampling error taken out.
        weights: For each source, by how many per cent the flow of a year moves when the source's
            figure of that year moves by one [its own years]. They need not add to 1: other years
            and the prior weigh too.
        notes: What a reader should know: the bias of each regime, claims of quality in doubt.
    """

    flow: Estimate
    bias: dict[str, Estimate]
    weights: dict[str, Floats]
    notes: tuple[str, ...]


def combine(sources: Sequence[SourceSeries], *, generator: np.random.Generator) -> Combined:
    r"""Combine sources of one flow into one series.

    Args:
        sources: The sources; together they have every year.
        generator: The step's generator.

    Returns:
        The flow with draws, the sources' biases, weights and notes. No source is taken as the
        best: measured quality says how large a bias to reckon with, and the sources' agreement
        the rest. With the sources up to a year only, it is what would have been said then.

    Raises:
        MigrationError: If no source has a year between, units or draws differ, or names repeat.

    Notes:
        On the log scale, for source s, year t and regime r,

        $$f_t = f_{t-1} + \eta_t,\quad y_{st} = f_t + (\lambda_{sr} - 1)(f_t - m_{sr}) + b_{st}
        + w_{st} + \nu_{st} + e_{st}$$

        with $\eta \sim N(0, q^2)$; e of the covariance of the sources' draws; w a random walk from
        0 within the regime and $\nu$ an error of the year, with standard deviations $s$ and
        $(\nu_0^2 + s^2)^{1/2}$, $s = \zeta_{sr}(1 - \text{quality})$; and $b_{sr} \sim N(0,
        (\tau_0 + \bar h_{sr})^2 + c_{sr}^2)$ with the shortfall $h = -\log \text{quality}$ and c =
        0 but for a small probability. Where a source counts R > 1 times the flow, the excess may
        not follow it: $\lambda = R^{-\theta}$, from a first pass. The posterior is summed over q,
        $\zeta$, $\theta$ and c.

    Source:
        Durbin and Koopman, Time Series Analysis by State Space Methods, 2nd ed. (2012), chapters
        2 and 3; Turner and others, Journal of the Royal Statistical Society A 172 (2009) 21–47,
        for priors of biases; ravenstein, explanation of total migration.

    >>> def series(name, point, error, quality):
    ...     noise = error * np.random.default_rng(1).normal(size=(3, 400))
    ...     draws = np.array(point)[:, None] * np.exp(noise)
    ...     flow = estimate(point, draws, {"year": [2001, 2002, 2003]}, "persons")
    ...     return SourceSeries(name, flow, np.full(3, quality), np.zeros(3, int))
    >>> survey = series("survey", [480.0, 520.0, 500.0], 0.07, 1.0)
    >>> border = series("border", [1000.0, 1004.0, 1000.0], 0.001, 0.2)
    >>> found = combine([survey, border], generator=np.random.default_rng(1))
    >>> found.flow.point.values.round(-1).tolist()
    [490.0, 500.0, 500.0]
    >>> found.notes[1].split(" (")[0]
    'border 2001–2003: 2.01 times the flow'
    """
    _check(sources)
    years = sorted({year for source in sources for year in source.flow.labels("year")})
    figures, short, scale = _stacked(sources, years)
    wide = wide_priors(scale.size, _value("false_claim"), _value("false_claim_scales"))
    plain = np.zeros(figures.values.size)
    first = posterior(
        figures, _settings(figures, short, plain, plain, _FIRST), scale, wide, generator
    )
    excess, level = _by_block(figures, first)
    settings = _settings(figures, short, np.maximum(excess, 0), level, _POINTS)
    found = posterior(figures, settings, scale, wide, generator)
    return _results(sources, years, figures, found)


def _check(sources: Sequence[SourceSeries]) -> None:
    names = [source.name for source in sources]
    units = sorted({source.flow.unit for source in sources})
    draws = [source.flow.draws[DRAW].values for source in sources]
    if not names or len(set(names)) < len(names):
        raise _error("sources are not named apart", "distinct names", listed(names), "sources")
    if len(units) > 1:
        raise _error("units differ", "one unit", listed(units), listed(names))
    if any(not np.array_equal(own, draws[0]) for own in draws):
        found = listed(own.size for own in draws)
        raise _error("draws differ", "equally labelled draws", found, listed(names))
    have = {year for source in sources for year in source.flow.labels("year")}
    absent = sorted(set(range(min(have), max(have) + 1)) - have)
    if absent:
        raise _error("years are in no source", "every year in one", listed(absent), listed(names))


def _stacked(sources: Sequence[SourceSeries], years: list[int]) -> tuple[Figures, Floats, Floats]:
    """Return all figures one below the other, their shortfalls, and the scale of each bias."""
    point = np.concatenate([np.log(source.flow.point.values) for source in sources])
    drawn = np.concatenate([np.log(source.flow.draws.values) for source in sources])
    at = [years.index(year) for source in sources for year in source.flow.labels("year")]
    starts = np.concatenate([np.diff(source.regime, prepend=-1) != 0 for source in sources])
    own = np.concatenate([np.arange(source.regime.size) == 0 for source in sources])
    block = np.cumsum(starts | own) - 1
    shortfall = -np.log(np.concatenate([source.quality for source in sources]))
    errors = drawn - drawn.mean(axis=1, keepdims=True)
    size = _value("complete_bias") + shortfall
    mean: Floats = np.bincount(block, size) / np.bincount(block)
    figures = Figures(
        point, np.array(at), block, size / mean[block], errors, sampling_covariance(errors)
    )
    return figures, shortfall, mean


def _settings(
    figures: Figures, short: Floats, excess: Floats, level: Floats, power: int
) -> list[Setting]:
    """Return settings at points of Sobol's sequence, mapped to their priors.

    Points of equal weight keep the work the same, however many sources and regimes there are.
    """
    blocks = int(figures.block[-1]) + 1
    points = qmc.Sobol(blocks + 2, rng=_SEED).random_base2(power)
    prior: Floats = np.array([_value("change"), *[_value("drift")] * blocks])
    drawn = prior[:, 0] * np.exp(prior[:, 1] * ndtri(points[:, :-1]))
    within = np.diff(figures.block, prepend=-1) == 0
    passed = np.sqrt(np.where(within, np.diff(figures.at, prepend=0), 0))
    astray = np.where(within, _value("astray") * np.diff(short, prepend=0), 0)
    found = []
    for (change, *unsteady), theta in zip(drawn, points[:, -1], strict=True):
        yearly = -np.expm1(-short) * np.array(unsteady)[figures.block]
        noise = np.hypot(_value("complete_error"), yearly)
        loading = np.exp(-theta * excess)
        drift = np.hypot(yearly * passed, astray)
        found.append(Setting(_LEVEL, change, loading, level, drift, noise))
    return found


def _by_block(figures: Figures, found: Posterior) -> tuple[Floats, Floats]:
    """Return the mean log excess over the flow, and mean log flow, of each figure's block [n]."""
    count = np.bincount(figures.block)
    level = np.bincount(figures.block, found.series[figures.at]) / count
    excess = np.bincount(figures.block, figures.values) / count - level
    return excess[figures.block], level[figures.block]


def _results(
    sources: Sequence[SourceSeries], years: list[int], figures: Figures, found: Posterior
) -> Combined:
    flow = estimate(
        np.exp(found.series), np.exp(found.series_draws), {"year": years}, sources[0].flow.unit
    )
    bias, weights, notes = {}, {}, []
    start = 0
    for source in sources:
        rows = slice(start, start + source.regime.size)
        start = rows.stop
        at, block = figures.at[rows], figures.block[rows]
        log = found.signal[rows] - found.series[at]
        drawn = found.signal_draws[rows] - found.series_draws[at]
        labels = {"year": source.flow.labels("year")}
        bias[source.name] = estimate(np.exp(log), np.exp(drawn), labels, "ratio")
        weights[source.name] = found.gain[at, np.arange(rows.start, rows.stop)]
        for number in np.unique(block):
            inside = block == number
            notes.append(_note(source, inside, log[inside], drawn[inside], found.wide[number]))
    return Combined(flow, bias, weights, tuple(notes))


def _note(
    source: SourceSeries, inside: NDArray[np.bool_], log: Floats, drawn: Floats, doubt: float
) -> str:
    years = np.array(source.flow.labels("year"))[inside]
    low, high = np.exp(np.quantile(drawn.mean(axis=0), [0.025, 0.975]))
    text = (
        f"{source.name} {years[0]}–{years[-1]}: {np.exp(log.mean()):.3g} times the flow "
        f"({low:.3g} to {high:.3g})"
    )
    return text + ("; more than its measured quality explains" if doubt > _IN_DOUBT else "")


def _error(what: str, expected: str, found: str, where: str) -> MigrationError:
    return MigrationError(
        f"Sources cannot be combined: {what}.",
        expected=expected,
        found=found,
        where=where,
        fix="Correct the source, or leave it out.",
    )
