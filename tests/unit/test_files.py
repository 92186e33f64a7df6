import datetime as dt
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ravenstein.core.errors import SourceError, StoreError, TableError
from ravenstein.store.database import memory_store
from ravenstein.store.files import matching_lines, refuse_others, write_csv, write_parquet
from ravenstein.store.rows import Shape, read_rows
from ravenstein.tables.dictionary import declared
from ravenstein.tables.geography import AREAS
from ravenstein.tables.population import POPULATION_CHECKS

ROWS = pa.table(
    {
        "edition": ["e", "e"],
        "area": ["E06000001", "K02000001"],
        "name": ['Bristol, "City" of', "United Kingdom"],
        "level": ["local_authority", "state"],
        "nation": ["E92000001", None],
        "state": ["K02000001", "K02000001"],
    }
)


@pytest.mark.parametrize(("write", "ending"), [(write_csv, "csv"), (write_parquet, "parquet")])
def test_a_declared_table_goes_out_and_comes_in_again(tmp_path, write, ending):
    path = tmp_path / f"areas.{ending}"
    write(ROWS, path)
    with memory_store() as store:
        assert store.collect(store.read_file(AREAS, path)).equals(ROWS)


def test_rows_of_a_file_are_checked(tmp_path):
    path = tmp_path / "areas.csv"
    write_csv(ROWS.slice(0, 1), path)
    path.write_text(path.read_text().replace("E92000001", "E99999999"))
    with memory_store() as store, pytest.raises(TableError, match="breaks its declaration"):
        store.read_file(AREAS, path)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("e,E92000001,account,1,2,0,many", "checks.csv, line 2"),
        ("e,E92000001,account,1,2,0", "checks.csv, line 2"),
    ],
)
def test_a_value_of_another_type_is_placed_but_not_shown(tmp_path, text, where):
    path = tmp_path / "checks.csv"
    path.write_text(",".join(POPULATION_CHECKS.names) + "\n" + text + "\n")
    with memory_store() as store, pytest.raises(SourceError) as caught:
        store.read_file(POPULATION_CHECKS, path)
    assert caught.value.where == where
    assert "many" not in str(caught.value)


def test_another_table_and_no_table(tmp_path):
    write_parquet(ROWS, tmp_path / "areas.parquet")
    with memory_store() as store:
        with pytest.raises(SourceError, match="does not hold rows"):
            store.read_file(POPULATION_CHECKS, tmp_path / "areas.parquet")
        with pytest.raises(SourceError) as caught:
            store.read_file(POPULATION_CHECKS, tmp_path / "none.csv")
    assert caught.value.found == "nothing of that name"
    assert pq.read_table(tmp_path / "areas.parquet").equals(ROWS)


def test_lines_of_a_csv_are_found_by_value(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('Title\n\ncode,name\nA,"x\ny"\nB,z\nA,w\n')
    assert matching_lines(path, "code", {"A"}) == [5, 7], "a row ends on the line named"


def test_a_file_of_another_shape(tmp_path):
    path = tmp_path / "shifts.csv"
    path.write_text("ID,ROUTE,GROUP,N\n1,341.0,x,20\n2,342.0,,7\n")
    names = {"record": "ID", "portroute": "ROUTE", "shift_group": "GROUP", "possible": "N"}
    rest = {"month": dt.date(2017, 12, 1), "arrivedepart": 1, "weekday": 2, "am_pm_night": 3}
    table = declared("survey_shifts")
    shape = Shape(names, rest | {"sampled": ""}, {"shift_group": {"x": "A", "": "none"}})
    found = read_rows(path, "shifts.csv", table, shape).to_pylist()
    assert [row["portroute"] for row in found] == [341, 342], "2.0 is a whole number"
    assert [row["shift_group"] for row in found] == ["A", "none"]
    assert [row["sampled"] for row in found] == [None, None]
    assert found[0]["month"] == dt.date(2017, 12, 1)
    for wrong, problem, what in (
        (Shape(names, rest | {"sampled": "x"}), "constant is not", "str"),
        (Shape(names | {"groop": "GROUP"}, rest), "no such column", "groop"),
        (Shape(names, rest), "does not hold rows", "no column sampled"),
        (Shape(names | {"possible": "M"}, rest), "does not hold rows", "no column M, sampled"),
        (
            Shape(
                {"record": "ID", "portroute": "ROUTE", "possible": "GROUP"},
                rest | {"sampled": "", "shift_group": "x"},
            ),
            "does not hold rows",
            "in column GROUP a value that is no double",
        ),
        (Shape(names, rest | {"possible": 1}), "given twice", "possible under both"),
    ):
        with pytest.raises(SourceError, match=problem) as caught:
            read_rows(path, "shifts.csv", table, wrong)
        assert caught.value.found == what


def test_what_is_no_folder_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match="cannot be replaced") as error:
        refuse_others(pipe, (), "earlier results", mark="report.json")
    assert error.value.found == "a file, pipe or device"
    with pytest.raises(StoreError, match="is no file"):
        write_csv(ROWS, pipe)
    assert pipe.is_fifo()


def test_only_earlier_results_are_replaced(tmp_path):
    own, folder = ("population.csv", "report.json"), tmp_path / "mine"
    folder.mkdir()
    (folder / "population.csv").write_text("mine")
    with pytest.raises(StoreError, match="cannot be replaced"):
        refuse_others(folder, own, "earlier results", mark="report.json")
    (folder / "report.json").write_text("{}")
    refuse_others(folder, own, "earlier results", mark="report.json")
    with pytest.raises(StoreError) as error:
        refuse_others(folder, own, "earlier results", mark="report.json",
                      inputs=[folder / "population.csv"])  # fmt: skip
    assert error.value.found == "population.csv"
