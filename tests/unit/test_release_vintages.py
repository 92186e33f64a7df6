"""Two releases compared by hand: tables, cells, reasons, words; and errors of the question."""

import json
from dataclasses import replace

import narwhals as nw
import pyarrow as pa
import pytest
from jinja2 import ChoiceLoader, DictLoader, Environment, PackageLoader, StrictUndefined

from ravenstein.core.errors import RavensteinError, StoreError, StudyError
from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.pipelines.release_diff import compare_releases, difference
from ravenstein.pipelines.release_vintages import (
    FACTS,
    headline_vintages,
    keep_vintages,
    read_vintage,
    vintages,
)
from ravenstein.release import words
from ravenstein.release.tables import PublishedTable
from ravenstein.release.vintages import change_words, changes_view
from ravenstein.store.checks import checked
from ravenstein.store.files import file_hash, write_csv, write_parquet
from ravenstein.tables.release import RELEASE_CHANGES


def declared(name, grain, **columns):
    kinds = {int: ColumnType.INTEGER, float: ColumnType.NUMBER, str: ColumnType.STRING}
    made = [Column(n, kinds[kind], n, unit="persons", nullable=True) for n, kind in columns.items()]
    return Table(name, f"Table of {name}", grain, tuple(made), source="test")


STOCKS = declared(
    "stocks", ("edition", "area", "year"), edition=str, area=str, year=int, people=int
)
FLOWS = declared("migration_flows", ("nation", "year", "flow", "by", "category", "component"),
                 nation=str, year=int, flow=str, by=str, category=str, component=str,
                 persons=float)  # fmt: skip


def flow(year, persons, name="net", nation="all"):
    return {"nation": nation, "year": year, "flow": name, "by": "all", "category": "all",
            "component": "total", "persons": persons}  # fmt: skip


def stock(area, people, year=2001, edition="2001-2001_geog2001"):
    return {"edition": edition, "area": area, "year": year, "people": people}


def release(folder, old, tables, *, behind=None, **facts):
    """Write a release of tables (declaration and rows) in the place of another."""
    said = {}
    for table, rows in tables:
        given = pa.Table.from_pylist(rows)
        part = PublishedTable(table.name, table.title, table, given, "x", False).arrow()
        for write, ending in ((write_csv, "csv"), (write_parquet, "parquet")):
            write(part, folder / f"downloads/{table.name}.{ending}")
        said[table.name] = {
            "title": table.title,
            "rows": len(rows),
            "data": file_hash(folder / f"downloads/{table.name}.csv"),
            "file": file_hash(folder / f"downloads/{table.name}.parquet"),
            "grain": list(table.grain),
            "columns": {c.name: [c.type.value, c.unit] for c in table.columns},
            "behind": behind or {"file": {"data/a.csv": ["01"]}, "code": {"ravenstein": ["1"]}},
        }
    made = {"title": "A study", "producer": "O", "simulated": False, "date": None, "run": 1,
            "code": "1", "engine": "e", "study": {"study.seed": "1"}, "tables": said}  # fmt: skip
    return keep_vintages(folder, old, made | facts)


@pytest.fixture
def two(tmp_path):
    """Two releases: one stock revised, one added, one removed; a table gone, another new."""
    first, later = tmp_path / "first", tmp_path / "later"
    gone, new = declared("gone", ("area",), area=str), declared("new", ("area",), area=str)
    release(first, tmp_path / "none", [
        (STOCKS, [stock("A", 10), stock("B", 20), stock("C", None)]),
        (FLOWS, [flow(2001, 100.0), flow(2002, 50.0)]),
        (gone, [{"area": "A"}]),
    ])  # fmt: skip
    behind = {"file": {"data/a.csv": ["02"], "data/b.csv": ["03"]}, "code": {"ravenstein": ["1"]}}
    release(later, first, [
        (STOCKS, [stock("A", 12), stock("C", None), stock("D", 5)]),
        (FLOWS, [flow(2001, 100.0), flow(2002, 62.5), flow(2003, 7.0)]),
        (new, [{"area": "A"}]),
    ], behind=behind, run=2, study={"study.seed": "2"})  # fmt: skip
    return later


def compared(folder):
    return difference(read_vintage(folder / "vintages/1"), read_vintage(folder))


def test_every_changed_cell_and_why(two):
    found = compared(two)
    why = "file a.csv, file b.csv (new), setting study.seed"
    rows = [tuple(row.values()) for row in found.rows.to_pylist()]
    of = "nation=all, year={}, flow=net, by=all, category=all, component=total"
    assert rows == [
        ("migration_flows", of.format(2002), "persons", "changed", "50", "62.5", 12.5, why),
        ("migration_flows", of.format(2003), "persons", "added", None, "7", None, why),
        ("stocks", "area=A, year=2001", "people", "changed", "10", "12", 2.0, why),
        ("stocks", "area=B, year=2001", "people", "removed", "20", None, None, why),
        ("stocks", "area=D, year=2001", "people", "added", None, "5", None, why),
    ]
    assert checked(RELEASE_CHANGES, nw.from_native(found.rows).lazy()) == 5
    assert {t.name: t.state for t in found.tables} == {
        "gone": "gone", "migration_flows": "changed", "new": "new", "stocks": "changed",
    }  # fmt: skip
    assert found.tables[-1].counts == {"added": 1, "removed": 1, "changed": 1, "same": 1}
    assert change_words(found) == (
        "Since release 1, 2 figures have changed, 2 figures were added and 1 figure was removed, "
        "in 2 of 4 tables; 1 table is new; 1 table is no longer published."
    )


def test_another_edition_is_a_revision_of_the_same_area_and_year(tmp_path):
    new = "2001-2002_geog2002"
    release(tmp_path / "a", tmp_path / "none", [(STOCKS, [stock("A", 10)])])
    rows = [stock("A", 11, edition=new), stock("A", 12, 2002, new)]
    release(tmp_path / "b", tmp_path / "a", [(STOCKS, rows)])
    (table,) = compared(tmp_path / "b").tables
    assert table.counts == {"added": 1, "removed": 0, "changed": 1, "same": 0}
    assert table.why == f"edition {new}"


def test_other_columns_are_said_and_the_common_ones_compared(tmp_path):
    wider = declared("stocks", STOCKS.grain, edition=str, area=str, year=int, people=float,
                     error=float)  # fmt: skip
    rows = [stock("A", 10.0) | {"error": 1.5}]
    release(tmp_path / "a", tmp_path / "none", [(STOCKS, [stock("A", 10)])])
    kept = release(tmp_path / "b", tmp_path / "a", [(wider, rows)])
    found = compared(tmp_path / "b")
    assert (kept.number, found.tables[0].columns, found.rows.num_rows) == (2, ("+error",), 0)
    assert change_words(found) == "Since release 1, no figure has changed."
    finer = declared("stocks", ("area",), area=str)
    release(tmp_path / "c", tmp_path / "b", [(finer, [{"area": "A"}])])
    found = difference(read_vintage(tmp_path / "a"), read_vintage(tmp_path / "c"))
    assert found.tables[0].state == "other_form"
    unsure = "Since release 1, no figure is known to have changed; 1 table could not be compared."
    assert change_words(found) == unsure


def test_an_earlier_value_that_may_be_withheld_now_is_not_repeated(tmp_path):
    groups = [flow(2001, 9.0) | {"by": "sex", "category": c} for c in ("F", "M", "X")]
    first = [flow(2001, 27.0), flow(2002, 3.0), *groups]
    later = [flow(2001, 27.0), groups[1] | {"persons": 8.0}, groups[2] | {"persons": None}]
    release(tmp_path / "a", tmp_path / "none", [(FLOWS, first)])
    release(tmp_path / "b", tmp_path / "a", [(FLOWS, later)])
    found = compared(tmp_path / "b")
    rows = {r["cell"].partition("by=")[2].split(",")[1]: r for r in found.rows.to_pylist()}
    told = {cell[-1]: (r["change"], r["before"], r["after"]) for cell, r in rows.items()}
    assert told == {
        "l": ("removed", "3", None), "F": ("removed", None, None), "M": ("changed", "9", "8"),
        "X": ("changed", None, None),
    }  # fmt: skip
    hidden = {cell[-1] for cell, r in rows.items() if r["why"].startswith("withheld now, or no")}
    assert hidden == {"F", "X"}
    assert found.of("changed")[0].counts["removed"] == 2


def test_a_foreign_number_is_damage_and_is_not_counted_up_to(two):
    said = two / FACTS
    content = json.loads(said.read_text())
    for number in (30_000_000, 1_000_000, 0, -1, True, "two", 2.5):
        said.write_text(json.dumps(content | {"vintage": number}))
        with pytest.raises(StoreError, match="damaged"):
            vintages(two)
    said.write_text(json.dumps(content | {"earlier": [{"vintage": 5}]}))
    with pytest.raises(StoreError, match="damaged"):
        vintages(two)
    said.write_text(json.dumps(content | {"vintage": 999_999}))
    assert [row["vintage"] for row in vintages(two)] == [1, 999_999]


def test_figures_alone_make_a_vintage(two, tmp_path):
    tables = [(STOCKS, [stock("A", 1)])]
    release(tmp_path / "a", tmp_path / "none", tables)
    kept = release(tmp_path / "b", tmp_path / "a", tables, run=5)
    assert (kept.number, kept.anew) == (1, True)
    assert read_vintage(tmp_path / "b").facts["run"] == 1, "nothing else changed either"
    release(tmp_path / "c", tmp_path / "b", tables, run=6, code="2")
    assert read_vintage(tmp_path / "c").facts["run"] == 6
    assert [row["vintage"] for row in vintages(tmp_path / "c")] == [1]
    (tmp_path / "c" / FACTS).write_text("{}")
    kept = release(tmp_path / "d", tmp_path / "c", tables)
    assert kept.number == 1, "nothing is known of another"


def test_headline_series_by_vintage(two):
    rows = {(r["vintage"], r["year"]): r["persons"] for r in headline_vintages(two).to_pylist()}
    assert rows == {(1, 2001): 100, (1, 2002): 50, (2, 2001): 100, (2, 2002): 62.5, (2, 2003): 7}
    assert headline_vintages(two / "vintages/1") is None


def page(view):
    base = "{% block title %}{% endblock %}{% block main %}{% endblock %}"
    loader = ChoiceLoader([DictLoader({"base.html": base}), PackageLoader("ravenstein.release")])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    made.filters |= {"number": words.number, "signed": words.signed}
    return made.get_template("changes.html").render(view=view, release={"title": "x"}, root="")


def test_the_page_says_what_changed_in_words_tables_and_cells(two):
    found = compared(two)
    view = changes_view(found, number=2, names={"A": "<b>"})
    assert view["why"] == ("What differs behind them: source files and settings of the study.")
    assert view["headline"] == [
        {
            "what": "Net migration (sum of components)",
            "year": 2002,
            "before": 50,
            "after": 63,
            "difference": 13,
        }
    ]
    assert [(r["what"], r["name"], r["before"], r["tables"]) for r in view["reasons"]][1:] == [
        ("File", "data/b.csv", "none", ["migration_flows", "stocks"]),
        ("Setting", "study.seed", "1", ["migration_flows", "stocks"]),
    ]
    text = page(view)
    assert "Every figure that changed" in text
    assert "None" not in text
    assert "The one before is release 1; its tables" in text, "and no number of a run"
    assert "+12.5" in text
    many = replace(found, rows=pa.concat_tables([found.rows] * 50))
    view = changes_view(many, number=2)
    assert len(view["cells"]) == 200
    assert "The first 200 of 250 figures that changed" in page(view)
    assert "This is the first release" in page(changes_view(None))
    assert "missing or damaged" in page(changes_view(None, number=3))
    assert change_words(None).startswith("There is no earlier release")


def test_the_largest_populations_by_name_whatever_the_name(tmp_path):
    account = declared("population_account", ("area", "year"), area=str, year=int, closing=int)
    for folder, old, more in (("a", "none", 0), ("b", "a", 7)):
        rows = [
            {"area": f"E{i}", "year": 2001, "closing": 100 + more * i if i < 7 else None}
            for i in range(9)
        ]
        release(tmp_path / folder, tmp_path / old, [(account, rows)])
    view = changes_view(compared(tmp_path / "b"), number=2, names={"E6": "<script>"})
    assert [row["difference"] for row in view["headline"]] == [42, 35, 28, 21, 14, 7]
    assert "Population of &lt;script&gt;" in page(view)


@pytest.mark.parametrize(
    ("old", "new", "table", "error", "message"),
    [
        ("1", "1", None, StudyError, "compared with itself"),
        ("latest", "2", None, StudyError, "release 2 twice"),
        ("0", "2", None, StoreError, "a number from 1 to 2, latest, or a folder"),
        ("1", "3", None, StoreError, "There is no release 3"),
        ("nowhere", "2", None, StoreError, "holds no release"),
        ("1", "2", "stock", StoreError, "Use 'stocks'"),
    ],
)
def test_questions_that_cannot_be_answered_say_why(two, old, new, table, error, message):
    with pytest.raises(RavensteinError) as caught:
        compare_releases(two, old, new, table)
    assert isinstance(caught.value, error)
    assert message in str(caught.value)


def test_other_studies_and_damage_are_refused(two, tmp_path):
    release(tmp_path / "o", tmp_path / "none", [(declared("x", ("y",), y=int), [{"y": 1}])])
    with pytest.raises(StudyError, match="different studies"):
        compare_releases(two, "1", str(tmp_path / "o"))
    release(tmp_path / "t", tmp_path / "none", [(STOCKS, [stock("A", 1)])], simulated=True)
    with pytest.raises(StudyError, match="simulated"):
        compare_releases(two, "1", str(tmp_path / "t"))
    said = two / "vintages/1" / FACTS
    content = json.loads(said.read_text())
    content["tables"]["../../x"] = content["tables"].pop("stocks")
    for text in (json.dumps(content), "[]", said.read_text()[:50], '{"tables": 1}'):
        said.write_text(text)
        with pytest.raises(StoreError, match="Release 1 is not there any more, or damaged"):
            compare_releases(two, "1", "2")
    (two / FACTS).unlink()
    with pytest.raises(StoreError, match="holds no release"):
        compare_releases(two, "1", "2")
