"""The twin's areas and routes: invented names, codes that no standard uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.settings import Settings

KINDS = ("city", "suburb", "coast", "rural", "industrial", "student")
MODES = ("air", "sea", "tunnel", "land")
LAND = 3  # the land border, behind which the Irish Republic lies
CARRIERS = 3
_NAMED = (
    # name, nation, kind, relative size
    ("Aldermoor", "X", "rural", 88.4),
    ("Brackenford", "X", "suburb", 142.1),
    ("Castlehythe", "X", "coast", 121.3),
    ("Dunmere", "X", "industrial", 203.7),
    ("Eastholm", "X", "city", 412.9),
    ("Fernleigh Vale", "X", "rural", 61.2),
    ("Greyport", "X", "industrial", 254.8),
    ("Holmwater", "X", "suburb", 176.5),
    ("Isley and Marl", "X", "student", 97.7),
    ("Juniper Coast", "X", "coast", 84.9),
    ("Kestrel Forest", "X", "rural", 53.3),
    ("Lanthorn Quarter", "X", "city", 9.7),
    ("Mossgate", "X", "suburb", 119.6),
    ("Netherwick", "X", "industrial", 148.2),
    ("Oxlea and Sarn", "Y", "rural", 72.6),
    ("Pellhaven", "Y", "coast", 66.1),
    ("Quillmouth", "Y", "city", 288.3),
    ("Rooksby", "Y", "suburb", 104.8),
    ("Sallow Islands", "Y", "coast", 21.9),
    ("Thornreach", "Y", "student", 131.5),
)
_FIRST = (
    "Ash", "Birk", "Cold", "Dray", "Elm", "Fen", "Gold", "Hazel", "Ivy", "Kings", "Long", "Mill",
    "North", "Oak", "Priors", "Red", "Stone", "Thorn", "Under", "Wood",
)  # fmt: skip
_SECOND = (
    "bridge", "bury", "combe", "dale", "field", "ford", "gate", "ham", "hurst", "leigh", "mere",
    "mouth", "port", "stead", "stow", "thorpe", "ton", "wick", "wold", "worth",
)  # fmt: skip
_LARGEST = 12.0  # sizes of further areas: from the size of a small district to that of a large city


@dataclass(frozen=True)
class Areas:
    """The areas.

    Args:
        codes: Their codes.
        names: Their names.
        nations: Letter of their nation.
        kind: Kind of each, a place in `KINDS` [areas].
        size: Share of the first population [areas].
    """

    codes: tuple[str, ...]
    names: tuple[str, ...]
    nations: tuple[str, ...]
    kind: NDArray[np.int64]
    size: NDArray[np.float64]

    @property
    def nation(self) -> NDArray[np.int64]:
        """Nation of each area, 0 or 1 [areas]."""
        return np.array([letter == "Y" for letter in self.nations], dtype=np.int64)


@dataclass(frozen=True)
class Routes:
    """The routes, each terminal one.

    Args:
        codes: Their numbers [routes].
        names: Their names.
        mode: Mode of each, a place in `MODES` [routes].
        share: Share of crossings [routes].
        sampled: Whether the passenger survey samples the route [routes].
        night: Whether it samples its nights [routes].
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]
    mode: NDArray[np.int64]
    share: NDArray[np.float64]
    sampled: NDArray[np.bool_]
    night: NDArray[np.bool_]


def areas(count: int) -> Areas:
    """Return as many areas: the twenty named ones, then others of all kinds and sizes.

    >>> found = areas(374)
    >>> found.codes[0], found.names[11], len(set(found.names))
    ('X06000001', 'Lanthorn Quarter', 374)
    """
    rows = list(_NAMED[:count])
    for i in range(count - len(rows)):
        first, second = _FIRST[i % 20], _SECOND[(i // 20 + i) % 20]
        size = 40.0 * _LARGEST ** (((i * 7919) % 1009) / 1009)
        rows.append((first + second, "Y" if i % 4 == 3 else "X", KINDS[(i * 5) % 6], size))
    numbers = {"X": 0, "Y": 0}
    codes = []
    for _, nation, _, _ in rows:
        numbers[nation] += 1
        codes.append(f"{nation}06{numbers[nation]:06d}")
    size = np.array([row[3] for row in rows])
    return Areas(
        tuple(codes),
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        np.array([KINDS.index(row[2]) for row in rows]),
        size / size.sum(),
    )


def routes(settings: Settings) -> Routes:
    """Return the routes of a scale: each of the parameters' as many terminals."""
    given = settings.parameters["routes"].values[0][1]
    codes, names, modes, shares, sampled, night = [], [], [], [], [], []
    for name, route in given.items():
        terminals = settings.scale.terminals if route["mode"] != "land" else 1
        for i in range(terminals):
            codes.append(route["code"] + i)
            names.append(f"{name} {i + 1}" if terminals > 1 else name)
            modes.append(MODES.index(route["mode"]))
            shares.append(route["share"] / terminals)
            sampled.append(route["sampled"])
            night.append(route["night"])
    return Routes(
        np.array(codes), tuple(names), np.array(modes), np.array(shares), np.array(sampled),
        np.array(night),
    )  # fmt: skip
