"""Raking: counts and gross flows made to meet known totals, in hierarchies, never negative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import DemographyError, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

_ROUNDS = 1000
_HALVINGS = 200


def rake(
    counts: Any, margins: Sequence[tuple[tuple[int, ...], Any]], *, tolerance: float = 1e-10
) -> Floats:
    r"""Rake a table of counts to margins (iterative proportional fitting).

    Args:
        counts: Counts of 0 or more, any number of axes.
        margins: Pairs of the axes a margin keeps, ascending, and its totals.
        tolerance: Largest difference left, as a share of the grand total.

    Returns:
        The table that meets the margins and is nearest to `counts` in the Kullback–Leibler sense;
        cells of 0 stay 0.

    Raises:
        DemographyError: If counts or totals are negative or missing, margins do not agree with
            one another, a total above 0 has only cells of 0, or it does not converge.

    Notes:
        Each step multiplies the cells of a margin by total / sum until all margins hold.

    Source:
        Deming and Stephan, Annals of Mathematical Statistics 11 (1940) 427–444; convergence:
        Csiszár, Annals of Probability 3 (1975) 146–158.

    >>> rake([[1, 1], [1, 3]], [((0,), [4, 8]), ((1,), [4, 8])]).sum(axis=0).tolist()
    [4.0, 8.0]
    """
    table = np.array(counts, dtype=np.float64)
    targets = [(axes, np.asarray(totals, dtype=np.float64)) for axes, totals in margins]
    _check_margins(table, targets)
    whole = max(float(targets[0][1].sum()), 1e-300)
    for _ in range(_ROUNDS):
        worst = 0.0
        for axes, totals in targets:
            others = tuple(axis for axis in range(table.ndim) if axis not in axes)
            sums = table.sum(axis=others)
            worst = max(worst, float(np.abs(sums - totals).max()) / whole)
            factor = np.divide(totals, sums, out=np.zeros_like(sums), where=sums > 0)
            table *= np.expand_dims(factor, others)
        if worst <= tolerance:
            return table
    raise _error(
        "the margins are not met",
        f"{worst:.2g} of the total left after {_ROUNDS} rounds",
        "margins that cells above 0 can meet together",
    )


def rake_nested(counts: Any, parents: Sequence[Places], totals: Sequence[Any]) -> Floats:
    """Rake counts of areas to totals of the areas above them, from the country down.

    Args:
        counts: Counts of 0 or more; areas on the first axis.
        parents: For each level above, from the lowest: the parent's place of each place below,
            such as the region of each area and the country of each region.
        totals: Totals of each level, from the lowest; None for a level that has none. All have the
            other axes of `counts`, or all are sums over them.

    Returns:
        Counts that meet the totals of every level; each level is first scaled to the one above,
        so totals that do not agree are made to, the highest being right.

    Raises:
        DemographyError: If counts or totals are negative or missing, a total above 0 has only
            counts of 0 below it, or levels have totals of different detail: `rake` does that.

    >>> regions = np.array([0, 0, 1])
    >>> rake_nested([1, 3, 4], [regions], [[8, 2]]).tolist()
    [2.0, 6.0, 2.0]
    """
    table = np.array(counts, dtype=np.float64)
    given = [None if t is None else np.asarray(t, dtype=np.float64) for t in totals]
    known = [t for t in given if t is not None]
    wrong = sum(int((~(np.isfinite(v) & (v >= 0))).sum()) for v in (table, *known))
    if wrong or len(parents) != len(totals) or len({t.ndim for t in known}) > 1:
        raise _error(
            "counts or totals of levels do not fit",
            f"{wrong} that are negative or missing, {len(parents)} levels, {len(totals)} totals of "
            f"{len({t.ndim for t in known})} kinds of detail",
            "0 or more; totals for each level, all by the same sexes and ages or all sums",
        )
    places = _chains(table.shape[0], parents)
    above: tuple[Floats, Places] | None = None
    for wanted, place in reversed(list(zip(given, places, strict=True))):
        if wanted is None:
            continue
        if above is not None:
            # the place of this level's areas in the level above that was scaled last
            up = np.zeros(wanted.shape[0], dtype=np.int64)
            up[place] = above[1]
            wanted = _scaled(wanted, above[0], up)  # noqa: PLW2901  (made to agree)
        table = _scaled(table, wanted, place)
        above = wanted, place
    return table


def rake_gross_flows(
    inflow: Any, outflow: Any, total: Any, groups: Any = None, *, net: Any = None
) -> tuple[Floats, Floats]:
    r"""Rake in- and outflows of areas to a total inflow and keep every area's net flow.

    Args:
        inflow: Inflows of areas [areas], 0 or more.
        outflow: Outflows, likewise.
        total: Total inflow of each group.
        groups: The group of each area, such as its region; one group where not given.
        net: Net flows to keep; those of the given flows where not given.

    Returns:
        In- and outflows, none negative, with in − out = net in every area and the inflows of a
        group adding to its total. So the outflows add to the total less the group's net, and net
        flows of groups, regions and the country stay what they were. A flow of 0 stays 0.

    Raises:
        DemographyError: If flows are negative or missing, a total is less than the group's positive
            nets, which is the least inflow there can be, or flows of 0 cannot carry a net.

    Notes:
        Nearest in the Kullback–Leibler sense: $in_i = \lambda_i e^{\alpha_i + \mu}$, $out_i =
        \omega_i e^{\mu - \alpha_i}$, and $\alpha_i$ follows from the net:
        $in_i = \tfrac12\left(n_i + \sqrt{n_i^2 + 4 \lambda_i \omega_i e^{2\mu}}\right)$, which
        grows in $\mu$; one root a group by bisection. Where one of both flows is 0, the net alone
        is the other.

    Source:
        Generalised iterative scaling of two Poisson flows under linear constraints; derivation in
        docs/explanation/demography.md.

    >>> flows = rake_gross_flows([30.0, 10.0], [20.0, 20.0], [80.0])
    >>> (flows[0] - flows[1]).round(9).tolist(), round(float(flows[0].sum()), 9)
    ([10.0, -10.0], 80.0)
    """
    come, go = (np.asarray(flow, dtype=np.float64) for flow in (inflow, outflow))
    wanted = np.atleast_1d(np.asarray(total, dtype=np.float64))
    place = np.zeros(come.size, dtype=np.int64) if groups is None else np.asarray(groups)
    kept = come - go if net is None else np.asarray(net, dtype=np.float64)
    _check_gross(come, go, kept, wanted, place)
    product = come * go
    least = np.bincount(place, np.maximum(kept, 0), wanted.size)
    free = np.bincount(place, np.sqrt(product), wanted.size)
    # rounding of a total that is the least there can be
    slack = 1e-12 * np.bincount(place, come + go, wanted.size)
    short = (wanted < least - slack) | ((wanted > least + slack) & (free == 0))
    if short.any():
        raise _error(
            "a total inflow cannot be met with these net flows",
            f"groups {listed(np.flatnonzero(short).tolist())}: {listed(wanted[short].tolist())}, "
            f"where positive nets add to {listed(least[short].tolist())}",
            "totals of at least the positive net flows, and flows above 0 for more than that",
        )

    def flows(log: Any) -> Floats:
        both = product * np.exp(2 * log)[place]
        root = np.sqrt(kept**2 + 4 * both)
        # where the net is negative the plain form cancels
        rest = np.divide(2 * both, root - kept, out=np.zeros_like(root), where=root > kept)
        return np.asarray(np.where(kept > 0, (kept + root) / 2, rest))

    low = np.full(wanted.size, -40.0)
    # an inflow is at least n / 2 + sqrt(λω) e^μ, so μ is at most this
    most = wanted - np.bincount(place, kept, wanted.size) / 2
    top = np.divide(most, free, out=np.full(wanted.size, np.exp(-40.0)), where=free > 0)
    high = np.log(np.maximum(top, np.exp(-40.0))) + 1e-9
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        over = np.bincount(place, flows(middle), wanted.size) > wanted
        low, high = np.where(over, low, middle), np.where(over, middle, high)
        if (high - low).max() < 1e-14:
            break
    into = flows((low + high) / 2)
    return into, np.maximum(into - kept, 0.0)


def rake_gross_nested(
    inflow: Any, outflow: Any, parents: Sequence[Places], totals: Sequence[Any]
) -> tuple[Floats, Floats]:
    """Rake gross flows of areas to total inflows of regions and of the country, keeping all nets.

    Args:
        inflow: Inflows of areas [areas].
        outflow: Outflows.
        parents: As in `rake_nested`.
        totals: Total inflows of each level, from the lowest; None for a level that has none.

    Returns:
        In- and outflows of areas. Totals of a level that do not agree with those above are first
        brought to them, as gross flows with the regions' nets, so that no net flow of any level
        changes.

    Raises:
        DemographyError: As in `rake_gross_flows`.

    >>> flows = rake_gross_nested([3.0, 4.0, 5.0], [1.0, 4.0, 9.0], [np.array([0, 0, 1]),
    ...     np.array([0, 0])], [[14.0, 10.0], [24.0]])
    >>> (flows[0] - flows[1]).round(9).tolist(), flows[0][:2].sum().round(9), flows[0][2].round(9)
    ([2.0, 0.0, -4.0], np.float64(14.0), np.float64(10.0))
    """
    come, go = (np.asarray(flow, dtype=np.float64) for flow in (inflow, outflow))
    places = _chains(come.size, parents)
    above: tuple[Floats, Places] | None = None
    for total, place in reversed(list(zip(totals, places, strict=True))):
        if total is None:
            continue
        wanted = np.asarray(total, dtype=np.float64)
        if above is not None:
            up = np.zeros(wanted.size, dtype=np.int64)
            up[place] = above[1]
            net = np.bincount(place, come - go, wanted.size)
            wanted, _ = rake_gross_flows(wanted, wanted - net, above[0], up)
        come, go = rake_gross_flows(come, go, wanted, place)
        above = wanted, place
    return come, go


def _chains(size: int, parents: Sequence[Places]) -> list[Places]:
    """Return the place of each area in every level above, from the lowest."""
    chain, chains = np.arange(size), []
    for parent in parents:
        chain = np.asarray(parent)[chain]
        chains.append(chain)
    return chains


def _check_gross(come: Floats, go: Floats, kept: Floats, wanted: Floats, place: Places) -> None:
    shapes = {come.shape, go.shape, kept.shape, place.shape}
    wrong = sum(int((~np.isfinite(v)).sum()) for v in (come, go, kept, wanted))
    wrong += int((come < 0).sum()) + int((go < 0).sum())
    groups = int(place.max(initial=-1)) + 1
    stuck = ((come == 0) & (kept > 0)) | ((go == 0) & (kept < 0)) if len(shapes) == 1 else come < 0
    if wrong or len(shapes) > 1 or come.ndim != 1 or groups > wanted.size or stuck.any():
        raise _error(
            "gross flows do not fit",
            f"{wrong} that are negative or missing, shapes {sorted(shapes)}, {groups} groups for "
            f"{wanted.size} totals, net flows that flows of 0 would carry at "
            f"{listed(np.flatnonzero(stuck).tolist()) or 'none'}",
            "flows of 0 or more of as many areas, a total a group, flows above 0 where a net needs "
            "them",
        )


def _scaled(table: Floats, totals: Floats, place: Places) -> Floats:
    """Scale rows so that they add to the totals of the place each row belongs to."""
    summed = np.zeros((totals.shape[0], *table.shape[1:]))
    np.add.at(summed, place, table)
    wider = tuple(range(totals.ndim, table.ndim))
    sums = summed.sum(axis=wider) if wider else summed
    stuck = (totals > 0) & (sums == 0)
    if stuck.any() or (totals < 0).any() or (table < 0).any():
        raise _error(
            "a total cannot be met",
            f"{int(stuck.sum())} totals above 0 over cells of 0, {int((totals < 0).sum())} "
            f"negative totals, {int((table < 0).sum())} negative counts",
            "totals of 0 or more, and counts above 0 below each total that is above 0",
        )
    factor = np.divide(totals, sums, out=np.zeros_like(sums), where=sums > 0)
    return np.asarray(table * np.expand_dims(factor, tuple(w for w in wider))[place])


def _check_margins(table: Floats, targets: Sequence[tuple[tuple[int, ...], Floats]]) -> None:
    wrong = int((~np.isfinite(table) | (table < 0)).sum())
    wrong += sum(int((~np.isfinite(totals) | (totals < 0)).sum()) for _, totals in targets)
    if wrong or not targets:
        raise _error("counts or totals are negative or missing", f"{wrong} of them", "0 or more")
    sums = [float(totals.sum()) for _, totals in targets]
    if max(sums) - min(sums) > 1e-10 * max(*sums, 1.0):
        raise _error("the margins do not agree", listed(sums), "margins with one grand total")
    for axes, totals in targets:
        others = tuple(axis for axis in range(table.ndim) if axis not in axes)
        shape = tuple(table.shape[axis] for axis in axes)
        if totals.shape != shape:
            raise _error("a margin does not fit", f"{totals.shape} over axes {axes}", f"{shape}")
        stuck = int(((table.sum(axis=others) == 0) & (totals > 0)).sum())
        if stuck:
            raise _error(
                "totals stand over cells of 0",
                f"{stuck} of the margin over axes {axes}",
                "a cell above 0 wherever the total is",
            )


def _error(what: str, found: str, expected: str) -> DemographyError:
    return DemographyError(
        f"Counts cannot be raked: {what}.",
        expected=expected,
        found=found,
        where="raking",
        fix="Correct the totals; or give the cells a small start where people can be.",
    )
