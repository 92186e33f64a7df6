"""Does the sum of components find the migration of the twin? All routes but the land border are
sampled, so that the survey weighs nothing up unseen; its imperfections are the usual ones. Bias
over all years against changes of residence for 12 months; intervals are ±1.96 standard errors."""

import numpy as np
import pytest
from tests.migration_worlds import EVERYWHERE, KINDS, components, observed, truth

from ravenstein.migration.component import DIRECTIONS
from ravenstein.passenger_survey.chain import Rules
from ravenstein.passenger_survey.results import results
from ravenstein.twin.settings import settings

FLOWS = {"immigration": (1, 0), "emigration": (0, 1), "net": (1, -1)}
BAND = 0.02  # of bias
SWITCHERS = ("visitor_switchers", "migrant_switchers")
PERFECT = {
    "shifts": 1.0, "interval": 1, "second": 1, "survey_nonresponse": 0.0,
    "survey_minimum": 0.0, "survey_migrants_lost": 0.0, "survey_visitors_gained": 0.0,
    "survey_asylum_missed": 0.0, "survey_asylum_said": 1.0, "survey_removals_missed": 0.0,
}  # fmt: skip


def summed(parts, years):
    """Return the sum of components [directions, years, 1 + K]."""
    cells = {"direction": DIRECTIONS, "year": years}
    return sum(part.sums(cells) for component in parts for part in component.parts)


def world(seed, draws):
    """Return truth, estimate with draws, and the errors without switchers: found, and expected."""
    tables = observed(seed, routes=EVERYWHERE)
    parts, _, years = components(tables, seed, draws)
    true = truth(tables, "truth_migration", definition="un_12_months")
    without = summed([p for p in parts if p.name not in SWITCHERS], years)[..., 0]
    return true, summed(parts, years), without - true, expected(tables)


def expected(tables):
    """Return what a survey of intentions must miss and count too many of, by what is true."""
    known = settings("small").parameters
    lost, gained = (
        known[name].values[0][1] for name in ("survey_migrants_lost", "survey_visitors_gained")
    )
    stated, visitors, migrants = (truth(tables, part=p) for p in ("stated", *SWITCHERS))
    stays = truth(tables, "truth_short_term", definition="months_3_to_12")
    return migrants + gained * stays - visitors - lost * stated


@pytest.fixture(scope="module")
def worlds():
    return [np.stack(found) for found in zip(*(world(s, 100) for s in range(24)), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("flow", list(FLOWS))
def test_the_sum_of_components_is_without_bias_and_its_intervals_hold_the_truth(worlds, flow):
    true, found = (np.tensordot(FLOWS[flow], part, (0, 1)) for part in worlds[:2])
    point, error = found[..., 0], found[..., 1:].std(axis=-1, ddof=1)
    seeds = len(true)
    bias = point.sum() / true.sum() - 1
    held = (np.abs(point - true) <= 1.96 * error).mean(axis=1)
    chance = held.std(ddof=1) / np.sqrt(seeds)
    spread = (point - true).sum(axis=1).std(ddof=1) * np.sqrt(seeds) / true.sum()
    print(f"{flow}: bias {bias:.2%} (Monte Carlo error {spread:.2%}), {held.mean():.1%} hold it")
    # net migration is a third of either flow: the check of its bias is three times as wide
    assert spread < (BAND if flow == "net" else BAND / 3)
    assert abs(bias) < BAND + 2 * spread
    assert 0.92 - 2 * chance < held.mean() < 0.98 + 2 * chance


@pytest.mark.slow
@pytest.mark.parametrize("flow", list(FLOWS))
def test_without_switchers_the_bias_is_what_the_truth_says(worlds, flow):
    true, found, theory = (np.tensordot(FLOWS[flow], worlds[i], (0, 1)) for i in (0, 2, 3))
    away = (found - theory).sum(axis=1)
    print(f"{flow}: {found.sum() / true.sum():.2%}, expected {theory.sum() / true.sum():.2%}")
    spread = away.std(ddof=1) * np.sqrt(away.size)
    assert abs(away.sum()) < 3 * spread, (away.sum() / true.sum(), spread / true.sum())


def test_a_perfect_survey_and_the_parts_it_cannot_see_are_migration_exactly():
    tables = observed(
        5, routes=EVERYWHERE, people=10_000, block=10_000, first=2006, last=2010, **PERFECT
    )
    made = results({kind: tables[f"survey_{kind}"] for kind in KINDS}, Rules(), draws=2, seed=1)
    years = made.cells.distinct("year")
    stated = made.cells.where(~made.cells.labels["asylum"])
    survey = stated.sums({"direction": DIRECTIONS, "year": years})[..., 0]
    others = sum(truth(tables, part=p) for p in ("land", "asylum", "visitor_switchers"))
    whole = survey + others - truth(tables, part="migrant_switchers")
    true = truth(tables, "truth_migration", definition="un_12_months")
    assert whole == pytest.approx(true, rel=1e-9)
    assert true.min() > 50
    assert truth(tables, part="migrant_switchers").sum() > 10
