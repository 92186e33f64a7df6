"""What a twin is made of: its scale, and the parameters of its people, journeys and views."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import ParameterError, nearest
from ravenstein.core.parameters import Parameter, Parameters, load_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

FILES = (
    "people", "names", "journeys", "survey", "border", "components", "registers", "statistics",
    "census", "labour_force",
)  # fmt: skip
_ONCE = ("names", "registers", "statistics", "labour_force")

_FOR_ALL_YEARS = (
    "border_renewed", "survey_unsampled", "survey_occupation", "season", "hours", "routes",
    "route_tilt", "weekdays", "travel_by_age", "travel_by_person", "usual_carrier",
    "same_route_back", "visits_of_emigrants", "abroad_own", "abroad_elsewhere", "age_shares",
    "female_share", "foreign_born", "visits_by_visitor", "visitor_years", "visitors", "short_term",
    "short_term_reason", "short_term_days", "mortality_level", "mortality_slope",
    "mortality_decline", "infant_mortality",
)  # fmt: skip

SWITCHED_OFF = (
    "survey_nonresponse", "survey_minimum", "survey_migrants_lost", "survey_visitors_gained",
    "survey_night_recall", "survey_unsampled", "survey_asylum_missed", "survey_removals_missed",
    "border_mistyped", "border_swapped", "border_birth_date", "border_renewed",
    "border_no_document", "name_changes", "record_errors", "postcode_errors", "components_rounding",
    "patient_birth_lag", "patient_lag", "patient_move_lag", "patient_missed",
    "patient_short_stays", "patient_stays_on", "patient_removal", "patient_after_death",
    "patient_duplicates", "patient_special", "insurance_missed", "insurance_lag",
    "insurance_short_stays", "students_missed", "students_term_at_home", "students_stay_on",
    "schools_missed", "schools_move_lag", "schools_stay_on", "births_lag", "births_late",
    "births_unregistered", "deaths_lag", "deaths_inquest", "irish_missed", "irish_rounding",
    "asylum_lag", "returns_unrecorded", "grants_lag", "workers_missed", "workers_lag",
    "visas_lead", "visas_unused", "special_lag", "census_missed", "census_twice",
    "census_elsewhere", "census_left", "coverage_survey_missed", "labour_force_nonresponse",
    "labour_force_foreign", "labour_force_new", "labour_force_special", "labour_force_proxy",
    "labour_force_proxy_error",
)  # fmt: skip
"""The imperfections that are switched off when all their numbers are 0."""

SWITCHED_ON: dict[str, float] = {
    "border_coverage": 1.0, "border_land": 1.0, "border_outbound": 1.0, "students_linked": 1.0,
    "survey_asylum_said": 1.0,
}  # fmt: skip
"""Those that are switched off at another value."""

VIEWS = ("survey", "border", "registers", "statistics", "census", "labour_force")
"""Groups of views; a twin may have some of them only."""

_HERE = Path(__file__).parent
_START = dt.date(1990, 1, 1)
_UNIT_RANGES = {
    "share": (0.0, 1.0),
    "shares": (0.0, 1.0),
    "per person-year": (0.0, 1.0),
    "switch": (0.0, 1.0),
    "share below 1": (0.0, 0.99),
    "days late": (0.0, 36_525.0),
}
_ABOVE_0 = (
    "visits per person-year",
    "years",
    "nights",
    "days",
    "per year of age",
    "ratio of means",
    "odds ratio",
)
_MOST_TERMINALS = 10

WAVES = 5
"""Quarters for which an address is in the labour-force survey."""


@dataclass(frozen=True)
class Scale:
    """Size and survey design of a twin.

    Args:
        name: Name of the scale.
        people: Residents at the first mid-year.
        areas: Number of areas.
        first: First mid-year of the population figures.
        last: Last mid-year.
        terminals: Terminals of each route.
        shifts: Share of shifts that the passenger survey samples.
        interval: Every how many-th passenger of a sampled shift is screened.
        second: Every how many-th of the screened has the full questionnaire.
        block: Residents simulated at a time.
        postcodes: Share of postcodes that the coverage survey of a census visits.
        addresses: Every how many-th address enters the labour-force survey each quarter.
    """

    name: str
    people: int
    areas: int
    first: int
    last: int
    terminals: int
    shifts: float
    interval: int
    second: int
    block: int
    postcodes: float
    addresses: int

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return max(1, round(self.people / self.block))


@dataclass(frozen=True)
class Settings:
    """A scale with all parameters.

    Args:
        scale: The scale.
        parameters: Parameters of people, journeys and views, the user's own among them.
        views: Groups of views that it has.
    """

    scale: Scale
    parameters: Parameters
    views: tuple[str, ...] = VIEWS

    def at(self, name: str, day: int) -> Any:
        """Return a parameter's value on a day (days since 1 January 1970)."""
        return self.parameters[name].at(dt.date(1970, 1, 1) + dt.timedelta(days=int(day)))

    def daily(self, name: str, first: int, last: int) -> NDArray[Any]:
        """Return a number on each day from a first to a last day [days]."""
        values = self.parameters[name].values
        starts = np.array([(day - dt.date(1970, 1, 1)).days for day, _ in values])
        place = np.searchsorted(starts, np.arange(first, last + 1), side="right") - 1
        return np.array([value for _, value in values], dtype=np.float64)[np.maximum(place, 0)]

    def shares(self, name: str, day: int, codes: Sequence[str], part: str = "") -> NDArray[Any]:
        """Return values by code as an array, in the order of the codes."""
        value = self.at(name, day)
        value = value[part] if part else value
        return np.array([value.get(code, 0.0) for code in codes], dtype=np.float64)


def scales() -> dict[str, Scale]:
    """Return the scales by name.

    >>> sorted(scales())
    ['region', 'small', 'uk']
    """
    content = tomllib.loads((_HERE / "scales.toml").read_text(encoding="utf-8"))
    return {name: Scale(name, **body) for name, body in content.items()}


def settings(
    scale: str | Scale,
    own: Path | None = None,
    *,
    perfect: bool = False,
    changes: dict[str, Any] | None = None,
    views: Sequence[str] = VIEWS,
) -> Settings:
    """Return the settings of a twin.

    Args:
        scale: Name of a scale, or a scale of one's own.
        own: A TOML file of one's own values, `name = value` for any parameter, or a key of the
            scale; they hold on all days, unless given as `[{ from = DATE, value = … }, …]`.
        perfect: Whether all imperfections of the views are switched off; own values come after.
        changes: Values as in such a file.
        views: Groups of views, all of them unless told.

    Raises:
        ParameterError: If the scale, a name or a group is unknown, or a value does not fit its
            unit: file and line are named.
    """
    _refuse_unknown(views)
    chosen = scale if isinstance(scale, Scale) else _scale(scale)
    entries = dict(_entries())
    given: dict[str, Any] = _perfect(entries) if perfect else {}
    given |= changes or {}
    text = ""
    if own is not None:
        text, content = _own(own)
        given |= content
    shown = own.name if own else "changes"
    keys = {field.name for field in dataclasses.fields(Scale)} - {"name"}
    for name, value in given.items():
        where = f"{shown}, line {_line(text, name)}, {name}" if name in text else f"{shown}, {name}"
        if name in keys:
            chosen = _rescaled(chosen, name, value, where)
        elif name in entries:
            dated = _dated(value, where)
            if len(dated) > 1 and name in _undated():
                raise ParameterError(
                    f"Parameter {name!r} has one value for all years.",
                    expected="a value without dates",
                    found=f"{len(dated)} dates",
                    where=where,
                    fix="Give one value.",
                )
            for _, one in dated:
                check_value(entries[name], one, where, like=entries[name].values[-1][1])
            entries[name] = dataclasses.replace(entries[name], values=dated)
        else:
            near = nearest(name, [*entries, *keys])
            raise ParameterError(
                f"There is no parameter {name!r} of the twin.",
                expected=f"{near!r}, perhaps" if near else "a name of docs/reference/parameters.md",
                found=name,
                where=where,
                fix="Correct the name.",
            )
    return Settings(
        chosen, Parameters("twin", entries), tuple(view for view in VIEWS if view in views)
    )


def _refuse_unknown(views: Sequence[str]) -> None:
    unknown = sorted(set(views) - set(VIEWS))
    if unknown or not views:
        near = nearest(unknown[0], VIEWS) if unknown else None
        raise ParameterError(
            "There is no such group of views.",
            expected=f"some of {', '.join(VIEWS)}",
            found=", ".join(unknown)[:80] or "none",
            where="--views",
            fix=f"Use {near!r}." if near else "Name one of them, or leave the option out.",
        )


def _dated(value: Any, where: str) -> tuple[tuple[dt.date, Any], ...]:
    """Return values with their first days: one for all days, or as the user dates them."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(part, dict) and set(part) == {"from", "value"} for part in value)
    ):
        days = [part["from"] for part in value]
        if any(type(one) is not dt.date for one in days) or len(set(days)) < len(days):
            raise ParameterError(
                "Values begin on days.",
                expected="from = 2009-01-01, without quotes and time, each day once",
                found=", ".join(str(one) for one in days)[:80],
                where=where,
                fix="Write each day as in the expected form.",
            )
        given = sorted(((part["from"], part["value"]) for part in value), key=lambda part: part[0])
        return ((_START, given[0][1]), *given) if given[0][0] > _START else tuple(given)
    return ((_START, value),)


@cache
def _undated() -> frozenset[str]:
    """Return the names of parameters that sources take once for all years."""
    files = (load_parameters(_HERE / f"{name}.toml") for name in _ONCE)
    return frozenset(name for file in files for name in file.entries) | set(_FOR_ALL_YEARS)


def _perfect(entries: dict[str, Parameter]) -> dict[str, Any]:
    """Return the values at which all imperfections are switched off."""

    def nothing(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: nothing(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [nothing(inner) for inner in value]
        return type(value)(0)

    off = {name: nothing(entries[name].values[-1][1]) for name in SWITCHED_OFF}
    return off | SWITCHED_ON


@cache
def _entries() -> dict[str, Parameter]:
    """Read and check the twin's own parameters."""
    entries: dict[str, Parameter] = {}
    for name in FILES:
        file = load_parameters(_HERE / f"{name}.toml")
        text = (_HERE / f"{name}.toml").read_text(encoding="utf-8")
        for key, parameter in file.entries.items():
            for _, value in parameter.values:
                check_value(parameter, value, f"{file.file}, line {_line(text, key)}, [{key}]")
        entries |= file.entries
    return entries


def check_value(parameter: Parameter, value: Any, where: str, *, like: Any = None) -> None:
    """Check that a value fits its parameter's unit.

    Args:
        parameter: The parameter.
        value: A number, or numbers by code, in any depth.
        where: File and line, for the message.
        like: A value whose form it must have.

    Raises:
        ParameterError: If it has another form; a number is not finite or negative; a rate or
            share is not in [0, 1]; or shares do not add up to 1.
    """
    problem = _problem(parameter.unit, value, like)
    if problem:
        raise ParameterError(
            f"Parameter {parameter.name!r} cannot have this value.",
            expected=f"unit {parameter.unit}"
            + ("" if like is None else f", such as {str(like)[:100]}"),
            found=problem,
            where=where,
            fix="Correct the value.",
        )


def _problem(unit: str, value: Any, like: Any) -> str:
    if like is not None and _form(value) != _form(like):
        return f"another form: {str(value)[:80]}"
    if unit == "route":
        return _route_problem(value)
    wrong = next(filter(None, (_out_of_range(unit, *given) for given in _numbers(value))), "")
    many = isinstance(value, dict | list) and not wrong
    sums = [sum(group) for group in _groups(value)] if many else []
    if unit == "shares" and any(abs(total - 1) > 1e-6 for total in sums):
        wrong = f"shares that add up to {next(t for t in sums if abs(t - 1) > 1e-6):.6g}"
    elif unit.startswith("relative weight") and not all(total > 0 for total in sums):
        wrong = "weights that are all 0"
    return wrong


def _out_of_range(unit: str, key: str, number: Any) -> str:
    """Return what is wrong with one number of a value, or nothing."""
    low, high = _UNIT_RANGES.get(unit, (0.0, np.inf))
    high = 1.0 if key == "children" else high  # a share among years
    if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
        return f"{number} outside {low:g} to {high:g}"
    if unit == "switch" and number not in (0, 1):
        return f"{number}, which is neither 0 nor 1"
    if unit == "persons" and number != int(number):
        return f"{number}, which is no whole number"
    if number == 0 and unit in _ABOVE_0 and key != "children":
        return "0, which must be above 0"
    return ""


def _route_problem(value: Any) -> str:
    codes = [entry["code"] for entry in value.values()]
    if any(entry["mode"] not in ("air", "sea", "tunnel", "land") for entry in value.values()):
        return "a mode that is not air, sea, tunnel or land"
    if any(b - a < _MOST_TERMINALS for a, b in zip(sorted(codes), sorted(codes)[1:], strict=False)):
        return f"codes of routes less than {_MOST_TERMINALS} apart"
    return _problem("shares", [entry["share"] for entry in value.values()], None)


def _form(value: Any) -> Any:
    """Return what a value looks like: keys and lengths, without its numbers."""
    if isinstance(value, dict):
        return {key: _form(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_form(inner) for inner in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else type(value).__name__


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every number with the key it stands under."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, key)
    else:
        yield key, value


def _groups(value: Any) -> Iterator[list[float]]:
    inner = list(value.values() if isinstance(value, dict) else value)
    if inner and isinstance(inner[0], dict | list):
        for group in inner:
            yield from _groups(group)
    else:
        yield inner


def _scale(name: str) -> Scale:
    known = scales()
    if name not in known:
        raise ParameterError(
            f"There is no scale {name!r} of the twin.",
            expected=f"one of {', '.join(known)}",
            found=name,
            where="scale",
            fix=f"Use {nearest(name, known) or 'small'!r}.",
        )
    return known[name]


def _rescaled(scale: Scale, name: str, value: Any, where: str) -> Scale:
    whole = name not in ("shifts", "postcodes")
    fits = isinstance(value, int if whole else float | int) and not isinstance(value, bool)
    years = {
        "first": (1999, scale.last - 1),
        "last": (scale.first + 1, 2030),
        "areas": (4, 1000),
        "block": (500, 1_000_000),
        "people": (500, 10**9),
        "terminals": (1, _MOST_TERMINALS),
        "addresses": (WAVES, 10**6),
    }
    low, high = years.get(name, (1, 10**9) if whole else (0.0, 1.0))
    if not fits or not low <= value <= high:
        raise ParameterError(
            f"The scale's {name!r} cannot have this value.",
            expected=f"a {'whole ' if whole else ''}number from {low:g} to {high:g}",
            found=str(value)[:80],
            where=where,
            fix="Correct the value.",
        )
    return dataclasses.replace(scale, **{name: value})


def _own(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ParameterError(
            "The file of your values is not there, or not valid TOML.",
            expected="lines such as border_coverage = 0.6",
            found=str(error),
            where=path.name,
            fix="Name a file that is there, or correct the line named.",
        ) from None


def _line(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().strip("[]").split("=")[0].strip() == name:
            return number
    return 1
