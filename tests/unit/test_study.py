import pytest

from ravenstein.core.errors import StudyError
from ravenstein.study import read_study

GOOD = """
[study]
title = "A study"
producer = "Office"

[period]
first = 2001
last = 2003

[geography]
edition = 2021

[[sources]]
kind = "myeb3"
file = "a.csv"
"""


def read(tmp_path, text):
    (tmp_path / "study.toml").write_text(text)
    return read_study(tmp_path)


def test_a_study_is_read_with_its_defaults(tmp_path):
    study = read(tmp_path, GOOD)
    assert (study.period.first, study.study.engine, study.study.draws) == (2001, "duckdb", 500)
    assert study.sources[0].file == "a.csv"
    assert not study.population.allow_unbalanced


@pytest.mark.parametrize(
    ("old", "new", "problem", "where", "fix"),
    [
        ("title =", "titel =", "'titel' is not known", "line 3, [study] titel", "'title'"),
        ("[period]", "[periods]", "'periods' is not known", "line 6, periods", "'period'"),
        ("kind =", "knd =", "'knd' is not known", "line 14, [sources] knd", "'kind'"),
        ("first = 2001\n", "", "'first' is missing", "[period]", "Add it"),
        ("first =", "frist =", "'frist' is not known", "[period] frist", "'first'"),
        ("[period]\nfirst = 2001\nlast = 2003", "", "'period' is missing", "top level", "Add it"),
        ("first = 2001", 'first = "2001"', "'first' cannot be used", "line 7", "Correct"),
        ("first = 2001", "first = 2004", "no length", "[period]", "first and the last"),
        ('kind = "myeb3"', 'kind = "myeb9"', "'kind' cannot be used", "line 14", "Correct"),
        ("[period]", "[period", "not valid TOML", "study.toml", "Correct the line"),
        ('file = "a.csv"', "", "'file' is missing", "[sources]", "Add it"),
        ("[[sources]]", "[sources]", "Sources are a list", "sources", "[[sources]]"),
        ("[study]", "text = 1\n[study]", "'text' is not known", "text", "Remove it"),
        ('title = "A study"', 'title = " "', "'title' cannot be used", "line 3", "Correct"),
        ("[period]", "[release]\ndate = 0\n[period]", "'date' cannot be used", "line 7", "Correct"),
    ],
)
def test_a_mistake_names_line_key_and_the_nearest_right_one(
    tmp_path, old, new, problem, where, fix
):
    with pytest.raises(StudyError) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    error = caught.value
    assert problem in error.problem
    assert where in error.where
    assert fix in error.fix


def test_a_study_of_the_survey_alone_needs_no_period(tmp_path):
    alone = "[study]" + GOOD.split("[study]")[1].split("[period]", maxsplit=1)[0]
    text = alone + '[[sources]]\nkind = "survey_contacts"\nfile = "a.csv"\n'
    assert read(tmp_path, text).period is None
    with pytest.raises(StudyError, match="'leest' is not known") as caught:
        read(tmp_path, "[sample_design]\nleest = 3\n" + text)
    assert "'least'" in caught.value.fix


def test_a_file_named_twice_and_a_folder_without_study(tmp_path):
    with pytest.raises(StudyError, match="named twice"):
        read(tmp_path, GOOD + '\n[[sources]]\nkind = "myeb3"\nfile = "a.csv"\n')
    with pytest.raises(StudyError, match="no study here"):
        read_study(tmp_path / "none")
