"""Histories of persons on disk, bucket by bucket, and which deliveries they hold."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.border.histories import Histories, no_histories
from ravenstein.border.residence import Standing
from ravenstein.core.errors import StoreError, listed
from ravenstein.store.buckets import text_bytes, text_of
from ravenstein.store.files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_FACTS, _COUNTS = "history.json", "counts.npy"
_FORMAT = 1
_OWN = re.compile(r"history\.json|counts\.npy|\d{4}\.npy")


@dataclass(frozen=True)
class Facts:
    """What histories hold, apart from the persons.

    Args:
        as_of: Day told last, since 1970-01-01.
        whole_numbers: Whether identifiers are whole numbers.
        buckets: Number of buckets.
        key: Sign of the key that spreads persons.
        treatment: How crossings are answered, as text.
        files: SHA-256 of each delivered file, and its name.
        version: Of this form of folder.
    """

    as_of: int
    whole_numbers: bool
    buckets: int
    key: str
    treatment: str
    files: dict[str, str] = field(default_factory=dict)
    version: int = _FORMAT


def read_facts(folder: Path) -> Facts | None:
    """Return what a folder's histories hold; None where there is no folder yet.

    Raises:
        StoreError: If the folder holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        facts = Facts(**json.loads((folder / _FACTS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        facts = None
    held = [path.name for path in folder.iterdir()] if folder.is_dir() else ["a file"]
    others = [name for name in held if not _OWN.fullmatch(name)]
    if facts is None or facts.version != _FORMAT or others:
        raise StoreError(
            "The folder holds no histories.",
            expected=f"a new or empty folder, or one that `--history` made (version {_FORMAT})",
            found=f"no histories but {listed(others, 3)}"
            if others
            else "no facts that can be read"
            if facts is None
            else f"version {facts.version}",
            where=str(folder),
            fix="Choose another folder.",
        )
    return facts


def write_facts(folder: Path, facts: Facts, counts: NDArray[np.int64]) -> None:
    """Write what histories hold, and the counts told so far [rules, months, 2, 3]."""
    np.save(folder / _COUNTS, counts)
    write_text(json.dumps(vars(facts), indent=1) + "\n", folder / _FACTS)


def read_counts(folder: Path) -> NDArray[np.int64]:
    """Return the counts told so far [rules, months, 2, 3]."""
    with _damage_told(folder):
        counts: NDArray[np.int64] = np.load(folder / _COUNTS, allow_pickle=False)
    return counts


@contextmanager
def _damage_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(
            "Histories are damaged.",
            expected="files as they were written",
            found=getattr(error, "strerror", None) or type(error).__name__,
            where=str(folder),
            fix="Take a copy from before, or make them anew from all deliveries.",
        ) from None


def no_persons(whole_numbers: bool) -> Any:
    """Return identifiers of nobody."""
    return np.zeros(0, np.int64) if whole_numbers else pa.array([], pa.large_string())


def read_bucket(
    folder: Path | None, bucket: int, whole_numbers: bool, rules: int
) -> tuple[Any, Histories]:
    """Return identifiers and histories of a bucket.

    Args:
        folder: Where they are; None for those of nobody.
        bucket: Its number.
        whole_numbers: Whether identifiers are.
        rules: Number of rules.
    """
    if folder is None:
        return no_persons(whole_numbers), no_histories(rules)
    with _damage_told(folder), (folder / _name(bucket)).open("rb") as stream:
        arrays = [np.load(stream, allow_pickle=False) for _ in range(9 - whole_numbers)]
    ids: Any = arrays.pop(0)
    if not whole_numbers:
        ids = text_of(ids, arrays.pop(0))
    starts, crossings, first, *standing = arrays
    return ids, Histories(starts, crossings, first, Standing(*standing))


def write_bucket(folder: Path, bucket: int, ids: Any, histories: Histories) -> None:
    """Write identifiers and histories of a bucket."""
    if isinstance(ids, np.ndarray):
        named = [ids]
    else:
        offsets, data = text_bytes(ids)
        named = [np.diff(offsets), data[offsets[0] : offsets[-1]]]
    h, s = histories, histories.standing
    with (folder / _name(bucket)).open("xb") as stream:
        for array in (*named, h.starts, h.crossings, h.first, s.closed, s.status, s.since, s.due):
            np.save(stream, array, allow_pickle=False)


def _name(bucket: int) -> str:
    return f"{bucket:04d}.npy"
