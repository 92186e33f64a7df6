"""A study: one study.toml, read into frozen models."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from ravenstein.core.errors import StudyError, listed, nearest

FILE = "study.toml"
_Year = Annotated[StrictInt, Field(ge=1800, le=2200)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Day = Annotated[dt.date, Field(strict=True)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class About(_Section):
    """What the study is and who makes it."""

    title: _Text = Field(description="Title of the release")
    producer: _Text = Field(description="Who publishes this release")
    source: str = Field("", description="Whose figures it rests on, and under which licence")
    contact: str = Field("", description="Whom readers can ask")
    simulated: StrictBool = Field(
        False, description="Whether the data are simulated; said on every page"
    )
    seed: StrictInt = Field(1885, ge=0, description="Seed of every random step")
    draws: StrictInt = Field(500, ge=2, le=100_000, description="Number of draws of every estimate")
    engine: Literal["duckdb"] = Field("duckdb", description="Engine of the rows: duckdb")
    data_folders: tuple[Path, ...] = Field(
        (), description="Folders outside the study that sources may lie in, relative to it"
    )


class Period(_Section):
    """The mid-years that are published; needed with sources of the kind myeb3."""

    first: _Year = Field(description="First mid-year, the opening stock")
    last: _Year = Field(description="Last mid-year")


class Geography(_Section):
    """The boundaries that are published; needed with sources of the kind myeb3."""

    edition: _Year = Field(description="Year of the boundaries")


class Population(_Section):
    """The population account."""

    allow_unbalanced: StrictBool = Field(
        False,
        description="Publish accounts that do not balance, with a warning, instead of stopping",
    )


class PassengerSurvey(_Section):
    """The passenger survey."""

    decimals: Annotated[StrictInt, Field(ge=0, le=12)] | None = Field(
        None,
        description="Decimals to which stage weights are rounded, half up: 3 gives the figures of "
        "the system of 2017; not rounded where not given",
    )
    collapse_below: StrictInt = Field(
        1,
        ge=1,
        description="Cells of the weighting with fewer interviews are joined with neighbours; 1: "
        "empty ones only",
    )
    trim_above: Annotated[float, Field(gt=1)] | None = Field(
        None,
        description="Largest final weight, as a multiple of the month's median; what is cut off "
        "is given to the others; no limit where not given",
    )
    stays: Literal["donor", "mean"] = Field(
        "donor",
        description="Nights that were not stated: those of a donor drawn from the class, or the "
        "class's rounded mean as in the system of 2017, which hides short and long stays",
    )


class Migration(_Section):
    """Total migration."""

    headline: Literal["components", "combined"] = Field(
        "components",
        description="Which series is the headline: the sum of the components, or the best series "
        "of all sources",
    )
    first: _Year | None = Field(
        None, description="First calendar year; that of the survey if not given"
    )
    last: _Year | None = Field(None, description="Last calendar year; that of the survey")


class NewRoute(_Section):
    """A route that the next sample design covers for the first time."""

    portroute: Annotated[StrictInt, Field(gt=0)] = Field(description="Its port route")
    possible: Annotated[StrictInt, Field(gt=1)] = Field(
        description="Possible shifts in a quarter and direction"
    )
    passengers: Annotated[float, Field(gt=0)] = Field(
        description="Passengers in a quarter and direction"
    )


class SampleDesign(_Section):
    """A proposal for the next sample design of the passenger survey; none without this section."""

    ordinary_cost: Annotated[float, Field(gt=0)] = Field(
        1.0, description="Cost of an ordinary shift"
    )
    migration_cost: Annotated[float, Field(gt=0)] = Field(
        0.6, description="Cost of a migration shift, in the same unit"
    )
    migration_interval: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None,
        description="Screening interval on migration shifts; that of ordinary ones if not given",
    )
    least: StrictInt = Field(
        2, ge=1, description="Fewest shifts of a route, direction and quarter, of both kinds"
    )
    ordinary_kept: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Share of the present ordinary shifts that must stay everywhere"
    )
    years: StrictInt = Field(
        3, ge=1, description="Years of interviews that shares of migrants are taken from"
    )
    new_routes: tuple[NewRoute, ...] = Field(
        (),
        description="Routes to cover for the first time, each with portroute, possible (shifts in "
        "a quarter and direction) and passengers: [[sample_design.new_routes]]",
    )


class CalendarEntry(_Section):
    """A day on which something is published."""

    date: _Day = Field(description="The day, YYYY-MM-DD without quotes")
    title: _Text = Field(description="What is published")


class Release(_Section):
    """What the release's pages say of themselves."""

    date: _Day | None = Field(None, description="Day of publication, YYYY-MM-DD without quotes")
    next_date: _Day | None = Field(None, description="Day of the next release")
    designation: str = Field("", description="Designation, such as 'Official statistics'")
    calendar: tuple[CalendarEntry, ...] = Field(
        (),
        description="Further days of the release calendar, each with date and title: "
        "[[release.calendar]]",
    )


class Source(_Section):
    """An official file, the family it belongs to, and what it should hold. One entry a file."""

    kind: Literal[
        "myeb3",
        "myeb2",
        "survey_contacts",
        "survey_shifts",
        "survey_nonresponse",
        "survey_traffic",
        "survey_unsampled",
        "survey_imbalance",
        "survey_trailers",
        "border_movements",
        "irish_migration",
        "asylum_applications",
        "returns",
        "home_office_applications",
        "home_office_returns",
        "migration_component",
        "worker_registrations",
        "insurance_register",
        "asylum_decisions",
        "settlement_grants",
        "citizenship_grants",
        "visas_issued",
        "nomis_ages",
        "code_changes",
        "outlines",
    ] = Field(
        description="File family: myeb3 (summary components of change, local authorities); "
        "myeb2 (detailed components of change, by sex and single year of age); "
        "border_movements (what the entry–exit system holds); a "
        "table of the passenger survey: survey_contacts, survey_shifts, survey_nonresponse, "
        "survey_traffic and survey_unsampled, survey_imbalance where that stage is wanted, and "
        "survey_trailers for switchers; what total migration adds to it: irish_migration, "
        "asylum_applications and returns (or home_office_applications and home_office_returns, as "
        "published), migration_component (a component of your own), worker_registrations (areas of "
        "short-term workers) and insurance_register (to compare with); other producers' counts, "
        "shown beside: asylum_decisions, settlement_grants, citizenship_grants, visas_issued; for "
        "pages of areas: nomis_ages (population by sex and age), code_changes and outlines "
        "(TopoJSON or GeoJSON); "
        "several files of a table, such as one a month, are put together"
    )
    file: _Text = Field(
        description="Path of the file, relative to the study; for tables of the survey and of the "
        "border also a folder of Parquet files"
    )
    edition: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name of the edition, if not to be read off the file",
    )
    geography: _Year | None = Field(
        None, description="Year of the boundaries, for a header that does not say"
    )
    areas: Annotated[StrictInt, Field(gt=0)] | None = Field(
        None, description="Number of areas the file must have"
    )
    producer: str = Field(
        "", description="Who publishes it, if not the study's producer; shown beside its figures"
    )
    status: str = Field(
        "", description="Its status there, such as 'Official statistics' or 'provisional'"
    )
    ignore_columns: tuple[str, ...] = Field((), description="Unknown columns to leave out")
    columns: dict[str, str] = Field(
        {},
        description="For tables of the survey: names of the file's columns by the declared names, "
        'where they differ, as { serial = "SERIAL" }; one column may serve several',
    )
    constants: dict[str, Any] = Field(
        {},
        description="For tables of the survey: values of declared columns that the file does not "
        'have, as { month = 2017-12-01 }; "" where they are missing',
    )
    codes: dict[str, dict[str, str]] = Field(
        {},
        description="For tables of the survey: declared codes by the file's own, as { sex = "
        '{ "1" = "M", "2" = "F" } }; a code left out is refused',
    )


class Study(_Section):
    """A study, and the folder it stands in.

    Period and geography are those of the population account: a study of the passenger survey
    alone has none.
    """

    folder: Path
    text: str
    study: About
    period: Period | None = None
    geography: Geography | None = None
    population: Population = Population()
    passenger_survey: PassengerSurvey = PassengerSurvey()
    migration: Migration = Migration()
    sample_design: SampleDesign | None = None
    release: Release = Release()
    sources: tuple[Source, ...] = Field(min_length=1)

    def of_kind(self, kind: str) -> list[Source]:
        """Return the sources of a file family."""
        return [source for source in self.sources if source.kind == kind]

    @property
    def survey(self) -> tuple[Source, ...]:
        """The sources of the passenger survey."""
        return tuple(source for source in self.sources if source.kind.startswith("survey_"))

    @property
    def published(self) -> tuple[Period, Geography]:
        """The mid-years and boundaries of the population account.

        Raises:
            StudyError: If they are not given.
        """
        if self.period is None or self.geography is None:
            name = "period" if self.period is None else "geography"
            raise StudyError(
                f"Key {name!r} is missing.",
                expected=f"[{name}], for sources of the kind myeb3",
                found="none",
                where=f"{FILE}, top level",
                fix="Add it; docs/reference/study.md lists the keys.",
            )
        return self.period, self.geography

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
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise StudyError(
            "The study file cannot be read, or is not valid TOML.",
            expected="TOML in UTF-8",
            found=str(error),
            where=FILE,
            fix="Correct the line named.",
        ) from None
    try:
        _refuse_inner_keys(content)
        study = Study.model_validate({**content, "folder": folder, "text": text})
    except ValidationError as error:
        raise _study_error(text, error) from None
    _check_whole(study)
    return study


def read_survey(folder: Path) -> Study:
    """Read the part of a study that is of the passenger survey.

    Args:
        folder: A folder with a study.toml; or without one, with the survey's files named as their
            tables, such as survey_contacts.csv or survey_contacts.parquet.

    Raises:
        StudyError: If there is neither, or study.toml is wrong.
    """
    if (folder / FILE).is_file():
        study = read_study(folder)
    else:
        known = [kind for kind in get_args(Source.model_fields["kind"].annotation)
                 if kind.startswith("survey_")]  # fmt: skip
        ends = ("", ".csv", ".parquet")
        files = {k: f"{k}{end}" for k in known for end in ends if (folder / f"{k}{end}").exists()}
        if not files:
            raise StudyError(
                "There are no files of the passenger survey here.",
                expected=f"{FILE}, or files such as {known[0]}.csv or {known[0]}.parquet",
                found="no such folder" if not folder.is_dir() else "a folder without them",
                where=str(folder),
                fix="Name the files as their tables, or say in study.toml which they are.",
            )
        sources = tuple(Source(kind=kind, file=file) for kind, file in files.items())
        about = About(title="Passenger survey", producer="the office that ran it")
        study = Study(folder=folder, text="", study=about, sources=sources)
    return study.model_copy(update={"sources": study.survey, "period": None, "geography": None})


def _refuse_inner_keys(content: dict[str, Any]) -> None:
    """Refuse keys that only the program sets, and sources that are not a list."""
    for key in ("folder", "text"):
        if key in content:
            raise StudyError(
                f"Key {key!r} is not known.",
                expected=", ".join(_known_keys([])),
                found=key,
                where=f"{FILE}, {key}",
                fix="Remove it.",
            )
    if isinstance(content.get("sources"), dict):
        raise StudyError(
            "Sources are a list.",
            expected="[[sources]], in double brackets, for each file",
            found="[sources]",
            where=f"{FILE}, sources",
            fix="Write [[sources]].",
        )


def _check_whole(study: Study) -> None:
    if study.of_kind("myeb3"):
        _ = study.published
    period = study.period
    if period and period.first >= period.last:
        raise StudyError(
            "The period has no length.",
            expected="first before last",
            found=f"first = {period.first}, last = {period.last}",
            where=f"{FILE}, [period]",
            fix="Give the first and the last mid-year.",
        )
    years = study.migration
    if years.first and years.last and years.first > years.last:
        raise StudyError(
            "The years of total migration have no length.",
            expected="first not after last",
            found=f"first = {years.first}, last = {years.last}",
            where=f"{FILE}, [migration]",
            fix="Give the first and the last calendar year.",
        )
    days = study.release
    if days.date and days.next_date and days.next_date <= days.date:
        raise StudyError(
            "The next release is not after this one.",
            expected="next_date after date",
            found=f"date = {days.date}, next_date = {days.next_date}",
            where=f"{FILE}, [release]",
            fix="Give the day of the next release.",
        )
    files = [(source.kind, source.file) for source in study.sources]
    repeated = sorted({name for kind, name in files if files.count((kind, name)) > 1})
    if repeated:
        raise StudyError(
            "A source is named twice.",
            expected="each file once for a kind",
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
        expected=str(first["msg"]).replace("valid tuple", "list").replace("Input should", "should"),
        found=repr(first["input"])[:60],
        where=where,
        fix="Correct the value; docs/reference/study.md lists the keys.",
    )


def _known_keys(section: list[str]) -> list[str]:
    model: Any = Study
    for part in section:
        kind = model.model_fields[part].annotation
        kinds = [kind, *get_args(kind)]  # a list or an optional section holds its model
        model = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return [name for name in model.model_fields if name not in ("folder", "text")]


def _line_of(text: str, key: str) -> str:
    pattern = re.compile(rf"\s*(\[+\s*)?{re.escape(key)}\s*(=|\])")
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.match(line):
            return f", line {number}"
    return ""
