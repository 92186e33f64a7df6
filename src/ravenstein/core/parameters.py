"""Dated parameters in TOML, each with unit and source, beside the method that uses them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ravenstein.core.errors import ParameterError, nearest

if TYPE_CHECKING:
    from pathlib import Path

_TEXTS = ("title", "unit", "source")
_KEYS = {*_TEXTS, "note", "values"}


@dataclass(frozen=True)
class Parameter:
    """A dated value with unit and source.

    Args:
        name: Key in the TOML file.
        title: What it is.
        unit: Unit of the value.
        source: Document, edition and section it comes from.
        values: Pairs of first day in force and value, in order of date.
        note: How it was chosen, where that needs saying.
    """

    name: str
    title: str
    unit: str
    source: str
    values: tuple[tuple[dt.date, Any], ...]
    note: str = ""

    def at(self, day: dt.date) -> Any:
        """Return the value in force on a day.

        Args:
            day: The day.

        Returns:
            The value of the latest entry that starts on or before the day.

        Raises:
            ParameterError: If the day is before the first entry.

        >>> rate = Parameter("rate", "Rate", "per cent", "example",
        ...                  ((dt.date(2001, 7, 1), 2), (dt.date(2011, 7, 1), 3)))
        >>> rate.at(dt.date(2011, 6, 30)), rate.at(dt.date(2011, 7, 1))
        (2, 3)
        """
        in_force = [value for start, value in self.values if start <= day]
        if not in_force:
            raise ParameterError(
                f"Parameter {self.name!r} has no value on {day}.",
                expected=f"a day from {self.values[0][0]} on",
                found=str(day),
                where=f"parameter {self.name}",
                fix="Add a dated value with its source, or use a later period.",
            )
        return in_force[-1]


@dataclass(frozen=True)
class Parameters:
    """The parameters of one method, by name, with the file they stand in."""

    file: str
    entries: dict[str, Parameter]

    def __getitem__(self, name: str) -> Parameter:
        if name not in self.entries:
            near = nearest(name, self.entries)
            raise ParameterError(
                f"There is no parameter {name!r}.",
                expected=f"one of {', '.join(self.entries)}",
                found=name,
                where=self.file,
                fix=f"Use {near!r}." if near else "Add it with unit and source.",
            )
        return self.entries[name]

    def as_text(self) -> str:
        """Return all values as canonical JSON: what provenance keeps and hashes."""
        return canonical_json(
            {
                name: {"unit": p.unit, "source": p.source, "values": p.values}
                for name, p in self.entries.items()
            },
        )


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces, so that equal values have equal text.

    >>> canonical_json({"b": 1, "a": dt.date(2001, 7, 1)})
    '{"a":"2001-07-01","b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False)


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text in hexadecimal.

    >>> text_hash("")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def load_parameters(path: Path) -> Parameters:
    """Read a method's TOML file of parameters.

    Args:
        path: The file; one table a parameter with `title`, `unit`, `source` and dated
            `values` (each `from` and `value`), and an optional `note`.

    Returns:
        The parameters by name.

    Raises:
        ParameterError: If the file is not TOML, or an entry lacks title, unit, source or
            dated values, or has other keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise ParameterError(
            "The parameter file is not there, or not valid TOML.",
            expected="TOML",
            found=str(error),
            where=path.name,
            fix="Correct the line named.",
        ) from None
    entries = {name: _entry(path, text, name, body) for name, body in content.items()}
    return Parameters(path.name, entries)


def _entry(path: Path, text: str, name: str, body: Any) -> Parameter:
    where = f"{path.name}, line {_line_of(text, name)}, [{name}]"
    if not isinstance(body, dict) or set(body) - _KEYS:
        surplus = sorted(set(body) - _KEYS) if isinstance(body, dict) else [type(body).__name__]
        raise ParameterError(
            f"Parameter {name!r} has keys that are not known.",
            expected=", ".join(sorted(_KEYS)),
            found=", ".join(surplus),
            where=where,
            fix="Remove or rename the keys.",
        )
    missing = [key for key in _TEXTS if not str(body.get(key, "")).strip()]
    if missing:
        raise ParameterError(
            f"Parameter {name!r} has no {' and no '.join(missing)}.",
            expected="title, unit, source (document, edition, section)",
            found=f"without {', '.join(missing)}",
            where=where,
            fix="Write it down; no value is used whose source nobody can look up.",
        )
    given = body.get("values", ())
    entries = given if isinstance(given, list) else [given]
    wrong = [v for v in entries if not isinstance(v, dict) or set(v) != {"from", "value"}]
    values = () if wrong else tuple((v["from"], v["value"]) for v in entries)
    days = [start for start, _ in values]
    dated = all(type(start) is dt.date for start in days) and days == sorted(set(days))
    if not values or not dated:
        raise ParameterError(
            f"Parameter {name!r} has no dated values in order.",
            expected="[[…values]] with from = YYYY-MM-DD and value, each day once, earliest first",
            found=f"{len(entries)} entries, {len(wrong)} of them of another form",
            where=where,
            fix="Give every value the first day it is in force.",
        )
    texts = {key: str(body[key]).strip() for key in _TEXTS}
    return Parameter(name, values=values, note=str(body.get("note", "")).strip(), **texts)


def _line_of(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() == f"[{name}]":
            return number
    return 1
