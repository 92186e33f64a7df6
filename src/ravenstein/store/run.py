"""A run: steps that read and write, seen from outside only when all of them have succeeded."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.csv as arrow_csv

from ravenstein.core.errors import EstimateError, StoreError
from ravenstein.core.parameters import text_hash
from ravenstein.store.checks import checked
from ravenstein.store.database import Vintage, single_value, utc_now
from ravenstein.store.files import (
    file_hash,
    new_folder,
    publish_folder,
    waiting_folder,
    write_parquet,
)
from ravenstein.store.provenance import FromFile, FromTable, code_version, engine_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ravenstein.core.estimate import Estimate
    from ravenstein.core.parameters import Parameters
    from ravenstein.core.schema import Table
    from ravenstein.store.database import Store


@dataclass
class Step:
    """A step in progress; `note` is what it says when it ends."""

    title: str
    started: float
    note: str = ""
    seconds: float = 0.0
    ended: bool = False
    done: bool = False


@dataclass(frozen=True)
class _Origin:
    """What made the rows: the function, what it was given, its parameters."""

    method: Callable[..., Any]
    inputs: Sequence[FromTable | FromFile]
    parameters: Parameters | None


class Run:
    """One run of a study. Use `start_run`.

    Args:
        store: The open store.
        number: The run's number.
        draws: The study's number of draws; estimates must have as many.
        told: Called when a step begins and when it ends.
    """

    def __init__(self, store: Store, number: int, draws: int, told: Callable[[Step], None]) -> None:
        self.store = store
        self.number = number
        self.draws = draws
        self.steps: list[Step] = []
        self.written: list[Vintage] = []
        self.warnings: list[str] = []
        self._folders: list[Path] = []
        self._told = told
        self._since = time.perf_counter()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Time a named step, and tell the listener when it begins and ends."""
        step = Step(title, time.perf_counter())
        self.steps.append(step)
        self._since = step.started
        self._told(step)
        try:
            yield step
            step.done = True
        finally:
            step.ended = True
            step.seconds = time.perf_counter() - step.started
            self._told(step)

    def read(self, table: Table) -> nw.LazyFrame[Any]:
        """Return a table's rows: this run's, or the latest complete run's."""
        return self.store.read(table, run=self.number)

    def write(
        self,
        table: Table,
        rows: nw.LazyFrame[Any] | pa.Table,
        *,
        method: Callable[..., Any],
        inputs: Sequence[FromTable | FromFile] = (),
        parameters: Parameters | None = None,
    ) -> Vintage:
        """Store rows as a new vintage, in the order of their grain, with their provenance.

        Args:
            table: The declaration.
            rows: The rows.
            method: The function that made them.
            inputs: What it was given.
            parameters: Its parameters.

        Raises:
            TableError: If the rows break the declaration; nothing is stored.
        """
        frame = self.store.from_rows(rows) if isinstance(rows, pa.Table) else rows
        ordered = frame.select(*table.names).sort(*table.grain)
        write = self._next_write(table)
        storage = f"{table.name}@{write}"
        with self._transaction():
            ordered.to_native().create(f'data."{storage}"')
            created = nw.from_native(self.store.relation(storage)).lazy()
            count = checked(table, created)
            content = _content_hash(self.store.relation(storage))
            earlier = self._same_as_latest(table, content)
            if earlier:
                self.store.connection.execute(f'DROP TABLE data."{storage}"')
            return self._record(
                table,
                write,
                (earlier or storage, count, content),
                _Origin(method, inputs, parameters),
            )

    def write_estimate(
        self,
        table: Table,
        given: Estimate,
        *,
        method: Callable[..., Any],
        inputs: Sequence[FromTable | FromFile] = (),
        parameters: Parameters | None = None,
    ) -> Vintage:
        """Store an estimate as a Parquet file: a row a cell, draws as a float32 list.

        Raises:
            EstimateError: If it does not have the study's number of draws.
            TableError: If its cells break the declaration.
        """
        from ravenstein.core.cells import estimate_to_rows

        rows = estimate_to_rows(given)
        return self.write_cells(table, rows, method=method, inputs=inputs, parameters=parameters)

    def write_cells(
        self,
        table: Table,
        rows: pa.Table,
        *,
        method: Callable[..., Any],
        inputs: Sequence[FromTable | FromFile] = (),
        parameters: Parameters | None = None,
    ) -> Vintage:
        """Store cells with their draws as a Parquet file: a row a cell, draws as a float32 list.

        Raises:
            EstimateError: If a cell does not have the study's number of draws.
            TableError: If the cells break the declaration.
        """
        count = rows.schema.field("draws").type.list_size
        if count != self.draws:
            raise EstimateError(
                f"Estimate {table.name!r} does not have the study's number of draws.",
                expected=f"{self.draws} draws",
                found=f"{count}",
                where=f"table {table.name}",
                fix="Draw as many as `draws` in study.toml says.",
            )
        write = self._next_write(table)
        storage = f"estimates/{table.name}@{write}.parquet"
        path = self.store.folder / storage
        write_parquet(rows, path)
        try:
            with self._transaction():
                cells = checked(table, nw.from_native(self.store.relation(storage)).lazy())
                content = file_hash(path)
                earlier = self._same_as_latest(table, content)
                if earlier:
                    path.unlink()
                stored = (earlier or storage, cells, content)
                return self._record(table, write, stored, _Origin(method, inputs, parameters))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _record(
        self, table: Table, write: int, stored: tuple[str, int, str], origin: _Origin
    ) -> Vintage:
        storage, rows, content = stored
        method = origin.method
        now = time.perf_counter()
        seconds, self._since = now - self._since, now
        text = origin.parameters.as_text() if origin.parameters else ""
        vintage = Vintage(
            write=write,
            run=self.number,
            table_name=table.name,
            vintage=1 + max((v.vintage for v in self.store.vintages(table.name)), default=0),
            storage=storage,
            step=self.steps[-1].title,
            method=f"{method.__module__}.{method.__qualname__}",
            parameters_hash=text_hash(text) if text else "",
            parameters=text,
            rows=rows,
            content_hash=content,
            seconds=seconds,
            written_at=utc_now(),
        )
        values = list(vars(vintage).values())
        places = ", ".join("?" * len(values))
        connection = self.store.connection
        connection.execute(f"INSERT INTO provenance.writes VALUES ({places})", values)
        for position, given in enumerate(origin.inputs):
            connection.execute(
                "INSERT INTO provenance.inputs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [write, position, *self._input_row(given)],
            )
        self.written.append(vintage)
        return vintage

    def _input_row(self, given: FromTable | FromFile) -> list[Any]:
        if isinstance(given, FromFile):
            clauses = json.dumps([given.column, given.key])
            applies = json.dumps(given.applies)
            return ["file", given.name, None, given.sha256, given.rows, clauses, applies]
        read = self.store.vintage(given.table, run=self.number)
        clauses = json.dumps(list(given.clauses))
        return ["table", read.table_name, read.write, read.content_hash, read.rows, clauses, "{}"]

    def _same_as_latest(self, table: Table, content: str) -> str | None:
        """Return where the latest vintage lies if its content is the same: it is kept once."""
        vintages = self.store.vintages(table.name)
        same = vintages and vintages[-1].content_hash == content
        return vintages[-1].storage if same else None

    def _next_write(self, table: Table) -> int:
        if table.name in {vintage.table_name for vintage in self.written}:
            raise StoreError(
                f"Table {table.name!r} is written twice in one run.",
                expected="one vintage a run",
                found="a second write",
                where=f"step {self.steps[-1].title!r}",
                fix="Join the rows before they are written.",
            )
        return _next(self.store.connection, "writes", "write")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self.store.connection
        connection.begin()
        try:
            yield
            connection.commit()
        except BaseException:
            connection.rollback()
            raise

    @contextlib.contextmanager
    def new_folder(self, folder: Path) -> Iterator[Path]:
        """Give a folder to fill that takes the place of `folder` when the run is complete."""
        with new_folder(folder, self.number) as waiting:
            yield waiting
            self._folders.append(folder)

    def commit(self) -> None:
        """Make this run's tables the current ones, all at once."""
        with self._transaction():
            connection = self.store.connection
            connection.execute(
                "UPDATE provenance.runs SET status = 'complete', finished_at = ? WHERE run = ?",
                [utc_now(), self.number],
            )
            for vintage in self.written:
                view = f'CREATE OR REPLACE VIEW main."{vintage.table_name}" AS SELECT * FROM '
                if not vintage.storage.endswith(".parquet"):
                    connection.execute(f'{view} data."{vintage.storage}"')

    def publish(self) -> None:
        """Put this run's folders in their places; if killed here, the next run does it."""
        for folder in self._folders:
            publish_folder(folder, self.number)

    def fail(self) -> None:
        """Drop what this run wrote; the tables of the run before stay current."""
        with self._transaction():
            connection = self.store.connection
            connection.execute(
                "UPDATE provenance.runs SET status = 'failed', finished_at = ? WHERE run = ?",
                [utc_now(), self.number],
            )
            own = [v for v in self.written if v.storage.startswith(_own_name(v))]
            for vintage in own:
                if not vintage.storage.endswith(".parquet"):
                    connection.execute(f'DROP TABLE data."{vintage.storage}"')
        for vintage in own:
            if vintage.storage.endswith(".parquet"):
                (self.store.folder / vintage.storage).unlink(missing_ok=True)
        for folder in self._folders:
            shutil.rmtree(waiting_folder(folder, self.number), ignore_errors=True)


def _own_name(vintage: Vintage) -> tuple[str, str]:
    """Return how a storage begins that this write made, rather than found with equal content."""
    name = f"{vintage.table_name}@{vintage.write}"
    return name, f"estimates/{name}"


@contextlib.contextmanager
def start_run(
    store: Store, *, study: str, engine: str, draws: int, told: Callable[[Step], None]
) -> Iterator[Run]:
    """Begin a run; when the block ends its tables become current, and if it fails they vanish.

    Args:
        store: A store open for writing.
        study: The text of study.toml.
        engine: The engine's name.
        draws: The study's number of draws.
        told: Called when a step begins and when it ends.
    """
    number = _next(store.connection, "runs", "run")
    store.connection.execute(
        "INSERT INTO provenance.runs VALUES (?, 'running', ?, NULL, ?, ?, ?, ?)",
        [number, utc_now(), code_version(), engine_versions(engine), text_hash(study), study],
    )
    run = Run(store, number, draws, told)
    try:
        yield run
        run.commit()
    except BaseException:
        # where even this cannot be written, the next run finds the run unfinished and clears it
        with contextlib.suppress(duckdb.Error):
            run.fail()
        raise
    run.publish()


def _next(connection: duckdb.DuckDBPyConnection, name: str, column: str) -> int:
    query = f"SELECT coalesce(max({column}), 0) + 1 FROM provenance.{name}"
    return int(single_value(connection, query))


class _Digest(io.RawIOBase):
    """A file that keeps only the hash of what is written to it."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return len(data)


def _content_hash(relation: duckdb.DuckDBPyRelation) -> str:
    """Return the SHA-256 of rows as CSV, in their stored order, a batch at a time."""
    reader = relation.to_arrow_reader()
    digest = _Digest()
    with arrow_csv.CSVWriter(pa.PythonFile(digest, mode="w"), reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
    return digest.hash.hexdigest()
