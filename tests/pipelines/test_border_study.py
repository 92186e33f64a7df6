"""Registers, pseudonyms, deliveries that go wrong, and the border of a study."""

import csv
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
from ravenstein.core.errors import SourceError, StoreError, StudyError
from ravenstein.store.files import alone_in
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


def test_a_delivery_with_wrong_codes_is_refused_and_can_come_again(tmp_path):
    kept = ("--history", tmp_path / "kept", *RULE)
    codes = ("--arrival", "I", "--departure", "O")
    january = write(tmp_path / "1.csv", [("A", 15_400 * 1440, 1)], codes=("O", "I"))
    february = write(tmp_path / "2.csv", [("A", 15_430 * 1440, 0)], codes=("O", "I"))
    classify(january, "--out", tmp_path / "o", *kept, *codes)
    error = refused(SourceError, february, "--out", tmp_path / "o", *kept)
    assert "1 unknown_direction" in error
    assert "1 crossings" in classify(february, "--out", tmp_path / "o", *kept, *codes)


def test_a_file_of_which_something_was_put_aside_may_come_again(tmp_path):
    kept = ("--history", tmp_path / "kept", *RULE)
    file = tmp_path / "f.csv"
    file.write_text("person_id,direction,crossed_on\nA,arrival,2012-01-01\nB,arrival,2150-01-01\n")
    classify(file, "--out", tmp_path / "o", *kept)
    again = json.loads(classify(file, "--out", tmp_path / "o", *kept, "--json"))
    assert again["files"]["known"] == []
    assert again["put_aside"] == {"duplicate": 1, "in_future": 1}


def test_a_damaged_gzip_file_is_named_and_the_others_are_used(tmp_path):
    good = write(tmp_path / "good.csv", [("A", 15_400 * 1440, 1)])
    bad = write(tmp_path / "bad.csv.gz", histories(50, 8))
    data = bytearray(bad.read_bytes())
    data[12:60] = bytes(48)
    bad.write_bytes(data)
    told = json.loads(classify(bad, good, "--out", tmp_path / "o", "--json"))
    assert list(told["files"]["unreadable"]) == ["bad.csv.gz"]
    assert told["crossings"] == 1


def test_rows_put_aside_have_their_number_in_the_file(tmp_path):
    lines = ["A,arrival,2012-01-01", "B,arrival", "C,arrive,2012-01-01", "D,arrival,2012-01-01,x",
             "E,arrival,2012-01-01", "F,arrive,2012-01-01"]  # fmt: skip
    (tmp_path / "f.csv").write_text("\n".join(["person_id,direction,crossed_on", *lines]) + "\n")
    classify(tmp_path / "f.csv", "--out", tmp_path / "o")
    aside = pq.read_table(tmp_path / "o/quarantine.parquet")
    found = dict(zip(aside["row"].to_pylist(), aside["reason"].to_pylist(), strict=True))
    assert found == {2: "malformed_row", 3: "unknown_direction", 4: "malformed_row",
                     6: "unknown_direction"}  # fmt: skip


def test_another_run_holds_the_folder(tmp_path):
    file = write(tmp_path / "f.csv", [("A", 15_400 * 1440, 1)])
    (tmp_path / "kept").mkdir()
    with alone_in([tmp_path / "kept"]):
        error = refused(StoreError, file, "--out", tmp_path / "o", "--history", tmp_path / "kept")
    assert "Another run" in error
    classify(file, "--out", tmp_path / "o", "--history", tmp_path / "kept")


def test_a_register_that_comes_later_does_not_change_what_stands_and_says_so(tmp_path):
    kept = ("--history", tmp_path / "kept", *RULE, "--out", tmp_path / "o")
    classify(write(tmp_path / "1.csv", [("A", 15_400 * 1440, 1)]), *kept)
    (tmp_path / "r.csv").write_text("person_id,resident\nA,1\nB,1\n")
    more = write(tmp_path / "2.csv", [("B", 15_410 * 1440, 1)])
    told = classify(more, *kept, "--register", tmp_path / "r.csv")
    assert "says otherwise of 1 persons" in told
    rows = {row[0]: row[4] for row in told_in(tmp_path / "o")}
    assert rows["B"] == 1


def test_an_identifier_that_is_many_persons_is_told(tmp_path):
    rows = [("unknown", (12_000 + k // 10) * 1440 + k % 10, k % 2) for k in range(21_000)]
    told = classify(write(tmp_path / "f.csv", rows), "--out", tmp_path / "o")
    assert "one identifier has 21,000 crossings" in told


@pytest.mark.parametrize("other", [["--csv"], ["--sequence"], ["--history", "kept"]])
def test_the_summary_alone(tmp_path, other):
    file = write(tmp_path / "f.csv", histories(20, 5))
    classify(file, "--out", tmp_path / "o", *RULE)
    whole = (tmp_path / "o/summary.csv").read_bytes()
    classify(file, "--out", tmp_path / "o", *RULE, "--summary")
    assert (tmp_path / "o/summary.csv").read_bytes() == whole
    assert not (tmp_path / "o/crossings.parquet").exists()
    assert "no rows" in refused(StudyError, file, "--out", tmp_path / "o", "--summary", *other)


def test_imputed_crossings_are_not_in_the_summary(tmp_path):
    rows = [("A", 15_400 * 1440, 1), ("A", 15_430 * 1440, 1)]
    file = write(tmp_path / "f.csv", rows)
    told = json.loads(classify(file, "--out", tmp_path / "o", "--gaps", "middle", "--json"))
    assert told["sequences"]["imputed"] == 1
    assert told["rows_written"] == 3
    with (tmp_path / "o/summary.csv").open() as stream:
        assert sum(int(row["crossings"]) for row in csv.DictReader(stream)) == 2
