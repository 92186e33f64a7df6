"""The quality report of the weighting: what each stage did, and which weights are extreme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.passenger_survey.migrants import DIRECTIONS, long_term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Columns
    from ravenstein.passenger_survey.chain import Weighted

    Row = dict[str, Any]

_SHOWN = 10


def cell_report(found: Weighted) -> Iterator[Row]:
    """Yield what each stage did in each cell that carries weight.

    Yields:
        `stage`, `cell`, `cases` (interviews that count), `weights` (the sum of weights after the
        stage), and `smallest`, `mean` and `largest` weight of the stage.
    """
    prior = np.ones(found.final.shape[0])
    for name, stage in found.stages.items():
        own, count = found.own[name], stage.cells.count
        prior = prior * own
        carried = own > 0
        of = stage.of[carried]
        low, high = np.full(count, np.inf), np.zeros(count)
        np.minimum.at(low, of, own[carried])
        np.maximum.at(high, of, own[carried])
        rows = np.bincount(of, minlength=count)
        total = np.bincount(of, own[carried], minlength=count)
        after = np.bincount(of, prior[carried], minlength=count)
        labels = stage.cells.labels
        for i in np.flatnonzero((stage.cases > 0) & (rows > 0)).tolist():
            yield {
                "stage": name,
                "cell": labels[i],
                "cases": int(stage.cases[i]),
                "weights": float(after[i]),
                "smallest": float(low[i]),
                "mean": float(total[i] / rows[i]),
                "largest": float(high[i]),
            }


def extremes(contacts: Columns, found: Weighted) -> Iterator[Row]:
    """Yield the interviews with the largest final weights of a month, of all and of migrants.

    Yields:
        `among` (`all` or `migrants`), `direction`, `stage` and `cell` (of the stage whose weight is
        furthest above its median), `final`, `times_median` of the month, and `influence`: what the
        interview adds to net migration [persons].
    """
    final = found.final[:, 0]
    held = final > 0
    if not held.any():
        return
    middle = float(np.median(final[held]))
    stages = list(found.stages.items())
    beyond = np.array([_over_median(found.own[name]) for name, _ in stages])
    cause = beyond.argmax(axis=0)
    labels = [stage.cells.labels for _, stage in stages]
    migrants = long_term(contacts)
    sign = np.where(contacts["arrivedepart"] == 1, 1.0, -1.0)
    for among, rows in (("all", held), ("migrants", held & migrants)):
        places = np.flatnonzero(rows)
        order = np.lexsort((contacts["serial"][places], -final[places]))
        for i in places[order][:_SHOWN].tolist():
            name, stage = stages[cause[i]]
            yield {
                "among": among,
                "direction": DIRECTIONS[int(contacts["arrivedepart"][i]) - 1],
                "stage": name,
                "cell": labels[cause[i]][stage.of[i]],
                "final": float(final[i]),
                "times_median": float(final[i]) / middle,
                "influence": float(sign[i] * final[i]) if migrants[i] else 0.0,
            }


def _over_median(own: NDArray[np.float64]) -> NDArray[np.float64]:
    held = own > 0
    return own / np.median(own[held]) if held.any() else own


def largest(rows: list[Row]) -> Iterator[Row]:
    """Yield the largest of several months' extremes, ranked within year and group."""
    for year, among in sorted({(row["year"], row["among"]) for row in rows}):
        chosen = [r for r in rows if (r["year"], r["among"]) == (year, among)]
        chosen.sort(key=lambda r: (-r["final"], r["cell"]))
        yield from ({**row, "rank": rank} for rank, row in enumerate(chosen[:_SHOWN], start=1))
