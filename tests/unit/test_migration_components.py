"""Components of migration by hand: the survey, Ireland, asylum, and those of one's own."""

import numpy as np
import pytest

from ravenstein.core.errors import MigrationError
from ravenstein.core.sparse import SparseEstimate
from ravenstein.migration.component import DIRECTIONS, Component, check_alike
from ravenstein.migration.components.asylum import asylum
from ravenstein.migration.components.ireland import ireland
from ravenstein.migration.components.own import own_components
from ravenstein.migration.components.survey import survey

IN, OUT = DIRECTIONS


def rng():
    return np.random.default_rng(1)


def columns(names, *rows):
    found = zip(*rows, strict=True) if rows else [[] for _ in names]
    return {name: np.array(values) for name, values in zip(names, found, strict=True)}


def sparse(labels, values):
    """Return cells whose one draw is twice the point."""
    point = np.array(values, dtype=float)[:, None]
    return SparseEstimate(labels, np.hstack([point, 2 * point]), "persons")


def rows_of(part, *names):
    """Return labels and point of the cells that are not 0."""
    kept = part.where(part.values[:, 0] != 0)
    labels = [kept.labels[name].tolist() for name in names]
    return {row[:-1]: pytest.approx(row[-1]) for row in zip(*labels, kept.values[:, 0].tolist(),
                                                            strict=True)}  # fmt: skip


def test_the_surveys_cells_get_the_nation_of_their_area():
    areas = np.array(["E06000001", "W06000002", "95AA", "N09000001", "not_stated", "S12000005"])
    (part,) = survey(sparse({"area": areas}, [1] * 6)).parts
    assert part.labels["nation"].tolist() == ["E", "W", "N", "N", "not_stated", "S"]


# Ireland ------------------------------------------------------------------------------------------

_IRISH = ("year", "direction", "sex", "age_group", "persons")


def irish(**persons):
    rows = [(int(y[1:]), IN, "F", "25-44", n) for y, n in persons.items()]
    return columns(_IRISH, *rows)


def test_years_to_april_become_calendar_years_by_their_days():
    found = ireland(irish(y2011=1000, y2012=2000, y2013=4000), [2011, 2012], 3, rng())
    (part,) = found.parts
    # 31 + 28 + 31 + 15 = 105 days of 365 up to 15 April; 106 of 366 in 2012
    assert rows_of(part, "year", "direction", "sex", "age_group") == {
        (2011, IN, "F", "25-44"): 105 / 365 * 1000 + 260 / 365 * 2000,
        (2012, IN, "F", "25-44"): 106 / 366 * 2000 + 260 / 366 * 4000,
    }
    assert set(part.labels["country"].tolist()) == {"eu15"}
    # a year in which nobody came or went is a figure, not a gap
    nobody = ireland(irish(y2010=5, y2011=0, y2012=0), [2010, 2011], 1, rng())
    check_alike([component("survey"), nobody], [2010, 2011])
    assert found.provisional == ()
    assert {step["value"] for step in found.steps} == {0.0}


def test_a_missing_first_or_last_year_takes_the_next_ones_level_and_is_provisional():
    found = ireland(irish(y2012=2000, y2013=4000), [2010, 2011, 2012, 2013], 3, rng())
    (part,) = found.parts
    assert rows_of(part, "year") == {
        (2010,): 2000, (2011,): 2000, (2012,): 106 / 366 * 2000 + 260 / 366 * 4000, (2013,): 4000,
    }  # fmt: skip
    assert found.provisional == (2010, 2011, 2013)
    steps = {(s["year"], s["direction"]): s["value"] for s in found.steps}
    assert [steps[y, OUT] for y in (2010, 2011, 2012, 2013)] == [2, 1, 0, 1]


def test_the_error_of_the_irish_counts_is_wider_where_a_year_is_anothers():
    count = 40_000
    given = irish(y2012=1000, y2013=1000)
    (part,) = ireland(given, [2010, 2011, 2012], count, rng()).parts
    values = part.values[part.values[:, 0] > 0]
    own, drawn = values[:, 0], values[:, 1:]
    assert own.tolist() == [1000, 1000, 1000]
    assert drawn.mean(axis=1) == pytest.approx(own, abs=4 * 220 / count**0.5)
    p, leap = 105 / 365, 106 / 366
    # errors z of the years held, of 10 %, and steps s of a walk out of 2012, of 15 %: the year to
    # April 2011 is z + s1, that to 2010 z + s1 + s2; so 2010 is z + s1 + p s2 and 2011 is z + p s1
    expected = [
        1000 * np.sqrt(0.1**2 + 0.15**2 * (1 + p**2)),
        1000 * np.sqrt(0.1**2 + 0.15**2 * p**2),
        1000 * 0.1 * np.hypot(leap, 1 - leap),
    ]
    assert drawn.std(axis=1) == pytest.approx(expected, rel=4 / np.sqrt(2 * count))
    together = 1000**2 * (0.1**2 + 0.15**2 * p)
    assert np.cov(drawn[:2])[0, 1] == pytest.approx(
        together, abs=4 * expected[0] * expected[1] * np.sqrt(2 / count)
    )


def test_years_before_and_after_the_irish_counts_walk_on_their_own():
    count = 40_000
    (part,) = ireland(irish(y2012=1000, y2013=1000), range(2010, 2015), count, rng()).parts
    values = part.values[part.values[:, 0] > 0][:, 1:]
    # 2014 is years 2014 and 2015, both the year 2013: z + s1 + (1 - p) s2
    q = 260 / 365
    assert values[4].std() == pytest.approx(
        1000 * np.sqrt(0.1**2 + 0.15**2 * (1 + q**2)), rel=4 / np.sqrt(2 * count)
    )
    assert abs(np.corrcoef(values[[0, 4]])[0, 1]) < 4 / count**0.5


@pytest.mark.parametrize(
    ("given", "found"), [(irish(), "no rows"), (irish(y2010=1, y2012=1), "without 2011")]
)
def test_irish_years_must_follow_one_another(given, found):
    with pytest.raises(MigrationError, match="do not hold every year") as caught:
        ireland(given, [2010], 3, rng())
    assert caught.value.found == found


# asylum -------------------------------------------------------------------------------------------

_CASE = ("quarter", "citizenship", "age_group", "sex", "persons")
_MET = ("year", "direction", "citizenship", "age_group", "sex", "asylum")


def quarters(*rows):
    found = columns(_CASE, *rows)
    return found | {"quarter": found["quarter"].astype("datetime64[D]")}


def removed(*rows):
    found = quarters(*(row[:-1] for row in rows))
    return found | {"type": np.array([row[-1] for row in rows])}


def test_asylum_is_who_stays_less_those_in_the_survey_and_may_be_negative():
    applied = quarters(
        ("2010-01-01", "other", "18-29", "F", 120),
        ("2010-10-01", "other", "0-17", "M", 18),
        ("2011-01-01", "other", "not_stated", "not_stated", 10),
        ("2012-01-01", "other", "70+", "M", 99),
    )
    returns = removed(
        ("2010-01-01", "other", "30-49", "M", 40, "enforced"),
        ("2010-01-01", "other", "30-49", "M", 100, "voluntary"),
    )
    met = columns(_MET, (2010, IN, "other", "25-44", "F", True),
                  (2010, IN, "other", "25-44", "F", False),
                  (2010, OUT, "other", "25-44", "F", True),
                  (2012, IN, "other", "25-44", "F", True))  # fmt: skip
    cells = SparseEstimate(met, np.full((4, 51), 60.0), "persons")
    given = {"asylum_applications": applied, "returns": returns}
    found = asylum(given, cells, [2010, 2011], rng())
    into, out, taken = found.parts
    assert rows_of(into, "year", "quarter", "age_group", "sex") == {
        (2010, 1, "15-24", "F"): 0.95 * 120 * 7 / 12,  # 18 to 24 are seven of twelve years of age
        (2010, 1, "25-44", "F"): 0.95 * 120 * 5 / 12,
        (2010, 4, "0-14", "M"): 0.95 * 15,
        (2010, 4, "15-24", "M"): 0.95 * 3,
        (2011, 1, "not_stated", "not_stated"): 9.5,
    }
    # voluntary departures pass the interviewers
    assert rows_of(out, "direction", "age_group") == {
        (OUT, "25-44"): 0.9 * 40 * 15 / 20, (OUT, "45-64"): 0.9 * 40 * 5 / 20,
    }  # fmt: skip
    assert rows_of(taken, "year", "age_group") == {(2010, "25-44"): -60}
    women = sum(part.where((part.labels["age_group"] == "25-44") & (part.labels["sex"] == "F"))
                .sums({})[0] for part in found.parts)  # fmt: skip
    assert women == pytest.approx(47.5 - 60)
    shares = into.values[:, 1:] / into.values[:, :1]  # one share a draw, in all cells
    assert np.ptp(shares, axis=0).max() < 1e-12
    assert 0.01 < shares[0].std() < 0.05
    steps = {(s["step"], s["year"]): pytest.approx(s["value"]) for s in found.steps}
    assert steps["applicants who stay a year", 2010] == 0.95 * 138
    assert steps["of them in the survey", 2010] == -60
    assert steps["removals past the survey", 2011] == 0
    nobody = quarters(
        ("2010-01-01", "other", "0-17", "F", 0), ("2011-01-01", "eu8", "0-17", "F", 3)
    )
    none = asylum(given | {"asylum_applications": nobody}, cells.where(met["year"] == 2012),
                  [2010, 2011], rng())  # fmt: skip
    check_alike([none], [2010, 2011])
    with pytest.raises(MigrationError, match="years without applications") as caught:
        asylum(given, cells, [2010, 2013], rng())
    assert caught.value.found == "none in 2013"


# one's own ----------------------------------------------------------------------------------------

_OWN = ("component", "year", "direction", "nation", "citizenship", "reason", "age_group", "sex",
        "persons", "standard_error", "definition", "period")  # fmt: skip


def own(*rows, definition="12_months", period="calendar_year"):
    return columns(_OWN, *((*row, definition, period) for row in rows))


def both(*rows):
    """Return rows as they are, and the same of emigration with 0 persons."""
    return own(*rows, *((*row[:2], OUT, *row[3:8], 0.0, 0.0) for row in rows))


def located():
    names = ("year", "direction", "nation", "age_group")
    rows = [(2010, IN, "N", "0-14"), (2010, OUT, "N", "0-14"), (2011, IN, "N", "0-14"),
            (2010, IN, "E", "0-14")]  # fmt: skip
    return SparseEstimate(columns(names, *rows), np.full((4, 2001), 20.0), "persons")


def test_a_correction_of_ones_own_has_normal_draws():
    rows = both(("late", 2010, IN, "all", "eu8", "all", "all", "all", 100.0, 10.0),
                ("late", 2011, IN, "all", "eu8", "all", "all", "all", -5.0, 0.0))  # fmt: skip
    (found,) = own_components(rows, located(), [2010, 2011], rng())
    (part,) = found.parts
    assert (found.name, found.by) == ("late", ("citizenship",))
    assert set(part.labels) == {"year", "direction", "citizenship"}
    assert part.values[:, 0].tolist() == [100, -5, 0, 0]
    assert part.values[0, 1:].std() == pytest.approx(10, rel=4 / 4000**0.5)
    assert set(part.values[1].tolist()) == {-5.0}


def test_a_nations_own_flows_take_the_surveys_place():
    rows = both(("nation_own", 2010, IN, "N", "all", "all", "all", "all", 30.0, 0.0))
    (found,) = own_components(rows, located(), [2010, 2011], rng())
    given = {"direction": DIRECTIONS, "year": [2010, 2011], "nation": ["E", "N"]}
    added = sum(part.sums(given)[..., 0] for part in found.parts)
    # 30 and 0 for the survey's 20 each of that year and nation; the others stay
    assert added.tolist() == [[[0, 10], [0, 0]], [[0, -20], [0, 0]]]
    assert found.by == ("nation",)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([("late", 2010, IN, "all", "all", "all", "all", "F", 1.0, 0.0),
          ("late", 2010, IN, "all", "all", "all", "all", "all", 1.0, 0.0)], "in some rows only"),
        ([("nation_own", 2010, IN, "all", "all", "all", "all", "F", 1.0, 0.0)],
         "do not say of which nation"),
        ([("nation_own", 2010, IN, "EW", "all", "all", "all", "all", 1.0, 0.0)],
         "nation EW, which the survey does not have"),
        ([("nation_own", 2010, IN, "n", "all", "all", "all", "all", 1.0, 0.0)],
         "nation n, which the survey does not have"),
        ([("late", 2010, IN, "all", "all", "all", "0-15", "all", 1.0, 0.0)],
         "age_group 0-15, which the survey does not have"),
        ([("late", 2010, IN, "all", "eu8", "all", "all", "F", 1.0, 0.0),
          ("late", 2011, IN, "all", "eu8", "all", "all", "M", 1.0, 0.0)],
         "without immigration/eu8/F in 2011, immigration/eu8/M in 2010"),
        *(([(name, 2010, IN, "all", "all", "all", "all", "all", 1.0, 0.0)],
           "names that the tables use") for name in ("survey", "total", "combined")),
    ],
)  # fmt: skip
def test_own_components_that_are_refused(rows, problem):
    with pytest.raises(MigrationError, match=problem):
        own_components(both(*rows), located(), [2010, 2011], rng())


def test_own_components_of_one_direction_are_refused():
    rows = own(("late", 2010, IN, *["all"] * 5, 1.0, 0.0))
    with pytest.raises(MigrationError, match="categories of one direction only"):
        own_components(rows, located(), [2010], rng())


@pytest.mark.parametrize(
    ("kind", "value"), [("definition", "un_3_months"), ("period", "year_to_june")]
)
def test_own_components_of_another_kind_have_no_sum_with_the_others(kind, value):
    rows = [("late", y, d, *["all"] * 5, 1.0, 0.0) for y in (2010, 2011) for d in DIRECTIONS]
    first = component("survey", draws=2000)
    (late,) = own_components(own(*rows), located(), [2010, 2011], rng())
    check_alike([first, late], [2010, 2011])
    (late,) = own_components(own(*rows, **{kind: value}), located(), [2010, 2011], rng())
    with pytest.raises(MigrationError, match=f"differ in {kind}") as caught:
        check_alike([first, late], [2010, 2011])
    assert caught.value.found == value


# what can be added --------------------------------------------------------------------------------


def component(name="late", years=(2010, 2011), draws=1, **kinds):
    cells = SparseEstimate(
        {"year": np.array(years), "direction": np.array([IN] * len(years))},
        np.ones((len(years), 1 + draws)), "persons",
    )  # fmt: skip
    return Component(name, (cells,), **kinds)


@pytest.mark.parametrize(
    ("other", "problem", "found"),
    [
        (component(definition="un_3_months"), "differ in definition", "un_3_months"),
        (component(period="year_to_june"), "differ in period", "year_to_june"),
        (component(draws=2), "differ in number of draws", "2"),
        (component("survey"), "there twice", "survey"),
        (component(years=(2010,)), "not of the years", "lacking 2011"),
        (component(years=(2010, 2011, 2012)), "not of the years", "others 2012"),
    ],
)
def test_components_that_have_no_sum(other, problem, found):
    first = component("survey")
    check_alike([first, component()], [2010, 2011])
    check_alike([first, component(years=())], [2010, 2011])  # a component without anybody
    with pytest.raises(MigrationError, match=problem) as caught:
        check_alike([first, other], [2010, 2011])
    assert found in caught.value.found
