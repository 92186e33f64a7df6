"""Readers of Home Office counts: both spellings of files, groups, and what is left out."""

import csv
import datetime
import gzip
import io

import pytest

from ravenstein.core.errors import SourceError
from ravenstein.store.readers.asylum import (
    citizenship_group,
    read_applications,
    read_decisions,
    read_returns,
)

APPLICATIONS = [
    ["Date", "Year", "Quarter", "Nationality", "Region", "Age", "Sex", "Applicant type", "UASC",
     "Location of application", "Applications"],
    ["2001-03-31", "2001.0", "2001 Q1", "Zimbabwe", "Africa Sub-Saharan", "Total (pre-2009)",
     "Total (pre-2009)", "Main applicant", "Total (pre-2006)", "At Port", "1,021.0"],
    ["2024-06-30", "2024", "2024 Q2", "Zimbabwe", "Africa Sub-Saharan", "Under 18", "Female",
     "Dependant", "UASC", "In Country", "3.0"],
    ["2024-06-30", "2024", "2024 Q2", "Iran", "Middle East", "Under 18", "Female",
     "Dependant", "Non-UASC", "In Country", "4.0"],
    ["2024-06-30", "2024", "2024 Q2", "Iran", "Middle East", "Unknown Age", "Unknown Sex",
     "Dependant", "Non-UASC", "In Country", "5"],
]  # fmt: skip
DECISIONS = [
    ["Year", "Quarter", "Nationality", "Region", "Case type", "Case outcome group",
     "Case outcome", "Age", "Sex", "Applicant type", "UASC", "Host Country", "Decisions"],
    ["2010", "2010 Q4", "Canada", "America North", "Asylum Case", "Withdrawn", "Explicit",
     "under 18", "Male", "Main applicant", "UASC", "-", "2"],
    ["2010", "2010 Q4", "Canada", "America North", "Asylum Case", "Withdrawn", "Implicit",
     "Under 18", "Male", "Main applicant", "UASC", "-", "3"],
    ["2010", "2010 Q4", "Iraq", "Middle East", "Resettlement Case", "Grant of Protection",
     "Mandate Scheme", "70+", "Male", "Main applicant", "-", "Iran", "7"],
]  # fmt: skip
RETURNS = [
    ["Year", "Quarter", "Nationality", "Region", "Return type group", "Return type", "Age", "Sex",
     "Return destination group", "Number of returns"],
    ["2004.0", "1", "Poland", "EU 8", "Enforced return", "Enforced removals", "17 and under",
     "Male", "Home country", "6.0"],
    ["2004.0", "1", "Poland", "EU 8", "Enforced return", "Enforced removals", "17 and under",
     "Male", "Home Country", "1.0"],
    ["2004.0", "4", "Romania", "EU 2", "Voluntary return", "Assisted returns", "70 and over",
     "Unknown", "Other country", "2.0"],
    ["2004.0", "4", "Spain", "EU 14", "Refused entry at port and subsequently departed", "-",
     "18 to 29", "Female", "EU Member State", "9.0"],
]  # fmt: skip


def read(reader, tmp_path, rows, name="a.csv"):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    content = stream.getvalue().encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    return reader(tmp_path / name, name)


def counts(file, *columns):
    return {tuple(r[c] for c in columns): r["persons"] for r in file.rows.to_pylist()}


def test_applications(tmp_path):
    file = read(read_applications, tmp_path, APPLICATIONS, "a.csv.gz")
    before, now = datetime.date(2001, 1, 1), datetime.date(2024, 4, 1)
    assert counts(file, "quarter", "citizenship", "applicant", "age_group", "sex", "location") == {
        (before, "new_commonwealth", "main", "not_stated", "not_stated", "port"): 1021,
        # Zimbabwe left the Commonwealth; a child alone or not, it is one cell
        (now, "other", "dependant", "0-17", "F", "country"): 7,
        (now, "other", "dependant", "not_stated", "not_stated", "country"): 5,
    }
    assert file.left_out == {}


def test_decisions_leave_the_resettled_out(tmp_path):
    file = read(read_decisions, tmp_path, DECISIONS)
    assert counts(file, "quarter", "citizenship", "outcome", "age_group") == {
        (datetime.date(2010, 10, 1), "old_commonwealth", "withdrawn", "0-17"): 5
    }
    assert file.left_out == {"Resettlement Case": 7}


def test_returns_leave_those_refused_at_the_port_out(tmp_path):
    file = read(read_returns, tmp_path, RETURNS)
    assert counts(file, "quarter", "citizenship", "type", "asylum", "age_group", "sex") == {
        (datetime.date(2004, 1, 1), "eu8", "enforced", None, "0-17", "M"): 7,
        (datetime.date(2004, 10, 1), "other", "voluntary", None, "70+", "not_stated"): 2,
    }
    assert file.left_out == {"Refused entry at port and subsequently departed": 9}


GROUPS = [
    ("Germany", "EU 14", 2020, "eu15"), ("Slovenia", "EU 8", 2001, "eu8"),
    ("Bulgaria", "EU 2", 2020, "other"), ("Croatia", "EU Other", 2020, "other"),
    ("Malta", "EU Other", 2003, "new_commonwealth"), ("Malta", "EU Other", 2004, "other"),
    ("Cyprus (Northern part of)", "Europe Other", 2003, "other"),
    ("South Africa", "Africa Sub-Saharan", 2020, "old_commonwealth"),
    ("Gambia, The", "Africa Sub-Saharan", 2013, "new_commonwealth"),
    ("The Gambia", "Africa Sub-Saharan", 2014, "other"),
    ("Gambia", "Africa Sub-Saharan", 2019, "new_commonwealth"),
    ("Swaziland", "Africa Sub-Saharan", 2010, "new_commonwealth"),
    ("St. Lucia", "America Central and South", 2010, "new_commonwealth"),
    ("Bermuda (British)", "America North", 2010, "other"),
    ("Stateless", "Other", 2010, "other"), ("Atlantis", "The Sea", 2010, None),
]  # fmt: skip


@pytest.mark.parametrize(("nationality", "region", "year", "group"), GROUPS)
def test_citizenship_groups(nationality, region, year, group):
    assert citizenship_group(nationality, region, year) == group


BAD = {
    "a region": (4, "The Sea", "A region is not known", "Region"),
    "an age": (5, "17", "column Age is not known", "Age"),
    "a sex": (6, "Boy", "column Sex is not known", "Sex"),
    "a place": (9, "Unknown", "column Location of application", "Location of application"),
    "a quarter": (2, "2001 Q5", "A quarter is not known", "Quarter"),
    "another year": (2, "2002 Q1", "A quarter is of another year", "Quarter"),
    "a year": (1, "01", "A year is not known", "Year"),
    "a half": (10, "0.5", "text where a whole number", "Applications"),
    "a negative": (10, "-5", "A number is impossible", "Applications"),
}


@pytest.mark.parametrize("name", BAD)
def test_spoiled_files_are_refused(tmp_path, name):
    place, text, problem, column = BAD[name]
    rows = [list(row) for row in APPLICATIONS]
    rows[1][place] = text
    with pytest.raises(SourceError) as caught:
        read(read_applications, tmp_path, rows)
    assert problem in caught.value.problem
    assert caught.value.where == f"a.csv, line 2, column {column}"


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(SourceError, match="not a table of returns"):
        read(read_returns, tmp_path, DECISIONS)
