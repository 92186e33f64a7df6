"""The imbalance stage: arrivals and departures of overseas residents agree, traffic stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.cells import cells, refuse, sums
from ravenstein.passenger_survey.stages import Stage, with_one

if TYPE_CHECKING:
    from ravenstein.passenger_survey.cells import Weights


def imbalance(
    prior: Weights, route: Any, flow: Any, eligible: Any, factors: tuple[Any, Any]
) -> Stage:
    r"""Bring arrivals and departures of overseas residents into balance, traffic kept.

    Args:
        prior: Weights so far, $p\,w_5$ [n, R].
        route: Port route [n].
        flow: 1–4 by air, 5–8 otherwise: odd for overseas residents (1, 5 departing; 3, 7
            arriving), even for residents [n].
        eligible: Whether the row takes part [n].
        factors: Factor of the port, and of the country (flows 1 and 5) [n].

    Returns:
        $w_6$: for eligible overseas residents port factor (times country factor); for eligible
        residents of the flow f + 1 of the same route $1-\Delta/\sum w$, with Δ the weight that the
        overseas flow f gained. Elsewhere 1.

    Raises:
        SurveyError: If a weight of the full sample would be negative.
    """
    flows = np.asarray(flow, dtype=np.float64)
    taking = (np.asarray(eligible) == 1) & np.isfinite(flows)
    number = np.where(np.isfinite(flows), flows, 0).astype(np.int64)
    port, country = (np.nan_to_num(np.asarray(f, dtype=np.float64), nan=1.0) for f in factors)
    overseas = taking & (number % 2 == 1)
    factor = np.where(overseas, port, 1.0)
    factor = np.where(overseas & np.isin(number, (1, 5)), factor * country, factor)
    pair = (number + 1) // 2  # flows 1 and 2 are one pair, and so on
    known = cells((route, pair))
    of = known.rows[0]
    gained = sums(prior, of, known.count, (factor - 1) * overseas)
    residents = taking & (number % 2 == 0) & (number > 0)
    held = sums(prior, of, known.count, residents)
    ratio = np.where(held > 0, gained / np.where(held > 0, held, 1), 0.0)
    takes = np.where(residents, of, known.count)
    left = (held == 0) & (np.abs(gained) > 0)
    warnings = []
    if left[:, 0].any():
        warnings.append(
            f"{int(left[:, 0].sum())} route flows have no residents to balance with: traffic "
            f"changes by {gained[left[:, 0], 0].sum():+,.0f} ({known.named(left[:, 0])})"
        )
    emptied = left[:, 1:].any(axis=0) & ~left[:, 0].any()
    if emptied.any():
        warnings.append(
            f"route flows have no residents left to balance with in {int(emptied.sum())} of "
            f"{emptied.size} replicates"
        )
    cases = np.bincount(of[taking], minlength=known.count)
    times = np.where(residents, 1.0, factor)
    made = Stage(with_one(1 - ratio), takes, times, known, of, cases)
    low = float(made.own.min(initial=1))
    if low < 0:
        raise refuse(
            "imbalance", "Weights would be negative.", "gains that residents' weights can balance",
            f"{low:.3f} and others on {known.named(ratio[:, 0] > 1)}",
            "Correct the factors, or leave interviews out by eligible = 0.",
        )  # fmt: skip
    if low < 0.5:
        warnings.append(f"the smallest weight is {low:.3f}")
    return replace(made, warnings=tuple(warnings))
