import datetime as dt
from pathlib import Path

import pytest

import ravenstein
from ravenstein.core.errors import ParameterError
from ravenstein.core.parameters import load_parameters

GOOD = """
[rate]
title = "Rate"
unit = "per cent"
source = "Document, 2008 edition, section 2"

[[rate.values]]
from = 2001-07-01
value = 2

[[rate.values]]
from = 2011-07-01
value = 3
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "method.toml"
    path.write_text(text)
    return load_parameters(path)


def test_the_value_in_force_changes_on_its_day(tmp_path):
    rate = load(tmp_path, GOOD)["rate"]
    assert [rate.at(dt.date(2011, 6, 30)), rate.at(dt.date(2011, 7, 1))] == [2, 3]
    with pytest.raises(ParameterError, match="no value on 2001-06-30"):
        rate.at(dt.date(2001, 6, 30))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "Document, 2008 edition, section 2"', "", "no source"),
        ('source = "Document, 2008 edition, section 2"', 'source = "  "', "no source"),
        ('unit = "per cent"', "", "no unit"),
        ("from = 2001-07-01", "", "no dated values"),
        ("from = 2001-07-01", "from = 2021-07-01", "no dated values"),
        ('title = "Rate"', 'title = "Rate"\ncolour = "red"', "keys that are not known"),
        ("[rate]", "[rate", "not valid TOML"),
        ("value = 3", "vlue = 3", "no dated values"),
        ("from = 2011-07-01", "from = 2001-07-01", "no dated values"),
    ],
)
def test_a_parameter_nobody_can_look_up_is_refused(tmp_path, old, new, message):
    with pytest.raises(ParameterError, match=message) as caught:
        load(tmp_path, GOOD.replace(old, new))
    assert "method.toml" in caught.value.where


def test_the_line_and_the_nearest_name_are_given(tmp_path):
    with pytest.raises(ParameterError) as caught:
        load(tmp_path, GOOD.replace('unit = "per cent"', ""))
    assert caught.value.where == "method.toml, line 2, [rate]"
    with pytest.raises(ParameterError) as caught:
        load(tmp_path, GOOD)["rates"]
    assert caught.value.fix == "Use 'rate'."


def test_every_parameter_file_of_the_package_is_complete():
    files = sorted(Path(ravenstein.__file__).parent.rglob("*.toml"))
    # sizes, and figures that were measured
    files = [path for path in files if path.name not in ("scales.toml", "recovery.toml")]
    assert {path.name for path in files} >= {"account.toml", "people.toml", "border.toml"}
    for path in files:
        assert load_parameters(path).entries, path
