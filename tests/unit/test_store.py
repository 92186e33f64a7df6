import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ravenstein.core.errors import EstimateError, StoreError, TableError
from ravenstein.core.estimate import estimate
from ravenstein.core.schema import Column, ColumnType, Table
from ravenstein.store.database import open_store
from ravenstein.store.files import replacing
from ravenstein.store.run import start_run
from ravenstein.tables.geography import AREAS
from ravenstein.tables.population import POPULATION_EDITIONS

FLOWS = Table(
    "flows",
    "Flows",
    ("area",),
    (
        Column("area", ColumnType.STRING, "Area"),
        Column("point", ColumnType.NUMBER, "Persons", unit="persons"),
        Column("draws", ColumnType.DRAWS, "Draws"),
    ),
    source="test",
)


def editions(first=2001, sha="a"):
    return pa.table(
        {"edition": ["e"], "geography": [2021], "first": [first], "last": [2020], "areas": [2],
         "missing": [0], "file": ["f.csv"], "sha256": [sha * 64]}
    )  # fmt: skip


def write(folder, rows, *, fail=False):
    with (
        open_store(folder, writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=3, told=lambda step: None) as run,
        run.step("a step"),
    ):
        vintage = run.write(POPULATION_EDITIONS, rows, method=editions)
        if fail:
            raise KeyError("later")
    return vintage


def first_year(folder, vintage=None):
    with open_store(folder) as store:
        rows = store.collect(store.read(POPULATION_EDITIONS, vintage=vintage))
        return rows["first"].to_pylist()


def test_each_run_is_a_vintage_that_stays_readable(tmp_path):
    for first in (2001, 2002, 2002):
        write(tmp_path, editions(first))
    assert first_year(tmp_path) == [2002]
    assert [first_year(tmp_path, vintage) for vintage in (1, 2, 3)] == [[2001], [2002], [2002]]
    with open_store(tmp_path) as store:
        one, two, three = store.vintages("population_editions")
        assert (one.run, two.run, three.run) == (1, 2, 3)
        assert one.content_hash != two.content_hash == three.content_hash
        assert two.storage == three.storage, "equal content is kept once"
        assert two.method.endswith("test_store.editions")
        assert two.step == "a step"
        view = store.connection.execute("select first from population_editions").fetchall()
        assert view == [(2002,)]
        with pytest.raises(StoreError) as caught:
            store.read(POPULATION_EDITIONS, vintage=9)
        assert caught.value.expected == "one of 1, 2, 3"


def test_a_failed_run_leaves_the_version_before(tmp_path):
    write(tmp_path, editions(2001))
    with pytest.raises(KeyError):
        write(tmp_path, editions(2002), fail=True)
    assert first_year(tmp_path) == [2001]
    with open_store(tmp_path) as store:
        runs = store.connection.execute(
            "select status from provenance.runs order by run"
        ).fetchall()
        assert runs == [("complete",), ("failed",)]
        count = "select count(*) from duckdb_tables() where schema_name = 'data'"
        assert store.connection.execute(count).fetchall() == [(1,)]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {root!r})
    from tests.unit.test_store import editions, open_store, start_run, POPULATION_EDITIONS
    with (
        open_store(Path({folder!r}), writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=3, told=lambda step: None) as run,
        run.step("a step"),
    ):
        run.write(POPULATION_EDITIONS, editions(2002), method=editions)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_leaves_the_version_before(tmp_path, request):
    write(tmp_path, editions(2001))
    code = textwrap.dedent(KILLED.format(root=str(request.config.rootpath), folder=str(tmp_path)))
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert first_year(tmp_path) == [2001], "readable before anything is repaired"
    write(tmp_path, editions(2003))
    assert first_year(tmp_path) == [2003]
    with open_store(tmp_path) as store:
        runs = store.connection.execute(
            "select status from provenance.runs order by run"
        ).fetchall()
        assert runs == [("complete",), ("killed",), ("complete",)]
        assert [v.vintage for v in store.vintages("population_editions")] == [1, 2]
        tables = "select count(*) from duckdb_tables() where schema_name = 'data'"
        assert store.connection.execute(tables).fetchall() == [(2,)], "what was killed is cleared"


def test_rows_that_break_the_declaration_are_not_stored(tmp_path):
    write(tmp_path, editions(2001))
    with pytest.raises(TableError, match="breaks its declaration"):
        write(tmp_path, editions(2001, sha="!"))
    assert first_year(tmp_path) == [2001]


def test_rows_spoiled_in_the_file_are_refused_on_the_way_out(tmp_path):
    vintage = write(tmp_path, editions(2001))
    with open_store(tmp_path, writing=True) as store:
        store.connection.execute(f"update data.\"{vintage.storage}\" set sha256 = 'spoiled'")
    with pytest.raises(TableError, match="breaks its declaration"):
        first_year(tmp_path)


def test_two_runs_at_once_are_refused(tmp_path):
    write(tmp_path, editions())
    code = f"""
        from pathlib import Path
        from ravenstein.core.errors import StoreError
        from ravenstein.store.database import open_store
        try:
            with open_store(Path({str(tmp_path)!r}), writing=True): print("opened")
        except StoreError as error: print(error.problem)
    """
    with open_store(tmp_path, writing=True):
        other = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert other.stdout.strip() == "The store is in use by another run."


def test_a_file_that_is_no_store_is_named(tmp_path):
    (tmp_path / "ravenstein.duckdb").write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreError, match="cannot be opened"), open_store(tmp_path):
        pass
    with pytest.raises(StoreError, match="no store yet"), open_store(tmp_path / "none"):
        pass


def test_reading_what_was_never_written(tmp_path):
    write(tmp_path, editions())
    with open_store(tmp_path) as store, pytest.raises(StoreError, match="No table 'areas'"):
        store.read(AREAS)


def test_estimates_are_parquet_rows_with_float32_draws(tmp_path):
    worlds = np.random.default_rng(1).normal(size=(2, 3))
    given = estimate([1.5, 2.5], worlds, {"area": ["A", "B"]}, "persons")
    with (
        open_store(tmp_path, writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=3, told=lambda step: None) as run,
        run.step("estimate"),
    ):
        vintage = run.write_estimate(FLOWS, given, method=estimate)
    assert vintage.storage == "estimates/flows@1.parquet"
    again = again_written(tmp_path, given)
    assert again.storage == vintage.storage, "equal content is kept once"
    assert len(list((tmp_path / "estimates").iterdir())) == 1
    with open_store(tmp_path) as store:
        back = store.read_estimate(FLOWS)
        columns = dict(store.read(FLOWS).collect_schema())
    assert str(columns["draws"]) == "List(Float32)"
    assert back.unit == "persons"
    assert back.point.equals(given.point)
    assert np.array_equal(back.draws.values, worlds.astype(np.float32).astype(float))


def again_written(folder, given):
    with (
        open_store(folder, writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=3, told=lambda step: None) as run,
        run.step("again"),
    ):
        return run.write_estimate(FLOWS, given, method=estimate)


def test_estimates_of_a_failed_or_killed_run_are_cleared(tmp_path):
    given = estimate([1.5], [[1.0, 2.0, 3.0]], {"area": ["A"]}, "persons")
    for fail in (False, True):
        with (
            contextlib.suppress(KeyError),
            open_store(tmp_path, writing=True) as store,
            start_run(store, study="", engine="duckdb", draws=3, told=lambda step: None) as run,
            run.step("estimate"),
        ):
            run.write_estimate(FLOWS, given, method=estimate)
            if fail:
                raise KeyError
    names = ["flows@1.parquet"]
    assert [path.name for path in (tmp_path / "estimates").iterdir()] == names
    (tmp_path / "estimates/flows@7.parquet").write_bytes(b"left by a killed run")
    (tmp_path / "estimates/.flows@8.parquet.unfinished").write_bytes(b"half")
    with open_store(tmp_path, writing=True):
        pass
    assert [path.name for path in (tmp_path / "estimates").iterdir()] == names


def test_an_estimate_must_have_the_studys_draws(tmp_path):
    given = estimate([1.5], [[1.0, 2.0]], {"area": ["A"]}, "persons")
    with (
        pytest.raises(EstimateError, match="number of draws"),
        open_store(tmp_path, writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=3, told=lambda step: None) as run,
        run.step("estimate"),
    ):
        run.write_estimate(FLOWS, given, method=estimate)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(KeyError), replacing(path) as target:
        target.write_text("half")
        raise KeyError
    assert path.read_text() == "before"
    with replacing(path) as target:
        target.write_text("after")
    assert path.read_text() == "after"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def release(study, text, *, fail=False):
    with (
        open_store(study / "store", writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=3, told=lambda step: None) as run,
        run.step("publish"),
    ):
        with run.new_folder(study / "release") as new:
            (new / "page").write_text(text)
        assert not (study / "release" / "page").exists() or text != page(study), "not yet public"
        if fail:
            raise KeyError("later")


def page(study):
    return (study / "release" / "page").read_text()


def test_a_folder_is_published_whole_and_only_with_its_run(tmp_path):
    release(tmp_path, "one")
    assert page(tmp_path) == "one"
    with pytest.raises(KeyError):
        release(tmp_path, "two", fail=True)
    assert page(tmp_path) == "one"
    release(tmp_path, "three")
    assert page(tmp_path) == "three"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release", "store"]


def test_the_next_run_ends_what_a_kill_interrupted(tmp_path):
    release(tmp_path, "one")
    for number, text in ((1, "of a complete run"), (9, "of a dead run")):
        waiting = tmp_path / f".release.run-{number}"
        waiting.mkdir()
        (waiting / "page").write_text(text)
        with open_store(tmp_path / "store", writing=True):
            pass
        assert page(tmp_path) == "of a complete run"
    (tmp_path / "release").rename(tmp_path / ".release.earlier")
    with open_store(tmp_path / "store", writing=True):
        pass
    assert page(tmp_path) == "of a complete run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release", "store"]


def test_a_release_folder_may_be_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "release").symlink_to(tmp_path / "elsewhere")
    for text in ("one", "two"):
        release(tmp_path, text)
        assert page(tmp_path) == text
    assert (tmp_path / "release").is_symlink()


def test_a_store_that_was_never_filled_is_no_store(tmp_path):
    duckdb.connect(str(tmp_path / "ravenstein.duckdb")).close()
    with pytest.raises(StoreError, match="no store yet"), open_store(tmp_path):
        pass
    with duckdb.connect(str(tmp_path / "ravenstein.duckdb")) as other:
        other.execute("create table mine (a integer)")
    with pytest.raises(StoreError, match="another version"), open_store(tmp_path, writing=True):
        pass


def test_a_damaged_store_is_not_called_busy(tmp_path):
    write(tmp_path, editions())
    path = tmp_path / "ravenstein.duckdb"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        first_year(tmp_path)
    assert "in use" not in caught.value.problem


@pytest.mark.skipif(os.name != "posix", reason="file size limits are POSIX")
def test_a_full_disk_leaves_the_version_before(tmp_path):
    write(tmp_path, editions(2001))
    code = f"""
        import resource, sys
        from pathlib import Path
        import pyarrow as pa
        sys.path.insert(0, {str(Path.cwd())!r})
        from ravenstein.core.errors import StoreError
        from tests.unit.test_store import editions, write
        rows = pa.concat_tables([editions(2002)])
        many = pa.table({{
            name: (pa.array([f"e{{i}}" for i in range(400_000)]) if name == "edition"
                   else pa.concat_arrays([rows[name].combine_chunks()] * 400_000))
            for name in rows.column_names}})
        limit = (Path({str(tmp_path)!r}) / "ravenstein.duckdb").stat().st_size + (1 << 16)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            write(Path({str(tmp_path)!r}), many)
            print("written")
        except StoreError as error:
            print(error.problem)
    """
    other = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "could not be written" in other.stdout, other.stderr[-2000:]
    assert first_year(tmp_path) == [2001]
    write(tmp_path, editions(2003))
    assert first_year(tmp_path) == [2003]
