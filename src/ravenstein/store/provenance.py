"""What is recorded beside everything that is written: run, code, parameters, inputs, rows, time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path

import ravenstein
from ravenstein.core.errors import StoreError

SCHEMA_VERSION = 1

DDL = f"""
CREATE SCHEMA data;
CREATE SCHEMA provenance;
CREATE TABLE provenance.store AS SELECT {SCHEMA_VERSION} AS version;
CREATE TABLE provenance.runs (
    run BIGINT PRIMARY KEY, status VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP,
    code_version VARCHAR, engine VARCHAR, study_hash VARCHAR, study VARCHAR);
CREATE TABLE provenance.writes (
    write BIGINT PRIMARY KEY, run BIGINT, table_name VARCHAR, vintage BIGINT, storage VARCHAR,
    step VARCHAR, method VARCHAR, parameters_hash VARCHAR, parameters VARCHAR,
    rows BIGINT, content_hash VARCHAR, seconds DOUBLE, written_at TIMESTAMP);
CREATE TABLE provenance.inputs (
    write BIGINT, position BIGINT, kind VARCHAR, name VARCHAR, from_write BIGINT, sha256 VARCHAR,
    rows BIGINT, clauses VARCHAR, applies VARCHAR);
"""


@dataclass(frozen=True)
class FromTable:
    """An input that is a table of the store.

    Args:
        table: Its name.
        clauses: Conditions on its rows that pick those behind a cell of the output. `{area}`
            stands for the cell's areas as an SQL list, and so for every column of the output's
            grain; a clause whose columns the question does not fix is left out.
    """

    table: str
    clauses: tuple[str, ...] = ()


@dataclass(frozen=True)
class FromFile:
    """An input that is a file.

    Args:
        name: Path as the study gives it.
        sha256: Its hash when it was read.
        rows: Data rows in it.
        column: The file's column that holds `key`, a column of the output.
        key: Column of the output that picks the file's rows.
        applies: Values of output columns for which this file is behind a cell.
    """

    name: str
    sha256: str
    rows: int
    column: str
    key: str
    applies: dict[str, str]


@cache
def code_version() -> str:
    """Return the version and a hash of the package's source, so that an edit is seen.

    >>> code_version().split("+")[0] == ravenstein.__version__
    True
    """
    digest = hashlib.sha256()
    root = Path(str(resources.files(ravenstein)))
    kinds = (".py", ".toml", ".html", ".css", ".js")
    for path in sorted(path for path in root.rglob("*") if path.suffix in kinds):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{ravenstein.__version__}+{digest.hexdigest()[:12]}"


def engine_versions(engine: str) -> str:
    """Return the engine and the libraries that stored and published bytes depend on."""
    names = (engine, "narwhals", "pyarrow", "altair", "vl-convert-python")
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def refuse_other_schema(version: int) -> None:
    """Raise if a store was made by a program with another layout of the provenance."""
    if version != SCHEMA_VERSION:
        raise StoreError(
            "The store was made by another version of ravenstein.",
            expected=f"store layout {SCHEMA_VERSION}",
            found=f"layout {version}",
            where="store/ravenstein.duckdb",
            fix="Use the version that made it, or move the folder `store` away and run again.",
        )
