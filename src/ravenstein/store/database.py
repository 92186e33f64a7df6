"""The store: a DuckDB file with every table's vintages and their provenance."""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from ravenstein.core.errors import StoreError
from ravenstein.store.checks import checked
from ravenstein.store.files import recover_folders
from ravenstein.store.provenance import DDL, refuse_other_schema
from ravenstein.store.rows import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ravenstein.core.estimate import Estimate
    from ravenstein.core.schema import Table

FILE = "ravenstein.duckdb"
_WRITE_COLUMNS = (
    "write", "run", "table_name", "vintage", "storage", "step", "method", "parameters_hash",
    "parameters", "rows", "content_hash", "seconds", "written_at",
)  # fmt: skip


@dataclass(frozen=True)
class Vintage:
    """One write of a table, as provenance has it."""

    write: int
    run: int
    table_name: str
    vintage: int
    storage: str
    step: str
    method: str
    parameters_hash: str
    parameters: str
    rows: int
    content_hash: str
    seconds: float
    written_at: dt.datetime


class Store:
    """An open store. Use `open_store`.

    Tables are read as Narwhals lazy frames and checked on the way out; only `collect` and the
    run's `write` execute queries.
    """

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.folder = folder
        self.connection = connection
        self._checked: set[str] = set()

    def read(
        self, table: Table, *, vintage: int | None = None, run: int | None = None
    ) -> nw.LazyFrame[Any]:
        """Return the rows of a table, checked against its declaration.

        Args:
            table: The declaration.
            vintage: Which vintage; the latest of a complete run where not given.
            run: A run in progress whose own writes come first.

        Raises:
            StoreError: If there is no such vintage.
            TableError: If the stored rows break the declaration.
        """
        found = self.vintage(table.name, vintage, run=run)
        frame = nw.from_native(self.relation(found.storage)).lazy()
        if found.storage not in self._checked:
            checked(table, frame)
            self._checked.add(found.storage)
        return frame

    def read_file(self, table: Table, path: Path) -> nw.LazyFrame[Any]:
        """Return rows of a declared table from a CSV or Parquet file, checked.

        Raises:
            SourceError: If the file cannot be read as that table.
            TableError: If its rows break the declaration.
        """
        return self.checked_rows(table, read_rows(path, path.name, table))

    def checked_rows(self, table: Table, rows: pa.Table) -> nw.LazyFrame[Any]:
        """Return Arrow rows as a lazy frame, checked against a declaration.

        Raises:
            TableError: If they break it.
        """
        frame = self.from_rows(rows)
        checked(table, frame)
        return frame

    def read_estimate(self, table: Table, *, vintage: int | None = None) -> Estimate:
        """Return a stored estimate.

        Args:
            table: Its declaration; the unit is that of its column `point`.
            vintage: Which vintage; the latest where not given.
        """
        from ravenstein.core.cells import estimate_from_rows

        found = self.vintage(table.name, vintage)
        path = self.folder / found.storage
        if not path.is_file():
            raise StoreError(
                "A stored estimate is not there.",
                expected=found.storage,
                found="nothing of that name",
                where="store/",
                fix="Restore it from a backup, or run again.",
            )
        rows = arrow_parquet.read_table(path)
        return estimate_from_rows(rows, table.column("point").unit or "")

    def relation(self, storage: str) -> duckdb.DuckDBPyRelation:
        """Return what is stored under a name: a table of the file, or a Parquet file beside it."""
        if storage.endswith(".parquet"):
            return self.connection.read_parquet(str(self.folder / storage))
        return self.connection.table(f'data."{storage}"')

    def collect(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """Execute a query and return its rows."""
        collected: pa.Table = frame.collect(backend="pyarrow").to_native()
        return collected

    def from_rows(self, rows: pa.Table) -> nw.LazyFrame[Any]:
        """Return Arrow rows as a lazy frame of this store's engine."""
        return nw.from_native(self.connection.from_arrow(rows)).lazy()

    def vintages(self, name: str) -> list[Vintage]:
        """Return the vintages of a table in order, of complete runs."""
        return self._writes("table_name = $name AND status = 'complete'", {"name": name})

    def vintage(self, name: str, number: int | None = None, *, run: int | None = None) -> Vintage:
        """Return one vintage of a table.

        Raises:
            StoreError: If it does not exist.
        """
        own = self._writes("table_name = $name AND run = $run", {"name": name, "run": run})
        found = own or self.vintages(name)
        chosen = [v for v in found if number in (None, v.vintage)]
        if not chosen:
            if not found:
                raise _not_stored(name)
            raise StoreError(
                f"Table {name!r} has no vintage {number}.",
                expected=f"one of {', '.join(str(v.vintage) for v in found)}",
                found=str(number),
                where=f"store/{FILE}",
                fix=f"`ravenstein vintages {name}` lists them.",
            )
        return chosen[-1]

    def code_version(self, run: int) -> str:
        """Return the version of the code that a run used."""
        query = "SELECT code_version FROM provenance.runs WHERE run = ?"
        return str(self.connection.execute(query, [run]).fetchall()[0][0])

    def _writes(self, condition: str, values: dict[str, Any]) -> list[Vintage]:
        columns = ", ".join(f"w.{name}" for name in _WRITE_COLUMNS)
        rows = self.connection.execute(
            f"SELECT {columns} FROM (SELECT w.*, r.status FROM provenance.writes w "
            f"JOIN provenance.runs r USING (run)) w WHERE {condition} ORDER BY write",
            values,
        ).fetchall()
        return [Vintage(*row) for row in rows]


@contextlib.contextmanager
def open_store(folder: Path, *, writing: bool = False) -> Iterator[Store]:
    """Open the store in a study's folder, and close it.

    Args:
        folder: The folder `store` of a study.
        writing: Whether to write; the file is made where there is none, and what a killed run
            left is cleared.

    Raises:
        StoreError: If the file is not there, in use by another run, or not a store.
    """
    path = folder / FILE
    if not writing and not path.is_file():
        raise no_store(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(str(path), read_only=not writing)
    except (duckdb.Error, OSError) as error:
        raise _unusable(error) from None
    try:
        _prepare(connection, folder, writing=writing)
        yield Store(folder, connection)
    except duckdb.IOException as error:
        raise StoreError(
            "The store could not be written; what was there before is unchanged."
            if writing
            else "The store could not be read.",
            expected="room and permission to write" if writing else "files that can be read",
            found=str(error).splitlines()[0][:200],
            where=f"store/{FILE}",
            fix="Free space or correct the permissions, then run again."
            if writing
            else "Restore the store from a backup, or run again.",
        ) from None
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.close()


@contextlib.contextmanager
def memory_store() -> Iterator[Store]:
    """Give an engine without a file, for checks that leave nothing behind."""
    with duckdb.connect() as connection:
        yield Store(Path(), connection)


def _prepare(connection: duckdb.DuckDBPyConnection, folder: Path, *, writing: bool) -> None:
    """Make the tables of provenance in a new file; refuse a file that is no store."""
    try:
        known = single_value(connection, "SELECT count(*) FROM duckdb_tables()")
        if known:
            query = "SELECT version FROM provenance.store"
            refuse_other_schema(int(single_value(connection, query)))
        elif not writing:
            raise no_store(folder)
        else:
            connection.begin()
            connection.execute(DDL)
            connection.commit()
    except duckdb.CatalogException:
        refuse_other_schema(0)
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        raise _unusable(error) from None
    if writing:
        _clear_unfinished(connection, folder)


def _clear_unfinished(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Forget what runs wrote that never ended: this process holds the file, so they are dead."""
    connection.begin()
    connection.execute("UPDATE provenance.runs SET status = 'killed' WHERE status = 'running'")
    kept = connection.execute(
        "SELECT storage FROM provenance.writes JOIN provenance.runs USING (run) "
        "WHERE status = 'complete'"
    ).fetchall()
    for (name,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'data'"
    ).fetchall():
        if (name,) not in kept:
            connection.execute(f'DROP TABLE data."{name}"')
    connection.commit()
    for path in (folder / "estimates").glob("*"):
        if (path.relative_to(folder).as_posix(),) not in kept:
            path.unlink()
    complete = connection.execute(
        "SELECT run FROM provenance.runs WHERE status = 'complete'"
    ).fetchall()
    recover_folders(folder.parent, {run for (run,) in complete})


def no_store(folder: Path) -> StoreError:
    """Return the error for a study that was never run."""
    return StoreError(
        "The study has no store yet.",
        expected=FILE,
        found="none",
        where=f"{folder.name}/",
        fix="Run `ravenstein run DIR` first.",
    )


def _not_stored(name: str) -> StoreError:
    return StoreError(
        f"No table {name!r} is stored.",
        expected="a table written by a complete run",
        found="none",
        where=f"store/{FILE}",
        fix="Run `ravenstein run DIR` first.",
    )


def _unusable(error: Exception) -> StoreError:
    text = str(error)
    if "Could not set lock" in text:
        return StoreError(
            "The store is in use by another run.",
            expected="a store nobody else is writing",
            found="a lock on the file",
            where=f"store/{FILE}",
            fix="Wait until the other run has ended.",
        )
    refused = isinstance(error, PermissionError) or "ermission denied" in text
    return StoreError(
        "The store cannot be opened.",
        expected="permission to read and write" if refused else "a DuckDB file that can be read",
        found="permission denied" if refused else text.splitlines()[0][:120],
        where=f"store/{FILE}",
        fix="Correct the permissions of the folder."
        if refused
        else "Restore the file from a backup, or move the folder `store` away and run again.",
    )


def utc_now() -> dt.datetime:
    """Return the time now in UTC, without zone, as provenance keeps it."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def single_value(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """Return the one value of a query (fetched in full: an open result blocks the connection)."""
    return connection.execute(query).fetchall()[0][0]
