"""The reader of summary components of change: editions that differ, and files that are wrong."""

import time

import pytest
from tests.myeb3_files import FLOWS, Myeb3File

from ravenstein.core.errors import SourceError
from ravenstein.store.files import inside


def persons(file, area, component, year):
    rows = file.components.to_pylist()
    (row,) = [r for r in rows if (r["area"], r["component"], r["year"]) == (area, component, year)]
    return row["persons"], row["status"]


def test_rows_hold_what_the_file_holds(official):
    official.set("E06000001", "births_2003", "17").write()
    file = official.read()
    assert file.edition == "2001-2003_geog2021"
    assert file.code_column == "ladcode21"
    assert file.years == (2001, 2002, 2003)
    assert file.estimates.num_rows == 2 * 3
    assert file.components.num_rows == 2 * 2 * len(FLOWS)
    assert persons(file, "E06000001", "births", 2003) == (17, "A")
    assert persons(file, "W06000001", "natural_change", 2002) == (6, "A")
    assert file.areas.to_pylist()[1] == {
        "area": "W06000001", "name": "Isle of Anglesey", "nation": "W92000004", "line": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name", "geography"),
    [
        ("lad2013_code", "lad2013_name", 2013),
        ("ladcode19", "laname19", 2019),
        ("lacode20", "laname20", 2020),
        ("LADCD23", "LADNM23", 2023),
        ("ladcode91", "laname91", 1991),
        ("ladcode", "laname", None),
    ],
)
def test_the_edition_is_read_from_the_header(official, code, name, geography):
    official.code, official.name = code, name
    official.write()
    if geography is None:
        with pytest.raises(SourceError, match="which boundaries"):
            official.read()
        assert official.read(geography=2009).edition == "2001-2003_geog2009"
    else:
        assert official.read().geography == geography


@pytest.mark.parametrize("options", [{"encoding": "utf-8-sig"}, {"newline": "\r\n"}])
def test_byte_order_mark_and_line_ends_do_not_matter(official, options):
    official.write()
    plain = official.read()
    official.write(**options)
    again = official.read()
    assert again.components.equals(plain.components)
    assert again.code_column == plain.code_column


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,017", 1017), (" 1017 ", 1017), ("1 017", 1017), ("1017.0", 1017), ("1,234,567", 1234567)],
)
def test_thousands_separators(official, text, value):
    official.set("E06000001", "births_2002", text).write()
    assert persons(official.read(), "E06000001", "births", 2002) == (value, "A")


@pytest.mark.parametrize(("text", "value"), [("-161", -161), ("−161", -161), ("-1,161", -1161)])
def test_net_flows_may_be_negative(official, text, value):
    official.set("E06000001", "internal_net_2002", text).write()
    assert persons(official.read(), "E06000001", "internal_net", 2002) == (value, "A")


@pytest.mark.parametrize("mark", [":", "..", "", "z", "[x]", "N/A"])
def test_marks_for_missing_values_are_kept_as_missing(official, mark):
    official.set("E06000001", "births_2002", mark).write()
    file = official.read()
    assert persons(file, "E06000001", "births", 2002) == (None, "O")
    assert file.missing == 1


def test_districts_of_northern_ireland_before_2015(official):
    official.areas.append(("95A", "Derry", "N"))
    official.write()
    assert official.read().areas["nation"].to_pylist()[2] == "N92000002"


def test_other_changes_in_parts(official):
    for year in (2002, 2003):
        official.renamed[f"other_change_{year}"] = f"special_change_{year}"
    official.write()
    assert persons(official.read(), "E06000001", "special_change", 2002) == (2, "A")


def test_a_header_below_a_title_and_empty_columns_and_lines(official):
    rows = official.rows()
    text = "Mid-year estimates\n\n" + "\n".join(",".join(row) + "," for row in rows) + "\n,,\n"
    official.path.write_text(text)
    assert official.read().areas.num_rows == 2


def test_columns_named_in_the_study_are_left_out(official):
    official.renamed["other_change_2003"] = "other_change_2003"
    text = "\n".join(",".join([*row, "x"]) for row in official.rows())
    official.path.write_text(text.replace("population_2003,x", "population_2003,Region", 1))
    with pytest.raises(SourceError) as caught:
        official.read()
    assert "'Region'" in caught.value.where
    assert official.read(ignore_columns=("region",)).areas.num_rows == 2


def spoiled(tmp_path):
    """Yield name, file and what the error must say."""

    def file(name):
        return Myeb3File(tmp_path / name)

    truncated = file("truncated.csv")
    truncated.write()
    truncated.path.write_bytes(truncated.path.read_bytes()[:-60])
    yield truncated, "truncated", "line 3"

    latin = file("latin.csv")
    latin.areas[1] = ("W06000001", "Ynys Môn", "W")
    latin.write(encoding="latin-1")
    yield latin, "not UTF-8", "line 3"

    wide = file("utf16.csv")
    wide.write(encoding="utf-16")
    yield wide, "text in UTF-16", "line 1"

    other = file("other.csv")
    other.path.write_text("GEOGRAPHY_CODE,GENDER,C_AGE,OBS_VALUE\nE06000005,1,101,695\n")
    yield other, "not a summary components of change table", "GEOGRAPHY_CODE"

    tabs = file("tabs.tsv")
    tabs.path.write_text("\n".join("\t".join(row) for row in tabs.rows()))
    yield tabs, "separated by tab", "line 1"

    detailed = file("myeb2.csv")
    detailed.write()
    text = detailed.path.read_text().replace("country,", "country,sex,age,", 1)
    detailed.path.write_text(text)
    yield detailed, "another table", "MYEB2"

    repeated = file("repeated.csv")
    repeated.areas.append(repeated.areas[0])
    repeated.write()
    yield repeated, "E06000001 is repeated", "also in line 2"

    gap = file("gap.csv")
    gap.dropped = {name for name in gap.columns() if name.endswith("_2002")}
    gap.write()
    yield gap, "Years are missing", "births_2002"

    one = file("one.csv")
    one.dropped = {"population_2002"}
    one.write()
    yield one, "Years are missing", "population_2002"

    negative = file("negative.csv")
    negative.set("W06000001", "population_2002", "-5").write()
    yield negative, "impossible", "line 3, column population_2002"

    word = file("word.csv")
    word.set("W06000001", "deaths_2003", "four").write()
    yield word, "text where a whole number", "'four'"

    fraction = file("fraction.csv")
    fraction.set("W06000001", "deaths_2003", "4.5").write()
    yield fraction, "text where a whole number", "column deaths_2003"

    huge = file("huge.csv")
    huge.set("W06000001", "deaths_2003", "9" * 40).write()
    yield huge, "impossible", "column deaths_2003"

    renamed = file("renamed.csv")
    renamed.renamed["births_2003"] = "birth_2003"
    renamed.write()
    yield renamed, "not known", "'births_2003', perhaps"

    twice = file("twice.csv")
    twice.renamed["deaths_2003"] = "births_2003"
    twice.write()
    yield twice, "stands twice", "births_2003"

    empty = file("empty.csv")
    empty.path.write_bytes(b"")
    yield empty, "empty", "0 bytes"

    blank = file("blank.csv")
    blank.path.write_text("\n\n\n")
    yield blank, "not a summary components of change table", "columns none"

    header = file("header.csv")
    header.areas = []
    header.write()
    yield header, "a header and no rows", "none"

    absent = file("absent.csv")
    yield absent, "not there", "nothing of that name"

    folder = file("folder.csv")
    folder.path.mkdir()
    yield folder, "not there", "a folder"

    page = file("page.csv")
    page.path.write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    yield page, "not a UTF-8 text table", "a web page"

    book = file("book.csv")
    book.path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    yield book, "not a UTF-8 text table", ".xlsx"

    long = file("long.csv")
    long.path.write_bytes(b"ladcode21," + b"x" * (5 << 20))
    yield long, "too long", "line 1"

    late = file("late.csv")
    late.write()
    with late.path.open("ab") as stream:
        stream.write(b"E06000002," + b"1" * (5 << 20))
    yield late, "too long", "line 4"

    quote = file("quote.csv")
    quote.write()
    lines = quote.path.read_text().splitlines()
    quote.path.write_text("\n".join([lines[0], lines[1].replace("Hart", '"Hart'), *lines[2:]]))
    yield quote, "runs over several lines", "lines 2 to 3"

    nation = file("nation.csv")
    nation.areas.append(("E92000001", "England", "E"))
    nation.write()
    yield nation, "not that of a local authority", "'E92000001'"

    nameless = file("nameless.csv")
    nameless.areas[1] = ("W06000001", " ", "W")
    nameless.write()
    yield nameless, "has no name", "line 3"

    footnote = file("footnote.csv")
    footnote.write()
    with footnote.path.open("a") as stream:
        stream.write("Source: ONS\n")
    yield footnote, "a footnote", "'Source: ONS'"

    shifted = file("shifted.csv")
    shifted.areas[0] = ("E06000001", "Hartlepool", "S")
    shifted.write()
    yield shifted, "country of an area", "'S'"


def test_every_spoiled_file_is_told_within_a_second(tmp_path):
    count = 0
    for file, problem, detail in spoiled(tmp_path):
        started = time.perf_counter()
        with pytest.raises(SourceError) as caught:
            file.read()
        assert time.perf_counter() - started < 1.0, file.path.name
        text = str(caught.value)
        assert problem in text, (file.path.name, text)
        assert detail in text, (file.path.name, text)
        assert file.path.name in caught.value.where, text
        assert caught.value.fix, text
        count += 1
    assert count == 29


def test_a_path_outside_the_study_is_refused(tmp_path):
    study, data = tmp_path / "study", tmp_path / "data"
    study.mkdir()
    data.mkdir()
    (data / "a.csv").write_text("x")
    (study / "link.csv").symlink_to(data / "a.csv")
    for given in ("../data/a.csv", "link.csv", str(data / "a.csv")):
        with pytest.raises(SourceError, match="outside the study"):
            inside(study, given, ())
        assert inside(study, given, (data,)) == (data / "a.csv").resolve()
    assert inside(study, "own.csv", ()) == (study / "own.csv").resolve()
