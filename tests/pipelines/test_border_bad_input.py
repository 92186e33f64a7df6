"""`ravenstein border classify` on bad files and rows: named, counted, put aside, the rest used.

Whatever happens, no identifier is in what is printed, logged, reported or raised.
"""

import csv
import errno
import gzip
import json
import logging
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ravenstein import cli
from ravenstein.border import movements
from ravenstein.pipelines import border as pipeline
from ravenstein.store.crossing_rows import CrossingWriter

pytestmark = pytest.mark.slow

MARK, NUMBER = "SECRET-123", 4_815_162_342
LARGE = int(f"17{NUMBER}00000000")  # more than whole numbers are held in; shown, it shows NUMBER
NAMES = ("person_id", "crossed_on", "direction")
GOOD = [("G1", "2019-01-01", "arrival"), ("G1", "2019-03-01", "departure"),
        ("G2", "2019-02-01", "departure")]  # fmt: skip
TOLD = [(who, date.fromisoformat(day), way) for who, day, way in GOOD]


@dataclass
class Done:
    """What a run printed, and what lies in its folder."""

    code: int
    text: str
    out: object

    @property
    def report(self):
        return json.loads((self.out / "report.json").read_text())

    @property
    def rows(self):
        made = pq.read_table(self.out / "crossings.parquet", columns=list(NAMES))
        return sorted(tuple(row.values()) for row in made.to_pylist())

    @property
    def aside(self):
        return pq.read_table(self.out / "quarantine.parquet").to_pylist()

    def reasons(self):
        """Return rows put aside by reason, as counted; they lie in the quarantine so."""
        found = Counter(row["reason"] for row in self.aside)
        assert self.report["put_aside"] == dict(sorted(found.items()))
        for reason, n in found.items():
            assert f"{n:,} {reason}" in self.text
        return dict(found)


@pytest.fixture
def classify(tmp_path, monkeypatch, capsys, caplog):
    """Run the command as a user does; wherever it ends, nothing says whom it was about."""
    out = tmp_path / "out"

    def run(*words, code=0, secrets=(MARK, str(NUMBER))):
        with caplog.at_level(logging.DEBUG):
            monkeypatch.setattr(sys, "argv", ["ravenstein", "border", "classify",
                                              *map(str, words), "--out", str(out)])  # fmt: skip
            ended, escaped = 0, ""
            try:
                cli.main()
            except SystemExit as end:
                ended = end.code or 0
            except BaseException as error:  # noqa: BLE001
                escaped = "".join(traceback.format_exception(error))
        printed = capsys.readouterr()
        places = {"output": printed.out, "errors": printed.err, "log": caplog.text,
                  "traceback": escaped}  # fmt: skip
        places |= {n: (out / n).read_text() for n in ("report.json", "summary.csv")
                   if (out / n).exists()}  # fmt: skip
        told = [place for place, text in places.items() if any(s in text for s in secrets)]
        assert not told, "an identifier is told"
        assert not escaped, "an error that is no user's"
        assert ended == code, printed.out + printed.err
        assert not [p.name for p in tmp_path.rglob(".*")], "nothing is left over"
        return Done(ended, " ".join((printed.out + printed.err).split()), out)

    return run


def as_csv(path, rows, names=NAMES):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([names, *rows])
    return path


def as_parquet(path, rows, names=NAMES, **how):
    columns = [pa.array([row[k] or None for row in rows], pa.string()) for k in range(len(names))]
    pq.write_table(pa.table(columns, names=names), path, **how)
    return path


@pytest.fixture
def good(tmp_path):
    return as_csv(tmp_path / "good.csv", GOOD)


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# rows

SOON = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
BAD = [
    ("missing_person", [("", "2019-01-01", "arrival"), ("  ", "2019-01-02", "departure")]),
    ("unknown_direction", [(MARK, "2019-01-01", "north"), (MARK, "2019-01-02", ""),
                           (MARK, "2019-01-03", "Arrival")]),
    ("missing_time", [(MARK, "", "arrival"), (MARK, "  ", "departure")]),
    ("unreadable_time", [(MARK, when, "arrival") for when in (
        "2019-02-30", "2019-13-01", "2019-01-01T25:00", "2019-01-01 10:61", "01/02/2019",
        "2019-1-1", "20190101", "soon", "2019-01-01T10:00+2", "2019-01-01T10:00 Europe/Paris")]),
    ("in_future", [(MARK, SOON, "arrival"), (MARK, "2199-01-01 00:00", "departure")]),
    ("out_of_range", [(MARK, "1969-12-31", "arrival"), (MARK, "2999-01-01", "arrival"),
                      (MARK, "0001-01-01", "arrival")]),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize(("reason", "rows"), BAD, ids=[reason for reason, _ in BAD])
def test_a_bad_row_is_put_aside_and_the_others_are_used(classify, tmp_path, reason, rows, kind):
    # a good row before each bad one, and one at the end
    many = []
    for k, bad in enumerate(rows):
        many += [("G3", f"2018-0{k % 9 + 1}-01", "arrival"), bad]
    many += [("G3", "2018-12-01", "departure")]
    used = sorted({row for row in many if row[0] == "G3"})
    file = tmp_path / f"f.{kind}"
    if kind == "parquet":
        as_parquet(file, many, row_group_size=3)
    else:
        as_csv(tmp_path / "f.csv", many)
    if kind == "csv.gz":
        file.write_bytes(gzip.compress((tmp_path / "f.csv").read_bytes()))
    done = classify(file)
    assert done.rows == [(who, date.fromisoformat(day), way) for who, day, way in used]
    twice = len(many) - len(rows) - len(used)
    assert done.reasons() == {reason: len(rows)} | ({"duplicate": twice} if twice else {})
    assert done.report["crossings"] == len(used)
    found = [row for row in done.aside if row["reason"] == reason]
    keep = {"file": file.name, "reason": reason}
    assert sorted(found, key=lambda row: row["row"]) == [
        keep | {"row": 2 * k + 2} | {
            name: text or None
            for name, text in zip(("person_id", "crossed", "direction"), bad, strict=True)
        }
        for k, bad in enumerate(rows)
    ]  # fmt: skip


@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_times_with_zones_are_told_in_utc_and_those_without_are_put_aside(
    classify, tmp_path, write
):
    rows = [
        (MARK, "2019-01-02T00:30+02:00", "arrival"),  # the first of January in UTC
        (MARK, "2019-02-01T23:30:15.5-0500", "departure"),
        (MARK, "2019-03-01 10:00 Z", "arrival"),
        (MARK, "2019-03-01T12:00:59+02", "arrival"),  # the same minute, another offset
        (MARK, "2019-04-01T10:00", "departure"),
        (MARK, "2019-04-02", "departure"),
    ]
    file = write(tmp_path / f"f.{'csv' if write is as_csv else 'parquet'}", rows)
    done = classify(file)
    assert [(day.isoformat(), way) for _, day, way in done.rows] == [
        ("2019-01-01", "arrival"), ("2019-02-02", "departure"), ("2019-03-01", "arrival"),
    ]  # fmt: skip
    assert done.reasons() == {"no_zone": 2, "duplicate": 1}
    assert {r["row"] for r in done.aside if r["reason"] == "no_zone"} == {5, 6}


def test_a_column_without_zones_is_in_utc(classify, tmp_path):
    rows = [(MARK, "2019-01-02T23:59:59", "arrival"), (MARK, "2019-02-02 00:00", "departure"),
            (MARK, "2019-03-02", "arrival")]  # fmt: skip
    done = classify(as_csv(tmp_path / "f.csv", rows))
    assert [day.isoformat() for _, day, _ in done.rows] == [
        "2019-01-02",
        "2019-02-02",
        "2019-03-02",
    ]
    assert done.reasons() == {}


def test_zones_are_those_of_a_column_not_of_a_part_of_it(classify, tmp_path):
    zoned = [(f"{MARK}{k}", "2019-01-02T10:00Z", "arrival") for k in range(8)]
    plain = [(f"{MARK}{k}", "2019-05-02T10:00", "departure") for k in range(8)]
    done = classify(as_parquet(tmp_path / "f.parquet", zoned + plain, row_group_size=8))
    assert done.reasons() == {"no_zone": 8}
    assert {day.isoformat() for _, day, _ in done.rows} == {"2019-01-02"}


@pytest.mark.parametrize("whole", [False, True])
def test_missing_values_of_every_type(classify, tmp_path, whole):
    ids = pa.array([NUMBER, None, NUMBER, NUMBER, NUMBER])
    when = datetime(2019, 1, 1, tzinfo=UTC)
    times = pa.array([when, when, None, when, when.replace(year=1950)], pa.timestamp("ms", "UTC"))
    ways = pa.array(["arrival", "arrival", "arrival", None, "arrival"])
    made = pa.table([ids if whole else ids.cast(pa.string()), times, ways], names=NAMES)
    pq.write_table(made, tmp_path / "f.parquet")
    done = classify(tmp_path / "f.parquet")
    assert done.rows == [(NUMBER if whole else str(NUMBER), date(2019, 1, 1), "arrival")]
    assert done.reasons() == {"missing_person": 1, "missing_time": 1, "unknown_direction": 1,
                              "out_of_range": 1}  # fmt: skip
    assert [(r["row"], r["person_id"]) for r in done.aside] == [
        (2, None), (3, str(NUMBER)), (4, str(NUMBER)), (5, str(NUMBER)),
    ]  # fmt: skip


def test_rows_that_are_there_twice(classify, tmp_path, good):
    rows = [(MARK, "2019-01-01", "arrival")] * 3 + [(MARK, "2019-01-01", "departure")]
    other = as_csv(tmp_path / "other.csv", [*rows[-2:], *GOOD])
    done = classify(good, as_csv(tmp_path / "f.csv", rows), other)
    assert done.rows == sorted([*TOLD, *((MARK, date(2019, 1, 1), way)
                                         for way in ("arrival", "departure"))])  # fmt: skip
    assert done.reasons() == {"duplicate": 2 + 2 + len(GOOD)}
    assert done.report["crossings"] == 2 + len(GOOD)


def test_every_reason_there_is_has_a_test_here():
    tested = {reason for reason, _ in BAD} | {"no_zone", "malformed_row", "duplicate", ""}
    assert tested == set(movements.REASONS)


def test_a_crossing_of_today_is_no_future_one(classify, tmp_path):
    now = datetime.now(UTC) - timedelta(minutes=2)
    rows = [(MARK, f"{now:%Y-%m-%dT%H:%M}", "arrival"), ("B", f"{now:%Y-%m-%d}", "arrival")]
    done = classify(as_csv(tmp_path / "f.csv", rows))
    assert done.reasons() == {}
    assert done.report["as_of"] == f"{now:%Y-%m-%d}"


def test_no_usable_crossing_at_all(classify, tmp_path):
    rows = [(MARK, "2019-02-30", "arrival"), (MARK, "2019-01-01", "north"), ("", "x", "arrival"),
            (MARK, "2019-06-01", "arrival")]  # fmt: skip
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(MARK.encode())
    file = as_csv(tmp_path / "f.csv", rows)
    done = classify(file, broken, "--as-of", "2019-05-01", code=4)
    for found in ("No crossing can be used", "1 missing_person", "1 unknown_direction",
                  "1 unreadable_time", "1 after the day asked for", "1 unreadable"):  # fmt: skip
        assert found in done.text
    done = classify(as_csv(tmp_path / "none.csv", []), code=4)
    assert "no rows" in done.text
    done = classify(broken, code=4)
    assert "broken.parquet" in done.text
    printed = json.loads(classify(file, "--as-of", "2019-05-01", "--json", code=4).text)
    assert (printed["status"], printed["error"]["kind"]) == ("failed", "source")
    assert not (tmp_path / "out").exists()


def test_many_crossings_on_one_identifier(classify, tmp_path):
    rng, n = np.random.default_rng(1), 200_000
    minutes = rng.choice(10 * 365 * 1440, n, replace=False) + 15_000 * 1440
    times = pa.array(np.sort(minutes) * 60).cast(pa.timestamp("s"))
    ways = pa.array(["departure", "arrival"]).take(pa.array(np.arange(n) % 2))
    shuffled = pa.array(rng.permutation(n))
    columns = [pa.repeat(MARK, n), times.take(shuffled), ways.take(shuffled)]
    pq.write_table(pa.table(columns, names=NAMES), tmp_path / "f.parquet", row_group_size=30_000)
    begin = time.perf_counter()
    done = classify(tmp_path / "f.parquet", "--window", 487, "--threshold", 365,
                    "--window", 30, "--threshold", 10)  # fmt: skip
    assert time.perf_counter() - begin < 10, "the work grows with crossings, not with their square"
    assert done.report["persons"]["known"] == 1
    assert done.report["rows_written"] == n
    assert done.report["sequences"]["repeated_arrivals"] == 0
    made = pq.read_table(done.out / "crossings.parquet")
    assert made["direction"].to_pylist() == ways.to_pylist(), "in order of time"


# files


def truncated(path):
    path.write_bytes(path.read_bytes()[:-200])


def garbage(path):
    path.write_bytes(f"{MARK},".encode() * 500)


def empty(path):
    path.write_bytes(b"")


def spoilt_inside(path):
    """Spoil the last row group but one; the file's end, and all before it, are as they were."""
    group = pq.ParquetFile(path).metadata.row_group(6)
    data = bytearray(path.read_bytes())
    for k in range(3):
        start = group.column(k).dictionary_page_offset or group.column(k).data_page_offset
        data[start : start + group.column(k).total_compressed_size] = (
            b"\xff" * group.column(k).total_compressed_size
        )
    path.write_bytes(data)


def other_columns(path):
    pq.write_table(pa.table({"person": [MARK], "day": ["2019-01-01"]}), path)


def typed(name, values):
    """Return what writes a file whose column of that name is of another type."""

    def write(path):
        columns = dict(zip(NAMES, zip(*([GOOD[0]] * len(values)), strict=True), strict=True))
        columns = {n: pa.array(v) for n, v in columns.items()} | {name: values}
        pq.write_table(pa.table(columns), path)

    return write


def raw(*values):
    """Return text that is no UTF-8, as systems of another age write it."""
    data = b"".join(values)
    places = np.cumsum([0, *map(len, values)]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(values), [None, pa.py_buffer(places), pa.py_buffer(data)]
    )


SPOILT = {
    "truncated": truncated,
    "garbage": garbage,
    "empty": empty,
    "spoilt inside": spoilt_inside,
    "other columns": other_columns,
    "numbers with parts": typed("person_id", pa.array([NUMBER + 0.5])),
    "numbers too large": typed("person_id", pa.array([LARGE], pa.uint64())),
    "nested identifiers": typed("person_id", pa.array([{"id": MARK}])),
    "identifiers not UTF-8": typed("person_id", raw(b"\xff" + MARK.encode())),
    "nested directions": typed("direction", pa.array([["arrival", MARK]])),
    "directions not UTF-8": typed("direction", raw(b"arriv\xe9e")),
    "times as numbers": typed("crossed_on", pa.array([20190101])),
    "times of day": typed("crossed_on", pa.array([5], pa.time32("s"))),
    "times not UTF-8": typed("crossed_on", raw(b"\xff2019")),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_parquet_file_is_named_and_nothing_of_it_is_used(classify, tmp_path, good, what):
    rows = [(f"{MARK}{k}", f"2019-{k % 12 + 1:02}-01", "arrival") for k in range(400)]
    files = [as_parquet(tmp_path / f"{k}.parquet", rows, row_group_size=50) for k in range(2)]
    SPOILT[what](files[0])
    other = as_parquet(tmp_path / "other.parquet", [("G3", "2019-04-01", "arrival")])
    done = classify(files[0], good, other)
    assert done.rows == [*TOLD, ("G3", date(2019, 4, 1), "arrival")]
    assert list(done.report["files"]["unreadable"]) == ["0.parquet"]
    assert (done.report["files"]["read"], done.report["crossings"]) == (2, len(GOOD) + 1)
    assert done.report["persons"]["known"] == 3
    assert "warning: 0.parquet: A " in done.text
    assert done.reasons() == {}


def test_rows_put_aside_of_a_file_that_turns_out_spoilt_are_not_counted(classify, tmp_path, good):
    rows = [(f"{MARK}{k}", "2019-02-30", "arrival") for k in range(400)]
    spoilt_inside(as_parquet(tmp_path / "0.parquet", rows, row_group_size=50))
    done = classify(tmp_path / "0.parquet", good)
    assert done.rows == TOLD
    assert done.reasons() == {}, "the file is to come again: its rows are not in the quarantine"


HEAD = ",".join(NAMES) + "\n"
ROWS = "".join(f"{MARK}{k},2019-01-01,arrival\n" for k in range(20_000))
SPOILT_CSV = {
    "no UTF-8": (HEAD + ROWS).encode() + MARK.encode() + b"\xe9,2019-01-01,arrival\n",
    "UTF-16": (HEAD + ROWS).encode("utf-16"),
    "no header": ROWS.encode(),
    "semicolons": (HEAD + ROWS).replace(",", ";").encode(),
    "empty": b"",
    "Parquet": b"PAR1" + MARK.encode() * 20,
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("what", SPOILT_CSV)
def test_a_spoilt_csv_file_is_named_and_nothing_of_it_is_used(
    classify, tmp_path, good, what, packed
):
    data = SPOILT_CSV[what]
    file = tmp_path / ("f.csv.gz" if packed else "f.csv")
    file.write_bytes(gzip.compress(data, 1) if packed else data)
    done = classify(file, good)
    assert done.rows == TOLD
    assert list(done.report["files"]["unreadable"]) == [file.name]
    assert done.report["files"]["read"] == 1
    assert done.reasons() == {}


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_another_length_are_put_aside_by_their_line(classify, tmp_path, good, packed):
    short, long = f"{MARK},2019-01-01\n", f"{MARK},2019-01-01,arrival,x\n"
    data = (HEAD + "G7,2019-01-01,arrival\n" + short + "G8,2019-01-01,arrival\n" + long).encode()
    file = tmp_path / ("f.csv.gz" if packed else "f.csv")
    file.write_bytes(gzip.compress(data, 1) if packed else data)
    done = classify(file, good)
    assert {who for who, *_ in done.rows} == {"G7", "G8", *(who for who, *_ in TOLD)}
    assert [(r["file"], r["row"], r["reason"], r["person_id"]) for r in done.aside] == [
        (file.name, 2, "malformed_row", None), (file.name, 4, "malformed_row", None),
    ]  # fmt: skip
    assert done.reasons() == {"malformed_row": 2}


@pytest.mark.parametrize("cut", [5, 10_000, -4])
def test_a_gzip_file_cut_short_is_named_and_nothing_of_it_is_used(classify, tmp_path, good, cut):
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress((HEAD + ROWS).encode())[:cut])
    done = classify(tmp_path / "f.csv.gz", good)
    assert done.rows == TOLD
    assert list(done.report["files"]["unreadable"]) == ["f.csv.gz"]


def test_a_first_row_is_not_shown_where_a_header_is_missing(classify, tmp_path, good):
    # so like "person_id" that it might be taken for a mistyped name
    (tmp_path / "f.csv").write_text("person_1d,2019-01-01,arrival\nperson_2d,2019-01-01,arrival\n")
    secrets = ("person_1d", "person_2d")
    assert classify(tmp_path / "f.csv", good, secrets=secrets).rows == TOLD
    classify(tmp_path / "f.csv", code=4, secrets=secrets)


def test_a_mistyped_column_is_named(classify, tmp_path):
    file = as_parquet(tmp_path / "f.parquet", GOOD, ("persn_id", *NAMES[1:]))
    assert "is 'persn_id' meant?" in classify(file, code=4).text


def test_of_two_files_of_one_name_only_the_spoilt_one_is_left_out(classify, tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
    rows = [(MARK, "2019-01-01", "arrival")]
    spoilt = as_parquet(tmp_path / "a/part-0.parquet", rows * 50)
    truncated(spoilt)
    whole = as_parquet(tmp_path / "b/part-0.parquet", GOOD)
    done = classify(spoilt, whole)
    assert done.rows == TOLD
    assert done.report["files"]["read"] == 1
    done = classify(tmp_path / "b", spoilt)
    assert done.rows == TOLD


@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_a_file_without_rows_is_read_and_counted(classify, tmp_path, good, write):
    file = write(tmp_path / f"none.{'csv' if write is as_csv else 'parquet'}", [])
    done = classify(file, good)
    assert done.rows == TOLD
    assert done.report["files"] == {"read": 2, "known": [], "other": [], "unreadable": {}}


def test_files_that_are_not_there_or_named_twice(classify, tmp_path, good):
    wrong = tmp_path / "notes.txt"
    wrong.write_text(MARK)
    (tmp_path / "bare").mkdir()
    assert "gone.parquet" in classify(good, tmp_path / "gone.parquet", code=4).text
    assert "notes.txt" in classify(good, wrong, code=4).text
    assert "good.csv twice" in classify(good, tmp_path / "bare/../good.csv", code=4).text
    assert "good.csv twice" in classify(good, tmp_path, code=4).text
    (tmp_path / "link.csv").symlink_to(good)
    assert "twice" in classify(good, tmp_path / "link.csv", code=4).text
    assert "no file" in classify(tmp_path / "bare", code=4).text
    assert "no file" in classify(code=4).text
    assert not (tmp_path / "out").exists()


def test_a_folder_of_files(classify, tmp_path, good):
    folder = tmp_path / "delivery"
    folder.mkdir()
    as_parquet(folder / "b.parquet", [("G3", "2019-04-01", "arrival")])
    as_csv(folder / "a.csv", [("G4", "2019-05-01", "arrival"), (MARK, "2019-02-30", "arrival")])
    (folder / "c.csv.gz").write_bytes(gzip.compress((HEAD + "G5,2019-06-01,arrival\n").encode()))
    (folder / "d.parquet").write_bytes(MARK.encode())
    (folder / "read me.txt").write_text(MARK)
    done = classify(folder, good)
    assert [who for who, *_ in done.rows] == ["G1", "G1", "G2", "G3", "G4", "G5"]
    assert done.report["files"]["read"] == 4
    assert list(done.report["files"]["unreadable"]) == ["d.parquet"]
    assert done.report["files"]["other"] == ["read me.txt"]
    assert [(row["file"], row["row"]) for row in done.aside] == [("a.csv", 2)]


def test_a_file_that_could_not_be_read_can_come_again(classify, tmp_path, good):
    rows = [(MARK, "2019-01-01", "arrival")] * 50
    file = as_parquet(tmp_path / "f.parquet", rows)
    whole = file.read_bytes()
    truncated(file)
    kept = ("--history", tmp_path / "kept")
    assert list(classify(good, file, *kept).report["files"]["unreadable"]) == ["f.parquet"]
    file.write_bytes(whole)
    done = classify(good, file, *kept)
    assert done.report["files"] == {"read": 1, "known": ["good.csv"], "other": [], "unreadable": {}}
    assert done.rows == [(MARK, date(2019, 1, 1), "arrival")]
    assert done.reasons() == {"duplicate": 49}
    told = (tmp_path / "kept/history.json").read_text()
    assert MARK not in told


def test_files_of_whole_numbers(classify, tmp_path):
    made = pa.table([[NUMBER] * 2, ["2019-01-01", "2019-02-30"], ["arrival"] * 2], names=NAMES)
    pq.write_table(made, tmp_path / "f.parquet")
    kept = ("--history", tmp_path / "kept")
    done = classify(tmp_path / "f.parquet", *kept)
    assert done.reasons() == {"unreadable_time": 1}
    text = as_csv(tmp_path / "t.csv", [(MARK, "2019-01-01", "arrival")])
    before = tree(tmp_path)
    assert "Identifiers are not as in the histories" in classify(text, *kept, code=4).text
    assert tree(tmp_path) == before


# room


def no_room(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


FULL = {
    "buckets": (os, "pwrite"),
    "rows put aside": (pq.ParquetWriter, "write_table"),
    "crossings": (CrossingWriter, "write"),
    "histories": (np, "save"),
    "summary": (pipeline, "write_csv"),
    "report": (pipeline, "write_text"),
}


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk_leaves_what_was_there(classify, tmp_path, good, monkeypatch, what):
    kept = ("--history", tmp_path / "kept")
    classify(good, *kept)
    more = as_csv(tmp_path / "more.csv", [(MARK, "2019-05-01", "arrival"), (MARK, "x", "arrival")])
    before = tree(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(*FULL[what], no_room)
        done = classify(more, *kept, code=8)
    assert "No space left on device" in done.text
    assert "what was there before is unchanged" in done.text
    assert tree(tmp_path) == before
    assert classify(more, *kept).rows == [(MARK, date(2019, 5, 1), "arrival")]


def test_a_file_that_may_grow_no_more_leaves_what_was_there(classify, tmp_path, good):
    classify(good)
    rows = ((f"{MARK}{k}", "2019-01-01", "arrival") for k in range(200_000))
    many = as_csv(tmp_path / "many.csv", rows)
    before = tree(tmp_path)
    code = (
        "import resource, sys; from ravenstein import cli; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); cli.main()"
    )
    words = ["border", "classify", str(many), "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 8, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert MARK not in done.stdout + done.stderr
    assert tree(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.csv", "many.csv", "out"]
