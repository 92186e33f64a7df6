"""Internal migration, allocation, area codes, age patterns and the census gap."""

from __future__ import annotations

import datetime as dt

import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from tests.population_worlds import world

from ravenstein.core.errors import AccountError
from ravenstein.core.estimate import estimate
from ravenstein.population.age_patterns import exits, settled_moves, spread_year
from ravenstein.population.allocation import (
    allocate,
    allocate_emigrants,
    by_age,
    fit_propensity,
    parameters,
    share_draws,
    smoothed_counts,
)
from ravenstein.population.census_gap import census_gap
from ravenstein.population.internal import (
    at_term_time,
    flow_array,
    gross_of,
    leavers_adjustment,
    matched_moves,
)
from ravenstein.population.recode import merged, redrawn, successors
from ravenstein.store.database import memory_store


def snapshot(*people):
    """Rows of a register: person, area, sex, birth date."""
    names = ("person", "area", "sex", "birth_date")
    return pa.table({n: [p[i] for p in people] for i, n in enumerate(names)})


D = dt.date
BEFORE = snapshot(
    ("a", "X", "M", D(1990, 7, 1)),  # turns 20 a day after mid-year 2010: 19
    ("b", "X", "F", D(1990, 6, 30)),
    ("c", "X", "F", D(1900, 1, 1)),
    ("d", "Y", "M", D(1980, 1, 1)),
    ("e", "Y", "M", D(2000, 1, 1)),
)
AFTER = snapshot(
    ("a", "Y", "M", D(1990, 7, 1)),
    ("b", "Y", "F", D(1990, 6, 30)),
    ("c", "Y", "F", D(1900, 1, 1)),
    ("d", "Y", "M", D(1980, 1, 1)),
    ("f", "X", "F", D(2009, 12, 1)),
)


def counted(engine):
    """Return matched moves of the two snapshots as sorted tuples."""
    if engine == "duckdb":
        with memory_store() as store:
            moves = store.collect(
                matched_moves(store.from_rows(BEFORE), store.from_rows(AFTER), 2010)
            )
    else:
        frames = (nw.from_native(pl.from_arrow(rows).lazy()) for rows in (BEFORE, AFTER))
        moves = matched_moves(*frames, 2010).collect().to_arrow()
    return moves


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_snapshots_matched_from_year_to_year(engine):
    moves = counted(engine)
    rows = sorted(tuple(r.values()) for r in moves.to_pylist() if r["origin"] and r["destination"])
    assert rows == [("X", "Y", "F", 20, 1), ("X", "Y", "F", 90, 1), ("X", "Y", "M", 19, 1)]
    others = [
        tuple(r.values()) for r in moves.to_pylist() if not (r["origin"] and r["destination"])
    ]
    assert sorted(others, key=str) == [("Y", None, "M", 10, 1), (None, "X", "F", 0, 1)]
    flows = flow_array(moves, ("X", "Y"))
    into, out = gross_of(flows)
    assert flows.sum() == 3
    assert (into.sum(axis=0) == out.sum(axis=0)).all()
    assert (into - out).sum() == 0


def test_students_are_where_they_are_in_term_time():
    students = pa.table({"person": ["a", "z"], "area": ["Z", "Z"]})
    with memory_store() as store:
        rows = store.collect(at_term_time(store.from_rows(BEFORE), store.from_rows(students)))
    where = dict(zip(rows["person"].to_pylist(), rows["area"].to_pylist(), strict=True))
    assert where == {"a": "Z", "b": "X", "c": "X", "d": "Y", "e": "Y"}


def test_moves_that_do_not_fit_are_refused():
    row = {"origin": ["X"], "destination": ["Q"], "sex": ["M"], "age": [91], "persons": [1]}
    with pytest.raises(AccountError, match="do not fit the account") as error:
        flow_array(pa.table(row), ("X", "Y"))
    assert error.value.found == "areas Q, 1 rows of other ages"
    with pytest.raises(AccountError, match="moves within one"):
        gross_of(np.ones((2, 2, 1, 1)))


def test_leavers_never_exceed_those_who_are_still_there():
    moved = np.zeros((3, 3, 1, 2))
    moved[0, 1, 0], moved[0, 2, 0] = [30, 0], [10, 0]
    stayed = np.array([[[60.0, 5.0]], [[8.0, 0.0]], [[0.0, 0.0]]])
    more = leavers_adjustment(stayed, moved, np.array([[0.5, 1.0]]))
    # of 100 at the first age half leave: 40 have, 10 more, 3 to 1 as those seen
    assert more[0, :, 0, 0].tolist() == [0, 7.5, 2.5]
    # nobody of the second age was seen: all of the five go as their area's leavers do
    assert more[0, :, 0, 1].tolist() == [0, 3.75, 1.25]
    # in the second area nobody was seen at all: as the whole, less the area itself
    assert more[1, :, 0, 0].tolist() == [0, 0, 4]
    assert (more.sum(axis=1) <= stayed + 1e-12).all()
    with pytest.raises(AccountError, match="nowhere to go"):
        leavers_adjustment(stayed, np.zeros_like(moved), np.array([[0.5, 1.0]]))


def test_small_counts_are_averaged_and_streams_keep_their_totals():
    counts = np.array([[[2, 50], [10, 50], [0, 60]]], dtype=float)
    joined = smoothed_counts(counts, small=20)
    assert joined.sum() == pytest.approx(60)
    assert joined[0, 0] / joined[0, 1] == pytest.approx(4 / 60)
    assert parameters()["small_counts"].at(D(2010, 1, 1)) == 100
    with pytest.raises(AccountError, match="register counts cannot be used"):
        smoothed_counts(np.zeros((1, 3, 2)), small=1)


def national(draws=2000):
    """Two streams with errors of 5 and 10 per cent."""
    generator = np.random.default_rng(1)
    point = np.array([1000.0, 400.0])
    worlds = point[:, None] * (1 + np.array([[0.05], [0.1]]) * generator.normal(size=(2, draws)))
    return estimate(point, worlds, {"stream": ["workers", "students"]}, "persons")


def test_allocated_flows_add_to_the_nation_in_every_draw():
    flows = national()
    counts = np.array([[30.0, 70.0, 0.0], [5.0, 0.0, 15.0]])
    local = allocate(flows, counts, ["A", "B", "C"], np.random.default_rng(2))
    assert local.sum("area").draws.values == pytest.approx(flows.draws.values)
    assert local.point.values[0] == pytest.approx([300, 700, 0])
    assert (local.draws.values[0, 2] == 0).all()
    # the share of 30 in 100 is beta: its standard error by hand, sqrt(0.3 × 0.7 / 101)
    share = share_draws(counts, np.random.default_rng(3), 40_000)[0, 0]
    assert share.mean() == pytest.approx(0.3, abs=0.001)
    assert share.std() == pytest.approx(np.sqrt(0.21 / 101), rel=0.02)
    profiles = np.zeros((2, 2, 91))
    profiles[0, 0, 30], profiles[1, :, 20] = 1, 0.5
    aged = by_age(local, profiles, [str(age) for age in range(91)])
    assert aged.sum("sex", "age").draws.values == pytest.approx(local.sum("stream").draws.values)
    with pytest.raises(AccountError, match="do not add to 1"):
        by_age(local, profiles * 2, [str(age) for age in range(91)])
    with pytest.raises(AccountError, match="shares do not fit"):
        allocate(flows, np.zeros((2, 3)), ["A", "B", "C"], np.random.default_rng(2))


def test_the_propensity_model_finds_what_made_the_emigrants():
    """80 areas, 200 worlds: bias and coverage of one coefficient, Monte Carlo error stated."""
    generator = np.random.default_rng(11)
    people = generator.integers(20_000, 300_000, 80).astype(float)
    x = np.column_stack([generator.random(80), generator.random(80)])
    beta, held, errors = np.array([-4.5, 1.5, -0.7]), 0, []
    mean = people * np.exp(np.column_stack([np.ones(80), x]) @ beta) / 50
    for _ in range(200):
        # counts three times as dispersed as Poisson's
        counts = generator.negative_binomial(mean / 2, 1 / 3)
        model = fit_propensity(counts, people / 50, x)
        error = np.sqrt(model.covariance[1, 1])
        errors.append(model.coefficients[1] - beta[1])
        held += abs(errors[-1]) < 1.99 * error
    spread = np.std(errors)
    assert abs(np.mean(errors)) < 3 * spread / np.sqrt(200)
    # 95 per cent with a Monte Carlo standard error of 1.5 per cent
    assert 0.90 <= held / 200 <= 0.99
    assert model.dispersion == pytest.approx(3, abs=1.5)
    flows = estimate(
        np.array(5000.0), np.random.default_rng(1).normal(5000, 100, 500), {}, "persons"
    )
    local = allocate_emigrants(
        flows, model, people, x, areas=[str(a) for a in range(80)], generator=generator
    )
    assert local.sum("area").draws.values == pytest.approx(flows.draws.values)
    assert local.point.values.sum() == pytest.approx(5000)
    assert (local.draws.values > 0).all()
    with pytest.raises(AccountError, match="repeat one another"):
        fit_propensity(mean, people, np.column_stack([x, x[:, :1]]))
    with pytest.raises(AccountError, match="cannot be fitted"):
        fit_propensity(-mean, people, x)


CHANGES = pa.table(
    {
        "old": ["E07000048", "E06000028", "E06000057", "E07000190", "E07000246", "E10000009",
                "E07000300", "E07000300"],
        "new": ["E06000058", "E06000058", "E47000011", "E07000246", "E06000066", None,
                "E07000301", "E07000302"],
        "kind": ["merger", "merger", "new_geo", "merger", "merger", "termination", "new_geo",
                 "new_geo"],
        "start": [2019, 2019, 2018, 2019, 2023, 2019, 2020, 2020],
    }
)  # fmt: skip


def test_codes_of_a_later_edition():
    codes = ["E07000048", "E06000028", "E06000057", "E07000190"]
    assert successors(codes, CHANGES, 2021) == {
        "E07000048": "E06000058", "E06000028": "E06000058", "E06000057": "E06000057",
        "E07000190": "E07000246",
    }  # fmt: skip
    # twice renewed; and not yet
    assert successors(["E07000190"], CHANGES, 2023) == {"E07000190": "E06000066"}
    assert successors(["E07000190"], CHANGES, 2018) == {"E07000190": "E07000190"}
    # a file of 2021 may not hold a code that ended in 2019, and need not change again
    with pytest.raises(AccountError, match="ended before the edition 2021"):
        successors(["E07000048"], CHANGES, 2023, since=2021)
    assert successors(["E06000058"], CHANGES, 2021, since=2021) == {"E06000058": "E06000058"}
    assert redrawn(["E07000300", "E06000057", "E07000048"], CHANGES, 2023) == ["E07000300"]
    by = successors(codes, CHANGES, 2021)
    later, values = merged(np.array([[1, 2, 4, 8]]), codes, by, axis=1)
    assert later == ("E06000057", "E06000058", "E07000246")
    assert values.tolist() == [[4, 3, 8]]


@pytest.mark.parametrize(
    ("codes", "what", "found"),
    [
        (["E10000009"], "no successor", "E10000009"),
        (["E07000300"], "divided", "E07000300 into E07000301, E07000302"),
        (["E06000028", "E06000058"], "mixed", "E06000028 and its successor E06000058"),
        (["E07000190", "E06000066"], "mixed", "E07000190 and its successor E06000066"),
    ],
)
def test_codes_that_cannot_be_brought_to_an_edition(codes, what, found):
    with pytest.raises(AccountError, match=what) as error:
        successors(codes, CHANGES, 2023)
    assert error.value.found == found


def test_unknown_codes_are_named():
    with pytest.raises(AccountError, match="not of the edition 2021") as error:
        successors(["E09000099"], CHANGES, 2021, {"E06000001"})
    assert error.value.found == "E09000099"


def test_totals_spread_by_patterns_keep_every_cell_and_total():
    stocks, components = world(4, 1, 30)
    totals = {name: flow[0].sum(axis=(1, 2)) for name, flow in components.items()}
    totals["other_change"] = np.array([3, -4, 0, 1])
    ages = np.arange(91)
    rate = np.tile(0.01 + 0.05 * np.exp(-(((ages - 25) / 10) ** 2)), (2, 1))
    rates = dict.fromkeys(totals, rate) | {"deaths": np.tile(1e-4 * np.exp(0.09 * ages), (2, 1))}
    settled = rates | settled_moves(stocks[0], totals, rates)
    for chosen in (rates, settled):
        found = spread_year(stocks[0], totals, chosen)
        for name, flow in found.items():
            assert flow.sum(axis=(1, 2)) == pytest.approx(totals[name], rel=1e-9, abs=1e-9)
        assert min(flow.min() for name, flow in found.items() if name != "other_change") >= 0
    with pytest.raises(AccountError, match="cannot come from the population") as error:
        exits(np.ones((1, 1, 3)), np.array([3.0]), np.ones((1, 3)), "deaths")
    assert "1 areas" in error.value.found


def test_settled_moves_keep_a_student_town_young():
    ages = np.arange(91)
    town = np.full((2, 91), 100.0)
    town[:, 18:21] = 1000
    rest = np.full((2, 91), 2000.0)
    opening = np.stack([town, rest])
    totals = {"internal_in": np.array([3000.0, 3000.0]), "internal_out": np.array([3000.0, 3000.0]),
              "international_in": np.zeros(2), "international_out": np.zeros(2),
              "births": np.array([100.0, 2000.0]), "deaths": np.array([50.0, 900.0])}  # fmt: skip
    rate = np.tile(0.01 + 0.05 * np.exp(-(((ages - 22) / 6) ** 2)), (2, 1))
    rates = dict.fromkeys(totals, rate) | {"deaths": np.tile(1e-4 * np.exp(0.09 * ages), (2, 1))}

    def after(chosen):
        found = spread_year(opening, totals, chosen)
        stock = np.zeros_like(opening)
        stock[..., 1:] = opening[..., :-1]
        stock[..., -1] += opening[..., -1]
        for name, flow in found.items():
            stock += flow * (-1 if name in ("deaths", "internal_out", "international_out") else 1)
        return stock

    plain, settled = after(rates), after(rates | settled_moves(opening, totals, rates))
    off = np.abs(plain[0, :, 18:21] - 1000).sum(), np.abs(settled[0, :, 18:21] - 1000).sum()
    assert off[1] < 0.25 * off[0]


def test_the_census_gap_by_hand():
    gap = census_gap(
        [1000, 500], [950, 520], {"births": [20, 10], "deaths": [-12, -8]},
        dt.date(2020, 6, 30), dt.date(2021, 3, 21),
    )  # fmt: skip
    assert gap.share == pytest.approx(264 / 365.25)
    assert gap.difference.tolist() == [50, -20]
    assert gap.elapsed == pytest.approx([8 * gap.share, 2 * gap.share])
    assert gap.error == pytest.approx(gap.difference + gap.elapsed)
    assert gap.relative == pytest.approx([50 / 950, -20 / 520])
    for wrong in (dt.date(2019, 6, 30), dt.date(2023, 6, 30)):
        with pytest.raises(AccountError, match="cannot be compared"):
            census_gap([1], [1], {}, dt.date(2020, 6, 30), wrong)
