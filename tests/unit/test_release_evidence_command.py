"""Evidence that came back from the form, read by the command."""

import json

import pytest
from typer.testing import CliRunner

from ravenstein.cli_release import release as app
from ravenstein.core.errors import SourceError

SENT = {
    "schema": "ravenstein evidence 1",
    "release": {"title": "A study"},
    "area": {"code": "E06000001", "name": "Hartlepool"},
    "figure": "population",
    "year": 2020,
    "published": 93836,
    "believed": None,
    "kind": "gp_list",
    "description": "More patients than people.",
    "source": "NHS\u001b[2J\nlist",
    "reference_date": "2020-06-30",
}


def asked(*words):
    return CliRunner().invoke(app, ["evidence", *map(str, words)])


def test_one_line_a_file_and_the_rows_as_csv_and_json(tmp_path):
    first, later = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(json.dumps(SENT), encoding="utf-8-sig")
    later.write_text(json.dumps(SENT | {"believed": 94100, "source": "GP"}))
    found = asked(first, later, "--out", tmp_path / "c.csv")
    assert found.stdout.splitlines()[:2] == [
        "E06000001 population 2020: 93,836 → ?; gp_list: NHS [2J list",
        "E06000001 population 2020: 93,836 → 94,100; gp_list: GP",
    ]
    rows = (tmp_path / "c.csv").read_text().splitlines()
    assert rows[0] == "area,figure,year,published,believed,kind,source"
    assert rows[-1] == '"E06000001","population",2020,93836,94100,"gp_list","GP"'
    whole = json.loads(asked(later, "--json").stdout)["evidence"]
    assert (whole[0]["file"], whole[0]["reference_date"]) == (str(later), "2020-06-30")


@pytest.mark.parametrize("content", [b"{", b"\xff", json.dumps(SENT | {"year": "x"}).encode()])
def test_a_bad_file_is_named(tmp_path, content):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(SENT))
    bad.write_bytes(content)
    for path in (bad, tmp_path / "none.json"):
        found = asked(good, path, "--out", tmp_path / "c.csv")
        assert isinstance(found.exception, SourceError)
        assert path.name in str(found.exception)
        assert not found.stdout
        assert not (tmp_path / "c.csv").exists()
