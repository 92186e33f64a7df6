"""The passenger survey: from interviews to long-term migrants, each number with its replicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.core.errors import StudyError
from ravenstein.core.seeds import step_generator
from ravenstein.passenger_survey.chain import ORDER, Month, Weighted, factors, weigh
from ravenstein.passenger_survey.migrants import (
    AGE_GROUPS,
    DIRECTIONS,
    Totals,
    age_group,
    flows,
    long_term,
)
from ravenstein.store.files import inside, read_parts
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.tables.dictionary import declared
from ravenstein.tables.passenger_survey import (
    CITIZENSHIPS,
    REASONS,
    SURVEY_FLOWS,
    SURVEY_MIGRANTS,
    SURVEY_MIGRANTS_BY_AGE,
    SURVEY_STAGES,
    SURVEY_WEIGHTS,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.passenger_survey.stages import Stage
    from ravenstein.store.run import Run
    from ravenstein.study import Study

KINDS = (
    "survey_contacts", "survey_shifts", "survey_nonresponse", "survey_traffic", "survey_unsampled",
)  # fmt: skip
_BEHIND = tuple(FromTable(kind) for kind in KINDS)


def passenger_survey(study: Study, run: Run) -> None:
    """Read the passenger survey, weigh its interviews and estimate long-term migrants.

    A study without sources of the survey has none; one with some of the five is refused.

    Raises:
        StudyError: If sources are missing or doubled.
        SourceError: If a file is not what it should be.
        SurveyError: If the interviews cannot be weighed: stage and cells are named.
    """
    found = {kind: study.of_kind(kind) for kind in KINDS}
    if not any(found.values()):
        return
    wrong = [kind for kind, sources in found.items() if len(sources) != 1]
    if wrong:
        raise StudyError(
            "The passenger survey needs five sources.",
            expected=", ".join(KINDS),
            found=", ".join(f"{len(found[kind])} of {kind}" for kind in wrong),
            where="study.toml, [[sources]]",
            fix="Give each kind once; a folder holds a table in several files.",
        )
    with run.step("Read the passenger survey") as step:
        tables = {kind: _read(study, run, kind) for kind in KINDS}
        step.note = f"{tables['survey_contacts']['serial'].size:,} interviews"
    with run.step("Weigh the interviews") as step:
        totals, weights, report, notes = _weighed(study, run, tables)
        run.write(SURVEY_WEIGHTS, weights, method=weigh, inputs=_BEHIND)
        run.write(SURVEY_STAGES, report, method=weigh, inputs=_BEHIND)
        step.note = f"{weights.num_rows:,} weights, {run.draws} replicates of every stage{notes}"
    with run.step("Estimate long-term migrants") as step:
        whole = (*_BEHIND, FromTable("survey_weights"))
        by_reason = totals["reason"].estimate()
        run.write_estimate(SURVEY_MIGRANTS, by_reason, method=weigh, inputs=whole)
        run.write_estimate(
            SURVEY_MIGRANTS_BY_AGE, totals["age"].estimate(), method=weigh, inputs=whole
        )
        rows = flows(totals["reason"])
        run.write(
            SURVEY_FLOWS, pa.table(rows), method=flows, inputs=(FromTable("survey_migrants"),)
        )
        whole_year = [i for i, by in enumerate(rows["by"]) if by == "all"][-3:]
        step.note = f"{rows['year'][whole_year[0]]}: " + ", ".join(
            f"{rows['flow'][i]} {rows['persons'][i]:,.0f} ± {1.96 * rows['standard_error'][i]:,.0f}"
            for i in whole_year
        )


def _read(study: Study, run: Run, kind: str) -> dict[str, NDArray[Any]]:
    """Read one source into the store; return its columns."""
    (source,) = study.of_kind(kind)
    table = declared(kind)
    path = inside(study.folder, source.file, study.data_folders)
    rows, facts = read_parts(path, source.file, table, source.columns)
    origins = [
        FromFile(fact.name, fact.sha256, rows.num_rows, "", table.grain[0], {}) for fact in facts
    ]
    run.write(table, rows, method=read_parts, inputs=origins)
    return {name: _column(rows[name]) for name in table.names}


def _column(values: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column as an array: integers as such, with a missing one as NaN or None."""
    if pa.types.is_date(values.type):
        return np.asarray(values.to_numpy().astype("datetime64[D]"))
    return np.asarray(values.to_numpy())


def _weighed(
    study: Study, run: Run, tables: dict[str, dict[str, NDArray[Any]]]
) -> tuple[dict[str, Totals], pa.Table, pa.Table, str]:
    """Weigh month by month; add up migrants, keep weights and the report of the stages.

    What was merged stands in the report, where such cells are called `all …`; the last value
    counts the months, and the strata with a single shift.
    """
    contacts = tables["survey_contacts"]
    order = np.lexsort((contacts["serial"], contacts["interviewed_on"].astype("datetime64[M]")))
    contacts = {name: values[order] for name, values in contacts.items()}
    month_of = contacts["interviewed_on"].astype("datetime64[M]")
    months, starts = np.unique(month_of, return_index=True)
    ends = [*starts[1:], month_of.size]
    years = sorted({int(str(month)[:4]) for month in months})
    totals = _totals(years, run.draws)
    weights: list[pa.Table] = []
    report: list[pa.Table] = []
    merged = alone = 0
    for month, start, end in zip(months, starts, ends, strict=True):
        chosen = {name: values[start:end] for name, values in contacts.items()}
        others = [
            {n: v[table["month"].astype("datetime64[M]") == month] for n, v in table.items()}
            for table in (tables[kind] for kind in KINDS[1:])
        ]
        drawn, lonely = factors(
            chosen, run.draws, step_generator(study.study.seed, f"passenger_survey/{month}")
        )
        found = weigh(
            Month(chosen, *others), drawn, lonely=lonely, decimals=study.passenger_survey.decimals
        )
        _add(totals, chosen, found)
        weights.append(_weights(chosen["serial"], found))
        report.append(_report(month, found))
        merged += bool(found.collapsed)
        alone += lonely
    notes = f"; empty cells merged in {merged} of {len(months)} months" if merged else ""
    notes += f"; {alone} shifts alone in their stratum, kept as certain" if alone else ""
    return totals, pa.concat_tables(weights), pa.concat_tables(report), notes


def _totals(years: list[int], draws: int) -> dict[str, Totals]:
    first = {"year": years, "direction": DIRECTIONS}
    return {
        "reason": Totals(
            first | {"citizenship": list(CITIZENSHIPS.labels), "reason": list(REASONS.labels)},
            draws,
        ),
        "age": Totals(first | {"age_group": AGE_GROUPS, "sex": ("F", "M")}, draws),
    }


def _add(totals: dict[str, Totals], contacts: dict[str, NDArray[Any]], found: Weighted) -> None:
    migrants = long_term(contacts)
    c = {name: values[migrants] for name, values in contacts.items()}
    columns = {
        "year": c["interviewed_on"].astype("datetime64[Y]").astype(np.int64) + 1970,
        "direction": np.array(DIRECTIONS)[c["arrivedepart"] - 1],
        "citizenship": c["citizenship"],
        "reason": c["purpose"],
        "age_group": age_group(c["age"]),
        "sex": c["sex"],
    }
    for total in totals.values():
        total.add(columns, found.final[migrants])


def _weights(serial: NDArray[Any], found: Weighted) -> pa.Table:
    columns = {name: _own(found.stages[name]) for name in ORDER}
    return pa.table({"serial": serial} | columns | {"final": found.final[:, 0]})


def _own(stage: Stage) -> NDArray[np.float64]:
    """Return a stage's weight in the full sample [n]."""
    return np.asarray(stage.factors[stage.takes, 0] * stage.times)


def _report(month: Any, found: Weighted) -> pa.Table:
    parts, first = [], month.astype("datetime64[D]").item()
    for name in ORDER:
        stage = found.stages[name]
        held = np.flatnonzero(stage.cases)
        own = _own(stage)
        carried = own > 0
        low, high = np.full(stage.cells.count, np.inf), np.zeros(stage.cells.count)
        np.minimum.at(low, stage.of[carried], own[carried])
        np.maximum.at(high, stage.of[carried], own[carried])
        rows = np.bincount(stage.of[carried], minlength=stage.cells.count)
        total = np.bincount(stage.of[carried], own[carried], minlength=stage.cells.count)
        held = held[rows[held] > 0]
        parts.append(
            pa.table(
                {
                    "month": pa.array([first] * held.size, pa.date32()),
                    "stage": [name] * held.size,
                    "cell": [stage.cells.labels[i] for i in held],
                    "cases": stage.cases[held],
                    "smallest": low[held],
                    "mean": total[held] / rows[held],
                    "largest": high[held],
                }
            )
        )
    return pa.concat_tables(parts)
