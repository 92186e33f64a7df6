"""Names on maps: safe to stand in an SVG, cut to the room there is, and where they go."""

from __future__ import annotations

import html
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Rectangle = tuple[float, float, float, float]

FONT = "Arial, Helvetica, sans-serif"

_LETTERS = 28
_LINES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9)  # shares of the height: names are tried
_STEP = 5.0  # in which their room is measured


def plain(text: str) -> str:
    r"""Return text without the characters that XML forbids, and without other controls.

    Source: W3C, Extensible Markup Language (XML) 1.0, fifth edition, section 2.2.

    >>> plain("Ab\x00e\ud800r\ufffe")
    'Aber'
    """
    return "".join(sign for sign in text if not _odd(sign))


def _odd(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cs") or sign in "\ufffe\uffff"


def escaped(text: str) -> str:
    """Return text as it may stand in an SVG, without characters that XML has not.

    >>> escaped('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return html.escape(plain(text))


def shortened(text: str, letters: int = _LETTERS) -> str:
    """Return a name cut to some letters, without the marks that turn the direction of writing.

    >>> shortened("Bournemouth, Christchurch and Poole")
    'Bournemouth, Christchurch a…'
    """
    said = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return said if len(said) <= letters else said[: letters - 1].rstrip() + "…"


def breadth(text: str) -> float:
    """Return the width of bold text, in sizes of its letters.

    >>> round(breadth("Hull"), 2)
    2.52
    """
    return sum(
        1.05 if unicodedata.east_asian_width(sign) in "WF" else 0.72 if sign.isupper() else 0.6
        for sign in text
    )


def direction(text: str) -> str:
    """Return the attribute that lets text run to the left where its first letter does."""
    sides = (unicodedata.bidirectional(sign) for sign in text)
    first = next((side for side in sides if side in ("L", "R", "AL")), "L")
    return "" if first == "L" else ' direction="rtl"'


def lines(rings: Sequence[Ints], box: Rectangle, high: float) -> list[tuple[float, float, float]]:
    """Return where in an area a line of text has room: middle, height and width, widest first.

    Args:
        rings: The area's rings [points, 2].
        box: What is in view; nothing stands outside of it.
        high: Height of the text.

    >>> lines([np.array([[0, 0], [80, 0], [80, 80], [0, 80]])], (0, 0, 60, 100), 20)[0]
    (30.0, 40.0, 60.0)
    """
    x, y = np.concatenate(rings).T.astype(np.float64)
    u, v = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]).T.astype(np.float64)
    low, top = max(y.min(), box[1]), min(y.max(), box[3])
    left, right = max(x.min(), box[0]), min(x.max(), box[2])
    # from the middle outwards: of lines as wide the first comes first
    middles = low + np.array(_LINES)[:, None] * (top - low)
    edges = np.array([-high / 2, 0, high / 2]) + 1e-3  # off the whole numbers
    level = (middles + edges).reshape(-1, 1)
    crosses = (y > level) != (v > level)
    reach = np.where(crosses, x + (level - y) / np.where(crosses, v - y, 1) * (u - x), np.inf)
    at = np.arange(left + _STEP / 2, right, _STEP)
    inside = np.array([np.searchsorted(row, at) % 2 == 1 for row in np.sort(reach)])
    whole = np.asarray(inside.reshape(len(_LINES), 3, at.size).all(axis=1))
    found = []
    for middle, free in zip(middles[:, 0].tolist(), whole, strict=True):
        ends = np.flatnonzero(np.diff(free, prepend=False, append=False))
        if ends.size:
            run = int(np.diff(ends)[::2].argmax())
            first, last = ends[2 * run : 2 * run + 2].tolist()
            found.append((float(left) + (first + last) * _STEP / 2, middle, (last - first) * _STEP))
    return sorted(found, key=lambda line: -line[2])


def overlaps(one: Rectangle, others: Sequence[Rectangle]) -> bool:
    """Return whether a rectangle covers a part of any other.

    >>> overlaps((0, 0, 2, 2), [(1, 1, 3, 3)]), overlaps((0, 0, 1, 1), [(1, 0, 2, 1)])
    (True, False)
    """
    return any(
        one[0] < x1 and one[2] > x0 and one[1] < y1 and one[3] > y0 for x0, y0, x1, y1 in others
    )
