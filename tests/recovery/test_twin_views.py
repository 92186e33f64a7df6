"""The twin's views: perfect ones give their own definition of the truth, and each imperfection
does what its parameter says. Bands of statistical tests are four standard errors of the test."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from tests.twin_worlds import made, near
from tests.unit.test_twin import slow_rule

from ravenstein.passenger_survey.migrants import described, short_term
from ravenstein.twin.settings import settings
from ravenstein.twin.truth import PARTS


@pytest.fixture(scope="module")
def perfect():
    return made()


def test_a_perfect_survey_counts_stated_intentions_exactly(perfect):
    tables, _ = perfect
    contacts, truth = tables["survey_contacts"], tables["truth_migration"]
    said = contacts[contacts.stay_stated == "12_months_or_more"]
    found = Counter(
        zip(
            said.interviewed_on.map(lambda day: day.year),
            said.arrivedepart.map({1: "immigration", 2: "emigration"}),
            said.citizenship, said.purpose, said.age.astype(int), said.sex, said.area.fillna("-"),
            strict=True,
        )
    )  # fmt: skip
    truth = truth[truth.definition == "stated_intention"]
    keys = truth[["year", "direction", "citizenship", "reason", "age", "sex", "area"]].fillna("-")
    expected = dict(zip(keys.itertuples(index=False, name=None), truth.persons, strict=True))
    assert found == expected
    assert sum(expected.values()) > 300


def test_a_perfect_survey_counts_short_term_migrants_exactly(perfect):
    tables, _ = perfect
    contacts, truth = tables["survey_contacts"], tables["truth_short_term"]
    columns = {name: contacts[name].to_numpy() for name in contacts}
    columns["interviewed_on"] = columns["interviewed_on"].astype("datetime64[D]")
    nights = contacts.nights.to_numpy(dtype=float, na_value=np.nan)
    for definition, rows in short_term(columns, nights).items():
        labels = described({name: values[rows] for name, values in columns.items()}, nights[rows])
        found = Counter(
            zip(*(labels[n].tolist() for n in ("year", "direction", "citizenship", "sex")),
                strict=True)
        )  # fmt: skip
        # the survey holds only part of the trips of its first and last year
        whole = {2009, 2010, 2011}
        chosen = truth[(truth.definition == definition) & truth.year.isin(whole)]
        keys = chosen.groupby(["year", "direction", "citizenship", "sex"]).persons.sum()
        assert {k: n for k, n in found.items() if k[0] in whole} == keys.to_dict(), definition
        assert keys.sum() > 50


def test_migrants_are_the_sum_of_what_a_survey_of_intentions_sees_and_misses(perfect):
    tables, _ = perfect
    cells = ["year", "direction", "citizenship"]
    parts = tables["truth_migration_parts"]
    assert set(parts.part[parts.persons > 0]) == set(PARTS)
    sign = np.where(parts.part == "migrant_switchers", -1, 1)
    found = (parts.persons * sign).groupby([parts[name] for name in cells]).sum()
    truth = tables["truth_migration"].query("definition == 'un_12_months'")
    expected = truth.groupby(cells).persons.sum()
    found, expected = found.align(expected, fill_value=0)
    assert (found == expected).all()
    assert expected.sum() > 200


def test_a_perfect_border_gives_the_twelve_of_sixteen_months_exactly():
    """A day-by-day rule on the records, joined by the identity, against the truth."""
    tables, _ = made(people=1500, last=2010)
    rows = tables["border_movements"].merge(tables["truth_identities"], on="record")
    assert rows.groupby("person").document.nunique().max() == 1
    assert rows.groupby(["surname", "given_name", "birth_date"]).person.nunique().mean() < 1.01
    rows["day"] = (rows.crossed_at.dt.tz_localize(None) - pd.Timestamp(1970, 1, 1)).dt.days
    found = Counter()
    for _, history in rows.groupby("person"):
        arrival = (history.direction == "arrival").to_numpy()
        crossings = list(zip(history.day.tolist(), arrival.astype(int).tolist(), strict=True))
        for place, direction in slow_rule(crossings, not arrival[0], 487, 365):
            year = history.crossed_at.iloc[place].year
            if 2008 <= year <= 2010:
                found[(year, "immigration" if direction else "emigration",
                       history.sex.iloc[0])] += 1  # fmt: skip
    truth = tables["truth_migration"]
    truth = truth[truth.definition == "residence_12_of_16"]
    expected = truth.groupby(["year", "direction", "sex"]).persons.sum().to_dict()
    assert found == expected
    assert sum(expected.values()) > 50


def test_every_passenger_is_in_traffic_or_unsampled(perfect):
    tables, _ = made(survey_unsampled=1.0)
    for year in (2008, 2012):
        passengers = sum(
            tables[name][pd.to_datetime(tables[name].month).dt.year == year].passengers.sum()
            for name in ("survey_traffic", "survey_unsampled")
        )
        rows = perfect[0]["border_movements"]
        counted = rows[rows.route != 990]  # nobody counts at the land border
        assert passengers == (counted.crossed_at.dt.year == year).sum()
    routes = set(tables["survey_contacts"].portroute)
    assert routes == {110, 120, 130, 610, 620, 810}
    assert routes < set(perfect[0]["survey_contacts"].portroute)
    nights = tables["survey_contacts"].query("am_pm_night == 3")
    assert set(nights.portroute) == {110, 610}


def test_non_response_and_minimums():
    tables, _ = made(survey_nonresponse=0.3, survey_minimum=0.2)
    silent = tables["survey_nonresponse"].migtotal.sum()
    contacts = tables["survey_contacts"]
    assert near(silent / (silent + len(contacts)), 0.3, silent + len(contacts))
    others = contacts[contacts.stay_stated != "12_months_or_more"]
    assert near((others.response == 3).mean(), 0.2, len(others))
    assert others[others.response == 3].age.isna().all()


def test_the_tallies_fit_the_interviews():
    """Weighted as the survey is, interviews give the passengers before they are made to."""
    tables, _ = made(survey_nonresponse=0.5, survey_minimum=0.3, second=2)
    contacts = tables["survey_contacts"]
    groups = ["portroute", "arrivedepart"]
    silent = tables["survey_nonresponse"].groupby(groups).migtotal.sum()
    answered = contacts.groupby(groups).size()
    base = 1 + silent / answered
    fulls, lasts = ((contacts.response == kind).sum() for kind in (1, 3))
    factor = contacts.set_index(groups).index.map(base).to_numpy()
    slots = np.where(contacts.response == 4, 1, 2)  # one in two has the full interview
    migrant = (contacts.stay_stated == "12_months_or_more").to_numpy()
    weight = factor * np.where(migrant, 1, slots)
    weight = weight * np.where(contacts.response == 1, (fulls + lasts) / fulls, 1)
    weight = np.where(contacts.response == 3, 0, weight)
    traffic = tables["survey_traffic"].passengers.sum()
    assert weight.sum() / traffic == pytest.approx(1, abs=0.02)
    assert base.mean() == pytest.approx(2, abs=0.05)


def test_a_sample_of_shifts_and_every_kth_passenger():
    tables, _ = made(shifts=0.4, interval=3, second=2)
    shifts = tables["survey_shifts"]
    assert shifts.sampled.sum() / shifts.possible.sum() == pytest.approx(0.4, abs=0.02)
    assert ((shifts.sampled >= 1) & (shifts.sampled <= shifts.possible)).all()
    contacts, traffic = tables["survey_contacts"], tables["survey_traffic"].passengers.sum()
    full = contacts[contacts.response == 1]
    expected = traffic * shifts.sampled.sum() / shifts.possible.sum() / 6
    # shifts hold a few passengers each: the number of a sample varies by their spread
    assert len(full) == pytest.approx(expected, rel=0.05)
    assert (contacts[contacts.response == 4].stay_stated == "12_months_or_more").all()
    assert set(contacts.tandtsi) == {6}


@pytest.mark.parametrize(
    ("name", "stated"),
    [("survey_migrants_lost", "12_months_or_more"),
     ("survey_visitors_gained", "3_to_12_months")],
)  # fmt: skip
def test_answers_that_go_astray(perfect, name, stated):
    before = (perfect[0]["survey_contacts"].stay_stated == stated).sum()
    tables, _ = made(**{name: 0.3})
    lost = before - (tables["survey_contacts"].stay_stated == stated).sum()
    assert near(lost / before, 0.3, before)


def test_nights_are_recalled_with_an_error(perfect):
    true = perfect[0]["survey_contacts"]
    told = made(survey_night_recall=0.2)[0]["survey_contacts"]
    both = true.merge(told, on="serial", suffixes=("", "_told"))
    long = both[both.nights >= 30]
    error = np.log(long.nights_told / long.nights)
    # standard error of a standard deviation: σ/√(2n)
    assert abs(error.std() - 0.2) < 4 * 0.2 / np.sqrt(2 * len(long))
    assert abs(error.mean()) < 4 * 0.2 / np.sqrt(len(long))


def test_coverage_at_random_and_by_carrier(perfect):
    whole = perfect[0]["border_movements"]
    land = (whole.route == 990).sum()
    rows = made(border_coverage=0.6, border_by_carrier=0.0)[0]["border_movements"]
    assert (rows.route == 990).sum() == land, "the land border has its own parameter"
    others = len(whole) - land
    assert near((rows.route != 990).sum() / others, 0.6, others)
    tables, _ = made(border_coverage=0.6, border_by_carrier=1.0)
    rows = tables["border_movements"]
    share = (rows.groupby("carrier").size() / whole.groupby("carrier").size()).fillna(0)
    share = share[share.index != 9900]
    part = share[(share > 0) & (share < 1) & (share.index // 10 != 990)]
    assert len(part) <= 1, "all carriers are connected or are not, but for the one whose turn it is"
    # carriers' real shares are not quite those they are ordered by
    assert (rows.route != 990).sum() / others == pytest.approx(0.6, abs=0.03)
    # and of that one the same people are held all the time
    everybody = whole.merge(perfect[0]["truth_identities"], on="record")
    held = rows.merge(tables["truth_identities"], on="record")
    for carrier in part.index:
        people = set(held[held.carrier == carrier].person)
        all_of = everybody[everybody.carrier == carrier]
        assert (all_of.person.isin(people)).sum() == (held.carrier == carrier).sum()


def test_coverage_grows_by_its_dates():
    chosen = settings("small")
    values = chosen.parameters["border_coverage"].values
    assert [value for _, value in values] == sorted(value for _, value in values)
    assert {day.isoformat(): value for day, value in values}["2010-12-01"] == 0.95


@pytest.mark.parametrize("name", ["border_land", "border_outbound"])
def test_crossings_that_are_not_recorded(perfect, name):
    whole = perfect[0]["border_movements"]
    rows = made(**{name: 0.5})[0]["border_movements"]
    part = (whole.route == 990) if name == "border_land" else (
        (whole.direction == "departure") & (whole.route != 990)
    )  # fmt: skip
    lost = len(whole) - len(rows)
    assert near(lost / part.sum(), 0.5, part.sum())


def test_names_are_mistyped_swapped_and_changed(perfect):
    whole = perfect[0]["border_movements"].merge(perfect[0]["truth_identities"], on="record")
    for name, expected in (("border_mistyped", 0.05), ("border_swapped", 0.05)):
        rows = made(**{name: expected})[0]["border_movements"]
        assert len(rows) == len(whole)
        wrong = (rows.surname.to_numpy() != whole.surname.to_numpy()) | (
            rows.given_name.to_numpy() != whole.given_name.to_numpy()
        )
        # a name can be mistyped into itself (a doubled letter swapped): under one in a hundred
        assert near(wrong.mean(), expected, len(rows)) or wrong.mean() == pytest.approx(
            expected, rel=0.03
        )
        swapped = rows.surname.to_numpy() == whole.given_name.to_numpy()
        assert (swapped[wrong].mean() > 0.99) == (name == "border_swapped")
    tables, _ = made(name_changes=0.1)
    rows = tables["border_movements"].merge(tables["truth_identities"], on="record")
    rows = rows.merge(tables["truth_people"], on="person", suffixes=("", "_true"))
    changes = rows.groupby("person").agg(names=("surname", "nunique"), sex=("sex", "first"))
    assert changes[changes.sex == "M"].names.max() == 1
    assert changes[changes.sex == "F"].names.max() == 2


def test_dates_and_documents(perfect):
    whole = perfect[0]["border_movements"]
    rows = made(border_birth_date=0.04)[0]["border_movements"]
    wrong = rows.birth_date.to_numpy() != whole.birth_date.to_numpy()
    assert near(wrong.mean(), 0.04, len(rows))
    rows = made(border_no_document=0.1)[0]["border_movements"]
    assert near(rows.document.isna().mean(), 0.1, len(rows))
    tables, _ = made(border_renewed=0.25)
    rows = tables["border_movements"].merge(tables["truth_identities"], on="record")
    first, last = (rows.groupby("person").crossed_at.agg(which) for which in ("min", "max"))
    years = (last - first).dt.days / 365.25
    often = years > 2
    renewals = rows.groupby("person").document.nunique()[often] - 1
    # every document lasts four years, its age at the beginning is uniform
    rate, count = renewals.sum() / years[often].sum(), years[often].sum()
    assert abs(rate - 0.25) < 4 * np.sqrt(0.25 / count) + 0.01


def test_no_document_or_name_is_shared_by_accident(perfect):
    rows = perfect[0]["border_movements"].merge(perfect[0]["truth_identities"], on="record")
    assert rows.groupby("document").person.nunique().max() == 1
