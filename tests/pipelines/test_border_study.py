"""Registers, pseudonyms, and the border of a study."""

import hashlib
import json

import duckdb
import pyarrow.parquet as pq
import pytest
from tests.pipelines.test_border import (
    classify,
    expected,
    histories,
    refused,
    told_in,
    write,
)
from tests.studies import bundled_study
from typer.testing import CliRunner

from ravenstein.cli import app
from ravenstein.core.errors import SourceError, StudyError
from ravenstein.store.identity import KEY_VARIABLE, IdentityKey, pseudonym

RULE = ("--window", 12, "--threshold", 8)
AS_OF = 15_500


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_register_says_who_was_a_resident(tmp_path, ending):
    rows = histories(30, 3)
    people = sorted({r[0] for r in rows})
    said = {who: k % 2 for k, who in enumerate(people) if k % 3}
    file = write(tmp_path / f"f{ending}", rows)
    register = tmp_path / "register.csv"
    lines = [f"{who},{status}" for who, status in said.items()]
    register.write_text("\n".join(["person_id,resident", *lines, "nobody,1"]) + "\n")
    out = tmp_path / "out"
    classify(file, "--out", out, *RULE, "--register", register, "--as-of", "2012-06-10")
    each = [[r for r in rows if r[0] == who] for who in people]
    slow = [
        row for who, own in zip(people, each, strict=True)
        for row in expected(own, AS_OF, first=said.get(who))
    ]  # fmt: skip
    assert told_in(out) == sorted(slow, key=lambda r: str(r[0]))
    without = tmp_path / "without"
    classify(file, "--out", without, *RULE, "--as-of", "2012-06-10")
    assert told_in(without) != told_in(out)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("A,1\nA,0\n", "1 persons with both"),
        ("A,1\nB,perhaps\n,0\n", "2 rows"),
        ("A,1\nB,1,1\n", "1 rows"),
    ],
)
def test_a_register_that_cannot_be_used(tmp_path, lines, found):
    file = write(tmp_path / "f.csv", [("A", 15_400 * 1440, 1)])
    (tmp_path / "r.csv").write_text("person_id,resident\n" + lines)
    error = refused(SourceError, file, "--out", tmp_path / "o", "--register", tmp_path / "r.csv")
    assert found in error
    assert "perhaps" not in error
    assert not (tmp_path / "o").exists()


def test_identifiers_are_replaced_by_their_keyed_hash(tmp_path, monkeypatch):
    rows = histories(20, 4)
    file = write(tmp_path / "f.parquet", rows)
    (tmp_path / "key").write_bytes(b"k" * 32)
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key"))
    out = tmp_path / "out"
    classify(file, "--out", out, *RULE, "--pseudonymise", "--as-of", "2012-06-10")
    key = IdentityKey(b"k" * 32)
    hashed = [(pseudonym(key, row[0]), *row[1:]) for row in rows]
    assert told_in(out) == sorted(expected(hashed, AS_OF), key=lambda r: r[0])
    everything = b"".join(p.read_bytes() for p in out.iterdir())
    assert not any(row[0].encode() in everything for row in rows)
    monkeypatch.delenv(KEY_VARIABLE)
    assert "identity key" in refused(StudyError, file, "--out", out, "--pseudonymise")


def test_the_border_of_a_study(tmp_path):
    study = bundled_study(tmp_path / "twin", whole=True)
    result = CliRunner().invoke(app, ["run", str(study), "--only", "border", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    with duckdb.connect(str(study / "store/ravenstein.duckdb"), read_only=True) as connection:
        (sums,) = connection.execute(
            "SELECT sum(crossings), sum(migrants), sum(undecided) FROM border_summary"
        ).fetchall()
    rows = pq.read_table(study / "border/crossings.parquet")
    assert told["tables"]["border_summary"]["rows"] > 100
    assert sums[0] == rows.num_rows
    assert sums[1] == sum(one == 1 for one in rows["is_migrant"].to_pylist()) > 0
    assert sums[2] == rows["is_migrant"].null_count
    movements = pq.read_table(study / "twin/views/border_movements", columns=["document"])
    missing = movements["document"].null_count
    report = json.loads((study / "border/report.json").read_text())
    assert report["put_aside"]["missing_person"] == missing
    assert movements.num_rows == rows.num_rows + sum(report["put_aside"].values())
    # made of the study's seed: the same bytes again
    before = hashlib.sha256((study / "border/crossings.parquet").read_bytes()).hexdigest()
    CliRunner().invoke(app, ["run", str(study), "--only", "border", "--quiet"])
    after = hashlib.sha256((study / "border/crossings.parquet").read_bytes()).hexdigest()
    assert before == after
