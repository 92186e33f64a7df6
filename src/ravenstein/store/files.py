"""Files in and out: bounded reading with a hash, paths inside the study, atomic writing."""

from __future__ import annotations

import contextlib
import csv
import ctypes
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet

from ravenstein.core.errors import SourceError, StoreError, StudyError, listed
from ravenstein.core.schema import ColumnType

try:
    import fcntl
except ImportError:  # not on this system: nobody is kept out
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from ravenstein.core.schema import Table

LONGEST_LINE = 1 << 20
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
)


ARROW_TYPES = {
    ColumnType.STRING: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIME: pa.timestamp("us", "UTC"),
    ColumnType.DRAWS: pa.list_(pa.float32()),
}


@dataclass(frozen=True)
class FileFacts:
    """What provenance keeps of a file that was read."""

    name: str
    sha256: str
    size: int


class TextFile:
    """A UTF-8 text file read line by line, with its hash, never more than a line at a time.

    Args:
        path: The file.
        shown: The name used in messages: as the study gives it.

    Raises:
        SourceError: While opening or iterating: not there, empty, not text, not UTF-8, or with
            a line longer than a mebibyte; the line is named.
    """

    def __init__(self, path: Path, shown: str) -> None:
        self.path = path
        self.shown = shown
        self._hash = hashlib.sha256()
        self._size = 0
        if not path.is_file():
            raise SourceError(
                "A source file is not there.",
                expected="a file",
                found="a folder" if path.is_dir() else "nothing of that name",
                where=shown,
                fix="Put the file there, or correct `file` in study.toml.",
            )
        if path.stat().st_size == 0:
            raise SourceError(
                "A source file is empty.",
                expected="a table with a header",
                found="0 bytes",
                where=shown,
                fix="Download the file again.",
            )

    def __iter__(self) -> Iterator[str]:
        """Yield lines without a leading byte-order mark."""
        try:
            opened = self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.shown, error) from None
        with opened as stream:
            self._refuse_other_formats(stream)
            number = 0
            while line := stream.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    raise self._error(
                        number,
                        "A line is too long for a table.",
                        "lines under 1 MiB",
                        "a longer one",
                    )
                self._hash.update(line)
                self._size += len(line)
                yield self._decoded(line, number)

    def facts(self) -> FileFacts:
        """Return name, hash and size of what was read."""
        return FileFacts(self.shown, self._hash.hexdigest(), self._size)

    def _refuse_other_formats(self, stream: IO[bytes]) -> None:
        start = stream.read(512)
        stream.seek(0)
        found = next((what for mark, what in _SIGNATURES if start.startswith(mark)), None)
        if found is None and start.lstrip().lower().startswith((b"<!doctype", b"<html")):
            found = "a web page"
        if start.startswith((b"\xff\xfe", b"\xfe\xff")):
            found = "text in UTF-16"
        elif found is None and b"\x00" in start:
            found = "binary data"
        if found:
            raise self._error(1, "A source file is not a UTF-8 text table.", "CSV in UTF-8", found)

    def _decoded(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise self._error(
                number,
                "A line is not UTF-8.",
                "UTF-8",
                f"byte 0x{line[error.start]:02x} at position {error.start + 1}",
            ) from None

    def _error(self, line: int, problem: str, expected: str, found: str) -> SourceError:
        return SourceError(
            problem,
            expected=expected,
            found=found,
            where=f"{self.shown}, line {line}",
            fix="Save the table as CSV in UTF-8, or download the published CSV again.",
        )


def _unreadable(shown: str, error: Exception) -> SourceError:
    return SourceError(
        "A source file cannot be read.",
        expected="a file that may be read",
        found=getattr(error, "strerror", None) or str(error),
        where=shown,
        fix="Correct the path or the permissions.",
    )


def matching_lines(path: Path, column: str, values: Collection[str]) -> list[int]:
    """Return the line numbers of a CSV file whose column holds one of the values.

    Args:
        path: The file, UTF-8, whose header is the first line with that column.
        column: Column name as in the header.
        values: Values looked for.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        header = next((row for row in reader if column in [cell.strip() for cell in row]), [])
        place = [cell.strip() for cell in header].index(column)
        return [
            reader.line_num for row in reader if len(row) > place and row[place].strip() in values
        ]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def inside(folder: Path, given: str, allowed: tuple[Path, ...]) -> Path:
    """Return a source's path, and refuse one outside the study and its data folders.

    Args:
        folder: The study's folder.
        given: The path as the study gives it, relative to the folder.
        allowed: Data folders the study names besides its own.

    Raises:
        SourceError: If the path, links followed, leads elsewhere.
    """
    try:
        path = (folder / given).resolve()
        path.is_file()  # a name that no file can have raises here
        roots = (folder.resolve(), *(root.resolve() for root in allowed))
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(given.replace("\0", "?")[:100], error) from None
    if not any(path.is_relative_to(root) for root in roots):
        raise SourceError(
            "A source lies outside the study.",
            expected="a path in the study's folder or in one of its data_folders",
            found=given,
            where="study.toml, [[sources]] file",
            fix="Move the file into the study, or name its folder in [study] data_folders.",
        )
    return path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` when all is written.

    A killed or failed writer leaves the earlier file as it was.
    """
    if path.exists() and not path.is_file():
        raise StoreError(
            "What is there is no file.",
            expected="a new file, or one to replace",
            found="a folder" if path.is_dir() else "a pipe or a device",
            where=path.name,
            fix="Choose another name.",
        )
    unfinished = path.with_name(f".{path.name}.unfinished")
    with _failure_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield unfinished
            with unfinished.open("rb") as stream:
                os.fsync(stream.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write text in UTF-8, as a whole or not at all."""
    with replacing(path) as target:
        target.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def alone_in(folders: Collection[Path]) -> Iterator[None]:
    """Hold folders, or where they will be made, for one run.

    Raises:
        StoreError: If another run holds one of them.
    """
    held = {(f if f.is_dir() else f.parent).resolve() for f in folders}
    with contextlib.ExitStack() as stack:
        for folder in held if fcntl else ():
            while not folder.is_dir():
                folder = folder.parent  # noqa: PLW2901  (the nearest that is there)
            number = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, number)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(
                    "Another run is writing there.",
                    expected="one run at a time",
                    found="a folder that is held",
                    where=folder.name,
                    fix="Wait until it ends, then run again.",
                ) from None
        yield


def refuse_others(
    folder: Path, own: Collection[str], what: str, *, mark: str, inputs: Iterable[Path] = ()
) -> None:
    """Refuse to take the place of a folder that holds other things, or is the one you are in.

    Args:
        folder: The folder.
        own: Names of what may be replaced.
        what: What that is, such as "an earlier twin".
        mark: The one of these names that every earlier result has.
        inputs: Files that are read: none may lie in the folder.

    Raises:
        StoreError: If it is so.
    """
    held = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    others = [name for name in held if name not in own]
    if held and mark not in held:
        others = held  # files of the same names, but not ours
    target = folder.resolve()
    others += [path.name for path in inputs if path.resolve().is_relative_to(target)]
    yours = folder.resolve() == Path.cwd()
    # anything else of that name, a pipe or a device too, is not ours to replace
    other_kind = folder.exists() and not folder.is_dir()
    if others or other_kind or yours:
        raise StoreError(
            "The folder cannot be replaced.",
            expected=f"a new or empty folder, or {what} and nothing else; not the one you are in",
            found="the folder you are in"
            if yours
            else listed(others, 3) or "a file, pipe or device",
            where=str(folder),
            fix="Choose another folder.",
        )


def refuse_inputs(out: Path, inputs: Iterable[Path], ending: str) -> None:
    """Refuse to write a file over one that is read, or with another ending than its format's.

    Raises:
        StudyError: If it is so.
    """
    taken = [path.name for path in inputs if path.resolve() == out.resolve()]
    if taken or out.suffix.lower() != ending:
        raise StudyError(
            "The results cannot be written there.",
            expected=f"another file than those that are read, ending {ending}",
            found=taken[0] if taken else out.name,
            where="--out",
            fix="Choose another name.",
        )


@contextlib.contextmanager
def new_folder(folder: Path, run: int) -> Iterator[Path]:
    """Give an empty folder beside `folder` to fill; `publish_folder` puts it in its place."""
    waiting = waiting_folder(folder, run)
    with _failure_told(folder):
        shutil.rmtree(waiting, ignore_errors=True)
        waiting.mkdir(parents=True)
        try:
            yield waiting
        except BaseException:
            shutil.rmtree(waiting, ignore_errors=True)
            raise


def waiting_folder(folder: Path, run: int) -> Path:
    """Return the folder that a run fills until it takes the place of `folder`."""
    target = folder.resolve()
    return target.with_name(f".{target.name}.run-{run}")


def publish_folder(folder: Path, run: int) -> None:
    """Put a run's folder in the place of `folder`, in one move where the system has one."""
    target, waiting = folder.resolve(), waiting_folder(folder, run)
    with _failure_told(folder):
        if target.exists() and not _exchanged(waiting, target):
            earlier = target.with_name(f".{target.name}.earlier")
            shutil.rmtree(earlier, ignore_errors=True)
            target.rename(earlier)
            waiting.rename(target)
            waiting = earlier
        elif not target.exists():
            waiting.rename(target)
        shutil.rmtree(waiting, ignore_errors=True)


def recover_folders(parent: Path, complete: Collection[int]) -> None:
    """Finish or clear what a killed run left: publish folders of complete runs, remove others."""
    for waiting in sorted(parent.glob(".*.run-*")):
        name, _, number = waiting.name[1:].rpartition(".run-")
        if number.isdigit() and int(number) in complete:
            publish_folder(parent / name, int(number))
        shutil.rmtree(waiting, ignore_errors=True)
    for earlier in parent.glob(".*.earlier"):
        folder = parent / earlier.name[1:].removesuffix(".earlier")
        if not folder.exists():
            earlier.rename(folder)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; false where the system cannot."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    at_working_folder, exchange = -100, 2
    paths = (os.fsencode(one), os.fsencode(other))
    return bool(call(at_working_folder, paths[0], at_working_folder, paths[1], exchange) == 0)


@contextlib.contextmanager
def _failure_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            "Writing failed; what was there before is unchanged.",
            expected="room and permission to write",
            found=error.strerror or str(error),
            where=path.name,
            fix="Free space or correct the path or permissions, then run again.",
        ) from error


def write_csv(rows: pa.Table, path: Path) -> None:
    """Write rows as CSV: UTF-8, a header, text quoted where needed, missing values empty."""
    options = arrow_csv.WriteOptions(quoting_style="needed", quoting_header="none")
    _write(path, lambda target: arrow_csv.write_csv(rows, target, options))


def schema(table: Table) -> pa.Schema:
    """Return the Arrow types of a declared table's columns."""
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])


def as_declared(table: Table, rows: pa.Table) -> pa.Table:
    """Return rows in the order and types of a declared table's columns."""
    return pa.table({kind.name: rows[kind.name].cast(kind.type) for kind in schema(table)})


def write_parquet(rows: pa.Table, path: Path) -> None:
    """Write rows as Parquet (zstd)."""
    _write(path, lambda target: arrow_parquet.write_table(rows, target, compression="zstd"))


def _write(path: Path, write: Callable[[str], None]) -> None:
    with replacing(path) as target:
        write(str(target))
