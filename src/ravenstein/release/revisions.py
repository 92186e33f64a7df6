"""How figures were revised: over the editions of the source, and over this study's releases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import MigrationError
from ravenstein.migration.revisions import revision_summary, revisions, triangle
from ravenstein.release import words
from ravenstein.release.vintages import FLOW_TITLES
from ravenstein.tables.geography import edition_year

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]
_MOST_REVISED = 10
_LOCAL = "local_authority"
_SHOWN = (
    "Estimates are revised when better sources arrive. Here is how far the figures moved, and how "
    "soon they settled."
)
_ONE = "There is one edition of the source and one release so far: nothing has been revised yet."
_NONE = (
    "There are not two editions of the source, nor two releases whose populations or total "
    "migration are still there: revisions cannot be shown."
)


@dataclass(frozen=True, eq=False)
class EditionRevisions:
    """Population estimates in several editions of their source.

    Args:
        editions: Rows of `population_editions`, by their last mid-year.
        places: States, then nations: `area`, `name` and `rows` as of `area_revisions`.
        maturity: By code of a place: rows of `maturity` [years], `figures`, `mean`,
            `mean_absolute` [persons] and `relative` [per cent], of its local authorities.
        largest: The most revised local authorities, each by its most revised figure: `area`,
            `name`, `year`, `edition`, `before`, `after`, `revision` and `share` [per cent].
        compared: For each edition but the latest: `edition`, `same` (local authorities that the
            latest has too), `others` (those that it has not), `figures` that are in both and
            `revised`, how many of these were.
    """

    editions: tuple[Row, ...]
    places: tuple[Row, ...]
    maturity: Mapping[str, tuple[Row, ...]]
    largest: tuple[Row, ...]
    compared: tuple[Row, ...]


def edition_revisions(
    estimates: pa.Table, areas: pa.Table, editions: Sequence[Row]
) -> EditionRevisions | None:
    r"""Return how population estimates were revised up to the latest edition of their source.

    Args:
        estimates: Rows of `population_estimates` of all editions [persons].
        areas: Rows of `areas` of all editions.
        editions: Rows of `population_editions`.

    Returns:
        The revisions; None with fewer than two editions.

    Notes:
        A nation's figures are the sums of its local authorities in each edition. A local
        authority is compared with itself, where its code is in the latest edition too: other
        boundaries have another code. With $R$ the n revisions to the latest figures $L$ of one
        maturity, the years from the mid-year to the last mid-year of the edition that is revised:
        mean $\sum R/n$, mean absolute $\sum|R|/n$, relative $\sum|R|/\sum|L|$.

    Source:
        McKenzie and Gamba, Interpreting the results of revision analyses: recommended summary
        statistics, OECD/Eurostat, 2008.
    """
    order = sorted(editions, key=lambda row: _order(row["edition"]))
    if len(order) < 2:
        return None
    latest = order[-1]["edition"]
    known = {row["area"]: row for row in _by_edition(areas)}
    figures = area_revisions(estimates, areas)
    pairs = _pairs(estimates, known, latest)
    return EditionRevisions(
        editions=tuple(order),
        places=tuple(
            {"area": code, "name": known[code]["name"], "rows": figures[code]}
            for code in _in_order(known)
            if code in figures
        ),
        maturity={code: _by_maturity(pairs, code) for code in _in_order(known)},
        largest=_largest(pairs, known),
        compared=tuple(_shared(estimates, pairs, row["edition"], latest) for row in order[:-1]),
    )


def area_revisions(estimates: pa.Table, areas: pa.Table) -> dict[str, list[Row]]:
    """Return the figures of areas in every edition that has them, of states and nations too.

    Args:
        estimates: Rows of `population_estimates` of all editions [persons].
        areas: Rows of `areas` of all editions.

    Returns:
        By area code, of areas in two editions or more: rows of `year`, `figures` by edition, in
        order of their last mid-years, and `revision`, first to latest, None in one edition alone.
        A state or nation has no figure where one of its local authorities has none, and a state
        none where it lacks a nation of the latest edition, or has one more.

    >>> rows = pa.table({"edition": ["2001-2001_geog2001", "2001-2002_geog2002"],
    ...                  "area": ["E06000001"] * 2, "year": [2001] * 2, "population": [100, 110]})
    >>> areas = pa.table({"edition": rows["edition"], "area": rows["area"],
    ...                   "level": ["local_authority"] * 2, "nation": ["E92000001"] * 2,
    ...                   "state": ["K02000001"] * 2})
    >>> area_revisions(rows, areas)["E92000001"][0]["revision"]
    10
    """
    found: dict[str, dict[int, Row]] = {}
    held: dict[str, set[str]] = {}
    rows = _with_sums(estimates, areas).to_pylist()
    for row in sorted(rows, key=lambda row: (row["year"], _order(row["edition"]))):
        area, edition = row["area"], row["edition"]
        held.setdefault(area, set()).add(edition)
        year = found.setdefault(area, {}).setdefault(row["year"], {})
        year[edition] = row["population"]
    return {
        area: [_year_row(year, figures) for year, figures in years.items()]
        for area, years in found.items()
        if len(held[area]) > 1
    }


def _year_row(year: int, figures: Row) -> Row:
    first, last = next(iter(figures.values())), next(reversed(figures.values()))
    revision = last - first if len(figures) > 1 else None
    return {"year": year, "figures": figures, "revision": revision}


def _order(edition: str) -> tuple[int, str]:
    """Return what editions are put in order by: the last mid-year, then the boundaries."""
    return edition_year(edition), edition


def _by_edition(areas: pa.Table) -> list[Row]:
    return sorted(areas.to_pylist(), key=lambda row: _order(row["edition"]))


def _in_order(known: Mapping[str, Row]) -> list[str]:
    """Return the codes of states, then of nations by name."""
    chosen = [row for row in known.values() if row["level"] != _LOCAL]
    chosen.sort(key=lambda row: (row["level"] != "state", row["name"]))
    return [row["area"] for row in chosen]


def _with_sums(estimates: pa.Table, areas: pa.Table) -> pa.Table:
    """Return the figures of local authorities, and the sums of whole nations and states."""
    names = ["edition", "area", "year", "population"]
    local = areas.filter(pc.equal(areas["level"], _LOCAL))
    within = estimates.select(names).join(
        local.select(["edition", "area", "nation", "state"]), ["edition", "area"], join_type="inner"
    )
    parts = [within.select(names)]
    whole = pc.ScalarAggregateOptions(skip_nulls=False)
    for place in ("nation", "state"):
        chosen = _of_same_nations(within) if place == "state" else within
        sums = chosen.group_by(["edition", place, "year"]).aggregate([("population", "sum", whole)])
        parts.append(sums.rename_columns({place: "area", "population_sum": "population"}))
    every = pa.concat_tables([part.select(names) for part in parts])
    return every.filter(pc.is_valid(every["population"]))


def _of_same_nations(rows: pa.Table) -> pa.Table:
    """Leave out years of a state in which an edition has other nations than the latest edition.

    Else a nation that is not there in one of them would be told as a revision of the state.
    """
    held: dict[tuple[str, str, int], set[str]] = {}
    latest: dict[str, tuple[tuple[int, str], set[str]]] = {}
    names = ["state", "edition", "year", "nation"]
    for row in rows.group_by(names).aggregate([]).to_pylist():
        state, edition, year, nation = (row[name] for name in names)
        held.setdefault((state, edition, year), set()).add(nation)
        place = _order(edition)
        if state not in latest or place > latest[state][0]:
            latest[state] = (place, set())
        if place == latest[state][0]:
            latest[state][1].add(nation)
    same = [key for key, nations in held.items() if nations == latest[key[0]][1]]
    columns = {
        name: pa.array([key[at] for key in same], rows.schema.field(name).type)
        for at, name in enumerate(names[:3])
    }
    return rows.join(pa.table(columns), names[:3], join_type="inner")


def _pairs(estimates: pa.Table, known: Mapping[str, Row], latest: str) -> pa.Table:
    """Return figures of local authorities that the latest edition has too, with its figure."""
    rows = estimates.select(["edition", "area", "year", "population"])
    rows = rows.filter(pc.is_valid(rows["population"]))
    now = pc.equal(rows["edition"], latest)
    after = rows.filter(now).drop_columns("edition").rename_columns({"population": "after"})
    pairs = rows.filter(pc.invert(now)).join(after, ["area", "year"], join_type="inner")
    pairs = pairs.rename_columns({"population": "before"}).combine_chunks()
    codes = pairs["area"].to_pylist()
    last = [_order(edition)[0] for edition in pairs["edition"].to_pylist()]
    revision = pc.subtract(pairs["after"], pairs["before"])
    columns = {
        "nation": pa.array([known[code]["nation"] for code in codes], pa.string()),
        "state": pa.array([known[code]["state"] for code in codes], pa.string()),
        "maturity": pc.subtract(pa.array(last, pa.int64()), pairs["year"]),
        "revision": revision,
        "size": pc.abs(revision),
    }
    for name, values in columns.items():
        pairs = pairs.append_column(name, values)
    return pairs


def _by_maturity(pairs: pa.Table, place: str) -> tuple[Row, ...]:
    """Return revisions of a place's local authorities by the maturity of what was revised."""
    own = pairs.filter(pc.or_(pc.equal(pairs["nation"], place), pc.equal(pairs["state"], place)))
    sums = own.group_by("maturity").aggregate(
        [("revision", "count"), ("revision", "sum"), ("size", "sum"), ("after", "sum")]
    )
    return tuple(
        {
            "maturity": row["maturity"],
            "figures": (count := row["revision_count"]),
            "mean": row["revision_sum"] / count,
            "mean_absolute": row["size_sum"] / count,
            "relative": 100 * row["size_sum"] / row["after_sum"] if row["after_sum"] else None,
        }
        for row in sums.sort_by("maturity").to_pylist()
    )


def _largest(pairs: pa.Table, known: Mapping[str, Row]) -> tuple[Row, ...]:
    """Return the figures revised most in proportion, one an area."""
    moved = pairs.filter(pc.and_(pc.greater(pairs["size"], 0), pc.greater(pairs["before"], 0)))
    share = pc.divide(pc.multiply(pc.cast(moved["revision"], pa.float64()), 100.0), moved["before"])
    moved = moved.append_column("share", share).append_column("most", pc.abs(share))
    keys = [("most", "descending"), ("area", "ascending"), ("year", "ascending")]
    found: dict[str, Row] = {}
    for row in moved.sort_by([*keys, ("edition", "ascending")]).to_pylist():
        found.setdefault(row["area"], row | {"name": known[row["area"]]["name"]})
        if len(found) == _MOST_REVISED:
            break
    return tuple(found.values())


def _shared(estimates: pa.Table, pairs: pa.Table, edition: str, latest: str) -> Row:
    """Return how many local authorities an edition shares with the latest."""
    held = [
        set(estimates.filter(pc.equal(estimates["edition"], name))["area"].to_pylist())
        for name in (edition, latest)
    ]
    own = pairs.filter(pc.equal(pairs["edition"], edition))
    return {
        "edition": edition,
        "same": len(held[0] & held[1]),
        "others": len(held[0] - held[1]),
        "figures": own.num_rows,
        "revised": pc.sum(pc.greater(own["size"], 0)).as_py() or 0,
    }


def revisions_view(
    found: EditionRevisions | None,
    own: pa.Table | None,
    names: Mapping[str, str],
    *,
    number: int = 1,
) -> Row:
    """Return what the page of revisions shows.

    Args:
        found: Revisions over the editions of the source; None without several.
        own: The headline series by release: `series`, `year`, `vintage`, `persons`; None without
            two releases. A series is a flow, or the code of a state for its population.
        names: Names of areas by code.
        number: Number of this release.

    Returns:
        `lead`, `found`, `said` in words, and `series`: for each series of this study's releases
        its name, triangle and summary by maturity.
    """
    places: list[Row] = []
    if found:
        places = [
            row | {"maturity": [_shown(r) for r in found.maturity[row["area"]]]}
            for row in found.places
        ]
    return {
        "lead": _SHOWN if found or own is not None else _ONE if number == 1 else _NONE,
        "found": found,
        "said": [_sentence(row, found.editions[-1]) for row in found.compared] if found else [],
        "editions": [row["edition"] for row in found.editions] if found else [],
        "places": places,
        "series": [] if own is None else _own(own, names),
    }


def _shown(row: Row) -> Row:
    """Return revisions of one maturity for reading."""
    relative = row["relative"]
    return {
        "maturity": row["maturity"],
        "figures": words.number(row["figures"]),
        "mean": _decimals(row["mean"], 1),
        "mean_absolute": _decimals(row["mean_absolute"], 1),
        "relative": "" if relative is None else _decimals(relative, 2),
    }


def _decimals(value: float, digits: int) -> str:
    """Return a number with decimals and a real minus sign; what rounds to nothing has none.

    >>> _decimals(-1234.56, 1), _decimals(-0.001, 2)
    ('−1,234.6', '0.00')
    """
    return f"{value:z,.{digits}f}".replace("-", "−")


def _sentence(row: Row, latest: Row) -> str:
    """Say how many figures of an edition were revised, and how many areas cannot be compared."""
    count = words.number(row["revised"]) if row["revised"] else "none"
    start = (
        f"Of the {words.number(row['figures'])} figures of edition {row['edition']} whose area and "
        f"year edition {latest['edition']} has too, {count} "
        f"{'was' if row['revised'] < 2 else 'were'} revised"
    )
    others = row["others"]
    if not others:
        return f"{start}; all {words.number(row['same'])} local authorities are in both."
    are = "authority is" if others == 1 else "authorities are"
    return (
        f"{start}. Compared are the {words.number(row['same'])} local authorities that both have; "
        f"{words.number(others)} local {are} in the earlier alone, as boundaries changed."
    )


def _own(rows: pa.Table, names: Mapping[str, str]) -> list[Row]:
    """Return the triangle of each series over releases, and its revisions by maturity."""
    given = triangle(rows, period="year", by=("series",))
    try:
        summary = revision_summary(revisions(given, towards="latest")).to_pylist()
    except MigrationError:  # no year is in two of the releases
        summary = []
    return [
        {
            "name": FLOW_TITLES.get(name) or f"Population of {names.get(name, name)}",
            "vintages": given.vintages,
            "rows": [
                {"year": year, "figures": [None if math.isnan(v) else v for v in figures]}
                for year, figures in zip(given.periods, square, strict=True)
                if not all(math.isnan(v) for v in figures)
            ],
            "summary": [
                _shown(row | {"figures": row["revisions"], "relative": _hundredfold(row)})
                for row in summary
                if row["series"] == name
            ],
        }
        for name, square in zip(given.series, given.values.tolist(), strict=True)
    ]


def _hundredfold(row: Row) -> float | None:
    share = row["relative_mean_absolute"]
    return None if share is None else 100 * share
