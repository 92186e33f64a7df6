"""Trails of a release: for every published table the steps behind it, back to the files."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from os.path import normpath, relpath
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ravenstein.core.schema import ColumnType
from ravenstein.store.files import file_hash
from ravenstein.tables.dictionary import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ravenstein.core.schema import Table
    from ravenstein.store.database import Store
    from ravenstein.store.run import Run
    from ravenstein.study import Study

    Row = dict[str, Any]

_MOST_BYTES = 500_000_000  # read again for one release, to see whether files are still the same
_MOST_FILES = 5  # of a folder that are named one by one
_PLAIN = re.compile(r"[A-Za-z0-9_.+/:-]+")
_SPACED = re.compile(r"[A-Za-z0-9_.+/:,() -]+")
_TOTALS = ("all", "total", "net", "long_term")
UNCHANGED = "unchanged"


def trails(study: Study, store: Store, run: Run, tables: Sequence[Table]) -> list[Row]:
    """Return the trail of each published table, made from provenance.

    Args:
        study: The study.
        store: Its open store.
        run: The run in progress, whose own writes come first.
        tables: The published tables, all of them stored.

    Returns:
        For each table its name as `table`, its `title`, an `example` condition that picks one
        cell, and `steps`, its own first and each told once: `id`, `table`, `title`, `step`,
        `method`, `rows`, `sha256` of the content, `parameters`, `inputs` (ids of the tables that
        it read) and `files`. No run, time or folder is in them: the same study on the same files
        gives the same trails.

    Raises:
        StoreError: If a table is not stored.
    """
    seen = _Provenance(study, store)
    return [
        {
            "table": table.name,
            "title": table.title,
            "example": example(store, run.number, table),
            "steps": seen.steps(store.vintage(table.name, run=run.number).write),
        }
        for table in tables
    ]


def example(store: Store, run: int, table: Table) -> str:
    """Return the condition that picks one cell of a stored table, as `ravenstein explain` reads it.

    Args:
        store: The open store.
        run: A run in progress whose own writes come first.
        table: The table.

    Returns:
        Of the widest group and the last period, so that it is no figure that is withheld; "" of a
        table without rows.
    """
    relation = store.relation(store.vintage(table.name, run=run).storage)
    texts = [name for name in table.grain if table.column(name).type is ColumnType.STRING]
    order = [f'("{name}" IN {_TOTALS}) DESC' for name in texts]
    order += [f'"{name}" DESC' for name in table.grain if name not in texts]
    order += [f'"{name}"' for name in texts]
    names = ", ".join(f'"{name}"' for name in table.grain)
    cells = relation.order(", ".join(order)).limit(1).select(names).fetchall()
    return condition(dict(zip(table.grain, cells[0], strict=True))) if cells else ""


def condition(cell: Mapping[str, Any]) -> str:
    """Return a cell as a condition, without values that a shell or the condition could misread.

    >>> condition({"area": "E06000001", "cell": "1/A B", "name": 'a"b', "year": 2012})
    "area=E06000001 and cell='1/A B' and year=2012"
    """
    found = []
    for name, value in cell.items():
        text = str(value)
        if value is not None and _PLAIN.fullmatch(text):
            found.append(f"{name}={text}")
        elif value is not None and _SPACED.fullmatch(text):
            found.append(f"{name}='{text}'")
    return " and ".join(found)


@dataclass
class _Provenance:
    """All that the store has recorded, and which files were looked at again."""

    study: Study
    store: Store
    writes: dict[int, tuple[Any, ...]] = field(init=False)
    inputs: dict[int, list[tuple[Any, ...]]] = field(init=False)
    states: dict[tuple[str, str], str] = field(default_factory=dict)
    left: int = _MOST_BYTES

    def __post_init__(self) -> None:
        connection = self.store.connection
        self.writes = {
            write: tuple(rest)
            for write, *rest in connection.execute(
                "SELECT write, table_name, step, method, rows, content_hash, parameters "
                "FROM provenance.writes"
            ).fetchall()
        }
        self.inputs = defaultdict(list)
        for write, *rest in connection.execute(
            "SELECT write, kind, name, from_write, sha256 FROM provenance.inputs "
            "ORDER BY write, position"
        ).fetchall():
            self.inputs[write].append(tuple(rest))

    def steps(self, write: int) -> list[Row]:
        """Return the steps behind a write, each once, the write's own first."""
        ids: dict[int, str] = {}
        for one in self._behind(write, set()):
            name = self.writes[one][0]
            again = sum(self.writes[other][0] == name for other in ids)
            ids[one] = f"{name}-{again + 1}" if again else name
        return [self._step(one, ids) for one in ids]

    def _behind(self, write: int, told: set[int]) -> Iterator[int]:
        if write in told:
            return
        told.add(write)
        yield write
        for kind, _, source, _ in self.inputs[write]:
            if kind == "table":
                yield from self._behind(source, told)

    def _step(self, write: int, ids: Mapping[int, str]) -> Row:
        name, step, method, rows, content, parameters = self.writes[write]
        inputs = self.inputs[write]
        return {
            "id": ids[write],
            "table": name,
            "title": TABLES[name].title if name in TABLES else name,
            "step": step,
            "method": method,
            "rows": rows,
            "sha256": content,
            "parameters": _parameters(parameters),
            "inputs": [ids[source] for kind, _, source, _ in inputs if kind == "table"],
            "files": self._files([(n, sha) for kind, n, _, sha in inputs if kind == "file"]),
        }

    def _files(self, given: Sequence[tuple[str, str]]) -> list[Row]:
        """Return files with their states; of a folder with many, the first ones and a count."""
        folders: dict[str, list[Row]] = defaultdict(list)
        for name, sha256 in given:
            folder, shown = self._shown(name)
            state = self._state(name, sha256)
            folders[folder].append({"name": shown, "sha256": sha256, "state": state})
        found = []
        for folder, files in folders.items():
            found += files[:_MOST_FILES]
            rest = files[_MOST_FILES:]
            if rest:
                unlike = sum(file["state"] != UNCHANGED for file in rest)
                state = f"{unlike:,} of them not found unchanged" if unlike else UNCHANGED
                more = f"{folder}: {len(rest):,} more files"
                found.append({"name": more, "sha256": "", "state": state})
        return found

    def _shown(self, name: str) -> tuple[str, str]:
        """Return the source that a file is of, and the file's name, both without other folders."""
        for source in self.study.sources:
            for base in (source.file, self._from_results(source.file)):
                if normpath(name).startswith(f"{normpath(base)}/"):
                    folder = PurePath(source.file).name
                    return folder, f"{folder}/{relpath(name, base)}"
        return name, PurePath(name).name

    def _from_results(self, file: str) -> str:
        """Return a source's path as the survey's are recorded: from the results' folder."""
        return relpath(self.study.folder / file, self.store.folder.parent)

    def _state(self, name: str, sha256: str) -> str:
        """Say whether a file is still the one that was read; a file too large is not read again."""
        if (name, sha256) not in self.states:
            self.states[name, sha256] = self._looked_at(name, sha256)
        return self.states[name, sha256]

    def _looked_at(self, name: str, sha256: str) -> str:
        paths: list[Path] = [self.study.folder / name, self.store.folder.parent / name]
        try:
            path = next((path for path in paths if path.is_file()), None)
            if path is None:
                return "no longer there"
            size = path.stat().st_size
            if size > self.left:
                return "not read again, as it is large"
            self.left -= size
            return UNCHANGED if file_hash(path) == sha256 else "changed since it was read"
        except OSError:
            return "not readable"


def _parameters(text: str) -> list[Row]:
    """Return parameters with their dated values in words."""
    return [
        {
            "name": name,
            "unit": entry["unit"],
            "source": entry["source"],
            "values": "; ".join(f"from {day}: {value}" for day, value in entry["values"]),
        }
        for name, entry in json.loads(text or "{}").items()
    ]
