"""Readers of rows a cell: Nomis, census 2021, long files, origins and destinations, codes."""

import csv
import gzip
import io

import numpy as np
import pytest

from ravenstein.core.errors import SourceError
from ravenstein.store.readers.age_sex import read_census_2021, read_long, read_nomis
from ravenstein.store.readers.code_changes import read_code_changes
from ravenstein.store.readers.origin_destination import read_origin_destination

AREAS = ("E06000001", "W06000001")


def count(area, sex, age):
    return 1000 * area + 100 * sex + age


class Rows:
    """A delimited file, good, to be spoiled."""

    def __init__(self, path, read, rows, delimiter=","):
        self.path, self._read, self.rows, self.delimiter = path, read, rows, delimiter

    def text(self):
        stream = io.StringIO()
        csv.writer(stream, delimiter=self.delimiter, lineterminator="\n").writerows(self.rows)
        return stream.getvalue()

    def read(self, **options):
        if self.path.suffix == ".gz":
            self.path.write_bytes(gzip.compress(self.text().encode()))
        else:
            self.path.write_text(self.text())
        return self._read(self.path, self.path.name, **options)

    def set(self, line, place, text):
        self.rows[line - 1][place] = text
        return self

    def drop(self, line):
        del self.rows[line - 1]
        return self

    def again(self, line, place=None, text=None):
        row = list(self.rows[line - 1])
        if place is not None:
            row[place] = text
        self.rows.append(row)
        return self

    def insert(self, name, text):
        self.rows = [[*row, name if at == 0 else text] for at, row in enumerate(self.rows)]
        return self

    def refused(self, problem, found, where, **options):
        with pytest.raises(SourceError) as caught:
            self.read(**options)
        assert problem in caught.value.problem, caught.value
        assert found in caught.value.found, caught.value
        assert caught.value.where == self.path.name + where, caught.value
        assert caught.value.fix


@pytest.fixture
def nomis(tmp_path):
    rows = [["GEOGRAPHY_CODE", "GENDER", "C_AGE", "OBS_VALUE"]]
    rows += [
        [area, str(sex + 1), str(101 + age), str(count(place, sex, age))]
        for place, area in enumerate(AREAS)
        for sex in (0, 1)
        for age in range(91)
    ]
    return Rows(tmp_path / "nomis.tsv", read_nomis, rows, "\t")


def test_nomis_by_area_sex_and_age(nomis):
    file = nomis.read()
    assert file.areas == AREAS
    assert file.names is None
    assert file.values.shape == (2, 2, 91)
    assert file.values[0, 0, 0] == count(0, 0, 0)
    assert file.values[1, 0, 90] == count(1, 0, 90)
    assert file.values[1, 1, 7] == count(1, 1, 7)
    assert file.facts.name == "nomis.tsv"


NOMIS = {
    "a total of ages": ((3, 2, "200"), "other ages", "'200'", ", line 3, column C_AGE"),
    "a band": ((4, 2, "3"), "other ages", "'3'", ", line 4, column C_AGE"),
    "both sexes": ((5, 1, "0"), "other sexes", "'0'", ", line 5, column GENDER"),
    "a region": ((6, 0, "E12000001"), "not that of a local", "'E12000001'",
                 ", line 6, column GEOGRAPHY_CODE"),
    "a word": ((7, 3, "x"), "text where a whole", "'x'", ", line 7, column OBS_VALUE"),
    "negative": ((8, 3, "-1"), "impossible", "-1", ", line 8, column OBS_VALUE"),
    "another age": ((2, 2, "102"), "A cell is repeated", "sex M, age 1, also in line 2",
                    ", line 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOMIS)
def test_spoiled_nomis_extracts(nomis, name):
    cell, *told = NOMIS[name]
    nomis.set(*cell).refused(*told)


def test_nomis_extracts_of_another_shape(nomis):
    nomis.drop(50).refused("Cells are missing", "1 missing, the first area E06000001, sex M", "")
    nomis.insert("DATE", "2011").refused("not known", "DATE", ", line 1")
    nomis.delimiter = ","
    nomis.refused("not an extract by age and sex of Nomis", "GEOGRAPHY_CODE,GENDER", ", line 1")


@pytest.fixture
def census(tmp_path):
    area = "Lower tier local authorities"
    sex, age = "Sex (2 categories)", "Age (91 categories)"
    rows = [[f"{area} Code", area, f"{sex} Code", sex, f"{age} Code", age, "Observation"]]
    for place, (code, name) in enumerate(zip(AREAS, ("Hartlepool", "Anglesey"), strict=True)):
        for label in ("Female", "Male"):
            for years in range(91):
                spelt = {0: "Aged under 1 year", 1: "Aged 1 year", 90: "Aged 90 years and over"}
                text = spelt.get(years, f"Aged {years} years")
                value = count(place, "MF".index(label[0]), years)
                official = str(1 + (label == "Male"))
                rows.append([code, name, official, label, str(years), text, str(value)])
    return Rows(tmp_path / "ts009.csv", read_census_2021, rows)


def test_the_census_is_read_by_its_labels_never_by_its_codes(census):
    file = census.read()
    assert file.names == ("Hartlepool", "Anglesey")
    assert file.values[0, 0, 3] == count(0, 0, 3)
    assert file.values[1, 1, 90] == count(1, 1, 90)
    for row in census.rows[1:]:
        row[2], row[4] = "9", "9"
    assert np.array_equal(census.read().values, file.values)


CENSUS = {
    "an unknown sex": ((9, 3, "Women"), "label of sex", "'Women'",
                       ", line 9, column Sex (2 categories)"),
    "a code of sex": ((9, 3, "1"), "label of sex", "'1'", ", line 9, column Sex (2 categories)"),
    "101 categories": ((92, 5, "Aged 90 years"), "label of age", "'Aged 90 years'",
                       ", line 92, column Age (91 categories)"),
    "an older open age": ((92, 5, "Aged 100 years and over"), "label of age", "'Aged 100 years",
                          ", line 92, column Age (91 categories)"),
    "a younger open age": ((92, 5, "Aged 85 years and over"), "label of age", "'Aged 85 years",
                           ", line 92, column Age (91 categories)"),
    "a name that changes": ((5, 1, "Hull"), "has two names", "'Hull'",
                            ", line 5, column Lower tier local authorities"),
}  # fmt: skip


@pytest.mark.parametrize("name", CENSUS)
def test_spoiled_censuses(census, name):
    cell, *told = CENSUS[name]
    census.set(*cell).refused(*told)


@pytest.fixture
def long(tmp_path):
    rows = [["GSS.Code", "Sex", "Age", "Year", "Deaths"]]
    rows += [
        ["E06000023", "FM"[sex], str(age), str(year), str(year + 100 * sex + age)]
        for sex in (0, 1)
        for age in range(91)
        for year in (2002, 2003)
    ]
    return Rows(tmp_path / "long.csv", read_long, rows)


def test_long_rows_by_year_area_sex_and_age(long):
    file = long.read()
    assert (file.name, file.years, file.areas) == ("Deaths", (2002, 2003), ("E06000023",))
    assert (file.sexes, file.ages[-1], file.repeated) == (("M", "F"), 90, 0)
    assert file.values.shape == (2, 1, 2, 91)
    assert file.values.dtype == np.int64
    assert file.values[1, 0, 0, 5] == 2003 + 100 + 5
    assert file.values[0, 0, 1, 90] == 2002 + 90


@pytest.mark.parametrize(
    "names",
    [
        ("gss_code", "SEX", "age", "year", "n"),
        ("ladcode21", "gender", "Age", "Mid year", "n"),
        ("Area", "sex", "AGE", "mid_year", "n"),
    ],
)
def test_headers_and_sexes_in_other_spellings(long, names):
    wanted = long.read().values
    long.rows[0] = list(names)
    for row in long.rows[1:]:
        row[1] = {"F": "Female", "M": "1"}[row[1]]
        row[2] = "90+" if row[2] == "90" else row[2]
    assert np.array_equal(long.read().values, wanted)


def test_rows_that_stand_twice_are_counted_and_kept_once(long):
    wanted = long.read().values
    long.rows += [list(row) for row in long.rows[1:]]
    file = long.read()
    assert file.repeated == 364
    assert np.array_equal(file.values, wanted)
    long.set(400, 4, "7").refused(
        "repeated with another value", "7 for year 2002, area E06000023, sex F, age 17; 1 such",
        ", line 400",
    )  # fmt: skip


def test_one_sex_and_some_ages_and_decimals(long):
    long.rows = [row for row in long.rows if row[1] in ("Sex", "F") and row[2] in ("Age", "0", "1")]
    long.set(2, 4, "7.25")
    file = long.read()
    assert (file.sexes, file.ages) == (("F",), (0, 1))
    assert file.values.dtype == np.float64
    assert file.values[:, 0, 0, 0].tolist() == [7.25, 2003.0]


def test_net_flows_may_be_negative_where_the_caller_says_so(long):
    long.set(2, 4, "-3")
    long.refused("impossible", "-3", ", line 2, column Deaths")
    assert long.read(signed=True).values[0, 0, 1, 0] == -3


LONG = {
    "a gap in years": (lambda f: [f.set(line, 3, "2005") for line in range(3, 366, 2)],
                       "A gap in the years", "no year 2003; 2 missing", ""),
    "a cell missing": (lambda f: f.drop(4), "Cells are missing",
                       "1 missing, the first year 2002, area E06000023, sex F, age 1", ""),
    "an age missing": (lambda f: [f.drop(4) for _ in range(2)] + [f.drop(184) for _ in range(2)],
                       "A gap in the ages", "no age 1; 1 missing", ""),
    "an old age": (lambda f: f.set(9, 2, "95"), "other ages", "'95'", ", line 9, column Age"),
    "a year of two digits": (lambda f: f.set(9, 3, "02"), "no year", "'02'",
                             ", line 9, column Year"),
    "a mark for missing": (lambda f: f.set(9, 4, ":"), "text where a number", "':'",
                           ", line 9, column Deaths"),
    "two values": (lambda f: f.insert("Births", "1"), "not known", "Deaths, Births", ", line 1"),
    "no value": (lambda f: f.set(1, 4, ""), "column of values is missing", "none", ", line 1"),
    "two columns of years": (lambda f: f.set(1, 4, "mid_year"), "stands twice", "Year, mid_year",
                             ", line 1"),
    "another table": (lambda f: f.set(1, 3, "Decade"), "not a table by area, sex, age and year",
                      "GSS.Code, Sex, Age, Decade", ", line 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_spoiled_long_files(long, name):
    spoil, *told = LONG[name]
    spoil(long)
    long.refused(*told)


@pytest.fixture
def moves(tmp_path):
    migrant, area = "Migrant LTLA one year ago", "Lower tier local authorities"
    return Rows(
        tmp_path / "od.csv.gz",
        read_origin_destination,
        [
            [f"{migrant} code", f"{migrant} label", f"{area} code", f"{area} label", "Count"],
            ["-8", "Does not apply", "E06000001", "Hartlepool", "900"],
            ["-8", "Does not apply", "W06000001", "Anglesey", "600"],
            ["999999999", "Outside the UK", "W06000001", "Anglesey", "4"],
            ["E06000001", "Hartlepool", "E06000001", "Hartlepool", "50"],
            ["E06000001", "Hartlepool", "W06000001", "Anglesey", "2"],
            ["S12000033", "Aberdeen City", "E06000001", "Hartlepool", "1"],
        ],
    )


def test_movers_by_origin_and_destination(moves):
    file = moves.read()
    assert file.origins == ("E06000001", "S12000033")
    assert file.destinations == AREAS
    assert file.counts.tolist() == [[50, 2], [1, 0]]
    assert file.special == ("Does not apply", "Outside the UK")
    assert file.special_counts.tolist() == [[900, 600], [0, 4]]
    assert file.labels == {
        "E06000001": "Hartlepool", "S12000033": "Aberdeen City", "W06000001": "Anglesey",
    }  # fmt: skip
    assert file.facts.size == moves.path.stat().st_size
    moves.path = moves.path.with_suffix("")
    assert moves.read().counts.tolist() == file.counts.tolist()


MOVES = {
    "a pair twice": (lambda f: f.again(5), "A cell is repeated",
                     "origin E06000001, area E06000001, also in line 5; 1 repeated", ", line 8"),
    "an unknown origin": (lambda f: f.set(7, 0, "K04"), "not that of a local", "'K04'",
                          ", line 7, column Migrant LTLA one year ago code"),
    "a special destination": (lambda f: f.set(7, 2, "-8"), "not that of a local", "'-8'",
                              ", line 7, column Lower tier local authorities code"),
    "two labels": (lambda f: f.set(3, 1, "Unknown"), "Origin -8 has two labels", "'Unknown'",
                   ", line 3, column Migrant LTLA one year ago label"),
    "a suppressed count": (lambda f: f.set(3, 4, "c"), "text where a whole", "'c'",
                           ", line 3, column Count"),
    "another table": (lambda f: f.set(1, 4, "Share"), "not a table of origins", "columns Migrant",
                      ", line 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_spoiled_moves(moves, name):
    spoil, *told = MOVES[name]
    spoil(moves)
    moves.refused(*told)


@pytest.mark.parametrize("spoil", [lambda b: b[:-20], lambda b: b[:30] + b"xxxx" + b[34:]])
def test_a_damaged_archive(moves, spoil):
    moves.read()
    moves.path.write_bytes(spoil(moves.path.read_bytes()))
    with pytest.raises(SourceError, match="archive is damaged"):
        read_origin_destination(moves.path, moves.path.name)


@pytest.fixture
def changes(tmp_path):
    return Rows(
        tmp_path / "changes.csv",
        read_code_changes,
        [
            ["\ufeffoldcd", "oldnm", "newcd", "newnm", "type", "start"],
            ["E07000004", "Aylesbury Vale", "E06000060", "Buckinghamshire", "merger", "2020"],
            ["E07000005", "Chiltern", "E06000060", "Buckinghamshire", "merger", "2020"],
            ["E10000002", "Buckinghamshire", "", "", "termination", "2020"],
            ["S12000015", "Fife", "S12000047", "Fife", "new_code", "2018"],
        ],
    )


def test_changes_of_codes(changes):
    rows = changes.read().to_pylist()
    assert rows[2] == {"old": "E10000002", "new": None, "kind": "termination", "start": 2020}
    assert rows[3] == {
        "old": "S12000015", "new": "S12000047", "kind": "new_code", "start": 2018,
    }  # fmt: skip


CHANGES = {
    "an unknown type": (lambda f: f.set(3, 4, "split"), "type of change", "'split'",
                        ", line 3, column type"),
    "a bad code": (lambda f: f.set(3, 0, "E0700005"), "not that of an area", "'E0700005'",
                   ", line 3, column oldcd"),
    "a termination with successor": (lambda f: f.set(4, 2, "E06000060"), "not that of an area",
                                     "'E06000060'", ", line 4, column newcd"),
    "no successor": (lambda f: f.set(5, 2, ""), "not that of an area", "an empty cell",
                     ", line 5, column newcd"),
    "no year": (lambda f: f.set(2, 5, "April"), "no year", "'April'", ", line 2, column start"),
    "a row twice": (lambda f: f.again(4), "A row is repeated", "E10000002, also in line 4",
                    ", line 6"),
    "another table": (lambda f: f.set(1, 4, "why"), "not a table of changes", "oldcd", ", line 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_spoiled_changes(changes, name):
    spoil, *told = CHANGES[name]
    spoil(changes)
    changes.refused(*told)
