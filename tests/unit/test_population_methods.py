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
    assert error.value.found == "areas Q, 1 rows of other ages, 0 without a number"
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
    within = moved.copy()
    within[0, 0] = 5
    for wrong in ((stayed, within, 0.5), (-stayed, moved, 0.5), (stayed, moved, np.nan)):
        with pytest.raises(AccountError, match="cannot be adjusted"):
            leavers_adjustment(*wrong)
    with pytest.raises(AccountError, match="nowhere to go"):
        leavers_adjustment(stayed, np.zeros_like(moved), np.array([[0.5, 1.0]]))


def test_small_counts_are_averaged_over_three_years():
    counts = np.array([[[900, 5], [2, 50], [10, 50], [0, 60]]], dtype=float)
    level, behind = smoothed_counts(counts, small=20)
    # shares of the last three years: 2/52, 10/60 and 0; the year before them does not count
    assert level[0].tolist() == pytest.approx([60 * (2 / 52 + 10 / 60) / 3, 60])
    assert behind.tolist() == [[12, 60]]
    assert parameters()["small_counts"].at(D(2010, 1, 1)) == 100
    for wrong in (np.zeros((1, 3, 2)), counts[:, :2], -counts):
        with pytest.raises(AccountError, match="register counts cannot be used"):
            smoothed_counts(wrong, small=1)
    # the draws of an average vary as three years' counts do: sqrt(30 / 3) where one year has 30
    generator = np.random.default_rng(1)
    years = generator.poisson([[30, 970]] * 3)[None].astype(float)
    level, behind = smoothed_counts(years, small=100)
    spread = share_draws(level, generator, 20_000, behind=behind)[0, 0].std()
    assert spread == pytest.approx(np.sqrt(30 / 3) / 1000, rel=0.2)
    for wrong in ([[0.0, 0.0]], [[-1.0, 3.0]], [[np.nan, 1.0]]):
        with pytest.raises(AccountError, match="shares cannot be drawn"):
            share_draws(wrong, generator, 2)


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
    """80 areas whose rates differ by 10 per cent, seen by a sample of one in 50; 200 worlds."""
    generator = np.random.default_rng(11)
    people = generator.integers(20_000, 300_000, 80).astype(float)
    x = np.column_stack([generator.random(80), generator.random(80) * 1e-7])
    beta, held, errors, between = np.array([-3.5, 1.5, -7e6]), 0, [], []
    rate = np.exp(np.column_stack([np.ones(80), x]) @ beta)
    for _ in range(200):
        true = rate * generator.gamma(100, 0.01, 80)
        model = fit_propensity(generator.poisson(people / 50 * true), people / 50, x)
        error = np.sqrt(model.covariance[1, 1]) / model.scale[0]
        errors.append(model.coefficients[1] / model.scale[0] - beta[1])
        held += abs(errors[-1]) < 1.99 * error
        between.append(model.heterogeneity)
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(200)
    # 95 per cent with a Monte Carlo standard error of 1.5 per cent
    assert 0.90 <= held / 200 <= 0.99
    # the variance between areas, whatever the size of the sample: 0.1² = 0.01
    assert np.mean(between) == pytest.approx(0.01, rel=0.25)
    whole = fit_propensity(
        generator.poisson(people * rate * generator.gamma(100, 0.01, 80)), people, x
    )
    assert whole.heterogeneity == pytest.approx(0.01, rel=0.6)
    drawn = whole.rate_draws(x, generator, 4000)
    assert (drawn.std(axis=1) / drawn.mean(axis=1)).mean() == pytest.approx(
        np.sqrt(whole.heterogeneity), rel=0.2
    )


def test_emigration_adds_to_the_nation_and_bad_models_are_refused():
    generator = np.random.default_rng(12)
    people, x = generator.integers(20_000, 300_000, 80).astype(float), generator.random((80, 2))
    counts = generator.poisson(people * 0.005)
    model = fit_propensity(counts, people, x)
    worlds = np.random.default_rng(1).normal(5000, 100, 500)
    flows = estimate(np.array(5000.0), worlds, {}, "persons")
    local = allocate_emigrants(
        flows, model, people, x, areas=[str(a) for a in range(80)], generator=generator
    )
    assert local.sum("area").draws.values == pytest.approx(flows.draws.values)
    assert local.point.values.sum() == pytest.approx(5000)
    for wrong in (np.column_stack([x, x[:, :1]]), np.column_stack([x, np.ones(80)])):
        with pytest.raises(AccountError, match="repeat one another"):
            fit_propensity(counts, people, wrong)
    with pytest.raises(AccountError, match="cannot be fitted"):
        fit_propensity(-counts, people, x)
    none = (x[:, 0] > 0.5).astype(float)[:, None]
    with pytest.raises(AccountError, match="does not settle"):
        fit_propensity(np.where(none[:, 0] == 1, 0, counts), people, none)


CHANGES = pa.table(
    {
        "old": ["E07000048", "E06000028", "E06000057", "E07000190", "E07000191", "E07000246",
                "E10000009", "E07000300", "E07000300", "S12000044"],
        "new": ["E06000058", "E06000058", "E47000011", "E07000246", "E07000246", "E06000066",
                None, "E07000301", "E07000302", "S12000050"],
        "kind": ["merger", "merger", "new_geo", "merger", "merger", "merger", "termination",
                 "new_geo", "new_geo", "new_geo"],
        "start": [2019, 2019, 2018, 2019, 2019, 2023, 2019, 2020, 2020, 2019],
    }
)  # fmt: skip
SOMERSET = ["E07000190", "E07000191"]


def test_codes_of_a_later_edition():
    codes = ["E07000048", "E06000028", "E06000057", *SOMERSET]
    by = successors(codes, CHANGES, 2021)
    assert by == {
        "E07000048": "E06000058", "E06000028": "E06000058", "E06000057": "E06000057",
        "E07000190": "E07000246", "E07000191": "E07000246",
    }  # fmt: skip
    # twice renewed; and not yet
    assert set(successors(SOMERSET, CHANGES, 2023).values()) == {"E06000066"}
    assert successors(SOMERSET, CHANGES, 2018) == {code: code for code in SOMERSET}
    assert successors(["E06000058"], CHANGES, 2021, since=2021) == {"E06000058": "E06000058"}
    later, values = merged(np.array([[1, 2, 4, 8, 16]]), codes, by, axis=1)
    assert later == ("E06000057", "E06000058", "E07000246")
    assert values.tolist() == [[4, 3, 24]]
    # figures of a redrawn area are of its old boundaries
    assert redrawn(["S12000044", "E06000057", "E07000048"], CHANGES, 2019) == ["S12000044"]
    assert redrawn(["S12000044"], CHANGES, 2018) == []
    later = pa.table({"old": ["E06000058"], "new": ["E06000099"], "kind": ["new_geo"],
                      "start": [2024]})  # fmt: skip
    both = pa.concat_tables([CHANGES, later])
    assert redrawn(["E06000028"], both, 2024) == ["E06000028"]


@pytest.mark.parametrize(
    ("codes", "edition", "since", "what", "found"),
    [
        (["E10000009"], 2023, None, "no successor", "E10000009"),
        (["E07000300"], 2023, None, "divided", "E07000300 into E07000301, E07000302"),
        (["E06000028", "E06000058"], 2023, None, "mixed",
         "E06000028, which ended in 2019, and E06000058, which began in 2019"),
        (["E07000048", "E06000028", "E06000066"], 2023, None, "mixed",
         "E07000048, which ended in 2019, and E06000066, which began in 2023"),
        (["E07000048"], 2023, 2021, "not of the edition 2021", "E07000048, which ended in 2019"),
        (["E06000066"], 2023, 2021, "not of the edition 2021", "E06000066, which began in 2023"),
        (["E06000066"], 2021, None, "earlier year", "2021, where codes are of 2023 or later"),
        (["E06000001"], 2018, 2021, "earlier year", "2018, where codes are of 2021 or later"),
        (["E07000048"], 2021, None, "parts of merged areas", "E06000028 of E06000058"),
        (["E07000190"], 2023, None, "parts of merged areas", "E07000191 of E06000066"),
    ],
)  # fmt: skip
def test_codes_that_cannot_be_brought_to_an_edition(codes, edition, since, what, found):
    with pytest.raises(AccountError, match=what) as error:
        successors(codes, CHANGES, edition, since=since)
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
    for name, wrong in (("births", -5), ("deaths", np.nan), ("internal_out", -1)):
        spoiled = totals | {name: np.full(4, wrong)}
        with pytest.raises(AccountError, match="cannot be spread") as error:
            spread_year(stocks[0], spoiled, rates)
        assert error.value.found == name
    with pytest.raises(AccountError, match="cannot come from the population"):
        spread_year(stocks[0], totals | {"special_change": np.full(4, -1e6)}, rates)
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
