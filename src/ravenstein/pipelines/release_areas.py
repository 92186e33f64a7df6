"""What the pages of areas show beside the account: similar, abolished, outlined, revised."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from ravenstein.pipelines.release_ages import (
    area_ages,
    code_changes,
    local_authorities,
    published_row,
    rows_of,
    source_path,
)
from ravenstein.population.similar import account_variables, similar
from ravenstein.store.files import file_hash, schema
from ravenstein.store.provenance import FromFile, FromTable
from ravenstein.store.readers.outlines import read_outlines
from ravenstein.tables.explorer import ABOLISHED_CODES, AREA_AGES, AREA_OUTLINES, SIMILAR_AREAS
from ravenstein.tables.geography import AREAS, LOCAL_AUTHORITY_PATTERN
from ravenstein.tables.population import POPULATION_ACCOUNT, POPULATION_EDITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.store.run import Run
    from ravenstein.study import Study

    Row = dict[str, Any]


def similar_areas(study: Study, run: Run) -> pa.Table:
    """Find and write the local authorities most like each local authority.

    Args:
        study: The study.
        run: The run in progress, in a step.

    Returns:
        Rows of `similar_areas`; none for a study without an account.
    """
    edition = published_row(study, run)
    if edition is None:
        return schema(SIMILAR_AREAS).empty_table()
    local = local_authorities(run, edition["edition"])
    period, _ = study.published
    year, area = nw.col("year"), nw.col("area")
    account = rows_of(
        run, POPULATION_ACCOUNT, nw.col("edition") == edition["edition"],
        area.is_in(list(local)), year > period.first, year <= period.last,
    )  # fmt: skip
    ages = {
        code: np.array(shown["M"]) + np.array(shown["F"])
        for code, shown in area_ages(study, run).items()
    }
    given = account_variables(account, ages)
    found = similar(given.values, given.codes)
    names = pa.array([edition["edition"]] * found.num_rows, pa.string())
    rows = found.append_column("edition", names).select(SIMILAR_AREAS.names)
    same = ("edition in {edition}",)
    behind = [FromTable(POPULATION_ACCOUNT.name, same), FromTable(AREAS.name, same)]
    behind += [FromTable(AREA_AGES.name)] if ages else []
    run.write(SIMILAR_AREAS, rows, method=similar, inputs=behind)
    return rows


def gone_areas(study: Study, run: Run) -> list[Row]:
    """Return, and write, abolished codes: local authorities not in the published edition.

    They are of the study's other editions and of its code changes; codes that began after the
    published boundaries are not among them.

    Args:
        study: The study.
        run: The run in progress, in a step.

    Returns:
        In order of code: `code`, `name` ("" where no source names it); `kind` and `year` of the
        change that ended it, None where none is recorded; `successors`: codes and names of the
        published edition that took its place, through all changes between; `same_name`: where
        there are none, code and name of the published area of its name, or None; `edition`: the
        latest that has it, and `last`, its last mid-year, or None; `population`: its rows `year`
        and `population` there.
    """
    edition = published_row(study, run)
    if edition is None:
        return []
    published, boundaries = local_authorities(run, edition["edition"]), edition["geography"]
    by_name = {name.casefold(): (code, name) for code, name in published.items()}
    changes, names, files = code_changes(study)
    ended, later = _ended(changes, boundaries)
    of: dict[str, Row] = {}
    for row in _others(run, edition["edition"]):  # the latest last
        local = local_authorities(run, row["edition"])
        of |= dict.fromkeys(local, row)
        names |= local
    later |= {code for code, row in of.items() if row["geography"] > boundaries}
    stocks = _other_stocks(run, edition["edition"])
    found = []
    for code in sorted((of.keys() - later | ended.keys()) - published.keys()):
        name, latest = names.get(code, ""), of.get(code, {})
        change = ended.get(code, [{}])[0]
        after = [(other, published[other]) for other in _reached(code, ended, published)]
        found.append(
            {
                "code": code,
                "name": name,
                "kind": change.get("kind"),
                "year": change.get("start"),
                "successors": after,
                "same_name": None if after else by_name.get(name.casefold()),
                "edition": latest.get("edition"),
                "last": latest.get("last"),
                "population": stocks[latest["edition"]].get(code, []) if latest else [],
            }
        )
    if found or files:
        behind: list[FromFile | FromTable] = [
            *files,
            FromTable(AREAS.name, ("area in {code}",)),
            FromTable(POPULATION_EDITIONS.name),
        ]
        run.write(ABOLISHED_CODES, _abolished(found), method=gone_areas, inputs=behind)
    return found


def outlines(
    study: Study, run: Run, areas: Sequence[str]
) -> dict[str, tuple[NDArray[np.float64], ...]]:
    """Return the outlines that the study's sources hold, and write what areas have of them.

    Args:
        study: The study.
        run: The run in progress, in a step.
        areas: Codes of the published local authorities.

    Returns:
        Rings by code [points, 2], as `read_outlines` gives them; nothing is written without
        sources.

    Raises:
        SourceError: If a file is not what its reader expects.
    """
    _, geography = study.published
    found: dict[str, tuple[NDArray[np.float64], ...]] = {}
    behind: list[FromFile | FromTable] = []
    for source in study.of_kind("outlines"):
        path = source_path(study, source)
        shapes = read_outlines(path, source.file, geography.edition)
        behind.append(FromFile(source.file, file_hash(path), len(shapes), "", "area", {}))
        found |= shapes
    if behind:
        rings = [found.get(code, ()) for code in areas]
        columns = {
            "area": areas,
            "parts": [len(own) for own in rings],
            "points": [sum(len(ring) for ring in own) for own in rings],
            "tile": [not own for own in rings],
        }
        rows = pa.table(columns, schema=schema(AREA_OUTLINES))
        behind.append(FromTable(AREAS.name, ("area in {area}",)))
        run.write(AREA_OUTLINES, rows, method=outlines, inputs=behind)
    return found


def earlier_populations(study: Study, run: Run) -> dict[str, list[Row]]:
    """Return what other editions say of the populations of the published areas.

    Args:
        study: The study.
        run: The run in progress.

    Returns:
        By area of the published edition, rows in order of edition, the latest last, and year:
        `edition`, its `geography` (year of the boundaries), `first` and `last` mid-year, and the
        `year` and its `population` [persons]. States are left out where an edition lacks one of
        their nations.
    """
    edition = published_row(study, run)
    if edition is None:
        return {}
    areas = rows_of(run, AREAS).to_pylist()
    nations: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in areas:
        if row["level"] == "nation":
            nations[row["edition"], row["state"]].add(row["area"])
    stocks = _other_stocks(run, edition["edition"])
    others = _others(run, edition["edition"])
    codes = (row["area"] for row in areas if row["edition"] == edition["edition"])
    return {
        code: [
            {**{name: other[name] for name in ("edition", "geography", "first", "last")}, **row}
            for other in others
            if nations[other["edition"], code] == nations[edition["edition"], code]
            for row in stocks[other["edition"]].get(code, ())
        ]
        for code in codes
    }


def _abolished(gone: Iterable[Row]) -> pa.Table:
    """Return rows of `abolished_codes`: one a successor, and one where there are none."""
    rows = [
        {**row, "name": row["name"] or None, "place": place, "successor": code}
        for row in gone
        for place, (code, _) in enumerate(row["successors"] or [(None, "")], 1)
    ]
    kept = [{name: row[name] for name in ABOLISHED_CODES.names} for row in rows]
    return pa.Table.from_pylist(kept, schema=schema(ABOLISHED_CODES))


def _ended(changes: Iterable[Row], boundaries: int) -> tuple[dict[str, list[Row]], set[str]]:
    """Return changes by the local authority's code they ended, and codes that began later.

    Later than the boundaries of a year, that is; the changes are those by then.
    """
    rule = re.compile(LOCAL_AUTHORITY_PATTERN)
    ended: dict[str, list[Row]] = defaultdict(list)
    later = set()
    for row in sorted(changes, key=lambda row: row["start"]):
        old, new = row["old"], row["new"]
        # a county, or a local authority that joins a combined one and stays what it is
        if not rule.fullmatch(old) or (new is not None and not rule.fullmatch(new)):
            continue
        if row["start"] <= boundaries:
            ended[old].append(row)
        elif new is not None:
            later.add(new)
    return dict(ended), later


def _reached(code: str, ended: Mapping[str, list[Row]], published: Mapping[str, str]) -> list[str]:
    """Return published codes that a code's changes lead to, in order."""
    found, seen, waiting = set(), {code}, [code]
    while waiting:
        for change in ended.get(waiting.pop(), ()):
            other = change["new"]
            if other in published:
                found.add(other)
            elif other is not None and other not in seen:
                seen.add(other)
                waiting.append(other)
    return sorted(found)


def _other_stocks(run: Run, edition: str) -> dict[str, dict[str, list[Row]]]:
    """Return populations by year of every edition but one, by edition and area."""
    columns = ("edition", "area", "year", "opening", "closing")
    frame = run.read(POPULATION_ACCOUNT).filter(nw.col("edition") != edition).select(*columns)
    rows = run.store.collect(frame.sort(*POPULATION_ACCOUNT.grain))
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for name, area, year, opening, closing in zip(*(rows[c].to_pylist() for c in columns),
                                                  strict=True):  # fmt: skip
        stocks = found[name][area]
        if opening is not None and (not stocks or stocks[-1]["year"] < year - 1):
            stocks.append({"year": year - 1, "population": opening})
        if closing is not None:
            stocks.append({"year": year, "population": closing})
    return found


def _others(run: Run, edition: str) -> list[Row]:
    """Return the rows of the editions that are not published, the latest last."""
    rows = rows_of(run, POPULATION_EDITIONS, nw.col("edition") != edition).to_pylist()
    return sorted(rows, key=lambda row: (row["last"], row["geography"], row["edition"]))
