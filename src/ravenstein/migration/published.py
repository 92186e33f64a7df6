"""Published tables of migration: whether their figures agree, and what the survey leaves out."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ravenstein.core.errors import MigrationError, listed
from ravenstein.tables.published_migration import (
    ALL,
    CELL,
    DIMENSIONS,
    EUROPE_OUTSIDE,
    EUROPEAN_UNION,
    MEMBERS,
    MIGRATION_ADJUSTMENTS,
    MIGRATION_CHECKS,
    PUBLISHED_CITIZENSHIPS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ravenstein.core.schema import Table

    Row = dict[str, Any]
    Cells = dict[tuple[Any, ...], Row]

TOLERANCES = {"balance": 1.0, "categories": 2.0, "interval": 1.2}
"""Units of rounding, a thousand or a hundred persons: each of the figures is rounded by itself."""

_REGIONS = ("asia", "rest_of_world")
_PARTS: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {
    "reason": {
        ALL: (("work", "accompany_join", "formal_study", "going_home", "other", "not_stated"),),
        "work": (("definite_job", "looking_for_work"),),
    },
    "citizenship": {
        ALL: (("british", "non_british"), ("british_overseas", "not_british_overseas")),
        "non_british": (("eu", "non_eu"), ("europe", *_REGIONS, "stateless")),
        "eu": (("eu15", "eu8", "eu2", "eu_other"),),
        "non_eu": (
            ("commonwealth", "non_eu_non_commonwealth"),
            ("other_europe", *_REGIONS, "stateless"),
        ),
        "commonwealth": (("old_commonwealth", "new_commonwealth"),),
        "europe": (("eu", "other_europe"),),
        "asia": (("middle_east_central_asia", "east_asia", "south_asia", "south_east_asia"),),
        "rest_of_world": (
            ("north_africa", "sub_saharan_africa", "north_america", "central_south_america",
             "oceania"),
        ),
    },
    "occupation": {
        ALL: (
            ("professional", "manual", "not_employed", "child"),
            ("professional", "manual", "student", "other_adult", "child"),
        ),
        "not_employed": (("student", "other_adult"),),
    },
    "age_group": {ALL: (("0-14", "15-24", "25-44", "45-59/64", "60/65+"),)},
    "sex": {ALL: (("M", "F"),)},
    "area": {
        ALL: (("E", "W", "S", "NI"),),
        "UK": (("E", "W", "S", "NI"),),
        "EW": (("E", "W"),),
        "E": (tuple(f"E1200000{number}" for number in range(1, 10)),),
    },
}  # fmt: skip
_PARTS["country"] = _PARTS["citizenship"] | {ALL: (("eu", "non_eu"),)}
_MAY_LACK = frozenset({"going_home", "stateless"})  # categories that only some tables have
_ZERO = frozenset({"no_contact", "not_applicable", "rounds_to_zero"})


def checks(rows: pa.Table) -> pa.Table:
    """Compare published cells with the cells that they must follow from.

    Args:
        rows: Rows of `published_migration`.

    Returns:
        Rows of `migration_checks`, one an identity [persons]; none where a figure is not
        available. What the census revised is compared with its estimate before, not judged.

    Notes:
        net = immigration − emigration; total = Σ categories;
        h(net) = √(h(immigration)² + h(emigration)²), the flows being independent samples.

    Source:
        ONS, Long-Term International Migration, table 2.07, footnote 1: balances of 2001 to 2011
        were revised after the census, flows were not.
    """
    cells = {_key(row): row for row in rows.to_pylist()}
    finer = {_source(row) for row in cells.values() if (row["persons"] or 0) % 1000}
    found = [row for check in (_balances, _sums) for row in check(cells)]
    for row in found:
        share = TOLERANCES.get(row["identity"])
        row["tolerance"] = (
            None if share is None else round(share * (100 if _source(row) in finer else 1000))
        )
        row["holds"] = None if share is None else abs(row["difference"]) <= row["tolerance"]
    return _table(MIGRATION_CHECKS, found)


def adjustments(total: pa.Table, survey: pa.Table) -> pa.Table:
    """Return what is added to the survey's migrants to make the total, by direction and year.

    Args:
        total: Rows of `published_migration` of one table of total long-term migration.
        survey: The same of one table of the passenger survey.

    Returns:
        Rows of `migration_adjustments` [persons]: the sum that rows of asylum seekers, switchers
        and moves over the Irish border must have.

    Raises:
        MigrationError: If the tables have no place, direction and year in common, or rows are of
            several editions or tables.

    Notes:
        adjustments = total − survey.
    """
    whole, part = (_totals(each, name) for each, name in ((total, "total"), (survey, "survey")))
    both = [key for key in whole if key in part]
    if not both:
        years = [sorted({year for *_, year in each}) for each in (whole, part)]
        raise MigrationError(
            "The tables have no year in common.",
            expected="a place, direction and year that both give",
            found=" and ".join(f"years {listed(each) or 'none'}" for each in years),
            where="total and survey",
            fix="Give tables that cover the same years.",
        )
    return _table(
        MIGRATION_ADJUSTMENTS,
        [
            {
                "edition": whole[key]["edition"], "table": whole[key]["table"],
                "survey_edition": part[key]["edition"], "survey_table": part[key]["table"],
                **{name: whole[key][name] for name in ("place", "direction", "year")},
                "total": whole[key]["persons"], "survey": part[key]["persons"],
                "adjustments": whole[key]["persons"] - part[key]["persons"],
            }
            for key in both
        ],
    )  # fmt: skip


def members(group: str, year: int) -> frozenset[str]:
    """Return the parts of the world that a published citizenship group holds in a year.

    Args:
        group: Code of the group.
        year: Calendar year.

    Raises:
        MigrationError: If there is no such group.

    Notes:
        Malta and Cyprus are New Commonwealth to 2003, of the Union from 2004. Where among the
        regions citizens of overseas territories are counted, the source does not say: they are
        in no group but those that name them, Non-British and Non-EU.

    Source:
        ONS, International Passenger Survey estimates, table 4.02, footnotes 1 to 5.

    >>> sorted(members("eu", 2004) - members("eu", 2003))
    ['eu8', 'malta_cyprus']
    """
    if group not in PUBLISHED_CITIZENSHIPS.labels:
        raise MigrationError(
            "A citizenship group is not a published one.",
            expected=f"one of {', '.join(PUBLISHED_CITIZENSHIPS.labels)}",
            found=group,
            where="groups",
            fix="Use the codes of published_migration.",
        )
    return frozenset(_changing_groups(year).get(group) or MEMBERS.get(group, ()))


def disjoint(groups: Sequence[str], year: int) -> None:
    """Refuse citizenship groups that share people, and so must not be summed.

    Args:
        groups: Codes of published citizenship groups.
        year: Calendar year: the Union grew in 2004, 2007 and 2013.

    Raises:
        MigrationError: If two of them overlap in that year, or one is not known.

    >>> disjoint(["eu15", "eu8", "non_eu"], 2004)
    >>> disjoint(["eu8", "non_eu"], 2003)
    Traceback (most recent call last):
        ...
    ravenstein.core.errors.MigrationError: Citizenship groups overlap.
      where:    groups of 2003
      expected: groups that share nobody
      found:    eu8 and non_eu share eu8
      fix:      Sum groups that are apart in that year.
    """
    shared = [
        (one, other, members(one, year) & members(other, year))
        for one, other in combinations(groups, 2)
    ]
    overlaps = [f"{a} and {b} share {listed(sorted(s), 3)}" for a, b, s in shared if s]
    if overlaps:
        raise MigrationError(
            "Citizenship groups overlap.",
            expected="groups that share nobody",
            found=listed(overlaps, 3),
            where=f"groups of {year}",
            fix="Sum groups that are apart in that year.",
        )


def _changing_groups(year: int) -> dict[str, set[str]]:
    """Return the parts of the groups that follow the Union, or are the rest of another."""
    every = {part for _, parts in EUROPEAN_UNION for part in parts}
    since = EUROPEAN_UNION[0][0]
    union = {part for start, parts in EUROPEAN_UNION for part in parts if start <= max(year, since)}
    new = {*MEMBERS["new_commonwealth"], *({"malta_cyprus"} - union)}
    europe = {*every, *EUROPE_OUTSIDE}
    asia = _union_of("middle_east_central_asia", "east_asia", "south_asia", "south_east_asia")
    rest = _union_of(*_PARTS["citizenship"]["rest_of_world"][0])
    abroad = {*europe, *asia, *rest, "stateless", "overseas_territories"}
    commonwealth = {*MEMBERS["old_commonwealth"], *new}
    return {
        ALL: {*abroad, "british"},
        "non_british": abroad,
        "not_british_overseas": abroad - {"overseas_territories"},
        "eu": union,
        "eu_other": union - _union_of("eu15", "eu8", "eu2"),
        "eea": union | set(EUROPE_OUTSIDE[:1]),
        "efta": union | set(EUROPE_OUTSIDE[:2]),
        "non_eu": abroad - union,
        "new_commonwealth": new,
        "commonwealth": commonwealth,
        "non_eu_non_commonwealth": abroad - union - commonwealth,
        "europe": europe,
        "other_europe": europe - union,
        "asia": asia,
        "rest_of_world": rest,
    }


def _union_of(*groups: str) -> set[str]:
    return {part for group in groups for part in MEMBERS[group]}


def _key(row: Row, **other: Any) -> tuple[Any, ...]:
    """Return the cell of a row, or of one that differs from it in some columns."""
    return tuple((row | other)[name] for name in CELL)


def _source(row: Row) -> tuple[str, str]:
    return row["edition"], row["table"]


def _balances(cells: Cells) -> Iterator[Row]:
    for row in cells.values():
        if row["direction"] != "net" or row["persons"] is None:
            continue
        if row["basis"] == "revised":
            before = cells.get(_key(row, basis="original"))
            if before and before["persons"] is not None:
                yield _check(row, "census_revision", "original", before["persons"])
            continue
        flows = [_flow(cells, row, name) for name in ("immigration", "emigration")]
        if any(flow is None or flow["persons"] is None for flow in flows):
            continue
        arrived, left = (flow for flow in flows if flow)
        parts = "immigration - emigration"
        yield _check(row, "balance", parts, arrived["persons"] - left["persons"])
        widths = [arrived["half_width"], left["half_width"]]
        if row["half_width"] is not None and None not in widths:
            yield _check(row, "interval", parts, round(math.hypot(*widths)), "half_width")


def _flow(cells: Cells, row: Row, direction: str) -> Row | None:
    """Return the flow of a balance: of the same basis, or one that was never revised."""
    found = (
        cells.get(_key(row, direction=direction, basis=basis))
        for basis in (row["basis"], "published")
    )
    return next((each for each in found if each), None)


def _sums(cells: Cells) -> Iterator[Row]:
    for row in cells.values():
        if row["persons"] is None or row["basis"] == "revised":
            continue  # the total was revised, its categories were not
        for dimension in DIMENSIONS:
            for given in _PARTS[dimension].get(row[dimension], ()):
                parts = _present(cells, row, dimension, given)
                values = [_summand(part) for part in parts.values()]
                if values and None not in values:
                    total = sum(value for value in values if value is not None)
                    yield _check(row, "categories", " + ".join(parts), total)


def _present(cells: Cells, row: Row, dimension: str, given: Iterable[str]) -> dict[str, Row]:
    """Return the cells of the categories that make up a total; none if the table lacks one."""
    found = {}
    for code in given:
        if dimension in ("citizenship", "country") and not (
            members(code, row["year"]) <= members(row[dimension], row["year"])
        ):
            continue  # states that join the Union later
        # an original total has categories that were never revised
        part = cells.get(_key(row, **{dimension: code})) or cells.get(
            _key(row, **{dimension: code, "basis": "published"})
        )
        if part:
            found[code] = part
        elif code not in _MAY_LACK:
            return {}
    return found


def _summand(part: Row) -> int | None:
    return 0 if part["status"] in _ZERO else part["persons"]


def _check(row: Row, identity: str, parts: str, computed: int, measure: str = "persons") -> Row:
    return {
        **{name: row[name] for name in CELL},
        "identity": identity, "parts": parts, "published": row[measure], "computed": computed,
        "difference": row[measure] - computed,
    }  # fmt: skip


def _totals(rows: pa.Table, name: str) -> dict[tuple[str, str, int], Row]:
    """Return the latest figures for everybody, by place, direction and year."""
    every = rows.to_pylist()
    sources = {_source(row) for row in every}
    if len(sources) != 1:
        raise MigrationError(
            "The rows are not those of one table.",
            expected="rows of one edition of one table",
            found=listed(f"{table} of {edition}" for edition, table in sorted(sources)) or "none",
            where=name,
            fix="Select the rows of one edition and table.",
        )
    return {
        (row["place"], row["direction"], row["year"]): row
        for row in every
        if all(row[dimension] == ALL for dimension in DIMENSIONS)
        and row["basis"] != "original"
        and row["persons"] is not None
    }


def _table(table: Table, rows: Sequence[Row]) -> pa.Table:
    kinds = {"string": pa.string(), "integer": pa.int64(), "boolean": pa.bool_()}
    schema = pa.schema([(column.name, kinds[column.type]) for column in table.columns])
    return pa.Table.from_pylist(list(rows), schema=schema)
