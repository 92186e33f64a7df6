"""All months of the survey: weights, migrants by each definition, and the quality report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ravenstein.core.errors import SurveyError, listed
from ravenstein.core.estimate import estimate
from ravenstein.core.seeds import step_generator
from ravenstein.passenger_survey.answers import ended
from ravenstein.passenger_survey.cells import cells, rows_of
from ravenstein.passenger_survey.chain import (
    ORDER,
    Month,
    Rules,
    factors,
    passenger_factors,
    sampled_shares,
    weigh,
)
from ravenstein.passenger_survey.imputation import imputed_nights
from ravenstein.passenger_survey.migrants import (
    AGE_GROUPS,
    DIRECTIONS,
    SHORT_TERM,
    UNKNOWN,
    Totals,
    described,
    flows,
    long_term,
    short_term,
)
from ravenstein.passenger_survey.quality import cell_report, extremes, largest
from ravenstein.passenger_survey.trailers import Detail, with_trailers
from ravenstein.tables.passenger_survey import REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.estimate import Estimate
    from ravenstein.core.sparse import SparseEstimate
    from ravenstein.passenger_survey.cells import Columns
    from ravenstein.passenger_survey.chain import Weighted

    Tables = Mapping[str, Columns]
    Row = dict[str, Any]

_T = TypeVar("_T")
_CODES = {
    "nonresponse": "nonresponse_group",
    "traffic": "traffic_group",
    "unsampled": "unsampled_group",
}
_TABLES = ("shifts", "nonresponse", "traffic", "unsampled")
_BY = {"reason": ("all", "citizenship", "reason"), "age": ("age_group", "sex"),
       "country": ("country",), "area": ("area",)}  # fmt: skip
_SIDE_BY_SIDE = 2  # months; one of 20,000 interviews and 500 replicates takes 0.4 GB
_SIGNS = {
    "immigration": np.array([1.0, 0.0]),
    "emigration": np.array([0.0, 1.0]),
    "net": np.array([1.0, -1.0]),
}


@dataclass(eq=False)
class Results:
    """What the survey gives.

    Args:
        weights: Columns of `survey_weights`.
        stays: Columns of `survey_stays`.
        stages: Rows of `survey_stages`.
        notes: Rows of `survey_notes`.
        extremes: Rows of `survey_extremes`.
        rules: Rows of `survey_rules`.
        migrants: Long-term migrants by `reason` (and citizenship), `age` (and sex), `country` and
            `area`.
        short_term: Short-term migrants by definition; none where no year is complete.
        flows: Columns of `survey_flows`.
        cells: Long-term migrants in all their answers.
        stays_ended: Stays and absences that ended, from the trailers; None without.
        months: Number of months.
        joined: Months in which cells were joined.
        lonely: Shifts alone in their stratum, kept as certain.
        unknown_stays: Trips that ended whose nights are not known and have no donor: they are not
            among the short-term migrants.
    """

    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    stays: dict[str, NDArray[Any]] = field(default_factory=dict)
    stages: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    extremes: list[Row] = field(default_factory=list)
    rules: list[Row] = field(default_factory=list)
    migrants: dict[str, Estimate] = field(default_factory=dict)
    short_term: Estimate | None = None
    flows: dict[str, list[Any]] = field(default_factory=dict)
    cells: SparseEstimate | None = None
    stays_ended: SparseEstimate | None = None
    months: int = 0
    joined: int = 0
    lonely: int = 0
    unknown_stays: int = 0

    @property
    def last_flows(self) -> dict[str, Row]:
        """Long-term migrants of the last year: a row of `survey_flows` a flow."""
        rows = [
            dict(zip(self.flows, values, strict=True))
            for values in zip(*self.flows.values(), strict=True)
        ]
        whole = [row for row in rows if row["by"] == "all" and row["definition"] == "long_term"]
        return {row["flow"]: row for row in whole if row["year"] == whole[-1]["year"]}


def results(tables: Tables, rules: Rules, *, draws: int, seed: int) -> Results:
    """Weigh all months of a survey and estimate its migrants.

    Args:
        tables: Columns of the declared tables by name, without `survey_`; `imbalance` where that
            stage is wanted, `trailers` where the survey has them.
        rules: What is chosen in the weighting.
        draws: Number of bootstrap replicates.
        seed: Seed; each month has a generator of its own.

    Raises:
        SurveyError: If a table holds a month without interviews, or a month cannot be weighed.
    """
    trailers = tables.get("trailers")
    contacts = with_trailers(tables["contacts"], trailers)
    month_of = contacts["interviewed_on"].astype("datetime64[M]")
    order = np.lexsort((contacts["serial"], month_of))
    contacts = rows_of(contacts, order)
    imbalance = _of_interviews(tables.get("imbalance"), contacts["serial"])
    months, starts = np.unique(month_of[order], return_index=True)
    _refuse_other_months(tables, months)
    _refuse_other_codes(tables)
    made = Results(months=len(months))
    counted = _Counted(contacts, months, rules, draws, balanced=imbalance is not None)
    draw = step_generator(seed, "passenger_survey/stays") if rules.stays == "donor" else None
    nights = imputed_nights(contacts, draw)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in ("serial", *ORDER, "final")}
    candidates: list[Row] = []

    def weighed(month: Any, start: int, end: int) -> tuple[Month, Weighted, int]:
        chosen = rows_of(contacts, slice(start, end))
        balance = imbalance and rows_of(imbalance, slice(start, end))
        others = {name: _of_month(tables[name], month) for name in _TABLES}
        given = Month(chosen, **others, imbalance=balance)
        generator = step_generator(seed, f"passenger_survey/{month}")
        share = sampled_shares(given)
        drawn, lonely = factors(chosen, draws, generator, share)
        within = passenger_factors(given, share, draws, generator) if draws else None
        try:
            return given, weigh(given, drawn, rules, within), lonely
        except SurveyError as error:
            raise error.within(str(month)) from None

    ends = [*starts[1:].tolist(), month_of.size]
    done = _in_order(weighed, list(zip(months, starts.tolist(), ends, strict=True)))
    for month, start, end, (given, found, lonely) in zip(months, starts, ends, done, strict=True):
        counted.add(given, found, nights[start:end])
        _keep(parts, given.contacts["serial"], found)
        first = month.astype("datetime64[D]").item()
        made.stages += [{"month": first, **row} for row in cell_report(found)]
        made.notes += _notes(first, found, lonely)
        candidates += [{"year": first.year, **row} for row in extremes(given.contacts, found)]
        made.joined += any(" joined, " in note for _, note in found.notes)
        made.lonely += lonely
    made.weights = {name: np.concatenate(values) for name, values in parts.items()}
    made.stays = _known_stays(contacts, nights)
    made.unknown_stays = int((ended(contacts) & ~np.isfinite(nights)).sum())
    made.extremes = list(largest(candidates))
    counted.give(made)
    made.cells = counted.detail.migrants()
    made.stays_ended = counted.detail.stays() if trailers is not None else None
    return made


def _known_stays(contacts: Columns, nights: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Return the columns of `survey_stays`."""
    known = np.isfinite(nights)
    return {
        "serial": contacts["serial"][known],
        "nights": nights[known].astype(np.int64),
        "imputed": ~np.isfinite(np.asarray(contacts["nights"], dtype=np.float64))[known],
    }


def _notes(month: Any, found: Weighted, lonely: int) -> list[Row]:
    """Return rows of `survey_notes` of a month; shifts alone in their stratum come first."""
    alone = f"{lonely} shifts are alone in their route and direction: kept as certain in replicates"
    notes = [("shift", alone)] if lonely else []
    return [
        {"month": month, "number": number, "stage": stage, "note": note}
        for number, (stage, note) in enumerate([*notes, *found.notes], start=1)
    ]


def _in_order(work: Callable[..., _T], given: Sequence[tuple[Any, ...]]) -> Iterator[_T]:
    """Yield what `work` makes of each, in order, some side by side."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for start in range(0, len(given), _SIDE_BY_SIDE):
            yield from pool.map(lambda each: work(*each), given[start : start + _SIDE_BY_SIDE])


class _Counted:
    """Totals of all definitions and breakdowns, and of the months weighed without a rule."""

    def __init__(
        self, contacts: Columns, months: Any, rules: Rules, draws: int, *, balanced: bool
    ) -> None:
        years = sorted({int(str(month)[:4]) for month in months})
        first = {"year": years, "direction": DIRECTIONS}

        def kinds(name: str, *more: str) -> list[str]:
            found = {value for value in contacts[name].tolist() if value is not None}
            return sorted(found | set(more))

        by_reason = {"citizenship": kinds("citizenship"), "reason": list(REASONS.labels)}
        ages = [*AGE_GROUPS, UNKNOWN]
        self.long = {
            "reason": Totals(first | by_reason, draws),
            "age": Totals(first | {"age_group": ages, "sex": kinds("sex")}, draws),
            "country": Totals(first | {"country": kinds("country", "other")}, draws),
            "area": Totals(first | {"area": kinds("area", UNKNOWN)}, draws),
        }
        self.detail = Detail()
        held = {str(month) for month in months}
        self.months = {y: sum(month[:4] == str(y) for month in held) for y in years}
        # a stay of under a year that began in a year has ended within the next one
        whole = [y for y in years
                 if all(f"{y + i // 12}-{i % 12 + 1:02d}" in held for i in range(24))]  # fmt: skip
        self.short = {
            name: Totals({"year": whole, "direction": DIRECTIONS} | by_reason, draws)
            for name in (SHORT_TERM if whole else ())
        }
        self.without = {
            name: (given, changed, Totals(first, 0))
            for name, (given, changed) in _without(rules, balanced=balanced).items()
        }

    def add(self, month: Month, found: Weighted, nights: NDArray[np.float64]) -> None:
        c = month.contacts
        rows = long_term(c)
        columns = described(rows_of(c, rows))
        self.detail.add(c, rows, found.final)
        for totals in self.long.values():
            totals.add(columns, found.final[rows])
        for name, chosen in short_term(c, nights).items() if self.short else ():
            labels = described(rows_of(c, chosen), nights[chosen])
            self.short[name].add(labels, found.final[chosen])
        one = np.ones((c["serial"].size, 1))
        for balanced, rules, totals in self.without.values():
            given = month if balanced else replace(month, imbalance=None)
            totals.add(columns, weigh(given, one, rules).final[rows])

    def give(self, made: Results) -> None:
        made.migrants = {name: totals.estimate() for name, totals in self.long.items()}
        parts = [
            flows(totals, "long_term", self.months, *_BY[name])
            for name, totals in self.long.items()
        ]
        parts += [
            flows(totals, name, self.months, *_BY["reason"]) for name, totals in self.short.items()
        ]
        made.flows = {name: [v for part in parts for v in part[name]] for name in parts[0]}
        if self.short:
            each = [totals.estimate() for totals in self.short.values()]
            made.short_term = estimate(
                np.stack([e.point.values for e in each]),
                np.stack([e.draws.values for e in each]),
                {"definition": list(self.short)} | self.short[SHORT_TERM[0]].labels,
                "persons",
            )
        made.rules = [
            {
                "year": year,
                "rule": name,
                "flow": flow,
                "persons": sign @ self.long["age"].weights[:, 0].reshape(*shape, -1).sum(-1)[i],
                "without": sign @ totals.weights[:, 0].reshape(shape)[i],
            }
            for name, (_, _, totals) in self.without.items()
            for shape in [totals.shape]
            for i, year in enumerate(totals.labels["year"])
            for flow, sign in _SIGNS.items()
        ]


def _without(rules: Rules, *, balanced: bool) -> dict[str, tuple[bool, Rules]]:
    """Return, for each rule that is in use, what is left without it."""
    usual, found = Rules(), {}
    for name in ("decimals", "collapse_below", "trim_above"):
        if getattr(rules, name) != getattr(usual, name):
            found[name] = (balanced, replace(rules, **{name: getattr(usual, name)}))
    return found | ({"imbalance": (False, rules)} if balanced else {})


def _of_month(columns: Columns, month: Any) -> Columns:
    return rows_of(columns, columns["month"].astype("datetime64[M]") == month)


def _of_interviews(columns: Columns | None, serial: NDArray[Any]) -> Columns | None:
    """Return the factors of imbalance in the order of the interviews."""
    if columns is None:
        return None
    order = np.argsort(columns["serial"])
    place = np.searchsorted(columns["serial"], serial, sorter=order)
    place = order[np.minimum(place, order.size - 1)] if order.size else place
    missing = columns["serial"][place] != serial if order.size else np.ones(serial.size, bool)
    if missing.any():
        raise SurveyError(
            "Interviews have no factors of imbalance.",
            expected="a row of survey_imbalance for every interview",
            found=f"{int(missing.sum())} interviews without, of {serial.size}",
            where="survey_imbalance",
            fix="Add them; eligible = 0 leaves an interview out of the stage.",
        )
    return rows_of(columns, place)


def _refuse_other_months(tables: Tables, months: Any) -> None:
    """Refuse months of the reference tables that have no interviews, and the reverse."""
    for name in _TABLES:
        days = tables[name]["month"].astype("datetime64[D]")
        others = int((days != days.astype("datetime64[M]")).sum())
        if others:
            raise SurveyError(
                f"survey_{name} holds days that begin no month.",
                expected="the first day of a month",
                found=f"{others} rows with another",
                where=f"survey_{name}, column month",
                fix="Give the first day.",
            )
        held = np.unique(tables[name]["month"].astype("datetime64[M]"))
        lost, lacking = np.setdiff1d(held, months), np.setdiff1d(months, held)
        if not held.size and name in ("nonresponse", "unsampled"):  # there may be none at all
            lacking = lacking[:0]
        for wrong, problem in (
            (lost, f"survey_{name} holds months without interviews."),
            (lacking, f"survey_{name} lacks months that have interviews."),
        ):
            if len(wrong):
                raise SurveyError(
                    problem,
                    expected=f"the months of survey_contacts: {months[0]} to {months[-1]}",
                    found=listed([str(month) for month in wrong]),
                    where=f"survey_{name}, column month",
                    fix="Give interviews and reference tables of the same months; a row of 0 says "
                    "that there was none.",
                )


def _refuse_other_codes(tables: Tables) -> None:
    """Refuse port groups of the reference tables that no interview of any month has."""
    contacts = tables["contacts"]
    for name, column in _CODES.items():
        t = tables[name]
        amount = t["passengers"] if "passengers" in t else t["migtotal"] + t["ordtotal"]
        known = cells([contacts[column]], [t[column]])
        total = np.bincount(known.rows[1], amount, minlength=known.count)
        seen = np.bincount(known.rows[0], minlength=known.count) > 0
        if (total[~seen] > 0).any():
            raise SurveyError(
                f"survey_{name} has codes that no interview has.",
                expected=f"codes of {column} of survey_contacts",
                found=f"{total[~seen].sum():,.0f} passengers of {known.named(~seen & (total > 0))}",
                where=f"survey_{name}, {column}",
                fix="Correct the codes, or give the passengers to a group with interviews.",
            )


def _keep(parts: dict[str, list[NDArray[Any]]], serial: NDArray[Any], found: Weighted) -> None:
    """Keep the weights of a month; a stage that was left out has weight 1."""
    parts["serial"].append(serial)
    for name in ORDER:
        parts[name].append(found.own.get(name, np.ones(serial.size)))
    parts["final"].append(found.final[:, 0])
