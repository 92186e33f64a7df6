"""The twin: simulate it block by block, write its views and its truth."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ravenstein import __version__
from ravenstein.core.parameters import text_hash
from ravenstein.core.seeds import step_generator
from ravenstein.core.workers import workers
from ravenstein.store.database import memory_store
from ravenstein.store.files import (
    as_declared,
    new_folder,
    publish_folder,
    refuse_others,
    write_csv,
    write_parquet,
    write_text,
)
from ravenstein.tables.dictionary import TABLES, declared
from ravenstein.twin.country import Counts, block, summary
from ravenstein.twin.geography import areas
from ravenstein.twin.outlines import outlines
from ravenstein.twin.sources.passenger_survey import design

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from ravenstein.twin.settings import Settings

COMPONENTS_FILE = "views/components_of_change.csv"
DETAIL_FILE = "views/detailed_components.csv"
OUTLINES_FILE = "views/outlines.geojson"
_FACTS = "twin.json"
_OWN = ("views", "truth", _FACTS)


def make_twin(
    folder: Path,
    settings: Settings,
    seed: int,
    told: Callable[[int, int], None] = lambda done, all_blocks: None,
) -> Counts:
    """Simulate a twin and write it: `views/` as a statistics office would get it, and `truth/`.

    Args:
        folder: Where; new, empty, or an earlier twin, which is replaced as a whole.
        settings: Scale and parameters.
        seed: The same seed gives the same bytes.
        told: Called with the blocks done and the number of all.

    Returns:
        What was counted over all blocks.

    Raises:
        StoreError: If the folder holds other things, or cannot be written.
    """
    refuse_others(folder, _OWN, "an earlier twin", mark=_FACTS)
    with new_folder(folder, 0) as waiting:
        total, blocks = Counts(), settings.scale.blocks
        for done, counts in enumerate(_blocks(waiting, settings, seed), start=1):
            total.add(counts)
            told(done, blocks)
        _write(waiting, summary(settings, seed, design(settings, seed), total), "{}", checked=True)
        drawn = outlines(areas(settings.scale.areas), step_generator(seed, "twin/outlines"))
        write_text(drawn, waiting / OUTLINES_FILE)
        facts = {
            "scale": settings.scale.name,
            "seed": seed,
            "views": list(settings.views),
            "version": __version__,
            "parameters": text_hash(settings.parameters.as_text() + repr(settings.scale)),
            "persons": total.persons,
            "crossings": total.crossings,
            "note": "Simulated. truth/ is for comparison only: no estimate may read it.",
        }
        write_text(json.dumps(facts, indent=2) + "\n", waiting / _FACTS)
        publish_folder(folder, 0)
    return total


def _blocks(folder: Path, settings: Settings, seed: int) -> Iterator[Counts]:
    """Simulate all blocks, on as many processors as there are, in order."""
    blocks, together = settings.scale.blocks, min(os.cpu_count() or 1, settings.scale.blocks)
    if together == 1:
        yield from (write_block(folder, settings, seed, number) for number in range(blocks))
        return
    with workers(blocks) as pool:
        # a few at a time, so that a failure is told at once and results do not pile up
        for start in range(0, blocks, 2 * together):
            numbers = range(start, min(start + 2 * together, blocks))
            jobs = [pool.submit(write_block, folder, settings, seed, n) for n in numbers]
            yield from (job.result() for job in jobs)


def write_block(folder: Path, settings: Settings, seed: int, number: int) -> Counts:
    """Simulate one block and write its rows, each table a file of its folder."""
    tables, counts = block(settings, seed, number, design(settings, seed))
    # rows are checked again when they are read; here the first block stands for all
    _write(folder, tables, f"{{}}/{number:05d}", checked=number == 0)
    return counts


def _write(folder: Path, tables: dict[str, pa.Table], file: str, *, checked: bool) -> None:
    with memory_store() as store:
        for name, rows in tables.items():
            kind = name.partition("/")[0]  # snapshots: a folder a year
            if kind not in TABLES:
                # official files of other offices, in their own shape
                write_csv(rows, folder / "views" / f"{name}.csv")
                continue
            table = declared(kind)
            shaped = as_declared(table, rows)
            if checked:
                store.checked_rows(table, shaped)
            side = "truth" if name.startswith("truth_") else "views"
            write_parquet(shaped, folder / side / f"{file.format(name)}.parquet")
