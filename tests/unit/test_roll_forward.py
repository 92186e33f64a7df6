"""The cohort component method: by hand, against a slow twin, in draws, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from tests.population_worlds import cells, world

from ravenstein.core.errors import AccountError
from ravenstein.demography.ages import aged_on
from ravenstein.population.account_by_age import (
    change_rows,
    checks,
    imbalance,
    stock_rows,
    summary,
)
from ravenstein.population.draws import roll_forward_draws
from ravenstein.population.roll_forward import (
    Cells,
    account_of,
    roll_forward,
    special_changes,
)

ONE = Cells(("A",), (2001, 2002), ages=3)


def off(account):
    """The largest difference by which the rows of an account do not balance."""
    stocks = stock_rows("e", account.cells, account.population)
    return imbalance(account.cells, stocks, change_rows("e", account))


def flows(**given):
    """One area, one year, three ages: men's flows given, women's 0."""
    none = np.zeros((1, 1, 2, 3), dtype=np.int64)
    return {
        name: none + np.array([values, [0, 0, 0]]).reshape(1, 1, 2, 3)
        for name, values in given.items()
    }


def test_a_year_by_hand():
    # 10, 8 and 6 men; 4 born, of whom one dies; 2 of those who turn 1 leave; the open age keeps all
    account = roll_forward(
        np.array([[[10, 8, 6], [0, 0, 0]]]),
        flows(births=[4, 0, 0], deaths=[1, 0, 3], internal_net=[0, -2, 0]),
        ONE,
    )
    assert account.population[1, 0, 0].tolist() == [3, 8, 11]
    assert not account.residual.any()


def test_every_cell_of_a_simulated_world_is_found_and_equals_a_slow_loop():
    stocks, components = world(5, 4, 40)
    account = roll_forward(stocks[0], components, cells(5, 4))
    assert (account.population == stocks).all()
    assert (
        imbalance(
            account.cells,
            stock_rows("e", account.cells, account.population),
            change_rows("e", account),
        )
        == 0
    )
    for year, area, sex, age in np.ndindex(4, 5, 2, 91):
        before = stocks[year, area, sex, age - 1] if age else 0
        before += stocks[year, area, sex, 90] if age == 90 else 0
        f = {name: int(values[year, area, sex, age]) for name, values in components.items()}
        slow = before + f["births"] - f["deaths"] + f["internal_in"] - f["internal_out"]
        slow += f["international_in"] - f["international_out"]
        assert account.population[year + 1, area, sex, age] == slow


def test_what_components_leave_is_the_residual():
    stocks, components = world(3, 2, 40)
    components["deaths"] = components["deaths"].copy()
    components["deaths"][1, 2, 0, 50] += 2
    account = account_of(stocks, components, cells(3, 2))
    assert np.argwhere(account.residual).tolist() == [[1, 2, 0, 50]]
    rows = change_rows("e", account).to_pylist()
    named = [row for row in rows if row["component"] == "residual"]
    assert named == [
        {"edition": "e", "area": "E06000002", "sex": "M", "age": 50, "year": 2003, "persons": 2,
         "component": "residual"}
    ]  # fmt: skip
    # rows add to the change of the stock, area by area
    for row in summary(account):
        gains = ("births", "internal_in", "international_in", "residual")
        losses = ("deaths", "internal_out", "international_out")
        change = sum(row[name] for name in gains) - sum(row[name] for name in losses)
        assert row["closing"] == row["opening"] + change
    assert stock_rows("e", account.cells, stocks).num_rows == stocks.size


def test_checks_count_cells_and_totals_that_differ():
    stocks, components = world(3, 2, 40)
    account = account_of(stocks, components, cells(3, 2))
    births = components["births"].sum((2, 3)) + np.array([[0, 0, 0], [0, 7, -1]])
    absent = [[True, False, False], [False, False, False]]
    totals = {
        "population": stocks.sum(axis=(2, 3)),
        "births": np.ma.masked_array(births, absent),
    }
    found = checks("e", account, totals).to_pylist()
    rows = {(r["check"], r["component"], r["area"], r["year"]): r for r in found}
    first, second, third = account.cells.areas
    assert rows["cells", "population", first, 2003]["cells"] == 182
    assert rows["totals", "population", third, 2001]["differing"] == 0
    assert ("totals", "births", first, 2002) not in rows, "there is no figure"
    assert rows["totals", "births", second, 2002]["differing"] == 0
    births = rows["totals", "births", second, 2003]
    assert (births["cells"], births["differing"], births["difference"]) == (1, 1, -7)
    assert rows["totals", "births", third, 2003]["largest"] == 1
    assert sum(r["differing"] for r in found) == 2


def test_statics_taken_out_and_put_back_are_special_changes():
    stocks, components = world(2, 3, 50)
    generator = np.random.default_rng(5)
    statics = generator.integers(0, 5, stocks.shape)
    statics = np.minimum(statics, stocks)
    # the long way: without statics the same flows, statics put back each year
    here, found = stocks[0] + statics[0], []
    civil = stocks[0]
    for year in range(3):
        civil = aged_on(civil)
        for name, sign in (("births", 1), ("deaths", -1), ("internal_in", 1),
                           ("internal_out", -1), ("international_in", 1),
                           ("international_out", -1)):  # fmt: skip
            civil = civil + sign * components[name][year]
        found.append(civil + statics[year + 1])
    change = special_changes(statics, stocks + statics, cells(2, 3))
    short = roll_forward(here, components | {"special_change": change}, cells(2, 3))
    assert (short.population[1:] == np.stack(found)).all()
    with pytest.raises(AccountError, match="More people are static than are there"):
        special_changes(statics + 10_000, here[None], cells(2, 3))


def test_more_leave_than_are_there():
    opening = np.array([[[5, 1, 1], [0, 0, 0]]])
    too_many = flows(births=[0, 0, 0], deaths=[0, 7, 0])
    with pytest.raises(AccountError) as error:
        roll_forward(opening, too_many, ONE)
    assert error.value.found == "1 cell: A M 1 2002: -2"
    account = roll_forward(opening, too_many, ONE, short="residual")
    assert account.population[1, 0, 0].tolist() == [0, 0, 2]
    assert account.residual[0, 0, 0].tolist() == [0, 2, 0]
    assert (
        imbalance(
            account.cells,
            stock_rows("e", account.cells, account.population),
            change_rows("e", account),
        )
        == 0
    )


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (flows(births=[0, 1, 0]), "births has flows that cannot be"),
        (flows(deaths=[-1, 0, 0]), "deaths has flows that cannot be"),
        (flows(internal_net=[1, 0, 0], internal_in=[1, 0, 0]), "counted twice"),
        (flows(internal_in=[1, 0, 0]), "half there"),
        (flows(visits=[1, 0, 0]), "unknown"),
        ({"deaths": np.zeros((1, 1, 2, 4))}, "deaths does not fit"),
        ({}, "no components"),
    ],
)
def test_components_that_cannot_be_are_refused(given, what):
    with pytest.raises(AccountError, match=what):
        roll_forward(np.zeros((1, 2, 3), dtype=np.int64), given, ONE)


def test_openings_that_cannot_be_are_refused():
    for opening in (np.zeros((2, 2, 3)), np.full((1, 2, 3), -1), np.full((1, 2, 3), np.nan)):
        with pytest.raises(AccountError, match="opening population cannot be used"):
            roll_forward(opening, flows(births=[1, 0, 0]), ONE)
    with pytest.raises(AccountError, match="populations cannot be used"):
        account_of(np.zeros((1, 1, 2, 3)), flows(births=[1, 0, 0]), ONE)


ABROAD = ("international_in", "international_out")
EVERY = (*ABROAD, "internal_out")
APART = (*EVERY, "internal_in")


def test_short_and_unsigned_integers_do_not_wrap():
    opening = np.full((1, 2, 3), 200, dtype=np.uint8)
    deaths = {"deaths": np.full((1, 1, 2, 3), 150, dtype=np.uint32)}
    account = roll_forward(opening, deaths, ONE, short="residual")
    assert account.population[1, 0, 0].tolist() == [0, 50, 250]
    assert account.residual[0, 0, 0].tolist() == [150, 0, 0]
    stocks = np.stack([opening, account.population[1].astype(np.uint16)])
    assert (account_of(stocks, deaths, ONE).residual == account.residual).all()


def test_decimals_leave_no_residual_of_rounding():
    stocks, components = world(3, 2, 40)
    flows = {name: values / 10 for name, values in components.items()}
    account = account_of(stocks / 10, flows, cells(3, 2))
    assert not account.residual.any()
    for wrong in (np.nan, np.inf):
        spoiled = stocks / 10
        spoiled[1, 2, 0, 40] = wrong
        with pytest.raises(AccountError) as error:
            account_of(spoiled, flows, cells(3, 2))
        assert "1 cell: E06000002 M 40 2002" in error.value.found


def parts(late, uncertain, size):
    """Return an account; of a part of the country where internal flows are drawn apart."""
    stocks, components = world(6, 5, size, late=late)
    if uncertain == APART:
        stocks, components = stocks[:, :4], {n: f[:, :4] for n, f in components.items()}
    return account_of(stocks, components, cells(stocks.shape[1], 5))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("size", [300, 20, 2])
@pytest.mark.parametrize("uncertain", [ABROAD, EVERY, APART])
def test_draws_balance_and_are_never_negative(late, size, uncertain):
    account = parts(late, uncertain, size)
    stocks, areas = account.population, account.population.shape[1]

    def ratios(year, first, count):
        generator = np.random.default_rng([year, first])
        wild = (count, areas, 2, 1)
        return {name: np.exp(generator.normal(-0.08, 0.4, wild)) for name in uncertain}

    signs = {"international_in": 1, "international_out": -1, "internal_in": 1,
             "internal_out": -1, "not_paid": 1}  # fmt: skip
    seen = 0
    for part in roll_forward_draws(account, ratios, draws=60, block=25):
        if part.year == 1:
            before = np.repeat(stocks[0][None], part.population.shape[0], axis=0)
        change = sum(signs[name] * flow for name, flow in part.flows.items())
        left = part.population - aged_on(before) - part.known - change
        assert np.abs(left).max() <= 1e-9 * max(stocks.max(), 1)
        assert part.population.min() >= 0
        assert min(flow.min() for flow in part.flows.values()) >= -1e-9
        if uncertain == EVERY:
            both = (part.flows["internal_in"] - part.flows["internal_out"]).sum(axis=1)
            assert np.abs(both).max() < 1e-8
        before = part.population
        seen += part.population.shape[0]
    assert seen == 60 * 5


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("size", [300, 20, 2])
@pytest.mark.parametrize("uncertain", [ABROAD, EVERY, APART])
def test_draws_without_error_are_the_account(late, size, uncertain):
    account = parts(late, uncertain, size)
    stocks = account.population
    for part in roll_forward_draws(
        account, lambda *_: dict.fromkeys(uncertain, 1.0), draws=2, block=2
    ):
        assert part.population == pytest.approx(np.stack([stocks[part.year]] * 2), abs=1e-9)
        assert part.flows["not_paid"] == pytest.approx(0, abs=1e-9)
        for name in uncertain:
            flow = account.components[name][part.year - 1]
            assert part.flows[name] == pytest.approx(np.stack([flow] * 2), abs=1e-9)


@pytest.mark.parametrize(
    "ratios",
    [
        lambda *_: {"international_in": -1.0},
        lambda *_: {"international_in": np.nan},
        lambda year, *_: {"international_in": 1.0} if year < 1 else {},
        lambda year, *_: dict.fromkeys(ABROAD[: 1 + year], 1.0),
    ],
)
def test_ratios_that_cannot_be_are_refused(ratios):
    stocks, components = world(2, 3, 20)
    account = roll_forward(stocks[0], components, cells(2, 3))
    with pytest.raises(AccountError, match="Ratios of draws cannot be used"):
        list(roll_forward_draws(account, ratios, draws=2))


def test_draws_have_the_variance_of_their_flows():
    """In cells that are large against their flows the draws are exactly the flows' sums."""
    stocks, components = world(4, 3, 2000)
    account = roll_forward(stocks[0], components, cells(4, 3))
    factor = np.random.default_rng(3).normal(1, 0.1, (3, 400, 1, 1, 1))

    def ratios(year, first, count):
        return {"international_in": factor[year, first : first + count]}

    last = [p for p in roll_forward_draws(account, ratios, draws=400, block=100) if p.year == 3]
    totals = np.concatenate([p.population.sum(axis=(1, 2, 3)) for p in last])
    into = components["international_in"].sum(axis=(1, 2, 3))
    expected = stocks[3].sum() + (into[:, None] * (factor[:, :, 0, 0, 0] - 1)).sum(axis=0)
    assert totals == pytest.approx(expected, rel=1e-12)


def test_components_that_cannot_be_drawn_are_refused():
    stocks, components = world(2, 1, 20)
    account = roll_forward(stocks[0], components, cells(2, 1))
    with pytest.raises(AccountError, match="cannot be drawn"):
        next(roll_forward_draws(account, lambda *_: {"deaths": 1.0}, draws=2))
    # one area of two: movers come from elsewhere
    part = Cells(account.cells.areas[:1], account.cells.years)
    one = account_of(stocks[:, :1], {n: f[:, :1] for n, f in components.items()}, part)
    with pytest.raises(AccountError, match="not a whole country"):
        next(roll_forward_draws(one, lambda *_: {"internal_out": 1.0}, draws=2))
    with pytest.raises(AccountError, match="draw internal_out alone"):
        both = dict.fromkeys(("internal_in", "internal_out"), 1.0)
        next(roll_forward_draws(account, lambda *_: both, draws=2))
