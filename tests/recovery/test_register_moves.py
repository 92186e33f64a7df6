"""Moves between areas from the twin's patient register: a perfect one gives the truth's, one with
lags gives fewer, and term-time addresses bring the students' back."""

import datetime as dt

import pandas as pd
import pytest
from tests.twin_worlds import made

from ravenstein.pipelines.register_moves import moves_of_files
from ravenstein.twin.settings import settings

PEOPLE, YEAR = 40_000, 2011


def found(tmp_path, tables, *, students=False):
    """Return the moves of a year as they are matched, and the numbers that were told."""
    files = {}
    for kind in ("register_snapshot", "student_addresses"):
        for year in (YEAR - 1, YEAR):
            files[kind, year] = tmp_path / f"{kind}-{year}.parquet"
            tables[f"{kind}/{year}"].to_parquet(files[kind, year])
    before, after = (files["register_snapshot", year] for year in (YEAR - 1, YEAR))
    terms = tuple(files["student_addresses", year] for year in (YEAR - 1, YEAR))
    told = moves_of_files(
        before, after, tmp_path / "moves.csv", YEAR, students=terms if students else None
    )
    return pd.read_csv(tmp_path / "moves.csv"), told


def true_moves(tables):
    """Return who lives in another area at mid-year than a year before, by area and age."""
    residence, people = tables["truth_residence"], tables["truth_people"].set_index("person")
    until = residence.until.fillna(dt.date.max)
    at = {}
    for year in (YEAR - 1, YEAR):
        when = dt.date(year, 7, 1)
        lives = residence[(residence.since < when) & (until >= when)]
        at[year] = lives.set_index("person").area
    both = pd.DataFrame({"origin": at[YEAR - 1], "destination": at[YEAR]}).dropna()
    both = both[both.origin != both.destination]
    birth, last = people.birth_date.loc[both.index], dt.date(YEAR, 6, 30)
    ages = [last.year - b.year - ((last.month, last.day) < (b.month, b.day)) for b in birth]
    return both.assign(sex=people.sex.loc[both.index], age=[min(age, 90) for age in ages])


@pytest.fixture(scope="module")
def perfect():
    return made(people=PEOPLE, views=("registers",))[0]


def test_a_perfect_register_gives_the_moves_of_the_truth(tmp_path, perfect):
    moves, _ = found(tmp_path, perfect)
    truth = true_moves(perfect)
    columns = ["origin", "destination", "sex", "age"]
    expected = truth.groupby(columns).size()
    assert moves.set_index(columns).persons.to_dict() == expected.to_dict()
    assert len(truth) > 1000


def test_late_registration_hides_moves_of_the_young_and_students_bring_them_back(tmp_path, perfect):
    """Moves of those of 17 to 20, most of them to study; the band is four standard errors of a
    Poisson count."""
    lag = {name: settings("small").at(name, 15000) for name in ("patient_move_lag",)}
    tables, _ = made(people=PEOPLE, views=("registers",), **lag)
    truth = true_moves(perfect)
    young = ((truth.age >= 18) & (truth.age < 21)).sum()
    error = 4 * young**0.5

    def of_young(moves):
        return moves[(moves.age >= 18) & (moves.age < 21)].persons.sum()

    late, _ = found(tmp_path, tables)
    mended, told = found(tmp_path, tables, students=True)
    assert of_young(late) < young - error
    assert of_young(mended) > of_young(late) + error / 2
    assert told["students on no list"] == 0
