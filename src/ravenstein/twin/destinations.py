"""Where people move to within the country, by stage of life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ravenstein.twin.draws import pick
from ravenstein.twin.geography import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.geography import Areas
    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]

STAGES = ("student", "young", "family", "old")

_TRIES = 4


def destinations(
    settings: Settings,
    generator: np.random.Generator,
    areas: Areas,
    movers: tuple[Ints, Ints],
    middle: int,
) -> Ints:
    """Draw areas of destination, most within the nation.

    Args:
        settings: The settings.
        generator: The block's generator.
        areas: The areas.
        movers: Stage of life, a place in `STAGES`, and area of origin of each mover [m].
        middle: A day of the year.

    Returns:
        Areas [m]; a few are those of origin: who drew their own four times stay.
    """
    stage, origin = movers
    stay = generator.random(stage.size) < settings.at("same_nation", middle)
    found = origin.copy()
    for _ in range(_TRIES):  # a draw of one's own area is drawn again
        again = np.flatnonzero(found == origin)
        near = stay[again] & (areas.size.size > 2)
        found[again] = _drawn(
            settings, generator, areas, (stage[again], origin[again], near), middle
        )
    return found


def _drawn(
    settings: Settings,
    generator: np.random.Generator,
    areas: Areas,
    movers: tuple[Ints, Ints, NDArray[np.bool_]],
    middle: int,
) -> Ints:
    """Draw areas by attraction, within the nation for some."""
    stage, origin, near = movers
    nation, attraction = areas.nation, settings.at("attraction", middle)
    found = np.empty(stage.size, dtype=np.int64)
    for i, name in enumerate(STAGES):
        weight = np.array([attraction[name][kind] for kind in KINDS])[areas.kind] * areas.size
        groups = [(weight * (nation == own), near & (nation[origin] == own)) for own in (0, 1)]
        for weights, chosen in (*groups, (weight, ~near)):
            rows = np.flatnonzero((stage == i) & chosen)
            if rows.size:
                found[rows] = pick(generator, weights, rows.size)
    return found
