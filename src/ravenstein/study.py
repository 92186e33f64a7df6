"""A study: one study.toml, read into frozen models."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from ravenstein.core.errors import StudyError, listed, nearest

FILE = "study.toml"
_Year = Annotated[StrictInt, Field(ge=1800, le=2200)]
_Text = Annotated[str, Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class About(_Section):
    """The section [study]: what it is and who makes it."""

    title: _Text
    producer: _Text
    contact: str = ""
    simulated: StrictBool = False
    seed: Annotated[StrictInt, Field(ge=0)] = 1885
    draws: Annotated[StrictInt, Field(ge=2, le=100_000)] = 500
    engine: Literal["duckdb"] = "duckdb"
    data_folders: tuple[Path, ...] = ()


class Period(_Section):
    """The section [period]: the mid-years published, first and last."""

    first: _Year
    last: _Year


class Geography(_Section):
    """The section [geography]: the boundaries published, by their year."""

    edition: _Year


class Population(_Section):
    """The section [population]."""

    allow_unbalanced: StrictBool = False


class Release(_Section):
    """The section [release]: what its pages say of themselves."""

    date: dt.date | None = None
    next_date: dt.date | None = None
    designation: str = ""


class Source(_Section):
    """One of [[sources]]: an official file, the family it belongs to, and what it should hold."""

    kind: Literal["myeb3"]
    file: _Text
    edition: str | None = None
    geography: _Year | None = None
    areas: Annotated[StrictInt, Field(gt=0)] | None = None
    ignore_columns: tuple[str, ...] = ()


class Study(_Section):
    """A study, and the folder it stands in."""

    folder: Path
    text: str
    study: About
    period: Period
    geography: Geography
    population: Population = Population()
    release: Release = Release()
    sources: tuple[Source, ...] = Field(min_length=1)

    @property
    def data_folders(self) -> tuple[Path, ...]:
        """The folders outside the study that sources may lie in."""
        return tuple(self.folder / folder for folder in self.study.data_folders)


def read_study(folder: Path) -> Study:
    """Read the study in a folder.

    Args:
        folder: The folder that holds study.toml.

    Raises:
        StudyError: If there is none, it is not TOML, a key is wrong (the nearest right one is
            named) or a value cannot be.
    """
    path = folder / FILE
    if not path.is_file():
        raise StudyError(
            "There is no study here.",
            expected=FILE,
            found="no such folder" if not folder.is_dir() else "a folder without it",
            where=str(folder),
            fix="Make one with `ravenstein init DIR`.",
        )
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(
            "The study file is not valid TOML.",
            expected="TOML in UTF-8",
            found=str(error),
            where=FILE,
            fix="Correct the line named.",
        ) from None
    try:
        study = Study.model_validate({**content, "folder": folder, "text": text})
    except ValidationError as error:
        raise _study_error(text, error) from None
    _check_whole(study)
    return study


def _check_whole(study: Study) -> None:
    period = study.period
    if period.first >= period.last:
        raise StudyError(
            "The period has no length.",
            expected="first before last",
            found=f"first = {period.first}, last = {period.last}",
            where=f"{FILE}, [period]",
            fix="Give the first and the last mid-year.",
        )
    files = [source.file for source in study.sources]
    repeated = sorted({name for name in files if files.count(name) > 1})
    if repeated:
        raise StudyError(
            "A source is named twice.",
            expected="each file once",
            found=listed(repeated),
            where=f"{FILE}, [[sources]]",
            fix="Remove one of the entries.",
        )


def _study_error(text: str, error: ValidationError) -> StudyError:
    # a misspelt key is missing under its right name too: the misspelling says more
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"]]
    key, section = path[-1], [part for part in path[:-1] if not part.isdigit()]
    in_section = f"[{'.'.join(section)}] " if section else ""
    where = f"{FILE}{_line_of(text, key)}, {in_section}{key}"
    if first["type"] == "extra_forbidden":
        known = _known_keys(section)
        near = nearest(key, known)
        return StudyError(
            f"Key {key!r} is not known.",
            expected=", ".join(known),
            found=key,
            where=where,
            fix=f"Did you mean {near!r}?" if near else "Remove it or use one of the keys listed.",
        )
    if first["type"] == "missing":
        return StudyError(
            f"Key {key!r} is missing.",
            expected=f"{in_section}{key}",
            found="none",
            where=f"{FILE}, {in_section.strip() or 'top level'}",
            fix="Add it; docs/reference/study.md lists the keys.",
        )
    return StudyError(
        f"The value of {key!r} cannot be used.",
        expected=str(first["msg"]),
        found=repr(first["input"])[:60],
        where=where,
        fix="Correct the value; docs/reference/study.md lists the keys.",
    )


def _known_keys(section: list[str]) -> list[str]:
    model: Any = Study
    for part in section:
        field = model.model_fields[part].annotation
        model = Source if part == "sources" else field
    return [name for name in model.model_fields if name not in ("folder", "text")]


def _line_of(text: str, key: str) -> str:
    pattern = re.compile(rf"\s*(\[+\s*)?{re.escape(key)}\s*(=|\])")
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.match(line):
            return f", line {number}"
    return ""
