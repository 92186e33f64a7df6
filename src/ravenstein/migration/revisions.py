"""Revisions of a series by maturity, methods side by side, and the cells that moved."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.estimate import DRAW
from ravenstein.migration.change import need_flows, significance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Triangle:
    """What each vintage said of each period.

    Args:
        series: Names of the series.
        periods: Labels of the periods, in order of time.
        vintages: Labels of the vintages, in order of publication.
        values: Figures [persons; series, periods, vintages]; NaN where not published.
    """

    series: tuple[str, ...]
    periods: tuple[Any, ...]
    vintages: tuple[Any, ...]
    values: Floats


@dataclass(frozen=True, eq=False)
class Revisions:
    """Figures that were revised. The arrays are of one length, by series, period and vintage.

    Args:
        triangle: The vintages.
        towards: Whether the later figure is that of the next vintage or of the latest.
        series: Place of the series.
        period: Place of the period.
        maturity: Maturity of the earlier figure, or the lowest of its band.
        earlier: The figure that was revised [persons].
        later: The figure it was revised to [persons].
    """

    triangle: Triangle
    towards: Literal["next", "latest"]
    series: Codes
    period: Codes
    maturity: Codes
    earlier: Floats
    later: Floats

    @property
    def revision(self) -> Floats:
        """Later minus earlier [persons]."""
        return self.later - self.earlier


@dataclass(frozen=True, eq=False)
class Moved:
    """The cells in which two versions of a table differ. A cell is a column of a row.

    Args:
        rows: A row a cell that moved: the columns of the grain, `column`, `change` (added,
            removed, changed), `before` and `after` as text, `difference` of numbers.
        added: Cells of the new version alone.
        removed: Cells of the old version alone.
        changed: Cells of both that differ.
        same: Cells of both that do not; with `changed` and `removed` all cells of the old
            version, with `changed` and `added` all of the new one.
    """

    rows: pa.Table
    added: int
    removed: int
    changed: int
    same: int


def triangle(
    rows: pa.Table,
    *,
    value: str = "persons",
    period: str = "period",
    by: Sequence[str] = ("flow",),
    vintage: str = "vintage",
) -> Triangle:
    """Lay out the vintages of a series as a revision triangle.

    Args:
        rows: A row a vintage, period and series; figures that a vintage lacks have no row, or no
            value.
        value: Column of the figures.
        period: Column of the periods, whose order is that of time.
        by: Columns that name the series.
        vintage: Column of the vintages, whose order is that of publication: numbers or dates.

    Raises:
        MigrationError: If a column is not there, a label missing, a figure repeated or not a
            number, or nothing is given.

    >>> rows = pa.table({"vintage": [1, 2, 2], "period": [2015, 2015, 2016], "flow": ["net"] * 3,
    ...                  "persons": [300.0, 310.0, 250.0]})
    >>> triangle(rows).values.tolist()
    [[[300.0, 310.0], [nan, 250.0]]]
    """
    names = (period, vintage, *by)
    _need_columns(rows, [value, *names])
    missing = sum(rows[name].null_count for name in names)
    if missing or not rows.num_rows:
        raise _unusable(f"{missing} missing names in {rows.num_rows} rows", "rows with their names")
    if not (pa.types.is_integer(kind := rows[value].type) or pa.types.is_floating(kind)):
        raise _unusable(f"column {value} of type {kind}", "figures that are numbers")
    texts = [pc.cast(rows[name], pa.string()) for name in by]
    joined = pc.binary_join_element_wise(*texts, "/") if by else pa.array(["all"] * len(rows))
    series, first = _places(joined, ordered=False)
    periods, second = _places(rows[period])
    vintages, third = _places(rows[vintage])
    shape = (len(series), len(periods), len(vintages))
    place = np.ravel_multi_index((first, second, third), shape)
    repeated = place.size - np.unique(place).size
    if repeated:
        raise _unusable(f"{repeated} repeated figures", "one figure a vintage, period and series")
    values = np.full(shape, np.nan)
    values.ravel()[place] = pc.cast(rows[value], pa.float64()).to_numpy()
    return Triangle(tuple(series), tuple(periods), tuple(vintages), values)


def revisions(
    given: Triangle,
    *,
    towards: Literal["next", "latest"] = "latest",
    maturity: Literal["vintages", "months"] = "vintages",
    bands: Sequence[int] | None = None,
) -> Revisions:
    """Return the revisions in a triangle.

    Args:
        given: The vintages.
        towards: `next` takes each figure against that of the next vintage that has the period;
            `latest` against the last one, so that maturity 0 is from first to latest.
        maturity: `vintages` since the one that had the period first: 0 for a first figure; a
            vintage that lacks the period is counted. `months` from the period's end to the
            vintage, where both are labelled by dates.
        bands: Lowest maturity of each band, in order. A period counts once in a band, with its
            least mature figure there. Each maturity by itself where not given.

    Returns:
        The revisions. Periods that the first vintage holds count as first published then, though
        they may be older.

    Raises:
        MigrationError: If no period was published twice, or maturities cannot be told or are
            below the first band.
    """
    at = tuple(np.nonzero(np.isfinite(given.values)))
    of = at[0] * len(given.periods) + at[1]
    last = np.append(of[1:] != of[:-1], True) if of.size else np.zeros(0, np.bool_)
    if last.all():
        raise MigrationError(
            "Nothing was published twice.",
            expected="two vintages that hold a period in common",
            found=f"{len(given.vintages)} vintages of {len(given.periods)} periods",
            where="revisions",
            fix="Give a later vintage too.",
        )
    ages = _in_bands(_maturities(given, maturity)[at], bands)
    again = np.append(False, (of[1:] == of[:-1]) & (ages[1:] == ages[:-1]))
    kept = ~last & ~again
    figures = given.values[at]
    ends = np.flatnonzero(last)
    place = np.arange(of.size)
    to = place + 1 if towards == "next" else ends[np.searchsorted(ends, place)]
    return Revisions(
        given, towards, at[0][kept], at[1][kept], ages[kept], figures[kept], figures[to[kept]]
    )


def revision_summary(found: Revisions, *, lags: int = 2) -> pa.Table:
    r"""Summarise revisions by series and maturity, as rows of `migration_revisions`.

    Args:
        found: The revisions.
        lags: Periods over which revisions are taken to be correlated: 3 at least for rolling
            years by quarter.

    Notes:
        With $R_t$ the n revisions, $e_t=R_t-\bar R$ (0 for periods without one), the mean's
        standard error allows for autocorrelation by Bartlett's weights:
        $\sqrt{\frac{1}{n(n-1)}\bigl\{\sum e_t^2+2\sum_{k=1}^{L}(1-\frac{k}{L+1})\sum_t
        e_t e_{t-k}\bigr\}}$, with L = 2 the weights 4/3 and 2/3; its t has n − 1 degrees of
        freedom; of less than ten figures or so, error and t say little. Mean absolute revision
        $\sum|R_t|/n$, relative $\sum|R_t|/\sum|L_t|$ with $L_t$ the later figures, root mean
        square $\sqrt{\sum R_t^2/n}$.

    Source:
        McKenzie and Gamba, Interpreting the results of revision analyses: recommended summary
        statistics, OECD/Eurostat Task Force on Performing Revisions Analysis for Sub-Annual
        Economic Statistics, 2008; Newey and West, Econometrica 55, 1987, for the weights.

    Raises:
        MigrationError: If the number of lags is negative.
    """
    if lags < 0:
        raise _unusable(f"{lags} lags", "0 lags or more")
    rows = []
    for series, name in enumerate(found.triangle.series):
        own = found.series == series
        for maturity in np.unique(found.maturity[own]):
            chosen = own & (found.maturity == maturity)
            mean, error = _mean(
                found.revision[chosen], found.period[chosen], len(found.triangle.periods), lags
            )
            count = int(chosen.sum())
            t = mean / error if error is not None and error > 1e-12 * abs(mean) else None
            p = None if t is None else float(2 * stats.t.sf(abs(t), count - 1))
            rows.append(
                {"series": name, "towards": found.towards, "maturity": int(maturity)}
                | {"revisions": count, "mean": mean, "standard_error": error, "t": t, "p_value": p}
                | _sizes(found.revision[chosen], found.later[chosen])
            )
    return pa.Table.from_pylist(rows)


def side_by_side(
    old: Estimate,
    new: Estimate,
    *,
    over: str = "year",
    flow: str = "flow",
    independent: bool = False,
) -> pa.Table:
    """Put a series by an old and by a new method side by side, as rows of `migration_methods`.

    Args:
        old: By the old method [persons], over flows and periods.
        new: By the new method, of the same flows; some periods are of both.
        over: Dimension of the periods.
        flow: Dimension of the flows.
        independent: Whether the two come from different data. Else they are of one run, draw k
            being the same world in both, and what they have in common leaves the difference.

    Returns:
        A row a flow and period of either. Errors are missing where one has under two draws, as
        of published figures (`known` with 1 draw).

    Raises:
        MigrationError: If dimensions, flows or units differ, or no period is of both.
        EstimateError: If the draws do not fit.
    """
    for part in (old, new):
        need_flows(part, flow, over)
    flows, labels = old.labels(flow), (old.labels(over), new.labels(over))
    both = [label for label in labels[0] if label in labels[1]]
    if set(flows) != set(new.labels(flow)) or old.unit != new.unit or not both:
        raise MigrationError(
            "The two series cannot stand side by side.",
            expected="the same flows and unit, and a period of both",
            found=f"{listed(flows)} [{old.unit}] and {listed(new.labels(flow))} [{new.unit}]; "
            f"{len(both)} periods of both",
            where="side_by_side",
            fix="Select the same flows, in one unit.",
        )
    periods = sorted({*labels[0], *labels[1]})
    at = np.ix_(range(len(flows)), [periods.index(label) for label in both])
    columns: dict[str, Any] = {}
    for side, part, own in zip(("old", "new"), (old, new), labels, strict=True):
        grid = np.full((len(flows), len(periods)), np.nan)
        chosen = part.point.sel({flow: flows}).transpose(flow, over).values
        grid[:, [periods.index(label) for label in own]] = chosen
        columns[side] = grid
    for name, values in _differences(old, new, {flow: flows, over: both}, independent).items():
        columns[name] = np.full((len(flows), len(periods)), np.nan)
        columns[name][at] = values
    columns = {
        name: pa.array(values.ravel(), pa.float64(), from_pandas=True)
        for name, values in columns.items()
    }
    columns["significant"] = pc.cast(columns["significant"], pa.bool_())
    named = {"flow": [str(f) for f in flows for _ in periods]}
    return pa.table(named | {"period": [str(p) for _ in flows for p in periods]} | columns)


def moved_cells(
    old: pa.Table,
    new: pa.Table,
    grain: Sequence[str],
    values: Sequence[str],
    *,
    tolerance: float = 0.0,
) -> Moved:
    """Find exactly the cells in which two versions of a table differ.

    Args:
        old: Rows of the old version.
        new: Rows of the new version.
        grain: Columns that name a row.
        values: Columns that are compared.
        tolerance: Largest difference of numbers that does not count.

    Raises:
        MigrationError: If a column is in one version alone or of another type, or a row of the
            grain is repeated.

    >>> old = pa.table({"year": [2015, 2016], "persons": [300, 250]})
    >>> new = pa.table({"year": [2015, 2016], "persons": [300, 255]})
    >>> found = moved_cells(old, new, ["year"], ["persons"])
    >>> found.rows.to_pylist()[0]["difference"], found.same
    (5.0, 1)
    """
    keys = list(grain)
    for rows in (old, new):
        _need_columns(rows, [*keys, *values])
    kinds = [[rows.schema.field(name).type for name in (*keys, *values)] for rows in (old, new)]
    if kinds[0] != kinds[1]:
        raise _unusable("columns of other types in one version", "the same types in both")
    named, places = _matched(old.select(keys), new.select(keys))
    before, after = (place.is_valid().to_numpy(zero_copy_only=False) for place in places)
    parts, counts = [], dict.fromkeys(("added", "removed", "changed", "same"), 0)
    for name in values:
        sides = [rows[name].take(at) for rows, at in zip((old, new), places, strict=True)]
        equal, difference = _compared(sides[0], sides[1], tolerance)
        kind = np.select([~before, ~after, ~equal], ["added", "removed", "changed"], "same")
        for word in counts:
            counts[word] += int((kind == word).sum())
        part = {
            "column": pa.array([name] * len(named), pa.string()),
            "change": pa.array(kind.tolist(), pa.string()),
            "before": pc.cast(sides[0], pa.string()),
            "after": pc.cast(sides[1], pa.string()),
            "difference": difference,
            "_row": pa.array(np.arange(len(named))),
        }
        parts.append(pa.table(part).filter(pa.array(kind != "same")))
    moved = pa.concat_tables(parts)
    # a stable sort: within a row, columns stay in the order in which they were named
    moved = moved.take(pa.array(np.argsort(moved["_row"].to_numpy(), kind="stable")))
    shown = named.take(moved["_row"])
    for name in moved.column_names[:-1]:
        shown = shown.append_column(name, moved[name])
    return Moved(shown, **counts)


def _mean(revision: Floats, period: Codes, periods: int, lags: int) -> tuple[float, float | None]:
    """Return the mean of a series' revisions and its standard error."""
    count, mean = revision.size, float(revision.mean())
    if count < 2:
        return mean, None
    apart = np.zeros(periods)
    apart[period] = revision - mean
    total = float(apart @ apart)
    for lag in range(1, min(lags, periods - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(apart[lag:] @ apart[:-lag])
    return mean, float(np.sqrt(max(total, 0.0) / (count * (count - 1))))


def _sizes(revision: Floats, later: Floats) -> dict[str, float | None]:
    whole = float(np.abs(later).sum())
    return {
        "mean_absolute": float(np.abs(revision).mean()),
        "relative_mean_absolute": float(np.abs(revision).sum()) / whole if whole else None,
        "root_mean_square": float(np.sqrt((revision**2).mean())),
        "share_up": float((revision > 0).mean()),
    }


def _maturities(given: Triangle, unit: str) -> Codes:
    """Return the maturity of each figure [series, periods, vintages]."""
    if unit == "vintages":
        first = np.isfinite(given.values).argmax(axis=2)
        counted: Codes = np.arange(len(given.vintages)) - first[..., None]
        return counted
    if not all(isinstance(label, dt.date) for label in (*given.periods, *given.vintages)):
        raise _unusable("other labels", "periods and vintages labelled by dates, for months")
    ends, days = (
        np.array([12 * day.year + day.month for day in labels])
        for labels in (given.periods, given.vintages)
    )
    months = np.broadcast_to(days - ends[:, None], given.values.shape)
    early = int((np.isfinite(given.values) & (months < 0)).sum())
    if early:
        raise _unusable(f"{early} figures published before", "figures of periods that had ended")
    return months


def _in_bands(ages: Codes, bands: Sequence[int] | None) -> Codes:
    if bands is None:
        return ages
    lowest = np.array(sorted(set(bands)), dtype=np.int64)
    below = int((ages < lowest[0]).sum()) if lowest.size else ages.size
    if below:
        raise _unusable(f"{below} figures below the first band", "bands from the first maturity on")
    found: Codes = lowest[np.searchsorted(lowest, ages, side="right") - 1]
    return found


def _differences(
    old: Estimate, new: Estimate, cells: dict[str, list[Any]], independent: bool
) -> dict[str, Any]:
    """Return new minus old with its errors [flows, periods]; NaN errors without draws."""
    before, after = (part.select(**cells) for part in (old, new))
    points = [part.point.transpose(*cells).values for part in (before, after)]
    difference = points[1] - points[0]
    if min(part.draws.sizes[DRAW] for part in (old, new)) < 2:
        error = np.full(difference.shape, np.nan)
    elif independent:
        errors = [part.standard_error().transpose(*cells).values for part in (before, after)]
        error = np.hypot(*errors)
    else:
        error = (after - before).standard_error().transpose(*cells).values
    found = vars(significance(difference, error))
    found["significant"] = np.where(np.isnan(error), np.nan, found["significant"])
    names = ("difference", "standard_error", "lower", "upper", "significant")
    return {name: found[name] for name in names}


def _matched(old: pa.Table, new: pa.Table) -> tuple[pa.Table, tuple[pa.Array, pa.Array]]:
    """Return the rows of either version by name, in order, and where each version has them."""
    whole = pa.concat_tables([old, new]).combine_chunks()
    code = np.zeros(len(whole), dtype=np.int64)
    for column in whole.columns:
        # a missing name, such as that of no area, is a name too
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        code = code * len(encoded.dictionary) + encoded.indices.to_numpy()
        code = np.unique(code, return_inverse=True)[1]
    _, first = np.unique(code, return_index=True)
    repeated = len(whole) - sum(np.unique(part).size for part in np.split(code, [len(old)]))
    if repeated:
        raise _unusable(
            f"{repeated} repeated rows", f"one row a {', '.join(whole.column_names)} in a version"
        )
    named = whole.take(pa.array(first))
    order = pc.sort_indices(named, sort_keys=[(name, "ascending") for name in named.column_names])
    places = []
    for part in np.split(code, [len(old)]):
        at = np.full(first.size, -1)
        at[part] = np.arange(part.size)
        at = at[order.to_numpy()]
        places.append(pa.array(at, mask=at < 0))
    return named.take(order), (places[0], places[1])


def _compared(
    old: pa.ChunkedArray, new: pa.ChunkedArray, tolerance: float
) -> tuple[NDArray[np.bool_], pa.Array]:
    """Return which cells are equal, and the differences of numbers; missing equals missing."""
    both = pc.and_(old.is_null(), new.is_null())
    if pa.types.is_integer(old.type) or pa.types.is_floating(old.type):
        difference = pc.subtract(pc.cast(new, pa.float64()), pc.cast(old, pa.float64()))
        equal = pc.less_equal(pc.abs(difference), tolerance)
    else:
        difference = pa.nulls(len(old), pa.float64())
        equal = pc.equal(old, new)
    found = pc.or_(pc.fill_null(equal, False), both).to_numpy()
    return found, difference


def _places(column: Any, *, ordered: bool = True) -> tuple[list[Any], Codes]:
    """Return the labels of a column, and each row's place among them."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.dictionary_encode()
    found = encoded.dictionary.to_pylist()
    labels = sorted(found) if ordered else found
    rank = {label: place for place, label in enumerate(labels)}
    codes = np.array([rank[label] for label in found], dtype=np.int64)
    return labels, codes[encoded.indices.to_numpy(zero_copy_only=False)]


def _need_columns(rows: pa.Table, needed: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in rows.column_names]
    if lacking:
        raise _unusable(f"no column {listed(lacking)}", f"columns {', '.join(needed)}")


def _unusable(found: str, expected: str) -> MigrationError:
    return MigrationError(
        "The versions of a series cannot be compared.",
        expected=expected,
        found=found,
        where="revisions",
        fix="Correct the rows or the call.",
    )
