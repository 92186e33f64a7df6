"""Spark and this machine give the same answers, and the same account of bad rows."""

import gzip
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ravenstein.border.delivery import Treatment
from ravenstein.border.residence import UNDECIDED, ResidenceRule
from ravenstein.cli import app
from ravenstein.core.errors import SourceError, StoreError, StudyError
from ravenstein.pipelines.border import classify_files
from ravenstein.pipelines.border_intake import BorderJob
from ravenstein.pipelines.border_spark import classify_on_spark
from ravenstein.store import spark as store
from ravenstein.store.crossing_files import Columns

pyspark = pytest.importorskip("pyspark.sql", reason="pyspark is not installed (ravenstein[spark])")
if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    pytest.skip("Java, which Spark needs, is not installed", allow_module_level=True)
pytestmark = pytest.mark.slow  # to start Spark takes as long as ten other modules

FIRST, LAST = 15_000, 16_800  # days since 1970-01-01
RULES = (ResidenceRule(), ResidenceRule(365, 183))


@pytest.fixture(scope="module")
def session():
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # begins sooner
        # a batch a block: what is one person's comes in many
        "spark.sql.execution.arrow.maxRecordsPerBatch": "1",
    }
    begun = pyspark.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    yield begun
    begun.stop()


def crossings(seed, people=150, rows=2000):
    """Make up crossings, by turns for most, with some twice, on one day or at one time."""
    g = np.random.default_rng(seed)
    person = g.integers(0, people, rows)
    minute = g.integers(FIRST * 1440, LAST * 1440, rows)
    # half a person's crossings lie near another's, so that days and minutes are shared
    minute[: rows // 4] = minute[rows // 4 : rows // 2] + g.integers(0, 3, rows // 4) * 30
    person[: rows // 4] = person[rows // 4 : rows // 2]
    arrival = g.integers(0, 2, rows)
    person, minute, arrival = (np.append(one, one[:40]) for one in (person, minute, arrival))
    order = g.permutation(person.size)
    return person[order], minute[order], arrival[order]


def table(seed, kind, **made):
    """Return crossings as a table, identifiers as an Arrow type."""
    person, minute, arrival = crossings(seed, **made)
    ids = pa.array(person * 7919 + 5)
    if pa.types.is_string(kind):
        ids = pa.array([f"P-{one:09d}" for one in ids.to_pylist()])
    times = pa.array(minute * 60_000_000).cast(pa.timestamp("us", "UTC"))
    sides = pa.array(np.array(["departure", "arrival"])[arrival])
    return pa.table({"person_id": ids.cast(kind), "crossed_at": times, "direction": sides})


def spoiled(rows, spoil=20):
    """Return crossings as text, some of them bad in each way."""
    columns = {name: rows[name].cast(pa.string()).to_pylist() for name in rows.column_names}
    bad = [("person_id", ""), ("direction", "sideways"), ("crossed_at", ""),
           ("crossed_at", "soon"), ("crossed_at", "2012-05-01 10:00"),
           ("crossed_at", "1960-01-01T00:00Z"), ("crossed_at", "2190-01-01T00:00Z")]  # fmt: skip
    for place in range(spoil):
        name, value = bad[place % len(bad)]
        columns[name][place * 17] = value
    return pa.table(columns)


def as_csv(rows, path):
    lines = [",".join(rows.column_names)]
    lines += [",".join(row.values()) for row in rows.to_pylist()]
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "wt") as stream:
        stream.write("\n".join(lines) + "\n")
    return path


def as_parquet(rows, path, group=500):
    pq.write_table(rows, path, row_group_size=group)
    return path


def rows_of(path):
    found = pq.read_table(path)
    plain = [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
             for column in found.columns]  # fmt: skip
    return sorted(zip(*(column.to_pylist() for column in plain), strict=True), key=repr)


def both(files, tmp_path, session, job):
    """Return the reports of both engines, their files compared."""
    here, there = tmp_path / "here", tmp_path / "there"
    local = classify_files(files, here, job)
    report = classify_on_spark(files, there, job, session)
    assert report == local == json.loads((there / "report.json").read_text())
    assert (there / "crossings.parquet").is_dir()
    for name in ("crossings.parquet", "quarantine.parquet"):
        expected = pq.read_schema(here / name)
        assert pq.read_table(there / name).schema.equals(expected), name
        assert rows_of(there / name) == rows_of(here / name), name
    assert (there / "summary.csv").read_bytes() == (here / "summary.csv").read_bytes()
    assert {p.name for p in there.iterdir()} == {p.name for p in here.iterdir()}
    assert not list(tmp_path.glob("**/.*"))
    return report


@pytest.mark.parametrize(
    ("kind", "treatment"),
    [
        (pa.int64(), Treatment(RULES)),
        (pa.uint32(), Treatment(RULES[1:], "middle")),
        (pa.string(), Treatment(RULES, "unknown", first=UNDECIDED)),
        (pa.large_string(), Treatment(gaps="median", median=(20, 90))),
    ],
    ids=lambda one: getattr(one, "gaps", str(one)),
)
def test_the_answers_are_those_of_this_machine(tmp_path, session, kind, treatment):
    files = [as_parquet(table(n, kind), tmp_path / f"{n}.parquet") for n in (1, 2)]
    report = both(files, tmp_path, session, BorderJob(treatment=treatment, sequence=True))
    # as made: 2 files of 2,040 rows, 40 of them twice
    assert report["crossings"] + report["put_aside"]["duplicate"] == 4080
    assert report["put_aside"]["duplicate"] >= 80
    assert report["sequences"]["repeated_arrivals"] > 100
    assert report["sequences"]["same_time"] > 10


def test_rows_put_aside_are_those_of_this_machine(tmp_path, session):
    rows = table(3, pa.string())
    files = [
        as_csv(spoiled(rows), tmp_path / "first.csv"),
        as_csv(spoiled(table(4, pa.int64())), tmp_path / "second.csv.gz"),
        as_parquet(table(5, pa.int64()), tmp_path / "third.parquet"),
        as_parquet(spoiled(table(6, pa.string())), tmp_path / "fourth.parquet"),
    ]
    report = both(files, tmp_path, session, BorderJob(as_of=LAST - 300))
    assert report["as_of"] == str(np.datetime64(LAST - 300, "D"))
    assert report["after_as_of"] > 100
    assert set(report["put_aside"]) == {"duplicate", "in_future", "missing_person", "no_zone",
                                        "missing_time", "out_of_range", "unknown_direction",
                                        "unreadable_time"}  # fmt: skip


def test_columns_and_codes_of_other_names(tmp_path, session):
    rows = table(7, pa.int64()).rename_columns(["who", "day", "way"])
    days = rows["day"].cast(pa.date32())
    ways = pa.array([{"arrival": "I", "departure": "O"}[one] for one in rows["way"].to_pylist()])
    rows = rows.set_column(1, "day", days).set_column(2, "way", ways)
    path = as_parquet(rows, tmp_path / "named.parquet")
    job = BorderJob(Columns("who", "way", "day"), {"I": True, "O": False})
    assert both([path], tmp_path, session, job)["crossings"] > 1000


def test_a_file_that_breaks_off_is_left_out_as_a_whole(tmp_path, session):
    good = as_parquet(table(8, pa.string()), tmp_path / "good.parquet")
    broken = as_csv(spoiled(table(9, pa.string())), tmp_path / "broken.csv.gz")
    broken.write_bytes(broken.read_bytes()[:-500])
    report = classify_on_spark([broken, good], tmp_path / "out", BorderJob(), session)
    assert list(report["files"]["unreadable"]) == ["broken.csv.gz"]
    assert report["files"]["read"] == 1
    assert set(report["put_aside"]) == {"duplicate"}
    alone = classify_files([good], tmp_path / "alone", BorderJob())
    for name in ("crossings.parquet", "quarantine.parquet"):
        assert rows_of(tmp_path / "out" / name) == rows_of(tmp_path / "alone" / name)
    assert alone["crossings"] == report["crossings"]


def test_the_same_again_gives_the_same_bytes_and_takes_the_place_of_the_first(tmp_path, session):
    path, out = as_parquet(table(10, pa.int64()), tmp_path / "c.parquet"), tmp_path / "out"
    seen = []
    for _ in range(2):
        classify_on_spark([path], out, BorderJob(), session)
        seen.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert seen[0] == seen[1]
    classify_files([path], out, BorderJob())
    assert (out / "crossings.parquet").is_file()


def test_from_the_command_line(tmp_path, session):
    path = as_parquet(table(11, pa.int64()), tmp_path / "c.parquet")
    words = ["border", "classify", str(path), "--out", str(tmp_path / "out"), "--json"]
    found = [CliRunner().invoke(app, [*words, "--engine", name]) for name in ("local", "spark")]
    reports = [json.loads(one.stdout.splitlines()[-1]) for one in found]
    assert reports[0] == reports[1]
    assert reports[0]["status"] == "complete"


def registered(tmp_path, status):
    """Write a register: every third person, and as many of whom there are no crossings."""
    person = np.arange(0, 300, 3)
    rows = pa.table({"person_id": [f"P-{one * 7919 + 5:09d}" for one in person.tolist()],
                     "resident": pa.array(status(person))})  # fmt: skip
    return as_parquet(rows, tmp_path / "register.parquet", group=30)


def test_a_register_of_who_was_a_resident_before(tmp_path, session):
    path = as_parquet(table(13, pa.string()), tmp_path / "c.parquet")
    register = registered(tmp_path, lambda person: person % 2)
    both([path], tmp_path, session, BorderJob(register=register))
    without = tmp_path / "without"
    classify_files([path], without, BorderJob())
    rows = [rows_of(folder / "crossings.parquet") for folder in (tmp_path / "there", without)]
    assert len(rows[0]) == len(rows[1])
    assert 100 < sum(a != b for a, b in zip(*rows, strict=True)) < 1000


def test_what_is_wrong_with_a_register_is_told_as_on_this_machine(tmp_path, session):
    path = as_parquet(table(13, pa.string()), tmp_path / "c.parquet")
    register = registered(tmp_path, lambda person: person % 3 + 2)
    told = []
    for run in (classify_files, lambda *given: classify_on_spark(*given, session)):
        with pytest.raises(SourceError, match="The register cannot be used") as failure:
            run([path], tmp_path / "out", BorderJob(register=register))
        told.append(str(failure.value))
    assert told[0] == told[1]


def test_no_crossing_that_can_be_used(tmp_path, session):
    rows = table(12, pa.int64(), rows=40).slice(0, 5)
    path = as_parquet(rows, tmp_path / "c.parquet")
    with pytest.raises(SourceError, match="No crossing can be used"):
        classify_on_spark([path], tmp_path / "out", BorderJob(codes={"I": True}), session)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("asked", [{"history": Path("kept")}, {"csv": True}])
def test_what_only_this_machine_keeps_is_refused(tmp_path, asked):
    with pytest.raises(StudyError, match="no --history, no --csv"):
        classify_on_spark([tmp_path], tmp_path / "out", BorderJob(**asked))


def test_what_fails_in_a_task_is_told_without_a_value(session, capfd):
    own = store.spark_session(session)

    def read(number):
        ids = np.array([4711471147, 8])
        yield store.blocks((0, number), ids, np.array([1, 2], np.int32), 2)

    def answer(bucket, rows):
        raise ValueError(store.unpacked([held for _, held in rows], whole_numbers=True))

    with (
        pytest.raises(StoreError, match=r"ValueError in spark\.py, line \d+") as failure,
        store.spread(own, 3, read) as (kept, notes),
    ):
        assert notes == []
        store.at_buckets(kept, 2, set(), answer)
    told = capfd.readouterr()
    assert "4711471147" not in str(failure.value) + told.out + told.err


def test_blocks_of_a_bucket_come_together_in_their_order(session):
    own = store.spark_session(session)
    g = np.random.default_rng(1)
    parts = [(g.integers(0, 50, 30), np.arange(30, dtype=np.int32) + 30 * n) for n in range(7)]

    def read(number):
        yield store.blocks((number % 2, number), *parts[number], 8)
        yield f"read {number}"

    def answer(bucket, rows):
        assert {file for file, _ in rows} == {1}
        ids, values = store.unpacked([held for _, held in rows], whole_numbers=True)
        return json.dumps([bucket, ids.tolist(), values.tolist()])

    with store.spread(own, 7, read) as (kept, notes):
        assert sorted(notes) == [f"read {n}" for n in range(7)]
        found = [json.loads(note) for note in store.at_buckets(kept, 8, {0}, answer)]
    assert [bucket for bucket, *_ in found] == sorted({bucket for bucket, *_ in found})
    whose = {}
    for bucket, ids, values in found:
        assert values == sorted(values)
        for one in ids:
            assert whose.setdefault(one, bucket) == bucket
    rows = [row for _, *one in found for row in zip(*one, strict=True)]
    expected = [row for n in (1, 3, 5) for row in zip(*map(np.ndarray.tolist, parts[n]), strict=True)]  # fmt: skip # noqa: E501
    assert sorted(rows) == sorted(expected)


def test_spark_or_java_missing(monkeypatch):
    monkeypatch.setattr(pyspark.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    with pytest.raises(StudyError, match="no java in JAVA_HOME"):
        store.spark_session()
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(StudyError, match=r"pip install 'ravenstein\[spark\]'"):
        store.spark_session()
