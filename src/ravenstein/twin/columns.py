"""Rows that a simulation adds to as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = dict[str, NDArray[Any]]


@dataclass
class Rows:
    """Columns of integers that grow by parts.

    Args:
        names: Names of the columns.
        parts: The parts so far.
    """

    names: tuple[str, ...]
    parts: list[Columns] = field(default_factory=list)

    def add(self, **columns: Any) -> None:
        """Add rows: arrays of one length, and values that hold for all of them."""
        size = max(np.size(column) for column in columns.values() if np.ndim(column))
        if size:
            self.parts.append(
                {n: np.broadcast_to(np.asarray(columns[n]), size) for n in self.names}
            )

    def joined(self) -> Columns:
        """Return all rows."""
        empty = np.empty(0, dtype=np.int64)
        return {
            name: np.concatenate([empty, *(part[name] for part in self.parts)]).astype(np.int64)
            for name in self.names
        }
