"""Buckets on disk: rows spread by a keyed hash of an identifier, so that memory is bounded.

All rows of an identifier lie in one bucket. The full identifier is kept with each row: which rows
are one person's is decided by it, never by its hash.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from numba import njit

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_ROWS = 1 << 19  # rows of a bucket that one processor holds at ease
_MOST = 1 << 15
_VALUE_BITS = 28
_GATHERED = 1 << 19  # rows that are added at once


def bucket_count(rows: int) -> int:
    """Return a number of buckets, a power of two, for a number of rows.

    >>> bucket_count(100_000_000)
    256
    """
    return min(1 << max(rows // _ROWS, 1).bit_length(), _MOST)


def keyed_hash(ids: Any, key: tuple[int, int]) -> NDArray[np.uint64]:
    """Return SipHash-1-3 of identifiers [n].

    Args:
        ids: Whole numbers (hashed as their 8 bytes, little-endian) or an Arrow array of text.
        key: The secret, two numbers of 64 bits.

    Source:
        Aumasson and Bernstein, SipHash: a fast short-input PRF, 2012; 1 and 3 rounds as in CPython.

    >>> keyed_hash(pa.array(["a"]), (0, 0)) == keyed_hash(pa.array(["a"]), (0, 1))
    array([False])
    """
    secret = np.array(key, dtype=np.uint64)
    if isinstance(ids, np.ndarray):
        return np.asarray(_hashed_numbers(ids.view(np.uint64), secret))
    offsets, data = text_bytes(ids)
    return np.asarray(_hashed_text(offsets, data, secret))


def text_bytes(ids: Any) -> tuple[Ints, NDArray[np.uint8]]:
    """Return where each text begins (and the last ends), and the bytes of all."""
    one = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    text = one.cast(pa.large_string())
    _, places, data = text.buffers()
    offsets = np.frombuffer(places, np.int64)[text.offset : text.offset + len(text) + 1]
    held = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return offsets, held


def text_of(lengths: Any, data: NDArray[np.uint8]) -> Any:
    """Return an Arrow array of text from the lengths of each [n] and the bytes of all."""
    offsets = np.append(0, np.cumsum(lengths, dtype=np.int64))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_string(), lengths.size, buffers)


@dataclass(eq=False)
class Buckets:
    """Rows of an identifier and a small number, in buckets; safe to fill from several threads.

    Args:
        path: The file, new.
        count: Number of buckets, a power of two.
        key: The secret of the hash.
    """

    path: Path
    count: int
    key: tuple[int, int]
    _runs: dict[tuple[int, int], _Run] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __enter__(self) -> Self:
        """Open the file."""
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._size = 0
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the file."""
        os.close(self._file)
        self.path.unlink(missing_ok=True)

    def add(self, order: tuple[int, int], ids: Any, values: NDArray[np.int32]) -> None:
        """Add rows.

        Args:
            order: Source and part they are from; rows are read back in this order.
            ids: Identifiers, whole numbers or an Arrow array of text [n].
            values: What is kept of each row [n].
        """
        place, starts = placed(keyed_hash(ids, self.key), self.count)
        packed = isinstance(ids, np.ndarray) and _fits(ids, values)
        run = _Run(starts, packed=packed)
        if packed:  # two thirds of the bytes
            sections: list[Any] = [ordered(place, starts, (ids << _VALUE_BITS) | values)]
        elif isinstance(ids, np.ndarray):
            sections = [ordered(place, starts, values), ordered(place, starts, ids)]
        else:
            rows = ordered(place, starts, np.arange(values.size))
            offsets, data = text_bytes(ids.take(pa.array(rows)))
            run.bytes = offsets[starts] - offsets[0]
            lengths = np.diff(offsets).astype(np.int32)
            sections = [values[rows], lengths, data[offsets[0] : offsets[-1]]]
        places = []
        with self._lock:
            for section in sections:
                places.append(self._size)
                self._size += section.nbytes
            self._runs[order] = run
        run.places = places
        for section, at in zip(sections, places, strict=True):
            _write(self._file, section, at)

    def drop(self, source: int) -> None:
        """Leave out all rows of a source."""
        for order in [o for o in self._runs if o[0] == source]:
            del self._runs[order]

    def read(self, bucket: int) -> tuple[Any, NDArray[np.int32]]:
        """Return the identifiers (whole numbers, or an Arrow array of text) and values of a bucket.

        Args:
            bucket: Its number.
        """
        runs = [self._runs[order] for order in sorted(self._runs)]
        begins = [int(run.starts[bucket]) for run in runs]
        ends = np.cumsum([0, *(int(r.starts[bucket + 1] - r.starts[bucket]) for r in runs)])
        values, text = np.empty(ends[-1], np.int32), any(r.bytes is not None for r in runs)
        ids = np.empty(ends[-1], np.int32 if text else np.int64)
        parts: list[NDArray[np.uint8]] = []
        for run, first, at, end in zip(runs, begins, ends, ends[1:], strict=False):
            if run.packed:
                _read(self._file, ids[at:end], run.places[0] + 8 * first)
                values[at:end] = ids[at:end] & ((1 << _VALUE_BITS) - 1)
                ids[at:end] >>= _VALUE_BITS
                continue
            _read(self._file, values[at:end], run.places[0] + 4 * first)
            _read(self._file, ids[at:end], run.places[1] + ids.itemsize * first)
            if run.bytes is not None:
                start, stop = int(run.bytes[bucket]), int(run.bytes[bucket + 1])
                parts.append(np.empty(stop - start, np.uint8))
                _read(self._file, parts[-1], run.places[2] + start)
        return (text_of(ids, np.concatenate(parts)) if text else ids), values


@dataclass(eq=False)
class Gathering:
    """Adds rows to buckets many at a time: a bucket is read back in as many pieces as were added.

    Args:
        buckets: The buckets.
    """

    buckets: Buckets
    _order: tuple[int, int] = (0, 0)
    _rows: int = 0
    _held: list[tuple[Any, NDArray[np.int32]]] = field(default_factory=list)

    def add(self, order: tuple[int, int], ids: Any, values: NDArray[np.int32]) -> None:
        """Add rows, as of `Buckets.add`."""
        if not self._held:
            self._order = order
        self._held.append((ids, values))
        self._rows += values.size
        if self._rows >= _GATHERED:
            self.end()

    def end(self) -> None:
        """Add what is held."""
        if len(self._held) == 1:
            self.buckets.add(self._order, *self._held[0])
        elif self._held:
            ids, values = zip(*self._held, strict=True)
            whole = np.concatenate(ids) if isinstance(ids[0], np.ndarray) else _joined(ids)
            self.buckets.add(self._order, whole, np.concatenate(values))
        self._held, self._rows = [], 0


def _joined(texts: tuple[Any, ...]) -> Any:
    parts = [one.combine_chunks() if isinstance(one, pa.ChunkedArray) else one for one in texts]
    return pa.concat_arrays([part.cast(pa.large_string()) for part in parts])


@dataclass(eq=False)
class _Run:
    """Where rows that were added together begin, by bucket: in rows, and in bytes of text."""

    starts: Ints
    packed: bool
    bytes: Ints | None = None
    places: list[int] = field(default_factory=list)


def _fits(ids: Ints, values: NDArray[np.int32]) -> bool:
    """Return whether identifier and value can be held in one number."""
    limits = ((ids, 63 - _VALUE_BITS), (values, _VALUE_BITS))
    return ids.size > 0 and all(a.min() >= 0 and a.max() < 1 << bits for a, bits in limits)


def _write(file: int, section: NDArray[Any], at: int) -> None:
    rest = memoryview(section.data).cast("B")
    while rest.nbytes:
        done = os.pwrite(file, rest, at)
        rest, at = rest[done:], at + done


def _read(file: int, section: NDArray[Any], at: int) -> None:
    rest = memoryview(section.data).cast("B")
    while rest.nbytes:
        done = os.preadv(file, [rest], at)
        if not done:
            raise OSError(None, "The file of buckets is shorter than it was")
        rest, at = rest[done:], at + done


@njit(cache=True, nogil=True)
def placed(hashes: Any, count: int) -> Any:
    """Return the bucket of each row, and where each bucket begins among rows in their order."""
    place, starts = np.empty(hashes.size, np.uint16), np.zeros(count + 1, np.int64)
    for i in range(hashes.size):
        place[i] = (hashes[i] >> np.uint64(48)) & np.uint64(count - 1)
        starts[np.int64(place[i]) + 1] += 1
    for b in range(count):
        starts[b + 1] += starts[b]
    return place, starts


@njit(cache=True, nogil=True)
def ordered(place: Any, starts: Any, values: Any) -> Any:
    """Return values in order of their buckets, as `placed` gives them (a counting sort)."""
    at, made = starts[:-1].copy(), np.empty_like(values)
    for i in range(place.size):
        made[at[place[i]]] = values[i]
        at[place[i]] += 1
    return made


@njit(cache=True, nogil=True, inline="always")
def _round(a: Any, b: Any, c: Any, d: Any) -> Any:
    u = np.uint64
    a += b
    b = (b << u(13)) | (b >> u(51))
    b ^= a
    a = (a << u(32)) | (a >> u(32))
    c += d
    d = (d << u(16)) | (d >> u(48))
    d ^= c
    a += d
    d = (d << u(21)) | (d >> u(43))
    d ^= a
    c += b
    b = (b << u(17)) | (b >> u(47))
    b ^= c
    c = (c << u(32)) | (c >> u(32))
    return a, b, c, d


@njit(cache=True, nogil=True, inline="always")
def _begun(key: Any) -> Any:
    return (
        key[0] ^ np.uint64(0x736F6D6570736575),
        key[1] ^ np.uint64(0x646F72616E646F6D),
        key[0] ^ np.uint64(0x6C7967656E657261),
        key[1] ^ np.uint64(0x7465646279746573),
    )


@njit(cache=True, nogil=True, inline="always")
def _block(a: Any, b: Any, c: Any, d: Any, word: Any) -> Any:
    d ^= word
    a, b, c, d = _round(a, b, c, d)
    return a ^ word, b, c, d


@njit(cache=True, nogil=True, inline="always")
def _ended(a: Any, b: Any, c: Any, d: Any) -> Any:
    c ^= np.uint64(0xFF)
    for _ in range(3):
        a, b, c, d = _round(a, b, c, d)
    return a ^ b ^ c ^ d


@njit(cache=True, nogil=True)
def _hashed_numbers(ids: Any, key: Any) -> Any:
    out = np.empty(ids.size, np.uint64)
    for i in range(ids.size):
        a, b, c, d = _begun(key)
        a, b, c, d = _block(a, b, c, d, ids[i])
        a, b, c, d = _block(a, b, c, d, np.uint64(8) << np.uint64(56))
        out[i] = _ended(a, b, c, d)
    return out


@njit(cache=True, nogil=True)
def _hashed_text(offsets: Any, data: Any, key: Any) -> Any:
    out = np.empty(offsets.size - 1, np.uint64)
    for i in range(out.size):
        a, b, c, d = _begun(key)
        at, end = offsets[i], offsets[i + 1]
        last = np.uint64((end - at) & 0xFF) << np.uint64(56)
        while end - at >= 8:
            word = np.uint64(0)
            for j in range(8):
                word |= np.uint64(data[at + j]) << np.uint64(8 * j)
            a, b, c, d = _block(a, b, c, d, word)
            at += 8
        for j in range(end - at):
            last |= np.uint64(data[at + j]) << np.uint64(8 * j)
        a, b, c, d = _block(a, b, c, d, last)
        out[i] = _ended(a, b, c, d)
    return out
