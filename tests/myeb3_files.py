"""Small files in the shape of the official summary components of change, to be varied."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa

from ravenstein.core.parameters import load_parameters
from ravenstein.population.areas import with_nations
from ravenstein.store.readers.myeb3 import Myeb3, read_myeb3

YEARS = (2001, 2002, 2003)
FLOWS = (
    "births", "deaths", "natchange", "internal_in", "internal_out", "internal_net",
    "international_in", "international_out", "international_net", "other_change",
)  # fmt: skip
AREAS = (("E06000001", "Hartlepool", "E"), ("W06000001", "Isle of Anglesey", "W"))


class Myeb3File:
    """A file that balances: 1,000 people, each year +10 −4 +(30−20) +(8−5) +2."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.code, self.name = "ladcode21", "laname21"
        self.years = YEARS
        self.areas = list(AREAS)
        self.cells: dict[tuple[str, str], str] = {}
        self.renamed: dict[str, str] = {}
        self.dropped: set[str] = set()

    def set(self, area: str, column: str, text: str) -> Myeb3File:
        """Put text into a cell."""
        self.cells[area, column] = text
        return self

    def columns(self) -> list[str]:
        names = [f"population_{self.years[0]}"]
        for year in self.years[1:]:
            names += [f"{flow}_{year}" for flow in FLOWS] + [f"population_{year}"]
        return [name for name in names if name not in self.dropped]

    def value(self, area: str, column: str) -> str:
        stem, year = column.rsplit("_", 1)
        yearly = dict(zip(FLOWS, (10, 4, 6, 30, 20, 10, 8, 5, 3, 2), strict=True))
        default = 1000 + 21 * (int(year) - self.years[0]) if stem == "population" else yearly[stem]
        return self.cells.get((area, column), str(default))

    def rows(self) -> list[list[str]]:
        columns = self.columns()
        head = [self.code, self.name, "country", *(self.renamed.get(c, c) for c in columns)]
        body = [[*area, *(self.value(area[0], c) for c in columns)] for area in self.areas]
        return [head, *body]

    def write(self, *, encoding: str = "utf-8", newline: str = "\n") -> Path:
        with self.path.open("w", encoding=encoding, newline="") as stream:
            csv.writer(stream, lineterminator=newline).writerows(self.rows())
        return self.path

    def read(self, **options: object) -> Myeb3:
        return read_myeb3(self.path, self.path.name, **options)  # type: ignore[arg-type]


def inputs(file: Myeb3) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Return what the account is balanced from: estimates, components, areas."""
    return file.estimates, file.components, with_nations(file.edition, file.areas)


def rounding():
    """Return the account's own parameter."""
    path = Path(__file__).parent.parent / "src/ravenstein/population/account.toml"
    return load_parameters(path)["rounding"]
