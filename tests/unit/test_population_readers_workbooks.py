"""Readers of workbooks: any sheet, the census of 2011, national projections."""

import hashlib

import numpy as np
import pytest
from tests.workbook_files import write_workbook

from ravenstein.core.errors import SourceError
from ravenstein.store.readers.census_2011 import read_census_2011
from ravenstein.store.readers.national_projection import read_national_projection
from ravenstein.store.readers.workbook import open_workbook

YEARS = (2022, 2023, 2024)
PERIODS = ("2022 - 2023", "2023 - 2024")
OPEN = ("105 - 109", "110 and over")
SPOT = 0.125  # exact in binary, so that values can be compared without a tolerance


def refused(read, path, problem, found, where):
    with pytest.raises(SourceError) as caught:
        read(path, path.name)
    assert problem in caught.value.problem, caught.value
    assert found in caught.value.found, caught.value
    assert caught.value.where == path.name + where, caught.value
    assert caught.value.fix


def test_sheets_as_rows_of_cells(tmp_path):
    rows = [["Title", "", ""], ["", "", ""], ["", "A & B", 2.5], ["", "", ""]]
    path = write_workbook(tmp_path / "book.xlsx", {"One": [["x"]], "Two <2>": rows, "None": []})
    book = open_workbook(path, "book.xlsx")
    assert book.sheets == ("One", "Two <2>", "None")
    assert book.rows("Two <2>") == rows[:3]
    assert book.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert book.facts.size == path.stat().st_size
    with pytest.raises(SourceError, match="A sheet is missing") as caught:
        book.rows("Onne")
    assert "'One', 'Two <2>'" in caught.value.found
    assert "'One'" in caught.value.fix
    for sheet, found in (("One", "'x'"), ("None", "an empty sheet")):
        with pytest.raises(SourceError, match="no row of headings") as caught:
            book.table(sheet, ("Sex", "Age"))
        assert (caught.value.found, caught.value.where) == (found, f"book.xlsx, sheet {sheet}")


@pytest.mark.parametrize("content", [b"", b"Sex,Age\n1,2\n", b"PK\x03\x04" + b"\0" * 99])
def test_files_that_are_no_workbooks(tmp_path, content):
    path = tmp_path / "book.xlsx"
    refused(open_workbook, path, "not there", "nothing of that name", "")
    refused(open_workbook, tmp_path, "not there", "a folder", "")
    path.write_bytes(content)
    refused(open_workbook, path, "not a workbook", "", "")


class Book:
    """Sheets, good, to be spoiled."""

    def __init__(self, path, read, sheets):
        self.path, self._read, self.sheets = path, read, sheets

    def read(self):
        return self._read(write_workbook(self.path, self.sheets), self.path.name)

    def set(self, sheet, row, place, value):
        self.sheets[sheet][row - 1][place] = value
        return self

    def drop(self, sheet, row):
        del self.sheets[sheet][row - 1]
        return self

    def without(self, sheet, place):
        for row in self.sheets[sheet]:
            del row[place]
        return self

    def refused(self, problem, found, where):
        write_workbook(self.path, self.sheets)
        refused(self._read, self.path, problem, found, where)


def grid(names, labels, years):
    """Make a sheet whose values tell every cell apart: the row and the column."""
    rows = [[*label, *(100 * at + SPOT * column for column in range(len(years)))]
            for at, label in enumerate(labels)]  # fmt: skip
    return [[*names, *years], *rows]


@pytest.fixture
def projection(tmp_path):
    sexes, flows = ("Females", "Males"), ("In", "Out", "Net")
    single, mothers = tuple(range(105)), tuple(range(15, 47))
    by, mortal = ("Sex", "Age"), ("Birth", *range(126))
    moved = [(s, a, f) for f in flows for s in sexes for a in (*single, "105+")]
    migration = grid((*by, "Flow"), moved, PERIODS)
    routes = ("En_Wa", "Wa_En")
    sheets = {
        "Cover sheet": [["National population projections: 2022-based"], ["Coverage: England"]],
        "Population": grid(by, [(s, a) for s in sexes for a in (*single, *OPEN)], YEARS),
        "Deaths": grid(by, [(s, a) for s in sexes for a in ("Birth", *single, "105+")], PERIODS),
        "Mortality_assumptions": grid(by, [(s, a) for s in sexes for a in mortal], PERIODS),
        "Births": grid(by, [("Females", a) for a in mothers], PERIODS),
        "Fertility_assumptions": grid(by, [("Females", a) for a in mothers], PERIODS),
        "International_migration": [list(row) for row in migration],
        "Cross_border_migration": [list(row) for row in migration],
        "Total_migration": [list(row) for row in migration],
        "Cross_border_rates": grid(by, [(s, a) for s in sexes for a in mortal[1:]], routes),
    }
    return Book(tmp_path / "npp.xlsx", read_national_projection, sheets)


def test_projections_hold_what_the_sheets_hold(projection):
    file = projection.read()
    assert (file.coverage, file.base_year, file.years) == ("England", 2022, YEARS)
    assert file.ages[:2] + file.ages[-3:] == ("0", "1", "104", "105-109", "110+")
    assert file.flow_ages[-2:] == ("104", "105+")
    assert file.mortality_ages[:2] + file.mortality_ages[-1:] == ("birth", "0", "125")
    assert file.mothers == tuple(str(age) for age in range(15, 47))
    # the sheets have females first; the arrays have males first
    assert file.population.shape == (2, 107, 3)
    assert file.population[1, 6].tolist() == [600, 600 + SPOT, 600 + 2 * SPOT]
    assert file.population[0, 106, 0] == 100 * (107 + 106)
    assert file.deaths.shape == (2, 107, 2)
    assert file.deaths[0, 0, 1] == 100 * 107 + SPOT
    assert file.mortality.shape == (2, 127, 2)
    assert file.mortality[1, 126, 0] == 12_600
    assert file.births.shape == file.fertility.shape == (32, 2)
    assert file.births[31, 1] == 3100 + SPOT
    assert list(file.migration) == ["international", "cross_border", "total"]
    assert all(set(flows) == {"in", "out", "net"} for flows in file.migration.values())
    assert file.migration["total"]["out"].shape == (2, 106, 2)
    assert file.migration["total"]["out"][0, 4, 0] == 100 * (2 * 106 + 106 + 4)
    assert set(file.cross_border_rates) == {"En_Wa", "Wa_En"}
    assert file.cross_border_rates["Wa_En"][0, 125].item() == 100 * (126 + 125) + SPOT
    assert file.facts.name == "npp.xlsx"


def test_other_years_and_ages_are_read_from_the_labels(projection):
    for name, rows in projection.sheets.items():
        for row in rows[1:] if name != "Cover sheet" else ():
            row[1] = {"105+": "105 and over", "110 and over": "110+"}.get(row[1], row[1])
        if "2022 - 2023" in rows[0]:
            rows[0] = [str(head).replace("202", "203") for head in rows[0]]
    projection.sheets["Population"][0][2:] = [2032, "2033", 2034.0]
    projection.set("Cover sheet", 1, 0, "Projections")
    file = projection.read()
    assert (file.base_year, file.years) == (2032, (2032, 2033, 2034))
    assert (file.ages[-1], file.flow_ages[-1]) == ("110+", "105+")


def test_the_united_kingdom_has_no_cross_border_migration(projection):
    projection.set("Cover sheet", 2, 0, "Coverage: United Kingdom")
    del projection.sheets["Cross_border_migration"], projection.sheets["Cross_border_rates"]
    file = projection.read()
    assert set(file.migration) == {"international", "total"}
    assert file.cross_border_rates == {}


def test_the_order_of_rows_does_not_matter(projection):
    wanted = projection.read()
    for name in ("Population", "Total_migration"):
        head, *rows = projection.sheets[name]
        projection.sheets[name] = [["Table 1"], [], head, *rows[::-1]]
    file = projection.read()
    assert np.array_equal(file.population, wanted.population)
    assert np.array_equal(file.migration["total"]["in"], wanted.migration["total"]["in"])


PROJECTION = {
    "a sheet missing": (lambda f: f.sheets.pop("Deaths"), "A sheet is missing", "'Births'", ""),
    "no cross-border sheet": (lambda f: f.sheets.pop("Cross_border_migration"),
                              "A sheet is missing", "'Total_migration'", ""),
    "no coverage": (lambda f: f.set("Cover sheet", 2, 0, "England"), "which country", "National",
                    ", sheet Cover sheet"),
    "no headings": (lambda f: f.set("Births", 1, 1, "Years"), "no row of headings",
                    "'Sex', 'Years'", ", sheet Births"),
    "both sexes": (lambda f: f.set("Population", 4, 0, "Persons"), "A sex is not known",
                   "'Persons'", ", sheet Population, row 4, column 'Sex'"),
    "births of males": (lambda f: f.set("Births", 4, 0, "Males"), "A sex is not known",
                        "'Males'", ", sheet Births, row 4, column 'Sex'"),
    "an age in words": (lambda f: f.set("Deaths", 3, 1, "Under 1"), "An age is not known",
                        "'Under 1'", ", sheet Deaths, row 3, column 'Age'"),
    "a flow": (lambda f: f.set("Total_migration", 3, 2, "Gross"), "A flow is not known",
               "'Gross'", ", sheet Total_migration, row 3, column 'Flow'"),
    "an age of one sex missing": (lambda f: f.drop("Population", 7), "Cells are missing",
                                  "1 missing, the first sex F, age 5", ", sheet Population"),
    "an age missing": (lambda f: f.drop("Births", 7), "Ages are missing", "21 after 19",
                       ", sheet Births"),
    "an age twice": (lambda f: f.set("Population", 7, 1, 4), "A cell is repeated",
                     "sex F, age 4, also in row 6", ", sheet Population, row 7"),
    "the last age missing": (lambda f: f.drop("Deaths", 215).drop("Deaths", 108),
                             "last ages are missing", "birth to 104", ", sheet Deaths"),
    "no deaths of the newborn": (lambda f: f.drop("Deaths", 109).drop("Deaths", 2),
                                 "first or the last ages", "0 to 105+", ", sheet Deaths"),
    "other mothers": (lambda f: f.drop("Births", 33), "not those of the other sheets",
                      "15 to 45, 31", ", sheet Births"),
    "no mothers": (lambda f: f.sheets["Births"].__delitem__(slice(1, None)), "There are no ages",
                   "none", ", sheet Births"),
    "mortality cut short": (lambda f: [f.sheets["Mortality_assumptions"].__delitem__(part)
                                       for part in (slice(190, None), slice(63, 128))],
                            "ages are not those of the other", "birth to 60, 62",
                            ", sheet Mortality_assumptions"),
    "a year missing": (lambda f: f.without("Population", 3), "Years are missing",
                       "2022 to 2024 in 2 columns", ", sheet Population"),
    "fewer years": (lambda f: f.without("Births", 3), "years are not those of the other",
                    "2023 to 2023, 1", ", sheet Births"),
    "a column of notes": (lambda f: f.set("Deaths", 1, 3, "Notes"), "not one of a year",
                          "'Notes'", ", sheet Deaths"),
    "a year for a period": (lambda f: f.set("Deaths", 1, 3, 2024), "not one of a year",
                            "'2024'", ", sheet Deaths"),
    "a route": (lambda f: f.set("Cross_border_rates", 1, 2, "Total"), "not one of a route",
                "Total", ", sheet Cross_border_rates"),
    "a mark": (lambda f: f.set("Births", 5, 3, ":"), "not a number", "':'",
               ", sheet Births, row 5, column '2023 - 2024'"),
    "an empty cell": (lambda f: f.set("Population", 5, 4, ""), "not a number", "an empty cell",
                      ", sheet Population, row 5, column '2024'"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROJECTION)
def test_spoiled_projections(projection, name):
    spoil, *told = PROJECTION[name]
    spoil(projection)
    projection.refused(*told)


@pytest.fixture
def census(tmp_path):
    titles, notes = [["Census"], [], ["All usual residents"]], [[], ["Terms"], ["1. Notes"]]
    groups = ["4 and under", *(f"{age} to {age + 4}" for age in range(5, 90, 5)), "90 and over"]
    heads = [f"{sex}:\nAged {group}" for sex in ("Females", "Males") for group in groups]
    areas = (("K04000001", "ENGLAND AND WALES", 3), ("E92000001", "ENGLAND", 1),
             ("E06000001", "Hartlepool", 1), ("W92000004", "WALES", 2),
             ("W06000001", "Anglesey", 2))  # fmt: skip
    counts = [[*area[:2], *(area[2] * at for at in range(1, 39))] for area in areas]
    totals = [[*area[:2], area[2] * 39 * 19] for area in areas]
    sheets = {
        "Usual resident population": [
            *titles, ["Area code", "Area name", "2011 Usual resident population"], *totals, *notes,
        ],
        "Sex by 5-year age": [*titles, ["Area code", "Area name", *heads], *counts, *notes],
    }  # fmt: skip
    return Book(tmp_path / "census.xlsx", read_census_2011, sheets)


def test_the_census_of_2011_by_sex_and_age_group(census):
    file = census.read()
    assert (file.areas, file.names) == (("E06000001", "W06000001"), ("Hartlepool", "Anglesey"))
    assert file.starts == tuple(range(0, 95, 5))
    assert file.values.shape == (2, 2, 19)
    assert file.values[0, 1].tolist() == list(range(1, 20))
    assert file.values[1, 0, 18] == 2 * 38
    assert file.larger == {"K04000001": 3 * 741, "E92000001": 741, "W92000004": 2 * 741}


COUNTS, TOTALS = "Sex by 5-year age", "Usual resident population"


def without_an_age(file):
    for row in file.sheets[COUNTS]:
        del row[25:26]


CENSUS = {
    "a total that differs": (lambda f: f.set(TOTALS, 7, 2, 740), "Totals are not the sums",
                             "741; 1 areas differ: E06000001", f", sheet {COUNTS}"),
    "an area without total": (lambda f: f.drop(TOTALS, 7), "Totals are not the sums",
                              "741; 1 areas differ: E06000001", f", sheet {COUNTS}"),
    "an area missing": (lambda f: f.drop(TOTALS, 7).drop(COUNTS, 7), "Totals are not the sums",
                        "1482; 2 areas differ: K04000001, E92000001", f", sheet {COUNTS}"),
    "an area twice": (lambda f: f.set(COUNTS, 7, 0, "W06000001"), "W06000001 is repeated",
                      "also in row 7", f", sheet {COUNTS}, row 9, column 'Area code'"),
    "a code": (lambda f: f.set(COUNTS, 7, 0, "Hart"), "area code is not known", "'Hart'",
               f", sheet {COUNTS}, row 7, column 'Area code'"),
    "a sex of no name": (lambda f: f.set(COUNTS, 4, 5, "Persons: Aged 15 to 19"),
                         "not one of a sex and age", "'Persons", f", sheet {COUNTS}"),
    "an age missing": (without_an_age, "Ages of one sex are missing", "37 columns",
                       f", sheet {COUNTS}"),
    "an age group": (lambda f: f.set(COUNTS, 4, 5, "Females: Aged 16 to 19"),
                     "Ages are missing", "16-19 after 15-19", f", sheet {COUNTS}"),
    "no local authorities": (lambda f: [f.drop(s, r) for s in (COUNTS, TOTALS) for r in (9, 7)],
                             "no local authorities", "none", f", sheet {COUNTS}"),
    "half a person": (lambda f: f.set(COUNTS, 7, 4, 2.5), "impossible", "2.5",
                      f", sheet {COUNTS}, row 7, column 'Females: Aged 10 to 14'"),
    "an empty cell": (lambda f: f.set(COUNTS, 7, 4, ""), "not a number", "an empty cell",
                      f", sheet {COUNTS}, row 7, column 'Females: Aged 10 to 14'"),
}  # fmt: skip


@pytest.mark.parametrize("name", CENSUS)
def test_spoiled_censuses_of_2011(census, name):
    spoil, *told = CENSUS[name]
    spoil(census)
    census.refused(*told)
