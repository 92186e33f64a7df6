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
        totals: Totals of each level, from the lowest; None for a level that has none; the other
            axes of `counts` where totals are by age or sex, or sums over them.

    Returns:
        Counts that meet the totals of every level; each level is first scaled to the one above,
        so totals that do not agree are made to, the highest being right.

    Raises:
        DemographyError: If a total above 0 has only counts of 0 below it, or is negative.

    >>> regions = np.array([0, 0, 1])
    >>> rake_nested([1, 3, 4], [regions], [[8, 2]]).tolist()
    [2.0, 6.0, 2.0]
    """
    table = np.array(counts, dtype=np.float64)
    above: Floats | None = None
    last = 0  # the level that was scaled before
    chains = []
    chain = np.arange(table.shape[0])
    for parent in parents:
        chain = np.asarray(parent)[chain]
        chains.append(chain)
    for level in reversed(range(len(parents))):
        wanted = None if totals[level] is None else np.asarray(totals[level], dtype=np.float64)
        if wanted is None:
            continue
        if above is not None:
            # the place of this level's areas in the level above that was scaled last
            up = np.zeros(wanted.shape[0], dtype=np.int64)
            up[chains[level]] = chains[last]
            wanted = _scaled(wanted, above, up)
        table = _scaled(table, wanted, chains[level])
        above, last = wanted, level
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
        flows of groups, regions and the country stay what they were.

    Raises:
        DemographyError: If a total is less than the group's positive nets, which is the least
            inflow there can be; or an area would need flows where it has none.

    Notes:
        Nearest in the Kullback–Leibler sense: $in_i = \lambda_i e^{\alpha_i + \mu}$, $out_i =
        \omega_i e^{\mu - \alpha_i}$, and $\alpha_i$ follows from the net:
        $in_i = \tfrac12\left(n_i + \sqrt{n_i^2 + 4 \lambda_i \omega_i e^{2\mu}}\right)$, which
        grows in $\mu$; one root a group by bisection.

    Source:
        Generalised iterative scaling of two Poisson flows under linear constraints; derivation in
        docs/explanation/demography.md.

    >>> flows = rake_gross_flows([30.0, 10.0], [20.0, 20.0], [80.0])
    >>> (flows[0] - flows[1]).round(9).tolist(), round(float(flows[0].sum()), 9)
    ([10.0, -10.0], 80.0)
    """
    given = [np.asarray(flow, dtype=np.float64) for flow in (inflow, outflow)]
    wanted = np.atleast_1d(np.asarray(total, dtype=np.float64))
    place = np.zeros(given[0].size, dtype=np.int64) if groups is None else np.asarray(groups)
    kept = given[0] - given[1] if net is None else np.asarray(net, dtype=np.float64)
    product = np.maximum(given[0], 0) * np.maximum(given[1], 0)
    least = np.bincount(place, np.maximum(kept, 0), wanted.size)
    free = np.bincount(place, np.sqrt(product), wanted.size)
    short = (wanted < least - 1e-9 * (1 + least)) | ((wanted > least * (1 + 1e-12)) & (free == 0))
    if any((flow < 0).any() for flow in given) or short.any():
        raise _error(
            "a total inflow cannot be met with these net flows",
            f"{listed(np.flatnonzero(short).tolist()) or 'negative flows'}, where it is "
            f"{listed(wanted[short].tolist())} and positive nets add to "
            f"{listed(least[short].tolist())}",
            "totals of at least the positive net flows, and flows of 0 or more",
        )

    def flows(log: Any) -> Floats:
        root = np.sqrt(kept**2 + 4 * product * np.exp(2 * log)[place])
        # where the net is negative the plain form cancels
        rest = np.divide(
            2 * product * np.exp(2 * log)[place], root - kept, out=np.zeros_like(root),
            where=root > kept,
        )  # fmt: skip
        return np.asarray(np.where(kept > 0, (kept + root) / 2, rest))

    low = np.full(wanted.size, -40.0)
    # an inflow is at least n / 2 + sqrt(λω) e^μ, so μ is at most this
    most = wanted - np.bincount(place, kept, wanted.size) / 2
    high = np.log(np.maximum(most, 1e-300) / np.maximum(free, 1e-300)) + 1e-9
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        over = np.bincount(place, flows(middle), wanted.size) > wanted
        low, high = np.where(over, low, middle), np.where(over, middle, high)
        if (high - low).max() < 1e-14:
            break
    into = flows((low + high) / 2)
    out = np.where(kept > 0, flows((low + high) / 2) - kept, into - kept)
    return into, np.maximum(out, 0.0)


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
    if max(sums) - min(sums) > 1e-6 * max(*sums, 1.0):
        raise _error("the margins do not agree", listed(sums), "margins with one grand total")
    for axes, totals in targets:
        others = tuple(axis for axis in range(table.ndim) if axis not in axes)
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
