"""The reader of detailed components of change: editions that differ, and files that are wrong."""

import csv
import time

import numpy as np
import pytest

from ravenstein.core.errors import SourceError
from ravenstein.store.readers.myeb2 import read_myeb2

AREAS = (("E06000001", "Hartlepool", "E"), ("W06000001", "Isle of Anglesey", "W"))
FLOWS = ("births", "deaths", "internal_net", "international_net", "special_change", "other_adjust")
COLUMNS = (
    *(f"population_{year}" for year in (2001, 2002, 2003)),
    *(f"{flow}_{year}" for flow in FLOWS for year in (2002, 2003)),
    "unattrib_2002",
)
HEAD = ("ladcode21", "laname21", "country", "sex", "age")


def number(area, sex, age, column):
    """Tell apart every cell: area, sex and age in the digits, and the column's place."""
    return 10_000 * area + 1_000 * sex + 10 * age + COLUMNS.index(column) % 10


class Myeb2File:
    """Rows of two areas, both sexes and all ages, good, to be spoiled."""

    def __init__(self, path):
        self.path = path
        self.rows = [[*HEAD, *COLUMNS]]
        for place, area in enumerate(AREAS):
            for sex in (1, 2):
                for age in range(91):
                    values = [number(place, sex, age, column) for column in COLUMNS]
                    self.rows.append([*area, str(sex), str(age), *map(str, values)])

    def set(self, line, column, text):
        self.rows[line - 1][self.rows[0].index(column)] = text
        return self

    def rename(self, old, new):
        self.rows[0][self.rows[0].index(old)] = new
        return self

    def column(self, name, decode):
        place = self.rows[0].index(name)
        for row in self.rows[1:]:
            row[place] = decode(row[place])
        return self

    def without(self, name):
        place = self.rows[0].index(name)
        self.rows = [row[:place] + row[place + 1 :] for row in self.rows]
        return self

    def write(self, encoding="utf-8", newline="\n"):
        with self.path.open("w", encoding=encoding, newline="") as stream:
            csv.writer(stream, lineterminator=newline).writerows(self.rows)
        return self

    def read(self, **options):
        return read_myeb2(self.path, self.path.name, **options)


@pytest.fixture
def detailed(tmp_path):
    return Myeb2File(tmp_path / "detailed.csv")


def same(one, other):
    return np.array_equal(one.population, other.population) and all(
        np.array_equal(one.components[name], other.components[name])
        for name in {*one.components, *other.components}
    )


def test_arrays_hold_what_the_file_holds(detailed):
    file = detailed.write().read()
    assert (file.edition, file.geography, file.code_column) == ("2001-2003_geog2021", 2021, HEAD[0])
    assert file.years == (2001, 2002, 2003)
    assert file.areas.to_pylist()[1] == {
        "area": "W06000001", "name": "Isle of Anglesey", "nation": "W92000004",
    }  # fmt: skip
    assert file.population.shape == (3, 2, 2, 91)
    assert file.population.dtype == np.int64
    for year, area, sex, age in ((0, 0, 0, 0), (1, 1, 0, 90), (2, 0, 1, 47)):
        wanted = number(area, sex + 1, age, f"population_{2001 + year}")
        assert file.population[year, area, sex, age] == wanted
    assert file.components["deaths"][1, 1, 1, 33] == number(1, 2, 33, "deaths_2003")
    assert set(file.components) == {
        "births", "deaths", "internal_net", "international_net", "special_change",
        "other_adjustment", "unattributable",
    }  # fmt: skip
    assert file.facts.name == "detailed.csv"
    assert len(file.facts.sha256) == 64
    assert file.facts.size == detailed.path.stat().st_size


def test_a_component_absent_in_a_year_is_zero_and_said_to_be_absent(detailed):
    file = detailed.write().read()
    assert file.present["unattributable"] == (2002,)
    assert file.present["births"] == (2002, 2003)
    assert (file.components["unattributable"][1] == 0).all()
    assert file.components["unattributable"][0, 1, 0, 5] == number(1, 1, 5, "unattrib_2002")


def test_the_order_of_rows_does_not_matter(detailed):
    wanted = detailed.write().read()
    head, *rows = detailed.rows
    first = rows[0]
    detailed.rows = [head, first, *rows[:0:-1]]
    assert same(detailed.write().read(), wanted)


@pytest.mark.parametrize(
    ("sexes", "last"),
    [({"1": "M", "2": "F"}, "90+"), ({"1": "Male", "2": "Female"}, "90 and over")],
)
def test_sexes_and_the_open_age_in_other_spellings(detailed, sexes, last):
    wanted = detailed.write().read()
    detailed.column("sex", sexes.get).column("age", lambda age: last if age == "90" else age)
    assert same(detailed.write().read(), wanted)


@pytest.mark.parametrize(
    ("code", "name", "geography"),
    [
        ("lad2013_code", "lad2013_name", 2013),
        ("LADCD23", "LADNM23", 2023),
        ("ladcode", "laname", 0),
    ],
)
def test_the_edition_is_read_from_the_header(detailed, code, name, geography):
    detailed.rename("ladcode21", code).rename("laname21", name).write()
    if geography:
        assert detailed.read().edition == f"2001-2003_geog{geography}"
    else:
        with pytest.raises(SourceError, match="which boundaries"):
            detailed.read()
        assert detailed.read(geography=2009).geography == 2009
    assert detailed.read(geography=2009, edition="mine").edition == "mine"


@pytest.mark.parametrize("options", [{"encoding": "utf-8-sig"}, {"newline": "\r\n"}])
def test_byte_order_mark_and_line_ends_do_not_matter(detailed, options):
    wanted = detailed.write().read()
    again = detailed.write(**options).read()
    assert same(again, wanted)
    assert again.code_column == "ladcode21"


@pytest.mark.parametrize(
    ("text", "value"), [("1,017", 1017), (" 17 ", 17), ("1017.0", 1017), ("-1,161", -1161)]
)
def test_thousands_separators_and_net_flows(detailed, text, value):
    detailed.set(2, "internal_net_2002", text).write()
    assert detailed.read().components["internal_net"][0, 0, 0, 0] == value


def test_in_and_outflows_where_a_file_has_them(detailed):
    detailed.rename("special_change_2002", "internal_in_2002")
    detailed.rename("other_adjust_2003", "international_out_2003").write()
    file = detailed.read()
    assert file.present["internal_in"] == (2002,)
    assert file.present["special_change"] == (2003,)
    assert file.components["international_out"][1, 0, 0, 1] == number(0, 1, 1, "other_adjust_2003")


def test_titles_blank_lines_and_quoted_names(detailed):
    wanted = detailed.write().read()
    detailed.column("laname21", lambda name: "Bristol, City of" if name[0] == "H" else name)
    detailed.write()
    text = "Mid-year estimates\n\n" + detailed.path.read_text() + "\n,,,\n"
    detailed.path.write_text(text)
    file = detailed.read()
    assert same(file, wanted)
    assert file.areas["name"][0].as_py() == "Bristol, City of"


def test_columns_named_in_the_study_are_left_out(detailed):
    detailed.rename("unattrib_2002", "Region").write()
    with pytest.raises(SourceError, match="not known") as caught:
        detailed.read()
    assert "'Region'" in caught.value.where
    assert "unattributable" not in detailed.read(ignore_columns=("region",)).components


def changed(line, column, text):
    return lambda file: file.set(line, column, text).write()


def summary(file):
    file.without("sex").without("age")
    file.rows = file.rows[:2]
    file.write()


def ages_beyond(file):
    extra = [[*row[:4], str(int(row[4]) + 91), *row[5:]] for row in file.rows[1:] if row[4] < "3"]
    file.rows += [row for row in extra if int(row[4]) <= 93]
    file.write()


def dropped(*lines):
    def spoil(file):
        file.rows = [row for at, row in enumerate(file.rows, start=1) if at not in lines]
        file.write()

    return spoil


def repeated(file):
    file.rows.append(list(file.rows[9]))
    file.write()


def gap(file):
    for column in [c for c in file.rows[0] if c.endswith("_2002")]:
        file.without(column)
    file.write()


def text_replaced(old, new):
    def spoil(file):
        file.write()
        file.path.write_text(file.path.read_text().replace(old, new, 1))

    return spoil


def cut(file):
    file.write()
    file.path.write_bytes(file.path.read_bytes()[:-60])


def latin(file):
    file.set(184, "laname21", "Ynys Môn").write(encoding="latin-1")


def footnote(file):
    file.write()
    with file.path.open("a") as stream:
        stream.write("Source: ONS\n")


def pasted(content):
    return lambda file: file.path.write_bytes(content)


SPOILED = {
    "a summary file": (summary, "no sexes or no ages", "MYEB3", "line 1"),
    "another table": (pasted(b"a,b\n1,2\n"), "not a detailed components", "columns a, b", "line 1"),
    "tabs": (pasted(b"ladcode21\tpopulation_2001\tpopulation_2002\n"), "not a detailed",
             "separated by tab", "line 1"),
    "ages beyond": (ages_beyond, "other ages than single years", "'91', '92', '93'", "column age"),
    "an age in words": (changed(9, "age", "All"), "other ages", "'All'", "line 9, column age"),
    "a third sex": (changed(5, "sex", "3"), "other sexes than two", "'3'", "line 5, column sex"),
    "a nation": (changed(200, "ladcode21", "W92000004"), "not that of a local authority",
                 "'W92000004'", "line 200, column ladcode21"),
    "another country": (lambda f: f.column("country", lambda _: "S").write(), "country of an area",
                        "'S'", "line 2, column country"),
    "two names": (changed(50, "laname21", "Hull"), "E06000001 has two names", "'Hull'",
                  "line 50, column laname21"),
    "no name": (lambda f: f.column("laname21", lambda _: " ").write(), "has no name", "an empty",
                "line 2, column laname21"),
    "a cell missing": (dropped(7), "Cells are missing",
                       "1 missing, the first area E06000001, sex M, age 5", ".csv"),
    "a sex missing": (dropped(*range(275, 366)), "Cells are missing",
                      "91 missing, the first area W06000001, sex F, age 0", ".csv"),
    "a cell repeated": (repeated, "A cell is repeated",
                        "area E06000001, sex M, age 8, also in line 10", "line 366"),
    "a year missing": (gap, "Years are missing", "births_2002", "line 1"),
    "a component missing": (lambda f: f.without("deaths_2003").write(), "Years are missing",
                            "deaths_2003", "line 1"),
    "a surplus year": (lambda f: f.rename("unattrib_2002", "unattrib_2001").write(),
                       "without population", "unattributable_2001", "line 1"),
    "an unknown column": (lambda f: f.rename("unattrib_2002", "unatrib_2002").write(), "not known",
                          "unatrib_2002", "column 'unatrib_2002'"),
    "a column twice": (lambda f: f.rename("unattrib_2002", "births_2002").write(), "stands twice",
                       "births_2002", "line 1"),
    "no names": (lambda f: f.without("laname21").write(), "column of area names is missing",
                 "none", "line 1"),
    "a mark for missing": (changed(12, "births_2003", ":"), "text where a whole number", "':'",
                           "line 12, column births_2003"),
    "an empty cell": (changed(12, "births_2003", ""), "text where a whole number", "''",
                      "line 12, column births_2003"),
    "a fraction": (changed(365, "births_2003", "4.5"), "text where a whole number", "'4.5'",
                   "line 365, column births_2003"),
    "hexadecimal": (changed(3, "births_2003", "0x1F"), "text where a whole number", "'0x1F'",
                    "line 3, column births_2003"),
    "a negative count": (changed(40, "deaths_2002", "-3"), "impossible", "-3",
                         "line 40, column deaths_2002"),
    "a huge number": (changed(40, "internal_net_2002", "9" * 40), "impossible", "9999",
                      "line 40, column internal_net_2002"),
    "cut short": (cut, "looks truncated", "first", "line 365"),
    "a footnote": (footnote, "a footnote", "'Source: ONS'", "line 366"),
    "too many columns": (text_replaced("\nE06000001,Hart", "\nx,E06000001,Hart"),
                         "too many columns", "'x' first", "line 2"),
    "an open quote": (text_replaced("Hart", '"Hart'), "runs over several lines", "open quote",
                      "line 2"),
    "a lone carriage return": (text_replaced("Isle of", "Isle\rof"), "not a CSV table",
                               "within the line", "line 184"),
    "not UTF-8": (latin, "not UTF-8", "byte 0xf4", "line 184"),
    "UTF-16": (lambda f: f.write(encoding="utf-16"), "not a UTF-8 text", "UTF-16", "line 1"),
    "a workbook": (pasted(b"PK\x03\x04" + b"\0" * 99), "not a UTF-8 text", ".xlsx", "line 1"),
    "a header alone": (dropped(*range(2, 366)), "a header and no rows", "none", ".csv"),
    "nothing": (pasted(b""), "empty", "0 bytes", ".csv"),
    "no file": (lambda _: None, "not there", "nothing of that name", ".csv"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_every_spoiled_file_is_told_within_a_second(detailed, name):
    spoil, problem, found, where = SPOILED[name]
    spoil(detailed)
    started = time.perf_counter()
    with pytest.raises(SourceError) as caught:
        detailed.read()
    assert time.perf_counter() - started < 1.0
    assert problem in caught.value.problem
    assert found in caught.value.found
    assert caught.value.where.startswith("detailed.csv")
    assert caught.value.where.endswith(where)
    assert caught.value.fix
