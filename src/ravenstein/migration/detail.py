"""Migrants by age, sex, citizenship and area: components raked to one another's margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate
    from ravenstein.core.sparse import SparseEstimate

    Floats = NDArray[np.float64]

DIMENSIONS = {
    "age_group": "age_sex",
    "sex": "age_sex",
    "citizenship": "citizenship",
    "area": "area",
}
"""The dimensions of the detail, and the breakdown whose margin each belongs to."""

_REACH = 0.05  # weight of cells that the survey has met nobody of
_ROUNDS, _TOLERANCE = 500, 1e-7


@dataclass(frozen=True, eq=False)
class Detail:
    """Migrants of a year and direction in every cell, as a seed and factors of its margins.

    A cell is seed × age and sex × citizenship × area, in the point and in every draw: the whole
    table of a country's areas with its draws would be gigabytes.

    Args:
        labels: Labels of the dimensions.
        seed: Seed [age × sex, citizenships, areas].
        factors: Factors of each margin, the point first [cells of the margin, 1 + K].
    """

    labels: dict[str, list[Any]]
    seed: Floats
    factors: tuple[Floats, Floats, Floats]

    def table(self, draw: int | None = None) -> Floats:
        """Return the point, or a draw [ages, sexes, citizenships, areas]."""
        aged, citizen, place = (f[:, 0 if draw is None else 1 + draw] for f in self.factors)
        cells = self.seed * aged[:, None, None] * citizen[:, None] * place
        found: Floats = cells.reshape([len(names) for names in self.labels.values()])
        return found

    def standard_error(self) -> Floats:
        """Return the standard error of each cell over the draws, in the shape of the table."""
        aged, citizen, place = (factor[:, 1:] for factor in self.factors)
        count = aged.shape[1]
        both = (aged[:, None] * citizen).reshape(-1, count)
        mean = both @ place.T / count
        square = both**2 @ (place**2).T / count
        spread = np.sqrt(np.maximum(square - mean**2, 0) * count / (count - 1))
        cells = self.seed * spread.reshape(self.seed.shape)
        found: Floats = cells.reshape([len(names) for names in self.labels.values()])
        return found


def detail(
    tables: Mapping[str, Estimate], survey: SparseEstimate, direction: str, year: int
) -> Detail:
    r"""Return migrants of a year by age group, sex, citizenship and area, never negative.

    Args:
        tables: Total migration by breakdown: `age_sex`, `citizenship` and `area`.
        survey: The survey's cells.
        direction: Immigration or emigration.
        year: The year.

    Returns:
        Cells that meet all margins in the point and in every draw. Cells of a margin that are
        negative, as a correction is larger than what it corrects, are 0, and the others of the
        margin make up for it in proportion.

    Raises:
        MigrationError: If the total is 0 or less, or margins are not met.

    Notes:
        The survey's migrants of all years, $s$, are raked to the margins age × sex, citizenship
        and area (iterative proportional fitting), from $s+\varepsilon\prod_k m_k$ so that
        every cell of the margins can be reached. The fitted table is $s\,a_i c_j l_k$; only the
        factors are kept, and sums over the table are products of matrices.

    Source:
        Deming and Stephan, Annals of Mathematical Statistics 11 (1940) 427–444.
    """
    margins = [_margin(tables[by], direction, year) for by in ("age_sex", "citizenship", "area")]
    labels = {name: tables[by].labels(name) for name, by in DIMENSIONS.items()}
    own = survey.where(survey.labels["direction"] == direction).sums(labels)[..., 0]
    own = own.reshape([len(margin) for margin in margins])
    aged, citizen, place = (margin[:, 0] for margin in margins)
    spread = aged[:, None, None] * citizen[:, None] * place + 1e-9 * np.prod(
        [margin[:, 0].mean() for margin in margins]
    )
    seed = own + _REACH * own.sum() / spread.sum() * spread
    return Detail(labels, seed, _raked(seed, margins))


def _raked(seed: Floats, margins: list[Floats]) -> tuple[Floats, Floats, Floats]:
    """Return the factors that make a seed meet its margins in every draw."""
    count = margins[0].shape[1]
    aged, citizen, place = (np.ones_like(margin) for margin in margins)
    flat = seed.reshape(-1, seed.shape[2])
    for _ in range(_ROUNDS):
        by_place = (flat @ place).reshape(*seed.shape[:2], count)
        sums = (by_place * citizen).sum(axis=1)
        worst = np.abs(aged * sums - margins[0]).max(axis=0)
        aged = np.divide(margins[0], sums, out=np.zeros_like(sums), where=sums > 0)
        sums = (by_place * aged[:, None]).sum(axis=0)
        citizen = np.divide(margins[1], sums, out=np.zeros_like(sums), where=sums > 0)
        both = (aged[:, None] * citizen).reshape(-1, count)
        sums = flat.T @ both
        place = np.divide(margins[2], sums, out=np.zeros_like(sums), where=sums > 0)
        if (worst <= _TOLERANCE * margins[0].sum(axis=0)).all():
            return aged, citizen, place
    raise MigrationError(
        "Margins of total migration are not met.",
        expected=f"a table within {_TOLERANCE:g} of its margins in {_ROUNDS} rounds",
        found=f"{float((worst / margins[0].sum(axis=0)).max()):.2g} left",
        where="migration_detail",
        fix="Look at the margins: some combination of their cells cannot be reached.",
    )


def _margin(table: Estimate, direction: str, year: int) -> Floats:
    """Return a margin without negative cells, its total kept [cells…, 1 + K]."""
    chosen = table.select(direction=[direction], year=[year]).sum("direction", "year")
    if "nation" in chosen.dimensions:
        chosen = chosen.sum("nation")
    values = np.concatenate([chosen.point.values[..., None], chosen.draws.values], axis=-1)
    over = tuple(range(values.ndim - 1))
    whole = values.sum(axis=over)
    if whole[0] <= 0:
        raise MigrationError(
            f"{direction.capitalize()} of a year is 0 or less.",
            expected="a total above 0",
            found=f"{whole[0]:,.0f}",
            where=f"{direction} {year}",
            fix="Look at the components: one takes off more than there is.",
        )
    kept = np.maximum(values, 0)
    whole = np.maximum(whole, 0)  # a draw below 0 has nobody to share out
    sums = np.maximum(kept.sum(axis=over), 1e-300)
    scaled: Floats = (kept * (whole / sums)).reshape(-1, values.shape[-1])
    return scaled
