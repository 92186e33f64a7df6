"""Gross flows that absorb a net change: the in- and outflow of greatest likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from scipy.special import gammaln, xlogy

from ravenstein.core.errors import DemographyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS = 60


def gross_flows(inflow: Any, outflow: Any, net: Any, *, whole: bool = False) -> tuple[Floats, ...]:
    r"""Return the gross flows nearest to given ones whose difference is a given net flow.

    Args:
        inflow: Usual inflows, the expectations of Poisson counts [persons], any shape.
        outflow: Usual outflows, of the same shape.
        net: Net flows that in − out must equal, of the same shape.
        whole: Whether flows are whole numbers; nets must be then.

    Returns:
        Inflows and outflows of greatest joint likelihood. With `whole` false they are real numbers
        and the likelihood is its continuation by the gamma function.

        Where a usual flow is 0 it stays 0 and the other is the net, if that has the right sign.
        If not, the flow that was never seen must carry it: the smallest one that does.

    Raises:
        DemographyError: If flows are negative or missing, nets are missing, or not whole numbers
            where `whole` is asked for.

    Notes:
        Over $y = out$ with $in = y + n$ the log-likelihood
        $(y+n)\ln\lambda_{in} - \ln\Gamma(y+n+1) + y \ln\lambda_{out} - \ln\Gamma(y+1)$ is strictly
        concave; its maximum solves $\psi(y+1) + \psi(y+n+1) = \ln(\lambda_{in}\lambda_{out})$, or
        lies at the bound $y = \max(0, -n)$. Solved by Newton's method from the root of
        $(y+\tfrac12)(y+n+\tfrac12) = \lambda_{in}\lambda_{out}$, as $\psi(x+1) \approx
        \ln(x+\tfrac12)$. The whole maximum is next to the real one, because the likelihood is
        concave.

    Source:
        Poisson model of gross flows given a net flow: Greater London Authority, population
        projections, methodology for the rebased back series (2023), where the maximum is searched
        in steps; the root is ours.

    >>> flows = gross_flows(100.0, 80.0, 40.0, whole=True)
    >>> [float(flow) for flow in flows]
    [111.0, 71.0]
    """
    given = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (inflow, outflow, net)))
    wrong = int((~np.isfinite(np.stack(given))).sum())
    wrong += sum(int((flows < 0).sum()) for flows in given[:2])
    broken = int((given[2] != np.round(given[2])).sum()) if whole else 0
    if wrong or broken:
        raise DemographyError(
            "Gross flows cannot be found.",
            expected="flows of 0 or more and nets, none missing; whole nets for whole flows",
            found=f"{wrong} that are negative or missing, {broken} nets that are not whole",
            where="gross flows",
            fix="Correct the flows; for a net alone, give the usual flows as rates × population.",
        )
    into, out, change = (np.ascontiguousarray(values).ravel() for values in given)
    found = np.empty(into.size)
    _solve(into, out, change, whole, found)
    leaving = found.reshape(given[0].shape)
    return leaving + given[2], leaving


def log_likelihood(inflow: Any, outflow: Any, usual_in: Any, usual_out: Any) -> Floats:
    """Return the Poisson log-likelihood of gross flows, given the usual ones.

    Args:
        inflow: Inflows.
        outflow: Outflows.
        usual_in: Expected inflows.
        usual_out: Expected outflows.
    """
    total = np.zeros(np.broadcast_shapes(np.shape(inflow), np.shape(usual_in)))
    for seen, usual in ((inflow, usual_in), (outflow, usual_out)):
        count, mean = np.asarray(seen, dtype=np.float64), np.asarray(usual, dtype=np.float64)
        total = total + xlogy(count, mean) - mean - gammaln(count + 1)
    return np.asarray(total)


@numba.njit(cache=True, inline="always")
def _psi(x: float) -> tuple[float, float]:  # pragma: no cover  (compiled)
    """Return digamma and trigamma of x >= 1: recurrence to 6, then the asymptotic series."""
    low = high = 0.0
    while x < 6.0:
        low -= 1.0 / x
        high += 1.0 / (x * x)
        x += 1.0
    i = 1.0 / x
    s = i * i
    low += (
        np.log(x)
        - 0.5 * i
        - s
        * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * 691 / 32760)))))
    )
    high += i * (
        1 + i * (0.5 + i * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30 - s * 5 / 66)))))
    )
    return low, high


@numba.njit(cache=True, nogil=True, parallel=True)
def _solve(
    inflow: Floats, outflow: Floats, net: Floats, whole: bool, out: Floats
) -> None:  # pragma: no cover  (compiled)
    for i in numba.prange(out.size):
        n = net[i]
        least = max(0.0, -n)
        if inflow[i] == 0.0 or outflow[i] == 0.0:
            # one of the flows is never seen: it stays 0 if the other can carry the net
            out[i] = least
            continue
        target = np.log(inflow[i]) + np.log(outflow[i])
        half = 0.5 * n
        # of the two forms of the root the one that does not cancel
        root = np.sqrt(half * half + np.exp(target))
        y = root - half if n <= 0 else np.exp(target) / (root + half)
        y = max(y - 0.5, least)
        for _ in range(_STEPS):
            a, a1 = _psi(y + 1.0)
            b, b1 = _psi(y + n + 1.0)
            step = (target - a - b) / (a1 + b1)
            after = max(y + step, least + 0.1 * (y - least))
            if y + step <= least and y - least < 1e-9:
                y = least
                break
            done = abs(after - y) <= 1e-12 * (1.0 + y)
            y = after
            if done:
                break
        if whole:
            below = max(np.floor(y), least)
            # one more of both multiplies the likelihood by this
            gain = target - np.log(below + 1.0) - np.log(below + n + 1.0)
            y = below + 1.0 if gain > 0 else below
        out[i] = y
