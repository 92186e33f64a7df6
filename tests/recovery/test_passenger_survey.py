"""Does the survey find the migrants of the twin? Bias and coverage against what a perfect survey of
the same crossings counts. All routes are sampled, and nobody crosses by land: what is not sampled
is weighted up by its passengers, whose share of migrants may be another one. In a country of 15,000
people the traffic cells of a month hold some twenty interviews, and the ratio to traffic is 4 % too
large; in one of 50,000 that is gone."""

import numpy as np
import pytest

from ravenstein.passenger_survey.chain import Month, factors, weigh
from ravenstein.passenger_survey.migrants import long_term
from ravenstein.twin.country import Counts, block, summary
from ravenstein.twin.settings import settings
from ravenstein.twin.sources.passenger_survey import design

SCALE = {"people": 50_000, "block": 50_000, "first": 2006, "last": 2010, "shifts": 0.5}
TRUTHFUL = {"survey_migrants_lost": 0.0, "survey_visitors_gained": 0.0}
WHOLE = {"shifts": 1.0, "interval": 1, "second": 1}
REPLICATES = 200
_GIVEN = settings("small").parameters["routes"].values[0][1]
ROUTES = {
    name: route | {"sampled": True, "night": True}
    | ({"share": 0.0} if route["mode"] == "land" else {})
    | ({"share": route["share"] + _GIVEN["Land border"]["share"]} if name == "Eastholm" else {})
    for name, route in _GIVEN.items()
}  # fmt: skip


def columns(table):
    found = {}
    for name in table.column_names:
        values = table[name].to_numpy(zero_copy_only=False)
        found[name] = values.astype("datetime64[D]") if name == "month" else values
    return found


def observed(seed, **changes):
    """Return the survey's tables of one twin."""
    chosen = settings(
        "small",
        changes=SCALE | {"routes": ROUTES} | changes,
        perfect=bool(changes.get("second") == 1),
    )
    drawn = design(chosen, seed)
    tables, counts = block(chosen, seed, 0, drawn)
    total = Counts()
    total.add(counts)
    return {n: columns(t) for n, t in (tables | summary(chosen, drawn, total)).items()
            if n.startswith("survey_")}  # fmt: skip


def truth_of(seed):
    """Return migrants by year and direction among all crossings but those by land."""
    contacts = observed(seed, **WHOLE)["survey_contacts"]
    chosen = long_term(contacts)
    year = contacts["interviewed_on"].astype("datetime64[Y]").astype(int) + 1970
    return np.array(
        [[(chosen & (year == y) & (contacts["arrivedepart"] == d)).sum() for d in (1, 2)]
         for y in range(2006, 2011)]
    )  # fmt: skip


def estimated(seed):
    """Return totals by year, direction and replicate, the full sample first."""
    tables = observed(seed, **TRUTHFUL)
    contacts = tables["survey_contacts"]
    months = contacts["interviewed_on"].astype("datetime64[M]")
    totals = np.zeros((5, 2, 1 + REPLICATES))
    names = ("survey_shifts", "survey_nonresponse", "survey_traffic", "survey_unsampled")
    for i, month in enumerate(np.unique(months)):
        chosen = {n: v[months == month] for n, v in contacts.items()}
        others = [{n: v[t["month"].astype("datetime64[M]") == month] for n, v in t.items()}
                  for t in (tables[name] for name in names)]  # fmt: skip
        drawn, _ = factors(chosen, REPLICATES, np.random.default_rng([seed, i]))
        final = weigh(Month(chosen, *others), drawn).final
        year = int(str(month)[:4]) - 2006
        for d in (1, 2):
            kept = long_term(chosen) & (chosen["arrivedepart"] == d)
            totals[year, d - 1] += final[kept].sum(axis=0)
    return totals


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(8), marks=pytest.mark.slow)])
def test_estimates_are_without_bias_and_intervals_hold_the_truth(seeds):
    truths, points, errors = [], [], []
    for seed in seeds:
        totals = estimated(seed)
        truths.append(truth_of(seed))
        points.append(totals[..., 0])
        errors.append(totals[..., 1:].std(axis=-1, ddof=1))
    truth, point, error = (np.array(part, dtype=float) for part in (truths, points, errors))
    ratio = point.sum() / truth.sum()
    spread = np.sqrt((error**2).sum()) / truth.sum()
    assert abs(ratio - 1) < 4 * spread, (ratio, spread)
    held = np.abs(point - truth) <= 1.96 * error
    # 95 % of independent intervals: four standard errors of the share below
    share, count = held.mean(), held.size
    assert share > 0.95 - 4 * np.sqrt(0.95 * 0.05 / count), (share, count)
    assert count == 10 * len(seeds)
