"""Buckets on disk: the hash is the known one, and nothing is lost, mixed up or moved."""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from ravenstein.store.buckets import Buckets, bucket_count, keyed_hash

ZERO = (0, 0)
KEY = (0x0001020304050607, 0x08090A0B0C0D0E0F)
LETTERS = "aZ09 -'Óßñж李😀"  # of one to four bytes each


def text_of(size, rng):
    """Return text of so many bytes."""
    while True:
        text = "".join(rng.choice(LETTERS) for _ in range(size))
        found = text.encode()[:size].decode(errors="ignore")
        if len(found.encode()) == size:
            return found


def python_hashes(values):
    """Return what Python itself makes of bytes, with a key of zeros."""
    if sys.hash_info.algorithm != "siphash13":
        pytest.skip(f"this Python hashes by {sys.hash_info.algorithm}")
    code = "import sys\nfor line in sys.stdin: print(hash(bytes.fromhex(line)) % 2**64)"
    done = subprocess.run(
        [sys.executable, "-c", code], input="\n".join(v.hex() for v in values), text=True,
        env=os.environ | {"PYTHONHASHSEED": "0"}, capture_output=True, check=True,
    )  # fmt: skip
    return [int(line) for line in done.stdout.split()]


def test_the_hash_of_text_is_pythons_own():
    rng = random.Random(1)
    texts = [text_of(size, rng) for size in range(1, 41) for _ in range(5)]
    texts += [text_of(size, rng) for size in (255, 256, 257, 600)]
    found = keyed_hash(pa.array(texts), ZERO).tolist()
    assert found == python_hashes([text.encode() for text in texts])


def test_the_hash_of_a_whole_number_is_that_of_its_eight_bytes():
    rng = random.Random(2)
    numbers = [0, 1, -1, 255, 256, 2**63 - 1, -(2**63)]
    numbers += [rng.randrange(-(2**63), 2**63) for _ in range(50)]
    found = keyed_hash(np.array(numbers), ZERO).tolist()
    assert found == python_hashes([n.to_bytes(8, "little", signed=True) for n in numbers])


def test_the_hash_of_nothing_and_with_a_key():
    # what other implementations of SipHash-1-3 hold themselves to
    assert keyed_hash(pa.array([""]), ZERO).tolist() == [0xD1FBA762150C532C]
    assert keyed_hash(pa.array(["", "\0", "a", "ab", "abc"]), KEY).tolist() == [
        0x72873BFD1BCA2911, 0x5915DFF8AB3F6382, 0x47C474F5B32240C8, 0x69D6EFA619D3857D,
        0x1F64C85D9A3C5AEA,
    ]  # fmt: skip


def test_the_hash_does_not_depend_on_how_text_is_held():
    texts = ["Ó Briain", "", "李", "x" * 30, "A1"]
    plain = keyed_hash(pa.array(texts), KEY).tolist()
    padded = pa.array(["before", *texts, "after"])
    ways = [
        pa.array(texts, pa.large_string()),
        padded[1:-1],
        padded.cast(pa.large_string())[1:-1],
        pa.chunked_array([texts[:2], [], texts[2:]], pa.string()),
        pa.array([*texts, None], pa.string())[:-1],
    ]
    for held in ways:
        assert keyed_hash(held, KEY).tolist() == plain
    assert keyed_hash(pa.array([], pa.string()), KEY).size == 0


def batches_of(kind, rng):
    """Return batches by source and part, of few persons, with values that number the rows."""
    made, number = {}, 0
    for source in range(3):
        for part in range(4):
            who = [rng.randrange(60) for _ in range(rng.choice([1, 7, 50]))]
            values = np.arange(number, number + len(who), dtype=np.int32)
            number += len(who)
            if kind == "text":
                ids = pa.array([f"Ó李-{w}" * (w % 4) + str(w) for w in who])
            else:
                ids = np.array(who, dtype=np.int64) * 2**40 - 5
            made[source, part] = ids, values
    return made


def listed(ids):
    return ids.tolist() if isinstance(ids, np.ndarray) else ids.to_pylist()


@pytest.mark.parametrize("count", [2, 16, 256])
@pytest.mark.parametrize("kind", ["text", "whole numbers"])
def test_nothing_is_lost_and_a_person_is_in_one_bucket_in_order(tmp_path, kind, count):
    rng = random.Random(3)
    made = batches_of(kind, rng)
    given = [
        (one, value)
        for order in sorted(made)
        for one, value in zip(listed(made[order][0]), made[order][1].tolist(), strict=True)
    ]
    with Buckets(tmp_path / "b", count, KEY) as buckets:
        orders = list(made)
        rng.shuffle(orders)
        with ThreadPoolExecutor(4) as pool:  # added in any order, read in that of sources
            list(pool.map(lambda order: buckets.add(order, *made[order]), orders))
        found = [buckets.read(number) for number in range(count)]
    where = {}
    for number, (ids, _) in enumerate(found):
        for one in listed(ids):
            assert where.setdefault(one, number) == number
    for number, (ids, values) in enumerate(found):
        rows = list(zip(listed(ids), values.tolist(), strict=True))
        assert rows == [(one, value) for one, value in given if where[one] == number]
    assert sum(values.size for _, values in found) == len(given)
    assert len(set(where.values())) > min(count, 60) // 3, "persons are spread"


@pytest.mark.parametrize("kind", ["text", "whole numbers"])
def test_a_source_is_left_out(tmp_path, kind):
    made = batches_of(kind, random.Random(4))
    with Buckets(tmp_path / "b", 4, KEY) as buckets:
        for order, rows in made.items():
            buckets.add(order, *rows)
        buckets.drop(1)
        buckets.drop(7)
        values = np.concatenate([buckets.read(number)[1] for number in range(4)])
        kept = [rows[1] for (source, _), rows in made.items() if source != 1]
        assert sorted(values.tolist()) == np.concatenate(kept).tolist()
        buckets.drop(0)
        buckets.drop(2)
        assert [buckets.read(number)[1].size for number in range(4)] == [0, 0, 0, 0]


def test_the_file_is_the_owners_and_does_not_outlive_its_use(tmp_path):
    path = tmp_path / "b"
    with Buckets(path, 2, KEY) as buckets:
        buckets.add((0, 0), pa.array(["A"]), np.array([1], dtype=np.int32))
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
    with pytest.raises(RuntimeError), Buckets(path, 2, KEY):
        raise RuntimeError
    assert not path.exists()


def test_a_file_that_was_cut_short_is_no_end_of_rows(tmp_path):
    with Buckets(tmp_path / "b", 2, KEY) as buckets:
        ids = np.arange(1000)
        buckets.add((0, 0), ids, ids.astype(np.int32))
        os.truncate(tmp_path / "b", 100)
        with pytest.raises(OSError, match="shorter"):
            buckets.read(1)


def test_the_number_of_buckets_is_a_power_of_two_that_grows_with_rows():
    assert [bucket_count(rows) for rows in (0, 1, 600_000, 2_000_000, 100_000_000)] == [
        2, 2, 2, 4, 256,
    ]  # fmt: skip
    for rows in (10**6, 10**8, 10**9, 4 * 10**9):
        count = bucket_count(rows)
        assert count & (count - 1) == 0
        assert rows / count <= 1 << 19, "a bucket is what one processor holds at ease"
    assert bucket_count(10**15) == bucket_count(10**12) <= 1 << 16, "hashes place so many"
