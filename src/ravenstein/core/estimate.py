"""Estimates: cells with a point value and draws, and arithmetic that keeps both.

Draw k is the same simulated world in every estimate of a run, so a function of estimates is
computed draw by draw: covariances are carried without being written down. Labels align exactly;
nothing is joined by intersection and nothing missing is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from ravenstein.core.errors import EstimateError, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

DRAW = "draw"


@dataclass(frozen=True, eq=False)
class Estimate:
    """Cells of one quantity.

    Args:
        point: Point values [unit]; dimensions are named and labelled.
        draws: Draws [unit]; the dimensions of `point` in their order, then `draw`.
        unit: Unit of both.

    Raises:
        EstimateError: If a dimension lacks labels or repeats one, the cells of point and draws
            differ, or a value is missing or infinite.

    >>> births = estimate([3.0, 5.0], [[2.0, 4.0], [5.0, 5.0]], {"area": ["A", "B"]}, "persons")
    >>> births.sum("area").draws.values.tolist()
    [7.0, 9.0]
    """

    point: xr.DataArray
    draws: xr.DataArray
    unit: str

    def __post_init__(self) -> None:
        if self.draws.dims != (*self.point.dims, DRAW):
            raise EstimateError(
                "Point values and draws have different dimensions.",
                expected=f"draws over {(*self.point.dims, DRAW)}",
                found=str(self.draws.dims),
                where="estimate",
                fix="Give the draws the point's dimensions in the same order, `draw` last.",
            )
        for name in self.draws.dims:
            _check_labels(self.draws, name)
        for name in self.point.dims:
            if not np.array_equal(self.point[name].values, self.draws[name].values):
                raise EstimateError(
                    f"Point values and draws have different labels in {name!r}.",
                    expected=listed(self.point[name].values),
                    found=listed(self.draws[name].values),
                    where=f"dimension {name}",
                    fix="Build both from the same labels.",
                )
        missing = int((~np.isfinite(self.point.values)).sum())
        missing += int((~np.isfinite(self.draws.values)).sum())
        if missing:
            raise EstimateError(
                "An estimate has values that are missing or infinite.",
                expected="finite values in every cell and draw",
                found=f"{missing} others",
                where=f"estimate over {self.point.dims}",
                fix="Leave out cells that do not exist; mend what produced the values.",
            )
        for array in (self.point, self.draws):
            array.values.flags.writeable = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the dimensions, without `draw`."""
        return tuple(str(name) for name in self.point.dims)

    def labels(self, dimension: str) -> list[Any]:
        """Return the labels of a dimension in order."""
        _need(self, dimension)
        return list(self.point[dimension].values.tolist())

    def __add__(self, other: Estimate) -> Estimate:
        """Sum cell by cell, draw by draw."""
        return _combined(self, other, np.add)

    def __sub__(self, other: Estimate) -> Estimate:
        """Difference cell by cell, draw by draw."""
        return _combined(self, other, np.subtract)

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate times a known number."""
        return Estimate(self.point * factor, self.draws * factor, self.unit)

    def sum(self, *dimensions: str) -> Estimate:
        """Return the sum over dimensions (all, where none is named)."""
        names = dimensions or self.dimensions
        for name in names:
            _need(self, name)
        return Estimate(
            self.point.sum(names, skipna=False), self.draws.sum(names, skipna=False), self.unit
        )

    def ratio(self, other: Estimate, *, unit: str = "ratio") -> Estimate:
        """Return this divided by another, draw by draw.

        Args:
            other: Denominator over the same dimensions or some of them.
            unit: Unit of the result.

        Returns:
            The point is the ratio of the points, not the mean of the ratios.

        Raises:
            EstimateError: If a denominator is zero in any cell or draw.
        """
        other = _matched(self, other, same_dimensions=False)
        zeros = int((other.point.values == 0).sum() + (other.draws.values == 0).sum())
        if zeros:
            raise EstimateError(
                "A ratio has a denominator of zero.",
                expected="denominators other than zero in every cell and draw",
                found=f"{zeros} zeros",
                where=f"denominator over {other.dimensions}",
                fix="Aggregate or leave out the cells without a denominator.",
            )
        order = (*self.point.dims, DRAW)
        point, draws = self.point / other.point, (self.draws / other.draws).transpose(*order)
        return Estimate(point, draws, unit)

    def share(self, *dimensions: str) -> Estimate:
        """Return each cell as a share of the sum over dimensions.

        >>> both = estimate([1.0, 3.0], [[1.0], [3.0]], {"sex": ["F", "M"]}, "persons")
        >>> both.share("sex").point.values.tolist()
        [0.25, 0.75]
        """
        return self.ratio(self.sum(*dimensions), unit="share")

    def aggregate(self, dimension: str, parents: Mapping[Any, Any]) -> Estimate:
        """Sum the labels of a dimension into their parents.

        Args:
            dimension: Dimension whose labels are codes of a hierarchy.
            parents: Parent of each code, for all children of every parent reached.

        Returns:
            The estimate over parents, in the order in which `parents` names them.

        Raises:
            EstimateError: If a label has no parent, or a parent lacks one of its children.
        """
        labels = self.labels(dimension)
        orphans = [label for label in labels if label not in parents]
        absent = [code for code in parents if code not in set(labels)]
        if orphans or absent:
            raise EstimateError(
                f"The cells in {dimension!r} do not fill the hierarchy.",
                expected="every label with a parent, every child of a parent present",
                found=f"without parent: {listed(orphans) or 'none'}; "
                f"absent children: {listed(absent) or 'none'}",
                where=f"dimension {dimension}",
                fix="Complete the hierarchy or the cells, or restrict it to the labels present.",
            )
        reached = list(dict.fromkeys(parents[code] for code in parents))

        def summed(array: xr.DataArray) -> xr.DataArray:
            parts = [
                array.sel({dimension: [code for code in labels if parents[code] == parent]}).sum(
                    dimension, skipna=False
                )
                for parent in reached
            ]
            joined = xr.concat(parts, dim=dimension, join="exact", coords="minimal")
            return joined.assign_coords({dimension: reached}).transpose(*array.dims)

        return Estimate(summed(self.point), summed(self.draws), self.unit)

    def select(self, **labels: Sequence[Any]) -> Estimate:
        """Return the cells with these labels, given as lists, in the order given."""
        for name, wanted in labels.items():
            if isinstance(wanted, str):
                raise EstimateError(
                    "Labels are selected by lists.",
                    expected=f"{name}=[{wanted!r}]",
                    found=repr(wanted),
                    where="select",
                    fix="Put the label into a list.",
                )
            absent = [label for label in wanted if label not in self.labels(name)]
            if absent:
                raise EstimateError(
                    f"There are no cells with these labels in {name!r}.",
                    expected=listed(self.labels(name)),
                    found=listed(absent),
                    where=f"dimension {name}",
                    fix="Select labels that exist.",
                )
        chosen = {name: list(wanted) for name, wanted in labels.items()}
        return Estimate(self.point.sel(chosen), self.draws.sel(chosen), self.unit)

    def standard_error(self) -> xr.DataArray:
        r"""Return the standard error [unit] of each cell.

        Notes:
            $\sqrt{\sum_k (\theta_k - \bar\theta)^2 / (K - 1)}$ over the K draws.

        Raises:
            EstimateError: If there are fewer than two draws.
        """
        if self.draws.sizes[DRAW] < 2:
            raise EstimateError(
                "A standard error needs draws.",
                expected="at least 2 draws",
                found=f"{self.draws.sizes[DRAW]}",
                where=f"estimate over {self.dimensions}",
                fix="Set `draws` in the study, or give the estimate its draws.",
            )
        return self.draws.std(DRAW, ddof=1, skipna=False)

    def confidence_interval(
        self, level: float = 0.95, *, kind: Literal["percentile", "normal"] = "percentile"
    ) -> xr.DataArray:
        """Return the lower and upper bound [unit] of each cell.

        Args:
            level: Confidence level, between 0 and 1.
            kind: `percentile` takes quantiles of the draws (linear interpolation, Hyndman and
                Fan type 7); `normal` takes the point plus and minus z standard errors.

        Returns:
            The cells with a last dimension `bound` (`lower`, `upper`).

        Raises:
            EstimateError: If the level is not between 0 and 1 or there are under two draws.
        """
        if not 0 < level < 1:
            raise EstimateError(
                "A confidence level must lie between 0 and 1.",
                expected="a number such as 0.95",
                found=str(level),
                where="confidence_interval",
                fix="Give the level as a proportion.",
            )
        if kind not in ("percentile", "normal"):
            raise EstimateError(
                "The kind of interval is not known.",
                expected="percentile or normal",
                found=str(kind),
                where="confidence_interval",
                fix="Use one of those.",
            )
        error = self.standard_error()
        tail = (1 - level) / 2
        if kind == "normal":
            reach = NormalDist().inv_cdf(1 - tail) * error
            bounds = [self.point - reach, self.point + reach]
        else:
            bounds = [
                self.draws.quantile(q, DRAW, skipna=False).drop_vars("quantile")
                for q in (tail, 1 - tail)
            ]
        joined = xr.concat(bounds, dim="bound", join="exact", coords="minimal")
        return joined.assign_coords(bound=["lower", "upper"]).transpose(*self.point.dims, "bound")

    def coefficient_of_variation(self) -> xr.DataArray:
        """Return the standard error over the absolute point value (a proportion).

        Returns:
            NaN where the point is zero: relative error is not defined there.
        """
        return self.standard_error() / abs(self.point).where(self.point != 0)


def estimate(
    point: Any, draws: Any, labels: Mapping[str, Sequence[Hashable]], unit: str
) -> Estimate:
    """Build an estimate from arrays.

    Args:
        point: Point values [unit], one axis a dimension, in the order of `labels`.
        draws: Draws [unit]; the shape of `point` with the draws as a last axis.
        labels: Labels of each dimension.
        unit: Unit.

    Returns:
        The estimate, in float64, with draws labelled 0, 1, …

    Raises:
        EstimateError: If shapes and labels differ, or a value is missing.
    """
    values, worlds = np.asarray(point, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    shape = tuple(len(names) for names in labels.values())
    if values.shape != shape or worlds.shape[:-1] != shape or worlds.ndim != len(shape) + 1:
        raise EstimateError(
            "The arrays of an estimate do not have the shape of its labels.",
            expected=f"point {shape}, draws {(*shape, 'K')}",
            found=f"point {values.shape}, draws {worlds.shape}",
            where=f"estimate over {tuple(labels)}",
            fix="Give one axis a dimension, and the draws last.",
        )
    coords = {name: list(names) for name, names in labels.items()}
    names = tuple(labels)
    return Estimate(
        xr.DataArray(values, coords=coords, dims=names),
        xr.DataArray(
            worlds, coords={**coords, DRAW: np.arange(worlds.shape[-1])}, dims=(*names, DRAW)
        ),
        unit,
    )


def known(point: xr.DataArray, *, draws: int, unit: str) -> Estimate:
    """Return a quantity taken as known: the same value in every simulated world.

    Args:
        point: Values [unit] with labelled dimensions.
        draws: The study's number of draws.
        unit: Unit.
    """
    worlds = point.astype(np.float64).expand_dims({DRAW: np.arange(draws)}, axis=-1)
    return Estimate(point.astype(np.float64), worlds, unit)


def _check_labels(array: xr.DataArray, name: Hashable) -> None:
    repeated = 0
    if name in array.coords:
        labels = array[name].values
        repeated = labels.size - np.unique(labels).size
    if name not in array.coords or repeated:
        raise EstimateError(
            f"Dimension {name!r} does not name its cells.",
            expected="one distinct label a cell",
            found=f"{repeated} repeated labels" if repeated else "no labels",
            where=f"dimension {name}",
            fix="Give each cell its own label.",
        )


def _need(given: Estimate, dimension: str) -> None:
    if dimension not in given.point.dims:
        raise EstimateError(
            f"The estimate has no dimension {dimension!r}.",
            expected=f"one of {given.dimensions}",
            found=dimension,
            where="estimate",
            fix="Name a dimension it has.",
        )


def _combined(left: Estimate, right: Estimate, operation: Callable[..., Any]) -> Estimate:
    right = _matched(left, right, same_dimensions=True)
    if left.unit != right.unit:
        raise EstimateError(
            "Estimates of different units cannot be added.",
            expected=left.unit,
            found=right.unit,
            where=f"estimates over {left.dimensions}",
            fix="Convert one of them with `scaled` or `ratio`.",
        )
    # dimensions and labels are equal now, so plain arrays leave no alignment to chance
    point = left.point.copy(data=operation(left.point.values, right.point.values))
    draws = left.draws.copy(data=operation(left.draws.values, right.draws.values))
    return Estimate(point, draws, left.unit)


def _matched(left: Estimate, right: Estimate, *, same_dimensions: bool) -> Estimate:
    """Return the right estimate in the left's order, or raise where cells or draws differ."""
    mine, theirs = set(left.dimensions), set(right.dimensions)
    if (mine != theirs) if same_dimensions else not theirs <= mine:
        raise EstimateError(
            "The estimates have different dimensions.",
            expected=str(left.dimensions) + ("" if same_dimensions else " or some of them"),
            found=str(right.dimensions),
            where="arithmetic of estimates",
            fix="Sum or aggregate one of them first; nothing is spread over cells in silence.",
        )
    if not np.array_equal(left.draws[DRAW].values, right.draws[DRAW].values):
        raise EstimateError(
            "The estimates have different draws.",
            expected=f"{left.draws.sizes[DRAW]} draws with equal labels",
            found=f"{right.draws.sizes[DRAW]} draws",
            where="arithmetic of estimates",
            fix="Take both from one run; give known values draws with `known`.",
        )
    for name in right.dimensions:
        ours, others = left.labels(name), right.labels(name)
        if set(ours) != set(others):
            raise EstimateError(
                f"The estimates have different cells in {name!r}.",
                expected=f"the same {len(ours)} labels",
                found=f"only left: {listed(sorted(set(ours) - set(others))) or 'none'}; "
                f"only right: {listed(sorted(set(others) - set(ours))) or 'none'}",
                where=f"dimension {name}",
                fix="Select or aggregate to the same cells first.",
            )
    order = [name for name in left.dimensions if name in theirs]
    labels = {name: left.labels(name) for name in order}
    point = right.point.sel(labels).transpose(*order)
    draws = right.draws.sel(labels).transpose(*order, DRAW)
    return Estimate(point, draws, right.unit)
