"""The real official files by sex and age: the totals and identities that they are known by."""

import numpy as np
import pytest

from ravenstein.store.readers.age_sex import read_census_2021, read_long, read_nomis
from ravenstein.store.readers.census_2011 import read_census_2011
from ravenstein.store.readers.code_changes import KINDS, read_code_changes
from ravenstein.store.readers.myeb3 import read_myeb3
from ravenstein.store.readers.national_projection import read_national_projection
from ravenstein.store.readers.origin_destination import read_origin_destination

ENGLAND_AND_WALES_2011 = 56_075_912
ENGLAND_AND_WALES_2021 = 59_597_529
MYEB3 = "MYEB3_summary_components_of_change_series_UK_({}).csv"


def read(reader, shared, name, **options):
    path = shared / "data" / name
    return reader(path, path.name, **options)


def total(file, table, area, year, column):
    """Return one figure of a summary file."""
    (figure,) = [
        row[column]
        for row in getattr(file, table).to_pylist()
        if (row["area"], row["year"]) == (area, year)
        and row.get("component", "other_change") == "other_change"
    ]
    return figure


@pytest.mark.parametrize(("year", "edition"), [(2011, "0213"), (2018, "2018_geog19")])
def test_totals_of_nomis_equal_the_estimates(shared, year, edition):
    nomis = read(read_nomis, shared, f"population/nomis_mid{year}_local_authority_sex_age.tsv")
    estimates = {
        row["area"]: row["population"]
        for row in read(read_myeb3, shared, f"population/{MYEB3.format(edition)}")
        .estimates.to_pylist()
        if row["year"] == year
    }  # fmt: skip
    totals = dict(zip(nomis.areas, nomis.values.sum(axis=(1, 2)).tolist(), strict=True))
    both = totals.keys() & estimates.keys()
    assert len(both) > 340
    assert {area: totals[area] for area in both} == {area: estimates[area] for area in both}


def test_censuses_have_their_published_totals(shared):
    earlier = read(read_census_2011, shared, "census/ONSvisual_datadownload2011.xlsx")
    later = read(read_census_2021, shared, "census/TS009_2021.csv")
    assert earlier.values.sum() == earlier.larger["K04000001"] == ENGLAND_AND_WALES_2011
    assert later.values.sum() == ENGLAND_AND_WALES_2021
    assert set(earlier.areas) == set(later.areas)
    assert earlier.values.shape == (331, 2, 19)
    assert earlier.starts[-1] == 90
    # more boys are born, more women live long: the labels of sex were not mixed up
    for newborn, old in ((earlier.values[..., 0], earlier.values[..., -1]),
                         (later.values[..., 0], later.values[..., -1])):  # fmt: skip
        assert 1.04 < newborn[:, 0].sum() / newborn[:, 1].sum() < 1.06
        assert old[:, 0].sum() < old[:, 1].sum()


def test_components_of_bristol_add_up(shared):
    folder = "population/bristol_2001_2014/bristol_hist"
    names = ("popn_est", "births_mye", "deaths_mye", "domestic_inmigrants",
             "domestic_outmigrants", "international_inmigrants",
             "international_outmigrants")  # fmt: skip
    files = {name: read(read_long, shared, f"{folder}_{name}.csv") for name in names}
    assert {name: file.repeated for name, file in files.items() if file.repeated} == {
        "domestic_inmigrants": 2366, "domestic_outmigrants": 2366,
    }  # fmt: skip
    assert files["births_mye"].values.shape == (13, 1, 2, 1)
    assert files["popn_est"].values.shape == (14, 1, 2, 91)
    stock, *flows = (file.values.sum(axis=(1, 2, 3)) for file in files.values())
    births, deaths, moved_in, moved_out, arrived, left = flows
    residual = np.diff(stock) - (births - deaths + moved_in - moved_out + arrived - left)
    summary = read(read_myeb3, shared, f"population/{MYEB3.format('0213')}")
    published = [
        total(summary, "components", "E06000023", year, "persons") for year in range(2002, 2014)
    ]
    assert residual[:12].tolist() == published


def test_births_by_age_of_mother_are_of_one_sex(shared):
    name = "population/bristol_2001_2014/bristol_ons_proj_births_age_mother.csv"
    file = read(read_long, shared, name)
    assert (file.sexes, file.ages) == (("F",), tuple(range(15, 45)))
    assert file.values.sum() == pytest.approx(6587.896, abs=5e-4)  # three decimals


def test_movers_are_residents_aged_one_and_over(shared):
    file = read(read_origin_destination, shared, "census/ODMG01EW_LTLA.csv.gz")
    stock = read(read_census_2021, shared, "census/TS009_2021.csv")
    assert file.counts.shape == (374, 331)
    assert set(file.destinations) == set(stock.areas)
    assert file.special == ("Does not apply", "Person with migrant origin outside the UK")
    assert file.special_counts.sum(axis=1).tolist() == [52_496_511, 545_090]
    assert file.labels["S12000033"] == "Aberdeen City"
    aged_one = stock.values[..., 1:].sum()
    # cells are perturbed against disclosure, each table for itself: 164 persons in 59 million
    assert abs(int(file.counts.sum() + file.special_counts.sum()) - int(aged_one)) < 200


@pytest.mark.parametrize(
    ("country", "name", "start"), [("EN", "England", 57_112_542), ("WA", "Wales", 3_132_676)]
)
def test_projections_keep_their_own_account(shared, country, name, start):
    file = read(read_national_projection, shared, f"projections/ONS_NPP_2022_{country}.xlsx")
    assert (file.coverage, file.base_year) == (name, 2022)
    assert file.years == tuple(range(2022, 2123))
    assert file.population.shape == (2, 107, 101)
    assert file.deaths.shape == (2, 107, 100)
    assert file.mortality.shape == (2, 127, 100)
    assert file.births.shape == file.fertility.shape == (32, 100)
    assert file.population[..., 0].sum() == start
    for flows in file.migration.values():
        assert flows["net"].shape == (2, 106, 100)
        assert np.allclose(flows["in"] - flows["out"], flows["net"], rtol=0, atol=1e-9)
    # as a whole; each figure is rounded by itself, some 460 a year: at most 12 off in 100 years
    net = file.migration["total"]["net"]
    change = file.births.sum(axis=0) - file.deaths.sum(axis=(0, 1)) + net.sum(axis=(0, 1))
    assert np.abs(np.diff(file.population.sum(axis=(0, 1))) - change).max() <= 12 + 1e-6
    # by cohort: deaths by age at the mid-year before, migrants half before their birthday; the
    # stock is rounded
    older = (
        file.population[:, :103, :-1] - file.deaths[:, 1:104] + (net[:, :103] + net[:, 1:104]) / 2
    )
    assert np.abs(file.population[:, 1:104, 1:] - older).max() <= 0.5 + 1e-6
    # newborns: 105 boys to 100 girls; births, deaths and the stock are rounded (README: within 4)
    born = np.array([[105], [100]]) / 205 * file.births.sum(axis=0)
    newborn = born - file.deaths[:, 0] + net[:, 0] / 2
    assert np.abs(file.population[:, 0, 1:] - newborn).max() <= 4
    # fertility is of the mean of both stocks of women; births are rounded
    women = (file.population[1, 15:47, 1:] + file.population[1, 15:47, :-1]) / 2
    assert np.abs(file.births - file.fertility / 1000 * women).max() <= 0.5 + 1e-6
    assert set(file.cross_border_rates) >= {"En_Wa", "Wa_En"}


def test_changes_of_codes(shared):
    rows = read(read_code_changes, shared, "geography/code_changes.csv").to_pylist()
    assert len(rows) == 79
    assert {row["kind"] for row in rows} == set(KINDS)
    assert {row["old"] for row in rows if row["new"] == "E06000060"} == {
        "E07000004", "E07000005", "E07000006", "E07000007",
    }  # fmt: skip
