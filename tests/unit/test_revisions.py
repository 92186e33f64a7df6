"""Revisions by hand: triangles with gaps, maturity, bias; two methods; the cells that moved."""

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from ravenstein.core.errors import EstimateError, MigrationError
from ravenstein.core.estimate import estimate, known
from ravenstein.migration.revisions import (
    moved_cells,
    revision_summary,
    revisions,
    side_by_side,
    triangle,
)
from ravenstein.store.database import memory_store
from ravenstein.store.files import as_declared
from ravenstein.tables.revisions import MIGRATION_METHODS, MIGRATION_REVISIONS


def vintages(published):
    """Lay out {vintage: {period: persons}} as rows."""
    rows = [
        {"vintage": vintage, "period": period, "flow": "net", "persons": persons}
        for vintage, figures in published.items()
        for period, persons in figures.items()
    ]
    return triangle(pa.Table.from_pylist(rows))


FOUR = vintages({
    1: {2010: 100.0, 2011: 200},
    2: {2010: 104.0, 2011: 198, 2012: 300},
    3: {2010: 105.0, 2012: 306},  # 2011 is withheld here
    4: {2010: 105.0, 2011: 206, 2012: 303, 2013: 400},
})  # fmt: skip


def test_a_triangle_with_a_gap():
    assert FOUR.periods == (2010, 2011, 2012, 2013)
    assert FOUR.vintages == (1, 2, 3, 4)
    assert np.isnan(FOUR.values[0, 1, 2])
    assert FOUR.values[0, 2, 1:].tolist() == [300, 306, 303]


def test_revisions_from_vintage_to_vintage():
    found = revisions(FOUR, towards="next")
    told = list(zip(found.period, found.maturity, found.revision, strict=True))
    assert told == [
        (0, 0, 4), (0, 1, 1), (0, 2, 0),  # 2010
        (1, 0, -2), (1, 1, 8),  # 2011: over the gap, to the next vintage that has it
        (2, 0, 6), (2, 1, -3),  # 2012
    ]  # fmt: skip


def test_revisions_from_first_to_latest():
    found = revisions(FOUR)
    first = found.maturity == 0
    assert found.revision[first].tolist() == [5, 6, 3]
    assert found.later[first].tolist() == [105, 206, 303]
    assert found.revision[found.maturity == 1].tolist() == [1, 8, -3]


def test_the_summary_by_hand():
    rows = {r["maturity"]: r for r in revision_summary(revisions(FOUR)).to_pylist()}
    row = rows[1]
    # revisions 1, 8, −3: mean 2, apart −1, 6, −5
    total = 62 + 4 / 3 * (-1 * 6 + 6 * -5) + 2 / 3 * (-1 * -5)
    error = math.sqrt(total / 6)
    assert (row["revisions"], row["mean"], row["mean_absolute"]) == (3, 2, 4)
    assert row["standard_error"] == pytest.approx(error)
    assert row["t"] == pytest.approx(2 / error)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(2 / error, 2))
    assert row["root_mean_square"] == pytest.approx(math.sqrt(74 / 3))
    assert row["share_up"] == pytest.approx(2 / 3)
    assert row["relative_mean_absolute"] == pytest.approx(12 / 614)
    assert (rows[2]["revisions"], rows[2]["standard_error"], rows[2]["t"]) == (1, None, None)
    plain = revision_summary(revisions(FOUR), lags=0).to_pylist()[1]
    assert plain["standard_error"] == pytest.approx(np.std([1, 8, -3], ddof=1) / math.sqrt(3))


def test_periods_without_revision_are_no_neighbours():
    """Periods 1, 2 and 4: only the first two are a period apart, the last two are two."""
    given = vintages({1: {1: 0.0, 2: 0, 4: 0}, 2: {1: 1.0, 2: 8, 3: 9, 4: -3}})
    (row,) = revision_summary(revisions(given)).to_pylist()
    total = 62 + 4 / 3 * (-1 * 6) + 2 / 3 * (6 * -5)
    assert row["standard_error"] == pytest.approx(math.sqrt(total / 6))


def test_constant_revisions_have_no_t():
    given = vintages({1: {1: 0.1, 2: 0.3}, 2: {1: 0.2, 2: 0.4}})
    (row,) = revision_summary(revisions(given)).to_pylist()
    assert row["mean"] == pytest.approx(0.1)
    assert row["t"] is None
    assert row["share_up"] == 1


def test_the_test_of_bias_keeps_its_level_under_autocorrelation():
    """Revisions without bias, moving averages of three: shares of tests at 5 % that reject."""
    g, worlds, count = np.random.default_rng(6), 1000, 60
    noise = g.normal(size=(worlds, count + 2))
    series = noise[:, :-2] + noise[:, 1:-1] + noise[:, 2:]
    rows = pa.table({
        "vintage": np.repeat([1, 2], worlds * count),
        "period": np.tile(np.arange(count), 2 * worlds),
        "flow": np.tile(np.repeat(np.arange(worlds), count), 2),
        "persons": np.concatenate([np.zeros(worlds * count), series.ravel()]),
    })  # fmt: skip
    found = revisions(triangle(rows))
    rejected = {
        lags: np.mean([p < 0.05 for p in revision_summary(found, lags=lags)["p_value"].to_pylist()])
        for lags in (0, 2, 4)
    }
    assert rejected[0] > 0.2, "as if independent"
    # Bartlett's weights take in 3 + 4/3 · 2 + 2/3 · 1 = 6.3 of the variance of 9, so 10 % reject
    assert rejected[2] == pytest.approx(0.12, abs=0.03)
    assert rejected[4] < rejected[2]


def test_maturity_in_months_and_bands():
    days = {1: dt.date(2024, 8, 14), 2: dt.date(2024, 9, 12)}
    rows = [(1, dt.date(2024, 5, 31), 10), (1, dt.date(2024, 6, 30), 20),
            (2, dt.date(2024, 5, 31), 13), (2, dt.date(2024, 6, 30), 19)]  # fmt: skip
    table = pa.Table.from_pylist(
        [{"vintage": days[v], "period": p, "persons": n} for v, p, n in rows]
    )
    given = triangle(table, by=())
    assert given.series == ("all",)
    assert revisions(given, maturity="months").maturity.tolist() == [3, 2]
    assert revisions(given, maturity="months", bands=[0, 3]).maturity.tolist() == [3, 0]
    with pytest.raises(MigrationError, match="1 figures below"):
        revisions(given, maturity="months", bands=[3])
    # within a band a period counts once, with its first figure there
    found = revisions(FOUR, bands=[0, 1])
    assert found.revision[found.maturity == 1].tolist() == [1, 8, -3]


def test_what_cannot_be_revised_is_refused():
    with pytest.raises(MigrationError, match="published twice"):
        revisions(vintages({1: {2010: 1.0, 2011: 2}}))
    with pytest.raises(MigrationError, match="1 repeated"):
        triangle(pa.table({"vintage": [1, 1], "period": [1, 1], "persons": [1, 2]}), by=())
    with pytest.raises(MigrationError, match="dates"):
        revisions(FOUR, maturity="months")
    with pytest.raises(MigrationError, match="no column flow"):
        triangle(pa.table({"vintage": [1], "period": [1], "persons": [1]}))


def test_two_methods_by_hand():
    old = estimate(
        [[10.0, 20]], [[[9, 11], [18, 22]]], {"flow": ["net"], "year": [1, 2]}, "persons"
    )
    new = estimate(
        [[25.0, 30]], [[[22, 28], [29, 31]]], {"flow": ["net"], "year": [2, 3]}, "persons"
    )
    rows = as_declared(MIGRATION_METHODS, side_by_side(old, new))
    with memory_store() as store:
        store.checked_rows(MIGRATION_METHODS, rows)
    first, both, last = rows.to_pylist()
    assert (first["old"], first["new"], first["difference"]) == (10, None, None)
    assert (last["old"], last["new"], last["significant"]) == (None, 30, None)
    assert (both["old"], both["new"], both["difference"]) == (20, 25, 5)
    assert both["standard_error"] == pytest.approx(math.sqrt(2)), "of 4 and 6"
    assert both["significant"] is True
    apart = side_by_side(old, new, independent=True).to_pylist()[1]
    assert apart["standard_error"] == pytest.approx(math.sqrt(8 + 18))
    assert apart["significant"] is False
    published = known(old.point, draws=1, unit="persons")
    bare = side_by_side(published, new).to_pylist()[1]
    assert (bare["difference"], bare["standard_error"], bare["significant"]) == (5, None, None)
    with pytest.raises(MigrationError, match="0 periods of both"):
        side_by_side(old, new.select(year=[3]))
    with pytest.raises(EstimateError, match="different draws"):
        side_by_side(known(old.point, draws=3, unit="persons"), new)


def test_the_summary_is_the_declared_table():
    rows = as_declared(MIGRATION_REVISIONS, revision_summary(revisions(FOUR)))
    with memory_store() as store:
        store.checked_rows(MIGRATION_REVISIONS, rows)


OLD = pa.table({
    "area": ["A", "B", None], "year": [1, 1, 1], "births": [5, None, 7], "rate": [0.1, 0.2, 0.3],
    "name": ["a", "b", "none"],
})  # fmt: skip
NEW = pa.table({
    "area": [None, "A", "C"], "year": [1, 1, 1], "births": [9, 5, 1],
    "rate": [0.3, 0.1 + 1e-12, 0.4], "name": ["none", "x", "c"],
})  # fmt: skip


def test_exactly_the_cells_that_moved():
    columns = ["births", "rate", "name"]
    found = moved_cells(OLD, NEW, ["area", "year"], columns, tolerance=1e-9)
    cells = [
        (r["area"], r["column"], r["change"], r["before"], r["after"], r["difference"])
        for r in found.rows.to_pylist()
    ]
    assert cells == [
        ("A", "name", "changed", "a", "x", None),
        ("B", "births", "removed", None, None, None),
        ("B", "rate", "removed", "0.2", None, None),
        ("B", "name", "removed", "b", None, None),
        ("C", "births", "added", None, "1", None),
        ("C", "rate", "added", None, "0.4", None),
        ("C", "name", "added", None, "c", None),
        (None, "births", "changed", "7", "9", 2),
    ]
    assert found.same + found.changed + found.removed == OLD.num_rows * 3
    assert found.same + found.changed + found.added == NEW.num_rows * 3
    assert found.same == 4
    assert moved_cells(OLD, NEW, ["area", "year"], columns).changed == 3, "without tolerance"


def test_a_missing_value_moves_when_it_is_filled():
    filled = OLD.set_column(2, "births", pa.array([5, 6, 7]))
    (row,) = moved_cells(OLD, filled, ["area"], ["births", "rate"]).rows.to_pylist()
    assert (row["before"], row["after"], row["change"]) == (None, "6", "changed")
    nothing = moved_cells(OLD, OLD, ["area"], ["births", "rate", "name"])
    assert (nothing.rows.num_rows, nothing.same) == (0, 9)
    assert moved_cells(OLD.slice(0, 0), OLD, ["area"], ["births"]).added == 3


def test_rows_that_cannot_be_matched_are_refused():
    with pytest.raises(MigrationError, match="2 repeated rows"):
        moved_cells(OLD, NEW.slice(0, 1), ["year"], ["births"])
    with pytest.raises(MigrationError, match="no column deaths"):
        moved_cells(OLD, NEW, ["area"], ["deaths"])
    with pytest.raises(MigrationError, match="other types"):
        moved_cells(OLD, NEW.set_column(2, "births", pa.array([1.0, 2, 3])), ["area"], ["births"])
