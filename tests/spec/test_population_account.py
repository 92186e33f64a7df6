"""The account's rule, from the table that the docs show."""

import tomllib
from pathlib import Path

import pytest
from tests.myeb3_files import Myeb3File, inputs, rounding

from ravenstein.population.account import balance
from ravenstein.store.database import memory_store

SPEC = tomllib.loads(
    Path(__file__).with_suffix(".toml").with_stem("population_account").read_text()
)


@pytest.mark.parametrize("case", SPEC["case"], ids=lambda case: case["name"])
def test_case(tmp_path, case):
    given = dict(zip(SPEC["columns"], map(str, case["given"]), strict=True))
    area = given.pop("area")
    file = Myeb3File(tmp_path / "a.csv")
    file.years, file.areas = (2001, 2002), [(area, "Area", area[0])]
    file.set(area, "population_2001", given.pop("opening"))
    file.set(area, "population_2002", given.pop("closing"))
    for name, text in given.items():
        file.set(area, f"{name}_2002", text)
    file.write()
    with memory_store() as store:
        frames = (store.from_rows(rows) for rows in inputs(file.read()))
        rows = store.collect(balance(*frames, rounding())).to_pylist()
    (found,) = [row for row in rows if row["area"] == area]
    residual, status = case["expect"]
    assert found["status"] == status
    assert found["residual"] == (None if residual == "" else residual)
