"""The residence rule in DuckDB and in Polars: seconds and peak memory, from Parquet to Parquet.

    python benchmarks/border_peers.py FILE.parquet     checks on small data, then measures
    python benchmarks/border_peers.py --check          only checks

FILE has columns person_id (int64, from 0), crossed_at (timestamp[us, UTC], whole minutes) and
direction ('arrival', 'departure'), in any order. Written are person_id, crossed_on, direction,
is_migrant, status_before and status_after: 1, 0 or null. The last known day is the last in FILE.
`decided_on` is left out: peers say whether an answer is known, not since when.

Both do the same, with what was fastest in each on two cores:

- Person, minute and direction are packed into one integer: one sort puts all in order.
- Days present before a day t are a line in t from one crossing to the next. Days present in a
  window are a difference of two lines: that of the window's first crossing, and that of its last
  (DuckDB: a range frame, Polars: an as-of join).
- The status needs no recursion. A long stay sets it, whatever it was. A stay of which it is not
  known whether it is long makes it unknown, unless the last one set it to what this one would.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from timing import peak

WINDOW, THRESHOLD = 487, 365
BITS = 28  # of the packed minute and direction
COLUMNS = ("person_id", "crossed_on", "direction", "is_migrant", "status_before", "status_after")

SQL = f"""
CREATE TYPE WAY AS ENUM ('departure', 'arrival');
CREATE MACRO person(key) AS key >> {BITS};
CREATE MACRO moment(key) AS key & {(1 << BITS) - 1};  -- twice the minute; 1 more, if an arrival
CREATE MACRO day(key) AS moment(key) // 2880;
CREATE MACRO side(key) AS key & 1;

SET VARIABLE after_last = (
  SELECT max(epoch_us(crossed_at)) // 86_400_000_000 + 1 FROM read_parquet(getvariable('source')));

CREATE TEMP TABLE packed AS
SELECT (person_id << {BITS}) + epoch_us(crossed_at) // 60_000_000 * 2
  + (direction = 'arrival')::BIGINT AS key
FROM read_parquet(getvariable('source')) ORDER BY key;

-- windows without PARTITION and ORDER go through the table in its order, and do not sort
CREATE TEMP TABLE lines AS
WITH following AS (
  SELECT key, if(person(lead(key) OVER ()) = person(key), day(lead(key) OVER ()),
    getvariable('after_last')) AS next_day
  FROM packed)
SELECT key, sum((next_day - day(key)) * side(key)) OVER (ROWS UNBOUNDED PRECEDING)::BIGINT
  - next_day * side(key) AS line  -- line + side * t: days present before day t
FROM following;

CREATE TEMP TABLE judged AS
WITH reached AS (
  SELECT key, line, least(day(key) + {WINDOW}, getvariable('after_last')) AS stop,
    last_value(line * 2 + side(key)) OVER (
      PARTITION BY person(key) ORDER BY key
      RANGE BETWEEN CURRENT ROW AND {WINDOW} * 2880 - moment(key) % 2880 FOLLOWING) AS later
  FROM lines),
counted AS (
  SELECT key, stop - day(key) AS known,
    (later >> 1) + (later & 1) * stop - line - side(key) * day(key) AS present
  FROM reached),
owned AS (SELECT key, known, if(side(key) = 1, present, known - present) AS own FROM counted)
SELECT key, CASE WHEN own >= {THRESHOLD} THEN 1
  WHEN known - own > {WINDOW - THRESHOLD} THEN 0 END::TINYINT AS long
FROM owned ORDER BY key;

CREATE TEMP TABLE carried AS
WITH opened AS (
  SELECT key, long, side(key)::TINYINT AS side,
    coalesce(person(lag(key) OVER ()) <> person(key), true) AS first
  FROM judged),
made AS (
  SELECT *, last_value(CASE WHEN long = 1 THEN side WHEN first THEN 1 - side END IGNORE NULLS)
    OVER (ROWS UNBOUNDED PRECEDING) AS made
  FROM opened),
held AS (
  SELECT key, long, side, first, last_value(
      CASE WHEN long = 1 THEN side WHEN long IS NULL AND side <> made THEN 2  -- unknown
        WHEN first THEN 1 - side END IGNORE NULLS)
    OVER (ROWS UNBOUNDED PRECEDING) AS after
  FROM made)
SELECT key, long, side, nullif(after, 2)::TINYINT AS after,
  nullif(if(first, 1 - side, lag(after) OVER ()), 2)::TINYINT AS before
FROM held;

COPY (
  SELECT person(key) AS person_id, DATE '1970-01-01' + day(key)::INTEGER AS crossed_on,
    if(side = 1, 'arrival'::WAY, 'departure'::WAY) AS direction,
    CASE WHEN long = 0 OR before = side THEN 0
      WHEN long = 1 AND before <> side THEN 1 END::TINYINT AS is_migrant,
    before AS status_before, after AS status_after
  FROM carried
) TO (getvariable('target')) (FORMAT parquet, COMPRESSION snappy);
"""


def in_duckdb(source: Path, target: Path) -> None:
    """Apply the rule in SQL."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        limits = {"memory_limit": "8GB", "temp_directory": folder, "threads": os.cpu_count() or 1}
        with duckdb.connect(config=limits) as connection:
            connection.execute("SET VARIABLE source = $1", [str(source)])
            connection.execute("SET VARIABLE target = $1", [str(target)])
            connection.execute(SQL)


def in_polars(source: Path, target: Path) -> None:
    """Apply the rule in data frames."""
    import polars as pl

    minute = pl.col("crossed_at").cast(pl.Int64) // 60_000_000
    arrival = (pl.col("direction") == "arrival").cast(pl.Int64)
    table = (
        pl.scan_parquet(source)
        .select(key=pl.col("person_id") * 2**BITS + minute * 2 + arrival)
        .sort("key")
        .collect()
    )
    key, day, side, line = pl.col("key"), pl.col("day"), pl.col("side"), pl.col("line")
    moment, person = key & (2**BITS - 1), key // 2**BITS
    after_last = table.select(moment.max() // 2880 + 1).item()
    table = table.with_columns(
        day=moment // 2880, side=key & 1, first=(person != person.shift()).fill_null(value=True)
    )
    last = pl.col("first").shift(-1, fill_value=True)
    next_day = pl.when(last).then(after_last).otherwise(day.shift(-1))
    table = table.with_columns(
        line=((next_day - day) * side).cum_sum() - next_day * side,
        until=key - moment % 2880 + WINDOW * 2880,
    )  # days present before day t are line + side * t
    table = table.set_sorted("until").join_asof(
        table.select("key", "side", "line").set_sorted("key"),
        left_on="until",
        right_on="key",
        suffix="_later",
        coalesce=True,
    )
    stop = (day + WINDOW).clip(upper_bound=after_last)
    present = pl.col("line_later") + pl.col("side_later") * stop - line - side * day
    table = table.select(
        "key",
        "first",
        day.cast(pl.Int32),
        side.cast(pl.Int8),
        known=(stop - day).cast(pl.Int32),
        present=present.cast(pl.Int32),
    )
    known, present, own = pl.col("known"), pl.col("present"), pl.col("own")
    no, yes, unknown = (pl.lit(value, pl.Int8) for value in (0, 1, 2))
    table = (
        table.with_columns(own=pl.when(side == 1).then(present).otherwise(known - present))
        .with_columns(
            long=pl.when(own >= THRESHOLD).then(yes).when(known - own > WINDOW - THRESHOLD).then(no)
        )
        .drop("known", "present", "own")
    )
    first, long, before, after = (
        pl.col(name) for name in ("first", "long", "status_before", "status_after")
    )
    made = pl.when(long == 1).then(side).when(first).then(1 - side).forward_fill()
    doubted = long.is_null() & (side != pl.col("made"))
    held = pl.when(long == 1).then(side).when(doubted).then(unknown).when(first).then(1 - side)
    table = (
        table.with_columns(made=made)
        .with_columns(status_after=held.forward_fill())
        .with_columns(status_before=pl.when(first).then(1 - side).otherwise(after.shift()))
        .with_columns(pl.when(status < 2).then(status) for status in (before, after))
    )
    migrant = (
        pl.when((long == 0) | (before == side))
        .then(no)
        .when((long == 1) & (before != side))
        .then(yes)
    )
    table.select(
        person_id=person,
        crossed_on=day.cast(pl.Date),
        direction=side.cast(pl.UInt8).cat.to(pl.Enum(["departure", "arrival"])),
        is_migrant=migrant,
        status_before=before,
        status_after=after,
    ).write_parquet(target, compression="snappy")


PEERS = {"DuckDB": in_duckdb, "Polars": in_polars}


def histories(seed: int) -> tuple[Any, Any, Any]:
    """Make up 2,000 histories: person, minute, whether an arrival; in no order.

    Days between crossings are those that decide or beside them, one direction in seven is another
    than it was, and many crossings are on one day or at one time.
    """
    import numpy as np

    g = np.random.default_rng(seed)
    person = np.repeat(np.arange(2000), g.integers(1, 15, 2000))
    n = person.size
    deciding = [0, 0, 0, 0, 1, 30, 121, 122, 123, 124, 243, 244, 364, 365, 366, 486, 487, 488]
    gap = np.where(g.random(n) < 0.6, g.choice(deciding, n), g.integers(0, 500, n)).cumsum()
    start = np.searchsorted(person, person)  # each person's first crossing
    day = 12_000 + g.integers(0, 1500, 2000)[person] + gap - gap[start]
    minute = day * 1440 + g.choice([0, 1, 600, 1439], n)
    order = np.lexsort((minute, person))
    minute = minute[order]
    arrival = (np.arange(n) + person) % 2 ^ (g.random(n) < 1 / 7)
    mixed = g.permutation(np.flatnonzero(day[order] < 14_500))
    return person[mixed], minute[mixed], arrival[mixed]


def write(source: Path, crossings: tuple[Any, Any, Any]) -> None:
    """Write crossings as the peers read them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    person, minute, arrival = crossings
    words = pa.array(["departure", "arrival"])
    columns = {
        "person_id": pa.array(person, pa.int64()),
        "crossed_at": pa.array(minute * 60_000_000).cast(pa.timestamp("us", "UTC")),
        "direction": pa.DictionaryArray.from_arrays(arrival.astype("int8"), words),
    }
    pq.write_table(pa.table(columns), source)


def check(seeds: int = 10) -> None:
    """Compare each answer of each peer with ravenstein's."""
    import numpy as np
    import pyarrow.parquet as pq

    from ravenstein.border.crossings import arrivals, days, packed, persons
    from ravenstein.border.residence import classify

    words, count, unknown = np.array(["departure", "arrival"]), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        for seed in range(seeds):
            crossings = histories(seed)
            write(source, crossings)
            keys = np.sort(packed(*crossings))
            answers = classify(keys, int(days(keys).max()))
            three = [answers.migrant, answers.before, answers.after]
            expected = [persons(keys), days(keys), words[arrivals(keys).astype(int)], *three]
            count, unknown = count + keys.size, unknown + int((answers.migrant == -1).sum())
            for name, peer in PEERS.items():
                peer(source, target)
                table = pq.read_table(target)
                assert tuple(table.column_names) == COLUMNS, name
                found = [column.combine_chunks() for column in table.columns]
                found[1] = found[1].cast("int32")
                found[3:] = [status.fill_null(-1) for status in found[3:]]
                for column, one, other in zip(COLUMNS, found, expected, strict=True):
                    different = int((np.asarray(one.to_pylist()) != other).sum())
                    if different:
                        raise SystemExit(f"{name}: {different} of {keys.size} {column} differ")
    print(f"{' and '.join(PEERS)} agree on {count:,} crossings, {unknown:,} of them undecided.\n")


def measure(name: str, source: Path) -> None:
    """Print the seconds and the memory of a peer, as JSON."""
    importlib.import_module(name.lower())
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        PEERS[name](source, Path(folder) / "out.parquet")
        print(json.dumps([time.perf_counter() - started, peak()]))


def alone(*words: str) -> str:
    """Run this script in a process of its own, so that memory is its own; return what it prints."""
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


def migstat() -> str:
    """Say whether migstat (R, Stats NZ) is there; it would be the third peer."""
    words = ["Rscript", "-e", "library(migstat)"]
    if shutil.which("Rscript") is None:
        return "R is not installed: migstat is not measured"
    missing = subprocess.run(words, check=False, capture_output=True).returncode != 0
    return f"migstat (R) is {'not installed' if missing else 'installed, but not measured here'}"


def main() -> None:
    """Check, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true", help="only check on small data")
    parser.add_argument("--peer", choices=PEERS, help="only measure this one, as JSON")
    given = parser.parse_args()
    if given.peer:
        measure(given.peer, given.file)
    elif given.check:
        check()
    elif given.file is None:
        parser.error("a file, or --check")
    else:
        print(alone("--check"), end="")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {given.file.name}\n")
        print("| peer | seconds | peak memory [GB] |\n| --- | --- | --- |")
        for name in PEERS:
            seconds, memory = json.loads(alone(str(given.file), "--peer", name))
            print(f"| {name} | {seconds:.2f} | {memory:.2f} |", flush=True)
        print(f"\n{migstat()}")


if __name__ == "__main__":
    main()
