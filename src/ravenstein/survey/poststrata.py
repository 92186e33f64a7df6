"""Weights scaled to known totals of cells: post-stratification and raking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ravenstein.core.errors import SurveyError, listed
from ravenstein.survey.calibration import Regression, share
from ravenstein.survey.stages import codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ravenstein.survey.design import SurveyDesign
    from ravenstein.survey.stages import Codes, Floats
    from ravenstein.survey.variance import Matrix

_MOST_CYCLES = 1000


@dataclass(frozen=True)
class PostStrata:
    """Post-stratification: cell of each row, weights before and after."""

    cell: Codes
    before: Floats
    after: Floats

    def added(self, influences: Matrix) -> Matrix | float:
        """Return 0: the totals are known."""
        return 0.0

    def residuals(self, influences: Matrix) -> Matrix:
        """Take off each cell's design-weighted mean."""
        size = np.bincount(self.cell, weights=self.before)
        out = np.empty_like(influences)
        for column, values in enumerate(influences.T):
            part = np.bincount(self.cell, weights=values * share(self.before, self.after))
            out[:, column] = values - (part / size)[self.cell] * self.after
        return out


@dataclass(frozen=True)
class Margins:
    """Raking: the margins' cells, and weights of the regression on them and after."""

    cells: tuple[Codes, ...]
    before: Floats
    after: Floats

    def added(self, influences: Matrix) -> Matrix | float:
        """Return 0: the totals are known."""
        return 0.0

    def residuals(self, influences: Matrix) -> Matrix:
        """Take off the regression on the indicators of all cells."""
        n, start, columns = self.after.size, 0, []
        for cell in self.cells:
            columns.append(cell + start)
            start += int(cell.max()) + 1
        rows = np.arange(0, n * len(columns) + 1, len(columns))
        indices = np.stack(columns, axis=1).ravel()
        x = sparse.csr_array((np.ones(indices.size), indices, rows), shape=(n, start))
        return Regression(x, self.before, self.after).residuals(influences)


def post_stratify(design: SurveyDesign, cells: Any, totals: Mapping[Any, float]) -> SurveyDesign:
    r"""Scale weights to known totals of cells.

    Args:
        design: The design.
        cells: Cell of each row [n].
        totals: Population of each cell.

    Returns:
        The design with weights $w_k = d_k N_c / \hat N_c$.

    Raises:
        SurveyError: If a cell has rows but no total, or a total above 0 but no rows.

    Source:
        Holt, Smith, Journal of the Royal Statistical Society A 142, 1979.
    """
    cell, kinds = _cells(design, cells, "post-strata")
    target = _targets(kinds, totals, "post-strata")
    size = np.bincount(cell, weights=design.weights)
    _need_weight(size, kinds, "post-strata")
    after = design.weights * (target / size)[cell]
    return design.with_weights(after, PostStrata(cell, design.weights, after))


def rake(
    design: SurveyDesign,
    margins: Sequence[tuple[Any, Mapping[Any, float]]],
    *,
    tolerance: float = 1e-10,
    residuals: str = "weighted",
) -> SurveyDesign:
    """Scale weights to the totals of one margin after another until all are met.

    Args:
        design: The design.
        margins: Cells of each row [n] and their totals, for each margin.
        tolerance: Largest relative difference from a total at the end.
        residuals: Regression on the margins that variances take off: `weighted` by the weights
            before, or `unweighted`, as R `survey` does; they differ where weights differ within
            cells, and only the weighted one is right then.

    Raises:
        SurveyError: If the margins' sums differ, a cell has no rows or no total, or they cannot
            be met together.

    Source:
        Deming, Stephan, Annals of Mathematical Statistics 11, 1940.
    """
    if not margins or residuals not in ("weighted", "unweighted"):
        raise SurveyError(
            "There is nothing to rake to.",
            expected="one margin or more; residuals weighted or unweighted",
            found=f"{len(margins)} margins, residuals {residuals}",
            where="rake",
            fix="Give each margin's cells and totals.",
        )
    cells, targets = [], []
    for number, (given, totals) in enumerate(margins, start=1):
        cell, kinds = _cells(design, given, f"margin {number}")
        _need_weight(np.bincount(cell, weights=design.weights), kinds, f"margin {number}")
        cells.append(cell)
        targets.append(_targets(kinds, totals, f"margin {number}"))
    sums = [float(target.sum()) for target in targets]
    if max(sums) - min(sums) > 1e-8 * max(sums):
        raise SurveyError(
            "The margins disagree.",
            expected="the same population in each margin",
            found=", ".join(f"margin {i}: {s:,.6g}" for i, s in enumerate(sums, start=1)),
            where="rake",
            fix="Scale the margins to one population, or leave one out.",
        )
    weights = _met(design.weights, cells, targets, tolerance)
    before = design.weights if residuals == "weighted" else np.ones(weights.size)
    before = np.where(weights == 0, 0.0, before)
    return design.with_weights(weights, Margins(tuple(cells), before, weights))


def _met(weights: Floats, cells: list[Codes], targets: list[Floats], tolerance: float) -> Floats:
    """Scale weights margin by margin until every total is met."""
    for _ in range(_MOST_CYCLES):
        worst = 0.0
        for cell, target in zip(cells, targets, strict=True):
            ratio = target / np.bincount(cell, weights=weights)
            worst = max(worst, float(np.abs(ratio - 1).max()))
            weights = weights * ratio[cell]
        if worst < tolerance:
            return weights
    raise SurveyError(
        "Raking does not converge: the margins cannot be met together.",
        expected=f"all totals met to {tolerance:g}",
        found=f"a difference of {worst:.2g} after {_MOST_CYCLES} cycles",
        where="rake",
        fix="Look for cells of one margin that are empty in the sample within another.",
    )


def _cells(design: SurveyDesign, cells: Any, where: str) -> tuple[Codes, Any]:
    cell, kinds = codes(cells)
    if cell.size != design.weights.size:
        raise SurveyError(
            "Cells do not fit the sample.",
            expected=f"a cell for each of {design.weights.size} rows",
            found=str(cell.size),
            where=where,
            fix="Give each row's cell.",
        )
    return cell, kinds


def _need_weight(size: Any, kinds: Any, where: str) -> None:
    """Raise if a cell has rows but no weight, as in a replicate that leaves all of it out."""
    empty = np.flatnonzero(~(size > 0))
    if empty.size:
        raise SurveyError(
            "A cell has no weight in the sample.",
            expected="weight in every cell with a total",
            found=listed([str(kinds[i]) for i in empty]),
            where=where,
            fix="Merge the cells named with neighbours; a replicate may leave out all of a cell.",
        )


def _targets(kinds: Any, totals: Mapping[Any, float], where: str) -> Floats:
    """Return the totals of the sample's cells; a cell on one side only raises."""
    totals = dict(totals)
    present = {_plain(kind) for kind in kinds}
    no_total = sorted(present - set(totals), key=str)
    no_rows = sorted((k for k in set(totals) - present if totals[k] != 0), key=str)
    if no_total or no_rows:
        raise SurveyError(
            "Cells of sample and population differ.",
            expected="the same cells",
            found=f"without total: {listed(no_total) or 'none'}; "
            f"without sample: {listed(no_rows) or 'none'}",
            where=where,
            fix="Merge the cells named with neighbours in both.",
        )
    found = np.array([totals[_plain(kind)] for kind in kinds], dtype=np.float64)
    if not (np.isfinite(found) & (found > 0)).all():
        raise SurveyError(
            "A cell's total cannot be used.",
            expected="finite totals above 0 for every cell of the sample",
            found=f"{int((~(np.isfinite(found) & (found > 0))).sum())} others",
            where=where,
            fix="Correct the totals; leave rows out that the population does not have.",
        )
    return found


def _plain(kind: Any) -> Any:
    """Return a NumPy scalar as Python's, so that it finds its key."""
    return kind.item() if hasattr(kind, "item") else kind
