import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

from ravenstein.core.errors import TableError
from ravenstein.core.schema import CodeList, Column, ColumnType, Table, broken_rules, check_query
from ravenstein.store.checks import checked
from ravenstein.store.database import memory_store
from ravenstein.tables.dictionary import TABLES

SEX = CodeList("sex", {"F": "Female", "M": "Male"}, source="SDMX CL_SEX")
TABLE = Table(
    "people",
    "People",
    grain=("area", "sex"),
    columns=(
        Column("area", ColumnType.STRING, "Area", pattern=r"[A-Z]\d"),
        Column("sex", ColumnType.STRING, "Sex", codes=SEX),
        Column("persons", ColumnType.INTEGER, "Persons", unit="persons", minimum=0, maximum=99),
        Column("rate", ColumnType.NUMBER, "Rate", unit="per 1,000", nullable=True),
    ),
    source="test",
)
GOOD = {"area": ["A1", "A1", "B1"], "sex": ["F", "M", "F"], "persons": [0, 5, 99],
        "rate": [1.5, None, 0.0]}  # fmt: skip


def lazy(engine: str, **changes):
    data = GOOD | changes
    if engine == "polars":
        return nw.from_native(pl.LazyFrame(data, schema_overrides={"rate": pl.Float64}))
    schema = pa.schema(
        [
            ("area", pa.string()),
            ("sex", pa.string()),
            ("persons", pa.int64()),
            ("rate", pa.float64()),
        ]
    )
    return pa.table(data, schema=schema)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize(
    ("changes", "column", "expected", "rows"),
    [
        ({}, None, None, 0),
        ({"area": ["A1", None, "B1"]}, "area", "a value in every row", 1),
        ({"area": ["A1", "A1", "bad"]}, "area", r"text of the form [A-Z]\d", 1),
        ({"area": ["A1", "A1", "B12"]}, "area", r"text of the form [A-Z]\d", 1),
        ({"sex": ["F", "X", "Y"]}, "sex", "codes of the list sex", 2),
        ({"persons": [0, -1, 99]}, "persons", "values of at least 0", 1),
        ({"persons": [0, 1, 100]}, "persons", "values of at most 99", 1),
        ({"sex": ["F", "F", "F"]}, "area", "one row for each (area, sex)", 2),
        ({"rate": [float("nan"), None, float("inf")]}, "rate", "numbers that are finite", 2),
    ],
)
def test_each_rule_counts_the_rows_that_break_it(engine, changes, column, expected, rows):
    with memory_store() as store:
        frame = lazy(engine, **changes)
        frame = frame if engine == "polars" else store.from_rows(frame)
        counts = check_query(TABLE, frame).collect().rows(named=True)
        assert len(counts) == 1, "one aggregate query"
        total, broken = broken_rules(TABLE, counts[0])
    assert total == 3
    found = [(rule.column, rule.expected, count) for rule, count in broken]
    assert found == ([] if column is None else [(column, expected, rows)])


def test_a_broken_table_says_what_where_and_what_to_do():
    with memory_store() as store, pytest.raises(TableError) as caught:
        checked(TABLE, store.from_rows(lazy("duckdb", persons=[0, -1, 99])))
    error = caught.value
    assert "1 of 3 rows" in error.problem
    assert error.expected == "in persons: values of at least 0"
    assert error.found == "(area=A1, sex=M, persons=-1)"
    assert error.where == "table people, column persons"
    assert "nothing was stored" in error.fix


def test_values_of_tables_with_identifiers_are_never_shown():
    secret = Table(
        "secret", "Persons", ("person",),
        (Column("person", ColumnType.STRING, "Person", identifying=True, pattern="[a-f0-9]+"),),
        source="test",
    )  # fmt: skip
    with memory_store() as store, pytest.raises(TableError) as caught:
        checked(secret, store.from_rows(pa.table({"person": ["SMITH 1970"]})))
    assert "SMITH" not in str(caught.value)
    assert "1 of 1 rows" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop("rate"), "missing: rate"),
        (lambda t: t.append_column("more", pa.array([1, 2, 3])), "surplus: more"),
        (lambda t: t.set_column(2, "persons", pa.array([1.0, 2.0, 3.0])), "persons is Float64"),
    ],
)
def test_columns_and_types_are_checked_without_a_query(change, message):
    with memory_store() as store, pytest.raises(TableError) as caught:
        checked(TABLE, store.from_rows(change(lazy("duckdb"))))
    assert message in caught.value.found


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Column("age", ColumnType.INTEGER, "Age", unit="years"), "age_definition"),
        (lambda: Column("persons", ColumnType.INTEGER, "Persons"), "unit"),
        (lambda: Table("t", "T", ("b",), (Column("a", ColumnType.STRING, "A"),), "s"), "['b']"),
        (lambda: CodeList("c", {"a": "A"}, source="s", parents={"a": "b"}), "b"),
    ],
)
def test_a_declaration_that_says_too_little_is_refused(declare, message):
    with pytest.raises(TableError) as caught:
        declare()
    assert message in caught.value.expected + caught.value.found


def test_an_unknown_column_names_the_nearest():
    with pytest.raises(TableError) as caught:
        TABLE.column("person")
    assert caught.value.fix == "Use 'persons'."


def test_every_declared_table_has_titles_units_and_source():
    for table in TABLES.values():
        assert table.source, table.name
        assert all(column.title for column in table.columns), table.name
