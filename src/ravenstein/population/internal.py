"""Internal migration: register snapshots matched from year to year, and flows of areas by age."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow.compute as pc

from ravenstein.core.errors import AccountError, listed
from ravenstein.tables.population_by_age import OPEN_AGE, SEXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from ravenstein.population.roll_forward import Cells

    Rows = nw.LazyFrame[Any]
    Floats = NDArray[np.float64]
    Numbers = NDArray[Any]


def at_term_time(snapshot: Rows, students: Rows) -> Rows:
    """Put students where they live in term time.

    Args:
        snapshot: Rows of `register_snapshot`.
        students: Rows of `student_addresses`, at the same time.

    Returns:
        The snapshot; a student's area is that of term time, others keep theirs. Students who are
        not on the register stay out: they are counted where they come from or arrive.
    """
    term = students.select("person", term=nw.col("area"))
    joined = snapshot.join(term, on="person", how="left")
    area = nw.when(nw.col("term").is_null()).then(nw.col("area")).otherwise(nw.col("term"))
    return joined.with_columns(area=area).drop("term")


def matched_moves(before: Rows, after: Rows, mid_year: int) -> Rows:
    """Count those who are in another area than a year before, and those on one list only.

    Args:
        before: Rows of `register_snapshot` at the mid-year before.
        after: Rows of `register_snapshot` at the mid-year.
        mid_year: The mid-year (30 June) at which ages are taken.

    Returns:
        Rows `origin`, `destination`, `sex`, `age` (completed years at mid-year, 90 for 90 and
        over), `persons`. An origin that is missing: on the later list only (born, immigrated or
        newly registered); a destination that is missing: on the earlier one only. These are no
        internal moves. Several moves of one person within the year are one; sex and birth date
        are those of the later list, where there is one.

    Source:
        ONS, Population estimates for the UK, mid-year: methods guide, internal migration:
        comparing patient registers of two years, moves of those on both.
    """
    names = ("area", "sex", "birth_date")
    earlier = before.select("person", **{f"{name}_before": nw.col(name) for name in names})
    both = earlier.join(after.select("person", *names), on="person", how="full")
    both = both.with_columns(
        **{
            name: nw.when(nw.col(name).is_null())
            .then(nw.col(f"{name}_before"))
            .otherwise(nw.col(name))
            for name in ("sex", "birth_date")
        }
    )
    stayed = nw.col("area") == nw.col("area_before")
    moved = both.filter(~stayed.fill_null(value=False))
    birth = nw.col("birth_date")
    later = (birth.dt.month() > 6).cast(nw.Int64)
    age = mid_year - birth.dt.year().cast(nw.Int64) - later
    top = nw.when(age > OPEN_AGE).then(nw.lit(OPEN_AGE)).otherwise(age)
    return (
        moved.select(
            origin=nw.col("area_before"),
            destination=nw.col("area"),
            sex=nw.col("sex"),
            age=top.cast(nw.Int64),
        )
        .group_by("origin", "destination", "sex", "age")
        .agg(persons=nw.len().cast(nw.Int64))
    )


def gross_moves(moves: pa.Table, cells: Cells, by: Mapping[str, str]) -> dict[str, Numbers]:
    """Return the inflows and outflows of an account from rows of moves.

    Args:
        moves: Rows of `internal_moves`.
        cells: What the account's axes mean.
        by: The account's area by each code of the moves. Moves within an area, which merging makes,
            are no moves.

    Returns:
        `internal_in` and `internal_out` [years − 1, areas, sexes, ages].

    Raises:
        AccountError: If a year has no moves, or an area, sex or age is not of the account.
    """
    lacking = sorted(set(cells.years[1:]) - set(moves["year"].to_pylist()))
    if lacking:
        raise AccountError(
            "Years have no moves between areas.",
            expected=f"moves of {cells.years[1]} to {cells.years[-1]}",
            found=f"none of {listed(lacking)}",
            where="internal moves",
            fix="Match the registers of these years too.",
        )
    years = [
        gross_of(flow_array(moves.filter(pc.equal(moves["year"], year)), cells.areas, by))
        for year in cells.years[1:]
    ]
    into, out = (np.stack(flows) for flows in zip(*years, strict=True))
    return {"internal_in": into, "internal_out": out}


def flow_array(
    moves: pa.Table, areas: tuple[str, ...], by: Mapping[str, str] | None = None
) -> Numbers:
    """Turn rows of moves into an array; moves from or to nowhere are left out.

    Args:
        moves: Rows `origin`, `destination`, `sex`, `age`, `persons`.
        areas: The areas, in order.
        by: The area of each code of the moves; the codes are the areas where not given. Moves
            between codes of one area are left out.

    Returns:
        Persons [origins, destinations, sexes, ages].

    Raises:
        AccountError: If an area, sex or age is not known.
    """
    inside = moves.filter(moves["origin"].is_valid()).combine_chunks()
    inside = inside.filter(inside["destination"].is_valid())
    order = {area: place for place, area in enumerate(areas)}
    at = order if by is None else {code: order[area] for code, area in by.items()}
    columns = {name: inside[name].to_pylist() for name in ("origin", "destination")}
    unknown = sorted({code for codes in columns.values() for code in codes} - set(at))
    age = inside["age"].to_numpy()
    sex = inside["sex"].to_pylist()
    ages, lacking = OPEN_AGE + 1, inside["persons"].null_count
    if unknown or set(sex) - set(SEXES) or (age < 0).any() or (age >= ages).any() or lacking:
        raise AccountError(
            "Moves do not fit the account.",
            expected=f"areas of the account, sexes {' and '.join(SEXES)}, ages 0 to {ages - 1}",
            found=f"areas {listed(unknown) or 'that fit'}, "
            f"{int(((age < 0) | (age >= ages)).sum())} rows of other ages, {lacking} without a "
            "number",
            where="internal moves",
            fix="Bring both snapshots to one geography edition; correct birth dates.",
        )
    flows = np.zeros((len(areas), len(areas), len(SEXES), ages), dtype=np.int64)
    place = [np.array([at[code] for code in columns[name]], dtype=np.int64) for name in columns]
    place += [np.array([SEXES.index(s) for s in sex], dtype=np.int64), age]
    one = np.array([a != b and at[a] == at[b] for a, b in zip(*columns.values(), strict=True)])
    kept = np.flatnonzero(~one) if one.size else np.arange(0)
    np.add.at(flows, tuple(p[kept] for p in place), inside["persons"].to_numpy()[kept])
    return flows


def gross_of(flows: Numbers) -> tuple[Numbers, Numbers]:
    """Return inflows and outflows of areas: every move is one of each, so they add alike.

    Args:
        flows: Moves [origins, destinations, sexes, ages].

    Returns:
        Inflows and outflows [areas, sexes, ages].

    Raises:
        AccountError: If there are moves within an area, or negative ones.

    >>> into, out = gross_of(np.array([[[[0]], [[3]]], [[[1]], [[0]]]]))
    >>> into.ravel().tolist(), out.ravel().tolist()
    ([1, 3], [3, 1])
    """
    within = flows[np.arange(flows.shape[0]), np.arange(flows.shape[0])]
    if (within != 0).any() or (flows < 0).any():
        raise AccountError(
            "Flows between areas hold moves within one, or negative ones.",
            expected="0 on the diagonal, 0 or more elsewhere",
            found=f"{int((within != 0).sum())} cells within areas, {int((flows < 0).sum())} "
            "negative",
            where="internal flows",
            fix="Leave out moves within areas: they change no area's population.",
        )
    return flows.sum(axis=0), flows.sum(axis=1)


def leavers_adjustment(stayed: Any, moved: Any, share: Any) -> Floats:
    r"""Return moves of former students that registers have not seen yet.

    Args:
        stayed: Those who have left higher education in the year and are still on the register
            where they studied [areas, sexes, ages].
        moved: Those who are on it elsewhere by now [areas of study, destinations, sexes, ages].
        share: Share of leavers who do leave the area, from a source that knows, such as the
            survey of leavers [sexes, ages] or with areas before.

    Returns:
        Further moves [areas of study, destinations, sexes, ages], never more than `stayed`; where
        nobody of a cell has been seen to move, they go where all leavers of the area go, and if
        there are none, where all leavers go.

    Notes:
        $F_{od} = \max\left(0,\ s\,(S_o + \textstyle\sum_d M_{od}) - \sum_d M_{od}\right) p_{od}$
        with the destinations' shares $p$ of those seen to move.

    Source:
        ONS, Population estimates for the UK, mid-year: methods guide, internal migration: higher
        education leavers adjustment.

    >>> moved = np.zeros((2, 2, 1, 1)); moved[0, 1] = 20
    >>> leavers_adjustment(np.array([[[80.0]], [[0.0]]]), moved, np.array([[0.6]]))[0, 1].tolist()
    [[40.0]]
    """
    still, seen = np.asarray(stayed, dtype=np.float64), np.asarray(moved, dtype=np.float64)
    part = np.asarray(share, dtype=np.float64)
    within = seen[np.arange(still.shape[0]), np.arange(still.shape[0])]
    wrong = [int((~(np.isfinite(v) & (v >= 0))).sum()) for v in (still, seen, part)]
    if any(wrong) or (part > 1).any() or (within != 0).any():
        raise AccountError(
            "Leavers cannot be adjusted.",
            expected="counts of 0 or more, none within an area; shares from 0 to 1",
            found=f"{wrong[0]} of those who stayed, {wrong[1]} of moves and {wrong[2]} shares are "
            f"negative or missing; {int((part > 1).sum())} shares above 1; "
            f"{int((within != 0).sum())} cells of moves within an area",
            where="leavers' adjustment",
            fix="Correct the counts; those who changed address within the area stayed.",
        )
    gone = seen.sum(axis=1)
    more = np.clip(part * (still + gone) - gone, 0.0, still)
    by_area = seen.sum(axis=(2, 3))
    overall = by_area.sum(axis=0) * (1 - np.eye(by_area.shape[0]))
    pattern = np.where(by_area.sum(axis=1, keepdims=True) > 0, by_area, overall)
    total = gone[:, None]
    shares = np.where(total > 0, seen, pattern[:, :, None, None])
    sums = shares.sum(axis=1, keepdims=True)
    stuck = (sums[:, 0] == 0) & (more > 0)
    if stuck.any():
        raise AccountError(
            "Leavers have nowhere to go.",
            expected="leavers seen to move somewhere",
            found=f"{int(stuck.sum())} cells without any",
            where="leavers' adjustment",
            fix="Give moves of leavers of an earlier year.",
        )
    return np.asarray(more[:, None] * np.divide(shares, sums, out=np.zeros_like(shares),
                                                where=sums > 0))  # fmt: skip
