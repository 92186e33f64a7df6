"""Short-term migration by area, and how it agrees with administrative counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.estimate import Estimate, estimate
from ravenstein.migration.component import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.sparse import SparseEstimate

    Floats = NDArray[np.float64]

STREAMS = {
    "definite_job": "work",
    "looking_for_work": "work",
    "formal_study": "study",
    "accompany_join": "other",
    "other": "other",
}
"""Stream of each reason: people of a stream live alike."""


def by_area(
    short_term: Estimate,
    cells: SparseEstimate,
    areas: Sequence[str],
    workers: Mapping[str, float] | None = None,
) -> Estimate:
    r"""Share short-term immigration out to areas by stream.

    Args:
        short_term: Stays over definition, year, direction, citizenship and reason [persons].
        cells: `survey_migrant_cells`: where long-term immigrants of a stream live.
        areas: Codes of the areas.
        workers: Registered workers by area, where an office has them: shares of the work stream,
            taken as known [persons].

    Returns:
        Stays over definition, year and area. Their sum over areas is the country's.

    Notes:
        $x_a = \sum_s X_s\,p_{a\mid s}$, with $X_s$ the stays of stream $s$ and $p$ its shares of
        areas over all years, in the same draw.

    Source:
        ONS, Short-Term International Migration, local authority estimates: methodology (streams of
        workers, students and others, each with its own distribution).
    """
    inflow = short_term.select(direction=["immigration"]).sum("direction", "citizenship")
    reasons = inflow.labels("reason")
    own = cells.where(cells.labels["direction"] == "immigration")
    stream = np.array([STREAMS[reason] for reason in own.labels["reason"].tolist()], dtype=str)
    streams = sorted(set(STREAMS.values()))
    counts = own.relabelled(stream=stream).sums({"stream": streams, "area": list(areas)})
    shares = _shares(counts)
    if workers is not None and sum(workers.values()) > 0:
        _refuse_others(workers, areas)
        known = np.array([float(workers.get(area, 0.0)) for area in areas])
        shares[streams.index("work")] = (known / known.sum())[:, None]
    of = np.array([[STREAMS[r] == s for s in streams] for r in reasons], dtype=np.float64)
    whole = np.concatenate([inflow.point.values[..., None], inflow.draws.values], axis=-1)
    found = np.einsum("vyrk,rs,sak->vyak", whole, of, shares, optimize=True)
    labels = {"definition": inflow.labels("definition"), "year": inflow.labels("year")}
    return estimate(found[..., 0], found[..., 1:], labels | {"area": list(areas)}, "persons")


def _refuse_others(workers: Mapping[str, float], areas: Sequence[str]) -> None:
    others = sorted(set(workers) - set(areas))
    if others:
        raise MigrationError(
            "Registered workers are of areas that are not asked for.",
            expected=f"some of {len(areas)} areas",
            found=listed(others),
            where="worker_registrations, column area",
            fix="Give the areas too: nobody is left out.",
        )


def _shares(counts: Floats) -> Floats:
    """Return shares of areas by stream; those of all streams where a stream has nobody."""
    whole = counts.sum(axis=1, keepdims=True)
    usual = counts.sum(axis=0) / counts.sum(axis=(0, 1))
    own = np.divide(counts, whole, out=np.zeros_like(counts), where=whole > 0)
    return np.asarray(np.where(whole > 0, own, usual))


def area_rows(found: Estimate) -> list[dict[str, Any]]:
    """Return rows of `short_term_areas`; figures with too large an error are left out.

    Args:
        found: Stays over definition, year and area.

    Notes:
        Figures whose coefficient of variation is above the parameter `short_term_cv` are missing.
    """
    most = float(parameters()["short_term_cv"].values[-1][1])
    variation = found.coefficient_of_variation().values
    names = found.dimensions
    labels = [found.labels(name) for name in names]
    rows = []
    for place in np.ndindex(variation.shape):
        cv = float(variation[place])
        known = np.isfinite(cv)
        rows.append(
            {
                n: labels[i][at]
                for i, (n, at) in enumerate(zip(found.dimensions, place, strict=True))
            }
            | {
                "persons": float(found.point.values[place]) if known and cv <= most else None,
                "cv": cv if known else None,
            }
        )
    return rows


def coherence(migrants: Estimate, registered: Mapping[int, int]) -> list[dict[str, Any]]:
    r"""Compare migrants with people whom an office registered.

    Args:
        migrants: Long-term and short-term immigrants by year [persons].
        registered: Registrations of the same people by year [persons].

    Returns:
        Rows of `migration_coherence`: registrations over migrants with a 95 % interval of the
        draws (percentiles, as a ratio's error is not even).

    Notes:
        $R_y = A_y / (L_y + S_y)$. Far from 1, or moving, either source or the definitions differ;
        near 1 says only that the numbers agree, not that they are the same people.

    Source:
        ONS, Short-Term International Migration: coherence of the estimates with administrative
        sources, feasibility reports.
    """
    years = [year for year in migrants.labels("year") if year in registered]
    chosen = migrants.select(year=years)
    bounds = chosen.confidence_interval().values
    return [
        {
            "year": year,
            "persons": point,
            "registered": int(registered[year]),
            "ratio": registered[year] / point,
            "lower": registered[year] / high,
            "upper": registered[year] / low,
        }
        for year, point, (low, high) in zip(
            years, chosen.point.values.tolist(), bounds.tolist(), strict=True
        )
        if low > 0
    ]
