"""What must hold of every account: totals are sums, residuals are exact, engines agree."""

import datetime as dt

import narwhals as nw
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.myeb3_files import FLOWS, Myeb3File, inputs

from ravenstein.core.parameters import Parameter
from ravenstein.population.account import balance
from ravenstein.population.checks import checks
from ravenstein.store.database import memory_store

AREAS = [("E06000001", "A", "E"), ("E06000002", "B", "E"), ("S12000005", "C", "S")]
NETS = [name for name in FLOWS if "net" in name or "change" in name]
COUNT = st.integers(0, 5000) | st.just(None)
NET = st.integers(-5000, 5000) | st.just(None)


@st.composite
def files(draw):
    cells = {}
    near = draw(st.booleans())  # random figures never balance: half of the files nearly do
    for area, _, _ in AREAS:
        for year in (2001, 2002, 2003):
            names = ["population"] if year == 2001 else ["population", *FLOWS]
            for name in names:
                value = draw(NET if name in NETS else COUNT)
                cells[area, f"{name}_{year}"] = ":" if value is None else str(value)
            if near and year > 2001:
                _nearly_balance(cells, area, year, draw(st.integers(-12, 12)))
    return cells


def _nearly_balance(cells, area, year, residual):
    """Set other changes so that the account differs by the residual, if there are figures."""
    names = [f"population_{year - 1}", f"births_{year}", f"internal_net_{year}",
             f"international_net_{year}"]  # fmt: skip
    texts = [cells[area, name] for name in (*names, f"population_{year}", f"deaths_{year}")]
    if ":" not in texts:
        *gains, closing, deaths = map(int, texts)
        cells[area, f"other_change_{year}"] = str(closing + deaths - sum(gains) - residual)


def read(tmp_path, cells):
    file = Myeb3File(tmp_path / "a.csv")
    file.areas, file.cells = list(AREAS), cells
    file.write()
    return inputs(file.read())


ROUNDING = Parameter(
    "rounding", "Rounding, from mid-2003 on", "persons", "test",
    ((dt.date(1900, 1, 1), {"S92000003": 0}), (dt.date(2003, 6, 30), {"S92000003": 10})),
)  # fmt: skip


def naive(cells):
    """The account by hand, area by area in plain Python."""

    def value(area, name, year):
        text = cells[area, f"{name}_{year}"]
        return None if text == ":" else int(text)

    found = {}
    for area, _, country in AREAS:
        for year in (2002, 2003):
            signed = [
                (value(area, "population", year), 1), (value(area, "population", year - 1), -1),
                (value(area, "births", year), -1), (value(area, "deaths", year), 1),
                (value(area, "internal_net", year), -1),
                (value(area, "international_net", year), -1),
                (value(area, "other_change", year), -1),
            ]  # fmt: skip
            if any(v is None for v, _ in signed):
                found[area, year] = (None, "no_figures")
                continue
            residual = sum(v * sign for v, sign in signed)
            allowed = 10 if country == "S" and year >= 2003 else 0
            status = "unbalanced" if abs(residual) > allowed else "rounding"
            found[area, year] = (residual, "balanced" if residual == 0 else status)
    return found


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cells=files())
def test_engines_agree_with_a_naive_account(tmp_path, cells):
    tables = read(tmp_path, cells)
    with memory_store() as store:
        account = balance(*(store.from_rows(rows) for rows in tables), ROUNDING)
        order = ("edition", "area", "year")
        ours = store.collect(account.sort(*order)).to_pylist()
        _, components, areas = (store.from_rows(rows) for rows in tables)
        found = checks(account, components, areas).sort("nation", "check")
        our_checks = store.collect(found).to_pylist()

    lazy = [nw.from_native(pl.from_arrow(rows).lazy()) for rows in tables]
    other = balance(*lazy, ROUNDING)
    assert other.sort(*order).collect().to_native().to_dicts() == ours
    other_checks = checks(other, lazy[1], lazy[2]).sort("nation", "check").collect()
    assert other_checks.to_native().to_dicts() == our_checks

    by_cell = {(row["area"], row["year"]): row for row in ours}
    for cell, (residual, status) in naive(cells).items():
        assert (by_cell[cell]["residual"], by_cell[cell]["status"]) == (residual, status)
    for row in ours:
        children = {"E92000001": ("E06000001", "E06000002"), "S92000003": ("S12000005",),
                    "K02000001": [code for code, _, _ in AREAS]}.get(row["area"])  # fmt: skip
        for name in ("opening", "births", "internal_net", "closing") if children else ():
            parts = [by_cell[code, row["year"]][name] for code in children]
            assert row[name] == (None if None in parts else sum(parts))
        if children:
            assert row["internal_in"] is None
            worst = [by_cell[code, row["year"]]["status"] for code in children]
            if row["residual"] and "unbalanced" in worst:
                assert row["status"] == "unbalanced", "rounding elsewhere excuses nothing"
