"""Total migration: components shared out, added up and published, by hand and beside a slow way."""

import datetime as dt
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravenstein.core.estimate import estimate
from ravenstein.core.sparse import SparseEstimate
from ravenstein.migration import forms, total
from ravenstein.migration.component import DIRECTIONS, Component
from ravenstein.migration.components.asylum import asylum
from ravenstein.migration.shares import shared_out
from ravenstein.tables.migration import BREAKDOWNS

IN, OUT = DIRECTIONS
YEARS = [2010, 2011]
KINDS = {
    "quarter": [1, 2, 3, 4], "reason": ["other", "work"], "citizenship": ["british", "eu8"],
    "country": ["eu15", "other"], "occupation": ["manual"], "age_group": ["15-24", "25-44"],
    "sex": ["F", "M"], "area": ["E06000001", "W06000001", "not_stated"], "nation": ["E", "W"],
}  # fmt: skip
DRAWS = 3


def drawn(names, seed, rows=60, low=0, high=9):
    """Return cells of random labels and values."""
    g = np.random.default_rng(seed)
    labels = {"direction": g.choice(DIRECTIONS, rows), "year": g.choice(YEARS, rows)}
    labels |= {name: g.choice(KINDS[name], rows) for name in names}
    values = g.integers(low, high, (rows, 1 + DRAWS)).astype(float)
    return SparseEstimate(labels, values, "persons")


def world(seed=1):
    """Return the survey's cells, and components that know different things."""
    cells = drawn(KINDS, seed)
    asylum = drawn(["citizenship", "age_group", "sex"], seed + 1, 20)
    met = drawn(["citizenship", "reason", "area"], seed + 2, 10, -6, 1)
    return cells, [
        Component("survey", (cells,)),
        Component("asylum", (asylum, met), by=("citizenship",)),
        Component("ireland", (drawn(["age_group", "country"], seed + 3, 12),), by=("country",)),
        Component("late", (drawn([], seed + 4, 4),)),
    ]


def slow(component, survey, wanted):
    """Share out cell by cell and draw by draw: persons by direction, year and wanted labels."""
    found = {}
    for part in component.parts:
        unknown = [name for name in wanted if name not in part.labels]
        like = [name for name in component.by if name in part.labels]
        for row, draw in product(range(part.count), range(1 + part.draws)):
            own = {name: column[row] for name, column in part.labels.items()}
            weights = {}
            for alike in (True, False):  # people like them, else all of the direction
                for i in range(survey.count):
                    them = {name: column[i] for name, column in survey.labels.items()}
                    if them["direction"] != own["direction"]:
                        continue
                    if alike and any(them[name] != own[name] for name in like):
                        continue
                    to = tuple(them[name] for name in unknown)
                    weights[to] = weights.get(to, 0) + survey.values[i, draw]
                if sum(weights.values()) > 0:
                    break
            else:
                weights = dict.fromkeys(product(*(wanted[n] for n in unknown)), 1)
            for to, weight in weights.items():
                known = own | dict(zip(unknown, to, strict=True))
                place = (own["direction"], own["year"], *(known[n] for n in wanted), draw)
                share = weight / sum(weights.values())
                found[place] = found.get(place, 0) + part.values[row, draw] * share
    return found


@pytest.mark.parametrize(
    "names", [["nation", "age_group", "sex"], ["area"], ["nation", "citizenship"], ["quarter"]]
)
def test_components_are_shared_out_as_cell_by_cell(names):
    cells, components = world()
    wanted = {name: KINDS[name] for name in names}
    for component in components:
        found = shared_out(component, cells, YEARS, wanted)
        expected = np.zeros(found.shape)
        known = [DIRECTIONS, YEARS, *wanted.values(), range(1 + DRAWS)]
        for place, value in slow(component, cells, wanted).items():
            at = tuple(list(k).index(p) for k, p in zip(known, place, strict=True))
            expected[at] = value
        assert found == pytest.approx(expected, abs=1e-9), component.name


def test_shares_by_hand():
    names = ("direction", "citizenship", "area")
    rows = [(IN, "eu8", "E"), (IN, "eu8", "W"), (IN, "british", "W"), (OUT, "british", "E")]
    labels = {n: np.array(v) for n, v in zip(names, zip(*rows, strict=True), strict=True)}
    survey = SparseEstimate(labels, np.array([[3.0, 1], [1, 0], [4, 0], [5, 5]]), "persons")
    given = {"direction": np.array([IN, IN, OUT]), "citizenship": np.array(["eu8", "other", "eu8"]),
             "year": np.array([2010] * 3)}  # fmt: skip
    part = SparseEstimate(given, np.array([[8.0, 8], [16, 16], [7, 7]]), "persons")
    found = shared_out(
        Component("asylum", (part,), by=("citizenship",)), survey, [2010], {"area": ["E", "W"]}
    )
    # of eu8 three of four live in E; there is nobody like the other 16: 3 and 5 of all eight
    assert found[0, 0, :, 0].tolist() == [6 + 6, 2 + 10]
    assert found[0, 0, :, 1].tolist() == [24, 0], "shares of a draw are its own"
    assert found[1, 0].tolist() == [[7, 7], [0, 0]]


ROW = st.tuples(
    st.sampled_from(DIRECTIONS), st.sampled_from(["british", "eu8", "other"]),
    st.sampled_from(["F", "M"]), *[st.sampled_from([0.0, 0.5, 3.0, 100.0])] * 3,
)  # fmt: skip


def from_rows(rows, *names):
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    labels = dict(zip(("direction", "citizenship", "sex"), map(np.array, columns), strict=False))
    labels = {n: labels[n].astype(str) for n in names}
    values = np.array(columns[3:], dtype=float).T.reshape(len(rows), 3)
    return SparseEstimate(labels | {"year": np.full(len(rows), 2010)}, values, "persons")


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=8), st.lists(ROW, min_size=1, max_size=5))
def test_totals_are_kept_in_every_draw(surveyed, rows):
    survey = from_rows(surveyed, "direction", "citizenship", "sex")
    part = from_rows(rows, "direction", "citizenship")
    wanted = {"sex": ["F", "M"]}
    for by in ((), ("citizenship",)):
        found = shared_out(Component("late", (part,), by=by), survey, [2010], wanted)
        whole = part.sums({"direction": DIRECTIONS, "year": [2010]})
        assert found.sum(axis=2) == pytest.approx(whole, abs=1e-9)
        assert (found >= 0).all()


def test_the_total_is_the_sum_of_components_and_the_same_in_every_breakdown():
    cells, components = world()
    found = total.breakdowns(components, cells, YEARS)
    assert set(found) == set(BREAKDOWNS)
    whole = sum(p.sums({"direction": DIRECTIONS, "year": YEARS}) for c in components
                for p in c.parts)  # fmt: skip
    for by, table in found.items():
        parts = np.concatenate([table.point.values[..., None], table.draws.values], axis=-1)
        added = total.total_of(table)
        assert added.point.values == pytest.approx(parts[..., 0].sum(axis=0))
        assert added.draws.values == pytest.approx(parts[..., 1:].sum(axis=0))
        over = (0, *range(3, parts.ndim - 1))
        assert parts.sum(axis=over) == pytest.approx(whole), by
    assert found["area"].dimensions == ("component", "direction", "year", "area")
    assert found["age_sex"].dimensions[3:] == ("nation", "age_group", "sex")


def test_asylum_seekers_whom_the_survey_met_are_taken_off_where_they_live():
    rows = [("E06000001", "E", True, 30), ("E06000001", "E", False, 30),
            ("W06000001", "W", True, 10), ("W06000001", "W", False, 30)]  # fmt: skip
    area, nation, said, persons = map(np.array, zip(*rows, strict=True))
    labels = {name: np.full(4, kinds[0]) for name, kinds in KINDS.items()}
    labels |= {"year": np.full(4, 2010), "direction": np.full(4, IN)}
    labels |= {"area": area, "nation": nation, "asylum": said}
    cells = SparseEstimate(labels, persons[:, None] * np.ones(1 + DRAWS), "persons")
    applied = {"quarter": np.array(["2010-01-01"], "datetime64[D]"), "sex": np.array(["F"]),
               "citizenship": np.array(["british"]), "age_group": np.array(["18-29"]),
               "persons": np.array([100]), "type": np.array(["enforced"])}  # fmt: skip
    nobody = {name: column[:0] for name, column in applied.items()}
    given = {"asylum_applications": applied, "returns": nobody}
    part = asylum(given, cells, [2010], np.random.default_rng(1))
    found = total.breakdowns([Component("survey", (cells,)), part], cells, [2010])
    by_area, by_nation = found["area"], found["all"]
    # 95 stay, 60 : 40 as all migrants; 30 and 10 were met
    expected = [0.95 * 60 - 30, 0.95 * 40 - 10]
    for table in (by_area, by_nation):
        assert table.select(component=["asylum"]).point.values[0, 0, 0] == pytest.approx(expected)
    assert by_area.draws.values == pytest.approx(by_nation.draws.values)


def test_rolling_years_are_the_sums_of_their_quarters():
    cells, components = world()
    found = total.rolling(components, cells, YEARS)
    endings = ["2010-4", "2011-1", "2011-2", "2011-3", "2011-4"]
    assert found.labels("ending") == endings
    quarters = cells.sums({"direction": DIRECTIONS, "year": YEARS, "quarter": [1, 2, 3, 4]})
    own = found.select(component=["survey"])
    for i, _ in enumerate(endings):
        added = quarters.reshape(2, 8, -1)[:, i : i + 4].sum(axis=1)
        assert own.point.values[0, :, i] == pytest.approx(added[:, 0])
        assert own.draws.values[0, :, i] == pytest.approx(added[:, 1:])
    # calendar years are the totals of those years, of sources that tell years only too
    by_year = total.breakdowns(components, cells, YEARS)["all"].sum("nation")
    assert found.point.values[:, :, [0, 4]] == pytest.approx(by_year.point.values)
    assert found.draws.values[:, :, [0, 4]] == pytest.approx(by_year.draws.values)
    rows = forms.rolling_rows(total.flows_of(found))
    assert {row["ending"] for row in rows} == {
        dt.date(2010, 12, 31), dt.date(2011, 3, 31), dt.date(2011, 6, 30), dt.date(2011, 9, 30),
        dt.date(2011, 12, 31),
    }  # fmt: skip
    last = [r for r in rows if r["ending"] == dt.date(2011, 12, 31) and r["flow"] == "net"]
    parts = sum(row["persons"] for row in last if row["component"] != "total")
    assert parts == pytest.approx(next(r["persons"] for r in last if r["component"] == "total"))


def test_published_rows_by_hand():
    labels = {"component": ["survey", "asylum"], "direction": list(DIRECTIONS), "year": [2010],
              "nation": ["E", "S", "W"]}  # fmt: skip
    point = np.array([[[10, 4, 2]], [[3, 1, 1]], [[-2, 0, 1]], [[0, 0, -5]]], dtype=float)
    point = point.reshape(2, 2, 1, 3)
    spread = np.zeros((*point.shape, 2))
    spread[0, 0, 0, 0] = [-20, 20]  # a standard error of 20 √2
    draws = point[..., None] + spread
    late = {"survey": (2009,), "asylum": (2010,)}
    rows = forms.published(estimate(point, draws, labels, "persons"), (), "all", late)
    found = {(r["component"], r["flow"], r["nation"]): r for r in rows}
    persons = {key: row["persons"] for key, row in found.items()}
    assert persons["survey", "immigration", "EW"] == 12
    assert persons["survey", "immigration", "all"] == 16
    assert persons["total", "immigration", "E"] == 8
    assert persons["total", "emigration", "W"] == -4
    assert persons["total", "net", "all"] == (16 - 1) - (5 - 5)
    assert len(rows) == 3 * 3 * 5
    error = 20 * 2**0.5
    for who, low in (("survey", 10 - 1.96 * error), ("total", 0.0)):
        row = found[who, "immigration", "E"]
        assert row["standard_error"] == pytest.approx(error)
        assert row["lower"] == pytest.approx(low), "a total is not below 0 in one direction"
    assert found["total", "immigration", "E"]["upper"] == pytest.approx(8 + 1.96 * error)
    assert found["total", "net", "E"]["lower"] == pytest.approx(5 - 1.96 * error)
    assert found["total", "emigration", "W"]["lower"] == -4, "a negative figure is shown as it is"
    assert {row["category"] for row in rows} == {"all"}
    provisional = {(row["component"], row["provisional"]) for row in rows}
    assert provisional == {("survey", False), ("asylum", True), ("total", True)}
